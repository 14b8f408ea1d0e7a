//! Sticks of RTL with the firmware's images, and the digits networks on them.
#![allow(dead_code, reason = "each test uses a part")]
#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

use std::path::Path;
use std::time::Duration;

use myelin_bitstream::Board;
use myelin_board::{RtlStick, SimulatedLine, StickOptions as RtlOptions};
use myelin_compile::compile;
use myelin_driver::{Deadlines, Device, Link, Session, StickLink, StickOptions};
use myelin_graph::{Graph, import};
use myelin_isa::stick::flash_layout;
use myelin_isa::{Architecture, Precision};
use myelin_rtl::board::boards::{stick_ecp5, stick_up5k};
use myelin_rtl::board::serial;
use myelin_rtl::board::stick::{Compute, Config};

/// Time passes in the simulator: no deadline on the wall ends anything, and nothing is sent twice because of it.
pub const OPTIONS: StickOptions = StickOptions {
    retransmit: Duration::from_secs(600),
    deadline: Duration::from_secs(600),
    flash_deadline: Duration::from_secs(600),
    keep_images: false,
};
pub const DEADLINES: Deadlines = Deadlines { transfer: Duration::from_secs(600), run: Duration::from_secs(600) };

/// A flash with little room for objects: a boot is soon over.
fn options() -> RtlOptions {
    RtlOptions { flash_bytes: 1 << 22, ..RtlOptions::default() }
}

/// Pictures that a test recognises: `MYELIN_STICK_PICTURES`, or one.
pub fn pictures() -> usize {
    std::env::var("MYELIN_STICK_PICTURES").map_or(1, |count| count.parse().unwrap())
}

/// Lanes of a picture, and its answers.
pub const PIXELS: usize = 64;
pub const CLASSES: usize = 10;

/// The UP5K's board with its memories, programs of a precision, and the firmware in its flash.
pub fn up5k(precision: Precision) -> (Config, RtlStick) {
    let board = Board::StickUp5k;
    let architecture = Architecture::from_words(board.target().architecture.to_words()).unwrap();
    let architecture = with_precision(architecture, precision);
    let config = stick_up5k(architecture, board.firmware());
    let mut stick = RtlStick::new(&config, options()).unwrap();
    let slot = board.slot().unwrap();
    stick.flash().contents_mut()[flash_layout::SLOT_A as usize..][..slot.len()].copy_from_slice(&slot);
    (config, stick)
}

/// The ECP5's board as its bitstream has it.
pub fn ecp5_as_built() -> (Config, RtlStick) {
    let board = Board::StickEcp5;
    let config = stick_ecp5(board.target().architecture, board.firmware());
    let stick = RtlStick::new(&config, options()).unwrap();
    (config, stick)
}

/// The ECP5's board with a small cell and so much device memory, its RAM as the bitstream fills it.
pub fn ecp5(precision: Precision, link: serial::Link, device_bytes: u32) -> (Config, RtlStick) {
    let architecture = Architecture::new(8, 8, precision).unwrap();
    let mut config = stick_ecp5(architecture, Board::StickEcp5.firmware());
    config.serial.link = link;
    config.serial.offset_bits = 25;
    config.compute = Compute::Cell { device_bytes };
    let stick = RtlStick::new(&config, options()).unwrap();
    (config, stick)
}

/// The same memories for another precision.
fn with_precision(cell: Architecture, precision: Precision) -> Architecture {
    let other = Architecture::new(cell.rows(), cell.columns(), precision).unwrap();
    let other = other.with_activation_lanes(cell.activation_lanes()).unwrap();
    let other = other.with_weight_words(cell.weight_words()).unwrap().with_bias_words(cell.bias_words()).unwrap();
    let other = other.with_accumulator_depth(cell.accumulator_depth()).unwrap();
    other.with_instruction_depth(cell.instruction_depth()).unwrap()
}

/// Opens a stick on its simulated line.
pub fn open(stick: RtlStick) -> StickLink<SimulatedLine> {
    StickLink::new(SimulatedLine::new(stick), "simulated", OPTIONS).unwrap()
}

/// A digits network with its pictures and official answers.
pub struct Digits {
    pub graph: Graph,
    pub pictures: Vec<i32>,
    pub official: Vec<i32>,
}

impl Digits {
    pub fn read(precision: Precision) -> Digits {
        let folder =
            Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models")).join(format!("digits_{precision}"));
        let file = |name: &str| std::fs::read(folder.join(name)).unwrap();
        let graph = import::cvm(&file("symbol"), &file("params"), &import::Limits::default()).unwrap();
        let values = |bytes: Vec<u8>| myelin_golden::npy::read(&bytes).unwrap().data;
        Digits { graph, pictures: values(file("input.npy")), official: values(file("official_logits.npy")) }
    }

    pub fn picture(&self, index: usize) -> &[i32] {
        &self.pictures[index * PIXELS..][..PIXELS]
    }

    pub fn answer(&self, index: usize) -> &[i32] {
        &self.official[index * CLASSES..][..CLASSES]
    }

    /// Loads the network and answers pictures, each of which must be as the official runtime has it.
    pub fn check(&self, link: impl Link, cell: &Architecture, pictures: impl Iterator<Item = usize>) {
        let mut session = Session::attach(link, compile(&self.graph, cell).unwrap(), DEADLINES);
        session.recover().unwrap();
        for index in pictures {
            let answer = session.run(self.picture(index)).unwrap();
            assert_eq!(answer.outputs[0].values, self.answer(index), "picture {index}");
        }
    }
}
