//! What goes wrong in a simulated network, and how often.

use fastrand::Rng;

/// How a simulated network misbehaves. Unless a unit is given, each is the probability, from 0 to
/// 1, that what it names happens when it can.
#[derive(Clone, Debug, PartialEq)]
pub struct Faults {
    /// A connection's completions wait for a later poll, behind those of others. Below 1.
    pub late_completion: f64,
    /// A poll comes back with nothing, as after EINTR.
    pub interrupted_poll: f64,
    /// A receive brings a part of what has come.
    pub short_receive: f64,
    /// A receive ends with bytes, though it could have gone on.
    pub early_receive_end: f64,
    /// A receive finds no buffer.
    pub starved_receive: f64,
    /// A receive that was asked to stop brings bytes before it does, or instead.
    pub bytes_after_stop: f64,
    /// A send is done at once, as on epoll, if the peer has room.
    pub immediate_send: f64,
    /// A send is done at once and nobody is told before something else happens, as io_uring has it,
    /// unless the reactor says that it waits for that.
    pub silent_send: f64,
    /// A send in flight moves a part of its bytes.
    pub partial_send: f64,
    /// A connection breaks, in each poll that looks at it.
    pub reset: f64,
    /// An event comes for a connection that was closed before.
    pub stale_event: f64,
    /// An accept ends without a connection: for no reason, with EMFILE, or with its kind.
    pub failed_accept: f64,
    /// A connection has gone before it is opened.
    pub failed_open: f64,
    /// Bytes that one receive may bring.
    pub buffer_len: usize,
    /// Receive buffers for all connections together.
    pub buffers: usize,
    /// Bytes that a peer takes in before it reads them.
    pub window: usize,
}

impl Faults {
    /// A network that does what it should.
    pub const NONE: Self = Self {
        late_completion: 0.0,
        interrupted_poll: 0.0,
        short_receive: 0.0,
        early_receive_end: 0.0,
        starved_receive: 0.0,
        bytes_after_stop: 0.0,
        immediate_send: 0.0,
        silent_send: 0.0,
        partial_send: 0.0,
        reset: 0.0,
        stale_event: 0.0,
        failed_accept: 0.0,
        failed_open: 0.0,
        buffer_len: 8192,
        buffers: 256,
        window: 65536,
    };

    /// Faults of a random kind: some never happen, others rarely, others most of the time. Few
    /// kinds at once find more than all of them together, since one hides what another would show.
    pub fn random(random: &mut Rng) -> Self {
        let mut probability = |most: f64| match random.u8(0..4) {
            0 | 1 => 0.0,
            2 => most * 0.1 * random.f64(),
            _ => most * random.f64(),
        };
        Self {
            late_completion: probability(0.9),
            interrupted_poll: probability(0.5),
            short_receive: probability(1.0),
            early_receive_end: probability(1.0),
            starved_receive: probability(0.8),
            bytes_after_stop: probability(1.0),
            immediate_send: probability(1.0),
            silent_send: probability(1.0),
            partial_send: probability(1.0),
            reset: probability(0.02),
            stale_event: probability(0.5),
            failed_accept: probability(0.5),
            failed_open: probability(0.2),
            buffer_len: 1 << random.u32(6..14),
            buffers: 1 << random.u32(0..7),
            window: 1 << random.u32(6..17),
        }
    }
}
