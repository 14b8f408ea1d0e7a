//! Arguments of the commands around a node and its workload: `serve`, `verify`, `model build`, `bench`.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use myelin_driver::Selector;
use myelin_zoo::Architecture;

use crate::commands::Workload;

/// Arguments of `myelin serve`.
#[derive(Args, Debug)]
pub struct ServeArguments {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:4321")]
    pub listen: SocketAddr,
    /// Folder with the chain's files: DIR/<infohash>/data for inputs, DIR/<infohash>/data/symbol and params for models.
    #[arg(long, value_name = "DIR")]
    pub storage: PathBuf,
    /// What computes first; the processor stands behind every other device. Given several times, the devices share the work.
    #[arg(long, value_name = "SELECTOR", default_value = "cpu")]
    pub device: Vec<Selector>,
    /// One answer in so many of a device is computed again on the processor; 1 checks all, and only
    /// that keeps every wrong bit from the node.
    #[arg(long, value_name = "N", default_value = "1")]
    pub check_every: NonZeroU32,
    /// Most threads of one inference.
    #[arg(long, value_name = "N", default_value = "1")]
    pub threads: NonZeroUsize,
    /// Memory for prepared models, and the most that loading one may take.
    #[arg(long, value_name = "MIB", default_value_t = 4096, value_parser = clap::value_parser!(u64).range(1..=1 << 30))]
    pub models_mib: u64,
    /// Memory for remembered answers.
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u64).range(..=1 << 30))]
    pub results_mib: u64,
    /// Which prepared model goes when there is no room: the one unused for longest, or the first that came.
    #[arg(long, value_enum, value_name = "lru|fifo", default_value_t = EvictionChoice::Lru)]
    pub eviction: EvictionChoice,
    /// Inferences at a time [default: one for each processor].
    #[arg(long, value_name = "N")]
    pub workers: Option<NonZeroUsize>,
    /// Requests that may wait for a worker; further ones are refused at once with 503.
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub queue: usize,
    /// How log lines look.
    #[arg(long, value_enum, value_name = "text|json", default_value_t = LogChoice::Text)]
    pub log: LogChoice,
    /// Log every request.
    #[arg(long)]
    pub verbose: bool,
    /// End by itself after so long.
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    pub duration: Option<Duration>,
    /// Say where it listens in JSON.
    #[arg(long)]
    pub json: bool,
}

/// Which prepared model goes first.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum EvictionChoice {
    /// The one unused for longest.
    Lru,
    /// The one that came first.
    Fifo,
}

/// How log lines look.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogChoice {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Arguments of `myelin verify`.
#[derive(Args, Debug)]
pub struct VerifyArguments {
    /// The list.
    #[arg(value_name = "LIST")]
    pub list: PathBuf,
    /// What computes; the processor stands behind every other device. May be given several times.
    #[arg(long, value_name = "SELECTOR", default_value = "cpu")]
    pub device: Vec<Selector>,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// What else `myelin model` does.
#[derive(Subcommand, Debug)]
pub enum ModelCommand {
    /// Write a well-known network with seeded weights in the chain's format.
    ///
    /// The folder then holds `symbol`, `params` and `input.npy`, a seeded input. The networks are
    /// a workload: shapes, multiply-accumulates and sizes are the published ones, the answers mean
    /// nothing. The same seed gives the same bytes on every machine.
    #[command(after_help = "Examples:
  myelin model build squeezenet1.1 -o squeezenet
  myelin model build nin -o nin --seed 7 --json")]
    Build(ModelBuildArguments),
}

/// Arguments of `myelin model build`.
#[derive(Args, Debug)]
pub struct ModelBuildArguments {
    /// caffenet, nin, squeezenet1.1, vgg16, vgg19, inception-bn, resnet50, resnet152 or resnext101-64x4d.
    #[arg(value_name = "NAME")]
    pub name: Architecture,
    /// Folder to write to; made if it is missing.
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    /// Chooses weights and input.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Weights and activations of six bits instead of eight.
    #[arg(long)]
    pub int6: bool,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `myelin bench`.
#[derive(Args, Debug)]
pub struct BenchArguments {
    /// What to measure.
    #[command(subcommand)]
    pub command: BenchCommand,
}

/// What `myelin bench` measures.
#[derive(Subcommand, Debug)]
pub enum BenchCommand {
    /// Inference on this processor: every network on every path of kernels, one thread.
    ///
    /// Times are CPU time of the thread, the least of the rounds; paths take turns, and their
    /// answers must agree to the bit. A path that has used two seconds on a network is not run
    /// again there, so that the portable one ends. With --against onnxruntime the same shapes are
    /// run, in turns with ours, as a u8s8 QDQ model on one thread of onnxruntime, which is
    /// installed from PyPI into target/onnxruntime-venv on first use (needs python3 with venv).
    /// An installed one is used without asking. With --layers --against onednn the 3x3 layers are
    /// run by oneDNN, too. A ratio above 1 means that Myelin is faster.
    #[command(after_help = "Examples:
  myelin bench infer --network digits_int8 --network digits_int6 --rounds 3
  myelin bench infer --network squeezenet1.1 --path avx2 --path scalar \\
    --rounds 1 --json
  myelin bench infer --network digits_int8 --picture bench.svg")]
    Infer(BenchInferArguments),
}

/// Arguments of `myelin bench infer`.
#[derive(Args, Debug)]
pub struct BenchInferArguments {
    /// Which network or layer; the nine networks and both digits networks unless given. Repeatable.
    #[arg(long, value_name = "NAME")]
    pub network: Vec<Workload>,
    /// The 3x3 convolution layers instead of networks.
    #[arg(long, conflicts_with = "network")]
    pub layers: bool,
    /// Which kernels; all that this machine has unless given. Repeatable.
    #[arg(long, value_name = "PATH")]
    pub path: Vec<myelin_cpu::Path>,
    /// How often each is run.
    #[arg(long, value_name = "N", default_value = "7")]
    pub rounds: NonZeroU32,
    /// A peer to install and compare with.
    #[arg(long, value_enum, value_name = "PEER")]
    pub against: Option<Peer>,
    /// Instead: time from the files of this model to its first answer, read, check and pack included.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["network", "layers", "against", "picture"])]
    pub cold: Option<PathBuf>,
    /// Draw the speeds as SVG.
    #[arg(long, value_name = "FILE.svg")]
    pub picture: Option<PathBuf>,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// Whom to compare with.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Peer {
    /// onnxruntime from PyPI, in target/onnxruntime-venv.
    Onnxruntime,
    /// The system's oneDNN (Debian: libdnnl-dev), with a program compiled in target/onednn-bench; for --layers.
    Onednn,
}

/// A time in seconds, whole or not.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| "expected seconds as in 60 or 0.5".to_owned())
}
