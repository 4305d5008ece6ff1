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
    /// Bytes that they take,
    bytes: usize,
    /// how many bytes they may,
    most: usize,
    /// and how large one of them may be.
    capacity: usize,
}

impl Outputs {
    pub(super) fn new(most: usize, capacity: usize) -> Self {
        Self { spare: Vec::new(), bytes: 0, most, capacity }
    }

    /// An empty buffer: the one that came back last, while it is warm.
    #[inline]
    pub(super) fn take(&mut self) -> Box<Output> {
        let Some(output) = self.spare.pop() else { return Box::default() };
        self.bytes -= size(&output);
        output
    }

    /// Takes a buffer back; what it holds is forgotten.
    #[inline]
    pub(super) fn give_back(&mut self, mut output: Box<Output>) {
        output.clear();
        let bytes = self.bytes + size(&output);
        if output.capacity() <= self.capacity && bytes <= self.most {
            self.bytes = bytes;
            self.spare.push(output);
        }
    }
}

#[inline]
fn size(output: &Output) -> usize {
    size_of::<Output>() + output.capacity()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spare_outputs_are_few_and_small() {
        let mut outputs = Outputs::new(2 * size_of::<Output>() + 100, 64);
        let with_capacity = |capacity| {
            let mut output = Box::new(Output::new());
            output.copied_mut().reserve_exact(capacity);
            output.extend(b"old");
            output
        };
        outputs.give_back(with_capacity(65));
        assert_eq!(outputs.take().capacity(), 0, "the large one was dropped");
        for _ in 0..2 {
            for capacity in [64, 37, 36] {
                outputs.give_back(with_capacity(capacity));
            }
            let last = outputs.take();
            assert_eq!((last.capacity(), last.len()), (36, 0));
            assert_eq!(outputs.take().capacity(), 64, "the second was one too many");
            assert_eq!(outputs.take().capacity(), 0);
        }
    }
}
