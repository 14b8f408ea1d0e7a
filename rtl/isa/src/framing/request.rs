//! Commands: the payload of a request.

use super::bytes::{Reader, Writer};

/// Name of an object: the SHA-256 of its contents.
pub type ObjectName = [u8; 32];

/// Bytes of a request's payload before the data that it carries, at most.
pub const REQUEST_OVERHEAD: usize = 19;

/// What a host asks a stick to do.
///
/// **Encoding.** A code (u8), then the fields in their order, little-endian; data last, to the end.
/// Each has one [`super::Reply`]: that which its line names, or a refusal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Request<'a> {
    /// Answers the same bytes. [`super::Reply::Data`]
    Echo {
        /// Anything.
        data: &'a [u8],
    },
    /// What the stick is. [`super::Reply::Board`]
    Board,
    /// Reads registers of the tensor cell at consecutive word addresses. [`super::Reply::Data`], a little-endian word each
    ReadRegisters {
        /// First byte address ([`crate::register`]), a multiple of 4.
        address: u32,
        /// How many.
        count: u16,
    },
    /// Writes registers of the tensor cell at consecutive word addresses, in order. [`super::Reply::Done`]
    WriteRegisters {
        /// First byte address, a multiple of 4.
        address: u32,
        /// Little-endian words: a multiple of 4 bytes.
        data: &'a [u8],
    },
    /// Reads device memory. [`super::Reply::Data`]
    ReadMemory {
        /// First byte.
        address: u32,
        /// Bytes; at most the stick's payload less one.
        length: u16,
    },
    /// Writes device memory. [`super::Reply::Done`]
    WriteMemory {
        /// First byte.
        address: u32,
        /// What to write.
        data: &'a [u8],
    },
    /// Waits until the cell is not busy after a start, or so long. Other requests wait behind it. [`super::Reply::Waited`]
    WaitInterrupt {
        /// Milliseconds, at most [`WAIT_MS_MAX`].
        milliseconds: u32,
    },
    /// Brings cell and device memory to their power-up state; jobs are dropped. [`super::Reply::Memory`]
    Reset,
    /// Resets the cell; device memory stays. Jobs are dropped. [`super::Reply::Memory`]
    Restart,
    /// Whether the stick has an object. [`super::Reply::Object`] or not found
    ObjectFind {
        /// Which.
        name: ObjectName,
    },
    /// Begins an object; what was begun and not committed is forgotten. Takes as long as erasing. [`super::Reply::Done`]
    ObjectBegin {
        /// What it will be called.
        name: ObjectName,
        /// Its bytes.
        length: u32,
    },
    /// The next bytes of the object begun. [`super::Reply::Done`]
    ObjectData {
        /// Where they belong: what was written so far.
        offset: u32,
        /// Them.
        data: &'a [u8],
    },
    /// Makes the object begun lasting, if its contents have its name. [`super::Reply::Done`]
    ObjectCommit,
    /// Forgets an object. [`super::Reply::Done`]
    ObjectDelete {
        /// Which.
        name: ObjectName,
    },
    /// Objects from the `first` on, as many as fit. [`super::Reply::Objects`]
    ObjectList {
        /// How many to leave out.
        first: u16,
    },
    /// Copies from an object to device memory. [`super::Reply::Done`]
    ObjectCopy {
        /// Which.
        name: ObjectName,
        /// First byte in it.
        offset: u32,
        /// Where to.
        address: u32,
        /// Bytes.
        length: u32,
    },
    /// Queues a run: writes the input, starts, and keeps the output when it has halted. Runs follow each other
    /// without the host. [`super::Reply::JobQueued`]
    JobSubmit {
        /// What to write to START.
        entry: u32,
        /// Where the input goes in device memory.
        input_address: u32,
        /// Where the output is.
        output_address: u32,
        /// Its bytes; at most the stick's payload less [`super::JOB_REPLY_OVERHEAD`].
        output_length: u16,
        /// After so many milliseconds of running it has failed; 0: never.
        limit_ms: u32,
        /// The input.
        input: &'a [u8],
    },
    /// Takes the result of a job that is done or has failed; its place in the queue is free then. [`super::Reply::Job`]
    JobTake {
        /// Which.
        id: u16,
        /// How long to wait for it, at most [`WAIT_MS_MAX`].
        milliseconds: u32,
    },
    /// Tests memory, flash and core. Not while jobs run; changes no stored object, but device memory. [`super::Reply::SelfTest`]
    SelfTest,
    /// Faults, the newest first, as many as fit. [`super::Reply::Faults`]
    FaultLog {
        /// How many to leave out.
        first: u16,
    },
    /// Begins a firmware image in the slot that does not run. [`super::Reply::Done`]
    ImageBegin {
        /// Bytes of it, without header.
        length: u32,
        /// CRC32C of it.
        checksum: u32,
    },
    /// The next bytes of the image begun. [`super::Reply::Done`]
    ImageData {
        /// Where they belong: what was written so far.
        offset: u32,
        /// Them.
        data: &'a [u8],
    },
    /// Makes the image begun the one that is booted next. [`super::Reply::Done`]
    ImageCommit,
    /// Restarts the stick after the answer. [`super::Reply::Done`]
    Reboot {
        /// How.
        what: Reboot,
    },
}

