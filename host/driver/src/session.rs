//! A device with a compiled model on it.

use std::sync::Arc;
use std::time::Duration;

use myelin_compile::{CellProgram, LengthError, Program};
use myelin_isa::{Architecture, register};

use crate::device::Device;
use crate::error::{DriverError, TrapCause};
use crate::inference::{Counters, CycleReport, DeviceShape, Inference, Output};
use crate::link::{Link, LinkError, MemoryAfter};

/// How long operations may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deadlines {
    /// One transfer from or to device memory.
    pub transfer: Duration,
    /// One program, from start to interrupt.
    pub run: Duration,
}

impl Default for Deadlines {
    /// Ten seconds and ten minutes: a simulated device is thousands of times slower than a real one.
    fn default() -> Deadlines {
        Deadlines { transfer: Duration::from_secs(10), run: Duration::from_secs(600) }
    }
}

/// A link that this session owns, with a program loaded and ready for inputs.
///
/// After a failure of the device its state is unknown and the session refuses to run
/// ([`DriverError::Poisoned`]) until [`Session::recover`] has reset and loaded it again.
pub struct Session<L: Link = Box<dyn Link>> {
    link: L,
    selector: String,
    program: Arc<Program>,
    deadlines: Deadlines,
    state: State,
    image: Image,
    reports: bool,
}

/// Whether device memory holds the program's image.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Image {
    Written,
    Unknown,
}

/// Whether the device is where the session believes it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Ready,
    Poisoned,
}

impl<L: Link> Session<L> {
    /// [`Session::load_with`] default deadlines.
    ///
    /// # Errors
    /// As [`Session::load_with`].
    pub fn load(link: L, program: impl Into<Arc<Program>>) -> Result<Session<L>, DriverError> {
        Session::load_with(link, program, Deadlines::default())
    }

    /// Checks that the device is the cell that the program is for, resets it, as programs count on descriptors that
    /// are 0 until they write them, and loads it: memory image, instructions, then the program's own loading of
    /// weights.
    ///
    /// # Errors
    /// [`DriverError::NotACell`], [`DriverError::BadShape`], [`DriverError::OtherShape`],
    /// [`DriverError::OtherMultiplier`], [`DriverError::OtherMemories`], [`DriverError::OtherSpecification`],
    /// [`DriverError::MemoryTooSmall`] and [`DriverError::BadProgram`] before anything is written; [`DriverError::Link`],
    /// [`DriverError::Trap`] and [`DriverError::NotHalted`] as the device fails.
    pub fn load_with(
        link: L,
        program: impl Into<Arc<Program>>,
        deadlines: Deadlines,
    ) -> Result<Session<L>, DriverError> {
        let mut session = Session::attach(link, program, deadlines);
        session.check_device()?;
        session.check_program()?;
        session.restart()?;
        session.load_program()?;
        session.state = State::Ready;
        Ok(session)
    }

    /// A session that has not touched its device yet: it runs nothing until [`Session::recover`] has
    /// loaded it. Unlike [`Session::load`] this keeps the link whatever happens.
    pub fn attach(link: L, program: impl Into<Arc<Program>>, deadlines: Deadlines) -> Session<L> {
        let selector = link.info().selector;
        Session {
            link,
            selector,
            program: program.into(),
            deadlines,
            state: State::Poisoned,
            image: Image::Unknown,
            reports: true,
        }
    }

    /// Whether counters and stamps are read after each inference, as they are unless this says otherwise. Whoever wants only answers
    /// saves those reads: of a small model they take as long as the rest.
    pub fn set_reports(&mut self, reports: bool) {
        self.reports = reports;
    }

    /// Gives the device a program, if it is another than it has. That one runs once [`Session::recover`] has
    /// loaded it.
    pub fn exchange(&mut self, program: &Arc<Program>) {
        if !Arc::ptr_eq(&self.program, program) {
            self.state = State::Poisoned;
            self.image = Image::Unknown;
            self.program = program.clone();
        }
    }

