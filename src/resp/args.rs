//! The arguments of one request: views into bytes that belong to somebody else.

use std::ops::Index;

use bytes::Bytes;

/// Where an argument lies in the bytes of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

/// The arguments of one request, the command's name first. Copying it copies no argument.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    bytes: &'a [u8],
    spans: &'a [Span],
    /// The memory in which the arguments lie, where it may be shared.
    memory: Option<&'a Bytes>,
}

impl<'a> Args<'a> {
    /// The spans must lie within `bytes`.
    #[inline]
    pub fn new(bytes: &'a [u8], spans: &'a [Span]) -> Self {
        Self { bytes, spans, memory: None }
    }

    /// Arguments that lie in this memory, if there is one.
    #[inline]
    pub fn within(self, memory: Option<&'a Bytes>) -> Self {
        Self { memory, ..self }
    }

    /// An argument together with the memory in which it lies, if it makes up the better part of that:
    /// it is kept without a copy then.
    #[inline]
    pub fn share(self, index: usize) -> Option<Bytes> {
        let (memory, argument) = (self.memory?, self.get(index)?);
        // An inline command's unquoted arguments lie elsewhere.
        let lies_within = memory.as_ptr_range().contains(&argument.as_ptr());
        (lies_within && argument.len() > memory.len() / 2).then(|| memory.slice_ref(argument))
    }

    /// The number of arguments, the command's name included.
    #[inline]
    pub fn len(self) -> usize {
        self.spans.len()
    }

    #[inline]
    pub fn is_empty(self) -> bool {
        self.spans.is_empty()
    }

    #[inline]
    pub fn get(self, index: usize) -> Option<&'a [u8]> {
        self.spans.get(index).map(|span| &self.bytes[span.start..span.end])
    }

    /// The arguments from `first` on; none if there are fewer.
    #[inline]
    pub fn rest(self, first: usize) -> Self {
        Self { spans: self.spans.get(first..).unwrap_or_default(), ..self }
    }

    /// The first `count` arguments, and the others; None if there are fewer.
    pub fn split(self, count: usize) -> Option<(Self, Self)> {
        let (first, rest) = self.spans.split_at_checked(count)?;
        let part = |spans| Self { spans, ..self };
        Some((part(first), part(rest)))
    }

    #[inline]
    pub fn iter(
        self,
    ) -> impl ExactSizeIterator<Item = &'a [u8]> + DoubleEndedIterator + Clone + use<'a> {
        self.spans.iter().map(move |span| &self.bytes[span.start..span.end])
    }
}

/// `args[0]` is the command's name. Panics when there is no such argument: commands check their
/// arity before they run.
impl Index<usize> for Args<'_> {
    type Output = [u8];

    #[inline]
    fn index(&self, index: usize) -> &[u8] {
        let span = self.spans[index];
        &self.bytes[span.start..span.end]
    }
}

impl std::fmt::Debug for Args<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(|arg| arg.escape_ascii().to_string())).finish()
    }
}

/// Arguments that outlive their input: a queued or blocked command, or one made by the server itself.
#[derive(Clone, Debug, Default)]
pub struct OwnedArgs {
    bytes: Box<[u8]>,
    spans: Box<[Span]>,
}

impl OwnedArgs {
    pub fn as_args(&self) -> Args<'_> {
        Args::new(&self.bytes, &self.spans)
    }

    /// Bytes of memory held, this struct not included.
    pub fn heap_size(&self) -> usize {
        self.bytes.len() + size_of_val(&*self.spans)
    }
}

impl From<Args<'_>> for OwnedArgs {
    fn from(args: Args<'_>) -> Self {
        args.iter().collect()
    }
}

impl<T: AsRef<[u8]>> FromIterator<T> for OwnedArgs {
    fn from_iter<I: IntoIterator<Item = T>>(args: I) -> Self {
        let mut bytes = Vec::new();
        let spans = args.into_iter().map(|arg| {
            let start = bytes.len();
            bytes.extend_from_slice(arg.as_ref());
            Span { start, end: bytes.len() }
        });
        let spans = spans.collect();
        Self { bytes: bytes.into(), spans }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owned_arguments_equal_the_borrowed_ones() {
        let bytes = b"..SET.key..value";
        let spans = [(2, 5), (6, 9), (9, 9), (11, 16)].map(|(start, end)| Span { start, end });
        let args = Args::new(bytes, &spans);
        let expected: [&[u8]; 4] = [b"SET", b"key", b"", b"value"];
        assert!(args.iter().eq(expected));
        let owned = OwnedArgs::from(args);
        assert!(owned.as_args().iter().eq(expected));
        assert_eq!(owned.heap_size(), 11 + 4 * size_of::<Span>());
    }

    #[test]
    fn only_the_better_part_of_some_memory_is_shared() {
        let memory = Bytes::from_static(b"key large value");
        let spans = [(0, 3), (4, 15)].map(|(start, end)| Span { start, end });
        let args = Args::new(&memory, &spans);
        assert_eq!(args.share(1), None, "nobody said that the memory can be shared");
        let args = args.within(Some(&memory));
        assert_eq!((args.share(0), args.share(2)), (None, None));
        let value = args.share(1).expect("it is the better part");
        assert_eq!((&value[..], value.as_ptr()), (&b"large value"[..], args[1].as_ptr()));
        let unquoted = Args::new(b"a large value elsewhere", &spans).within(Some(&memory));
        assert_eq!(unquoted.share(1), None);
    }

    #[test]
    fn the_rest_may_be_empty() {
        let owned: OwnedArgs = ["GET", "key"].into_iter().collect();
        let args = owned.as_args();
        assert_eq!((&args[0], args.get(1), args.get(2)), (&b"GET"[..], Some(&b"key"[..]), None));
        assert!(args.rest(1).iter().eq([b"key"]));
        let (first, rest) = args.split(1).expect("there are two");
        assert!(first.iter().eq([b"GET"]) && rest.iter().eq([b"key"]));
        assert!(args.split(3).is_none());
        assert!(args.rest(2).is_empty() && args.rest(7).is_empty());
    }
}
