//! A stick as a [`Link`].

use std::time::{Duration, Instant};

use myelin_isa::framing::{BoardInfo, Limits, ObjectName, Reply, Request, WAIT_MS_MAX};
use myelin_isa::register;
use sha2::{Digest, Sha256};

use super::channel::{Channel, ChannelError};
use super::serial::{OpenError, Port, SerialWire};
use super::wire::Wire;
use crate::link::{Link, LinkError, LinkInfo, MemoryAfter};
use crate::selector::Selector;

/// Memory images from this size on are kept in the stick's flash.
const KEPT_BYTES_MIN: usize = 16 << 10;
/// Images that one process has kept at most: flash wears out.
const KEPT_MAX: u32 = 256;

/// How to deal with a stick.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StickOptions {
    /// Time without progress after which requests are sent again.
    pub retransmit: Duration,
    /// How long single registers and resets may take.
    pub deadline: Duration,
    /// How long erasing and writing flash may take.
    pub flash_deadline: Duration,
    /// Whether large memory images are kept in the stick's flash, from which they come back faster than over the wire.
    pub keep_images: bool,
}

impl Default for StickOptions {
    /// A fifth of a second, one second, a minute; images are kept.
    fn default() -> StickOptions {
        StickOptions {
            retransmit: Duration::from_millis(200),
            deadline: Duration::from_secs(1),
            flash_deadline: Duration::from_secs(60),
            keep_images: true,
        }
    }
}

/// Why there is no link to a stick.
#[derive(Debug, thiserror::Error)]
pub enum StickError {
    /// The port.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// What is behind the port does not answer as a stick does.
    #[error("{selector}: {reason}")]
    NoStick {
        /// Under which name it was opened.
        selector: String,
        /// What it does.
        reason: String,
    },
}

/// A stick behind a wire. Registers and memory are the tensor cell's, as of any other device.
///
/// Writes to registers are gathered and go out together, before whatever else is asked.
pub struct StickLink<W: Wire = SerialWire> {
    channel: Channel<W>,
    selector: String,
    options: StickOptions,
    board: BoardInfo,
    /// How often it had been started when the session was opened.
    boots: u32,
    /// Whether device memory may have lost its contents since the caller last heard of it.
    has_forgotten: bool,
    /// Register writes that have not gone out: first address, words.
    gathered: Option<(u32, Vec<u8>)>,
    kept: u32,
}

impl StickLink<SerialWire> {
    /// Opens a serial port and the stick on it.
    ///
    /// # Errors
    /// [`StickError`].
    pub fn open(port: &Port, options: StickOptions) -> Result<StickLink, StickError> {
        let wire = SerialWire::open(port.clone())?;
        StickLink::new(wire, &Selector::Stick(port.clone()).to_string(), options)
    }
}

impl<W: Wire> StickLink<W> {
    /// The stick at the other end of a wire.
    ///
    /// # Errors
    /// [`StickError::NoStick`] if none answers.
    pub fn new(wire: W, selector: &str, options: StickOptions) -> Result<StickLink<W>, StickError> {
        let mut channel = Channel::new(wire, options.retransmit);
        let deadline = Instant::now() + options.deadline;
        let opened = channel.open(deadline).and_then(|limits| Ok((limits, ask_board(&mut channel, deadline)?)));
        let no_stick = |error: ChannelError| StickError::NoStick {
            selector: selector.to_owned(),
            reason: match error {
                ChannelError::Timeout => "nothing answers as a stick does".to_owned(),
                error => error.to_string(),
            },
        };
        let (Limits { boots, .. }, board) = opened.map_err(no_stick)?;
        Ok(StickLink {
            channel,
            selector: selector.to_owned(),
            options,
            board,
            boots,
            has_forgotten: false,
            gathered: None,
            kept: 0,
        })
    }

    /// What the stick is, as of when it was opened.
    pub fn board(&self) -> &BoardInfo {
        &self.board
    }

    /// How often it had been started when the session was opened.
    pub fn boots(&self) -> u32 {
        self.boots
    }

    /// The way to the stick.
    pub fn wire_mut(&mut self) -> &mut W {
        self.channel.wire_mut()
    }

