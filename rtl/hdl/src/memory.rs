//! Memories in the builder: ports, what they do when they meet, and what synthesis makes of them.

use std::panic::Location;

use crate::builder::{assert_bit, checked_bits, here, with_draft};
use crate::ir::{Collisions, MemoryStyle, NodeId, Op, ReadKind, ReadPort, SourceLocation, WritePort};
use crate::signal::{Operand, Signal};

/// A memory of the open module, to which ports are added.
///
/// **Collisions.** Every read sees what was there before the writes of its edge (read first), also of
/// the same port. Writes of one edge happen in the order in which their ports were added: lane by
/// lane the later one wins. So no outcome depends on the tool or the device.
///
/// **Lanes.** A word is `lanes` values; [`MemoryHandle::write_lanes`] enables each by itself (byte
/// enables, for lanes of eight bits).
///
/// **What synthesis infers**, as Yosys shows (`verification/conformance/tests/inference.rs`):
///
/// | ports | Xilinx 7 | ECP5 | iCE40 |
/// |---|---|---|---|
/// | [`single_port`](MemoryHandle::single_port) | `RAMB36E1` | `DP16KD` | `SB_RAM40_4K` |
/// | the same, [`MemoryStyle::Ultra`] (UltraPlus) | | | `SB_SPRAM256KA` |
/// | a read and a write port | `RAMB18E1` | `DP16KD` and logic | `SB_RAM40_4K` and logic |
/// | the same, with lane enables | `RAMB18E1` | `DP16KD` and logic | `SB_RAM40_4K` and logic |
/// | two read ports and a write port | two `RAMB18E1` | two `DP16KD` and logic | two `SB_RAM40_4K` and logic |
/// | contents and a read port (ROM) | `RAMB18E1` | `DP16KD` | `SB_RAM40_4K` |
/// | [`read_asynchronous`](MemoryHandle::read_asynchronous) and a write port | `RAM32M` | `TRELLIS_DPR16X4` | registers |
///
/// *And logic*: block RAM of that family leaves open what a read sees of a write at the same address
/// and edge. Yosys adds registers and a multiplexer to make it the old word; where the read is
/// enabled only while nothing is written, as `single_port` does, it finds that out and adds none; where
/// [`collisions_are_unused`](MemoryHandle::collisions_are_unused) it is told.
#[derive(Clone, Copy)]
pub struct MemoryHandle {
    index: usize,
}

/// The one port of a single-port memory: in each cycle a read, a write, or nothing.
#[derive(Clone, Copy)]
pub struct SinglePort<'a> {
    /// Word address.
    pub address: Signal,
    /// One bit: something is done.
    pub enable: Signal,
    /// One bit: it is a write.
    pub write: Signal,
    /// One bit for each lane that a write changes; `None`: all of them.
    pub lane_enables: Option<&'a [Signal]>,
    /// One value for each lane.
    pub data: &'a [Signal],
}

impl MemoryHandle {
    pub(crate) fn new(index: usize) -> MemoryHandle {
        MemoryHandle { index }
    }

    /// Says what synthesis should make of it.
    pub fn style(self, style: MemoryStyle) -> MemoryHandle {
        with_draft(|draft| draft.memories[self.index].style = style);
        self
    }

    /// Promises that no lane that is read while the same lane is written is used. Then synthesis needs no logic
    /// where block RAM leaves such a read open; simulation reads first as ever.
    ///
    /// [`poison_collisions`](crate::poison_collisions) checks the promise: it makes every such read another value, so
    /// that a use of one is a wrong answer. `verification/conformance/tests/collisions.rs` does so with the tensor cell.
    ///
    /// **Source.** UltraScale Memory Resources (UG573), *Address Collision*: where one port writes what the other
    /// reads, the write always succeeds and what is read is undetermined unless the writing port reads first; with
    /// byte-wide write enables that is so byte by byte. The ports of an ECP5's `PDPW16KD`, as Yosys describes them
    /// (`techlibs/ecp5/brams.txt`), promise nothing about each other either.
    pub fn collisions_are_unused(self) -> MemoryHandle {
        with_draft(|draft| draft.memories[self.index].collisions = Collisions::Unused);
        self
    }

