//! Where everything is in the state buffer: one flat piece of memory, structure of arrays.

use std::ops::Range;

use myelin_hdl::{CheckKind, Ty, u};
use rustc_hash::FxHashMap;

use super::lattice::{self, Slots};
use super::lines::{self, Block, Bundle, Head, RegisterAt};
use super::strands::Strands;
use super::wakes::GROUPS_MAX;
use super::{ArrayId, CellId, MemoryId, StrandId, container_bytes};
use crate::hierarchy::Hierarchy;

/// Bytes before the first and after the last array: vectors may read, never write, beyond an array.
pub(crate) const GUARD_BYTES: usize = 1024;

/// Alignment of arrays with many lanes.
const ARRAY_ALIGNMENT: usize = 64;

/// One element for each lane of a strand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Array {
    pub(crate) strand: StrandId,
    /// Byte offset of the first slot in the state buffer.
    pub(crate) offset: usize,
    pub(crate) ty: Ty,
}

impl Array {
    /// Bytes of an element.
    pub(crate) fn element_bytes(&self) -> usize {
        container_bytes(self.ty) as usize
    }
}

/// What an edge changes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    pub(crate) array: ArrayId,
    pub(crate) kind: CellKind,
}

/// What a cell is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CellKind {
    /// An input of the top; no edge changes it.
    Input,
    /// A register and its reset value.
    Register { reset: Option<u64> },
    /// A lane of a synchronous read port.
    ReadData,
}

/// A memory of each lane: words of all lanes of the first instance, then of the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemoryArray {
    pub(crate) offset: usize,
    pub(crate) depth: usize,
    pub(crate) lanes: usize,
    pub(crate) lane_ty: Ty,
}

impl MemoryArray {
    /// Bytes of a lane of a word.
    pub(crate) fn element_bytes(&self) -> usize {
        container_bytes(self.lane_ty) as usize
    }

    /// Bytes of a word.
    pub(crate) fn word_bytes(&self) -> usize {
        self.lanes * self.element_bytes()
    }

    /// Bytes of the memory of one instance.
    pub(crate) fn instance_bytes(&self) -> usize {
        self.depth * self.word_bytes()
    }
}

/// Where the state of a limb is.
#[derive(Clone, Debug, Default)]
pub(crate) struct LimbState {
    pub(crate) registers: Vec<CellId>,
    pub(crate) memories: Vec<LimbMemory>,
    /// For each check: 1 in lanes where an assertion failed at this edge, or how often a cover was
    /// met since it was last counted.
    pub(crate) checks: Vec<ArrayId>,
}

/// Where a memory of a limb is.
#[derive(Clone, Debug)]
pub(crate) struct LimbMemory {
    pub(crate) memory: MemoryId,
    /// For each synchronous read port, for each lane; asynchronous ports have none.
    pub(crate) read_data: Vec<Vec<CellId>>,
}

/// The layout of the state buffer. Only grows.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) arrays: Vec<Array>,
    pub(crate) cells: Vec<Cell>,
    pub(crate) memories: Vec<MemoryArray>,
    pub(crate) input_cells: Vec<CellId>,
    limbs: Vec<Vec<LimbState>>,
    /// Delay lines of the first strand that move together.
    pub(crate) blocks: Vec<Block>,
    /// One byte, set where any assertion or assumption failed.
    pub(crate) failed: usize,
    /// A vector for use within a task.
    pub(crate) scratch: usize,
    /// As many as there are groups of tasks to wake, for what a task has changed.
    pub(crate) changed: usize,
    /// For each strand of many lanes, 1 in the slots that are lanes.
    active: Vec<Option<ArrayId>>,
    /// Bytes of the arrays of assertions and assumptions.
    pub(crate) assertions: Range<usize>,
    /// Bytes of the arrays of covers.
    pub(crate) covers: Range<usize>,
    /// For each strand, the slot of each lane in all its arrays.
    slots: Vec<Slots>,
    /// For each strand, slots in an array: from the first lane on whole chunks for many lanes.
    slot_counts: Vec<usize>,
    end: usize,
}

