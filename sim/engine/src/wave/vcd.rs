//! Value change dump: text, read by everything (IEEE 1364-2005, clause 18).

use std::io::{self, Write};

use vcd::{IdCode, ScopeType, TimescaleUnit, VarType};

use super::format::{Batch, CLOCK, CYCLE_TIME, Format, RESET, Scope, VERSION, Variable};

pub(super) struct Vcd {
    writer: vcd::Writer<Box<dyn Write + Send>>,
    /// Of each signal, with what ends its line.
    ids: Vec<(IdCode, String)>,
    /// Signals that change at a time, as a set of bits, and to what: they are written in their order.
    changed: Vec<u64>,
    values: Vec<(u32, u64)>,
    /// Text on its way.
    text: Vec<u8>,
}

impl Vcd {
    pub(super) fn new(sink: Box<dyn Write + Send>) -> io::Result<Vcd> {
        let mut writer = vcd::Writer::new(sink);
        writer.version(VERSION)?;
        writer.timescale(1, TimescaleUnit::NS)?;
        Ok(Vcd { writer, ids: Vec::new(), changed: Vec::new(), values: Vec::new(), text: Vec::new() })
    }

    fn time(&mut self, time: u64) {
        self.text.extend_from_slice(format!("#{time}\n").as_bytes());
    }

    /// Finds what changes at a sample.
    fn collect(&mut self, batch: &Batch<'_>, sample: usize) {
        let all = batch.initial && sample == 0;
        for group in batch.groups {
            let [before, now] = [0, 1].map(|offset| &batch.tiles[group.line][sample + offset]);
            if before == now && !all {
                continue;
            }
            for member in &group.members {
                let bits = now.read(member.at, member.bytes);
                if all || bits != before.read(member.at, member.bytes) {
                    self.changed[member.signal / 64] |= 1 << (member.signal % 64);
                    self.values[member.signal] = (member.width, bits);
                }
            }
        }
    }

    /// Writes what was found.
    fn changes(&mut self) {
        for word in 0..self.changed.len() {
            let mut left = std::mem::take(&mut self.changed[word]);
            while left != 0 {
                let signal = 64 * word + left.trailing_zeros() as usize;
                left &= left - 1;
                let (width, bits) = self.values[signal];
                self.change(signal, width, bits);
            }
        }
    }

    fn change(&mut self, signal: usize, width: u32, bits: u64) {
        let digit = |index: u32| b'0' + (bits >> index & 1) as u8;
        if width == 1 {
            self.text.push(digit(0));
        } else {
            self.text.push(b'b');
            self.text.extend((0..width).rev().map(digit));
            self.text.push(b' ');
        }
        self.text.extend_from_slice(self.ids[signal].1.as_bytes());
    }
}

impl Format for Vcd {
    fn scope(&mut self, name: &str, scope: Scope) -> io::Result<()> {
        match scope {
            Scope::Instance => self.writer.add_module(name),
            // The format has no generate; a named block is what its authors use.
            Scope::Array => self.writer.scope_def(ScopeType::Begin, name),
        }
    }

    fn up(&mut self) -> io::Result<()> {
        self.writer.upscope()
    }

    fn variable(&mut self, name: &str, width: u32, variable: Variable, signal: usize) -> io::Result<()> {
        let kind = if variable == Variable::Register { VarType::Reg } else { VarType::Wire };
        match self.ids.get(signal) {
            Some(&(id, _)) => self.writer.var_def(kind, width, id, name, None),
            None => {
                let id = self.writer.add_var(kind, width, name, None)?;
                self.ids.push((id, format!("{id}\n")));
                Ok(())
            }
        }
    }

    fn begin(&mut self) -> io::Result<()> {
        self.values = vec![(0, 0); self.ids.len()];
        self.changed = vec![0; self.ids.len().div_ceil(64)];
        self.writer.enddefinitions()
    }

    fn cycles(&mut self, batch: &Batch<'_>) -> io::Result<()> {
        let reset_changes = batch.reset_changes();
        for sample in 0..batch.count {
            let time = (batch.first_cycle + sample as u64) * CYCLE_TIME;
            self.time(time);
            self.change(CLOCK, 1, 1);
            if reset_changes >> sample & 1 == 1 {
                self.change(RESET, 1, batch.reset_levels >> sample & 1);
            }
            self.collect(batch, sample);
            self.changes();
            self.time(time + CYCLE_TIME / 2);
            self.change(CLOCK, 1, 0);
            self.writer.writer().write_all(&self.text)?;
            self.text.clear();
        }
        Ok(())
    }

    fn end(&mut self, cycle: u64) -> io::Result<()> {
        self.writer.timestamp(cycle.saturating_mul(CYCLE_TIME))?;
        self.writer.flush()
    }
}
