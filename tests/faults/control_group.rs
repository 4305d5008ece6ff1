//! A control group whose memory is limited, as that of a container is: by either version of cgroups(7).

use std::fs::{OpenOptions, create_dir, remove_dir};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Removed when it is dropped; the processes in it must have ended before.
pub struct ControlGroup(PathBuf);

/// Where each version has its groups, and the files that limit memory and swap space.
const VERSIONS: [(&str, &str, &str); 2] = [
    ("/sys/fs/cgroup", "memory.max", "memory.swap.max"),
    ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"),
];

impl ControlGroup {
    /// None where no such group can be made, which is said on the terminal: it takes root, and a system
    /// that lets it, as containers do not.
    pub fn of(bytes: u64) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("torc-test-{}-{number}", std::process::id());
        for (root, limit, swap) in VERSIONS {
            let folder = Path::new(root).join(&name);
            if create_dir(&folder).is_err() {
                continue;
            }
            let group = Self(folder);
            if group.set(limit, bytes).is_ok() {
                let _ = group.set(swap, if swap.contains("memsw") { bytes } else { 0 }); // if there is any
                return Some(group);
            }
        }
        // Written to the stream itself: the test harness would keep what `eprintln!` writes.
        let _ = writeln!(std::io::stderr(), "skipped: no control group with a limit can be made");
        None
    }

    pub fn folder(&self) -> &Path {
        &self.0
    }

    fn set(&self, file: &str, value: u64) -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(self.0.join(file))?;
        file.write_all(value.to_string().as_bytes())
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        let _ = remove_dir(&self.0); // what stays of it takes no memory
    }
}
