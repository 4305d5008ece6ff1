//! CLIENT UNBLOCK: ends what a client waits for, on whichever reactor it is.

use super::client::ADMIN;
use crate::command::blocking::unblock;
use crate::command::options::{integer, is};
use crate::command::{Argument, Call, Command, Error, Group};

pub(super) static UNBLOCK: Command = Command {
    name: "unblock",
    arity: -3,
    flags: ADMIN,
    group: Group::Connection,
    since: "5.0.0",
    complexity: "O(log N) where N is the number of client connections",
    summary: "Ends a client's wait, as if its time were over or with an error.",
    arguments: &[
        Argument::integer("client-id"),
        Argument::one_of(
            "timeout_error",
            &[Argument::word("timeout", "TIMEOUT"), Argument::word("error", "ERROR")],
        )
        .optional(),
    ],
    run: unblock_client,
    ..Command::BASE
};

const UNBLOCKED: &str = "UNBLOCKED client unblocked via CLIENT UNBLOCK";

fn unblock_client(call: &mut Call<'_>) -> Result<(), Error> {
    let args = call.args;
    let with_error = match args.get(3) {
        _ if args.len() > 4 => {
            return Err(Error::UnfitSubcommand { name: args[1].to_vec(), container: "CLIENT" });
        }
        None => false,
        Some(reason) if is(reason, "TIMEOUT") => false,
        Some(reason) if is(reason, "ERROR") => true,
        Some(_) => return Err(Error::text("CLIENT UNBLOCK reason should be TIMEOUT or ERROR")),
    };
    let id = integer(&args[2])?;
    let client = call.instance.clients.find(id as u64);
    let ended = client.is_some_and(|client| {
        unblock(call.keyspace, call.instance, &client, |reply| match with_error {
            true => reply.error(UNBLOCKED),
            false => reply.null_array(),
        })
    });
    if ended && with_error {
        let here = call.session.client.peer.reactor;
        call.instance.reactors[here].commands.count_error(UNBLOCKED.as_bytes());
    }
    call.reply.integer(i64::from(ended));
    Ok(())
}
