//! All commands, found by name.

use std::sync::LazyLock;

use super::{Argument, Command, Flags, Group, Kind};
use crate::resp::Args;
use crate::store::Sought;

/// The groups, in the order of the documentation. A new group is one line here.
const GROUPS: &[&[&Command]] = &[
    super::connection::COMMANDS,
    super::string::COMMANDS,
    super::list::COMMANDS,
    super::hash::COMMANDS,
    super::set::COMMANDS,
    super::sorted_set::COMMANDS,
    super::geo::COMMANDS,
    super::bitmap::COMMANDS,
    super::hyperloglog::COMMANDS,
    super::generic::COMMANDS,
    super::expire::COMMANDS,
    super::rename::COMMANDS,
    super::dump::COMMANDS,
    super::scan::COMMANDS,
    super::sort::COMMANDS,
    super::object::COMMANDS,
    super::database::COMMANDS,
    super::memory::COMMANDS,
    super::command_info::COMMANDS,
    super::config::COMMANDS,
    super::debug::COMMANDS,
    super::server::COMMANDS,
];

/// The table of all commands. A reactor keeps a reference to it.
pub static TABLE: LazyLock<Table> = LazyLock::new(|| Table::of(GROUPS));

/// Finds commands by name, in any case, in one probe for most.
pub struct Table {
    slots: Box<[Option<Slot>]>,
    /// Commands and subcommands by number; a container's subcommands follow it.
    numbered: Vec<Numbered>,
}

struct Slot {
    folded: u128,
    len: usize,
    /// No other name of this length is folded to the same.
    is_exact: bool,
    entry: Entry,
}

/// A command with its number, by which statistics are kept.
#[derive(Clone, Copy)]
pub struct Entry {
    pub command: &'static Command,
    pub number: u16,
    /// Its time does not grow with what it is given: a sample of its calls tells enough.
    pub is_quick: bool,
    seeks: Seeks,
}

/// What a command looks for at the key that is its second word. Mostly that is so; of the others, a
/// wrong guess costs little.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Seeks {
    Entry,
    Collection,
    /// What this word names, if there are no options before it.
    Field(u8),
    Member(u8),
}

impl Entry {
    fn new(command: &'static Command, number: u16) -> Self {
        let is_quick = command.flags.has(Flags::FAST) || command.complexity == "O(1)";
        Self { command, number, is_quick, seeks: Seeks::of(command) }
    }

    /// What a request will look for at its key.
    #[inline]
    pub fn sought<'a>(&self, args: Args<'a>) -> Sought<'a> {
        match self.seeks {
            Seeks::Entry => Sought::Entry,
            Seeks::Collection => Sought::Collection,
            Seeks::Field(word) => args.get(word.into()).map_or(Sought::Collection, Sought::Field),
            Seeks::Member(word) => args.get(word.into()).map_or(Sought::Collection, Sought::Member),
        }
    }
}

impl Seeks {
    fn of(command: &Command) -> Self {
        let word = element(command.arguments, &mut 1);
        match command.group {
            Group::Set => word.map_or(Self::Collection, Self::Member),
            Group::Hash | Group::SortedSet | Group::Geo => {
                word.map_or(Self::Collection, Self::Field)
            }
            Group::List => Self::Collection,
            _ => Self::Entry,
        }
    }
}

/// The first word that names a field or a member when all options are left out. `word` is the first
/// one of the arguments, and then the one behind them.
fn element(arguments: &[Argument], word: &mut u8) -> Option<u8> {
    for argument in arguments.iter().filter(|argument| !argument.optional) {
        *word += u8::from(!argument.token.is_empty());
        match argument.kind {
            Kind::Block(parts) => {
                if let Some(found) = element(parts, word) {
                    return Some(found);
                }
            }
            _ if ["field", "member"].contains(&argument.name) => return Some(*word),
            _ => *word += 1,
        }
    }
    None
}

struct Numbered {
    command: &'static Command,
    container: Option<&'static Command>,
}

/// A power of two, several times the number of commands: most names have a slot of their own.
const SLOTS: usize = 2048;

