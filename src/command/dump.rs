//! Values from one server to another: DUMP and RESTORE.

use super::options::{integer, is};
use super::{Argument, Call, Command, Error, Flags, Group, KeySpec, hash, list, set, sorted_set};
use crate::number::parse_f64;
use crate::rdb::{self, Elements, Item, Malformed, Object, Writer};
use crate::resp::Args;
use crate::store::{
    Collection, End, Ends, Expiry, Hash, Limits, List, New, Set, SortedSet, Text, Use, Value,
};

/// The commands of this file, in the order of Redis' documentation.
pub(super) const COMMANDS: &[&Command] = &[&DUMP, &RESTORE];

pub static DUMP: Command = Command {
    name: "dump",
    arity: 2,
    flags: Flags::READONLY,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::Generic,
    since: "2.6.0",
    complexity: "O(1) to access the key and additional O(N*M) to serialize it, where N is the \
                 number of Redis objects composing the value and M their average size. For small \
                 string values the time complexity is thus O(1)+O(1*M) where M is small, so simply \
                 O(1).",
    summary: "Returns the value of a key in the form that RESTORE takes.",
    arguments: &[Argument::key()],
    tips: &["nondeterministic_output"],
    run: dump,
    ..Command::BASE
};

fn dump(call: &mut Call<'_>) -> Result<(), Error> {
    match call.keyspace.read(call.session.db, &call.args[1]) {
        Some(value) => call.reply.bulk(&payload(value)),
        None => call.reply.null(),
    }
    Ok(())
}

fn payload(value: Value<'_>) -> Vec<u8> {
    match value {
        Value::String(text) => {
            let mut writer = Writer::string();
            write(&mut writer, text);
            writer.finish()
        }
        Value::List(list) => {
            let mut writer = Writer::list(list.len());
            list.for_each(0..list.len(), |element| write(&mut writer, element));
            writer.finish()
        }
        Value::Set(set) => {
            let mut writer = Writer::set(set.len());
            set.iter().for_each(|member| write(&mut writer, member));
            writer.finish()
        }
        Value::Hash(hash) => {
            let mut writer = Writer::hash(hash.len());
            hash.for_each(|field, value| {
                write(&mut writer, field);
                write(&mut writer, value);
            });
            writer.finish()
        }
        Value::SortedSet(set) => {
            let mut writer = Writer::sorted_set(set.len());
            set.for_each(|member, score| {
                write(&mut writer, member);
                writer.score(score);
            });
            writer.finish()
        }
    }
}

fn write(writer: &mut Writer, text: Text<'_>) {
    match text {
        Text::Integer(number) => writer.integer(number),
        Text::Plain(text) | Text::Raw(text) => writer.text(text),
        Text::Shared(text) => writer.text(text),
    }
}

pub static RESTORE: Command = Command {
    name: "restore",
    arity: -4,
    flags: Flags::WRITE.and(Flags::DENYOOM),
    keys: &[KeySpec::one(&["OW", "update"])],
    group: Group::Generic,
    since: "2.6.0",
    history: &[
        ("3.0.0", "Added the `REPLACE` modifier."),
        ("5.0.0", "Added the `ABSTTL` modifier."),
        ("5.0.0", "Added the `IDLETIME` and `FREQ` options."),
    ],
    complexity: "O(1) to create the new key and additional O(N*M) to reconstruct the serialized \
                 value, where N is the number of Redis objects composing the value and M their \
                 average size. For small string values the time complexity is thus O(1)+O(1*M) \
                 where M is small, so simply O(1). However for sorted set values the complexity is \
                 O(N*M*log(N)) because inserting values into sorted sets is O(log(N)).",
    summary: "Gives a key the value that DUMP returned.",
    arguments: &[
        Argument::key(),
        Argument::integer("ttl"),
        Argument::string("serialized-value"),
        Argument::word("replace", "REPLACE").since("3.0.0").optional(),
        Argument::word("absttl", "ABSTTL").since("5.0.0").optional(),
        Argument::integer("seconds").token("IDLETIME").since("5.0.0").optional(),
        Argument::integer("frequency").token("FREQ").since("5.0.0").optional(),
    ],
    categories: &["dangerous"],
    run: restore,
    ..Command::BASE
};