    /// Whether the program is loaded and the device in a known state.
    pub fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// Resets the device and loads the program (again); after a trap its image only where the reset lost it.
    ///
    /// # Errors
    /// As [`Session::load_with`]; the session stays poisoned.
    pub fn recover(&mut self) -> Result<(), DriverError> {
        self.state = State::Poisoned;
        self.restart()?;
        self.check_device()?;
        self.check_program()?;
        let loaded = self.load_program();
        if loaded.is_err() {
            self.image = Image::Unknown;
        }
        loaded?;
        self.state = State::Ready;
        Ok(())
    }

    /// The program that runs.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The link, for waves and inspection. What is done to the device here is the caller's business.
    pub fn link_mut(&mut self) -> &mut L {
        &mut self.link
    }

    fn check_device(&mut self) -> Result<(), DriverError> {
        let id = self.read_register("identify", register::ID)?;
        if id != register::ID_VALUE {
            return Err(DriverError::NotACell { selector: self.selector.clone(), found: id });
        }
        let word = self.read_register("identify", register::SHAPE)?;
        let bad = || DriverError::BadShape { selector: self.selector.clone(), found: word };
        let found = DeviceShape::from_register(word).ok_or_else(bad)?;
        let expected = DeviceShape::from(&self.program.architecture);
        if found != expected {
            return Err(DriverError::OtherShape { selector: self.selector.clone(), found, expected });
        }
        // Memory sizes cannot be read back; the link knows what it opened.
        let info = self.link.info();
        let Some(architecture) = info.architecture else {
            return Err(DriverError::NotACell { selector: self.selector.clone(), found: id });
        };
        let (found, expected) = (architecture.multiplier(), self.program.architecture.multiplier());
        if found != expected {
            return Err(DriverError::OtherMultiplier { selector: self.selector.clone(), found, expected });
        }
        if architecture != self.program.architecture {
            let (found, expected) = (Box::new(architecture), Box::new(self.program.architecture));
            return Err(DriverError::OtherMemories { selector: self.selector.clone(), found, expected });
        }
        let low = self.read_register("identify", register::SPECIFICATION_LOW)?;
        let high = self.read_register("identify", register::SPECIFICATION_HIGH)?;
        let (found, expected) = (u64::from(high) << 32 | u64::from(low), self.program.specification);
        if found != expected {
            return Err(DriverError::OtherSpecification { selector: self.selector.clone(), found, expected });
        }
        let needed = u64::from(self.program.memory_beats) * self.program.beat_bytes() as u64;
        if needed > info.memory_bytes {
            let (selector, available) = (self.selector.clone(), info.memory_bytes);
            return Err(DriverError::MemoryTooSmall { selector, needed, available });
        }
        Ok(())
    }

    fn check_program(&self) -> Result<(), DriverError> {
        let program = &self.program;
        let memory = u64::from(program.memory_beats) * program.beat_bytes() as u64;
        let inside = |region: &myelin_compile::Region| {
            u64::from(region.beat) + u64::from(region.beats) <= u64::from(program.memory_beats)
        };
        let depth = program.architecture.instruction_depth() as usize;
        let entry = program.load_entry.max(program.infer_entry) as usize;
        let entered = |cell: &CellProgram| entry < cell.instructions.len().min(depth);
        let what = if program.cells.len() != program.architecture.cells() as usize {
            "it is for another number of cells"
        } else if !program.cells.iter().all(entered) {
            "an entry is beyond a cell's instructions"
        } else if program.image.len() as u64 > memory {
            "its image is larger than the memory it uses"
        } else if !program.inputs.iter().all(|input| inside(&input.region))
            || !program.outputs.iter().all(|output| inside(&output.region))
        {
            "an input or output lies beyond the memory it uses"
        } else {
            return Ok(());
        };
        Err(DriverError::BadProgram { selector: self.selector.clone(), what })
    }

    fn restart(&mut self) -> Result<(), DriverError> {
        let done = self.link.restart();
        if self.linked("reset", done)? == MemoryAfter::Lost {
            self.image = Image::Unknown;
        }
        Ok(())
    }

