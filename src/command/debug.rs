//! DEBUG: for those who test servers and client libraries.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Call, Command, Error, Flags, Group, help};
use crate::config::Admission;
use crate::glob;
use crate::resp::Version;
#[cfg(debug_assertions)]
use crate::store::{Edit, List};
use crate::store::{Text, Value};

pub(super) const COMMANDS: &[&Command] = &[&DEBUG];

pub static DEBUG: Command = Command {
    name: "debug",
    arity: -2,
    // The store is held alone: SLEEP stops the whole server, and the key of OBJECT may be any.
    flags: Flags::ADMIN
        .and(Flags::NOSCRIPT)
        .and(Flags::LOADING)
        .and(Flags::STALE)
        .and(Flags::EXCLUSIVE),
    group: Group::Server,
    complexity: "Depends on subcommand.",
    summary: "Helps to test servers and client libraries; DEBUG HELP says how.",
    is_system: true,
    run: debug,
    ..Command::BASE
};

fn debug(call: &mut Call<'_>) -> Result<(), Error> {
    if !is_admitted(call) {
        return Err(Error::text(NOT_ALLOWED));
    }
    let args = call.args;
    let name = args[1].to_ascii_lowercase();
    match (&*name, args.len()) {
        (b"error", 3) => Err(Error::Other(args[2].to_vec().into())),
        (b"help", 2) => {
            help::lines_of(call, &DEBUG, HELP_LINES.iter().copied());
            Ok(())
        }
        (b"log", 3) => log(call),
        #[cfg(debug_assertions)]
        (b"panic", 3) => panic_within(call),
        (b"object", 3) => object(call),
        (b"protocol", 3) => protocol(call),
        (b"set-active-expire", 3) => set_active_expire(call),
        (b"sleep", 3) => sleep(call),
        (b"stringmatch-len", 4) => {
            call.reply.integer(i64::from(glob::matches(&args[2], &args[3])));
            Ok(())
        }
        _ => Err(Error::UnfitSubcommand { name: args[1].to_vec(), container: "DEBUG" }),
    }
}

const NOT_ALLOWED: &str = "DEBUG command not allowed. If the enable-debug-command option is set \
    to \"local\", you can run it from a local connection, otherwise you need to set this option \
    in the configuration file, and then restart the server.";

/// Whether `enable-debug-command` lets this client in.
fn is_admitted(call: &Call<'_>) -> bool {
    match call.instance.config.enable_debug_command {
        Admission::Nobody => false,
        Admission::Everyone => true,
        Admission::Local => call.session.client.peer.address.is_local(),
    }
}

fn log(call: &mut Call<'_>) -> Result<(), Error> {
    log::warn!("DEBUG LOG: {}", call.args[2].escape_ascii());
    call.reply.ok();
    Ok(())
}

/// What a bug could do: panics in the middle of a reply and of an edit of the list at a key. For tests of
/// the whole server; a release build does not have it.
#[cfg(debug_assertions)]
fn panic_within(call: &mut Call<'_>) -> Result<(), Error> {
    call.reply.array(2);
    call.reply.bulk(b"half of a reply");
    let (db, key) = (call.session.db, &call.args[2]);
    call.keyspace
        .write(db, key, |slot| slot.alter(|_: &mut List| -> Edit<()> { panic!("DEBUG PANIC") }))?;
    Ok(())
}

/// Stops this reactor, and with it all that want to use the store.
fn sleep(call: &mut Call<'_>) -> Result<(), Error> {
    let seconds = std::str::from_utf8(&call.args[2]).ok().and_then(|text| text.parse().ok());
    // As in Redis, what is no number of seconds is no time.
    let time = Duration::try_from_secs_f64(seconds.unwrap_or(0.0)).unwrap_or_default();
    std::thread::sleep(time);
    call.reply.ok();
    Ok(())
}

