//! SORT and SORT_RO: the elements of a list or set in order, or what other keys say of them.

use std::cmp::Ordering;
use std::ops::Range;

use super::list::chunk_size;
use super::options::{integer, is};
use super::string::reply_text;
use super::{Argument, Call, Command, Error, Flags, Group, KeySpec, Kind};
use crate::number::parse_weight;
use crate::resp::Args;
use crate::store::{ChunkSize, Collection, End, Keyspace, List, Text, Value};

/// The commands of this file, in the order of Redis' documentation.
pub(super) const COMMANDS: &[&Command] = &[&SORT, &SORT_RO];

const COMPLEXITY: &str = "O(N+M*log(M)) where N is the number of elements in the list or set to sort, \
                          and M the number of returned elements. When the elements are not sorted, \
                          complexity is O(N).";
const CATEGORIES: &[&str] = &["set", "sortedset", "list", "dangerous"];
const WEIGHTS: KeySpec = KeySpec::unknown(|_| None, KeySpec::READ).notes(
    "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the \
     content of the key we sort",
);
const BY: Argument = Argument::new("pattern", Kind::KeyPattern(1)).token("BY").optional();
const LIMIT: Argument =
    Argument::block("offset_count", &[Argument::integer("offset"), Argument::integer("count")])
        .token("LIMIT")
        .optional();
const GET: Argument =
    Argument::new("pattern", Kind::KeyPattern(1)).token("GET").optional().multiple_with_token();
const ORDER: Argument =
    Argument::one_of("order", &[Argument::word("asc", "ASC"), Argument::word("desc", "DESC")])
        .optional();
const SORTING: Argument = Argument::word("sorting", "ALPHA").optional();

pub static SORT: Command = Command {
    name: "sort",
    arity: -2,
    flags: Flags::WRITE.and(Flags::DENYOOM),
    keys: &[
        KeySpec::one(KeySpec::READ),
        WEIGHTS,
        KeySpec::unknown(destination, &["OW", "update"]).notes(
            "For the optional STORE keyword. It is marked 'unknown' because the keyword can appear \
             anywhere in the argument array",
        ),
    ],
    group: Group::Generic,
    complexity: COMPLEXITY,
    summary: "Returns the elements of a list, set or sorted set in order, or stores them as a list.",
    arguments: &[
        Argument::key(),
        BY,
        LIMIT,
        GET,
        ORDER,
        SORTING,
        Argument::new("destination", Kind::Key(2)).token("STORE").optional(),
    ],
    categories: CATEGORIES,
    run: |call| sort(call, true),
    ..Command::BASE
};

pub static SORT_RO: Command = Command {
    name: "sort_ro",
    arity: -2,
    flags: Flags::READONLY,
    keys: &[KeySpec::one(KeySpec::READ), WEIGHTS],
    group: Group::Generic,
    since: "7.0.0",
    complexity: COMPLEXITY,
    summary: "Returns the elements of a list, set or sorted set in order.",
    arguments: &[Argument::key(), BY, LIMIT, GET, ORDER, SORTING],
    categories: CATEGORIES,
    run: |call| sort(call, false),
    ..Command::BASE
};

fn sort(call: &mut Call<'_>, may_store: bool) -> Result<(), Error> {
    let (db, key, size) = (call.session.db, &call.args[1], chunk_size(call));
    let mut options = SortOptions::parse(call.args.rest(2), may_store)?;
    if options.names_keys() {
        // Which keys they are, the elements say.
        call.keyspace.exclude();
    }
    // Counts as an access, and lets the time of the key be over; then several keys are seen at once.
    call.keyspace.read(db, key);
    let keyspace = Keys { keyspace: call.keyspace, db };
    let value = keyspace.keyspace.view(db, key);
    if matches!(value, Some(Value::Set(_))) && options.store.is_some() && !options.is_sorting() {
        // What is stored has an order, though the set has none.
        (options.by, options.alpha) = (None, true);
    }
    let mut elements = elements(value)?;
    if matches!(value, Some(Value::SortedSet(_))) && !options.is_sorting() && options.descending {
        // Of all types only this one has an order of its own that can be turned round.
        elements.reverse();
    }
    let elements = options.sorted(&keyspace, elements)?;
    let answers: Vec<Option<Text<'_>>> = if options.get.is_empty() {
        elements.into_iter().map(Some).collect()
    } else {
        let patterns = &options.get;
        let look_up = |element| patterns.iter().map(move |pattern| (pattern, element));
        let pairs = elements.into_iter().flat_map(look_up);
        pairs.map(|(pattern, element)| pattern.look_up(&keyspace, element)).collect()
    };
    if let Some(destination) = options.store {
        let list = list(&answers, size);
        call.reply.integer(list.len() as i64);
        call.keyspace.write(db, destination, |slot| slot.replace(list));
        return Ok(());
    }
    call.reply.array(answers.len());
    for answer in answers {
        match answer {
            Some(text) => reply_text(&mut call.reply, text),
            None => call.reply.null(),
        }
    }
    Ok(())
}

