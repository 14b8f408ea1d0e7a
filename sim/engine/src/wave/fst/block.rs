//! Blocks of value changes.
//!
//! A block has what all signals hold before it (the frame), the changes of each signal one after
//! another, where those of each begin, and the times. Changes of a signal are compressed with LZ4
//! where that makes them smaller.

use std::io;

use super::VALUE_CHANGES;
use lz4_flex::block::{CompressTable, compress_into_with_table, get_maximum_output_size};

use super::dense::{Place, Words};
use super::encode::{Column, List, append, append_bits, append_clock, push_integer, push_signed};
use super::output::Output;
use crate::wave::changes::changes;
use crate::wave::format::{Batch, CLOCK, CYCLE_TIME, RESET};

/// Says that changes are compressed with LZ4.
const LZ4: u8 = b'4';
/// Smaller lists are not worth compressing.
const COMPRESS_MIN: usize = 32;
/// Blocks until it is tried again with a signal whose changes became hardly smaller.
const PATIENCE: u8 = 15;
/// The block being filled, and what is known of those written.
pub(super) struct Blocks {
    widths: Vec<u32>,
    lists: Vec<List>,
    /// What signals hold before the block, a character for each bit.
    frame: Vec<u8>,
    /// Where each signal is in the frame.
    frame_starts: Vec<usize>,
    first_cycle: u64,
    cycles: u32,
    bytes: usize,
    written: u64,
    /// For values that change in most cycles.
    words: Option<Words>,
    compressor: Compressor,
}

impl Blocks {
    pub(super) fn new(widths: Vec<u32>) -> Blocks {
        let mut end = 0;
        let mut place = |width: u32| {
            end += width as usize;
            end - width as usize
        };
        let frame_starts = widths.iter().map(|&width| place(width)).collect();
        Blocks {
            lists: widths.iter().map(|_| List::default()).collect(),
            frame: vec![b'x'; end],
            frame_starts,
            widths,
            first_cycle: 0,
            cycles: 0,
            bytes: 0,
            written: 0,
            words: Words::new(),
            compressor: Compressor::new(),
        }
    }

    /// As on a processor without vectors for it.
    #[cfg(test)]
    pub(super) fn without_vectors(&mut self) {
        self.words = None;
    }

    /// Bytes of changes in the block.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Blocks written.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Appends cycles to the block.
    pub(super) fn append(&mut self, batch: &Batch<'_>) {
        if self.cycles == 0 {
            self.first_cycle = batch.first_cycle;
            if !batch.initial {
                self.begin_frame(batch);
            }
        }
        let first = self.cycles;
        self.cycles += batch.count as u32;
        append_clock(&mut self.lists[CLOCK], batch.count);
        self.bytes += 2 * batch.count;
        let reset = batch.reset_levels;
        append_bits(&mut self.lists[RESET], batch.reset_changes(), first, |sample| (reset >> sample) as u8);
        for group in batch.groups {
            let tile = &batch.tiles[group.line];
            let changes = match changes(tile, batch.count) {
                Some(changes) => changes,
                None if batch.initial => [0; 64],
                None => continue,
            };
            let mut filled = false;
            for member in &group.members {
                let bytes = &changes[member.at..member.at + member.bytes];
                let mask = bytes.iter().fold(u64::from(batch.initial), |mask, &byte| mask | byte);
                if mask != 0 {
                    let column = Column { tile, at: member.at, bytes: member.bytes, width: member.width };
                    let list = &mut self.lists[member.signal];
                    let before = list.bytes().len();
                    match &mut self.words {
                        Some(words) if Words::suit(member.width, mask, list, first) => {
                            if !std::mem::replace(&mut filled, true) {
                                words.fill(tile);
                            }
                            words.append(list, Place { at: member.at, width: member.width }, mask, first);
                        }
                        _ => append(list, column, mask, first),
                    }
                    self.bytes += list.bytes().len() - before;
                }
            }
        }
    }

    /// What every signal holds before a batch.
    fn begin_frame(&mut self, batch: &Batch<'_>) {
        self.frame[self.frame_starts[CLOCK]] = b'0';
        self.frame[self.frame_starts[RESET]] = b'0' + u8::from(batch.reset_before);
        for group in batch.groups {
            for member in &group.members {
                let bits = batch.tiles[group.line][0].read(member.at, member.bytes);
                let frame = &mut self.frame[self.frame_starts[member.signal]..][..member.width as usize];
                for (index, digit) in frame.iter_mut().rev().enumerate() {
                    *digit = b'0' + (bits >> index & 1) as u8;
                }
            }
        }
    }

