//! Flash controller and system block, against models of what they are connected to.

use myelin_isa::stick::{flash as register, system};
use myelin_isa::{Architecture, Precision};
use myelin_rtl::board::{flash, system as block};
use myelin_rtl::bus::Cut;
use rand::RngExt;

use crate::bench::{Bench, chance, random};

/// One access of a block's registers, `each` called before every step; the word read.
fn access(bench: &mut Bench, address: u32, write: Option<u32>, mut each: impl FnMut(&mut Bench)) -> u32 {
    bench.set("bus_valid_i", 1);
    bench.set("bus_write_i", i64::from(write.is_some()));
    bench.set("bus_address_i", address);
    bench.set("bus_data_i", write.unwrap_or(0));
    bench.set("bus_enables_i", 15);
    let mut cycles = 0;
    while bench.get("bus_ready_o") == 0 {
        each(bench);
        bench.step();
        cycles += 1;
        assert!(cycles < 10_000, "{address:#x} is not answered");
    }
    let data = bench.get("bus_data_o") as u32;
    each(bench);
    bench.step();
    bench.set("bus_valid_i", 0);
    data
}

/// A chip that answers each byte with the complement of the one before, and counts up once `counting`.
struct Chip {
    selected: bool,
    clock: bool,
    shift_in: u8,
    shift_out: u8,
    bits: usize,
    received: Vec<u8>,
    counting: Option<u8>,
}

impl Chip {
    fn step(&mut self, bench: &mut Bench) {
        let selected = bench.get("select_n_o") == 0;
        let clock = bench.get("clock_o") == 1;
        if selected && !self.selected {
            (self.bits, self.shift_out) = (0, 0);
            assert!(!clock, "mode 0 begins with a low clock");
        }
        if selected && clock && !self.clock {
            self.shift_in = self.shift_in << 1 | bench.get("data_o") as u8;
            self.bits += 1;
        }
        if selected && !clock && self.clock {
            self.shift_out <<= 1;
            if self.bits == 8 {
                self.bits = 0;
                self.received.push(self.shift_in);
                self.shift_out = !self.shift_in;
                if let Some(count) = &mut self.counting {
                    self.shift_out = *count;
                    *count = count.wrapping_add(1);
                }
            }
        }
        (self.selected, self.clock) = (selected, clock);
        bench.set("data_i", i64::from(self.shift_out >> 7));
    }
}

#[test]
fn the_flash_exchanges_bytes_and_streams_them_into_memory() {
    for (seed, divisor) in (0..).zip([0u32, 1, 5]) {
        let mut random = random(seed);
        let mut bench = Bench::new(&flash::flash(20, Cut::Requests));
        let mut chip = Chip {
            selected: false,
            clock: false,
            shift_in: 0,
            shift_out: 0,
            bits: 0,
            received: Vec::new(),
            counting: None,
        };
        bench.set("memory_ready_i", 0);
        bench.set("data_i", 0);
        let mut each = |bench: &mut Bench| chip.step(bench);
        access(&mut bench, register::CONTROL, Some(divisor << 8 | register::CONTROL_SELECT), &mut each);
        let sent: Vec<u8> = (0..20).map(|_| random.random()).collect();
        let mut before = 0;
        for &byte in &sent {
            access(&mut bench, register::DATA, Some(u32::from(byte)), &mut each);
            // A read waits for the exchange.
            let answer = access(&mut bench, register::DATA, None, &mut each);
            assert_eq!(answer, u32::from(before), "divisor {divisor}");
            before = !byte;
        }
        assert_eq!(chip.received, sent);

        // 50 bytes: the first answers the byte before.
        chip.counting = Some(100);
        let mut memory = vec![0u8; 256];
        access(&mut bench, register::DMA_ADDRESS, Some(0x4000_0083), |bench| chip.step(bench));
        access(&mut bench, register::INTERRUPT, Some(1), |bench| chip.step(bench));
        assert_eq!(bench.get("interrupt_o"), 1);
        access(&mut bench, register::DMA_LENGTH, Some(50), |bench| chip.step(bench));
        assert_eq!(bench.get("interrupt_o"), 0);
        let mut cycles = 0;
        while bench.get("interrupt_o") == 0 {
            let ready = bench.get("memory_valid_o") == 1 && chance(&mut random, 30);
            bench.set("memory_ready_i", i64::from(ready));
            if ready {
                let (address, data) = (bench.get("memory_address_o"), bench.get("memory_data_o") as u32);
                assert_eq!(address >> 20, 0x400, "region and offset");
                let enables = bench.get("memory_enables_o");
                for byte in (0..4).filter(|byte| enables >> byte & 1 == 1) {
                    memory[(address as usize & 0xfc) + byte] = data.to_le_bytes()[byte];
                }
            }
            chip.step(&mut bench);
            bench.step();
            cycles += 1;
            assert!(cycles < 50 * 16 * 7 + 2000);
        }
        let mut expected = vec![0u8; 256];
        expected[0x83] = before;
        (1..50u8).for_each(|index| expected[0x83 + usize::from(index)] = 99 + index);
        assert_eq!(memory, expected, "divisor {divisor}");
        assert_eq!(access(&mut bench, register::DMA_LENGTH, None, |bench| chip.step(bench)), 0);
        assert_eq!(access(&mut bench, register::DMA_ADDRESS, None, |bench| chip.step(bench)), 0x4000_0083 + 50);
    }
}

