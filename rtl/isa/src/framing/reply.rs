//! Answers: the payload of a reply.

use super::bytes::{Reader, Writer};
use super::request::ObjectName;
use crate::Architecture;

/// Bytes of [`Reply::Job`] before its output.
pub const JOB_REPLY_OVERHEAD: usize = 10;
/// Bytes of one object in [`Reply::Objects`].
pub const OBJECT_ENTRY_BYTES: usize = 36;
/// Bytes of one fault in [`Reply::Faults`].
pub const FAULT_ENTRY_BYTES: usize = 16;

/// What a stick answers.
///
/// **Encoding.** A code (u8), then the fields in their order, little-endian; data last, to the end.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reply<'a> {
    /// It was done.
    Done,
    /// What was read.
    Data(&'a [u8]),
    /// The stick.
    Board(BoardInfo),
    /// A wait has ended.
    Waited {
        /// Whether the interrupt is up, or only the time over.
        interrupt: bool,
    },
    /// After a reset or restart.
    Memory {
        /// Whether device memory has kept its contents.
        kept: bool,
    },
    /// An object that is there.
    Object {
        /// Its bytes.
        length: u32,
    },
    /// Some of the objects.
    Objects {
        /// How many there are.
        total: u16,
        /// [`ObjectEntry`] after entry.
        entries: &'a [u8],
    },
    /// A job is in the queue.
    JobQueued {
        /// Its number.
        id: u16,
    },
    /// How a job is.
    Job {
        /// What has become of it.
        state: JobState,
        /// STATUS as of its end; 0 before.
        status: u32,
        /// Its cycles as the cell counted them; 0 before.
        cycles: u32,
        /// Its output, when done.
        output: &'a [u8],
    },
    /// What the test found.
    SelfTest(SelfTestReport),
    /// Some of the faults.
    Faults {
        /// How many there are in the log.
        total: u16,
        /// [`FaultEntry`] after entry.
        entries: &'a [u8],
    },
    /// It was not done.
    Refused(Refusal),
}

/// What a stick is, how large, and how it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BoardInfo {
    /// Which board ([`crate::stick::board`]).
    pub board: u32,
    /// The cell that programs must be for.
    pub architecture: Architecture,
    /// What executes programs.
    pub core: CoreKind,
    /// Bytes of device memory.
    pub memory_bytes: u32,
    /// Bytes of flash.
    pub flash_bytes: u32,
    /// Bytes that one more object may have.
    pub object_bytes_free: u32,
    /// Clocks a second.
    pub clock_hz: u32,
    /// Of the gateware's sources ([`crate::stick::system::BUILD`]).
    pub gateware: u32,
    /// CRC32C of the firmware image that runs; 0 if it came from nowhere.
    pub firmware: u32,
    /// Slot it was booted from: 0 A, 1 B, 255 none.
    pub image_slot: u8,
    /// Its counter.
    pub image_counter: u32,
    /// Jobs that the queue holds.
    pub job_queue: u8,
    /// What was received that was no frame, since boot; wraps.
    pub frames_dropped: u32,
}

/// What executes programs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CoreKind {
    /// A tensor cell in hardware.
    Cell = 0,
    /// Firmware, with an array of multipliers.
    Array = 1,
    /// Firmware alone.
    Software = 2,
}

/// What has become of a job.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum JobState {
    /// There is none of this number: taken, or dropped by a reset.
    Unknown = 0,
    /// Others run before it.
    Queued = 1,
    /// It runs.
    Running = 2,
    /// It has halted.
    Done = 3,
    /// It trapped or took longer than allowed.
    Failed = 4,
}

/// Results of the three tests.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SelfTestReport {
    /// Device memory; detail: address of the first wrong word.
    pub memory: TestResult,
    /// Flash: identification and a page that is written and read; detail: what was read.
    pub flash: TestResult,
    /// Core: a small program with a known answer; detail: STATUS.
    pub core: TestResult,
}

