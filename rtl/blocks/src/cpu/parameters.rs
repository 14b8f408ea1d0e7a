//! What is chosen when a core is built.

use thiserror::Error;

/// How products are made; division comes with them and is serial always.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Multiply {
    /// Not at all: the instructions of M are illegal.
    None,
    /// One bit a cycle, with the divider's adder.
    Serial,
    /// Four products of half words, one a cycle, on one 18x18 multiplier block.
    Dsp,
}

/// How the core shifts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Shift {
    /// Four places a cycle, then one a cycle.
    Serial,
    /// By eights in one cycle, by the rest in the next.
    Barrel,
}

/// What the general registers are held in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RegisterFile {
    /// Block RAM: no logic, slow to answer.
    Block,
    /// Look-up tables with registers behind them, where the family has such.
    Distributed,
}

/// When it is decided what an instruction does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Decision {
    /// In the cycle in which it executes, while the next one is requested where that may be: fewest cycles, a long path.
    Executing,
    /// In the cycle before, for a register; the next one is requested when it has ended: more cycles, a high clock.
    Ahead,
}

/// The parameters of a core: [`CpuParameters::small`] or [`CpuParameters::fast`], adjusted with the `with_` methods.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CpuParameters {
    reset_vector: u32,
    multiply: Multiply,
    shift: Shift,
    registers: RegisterFile,
    decision: Decision,
    counters: bool,
}

/// A parameter outside its legal range.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum CpuParameterError {
    /// The first instruction does not lie at a word.
    #[error("core parameter reset_vector is {found:#x}, expected a multiple of 4")]
    ResetVector {
        /// The vector given.
        found: u32,
    },
}

impl CpuParameters {
    /// RV32I in as few look-up tables as there can be: for the iCE40UP5K.
    ///
    /// # Errors
    /// If the vector, a byte address, is not that of a word.
    pub fn small(reset_vector: u32) -> Result<CpuParameters, CpuParameterError> {
        if !reset_vector.is_multiple_of(4) {
            return Err(CpuParameterError::ResetVector { found: reset_vector });
        }
        Ok(CpuParameters {
            reset_vector,
            multiply: Multiply::None,
            shift: Shift::Serial,
            registers: RegisterFile::Block,
            decision: Decision::Executing,
            counters: false,
        })
    }

    /// RV32IM with counters, at a high clock: for the ECP5.
    ///
    /// # Errors
    /// As [`CpuParameters::small`].
    pub fn fast(reset_vector: u32) -> Result<CpuParameters, CpuParameterError> {
        let small = CpuParameters::small(reset_vector)?;
        Ok(CpuParameters {
            multiply: Multiply::Dsp,
            shift: Shift::Barrel,
            registers: RegisterFile::Distributed,
            decision: Decision::Ahead,
            counters: true,
            ..small
        })
    }

    /// With the instructions of M, or without.
    pub fn with_multiply(self, multiply: Multiply) -> CpuParameters {
        CpuParameters { multiply, ..self }
    }

    /// With another shifter.
    pub fn with_shift(self, shift: Shift) -> CpuParameters {
        CpuParameters { shift, ..self }
    }

    /// With the registers elsewhere.
    pub fn with_registers(self, registers: RegisterFile) -> CpuParameters {
        CpuParameters { registers, ..self }
    }

    /// With its decisions at another time.
    pub fn with_decision(self, decision: Decision) -> CpuParameters {
        CpuParameters { decision, ..self }
    }

    /// With mcycle and minstret.
    pub fn with_counters(self) -> CpuParameters {
        CpuParameters { counters: true, ..self }
    }

    /// Without mcycle and minstret: access to them is illegal.
    pub fn without_counters(self) -> CpuParameters {
        CpuParameters { counters: false, ..self }
    }

    /// Byte address of the first instruction.
    pub fn reset_vector(&self) -> u32 {
        self.reset_vector
    }

    /// How products are made.
    pub fn multiply(&self) -> Multiply {
        self.multiply
    }

    /// How it shifts.
    pub fn shift(&self) -> Shift {
        self.shift
    }

    /// Where the registers are.
    pub fn registers(&self) -> RegisterFile {
        self.registers
    }

    /// When it is decided what an instruction does.
    pub fn decision(&self) -> Decision {
        self.decision
    }

    /// Whether mcycle and minstret exist.
    pub fn counters(&self) -> bool {
        self.counters
    }

    /// What misa reads: RV32, I, and M if there.
    pub fn misa(&self) -> u32 {
        let multiplies = self.multiply != Multiply::None;
        1 << 30 | 1 << 8 | u32::from(multiplies) << 12
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_reset_vector_between_words() {
        let refused = CpuParameters::fast(6).unwrap_err();
        assert_eq!(refused, CpuParameterError::ResetVector { found: 6 });
        assert_eq!(refused.to_string(), "core parameter reset_vector is 0x6, expected a multiple of 4");
    }

    #[test]
    fn misa_names_the_extensions() {
        let core = CpuParameters::small(0).unwrap();
        assert_eq!(core.misa(), 0x4000_0100);
        assert_eq!(core.with_multiply(Multiply::Serial).misa(), 0x4000_1100);
    }
}
