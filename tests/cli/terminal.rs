//! redis-cli at a terminal: hints while one types, help, and the prompt.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::{servers, with};
use crate::common::{PATIENCE, Server, program};

const TOOL: &str = "redis-cli";

/// A program at a terminal of its own, ended when this is dropped.
struct Terminal {
    child: Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    /// Shown and not yet looked at.
    shown: String,
}

impl Terminal {
    fn redis_cli(server: &Server, arguments: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal is free");
        grantpt(&master).expect("it is ours");
        unlockpt(&master).expect("it is ours");
        let name = ptsname(&master, Vec::new()).expect("it has a name");
        let path = name.into_string().expect("the name is ASCII");
        let slave = File::options().read(true).write(true).open(path).expect("it is unlocked");
        let size = Winsize { ws_row: 25, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&slave, size).expect("a terminal has a size");
        let stdio = || Stdio::from(OwnedFd::from(slave.try_clone().expect("a free descriptor")));
        let child = Command::new(TOOL)
            .args(["-p", &server.port().to_string()])
            .args(arguments)
            .env("TERM", "xterm")
            .env("HOME", server.folder()) // its history is not the user's
            .stdin(stdio())
            .stdout(stdio())
            .stderr(stdio())
            .spawn()
            .expect("it is installed");
        let keyboard = File::from(master);
        let screen = watch(keyboard.try_clone().expect("a free descriptor"));
        Self { child, keyboard, screen, shown: String::new() }
    }

    /// Types a line when the program asks for one.
    #[track_caller]
    fn enter(&mut self, line: &str) {
        self.expect("> ");
        self.keys(line);
        self.keys("\r");
    }

    fn keys(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).expect("the program is there");
    }

    /// Waits until a text is shown.
    #[track_caller]
    fn expect(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.shown.find(text) {
                self.shown.drain(..at + text.len());
                return;
            }
            match self.screen.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => {
                    self.shown.push_str(&String::from_utf8_lossy(&bytes));
                    remove_escapes(&mut self.shown);
                }
                Err(_) => panic!("{text:?} is not shown, but {:?}", self.shown),
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Removes what moves the cursor and changes colours: from `ESC [` to the first letter.
fn remove_escapes(shown: &mut String) {
    let mut from = 0;
    while let Some(start) = shown[from..].find("\x1b[").map(|at| from + at) {
        let letter = |c: char| c.is_ascii_alphabetic();
        let Some(end) = shown[start..].find(letter) else { return }; // its end is still to come
        shown.replace_range(start..=start + end, "");
        from = start;
    }
}

fn watch(mut terminal: File) -> Receiver<Vec<u8>> {
    let (sender, screen) = channel();
    std::thread::spawn(move || {
        let mut chunk = [0; 4096];
        while let Ok(read @ 1..) = terminal.read(&mut chunk) {
            let _ = sender.send(chunk[..read].to_vec()); // nobody watches after the test
        }
    });
    screen
}

#[test]
fn hints_and_help() {
    for server in servers(TOOL) {
        let mut terminal = Terminal::redis_cli(&server, &[]);
        terminal.expect("> ");
        terminal.keys("GETRANGE ");
        terminal.expect("GETRANGE key start end"); // the hint
        terminal.keys("k 0 1\r");
        terminal.expect("\"\"");
        terminal.enter("help getrange");
        terminal.expect("GETRANGE key start end");
        terminal.expect("summary: ");
        terminal.expect("since: 2.4.0");
        terminal.expect("group: string");
        terminal.enter("help @string");
        terminal.expect("APPEND key value");
        terminal.expect("summary: ");
        terminal.enter("quit");
        let ended = program::wait(&mut terminal.child, PATIENCE);
        assert!(ended.is_some_and(|status| status.success()));
    }
}

#[test]
fn the_prompt_follows() {
    for server in servers(TOOL) {
        let mut terminal = Terminal::redis_cli(&server, &["-3"]);
        let prompt = format!("127.0.0.1:{}", server.port());
        terminal.expect(&prompt);
        terminal.enter("select 4");
        terminal.expect(&format!("{prompt}[4]"));
        terminal.enter("config get databases");
        terminal.expect("1# \"databases\" => \"16\"");
        terminal.expect(&format!("{prompt}[4]"));
        terminal.enter("reset");
        terminal.expect("RESET");
        terminal.expect(&prompt);
        terminal.enter("nothing here");
        terminal.expect("(error) ERR unknown command 'nothing', with args beginning with: 'here'");
    }
}

#[test]
fn a_password_typed_late() {
    if !program::installed(TOOL) {
        return;
    }
    let server = with().flag("requirepass", "secret").start();
    let mut terminal = Terminal::redis_cli(&server, &[]);
    terminal.enter("get k");
    terminal.expect("(error) NOAUTH Authentication required.");
    terminal.enter("auth secret");
    terminal.expect("OK");
    terminal.enter("get k");
    terminal.expect("(nil)");
}
