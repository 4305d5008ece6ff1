//! A thread that keeps the process' memory in order.

use std::hint::black_box;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::giving_back::GivingBack;
use super::huge_pages::HugePages;
use super::resident;

/// Has memory that stays free given back to the system, and that in use made of huge pages, as long as
/// the process runs. `wake` has every other thread call [`super::give_back_if_asked`].
///
/// # Errors
///
/// The system gives no thread.
pub fn start_upkeep(wake: impl Fn() + Send + 'static) -> io::Result<()> {
    const PAUSE: Duration = Duration::from_millis(500);
    const SHORT_PAUSE: Duration = Duration::from_millis(100);
    /// Pages are not joined for so many times as long as that took last. A reactor on the same core waits
    /// meanwhile, for some milliseconds at times: of a hundred requests that is not to be one.
    const PATIENCE: u32 = 200;
    let mut huge_pages = HugePages::instead_of_the_systems();
    let thread = thread::Builder::new().name("memory".into());
    thread.spawn(move || {
        // For a thread that has never allocated, the allocator collects nothing.
        black_box(Box::new(0u8));
        let (mut giving_back, mut looked) = (GivingBack::default(), Instant::now());
        let mut rests_until = Instant::now();
        loop {
            if Instant::now() >= rests_until {
                let work = huge_pages.as_mut().and_then(|pages| pages.go_on(resident()));
                let rest = work.map_or(PAUSE, |work| (PATIENCE * work).max(SHORT_PAUSE));
                rests_until = Instant::now() + rest;
            }
            thread::sleep(rests_until.saturating_duration_since(Instant::now()).min(PAUSE));
            if looked.elapsed() >= PAUSE {
                looked = Instant::now();
                giving_back.look(resident(), &wake);
            }
        }
    })?;
    Ok(())
}
