//! What figures depend on: the machine, the versions, the flags. It stands beside every table.

use std::process::Command;

use nix::sys::utsname::uname;
use procfs::{CpuInfo, Current};

use super::options::Options;
use super::place::Place;
use super::server::Contender;
use crate::load::workload::Protocol;

/// Names and values, in the order in which they are shown.
#[derive(Clone, Debug)]
pub struct Caption {
    pub lines: Vec<(String, String)>,
    /// The most important of it, on one line.
    pub short: String,
}

impl Caption {
    pub fn of(name: &str, options: &Options, place: &Place, contenders: &[Contender]) -> Self {
        let date = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
        let (cpu, kernel) = (cpu(), kernel());
        let torc = format!("{}{}", env!("CARGO_PKG_VERSION"), commit());
        let rounds = match (options.test, options.rounds) {
            (true, _) => "a test: the figures mean nothing".to_owned(),
            (_, 1) => format!("one round of {} s", options.time.as_secs_f64()),
            (_, n) => {
                format!("medians of {n} interleaved rounds of {} s", options.time.as_secs_f64())
            }
        };
        let words = std::env::args().skip(1).filter(|word| word != "--bench");
        let command =
            format!("cargo bench --bench {name} -- {}", words.collect::<Vec<_>>().join(" "));
        let line = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut lines = vec![
            line("date", &date),
            line("cpu", &cpu),
            line("kernel", &kernel),
            line("mitigations", &mitigations()),
            line("torc", &torc),
            line("command", command.trim_end_matches([' ', '-'])),
            line("figures", &rounds),
            line("cores", &format!("servers on {}, load on {}", place.server, place.load)),
        ];
        for contender in contenders {
            let value = match contender.protocol {
                Protocol::Floor => contender.version.clone(),
                _ => format!("{} ({})", contender.version, contender.command()),
            };
            lines.push((format!("server {}", contender.name), value));
        }
        let short = format!("{date}, {cpu}, Linux {kernel}, torc {torc}; {rounds}");
        Self { lines, short }
    }

    /// Without what is said of rounds, where there are none.
    pub fn without_rounds(mut self) -> Self {
        self.lines.retain(|(name, _)| name != "figures");
        self
    }

    /// As a list in Markdown.
    pub fn list(&self) -> String {
        self.lines.iter().map(|(name, value)| format!("- {name}: {value}\n")).collect()
    }
}

fn cpu() -> String {
    let Ok(info) = CpuInfo::current() else { return "unknown".to_owned() };
    let model = info.model_name(0).unwrap_or("unknown").trim().to_owned();
    let cores = match info.num_cores() {
        1 => "1 core".to_owned(),
        cores => format!("{cores} cores"),
    };
    let flags = info.flags(0).unwrap_or_default();
    let machine = if flags.contains(&"hypervisor") { " of a virtual machine" } else { "" };
    format!("{model}, {cores}{machine}")
}

fn kernel() -> String {
    uname()
        .map_or_else(|_| "unknown".into(), |uname| uname.release().to_string_lossy().into_owned())
}

/// What makes system calls dearer: the weaknesses that this kernel works around.
fn mitigations() -> String {
    let folder = std::fs::read_dir("/sys/devices/system/cpu/vulnerabilities");
    let files = folder.into_iter().flatten().flatten();
    let mut active: Vec<_> = files
        .filter_map(|file| {
            let state = std::fs::read_to_string(file.path()).ok()?;
            let how = state.trim().strip_prefix("Mitigation: ")?.to_owned();
            Some(format!("{}: {how}", file.file_name().to_string_lossy()))
        })
        .collect();
    active.sort();
    if active.is_empty() { "none".to_owned() } else { active.join(" | ") }
}

/// The commit that is checked out, in brackets, if git knows.
fn commit() -> String {
    let mut git = Command::new("git");
    let git = git.args(["describe", "--always", "--dirty", "--exclude=*"]);
    match git.current_dir(env!("CARGO_MANIFEST_DIR")).output() {
        Ok(said) if said.status.success() => {
            format!(" ({})", String::from_utf8_lossy(&said.stdout).trim())
        }
        _ => String::new(),
    }
}