/// What STORE stores: nothing is an empty element.
fn list(answers: &[Option<Text<'_>>], size: ChunkSize) -> List {
    let mut list = List::default();
    for answer in answers {
        let text = answer.unwrap_or(Text::Plain(b""));
        list.push(End::Right, text.bytes(&mut itoa::Buffer::new()), size);
    }
    list
}

/// What can be sorted: the elements in their own order.
fn elements(value: Option<Value<'_>>) -> Result<Vec<Text<'_>>, Error> {
    match value {
        None => Ok(Vec::new()),
        Some(Value::List(list)) => {
            let mut elements = Vec::with_capacity(list.len());
            list.for_each(0..list.len(), |element| elements.push(element));
            Ok(elements)
        }
        Some(Value::Set(set)) => Ok(set.iter().collect()),
        Some(Value::SortedSet(set)) => {
            let mut elements = Vec::with_capacity(set.len());
            set.for_each(|member, _| elements.push(member));
            Ok(elements)
        }
        Some(_) => Err(Error::WrongType),
    }
}

/// The word that names the key to store to: the one behind the last STORE.
fn destination(args: Args<'_>) -> Option<usize> {
    let (mut found, mut at) = (None, 2);
    while let Some(word) = args.get(at) {
        if is(word, "LIMIT") {
            at += 2;
        } else if is(word, "GET") || is(word, "BY") {
            at += 1;
        } else if is(word, "STORE") && at + 1 < args.len() {
            found = Some(at + 1);
            at += 1;
        }
        at += 1;
    }
    found
}

/// The keys of one database, any number of them seen at once.
struct Keys<'a> {
    keyspace: &'a Keyspace,
    db: usize,
}

#[derive(Default)]
struct SortOptions<'a> {
    by: Option<Pattern<'a>>,
    get: Vec<Pattern<'a>>,
    /// Offset and count.
    limit: Option<(i64, i64)>,
    descending: bool,
    alpha: bool,
    store: Option<&'a [u8]>,
}

impl<'a> SortOptions<'a> {
    fn parse(options: Args<'a>, may_store: bool) -> Result<Self, Error> {
        let mut parsed = Self::default();
        let mut words = options.iter();
        while let Some(word) = words.next() {
            if is(word, "ASC") {
                parsed.descending = false;
            } else if is(word, "DESC") {
                parsed.descending = true;
            } else if is(word, "ALPHA") {
                parsed.alpha = true;
            } else if is(word, "LIMIT") {
                let (offset, count) = (words.next(), words.next().ok_or(Error::Syntax)?);
                parsed.limit = Some((integer(offset.unwrap_or_default())?, integer(count)?));
            } else if is(word, "STORE") && may_store {
                parsed.store = Some(words.next().ok_or(Error::Syntax)?);
            } else if is(word, "BY") {
                parsed.by = Some(Pattern::new(words.next().ok_or(Error::Syntax)?));
            } else if is(word, "GET") {
                parsed.get.push(Pattern::new(words.next().ok_or(Error::Syntax)?));
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(parsed)
    }

    fn names_keys(&self) -> bool {
        self.by.iter().chain(&self.get).any(|pattern| matches!(pattern, Pattern::Keys { .. }))
    }

    /// BY a pattern that names no keys leaves the elements in their own order.
    fn is_sorting(&self) -> bool {
        matches!(self.by, None | Some(Pattern::Keys { .. }))
    }

    /// The elements that LIMIT asks for, in order.
    fn sorted<'s>(
        &self,
        keys: &'s Keys<'_>,
        elements: Vec<Text<'s>>,
    ) -> Result<Vec<Text<'s>>, Error> {
        let range = self.range(elements.len());
        if !self.is_sorting() {
            return Ok(elements[range].to_vec());
        }
        let items: Option<Vec<_>> =
            elements.into_iter().map(|element| self.weighed(keys, element)).collect();
        let no_number = || Error::text("One or more scores can't be converted into double");
        let mut items = items.ok_or_else(no_number)?;
        let compare = |one: &Item<'_>, other: &Item<'_>| match self.descending {
            false => one.compare(other),
            true => other.compare(one),
        };
        // Only what is asked for is put in order.
        if range.end < items.len() {
            items.select_nth_unstable_by(range.end, compare);
            items.truncate(range.end);
        }
        if (1..items.len()).contains(&range.start) {
            items.select_nth_unstable_by(range.start, compare);
        }
        items.drain(..range.start);
        items.sort_unstable_by(compare);
        Ok(items.into_iter().map(|item| item.element).collect())
    }

