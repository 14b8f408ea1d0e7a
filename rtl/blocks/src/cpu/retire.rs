//! What the core did, instruction by instruction: for verification; synthesis drops what nobody reads.
//!
//! | port | width | meaning, in the cycle of `retire_valid_o` |
//! |---|---|---|
//! | `retire_valid_o` | 1 | an instruction has been executed, or a trap has been taken in its place |
//! | `retire_trap_o` | 1 | a trap was taken: nothing but the CSRs of traps has changed |
//! | `retire_cause_o` | 5 | the trap's cause: interrupt bit and code |
//! | `retire_instruction_o` | 32 | the instruction; anything if it could not be fetched |
//! | `retire_pc_o`, `retire_next_pc_o` | 32 | its address, and that of the next |
//! | `retire_rs1_value_o`, `retire_rs2_value_o` | 32 | its operands; unless trapped, and for CSR instructions only the first |
//! | `retire_rd_o`, `retire_rd_value_o` | 5, 32 | the register written, 0 for none, and with what |
//! | `retire_memory_address_o` | 32 | byte address of a load or store |
//! | `retire_read_mask_o`, `retire_write_mask_o` | 4 | bytes of the word read and written |
//! | `retire_read_data_o`, `retire_write_data_o` | 32 | the word |

use myelin_hdl::{ModuleBuilder, Signal};

/// What is shown of a retirement.
pub struct Retirement {
    /// An instruction ends, or a trap is entered.
    pub valid: Signal,
    /// It is a trap.
    pub trap: Signal,
    /// Why.
    pub cause: Signal,
    /// The instruction.
    pub instruction: Signal,
    /// Its address.
    pub pc: Signal,
    /// The address of the next.
    pub next_pc: Signal,
    /// First operand.
    pub rs1_value: Signal,
    /// Second operand.
    pub rs2_value: Signal,
    /// The register written; 0: none.
    pub rd: Signal,
    /// What was written.
    pub rd_value: Signal,
    /// Byte address of a load or store.
    pub memory_address: Signal,
    /// Bytes read.
    pub read_mask: Signal,
    /// Bytes written.
    pub write_mask: Signal,
    /// The word read.
    pub read_data: Signal,
    /// The word written.
    pub write_data: Signal,
}

impl Retirement {
    pub(super) fn outputs(&self, m: &ModuleBuilder) {
        let outputs = [
            ("valid", self.valid),
            ("trap", self.trap),
            ("cause", self.cause),
            ("instruction", self.instruction),
            ("pc", self.pc),
            ("next_pc", self.next_pc),
            ("rs1_value", self.rs1_value),
            ("rs2_value", self.rs2_value),
            ("rd", self.rd),
            ("rd_value", self.rd_value),
            ("memory_address", self.memory_address),
            ("read_mask", self.read_mask),
            ("write_mask", self.write_mask),
            ("read_data", self.read_data),
            ("write_data", self.write_data),
        ];
        for (name, value) in outputs {
            m.output(&format!("retire_{name}_o"), value);
        }
    }
}
