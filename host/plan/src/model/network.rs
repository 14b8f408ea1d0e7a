//! A network: the same levels of the same switches as `rtl/blocks/src/cuckoo/network.rs`.

use std::collections::VecDeque;

use super::Message;

/// Which of a message's words names its output.
#[derive(Clone, Copy)]
pub(crate) enum Address {
    /// The key.
    Key,
    /// The edge.
    Edge,
}

/// Where a way out of a switch leads.
#[derive(Clone, Copy)]
enum To {
    Queue(usize),
    Port(usize),
}

struct Switch {
    /// Its queues.
    ins: Vec<usize>,
    outs: Vec<To>,
    bit: u32,
    /// Whose turn it is at each output.
    turns: [bool; 2],
}

struct Queue {
    messages: VecDeque<Message>,
    /// Messages when the cycle began.
    level: usize,
}

pub(crate) struct Network {
    address: Address,
    depth: usize,
    queues: Vec<Queue>,
    /// In the order of the ways: what comes first feeds what comes later.
    switches: Vec<Switch>,
    /// The queue of each input.
    inputs: Vec<usize>,
    pub(crate) conflicts: u64,
}

impl Network {
    pub(crate) fn new(inputs: usize, outputs: usize, low: u32, address: Address, depth: usize) -> Network {
        let mut network =
            Network { address, depth, queues: Vec::new(), switches: Vec::new(), inputs: vec![0; inputs], conflicts: 0 };
        let sources = (0..inputs).map(Source::Input).collect();
        let mut ports = 0;
        network.route(sources, outputs, low, &mut ports);
        network
    }

    fn route(&mut self, sources: Vec<Source>, outputs: usize, low: u32, ports: &mut usize) {
        let inputs = sources.len();
        if inputs == 1 && outputs == 1 {
            let port = To::Port(*ports);
            *ports += 1;
            match sources[0] {
                Source::Switch(switch, out) => self.switches[switch].outs[out] = port,
                Source::Input(_) => unreachable!("invariant: every network has a switch"),
            }
            return;
        }
        let bit = low + outputs.ilog2().saturating_sub(1);
        let (ins, outs) = match inputs.cmp(&outputs) {
            std::cmp::Ordering::Less => (1, 2),
            std::cmp::Ordering::Equal => (2, 2),
            std::cmp::Ordering::Greater => (2, 1),
        };
        let mut halves = [Vec::new(), Vec::new()];
        for first in 0..inputs / ins {
            let number = self.switches.len();
            let mut switch = Switch { ins: Vec::new(), outs: vec![To::Port(usize::MAX); outs], bit, turns: [false; 2] };
            for k in 0..ins {
                let queue = self.queues.len();
                self.queues.push(Queue { messages: VecDeque::new(), level: 0 });
                switch.ins.push(queue);
                match sources[first + k * (inputs / ins)] {
                    Source::Input(input) => self.inputs[input] = queue,
                    Source::Switch(switch, out) => self.switches[switch].outs[out] = To::Queue(queue),
                }
            }
            self.switches.push(switch);
            for (out, half) in halves.iter_mut().enumerate().take(outs) {
                half.push(Source::Switch(number, out));
            }
        }
        let [lower, upper] = halves;
        if outs == 1 {
            return self.route(lower, outputs, low, ports);
        }
        self.route(lower, outputs / 2, low, ports);
        self.route(upper, outputs / 2, low, ports);
    }

    /// Whether an input takes a message this cycle.
    pub(crate) fn ready(&self, input: usize) -> bool {
        self.queues[self.inputs[input]].level < self.depth
    }

    /// Offers a message where [`Network::ready`].
    pub(crate) fn push(&mut self, input: usize, message: Message) {
        self.queues[self.inputs[input]].messages.push_back(message);
    }

    /// Whether a message was inside when the cycle began.
    pub(crate) fn is_busy(&self) -> bool {
        self.queues.iter().any(|queue| queue.level > 0)
    }

    /// One cycle: moves messages on; those that leave where `ready` go to `deliver`.
    pub(crate) fn step(&mut self, ready: impl Fn(usize) -> bool, mut deliver: impl FnMut(usize, Message)) {
        for number in 0..self.switches.len() {
            let wants = |k: usize, out: usize| {
                let switch = &self.switches[number];
                let queue = &self.queues[*switch.ins.get(k)?];
                let head = queue.messages.front().filter(|_| queue.level > 0)?;
                let word = match self.address {
                    Address::Key => head.key,
                    Address::Edge => head.edge,
                };
                (switch.outs.len() == 1 || (word >> switch.bit & 1) as usize == out).then_some(*head)
            };
            let outs = self.switches[number].outs.len();
            // Decided on what was there when the cycle began, then done.
            let wanted: Vec<[Option<Message>; 2]> = (0..outs).map(|out| [wants(0, out), wants(1, out)]).collect();
            let mut conflict = false;
            for (out, heads) in wanted.into_iter().enumerate() {
                let both = heads[0].is_some() && heads[1].is_some();
                conflict |= both;
                let second = if both { self.switches[number].turns[out] } else { heads[1].is_some() };
                let Some(message) = heads[usize::from(second)] else { continue };
                let to = self.switches[number].outs[out];
                let free = match to {
                    To::Queue(queue) => self.queues[queue].level < self.depth,
                    To::Port(port) => ready(port),
                };
                if !free {
                    // What is offered stays offered.
                    self.switches[number].turns[out] = second;
                    continue;
                }
                if both {
                    self.switches[number].turns[out] ^= true;
                }
                let from = self.switches[number].ins[usize::from(second)];
                self.queues[from].messages.pop_front();
                match to {
                    To::Queue(queue) => self.queues[queue].messages.push_back(message),
                    To::Port(port) => deliver(port, message),
                }
            }
            self.conflicts += u64::from(conflict);
        }
    }

    /// Ends the cycle.
    pub(crate) fn settle(&mut self) {
        for queue in &mut self.queues {
            queue.level = queue.messages.len();
        }
    }
}

#[derive(Clone, Copy)]
enum Source {
    Input(usize),
    Switch(usize, usize),
}
