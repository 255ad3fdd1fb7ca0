//! TLS over loopback with certificates made for the test: what is agreed on, what is refused.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{dialer, key, serve, shard, silent, tell, told};
use gather_fetch::{
    ClientIdentity, DialError, Dialer, HttpChoice, NetOptions, Progress, Protocol, Roots, Stream,
    TlsConfigs, TlsOptions, Verify,
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{HandshakeKind, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

/// A certificate authority of the test, and its certificate as a file.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    der: rustls::pki_types::CertificateDer<'static>,
    directory: tempfile::TempDir,
}

impl Authority {
    pub(crate) fn named(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let (pem, der) = (certificate.pem(), certificate.der().clone());
        let directory = tempfile::tempdir().expect("a directory");
        Self { issuer: Issuer::new(params, key), pem, der, directory }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    }

    /// Options that trust this authority alone.
    pub(crate) fn trusted(&self) -> NetOptions {
        let ca_files = vec![self.file("ca.pem", &self.pem)];
        NetOptions {
            tls: TlsOptions { ca_files, ..TlsOptions::default() },
            connect_timeout: Duration::from_secs(5),
            ..NetOptions::default()
        }
    }
}

/// How a test server's certificate is made.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    names: &'static [&'static str],
    years: (i32, i32),
    signed: SignedBy,
    alpn: &'static [&'static str],
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum SignedBy {
    Authority,
    Itself,
    ItselfAsCa,
}

pub(crate) const GOOD: Plan =
    Plan { names: &["127.0.0.1"], years: (2020, 2100), signed: SignedBy::Authority, alpn: &[] };

pub(crate) struct Made {
    pem: String,
    pub(crate) config: ServerConfig,
}

pub(crate) fn make(authority: &Authority, plan: Plan) -> Made {
    let names: Vec<String> = plan.names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("names");
    params.not_before = date_time_ymd(plan.years.0, 1, 1);
    params.not_after = date_time_ymd(plan.years.1, 1, 1);
    params.distinguished_name.push(DnType::CommonName, "test server");
    if plan.signed == SignedBy::ItselfAsCa {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    let key = KeyPair::generate().expect("a key");
    let certificate = match plan.signed {
        SignedBy::Authority => params.signed_by(&key, &authority.issuer),
        SignedBy::Itself | SignedBy::ItselfAsCa => params.self_signed(&key),
    }
    .expect("a certificate");
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .expect("a key that fits");
    config.alpn_protocols = plan.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Made { pem: certificate.pem(), config }
}

pub(crate) async fn start(config: ServerConfig) -> SocketAddr {
    let acceptor = TlsAcceptor::from(Arc::new(config));
    serve("127.0.0.1:0", move |tcp| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(mut tls) = acceptor.accept(tcp).await {
                let _ = tls.write_all(b"!").await;
                let _ = tls.read(&mut [0; 1]).await;
            }
        }
    })
    .await
}

#[test]
fn certificates_are_refused_for_what_is_wrong_with_them() {
    shard(async {
        let authority = Authority::named("ours");
        let check = async |plan: Plan, expected: &str| {
            let server = start(make(&authority, plan).config).await;
            let told = told(&dialer(&authority.trusted()), &format!("https://{server}")).await;
            assert_eq!(told, expected);
        };
        check(GOOD, "connected to 127.0.0.1").await;
        check(
            Plan { years: (2000, 2001), ..GOOD },
            "tls.expired: the certificate of 127.0.0.1 has expired",
        )
        .await;
        check(
            Plan { years: (2090, 2100), ..GOOD },
            "tls.not_yet_valid: the certificate of 127.0.0.1 is not valid yet",
        )
        .await;
        check(
            Plan { names: &["a.example", "b.example", "c.example", "d.example"], ..GOOD },
            "tls.wrong_host: the certificate of 127.0.0.1 is for a.example, b.example, \
             c.example and 1 more",
        )
        .await;
        check(
            Plan { names: &[], ..GOOD },
            "tls.wrong_host: the certificate of 127.0.0.1 is for another host",
        )
        .await;
        for signed in [SignedBy::Itself, SignedBy::ItselfAsCa] {
            check(
                Plan { signed, ..GOOD },
                "tls.unknown_issuer: the certificate of 127.0.0.1 is self-signed",
            )
            .await;
        }
    });
}

