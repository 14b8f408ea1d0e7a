//! Objects in flash, by the SHA-256 of their contents; power may be lost at any time.
//!
//! **Layout.** An object takes consecutive sectors. Each begins with a header of 64 bytes, so that no contents are ever
//! taken for a header, and holds up to [`SECTOR_DATA`] bytes:
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | first sector: CRC32C of the contents, programmed at commit |
//! | 4..8 | first sector: CRC32C of bytes 12..60 and 0..4, programmed at commit |
//! | 8..10 | first sector: ones; zeros once bytes 0..8 were programmed for certain |
//! | 10..12 | first sector: ones; zeros once deleted |
//! | 12..16 | magic |
//! | 16..20 | serial number of the object, which grows |
//! | 20..24 | index of the sector in the object |
//! | 24..28 | bytes of the object |
//! | 28..60 | its name |
//! | 60..64 | CRC32C of bytes 12..60 |
//!
//! The first 16 bytes tell that a sector is of nothing: a mount reads no more of most, and there are thousands.
//!
//! **Commit.** An object exists from when bytes 0..8 of its first sector are programmed, after its contents were read
//! back. Half of it is no commit. Deleting programs bytes 0..12 to zero, so that an erase that is cut cannot bring
//! the commit back. Sectors of nothing committed are free, and are erased before they are used: nothing that is read tells
//! whether an erase was completed.
//!
//! **Bits that read differently each time** (a commit or a deletion was cut): what mount reads, it makes true. A commit that is
//! whole is programmed again, half of one gets the zeros of a deletion; so objects that were absent once do not come back when
//! their sectors are of others. An object whose *deletion* was cut may be there, whole, and vanish at a later mount.
//!
//! **Wear.** Space is taken behind the object written last, round and round.
//! **Bounds.** `N` objects are known at a time; a table of 16 bytes each is all that is kept in memory.

use myelin_isa::framing::{Checksum, ObjectEntry, ObjectName, Reason, Refusal};
use sha2::{Digest, Sha256};

use crate::flash::{self, Flash, SECTOR_BYTES};

/// Bytes of a sector's header.
const HEADER_BYTES: usize = 64;
/// Bytes of contents in a sector.
pub const SECTOR_DATA: u32 = SECTOR_BYTES - HEADER_BYTES as u32;
const MAGIC: u32 = u32::from_le_bytes(*b"MYOB");
/// Bytes read back in one step.
const STEP_BYTES: usize = 256;
/// The commit, with which a header begins; where in it stand that it is settled and that it is deleted.
const COMMIT_BYTES: usize = 12;
const SETTLED_AT: usize = 8;
const DELETED_AT: usize = 10;
/// What all sectors of an object have behind: from the magic to the name, and the checksum of that.
const FIXED_BYTES: usize = 48;
const NAME_AT: usize = 28;
/// What tells that a sector is of nothing: commit and magic.
const FRONT_BYTES: usize = 16;
/// Readings of a header before its object is given up: a disturbed transfer must not cost one.
const READINGS: u32 = 3;

/// An object that is committed.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    serial: u32,
    length: u32,
    /// First four bytes of its name.
    prefix: u32,
    first: u16,
    sectors: u16,
}

/// An object that is being written.
#[derive(Debug)]
struct Pending {
    entry: Entry,
    name: ObjectName,
    written: u32,
    hash: Sha256,
    /// State of the CRC32C of what was written.
    checksum: u32,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Sectors from this one on are to be erased.
    Erasing(u16),
    Writing,
    /// Contents from this offset on are to be read back; state of their CRC32C.
    Verifying(u32, u32),
}

/// How far an operation is that takes several steps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// There is more to do.
    Working,
    /// It is over.
    Done(Result<(), Refusal>),
}

/// The objects of a flash from an address on.
#[derive(Debug)]
pub struct Store<const N: usize> {
    base: u32,
    sectors: u16,
    entries: [Entry; N],
    count: usize,
    next_serial: u32,
    cursor: u16,
    pending: Option<Pending>,
}

