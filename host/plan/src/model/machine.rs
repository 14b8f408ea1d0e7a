//! The whole core, a cycle at a time.

use myelin_isa::cuckoo::Core;

use super::Message;
use super::bank::Bank;
use super::lane::{EdgeStore, Lane};
use super::network::{Address, Network};
use super::sequencer::{Kind, Sequencer};

/// What the hardware would count of a graph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Modelled {
    /// Edges alive after each round.
    pub alive: Vec<u32>,
    /// Cycles from the start to the end of each round.
    pub round_ends: Vec<u64>,
    /// Edges alive at the end, ascending.
    pub survivors: Vec<u64>,
    /// A list was too short, and the run ended with the last round told of.
    pub crowded: bool,
    /// Clock cycles.
    pub cycles: u64,
    /// Hashes begun, all lanes together.
    pub hashes: u64,
    /// Cycles in which a lane's edge was not taken, summed over lanes.
    pub stalls: u64,
    /// Cycles in which two edges wanted the same way, summed over switches.
    pub conflicts: u64,
    /// Edges that came to their bank.
    pub edges: u64,
    /// Cycles of passes whose edges came from lists.
    pub list_cycles: u64,
}

/// Trims the graph whose edges have these nodes (u and v) for `rounds` rounds, at least one.
///
/// # Panics
/// If there are not `2^edge_bits` edges, or no rounds.
pub fn run(core: &Core, nodes: &[[u32; 2]], rounds: u32) -> Modelled {
    assert_eq!(nodes.len() as u64, 1 << core.edge_bits(), "a pair of nodes for each edge");
    assert!(rounds > 0, "a graph is trimmed for one round or more");
    let mut machine = Machine::new(core, nodes, rounds);
    while machine.sequencer.is_running() {
        machine.step();
    }
    machine.finish()
}

struct Machine<'n> {
    core: Core,
    nodes: &'n [[u32; 2]],
    sequencer: Sequencer,
    stores: Vec<EdgeStore>,
    lanes: Vec<Lane>,
    banks: Vec<Bank>,
    arrival: Network,
    onward: Network,
    kills: Network,
    emission: Network,
    /// Bit 0: used once, or by an even key; bit 1: again, or by an odd one.
    counters: [Vec<u8>; 2],
    quiet: bool,
    alive: u32,
    told: Modelled,
}

