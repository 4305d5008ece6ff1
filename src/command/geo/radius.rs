//! The older commands that GEOSEARCH has taken the place of.

use super::search::{COUNT, Query, WITHCOORD, WITHDIST, WITHHASH, place_of, read_circle};
use super::{LATITUDE, LONGITUDE, ORDER, UNIT, read_place};
use crate::command::options::is;
use crate::command::sorted_set;
use crate::command::{Argument, Call, Command, Deprecated, Error, Flags, Group, KeySpec, Kind};
use crate::resp::Args;
use crate::store::SortedSet;

const COMPLEXITY: &str = "O(N+log(M)) where N is the number of elements inside the bounding box of the \
                          circular area delimited by center and radius and M is the number of items \
                          inside the index.";
const RADIUS: Argument = Argument::new("radius", Kind::Double);
const COUNT_SINCE: Argument = Argument::block(
    "count",
    &[
        Argument::integer("count").token("COUNT"),
        Argument::word("any", "ANY").since("6.2.0").optional(),
    ],
)
.optional();
const STORE: Argument = Argument::new("key", Kind::Key(1)).token("STORE").optional();
const STOREDIST: Argument = Argument::new("key", Kind::Key(2)).token("STOREDIST").optional();

pub(super) static GEORADIUS: Command = Command {
    name: "georadius",
    arity: -6,
    flags: Flags::WRITE.and(Flags::DENYOOM),
    keys: &[
        KeySpec::one(KeySpec::READ),
        KeySpec::after("STORE", 6, &["OW", "update"]),
        KeySpec::after("STOREDIST", 6, &["OW", "update"]),
    ],
    group: Group::Geo,
    since: "3.2.0",
    history: &[
        ("6.2.0", "Added the `ANY` option for `COUNT`."),
        ("7.0.0", "Added support for uppercase unit names."),
    ],
    deprecated: Some(Deprecated {
        since: "6.2.0",
        replaced_by: "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument",
    }),
    complexity: COMPLEXITY,
    summary: "Returns the members within a circle around a place, or stores them.",
    arguments: &[
        Argument::key(),
        LONGITUDE,
        LATITUDE,
        RADIUS,
        UNIT,
        WITHCOORD,
        WITHDIST,
        WITHHASH,
        COUNT_SINCE,
        ORDER,
        STORE,
        STOREDIST,
    ],
    run: |call| search(call, Around::Place, true),
    ..Command::BASE
};

pub(super) static GEORADIUSBYMEMBER: Command = Command {
    name: "georadiusbymember",
    arity: -5,
    flags: Flags::WRITE.and(Flags::DENYOOM),
    keys: &[
        KeySpec::one(KeySpec::READ),
        KeySpec::after("STORE", 5, &["OW", "update"]),
        KeySpec::after("STOREDIST", 5, &["OW", "update"]),
    ],
    group: Group::Geo,
    since: "3.2.0",
    history: &[("7.0.0", "Added support for uppercase unit names.")],
    deprecated: Some(Deprecated {
        since: "6.2.0",
        replaced_by: "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments",
    }),
    complexity: COMPLEXITY,
    summary: "Returns the members within a circle around a member, or stores them.",
    arguments: &[
        Argument::key(),
        Argument::string("member"),
        RADIUS,
        UNIT,
        WITHCOORD,
        WITHDIST,
        WITHHASH,
        COUNT,
        ORDER,
        STORE,
        STOREDIST,
    ],
    run: |call| search(call, Around::Member, true),
    ..Command::BASE
};

pub(super) static GEORADIUS_RO: Command = Command {
    name: "georadius_ro",
    arity: -6,
    flags: Flags::READONLY,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::Geo,
    since: "3.2.10",
    history: &[("6.2.0", "Added the `ANY` option for `COUNT`.")],
    deprecated: Some(Deprecated {
        since: "6.2.0",
        replaced_by: "`GEOSEARCH` with the `BYRADIUS` argument",
    }),
    complexity: COMPLEXITY,
    summary: "Returns the members within a circle around a place.",
    arguments: &[
        Argument::key(),
        LONGITUDE,
        LATITUDE,
        RADIUS,
        UNIT,
        WITHCOORD,
        WITHDIST,
        WITHHASH,
        COUNT_SINCE,
        ORDER,
    ],
    run: |call| search(call, Around::Place, false),
    ..Command::BASE
};

pub(super) static GEORADIUSBYMEMBER_RO: Command = Command {
    name: "georadiusbymember_ro",
    arity: -5,
    flags: Flags::READONLY,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::Geo,
    since: "3.2.10",
    deprecated: Some(Deprecated {
        since: "6.2.0",
        replaced_by: "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments",
    }),
    complexity: COMPLEXITY,
    summary: "Returns the members within a circle around a member.",
    arguments: &[
        Argument::key(),
        Argument::string("member"),
        RADIUS,
        UNIT,
        WITHCOORD,
        WITHDIST,
        WITHHASH,
        COUNT,
        ORDER,
    ],
    run: |call| search(call, Around::Member, false),
    ..Command::BASE
};

