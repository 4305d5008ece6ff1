//! `client-output-buffer-limit`: how much may wait for a client, by its class.

use std::fmt::Write;

use super::live::Number;
use super::parse::{ValueError, integer, memory};

/// Unsent bytes at which a client is closed; 0 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimit {
    /// At once,
    pub hard: u64,
    /// or when so many have been waiting for more than `soft_seconds`.
    pub soft: u64,
    pub soft_seconds: u64,
}

/// What Redis tells apart here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputClass {
    Normal,
    Replica,
    Pubsub,
}

impl OutputClass {
    const ALL: [Self; 3] = [Self::Normal, Self::Replica, Self::Pubsub];

    /// As CONFIG GET writes it.
    fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Replica => "slave",
            Self::Pubsub => "pubsub",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        let word = if word.eq_ignore_ascii_case("replica") { "slave" } else { word };
        Self::ALL.into_iter().find(|class| class.name().eq_ignore_ascii_case(word))
    }
}

/// The limits of all classes; they may change while the server runs.
#[derive(Debug, Default)]
pub struct OutputLimits([LiveLimit; 3]);

#[derive(Debug, Default)]
struct LiveLimit {
    hard: Number,
    soft: Number,
    soft_seconds: Number,
}

impl OutputLimits {
    #[inline]
    pub fn get(&self, class: OutputClass) -> OutputLimit {
        let LiveLimit { hard, soft, soft_seconds } = &self.0[class as usize];
        OutputLimit { hard: hard.get(), soft: soft.get(), soft_seconds: soft_seconds.get() }
    }

    pub fn set(&self, class: OutputClass, limit: OutputLimit) {
        let live = &self.0[class as usize];
        live.hard.set(limit.hard);
        live.soft.set(limit.soft);
        live.soft_seconds.set(limit.soft_seconds);
    }

    /// A class and three numbers for each of the classes.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for class in OutputClass::ALL {
            let gap = if text.is_empty() { "" } else { " " };
            let OutputLimit { hard, soft, soft_seconds } = self.get(class);
            write!(text, "{gap}{} {hard} {soft} {soft_seconds}", class.name())
                .expect("a String takes all");
        }
        text
    }

    /// Sets the classes that `text` names; the others stay as they are.
    pub(super) fn set_text(&self, text: &str) -> Result<(), ValueError> {
        let words: Vec<&str> = if text.is_empty() { vec![] } else { text.split(' ').collect() };
        let (groups, rest) = words.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(ValueError::OutputLimitWords);
        }
        let limits: Result<Vec<_>, _> = groups.iter().map(class_and_limit).collect();
        limits?.into_iter().for_each(|(class, limit)| self.set(class, limit));
        Ok(())
    }
}

fn class_and_limit(
    &[class, hard, soft, seconds]: &[&str; 4],
) -> Result<(OutputClass, OutputLimit), ValueError> {
    let class = OutputClass::parse(class).ok_or(ValueError::OutputLimitClass)?;
    let bytes = |text| memory(text, 0..=u64::MAX).map_err(|_| ValueError::OutputLimitNumber);
    let soft_seconds =
        integer(seconds, 0..=i32::MAX as u64).map_err(|_| ValueError::OutputLimitNumber)?;
    Ok((class, OutputLimit { hard: bytes(hard)?, soft: bytes(soft)?, soft_seconds }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_stays() {
        let limits = OutputLimits::default();
        limits.set_text("normal 1kb 2k 3 pubsub 32mb 8mb 60").unwrap();
        assert_eq!(limits.text(), "normal 1024 2000 3 slave 0 0 0 pubsub 33554432 8388608 60");
        limits.set_text("Replica 4 5 6").unwrap();
        limits.set_text("").unwrap();
        limits.set_text("normal 1 2 3 normal 7 8 9").unwrap();
        assert_eq!(limits.text(), "normal 7 8 9 slave 4 5 6 pubsub 33554432 8388608 60");
        let normal = OutputLimit { hard: 7, soft: 8, soft_seconds: 9 };
        assert_eq!(limits.get(OutputClass::Normal), normal);
    }

    /// As redis-server 7.0.15 refuses them.
    #[test]
    fn one_wrong_word_changes_nothing() {
        let limits = OutputLimits::default();
        for (text, error) in [
            ("normal 1 2", ValueError::OutputLimitWords),
            ("normal 1 2 3 ", ValueError::OutputLimitWords),
            ("pubsub 1 2 3 master 1 2 3", ValueError::OutputLimitClass),
            ("pubsub 1 2 3 normal x 2 3", ValueError::OutputLimitNumber),
            ("normal 1 -2 3", ValueError::OutputLimitNumber),
            ("normal 1 2 3x", ValueError::OutputLimitNumber),
            ("normal 1 2 -1", ValueError::OutputLimitNumber),
            ("normal 1 2 2147483648", ValueError::OutputLimitNumber),
        ] {
            assert_eq!(limits.set_text(text), Err(error), "{text}");
        }
        assert_eq!(limits.text(), "normal 0 0 0 slave 0 0 0 pubsub 0 0 0");
    }
}
