//! HELLO: the handshake that chooses the version of the protocol.

use super::ANY_TIME;
use super::auth::authenticate;
use super::client::set_name;
use crate::command::options::is;
use crate::command::{Argument, Call, Command, Error, Group};
use crate::instance::REDIS_VERSION;
use crate::number::parse_i64;
use crate::resp::{Reply, Version};

pub(super) static HELLO: Command = Command {
    name: "hello",
    arity: -1,
    flags: ANY_TIME,
    group: Group::Connection,
    since: "6.0.0",
    history: &[(
        "6.2.0",
        "`protover` made optional; when called without arguments the command reports the current \
         connection's context.",
    )],
    summary: "Greets the server and chooses the version of the protocol.",
    arguments: &[Argument::block(
        "arguments",
        &[
            Argument::integer("protover"),
            Argument::block(
                "username_password",
                &[Argument::string("username"), Argument::string("password")],
            )
            .token("AUTH")
            .optional(),
            Argument::string("clientname").token("SETNAME").optional(),
        ],
    )
    .optional()],
    run: hello,
    ..Command::BASE
};

const NOT_AUTHENTICATED: &str = "NOAUTH HELLO must be called with the client already \
     authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the \
     client and select the RESP protocol version at the same time";

fn hello(call: &mut Call<'_>) -> Result<(), Error> {
    let version = match call.args.get(1) {
        None => call.session.version,
        Some(word) => version(word)?,
    };
    // As in Redis, each option takes effect at once, and stays so if a later word is refused.
    let mut rest = call.args.rest(2);
    while let Some(option) = rest.get(0) {
        let used = match rest.len() {
            3.. if is(option, "AUTH") => {
                authenticate(call, &rest[1], &rest[2])?;
                3
            }
            2.. if is(option, "SETNAME") => {
                set_name(call, &rest[1])?;
                2
            }
            _ => return Err(Error::about("Syntax error in HELLO option", option)),
        };
        rest = rest.rest(used);
    }
    if !call.session.authenticated {
        return Err(Error::Other(NOT_AUTHENTICATED.as_bytes().into()));
    }
    call.session.version = version;
    introduce(call);
    Ok(())
}

fn version(word: &[u8]) -> Result<Version, Error> {
    let no_number = || Error::text("Protocol version is not an integer or out of range");
    match parse_i64(word).ok_or_else(no_number)? {
        2 => Ok(Version::V2),
        3 => Ok(Version::V3),
        _ => Err(Error::UnsupportedProtocol),
    }
}

/// Says who the server is, in the version of the protocol that was just chosen.
fn introduce(call: &mut Call<'_>) {
    let version = call.session.version;
    let mut reply = Reply::new(call.reply.output(), version);
    reply.map(7);
    reply.bulk(b"server");
    reply.bulk(b"redis"); // clients look for this name
    reply.bulk(b"version");
    reply.bulk(REDIS_VERSION.as_bytes());
    reply.bulk(b"proto");
    reply.integer(version.number().into());
    reply.bulk(b"id");
    reply.integer(call.session.client.id as i64);
    reply.bulk(b"mode");
    reply.bulk(b"standalone");
    reply.bulk(b"role");
    reply.bulk(b"master");
    reply.bulk(b"modules");
    reply.array(0);
}

#[cfg(test)]
mod tests {
    use crate::command::harness::Harness;

    const NOAUTH: &str = "-NOAUTH HELLO must be called with the client already authenticated, \
        otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and \
        select the RESP protocol version at the same time\r\n";
    const WRONG: &str = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
    const BAD_NAME: &str =
        "-ERR Client names cannot contain spaces, newlines or special characters.\r\n";

    fn introduction(header: &str, proto: u8) -> String {
        format!(
            "{header}\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.2.4\r\n\
             $5\r\nproto\r\n:{proto}\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n\
             $4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n"
        )
    }

    #[test]
    fn the_answer_is_in_the_version_that_was_chosen() {
        let mut client = Harness::new();
        assert_eq!(client.run("HELLO"), introduction("*14", 2));
        assert_eq!(client.run("HELLO 3"), introduction("%7", 3));
        assert_eq!(client.run("HELLO"), introduction("%7", 3));
        assert_eq!(client.run("GET nothing"), "_\r\n");
        assert_eq!(client.run("HELLO 2"), introduction("*14", 2));
        assert_eq!(client.run("GET nothing"), "$-1\r\n");
    }

    #[test]
    fn a_refused_version_changes_nothing() {
        let mut client = Harness::new();
        client.run("HELLO 3");
        for version in ["1", "4", "-3", "9223372036854775807"] {
            let request = format!("HELLO {version} SETNAME x");
            assert_eq!(client.run(&request), "-NOPROTO unsupported protocol version\r\n");
        }
        for version in ["x", "3.0", "9223372036854775808"] {
            assert_eq!(
                client.run(&format!("HELLO {version}")),
                "-ERR Protocol version is not an integer or out of range\r\n"
            );
        }
        assert_eq!(client.run("CLIENT GETNAME"), "_\r\n", "still RESP3, still no name");
    }

    #[test]
    fn options_are_read_in_order() {
        let mut client = Harness::new();
        for (request, option) in [
            ("HELLO 3 FOO", "FOO"),
            ("HELLO 3 SETNAME", "SETNAME"),
            ("HELLO 3 AUTH default", "AUTH"),
            ("HELLO 3 auth", "auth"),
            ("HELLO 3 SETNAME early FOO bar", "FOO"),
        ] {
            let error = format!("-ERR Syntax error in HELLO option '{option}'\r\n");
            assert_eq!(client.run(request), error, "{request}");
        }
        assert_eq!(client.run("CLIENT GETNAME"), "$5\r\nearly\r\n");
        client.run("HELLO 2 SETNAME a setname b");
        assert_eq!(client.run("CLIENT GETNAME"), "$1\r\nb\r\n");
        assert_eq!(client.run_words(&["HELLO", "2", "SETNAME", "a b"]), BAD_NAME);
    }

    #[test]
    fn a_stranger_may_authenticate_on_the_way() {
        let mut client = Harness::with_password("pw");
        assert_eq!(client.run("HELLO 3 SETNAME n"), NOAUTH);
        assert_eq!(client.run("HELLO 4"), "-NOPROTO unsupported protocol version\r\n");
        assert_eq!(client.run("HELLO 3 AUTH default bad"), WRONG);
        assert_eq!(client.run("HELLO 3 AUTH root pw"), WRONG);
        assert_eq!(client.run("HELLO"), NOAUTH);
        assert_eq!(client.run("HELLO 3 AUTH default pw SETNAME n"), introduction("%7", 3));
        assert_eq!(client.run("CLIENT GETNAME"), "$1\r\nn\r\n");
        assert_eq!(client.run("HELLO 2 AUTH default bad"), WRONG);
        assert_eq!(client.run("HELLO"), introduction("%7", 3), "who is in stays in");
        let mut client = Harness::with_password("pw");
        let request = ["HELLO", "3", "AUTH", "default", "pw", "SETNAME", "a b"];
        assert_eq!(client.run_words(&request), BAD_NAME);
        assert_eq!(client.run("CLIENT GETNAME"), "$-1\r\n", "in, and still in RESP2");
    }

    #[test]
    fn any_password_will_do_where_there_is_none() {
        let mut client = Harness::new();
        assert_eq!(client.run("HELLO 2 AUTH default x"), introduction("*14", 2));
        assert_eq!(client.run("HELLO 2 AUTH root x"), WRONG);
    }
}
