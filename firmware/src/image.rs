//! Firmware images in two slots: which one boots, and putting a new one into the other.
//!
//! **Boot** ([`choose`]). Of the valid images the one with the greater counter is booted, unless it was started [`ATTEMPTS_MAX`] times
//! and never came up: then the other is. If there is no other it is booted all the same; something that may come up is
//! better than nothing. An image has come up once a host has opened a session ([`confirm`]), and is trusted from then on:
//! a stick that is powered without a host keeps its image.
//!
//! **Attempts** are words in a sector of each slot: ones, then the low half zero for a boot, then all zero if it came
//! up. Once there is a zero no more are written.
//!
//! **Update** ([`Update`]). The slot is erased, header and all, then its attempts; the image is written and read back,
//! the header written last. An image is valid if the CRCs of header and image are right, whatever happened to power. Where
//! a cut has left bits of a header that read differently each time, either image is booted; both are whole. [`confirm`]
//! makes the header certain that came up.

use myelin_isa::framing::{Checksum, Reason, Refusal};
use myelin_isa::stick::{flash_layout, image_header as at};

use crate::flash::{self, Flash, SECTOR_BYTES};
use crate::store::Progress;

/// Boots in a row that do not come up, after which an image is passed over.
pub const ATTEMPTS_MAX: u32 = 3;
/// Most bytes of an image.
pub const IMAGE_MAX: u32 = flash_layout::SLOT_BYTES - at::BYTES;

/// Words that are looked at: those of an image that never comes up end here.
const ATTEMPT_WORDS: u32 = 64;
/// A boot that has not come up.
const ATTEMPTED: u32 = 0xffff_0000;

/// One of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Slot {
    /// The first.
    A = 0,
    /// The second.
    B = 1,
}

impl Slot {
    /// Both.
    pub const ALL: [Slot; 2] = [Slot::A, Slot::B];

    /// The one it is not.
    pub const fn other(self) -> Slot {
        match self {
            Slot::A => Slot::B,
            Slot::B => Slot::A,
        }
    }

    /// Where it begins in the flash.
    pub const fn address(self) -> u32 {
        match self {
            Slot::A => flash_layout::SLOT_A,
            Slot::B => flash_layout::SLOT_B,
        }
    }

    const fn attempts(self) -> u32 {
        flash_layout::ATTEMPTS + self as u32 * SECTOR_BYTES
    }
}

/// What a slot holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Image {
    /// Where.
    pub slot: Slot,
    /// Of two, the greater is newer.
    pub counter: u32,
    /// Bytes of it, which follow the header.
    pub length: u32,
    /// CRC32C of them.
    pub checksum: u32,
    /// Where it goes, and where it is entered.
    pub load_address: u32,
    /// The register map it is for.
    pub map_version: u32,
    /// The RAM it is for: 0 ECP5, 1 UP5K.
    pub family: u32,
}

impl Image {
    /// The header of a slot; `None` if there is none or it is damaged. Does not look at the image itself.
    pub fn header(flash: &mut impl Flash, checksum: &mut impl Checksum, slot: Slot) -> Option<Image> {
        let mut header = [0; at::BYTES as usize];
        flash.read(slot.address(), &mut header);
        let word = |at: u32| u32_at(&header, at);
        let is_header = word(at::MAGIC) == at::MAGIC_VALUE
            && word(at::HEADER_CRC) == checksum.checksum(&[&header[..at::HEADER_CRC as usize]])
            && (1..=IMAGE_MAX).contains(&word(at::LENGTH));
        is_header.then(|| Image {
            slot,
            counter: word(at::COUNTER),
            length: word(at::LENGTH),
            checksum: word(at::IMAGE_CRC),
            load_address: word(at::LOAD_ADDRESS),
            map_version: word(at::MAP_VERSION),
            family: word(at::FAMILY),
        })
    }

