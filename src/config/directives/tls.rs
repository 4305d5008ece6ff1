//! What is accepted on the port that speaks TLS. The server reads the files when it starts, and again
//! when one of these is set.

use crate::config::directive::{Directive, Set};
use crate::config::parse::choice;

const GROUP: &str = "TLS";

pub(super) static TLS: &[Directive] = &[
    Directive {
        name: "tls-cert-file",
        alias: None,
        group: GROUP,
        value_name: "path",
        default: "",
        help: "Certificate of the server, in PEM, with those that it is signed by",
        get: |values| values.tls_cert_file.get(),
        set: Set::Live(|values, text| {
            values.tls_cert_file.set(text.to_owned());
            Ok(())
        }),
    },
    Directive {
        name: "tls-key-file",
        alias: None,
        group: GROUP,
        value_name: "path",
        default: "",
        help: "Private key of that certificate, in PEM and not encrypted",
        get: |values| values.tls_key_file.get(),
        set: Set::Live(|values, text| {
            values.tls_key_file.set(text.to_owned());
            Ok(())
        }),
    },
    Directive {
        name: "tls-ca-cert-file",
        alias: None,
        group: GROUP,
        value_name: "path",
        default: "",
        help: "Certificates that those of clients must be signed by, in PEM",
        get: |values| values.tls_ca_cert_file.get(),
        set: Set::Live(|values, text| {
            values.tls_ca_cert_file.set(text.to_owned());
            Ok(())
        }),
    },
    Directive {
        name: "tls-ca-cert-dir",
        alias: None,
        group: GROUP,
        value_name: "path",
        default: "",
        help: "Folder of such certificates",
        get: |values| values.tls_ca_cert_dir.get(),
        set: Set::Live(|values, text| {
            values.tls_ca_cert_dir.set(text.to_owned());
            Ok(())
        }),
    },
    Directive {
        name: "tls-auth-clients",
        alias: None,
        group: GROUP,
        value_name: "yes|no|optional",
        default: "yes",
        help: "Whether clients must show a certificate; 'optional' refuses only wrong ones",
        get: |values| values.tls_auth_clients.name().to_owned(),
        set: Set::Live(|values, text| {
            values.tls_auth_clients.set(choice(text)?);
            Ok(())
        }),
    },
    Directive {
        name: "tls-protocols",
        alias: None,
        group: GROUP,
        value_name: "version ...",
        default: "",
        help: "Versions to speak: TLSv1.2 TLSv1.3, which is both, or one of them",
        get: |values| values.tls_protocols.get(),
        set: Set::Live(|values, text| {
            values.tls_protocols.set(text.to_owned());
            Ok(())
        }),
    },
    Directive {
        name: "tls-ciphers",
        alias: None,
        group: GROUP,
        value_name: "name:...",
        default: "",
        help: "Ciphers of TLS 1.2 in order of preference, by OpenSSL's names; all if empty",
        get: |values| values.tls_ciphers.get(),
        set: Set::Live(|values, text| {
            values.tls_ciphers.set(text.to_owned());
            Ok(())
        }),
    },
    Directive {
        name: "tls-ciphersuites",
        alias: None,
        group: GROUP,
        value_name: "name:...",
        default: "",
        help: "Ciphers of TLS 1.3 in order of preference; all if empty",
        get: |values| values.tls_ciphersuites.get(),
        set: Set::Live(|values, text| {
            values.tls_ciphersuites.set(text.to_owned());
            Ok(())
        }),
    },
];
