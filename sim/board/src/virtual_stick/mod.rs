//! A stick that a host cannot tell from hardware: a model of it behind a pseudo terminal, with faults on the way.

mod fast;
mod faults;
mod pty;

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use fast::FastStick;
use faults::{Fate, Fates, PIECE_BYTES};
pub use faults::{FaultScript, FaultScriptError};
use pty::Pty;

/// Bytes on their way to the stick at most: what a bridge's buffers hold.
const UNDERWAY_MAX: usize = 4096;

/// A stick with a serial line, however it is simulated.
pub trait StickModel: Send {
    /// The line brings bytes; answers how many the stick takes now.
    fn receive(&mut self, bytes: &[u8]) -> usize;

    /// Goes on until there is nothing to do, or for a few milliseconds; puts what it sends behind `sent`, and answers whether it may
    /// as well wait for the host now. `now_ms`: since the virtual stick was started.
    ///
    /// # Errors
    /// If the simulation fails; the stick is dead then.
    fn advance(&mut self, now_ms: u64, sent: &mut Vec<u8>) -> io::Result<bool>;

    /// It is pulled, and plugged in again: everything but the flash is as after power-up.
    fn power_cycle(&mut self);

    /// Lets power fail in the middle of the `count`-th write or erasure of the flash from now, from 1.
    fn fail_power_at(&mut self, count: u32);

    /// Whether power has failed; until [`StickModel::power_cycle`] it does nothing.
    fn has_lost_power(&self) -> bool;
}

/// A model at work in a thread, under a path that stays when it is unplugged and plugged in again.
pub struct VirtualStick {
    path: PathBuf,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    faults: AtomicU64,
    unplugs: AtomicU64,
}

impl VirtualStick {
    /// Puts `model` behind `path`, which becomes a symbolic link to a pseudo terminal.
    ///
    /// # Errors
    /// If there is something at `path` already but a link that a stick has left behind, or the system has no terminals.
    pub fn start(model: Box<dyn StickModel>, path: &Path, script: FaultScript) -> io::Result<VirtualStick> {
        let shared = Arc::<Shared>::default();
        if std::fs::read_link(path).is_ok_and(|target| target.starts_with("/dev/pts")) {
            std::fs::remove_file(path)?;
        }
        let pty = Pty::open()?;
        std::os::unix::fs::symlink(pty.path(), path)?;
        let line = Line {
            model,
            path: path.to_owned(),
            pty: Some(pty),
            fates: Fates::new(script),
            shared: shared.clone(),
            start: Instant::now(),
            to_stick: VecDeque::new(),
            to_host: VecDeque::new(),
            stalled_until: None,
            away_until: None,
        };
        let thread = std::thread::Builder::new().name("virtual stick".to_owned()).spawn(move || line.run())?;
        Ok(VirtualStick { path: path.to_owned(), shared, thread: Some(thread) })
    }

    /// Under which path a host finds it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Faults so far.
    pub fn faults(&self) -> u64 {
        self.shared.faults.load(Ordering::Relaxed)
    }

    /// How often it was unplugged so far, for whatever reason.
    pub fn unplugs(&self) -> u64 {
        self.shared.unplugs.load(Ordering::Relaxed)
    }

