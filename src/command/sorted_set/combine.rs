//! Several sorted sets at once: what they have in common, together, or one without the others. Sets
//! may stand among them; all of their members have the score 1.

use std::cmp::Ordering;

use ahash::AHashMap;

use super::{READ, WITHSCORES, WRITE, begin_members, limits, reply_member, store};
use crate::command::options::{integer, is};
use crate::command::{Argument, Call, Command, Error, Flags, Group, KeySpec, Kind};
use crate::number::parse_f64;
use crate::resp::Args;
use crate::store::{Collection, Set, SortedSet, Text, Value};

const SOURCES: &[KeySpec] = &[KeySpec::counted(1, KeySpec::READ)];
const STORED: &[KeySpec] = &[KeySpec::one(&["OW", "update"]), KeySpec::counted(2, KeySpec::READ)];

const NUMKEYS: Argument = Argument::integer("numkeys");
const DESTINATION: Argument = Argument::new("destination", Kind::Key(0));
const STORED_KEYS: Argument = Argument::new("key", Kind::Key(1)).multiple();
const WEIGHTS: Argument = Argument::integer("weight").token("WEIGHTS").optional().multiple();
const AGGREGATE: Argument = Argument::one_of(
    "aggregate",
    &[Argument::word("sum", "SUM"), Argument::word("min", "MIN"), Argument::word("max", "MAX")],
)
.token("AGGREGATE")
.optional();

const OF_INTERSECTION: &str = "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, \
                               K being the number of input sorted sets and M being the number of \
                               elements in the resulting sorted set.";
const OF_DIFFERENCE: &str = "O(L + (N-K)log(N)) worst case where L is the total number of elements in \
                             all the sets, N is the size of the first set, and K is the size of the \
                             result set.";

pub(super) static ZUNION: Command = Command {
    name: "zunion",
    arity: -3,
    flags: READ,
    keys: SOURCES,
    group: Group::SortedSet,
    since: "6.2.0",
    complexity: "O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted sets, and M \
                 being the number of elements in the resulting sorted set.",
    summary: "Returns the members that any of the sorted sets has.",
    arguments: &[NUMKEYS, Argument::key().multiple(), WEIGHTS, AGGREGATE, WITHSCORES.optional()],
    run: |call| answer(call, union, Options::WEIGHED.and_scores()),
    ..Command::BASE
};

pub(super) static ZUNIONSTORE: Command = Command {
    name: "zunionstore",
    arity: -4,
    flags: WRITE.and(Flags::DENYOOM),
    keys: STORED,
    group: Group::SortedSet,
    since: "2.0.0",
    complexity: "O(N)+O(M log(M)) with N being the sum of the sizes of the input sorted sets, and M \
                 being the number of elements in the resulting sorted set.",
    summary: "Stores the members that any of the sorted sets has; returns how many they are.",
    arguments: &[DESTINATION, NUMKEYS, STORED_KEYS, WEIGHTS, AGGREGATE],
    run: |call| store_combined(call, union, Options::WEIGHED),
    ..Command::BASE
};

pub(super) static ZINTER: Command = Command {
    name: "zinter",
    arity: -3,
    flags: READ,
    keys: SOURCES,
    group: Group::SortedSet,
    since: "6.2.0",
    complexity: OF_INTERSECTION,
    summary: "Returns the members that all of the sorted sets have.",
    arguments: &[NUMKEYS, Argument::key().multiple(), WEIGHTS, AGGREGATE, WITHSCORES.optional()],
    run: |call| answer(call, intersection, Options::WEIGHED.and_scores()),
    ..Command::BASE
};

pub(super) static ZINTERSTORE: Command = Command {
    name: "zinterstore",
    arity: -4,
    flags: WRITE.and(Flags::DENYOOM),
    keys: STORED,
    group: Group::SortedSet,
    since: "2.0.0",
    complexity: OF_INTERSECTION,
    summary: "Stores the members that all of the sorted sets have; returns how many they are.",
    arguments: &[DESTINATION, NUMKEYS, STORED_KEYS, WEIGHTS, AGGREGATE],
    run: |call| store_combined(call, intersection, Options::WEIGHED),
    ..Command::BASE
};