impl Table {
    /// The table of these groups of commands.
    pub(super) fn of(groups: &[&[&'static Command]]) -> Self {
        let mut table = Self { slots: (0..SLOTS).map(|_| None).collect(), numbered: Vec::new() };
        for command in groups.iter().copied().flatten().copied() {
            let number = table.numbered.len() as u16;
            table.numbered.push(Numbered { command, container: None });
            for subcommand in command.subcommands {
                table.numbered.push(Numbered { command: subcommand, container: Some(command) });
            }
            table.insert(Entry::new(command, number));
        }
        table
    }

    fn insert(&mut self, entry: Entry) {
        let name = entry.command.name.as_bytes();
        let folded = fold(name);
        let mut at = slot_of(folded);
        while self.slots[at].is_some() {
            at = (at + 1) % SLOTS;
        }
        // Folding takes two bytes for one, which are the cases of a letter, and drops the middle of
        // names over 16 bytes.
        let is_exact = name.len() <= 16 && name.iter().all(u8::is_ascii_lowercase);
        self.slots[at] = Some(Slot { folded, len: name.len(), is_exact, entry });
    }

    /// The command of that name.
    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<Entry> {
        let folded = fold(name);
        let mut at = slot_of(folded);
        loop {
            let slot = self.slots[at].as_ref()?;
            let is_it = || slot.entry.command.name.as_bytes().eq_ignore_ascii_case(name);
            if slot.folded == folded && slot.len == name.len() && (slot.is_exact || is_it()) {
                return Some(slot.entry);
            }
            at = (at + 1) % SLOTS;
        }
    }

    /// The subcommand of that name.
    pub fn find_subcommand(&self, container: Entry, name: &[u8]) -> Option<Entry> {
        let subcommands = container.command.subcommands;
        let is_it = |command: &&Command| command.name.as_bytes().eq_ignore_ascii_case(name);
        let index = subcommands.iter().position(is_it)?;
        let number = container.number + 1 + index as u16;
        Some(Entry::new(subcommands[index], number))
    }

    /// A container's subcommands.
    pub fn subcommands(&self, container: Entry) -> impl Iterator<Item = Entry> {
        let numbers = container.number + 1..;
        let subcommands = container.command.subcommands.iter();
        subcommands.zip(numbers).map(|(command, number)| Entry::new(command, number))
    }

    /// The command or subcommand of that full name, as `config|get`.
    pub fn find_full(&self, name: &[u8]) -> Option<Entry> {
        let Some(bar) = name.iter().position(|byte| *byte == b'|') else { return self.find(name) };
        self.find_subcommand(self.find(&name[..bar])?, &name[bar + 1..])
    }

    /// How many numbers there are: commands and subcommands.
    pub fn numbers(&self) -> usize {
        self.numbered.len()
    }

    /// The full name of a command, as `config|get`.
    pub fn name(&self, number: u16) -> String {
        let Some(numbered) = self.numbered.get(number as usize) else { return String::new() };
        match numbered.container {
            Some(container) => format!("{}|{}", container.name, numbered.command.name),
            None => numbered.command.name.to_owned(),
        }
    }

    /// All commands, without subcommands, in the order of the groups.
    pub fn commands(&self) -> impl Iterator<Item = Entry> {
        let numbered = self.numbered.iter().enumerate();
        numbered
            .filter(|(_, numbered)| numbered.container.is_none())
            .map(|(number, numbered)| Entry::new(numbered.command, number as u16))
    }

    /// The commands of one group.
    pub fn group(&self, group: Group) -> impl Iterator<Item = &'static Command> {
        self.commands().map(|entry| entry.command).filter(move |command| command.group == group)
    }
}

/// The name in lower case as a number; of one longer than 16 bytes, its first and last eight.
#[inline]
fn fold(name: &[u8]) -> u128 {
    const LOWER: u128 = u128::from_ne_bytes([0x20; 16]);
    let word = |at: usize| u64::from_le_bytes(eight(&name[at..]));
    let folded = match name.len() {
        8.. => u128::from(word(0)) | u128::from(word(name.len() - 8)) << 64,
        4..=7 => {
            let half = |at: usize| u32::from_le_bytes(four(&name[at..]));
            u128::from(half(0)) | u128::from(half(name.len() - 4)) << 32
        }
        len => name.iter().fold(len as u128, |folded, byte| folded << 8 | u128::from(*byte)),
    };
    folded | LOWER
}

#[inline]
fn eight(bytes: &[u8]) -> [u8; 8] {
    *bytes.first_chunk().expect("the caller checked the length")
}

#[inline]
fn four(bytes: &[u8]) -> [u8; 4] {
    *bytes.first_chunk().expect("the caller checked the length")
}

#[inline]
fn slot_of(folded: u128) -> usize {
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15; // 2^64 divided by the golden ratio
    let mixed = (folded as u64 ^ ((folded >> 64) as u64).rotate_left(29)).wrapping_mul(SPREAD);
    (mixed >> 32) as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_found_in_any_case_and_nothing_else_is() {
        for Entry { command, number, .. } in TABLE.commands() {
            for name in [command.name.to_owned(), command.name.to_ascii_uppercase()] {
                let found = TABLE.find(name.as_bytes()).expect(&name);
                assert_eq!((found.command.name, found.number), (command.name, number));
            }
            for wrong in [format!("{}x", command.name), format!("x{}", command.name)] {
                assert!(TABLE.find(wrong.as_bytes()).is_none_or(|e| e.command.name == wrong));
            }
        }
        for wrong in ["", "g", "ge", "g\x05t", "\u{7f}", "averyveryverylongnamethatisnocommand"] {
            assert!(TABLE.find(wrong.as_bytes()).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn declarations_are_complete() {
        let declared = TABLE.numbered.iter().map(|numbered| numbered.command);
        for command in declared {
            let name = command.name;
            assert_eq!(name, name.to_ascii_lowercase());
            assert_ne!(command.arity, 0, "{name}");
            assert!(!command.summary.is_empty(), "{name}");
        }
    }

    #[test]
    fn what_a_command_looks_for_follows_from_its_arguments() {
        for (name, seeks) in [
            ("get", Seeks::Entry),
            ("ttl", Seeks::Entry),
            ("lpush", Seeks::Collection),
            ("spop", Seeks::Collection),
            ("hgetall", Seeks::Collection),
            ("hget", Seeks::Field(2)),
            ("hset", Seeks::Field(2)),
            ("hexpire", Seeks::Field(5)),
            ("zscore", Seeks::Field(2)),
            ("zadd", Seeks::Field(3)),
            ("zincrby", Seeks::Field(3)),
            ("geoadd", Seeks::Field(4)),
            ("sadd", Seeks::Member(2)),
            ("smove", Seeks::Member(3)),
        ] {
            assert_eq!(TABLE.find(name.as_bytes()).map(|entry| entry.seeks), Some(seeks), "{name}");
        }
    }

    #[test]
    fn subcommands_have_numbers_of_their_own() {
        for entry in TABLE.commands() {
            for subcommand in entry.command.subcommands {
                let found = TABLE.find_subcommand(entry, subcommand.name.as_bytes());
                let number = found.expect("it is declared").number;
                assert_eq!(
                    TABLE.name(number),
                    format!("{}|{}", entry.command.name, subcommand.name)
                );
            }
        }
    }
}
