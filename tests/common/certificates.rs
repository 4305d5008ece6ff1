//! Certificates for TLS, made anew for each test: an authority, and what it has signed.

use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tempfile::TempDir;

/// A folder with `ca.crt`, `server.crt`, `server.key`, `client.crt` and `client.key`.
pub struct Certificates {
    folder: TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
    server: CertificateDer<'static>,
    client: (CertificateDer<'static>, PrivateKeyDer<'static>),
}

impl Certificates {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let authority = authority();
        std::fs::write(folder.path().join("ca.crt"), authority.pem()).expect("it is writable");
        let sign = |name: &str, usage| sign(&authority, folder.path(), name, usage);
        let (server, _) = sign("server", ExtendedKeyUsagePurpose::ServerAuth);
        let client = sign("client", ExtendedKeyUsagePurpose::ClientAuth);
        Self { folder, authority, server, client }
    }

    /// The path of one of the files.
    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("temporary paths are UTF-8").to_owned()
    }

    /// The certificate that the server shows.
    pub fn server(&self) -> &CertificateDer<'static> {
        &self.server
    }

    /// A client that trusts this authority and shows no certificate.
    pub fn stranger(&self) -> Arc<ClientConfig> {
        self.client(rustls::ALL_VERSIONS, None)
    }

    /// A client that trusts this authority and shows the certificate that it has signed.
    pub fn friend(&self) -> Arc<ClientConfig> {
        self.client(rustls::ALL_VERSIONS, Some(self))
    }

    /// A client that trusts this authority and shows the certificate of another one.
    pub fn impostor(&self, other: &Self) -> Arc<ClientConfig> {
        self.client(rustls::ALL_VERSIONS, Some(other))
    }

    /// A client that speaks some versions only.
    pub fn speaking(&self, versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
        self.client(versions, Some(self))
    }

    fn client(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        shown: Option<&Self>,
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).expect("it was just made");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .expect("these are known")
            .with_root_certificates(roots);
        Arc::new(match shown.map(|other| &other.client) {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => config
                .with_client_auth_cert(vec![certificate.clone()], key.clone_key())
                .expect("they belong together"),
        })
    }
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut parameters = CertificateParams::default();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.distinguished_name.push(DnType::CommonName, "authority");
    let key = KeyPair::generate().expect("there are random numbers");
    CertifiedIssuer::self_signed(parameters, key).expect("the parameters are sound")
}

/// Signs a new key for `localhost`, and leaves both in the folder.
fn sign(
    authority: &CertifiedIssuer<'static, KeyPair>,
    folder: &Path,
    name: &str,
    usage: ExtendedKeyUsagePurpose,
) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let mut parameters = CertificateParams::new(names).expect("they are names");
    parameters.extended_key_usages = vec![usage];
    parameters.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().expect("there are random numbers");
    let certificate = parameters.signed_by(&key, authority).expect("the parameters are sound");
    let write = |end: &str, text: String| {
        std::fs::write(folder.join(format!("{name}.{end}")), text).expect("it is writable");
    };
    write("crt", certificate.pem());
    write("key", key.serialize_pem());
    (certificate.into(), key.into())
}
