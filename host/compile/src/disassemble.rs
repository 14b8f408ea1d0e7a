//! A program as text.

use crate::program::{CellProgram, Program};
use core::fmt::Write;
use myelin_isa::{Header, Instruction, PostOperands, Unit, UnitSet, WeightTarget};

impl Program {
    /// One line an instruction: index, mnemonic, operands, then what it waits for and signals. Of
    /// several cells one after the other.
    pub fn disassemble(&self) -> String {
        let (architecture, count) = (self.architecture, self.instruction_count());
        let mut text =
            format!("; {architecture} cell, specification {:016x}, {count} instructions\n", self.specification);
        for (number, cell) in self.cells.iter().enumerate() {
            if self.cells.len() > 1 {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "; cell {number}, {} instructions", cell.instructions.len());
            }
            self.disassemble_cell(cell, &mut text);
        }
        text
    }

    fn disassemble_cell(&self, cell: &CellProgram, text: &mut String) {
        for (index, instruction) in cell.instructions.iter().enumerate() {
            for (entry, name) in [(self.load_entry, "load"), (self.infer_entry, "infer")] {
                if entry as usize == index {
                    text.push_str(name);
                    text.push_str(":\n");
                }
            }
            let line = format!("{index:5}  {:<6} {}", instruction.mnemonic(), operands(instruction));
            let tokens = tokens(&instruction.header());
            if tokens.is_empty() {
                text.push_str(line.trim_end());
            } else {
                // Writing to a string cannot fail.
                let _ = write!(text, "{line:<78} {tokens}");
            }
            text.push('\n');
        }
    }
}

fn operands(instruction: &Instruction) -> String {
    match *instruction {
        Instruction::Config { unit, index, values: [a, b, c], .. } => {
            format!("{unit:?}[{index}..{}] = {a:#x}, {b:#x}, {c:#x}", index + 3)
        }
        Instruction::Load { memory_beat, destination, beats, .. } => {
            format!("lane {destination} <- beat {memory_beat} x {beats}")
        }
        Instruction::LoadWeights { target, memory_beat, destination, beats, .. } => {
            let unit = if target == WeightTarget::Table { "entry" } else { "word" };
            format!("{target:?} {unit} {destination} <- beat {memory_beat} x {beats}")
        }
        Instruction::Convolve { half, accumulate, row_address, x_start, y_start, weight_base, .. } => {
            let row_address = row_address as i32;
            let plus = if accumulate { "+" } else { "" };
            format!("half {half} {plus}<- row lane {row_address} y {y_start} x {x_start}, weight word {weight_base}")
        }
        Instruction::Drain { operands, .. } => {
            let PostOperands { half, source, bias_word, .. } = operands;
            format!("{} <- half {half} [{}], bias word {bias_word}", result(&operands), source as i32)
        }
        Instruction::Elementwise { operands, .. } | Instruction::Pool { operands, .. } => {
            format!("{} <- lane {}", result(&operands), operands.source as i32)
        }
        Instruction::Store { memory_beat, source, beats, .. } => {
            format!("beat {memory_beat} <- lane {source} x {beats}")
        }
        Instruction::Sync { halt } => if halt { "halt" } else { "" }.to_owned(),
        Instruction::Fence => String::new(),
    }
}

fn result(operands: &PostOperands) -> String {
    let raw = if operands.raw { " raw" } else { "" };
    let look_up = if operands.look_up { " look up" } else { "" };
    format!("lane {} x {}{raw}{look_up}", operands.destination, operands.lane_count)
}

fn tokens(header: &Header) -> String {
    let mut words = Vec::new();
    for (name, set) in [("wait", header.wait), ("signal", header.signal)] {
        if set != UnitSet::NONE {
            let units: Vec<&str> = Unit::ALL.into_iter().filter(|&u| set.contains(u)).map(unit_name).collect();
            words.push(format!("{name} {}", units.join("+")));
        }
    }
    for (name, set) in [("meet", header.meet), ("arrive", header.arrive), ("stamp", header.stamp)] {
        if set {
            words.push(name.to_owned());
        }
    }
    words.join(", ")
}

fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Load => "load",
        Unit::Array => "array",
        Unit::Post => "post",
        Unit::Store => "store",
    }
}
