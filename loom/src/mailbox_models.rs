//! A reactor that goes to sleep while others have something for it.

use std::sync::Arc;

use loom::thread;

use crate::check;
use crate::mailbox::{Doorbell, Mailbox, Stop};

pub fn run() {
    check("no message is slept through", || messages(1));
    check("none of two senders' messages is slept through", || messages(2));
    check("nor is a stop", stop);
}

/// As a reactor does: what came before it said that it sleeps is seen, and for the rest it is woken.
/// If a wake-up is lost it sleeps for ever, and loom ends the model.
fn sleep_unless(doorbell: &Doorbell, has_work: impl Fn() -> bool) {
    doorbell.park();
    if !has_work() {
        while doorbell.is_parked() {
            thread::yield_now();
        }
    }
    doorbell.unpark();
}

fn messages(senders: u32) {
    let doorbell = Arc::new(Doorbell::silent());
    let mailbox = Arc::new(Mailbox::new(2, Arc::clone(&doorbell)));
    let threads: Vec<_> = (0..senders)
        .map(|number| {
            let mailbox = Arc::clone(&mailbox);
            thread::spawn(move || mailbox.push(number).expect("there is room"))
        })
        .collect();
    let mut received = Vec::new();
    while received.len() < senders as usize {
        received.extend(std::iter::from_fn(|| mailbox.pop()));
        if received.len() < senders as usize {
            sleep_unless(&doorbell, || !mailbox.is_empty());
        }
    }
    received.sort_unstable();
    assert!(received.into_iter().eq(0..senders));
    threads.into_iter().for_each(|thread| thread.join().expect("it has sent"));
}

fn stop() {
    let doorbell = Arc::new(Doorbell::silent());
    let stop = Arc::new(Stop::new(vec![Arc::clone(&doorbell)]));
    let asking = Arc::clone(&stop);
    let thread = thread::spawn(move || asking.ask());
    while !stop.is_asked() {
        sleep_unless(&doorbell, || stop.is_asked());
    }
    thread.join().expect("it has asked");
}
