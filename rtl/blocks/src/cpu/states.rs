//! The states of the core, one register bit each; exactly one is 1.

use myelin_hdl::{ModuleBuilder, Register, Signal, tree_reduce, u};

/// The states, named once: the structure, its registers in this order, and all of them.
macro_rules! states {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What the core is doing. All but `start` begin at 0.
        pub struct States {
            $($(#[$doc])* pub $name: Register,)*
        }

        impl States {
            pub(super) fn new(m: &ModuleBuilder) -> States {
                let state = |name: &str| m.register(&format!("{name}_state_q"), u(1)).reset(i64::from(name == "start"));
                States { $($name: state(stringify!($name)),)* }
            }

            /// Every state.
            pub(super) fn all(&self) -> Vec<Signal> {
                vec![$(self.$name.q),*]
            }
        }
    };
}

states! {
    /// The cycle after reset.
    start,
    /// The next instruction is requested.
    fetch,
    /// The registers of the instruction are read: they were being written when it came.
    registers,
    /// The instruction and its registers are there.
    execute,
    /// A taken branch computes its target.
    branch,
    /// A load or store is requested.
    memory,
    /// The serial shifter shifts.
    shift,
    /// The multiplier or divider works.
    multiply,
    /// The data register goes to the destination, and the next instruction is requested.
    write_back,
    /// The CSR and the operand's register are read.
    csr_read,
    /// The CSR goes to the destination.
    csr_old,
    /// The new value goes to the CSR.
    csr_new,
    /// The program counter goes to mepc.
    trap_pc,
    /// The faulting address, or zero, goes to mtval.
    trap_value,
    /// mtvec or mepc is read.
    vector,
    /// What was read becomes the program counter.
    jump,
    /// WFI waits for an interrupt.
    wait,
}

impl States {
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
