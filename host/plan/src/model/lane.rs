//! A lane with its edge store: what takes how long.

use std::collections::VecDeque;

use myelin_isa::cuckoo::Core;

/// An edge store: see `rtl/blocks/src/cuckoo/edge_store.rs`.
pub(crate) struct EdgeStore {
    alive: Vec<u64>,
    next: usize,
    looking: Option<usize>,
    block: Option<(usize, u64)>,
    writing: bool,
    /// This cycle's port is the walk's.
    reads: bool,
}

impl EdgeStore {
    pub(crate) fn new(core: &Core) -> EdgeStore {
        let blocks = 1 << core.block_bits();
        EdgeStore {
            alive: vec![u64::MAX; blocks],
            next: blocks,
            looking: None,
            block: None,
            writing: false,
            reads: false,
        }
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.next < self.alive.len() || self.looking.is_some() || self.block.is_some() || self.writing
    }

    pub(crate) fn begin(&mut self) {
        self.next = 0;
    }

    /// Decides who has the port; answers the block that the lane takes.
    fn offer(&mut self, lane_ready: bool) -> Option<(usize, u64)> {
        self.reads = self.next < self.alive.len() && self.looking.is_none() && (self.block.is_none() || lane_ready);
        if lane_ready { self.block } else { None }
    }

    pub(crate) fn kill_ready(&self) -> bool {
        !self.reads
    }

    /// Ends the cycle in which the lane was ready or not, and an edge died or none.
    pub(crate) fn settle(&mut self, lane_ready: bool, kill: Option<(usize, u32)>) {
        let found = self.looking.map(|at| (at, self.alive[at])).filter(|&(_, word)| word != 0);
        self.block = if found.is_some() { found } else { self.block.filter(|_| !lane_ready) };
        self.looking = self.reads.then_some(self.next);
        self.next += usize::from(self.reads);
        self.writing = kill.is_some();
        if let Some((block, bit)) = kill {
            self.alive[block] &= !(1 << bit);
        }
    }
}

/// What a lane does in a cycle.
pub(crate) struct LaneCycle {
    /// It takes a block.
    pub(crate) block_ready: bool,
    /// A hash begins.
    pub(crate) hashes: bool,
    /// The edge it offers: block and position.
    pub(crate) offers: Option<(usize, u32)>,
}

/// A lane of either kind.
pub(crate) enum Lane {
    Chained(Chained),
    Plain(Plain),
}

impl Lane {
    pub(crate) fn new(core: &Core) -> Lane {
        let stages = core.sip().stages() as usize;
        if core.variant().is_chained() {
            let buffers = stages.next_power_of_two();
            return Lane::Chained(Chained {
                slots: vec![None; stages],
                at: 0,
                last: false,
                buffers: vec![(0, 0); buffers],
                begun: 0,
                hashed: 0,
                taken: 0,
                read: 0,
                reading: None,
                offered: None,
            });
        }
        Lane::Plain(Plain {
            capacity: 2 * stages.next_power_of_two(),
            room: 2 * stages.next_power_of_two(),
            left: (0, 0),
            other: false,
            pipeline: VecDeque::from(vec![None; stages + 1]),
            queue: VecDeque::new(),
        })
    }

    pub(crate) fn is_busy(&self) -> bool {
        match self {
            Lane::Chained(lane) => lane.begun != lane.read || lane.offered.is_some(),
            Lane::Plain(lane) => lane.left.1 != 0 || lane.room != lane.capacity,
        }
    }

    /// One cycle, in which the network takes what is offered or not.
    pub(crate) fn step(&mut self, store: &mut EdgeStore, both: bool, edge_ready: bool) -> LaneCycle {
        match self {
            Lane::Chained(lane) => lane.step(store, edge_ready),
            Lane::Plain(lane) => lane.step(store, both, edge_ready),
        }
    }
}

/// See `rtl/blocks/src/cuckoo/chained_lane.rs`.
pub(crate) struct Chained {
    /// Buffer and position of what is in each slot.
    slots: Vec<Option<(usize, u32)>>,
    at: usize,
    /// A block's last hash came out of the ring in the last cycle.
    last: bool,
    /// Block and alive bits.
    buffers: Vec<(usize, u64)>,
    begun: usize,
    hashed: usize,
    taken: usize,
    read: usize,
    reading: Option<(usize, u64)>,
    offered: Option<(usize, u32)>,
}

impl Chained {
    fn step(&mut self, store: &mut EdgeStore, edge_ready: bool) -> LaneCycle {
        let out = self.slots[self.at];
        let goes_on = out.filter(|&(_, position)| position != 63).map(|(buffer, position)| (buffer, position + 1));
        let room = self.begun - self.read != self.buffers.len();
        let block_ready = goes_on.is_none() && room;
        let block = store.offer(block_ready);
        let count = self.buffers.len();
        let begins = block.map(|_| (self.begun % count, 0));
        let offers = self.offered;
        // Reading.
        let advance = self.offered.is_none() || edge_ready;
        let there_is_one = self.hashed != self.taken;
        let mut ends = false;
        if advance {
            self.offered = self.reading.map(|(block, left)| (block, left.trailing_zeros()));
            if let Some((_, left)) = &mut self.reading {
                *left &= *left - 1;
                ends = *left == 0;
            }
        }
        if there_is_one && (self.reading.is_none() || ends) {
            self.reading = Some(self.buffers[self.taken % count]);
            self.taken += 1;
        } else if ends {
            self.reading = None;
        }
        self.read += usize::from(ends);
        // Hashing.
        self.hashed += usize::from(self.last);
        self.last = out.is_some_and(|(_, position)| position == 63);
        self.slots[self.at] = goes_on.or(begins);
        self.at = (self.at + 1) % self.slots.len();
        if let Some(block) = block {
            self.buffers[self.begun % count] = block;
            self.begun += 1;
        }
        LaneCycle { block_ready, hashes: goes_on.is_some() || begins.is_some(), offers }
    }
}

/// See `rtl/blocks/src/cuckoo/plain_lane.rs`.
pub(crate) struct Plain {
    capacity: usize,
    room: usize,
    /// Block and alive bits.
    left: (usize, u64),
    other: bool,
    /// Edges whose last hash is at each stage.
    pipeline: VecDeque<Option<(usize, u32)>>,
    queue: VecDeque<(usize, u32)>,
}

impl Plain {
    fn step(&mut self, store: &mut EdgeStore, both: bool, edge_ready: bool) -> LaneCycle {
        let (block, left) = self.left;
        let begins = left != 0 && (self.other || self.room > 0);
        let edge_ends = begins && (self.other || !both);
        let rest = left & left.wrapping_sub(1);
        let block_ready = left == 0 || (edge_ends && rest == 0);
        let taken = store.offer(block_ready);
        let offers = self.queue.front().copied();
        let pops = offers.is_some() && edge_ready;
        self.room = self.room + usize::from(pops) - usize::from(begins && !self.other);
        if pops {
            self.queue.pop_front();
        }
        if let Some(edge) = self.pipeline.pop_front().flatten() {
            self.queue.push_back(edge);
        }
        self.pipeline.push_back(edge_ends.then_some((block, left.trailing_zeros())));
        self.other = begins && !edge_ends || self.other && !begins;
        self.left = taken.unwrap_or(if edge_ends { (block, rest) } else { (block, left) });
        LaneCycle { block_ready, hashes: begins, offers }
    }
}
