//! Any bytes are a pattern, and matching it ends soon. Where patterns are simple, a few lines tell what
//! matches.
#![no_main]

use libfuzzer_sys::fuzz_target;
use torc::glob::{matches, matches_in_any_case};

fuzz_target!(|input: (&[u8], &[u8])| {
    let (pattern, text) = input;
    let same_case = matches(pattern, text);
    assert!(matches(b"*", text));
    if !pattern.contains(&b'[') && same_case {
        assert!(matches_in_any_case(pattern, text));
    }
    // A literal of the text matches it, and nothing longer.
    let literal: Vec<u8> = text.iter().flat_map(|&byte| [b'\\', byte]).collect();
    assert!(matches(&literal, text));
    assert!(!matches(&literal, &[text, b"x"].concat()));
    if !pattern.iter().any(|byte| b"[\\".contains(byte)) {
        assert_eq!(same_case, simple(pattern, text));
    }
});

/// Whether a pattern of bytes, `?` and `*` matches, by what each beginning of it can match.
fn simple(pattern: &[u8], text: &[u8]) -> bool {
    // Whether what was seen of the pattern matches the first 0, 1, 2 ... bytes of the text.
    let mut reach = vec![false; text.len() + 1];
    reach[0] = true;
    for byte in pattern {
        if *byte == b'*' {
            let first = reach.iter().position(|reached| *reached).unwrap_or(reach.len());
            reach[first..].fill(true);
            continue;
        }
        for end in (1..reach.len()).rev() {
            reach[end] = reach[end - 1] && (*byte == b'?' || *byte == text[end - 1]);
        }
        reach[0] = false;
    }
    reach[text.len()]
}
