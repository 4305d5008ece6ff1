//! COMMAND GETKEYS: the keys of a whole request, for proxies that send it where its keys are.

use super::command_info::{ALWAYS, statuses};
use super::table::TABLE;
use super::{Call, Command, Error, Flags, Group};
use crate::resp::Args;

pub(super) static GETKEYS: Command = Command {
    name: "getkeys",
    arity: -4,
    flags: ALWAYS,
    group: Group::Server,
    since: "2.8.13",
    complexity: "O(N) where N is the number of arguments to the command",
    summary: "Returns the keys of a request, which is not run.",
    categories: &["connection"],
    run: get_keys,
    ..Command::BASE
};

fn get_keys(call: &mut Call<'_>) -> Result<(), Error> {
    let keys = keys_of(call.args.rest(2))?;
    call.reply.array(keys.len());
    keys.iter().for_each(|(key, _)| call.reply.bulk(key));
    Ok(())
}

pub(super) static GETKEYSANDFLAGS: Command = Command {
    name: "getkeysandflags",
    arity: -4,
    flags: ALWAYS,
    group: Group::Server,
    since: "7.0.0",
    complexity: "O(N) where N is the number of arguments to the command",
    summary: "Returns the keys of a request, each with what would be done to it.",
    categories: &["connection"],
    run: get_keys_and_flags,
    ..Command::BASE
};

fn get_keys_and_flags(call: &mut Call<'_>) -> Result<(), Error> {
    let keys = keys_of(call.args.rest(2))?;
    call.reply.array(keys.len());
    for (key, flags) in keys {
        call.reply.array(2);
        call.reply.bulk(key);
        statuses(&mut call.reply, flags.iter());
    }
    Ok(())
}

/// A key, and what would be done to it.
type FlaggedKey<'a> = (&'a [u8], &'static [&'static str]);

fn keys_of(request: Args<'_>) -> Result<Vec<FlaggedKey<'_>>, Error> {
    let command = find(request).ok_or_else(|| Error::text("Invalid command specified"))?;
    if command.keys.is_empty() {
        return Err(Error::text("The command has no key arguments"));
    }
    if !command.accepts(request.len()) {
        return Err(Error::text("Invalid number of arguments specified for command"));
    }
    let exact = command.key_flags.map(|key_flags| key_flags(request));
    let found = command.keys.iter().flat_map(|spec| {
        let keys = spec.places(request).filter_map(move |place| request.get(place));
        keys.map(move |key| (key, exact.unwrap_or(spec.flags)))
    });
    let found: Vec<_> = found.collect();
    if found.is_empty() && !command.flags.has(Flags::NO_MANDATORY_KEYS) {
        return Err(Error::text("Invalid arguments specified for command"));
    }
    Ok(found)
}

fn find(request: Args<'_>) -> Option<&'static Command> {
    let entry = TABLE.find(request.get(0)?)?;
    if entry.command.subcommands.is_empty() {
        return Some(entry.command);
    }
    TABLE.find_subcommand(entry, request.get(1)?).map(|entry| entry.command)
}

#[cfg(test)]
mod tests {
    use crate::command::harness::Harness;
    use crate::resp::Version;

    /// Replies of redis-server 7.0.15.
    #[test]
    fn keys_are_found_or_the_request_is_refused() {
        let mut harness = Harness::new();
        let cases = [
            ("COMMAND GETKEYS GET a", "*1\r\n$1\r\na\r\n"),
            ("COMMAND GETKEYSANDFLAGS get a", "*1\r\n*2\r\n$1\r\na\r\n*2\r\n+RO\r\n+access\r\n"),
            ("COMMAND GETKEYS mset a 1 b 2", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"),
            ("COMMAND GETKEYSANDFLAGS set a b", "*1\r\n*2\r\n$1\r\na\r\n*2\r\n+OW\r\n+update\r\n"),
            (
                "COMMAND GETKEYSANDFLAGS set a b ex 1 get",
                "*1\r\n*2\r\n$1\r\na\r\n*3\r\n+RW\r\n+access\r\n+update\r\n",
            ),
            (
                "COMMAND GETKEYS get a b",
                "-ERR Invalid number of arguments specified for command\r\n",
            ),
            ("COMMAND GETKEYS nosuch a", "-ERR Invalid command specified\r\n"),
            ("COMMAND GETKEYS config nosuch", "-ERR Invalid command specified\r\n"),
            ("COMMAND GETKEYS config get a", "-ERR The command has no key arguments\r\n"),
            (
                "COMMAND GETKEYS get",
                "-ERR wrong number of arguments for 'command|getkeys' command\r\n",
            ),
        ];
        for (line, expected) in cases {
            assert_eq!(harness.run(line), expected, "{line}");
        }
        harness.speak(Version::V3);
        let flags = harness.run("COMMAND GETKEYSANDFLAGS get a");
        assert_eq!(flags, "*1\r\n*2\r\n$1\r\na\r\n~2\r\n+RO\r\n+access\r\n");
    }
}
