//! Whether it is worth while to look again.

/// A number of bytes, as it was when it was last worth while.
#[derive(Default)]
pub(super) struct Watch(usize);

impl Watch {
    /// Whether there is much more or less than then: again and again while something goes on, and not
    /// when nothing has come of it.
    pub(super) fn has_changed(&mut self, bytes: usize) -> bool {
        const MUCH: usize = 2 << 20;
        let has_changed = bytes.abs_diff(self.0) > MUCH;
        if has_changed {
            self.0 = bytes;
        }
        has_changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_notices_more_and_less() {
        let mut watch = Watch::default();
        let looks =
            [1, 3, 4, 5, 6, 100, 50, 20, 19, 18, 17].map(|mib: usize| watch.has_changed(mib << 20));
        let yes = [false, true, false, false, true, true, true, true, false, false, true];
        assert_eq!(looks, yes);
    }
}
