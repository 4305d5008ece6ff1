//! A look inside of HyperLogLogs, for those who test servers.

use super::sketch::{Form, REGISTERS, Register, Sketch, View};
use super::{WRITE, dense, sparse};
use crate::command::options::is;
use crate::command::string::string;
use crate::command::{Argument, Call, Command, Error, Flags, Group, KeySpec};
use crate::store::{Expiry, New, Slot};

pub(super) static PFDEBUG: Command = Command {
    name: "pfdebug",
    arity: 3,
    flags: WRITE.and(Flags::ADMIN),
    keys: &[KeySpec::at(2, &["RW", "access"])],
    group: Group::HyperLogLog,
    since: "2.8.9",
    complexity: "N/A",
    summary: "Shows how a HyperLogLog is kept: GETREG, DECODE, ENCODING or TODENSE.",
    is_system: true,
    arguments: &[Argument::string("subcommand"), Argument::key()],
    run: pfdebug,
    ..Command::BASE
};

fn pfdebug(call: &mut Call<'_>) -> Result<(), Error> {
    let (name, key) = (&call.args[1], &call.args[2]);
    let reply = &mut call.reply;
    call.keyspace.write(call.session.db, key, |slot| {
        let form = with(slot, |sketch| Ok(sketch.form))?;
        if is(name, "GETREG") {
            make_dense(slot)?;
            with(slot, |sketch| {
                reply.array(REGISTERS);
                for value in dense::values(sketch.registers()) {
                    reply.integer(value.into());
                }
                Ok(())
            })
        } else if is(name, "DECODE") {
            with(slot, |sketch| {
                reply.bulk(decoded(sketch)?.as_bytes());
                Ok(())
            })
        } else if is(name, "ENCODING") {
            reply.simple(if form == Form::Dense { "dense" } else { "sparse" });
            Ok(())
        } else if is(name, "TODENSE") {
            make_dense(slot)?;
            reply.integer((form == Form::Sparse).into());
            Ok(())
        } else {
            Err(Error::about("Unknown PFDEBUG subcommand", name))
        }
    })
}

/// Looks at the HyperLogLog that must be there.
fn with<R>(slot: &Slot<'_>, look: impl FnOnce(View<'_>) -> Result<R, Error>) -> Result<R, Error> {
    let no_key = || Error::text("The specified key does not exist");
    let text = string(slot.value())?.ok_or_else(no_key)?;
    look(View::new(text.bytes(&mut itoa::Buffer::new()))?)
}

fn make_dense(slot: &mut Slot<'_>) -> Result<(), Error> {
    let mut sketch = with(slot, |sketch| Ok(Sketch::from(sketch)))?;
    sketch.make_dense()?;
    slot.set(New::raw(sketch.bytes()), Expiry::Keep);
    Ok(())
}

/// The runs of a sparse HyperLogLog: `z:` and `Z:` with a length are zeros, the latter written in
/// two bytes; `v:` has a value and a length.
fn decoded(sketch: View<'_>) -> Result<String, Error> {
    if sketch.form == Form::Dense {
        return Err(Error::text("HLL encoding is not sparse"));
    }
    let runs = sparse::runs(sketch.registers()).map(|run| run.to_string());
    Ok(runs.collect::<Vec<_>>().join(" "))
}

pub(super) static PFSELFTEST: Command = Command {
    name: "pfselftest",
    arity: 1,
    flags: Flags::ADMIN,
    group: Group::HyperLogLog,
    since: "2.8.9",
    complexity: "N/A",
    summary: "Tests that registers keep their values and that estimates are close.",
    is_system: true,
    run: pfselftest,
    ..Command::BASE
};

fn pfselftest(call: &mut Call<'_>) -> Result<(), Error> {
    registers_keep_their_values(call.random)?;
    estimates_are_close(call.random)?;
    call.reply.ok();
    Ok(())
}

