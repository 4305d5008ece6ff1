//! Items in order: a B+ tree that counts.
//!
//! Items stand in leaves, and each inner node knows how many stand below each of its children. So the
//! item at a place, the place where an order turns, and putting in or taking out there all take one
//! walk from the root to a leaf. All leaves are equally deep.
//!
//! The caller knows the order; a function that says which items come first tells a place in it.

mod leaf;
mod node;

use std::ops::Range;

use node::{Inner, Node};

/// What an item stands at, and whose it is: in a sorted set, a score and the number of the member
/// that has it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Item<S = f64, I = u32> {
    pub(super) score: S,
    pub(super) id: I,
}

/// Either half of an item.
pub(super) trait Part: Copy + Default + PartialEq + Send {}

impl<T: Copy + Default + PartialEq + Send> Part for T {}

/// A leaf has room for so many items; with their number, those of a sorted set take 760 bytes.
#[derive(Clone)]
pub(super) struct Sequence<S = f64, I = u32, const LEAF: usize = 63> {
    root: Node<S, I, LEAF>,
    len: usize,
}

impl<S: Part, I: Part, const LEAF: usize> Default for Sequence<S, I, LEAF> {
    fn default() -> Self {
        Self { root: Node::Leaf(Box::default()), len: 0 }
    }
}

impl<S: Part, I: Part, const LEAF: usize> Sequence<S, I, LEAF> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Bytes allocated.
    pub(super) fn heap_size(&self) -> usize {
        self.root.heap_size()
    }

    /// The first item.
    #[inline]
    pub(super) fn first(&self) -> Option<Item<S, I>> {
        (self.len > 0).then(|| self.root.first())
    }

    /// As [`Sequence::heap_size`], at a guess, without a look at the nodes.
    pub(super) fn about_size(&self) -> usize {
        self.len * (3 * size_of::<Item<S, I>>() / 2)
    }

    /// All there is, to be freed.
    pub(super) fn into_parts(self) -> impl IntoIterator + Send {
        self.root.into_parts()
    }

    /// How many items stand before a place: those for which `before` is true, which are the first
    /// ones.
    #[inline]
    pub(super) fn partition_point(&self, before: impl Fn(Item<S, I>) -> bool) -> usize {
        let (mut node, mut skipped) = (&self.root, 0);
        loop {
            match node {
                Node::Leaf(leaf) => {
                    leaf.fetch();
                    return skipped + leaf.partition_point(before);
                }
                Node::Inner(inner) => {
                    let at = inner.child_before(&before);
                    skipped += inner.counts[..at].iter().sum::<u32>() as usize;
                    let Some(child) = &inner.children[at] else { return skipped };
                    node = child;
                }
            }
        }
    }

    /// Starts fetching the place before which those items stand into the processor's cache.
    #[inline]
    pub(super) fn fetch(&self, before: impl Fn(Item<S, I>) -> bool) {
        let mut node = &self.root;
        while let Node::Inner(inner) = node {
            let Some(child) = &inner.children[inner.child_before(&before)] else { return };
            node = child;
        }
        if let Node::Leaf(leaf) = node {
            leaf.fetch();
        }
    }

    /// Puts an item in behind those for which `before` is true, which are the first ones.
    #[inline]
    pub(super) fn insert(&mut self, item: Item<S, I>, before: impl Fn(Item<S, I>) -> bool) {
        if let Some(right) = self.root.insert(item, &before, true) {
            let mut root = Box::<Inner<S, I, LEAF>>::default();
            let left = std::mem::replace(&mut self.root, Node::Leaf(Box::default()));
            root.put(0, left);
            root.put(1, right);
            self.root = Node::Inner(root);
        }
        self.len += 1;
    }

    /// Takes out the last item for which `through` is true, which are the first ones.
    #[inline]
    pub(super) fn remove(&mut self, through: impl Fn(Item<S, I>) -> bool) -> Option<Item<S, I>> {
        let item = self.root.remove(&through)?;
        self.len -= 1;
        self.lower();
        Some(item)
    }

    /// Gives the last item for which `through` is true another score, if it is easily seen that it
    /// stays where it is: behind an item for which `before` is true and before one for which not.
    #[inline]
    pub(super) fn rescore(
        &mut self,
        score: S,
        through: impl Fn(Item<S, I>) -> bool,
        before: impl Fn(Item<S, I>) -> bool,
    ) -> bool {
        let mut node = &mut self.root;
        loop {
            match node {
                Node::Leaf(leaf) => {
                    leaf.fetch();
                    let next = leaf.partition_point(&through);
                    let stays = next >= 2
                        && next < leaf.len()
                        && before(leaf.item(next - 2))
                        && !before(leaf.item(next));
                    if stays {
                        leaf.set_score(next - 1, score);
                    }
                    return stays;
                }
                Node::Inner(inner) => {
                    let at = inner.child_before(&through);
                    let Some(child) = &mut inner.children[at] else { return false };
                    node = child;
                }
            }
        }
    }

    /// Takes out the items at these places; `see` sees the numbers of some of them at a time.
    pub(super) fn remove_range(&mut self, places: Range<usize>, mut see: impl FnMut(&[I])) {
        self.len -= places.len();
        self.root.remove_range(places, &mut see);
        self.lower();
    }

    /// Visits the items at these places, some of them at a time: in order, or the last ones first.
    pub(super) fn visit<'a>(
        &'a self,
        places: Range<usize>,
        reverse: bool,
        mut see: impl FnMut(&'a [S], &'a [I]),
    ) {
        self.root.visit(places, reverse, &mut see);
    }

    /// Takes away inner nodes at the root that have one child only, or none.
    #[inline]
    fn lower(&mut self) {
        while let Node::Inner(inner) = &mut self.root
            && inner.len() <= 1
        {
            let only = inner.children[0].take();
            self.root = only.unwrap_or_else(|| Node::Leaf(Box::default()));
        }
    }
}

