//! Places on the globe as numbers: 26 bits of latitude and 26 of longitude, interleaved, so that
//! places whose numbers are close are close.

/// Bits of each coordinate in a score.
pub(super) const STEPS: u32 = 26;
const EARTH_RADIUS: f64 = 6_372_797.560_856;
const DEGREE: f64 = std::f64::consts::PI / 180.0;

/// In degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) longitude: f64,
    pub(super) latitude: f64,
}

/// The degrees that the cells of a grid cover together.
#[derive(Clone, Copy)]
pub(super) struct Grid {
    /// Latitudes go from minus this to this.
    latitude: f64,
}

/// Beyond these latitudes, the grid of scores does not reach.
pub(super) const SCORES: Grid = Grid { latitude: 85.051_128_78 };
/// The grid of public geohashes.
pub(super) const PUBLIC: Grid = Grid { latitude: 90.0 };
const LONGITUDE: f64 = 180.0;

/// A cell of a grid that is divided in two `steps` times in each direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    latitude: u32,
    longitude: u32,
    steps: u32,
}

/// The sides of a cell.
pub(super) struct Sides {
    pub(super) west: f64,
    pub(super) south: f64,
    pub(super) east: f64,
    pub(super) north: f64,
}

impl Place {
    pub(super) fn is_on_the_grid(self) -> bool {
        self.longitude.abs() <= LONGITUDE && self.latitude.abs() <= SCORES.latitude
    }

    pub(super) fn score(self) -> f64 {
        SCORES.cell(self, STEPS).bits() as f64
    }

    /// The middle of the cell that a score is the number of.
    pub(super) fn of_score(score: f64) -> Self {
        let sides = SCORES.sides(Cell::from_bits(score as u64, STEPS));
        let middle = |low: f64, high: f64, most: f64| ((low + high) / 2.0).clamp(-most, most);
        Self {
            longitude: middle(sides.west, sides.east, LONGITUDE),
            latitude: middle(sides.south, sides.north, SCORES.latitude),
        }
    }

    /// Meters to another place: the haversine of a ball.
    pub(super) fn distance(self, other: Self) -> f64 {
        let v = ((radians(other.longitude) - radians(self.longitude)) / 2.0).sin();
        if v == 0.0 {
            return latitude_distance(self.latitude, other.latitude);
        }
        let (from, to) = (radians(self.latitude), radians(other.latitude));
        let u = ((to - from) / 2.0).sin();
        let a = u * u + from.cos() * to.cos() * v * v;
        2.0 * EARTH_RADIUS * a.sqrt().asin()
    }
}

/// Meters between two latitudes.
pub(super) fn latitude_distance(from: f64, to: f64) -> f64 {
    EARTH_RADIUS * (radians(to) - radians(from)).abs()
}

/// Degrees of latitude that a distance in meters takes up.
pub(super) fn degrees_of(meters: f64) -> f64 {
    meters / EARTH_RADIUS / DEGREE
}

/// Degrees of longitude that a distance in meters takes up at a latitude.
pub(super) fn degrees_at(meters: f64, latitude: f64) -> f64 {
    meters / EARTH_RADIUS / radians(latitude).cos() / DEGREE
}

fn radians(degrees: f64) -> f64 {
    degrees * DEGREE
}

impl Grid {
    pub(super) fn cell(self, place: Place, steps: u32) -> Cell {
        let cells = (1u64 << steps) as f64;
        let number = |at: f64, most: f64| ((at + most) / (most + most) * cells) as u32;
        Cell {
            latitude: number(place.latitude, self.latitude),
            longitude: number(place.longitude, LONGITUDE),
            steps,
        }
    }

    pub(super) fn sides(self, cell: Cell) -> Sides {
        let cells = (1u64 << cell.steps) as f64;
        let side = |number: f64, most: f64| -most + number / cells * (most + most);
        let (longitude, latitude) = (f64::from(cell.longitude), f64::from(cell.latitude));
        Sides {
            west: side(longitude, LONGITUDE),
            south: side(latitude, self.latitude),
            east: side(longitude + 1.0, LONGITUDE),
            north: side(latitude + 1.0, self.latitude),
        }
    }
}

impl Cell {
    /// The number of the cell: bits of latitude and longitude in turn.
    pub(super) fn bits(self) -> u64 {
        spread(self.latitude) | spread(self.longitude) << 1
    }

    fn from_bits(bits: u64, steps: u32) -> Self {
        Self { latitude: gather(bits), longitude: gather(bits >> 1), steps }
    }

    /// The cell so many cells further north and east; the grid is closed in both directions.
    pub(super) fn neighbor(self, north: i32, east: i32) -> Self {
        let mask = (1u32 << self.steps) - 1;
        Self {
            latitude: self.latitude.wrapping_add_signed(north) & mask,
            longitude: self.longitude.wrapping_add_signed(east) & mask,
            steps: self.steps,
        }
    }

    /// The lowest score in the cell, and the first one that is behind it.
    pub(super) fn scores(self) -> (f64, f64) {
        let shift = 2 * (STEPS - self.steps);
        ((self.bits() << shift) as f64, ((self.bits() + 1) << shift) as f64)
    }
}

/// Puts a zero before each bit.
fn spread(number: u32) -> u64 {
    let mut bits = u64::from(number);
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, 0x5555_5555_5555_5555),
    ] {
        bits = (bits | bits << shift) & mask;
    }
    bits
}

/// Takes every second bit.
fn gather(bits: u64) -> u32 {
    let mut bits = bits & 0x5555_5555_5555_5555;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff),
    ] {
        bits = (bits | bits >> shift) & mask;
    }
    bits as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bits_are_gathered_as_they_were_spread(number in any::<u32>()) {
            prop_assert_eq!(gather(spread(number)), number);
            let slowly = (0..32).map(|bit| u64::from(number >> bit & 1) << (2 * bit)).sum::<u64>();
            prop_assert_eq!(spread(number), slowly);
        }

        #[test]
        fn a_score_tells_its_place_to_less_than_a_meter(
            longitude in -180.0..180.0f64, latitude in -85.0..85.0f64,
        ) {
            let place = Place { longitude, latitude };
            prop_assert!(place.distance(Place::of_score(place.score())) < 1.0);
        }
    }

    #[test]
    fn the_distance_of_two_cities_is_that_of_redis() {
        let palermo = Place { longitude: 13.361389, latitude: 38.115556 };
        let catania = Place { longitude: 15.087269, latitude: 37.502669 };
        assert_eq!(palermo.score(), 3_479_099_956_230_698.0);
        let stored = [palermo, catania].map(|place| Place::of_score(place.score()));
        assert_eq!(format!("{:.4}", stored[0].distance(stored[1])), "166274.1516");
    }
}
