//! Proxies over loopback: CONNECT, absolute-form, TLS to the proxy, SOCKS 5, and their refusals.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use gather_fetch::{NetOptions, NoProxy, Progress, Proxies, Proxy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::secure::{Authority, GOOD, make, start};
use crate::support::{dialer, key, refusing, serve, shard, silent, tell, told};

/// What a test proxy was asked, one entry for each connection.
type Asked = Rc<RefCell<Vec<String>>>;

/// An HTTP proxy that answers CONNECT like this, then joins the tunnel to `origin`.
async fn connect_proxy(answer: &'static str, origin: Option<SocketAddr>) -> (SocketAddr, Asked) {
    let asked = Asked::default();
    let log = Rc::clone(&asked);
    let address = serve("127.0.0.1:0", move |mut tcp| {
        let log = Rc::clone(&log);
        async move {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") && tcp.read_buf(&mut head).await.is_ok_and(|n| n > 0)
            {
            }
            log.borrow_mut().push(String::from_utf8_lossy(&head).into_owned());
            let _ = tcp.write_all(answer.as_bytes()).await;
            join(tcp, origin).await;
        }
    })
    .await;
    (address, asked)
}

async fn join(mut tcp: TcpStream, origin: Option<SocketAddr>) {
    if let Some(origin) = origin {
        let mut upstream = TcpStream::connect(origin).await.expect("the origin listens");
        let _ = tokio::io::copy_bidirectional(&mut tcp, &mut upstream).await;
    }
}

/// A SOCKS 5 proxy that wants `method`, answers the request with `reply`, and logs the request.
async fn socks_proxy(method: u8, reply: u8, origin: Option<SocketAddr>) -> (SocketAddr, Asked) {
    let asked = Asked::default();
    let log = Rc::clone(&asked);
    let address = serve("127.0.0.1:0", move |mut tcp| {
        let log = Rc::clone(&log);
        async move {
            let _ = socks_session(&mut tcp, method, reply, &log).await;
            join(tcp, origin).await;
        }
    })
    .await;
    (address, asked)
}

async fn socks_session(
    tcp: &mut TcpStream,
    method: u8,
    reply: u8,
    log: &Asked,
) -> std::io::Result<()> {
    tcp.read_u8().await?;
    read_counted(tcp).await?;
    tcp.write_all(&[5, method]).await?;
    let mut entry = String::new();
    if method == 2 {
        tcp.read_u8().await?;
        let user = read_counted(tcp).await?;
        let password = read_counted(tcp).await?;
        entry = format!("{user}/{password} ");
        tcp.write_all(&[1, u8::from(password != "right")]).await?;
    }
    let mut request = [0; 4];
    tcp.read_exact(&mut request).await?;
    entry += &match request[3] {
        1 => {
            let mut octets = [0; 4];
            tcp.read_exact(&mut octets).await?;
            std::net::Ipv4Addr::from(octets).to_string()
        }
        _ => format!("name {}", read_counted(tcp).await?),
    };
    entry += &format!(":{}", tcp.read_u16().await?);
    log.borrow_mut().push(entry);
    // The bound address is given as a name, the form that is hardest to skip.
    tcp.write_all(&[5, reply, 0, 3, 2, b'h', b'i', 0, 80]).await
}

