//! AUTH: the password that `requirepass` asks for. There is one user, `default`.

use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq;

use super::ANY_TIME;
use crate::command::{Argument, Call, Command, Error, Group};

/// The user that every client is.
pub(super) const DEFAULT_USER: &[u8] = b"default";

pub(super) static AUTH: Command = Command {
    name: "auth",
    arity: -2,
    flags: ANY_TIME,
    group: Group::Connection,
    since: "1.0.0",
    history: &[("6.0.0", "Added ACL style (username and password).")],
    complexity: "O(N) where N is the number of passwords defined for the user",
    summary: "Gives the password that the server asks for.",
    arguments: &[
        Argument::string("username").optional().since("6.0.0"),
        Argument::string("password"),
    ],
    run: auth,
    ..Command::BASE
};

fn auth(call: &mut Call<'_>) -> Result<(), Error> {
    let args = call.args;
    match args.len() {
        // An application that gives a password where there is none is perhaps in the wrong place.
        2 if call.instance.config.requirepass.get().is_empty() => return Err(Error::NoPasswordSet),
        2 => authenticate(call, DEFAULT_USER, &args[1])?,
        3 => authenticate(call, &args[1], &args[2])?,
        _ => return Err(Error::Syntax),
    }
    call.reply.ok();
    Ok(())
}

/// Lets the client in, or refuses it; a client that is in already stays so. Any password will do
/// when none is configured.
pub(super) fn authenticate(call: &mut Call<'_>, user: &[u8], password: &[u8]) -> Result<(), Error> {
    let required = call.instance.config.requirepass.get();
    let is_right = required.is_empty() || is_same(required.as_bytes(), password);
    if user != DEFAULT_USER || !is_right {
        return Err(Error::WrongPassword);
    }
    call.session.authenticated = true;
    Ok(())
}

/// Whether two passwords are the same. Hashes are all of one length and are compared to the end, so
/// the time it takes tells neither how much of a password is right nor how long the right one is.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let hash = |password| digest(&SHA256, password);
    hash(one).as_ref().ct_eq(hash(other).as_ref()).into()
}

#[cfg(test)]
mod tests {
    use super::is_same;
    use crate::command::harness::Harness;

    const WRONG: &str = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";

    #[test]
    fn the_right_password_opens_and_a_wrong_one_does_not() {
        let mut client = Harness::with_password("pw");
        for wrong in ["AUTH p", "AUTH pww", "AUTH PW", "AUTH default bad", "AUTH root pw"] {
            assert_eq!(client.run(wrong), WRONG, "{wrong}");
            assert!(!client.session.authenticated);
        }
        assert_eq!(client.run("AUTH pw"), "+OK\r\n");
        assert_eq!(client.run("PING"), "+PONG\r\n");
        assert_eq!(client.run("AUTH bad"), WRONG);
        assert_eq!(client.run("PING"), "+PONG\r\n", "who is in stays in");
        assert_eq!(client.run("AUTH default pw"), "+OK\r\n");
    }

    #[test]
    fn passwords_are_the_same_byte_for_byte() {
        let password = b"secret";
        assert!(is_same(password, b"secret"));
        for other in [&b""[..], b"s", b"secre", b"secrets", b"Secret", b"secreT", b"secret\0"] {
            assert!(!is_same(password, other), "{}", other.escape_ascii());
        }
    }

    #[test]
    fn without_a_password_the_default_user_gives_any() {
        let mut client = Harness::new();
        assert_eq!(
            client.run("AUTH pw"),
            "-ERR AUTH <password> called without any password configured for the default user. \
             Are you sure your configuration is correct?\r\n"
        );
        assert_eq!(client.run("AUTH default anything"), "+OK\r\n");
        assert_eq!(client.run("AUTH root anything"), WRONG);
        assert_eq!(client.run("AUTH"), "-ERR wrong number of arguments for 'auth' command\r\n");
        assert_eq!(client.run("AUTH a b c"), "-ERR syntax error\r\n");
    }
}
