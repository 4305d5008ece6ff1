//! std, with loom's atomics in place of its own.

pub use ::std::*;

pub mod sync {
    pub use ::std::sync::*;

    pub mod atomic {
        pub use loom::sync::atomic::*;
    }
}
