//! HELP of the containers, made of their declarations.

use super::{Argument, Call, Command, Error, Kind};

/// Replies with what the subcommands of `container` take and do, a line each.
pub(super) fn help(call: &mut Call<'_>, container: &Command) -> Result<(), Error> {
    let name = container.name.to_ascii_uppercase();
    call.reply.array(1 + 2 * container.subcommands.len());
    let usage = "<subcommand> [<arg> [value] [opt] ...]. Subcommands are:";
    call.reply.simple(&format!("{name} {usage}"));
    for subcommand in container.subcommands {
        let mut line = subcommand.name.to_ascii_uppercase();
        for argument in subcommand.arguments {
            line.push(' ');
            line.push_str(&syntax(argument));
        }
        call.reply.simple(&line);
        call.reply.simple(&format!("    {}", subcommand.summary));
    }
    Ok(())
}

/// The argument as Redis' documentation writes it: `[SAMPLES <count>]`.
fn syntax(argument: &Argument) -> String {
    let joined =
        |parts: &[Argument], between| parts.iter().map(syntax).collect::<Vec<_>>().join(between);
    let value = match argument.kind {
        Kind::PureToken => String::new(),
        Kind::OneOf(choices) => joined(choices, "|"),
        Kind::Block(parts) => joined(parts, " "),
        _ => format!("<{}>", argument.name),
    };
    let words = [argument.token, &value].into_iter().filter(|word| !word.is_empty());
    let once = words.collect::<Vec<_>>().join(" ");
    let again = if argument.multiple_token { &once } else { &value };
    let all = match argument.multiple {
        true => format!("{once} [{again} ...]"),
        false => once,
    };
    if argument.optional { format!("[{all}]") } else { all }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_written_as_in_the_documentation() {
        const WORDS: &[Argument] = &[Argument::word("a", "ASYNC"), Argument::word("s", "SYNC")];
        const PAIR: &[Argument] = &[Argument::key(), Argument::string("value")];
        let samples = Argument::integer("count").token("SAMPLES").optional();
        for (argument, written) in [
            (Argument::key(), "<key>"),
            (samples, "[SAMPLES <count>]"),
            (Argument::key().multiple(), "<key> [<key> ...]"),
            (Argument::one_of("mode", WORDS).optional(), "[ASYNC|SYNC]"),
            (Argument::block("pair", PAIR).multiple(), "<key> <value> [<key> <value> ...]"),
        ] {
            assert_eq!(syntax(&argument), written);
        }
    }
}
