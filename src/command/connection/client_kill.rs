//! CLIENT KILL: closes connections, on whichever reactor they are.

use super::auth::DEFAULT_USER;
use super::client::ADMIN;
use super::client_list::ClientType;
use crate::client::Client;
use crate::command::options::is;
use crate::command::{Argument, Call, Command, Error, Group};
use crate::number::parse_i64;
use crate::resp::Args;

pub(super) static KILL: Command = Command {
    name: "kill",
    arity: -3,
    flags: ADMIN,
    group: Group::Connection,
    since: "2.4.0",
    history: &[
        ("2.8.12", "Added new filter format."),
        ("2.8.12", "`ID` option."),
        ("3.2.0", "Added `master` type in for `TYPE` option."),
        (
            "5.0.0",
            "Replaced `slave` `TYPE` with `replica`. `slave` still supported for backward \
             compatibility.",
        ),
        ("6.2.0", "`LADDR` option."),
    ],
    complexity: "O(N) where N is the number of client connections",
    summary: "Closes the connections that all the options fit.",
    arguments: &[Argument::one_of(
        "filter",
        &[
            Argument::string("ip:port").deprecated_since("2.8.12"),
            Argument::one_of(
                "new-format",
                &[
                    Argument::integer("client-id").token("ID").since("2.8.12").optional(),
                    TYPE,
                    Argument::string("username").token("USER").optional(),
                    Argument::string("ip:port").token("ADDR").optional(),
                    Argument::string("ip:port").token("LADDR").since("6.2.0").optional(),
                    Argument::string("yes/no").token("SKIPME").optional(),
                ],
            )
            .multiple(),
        ],
    )],
    run: kill,
    ..Command::BASE
};

const TYPE: Argument = Argument::one_of(
    "normal_master_slave_pubsub",
    &[
        Argument::word("normal", "NORMAL"),
        Argument::word("master", "MASTER").since("3.2.0"),
        Argument::word("slave", "SLAVE"),
        Argument::word("replica", "REPLICA").since("5.0.0"),
        Argument::word("pubsub", "PUBSUB"),
    ],
)
.token("TYPE")
.since("2.8.12")
.optional();

fn kill(call: &mut Call<'_>) -> Result<(), Error> {
    // The old form names one address, and its client may be the one that asks.
    let args = call.args;
    if args.len() == 3 {
        let address = Some(&args[2]);
        let filter = Filter { address, skip_me: false, ..Filter::default() };
        if disconnect(call, &filter) == 0 {
            return Err(Error::text("No such client"));
        }
        call.reply.ok();
        return Ok(());
    }
    let filter = Filter::parse(args.rest(2))?;
    let killed = disconnect(call, &filter);
    call.reply.integer(killed);
    Ok(())
}

/// Closes the connections that the filter fits; returns how many.
fn disconnect(call: &mut Call<'_>, filter: &Filter<'_>) -> i64 {
    let me = call.session.client.id;
    let mut killed = 0;
    for client in call.instance.clients.list() {
        let is_me = client.id == me;
        if !filter.fits(&client) || is_me && filter.skip_me {
            continue;
        }
        let is_first = if is_me {
            // The reply is still sent.
            call.session.closing = true;
            client.condemn()
        } else {
            call.instance.disconnect(&client)
        };
        killed += i64::from(is_first);
    }
    killed
}

/// Which clients: those that fit everything that is given.
#[derive(Debug, PartialEq, Eq)]
struct Filter<'a> {
    id: Option<u64>,
    kind: Option<ClientType>,
    address: Option<&'a [u8]>,
    local_address: Option<&'a [u8]>,
    skip_me: bool,
}

impl Default for Filter<'_> {
    fn default() -> Self {
        Self { id: None, kind: None, address: None, local_address: None, skip_me: true }
    }
}

impl<'a> Filter<'a> {
    /// Reads pairs of an option and its value.
    fn parse(mut words: Args<'a>) -> Result<Self, Error> {
        let mut filter = Self::default();
        while let Some(option) = words.get(0) {
            let value = words.get(1).ok_or(Error::Syntax)?;
            match option {
                _ if is(option, "ID") => filter.id = Some(client_id(value)?),
                _ if is(option, "TYPE") => filter.kind = Some(ClientType::parse(value)?),
                _ if is(option, "ADDR") => filter.address = Some(value),
                _ if is(option, "LADDR") => filter.local_address = Some(value),
                _ if is(option, "USER") => {
                    // Every client is the default user.
                    if value != DEFAULT_USER {
                        return Err(Error::about("No such user", value));
                    }
                }
                _ if is(option, "SKIPME") => {
                    filter.skip_me = match value {
                        _ if is(value, "YES") => true,
                        _ if is(value, "NO") => false,
                        _ => return Err(Error::Syntax),
                    }
                }
                _ => return Err(Error::Syntax),
            }
            words = words.rest(2);
        }
        Ok(filter)
    }

    fn fits(&self, client: &Client) -> bool {
        let address = &client.peer.address;
        self.id.is_none_or(|id| client.id == id)
            && self.kind.is_none_or(|kind| ClientType::of(client) == kind)
            && self.address.is_none_or(|wanted| address.remote().as_bytes() == wanted)
            && self.local_address.is_none_or(|wanted| address.local().as_bytes() == wanted)
    }
}

