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
    let mut huge_pages = HugePages::instead_of_the_systems();
    let thread = thread::Builder::new().name("memory".into());
    thread.spawn(move || {
        // For a thread that has never allocated, the allocator collects nothing.
        black_box(Box::new(0u8));
        let (mut giving_back, mut looked) = (GivingBack::default(), Instant::now());
        loop {
            let goes_on = huge_pages.as_mut().is_some_and(|pages| pages.go_on(resident()));
            thread::sleep(if goes_on { SHORT_PAUSE } else { PAUSE });
            if looked.elapsed() >= PAUSE {
                looked = Instant::now();
                giving_back.look(resident(), &wake);
            }
        }
    })?;
    Ok(())
}
