//! The host port against its register map.

use myelin_isa::{Architecture, register};
use myelin_rtl::tensor::host_port::host_port;
use rand::RngExt;

use crate::bench::{Bench, cells, chance, random};

const COUNTERS: usize = register::COUNTER_COUNT as usize;

fn read(bench: &mut Bench, address: u32) -> u32 {
    bench.set("read_valid_i", 1);
    bench.set("read_address_i", address);
    bench.step();
    bench.set("read_valid_i", 0);
    bench.get("read_data_o") as u32
}

fn offer_write(bench: &mut Bench, address: u32, value: u32) {
    bench.set("write_valid_i", 1);
    bench.set("write_address_i", address);
    bench.set("write_data_i", value);
}

fn start(bench: &mut Bench) {
    offer_write(bench, register::START, 0);
    bench.step();
    bench.set("write_valid_i", 0);
    // It passes on in the cycle after.
    assert_eq!(bench.get("start_o"), 1);
    bench.step();
    assert_eq!(bench.get("start_o"), 0);
}

#[test]
fn identity_and_shape_are_the_cells() {
    for cell in cells() {
        let mut bench = Bench::new(&host_port(&cell));
        assert_eq!(read(&mut bench, register::ID).to_le_bytes(), *b"MYLN");
        let [rows, columns, bits, logarithms] = read(&mut bench, register::SHAPE).to_le_bytes().map(u32::from);
        let (log2_lanes, log2_cells) = (logarithms & 15, logarithms >> 4);
        assert_eq!(1 << log2_cells, cell.cells());
        assert_eq!((rows, columns), (cell.rows(), cell.columns()));
        assert_eq!((bits, 1 << log2_lanes), (cell.precision().bits(), cell.lanes()));
        let [low, high] =
            [register::SPECIFICATION_LOW, register::SPECIFICATION_HIGH].map(|half| u64::from(read(&mut bench, half)));
        assert_eq!(high << 32 | low, cell.specification());
    }
}

#[test]
fn status_shows_the_sequencer() {
    for cell in cells() {
        let mut bench = Bench::new(&host_port(&cell));
        bench.set("pc_i", 21);
        for (port, bit) in [
            ("running_i", register::STATUS_BUSY),
            ("halted_i", register::STATUS_HALTED),
            ("trapped_i", register::STATUS_TRAPPED),
        ] {
            bench.set(port, 1);
            assert_eq!(read(&mut bench, register::STATUS), bit | 21 << 16, "{cell} {port}");
            bench.set(port, 0);
        }
        bench.set("cause_i", i64::from(register::TRAP_OVERFLOW));
        assert_eq!(read(&mut bench, register::STATUS), register::TRAP_OVERFLOW << 4 | 21 << 16);
    }
}

#[test]
fn counters_count_and_clear_at_a_start() {
    let mut random = random(1);
    let mut bench = Bench::new(&host_port(&cells()[0]));
    for round in 0..3 {
        start(&mut bench);
        let mut counts = [0u32; COUNTERS];
        for _ in 0..200 {
            let counting = [(); COUNTERS].map(|()| chance(&mut random, 50));
            bench.set_all("count", &counting.map(i64::from));
            bench.step();
            counts.iter_mut().zip(counting).for_each(|(count, counting)| *count += u32::from(counting));
        }
        bench.set_all("count", &[0i64; COUNTERS]);
        for (index, count) in (0..).zip(counts) {
            assert_eq!(read(&mut bench, register::COUNTERS + 4 * index), count, "round {round} counter {index}");
        }
        assert_eq!(read(&mut bench, register::COUNTERS + 4 * register::COUNTER_COUNT), 0, "nothing beyond");
    }
}