/// Lanes that vector code computes at a time: arrays are whole chunks.
pub(crate) const CHUNK_LANES: usize = 64;

impl State {
    pub(crate) fn new(hierarchy: &Hierarchy, strands: &Strands) -> State {
        let ids = (0..strands.strands.len()).map(|index| StrandId(index as u32));
        let slots: Vec<Slots> = ids.map(|id| lattice::slots(hierarchy, strands, id)).collect();
        let slot_counts = slots.iter().map(|slots| {
            let chunked = slots.first() + (slots.end() - slots.first()).next_multiple_of(CHUNK_LANES);
            if slots.of_lane.len() == 1 { 1 } else { slots.count.max(chunked) }
        });
        let slot_counts = slot_counts.collect();
        let mut state = State {
            arrays: Vec::new(),
            cells: Vec::new(),
            memories: Vec::new(),
            input_cells: Vec::new(),
            limbs: Vec::new(),
            blocks: Vec::new(),
            failed: GUARD_BYTES,
            scratch: GUARD_BYTES + 64,
            changed: GUARD_BYTES + 128,
            active: Vec::new(),
            assertions: 0..0,
            covers: 0..0,
            slots,
            slot_counts,
            end: GUARD_BYTES + 128 + GROUPS_MAX * 16,
        };
        for (index, strand) in strands.strands.iter().enumerate() {
            let active = (strand.lanes > 1).then(|| state.add_array(StrandId(index as u32), u(1)));
            state.active.push(active);
        }
        let top = &strands.strands[0].limbs[0].module;
        state.input_cells =
            top.inputs.iter().map(|port| state.add_cell(StrandId(0), port.ty, CellKind::Input)).collect();
        let bundles = lines::bundles(hierarchy, strands);
        state.add_registers(strands, &bundles);
        state.add_checks(strands, |kind| kind != CheckKind::Cover);
        state.add_checks(strands, |kind| kind == CheckKind::Cover);
        state.add_memories(strands, &bundles);
        state
    }

    /// Registers in the order of the source, but for those of bundles, which are with the first of
    /// them, or with the memory that they take words from.
    fn add_registers(&mut self, strands: &Strands, bundles: &[Bundle]) {
        let unknown = CellId(u32::MAX);
        let limbs = |strand: &super::strands::Strand| -> Vec<LimbState> {
            let registers = strand.limbs.iter().map(|limb| vec![unknown; limb.module.registers.len()]);
            registers.map(|registers| LimbState { registers, ..LimbState::default() }).collect()
        };
        self.limbs = strands.strands.iter().map(limbs).collect();
        let mut bundle_of: FxHashMap<RegisterAt, &Bundle> = FxHashMap::default();
        for bundle in bundles {
            for &member in bundle.lines.iter().flatten() {
                bundle_of.insert(member, bundle);
            }
            for head in &bundle.heads {
                if let &Head::Register { limb, register } = head {
                    bundle_of.insert((limb, register), bundle);
                }
            }
        }
        for (index, strand) in strands.strands.iter().enumerate() {
            let id = StrandId(index as u32);
            for (limb, definition) in strand.limbs.iter().enumerate() {
                for (position, register) in definition.module.registers.iter().enumerate() {
                    if self.limbs[index][limb].registers[position] != unknown {
                        continue;
                    }
                    match bundle_of.get(&(limb, position)).filter(|_| index == 0) {
                        Some(bundle) if matches!(bundle.heads[0], Head::Register { .. }) => {
                            self.add_bundle(strands, bundle, None);
                        }
                        Some(_) => {}
                        None => {
                            let kind = CellKind::Register { reset: register.reset };
                            self.limbs[index][limb].registers[position] = self.add_cell(id, register.ty, kind);
                        }
                    }
                }
            }
        }
    }