    /// Writes the block and begins the next; the time at which it ends. The last one also has the
    /// time at which the cycle `end` would begin.
    pub(super) fn write(&mut self, output: &mut Output, end: Option<u64>) -> io::Result<u64> {
        let start = self.first_cycle * CYCLE_TIME;
        let mut deltas = Vec::new();
        let mut entries = 2 * u64::from(self.cycles);
        let mut last = start;
        if self.cycles > 0 {
            push_integer(&mut deltas, start);
            // Rising and falling edges follow each other in steps of half a cycle.
            deltas.resize(deltas.len() + entries as usize - 1, (CYCLE_TIME / 2) as u8);
            last = (self.first_cycle + u64::from(self.cycles)) * CYCLE_TIME - CYCLE_TIME / 2;
        }
        if let Some(end) = end.map(|cycle| cycle.saturating_mul(CYCLE_TIME)) {
            push_integer(&mut deltas, end - last);
            (entries, last) = (entries + 1, end);
        }
        let section = Section::begin(output, start, last);
        let memory = self.write_changes(output)?;
        write_times(output.bytes(), &deltas, entries);
        section.end(output, memory)?;
        output.settle()?;
        self.written += 1;
        self.lists.iter_mut().for_each(List::clear);
        (self.cycles, self.bytes) = (0, 0);
        Ok(last)
    }

    /// The frame, the changes, and where those of each signal begin; bytes of changes.
    fn write_changes(&mut self, output: &mut Output) -> io::Result<u64> {
        let out = output.bytes();
        for length in [self.frame.len(), self.frame.len(), self.widths.len()] {
            push_integer(out, length as u64);
        }
        out.extend_from_slice(&self.frame);
        push_integer(out, self.widths.len() as u64);
        out.push(LZ4);
        let mut starts = Vec::new();
        let (mut unchanged, mut memory) = (0, 0);
        // Bytes since the last list began; the first is counted from the pack type on.
        let mut since = 1;
        for index in 0..self.lists.len() {
            let changes = self.lists[index].bytes().len();
            if changes == 0 {
                unchanged += 1;
                continue;
            }
            if unchanged > 0 {
                push_integer(&mut starts, std::mem::take(&mut unchanged) << 1);
            }
            push_signed(&mut starts, since << 1 | 1);
            memory += changes as u64;
            let before = output.end();
            self.write_list(index, output.bytes());
            since = (output.end() - before) as i64;
            output.settle()?;
        }
        if unchanged > 0 {
            push_integer(&mut starts, unchanged << 1);
        }
        let out = output.bytes();
        out.extend_from_slice(&starts);
        out.extend_from_slice(&(starts.len() as u64).to_be_bytes());
        Ok(memory)
    }

    /// The length of the changes of a signal if they are compressed, or 0, and the changes.
    fn write_list(&mut self, index: usize, out: &mut Vec<u8>) {
        let list = &mut self.lists[index];
        let length = list.bytes().len();
        list.patience = list.patience.saturating_sub(1);
        if length >= COMPRESS_MIN && list.patience == 0 {
            let size = self.compressor.compress(list.bytes());
            if size > length / 8 * 7 {
                list.patience = PATIENCE;
            }
            if size < length {
                push_integer(out, length as u64);
                out.extend_from_slice(&self.compressor.compressed[..size]);
                return;
            }
        }
        out.push(0);
        out.extend_from_slice(list.bytes());
    }
}

/// The times: steps, compressed where that makes them smaller, their lengths and their number.
fn write_times(out: &mut Vec<u8>, deltas: &[u8], entries: u64) {
    /// The steps are all the same.
    const ZLIB_LEVEL: u8 = 1;
    let compressed = miniz_oxide::deflate::compress_to_vec_zlib(deltas, ZLIB_LEVEL);
    let stored = if compressed.len() < deltas.len() { &compressed } else { deltas };
    out.extend_from_slice(stored);
    for length in [deltas.len() as u64, stored.len() as u64, entries] {
        out.extend_from_slice(&length.to_be_bytes());
    }
}

/// LZ4, with what it works in.
struct Compressor {
    /// For lists of less than 64 kB: it is cleared for each, and smaller than the other.
    small: CompressTable,
    large: CompressTable,
    compressed: Vec<u8>,
}

impl Compressor {
    fn new() -> Compressor {
        Compressor { small: CompressTable::small(), large: CompressTable::large(), compressed: Vec::new() }
    }

    /// Compresses `bytes`; the size.
    fn compress(&mut self, bytes: &[u8]) -> usize {
        let bound = get_maximum_output_size(bytes.len());
        if self.compressed.len() < bound {
            self.compressed.resize(bound, 0);
        }
        let table = if bytes.len() < usize::from(u16::MAX) { &mut self.small } else { &mut self.large };
        // The output has room for the worst case; if not, the bytes are stored as they are.
        compress_into_with_table(bytes, &mut self.compressed, table).unwrap_or(usize::MAX)
    }
}

/// A section of the file whose length is known at its end.
struct Section {
    /// Where its length stands.
    start: u64,
}

/// Bytes from the length to what the changes need when uncompressed: length, first and last time.
const TO_MEMORY: u64 = 24;

impl Section {
    fn begin(output: &mut Output, first: u64, last: u64) -> Section {
        let bytes = output.bytes();
        bytes.push(VALUE_CHANGES);
        for value in [0, first, last, 0] {
            bytes.extend_from_slice(&u64::to_be_bytes(value));
        }
        Section { start: output.end() - 4 * 8 }
    }

    fn end(self, output: &mut Output, memory: u64) -> io::Result<()> {
        let end = output.end();
        output.overwrite(self.start, end - self.start)?;
        output.overwrite(self.start + TO_MEMORY, memory)
    }
}
