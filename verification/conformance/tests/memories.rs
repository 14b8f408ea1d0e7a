//! Every form of memory against a plain model, on every engine, and lint-clean; and the same where collisions
//! are poisoned.

use std::collections::BTreeMap;
use std::sync::Arc;

use myelin_conformance::cosim::{Engine, Response, Trace, compare, response};
use myelin_conformance::lint::lint;
use myelin_conformance::random_design::batch;
use myelin_conformance::tools::{Tool, are_present, available};
use myelin_hdl::{Collisions, Design, MemoryStyle, Module, Poison, Ty, module, poison_collisions, s, u};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What a memory looks like.
#[derive(Clone, Copy)]
struct Form {
    name: &'static str,
    depth: usize,
    lanes: usize,
    lane: Ty,
    style: MemoryStyle,
    has_contents: bool,
    synchronous_reads: usize,
    asynchronous_reads: usize,
    /// For each write port, whether lanes have enables.
    writes: &'static [bool],
    /// Whether all ports have one address.
    one_address: bool,
}

const PLAIN: Form = Form {
    name: "plain",
    depth: 8,
    lanes: 1,
    lane: u(8),
    style: MemoryStyle::Auto,
    has_contents: false,
    synchronous_reads: 1,
    asynchronous_reads: 0,
    writes: &[false],
    one_address: false,
};

const FORMS: [Form; 12] = [
    PLAIN,
    Form { name: "single_port", style: MemoryStyle::Block, one_address: true, ..PLAIN },
    Form { name: "byte_enables", lanes: 4, style: MemoryStyle::Block, writes: &[true], ..PLAIN },
    Form { name: "one_lane_enabled", writes: &[true], ..PLAIN },
    Form { name: "one_bit_lanes", lanes: 5, lane: u(1), writes: &[true], ..PLAIN },
    Form { name: "signed_lanes", lanes: 3, lane: s(6), writes: &[true], ..PLAIN },
    Form { name: "wide_words", depth: 4, lanes: 9, lane: s(64), writes: &[true, false], ..PLAIN },
    Form { name: "two_writers", depth: 2, lanes: 2, writes: &[false, true], synchronous_reads: 2, ..PLAIN },
    Form {
        name: "register_file",
        depth: 32,
        lane: u(32),
        style: MemoryStyle::Distributed,
        has_contents: true,
        synchronous_reads: 0,
        asynchronous_reads: 2,
        ..PLAIN
    },
    Form { name: "both_reads", has_contents: true, lane: s(1), asynchronous_reads: 1, ..PLAIN },
    Form { name: "constants", has_contents: true, lanes: 2, lane: s(13), writes: &[], asynchronous_reads: 1, ..PLAIN },
    Form { name: "three_writers", depth: 2, lane: u(64), writes: &[false, false, false], ..PLAIN },
];

impl Form {
    fn contents(self) -> Vec<u64> {
        let values = 0..(self.depth * self.lanes) as u64;
        values.map(|index| (index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) & self.lane.mask()).collect()
    }

    fn top(self, collisions: Collisions) -> Arc<Module> {
        module(self.name, |m| {
            let width = self.depth.trailing_zeros();
            let shared = self.one_address.then(|| m.input("address_i", u(width)));
            let address = |name: String| shared.unwrap_or_else(|| m.input(&name, u(width)));
            let mut memory = m.memory("words", self.depth, self.lanes, self.lane).style(self.style);
            if self.has_contents {
                let contents: Vec<i64> =
                    self.contents().into_iter().map(|bits| self.lane.value_of(bits) as i64).collect();
                memory = memory.init(&contents);
            }
            if collisions == Collisions::Unused {
                memory = memory.collisions_are_unused();
            }
            for port in 0..self.synchronous_reads {
                let enable = m.input(&format!("read_{port}_i"), u(1));
                let word = memory.read(address(format!("read_address_{port}_i")), enable);
                word.iter().zip(0..).for_each(|(&value, lane)| m.output(&format!("read_{port}_{lane}_o"), value));
            }
            for port in 0..self.asynchronous_reads {
                let word = memory.read_asynchronous(address(format!("look_address_{port}_i")));
                word.iter().zip(0..).for_each(|(&value, lane)| m.output(&format!("look_{port}_{lane}_o"), value));
            }
            for (port, &lane_enables) in self.writes.iter().enumerate() {
                let input = |name: &str, lane, ty| m.input(&format!("{name}_{port}_{lane}_i"), ty);
                let enable = m.input(&format!("write_{port}_i"), u(1));
                let address = address(format!("write_address_{port}_i"));
                let data: Vec<_> = (0..self.lanes).map(|lane| input("data", lane, self.lane)).collect();
                if lane_enables {
                    let enables: Vec<_> = (0..self.lanes).map(|lane| input("lane", lane, u(1))).collect();
                    memory.write_lanes(address, enable, &enables, &data);
                } else {
                    memory.write(address, enable, &data);
                }
            }
        })
    }
}

