//! Values in Redis' own format of files, RDB, as DUMP hands them out and RESTORE takes them in.
//!
//! A payload is a type, the value, the version of the format and a checksum. It may come from
//! anyone: reading it never panics, and allocates in proportion to the payload, whatever lengths it
//! claims.

mod listpack;
mod lzf;
mod read;
mod write;

pub use read::{Elements, Item, Malformed, Object, read};
pub use write::Writer;

use crc::{CRC_64_REDIS, Crc, Table};

/// What is written, that of Redis 7.0.
const VERSION: u16 = 10;
/// What is read, that of Redis 7.2.
const NEWEST: u16 = 11;

/// Version and checksum, at the end of a payload.
const FOOTER: usize = size_of::<u16>() + size_of::<u64>();

static CHECKSUM: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_REDIS);

/// The types of objects that are read; the first byte of a payload.
mod object_type {
    pub(super) const STRING: u8 = 0;
    pub(super) const LIST: u8 = 1;
    pub(super) const SET: u8 = 2;
    pub(super) const HASH: u8 = 4;
    /// Scores in binary.
    pub(super) const SORTED_SET: u8 = 5;
    pub(super) const SET_INTSET: u8 = 11;
    pub(super) const HASH_LISTPACK: u8 = 16;
    pub(super) const SORTED_SET_LISTPACK: u8 = 17;
    /// Nodes that are listpacks or single elements.
    pub(super) const LIST_QUICKLIST: u8 = 18;
    pub(super) const SET_LISTPACK: u8 = 20;
}

/// The first bits of a length, and the numbers of the encodings that stand in its place.
mod length {
    pub(super) const BITS_6: u8 = 0;
    pub(super) const BITS_14: u8 = 1;
    pub(super) const ENCODED: u8 = 3;
    pub(super) const BITS_32: u8 = 0x80;
    pub(super) const BITS_64: u8 = 0x81;
    pub(super) const INT8: u8 = 0;
    pub(super) const INT16: u8 = 1;
    pub(super) const INT32: u8 = 2;
    pub(super) const LZF: u8 = 3;
}

/// The payload without its footer, if version and checksum are right.
pub fn open(payload: &[u8]) -> Option<&[u8]> {
    let (body, footer) = payload.split_at_checked(payload.len().checked_sub(FOOTER)?)?;
    let (version, checksum) = footer.split_first_chunk()?;
    let is_known = u16::from_le_bytes(*version) <= NEWEST;
    let summed = CHECKSUM.checksum(&payload[..body.len() + version.len()]);
    (is_known && summed.to_le_bytes() == *checksum).then_some(body)
}

/// Ends a payload with its footer.
pub fn seal(payload: &mut Vec<u8>) {
    payload.extend(VERSION.to_le_bytes());
    payload.extend(CHECKSUM.checksum(payload).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `SET a 1`, `DUMP a` on redis-server 7.0.15.
    const ONE: &[u8] = b"\x00\xc0\x01\n\x00&x\xe7\xb6\xd1\x01\x11\xfc";

    #[test]
    fn a_payload_that_is_changed_is_not_opened() {
        let mut sealed = vec![0, 0xc0, 1];
        seal(&mut sealed);
        assert_eq!(sealed, ONE);
        assert_eq!(open(&sealed), Some(&[0, 0xc0, 1][..]));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(open(&changed), None, "{at}");
            assert_eq!(open(&sealed[..at]), None, "{at}");
        }
    }

    #[test]
    fn newer_versions_are_not_opened() {
        for (version, opens) in [(0, true), (10, true), (11, true), (12, false), (u16::MAX, false)]
        {
            let mut payload = vec![0, 0xc0, 1];
            payload.extend(u16::to_le_bytes(version));
            payload.extend(CHECKSUM.checksum(&payload).to_le_bytes());
            assert_eq!(open(&payload).is_some(), opens, "{version}");
        }
    }
}