fn set_active_expire(call: &mut Call<'_>) -> Result<(), Error> {
    // As in Redis, what does not begin with a number other than 0 is 0.
    let text = String::from_utf8_lossy(&call.args[2]);
    let digits: String =
        text.trim_start_matches(['+', '-']).chars().take_while(char::is_ascii_digit).collect();
    let active = digits.bytes().any(|digit| digit != b'0');
    call.instance.active_expiry.store(active, Ordering::Relaxed);
    call.reply.ok();
    Ok(())
}

fn object(call: &mut Call<'_>) -> Result<(), Error> {
    let peek = call.keyspace.peek(call.session.db, &call.args[2]).ok_or(Error::NoSuchKey)?;
    let (value, idle_s) = (peek.value(), u64::from(peek.idle_s()));
    let lru = call.now.unix_s().saturating_sub(idle_s) & 0xff_ffff;
    let text = format!(
        "Value at:{:p} refcount:1 encoding:{} serializedlength:{} lru:{lru} lru_seconds_idle:{idle_s}",
        address(value),
        value.encoding(),
        serialized_len(value),
    );
    call.reply.simple(&text);
    Ok(())
}

/// Where the bytes of a value are; nowhere, if it is kept as a number.
fn address(value: Value<'_>) -> *const u8 {
    match value {
        Value::String(Text::Integer(_)) => std::ptr::null(),
        Value::String(Text::Plain(text) | Text::Raw(text)) => text.as_ptr(),
        Value::String(Text::Shared(bytes)) => bytes.as_ptr(),
        Value::Hash(hash) => std::ptr::from_ref(hash).cast(),
        Value::List(list) => std::ptr::from_ref(list).cast(),
        Value::Set(set) => std::ptr::from_ref(set).cast(),
        Value::SortedSet(set) => std::ptr::from_ref(set).cast(),
    }
}

/// Bytes of the value in an RDB file that does not compress strings; of a collection, in memory.
fn serialized_len(value: Value<'_>) -> usize {
    let Value::String(text) = value else { return value.heap_size() };
    match text.integer().map(|number| number.unsigned_abs().leading_zeros()) {
        // One byte says which of three sizes follows. Longer integers are kept as text.
        Some(57..) => 2,
        Some(49..) => 3,
        Some(33..) => 5,
        _ => {
            let len = text.len();
            len + match len {
                0..64 => 1,
                64..16_384 => 2,
                _ => 5,
            }
        }
    }
}

/// One reply of each kind that the protocol knows.
fn protocol(call: &mut Call<'_>) -> Result<(), Error> {
    let reply = &mut call.reply;
    let version = reply.version();
    match &*call.args[2].to_ascii_lowercase() {
        b"string" => reply.bulk(b"Hello World"),
        b"integer" => reply.integer(12345),
        b"double" => reply.double(DOUBLE),
        b"null" => reply.null(),
        b"array" => {
            reply.array(3);
            (0..3).for_each(|number| reply.integer(number));
        }
        b"set" => {
            reply.set(3);
            (0..3).for_each(|number| reply.integer(number));
        }
        b"map" => {
            reply.map(3);
            for number in 0..3 {
                reply.integer(number);
                reply.boolean(number == 1);
            }
        }
        b"attrib" => {
            // RESP2 has no attributes: there they are left out.
            if version == Version::V3 {
                reply.output().extend(b"|1\r\n");
                reply.bulk(b"key-popularity");
                reply.array(2);
                reply.bulk(b"key:123");
                reply.integer(90);
            }
            reply.bulk(b"Some real reply following the attribute");
        }
        b"push" if version == Version::V2 => {
            return Err(Error::text("RESP2 is not supported by this command"));
        }
        b"push" => {
            reply.push(2);
            reply.bulk(b"server-cpu-usage");
            reply.integer(42);
            reply.bulk(b"Some real reply following the push reply");
        }
        b"true" => reply.boolean(true),
        b"false" => reply.boolean(false),
        b"verbatim" => reply.verbatim("txt", b"This is a verbatim\nstring"),
        b"bignum" => reply.big_number("1234567999999999999999999999999999999"),
        _ => return Err(Error::text(PROTOCOL_TYPES)),
    }
    Ok(())
}

