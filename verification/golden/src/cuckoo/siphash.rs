//! The family's hash: SipHash without padding, once for each endpoint or chained through a block.

use blake2::{Blake2b, Digest, digest::consts::U32};

/// Edges hashed together by the chained variants.
pub const BLOCK_SIZE: usize = 64;

/// The four words that make a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Keys(pub [u64; 4]);

impl Keys {
    /// The keys of a header: its unkeyed blake2b with 32 bytes of output, read as four little-endian
    /// words. Unlike in SipHash proper they are the initial state itself: no constants are mixed in.
    pub fn of_header(header: &[u8]) -> Keys {
        let digest = Blake2b::<U32>::digest(header);
        let mut words = [0; 4];
        for (word, bytes) in words.iter_mut().zip(digest.chunks_exact(8)) {
            *word = bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
        }
        Keys(words)
    }
}

/// How many rounds a hash has, before and after its word is mixed in again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sip {
    /// Two and four: the family and Grin.
    TwoFour,
    /// Four and eight: the Cortex chain.
    FourEight,
}

impl Sip {
    fn rounds(self) -> (u32, u32) {
        match self {
            Sip::TwoFour => (2, 4),
            Sip::FourEight => (4, 8),
        }
    }
}

/// The one rotation that differs between variants: of the last word, after the last addition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rotation {
    /// By 21 bits, as SipHash has it.
    By21,
    /// By 25 bits: Cuckarood.
    By25,
}

/// The four words while a hash is computed.
///
/// **Numbers**: all additions wrap at 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State(pub [u64; 4]);

impl State {
    /// One round.
    pub fn round(&mut self, rotation: Rotation) {
        let e = match rotation {
            Rotation::By21 => 21,
            Rotation::By25 => 25,
        };
        let [v0, v1, v2, v3] = &mut self.0;
        *v0 = v0.wrapping_add(*v1);
        *v2 = v2.wrapping_add(*v3);
        *v1 = v1.rotate_left(13) ^ *v0;
        *v3 = v3.rotate_left(16) ^ *v2;
        *v0 = v0.rotate_left(32);
        *v2 = v2.wrapping_add(*v1);
        *v0 = v0.wrapping_add(*v3);
        *v1 = v1.rotate_left(17) ^ *v2;
        *v3 = v3.rotate_left(e) ^ *v0;
        *v2 = v2.rotate_left(32);
    }

    /// Mixes one word in; what the state then says is [`State::digest`].
    pub fn hash(&mut self, word: u64, sip: Sip, rotation: Rotation) {
        let (before, after) = sip.rounds();
        self.0[3] ^= word;
        for _ in 0..before {
            self.round(rotation);
        }
        self.0[0] ^= word;
        self.0[2] ^= 0xff;
        for _ in 0..after {
            self.round(rotation);
        }
    }

    /// The exclusive or of the four words.
    pub fn digest(&self) -> u64 {
        self.0[0] ^ self.0[1] ^ self.0[2] ^ self.0[3]
    }
}

/// The hash of one word.
pub fn siphash(keys: Keys, word: u64, sip: Sip, rotation: Rotation) -> u64 {
    let mut state = State(keys.0);
    state.hash(word, sip, rotation);
    state.digest()
}

/// The hashes of the block of 64 words that `word` is in, before they are combined: the state is not
/// reset between them.
pub fn siphash_block(keys: Keys, word: u64, sip: Sip, rotation: Rotation) -> [u64; BLOCK_SIZE] {
    let first = word - word % BLOCK_SIZE as u64;
    let mut state = State(keys.0);
    let mut block = [0; BLOCK_SIZE];
    for (index, digest) in (0..).zip(&mut block) {
        state.hash(first + index, sip, rotation);
        *digest = state.digest();
    }
    block
}
