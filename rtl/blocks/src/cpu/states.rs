//! The states of the core, one register bit each; exactly one is 1.

use myelin_hdl::{ModuleBuilder, Register, Signal, tree_reduce, u};

/// What the core is doing. All but `start` begin at 0.
pub struct States {
    /// The cycle after reset.
    pub start: Register,
    /// The next instruction is requested.
    pub fetch: Register,
    /// The registers of the instruction are read: they were being written when it came.
    pub registers: Register,
    /// The instruction and its registers are there.
    pub execute: Register,
    /// A taken branch computes its target.
    pub branch: Register,
    /// A load or store is requested.
    pub memory: Register,
    /// The serial shifter shifts.
    pub shift: Register,
    /// The multiplier or divider works.
    pub multiply: Register,
    /// The data register goes to the destination, and the next instruction is requested.
    pub write_back: Register,
    /// The CSR and the operand's register are read.
    pub csr_read: Register,
    /// The CSR goes to the destination.
    pub csr_old: Register,
    /// The new value goes to the CSR.
    pub csr_new: Register,
    /// The program counter goes to mepc.
    pub trap_pc: Register,
    /// The faulting address, or zero, goes to mtval.
    pub trap_value: Register,
    /// mtvec or mepc is read.
    pub vector: Register,
    /// What was read becomes the program counter.
    pub jump: Register,
    /// WFI waits for an interrupt.
    pub wait: Register,
}

/// The names of the states, in the order of [`States::all`].
const NAMES: [&str; 17] = [
    "start",
    "fetch",
    "registers",
    "execute",
    "branch",
    "memory",
    "shift",
    "multiply",
    "write_back",
    "csr_read",
    "csr_old",
    "csr_new",
    "trap_pc",
    "trap_value",
    "vector",
    "jump",
    "wait",
];

impl States {
    pub(super) fn new(m: &ModuleBuilder) -> States {
        let [
            start,
            fetch,
            registers,
            execute,
            branch,
            memory,
            shift,
            multiply,
            write_back,
            csr_read,
            csr_old,
            csr_new,
            trap_pc,
            trap_value,
            vector,
            jump,
            wait,
        ] = NAMES.map(|name| m.register(&format!("{name}_state_q"), u(1)).reset(i64::from(name == "start")));
        States {
            start,
            fetch,
            registers,
            execute,
            branch,
            memory,
            shift,
            multiply,
            write_back,
            csr_read,
            csr_old,
            csr_new,
            trap_pc,
            trap_value,
            vector,
            jump,
            wait,
        }
    }

    /// Every state.
    pub(super) fn all(&self) -> [Signal; 17] {
        [
            self.start,
            self.fetch,
            self.registers,
            self.execute,
            self.branch,
            self.memory,
            self.shift,
            self.multiply,
            self.write_back,
            self.csr_read,
            self.csr_old,
            self.csr_new,
            self.trap_pc,
            self.trap_value,
            self.vector,
            self.jump,
            self.wait,
        ]
        .map(|state| state.q)
    }

    /// Whether exactly one state holds.
    pub(super) fn exactly_one(&self) -> Signal {
        let all = self.all();
        let pairs: Vec<Signal> = (0..all.len())
            .flat_map(|high| (0..high).map(move |low| (high, low)))
            .map(|(high, low)| all[high] & all[low])
            .collect();
        let any = tree_reduce(&all, |a, b| a | b);
        any & !tree_reduce(&pairs, |a, b| a | b)
    }
}
