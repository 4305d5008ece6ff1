//! What is searched: a circle or a box around a place, and the cells that cover it.

use super::hash::{Cell, Place, SCORES, STEPS, degrees_at, degrees_of, latitude_distance};

/// Sizes are in meters.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    Circle { radius: f64 },
    Box { width: f64, height: f64 },
}

impl Shape {
    /// The distance of a place from the middle, if it is within.
    pub(super) fn distance(self, middle: Place, place: Place) -> Option<f64> {
        match self {
            Self::Circle { radius } => Some(middle.distance(place)).filter(|far| *far <= radius),
            Self::Box { width, height } => {
                let sideways = Place { longitude: middle.longitude, ..place };
                let is_within = latitude_distance(place.latitude, middle.latitude) <= height / 2.0
                    && place.distance(sideways) <= width / 2.0;
                is_within.then(|| middle.distance(place))
            }
        }
    }

    /// The cell in the middle and those around it that cover the shape, in Redis' order, which shows
    /// in replies that are not sorted. None twice in a row, as happens where cells are huge.
    pub(super) fn cells(self, middle: Place) -> Vec<Cell> {
        let bounds = self.bounds(middle);
        let mut steps = self.steps(middle.latitude);
        let cell = |steps| SCORES.cell(middle, steps);
        if steps > 1 && !bounds.are_covered_around(cell(steps)) {
            steps -= 1;
        }
        let center = cell(steps);
        let sides = SCORES.sides(center);
        // Large cells may wrap around the globe; smaller ones are of no use where they lie outside.
        let is_useful = |north: i32, east: i32| {
            steps < 2
                || !((north < 0 && sides.south < bounds.south)
                    || (north > 0 && sides.north > bounds.north)
                    || (east < 0 && sides.west < bounds.west)
                    || (east > 0 && sides.east > bounds.east))
        };
        const AROUND: [(i32, i32); 9] =
            [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)];
        let useful = AROUND.into_iter().filter(|(north, east)| is_useful(*north, *east));
        let mut cells: Vec<_> = useful.map(|(north, east)| center.neighbor(north, east)).collect();
        cells.dedup();
        cells
    }

    /// Half of the width and half of the height.
    fn halves(self) -> (f64, f64) {
        match self {
            Self::Circle { radius } => (radius, radius),
            Self::Box { width, height } => (width / 2.0, height / 2.0),
        }
    }

    fn bounds(self, middle: Place) -> Bounds {
        let (width, height) = self.halves();
        let up = degrees_of(height);
        // A degree is narrower towards the pole.
        let outer = if middle.latitude < 0.0 { middle.latitude - up } else { middle.latitude + up };
        let aside = degrees_at(width, outer);
        Bounds {
            west: middle.longitude - aside,
            south: middle.latitude - up,
            east: middle.longitude + aside,
            north: middle.latitude + up,
        }
    }

    /// How often the grid is divided so that nine cells cover the shape.
    fn steps(self, latitude: f64) -> u32 {
        /// Meters from the equator to the end of the grid.
        const MOST: f64 = 20_037_726.37;
        let mut radius = match self {
            Self::Circle { radius } => radius,
            Self::Box { .. } => {
                let (width, height) = self.halves();
                (width * width + height * height).sqrt()
            }
        };
        if radius == 0.0 {
            return STEPS;
        }
        let mut steps = 1i32;
        while radius < MOST {
            radius *= 2.0;
            steps += 1;
        }
        steps -= 2;
        // Cells are narrow near the poles.
        steps -= i32::from(latitude.abs() > 66.0) + i32::from(latitude.abs() > 80.0);
        steps.clamp(1, STEPS as i32) as u32
    }
}

/// The degrees between which a shape lies.
struct Bounds {
    west: f64,
    south: f64,
    east: f64,
    north: f64,
}

impl Bounds {
    /// Whether they lie within a cell and those around it.
    fn are_covered_around(&self, cell: Cell) -> bool {
        let sides = |north, east| SCORES.sides(cell.neighbor(north, east));
        sides(1, 0).north >= self.north
            && sides(-1, 0).south <= self.south
            && sides(0, 1).east >= self.east
            && sides(0, -1).west <= self.west
    }
}
