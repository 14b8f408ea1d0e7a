//! What a bitstream is made of.

use std::fmt;

use sha2::{Digest, Sha256};

/// Which tools place a design.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// Lattice ECP5: nextpnr-ecp5, ecppack.
    Ecp5,
    /// Lattice iCE40: nextpnr-ice40, icepack.
    Ice40,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Family::Ecp5 => "ecp5",
            Family::Ice40 => "ice40",
        })
    }
}

/// A file of a project.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// Its name, without folders.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// Everything that goes into a bitstream. The same project and the same tools give the same bytes.
#[derive(Clone, PartialEq, Debug)]
pub struct Project {
    /// Name of the board, as in `stick-ecp5`.
    pub board: &'static str,
    /// Part number, with package and speed.
    pub part: &'static str,
    /// JTAG identity of the part, as openFPGALoader shows it; `None` if it has none.
    pub jtag_id: Option<u32>,
    /// openFPGALoader's name of the board.
    pub loader_board: &'static str,
    /// Tools.
    pub family: Family,
    /// What nextpnr is told of the part, as `--85k --package CABGA381 --speed 6`.
    pub place: &'static [&'static str],
    /// What Yosys does after it has read the sources, up to the netlist: `synth_ecp5` with its options.
    pub synthesis: &'static str,
    /// Top module.
    pub top: &'static str,
    /// Verilog.
    pub sources: Vec<Source>,
    /// Pins: an LPF file for ECP5, a PCF file for iCE40.
    pub pins: &'static str,
    /// The clock that has to be met, in MHz.
    pub clock_mhz: f64,
    /// What nextpnr is asked for, in MHz: it goes on where it would be content with less.
    pub aim_mhz: f64,
    /// Of nextpnr's placer.
    pub seed: u32,
    /// The parameters of the design, for people.
    pub parameters: String,
    /// Specification hash of the cell.
    pub specification: u64,
    /// What is in the soft core's RAM at power-up.
    pub firmware: Vec<u8>,
    /// What goes into slot A of the flash besides ([`myelin_isa::stick::flash_layout::SLOT_A`]).
    pub slot: Option<Vec<u8>>,
}

impl Project {
    /// SHA-256 over names and contents of all that goes in, in hexadecimal digits: the revision of the sources.
    pub fn revision(&self) -> String {
        let mut hash = Sha256::new();
        let mut add = |part: &[u8]| {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        };
        for source in &self.sources {
            add(source.name.as_bytes());
            add(source.text.as_bytes());
        }
        for text in [self.board, self.part, self.synthesis, self.top, self.pins, &self.parameters] {
            add(text.as_bytes());
        }
        self.place.iter().for_each(|argument| add(argument.as_bytes()));
        add(&self.clock_mhz.to_bits().to_le_bytes());
        add(&self.aim_mhz.to_bits().to_le_bytes());
        add(&self.seed.to_le_bytes());
        add(&self.specification.to_le_bytes());
        add(&self.firmware);
        add(self.slot.as_deref().unwrap_or_default());
        hexadecimal(&hash.finalize())
    }
}

/// SHA-256 of bytes, in hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
