//! SSCAN: the members of a set, some at a time.

use super::READ;
use crate::command::scan::{Found, ScanOptions, cursor};
use crate::command::{Argument, Call, Command, Error, Group, KeySpec, Kind};
use crate::store::Set;

pub(super) static SSCAN: Command = Command {
    name: "sscan",
    arity: -3,
    flags: READ,
    keys: &[KeySpec::one(KeySpec::READ)],
    group: Group::Set,
    since: "2.8.0",
    complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls \
                 for the cursor to return back to 0. N is the number of elements inside the \
                 collection..",
    summary: "Lists some members of a set, and a cursor with which to ask for the next ones.",
    arguments: &[
        Argument::key(),
        Argument::integer("cursor"),
        Argument::new("pattern", Kind::Pattern).token("MATCH").optional(),
        Argument::integer("count").token("COUNT").optional(),
    ],
    tips: &["nondeterministic_output"],
    run: sscan,
    ..Command::BASE
};

fn sscan(call: &mut Call<'_>) -> Result<(), Error> {
    let start = cursor(&call.args[2])?;
    let mut found = Found::new(call);
    let mut next = 0;
    let set: Option<&Set> = call.keyspace.read_as(call.session.db, &call.args[1])?;
    // Without a set, the options may be any.
    if let Some(set) = set {
        let options = ScanOptions::of_elements(call.args.rest(3))?;
        let mut digits = itoa::Buffer::new();
        next = set.scan(start, options.count, |member| {
            let member = member.bytes(&mut digits);
            if options.wants(member) {
                found.add(member);
            }
        });
    }
    call.reply.array(2);
    call.reply.bulk(itoa::Buffer::new().format(next).as_bytes());
    found.write(&mut call.reply);
    Ok(())
}
