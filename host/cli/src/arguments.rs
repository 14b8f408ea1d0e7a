//! The command line. Help, completions and man pages come from these definitions.

use std::ops::Range;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use myelin_driver::{Selector, parse_precision, parse_size};
use myelin_isa::{Architecture, MultiplierStyle, Precision};

use crate::bench::BenchDesign;
use crate::cuckoo_arguments::{CuckooCommand, SolveArguments};
use crate::mine_arguments::MineArguments;
use crate::plan_arguments::PlanCommand;

mod bitstream;
mod compile;
mod explore;
mod health;
mod node;

pub use bitstream::{BitstreamCommand, BitstreamVerifyArguments, BuildArguments, FlashArguments, SetupArguments};
pub use compile::CompileArguments;
pub use explore::{ExploreArguments, Values};
pub use health::{DevicesArguments, DoctorArguments, FirmwareArguments, SelftestArguments, StickArguments};
pub(crate) use node::seconds;
pub use node::{
    BenchArguments, BenchCommand, BenchInferArguments, EvictionChoice, LogChoice, ModelBuildArguments, ModelCommand,
    Peer, ServeArguments, VerifyArguments,
};

/// Infer, simulate and emit hardware for exact integer networks.
///
/// Data goes to standard output, everything else to standard error. A closed pipe is a clean exit.
#[derive(Parser, Debug)]
#[command(name = "myelin", version, propagate_version = true, max_term_width = 100)]
#[command(after_long_help = EXIT_CODES)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How it looks.
    #[command(flatten)]
    pub terminal: TerminalArguments,
}

/// The documented exit codes; [`crate::failure::Exit`] has them as an enum.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  ran, and the answer is no (not exact with golden, an assertion failed)
  2  usage: the command line is wrong
  3  input: a file cannot be read or is not what it should be
  4  unsupported: the device cannot run this model
  5  device: the device failed
  6  output: a file cannot be written
  7  network: an address cannot be listened on, a package cannot be fetched";

/// What every command understands.
#[derive(Args, Debug)]
pub struct TerminalArguments {
    /// Colour on standard output.
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = ColourChoice::Auto, global = true)]
    pub color: ColourChoice,
    /// Progress on standard error.
    #[arg(long, value_enum, value_name = "HOW", default_value_t = ProgressChoice::Auto, global = true)]
    pub progress: ProgressChoice,
}

/// When to colour.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ColourChoice {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Even in a pipe.
    Always,
    /// Not at all.
    Never,
}

