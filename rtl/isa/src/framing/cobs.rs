//! Consistent Overhead Byte Stuffing: bytes without zeros, so that a zero ends a frame.
//!
//! Whole runs are copied, into slices, without a byte-by-byte state machine: the stick's soft core has a few dozen
//! clocks a byte. The crate `cobs` has only that machine for streams, and brings `heapless`; it judges this
//! code in tests.
//!
//! **Source.** Cheshire and Baker, "Consistent Overhead Byte Stuffing", 1999.

/// Most bytes that follow a code byte.
const RUN_MAX: usize = 254;

/// Most bytes that so many bytes become, without delimiters.
pub const fn encoded_length_max(bytes: usize) -> usize {
    bytes + bytes / RUN_MAX + 1
}

/// Encodes what is given in parts into a slice.
pub(super) struct Encoder<'a> {
    out: &'a mut [u8],
    /// Where the next byte goes.
    at: usize,
    /// Where the code of the present run is.
    code_at: usize,
}

impl<'a> Encoder<'a> {
    /// Begins at `start` of a slice; `None` if there is no room.
    pub fn new(out: &'a mut [u8], start: usize) -> Option<Encoder<'a>> {
        (start < out.len()).then_some(Encoder { out, at: start + 1, code_at: start })
    }

    /// Takes in more bytes; `None` if they do not fit.
    pub fn push(&mut self, bytes: &[u8]) -> Option<()> {
        for &byte in bytes {
            if byte == 0 {
                self.end_run()?;
                continue;
            }
            *self.out.get_mut(self.at)? = byte;
            self.at += 1;
            if self.at - self.code_at > RUN_MAX {
                self.end_run()?;
            }
        }
        Some(())
    }

    /// Ends it; answers where it ends.
    pub fn finish(self) -> Option<usize> {
        *self.out.get_mut(self.code_at)? = (self.at - self.code_at) as u8;
        Some(self.at)
    }

    fn end_run(&mut self) -> Option<()> {
        *self.out.get_mut(self.code_at)? = (self.at - self.code_at) as u8;
        self.code_at = self.at;
        self.at += 1;
        Some(())
    }
}

/// What a [`Decoder`] made of bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Decoded {
    /// All are taken in, and the frame goes on.
    More,
    /// A frame of so many bytes ended; so many bytes were taken in, its delimiter included.
    Frame { taken: usize, length: usize },
    /// Bytes that make no frame ended, or nothing between two delimiters (`is_empty`).
    Nothing { taken: usize, is_empty: bool },
}

/// Decodes a stream into a buffer, one frame at a time, from any state of the stream.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Decoder {
    /// Decoded bytes in the buffer.
    length: usize,
    /// Bytes left in the present run.
    left: usize,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
enum State {
    /// Nothing since the delimiter.
    #[default]
    Start,
    /// After a run that stands for a zero unless it is the last.
    Zero,
    /// After a run of 254, which stands for no zero.
    Full,
    /// It does not fit or breaks the rules: nothing counts up to the next delimiter.
    Skip,
}

