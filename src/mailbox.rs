//! How reactors reach each other: bounded queues, and a doorbell that is rung only for a sleeper.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};

use parking_lot::{Mutex, MutexGuard};

use crate::output::Output;

/// Names a connection within its reactor. A slot's generation changes each time it is reused, so an
/// old name never means a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId {
    pub index: u32,
    /// 24 bits are used.
    pub generation: u32,
}

/// What a reactor is told from outside.
#[derive(Debug, PartialEq, Eq)]
pub enum Message {
    /// Close this connection. Replies that were not sent are lost: their reader may have stalled.
    Close(ConnId),
    /// The answer that this connection waits for.
    Answer(ConnId, Output),
}

/// A bounded queue into one reactor. Anyone may push; only its owner takes out.
#[derive(Debug)]
pub struct Mailbox<T = Message> {
    queue: Mutex<VecDeque<T>>,
    /// The queue's length, readable without the lock: the owner looks once a tick.
    len: AtomicUsize,
    capacity: usize,
    doorbell: Arc<Doorbell>,
}

impl<T> Mailbox<T> {
    /// A queue for at most `capacity` messages, whose owner sleeps beside `doorbell`.
    pub fn new(capacity: usize, doorbell: Arc<Doorbell>) -> Self {
        Self { queue: Mutex::default(), len: AtomicUsize::new(0), capacity, doorbell }
    }

    /// Puts a message in and wakes the owner if it sleeps.
    ///
    /// # Errors
    ///
    /// The queue is full; the message comes back.
    pub fn push(&self, message: T) -> Result<(), T> {
        let queue = self.queue.lock();
        if queue.len() >= self.capacity {
            return Err(message);
        }
        self.put(queue, message);
        Ok(())
    }

    /// Puts a message in however full the queue is. For messages of which there can only be so
    /// many: a connection is closed once, and waits for one answer.
    pub fn push_anyway(&self, message: T) {
        self.put(self.queue.lock(), message);
    }

    fn put(&self, mut queue: MutexGuard<'_, VecDeque<T>>, message: T) {
        queue.push_back(message);
        self.len.store(queue.len(), Ordering::Relaxed);
        drop(queue);
        self.doorbell.ring();
    }

    /// Takes the oldest message out.
    pub fn pop(&self) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        let mut queue = self.queue.lock();
        let message = queue.pop_front();
        self.len.store(queue.len(), Ordering::Relaxed);
        message
    }

    /// Wakes the owner without a message: something has changed that it should look at.
    pub fn ring(&self) {
        self.doorbell.ring();
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len.load(Ordering::Relaxed) == 0
    }
}

/// Wakes a reactor that sleeps in the kernel, and costs a fence when it does not.
///
/// Sleeper and caller follow Dekker's pattern: each writes its own side (parked, or the message),
/// passes a full fence, and then reads the other's. At least one of them sees the other.
#[derive(Debug)]
pub struct Doorbell {
    parked: AtomicBool,
    /// An eventfd. Nobody reads its counter: a backend watches for edges, and each write is one.
    bell: Option<File>,
}

impl Doorbell {
    /// A doorbell over an eventfd.
    pub fn new(eventfd: OwnedFd) -> Self {
        Self { parked: AtomicBool::new(false), bell: Some(File::from(eventfd)) }
    }

    /// A doorbell for a reactor that never sleeps in the kernel, as under simulation.
    pub fn silent() -> Self {
        Self { parked: AtomicBool::new(false), bell: None }
    }

    /// Wakes the sleeper, if it sleeps. What it should find must be in place before.
    pub fn ring(&self) {
        fence(Ordering::SeqCst);
        // The read before the swap keeps the line shared between callers while the owner is awake.
        if !self.parked.load(Ordering::Relaxed) || !self.parked.swap(false, Ordering::Relaxed) {
            return;
        }
        if let Some(mut bell) = self.bell.as_ref() {
            // Fails only when the counter is about to overflow, after 2^64 rings.
            let _ = bell.write(&1u64.to_ne_bytes());
        }
    }