    fn load_program(&mut self) -> Result<(), DriverError> {
        if self.image == Image::Unknown {
            let done = self.link.write_at(0, &self.program.image, self.deadlines.transfer);
            self.linked("write weights", done)?;
            self.image = Image::Written;
        }
        for cell in 0..self.program.cells.len() {
            let words = self.program.cells[cell].resident_words(&self.program.architecture);
            let window = window(cell as u32) + register::INSTRUCTIONS;
            for (index, value) in words.into_iter().flatten().enumerate() {
                let done = self.link.write32(window + 4 * index as u32, value);
                self.linked("write instructions", done)?;
            }
        }
        // A program that went astray reaches nothing else.
        let limit = self.window_of_all() + register::MEMORY_BEATS;
        let done = self.link.write32(limit, self.program.memory_beats);
        self.linked("limit memory", done)?;
        self.start("load weights", self.program.load_entry)
    }

    /// Starts at an instruction and waits until the device has halted.
    fn start(&mut self, step: &'static str, entry: u32) -> Result<(), DriverError> {
        let done = self.link.write32(self.window_of_all() + register::START, entry);
        self.linked(step, done)?;
        let done = self.link.wait_interrupt(self.deadlines.run);
        self.linked(step, done)?;
        let mut statuses = Vec::new();
        for cell in 0..self.cells() {
            statuses.push(self.read_register(step, window(cell) + register::STATUS)?);
        }
        let selector = || self.selector.clone();
        // A trap first: cells that wait for the one that trapped have not halted either.
        for (cell, &status) in (0..).zip(&statuses) {
            if status & register::STATUS_TRAPPED != 0 {
                let (cause, program_counter) = (TrapCause::from_status(status), status >> 16);
                return Err(DriverError::Trap { step, selector: selector(), cell, cause, program_counter });
            }
        }
        let halted =
            |status: &u32| status & (register::STATUS_HALTED | register::STATUS_BUSY) == register::STATUS_HALTED;
        match statuses.into_iter().find(|status| !halted(status)) {
            Some(status) => Err(DriverError::NotHalted { step, selector: selector(), status }),
            None => Ok(()),
        }
    }

    fn cells(&self) -> u32 {
        self.program.architecture.cells()
    }

    /// The register window through which all cells are written at once.
    fn window_of_all(&self) -> u32 {
        if self.cells() == 1 { 0 } else { window(self.cells()) }
    }

    fn infer(&mut self, inputs: &[Vec<u8>]) -> Result<Inference, DriverError> {
        let beat_bytes = self.program.beat_bytes() as u64;
        for (position, bytes) in inputs.iter().enumerate() {
            let address = u64::from(self.program.inputs[position].region.beat) * beat_bytes;
            let done = self.link.write_at(address, bytes, self.deadlines.transfer);
            self.linked("write input", done)?;
        }
        self.start("run", self.program.infer_entry)?;
        let report = if self.reports { Some(self.read_report()?) } else { None };
        let mut outputs = Vec::with_capacity(self.program.outputs.len());
        for index in 0..self.program.outputs.len() {
            outputs.push(self.read_output(index)?);
        }
        Ok(Inference { outputs, report })
    }

    fn read_report(&mut self) -> Result<CycleReport, DriverError> {
        let (counters, stamps) = (self.read_counters()?, self.read_stamps()?);
        Ok(CycleReport::new(&self.program, counters, stamps))
    }

    /// The answer to values for each of the program's inputs.
    ///
    /// # Errors
    /// As [`Device::run`]; [`DriverError::InputLength`] also for another number of inputs.
    pub fn run_given(&mut self, inputs: &[&[i32]]) -> Result<Inference, DriverError> {
        if self.state == State::Poisoned {
            return Err(DriverError::Poisoned { selector: self.selector.clone() });
        }
        let wrong_length =
            |found, expected| DriverError::InputLength { selector: self.selector.clone(), found, expected };
        let (expected, beat_bytes) = (&self.program.inputs, self.program.beat_bytes());
        if inputs.len() != expected.len() {
            return Err(wrong_length(inputs.len(), expected.len()));
        }
        let pack = |(input, values): (&myelin_compile::Input, &&[i32])| input.pack(values, beat_bytes);
        let packed: Result<Vec<Vec<u8>>, LengthError> = expected.iter().zip(inputs).map(pack).collect();
        let packed = packed.map_err(|error| wrong_length(error.found, error.expected))?;
        let inference = self.infer(&packed);
        if let Err(error) = &inference {
            self.state = State::Poisoned;
            // A trap stops the device before it does harm; of another failure nothing is known.
            if !matches!(error, DriverError::Trap { .. }) {
                self.image = Image::Unknown;
            }
        }
        inference
    }

