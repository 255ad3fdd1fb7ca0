use super::*;

/// Checks a second apart, one letter each: `.` up, `g` degraded, `l` limited, `u` unknown, `x`
/// down. A confirmation is what the check before asked for. Says the state after each by its first
/// letter, in capitals where a confirmation is asked for.
fn run(policy: &Policy, machine: &mut Machine, checks: &str) -> String {
    let mut is_confirmation = false;
    let letters = checks.chars().enumerate().map(|(n, check)| {
        let health = match check {
            '.' => Health::Up,
            'g' => Health::Degraded,
            'l' => Health::Limited,
            'u' => Health::Unknown,
            _ => Health::Down,
        };
        let seen = Seen { health, at: Time::from_millis(1_000 * (n as u64 + 1)), is_confirmation };
        let before = machine.state();
        let reaction = machine.observe(policy, seen);
        let changed = reaction.transition.map(|it| (it.from, it.to));
        let now = machine.state();
        assert_eq!(changed, (before != now).then_some((before, now)), "{checks} at {n}");
        let parts = Machine::from_parts(machine.to_parts());
        assert_eq!(parts.as_ref(), Ok(&*machine), "{checks} at {n}");
        is_confirmation = matches!(reaction.next, Next::Confirm { .. });
        let letter = match now {
            State::Unknown => "?",
            State::Up => "u",
            State::Degraded => "g",
            State::Limited => "l",
            State::Suspect => "s",
            State::Down => "d",
        };
        if is_confirmation { letter.replace('?', "!").to_uppercase() } else { letter.into() }
    });
    letters.collect()
}

#[test]
fn checks_are_confirmed_before_they_count() {
    let default = Policy::default();
    let at_once = Policy { confirmations: 0, recoveries: 0, ..default };
    let three_of_five = Policy { window: Some(Window { bad: 3, of: 5 }), ..default };
    for (policy, checks, states) in [
        (default, "....", "uuuu"),
        (default, "x", "S"),
        (default, ".xxx", "uSSd"),
        (default, ".xxxxx", "uSSddd"),
        // A blip, by the first and by the last confirmation.
        (default, ".x..", "uSuu"),
        (default, ".xx.", "uSSu"),
        // Recovery is confirmed, and begins anew after a failure.
        (default, "xxx..", "SSdDu"),
        (default, "xxx.x..", "SSdDdDu"),
        // Degraded is confirmed, and so is its end.
        (default, ".ggg", "uUUg"),
        (default, ".gg.", "uUUu"),
        (default, ".ggg..", "uUUgGu"),
        (default, ".ggg.g..", "uUUgGgGu"),
        // Failed and degraded in turn: degraded at least.
        (default, ".gxg", "uUSg"),
        (default, ".gxx", "uUSS"),
        (default, ".gxxx", "uUSSd"),
        (default, ".xgxxx", "uSUSSd"),
        (default, "gggxxx", "!!gSSd"),
        (default, "gggx.", "!!gSG"),
        // From down, what the last check says.
        (default, "xxx.g", "SSdDg"),
        (default, "xxxg.", "SSdDu"),
        // Limited never leads to down, and is not asked again.
        (default, "lll", "lll"),
        (default, ".xlx.", "uSlSu"),
        (default, "xxxl", "SSdd"),
        (default, "xxxll", "SSddl"),
        (default, "l.", "lu"),
        (default, "lggg", "lLLg"),
        // Our own side: nothing changes, and the row goes on.
        (default, "u.u", "?uu"),
        (default, ".xuxx", "uSsSd"),
        (default, "xxxu.u.", "SSddDdu"),
        (at_once, ".x.x", "udud"),
        (at_once, ".g.", "ugu"),
        (three_of_five, "..x.x.x", "uuSuSud"),
        (three_of_five, "xxx", "SSd"),
        // Up again with fewer than three of the last five.
        (three_of_five, "xxx....", "SSdDDuu"),
        (three_of_five, "x....x....", "SuuuuSuuuu"),
    ] {
        let mut machine = Machine::new(Time::ZERO);
        assert_eq!(run(&policy, &mut machine, checks), states, "{checks} {policy:?}");
    }
}

