//! A device that trims graphs.

use myelin_isa::cuckoo::{Core, register};

use crate::error::DriverError;
use crate::link::{Link, LinkError};
use crate::session::Deadlines;

/// A link to an edge-trimming core that this session owns.
///
/// After a failure of the device its state is unknown and the session refuses to run
/// ([`DriverError::Poisoned`]) until [`TrimmerSession::recover`]. A crowded list is no such failure.
pub struct TrimmerSession<L: Link = Box<dyn Link>> {
    link: L,
    selector: String,
    core: Core,
    deadlines: Deadlines,
    is_poisoned: bool,
}

/// What a run leaves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trimmed {
    /// Edges alive after each round, the first [`Core::STAMP_DEPTH`].
    pub alive: Vec<u32>,
    /// Cycles from the start to the end of each of these rounds.
    pub round_ends: Vec<u32>,
    /// The edges alive at the end, ascending.
    pub survivors: Vec<u64>,
    /// What the core counted.
    pub counters: TrimCounters,
}

/// Performance counters of one graph; each wraps at 2^32.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TrimCounters {
    /// Clock cycles.
    pub cycles: u32,
    /// Hashes begun, all lanes together.
    pub hashes: u32,
    /// Cycles in which a lane's edge was not taken, summed over lanes.
    pub stalls: u32,
    /// Cycles in which two edges wanted the same way, summed over switches.
    pub conflicts: u32,
    /// Edges that came to their bank.
    pub edges: u32,
    /// Cycles of rounds whose edges came from lists.
    pub list_cycles: u32,
}

impl<L: Link> TrimmerSession<L> {
    /// Checks that the device is this core, in every parameter.
    ///
    /// # Errors
    /// [`DriverError::NotATrimmer`], [`DriverError::OtherTrimmer`], [`DriverError::OtherSpecification`];
    /// [`DriverError::Link`].
    pub fn open(link: L, core: Core) -> Result<TrimmerSession<L>, DriverError> {
        TrimmerSession::open_with(link, core, Deadlines::default())
    }

    /// The same with other deadlines.
    ///
    /// # Errors
    /// As [`TrimmerSession::open`].
    pub fn open_with(link: L, core: Core, deadlines: Deadlines) -> Result<TrimmerSession<L>, DriverError> {
        let selector = link.info().selector;
        let mut session = TrimmerSession { link, selector, core, deadlines, is_poisoned: false };
        session.check_device()?;
        Ok(session)
    }

    /// Which device.
    pub fn selector(&self) -> &str {
        &self.selector
    }

    /// Its parameters.
    pub fn core(&self) -> &Core {
        &self.core
    }

    /// The link, for waves and inspection. What is done to the device here is the caller's business.
    pub fn link_mut(&mut self) -> &mut L {
        &mut self.link
    }

    /// Resets the device.
    ///
    /// # Errors
    /// As [`TrimmerSession::open`].
    pub fn recover(&mut self) -> Result<(), DriverError> {
        self.is_poisoned = true;
        let done = self.link.reset();
        self.linked("reset", done)?;
        self.check_device()?;
        self.is_poisoned = false;
        Ok(())
    }

    /// Trims the graph of these keys for `rounds` rounds, 1 to 65535.
    ///
    /// # Errors
    /// [`DriverError::Crowded`] if the graph is not one for this core's lists; as the device fails.
    ///
    /// # Panics
    /// If there are no rounds.
    pub fn trim(&mut self, keys: [u64; 4], rounds: u16) -> Result<Trimmed, DriverError> {
        assert!(rounds > 0, "a graph is trimmed for one round or more");
        if self.is_poisoned {
            return Err(DriverError::Poisoned { selector: self.selector.clone() });
        }
        self.is_poisoned = true;
        let trimmed = self.run(keys, rounds);
        self.is_poisoned = matches!(&trimmed, Err(error) if !matches!(error, DriverError::Crowded { .. }));
        trimmed
    }

