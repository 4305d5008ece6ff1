//! CLIENT LIST and CLIENT INFO: a line of fields for each client.

use std::fmt::Write;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::client::{ADMIN, OWN};
use crate::client::{Client, Names};
use crate::command::options::is;
use crate::command::table::TABLE;
use crate::command::{Argument, Call, Command, Error, Group};
use crate::number::parse_i64;
use crate::peer::PeerAddress;

/// What CLIENT LIST and CLIENT KILL tell apart by TYPE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientType {
    Normal,
    Master,
    Replica,
    Pubsub,
}

impl ClientType {
    pub(super) fn parse(word: &[u8]) -> Result<Self, Error> {
        match word {
            _ if is(word, "NORMAL") => Ok(Self::Normal),
            _ if is(word, "MASTER") => Ok(Self::Master),
            _ if is(word, "REPLICA") || is(word, "SLAVE") => Ok(Self::Replica),
            _ if is(word, "PUBSUB") => Ok(Self::Pubsub),
            _ => Err(Error::about("Unknown client type", word)),
        }
    }

    /// No client subscribes or replicates here.
    pub(super) fn of(_client: &Client) -> Self {
        Self::Normal
    }
}

pub(super) static INFO: Command = Command {
    name: "info",
    arity: 2,
    flags: OWN,
    group: Group::Connection,
    since: "6.2.0",
    summary: "Describes the connection.",
    tips: &["nondeterministic_output"],
    run: info,
    ..Command::BASE
};

