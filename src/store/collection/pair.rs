//! One field of a large hash.

use super::element::{Element, after, read, size_at};
use super::table::hash;
use crate::store::Text;
use crate::store::prefetch::{FETCHED, prefetch};

/// A field, which is always text, its value, and eight bytes of deadline if it has one, in one
/// allocation.
#[derive(Clone)]
pub(super) struct Pair(Box<[u8]>);

const DEADLINE: usize = size_of::<u64>();

impl Pair {
    pub(super) fn new(field: &Element<'_>, value: &Element<'_>, deadline: Option<u64>) -> Self {
        let mut bytes = vec![0; Self::size(field, value, deadline)].into_boxed_slice();
        field.write(&mut bytes);
        let mut pair = Self(bytes);
        pair.write(field.size(), value, deadline);
        pair
    }

    fn size(field: &Element<'_>, value: &Element<'_>, deadline: Option<u64>) -> usize {
        field.size() + value.size() + deadline.map_or(0, |_| DEADLINE)
    }

    /// Writes what comes after the field, which takes `name` bytes.
    fn write(&mut self, name: usize, value: &Element<'_>, deadline: Option<u64>) {
        value.write(&mut self.0[name..]);
        if let Some(at) = deadline {
            self.0[name + value.size()..].copy_from_slice(&at.to_le_bytes());
        }
    }

    /// Puts another value and deadline behind the same field; corrects the sum of all `bytes`.
    pub(super) fn change(
        &mut self,
        field: &Element<'_>,
        value: &Element<'_>,
        deadline: Option<u64>,
        bytes: &mut usize,
    ) {
        let size = Self::size(field, value, deadline);
        if self.0.len() == size {
            self.write(field.size(), value, deadline);
        } else {
            *bytes = *bytes + size - self.0.len();
            *self = Self::new(field, value, deadline);
        }
    }

    pub(super) fn set_deadline(&mut self, deadline: Option<u64>, bytes: &mut usize) {
        let end = self.end();
        *bytes -= self.0.len();
        let mut all = std::mem::take(&mut self.0).into_vec();
        all.truncate(end);
        if let Some(at) = deadline {
            all.reserve_exact(DEADLINE);
            all.extend(at.to_le_bytes());
        }
        self.0 = all.into_boxed_slice();
        *bytes += self.0.len();
    }

    /// Bytes allocated.
    #[inline]
    pub(super) fn heap_size(&self) -> usize {
        self.0.len()
    }

    #[inline]
    pub(super) fn fetch_ahead(&self) {
        prefetch(self.0.as_ptr(), self.0.len().min(FETCHED));
    }

    #[inline]
    pub(super) fn is_named(&self, field: &Element<'_>) -> bool {
        field.is_at(&self.0)
    }

    #[inline]
    pub(super) fn field(&self) -> &[u8] {
        match read(&self.0) {
            Text::Plain(field) => field,
            _ => &[],
        }
    }

    #[inline]
    pub(super) fn value(&self) -> Text<'_> {
        read(&self.0[size_at(&self.0)..])
    }

    pub(super) fn texts(&self) -> (Text<'_>, Text<'_>) {
        (Text::Plain(self.field()), self.value())
    }

    #[inline]
    pub(super) fn deadline(&self) -> Option<u64> {
        self.0[self.end()..].first_chunk().map(|at| u64::from_le_bytes(*at))
    }

    #[inline]
    pub(super) fn ends_before(&self, horizon: u64) -> bool {
        horizon > 0 && self.deadline().is_some_and(|at| at < horizon)
    }

    /// Where the value ends.
    #[inline]
    fn end(&self) -> usize {
        after(&self.0, size_at(&self.0))
    }

    #[inline]
    pub(super) fn hash(&self) -> u64 {
        hash(self.field())
    }
}
