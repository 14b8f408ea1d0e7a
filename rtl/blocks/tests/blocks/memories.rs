//! Scratchpad, weight store and bias store against plain arrays.

use std::collections::{HashMap, VecDeque};

use myelin_isa::Architecture;
use myelin_rtl::tensor::{bias_store, look_up_table, scratchpad, weight_store};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::bench::{Bench, cells, chance, operand, random};

fn operands(cell: &Architecture, random: &mut ChaCha8Rng, count: usize) -> Vec<i64> {
    (0..count).map(|_| operand(random, cell.precision().bits())).collect()
}

#[test]
fn the_scratchpad_reads_and_writes_any_stretch_in_every_cycle() {
    for (seed, cell) in (0..).zip(cells()) {
        let mut random = random(seed);
        let (lanes, size) = (cell.lanes() as usize, cell.activation_lanes() as usize);
        let mut bench = Bench::new(&scratchpad::scratchpad(&cell));
        // Unknown until written.
        let mut held: Vec<Option<i64>> = vec![None; size];
        // Writes that reads do not have to see yet: (cycle, lane address, value).
        let mut travelling: VecDeque<(usize, usize, i64)> = VecDeque::new();
        let mut expected: HashMap<usize, Vec<(String, i64)>> = HashMap::new();
        let mut compared = 0;
        for cycle in 0..3000 {
            while travelling.front().is_some_and(|&(written, ..)| written + scratchpad::WRITE_LATENCY <= cycle) {
                let (_, at, value) = travelling.pop_front().unwrap();
                held[at] = Some(value);
            }
            // What a read that starts now must find.
            for (port, wanted) in [("array", cell.rows() as usize), ("port", lanes)] {
                let reads = chance(&mut random, 80);
                bench.set(&format!("{port}_read_i"), i64::from(reads));
                let address = random.random_range(0..size);
                bench.set(&format!("{port}_address_i"), address as i64);
                for lane in (0..wanted).filter(|_| reads) {
                    let at = (address + lane) % size;
                    // A write less than its latency ago may or may not be seen: nothing is promised.
                    if let (Some(value), false) = (held[at], travelling.iter().any(|&(_, written, _)| written == at)) {
                        let ports = expected.entry(cycle + scratchpad::READ_LATENCY).or_default();
                        ports.push((format!("{port}_{lane}_o"), value));
                    }
                }
            }
            let writes = chance(&mut random, 70);
            let (address, count) = (random.random_range(0..size), random.random_range(1..=lanes));
            let values = operands(&cell, &mut random, lanes);
            bench.set("write_valid_i", i64::from(writes));
            bench.set("write_address_i", address as i64);
            bench.set("write_count_i", count as i64);
            bench.set_all("write", &values);
            // The same cycle's write is not seen by its reads either.
            for (lane, &value) in values.iter().enumerate().take(count).filter(|_| writes) {
                travelling.push_back((cycle, (address + lane) % size, value));
            }
            for (port, value) in expected.remove(&cycle).unwrap_or_default() {
                assert_eq!(bench.get(&port), value, "{cell} seed {seed} cycle {cycle} {port}");
                compared += 1;
            }
            bench.step();
        }
        assert!(compared > 10_000, "{cell}: only {compared} lanes compared");
    }
}

#[test]
fn a_write_is_seen_exactly_from_its_latency_on() {
    for cell in cells() {
        let mut bench = Bench::new(&scratchpad::scratchpad(&cell));
        let lanes = cell.lanes() as usize;
        let address = cell.activation_lanes() as i64 - 1;
        bench.set("write_valid_i", 1);
        bench.set("write_address_i", address);
        bench.set("write_count_i", 2);
        bench.set_all("write", &vec![7; lanes]);
        bench.step();
        bench.set("write_valid_i", 0);
        (1..scratchpad::WRITE_LATENCY).for_each(|_| bench.step());
        bench.set("port_read_i", 1);
        bench.set("port_address_i", address);
        (0..scratchpad::READ_LATENCY).for_each(|_| bench.step());
        // The second lane wrapped to address 0.
        assert_eq!(bench.get_all("port", 2), [7, 7], "{cell}");
    }
}

