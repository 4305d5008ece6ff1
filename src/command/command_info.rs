//! COMMAND: what clients, proxies and tools ask about the commands themselves.

use super::command_docs::DOCS;
use super::command_keys::{GETKEYS, GETKEYSANDFLAGS};
use super::help::help;
use super::table::{Entry, TABLE};
use super::{Argument, Call, Command, Error, Find, Flags, Group, KeySpec, Kind, options};
use crate::glob;
use crate::resp::{Args, Reply};

pub(super) const COMMANDS: &[&Command] = &[&COMMAND];

pub(super) const ALWAYS: Flags = Flags::LOADING.and(Flags::STALE);

pub static COMMAND: Command = Command {
    name: "command",
    arity: -1,
    flags: ALWAYS,
    group: Group::Server,
    since: "2.8.13",
    complexity: "O(N) where N is the total number of Redis commands",
    summary: "Describes all commands.",
    tips: &["nondeterministic_output_order"],
    categories: &["connection"],
    subcommands: &[&COUNT, &INFO, &DOCS, &LIST, &GETKEYS, &GETKEYSANDFLAGS, &HELP],
    run: |call| {
        describe_all(&mut call.reply);
        Ok(())
    },
    ..Command::BASE
};

static COUNT: Command = Command {
    name: "count",
    arity: 2,
    flags: ALWAYS,
    group: Group::Server,
    since: "2.8.13",
    summary: "Returns how many commands there are.",
    categories: &["connection"],
    run: |call| {
        call.reply.integer(TABLE.commands().count() as i64);
        Ok(())
    },
    ..Command::BASE
};

static INFO: Command = Command {
    name: "info",
    arity: -2,
    flags: ALWAYS,
    group: Group::Server,
    since: "2.8.13",
    complexity: "O(N) where N is the number of commands to look up",
    summary: "Describes the named commands, or all.",
    history: &[("7.0.0", "Allowed to be called with no argument to get info on all commands.")],
    arguments: &[Argument::string("command-name").optional().multiple()],
    tips: &["nondeterministic_output_order"],
    categories: &["connection"],
    run: info,
    ..Command::BASE
};

fn info(call: &mut Call<'_>) -> Result<(), Error> {
    let names = call.args.rest(2);
    if names.is_empty() {
        describe_all(&mut call.reply);
        return Ok(());
    }
    call.reply.array(names.len());
    for name in names.iter() {
        match TABLE.find_full(name) {
            Some(entry) => describe(&mut call.reply, entry),
            None => call.reply.null(),
        }
    }
    Ok(())
}

static LIST: Command = Command {
    name: "list",
    arity: -2,
    flags: ALWAYS,
    group: Group::Server,
    since: "7.0.0",
    complexity: "O(N) where N is the total number of Redis commands",
    summary: "Returns the names of all commands, or of those of a kind.",
    arguments: &[Argument::one_of(
        "filterby",
        &[
            Argument::string("module-name").token("MODULE"),
            Argument::string("category").token("ACLCAT"),
            Argument::new("pattern", Kind::Pattern).token("PATTERN"),
        ],
    )
    .token("FILTERBY")
    .optional()],
    tips: &["nondeterministic_output_order"],
    categories: &["connection"],
    run: list,
    ..Command::BASE
};

fn list(call: &mut Call<'_>) -> Result<(), Error> {
    let filter = Filter::parse(call.args.rest(2))?;
    let all =
        TABLE.commands().flat_map(|entry| [entry].into_iter().chain(TABLE.subcommands(entry)));
    let named = all.map(|entry| (entry.command, TABLE.name(entry.number)));
    let kept = named.filter(|(command, name)| filter.keeps(command, name));
    let names: Vec<_> = kept.map(|(_, name)| name).collect();
    call.reply.array(names.len());
    names.iter().for_each(|name| call.reply.bulk(name.as_bytes()));
    Ok(())
}

/// Which commands COMMAND LIST returns.
enum Filter<'a> {
    All,
    /// Those of a module: none, since there are no modules.
    Module,
    Category(&'a [u8]),
    Pattern(&'a [u8]),
}

impl<'a> Filter<'a> {
    /// Of the words that follow LIST.
    fn parse(words: Args<'a>) -> Result<Self, Error> {
        let mut words = words.iter();
        match (words.next(), words.next(), words.next(), words.next()) {
            (None, ..) => Ok(Self::All),
            (Some(filter_by), Some(kind), Some(asked), None)
                if options::is(filter_by, "FILTERBY") =>
            {
                match kind {
                    _ if options::is(kind, "MODULE") => Ok(Self::Module),
                    _ if options::is(kind, "ACLCAT") => Ok(Self::Category(asked)),
                    _ if options::is(kind, "PATTERN") => Ok(Self::Pattern(asked)),
                    _ => Err(Error::Syntax),
                }
            }
            _ => Err(Error::Syntax),
        }
    }

    fn keeps(&self, command: &'static Command, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Module => false,
            Self::Category(asked) => {
                categories(command).any(|name| name.as_bytes().eq_ignore_ascii_case(asked))
            }
            Self::Pattern(pattern) => glob::matches_in_any_case(pattern, name.as_bytes()),
        }
    }
}