    /// Whether it still works: a simulation may fail.
    pub fn is_alive(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Ends it.
    ///
    /// # Errors
    /// That which ended the simulation before.
    pub fn stop(mut self) -> io::Result<()> {
        self.end()
    }

    fn end(&mut self) -> io::Result<()> {
        self.shared.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        let _ = std::fs::remove_file(&self.path);
        match ended {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(io::Error::other("the simulation panicked")),
            None => Ok(()),
        }
    }
}

impl Drop for VirtualStick {
    fn drop(&mut self) {
        // Whoever wants to know how it ended asks `stop`.
        let _ = self.end();
    }
}

/// What happens between terminal and model.
struct Line {
    model: Box<dyn StickModel>,
    path: PathBuf,
    /// `None` while it is unplugged.
    pty: Option<Pty>,
    fates: Fates,
    shared: Arc<Shared>,
    start: Instant,
    to_stick: VecDeque<u8>,
    to_host: VecDeque<u8>,
    stalled_until: Option<Instant>,
    away_until: Option<Instant>,
}

impl Line {
    fn run(mut self) -> io::Result<()> {
        let mut sent = Vec::new();
        while !self.shared.stop.load(Ordering::Relaxed) {
            if self.away_until.is_some_and(|until| Instant::now() < until) {
                std::thread::sleep(Duration::from_millis(1));
                continue;
            }
            if self.away_until.take().is_some() {
                self.plug_in()?;
            }
            let has_moved = self.move_bytes(&mut sent)?;
            self.shared.faults.store(self.fates.count, Ordering::Relaxed);
            if !has_moved && let Some(pty) = &self.pty {
                pty.wait();
            }
        }
        Ok(())
    }

    /// From the host to the model and back; false if nothing was there to be moved, and the model may wait.
    fn move_bytes(&mut self, sent: &mut Vec<u8>) -> io::Result<bool> {
        let mut has_moved = false;
        if self.to_stick.len() < UNDERWAY_MAX {
            let mut buffer = [0; UNDERWAY_MAX];
            let count = match &self.pty {
                Some(pty) => pty.read(&mut buffer)?,
                None => return Ok(false),
            };
            has_moved |= count > 0;
            for piece in buffer[..count].chunks(PIECE_BYTES) {
                if let Some(arrived) = self.meet_fate(piece) {
                    self.to_stick.extend(arrived);
                }
            }
        }
        if self.stalled_until.is_some_and(|until| Instant::now() < until) {
            return Ok(false);
        }
        let taken = self.model.receive(self.to_stick.make_contiguous());
        self.to_stick.drain(..taken);
        let now_ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let may_wait = self.model.advance(now_ms, sent)?;
        has_moved |= taken > 0 || !sent.is_empty() || !may_wait;
        for piece in std::mem::take(sent).chunks(PIECE_BYTES) {
            if let Some(arrived) = self.meet_fate(piece) {
                self.to_host.extend(arrived);
            }
        }
        if self.model.has_lost_power() {
            self.unplug(1);
        }
        if let Some(pty) = &self.pty {
            while !self.to_host.is_empty() {
                let count = pty.write(self.to_host.as_slices().0)?;
                if count == 0 {
                    break;
                }
                self.to_host.drain(..count);
            }
        }
        Ok(has_moved)
    }

    /// What arrives of a piece; does what else befalls it.
    fn meet_fate(&mut self, piece: &[u8]) -> Option<Vec<u8>> {
        if self.away_until.is_some() {
            return None;
        }
        match self.fates.of(piece) {
            Fate::Arrives(piece) => Some(piece),
            Fate::Stalls(milliseconds, piece) => {
                self.stalled_until = Some(Instant::now() + Duration::from_millis(milliseconds));
                Some(piece)
            }
            Fate::Unplugged(milliseconds) => {
                self.unplug(milliseconds);
                None
            }
            Fate::LosesPower(operations, piece) => {
                self.model.fail_power_at(operations);
                Some(piece)
            }
        }
    }

    fn unplug(&mut self, milliseconds: u64) {
        self.shared.unplugs.fetch_add(1, Ordering::Relaxed);
        // Who has it open finds the line hung up; the path leads nowhere.
        self.pty = None;
        let _ = std::fs::remove_file(&self.path);
        self.to_stick.clear();
        self.to_host.clear();
        self.stalled_until = None;
        self.away_until = Some(Instant::now() + Duration::from_millis(milliseconds));
    }

    fn plug_in(&mut self) -> io::Result<()> {
        self.model.power_cycle();
        let pty = Pty::open()?;
        std::os::unix::fs::symlink(pty.path(), &self.path)?;
        self.pty = Some(pty);
        Ok(())
    }
}
