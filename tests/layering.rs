//! Reads the sources: no module calls upwards, and three house rules hold.
//!
//! The floors are the table at the top of `src/lib.rs`, row by row from the street to the cellar, so
//! that what readers are told is what is tested.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Uses between neighbours of one floor that are meant. All others go downwards, and so `resp` and
/// `store` know nothing of each other.
const NEIGHBOURS: &[(&str, &str)] = &[
    ("instance", "client"),
    ("mailbox", "output"),
    ("output", "memory"),
    ("peer", "mailbox"),
    ("session", "client"),
    ("session", "instance"),
    ("store", "stats"),
];

/// The files that may contain `unsafe`; a name that ends in `*` stands for all that begin with it.
const UNSAFE: &[&str] = &[
    "memory.rs",
    "memory/huge_pages.rs",
    "memory/mimalloc.rs",
    "reactor/buf_ring.rs",
    "reactor/epoll.rs",
    "reactor/socket.rs",
    "reactor/uring*",
    "store/collection/blob.rs",
    "store/collection/form.rs",
    "store/entry.rs",
    "store/gate.rs",
    "store/prefetch.rs",
];

/// A file that is longer has two purposes.
const LINES: usize = 600;

#[test]
fn no_arrow_points_up() {
    let floors = floors();
    let mut wrong = Vec::new();
    for file in sources("src").iter().filter(|file| !["lib.rs", "main.rs"].contains(&file.name())) {
        let module = file.module();
        let Some(floor) = floors.get(module) else {
            wrong.push(format!("{module} has no floor in src/lib.rs"));
            continue;
        };
        for (number, line) in file.code() {
            for used in modules_used(line) {
                let place = format!("{}:{number}", file.path);
                match floors.get(used) {
                    _ if used == module || NEIGHBOURS.contains(&(module, used)) => {}
                    None => wrong.push(format!("{place}: {used} has no floor in src/lib.rs")),
                    Some(below) if below > floor => {}
                    Some(_) => wrong.push(format!("{place}: {module} uses {used}")),
                }
            }
            if line.contains(&file.out_of_module(number)) {
                wrong
                    .push(format!("{}:{number}: paths to other modules begin at crate", file.path));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn unsafe_code_stays_where_it_is_expected() {
    let allowed = |name: &str| {
        UNSAFE.iter().any(|allowed| match allowed.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == *allowed,
        })
    };
    let wrong: Vec<_> = sources("src")
        .iter()
        .filter(|file| !allowed(file.path.trim_start_matches("src/")))
        .flat_map(|file| unsafe_lines(file).into_iter().map(|line| format!("{}:{line}", file.path)))
        .collect();
    assert!(wrong.is_empty(), "`unsafe` in\n{}", wrong.join("\n"));
}

/// A block says why it is sound, a function what its callers must see to.
#[test]
fn unsafe_code_says_why_it_is_sound() {
    let mut wrong = Vec::new();
    for file in sources("src") {
        let lines: Vec<_> = file.text.lines().collect();
        for number in unsafe_lines(&file) {
            if !["{", "impl ", "fn ", "trait "]
                .iter()
                .any(|what| lines[number - 1].contains(&format!("unsafe {what}")))
            {
                continue; // names a type of functions
            }
            let near = &lines[number.saturating_sub(12)..number];
            if !near.iter().any(|line| line.contains("SAFETY:") || line.contains("# Safety")) {
                wrong.push(format!("{}:{number}", file.path));
            }
        }
    }
    assert!(wrong.is_empty(), "no SAFETY comment in\n{}", wrong.join("\n"));
}

#[test]
fn dependencies_say_what_they_are_for() {
    let text = std::fs::read_to_string(root().join("Cargo.toml")).expect("a crate has one");
    let sections = text.split("\n[").filter(|section| section.contains("dependencies]"));
    let lines = sections.flat_map(|section| section.lines().skip(1));
    let lines: Vec<_> = lines.filter(|line| line.contains(" = ")).collect();
    assert!(lines.len() > 20, "the dependencies are not where they were");
    let silent: Vec<_> = lines.into_iter().filter(|line| !line.contains(" # ")).collect();
    assert!(silent.is_empty(), "what for? {silent:#?}");
}

#[test]
fn files_are_short() {
    let files = ["src", "tests", "benches"].iter().flat_map(|folder| sources(folder));
    let long: Vec<_> = files
        .map(|file| (file.text.lines().count(), file.path))
        .filter(|(lines, _)| *lines > LINES)
        .collect();
    assert!(long.is_empty(), "longer than {LINES} lines: {long:?}");
}

/// The modules of each row of the table in `src/lib.rs`, with the number of the row.
fn floors() -> BTreeMap<String, usize> {
    let text = std::fs::read_to_string(root().join("src/lib.rs")).expect("the crate has a root");
    let rows = text.lines().filter(|line| line.starts_with("//! |") && line.contains("[`"));
    let mut floors = BTreeMap::new();
    for (floor, row) in rows.enumerate() {
        for name in row.split("[`").skip(1).filter_map(|rest| rest.split('`').next()) {
            assert!(floors.insert(name.to_owned(), floor).is_none(), "{name} has two floors");
        }
    }
    assert!(floors.len() > 10, "the table of floors is not where it was: {floors:?}");
    floors
}

/// The top-level modules that a line of code names by a path from `crate::`.
fn modules_used(line: &str) -> BTreeSet<&str> {
    fn name(path: &str) -> &str {
        let end = path.find(|c: char| !c.is_ascii_lowercase() && c != '_' && !c.is_ascii_digit());
        &path[..end.unwrap_or(path.len())]
    }
    let mut used = BTreeSet::new();
    for path in line.split("crate::").skip(1) {
        match path.strip_prefix('{') {
            None => used.extend([name(path)]),
            Some(group) => used.extend(group.split(", ").map(|path| name(path.trim()))),
        }
    }
    used.remove(""); // a macro or a constant of the crate's root, or a type within a group
    used
}

/// The numbers, from 1, of lines that contain the keyword.
fn unsafe_lines(file: &Source) -> Vec<usize> {
    let has = |line: &str| {
        line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe")
    };
    file.code().filter(|(_, line)| has(line)).map(|(number, _)| number).collect()
}

struct Source {
    /// From the root of the repository.
    path: String,
    text: String,
}

impl Source {
    fn name(&self) -> &str {
        self.path.split_once('/').map_or(&self.path, |(_, name)| name)
    }

    /// The top-level module that the file belongs to.
    fn module(&self) -> &str {
        self.name().split(['/', '.']).next().unwrap_or_default()
    }

    /// The relative path that leads from a line out of the file's top-level module, and so past
    /// [`modules_used`].
    fn out_of_module(&self, number: usize) -> String {
        let below = self.name().trim_end_matches("/mod.rs").split('/').count();
        let tests = self.text.lines().position(|line| line == "mod tests {");
        "super::".repeat(below + usize::from(tests.is_some_and(|start| start < number)))
    }

    /// Lines and their numbers, without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let code = |line: &str| line.find("//").map_or(line.len(), |start| start);
        self.text.lines().enumerate().map(move |(at, line)| (at + 1, &line[..code(line)]))
    }
}

/// All Rust files of a folder and those below it.
fn sources(folder: &str) -> Vec<Source> {
    let mut folders = vec![root().join(folder)];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("sources are UTF-8");
                let path = path.strip_prefix(root()).expect("it is below").to_string_lossy();
                sources.push(Source { path: path.into_owned(), text });
            }
        }
    }
    sources
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
