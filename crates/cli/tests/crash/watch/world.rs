//! Targets that fail and recover as a seed says: it is known of each when it did.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use fastrand::Rng;

/// Addresses, each a host.
const HOSTS: usize = 20;
/// One target of a host in so many fails now and then. Those of the first host fail all at once.
const AILING: usize = 10;
/// The world goes on for so long, in milliseconds, unless it is calmed before.
const LASTS_MS: u64 = 1_800_000;

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).expect("fits")
}

/// All targets, answered by threads that end with the process.
pub(crate) struct World {
    addrs: Vec<SocketAddr>,
    /// By target: when it fails, in milliseconds since 1970.
    outages: Vec<Vec<Range<u64>>>,
    /// From when on all is well.
    calm_ms: AtomicU64,
}

impl World {
    pub(crate) fn start(targets: usize, rng: &mut Rng) -> Arc<Self> {
        let now = now_ms();
        let together = outages(now, rng);
        let of = |target: usize, rng: &mut Rng| match () {
            () if target.is_multiple_of(HOSTS) => together.clone(),
            () if (target / HOSTS).is_multiple_of(AILING) => outages(now, rng),
            () => Vec::new(),
        };
        let outages = (0..targets).map(|target| of(target, rng)).collect();
        let bind = |host: usize| {
            let last = u8::try_from(host + 1).expect("few hosts");
            TcpListener::bind((Ipv4Addr::new(127, 0, 0, last), 0)).expect("loopback")
        };
        let listeners: Vec<TcpListener> = (0..HOSTS).map(bind).collect();
        let addrs = listeners.iter().map(|one| one.local_addr().expect("bound")).collect();
        let world = Arc::new(Self { addrs, outages, calm_ms: AtomicU64::new(u64::MAX) });
        for listener in listeners {
            let world = Arc::clone(&world);
            std::thread::spawn(move || listener.incoming().flatten().for_each(|s| world.answer(s)));
        }
        world
    }

    pub(crate) fn url(&self, target: usize) -> String {
        format!("http://{}/t/{target}", self.addrs[target % HOSTS])
    }

    /// The target of this URL.
    pub(crate) fn target(url: &str) -> usize {
        url.rsplit('/').next().and_then(|text| text.parse().ok()).expect("a URL of ours")
    }

    pub(crate) fn targets(&self) -> usize {
        self.outages.len()
    }

    /// From here on all is well.
    pub(crate) fn calm(&self) {
        self.calm_ms.store(now_ms(), Ordering::Relaxed);
    }

    /// Whether a target ever fails.
    pub(crate) fn is_ailing(&self, target: usize) -> bool {
        !self.outages[target].is_empty()
    }

    /// When a target failed.
    pub(crate) fn outages(&self, target: usize) -> impl Iterator<Item = Range<u64>> {
        let calm = self.calm_ms.load(Ordering::Relaxed).min(now_ms());
        let until_calm = move |outage: &Range<u64>| outage.start..outage.end.min(calm);
        self.outages[target].iter().map(until_calm).filter(|outage| !outage.is_empty())
    }

    /// Whether a target failed all this time (`true`), or not at all (`false`).
    pub(crate) fn failed(&self, target: usize, from: u64, until: u64) -> Option<bool> {
        let touching = |outage: &Range<u64>| outage.start <= until && from <= outage.end;
        match self.outages(target).find(touching) {
            None => Some(false),
            Some(outage) if outage.start <= from && until <= outage.end => Some(true),
            Some(_) => None,
        }
    }

    fn answer(&self, mut stream: TcpStream) {
        let Some(head) = head(&mut stream) else { return };
        let Some(path) = head.split(' ').nth(1) else { return };
        let (target, now) = (Self::target(path), now_ms());
        let is_calm = now >= self.calm_ms.load(Ordering::Relaxed);
        let is_failing =
            !is_calm && self.outages[target].iter().any(|outage| outage.contains(&now));
        let answer: &[u8] = match is_failing {
            false => b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n",
            true if (target / HOSTS).is_multiple_of(2) => {
                b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            }
            // It closes without a word.
            true => return,
        };
        // Who asked may have been killed.
        let _ = stream.write_all(answer);
    }
}

/// A target's outages: 12 to 20 s each, and 30 to 60 s between them.
fn outages(now: u64, rng: &mut Rng) -> Vec<Range<u64>> {
    let mut at = now + rng.u64(4_000..20_000);
    let mut outages = Vec::new();
    while at < now + LASTS_MS {
        let end = at + rng.u64(12_000..20_000);
        outages.push(at..end);
        at = end + rng.u64(30_000..60_000);
    }
    outages
}

/// What is read of a request up to the end of its head.
pub(crate) fn head(stream: &mut TcpStream) -> Option<String> {
    stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
    let mut head = Vec::new();
    let mut byte = [0; 1];
    while !head.ends_with(b"\r\n\r\n") {
        let read = stream.read(&mut byte).ok()?;
        if read == 0 || head.len() > 16_384 {
            return None;
        }
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

/// The loopback address that receivers listen on.
pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
