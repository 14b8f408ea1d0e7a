//! Network: takes messages from many inputs to the output that each names, through queues.
//!
//! ```text
//!             +---------+
//!  push_<i> ->|         |-> pop_<o>
//!    ...      | network |     ...
//!             +---------+
//! ```
//!
//! **Parameters** ([`Network`]). Powers of two of inputs and outputs. A message is `lanes` lanes of
//! `lane_width` bits; bits `[low ..]` of its first lane number its output.
//!
//! **Interface.** `push_<i>_valid_i`, `push_<i>_<k>_i`, `push_<i>_ready_o`; `pop_<o>_valid_o`,
//! `pop_<o>_<k>_o`, `pop_<o>_ready_i`: streams. `busy_o`: a message is inside. `conflicts_o`: switches in
//! which two messages wanted the same way this cycle.
//!
//! **Timing.** A queue of `depth` words ([`crate::prim::fifo`], latency 1) at each input of each switch;
//! latency is the number of levels. Where there are more outputs than inputs, each input is first split
//! into planes, so that a plane's switches have less to do than the inputs offer; then come levels of
//! switches of two by two; where there are fewer outputs, pairs are joined first. Messages from one input
//! to one output stay in order. No combinational path from `pop_<o>_ready_i` to `push_<i>_ready_o`.
//!
//! **Progress.** A message moves whenever its way is free; of two that want the same way, they take
//! turns. A message offered stays offered until it is taken.
//!
//! **Proved** (`verification/formal`): a switch's ways by induction, small networks to a bounded depth.

use std::sync::Arc;

use myelin_hdl::{InstanceHandle, Module, ModuleBuilder, Signal, choose, module, mux, tree_reduce, u};

use crate::prim::{bundle, fifo};

/// What a network is like.
#[derive(Clone, Copy, Debug)]
pub struct Network {
    /// Inputs, a power of two.
    pub inputs: usize,
    /// Outputs, a power of two.
    pub outputs: usize,
    /// Where in a message's first lane its output's number begins.
    pub low: u32,
    /// Lanes of a message.
    pub lanes: usize,
    /// Bits of a lane.
    pub lane_width: u32,
    /// Words of each queue.
    pub depth: usize,
}

/// A stream within the network.
struct Stream {
    valid: Signal,
    words: Vec<Signal>,
    /// Who takes it is not built yet.
    ready: Ready,
}

/// Where a stream's ready goes.
enum Ready {
    /// To an output of the network.
    Port(String),
    /// Back to a switch.
    Switch(InstanceHandle, usize),
}

/// Builds a network.
pub fn network(config: Network) -> Arc<Module> {
    let Network { inputs, outputs, lanes, lane_width, .. } = config;
    module(format!("network_{inputs}x{outputs}x{lanes}x{lane_width}"), |m| {
        m.doc("Takes messages from many inputs to the output that each names, through queues.");
        let streams = (0..inputs).map(|i| Stream {
            valid: m.input(&format!("push_{i}_valid_i"), u(1)),
            words: bundle::inputs(m, &format!("push_{i}"), lanes, u(lane_width)),
            ready: Ready::Port(format!("push_{i}_ready_o")),
        });
        let mut build = Build { m, config, switches: Vec::new() };
        for (o, stream) in build.route(streams.collect(), outputs).into_iter().enumerate() {
            m.output(&format!("pop_{o}_valid_o"), stream.valid);
            bundle::outputs(m, &format!("pop_{o}"), &stream.words);
            let ready = m.input(&format!("pop_{o}_ready_i"), u(1));
            build.answer(stream.ready, ready);
        }
        let of = |name: &str| build.switches.iter().map(|switch| switch.output(name)).collect::<Vec<_>>();
        m.output("busy_o", tree_reduce(&of("busy_o"), |a, b| a | b));
        let conflicts = tree_reduce(&of("conflict_o"), |a, b| a + b);
        m.output("conflicts_o", conflicts);
    })
}

struct Build<'m> {
    m: &'m ModuleBuilder,
    config: Network,
    switches: Vec<InstanceHandle>,
}

impl Build<'_> {
    /// Takes streams to `outputs` outputs, told apart by the highest of the bits left.
    fn route(&mut self, streams: Vec<Stream>, outputs: usize) -> Vec<Stream> {
        let inputs = streams.len();
        let bit = self.config.low + outputs.ilog2().saturating_sub(1);
        if outputs == 1 && inputs == 1 {
            return streams;
        }
        // How many streams come together in one switch, and go out of it.
        let (ins, outs) = match inputs.cmp(&outputs) {
            std::cmp::Ordering::Less => (1, 2),
            std::cmp::Ordering::Equal => (2, 2),
            std::cmp::Ordering::Greater => (2, 1),
        };
        let mut halves: [Vec<Stream>; 2] = [Vec::new(), Vec::new()];
        let mut streams: Vec<Option<Stream>> = streams.into_iter().map(Some).collect();
        for first in 0..inputs / ins {
            // Partners are half the inputs apart.
            let group = (0..ins).filter_map(|k| streams[first + k * (inputs / ins)].take()).collect();
            let out = self.switch(group, outs, bit);
            halves.iter_mut().zip(out).for_each(|(half, stream)| half.push(stream));
        }
        let [low, high] = halves;
        if outs == 1 {
            return self.route(low, outputs);
        }
        let mut routed = self.route(low, outputs / 2);
        routed.extend(self.route(high, outputs / 2));
        routed
    }

    fn switch(&mut self, group: Vec<Stream>, outs: usize, bit: u32) -> Vec<Stream> {
        let block = switch(group.len(), outs, bit, self.config);
        let instance = self.m.instance(&format!("switch_{}", self.switches.len()), &block);
        for (i, stream) in group.into_iter().enumerate() {
            instance.input(&format!("push_{i}_valid_i"), stream.valid);
            bundle::connect(&instance, &format!("push_{i}"), &stream.words);
            self.answer(stream.ready, instance.output(&format!("push_{i}_ready_o")));
        }
        self.switches.push(instance.clone());
        let stream = |o: usize| Stream {
            valid: instance.output(&format!("pop_{o}_valid_o")),
            words: bundle::of(&instance, &format!("pop_{o}"), self.config.lanes),
            ready: Ready::Switch(instance.clone(), o),
        };
        (0..outs).map(stream).collect()
    }

    fn answer(&self, to: Ready, ready: Signal) {
        match to {
            Ready::Port(name) => self.m.output(&name, ready),
            Ready::Switch(instance, o) => {
                instance.input(&format!("pop_{o}_ready_i"), ready);
            }
        }
    }
}

