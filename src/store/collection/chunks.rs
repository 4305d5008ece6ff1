//! The form of large lists: chunks in a ring, so that both ends are near.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;

use super::chunk::{Chunk, ChunkSize, Elements, End};
use super::element::Element;
use crate::store::{SHARED_FROM, Text, free};

/// A large list.
#[derive(Clone, Default)]
pub(super) struct Chunks {
    nodes: VecDeque<Node>,
    /// Elements of all nodes.
    len: usize,
    /// Bytes allocated by all nodes.
    bytes: usize,
}

/// A part of a large list, never empty, with the number of its elements: who looks for one by its
/// number passes all nodes, and need not look into the chunks, which are elsewhere in memory.
#[derive(Clone)]
struct Node {
    len: u32,
    part: Part,
}

#[derive(Clone)]
enum Part {
    Chunk(Chunk),
    /// A text of [`SHARED_FROM`] bytes or more: replies send it without a copy.
    Text(Box<Bytes>),
}

const _: () = assert!(size_of::<Node>() == 24);

/// An element that is to be put in or looked for.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) text: &'a [u8],
    pub(super) element: Element<'a>,
}

impl<'a> Given<'a> {
    #[inline]
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, element: Element::new(text) }
    }

    /// Whether it stands in a chunk, with others.
    #[inline]
    pub(super) fn is_small(&self) -> bool {
        self.text.len() < SHARED_FROM
    }
}

/// An element where it stands.
#[derive(Clone, Copy)]
pub(super) enum Found<'a> {
    /// As it is written in a chunk.
    Written(&'a [u8]),
    Shared(&'a Bytes),
}

impl Found<'_> {
    #[inline]
    pub(super) fn is(self, other: &Given<'_>) -> bool {
        match self {
            Self::Written(bytes) => other.element.is_at(bytes),
            Self::Shared(bytes) => bytes == other.text,
        }
    }
}

impl Node {
    fn new(part: Part) -> Self {
        Self { len: part.len() as u32, part }
    }

    #[inline]
    fn len(&self) -> usize {
        self.len as usize
    }
}

impl Part {
    fn new(given: &Given<'_>) -> Self {
        if !given.is_small() {
            return Self::Text(Box::new(Bytes::copy_from_slice(given.text)));
        }
        let mut chunk = Chunk::default();
        chunk.push(End::Right, &given.element);
        Self::Chunk(chunk)
    }

    #[inline]
    fn len(&self) -> usize {
        match self {
            Self::Chunk(chunk) => chunk.len(),
            Self::Text(_) => 1,
        }
    }

    #[inline]
    fn heap_size(&self) -> usize {
        match self {
            Self::Chunk(chunk) => chunk.heap_size(),
            Self::Text(text) => size_of::<Bytes>() + text.len(),
        }
    }

    /// The chunk, if one more element does not make it too large.
    #[inline]
    fn admitting(&mut self, given: &Given<'_>, size: ChunkSize) -> Option<&mut Chunk> {
        match self {
            Self::Chunk(chunk) if given.is_small() && chunk.admits(&given.element, size) => {
                Some(chunk)
            }
            _ => None,
        }
    }

    /// The first or the last element.
    #[inline]
    fn outermost(&self, end: End) -> Option<Text<'_>> {
        match self {
            Self::Chunk(chunk) => Some(chunk.at(chunk.outermost(end)?)),
            Self::Text(text) => Some(Text::Shared(text)),
        }
    }

    fn get(&self, index: usize) -> Text<'_> {
        match self {
            Self::Chunk(chunk) => chunk.at(chunk.nth(index)),
            Self::Text(text) => Text::Shared(text),
        }
    }

    #[inline]
    fn iter(&self) -> InNode<'_> {
        match self {
            Self::Chunk(chunk) => InNode::Chunk(chunk.iter()),
            Self::Text(text) => InNode::Text(Some(text)),
        }
    }
}

/// The elements of a node.
enum InNode<'a> {
    Chunk(Elements<'a>),
    Text(Option<&'a Bytes>),
}

impl<'a> Iterator for InNode<'a> {
    type Item = Found<'a>;

    #[inline]
    fn next(&mut self) -> Option<Found<'a>> {
        match self {
            Self::Chunk(elements) => elements.next().map(Found::Written),
            Self::Text(text) => text.take().map(Found::Shared),
        }
    }
}

impl DoubleEndedIterator for InNode<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        match self {
            Self::Chunk(elements) => elements.next_back().map(Found::Written),
            Self::Text(text) => text.take().map(Found::Shared),
        }
    }
}

