//! An open wave file: what it watches, and cycles on their way into it.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::ops::Range;

use super::format::{Batch, CLOCK, Format, Group, Member, RESET, Scope, VALUES, Variable};
use super::outline::{Content, Level, contents, levels, signals};
use super::request::{Show, Waves};
use crate::engine::Reset;
use crate::hierarchy::{FlatNode, Hierarchy};
use crate::samples::{BATCH, Element, Samples};

/// An open wave file.
pub(crate) struct Wave {
    format: Box<dyn Format>,
    window: Range<u64>,
    /// What is watched, in the order of the signals; a value with many names once.
    nodes: Vec<FlatNode>,
    widths: Vec<u32>,
    groups: Vec<Group>,
    /// Nothing has been written yet.
    initial: bool,
    /// Cycle of the first sample that is not written yet.
    first_cycle: u64,
    /// Levels of `rst_ni` since, and in the cycle before.
    reset_levels: u64,
    reset_before: bool,
    error: Option<io::Error>,
}

impl Wave {
    /// Writes the header: `scopes` are the chosen instances, each with everything below it.
    pub(crate) fn open(waves: Waves, hierarchy: &Hierarchy, scopes: &[usize]) -> io::Result<Wave> {
        let mut outline =
            Outline { hierarchy, contents: contents(hierarchy, scopes), show: waves.show, signals: HashMap::new() };
        let window = waves.window.clone();
        let mut format = waves.format()?;
        format.scope(&hierarchy.places[0].name, Scope::Instance)?;
        format.variable("clk_i", 1, Variable::Input, CLOCK)?;
        format.variable("rst_ni", 1, Variable::Input, RESET)?;
        let mut wave = Wave {
            format,
            window,
            nodes: Vec::new(),
            widths: Vec::new(),
            groups: Vec::new(),
            initial: true,
            first_cycle: 0,
            reset_levels: 0,
            reset_before: false,
            error: None,
        };
        wave.define(&mut outline, 0)?;
        wave.format.up()?;
        wave.format.begin()?;
        Ok(wave)
    }

    /// The values to be watched by the engine.
    pub(crate) fn nodes(&self) -> &[FlatNode] {
        &self.nodes
    }

    /// Edges from `cycle` on that this trace need not see.
    pub(crate) fn idle(&self, cycle: u64) -> u64 {
        if self.error.is_some() || cycle >= self.window.end {
            u64::MAX
        } else {
            self.window.start.saturating_sub(cycle)
        }
    }

    /// Declares the contents of an open scope. The depth of recursion is that of the design.
    fn define(&mut self, outline: &mut Outline<'_>, place: usize) -> io::Result<()> {
        let hierarchy = outline.hierarchy;
        if outline.contents[place] == Content::Signals {
            let mut taken: HashSet<String> = HashSet::from(["clk_i".to_owned(), "rst_ni".to_owned()]);
            for (node, name, kind) in signals(hierarchy, place) {
                if outline.show == Show::Registers && kind != Variable::Register {
                    continue;
                }
                let mut unique = name.clone();
                let mut suffix = 1;
                while !taken.insert(unique.clone()) {
                    suffix += 1;
                    unique = format!("{name}_{suffix}");
                }
                let width = hierarchy.module(place).node(node).ty.width();
                let signal = self.signal(outline, FlatNode { place, node }, width);
                self.format.variable(&unique, width, kind, signal)?;
            }
        }
        let levels = levels(hierarchy, &outline.contents, place);
        self.define_levels(outline, levels)
    }

    fn define_levels(&mut self, outline: &mut Outline<'_>, levels: Vec<Level>) -> io::Result<()> {
        for level in levels {
            match level {
                Level::Instance(place) => {
                    self.format.scope(&outline.hierarchy.places[place].name, Scope::Instance)?;
                    self.define(outline, place)?;
                }
                Level::Array(name, levels) => {
                    self.format.scope(&name, Scope::Array)?;
                    self.define_levels(outline, levels)?;
                }
            }
            self.format.up()?;
        }
        Ok(())
    }

    /// The signal of a value: everything that one driver drives is one.
    fn signal(&mut self, outline: &mut Outline<'_>, flat: FlatNode, width: u32) -> usize {
        let driver = outline.hierarchy.driver(flat);
        match outline.signals.entry(driver) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                self.nodes.push(driver);
                self.widths.push(width);
                *new.insert(VALUES + self.nodes.len() - 1)
            }
        }
    }

    /// Says where the watched values are in samples from now on.
    pub(crate) fn place(&mut self, elements: &[Element]) {
        let mut groups: BTreeMap<usize, Vec<Member>> = BTreeMap::new();
        for (index, (element, &width)) in elements.iter().zip(&self.widths).enumerate() {
            let member = Member { at: element.at, bytes: element.bytes, width, signal: VALUES + index };
            groups.entry(element.line).or_default().push(member);
        }
        self.groups = groups.into_iter().map(|(line, members)| Group { line, members }).collect();
    }

    /// What the watched values were in the cycle before the next sample.
    pub(crate) fn before(&self, samples: &Samples) -> Vec<u64> {
        let mut bits = vec![0; self.nodes.len()];
        for group in &self.groups {
            for &Member { at, bytes, signal, .. } in &group.members {
                bits[signal - VALUES] = samples.before(Element { line: group.line, at, bytes });
            }
        }
        bits
    }

    /// Takes the sample last put as cycle `cycle`, if it is in the window. An I/O error ends the
    /// tracing and is kept for [`Wave::close`].
    pub(crate) fn sample(&mut self, samples: &mut Samples, cycle: u64, reset: Reset) {
        if self.idle(cycle) > 0 {
            return;
        }
        let index = samples.count();
        if index == 0 {
            self.first_cycle = cycle;
            self.reset_levels = 0;
        }
        self.reset_levels |= u64::from(reset == Reset::Inactive) << index;
        samples.keep();
        if samples.count() == BATCH {
            self.write(samples);
        }
    }

    /// Writes the samples that are kept.
    pub(crate) fn write(&mut self, samples: &mut Samples) {
        let count = samples.count();
        if count == 0 {
            return;
        }
        if self.error.is_none() {
            let batch = Batch {
                first_cycle: self.first_cycle,
                count,
                initial: self.initial,
                reset_levels: self.reset_levels,
                reset_before: self.reset_before,
                tiles: samples.tiles(),
                groups: &self.groups,
            };
            self.error = self.format.cycles(&batch).err();
        }
        self.initial = false;
        self.reset_before = self.reset_levels >> (count - 1) & 1 == 1;
        samples.restart();
    }

    /// Shows the last cycle, which was put last, ends the file and flushes it.
    pub(crate) fn close(mut self, samples: &mut Samples, cycle: u64, reset: Reset) -> io::Result<()> {
        self.sample(samples, cycle, reset);
        self.write(samples);
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        if self.initial {
            // The window was not reached: a cycle of unknown values, as readers want to have times.
            return self.format.end(1);
        }
        self.format.end(cycle.saturating_add(1).min(self.window.end))
    }
}

/// What is being declared.
struct Outline<'a> {
    hierarchy: &'a Hierarchy,
    /// Of each instance.
    contents: Vec<Content>,
    show: Show,
    /// Signals by their driver.
    signals: HashMap<FlatNode, usize>,
}
