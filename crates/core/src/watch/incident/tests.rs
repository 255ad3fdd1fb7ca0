//! What fails together, by its factors.

use super::*;
use FactorKind as F;

fn at(second: u64) -> Time {
    Time::from_millis(second * 1_000)
}

const SILENT: Option<ErrorKind> = Some(ErrorKind::TimeoutConnect);

/// A thousand targets of one job: a host each, five to an address, 50 to a network, 100 to a group;
/// every second one has its certificate from one issuer.
fn thousand() -> Correlator {
    let mut correlator = Correlator::new(1, SETTLE);
    for n in 0..1_000_u32 {
        let address = [10, 0, u8::try_from(n / 50).unwrap(), u8::try_from(n % 50 / 5).unwrap()];
        let [address, network] = Factor::of_address(address.into());
        let factors = [
            Factor::new(F::Host, &format!("https://h{n}.example")),
            address,
            network,
            Factor::new(F::Group, &format!("g{}", n / 100)),
            Factor::new(F::Issuer, ["one", "two"][n as usize % 2]),
            Factor::new(F::Resolver, "127.0.0.1"),
            Factor::new(F::Job, "domains"),
            Factor::new(F::Everything, ""),
        ];
        correlator.place(WatchedNo(n), &factors);
        correlator.well(WatchedNo(n), at(10));
    }
    correlator
}

/// The factors of the incidents, and how many targets fail in each.
fn told(correlator: &Correlator) -> Vec<(F, String, usize)> {
    let standing = correlator.standing().into_iter();
    standing.map(|it| (it.factor.kind, it.factor.text.to_string(), it.failing.len())).collect()
}

#[test]
fn what_fails_together_is_one_incident_of_the_most_specific_factor() {
    let all: Vec<u32> = (0..1_000).collect();
    let odd: Vec<u32> = (0..1_000).filter(|n| n % 2 == 1).collect();
    let tls = Some(ErrorKind::TlsExpired);
    let dns = Some(ErrorKind::TimeoutDns);
    for (failing, kind, want) in [
        (&all[..], SILENT, &[(F::Job, "domains", 1_000)][..]),
        (&all[..], dns, &[(F::Resolver, "127.0.0.1", 1_000)]),
        (&all[..50], SILENT, &[(F::Network, "10.0.0.0/24", 50)]),
        (&all[..5], SILENT, &[(F::Address, "10.0.0.0", 5)]),
        (&all[..1], SILENT, &[(F::Target, "", 1)]),
        (&all[100..200], SILENT, &[(F::Group, "g1", 100)]),
        (&odd[..], tls, &[(F::Issuer, "two", 500)]),
        // A single one at each of two addresses, and another address: nothing wide for them.
        (
            &[1, 700, 995, 996, 997, 998, 999],
            SILENT,
            &[(F::Target, "", 1), (F::Target, "", 1), (F::Address, "10.0.19.9", 5)],
        ),
        // Two of five say nothing of the address, if the others are fine.
        (&[1, 2], SILENT, &[(F::Target, "", 1), (F::Target, "", 1)]),
    ] {
        let mut correlator = thousand();
        for n in 0..1_000 {
            match failing.contains(&n) {
                true => correlator.suspect(WatchedNo(n), at(60 + u64::from(n % 7)), kind),
                false => correlator.well(WatchedNo(n), at(68)),
            }
        }
        for &n in failing {
            correlator.down(WatchedNo(n), at(60 + u64::from(n % 7)), at(72), kind);
        }
        assert_eq!(correlator.turn(at(76)), [], "it waits");
        let changes = correlator.turn(at(77));
        let want: Vec<_> = want.iter().map(|&(kind, text, n)| (kind, text.to_owned(), n)).collect();
        assert_eq!(told(&correlator), want);
        assert_eq!(changes.len(), want.len(), "{changes:?}");
        assert!(
            changes.iter().all(
                |change| matches!(change, Change::Opened { kind: found, .. } if *found == kind)
            )
        );
        for &n in failing {
            correlator.well(WatchedNo(n), at(200));
        }
        let closed =
            |change: &&Change| matches!(change, Change::Closed { at: end, .. } if *end == at(200));
        assert_eq!(correlator.turn(at(200)).iter().filter(closed).count(), want.len());
        assert_eq!(correlator.open_incidents(), 0);
    }
}