/// Around what the circle is.
#[derive(Clone, Copy)]
enum Around {
    Place,
    Member,
}

fn search(call: &mut Call<'_>, around: Around, may_store: bool) -> Result<(), Error> {
    let args = call.args;
    if may_store && args.iter().any(|word| stores(word).is_some()) {
        // Of several destinations the last one counts, and another one may be held.
        call.keyspace.exclude();
    }
    let limits = sorted_set::limits(call);
    let set: Option<&SortedSet> = call.keyspace.read_as(call.session.db, &args[1])?;
    let Request { query, destination } = Request::parse(set, args, around, may_store)?;
    if let Some((key, distances)) = destination {
        let stored = query.collect(set, distances, limits);
        sorted_set::store(call, key, stored);
    } else {
        let found = set.map_or_else(Vec::new, |set| query.find(set));
        query.reply(&mut call.reply, &found);
    }
    Ok(())
}

/// Whether the word is STORE, or STOREDIST, which is true.
fn stores(word: &[u8]) -> Option<bool> {
    let options = [("STORE", false), ("STOREDIST", true)];
    options.iter().find(|(name, _)| is(word, name)).map(|(_, distances)| *distances)
}

struct Request<'a> {
    query: Query,
    /// Where to store what is found, and whether with distances.
    destination: Option<(&'a [u8], bool)>,
}

impl<'a> Request<'a> {
    fn parse(
        set: Option<&SortedSet>,
        args: Args<'a>,
        around: Around,
        may_store: bool,
    ) -> Result<Self, Error> {
        let (mut query, mut destination) = (Query::NOTHING, None);
        let mut rest = match around {
            Around::Place => {
                query.middle = read_place(&args[2], &args[3])?;
                (query.shape, query.unit) = read_circle(&args[4], &args[5])?;
                args.rest(6)
            }
            Around::Member => {
                // Without a set there is nothing to find, whatever the circle is.
                if set.is_some() {
                    query.middle = place_of(set, &args[2])?;
                    (query.shape, query.unit) = read_circle(&args[3], &args[4])?;
                }
                args.rest(5)
            }
        };
        while let Some(word) = rest.get(0) {
            let distances = stores(word).filter(|_| may_store);
            let taken = match (distances, rest.get(1)) {
                (Some(distances), Some(key)) => {
                    destination = Some((key, distances));
                    2
                }
                _ => query.accept(rest)?,
            };
            rest = rest.rest(taken);
        }
        query.check(destination.is_some().then_some("STORE option in GEORADIUS"))?;
        query.check_any()?;
        Ok(Self { query, destination })
    }
}

#[cfg(test)]
mod tests {
    use crate::command::harness::{Harness, bulks};

    #[test]
    fn members_within_a_circle_are_found_or_stored() {
        for mut harness in Harness::each_way() {
            harness.run("GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania");
            for (line, found) in [
                ("GEORADIUS g 15 37 200 km ASC", "Catania Palermo"),
                ("GEORADIUS_RO g 15 37 100 km", "Catania"),
                ("GEORADIUSBYMEMBER g Palermo 200 km DESC", "Catania Palermo"),
                ("GEORADIUSBYMEMBER_RO g Palermo 200 km COUNT 1", "Palermo"),
            ] {
                assert_eq!(bulks(&harness.run(line)).join(" "), found, "{line}");
            }
            assert_eq!(harness.run("GEORADIUS g 15 37 200 km STORE a STOREDIST b"), ":2\r\n");
            assert_eq!(harness.run("EXISTS a"), ":0\r\n");
            assert_eq!(bulks(&harness.run("ZRANGE b 0 -1")), ["Catania", "Palermo"]);
            assert_eq!(harness.run("GEORADIUSBYMEMBER none x 1 km STORE b"), ":0\r\n");
            assert_eq!(harness.run("EXISTS b"), ":0\r\n");
        }
    }

    /// The replies of redis-server 7.0.15.
    #[test]
    fn faults_are_reported_in_redis_words() {
        let mut harness = Harness::new();
        harness.run("GEOADD g 13.361389 38.115556 Palermo");
        let with = "STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and \
                    WITHCOORD options";
        for (line, error) in [
            ("GEORADIUS g 15 37 x km", "need numeric radius"),
            ("GEORADIUS g 15 37 -1 km", "radius cannot be negative"),
            ("GEORADIUS g 15 37 1 yd", "unsupported unit provided. please use M, KM, FT, MI"),
            ("GEORADIUS g 15 37 1 km COUNT 0", "COUNT must be > 0"),
            ("GEORADIUS g 15 37 1 km ANY", "the ANY argument requires COUNT argument"),
            ("GEORADIUS g 15 37 1 km STORE", "syntax error"),
            ("GEORADIUS_RO g 15 37 1 km STORE x", "syntax error"),
            ("GEORADIUS g 15 37 1 km STORE x WITHDIST", with),
            ("GEORADIUSBYMEMBER g x 1 km", "could not decode requested zset member"),
        ] {
            assert_eq!(harness.run(line), format!("-ERR {error}\r\n"), "{line}");
        }
    }
}
