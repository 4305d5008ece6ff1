//! COMMAND DOCS: the documentation of commands; redis-cli makes its hints of it.

use super::command_info::{ALWAYS, statuses};
use super::table::{Entry, TABLE};
use super::{Argument, Call, Command, Error, Group, Kind};
use crate::resp::Reply;

pub(super) static DOCS: Command = Command {
    name: "docs",
    arity: -2,
    flags: ALWAYS,
    group: Group::Server,
    since: "7.0.0",
    complexity: "O(N) where N is the number of commands to look up",
    summary: "Returns the documentation of the named commands, or of all.",
    arguments: &[Argument::string("command-name").optional().multiple()],
    tips: &["nondeterministic_output_order"],
    categories: &["connection"],
    run: docs,
    ..Command::BASE
};

fn docs(call: &mut Call<'_>) -> Result<(), Error> {
    let names = call.args.rest(2);
    let found: Vec<Entry> = match names.len() {
        0 => TABLE.commands().collect(),
        _ => names.iter().filter_map(|name| TABLE.find_full(name)).collect(),
    };
    call.reply.map(found.len());
    found.into_iter().for_each(|entry| document(&mut call.reply, entry));
    Ok(())
}

/// A command's full name and what is to say of it, as a pair of a map.
fn document(reply: &mut Reply<'_>, entry: Entry) {
    let command = entry.command;
    let doc_flags = [("deprecated", command.deprecated.is_some()), ("syscmd", command.is_system)];
    let doc_flags = doc_flags.iter().filter(|(_, set)| *set).map(|(name, _)| *name);
    let has = |there: bool| usize::from(there);
    reply.bulk(TABLE.name(entry.number).as_bytes());
    reply.map(
        3 + has(!command.complexity.is_empty())
            + has(doc_flags.clone().next().is_some())
            + 2 * has(command.deprecated.is_some())
            + has(!command.history.is_empty())
            + has(!command.arguments.is_empty())
            + has(!command.subcommands.is_empty()),
    );
    text(reply, "summary", command.summary);
    text(reply, "since", command.since);
    text(reply, "group", command.group.name());
    if !command.complexity.is_empty() {
        text(reply, "complexity", command.complexity);
    }
    if doc_flags.clone().next().is_some() {
        reply.bulk(b"doc_flags");
        statuses(reply, doc_flags);
    }
    if let Some(deprecated) = &command.deprecated {
        text(reply, "deprecated_since", deprecated.since);
        text(reply, "replaced_by", deprecated.replaced_by);
    }
    if !command.history.is_empty() {
        reply.bulk(b"history");
        reply.set(command.history.len());
        for (version, change) in command.history {
            reply.array(2);
            reply.bulk(version.as_bytes());
            reply.bulk(change.as_bytes());
        }
    }
    if !command.arguments.is_empty() {
        reply.bulk(b"arguments");
        arguments(reply, command.arguments);
    }
    if !command.subcommands.is_empty() {
        reply.bulk(b"subcommands");
        reply.map(command.subcommands.len());
        TABLE.subcommands(entry).for_each(|subcommand| document(reply, subcommand));
    }
}

fn arguments(reply: &mut Reply<'_>, arguments: &[Argument]) {
    reply.array(arguments.len());
    arguments.iter().for_each(|one| argument(reply, one));
}

