//! Blocks of slots: what goes in comes out, and no bytes end the process.

use fastrand::Rng;

use super::*;

/// A number of any length below so many bits.
fn up_to(random: &mut Rng, bits: u32) -> u64 {
    let bits = random.u32(1..bits);
    random.u64(0..1 << bits)
}

fn slot(random: &mut Rng, target: u32) -> Slot {
    let due = up_to(random, 42).cast_signed();
    if random.u32(..10) == 0 {
        let what = What::Missed(MissedCause::ALL[random.usize(..MissedCause::ALL.len())]);
        let span = up_to(random, 50);
        return Slot { what, slots: random.u32(1..), span, ..check(target, due) };
    }
    let health = Health::ALL[random.usize(..Health::ALL.len())];
    let kind = random.bool().then(|| ErrorKind::ALL[random.usize(..ErrorKind::ALL.len())]);
    let (status_code, is_confirmation) = (random.u16(..), random.bool());
    Slot {
        what: What::Check { health, status_code, kind, is_confirmation },
        lag: up_to(random, 31) as u32,
        took: Took::new(Duration::from_micros(up_to(random, 45))),
        ..check(target, due)
    }
}

fn check(target: u32, due: i64) -> Slot {
    let what =
        What::Check { health: Health::Up, status_code: 200, kind: None, is_confirmation: false };
    Slot { target, due, what, lag: 0, took: Took(0), slots: 0, span: 0 }
}

fn decoded(block: &[u8], wanted: Wanted<'_>) -> Option<Vec<Slot>> {
    let mut slots = Vec::new();
    decode(block, wanted, &mut slots).map(|()| slots)
}

#[test]
fn slots_come_back_and_damage_is_noticed() {
    for _ in 0..200 {
        let seed = fastrand::u64(..);
        let mut random = Rng::with_seed(seed);
        let targets = 1 << random.u32(0..20);
        let count = random.usize(..300);
        let mut slots: Vec<Slot> = Vec::new();
        for _ in 0..count {
            let target = random.u32(..targets);
            slots.push(slot(&mut random, target));
        }
        sort(&mut slots);
        let frame = [16, 256, u32::MAX][random.usize(..3)];
        let block = encode(&slots, Effort::Quick, frame);
        assert_eq!(decoded(&block, Wanted::All).as_ref(), Some(&slots), "seed {seed}");
        let mut wanted: Vec<u32> = (0..random.u32(..4)).map(|_| random.u32(..targets)).collect();
        wanted.extend(slots.iter().map(|slot| slot.target).filter(|_| random.u32(..50) == 0));
        wanted.sort_unstable();
        wanted.dedup();
        let expected: Vec<Slot> =
            slots.iter().filter(|slot| wanted.contains(&slot.target)).copied().collect();
        assert_eq!(decoded(&block, Wanted::Of(&wanted)), Some(expected), "seed {seed}");
        // Whatever it says then, it does not end the process.
        let mut damaged = block.clone();
        let at = random.usize(..damaged.len());
        damaged[at] ^= 1 << random.u32(..8);
        let _anything = decoded(&damaged, Wanted::All);
        let _less = decoded(&block[..at], Wanted::All);
    }
    assert_eq!(decoded(&[], Wanted::All), None);
    assert_eq!(decoded(&[1, 0, 9, 1, 2], Wanted::All), None);
}

#[test]
fn a_steady_check_costs_two_bytes_and_a_half() {
    let mut random = Rng::with_seed(1);
    let mut slots = Vec::new();
    for target in 0..64 {
        let phase = random.i64(..60_000);
        let usual = 20_000.0 * (1.0 + random.f64());
        for minute in 0..60 {
            let took = Duration::from_micros((usual * (0.9 + 0.3 * random.f64())) as u64);
            let lag = random.u32(..4);
            let due = 1_795_219_200_000 + minute * 60_000 + phase;
            slots.push(Slot { took: Took::new(took), lag, ..check(target, due) });
        }
    }
    let bytes = encode(&slots, Effort::Thorough, 16).len() as f64 / slots.len() as f64;
    assert!(bytes < 2.5, "{bytes}");
}
