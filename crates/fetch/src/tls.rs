//! TLS: whom we trust, the handshake, and what is known of a connection afterwards.

use std::cell::RefCell;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;

use gather_core::attempt::TlsInfo;
use gather_core::human;
use gather_core::{ErrorKind, Failure};
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ClientConnection, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ProtocolVersion, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

#[cfg(not(feature = "system-roots"))]
use crate::options::not_built;
use crate::options::{ClientIdentity, HttpChoice, OptionsError, Roots, TlsOptions, Verify};

mod failure;
mod verify;

pub use failure::failure_of_io;
use verify::{AcceptAll, Remembering};

const ALPN_H2: &[u8] = b"h2";
const ALPN_HTTP1: &[u8] = b"http/1.1";
/// DNS names of a certificate that are kept; a few shared ones hold thousands.
const SAN_MAX: usize = 256;
/// How each certificate of a file begins.
const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
/// A file of certificates of so many bytes is decoded when a run is set up.
const DECODED_AT_ONCE_BYTES: usize = 16 << 10;
/// Bytes of an issuer's name that are kept.
const ISSUER_BYTES_MAX: usize = 256;

/// The TLS configuration of a run, shared by all shards: sessions that one connection was given
/// are resumed by the next. Files are read at once, roots made of them on the first https connection.
pub struct TlsConfigs {
    verify: Verify,
    trust: Trust,
    identity: Option<Identity>,
    http: HttpChoice,
    built: OnceCell<Built>,
}

impl Default for TlsConfigs {
    /// Mozilla's roots, everything checked, HTTP/2 or HTTP/1.1.
    fn default() -> Self {
        Self {
            verify: Verify::Full,
            trust: Trust::Bundled,
            identity: None,
            http: HttpChoice::Auto,
            built: OnceCell::new(),
        }
    }
}

// A private key is among its members.
impl fmt::Debug for TlsConfigs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfigs").finish_non_exhaustive()
    }
}

impl TlsConfigs {
    /// Reads the files that the options name.
    ///
    /// # Errors
    /// A file that cannot be read, holds nothing usable, or a key that is not the certificate's.
    pub fn new(options: &TlsOptions, http: HttpChoice) -> Result<Self, OptionsError> {
        http.check_built()?;
        let trust = match (options.ca_files.as_slice(), options.roots) {
            ([], Roots::Bundled) => Trust::Bundled,
            #[cfg(feature = "system-roots")]
            ([], Roots::System) => Trust::System,
            #[cfg(not(feature = "system-roots"))]
            ([], Roots::System) => {
                return Err(not_built("trust in the system's certificates", "system-roots"));
            }
            (files, _) => {
                Trust::Only(files.iter().map(|path| PemFile::read(path)).collect::<Result<_, _>>()?)
            }
        };
        let identity = options.identity.as_ref().map(Identity::read).transpose()?;
        Ok(Self { verify: options.verify, trust, identity, http, built: OnceCell::new() })
    }

    async fn built(self: &Arc<Self>) -> Result<&Built, Failure> {
        self.built
            .get_or_try_init(|| async {
                if let Trust::Bundled = self.trust {
                    return self.build();
                }
                // Hundreds of certificates would stop the loop.
                let own = Arc::clone(self);
                tokio::task::spawn_blocking(move || own.build())
                    .await
                    .unwrap_or_else(|_| Err("reading the roots failed".into()))
            })
            .await
            .map_err(|why: Box<str>| Failure::new(ErrorKind::TlsOther, why))
    }

