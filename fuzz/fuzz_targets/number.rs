//! Any text is a number or refused, and what is printed reads as the same number.
#![no_main]

use libfuzzer_sys::fuzz_target;
use torc::number::long_double::LongDouble;
use torc::number::{format_f64, parse_bound, parse_f64, parse_i64, parse_u64};

fuzz_target!(|text: &[u8]| {
    if let Some(number) = parse_i64(text) {
        assert_eq!(number.to_string().as_bytes(), text);
    }
    if let Some(number) = parse_u64(text) {
        assert_eq!(number.to_string().as_bytes(), text);
    }
    if let Some(number) = parse_f64(text) {
        assert_eq!(parse_bound(text), Some(number));
        assert_eq!(parse_f64(&format_f64(number)).map(f64::to_bits), Some(number.to_bits()));
    }
    if let Some(number) = LongDouble::parse(text) {
        assert_eq!(number.checked_add(LongDouble::from(0)).is_some(), number.is_finite());
        assert!(LongDouble::parse(number.to_string().as_bytes()).is_some());
    }
});
