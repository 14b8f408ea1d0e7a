//! Arguments of `myelin mine`, and what they mean.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use myelin_driver::TrimmerSelector;
use myelin_pow::{Account, Chain, Endpoint, Methods, MinerConfig, Rules, Timing, Until};

use crate::arguments::{LogChoice, seconds};
use crate::cuckoo_arguments::CpuSolverArguments;

/// Arguments of `myelin mine`.
#[derive(Args, Debug)]
pub struct MineArguments {
    /// A pool, stratum+tcp://HOST:PORT, or with TLS stratum+ssl://HOST:PORT. Repeatable: the first is preferred, the
    /// others stand behind it.
    #[arg(long, value_name = "URL", value_parser = pool, required_unless_present = "node")]
    pub pool: Vec<Endpoint>,
    /// A Cortex node's JSON-RPC, http://HOST:PORT or https://HOST:PORT, started with --mine and --miner.coinbase. Repeatable;
    /// nodes come after all pools.
    #[arg(long, value_name = "URL", value_parser = node)]
    pub node: Vec<Endpoint>,
    /// Trust the certificates in this file (PEM), an authority's or a pool's own, besides the well-known
    /// authorities. Repeatable.
    #[arg(long, value_name = "FILE")]
    pub tls_ca: Vec<PathBuf>,
    /// Whose graphs, and whose dialect of stratum.
    #[arg(long, value_enum, value_name = "NAME", default_value_t = ChainName::Cortex)]
    pub chain: ChainName,
    /// Wallet or account that pools credit; nodes know their own.
    #[arg(long, value_name = "NAME", required_unless_present = "node", default_value = "", hide_default_value = true)]
    pub wallet: String,
    /// Password, if the pool wants one.
    #[arg(long, value_name = "TEXT")]
    pub password: Option<String>,
    /// Name of this machine, as the pool shows it.
    #[arg(long, value_name = "NAME", default_value = "myelin")]
    pub worker: String,
    /// How a Cortex pool's methods are called.
    #[arg(long, value_enum, value_name = "PREFIX", default_value_t = MethodPrefix::Ctxc)]
    pub methods: MethodPrefix,
    /// Binary logarithm of the number of edges [default: 30 for cortex, 32 for grin]; others are for test chains.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(10..=32))]
    pub edge_bits: Option<u32>,
    /// Edges of a proof, even, 2 to 256; other than 42 is for test chains.
    #[arg(long, value_name = "N", default_value_t = 42)]
    pub proof_size: usize,
    /// What solves: cpu, or sim:cuckoo-<edge bits>[:<lanes>], a core simulated cycle by cycle. Repeatable; each
    /// device has nonces of its own.
    #[arg(long, value_name = "SELECTOR", default_value = "cpu")]
    pub device: Vec<TrimmerSelector>,
    /// With what of the processor.
    #[command(flatten)]
    pub cpu: CpuSolverArguments,
    /// Serve status here: / in JSON, /metrics for Prometheus, /healthz. Port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// How often to print the table.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub report: Duration,
    /// End by itself after so long.
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    pub duration: Option<Duration>,
    /// End by itself after so many accepted shares.
    #[arg(long, value_name = "N")]
    pub shares: Option<NonZeroU64>,
    /// Draw nonces and waits from this seed instead of the system's chance.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// How log lines look.
    #[arg(long, value_enum, value_name = "text|json", default_value_t = LogChoice::Text)]
    pub log: LogChoice,
    /// Log jobs and shares too, not only what goes wrong.
    #[arg(long)]
    pub verbose: bool,
    /// Print reports as JSON, one object a line.
    #[arg(long)]
    pub json: bool,
}

/// Whose graphs.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChainName {
    /// Cuckaroo with SipHash-4-8.
    Cortex,
    /// Cuckatoo.
    Grin,
}

/// How methods are called.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum MethodPrefix {
    /// As `ctxc_getWork`.
    Ctxc,
    /// As `eth_getWork`.
    Eth,
}

impl MineArguments {
    /// The chain's rules.
    ///
    /// **Errors**: a proof size that none can have.
    pub fn rules(&self) -> Result<Rules, myelin_cuckoo::Error> {
        let chain = match self.chain {
            ChainName::Cortex => Chain::Cortex,
            ChainName::Grin => Chain::Grin,
        };
        Rules::new(chain, self.edge_bits.unwrap_or_else(|| Rules::main(chain).edge_bits()), self.proof_size)
    }

    /// What the miner is told.
    pub fn config(&self, rules: Rules) -> MinerConfig {
        MinerConfig {
            rules,
            endpoints: self.pool.iter().chain(&self.node).cloned().collect(),
            account: Account {
                login: self.wallet.clone(),
                password: self.password.clone(),
                worker: self.worker.clone(),
                methods: match self.methods {
                    MethodPrefix::Ctxc => Methods::Ctxc,
                    MethodPrefix::Eth => Methods::Eth,
                },
            },
            timing: Timing::default(),
            trusted: self.tls_ca.clone(),
            listen: self.listen,
            seed: self.seed,
        }
    }

    /// When to end.
    pub fn until(&self) -> Until {
        Until { time: self.duration, shares: self.shares.map(NonZeroU64::get) }
    }
}

fn pool(text: &str) -> Result<Endpoint, String> {
    match text.parse() {
        Ok(Endpoint::Node { .. }) => Err("that is a node's address, give it with --node".to_owned()),
        Ok(pool) => Ok(pool),
        Err(error) => Err(error.to_string()),
    }
}

fn node(text: &str) -> Result<Endpoint, String> {
    match text.parse() {
        Ok(Endpoint::Stratum { .. }) => Err("that is a pool's address, give it with --pool".to_owned()),
        Ok(node) => Ok(node),
        Err(error) => Err(error.to_string()),
    }
}
