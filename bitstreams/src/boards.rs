//! The boards: what is on them, and the projects of their bitstreams.

use myelin_compile::Target;
use myelin_firmware::image::{Image, Slot};
use myelin_hdl::Design;
use myelin_hdl::verilog::{Options, SourceComments, emit_with};
use myelin_isa::Architecture;
use myelin_isa::framing::{Checksum, SoftwareChecksum};
use myelin_isa::stick::{MAP_VERSION, memory};
use myelin_rtl::board::boards::{STICK_ECP5_HZ, stick_ecp5, stick_up5k};
use myelin_rtl::board::stick::{Compute, Config, stick_system};
use myelin_rtl::tensor::cell;
use myelin_rtl::tensor::packed_pe::MULTIPLIER_PAIR_ICE40;

use crate::project::{Family, Project, Source};

/// A board that open tools can make a bitstream for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Board {
    /// iCEBreaker and alike: iCE40UP5K, 4x4 MACs in hardware.
    StickUp5k,
    /// ULX3S and alike: LFE5U-85F, a tensor cell.
    StickEcp5,
}

/// As `firmware/build` makes them.
const BOOT_UP5K: &[u8] = include_bytes!("../firmware/boot-up5k.bin");
const STICK_UP5K: &[u8] = include_bytes!("../firmware/stick-up5k.bin");
const BOOT_ECP5: &[u8] = include_bytes!("../firmware/boot-ecp5.bin");
const STICK_ECP5: &[u8] = include_bytes!("../firmware/stick-ecp5.bin");

/// 25 MHz to the clock of the design: divider, multiplier, and the divider of the PLL's oscillator, which runs at 400 to 800 MHz.
const PLL_ECP5: [(u32, [u32; 3]); 11] = [
    (30, [5, 6, 18]),
    (35, [5, 7, 16]),
    (40, [5, 8, 15]),
    (45, [5, 9, 13]),
    (50, [1, 2, 12]),
    (55, [5, 11, 11]),
    (60, [5, 12, 10]),
    (65, [5, 13, 9]),
    (70, [5, 14, 8]),
    (75, [1, 3, 8]),
    (80, [5, 16, 7]),
];

/// How nextpnr places and routes the ECP5's board: the placer `heap` and router1 reach less, and take longer; without `--tmg-ripup` a
/// placement that ends at 80 MHz ends at 75.
const PLACE_ECP5: &[&str] =
    &["--85k", "--package", "CABGA381", "--speed", "6", "--placer", "static", "--router", "router2", "--tmg-ripup"];

impl Board {
    /// All of them.
    pub const ALL: [Board; 2] = [Board::StickUp5k, Board::StickEcp5];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Board::StickUp5k => "stick-up5k",
            Board::StickEcp5 => "stick-ecp5",
        }
    }

    /// What is in the soft core's RAM at power-up: boot code, and where there is room for it the firmware behind.
    pub fn firmware(self) -> Vec<u8> {
        match self {
            Board::StickUp5k => BOOT_UP5K.to_vec(),
            Board::StickEcp5 => {
                let mut ram = BOOT_ECP5.to_vec();
                ram.resize(memory::BOOT_BYTES as usize, 0);
                ram.extend_from_slice(STICK_ECP5);
                ram
            }
        }
    }

    /// The firmware's image alone, as it goes over the line to a stick that is there already.
    pub fn stick_image(self) -> &'static [u8] {
        match self {
            Board::StickUp5k => STICK_UP5K,
            Board::StickEcp5 => STICK_ECP5,
        }
    }

    /// The firmware for slot A of the flash, where it is not in RAM at power-up.
    pub fn slot(self) -> Option<Vec<u8>> {
        match self {
            Board::StickUp5k => Some(slot_image(STICK_UP5K, memory::SPRAM, 1)),
            Board::StickEcp5 => None,
        }
    }

    /// The target that models for it are compiled for: the one of its name with memories that the part has, and a cell that has
    /// been placed and routed. On the UP5K they lie in device memory, where firmware finds them.
    pub fn target(self) -> Target {
        let text = match self {
            Board::StickUp5k => "stick-up5k,activations=4096,weights=512,biases=64,accumulators=64,instructions=64",
            Board::StickEcp5 => "stick-ecp5,rows=8,columns=16,activations=32768,weights=1024",
        };
        text.parse().expect("invariant: the boards' targets are legal")
    }

    /// The project of its bitstream, with what is in the soft core's RAM at power-up.
    pub fn project(self, firmware: Vec<u8>) -> Project {
        match self {
            Board::StickUp5k => up5k(self.target().architecture, firmware),
            Board::StickEcp5 => ecp5(self.target().architecture, firmware),
        }
    }
}

