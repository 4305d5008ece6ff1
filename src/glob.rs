//! Glob patterns, as in KEYS and PSUBSCRIBE: `*`, `?`, `[a-z]`, `[^a-z]`, and `\` before a literal.
//!
//! Every element but `*` takes exactly one byte, so a failed attempt need only go back to the last `*`
//! and try one byte further: the time is at most the product of the two lengths.
//!
//! What is malformed has the meaning that redis-server 7.0 gives it: a class that is not closed ends
//! with the pattern, and a `\` at the end is itself.

/// True if `pattern` matches the whole of `text`.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    search(pattern, text, Case::Told)
}

/// As [`matches()`]; ASCII letters match in either case, except when escaped within a class.
pub fn matches_in_any_case(pattern: &[u8], text: &[u8]) -> bool {
    search(pattern, text, Case::Ignored)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    Told,
    Ignored,
}

impl Case {
    #[inline]
    fn fold(self, byte: u8) -> u8 {
        if self == Self::Ignored { byte.to_ascii_lowercase() } else { byte }
    }
}

fn search(pattern: &[u8], text: &[u8], case: Case) -> bool {
    let (mut rest, mut at) = (pattern, 0);
    // What follows the last star, and where in the text it was tried last.
    let mut retry: Option<(&[u8], usize)> = None;
    while at < text.len() {
        if let [b'*', after @ ..] = rest {
            if after.is_empty() {
                return true;
            }
            rest = after;
            retry = Some((after, at));
        } else if let Some(length) = element(rest, text[at], case) {
            rest = &rest[length..];
            at += 1;
        } else if let Some((after, tried)) = &mut retry {
            *tried += 1;
            (rest, at) = (after, *tried);
        } else {
            return false;
        }
    }
    rest.iter().all(|&byte| byte == b'*')
}

/// The length of the element at the front of `pattern`, if it takes `byte`.
#[inline]
fn element(pattern: &[u8], byte: u8, case: Case) -> Option<usize> {
    let (literal, length) = match *pattern {
        [] => return None,
        [b'?', ..] => return Some(1),
        [b'[', ..] => return class(pattern, byte, case),
        [b'\\', literal, ..] => (literal, 2),
        [literal, ..] => (literal, 1),
    };
    (case.fold(literal) == case.fold(byte)).then_some(length)
}

/// As [`element`], for `[...]`.
fn class(pattern: &[u8], byte: u8, case: Case) -> Option<usize> {
    let negated = pattern.get(1) == Some(&b'^');
    let mut at = if negated { 2 } else { 1 };
    let mut listed = false;
    loop {
        at += match pattern[at..] {
            [] => break,
            [b']', ..] => {
                at += 1;
                break;
            }
            [b'\\', literal, ..] => {
                listed |= literal == byte;
                2
            }
            [first, b'-', last, ..] => {
                listed |= in_range(first, last, byte, case);
                3
            }
            [literal, ..] => {
                listed |= case.fold(literal) == case.fold(byte);
                1
            }
        }
    }
    (listed != negated).then_some(at)
}

