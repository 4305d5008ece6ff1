//! Reading and setting fields together with their expiry.

use super::expire::only_fields;
use super::fields::{FIELDS, FIELDS_AND_VALUES, split};
use super::{WRITE_FAST, limits, reply_value};
use crate::command::options::{Lifetime, is};
use crate::command::{Argument, Call, Command, Error, Flags, Group, KeySpec, Kind};
use crate::resp::{Args, Reply};
use crate::store::{Edit, Ends, Hash};

const COMPLEXITY: &str = "O(N) where N is the number of specified fields";
const PERSIST: [Argument; 5] = expirations(Argument::word("persist", "PERSIST"));
const KEEPTTL: [Argument; 5] = expirations(Argument::word("keepttl", "KEEPTTL"));

/// The ways to say when fields end, of which the last one differs.
const fn expirations(last: Argument) -> [Argument; 5] {
    [
        Argument::integer("seconds").token("EX"),
        Argument::integer("milliseconds").token("PX"),
        Argument::new("unix-time-seconds", Kind::UnixTime).token("EXAT"),
        Argument::new("unix-time-milliseconds", Kind::UnixTime).token("PXAT"),
        last,
    ]
}

pub(super) static HGETDEL: Command = Command {
    name: "hgetdel",
    arity: -5,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[KeySpec::one(&["RW", "access", "delete"])],
    group: Group::Hash,
    since: "8.0.0",
    complexity: COMPLEXITY,
    summary: "Returns the values of fields and removes these fields.",
    arguments: &[Argument::key(), FIELDS],
    run: hgetdel,
    ..Command::BASE
};

fn hgetdel(call: &mut Call<'_>) -> Result<(), Error> {
    let fields = only_fields(call)?;
    reply_and_change(call, fields, |hash, field| hash.remove(field))
}

pub(super) static HGETEX: Command = Command {
    name: "hgetex",
    arity: -5,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[
        KeySpec::one(&["RW", "access", "update"]).notes("RW and UPDATE because it changes the TTL")
    ],
    group: Group::Hash,
    since: "8.0.0",
    complexity: COMPLEXITY,
    summary: "Returns the values of fields, and may set or remove their expiry.",
    arguments: &[Argument::key(), Argument::one_of("expiration", &PERSIST).optional(), FIELDS],
    run: hgetex,
    ..Command::BASE
};

fn hgetex(call: &mut Call<'_>) -> Result<(), Error> {
    let (options, fields) = split(call.args, 2, 1)?;
    let ends = Options::parse(options, Lifetime::Persist)?.ends(call, Ends::AsBefore)?;
    let now = call.now.unix_ms();
    reply_and_change(call, fields, |hash, field| match ends {
        Ends::AsBefore => false,
        Ends::Never => hash.deadline(field).flatten().is_some() && hash.set_deadline(field, None),
        Ends::At(at) if at <= now => hash.remove(field),
        Ends::At(at) => hash.set_deadline(field, Some(at)),
    })
}

/// Replies with the values of fields, each before it is changed. `change` tells whether it was.
fn reply_and_change(
    call: &mut Call<'_>,
    fields: Args<'_>,
    mut change: impl FnMut(&mut Hash, &[u8]) -> bool,
) -> Result<(), Error> {
    let reply = &mut call.reply;
    let found = call.keyspace.write(call.session.db, &call.args[1], |slot| {
        slot.alter(|hash: &mut Hash| {
            reply.array(fields.len());
            let changes = fields.iter().filter(|field| {
                reply_value(reply, hash.get(field));
                change(hash, field)
            });
            Edit::done_if(changes.count() > 0, ())
        })
    })?;
    if found.is_none() {
        reply_nothing(reply, fields.len());
    }
    Ok(())
}

fn reply_nothing(reply: &mut Reply<'_>, fields: usize) {
    reply.array(fields);
    (0..fields).for_each(|_| reply.null());
}

