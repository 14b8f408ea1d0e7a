//! Frames: header, payload, checksum.
//!
//! ```text
//! 0x00  COBS( kind u8 | credits u8 | sequence u16 | acknowledge u16 | epoch u16 | payload | CRC32C u32 )  0x00
//! ```
//! Little-endian. The checksum is over header and payload. The zero in front ends whatever garbage came before.

use super::checksum::Checksum;
use super::cobs::{self, Decoded, Decoder, Encoder};

/// Bytes of a header.
pub const HEADER_BYTES: usize = 8;
/// Bytes of a checksum.
pub const CHECKSUM_BYTES: usize = 4;
/// Most bytes of a payload.
pub const PAYLOAD_MAX: usize = 4096;

/// Bytes of a frame before encoding.
pub const fn frame_length(payload: usize) -> usize {
    HEADER_BYTES + payload + CHECKSUM_BYTES
}

/// Most bytes on the wire of a frame with so many bytes of payload, delimiters included.
pub const fn wire_length_max(payload: usize) -> usize {
    cobs::encoded_length_max(frame_length(payload)) + 2
}

/// What a frame is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FrameKind {
    /// Host: opens a session ([`super::Hello`]).
    Hello = 1,
    /// Stick: the session is open ([`super::HelloReply`]).
    HelloReply = 2,
    /// Host: a command.
    Request = 3,
    /// Stick: the answer to the request of the same sequence.
    Reply = 4,
    /// Stick: how far requests have arrived, without an answer.
    Acknowledge = 5,
    /// Stick: a frame's epoch is not that of its session; it has the frame's epoch.
    NoSession = 6,
}

impl FrameKind {
    const fn from_byte(byte: u8) -> Option<FrameKind> {
        Some(match byte {
            1 => FrameKind::Hello,
            2 => FrameKind::HelloReply,
            3 => FrameKind::Request,
            4 => FrameKind::Reply,
            5 => FrameKind::Acknowledge,
            6 => FrameKind::NoSession,
            _ => return None,
        })
    }
}

/// What a frame carries besides its payload.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Header {
    /// What it is.
    pub kind: FrameKind,
    /// From the stick: frames it has room for from `acknowledge` on. From the host 0.
    pub credits: u8,
    /// Of a request or reply: its number in the session, modulo 2^16. Else 0.
    pub sequence: u16,
    /// From the stick: the request it expects next. From the host: the reply it expects next.
    pub acknowledge: u16,
    /// The session; the stick numbers them, never 0.
    pub epoch: u16,
}

impl Header {
    /// The bytes on the wire, before encoding.
    pub const fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let [s0, s1] = self.sequence.to_le_bytes();
        let [a0, a1] = self.acknowledge.to_le_bytes();
        let [e0, e1] = self.epoch.to_le_bytes();
        [self.kind as u8, self.credits, s0, s1, a0, a1, e0, e1]
    }

    /// The header that bytes stand for; `None` if there is no such kind.
    pub const fn from_bytes([kind, credits, s0, s1, a0, a1, e0, e1]: [u8; HEADER_BYTES]) -> Option<Header> {
        let Some(kind) = FrameKind::from_byte(kind) else { return None };
        Some(Header {
            kind,
            credits,
            sequence: u16::from_le_bytes([s0, s1]),
            acknowledge: u16::from_le_bytes([a0, a1]),
            epoch: u16::from_le_bytes([e0, e1]),
        })
    }
}

/// A frame that has arrived, or is to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Frame<'a> {
    /// Its header.
    pub header: Header,
    /// Its payload.
    pub payload: &'a [u8],
}

impl Frame<'_> {
    /// Writes the bytes for the wire, delimiters included, to the beginning of `out`; answers how many.
    /// `None` if they do not fit ([`wire_length_max`]).
    pub fn encode(&self, checksum: &mut impl Checksum, out: &mut [u8]) -> Option<usize> {
        let header = self.header.to_bytes();
        let sum = checksum.checksum(&[&header, self.payload]).to_le_bytes();
        *out.first_mut()? = 0;
        let mut encoder = Encoder::new(out, 1)?;
        encoder.push(&header)?;
        encoder.push(self.payload)?;
        encoder.push(&sum)?;
        let end = encoder.finish()?;
        *out.get_mut(end)? = 0;
        Some(end + 1)
    }
}

/// Finds frames in a stream of bytes, from any point on. `N`: [`frame_length`] of the longest payload.
///
/// Whatever is no frame (broken stuffing, too long, too short, wrong checksum, unknown kind) is dropped and counted.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Deframer<const N: usize> {
    buffer: [u8; N],
    decoder: Decoder,
    dropped: u32,
}

impl<const N: usize> Default for Deframer<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Deframer<N> {
    /// At the beginning of a stream.
    pub fn new() -> Deframer<N> {
        Deframer { buffer: [0; N], decoder: Decoder::default(), dropped: 0 }
    }

    /// Takes in bytes up to the end of the next frame, or all; answers how many, and the frame.
    pub fn push(&mut self, bytes: &[u8], checksum: &mut impl Checksum) -> (usize, Option<Frame<'_>>) {
        let mut at = 0;
        let (taken, length) = loop {
            match self.decoder.push(&mut self.buffer, &bytes[at..]) {
                Decoded::More => return (bytes.len(), None),
                Decoded::Nothing { taken, is_empty } => {
                    at += taken;
                    self.dropped = self.dropped.wrapping_add(u32::from(!is_empty));
                }
                Decoded::Frame { taken, length } => {
                    if check(&self.buffer[..length], checksum).is_some() {
                        break (at + taken, length);
                    }
                    at += taken;
                    self.dropped = self.dropped.wrapping_add(1);
                }
            }
        };
        (taken, parse(&self.buffer[..length]))
    }

    /// How often something was dropped that was no frame; wraps.
    pub fn dropped(&self) -> u32 {
        self.dropped
    }
}

/// The parts of decoded bytes; `None` if they are no frame, whatever the checksum.
fn parse(bytes: &[u8]) -> Option<Frame<'_>> {
    let (header, rest) = bytes.split_first_chunk::<HEADER_BYTES>()?;
    let (payload, _) = rest.split_last_chunk::<CHECKSUM_BYTES>()?;
    Some(Frame { header: Header::from_bytes(*header)?, payload })
}

fn check(bytes: &[u8], checksum: &mut impl Checksum) -> Option<()> {
    parse(bytes)?;
    let (body, sum) = bytes.split_last_chunk::<CHECKSUM_BYTES>()?;
    (checksum.checksum(&[body]) == u32::from_le_bytes(*sum)).then_some(())
}
