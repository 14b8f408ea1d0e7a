//! A pool over TCP: lines of JSON in the dialect of its chain.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::sync::mpsc::Receiver;
use tokio::time::sleep_until;

use super::transport::Stream;
use super::{Account, Context, within};
use crate::error::PoolError;
use crate::statistics::Outcome;
use crate::wire::{LineReader, Malformed, Message, Refusal, cortex, grin};
use crate::work::{Chain, Share, Work};

/// Messages without sense in a row after which a peer is no pool.
const NONSENSE_MAX: u32 = 20;
/// Most lines taken in a second.
const LINES_PER_SECOND_MAX: u32 = 500;
/// Most shares waiting for answers.
const PENDING_MAX: usize = 256;
/// Ids of Grin's questions; shares count on from here.
const GRIN_LOGIN_ID: u64 = 1;
const GRIN_WORK_ID: u64 = 2;
const GRIN_KEEPALIVE_ID: u64 = 3;
const GRIN_FIRST_SHARE_ID: u64 = 10;

/// A connection that has given work.
#[derive(Debug)]
pub(super) struct Stratum {
    context: Arc<Context>,
    pool: usize,
    lines: LineReader<ReadHalf<Stream>>,
    write: WriteHalf<Stream>,
    /// Shares sent and not answered, the oldest first.
    pending: VecDeque<Pending>,
    next_share_id: u64,
    /// The work of the opening, until it is posted.
    first: Option<Work>,
    heard: Instant,
    asked: Instant,
    nonsense: u32,
    rejects: u32,
    /// Lines in the second that began then.
    second: (Instant, u32),
    /// Shares taken.
    pub accepted: u64,
}

#[derive(Debug)]
struct Pending {
    id: u64,
    share: Share,
    sent: Instant,
}

impl Stratum {
    /// Connects, logs in, and waits for the first job.
    ///
    /// **Errors**: any [`PoolError`].
    pub async fn open(context: &Arc<Context>, pool: usize) -> Result<Stratum, PoolError> {
        let stream = context.connect(&context.endpoints[pool]).await?;
        let (read, write) = split(stream);
        let now = Instant::now();
        let mut stratum = Stratum {
            context: context.clone(),
            pool,
            lines: LineReader::new(read),
            write,
            pending: VecDeque::new(),
            next_share_id: GRIN_FIRST_SHARE_ID,
            first: None,
            heard: now,
            asked: now,
            nonsense: 0,
            rejects: 0,
            second: (now, 0),
            accepted: 0,
        };
        within(context.timing.first_job, "log in", stratum.log_in()).await??;
        Ok(stratum)
    }

    async fn log_in(&mut self) -> Result<(), PoolError> {
        let account = &self.context.account;
        let agent = concat!("myelin/", env!("CARGO_PKG_VERSION"));
        let password = account.password.as_deref();
        let (line, login_id) = match self.chain() {
            Chain::Cortex => {
                (cortex::login(account.methods, &account.login, password, &account.worker), cortex::LOGIN_ID)
            }
            Chain::Grin => (grin::login(GRIN_LOGIN_ID, &account.login, password.unwrap_or(""), agent), GRIN_LOGIN_ID),
        };
        self.send(&line).await?;
        let mut is_logged_in = false;
        while !is_logged_in || self.first.is_none() {
            match self.next_message().await? {
                Some(Message::Accepted { id, .. }) if id == Some(login_id) => {
                    is_logged_in = true;
                    self.ask_for_work().await?;
                }
                Some(Message::Refused { id, why }) if id == Some(login_id) || !is_logged_in => {
                    return Err(PoolError::LoginRefused { message: why.words });
                }
                Some(Message::Refused { why, .. }) => return Err(PoolError::NoWork { message: why.words }),
                Some(Message::Job(work)) => self.first = Some(work),
                Some(Message::Accepted { .. } | Message::Other) | None => {}
            }
        }
        Ok(())
    }

    /// Works until something fails. Begins with the job that the opening got.
    pub async fn run(&mut self, shares: &mut Receiver<Share>) -> PoolError {
        if let Some(work) = self.first.take() {
            self.context.post(self.pool, work);
        }
        loop {
            if let Err(error) = self.step(shares).await {
                return error;
            }
        }
    }

    async fn step(&mut self, shares: &mut Receiver<Share>) -> Result<(), PoolError> {
        let wake = self.wake();
        let chain = self.chain();
        tokio::select! {
            line = self.lines.next() => {
                let message = read(chain, line?);
                let message = self.weigh(message)?;
                self.take(message)
            }
            // No more shares come when the miner ends; then this is dropped, too.
            Some(share) = shares.recv() => self.submit(share).await,
            () = sleep_until(wake.into()) => self.keep_alive().await,
        }
    }

    fn chain(&self) -> Chain {
        self.context.rules.chain()
    }

    async fn next_message(&mut self) -> Result<Option<Message>, PoolError> {
        let chain = self.chain();
        let message = read(chain, self.lines.next().await?);
        self.weigh(message)
    }

    /// Counts what a peer says, and what it says that makes no sense.
    fn weigh(&mut self, message: Option<Result<Message, Malformed>>) -> Result<Option<Message>, PoolError> {
        let now = Instant::now();
        self.heard = now;
        if now.duration_since(self.second.0) >= Duration::from_secs(1) {
            self.second = (now, 0);
        }
        self.second.1 += 1;
        if self.second.1 > LINES_PER_SECOND_MAX {
            return Err(PoolError::Flood { limit: LINES_PER_SECOND_MAX });
        }
        match message {
            None => Ok(None),
            Some(Ok(message)) => {
                self.nonsense = 0;
                Ok(Some(message))
            }
            Some(Err(malformed)) => {
                self.nonsense += 1;
                self.context.statistics.count_malformed(self.pool);
                tracing::debug!(%malformed, "message ignored");
                if self.nonsense >= NONSENSE_MAX {
                    return Err(PoolError::Nonsense { count: self.nonsense, last: malformed });
                }
                Ok(None)
            }
        }
    }