    fn range(&self, len: usize) -> Range<usize> {
        let Some((offset, count)) = self.limit else { return 0..len };
        let start = usize::try_from(offset).unwrap_or(0).min(len);
        // A negative count is no limit.
        let count = usize::try_from(count).unwrap_or(len);
        start..start.saturating_add(count).min(len)
    }

    /// The element with what it is sorted by; None if that should be a number and is none.
    fn weighed<'s>(&self, keys: &'s Keys<'_>, element: Text<'s>) -> Option<Item<'s>> {
        let weight = match &self.by {
            Some(pattern) => pattern.look_up(keys, element),
            None => Some(element),
        };
        let weight = match (weight, self.alpha) {
            (text, true) => Weight::Text(text),
            (None, false) => Weight::Number(0.0),
            (Some(Text::Integer(number)), false) => Weight::Number(number as f64),
            (Some(text), false) => {
                Weight::Number(parse_weight(text.bytes(&mut itoa::Buffer::new()))?)
            }
        };
        Some(Item { element, weight })
    }
}

/// An element about to be sorted.
struct Item<'a> {
    element: Text<'a>,
    weight: Weight<'a>,
}

/// All elements of one request have the same kind.
enum Weight<'a> {
    Number(f64),
    /// Those without one come first.
    Text(Option<Text<'a>>),
}

impl Item<'_> {
    /// Elements of the same weight are in the order of their bytes.
    fn compare(&self, other: &Self) -> Ordering {
        let weights = match (&self.weight, &other.weight) {
            (Weight::Number(one), Weight::Number(other)) => {
                one.partial_cmp(other).unwrap_or(Ordering::Equal)
            }
            (Weight::Text(Some(one)), Weight::Text(Some(other))) => compare(*one, *other),
            (Weight::Text(one), Weight::Text(other)) => one.is_some().cmp(&other.is_some()),
            _ => Ordering::Equal,
        };
        weights.then_with(|| compare(self.element, other.element))
    }
}

fn compare(one: Text<'_>, other: Text<'_>) -> Ordering {
    let mut digits = (itoa::Buffer::new(), itoa::Buffer::new());
    one.bytes(&mut digits.0).cmp(other.bytes(&mut digits.1))
}

/// What BY and GET look up for an element.
enum Pattern<'a> {
    /// `#`: the element itself.
    Element,
    /// Without a star, it names no key.
    Nothing,
    /// The element in the place of the star makes the name of a key.
    Keys { before: &'a [u8], behind: &'a [u8], field: Option<&'a [u8]> },
}

impl<'a> Pattern<'a> {
    fn new(pattern: &'a [u8]) -> Self {
        if pattern == b"#" {
            return Self::Element;
        }
        let Some(star) = pattern.iter().position(|byte| *byte == b'*') else {
            return Self::Nothing;
        };
        let (before, behind) = (&pattern[..star], &pattern[star + 1..]);
        let arrow = behind.windows(2).position(|pair| pair == b"->");
        match arrow.map(|arrow| (&behind[..arrow], &behind[arrow + 2..])) {
            Some((behind, field)) if !field.is_empty() => {
                Self::Keys { before, behind, field: Some(field) }
            }
            _ => Self::Keys { before, behind, field: None },
        }
    }

