//! Members near a place: GEOSEARCH and GEOSEARCHSTORE.

use std::ops::Bound;

use super::hash::Place;
use super::shape::Shape;
use super::{LATITUDE, LONGITUDE, ORDER, UNIT, read_place, read_unit, reply_distance, reply_place};
use crate::command::options::{integer, is};
use crate::command::sorted_set;
use crate::command::{Argument, Call, Command, Error, Flags, Group, KeySpec, Kind};
use crate::number::parse_f64;
use crate::resp::{Args, Reply};
use crate::store::{Bounds, Limits, SortedSet};

const COMPLEXITY: &str = "O(N+log(M)) where N is the number of elements in the grid-aligned bounding box \
                          area around the shape provided as the filter and M is the number of items \
                          inside the shape";
const HISTORY: &[(&str, &str)] = &[("7.0.0", "Added support for uppercase unit names.")];
const FROM: Argument = Argument::one_of(
    "from",
    &[
        Argument::string("member").token("FROMMEMBER"),
        Argument::block("longitude_latitude", &[LONGITUDE, LATITUDE]).token("FROMLONLAT"),
    ],
);
const BY: Argument = Argument::one_of(
    "by",
    &[
        Argument::block("circle", &[Argument::new("radius", Kind::Double).token("BYRADIUS"), UNIT]),
        Argument::block(
            "box",
            &[
                Argument::new("width", Kind::Double).token("BYBOX"),
                Argument::new("height", Kind::Double),
                UNIT,
            ],
        ),
    ],
);
pub(super) const WITHCOORD: Argument = Argument::word("withcoord", "WITHCOORD").optional();
pub(super) const WITHDIST: Argument = Argument::word("withdist", "WITHDIST").optional();
pub(super) const WITHHASH: Argument = Argument::word("withhash", "WITHHASH").optional();
pub(super) const COUNT: Argument = Argument::block(
    "count",
    &[Argument::integer("count").token("COUNT"), Argument::word("any", "ANY").optional()],
)
.optional();

pub(super) static GEOSEARCH: Command = Command {
    name: "geosearch",
    arity: -7,
    flags: Flags::READONLY,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::Geo,
    since: "6.2.0",
    history: HISTORY,
    complexity: COMPLEXITY,
    summary: "Returns the members within a circle or a box.",
    arguments: &[Argument::key(), FROM, BY, ORDER, COUNT, WITHCOORD, WITHDIST, WITHHASH],
    run: geosearch,
    ..Command::BASE
};

fn geosearch(call: &mut Call<'_>) -> Result<(), Error> {
    let args = call.args;
    let set: Option<&SortedSet> = call.keyspace.read_as(call.session.db, &args[1])?;
    let query = Query::parse(set, args, 2)?;
    let found = set.map_or_else(Vec::new, |set| query.find(set));
    query.reply(&mut call.reply, &found);
    Ok(())
}

pub(super) static GEOSEARCHSTORE: Command = Command {
    name: "geosearchstore",
    arity: -8,
    flags: Flags::WRITE.and(Flags::DENYOOM),
    keys: &[KeySpec::one(&["OW", "update"]), KeySpec::at(2, KeySpec::READ)],
    group: Group::Geo,
    since: "6.2.0",
    history: HISTORY,
    complexity: COMPLEXITY,
    summary: "Stores the members within a circle or a box; returns how many they are.",
    arguments: &[
        Argument::new("destination", Kind::Key(0)),
        Argument::new("source", Kind::Key(1)),
        FROM,
        BY,
        ORDER,
        COUNT,
        Argument::word("storedist", "STOREDIST").optional(),
    ],
    run: geosearchstore,
    ..Command::BASE
};

fn geosearchstore(call: &mut Call<'_>) -> Result<(), Error> {
    let args = call.args;
    let limits = sorted_set::limits(call);
    let set: Option<&SortedSet> = call.keyspace.read_as(call.session.db, &args[2])?;
    let query = Query::parse(set, args, 3)?;
    let stored = query.collect(set, query.store_distances, limits);
    sorted_set::store(call, &args[1], stored);
    Ok(())
}

/// What is searched for, and what is told of it.
#[derive(Clone, Copy)]
pub(super) struct Query {
    pub(super) middle: Place,
    pub(super) shape: Shape,
    /// Meters of the unit that distances are told in.
    pub(super) unit: f64,
    pub(super) order: Option<Order>,
    /// 0 is all.
    pub(super) count: usize,
    /// Stop at the first ones, wherever they are.
    pub(super) any: bool,
    pub(super) with_place: bool,
    pub(super) with_distance: bool,
    pub(super) with_hash: bool,
    pub(super) store_distances: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Ascending,
    Descending,
}

/// A member that was found.
pub(super) struct Found {
    member: Vec<u8>,
    score: f64,
    place: Place,
    /// In meters.
    distance: f64,
}

