//! A connection apart from its reactor, with a service that answers lines.

use super::*;
use crate::reactor::backend::Errno;

/// Executes lines: each comes back; `.` yields after its line, `!` closes.
struct Lines {
    calls: usize,
}

impl Service for Lines {
    type Session = ();

    fn open(&mut self, _: crate::service::Peer) {}

    fn serve(&mut self, _: &mut (), input: &[u8], output: &mut Output, _: Now) -> Served {
        self.calls += 1;
        let mut consumed = 0;
        for line in input.split_inclusive(|byte| *byte == b'\n') {
            if !line.ends_with(b"\n") {
                break;
            }
            output.extend(line);
            consumed += line.len();
            match line[0] {
                b'.' => return Served { consumed, next: Next::Yield },
                b'!' => return Served { consumed, next: Next::Close },
                _ => {}
            }
        }
        // A rest of digits says how many bytes follow.
        let rest = std::str::from_utf8(&input[consumed..]).unwrap();
        Served { consumed, next: Next::Read { missing: rest.parse().unwrap_or(0) } }
    }

    fn close(&mut self, _: ()) {}
}

struct Bench {
    connection: Connection<()>,
    service: Lines,
    outputs: Outputs,
    limits: Limits,
    tick: u64,
}

impl Bench {
    fn new() -> Self {
        let limits =
            Limits { high_water: 100, low_water: 10, bytes_per_tick: 50, ..Limits::default() };
        Self {
            connection: Connection::new((), Instant::now()),
            service: Lines { calls: 0 },
            outputs: Outputs::new(4096, 1024),
            limits,
            tick: 1,
        }
    }

    fn turn<R>(&mut self, f: impl FnOnce(&mut Connection<()>, &mut Lines, &mut Turn) -> R) -> R {
        let mut turn = Turn {
            now: Now::read(),
            tick: self.tick,
            limits: &self.limits,
            outputs: &mut self.outputs,
        };
        f(&mut self.connection, &mut self.service, &mut turn)
    }

    fn arrived(&mut self, bytes: &str) {
        self.turn(|connection, service, turn| {
            connection.arrived(bytes.as_bytes(), service, turn);
        });
    }

    fn run(&mut self) {
        self.tick += 1;
        self.turn(|connection, service, turn| connection.run(service, turn));
    }

    /// Starts a send that stays in flight; what it would send.
    fn send(&mut self) -> Option<Box<Output>> {
        let mut sent = None;
        self.turn(|connection, service, turn| {
            connection.check_eof(service, turn);
            connection.start_send(turn, |output, _| {
                sent = Some(output);
                Sending::InFlight
            });
        });
        sent
    }

    fn check(&mut self) -> Option<Excess> {
        self.connection.check(&self.limits, Instant::now(), 0)
    }

    fn answered(&mut self) -> String {
        let output = self.connection.outgoing.room(&mut self.outputs, &self.limits);
        let bytes = output.segments(0).flatten().copied().collect();
        String::from_utf8(bytes).unwrap()
    }
}

#[test]
fn a_split_request_is_executed_when_it_is_whole() {
    let mut bench = Bench::new();
    bench.arrived("one\ntw");
    assert_eq!(bench.answered(), "one\n");
    bench.arrived("o\nthree\n");
    assert_eq!(bench.answered(), "one\ntwo\nthree\n");
    assert!(bench.connection.is_between_requests());
}

#[test]
fn a_service_is_not_called_before_what_it_misses_has_come() {
    let mut bench = Bench::new();
    bench.arrived("12");
    assert_eq!(bench.service.calls, 1);
    bench.arrived("34567890123");
    assert_eq!(bench.service.calls, 1, "one byte is still missing");
    bench.arrived("\n");
    assert_eq!((bench.service.calls, bench.answered()), (2, "1234567890123\n".to_owned()));
}

#[test]
fn who_yields_goes_on_with_what_is_left_over() {
    let mut bench = Bench::new();
    bench.arrived(".a\n.b\nc\n");
    assert_eq!(bench.answered(), ".a\n");
    assert!(bench.connection.is_runnable());
    bench.connection.listed = true;
    bench.arrived("d\n");
    assert_eq!(bench.answered(), ".a\n", "its turn comes, and not earlier");
    bench.connection.listed = false;
    bench.run();
    assert_eq!(bench.answered(), ".a\n.b\n");
    bench.run();
    assert_eq!(bench.answered(), ".a\n.b\nc\nd\n");
    assert!(!bench.connection.is_runnable());
}

#[test]
fn a_tick_has_a_bound() {
    let mut bench = Bench::new();
    let line = format!("{}\n", "x".repeat(49));
    bench.arrived(&line);
    bench.arrived("late\n");
    assert_eq!(bench.answered(), line);
    assert!(bench.connection.is_runnable());
    assert!(bench.connection.wants_bytes(&bench.limits));
    bench.arrived(&line);
    assert!(!bench.connection.wants_bytes(&bench.limits), "a tick's worth waits already");
    bench.run();
    assert_eq!(bench.answered(), format!("{line}late\n{line}"));
}

#[test]
fn a_slow_reader_is_neither_read_nor_executed() {
    let mut bench = Bench::new();
    bench.arrived(&format!("{}\n", "x".repeat(100)));
    assert_eq!(bench.check(), None);
    let output = bench.send().unwrap();
    bench.tick += 1;
    bench.arrived("more\n");
    bench.check();
    assert_eq!(bench.answered(), "");
    assert!(!bench.connection.wants_bytes(&bench.limits));
    assert!(!bench.connection.is_runnable());
    bench.connection.sent(output, true, &mut bench.outputs);
    bench.check();
    assert!(bench.connection.is_runnable());
    bench.run();
    assert_eq!(bench.answered(), "more\n");
}

