//! The command line, made of the table of directives.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command, value_parser};

use super::{Config, Directive, ValueError, directives};

/// Reads the arguments that follow the program's name.
///
/// A flag takes all words up to the next one that begins with `--`, as redis-server does:
/// `--bind 127.0.0.1 -::1 --port 7000`. If a flag is given twice, the last one counts.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Config, Exit> {
    let matches =
        command().try_get_matches_from(join_values(arguments)).map_err(|error| exit(&error))?;
    let mut config = Config::default();
    for directive in directives() {
        let Some(value) = matches.get_one::<OsString>(directive.name) else { continue };
        let set = value.to_str().ok_or(ValueError::NotText);
        set.and_then(|text| config.start(directive, text)).map_err(|error| {
            let shown = value.to_string_lossy();
            Exit::refused(&format!("--{} '{}': {error}", directive.name, shown.escape_debug()))
        })?;
    }
    Ok(config)
}

/// The process ends here, with a last word.
#[derive(Debug, PartialEq, Eq)]
pub struct Exit {
    /// Whole lines: for standard output if the code is 0, else for standard error.
    pub text: String,
    /// 0 after `--help` and `--version`, 2 if an argument is wrong.
    pub code: u8,
}

impl Exit {
    fn refused(why: &str) -> Self {
        Self { text: format!("torc: {why}\n"), code: 2 }
    }

    /// Prints the text. Returns the code to end with.
    pub fn leave(&self) -> ExitCode {
        let text = self.text.as_bytes();
        // If nobody reads, nobody misses it.
        let _ = match self.code {
            0 => std::io::stdout().write_all(text),
            _ => std::io::stderr().write_all(text),
        };
        ExitCode::from(self.code)
    }
}

fn command() -> Command {
    Command::new("torc")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A Redis-protocol key-value server on io_uring")
        .override_usage("torc [--<directive> <value> ...] ...")
        .no_binary_name(true)
        .args_override_self(true)
        .term_width(0) // a line for each directive, however long its name
        .args(directives().map(argument))
}

fn argument(directive: &'static Directive) -> Arg {
    let shown = match directive.default {
        "" => directive.help.to_owned(),
        default => format!("{} [default: {default}]", directive.help),
    };
    Arg::new(directive.name)
        .long(directive.name)
        .visible_alias(directive.alias)
        .help_heading(directive.group)
        .value_name(directive.value_name)
        .help(shown)
        .value_parser(value_parser!(OsString))
        .action(ArgAction::Set)
}

/// Joins each flag and its values to one word: `--bind`, `a`, `b` becomes `--bind=a b`.
fn join_values(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = Vec::new();
    for argument in arguments {
        let bytes = argument.as_encoded_bytes();
        let is_flag = bytes.starts_with(b"--") || bytes == b"-h" || bytes == b"-V";
        match words.last_mut() {
            Some(word) if !is_flag => {
                let has_value = word.as_encoded_bytes().contains(&b'=');
                word.push(if has_value { " " } else { "=" });
                word.push(argument);
            }
            _ => words.push(argument),
        }
    }
    words
}

/// clap's answer, its errors cut down to a line.
fn exit(error: &clap::Error) -> Exit {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            Exit { text: error.to_string(), code: 0 }
        }
        ErrorKind::UnknownArgument => {
            let unknown = format!("unknown argument '{}'", context(ContextKind::InvalidArg));
            match context(ContextKind::SuggestedArg).as_str() {
                "" => Exit::refused(&unknown),
                suggested => Exit::refused(&format!("{unknown}, did you mean '{suggested}'?")),
            }
        }
        _ => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            Exit::refused(line.strip_prefix("error: ").unwrap_or(line))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{BackendChoice, LogLevel, Mode};

    fn run(arguments: &[&str]) -> Result<Config, Exit> {
        parse(arguments.iter().map(OsString::from))
    }

    /// The line on standard error.
    fn refusal(arguments: &[&str]) -> String {
        let exit = run(arguments).expect_err("should be refused");
        assert_eq!(exit.code, 2);
        assert_eq!(exit.text.lines().count(), 1, "{}", exit.text);
        exit.text.trim_end().to_owned()
    }

    #[test]
    fn nothing_said_means_the_defaults() {
        let config = run(&[]).unwrap();
        assert_eq!((config.port, config.mode, config.databases), (6379, Mode::Kv, 16));
        assert_eq!(config.backend, BackendChoice::Auto);
        assert_eq!(config.proto_max_bulk_len.get(), 512 << 20);
        assert!(config.reactors() >= 1);
    }

    #[test]
    fn flags_are_taken_as_redis_server_takes_them() {
        let config = run(&[
            "--bind",
            "127.0.0.1",
            "-::1",
            "--port",
            "7000",
            "--save",
            "",
            "--appendonly",
            "no",
            "--mode=echo",
            "--port",
            "7001",
        ])
        .unwrap();
        let addresses: Vec<_> = config.bind.iter().map(|bind| bind.ip.to_string()).collect();
        assert_eq!(addresses, ["127.0.0.1", "::1"]);
        assert_eq!((config.port, config.mode), (7001, Mode::Echo));
    }

    #[test]
    fn log_level_is_another_name_of_loglevel() {
        let config = run(&["--log-level", "warning"]).unwrap();
        assert_eq!(config.loglevel.get(), LogLevel::Warning);
    }

    #[test]
    fn a_refusal_is_one_line_that_names_flag_and_value() {
        assert_eq!(
            refusal(&["--port", "70000"]),
            "torc: --port '70000': argument must be between 0 and 65535 inclusive"
        );
        assert_eq!(
            refusal(&["--save", "60", "1"]),
            "torc: --save '60 1': nothing is kept on disk: it can only be ''"
        );
        assert_eq!(
            refusal(&["--prot", "7000"]),
            "torc: unknown argument '--prot', did you mean '--port'?"
        );
        assert_eq!(refusal(&["--zzz"]), "torc: unknown argument '--zzz'");
        assert_eq!(refusal(&["7000"]), "torc: unknown argument '7000'");
        assert_eq!(refusal(&["--save", "a\nb"]), "torc: --save 'a\\nb': Invalid save parameters");
        assert!(refusal(&["--port"]).contains("--port"));
        assert!(refusal(&["--help", "me"]).contains("--help"));
    }

    #[test]
    fn help_explains_each_directive_with_its_default_in_one_line() {
        let help = run(&["--help"]).unwrap_err();
        assert_eq!(help.code, 0);
        for directive in directives() {
            let flag = format!("--{} <", directive.name);
            let line = help.text.lines().find(|line| line.contains(&flag)).expect(directive.name);
            assert!(line.contains(directive.help), "{line}");
            let default = format!("[default: {}]", directive.default);
            assert!(directive.default.is_empty() || line.contains(&default), "{line}");
        }
        let version = Exit { text: "torc 0.1.0\n".to_owned(), code: 0 };
        assert_eq!(run(&["--port", "1", "-V"]).unwrap_err(), version);
    }
}