fn info(call: &mut Call<'_>) -> Result<(), Error> {
    let now = call.now.steady;
    call.session.note(now);
    let mut text = String::new();
    describe(&call.session.client, now, &mut text);
    call.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

pub(super) static LIST: Command = Command {
    name: "list",
    arity: -2,
    flags: ADMIN,
    group: Group::Connection,
    since: "2.4.0",
    history: &[
        ("2.8.12", "Added unique client `id` field."),
        ("5.0.0", "Added optional `TYPE` filter."),
        ("6.0.0", "Added `user` field."),
        (
            "6.2.0",
            "Added `argv-mem`, `tot-mem`, `laddr` and `redir` fields and the optional `ID` filter.",
        ),
        ("7.0.0", "Added `resp`, `multi-mem`, `rbs` and `rbp` fields."),
        ("7.0.3", "Added `ssub` field."),
    ],
    complexity: "O(N) where N is the number of client connections",
    summary: "Describes the open connections.",
    arguments: &[
        Argument::one_of(
            "normal_master_replica_pubsub",
            &[
                Argument::word("normal", "NORMAL"),
                Argument::word("master", "MASTER"),
                Argument::word("replica", "REPLICA"),
                Argument::word("pubsub", "PUBSUB"),
            ],
        )
        .token("TYPE")
        .since("5.0.0")
        .optional(),
        Argument::block("id", &[Argument::integer("client-id").multiple()])
            .token("ID")
            .since("6.2.0")
            .optional(),
    ],
    tips: &["nondeterministic_output"],
    run: list,
    ..Command::BASE
};

fn list(call: &mut Call<'_>) -> Result<(), Error> {
    let now = call.now.steady;
    call.session.note(now);
    let args = call.args;
    let mut clients = Vec::new();
    match args.get(2) {
        None => clients = call.instance.clients.list(),
        Some(option) if is(option, "TYPE") && args.len() == 4 => {
            let wanted = ClientType::parse(&args[3])?;
            clients = call.instance.clients.list();
            clients.retain(|client| ClientType::of(client) == wanted);
        }
        Some(option) if is(option, "ID") && args.len() > 3 => {
            for word in args.rest(3).iter() {
                let id = parse_i64(word).ok_or_else(|| Error::text("Invalid client ID"))?;
                clients.extend(call.instance.clients.find(id as u64));
            }
        }
        Some(_) => return Err(Error::Syntax),
    }
    let mut text = String::new();
    for client in clients {
        describe(&client, now, &mut text);
    }
    call.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

/// From this size up unsent replies are a client's own memory.
const LONG_REPLY: usize = 16 * 1024;

/// Appends the line of one client: the fields of Redis 7.2, in its order.
///
/// Some have one value for every client: nobody subscribes, queues or redirects. A buffer for short
/// replies is the reactor's, which lends it to a connection; only a long reply is in memory of the
/// client's own (`oll`, `omem`).
fn describe(client: &Client, now: Instant, line: &mut String) {
    let Names { name, lib_name, lib_version } = client.names();
    let address = &client.peer.address;
    let buffers = client.buffers();
    let (short, long, pieces) = match buffers.output {
        output @ ..LONG_REPLY => (output, 0, 0),
        output => (0, output, buffers.output_pieces),
    };
    let command = client.last_command().map_or_else(|| "NULL".to_owned(), |n| TABLE.name(n));
    let written = writeln!(
        line,
        "id={id} addr={remote} laddr={local} fd={fd} name={name} age={age} idle={idle} \
         flags={flags} db={db} sub=0 psub=0 ssub=0 multi=-1 qbuf={query} qbuf-free={room} \
         argv-mem={waiting} multi-mem=0 rbs=0 rbp=0 obl={short} oll={pieces} omem={long} \
         tot-mem={memory} events=r cmd={command} \
         user=default redir=-1 resp={protocol} lib-name={lib_name} lib-ver={lib_version}",
        id = client.id,
        remote = address.remote(),
        local = address.local(),
        fd = client.peer.fd,
        age = client.age(now).as_secs(),
        idle = client.idle(now).as_secs(),
        flags = flags(client),
        db = client.db(),
        query = buffers.query,
        room = buffers.query_room,
        waiting = client.waiting_memory(),
        memory = client.memory(),
        protocol = client.protocol(),
    );
    written.expect("a string takes all that is written");
}

/// A letter for each: blocked, Unix socket, NO-EVICT, NO-TOUCH; N if there is none.
fn flags(client: &Client) -> String {
    let is_unix = matches!(client.peer.address, PeerAddress::Unix { .. });
    let flags = [
        ('b', client.is_blocked()),
        ('U', is_unix),
        ('e', client.no_evict.load(Ordering::Relaxed)),
        ('T', client.no_touch.load(Ordering::Relaxed)),
    ];
    let letters: String = flags.iter().filter(|(_, set)| *set).map(|(letter, _)| letter).collect();
    if letters.is_empty() { "N".to_owned() } else { letters }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::*;
    use crate::command::harness::Harness;
    use crate::mailbox::ConnId;
    use crate::peer::{Buffers, Peer};
    use crate::resp::Version;

    /// Another client of the same server, at a Unix socket.
    fn second(harness: &Harness) -> Arc<Client> {
        let id = ConnId { index: 1, generation: 0 };
        let path = Arc::new(PathBuf::from("/run/torc.sock"));
        let address = PeerAddress::Unix { path };
        let peer = Peer { id, reactor: 0, fd: 7, address, connected: harness.now.steady };
        harness.worker.instance.clients.add(peer)
    }

    #[test]
    fn info_has_the_fields_of_redis_in_order() {
        let mut client = Harness::new();
        client.run("CLIENT SETNAME me");
        client.run("SELECT 2");
        client.wait_ms(3_000);
        client.speak(Version::V3);
        let info = client.run("CLIENT INFO");
        let memory = client.session.client.memory();
        let line = format!(
            "txt:id=1 addr=127.0.0.1:0 laddr=127.0.0.1:0 fd=0 name=me age=3 idle=0 flags=N db=2 \
             sub=0 psub=0 ssub=0 multi=-1 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 \
             obl=0 oll=0 omem=0 tot-mem={memory} events=r cmd=client|info user=default redir=-1 \
             resp=3 lib-name= lib-ver=\n"
        );
        assert_eq!(info, format!("={}\r\n{line}\r\n", line.len()));
    }

    #[test]
    fn buffers_are_shown_as_they_were_noted() {
        let mut client = Harness::new();
        let other = second(&client);
        let bare = other.memory();
        for ([query, query_room, output, output_pieces], queries, replies) in [
            ([5, 3, 100, 1], "qbuf=5 qbuf-free=3", "obl=100 oll=0 omem=0"),
            ([0, 0, 50_000, 7], "qbuf=0 qbuf-free=0", "obl=0 oll=7 omem=50000"),
        ] {
            other.note_buffers(Buffers { query, query_room, output, output_pieces });
            let list = client.run("CLIENT LIST ID 2");
            let memory = bare + query + query_room + output;
            let shown = format!(
                " {queries} argv-mem=0 multi-mem=0 rbs=0 rbp=0 {replies} tot-mem={memory} events="
            );
            assert!(list.contains(&shown), "{list}");
        }
    }

    #[test]
    fn list_shows_everyone_oldest_first() {
        let mut client = Harness::new();
        second(&client).no_evict.store(true, Ordering::Relaxed);
        client.wait_ms(1_500);
        let list = client.run("CLIENT LIST");
        let lines: Vec<&str> = list.lines().collect();
        assert!(lines[1].starts_with("id=1 addr=127.0.0.1:0 "), "{list}");
        assert!(lines[1].contains(" cmd=client|list "), "{list}");
        let other = "id=2 addr=/run/torc.sock:0 laddr=/run/torc.sock:0 fd=7 name= age=1 idle=1 \
                     flags=Ue db=0 ";
        assert!(lines[2].starts_with(other), "{list}");
        assert!(lines[2].contains(" cmd=NULL "), "{list}");
    }

    #[test]
    fn list_takes_a_type_or_ids() {
        let mut client = Harness::new();
        second(&client);
        let ids = |list: String| -> Vec<String> {
            let ids = list.lines().filter_map(|line| line.strip_prefix("id="));
            ids.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
        };
        assert_eq!(ids(client.run("CLIENT LIST TYPE normal")), ["1", "2"]);
        assert_eq!(ids(client.run("CLIENT LIST ID 2 1 9 -1 2")), ["2", "1", "2"]);
        for none in ["ID 0", "ID 999", "TYPE master", "TYPE replica", "TYPE slave", "TYPE pubsub"] {
            assert_eq!(client.run(&format!("CLIENT LIST {none}")), "$0\r\n\r\n", "{none}");
        }
        for (words, error) in [
            ("x", "syntax error"),
            ("TYPE", "syntax error"),
            ("TYPE normal ID 1", "syntax error"),
            ("ID", "syntax error"),
            ("TYPE x", "Unknown client type 'x'"),
            ("ID 1 x", "Invalid client ID"),
            ("ID 99999999999999999999", "Invalid client ID"),
        ] {
            let reply = client.run(&format!("CLIENT LIST {words}"));
            assert_eq!(reply, format!("-ERR {error}\r\n"), "{words}");
        }
    }

    #[test]
    fn who_is_being_closed_is_gone() {
        let mut client = Harness::new();
        assert!(second(&client).condemn());
        assert!(!client.run("CLIENT LIST").contains("id=2"));
        assert_eq!(client.run("CLIENT LIST ID 2"), "$0\r\n\r\n");
    }
}
