//! Outside programs: found or visibly skipped, and run with a time limit.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What a program that ended has left.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// Whether `name` is installed. Where it is not, the caller returns early and this says so on the
/// terminal; it fails instead where `CI` or `TORC_REQUIRE_REDIS` is set.
pub fn installed(name: &str) -> bool {
    if find(name).is_some() {
        return true;
    }
    let required = ["CI", "TORC_REQUIRE_REDIS"].iter().any(|name| std::env::var_os(name).is_some());
    assert!(!required, "{name} is not installed, and CI or TORC_REQUIRE_REDIS asks for it");
    // Written to the stream itself: the test harness would keep what `eprintln!` writes.
    let _ = writeln!(std::io::stderr(), "skipped: {name} is not installed");
    false
}

fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Runs a program to its end with `input` on its standard input.
///
/// # Panics
/// When it cannot be started or does not end within `limit`.
pub fn run(command: &mut Command, input: Option<&Path>, limit: Duration) -> Ended {
    let stdin = match input {
        Some(path) => Stdio::from(std::fs::File::open(path).expect("the input can be read")),
        None => Stdio::null(),
    };
    let mut child = command
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    let stdout = drain(child.stdout.take().expect("it is piped"));
    let stderr = drain(child.stderr.take().expect("it is piped"));
    let status = wait(&mut child, limit);
    if status.is_none() {
        let _ = child.kill();
        let _ = child.wait();
    }
    let stdout = stdout.join().expect("the reader does not panic");
    let stderr = stderr.join().expect("the reader does not panic");
    let Some(status) = status else {
        panic!("{command:?} ran longer than {limit:?}\nstdout: {stdout}\nstderr: {stderr}");
    };
    Ended { status, stdout, stderr }
}

/// The first lines that a program prints, which would run on; it is ended then. Lines may end in a
/// carriage return, as those that a terminal would overwrite.
///
/// # Panics
/// When they do not come within `limit`.
pub fn first_lines(command: &mut Command, count: usize, limit: Duration) -> Vec<String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    let mut stdout = child.stdout.take().expect("it is piped");
    let (sender, bytes) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut chunk = [0; 4096];
        while let Ok(read @ 1..) = stdout.read(&mut chunk) {
            let _ = sender.send(chunk[..read].to_vec()); // nobody listens once enough has come
        }
    });
    let deadline = Instant::now() + limit;
    let mut printed = Vec::new();
    let ended = |byte: &u8| matches!(byte, b'\n' | b'\r');
    while printed.iter().filter(|byte| ended(byte)).count() < count {
        match bytes.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(chunk) => printed.extend(chunk),
            Err(_) => break,
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    let lines: Vec<_> = printed.split(['\n', '\r']).take(count).map(str::to_owned).collect();
    assert_eq!(lines.len(), count, "{command:?} printed only {printed:?}");
    lines
}

/// Waits for a child to end, at most `limit`.
pub fn wait(child: &mut std::process::Child, limit: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return Some(status);
        }
        if Instant::now() > deadline {
            return None;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Reads a pipe to its end beside the program, which would stop when the pipe is full.
fn drain(mut pipe: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