impl<'n> Machine<'n> {
    fn new(core: &Core, nodes: &'n [[u32; 2]], rounds: u32) -> Machine<'n> {
        let (lanes, banks) = (core.lanes() as usize, core.banks() as usize);
        let depth = core.queue_depth() as usize;
        let low = u32::from(core.variant().is_paired());
        Machine {
            core: *core,
            nodes,
            sequencer: Sequencer::new(core, rounds),
            stores: (0..lanes).map(|_| EdgeStore::new(core)).collect(),
            lanes: (0..lanes).map(|_| Lane::new(core)).collect(),
            banks: (0..banks).map(|_| Bank::new(core)).collect(),
            arrival: Network::new(lanes, banks, low, Address::Key, depth),
            onward: Network::new(banks, banks, low, Address::Key, depth),
            kills: Network::new(banks, lanes, 6, Address::Edge, depth),
            emission: Network::new(banks, 1, 6, Address::Edge, depth),
            counters: [vec![0; 1 << core.edge_bits()], vec![0; 1 << core.edge_bits()]],
            quiet: true,
            alive: 0,
            told: Modelled::default(),
        }
    }

    /// What is counted of an edge on a side: Cuckarood's nodes with the edge's parity below.
    fn key(&self, edge: u32, side: usize) -> u32 {
        let node = self.nodes[edge as usize][side];
        if self.core.node_bits() < self.core.edge_bits() { node << 1 | edge & 1 } else { node }
    }

    fn mark(&mut self, side: usize, key: u32) {
        let counters = &mut self.counters[side];
        if self.core.variant().is_paired() {
            counters[(key >> 1) as usize] |= 1 << (key & 1);
        } else {
            let counter = &mut counters[key as usize];
            *counter = *counter << 1 & 2 | 1 | *counter;
        }
    }

    fn is_used(&self, side: usize, key: u32) -> bool {
        let index = if self.core.variant().is_paired() { key >> 1 } else { key };
        self.counters[side][index as usize] == 3
    }

    fn step(&mut self) {
        let is_busy = self.is_busy();
        let begins = self.sequencer.begins();
        self.told.list_cycles += u64::from(self.sequencer.from_list);
        if begins {
            self.begin_pass();
        }
        self.step_banks();
        self.step_lanes();
        let survivors = &mut self.told.survivors;
        self.emission.step(|_| true, |_, message| survivors.push(u64::from(message.edge)));
        for network in [&mut self.arrival, &mut self.onward, &mut self.kills, &mut self.emission] {
            network.settle();
        }
        if begins {
            // The walk and the lists begin with the next cycle.
            let from_list = self.sequencer.from_list;
            self.banks.iter_mut().for_each(|bank| bank.begin(from_list));
            if !from_list {
                self.stores.iter_mut().for_each(EdgeStore::begin);
            }
        }
        let crowded = self.banks.iter().any(Bank::is_crowded);
        let dropped = self.banks.iter().any(Bank::has_dropped);
        if self.sequencer.settle(self.quiet, crowded, dropped) {
            self.told.alive.push(std::mem::take(&mut self.alive));
            self.told.round_ends.push(self.told.cycles);
        }
        self.quiet = !is_busy;
        self.told.cycles += 1;
    }

    /// Counters that the pass marks begin as zeros.
    fn begin_pass(&mut self) {
        let side = self.sequencer.side();
        match self.sequencer.kind {
            Kind::Mark => self.counters[side].fill(0),
            Kind::Test if self.core.is_fused() => self.counters[1 - side].fill(0),
            Kind::Test | Kind::Emit => {}
        }
    }

    fn is_busy(&self) -> bool {
        self.stores.iter().any(EdgeStore::is_busy)
            || self.lanes.iter().any(Lane::is_busy)
            || self.banks.iter().any(Bank::is_busy)
            || [&self.arrival, &self.onward, &self.kills, &self.emission].iter().any(|network| network.is_busy())
    }

    fn step_banks(&mut self) {
        let (kind, side, from_list) = (self.sequencer.kind, self.sequencer.side(), self.sequencer.from_list);
        let count = self.banks.len();
        let mut advances = vec![false; count];
        let mut pushes: Vec<Option<Message>> = vec![None; count];
        for number in 0..count {
            let Some((message, is_counted)) = self.banks[number].second else {
                advances[number] = true;
                continue;
            };
            let stays = kind == Kind::Test && (!is_counted || self.is_used(side, message.key));
            let dies = kind == Kind::Test && !stays;
            let onward = stays && self.sequencer.forwards() || dies && self.sequencer.clears();
            let kills = dies && !from_list;
            let emits = kind == Kind::Emit;
            let free = (!onward || self.onward.ready(number))
                && (!kills || self.kills.ready(number))
                && (!emits || self.emission.ready(number));
            advances[number] = free;
            if !free {
                continue;
            }
            self.told.edges += 1;
            self.alive += u32::from(stays && self.sequencer.forwards());
            if onward {
                let turned = Message { key: message.other, other: message.key, edge: message.edge, stays };
                self.onward.push(number, turned);
            }
            if kills {
                self.kills.push(number, message);
            }
            if emits {
                self.emission.push(number, message);
            }
            if kind == Kind::Mark && is_counted {
                self.mark(side, message.key);
            }
            if from_list && (kind == Kind::Mark || stays && !self.sequencer.forwards()) {
                pushes[number] = Some(message);
            }
        }
        let mut arrived: Vec<Option<Message>> = vec![None; count];
        self.arrival.step(|bank| advances[bank] && !from_list, |bank, message| arrived[bank] = Some(message));
        let mut came_back: Vec<Option<Message>> = vec![None; count];
        self.onward.step(|_| true, |bank, message| came_back[bank] = Some(message));
        for number in 0..count {
            let first = if from_list { self.banks[number].listed() } else { arrived[number] };
            if advances[number] {
                self.banks[number].second = first.map(|message| (message, self.is_counted(message.key)));
            }
            if let Some(message) = came_back[number].filter(|message| message.stays) {
                if self.core.is_fused() {
                    self.mark(1 - side, message.key);
                }
                pushes[number] = Some(message);
            }
            let list_ready = from_list && advances[number];
            self.banks[number].settle(list_ready, pushes[number], came_back[number].is_some());
        }
    }

    fn is_counted(&self, key: u32) -> bool {
        self.core.is_fused() || key >> (self.core.edge_bits() - self.core.partition_bits()) == self.sequencer.partition
    }

    fn step_lanes(&mut self) {
        let (side, both) = (self.sequencer.side(), self.sequencer.forwards());
        let lane_bits = self.core.lane_bits();
        let mut readies = Vec::with_capacity(self.lanes.len());
        for number in 0..self.lanes.len() {
            let ready = self.arrival.ready(number);
            let cycle = self.lanes[number].step(&mut self.stores[number], both, ready);
            readies.push(cycle.block_ready);
            self.told.hashes += u64::from(cycle.hashes);
            let Some((block, position)) = cycle.offers else { continue };
            if !ready {
                self.told.stalls += 1;
                continue;
            }
            let edge = ((block << lane_bits | number) << 6) as u32 | position;
            let (key, other) = (self.key(edge, side), self.key(edge, 1 - side));
            self.arrival.push(number, Message { key, other, edge, stays: false });
        }
        let stores = &mut self.stores;
        let mut killed: Vec<Option<(usize, u32)>> = vec![None; stores.len()];
        let ready: Vec<bool> = stores.iter().map(EdgeStore::kill_ready).collect();
        self.kills.step(
            |lane| ready[lane],
            |lane, message| killed[lane] = Some(((message.edge >> (6 + lane_bits)) as usize, message.edge & 63)),
        );
        for (number, store) in stores.iter_mut().enumerate() {
            store.settle(readies[number], killed[number]);
        }
    }

    fn finish(mut self) -> Modelled {
        self.told.conflicts =
            [&self.arrival, &self.onward, &self.kills, &self.emission].iter().map(|network| network.conflicts).sum();
        self.told.crowded = self.sequencer.trapped;
        self.told.survivors.sort_unstable();
        self.told
    }
}
