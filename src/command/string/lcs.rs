//! LCS: the longest common subsequence of two strings.

use super::string;
use crate::command::options::{integer, is};
use crate::command::{Argument, Call, Command, Error, Flags, Group, KeySpec, Kind};
use crate::resp::Args;

pub(super) static LCS: Command = Command {
    name: "lcs",
    arity: -3,
    flags: Flags::READONLY,
    keys: &[KeySpec::first(2, KeySpec::READ)],
    group: Group::String,
    since: "7.0.0",
    complexity: "O(N*M) where N and M are the lengths of s1 and s2, respectively",
    summary: "Finds the longest common subsequence of two strings.",
    arguments: &[
        Argument::new("key1", Kind::Key(0)),
        Argument::new("key2", Kind::Key(0)),
        Argument::word("len", "LEN").optional(),
        Argument::word("idx", "IDX").optional(),
        Argument::integer("len").token("MINMATCHLEN").optional(),
        Argument::word("withmatchlen", "WITHMATCHLEN").optional(),
    ],
    run: lcs,
    ..Command::BASE
};

fn lcs(call: &mut Call<'_>) -> Result<(), Error> {
    let a = text(call, 1)?;
    let b = text(call, 2)?;
    let options = Options::read(call.args)?;
    let lengths = Lengths::new(&a, &b, call.instance.config.proto_max_bulk_len.get())?;
    let common = i64::from(lengths.at(a.len(), b.len()));
    if options.idx {
        reply_matches(call, &lengths.matches(&a, &b), common, &options);
    } else if options.len {
        call.reply.integer(common);
    } else {
        let mut subsequence = Vec::with_capacity(common as usize);
        for found in lengths.matches(&a, &b).iter().rev() {
            subsequence.extend_from_slice(&a[found.a..found.a + found.len]);
        }
        call.reply.bulk(&subsequence);
    }
    Ok(())
}

/// A copy of a key's string, empty if there is none: both are needed at once.
fn text(call: &mut Call<'_>, word: usize) -> Result<Vec<u8>, Error> {
    let value = call.keyspace.read(call.session.db, &call.args[word]);
    let no_string = |_| Error::text("The specified keys must contain string values");
    let text = string(value).map_err(no_string)?;
    Ok(text.map_or_else(Vec::new, |text| text.to_vec()))
}

#[derive(Default)]
struct Options {
    len: bool,
    idx: bool,
    /// Shorter matches are not listed.
    min_match_len: i64,
    with_match_len: bool,
}

impl Options {
    fn read(args: Args<'_>) -> Result<Self, Error> {
        let mut options = Self::default();
        let mut words = args.iter().skip(3);
        while let Some(word) = words.next() {
            if is(word, "LEN") {
                options.len = true;
            } else if is(word, "IDX") {
                options.idx = true;
            } else if is(word, "WITHMATCHLEN") {
                options.with_match_len = true;
            } else if is(word, "MINMATCHLEN") {
                options.min_match_len = integer(words.next().ok_or(Error::Syntax)?)?;
            } else {
                return Err(Error::Syntax);
            }
        }
        if options.len && options.idx {
            let text = "If you want both the length and indexes, please just use IDX.";
            return Err(Error::text(text));
        }
        Ok(options)
    }
}

/// A run of bytes that both strings share, by where it begins in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Match {
    a: usize,
    b: usize,
    len: usize,
}

/// The length of the longest common subsequence of each beginning of `a` with each of `b`.
struct Lengths {
    cells: Vec<u32>,
    /// Cells for one beginning of `a`.
    row: usize,
}

impl Lengths {
    /// Fills the table, of which the bytes are limited.
    fn new(a: &[u8], b: &[u8], limit: u64) -> Result<Self, Error> {
        const LONGEST: usize = u32::MAX as usize - 2;
        if a.len() > LONGEST || b.len() > LONGEST {
            return Err(Error::text("String too long for LCS"));
        }
        let row = b.len() + 1;
        let size = (a.len() as u128 + 1) * row as u128 * size_of::<u32>() as u128;
        if size > u128::from(limit) {
            return Err(Error::text(
                "Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
            ));
        }
        let mut cells = Vec::new();
        cells.try_reserve_exact((a.len() + 1) * row).map_err(|_| {
            Error::text("Insufficient memory, failed allocating transient memory for LCS")
        })?;
        cells.resize((a.len() + 1) * row, 0);
        let mut lengths = Self { cells, row };
        lengths.fill(a, b);
        Ok(lengths)
    }