/// The ends may come in either order. Bytes are compared as C's `char`, which has a sign on x86.
fn in_range(first: u8, last: u8, byte: u8, case: Case) -> bool {
    let (low, high) = if first as i8 > last as i8 { (last, first) } else { (first, last) };
    let [low, high, byte] = [low, high, byte].map(|byte| case.fold(byte) as i8);
    low <= byte && byte <= high
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Recorded from `KEYS` of redis-server 7.0.15: pattern, text that matches, text that does not.
    #[test]
    fn patterns_match_what_redis_matches() {
        type Row = (&'static [u8], &'static [&'static [u8]], &'static [&'static [u8]]);
        let cases: &[Row] = &[
            (b"*", &[b"", b"abc"], &[]),
            (b"", &[b""], &[b"a"]),
            (b"?", &[b"a"], &[b""]),
            (b"h?llo", &[b"hello"], &[]),
            (b"h*llo", &[b"heeeello"], &[]),
            (b"h[ae]llo", &[b"hallo"], &[b"hillo"]),
            (b"h[^e]llo", &[b"hallo"], &[b"hello"]),
            (b"h[a-b]llo", &[b"hbllo"], &[b"hcllo"]),
            (b"h[b-a]llo", &[b"hallo"], &[]),
            (b"\\*", &[b"*"], &[b"a"]),
            (b"a\\", &[b"a\\"], &[b"a"]),
            (b"\\", &[b"\\"], &[]),
            (b"[", &[], &[b"["]),
            (b"[a", &[b"a"], &[b"["]),
            (b"[]", &[], &[b"a", b"]", b""]),
            (b"[^]", &[b"a"], &[]),
            (b"[]a]", &[], &[b"a"]),
            (b"[^", &[b"a"], &[]),
            (b"[^a", &[b"b"], &[b"a"]),
            (b"[a-", &[b"a", b"-"], &[b"b"]),
            (b"[a-]", &[b"a", b"]"], &[b"-", b"b"]),
            (b"[\\]]", &[b"]"], &[]),
            (b"[\\a-z]", &[], &[b"m"]),
            (b"[\\", &[b"\\"], &[b"a"]),
            (b"[a\\", &[b"a", b"\\"], &[]),
            (b"a*b", &[b"ab", b"acb"], &[]),
            (b"a**b", &[b"ab"], &[]),
            (b"*a", &[b"ba"], &[]),
            (b"*a*", &[b"xay"], &[]),
            (b"a*", &[b"a"], &[b""]),
            (b"**", &[b"x"], &[]),
            (b"*?", &[b"x"], &[b""]),
            (b"*??", &[], &[b"x"]),
            (b"a*c*e", &[b"abcde"], &[b"abde"]),
            (b"x*y", &[b"xyxy"], &[]),
            (b"[^a-c]", &[b"d"], &[b"b"]),
            (b"[!a]", &[b"a", b"!"], &[b"b"]),
            (b"[-a]", &[b"-"], &[]),
            (b"[a-c-e]", &[b"-", b"e"], &[b"d"]),
            (b"\xff", &[b"\xff"], &[]),
            (b"[\xf0-\xff]", &[b"\xf8"], &[]),
            (b"[a-\xff]", &[], &[b"z"]),
            (b"a?", &[], &[b"a"]),
            (b"a[", &[], &[b"a"]),
            (b"a[b", &[], &[b"a"]),
            (b"abc", &[], &[b"ab"]),
            (b"ab", &[], &[b"abc"]),
            (b"*[", &[], &[b"a["]),
            (b"[*]", &[b"*"], &[b"a"]),
            (b"?*?", &[b"ab"], &[]),
            (b"[\\-]", &[b"-"], &[]),
            (b"[a\\-z]", &[b"-", b"z"], &[b"b"]),
            (b"a\\?", &[b"a?"], &[]),
            (b"[^^]", &[b"a"], &[b"^"]),
            (b"[^\\^]", &[b"a"], &[]),
            (b"[]-a]", &[], &[b"a"]),
            (b"[a-\\]", &[b"a", b"\\"], &[]),
            (b"[a-\\]]", &[], &[b"b]"]),
            (b"[a-b-]", &[b"-"], &[]),
            (b"*\\", &[b"a\\"], &[]),
            (b"[a]", &[], &[b""]),
            (b"A", &[], &[b"a"]),
        ];
        for (pattern, matching, other) in cases {
            for text in *matching {
                assert!(
                    matches(pattern, text),
                    "{} {}",
                    pattern.escape_ascii(),
                    text.escape_ascii()
                );
            }
            for text in *other {
                assert!(
                    !matches(pattern, text),
                    "{} {}",
                    pattern.escape_ascii(),
                    text.escape_ascii()
                );
            }
        }
    }

    /// Recorded from `CONFIG GET` of redis-server 7.0.15.
    #[test]
    fn case_is_ignored_as_redis_ignores_it() {
        let any =
            |pattern: &str, text: &str| matches_in_any_case(pattern.as_bytes(), text.as_bytes());
        for pattern in
            ["PO?T", "p*T", "[P]ort", "[A-Z]ort", "[O-Q]ort", "[P-p]ort", r"[\p]ort", r"*\PORT"]
        {
            assert!(any(pattern, "port"), "{pattern}");
        }
        for pattern in [r"[\P]ort", "[^P]ort", "[o-Q]ort", "[Q-o]ort", "[^A-Z]ort"] {
            assert!(!any(pattern, "port"), "{pattern}");
        }
        assert!(any("[z-A]ppendonly", "appendonly") && !any("[Z-a]ppendonly", "appendonly"));
    }

    /// Backtracking at every star would take longer than the universe has.
    #[test]
    fn many_stars_stay_cheap() {
        let pattern = "a*".repeat(1000) + "b";
        assert!(!matches(pattern.as_bytes(), &b"a".repeat(10_000)));
    }

    /// The definition, slow and short: a star takes nothing or one byte more.
    fn by_definition(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], _) => text.is_empty(),
            ([b'*', after @ ..], _) => {
                by_definition(after, text)
                    || (!text.is_empty() && by_definition(pattern, &text[1..]))
            }
            (_, []) => false,
            (_, [byte, others @ ..]) => element(pattern, *byte, Case::Told)
                .is_some_and(|length| by_definition(&pattern[length..], others)),
        }
    }

    proptest! {
        #[test]
        fn the_search_agrees_with_the_definition(
            pattern in r"[ab*?\[\]\\^-]{0,10}",
            text in r"[ab\-\]]{0,10}",
        ) {
            let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(matches(pattern, text), by_definition(pattern, text));
        }
    }
}
