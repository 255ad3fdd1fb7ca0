//! One connection out of several addresses: RFC 8305's race, with what each failure means.

use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use gather_core::{ErrorKind, Failure};
use tokio::time::{Instant, sleep_until};

use crate::dial::{DialError, LocalShortage};

/// How long an address is waited for before the next one is tried beside it (RFC 8305 section 8).
pub(crate) const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// Addresses of one name that are tried; a name with more is served by its first ones.
pub(crate) const ADDRESSES_MAX: usize = 16;

/// Orders addresses as they are tried: IPv6 first, the families in turn (RFC 8305 section 4).
pub(crate) fn interleave(addresses: impl IntoIterator<Item = IpAddr>) -> Vec<IpAddr> {
    let (v6, v4): (Vec<IpAddr>, Vec<IpAddr>) =
        addresses.into_iter().partition(|address| address.is_ipv6());
    let mut ordered = Vec::with_capacity((v6.len() + v4.len()).min(ADDRESSES_MAX));
    let (mut v6, mut v4) = (v6.into_iter(), v4.into_iter());
    loop {
        let before = ordered.len();
        ordered.extend(v6.next());
        ordered.extend(v4.next());
        if ordered.len() == before || ordered.len() >= ADDRESSES_MAX {
            ordered.truncate(ADDRESSES_MAX);
            return ordered;
        }
    }
}

/// Why no address could be dialled.
#[derive(Debug)]
pub(crate) enum RaceLost {
    /// Each address failed; this is the failure that says most.
    Failed(SocketAddr, io::Error),
    /// The deadline came while this many were still under way, to the last one started.
    TimedOut(SocketAddr),
}

/// Dials the addresses in order, the next one when the last one failed or has been silent for
/// [`ATTEMPT_DELAY`]; the first connection wins and the others are dropped.
pub(crate) async fn race<S, F>(
    addresses: &[SocketAddr],
    deadline: Instant,
    connect: impl Fn(SocketAddr) -> F,
) -> Result<(SocketAddr, S), RaceLost>
where
    F: Future<Output = io::Result<S>>,
{
    let mut waiting = addresses.iter().copied();
    let mut running: Vec<(SocketAddr, Pin<Box<F>>)> = Vec::new();
    let mut worst: Option<(SocketAddr, io::Error)> = None;
    let mut last = None;
    let mut timer = pin!(sleep_until(deadline));
    let mut start_next = true;
    poll_fn(|context| {
        loop {
            if start_next {
                start_next = false;
                if let Some(address) = waiting.next() {
                    last = Some(address);
                    running.push((address, Box::pin(connect(address))));
                    let wake = if waiting.len() == 0 {
                        deadline
                    } else {
                        deadline.min(Instant::now() + ATTEMPT_DELAY)
                    };
                    timer.as_mut().reset(wake);
                } else {
                    timer.as_mut().reset(deadline);
                }
            }
            let mut index = 0;
            while index < running.len() {
                match running[index].1.as_mut().poll(context) {
                    Poll::Ready(Ok(stream)) => return Poll::Ready(Ok((running[index].0, stream))),
                    Poll::Ready(Err(error)) => {
                        let (address, _) = running.remove(index);
                        worst = Some(more_telling(worst.take(), (address, error)));
                        start_next = true;
                    }
                    Poll::Pending => index += 1,
                }
            }
            if start_next && waiting.len() > 0 {
                continue;
            }
            if running.is_empty() {
                let (address, error) = worst.take().expect("a race has at least one address");
                return Poll::Ready(Err(RaceLost::Failed(address, error)));
            }
            if timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            if Instant::now() >= deadline {
                let address = last.expect("something is running");
                return Poll::Ready(Err(RaceLost::TimedOut(address)));
            }
            start_next = true;
        }
    })
    .await
}

/// Our own shortage is never the site's failure, and an address that answered says more than
/// one that no route leads to.
fn more_telling(
    old: Option<(SocketAddr, io::Error)>,
    new: (SocketAddr, io::Error),
) -> (SocketAddr, io::Error) {
    match old {
        Some(old) if rank(&old) > rank(&new) => old,
        _ => new,
    }
}

