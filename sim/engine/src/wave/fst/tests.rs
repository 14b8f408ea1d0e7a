//! Files read back with an independent reader.

use super::*;
use crate::random::SplitMix64;
use crate::samples::{BATCH, Line, Tile};
use crate::wave::format::{CYCLE_TIME, Group, Member, VALUES};

const WIDTHS: [u32; 10] = [1, 2, 8, 9, 16, 21, 32, 33, 57, 64];

/// Signals of all kinds of width, two lines of them, and a signal that never changes.
fn groups() -> Vec<Group> {
    let mut groups = vec![Group { line: 0, members: Vec::new() }, Group { line: 1, members: Vec::new() }];
    for (index, &width) in WIDTHS.iter().enumerate() {
        let bytes = width.div_ceil(8).next_power_of_two() as usize;
        groups[index / 5].members.push(Member { at: index % 5 * 8, bytes, width, signal: VALUES + index });
    }
    groups[1].members.push(Member { at: 56, bytes: 8, width: 40, signal: VALUES + WIDTHS.len() });
    groups
}

fn open(sink: impl Sink + 'static, block_bytes: usize) -> Fst {
    let mut fst = Fst::new(Box::new(sink)).unwrap();
    fst.block_bytes = block_bytes;
    fst.scope("top", Scope::Instance).unwrap();
    let names = ["clk_i".to_owned(), "rst_ni".to_owned()].into_iter();
    let names = names.chain((0..=WIDTHS.len()).map(|index| format!("value_{index}")));
    let widths = [1, 1].into_iter().chain(WIDTHS).chain([40]);
    for (signal, (name, width)) in names.zip(widths).enumerate() {
        fst.variable(&name, width, Variable::Wire, signal).unwrap();
    }
    fst.up().unwrap();
    fst.begin().unwrap();
    fst
}

/// The bits of a signal in each cycle.
fn shown(waves: &mut wellen::simple::Waveform, name: &str, cycles: std::ops::Range<u64>) -> Vec<String> {
    let var = waves.hierarchy().lookup_var(&["top"], name).unwrap();
    let signal = waves.hierarchy()[var].signal_ref();
    waves.load_signals(&[signal]);
    let changes = waves.get_signal(signal).unwrap().iter_changes();
    let times = waves.time_table();
    let changes: Vec<_> =
        changes.map(|(index, value)| (times[index as usize], value.to_bit_string().unwrap())).collect();
    let at = |cycle| changes.partition_point(|(time, _)| *time <= cycle * CYCLE_TIME);
    cycles.map(|cycle| changes[at(cycle) - 1].1.clone()).collect()
}

/// Writes random values, each of which changes with a chance of one in `rarity`, and reads them; the
/// same file comes out with vectors and without.
fn round_trip(seed: u64, rarity: u64, block_bytes: usize) {
    let [file, plain] = [true, false].map(|vectors| written(seed, rarity, block_bytes, vectors));
    assert!(file == plain, "seed {seed}, one in {rarity}");
}

