//! A bank with its list: see `rtl/blocks/src/cuckoo/bank.rs` and `list.rs`.

use std::collections::VecDeque;

use myelin_isa::cuckoo::Core;

use super::Message;

pub(crate) struct Bank {
    entries: usize,
    limit: usize,
    /// The list: what is to be read first.
    held: VecDeque<Message>,
    left: usize,
    popped: Option<Message>,
    dropped: bool,
    /// The second cycle: an edge, and whether its node is in the partition that is counted.
    pub(crate) second: Option<(Message, bool)>,
    back_busy: bool,
}

impl Bank {
    pub(crate) fn new(core: &Core) -> Bank {
        Bank {
            entries: core.list_entries() as usize,
            limit: core.list_limit() as usize,
            held: VecDeque::new(),
            left: 0,
            popped: None,
            dropped: false,
            second: None,
            back_busy: false,
        }
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.left > 0 || self.popped.is_some() || self.second.is_some() || self.back_busy
    }

    pub(crate) fn is_crowded(&self) -> bool {
        self.dropped || self.held.len() > self.limit
    }

    pub(crate) fn has_dropped(&self) -> bool {
        self.dropped
    }

    /// The edge that the list offers this cycle.
    pub(crate) fn listed(&self) -> Option<Message> {
        self.popped
    }

    /// A pass begins.
    pub(crate) fn begin(&mut self, keep: bool) {
        if !keep {
            self.held.clear();
        }
        self.left = self.held.len();
        self.dropped = false;
    }

    /// Ends the cycle: what the list's reader did, and what came.
    pub(crate) fn settle(&mut self, list_ready: bool, push: Option<Message>, came_back: bool) {
        let room = self.held.len() < self.entries;
        let reads = self.left > 0 && (self.popped.is_none() || list_ready);
        if reads {
            self.popped = self.held.pop_front();
            self.left -= 1;
        } else if list_ready {
            self.popped = None;
        }
        if let Some(message) = push {
            if room { self.held.push_back(message) } else { self.dropped = true }
        }
        self.back_busy = came_back;
    }
}