    /// Places the registers of a bundle; `read_data` are its heads if they are not registers.
    fn add_bundle(&mut self, strands: &Strands, bundle: &Bundle, read_data: Option<&[CellId]>) {
        let once = StrandId(0);
        let element = container_bytes(bundle.ty) as usize;
        let pitch = bundle.heads.len() * element;
        let from = match read_data {
            Some(cells) => self.array(self.cell(cells[0]).array).offset,
            None => self.end.next_multiple_of(16),
        };
        self.end = from + pitch * (bundle.rows() + 1);
        let place = |state: &mut State, (limb, register): RegisterAt, row: usize, line: usize| {
            let offset = from + row * pitch + line * element;
            state.arrays.push(Array { strand: once, offset, ty: bundle.ty });
            let reset = strands.strand(once).limbs[limb].module.registers[register].reset;
            let array = ArrayId(state.arrays.len() as u32 - 1);
            state.cells.push(Cell { array, kind: CellKind::Register { reset } });
            let cell = CellId(state.cells.len() as u32 - 1);
            state.limbs[0][limb].registers[register] = cell;
            cell
        };
        let mut heads = Vec::new();
        let mut links = Vec::new();
        for (line, (&head, members)) in bundle.heads.iter().zip(&bundle.lines).enumerate() {
            let mut last = match (head, read_data) {
                (Head::Register { limb, register }, _) => place(self, (limb, register), 0, line),
                (Head::ReadData { lane, .. }, Some(cells)) => cells[lane],
                (Head::ReadData { .. }, None) => unreachable!("bundles of registers have registers as heads"),
            };
            heads.push(last);
            for (row, &member) in members.iter().enumerate() {
                let cell = place(self, member, row + 1, line);
                links.push((cell, last));
                last = cell;
            }
        }
        self.blocks.push(Block { from, pitch, rows: bundle.rows(), heads, links });
    }

    /// Assertions are next to each other, and so are covers: they are cleared and saved in one go.
    fn add_checks(&mut self, strands: &Strands, included: impl Fn(CheckKind) -> bool) {
        let start = self.end;
        for (strand, definition) in strands.strands.iter().enumerate() {
            for (limb, definition) in definition.limbs.iter().enumerate() {
                for (index, check) in definition.module.checks.iter().enumerate() {
                    let checks = self.limbs[strand][limb].checks.len();
                    if checks <= index {
                        // A place for those of the other kind, filled in the other pass.
                        self.limbs[strand][limb].checks.push(ArrayId(u32::MAX));
                    }
                    if included(check.kind) {
                        let array = self.add_array(StrandId(strand as u32), u(8));
                        self.limbs[strand][limb].checks[index] = array;
                    }
                }
            }
        }
        let range = start..self.end;
        if included(CheckKind::Cover) {
            self.covers = range;
        } else {
            self.assertions = range;
        }
    }

    /// Memories come last: what is touched at every edge stays together.
    fn add_memories(&mut self, strands: &Strands, bundles: &[Bundle]) {
        for (index, strand) in strands.strands.iter().enumerate() {
            let id = StrandId(index as u32);
            for (limb, definition) in strand.limbs.iter().enumerate() {
                for (number, memory) in definition.module.memories.iter().enumerate() {
                    let mut read_data: Vec<Vec<CellId>> = Vec::new();
                    for (port, read) in memory.reads.iter().enumerate() {
                        if read.kind == myelin_hdl::ReadKind::Asynchronous {
                            read_data.push(Vec::new());
                            continue;
                        }
                        // Adjacent where there is one lane, so that a word is taken as a whole.
                        self.end = self.end.next_multiple_of(16);
                        let cells: Vec<CellId> =
                            (0..memory.lanes).map(|_| self.add_cell(id, memory.lane_ty, CellKind::ReadData)).collect();
                        let first = Head::ReadData { limb, memory: number, port, lane: 0 };
                        if let Some(bundle) = bundles.iter().find(|bundle| index == 0 && bundle.heads[0] == first) {
                            self.add_bundle(strands, bundle, Some(&cells));
                        }
                        read_data.push(cells);
                    }
                    let memory_id = MemoryId(self.memories.len() as u32);
                    let array =
                        MemoryArray { offset: 0, depth: memory.depth, lanes: memory.lanes, lane_ty: memory.lane_ty };
                    self.memories.push(array);
                    self.limbs[index][limb].memories.push(LimbMemory { memory: memory_id, read_data });
                }
            }
        }
        for (index, strand) in strands.strands.iter().enumerate() {
            for limb in 0..strand.limbs.len() {
                for memory in 0..self.limbs[index][limb].memories.len() {
                    let id = self.limbs[index][limb].memories[memory].memory;
                    self.end = self.end.next_multiple_of(ARRAY_ALIGNMENT);
                    self.memories[id.index()].offset = self.end;
                    self.end += self.memories[id.index()].instance_bytes() * strand.lanes;
                }
            }
        }
    }

