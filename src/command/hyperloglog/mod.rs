//! HyperLogLogs: strings that count different elements without keeping them.

mod debug;
mod dense;
mod estimate;
mod murmur;
mod sketch;
mod sparse;

use debug::{PFDEBUG, PFSELFTEST};
use sketch::{Form, Register, Sketch, Union, View, raise_dense, remember_count};

use super::string::string;
use super::{Argument, Call, Command, Error, Flags, Group, KeySpec, Kind};
use crate::store::{Expiry, New};

/// The commands of this group, in the order of Redis' documentation.
pub(super) const COMMANDS: &[&Command] = &[&PFADD, &PFCOUNT, &PFDEBUG, &PFMERGE, &PFSELFTEST];

const WRITE: Flags = Flags::WRITE.and(Flags::DENYOOM);

static PFADD: Command = Command {
    name: "pfadd",
    arity: -2,
    flags: WRITE.and(Flags::FAST),
    keys: &[KeySpec::one(&["RW", "insert"])],
    group: Group::HyperLogLog,
    since: "2.8.9",
    complexity: "O(1) to add every element.",
    summary: "Adds elements to a HyperLogLog, which counts those that differ.",
    arguments: &[Argument::key(), Argument::string("element").optional().multiple()],
    run: pfadd,
    ..Command::BASE
};

fn pfadd(call: &mut Call<'_>) -> Result<(), Error> {
    let limit = call.instance.config.hll_sparse_max_bytes.get();
    let args = call.args;
    let registers = || args.iter().skip(2).map(Register::of);
    let changed = call.keyspace.write(call.session.db, &args[1], |slot| {
        let mut digits = itoa::Buffer::new();
        let mut changed = slot.is_vacant();
        let mut sketch = match string(slot.value())? {
            None => Sketch::new(),
            Some(text) => {
                let sketch = View::new(text.bytes(&mut digits))?;
                if sketch.form == Form::Dense {
                    let changes = sketch.would_rise(registers());
                    if changes {
                        slot.edit(0, |bytes| raise_dense(bytes, registers()));
                    }
                    return Ok(changes);
                }
                Sketch::from(sketch)
            }
        };
        for register in registers() {
            changed |= sketch.raise(register, limit)?;
        }
        if changed {
            sketch.forget_count();
            slot.set(New::raw(sketch.bytes()), Expiry::Keep);
        }
        Ok::<_, Error>(changed)
    })?;
    call.reply.integer(changed.into());
    Ok(())
}

static PFCOUNT: Command = Command {
    name: "pfcount",
    arity: -2,
    flags: Flags::READONLY,
    keys: &[KeySpec::all(&["RW", "access"]).notes(
        "RW because it may change the internal representation of the key, and propagate to replicas",
    )],
    group: Group::HyperLogLog,
    since: "2.8.9",
    complexity: "O(1) with a very small average constant time when called with a single key. O(N) \
        with N being the number of keys, and much bigger constant times, when called with multiple \
        keys.",
    summary: "Estimates how many different elements were added to one or more HyperLogLogs.",
    arguments: &[Argument::key().multiple()],
    run: pfcount,
    ..Command::BASE
};

fn pfcount(call: &mut Call<'_>) -> Result<(), Error> {
    let count = match call.args.len() {
        2 => count_one(call)?,
        _ => union(call)?.0.count(),
    };
    call.reply.integer(count as i64);
    Ok(())
}

/// The count of the first key, which keeps it for the next time.
fn count_one(call: &mut Call<'_>) -> Result<u64, Error> {
    let (db, key) = (call.session.db, &call.args[1]);
    let Some(text) = string(call.keyspace.read(db, key))? else { return Ok(0) };
    let mut digits = itoa::Buffer::new();
    let sketch = View::new(text.bytes(&mut digits))?;
    if let Some(count) = sketch.last_count() {
        return Ok(count);
    }
    let count = sketch.count()?;
    call.keyspace.write(db, key, |slot| slot.edit(0, |bytes| remember_count(bytes, count)));
    Ok(count)
}

static PFMERGE: Command = Command {
    name: "pfmerge",
    arity: -2,
    flags: WRITE,
    keys: &[
        KeySpec::one(&["RW", "access", "insert"]),
        KeySpec { begin: 2, ..KeySpec::all(KeySpec::READ) },
    ],
    group: Group::HyperLogLog,
    since: "2.8.9",
    complexity: "O(N) to merge N HyperLogLogs, but with high constant times.",
    summary: "Adds to a HyperLogLog what was added to others.",
    arguments: &[
        Argument::new("destkey", Kind::Key(0)),
        Argument::new("sourcekey", Kind::Key(1)).multiple(),
    ],
    run: pfmerge,
    ..Command::BASE
};

