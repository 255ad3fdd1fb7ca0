//! Connections over real loopback sockets: addresses, overrides, families, timeouts, pacing.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::support::{dialer, key, refusing, serve, shard, silent, tell, told};
use gather_fetch::{
    ConnectTo, Dialer, Family, HttpChoice, NetOptions, Phase, Progress, Protocol, ResolveOverride,
    Stream,
};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// A listener whose queue is full: to it, connections are neither made nor refused.
struct BlackHole {
    address: SocketAddr,
    _listener: TcpListener,
    _queued: Vec<TcpStream>,
}

async fn black_hole(ip: [u8; 4]) -> BlackHole {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::from((ip, 0))).expect("a free port");
    let listener = socket.listen(0).expect("a listener");
    let address = listener.local_addr().expect("bound");
    let mut queued = Vec::new();
    // The kernel keeps one more than the backlog; after that it drops what comes.
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await
    {
        queued.push(stream);
    }
    BlackHole { address, _listener: listener, _queued: queued }
}

fn with_timeout(ms: u64) -> NetOptions {
    NetOptions { connect_timeout: Duration::from_millis(ms), ..NetOptions::default() }
}

#[test]
fn literals_are_dialled_without_dns() {
    shard(async {
        let server = silent().await;
        let dialer = dialer(&NetOptions::default());
        for url in
            [format!("http://{server}"), format!("http://[::ffff:127.0.0.1]:{}", server.port())]
        {
            assert!(!dialer.needs_lookup(&key(&url)), "{url}");
            let told = told(&dialer, &url).await;
            assert!(told.starts_with("connected to"), "{url}: {told}");
        }
    });
}

#[test]
fn failures_of_addresses_have_their_kinds() {
    shard(async {
        let closed = refusing().await;
        let hole = black_hole([127, 0, 0, 1]).await;
        let check = async |options: &NetOptions, url: String, expected: String| {
            assert_eq!(told(&dialer(options), &url).await, expected, "{url}");
        };
        let plain = with_timeout(300);
        check(
            &plain,
            format!("http://{closed}"),
            format!("connect.refused: connection refused by {closed}"),
        )
        .await;
        check(
            &plain,
            format!("http://{}", hole.address),
            format!("timeout.connect: no connection to {} within 0.3 s", hole.address),
        )
        .await;
        check(
            &plain,
            "http://127.0.0.1:0".to_owned(),
            "connect.unreachable: 127.0.0.1:0 cannot be dialled".to_owned(),
        )
        .await;
        let only_v6 = NetOptions { family: Family::V6, ..with_timeout(300) };
        check(
            &only_v6,
            format!("http://{closed}"),
            "connect.unreachable: 127.0.0.1 has no IPv6 address".to_owned(),
        )
        .await;
    });
}

/// Addresses that can never be dialled must not look like a machine that is out of ports.
#[test]
fn odd_addresses_are_no_shortage() {
    shard(async {
        let dialer = dialer(&with_timeout(100));
        for host in
            ["224.0.0.1", "255.255.255.255", "[ff02::1]", "[fe80::1]", "[::]", "[2001:db8::1]"]
        {
            let told = told(&dialer, &format!("http://{host}:9")).await;
            assert!(told.starts_with("connect.") || told.starts_with("timeout."), "{host}: {told}");
        }
    });
}

#[test]
fn the_next_address_is_tried_when_one_fails_or_is_silent() {
    shard(async {
        let hole = black_hole([127, 0, 0, 2]).await;
        let port = hole.address.port();
        let server = serve(&format!("127.0.0.4:{port}"), |stream| async move {
            let _held = stream;
            std::future::pending().await
        })
        .await;
        assert_eq!(server.port(), port);
        let check = async |addresses: &str, expected: &str| {
            let rule = ResolveOverride::parse(&format!("a.example:{port}:{addresses}"));
            let options =
                NetOptions { resolve: vec![rule.expect("a rule")], ..NetOptions::default() };
            let told = told(&dialer(&options), &format!("http://a.example:{port}")).await;
            assert_eq!(told.replace(&format!(":{port}"), ""), expected, "{addresses}");
        };
        check("127.0.0.4", "connected to 127.0.0.4").await;
        // Nothing listens on 127.0.0.3.
        check("127.0.0.3,127.0.0.4", "connected to 127.0.0.4").await;
        check("127.0.0.2,127.0.0.4", "connected to 127.0.0.4").await;
        check("127.0.0.3", "connect.refused: connection refused by 127.0.0.3").await;
        check(
            "127.0.0.3,127.0.0.5",
            "connect.refused: connection refused by 127.0.0.5 (2 addresses tried)",
        )
        .await;
    });
}

