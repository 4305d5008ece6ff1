//! Bytes on their way out: small ones copied into one buffer, large ones kept by reference.

use bytes::Bytes;

/// Replies of one connection, in order.
///
/// Small replies are written into one growing buffer. A large value is not copied: it is noted with
/// the place in that buffer before which it belongs.
#[derive(Default, Debug, PartialEq, Eq)]
pub struct Output {
    copied: Vec<u8>,
    /// (place in `copied`, value): the value's bytes come before `copied[place]`.
    shared: Vec<(usize, Bytes)>,
    shared_len: usize,
}

impl Output {
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes waiting, copied and shared together.
    #[inline]
    pub fn len(&self) -> usize {
        self.copied.len() + self.shared_len
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    pub fn extend(&mut self, bytes: &[u8]) {
        self.copied.extend_from_slice(bytes);
    }

    /// The buffer that small replies are appended to. Only appending is allowed.
    #[inline]
    pub fn copied_mut(&mut self) -> &mut Vec<u8> {
        &mut self.copied
    }

    /// Appends a value without copying it.
    pub fn share(&mut self, value: Bytes) {
        self.shared_len += value.len();
        self.shared.push((self.copied.len(), value));
    }

    /// Appends all of another output.
    pub fn append(&mut self, other: Self) {
        let start = self.copied.len();
        self.copied.extend_from_slice(&other.copied);
        self.shared.extend(other.shared.into_iter().map(|(place, value)| (start + place, value)));
        self.shared_len += other.shared_len;
    }

    /// Where the output stands now; see [`Output::rewind`].
    pub fn mark(&self) -> Mark {
        Mark { copied: self.copied.len(), shared: self.shared.len() }
    }

    /// Takes back everything appended since `mark`.
    pub fn rewind(&mut self, mark: Mark) {
        self.copied.truncate(mark.copied);
        for (_, value) in self.shared.drain(mark.shared..) {
            self.shared_len -= value.len();
        }
    }

    /// Forgets all bytes and keeps the buffer.
    pub fn clear(&mut self) {
        self.copied.clear();
        self.shared.clear();
        self.shared_len = 0;
    }

    /// Bytes of memory the copying buffer has reserved.
    pub fn capacity(&self) -> usize {
        self.copied.capacity()
    }

    /// True when every byte is in one buffer, the usual case.
    #[inline]
    pub fn is_contiguous(&self) -> bool {
        self.shared.is_empty()
    }

    /// The bytes in order, as slices; `skip` of them have already left.
    pub fn segments(&self, skip: usize) -> impl Iterator<Item = &[u8]> {
        let ends = self.shared.iter().map(|(place, _)| *place).chain([self.copied.len()]);
        let mut start = 0;
        let mut skip = skip;
        let mut values = self.shared.iter().map(|(_, value)| &value[..]);
        ends.flat_map(move |end| {
            let copied = &self.copied[start..end];
            start = end;
            [copied, values.next().unwrap_or_default()]
        })
        .filter_map(move |segment| {
            let cut = skip.min(segment.len());
            skip -= cut;
            (cut < segment.len()).then(|| &segment[cut..])
        })
    }
}

/// A place in an [`Output`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Mark {
    copied: usize,
    shared: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(output: &Output, skip: usize) -> Vec<u8> {
        output.segments(skip).flatten().copied().collect()
    }

    #[test]
    fn shared_values_keep_their_place() {
        let mut output = Output::new();
        output.extend(b"one ");
        output.share(Bytes::from_static(b"two "));
        output.share(Bytes::from_static(b"three "));
        output.extend(b"four");
        assert_eq!(output.len(), 18);
        let whole = b"one two three four";
        for skip in 0..=whole.len() {
            assert_eq!(joined(&output, skip), whole[skip..], "after {skip} bytes");
        }
    }

    #[test]
    fn an_appended_output_comes_behind() {
        let mut output = Output::new();
        output.share(Bytes::from_static(b"one "));
        output.extend(b"two ");
        let mut other = Output::new();
        other.extend(b"three ");
        other.share(Bytes::from_static(b"four "));
        other.extend(b"five");
        output.append(other);
        assert_eq!((output.len(), joined(&output, 0)), (23, b"one two three four five".to_vec()));
    }

    #[test]
    fn rewind_takes_back_copied_and_shared_bytes() {
        let mut output = Output::new();
        output.extend(b"kept");
        let mark = output.mark();
        output.extend(b"gone");
        output.share(Bytes::from_static(b"gone too"));
        output.rewind(mark);
        assert_eq!((output.len(), joined(&output, 0)), (4, b"kept".to_vec()));
        assert!(output.is_contiguous());
    }
}