impl Query {
    /// Around no place and of no size, all without options.
    pub(super) const NOTHING: Self = Self {
        middle: Place { longitude: 0.0, latitude: 0.0 },
        shape: Shape::Circle { radius: 0.0 },
        unit: 1.0,
        order: None,
        count: 0,
        any: false,
        with_place: false,
        with_distance: false,
        with_hash: false,
        store_distances: false,
    };

    /// Reads the words from the `begin`th on. Without a set, any member is accepted as the middle.
    fn parse(set: Option<&SortedSet>, args: Args<'_>, begin: usize) -> Result<Self, Error> {
        let stores = begin > 2;
        let mut query = Self::NOTHING;
        let (mut from, mut by) = ("", "");
        let mut rest = args.rest(begin);
        while !rest.is_empty() {
            let is = |option: &str, words: usize| is(&rest[0], option) && rest.len() > words;
            let taken = if is("FROMMEMBER", 1) && from != "FROMLONLAT" {
                from = "FROMMEMBER";
                query.middle = place_of(set, &rest[1])?;
                2
            } else if is("FROMLONLAT", 2) && from != "FROMMEMBER" {
                from = "FROMLONLAT";
                query.middle = read_place(&rest[1], &rest[2])?;
                3
            } else if is("BYRADIUS", 2) && by != "BYBOX" {
                by = "BYRADIUS";
                (query.shape, query.unit) = read_circle(&rest[1], &rest[2])?;
                3
            } else if is("BYBOX", 3) && by != "BYRADIUS" {
                by = "BYBOX";
                (query.shape, query.unit) = read_box(&rest[1], &rest[2], &rest[3])?;
                4
            } else if stores && is("STOREDIST", 0) {
                query.store_distances = true;
                1
            } else {
                query.accept(rest)?
            };
            rest = rest.rest(taken);
        }
        query.check(stores.then_some("GEOSEARCHSTORE"))?;
        let needs = |what: &str| {
            Error::text([what.as_bytes(), b" can be specified for ", &args[0]].concat())
        };
        if from.is_empty() {
            return Err(needs("exactly one of FROMMEMBER or FROMLONLAT"));
        }
        if by.is_empty() {
            return Err(needs("exactly one of BYRADIUS and BYBOX"));
        }
        query.check_any()?;
        Ok(query)
    }

    /// Reads an option that all commands of this kind have; returns how many words it takes.
    pub(super) fn accept(&mut self, words: Args<'_>) -> Result<usize, Error> {
        let word = &words[0];
        if is(word, "COUNT") && words.len() > 1 {
            let count = usize::try_from(integer(&words[1])?).ok().filter(|count| *count > 0);
            self.count = count.ok_or_else(|| Error::text("COUNT must be > 0"))?;
            return Ok(2);
        }
        match word {
            _ if is(word, "ASC") => self.order = Some(Order::Ascending),
            _ if is(word, "DESC") => self.order = Some(Order::Descending),
            _ if is(word, "ANY") => self.any = true,
            _ if is(word, "WITHCOORD") => self.with_place = true,
            _ if is(word, "WITHDIST") => self.with_distance = true,
            _ if is(word, "WITHHASH") => self.with_hash = true,
            _ => return Err(Error::Syntax),
        }
        Ok(1)
    }