fn written(seed: u64, rarity: u64, block_bytes: usize, vectors: bool) -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut fst = open(file.reopen().unwrap(), block_bytes);
    if let (Stage::Body(blocks), false) = (&mut fst.stage, vectors) {
        blocks.without_vectors();
    }
    let mut random = SplitMix64::new(seed);
    let mut tiles: Vec<Tile> = vec![[Line::ZERO; BATCH + 1]; 2];
    let groups = groups();
    let mut values = vec![Vec::new(); WIDTHS.len()];
    let mut resets = Vec::new();
    let (mut cycle, mut reset_before) = (7, false);
    for batch in 0..40 {
        let count = if batch % 3 == 0 { BATCH } else { 1 + (random.bits() % BATCH as u64) as usize };
        let mut reset_levels = 0;
        for sample in 0..count {
            tiles.iter_mut().for_each(|tile| tile[sample + 1] = tile[sample]);
            for (index, &width) in WIDTHS.iter().enumerate() {
                let Member { at, bytes, .. } = groups[index / 5].members[index % 5];
                let line = &mut tiles[index / 5][sample + 1];
                if random.bits().is_multiple_of(rarity) {
                    line.write(at, bytes, random.bits() >> (64 - width));
                }
                values[index].push(format!("{:0width$b}", line.read(at, bytes), width = width as usize));
            }
            let level = random.bits().is_multiple_of(3);
            reset_levels |= u64::from(level) << sample;
            resets.push(u8::from(level).to_string());
        }
        let batch = Batch {
            first_cycle: cycle,
            count,
            initial: batch == 0,
            reset_levels,
            reset_before,
            tiles: &tiles,
            groups: &groups,
        };
        fst.cycles(&batch).unwrap();
        cycle += count as u64;
        reset_before = reset_levels >> (count - 1) & 1 == 1;
        tiles.iter_mut().for_each(|tile| tile[0] = tile[count]);
    }
    fst.end(cycle).unwrap();

    let mut waves = wellen::simple::read(file.path()).unwrap();
    let times: Vec<u64> = (14..=2 * cycle).map(|half| half * CYCLE_TIME / 2).collect();
    assert_eq!(waves.time_table(), times);
    for (index, values) in values.iter().enumerate() {
        let name = format!("value_{index}");
        assert_eq!(&shown(&mut waves, &name, 7..cycle), values, "{name}, seed {seed}, one in {rarity}");
    }
    assert_eq!(shown(&mut waves, "rst_ni", 7..cycle), resets);
    assert_eq!(shown(&mut waves, "value_10", 7..8), ["0".repeat(40)]);
    let var = waves.hierarchy().lookup_var(&["top"], "clk_i").unwrap();
    let signal = waves.hierarchy()[var].signal_ref();
    waves.load_signals(&[signal]);
    let mut level = None;
    for (_, value) in waves.get_signal(signal).unwrap().iter_changes() {
        assert_ne!(level.replace(value.to_bit_string().unwrap()), level);
    }
    std::fs::read(file.path()).unwrap()
}

#[test]
fn what_is_written_is_read_back_whatever_the_widths_and_the_distance_of_changes() {
    for (seed, rarity) in [(1, 1), (2, 3), (3, 20), (4, 40), (5, 400)] {
        round_trip(seed, rarity, usize::MAX);
    }
}

#[test]
fn blocks_of_a_long_trace_join_without_a_seam() {
    round_trip(5, 2, 3000);
    round_trip(6, 300, 200);
}

#[test]
fn a_block_knows_what_was_before_it() {
    // The frame of the second block, which a reader needs that begins there.
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut fst = open(file.reopen().unwrap(), 1);
    let (mut tiles, groups) = (vec![[Line::ZERO; BATCH + 1]; 2], groups());
    tiles[0][1].write(8, 1, 0b10);
    for sample in 2..=BATCH {
        tiles[0][sample] = tiles[0][1];
    }
    for first_cycle in [0, 64] {
        let batch = Batch {
            first_cycle,
            count: BATCH,
            initial: first_cycle == 0,
            reset_levels: u64::MAX,
            reset_before: first_cycle > 0,
            tiles: &tiles,
            groups: &groups,
        };
        fst.cycles(&batch).unwrap();
        tiles[0][0] = tiles[0][BATCH];
    }
    fst.end(128).unwrap();
    let bytes = std::fs::read(file.path()).unwrap();
    // Clock low, reset high, one bit 0, then the two bits.
    let frame = |start: &[u8]| bytes.windows(5).any(|window| window == start);
    assert!(frame(b"xxxxx"), "the first block knows nothing");
    assert!(frame(b"01010"), "the second does");
}

#[test]
fn a_file_without_a_cycle_has_a_time_and_no_values() {
    let file = tempfile::NamedTempFile::new().unwrap();
    open(file.reopen().unwrap(), usize::MAX).end(1).unwrap();
    let waves = wellen::simple::read(file.path()).unwrap();
    assert_eq!(waves.time_table().last(), Some(&10));
    assert_eq!(waves.hierarchy().all_vars().count(), 2 + WIDTHS.len() + 1);
}
