//! Payloads kept until they are no longer needed, and numbers that wrap.

/// Payloads of up to `P` bytes, one for each sequence modulo `W`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Slots<const W: usize, const P: usize> {
    bytes: [[u8; P]; W],
    lengths: [u16; W],
}

impl<const W: usize, const P: usize> Slots<W, P> {
    pub const fn new() -> Self {
        Slots { bytes: [[0; P]; W], lengths: [0; W] }
    }

    /// The place of a sequence; sequences count modulo a multiple of `W`.
    pub const fn index(sequence: u16) -> usize {
        sequence as usize % W
    }

    pub fn get(&self, sequence: u16) -> &[u8] {
        let index = Self::index(sequence);
        &self.bytes[index][..usize::from(self.lengths[index])]
    }

    /// The whole place, to be filled before [`Slots::set_length`].
    pub fn buffer(&mut self, sequence: u16) -> &mut [u8; P] {
        &mut self.bytes[Self::index(sequence)]
    }

    /// Says how much of the place counts; at most all.
    pub fn set_length(&mut self, sequence: u16, length: usize) {
        self.lengths[Self::index(sequence)] = length.min(P) as u16;
    }
}

/// `sequence + count` modulo `M`.
pub(super) const fn advance<const M: u32>(sequence: u16, count: u32) -> u16 {
    ((sequence as u32 + count) % M) as u16
}

/// How far `to` is ahead of `from`, modulo `M`.
pub(super) const fn distance<const M: u32>(from: u16, to: u16) -> u32 {
    (to as u32 + M - from as u32 % M) % M
}

/// What window, payload and modulus must be, checked when a state machine is made for them.
pub(super) const fn check_parameters(window: usize, payload: usize, modulus: u32) {
    assert!(window >= 1 && window <= 32, "a window is 1 to 32 frames");
    assert!(
        modulus <= 1 << 16 && (modulus as usize).is_multiple_of(window),
        "the sequence counts whole windows in 16 bits"
    );
    assert!(modulus as usize >= 2 * window, "repeated and new requests differ in their sequence");
    assert!(payload <= super::PAYLOAD_MAX, "a payload is at most 4096 bytes");
}
