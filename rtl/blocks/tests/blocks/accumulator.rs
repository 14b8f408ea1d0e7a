//! A column's accumulators against plain sums.

use std::sync::Arc;

use myelin_hdl::Module;
use myelin_isa::Architecture;
use std::collections::VecDeque;

use myelin_rtl::tensor::accumulator::{
    DRAIN_AFTER, DRAIN_LATENCY, OVERFLOW_AFTER, REUSE_CYCLES, SUM_AFTER, accumulator,
};
use myelin_rtl::tensor::pe;
use rand::RngExt;

use crate::bench::{Bench, cells, chance, random};

/// Control of one sum.
#[derive(Clone, Copy)]
struct Control {
    first: bool,
    half: usize,
    index: usize,
}

fn control(bench: &mut Bench, control: Option<Control>) {
    bench.set("valid_i", i64::from(control.is_some()));
    let Control { first, half, index } = control.unwrap_or(Control { first: false, half: 0, index: 0 });
    bench.set("first_i", i64::from(first));
    bench.set("half_i", half as i64);
    bench.set("index_i", index as i64);
}

fn drain(bench: &mut Bench, from: Option<(usize, usize)>) {
    bench.set("drain_read_i", i64::from(from.is_some()));
    let (half, index) = from.unwrap_or((0, 0));
    bench.set("drain_half_i", half as i64);
    bench.set("drain_index_i", index as i64);
}

/// A new column whose halves hold what the test puts there.
fn column(cell: &Architecture) -> (Arc<Module>, Bench) {
    let block = accumulator(cell);
    let mut bench = Bench::new(&block);
    control(&mut bench, None);
    drain(&mut bench, None);
    (block, bench)
}

#[test]
fn totals_are_sums_since_the_first_while_the_other_half_is_drained() {
    for (seed, cell) in (0..).zip(cells()) {
        let mut random = random(seed);
        let ty = pe::partial_sum_ty(&cell);
        let depth = cell.accumulator_depth() as usize;
        let (_, mut bench) = column(&cell);
        let mut totals = [vec![None; depth], vec![None; depth]];
        for round in 0..30 {
            let half = round % 2;
            // Tiles of at least as many pixels as keep a reuse apart.
            let pixels = random.random_range(REUSE_CYCLES as usize..=depth);
            let tiles = random.random_range(1..4);
            let mut work: Vec<Option<Control>> = Vec::new();
            for tile in 0..tiles {
                for index in 0..pixels {
                    while chance(&mut random, 10) {
                        work.push(None);
                    }
                    work.push(Some(Control { first: tile == 0, half, index }));
                }
            }
            // Whoever drains this half next starts this much after its last control.
            work.extend([None; DRAIN_AFTER - 1]);
            let mut before = VecDeque::from([None; SUM_AFTER]);
            let mut drained = VecDeque::from([None; DRAIN_LATENCY]);
            for now in work.into_iter().chain([None]) {
                control(&mut bench, now);
                let sum = random.random_range(ty.min() as i64..=ty.max() as i64);
                bench.set("partial_sum_i", sum);
                let travelling = before[SUM_AFTER - 1];
                if let Some(Control { first, half, index }) = before.pop_front().flatten() {
                    let before: i64 = if first { 0 } else { totals[half][index].unwrap() };
                    totals[half][index] = Some(before + sum);
                }
                assert_eq!(bench.get("overflow_o"), 0);
                assert_eq!(bench.get("valid_o") != 0, travelling.is_some());
                if let Some(Control { first, half, index }) = travelling {
                    let travelling = ["first_o", "half_o", "index_o"].map(|port| bench.get(port).unsigned_abs());
                    assert_eq!(travelling, [u64::from(first), half as u64, index as u64]);
                }
                if let Some(value) = drained.pop_front().flatten() {
                    assert_eq!(bench.get("value_o"), value, "{cell} seed {seed} round {round}");
                }
                let index = random.random_range(0..depth);
                let wanted = totals[1 - half][index].filter(|_| chance(&mut random, 70));
                drain(&mut bench, wanted.map(|_| (1 - half, index)));
                drained.push_back(wanted);
                bench.step();
                before.push_back(now);
            }
            // The drain pauses while the halves change hands.
            drain(&mut bench, None);
        }
        bench.assert_covered();
    }
}