#[allow(clippy::approx_constant)] // what Redis sends; it does not stand for pi
const DOUBLE: f64 = 3.141;

const PROTOCOL_TYPES: &str = "Wrong protocol type name. Please use one of the following: \
    string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false";

const HELP_LINES: &[&str] = &[
    "ERROR text",
    "    Answers with this error.",
    "HELP",
    "    Lists the subcommands.",
    "LOG text",
    "    Writes a line to the server's log.",
    "OBJECT key",
    "    Shows how the value of a key is kept.",
    "PROTOCOL string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
    "    Answers with a reply of that type.",
    "SET-ACTIVE-EXPIRE 0|1",
    "    Whether keys are removed that expired and that nobody asks for.",
    "SLEEP seconds",
    "    Stops the whole server for a while; fractions are allowed.",
    "STRINGMATCH-LEN pattern text",
    "    Answers 1 if the text matches the pattern, else 0.",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::harness::Harness;
    use crate::config::{Config, Directive};
    use crate::store::{Expiry, New};

    fn harness(enabled: &str) -> Harness {
        let mut config = Config::default();
        let directive = Directive::find("enable-debug-command").unwrap();
        config.start(directive, enabled).unwrap();
        Harness::with_config(config)
    }

    #[test]
    fn only_those_who_are_admitted_may_debug() {
        let not_allowed = format!("-ERR {NOT_ALLOWED}\r\n");
        assert_eq!(harness("no").run("DEBUG PROTOCOL integer"), not_allowed);
        assert_eq!(harness("yes").run("DEBUG PROTOCOL integer"), ":12345\r\n");
        assert_eq!(harness("local").run("DEBUG PROTOCOL integer"), ":12345\r\n");
    }

    /// Replies of redis-server 7.0.15.
    #[test]
    fn protocol_shows_each_kind_of_reply() {
        let cases = [
            ("string", "$11\r\nHello World\r\n", "$11\r\nHello World\r\n"),
            ("INTEGER", ":12345\r\n", ":12345\r\n"),
            ("double", "$5\r\n3.141\r\n", ",3.141\r\n"),
            ("null", "$-1\r\n", "_\r\n"),
            ("array", "*3\r\n:0\r\n:1\r\n:2\r\n", "*3\r\n:0\r\n:1\r\n:2\r\n"),
            ("set", "*3\r\n:0\r\n:1\r\n:2\r\n", "~3\r\n:0\r\n:1\r\n:2\r\n"),
            (
                "map",
                "*6\r\n:0\r\n:0\r\n:1\r\n:1\r\n:2\r\n:0\r\n",
                "%3\r\n:0\r\n#f\r\n:1\r\n#t\r\n:2\r\n#f\r\n",
            ),
            (
                "attrib",
                "$39\r\nSome real reply following the attribute\r\n",
                "|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n\
                 $39\r\nSome real reply following the attribute\r\n",
            ),
            (
                "push",
                "-ERR RESP2 is not supported by this command\r\n",
                ">2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n\
                 $40\r\nSome real reply following the push reply\r\n",
            ),
            (
                "verbatim",
                "$25\r\nThis is a verbatim\nstring\r\n",
                "=29\r\ntxt:This is a verbatim\nstring\r\n",
            ),
            ("true", ":1\r\n", "#t\r\n"),
            ("false", ":0\r\n", "#f\r\n"),
            (
                "bignum",
                "$37\r\n1234567999999999999999999999999999999\r\n",
                "(1234567999999999999999999999999999999\r\n",
            ),
        ];
        let mut harness = harness("yes");
        for (kind, resp2, resp3) in cases {
            for (version, expected) in [(Version::V2, resp2), (Version::V3, resp3)] {
                harness.speak(version);
                assert_eq!(harness.run(&format!("DEBUG PROTOCOL {kind}")), expected);
            }
        }
        let refusal = format!("-ERR {PROTOCOL_TYPES}\r\n");
        assert_eq!(harness.run("DEBUG PROTOCOL nosuch"), refusal);
    }

    #[test]
    fn object_tells_encoding_and_length() {
        let mut harness = harness("yes");
        harness.run("INCR number");
        let number = harness.run("DEBUG OBJECT number");
        assert!(
            number.starts_with("+Value at:0x0 refcount:1 encoding:int serializedlength:2 lru:"),
            "{number}"
        );
        assert!(number.ends_with(" lru_seconds_idle:0\r\n"), "{number}");
        harness.wait_ms(3000);
        assert!(harness.run("DEBUG OBJECT number").ends_with(" lru_seconds_idle:3\r\n"));
        let keyspace = &mut harness.worker.keyspace;
        keyspace.write(0, b"text", |slot| slot.set(New::string(b"hello"), Expiry::Clear));
        let text = harness.run("DEBUG OBJECT text");
        assert!(text.contains(" encoding:embstr serializedlength:6 "), "{text}");
        assert_eq!(harness.run("DEBUG OBJECT nosuch"), "-ERR no such key\r\n");
    }

    /// As redis-server 7.0.15 says with `rdbcompression no`.
    #[test]
    fn integers_are_serialized_in_the_fewest_bytes() {
        let len = |number: i64| serialized_len(Value::String(Text::Integer(number)));
        assert_eq!([0, 127, -127, 128, 32_767].map(len), [2, 2, 2, 3, 3]);
        assert_eq!([32_768, i64::from(i32::MAX), 1 << 31].map(len), [5, 5, 11]);
        let text = |len: usize| serialized_len(Value::String(Text::Plain(&vec![b'v'; len])));
        assert_eq!([0, 63, 64, 16_383, 16_384].map(text), [1, 64, 66, 16_385, 16_389]);
    }

    #[test]
    fn active_expiry_is_turned_off_and_on() {
        let mut harness = harness("yes");
        for (word, active) in [("0", false), ("1", true), ("x", false), ("2", true)] {
            assert_eq!(harness.run(&format!("DEBUG SET-ACTIVE-EXPIRE {word}")), "+OK\r\n");
            let set = harness.worker.instance.active_expiry.load(Ordering::Relaxed);
            assert_eq!(set, active, "{word}");
        }
    }

    #[test]
    fn the_rest_answers_as_redis_does() {
        let mut harness = harness("yes");
        assert_eq!(harness.run("DEBUG ERROR my-error"), "-my-error\r\n");
        assert_eq!(harness.run("DEBUG LOG hello"), "+OK\r\n");
        assert_eq!(harness.run("DEBUG SLEEP 0.001"), "+OK\r\n");
        assert_eq!(harness.run("DEBUG SLEEP -1"), "+OK\r\n");
        assert_eq!(harness.run("DEBUG SLEEP a"), "+OK\r\n");
        assert_eq!(
            harness.run_words(&["DEBUG", "nosuch\0x"]),
            "-ERR unknown subcommand or wrong number of arguments for 'nosuch'. Try DEBUG HELP.\r\n"
        );
        for words in ["nosuch", "SLEEP", "OBJECT", "OBJECT a b"] {
            let name = words.split(' ').next().unwrap();
            assert_eq!(
                harness.run(&format!("DEBUG {words}")),
                format!(
                    "-ERR unknown subcommand or wrong number of arguments for '{name}'. \
                     Try DEBUG HELP.\r\n"
                )
            );
        }
        assert!(harness.run("DEBUG HELP").starts_with("*17\r\n+DEBUG <subcommand> [<arg>"));
    }
}