fn restore(call: &mut Call<'_>) -> Result<(), Error> {
    let options = RestoreOptions::parse(call.args.rest(4))?;
    let (db, key) = (call.session.db, &call.args[1]);
    if !options.replace && call.keyspace.peek(db, key).is_some() {
        return Err(Error::Other(b"BUSYKEY Target key name already exists.".into()));
    }
    let now = call.now.unix_ms() as i64;
    let ends = match integer(&call.args[2])? {
        ..0 => return Err(Error::text("Invalid TTL value, must be >= 0")),
        0 => None,
        at if options.absolute => Some(at),
        // As in Redis, what is too far ahead is past.
        ttl => Some(ttl.wrapping_add(now)),
    };
    let body = rdb::open(&call.args[3])
        .ok_or_else(|| Error::text("DUMP payload version or checksum are wrong"))?;
    let (mut object, mut digits) = (rdb::read(body)?, itoa::Buffer::new());
    let value = value(call, &mut object, &mut digits)?;
    call.keyspace.write(db, key, |slot| match ends {
        Some(at) if at <= now => {
            slot.remove();
        }
        Some(at) => slot.set(value, Expiry::At(at as u64)),
        None => slot.set(value, Expiry::Clear),
    });
    if let Some(last_use) = options.last_use {
        call.keyspace.set_use(db, key, last_use);
    }
    call.reply.ok();
    Ok(())
}

impl From<Malformed> for Error {
    fn from(_: Malformed) -> Self {
        Self::text("Bad data format")
    }
}

#[derive(Default)]
struct RestoreOptions {
    replace: bool,
    /// The time to live is a moment.
    absolute: bool,
    last_use: Option<Use>,
}

impl RestoreOptions {
    fn parse(options: Args<'_>) -> Result<Self, Error> {
        let mut parsed = Self::default();
        let mut words = options.iter();
        while let Some(word) = words.next() {
            if is(word, "REPLACE") {
                parsed.replace = true;
            } else if is(word, "ABSTTL") {
                parsed.absolute = true;
            } else if is(word, "IDLETIME") && !matches!(parsed.last_use, Some(Use::Frequency(_))) {
                let seconds = integer(words.next().ok_or(Error::Syntax)?)?;
                let seconds = u64::try_from(seconds)
                    .map_err(|_| Error::text("Invalid IDLETIME value, must be >= 0"))?;
                parsed.last_use = Some(Use::SecondsAgo(seconds));
            } else if is(word, "FREQ") && !matches!(parsed.last_use, Some(Use::SecondsAgo(_))) {
                let frequency = integer(words.next().ok_or(Error::Syntax)?)?;
                let frequency = u8::try_from(frequency)
                    .map_err(|_| Error::text("Invalid FREQ value, must be >= 0 and <= 255"))?;
                parsed.last_use = Some(Use::Frequency(frequency));
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(parsed)
    }
}

/// What an object is to the store. No collection is empty, and none has the same member twice.
fn value<'a>(
    call: &Call<'_>,
    object: &'a mut Object,
    digits: &'a mut itoa::Buffer,
) -> Result<New<'a>, Malformed> {
    let collection = match object {
        Object::String(item) => return Ok(New::string(item.text(digits)?)),
        Object::List(elements) => read_list(call, elements)?.into_any(),
        Object::Set(elements) => read_set(call, elements)?.into_any(),
        Object::Hash(elements) => read_hash(call, elements)?.into_any(),
        Object::SortedSet(elements) => read_sorted_set(call, elements)?.into_any(),
    };
    Ok(New::Collection(collection))
}