pub(super) static ZINTERCARD: Command = Command {
    name: "zintercard",
    arity: -3,
    flags: READ,
    keys: SOURCES,
    group: Group::SortedSet,
    since: "7.0.0",
    complexity: "O(N*K) worst case with N being the smallest input sorted set, K being the number of \
                 input sorted sets.",
    summary: "Counts the members that all of the sorted sets have, up to a limit.",
    arguments: &[
        NUMKEYS,
        Argument::key().multiple(),
        Argument::integer("limit").token("LIMIT").optional(),
    ],
    run: zintercard,
    ..Command::BASE
};

fn zintercard(call: &mut Call<'_>) -> Result<(), Error> {
    let request = Request::read(call, 1, Options::LIMITED)?;
    let limit = if request.limit == 0 { usize::MAX } else { request.limit };
    let mut card = 0;
    common(&request, |_, _| {
        card += 1;
        card < limit
    });
    call.reply.integer(card as i64);
    Ok(())
}

pub(super) static ZDIFF: Command = Command {
    name: "zdiff",
    arity: -3,
    flags: READ,
    keys: SOURCES,
    group: Group::SortedSet,
    since: "6.2.0",
    complexity: OF_DIFFERENCE,
    summary: "Returns the members of the first sorted set that none of the others has.",
    arguments: &[NUMKEYS, Argument::key().multiple(), WITHSCORES.optional()],
    run: |call| answer(call, difference, Options::NONE.and_scores()),
    ..Command::BASE
};

pub(super) static ZDIFFSTORE: Command = Command {
    name: "zdiffstore",
    arity: -4,
    flags: WRITE.and(Flags::DENYOOM),
    keys: STORED,
    group: Group::SortedSet,
    since: "6.2.0",
    complexity: OF_DIFFERENCE,
    summary: "Stores the members of the first sorted set that none of the others has; returns how many \
              they are.",
    arguments: &[DESTINATION, NUMKEYS, STORED_KEYS],
    run: |call| store_combined(call, difference, Options::NONE),
    ..Command::BASE
};

/// Members with their scores, in no order.
type Combined = Vec<(Box<[u8]>, f64)>;
type Combine = fn(&Request<'_>) -> Combined;

fn answer(call: &mut Call<'_>, combine: Combine, options: Options) -> Result<(), Error> {
    let request = Request::read(call, 1, options)?;
    let with_scores = request.with_scores;
    let mut members = combine(&request);
    members.sort_unstable_by(|(a, x), (b, y)| {
        x.partial_cmp(y).unwrap_or(Ordering::Equal).then_with(|| a.cmp(b))
    });
    begin_members(&mut call.reply, members.len(), with_scores);
    for (member, score) in &members {
        reply_member(&mut call.reply, Text::Plain(member), *score, with_scores);
    }
    Ok(())
}

fn store_combined(call: &mut Call<'_>, combine: Combine, options: Options) -> Result<(), Error> {
    let limits = limits(call);
    let mut set = SortedSet::default();
    for (member, score) in combine(&Request::read(call, 2, options)?) {
        set.update(&member, limits, |_| Some(score));
    }
    store(call, set);
    Ok(())
}

fn union(request: &Request<'_>) -> Combined {
    let mut scores = AHashMap::<Box<[u8]>, f64>::new();
    let mut digits = itoa::Buffer::new();
    for (source, weight) in request.by_size() {
        source.find_map(|member, score| {
            let (member, score) = (member.bytes(&mut digits), number(score * weight));
            match scores.get_mut(member) {
                Some(sum) => *sum = request.aggregate.of(*sum, score),
                None => drop(scores.insert(member.into(), score)),
            }
            None::<()>
        });
    }
    scores.into_iter().collect()
}

fn intersection(request: &Request<'_>) -> Combined {
    let mut members = Combined::new();
    common(request, |member, score| {
        members.push((member.to_vec().into(), score));
        true
    });
    members
}

/// Visits the members that all of the sources have, with their scores, until `see` has enough: goes
/// through the smallest source, and asks the others from the next smallest on.
fn common(request: &Request<'_>, mut see: impl FnMut(Text<'_>, f64) -> bool) {
    let sources = request.by_size();
    let Some(((smallest, weight), others)) = sources.split_first() else { return };
    smallest.find_map(|member, score| {
        let first = number(score * weight);
        let sum = others.iter().try_fold(first, |sum, (source, weight)| {
            Some(request.aggregate.of(sum, source.score(member)? * weight))
        });
        sum.is_some_and(|sum| !see(member, sum)).then_some(())
    });
}

