//! A miner: devices on threads of their own, one connection, one status service.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use tokio::runtime;
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::board::Board;
use crate::client::{Account, Connector, Context, Timing, mine};
use crate::endpoint::Endpoint;
use crate::error::{MineError, SolveError};
use crate::nonce::Nonces;
use crate::service;
use crate::solver::GraphSolver;
use crate::statistics::{Report, Statistics};
use crate::work::{Chain, Rules};
use crate::worker::Worker;

/// Shares that may wait for a connection.
const SHARES_WAITING_MAX: usize = 256;
/// How often it is looked whether enough shares were accepted.
const LOOK: Duration = Duration::from_millis(50);

type Open = dyn Fn() -> Result<Box<dyn GraphSolver>, SolveError> + Send;

/// Something that solves graphs, not opened yet.
pub struct Device {
    /// Its selector.
    pub name: String,
    /// Opens it; called again after it has failed.
    pub(crate) open: Box<Open>,
}

impl Device {
    /// A device of this name.
    pub fn new(
        name: impl Into<String>,
        open: impl Fn() -> Result<Box<dyn GraphSolver>, SolveError> + Send + 'static,
    ) -> Device {
        Device { name: name.into(), open: Box::new(open) }
    }
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Device({})", self.name)
    }
}

/// What to mine, for whom, and where to tell of it.
#[derive(Debug, Clone)]
pub struct MinerConfig {
    /// The chain's rules.
    pub rules: Rules,
    /// Pools and nodes, the preferred first.
    pub endpoints: Vec<Endpoint>,
    /// Who mines.
    pub account: Account,
    /// How long to wait for what.
    pub timing: Timing,
    /// Files of certificates (PEM) to trust besides the well-known authorities.
    pub trusted: Vec<PathBuf>,
    /// Where to serve status, if anywhere; port 0 takes a free one.
    pub listen: Option<SocketAddr>,
    /// What nonces and waits are drawn from; from the system if `None`.
    pub seed: Option<u64>,
}

/// When to end by itself. Signals end a miner in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Until {
    /// After so long.
    pub time: Option<Duration>,
    /// After so many shares were accepted.
    pub shares: Option<u64>,
}

/// A running miner. Dropping it ends it.
#[derive(Debug)]
pub struct Miner {
    runtime: Option<runtime::Runtime>,
    threads: Vec<JoinHandle<()>>,
    board: Arc<Board>,
    statistics: Arc<Statistics>,
    address: Option<SocketAddr>,
}

impl Miner {
    /// Starts devices, connection and status service.
    ///
    /// **Errors**: [`MineError`]. That no endpoint can be reached is none: they are tried until one can.
    pub fn start(config: MinerConfig, devices: Vec<Device>) -> Result<Miner, MineError> {
        check(&config, &devices)?;
        let connector = Connector::new(&config.trusted)?;
        let start = |what| move |source| MineError::Start { what, source };
        let names = devices.iter().map(|device| device.name.clone());
        let addresses = config.endpoints.iter().map(ToString::to_string);
        let board = Arc::new(Board::new());
        let mut rng = match config.seed {
            Some(seed) => ChaCha20Rng::seed_from_u64(seed),
            None => ChaCha20Rng::from_rng(&mut rand::rng()),
        };
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).thread_name("pool").enable_all().build();
        let mut miner = Miner {
            runtime: Some(runtime.map_err(start("threads"))?),
            threads: Vec::new(),
            board: board.clone(),
            statistics: Arc::new(Statistics::new(names, addresses)),
            address: None,
        };
        if let Some(listen) = config.listen {
            let status = service::Status { board: board.clone(), statistics: miner.statistics.clone() };
            miner.address = Some(service::start(miner.runtime(), listen, status)?);
        }
        let (sender, shares) = mpsc::channel(SHARES_WAITING_MAX);
        let count = devices.len();
        for (index, device) in devices.into_iter().enumerate() {
            let worker = Worker {
                index,
                device,
                nonces: Nonces::of_device(index, count, &mut rng),
                rules: config.rules,
                board: board.clone(),
                statistics: miner.statistics.clone(),
                shares: sender.clone(),
            };
            let thread = std::thread::Builder::new().name(format!("device-{index}"));
            miner.threads.push(thread.spawn(move || worker.run()).map_err(start("a device's thread"))?);
        }
        let MinerConfig { rules, endpoints, account, timing, .. } = config;
        let statistics = miner.statistics.clone();
        let context = Context { endpoints, rules, account, timing, connector, board, statistics };
        miner.runtime().spawn(mine(Arc::new(context), shares, rng));
        Ok(miner)
    }

    fn runtime(&self) -> &runtime::Runtime {
        self.runtime.as_ref().expect("invariant: taken only when dropped")
    }

    /// Where status is served.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// All counters now.
    pub fn report(&self) -> Report {
        self.statistics.report(self.board.job().as_deref().map(|job| &job.work))
    }

    /// Waits until the process is told to end (SIGTERM or SIGINT) or `until` has come; reports `every` so
    /// often.
    ///
    /// **Errors**: [`MineError::Start`]; what `on_report` fails with.
    pub fn wait<E: From<MineError>>(
        &self,
        until: Until,
        every: Duration,
        mut on_report: impl FnMut(&Report) -> Result<(), E>,
    ) -> Result<(), E> {
        use tokio::signal::unix::{SignalKind, signal};
        let start = |source| MineError::Start { what: "signal handlers", source };
        let wait = async {
            let mut interrupt = signal(SignalKind::interrupt()).map_err(start)?;
            let mut terminate = signal(SignalKind::terminate()).map_err(start)?;
            let begun = Instant::now();
            let mut reported = begun;
            loop {
                let is_up = until.time.is_some_and(|time| begun.elapsed() >= time);
                if is_up || until.shares.is_some_and(|shares| self.statistics.accepted() >= shares) {
                    return Ok(());
                }
                if reported.elapsed() >= every {
                    reported = Instant::now();
                    on_report(&self.report())?;
                }
                let left = until.time.map_or(LOOK, |time| time.saturating_sub(begun.elapsed()));
                tokio::select! {
                    _ = interrupt.recv() => return Ok(()),
                    _ = terminate.recv() => return Ok(()),
                    () = sleep(left.min(LOOK)) => {}
                }
            }
        };
        self.runtime().block_on(wait)
    }

    /// Ends everything, within the time a device takes to hear of it; answers the last counters.
    pub fn stop(mut self) -> Report {
        self.end();
        self.statistics.report(None)
    }

    fn end(&mut self) {
        self.board.stop();
        if let Some(runtime) = self.runtime.take() {
            // Connections are dropped where they wait; a name being looked up is not waited for.
            runtime.shutdown_timeout(Duration::from_secs(1));
        }
        for thread in self.threads.drain(..) {
            // A device's panic was caught on its thread.
            let _ = thread.join();
        }
    }
}

impl Drop for Miner {
    fn drop(&mut self) {
        self.end();
    }
}

fn check(config: &MinerConfig, devices: &[Device]) -> Result<(), MineError> {
    if config.endpoints.is_empty() {
        return Err(MineError::NoEndpoint);
    }
    if devices.is_empty() {
        return Err(MineError::NoDevice);
    }
    let chain = config.rules.chain();
    let node = config.endpoints.iter().find(|endpoint| matches!(endpoint, Endpoint::Node { .. }));
    match node {
        Some(node) if chain != Chain::Cortex => {
            Err(MineError::Mixed { endpoint: node.to_string(), found: Chain::Cortex.name(), expected: chain.name() })
        }
        _ => Ok(()),
    }
}