impl Chunks {
    /// A list that is no longer small.
    pub(super) fn new(chunk: Chunk) -> Self {
        let mut chunks = Self::default();
        if chunk.len() > 0 {
            chunks.put(0, Part::Chunk(chunk));
        }
        chunks
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn heap_size(&self) -> usize {
        size_of::<Self>() + self.nodes.capacity() * size_of::<Node>() + self.bytes
    }

    /// The chunks at both ends.
    #[inline]
    pub(super) fn ends(&self) -> impl Iterator<Item = &Chunk> {
        let ends = [self.nodes.front(), self.nodes.back()];
        ends.into_iter().flatten().filter_map(|node| match &node.part {
            Part::Chunk(chunk) => Some(chunk),
            Part::Text(_) => None,
        })
    }

    /// Takes the chunk out if it is the only node and within a size.
    #[inline]
    pub(super) fn take_only(&mut self, size: ChunkSize) -> Option<Chunk> {
        if self.nodes.len() > 1 {
            return None;
        }
        match self.nodes.front_mut().map(|node| &mut node.part) {
            Some(Part::Chunk(chunk)) if !chunk.fits_with(&Chunk::default(), size) => None,
            Some(Part::Chunk(chunk)) => Some(std::mem::take(chunk)),
            Some(Part::Text(_)) => None,
            None => Some(Chunk::default()),
        }
    }

    #[inline]
    pub(super) fn push(&mut self, end: End, given: &Given<'_>, size: ChunkSize) {
        let node = match end {
            End::Left => self.nodes.front_mut(),
            End::Right => self.nodes.back_mut(),
        };
        if let Some(node) = node {
            if let Some(chunk) = node.part.admitting(given, size) {
                let before = chunk.heap_size();
                chunk.push(end, &given.element);
                self.bytes += chunk.heap_size() - before;
                self.len += 1;
                node.len += 1;
                return;
            }
            if let Part::Chunk(full) = &mut node.part {
                self.bytes -= full.heap_size();
                full.trim();
                self.bytes += full.heap_size();
            }
        }
        self.put(if end == End::Left { 0 } else { self.nodes.len() }, Part::new(given));
    }

    /// The first or the last element.
    #[inline]
    pub(super) fn outermost(&self, end: End) -> Option<Text<'_>> {
        match end {
            End::Left => self.nodes.front(),
            End::Right => self.nodes.back(),
        }?
        .part
        .outermost(end)
    }

    /// Takes out the first or the last element.
    #[inline]
    pub(super) fn pop(&mut self, end: End) {
        let Some(last) = self.nodes.len().checked_sub(1) else { return };
        let at = if end == End::Left { 0 } else { last };
        self.alter(at, |chunk| chunk.pop(end));
    }