static HELP: Command = Command {
    name: "help",
    arity: 2,
    flags: ALWAYS,
    group: Group::Server,
    since: "5.0.0",
    summary: "Explains the subcommands.",
    categories: &["connection"],
    run: |call| help(call, &COMMAND),
    ..Command::BASE
};

fn describe_all(reply: &mut Reply<'_>) {
    reply.array(TABLE.commands().count());
    TABLE.commands().for_each(|entry| describe(reply, entry));
}

/// The ten fields of <https://redis.io/docs/latest/commands/command/>.
fn describe(reply: &mut Reply<'_>, entry: Entry) {
    let command = entry.command;
    reply.array(10);
    reply.bulk(TABLE.name(entry.number).as_bytes());
    reply.integer(command.arity.into());
    let flags = FLAGS.iter().filter(|(flag, _)| command.flags.has(*flag)).map(|(_, name)| *name);
    let is_movable = |spec: &KeySpec| !matches!(spec.find, Find::Range { .. });
    let movable = command.keys.iter().any(is_movable).then_some("movablekeys");
    statuses(reply, flags.chain(movable));
    range_of_keys(command.keys).iter().for_each(|number| reply.integer(*number));
    statuses(reply, categories(command).map(|category| format!("@{category}")));
    reply.set(command.tips.len());
    command.tips.iter().for_each(|tip| reply.bulk(tip.as_bytes()));
    reply.set(command.keys.len());
    command.keys.iter().for_each(|spec| describe_keys(reply, spec));
    if command.subcommands.is_empty() {
        return reply.set(0);
    }
    reply.array(command.subcommands.len());
    TABLE.subcommands(entry).for_each(|subcommand| describe(reply, subcommand));
}

/// A set of statuses.
pub(super) fn statuses(reply: &mut Reply<'_>, words: impl Iterator<Item = impl AsRef<str>>) {
    let words: Vec<_> = words.collect();
    reply.set(words.len());
    words.iter().for_each(|word| reply.simple(word.as_ref()));
}

fn describe_keys(reply: &mut Reply<'_>, spec: &KeySpec) {
    reply.map(if spec.notes.is_empty() { 3 } else { 4 });
    if !spec.notes.is_empty() {
        reply.bulk(b"notes");
        reply.bulk(spec.notes.as_bytes());
    }
    reply.bulk(b"flags");
    statuses(reply, spec.flags.iter());
    reply.bulk(b"begin_search");
    match spec.find {
        Find::Unknown(_) => kind_and_numbers(reply, "unknown", &[]),
        _ => kind_and_numbers(reply, "index", &[("index", spec.begin as i64)]),
    }
    reply.bulk(b"find_keys");
    match spec.find {
        Find::Range { last, step } => {
            let range = [("lastkey", last.into()), ("keystep", step as i64), ("limit", 0)];
            kind_and_numbers(reply, "range", &range);
        }
        Find::Counted => {
            let counted = [("keynumidx", 0), ("firstkey", 1), ("keystep", 1)];
            kind_and_numbers(reply, "keynum", &counted);
        }
        Find::Unknown(_) => kind_and_numbers(reply, "unknown", &[]),
    }
}

fn kind_and_numbers(reply: &mut Reply<'_>, kind: &str, numbers: &[(&str, i64)]) {
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(kind.as_bytes());
    reply.bulk(b"spec");
    reply.map(numbers.len());
    for (name, number) in numbers {
        reply.bulk(name.as_bytes());
        reply.integer(*number);
    }
}

/// First key, last key and step, as clients asked before there were key specifications: those of
/// the first rule, and of the next ones as far as they follow without a gap.
fn range_of_keys(specs: &[KeySpec]) -> [i64; 3] {
    let range = |spec: &KeySpec| {
        let Find::Range { last, step } = spec.find else { return None };
        let begin = spec.begin as i64;
        let last = i64::from(last);
        Some([begin, if last < 0 { last } else { begin + last }, step as i64])
    };
    let mut ranges = specs.iter().map_while(range);
    let Some(mut whole) = ranges.next() else { return [0; 3] };
    for [begin, last, step] in ranges {
        if step != 1 || begin != whole[1] + 1 {
            break;
        }
        whole[1] = last;
    }
    whole
}

