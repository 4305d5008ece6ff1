//! Commands on the connection itself.

use super::{Generator, Step};

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
    |_| Step::line("HELLO 4"),
    |_| Step::line("HELLO 3 nothing"),
    |random| Step::new("nothing").word(random.value()).word(random.value()),
    |random| Step::new("CLIENT").word(random.garbage()),
];