fn client_id(word: &[u8]) -> Result<u64, Error> {
    let id = parse_i64(word).and_then(|id| u64::try_from(id).ok()).filter(|&id| id > 0);
    id.ok_or_else(|| Error::text("client-id should be greater than 0"))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;

    use crate::client::Client;
    use crate::command::harness::Harness;
    use crate::mailbox::{ConnId, Message};
    use crate::peer::{Peer, PeerAddress};

    const NOBODY: &str = "-ERR No such client\r\n";

    fn name(index: u32) -> ConnId {
        ConnId { index, generation: 3 }
    }

    /// Another client of the same server, at port `5000 + index`.
    fn connect(harness: &Harness, index: u32) -> Arc<Client> {
        let at = |port| SocketAddr::from(([10, 0, 0, 1], port));
        let address = PeerAddress::Tcp { peer: at(5000 + index as u16), local: at(6379) };
        let peer =
            Peer { id: name(index), reactor: 0, fd: 9, address, connected: harness.now.steady };
        harness.worker.instance.clients.add(peer)
    }

    /// What the reactor is told.
    fn closed(harness: &Harness) -> Vec<Message> {
        let mailbox = &harness.worker.instance.reactors[0].mailbox;
        std::iter::from_fn(|| mailbox.pop()).collect()
    }

    #[test]
    fn the_old_form_takes_an_address() {
        let mut client = Harness::new();
        connect(&client, 1);
        for address in ["x", "10.0.0.1:5002", "10.0.0.1:6379", "ID"] {
            assert_eq!(client.run(&format!("CLIENT KILL {address}")), NOBODY);
        }
        assert_eq!(client.run("CLIENT KILL 10.0.0.1:5001"), "+OK\r\n");
        assert_eq!(closed(&client), [Message::Close(name(1))]);
        assert_eq!(client.run("CLIENT KILL 10.0.0.1:5001"), NOBODY, "it was killed already");
        assert_eq!(closed(&client), []);
        assert!(!client.session.closing);
    }

    #[test]
    fn options_are_counted_together() {
        let mut client = Harness::new();
        (1..=5).for_each(|index| drop(connect(&client, index)));
        for (options, killed, indexes) in [
            ("ID 2 ADDR 10.0.0.1:5002", 0, &[][..]),
            ("ID 3 ADDR 10.0.0.1:5002", 1, &[2]),
            ("ID 3", 0, &[]),
            ("id 9999", 0, &[]),
            ("TYPE pubsub", 0, &[]),
            ("TYPE master", 0, &[]),
            ("ID 2 ID 4", 1, &[3]),
            ("LADDR 10.0.0.1:6379 USER default SKIPME no TYPE normal", 3, &[1, 4, 5]),
            ("USER default", 0, &[]),
        ] {
            let reply = client.run(&format!("CLIENT KILL {options}"));
            assert_eq!(reply, format!(":{killed}\r\n"), "{options}");
            let expected: Vec<_> = indexes.iter().map(|i| Message::Close(name(*i))).collect();
            assert_eq!(closed(&client), expected, "{options}");
        }
    }

    #[test]
    fn refused_options_kill_nobody() {
        let mut client = Harness::new();
        connect(&client, 1);
        for (options, error) in [
            ("a b", "syntax error"),
            ("ID 2 SKIPME", "syntax error"),
            ("ID 2 FOO", "syntax error"),
            ("ID 2 FOO x", "syntax error"),
            ("SKIPME x", "syntax error"),
            ("MAXAGE 100", "syntax error"),
            ("ID x", "client-id should be greater than 0"),
            ("ID 0", "client-id should be greater than 0"),
            ("ID -1", "client-id should be greater than 0"),
            ("ID 99999999999999999999", "client-id should be greater than 0"),
            ("TYPE x", "Unknown client type 'x'"),
            ("ID 2 TYPE x ADDR", "Unknown client type 'x'"),
            ("USER root", "No such user 'root'"),
        ] {
            let reply = client.run(&format!("CLIENT KILL {options}"));
            assert_eq!(reply, format!("-ERR {error}\r\n"), "{options}");
        }
        assert_eq!(closed(&client), []);
    }

    #[test]
    fn who_kills_itself_is_answered_first() {
        let mut client = Harness::new();
        connect(&client, 1);
        assert_eq!(client.run("CLIENT KILL ID 1"), ":0\r\n", "SKIPME is the default");
        assert!(!client.session.closing);
        assert_eq!(client.run("CLIENT KILL ID 1 SKIPME no"), ":1\r\n");
        assert!(client.session.closing);
        assert_eq!(closed(&client), [], "no need to write to itself");
        let mut client = Harness::new();
        assert_eq!(client.run("CLIENT KILL 127.0.0.1:0"), "+OK\r\n");
        assert!(client.session.closing);
    }

    #[test]
    fn a_full_mailbox_spares_nobody() {
        let mut client = Harness::new();
        let others: Vec<_> = (1..=20).map(|index| connect(&client, index)).collect();
        assert_eq!(client.run("CLIENT KILL TYPE normal"), ":20\r\n");
        assert_eq!(closed(&client).len(), 20, "the harness' mailbox is meant for 16");
        assert!(others.iter().all(|other| other.is_condemned()));
    }
}
