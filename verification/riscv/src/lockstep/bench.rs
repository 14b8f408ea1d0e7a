//! One core on the bench, the model beside it, a memory for each.

use myelin_hdl::Design;
use myelin_rtl::cpu::{CpuParameters, Multiply, cpu};
use myelin_sim::{Engine, MemoryHandle, PowerUp, RegisterHandle, Simulator};

use crate::machine::{Cause, Extensions, Interrupt, Lines, Machine, Retired};
use crate::memory::{Memory, SparseMemory};

use super::divergence::{Divergence, Mismatch};
use super::ports::{Ports, Request, Shown};

/// Cycles without a retirement after which the core is taken to hang: more than a division and every wait.
const STUCK_CYCLES: u64 = 20_000;
/// Cycles from the reading of a CSR to the retirement of the instruction that reads it.
const CSR_CYCLES: usize = 2;

/// What the model is told that the core has.
pub fn extensions(parameters: &CpuParameters) -> Extensions {
    Extensions { multiply: parameters.multiply() != Multiply::None, counters: parameters.counters() }
}

/// The core and its judge.
pub struct Bench {
    /// The judge.
    pub machine: Machine,
    /// What the judge reads and writes.
    pub memory: SparseMemory,
    /// What the core reads and writes.
    pub core_memory: SparseMemory,
    /// The simulation, for waves and coverage.
    pub sim: Simulator,
    ports: Ports,
    words: MemoryHandle,
    /// The state in which a request is that of a load or store.
    accesses: RegisterHandle,
    /// The state in which mcycle stands still.
    waits: RegisterHandle,
    waiting: Option<(Request, u32)>,
    cycle: u64,
    retirements: u64,
    last_retirement: u64,
    /// The core's mcycle.
    cycles_counted: u64,
    lines: [Lines; CSR_CYCLES + 1],
    /// Lines that were high at some time, and all the time, since the last retirement.
    lines_any: Lines,
    lines_all: Lines,
}

/// What a request is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// An instruction.
    Fetch,
    /// A load.
    Load,
    /// A store.
    Store,
}

/// A request that wants an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asked {
    /// What for.
    pub purpose: Purpose,
    /// Address of the word.
    pub address: u32,
    /// Cycles that it has waited.
    pub waited: u32,
}

/// What the bus answers to a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reply {
    /// Not yet.
    Wait,
    /// Done, from the core's memory.
    Done,
    /// Done; the word at its address becomes this one before it is read.
    Replaced(u32),
}

impl Bench {
    /// A core just reset after a `power_up`, and its model.
    ///
    /// # Errors
    /// If no simulator can be made.
    pub fn new(
        parameters: &CpuParameters,
        memory: SparseMemory,
        engine: Engine,
        power_up: PowerUp,
    ) -> Result<Bench, Divergence> {
        let design = Design::new(cpu(parameters)).expect("invariant: the core's names are identifiers");
        let mut sim = Simulator::builder(&design).engine(engine).power_up(power_up).build()?;
        let ports = Ports::of(&sim)?;
        let words = sim.memory("cpu.registers.words")?;
        let accesses = sim.register("cpu.memory_state_q")?;
        let waits = sim.register("cpu.wait_state_q")?;
        sim.reset(1).map_err(Box::new)?;
        Ok(Bench {
            machine: Machine::new(parameters.reset_vector(), extensions(parameters)),
            core_memory: memory.clone(),
            memory,
            sim,
            ports,
            words,
            accesses,
            waits,
            waiting: None,
            cycle: 0,
            retirements: 0,
            last_retirement: 0,
            cycles_counted: 0,
            lines: [Lines::default(); CSR_CYCLES + 1],
            lines_any: Lines::default(),
            lines_all: Lines { timer: true, external: true },
        })
    }

    /// Gives core and model the same registers, behind the core's back.
    pub fn set_registers(&mut self, registers: [u32; 32], mtvec: u32) {
        self.machine.registers = registers;
        self.machine.registers[0] = 0;
        self.machine.csrs.mtvec = mtvec;
        for (index, value) in self.stored() {
            self.sim.memory_write(self.words, index, 0, u64::from(value));
        }
    }

    /// What the core's register file is to hold, by the model.
    fn stored(&self) -> Vec<(usize, u32)> {
        let csrs = &self.machine.csrs;
        let behind = [(32, csrs.mscratch), (33, csrs.mepc), (35, csrs.mtval), (37, csrs.mtvec)];
        self.machine.registers.iter().copied().enumerate().chain(behind).collect()
    }

    /// Retirements so far.
    pub fn retirements(&self) -> u64 {
        self.retirements
    }

