//! What requests that are about to run will look at, fetched into the processor's cache.
//!
//! Each step on the way there is taken for all requests at hand before the next one, so that their
//! waits for memory overlap.

use crate::command::table::Entry;
use crate::resp::Args;
use crate::store::{Ahead, Keyspace, Sought};

#[derive(Default)]
pub(super) struct LookAhead {
    /// Those that have steps left to take.
    pending: Vec<Ahead>,
}

impl LookAhead {
    /// Takes the first step for a request: most have their key as the second word, and of those
    /// that have not, a wrong guess costs little.
    #[inline]
    pub(super) fn add(
        &mut self,
        keyspace: &mut Keyspace,
        db: usize,
        found: Option<Entry>,
        args: Args<'_>,
    ) {
        let Some(key) = args.get(1) else { return };
        let sought = found.map_or(Sought::Entry, |entry| entry.sought(args));
        let Some(ahead) = keyspace.fetch_bucket(db, key, sought) else { return };
        // A pipeline often goes to one key.
        if !self.pending.last().is_some_and(|last| last.is_like(&ahead)) {
            self.pending.push(ahead);
        }
    }

    /// Takes all other steps.
    #[inline]
    pub(super) fn complete(&mut self, keyspace: &mut Keyspace) {
        self.pending.retain_mut(|ahead| keyspace.fetch_entry(ahead));
        self.pending.iter().for_each(|ahead| keyspace.fetch_collection(ahead));
        self.pending.retain(|ahead| keyspace.fetch_next(ahead));
        self.pending.drain(..).for_each(|ahead| keyspace.fetch_element(&ahead));
    }
}