    fn read_output(&mut self, index: usize) -> Result<Output, DriverError> {
        let output = &self.program.outputs[index];
        let beat_bytes = self.program.beat_bytes();
        let mut bytes = vec![0; output.region.beats as usize * beat_bytes];
        let address = u64::from(output.region.beat) * beat_bytes as u64;
        let done = self.link.read_at(address, &mut bytes, self.deadlines.transfer);
        self.linked("read output", done)?;
        let output = &self.program.outputs[index];
        let bad = |_: LengthError| DriverError::BadProgram {
            selector: self.selector.clone(),
            what: "an output takes more bytes than its region has",
        };
        Ok(Output { name: output.name.clone(), values: output.unpack(&bytes).map_err(bad)? })
    }

    fn read_counters(&mut self) -> Result<Vec<Counters>, DriverError> {
        let mut cells = Vec::new();
        for cell in 0..self.cells() {
            let mut values = [0; register::COUNTER_COUNT as usize];
            let read = self.link.read_registers(window(cell) + register::COUNTERS, &mut values);
            self.linked("read counters", read)?;
            cells.push(Counters::from_registers(values));
        }
        Ok(cells)
    }

    fn read_stamps(&mut self) -> Result<Vec<u32>, DriverError> {
        let expected = self.program.layers.iter().filter(|layer| layer.stamp.is_some()).count();
        let found = self.read_register("read stamps", register::STAMP_COUNT)?;
        if self.cells() > 1 && found as usize != expected {
            // Not every cell has a part in every layer.
            return Ok(Vec::new());
        }
        // Layers beyond the stamp memory take none that is kept.
        if found as usize != expected || found > Architecture::STAMP_DEPTH {
            return Err(DriverError::Stamps { selector: self.selector.clone(), found, expected });
        }
        let mut stamps = vec![0; found as usize];
        let read = self.link.read_registers(register::STAMPS, &mut stamps);
        self.linked("read stamps", read)?;
        Ok(stamps)
    }

    fn read_register(&mut self, step: &'static str, address: u32) -> Result<u32, DriverError> {
        let read = self.link.read32(address);
        self.linked(step, read)
    }

    fn linked<T>(&self, step: &'static str, result: Result<T, LinkError>) -> Result<T, DriverError> {
        result.map_err(|source| DriverError::Link { step, selector: self.selector.clone(), source })
    }
}

/// Where the registers of a cell begin.
fn window(cell: u32) -> u32 {
    cell * register::END
}

impl<L: Link> Device for Session<L> {
    fn selector(&self) -> &str {
        &self.selector
    }

    fn run(&mut self, input: &[i32]) -> Result<Inference, DriverError> {
        self.run_given(&[input])
    }
}

impl<L: Link + ?Sized> Link for Box<L> {
    fn info(&self) -> crate::link::LinkInfo {
        (**self).info()
    }

    fn read32(&mut self, address: u32) -> Result<u32, LinkError> {
        (**self).read32(address)
    }

    fn read_registers(&mut self, address: u32, words: &mut [u32]) -> Result<(), LinkError> {
        (**self).read_registers(address, words)
    }

    fn write32(&mut self, address: u32, value: u32) -> Result<(), LinkError> {
        (**self).write32(address, value)
    }

    fn read_at(&mut self, address: u64, buffer: &mut [u8], deadline: Duration) -> Result<(), LinkError> {
        (**self).read_at(address, buffer, deadline)
    }

    fn write_at(&mut self, address: u64, data: &[u8], deadline: Duration) -> Result<(), LinkError> {
        (**self).write_at(address, data, deadline)
    }

    fn wait_interrupt(&mut self, deadline: Duration) -> Result<(), LinkError> {
        (**self).wait_interrupt(deadline)
    }

    fn reset(&mut self) -> Result<(), LinkError> {
        (**self).reset()
    }

    fn restart(&mut self) -> Result<crate::link::MemoryAfter, LinkError> {
        (**self).restart()
    }

    fn alive(&mut self) -> bool {
        (**self).alive()
    }
}
