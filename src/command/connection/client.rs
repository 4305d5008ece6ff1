//! CLIENT: what a connection says of itself, and how it is treated.

use std::sync::atomic::Ordering;

use super::client_kill::KILL;
use super::client_list::{INFO, LIST};
use super::client_unblock::UNBLOCK;
use crate::command::help::help;
use crate::command::options::is;
use crate::command::{Argument, Call, Command, Error, Flags, Group};
use crate::session::Replies;

pub(super) static CLIENT: Command = Command {
    name: "client",
    arity: -2,
    group: Group::Connection,
    since: "2.4.0",
    complexity: "Depends on subcommand.",
    summary: "Looks at connections, names, closes and tunes them.",
    subcommands: &[
        &GETNAME, &ID, &INFO, &KILL, &LIST, &NO_EVICT, &NO_TOUCH, &REPLY, &SETINFO, &SETNAME,
        &UNBLOCK, &HELP,
    ],
    ..Command::BASE
};

/// Of the subcommands with which a client touches nobody but itself.
pub(super) const OWN: Flags = Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE);

/// Of those with which it could do harm.
pub(super) const ADMIN: Flags = OWN.and(Flags::ADMIN);

const ON_OFF: &[Argument] =
    &[Argument::one_of("enabled", &[Argument::word("on", "ON"), Argument::word("off", "OFF")])];

static GETNAME: Command = Command {
    name: "getname",
    arity: 2,
    flags: OWN,
    group: Group::Connection,
    since: "2.6.9",
    summary: "Returns the name of the connection.",
    run: getname,
    ..Command::BASE
};

fn getname(call: &mut Call<'_>) -> Result<(), Error> {
    let name = call.session.client.names().name;
    if name.is_empty() {
        call.reply.null();
    } else {
        call.reply.bulk(name.as_bytes());
    }
    Ok(())
}

static SETNAME: Command = Command {
    name: "setname",
    arity: 3,
    flags: OWN,
    group: Group::Connection,
    since: "2.6.9",
    summary: "Names the connection; an empty name takes the name away.",
    arguments: &[Argument::string("connection-name")],
    run: setname,
    ..Command::BASE
};

fn setname(call: &mut Call<'_>) -> Result<(), Error> {
    let args = call.args;
    set_name(call, &args[2])?;
    call.reply.ok();
    Ok(())
}

pub(super) fn set_name(call: &mut Call<'_>, name: &[u8]) -> Result<(), Error> {
    let text = "Client names cannot contain spaces, newlines or special characters.";
    let name = visible(name).ok_or_else(|| Error::text(text))?;
    call.session.client.rename(|names| names.name = name.to_owned());
    Ok(())
}

static SETINFO: Command = Command {
    name: "setinfo",
    arity: 4,
    flags: OWN,
    group: Group::Connection,
    since: "7.2.0",
    summary: "Notes the name or the version of the client's library.",
    arguments: &[Argument::one_of(
        "attr",
        &[
            Argument::string("libname").token("LIB-NAME"),
            Argument::string("libver").token("LIB-VER"),
        ],
    )],
    run: setinfo,
    ..Command::BASE
};

fn setinfo(call: &mut Call<'_>) -> Result<(), Error> {
    let (attribute, value) = (&call.args[2], &call.args[3]);
    let is_name = is(attribute, "LIB-NAME");
    if !is_name && !is(attribute, "LIB-VER") {
        return Err(Error::about("Unrecognized option", attribute));
    }
    let refusal = || {
        let attribute = String::from_utf8_lossy(attribute);
        Error::text(format!("{attribute} cannot contain spaces, newlines or special characters."))
    };
    let value = visible(value).ok_or_else(refusal)?.to_owned();
    call.session.client.rename(|names| match is_name {
        true => names.lib_name = value,
        false => names.lib_version = value,
    });
    call.reply.ok();
    Ok(())
}

/// The text, if CLIENT LIST can show it between spaces: of visible ASCII only.
fn visible(text: &[u8]) -> Option<&str> {
    str::from_utf8(text).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()))
}

static ID: Command = Command {
    name: "id",
    arity: 2,
    flags: OWN,
    group: Group::Connection,
    since: "5.0.0",
    summary: "Returns the number of the connection, which no other one gets.",
    run: id,
    ..Command::BASE
};

fn id(call: &mut Call<'_>) -> Result<(), Error> {
    call.reply.integer(call.session.client.id as i64);
    Ok(())
}

static NO_EVICT: Command = Command {
    name: "no-evict",
    arity: 3,
    flags: ADMIN,
    group: Group::Connection,
    since: "7.0.0",
    summary: "Spares the connection when clients are closed to save memory.",
    arguments: ON_OFF,
    run: no_evict,
    ..Command::BASE
};

