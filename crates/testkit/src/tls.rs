//! Certificates made on the spot, good and bad, and the TLS side of a server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

const DAY: Duration = Duration::from_secs(24 * 3600);

static CAS: AtomicU64 = AtomicU64::new(1);

/// A certificate authority that nobody knows.
#[derive(Debug)]
pub struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// When a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// From yesterday for this time.
    For(Duration),
    /// Until yesterday.
    Expired,
    /// From tomorrow.
    NotYet,
}

/// A certificate chain and its key.
#[derive(Debug)]
pub struct Identity {
    /// The certificate in PEM.
    pub cert_pem: String,
    /// The PKCS#8 key in PEM.
    pub key_pem: String,
}

/// What a TLS server asks of its clients.
#[derive(Clone, Copy, Debug)]
pub enum ClientCert<'a> {
    /// No certificate.
    NotAsked,
    /// One that this authority issued.
    IssuedBy(&'a Ca),
}

/// The TLS side of a [`crate::Site`].
#[derive(Clone, Debug)]
pub struct Tls(pub(crate) Arc<ServerConfig>);

impl Ca {
    /// A new authority with a key of its own.
    pub fn new() -> Self {
        let mut params = params(&[], Validity::For(3650 * DAY));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Under the same name, two authorities would be told apart by their signatures only.
        let name = format!("testkit authority {}", CAS.fetch_add(1, Ordering::Relaxed));
        params.distinguished_name.push(DnType::CommonName, name);
        let key = new_key();
        let pem = params.self_signed(&key).expect("complete parameters").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// An authority that this one vouches for: an intermediate one.
    pub fn subordinate(&self) -> Self {
        let mut params = params(&[], Validity::For(3650 * DAY));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let name = format!("testkit authority {}", CAS.fetch_add(1, Ordering::Relaxed));
        params.distinguished_name.push(DnType::CommonName, name);
        let key = new_key();
        let cert = params.signed_by(&key, &self.issuer).expect("complete parameters");
        Self { issuer: Issuer::new(params, key), pem: cert.pem() }
    }

    /// A certificate that names its host as certificates did of old: in its common name alone.
    pub fn issue_by_common_name(&self, name: &str) -> Identity {
        let key = new_key();
        let mut params = params(&[], Validity::For(365 * DAY));
        params.distinguished_name.push(DnType::CommonName, name);
        let cert = params.signed_by(&key, &self.issuer).expect("complete parameters");
        Identity { cert_pem: cert.pem(), key_pem: key.serialize_pem() }
    }

    /// The authority's certificate, as for `--cacert`.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for `names` (DNS names or addresses), usable by servers and clients.
    pub fn issue(&self, names: &[&str], validity: Validity) -> Identity {
        let key = new_key();
        let cert = params(names, validity).signed_by(&key, &self.issuer);
        Identity {
            cert_pem: cert.expect("complete parameters").pem(),
            key_pem: key.serialize_pem(),
        }
    }
}

impl Default for Ca {
    fn default() -> Self {
        Self::new()
    }
}

impl Identity {
    /// A certificate that vouches for itself.
    pub fn self_signed(names: &[&str]) -> Self {
        let key = new_key();
        let cert = params(names, Validity::For(365 * DAY)).self_signed(&key);
        Self { cert_pem: cert.expect("complete parameters").pem(), key_pem: key.serialize_pem() }
    }
}

impl Tls {
    /// TLS 1.2 and 1.3 with these ALPN protocols (`h2`, `http/1.1`), the server's favourite first.
    pub fn new(identity: &Identity, alpn: &[&str], client_cert: ClientCert<'_>) -> Self {
        Self::with_versions(identity, alpn, client_cert, rustls::ALL_VERSIONS)
    }

    /// TLS 1.2 only.
    pub fn only_1_2(identity: &Identity, alpn: &[&str]) -> Self {
        Self::with_versions(identity, alpn, ClientCert::NotAsked, &[&rustls::version::TLS12])
    }

    fn with_versions(
        identity: &Identity,
        alpn: &[&str],
        client_cert: ClientCert<'_>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .expect("ring knows these versions");
        let builder = match client_cert {
            ClientCert::NotAsked => builder.with_no_client_auth(),
            ClientCert::IssuedBy(ca) => {
                let mut roots = RootCertStore::empty();
                roots.add(cert(&ca.pem)).expect("an authority's certificate");
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                builder.with_client_cert_verifier(verifier.expect("one root"))
            }
        };
        let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).expect("a PEM key");
        let config = builder.with_single_cert(vec![cert(&identity.cert_pem)], key);
        let mut config = config.expect("the key fits the certificate");
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Self(Arc::new(config))
    }
}

fn params(names: &[&str], validity: Validity) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names are ASCII");
    let now = std::time::SystemTime::now();
    let (from, until) = match validity {
        Validity::For(time) => (now - DAY, now + time),
        Validity::Expired => (now - 30 * DAY, now - DAY),
        Validity::NotYet => (now + DAY, now + 30 * DAY),
    };
    params.not_before = from.into();
    params.not_after = until.into();
    params
}

fn new_key() -> KeyPair {
    KeyPair::generate().expect("the system has randomness")
}

fn cert(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("a PEM certificate")
}