    /// Gives its contents at power-up, word after word, lane 0 first in each.
    ///
    /// # Panics
    /// If there are not `depth * lanes` values or one does not fit its lane.
    #[track_caller]
    pub fn init(self, contents: &[i64]) -> MemoryHandle {
        with_draft(|draft| {
            let memory = &mut draft.memories[self.index];
            assert_eq!(contents.len(), memory.depth * memory.lanes, "memory {}: wrong number of values", memory.name);
            memory.init = Some(contents.iter().map(|&value| checked_bits(memory.lane_ty, value)).collect());
        });
        self
    }

    /// Adds a synchronous read port: the word at `address` one cycle later, held while `enable` is 0.
    #[track_caller]
    pub fn read(self, address: Signal, enable: Signal) -> Vec<Signal> {
        assert_bit("read enable", enable);
        self.add_read(ReadKind::Synchronous, address, Some(enable.id()), here(Location::caller()))
    }

    /// Adds an asynchronous read port: the word at `address` in the same cycle (distributed RAM).
    #[track_caller]
    pub fn read_asynchronous(self, address: Signal) -> Vec<Signal> {
        self.add_read(ReadKind::Asynchronous, address, None, here(Location::caller()))
    }

    /// Adds a write port for whole words.
    #[track_caller]
    pub fn write(self, address: Signal, enable: Signal, data: &[Signal]) {
        self.add_write(address, enable, None, data);
    }

    /// Adds a write port with an enable for each lane.
    #[track_caller]
    pub fn write_lanes(self, address: Signal, enable: Signal, lane_enables: &[Signal], data: &[Signal]) {
        self.add_write(address, enable, Some(lane_enables), data);
    }

    /// Adds the only port of a single-port memory, as SRAM macros and the large blocks of devices
    /// have it: the word at the address one cycle after a read, held through writes and idle cycles.
    ///
    /// # Panics
    /// As the ports that it is made of.
    #[track_caller]
    pub fn single_port(self, port: SinglePort<'_>) -> Vec<Signal> {
        let SinglePort { address, enable, write, lane_enables, data } = port;
        self.add_write(address, enable & write, lane_enables, data);
        let reads = enable & !write;
        self.add_read(ReadKind::Synchronous, address, Some(reads.id()), here(Location::caller()))
    }

    #[track_caller]
    fn add_read(
        self,
        kind: ReadKind,
        address: Signal,
        enable: Option<NodeId>,
        location: SourceLocation,
    ) -> Vec<Signal> {
        let address = self.checked_address(address);
        with_draft(|draft| {
            let memory = &mut draft.memories[self.index];
            memory.reads.push(ReadPort { kind, address, enable });
            let (port, lanes, ty) = (memory.reads.len() - 1, memory.lanes, memory.lane_ty);
            (0..lanes).map(|lane| draft.push(Op::MemoryRead { memory: self.index, port, lane }, ty, location)).collect()
        })
    }

    #[track_caller]
    fn add_write(self, address: Signal, enable: Signal, lane_enables: Option<&[Signal]>, data: &[Signal]) {
        let address = self.checked_address(address);
        assert_bit("write enable", enable);
        let (lanes, lane_ty, name) = with_draft(|draft| {
            let memory = &draft.memories[self.index];
            (memory.lanes, memory.lane_ty, memory.name.clone())
        });
        assert_eq!(data.len(), lanes, "memory {name}: wrong number of data lanes");
        if let Some(enables) = lane_enables {
            assert_eq!(enables.len(), lanes, "memory {name}: wrong number of lane enables");
            enables.iter().for_each(|&enable| assert_bit("lane enable", enable));
        }
        let data = data.iter().map(|&value| Operand::from(value).widened(lane_ty).id()).collect();
        let lane_enables = lane_enables.map(|enables| enables.iter().map(|enable| enable.id()).collect());
        let write = WritePort { address, enable: enable.id(), lane_enables, data };
        with_draft(|draft| draft.memories[self.index].writes.push(write));
    }

    #[track_caller]
    fn checked_address(self, address: Signal) -> NodeId {
        let width = with_draft(|draft| draft.memories[self.index].address_width());
        Operand::from(address).widened(crate::u(width)).id()
    }
}
