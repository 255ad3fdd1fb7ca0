//! The site as a whole: its hosts, their addresses, and the list of what to fetch from them.

use std::fmt::Write as _;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::{Semaphore, watch};

use super::answer::{Host, Kind};
use super::http;
use super::pages;

/// Connections served at once, over all hosts; others wait to be accepted.
const CONNECTIONS_MAX: usize = 2048;

/// How many hosts there are of each kind.
const HOSTS: &[(Kind, usize)] = &[
    (Kind::Partner, 10),
    (Kind::Market, 1),
    (Kind::Shop, 12),
    (Kind::Prices, 6),
    (Kind::Strict, 1),
    (Kind::Flaky, 2),
    (Kind::Moved, 1),
    (Kind::Gone, 1),
    (Kind::Broken, 1),
    (Kind::Silent, 1),
    (Kind::Closed, 1),
];

/// A running site. Dropping it stops it and waits until its sockets are closed.
pub(crate) struct Site {
    hosts: Vec<(SocketAddr, Arc<Host>)>,
    stop: watch::Sender<Running>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Running {
    Yes,
    No,
}

impl Site {
    /// Starts the site on a thread of its own, each host on an address of its own
    /// (`127.0.0.1:port`, `127.0.0.2:port`, …). Port 0 takes one that is free. Where the system
    /// has only 127.0.0.1 the hosts take ports of their own instead.
    ///
    /// # Errors
    /// When a given port is taken, or no socket or thread can be had.
    pub(crate) fn start(port: u16) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut hosts = Vec::new();
        let mut listeners = Vec::new();
        let mut addresses = Addresses { port, taken: 0 };
        for &(kind, count) in HOSTS {
            for number in 0..count {
                let listener = addresses.bind()?;
                let address = listener.local_addr()?;
                let host = Arc::new(Host::new(kind, number, elsewhere(&hosts)));
                hosts.push((address, Arc::clone(&host)));
                // A closed host has an address that nobody listens on.
                if kind != Kind::Closed {
                    listener.set_nonblocking(true)?;
                    listeners.push((listener, host));
                }
            }
        }
        let (stop, stopped) = watch::channel(Running::Yes);
        let thread = std::thread::Builder::new()
            .name("demo-site".to_owned())
            .spawn(move || runtime.block_on(serve(listeners, stopped)))?;
        Ok(Self { hosts, stop, thread: Some(thread) })
    }

    /// What the demo fetches, by host: the partners, who take a second each, come first.
    pub(crate) fn target_list(&self) -> Vec<String> {
        let mut urls = Vec::new();
        for (address, host) in &self.hosts {
            urls.extend(paths(host.kind()).iter().map(|path| url(*address, path)));
        }
        urls
    }

    /// The hosts by kind with their addresses, as lines for people.
    pub(crate) fn describe(&self) -> String {
        let mut text = String::new();
        for &(kind, count) in HOSTS {
            let mut of_kind = self.hosts.iter().filter(|(_, host)| host.kind() == kind);
            let Some((first, _)) = of_kind.next() else { continue };
            let range = match of_kind.next_back() {
                Some((last, _)) => format!("{first} to {last}"),
                None => first.to_string(),
            };
            let example = &paths(kind)[0];
            writeln!(text, "{count:>3} x {:<48} {range}, for example {example}", kind.about())
                .expect("a String takes all");
        }
        text
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop.send_replace(Running::No);
        if let Some(thread) = self.thread.take() {
            // A panic of its thread was printed already, and there is nobody to tell.
            let _ended = thread.join();
        }
    }
}

/// The addresses of loopback, handed out one by one.
struct Addresses {
    port: u16,
    taken: u8,
}

impl Addresses {
    /// Listens on the next address.
    fn bind(&mut self) -> io::Result<TcpListener> {
        self.taken += 1;
        let own = SocketAddr::from((Ipv4Addr::new(127, 0, 0, self.taken), self.port));
        match TcpListener::bind(own) {
            Ok(listener) => {
                // The other hosts take the port that the first one was given.
                self.port = listener.local_addr()?.port();
                Ok(listener)
            }
            Err(error) => match error.kind() {
                // The port was free on 127.0.0.1 and is not here, or there is no such address.
                io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable if self.taken > 1 => {
                    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
                }
                _ => Err(error),
            },
        }
    }
}

async fn serve(listeners: Vec<(TcpListener, Arc<Host>)>, stopped: watch::Receiver<Running>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut accepting = tokio::task::JoinSet::new();
    for (listener, host) in listeners {
        let listener = tokio::net::TcpListener::from_std(listener)
            .expect("the socket listens and does not block");
        accepting.spawn(http::accept(listener, host, Arc::clone(&permits), stopped.clone()));
    }
    // They end when the site is stopped; connections end with the runtime.
    accepting.join_all().await;
}

/// A page on another host, for those that redirect there: shops are started before them.
fn elsewhere(started: &[(SocketAddr, Arc<Host>)]) -> Option<String> {
    let shop = started.iter().find(|(_, host)| host.kind() == Kind::Shop)?;
    Some(url(shop.0, "/page/1"))
}

fn url(address: SocketAddr, path: &str) -> String {
    format!("http://{address}{path}")
}

