//! The barrier against counts of arrivals.

use myelin_rtl::tensor::barrier::{LATENCY, barrier};
use rand::RngExt;

use crate::bench::{Bench, chance, random};

#[test]
fn all_pass_as_often_as_the_slowest_has_arrived() {
    for (seed, cells) in (0..).zip([1u32, 2, 4, 16]) {
        let mut random = random(seed);
        let mut bench = Bench::new(&barrier(cells));
        let mut arrivals = vec![0i64; cells as usize];
        // Passed by cycle: what was complete LATENCY cycles ago.
        let mut complete = vec![0i64; 1];
        let mut passed = 0;
        for cycle in 0..2000usize {
            let slowest = arrivals.iter().min().copied().unwrap();
            let eager = random.random_range(20..100);
            for (cell, count) in arrivals.iter_mut().enumerate() {
                let arrives = *count < slowest + 3 && chance(&mut random, eager);
                bench.set(&format!("arrive_{cell}_i"), i64::from(arrives));
                *count += i64::from(arrives);
            }
            passed += i64::from(bench.get("barrier_o") != 0);
            let expected = cycle.checked_sub(LATENCY).map_or(0, |then| complete[then + 1]);
            assert_eq!(passed, expected, "{cells} cells seed {seed} cycle {cycle}");
            complete.push(arrivals.iter().min().copied().unwrap());
            bench.step();
        }
        assert!(passed > 300, "{cells} cells: {passed}");
    }
}

#[test]
fn a_start_forgets_who_has_arrived() {
    let mut bench = Bench::new(&barrier(2));
    bench.set_all("arrive", &[1, 0]);
    bench.step();
    bench.set_all("arrive", &[0, 0]);
    bench.set("clear_i", 1);
    bench.step();
    bench.set("clear_i", 0);
    bench.set_all("arrive", &[0, 1]);
    bench.step();
    bench.set_all("arrive", &[0, 0]);
    for _ in 0..5 {
        assert_eq!(bench.get("barrier_o"), 0);
        bench.step();
    }
}