/// All categories of a command, in Redis' order.
pub(super) fn categories(command: &'static Command) -> impl Iterator<Item = &'static str> {
    let flags = command.flags;
    let implied = move |category: &str| match category {
        "write" => flags.has(Flags::WRITE),
        "read" => flags.has(Flags::READONLY),
        "admin" | "dangerous" => flags.has(Flags::ADMIN),
        "pubsub" => flags.has(Flags::PUBSUB),
        "fast" => flags.has(Flags::FAST),
        "slow" => !flags.has(Flags::FAST),
        "blocking" => flags.has(Flags::BLOCKING),
        _ => false,
    };
    // A container by itself does nothing with keys or connections.
    let of_group = command.group.category().filter(|_| command.subcommands.is_empty());
    // SORT names the types that it is for.
    let of_group = of_group.filter(|_| !command.categories.contains(&"set"));
    CATEGORIES.iter().copied().filter(move |category| {
        implied(category) || of_group == Some(category) || command.categories.contains(category)
    })
}

const CATEGORIES: &[&str] = &[
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
];

/// Flags with their names, in Redis' order.
const FLAGS: &[(Flags, &str)] = &[
    (Flags::WRITE, "write"),
    (Flags::READONLY, "readonly"),
    (Flags::DENYOOM, "denyoom"),
    (Flags::ADMIN, "admin"),
    (Flags::PUBSUB, "pubsub"),
    (Flags::NOSCRIPT, "noscript"),
    (Flags::BLOCKING, "blocking"),
    (Flags::LOADING, "loading"),
    (Flags::STALE, "stale"),
    (Flags::SKIP_MONITOR, "skip_monitor"),
    (Flags::SKIP_SLOWLOG, "skip_slowlog"),
    (Flags::ASKING, "asking"),
    (Flags::FAST, "fast"),
    (Flags::NO_AUTH, "no_auth"),
    (Flags::MAY_REPLICATE, "may_replicate"),
    (Flags::NO_MANDATORY_KEYS, "no_mandatory_keys"),
    (Flags::NO_MULTI, "no_multi"),
    (Flags::ALLOW_BUSY, "allow_busy"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::harness::Harness;
    use crate::resp::Version;

    /// The reply of redis-server 7.0.15.
    #[test]
    fn info_describes_flags_keys_and_categories() {
        let mut harness = Harness::new();
        assert_eq!(
            harness.run("COMMAND INFO get nosuch config|get"),
            "*3\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n\
             *3\r\n+@read\r\n+@string\r\n+@fast\r\n*0\r\n\
             *1\r\n*6\r\n$5\r\nflags\r\n*2\r\n+RO\r\n+access\r\n\
             $12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n\
             $4\r\nspec\r\n*2\r\n$5\r\nindex\r\n:1\r\n\
             $9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n\
             $4\r\nspec\r\n*6\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n\
             *0\r\n$-1\r\n\
             *10\r\n$10\r\nconfig|get\r\n:-3\r\n\
             *4\r\n+admin\r\n+noscript\r\n+loading\r\n+stale\r\n:0\r\n:0\r\n:0\r\n\
             *3\r\n+@admin\r\n+@slow\r\n+@dangerous\r\n*0\r\n*0\r\n*0\r\n"
        );
        harness.speak(Version::V3);
        assert_eq!(
            harness.run("COMMAND INFO time nosuch"),
            "*2\r\n*10\r\n$4\r\ntime\r\n:1\r\n~3\r\n+loading\r\n+stale\r\n+fast\r\n\
             :0\r\n:0\r\n:0\r\n~1\r\n+@fast\r\n~1\r\n$23\r\nnondeterministic_output\r\n~0\r\n~0\r\n\
             _\r\n"
        );
    }

    #[test]
    fn without_names_all_commands_are_described() {
        let mut harness = Harness::new();
        let all = harness.run("COMMAND");
        let count = harness.run("COMMAND COUNT");
        assert!(all.starts_with(&count.replace(':', "*")), "{count}");
        assert!(all.contains("$11\r\nconfig|help\r\n"));
        assert_eq!(harness.run("COMMAND INFO"), all);
    }

    #[test]
    fn list_filters_full_names() {
        let mut harness = Harness::new();
        let all = harness.run("COMMAND LIST");
        assert!(all.contains("$3\r\nget\r\n") && all.contains("$13\r\ncommand|count\r\n"), "{all}");
        let cases = [
            ("COMMAND LIST FILTERBY PATTERN CONF*G", "*1\r\n$6\r\nconfig\r\n"),
            ("COMMAND LIST filterby aclcat nosuch", "*0\r\n"),
            ("COMMAND LIST FILTERBY MODULE x", "*0\r\n"),
            ("COMMAND LIST FILTERBY PATTERN", "-ERR syntax error\r\n"),
            ("COMMAND LIST FILTERBY nosuch x", "-ERR syntax error\r\n"),
            ("COMMAND LIST x PATTERN x", "-ERR syntax error\r\n"),
        ];
        for (line, expected) in cases {
            assert_eq!(harness.run(line), expected, "{line}");
        }
        let strings = harness.run("COMMAND LIST FILTERBY ACLCAT STRING");
        assert!(strings.contains("get") && !strings.contains("command"), "{strings}");
    }

    #[test]
    fn rules_that_follow_each_other_make_one_range() {
        const READ: &[&str] = KeySpec::READ;
        assert_eq!(range_of_keys(&[]), [0, 0, 0]);
        assert_eq!(range_of_keys(&[KeySpec::pairs(READ)]), [1, -1, 2]);
        assert_eq!(range_of_keys(&[KeySpec::at(1, READ), KeySpec::at(2, READ)]), [1, 2, 1]);
        assert_eq!(range_of_keys(&[KeySpec::at(1, READ), KeySpec::at(3, READ)]), [1, 1, 1]);
    }
}