fn no_evict(call: &mut Call<'_>) -> Result<(), Error> {
    let on = on_or_off(&call.args[2])?;
    call.session.client.no_evict.store(on, Ordering::Relaxed);
    call.reply.ok();
    Ok(())
}

static NO_TOUCH: Command = Command {
    name: "no-touch",
    arity: 3,
    flags: OWN,
    group: Group::Connection,
    since: "7.2.0",
    summary: "Leaves unnoted when the connection's commands use a key.",
    arguments: ON_OFF,
    run: no_touch,
    ..Command::BASE
};

fn no_touch(call: &mut Call<'_>) -> Result<(), Error> {
    let on = on_or_off(&call.args[2])?;
    call.session.client.no_touch.store(on, Ordering::Relaxed);
    call.keyspace.set_touch(!on); // for what follows in this batch
    call.reply.ok();
    Ok(())
}

fn on_or_off(word: &[u8]) -> Result<bool, Error> {
    match word {
        _ if is(word, "ON") => Ok(true),
        _ if is(word, "OFF") => Ok(false),
        _ => Err(Error::Syntax),
    }
}

static REPLY: Command = Command {
    name: "reply",
    arity: 3,
    flags: OWN,
    group: Group::Connection,
    since: "3.2.0",
    summary: "Turns replies on or off, or skips the next one.",
    arguments: &[Argument::one_of(
        "on_off_skip",
        &[Argument::word("on", "ON"), Argument::word("off", "OFF"), Argument::word("skip", "SKIP")],
    )],
    run: reply,
    ..Command::BASE
};

/// Only ON has a reply; the dispatcher takes the others' back.
fn reply(call: &mut Call<'_>) -> Result<(), Error> {
    let word = &call.args[2];
    let off = call.session.replies == Replies::Off;
    call.session.replies = match word {
        _ if is(word, "ON") => Replies::On,
        _ if is(word, "OFF") => Replies::Off,
        _ if is(word, "SKIP") && off => Replies::Off,
        _ if is(word, "SKIP") => Replies::SkipNext,
        _ => return Err(Error::Syntax),
    };
    call.reply.ok();
    Ok(())
}

static HELP: Command = Command {
    name: "help",
    arity: 2,
    flags: Flags::LOADING.and(Flags::STALE),
    group: Group::Connection,
    since: "5.0.0",
    summary: "Shows what the subcommands do.",
    run: |call| help(call, &CLIENT),
    ..Command::BASE
};

#[cfg(test)]
mod tests {
    use crate::command::harness::Harness;
    use crate::resp::Version;

    const SYNTAX: &str = "-ERR syntax error\r\n";

    #[test]
    fn names_are_visible_ascii() {
        let mut client = Harness::new();
        assert_eq!(client.run("CLIENT GETNAME"), "$-1\r\n");
        assert_eq!(client.run("CLIENT SETNAME !~"), "+OK\r\n");
        for name in [&b"a b"[..], b"a\n", b" ", b"\x7f", b"a\0b", b"\xe4", "ä".as_bytes()] {
            assert_eq!(
                client.run_words(&[&b"CLIENT"[..], b"SETNAME", name]),
                "-ERR Client names cannot contain spaces, newlines or special characters.\r\n"
            );
        }
        assert_eq!(client.run("client getname"), "$2\r\n!~\r\n", "refused names change nothing");
        assert_eq!(client.run("CLIENT SETNAME "), "+OK\r\n");
        assert_eq!(client.run("CLIENT GETNAME"), "$-1\r\n", "the empty name is none");
    }

    #[test]
    fn libraries_say_who_they_are() {
        let mut client = Harness::new();
        assert_eq!(client.run("CLIENT SETINFO LIB-NAME redis-py"), "+OK\r\n");
        assert_eq!(client.run("CLIENT SETINFO lib-ver 8.0.0"), "+OK\r\n");
        assert_eq!(
            client.run_words(&["CLIENT", "SETINFO", "Lib-Name", "redis py"]),
            "-ERR Lib-Name cannot contain spaces, newlines or special characters.\r\n"
        );
        assert_eq!(
            client.run("CLIENT SETINFO LIB-AGE 3"),
            "-ERR Unrecognized option 'LIB-AGE'\r\n"
        );
        assert_eq!(client.run("RESET"), "+RESET\r\n");
        let info = client.run("CLIENT INFO");
        assert!(info.ends_with(" lib-name=redis-py lib-ver=8.0.0\n\r\n"), "{info}");
        assert_eq!(client.run("CLIENT SETINFO LIB-NAME "), "+OK\r\n");
        assert!(client.run("CLIENT INFO").contains(" lib-name= lib-ver=8.0.0\n"));
    }

