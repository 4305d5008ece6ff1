//! How one element of a collection is written as bytes.
//!
//! A first byte, then what it announces: a short text by its length, an integer by its width, a
//! longer text by the width of its length. Each text has exactly one form, so that equal elements
//! are equal bytes, and a search compares the first byte before anything else.

use crate::store::Text;

/// First bytes below this are the length of a text that follows.
const SHORT: u8 = INTEGER;
/// From this on, an integer of the `WIDTHS` in turn.
const INTEGER: u8 = 246;
/// Bytes of an integer, little-endian.
const WIDTHS: [usize; 6] = [1, 2, 3, 4, 6, 8];
/// Two bytes of length, then the text.
const MEDIUM: u8 = INTEGER + WIDTHS.len() as u8;
/// Eight bytes of length, then the text.
const LONG: u8 = MEDIUM + 1;

/// An element about to be written or looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element<'a> {
    /// The first byte, and what stands before the text.
    head: [u8; 9],
    head_len: u8,
    /// Empty if the element is an integer.
    text: &'a [u8],
}

impl<'a> Element<'a> {
    /// The form of a text: texts that are integers in their shortest form become integers.
    #[inline]
    pub(super) fn new(text: &'a [u8]) -> Self {
        Text::new(text).into()
    }

    /// The form of a text that stays text even when it could be an integer.
    #[inline]
    pub(super) fn text(text: &'a [u8]) -> Self {
        let mut head = [0; 9];
        let head_len = match text.len() {
            len if len < SHORT as usize => {
                head[0] = len as u8;
                1
            }
            len => match u16::try_from(len) {
                Ok(len) => {
                    head[0] = MEDIUM;
                    head[1..3].copy_from_slice(&len.to_le_bytes());
                    3
                }
                Err(_) => {
                    head[0] = LONG;
                    head[1..].copy_from_slice(&(len as u64).to_le_bytes());
                    9
                }
            },
        };
        Self { head, head_len, text }
    }

    pub(super) fn integer(number: i64) -> Self {
        let bits = 65 - (number ^ (number >> 63)).leading_zeros() as usize;
        let form = WIDTHS.iter().position(|width| bits <= 8 * width).unwrap_or(WIDTHS.len() - 1);
        let mut head = [0; 9];
        head[0] = INTEGER + form as u8;
        head[1..].copy_from_slice(&number.to_le_bytes());
        Self { head, head_len: 1 + WIDTHS[form] as u8, text: &[] }
    }

    /// Bytes that it takes.
    #[inline]
    pub(super) fn size(&self) -> usize {
        self.head_len as usize + self.text.len()
    }

    /// Writes it to the front of `to`.
    #[inline]
    pub(super) fn write(&self, to: &mut [u8]) {
        let head_len = self.head_len as usize;
        to[..head_len].copy_from_slice(&self.head[..head_len]);
        to[head_len..head_len + self.text.len()].copy_from_slice(self.text);
    }

    /// True if the element at the front of `bytes` is the same.
    #[inline(always)] // it is the whole of a search
    pub(super) fn is_at(&self, bytes: &[u8]) -> bool {
        bytes.first() == Some(&self.head[0]) && self.ends_as(bytes) && self.is_whole_at(bytes)
    }

    /// False if the last byte already tells the element at the front of `bytes` from this one: those
    /// that begin alike mostly end in other digits.
    #[inline(always)]
    fn ends_as(&self, bytes: &[u8]) -> bool {
        match self.text.last() {
            Some(last) => bytes.get(self.size() - 1) == Some(last),
            None => true,
        }
    }

    fn is_whole_at(&self, bytes: &[u8]) -> bool {
        let Some(bytes) = bytes.get(..self.size()) else { return false };
        let (head, text) = bytes.split_at(self.head_len as usize);
        (head.len() == 1 || head == &self.head[..head.len()]) && text == self.text
    }
}

impl<'a> From<Text<'a>> for Element<'a> {
    #[inline]
    fn from(text: Text<'a>) -> Self {
        match text {
            Text::Integer(number) => Self::integer(number),
            Text::Plain(text) | Text::Raw(text) => Self::text(text),
            Text::Shared(text) => Self::text(text),
        }
    }
}

