//! Load and store unit: a front that takes instructions and asks, a back that completes them in order.

use myelin_isa::{UnitSet, transfer_descriptor};
use std::collections::VecDeque;

/// Instructions taken and not complete, at most, in each of the two.
const IN_FLIGHT: usize = 4;
/// From taking an instruction to its being at the back.
const BACK: u64 = 1;
/// From completing a LOAD to its tokens.
const LOAD_GIVE: u64 = 2;
/// From completing a STORE to its tokens and its arrival.
const STORE_GIVE: u64 = 1;
/// From reading a beat to offering it to memory.
const STORE_OFFER: u64 = 4;
/// Beats between scratchpad and memory, at most.
const STORE_BEATS_HELD: usize = 8;

/// An instruction that the unit has taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Transfer {
    /// Position in the program.
    pub instruction: u32,
    /// In which cycle.
    pub taken: u64,
    /// Beats to go; 0 for a CONFIG.
    pub beats: u64,
    /// LOAD: the beats need the scratchpad's write port.
    pub to_scratchpad: bool,
    /// LOADW of instructions.
    pub loads_instructions: bool,
    /// STORE that arrives at the barrier.
    pub arrives: bool,
    /// Units that get a token.
    pub signal: UnitSet,
}

/// What both units have in common.
#[derive(Debug, Default)]
pub(super) struct Transfers {
    pub registers: [u32; transfer_descriptor::COUNT as usize],
    /// Beats that the front has to ask for.
    pub left: u64,
    queue: VecDeque<Transfer>,
    running: Option<Transfer>,
    /// Cycle of the last tokens.
    pub last_give: u64,
}

impl Transfers {
    /// Rows of a LOAD or STORE.
    pub fn rows(&self) -> u64 {
        u64::from(self.registers[usize::from(transfer_descriptor::ROWS)] & 0xffff) + 1
    }

    /// Whether the front can take an instruction.
    pub fn ready(&self) -> bool {
        self.left == 0 && self.flying() < IN_FLIGHT
    }

    pub fn take(&mut self, transfer: Transfer) {
        self.left = transfer.beats;
        self.queue.push_back(transfer);
    }

    /// Whether nothing is in flight.
    pub fn idle(&self) -> bool {
        self.flying() == 0
    }

    fn flying(&self) -> usize {
        self.queue.len() + usize::from(self.running.is_some())
    }

    /// The transfer at the back that waits for beats.
    fn awaiting(&mut self) -> Option<&mut Transfer> {
        self.running.as_mut().filter(|transfer| transfer.beats > 0)
    }

    /// Ends a cycle at the back: `moved` a beat. Answers what is complete.
    fn finish(&mut self, cycle: u64, moved: bool) -> Option<Transfer> {
        let complete = self.running.as_mut().is_some_and(|transfer| {
            transfer.beats -= u64::from(moved);
            transfer.beats == 0
        });
        let completed = if complete { self.running.take() } else { None };
        if self.running.is_none() && self.queue.front().is_some_and(|next| next.taken + BACK <= cycle) {
            self.running = self.queue.pop_front();
        }
        completed
    }

    /// The next cycle after `cycle` in which the back does something by itself.
    fn wake(&self, cycle: u64) -> u64 {
        match (&self.running, self.queue.front()) {
            (Some(transfer), _) if transfer.beats == 0 => cycle + 1,
            (None, Some(next)) => (next.taken + BACK).max(cycle + 1),
            _ => u64::MAX,
        }
    }
}

/// The load unit.
#[derive(Debug, Default)]
pub(super) struct Load {
    pub transfers: Transfers,
}

impl Load {
    /// Whether it asks memory for a beat.
    pub fn requests(&self) -> bool {
        self.transfers.left > 0
    }

    /// Whether it takes the beat at the port, if there is one.
    pub fn response_ready(&mut self, write_blocked: bool) -> bool {
        self.transfers.awaiting().is_some_and(|transfer| !(transfer.to_scratchpad && write_blocked))
    }

    /// One cycle, in which a request was `accepted` and a beat `taken`; answers what is complete, and
    /// the cycle of its tokens.
    pub fn step(&mut self, cycle: u64, accepted: bool, taken: bool) -> Option<(Transfer, u64)> {
        self.transfers.left -= u64::from(accepted);
        let transfer = self.transfers.finish(cycle, taken)?;
        Some((transfer, cycle + LOAD_GIVE))
    }

    /// The next cycle after `cycle` in which it does something, but for taking an instruction or a beat.
    pub fn wake(&self, cycle: u64) -> u64 {
        if self.requests() { cycle + 1 } else { self.transfers.wake(cycle) }
    }
}

/// The store unit.
#[derive(Debug, Default)]
pub(super) struct Store {
    pub transfers: Transfers,
    /// Beats between scratchpad and memory: when each is offered.
    offers: VecDeque<u64>,
    /// Acknowledgements that the back has not counted yet.
    waiting: u32,
}

impl Store {
    /// Whether it offers memory a beat.
    pub fn offers(&self, cycle: u64) -> bool {
        self.offers.front().is_some_and(|&offered| offered <= cycle)
    }

    /// One cycle, in which a beat was `accepted` and one `acknowledged`; answers what is complete, and
    /// the cycle of its tokens.
    pub fn step(
        &mut self,
        cycle: u64,
        accepted: bool,
        acknowledged: bool,
        read_blocked: bool,
    ) -> Option<(Transfer, u64)> {
        let reads = self.transfers.left > 0 && !read_blocked && self.offers.len() < STORE_BEATS_HELD;
        if accepted {
            self.offers.pop_front();
        }
        if reads {
            self.transfers.left -= 1;
            self.offers.push_back(cycle + STORE_OFFER);
        }
        self.waiting += u32::from(acknowledged);
        let counted = self.waiting > 0 && self.transfers.awaiting().is_some();
        self.waiting -= u32::from(counted);
        let transfer = self.transfers.finish(cycle, counted)?;
        Some((transfer, cycle + STORE_GIVE))
    }

    /// The next cycle after `cycle` in which it does something, but for taking an instruction or
    /// counting an acknowledgement.
    pub fn wake(&self, cycle: u64) -> u64 {
        if self.transfers.left > 0 && self.offers.len() < STORE_BEATS_HELD || self.waiting > 0 {
            return cycle + 1;
        }
        let offered = self.offers.front().map_or(u64::MAX, |&offered| offered.max(cycle + 1));
        offered.min(self.transfers.wake(cycle))
    }
}
