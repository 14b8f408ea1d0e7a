//! FIFO and skid buffer: both are queues between a producer and a consumer.

use std::collections::VecDeque;
use std::sync::Arc;

use myelin_hdl::{Module, Ty, s, u};
use myelin_rtl::prim::{fifo, skid_buffer};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::bench::{Bench, chance, random};

/// A stream block with one input and one output stream, and what its datasheet promises.
struct Queue {
    block: Arc<Module>,
    lanes: usize,
    lane: Ty,
    capacity: usize,
    latency: usize,
}

impl Queue {
    fn fifo(depth: usize, lanes: usize, lane: Ty) -> Queue {
        Queue { block: fifo::fifo(depth, lanes, lane), lanes, lane, capacity: depth, latency: fifo::LATENCY }
    }

    fn skid_buffer(lanes: usize, lane: Ty) -> Queue {
        let (capacity, latency) = (skid_buffer::CAPACITY, skid_buffer::LATENCY);
        Queue { block: skid_buffer::skid_buffer(lanes, lane), lanes, lane, capacity, latency }
    }

    fn all() -> Vec<Queue> {
        vec![
            Queue::fifo(2, 1, u(1)),
            Queue::fifo(4, 4, u(32)),
            Queue::fifo(16, 3, s(6)),
            Queue::skid_buffer(1, u(64)),
            Queue::skid_buffer(5, s(7)),
        ]
    }

    fn word(&self, random: &mut ChaCha8Rng) -> Vec<i64> {
        let ty = self.lane;
        (0..self.lanes).map(|_| ty.value_of(random.random::<u64>()) as i64).collect()
    }

    fn offer(&self, bench: &mut Bench, word: &[i64]) {
        let ty = self.lane;
        bench.set("push_valid_i", 1);
        // An u64 does not fit i64: by its bits.
        let values: Vec<i128> = word.iter().map(|&value| ty.value_of(ty.bits_of(value))).collect();
        bench.set_all("push", &values);
    }
}

/// Producer and consumer hesitate at random; returns the model's highest level.
fn run(queue: &Queue, bench: &mut Bench, random: &mut ChaCha8Rng, cycles: usize, (push, pop): (u32, u32)) -> usize {
    let mut model = VecDeque::new();
    let mut offered: Option<Vec<i64>> = None;
    let mut highest = 0;
    for cycle in 0..cycles {
        let name = &queue.block.name;
        if offered.is_none() && chance(random, push) {
            offered = Some(queue.word(random));
        }
        match &offered {
            Some(word) => queue.offer(bench, word),
            None => bench.set("push_valid_i", 0),
        }
        let pop_ready = chance(random, pop);
        bench.set("pop_ready_i", i64::from(pop_ready));
        let push_ready = bench.get("push_ready_o") != 0;
        let pop_valid = bench.get("pop_valid_o") != 0;
        // Latency 1: what is held is offered at once.
        assert_eq!(pop_valid, !model.is_empty(), "{name} cycle {cycle}");
        assert_eq!(push_ready, model.len() < queue.capacity, "{name} cycle {cycle}");
        if pop_valid {
            assert_eq!(Some(&bench.get_all("pop", queue.lanes)), model.front(), "{name} cycle {cycle}");
        }
        bench.step();
        if pop_valid && pop_ready {
            model.pop_front();
        }
        if push_ready && let Some(word) = offered.take() {
            model.push_back(word);
        }
        highest = highest.max(model.len());
    }
    highest
}

#[test]
fn words_leave_in_order_under_random_backpressure_on_both_sides() {
    for (index, queue) in (0..).zip(Queue::all()) {
        let mut random = random(100 + index);
        let mut bench = Bench::new(&queue.block);
        let mut highest = 0;
        for rates in [(50, 50), (90, 30), (30, 90), (100, 100), (100, 10), (10, 100)] {
            bench.reset();
            highest = highest.max(run(&queue, &mut bench, &mut random, 400, rates));
        }
        assert_eq!(highest, queue.capacity, "{} was never full", queue.block.name);
        bench.assert_covered();
    }
}

#[test]
fn a_word_is_offered_latency_cycles_after_it_was_pushed() {
    for queue in Queue::all() {
        let mut bench = Bench::new(&queue.block);
        let word = queue.word(&mut random(1));
        queue.offer(&mut bench, &word);
        bench.set("pop_ready_i", 0);
        for cycle in 0..queue.latency {
            assert_eq!(bench.get("pop_valid_o"), 0, "{} cycle {cycle}", queue.block.name);
            bench.step();
            bench.set("push_valid_i", 0);
        }
        assert_ne!(bench.get("pop_valid_o"), 0);
        assert_eq!(bench.get_all("pop", queue.lanes), word);
    }
}

#[test]
fn one_word_passes_each_cycle() {
    for queue in Queue::all() {
        let mut bench = Bench::new(&queue.block);
        let mut random = random(2);
        let words: Vec<Vec<i64>> = (0..64).map(|_| queue.word(&mut random)).collect();
        let mut left = Vec::new();
        bench.set("pop_ready_i", 1);
        for cycle in 0..words.len() + queue.latency {
            match words.get(cycle) {
                Some(word) => {
                    queue.offer(&mut bench, word);
                    assert_ne!(bench.get("push_ready_o"), 0, "{} cycle {cycle}", queue.block.name);
                }
                None => bench.set("push_valid_i", 0),
            }
            if bench.get("pop_valid_o") != 0 {
                left.push(bench.get_all("pop", queue.lanes));
            }
            bench.step();
        }
        assert_eq!(left, words, "{}", queue.block.name);
    }
}

#[test]
fn holds_payload_when_stalled() {
    for queue in Queue::all() {
        let mut bench = Bench::new(&queue.block);
        let mut random = random(3);
        let first = queue.word(&mut random);
        bench.set("pop_ready_i", 0);
        queue.offer(&mut bench, &first);
        bench.step();
        for _ in 0..3 * queue.capacity {
            let other = queue.word(&mut random);
            queue.offer(&mut bench, &other);
            assert_ne!(bench.get("pop_valid_o"), 0);
            assert_eq!(bench.get_all("pop", queue.lanes), first, "{}", queue.block.name);
            bench.step();
        }
        assert_eq!(bench.get("push_ready_o"), 0, "full");
    }
}

#[test]
fn a_reset_at_any_cycle_leaves_it_empty() {
    for queue in Queue::all() {
        for cycles in 0..2 * queue.capacity + 3 {
            let mut random = random(4);
            let mut bench = Bench::powered_up(&queue.block, cycles as u64);
            run(&queue, &mut bench, &mut random, cycles, (90, 40));
            bench.reset();
            bench.set("push_valid_i", 0);
            assert_eq!(bench.get("pop_valid_o"), 0, "{} reset after {cycles}", queue.block.name);
            // And it works as from the start.
            run(&queue, &mut bench, &mut random, 40, (80, 50));
        }
    }
}

#[test]
fn no_output_depends_on_an_input_in_the_same_cycle() {
    for queue in Queue::all() {
        for (output, inputs) in queue.block.outputs.iter().zip(&queue.block.combinational_inputs) {
            assert!(inputs.is_empty(), "{}: {} depends on {inputs:?}", queue.block.name, output.name);
        }
    }
}

#[test]
#[should_panic(expected = "fifo depth 3")]
fn a_depth_that_is_not_a_power_of_two_is_refused() {
    fifo::fifo(3, 1, u(1));
}
