//! Random modules: ports, state, children, values, properties.

use std::sync::Arc;

use myelin_hdl::{Design, Module, ModuleBuilder, Register, Signal, module, u};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::array::values_in;
use super::children::PendingInstance;
use super::config::{Properties, RandomConfig};
use super::convert::{folded, pick, random_ty, random_value};
use super::memories::PendingMemory;
use super::values::{Pool, random_constant, random_name, random_operation};

/// A random design; its top is called `random_<seed>`.
pub fn random_design(seed: u64, config: &RandomConfig) -> Design {
    Design::new(random_module(seed, config)).expect("random modules have names fit for Verilog")
}

/// The top of a random design.
pub fn random_module(seed: u64, config: &RandomConfig) -> Arc<Module> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    body(&mut random, &format!("random_{seed}"), config, config.levels, &mut Vec::new())
}

/// A body and, before it, its children; `library` holds all bodies made so far for one design.
fn body(
    random: &mut ChaCha8Rng,
    name: &str,
    config: &RandomConfig,
    levels: usize,
    library: &mut Vec<Arc<Module>>,
) -> Arc<Module> {
    let kinds = if levels == 0 { 0 } else { random.random_range(0..=config.children) };
    let mut children: Vec<Arc<Module>> = Vec::new();
    for kind in 0..kinds {
        if !library.is_empty() && random.random_bool(0.25) {
            // One body below several parents, perhaps once here and many times there.
            children.push(pick(random, library).clone());
            continue;
        }
        // Now and then two different bodies want one name.
        let kind = if random.random_bool(0.2) { 0 } else { kind };
        children.push(body(random, &format!("{name}_{kind}"), config, levels - 1, library));
    }
    let built = module(name, |m| Body::new(random, m, config, &children).build());
    library.push(built.clone());
    built
}

/// A random module in the making.
pub(super) struct Body<'a> {
    pub(super) random: &'a mut ChaCha8Rng,
    pub(super) m: &'a ModuleBuilder,
    pub(super) config: &'a RandomConfig,
    pub(super) pool: Pool,
    /// An input that enables most registers, as one control word does in an array.
    control: Option<Signal>,
    registers: Vec<Register>,
    pub(super) memories: Vec<PendingMemory>,
    pub(super) instances: Vec<PendingInstance>,
    /// Children to be placed many times, and the number that names their lanes.
    pub(super) arrays: Vec<(usize, Arc<Module>)>,
}