fn system_block() -> (Bench, Architecture) {
    let architecture = Architecture::new(8, 4, Precision::Int6).unwrap();
    let config = block::Config {
        board: 2,
        clock_hz: 80_000_000,
        architecture,
        device_bytes: 1 << 20,
        build: 0xdead_beef,
        cut: Cut::Requests,
    };
    let mut bench = Bench::new(&block::system(&config));
    for input in ["tensor_i", "flash_i", "serial_i"] {
        bench.set(input, 0);
    }
    bench.set("power_on_i", 1);
    bench.reset();
    bench.step();
    bench.set("power_on_i", 0);
    (bench, architecture)
}

fn read(bench: &mut Bench, address: u32) -> u32 {
    access(bench, address, None, |_| ())
}

fn write(bench: &mut Bench, address: u32, value: u32) {
    access(bench, address, Some(value), |_| ());
}

#[test]
fn the_system_block_says_what_the_board_is() {
    let (mut bench, architecture) = system_block();
    let specification = architecture.specification();
    for (address, value) in [
        (system::ID, system::ID_VALUE),
        (system::BOARD, 2),
        (system::CLOCK_HZ, 80_000_000),
        (system::SPECIFICATION_LOW, specification as u32),
        (system::SPECIFICATION_HIGH, (specification >> 32) as u32),
        (system::DEVICE_BYTES, 1 << 20),
        (system::BUILD, 0xdead_beef),
        (0xffc, 0),
    ] {
        assert_eq!(read(&mut bench, address), value, "{address:#x}");
    }
    let words = (0..8).map(|word| read(&mut bench, system::ARCHITECTURE + 4 * word)).collect::<Vec<_>>();
    assert_eq!(Architecture::from_words(words.try_into().unwrap()), Ok(architecture));
}

#[test]
fn the_timer_interrupts_while_time_has_reached_compare() {
    let (mut bench, _) = system_block();
    let low = read(&mut bench, system::TIME_LOW);
    assert_eq!(read(&mut bench, system::TIME_HIGH), 0);
    assert_eq!(bench.get("timer_interrupt_o"), 0);
    write(&mut bench, system::COMPARE_LOW, low + 100);
    write(&mut bench, system::COMPARE_HIGH, 0);
    let mut waited = 0;
    while bench.get("timer_interrupt_o") == 0 {
        bench.step();
        waited += 1;
        assert!(waited < 110);
    }
    let now = read(&mut bench, system::TIME_LOW);
    assert!((low + 100..low + 110).contains(&now), "{low} {now}");
    write(&mut bench, system::COMPARE_HIGH, 1);
    bench.step();
    assert_eq!(bench.get("timer_interrupt_o"), 0, "at once, so that a handler can return");
    (0..300).for_each(|_| {
        assert_eq!(bench.get("timer_interrupt_o"), 0);
        bench.step();
    });
}

