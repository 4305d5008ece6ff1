//! What client libraries send before their first request, in one go: each gets one reply.

use crate::command::harness::Harness;

/// Libraries with their default settings, and what they pipeline when they connect.
const HANDSHAKES: &[(&str, &[&str])] = &[
    (
        "redis-py 7",
        &["CLIENT SETINFO LIB-NAME redis-py", "CLIENT SETINFO LIB-VER 7.0.0", "SELECT 1"],
    ),
    (
        "redis-py 8",
        &[
            "HELLO 3 AUTH default pw",
            "CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type external-ip",
            "CLIENT SETNAME worker",
            "CLIENT SETINFO LIB-NAME redis-py",
            "CLIENT SETINFO LIB-VER 8.0.0",
            "SELECT 1",
        ],
    ),
    (
        "go-redis 9",
        &[
            "HELLO 3 AUTH default pw SETNAME worker",
            "SELECT 1",
            "READONLY",
            "CLIENT SETNAME worker",
            "CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type none",
            "CLIENT SETINFO LIB-NAME go-redis(,go1.24)",
            "CLIENT SETINFO LIB-VER 9.0.0",
        ],
    ),
    (
        "node-redis 6",
        &[
            "HELLO 3 AUTH default pw",
            "SELECT 1",
            "CLIENT SETINFO LIB-VER 6.0.0",
            "CLIENT SETINFO LIB-NAME node-redis",
            "CLIENT MAINT_NOTIFICATIONS ON",
        ],
    ),
    (
        "ioredis 6",
        &["HELLO 3", "CLIENT SETINFO LIB-VER 6.0.0", "CLIENT SETINFO LIB-NAME ioredis", "INFO"],
    ),
    (
        "jedis 8",
        &[
            "HELLO 3 AUTH default pw",
            "CLIENT SETINFO LIB-NAME jedis",
            "CLIENT SETINFO LIB-VER 8.0.0",
            "SELECT 1",
        ],
    ),
    (
        "lettuce 7",
        &[
            "HELLO 3 AUTH default pw SETNAME worker",
            "CLIENT SETINFO lib-name lettuce",
            "CLIENT SETINFO lib-ver 7.0.0",
            "CLIENT MAINT_NOTIFICATIONS ON",
        ],
    ),
    (
        "StackExchange.Redis 3",
        &[
            "AUTH pw",
            "HELLO 3 AUTH default pw",
            "CLIENT SETNAME worker",
            "CLIENT SETINFO lib-name SE.Redis",
            "CLIENT SETINFO lib-ver 3.0.0",
            "CLIENT ID",
            "CONFIG GET timeout",
            "CONFIG GET replica-read-only",
            "CONFIG GET databases",
            "SENTINEL MASTERS",
            "INFO replication",
            "INFO server",
            "CLUSTER NODES",
            "GET __Booksleeve_TieBreak",
            "ECHO tracer",
        ],
    ),
];

#[test]
fn every_request_of_a_handshake_gets_one_reply() {
    for password in ["", "pw", "another"] {
        for (library, requests) in HANDSHAKES {
            let mut client = Harness::with_password(password);
            for request in *requests {
                let reply = client.run(request);
                assert_eq!(after_one(&reply), "", "{library}: {request} with {password:?}");
            }
            assert!(!client.session.closing, "{library}");
        }
    }
}

/// Errors are fine where the library expects them; here is what it cannot do without.
#[test]
fn what_a_handshake_is_for_succeeds() {
    for (library, requests) in HANDSHAKES {
        let mut client = Harness::new();
        for request in *requests {
            let reply = client.run(request);
            let essential = ["HELLO", "SELECT", "CLIENT SET", "CLIENT ID", "GET", "ECHO"];
            if essential.iter().any(|start| request.starts_with(start)) {
                assert!(!reply.starts_with('-'), "{library}: {request}: {reply}");
            }
            if request.starts_with("CLIENT MAINT") {
                let unknown = "-ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP.\r\n";
                assert_eq!(reply, unknown, "{library}");
            }
        }
    }
}

/// What follows the first reply.
fn after_one(replies: &str) -> &str {
    let (head, rest) = replies.split_once("\r\n").expect("a reply has a line");
    let (kind, number) = head.split_at(1);
    let number = || number.parse::<usize>().expect("a length");
    let skip = |count: usize| (0..count).fold(rest, |rest, _| after_one(rest));
    match kind {
        "+" | "-" | ":" | "_" | "#" | "," | "(" => rest,
        "$" if head == "$-1" => rest,
        "$" | "=" => rest[number()..].strip_prefix("\r\n").expect("it ends its line"),
        "*" if head == "*-1" => rest,
        "*" | "~" | ">" => skip(number()),
        "%" => skip(2 * number()),
        _ => panic!("no reply begins like {head:?}"),
    }
}