fn rank((address, error): &(SocketAddr, io::Error)) -> u8 {
    match failure_of(*address, error) {
        DialError::Local(_) => 2,
        DialError::Failed(failed) => u8::from(failed.failure.kind != ErrorKind::ConnectUnreachable),
    }
}

/// What an error of `connect` means.
pub(crate) fn failure_of(address: SocketAddr, error: &io::Error) -> DialError {
    if let Some(shortage) = shortage_of(error) {
        return DialError::Local(shortage);
    }
    let failure = |kind, what: &str| DialError::failure(kind, format!("{what} {address}"));
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            failure(ErrorKind::ConnectRefused, "connection refused by")
        }
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
            failure(ErrorKind::ConnectReset, "connection reset by")
        }
        io::ErrorKind::TimedOut => failure(ErrorKind::TimeoutConnect, "no connection in time to"),
        io::ErrorKind::AddrNotAvailable if has_route(address) => {
            DialError::Local(LocalShortage::Ports)
        }
        io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::AddrNotAvailable => failure(ErrorKind::ConnectUnreachable, "no route to"),
        io::ErrorKind::PermissionDenied => {
            failure(ErrorKind::ConnectUnreachable, "this machine forbids connections to")
        }
        _ => DialError::from(Failure::new(
            ErrorKind::ConnectUnreachable,
            format!("cannot dial {address}: {error}"),
        )),
    }
}

/// What this machine lacks, if that is why a socket could not be made.
pub(crate) fn shortage_of(error: &io::Error) -> Option<LocalShortage> {
    // ENOMEM and ENFILE, EMFILE have these numbers on every Unix; ENOBUFS differs.
    const ENOMEM: i32 = 12;
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    const ENOBUFS: i32 = if cfg!(target_os = "linux") { 105 } else { 55 };
    matches!(error.raw_os_error(), Some(ENOMEM | ENFILE | EMFILE | ENOBUFS))
        .then_some(LocalShortage::Descriptors)
}

