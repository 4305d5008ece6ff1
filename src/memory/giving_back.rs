//! Memory that is free is the machine's again soon after.

use std::cell::Cell;
use std::hint::black_box;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use super::{collect, resident, used};

/// Has memory that stays free given back to the system, as long as the process runs: by itself the
/// allocator does that only when it is asked for more. What other threads keep for themselves they are
/// asked for, too: `wake` has each of them call [`give_back_if_asked`].
///
/// # Errors
///
/// The system gives no thread.
pub fn keep_giving_back(wake: impl Fn() + Send + 'static) -> io::Result<()> {
    const PAUSE: Duration = Duration::from_millis(500);
    let thread = thread::Builder::new().name("memory".into());
    thread.spawn(move || {
        // For a thread that has never allocated, the allocator collects nothing.
        black_box(Box::new(0u8));
        let mut spare = Spare::default();
        loop {
            thread::sleep(PAUSE);
            let is_due = spare.has_changed(resident().saturating_sub(used()));
            collect(is_due);
            if is_due {
                // Now this finds little to do, which is as well: a reactor's clients wait for it.
                ASKED.fetch_add(1, Ordering::Relaxed);
                wake();
            }
        }
    })?;
    Ok(())
}

/// Lets others have what this thread keeps although it is free, if that was asked for since the last call.
#[inline]
pub fn give_back_if_asked() {
    thread_local!(static ANSWERED: Cell<u32> = const { Cell::new(0) });
    let asked = ASKED.load(Ordering::Relaxed);
    if ANSWERED.replace(asked) != asked {
        collect(true);
    }
}

/// How often [`keep_giving_back`] has asked.
static ASKED: AtomicU32 = AtomicU32::new(0);

/// Resident memory that is not in use, as it was when it was last given back.
#[derive(Default)]
struct Spare(usize);

impl Spare {
    /// Whether it is worth while to give back: again and again while that helps, and not when nothing
    /// has changed since.
    fn has_changed(&mut self, bytes: usize) -> bool {
        const MUCH: usize = 2 << 20;
        let has_changed = bytes.abs_diff(self.0) > MUCH;
        if has_changed {
            self.0 = bytes;
        }
        has_changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_given_back_while_there_is_more_or_less_of_it_than_the_last_time() {
        let mut spare = Spare::default();
        let looks =
            [1, 3, 4, 5, 6, 100, 50, 20, 19, 18, 17].map(|mib: usize| spare.has_changed(mib << 20));
        let yes = [false, true, false, false, true, true, true, true, false, false, true];
        assert_eq!(looks, yes);
    }
}