/// Result of a test.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TestResult {
    /// Whether it passed.
    pub verdict: Verdict,
    /// More about a failure; 0 otherwise.
    pub detail: u32,
}

/// How a test ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Verdict {
    /// As it should be.
    Passed = 0,
    /// Not.
    Failed = 1,
    /// There is nothing to test, or no room for it.
    Skipped = 2,
}

/// Why a request was not carried out. Nothing has changed unless stated.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// More about it, where `reason` says so; else 0.
    pub detail: u32,
}

/// See [`Refusal`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reason {
    /// No command has this code; detail: the code.
    UnknownCommand = 1,
    /// The request's bytes do not make its fields.
    Malformed = 2,
    /// Beyond registers, memory, object or payload; detail: what there is.
    OutOfRange = 3,
    /// Not a multiple of what it must be; detail: of what.
    Unaligned = 4,
    /// Not while the cell runs or jobs are queued.
    Busy = 5,
    /// No such object.
    NotFound = 6,
    /// It does not fit; detail: what would.
    NoSpace = 7,
    /// Contents do not have the name or checksum that was said.
    Mismatch = 8,
    /// The flash does not do what it was told; detail: where.
    FlashFault = 9,
    /// The core does not answer as it must; detail: STATUS.
    CoreFault = 10,
    /// All places for jobs are taken; detail: how many there are.
    QueueFull = 11,
    /// Nothing was begun, or data for another offset; detail: the offset expected.
    OutOfOrder = 12,
    /// This stick cannot.
    Unsupported = 13,
}

impl Reason {
    const ALL: [Reason; 13] = [
        Reason::UnknownCommand,
        Reason::Malformed,
        Reason::OutOfRange,
        Reason::Unaligned,
        Reason::Busy,
        Reason::NotFound,
        Reason::NoSpace,
        Reason::Mismatch,
        Reason::FlashFault,
        Reason::CoreFault,
        Reason::QueueFull,
        Reason::OutOfOrder,
        Reason::Unsupported,
    ];
}

/// One object of a list.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ObjectEntry {
    /// Its name.
    pub name: ObjectName,
    /// Its bytes.
    pub length: u32,
}

impl ObjectEntry {
    /// As it stands in [`Reply::Objects`].
    pub fn to_bytes(&self) -> [u8; OBJECT_ENTRY_BYTES] {
        let mut bytes = [0; OBJECT_ENTRY_BYTES];
        let (name, length) = bytes.split_at_mut(32);
        name.copy_from_slice(&self.name);
        length.copy_from_slice(&self.length.to_le_bytes());
        bytes
    }

    /// The entries of [`Reply::Objects`]; a part of one at the end is left out.
    pub fn all(entries: &[u8]) -> impl Iterator<Item = ObjectEntry> {
        entries.chunks_exact(OBJECT_ENTRY_BYTES).filter_map(|bytes| {
            let mut r = Reader(bytes);
            Some(ObjectEntry { name: r.array()?, length: r.u32()? })
        })
    }
}

/// One fault of the log.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FaultEntry {
    /// In which boot, counted over the stick's life.
    pub boot: u32,
    /// Milliseconds after it.
    pub uptime_ms: u32,
    /// What happened ([`fault`]).
    pub kind: u16,
    /// More about it.
    pub code: u16,
    /// Still more.
    pub detail: u32,
}

/// Kinds of [`FaultEntry`].
pub mod fault {
    /// The watchdog reset the stick.
    pub const WATCHDOG: u16 = 1;
    /// Firmware met what cannot be; code: line; detail: program counter or 0.
    pub const FIRMWARE: u16 = 2;
    /// The soft core trapped; code: mcause; detail: mepc.
    pub const EXCEPTION: u16 = 3;
    /// A program trapped; code: cause; detail: STATUS.
    pub const PROGRAM: u16 = 4;
    /// The flash failed; detail: address.
    pub const FLASH: u16 = 5;
    /// A job took longer than allowed; code: its number.
    pub const JOB_LIMIT: u16 = 6;
    /// An image did not come up and another was booted; code: slot.
    pub const FALLBACK: u16 = 7;
    /// A self-test failed; code: 1 memory, 2 flash, 4 core.
    pub const SELF_TEST: u16 = 8;
    /// A byte from the host was lost in the serial port; code: how often.
    pub const OVERRUN: u16 = 9;
}

