//! GTKWave's fast signal trace: compressed and indexed by signal, read by GTKWave and Surfer.
//!
//! Header, names and geometry are `fst-writer`'s. Its value changes take one call and one text of
//! `0` and `1` for each change, which is 60 times an untraced run of an array; so blocks of value
//! changes are written here, from many cycles of a signal at a time.

mod block;
mod dense;
mod encode;
mod output;
#[cfg(test)]
mod tests;

use std::io::{self, Seek, Write};

use fst_writer::{
    FstFileType, FstHeaderWriter, FstInfo, FstScopeType, FstSignalId, FstSignalType, FstVarDirection, FstVarType,
    FstWriteError,
};

use self::block::Blocks;
use self::output::Output;
use super::format::{Batch, Format, Scope, VERSION, Variable};

/// Where the file goes: it is gone back to, to complete its header and the lengths of its blocks.
pub(super) trait Sink: Write + Seek + Send {}

impl<T: Write + Seek + Send> Sink for T {}

pub(super) struct Fst {
    stage: Stage,
    output: Output,
    ids: Vec<FstSignalId>,
    widths: Vec<u32>,
    /// Bytes of changes kept before a block of them is written, at most; tests want few.
    block_bytes: usize,
}

/// How far the file is.
enum Stage {
    Header(FstHeaderWriter<io::Cursor<Vec<u8>>>),
    Body(Box<Blocks>),
    Ended,
}

/// Bytes of a section before its contents: its kind, then its length, which counts itself but not the kind.
const SECTION_START: usize = 9;
/// Kind of the section of value changes.
const VALUE_CHANGES: u8 = 8;
/// Where the header says when the file ends.
const HEADER_END_TIME: u64 = 17;
/// Where the header says how many blocks of value changes there are.
const HEADER_BLOCKS: u64 = 65;
/// Bytes of changes in a block, at least: what is collected is written while it is in the second
/// level cache.
const BLOCK_BYTES: usize = 1 << 20;
/// Bytes of changes in a block for each signal, at least: a reader looks into every block.
const SIGNAL_BYTES: usize = 512;

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
        let header = FstHeaderWriter::new(io::Cursor::new(Vec::new()), &info).map_err(into_io)?;
        let stage = Stage::Header(header);
        Ok(Fst { stage, output: Output::new(sink), ids: Vec::new(), widths: Vec::new(), block_bytes: usize::MAX })
    }

    fn header(&mut self) -> io::Result<&mut FstHeaderWriter<io::Cursor<Vec<u8>>>> {
        match &mut self.stage {
            Stage::Header(header) => Ok(header),
            _ => Err(io::Error::other("the hierarchy has ended")),
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

    fn variable(&mut self, name: &str, width: u32, variable: Variable, signal: usize) -> io::Result<()> {
        let (kind, direction) = match variable {
            Variable::Input => (FstVarType::Wire, FstVarDirection::Input),
            Variable::Output => (FstVarType::Wire, FstVarDirection::Output),
            Variable::Register => (FstVarType::Reg, FstVarDirection::Implicit),
            Variable::Wire => (FstVarType::Wire, FstVarDirection::Implicit),
        };
        let alias = self.ids.get(signal).copied();
        let id = self.header()?.var(name, FstSignalType::bit_vec(width), kind, direction, alias).map_err(into_io)?;
        if alias.is_none() {
            self.ids.push(id);
            self.widths.push(width);
        }
        Ok(())
    }

    fn begin(&mut self) -> io::Result<()> {
        match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Header(header) => {
                let body = header.finish().map_err(into_io)?;
                let mut bytes = body.finish().map_err(into_io)?.into_inner();
                bytes.truncate(value_changes(&bytes)?);
                self.output.bytes().extend_from_slice(&bytes);
                let bytes = BLOCK_BYTES.max(SIGNAL_BYTES * self.widths.len());
                self.block_bytes = self.block_bytes.min(bytes);
                self.stage = Stage::Body(Box::new(Blocks::new(std::mem::take(&mut self.widths))));
                Ok(())
            }
            _ => Err(io::Error::other("the hierarchy has ended")),
        }
    }

    fn cycles(&mut self, batch: &Batch<'_>) -> io::Result<()> {
        let Stage::Body(blocks) = &mut self.stage else {
            return Err(io::Error::other("the hierarchy has not ended, or the file has"));
        };
        if blocks.bytes() >= self.block_bytes {
            blocks.write(&mut self.output, None)?;
        }
        blocks.append(batch);
        Ok(())
    }

    fn end(&mut self, cycle: u64) -> io::Result<()> {
        let Stage::Body(mut blocks) = std::mem::replace(&mut self.stage, Stage::Ended) else {
            return Err(io::Error::other("the file has ended"));
        };
        let end_time = blocks.write(&mut self.output, Some(cycle))?;
        self.output.overwrite(HEADER_END_TIME, end_time)?;
        self.output.overwrite(HEADER_BLOCKS, blocks.written())?;
        self.output.flush()
    }
}

/// Where the section of value changes begins.
fn value_changes(file: &[u8]) -> io::Result<usize> {
    let mut at = 0;
    while let Some(section) = file.get(at..at + SECTION_START) {
        if section[0] == VALUE_CHANGES {
            return Ok(at);
        }
        let length = section[1..].iter().fold(0, |length, &byte| length << 8 | usize::from(byte));
        at = at.saturating_add(1).saturating_add(length);
    }
    Err(io::Error::other("fst-writer has written no section of value changes"))
}

fn into_io(error: FstWriteError) -> io::Error {
    match error {
        FstWriteError::Io(error) => error,
        error => io::Error::other(error),
    }
}