fn pfmerge(call: &mut Call<'_>) -> Result<(), Error> {
    let limit = call.instance.config.hll_sparse_max_bytes.get();
    // The destination is a source as well.
    let (union, form) = union(call)?;
    call.keyspace.write(call.session.db, &call.args[1], |slot| {
        let mut digits = itoa::Buffer::new();
        let mut sketch = match string(slot.value())? {
            Some(text) => View::new(text.bytes(&mut digits))?.into(),
            None => Sketch::new(),
        };
        if form == Form::Dense {
            sketch.make_dense()?;
        }
        for register in union.registers() {
            sketch.raise(register, limit)?;
        }
        sketch.forget_count();
        slot.set(New::raw(sketch.bytes()), Expiry::Keep);
        Ok::<_, Error>(())
    })?;
    call.reply.ok();
    Ok(())
}

/// All keys together, and the form that has room for that: dense if one of them is.
fn union(call: &mut Call<'_>) -> Result<(Union, Form), Error> {
    let (mut union, mut form) = (Union::new(), Form::Sparse);
    for key in call.args.iter().skip(1) {
        let Some(text) = string(call.keyspace.read(call.session.db, key))? else { continue };
        let mut digits = itoa::Buffer::new();
        let sketch = View::new(text.bytes(&mut digits))?;
        union.add(sketch)?;
        if sketch.form == Form::Dense {
            form = Form::Dense;
        }
    }
    Ok((union, form))
}

#[cfg(test)]
mod tests {
    use crate::command::harness::Harness;
    use crate::command::string::string;

    const EMPTY: &[u8] = b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x7f\xff";

    fn bytes(harness: &mut Harness, key: &str) -> Vec<u8> {
        harness.look(key, |found| {
            let text = string(Some(found.value())).ok().flatten();
            text.expect("it is a string").to_vec()
        })
    }

    /// Adds numbers; each batch is one request.
    fn add(harness: &mut Harness, key: &str, numbers: std::ops::Range<u32>) {
        let numbers: Vec<String> = numbers.map(|number| number.to_string()).collect();
        for batch in numbers.chunks(1_000) {
            harness.run(&format!("PFADD {key} {}", batch.join(" ")));
        }
    }

    fn limit_sparse(harness: &mut Harness, limit: &str) {
        let set = [(&b"hll-sparse-max-bytes"[..], limit.as_bytes())];
        harness.worker.instance.config.set_many(set).expect("a number of bytes");
    }

    /// What redis-server 7.0.15 keeps after the same commands.
    #[test]
    fn the_string_is_that_of_redis() {
        for mut harness in Harness::each_way() {
            assert_eq!(harness.run("PFADD k"), ":1\r\n");
            assert_eq!(bytes(&mut harness, "k"), EMPTY);
            assert_eq!(harness.run("PFADD k"), ":0\r\n");
            assert_eq!(harness.run("PFADD k a b c"), ":1\r\n");
            let stale = b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80`\xf3\x80P\xb1\x84K\xfb\x80BZ";
            assert_eq!(bytes(&mut harness, "k"), stale);
            assert_eq!(harness.run("PFCOUNT k"), ":3\r\n");
            let counted = b"HYLL\x01\0\0\0\x03\0\0\0\0\0\0\0`\xf3\x80P\xb1\x84K\xfb\x80BZ";
            assert_eq!(bytes(&mut harness, "k"), counted);
            assert_eq!(harness.run("PFADD k a"), ":0\r\n");
            assert_eq!(bytes(&mut harness, "k"), counted, "the count is still known");
            assert_eq!(harness.encoding("k"), "raw");
        }
    }