#[test]
fn an_address_to_avoid_is_dialled_last() {
    shard(async {
        let silent = |address: String| async move {
            serve(&address, |stream| async move {
                let _held = stream;
                std::future::pending().await
            })
            .await
        };
        let port = silent("127.0.0.6:0".to_owned()).await.port();
        silent(format!("127.0.0.7:{port}")).await;
        let rule = |addresses: &str| {
            let rule = ResolveOverride::parse(&format!("a.example:{port}:{addresses}"));
            NetOptions { resolve: vec![rule.expect("a rule")], ..NetOptions::default() }
        };
        for (addresses, avoided, expected) in [
            ("127.0.0.6,127.0.0.7", None, "127.0.0.6"),
            ("127.0.0.6,127.0.0.7", Some([127, 0, 0, 6]), "127.0.0.7"),
            ("127.0.0.6,127.0.0.7", Some([127, 0, 0, 7]), "127.0.0.6"),
            // It is all there is, or all that answers.
            ("127.0.0.6", Some([127, 0, 0, 6]), "127.0.0.6"),
            ("127.0.0.6,127.0.0.8", Some([127, 0, 0, 6]), "127.0.0.6"),
        ] {
            let progress = Progress::new();
            progress.avoid(avoided.map(std::net::IpAddr::from));
            let dialer = dialer(&rule(addresses));
            let told =
                tell(dialer.dial(&key(&format!("http://a.example:{port}")), &progress).await);
            assert_eq!(told, format!("connected to {expected}"), "{addresses} {avoided:?}");
        }
    });
}

#[test]
fn overrides_replace_names_and_places() {
    shard(async {
        let server = silent().await;
        let port = server.port();
        let resolve = vec![ResolveOverride::parse("a.example:*:127.0.0.1").expect("a rule")];
        let connect_to =
            vec![ConnectTo::parse(&format!("b.example:80:127.0.0.1:{port}")).expect("a rule")];
        let dialer = dialer(&NetOptions { resolve, connect_to, ..NetOptions::default() });
        for url in [format!("http://a.example:{port}"), "http://b.example:80".to_owned()] {
            assert!(!dialer.needs_lookup(&key(&url)), "{url}");
            assert_eq!(told(&dialer, &url).await, "connected to 127.0.0.1", "{url}");
        }
        assert!(dialer.needs_lookup(&key("http://b.example:81")));
    });
}

#[test]
fn plain_http_speaks_what_was_chosen() {
    shard(async {
        let server = silent().await;
        for (http, protocol) in [
            (HttpChoice::Auto, Protocol::Http1),
            (HttpChoice::Http1, Protocol::Http1),
            (HttpChoice::Http2, Protocol::Http2),
        ] {
            let dialer = dialer(&NetOptions { http, ..NetOptions::default() });
            let progress = Progress::new();
            let connected = dialer
                .dial(&key(&format!("http://{server}")), &progress)
                .await
                .expect("a connection");
            assert_eq!(connected.protocol, protocol, "{http:?}");
            assert_eq!(connected.remote_ip, IpAddr::V4(Ipv4Addr::LOCALHOST));
            assert!(connected.timings.connect > Duration::ZERO);
            assert_eq!(connected.timings.appconnect, Duration::ZERO);
            assert_eq!(progress.phase(), Phase::Connect);
            let Stream::Plain(tcp) = connected.stream else { panic!("TLS on plain http") };
            assert!(tcp.nodelay().expect("an open socket"));
        }
    });
}

/// Silent hosts take the pace's places for a moment only: a good host behind 200 of them is
/// reached long before the first of them times out.
#[test]
fn silent_hosts_hold_up_no_others() {
    shard(async {
        let hole = black_hole([127, 0, 0, 1]).await;
        let server = silent().await;
        let dialer = std::rc::Rc::new(dialer(&with_timeout(20_000)));
        let dead: Vec<_> = (0..200)
            .map(|_| {
                let (dialer, url) =
                    (std::rc::Rc::clone(&dialer), format!("http://{}", hole.address));
                tokio::task::spawn_local(async move { told(&dialer, &url).await })
            })
            .collect();
        // The loop begins 61 tasks a turn.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        let url = format!("http://{server}");
        let good = tokio::time::timeout(Duration::from_secs(10), told(&dialer, &url)).await;
        assert_eq!(good.as_deref(), Ok("connected to 127.0.0.1"));
        assert!(dead.iter().all(|task| !task.is_finished()));
        dead.iter().for_each(tokio::task::JoinHandle::abort);
    });
}

#[test]
fn impossible_options_are_refused() {
    let check = |options: NetOptions, expected: &str| {
        let tls = gather_fetch::TlsConfigs::new(&options.tls, options.http).expect("TLS options");
        let error = Dialer::new(&options, std::sync::Arc::new(tls)).expect_err(expected);
        assert_eq!(error.to_string(), expected);
    };
    check(
        NetOptions { dns_concurrency: 0, ..NetOptions::default() },
        "the number of lookups at once must not be 0",
    );
    check(with_timeout(0), "the connect timeout must not be 0");
}

/// Ten thousand tries in flight each hold the future of their dial.
#[test]
fn a_dial_takes_little_room_in_its_try() {
    let dialer = dialer(&NetOptions::default());
    let (host, progress) = (key("http://127.0.0.1:80"), Progress::new());
    let bytes = std::mem::size_of_val(&dialer.dial(&host, &progress));
    assert!(bytes <= 512, "{bytes} bytes");
}