impl<const N: usize> Store<N> {
    /// Reads what there is from `base`, a multiple of a sector, to the end of the flash.
    pub fn mount(flash: &mut impl Flash, checksum: &mut impl Checksum, base: u32) -> Store<N> {
        let sectors = flash.bytes().saturating_sub(base) / SECTOR_BYTES;
        let mut store = Store {
            base,
            sectors: sectors.min(u32::from(u16::MAX)) as u16,
            entries: [Entry::default(); N],
            count: 0,
            next_serial: 1,
            cursor: 0,
            pending: None,
        };
        let mut sector = 0;
        while sector < store.sectors {
            let (entry, is_quiet) = store.read_first(flash, checksum, sector);
            if let Some(entry) = entry {
                if entry.serial >= store.next_serial {
                    store.next_serial = entry.serial.saturating_add(1);
                    store.cursor = sector.saturating_add(entry.sectors);
                }
                // The same contents twice: the power failed between the second commit and the first one's deletion.
                let is_new = !is_quiet && {
                    let name = store.name(flash, &entry);
                    store.find(flash, &name).is_none()
                };
                if is_new && store.count < N && store.settle(flash, checksum, &entry) {
                    store.entries[store.count] = entry;
                    store.count += 1;
                    sector += entry.sectors;
                    continue;
                }
            }
            // Nothing committed, or no longer: nor may it be at another reading, once its sectors are of others.
            if !is_quiet {
                store.cancel(flash, sector);
            }
            sector += 1;
        }
        store
    }

    /// The object whose first sector this is, and whether it was certainly never committed or is certainly deleted.
    fn read_first(&self, flash: &mut impl Flash, checksum: &mut impl Checksum, sector: u16) -> (Option<Entry>, bool) {
        let mut front = Front([0; FRONT_BYTES]);
        flash.read(self.address(sector), &mut front.0);
        if is_quiet(&front.0) && word(&front.0, COMMIT_BYTES) != MAGIC {
            return (None, true);
        }
        let mut header = [0; HEADER_BYTES];
        for _ in 0..READINGS {
            flash.read(self.address(sector), &mut header);
            let entry = parse(&header, sector, checksum);
            let is_quiet = is_quiet(&header);
            if is_quiet || entry.is_some() {
                return (entry, is_quiet);
            }
        }
        (None, false)
    }

    /// Makes a sector the first of nothing; false if the flash fails.
    fn cancel(&self, flash: &mut impl Flash, sector: u16) -> bool {
        flash.program(self.address(sector), &[0; COMMIT_BYTES])
    }

    /// Whether an object is committed and whole, and makes it so for certain.
    fn settle(&self, flash: &mut impl Flash, checksum: &mut impl Checksum, entry: &Entry) -> bool {
        let address = self.address(entry.first);
        for _ in 0..READINGS {
            let mut header = [0; HEADER_BYTES];
            flash.read(address, &mut header);
            if is_committed(&header, checksum) && self.is_whole(flash, checksum, entry) {
                let is_settled = header[SETTLED_AT..DELETED_AT] == [0; 2];
                return is_settled
                    || (flash.program(address, &header[..SETTLED_AT])
                        && flash.program(address + SETTLED_AT as u32, &[0; 2]));
            }
        }
        false
    }

    /// Whether all sectors of a committed object are there and its own.
    fn is_whole(&self, flash: &mut impl Flash, checksum: &mut impl Checksum, first: &Entry) -> bool {
        if u32::from(first.first) + u32::from(first.sectors) > u32::from(self.sectors) {
            return false;
        }
        (0..first.sectors).all(|index| {
            let mut header = [0; HEADER_BYTES];
            flash.read(self.address(first.first + index), &mut header);
            let is_own = word(&header, 16) == first.serial && word(&header, 20) == u32::from(index);
            is_own && has_header(&header, checksum)
        })
    }

