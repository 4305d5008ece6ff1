//! Whether connections share the reactor: then nobody's turn is to be long, for others wait for its end.

use std::time::{Duration, Instant};

use crate::mailbox::ConnId;

/// Who has asked for something so lately may do so again.
const LATELY: Duration = Duration::from_millis(10);

#[derive(Debug, Default)]
pub(super) struct Sharing {
    /// When more than one connection was to be served last.
    last: Option<Instant>,
}

impl Sharing {
    /// These connections are about to be served.
    pub(super) fn note(&mut self, mut asking: impl Iterator<Item = ConnId>, now: Instant) {
        let first = asking.next();
        if asking.any(|id| Some(id) != first) {
            self.last = Some(now);
        }
    }

    /// True if more than one connection is to be served, or was lately.
    pub(super) fn is_on(&self, now: Instant) -> bool {
        self.last.is_some_and(|last| now.saturating_duration_since(last) < LATELY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(index: u32) -> ConnId {
        ConnId { index, generation: 0 }
    }

    #[test]
    fn one_that_asks_often_shares_with_nobody() {
        let (mut sharing, start) = (Sharing::default(), Instant::now());
        sharing.note([id(1), id(1), id(1)].into_iter(), start);
        sharing.note([].into_iter(), start);
        assert!(!sharing.is_on(start));
        sharing.note([id(1), id(1), id(2)].into_iter(), start);
        assert!(sharing.is_on(start));
        sharing.note([id(1)].into_iter(), start + LATELY / 2);
        assert!(sharing.is_on(start + LATELY / 2), "the other one was there a moment ago");
        assert!(!sharing.is_on(start + LATELY));
    }
}