    #[test]
    fn modes_are_on_or_off() {
        let mut client = Harness::new();
        for (mode, flags) in [("NO-EVICT", "e"), ("NO-TOUCH", "T")] {
            assert_eq!(client.run(&format!("CLIENT {mode} on")), "+OK\r\n");
            assert!(client.run("CLIENT INFO").contains(&format!(" flags={flags} ")));
            assert_eq!(client.run(&format!("CLIENT {mode} maybe")), SYNTAX);
            assert_eq!(client.run(&format!("CLIENT {mode} OFF")), "+OK\r\n");
            assert!(client.run("CLIENT INFO").contains(" flags=N "));
        }
    }

    /// Requests on one connection, each with the reply that redis-server 7.0.15 sends.
    #[test]
    fn replies_are_sent_skipped_and_held_back() {
        let scripts: &[&[(&str, &str)]] = &[
            &[("CLIENT REPLY x", SYNTAX), ("CLIENT REPLY on", "+OK\r\n")],
            &[("CLIENT REPLY SKIP", ""), ("PING", ""), ("PING", "+PONG\r\n")],
            // The second SKIP is the one that is skipped, and skips the next one.
            &[
                ("CLIENT REPLY SKIP", ""),
                ("CLIENT REPLY SKIP", ""),
                ("PING", ""),
                ("PING", "+PONG\r\n"),
            ],
            &[("CLIENT REPLY SKIP", ""), ("CLIENT REPLY ON", "+OK\r\n"), ("PING", "+PONG\r\n")],
            // Errors are replies.
            &[("CLIENT REPLY SKIP", ""), ("NOSUCH", ""), ("PING", "+PONG\r\n")],
            &[("CLIENT REPLY SKIP", ""), ("CLIENT REPLY x", ""), ("PING", "+PONG\r\n")],
            &[
                ("CLIENT REPLY OFF", ""),
                ("PING", ""),
                ("NOSUCH", ""),
                ("GET", ""),
                ("CLIENT REPLY x", ""),
                ("HELLO 3", ""),
                ("CLIENT REPLY SKIP", ""),
                ("PING", ""),
                ("CLIENT REPLY ON", "+OK\r\n"),
                ("GET nothing", "_\r\n"),
            ],
            &[
                ("CLIENT REPLY SKIP", ""),
                ("CLIENT REPLY OFF", ""),
                ("PING", ""),
                ("CLIENT REPLY ON", "+OK\r\n"),
            ],
        ];
        for script in scripts {
            let mut client = Harness::new();
            for (position, (request, reply)) in script.iter().enumerate() {
                assert_eq!(client.run(request), *reply, "{position} of {script:?}");
            }
        }
    }

    #[test]
    fn a_command_without_a_reply_takes_effect() {
        let mut client = Harness::new();
        client.run("CLIENT REPLY OFF");
        client.run("INCR k");
        client.run("CLIENT REPLY SKIP");
        client.run("INCR k");
        client.run("CLIENT REPLY ON");
        assert_eq!(client.run("GET k"), "$1\r\n2\r\n");
    }

    #[test]
    fn what_is_not_there_is_unknown() {
        let mut client = Harness::new();
        for (request, shown) in [
            ("CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type t", "MAINT_NOTIFICATIONS"),
            ("CLIENT TRACKING ON", "TRACKING"),
            ("client NOSUCH\n", "NOSUCH "),
            ("CLIENT a\0b", "a"),
        ] {
            assert_eq!(
                client.run(request),
                format!("-ERR unknown subcommand '{shown}'. Try CLIENT HELP.\r\n")
            );
        }
        let long = "x".repeat(300);
        assert_eq!(
            client.run(&format!("CLIENT {long}")),
            format!("-ERR unknown subcommand '{}'. Try CLIENT HELP.\r\n", &long[..128])
        );
    }

    #[test]
    fn help_has_two_lines_for_each_subcommand() {
        let mut client = Harness::new();
        let help = client.run("CLIENT HELP");
        let lines: Vec<&str> = help.lines().collect();
        assert_eq!(lines[0], format!("*{}", lines.len() - 1));
        assert_eq!(lines[1], "+CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
        for usage in [
            "+GETNAME",
            "+LIST [TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]",
            "+NO-EVICT <ON | OFF>",
            "+SETINFO <LIB-NAME libname | LIB-VER libver>",
        ] {
            assert!(lines.contains(&usage), "{usage} in {help}");
        }
        assert_eq!(lines[lines.len() - 2], "+HELP");
        assert!(lines[2..].iter().all(|line| line.starts_with('+')));
        client.speak(Version::V3);
        assert_eq!(client.run("CLIENT HELP"), help);
        assert_eq!(
            client.run("CLIENT HELP x"),
            "-ERR wrong number of arguments for 'client|help' command\r\n"
        );
    }
}
