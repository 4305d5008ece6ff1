//! Bytes on their way out: small ones copied into one buffer, large ones kept by reference.

use bytes::Bytes;

use crate::memory;

/// Replies of one connection, in order.
///
/// Small replies are written into one growing buffer. A large value is not copied: it is noted with
/// the place in that buffer before which it belongs.
///
/// It may have a limit: what would go beyond is left out, and then the whole is [cut](Output::is_cut)
/// and of no use.
#[derive(Debug, PartialEq, Eq)]
pub struct Output {
    copied: Vec<u8>,
    /// (place in `copied`, value): the value's bytes come before `copied[place]`.
    shared: Vec<(usize, Bytes)>,
    shared_len: usize,
    /// Bytes that it may hold.
    limit: usize,
    /// Something was left out.
    cut: bool,
}

/// From this size up, memory for replies is not taken without a look at what the system has.
const LARGE: usize = 64 << 20;

impl Default for Output {
    fn default() -> Self {
        Self { copied: vec![], shared: vec![], shared_len: 0, limit: usize::MAX, cut: false }
    }
}

impl Output {
    pub fn new() -> Self {
        Self::default()
    }

    /// What it may hold from now on, in bytes. Memory that it has already may take a little more.
    #[inline]
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// How much more it may hold.
    pub fn left(&self) -> usize {
        self.limit.saturating_sub(self.len())
    }

    /// Notes that something that belongs here was left out elsewhere.
    pub fn cut(&mut self) {
        self.cut = true;
    }

    /// True when something did not fit, and so was left out.
    #[inline]
    pub fn is_cut(&self) -> bool {
        self.cut
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
        if let Some(out) = self.room(bytes.len()) {
            out.extend_from_slice(bytes);
        }
    }

    /// The buffer that small replies are appended to, with room for so many bytes more. None if that
    /// would be too much.
    #[inline]
    pub fn room(&mut self, bytes: usize) -> Option<&mut Vec<u8>> {
        if self.copied.capacity() - self.copied.len() < bytes && !self.grow(bytes) {
            return None;
        }
        Some(&mut self.copied)
    }

    /// Takes memory for at least so many bytes more, if that is allowed.
    #[cold]
    fn grow(&mut self, bytes: usize) -> bool {
        let least = self.copied.len() + bytes;
        if self.cut || !self.allows(bytes) {
            self.cut = true;
            return false;
        }
        let most = self.limit.saturating_sub(self.shared_len);
        let wanted = least.max(2 * self.copied.capacity()).next_power_of_two();
        let wanted = wanted.clamp(least, most.max(least));
        let Some(capacity) = [wanted, least].into_iter().find(|&bytes| is_at_hand(bytes)) else {
            self.cut = true;
            return false;
        };
        self.copied.reserve_exact(capacity - self.copied.len());
        true
    }

    fn allows(&self, bytes: usize) -> bool {
        self.len().checked_add(bytes).is_some_and(|len| len <= self.limit)
    }

    /// The buffer that small replies are in, for a send.
    #[inline]
    pub fn copied_mut(&mut self) -> &mut Vec<u8> {
        &mut self.copied
    }

    /// Appends a value without copying it.
    pub fn share(&mut self, value: Bytes) {
        let is_full = self.shared.len() == self.shared.capacity();
        let grown = 2 * size_of_val(&self.shared[..]);
        if self.cut || !self.allows(value.len()) || is_full && !is_at_hand(grown) {
            self.cut = true;
            return;
        }
        self.shared_len += value.len();
        self.shared.push((self.copied.len(), value));
    }

    /// Appends all of another output.
    pub fn append(&mut self, other: Self) {
        let start = self.copied.len();
        if !self.allows(other.len()) || self.room(other.copied.len()).is_none() {
            self.cut = true;
            return;
        }
        self.copied.extend_from_slice(&other.copied);
        self.shared.extend(other.shared.into_iter().map(|(place, value)| (start + place, value)));
        self.shared_len += other.shared_len;
    }

    /// Where the output stands now; see [`Output::rewind`].
    pub fn mark(&self) -> Mark {
        Mark { copied: self.copied.len(), shared: self.shared.len(), cut: self.cut }
    }

    /// Takes back everything appended since `mark`.
    pub fn rewind(&mut self, mark: Mark) {
        self.copied.truncate(mark.copied);
        for (_, value) in self.shared.drain(mark.shared..) {
            self.shared_len -= value.len();
        }
        self.cut = mark.cut;
    }

    /// Forgets all bytes and keeps the buffer.
    pub fn clear(&mut self) {
        self.copied.clear();
        self.shared.clear();
        self.shared_len = 0;
        self.cut = false;
    }

    /// Bytes of memory the copying buffer has reserved.
    pub fn capacity(&self) -> usize {
        self.copied.capacity()
    }

    /// How many pieces the bytes lie in, about.
    pub fn pieces(&self) -> usize {
        usize::from(!self.copied.is_empty()) + self.shared.len()
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

/// True if so much memory may be taken for replies: it is little, or the system has much more.
fn is_at_hand(bytes: usize) -> bool {
    let is_at_hand = bytes < LARGE || bytes <= memory::available() / 2;
    if !is_at_hand {
        log::warn!("a reply that needs {bytes} bytes of memory is given up: too little is left");
    }
    is_at_hand
}

/// A place in an [`Output`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Mark {
    copied: usize,
    shared: usize,
    cut: bool,
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

    #[test]
    fn what_goes_beyond_the_limit_is_left_out() {
        let mut output = Output::new();
        output.set_limit(100);
        output.extend(&[1; 60]);
        let mark = output.mark();
        output.extend(&[2; 41]);
        assert_eq!((output.is_cut(), output.len()), (true, 60));
        output.rewind(mark);
        assert!(!output.is_cut());
        output.share(Bytes::from(vec![3; 41]));
        assert_eq!((output.is_cut(), output.len()), (true, 60));
        output.rewind(mark);
        output.append(Output { copied: vec![4; 41], ..Output::new() });
        assert_eq!((output.is_cut(), output.len()), (true, 60));
        output.rewind(mark);
        output.share(Bytes::from(vec![5; 30]));
        output.extend(&[6; 10]);
        assert_eq!((output.is_cut(), output.len()), (false, 100));
        assert!(output.capacity() <= 70, "what is shared counts, too");
        output.clear();
        output.set_limit(usize::MAX);
        output.extend(&[7; 1000]);
        assert_eq!((output.is_cut(), output.len()), (false, 1000));
    }
}
