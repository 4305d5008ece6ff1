//! Places in sorted sets: GEOADD, GEOSEARCH and their kind. Scores are numbers of cells on a grid.

mod hash;
mod place;
mod radius;
mod search;
mod shape;

use hash::Place;
use place::{GEOADD, GEODIST, GEOHASH, GEOPOS};
use radius::{GEORADIUS, GEORADIUS_RO, GEORADIUSBYMEMBER, GEORADIUSBYMEMBER_RO};
use search::{GEOSEARCH, GEOSEARCHSTORE};

use super::options::is;
use super::{Argument, Command, Error, Kind};
use crate::number::parse_f64;
use crate::resp::{Reply, Version};

/// The commands of this group, in the order of Redis' documentation.
pub(super) const COMMANDS: &[&Command] = &[
    &GEOADD,
    &GEODIST,
    &GEOHASH,
    &GEOPOS,
    &GEORADIUS,
    &GEORADIUSBYMEMBER,
    &GEORADIUSBYMEMBER_RO,
    &GEORADIUS_RO,
    &GEOSEARCH,
    &GEOSEARCHSTORE,
];

const LONGITUDE: Argument = Argument::new("longitude", Kind::Double);
const LATITUDE: Argument = Argument::new("latitude", Kind::Double);
const UNIT: Argument = Argument::one_of(
    "unit",
    &[
        Argument::word("m", "M"),
        Argument::word("km", "KM"),
        Argument::word("ft", "FT"),
        Argument::word("mi", "MI"),
    ],
);
const ORDER: Argument =
    Argument::one_of("order", &[Argument::word("asc", "ASC"), Argument::word("desc", "DESC")])
        .optional();

/// A place in two words.
fn read_place(longitude: &[u8], latitude: &[u8]) -> Result<Place, Error> {
    let read = |word| parse_f64(word).ok_or(Error::NotAFloat);
    let place = Place { longitude: read(longitude)?, latitude: read(latitude)? };
    if !place.is_on_the_grid() {
        let Place { longitude, latitude } = place;
        let text = format!("invalid longitude,latitude pair {longitude:.6},{latitude:.6}");
        return Err(Error::text(text));
    }
    Ok(place)
}

/// How many meters a unit has.
fn read_unit(word: &[u8]) -> Result<f64, Error> {
    let units = [("M", 1.0), ("KM", 1000.0), ("FT", 0.3048), ("MI", 1609.34)];
    let found = units.iter().find(|(name, _)| is(word, name)).map(|(_, meters)| *meters);
    found.ok_or_else(|| Error::text("unsupported unit provided. please use M, KM, FT, MI"))
}

fn reply_distance(reply: &mut Reply<'_>, distance: f64) {
    reply.bulk(format!("{distance:.4}").as_bytes());
}

fn reply_place(reply: &mut Reply<'_>, place: Place) {
    reply.array(2);
    for degrees in [place.longitude, place.latitude] {
        let text = format!("{degrees:.17}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        let text = if text == "-0" { "0" } else { text };
        match reply.version() {
            Version::V2 => reply.bulk(text.as_bytes()),
            Version::V3 => reply.output().extend(format!(",{text}\r\n").as_bytes()),
        }
    }
}