impl FaultEntry {
    /// As it stands in [`Reply::Faults`].
    pub fn to_bytes(&self) -> [u8; FAULT_ENTRY_BYTES] {
        let mut bytes = [0; FAULT_ENTRY_BYTES];
        bytes[0..4].copy_from_slice(&self.boot.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.uptime_ms.to_le_bytes());
        bytes[8..10].copy_from_slice(&self.kind.to_le_bytes());
        bytes[10..12].copy_from_slice(&self.code.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.detail.to_le_bytes());
        bytes
    }

    /// From [`FaultEntry::to_bytes`].
    pub fn from_bytes(bytes: &[u8; FAULT_ENTRY_BYTES]) -> FaultEntry {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let kinds = word(8);
        FaultEntry {
            boot: word(0),
            uptime_ms: word(4),
            kind: kinds as u16,
            code: (kinds >> 16) as u16,
            detail: word(12),
        }
    }

    /// The entries of [`Reply::Faults`]; a part of one at the end is left out.
    pub fn all(entries: &[u8]) -> impl Iterator<Item = FaultEntry> {
        entries.as_chunks::<FAULT_ENTRY_BYTES>().0.iter().map(FaultEntry::from_bytes)
    }
}

/// Codes of the replies.
mod code {
    pub const DONE: u8 = 0x80;
    pub const DATA: u8 = 0x81;
    pub const BOARD: u8 = 0x82;
    pub const WAITED: u8 = 0x83;
    pub const MEMORY: u8 = 0x84;
    pub const OBJECT: u8 = 0x85;
    pub const OBJECTS: u8 = 0x86;
    pub const JOB_QUEUED: u8 = 0x87;
    pub const JOB: u8 = 0x88;
    pub const SELF_TEST: u8 = 0x89;
    pub const FAULTS: u8 = 0x8a;
    pub const REFUSED: u8 = 0xff;
}

impl<'a> Reply<'a> {
    /// Writes it to the beginning of `out`; answers how many bytes, `None` if they do not fit.
    pub fn encode(&self, out: &mut [u8]) -> Option<usize> {
        let mut w = Writer::new(out);
        match *self {
            Reply::Done => w.u8(code::DONE)?,
            Reply::Data(data) => {
                w.u8(code::DATA)?;
                w.bytes(data)?;
            }
            Reply::Board(info) => {
                w.u8(code::BOARD)?;
                info.write(&mut w)?;
            }
            Reply::Waited { interrupt } => w.bytes(&[code::WAITED, u8::from(interrupt)])?,
            Reply::Memory { kept } => w.bytes(&[code::MEMORY, u8::from(kept)])?,
            Reply::Object { length } => {
                w.u8(code::OBJECT)?;
                w.u32(length)?;
            }
            Reply::Objects { total, entries } => {
                w.u8(code::OBJECTS)?;
                w.u16(total)?;
                w.bytes(entries)?;
            }
            Reply::JobQueued { id } => {
                w.u8(code::JOB_QUEUED)?;
                w.u16(id)?;
            }
            Reply::Job { state, status, cycles, output } => {
                w.bytes(&[code::JOB, state as u8])?;
                w.u32(status)?;
                w.u32(cycles)?;
                w.bytes(output)?;
            }
            Reply::SelfTest(report) => {
                w.u8(code::SELF_TEST)?;
                for test in [report.memory, report.flash, report.core] {
                    w.u8(test.verdict as u8)?;
                    w.u32(test.detail)?;
                }
            }
            Reply::Faults { total, entries } => {
                w.u8(code::FAULTS)?;
                w.u16(total)?;
                w.bytes(entries)?;
            }
            Reply::Refused(Refusal { reason, detail }) => {
                w.bytes(&[code::REFUSED, reason as u8])?;
                w.u32(detail)?;
            }
        }
        Some(w.length())
    }

