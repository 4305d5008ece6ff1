//! Storing places, and what is known of each.

use super::hash::{PUBLIC, Place, STEPS};
use super::{LATITUDE, LONGITUDE, UNIT, read_place, read_unit, reply_distance, reply_place};
use crate::command::sorted_set::{AddOptions, add_members};
use crate::command::{Argument, Call, Command, Error, Flags, Group, KeySpec};
use crate::store::SortedSet;

const MEMBERS: &[Argument] = &[Argument::key(), Argument::string("member").multiple()];

pub(super) static GEOADD: Command = Command {
    name: "geoadd",
    arity: -5,
    flags: Flags::WRITE.and(Flags::DENYOOM),
    keys: &[KeySpec::one(&["RW", "update"])],
    group: Group::Geo,
    since: "3.2.0",
    history: &[("6.2.0", "Added the `CH`, `NX` and `XX` options.")],
    complexity: "O(log(N)) for each item added, where N is the number of elements in the sorted set.",
    summary: "Adds members with their places, or changes these; returns how many are new.",
    arguments: &[
        Argument::key(),
        Argument::one_of("condition", &[Argument::word("nx", "NX"), Argument::word("xx", "XX")])
            .since("6.2.0")
            .optional(),
        Argument::word("change", "CH").since("6.2.0").optional(),
        Argument::block(
            "longitude_latitude_member",
            &[LONGITUDE, LATITUDE, Argument::string("member")],
        )
        .multiple(),
    ],
    run: geoadd,
    ..Command::BASE
};

fn geoadd(call: &mut Call<'_>) -> Result<(), Error> {
    let mut options = AddOptions::default();
    let read = call.args.rest(2).iter().take_while(|word| options.accept_condition(word)).count();
    let mut words = call.args.rest(2 + read);
    if words.is_empty() || !words.len().is_multiple_of(3) || options.contradicts() {
        return Err(Error::Syntax);
    }
    let mut members = Vec::with_capacity(words.len() / 3);
    while let Some((triple, rest)) = words.split(3) {
        let [longitude, latitude, member] = [0, 1, 2].map(|at| triple.get(at).unwrap_or_default());
        members.push((read_place(longitude, latitude)?.score(), member));
        words = rest;
    }
    add_members(call, options, &members)
}

pub(super) static GEOPOS: Command = Command {
    name: "geopos",
    arity: -2,
    flags: Flags::READONLY,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::Geo,
    since: "3.2.0",
    complexity: "O(N) where N is the number of members requested.",
    summary: "Returns the places of members, as longitude and latitude.",
    arguments: MEMBERS,
    run: geopos,
    ..Command::BASE
};

fn geopos(call: &mut Call<'_>) -> Result<(), Error> {
    let members = call.args.rest(2);
    let set: Option<&SortedSet> = call.keyspace.read_as(call.session.db, &call.args[1])?;
    call.reply.array(members.len());
    for member in members.iter() {
        match place(set, member) {
            Some(place) => reply_place(&mut call.reply, place),
            None => call.reply.null_array(),
        }
    }
    Ok(())
}

pub(super) static GEODIST: Command = Command {
    name: "geodist",
    arity: -4,
    flags: Flags::READONLY,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::Geo,
    since: "3.2.0",
    complexity: "O(log(N))",
    summary: "Returns the distance between two members.",
    arguments: &[
        Argument::key(),
        Argument::string("member1"),
        Argument::string("member2"),
        UNIT.optional(),
    ],
    run: geodist,
    ..Command::BASE
};

fn geodist(call: &mut Call<'_>) -> Result<(), Error> {
    let args = call.args;
    let unit = match args.len() {
        4 => 1.0,
        5 => read_unit(&args[4])?,
        _ => return Err(Error::Syntax),
    };
    let set: Option<&SortedSet> = call.keyspace.read_as(call.session.db, &args[1])?;
    match (place(set, &args[2]), place(set, &args[3])) {
        (Some(from), Some(to)) => reply_distance(&mut call.reply, from.distance(to) / unit),
        _ => call.reply.null(),
    }
    Ok(())
}