    /// Cycles so far.
    pub fn cycles(&self) -> u64 {
        self.cycle
    }

    /// The lines as they were in the last cycle.
    pub fn lines(&self) -> Lines {
        self.lines[0]
    }

    /// One cycle with the interrupt lines so; `answer` is asked about the request, if there is one.
    ///
    /// # Errors
    /// If the core does not do what the model does.
    pub fn cycle(
        &mut self,
        lines: Lines,
        answer: impl FnOnce(&Bench, Asked) -> Reply,
    ) -> Result<Option<Retired>, Divergence> {
        self.lines = [lines, self.lines[0], self.lines[1]];
        self.lines_any.timer |= lines.timer;
        self.lines_any.external |= lines.external;
        self.lines_all.timer &= lines.timer;
        self.lines_all.external &= lines.external;
        self.sim.poke(self.ports.timer, u64::from(lines.timer));
        self.sim.poke(self.ports.external, u64::from(lines.external));
        self.sim.poke(self.ports.ready, 0);
        let request = self.ports.request(&mut self.sim);
        let replaced = self.serve(request, answer)?;
        let retired = match self.ports.retirement(&mut self.sim) {
            Some(shown) => Some(self.retire(&shown)?),
            None => None,
        };
        if let Some((address, word)) = replaced {
            self.memory.place(address, &[word]);
        }
        let waited = self.cycle - self.last_retirement;
        if waited > STUCK_CYCLES {
            return Err(Divergence::Stuck { cycle: self.cycle, waited, pc: self.machine.pc });
        }
        let counts = self.sim.peek_register(self.waits) == 0;
        self.sim.step().map_err(Box::new)?;
        self.cycle += 1;
        self.cycles_counted = self.cycles_counted.wrapping_add(u64::from(counts));
        Ok(retired)
    }

    /// Answers the request of this cycle; the word that was replaced in the core's memory.
    fn serve(
        &mut self,
        request: Option<Request>,
        answer: impl FnOnce(&Bench, Asked) -> Reply,
    ) -> Result<Option<(u32, u32)>, Divergence> {
        let waited = match (self.waiting.take(), request) {
            (Some((before, waited)), Some(now)) if before == now => waited + 1,
            (Some(_), _) => return Err(Divergence::Protocol { cycle: self.cycle }),
            (None, _) => 0,
        };
        let Some(request) = request else { return Ok(None) };
        let accesses = self.sim.peek_register(self.accesses) != 0;
        let purpose = match (accesses, request.write) {
            (false, _) => Purpose::Fetch,
            (true, false) => Purpose::Load,
            (true, true) => Purpose::Store,
        };
        let reply = answer(self, Asked { purpose, address: request.address, waited });
        if reply == Reply::Wait {
            self.waiting = Some((request, waited));
            // What is on the bus meanwhile means nothing.
            self.sim.poke(self.ports.error, u64::from(waited) & 1);
            self.sim.poke(self.ports.read_data, u64::from(0xdead_beef_u32.rotate_left(waited)));
            return Ok(None);
        }
        let mut replaced = None;
        if let Reply::Replaced(word) = reply {
            self.core_memory.place(request.address, &[word]);
            replaced = Some((request.address, word));
        }
        let result = if request.write {
            self.core_memory.write(request.address, request.mask, request.data).map(|()| 0x5555_aaaa)
        } else {
            self.core_memory.read(request.address)
        };
        self.sim.poke(self.ports.ready, 1);
        self.sim.poke(self.ports.error, u64::from(result.is_err()));
        self.sim.poke(self.ports.read_data, u64::from(result.unwrap_or(0xbad0_bad0)));
        Ok(replaced)
    }

    fn retire(&mut self, shown: &Shown) -> Result<Retired, Divergence> {
        let pc = self.machine.pc;
        let retired = self.expect(shown).and_then(|retired| compare(&retired, shown).map(|()| retired));
        let retired = retired.map_err(|mismatch| Divergence::Retirement {
            retirement: self.retirements,
            cycle: self.cycle,
            pc,
            instruction: shown.instruction,
            mismatch,
        })?;
        self.count_cycles(&retired);
        self.retirements += 1;
        self.last_retirement = self.cycle;
        (self.lines_any, self.lines_all) = (self.lines[0], self.lines[0]);
        Ok(retired)
    }

