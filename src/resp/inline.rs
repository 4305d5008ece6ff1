//! Splits a line typed by a human into arguments, by the rules of Redis' inline commands.
//!
//! Arguments are separated by white space. `"..."` knows the escapes `\n \r \t \b \a \xHH` and takes
//! any other escaped byte as it is; `'...'` knows only `\'`. A quote may open inside an argument,
//! but what follows the closing one must be white space or the end.

use super::args::Span;

/// A quote was opened and not closed, or closed in the middle of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnbalancedQuotes;

/// Appends the arguments of `line` to `spans`.
///
/// The spans point into `line`, unless there are quotes: then into `unquoted`, which receives the
/// arguments one after the other. `unquoted` must be empty, and stays so if nothing is put there.
pub fn split(
    line: &[u8],
    spans: &mut Vec<Span>,
    unquoted: &mut Vec<u8>,
) -> Result<(), UnbalancedQuotes> {
    debug_assert!(unquoted.is_empty());
    if memchr::memchr2(b'"', b'\'', line).is_some() {
        return split_quoted(line, spans, unquoted);
    }
    let mut at = 0;
    while let Some(start) = argument_start(line, at) {
        at = line[start..]
            .iter()
            .position(|&byte| ends_argument(byte))
            .map_or(line.len(), |n| start + n);
        spans.push(Span { start, end: at });
    }
    Ok(())
}

fn split_quoted(
    line: &[u8],
    spans: &mut Vec<Span>,
    unquoted: &mut Vec<u8>,
) -> Result<(), UnbalancedQuotes> {
    let mut at = 0;
    while let Some(first) = argument_start(line, at) {
        let start = unquoted.len();
        at = first;
        while let Some(&byte) = line.get(at).filter(|byte| !ends_argument(**byte)) {
            // A closing quote ends the argument.
            match byte {
                b'"' => {
                    at += double_quoted(&line[at..], unquoted)?;
                    break;
                }
                b'\'' => {
                    at += single_quoted(&line[at..], unquoted)?;
                    break;
                }
                _ => {
                    unquoted.push(byte);
                    at += 1;
                }
            }
        }
        spans.push(Span { start, end: unquoted.len() });
    }
    Ok(())
}

/// Unquotes what stands at the front of `text` and returns its length, both quotes included.
fn double_quoted(text: &[u8], unquoted: &mut Vec<u8>) -> Result<usize, UnbalancedQuotes> {
    let mut at = 1;
    loop {
        let (byte, length) = match text[at..] {
            [b'\\', b'x', high, low, ..] if is_hex(high) && is_hex(low) => {
                (hex_value(high) << 4 | hex_value(low), 4)
            }
            [b'\\', escaped, ..] => (escaped_value(escaped), 2),
            [b'"', ..] => return closed(text, at),
            [byte, ..] => (byte, 1),
            [] => return Err(UnbalancedQuotes),
        };
        unquoted.push(byte);
        at += length;
    }
}

/// As [`double_quoted`].
fn single_quoted(text: &[u8], unquoted: &mut Vec<u8>) -> Result<usize, UnbalancedQuotes> {
    let mut at = 1;
    loop {
        let (byte, length) = match text[at..] {
            [b'\\', b'\'', ..] => (b'\'', 2),
            [b'\'', ..] => return closed(text, at),
            [byte, ..] => (byte, 1),
            [] => return Err(UnbalancedQuotes),
        };
        unquoted.push(byte);
        at += length;
    }
}

fn closed(text: &[u8], quote: usize) -> Result<usize, UnbalancedQuotes> {
    match text.get(quote + 1) {
        Some(&next) if !is_space(next) => Err(UnbalancedQuotes),
        _ => Ok(quote + 1),
    }
}

fn argument_start(line: &[u8], from: usize) -> Option<usize> {
    line[from..].iter().position(|&byte| !is_space(byte)).map(|n| from + n)
}

/// What ends a bare argument. Fewer bytes than [`is_space`]: vertical tab and form feed are skipped
/// before an argument but belong to it once it has begun.
fn ends_argument(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// C's `isspace` in the C locale.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn is_hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

fn escaped_value(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split_line(line: &[u8]) -> Result<Vec<Vec<u8>>, UnbalancedQuotes> {
        let (mut spans, mut unquoted) = (Vec::new(), Vec::new());
        split(line, &mut spans, &mut unquoted)?;
        let bytes = if unquoted.is_empty() { line } else { &unquoted };
        Ok(spans.iter().map(|span| bytes[span.start..span.end].to_vec()).collect())
    }

    /// What redis-server 7.0.15 makes of each line.
    #[test]
    fn arguments_are_those_redis_sees() {
        let cases: &[(&[u8], &[&[u8]])] = &[
            (b"", &[]),
            (b" \t\x0b\x0c\r", &[]),
            (b"PING", &[b"PING"]),
            (b"  SET\tkey   value ", &[b"SET", b"key", b"value"]),
            (br#"E "a\x41\n\q\"b""#, &[b"E", b"aA\nq\"b"]),
            (br#"E "\a\b\t\r\n\x00z""#, &[b"E", b"\x07\x08\t\r\n\x00z"]),
            (br#"E "a\x4""#, &[b"E", b"ax4"]),
            (br#"E "\xZZ\xfF""#, &[b"E", b"xZZ\xff"]),
            (br"E 'a\n\'b'", &[b"E", br"a\n'b"]),
            (br"E 'a\\b'", &[b"E", br"a\\b"]),
            (br#"E a"b c""#, &[b"E", b"ab c"]),
            (b"E a'b'", &[b"E", b"ab"]),
            (br#"E """#, &[b"E", b""]),
            (br#""""#, &[b""]),
            (b"E \"a\"\tb 'c'\x0b", &[b"E", b"a", b"b", b"c"]),
            (b"E\x0ba \x0cb", &[b"E\x0ba", b"b"]),
            (b"E a\rb", &[b"E", b"a", b"b"]),
            (b"\x85E \xa0a", &[b"\x85E", b"\xa0a"]),
        ];
        for (line, expected) in cases {
            let args = split_line(line).expect("balanced");
            assert_eq!(args, *expected, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn unbalanced_quotes_are_refused() {
        for line in [
            r#"E "abc"#,
            r#"E "abc\"#,
            r#"E "abc\""#,
            "E 'a",
            r"E 'a\'",
            r#"E "a"b"#,
            r#"E a"b"c"#,
            "E 'a''b'",
            "\"",
        ] {
            assert_eq!(split_line(line.as_bytes()), Err(UnbalancedQuotes), "{line}");
        }
    }
}