pub(super) static GEOHASH: Command = Command {
    name: "geohash",
    arity: -2,
    flags: Flags::READONLY,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::Geo,
    since: "3.2.0",
    complexity: "O(log(N)) for each member requested, where N is the number of elements in the sorted \
                 set.",
    summary: "Returns the places of members as public geohashes.",
    arguments: MEMBERS,
    run: geohash,
    ..Command::BASE
};

fn geohash(call: &mut Call<'_>) -> Result<(), Error> {
    let members = call.args.rest(2);
    let set: Option<&SortedSet> = call.keyspace.read_as(call.session.db, &call.args[1])?;
    call.reply.array(members.len());
    for member in members.iter() {
        match place(set, member) {
            Some(place) => call.reply.bulk(&public_hash(place)),
            None => call.reply.null(),
        }
    }
    Ok(())
}

/// Eleven characters of five bits each; of the last one, 52 bits say too little, and it is always 0.
fn public_hash(place: Place) -> [u8; 11] {
    const DIGITS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
    let bits = PUBLIC.cell(place, STEPS).bits();
    std::array::from_fn(|at| match at {
        10 => DIGITS[0],
        _ => DIGITS[(bits >> (2 * STEPS as usize - 5 * (at + 1))) as usize % 32],
    })
}

fn place(set: Option<&SortedSet>, member: &[u8]) -> Option<Place> {
    Some(Place::of_score(set?.score(member)?))
}

#[cfg(test)]
mod tests {
    use crate::command::harness::Harness;
    use crate::resp::Version;

    /// The replies of redis-server 7.0.15.
    #[test]
    fn places_are_told_as_redis_tells_them() {
        let mut harness = Harness::new();
        harness.run("GEOADD g 13.361389 38.115556 Palermo");
        assert_eq!(harness.run("GEOADD g CH 15.087269 37.502669 Catania 1 2 Palermo"), ":2\r\n");
        assert_eq!(harness.run("GEOADD g XX 13.361389 38.115556 Palermo 1 1 x"), ":0\r\n");
        for (line, reply) in [
            ("GEODIST g Palermo Catania", "$11\r\n166274.1516\r\n"),
            ("GEODIST g Palermo Catania KM", "$8\r\n166.2742\r\n"),
            ("GEODIST g Palermo x", "$-1\r\n"),
            ("GEOHASH g Palermo x", "*2\r\n$11\r\nsqc8b49rny0\r\n$-1\r\n"),
            (
                "GEOPOS g Palermo x",
                "*2\r\n*2\r\n$20\r\n13.36138933897018433\r\n$20\r\n38.11555639549629859\r\n*-1\r\n",
            ),
            ("ZSCORE g Palermo", "$16\r\n3479099956230698\r\n"),
        ] {
            assert_eq!(harness.run(line), reply, "{line}");
        }
        harness.speak(Version::V3);
        assert_eq!(
            harness.run("GEOPOS g Palermo"),
            "*1\r\n*2\r\n,13.36138933897018433\r\n,38.11555639549629859\r\n"
        );
    }

    #[test]
    fn faults_are_reported_in_redis_words() {
        let mut harness = Harness::new();
        let unit = "unsupported unit provided. please use M, KM, FT, MI";
        for (line, error) in [
            ("GEOADD g 1 2", "wrong number of arguments for 'geoadd' command"),
            ("GEOADD g 1 2 a 3", "syntax error"),
            ("GEOADD g NX XX 1 2 a", "syntax error"),
            ("GEOADD g NX NX CH", "syntax error"),
            ("GEOADD g 181 2 a", "invalid longitude,latitude pair 181.000000,2.000000"),
            ("GEOADD g 1 2 a 1 -85.06 b", "invalid longitude,latitude pair 1.000000,-85.060000"),
            ("GEOADD g x 2 a", "value is not a valid float"),
            ("GEODIST g a b yd", unit),
            ("GEODIST g a b m x", "syntax error"),
        ] {
            assert_eq!(harness.run(line), format!("-ERR {error}\r\n"), "{line}");
        }
        assert_eq!(harness.run("EXISTS g"), ":0\r\n");
    }
}