/// Longest wait of one request; a host that waits longer asks again.
pub const WAIT_MS_MAX: u32 = 10_000;

/// How to restart.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reboot {
    /// The soft core: boot code, then the newest good image.
    Firmware = 0,
    /// The bitstream too, where the board can.
    Bitstream = 1,
}

/// Codes of the commands.
mod code {
    pub const ECHO: u8 = 0x01;
    pub const BOARD: u8 = 0x02;
    pub const READ_REGISTERS: u8 = 0x10;
    pub const WRITE_REGISTERS: u8 = 0x11;
    pub const READ_MEMORY: u8 = 0x12;
    pub const WRITE_MEMORY: u8 = 0x13;
    pub const WAIT_INTERRUPT: u8 = 0x14;
    pub const RESET: u8 = 0x15;
    pub const RESTART: u8 = 0x16;
    pub const OBJECT_FIND: u8 = 0x20;
    pub const OBJECT_BEGIN: u8 = 0x21;
    pub const OBJECT_DATA: u8 = 0x22;
    pub const OBJECT_COMMIT: u8 = 0x23;
    pub const OBJECT_DELETE: u8 = 0x24;
    pub const OBJECT_LIST: u8 = 0x25;
    pub const OBJECT_COPY: u8 = 0x26;
    pub const JOB_SUBMIT: u8 = 0x30;
    pub const JOB_TAKE: u8 = 0x31;
    pub const SELF_TEST: u8 = 0x40;
    pub const FAULT_LOG: u8 = 0x41;
    pub const IMAGE_BEGIN: u8 = 0x50;
    pub const IMAGE_DATA: u8 = 0x51;
    pub const IMAGE_COMMIT: u8 = 0x52;
    pub const REBOOT: u8 = 0x53;
}

/// Why bytes are no request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RequestError {
    /// No command has this code.
    Unknown(u8),
    /// Fields are missing, left over or out of range.
    Malformed,
}

impl<'a> Request<'a> {
    /// Writes it to the beginning of `out`; answers how many bytes, `None` if they do not fit.
    pub fn encode(&self, out: &mut [u8]) -> Option<usize> {
        let mut w = Writer::new(out);
        w.u8(self.code())?;
        match *self {
            Request::Echo { data } => w.bytes(data)?,
            Request::Board
            | Request::Reset
            | Request::Restart
            | Request::ObjectCommit
            | Request::SelfTest
            | Request::ImageCommit => {}
            Request::ReadRegisters { address, count: length } | Request::ReadMemory { address, length } => {
                w.u32(address)?;
                w.u16(length)?;
            }
            Request::WriteRegisters { address: at, data }
            | Request::WriteMemory { address: at, data }
            | Request::ObjectData { offset: at, data }
            | Request::ImageData { offset: at, data } => {
                w.u32(at)?;
                w.bytes(data)?;
            }
            Request::WaitInterrupt { milliseconds } => w.u32(milliseconds)?,
            Request::ObjectFind { name } | Request::ObjectDelete { name } => w.bytes(&name)?,
            Request::ObjectBegin { name, length } => {
                w.bytes(&name)?;
                w.u32(length)?;
            }
            Request::ObjectList { first } | Request::FaultLog { first } => w.u16(first)?,
            Request::ObjectCopy { name, offset, address, length } => {
                w.bytes(&name)?;
                [offset, address, length].into_iter().try_for_each(|field| w.u32(field))?;
            }
            Request::JobSubmit { entry, input_address, output_address, output_length, limit_ms, input } => {
                [entry, input_address, output_address].into_iter().try_for_each(|field| w.u32(field))?;
                w.u16(output_length)?;
                w.u32(limit_ms)?;
                w.bytes(input)?;
            }
            Request::JobTake { id, milliseconds } => {
                w.u16(id)?;
                w.u32(milliseconds)?;
            }
            Request::ImageBegin { length, checksum } => {
                w.u32(length)?;
                w.u32(checksum)?;
            }
            Request::Reboot { what } => w.u8(what as u8)?,
        }
        Some(w.length())
    }

