//! What a directive is.

use super::parse::ValueError;
use super::values::Values;
use super::{Config, directives};

/// A setting of the server: flag, line of help, default, and how CONFIG GET and SET reach it.
#[derive(Debug)]
pub struct Directive {
    /// In lower case; redis.conf's name where the meaning is the same.
    pub name: &'static str,
    /// Another name for the same, mostly what Redis called it before.
    pub alias: Option<&'static str>,
    /// The heading in `--help`.
    pub group: &'static str,
    /// What stands for the value in `--help`: `bytes`, `yes|no`.
    pub value_name: &'static str,
    /// As the operator would write it.
    pub default: &'static str,
    /// One line.
    pub help: &'static str,
    pub(super) get: fn(&Values) -> String,
    pub(super) set: Set,
}

/// How a value changes, and with that when it may.
#[derive(Debug)]
pub(super) enum Set {
    /// Before the server runs.
    AtStart(fn(&mut Values, &str) -> Result<(), ValueError>),
    /// At any time.
    Live(fn(&Values, &str) -> Result<(), ValueError>),
}

impl Directive {
    /// The directive of that name, in any case.
    pub fn find(name: &str) -> Option<&'static Self> {
        Some(Self::find_name(name)?.0)
    }

    /// The directive of that name, and the name as it is written here.
    pub(super) fn find_name(name: &str) -> Option<(&'static Self, &'static str)> {
        let fits = |own: &&'static str| own.eq_ignore_ascii_case(name);
        directives().find_map(|directive| Some((directive, directive.names().find(fits)?)))
    }

    /// Its name, and its other name.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        [Some(self.name), self.alias].into_iter().flatten()
    }

    /// Its value in `config`, as text that sets it again.
    pub fn value(&self, config: &Config) -> String {
        (self.get)(config)
    }

    /// True if CONFIG SET may change it.
    pub fn is_live(&self) -> bool {
        matches!(self.set, Set::Live(_))
    }
}
