//! What a wave file is to the tracer, and the two formats there are.

use std::io::{self, Seek, Write};

use fst_writer::{
    FstBodyWriter, FstFileType, FstHeaderWriter, FstInfo, FstScopeType, FstSignalId, FstSignalType, FstVarDirection,
    FstVarType, FstWriteError,
};
use vcd::{IdCode, ScopeType, TimescaleUnit, Value, VarType};

/// Says who wrote a file.
const VERSION: &str = "myelin-sim";

/// What a level of the hierarchy stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scope {
    /// An instance.
    Instance,
    /// An array of instances: no level of the design, only of the file.
    Array,
}

/// What a value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Variable {
    /// Input of its instance.
    Input,
    /// Output of its instance.
    Output,
    /// Held by a register.
    Register,
    /// Named by the source.
    Wire,
}

/// A wave file being written: first the hierarchy, then times in rising order with what changed at them.
pub(super) trait Format: Send {
    /// Opens a level of the hierarchy.
    fn scope(&mut self, name: &str, scope: Scope) -> io::Result<()>;
    /// Closes the level opened last.
    fn up(&mut self) -> io::Result<()>;
    /// Declares the next value; they count from 0.
    fn variable(&mut self, name: &str, width: u32, variable: Variable) -> io::Result<()>;
    /// Ends the hierarchy.
    fn begin(&mut self) -> io::Result<()>;
    /// What follows happens at `time`.
    fn time(&mut self, time: u64) -> io::Result<()>;
    /// A value's bits from now on.
    fn change(&mut self, variable: usize, bits: u64) -> io::Result<()>;
    /// Ends the file at `time` and flushes it.
    fn end(&mut self, time: u64) -> io::Result<()>;
}

/// Value change dump: text, read by everything (IEEE 1364-2005, clause 18).
pub(super) struct Vcd {
    writer: vcd::Writer<Box<dyn Write + Send>>,
    variables: Vec<(IdCode, u32)>,
}

impl Vcd {
    pub(super) fn new(sink: Box<dyn Write + Send>) -> io::Result<Vcd> {
        let mut writer = vcd::Writer::new(sink);
        writer.version(VERSION)?;
        writer.timescale(1, TimescaleUnit::NS)?;
        Ok(Vcd { writer, variables: Vec::new() })
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

    fn variable(&mut self, name: &str, width: u32, variable: Variable) -> io::Result<()> {
        let kind = if variable == Variable::Register { VarType::Reg } else { VarType::Wire };
        let id = self.writer.add_var(kind, width, name, None)?;
        self.variables.push((id, width));
        Ok(())
    }

    fn begin(&mut self) -> io::Result<()> {
        self.writer.enddefinitions()
    }

    fn time(&mut self, time: u64) -> io::Result<()> {
        self.writer.timestamp(time)
    }

    fn change(&mut self, variable: usize, bits: u64) -> io::Result<()> {
        match self.variables[variable] {
            (id, 1) => self.writer.change_scalar(id, bits == 1),
            (id, width) => self.writer.change_vector(id, (0..width).rev().map(|bit| Value::from(bits >> bit & 1 == 1))),
        }
    }

    fn end(&mut self, time: u64) -> io::Result<()> {
        self.writer.timestamp(time)?;
        self.writer.flush()
    }
}

/// Where the binary format goes: it goes back to complete its header.
pub(super) trait Sink: Write + Seek + Send {}

impl<T: Write + Seek + Send> Sink for T {}

/// GTKWave's fast signal trace: compressed and indexed by signal, read by GTKWave and Surfer.
pub(super) struct Fst {
    stage: Stage,
    variables: Vec<(FstSignalId, u32)>,
    /// Bytes of changes kept before a block of them is written.
    block_bytes: usize,
}

/// How far the file is.
enum Stage {
    Header(FstHeaderWriter<Box<dyn Sink>>),
    Body(FstBodyWriter<Box<dyn Sink>>),
    Ended,
}

/// Size of a block: positions in it have 32 bits, and it is held in memory.
const BLOCK_BYTES: usize = 64 << 20;

impl Fst {
    pub(super) fn new(sink: Box<dyn Sink>) -> io::Result<Fst> {
        let info = FstInfo {
            start_time: 0,
            timescale_exponent: -9,
            version: VERSION.to_owned(),
            // The same run makes the same file.
            date: String::new(),
            file_type: FstFileType::Verilog,
        };
        let header = FstHeaderWriter::new(sink, &info).map_err(into_io)?;
        Ok(Fst { stage: Stage::Header(header), variables: Vec::new(), block_bytes: BLOCK_BYTES })
    }