    fn build(&self) -> Result<Built, Box<str>> {
        let provider = Arc::new(ring::default_provider());
        let failed = |error: &dyn fmt::Display| format!("TLS cannot be set up: {error}");
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(&error))?
            .dangerous()
            .with_custom_certificate_verifier(self.verifier(&provider)?);
        let mut site = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => builder
                .with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())
                .map_err(|error| failed(&error))?,
        };
        let mut proxy = site.clone();
        proxy.alpn_protocols = vec![ALPN_HTTP1.to_vec()];
        site.alpn_protocols = match self.http {
            HttpChoice::Auto if cfg!(feature = "http2") => {
                vec![ALPN_H2.to_vec(), ALPN_HTTP1.to_vec()]
            }
            HttpChoice::Auto | HttpChoice::Http1 => vec![ALPN_HTTP1.to_vec()],
            HttpChoice::Http2 => vec![ALPN_H2.to_vec()],
        };
        Ok(Built { site: Arc::new(site), proxy: Arc::new(proxy) })
    }

    fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, Box<str>> {
        if self.verify == Verify::Nothing {
            return Ok(Arc::new(AcceptAll(provider.signature_verification_algorithms)));
        }
        let (roots, pinned): (RootCertStore, _) = match &self.trust {
            #[cfg(feature = "system-roots")]
            Trust::System => {
                let inner = rustls_platform_verifier::Verifier::new(Arc::clone(provider))
                    .map_err(|error| format!("the system's roots cannot be read: {error}"))?;
                return Ok(Arc::new(Remembering::new(Arc::new(inner), Vec::new())));
            }
            Trust::Bundled => {
                (webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect(), Vec::new())
            }
            Trust::Only(files) => own_roots(files).map_err(|error| error.to_string())?,
        };
        let inner =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
                .build()
                .map_err(|error| format!("the roots cannot be used: {error}"))?;
        Ok(Arc::new(Remembering::new(inner, pinned)))
    }
}

struct Built {
    site: Arc<ClientConfig>,
    proxy: Arc<ClientConfig>,
}

/// Where trust comes from.
enum Trust {
    Bundled,
    #[cfg(feature = "system-roots")]
    System,
    /// What `--cacert` named.
    Only(Vec<PemFile>),
}

/// A file of certificates, as it was when the run was set up.
struct PemFile {
    path: PathBuf,
    pem: Vec<u8>,
}

impl PemFile {
    /// Reads the file. What is more than a few certificates is decoded when the first connection
    /// needs it: a whole bundle takes a third of the start.
    fn read(path: &Path) -> Result<Self, OptionsError> {
        let file = Self { path: path.to_owned(), pem: read_file(path)? };
        if file.pem.len() <= DECODED_AT_ONCE_BYTES {
            own_roots(std::slice::from_ref(&file))?;
            return Ok(file);
        }
        if !file.pem.windows(BEGIN.len()).any(|window| window == BEGIN) {
            return Err(no_certificate(path));
        }
        Ok(file)
    }
}

/// The certificates of these files as roots, and as themselves: a server that presents one of them
/// itself is trusted.
fn own_roots(
    files: &[PemFile],
) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), OptionsError> {
    let (mut store, mut pinned) = (RootCertStore::empty(), Vec::new());
    for PemFile { path, pem } in files {
        for certificate in certificates(path, pem)? {
            store.add(certificate.clone()).map_err(|error| {
                OptionsError::new(format!(
                    "{}: a certificate cannot be a root: {error}",
                    path.display()
                ))
            })?;
            pinned.push(certificate);
        }
    }
    Ok((store, pinned))
}

/// Who we are.
struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    fn read(files: &ClientIdentity) -> Result<Self, OptionsError> {
        let chain = certificates(&files.cert, &read_file(&files.cert)?)?;
        let path = files.key.as_deref().unwrap_or(&files.cert);
        let broken = |why: String| OptionsError::new(format!("{}: {why}", path.display()));
        let pem = read_file(path)?;
        let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|error| match error {
            rustls::pki_types::pem::Error::NoItemsFound if is_encrypted(&pem) => {
                broken("the private key is encrypted; give it decrypted".to_owned())
            }
            rustls::pki_types::pem::Error::NoItemsFound => {
                broken("holds no private key in PEM".to_owned())
            }
            error => broken(format!("is no valid PEM: {error}")),
        })?;
        let signer = ring::default_provider()
            .key_provider
            .load_private_key(key.clone_key())
            .map_err(|error| broken(format!("the private key cannot be used: {error}")))?;
        rustls::sign::CertifiedKey::new(chain.clone(), signer).keys_match().map_err(|_| {
            broken(format!("is not the key of the certificate in {}", files.cert.display()))
        })?;
        Ok(Self { chain, key })
    }
}

fn is_encrypted(pem: &[u8]) -> bool {
    String::from_utf8_lossy(pem).contains("ENCRYPTED")
}

/// Those of a file, at least one.
fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, OptionsError> {
    let certificates: Vec<_> =
        CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|error| {
            OptionsError::new(format!("{}: is no valid PEM: {error}", path.display()))
        })?;
    if certificates.is_empty() {
        return Err(no_certificate(path));
    }
    Ok(certificates)
}