#[test]
fn since_is_the_first_check_that_says_so() {
    let policy = Policy::default();
    // Checks, then the second since which its state has been so.
    for (checks, second) in [
        ("", 0),
        ("..", 1),
        ("..x", 3),
        ("..xx", 3),
        ("..xxxx", 3),
        ("..xxx..", 6),
        ("..x.", 1),
        ("..ggg", 3),
        ("..gxg", 3),
        ("..gxxx", 4),
        ("xx.xxx", 4),
        ("xxx.x..", 6),
    ] {
        let mut machine = Machine::new(Time::ZERO);
        run(&policy, &mut machine, checks);
        assert_eq!(machine.since(), Time::from_millis(second * 1_000), "{checks}");
    }
}

#[test]
fn confirmations_between_slots_are_bounded() {
    let policy = Policy::default();
    let mut rng = fastrand::Rng::with_seed(7);
    for seed in 0..2_000 {
        let mut machine = Machine::new(Time::ZERO);
        let mut asked = 0;
        for _ in 0..100 {
            let health = rng.choice(Health::ALL).expect("there are some");
            let seen = Seen { health, at: Time::ZERO, is_confirmation: asked > 0 };
            match machine.observe(&policy, seen).next {
                Next::AtSlot => asked = 0,
                Next::Confirm { .. } => asked += 1,
            }
            assert!(asked <= 6, "{seed}");
        }
    }
}

#[test]
fn a_target_that_changes_too_often_flaps_until_it_rests() {
    let policy = Policy::default();
    let told = |machine: &mut Machine, checks: &str| -> Vec<(usize, bool)> {
        let told = checks.chars().enumerate().filter_map(|(n, check)| {
            let health = if check == '.' { Health::Up } else { Health::Down };
            let seen = Seen { health, at: Time::from_millis(n as u64), is_confirmation: false };
            Some((n, machine.observe(&policy, seen).flapping?))
        });
        told.collect()
    };
    let mut machine = Machine::new(Time::ZERO);
    assert_eq!(told(&mut machine, ".....xxx......xxx....."), []);
    let mut machine = Machine::new(Time::ZERO);
    assert_eq!(told(&mut machine, ".x.x.x.x"), [(6, true)]);
    assert_eq!(told(&mut machine, &".".repeat(30)), [(16, false)]);
    assert!(!machine.is_flapping());
}

#[test]
fn what_our_own_network_did_is_taken_back() {
    let policy = Policy::default();
    let at = Time::from_millis(99_000);
    for (checks, since, state) in [
        ("..x", 3, Some(State::Up)),
        ("..x", 4, None),
        ("..xxx", 3, Some(State::Unknown)),
        ("..xxx", 4, None),
        ("....", 0, None),
    ] {
        let mut machine = Machine::new(Time::ZERO);
        run(&policy, &mut machine, checks);
        let pardoned = machine.pardon(Time::from_millis(since * 1_000), at);
        assert_eq!(pardoned.map(|it| it.to), state, "{checks} {since}");
        assert_eq!(machine.blips(), 0);
    }
}

#[test]
fn numbers_of_no_machine_are_refused() {
    assert!(size_of::<Machine>() <= 48, "{}", size_of::<Machine>());
    let good = Machine::new(Time::ZERO).to_parts();
    for (index, bits) in [
        // Settled as suspect, an unknown state, failures without a row, a flag, a 21st change.
        (3, 4),
        (3, 9),
        (3, 1 << 24),
        (3, 0x40 << 8),
        (4, 1 << 52),
    ] {
        let mut parts = good;
        parts[index] |= bits;
        assert_eq!(Machine::from_parts(parts), Err(BadParts), "{index} {bits:x}");
    }
}

#[test]
fn a_policy_that_cannot_work_is_refused() {
    let default = Policy::default();
    assert_eq!(default.check(), Ok(()));
    for (policy, part) in [
        (Policy { confirmations: 11, ..default }, "at most 10"),
        (Policy { window: Some(Window { bad: 1, of: 5 }), ..default }, "1 failures of 5"),
        (Policy { window: Some(Window { bad: 6, of: 5 }), ..default }, "6 failures of 5"),
        (Policy { window: Some(Window { bad: 2, of: 33 }), ..default }, "of 33"),
        (Policy { flap_low: 40, ..default }, "flapping"),
    ] {
        assert!(policy.check().unwrap_err().contains(part), "{policy:?}");
    }
}