    /// Asks something that no [`Link`] knows of; `take` makes the answer of the reply, `None` if that does not fit.
    ///
    /// # Errors
    /// As the operations of [`Link`]: `operation` says what was attempted.
    pub fn ask<T>(
        &mut self,
        operation: &'static str,
        request: &Request<'_>,
        deadline: Duration,
        take: impl FnOnce(&Reply<'_>) -> Option<T>,
    ) -> Result<T, LinkError> {
        self.flush(operation)?;
        let answer = self.channel.ask(request, Instant::now() + deadline, take);
        self.checked(operation, deadline, answer)
    }

    /// Many requests, answered in order, as [`StickLink::ask`].
    ///
    /// # Errors
    /// As [`StickLink::ask`].
    pub fn ask_all<'r>(
        &mut self,
        operation: &'static str,
        requests: impl IntoIterator<Item = Request<'r>>,
        deadline: Duration,
        take: impl FnMut(usize, &Reply<'_>) -> bool,
    ) -> Result<(), LinkError> {
        self.flush(operation)?;
        let done = self.channel.ask_all(requests, Instant::now() + deadline, take);
        self.checked(operation, deadline, done)
    }

    /// Most bytes of data that any request may carry.
    pub fn data_max(&self) -> usize {
        self.channel.payload_max().saturating_sub(myelin_isa::framing::REQUEST_OVERHEAD)
    }

    /// How long erasing and writing flash may take.
    pub fn flash_deadline(&self) -> Duration {
        self.options.flash_deadline
    }

    fn checked<T>(
        &mut self,
        operation: &'static str,
        deadline: Duration,
        result: Result<T, ChannelError>,
    ) -> Result<T, LinkError> {
        result.map_err(|error| {
            if let ChannelError::Gone | ChannelError::Restarted | ChannelError::Open(_) = error {
                self.has_forgotten = true;
            }
            link_error(operation, deadline, &error)
        })
    }

    /// Sends register writes that wait.
    fn flush(&mut self, operation: &'static str) -> Result<(), LinkError> {
        let Some((address, data)) = self.gathered.take() else { return Ok(()) };
        let pieces = data.chunks(self.data_max().max(4) & !3);
        let addresses = (address..).step_by(self.data_max().max(4) & !3);
        let requests = pieces.zip(addresses).map(|(data, address)| Request::WriteRegisters { address, data });
        let deadline = self.options.deadline;
        let done = self.channel.ask_all(requests, Instant::now() + deadline, is_done);
        self.checked(operation, deadline, done)
    }

    fn check_range(&self, operation: &'static str, address: u64, bytes: usize) -> Result<u32, LinkError> {
        let (bytes, available) = (bytes as u64, u64::from(self.board.memory_bytes));
        match address.checked_add(bytes) {
            // All of it is below 2^32, as the memory's size is.
            Some(end) if end <= available => Ok(address as u32),
            _ => Err(LinkError::Invalid { operation, address, bytes, available }),
        }
    }

    /// Brings an image from the stick's flash to its memory, putting it there first if it is new. `false` if the stick
    /// cannot keep it.
    fn write_kept(&mut self, address: u32, image: &[u8], until: Instant) -> Result<bool, LinkError> {
        let name: ObjectName = Sha256::digest(image).into();
        let length = image.len() as u32;
        let flash = until.max(Instant::now() + self.options.flash_deadline);
        let found = self.channel.ask(&Request::ObjectFind { name }, until, |reply| match *reply {
            Reply::Object { length } => Some(length),
            _ => None,
        });
        let is_there = match found {
            Ok(found) => found == length,
            Err(ChannelError::Refused(_)) => false,
            Err(error) => return self.checked("find a kept image", self.options.deadline, Err(error)),
        };
        if !is_there {
            if self.kept >= KEPT_MAX {
                return Ok(false);
            }
            self.kept += 1;
            let kept = self.keep(name, image, flash);
            match kept {
                Ok(()) => {}
                // No room, or a flash that fails: it goes over the wire as without.
                Err(ChannelError::Refused(_)) => return Ok(false),
                Err(error) => return self.checked("keep an image", self.options.flash_deadline, Err(error)),
            }
        }
        let copy = Request::ObjectCopy { name, offset: 0, address, length };
        match self.channel.ask(&copy, flash, done) {
            Ok(()) => Ok(true),
            Err(ChannelError::Refused(_)) => Ok(false),
            Err(error) => self.checked("copy a kept image", self.options.flash_deadline, Err(error)),
        }
    }

    /// Puts an object into the stick's flash; without room everything else there goes first.
    fn keep(&mut self, name: ObjectName, image: &[u8], until: Instant) -> Result<(), ChannelError> {
        let begin = Request::ObjectBegin { name, length: image.len() as u32 };
        match self.channel.ask(&begin, until, done) {
            Err(ChannelError::Refused(refusal)) if refusal.reason == myelin_isa::framing::Reason::NoSpace => {
                self.forget_all(until)?;
                self.channel.ask(&begin, until, done)?;
            }
            begun => begun?,
        }
        let piece = self.data_max();
        let pieces = image.chunks(piece).zip((0..).step_by(piece));
        let requests = pieces.map(|(data, offset)| Request::ObjectData { offset, data });
        self.channel.ask_all(requests, until, is_done)?;
        self.channel.ask(&Request::ObjectCommit, until, done)
    }

    fn forget_all(&mut self, until: Instant) -> Result<(), ChannelError> {
        loop {
            let names = self.channel.ask(&Request::ObjectList { first: 0 }, until, |reply| match reply {
                Reply::Objects { entries, .. } => {
                    let names = myelin_isa::framing::ObjectEntry::all(entries).map(|entry| entry.name);
                    Some(names.collect::<Vec<ObjectName>>())
                }
                _ => None,
            })?;
            if names.is_empty() {
                return Ok(());
            }
            for name in names {
                self.channel.ask(&Request::ObjectDelete { name }, until, done)?;
            }
        }
    }

    /// A session with the stick, wherever it is now.
    pub(super) fn reach(&mut self, operation: &'static str) -> Result<(), LinkError> {
        self.gathered = None;
        let deadline = self.options.deadline;
        let until = Instant::now() + deadline;
        let opened = match self.channel.open(until) {
            Err(ChannelError::Gone) => self.channel.reopen(until),
            opened => opened,
        };
        let opened = opened.and_then(|limits| Ok((limits, ask_board(&mut self.channel, until)?)));
        let (limits, board) = self.checked(operation, deadline, opened)?;
        if (limits.boots, board.architecture) != (self.boots, self.board.architecture) {
            self.has_forgotten = true;
        }
        (self.boots, self.board) = (limits.boots, board);
        Ok(())
    }
}

impl<W: Wire> Link for StickLink<W> {
    fn info(&self) -> LinkInfo {
        LinkInfo {
            selector: self.selector.clone(),
            description: format!("stick with {}", self.board.architecture),
            architecture: Some(self.board.architecture),
            memory_bytes: u64::from(self.board.memory_bytes),
        }
    }

