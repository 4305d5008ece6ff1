//! What the fuzz targets share: a server without sockets, a model of it, and how replies are read.

pub mod dictionary;
pub mod memory;
#[path = "../../tests/common/model.rs"]
pub mod model;
#[allow(dead_code)] // the tests of torc use all of it
#[path = "../../tests/common/reply.rs"]
pub mod reply;
pub mod server;

/// Bytes as the message of a failure shows them.
pub fn escaped(bytes: &[u8]) -> String {
    format!("\"{}\"", bytes.escape_ascii())
}

/// A request as clients send it, an array of bulk strings.
pub fn request(words: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words.iter().map(AsRef::as_ref) {
        bytes.extend(format!("${}\r\n", word.len()).bytes());
        bytes.extend(word);
        bytes.extend(b"\r\n");
    }
    bytes
}