async fn read_counted(tcp: &mut TcpStream) -> std::io::Result<String> {
    let count = tcp.read_u8().await?;
    let mut bytes = vec![0; count.into()];
    tcp.read_exact(&mut bytes).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn through(proxy: &str) -> NetOptions {
    let proxy = Proxy::parse(proxy).expect("a proxy");
    NetOptions { proxies: Proxies::all(proxy, NoProxy::default()), ..NetOptions::default() }
}

#[test]
fn https_goes_through_a_tunnel() {
    shard(async {
        let authority = Authority::named("ours");
        let origin = start(make(&authority, GOOD).config).await;
        let (proxy, asked) =
            connect_proxy("HTTP/1.1 200 Connection established\r\n\r\n", Some(origin)).await;
        let options = NetOptions {
            tls: authority.trusted().tls,
            ..through(&format!("http://me:s%3acret@{proxy}"))
        };
        let connected =
            dialer(&options).dial(&key(&format!("https://{origin}")), &Progress::new()).await;
        let connected = connected.expect("a connection");
        assert!(connected.tls.is_some() && connected.forward_proxy.is_none());
        assert_eq!(
            asked.borrow().as_slice(),
            [format!(
                "CONNECT {origin} HTTP/1.1\r\nHost: {origin}\r\n\
                 Proxy-Authorization: Basic bWU6czpjcmV0\r\n\r\n"
            )]
        );
    });
}

#[test]
fn a_proxy_over_tls_carries_https_in_it() {
    shard(async {
        let authority = Authority::named("ours");
        let origin = start(make(&authority, GOOD).config).await;
        let acceptor =
            tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(make(&authority, GOOD).config));
        let proxy = serve("127.0.0.1:0", move |tcp| {
            let acceptor = acceptor.clone();
            async move {
                let mut tls = acceptor.accept(tcp).await.expect("a handshake");
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    tls.read_buf(&mut head).await.expect("a request");
                }
                tls.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.expect("written");
                let mut upstream = TcpStream::connect(origin).await.expect("the origin listens");
                let _ = tokio::io::copy_bidirectional(&mut tls, &mut upstream).await;
            }
        })
        .await;
        let tls = authority.trusted().tls;
        let options = NetOptions { tls, ..through(&format!("https://{proxy}")) };
        let host = key(&format!("https://{origin}"));
        let mut connected =
            dialer(&options).dial(&host, &Progress::new()).await.expect("a connection");
        let mut byte = [0; 1];
        connected.stream.read_exact(&mut byte).await.expect("the origin speaks");
        assert_eq!(&byte, b"!");
        let untrusting = dialer(&through(&format!("https://{proxy}")));
        let told = told(&untrusting, &format!("https://{origin}")).await;
        assert!(told.starts_with("connect.proxy: ") && told.contains("trust"), "{told}");
    });
}

#[test]
fn plain_http_names_the_whole_url_to_the_proxy() {
    shard(async {
        let proxy = silent().await;
        let check = async |url: &str, credentials: &str, expected: Option<&str>| {
            let dialer = dialer(&through(&format!("http://{credentials}{proxy}")));
            // The proxy resolves the name.
            let host = key(&format!("http://{url}:80"));
            assert!(!dialer.needs_lookup(&host));
            dialer.resolve(&host).await.expect("nothing to resolve");
            let connected = dialer.dial(&host, &Progress::new()).await.expect("a connection");
            let header = connected.forward_proxy.expect("an HTTP proxy");
            let value = header.authorization.as_ref().map(|value| value.to_str().expect("ASCII"));
            assert_eq!(value, expected, "{url}");
            assert!(header.authorization.as_ref().is_none_or(|value| value.is_sensitive()));
        };
        check("a.example", "", None).await;
        check("a.example", "me:secret@", Some("Basic bWU6c2VjcmV0")).await;
    });
}

#[test]
fn refusals_of_http_proxies_are_told_without_the_password() {
    shard(async {
        let check = async |answer: &'static str, credentials: &str, expected: &str| {
            let (proxy, _) = connect_proxy(answer, None).await;
            let dialer = dialer(&through(&format!("http://{credentials}{proxy}")));
            let told = told(&dialer, "https://a.example:443").await;
            assert_eq!(told.replace(&proxy.to_string(), "P"), expected);
        };
        check(
            "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            "",
            "connect.proxy: the proxy http://P answered 407: it wants credentials",
        )
        .await;
        check(
            "HTTP/1.1 407 Proxy Authentication Required\r\n\r\nsome words",
            "me:secret@",
            "connect.proxy: the proxy http://P answered 407: it refuses the credentials",
        )
        .await;
        check(
            "HTTP/1.0 502 Bad Gateway\r\nX: y\r\n\r\n",
            "",
            "connect.proxy: the proxy http://P answered 502 to CONNECT a.example:443",
        )
        .await;
        check(
            "",
            "",
            "connect.proxy: the proxy http://P closed the connection instead of answering CONNECT",
        )
        .await;
        check(
            "SSH-2.0-x\r\n\r\n",
            "",
            "connect.proxy: the proxy http://P gave no HTTP answer to CONNECT",
        )
        .await;
        check(
            "HTTP/1.1 200 OK\r\n\r\nearly",
            "",
            "connect.proxy: the proxy http://P sent data before the tunnel was used",
        )
        .await;
        let closed = refusing().await;
        assert_eq!(
            told(&dialer(&through(&format!("http://{closed}"))), "https://a.example:443").await,
            format!(
                "connect.proxy: the proxy http://{closed} cannot be reached: \
                 connection refused by {closed}"
            )
        );
        let mute = silent().await;
        let options = NetOptions {
            connect_timeout: Duration::from_millis(200),
            ..through(&format!("http://{mute}"))
        };
        assert_eq!(
            told(&dialer(&options), "https://a.example:443").await,
            format!(
                "timeout.connect: no tunnel to a.example:443 from the proxy http://{mute} \
                 within 0.2 s"
            )
        );
    });
}