    fn look_up<'s>(&self, keys: &'s Keys<'_>, element: Text<'s>) -> Option<Text<'s>> {
        let (before, behind, field) = match *self {
            Self::Element => return Some(element),
            Self::Nothing => return None,
            Self::Keys { before, behind, field } => (before, behind, field),
        };
        let key = [before, element.bytes(&mut itoa::Buffer::new()), behind].concat();
        match (keys.keyspace.view(keys.db, &key)?, field) {
            (Value::String(text), None) => Some(text),
            (Value::Hash(hash), Some(field)) => hash.get_at(field, keys.keyspace.now_ms()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::command::harness::{Harness, bulks};

    /// The elements that are answered, between commas.
    fn sorted(harness: &mut Harness, line: &str) -> String {
        bulks(&harness.run(line)).join(",")
    }

    /// A key that the handler stores to and that is not found beforehand is not held.
    #[test]
    fn the_destination_may_be_named_as_an_option_is() {
        for mut harness in Harness::each_way() {
            harness.run("RPUSH l 2 1");
            for line in ["SORT l STORE LIMIT STORE d", "SORT l STORE GET STORE BY STORE d"] {
                assert_eq!(harness.run(line), ":2\r\n", "{line}");
                assert_eq!(harness.run("DEL d LIMIT GET BY"), ":1\r\n", "{line}");
            }
        }
    }

    /// The replies of redis-server 7.0.15.
    #[test]
    fn sorted_sets_are_sorted_anew_or_left_by_score() {
        for mut harness in Harness::each_way() {
            harness.run("ZADD z 3 1 2 2 1 10");
            for (options, expected) in [
                ("", "1,2,10"),
                (" DESC", "10,2,1"),
                (" BY nosort", "10,2,1"),
                (" BY nosort DESC", "1,2,10"),
                (" BY nosort LIMIT 1 2", "2,1"),
                (" BY nosort DESC LIMIT 0 2", "1,2"),
            ] {
                assert_eq!(
                    sorted(&mut harness, &format!("SORT z{options}")),
                    expected,
                    "{options}"
                );
            }
        }
    }

    /// The replies of redis-server 7.0.15.
    #[test]
    fn elements_are_sorted_as_numbers_or_texts() {
        for mut harness in Harness::each_way() {
            harness.run("SADD n 3 1 2 -1 10");
            for (options, expected) in [
                ("", "-1,1,2,3,10"),
                (" DESC", "10,3,2,1,-1"),
                (" DESC asc", "-1,1,2,3,10"),
                (" ALPHA", "-1,1,10,2,3"),
                (" LIMIT 1 2", "1,2"),
                (" LIMIT 1 2 DESC", "3,2"),
                (" LIMIT -5 2", "-1,1"),
                (" LIMIT 1 -7", "1,2,3,10"),
                (" LIMIT 4 100", "10"),
                (" LIMIT 10 2", ""),
                (" LIMIT 0 0", ""),
                (" LIMIT 9223372036854775807 9223372036854775807", ""),
                (" GET #", "-1,1,2,3,10"),
                (" BY nosort LIMIT 1 2", "1,2"),
            ] {
                for name in ["SORT", "SORT_RO"] {
                    assert_eq!(
                        sorted(&mut harness, &format!("{name} n{options}")),
                        expected,
                        "{options}"
                    );
                }
            }
            harness.run_words(&["SADD", "e", "", "5", " 7", "0x10", "-inf", "inf"]);
            assert_eq!(sorted(&mut harness, "SORT e"), "-inf,,5, 7,0x10,inf");
            for no_number in ["3 ", "nan", "1e400", "x", "1e-320"] {
                harness.run_words(&["SADD", "e", no_number]);
                let error = "-ERR One or more scores can't be converted into double\r\n";
                assert_eq!(harness.run("SORT e"), error, "{no_number}");
                harness.run_words(&["SREM", "e", no_number]);
            }
            assert_eq!(harness.run("SORT missing"), "*0\r\n");
        }
    }

    /// The replies of redis-server 7.0.15.
    #[test]
    fn other_keys_are_looked_up() {
        for mut harness in Harness::each_way() {
            harness.run("SADD n 1 2 3");
            harness.run("MSET w_1 30 w_2 20 w_3 10 name_1 one name_3 three");
            harness.run("HSET h_1 f 5 name eins");
            harness.run("HSET h_2 f 4");
            harness.run("SET h_3 no-hash");
            for (options, expected) in [
                (" BY w_*", "3,2,1"),
                (" BY w_* DESC", "1,2,3"),
                (" BY w_* GET w_* GET #", "10,3,20,2,30,1"),
                (" BY h_*->f", "3,2,1"), // without a weight it is 0
                (" BY h_*->f GET h_*->name", "eins"),
                (" BY name_* ALPHA", "2,1,3"),
                (" GET name_*", "one,three"),
                (" GET nokey", ""),
                (" BY * DESC", "3,2,1"),
            ] {
                assert_eq!(
                    sorted(&mut harness, &format!("SORT n{options}")),
                    expected,
                    "{options}"
                );
            }
            let null = "*3\r\n$3\r\none\r\n$-1\r\n$5\r\nthree\r\n";
            assert_eq!(harness.run("SORT_RO n GET name_*"), null);
            assert_eq!(harness.run("SORT n GET h_*->"), "*3\r\n$-1\r\n$-1\r\n$-1\r\n");
            harness.run("PEXPIRE name_1 5");
            harness.wait_ms(6);
            assert_eq!(sorted(&mut harness, "SORT n GET name_*"), "three");
        }
    }

    /// The replies of redis-server 7.0.15.
    #[test]
    fn what_is_stored_is_a_list() {
        for mut harness in Harness::each_way() {
            harness.run("RPUSH l 3 1 2 1");
            harness.run("SADD s b a 3");
            harness.set("name_1", "one");
            for (line, len, expected) in [
                ("SORT l STORE out", 4, "1,1,2,3"),
                ("SORT l BY nosort STORE out", 4, "3,1,2,1"),
                ("SORT l DESC LIMIT 1 2 STORE out", 2, "2,1"),
                ("SORT l GET name_* GET # STORE l", 8, "one,1,one,1,,2,,3"),
                ("SORT s BY nosort STORE out", 3, "3,a,b"), // a set has no order that could be kept
                ("SORT s BY nosort DESC STORE s", 3, "b,a,3"),
            ] {
                harness.run("EXPIRE out 100");
                assert_eq!(harness.run(line), format!(":{len}\r\n"), "{line}");
                let key = line.rsplit(' ').next().expect("a destination");
                assert_eq!(sorted(&mut harness, &format!("LRANGE {key} 0 -1")), expected, "{line}");
                assert_eq!(harness.run(&format!("TTL {key}")), ":-1\r\n");
            }
            harness.set("out", "v");
            assert_eq!(harness.run("SORT missing STORE out"), ":0\r\n");
            assert_eq!(harness.run("EXISTS out"), ":0\r\n");
        }
    }

    /// The replies of redis-server 7.0.15.
    #[test]
    fn faults_are_those_of_redis() {
        let mut harness = Harness::new();
        harness.run("SADD s a");
        harness.set("string", "v");
        let integer = "ERR value is not an integer or out of range";
        for (line, error) in [
            ("SORT s", "ERR One or more scores can't be converted into double"),
            ("SORT s LIMIT 0", "ERR syntax error"),
            ("SORT s LIMIT x 1", integer),
            ("SORT s LIMIT 0 x", integer),
            ("SORT string foo", "ERR syntax error"),
            ("SORT s BY", "ERR syntax error"),
            ("SORT s GET", "ERR syntax error"),
            ("SORT s STORE", "ERR syntax error"),
            ("SORT_RO s STORE x", "ERR syntax error"),
            ("SORT string", "WRONGTYPE Operation against a key holding the wrong kind of value"),
        ] {
            assert_eq!(harness.run(line), format!("-{error}\r\n"), "{line}");
        }
    }

    #[test]
    fn the_keys_are_told_before() {
        let mut harness = Harness::new();
        for (request, keys) in [
            ("SORT a STORE b", "a,b"),
            ("SORT a BY STORE STORE c STORE d GET x", "a,d"),
            ("SORT a LIMIT STORE STORE", "a"),
            ("SORT_RO a STORE b", "a"),
        ] {
            let reply = harness.run(&format!("COMMAND GETKEYS {request}"));
            assert_eq!(bulks(&reply).join(","), keys, "{request}");
        }
    }
}
