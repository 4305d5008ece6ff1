//! Any bytes are a pattern, and matching it ends soon.
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
});
