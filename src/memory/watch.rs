//! Whether it is worth while to look again.

/// A number of bytes that is looked at now and then.
#[derive(Default)]
pub(super) struct Watch {
    last: usize,
    settled: usize,
}

/// What has become of the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It is much more or less than at the last look: by 2 MiB, or by a 64th if that is more.
    Moving,
    /// It has come to rest, and not where it rested before.
    Settled,
    Nothing,
}

impl Watch {
    pub(super) fn look(&mut self, bytes: usize) -> Change {
        let much = (bytes / 64).max(2 << 20);
        if bytes.abs_diff(self.last) > much {
            self.last = bytes;
            Change::Moving
        } else if bytes.abs_diff(self.settled) > much {
            self.settled = bytes;
            Change::Settled
        } else {
            Change::Nothing
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Change::{Moving, Nothing, Settled};
    use super::*;

    #[test]
    fn it_tells_once_where_the_number_has_settled() {
        let mut watch = Watch::default();
        let looks = [1, 1, 100, 200, 201, 202, 200, 10, 9, 9, 200, 10, 10];
        let looks = looks.map(|mib: usize| watch.look(mib << 20));
        let expected = [
            Nothing, Nothing, Moving, Moving, Settled, Nothing, Nothing, Moving, Settled, Nothing,
            Moving, Moving, Nothing,
        ];
        assert_eq!(looks, expected);
    }
}