/// How to show progress.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProgressChoice {
    /// A bar on a terminal, else lines.
    Auto,
    /// A bar that redraws itself.
    Bar,
    /// A few lines.
    Counter,
    /// Nothing.
    None,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Recognise a handwritten digit on a simulated systolic array.
    ///
    /// Everything needed is inside this binary: the network (four convolutions and a dense layer,
    /// in the chain's own model format) and 899 pictures of 8x8 pixels that it was not trained on.
    /// The answer is compared with the golden model, bit by bit.
    #[command(after_help = "Examples:
  myelin demo
  myelin demo --index 7 --device sim:8x8
  myelin demo --int6")]
    Demo(DemoArguments),
    /// Run a model on an input.
    ///
    /// The input is a NumPy array of integers: one input of the model's shape, or a batch of which
    /// --index picks one and --all runs every one. --all compares each answer with the golden model.
    #[command(after_help = "Examples:
  myelin infer --model models/digits_int8 --input models/digits_int8/input.npy \\
    --check
  myelin infer --model models/digits_int6 --input models/digits_int6/input.npy \\
    --index 3 --device sim:8x8:int6
  myelin infer --model models/digits_int8 --input models/digits_int8/input.npy \\
    --device golden --json
  myelin infer --model models/digits_int8 --input models/digits_int8/input.npy \\
    --device sim:12x10 --all
  myelin infer --model models/digits_int8 --input models/digits_int8/input.npy \\
    --vcd waves.vcd --scope tensor_cell.sequencer")]
    Infer(InferArguments),
    /// Simulate a design with its own bench: speed, waves, coverage.
    ///
    /// The bench drives the design with seeded traffic and compares every answer. Designs:
    ///
    ///   cell:<rows>x<columns>[:int6]  the tensor cell on the digits network, picture after picture
    ///   fifo[:<depth>]                the queue between two halting ends
    ///   skid_buffer                   the stream register between two halting ends
    ///   overflow                      a queue with a planted fault, to see an assertion fail
    ///
    /// A failing assertion is named with its cycle, and the cycles before it are in a wave file.
    #[command(
        verbatim_doc_comment,
        after_help = "Examples:
  myelin sim cell:8x8 --cycles 20000
  myelin sim fifo --cycles 100000 --seed 7 --coverage
  myelin sim cell:4x4 --cycles 3000 --fst waves.fst --window 1000:1200 \\
    --scope tensor_cell.sequencer
  myelin sim skid_buffer --cycles 1000 --vcd waves.vcd --json"
    )]
    Sim(SimArguments),
    /// Draw a design's blocks and their ports as SVG.
    #[command(after_help = "Examples:
  myelin hierarchy --cell 8x8 -o cell.svg
  myelin hierarchy --cell 16x16 --precision int6 --depth 1 -o top.svg")]
    Hierarchy(HierarchyArguments),
    /// Show a model's layers, shapes, precisions and cost, or build a well-known one.
    #[command(
        args_conflicts_with_subcommands = true,
        subcommand_negates_reqs = true,
        after_help = "Examples:
  myelin model models/digits_int8
  myelin model models/digits_int6 --json
  myelin model build squeezenet1.1 -o squeezenet"
    )]
    Model(ModelArguments),
    /// Compile a model for a card or a stick, and predict what it does, cycle by cycle.
    ///
    /// Weights, maps and instructions stream from external memory where they do not fit on chip. The
    /// prediction is that of the timing model, which counts the cycles of the hardware.
    #[command(after_help = "Examples:
  myelin compile squeezenet1.1 --target card-u50 --report
  myelin compile models/digits_int6 --target stick-up5k --int6 --json
  myelin compile squeezenet1.1 --target card-u50,cells=4,memory=ddr4 \\
    --roofline roofline.svg --timeline timeline.svg
  myelin compile models/digits_int8 --target stick-ecp5 --disassembly digits.s")]
    Compile(CompileArguments),
    /// Measure this machine.
    #[command(after_help = "Examples:
  myelin bench infer --network digits_int8 --rounds 3")]
    Bench(BenchArguments),
    /// Answer a full node's inferences over HTTP.
    ///
    /// POST /infer is the protocol of an unmodified node (`cortex --infer.devicetype=remote://HOST:PORT`);
    /// GET /healthz, /metrics (Prometheus) and /models are for people and monitors. Requests under way
    /// are answered before it ends on SIGTERM or SIGINT. The address goes to standard output, the
    /// log to standard error. What a device gets wrong is computed again on the processor and
    /// counted in the metrics.
    #[command(after_help = "Examples:
  myelin serve --listen 127.0.0.1:0 --storage models --for 0
  myelin serve --listen 127.0.0.1:0 --storage models --device sim:8x8 \\
    --models-mib 1024 --eviction fifo --log json --for 0")]
    Serve(ServeArguments),
    /// Recompute recorded answers and report those that differ.
    ///
    /// A record is one JSON object on a line; # begins a remark:
    ///
    ///   {"model":"digits_int8","input":"0x00..","expected":"0x04f2.."}
    ///   {"model":"digits_int8","file":"digits_int8/input.npy","expected":"0x04f2..","code":0}
    ///
    /// Paths are relative to the list. Inputs and answers are in the chain's byte order; `code` is
    /// 0, or the class of the error that is expected: 1 logic, 2 runtime. Exit code 1 if one differs.
    #[command(
        verbatim_doc_comment,
        after_help = "Examples:
  myelin verify models/recorded.jsonl
  myelin verify models/recorded.jsonl --device cpu:scalar --json"
    )]
    Verify(VerifyArguments),
    /// Write a tensor cell as Verilog.
    ///
    /// One file for each distinct module, readable, accepted without warnings by Verilator, Icarus
    /// and Yosys. The top module is `tensor_cell`.
    #[command(after_help = "Examples:
  myelin verilog --cell 16x16 -o verilog16
  myelin verilog --cell 8x8 --precision int6 -o verilog8 --json
  myelin verilog --cell 16x16 --pack dsp48e2 -o verilog-dsp48e2")]
    Verilog(VerilogArguments),
    /// Find the proofs of work of one graph.
    ///
    /// Prints each proof's edges, one proof a line, as `cuckoo verify --proof` takes them; each has been
    /// judged by the golden model. Exit code 1 if the graph has none: about one in 42 has one of 42
    /// edges. A graph of the Cortex chain takes --variant cuckaroo --edge-bits 30 --sip 4-8, the seal hash
    /// as --header, and 8 GiB, or 2 GiB and more time.
    #[command(after_help = "Examples:
  myelin solve --variant cuckaroo --edge-bits 19 --header 6d79656c696e \\
    --nonce 2 --device cpu
  myelin solve --variant cuckatoo --edge-bits 10 --proof-size 8 \\
    --header 6d79656c696e --nonce 14 --threads 1 --memory 64M --json
  myelin solve --variant cuckatoo --edge-bits 10 --proof-size 8 \\
    --header 6d79656c696e --nonce 14 --device sim:cuckoo-10")]
    Solve(SolveArguments),
    /// Mine: find proofs of work for a pool or a node.
    ///
    /// Speaks the Cortex chain's dialect of stratum and its nodes' getWork, and Grin's stratum. When a pool
    /// fails the next one is tried; the first is taken again when it is back. Every proof is judged by the
    /// golden model before it is sent. A table goes to standard output now and then, the log to standard
    /// error. It ends on SIGTERM or SIGINT.
    #[command(after_help = "Examples:
  myelin mine --pool stratum+tcp://127.0.0.1:8008 \\
    --wallet 0xa5f2c7c78e90e01b21d25dc0971b63e7a50f88a6 --device cpu --for 0
  myelin mine --node http://127.0.0.1:8545 --memory 4G \\
    --listen 127.0.0.1:0 --for 0 --json
  myelin mine --chain grin --pool stratum+tcp://127.0.0.1:3416 --edge-bits 15 \\
    --pool stratum+tcp://127.0.0.1:3417 --wallet me --worker rig --for 0")]
    Mine(MineArguments),
    /// Judge proofs of work and trim their graphs.
    #[command(
        subcommand,
        after_help = "Examples:
  myelin cuckoo verify --variant cuckatoo --edge-bits 10 --proof-size 8 \\
    --header 6d79656c696e --nonce 14 --proof 352,370,384,460,679,713,836,965
  myelin cuckoo trim --variant cuckaroo --edge-bits 16 --keys 1,2,3,4 --rounds 8"
    )]
    Cuckoo(CuckooCommand),
    /// Say what a design would do on a board.
    #[command(
        subcommand,
        after_help = "Examples:
  myelin plan cuckoo --board u55c --edge-bits 30"
    )]
    Plan(PlanCommand),
    /// Time a model on many designs and say which are worth building.
    ///
    /// Every point of the sweep is compiled and timed, cycle by cycle as the hardware counts, in parallel.
    #[command(after_help = "Examples:
  myelin explore models/digits_int8 --target custom --rows 4..16 --columns 4..16
  myelin explore squeezenet1.1 --cells 4..16 --memory hbm,ddr4 -o explore.svg")]
    Explore(ExploreArguments),
    /// List the devices of this machine and what a --device can name.
    ///
    /// Of `infer`, `demo`, `verify`, `serve` and `bench` those that run inference; of `solve`, `cuckoo trim` and `mine`
    /// those that trim graphs: cpu, and sim:cuckoo-<edge bits>[:<lanes>].
    #[command(after_help = "Examples:
  myelin devices
  myelin devices --json")]
    Devices(DevicesArguments),
    /// Be a stick: the real firmware behind a pseudo terminal, as if it were plugged in.
    ///
    /// Says under which selector, and goes on until it is told to end. Its cell is computed by the firmware, exactly and
    /// fast; its flash is empty at the start and keeps what it is given while it is pulled. With --rtl it is a board's design
    /// with its firmware's image, simulated cycle by cycle.
    #[command(after_help = "Examples:
  myelin stick --path stick --for 1
  myelin stick --path stick --rtl stick-up5k --for 1
  myelin stick --path stick --digits 2
  myelin stick --path stick --faults drop=5,unplug=1,seed=7 --for 1 --json")]
    Stick(StickArguments),
    /// Make the bitstreams of boards, and check that they are what they say.
    #[command(
        subcommand,
        after_help = "Examples:
  myelin bitstream build stick-up5k -o new --plan
  myelin bitstream verify bitstreams/images/stick-up5k.json --quick"
    )]
    Bitstream(BitstreamCommand),
    /// Write a bitstream to a board, by openFPGALoader.
    ///
    /// Nothing is written unless board, part, specification and image are those of the manifest.
    #[command(after_help = "Examples:
  myelin flash bitstreams/images/stick-up5k.json --check")]
    Flash(FlashArguments),
    /// Show what a stick is and has been through; give it new firmware over the line.
    ///
    /// New firmware goes into the slot of the flash that does not run; until it is whole the stick keeps what it has, and goes
    /// back to that if the new does not come up (exit code 1). (`tty:stick` is there while `myelin stick` runs.)
    #[command(after_help = "Examples:
  myelin firmware --device tty:stick
  myelin firmware --device tty:stick --json
  myelin firmware --device tty:stick --update \\
    --image bitstreams/firmware/stick-ecp5.bin")]
    Firmware(FirmwareArguments),
    /// Say what this machine has and lacks: processor, sticks, permissions, tools.
    ///
    /// Exit code 1 if something is plugged in that this user cannot use.
    #[command(after_help = "Examples:
  myelin doctor
  myelin doctor --json")]
    Doctor(DoctorArguments),
    /// Test a device: pictures through the digits networks, every value held against golden.
    ///
    /// Of a stick its memory, flash and core besides. Exit code 1 if a test failed.
    #[command(after_help = "Examples:
  myelin selftest
  myelin selftest --device sim:8x8 --pictures 3 --json")]
    Selftest(SelftestArguments),
    /// Print a shell's completion script.
    #[command(after_help = "Examples:
  myelin completions bash
  myelin completions zsh
  myelin completions fish")]
    Completions(CompletionsArguments),
    /// Write the manual pages, or print the first.
    #[command(after_help = "Examples:
  myelin man
  myelin man -o man1")]
    Man(ManArguments),
}