fn registers_keep_their_values(random: &mut fastrand::Rng) -> Result<(), Error> {
    let (mut registers, mut model) = (vec![0; dense::SIZE], vec![0; REGISTERS]);
    for _ in 0..10 * REGISTERS {
        let register = Register { index: random.usize(..REGISTERS), value: random.u8(..64) };
        dense::raise(&mut registers, register);
        model[register.index] = register.value.max(model[register.index]);
    }
    let kept = dense::values(&registers);
    match kept.iter().zip(&model).position(|(value, expected)| value != expected) {
        Some(index) => Err(failure(format!("Register {index} should be {}", model[index]))),
        None => Ok(()),
    }
}

/// Adds elements to a dense HyperLogLog, and the first ones to a sparse one that must agree with it.
fn estimates_are_close(random: &mut fastrand::Rng) -> Result<(), Error> {
    const ELEMENTS: u64 = 1_000_000;
    const ELEMENTS_OF_SPARSE: u64 = 1_000;
    let (mut dense, mut sparse) = (Sketch::new(), Sketch::new());
    dense.make_dense()?;
    let (seed, mut next_look) = (random.u64(..), 1);
    for added in 1..=ELEMENTS {
        let register = Register::of(&(seed ^ added).to_le_bytes());
        dense.raise(register, 0)?;
        if added <= ELEMENTS_OF_SPARSE {
            sparse.raise(register, u64::MAX)?;
        }
        if added < next_look {
            continue;
        }
        next_look = added * 10;
        let estimate = View::new(dense.bytes())?.count()?;
        if estimate.abs_diff(added) > tolerance(added) {
            return Err(failure(format!("Too big error. card:{added} estimate:{estimate}")));
        }
        if added <= ELEMENTS_OF_SPARSE && View::new(sparse.bytes())?.count()? != estimate {
            return Err(failure("dense/sparse disagree".to_owned()));
        }
    }
    Ok(())
}

/// Six times the standard error; two more where a single collision is a large share of all.
fn tolerance(elements: u64) -> u64 {
    let standard_error = 1.04 / (REGISTERS as f64).sqrt();
    (6.0 * standard_error * elements as f64) as u64 + 2
}

fn failure(what: String) -> Error {
    Error::Other(format!("TESTFAILED {what}").into_bytes().into())
}

#[cfg(test)]
mod tests {
    use crate::command::harness::Harness;

    /// The replies of redis-server 7.0.15.
    #[test]
    fn debug_shows_runs_and_registers() {
        let mut harness = Harness::new();
        harness.run("PFADD k a b c");
        let runs = "$44\r\nZ:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603\r\n";
        assert_eq!(harness.run("PFDEBUG decode k"), runs);
        assert_eq!(harness.run("PFDEBUG ENCODING k"), "+sparse\r\n");
        let registers = harness.run("PFDEBUG GETREG k");
        let values: Vec<&str> = registers.split("\r\n").collect();
        assert_eq!(values[0], "*16384");
        let raised = values.iter().skip(1).enumerate().filter(|(_, value)| **value > ":0");
        let raised: Vec<_> = raised.map(|(index, value)| (index, *value)).collect();
        assert_eq!(raised, [(8_436, ":1"), (12_711, ":2"), (15_780, ":1")]);
        assert_eq!(harness.run("PFDEBUG ENCODING k"), "+dense\r\n", "GETREG made it so");
        assert_eq!(harness.run("PFDEBUG DECODE k"), "-ERR HLL encoding is not sparse\r\n");
        harness.run("PFADD new");
        assert_eq!(harness.run("PFDEBUG TODENSE new"), ":1\r\n");
        assert_eq!(harness.run("PFDEBUG TODENSE new"), ":0\r\n");
        let unknown = "-ERR Unknown PFDEBUG subcommand 'x'\r\n";
        assert_eq!(harness.run("PFDEBUG x k"), unknown);
        assert_eq!(harness.run("PFDEBUG x missing"), "-ERR The specified key does not exist\r\n");
    }

    #[test]
    fn the_self_test_passes() {
        assert_eq!(Harness::new().run("PFSELFTEST"), "+OK\r\n");
    }
}