    /// Refuses options about the reply where `what`, if anything, stores.
    pub(super) fn check(&self, what: Option<&str>) -> Result<(), Error> {
        match what {
            Some(what) if self.with_place || self.with_distance || self.with_hash => {
                let options = "WITHDIST, WITHHASH and WITHCOORD options";
                Err(Error::text(format!("{what} is not compatible with {options}")))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn check_any(&self) -> Result<(), Error> {
        match self.any && self.count == 0 {
            true => Err(Error::text("the ANY argument requires COUNT argument")),
            false => Ok(()),
        }
    }

    /// The members that are within, as many and in the order as asked for.
    pub(super) fn find(&self, set: &SortedSet) -> Vec<Found> {
        let most = if self.count == 0 { usize::MAX } else { self.count };
        let enough = if self.any { most } else { usize::MAX };
        let mut found = Vec::new();
        for cell in self.shape.cells(self.middle) {
            let (first, behind) = cell.scores();
            let bounds = Bounds::Score(Bound::Included(first), Bound::Excluded(behind));
            set.visit(set.range(bounds), false, |member, score| {
                if found.len() >= enough {
                    return;
                }
                let place = Place::of_score(score);
                if let Some(distance) = self.shape.distance(self.middle, place) {
                    found.push(Found { member: member.to_vec(), score, place, distance });
                }
            });
        }
        // The nearest ones are meant where only some are asked for.
        let counted = (self.count > 0 && !self.any).then_some(Order::Ascending);
        match self.order.or(counted) {
            Some(Order::Ascending) => found.sort_by(|a, b| a.distance.total_cmp(&b.distance)),
            Some(Order::Descending) => found.sort_by(|a, b| b.distance.total_cmp(&a.distance)),
            None => {}
        }
        found.truncate(most);
        found
    }

    pub(super) fn reply(&self, reply: &mut Reply<'_>, found: &[Found]) {
        let options = [self.with_place, self.with_distance, self.with_hash];
        let options = options.iter().filter(|option| **option).count();
        reply.array(found.len());
        for Found { member, score, place, distance } in found {
            if options > 0 {
                reply.array(options + 1);
            }
            reply.bulk(member);
            if self.with_distance {
                reply_distance(reply, distance / self.unit);
            }
            if self.with_hash {
                reply.integer(*score as i64);
            }
            if self.with_place {
                reply_place(reply, *place);
            }
        }
    }

    /// What is found, as a sorted set of its own; with distances as scores if that is asked for.
    pub(super) fn collect(
        &self,
        set: Option<&SortedSet>,
        distances: bool,
        limits: Limits,
    ) -> SortedSet {
        let mut stored = SortedSet::default();
        for found in set.map_or_else(Vec::new, |set| self.find(set)) {
            let score = if distances { found.distance / self.unit } else { found.score };
            stored.update(&found.member, limits, |_| Some(score));
        }
        stored
    }
}

/// The place of a member. Without a set, it does not matter.
pub(super) fn place_of(set: Option<&SortedSet>, member: &[u8]) -> Result<Place, Error> {
    let Some(set) = set else { return Ok(Query::NOTHING.middle) };
    let score = set.score(member);
    let undecoded = || Error::text("could not decode requested zset member");
    score.map(Place::of_score).ok_or_else(undecoded)
}

/// A circle, and how many meters its unit has.
pub(super) fn read_circle(radius: &[u8], unit: &[u8]) -> Result<(Shape, f64), Error> {
    let radius = parse_f64(radius).ok_or_else(|| Error::text("need numeric radius"))?;
    if radius < 0.0 {
        return Err(Error::text("radius cannot be negative"));
    }
    let unit = read_unit(unit)?;
    Ok((Shape::Circle { radius: radius * unit }, unit))
}

fn read_box(width: &[u8], height: &[u8], unit: &[u8]) -> Result<(Shape, f64), Error> {
    let width = parse_f64(width).ok_or_else(|| Error::text("need numeric width"))?;
    let height = parse_f64(height).ok_or_else(|| Error::text("need numeric height"))?;
    if width < 0.0 || height < 0.0 {
        return Err(Error::text("height or width cannot be negative"));
    }
    let unit = read_unit(unit)?;
    Ok((Shape::Box { width: width * unit, height: height * unit }, unit))
}

#[cfg(test)]
mod tests {
    use crate::command::harness::{Harness, bulks};

    fn sicily() -> Harness {
        let mut harness = Harness::new();
        harness.run("GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania");
        harness.run("GEOADD g 12.758489 38.788135 edge1 17.241510 38.788135 edge2");
        harness
    }

    #[test]
    fn members_within_a_circle_or_a_box_are_found() {
        let mut harness = sicily();
        for (line, found) in [
            ("GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km ASC", "Catania Palermo"),
            ("GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km DESC COUNT 1", "Palermo"),
            ("GEOSEARCH g FROMLONLAT 15 37 BYBOX 400 400 km ASC", "Catania Palermo edge2 edge1"),
            ("GEOSEARCH g FROMMEMBER Palermo BYRADIUS 0 m", "Palermo"),
            ("GEOSEARCH g FROMLONLAT 0 0 BYRADIUS 22000 km ASC COUNT 2", "Catania Palermo"),
            ("GEOSEARCH g FROMLONLAT 100 0 BYRADIUS 1 km", ""),
            ("GEOSEARCH none FROMMEMBER x BYRADIUS 1 km", ""),
        ] {
            assert_eq!(bulks(&harness.run(line)).join(" "), found, "{line}");
        }
        assert_eq!(
            harness.run("GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 100 km WITHDIST WITHHASH WITHCOORD"),
            "*1\r\n*4\r\n$7\r\nCatania\r\n$7\r\n56.4413\r\n:3479447370796909\r\n\
             *2\r\n$20\r\n15.08726745843887329\r\n$20\r\n37.50266842333162032\r\n"
        );
    }

    #[test]
    fn what_is_found_may_be_stored_with_its_distance() {
        let mut harness = sicily();
        let search = "FROMLONLAT 15 37 BYRADIUS 200 km";
        assert_eq!(harness.run(&format!("GEOSEARCHSTORE to g {search}")), ":2\r\n");
        assert_eq!(harness.run("ZSCORE to Catania"), "$16\r\n3479447370796909\r\n");
        assert_eq!(harness.run(&format!("GEOSEARCHSTORE to g {search} STOREDIST")), ":2\r\n");
        assert_eq!(bulks(&harness.run("ZRANGE to 0 -1")), ["Catania", "Palermo"]);
        assert_eq!(harness.run(&format!("GEOSEARCHSTORE to none {search}")), ":0\r\n");
        assert_eq!(harness.run("EXISTS to"), ":0\r\n");
    }
}
