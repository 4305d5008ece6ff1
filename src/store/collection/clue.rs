//! By what an element is found.

use super::element::Element;
use super::set_members::member_hash;
use super::table::hash;

/// What is told of an element on the way to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clue {
    /// Finds it in a table.
    pub(super) hash: u64,
    /// Finds a field in a small hash. It says nothing of a member.
    pub(super) tag: u8,
}

impl Clue {
    /// To a field of a hash.
    #[inline]
    pub fn to_field(field: &[u8]) -> Self {
        Self { hash: hash(field), tag: Element::new(field).tag() }
    }

    /// To a member of a set.
    #[inline]
    pub fn to_member(member: &[u8]) -> Self {
        Self { hash: member_hash(member), tag: 0 }
    }

    /// To a member of a sorted set.
    #[inline]
    pub fn to_ranked(member: &[u8]) -> Self {
        Self { hash: hash(member), tag: 0 }
    }
}
