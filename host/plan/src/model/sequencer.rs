//! The passes of a graph: see `rtl/blocks/src/cuckoo/sequencer.rs`.

use myelin_isa::cuckoo::Core;

/// What a pass does to the counters of the nodes tested.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Mark,
    Test,
    Emit,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Cycles left, this one included.
    Walking(u64),
    Settling(u32),
    Passing,
    Over,
}

pub(crate) struct Sequencer {
    fused: bool,
    partitions: u32,
    walk: u64,
    rounds: u32,
    state: State,
    pub(crate) kind: Kind,
    pub(crate) round: u32,
    pub(crate) partition: u32,
    pub(crate) from_list: bool,
    pub(crate) trapped: bool,
}

impl Sequencer {
    pub(crate) fn new(core: &Core, rounds: u32) -> Sequencer {
        let walk = 1 << core.word_bits().max(core.block_bits());
        Sequencer {
            fused: core.is_fused(),
            partitions: core.partitions(),
            walk,
            rounds,
            state: State::Walking(walk),
            kind: Kind::Mark,
            round: 0,
            partition: 0,
            from_list: false,
            trapped: false,
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.state != State::Over
    }

    pub(crate) fn begins(&self) -> bool {
        self.state == State::Settling(0)
    }

    pub(crate) fn side(&self) -> usize {
        if self.kind == Kind::Emit { 0 } else { (self.round & 1) as usize }
    }

    /// What stays goes to the bank of its other node.
    pub(crate) fn forwards(&self) -> bool {
        self.kind == Kind::Test && self.partition + 1 == self.partitions
    }

    /// What dies goes there too.
    pub(crate) fn clears(&self) -> bool {
        self.fused && self.kind == Kind::Test && self.round > 0
    }

    /// Ends the cycle; answers whether a round is over.
    pub(crate) fn settle(&mut self, quiet: bool, crowded: bool, dropped: bool) -> bool {
        match self.state {
            State::Walking(1) => self.state = State::Settling(0),
            State::Walking(left) => self.state = State::Walking(left - 1),
            State::Settling(3) => self.state = State::Passing,
            State::Settling(count) => self.state = State::Settling(count + 1),
            State::Passing if quiet => return self.end_pass(crowded, dropped),
            State::Passing | State::Over => {}
        }
        false
    }

    fn end_pass(&mut self, crowded: bool, dropped: bool) -> bool {
        self.state = State::Settling(0);
        match self.kind {
            Kind::Mark => self.kind = Kind::Test,
            Kind::Emit => self.state = State::Over,
            Kind::Test => {
                let round_ends = self.partition + 1 == self.partitions;
                self.partition = if round_ends { 0 } else { self.partition + 1 };
                if !self.fused {
                    self.kind = Kind::Mark;
                    self.state = State::Walking(self.walk);
                }
                if !round_ends {
                    return false;
                }
                self.round += 1;
                if self.from_list && dropped {
                    self.trapped = true;
                    self.state = State::Over;
                } else if self.round == self.rounds {
                    self.kind = Kind::Emit;
                    self.state = State::Settling(0);
                }
                self.from_list |= !crowded;
                return true;
            }
        }
        false
    }
}