fn read_list(call: &Call<'_>, elements: &mut Elements) -> Result<List, Malformed> {
    let (mut list, size) = (List::default(), list::chunk_size(call));
    while let Some(element) = elements.take()? {
        list.push(End::Right, element.text(&mut itoa::Buffer::new())?, size);
    }
    filled(list)
}

fn read_set(call: &Call<'_>, elements: &mut Elements) -> Result<Set, Malformed> {
    let (mut set, limits) = (Set::default(), set::limits(call));
    while let Some(member) = elements.take()? {
        let is_new = set.add(Text::new(member.text(&mut itoa::Buffer::new())?), limits);
        is_new.then_some(()).ok_or(Malformed)?;
    }
    filled(set)
}

fn read_hash(call: &Call<'_>, elements: &mut Elements) -> Result<Hash, Malformed> {
    let (mut hash, limits) = (Hash::default(), hash::limits(call));
    let mut digits = [itoa::Buffer::new(), itoa::Buffer::new()];
    while let Some(field) = elements.take()? {
        let value = elements.partner()?;
        let [one, other] = &mut digits;
        let is_new = hash.set(field.text(one)?, value.text(other)?, Ends::Never, limits);
        is_new.then_some(()).ok_or(Malformed)?;
    }
    filled(hash)
}

fn read_sorted_set(call: &Call<'_>, elements: &mut Elements) -> Result<SortedSet, Malformed> {
    let (mut set, mut limits) = (SortedSet::default(), sorted_set::limits(call));
    // What will be large is so from the start: while it is small, -0 is kept as 0.
    if !fits(elements.clone(), limits)? {
        limits.entries = 0;
    }
    while let Some(member) = elements.take()? {
        let score = score(&elements.partner()?).ok_or(Malformed)?;
        let mut digits = itoa::Buffer::new();
        let before = set.update(member.text(&mut digits)?, limits, |_| Some(score)).before;
        before.is_none().then_some(()).ok_or(Malformed)?;
    }
    filled(set)
}

/// Whether members, each followed by its score, are within the limits.
fn fits(mut elements: Elements, limits: Limits) -> Result<bool, Malformed> {
    let mut entries = 0;
    while let Some(member) = elements.take()? {
        elements.partner()?;
        entries += 1;
        let len = member.text(&mut itoa::Buffer::new())?.len();
        if entries > limits.entries || len > limits.value {
            return Ok(false);
        }
    }
    Ok(true)
}

fn score(item: &Item) -> Option<f64> {
    match item {
        Item::Double(score) => (!score.is_nan()).then_some(*score),
        Item::Integer(score) => Some(*score as f64),
        Item::Text(score) => parse_f64(score),
    }
}