/// The definition: an array, and what each synchronous port showed last.
struct Model {
    form: Form,
    poison: Option<Poison>,
    words: Vec<u64>,
    shown: Vec<Vec<u64>>,
}

impl Model {
    fn new(form: Form, poison: Option<Poison>) -> Model {
        let words = if form.has_contents { form.contents() } else { vec![0; form.depth * form.lanes] };
        Model { form, poison, words, shown: vec![vec![0; form.lanes]; form.synchronous_reads] }
    }

    /// The outputs in this cycle, then the edge.
    fn cycle(&mut self, inputs: &BTreeMap<String, u64>) -> Vec<u64> {
        let form = self.form;
        let at = |name: String| *inputs.get(if form.one_address { "address_i" } else { &name }).expect("an address");
        let word = |words: &[u64], address: u64| words[address as usize * form.lanes..][..form.lanes].to_vec();
        let mut outputs = self.shown.concat();
        for port in 0..form.asynchronous_reads {
            outputs.extend(word(&self.words, at(format!("look_address_{port}_i"))));
        }
        let mut after = self.words.clone();
        let mut written = vec![false; after.len()];
        for (port, &lane_enables) in form.writes.iter().enumerate() {
            let address = at(format!("write_address_{port}_i")) as usize;
            for lane in 0..form.lanes {
                let enabled = !lane_enables || inputs[&format!("lane_{port}_{lane}_i")] == 1;
                if enabled && inputs[&format!("write_{port}_i")] == 1 {
                    after[address * form.lanes + lane] = inputs[&format!("data_{port}_{lane}_i")];
                    written[address * form.lanes + lane] = true;
                }
            }
        }
        // Reads see what was there before this edge's writes, unless that is poisoned.
        for port in 0..form.synchronous_reads {
            if inputs[&format!("read_{port}_i")] == 1 {
                let first = at(format!("read_address_{port}_i")) as usize * form.lanes;
                self.shown[port] = (first..first + form.lanes)
                    .map(|at| match self.poison {
                        Some(Poison::Complement) if written[at] => !self.words[at] & form.lane.mask(),
                        Some(Poison::Written) if written[at] => after[at],
                        _ => self.words[at],
                    })
                    .collect();
            }
        }
        self.words = after;
        outputs
    }
}

fn tops(collisions: Collisions) -> Vec<Arc<Module>> {
    FORMS.iter().map(|form| form.top(collisions)).collect()
}

/// Holds `design`, which is made of `tops`, against the models.
fn does_what_arrays_do(design: &Design, tops: &[Arc<Module>], poison: Option<Poison>, engines: &[Engine]) {
    let mut models: Vec<Model> = FORMS.iter().map(|&form| Model::new(form, poison)).collect();
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let mut trace = Trace::default();
    let mut expected = Vec::new();
    for _ in 0..600 {
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        for (model, top) in models.iter_mut().zip(tops) {
            let mut named = BTreeMap::new();
            for port in &top.inputs {
                let bits = random.random::<u64>() & port.ty.mask();
                inputs.push(bits);
                named.insert(port.name.clone(), bits);
            }
            outputs.extend(model.cycle(&named).into_iter().map(Some));
        }
        trace.push(inputs);
        expected.push(outputs);
    }
    let model = Response::new("a plain array", expected);
    for &engine in engines.iter().filter(|engine| are_present(engine.tools())) {
        let found = response(engine, design, &trace).expect("the engine answers");
        if let Err(difference) = compare(design, &model, &found) {
            panic!("{difference}");
        }
    }
}

#[test]
fn memories_of_every_form_do_what_a_plain_array_does() {
    available("memories under Icarus", &[Tool::Icarus]);
    available("memories under Verilator", &[Tool::Verilator, Tool::Cxx]);
    let tops = tops(Collisions::ReadFirst);
    does_what_arrays_do(&batch("memories", &tops), &tops, None, &Engine::ALL);
}

#[test]
fn poisoned_memories_differ_in_lanes_read_while_written_and_in_nothing_else() {
    let tops = tops(Collisions::Unused);
    let design = batch("memories", &tops);
    let engines = [Engine::Interpreted, Engine::Compiled];
    does_what_arrays_do(&design, &tops, None, &engines);
    for poison in [Poison::Complement, Poison::Written] {
        does_what_arrays_do(&poison_collisions(&design, poison), &tops, Some(poison), &engines);
    }
}

#[test]
fn memories_of_every_form_are_lint_clean() {
    let tops = tops(Collisions::ReadFirst);
    for tool in [Tool::Verilator, Tool::Icarus, Tool::Yosys] {
        if available(&format!("lint of memories by {tool}"), &[tool]) {
            lint(&batch("memories", &tops), tool).expect("no complaints");
        }
    }
}
