//! CONFIG: directives read and changed while the server runs, and counters set back.

use std::borrow::Cow;

use super::help::help;
use super::maxmemory;
use super::{Argument, Call, Command, Error, Flags, Group};
use crate::config::{Config, Directive};
use crate::glob;

pub(super) const COMMANDS: &[&Command] = &[&CONFIG];

const ADMIN: Flags = Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE);

pub static CONFIG: Command = Command {
    name: "config",
    arity: -2,
    group: Group::Server,
    since: "2.0.0",
    complexity: "Depends on subcommand.",
    summary: "Holds the commands for the server's configuration.",
    subcommands: &[&GET, &SET, &RESETSTAT, &REWRITE, &HELP],
    ..Command::BASE
};

static GET: Command = Command {
    name: "get",
    arity: -3,
    flags: ADMIN,
    group: Group::Server,
    since: "2.0.0",
    complexity: "O(N) when N is the number of configuration parameters provided",
    summary: "Returns the directives whose names match, with their values.",
    history: &[("7.0.0", "Added the ability to pass multiple pattern parameters in one call")],
    arguments: &[Argument::block("parameter", &[Argument::string("parameter")]).multiple()],
    run: get,
    ..Command::BASE
};

fn get(call: &mut Call<'_>) -> Result<(), Error> {
    let mut found: Vec<(Cow<'_, str>, String)> = Vec::new();
    for pattern in call.args.rest(2).iter() {
        for (name, value) in asked(&call.instance.config, pattern) {
            if !found.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                found.push((name, value));
            }
        }
    }
    call.reply.map(found.len());
    for (name, value) in found {
        call.reply.bulk(name.as_bytes());
        call.reply.bulk(value.as_bytes());
    }
    Ok(())
}

/// Name and value of the directives that a pattern means. One named outright keeps the name as the
/// client wrote it, as in Redis.
fn asked<'a>(config: &Config, pattern: &'a [u8]) -> Vec<(Cow<'a, str>, String)> {
    if pattern.iter().any(|byte| b"[*?".contains(byte)) {
        let matches = |name: &str| glob::matches_in_any_case(pattern, name.as_bytes());
        return config.matching(matches).map(|(name, value)| (name.into(), value)).collect();
    }
    let name = String::from_utf8_lossy(pattern);
    let directive = Directive::find(&name);
    directive.map(|directive| (name, directive.value(config))).into_iter().collect()
}

static SET: Command = Command {
    name: "set",
    arity: -4,
    flags: ADMIN,
    group: Group::Server,
    since: "2.0.0",
    complexity: "O(N) when N is the number of configuration parameters provided",
    summary: "Changes directives: all of them, or none if one is refused.",
    history: &[("7.0.0", "Added the ability to set multiple parameters in one call.")],
    arguments: &[Argument::block(
        "parameter_value",
        &[Argument::string("parameter"), Argument::string("value")],
    )
    .multiple()],
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    run: set,
    ..Command::BASE
};

fn set(call: &mut Call<'_>) -> Result<(), Error> {
    let words = call.args.rest(2);
    if !words.len().is_multiple_of(2) {
        return Err(Error::Syntax);
    }
    let pairs = words.iter().step_by(2).zip(words.iter().skip(1).step_by(2));
    let config = &call.instance.config;
    config.set_many(pairs).map_err(|refusal| Error::text(refusal.message()))?;
    call.instance.connections.set_limit(config.maxclients.get() as usize);
    call.keyspace.set_lfu(maxmemory::lfu(config)); // for what follows in this batch
    // Reactors that sleep may have to wake earlier now, or have work to do.
    call.instance.reactors.iter().for_each(|reactor| reactor.mailbox.ring());
    call.reply.ok();
    Ok(())
}

static RESETSTAT: Command = Command {
    name: "resetstat",
    arity: 2,
    flags: ADMIN,
    group: Group::Server,
    since: "2.0.0",
    summary: "Sets the counters that INFO shows back to zero.",
    run: resetstat,
    ..Command::BASE
};

