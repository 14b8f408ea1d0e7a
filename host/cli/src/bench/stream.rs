//! Streams between a producer and a consumer that halt at random, judged by a queue in software.

use std::collections::VecDeque;

use myelin_hdl::{Design, module, mux, u};
use myelin_rtl::prim::{fifo, skid_buffer};
use myelin_sim::random::SplitMix64;
use myelin_sim::{Input, Output, SimError, Simulator};

use super::{Bench, BenchDesign, Outcome};
use crate::failure::Failure;
use crate::terminal::Progress;

/// Lanes of a word and their bits.
const LANES: usize = 2;
const LANE_BITS: u32 = 16;
/// Cycles after which producer and consumer change how often they halt.
const PHASE_CYCLES: u64 = 64;
/// Cycles between two signs of progress.
const PROGRESS_CYCLES: u64 = 4096;

/// A stream's bench.
pub struct StreamBench {
    simulator: Simulator,
    push_valid: Input,
    push: Vec<Input>,
    push_ready: Output,
    pop_ready: Input,
    pop_valid: Output,
    pop: Vec<Output>,
    random: SplitMix64,
    /// Words inside, the oldest first.
    inside: VecDeque<Vec<u64>>,
    /// Of 16 cycles, in how many each end is willing.
    willing: [u64; 2],
    /// A word offered and not taken yet: it stays.
    offered: Option<Vec<u64>>,
}

/// The stream's design.
fn build(design: BenchDesign) -> Design {
    let lane = u(LANE_BITS);
    let top = match design {
        BenchDesign::Fifo(depth) => fifo::fifo(depth, LANES, lane),
        BenchDesign::SkidBuffer => skid_buffer::skid_buffer(LANES, lane),
        BenchDesign::Overflow => overflow(),
        BenchDesign::Cell(_) => unreachable!("a cell is no stream"),
    };
    Design::new(top).expect("invariant: the blocks' names are identifiers")
}

/// A queue of four words that takes one even when it is full: the fault is planted.
fn overflow() -> std::sync::Arc<myelin_hdl::Module> {
    let lane = u(LANE_BITS);
    module("overflow", |m| {
        m.doc("A queue that takes a word even when it is full, to see an assertion fail.");
        let push_valid = m.input("push_valid_i", u(1));
        let push: Vec<_> = (0..LANES).map(|index| m.input(&format!("push_{index}_i"), lane)).collect();
        let pop_ready = m.input("pop_ready_i", u(1));
        let (head, tail) = (m.register("head_q", u(2)).reset(0), m.register("tail_q", u(2)).reset(0));
        let level = m.register("level_q", u(4)).reset(0);
        let popped = (pop_ready & level.q.ne(0)).named("popped");
        head.next_when(push_valid, head.q.wrapping_add(1));
        tail.next_when(popped, tail.q.wrapping_add(1));
        let pushed = mux(push_valid, level.q.wrapping_add(1), level.q);
        level.next(mux(popped, pushed.wrapping_sub(1), pushed));
        let words = m.memory("words", 4, LANES, lane);
        words.write(head.q, push_valid, &push);
        let pop = words.read_asynchronous(tail.q);
        m.output("push_ready_o", m.constant(u(1), 1));
        m.output("pop_valid_o", level.q.ne(0));
        for (index, &lane) in pop.iter().enumerate() {
            m.output(&format!("pop_{index}_o"), lane);
        }
        m.assert("level_is_at_most_depth", level.q.le(4));
        m.cover("queue_fills", level.q.eq(4));
    })
}

impl StreamBench {
    /// Builds the design and resets it.
    pub fn new(design: BenchDesign, seed: u64) -> Result<StreamBench, SimError> {
        let mut simulator = Simulator::new(&build(design))?;
        simulator.reset(2)?;
        let lanes = 0..LANES;
        Ok(StreamBench {
            push_valid: simulator.input("push_valid_i")?,
            push: lanes.clone().map(|lane| simulator.input(&format!("push_{lane}_i"))).collect::<Result<_, _>>()?,
            push_ready: simulator.output("push_ready_o")?,
            pop_ready: simulator.input("pop_ready_i")?,
            pop_valid: simulator.output("pop_valid_o")?,
            pop: lanes.map(|lane| simulator.output(&format!("pop_{lane}_o"))).collect::<Result<_, _>>()?,
            simulator,
            random: SplitMix64::new(seed),
            inside: VecDeque::new(),
            willing: [8, 8],
            offered: None,
        })
    }