#[test]
fn a_total_can_be_drained_and_added_to_at_the_stated_times() {
    for cell in cells() {
        let (_, mut bench) = column(&cell);
        let one = Control { first: true, half: 0, index: 3 };
        for (first, sum, next) in [(true, 100, REUSE_CYCLES as usize), (false, 23, DRAIN_AFTER)] {
            control(&mut bench, Some(Control { first, ..one }));
            for cycle in 0..next {
                bench.set("partial_sum_i", if cycle == SUM_AFTER { sum } else { 0 });
                bench.step();
                control(&mut bench, None);
            }
        }
        drain(&mut bench, Some((0, 3)));
        (0..DRAIN_LATENCY).for_each(|_| bench.step());
        assert_eq!(bench.get("value_o"), 123, "{cell}");
    }
}

#[test]
fn a_total_beyond_32_bits_is_reported_and_the_extremes_are_not() {
    let cell = cells()[0];
    for (held, added, overflows) in [
        (i32::MAX, 0, false),
        (i32::MAX, 1, true),
        (i32::MAX - 5, 5, false),
        (i32::MIN, -1, true),
        (i32::MIN, 0, false),
        (i32::MIN, 1, false),
    ] {
        let (block, mut bench) = column(&cell);
        let memory = bench.sim.memory(&format!("{}.half_1", block.name)).unwrap();
        bench.sim.memory_write(memory, 5, 0, u64::from(held as u32));
        control(&mut bench, Some(Control { first: false, half: 1, index: 5 }));
        bench.set("partial_sum_i", added);
        for cycle in 0..=OVERFLOW_AFTER {
            assert_eq!(bench.get("overflow_o") != 0, overflows && cycle == OVERFLOW_AFTER, "{held} + {added}: {cycle}");
            bench.step();
            control(&mut bench, None);
        }
        assert_eq!(bench.get("overflow_o"), 0, "for one cycle");
        let stored = bench.sim.memory_read(memory, 5, 0) as u32 as i32;
        assert_eq!(stored, held.wrapping_add(added));
    }
}

#[test]
fn an_index_used_again_too_soon_is_caught() {
    for apart in 1..=REUSE_CYCLES {
        let (_, mut bench) = column(&cells()[0]);
        let one = Control { first: true, half: 0, index: 2 };
        control(&mut bench, Some(one));
        bench.step();
        for _ in 1..apart {
            control(&mut bench, Some(Control { index: 6, half: 1, first: true }).filter(|_| apart == 2));
            bench.step();
        }
        control(&mut bench, Some(one));
        if apart < REUSE_CYCLES {
            assert_eq!(bench.step_fails().name, "index_is_not_reused_too_soon", "{apart} cycles apart");
        } else {
            bench.step();
        }
    }
}

#[test]
fn a_half_with_two_readers_is_reported() {
    for half in 0..2 {
        let (_, mut bench) = column(&cells()[0]);
        // As long as a total is on its way into the half.
        for after in 0..=DRAIN_AFTER {
            for (drained, conflicts) in [(1 - half, false), (half, after < DRAIN_AFTER)] {
                control(&mut bench, Some(Control { first: true, half, index: 2 }));
                for _ in 0..after {
                    bench.step();
                    control(&mut bench, None);
                }
                drain(&mut bench, Some((drained, 0)));
                bench.step();
                control(&mut bench, None);
                drain(&mut bench, None);
                assert_eq!(bench.get("conflict_o") != 0, conflicts, "{after}");
                (0..DRAIN_AFTER).for_each(|_| bench.step());
                assert_eq!(bench.get("conflict_o"), 0);
            }
        }
    }
}