impl Decoder {
    /// Takes in bytes up to the end of a frame, or all.
    pub fn push(&mut self, buffer: &mut [u8], bytes: &[u8]) -> Decoded {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if byte == 0 {
                return self.end(at + 1);
            }
            if self.state == State::Skip {
                at += 1;
            } else if self.left == 0 && self.state == State::Zero && byte == 1 {
                at += self.put_zeros(buffer, &bytes[at..]);
            } else if self.left == 0 {
                self.begin_run(buffer, byte);
                at += 1;
            } else {
                at += self.copy_run(buffer, &bytes[at..]);
            }
        }
        Decoded::More
    }

    fn begin_run(&mut self, buffer: &mut [u8], code: u8) {
        if self.state == State::Zero {
            match buffer.get_mut(self.length) {
                Some(place) => *place = 0,
                None => return self.state = State::Skip,
            }
            self.length += 1;
        }
        self.left = usize::from(code) - 1;
        self.state = if code == 0xff { State::Full } else { State::Zero };
    }

    /// Zeros that follow each other come as runs of nothing, one for each, of which padded weights have many; answers how many.
    fn put_zeros(&mut self, buffer: &mut [u8], bytes: &[u8]) -> usize {
        let room = buffer.get_mut(self.length..).unwrap_or_default();
        let mut zeros = 0;
        for (to, &code) in room.iter_mut().zip(bytes) {
            if code != 1 {
                break;
            }
            *to = 0;
            zeros += 1;
        }
        if zeros == 0 {
            self.state = State::Skip;
        }
        self.length += zeros;
        zeros
    }

    /// Copies what there is of a run before the next zero; answers how much.
    fn copy_run(&mut self, buffer: &mut [u8], bytes: &[u8]) -> usize {
        let there = self.left.min(bytes.len());
        let Some(room) = buffer.get_mut(self.length..).filter(|room| room.len() >= there) else {
            self.state = State::Skip;
            return 0;
        };
        // Four at a time: the soft core spends more on counting than on copying.
        let (fours_to, fours) = (room.as_chunks_mut::<4>().0, bytes[..there].as_chunks::<4>().0);
        let mut copied = 0;
        for (to, four) in fours_to.iter_mut().zip(fours) {
            if four[0] == 0 || four[1] == 0 || four[2] == 0 || four[3] == 0 {
                break;
            }
            *to = *four;
            copied += 4;
        }
        for (to, &byte) in room[copied..].iter_mut().zip(&bytes[copied..there]) {
            if byte == 0 {
                break;
            }
            *to = byte;
            copied += 1;
        }
        self.length += copied;
        self.left -= copied;
        copied
    }

    fn end(&mut self, taken: usize) -> Decoded {
        let Decoder { length, left, state } = core::mem::take(self);
        match state {
            State::Zero | State::Full if left == 0 => Decoded::Frame { taken, length },
            State::Start => Decoded::Nothing { taken, is_empty: true },
            _ => Decoded::Nothing { taken, is_empty: false },
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec;
    use std::vec::Vec;

    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn encode(bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![0; encoded_length_max(bytes.len())];
        let mut encoder = Encoder::new(&mut out, 0).unwrap();
        encoder.push(bytes).unwrap();
        let length = encoder.finish().unwrap();
        out.truncate(length);
        out
    }

    /// Bytes with runs about as long as a code byte can say.
    fn random_bytes(random: &mut ChaCha8Rng) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..random.random_range(0..4) {
            let run = [0, 1, 2, 253, 254, 255, 256, 508][random.random_range(0..8)];
            bytes.extend((0..run).map(|_| random.random_range(1..=255u8)));
            bytes.extend(vec![0; random.random_range(0..9)]);
        }
        bytes
    }

    #[test]
    fn encodes_and_decodes_as_the_crate_cobs() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..2000 {
            let bytes = random_bytes(&mut random);
            let ours = encode(&bytes);
            assert!(ours.len() <= encoded_length_max(bytes.len()));
            assert!(!ours.contains(&0));
            // After a full last run the other encoder adds a code that stands for nothing; both read both.
            let theirs = cobs::encode_vec(&bytes);
            assert_eq!(cobs::decode_vec(&ours).unwrap(), bytes);
            for mut stream in [ours, theirs] {
                stream.push(0);
                let (mut buffer, mut decoder) = (vec![0; bytes.len()], Decoder::default());
                let cut = random.random_range(0..stream.len());
                assert_eq!(decoder.push(&mut buffer, &stream[..cut]), Decoded::More);
                let expected = Decoded::Frame { taken: stream.len() - cut, length: bytes.len() };
                assert_eq!(decoder.push(&mut buffer, &stream[cut..]), expected);
                assert_eq!(buffer, bytes);
            }
        }
    }

    #[test]
    fn a_frame_after_a_delimiter_is_read_whatever_came_before() {
        let mut random = ChaCha8Rng::seed_from_u64(2);
        for _ in 0..2000 {
            let bytes = random_bytes(&mut random);
            let (mut buffer, mut decoder) = (vec![0; bytes.len()], Decoder::default());
            let mut stream: Vec<u8> = (0..random.random_range(0..600)).map(|_| random.random()).collect();
            stream.push(0);
            let garbage = stream.len();
            stream.extend(encode(&bytes));
            stream.push(0);
            let mut at = 0;
            while at < garbage {
                match decoder.push(&mut buffer, &stream[at..garbage]) {
                    Decoded::Frame { taken, .. } | Decoded::Nothing { taken, .. } => at += taken,
                    Decoded::More => unreachable!("garbage ends with a delimiter"),
                }
            }
            let expected = Decoded::Frame { taken: stream.len() - garbage, length: bytes.len() };
            assert_eq!(decoder.push(&mut buffer, &stream[garbage..]), expected);
            assert_eq!(buffer, bytes);
        }
    }

    #[test]
    fn what_does_not_fit_is_skipped_up_to_the_delimiter() {
        let (mut buffer, mut decoder) = ([0; 4], Decoder::default());
        let too_long = encode(&[1, 2, 3, 4, 5]);
        assert_eq!(decoder.push(&mut buffer, &too_long), Decoded::More);
        assert_eq!(decoder.push(&mut buffer, &[0]), Decoded::Nothing { taken: 1, is_empty: false });
        assert_eq!(decoder.push(&mut buffer, &[0]), Decoded::Nothing { taken: 1, is_empty: true });
        let zeros = encode(&[0; 5]);
        assert_eq!(decoder.push(&mut buffer, &zeros), Decoded::More);
        assert_eq!(decoder.push(&mut buffer, &[0]), Decoded::Nothing { taken: 1, is_empty: false });
        let mut out = [0; 4];
        assert!(Encoder::new(&mut out, 0).unwrap().push(&[1, 2, 3, 4]).is_none());
    }
}
