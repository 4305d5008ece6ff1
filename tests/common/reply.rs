//! Reads RESP2 and RESP3 replies only as far as a test needs: where one ends, and its elements.

/// The length of the first reply in `bytes`, or `None` while it is incomplete.
///
/// # Panics
/// When the bytes are no RESP, so that a test shows the broken reply instead of waiting for more.
pub fn length(bytes: &[u8]) -> Option<usize> {
    let line = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    let body = line + 2;
    match bytes[0] {
        b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => Some(body),
        b'$' | b'=' | b'!' => match count(bytes, line) {
            None => Some(body),
            Some(size) => (bytes.len() >= body + size + 2).then_some(body + size + 2),
        },
        b'*' | b'~' | b'>' => elements_end(bytes, body, count(bytes, line).unwrap_or(0)),
        b'%' => elements_end(bytes, body, 2 * count(bytes, line).unwrap_or(0)),
        // An attribute stands before the reply that it describes.
        b'|' => elements_end(bytes, body, 2 * count(bytes, line).unwrap_or(0) + 1),
        _ => panic!("not a reply: {}", super::escaped(bytes)),
    }
}

/// The elements of an array, set, push or map, each as its raw bytes; `None` for other replies.
pub fn elements(reply: &[u8]) -> Option<Vec<&[u8]>> {
    if !matches!(reply.first()?, b'*' | b'~' | b'>' | b'%') {
        return None;
    }
    let mut rest = &reply[reply.windows(2).position(|pair| pair == b"\r\n")? + 2..];
    let mut elements = Vec::new();
    while !rest.is_empty() {
        let (element, after) = rest.split_at(length(rest)?);
        elements.push(element);
        rest = after;
    }
    Some(elements)
}

/// The text of a bulk or verbatim string, simple string or error; `None` for nil and aggregates.
pub fn text(reply: &[u8]) -> Option<&[u8]> {
    let line = reply.windows(2).position(|pair| pair == b"\r\n")?;
    match reply[0] {
        b'+' | b'-' => Some(&reply[1..line]),
        b'$' => count(reply, line).map(|size| &reply[line + 2..][..size]),
        b'=' => count(reply, line).map(|size| &reply[line + 2..][4..size]),
        _ => None,
    }
}

/// The value of an integer reply.
pub fn integer(reply: &[u8]) -> Option<i64> {
    std::str::from_utf8(reply.strip_prefix(b":")?.strip_suffix(b"\r\n")?).ok()?.parse().ok()
}

fn elements_end(bytes: &[u8], body: usize, count: usize) -> Option<usize> {
    (0..count).try_fold(body, |at, _| Some(at + length(bytes.get(at..)?)?))
}

/// The number after the type byte; `None` for -1, which is RESP2's nil.
fn count(bytes: &[u8], line: usize) -> Option<usize> {
    let text = std::str::from_utf8(&bytes[1..line]).unwrap_or_default();
    match text.parse::<i64>() {
        Ok(-1) => None,
        Ok(count) if count >= 0 => Some(count as usize),
        _ => panic!("not a length: {}", super::escaped(bytes)),
    }
}
