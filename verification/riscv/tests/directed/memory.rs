//! Loads and stores of every size at every place.

use myelin_riscv::encode::{li, load, store};
use myelin_riscv::machine::Access;

use crate::program::{DATA, Program};

/// What loads of `funct3` at `DATA` plus each offset write to x3, from the words given.
#[track_caller]
fn loaded(funct3: u32, offsets: &[i32], data: &[u32]) -> Vec<u32> {
    let mut words = li(1, DATA).to_vec();
    words.extend(offsets.iter().map(|&offset| load(funct3, 3, 1, offset)));
    let program = Program { data: data.to_vec(), ..Program::of(&words) };
    program.run(words.len())[2..].iter().map(|retired| retired.register.unwrap().1).collect()
}

const WORDS: [u32; 2] = [0x8091_7f01, 0x7654_3210];

#[test]
fn loads_extend_signs_or_zeros() {
    assert_eq!(loaded(2, &[0, 4], &WORDS), WORDS);
    assert_eq!(loaded(0, &[0, 1, 2, 3, 4, 7], &WORDS), [1, 0x7f, 0xffff_ff91, 0xffff_ff80, 0x10, 0x76]);
    assert_eq!(loaded(4, &[0, 1, 2, 3, 4, 7], &WORDS), [1, 0x7f, 0x91, 0x80, 0x10, 0x76]);
    assert_eq!(loaded(1, &[0, 2, 4, 6], &WORDS), [0x7f01, 0xffff_8091, 0x3210, 0x7654]);
    assert_eq!(loaded(5, &[0, 2, 4, 6], &WORDS), [0x7f01, 0x8091, 0x3210, 0x7654]);
}

#[test]
fn offsets_have_signs() {
    let words = [&li(1, DATA + 0x800)[..], &[load(2, 3, 1, -2048)]].concat();
    let program = Program { data: WORDS.to_vec(), ..Program::of(&words) };
    assert_eq!(program.run(3)[2].register, Some((3, WORDS[0])));
}

#[test]
fn stores_change_their_bytes_only() {
    let cases = [
        (0, 0, 0b0001, 0x0000_00ef, 0x1111_11ef),
        (0, 1, 0b0010, 0x0000_ef00, 0x1111_ef11),
        (0, 2, 0b0100, 0x00ef_0000, 0x11ef_1111),
        (0, 3, 0b1000, 0xef00_0000, 0xef11_1111),
        (1, 0, 0b0011, 0x0000_beef, 0x1111_beef),
        (1, 2, 0b1100, 0xbeef_0000, 0xbeef_1111),
        (2, 0, 0b1111, 0xdead_beef, 0xdead_beef),
    ];
    for (funct3, offset, mask, word, after) in cases {
        let words = [&li(1, DATA)[..], &li(2, 0xdead_beef), &[store(funct3, 2, 1, offset), load(2, 3, 1, 0)]].concat();
        let program = Program { data: vec![0x1111_1111], ..Program::of(&words) };
        let retired = program.run(6);
        let address = DATA.wrapping_add_signed(offset);
        assert_eq!(retired[4].access, Some(Access { writes: true, address, mask, word }));
        assert_eq!(retired[5].register, Some((3, after)), "funct3 {funct3}, offset {offset}");
    }
}

#[test]
fn a_load_into_register_0_still_loads() {
    let words = [&li(1, DATA)[..], &[load(2, 0, 1, 0)]].concat();
    let retired = &Program::of(&words).run(3)[2];
    assert!(retired.register.is_none() && retired.access.is_some());
}

#[test]
fn an_instruction_that_was_stored_is_executed() {
    let addi = 0x0070_0193; // addi x3, x0, 7
    let target = crate::program::START + 24;
    let words = [&li(1, target)[..], &li(2, addi), &[store(2, 2, 1, 0), 0x0000_100f, 0]].concat();
    assert_eq!(Program::of(&words).run(7)[6].register, Some((3, 7)));
}