fn up5k(architecture: Architecture, firmware: Vec<u8>) -> Project {
    let config = stick_up5k(architecture, firmware.clone());
    let pair = source("multiplier_pair.v", MULTIPLIER_PAIR_ICE40);
    let top = source("top.v", include_str!("../boards/stick_up5k.v"));
    Project {
        board: "stick-up5k",
        part: "iCE40UP5K-SG48",
        jtag_id: None,
        loader_board: "ice40_generic",
        family: Family::Ice40,
        place: &["--up5k", "--package", "sg48"],
        // `-dsp` miscompiles chains of PEs; the multipliers are placed by name.
        synthesis: "synth_ice40 -device u -abc9",
        top: "stick_up5k",
        sources: modules(&config)
            .into_iter()
            .filter(|file| file.name != pair.name)
            .chain([pair.clone(), top])
            .collect(),
        pins: include_str!("../boards/stick_up5k.pcf"),
        clock_mhz: f64::from(config.serial.clock_hz) / 1e6,
        aim_mhz: 24.0,
        seed: 1,
        parameters: config.architecture.to_string(),
        specification: config.architecture.specification(),
        firmware,
        slot: Board::StickUp5k.slot(),
    }
}

fn ecp5(architecture: Architecture, firmware: Vec<u8>) -> Project {
    let config = stick_ecp5(architecture, firmware.clone());
    let top = source("top.v", &ecp5_top(&config));
    Project {
        board: "stick-ecp5",
        part: "LFE5U-85F-6BG381C",
        jtag_id: Some(0x4111_3043),
        loader_board: "ulx3s",
        family: Family::Ecp5,
        place: PLACE_ECP5,
        synthesis: "synth_ecp5 -abc9",
        top: "stick_ecp5",
        sources: modules(&config).into_iter().chain([top]).collect(),
        pins: include_str!("../boards/stick_ecp5.lpf"),
        clock_mhz: f64::from(config.serial.clock_hz) / 1e6,
        aim_mhz: 80.0,
        seed: 2,
        parameters: config.architecture.to_string(),
        specification: config.architecture.specification(),
        firmware,
        slot: Board::StickEcp5.slot(),
    }
}

/// The board's own Verilog with the PLL's numbers, and the wires between system and cell: what one gives and the other takes under
/// the same name.
fn ecp5_top(config: &Config) -> String {
    let system = stick_system(config);
    let cell = cell::cell(&config.architecture);
    let (mut wires, mut of_system, mut of_cell) = (String::new(), String::new(), String::new());
    let mut connect =
        |from: &myelin_hdl::Module, to: &myelin_hdl::Module, (given, taken): (&mut String, &mut String)| {
            for output in &from.outputs {
                let Some(name) = output.name.strip_suffix("_o") else { continue };
                let input = format!("{name}_i");
                if let Some(port) = to.inputs.iter().find(|port| port.name == input) {
                    wires += &format!("  wire [{}:0] {name};\n", port.ty.width() - 1);
                    *given += &format!(",\n      .{}({name})", output.name);
                    *taken += &format!(",\n      .{input}({name})");
                }
            }
        };
    connect(&system, &cell, (&mut of_system, &mut of_cell));
    connect(&cell, &system, (&mut of_cell, &mut of_system));
    let [divider, multiplier, oscillator] = pll_ecp5(STICK_ECP5_HZ / 1_000_000);
    include_str!("../boards/stick_ecp5.v")
        .replace("@CLKI_DIV@", &divider.to_string())
        .replace("@CLKFB_DIV@", &multiplier.to_string())
        .replace("@CLKOP_DIV@", &oscillator.to_string())
        .replace("@CPHASE@", &(oscillator / 2).to_string())
        .replace("@WIRES@", wires.trim_end())
        .replace("@SYSTEM@", &of_system)
        .replace("@CELL@", &of_cell)
}

