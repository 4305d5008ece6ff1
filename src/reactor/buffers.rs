//! Spare output buffers: connections hold memory for replies only while they have something to say.

use crate::output::Output;

/// Spare output buffers of one reactor. Connections borrow one while they have something to say.
#[derive(Debug)]
pub(super) struct Outputs {
    #[expect(
        clippy::vec_box,
        reason = "a connection keeps a pointer to its own, and none while idle"
    )]
    spare: Vec<Box<Output>>,
    /// At most so many are kept,
    count: usize,
    /// and none that has grown larger than this.
    capacity: usize,
}

impl Outputs {
    pub(super) fn new(count: usize, capacity: usize) -> Self {
        Self { spare: Vec::new(), count, capacity }
    }

    /// An empty buffer: the one that came back last, while it is warm.
    #[inline]
    pub(super) fn take(&mut self) -> Box<Output> {
        self.spare.pop().unwrap_or_default()
    }

    /// Takes a buffer back; what it holds is forgotten.
    #[inline]
    pub(super) fn give_back(&mut self, mut output: Box<Output>) {
        output.clear();
        if self.spare.len() < self.count && output.capacity() <= self.capacity {
            self.spare.push(output);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spare_outputs_are_few_and_small() {
        let mut outputs = Outputs::new(1, 64);
        let with_capacity = |capacity| {
            let mut output = Box::new(Output::new());
            output.copied_mut().reserve_exact(capacity);
            output.extend(b"old");
            output
        };
        outputs.give_back(with_capacity(65));
        assert_eq!(outputs.take().capacity(), 0, "the large one was dropped");
        outputs.give_back(with_capacity(64));
        outputs.give_back(with_capacity(32));
        let first = outputs.take();
        assert_eq!((first.capacity(), first.len()), (64, 0));
        assert_eq!(outputs.take().capacity(), 0, "the second was one too many");
    }
}