    /// The request that bytes stand for.
    ///
    /// # Errors
    /// [`RequestError`]; the sender speaks another version.
    pub fn decode(bytes: &'a [u8]) -> Result<Request<'a>, RequestError> {
        let mut reader = Reader(bytes);
        let code = reader.u8().ok_or(RequestError::Malformed)?;
        match Request::fields(code, reader) {
            Some(request) => request,
            None => Err(RequestError::Malformed),
        }
    }

    fn fields(code: u8, mut r: Reader<'a>) -> Option<Result<Request<'a>, RequestError>> {
        let request = match code {
            code::ECHO => Request::Echo { data: r.rest() },
            code::BOARD => Request::Board,
            code::READ_REGISTERS => Request::ReadRegisters { address: r.u32()?, count: r.u16()? },
            code::WRITE_REGISTERS => Request::WriteRegisters { address: r.u32()?, data: r.rest() },
            code::READ_MEMORY => Request::ReadMemory { address: r.u32()?, length: r.u16()? },
            code::WRITE_MEMORY => Request::WriteMemory { address: r.u32()?, data: r.rest() },
            code::WAIT_INTERRUPT => Request::WaitInterrupt { milliseconds: r.u32()? },
            code::RESET => Request::Reset,
            code::RESTART => Request::Restart,
            code::OBJECT_FIND => Request::ObjectFind { name: r.array()? },
            code::OBJECT_BEGIN => Request::ObjectBegin { name: r.array()?, length: r.u32()? },
            code::OBJECT_DATA => Request::ObjectData { offset: r.u32()?, data: r.rest() },
            code::OBJECT_COMMIT => Request::ObjectCommit,
            code::OBJECT_DELETE => Request::ObjectDelete { name: r.array()? },
            code::OBJECT_LIST => Request::ObjectList { first: r.u16()? },
            code::OBJECT_COPY => {
                Request::ObjectCopy { name: r.array()?, offset: r.u32()?, address: r.u32()?, length: r.u32()? }
            }
            code::JOB_SUBMIT => Request::JobSubmit {
                entry: r.u32()?,
                input_address: r.u32()?,
                output_address: r.u32()?,
                output_length: r.u16()?,
                limit_ms: r.u32()?,
                input: r.rest(),
            },
            code::JOB_TAKE => Request::JobTake { id: r.u16()?, milliseconds: r.u32()? },
            code::SELF_TEST => Request::SelfTest,
            code::FAULT_LOG => Request::FaultLog { first: r.u16()? },
            code::IMAGE_BEGIN => Request::ImageBegin { length: r.u32()?, checksum: r.u32()? },
            code::IMAGE_DATA => Request::ImageData { offset: r.u32()?, data: r.rest() },
            code::IMAGE_COMMIT => Request::ImageCommit,
            code::REBOOT => {
                let what = match r.u8()? {
                    0 => Reboot::Firmware,
                    1 => Reboot::Bitstream,
                    _ => return None,
                };
                Request::Reboot { what }
            }
            other => return Some(Err(RequestError::Unknown(other))),
        };
        r.end(Ok(request))
    }

    /// Its code, which the answer repeats.
    pub const fn code(&self) -> u8 {
        match self {
            Request::Echo { .. } => code::ECHO,
            Request::Board => code::BOARD,
            Request::ReadRegisters { .. } => code::READ_REGISTERS,
            Request::WriteRegisters { .. } => code::WRITE_REGISTERS,
            Request::ReadMemory { .. } => code::READ_MEMORY,
            Request::WriteMemory { .. } => code::WRITE_MEMORY,
            Request::WaitInterrupt { .. } => code::WAIT_INTERRUPT,
            Request::Reset => code::RESET,
            Request::Restart => code::RESTART,
            Request::ObjectFind { .. } => code::OBJECT_FIND,
            Request::ObjectBegin { .. } => code::OBJECT_BEGIN,
            Request::ObjectData { .. } => code::OBJECT_DATA,
            Request::ObjectCommit => code::OBJECT_COMMIT,
            Request::ObjectDelete { .. } => code::OBJECT_DELETE,
            Request::ObjectList { .. } => code::OBJECT_LIST,
            Request::ObjectCopy { .. } => code::OBJECT_COPY,
            Request::JobSubmit { .. } => code::JOB_SUBMIT,
            Request::JobTake { .. } => code::JOB_TAKE,
            Request::SelfTest => code::SELF_TEST,
            Request::FaultLog { .. } => code::FAULT_LOG,
            Request::ImageBegin { .. } => code::IMAGE_BEGIN,
            Request::ImageData { .. } => code::IMAGE_DATA,
            Request::ImageCommit => code::IMAGE_COMMIT,
            Request::Reboot { .. } => code::REBOOT,
        }
    }
}