    fn add_cell(&mut self, strand: StrandId, ty: Ty, kind: CellKind) -> CellId {
        let array = self.add_array(strand, ty);
        self.cells.push(Cell { array, kind });
        CellId(self.cells.len() as u32 - 1)
    }

    /// A new array of one element per lane.
    pub(crate) fn add_array(&mut self, strand: StrandId, ty: Ty) -> ArrayId {
        let slots = self.slot_counts[strand.index()];
        let element = container_bytes(ty) as usize;
        if slots == 1 {
            self.end = self.end.next_multiple_of(element);
        } else {
            // The first lane is aligned, as that is where vector code begins.
            let before = self.slots[strand.index()].first() * element;
            self.end = (self.end + before).next_multiple_of(ARRAY_ALIGNMENT) - before;
        }
        self.arrays.push(Array { strand, offset: self.end, ty });
        self.end += slots * element;
        ArrayId(self.arrays.len() as u32 - 1)
    }

    /// Bytes for the program's own use, aligned to 8; their offset.
    pub(crate) fn reserve(&mut self, bytes: usize) -> usize {
        let at = self.end.next_multiple_of(8);
        self.end = at + bytes;
        at
    }

    pub(crate) fn limb(&self, strand: StrandId, limb: usize) -> &LimbState {
        &self.limbs[strand.index()][limb]
    }

    pub(crate) fn array(&self, id: ArrayId) -> &Array {
        &self.arrays[id.index()]
    }

    pub(crate) fn cell(&self, id: CellId) -> &Cell {
        &self.cells[id.index()]
    }

    /// Whether an array is a cell's.
    pub(crate) fn is_cell(&self, id: ArrayId) -> bool {
        self.cells.iter().any(|cell| cell.array == id)
    }

    pub(crate) fn memory(&self, id: MemoryId) -> &MemoryArray {
        &self.memories[id.index()]
    }

    /// Where the lanes of a strand are in its arrays.
    pub(crate) fn slots(&self, strand: StrandId) -> &Slots {
        &self.slots[strand.index()]
    }

    /// Slots in the arrays of a strand, unused ones included.
    pub(crate) fn slot_count(&self, strand: StrandId) -> usize {
        self.slot_counts[strand.index()]
    }

    /// The array that tells lanes from unused slots.
    ///
    /// # Panics
    /// If the strand has one lane.
    pub(crate) fn active(&self, strand: StrandId) -> ArrayId {
        self.active[strand.index()].expect("a strand of many lanes")
    }

    /// What never changes: byte offset, bytes and bits of elements.
    pub(crate) fn constants(&self) -> Vec<(usize, usize, u64)> {
        let mut constants = Vec::new();
        for (index, active) in self.active.iter().enumerate() {
            if let Some(active) = *active {
                let lanes = 0..self.slots[index].of_lane.len();
                constants.extend(lanes.map(|lane| (self.address(active, lane), 1, 1)));
            }
        }
        constants
    }

    /// The slot of a lane in the arrays of its strand.
    pub(crate) fn slot(&self, strand: StrandId, lane: usize) -> usize {
        self.slots[strand.index()].of_lane[lane]
    }

    /// Byte offset of a lane's element.
    pub(crate) fn address(&self, id: ArrayId, lane: usize) -> usize {
        let array = self.array(id);
        array.offset + self.slot(array.strand, lane) * array.element_bytes()
    }

    /// Bytes of the whole buffer.
    pub(crate) fn bytes(&self) -> usize {
        self.end + GUARD_BYTES
    }
}
