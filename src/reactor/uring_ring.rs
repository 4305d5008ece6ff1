//! A ring and its two queues: entries in, completions out, and the one system call between them.
#![allow(unsafe_code)] // A ring borrowed by its own queues; entries that point at memory.

use std::collections::VecDeque;
use std::io;

use io_uring::types::{SubmitArgs, Timespec};
use io_uring::{CompletionQueue, EnterFlags, IoUring, SubmissionQueue, Submitter};
use io_uring::{cqueue, squeue};

use crate::reactor::backend::Wait;

/// A ring, split once: what is registered for the ring's descriptor lives in its `Submitter`.
pub(super) struct Ring {
    // These three borrow from the ring, and are dropped before it: fields drop in order.
    submitter: Submitter<'static>,
    submissions: SubmissionQueue<'static>,
    completions: CompletionQueue<'static>,
    _ring: OwnedRing,
    /// Entries the kernel had no room for.
    backlog: VecDeque<squeue::Entry>,
    /// What waiting adds to the flags of io_uring_enter(2).
    wait_flags: EnterFlags,
}

/// The ring itself, behind a pointer so that moving it does not touch what borrows from it.
struct OwnedRing(*mut IoUring);

impl Drop for OwnedRing {
    fn drop(&mut self) {
        // SAFETY: the pointer came from a box in `Ring::new`, and those who borrowed are gone.
        drop(unsafe { Box::from_raw(self.0) });
    }
}

/// What an enter did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Entered {
    /// System calls made: 0 when there was nothing to do.
    pub(super) calls: u64,
    /// Entries the kernel took.
    pub(super) submitted: u64,
}

impl Ring {
    pub(super) fn new(ring: IoUring) -> Self {
        let waits_apart = ring.params().is_feature_no_iowait();
        let ring = OwnedRing(Box::into_raw(Box::new(ring)));
        // SAFETY: the box lives until `OwnedRing` drops, which is after the three parts; nobody
        // else gets at it.
        let (mut submitter, submissions, completions) = unsafe { &mut *ring.0 }.split();
        // Saves looking the descriptor up in every enter. Without it (before 5.18, or when the
        // table is full) the ring works just as well.
        let _ = submitter.register_ring_fd();
        // Nothing here is meant to run in kernel threads; a few are enough if something does.
        let _ = submitter.register_iowq_max_workers(&mut [2, 2]);
        Self {
            submitter,
            submissions,
            completions,
            _ring: ring,
            backlog: VecDeque::new(),
            // An idle server is not waiting for a disk (6.15).
            wait_flags: if waits_apart { EnterFlags::NO_IOWAIT } else { EnterFlags::empty() },
        }
    }

    pub(super) fn submitter(&self) -> &Submitter<'static> {
        &self.submitter
    }

    /// Queues an entry for the next enter.
    ///
    /// # Safety
    ///
    /// What the entry points at stays where it is until its last completion has come.
    #[inline]
    pub(super) unsafe fn push(&mut self, entry: squeue::Entry) {
        // SAFETY: the caller's promise.
        if !self.backlog.is_empty() || unsafe { self.submissions.push(&entry) }.is_err() {
            self.backlog.push_back(entry);
        }
    }

    /// Submits what is queued, waits as told unless completions are at hand, and runs the kernel's
    /// deferred work. Does nothing if there is nothing to do.
    ///
    /// # Errors
    ///
    /// What the ring cannot go on after. Interrupted or crowded calls are no error: the next enter
    /// submits what this one did not.
    pub(super) fn enter(&mut self, wait: Wait) -> io::Result<Entered> {
        let mut entered = Entered::default();
        // Gives the kernel the room of the completions that were taken.
        self.completions.sync();
        // More entries than fit into the queue take several calls, of which only the last waits.
        while !self.refill() {
            let before = entered.submitted;
            self.call(Wait::No, &mut entered)?;
            if entered.submitted == before {
                break;
            }
        }
        let wait = if self.at_hand() > 0 || !self.backlog.is_empty() { Wait::No } else { wait };
        if wait != Wait::No || !self.submissions.is_empty() || self.has_work() {
            self.call(wait, &mut entered)?;
        }
        Ok(entered)
    }

    /// Moves entries from the backlog into the queue. True if all fit.
    fn refill(&mut self) -> bool {
        while let Some(entry) = self.backlog.front() {
            // SAFETY: what the entry points at stays in place, as the caller of `push` promised.
            if unsafe { self.submissions.push(entry) }.is_err() {
                return false;
            }
            self.backlog.pop_front();
        }
        true
    }

    fn call(&mut self, wait: Wait, entered: &mut Entered) -> io::Result<()> {
        self.submissions.sync();
        let queued = self.submissions.len() as u32;
        // Without GETEVENTS the kernel would not run deferred work, and nothing would complete.
        let flags = EnterFlags::GETEVENTS;
        let waiting = flags | self.wait_flags;
        let none = None::<&libc::sigset_t>;
        // SAFETY: the argument is none, or one that outlives the call and that EXT_ARG announces.
        let result = unsafe {
            match wait {
                Wait::No => self.submitter.enter(queued, 0, flags.bits(), none),
                Wait::Forever => self.submitter.enter(queued, 1, waiting.bits(), none),
                Wait::For(time) => {
                    let time = Timespec::from(time);
                    let args = SubmitArgs::new().timespec(&time);
                    let flags = waiting | EnterFlags::EXT_ARG;
                    self.submitter.enter(queued, 1, flags.bits(), Some(&args))
                }
            }
        };
        entered.calls += 1;
        self.submissions.sync();
        self.completions.sync();
        match result {
            Ok(submitted) => entered.submitted += submitted as u64,
            Err(error) => match error.raw_os_error() {
                Some(libc::EINTR | libc::ETIME | libc::EBUSY | libc::EAGAIN | libc::ENOMEM) => {}
                _ => return Err(error),
            },
        }
        Ok(())
    }

    /// True when the kernel has work to run, or completions that found no room in the queue.
    fn has_work(&self) -> bool {
        self.submissions.taskrun() || self.submissions.cq_overflow()
    }

    /// True when there are entries that the kernel has not seen.
    pub(super) fn has_queued(&self) -> bool {
        !self.submissions.is_empty() || !self.backlog.is_empty()
    }

    /// True when completions found no room in the queue.
    pub(super) fn has_overflowed(&self) -> bool {
        self.submissions.cq_overflow()
    }

    /// Completions that can be taken.
    #[inline]
    pub(super) fn at_hand(&self) -> usize {
        self.completions.len()
    }

    #[inline]
    pub(super) fn next(&mut self) -> Option<cqueue::Entry> {
        self.completions.next()
    }
}