    /// What the model does. When an interrupt is taken the core decides, within limits: not without a
    /// line that was high since the last retirement, and not without taking one that was high all the time.
    fn expect(&mut self, shown: &Shown) -> Result<Retired, Mismatch> {
        let due = self.machine.interrupt(self.lines_all).map(|interrupt| interrupt.cause() as u32);
        let found = u64::from(shown.cause);
        let interrupted = shown.trap && shown.cause >> 31 == 1;
        if !interrupted {
            if let Some(cause) = due {
                return Err(Mismatch { what: "interrupt taken", expected: u64::from(cause), found: 0 });
            }
            self.machine.csrs.mcycle = self.cycles_counted.wrapping_sub(CSR_CYCLES as u64);
            return Ok(self.machine.execute(&mut self.memory, self.lines[CSR_CYCLES]));
        }
        let (interrupt, line) = if shown.cause == Cause::ExternalInterrupt as u32 {
            (Interrupt::External, Lines { external: self.lines_any.external, timer: false })
        } else {
            (Interrupt::Timer, Lines { timer: self.lines_any.timer, external: false })
        };
        let allowed = self.machine.interrupt(line) == Some(interrupt);
        // The external one goes first.
        if !allowed || due.is_some_and(|due| due == Cause::ExternalInterrupt as u32 && due != shown.cause) {
            let expected = due.map_or(0, u64::from);
            return Err(Mismatch { what: "interrupt taken", expected, found });
        }
        Ok(self.machine.take(interrupt))
    }

    /// What mcycle holds after this cycle.
    fn count_cycles(&mut self, retired: &Retired) {
        let instruction = retired.instruction.unwrap_or(0);
        let writes = retired.trap.is_none()
            && instruction & 0x7f == 0x73
            && instruction >> 12 & 3 != 0
            && (instruction >> 12 & 3 == 1 || instruction >> 15 & 31 != 0);
        let written = self.machine.csrs.mcycle;
        self.cycles_counted = match instruction >> 20 {
            0xb00 if writes => self.cycles_counted & !0xffff_ffff | written & 0xffff_ffff,
            0xb80 if writes => self.cycles_counted & 0xffff_ffff | written & !0xffff_ffff,
            _ => return,
        };
        // It does not count the cycle in which it is written.
        self.cycles_counted = self.cycles_counted.wrapping_sub(1);
    }

    /// Compares registers, the CSRs beside them, and memory.
    ///
    /// # Errors
    /// If they differ.
    pub fn finish(&mut self) -> Result<(), Divergence> {
        let retirements = self.retirements;
        let end = |mismatch| Err(Divergence::End { retirements, mismatch });
        for (index, value) in self.stored() {
            let found = self.sim.memory_read(self.words, index, 0);
            if found != u64::from(value) {
                let what = if index < 32 { "a general register" } else { "a CSR in the register file" };
                return end(Mismatch { what, expected: u64::from(value), found });
            }
        }
        match self.memory.difference(&self.core_memory) {
            Some(address) => end(Mismatch { what: "memory at the address", expected: u64::from(address), found: 0 }),
            None => Ok(()),
        }
    }
}

/// Compares everything that a retirement shows.
fn compare(expected: &Retired, shown: &Shown) -> Result<(), Mismatch> {
    let mut pairs = vec![
        ("pc", u64::from(expected.pc), u64::from(shown.pc)),
        ("next pc", u64::from(expected.next_pc), u64::from(shown.next_pc)),
        ("trap", u64::from(expected.trap.is_some()), u64::from(shown.trap)),
    ];
    let mut both = |what, expected: u32, found: u32| pairs.push((what, u64::from(expected), u64::from(found)));
    if let Some(trap) = expected.trap {
        both("cause", trap.cause as u32, shown.cause);
    } else {
        let (index, value) = expected.register.unwrap_or((0, 0));
        both("instruction", expected.instruction.unwrap_or(0), shown.instruction);
        both("register written", index as u32, shown.rd as u32);
        both("value written to the register", value, if index == 0 { 0 } else { shown.rd_value });
        let [read, write] = [false, true].map(|writes| expected.access.filter(|access| access.writes == writes));
        both("bytes read", read.map_or(0, |access| u32::from(access.mask)), u32::from(shown.read_mask));
        both("bytes written", write.map_or(0, |access| u32::from(access.mask)), u32::from(shown.write_mask));
        if let Some(access) = expected.access {
            both("address accessed", access.address, shown.address);
            let found = if access.writes { shown.write_data } else { shown.read_data };
            let bytes = (0..4)
                .filter(|lane| access.mask >> lane & 1 == 1)
                .fold(0, |bytes, lane| bytes | 0xff_u32 << (8 * lane));
            both("word accessed", access.word & bytes, found & bytes);
        }
    }
    match pairs.into_iter().find(|(_, expected, found)| expected != found) {
        Some((what, expected, found)) => Err(Mismatch { what, expected, found }),
        None => Ok(()),
    }
}