pub(super) static HSETEX: Command = Command {
    name: "hsetex",
    arity: -6,
    flags: WRITE_FAST,
    keys: &[KeySpec::one(&["RW", "update"])],
    group: Group::Hash,
    since: "8.0.0",
    complexity: "O(N) where N is the number of fields being set.",
    summary: "Sets fields of a hash together with their expiry, if their presence is as asked for.",
    arguments: &[
        Argument::key(),
        Argument::one_of(
            "condition",
            &[Argument::word("fnx", "FNX"), Argument::word("fxx", "FXX")],
        )
        .optional(),
        Argument::one_of("expiration", &KEEPTTL).optional(),
        FIELDS_AND_VALUES,
    ],
    run: hsetex,
    ..Command::BASE
};

fn hsetex(call: &mut Call<'_>) -> Result<(), Error> {
    let (options, pairs) = split(call.args, 2, 2)?;
    let options = Options::parse(options, Lifetime::Keep)?;
    let ends = options.ends(call, Ends::Never)?;
    let (limits, now) = (limits(call), call.now.unix_ms());
    let is_set = call.keyspace.write(call.session.db, &call.args[1], |slot| {
        slot.alter_or_new(|hash: &mut Hash| {
            let unfit = |field: &[u8]| options.present == Some(hash.get(field).is_none());
            if pairs.iter().step_by(2).any(unfit) {
                return Edit::none(false);
            }
            for (field, value) in pairs.iter().step_by(2).zip(pairs.iter().skip(1).step_by(2)) {
                if matches!(ends, Ends::At(at) if at <= now) {
                    hash.remove(field);
                } else {
                    hash.set(field, value, ends, limits);
                }
            }
            Edit::done(true)
        })
    })?;
    call.reply.integer(i64::from(is_set));
    Ok(())
}

/// What stands before FIELDS.
#[derive(Default)]
struct Options<'a> {
    /// FXX, or if false FNX: all fields must be there, or none.
    present: Option<bool>,
    lifetime: Lifetime<'a>,
}

impl<'a> Options<'a> {
    /// `word` is the option without a number that the command has: KEEPTTL, with which go FNX and
    /// FXX, or PERSIST.
    fn parse(options: Args<'a>, word: Lifetime<'static>) -> Result<Self, Error> {
        let sets = word == Lifetime::Keep;
        let (name, fault) =
            if sets { ("KEEPTTL", ONE_OF_KEEPTTL) } else { ("PERSIST", ONE_OF_PERSIST) };
        let mut parsed = Self::default();
        let mut words = options.iter();
        while let Some(option) = words.next() {
            if sets && (is(option, "FXX") || is(option, "FNX")) {
                if parsed.present.replace(is(option, "FXX")).is_some() {
                    return Err(Error::Syntax);
                }
                continue;
            }
            let lifetime = match is(option, name) {
                true => word,
                false => Lifetime::until(option, &mut words).ok_or(Error::Syntax)?,
            };
            if parsed.lifetime != Lifetime::Unsaid {
                return Err(Error::text(fault));
            }
            parsed.lifetime = lifetime;
        }
        Ok(parsed)
    }

    /// When the fields end; `unsaid` if no option says it.
    fn ends(&self, call: &Call<'_>, unsaid: Ends) -> Result<Ends, Error> {
        Ok(match self.lifetime {
            Lifetime::Unsaid => unsaid,
            Lifetime::Keep => Ends::AsBefore,
            Lifetime::Persist => Ends::Never,
            Lifetime::Until(deadline, number) => {
                Ends::At(deadline.moment_from(0, number, call.command.name, call.now)?)
            }
        })
    }
}

const ONE_OF_KEEPTTL: &str = "Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified";
const ONE_OF_PERSIST: &str = "Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified";

#[cfg(test)]
mod tests {
    use crate::command::harness::Harness;

    const NOW_GONE: &str = "*1\r\n:-2\r\n";

    #[test]
    fn hgetdel_returns_what_it_deletes() {
        for mut harness in Harness::each_way() {
            harness.run("HSET h a 1 b two");
            assert_eq!(harness.run("HGETDEL h FIELDS 3 a c a"), "*3\r\n$1\r\n1\r\n$-1\r\n$-1\r\n");
            assert_eq!(harness.run("HGETDEL h FIELDS 1 b"), "*1\r\n$3\r\ntwo\r\n");
            assert_eq!(harness.run("HGETDEL h FIELDS 1 b"), "*1\r\n$-1\r\n");
            assert_eq!(harness.len(0), 0);
        }
    }

