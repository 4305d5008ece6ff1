//! What one reactor has in flight, and how it sleeps.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use crate::mailbox::{ConnId, Doorbell};

/// Connections closed last, for which stale events come.
const REMEMBERED: usize = 16;

/// The listener's accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accept {
    Idle,
    Armed,
    Stopping,
}

/// One reactor's side of the network.
pub(super) struct Host {
    pub(super) doorbell: Arc<Doorbell>,
    /// The doorbell rang while the reactor slept.
    pub(super) woken: bool,
    /// The last poll found nothing, and may wait.
    pub(super) asleep: bool,
    /// When that wait is over, if ever.
    pub(super) alarm: Option<Instant>,
    /// Links whose server end is open here.
    pub(super) open: Vec<usize>,
    pub(super) names: HashMap<ConnId, usize>,
    /// Names under which something was started; none may come back.
    pub(super) used: HashSet<ConnId>,
    pub(super) closed_last: VecDeque<ConnId>,
    pub(super) accept: Accept,
    /// Times that accepting was started.
    pub(super) accept_starts: u64,
    /// Arrivals that were not yet looked at.
    pub(super) arrivals_out: usize,
}

impl Host {
    /// A reactor that sleeps beside `doorbell`.
    pub(super) fn new(doorbell: Arc<Doorbell>) -> Self {
        Self {
            doorbell,
            woken: false,
            asleep: false,
            alarm: None,
            open: Vec::new(),
            names: HashMap::new(),
            used: HashSet::new(),
            closed_last: VecDeque::new(),
            accept: Accept::Idle,
            accept_starts: 0,
            arrivals_out: 0,
        }
    }

    /// Forgets a connection; its name may still come in stale events.
    pub(super) fn forget(&mut self, id: ConnId) {
        let link = self.names.remove(&id);
        self.open.retain(|open| Some(*open) != link);
        if self.used.contains(&id) {
            self.closed_last.push_front(id);
            self.closed_last.truncate(REMEMBERED);
        }
    }
}
