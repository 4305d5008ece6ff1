//! Where servers and load run, so that neither takes the other's time.
#![allow(unsafe_code)] // a scheduling policy: a call that no crate here offers

use std::io;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;

/// A core for the servers and one for the load.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub server: usize,
    pub load: usize,
}

impl Place {
    /// Moves this thread to the load's core. Where one of the two cores is not to be had, both run
    /// where they can, and this says so.
    pub fn take(server: usize, load: usize) -> io::Result<Self> {
        let allowed = sched_getaffinity(Pid::from_raw(0))?;
        let is_allowed = |cpu: &usize| allowed.is_set(*cpu).unwrap_or(false);
        let first = (0..CpuSet::count()).find(is_allowed).unwrap_or_default();
        let place = Self {
            server: if is_allowed(&server) { server } else { first },
            load: if is_allowed(&load) { load } else { first },
        };
        if place.server == place.load {
            eprintln!("server and load share core {first}: only the CPU time a request means much");
        }
        pin(place.load)?;
        Ok(place)
    }

    /// Starts a process on the server's core.
    pub fn on_server_cpu<T>(&self, start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        // A child inherits where it may run.
        pin(self.server)?;
        let started = start();
        pin(self.load)?;
        started
    }
}

/// Has this thread run on any core, and only while that has nothing else to do.
pub fn give_way() -> io::Result<()> {
    let mut all = CpuSet::new();
    (0..CpuSet::count()).try_for_each(|cpu| all.set(cpu))?;
    sched_setaffinity(Pid::from_raw(0), &all)?;
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: 0 is the calling thread; the kernel reads the parameters during the call.
    match unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const parameters) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Raises the limit on open files, here and so for the servers, as far as it goes.
pub fn allow_files(wanted: usize) -> io::Result<()> {
    let (now, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let wanted = (wanted as u64).max(now);
    if wanted > most {
        let why = format!("the limit on open files is {most}, and {wanted} are needed: ulimit -n");
        return Err(io::Error::other(why));
    }
    Ok(setrlimit(Resource::RLIMIT_NOFILE, wanted, most)?)
}

fn pin(cpu: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}
