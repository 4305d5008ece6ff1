//! Commands on the connection itself.

use super::{Compare, Generator, Step};

pub const COMMANDS: &[Generator] = &[
    |_| Step::new("PING"),
    |random| Step::new("PING").word(random.value()),
    |random| Step::new("ECHO").word(random.value()),
    |random| Step::new("SELECT").word(random.database()),
    |random| Step::new("SELECT").word(random.database()),
    |_| Step::line("CLIENT GETNAME"),
    |random| Step::line("CLIENT SETNAME").word(random.key()),
    |random| Step::new("AUTH").word(random.value()),
    |_| Step::line("AUTH nobody nothing"),
    // Spoilt, these two may become good ones, which tell each server's own version.
    |_| Step::line("HELLO 4").compare(Compare::Kind),
    |_| Step::line("HELLO 3 nothing").compare(Compare::Kind),
    |random| Step::new("nothing").word(random.value()).word(random.value()),
    |random| Step::new("CLIENT").word(random.garbage()),
];