fn filled<T: Collection>(collection: T) -> Result<T, Malformed> {
    if collection.is_empty() { Err(Malformed) } else { Ok(collection) }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::command::harness::Harness;

    /// Values in each form that the store has for them.
    fn fill(harness: &mut Harness) -> Vec<String> {
        let row = |end: i32| (0..end).map(|n| format!(" {n} m{n}")).collect::<String>();
        for line in [
            "SET integer 12345678901".to_owned(),
            format!("SET long {}", "x".repeat(20_000)),
            format!("RPUSH list{}", row(5)),
            format!("RPUSH long-list{}", row(3000)),
            "SADD integers 1 2 70000".to_owned(),
            format!("SADD set{}", row(300)),
            format!("HSET hash{}", row(5)),
            format!("HSET table{}", row(300)),
            format!("ZADD zset{}", row(5)),
            format!("ZADD ranking{}", row(300)),
        ] {
            assert_ne!(harness.run(&line).as_bytes()[0], b'-');
        }
        let keys = "integer long list long-list integers set hash table zset ranking";
        keys.split(' ').map(str::to_owned).collect()
    }

    fn dumped(harness: &mut Harness, key: &str) -> Vec<u8> {
        harness.look(key, |found| payload(found.value()))
    }

    fn restored(harness: &mut Harness, key: &str, payload: &[u8], rest: &str) -> String {
        let words = [&b"RESTORE"[..], key.as_bytes(), b"0", payload];
        let rest = rest.split(' ').filter(|word| !word.is_empty()).map(str::as_bytes);
        harness.run_words(&words.into_iter().chain(rest).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_dumped_is_restored_in_the_same_form() {
        for mut harness in Harness::each_way() {
            for key in fill(&mut harness) {
                let payload = dumped(&mut harness, &key);
                assert_eq!(restored(&mut harness, "copy", &payload, "REPLACE"), "+OK\r\n", "{key}");
                assert_eq!(harness.encoding("copy"), harness.encoding(&key), "{key}");
                let again = dumped(&mut harness, "copy");
                assert_eq!(again.len(), payload.len(), "{key}");
                assert_eq!(harness.run("DUMP nokey"), "$-1\r\n");
            }
        }
    }

    /// The replies of redis-server 7.0.15.
    #[test]
    fn faults_are_reported_in_the_order_of_redis() {
        let mut harness = Harness::new();
        harness.set("a", "1");
        for (line, reply) in [
            ("b -1 x", "-ERR Invalid TTL value, must be >= 0"),
            ("b 0 x", "-ERR DUMP payload version or checksum are wrong"),
            ("b 0 x FOO", "-ERR syntax error"),
            ("b x x", "-ERR value is not an integer or out of range"),
            ("b 0 x IDLETIME -1", "-ERR Invalid IDLETIME value, must be >= 0"),
            ("b 0 x FREQ 256", "-ERR Invalid FREQ value, must be >= 0 and <= 255"),
            ("b 0 x FREQ x", "-ERR value is not an integer or out of range"),
            ("b 0 x IDLETIME 1 FREQ 1", "-ERR syntax error"),
            ("b 0 x FREQ 1 IDLETIME 1", "-ERR syntax error"),
            ("b 0 x IDLETIME", "-ERR syntax error"),
            ("a -1 x", "-BUSYKEY Target key name already exists."),
            ("a 0 x IDLETIME x", "-ERR value is not an integer or out of range"),
        ] {
            assert_eq!(harness.run(&format!("RESTORE {line}")), format!("{reply}\r\n"), "{line}");
        }
        let mut empty = Writer::list(0).finish();
        assert_eq!(restored(&mut harness, "b", &empty, ""), "-ERR Bad data format\r\n");
        empty[0] ^= 1;
        let checksum = "-ERR DUMP payload version or checksum are wrong\r\n";
        assert_eq!(restored(&mut harness, "b", &empty, ""), checksum);
        assert_eq!((harness.len(0), harness.get("a").as_deref()), (1, Some("1")));
    }

    #[test]
    fn a_member_twice_or_a_score_that_is_no_number_is_bad_data() {
        let mut harness = Harness::new();
        let mut set = Writer::set(2);
        let mut hash = Writer::hash(2);
        let mut sorted_set = Writer::sorted_set(2);
        let mut nan = Writer::sorted_set(1);
        for number in [7, 7] {
            set.integer(number);
            hash.integer(number);
            hash.text(b"v");
            sorted_set.integer(number);
            sorted_set.score(1.0);
        }
        nan.text(b"m");
        nan.score(f64::NAN);
        for writer in [set, hash, sorted_set, nan] {
            let reply = restored(&mut harness, "k", &writer.finish(), "");
            assert_eq!(reply, "-ERR Bad data format\r\n");
        }
        assert_eq!(harness.len(0), 0);
    }

    /// As by redis-server 7.0.15: only a small sorted set knows no -0.
    #[test]
    fn a_negative_zero_is_restored_if_the_set_is_large() {
        for (len, score) in [(64, "0"), (65, "-0")] {
            let mut harness = Harness::new();
            let mut writer = Writer::sorted_set(2);
            for (member, score) in [("a".to_owned(), -0.0), ("b".repeat(len), 1.0)] {
                writer.text(member.as_bytes());
                writer.score(score);
            }
            assert_eq!(restored(&mut harness, "k", &writer.finish(), ""), "+OK\r\n");
            let reply = format!("${}\r\n{score}\r\n", score.len());
            assert_eq!(harness.run("ZSCORE k a"), reply);
            let again = dumped(&mut harness, "k");
            assert_eq!(restored(&mut harness, "k", &again, "REPLACE"), "+OK\r\n");
            assert_eq!(harness.run("ZSCORE k a"), reply);
        }
    }

    #[test]
    fn a_time_to_live_is_counted_from_now_or_from_the_epoch() {
        let mut harness = Harness::new();
        harness.set("a", "1");
        let payload = dumped(&mut harness, "a");
        let now = harness.now.unix_ms();
        let mut restore = |ttl: &str, rest: &[&[u8]]| {
            let words = [&[&b"RESTORE"[..], b"b", ttl.as_bytes(), &payload, b"REPLACE"], rest];
            assert_eq!(harness.run_words(&words.concat()), "+OK\r\n");
            (harness.run("EXISTS b") == ":1\r\n").then(|| harness.expiry("b"))
        };
        assert_eq!(restore("0", &[]), Some(None));
        assert_eq!(restore("5000", &[]), Some(Some(now + 5000)));
        assert_eq!(restore(&(now + 1).to_string(), &[b"absttl"]), Some(Some(now + 1)));
        assert_eq!(restore("1", &[b"ABSTTL"]), None);
        assert_eq!(restore("9223372036854775807", &[]), None);
    }

    #[test]
    fn the_last_use_is_restored_where_the_policy_keeps_it() {
        let mut harness = Harness::new();
        harness.set("a", "1");
        let payload = dumped(&mut harness, "a");
        restored(&mut harness, "b", &payload, "IDLETIME 1000");
        assert_eq!(harness.run("OBJECT IDLETIME b"), ":1000\r\n");
        restored(&mut harness, "b", &payload, "REPLACE FREQ 77");
        assert_eq!(harness.run("OBJECT IDLETIME b"), ":0\r\n");
        restored(&mut harness, "b", &payload, "REPLACE IDLETIME 9223372036854775807");
        assert!(harness.look("b", |found| found.idle_s()) > 16_000_000);
        harness.run("CONFIG SET maxmemory-policy allkeys-lfu");
        restored(&mut harness, "b", &payload, "REPLACE FREQ 77");
        assert_eq!(harness.run("OBJECT FREQ b"), ":77\r\n");
    }

    static PAYLOADS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
        let mut harness = Harness::new();
        fill(&mut harness).iter().map(|key| dumped(&mut harness, key)).collect()
    });

    proptest! {
        /// Whoever forges the checksum as well gets a value that can be dumped, or an error.
        #[test]
        fn forged_payloads_do_no_harm(
            object in prop::sample::select(&[0, 1, 2, 4, 5, 11, 16, 17, 18, 20][..]),
            key in 0..10_usize,
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        ) {
            let mut harness = Harness::new();
            let mut body = rdb::open(&PAYLOADS[key]).expect("it is whole").to_vec();
            if changes.len() % 2 == 0 {
                body[0] = object;
            }
            for (at, byte) in changes {
                // Most of what there is to be forged stands in the beginning.
                let end = body.len().min(64);
                body[at.index(end)] = byte;
            }
            rdb::seal(&mut body);
            match &*restored(&mut harness, "forged", &body, "") {
                "+OK\r\n" => {
                    let payload = dumped(&mut harness, "forged");
                    prop_assert_eq!(restored(&mut harness, "again", &payload, ""), "+OK\r\n");
                    prop_assert_eq!(dumped(&mut harness, "again").len(), payload.len());
                }
                reply => prop_assert_eq!(reply, "-ERR Bad data format\r\n"),
            }
        }
    }
}
