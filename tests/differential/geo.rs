//! The geo commands.

use super::{Generator, Random, Step};

pub const COMMANDS: &[Generator] = &[
    geoadd,
    geoadd,
    |random| members(Step::new("GEOPOS").word(places(random)), random),
    |random| members(Step::new("GEOHASH").word(places(random)), random),
    geodist,
    geosearch,
    geosearch,
    geosearchstore,
    georadius,
    |_| Step::new("ZRANGE").word(STORED).options("0 -1 WITHSCORES"),
];

/// Keys that hold places only: what others scores mean as places is a server's own affair.
fn places(random: &mut Random) -> &'static str {
    random.one_of(&["geo:1", "geo:2", "geo:2", "geo:none"])
}

/// What is stored may be distances.
const STORED: &str = "geo:stored";

fn degrees(random: &mut Random, most: usize) -> String {
    let whole = random.below(2 * most) as i64 - most as i64;
    format!("{whole}.{:07}", random.below(10_000_000))
}

/// A place on the grid, mostly: all over the globe, or in one region.
fn place(step: Step, random: &mut Random) -> Step {
    match random.below(12) {
        0 => step.options(random.one_of(&["181 0", "0 86", "-180 -85.05112878", "x 1", "nan 0"])),
        1..5 => {
            let longitude = degrees(random, 180);
            step.word(longitude).word(degrees(random, 85))
        }
        _ => {
            let longitude = degrees(random, 5);
            step.word(longitude).word(degrees(random, 5))
        }
    }
}

fn geoadd(random: &mut Random) -> Step {
    let step = Step::new("GEOADD").word(random.one_of(&["geo:1", "geo:2"]));
    let step = step.options(random.one_of(&["", "", "", "NX", "XX", "CH", "XX CH", "NX XX"]));
    let count = if random.chance(3) { 150 } else { 1 + random.below(4) };
    (0..count).fold(step, |step, _| place(step, random).word(random.member()))
}

fn members(step: Step, random: &mut Random) -> Step {
    (0..random.below(4)).fold(step, |step, _| step.word(random.member()))
}

fn unit(random: &mut Random) -> &'static str {
    random.one_of(&["m", "KM", "km", "ft", "mi", "mi", "yd"])
}

fn geodist(random: &mut Random) -> Step {
    let step = Step::new("GEODIST").word(places(random)).word(random.member());
    let step = step.word(random.member());
    if random.chance(50) { step.word(unit(random)) } else { step }
}

fn size(random: &mut Random) -> String {
    match random.below(10) {
        0 => random.one_of(&["0", "-1", "x", "1e300"]).into(),
        1..4 => random.below(30_000).to_string(),
        _ => random.below(1000).to_string(),
    }
}

fn shape(step: Step, random: &mut Random) -> Step {
    let step = match random.chance(40) {
        true => step.word("FROMMEMBER").word(random.member()),
        false => place(step.word("FROMLONLAT"), random),
    };
    let step = match random.chance(50) {
        true => step.word("BYRADIUS").word(size(random)),
        false => {
            let width = size(random);
            step.word("BYBOX").word(width).word(size(random))
        }
    };
    step.word(unit(random))
}

fn order(step: Step, random: &mut Random) -> Step {
    step.options(random.one_of(&["", "", "ASC", "DESC"])).options(random.one_of(&[
        "",
        "",
        "COUNT 1",
        "COUNT 3 ANY",
        "COUNT 2 ANY",
        "COUNT 0",
        "ANY",
    ]))
}

fn told(step: Step, random: &mut Random) -> Step {
    ["WITHCOORD", "withdist", "WITHHASH"]
        .into_iter()
        .fold(step, |step, word| if random.chance(30) { step.word(word) } else { step })
}

fn geosearch(random: &mut Random) -> Step {
    let step = shape(Step::new("GEOSEARCH").word(places(random)), random);
    let step = order(step, random);
    told(step, random)
}

fn geosearchstore(random: &mut Random) -> Step {
    let step = Step::new("GEOSEARCHSTORE").word(STORED).word(places(random));
    let step = shape(step, random);
    let step = order(step, random);
    let step = step.options(random.one_of(&["", "STOREDIST"]));
    if random.chance(5) { told(step, random) } else { step }
}

fn georadius(random: &mut Random) -> Step {
    let (around, only_reads) = (random.chance(50), random.chance(50));
    let name = match (around, only_reads) {
        (true, true) => "GEORADIUS_RO",
        (true, false) => "GEORADIUS",
        (false, true) => "GEORADIUSBYMEMBER_RO",
        (false, false) => "GEORADIUSBYMEMBER",
    };
    let step = Step::new(name).word(places(random));
    let step = if around { place(step, random) } else { step.word(random.member()) };
    let step = step.word(size(random)).word(unit(random));
    let step = order(step, random);
    if random.chance(30) {
        return step.word(random.one_of(&["STORE", "storedist"])).word(STORED);
    }
    told(step, random)
}
