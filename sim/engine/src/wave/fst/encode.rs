//! Value changes as bytes.
//!
//! A change is the number of entries of the time table since the signal's last change in the block,
//! and the new value. One bit: `delta * 4 + bit * 2` as a variable-length integer. More bits:
//! `delta * 2`, then the bits, the highest first, from the highest bit of the first byte on.

use crate::samples::Tile;

/// Bytes of a variable-length integer of 32 bits.
const DELTA_BYTES_MAX: usize = 5;
/// Bytes that the store of a value may reach beyond its change.
const SLACK: usize = 8;

/// The changes of a signal in a block.
#[derive(Default)]
pub(super) struct List {
    /// The changes, then room that is kept from block to block.
    bytes: Vec<u8>,
    end: usize,
    /// Cycle in the block of the last change, or 0.
    last: u32,
    /// Blocks for which compression need not be tried.
    pub(super) patience: u8,
}

impl List {
    /// The changes so far.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.end]
    }

    /// Begins the next block.
    pub(super) fn clear(&mut self) {
        (self.end, self.last) = (0, 0);
    }

    /// Makes room for `bytes` more and the last store.
    #[inline(always)]
    fn reserve(&mut self, bytes: usize) {
        let needed = self.end + bytes + SLACK;
        if self.bytes.len() < needed {
            self.bytes.resize(needed.next_power_of_two(), 0);
        }
    }

    /// Cycles from the last change to one in cycle `cycle` of the block.
    #[inline(always)]
    pub(super) fn since(&self, cycle: u32) -> u32 {
        cycle - self.last
    }

    /// Room for `bytes` more.
    #[inline(always)]
    pub(super) fn room(&mut self, bytes: usize) -> &mut [u8] {
        self.reserve(bytes);
        &mut self.bytes[self.end..]
    }

    /// Takes what was put into the room; the last change is in cycle `last` of the block.
    #[inline(always)]
    pub(super) fn advance(&mut self, bytes: usize, last: u32) {
        self.end += bytes;
        self.last = last;
    }

    /// Appends a variable-length integer. There is room for it.
    #[inline(always)]
    fn put_integer(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes[self.end] = value as u8 | 0x80;
            self.end += 1;
            value >>= 7;
        }
        self.bytes[self.end] = value as u8;
        self.end += 1;
    }

    /// Appends the lowest bytes of `word`. There is room for all of it.
    #[inline(always)]
    fn put_word(&mut self, word: u64, bytes: usize) {
        self.bytes[self.end..self.end + 8].copy_from_slice(&word.to_le_bytes());
        self.end += bytes;
    }
}

/// Where in a tile a signal is.
#[derive(Clone, Copy)]
pub(super) struct Column<'a> {
    pub(super) tile: &'a Tile,
    pub(super) at: usize,
    pub(super) bytes: usize,
    pub(super) width: u32,
}

impl Column<'_> {
    /// The bits of a sample as they are stored: the first byte lowest.
    #[inline(always)]
    fn value<const BYTES: usize>(&self, sample: usize) -> u64 {
        let mut value = [0; 8];
        value[..BYTES].copy_from_slice(&self.tile[sample + 1].0[self.at..][..BYTES]);
        (u64::from_le_bytes(value) << (64 - self.width)).swap_bytes()
    }
}

/// Appends a signal's values at the samples of a mask; sample 0 is cycle `first` of the block.
pub(super) fn append(list: &mut List, column: Column<'_>, mask: u64, first: u32) {
    match (column.width, column.bytes) {
        (1, _) => append_bits(list, mask, first, |sample| column.tile[sample + 1].0[column.at]),
        (2..=8, 1) => append_values::<1, 2>(list, column, mask, first),
        (9..=16, 2) => append_values::<2, 3>(list, column, mask, first),
        (17..=24, 4) => append_values::<4, 4>(list, column, mask, first),
        (25..=32, 4) => append_values::<4, 5>(list, column, mask, first),
        // Wide values, and any that an engine keeps in more bytes than they need.
        _ => append_wide(list, column, mask, first),
    }
}