#[test]
fn a_wave_widens_the_incident_that_it_began_with() {
    // One network goes, and its targets are checked one after the other, among others. So many
    // seconds between two; and how often the incident widens: quickly it begins as an address, slowly
    // as a target, then an address; and it ends as the network.
    for (pause, want) in [(1, 1), (10, 2)] {
        let mut correlator = thousand();
        let mut events = Vec::new();
        for n in 0..50 {
            let now = at(100 + pause * u64::from(n));
            events.extend(correlator.turn(now));
            correlator.well(WatchedNo(500 + n), now);
            correlator.down(WatchedNo(n), now, now, SILENT);
        }
        events.extend(correlator.turn(at(1_000)));
        assert_eq!(told(&correlator), [(F::Network, "10.0.0.0/24".to_owned(), 50)]);
        let opened = events.iter().filter(|event| matches!(event, Change::Opened { .. })).count();
        let widened = events.iter().filter(|event| matches!(event, Change::Widened { .. })).count();
        assert_eq!((opened, widened), (1, want), "{events:?}");
    }
}

#[test]
fn incidents_that_prove_to_be_one_become_one() {
    let mut correlator = thousand();
    // Two targets at an address fail; the other three are fine, and fail a minute later.
    for n in 0..5 {
        match n {
            0 | 1 => correlator.down(WatchedNo(n), at(60), at(70), SILENT),
            _ => correlator.well(WatchedNo(n), at(65)),
        }
    }
    assert_eq!(correlator.turn(at(80)).len(), 2);
    for n in 2..5 {
        correlator.down(WatchedNo(n), at(120), at(130), SILENT);
    }
    let changes = correlator.turn(at(140));
    assert!(changes.contains(&Change::Absorbed { id: 2, into: 1 }), "{changes:?}");
    assert_eq!(told(&correlator), [(F::Address, "10.0.0.0".to_owned(), 5)]);
    assert_eq!(correlator.incident_of(WatchedNo(1)), Some(1));
}

#[test]
fn incidents_outlive_a_restart() {
    let mut before = thousand();
    for n in 0..50 {
        before.down(WatchedNo(n), at(60), at(70), SILENT);
    }
    before.turn(at(80));
    let mut after = Correlator::new(1, SETTLE);
    for standing in before.standing() {
        after.restore(standing);
    }
    assert_eq!(after.standing(), before.standing());
    assert_eq!(after.turn(at(100)), []);
    for n in 0..49 {
        after.well(WatchedNo(n), at(110));
    }
    after.forget(WatchedNo(49), at(120));
    assert_eq!(
        after.turn(at(120)).last(),
        Some(&Change::Closed { id: 1, opened: at(60), at: at(120) })
    );
    after.down(WatchedNo(0), at(130), at(130), SILENT);
    let opened = after.turn(at(140));
    assert!(matches!(opened[..], [Change::Opened { id: 2, .. }]), "{opened:?}");
}

#[test]
fn an_outage_that_is_over_before_it_was_told_is_told() {
    let mut correlator = thousand();
    correlator.down(WatchedNo(0), at(60), at(70), SILENT);
    assert_eq!(correlator.next_at(), Some(at(75)));
    correlator.well(WatchedNo(0), at(72));
    let changes = correlator.turn(at(72));
    assert!(
        matches!(changes[..], [Change::Opened { .. }, Change::Left { .. }, Change::Closed { .. }]),
        "{changes:?}"
    );
    // A suspicion that came to nothing is not.
    correlator.suspect(WatchedNo(0), at(80), SILENT);
    correlator.well(WatchedNo(0), at(81));
    assert_eq!((correlator.turn(at(99)), correlator.next_at()), (vec![], None));
}

#[test]
fn what_nobody_shares_any_more_is_forgotten() {
    let mut correlator = thousand();
    let address = Factor::new(F::Address, "10.0.0.0");
    assert_eq!(correlator.sharing(&address), 5);
    correlator.place(WatchedNo(0), &[Factor::new(F::Job, "domains")]);
    assert_eq!(correlator.sharing(&address), 4);
    for n in 1..5 {
        correlator.forget(WatchedNo(n), at(20));
    }
    assert_eq!(correlator.sharing(&address), 0);
    assert_eq!(correlator.sharing(&Factor::new(F::Job, "domains")), 996);
}