    fn read32(&mut self, address: u32) -> Result<u32, LinkError> {
        let mut word = [0];
        self.read_registers(address, &mut word)?;
        Ok(word[0])
    }

    fn read_registers(&mut self, address: u32, words: &mut [u32]) -> Result<(), LinkError> {
        let piece = (self.data_max() / 4).clamp(1, usize::from(u16::MAX));
        let addresses = (address..).step_by(4 * piece);
        let counts: Vec<u16> = words.chunks(piece).map(|words| words.len() as u16).collect();
        let requests = counts.iter().zip(addresses).map(|(&count, address)| Request::ReadRegisters { address, count });
        let mut pieces = words.chunks_mut(piece);
        self.ask_all("read registers", requests, self.options.deadline, |_, reply| match (pieces.next(), reply) {
            (Some(words), Reply::Data(data)) if data.len() == 4 * words.len() => {
                for (word, bytes) in words.iter_mut().zip(data.as_chunks().0) {
                    *word = u32::from_le_bytes(*bytes);
                }
                true
            }
            _ => false,
        })
    }

    fn write32(&mut self, address: u32, value: u32) -> Result<(), LinkError> {
        const OPERATION: &str = "write register";
        let follows = |(first, data): &(u32, Vec<u8>)| u64::from(*first) + data.len() as u64 == u64::from(address);
        if !self.gathered.as_ref().is_some_and(follows) {
            self.flush(OPERATION)?;
        }
        let (_, data) = self.gathered.get_or_insert((address, Vec::new()));
        data.extend(value.to_le_bytes());
        if address % register::END == register::START || data.len() >= 1 << 16 {
            self.flush(OPERATION)?;
        }
        Ok(())
    }

