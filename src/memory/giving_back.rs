//! Memory that is free is the machine's again soon after.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

use super::watch::{Change, Watch};
use super::{collect, used};

/// Gives back what has been free for a while: by itself the allocator does that only when it is asked
/// for more.
#[derive(Default)]
pub(super) struct GivingBack {
    spare: Watch,
}

impl GivingBack {
    /// To be called now and then. What other threads keep for themselves they are asked for when a load is
    /// over, and again while that helps: `wake` has each of them call [`give_back_if_asked`].
    pub(super) fn look(&mut self, resident: usize, wake: impl Fn()) {
        let is_due = self.spare.look(resident.saturating_sub(used())) == Change::Settled;
        collect(is_due);
        if is_due {
            // After the above this has little to do, which is as well, as a reactor's clients wait for it:
            // it looks at each page of the allocator's, half a millisecond for a gigabyte.
            ASKED.fetch_add(1, Ordering::Relaxed);
            wake();
        }
    }
}

/// Lets others have what this thread keeps although it is free, if it [is asked](is_asked).
#[inline]
pub fn give_back_if_asked() {
    if is_asked() {
        ANSWERED.set(ASKED.load(Ordering::Relaxed));
        collect(true);
    }
}

/// Whether [`give_back_if_asked`] has something to do on this thread.
#[inline]
pub fn is_asked() -> bool {
    ANSWERED.get() != ASKED.load(Ordering::Relaxed)
}

/// How often threads were asked.
static ASKED: AtomicU32 = AtomicU32::new(0);

thread_local! {
    /// Which time this thread has answered last.
    static ANSWERED: Cell<u32> = const { Cell::new(0) };
}
