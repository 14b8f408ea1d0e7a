//! A Cortex node over HTTP: asked for work again and again, since it tells nothing by itself.
//!
//! **Source**: the node's behaviour as observed: a height is won once; what is submitted for it later is
//! called true, and then the node ignores good solutions until it has made new work.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, Response, body::Incoming, header};
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc::Receiver;
use tokio::time::sleep_until;

use super::{Context, within};
use crate::endpoint::Endpoint;
use crate::error::PoolError;
use crate::statistics::Outcome;
use crate::wire::{LINE_BYTES_MAX, Malformed, Message, cortex};
use crate::work::{Job, Methods, Share, Work};

/// Failures in a row after which a node is gone.
const FAILURES_MAX: u32 = 3;
/// How long a height that was won is not worked on, whatever the node says.
const WON_REST: Duration = Duration::from_secs(3);

/// A node that has given work.
#[derive(Debug)]
pub(super) struct NodeClient {
    context: Arc<Context>,
    pool: usize,
    first: Option<Work>,
    /// The last block won.
    won: Option<(Arc<Job>, Instant)>,
    failures: u32,
    rejects: u32,
    next_poll: Instant,
    /// Blocks taken.
    pub accepted: u64,
}

impl NodeClient {
    /// Asks for work once.
    ///
    /// **Errors**: any [`PoolError`].
    pub async fn open(context: &Arc<Context>, pool: usize) -> Result<NodeClient, PoolError> {
        let mut node = NodeClient {
            context: context.clone(),
            pool,
            first: None,
            won: None,
            failures: 0,
            rejects: 0,
            next_poll: Instant::now(),
            accepted: 0,
        };
        node.first = Some(node.ask().await?);
        Ok(node)
    }

    /// Works until the node is gone.
    pub async fn run(&mut self, shares: &mut Receiver<Share>) -> PoolError {
        if let Some(work) = self.first.take() {
            self.post(work);
        }
        self.next_poll = Instant::now() + self.context.timing.poll;
        loop {
            let done = tokio::select! {
                Some(share) = shares.recv() => self.submit(share).await,
                () = sleep_until(self.next_poll.into()) => self.poll().await,
            };
            match done {
                Ok(()) => self.failures = 0,
                Err(error @ PoolError::Rejects { .. }) => return error,
                Err(error) => {
                    self.failures += 1;
                    if self.failures >= FAILURES_MAX {
                        return error;
                    }
                    tracing::debug!(%error, "node failed");
                    self.next_poll = Instant::now() + self.context.timing.poll;
                }
            }
        }
    }

    async fn poll(&mut self) -> Result<(), PoolError> {
        let work = self.ask().await?;
        self.post(work);
        self.next_poll = Instant::now() + self.context.timing.poll;
        Ok(())
    }

    /// Posts work unless it is of a height that was just won.
    fn post(&mut self, work: Work) {
        if self.won.as_ref().is_some_and(|(job, when)| is_won(job, *when, &work)) {
            return;
        }
        self.context.post(self.pool, work);
    }

    async fn submit(&mut self, share: Share) -> Result<(), PoolError> {
        if !self.context.is_wanted(self.pool, &share) {
            return Ok(());
        }
        let Work::Cortex { seal_hash, .. } = &share.job.work else { return Ok(()) };
        let body = cortex::submit(Methods::Ctxc, seal_hash, share.nonce, &share.proof, &self.context.account.worker);
        match self.call(body).await {
            Ok(Message::Accepted { .. }) => {
                self.context.count(&share, Outcome::Block);
                self.accepted += 1;
                self.rejects = 0;
                self.won = Some((share.job.clone(), Instant::now()));
                // Nothing more is to be had at this height.
                self.context.board.clear();
                self.next_poll = Instant::now();
                Ok(())
            }
            Ok(Message::Refused { why, .. }) => {
                let outcome = self.context.refused(&share, why.is_stale);
                tracing::warn!(words = why.words, "block refused");
                self.context.count(&share, outcome);
                self.rejects += u32::from(outcome == Outcome::Rejected);
                if self.rejects >= self.context.timing.rejects_max {
                    return Err(PoolError::Rejects { count: self.rejects });
                }
                Ok(())
            }
            Ok(Message::Job(_) | Message::Other) => {
                self.context.count(&share, Outcome::Unanswered);
                Err(PoolError::Nonsense { count: 1, last: Malformed::Shape })
            }
            Err(error) => {
                self.context.count(&share, Outcome::Unanswered);
                Err(error)
            }
        }
    }

    async fn ask(&self) -> Result<Work, PoolError> {
        match self.call(cortex::ask_node()).await? {
            Message::Job(work) => Ok(work),
            Message::Refused { why, .. } => Err(PoolError::NoWork { message: why.words }),
            Message::Accepted { .. } | Message::Other => {
                self.context.statistics.count_malformed(self.pool);
                Err(PoolError::Nonsense { count: 1, last: Malformed::Shape })
            }
        }
    }

    /// One question and its answer, on a connection of its own.
    async fn call(&self, body: String) -> Result<Message, PoolError> {
        let endpoint = &self.context.endpoints[self.pool];
        let answer = within(self.context.timing.exchange, "ask", self.exchange(endpoint, body)).await??;
        cortex::read(&answer).map_err(|last| {
            self.context.statistics.count_malformed(self.pool);
            PoolError::Nonsense { count: 1, last }
        })
    }

    async fn exchange(&self, endpoint: &Endpoint, body: String) -> Result<Bytes, PoolError> {
        let stream = self.context.connect(endpoint).await?;
        let mut http = http1::Builder::new();
        let http = http.max_buf_size(LINE_BYTES_MAX).handshake(TokioIo::new(stream));
        let (mut sender, connection) = http.await.map_err(failed)?;
        let path = match endpoint {
            Endpoint::Node { path, .. } => path.as_str(),
            Endpoint::Stratum { .. } => "/",
        };
        let request = Request::post(path)
            .header(header::HOST, endpoint.authority())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONNECTION, "close")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| PoolError::Connection { doing: "ask", source: std::io::Error::other(error) })?;
        let exchange = async {
            let answer: Response<Incoming> = sender.send_request(request).await.map_err(failed)?;
            let status = answer.status();
            // The node calls errors of JSON-RPC 200, too.
            if !status.is_success() {
                return Err(PoolError::Http { doing: "ask", status: status.as_u16() });
            }
            let body = Limited::new(answer.into_body(), LINE_BYTES_MAX).collect().await;
            Ok(body.map_err(|_| PoolError::TooLong { limit: LINE_BYTES_MAX })?.to_bytes())
        };
        tokio::pin!(exchange, connection);
        let mut is_open = true;
        loop {
            tokio::select! {
                answer = &mut exchange => return answer,
                // What it has read stays readable when the peer has closed it.
                _ = &mut connection, if is_open => is_open = false,
            }
        }
    }
}

fn failed(error: hyper::Error) -> PoolError {
    PoolError::Connection { doing: "ask", source: std::io::Error::other(error) }
}

/// Whether work is of the block that was won: the same for ever, its height for a while.
fn is_won(won: &Job, when: Instant, work: &Work) -> bool {
    work.is_same(&won.work) || (when.elapsed() < WON_REST && work.is_same_block(&won.work))
}
