//! The connection: one pool or node at a time, the next when it fails.
//!
//! Every wait here has a deadline in [`Timing`], every queue a length.

mod failover;
mod node;
mod stratum;
mod transport;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

pub(crate) use failover::mine;
pub(crate) use transport::Connector;

use crate::board::{Board, Posted};
use crate::endpoint::Endpoint;
use crate::error::PoolError;
use crate::statistics::{Outcome, Statistics};
use crate::work::{Job, Methods, Rules, Share, Work};

/// Who mines, as pools are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The wallet's address or the account's name; nodes are not told.
    pub login: String,
    /// The password; pools of the Cortex dialect are told only if there is one.
    pub password: Option<String>,
    /// Name of this machine.
    pub worker: String,
    /// How the Cortex dialect's methods are called.
    pub methods: Methods,
}

/// How long to wait for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// A connection to be made.
    pub connect: Duration,
    /// The first job after a connection.
    pub first_job: Duration,
    /// A line to be taken, a node's answer.
    pub exchange: Duration,
    /// Silence after which a pool is asked something.
    pub keepalive: Duration,
    /// Silence after which a pool is gone.
    pub silence: Duration,
    /// A share's answer.
    pub answer: Duration,
    /// From question to question to a node.
    pub poll: Duration,
    /// First wait before all endpoints are tried again; it doubles.
    pub backoff: Duration,
    /// Longest wait before all endpoints are tried again.
    pub backoff_max: Duration,
    /// Life after which a connection that ends was a good one: it is tried again first, without growing waits.
    pub good: Duration,
    /// How often the first endpoint is tried while another one is used.
    pub return_to_first: Duration,
    /// How long devices go on with the last job when there is no connection.
    pub linger: Duration,
    /// Shares rejected in a row after which the next endpoint is tried.
    pub rejects_max: u32,
}

impl Default for Timing {
    fn default() -> Timing {
        let seconds = Duration::from_secs;
        Timing {
            connect: seconds(10),
            first_job: seconds(20),
            exchange: seconds(10),
            keepalive: seconds(30),
            silence: seconds(90),
            answer: seconds(30),
            poll: Duration::from_millis(500),
            backoff: seconds(1),
            backoff_max: seconds(60),
            good: seconds(60),
            return_to_first: seconds(300),
            linger: seconds(60),
            rejects_max: 10,
        }
    }
}

/// What every connection works with.
#[derive(Debug)]
pub(crate) struct Context {
    pub endpoints: Vec<Endpoint>,
    pub rules: Rules,
    pub account: Account,
    pub timing: Timing,
    pub connector: Connector,
    pub board: Arc<Board>,
    pub statistics: Arc<Statistics>,
}

impl Context {
    /// Hangs up work of a pool.
    fn post(&self, pool: usize, work: Work) {
        let height = work.height();
        match self.board.post(Job { pool, work }) {
            Posted::Same => {}
            Posted::Refresh => {
                self.statistics.count_job(pool);
                tracing::debug!(height, "job refreshed");
            }
            Posted::NewBlock => {
                self.statistics.count_job(pool);
                tracing::info!(height, "new block to work on");
            }
        }
    }

    /// Whether this pool wants the share still; if not, it is counted.
    fn is_wanted(&self, pool: usize, share: &Share) -> bool {
        let wanted = share.job.pool == pool && self.board.wants(&share.job);
        if !wanted {
            self.count(share, Outcome::Stale);
        }
        wanted
    }

    fn count(&self, share: &Share, outcome: Outcome) {
        self.statistics.count_outcome(share.device, share.job.pool, outcome);
        tracing::info!(device = share.device, height = share.job.work.height(), ?outcome, "share");
    }

    /// What a refusal means, of which the peer may not say why.
    fn refused(&self, share: &Share, is_stale: Option<bool>) -> Outcome {
        let is_stale = is_stale.unwrap_or_else(|| !self.board.wants(&share.job));
        if is_stale { Outcome::Stale } else { Outcome::Rejected }
    }

    /// A stream to the endpoint, encrypted if it says so.
    async fn connect(&self, endpoint: &Endpoint) -> Result<transport::Stream, PoolError> {
        within(self.timing.connect, "connect", self.connector.connect(endpoint)).await?
    }
}

/// **Errors**: [`PoolError::Silent`] when the time is up.
async fn within<T>(time: Duration, doing: &'static str, future: impl Future<Output = T>) -> Result<T, PoolError> {
    timeout(time, future).await.map_err(|_| PoolError::Silent { doing, seconds: time.as_secs() })
}
