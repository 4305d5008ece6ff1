//! The server as a whole: INFO, TIME and SHUTDOWN.

use super::table::TABLE;
use super::{Argument, Call, Command, Error, Flags, Group, options};
use crate::info::{self, Source};

pub(super) const COMMANDS: &[&Command] = &[&INFO, &super::lolwut::LOLWUT, &SHUTDOWN, &TIME];

pub static INFO: Command = Command {
    name: "info",
    arity: -1,
    flags: Flags::LOADING.and(Flags::STALE),
    group: Group::Server,
    since: "1.0.0",
    summary: "Returns what the server counts and knows of itself.",
    history: &[("7.0.0", "Added support for taking multiple section arguments.")],
    arguments: &[Argument::string("section").optional().multiple()],
    tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
    categories: &["dangerous"],
    run: info,
    ..Command::BASE
};

fn info(call: &mut Call<'_>) -> Result<(), Error> {
    let command_name = |number| TABLE.name(number);
    let source = Source {
        instance: call.instance,
        keyspace: call.keyspace,
        command_name: &command_name,
        now: call.now,
    };
    let text = info::text(call.args.rest(1).iter(), &source);
    call.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

pub static TIME: Command = Command {
    name: "time",
    arity: 1,
    flags: Flags::LOADING.and(Flags::STALE).and(Flags::FAST),
    group: Group::Server,
    since: "2.6.0",
    summary: "Returns the server's time: seconds since the Unix epoch, and microseconds.",
    tips: &["nondeterministic_output"],
    run: time,
    ..Command::BASE
};

fn time(call: &mut Call<'_>) -> Result<(), Error> {
    call.reply.array(2);
    call.reply.bulk_integer(call.now.unix_s() as i64);
    call.reply.bulk_integer((call.now.unix_us % 1_000_000) as i64);
    Ok(())
}

pub static SHUTDOWN: Command = Command {
    name: "shutdown",
    arity: -1,
    flags: Flags::ADMIN
        .and(Flags::NOSCRIPT)
        .and(Flags::LOADING)
        .and(Flags::STALE)
        .and(Flags::NO_MULTI)
        .and(Flags::ALLOW_BUSY),
    group: Group::Server,
    since: "1.0.0",
    complexity: "O(N) when saving, where N is the total number of keys in all databases when \
                 saving data, otherwise O(1)",
    summary: "Ends the server.",
    history: &[("7.0.0", "Added the `NOW`, `FORCE` and `ABORT` modifiers.")],
    arguments: &[
        Argument::one_of(
            "nosave_save",
            &[Argument::word("nosave", "NOSAVE"), Argument::word("save", "SAVE")],
        )
        .optional(),
        Argument::word("now", "NOW").since("7.0.0").optional(),
        Argument::word("force", "FORCE").since("7.0.0").optional(),
        Argument::word("abort", "ABORT").since("7.0.0").optional(),
    ],
    run: shutdown,
    ..Command::BASE
};

/// There is no reply: the connection is closed, as all others are.
fn shutdown(call: &mut Call<'_>) -> Result<(), Error> {
    let (mut save, mut nosave, mut now, mut force, mut abort) = (false, false, false, false, false);
    for word in call.args.rest(1).iter() {
        let option = match word {
            _ if options::is(word, "SAVE") => &mut save,
            _ if options::is(word, "NOSAVE") => &mut nosave,
            _ if options::is(word, "NOW") => &mut now,
            _ if options::is(word, "FORCE") => &mut force,
            _ if options::is(word, "ABORT") => &mut abort,
            _ => return Err(Error::Syntax),
        };
        *option = true;
    }
    if save && nosave || abort && (save || nosave || now || force) {
        return Err(Error::Syntax);
    }
    if abort {
        // A shutdown waits for nothing here, so there is none that could be called off.
        return Err(Error::text("No shutdown in progress."));
    }
    if save && !force {
        log::warn!("SHUTDOWN SAVE is refused: nothing can be kept on disk");
        return Err(Error::text("Errors trying to SHUTDOWN. Check logs."));
    }
    log::info!("client {} asked the server to shut down", call.session.client.id);
    call.session.closing = true;
    call.instance.stop.ask();
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::command::harness::Harness;
    use crate::resp::Version;

    /// The headers of the sections in a reply.
    fn titles(reply: &str) -> Vec<&str> {
        reply.lines().filter_map(|line| line.strip_prefix("# ")).collect()
    }

    fn field<'a>(reply: &'a str, name: &str) -> &'a str {
        let mut lines = reply.split("\r\n");
        let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        found.unwrap_or_else(|| panic!("no {name} in {reply}"))
    }

    #[test]
    fn info_has_the_sections_that_are_asked_for() {
        let mut harness = Harness::new();
        let usual = harness.run("INFO");
        assert_eq!(harness.run("INFO nosuch"), "$0\r\n\r\n");
        assert_eq!(titles(&harness.run("INFO keyspace Server")), ["Server", "Keyspace"]);
        assert_eq!(titles(&harness.run("INFO default")), titles(&usual));
        assert!(!titles(&usual).contains(&"Commandstats"));
        let all = harness.run("INFO all");
        assert_eq!(titles(&all), titles(&harness.run("INFO everything")));
        let mut with = titles(&usual);
        with.extend(["Reactor", "Commandstats"]);
        with.sort_unstable();
        let mut titles = titles(&all);
        titles.sort_unstable();
        assert_eq!(titles, with);
    }

    #[test]
    fn info_is_framed_as_text() {
        let mut harness = Harness::new();
        assert_eq!(harness.run("INFO cluster"), "$30\r\n# Cluster\r\ncluster_enabled:0\r\n\r\n");
        harness.speak(Version::V3);
        assert_eq!(
            harness.run("INFO cluster modules"),
            "=47\r\ntxt:# Modules\r\n\r\n# Cluster\r\ncluster_enabled:0\r\n\r\n"
        );
    }

    #[test]
    fn info_counts() {
        let mut harness = Harness::new();
        harness.run("INCR a");
        harness.run("INCR a");
        harness.run("GET");
        harness.run("NOSUCH");
        let info = harness.run("INFO everything");
        assert_eq!(field(&info, "db0"), "keys=1,expires=0,avg_ttl=0");
        assert_eq!(field(&info, "total_commands_processed"), "4");
        assert_eq!(field(&info, "total_error_replies"), "2");
        assert_eq!(field(&info, "errorstat_ERR"), "count=2");
        assert_eq!(field(&info, "connected_clients"), "1");
        assert_eq!(field(&info, "loading"), "0");
        assert!(field(&info, "cmdstat_incr").starts_with("calls=2,usec="), "{info}");
        let get = "calls=0,usec=0,usec_per_call=0.00,rejected_calls=1,failed_calls=0";
        assert_eq!(field(&info, "cmdstat_get"), get);
        assert!(field(&info, "reactor0").contains("ticks=0,waits=0,"), "{info}");
        let first = info.find("used_memory").expect("it is there");
        assert!(info[first..].starts_with("used_memory:"), "redis-cli --stat takes the first");
    }

    #[test]
    fn time_is_that_of_the_tick() {
        let mut harness = Harness::new();
        harness.now.unix_us = 1_700_000_000_000_042;
        assert_eq!(harness.run("TIME"), "*2\r\n$10\r\n1700000000\r\n$2\r\n42\r\n");
    }

    /// Replies of redis-server 7.0.15.
    #[test]
    fn shutdown_refuses_what_contradicts_itself() {
        let mut harness = Harness::new();
        for line in ["nosuch", "NOSAVE SAVE", "ABORT NOW", "ABORT NOSAVE", "ABORT FORCE"] {
            assert_eq!(harness.run(&format!("SHUTDOWN {line}")), "-ERR syntax error\r\n", "{line}");
        }
        assert_eq!(harness.run("SHUTDOWN ABORT"), "-ERR No shutdown in progress.\r\n");
        assert_eq!(harness.run("SHUTDOWN SAVE"), "-ERR Errors trying to SHUTDOWN. Check logs.\r\n");
        assert!(!harness.worker.instance.stop.is_asked() && !harness.session.closing);
    }

    #[test]
    fn shutdown_stops_all_reactors_without_a_reply() {
        for line in ["SHUTDOWN", "shutdown nosave now", "SHUTDOWN SAVE FORCE FORCE"] {
            let mut harness = Harness::new();
            assert_eq!(harness.run(line), "");
            assert!(harness.worker.instance.stop.is_asked() && harness.session.closing, "{line}");
        }
    }
}
