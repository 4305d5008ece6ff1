//! What TLS connections are accepted by: certificates, keys and rules, as the directives name them.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{InconsistentKeys, RootCertStore, ServerConfig, SupportedProtocolVersion, version};

use crate::config::{ClientCertificates, Values};
use crate::service::tls::Acceptor;

/// Who accepts TLS connections; None if no port speaks TLS.
///
/// # Errors
///
/// See [`load`].
pub(super) fn acceptor(values: &Values) -> Result<Option<Arc<Acceptor>>, TlsError> {
    Rules::of(values)?; // what cannot be had is said, needed or not
    if values.tls_port == 0 {
        return Ok(None);
    }
    Ok(Some(Arc::new(Acceptor::new(values.tls_port, load(values)?))))
}

/// Brings other files and rules into force.
///
/// # Errors
///
/// See [`load`]; what was in force stays so.
pub(super) fn reload(acceptor: Option<&Acceptor>, values: &Values) -> Result<(), TlsError> {
    match acceptor {
        None => Rules::of(values).map(drop),
        Some(acceptor) => load(values).map(|config| acceptor.replace(config)),
    }
}

/// Reads the files and rules that the directives name. Nothing of them is kept but what is returned:
/// files that have changed since are read by the next call.
///
/// # Errors
///
/// One of them is missing, cannot be read or used, or asks for what cannot be had.
fn load(values: &Values) -> Result<Arc<ServerConfig>, TlsError> {
    let Rules { versions, provider } = Rules::of(values)?;
    let verifier = client_verifier(values, &provider)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)
        .map_err(|_| TlsError::NoCipherLeft)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificates(values)?, private_key(values)?)
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::NotAPair,
            error => TlsError::file("tls-cert-file", &values.tls_cert_file.get(), error),
        })?;
    // Tickets carry the state of a session, so that the server need not keep it.
    config.ticketer = ring::Ticketer::new().map_err(|_| TlsError::Random)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Arc::new(config))
}

/// Versions of the protocol and ciphers.
struct Rules {
    versions: Vec<&'static SupportedProtocolVersion>,
    provider: Arc<CryptoProvider>,
}

const VERSIONS: &[(&str, &SupportedProtocolVersion)] =
    &[("TLSv1.2", &version::TLS12), ("TLSv1.3", &version::TLS13)];

/// Ciphers by the names of OpenSSL, which redis.conf uses, up to TLS 1.2 and from TLS 1.3 on.
const CIPHERS: &[(&str, rustls::SupportedCipherSuite)] = &[
    ("ECDHE-ECDSA-AES256-GCM-SHA384", ring::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-ECDSA-AES128-GCM-SHA256", ring::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    (
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        ring::cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    ("ECDHE-RSA-AES256-GCM-SHA384", ring::cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-RSA-AES128-GCM-SHA256", ring::cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    (
        "ECDHE-RSA-CHACHA20-POLY1305",
        ring::cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
];
const CIPHERSUITES: &[(&str, rustls::SupportedCipherSuite)] = &[
    ("TLS_AES_256_GCM_SHA384", ring::cipher_suite::TLS13_AES_256_GCM_SHA384),
    ("TLS_AES_128_GCM_SHA256", ring::cipher_suite::TLS13_AES_128_GCM_SHA256),
    ("TLS_CHACHA20_POLY1305_SHA256", ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256),
];

impl Rules {
    fn of(values: &Values) -> Result<Self, TlsError> {
        let versions = named("tls-protocols", &values.tls_protocols.get(), ' ', VERSIONS)?;
        let until_1_2 = named("tls-ciphers", &values.tls_ciphers.get(), ':', CIPHERS)?;
        let from_1_3 =
            named("tls-ciphersuites", &values.tls_ciphersuites.get(), ':', CIPHERSUITES)?;
        let cipher_suites = [from_1_3, until_1_2].concat();
        let provider = CryptoProvider { cipher_suites, ..ring::default_provider() };
        Ok(Self { versions, provider: Arc::new(provider) })
    }
}

/// The things that `text` names, in its order; all of them if it names none.
fn named<T: Copy>(
    directive: &'static str,
    text: &str,
    separator: char,
    known: &[(&'static str, T)],
) -> Result<Vec<T>, TlsError> {
    let find = |name: &str| {
        let found = known.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, thing)| *thing).ok_or_else(|| TlsError::Unknown {
            directive,
            name: name.to_owned(),
            known: known.iter().map(|(name, _)| *name).collect(),
        })
    };
    let mut names = text.split(separator).filter(|name| !name.is_empty()).peekable();
    match names.peek() {
        None => Ok(known.iter().map(|(_, thing)| *thing).collect()),
        Some(_) => names.map(find).collect(),
    }
}

/// The server's certificate, and those between it and one that clients know.
fn certificates(values: &Values) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let path = values.tls_cert_file.get();
    if path.is_empty() {
        return Err(TlsError::Missing("tls-cert-file"));
    }
    let wrong = |why: &dyn fmt::Display| TlsError::file("tls-cert-file", &path, why);
    let chain = certificates_in(path.as_ref()).map_err(|error| wrong(&error))?;
    if chain.is_empty() { Err(wrong(&Pem(pem::Error::NoItemsFound))) } else { Ok(chain) }
}

/// The key that belongs to the certificate.
fn private_key(values: &Values) -> Result<PrivateKeyDer<'static>, TlsError> {
    let path = values.tls_key_file.get();
    if path.is_empty() {
        return Err(TlsError::Missing("tls-key-file"));
    }
    PrivateKeyDer::from_pem_file(&path).map_err(|error| match is_encrypted(&path) {
        true => TlsError::file("tls-key-file", &path, ENCRYPTED),
        false => TlsError::file("tls-key-file", &path, Pem(error)),
    })
}