#[test]
fn the_watchdog_bites_unless_it_is_kicked_and_the_cause_outlives_the_reset() {
    let (mut bench, _) = system_block();
    assert_eq!(read(&mut bench, system::RESET_CAUSE), system::RESET_POWER);
    write(&mut bench, system::WATCHDOG_PERIOD, 50);
    for _ in 0..10 {
        (0..40).for_each(|_| bench.step());
        assert_eq!(bench.get("reset_o"), 0);
        write(&mut bench, system::WATCHDOG, system::WATCHDOG_KICK);
    }
    write(&mut bench, system::WATCHDOG, 1);
    let mut cycles = 0;
    while bench.get("reset_o") == 0 {
        bench.step();
        cycles += 1;
        assert!(cycles < 60);
    }
    bench.reset();
    assert_eq!(read(&mut bench, system::RESET_CAUSE), system::RESET_WATCHDOG);
    assert_eq!(read(&mut bench, system::WATCHDOG_PERIOD), 0, "off after a reset");
    write(&mut bench, system::REBOOT, 77);
    assert_eq!(bench.get("reset_o"), 0);
    bench.set("bus_valid_i", 0);
    write_until_reset(&mut bench, system::REBOOT_RESET);
    bench.reset();
    assert_eq!(read(&mut bench, system::RESET_CAUSE), system::RESET_SOFTWARE);
    bench.assert_covered();
}

fn write_until_reset(bench: &mut Bench, key: u32) {
    let mut seen = false;
    access(bench, system::REBOOT, Some(key), |bench| seen |= bench.get("reset_o") == 1);
    assert!(seen || bench.get("reset_o") == 1);
}

#[test]
fn interrupts_reach_the_core_where_they_are_enabled() {
    let (mut bench, _) = system_block();
    for (input, bit) in
        [("serial_i", system::PENDING_SERIAL), ("flash_i", system::PENDING_FLASH), ("tensor_i", system::PENDING_TENSOR)]
    {
        bench.set(input, 1);
        assert_eq!(read(&mut bench, system::PENDING), bit);
        write(&mut bench, system::ENABLE, 7 & !bit);
        bench.step();
        assert_eq!(bench.get("external_interrupt_o"), 0);
        write(&mut bench, system::ENABLE, bit);
        bench.step();
        assert_eq!(bench.get("external_interrupt_o"), 1);
        bench.set(input, 0);
    }
}

#[test]
fn the_crc_unit_computes_crc32c() {
    let (mut bench, _) = system_block();
    let crc = |bench: &mut Bench, bytes: &[u8], words: usize| {
        write(bench, system::CRC, u32::MAX);
        let (four, one) = bytes.split_at(4 * words);
        for word in four.chunks(4) {
            write(bench, system::CRC_WORD, u32::from_le_bytes(word.try_into().unwrap()));
        }
        one.iter().for_each(|&byte| write(bench, system::CRC_BYTE, u32::from(byte)));
        !read(bench, system::CRC)
    };
    // RFC 3720, appendix B.4, and the check value of the catalogue.
    assert_eq!(crc(&mut bench, b"123456789", 0), 0xe306_9283);
    assert_eq!(crc(&mut bench, b"123456789", 2), 0xe306_9283);
    assert_eq!(crc(&mut bench, &[0; 32], 8), 0x8a91_36aa);
    assert_eq!(crc(&mut bench, &[0xff; 32], 7), 0x62a8_ab43);
}

#[test]
fn a_cell_reset_is_one_cycle_and_needs_its_key() {
    let (mut bench, _) = system_block();
    let mut cycles = 0;
    access(&mut bench, system::TENSOR_RESET, Some(1), |bench| cycles += bench.get("tensor_reset_o"));
    assert_eq!(cycles, 0);
    access(&mut bench, system::TENSOR_RESET, Some(system::TENSOR_RESET_KEY), |bench| {
        cycles += bench.get("tensor_reset_o");
    });
    cycles += bench.get("tensor_reset_o");
    assert_eq!(cycles, 1);
}
