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

/// Edges alive of blocks, one after the other: see `rtl/blocks/src/cuckoo/edge_scan.rs`.
#[derive(Default)]
struct Scan {
    /// A block that waits.
    waiting: Option<(usize, u64)>,
    /// A block and its edges left.
    block: Option<(usize, u64)>,
    /// Edges of a group of eight of a block, and whether it is the block's last.
    group: Option<(usize, u64, bool)>,
    /// An edge, and whether it is its block's last.
    edge: Option<(usize, u32, bool)>,
}

impl Scan {
    fn is_busy(&self) -> bool {
        self.waiting.is_some() || self.block.is_some() || self.group.is_some() || self.edge.is_some()
    }

    /// Which stages move on if the edge offered is taken or not: edge, group; and whether there is room for a block behind them.
    fn moves(&self, edge_ready: bool) -> (bool, bool, bool) {
        let edge = self.group.is_some() && (self.edge.is_none() || edge_ready);
        let group_ends = edge && self.group.is_some_and(|(_, bits, _)| bits & (bits - 1) == 0);
        let group = self.block.is_some() && (self.group.is_none() || group_ends);
        (edge, group, self.block.is_none() || group && self.block.is_some_and(|(_, left)| left == lowest_group(left)))
    }

    /// Whether a block is taken.
    fn ready(&self) -> bool {
        self.waiting.is_none()
    }

    /// Ends the cycle; `block` is what is taken, where it is ready.
    fn step(&mut self, block: Option<(usize, u64)>, edge_ready: bool) {
        let (edge_moves, group_moves, block_moves) = self.moves(edge_ready);
        let ready = self.ready();
        if edge_moves {
            self.edge =
                self.group.map(|(block, bits, last)| (block, bits.trailing_zeros(), last && bits & (bits - 1) == 0));
            self.group = self.group.map(|(block, bits, last)| (block, bits & (bits - 1), last));
            self.group = self.group.filter(|&(_, bits, _)| bits != 0);
        } else if edge_ready {
            self.edge = None;
        }
        if group_moves && let Some((number, left)) = self.block {
            let group = lowest_group(left);
            self.group = Some((number, group, left == group));
            self.block = Some((number, left & !group)).filter(|&(_, left)| left != 0);
        }
        if block_moves {
            self.block = self.waiting.take();
        }
        if ready {
            self.waiting = block;
        }
    }
}

/// The edges of the first group of eight that has any.
fn lowest_group(left: u64) -> u64 {
    left & 0xff << (left.trailing_zeros() / 8 * 8)
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
            // One slot more than the pipeline has stages.
            let slots = stages + 1;
            return Lane::Chained(Chained {
                slots: vec![None; slots],
                at: 0,
                last: false,
                buffers: vec![(0, 0); slots.next_power_of_two()],
                begun: 0,
                hashed: 0,
                taken: 0,
                read: 0,
                read_ends: false,
                scan: Scan::default(),
                offered: None,
            });
        }
        Lane::Plain(Plain {
            capacity: 2 * stages.next_power_of_two(),
            room: 2 * stages.next_power_of_two(),
            scan: Scan::default(),
            other: false,
            pipeline: VecDeque::from(vec![None; stages + 2]),
            queue: VecDeque::new(),
            exit: None,
        })
    }

    pub(crate) fn is_busy(&self) -> bool {
        match self {
            Lane::Chained(lane) => lane.begun != lane.read || lane.offered.is_some(),
            Lane::Plain(lane) => lane.scan.is_busy() || lane.room != lane.capacity,
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
    /// A block's last edge was read in the last cycle.
    read_ends: bool,
    scan: Scan,
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
        let read = self.scan.edge.filter(|_| advance);
        let oldest = (self.hashed != self.taken).then(|| self.buffers[self.taken % count]);
        let oldest = oldest.filter(|_| self.scan.ready());
        self.taken += usize::from(oldest.is_some());
        self.scan.step(oldest, advance);
        if advance {
            self.offered = read.map(|(block, position, _)| (block, position));
        }
        self.read += usize::from(self.read_ends);
        self.read_ends = read.is_some_and(|(_, _, last)| last);
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
    scan: Scan,
    other: bool,
    /// Edges whose last hash is at each stage.
    pipeline: VecDeque<Option<(usize, u32)>>,
    queue: VecDeque<(usize, u32)>,
    /// The edge offered.
    exit: Option<(usize, u32)>,
}

impl Plain {
    fn step(&mut self, store: &mut EdgeStore, both: bool, edge_ready: bool) -> LaneCycle {
        let begins = self.scan.edge.is_some() && (self.other || self.room > 0);
        let edge_ends = begins && (self.other || !both);
        let block_ready = self.scan.ready();
        let taken = store.offer(block_ready);
        let offers = self.exit;
        let pops = offers.is_some() && edge_ready;
        self.room = self.room + usize::from(pops) - usize::from(begins && !self.other);
        if self.exit.is_none() || edge_ready {
            self.exit = self.queue.pop_front();
        }
        if let Some(edge) = self.pipeline.pop_front().flatten() {
            self.queue.push_back(edge);
        }
        let edge = self.scan.edge.filter(|_| edge_ends);
        self.pipeline.push_back(edge.map(|(block, position, _)| (block, position)));
        self.other = begins && !edge_ends || self.other && !begins;
        self.scan.step(taken, edge_ends);
        LaneCycle { block_ready, hashes: begins, offers }
    }
}