/// How many of `len` are the first ones, for which `is_first` is true.
#[inline]
fn partition_point(len: usize, is_first: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, len);
    while low < high {
        let middle = (low + high) / 2;
        if is_first(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn item(number: u32) -> Item {
        Item { score: f64::from(number), id: number }
    }

    fn is_before(one: Item, other: Item) -> bool {
        (one.score, one.id) < (other.score, other.id)
    }

    fn insert(sequence: &mut Sequence, new: Item) {
        sequence.insert(new, |item| is_before(item, new));
    }

    fn remove(sequence: &mut Sequence, old: Item) -> Option<Item> {
        sequence.remove(|item| !is_before(old, item))
    }

    fn of(items: impl Iterator<Item = Item>) -> Sequence {
        let mut sequence = Sequence::default();
        items.for_each(|item| insert(&mut sequence, item));
        sequence
    }

    fn items(sequence: &Sequence, places: Range<usize>, reverse: bool) -> Vec<Item> {
        let mut items = Vec::new();
        sequence.visit(places, reverse, |scores, ids| {
            let run = scores.iter().zip(ids).map(|(score, id)| Item { score: *score, id: *id });
            if reverse { items.extend(run.rev()) } else { items.extend(run) }
        });
        items
    }

    /// How many items are below a node and how deep it is; each must know its children and be as deep
    /// as its siblings.
    fn check(node: &Node<f64, u32, 63>) -> (usize, usize) {
        match node {
            Node::Leaf(leaf) => (leaf.len(), 1),
            Node::Inner(inner) => {
                let (mut sum, mut depths) = (0, Vec::new());
                for (at, child) in inner.children.iter().flatten().enumerate() {
                    let (count, depth) = check(child);
                    assert!(count > 0);
                    assert_eq!(count, inner.counts[at] as usize);
                    assert_eq!(child.first(), inner.first(at));
                    sum += count;
                    depths.push(depth);
                }
                assert_eq!(depths.len(), inner.len());
                assert!(depths.iter().all(|depth| *depth == depths[0]));
                (sum, depths[0] + 1)
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Growing and shrinking in turn, at random places, at the beginning and at the end.
        #[test]
        fn it_behaves_as_a_sorted_vector(
            phases in prop::collection::vec((0usize..3000, 0u8..8, any::<u64>()), 1..8),
        ) {
            let (mut sequence, mut model) = (Sequence::default(), Vec::<Item>::new());
            for (steps, kind, seed) in phases {
                let mut random = fastrand::Rng::with_seed(seed);
                for id in 0..steps as u32 {
                    let last = model.len().saturating_sub(1);
                    let place = [0, last, random.usize(0..=last)][kind as usize % 3];
                    let score = match kind % 3 {
                        0 => model.first().map_or(0.0, |item| item.score - 1.0),
                        1 => model.last().map_or(0.0, |item| item.score),
                        _ => f64::from(random.i32(-1000..1000)),
                    };
                    let new = Item { score, id: random.u32(..1 << 20) << 12 | id };
                    if kind < 3 || model.is_empty() {
                        model.insert(model.partition_point(|item| is_before(*item, new)), new);
                        insert(&mut sequence, new);
                    } else if kind < 6 {
                        let old = model.remove(place);
                        prop_assert_eq!(remove(&mut sequence, old), Some(old));
                    } else if kind == 6 {
                        let new = Item { id: model[place].id, ..new };
                        let stays = sequence.rescore(
                            new.score,
                            |item| !is_before(model[place], item),
                            |item| is_before(item, new),
                        );
                        if stays {
                            model[place] = new;
                            prop_assert!(model.is_sorted_by(|a, b| is_before(*a, *b)));
                        }
                    } else if random.u8(..) < 8 {
                        let places = place..model.len().min(place + random.usize(..600));
                        let (mut gone, mut removed) = (Vec::new(), model.drain(places.clone()));
                        sequence.remove_range(places, |ids| gone.extend_from_slice(ids));
                        prop_assert!(removed.by_ref().map(|item| item.id).eq(gone));
                    }
                }
                prop_assert_eq!(sequence.len(), model.len());
                prop_assert_eq!(check(&sequence.root).0, model.len());
                prop_assert_eq!(&items(&sequence, 0..model.len(), false), &model);
                let (a, b) = (random.usize(0..=model.len()), random.usize(0..=model.len()));
                let places = a.min(b)..a.max(b);
                prop_assert_eq!(&items(&sequence, places.clone(), false), &model[places.clone()]);
                let backwards: Vec<Item> = model[places.clone()].iter().rev().copied().collect();
                prop_assert_eq!(items(&sequence, places, true), backwards);
            }
        }
    }

    #[test]
    fn the_place_where_an_order_turns_is_found() {
        let mut sequence = of((0..10_000).map(item));
        for number in [0, 1, 62, 63, 64, 1000, 5000, 9999, 10_000] {
            let found = sequence.partition_point(|item| item.score < f64::from(number));
            assert_eq!(found, number as usize);
        }
        assert_eq!(sequence.remove(|_| false), None);
        assert_eq!(<Sequence>::default().partition_point(|_| true), 0);
    }

    #[test]
    fn nodes_stay_full_enough() {
        let per_item = |sequence: &Sequence| sequence.heap_size() / sequence.len();
        assert!(per_item(&of((0..100_000).map(item))) < 14, "what grows at its end");
        let mut random = fastrand::Rng::with_seed(1);
        let mut numbers: Vec<u32> = (0..100_000).collect();
        random.shuffle(&mut numbers);
        let mut sequence = of(numbers.iter().copied().map(item));
        assert!(per_item(&sequence) < 20, "{}", per_item(&sequence));
        random.shuffle(&mut numbers);
        for number in &numbers[..90_000] {
            assert_eq!(remove(&mut sequence, item(*number)), Some(item(*number)));
        }
        assert!(per_item(&sequence) < 35, "{}", per_item(&sequence));
        assert_eq!(check(&sequence.root).0, 10_000);
    }
}