/// Tells "no local port left" from "no local address at all" (IPv6 switched off), which TCP
/// reports alike: a datagram socket is bound to the same route, and nothing is sent.
fn has_route(address: SocketAddr) -> bool {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        SocketAddr::V6(_) => ([0u16; 8], 0).into(),
    };
    match UdpSocket::bind(any) {
        Ok(socket) => !matches!(
            socket.connect(address),
            Err(error) if error.kind() != io::ErrorKind::AddrInUse
        ),
        Err(error) => shortage_of(&error).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn families_take_turns() {
        let check = |given: &[&str], expected: &[&str]| {
            let parse = |list: &[&str]| -> Vec<IpAddr> {
                list.iter().map(|text| text.parse().expect("an address")).collect()
            };
            assert_eq!(interleave(parse(given)), parse(expected), "{given:?}");
        };
        check(&[], &[]);
        check(&["10.0.0.1"], &["10.0.0.1"]);
        check(&["10.0.0.1", "::1"], &["::1", "10.0.0.1"]);
        check(
            &["10.0.0.1", "10.0.0.2", "10.0.0.3", "::1", "::2"],
            &["::1", "10.0.0.1", "::2", "10.0.0.2", "10.0.0.3"],
        );
        let many: Vec<IpAddr> = (0..200).map(|n| IpAddr::from([10, 0, 0, n])).collect();
        assert_eq!(interleave(many.clone()), many[..ADDRESSES_MAX]);
    }

    /// What a simulated address does: after so many milliseconds, connect or fail.
    #[derive(Clone, Copy)]
    enum Does {
        Answers(u64),
        Fails(u64, io::ErrorKind),
        Nothing,
    }

    /// Runs a race on paused time; `log` is "address@milliseconds" of each start, then the end.
    fn check(plan: &[Does], expected: &str) {
        let addresses: Vec<SocketAddr> = (1..=plan.len())
            .map(|n| SocketAddr::from(([10, 0, 0, u8::try_from(n).expect("few")], 80)))
            .collect();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let got = runtime.block_on(async {
            let start = Instant::now();
            let log = RefCell::new(Vec::new());
            let name = |address: SocketAddr| match address {
                SocketAddr::V4(v4) => v4.ip().octets()[3],
                SocketAddr::V6(_) => 0,
            };
            let result = race(&addresses, start + Duration::from_secs(5), |address| {
                let ms = start.elapsed().as_millis();
                log.borrow_mut().push(format!("{}@{ms}", name(address)));
                let does = plan[usize::from(name(address)) - 1];
                async move {
                    match does {
                        Does::Answers(ms) => {
                            tokio::time::sleep(Duration::from_millis(ms)).await;
                            Ok(())
                        }
                        Does::Fails(ms, kind) => {
                            tokio::time::sleep(Duration::from_millis(ms)).await;
                            Err(kind.into())
                        }
                        Does::Nothing => std::future::pending().await,
                    }
                }
            })
            .await;
            let ms = start.elapsed().as_millis();
            let end = match result {
                Ok((address, ())) => format!("won by {}@{ms}", name(address)),
                Err(RaceLost::Failed(address, error)) => {
                    format!("{:?} of {}@{ms}", error.kind(), name(address))
                }
                Err(RaceLost::TimedOut(_)) => format!("timed out@{ms}"),
            };
            log.borrow_mut().push(end);
            log.into_inner().join(", ")
        });
        assert_eq!(got, expected);
    }

    #[test]
    fn the_next_address_starts_after_a_failure_or_a_silence() {
        use Does::{Answers, Fails, Nothing};
        use io::ErrorKind::{ConnectionRefused, HostUnreachable};
        check(&[Answers(10)], "1@0, won by 1@10");
        check(&[Nothing, Answers(10)], "1@0, 2@250, won by 2@260");
        check(&[Fails(20, ConnectionRefused), Answers(10)], "1@0, 2@20, won by 2@30");
        check(&[Answers(300), Answers(100)], "1@0, 2@250, won by 1@300");
        check(&[Answers(400), Answers(100)], "1@0, 2@250, won by 2@350");
        check(
            &[Nothing, Nothing, Fails(5, ConnectionRefused), Answers(5)],
            "1@0, 2@250, 3@500, 4@505, won by 4@510",
        );
        check(&[Fails(0, HostUnreachable), Nothing], "1@0, 2@0, timed out@5000");
        check(
            &[Fails(1, ConnectionRefused), Fails(1, HostUnreachable)],
            "1@0, 2@1, ConnectionRefused of 1@2",
        );
        check(
            &[Fails(1, HostUnreachable), Fails(1, ConnectionRefused)],
            "1@0, 2@1, ConnectionRefused of 2@2",
        );
        check(
            &[Nothing, Fails(1, ConnectionRefused), Fails(1, ConnectionRefused)],
            "1@0, 2@250, 3@251, timed out@5000",
        );
    }

    #[test]
    fn each_error_of_connect_has_its_kind() {
        let address: SocketAddr = "127.0.0.1:81".parse().expect("an address");
        let check = |error: io::Error, expected: &str| {
            let got = match failure_of(address, &error) {
                DialError::Failed(failed) => {
                    let failure = failed.failure;
                    format!("{}: {}", failure.kind.as_str(), failure.message)
                }
                DialError::Local(shortage) => format!("{shortage:?}"),
            };
            assert_eq!(got, expected, "{error}");
        };
        let kind = io::Error::from;
        check(
            kind(io::ErrorKind::ConnectionRefused),
            "connect.refused: connection refused by 127.0.0.1:81",
        );
        check(
            kind(io::ErrorKind::ConnectionReset),
            "connect.reset: connection reset by 127.0.0.1:81",
        );
        check(
            kind(io::ErrorKind::NetworkUnreachable),
            "connect.unreachable: no route to 127.0.0.1:81",
        );
        check(
            kind(io::ErrorKind::TimedOut),
            "timeout.connect: no connection in time to 127.0.0.1:81",
        );
        check(
            kind(io::ErrorKind::PermissionDenied),
            "connect.unreachable: this machine forbids connections to 127.0.0.1:81",
        );
        check(kind(io::ErrorKind::AddrNotAvailable), "Ports");
        check(io::Error::from_raw_os_error(24), "Descriptors");
        check(io::Error::from_raw_os_error(23), "Descriptors");
    }
}
