//! The options that all experiments take.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Arg, ArgAction, Command};

/// How an experiment is carried out.
#[derive(Clone, Debug)]
pub struct Options {
    pub rounds: usize,
    /// How long each server is measured in each round.
    pub time: Duration,
    pub connections: Vec<usize>,
    pub out: PathBuf,
    pub server_cpu: usize,
    pub load_cpu: usize,
    /// Only rows with this in their name.
    pub filter: Option<String>,
    /// Whether to see only that all works, and measure nothing.
    pub test: bool,
}

impl Options {
    /// Reads the command line, or explains it and exits.
    pub fn read(name: &'static str, about: &'static str, connections: &'static str) -> Self {
        let given = command(name, about, connections).get_matches();
        let number = |name: &str| *given.get_one::<usize>(name).expect("it has a default");
        let seconds = *given.get_one::<f64>("seconds").expect("it has a default");
        let test = given.get_flag("test");
        let connections = given.get_one::<List>("connections").expect("it has a default");
        Self {
            rounds: if test { 1 } else { number("rounds").max(1) },
            time: if test { Duration::from_millis(5) } else { Duration::from_secs_f64(seconds) },
            connections: if test { vec![1, 10] } else { connections.0.clone() },
            out: given.get_one::<PathBuf>("out").expect("it has a default").clone(),
            server_cpu: number("server-cpu"),
            load_cpu: number("load-cpu"),
            filter: given.get_one::<String>("filter").cloned(),
            test,
        }
    }

    /// Whether a row of this name is to be measured.
    pub fn wants(&self, name: &str) -> bool {
        self.filter.as_ref().is_none_or(|filter| name.contains(filter))
    }
}

fn command(name: &'static str, about: &'static str, connections: &'static str) -> Command {
    let option = |name: &'static str, value: &'static str, default: &'static str| {
        Arg::new(name).long(name).value_name(value).default_value(default)
    };
    let number =
        |name, default| option(name, "N", default).value_parser(|text: &str| text.parse::<usize>());
    let seconds = |text: &str| match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds < 3600.0 => Ok(seconds),
        _ => Err("not a number of seconds"),
    };
    Command::new(name)
        .bin_name(format!("cargo bench --bench {name} --"))
        .about(about)
        .arg(Arg::new("filter").value_name("ROW").help("Only rows that contain this in their name"))
        .arg(number("rounds", "5").help("Rounds, in each of which each server is started anew"))
        .arg(
            option("seconds", "S", "2")
                .value_parser(seconds)
                .help("Seconds that each server is measured for in each round"),
        )
        .arg(
            option("connections", "LIST", connections)
                .value_parser(List::from_str)
                .help("Numbers of connections, parted by commas"),
        )
        .arg(
            option("out", "DIR", "target/bench-results")
                .value_parser(clap::value_parser!(PathBuf))
                .help("Where tables and pictures go"),
        )
        .arg(number("server-cpu", "0").help("The core that servers run on"))
        .arg(number("load-cpu", "1").help("The core that the load comes from"))
        .arg(
            Arg::new("test")
                .long("test")
                .action(ArgAction::SetTrue)
                .help("See only that all of it works; what it prints means nothing"),
        )
        // Cargo adds this one.
        .arg(Arg::new("bench").long("bench").action(ArgAction::SetTrue).hide(true))
}

/// Numbers parted by commas.
#[derive(Clone)]
struct List(Vec<usize>);

impl FromStr for List {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| match text.trim().parse() {
            Ok(number @ 1..=20_000) => Ok(number),
            _ => Err(format!("'{text}' is not a number from 1 to 20000")),
        };
        text.split(',').map(number).collect::<Result<_, _>>().map(List)
    }
}