#[test]
fn a_turn_that_has_ended_does_not_go_on_in_the_same_tick() {
    let mut bench = Bench::new();
    bench.arrived(".a\n");
    bench.arrived("b\n");
    assert_eq!(bench.answered(), ".a\n");
    bench.tick += 1;
    bench.run();
    assert_eq!(bench.answered(), ".a\nb\n");
}

#[test]
fn who_has_more_than_a_turns_worth_gets_no_stream_while_others_wait() {
    let mut bench = Bench::new();
    let next = |bench: &mut Bench, is_shared| {
        bench.connection.recv = Recv::Idle;
        match bench.connection.next_recv(&bench.limits, is_shared) {
            NextRecv::Start(receive) => receive,
            other => panic!("{other:?}"),
        }
    };
    bench.limits.bytes_per_tick = 2 * SHARE;
    assert!(matches!(next(&mut bench, true), Receive::Stream));
    bench.arrived(".a\nb\n");
    assert!(matches!(next(&mut bench, true), Receive::Once(SHARE)));
    assert!(matches!(next(&mut bench, false), Receive::Stream));
    bench.run();
    bench.arrived(&"x".repeat(SHARE));
    assert!(matches!(next(&mut bench, true), Receive::Once(SHARE)), "there may be more");
    bench.arrived("\n");
    assert!(matches!(next(&mut bench, true), Receive::Stream), "that was all");
}

#[test]
fn a_connection_is_closed_once_for_what_it_takes() {
    let mut bench = Bench::new();
    bench.limits.output.hard = 8;
    bench.arrived("four\n");
    let _in_flight = bench.send().unwrap();
    assert_eq!(bench.check(), None);
    bench.arrived("four\n");
    assert_eq!(bench.check(), Some(Excess::Output));
    bench.connection.abandon();
    assert_eq!(bench.check(), None);

    let mut bench = Bench::new();
    bench.limits.query = 8;
    bench.arrived("a request");
    assert_eq!(bench.check(), Some(Excess::Query));
    bench.connection.abandon();
    assert_eq!(bench.check(), None);
}

#[test]
fn a_half_closed_connection_is_answered_before_it_ends() {
    let mut bench = Bench::new();
    bench.arrived(".a\nb\n");
    bench.connection.recv_ended(RecvEnd::Eof);
    assert!(!bench.connection.is_ending(), "a request waits to be executed");
    bench.run();
    assert!(!bench.connection.is_ending(), "replies wait to be sent");
    let output = bench.send().unwrap();
    assert_eq!(output.len(), 5);
    assert!(!bench.connection.is_ending());
    bench.connection.sent(output, true, &mut bench.outputs);
    assert!(bench.connection.is_ending() && bench.connection.is_idle());
}

#[test]
fn after_the_last_request_nothing_is_executed() {
    let mut bench = Bench::new();
    bench.connection.recv = Recv::Streaming;
    bench.arrived("!bye\nlost\n");
    bench.arrived("lost too\n");
    assert_eq!(bench.answered(), "!bye\n");
    assert!(!bench.connection.wants_bytes(&bench.limits));
    assert!(!bench.connection.is_ending());
    let output = bench.send().unwrap();
    bench.connection.sent(output, true, &mut bench.outputs);
    assert!(bench.connection.is_ending());
    assert!(!bench.connection.is_idle(), "the receive is still in flight");
    bench.connection.recv_ended(RecvEnd::Stopped);
    assert!(bench.connection.is_idle());
}

#[test]
fn a_failure_ends_everything_but_waits_for_what_is_in_flight() {
    let mut bench = Bench::new();
    bench.arrived("one\n");
    let output = bench.send().unwrap();
    bench.arrived("two\n");
    bench.connection.recv_ended(RecvEnd::Failed(Errno(libc::ECONNRESET)));
    assert!(bench.connection.is_ending());
    assert!(bench.send().is_none(), "nothing more is sent");
    assert!(!bench.connection.is_idle());
    bench.connection.sent(output, false, &mut bench.outputs);
    assert!(bench.connection.is_idle());
}

#[test]
fn the_service_hears_of_buffers_that_fill_and_of_their_end() {
    let mut bench = Bench::new();
    assert_eq!(bench.connection.note(0), None);
    bench.arrived("a part of");
    let noted = bench.connection.note(0).unwrap();
    assert_eq!((noted.query, noted.output, noted.output_pieces), (9, 0, 0));
    bench.arrived(" a line\n");
    assert_eq!(bench.connection.note(0), Some(Buffers::default()), "a short reply is none");
    assert_eq!(bench.connection.note(0), None, "it has heard that");
    bench.arrived(&format!("{}\n", "x".repeat(SMALL_OUTPUT)));
    let output = bench.send().unwrap();
    let noted = bench.connection.note(0).unwrap();
    assert_eq!((noted.query, noted.output, noted.output_pieces), (0, output.len(), 1));
    bench.connection.sent(output, true, &mut bench.outputs);
    assert_eq!(bench.connection.note(0), Some(Buffers::default()));
}

#[test]
fn an_idle_connection_is_small() {
    assert!(size_of::<Connection<()>>() <= 208, "{}", size_of::<Connection<()>>());
}