    fn run(&mut self, keys: [u64; 4], rounds: u16) -> Result<Trimmed, DriverError> {
        for (k, key) in (0..).zip(keys) {
            self.write("write keys", register::KEYS + 8 * k, key as u32)?;
            self.write("write keys", register::KEYS + 8 * k + 4, (key >> 32) as u32)?;
        }
        self.write("start", register::START, u32::from(rounds))?;
        let done = self.link.wait_interrupt(self.deadlines.run);
        self.linked("trim", done)?;
        let status = self.read("trim", register::STATUS)?;
        if status & register::STATUS_TRAPPED != 0 {
            // The only cause there is.
            return Err(DriverError::Crowded { selector: self.selector.clone(), round: status >> 16 });
        }
        if status & register::STATUS_HALTED == 0 {
            return Err(DriverError::NotHalted { step: "trim", selector: self.selector.clone(), status });
        }
        let count = self.read("trim", register::STAMP_COUNT)?;
        if count != u32::from(rounds).min(Core::STAMP_DEPTH) {
            let expected = usize::from(rounds).min(Core::STAMP_DEPTH as usize);
            return Err(DriverError::Stamps { selector: self.selector.clone(), found: count, expected });
        }
        let mut alive = Vec::new();
        let mut round_ends = Vec::new();
        for index in 0..count {
            alive.push(self.read("read counts", register::STAMPS + 4 * index)?);
            round_ends.push(self.read("read counts", register::STAMP_CYCLES + 4 * index)?);
        }
        let counters = self.counters()?;
        Ok(Trimmed { alive, round_ends, survivors: self.survivors()?, counters })
    }

    fn survivors(&mut self) -> Result<Vec<u64>, DriverError> {
        let expected = u64::from(self.read("read survivors", register::SURVIVORS)?);
        let edge_count = 1u64 << self.core.edge_bits();
        let fault = |found| DriverError::Survivors { selector: self.selector.clone(), found, expected };
        if expected > edge_count {
            return Err(fault(0));
        }
        let mut bytes = vec![0; 4 * expected as usize];
        let done = self.link.read_at(0, &mut bytes, self.deadlines.transfer);
        self.linked("read survivors", done)?;
        let words = bytes.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
        let mut survivors: Vec<u64> = words.map(u64::from).collect();
        survivors.sort_unstable();
        survivors.dedup();
        survivors.retain(|&edge| edge < edge_count);
        if survivors.len() as u64 == expected { Ok(survivors) } else { Err(fault(survivors.len() as u64)) }
    }

    fn counters(&mut self) -> Result<TrimCounters, DriverError> {
        let mut counter = |index| self.read("read counters", register::COUNTERS + 4 * index);
        Ok(TrimCounters {
            cycles: counter(register::COUNTER_CYCLES)?,
            hashes: counter(register::COUNTER_HASHES)?,
            stalls: counter(register::COUNTER_STALLS)?,
            conflicts: counter(register::COUNTER_CONFLICTS)?,
            edges: counter(register::COUNTER_EDGES)?,
            list_cycles: counter(register::COUNTER_LIST_CYCLES)?,
        })
    }

    fn check_device(&mut self) -> Result<(), DriverError> {
        let selector = self.selector.clone();
        let found = self.read("identify", register::ID)?;
        if found != register::ID_VALUE {
            return Err(DriverError::NotATrimmer { selector, found });
        }
        let (found, expected) = (self.read("identify", register::SHAPE)?, self.core.shape());
        if found != expected {
            return Err(DriverError::OtherTrimmer { selector, found, expected });
        }
        let low = self.read("identify", register::SPECIFICATION_LOW)?;
        let high = self.read("identify", register::SPECIFICATION_HIGH)?;
        let (found, expected) = (u64::from(high) << 32 | u64::from(low), self.core.specification());
        if found != expected {
            return Err(DriverError::OtherSpecification { selector, found, expected });
        }
        Ok(())
    }

    fn read(&mut self, step: &'static str, address: u32) -> Result<u32, DriverError> {
        let value = self.link.read32(address);
        self.linked(step, value)
    }

    fn write(&mut self, step: &'static str, address: u32, value: u32) -> Result<(), DriverError> {
        let done = self.link.write32(address, value);
        self.linked(step, done)
    }

    fn linked<T>(&self, step: &'static str, result: Result<T, LinkError>) -> Result<T, DriverError> {
        result.map_err(|source| DriverError::Link { step, selector: self.selector.clone(), source })
    }
}