    /// One cycle; whether a word left, or the wrong one that did.
    fn exchange(&mut self) -> Result<bool, String> {
        let sim = &mut self.simulator;
        if sim.cycle().is_multiple_of(PHASE_CYCLES) {
            self.willing = [(); 2].map(|()| 1 + self.random.bits() % 16);
        }
        if self.offered.is_none() && self.random.bits() % 16 < self.willing[0] {
            let mask = u(LANE_BITS).mask();
            self.offered = Some((0..LANES).map(|_| self.random.bits() & mask).collect());
        }
        sim.poke(self.push_valid, u64::from(self.offered.is_some()));
        for (lane, &input) in self.push.iter().enumerate() {
            sim.poke(input, self.offered.as_ref().map_or(0, |word| word[lane]));
        }
        let takes = self.random.bits() % 16 < self.willing[1];
        sim.poke(self.pop_ready, u64::from(takes));
        let pops = takes && sim.peek(self.pop_valid) == 1;
        let popped = pops.then(|| self.pop.iter().map(|&lane| sim.peek(lane)).collect::<Vec<u64>>());
        if sim.peek(self.push_ready) == 1
            && let Some(word) = self.offered.take()
        {
            self.inside.push_back(word);
        }
        match popped {
            None => Ok(false),
            Some(found) => match self.inside.pop_front() {
                Some(expected) if expected == found => Ok(true),
                expected => {
                    let expected = expected.map_or("no word".to_owned(), |word| format!("{word:x?}"));
                    Err(format!("cycle {}: {found:x?} left, expected {expected}", sim.cycle()))
                }
            },
        }
    }
}

impl Bench for StreamBench {
    fn simulator(&mut self) -> &mut Simulator {
        &mut self.simulator
    }

    fn run(&mut self, cycles: u64, progress: &mut Progress) -> Result<Outcome, Failure> {
        let mut outcome = Outcome { what: "words", right: 0, wrong: None, failure: None };
        for done in 1..=cycles {
            let exchanged = self.exchange();
            // The edge comes first: an assertion says more than the word that came of it.
            if let Err(failure) = self.simulator.step() {
                outcome.failure = Some(failure);
                break;
            }
            match exchanged {
                Ok(left) => outcome.right += u64::from(left),
                Err(wrong) => {
                    outcome.wrong = Some(wrong);
                    break;
                }
            }
            if done.is_multiple_of(PROGRESS_CYCLES) || done == cycles {
                progress.advance_to(done);
            }
        }
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::ProgressMode;

    fn run(design: BenchDesign, seed: u64) -> Outcome {
        StreamBench::new(design, seed).unwrap().run(3000, &mut Progress::new(ProgressMode::None)).unwrap()
    }

    #[test]
    fn the_streams_lose_nothing_and_the_planted_fault_is_found() {
        for design in [BenchDesign::Fifo(2), BenchDesign::Fifo(16), BenchDesign::SkidBuffer] {
            for seed in 0..4 {
                let outcome = run(design, seed);
                assert!(outcome.is_clean() && outcome.right > 200, "{design} {seed}: {outcome:?}");
            }
        }
        let failure = run(BenchDesign::Overflow, 1).failure.unwrap();
        assert_eq!((failure.path.as_str(), failure.name.as_str()), ("overflow", "level_is_at_most_depth"));
    }

    #[test]
    fn the_same_seed_makes_the_same_run() {
        assert_eq!(run(BenchDesign::Overflow, 9), run(BenchDesign::Overflow, 9));
        assert_ne!(run(BenchDesign::Fifo(4), 1).right, run(BenchDesign::Fifo(4), 2).right);
    }
}