    #[test]
    fn hgetex_returns_what_it_lets_end() {
        for mut harness in Harness::each_way() {
            harness.run("HSET h a 1 b 2");
            assert_eq!(harness.run("HGETEX h FIELDS 1 a"), "*1\r\n$1\r\n1\r\n");
            assert_eq!(harness.encoding("h"), "listpack");
            assert_eq!(harness.run("HGETEX h PX 5 FIELDS 2 a c"), "*2\r\n$1\r\n1\r\n$-1\r\n");
            assert_eq!(harness.run("HPTTL h FIELDS 1 a"), "*1\r\n:5\r\n");
            assert_eq!(harness.run("HGETEX h EX 0 FIELDS 1 a"), "*1\r\n$1\r\n1\r\n");
            assert_eq!(harness.run("HTTL h FIELDS 1 a"), NOW_GONE);
            assert_eq!(harness.run("HGETEX h PXAT 1 FIELDS 1 b"), "*1\r\n$1\r\n2\r\n");
            assert_eq!(harness.run("HGETEX h FIELDS 2 a b"), "*2\r\n$-1\r\n$-1\r\n");
            assert_eq!(harness.len(0), 0);
        }
    }

    #[test]
    fn hsetex_sets_all_or_nothing() {
        for mut harness in Harness::each_way() {
            for (line, reply) in [
                ("HSETEX h FXX FIELDS 1 a 1", ":0\r\n"),
                ("EXISTS h", ":0\r\n"),
                ("HSETEX h FNX EX 10 FIELDS 2 a 1 b 2", ":1\r\n"),
                ("HTTL h FIELDS 2 a b", "*2\r\n:10\r\n:10\r\n"),
                ("HSETEX h FNX FIELDS 2 c 3 a 1", ":0\r\n"),
                ("HSETEX h FXX FIELDS 2 c 3 a 1", ":0\r\n"),
                ("HLEN h", ":2\r\n"),
                ("HSETEX h PX 5 FXX FIELDS 1 a 4", ":1\r\n"),
                ("HPTTL h FIELDS 2 a b", "*2\r\n:5\r\n:10000\r\n"),
                ("HSETEX h EXAT 1 FIELDS 2 a 5 b 6", ":1\r\n"),
                ("EXISTS h", ":0\r\n"),
                ("HSETEX h PXAT 1 FIELDS 1 a 5", ":1\r\n"),
                ("EXISTS h", ":0\r\n"),
            ] {
                assert_eq!(harness.run(line), reply, "{line}");
            }
            assert!(!harness.worker.keyspace.ages(0));
        }
    }

    #[test]
    fn faults_change_nothing() {
        let mut harness = Harness::new();
        let syntax = "syntax error";
        let fields = "numfields should be greater than 0 and match the provided number of fields";
        for (line, error) in [
            ("HSETEX h EX 1 KEEPTTL FIELDS 1 f v", super::ONE_OF_KEEPTTL),
            ("HSETEX h EX 1 EX 1 FIELDS 1 f v", super::ONE_OF_KEEPTTL),
            ("HGETEX h PX 1 PERSIST FIELDS 1 f", super::ONE_OF_PERSIST),
            ("HGETEX h KEEPTTL FIELDS 1 f", syntax),
            ("HGETEX h FNX FIELDS 1 f", syntax),
            ("HSETEX h PERSIST FIELDS 1 f v", syntax),
            ("HSETEX h FNX FXX FIELDS 1 f v", syntax),
            ("HSETEX h EX FIELDS 1 f v", syntax),
            ("HSETEX h FIELDS 1 f v w", fields),
            ("HSETEX h EX -1 FIELDS 1 f v", "invalid expire time in 'hsetex' command"),
            ("HGETEX h EX x FIELDS 1 f", "value is not an integer or out of range"),
            ("HGETDEL h FIELDS 9223372036854775807 f", fields),
        ] {
            assert_eq!(harness.run(line), format!("-ERR {error}\r\n"), "{line}");
        }
        assert_eq!(harness.len(0), 0);
    }
}