/// Arguments of `myelin demo`.
#[derive(Args, Debug)]
pub struct DemoArguments {
    /// Which picture, 0 to 898.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub index: usize,
    /// Where to run [default: sim:16x16, with --int6 sim:16x16:int6]; `myelin devices` lists what there is.
    #[arg(long, value_name = "SELECTOR")]
    pub device: Option<Selector>,
    /// The network with 6-bit weights and activations instead of 8.
    #[arg(long)]
    pub int6: bool,
}

/// Arguments of `myelin infer`.
#[derive(Args, Debug)]
pub struct InferArguments {
    /// Folder with `symbol` and `params`, the chain's model format.
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// NumPy array of integers, one input or a batch.
    #[arg(long, value_name = "FILE.npy")]
    pub input: PathBuf,
    /// Which input of a batch.
    #[arg(long, value_name = "N", default_value_t = 0, conflicts_with = "all")]
    pub index: usize,
    /// Where to run; `myelin devices` lists what there is.
    #[arg(long, value_name = "SELECTOR", default_value = "sim:16x16")]
    pub device: Selector,
    /// Compare with the golden model; exit code 1 if a bit differs.
    #[arg(long)]
    pub check: bool,
    /// Run every input of the batch and compare each with the golden model.
    #[arg(long, conflicts_with = "wave_file")]
    pub all: bool,
    /// Waves of the run (simulated devices).
    #[command(flatten)]
    pub waves: WaveArguments,
    /// Instance whose waves to write, with all below it; everything unless given. Repeatable.
    #[arg(long, value_name = "PATH", requires = "wave_file")]
    pub scope: Vec<String>,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// Which waves to write.
#[derive(Args, Debug)]
pub struct WaveArguments {
    /// Write waves as VCD: text that every viewer reads.
    #[arg(long, value_name = "FILE", group = "wave_file")]
    pub vcd: Option<PathBuf>,
    /// Write waves as FST: compressed, for GTKWave and Surfer.
    #[arg(long, value_name = "FILE", group = "wave_file")]
    pub fst: Option<PathBuf>,
    /// Cycles of the run whose waves to write: the first, counted from 0, and the one after the last.
    #[arg(long, value_name = "FROM:TO", requires = "wave_file", value_parser = window)]
    pub window: Option<Range<u64>>,
}

/// Arguments of `myelin sim`.
#[derive(Args, Debug)]
pub struct SimArguments {
    /// Which design.
    #[arg(value_name = "DESIGN")]
    pub design: BenchDesign,
    /// Clock cycles to simulate, at least; a cell ends with a whole picture.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub cycles: u64,
    /// Chooses the traffic, or the first picture.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Waves of the run.
    #[command(flatten)]
    pub waves: WaveArguments,
    /// Instance to trace and cover, with all below it; everything unless given. Repeatable.
    #[arg(long, value_name = "PATH")]
    pub scope: Vec<String>,
    /// Report cover points and register bits that never rose or fell.
    #[arg(long)]
    pub coverage: bool,
    /// Where to write the waves before a failing assertion, VCD if it ends in .vcd, else FST.
    #[arg(long, value_name = "FILE", default_value = "failure.fst")]
    pub failure_waves: PathBuf,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `myelin hierarchy`.
#[derive(Args, Debug)]
pub struct HierarchyArguments {
    /// Rows and columns of the array, 4 to 32 each.
    #[arg(long, value_name = "ROWSxCOLUMNS", value_parser = cell_size)]
    pub cell: (u32, u32),
    /// Width of activations and weights.
    #[arg(long, value_name = "int6|int8", default_value = "int8", value_parser = precision)]
    pub precision: Precision,
    /// Levels below the top to draw; all unless given.
    #[arg(long, value_name = "N")]
    pub depth: Option<usize>,
    /// File to write.
    #[arg(short, long, value_name = "FILE.svg")]
    pub output: PathBuf,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `myelin model`.
#[derive(Args, Debug)]
pub struct ModelArguments {
    /// Build instead of show.
    #[command(subcommand)]
    pub command: Option<ModelCommand>,
    /// Folder with `symbol` and `params`, the chain's model format; write ./build for one called build.
    #[arg(value_name = "DIR", required = true)]
    pub model: Option<PathBuf>,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `myelin verilog`.
#[derive(Args, Debug)]
pub struct VerilogArguments {
    /// Rows and columns of the array, 4 to 32 each.
    #[arg(long, value_name = "ROWSxCOLUMNS", value_parser = cell_size)]
    pub cell: (u32, u32),
    /// Width of activations and weights.
    #[arg(long, value_name = "int6|int8", default_value = "int8", value_parser = precision)]
    pub precision: Precision,
    /// Which multiplier to write the PEs for: plain, dsp48e2, dsp48e2-dense, dsp48e1, mult18x19,
    /// mult18x18 or mac16. Several products share one, exactly; ports, cycles and answers are the same.
    #[arg(long, value_name = "STYLE", default_value_t)]
    pub pack: MultiplierStyle,
    /// Folder to write to; made if it is missing.
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `myelin completions`.
#[derive(Args, Debug)]
pub struct CompletionsArguments {
    /// For which shell.
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// Arguments of `myelin man`.
#[derive(Args, Debug)]
pub struct ManArguments {
    /// Folder to write one page for each command to; made if it is missing.
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

fn cell_size(text: &str) -> Result<(u32, u32), String> {
    let (rows, columns) = parse_size(text).ok_or("expected <rows>x<columns> as in 16x16")?;
    // Sides do not depend on the precision.
    Architecture::new(rows, columns, Precision::Int8).map_err(|error| error.to_string())?;
    Ok((rows, columns))
}

fn window(text: &str) -> Result<Range<u64>, String> {
    let parts = text.split_once(':').and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    match parts {
        Some((from, to)) if from < to => Ok(from..to),
        _ => Err("expected <from>:<to> in cycles, from below to, as in 1000:1200".to_owned()),
    }
}

fn precision(text: &str) -> Result<Precision, String> {
    parse_precision(text).ok_or_else(|| "expected int6 or int8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn cells_outside_the_legal_sizes_are_refused_with_the_range() {
        assert!(cell_size("3x8").unwrap_err().contains("4 to 32"));
        assert_eq!(cell_size("12x10"), Ok((12, 10)));
    }

    #[test]
    fn windows_are_two_rising_cycles() {
        assert_eq!(window("10:20"), Ok(10..20));
        for wrong in ["10", "20:10", "5:5", ":", "a:b", "-1:4"] {
            assert!(window(wrong).unwrap_err().contains("<from>:<to>"), "{wrong}");
        }
    }
}