/// Appends levels of one bit at the samples of a mask; only bit 0 of a level counts.
pub(super) fn append_bits(list: &mut List, mask: u64, first: u32, level: impl Fn(usize) -> u8) {
    list.reserve(mask.count_ones() as usize * DELTA_BYTES_MAX);
    for sample in ones(mask) {
        let gap = first + sample - std::mem::replace(&mut list.last, first + sample);
        let bit = u64::from(level(sample as usize) & 1);
        // There are two entries of the time table in a cycle.
        list.put_integer(u64::from(gap) << 3 | bit << 1);
    }
}

/// Values of `BYTES` bytes whose change takes `SIZE` bytes if the last was less than 32 cycles ago.
fn append_values<const BYTES: usize, const SIZE: usize>(list: &mut List, column: Column<'_>, mask: u64, first: u32) {
    list.reserve(mask.count_ones() as usize * (SIZE - 1 + DELTA_BYTES_MAX));
    let mut left = mask;
    if mask == u64::MAX {
        // Changes in every cycle: all but the first take the same room and are one cycle apart.
        append_one::<BYTES, SIZE>(list, column, 0, first);
        let changes = &mut list.bytes[list.end..][..63 * SIZE];
        for (sample, change) in changes.chunks_exact_mut(SIZE).enumerate() {
            let word = 1 << 2 | column.value::<BYTES>(sample + 1) << 8;
            change.copy_from_slice(&word.to_le_bytes()[..SIZE]);
        }
        list.end += 63 * SIZE;
        list.last = first + 63;
        left = 0;
    }
    for sample in ones(left) {
        append_one::<BYTES, SIZE>(list, column, sample, first);
    }
}

#[inline(always)]
fn append_one<const BYTES: usize, const SIZE: usize>(list: &mut List, column: Column<'_>, sample: u32, first: u32) {
    let gap = first + sample - std::mem::replace(&mut list.last, first + sample);
    let value = column.value::<BYTES>(sample as usize);
    if gap < 32 {
        list.put_word(u64::from(gap) << 2 | value << 8, SIZE);
    } else {
        list.put_integer(u64::from(gap) << 2);
        list.put_word(value, SIZE - 1);
    }
}

fn append_wide(list: &mut List, column: Column<'_>, mask: u64, first: u32) {
    let bytes = column.width.div_ceil(8) as usize;
    list.reserve(mask.count_ones() as usize * (bytes + DELTA_BYTES_MAX));
    for sample in ones(mask) {
        let gap = first + sample - std::mem::replace(&mut list.last, first + sample);
        list.put_integer(u64::from(gap) << 2);
        let held = column.tile[sample as usize + 1].read(column.at, column.bytes);
        list.put_word((held << (64 - column.width)).swap_bytes(), bytes);
    }
}

/// Positions of the ones of a mask, the lowest first.
#[inline(always)]
fn ones(mut mask: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let position = (mask != 0).then(|| mask.trailing_zeros());
        mask &= mask.wrapping_sub(1);
        position
    })
}

/// Appends both levels of the clock in `count` cycles: it rises at every even entry of the time
/// table and falls at every odd one.
pub(super) fn append_clock(list: &mut List, count: usize) {
    const RISE: u8 = 1 << 2 | 1 << 1;
    const FALL: u8 = 1 << 2;
    list.reserve(2 * count);
    let begins = list.end == 0;
    for change in list.bytes[list.end..][..2 * count].chunks_exact_mut(2) {
        change.copy_from_slice(&[RISE, FALL]);
    }
    if begins {
        // The first entry of the table is no step away.
        list.bytes[0] = 1 << 1;
    }
    list.end += 2 * count;
}

/// Appends a variable-length integer: seven bits a byte, the lowest first.
pub(super) fn push_integer(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Appends a signed variable-length integer (LEB128).
pub(super) fn push_signed(bytes: &mut Vec<u8>, mut value: i64) {
    while !(-64..64).contains(&value) {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8 & 0x7f);
}