fn argument(reply: &mut Reply<'_>, argument: &Argument) {
    let flags = [
        ("optional", argument.optional),
        ("multiple", argument.multiple),
        ("multiple_token", argument.multiple_token),
    ];
    let flags = flags.iter().filter(|(_, set)| *set).map(|(name, _)| *name);
    let (key_spec, parts) = match argument.kind {
        Kind::Key(index) | Kind::KeyPattern(index) => (Some(index), None),
        Kind::OneOf(parts) | Kind::Block(parts) => (None, Some(parts)),
        _ => (None, None),
    };
    let has = |there: bool| usize::from(there);
    reply.map(
        2 + has(key_spec.is_some())
            + has(!argument.token.is_empty())
            + has(!argument.since.is_empty())
            + has(!argument.deprecated_since.is_empty())
            + has(flags.clone().next().is_some())
            + has(parts.is_some()),
    );
    text(reply, "name", argument.name);
    text(reply, "type", argument.kind.name());
    if let Some(index) = key_spec {
        reply.bulk(b"key_spec_index");
        reply.integer(index as i64);
    }
    if !argument.token.is_empty() {
        text(reply, "token", argument.token);
    }
    if !argument.since.is_empty() {
        text(reply, "since", argument.since);
    }
    if !argument.deprecated_since.is_empty() {
        text(reply, "deprecated_since", argument.deprecated_since);
    }
    if flags.clone().next().is_some() {
        reply.bulk(b"flags");
        statuses(reply, flags);
    }
    if let Some(parts) = parts {
        reply.bulk(b"arguments");
        arguments(reply, parts);
    }
}

fn text(reply: &mut Reply<'_>, name: &str, value: &str) {
    reply.bulk(name.as_bytes());
    reply.bulk(value.as_bytes());
}

impl Kind {
    fn name(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Double => "double",
            Self::Pattern | Self::KeyPattern(_) => "pattern",
            Self::UnixTime => "unix-time",
            Self::PureToken => "pure-token",
            Self::OneOf(_) => "oneof",
            Self::Block(_) => "block",
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::command::harness::Harness;
    use crate::resp::Version;

    /// The replies of redis-server 7.0.15, but for the summaries.
    #[test]
    fn docs_tell_arguments_and_history() {
        let mut harness = Harness::new();
        harness.speak(Version::V3);
        let config = harness.run("COMMAND DOCS config|set nosuch");
        let after_summary = config.split_once("$5\r\nsince\r\n").expect("it has one").1;
        assert_eq!(
            after_summary,
            "$5\r\n2.0.0\r\n$5\r\ngroup\r\n$6\r\nserver\r\n$10\r\ncomplexity\r\n\
             $62\r\nO(N) when N is the number of configuration parameters provided\r\n\
             $7\r\nhistory\r\n~1\r\n*2\r\n$5\r\n7.0.0\r\n\
             $57\r\nAdded the ability to set multiple parameters in one call.\r\n\
             $9\r\narguments\r\n*1\r\n%4\r\n$4\r\nname\r\n$15\r\nparameter_value\r\n\
             $4\r\ntype\r\n$5\r\nblock\r\n$5\r\nflags\r\n~1\r\n+multiple\r\n\
             $9\r\narguments\r\n*2\r\n%2\r\n$4\r\nname\r\n$9\r\nparameter\r\n$4\r\ntype\r\n$6\r\nstring\r\n\
             %2\r\n$4\r\nname\r\n$5\r\nvalue\r\n$4\r\ntype\r\n$6\r\nstring\r\n"
        );
        let debug = harness.run("COMMAND DOCS debug");
        assert!(debug.ends_with("$9\r\ndoc_flags\r\n~1\r\n+syscmd\r\n"), "{debug}");
    }

    #[test]
    fn subcommands_are_told_with_their_container() {
        let mut harness = Harness::new();
        let config = harness.run("COMMAND DOCS CONFIG");
        assert!(config.starts_with("*2\r\n$6\r\nconfig\r\n*10\r\n"), "{config}");
        assert!(config.contains("$11\r\nsubcommands\r\n*10\r\n$10\r\nconfig|get\r\n"), "{config}");
    }

    #[test]
    fn unknown_names_are_left_out() {
        let mut harness = Harness::new();
        assert_eq!(harness.run("COMMAND DOCS nosuch config|nosuch a|b"), "*0\r\n");
        let count = harness.run("COMMAND COUNT")[1..].trim_end().parse::<usize>().unwrap();
        assert!(harness.run("COMMAND DOCS").starts_with(&format!("*{}\r\n", 2 * count)));
    }
}
