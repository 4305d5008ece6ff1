//! Items in an order that the caller keeps, found by their place: a B+ tree that counts.
//!
//! Items stand in leaves, and each inner node knows how many stand below each of its children. So the
//! item at a place, the place where an order turns, and putting in or taking out at a place all take
//! one walk from the root to a leaf. All leaves are equally deep.

use std::mem::size_of;
use std::ops::Range;

/// Items of a leaf: with their number, they take 760 bytes.
const LEAF: usize = 63;
/// Children of an inner node.
const INNER: usize = 32;

/// A score, and the number of the member that has it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Item {
    pub(super) score: f64,
    pub(super) id: u32,
}

#[derive(Clone)]
pub(super) struct Sequence {
    root: Node,
    len: usize,
}

#[derive(Clone)]
enum Node {
    Leaf(Box<Leaf>),
    Inner(Box<Inner>),
}

/// Scores and numbers stand in an array each: a search reads scores alone where they differ.
#[derive(Clone)]
struct Leaf {
    len: u8,
    scores: [f64; LEAF],
    ids: [u32; LEAF],
}

#[derive(Clone)]
struct Inner(Vec<Child>);

#[derive(Clone)]
struct Child {
    /// The first item below.
    first: Item,
    /// How many items are below.
    count: usize,
    node: Node,
}

impl Default for Sequence {
    fn default() -> Self {
        Self { root: Node::Leaf(Box::new(Leaf::EMPTY)), len: 0 }
    }
}

impl Sequence {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Bytes allocated.
    pub(super) fn heap_size(&self) -> usize {
        self.root.heap_size()
    }

    /// How many items stand before a place: those for which `before` is true, which are the first
    /// ones.
    #[inline]
    pub(super) fn partition_point(&self, before: impl Fn(Item) -> bool) -> usize {
        let (mut node, mut skipped) = (&self.root, 0);
        loop {
            match node {
                Node::Leaf(leaf) => return skipped + leaf.partition_point(before),
                Node::Inner(inner) => {
                    // The last child that begins before the place: the place may be its end.
                    let at = inner.0.partition_point(|child| before(child.first)).max(1) - 1;
                    skipped += inner.0[..at].iter().map(|child| child.count).sum::<usize>();
                    node = &inner.0[at].node;
                }
            }
        }
    }

    /// Puts an item in, so that it stands at this place; what stood there and behind moves on.
    pub(super) fn insert(&mut self, place: usize, item: Item) {
        let is_last = place == self.len;
        if let Some(right) = self.root.insert(place, item, is_last) {
            let mut root = Inner(Vec::with_capacity(INNER));
            let left = std::mem::replace(&mut self.root, Node::Inner(Box::new(Inner(Vec::new()))));
            root.0.extend([Child::new(left), Child::new(right)]);
            self.root = Node::Inner(Box::new(root));
        }
        self.len += 1;
    }

    /// Takes out the item at a place; what stood behind moves up.
    pub(super) fn remove(&mut self, place: usize) -> Option<Item> {
        let item = self.root.remove(place)?;
        while let Node::Inner(inner) = &mut self.root
            && inner.0.len() == 1
            && let Some(only) = inner.0.pop()
        {
            self.root = only.node;
        }
        self.len -= 1;
        Some(item)
    }

    /// Visits the items at these places, in order or against it.
    pub(super) fn visit(&self, places: Range<usize>, reverse: bool, mut see: impl FnMut(Item)) {
        self.root.visit(places, reverse, &mut see);
    }
}

impl Node {
    /// How many items or children it has itself.
    fn width(&self) -> usize {
        match self {
            Self::Leaf(leaf) => leaf.len(),
            Self::Inner(inner) => inner.0.len(),
        }
    }

    /// Leaves are not looked at.
    fn heap_size(&self) -> usize {
        match self {
            Self::Leaf(_) => size_of::<Leaf>(),
            Self::Inner(inner) => {
                let own = size_of::<Inner>() + inner.0.capacity() * size_of::<Child>();
                own + inner.0.iter().map(|child| child.node.heap_size()).sum::<usize>()
            }
        }
    }

