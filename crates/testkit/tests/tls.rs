//! Certificates and HTTP/2, seen through rustls and a bare HTTP/2 client.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gather_testkit::{Ca, ClientCert, Identity, Server, Site, Tls, Validity};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const YEAR: Validity = Validity::For(Duration::from_secs(365 * 24 * 3600));

fn client(ca: &Ca, alpn: &[&str], identity: Option<&Identity>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let cert = CertificateDer::from_pem_slice(identity.cert_pem.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![cert], key).unwrap()
        }
    };
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

async fn dial(server: &Server, config: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
    let tcp = TcpStream::connect(server.addr()).await?;
    let name = ServerName::try_from("shop.test").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await
}

/// Asks over HTTP/1.1; the error of the handshake or of what follows as text.
async fn get(server: &Server, config: ClientConfig) -> Result<String, String> {
    let mut stream = dial(server, config).await.map_err(|error| error.to_string())?;
    let request = b"GET /close HTTP/1.1\r\nHost: shop.test\r\n\r\n";
    stream.write_all(request).await.map_err(|error| error.to_string())?;
    let mut got = String::new();
    stream.read_to_string(&mut got).await.map_err(|error| error.to_string())?;
    Ok(got)
}

fn serve(identity: &Identity, alpn: &[&str], client_cert: ClientCert<'_>) -> Server {
    let tls = Some(Tls::new(identity, alpn, client_cert));
    Server::start(Site { tls, ..Site::default() })
}

#[tokio::test]
async fn each_certificate_is_as_good_as_it_says() {
    let ca = Ca::new();
    let cases = [
        ("good", ca.issue(&["shop.test"], YEAR), Ok("HTTP/1.1 200 OK")),
        ("expired", ca.issue(&["shop.test"], Validity::Expired), Err("expired")),
        ("not yet", ca.issue(&["shop.test"], Validity::NotYet), Err("not valid yet")),
        ("other host", ca.issue(&["other.test"], YEAR), Err("not valid for name")),
        ("self-signed", Identity::self_signed(&["shop.test"]), Err("UnknownIssuer")),
        ("other authority", Ca::new().issue(&["shop.test"], YEAR), Err("UnknownIssuer")),
    ];
    for (case, identity, want) in cases {
        let server = serve(&identity, &[], ClientCert::NotAsked);
        assert!(server.url("/").starts_with("https://"));
        let got = get(&server, client(&ca, &[], None)).await;
        match (&got, want) {
            (Ok(text), Ok(part)) | (Err(text), Err(part)) if text.contains(part) => {}
            _ => panic!("{case}: {got:?} instead of {want:?}"),
        }
    }
}

#[tokio::test]
async fn a_client_certificate_can_be_asked_for() {
    let ca = Ca::new();
    let server = serve(&ca.issue(&["shop.test"], YEAR), &[], ClientCert::IssuedBy(&ca));
    let known = ca.issue(&["client"], YEAR);
    assert!(get(&server, client(&ca, &[], Some(&known))).await.is_ok());
    assert!(get(&server, client(&ca, &[], None)).await.is_err());
    let unknown = Ca::new().issue(&["client"], YEAR);
    assert!(get(&server, client(&ca, &[], Some(&unknown))).await.is_err());
    assert_eq!(server.hits(), 1);
}

#[tokio::test]
async fn the_protocol_is_agreed_on() {
    let ca = Ca::new();
    let identity = ca.issue(&["shop.test"], YEAR);
    let both = ["h2", "http/1.1"];
    let cases: &[(&[&str], &[&str], Option<&str>)] = &[
        (&both, &both, Some("h2")),
        (&["http/1.1"], &both, Some("http/1.1")),
        (&both, &["http/1.1"], Some("http/1.1")),
        (&[], &both, None),
    ];
    for (ours, theirs, want) in cases {
        let server = serve(&identity, ours, ClientCert::NotAsked);
        let stream = dial(&server, client(&ca, theirs, None)).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), want.map(str::as_bytes));
    }
    let tls = Some(Tls::only_1_2(&identity, &[]));
    let server = Server::start(Site { tls, ..Site::default() });
    let stream = dial(&server, client(&ca, &[], None)).await.unwrap();
    let version = stream.get_ref().1.protocol_version();
    assert_eq!(version, Some(rustls::ProtocolVersion::TLSv1_2));
}

/// Asks for one path on a connection of its own: status and body, or the error.
async fn get2(server: &Server, ca: &Ca, path: &str) -> Result<(u16, Bytes), h2::Error> {
    let stream = dial(server, client(ca, &["h2"], None)).await.unwrap();
    let (mut send, connection) = h2::client::handshake(stream).await?;
    tokio::spawn(connection);
    let request = http::Request::get(format!("https://shop.test{path}")).body(()).unwrap();
    let response = send.send_request(request, true)?.0.await?;
    let (head, mut body) = response.into_parts();
    let mut bytes = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        bytes.extend_from_slice(&data);
        if bytes.len() > 1 << 20 {
            break;
        }
    }
    Ok((head.status.as_u16(), bytes.into()))
}

#[tokio::test]
async fn http2_speaks_the_same_paths() {
    let ca = Ca::new();
    let identity = ca.issue(&["shop.test"], YEAR);
    let server = serve(&identity, &["h2"], ClientCert::NotAsked);
    for (path, status, length) in [
        ("/ok", 200, 2),
        ("/ok?size=300000", 200, 300_000),
        ("/delay/10ms", 200, 2),
        ("/status/404", 404, 11),
        ("/429", 429, 16),
        ("/drip?bps=1000&size=5", 200, 5),
        ("/infinite", 200, 1 << 20),
    ] {
        let (got, body) = get2(&server, &ca, path).await.unwrap();
        assert_eq!((got, body.len().min(1 << 20)), (status, length), "{path}");
    }
    let (_, echo) = get2(&server, &ca, "/echo").await.unwrap();
    assert!(String::from_utf8_lossy(&echo).contains(r#""version":"2""#));

    let error = get2(&server, &ca, "/reset-stream?code=7").await.unwrap_err();
    assert_eq!((error.is_reset(), error.reason()), (true, Some(h2::Reason::REFUSED_STREAM)));
    let error = get2(&server, &ca, "/reset?at=1").await.unwrap_err();
    assert_eq!((error.is_reset(), error.reason()), (true, Some(h2::Reason::INTERNAL_ERROR)));
    let error = get2(&server, &ca, "/goaway").await.unwrap_err();
    assert!(error.is_io(), "the stream counts as seen, so it just ends: {error}");
    let tls = Some(Tls::new(&identity, &["h2"], ClientCert::NotAsked));
    let coy = Server::start(Site { tls, http2_turned_away: 1, ..Site::default() });
    let error = get2(&coy, &ca, "/ok").await.unwrap_err();
    assert_eq!((error.is_go_away(), error.reason()), (true, Some(h2::Reason::NO_ERROR)));
    assert_eq!(get2(&coy, &ca, "/ok").await.unwrap().0, 200);
    assert_eq!((coy.connections(), coy.hits()), (2, 1));
    assert!(server.requests().iter().all(|request| request.version == "2"));
}