    pub(super) fn get(&self, index: usize) -> Option<Text<'_>> {
        let (at, index) = self.locate(index)?;
        Some(self.nodes.get(at)?.part.get(index))
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = Found<'_>> {
        self.nodes.iter().flat_map(|node| node.part.iter())
    }

    /// Visits `count` elements, which are there, from the number `start` on.
    pub(super) fn for_each<'a>(
        &'a self,
        start: usize,
        count: usize,
        see: &mut impl FnMut(Text<'a>),
    ) {
        let Some((first, mut start)) = self.locate(start) else { return };
        let mut left = count;
        for node in self.nodes.range(first..) {
            let here = left.min(node.len() - start);
            match &node.part {
                Part::Chunk(chunk) => chunk.for_each(start, here, see),
                Part::Text(text) => see(Text::Shared(text)),
            }
            left -= here;
            start = 0;
            if left == 0 {
                break;
            }
        }
    }

    /// Puts another element in the place of the one with this number.
    pub(super) fn set(&mut self, index: usize, given: &Given<'_>, size: ChunkSize) {
        let Some((at, within)) = self.locate(index) else { return };
        match &self.nodes[at].part {
            part if part.len() == 1 => {
                self.discard(at..at + 1);
                self.put(at, Part::new(given));
            }
            Part::Chunk(chunk)
                if given.is_small() && chunk.admits_at(chunk.nth(within), &given.element, size) =>
            {
                self.alter(at, |chunk| chunk.replace(chunk.nth(within), &given.element));
            }
            _ => {
                self.insert(index, given, size);
                self.remove(index + 1);
            }
        }
    }

    /// Puts an element in before the one with this number, or at the end.
    pub(super) fn insert(&mut self, index: usize, given: &Given<'_>, size: ChunkSize) {
        let Some((at, within)) = self.locate(index) else {
            return self.push(End::Right, given, size);
        };
        if self.nodes[at].part.admitting(given, size).is_some() {
            self.alter(at, |chunk| chunk.insert(chunk.nth(within), &given.element));
            return;
        }
        if within == 0 {
            // Between two nodes: the other one may have room.
            let before =
                at.checked_sub(1).and_then(|at| self.nodes[at].part.admitting(given, size));
            match before {
                Some(_) => self.alter(at - 1, |chunk| chunk.push(End::Right, &given.element)),
                None => self.put(at, Part::new(given)),
            }
            return;
        }
        let mut tail = Chunk::default();
        self.alter(at, |chunk| tail = chunk.split_off(within));
        self.put(at + 1, Part::Chunk(tail));
        self.insert(index, given, size);
    }

    /// Takes out the elements that equal this one, at most `most`, from one end on. Returns how many.
    pub(super) fn remove_equal(
        &mut self,
        sought: &Given<'_>,
        from: End,
        most: usize,
        size: ChunkSize,
    ) -> usize {
        let mut left = most;
        let mut clear = |node: &mut Node| match &mut node.part {
            _ if left == 0 => {}
            Part::Chunk(chunk) => left -= chunk.remove_equal(&sought.element, from, left),
            Part::Text(text) if **text == sought.text => {
                node.part = Part::Chunk(Chunk::default());
                left -= 1;
            }
            Part::Text(_) => {}
        };
        match from {
            End::Left => self.nodes.iter_mut().for_each(&mut clear),
            End::Right => self.nodes.iter_mut().rev().for_each(&mut clear),
        }
        if left < most {
            self.join(size);
        }
        most - left
    }

    /// Takes out all elements but those with these numbers.
    pub(super) fn keep(&mut self, kept: Range<usize>) {
        let end = match self.locate(kept.end) {
            Some((at, 0)) => at,
            Some((at, within)) => {
                self.alter(at, |chunk| chunk.keep(0..within));
                at + 1
            }
            None => self.nodes.len(),
        };
        self.discard(end..self.nodes.len());
        let start = match self.locate(kept.start) {
            Some((at, 0)) => at,
            Some((at, within)) => {
                self.alter(at, |chunk| chunk.keep(within..chunk.len()));
                at
            }
            None => self.nodes.len(),
        };
        self.discard(0..start);
    }

    /// The node of an element and its number there. Nodes are counted from the nearer end.
    fn locate(&self, index: usize) -> Option<(usize, usize)> {
        if index >= self.len {
            return None;
        }
        if index <= self.len / 2 {
            let mut first = 0;
            for (at, node) in self.nodes.iter().enumerate() {
                if index - first < node.len() {
                    return Some((at, index - first));
                }
                first += node.len();
            }
        } else {
            let mut end = self.len;
            for (at, node) in self.nodes.iter().enumerate().rev() {
                end -= node.len();
                if index >= end {
                    return Some((at, index - end));
                }
            }
        }
        None
    }

    fn remove(&mut self, index: usize) {
        let Some((at, within)) = self.locate(index) else { return };
        self.alter(at, |chunk| chunk.remove(chunk.nth(within)));
    }

    /// Changes the chunk at a place. What becomes empty is taken out, a text in any case.
    #[inline]
    fn alter(&mut self, at: usize, change: impl FnOnce(&mut Chunk)) {
        let node = &mut self.nodes[at];
        if let Part::Chunk(chunk) = &mut node.part {
            self.len -= chunk.len();
            self.bytes -= chunk.heap_size();
            change(chunk);
            node.len = chunk.len() as u32;
            self.len += chunk.len();
            self.bytes += chunk.heap_size();
            if chunk.len() > 0 {
                return;
            }
        }
        self.discard(at..at + 1);
    }

    fn put(&mut self, at: usize, part: Part) {
        self.len += part.len();
        self.bytes += part.heap_size();
        self.nodes.insert(at, Node::new(part));
    }

    /// Takes whole nodes out.
    fn discard(&mut self, nodes: Range<usize>) {
        let many = nodes.len() > free::MANY;
        let gone = self.nodes.drain(nodes);
        let (len, bytes) = (&mut self.len, &mut self.bytes);
        let counted = gone.inspect(|node| {
            *len -= node.len();
            *bytes -= node.part.heap_size();
        });
        if many {
            let gone: Vec<_> = counted.collect();
            free::later(gone.iter().map(|node| node.part.heap_size()).sum(), gone);
        } else {
            counted.for_each(drop);
        }
        if self.nodes.capacity() > 4 * self.nodes.len().max(4) {
            self.nodes.shrink_to(2 * self.nodes.len());
        }
    }

    /// Joins neighbours that fit in one chunk, and counts anew: much may have been taken out.
    fn join(&mut self, size: ChunkSize) {
        let nodes = std::mem::take(&mut self.nodes);
        for Node { part, .. } in nodes {
            match (self.nodes.back_mut(), part) {
                (_, Part::Chunk(chunk)) if chunk.len() == 0 => {}
                (Some(Node { part: Part::Chunk(last), len }), Part::Chunk(chunk))
                    if last.fits_with(&chunk, size) =>
                {
                    last.append(&chunk);
                    *len = last.len() as u32;
                }
                (_, part) => self.nodes.push_back(Node::new(part)),
            }
        }
        self.len = self.nodes.iter().map(Node::len).sum();
        self.bytes = self.nodes.iter().map(|node| node.part.heap_size()).sum();
    }
}

impl Drop for Chunks {
    fn drop(&mut self) {
        if self.nodes.len() > free::MANY {
            free::later(self.heap_size(), std::mem::take(&mut self.nodes));
        }
    }
}

impl std::fmt::Debug for Chunks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} elements in {} chunks", self.len, self.nodes.len())
    }
}

#[cfg(test)]
impl Chunks {
    /// What must hold whatever has happened.
    pub(super) fn check(&self) {
        for node in &self.nodes {
            assert!(node.len() > 0);
            assert_eq!(node.len(), node.part.len());
        }
        assert_eq!(self.len, self.nodes.iter().map(Node::len).sum::<usize>());
        assert_eq!(self.bytes, self.nodes.iter().map(|node| node.part.heap_size()).sum::<usize>());
    }
}
