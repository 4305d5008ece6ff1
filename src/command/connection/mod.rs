//! Connections: PING, SELECT and their kind. AUTH, HELLO and CLIENT have files of their own.

mod auth;
mod client;
mod client_kill;
mod client_list;
mod client_unblock;
#[cfg(test)]
mod handshakes;
mod hello;

use super::options::database;
use super::{Argument, Call, Command, Error, Flags, Group};

/// The commands of this group, in the order of Redis' documentation.
pub(super) const COMMANDS: &[&Command] =
    &[&auth::AUTH, &client::CLIENT, &ECHO, &hello::HELLO, &PING, &QUIT, &RESET, &SELECT];

/// Of what runs at any time: while data is loaded, and before the client has said who it is.
const ANY_TIME: Flags = Flags::NOSCRIPT
    .and(Flags::LOADING)
    .and(Flags::STALE)
    .and(Flags::FAST)
    .and(Flags::NO_AUTH)
    .and(Flags::ALLOW_BUSY);

pub static ECHO: Command = Command {
    name: "echo",
    arity: 2,
    flags: Flags::LOADING.and(Flags::STALE).and(Flags::FAST),
    group: Group::Connection,
    since: "1.0.0",
    summary: "Returns the message.",
    arguments: &[Argument::string("message")],
    run: echo,
    ..Command::BASE
};

fn echo(call: &mut Call<'_>) -> Result<(), Error> {
    call.reply.bulk(&call.args[1]);
    Ok(())
}

pub static PING: Command = Command {
    name: "ping",
    arity: -1,
    flags: Flags::FAST,
    group: Group::Connection,
    since: "1.0.0",
    summary: "Returns PONG, or the message: the server is alive.",
    arguments: &[Argument::string("message").optional()],
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    run: ping,
    ..Command::BASE
};

fn ping(call: &mut Call<'_>) -> Result<(), Error> {
    match call.args.len() {
        1 => call.reply.simple("PONG"),
        2 => call.reply.bulk(&call.args[1]),
        _ => return Err(Error::Arity("ping".to_owned())),
    }
    Ok(())
}

pub static QUIT: Command = Command {
    name: "quit",
    arity: -1,
    flags: ANY_TIME,
    group: Group::Connection,
    since: "1.0.0",
    summary: "Closes the connection after the replies so far.",
    run: quit,
    ..Command::BASE
};

fn quit(call: &mut Call<'_>) -> Result<(), Error> {
    call.session.closing = true;
    call.reply.ok();
    Ok(())
}

pub static RESET: Command = Command {
    name: "reset",
    arity: 1,
    flags: ANY_TIME,
    group: Group::Connection,
    since: "6.2.0",
    summary: "Puts the connection back into the state of a new one.",
    run: reset,
    ..Command::BASE
};

fn reset(call: &mut Call<'_>) -> Result<(), Error> {
    call.session.reset(call.instance.config.requirepass.get().is_empty());
    call.keyspace.set_touch(true);
    call.reply.simple("RESET");
    Ok(())
}

pub static SELECT: Command = Command {
    name: "select",
    arity: 2,
    flags: Flags::LOADING.and(Flags::STALE).and(Flags::FAST),
    group: Group::Connection,
    since: "1.0.0",
    summary: "Changes the database that the connection's commands work on.",
    arguments: &[Argument::integer("index")],
    run: select,
    ..Command::BASE
};

