//! Arguments of `myelin bitstream` and `myelin flash`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use myelin_bitstream::Board;

/// What to do with bitstreams.
#[derive(Subcommand, Debug)]
pub enum BitstreamCommand {
    /// Install the pinned tools from PyPI.
    ///
    /// Yosys, nextpnr and the packers, as WebAssembly, into a Python environment of their own. What is there stays.
    #[command(after_help = "Examples:
  myelin bitstream setup")]
    Setup(SetupArguments),
    /// Build a board's bitstream: Yosys, nextpnr, packer.
    ///
    /// Writes the image and a manifest that says what it was made of, how fast it is and what of the part it takes. A
    /// clock that is missed is an error.
    #[command(after_help = "Examples:
  myelin bitstream build stick-up5k -o new --plan
  myelin bitstream build stick-ecp5 -o new --plan --json")]
    Build(BuildArguments),
    /// Build a bitstream again and compare it with the one that is there, byte for byte.
    #[command(after_help = "Examples:
  myelin bitstream verify bitstreams/images/stick-up5k.json --quick")]
    Verify(BitstreamVerifyArguments),
}

/// Arguments of `myelin bitstream setup`.
#[derive(Args, Debug)]
pub struct SetupArguments {
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// A board, on the command line.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum BoardName {
    /// iCEBreaker and alike.
    StickUp5k,
    /// ULX3S with LFE5U-85F and alike.
    StickEcp5,
}

impl From<BoardName> for Board {
    fn from(name: BoardName) -> Board {
        match name {
            BoardName::StickUp5k => Board::StickUp5k,
            BoardName::StickEcp5 => Board::StickEcp5,
        }
    }
}

/// Arguments of `myelin bitstream build`.
#[derive(Args, Debug)]
pub struct BuildArguments {
    /// For which board.
    #[arg(value_enum)]
    pub board: BoardName,
    /// What is in the soft core's RAM at power-up [default: the firmware inside this binary].
    #[arg(long, value_name = "FILE")]
    pub firmware: Option<PathBuf>,
    /// Folder for image, manifest and what the tools leave; made if it is missing.
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    /// Only say what goes in and what would be run.
    #[arg(long)]
    pub plan: bool,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `myelin bitstream verify`.
#[derive(Args, Debug)]
pub struct BitstreamVerifyArguments {
    /// The manifest; the image is beside it.
    #[arg(value_name = "MANIFEST.json")]
    pub manifest: PathBuf,
    /// What was in the soft core's RAM at power-up [default: the firmware inside this binary].
    #[arg(long, value_name = "FILE")]
    pub firmware: Option<PathBuf>,
    /// Do not build: hold only the image's hash and the sources' against the manifest.
    #[arg(long)]
    pub quick: bool,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `myelin flash`.
#[derive(Args, Debug)]
pub struct FlashArguments {
    /// The manifest of a bitstream; the image is beside it.
    #[arg(value_name = "MANIFEST.json")]
    pub manifest: PathBuf,
    /// What was in the soft core's RAM at power-up [default: the firmware inside this binary].
    #[arg(long, value_name = "FILE")]
    pub firmware: Option<PathBuf>,
    /// Load the bitstream without writing it: it is gone at power-off.
    #[arg(long)]
    pub volatile: bool,
    /// Do everything but the writing.
    #[arg(long)]
    pub check: bool,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}