    /// The header's bytes.
    pub fn to_bytes(&self, checksum: &mut impl Checksum) -> [u8; at::BYTES as usize] {
        let mut bytes = [0; at::BYTES as usize];
        let mut put = |at: u32, value: u32| bytes[at as usize..][..4].copy_from_slice(&value.to_le_bytes());
        put(at::MAGIC, at::MAGIC_VALUE);
        put(at::COUNTER, self.counter);
        put(at::LENGTH, self.length);
        put(at::IMAGE_CRC, self.checksum);
        put(at::LOAD_ADDRESS, self.load_address);
        put(at::MAP_VERSION, self.map_version);
        put(at::FAMILY, self.family);
        let sum = checksum.checksum(&[&bytes[..at::HEADER_CRC as usize]]);
        bytes[at::HEADER_CRC as usize..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// Whether the image's bytes have its checksum.
    pub fn is_intact(&self, flash: &mut impl Flash, checksum: &mut impl Checksum) -> bool {
        sum(flash, checksum, self.slot.address() + at::BYTES, self.length) == self.checksum
    }
}

fn u32_at(bytes: &[u8], at: u32) -> u32 {
    bytes.get(at as usize..).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn sum(flash: &mut impl Flash, checksum: &mut impl Checksum, address: u32, length: u32) -> u32 {
    let (mut state, mut offset) = (u32::MAX, 0);
    while offset < length {
        let mut buffer = [0; 64];
        let buffer = &mut buffer[..64.min(length - offset) as usize];
        flash.read(address + offset, buffer);
        state = checksum.update(state, buffer);
        offset += buffer.len() as u32;
    }
    !state
}

/// The image to boot on hardware with a register map and family; `None`: neither will do. With the slot that would have been newer but
/// was passed over.
pub fn choose(
    flash: &mut impl Flash,
    checksum: &mut impl Checksum,
    map_version: u32,
    family: u32,
) -> (Option<Image>, Option<Slot>) {
    let mut images = Slot::ALL.map(|slot| {
        Image::header(flash, checksum, slot).filter(|image| image.map_version == map_version && image.family == family)
    });
    let newer = |a: &Image, b: &Image| a.counter.wrapping_sub(b.counter) as i32 > 0;
    if let [Some(a), Some(b)] = &images
        && newer(b, a)
    {
        images.swap(0, 1);
    }
    let (mut passed, mut last) = (None, None);
    for image in images.into_iter().flatten() {
        let is_intact = image.is_intact(flash, checksum);
        if is_intact && failed_attempts(flash, image.slot) < ATTEMPTS_MAX {
            return (Some(image), passed);
        }
        passed = passed.or(Some(image.slot));
        last = last.or(is_intact.then_some(image));
    }
    // Of what was passed over, the newest: it stands for itself unless it is damaged.
    let slot = last.map(|image| image.slot);
    (last, passed.filter(|passed| Some(*passed) != slot))
}

/// Whether there is a newer image than the one that runs, which the boot code has passed over.
pub fn is_passed_over(flash: &mut impl Flash, checksum: &mut impl Checksum, running: Slot) -> bool {
    let [this, other] = [running, running.other()].map(|slot| Image::header(flash, checksum, slot));
    let (Some(this), Some(other)) = (this, other) else { return false };
    let is_newer = other.counter.wrapping_sub(this.counter).cast_signed() > 0;
    is_newer && (other.map_version, other.family) == (this.map_version, this.family)
}

/// Boots of a slot that did not come up; 0 once one did.
pub fn failed_attempts(flash: &mut impl Flash, slot: Slot) -> u32 {
    let mut failed = 0;
    for index in 0..ATTEMPT_WORDS {
        match attempt(flash, slot, index) {
            u32::MAX => break,
            0 => return 0,
            _ => failed += 1,
        }
    }
    failed
}

fn attempt(flash: &mut impl Flash, slot: Slot, index: u32) -> u32 {
    let mut word = [0; 4];
    flash.read(slot.attempts() + 4 * index, &mut word);
    u32::from_le_bytes(word)
}

/// The first word that is still ones; `None` once the slot came up, or if there is none left.
fn free_attempt(flash: &mut impl Flash, slot: Slot) -> Option<u32> {
    // Each is read once: a word that was cut may read differently the next time.
    let mut words = (0..ATTEMPT_WORDS).map(|index| (index, attempt(flash, slot, index)));
    words.find(|(_, word)| matches!(*word, 0 | u32::MAX)).filter(|(_, word)| *word != 0).map(|(index, _)| index)
}

/// Notes that a slot is about to be booted, if it never came up.
pub fn note_attempt(flash: &mut impl Flash, slot: Slot) {
    if let Some(index) = free_attempt(flash, slot) {
        // If it fails the image has one attempt more.
        flash.program(slot.attempts() + 4 * index, &ATTEMPTED.to_le_bytes());
    }
}

/// Notes that the slot that was booted came up. Only the first time writes.
pub fn confirm(flash: &mut impl Flash, checksum: &mut impl Checksum, slot: Slot) {
    if failed_attempts(flash, slot) == 0 && free_attempt(flash, slot).is_none() {
        return;
    }
    // It was good enough to be booted: once more, so that it is so for certain.
    if let Some(image) = Image::header(flash, checksum, slot) {
        let header = image.to_bytes(checksum);
        flash.program(slot.address(), &header);
    }
    // A slot without an untouched word has many that were touched, and takes the last of them.
    let index = free_attempt(flash, slot).unwrap_or(ATTEMPT_WORDS - 1);
    flash.program(slot.attempts() + 4 * index, &[0; 4]);
}

/// A new image on its way into a slot.
#[derive(Debug)]
pub struct Update {
    image: Image,
    written: u32,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// The old header is to be overwritten.
    Header,
    /// The attempts are to be erased.
    Attempts,
    /// The slot is to be erased from this address on.
    Slot(u32),
    Writing,
}

impl Update {
    /// Begins; [`Update::step`] then erases.
    ///
    /// # Errors
    /// [`Reason::NoSpace`]: it is too long, or empty.
    pub fn begin(image: Image) -> Result<Update, Refusal> {
        if !(1..=IMAGE_MAX).contains(&image.length) {
            return Err(Refusal { reason: Reason::NoSpace, detail: IMAGE_MAX });
        }
        Ok(Update { image, written: 0, stage: Stage::Header })
    }

    /// Goes on erasing: the header first, so that half an image is none.
    pub fn step(&mut self, flash: &mut impl Flash) -> Progress {
        if flash.is_busy() {
            return Progress::Working;
        }
        match self.stage {
            Stage::Header => {
                // Until it is erased with the rest no header is above part of an image, or another one's attempts.
                let is_done = flash.program(self.image.slot.address(), &[0; at::BYTES as usize]);
                if !is_done {
                    return Progress::Done(Err(flash::fault(self.image.slot.address())));
                }
                self.stage = Stage::Attempts;
            }
            Stage::Attempts => {
                flash.erase(self.image.slot.attempts());
                self.stage = Stage::Slot(self.image.slot.address());
            }
            Stage::Slot(from) if from < self.image.slot.address() + flash_layout::SLOT_BYTES => {
                let end = self.image.slot.address() + flash_layout::SLOT_BYTES;
                self.stage = Stage::Slot(flash::begin_erase(flash, from, end));
            }
            Stage::Slot(_) => self.stage = Stage::Writing,
            Stage::Writing => return Progress::Done(Ok(())),
        }
        Progress::Working
    }

    /// Writes the next bytes.
    ///
    /// # Errors
    /// [`Reason::OutOfOrder`]: not erased yet, or they belong elsewhere; [`Reason::OutOfRange`]; [`Reason::FlashFault`].
    pub fn write(&mut self, flash: &mut impl Flash, offset: u32, data: &[u8]) -> Result<(), Refusal> {
        if self.stage != Stage::Writing || offset != self.written {
            return Err(Refusal { reason: Reason::OutOfOrder, detail: self.written });
        }
        if data.len() as u64 > u64::from(self.image.length - offset) {
            return Err(Refusal { reason: Reason::OutOfRange, detail: self.image.length });
        }
        self.written += data.len() as u32;
        flash::program(flash, self.image.slot.address() + at::BYTES + offset, data)
    }

    /// Reads the image back and writes its header.
    ///
    /// # Errors
    /// [`Reason::OutOfOrder`]: bytes are missing; [`Reason::Mismatch`]; [`Reason::FlashFault`].
    pub fn commit(&self, flash: &mut impl Flash, checksum: &mut impl Checksum) -> Result<(), Refusal> {
        if self.stage != Stage::Writing || self.written != self.image.length {
            return Err(Refusal { reason: Reason::OutOfOrder, detail: self.written });
        }
        if !self.image.is_intact(flash, checksum) {
            return Err(Refusal { reason: Reason::Mismatch, detail: 0 });
        }
        let header = self.image.to_bytes(checksum);
        flash::program(flash, self.image.slot.address(), &header)?;
        match Image::header(flash, checksum, self.image.slot) {
            Some(image) if image == self.image => Ok(()),
            _ => Err(flash::fault(self.image.slot.address())),
        }
    }
}
