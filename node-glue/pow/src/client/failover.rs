//! Which endpoint is used, and for how long none is tried.

use std::sync::Arc;
use std::time::Instant;

use rand::Rng;
use tokio::sync::mpsc::Receiver;
use tokio::time::sleep;

use super::Context;
use super::node::NodeClient;
use super::stratum::Stratum;
use crate::backoff::Backoff;
use crate::endpoint::Endpoint;
use crate::error::PoolError;
use crate::work::Share;

/// A connection of either kind that has given work.
enum Session {
    Stratum(Box<Stratum>),
    Node(Box<NodeClient>),
}

impl Session {
    async fn open(context: &Arc<Context>, pool: usize) -> Result<Session, PoolError> {
        Ok(match context.endpoints[pool] {
            Endpoint::Stratum { .. } => Session::Stratum(Box::new(Stratum::open(context, pool).await?)),
            Endpoint::Node { .. } => Session::Node(Box::new(NodeClient::open(context, pool).await?)),
        })
    }

    async fn run(&mut self, shares: &mut Receiver<Share>) -> PoolError {
        match self {
            Session::Stratum(stratum) => stratum.run(shares).await,
            Session::Node(node) => node.run(shares).await,
        }
    }

    fn accepted(&self) -> u64 {
        match self {
            Session::Stratum(stratum) => stratum.accepted,
            Session::Node(node) => node.accepted,
        }
    }
}

/// Keeps a connection for ever: the first endpoint that gives work, and the next when that fails.
///
/// Endpoints are tried in their order, all of them before a wait; waits are random and grow to a cap. One
/// that had served well is tried again first. While another than the first is used, the first is tried
/// now and then, and taken as soon as it gives work.
pub(crate) async fn mine(context: Arc<Context>, mut shares: Receiver<Share>, mut rng: impl Rng) {
    let timing = &context.timing;
    let mut backoff = Backoff::new(timing.backoff, timing.backoff_max);
    let (mut pool, mut ready) = (0, None);
    let mut lost = Instant::now();
    loop {
        let opened = match ready.take() {
            Some(session) => Ok(session),
            None => Session::open(&context, pool).await,
        };
        let mut was_good = false;
        let error = match opened {
            Err(error) => error,
            Ok(mut session) => {
                tracing::info!(pool = %context.endpoints[pool], "connected");
                context.statistics.count_connection(pool);
                let begun = Instant::now();
                let error = tokio::select! {
                    error = session.run(&mut shares) => error,
                    first = first_again(&context, pool) => {
                        tracing::info!("the first pool is back");
                        (pool, ready) = (0, Some(first));
                        continue;
                    }
                };
                lost = Instant::now();
                let rejects = matches!(error, PoolError::Rejects { .. });
                was_good = !rejects && (session.accepted() > 0 || begun.elapsed() >= timing.good);
                error
            }
        };
        context.statistics.count_pool_failure(pool);
        let reason = std::error::Error::source(&error).map(ToString::to_string);
        let hint = error.hint();
        tracing::warn!(pool = %context.endpoints[pool], %error, reason, hint, "no connection");
        if lost.elapsed() >= timing.linger {
            context.board.clear();
        }
        if was_good {
            backoff.reset();
        } else {
            pool = (pool + 1) % context.endpoints.len();
        }
        if was_good || pool == 0 {
            sleep(backoff.next(&mut rng)).await;
        }
    }
}

/// Ends when the first endpoint gives work; never where that is in use.
async fn first_again(context: &Arc<Context>, pool: usize) -> Session {
    if pool == 0 {
        std::future::pending::<()>().await;
    }
    loop {
        sleep(context.timing.return_to_first).await;
        match Session::open(context, 0).await {
            Ok(session) => return session,
            Err(error) => tracing::debug!(%error, "the first pool is not back"),
        }
    }
}
