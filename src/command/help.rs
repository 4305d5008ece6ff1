//! The HELP of a container such as CLIENT, made of what its subcommands declare.

use super::table::TABLE;
use super::{Argument, Call, Command, Error, Kind};

/// The handler of every HELP: a line for each subcommand, and one that says what it does.
pub(super) fn help(call: &mut Call<'_>) -> Result<(), Error> {
    let container = TABLE.find(&call.args[0]).expect("the dispatcher found it by this name");
    let subcommands = container.command.subcommands;
    let name = container.command.name.to_ascii_uppercase();
    call.reply.array(1 + 2 * subcommands.len());
    call.reply.simple(&format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for subcommand in subcommands {
        call.reply.simple(&usage(subcommand));
        call.reply.simple(&format!("    {}", subcommand.summary));
    }
    Ok(())
}

/// As `KILL <ip:port>`, the name of the container left out.
fn usage(command: &Command) -> String {
    let arguments = command.arguments.iter().map(syntax);
    let words: Vec<String> =
        [command.name.to_ascii_uppercase()].into_iter().chain(arguments).collect();
    words.join(" ")
}

/// As `[TYPE (NORMAL|PUBSUB)]`.
fn syntax(argument: &Argument) -> String {
    let all = |parts: &[Argument], separator| {
        parts.iter().map(syntax).collect::<Vec<_>>().join(separator)
    };
    let value = match argument.kind {
        Kind::PureToken => argument.token.to_owned(),
        Kind::OneOf(choices) => format!("({})", all(choices, "|")),
        Kind::Block(parts) => all(parts, " "),
        _ => format!("<{}>", argument.name),
    };
    let value = match argument.kind {
        Kind::PureToken => value,
        _ if argument.token.is_empty() => value,
        _ => format!("{} {value}", argument.token),
    };
    let value = if argument.multiple { format!("{value} [{value} ...]") } else { value };
    if argument.optional { format!("[{value}]") } else { value }
}