fn pll_ecp5(mhz: u32) -> [u32; 3] {
    let found = PLL_ECP5.into_iter().find(|(clock, _)| *clock == mhz);
    found.expect("invariant: the board's clock is one that its PLL makes").1
}

/// Everything below the board's own top.
fn modules(config: &Config) -> Vec<Source> {
    let system = Design::new(stick_system(config)).expect("the system's names are identifiers");
    let mut designs = vec![system];
    if config.compute != Compute::MacArray {
        designs.push(Design::new(cell::cell(&config.architecture)).expect("the cell's names are identifiers"));
    }
    let options = Options { source_comments: SourceComments::Omit, ..Options::default() };
    let mut files: Vec<Source> = Vec::new();
    for file in designs.iter().flat_map(|design| emit_with(design, options)) {
        let new = source(&file.name, &file.text);
        match files.iter().find(|file| file.name == new.name) {
            Some(same) => assert!(*same == new, "two modules are called {}", new.name),
            None => files.push(new),
        }
    }
    files
}

/// An image with its header, as it lies in a slot of the flash.
fn slot_image(image: &[u8], load_address: u32, family: u32) -> Vec<u8> {
    let header = Image {
        slot: Slot::A,
        counter: 1,
        length: image.len() as u32,
        checksum: SoftwareChecksum.checksum(&[image]),
        load_address,
        map_version: MAP_VERSION,
        family,
    };
    [&header.to_bytes(&mut SoftwareChecksum), image].concat()
}

fn source(name: &str, text: &str) -> Source {
    Source { name: name.to_owned(), text: text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use myelin_isa::stick::image_header;

    #[test]
    fn the_plls_of_all_clocks_are_within_their_range() {
        for (mhz, [divider, multiplier, oscillator]) in PLL_ECP5 {
            assert_eq!(25 * multiplier, mhz * divider, "{mhz}");
            assert!((400..=800).contains(&(mhz * oscillator)) && 25 / divider >= 5, "{mhz}");
        }
    }

    #[test]
    fn projects_are_the_same_each_time_and_name_their_pins() {
        for board in Board::ALL {
            let project = board.project(vec![0x13, 0, 0, 0]);
            assert_eq!(project.revision(), board.project(vec![0x13, 0, 0, 0]).revision());
            assert_eq!(project.board, board.name());
            let top = &project.sources.last().unwrap().text;
            assert!(
                top.contains(&format!("module {} (", project.top)) && !top.contains("@C") && !top.contains("S@"),
                "{top}"
            );
            for port in ["serial_rx_i", "serial_tx_o", "flash_data_i"] {
                assert!(project.pins.contains(port) && top.contains(port), "{port}");
            }
        }
    }

    #[test]
    fn a_slot_holds_an_image_that_the_boot_code_takes() {
        let slot = slot_image(&[1, 2, 3, 4], memory::SPRAM, 1);
        assert_eq!(slot.len(), 36);
        assert_eq!(slot[..4], image_header::MAGIC_VALUE.to_le_bytes());
        let sum = SoftwareChecksum.checksum(&[&slot[..28]]);
        assert_eq!(slot[28..32], sum.to_le_bytes());
    }

    #[test]
    fn every_port_between_system_and_cell_is_connected() {
        let top = ecp5_top(&stick_ecp5(Board::StickEcp5.target().architecture, Vec::new()));
        for name in
            ["request_valid", "response_valid", "store_acknowledge", "host_read_data", "host_write_data", "interrupt"]
        {
            assert_eq!(top.matches(&format!("({name})")).count(), 2, "{name}");
        }
    }
}
