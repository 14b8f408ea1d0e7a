//! A unit's instruction queue against a list.

use std::collections::VecDeque;

use myelin_isa::Architecture;
use myelin_rtl::tensor::instruction_queue::{LATENCY, instruction_queue};
use rand::RngExt;

use crate::bench::{Bench, cells, chance, random};

/// An instruction, its number, and the first cycle in which it can be offered.
struct Held {
    words: [i64; 4],
    index: i64,
    visible: usize,
}

#[test]
fn instructions_come_out_in_order_at_the_stated_time() {
    for (seed, cell) in (0..).zip(cells()) {
        let mut random = random(seed);
        let mut bench = Bench::new(&instruction_queue(&cell));
        let mut held: VecDeque<Held> = VecDeque::new();
        let (mut free, mut offered) = (0, 0);
        for cycle in 0..6000 {
            // Spells of filling, draining and both.
            let (push, pop) = [(90, 20), (20, 90), (90, 90), (50, 50)][cycle / 100 % 4];
            let room = held.len() < Architecture::QUEUE_DEPTH as usize;
            let first = held.front().filter(|first| first.visible.max(free) <= cycle);
            assert_eq!(bench.get("push_ready_o") != 0, room, "{cell} cycle {cycle}");
            assert_eq!(bench.get("holds_o") != 0, !held.is_empty(), "{cell} cycle {cycle}");
            assert_eq!(bench.get("pop_valid_o") != 0, first.is_some(), "{cell} cycle {cycle}");
            let takes = chance(&mut random, pop);
            bench.set("pop_ready_i", i64::from(takes));
            let mut leaves = false;
            if let Some(first) = first {
                let words = std::array::from_fn(|word| bench.get(&format!("pop_{word}_o")));
                assert_eq!((words, bench.get("pop_index_o")), (first.words, first.index), "{cell} cycle {cycle}");
                leaves = takes;
                offered += 1;
            }
            let pushes = chance(&mut random, push);
            let words = std::array::from_fn(|_| random.random::<u32>().into());
            let index = random.random_range(0..i64::from(cell.instruction_depth()));
            bench.set("push_valid_i", i64::from(pushes));
            (0..4).for_each(|word| bench.set(&format!("push_{word}_i"), words[word]));
            bench.set("push_index_i", index);
            bench.step();
            if leaves {
                held.pop_front();
                free = cycle + 1;
            }
            if pushes && room {
                held.push_back(Held { words, index, visible: cycle + LATENCY });
            }
        }
        assert!(offered > 1000);
        bench.assert_covered();
    }
}