    fn header(&mut self) -> io::Result<&mut FstHeaderWriter<Box<dyn Sink>>> {
        match &mut self.stage {
            Stage::Header(header) => Ok(header),
            _ => Err(io::Error::other("the hierarchy has ended")),
        }
    }

    fn body(&mut self) -> io::Result<&mut FstBodyWriter<Box<dyn Sink>>> {
        match &mut self.stage {
            Stage::Body(body) => Ok(body),
            _ => Err(io::Error::other("the hierarchy has not ended, or the file has")),
        }
    }
}

impl Format for Fst {
    fn scope(&mut self, name: &str, scope: Scope) -> io::Result<()> {
        let kind = match scope {
            Scope::Instance => FstScopeType::Module,
            Scope::Array => FstScopeType::Generate,
        };
        self.header()?.scope(name, "", kind).map_err(into_io)
    }

    fn up(&mut self) -> io::Result<()> {
        self.header()?.up_scope().map_err(into_io)
    }

    fn variable(&mut self, name: &str, width: u32, variable: Variable) -> io::Result<()> {
        let (kind, direction) = match variable {
            Variable::Input => (FstVarType::Wire, FstVarDirection::Input),
            Variable::Output => (FstVarType::Wire, FstVarDirection::Output),
            Variable::Register => (FstVarType::Reg, FstVarDirection::Implicit),
            Variable::Wire => (FstVarType::Wire, FstVarDirection::Implicit),
        };
        let id = self.header()?.var(name, FstSignalType::bit_vec(width), kind, direction, None).map_err(into_io)?;
        self.variables.push((id, width));
        Ok(())
    }

    fn begin(&mut self) -> io::Result<()> {
        match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Header(header) => {
                let mut body = header.finish().map_err(into_io)?;
                // Only changes are handed on anyway.
                body.set_deduplicate(false);
                self.stage = Stage::Body(body);
                Ok(())
            }
            _ => Err(io::Error::other("the hierarchy has ended")),
        }
    }

    fn time(&mut self, time: u64) -> io::Result<()> {
        let block_bytes = self.block_bytes;
        let body = self.body()?;
        if body.size() >= block_bytes {
            body.flush().map_err(into_io)?;
        }
        body.time_change(time).map_err(into_io)
    }

    fn change(&mut self, variable: usize, bits: u64) -> io::Result<()> {
        let (id, width) = self.variables[variable];
        let mut text = [0; 64];
        let text = &mut text[..width as usize];
        for (index, digit) in text.iter_mut().rev().enumerate() {
            *digit = b'0' + (bits >> index & 1) as u8;
        }
        self.body()?.signal_change(id, text).map_err(into_io)
    }

    fn end(&mut self, time: u64) -> io::Result<()> {
        self.time(time)?;
        match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Body(body) => body.finish().map_err(into_io)?.flush(),
            _ => Err(io::Error::other("the file has ended")),
        }
    }
}

fn into_io(error: FstWriteError) -> io::Error {
    match error {
        FstWriteError::Io(error) => error,
        error => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_a_long_trace_join_without_a_seam() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut fst = Fst::new(Box::new(file.reopen().unwrap())).unwrap();
        fst.block_bytes = 1000;
        fst.scope("top", Scope::Instance).unwrap();
        fst.variable("count", 12, Variable::Register).unwrap();
        fst.variable("slow", 1, Variable::Wire).unwrap();
        fst.up().unwrap();
        fst.begin().unwrap();
        for time in 0..4000 {
            fst.time(time).unwrap();
            fst.change(0, time).unwrap();
            if time % 1500 == 0 {
                fst.change(1, time / 1500 % 2).unwrap();
            }
        }
        fst.end(4000).unwrap();

        let mut waves = wellen::simple::read(file.path()).unwrap();
        for (name, step) in [("count", 1), ("slow", 1500)] {
            let var = waves.hierarchy().lookup_var(&["top"], name).unwrap();
            let signal = waves.hierarchy()[var].signal_ref();
            waves.load_signals(&[signal]);
            let times = waves.time_table();
            let mut changes = Vec::new();
            for (index, value) in waves.get_signal(signal).unwrap().iter_changes() {
                let value = u64::from_str_radix(&value.to_bit_string().unwrap(), 2).unwrap();
                // A block begins with what everything holds.
                if changes.last().is_none_or(|&(_, last)| last != value) {
                    changes.push((times[index as usize], value));
                }
            }
            let modulus = if name == "count" { 4096 } else { 2 };
            let expected: Vec<(u64, u64)> =
                (0..4000).step_by(step).map(|time| (time, time / step as u64 % modulus)).collect();
            assert_eq!(changes, expected, "{name}");
        }
    }
}