/// What the demo fetches of each host of this kind.
fn paths(kind: Kind) -> Vec<String> {
    let numbered = |path: &str, count: u32| (1..=count).map(|n| format!("{path}{n}")).collect();
    let named = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect();
    match kind {
        Kind::Partner => named(&["/v1/stock"]),
        Kind::Market => numbered("/list/", 5),
        Kind::Shop => numbered("/page/", pages::SHOP_PAGES),
        Kind::Prices => pages::SYMBOLS.iter().map(|name| format!("/price/{name}")).collect(),
        Kind::Strict => numbered("/item/", 20),
        Kind::Flaky => numbered("/report/", 8),
        Kind::Moved => named(&["/old/1", "/old/2", "/elsewhere", "/loop"]),
        Kind::Gone => named(&["/page/1", "/page/2", "/missing", "/gone"]),
        Kind::Broken => named(&["/reset", "/cut", "/garbage", "/well"]),
        Kind::Silent => named(&["/a", "/b"]),
        Kind::Closed => named(&["/"]),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpStream};

    use super::*;

    /// What comes back for these requests over one connection, to its end.
    fn exchange(address: SocketAddr, requests: &[&str]) -> io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        for request in requests {
            stream.write_all(format!("{request} HTTP/1.1\r\nhost: demo\r\n\r\n").as_bytes())?;
        }
        // A server that has reset by now is told of by the read.
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    fn address_of(site: &Site, kind: Kind) -> SocketAddr {
        site.hosts.iter().find(|(_, host)| host.kind() == kind).unwrap().0
    }

    #[test]
    fn hosts_answer_as_their_kind_is() {
        let site = Site::start(0).unwrap();
        let cases: &[(Kind, &[&str], &[&str])] = &[
            (Kind::Shop, &["GET /page/1"], &["HTTP/1.1 200 OK\r\n", "rel=\"next\""]),
            (Kind::Shop, &["GET /page/13"], &["HTTP/1.1 404 Not Found\r\n"]),
            (Kind::Shop, &["HEAD /page/1"], &["HTTP/1.1 200 OK\r\n", "content-length: 2"]),
            (Kind::Market, &["GET /list/999999"], &["<html lang=\"de-CH\">", "M999999-01"]),
            (Kind::Prices, &["GET /price/SAP?x=1"], &["{\"symbol\":\"SAP\",\"price\":\""]),
            (
                Kind::Flaky,
                &["GET /report/1", "GET /report/1"],
                &["HTTP/1.1 500 Internal Server Error\r\n", "HTTP/1.1 200 OK\r\n"],
            ),
            (Kind::Moved, &["GET /old/1"], &["HTTP/1.1 301", "location: /new/1\r\n"]),
            (Kind::Moved, &["GET /elsewhere"], &["HTTP/1.1 302", "location: http://127.0.0."]),
            (Kind::Gone, &["GET /gone", "GET /page/1"], &["HTTP/1.1 410", "HTTP/1.1 200"]),
            (Kind::Broken, &["GET /garbage"], &["220 mail.example"]),
            (Kind::Broken, &["GET /cut"], &["content-length: 4000\r\n", "<html>half"]),
        ];
        for (kind, requests, expected) in cases {
            let answer = exchange(address_of(&site, *kind), requests).unwrap();
            let mut rest = answer.as_str();
            for part in *expected {
                let at = rest.find(part).unwrap_or_else(|| panic!("no {part:?} in {answer:?}"));
                rest = &rest[at + part.len()..];
            }
        }
        let head = exchange(address_of(&site, Kind::Shop), &["HEAD /page/1"]).unwrap();
        assert!(head.ends_with("\r\n\r\n"), "{head}");
    }

    #[test]
    fn broken_hosts_are_broken() {
        let site = Site::start(0).unwrap();
        let fails = |kind, path: &str| exchange(address_of(&site, kind), &[path]).unwrap_err();
        let refused = fails(Kind::Closed, "GET /").kind();
        assert_eq!(refused, io::ErrorKind::ConnectionRefused);
        assert_eq!(fails(Kind::Broken, "GET /reset").kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(exchange(address_of(&site, Kind::Silent), &["GET /a"]).unwrap(), "");
    }

    #[test]
    fn the_list_names_every_host_and_nothing_twice() {
        let site = Site::start(0).unwrap();
        let mut urls = site.target_list();
        assert!((200..=400).contains(&urls.len()), "{}", urls.len());
        for (address, _) in &site.hosts {
            assert!(urls.iter().any(|url| url.starts_with(&format!("http://{address}/"))));
        }
        let about = site.describe();
        assert_eq!(about.lines().count(), HOSTS.len(), "{about}");
        urls.sort();
        let count = urls.len();
        urls.dedup();
        assert_eq!(urls.len(), count);
    }

    #[test]
    fn dropping_a_site_ends_its_connections() {
        let site = Site::start(0).unwrap();
        let mut idle = TcpStream::connect(address_of(&site, Kind::Silent)).unwrap();
        drop(site);
        assert_eq!(idle.read(&mut [0]).unwrap_or(0), 0);
    }

    #[test]
    fn a_port_that_is_taken_is_refused() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = Site::start(port).map(drop).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