    fn read_at(&mut self, address: u64, buffer: &mut [u8], deadline: Duration) -> Result<(), LinkError> {
        const OPERATION: &str = "read memory";
        let first = self.check_range(OPERATION, address, buffer.len())?;
        let piece = self.data_max().max(1);
        let length = |at: usize| (buffer.len() - at).min(piece) as u16;
        let places: Vec<(usize, u16)> = (0..buffer.len()).step_by(piece).map(|at| (at, length(at))).collect();
        let requests = places.iter().map(|&(at, length)| Request::ReadMemory { address: first + at as u32, length });
        self.ask_all(OPERATION, requests, deadline, |index, reply| {
            let (at, length) = places[index];
            let place = &mut buffer[at..at + usize::from(length)];
            match *reply {
                Reply::Data(data) if data.len() == place.len() => {
                    place.copy_from_slice(data);
                    true
                }
                _ => false,
            }
        })
    }

    fn write_at(&mut self, address: u64, data: &[u8], deadline: Duration) -> Result<(), LinkError> {
        const OPERATION: &str = "write memory";
        let first = self.check_range(OPERATION, address, data.len())?;
        self.flush(OPERATION)?;
        if self.options.keep_images
            && data.len() >= KEPT_BYTES_MIN
            && self.write_kept(first, data, Instant::now() + deadline)?
        {
            return Ok(());
        }
        let piece = self.data_max().max(1);
        let pieces = data.chunks(piece).zip((first..).step_by(piece));
        let requests = pieces.map(|(data, address)| Request::WriteMemory { address, data });
        self.ask_all(OPERATION, requests, deadline, is_done)
    }

    fn wait_interrupt(&mut self, deadline: Duration) -> Result<(), LinkError> {
        const OPERATION: &str = "wait for interrupt";
        let until = Instant::now() + deadline;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let milliseconds = u32::try_from(left.as_millis()).unwrap_or(WAIT_MS_MAX).clamp(1, WAIT_MS_MAX / 10);
            let patience = Duration::from_millis(u64::from(milliseconds)) + self.options.deadline;
            let request = Request::WaitInterrupt { milliseconds };
            let has_come = self.ask(OPERATION, &request, patience, |reply| match *reply {
                Reply::Waited { interrupt } => Some(interrupt),
                _ => None,
            })?;
            if has_come {
                return Ok(());
            }
            if Instant::now() >= until {
                return Err(LinkError::Timeout { operation: OPERATION, deadline });
            }
        }
    }

    fn reset(&mut self) -> Result<(), LinkError> {
        self.reach("reset")?;
        self.ask("reset", &Request::Reset, self.options.deadline, memory_kept)?;
        self.has_forgotten = false;
        Ok(())
    }

    fn restart(&mut self) -> Result<MemoryAfter, LinkError> {
        self.reach("restart")?;
        let kept = self.ask("restart", &Request::Restart, self.options.deadline, memory_kept)?;
        let kept = kept && !std::mem::take(&mut self.has_forgotten);
        Ok(if kept { MemoryAfter::Kept } else { MemoryAfter::Lost })
    }
}

fn ask_board<W: Wire>(channel: &mut Channel<W>, until: Instant) -> Result<BoardInfo, ChannelError> {
    channel.ask(&Request::Board, until, |reply| match *reply {
        Reply::Board(board) => Some(board),
        _ => None,
    })
}

pub(super) fn is_done(_: usize, reply: &Reply<'_>) -> bool {
    matches!(reply, Reply::Done)
}

pub(super) fn done(reply: &Reply<'_>) -> Option<()> {
    matches!(reply, Reply::Done).then_some(())
}

fn memory_kept(reply: &Reply<'_>) -> Option<bool> {
    match *reply {
        Reply::Memory { kept } => Some(kept),
        _ => None,
    }
}

fn link_error(operation: &'static str, deadline: Duration, error: &ChannelError) -> LinkError {
    match error {
        ChannelError::Timeout => LinkError::Timeout { operation, deadline },
        ChannelError::Gone | ChannelError::Open(_) => LinkError::Gone { operation },
        error => LinkError::DeviceFault { operation, fault: error.to_string() },
    }
}
