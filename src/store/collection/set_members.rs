//! The members of a large set: integers in the table itself, other texts in one allocation each.

use std::collections::HashSet;

use super::table::{Table, hash};
use crate::store::Text;
use crate::store::prefetch::{FETCHED, prefetch};

/// The members of a large set.
#[derive(Clone, Default)]
pub(super) struct Members {
    table: Table<Member>,
    /// Allocated by the members.
    bytes: usize,
}

impl Members {
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn heap_size(&self) -> usize {
        size_of::<Self>() + self.table.heap_size() + self.bytes
    }

    #[inline]
    pub(super) fn contains(&self, member: Text<'_>) -> bool {
        self.table.find(hash_of(member), |other| other.is(member)).is_some()
    }

    #[inline]
    pub(super) fn fetch_ahead(&self, hash: u64) {
        self.table.fetch_ahead(hash);
    }

    /// See [`Table::fetch_place`].
    #[inline]
    pub(super) fn fetch_place(&self, hash: u64) -> bool {
        self.table.fetch_place(hash)
    }

    #[inline]
    pub(super) fn fetch_element(&self, hash: u64) {
        self.table.guess(hash).inspect(|member| member.fetch_ahead());
    }

    pub(super) fn add(&mut self, member: Text<'_>) -> bool {
        let hash = hash_of(member);
        let is_new = self.table.find(hash, |other| other.is(member)).is_none();
        if is_new {
            self.insert_with(hash, member);
        }
        is_new
    }

    /// Adds a member that is not there.
    pub(super) fn insert(&mut self, member: Text<'_>) {
        self.insert_with(hash_of(member), member);
    }

    fn insert_with(&mut self, hash: u64, member: Text<'_>) {
        let member = Member::new(member);
        self.bytes += member.heap_size();
        self.table.insert(hash, member, Member::hash);
    }

    pub(super) fn remove(&mut self, member: Text<'_>) -> bool {
        let removed = self.table.remove(hash_of(member), |other| other.is(member), Member::hash);
        self.bytes -= removed.as_ref().map_or(0, Member::heap_size);
        removed.is_some()
    }

    pub(super) fn pop(&mut self, random: impl FnMut(usize) -> usize, see: impl FnOnce(Text<'_>)) {
        if let Some(member) = self.table.pop(random, Member::hash) {
            self.bytes -= member.heap_size();
            see(member.text());
        }
    }

    /// Removes all but `kept` members, once `see` has seen them; any choice is as likely as any other.
    pub(super) fn pop_all_but(
        &mut self,
        kept: usize,
        mut random: impl FnMut(usize) -> usize,
        mut see: impl FnMut(Text<'_>),
    ) {
        let mut stay = Self::default();
        for (member, left) in self.iter().zip((1..=self.len()).rev()) {
            match random(left) < kept - stay.len() {
                true => stay.insert(member),
                false => see(member),
            }
        }
        *self = stay;
    }

    /// All members, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Text<'_>> {
        self.table.iter().map(Member::text)
    }

    pub(super) fn scan(&self, cursor: u64, count: usize, mut see: impl FnMut(Text<'_>)) -> u64 {
        self.table.scan(cursor, count, Member::fetch_ahead, |member| see(member.text()))
    }

    pub(super) fn pick(&self, random: impl FnMut(usize) -> usize) -> Option<Text<'_>> {
        self.table.pick(random).map(Member::text)
    }

    /// Visits `count` different members, of a table that has several times as many.
    pub(super) fn sample(
        &self,
        count: usize,
        mut random: impl FnMut(usize) -> usize,
        mut see: impl FnMut(Text<'_>),
    ) {
        let mut seen = HashSet::with_capacity(count);
        while seen.len() < count {
            let Some(member) = self.table.pick(&mut random) else { return };
            if seen.insert(std::ptr::from_ref(member)) {
                see(member.text());
            }
        }
    }
}

impl std::fmt::Debug for Members {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} members", self.table.len())
    }
}

#[derive(Clone)]
enum Member {
    Integer(i64),
    Text(Box<[u8]>),
}

const _: () = assert!(size_of::<Member>() == 16);

impl Member {
    fn new(text: Text<'_>) -> Self {
        match text {
            Text::Integer(number) => Self::Integer(number),
            text => Self::Text(text.bytes(&mut itoa::Buffer::new()).into()),
        }
    }

    /// Starts fetching what does not stand in the table.
    #[inline]
    fn fetch_ahead(&self) {
        if let Self::Text(text) = self {
            prefetch(text.as_ptr(), text.len().min(FETCHED));
        }
    }

    #[inline]
    fn text(&self) -> Text<'_> {
        match self {
            Self::Integer(number) => Text::Integer(*number),
            Self::Text(text) => Text::Plain(text),
        }
    }

    #[inline]
    fn is(&self, text: Text<'_>) -> bool {
        match (self, text) {
            (Self::Integer(number), Text::Integer(other)) => *number == other,
            (Self::Text(text), Text::Plain(other) | Text::Raw(other)) => **text == *other,
            (Self::Text(text), Text::Shared(other)) => **text == **other,
            _ => false,
        }
    }

    #[inline]
    fn hash(&self) -> u64 {
        hash_of(self.text())
    }

    fn heap_size(&self) -> usize {
        match self {
            Self::Integer(_) => 0,
            Self::Text(text) => text.len(),
        }
    }
}

/// The hash of a member in the form that a set keeps it in.
#[inline]
pub(in crate::store) fn member_hash(member: &[u8]) -> u64 {
    hash_of(Text::new(member))
}

#[inline]
fn hash_of(member: Text<'_>) -> u64 {
    match member {
        Text::Integer(number) => hash(&number.to_le_bytes()),
        Text::Plain(text) | Text::Raw(text) => hash(text),
        Text::Shared(text) => hash(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_members_are_counted_in_and_out() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut members = Members::default();
        let counted =
            |members: &Members| members.table.iter().map(Member::heap_size).sum::<usize>();
        for number in 0..1000 {
            let text = "x".repeat(number % 30);
            members.add(Text::Integer(number as i64));
            members.add(Text::Plain(text.as_bytes()));
        }
        assert_eq!(members.len(), 1030);
        assert_eq!((members.bytes, counted(&members)), (435, 435));
        assert!(members.remove(Text::Plain(b"xxx")) && members.remove(Text::Integer(5)));
        assert_eq!((members.bytes, counted(&members)), (432, 432));
        for _ in 0..1000 {
            members.pop(|n| random.usize(0..n), |_| ());
            assert_eq!(members.bytes, counted(&members));
        }
        assert_eq!(members.len(), 28);
    }
}