fn no_certificate(path: &Path) -> OptionsError {
    OptionsError::new(format!("{}: holds no certificate in PEM", path.display()))
}

#[expect(clippy::disallowed_methods, reason = "read when a run is set up, before its loops")]
fn read_file(path: &Path) -> Result<Vec<u8>, OptionsError> {
    fs::read(path)
        .map_err(|error| OptionsError::new(format!("{}: cannot be read: {error}", path.display())))
}

/// Whom a handshake is with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// The server of a URL: HTTP/2 may be agreed on.
    Site,
    /// A proxy.
    Proxy,
}

/// A handshake that failed, with what the server's certificate says if it was why.
#[derive(Debug)]
pub(crate) struct HandshakeError {
    pub(crate) failure: Failure,
    pub(crate) refused: Option<TlsInfo>,
}

/// Makes a TLS session of a connection. `host` is as in a URL; an IP address is not sent as
/// server name (RFC 6066 section 3).
pub(crate) async fn handshake<S>(
    configs: &Arc<TlsConfigs>,
    peer: Peer,
    host: &str,
    stream: S,
) -> Result<TlsStream<S>, HandshakeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let plain = |failure| HandshakeError { failure, refused: None };
    let built = configs.built().await.map_err(plain)?;
    let config = match peer {
        Peer::Site => &built.site,
        Peer::Proxy => &built.proxy,
    };
    let name = server_name(host).ok_or_else(|| {
        plain(Failure::new(ErrorKind::TlsOther, format!("{host} cannot be a name in TLS")))
    })?;
    let handshake = TlsConnector::from(Arc::clone(config)).connect(name, stream);
    let stream = verify::watched(pin!(handshake)).await.map_err(|(error, refused)| {
        let leaf = refused.as_ref().map(|leaf| leaf.as_ref());
        HandshakeError {
            failure: failure::failure_of_handshake(&error, host, leaf),
            refused: leaf.map(|leaf| info_of_leaf(leaf, "")),
        }
    })?;
    let agreed = stream.get_ref().1.alpn_protocol();
    if peer == Peer::Site && configs.http == HttpChoice::Http2 && agreed != Some(ALPN_H2) {
        return Err(plain(Failure::new(
            ErrorKind::TlsHandshake,
            format!("{host} does not offer HTTP/2"),
        )));
    }
    Ok(stream)
}

fn server_name(host: &str) -> Option<ServerName<'static>> {
    let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    let host = host.strip_suffix('.').unwrap_or(host);
    ServerName::try_from(host).ok().map(|name| name.to_owned())
}

/// Whether HTTP/2 was agreed on.
pub(crate) fn speaks_http2(connection: &ClientConnection) -> bool {
    connection.alpn_protocol() == Some(ALPN_H2)
}

/// What is known of a connection that stands.
pub(crate) fn info_of(connection: &ClientConnection) -> TlsInfo {
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => "1.2",
        Some(ProtocolVersion::TLSv1_3) => "1.3",
        _ => "",
    };
    match connection.peer_certificates().and_then(<[_]>::first) {
        Some(leaf) => info_of_leaf(leaf, version),
        None => TlsInfo { version, ..TlsInfo::default() },
    }
}

fn info_of_leaf(leaf: &[u8], version: &'static str) -> TlsInfo {
    let Ok((_, leaf)) = X509Certificate::from_der(leaf) else {
        return TlsInfo { version, ..TlsInfo::default() };
    };
    let names = leaf.subject_alternative_name().ok().flatten();
    let san = names
        .iter()
        .flat_map(|extension| &extension.value.general_names)
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(Box::from(*name)),
            _ => None,
        })
        .take(SAN_MAX)
        .collect();
    let not_after_unix_s = Some(leaf.validity().not_after.timestamp());
    let issuer = leaf.issuer().to_string();
    let issuer = (!issuer.is_empty()).then(|| human::cut(&issuer, ISSUER_BYTES_MAX).into());
    TlsInfo { version, not_after_unix_s, san, issuer }
}

thread_local! {
    /// The certificate that was refused during the poll under way: rustls does not hand it out.
    static REFUSED: RefCell<Option<CertificateDer<'static>>> = const { RefCell::new(None) };
}