    /// The owner is about to sleep. It must look at its mailboxes once more after this.
    pub fn park(&self) {
        self.parked.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// The owner is awake: from now on nobody needs to ring.
    pub fn unpark(&self) {
        self.parked.store(false, Ordering::Relaxed);
    }

    /// True while the owner sleeps, or is about to, and nobody has rung.
    pub fn is_parked(&self) -> bool {
        self.parked.load(Ordering::Relaxed)
    }

    /// The eventfd to watch, if there is one.
    pub fn bell(&self) -> Option<BorrowedFd<'_>> {
        self.bell.as_ref().map(AsFd::as_fd)
    }
}

/// Tells all reactors to end.
#[derive(Debug)]
pub struct Stop {
    asked: AtomicBool,
    doorbells: Vec<Arc<Doorbell>>,
}

impl Stop {
    /// Reaches the reactors behind these doorbells.
    pub fn new(doorbells: Vec<Arc<Doorbell>>) -> Self {
        Self { asked: AtomicBool::new(false), doorbells }
    }

    /// Asks every reactor to end in an orderly way.
    pub fn ask(&self) {
        self.asked.store(true, Ordering::Release);
        self.doorbells.iter().for_each(|doorbell| doorbell.ring());
    }

    #[inline]
    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    /// A doorbell over a stream, which a test can listen to without a kernel event.
    fn doorbell() -> (Arc<Doorbell>, UnixStream) {
        let (bell, ear) = UnixStream::pair().unwrap();
        ear.set_nonblocking(true).unwrap();
        (Arc::new(Doorbell::new(bell.into())), ear)
    }

    fn rings(ear: &mut UnixStream) -> usize {
        let mut bytes = [0; 64];
        ear.read(&mut bytes).map_or(0, |n| n / 8)
    }

    #[test]
    fn only_a_sleeper_is_woken_and_only_once() {
        let (doorbell, mut ear) = doorbell();
        let mailbox = Mailbox::new(8, Arc::clone(&doorbell));
        mailbox.push(1).unwrap();
        assert_eq!(rings(&mut ear), 0, "the owner is awake");
        doorbell.park();
        mailbox.push(2).unwrap();
        mailbox.push(3).unwrap();
        assert_eq!(rings(&mut ear), 1, "the first message wakes, the second need not");
        doorbell.park();
        doorbell.unpark();
        mailbox.push(4).unwrap();
        assert_eq!(rings(&mut ear), 0, "awake again");
        assert_eq!(std::iter::from_fn(|| mailbox.pop()).collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert!(mailbox.is_empty());
    }

    #[test]
    fn a_full_mailbox_gives_the_message_back() {
        let mailbox = Mailbox::new(1, Arc::new(Doorbell::silent()));
        assert_eq!(mailbox.push("first"), Ok(()));
        assert_eq!(mailbox.push("second"), Err("second"));
        mailbox.push_anyway("urgent");
        assert_eq!(mailbox.push("second"), Err("second"));
        assert_eq!(mailbox.pop(), Some("first"));
        assert_eq!(mailbox.pop(), Some("urgent"));
        assert_eq!(mailbox.push("third"), Ok(()));
    }

    #[test]
    fn a_stop_reaches_those_who_sleep() {
        let (awake, mut awake_ear) = doorbell();
        let (asleep, mut asleep_ear) = doorbell();
        asleep.park();
        let stop = Stop::new(vec![awake, asleep]);
        assert!(!stop.is_asked());
        stop.ask();
        assert!(stop.is_asked());
        assert_eq!((rings(&mut awake_ear), rings(&mut asleep_ear)), (0, 1));
    }

    #[test]
    fn no_message_is_slept_through() {
        const MESSAGES: usize = 20_000;
        let (bell, mut ear) = UnixStream::pair().unwrap();
        let doorbell = Arc::new(Doorbell::new(bell.into()));
        let mailbox = Arc::new(Mailbox::new(MESSAGES, Arc::clone(&doorbell)));
        let sender = Arc::clone(&mailbox);
        let thread =
            std::thread::spawn(move || (0..MESSAGES).for_each(|n| sender.push(n).unwrap()));
        let mut next = 0;
        while next < MESSAGES {
            doorbell.park();
            if mailbox.is_empty() {
                // Blocks for ever if a wake-up was lost.
                ear.read_exact(&mut [0; 8]).unwrap();
            }
            doorbell.unpark();
            while let Some(n) = mailbox.pop() {
                assert_eq!(n, next);
                next += 1;
            }
        }
        thread.join().unwrap();
    }
}