#[test]
fn stamps_are_the_cycle_counter_and_stop_when_their_memory_is_full() {
    let depth = Architecture::STAMP_DEPTH;
    let mut random = random(2);
    let mut bench = Bench::new(&host_port(&cells()[0]));
    start(&mut bench);
    let mut stamps = Vec::new();
    let mut cycles = 0;
    while stamps.len() < depth as usize + 20 {
        let (running, stamping) = (chance(&mut random, 90), chance(&mut random, 40));
        bench.set("count_0_i", i64::from(running));
        bench.set("stamp_i", i64::from(stamping));
        if stamping {
            stamps.push(cycles);
        }
        bench.step();
        cycles += u32::from(running);
    }
    bench.set("count_0_i", 0);
    bench.set("stamp_i", 0);
    assert_eq!(read(&mut bench, register::STAMP_COUNT), depth);
    for (index, &stamp) in (0..depth).zip(&stamps) {
        assert_eq!(read(&mut bench, register::STAMPS + 4 * index), stamp, "stamp {index}");
    }
    start(&mut bench);
    assert_eq!(read(&mut bench, register::STAMP_COUNT), 0);
}

#[test]
fn a_start_and_program_writes_pass_only_while_idle() {
    for cell in cells() {
        let mut random = random(3);
        let mut bench = Bench::new(&host_port(&cell));
        for _ in 0..200 {
            let running: bool = random.random();
            bench.set("running_i", i64::from(running));
            let (index, word, value) =
                (random.random_range(0..cell.instruction_depth()), random.random_range(0..4), random.random());
            offer_write(&mut bench, register::INSTRUCTIONS + 16 * index + 4 * word, value);
            assert_eq!(bench.get("program_valid_o") != 0, !running, "{cell}");
            let write = ["program_address_o", "program_word_o", "program_data_o"].map(|port| bench.get(port));
            assert_eq!(write, [index, word, value].map(i64::from), "{cell}");
            let entry = random.random_range(0..cell.instruction_depth());
            offer_write(&mut bench, register::START, entry);
            assert_eq!(bench.get("program_valid_o"), 0);
            bench.step();
            assert_eq!(bench.get("start_o") != 0, !running, "{cell}");
            assert_eq!(bench.get("entry_o"), i64::from(entry));
            // What begins is not begun again.
            bench.step();
            assert_eq!(bench.get("start_o"), 0);
            bench.set("write_valid_i", 0);
            bench.step();
        }
    }
}

#[test]
fn a_run_that_begins_hides_the_end_of_the_one_before() {
    let mut bench = Bench::new(&host_port(&cells()[0]));
    bench.set("halted_i", 1);
    bench.set("trapped_i", 1);
    offer_write(&mut bench, register::START, 0);
    assert_eq!([bench.get("interrupt_o"), bench.get("trapped_o")], [1, 1]);
    bench.step();
    bench.set("write_valid_i", 0);
    assert_eq!([bench.get("interrupt_o"), bench.get("trapped_o")], [0, 0]);
    assert_eq!(read(&mut bench, register::STATUS), register::STATUS_BUSY);
}

#[test]
fn the_interrupt_is_raised_when_it_stopped() {
    let mut bench = Bench::new(&host_port(&cells()[0]));
    for (running, halted, trapped, interrupt) in
        [(0, 0, 0, 0), (1, 0, 0, 0), (0, 1, 0, 1), (0, 0, 1, 1), (1, 1, 0, 0), (1, 0, 1, 0)]
    {
        bench.set("running_i", running);
        bench.set("halted_i", halted);
        bench.set("trapped_i", trapped);
        assert_eq!(bench.get("interrupt_o"), interrupt, "{running} {halted} {trapped}");
    }
}

#[test]
fn data_read_stays_until_the_next_read() {
    let mut bench = Bench::new(&host_port(&cells()[0]));
    let shape = read(&mut bench, register::SHAPE);
    bench.set("read_address_i", register::ID);
    (0..3).for_each(|_| bench.step());
    assert_eq!(bench.get("read_data_o"), i64::from(shape));
}