#[test]
fn an_unknown_authority_is_refused_unless_nothing_is_checked() {
    shard(async {
        let authority = Authority::named("ours");
        let server = start(make(&Authority::named("another"), GOOD).config).await;
        let url = format!("https://{server}");
        let unknown =
            "tls.unknown_issuer: the certificate of 127.0.0.1 is signed by nobody we trust";
        assert_eq!(told(&dialer(&authority.trusted()), &url).await, unknown);
        assert_eq!(told(&dialer(&NetOptions::default()), &url).await, unknown);
        let tls = TlsOptions { verify: Verify::Nothing, ..TlsOptions::default() };
        let unchecked = dialer(&NetOptions { tls, ..NetOptions::default() });
        assert_eq!(told(&unchecked, &url).await, "connected to 127.0.0.1");

        let forged = start(make(&Authority::named("ours"), GOOD).config).await;
        assert_eq!(
            told(&dialer(&authority.trusted()), &format!("https://{forged}")).await,
            "tls.unknown_issuer: the certificate of 127.0.0.1 was not signed by the issuer it names",
        );
    });
}

#[test]
fn the_systems_roots_do_not_hold_ours() {
    shard(async {
        let server = start(make(&Authority::named("ours"), GOOD).config).await;
        let tls = TlsOptions { roots: Roots::System, ..TlsOptions::default() };
        let dialer = dialer(&NetOptions { tls, ..NetOptions::default() });
        let told = told(&dialer, &format!("https://{server}")).await;
        // A machine without any roots says so.
        assert!(
            told.ends_with("is signed by nobody we trust")
                || told.starts_with("tls.other: the system's roots cannot be read"),
            "{told}"
        );
    });
}

#[test]
fn a_certificate_given_as_trusted_is_trusted_itself() {
    shard(async {
        let authority = Authority::named("ours");
        let check = async |plan: Plan, expected: &str| {
            let made = make(&authority, plan);
            let server = start(made.config).await;
            let ca_files = vec![authority.file("own.pem", &made.pem)];
            let tls = TlsOptions { ca_files, ..TlsOptions::default() };
            let dialer = dialer(&NetOptions { tls, ..NetOptions::default() });
            assert_eq!(told(&dialer, &format!("https://{server}")).await, expected);
        };
        let own = Plan { signed: SignedBy::ItselfAsCa, ..GOOD };
        check(own, "connected to 127.0.0.1").await;
        check(
            Plan { years: (2000, 2001), ..own },
            "tls.expired: the certificate of 127.0.0.1 has expired",
        )
        .await;
        check(
            Plan { names: &["a.example"], ..own },
            "tls.wrong_host: the certificate of 127.0.0.1 is for a.example",
        )
        .await;
    });
}

#[test]
fn the_certificate_is_told_whether_accepted_or_refused() {
    const NOT_AFTER_2100: i64 = 4_102_444_800;
    const NOT_AFTER_2001: i64 = 978_307_200;
    shard(async {
        let authority = Authority::named("ours");
        let dialer = dialer(&authority.trusted());
        let names = &["127.0.0.1", "a.example", "b.example"];

        let server = start(make(&authority, Plan { names, ..GOOD }).config).await;
        let host = key(&format!("https://{server}"));
        let first = dialer.dial(&host, &Progress::new()).await.expect("a connection");
        let second = dialer.dial(&host, &Progress::new()).await.expect("a connection");
        let info = first.tls.expect("TLS");
        assert_eq!(info.version, "1.3");
        assert_eq!(info.not_after_unix_s, Some(NOT_AFTER_2100));
        assert_eq!(info.san, ["a.example".into(), "b.example".into()]);
        assert!(info.issuer.as_deref().is_some_and(|issuer| issuer.contains("CN=")), "{info:?}");
        assert!(Arc::ptr_eq(&info, &second.tls.expect("TLS")), "parsed once");
        assert!(first.timings.appconnect > first.timings.connect);

        let server = start(make(&authority, Plan { years: (2000, 2001), ..GOOD }).config).await;
        let host = key(&format!("https://{server}"));
        match dialer.dial(&host, &Progress::new()).await {
            Err(DialError::Failed(failed)) => {
                let connection = failed.connection.expect("TCP stood");
                assert_eq!(connection.remote_ip, server.ip());
                let info = connection.tls.expect("a certificate was refused");
                assert_eq!(info.not_after_unix_s, Some(NOT_AFTER_2001));
                assert!(failed.timings.connect > Duration::ZERO);
            }
            other => panic!("{}", tell(other)),
        }
    });
}

