//! Random modules: ports, state, children, values, properties.

use std::sync::Arc;

use myelin_hdl::{
    Design, InstanceHandle, MemoryHandle, MemoryStyle, Module, ModuleBuilder, Register, Signal, Ty, module, u,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::convert::{folded, pick, random_ty, random_value};
use super::values::{Pool, random_constant, random_name, random_operation};

/// How large random designs are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RandomConfig {
    /// Operations in each body, about; each makes one or several nodes.
    pub operations: usize,
    /// Registers in each body, at most.
    pub registers: usize,
    /// Memories in each body, at most.
    pub memories: usize,
    /// Different children of each body, at most.
    pub children: usize,
    /// Instances of each child, at most.
    pub instances: usize,
    /// Levels of hierarchy below the top.
    pub levels: usize,
}

impl Default for RandomConfig {
    /// Designs of some hundred nodes.
    fn default() -> RandomConfig {
        RandomConfig { operations: 40, registers: 6, memories: 2, children: 2, instances: 3, levels: 2 }
    }
}

/// A random design; its top is called `random_<seed>`.
pub fn random_design(seed: u64, config: &RandomConfig) -> Design {
    Design::new(random_module(seed, config)).expect("random modules have names fit for Verilog")
}

/// The top of a random design.
pub fn random_module(seed: u64, config: &RandomConfig) -> Arc<Module> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    body(&mut random, &format!("random_{seed}"), config, config.levels)
}

fn body(random: &mut ChaCha8Rng, name: &str, config: &RandomConfig, levels: usize) -> Arc<Module> {
    let kinds = if levels == 0 { 0 } else { random.random_range(0..=config.children) };
    let children: Vec<Arc<Module>> = (0..kinds)
        .map(|kind| {
            // Now and then two different bodies want one name.
            let kind = if random.random_bool(0.2) { 0 } else { kind };
            body(random, &format!("{name}_{kind}"), config, levels - 1)
        })
        .collect();
    module(name, |m| Body::new(random, m, config, &children).build())
}

/// A random module in the making.
struct Body<'a> {
    random: &'a mut ChaCha8Rng,
    m: &'a ModuleBuilder,
    config: &'a RandomConfig,
    pool: Pool,
    registers: Vec<Register>,
    memories: Vec<PendingMemory>,
    instances: Vec<PendingInstance>,
}

struct PendingMemory {
    handle: MemoryHandle,
    address: Ty,
    lane: Ty,
    lanes: usize,
    reads_left: usize,
    is_rom: bool,
}