/// Bytes that the element at the front takes.
#[inline]
pub(super) fn size_at(bytes: &[u8]) -> usize {
    after(bytes, 0)
}

/// The offset behind the element at an offset.
#[inline]
pub(super) fn after(bytes: &[u8], at: usize) -> usize {
    match bytes[at] {
        len @ ..SHORT => at + 1 + len as usize,
        form @ INTEGER..MEDIUM => at + 1 + WIDTHS[(form - INTEGER) as usize],
        _ => {
            let (head_len, text_len) = long_text(&bytes[at..]);
            at + head_len + text_len
        }
    }
}

/// The element at the front.
#[inline]
pub(super) fn read(bytes: &[u8]) -> Text<'_> {
    split(bytes).0
}

/// The element at the front, and what is behind it.
#[inline(always)] // it is the whole of a loop over elements
pub(super) fn split(bytes: &[u8]) -> (Text<'_>, &[u8]) {
    match bytes[0] {
        len @ ..SHORT => {
            let (text, rest) = bytes[1..].split_at(len as usize);
            (Text::Plain(text), rest)
        }
        form @ INTEGER..MEDIUM => {
            let width = WIDTHS[(form - INTEGER) as usize];
            let bytes = &bytes[1..];
            (Text::Integer(integer(bytes, width)), &bytes[width..])
        }
        _ => {
            let (head_len, text_len) = long_text(bytes);
            let (text, rest) = bytes[head_len..].split_at(text_len);
            (Text::Plain(text), rest)
        }
    }
}

/// The integer of so many bytes at the front.
#[inline]
fn integer(bytes: &[u8], width: usize) -> i64 {
    let number = bytes.first_chunk().copied().unwrap_or_else(|| {
        let mut last = [0; 8];
        last[..width].copy_from_slice(&bytes[..width]);
        last
    });
    // What follows leaves at the top, and the sign comes down.
    let unused = 64 - 8 * width;
    i64::from_le_bytes(number) << unused >> unused
}

/// Where the text begins that does not say its length in the first byte, and how long it is.
#[cold]
fn long_text(bytes: &[u8]) -> (usize, usize) {
    let wide = if bytes[0] == MEDIUM { 2 } else { 8 };
    let mut len = [0; 8];
    len[..wide].copy_from_slice(&bytes[1..=wide]);
    (1 + wide, u64::from_le_bytes(len) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The bytes of an element, with others behind them.
    fn written(element: Element<'_>) -> Vec<u8> {
        let mut bytes = vec![0xaa; element.size() + 3];
        element.write(&mut bytes);
        bytes
    }

    fn assert_returns(text: &[u8]) {
        let element = Element::new(text);
        let bytes = written(element);
        assert_eq!(size_at(&bytes), element.size());
        assert_eq!(read(&bytes).to_vec(), text);
        assert!(element.is_at(&bytes));
    }

    #[test]
    fn texts_of_every_form_come_back() {
        for len in [0, 1, 20, 21, 245, 246, 247, 300, 65_535, 65_536, 100_000] {
            assert_returns(&vec![b'x'; len]);
            assert_returns(&vec![b'0'; len]);
        }
    }

    #[test]
    fn integers_take_no_more_bytes_than_they_need() {
        let widths = [1, 2, 3, 4, 6, 6, 8, 8];
        for (bytes, width) in (1..).zip(widths) {
            let largest = i64::MAX >> (64 - 8 * bytes);
            for number in [largest, -largest - 1] {
                assert_eq!(Element::integer(number).size(), 1 + width, "{number}");
                assert_returns(number.to_string().as_bytes());
            }
        }
        assert_eq!(Element::new(b"127").size(), 2);
        assert_eq!(Element::new(b"0127").size(), 5, "not the shortest form: stays text");
    }

    proptest! {
        #[test]
        fn elements_are_equal_if_their_texts_are(a in "[-0-9a]{0,4}", b in "[-0-9a]{0,4}") {
            assert_returns(a.as_bytes());
            let bytes = written(Element::new(b.as_bytes()));
            prop_assert_eq!(Element::new(a.as_bytes()).is_at(&bytes), a == b);
        }

        #[test]
        fn every_integer_comes_back(number in any::<i64>(), shift in 0u32..64) {
            assert_returns((number >> shift).to_string().as_bytes());
        }
    }
}