const ENCRYPTED: &str = "the key is encrypted, which is not supported; 'openssl pkey' decrypts it";

/// The label says so (PKCS #8), or a header (RFC 1421).
fn is_encrypted(path: &str) -> bool {
    let marks = ["-----BEGIN ENCRYPTED PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED"];
    std::fs::read_to_string(path)
        .is_ok_and(|text| text.lines().any(|line| marks.contains(&line.trim())))
}

/// Who asks clients for certificates, and what they must be signed by.
fn client_verifier(
    values: &Values,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let asked = values.tls_auth_clients.get();
    if asked == ClientCertificates::No {
        return Ok(WebPkiClientVerifier::no_client_auth());
    }
    let roots = Arc::new(authorities(values)?);
    let builder = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider));
    let builder = match asked {
        ClientCertificates::Optional => builder.allow_unauthenticated(),
        _ => builder,
    };
    builder.build().map_err(|_| TlsError::NoAuthority)
}

/// The certificates that those of clients must be signed by.
fn authorities(values: &Values) -> Result<RootCertStore, TlsError> {
    let (file, folder) = (values.tls_ca_cert_file.get(), values.tls_ca_cert_dir.get());
    let mut roots = RootCertStore::empty();
    if !file.is_empty() {
        let wrong = |why: &dyn fmt::Display| TlsError::file("tls-ca-cert-file", &file, why);
        for certificate in certificates_in(file.as_ref()).map_err(|error| wrong(&error))? {
            roots.add(certificate).map_err(|error| wrong(&error))?;
        }
    }
    if !folder.is_empty() {
        let wrong = |error| TlsError::file("tls-ca-cert-dir", &folder, error);
        for entry in std::fs::read_dir(&folder).map_err(wrong)? {
            // As OpenSSL does, other files that lie there are passed over.
            let certificates = certificates_in(&entry.map_err(wrong)?.path()).unwrap_or_default();
            roots.add_parsable_certificates(certificates);
        }
    }
    if roots.is_empty() { Err(TlsError::NoAuthority) } else { Ok(roots) }
}

fn certificates_in(path: &Path) -> Result<Vec<CertificateDer<'static>>, Pem> {
    CertificateDer::pem_file_iter(path).map_err(Pem)?.collect::<Result<_, _>>().map_err(Pem)
}

/// What is wrong with a file of certificates or keys.
#[derive(Debug)]
struct Pem(pem::Error);

impl fmt::Display for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            pem::Error::Io(error) => error.fmt(f),
            pem::Error::NoItemsFound => f.write_str("nothing of that kind is in it"),
            error => error.fmt(f),
        }
    }
}

/// Why no TLS connection can be accepted.
#[derive(Debug, PartialEq, Eq)]
pub enum TlsError {
    /// A directive without which it cannot be.
    Missing(&'static str),
    /// A directive names a file or a folder that is of no use.
    File { directive: &'static str, path: String, why: String },
    /// Certificate and key do not belong together.
    NotAPair,
    /// Clients must have certificates, and none would be good enough.
    NoAuthority,
    /// A directive names what cannot be had.
    Unknown { directive: &'static str, name: String, known: Vec<&'static str> },
    /// Versions and ciphers exclude each other.
    NoCipherLeft,
    /// The system has no random numbers.
    Random,
}

impl TlsError {
    fn file(directive: &'static str, path: &str, why: impl fmt::Display) -> Self {
        Self::File { directive, path: path.to_owned(), why: why.to_string() }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(directive) => write!(f, "TLS needs {directive}"),
            Self::File { directive, path, why } => write!(f, "{directive} '{path}': {why}"),
            Self::NotAPair => f.write_str("tls-cert-file and tls-key-file do not belong together"),
            Self::NoAuthority => f.write_str(
                "no certificate to know clients by: set tls-ca-cert-file or tls-ca-cert-dir, or \
                 tls-auth-clients to 'no'",
            ),
            Self::Unknown { directive, name, known } => {
                write!(f, "{directive} '{name}': there is only {}", known.join(", "))
            }
            Self::NoCipherLeft => {
                f.write_str("tls-ciphers and tls-ciphersuites leave nothing for tls-protocols")
            }
            Self::Random => f.write_str("the system has no random numbers"),
        }
    }
}

impl std::error::Error for TlsError {}