    fn fill(&mut self, a: &[u8], b: &[u8]) {
        for (i, byte) in a.iter().enumerate() {
            let (before, current) =
                self.cells[i * self.row..][..2 * self.row].split_at_mut(self.row);
            for (j, other) in b.iter().enumerate() {
                current[j + 1] =
                    if byte == other { before[j] + 1 } else { before[j + 1].max(current[j]) };
            }
        }
    }

    /// For the first `i` bytes of `a` and the first `j` of `b`.
    fn at(&self, i: usize, j: usize) -> u32 {
        self.cells[i * self.row + j]
    }

    /// The runs of which a longest subsequence is made, last first: the one that Redis finds.
    fn matches(&self, a: &[u8], b: &[u8]) -> Vec<Match> {
        let mut matches: Vec<Match> = Vec::new();
        let (mut i, mut j) = (a.len(), b.len());
        while i > 0 && j > 0 {
            if a[i - 1] != b[j - 1] {
                if self.at(i - 1, j) > self.at(i, j - 1) {
                    i -= 1
                } else {
                    j -= 1
                }
                continue;
            }
            match matches.last_mut() {
                Some(run) if run.a == i && run.b == j => {
                    *run = Match { a: i - 1, b: j - 1, len: run.len + 1 };
                }
                _ => matches.push(Match { a: i - 1, b: j - 1, len: 1 }),
            }
            (i, j) = (i - 1, j - 1);
        }
        matches
    }
}

fn reply_matches(call: &mut Call<'_>, matches: &[Match], common: i64, options: &Options) {
    let shown = matches.iter().filter(|found| found.len as i64 >= options.min_match_len);
    let reply = &mut call.reply;
    reply.map(2);
    reply.bulk(b"matches");
    reply.array(shown.clone().count());
    for found in shown {
        reply.array(if options.with_match_len { 3 } else { 2 });
        for start in [found.a, found.b] {
            reply.array(2);
            reply.integer(start as i64);
            reply.integer((start + found.len - 1) as i64);
        }
        if options.with_match_len {
            reply.integer(found.len as i64);
        }
    }
    reply.bulk(b"len");
    reply.integer(common);
}

#[cfg(test)]
mod tests {
    use crate::command::harness::Harness;
    use crate::resp::Version;

    #[test]
    fn lcs_in_all_its_forms() {
        for mut harness in Harness::each_way() {
            harness.run("MSET a ohmytext b mynewtext");
            assert_eq!(harness.run("LCS a b"), "$6\r\nmytext\r\n");
            assert_eq!(harness.run("LCS a b LEN"), ":6\r\n");
            let matches = "*2\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n*2\r\n*2\r\n:2\r\n:3\r\n*2\r\n:0\r\n:1\r\n";
            let rest = format!("$7\r\nmatches\r\n*2\r\n{matches}$3\r\nlen\r\n:6\r\n");
            assert_eq!(harness.run("LCS a b IDX"), format!("*4\r\n{rest}"));
            assert_eq!(
                harness.run("LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN"),
                "*4\r\n$7\r\nmatches\r\n*1\r\n*3\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n:4\r\n\
                 $3\r\nlen\r\n:6\r\n"
            );
            harness.speak(Version::V3);
            assert_eq!(harness.run("LCS a b IDX MINMATCHLEN -1"), format!("%2\r\n{rest}"));
        }
    }

    #[test]
    fn a_missing_key_is_an_empty_string() {
        let mut harness = Harness::new();
        harness.run("SET a 123");
        assert_eq!(harness.run("LCS a missing"), "$0\r\n\r\n");
        assert_eq!(harness.run("LCS missing missing LEN"), ":0\r\n");
        assert_eq!(harness.run("LCS a a"), "$3\r\n123\r\n");
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        let mut harness = Harness::new();
        let syntax = "-ERR syntax error\r\n";
        let number = "-ERR value is not an integer or out of range\r\n";
        let both = "-ERR If you want both the length and indexes, please just use IDX.\r\n";
        let memory = "-ERR Insufficient memory, transient memory for LCS exceeds \
                      proto-max-bulk-len\r\n";
        harness.run("SETRANGE a 99999 x");
        for (line, expected) in [
            ("LCS a b x", syntax),
            ("LCS a b MINMATCHLEN", syntax),
            ("LCS a b MINMATCHLEN x", number),
            ("LCS a b LEN IDX", both),
            ("LCS a a LEN", memory),
        ] {
            assert_eq!(harness.run(line), expected, "{line}");
        }
    }
}