struct PendingInstance {
    handle: InstanceHandle,
    module: Arc<Module>,
    connected: Vec<bool>,
    /// Outputs not in the pool yet.
    outputs: Vec<usize>,
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
            registers: Vec::new(),
            memories: Vec::new(),
            instances: Vec::new(),
        };
        if body.random.random_bool(0.5) {
            m.doc("A random module.\n\nverilator lint_off is nothing that this line may mean.");
        }
        for index in 0..body.random.random_range(1..6) {
            let ty = random_ty(body.random, 64);
            let input = m.input(&format!("in_{index}_i"), ty);
            body.pool.values.push(input);
        }
        let constant = random_constant(body.random);
        body.pool.values.push(constant);
        (0..body.random.random_range(0..=config.registers)).for_each(|index| body.register(index));
        (0..body.random.random_range(0..=config.memories)).for_each(|index| body.memory(index));
        for (kind, child) in children.iter().enumerate() {
            for index in 0..body.random.random_range(1..=config.instances) {
                let handle = m.instance(&format!("child_{kind}_{index}"), child);
                let (connected, outputs) = (vec![false; child.inputs.len()], (0..child.outputs.len()).collect());
                body.instances.push(PendingInstance { handle, module: child.clone(), connected, outputs });
            }
        }
        body
    }

    fn build(mut self) {
        for _ in 0..self.random.random_range(1..=2 * self.config.operations) {
            match self.random.random_range(0..12) {
                0 => self.connect_some_input(),
                1 => self.take_some_output(),
                2 => self.read_some_memory(),
                3 if self.random.random_bool(0.3) => {
                    let value = random_constant(self.random);
                    self.pool.values.push(value);
                }
                _ => self.operation(),
            }
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

    fn memory(&mut self, index: usize) {
        let random = &mut *self.random;
        let depth = 1usize << random.random_range(1..6);
        let lanes = random.random_range(1..5);
        let lane = random_ty(random, 64);
        let style = *pick(random, &[MemoryStyle::Auto, MemoryStyle::Block, MemoryStyle::Distributed]);
        let mut handle = self.m.memory(&format!("memory_{index}"), depth, lanes, lane).style(style);
        let has_contents = random.random_bool(0.4);
        let is_rom = has_contents && random.random_bool(0.3);
        if has_contents {
            let contents: Vec<i64> = (0..depth * lanes).map(|_| random_value(random, lane)).collect();
            handle = handle.init(&contents);
        }
        let reads_left = random.random_range(0..4);
        let address = u(depth.trailing_zeros());
        self.memories.push(PendingMemory { handle, address, lane, lanes, reads_left, is_rom });
    }

    /// Adds a read port at an address that is known by now.
    fn read_some_memory(&mut self) {
        let Some(memory) = self.memories.iter_mut().find(|memory| memory.reads_left > 0) else {
            return;
        };
        memory.reads_left -= 1;
        let (handle, address) = (memory.handle, memory.address);
        let address = self.pool.draw_as(self.random, address);
        let words = if self.random.random_bool(0.6) {
            let enable = self.some_enable();
            handle.read(address, enable)
        } else {
            handle.read_asynchronous(address)
        };
        self.pool.values.extend(words);
    }

    fn enable(&mut self) -> Signal {
        if self.random.random_bool(0.3) { self.m.constant(u(1), 1) } else { self.pool.condition(self.random) }
    }

    /// An enable that is not 0 for ever: what is never loaded has no value, and tools say so.
    fn some_enable(&mut self) -> Signal {
        let enable = self.enable();
        enable | self.pool.values[0].bit(0)
    }

    /// Drives one unconnected input of one instance.
    fn connect_some_input(&mut self) {
        let open: Vec<(usize, usize)> = (self.instances.iter().enumerate())
            .flat_map(|(at, instance)| (0..instance.connected.len()).map(move |input| (at, input)))
            .filter(|&(at, input)| !self.instances[at].connected[input])
            .collect();
        if !open.is_empty() {
            let (at, input) = *pick(self.random, &open);
            self.connect(at, input);
        }
    }

    fn connect(&mut self, at: usize, input: usize) {
        let port = self.instances[at].module.inputs[input].clone();
        // Tools fold constants that they find by looking through ports.
        let driver = if self.random.random_bool(0.2) {
            let value = random_value(self.random, port.ty);
            self.m.constant(port.ty, value)
        } else {
            self.pool.draw_as(self.random, port.ty)
        };
        self.instances[at].handle.input(&port.name, driver);
        self.instances[at].connected[input] = true;
    }

    /// Takes an output whose combinational inputs are all driven, so that no loop can close.
    fn take_some_output(&mut self) {
        let ready = |instance: &PendingInstance, output: usize| {
            instance.module.combinational_inputs[output].iter().all(|&input| instance.connected[input])
        };
        let settled: Vec<(usize, usize)> = (self.instances.iter().enumerate())
            .flat_map(|(at, instance)| instance.outputs.iter().map(move |&output| (at, output)))
            .filter(|&(at, output)| ready(&self.instances[at], output))
            .collect();
        if !settled.is_empty() {
            let (at, output) = *pick(self.random, &settled);
            let instance = &mut self.instances[at];
            instance.outputs.retain(|&left| left != output);
            let value = instance.handle.output(&instance.module.outputs[output].name);
            self.pool.values.push(value);
        }
    }

    /// Drives all that is still open, and shows values outside.
    fn finish(mut self) {
        for at in 0..self.instances.len() {
            for input in 0..self.instances[at].connected.len() {
                if !self.instances[at].connected[input] {
                    self.connect(at, input);
                }
            }
        }
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

    fn writes(&mut self) {
        for PendingMemory { handle, address, lane, lanes, is_rom, .. } in std::mem::take(&mut self.memories) {
            for _ in 0..if is_rom { 0 } else { self.random.random_range(1..4) } {
                let address = self.pool.draw_as(self.random, address);
                let enable = self.enable();
                let data: Vec<_> = (0..lanes).map(|_| self.pool.draw_as(self.random, lane)).collect();
                if self.random.random_bool(0.5) {
                    let enables: Vec<_> = (0..lanes).map(|_| self.enable()).collect();
                    handle.write_lanes(address, enable, &enables, &data);
                } else {
                    handle.write(address, enable, &data);
                }
            }
        }
    }

    /// Properties that hold whatever happens, and covers that may.
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
    }
}
