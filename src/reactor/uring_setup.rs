//! Setting up a ring: the flags this kernel takes, the memory it grants, and if neither, why.

use std::fmt;
use std::io;

use io_uring::IoUring;

use crate::reactor::backend::{Errno, SHARE};

/// Sizes of a ring and of its receive buffers.
#[derive(Clone, Copy, Debug)]
pub struct UringOptions {
    /// Entries of the submission queue.
    pub entries: u32,
    /// Entries of the completion queue: more than connections that may be ready at once.
    pub completions: u32,
    /// Receive buffers, rounded up to a power of two. They are needed by connections that are ready
    /// in the same tick, not by all; and all of them pass through the cache in turn.
    pub buffers: u16,
    /// Bytes of one receive buffer.
    pub buffer_size: u32,
    /// The rung of the set-up ladder to begin with: 0 is the best, 3 suits Linux 5.19.
    pub first_rung: usize,
    /// One request receives many times, where the kernel can (6.0).
    pub multishot: bool,
}

impl Default for UringOptions {
    fn default() -> Self {
        Self {
            entries: 1024,
            completions: 8192,
            buffers: 256,
            buffer_size: SHARE as u32,
            first_rung: 0,
            multishot: true,
        }
    }
}

/// The least to try when the kernel grants no more memory.
const LEAST_ENTRIES: u32 = 256;
const LEAST_COMPLETIONS: u32 = 1024;

/// A set of set-up flags that some kernels take and older ones do not.
#[derive(Debug)]
pub(super) struct Rung {
    pub(super) name: &'static str,
    no_sqarray: bool,
    defer_taskrun: bool,
    single_issuer: bool,
}

/// The ladder: each rung does without what the next older kernel lacks.
const LADDER: [Rung; 4] = [
    // 6.6
    Rung { name: "L0", no_sqarray: true, defer_taskrun: true, single_issuer: true },
    // 6.1
    Rung { name: "L1", no_sqarray: false, defer_taskrun: true, single_issuer: true },
    // 6.0
    Rung { name: "L2", no_sqarray: false, defer_taskrun: false, single_issuer: true },
    // 5.19
    Rung { name: "L3", no_sqarray: false, defer_taskrun: false, single_issuer: false },
];

impl Rung {
    fn build(&self, entries: u32, completions: u32) -> io::Result<IoUring> {
        let mut builder = IoUring::builder();
        builder.setup_coop_taskrun().setup_taskrun_flag().setup_submit_all();
        builder.setup_cqsize(completions).setup_clamp().dontfork();
        if self.single_issuer {
            builder.setup_single_issuer();
        }
        if self.defer_taskrun {
            builder.setup_defer_taskrun();
        }
        if self.no_sqarray {
            builder.setup_no_sqarray();
        }
        builder.build(entries)
    }

    /// True when all that the kernel does for the ring it does inside of io_uring_enter(2).
    pub(super) fn defers(&self) -> bool {
        self.defer_taskrun
    }

    /// The optional flags in use, in the kernel's words.
    pub(super) fn features(&self) -> Vec<&'static str> {
        let flags = [
            (self.single_issuer, "SINGLE_ISSUER"),
            (self.defer_taskrun, "DEFER_TASKRUN"),
            (self.no_sqarray, "NO_SQARRAY"),
        ];
        flags.iter().filter(|(used, _)| *used).map(|(_, name)| *name).collect()
    }
}

/// Builds the best ring that this kernel gives.
pub(super) fn build(options: &UringOptions) -> Result<(IoUring, &'static Rung), Unavailable> {
    climb(options, Rung::build)
}

/// EINVAL steps down the ladder, ENOMEM halves the queues first.
fn climb<R>(
    options: &UringOptions,
    build: impl Fn(&Rung, u32, u32) -> io::Result<R>,
) -> Result<(R, &'static Rung), Unavailable> {
    for rung in LADDER.iter().skip(options.first_rung) {
        let (mut entries, mut completions) = (options.entries, options.completions);
        loop {
            let error = match build(rung, entries, completions) {
                Ok(ring) => return Ok((ring, rung)),
                Err(error) => Errno::of(&error),
            };
            let least = entries <= LEAST_ENTRIES && completions <= LEAST_COMPLETIONS;
            match error.0 {
                libc::EINVAL => break,
                libc::ENOMEM if !least => {
                    entries = (entries / 2).max(LEAST_ENTRIES.min(entries));
                    completions = (completions / 2).max(LEAST_COMPLETIONS.min(completions));
                }
                _ => return Err(Unavailable::because(error, sysctl())),
            }
        }
    }
    Err(Unavailable::TooOld)
}

/// `kernel.io_uring_disabled`, where there is such a thing (Linux 6.6).
fn sysctl() -> Option<u8> {
    let text = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled").ok()?;
    text.trim().parse().ok()
}

/// Why there is no ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// ENOSYS.
    Missing,
    /// EPERM, and `kernel.io_uring_disabled` has this value.
    Disabled(u8),
    /// EPERM, and the sysctl is not the reason.
    Blocked,
    /// EACCES.
    Denied,
    /// ENOMEM, even for the smallest ring.
    Memory,
    /// EINVAL on every rung.
    TooOld,
    /// What else setting up a ring has met.
    Other(Errno),
}

