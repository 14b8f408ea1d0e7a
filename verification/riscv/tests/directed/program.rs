//! A program on model and cores together, and what each of its instructions did.

use myelin_riscv::encode;
use myelin_riscv::lockstep::{Bench, Reply};
use myelin_riscv::machine::{Lines, Retired};
use myelin_riscv::memory::{RefusedPages, SparseMemory};
use myelin_rtl::cpu::{CpuParameters, Decision, Multiply};
use myelin_sim::{Engine, PowerUp};

/// Where programs begin, and traps go.
pub const START: u32 = 0x1000;
pub const HANDLER: u32 = 0x2000;
/// A page that is free to load and store.
pub const DATA: u32 = 0x3000;
/// Of the pages elsewhere some refuse; of these none does, or no program would run.
pub const REFUSED: RefusedPages = RefusedPages { one_in: 16, seed: 5 };

/// A program and what is around it.
#[derive(Clone, Default)]
pub struct Program {
    pub words: Vec<u32>,
    pub handler: Vec<u32>,
    pub data: Vec<u32>,
    pub lines: Lines,
}

impl Program {
    pub fn of(words: &[u32]) -> Program {
        Program { words: words.to_vec(), ..Program::default() }
    }

    /// The first `count` retirements, the same on model and three cores.
    #[track_caller]
    pub fn run(&self, count: usize) -> Vec<Retired> {
        let small = CpuParameters::small(START).unwrap().with_multiply(Multiply::Serial).with_counters();
        let fast = CpuParameters::fast(START).unwrap();
        let quick = fast.with_decision(Decision::Executing);
        let [first, others @ ..] = [small, fast, quick].map(|core| self.run_on(&core, count));
        assert!(others.iter().all(|other| *other == first));
        first
    }

    /// Cycles until the last of `count` retires, on a bus that answers one cycle after each request.
    pub fn cycles(&self, core: &CpuParameters, count: usize) -> u64 {
        self.bench_after(core, count).1.cycles()
    }

    #[track_caller]
    pub fn run_on(&self, core: &CpuParameters, count: usize) -> Vec<Retired> {
        self.bench_after(core, count).0
    }

    #[track_caller]
    fn bench_after(&self, core: &CpuParameters, count: usize) -> (Vec<Retired>, Bench) {
        let mut memory = SparseMemory::with_refused(REFUSED);
        memory.place(START, &self.words);
        memory.place(HANDLER, &self.handler);
        memory.place(DATA, &self.data);
        // Programs are short: making native code would take longer than interpreting them.
        let mut bench = Bench::new(core, memory, Engine::Interpreted, PowerUp::Zero).unwrap();
        bench.set_registers([0; 32], HANDLER);
        let mut retired = Vec::new();
        while retired.len() < count {
            let cycle = bench.cycle(self.lines, |_, asked| if asked.waited == 0 { Reply::Wait } else { Reply::Done });
            retired.extend(cycle.unwrap());
        }
        bench.finish().unwrap();
        (retired, bench)
    }
}

/// What `instruction` writes to x3 if x1 and x2 are `a` and `b`, for each of the cases.
#[track_caller]
pub fn results(cases: &[(u32, u32, u32)]) -> Vec<u32> {
    let mut words = Vec::new();
    for &(instruction, a, b) in cases {
        words.extend([encode::li(1, a), encode::li(2, b)].concat());
        words.push(instruction);
    }
    let retired = Program::of(&words).run(words.len());
    retired
        .chunks(5)
        .map(|case| match case[4].register {
            Some((3, value)) => value,
            _ => panic!("{:?} is to write x3", case[4]),
        })
        .collect()
}

/// Runs each case, `(instruction, a, b, what it writes to x3)`.
#[track_caller]
pub fn check(cases: &[(u32, u32, u32, u32)]) {
    let inputs: Vec<_> = cases.iter().map(|&(instruction, a, b, _)| (instruction, a, b)).collect();
    for (&(instruction, a, b, expected), found) in cases.iter().zip(results(&inputs)) {
        assert_eq!(found, expected, "{instruction:#010x} of {a:#x} and {b:#x}: {found:#x} instead of {expected:#x}");
    }
}
