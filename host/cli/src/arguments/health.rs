//! Arguments of the commands that look after devices.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use myelin_board::FaultScript;
use myelin_compile::Target;
use myelin_driver::Selector;

use super::bitstream::BoardName;
use super::seconds;

/// Arguments of `myelin devices`.
#[derive(Args, Debug)]
pub struct DevicesArguments {
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `myelin doctor`.
#[derive(Args, Debug)]
pub struct DoctorArguments {
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `myelin selftest`.
#[derive(Args, Debug)]
pub struct SelftestArguments {
    /// What to test; `myelin devices` lists what there is.
    #[arg(long, value_name = "SELECTOR", default_value = "cpu")]
    pub device: Selector,
    /// Pictures to recognise, 1 to 899.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=899))]
    pub pictures: u16,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `myelin firmware`.
#[derive(Args, Debug)]
pub struct FirmwareArguments {
    /// The stick.
    #[arg(long, value_name = "SELECTOR")]
    pub device: Selector,
    /// Give it new firmware: what this program has for its board, or --image.
    #[arg(long)]
    pub update: bool,
    /// The image to give it.
    #[arg(long, value_name = "FILE", requires = "update")]
    pub image: Option<PathBuf>,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `myelin stick`.
#[derive(Args, Debug)]
pub struct StickArguments {
    /// Where to put it: a path that becomes a link to a pseudo terminal.
    #[arg(long, value_name = "PATH", default_value = "stick")]
    pub path: PathBuf,
    /// The cell that it stands for, and its precision.
    #[arg(long, value_name = "TARGET", default_value = "stick-ecp5")]
    pub target: Target,
    /// Device memory, in KiB.
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(4..=1 << 20))]
    pub memory: u32,
    /// Simulate a board instead, cycle by cycle: its bitstream's design and its firmware, far slower than the board. It has the
    /// cell and the memory that it has.
    #[arg(long, value_name = "BOARD", conflicts_with_all = ["target", "memory"])]
    pub rtl: Option<BoardName>,
    /// Recognise so many digits over the line, say how long it took from power-up on, and end; 1 to 899.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=899))]
    pub digits: Option<u16>,
    /// What goes wrong on the line: `all`, or rates of a thousand pieces of 64 bytes, as in drop=5,unplug=1,seed=7.
    #[arg(long, value_name = "SCRIPT", default_value = "seed=0")]
    pub faults: FaultScript,
    /// End after so many seconds.
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    pub duration: Option<Duration>,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}
