//! How much one connection may take.

/// Bytes that a connection may make the server keep or work on; see [`Options`](super::Options).
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Unsent bytes beyond which a connection's requests are neither read nor executed.
    pub high_water: usize,
    /// Unsent bytes at which that ends.
    pub low_water: usize,
    /// Unsent bytes beyond which a connection is closed. 0: no limit.
    pub hard_limit: usize,
    /// Bytes of requests that one connection may have executed in a tick, about.
    pub bytes_per_tick: usize,
}
