//! Keys of requests that are about to run, fetched into the processor's cache in two steps.
//!
//! To find an entry is to wait for memory twice: for the bucket that names it, and for the entry.
//! Each step is taken for all requests at hand before the next one, so that the waits overlap.

use crate::resp::Args;
use crate::store::{Ahead, Keyspace};

#[derive(Default)]
pub(super) struct LookAhead {
    /// Keys whose buckets are on their way.
    pending: Vec<Ahead>,
}

impl LookAhead {
    /// Fetches the bucket of a request's key: most requests have it as their second word, and of
    /// those that have not, a wrong guess costs little.
    #[inline]
    pub(super) fn add(&mut self, keyspace: &mut Keyspace, db: usize, args: Args<'_>) {
        let Some(key) = args.get(1) else { return };
        self.pending.extend(keyspace.fetch_bucket(db, key));
    }

    /// Fetches the entries that the buckets name.
    #[inline]
    pub(super) fn complete(&mut self, keyspace: &mut Keyspace) {
        self.pending.drain(..).for_each(|ahead| keyspace.fetch_entry(ahead));
    }
}
