//! Directives: one table for flags, CONFIG GET and CONFIG SET.
