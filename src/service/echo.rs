//! Echo: every byte comes back. It is the reactor's ceiling.

use super::{Next, Peer, Served, Service};
use crate::clock::Now;
use crate::output::Output;

#[derive(Default, Debug)]
pub struct Echo;

impl Service for Echo {
    type Session = ();

    fn open(&mut self, _: Peer) {}

    fn serve(&mut self, _: &mut (), input: &[u8], output: &mut Output, _: Now) -> Served {
        output.extend(input);
        Served { consumed: input.len(), next: Next::Read { missing: 0 } }
    }

    fn close(&mut self, _: ()) {}
}
