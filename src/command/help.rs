//! HELP of the containers, made of their declarations.

use super::{Call, Command, Error};

/// Replies with what the subcommands of `container` take and do.
pub(super) fn help(call: &mut Call<'_>, container: &Command) -> Result<(), Error> {
    let explained = |subcommand: &&Command| {
        [subcommand.syntax(subcommand.name), format!("    {}", subcommand.summary)]
    };
    let lines: Vec<String> = container.subcommands.iter().flat_map(explained).collect();
    lines_of(call, container, lines.iter().map(String::as_str));
    Ok(())
}

/// Replies with `lines`, below the line with which every HELP begins.
pub(super) fn lines_of<'a>(
    call: &mut Call<'_>,
    container: &Command,
    lines: impl ExactSizeIterator<Item = &'a str>,
) {
    let name = container.name.to_ascii_uppercase();
    call.reply.array(1 + lines.len());
    let usage = "<subcommand> [<arg> [value] [opt] ...]. Subcommands are:";
    call.reply.simple(&format!("{name} {usage}"));
    lines.for_each(|line| call.reply.simple(line));
}