#[test]
fn weights_leave_each_bank_one_skew_later_than_the_bank_above() {
    for (seed, cell) in (0..).zip(cells()) {
        let mut random = random(seed);
        let (columns, banks) = (cell.columns() as usize, cell.weight_ports() as usize);
        let words = cell.weight_words() as usize;
        let mut bench = Bench::new(&weight_store::weight_store(&cell));
        let mut held = vec![vec![vec![0; columns]; words]; banks];
        let per_beat = cell.weight_banks_per_beat() as usize;
        for word in 0..words {
            for part in 0..cell.weight_word_beats() as usize {
                bench.set("write_valid_i", 1);
                bench.set("write_part_i", part as i64);
                bench.set("write_address_i", word as i64);
                for bank in 0..per_beat {
                    // Of a beat with more banks than there are, the others are ignored.
                    let row = operands(&cell, &mut random, columns);
                    bench.set_all(&format!("write_{bank}"), &row);
                    if let Some(held) = held.get_mut(part * per_beat + bank) {
                        held[word] = row;
                    }
                }
                bench.step();
            }
        }
        bench.set("write_valid_i", 0);
        let mut addresses = Vec::new();
        for cycle in 0..400usize {
            for (block, held) in held.iter().enumerate() {
                let delay = weight_store::READ_LATENCY + block * cell.weight_steps() as usize;
                // A word stays at the outputs while nothing is read.
                let read = cycle
                    .checked_sub(delay)
                    .and_then(|asked| addresses[..=asked].iter().rev().find_map(|&address: &Option<usize>| address));
                if let Some(word) = read {
                    let found = bench.get_all(&format!("weight_{block}"), columns);
                    assert_eq!(found, held[word], "{cell} seed {seed} cycle {cycle} block {block}");
                }
            }
            let address = chance(&mut random, 80).then(|| random.random_range(0..words));
            bench.set("read_i", i64::from(address.is_some()));
            bench.set("address_i", address.unwrap_or(0) as i64);
            addresses.push(address);
            bench.step();
        }
    }
}

#[test]
fn biases_are_written_by_beats_and_stay_at_the_outputs() {
    for (seed, cell) in (0..).zip(cells()) {
        let mut random = random(seed);
        let (columns, lanes) = (cell.columns() as usize, cell.lanes() as usize);
        let mut bench = Bench::new(&bias_store::bias_store(&cell));
        let values = lanes / 4 * cell.bias_word_beats() as usize;
        let mut held = vec![vec![0i32; values]; cell.bias_words() as usize];
        for (word, held) in held.iter_mut().enumerate() {
            *held = (0..values).map(|_| random.random()).collect();
            let bytes: Vec<u8> = held.iter().flat_map(|value| value.to_le_bytes()).collect();
            for (part, beat) in bytes.chunks(lanes).enumerate() {
                bench.set("write_valid_i", 1);
                bench.set("write_address_i", word as i64);
                bench.set("write_part_i", part as i64);
                bench.set_all("write", beat);
                bench.step();
            }
        }
        bench.set("write_valid_i", 0);
        let mut shown: Option<usize> = None;
        for cycle in 0..200 {
            if let Some(word) = shown {
                let expected: Vec<i64> = held[word][..columns].iter().map(|&bias| bias.into()).collect();
                assert_eq!(bench.get_all("bias", columns), expected, "{cell} seed {seed} cycle {cycle}");
            }
            let word = random.random_range(0..held.len());
            let reads = chance(&mut random, 40);
            bench.set("read_i", i64::from(reads));
            bench.set("address_i", word as i64);
            bench.step();
            if reads {
                shown = Some(word);
            }
        }
    }
}

#[test]
fn a_table_answers_with_the_lane_or_with_the_entry_that_its_bits_say() {
    for (seed, cell) in (0..).zip(cells()) {
        let mut random = random(seed);
        let (bits, entries) = (cell.precision().bits(), cell.table_entries() as usize);
        let mut bench = Bench::new(&look_up_table::look_up_table(&cell));
        let mut held: Vec<Option<i64>> = vec![None; entries];
        let (mut expected, mut looks_up) = (None, false);
        let mut found = 0;
        for cycle in 0..4000 {
            // It changes between walks only: what was looked up in the cycle before comes out before.
            if chance(&mut random, 10) {
                bench.set("look_up_i", 0);
                bench.set("index_i", 0);
                bench.step();
                (expected, looks_up) = (None, chance(&mut random, 60));
            }
            let (lane, write) = (operand(&mut random, bits), operand(&mut random, bits));
            let (writes, entry) = (chance(&mut random, 50), random.random_range(0..entries));
            bench.set("index_i", lane);
            bench.set("look_up_i", i64::from(looks_up));
            bench.set("write_valid_i", i64::from(writes));
            bench.set("write_entry_i", entry as i64);
            bench.set("write_i", write);
            if let Some(expected) = expected {
                assert_eq!(bench.get("result_o"), expected, "{cell} seed {seed} cycle {cycle}");
                found += usize::from(looks_up);
            }
            // What is written now is found from the next cycle on.
            let at = cell.precision().entry(lane as i8) as usize;
            expected = if looks_up { held[at] } else { Some(lane) };
            bench.step();
            if writes {
                held[entry] = Some(write);
            }
        }
        assert!(found > 500, "{cell}: only {found} entries looked up");
    }
}
