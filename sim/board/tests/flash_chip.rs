//! The flash chip, bit by bit, against the rules of NOR flash.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use myelin_board::{FLASH_BYTES, FlashChip, FlashTimes};
use myelin_isa::stick::flash_command as command;

/// A master that exchanges bytes with the chip.
struct Master {
    chip: FlashChip,
    now: u64,
}

impl Master {
    fn new() -> Master {
        Master { chip: FlashChip::new(FlashTimes { program: 200, erase: 1000 }), now: 0 }
    }

    fn pins(&mut self, select_n: bool, clock: bool, data: bool) -> bool {
        self.now += 1;
        self.chip.step(self.now, select_n, clock, data)
    }

    /// One command; what came back, byte by byte.
    fn command(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.pins(false, false, false);
        let mut answers = Vec::new();
        for &byte in bytes {
            let mut answer = 0;
            for bit in (0..8).rev() {
                let data = byte >> bit & 1 == 1;
                let out = self.pins(false, false, data);
                answer = answer << 1 | u8::from(out);
                self.pins(false, true, data);
            }
            self.pins(false, false, false);
            answers.push(answer);
        }
        self.pins(true, false, false);
        answers
    }

    fn addressed(&mut self, opcode: u32, address: u32, data: &[u8]) -> Vec<u8> {
        let [_, high, middle, low] = address.to_be_bytes();
        let bytes = [&[opcode as u8, high, middle, low], data].concat();
        self.command(&bytes)[4..].to_vec()
    }

    fn change(&mut self, opcode: u32, address: u32, data: &[u8]) {
        self.command(&[command::WRITE_ENABLE as u8]);
        self.addressed(opcode, address, data);
        while self.command(&[command::STATUS as u8, 0])[1] & 1 == 1 {}
    }

    fn read(&mut self, address: u32, length: usize) -> Vec<u8> {
        self.addressed(command::READ, address, &vec![0; length])
    }
}

#[test]
fn programming_clears_bits_within_a_page_and_erasing_sets_them() {
    let mut master = Master::new();
    assert_eq!(master.command(&[command::IDENTIFY as u8, 0, 0, 0])[1..], [0xef, 0x40, 24]);
    assert_eq!(FLASH_BYTES, 1 << 24);
    assert_eq!(master.read(0x12_3400, 4), [0xff; 4]);
    // Without write enable nothing happens.
    master.addressed(command::PROGRAM, 0x1000, &[0]);
    assert_eq!(master.read(0x1000, 1), [0xff]);
    master.change(command::PROGRAM, 0x10fe, &[0x12, 0x34, 0x56]);
    assert_eq!(master.read(0x10fe, 2), [0x12, 0x34]);
    assert_eq!(master.read(0x1000, 1), [0x56], "the address wraps in the page");
    master.change(command::PROGRAM, 0x10fe, &[0xf0]);
    assert_eq!(master.read(0x10fe, 1), [0x10], "bits go from 1 to 0 only");
    master.change(command::PROGRAM, 0x2000, &[7]);
    master.change(command::ERASE_4K, 0x1abc, &[]);
    assert_eq!(master.read(0x1000, 0x1001), [vec![0xff; 0x1000], vec![7]].concat());
    master.change(command::ERASE_64K, 0x2345, &[]);
    assert_eq!(master.read(0x2000, 1), [0xff]);
}

#[test]
fn a_busy_chip_answers_its_status_only() {
    let mut master = Master::new();
    master.command(&[command::WRITE_ENABLE as u8]);
    assert_eq!(master.command(&[command::STATUS as u8, 0])[1], 2);
    master.addressed(command::PROGRAM, 0, &[5]);
    assert_eq!(master.command(&[command::STATUS as u8, 0])[1], 1);
    assert_eq!(master.read(0, 1), [0], "not what it holds");
    (0..200).for_each(|_| _ = master.pins(true, false, false));
    assert_eq!(master.read(0, 1), [5]);
}

#[test]
fn power_fails_in_the_middle_of_a_write_and_contents_stay() {
    let mut master = Master::new();
    master.chip.fail_power_at(2);
    master.change(command::PROGRAM, 0, &[1; 8]);
    assert!(!master.chip.has_lost_power());
    master.change(command::PROGRAM, 0x100, &[0x2a; 8]);
    assert!(master.chip.has_lost_power());
    master.chip.power_cycle();
    assert!(!master.chip.has_lost_power());
    assert_eq!(master.read(0, 8), [1; 8]);
    assert_eq!(master.read(0x100, 8), [0x2a, 0x2a, 0x2a, 0x2a, 0xfa, 0xff, 0xff, 0xff]);
    master.chip.fail_power_at(1);
    master.change(command::ERASE_4K, 0, &[]);
    assert_eq!(master.read(0, 1), [0xff]);
    assert_eq!(master.chip.contents()[0x800..0x1000], [0xff; 0x800]);
}