fn resetstat(call: &mut Call<'_>) -> Result<(), Error> {
    for reactor in &call.instance.reactors {
        reactor.stats.reset();
        reactor.commands.reset();
    }
    call.reply.ok();
    Ok(())
}

static REWRITE: Command = Command {
    name: "rewrite",
    arity: 2,
    flags: ADMIN,
    group: Group::Server,
    since: "2.8.0",
    summary: "Would write the configuration to its file; there is none, so it fails.",
    run: |_| Err(Error::text("The server is running without a config file")),
    ..Command::BASE
};

static HELP: Command = Command {
    name: "help",
    arity: 2,
    flags: Flags::LOADING.and(Flags::STALE),
    group: Group::Server,
    since: "5.0.0",
    summary: "Explains the subcommands.",
    run: |call| help(call, &CONFIG),
    ..Command::BASE
};

#[cfg(test)]
mod tests {
    use crate::command::harness::Harness;
    use crate::resp::Version;

    #[test]
    fn get_takes_several_patterns_in_any_case() {
        let mut harness = Harness::new();
        assert_eq!(
            harness.run("CONFIG GET MaxCl* maxclients nosuch tcp-b*"),
            "*4\r\n$10\r\nmaxclients\r\n$5\r\n10000\r\n$11\r\ntcp-backlog\r\n$3\r\n511\r\n"
        );
        assert_eq!(harness.run("CONFIG GET Hz hZ"), "*2\r\n$2\r\nHz\r\n$2\r\n10\r\n");
        assert_eq!(harness.run("CONFIG GET nosuch"), "*0\r\n");
        harness.speak(Version::V3);
        assert_eq!(harness.run("CONFIG GET hz"), "%1\r\n$2\r\nhz\r\n$2\r\n10\r\n");
        assert_eq!(harness.run("CONFIG GET nosuch"), "%0\r\n");
    }

    #[test]
    fn set_changes_all_or_nothing() {
        let mut harness = Harness::new();
        assert_eq!(harness.run("CONFIG SET maxclients 7 HZ 20"), "+OK\r\n");
        assert_eq!(harness.worker.instance.connections.limit(), 7);
        assert_eq!(harness.run("CONFIG SET maxclients 8 hz"), "-ERR syntax error\r\n");
        assert_eq!(
            harness.run("CONFIG SET maxclients 9 hz x"),
            "-ERR CONFIG SET failed (possibly related to argument 'hz') - \
             argument couldn't be parsed into an integer\r\n"
        );
        assert_eq!(
            harness.run("CONFIG SET nosuch 1"),
            "-ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'\r\n"
        );
        assert_eq!(harness.worker.instance.connections.limit(), 7);
    }

    #[test]
    fn resetstat_sets_counters_back() {
        let mut harness = Harness::new();
        harness.run("GET");
        assert_eq!(harness.worker.stats().errors.get(), 1);
        assert_eq!(harness.run("CONFIG RESETSTAT"), "+OK\r\n");
        assert_eq!(harness.worker.stats().errors.get(), 0);
        assert!(!harness.run("INFO errorstats commandstats").contains("get"));
    }

    #[test]
    fn what_is_not_there_is_said() {
        let mut harness = Harness::new();
        assert_eq!(
            harness.run("CONFIG REWRITE"),
            "-ERR The server is running without a config file\r\n"
        );
        assert_eq!(
            harness.run("CONFIG nosuch"),
            "-ERR unknown subcommand 'nosuch'. Try CONFIG HELP.\r\n"
        );
        assert_eq!(
            harness.run("CONFIG"),
            "-ERR wrong number of arguments for 'config' command\r\n"
        );
        assert!(harness.run("CONFIG HELP").starts_with("*11\r\n+CONFIG <subcommand> [<arg>"));
    }
}
