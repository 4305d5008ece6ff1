//! MurmurHash64A by Austin Appleby, with Redis' seed: what registers hold must be the same there.

const SEED: u64 = 0xadc8_3b19;
const FACTOR: u64 = 0xc6a4_a793_5bd1_e995;
const SHIFT: u32 = 47;

pub(super) fn hash(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut hash = SEED ^ (bytes.len() as u64).wrapping_mul(FACTOR);
    for word in words {
        let word = mix(u64::from_le_bytes(*word).wrapping_mul(FACTOR)).wrapping_mul(FACTOR);
        hash = (hash ^ word).wrapping_mul(FACTOR);
    }
    if !rest.is_empty() {
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(FACTOR);
    }
    mix(mix(hash).wrapping_mul(FACTOR))
}

fn mix(word: u64) -> u64 {
    word ^ word >> SHIFT
}

#[cfg(test)]
mod tests {
    use super::hash;

    /// Register and rank of each of these, as `PFDEBUG DECODE` of redis-server 7.0.15 shows them
    /// after `PFADD`, are the lowest 14 bits and the zeros above them.
    #[test]
    fn texts_of_every_length_have_the_hash_that_redis_makes() {
        for (text, register, rank) in CASES {
            let hash = hash(text.as_bytes());
            assert_eq!(
                (hash & 0x3fff, 1 + (hash >> 14).trailing_zeros()),
                (*register, *rank),
                "{text}"
            );
        }
    }

    const CASES: &[(&str, u64, u32)] = &[
        ("", 5938, 2),
        ("T", 2538, 1),
        ("Th", 10472, 2),
        ("The", 7842, 1),
        ("The ", 7223, 1),
        ("The q", 15860, 2),
        ("The qu", 4722, 1),
        ("The qui", 13178, 1),
        ("The quic", 1138, 1),
        ("The quick", 13849, 3),
        ("The quick ", 10876, 1),
        ("The quick b", 15422, 1),
        ("The quick br", 7008, 1),
        ("The quick bro", 1290, 1),
        ("The quick brow", 1734, 2),
        ("The quick brown", 1745, 5),
        ("The quick brown ", 16290, 2),
        ("The quick brown f", 10112, 8),
        ("The quick brown fox jumps over the lazy dog", 6862, 4),
        ("äöü", 6042, 1),
    ];
}
