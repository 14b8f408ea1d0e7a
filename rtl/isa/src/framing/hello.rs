//! The first exchange of a session.

use super::bytes::{Reader, Writer};

/// Of the frames, the session and the commands. A stick of another version opens no session.
pub const PROTOCOL_VERSION: u16 = 1;

/// Payload of a hello.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Hello {
    /// The host's [`PROTOCOL_VERSION`].
    pub version: u16,
    /// A number that no other session of the same stick has had: random, of the system's generator.
    pub nonce: u64,
}

/// Payload of the answer to a hello.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct HelloReply {
    /// The stick's [`PROTOCOL_VERSION`].
    pub version: u16,
    /// The hello's nonce.
    pub nonce: u64,
    /// What the stick is.
    pub limits: Limits,
}

/// What a host must know of a stick before its first request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Limits {
    /// Most requests without an answer.
    pub window: u8,
    /// Most bytes of a request's or a reply's payload.
    pub payload_max: u16,
    /// Specification hash of the cell that programs must be for.
    pub specification: u64,
    /// [`crate::stick::MAP_VERSION`] of the gateware.
    pub map_version: u32,
    /// How often the stick was started in its life. Another number than before: all but its flash is lost.
    pub boots: u32,
    /// Why it was started last ([`crate::stick::system::RESET_CAUSE`]).
    pub reset_cause: u8,
}

impl Hello {
    /// Bytes of a hello.
    pub const BYTES: usize = 10;

    /// Its payload.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..2].copy_from_slice(&self.version.to_le_bytes());
        bytes[2..].copy_from_slice(&self.nonce.to_le_bytes());
        bytes
    }

    /// From a payload; what a later version adds is left out.
    pub fn decode(bytes: &[u8]) -> Option<Hello> {
        let mut r = Reader(bytes);
        Some(Hello { version: r.u16()?, nonce: r.u64()? })
    }
}

impl HelloReply {
    /// Bytes of the answer.
    pub const BYTES: usize = 30;

    /// Its payload.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let written = self.write(&mut Writer::new(&mut bytes));
        debug_assert!(written == Some(Self::BYTES), "the fields take exactly these bytes");
        bytes
    }

    fn write(&self, w: &mut Writer<'_>) -> Option<usize> {
        w.u16(self.version)?;
        w.u64(self.nonce)?;
        w.u8(self.limits.window)?;
        w.u16(self.limits.payload_max)?;
        w.u64(self.limits.specification)?;
        w.u32(self.limits.map_version)?;
        w.u32(self.limits.boots)?;
        w.u8(self.limits.reset_cause)?;
        Some(w.length())
    }

    /// From a payload; what a later version adds is left out.
    pub fn decode(bytes: &[u8]) -> Option<HelloReply> {
        let mut r = Reader(bytes);
        Some(HelloReply {
            version: r.u16()?,
            nonce: r.u64()?,
            limits: Limits {
                window: r.u8()?,
                payload_max: r.u16()?,
                specification: r.u64()?,
                map_version: r.u32()?,
                boots: r.u32()?,
                reset_cause: r.u8()?,
            },
        })
    }
}