impl<'a> Body<'a> {
    fn new(
        random: &'a mut ChaCha8Rng,
        m: &'a ModuleBuilder,
        config: &'a RandomConfig,
        children: &[Arc<Module>],
    ) -> Body<'a> {
        let mut body = Body {
            random,
            m,
            config,
            pool: Pool { values: Vec::new() },
            control: None,
            registers: Vec::new(),
            memories: Vec::new(),
            instances: Vec::new(),
            arrays: Vec::new(),
        };
        if body.random.random_bool(0.5) {
            m.doc("A random module.\n\nverilator lint_off is nothing that this line may mean.");
        }
        body.inputs();
        let constant = random_constant(body.random);
        body.pool.values.push(constant);
        let registers = body.random.random_range(0..=config.registers);
        (0..registers).for_each(|index| body.register(index));
        if body.random.random_bool(0.2) {
            body.register_chain();
        }
        let memories = body.random.random_range(0..=config.memories);
        (0..memories).for_each(|index| body.memory(index));
        for (kind, child) in children.iter().enumerate() {
            if 4 * values_in(child) <= config.array_values && body.random.random_bool(0.6) {
                body.arrays.push((kind, child.clone()));
                continue;
            }
            for index in 0..body.random.random_range(1..=config.instances) {
                let handle = m.instance(&format!("child_{kind}_{index}"), child);
                body.instances.push(PendingInstance::new(handle, child));
            }
        }
        body
    }

    fn inputs(&mut self) {
        for index in 0..self.random.random_range(1..6) {
            let ty = random_ty(self.random, 64);
            let input = self.m.input(&format!("in_{index}_i"), ty);
            self.pool.values.push(input);
        }
        if self.random.random_bool(0.4) {
            let control = self.m.input("enable_i", u(1));
            self.pool.values.push(control);
            self.control = Some(control);
        }
    }

    fn build(mut self) {
        for _ in 0..self.random.random_range(1..=2 * self.config.operations) {
            match self.random.random_range(0..13) {
                0 => self.connect_some_input(),
                1 => self.take_some_output(),
                2 => self.read_some_memory(),
                3 if self.random.random_bool(0.3) => {
                    let value = random_constant(self.random);
                    self.pool.values.push(value);
                }
                4 if !self.arrays.is_empty() => self.place_some_array(),
                _ => self.operation(),
            }
        }
        while !self.arrays.is_empty() {
            self.place_some_array();
            (0..3).for_each(|_| self.operation());
        }
        self.finish();
    }

    fn operation(&mut self) {
        let value = random_operation(self.random, &self.pool);
        if self.random.random_bool(0.1) {
            let name = random_name(self.random);
            value.named(name);
        }
        self.pool.values.push(value);
    }

    fn register(&mut self, index: usize) {
        let ty = random_ty(self.random, 64);
        let mut register = self.m.register(&format!("state_{index}_q"), ty);
        if self.random.random_bool(0.6) {
            register = register.reset(random_value(self.random, ty));
        }
        self.pool.values.push(register.q);
        self.registers.push(register);
    }

    /// A value that comes out many cycles later; sometimes it can be read on the way.
    fn register_chain(&mut self) {
        let (mut value, cycles) = (self.pool.draw(self.random), self.random.random_range(2..40));
        for stage in 0..cycles {
            value = self.m.delay(&format!("delayed_{stage}_q"), value);
            if self.random.random_bool(0.05) {
                self.pool.values.push(value);
            }
        }
        self.pool.values.push(value);
    }

    pub(super) fn enable(&mut self) -> Signal {
        if self.random.random_bool(0.3) { self.m.constant(u(1), 1) } else { self.pool.condition(self.random) }
    }

    /// An enable that is not 0 for ever: what is never loaded has no value, and tools say so.
    pub(super) fn some_enable(&mut self) -> Signal {
        match self.control {
            Some(control) if self.random.random_bool(0.7) => control,
            _ => {
                let enable = self.enable();
                enable | self.pool.values[0].bit(0)
            }
        }
    }

    /// Drives all that is still open, and shows values outside.
    fn finish(mut self) {
        self.connect_all();
        // Some outputs stay unconnected.
        (0..4).for_each(|_| self.take_some_output());
        for register in std::mem::take(&mut self.registers) {
            let next = self.pool.draw_as(self.random, register.q.ty());
            if self.random.random_bool(0.5) {
                let enable = self.some_enable();
                register.next_when(enable, next);
            } else {
                register.next(next);
            }
        }
        self.writes();
        self.properties();
        for index in 0..self.random.random_range(1..6) {
            let value = self.pool.draw(self.random);
            self.m.output(&format!("out_{index}_o"), value);
        }
        // Mostly everything can be seen; else there are values that nobody reads.
        if self.random.random_bool(0.7)
            && let Some(all) = folded(&self.pool.values)
        {
            self.m.output("all_o", all);
        }
    }

    /// Properties that hold whatever happens, or nearly always, and covers that may.
    fn properties(&mut self) {
        for _ in 0..self.random.random_range(0..3) {
            let value = self.pool.draw_within(self.random, 62);
            let name = random_name(self.random);
            match self.random.random_range(0..3) {
                0 => self.m.assert(name, (value + 1).gt(value)),
                1 => self.m.assume(name, value.saturate(u(5)).le(31)),
                _ => self.m.cover(name, value.parity()),
            }
        }
        if self.config.properties == Properties::MayFail && self.random.random_bool(0.3) {
            let (value, ty) = (self.pool.draw_within(self.random, 62), random_ty(self.random, 62));
            let seldom = value.eq(random_value(self.random, ty));
            let alarm = seldom & self.pool.condition(self.random) & self.pool.condition(self.random);
            self.m.assert("seldom_fails", !alarm);
        }
    }
}