#[test]
fn sessions_are_resumed_across_shards() {
    shard(async {
        let authority = Authority::named("ours");
        let server = start(make(&authority, GOOD).config).await;
        let options = authority.trusted();
        let tls = Arc::new(TlsConfigs::new(&options.tls, options.http).expect("TLS options"));
        let host = key(&format!("https://{server}"));
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let dialer = Dialer::new(&options, Arc::clone(&tls)).expect("options");
            let connected = dialer.dial(&host, &Progress::new()).await.expect("a connection");
            let info = connected.tls.expect("TLS");
            assert!(info.not_after_unix_s.is_some(), "known of a resumed session too");
            let Stream::Tls(mut stream) = connected.stream else { panic!("not TLS") };
            // Tickets come with the first bytes (RFC 8446 section 4.6.1).
            stream.read_exact(&mut [0; 1]).await.expect("a byte");
            assert_eq!(stream.get_ref().1.handshake_kind(), Some(expected));
        }
    });
}

#[test]
fn protocols_are_agreed_on_as_chosen() {
    shard(async {
        let authority = Authority::named("ours");
        let check = async |http: HttpChoice, alpn: &'static [&'static str], expected: &str| {
            let server = start(make(&authority, Plan { alpn, ..GOOD }).config).await;
            let dialer = dialer(&NetOptions { http, ..authority.trusted() });
            let host = key(&format!("https://{server}"));
            let got = match dialer.dial(&host, &Progress::new()).await {
                Ok(connected) if connected.protocol == Protocol::Http2 => "h2".to_owned(),
                Ok(_) => "h1".to_owned(),
                failed => tell(failed),
            };
            assert_eq!(got, expected, "{http:?} {alpn:?}");
        };
        use HttpChoice::{Auto, Http1, Http2};
        check(Auto, &[], "h1").await;
        check(Auto, &["http/1.1"], "h1").await;
        check(Auto, &["h2", "http/1.1"], "h2").await;
        check(Http1, &["h2", "http/1.1"], "h1").await;
        check(Http2, &["h2", "http/1.1"], "h2").await;
        check(Http2, &[], "tls.handshake: 127.0.0.1 does not offer HTTP/2").await;
        check(
            Http2,
            &["http/1.1"],
            "tls.handshake: 127.0.0.1 ended TLS with the alert NoApplicationProtocol",
        )
        .await;
    });
}

#[test]
fn handshakes_that_break_have_their_kinds() {
    shard(async {
        let short =
            NetOptions { connect_timeout: Duration::from_millis(300), ..NetOptions::default() };
        let check = async |server: SocketAddr, expected: &str| {
            assert_eq!(told(&dialer(&short), &format!("https://{server}")).await, expected);
        };
        check(silent().await, "timeout.tls: no TLS with 127.0.0.1 within 0.3 s").await;
        let garbage = serve("127.0.0.1:0", |mut tcp| async move {
            let _ = tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            let _ = tcp.read(&mut [0; 1024]).await;
        });
        check(garbage.await, "tls.handshake: what 127.0.0.1 answered is not TLS").await;
        let closing = serve("127.0.0.1:0", |mut tcp| async move {
            let _ = tcp.read(&mut [0; 4096]).await;
        });
        check(
            closing.await,
            "tls.handshake: 127.0.0.1 closed the connection during the TLS handshake",
        )
        .await;
        // Closing with unread bytes resets.
        let resetting = serve("127.0.0.1:0", |mut tcp| async move {
            let _ = tcp.read(&mut [0; 1]).await;
        });
        check(
            resetting.await,
            "connect.reset: 127.0.0.1 reset the connection during the TLS handshake",
        )
        .await;
    });
}