    /// Puts an item in; returns a new right neighbour if there was no room.
    fn insert(&mut self, place: usize, item: Item, is_last: bool) -> Option<Self> {
        match self {
            Self::Leaf(leaf) => {
                Some(Self::Leaf(Box::new(leaf.insert_or_split(place, item, is_last)?)))
            }
            Self::Inner(inner) => {
                Some(Self::Inner(Box::new(inner.insert_or_split(place, item, is_last)?)))
            }
        }
    }

    fn remove(&mut self, place: usize) -> Option<Item> {
        match self {
            Self::Leaf(leaf) => leaf.remove(place),
            Self::Inner(inner) => inner.remove(place),
        }
    }

    /// How many items or children it can have.
    fn capacity(&self) -> usize {
        match self {
            Self::Leaf(_) => LEAF,
            Self::Inner(_) => INNER,
        }
    }

    /// Takes over what its right neighbour has, which is as deep as it is itself.
    fn absorb(&mut self, right: Self) {
        match (self, right) {
            (Self::Leaf(left), Self::Leaf(right)) => left.append(&right),
            (Self::Inner(left), Self::Inner(mut right)) => left.0.append(&mut right.0),
            _ => debug_assert!(false, "neighbours are equally deep"),
        }
    }

    fn visit(&self, places: Range<usize>, reverse: bool, see: &mut impl FnMut(Item)) {
        match self {
            Self::Leaf(leaf) => leaf.visit(places, reverse, see),
            Self::Inner(inner) => inner.visit(places, reverse, see),
        }
    }
}

impl Leaf {
    const EMPTY: Self = Self { len: 0, scores: [0.0; LEAF], ids: [0; LEAF] };

    fn len(&self) -> usize {
        self.len as usize
    }

    #[inline]
    fn item(&self, at: usize) -> Item {
        Item { score: self.scores[at], id: self.ids[at] }
    }

    fn get(&self, at: usize) -> Option<Item> {
        (at < self.len()).then(|| self.item(at))
    }