    #[test]
    fn a_sparse_one_becomes_dense_where_it_would_grow_too_long() {
        let mut harness = Harness::new();
        let (sparse, dense) = ("+sparse\r\n", "+dense\r\n");
        limit_sparse(&mut harness, "20");
        harness.run("PFADD k a");
        harness.run("EXPIRE k 100");
        // The runs of one element take five bytes, those of another one three more.
        assert_eq!(harness.run("PFDEBUG ENCODING k"), dense);
        limit_sparse(&mut harness, "21");
        harness.run("PFADD new a");
        assert_eq!(harness.run("PFDEBUG ENCODING new"), sparse);
        assert_eq!(harness.run("PFADD new b"), ":1\r\n");
        assert_eq!(harness.run("PFDEBUG ENCODING new"), dense);
        assert_eq!(harness.run("PFCOUNT new"), ":2\r\n");
        assert_eq!(harness.run("PFADD k b c"), ":1\r\n");
        assert_eq!(harness.run("PFADD k b c"), ":0\r\n");
        assert_eq!(harness.run("PFCOUNT k"), ":3\r\n");
        assert!(harness.expiry("k").is_some());
        assert_eq!((harness.encoding("k"), bytes(&mut harness, "k").len()), ("raw", 12_304));
    }

    #[test]
    fn both_forms_count_alike() {
        let mut harness = Harness::new();
        for (key, limit) in [("dense", "0"), ("usual", "3000"), ("sparse", "1gb")] {
            limit_sparse(&mut harness, limit);
            add(&mut harness, key, 0..10_000);
        }
        assert_eq!(harness.run("PFDEBUG ENCODING sparse"), "+sparse\r\n");
        let count = harness.run("PFCOUNT dense");
        assert_eq!(count, ":9987\r\n", "as redis-server 7.0.15 counts them");
        for keys in ["usual", "sparse", "dense sparse usual", "missing usual"] {
            assert_eq!(harness.run(&format!("PFCOUNT {keys}")), count, "{keys}");
        }
    }

    #[test]
    fn merged_ones_hold_what_all_had() {
        for mut harness in Harness::each_way() {
            add(&mut harness, "a", 0..1_000);
            add(&mut harness, "b", 500..1_500);
            let both = harness.run("PFCOUNT a b");
            assert_eq!(harness.run("PFMERGE d a missing b"), "+OK\r\n");
            assert_eq!(harness.run("PFCOUNT d"), both);
            assert_eq!(harness.run("PFMERGE a b"), "+OK\r\n", "into itself");
            assert_eq!(harness.run("PFCOUNT a"), both);
            assert_eq!(harness.run("PFMERGE new"), "+OK\r\n");
            assert_eq!(bytes(&mut harness, "new"), EMPTY);
            harness.run("PFADD small x");
            harness.run("PFDEBUG TODENSE small");
            harness.run("PFMERGE new small");
            assert_eq!(harness.run("PFDEBUG ENCODING new"), "+dense\r\n", "as one of the sources");
            assert_eq!(harness.run("PFCOUNT new"), ":1\r\n");
        }
    }

    /// The replies of redis-server 7.0.15.
    #[test]
    fn other_strings_are_refused_and_stay_as_they_are() {
        let mut harness = Harness::new();
        let no_sketch = "-WRONGTYPE Key is not a valid HyperLogLog string value.\r\n";
        let corrupt = "-INVALIDOBJ Corrupted HLL object detected\r\n";
        let dense_of_wrong_length = [&b"HYLL\0\0\0\0\0\0\0\0\0\0\0\x80"[..], &[0; 12_287]].concat();
        let cases: [(&[u8], &str); 7] = [
            (b"5", no_sketch),
            (b"some text that is longer", no_sketch),
            (b"HYLL\x02\0\0\0\0\0\0\0\0\0\0\x80\x7f\xff", no_sketch),
            (b"HYLL\x01\0\0\0\0\0\0", no_sketch),
            (&dense_of_wrong_length, no_sketch),
            (b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80", corrupt),
            (b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x00\x81", corrupt),
        ];
        for (value, error) in cases {
            harness.run_words(&[&b"SET"[..], b"k", value]);
            for line in ["PFADD k a b c", "PFCOUNT k", "PFCOUNT missing k", "PFMERGE d k"] {
                assert_eq!(harness.run(line), error, "{line}: {}", value.escape_ascii());
            }
            assert_eq!(bytes(&mut harness, "k"), value);
        }
        assert_eq!(harness.len(0), 1, "and none is made");
    }

    #[test]
    fn adding_and_counting_again_allocates_nothing() {
        let mut harness = Harness::new();
        add(&mut harness, "dense", 0..10_000);
        harness.run("PFADD sparse a");
        for line in ["PFADD dense 1 2 3", "PFCOUNT dense", "PFCOUNT sparse", "PFCOUNT dense sparse"]
        {
            assert_eq!(harness.allocations_of(line, 10), 0, "{line}");
        }
    }
}
