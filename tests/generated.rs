//! What the papers say of commands and options is made of their tables, and must be up to date.

use std::collections::BTreeMap;
use std::fmt::Write;

use torc::command::Group;
use torc::command::table::{Entry, TABLE};
use torc::config::{Directive, directives};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/commands.md");

const HEAD: &str = "# Commands

All commands, with the version of Redis that first had each. `COMMAND DOCS` tells the same to
programs. This page is made of the command table; after a change there, renew it:

    TORC_BLESS=1 cargo test --test generated
";

#[test]
fn the_page_of_commands_is_up_to_date() {
    check(PAGE, page());
}

#[test]
fn the_readme_is_up_to_date() {
    let readme = std::fs::read_to_string(README).expect("README.md is there");
    let readme = with_block(&readme, "<!-- options:", &options());
    check(README, with_block(&readme, "<!-- commands:", &commands()));
}

/// Compares a file with what it should be, or writes it when asked to.
fn check(path: &str, text: String) {
    if std::env::var_os("TORC_BLESS").is_some_and(|set| set == "1") {
        std::fs::write(path, &text).expect("the file can be written");
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    let differs = text.lines().zip(committed.lines()).find(|(now, then)| now != then);
    assert!(
        text == committed,
        "{path} is out of date, renew it with TORC_BLESS=1; first difference: {differs:?}"
    );
}

/// Puts `block` between the line that begins with `mark` and the next `<!-- end -->`.
fn with_block(text: &str, mark: &str, block: &str) -> String {
    let begin = text.find(mark).expect("the mark is there");
    let begin = begin + text[begin..].find('\n').expect("the mark has a line of its own") + 1;
    let end = begin + text[begin..].find("<!-- end -->").expect("the block ends");
    format!("{}\n{block}\n{}", &text[..begin], &text[end..])
}

/// A table of all directives.
fn options() -> String {
    let mut table = "| Option | Default | What it does |\n|---|---|---|\n".to_owned();
    for directive in directives() {
        let Directive { name, value_name, default, help, .. } = directive;
        let value_name = value_name.replace('|', "\\|");
        let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
        let help = help.replace('*', "\\*");
        writeln!(table, "| `--{name} <{value_name}>` | {default} | {help} |")
            .expect("a String takes all");
    }
    table
}

/// A line a group with the names of its commands.
fn commands() -> String {
    let mut lines = String::new();
    for (group, entries) in groups() {
        let names: Vec<String> = entries.into_iter().map(names).collect();
        writeln!(lines, "- **{}**: {}", title(group), names.join(", "))
            .expect("a String takes all");
    }
    lines
}

/// The command's name, with those of its subcommands.
fn names(entry: Entry) -> String {
    let name = entry.command.name.to_ascii_uppercase();
    let subcommands = TABLE.subcommands(entry).map(|sub| sub.command.name.to_ascii_uppercase());
    let subcommands: Vec<String> = subcommands.collect();
    if subcommands.is_empty() { name } else { format!("{name} ({})", subcommands.join(" ")) }
}

/// The commands of each group, by name.
fn groups() -> BTreeMap<Group, Vec<Entry>> {
    let mut groups: BTreeMap<Group, Vec<Entry>> = BTreeMap::new();
    for entry in TABLE.commands() {
        groups.entry(entry.command.group).or_default().push(entry);
    }
    for entries in groups.values_mut() {
        entries.sort_by_key(|entry| entry.command.name);
    }
    groups
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    for (group, entries) in groups() {
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

/// The group's name as a heading.
fn title(group: Group) -> String {
    if group == Group::HyperLogLog {
        return "HyperLogLog".to_owned();
    }
    let name = group.name().replace('-', " ");
    let (first, rest) = name.split_at(1);
    first.to_ascii_uppercase() + rest
}
