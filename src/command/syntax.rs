//! How a command is called, on one line: `SET key value [NX | XX]`.

use std::fmt::{self, Display};

use super::{Argument, Command, Kind};

impl Command {
    /// The syntax, as Redis' documentation writes it. `name` is the full name, as `config|get`.
    pub fn syntax(&self, name: &str) -> String {
        let name = name.replace('|', " ").to_ascii_uppercase();
        let arguments = self.arguments.iter().map(Argument::to_string);
        [name].into_iter().chain(arguments).collect::<Vec<_>>().join(" ")
    }
}

impl Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value();
        let words = [self.token, &value].into_iter().filter(|word| !word.is_empty());
        let once = words.collect::<Vec<_>>().join(" ");
        let again = if self.multiple_token { &once } else { &value };
        let whole = if self.multiple { format!("{once} [{again} ...]") } else { once };
        match self.optional {
            true => write!(f, "[{whole}]"),
            false => f.write_str(&whole),
        }
    }
}

impl Argument {
    /// What stands after the token.
    fn value(&self) -> String {
        let joined = |parts: &[Self], between| {
            parts.iter().map(Self::to_string).collect::<Vec<_>>().join(between)
        };
        match self.kind {
            Kind::PureToken => String::new(),
            Kind::OneOf(choices) if self.optional && self.token.is_empty() => {
                joined(choices, " | ")
            }
            Kind::OneOf(choices) => format!("<{}>", joined(choices, " | ")),
            Kind::Block(parts) => joined(parts, " "),
            _ => self.name.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIR: &[Argument] = &[Argument::key(), Argument::string("value")];
    const CONDITION: &[Argument] = &[Argument::word("nx", "NX"), Argument::word("xx", "XX")];

    #[test]
    fn arguments_are_written_as_in_the_documentation() {
        let count = Argument::integer("count").token("COUNT");
        let repeated = Argument { multiple_token: true, ..Argument::string("p").token("P") };
        for (argument, written) in [
            (Argument::key(), "key"),
            (Argument::key().multiple(), "key [key ...]"),
            (count.optional(), "[COUNT count]"),
            (repeated.multiple(), "P p [P p ...]"),
            (Argument::one_of("condition", CONDITION), "<NX | XX>"),
            (Argument::one_of("condition", CONDITION).optional(), "[NX | XX]"),
            (Argument::one_of("when", CONDITION).token("IF").optional(), "[IF <NX | XX>]"),
            (Argument::block("pair", PAIR).multiple(), "key value [key value ...]"),
        ] {
            assert_eq!(argument.to_string(), written);
        }
    }

    #[test]
    fn a_subcommand_is_written_with_its_container() {
        let command = Command { arguments: PAIR, ..Command::BASE };
        assert_eq!(command.syntax("config|set"), "CONFIG SET key value");
    }
}