fn select(call: &mut Call<'_>) -> Result<(), Error> {
    call.session.db = database(&call.args[1], call.instance.config.databases)?;
    call.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::command::harness::Harness;

    const NOAUTH: &str = "-NOAUTH Authentication required.\r\n";

    #[test]
    fn ping_and_echo_give_back_what_they_got() {
        let mut client = Harness::new();
        assert_eq!(client.run("PING"), "+PONG\r\n");
        assert_eq!(client.run("ping hi"), "$2\r\nhi\r\n");
        assert_eq!(client.run("PING a b"), "-ERR wrong number of arguments for 'ping' command\r\n");
        assert_eq!(client.run_words(&[&b"ECHO"[..], b"a\r\n\0b"]), "$5\r\na\r\n\0b\r\n");
        assert_eq!(client.run("ECHO"), "-ERR wrong number of arguments for 'echo' command\r\n");
    }

    #[test]
    fn select_takes_the_databases_there_are() {
        let mut client = Harness::new();
        client.run("INCR k");
        assert_eq!(client.run("SELECT 15"), "+OK\r\n");
        assert_eq!(client.run("GET k"), "$-1\r\n");
        for (index, error) in [
            ("16", "DB index is out of range"),
            ("-1", "DB index is out of range"),
            ("2147483647", "DB index is out of range"),
            ("2147483648", "value is out of range, value must between -2147483648 and 2147483647"),
            ("01", "value is not an integer or out of range"),
            ("x", "value is not an integer or out of range"),
        ] {
            assert_eq!(client.run(&format!("SELECT {index}")), format!("-ERR {error}\r\n"));
        }
        assert_eq!(client.session.db, 15, "a refused SELECT changes nothing");
        assert_eq!(client.run("SELECT 0"), "+OK\r\n");
        assert_eq!(client.run("GET k"), "$1\r\n1\r\n");
    }

    #[test]
    fn quit_answers_and_closes() {
        let mut client = Harness::with_password("pw");
        assert!(!client.session.closing);
        assert_eq!(client.run("QUIT now"), "+OK\r\n");
        assert!(client.session.closing);
    }

    #[test]
    fn reset_makes_a_new_client_of_an_old_one() {
        let mut client = Harness::new();
        for request in
            ["SELECT 3", "CLIENT SETNAME me", "CLIENT NO-EVICT ON", "CLIENT NO-TOUCH ON", "HELLO 3"]
        {
            assert!(!client.run(request).starts_with('-'), "{request}");
        }
        assert_eq!(client.run("RESET"), "+RESET\r\n");
        assert_eq!(client.run("CLIENT GETNAME"), "$-1\r\n", "no name, and RESP2");
        let info = client.run("CLIENT INFO");
        assert!(info.contains(" flags=N db=0 ") && info.contains(" resp=2 "), "{info}");
    }

    #[test]
    fn reset_takes_the_password_back() {
        let mut client = Harness::with_password("pw");
        assert_eq!(client.run("AUTH pw"), "+OK\r\n");
        assert_eq!(client.run("PING"), "+PONG\r\n");
        assert_eq!(client.run("RESET"), "+RESET\r\n");
        assert_eq!(client.run("PING"), NOAUTH);
    }

    #[test]
    fn reset_turns_replies_on_unless_its_own_is_skipped() {
        let mut client = Harness::new();
        assert_eq!(client.run("CLIENT REPLY OFF"), "");
        assert_eq!(client.run("RESET"), "+RESET\r\n");
        assert_eq!(client.run("CLIENT REPLY SKIP"), "");
        assert_eq!(client.run("RESET"), "");
        assert_eq!(client.run("PING"), "+PONG\r\n");
    }

    /// Refusals come in this order: no such command, wrong number of words, no password.
    #[test]
    fn strangers_learn_what_is_wrong_with_a_request_first() {
        let mut client = Harness::with_password("pw");
        for (request, error) in [
            ("NOSUCH a", "-ERR unknown command 'NOSUCH', with args beginning with: 'a' \r\n"),
            ("CLIENT NOSUCH", "-ERR unknown subcommand 'NOSUCH'. Try CLIENT HELP.\r\n"),
            ("CLIENT", "-ERR wrong number of arguments for 'client' command\r\n"),
            ("CLIENT ID x", "-ERR wrong number of arguments for 'client|id' command\r\n"),
            ("GET", "-ERR wrong number of arguments for 'get' command\r\n"),
            ("PING a b", NOAUTH),
            ("CLIENT HELP", NOAUTH),
            ("GET k", NOAUTH),
        ] {
            assert_eq!(client.run(request), error, "{request}");
        }
        assert_eq!(client.run("RESET"), "+RESET\r\n");
    }

    #[test]
    fn strangers_are_let_in_when_the_password_goes() {
        let mut client = Harness::with_password("pw");
        let set = |client: &Harness, password: &str| {
            let pair = (&b"requirepass"[..], password.as_bytes());
            client.worker.instance.config.set_many([pair]).expect("any text is a password");
        };
        assert_eq!(client.run("PING"), NOAUTH);
        set(&client, "");
        assert_eq!(client.run("PING"), "+PONG\r\n");
        set(&client, "pw");
        assert_eq!(client.run("PING"), NOAUTH);
    }

    #[test]
    fn unknown_commands_are_shown_with_a_part_of_their_words() {
        let mut client = Harness::new();
        let error = |name: &str, args: &str| {
            format!("-ERR unknown command '{name}', with args beginning with: {args}\r\n")
        };
        let many = |arg: &'static str| {
            let words: Vec<&str> = ["NOSUCH"].into_iter().chain([arg; 50]).collect();
            Harness::new().run_words(&words)
        };
        assert_eq!(many("a"), error("NOSUCH", &"'a' ".repeat(32)));
        assert_eq!(many(""), error("NOSUCH", &"'' ".repeat(43)));
        let long = "x".repeat(200);
        let shown = &long[..128];
        assert_eq!(client.run(&format!("NOSUCH {long}")), error("NOSUCH", &format!("'{shown}' ")));
        assert_eq!(client.run_words(&[&long, "b\r\nc\0d"]), error(shown, "'b  c' "));
    }
}
