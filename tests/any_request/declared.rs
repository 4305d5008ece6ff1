//! Requests drawn from the declarations of the commands: any options in any number, as many keys as
//! it says, and now and then a word that does not fit.

use torc::command::table::TABLE;
use torc::command::{Argument, Command, Kind};

use crate::random::{Random, Words, spoil};

/// What ends the server or a connection, silences it, changes what others of its requests do, or
/// takes a second.
const NEVER: [&str; 6] =
    ["shutdown", "quit", "client|kill", "client|reply", "config|set", "pfselftest"];

/// All commands, and instead of containers their subcommands, with the words that name them.
pub fn commands() -> Vec<(Vec<&'static str>, &'static Command)> {
    let mut commands = Vec::new();
    for entry in TABLE.commands() {
        let subcommands = TABLE.subcommands(entry);
        let all = subcommands.map(|sub| (vec![entry.command.name, sub.command.name], sub));
        let mut all: Vec<_> = all.collect();
        if all.is_empty() {
            all.push((vec![entry.command.name], entry));
        }
        all.retain(|(_, entry)| !NEVER.contains(&&*TABLE.name(entry.number)));
        commands.extend(all.into_iter().map(|(names, entry)| (names, entry.command)));
    }
    commands
}

/// One request to a command.
pub fn request(random: &mut Random, names: &[&str], command: &Command) -> Words {
    let words = names.iter().map(|name| name.as_bytes().to_vec()).collect();
    let (tokens, is_lcs) = (tokens(command.arguments), command.name == "lcs");
    let mut draw = Draw { random, words, count: None, tokens, is_lcs };
    draw.arguments(command.arguments);
    let mut words = draw.words;
    // Spoilt, one that waits could wait for ever.
    if command.waiting.is_none() && random.chance(15) {
        spoil(&mut words, random);
    }
    words
}

/// The words that introduce arguments.
fn tokens(arguments: &[Argument]) -> Vec<&'static str> {
    let mut all = Vec::new();
    for argument in arguments {
        all.extend(Some(argument.token).filter(|token| !token.is_empty()));
        if let Kind::OneOf(parts) | Kind::Block(parts) = argument.kind {
            all.extend(tokens(parts));
        }
    }
    all
}

struct Draw<'a> {
    random: &'a mut Random,
    words: Words,
    tokens: Vec<&'static str>,
    /// The place of a word that says how many words or groups of words come next.
    count: Option<usize>,
    /// It takes time in proportion to the product of both lengths: its keys are its own.
    is_lcs: bool,
}

impl Draw<'_> {
    /// All that must be there, and of the options some, in their order or in any.
    fn arguments(&mut self, arguments: &[Argument]) {
        let options = arguments.len() - arguments.iter().rev().take_while(|a| a.optional).count();
        let (in_order, options) = arguments.split_at(options);
        for argument in in_order {
            if !argument.optional || self.random.chance(40) {
                self.argument(argument);
            }
        }
        let any_order = self.random.chance(50);
        for option in options {
            if self.random.chance(40) {
                let option = if any_order { self.random.one(options) } else { option };
                self.argument(option);
            }
        }
    }

    fn argument(&mut self, argument: &Argument) {
        let times = if argument.multiple { 1 + self.random.below(4) } else { 1 };
        if argument.multiple
            && let Some(place) = self.count.take()
        {
            self.words[place] = times.to_string().into();
        }
        for time in 0..times {
            if !argument.token.is_empty() && (time == 0 || argument.multiple_token) {
                self.words.push(argument.token.into());
            }
            self.value(argument);
        }
    }

    fn value(&mut self, argument: &Argument) {
        match argument.kind {
            Kind::PureToken => {}
            Kind::OneOf(choices) => {
                let choice = self.random.one(choices);
                self.argument(choice);
            }
            Kind::Block(parts) => self.arguments(parts),
            _ if !self.tokens.is_empty() && self.random.chance(5) => {
                let token = self.random.one_of(&self.tokens);
                self.words.push(token.into());
            }
            Kind::Key(_) if self.is_lcs => {
                let key = self.random.one_of(&["text:1", "text:2", "text:3"]);
                self.words.push(key.into());
            }
            Kind::Key(_) => self.words.push(self.random.key()),
            Kind::Pattern | Kind::KeyPattern(_) => self.one_of(&["*", "k*", "[a-c]", "*->1", "#"]),
            Kind::UnixTime => self.words.push(self.random.at(1).into()),
            Kind::Integer if ["numkeys", "numfields"].contains(&argument.name) => {
                self.count = Some(self.words.len());
                self.words.push(self.random.garbage());
            }
            _ => self.named(argument),
        }
    }

    /// A value for an argument whose name tells more than its kind.
    fn named(&mut self, argument: &Argument) {
        match argument.name {
            "timeout" => self.one_of(&["0.001", "0.01"]),
            "encoding" => self.one_of(&["u8", "i5", "u63", "i64"]),
            "operation" => self.one_of(&["AND", "OR", "XOR", "NOT"]),
            "cursor" => self.one_of(&["0", "0", "1", "77"]),
            "protover" => self.one_of(&["2", "3"]),
            "bit" => self.one_of(&["0", "1"]),
            "db" | "destination-db" | "index1" | "index2" => {
                let number = self.random.database();
                self.words.push(number.into());
            }
            "min" | "max" | "start" | "stop" | "end" if self.random.chance(60) => {
                self.one_of(&["-inf", "+inf", "(1", "1", "[a", "(c", "-", "+", "0", "-1"]);
            }
            "longitude" | "latitude" | "radius" | "width" | "height" => {
                self.one_of(&["0", "13.4", "13.5", "-85", "100", "1000", "20000"]);
            }
            _ => {
                let word = match argument.kind {
                    Kind::Integer if self.random.chance(90) => self.random.index(),
                    Kind::Integer => self.random.integer(),
                    Kind::Double => self.random.float(),
                    _ => self.random.member(),
                };
                self.words.push(word);
            }
        }
    }

    fn one_of(&mut self, words: &[&str]) {
        let word = self.random.one_of(words);
        self.words.push(word.into());
    }
}
