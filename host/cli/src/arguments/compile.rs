//! Arguments of `myelin compile`.

use std::path::PathBuf;

use clap::Args;
use myelin_compile::Target;

/// Arguments of `myelin compile`.
#[derive(Args, Debug)]
pub struct CompileArguments {
    /// Folder with `symbol` and `params`, or the name of a network as `model build` takes it.
    #[arg(value_name = "MODEL")]
    pub model: String,
    /// card-u50, card-a10, stick-ecp5, stick-up5k or custom, with changes as in card-u50,cells=4,memory=ddr4.
    #[arg(long, value_name = "TARGET", default_value = "card-u50")]
    pub target: Target,
    /// Six bits instead of eight.
    #[arg(long)]
    pub int6: bool,
    /// Every layer: its division among the cells, cycles, bytes, and what bounds it.
    #[arg(long)]
    pub report: bool,
    /// Draw the layers under the roofs of arithmetic and bandwidth.
    #[arg(long, value_name = "FILE.svg")]
    pub roofline: Option<PathBuf>,
    /// Draw how many cells load, compute, drain and store, over time.
    #[arg(long, value_name = "FILE.svg")]
    pub timeline: Option<PathBuf>,
    /// Write the instructions of every cell as text.
    #[arg(long, value_name = "FILE")]
    pub disassembly: Option<PathBuf>,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}