fn difference(request: &Request<'_>) -> Combined {
    let mut members = Combined::new();
    if let Some((first, others)) = request.sources.split_first() {
        first.find_map(|member, score| {
            if !others.iter().any(|source| source.score(member).is_some()) {
                members.push((member.to_vec().into(), score));
            }
            None::<()>
        });
    }
    members
}

/// Zero in the place of no number, which infinities may lead to.
fn number(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// Members that are gone through before it is asked whether there is need of more.
const AT_ONCE: usize = 128;

#[derive(Clone, Copy)]
enum Source<'a> {
    Missing,
    Set(&'a Set),
    SortedSet(&'a SortedSet),
}

impl<'a> Source<'a> {
    fn of(value: Option<Value<'a>>) -> Result<Self, Error> {
        match value {
            None => Ok(Self::Missing),
            Some(Value::Set(set)) => Ok(Self::Set(set)),
            Some(Value::SortedSet(set)) => Ok(Self::SortedSet(set)),
            Some(_) => Err(Error::WrongType),
        }
    }

    fn len(self) -> usize {
        match self {
            Self::Missing => 0,
            Self::Set(set) => set.len(),
            Self::SortedSet(set) => set.len(),
        }
    }

    fn score(self, member: Text<'_>) -> Option<f64> {
        match self {
            Self::Missing => None,
            Self::Set(set) => set.contains(member).then_some(1.0),
            Self::SortedSet(set) => set.score(member.bytes(&mut itoa::Buffer::new())),
        }
    }

    /// Visits members with their scores until `see` returns something.
    fn find_map<R>(self, mut see: impl FnMut(Text<'_>, f64) -> Option<R>) -> Option<R> {
        match self {
            Self::Missing => None,
            Self::Set(set) => set.iter().find_map(|member| see(member, 1.0)),
            Self::SortedSet(set) => (0..set.len()).step_by(AT_ONCE).find_map(|start| {
                let mut found = None;
                set.visit(start..set.len().min(start + AT_ONCE), false, |member, score| {
                    if found.is_none() {
                        found = see(member, score);
                    }
                });
                found
            }),
        }
    }
}

/// Which options a command takes.
#[derive(Clone, Copy)]
struct Options {
    /// WEIGHTS and AGGREGATE.
    weighed: bool,
    limited: bool,
    scores: bool,
}

impl Options {
    const NONE: Self = Self { weighed: false, limited: false, scores: false };
    const WEIGHED: Self = Self { weighed: true, ..Self::NONE };
    const LIMITED: Self = Self { limited: true, ..Self::NONE };

    const fn and_scores(self) -> Self {
        Self { scores: true, ..self }
    }
}

/// `numkeys key [key ...]`, and what the options say.
struct Request<'a> {
    sources: Vec<Source<'a>>,
    /// One for each source.
    weights: Vec<f64>,
    aggregate: Aggregate,
    with_scores: bool,
    /// 0 is none.
    limit: usize,
}

impl<'a> Request<'a> {
    /// Reads the words from the `begin`th on.
    fn read<'k>(
        call: &'k mut Call<'_>,
        begin: usize,
        options: Options,
    ) -> Result<Request<'k>, Error> {
        let count = integer(&call.args[begin])?;
        let count = usize::try_from(count).ok().filter(|count| *count > 0).ok_or_else(|| {
            let name = call.command.name;
            Error::text(format!("at least 1 input key is needed for '{name}' command"))
        })?;
        let (keys, words) = call.args.rest(begin + 1).split(count).ok_or(Error::Syntax)?;
        let values = call.keyspace.read_all(call.session.db, keys.iter()).into_iter();
        let mut request = Request {
            sources: values.map(Source::of).collect::<Result<_, Error>>()?,
            weights: vec![1.0; count],
            aggregate: Aggregate::Sum,
            with_scores: false,
            limit: 0,
        };
        request.parse(words, options)?;
        Ok(request)
    }

    fn parse(&mut self, words: Args<'_>, options: Options) -> Result<(), Error> {
        let mut rest = words;
        while let Some(option) = rest.get(0) {
            rest = rest.rest(1);
            if options.weighed && is(option, "WEIGHTS") && rest.len() >= self.sources.len() {
                for (weight, word) in self.weights.iter_mut().zip(rest.iter()) {
                    let fault = || Error::text("weight value is not a float");
                    *weight = parse_f64(word).ok_or_else(fault)?;
                }
                rest = rest.rest(self.sources.len());
            } else if options.weighed && is(option, "AGGREGATE") && !rest.is_empty() {
                self.aggregate = Aggregate::read(&rest[0])?;
                rest = rest.rest(1);
            } else if options.scores && is(option, "WITHSCORES") {
                self.with_scores = true;
            } else if options.limited && is(option, "LIMIT") && !rest.is_empty() {
                let limit = integer(&rest[0]).ok().and_then(|limit| usize::try_from(limit).ok());
                self.limit = limit.ok_or_else(|| Error::text("LIMIT can't be negative"))?;
                rest = rest.rest(1);
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(())
    }

    /// The sources with their weights, the smallest first: as scores are added in this order, it may
    /// show in the last digits of sums.
    fn by_size(&self) -> Vec<(Source<'a>, f64)> {
        let mut sources: Vec<_> =
            self.sources.iter().copied().zip(self.weights.iter().copied()).collect();
        sources.sort_by_key(|(source, _)| source.len());
        sources
    }
}

/// What becomes of the scores that a member has in several sources.
#[derive(Clone, Copy)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn read(word: &[u8]) -> Result<Self, Error> {
        match word {
            _ if is(word, "SUM") => Ok(Self::Sum),
            _ if is(word, "MIN") => Ok(Self::Min),
            _ if is(word, "MAX") => Ok(Self::Max),
            _ => Err(Error::Syntax),
        }
    }

    fn of(self, before: f64, score: f64) -> f64 {
        match self {
            Self::Sum => number(before + score),
            Self::Min if score < before => score,
            Self::Max if score > before => score,
            Self::Min | Self::Max => before,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::command::harness::Harness;
    use crate::resp::Version;

    /// The members of a reply with scores, as `a1 b2`.
    fn members(harness: &mut Harness, line: &str) -> String {
        let bulks = crate::command::harness::bulks(&harness.run(line));
        bulks.chunks(2).map(<[String]>::concat).collect::<Vec<_>>().join(" ")
    }

    fn three(mut harness: Harness) -> Harness {
        harness.run("ZADD x 1 a 2 b 3 c");
        harness.run("ZADD y 10 b 20 c 30 d");
        harness.run("SADD s c d e");
        harness
    }

    #[test]
    fn members_and_scores_of_all_sources_are_brought_together() {
        for harness in Harness::each_way() {
            let mut harness = three(harness);
            for (line, found) in [
                ("ZUNION 2 x y WITHSCORES", "a1 b12 c23 d30"),
                ("ZUNION 2 x y WEIGHTS 2 0.5 WITHSCORES", "a2 b9 d15 c16"),
                ("ZUNION 3 x y s AGGREGATE MIN WITHSCORES", "a1 c1 d1 e1 b2"),
                ("ZUNION 2 x none AGGREGATE MAX WITHSCORES", "a1 b2 c3"),
                ("ZINTER 2 x y WITHSCORES AGGREGATE max", "b10 c20"),
                ("ZINTER 3 x y s WITHSCORES", "c24"),
                ("ZINTER 2 x none WITHSCORES", ""),
                ("ZINTER 2 x x WITHSCORES", "a2 b4 c6"),
                ("ZDIFF 2 x y WITHSCORES", "a1"),
                ("ZDIFF 2 y s WITHSCORES", "b10"),
                ("ZDIFF 2 s x WITHSCORES", "d1 e1"),
                ("ZDIFF 2 none x WITHSCORES", ""),
            ] {
                assert_eq!(members(&mut harness, line), found, "{line}");
            }
            for (line, reply) in [
                ("ZINTERCARD 2 x y", ":2\r\n"),
                ("ZINTERCARD 2 x y LIMIT 1", ":1\r\n"),
                ("ZINTERCARD 2 x none", ":0\r\n"),
            ] {
                assert_eq!(harness.run(line), reply, "{line}");
            }
            harness.speak(Version::V3);
            assert_eq!(
                harness.run("ZINTER 2 x y WITHSCORES"),
                "*2\r\n*2\r\n$1\r\nb\r\n,12\r\n*2\r\n$1\r\nc\r\n,23\r\n"
            );
        }
    }

    #[test]
    fn what_comes_of_it_may_be_stored() {
        for harness in Harness::each_way() {
            let mut harness = three(harness);
            assert_eq!(harness.run("ZUNIONSTORE x 2 x y WEIGHTS 1 2"), ":4\r\n");
            assert_eq!(members(&mut harness, "ZRANGE x 0 -1 WITHSCORES"), "a1 b22 c43 d60");
            assert_eq!(harness.run("ZINTERSTORE s 2 s y"), ":2\r\n");
            assert_eq!(members(&mut harness, "ZRANGE s 0 -1 WITHSCORES"), "c21 d31");
            assert_eq!(harness.run("ZDIFFSTORE y 2 x s"), ":2\r\n");
            assert_eq!(members(&mut harness, "ZRANGE y 0 -1 WITHSCORES"), "a1 b22");
            assert_eq!(harness.run("ZINTERSTORE y 2 x none"), ":0\r\n");
            assert_eq!(harness.run("EXISTS y"), ":0\r\n");
        }
    }

    #[test]
    fn infinities_never_lead_to_no_number() {
        let mut harness = Harness::new();
        harness.run("ZADD up inf a");
        harness.run("ZADD down -inf a");
        assert_eq!(members(&mut harness, "ZUNION 2 up down WITHSCORES"), "a0");
        assert_eq!(members(&mut harness, "ZINTER 1 up WEIGHTS 0 WITHSCORES"), "a0");
    }

    /// The replies of redis-server 7.0.15.
    #[test]
    fn faults_are_reported_in_redis_words() {
        let mut harness = three(Harness::new());
        harness.run("SET string v");
        for (line, error) in [
            ("ZUNION x a", "ERR value is not an integer or out of range"),
            ("ZUNION 0 a", "ERR at least 1 input key is needed for 'zunion' command"),
            ("ZUNIONSTORE d -1 a", "ERR at least 1 input key is needed for 'zunionstore' command"),
            ("ZUNION 3 a b", "ERR syntax error"),
            ("ZUNION 9223372036854775807 a b", "ERR syntax error"),
            ("ZUNION 1 x WEIGHTS", "ERR syntax error"),
            ("ZUNION 1 x WEIGHTS a", "ERR weight value is not a float"),
            ("ZUNION 1 x AGGREGATE avg", "ERR syntax error"),
            ("ZUNIONSTORE d 1 x WITHSCORES", "ERR syntax error"),
            ("ZDIFF 1 x AGGREGATE SUM", "ERR syntax error"),
            ("ZINTERCARD 1 x WITHSCORES", "ERR syntax error"),
            ("ZINTERCARD 1 x LIMIT -1", "ERR LIMIT can't be negative"),
            (
                "ZUNION 2 x string WEIGHTS",
                "WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
        ] {
            assert_eq!(harness.run(line), format!("-{error}\r\n"), "{line}");
        }
    }
}