    /// The answer that bytes stand for; `None` if they stand for none.
    pub fn decode(bytes: &'a [u8]) -> Option<Reply<'a>> {
        let mut r = Reader(bytes);
        let reply = match r.u8()? {
            code::DONE => Reply::Done,
            code::DATA => Reply::Data(r.rest()),
            code::BOARD => Reply::Board(BoardInfo::read(&mut r)?),
            code::WAITED => Reply::Waited { interrupt: read_flag(&mut r)? },
            code::MEMORY => Reply::Memory { kept: read_flag(&mut r)? },
            code::OBJECT => Reply::Object { length: r.u32()? },
            code::OBJECTS => Reply::Objects { total: r.u16()?, entries: r.rest() },
            code::JOB_QUEUED => Reply::JobQueued { id: r.u16()? },
            code::JOB => {
                const STATES: [JobState; 5] =
                    [JobState::Unknown, JobState::Queued, JobState::Running, JobState::Done, JobState::Failed];
                let state = *STATES.get(usize::from(r.u8()?))?;
                Reply::Job { state, status: r.u32()?, cycles: r.u32()?, output: r.rest() }
            }
            code::SELF_TEST => Reply::SelfTest(SelfTestReport {
                memory: read_test(&mut r)?,
                flash: read_test(&mut r)?,
                core: read_test(&mut r)?,
            }),
            code::FAULTS => Reply::Faults { total: r.u16()?, entries: r.rest() },
            code::REFUSED => {
                let reason = *Reason::ALL.get(usize::from(r.u8()?).checked_sub(1)?)?;
                Reply::Refused(Refusal { reason, detail: r.u32()? })
            }
            _ => return None,
        };
        r.end(reply)
    }
}

fn read_flag(r: &mut Reader<'_>) -> Option<bool> {
    match r.u8()? {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

fn read_test(r: &mut Reader<'_>) -> Option<TestResult> {
    let verdict = *[Verdict::Passed, Verdict::Failed, Verdict::Skipped].get(usize::from(r.u8()?))?;
    Some(TestResult { verdict, detail: r.u32()? })
}

impl BoardInfo {
    fn write(&self, w: &mut Writer<'_>) -> Option<()> {
        w.u32(self.board)?;
        self.architecture.to_words().into_iter().try_for_each(|word| w.u32(word))?;
        w.u8(self.core as u8)?;
        for field in [
            self.memory_bytes,
            self.flash_bytes,
            self.object_bytes_free,
            self.clock_hz,
            self.gateware,
            self.firmware,
            self.image_counter,
            self.frames_dropped,
        ] {
            w.u32(field)?;
        }
        w.bytes(&[self.image_slot, self.job_queue])
    }

    fn read(r: &mut Reader<'_>) -> Option<BoardInfo> {
        let board = r.u32()?;
        let mut words = [0; Architecture::WORDS];
        for word in &mut words {
            *word = r.u32()?;
        }
        Some(BoardInfo {
            board,
            architecture: Architecture::from_words(words).ok()?,
            core: *[CoreKind::Cell, CoreKind::Array, CoreKind::Software].get(usize::from(r.u8()?))?,
            memory_bytes: r.u32()?,
            flash_bytes: r.u32()?,
            object_bytes_free: r.u32()?,
            clock_hz: r.u32()?,
            gateware: r.u32()?,
            firmware: r.u32()?,
            image_counter: r.u32()?,
            frames_dropped: r.u32()?,
            image_slot: r.u8()?,
            job_queue: r.u8()?,
        })
    }
}
