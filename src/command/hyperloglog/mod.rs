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
        Ok(changed)
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
        Ok(())
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
