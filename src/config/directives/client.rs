//! The directives that say what a client may take.

use crate::config::directive::{Directive, Set};
use crate::config::parse::{integer, memory, memory_or_percent, yes_or_no};
use crate::config::values::ClientMemory;

const GROUP: &str = "Clients";

pub(super) static CLIENTS: &[Directive] = &[
    Directive {
        name: "maxclients",
        alias: None,
        group: GROUP,
        value_name: "number",
        default: "10000",
        help: "Clients connected at the same time; those beyond it are refused",
        get: |values| values.maxclients.get().to_string(),
        set: Set::Live(|values, text| {
            values.maxclients.set(integer(text, 1..=u64::from(u32::MAX))?);
            Ok(())
        }),
    },
    Directive {
        name: "timeout",
        alias: None,
        group: GROUP,
        value_name: "seconds",
        default: "0",
        help: "Silence after which a client is closed; 0 is never",
        get: |values| values.timeout.get().to_string(),
        set: Set::Live(|values, text| {
            values.timeout.set(integer(text, 0..=i32::MAX as u64)?);
            Ok(())
        }),
    },
    Directive {
        name: "tcp-keepalive",
        alias: None,
        group: GROUP,
        value_name: "seconds",
        default: "300",
        help: "Silence after which the kernel asks a client if it is still there; 0 never asks",
        get: |values| values.tcp_keepalive.get().to_string(),
        set: Set::Live(|values, text| {
            // More is EINVAL: MAX_TCP_KEEPIDLE of the kernel.
            values.tcp_keepalive.set(integer(text, 0..=32_767)?);
            Ok(())
        }),
    },
    Directive {
        name: "protected-mode",
        alias: None,
        group: GROUP,
        value_name: "yes|no",
        default: "yes",
        help: "Serve only clients of this machine while there is no password",
        get: |values| if values.protected_mode.get() { "yes" } else { "no" }.to_owned(),
        set: Set::Live(|values, text| {
            values.protected_mode.set(yes_or_no(text)?);
            Ok(())
        }),
    },
    Directive {
        name: "proto-max-bulk-len",
        alias: None,
        group: GROUP,
        value_name: "bytes",
        default: "512mb",
        help: "Longest key or value; at least 1mb",
        get: |values| values.proto_max_bulk_len.get().to_string(),
        set: Set::Live(|values, text| {
            values.proto_max_bulk_len.set(memory(text, 1 << 20..=i64::MAX as u64)?);
            Ok(())
        }),
    },
    Directive {
        name: "client-query-buffer-limit",
        alias: None,
        group: GROUP,
        value_name: "bytes",
        default: "1gb",
        help: "Longest request; a client that sends more before it ends is closed",
        get: |values| values.client_query_buffer_limit.get().to_string(),
        set: Set::Live(|values, text| {
            values.client_query_buffer_limit.set(memory(text, 1 << 20..=i64::MAX as u64)?);
            Ok(())
        }),
    },
    Directive {
        name: "client-output-buffer-limit",
        alias: None,
        group: GROUP,
        value_name: "class hard soft seconds ...",
        default: "normal 0 0 0 slave 256mb 64mb 60 pubsub 32mb 8mb 60",
        help: "Unsent bytes that close a client: at once, or after so many seconds; 0 is no limit",
        get: |values| values.client_output_buffer_limit.text(),
        set: Set::Live(|values, text| values.client_output_buffer_limit.set_text(text)),
    },
    Directive {
        name: "maxmemory-clients",
        alias: None,
        group: GROUP,
        value_name: "bytes|percent",
        default: "0",
        help: "Memory of all clients, or its part of maxmemory, from which on the largest is closed",
        get: |values| ClientMemory::of(&values.maxmemory_clients).to_string(),
        set: Set::Live(|values, text| {
            values.maxmemory_clients.set(memory_or_percent(text)?.number());
            Ok(())
        }),
    },
];