impl Unavailable {
    /// What an error of io_uring_setup(2) means, given the value of the sysctl.
    pub(super) fn because(error: Errno, sysctl: Option<u8>) -> Self {
        match (error.0, sysctl) {
            (libc::ENOSYS, _) => Self::Missing,
            (libc::EPERM, Some(level @ 1..)) => Self::Disabled(level),
            (libc::EPERM, _) => Self::Blocked,
            (libc::EACCES, _) => Self::Denied,
            (libc::ENOMEM, _) => Self::Memory,
            (libc::EINVAL, _) => Self::TooOld,
            _ => Self::Other(error),
        }
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str(
                "io_uring is not available: the kernel is too old or built without it, \
                 or seccomp blocks it",
            ),
            Self::Disabled(1) => f.write_str(
                "io_uring is disabled for this user: kernel.io_uring_disabled is 1; \
                 join the group kernel.io_uring_group, or set it to 0 with \
                 `sysctl -w kernel.io_uring_disabled=0`",
            ),
            Self::Disabled(level) => write!(
                f,
                "io_uring is disabled: kernel.io_uring_disabled is {level}; \
                 set it to 0 with `sysctl -w kernel.io_uring_disabled=0`"
            ),
            Self::Blocked => f.write_str(
                "io_uring is blocked, most likely by the container's seccomp profile; \
                 allow it with `--security-opt seccomp=...`",
            ),
            Self::Denied => f.write_str("io_uring is denied by a security module"),
            Self::Memory => f.write_str(
                "not enough memory for a ring: raise the limit on locked memory \
                 (`ulimit -l`) or the memory limit of the container",
            ),
            Self::TooOld => f.write_str("the kernel's io_uring is too old: Linux 5.19 is needed"),
            Self::Other(error) => write!(f, "cannot set up io_uring: {error}"),
        }
    }
}

impl std::error::Error for Unavailable {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    fn failing(errno: i32) -> io::Error {
        io::Error::from_raw_os_error(errno)
    }

    #[test]
    fn an_older_kernel_steps_down_the_ladder() {
        let old = |rung: &Rung, _, _| {
            if rung.defer_taskrun { Err(failing(libc::EINVAL)) } else { Ok(()) }
        };
        let (_, rung) = climb(&UringOptions::default(), old).unwrap();
        assert_eq!((rung.name, rung.features()), ("L2", vec!["SINGLE_ISSUER"]));
        let from_the_last = UringOptions { first_rung: 3, ..UringOptions::default() };
        let (_, rung) = climb(&from_the_last, |_, _, _| Ok(())).unwrap();
        assert_eq!((rung.name, rung.features()), ("L3", vec![]));
        let ancient = |_: &Rung, _, _| Err::<(), _>(failing(libc::EINVAL));
        assert_eq!(climb(&UringOptions::default(), ancient).unwrap_err(), Unavailable::TooOld);
    }

    #[test]
    fn each_flag_may_be_refused() {
        for (flag, expected) in
            ["NO_SQARRAY", "DEFER_TASKRUN", "SINGLE_ISSUER"].iter().zip(["L1", "L2", "L3"])
        {
            let kernel = |rung: &Rung, _, _| {
                if rung.features().contains(flag) { Err(failing(libc::EINVAL)) } else { Ok(()) }
            };
            let (_, rung) = climb(&UringOptions::default(), kernel).unwrap();
            assert_eq!(rung.name, expected);
        }
    }

    #[test]
    fn scarce_memory_halves_the_queues_down_to_a_least() {
        let tried = RefCell::new(Vec::new());
        let scarce = |_: &Rung, entries, completions| {
            tried.borrow_mut().push((entries, completions));
            Err::<(), _>(failing(libc::ENOMEM))
        };
        assert_eq!(climb(&UringOptions::default(), scarce).unwrap_err(), Unavailable::Memory);
        assert_eq!(tried.into_inner(), [(1024, 8192), (512, 4096), (256, 2048), (256, 1024)]);
    }

    #[test]
    fn every_reason_is_one_line_that_names_the_cure() {
        let says = |errno, sysctl, what: &str| {
            let line = Unavailable::because(Errno(errno), sysctl).to_string();
            assert!(line.contains(what) && !line.contains('\n') && !line.contains("  "), "{line}");
        };
        says(libc::ENOSYS, None, "seccomp");
        says(libc::EPERM, Some(2), "kernel.io_uring_disabled is 2");
        says(libc::EPERM, Some(1), "kernel.io_uring_group");
        says(libc::EPERM, Some(0), "--security-opt seccomp");
        says(libc::EPERM, None, "--security-opt seccomp");
        says(libc::EACCES, Some(0), "security module");
        says(libc::ENOMEM, Some(0), "ulimit -l");
        says(libc::EINVAL, Some(0), "Linux 5.19");
        says(libc::EMFILE, Some(0), "Too many open files");
    }
}