    fn take(&mut self, message: Option<Message>) -> Result<(), PoolError> {
        match message {
            Some(Message::Job(work)) => self.context.post(self.pool, work),
            Some(Message::Accepted { id, is_block }) => {
                if let Some(share) = self.answered(id) {
                    self.rejects = 0;
                    self.accepted += 1;
                    self.context.count(&share, if is_block { Outcome::Block } else { Outcome::Accepted });
                }
            }
            Some(Message::Refused { id, why }) => return self.take_refusal(id, &why),
            Some(Message::Other) | None => {}
        }
        Ok(())
    }

    fn take_refusal(&mut self, id: Option<u64>, why: &Refusal) -> Result<(), PoolError> {
        let Some(share) = self.answered(id) else {
            tracing::debug!(id, words = why.words, "refused what is not waited for");
            return Ok(());
        };
        let outcome = self.context.refused(&share, why.is_stale);
        tracing::warn!(words = why.words, "share refused");
        self.context.count(&share, outcome);
        if outcome == Outcome::Rejected {
            self.rejects += 1;
            if self.rejects >= self.context.timing.rejects_max {
                return Err(PoolError::Rejects { count: self.rejects });
            }
        }
        Ok(())
    }

    /// The share that an answer is to: in the Cortex dialect all have one id, and answers come in order.
    fn answered(&mut self, id: Option<u64>) -> Option<Share> {
        let at = self.pending.iter().position(|pending| Some(pending.id) == id)?;
        self.pending.remove(at).map(|pending| pending.share)
    }

    async fn submit(&mut self, share: Share) -> Result<(), PoolError> {
        if !self.context.is_wanted(self.pool, &share) {
            return Ok(());
        }
        let Account { methods, worker, .. } = &self.context.account;
        let edge_bits = self.context.rules.edge_bits();
        let (id, line) = match &share.job.work {
            Work::Cortex { seal_hash, .. } => {
                (cortex::SUBMIT_ID, cortex::submit(*methods, seal_hash, share.nonce, &share.proof, worker))
            }
            Work::Grin { height, job_id, .. } => {
                let id = self.next_share_id;
                (id, grin::submit(id, *height, *job_id, share.nonce, edge_bits, &share.proof))
            }
        };
        self.next_share_id += 1;
        if self.pending.len() == PENDING_MAX {
            self.give_up_oldest();
        }
        self.pending.push_back(Pending { id, share, sent: Instant::now() });
        self.send(&line).await
    }

    fn give_up_oldest(&mut self) {
        if let Some(pending) = self.pending.pop_front() {
            self.context.count(&pending.share, Outcome::Unanswered);
        }
    }

    /// When there is something to do though nothing is heard.
    fn wake(&self) -> Instant {
        let timing = &self.context.timing;
        let quiet = (self.heard.max(self.asked) + timing.keepalive).min(self.heard + timing.silence);
        match self.pending.front() {
            Some(pending) => quiet.min(pending.sent + timing.answer),
            None => quiet,
        }
    }

    async fn keep_alive(&mut self) -> Result<(), PoolError> {
        let timing = &self.context.timing;
        let (keepalive, silence, answer) = (timing.keepalive, timing.silence, timing.answer);
        if self.heard.elapsed() >= silence {
            return Err(PoolError::Silent { doing: "wait for work", seconds: silence.as_secs() });
        }
        while self.pending.front().is_some_and(|pending| pending.sent.elapsed() >= answer) {
            self.give_up_oldest();
        }
        if self.heard.max(self.asked).elapsed() >= keepalive {
            self.asked = Instant::now();
            return match self.chain() {
                Chain::Cortex => self.ask_for_work().await,
                Chain::Grin => self.send(&grin::keepalive(GRIN_KEEPALIVE_ID)).await,
            };
        }
        Ok(())
    }

    async fn ask_for_work(&mut self) -> Result<(), PoolError> {
        let line = match self.chain() {
            Chain::Cortex => cortex::ask_pool(self.context.account.methods),
            Chain::Grin => grin::ask(GRIN_WORK_ID),
        };
        self.send(&line).await
    }

    async fn send(&mut self, line: &str) -> Result<(), PoolError> {
        let line = format!("{line}\n");
        let write = async {
            self.write.write_all(line.as_bytes()).await?;
            // TLS may hold back what was written.
            self.write.flush().await
        };
        let written = within(self.context.timing.exchange, "write", write).await?;
        written.map_err(|source| PoolError::Connection { doing: "write", source })
    }
}

/// What a line says; nothing if it is empty.
fn read(chain: Chain, line: &[u8]) -> Option<Result<Message, Malformed>> {
    match chain {
        _ if line.iter().all(u8::is_ascii_whitespace) => None,
        Chain::Cortex => Some(cortex::read(line)),
        Chain::Grin => Some(grin::read(line)),
    }
}

impl Drop for Stratum {
    /// Answers that have not come will not come.
    fn drop(&mut self) {
        while !self.pending.is_empty() {
            self.give_up_oldest();
        }
    }
}