#[test]
fn socks_resolves_here_or_there() {
    shard(async {
        let origin = silent().await;
        let check = async |scheme: &str, credentials: &str, method: u8, expected: &str| {
            let (proxy, asked) = socks_proxy(method, 0, Some(origin)).await;
            let dialer = dialer(&through(&format!("{scheme}://{credentials}{proxy}")));
            let told = told(&dialer, "http://app.localhost:81").await;
            assert_eq!(told, "connected to 127.0.0.1", "{scheme}");
            assert_eq!(asked.borrow().as_slice(), [expected], "{scheme}");
        };
        check("socks5h", "", 0, "name app.localhost:81").await;
        check("socks5h", "me:right@", 2, "me/right name app.localhost:81").await;
        check("socks5h", "me:right@", 0, "name app.localhost:81").await;

        let (proxy, asked) = socks_proxy(0, 0, Some(origin)).await;
        let dialer = dialer(&through(&format!("socks5://{proxy}")));
        assert!(dialer.needs_lookup(&key("http://app.localhost:81")));
        assert_eq!(told(&dialer, "http://app.localhost:81").await, "connected to 127.0.0.1");
        assert_eq!(asked.borrow().as_slice(), ["127.0.0.1:81"]);
    });
}

#[test]
fn refusals_of_socks_proxies_are_told() {
    shard(async {
        let check = async |credentials: &str, method: u8, reply: u8, expected: &str| {
            let (proxy, _) = socks_proxy(method, reply, None).await;
            let dialer = dialer(&through(&format!("socks5h://{credentials}{proxy}")));
            let told = told(&dialer, "https://a.example:443").await;
            assert_eq!(told.replace(&proxy.to_string(), "P"), expected);
        };
        check("", 0xFF, 0, "connect.proxy: the proxy socks5h://P wants credentials").await;
        check("a:b@", 0xFF, 0, "connect.proxy: the proxy socks5h://P takes no user and password")
            .await;
        check("a:wrong@", 2, 0, "connect.proxy: the proxy socks5h://P refuses the credentials")
            .await;
        check(
            "",
            0,
            5,
            "connect.proxy: the proxy socks5h://P was refused the connection (SOCKS reply 5)",
        )
        .await;
        check(
            "",
            0,
            99,
            "connect.proxy: the proxy socks5h://P failed for a reason it does not name \
             (SOCKS reply 99)",
        )
        .await;
        let web = serve("127.0.0.1:0", |mut tcp| async move {
            let _ = tcp.read(&mut [0; 3]).await;
            let _ = tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        })
        .await;
        assert_eq!(
            told(&dialer(&through(&format!("socks5h://{web}"))), "https://a.example:443").await,
            format!("connect.proxy: the proxy socks5h://{web} does not speak SOCKS 5")
        );
    });
}

#[test]
fn exceptions_are_reached_directly() {
    shard(async {
        let origin = silent().await;
        let proxy = Proxy::parse(&format!("http://{}", refusing().await)).expect("a proxy");
        let except = NoProxy::parse("127.0.0.0/8");
        let options = NetOptions { proxies: Proxies::all(proxy, except), ..NetOptions::default() };
        let host = key(&format!("http://{origin}"));
        assert_eq!(
            tell(dialer(&options).dial(&host, &Progress::new()).await),
            "connected to 127.0.0.1"
        );
    });
}
