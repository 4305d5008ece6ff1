//! How much one connection may take.

use std::sync::Arc;

use crate::config::{Number, OutputClass, OutputLimit, OutputLimits};
use crate::stats::ReactorStats;

/// Bytes that a connection may make the server keep or work on.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Unsent bytes beyond which a connection's requests are neither read nor executed.
    pub high_water: usize,
    /// Unsent bytes at which that ends.
    pub low_water: usize,
    /// Bytes of requests that one connection may have executed in a tick, about.
    pub bytes_per_tick: usize,
    /// Unsent bytes at which a connection is closed.
    pub output: OutputLimit,
    /// Bytes that may have come of a request that is not whole; a connection with more is closed.
    pub query: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            high_water: 1 << 20,
            low_water: 1 << 18,
            bytes_per_tick: 1 << 16,
            output: OutputLimit::default(),
            query: usize::MAX,
        }
    }
}

/// Where the operator changes some of the limits while the server runs.
#[derive(Clone, Debug)]
pub struct LiveLimits {
    pub output: Arc<OutputLimits>,
    pub query: Arc<Number>,
}

impl Limits {
    /// Takes over what the operator wants now.
    pub(super) fn follow(&mut self, live: &LiveLimits) {
        // No client subscribes or replicates here.
        self.output = live.output.get(OutputClass::Normal);
        self.query = live.query.get() as usize;
    }
}

/// Why a connection is closed that has taken too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Excess {
    Query,
    Output,
}

impl Excess {
    #[cold]
    pub(super) fn report(self, stats: &ReactorStats) {
        let (counter, directive) = match self {
            Self::Query => (&stats.query_limit_closes, "client-query-buffer-limit"),
            Self::Output => (&stats.output_limit_closes, "client-output-buffer-limit"),
        };
        counter.add(1);
        log::warn!("closing a client that has passed {directive}");
    }
}