/// Builds one switch: one or two inputs with a queue each, one or two outputs.
fn switch(ins: usize, outs: usize, bit: u32, config: Network) -> Arc<Module> {
    let Network { lanes, lane_width, depth, .. } = config;
    module(format!("switch_{ins}x{outs}x{lanes}x{lane_width}_{bit}"), |m| {
        m.doc("One or two queues, and the ways out of them.");
        let queue = fifo::fifo(depth, lanes, u(lane_width));
        let queues: Vec<InstanceHandle> = (0..ins)
            .map(|i| {
                let queue = m.instance(&format!("queue_{i}"), &queue);
                queue.input("push_valid_i", m.input(&format!("push_{i}_valid_i"), u(1)));
                bundle::connect(&queue, "push", &bundle::inputs(m, &format!("push_{i}"), lanes, u(lane_width)));
                m.output(&format!("push_{i}_ready_o"), queue.output("push_ready_o"));
                queue
            })
            .collect();
        let valid: Vec<Signal> = queues.iter().map(|queue| queue.output("pop_valid_o")).collect();
        let words: Vec<Vec<Signal>> = queues.iter().map(|queue| bundle::of(queue, "pop", lanes)).collect();
        let ready: Vec<Signal> = (0..outs).map(|o| m.input(&format!("pop_{o}_ready_i"), u(1))).collect();
        let Ways { offered, offers, pops, conflict, .. } = ways(m, &valid, &words, &ready, bit);
        for (o, (valid, words)) in offered.iter().zip(&offers).enumerate() {
            m.output(&format!("pop_{o}_valid_o"), *valid);
            bundle::outputs(m, &format!("pop_{o}"), words);
        }
        for (queue, pop) in queues.iter().zip(&pops) {
            queue.input("pop_ready_i", *pop);
        }
        m.output("busy_o", tree_reduce(&valid, |a, b| a | b));
        m.output("conflict_o", conflict);
    })
}

/// The ways out of a switch.
pub struct Ways {
    /// Whether an output offers a word.
    pub offered: Vec<Signal>,
    /// The word that each output offers.
    pub offers: Vec<Vec<Signal>>,
    /// Whether the word of each input goes.
    pub pops: Vec<Signal>,
    /// Whose turn it is at each output of two inputs.
    pub turns: Vec<Signal>,
    /// Two words want the same way.
    pub conflict: Signal,
}

/// What goes where of one or two words, each to the output that its `bit` names, or to the only one: a
/// switch and its proof share it.
///
/// Of two that want the same way, the one goes that did not when both last wanted it. A word offered and not
/// taken stays offered, whatever else comes.
pub fn ways(m: &ModuleBuilder, valid: &[Signal], words: &[Vec<Signal>], ready: &[Signal], bit: u32) -> Ways {
    let never = m.constant(u(1), 0);
    let mut found = Ways {
        offered: Vec::new(),
        offers: Vec::new(),
        pops: vec![never; valid.len()],
        turns: Vec::new(),
        conflict: never,
    };
    let outs = ready.len();
    for (o, &ready) in ready.iter().enumerate() {
        let wants = |i: usize| match outs {
            1 => valid[i],
            _ => valid[i] & words[i][0].bit(bit).eq(o as i64),
        };
        let &[_, _] = valid else {
            found.offered.push(wants(0));
            found.offers.push(words[0].clone());
            found.pops[0] = found.pops[0] | (wants(0) & ready);
            continue;
        };
        let (first_wants, second_wants) = (wants(0), wants(1));
        let both = first_wants & second_wants;
        let offered = first_wants | second_wants;
        let turn = m.register(&format!("turn_{o}_q"), u(1)).reset(0);
        let second = mux(both, turn.q, second_wants).named(&format!("second_{o}"));
        turn.next(choose(turn.q).when(offered & !ready, second).when(both & ready, !turn.q).end());
        found.turns.push(turn.q);
        found.offered.push(offered);
        found.offers.push(words[0].iter().zip(&words[1]).map(|(&first, &other)| mux(second, other, first)).collect());
        found.pops[0] = found.pops[0] | (first_wants & !second & ready);
        found.pops[1] = found.pops[1] | (second_wants & second & ready);
        found.conflict = found.conflict | both;
    }
    found
}
