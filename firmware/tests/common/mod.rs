//! A functional core with its memories, and programs on it and on the emulator.
#![allow(dead_code, reason = "each test uses a part")]

pub mod bench;
pub mod mac;
pub mod objects;

use myelin_compile::Program;
use myelin_compile::emulate::Session;
use myelin_firmware::{Core, FunctionalCore, MacArray, Memories, MemorySizes, SoftwareArray};
use myelin_isa::framing::CoreKind;
use myelin_isa::{Architecture, register};

/// A core's memories.
pub struct Owned {
    device: Vec<u8>,
    activations: Vec<i8>,
    weights: Vec<i8>,
    biases: Vec<i32>,
    table: Vec<i8>,
    instructions: Vec<[u32; 4]>,
    stamps: Vec<u32>,
    accumulators: Vec<i32>,
    tile: Vec<i8>,
}

impl Owned {
    pub fn new(architecture: &Architecture, beats: u32) -> Owned {
        let sizes = MemorySizes::of(architecture);
        Owned {
            device: vec![0; (beats * architecture.lanes()) as usize],
            activations: vec![0; sizes.activations],
            weights: vec![0; sizes.weights],
            biases: vec![0; sizes.biases],
            table: vec![0; sizes.table],
            instructions: vec![[0; 4]; sizes.instructions],
            stamps: vec![0; sizes.stamps],
            accumulators: vec![0; SoftwareArray::accumulators(architecture)],
            tile: vec![0; SoftwareArray::weights(architecture)],
        }
    }

    pub fn core(&mut self, architecture: Architecture) -> FunctionalCore<'_, SoftwareArray<'_>> {
        self.core_with(architecture, |software| software)
    }

    /// With an array made of one in software.
    pub fn core_with<'m, A: MacArray>(
        &'m mut self,
        architecture: Architecture,
        array: impl FnOnce(SoftwareArray<'m>) -> A,
    ) -> FunctionalCore<'m, A> {
        let memories = Memories {
            device: &mut self.device,
            activations: &mut self.activations,
            weights: &mut self.weights,
            biases: &mut self.biases,
            table: &mut self.table,
            instructions: &mut self.instructions,
            stamps: &mut self.stamps,
        };
        let array = array(SoftwareArray::new(&architecture, &mut self.accumulators, &mut self.tile).unwrap());
        FunctionalCore::new(architecture, architecture.specification(), CoreKind::Software, memories, array).unwrap()
    }
}

pub fn load(core: &mut (impl Core + ?Sized), words: &[[u32; 4]]) {
    for (index, &word) in words.as_flattened().iter().enumerate() {
        core.write_register(register::INSTRUCTIONS + 4 * index as u32, word);
    }
}

/// Starts and waits; answers STATUS.
pub fn run(core: &mut (impl Core + ?Sized), entry: u32) -> u32 {
    core.write_register(register::START, entry);
    while !core.interrupt() {
        assert_eq!(core.read_register(register::STATUS) & 7, register::STATUS_BUSY);
        core.step();
    }
    core.read_register(register::STATUS)
}

pub fn infer(core: &mut impl Core, program: &Program, picture: &[i32]) -> Vec<Vec<i32>> {
    let beat = program.beat_bytes();
    let input = &program.inputs[0];
    assert!(core.write_memory(input.region.beat * beat as u32, &input.pack(picture, beat).unwrap()));
    assert_eq!(run(core, program.infer_entry) & 0xf7, register::STATUS_HALTED);
    let answers = program.outputs.iter().map(|output| {
        let mut bytes = vec![0; output.region.beats as usize * beat];
        assert!(core.read_memory(output.region.beat * beat as u32, &mut bytes));
        output.unpack(&bytes).unwrap()
    });
    answers.collect()
}

/// Loads a program, and answers pictures.
pub fn answers(core: &mut impl Core, program: &Program, pictures: &[Vec<i32>]) -> Vec<Vec<Vec<i32>>> {
    start(core, program);
    pictures.iter().map(|picture| infer(core, program, picture)).collect()
}

/// Loads a program.
fn start(core: &mut impl Core, program: &Program) {
    assert!(core.write_memory(0, &program.image));
    load(core, &program.cells[0].resident_words(&program.architecture));
    core.write_register(register::MEMORY_BEATS, program.memory_beats);
    assert_eq!(run(core, program.load_entry) & 0xf7, register::STATUS_HALTED);
}

/// Loads a program, and infers pictures on both: device memory and answers must be the same.
pub fn agrees_with_emulator(program: &Program, pictures: &[Vec<i32>], what: &str) -> Vec<Vec<Vec<i32>>> {
    let architecture = program.architecture;
    let mut owned = Owned::new(&architecture, program.memory_beats);
    let mut core = owned.core(architecture);
    start(&mut core, program);
    let mut session = Session::new(program).unwrap();
    let mut answers = Vec::new();
    for picture in pictures {
        let (expected, report) = session.infer_reported(picture).unwrap();
        let answer = infer(&mut core, program, picture);
        assert_eq!(answer, expected, "{what}");
        let mut memory = vec![0; session.machine().memory().len()];
        assert!(core.read_memory(0, &mut memory));
        assert!(memory == session.machine().memory(), "{what}: device memory differs");
        let counter = |core: &mut dyn Core, index| core.read_register(register::COUNTERS + 4 * index);
        assert_eq!(counter(&mut core, register::COUNTER_INSTRUCTIONS), report.cells[0].instructions, "{what}");
        assert_eq!(core.read_register(register::STAMP_COUNT) as usize, report.cells[0].stamps.len().min(256), "{what}");
        answers.push(answer);
    }
    answers
}
