//! The page of all commands is made of the command table, and must be up to date.

use std::collections::BTreeMap;
use std::fmt::Write;

use torc::command::Group;
use torc::command::table::{Entry, TABLE};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/commands.md");

const HEAD: &str = "# Commands

All commands, with the version of Redis that first had each. `COMMAND DOCS` tells the same to
programs. This page is made of the command table; after a change there, renew it:

    TORC_BLESS=1 cargo test --test commands_page
";

#[test]
fn the_page_is_up_to_date() {
    let page = page();
    if std::env::var_os("TORC_BLESS").is_some_and(|set| set == "1") {
        std::fs::write(PAGE, &page).expect("the page can be written");
    }
    let committed = std::fs::read_to_string(PAGE).unwrap_or_default();
    let differs = page.lines().zip(committed.lines()).find(|(now, then)| now != then);
    assert!(
        page == committed,
        "docs/commands.md is out of date, renew it with TORC_BLESS=1; first difference: {differs:?}"
    );
}

fn page() -> String {
    let mut groups: BTreeMap<Group, Vec<Entry>> = BTreeMap::new();
    for entry in TABLE.commands() {
        groups.entry(entry.command.group).or_default().push(entry);
    }
    let mut page = HEAD.to_owned();
    for (group, mut entries) in groups {
        entries.sort_by_key(|entry| entry.command.name);
        write!(page, "\n## {}\n\n", title(group)).expect("a String takes all");
        page.push_str("| Command | Since | What it does |\n|---|---|---|\n");
        for entry in entries {
            rows(&mut page, entry);
        }
    }
    page
}

/// A row for the command, or one for each of its subcommands.
fn rows(page: &mut String, entry: Entry) {
    let container = !entry.command.subcommands.is_empty();
    // COMMAND is a command by itself too; other containers ask for a second word.
    if !container || entry.command.accepts(1) {
        row(page, entry);
    }
    TABLE.subcommands(entry).for_each(|subcommand| row(page, subcommand));
}

fn row(page: &mut String, entry: Entry) {
    let command = entry.command;
    // A bar would end the cell, even in code.
    let syntax = command.syntax(&TABLE.name(entry.number)).replace('|', "\\|");
    writeln!(page, "| `{syntax}` | {} | {} |", command.since, command.summary)
        .expect("a String takes all");
}

/// The group's name, its first letter in upper case.
fn title(group: Group) -> String {
    let name = group.name().replace('-', " ");
    let (first, rest) = name.split_at(1);
    first.to_ascii_uppercase() + rest
}
