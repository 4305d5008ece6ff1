//! What the kernel tells of a server: processor time, memory, and how often it was called.

use std::io;

use perf_event::events::Tracepoint;
use perf_event::{Builder, Counter};
use procfs::process::Process;

/// Nanoseconds of processor time that all the threads of a process have used.
pub fn cpu_time(id: i32) -> Option<u64> {
    let threads = Process::new(id).ok()?.tasks().ok()?;
    threads.map(|thread| Some(thread.ok()?.schedstat().ok()?.sum_exec_runtime)).sum()
}

/// Bytes of memory that a process occupies.
pub fn resident(id: i32) -> Option<u64> {
    Process::new(id).ok()?.status().ok()?.vmrss.map(|kilobytes| kilobytes << 10)
}

/// Counts a process' system calls. That slows each of them down, so it is for a time of its own.
pub struct SystemCalls {
    threads: Vec<Counter>,
}

impl SystemCalls {
    /// Begins to count, where that is permitted.
    pub fn of(id: i32) -> io::Result<Self> {
        let tracepoint = Tracepoint::with_id(tracepoint()?);
        let threads =
            Process::new(id).and_then(|process| process.tasks()).map_err(io::Error::other)?;
        let count = |thread: i32| {
            let mut builder = Builder::new(tracepoint);
            let mut counter = builder.observe_pid(thread).any_cpu().include_kernel().build()?;
            counter.enable()?;
            Ok(counter)
        };
        let threads = threads.flatten().map(|thread| count(thread.tid));
        Ok(Self { threads: threads.collect::<io::Result<_>>()? })
    }

    /// How many there were.
    pub fn count(mut self) -> io::Result<u64> {
        self.threads.iter_mut().map(Counter::read).sum()
    }
}

/// Why this user cannot count system calls, or `None`.
pub fn cannot_count() -> Option<String> {
    let own = i32::try_from(std::process::id()).expect("process ids are small");
    SystemCalls::of(own).err().map(|error| error.to_string())
}

/// The number of the tracepoint that every system call passes.
fn tracepoint() -> io::Result<u64> {
    let folders = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];
    let read = |folder: &&str| {
        std::fs::read_to_string(format!("{folder}/events/raw_syscalls/sys_enter/id"))
    };
    let mut tries = folders.iter().map(read);
    let text = tries.find_map(Result::ok).ok_or_else(|| {
        io::Error::other(
            "the tracepoint raw_syscalls:sys_enter is out of reach: run as root, and if needed \
             mount -t tracefs tracefs /sys/kernel/tracing",
        )
    })?;
    text.trim().parse().map_err(io::Error::other)
}