#[test]
fn a_client_certificate_is_presented_when_asked_for() {
    shard(async {
        let authority = Authority::named("ours");
        let mut roots = RootCertStore::empty();
        roots.add(authority.der.clone()).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .expect("a verifier");
        let client_key = KeyPair::generate().expect("a key");
        let client = CertificateParams::new(vec!["client".to_owned()])
            .and_then(|params| params.signed_by(&client_key, &authority.issuer))
            .expect("a certificate");
        let server_key = KeyPair::generate().expect("a key");
        let server = CertificateParams::new(vec!["127.0.0.1".to_owned()])
            .and_then(|params| params.signed_by(&server_key, &authority.issuer))
            .expect("a certificate");
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_client_cert_verifier(verifier)
            .with_single_cert(
                vec![server.der().clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server_key.serialize_der())),
            )
            .expect("a key that fits");
        let server = start(config).await;

        // The server's verdict on our certificate comes after the handshake (TLS 1.3).
        let check = async |identity: Option<ClientIdentity>, expected: &str| {
            let mut options = authority.trusted();
            options.tls.identity = identity;
            let host = key(&format!("https://{server}"));
            let connected = dialer(&options).dial(&host, &Progress::new()).await;
            let mut stream = connected.expect("a connection").stream;
            let mut byte = [0; 1];
            let got = match stream.read_exact(&mut byte).await {
                Ok(_) => "served".to_owned(),
                Err(error) => {
                    let failure = gather_fetch::tls::failure_of_io(&error, "host").expect("TLS");
                    format!("{}: {}", failure.kind.as_str(), failure.message)
                }
            };
            assert_eq!(got, expected);
        };
        let cert = authority.file("client.pem", &client.pem());
        let key = authority.file("client.key", &client_key.serialize_pem());
        check(Some(ClientIdentity { cert, key: Some(key) }), "served").await;
        let both = format!("{}{}", client.pem(), client_key.serialize_pem());
        let cert = authority.file("both.pem", &both);
        check(Some(ClientIdentity { cert, key: None }), "served").await;
        check(None, "tls.handshake: host ended TLS with the alert CertificateRequired").await;
    });
}

#[test]
fn a_large_bundle_of_roots_is_decoded_when_https_needs_it() {
    shard(async {
        let authority = Authority::named("ours");
        let server = start(make(&authority, GOOD).config).await;
        let comment = "# as bundles have them\n".repeat(2_000);
        let broken = authority.pem.replacen("\nMII", "\n!!!", 1);
        let checks =
            [(&authority.pem, "connected to 127.0.0.1"), (&broken, "bundle.pem: is no valid PEM")];
        for (certificates, expected) in checks {
            let bundle = authority.file("bundle.pem", &format!("{comment}{certificates}"));
            let tls = TlsOptions { ca_files: vec![bundle], ..TlsOptions::default() };
            let dialer = dialer(&NetOptions { tls, ..NetOptions::default() });
            let told = told(&dialer, &format!("https://{server}")).await;
            assert!(told.contains(expected), "{told}");
        }
        let none = TlsOptions {
            ca_files: vec![authority.file("none.pem", &comment)],
            ..TlsOptions::default()
        };
        let error = TlsConfigs::new(&none, HttpChoice::Auto).expect_err("no certificate in it");
        assert!(error.to_string().ends_with("holds no certificate in PEM"), "{error}");
    });
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let authority = Authority::named("ours");
    let check = |tls: TlsOptions, expected: &str| {
        let error = TlsConfigs::new(&tls, HttpChoice::Auto).expect_err(expected).to_string();
        let directory = format!("{}/", authority.directory.path().display());
        assert_eq!(error.replace(&directory, ""), expected);
    };
    let roots = |path: PathBuf| TlsOptions { ca_files: vec![path], ..TlsOptions::default() };
    check(
        roots(authority.directory.path().join("none.pem")),
        "none.pem: cannot be read: No such file or directory (os error 2)",
    );
    check(roots(authority.file("text", "hello")), "text: holds no certificate in PEM");
    let cut = authority.pem.replace("-----END CERTIFICATE-----", "");
    let error = TlsConfigs::new(&roots(authority.file("cut.pem", &cut)), HttpChoice::Auto);
    let error = error.expect_err("a cut file").to_string();
    assert!(error.contains("cut.pem: is no valid PEM"), "{error}");

    let key = KeyPair::generate().expect("a key").serialize_pem();
    let identity = |cert: PathBuf, key: Option<PathBuf>| TlsOptions {
        identity: Some(ClientIdentity { cert, key }),
        ..TlsOptions::default()
    };
    let cert = authority.file("cert.pem", &authority.pem);
    check(identity(cert.clone(), None), "cert.pem: holds no private key in PEM");
    check(
        identity(cert.clone(), Some(authority.file("other.key", &key))),
        "other.key: is not the key of the certificate in cert.pem",
    );
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    check(
        identity(cert, Some(authority.file("locked.key", encrypted))),
        "locked.key: the private key is encrypted; give it decrypted",
    );
}
