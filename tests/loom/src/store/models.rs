//! Reactors that touch the same segments. Each increments what it touches; at last nothing is missing.

use loom::thread;

use super::gate::{Place, Side};
use super::segment::Segment;
use crate::check;

const HERE: Place = Place { db: 0, segment: 7 };
const THERE: Place = Place { db: 0, segment: 3 };

pub fn run() {
    check("two sides hold the same segments", || {
        at_once(|side| hold(side, [HERE, THERE]), |side| hold(side, [THERE, HERE]));
    });
    check("one side excludes all others", || at_once(|side| hold(side, [HERE, THERE]), exclude));
    check("two sides exclude each other", || at_once(exclude, exclude));
    check("one side visits, another holds", || at_once(visit, |side| hold(side, [HERE, THERE])));
    check("one side visits, another excludes", || at_once(visit, exclude));
}

fn hold(side: &mut Side, places: [Place; 2]) {
    side.hold(places.into_iter());
    increment(side);
    side.release();
}

fn exclude(side: &mut Side) {
    side.exclude();
    increment(side);
    side.release();
}

fn increment(side: &mut Side) -> [u32; 2] {
    [HERE, THERE].map(|place| side.segment(place).increment())
}

fn visit(side: &mut Side) {
    for place in [HERE, THERE] {
        side.visit(place, Segment::increment);
    }
}

/// Each side serves a batch of one request.
fn at_once(one: fn(&mut Side), other: fn(&mut Side)) {
    let mut sides = Side::all(1, 2);
    let batch = |mut side: Side, work: fn(&mut Side)| {
        side.enter();
        work(&mut side);
        side.leave();
        side
    };
    let theirs = sides.pop().expect("there are two");
    let thread = thread::spawn(move || batch(theirs, other));
    let mut mine = batch(sides.pop().expect("there are two"), one);
    thread.join().expect("it is done");
    mine.enter();
    mine.exclude();
    assert_eq!(increment(&mut mine), [3, 3]);
}
