//! The firmware on the stick's own RTL, behind a pseudo terminal: the host cannot tell it from hardware.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

use std::path::Path;
use std::time::Duration;

use myelin_board::{FaultScript, RtlStick, StickOptions as RtlStickOptions, VirtualStick};
use myelin_compile::compile;
use myelin_driver::{Deadlines, Device, Port, Session, StickLink, StickOptions};
use myelin_graph::import;
use myelin_isa::stick::{MAP_VERSION, board, flash_layout, image_header, memory};
use myelin_isa::{Architecture, Precision};
use myelin_rtl::board::serial::{self, Link};
use myelin_rtl::board::stick::{Compute, Config};
use myelin_rtl::bus::Cut;
use myelin_rtl::cpu::CpuParameters;

/// Time passes in the simulator: deadlines are far longer than a stick of hardware needs.
const OPTIONS: StickOptions = StickOptions {
    retransmit: Duration::from_secs(5),
    deadline: Duration::from_secs(300),
    flash_deadline: Duration::from_secs(600),
    keep_images: false,
};

/// Pictures that are recognised.
const PICTURES: usize = 1;

/// A binary for the soft core.
fn firmware(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../bitstreams/firmware")).join(name)).unwrap()
}

/// The ECP5 stick with a small cell, its RAM as the bitstream fills it.
fn stick(architecture: Architecture) -> Config {
    let mut contents = firmware("boot-ecp5.bin");
    contents.resize(memory::BOOT_BYTES as usize, 0);
    contents.extend(firmware("stick-ecp5.bin"));
    Config {
        board: board::SIMULATED,
        core: CpuParameters::fast(memory::RESET).unwrap(),
        cut: Cut::Both,
        serial: serial::Config {
            link: Link::Uart,
            clock_hz: 48_000_000,
            baud: 115_200,
            fifo_bytes: 512,
            offset_bits: 18,
        },
        compute: Compute::Cell { device_bytes: 1 << 18 },
        architecture,
        ram_bytes: memory::RAM_BYTES_ECP5,
        ram_contents: contents,
        build: 0,
    }
}

#[test]
fn the_firmware_boots_on_the_rtl_and_answers_digits_over_the_line() {
    let architecture = Architecture::new(8, 8, Precision::Int8).unwrap();
    let rtl = RtlStick::new(&stick(architecture), RtlStickOptions::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let virtual_stick =
        VirtualStick::start(Box::new(rtl), &folder.path().join("stick"), FaultScript::default()).unwrap();
    let link = StickLink::open(&Port::Path(virtual_stick.path().to_owned()), OPTIONS).unwrap();
    let models = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/digits_int8"));
    let file = |name: &str| std::fs::read(models.join(name)).unwrap();
    let graph = import::cvm(&file("symbol"), &file("params"), &import::Limits::default()).unwrap();
    let values = |name: &str| myelin_golden::npy::read(&file(name)).unwrap().data;
    let (pictures, official) = (values("input.npy"), values("official_logits.npy"));
    let program = compile(&graph, &architecture).unwrap();
    let deadlines = Deadlines { transfer: Duration::from_secs(600), run: Duration::from_secs(600) };
    let mut session = Session::attach(link, program, deadlines);
    session.recover().unwrap();
    for index in 0..PICTURES {
        let answer = session.run(&pictures[index * 64..][..64]).unwrap();
        assert_eq!(answer.outputs[0].values, official[index * 10..][..10], "picture {index}");
    }
    virtual_stick.stop().unwrap();
}

/// CRC32C, bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), |crc, _| step(crc)))
}

#[test]
fn the_boot_code_loads_the_firmware_of_the_smallest_board_from_its_flash() {
    let architecture = Architecture::new(4, 4, Precision::Int8).unwrap();
    let architecture = architecture.with_activation_lanes(4096).unwrap().with_weight_words(512).unwrap();
    let architecture = architecture.with_bias_words(64).unwrap().with_accumulator_depth(64).unwrap();
    let architecture = architecture.with_instruction_depth(64).unwrap();
    let config = Config {
        board: board::ICEBREAKER,
        core: CpuParameters::small(memory::RESET).unwrap(),
        cut: Cut::Requests,
        compute: Compute::MacArray,
        architecture,
        ram_bytes: memory::BOOT_BYTES,
        ram_contents: firmware("boot-up5k.bin"),
        ..stick(architecture)
    };
    let config = Config { serial: serial::Config { clock_hz: 24_000_000, ..config.serial }, ..config };
    let image = firmware("stick-up5k.bin");
    let words = [image_header::MAGIC_VALUE, 1, image.len() as u32, crc32c(&image), memory::SPRAM, MAP_VERSION, 1];
    let mut header: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    header.extend(crc32c(&header).to_le_bytes());
    let mut rtl = RtlStick::new(&config, RtlStickOptions::default()).unwrap();
    let slot = flash_layout::SLOT_A as usize;
    let whole = [header, image].concat();
    rtl.flash().contents_mut()[slot..slot + whole.len()].copy_from_slice(&whole);
    let folder = tempfile::tempdir().unwrap();
    let virtual_stick =
        VirtualStick::start(Box::new(rtl), &folder.path().join("stick"), FaultScript::default()).unwrap();
    let link = StickLink::open(&Port::Path(virtual_stick.path().to_owned()), OPTIONS).unwrap();
    assert_eq!((link.board().board, link.board().architecture), (board::ICEBREAKER, architecture));
    virtual_stick.stop().unwrap();
}