    #[inline]
    fn partition_point(&self, before: impl Fn(Item) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = (low + high) / 2;
            if before(self.item(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    fn insert_or_split(&mut self, at: usize, item: Item, is_last: bool) -> Option<Self> {
        if self.len() < LEAF {
            self.insert(at, item);
            return None;
        }
        // What grows at its end only has full leaves.
        let mut right = self.split_off(if is_last { LEAF } else { LEAF / 2 });
        match at.checked_sub(self.len()) {
            Some(at) if at > 0 || is_last => right.insert(at, item),
            _ => self.insert(at, item),
        }
        Some(right)
    }

    fn insert(&mut self, at: usize, item: Item) {
        let len = self.len();
        self.scores.copy_within(at..len, at + 1);
        self.ids.copy_within(at..len, at + 1);
        (self.scores[at], self.ids[at]) = (item.score, item.id);
        self.len += 1;
    }

    fn split_off(&mut self, at: usize) -> Self {
        let (mut right, len) = (Self::EMPTY, self.len());
        right.scores[..len - at].copy_from_slice(&self.scores[at..len]);
        right.ids[..len - at].copy_from_slice(&self.ids[at..len]);
        right.len = (len - at) as u8;
        self.len = at as u8;
        right
    }

    fn append(&mut self, right: &Self) {
        let (len, more) = (self.len(), right.len());
        self.scores[len..len + more].copy_from_slice(&right.scores[..more]);
        self.ids[len..len + more].copy_from_slice(&right.ids[..more]);
        self.len += right.len;
    }

    fn remove(&mut self, at: usize) -> Option<Item> {
        let (item, len) = (self.get(at)?, self.len());
        self.scores.copy_within(at + 1..len, at);
        self.ids.copy_within(at + 1..len, at);
        self.len -= 1;
        Some(item)
    }

    fn visit(&self, places: Range<usize>, reverse: bool, see: &mut impl FnMut(Item)) {
        let places = places.start..places.end.min(self.len());
        match reverse {
            false => places.for_each(|at| see(self.item(at))),
            true => places.rev().for_each(|at| see(self.item(at))),
        }
    }
}

impl Inner {
    /// The child that a place is in; the place becomes the one within it.
    #[inline]
    fn find(&self, place: &mut usize) -> Option<usize> {
        self.0.iter().position(|child| match place.checked_sub(child.count) {
            Some(behind) => {
                *place = behind;
                false
            }
            None => true,
        })
    }

    fn insert_or_split(&mut self, place: usize, item: Item, is_last: bool) -> Option<Self> {
        let mut within = place;
        let (at, place) = match self.find(&mut within) {
            Some(at) => (at, within),
            None => (self.0.len() - 1, self.0[self.0.len() - 1].count),
        };
        let child = &mut self.0[at];
        let split = child.node.insert(place, item, is_last);
        child.refresh();
        let new = Child::new(split?);
        if self.0.len() < INNER {
            self.0.insert(at + 1, new);
            return None;
        }
        let mut right = Self(Vec::with_capacity(INNER));
        right.0.extend(self.0.drain(if is_last { INNER } else { INNER / 2 }..));
        match (at + 1).checked_sub(self.0.len()) {
            Some(at) if at > 0 || is_last => right.0.insert(at, new),
            _ => self.0.insert(at + 1, new),
        }
        Some(right)
    }

    fn remove(&mut self, place: usize) -> Option<Item> {
        let mut within = place;
        let at = self.find(&mut within)?;
        let child = &mut self.0[at];
        let item = child.node.remove(within)?;
        child.refresh();
        if child.count == 0 {
            self.0.remove(at);
        } else if child.node.width() <= child.node.capacity() / 2 {
            self.merge(at + 1);
            self.merge(at);
        }
        Some(item)
    }

    /// Merges a child into its left neighbour, if that leaves room for more.
    fn merge(&mut self, at: usize) {
        let Some([left, right]) = self.0.get(at.saturating_sub(1)..=at) else { return };
        if left.node.width() + right.node.width() > left.node.capacity() / 4 * 3 {
            return;
        }
        let right = self.0.remove(at);
        let left = &mut self.0[at - 1];
        left.node.absorb(right.node);
        left.refresh();
    }

    fn visit(&self, places: Range<usize>, reverse: bool, see: &mut impl FnMut(Item)) {
        let mut visit = |child: &Child, begin: usize| {
            let end = places.end.min(begin + child.count);
            if places.start < end && begin < end {
                child.node.visit(places.start.saturating_sub(begin)..end - begin, reverse, see);
            }
        };
        if reverse {
            let mut begin = self.0.iter().map(|child| child.count).sum();
            for child in self.0.iter().rev() {
                begin -= child.count;
                visit(child, begin);
            }
        } else {
            let mut begin = 0;
            for child in &self.0 {
                visit(child, begin);
                begin += child.count;
            }
        }
    }
}

impl Child {
    fn new(node: Node) -> Self {
        let mut child = Self { first: Item::default(), count: 0, node };
        child.refresh();
        child
    }

    /// Notes what became of the node.
    #[inline]
    fn refresh(&mut self) {
        match &self.node {
            Node::Leaf(leaf) => {
                self.count = leaf.len();
                self.first = leaf.item(0);
            }
            Node::Inner(inner) => {
                self.count = inner.0.iter().map(|child| child.count).sum();
                self.first = inner.0.first().map_or_else(Item::default, |child| child.first);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn item(number: u32) -> Item {
        Item { score: f64::from(number), id: number }
    }

    fn ids(sequence: &Sequence, places: Range<usize>, reverse: bool) -> Vec<u32> {
        let mut ids = Vec::new();
        sequence.visit(places, reverse, |item| ids.push(item.id));
        ids
    }

    /// Puts the numbers in, in ascending order of the places that they have then.
    fn of(numbers: Range<u32>) -> Sequence {
        let mut sequence = Sequence::default();
        numbers.for_each(|number| sequence.insert(sequence.len(), item(number)));
        sequence
    }

    /// How full a node is, all in all; each must know its children and be as deep as its siblings.
    fn check(node: &Node) -> (usize, usize) {
        match node {
            Node::Leaf(leaf) => (leaf.len(), 1),
            Node::Inner(inner) => {
                let mut depths = Vec::new();
                for child in &inner.0 {
                    let (count, depth) = check(&child.node);
                    assert_eq!(count, child.count);
                    assert!(count > 0);
                    let mut first = None;
                    child.node.visit(0..1, false, &mut |item| first = Some(item));
                    assert_eq!(first, Some(child.first));
                    depths.push(depth);
                }
                assert!(depths.iter().all(|depth| *depth == depths[0]));
                assert!(inner.0.len() <= INNER);
                (inner.0.iter().map(|child| child.count).sum(), depths[0] + 1)
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Growing and shrinking in turn, at random places, at the beginning and at the end.
        #[test]
        fn it_behaves_as_a_vector(
            phases in prop::collection::vec((0usize..3000, 0u8..6, any::<u64>()), 1..8),
        ) {
            let (mut sequence, mut model) = (Sequence::default(), Vec::new());
            for (steps, kind, seed) in phases {
                let mut random = fastrand::Rng::with_seed(seed);
                for _ in 0..steps {
                    let place = match kind % 3 {
                        0 => 0,
                        1 => model.len(),
                        _ => random.usize(0..=model.len()),
                    };
                    if kind < 3 || model.is_empty() {
                        let new = random.u32(..);
                        sequence.insert(place, item(new));
                        model.insert(place, new);
                    } else {
                        let place = place.min(model.len() - 1);
                        let removed = sequence.remove(place).map(|item| item.id);
                        prop_assert_eq!(removed, Some(model.remove(place)));
                    }
                }
                prop_assert_eq!(sequence.len(), model.len());
                prop_assert_eq!(check(&sequence.root).0, model.len());
                prop_assert_eq!(&ids(&sequence, 0..model.len(), false), &model);
                let (a, b) = (random.usize(0..=model.len()), random.usize(0..=model.len()));
                let places = a.min(b)..a.max(b);
                prop_assert_eq!(&ids(&sequence, places.clone(), false), &model[places.clone()]);
                let backwards: Vec<u32> = model[places.clone()].iter().rev().copied().collect();
                prop_assert_eq!(ids(&sequence, places, true), backwards);
                prop_assert_eq!(sequence.remove(model.len()), None);
            }
        }
    }

    #[test]
    fn the_place_where_an_order_turns_is_found() {
        let sequence = of(0..10_000);
        for number in [0, 1, 62, 63, 64, 1000, 5000, 9999, 10_000] {
            let found = sequence.partition_point(|item| item.score < f64::from(number));
            assert_eq!(found, number as usize);
        }
        assert_eq!(Sequence::default().partition_point(|_| true), 0);
    }

    #[test]
    fn nodes_stay_full_enough() {
        let per_item = |sequence: &Sequence| sequence.heap_size() / sequence.len();
        assert!(per_item(&of(0..100_000)) < 14, "what grows at its end");
        let mut random = fastrand::Rng::with_seed(1);
        let mut sequence = Sequence::default();
        (0..100_000).for_each(|n| sequence.insert(random.usize(0..=sequence.len()), item(n)));
        assert!(per_item(&sequence) < 20, "{}", per_item(&sequence));
        for _ in 0..90_000 {
            sequence.remove(random.usize(0..sequence.len()));
        }
        assert!(per_item(&sequence) < 35, "{}", per_item(&sequence));
        assert_eq!(check(&sequence.root).0, 10_000);
    }
}
