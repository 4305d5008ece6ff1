//! Huge pages, made of memory that is in use already.
//!
//! Among millions of keys a processor finds its way faster by pages of 2 MiB than by those of 4 KiB. The
//! system would give them when memory is first touched, and clear all of it while a reactor's clients
//! wait: so that is switched off, and small pages are joined later, by a thread of its own. Whoever needs a
//! page meanwhile waits for one to be joined, from a third of a millisecond to some; so it is done when memory
//! does not grow, and with pauses, see `upkeep`. It takes MADV_COLLAPSE, Linux 6.1; on older systems
//! everything stays as they do it.

#![allow(unsafe_code)] // madvise and prctl come from libc.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use super::watch::{Change, Watch};

const PAGE: usize = 4096;
const HUGE_PAGE: usize = 2 << 20;

/// Looks through the memory of this process, a part at a time, whenever there is more or less of it.
pub(super) struct HugePages {
    /// Where the next look begins; 0 between two rounds.
    next: usize,
    resident: Watch,
    pagemap: File,
}

impl HugePages {
    /// None where the system cannot join pages, or is told not to have huge ones.
    pub(super) fn instead_of_the_systems() -> Option<Self> {
        let allowed =
            std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").ok()?;
        let pagemap = File::open("/proc/self/pagemap").ok()?;
        if allowed.contains("[never]") || collapse(0, 0).is_err() || !give_on_first_touch(false) {
            return None;
        }
        Some(Self { next: 0, resident: Watch::default(), pagemap })
    }

    /// Looks at the next part, and joins what is whole. Returns how long it took; None when there is
    /// nothing to do for a while: the round is over, or memory is growing, and who asks for more would wait
    /// for a page to be joined.
    pub(super) fn go_on(&mut self, resident: usize) -> Option<Duration> {
        match self.resident.look(resident) {
            Change::Moving => return None,
            Change::Nothing if self.next == 0 => return None,
            Change::Nothing | Change::Settled => {}
        }
        let begun = Instant::now();
        // The system joins no pages for those that it gives none.
        give_on_first_touch(true);
        let goes_on = self.join();
        give_on_first_touch(false);
        if !goes_on {
            self.next = 0;
        }
        goes_on.then(|| begun.elapsed())
    }

    /// Joins pages for a short time. False when there are no more.
    fn join(&mut self) -> bool {
        /// As long as a page is joined, nobody can have a new one.
        const TIME: Duration = Duration::from_micros(500);
        const LOOKS: usize = 128;
        let begun = Instant::now();
        for (look, at) in candidates(self.next).enumerate() {
            if look == LOOKS || begun.elapsed() >= TIME {
                return true;
            }
            self.next = at + HUGE_PAGE;
            // Some pages have to stay where they are, which says nothing about the others; but where
            // there is no huge page to be had, or the control group is full, there is none for others.
            if self.is_whole(at)
                && let Err(Some(libc::ENOMEM | libc::EBUSY)) = collapse(at, HUGE_PAGE)
            {
                break;
            }
        }
        false
    }

    /// Whether all of the small pages are there, proc_pid_pagemap(5): joining makes no use of more memory.
    fn is_whole(&self, at: usize) -> bool {
        const PRESENT: u8 = 0x80;
        let mut entries = [0; HUGE_PAGE / PAGE * 8];
        let offset = (at / PAGE * 8) as u64;
        self.pagemap.read_exact_at(&mut entries, offset).is_ok()
            && entries.chunks_exact(8).all(|entry| entry[7] & PRESENT != 0)
    }
}

/// Where huge pages could lie, from an address on.
fn candidates(from: usize) -> impl Iterator<Item = usize> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let areas: Vec<_> = maps.lines().filter_map(area).collect();
    areas.into_iter().flat_map(move |(start, end)| {
        let first = start.max(from).next_multiple_of(HUGE_PAGE);
        (first..end.saturating_sub(HUGE_PAGE - 1)).step_by(HUGE_PAGE)
    })
}

/// Of a line of proc_pid_maps(5), the addresses, if it is memory that was asked for to be written to.
fn area(line: &str) -> Option<(usize, usize)> {
    let mut fields = line.split_ascii_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    let is_plain = fields.next()? == "rw-p" && fields.nth(2)? == "0" && fields.next().is_none();
    is_plain.then_some((address(start)?, address(end)?))
}

/// Makes one page of those at an address, or leaves the one that is there: madvise(2).
fn collapse(at: usize, bytes: usize) -> Result<(), Option<i32>> {
    let address = std::ptr::without_provenance_mut(at);
    // SAFETY: what the pages hold stays the same, and where; an address where nothing is fails.
    match unsafe { libc::madvise(address, bytes, libc::MADV_COLLAPSE) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error().raw_os_error()),
    }
}

/// PR_SET_THP_DISABLE(2const), which takes no effect on pages that are there. False if it fails.
fn give_on_first_touch(does: bool) -> bool {
    const UNUSED: libc::c_ulong = 0;
    let disable = libc::c_ulong::from(!does);
    // SAFETY: no memory of ours is read or written, and all arguments are of the type that prctl reads.
    unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, disable, UNUSED, UNUSED, UNUSED) == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;

    /// Of this process, proc_pid_smaps(5).
    fn bytes_of_huge_pages() -> usize {
        let smaps = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
        let line = smaps.lines().find_map(|line| line.strip_prefix("AnonHugePages:")).unwrap();
        line.trim_end_matches("kB").trim().parse::<usize>().unwrap() << 10
    }

    #[test]
    fn memory_that_is_in_use_is_joined() {
        let mut pages = HugePages::instead_of_the_systems().expect("Linux 6.1 and huge pages");
        let before = bytes_of_huge_pages();
        let block = black_box(vec![7u8; 32 << 20]);
        assert!(bytes_of_huge_pages() < before + (8 << 20), "they are not given on first touch");
        for resident in [0, 64 << 20].into_iter().cycle().take(10_000).flat_map(|now| [now; 50]) {
            pages.go_on(resident);
            if bytes_of_huge_pages() >= before + (24 << 20) {
                assert!(block.iter().all(|&byte| byte == 7));
                return;
            }
        }
        panic!("{} of huge pages, {before} before", bytes_of_huge_pages());
    }

    #[test]
    fn areas_are_those_of_plain_memory() {
        let address = Some((0x7f00_0000_0000, 0x7f00_4000_0000));
        assert_eq!(area("7f0000000000-7f0040000000 rw-p 00000000 00:00 0 "), address);
        for other in [
            "7f0000000000-7f0040000000 rw-s 00000000 00:0d 1035       anon_inode:[io_uring]",
            "7f0000000000-7f0040000000 r-xp 002f5000 fe:00 5348709    /usr/bin/torc",
            "7f0000000000-7f0040000000 rw-p 00000000 00:00 0          [stack]",
            "7f0000000000-7f0040000000 ---p 00000000 00:00 0 ",
        ] {
            assert_eq!(area(other), None, "{other}");
        }
    }
}