    fn address(&self, sector: u16) -> u32 {
        self.base + u32::from(sector) * SECTOR_BYTES
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes that one more object may have.
    pub fn bytes_free(&self) -> u32 {
        if self.count == N {
            return 0;
        }
        let mut largest = 0;
        let mut start = 0;
        while start < self.sectors {
            let end = self.end_of_free(start);
            largest = largest.max(end - start);
            start = end + self.entry_at(end).map_or(1, |entry| entry.sectors);
        }
        u32::from(largest) * SECTOR_DATA
    }

    /// The object that begins or lies at a sector.
    fn entry_at(&self, sector: u16) -> Option<&Entry> {
        let covers = |entry: &&Entry| entry.first <= sector && sector - entry.first < entry.sectors;
        self.entries[..self.count].iter().find(covers)
    }

    /// Where the free sectors from `start` on end.
    fn end_of_free(&self, start: u16) -> u16 {
        if self.entry_at(start).is_some() {
            return start;
        }
        let firsts = self.entries[..self.count].iter().map(|entry| entry.first).filter(|&first| first > start);
        firsts.min().unwrap_or(self.sectors)
    }

    /// Sectors for an object, behind the one written last if possible.
    fn allocate(&self, count: u16) -> Option<u16> {
        let fits_from = |start: u16, limit: u16| {
            let mut start = start;
            while start < limit {
                if let Some(entry) = self.entry_at(start) {
                    start = entry.first + entry.sectors;
                    continue;
                }
                let end = self.end_of_free(start);
                if end - start >= count {
                    return Some(start);
                }
                start = end;
            }
            None
        };
        fits_from(self.cursor, self.sectors).or_else(|| fits_from(0, self.cursor.min(self.sectors)))
    }

    /// The place of an object in the list, and its length.
    pub fn find(&self, flash: &mut impl Flash, name: &ObjectName) -> Option<(usize, u32)> {
        let prefix = word(name, 0);
        (0..self.count).find_map(|index| {
            let entry = self.entries[index];
            let is_it = entry.prefix == prefix && self.name(flash, &entry) == *name;
            is_it.then_some((index, entry.length))
        })
    }

    fn name(&self, flash: &mut impl Flash, entry: &Entry) -> ObjectName {
        let mut name = [0; 32];
        flash.read(self.address(entry.first) + NAME_AT as u32, &mut name);
        name
    }

    /// The object at a place of the list.
    pub fn get(&self, flash: &mut impl Flash, index: usize) -> Option<ObjectEntry> {
        let entry = self.entries[..self.count].get(index)?;
        Some(ObjectEntry { name: self.name(flash, entry), length: entry.length })
    }

    /// Reads contents of the object at a place of the list; false beyond them.
    pub fn read(&self, flash: &mut impl Flash, index: usize, offset: u32, out: &mut [u8]) -> bool {
        match self.entries[..self.count].get(index) {
            Some(entry) if u64::from(offset) + out.len() as u64 <= u64::from(entry.length) => {
                self.read_contents(flash, entry, offset, out);
                true
            }
            _ => false,
        }
    }

    fn read_contents(&self, flash: &mut impl Flash, entry: &Entry, mut offset: u32, mut out: &mut [u8]) {
        while !out.is_empty() {
            let (address, room) = self.place(entry, offset);
            let length = out.len().min(room);
            let (now, rest) = out.split_at_mut(length);
            flash.read(address, now);
            offset += length as u32;
            out = rest;
        }
    }

    /// Where a byte of contents lies, and how many more follow it in its sector.
    fn place(&self, entry: &Entry, offset: u32) -> (u32, usize) {
        let (sector, within) = (offset / SECTOR_DATA, offset % SECTOR_DATA);
        let address = self.address(entry.first) + sector * SECTOR_BYTES + HEADER_BYTES as u32 + within;
        (address, (SECTOR_DATA - within) as usize)
    }

    /// Forgets the object at a place of the list.
    ///
    /// # Errors
    /// The flash failed: whether the object is still there shows at the next mount.
    pub fn delete(&mut self, flash: &mut impl Flash, index: usize) -> Result<(), Refusal> {
        let Some(entry) = self.entries[..self.count].get(index).copied() else {
            return Err(Refusal { reason: Reason::NotFound, detail: 0 });
        };
        // Until it is certainly gone its sectors are not free.
        if !self.cancel(flash, entry.first) {
            return Err(flash::fault(self.address(entry.first)));
        }
        self.entries.copy_within(index + 1..self.count, index);
        self.count -= 1;
        Ok(())
    }

    /// Begins an object and forgets one that was begun before; [`Store::step`] then erases.
    ///
    /// # Errors
    /// [`Reason::NoSpace`].
    pub fn begin(&mut self, name: ObjectName, length: u32) -> Result<(), Refusal> {
        self.pending = None;
        let sectors = length.max(1).div_ceil(SECTOR_DATA);
        let full = Refusal { reason: Reason::NoSpace, detail: self.bytes_free() };
        let Some(sectors) = u16::try_from(sectors).ok().filter(|_| self.count < N) else {
            return Err(full);
        };
        let first = self.allocate(sectors).ok_or(full)?;
        let entry = Entry { serial: self.next_serial, length, prefix: word(&name, 0), first, sectors };
        self.next_serial = self.next_serial.saturating_add(1);
        self.cursor = first + sectors;
        let (hash, stage) = (Sha256::new(), Stage::Erasing(0));
        self.pending = Some(Pending { entry, name, written: 0, hash, checksum: u32::MAX, stage });
        Ok(())
    }

    /// Forgets what was begun.
    pub fn abandon(&mut self) {
        self.pending = None;
    }

    /// Goes on erasing or reading back, a little.
    pub fn step(&mut self, flash: &mut impl Flash, checksum: &mut impl Checksum) -> Progress {
        if flash.is_busy() {
            return Progress::Working;
        }
        let Some(pending) = &mut self.pending else {
            return Progress::Done(Err(Refusal { reason: Reason::OutOfOrder, detail: 0 }));
        };
        let entry = pending.entry;
        match pending.stage {
            Stage::Erasing(next) if next < entry.sectors => {
                let (from, end) = (u32::from(entry.first + next), u32::from(entry.first + entry.sectors));
                let address = self.base + from * SECTOR_BYTES;
                let rest = flash::begin_erase(flash, address, self.base + end * SECTOR_BYTES);
                pending.stage = Stage::Erasing(next + ((rest - address) / SECTOR_BYTES) as u16);
                Progress::Working
            }
            Stage::Erasing(_) => {
                pending.stage = Stage::Writing;
                Progress::Done(self.write_headers(flash, checksum))
            }
            Stage::Writing => Progress::Done(Ok(())),
            Stage::Verifying(offset, state) => self.verify(flash, checksum, offset, state),
        }
    }

    /// All headers, before any contents: at a commit they are there.
    fn write_headers(&mut self, flash: &mut impl Flash, checksum: &mut impl Checksum) -> Result<(), Refusal> {
        let Some(pending) = &self.pending else { return Ok(()) };
        let entry = pending.entry;
        for index in 0..entry.sectors {
            let fixed = fixed_part(&entry, &pending.name, index);
            let mut bytes = [0; FIXED_BYTES + 4];
            bytes[..FIXED_BYTES].copy_from_slice(&fixed);
            bytes[FIXED_BYTES..].copy_from_slice(&checksum.checksum(&[&fixed]).to_le_bytes());
            flash::program(flash, self.address(entry.first + index) + COMMIT_BYTES as u32, &bytes)?;
        }
        Ok(())
    }

    /// Writes the next bytes of the object begun.
    ///
    /// # Errors
    /// [`Reason::OutOfOrder`]: none was begun, or they belong elsewhere; [`Reason::OutOfRange`]: more than was said.
    pub fn write(
        &mut self,
        flash: &mut impl Flash,
        checksum: &mut impl Checksum,
        offset: u32,
        data: &[u8],
    ) -> Result<(), Refusal> {
        let Some(pending) = self.pending.as_mut().filter(|pending| matches!(pending.stage, Stage::Writing)) else {
            return Err(Refusal { reason: Reason::OutOfOrder, detail: 0 });
        };
        if offset != pending.written {
            return Err(Refusal { reason: Reason::OutOfOrder, detail: pending.written });
        }
        let entry = pending.entry;
        if data.len() as u64 > u64::from(entry.length - offset) {
            return Err(Refusal { reason: Reason::OutOfRange, detail: entry.length });
        }
        pending.hash.update(data);
        pending.checksum = checksum.update(pending.checksum, data);
        pending.written += data.len() as u32;
        let (mut offset, mut data) = (offset, data);
        while !data.is_empty() {
            let (address, room) = self.place(&entry, offset);
            let (now, rest) = data.split_at(room.min(data.len()));
            flash::program(flash, address, now)?;
            offset += now.len() as u32;
            data = rest;
        }
        Ok(())
    }

    /// Begins to commit; [`Store::step`] then reads back and commits.
    ///
    /// # Errors
    /// [`Reason::OutOfOrder`]: bytes are missing; [`Reason::Mismatch`]: they do not have the name. In both the object is forgotten.
    pub fn commit(&mut self) -> Result<(), Refusal> {
        let Some(mut pending) = self.pending.take() else {
            return Err(Refusal { reason: Reason::OutOfOrder, detail: 0 });
        };
        if pending.written != pending.entry.length || !matches!(pending.stage, Stage::Writing) {
            return Err(Refusal { reason: Reason::OutOfOrder, detail: pending.written });
        }
        if pending.hash.finalize_reset().as_slice() != pending.name {
            return Err(Refusal { reason: Reason::Mismatch, detail: 0 });
        }
        pending.stage = Stage::Verifying(0, u32::MAX);
        self.pending = Some(pending);
        Ok(())
    }

    fn verify(&mut self, flash: &mut impl Flash, checksum: &mut impl Checksum, offset: u32, state: u32) -> Progress {
        let Some(Pending { entry, checksum: expected, .. }) = self.pending else { return Progress::Working };
        let left = entry.length - offset;
        if left > 0 {
            let mut buffer = [0; STEP_BYTES];
            let buffer = &mut buffer[..STEP_BYTES.min(left as usize)];
            self.read_contents(flash, &entry, offset, buffer);
            let state = checksum.update(state, buffer);
            if let Some(pending) = &mut self.pending {
                pending.stage = Stage::Verifying(offset + buffer.len() as u32, state);
            }
            return Progress::Working;
        }
        if state != expected {
            self.pending = None;
            return Progress::Done(Err(flash::fault(self.address(entry.first))));
        }
        Progress::Done(self.finish(flash, checksum, !state))
    }

    fn finish(&mut self, flash: &mut impl Flash, checksum: &mut impl Checksum, sum: u32) -> Result<(), Refusal> {
        let Some(Pending { entry, name, .. }) = self.pending.take() else { return Ok(()) };
        let before = self.find(flash, &name);
        let address = self.address(entry.first);
        let seal = checksum.checksum(&[&fixed_part(&entry, &name, 0), &sum.to_le_bytes()]);
        let mut record = [0; 8];
        record[..4].copy_from_slice(&sum.to_le_bytes());
        record[4..].copy_from_slice(&seal.to_le_bytes());
        let is_done = flash.program(address, &record) && self.settle(flash, checksum, &entry);
        if !is_done {
            // Half a commit must not become whole later; if this fails too, the next mount does it.
            self.cancel(flash, entry.first);
            return Err(flash::fault(address));
        }
        // Since it was begun there was a place for it.
        if let Some(place) = self.entries.get_mut(self.count) {
            *place = entry;
            self.count += 1;
        }
        // The same contents once are enough.
        before.map_or(Ok(()), |(index, _)| self.delete(flash, index))
    }
}

/// What a header has between the commit and the checksum.
fn fixed_part(entry: &Entry, name: &ObjectName, index: u16) -> [u8; FIXED_BYTES] {
    let mut bytes = [0; FIXED_BYTES];
    bytes[..4].copy_from_slice(&MAGIC.to_le_bytes());
    bytes[4..8].copy_from_slice(&entry.serial.to_le_bytes());
    bytes[8..12].copy_from_slice(&u32::from(index).to_le_bytes());
    bytes[12..16].copy_from_slice(&entry.length.to_le_bytes());
    bytes[16..].copy_from_slice(name);
    bytes
}

#[inline]
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

/// The beginning of a header, whose words are aligned: a core without a cache loads each at once.
#[repr(align(4))]
struct Front([u8; FRONT_BYTES]);

/// Whether the commit that a header begins with was certainly never programmed, or was certainly deleted.
#[inline]
fn is_quiet(header: &[u8]) -> bool {
    let (contents, seal, flags) = (word(header, 0), word(header, 4), word(header, 8));
    contents & seal & flags == u32::MAX || contents | seal | flags == 0
}

fn fixed_of(header: &[u8; HEADER_BYTES]) -> &[u8] {
    &header[COMMIT_BYTES..][..FIXED_BYTES]
}

fn has_header(header: &[u8; HEADER_BYTES], checksum: &mut impl Checksum) -> bool {
    word(header, COMMIT_BYTES) == MAGIC && word(header, 60) == checksum.checksum(&[fixed_of(header)])
}

/// The object whose first sector this is.
fn parse(header: &[u8; HEADER_BYTES], sector: u16, checksum: &mut impl Checksum) -> Option<Entry> {
    if !has_header(header, checksum) || word(header, 20) != 0 {
        return None;
    }
    let length = word(header, 24);
    let sectors = u16::try_from(length.max(1).div_ceil(SECTOR_DATA)).ok()?;
    Some(Entry { serial: word(header, 16), length, prefix: word(header, NAME_AT), first: sector, sectors })
}

fn is_committed(header: &[u8; HEADER_BYTES], checksum: &mut impl Checksum) -> bool {
    header[DELETED_AT..COMMIT_BYTES] == [0xff; 2]
        && word(header, 4) == checksum.checksum(&[fixed_of(header), &header[..4]])
}
