//! The token counters against a table of counts.

use myelin_isa::Unit;
use myelin_rtl::tensor::tokens::{TOKENS_MAX, tokens};
use rand::RngExt;

use crate::bench::{Bench, chance, random};

const UNITS: usize = Unit::ALL.len();

#[test]
fn a_unit_is_ready_when_every_awaited_token_is_there() {
    for seed in 0..4 {
        let mut random = random(seed);
        let mut bench = Bench::new(&tokens());
        // counts[from][to]
        let mut counts = [[0i64; UNITS]; UNITS];
        let mut highest = 0;
        for cycle in 0..3000 {
            let eager = if cycle / 500 % 2 == 0 { 60 } else { 10 };
            let waits: [usize; UNITS] = [(); UNITS].map(|()| random.random_range(0..1 << UNITS));
            bench.set_all("wait", &waits.map(|wait| wait as i64));
            let mut takes = [false; UNITS];
            for unit in 0..UNITS {
                let expected = (0..UNITS).all(|from| waits[unit] >> from & 1 == 0 || counts[from][unit] > 0);
                let ready = bench.get(&format!("ready_{unit}_o")) != 0;
                assert_eq!(ready, expected, "seed {seed} cycle {cycle} unit {unit}");
                takes[unit] = ready && chance(&mut random, 30);
                bench.set(&format!("take_{unit}_i"), i64::from(takes[unit]));
            }
            for (from, counts) in counts.iter_mut().enumerate() {
                let mut give = 0;
                for (to, count) in counts.iter_mut().enumerate() {
                    let taken = takes[to] && waits[to] >> from & 1 == 1;
                    // The compiler keeps below the most; a take in the same cycle makes room.
                    let given = (*count < TOKENS_MAX || taken) && chance(&mut random, eager);
                    give |= i64::from(given) << to;
                    *count += i64::from(given) - i64::from(taken);
                    highest = highest.max(*count);
                }
                bench.set(&format!("give_{from}_i"), give);
            }
            bench.step();
        }
        assert_eq!(highest, TOKENS_MAX, "seed {seed}: the counters were never full");
    }
}

#[test]
fn a_token_given_can_be_taken_in_the_next_cycle() {
    let mut bench = Bench::new(&tokens());
    bench.set("wait_2_i", 0b0010);
    bench.set("give_1_i", 0b0100);
    assert_eq!(bench.get("ready_2_o"), 0);
    bench.step();
    bench.set("give_1_i", 0);
    assert_ne!(bench.get("ready_2_o"), 0);
    bench.set("take_2_i", 1);
    bench.step();
    bench.set("take_2_i", 0);
    assert_eq!(bench.get("ready_2_o"), 0);
}

#[test]
fn taking_what_is_not_there_and_giving_too_many_is_caught() {
    let mut bench = Bench::new(&tokens());
    bench.set("wait_3_i", 0b0001);
    bench.set("take_3_i", 1);
    assert_eq!(bench.step_fails().name, "token_0_3_is_there_when_taken");
    let mut bench = Bench::new(&tokens());
    bench.set("give_2_i", 0b0010);
    for _ in 0..TOKENS_MAX {
        assert_eq!(bench.get("overflow_o"), 0);
        bench.step();
    }
    assert_ne!(bench.get("overflow_o"), 0);
    let mut bench = Bench::new(&tokens());
    bench.set("barrier_i", 1);
    (0..TOKENS_MAX).for_each(|_| bench.step());
    assert_ne!(bench.get("overflow_o"), 0);
}

#[test]
fn a_load_that_meets_waits_for_a_barrier_besides_its_tokens() {
    let mut bench = Bench::new(&tokens());
    let ready = |bench: &mut Bench| (bench.get("ready_0_o"), bench.get("meeting_o"));
    bench.set("wait_0_i", 0b0100);
    bench.set("meet_i", 1);
    assert_eq!(ready(&mut bench), (0, 1));
    bench.set("barrier_i", 1);
    bench.step();
    bench.set("barrier_i", 0);
    assert_eq!(ready(&mut bench), (0, 0), "the token is missing");
    bench.set("give_2_i", 0b0001);
    bench.step();
    bench.set("give_2_i", 0);
    assert_eq!(ready(&mut bench), (1, 0));
    bench.set("take_0_i", 1);
    bench.step();
    bench.set("take_0_i", 0);
    bench.set("wait_0_i", 0);
    assert_eq!(ready(&mut bench), (0, 1), "one barrier, one instruction");
    bench.set("meet_i", 0);
    assert_eq!(ready(&mut bench), (1, 0));
}

#[test]
fn a_reset_takes_every_token_away() {
    let mut bench = Bench::new(&tokens());
    bench.set_all("give", &[0b1111; UNITS]);
    bench.step();
    bench.set_all("give", &[0; UNITS]);
    bench.reset();
    for unit in 0..UNITS {
        for from in 0..UNITS {
            bench.set(&format!("wait_{unit}_i"), 1i64 << from);
            assert_eq!(bench.get(&format!("ready_{unit}_o")), 0);
        }
    }
}
