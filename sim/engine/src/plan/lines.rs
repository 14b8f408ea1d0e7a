//! Finds delay lines that begin side by side, and where their registers are best kept.
//!
//! A register that takes what another holds in every cycle is a *link*; links follow each other in
//! *lines*. Lines with neighbouring heads are kept in one block, a row for each cycle of delay, so
//! that at an edge the whole block moves up by one row:
//!
//! ```text
//! heads   a0 b0 c0 d0        lines of 1, 3, 3 and 2 registers
//! row 1   a1 b1 c1 d1
//! row 2    . b2 c2 d2
//! row 3    . b3 c3  .        slots without a register hold nothing that anybody reads
//! ```

use std::collections::{BTreeMap, BTreeSet};

use myelin_hdl::{Op, ReadKind, Ty};
use rustc_hash::{FxHashMap, FxHashSet};

use super::strands::Strands;
use super::{CellId, StrandId};
use crate::hierarchy::{FlatNode, Hierarchy};

/// Registers in lines from which a block is worth it.
const REGISTERS_MIN: usize = 4;

/// Of a hundred slots of a block, at least so many are registers.
const USED_PERCENT_MIN: usize = 40;

/// State that exists once and that a link may read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) enum Head {
    Register { limb: usize, register: usize },
    ReadData { limb: usize, memory: usize, port: usize, lane: usize },
}

/// A register of the first strand: limb and position.
pub(crate) type RegisterAt = (usize, usize);

/// A head and the registers that follow it.
type Line = (Head, Vec<RegisterAt>);

/// Lines that move together.
#[derive(Debug)]
pub(crate) struct Bundle {
    pub(crate) ty: Ty,
    /// All of one limb; all lanes of one port, or registers.
    pub(crate) heads: Vec<Head>,
    /// For each head, the registers of its line.
    pub(crate) lines: Vec<Vec<RegisterAt>>,
}

/// Where the registers of a bundle are, and what its move is.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// Offset of the heads.
    pub(crate) from: usize,
    /// Bytes of a row.
    pub(crate) pitch: usize,
    /// Rows but for the heads'.
    pub(crate) rows: usize,
    pub(crate) heads: Vec<CellId>,
    /// Each register, and the one before it in its line.
    pub(crate) links: Vec<(CellId, CellId)>,
}

impl Bundle {
    /// Rows but for the heads'.
    pub(crate) fn rows(&self) -> usize {
        self.lines.iter().map(Vec::len).max().unwrap_or(0)
    }

    fn is_worthwhile(&self) -> bool {
        let used: usize = self.lines.iter().map(Vec::len).sum();
        used >= REGISTERS_MIN && used * 100 >= self.rows() * self.lines.len() * USED_PERCENT_MIN
    }
}

/// Finds the bundles of what exists once.
pub(crate) fn bundles(hierarchy: &Hierarchy, strands: &Strands) -> Vec<Bundle> {
    let followers = followers(hierarchy, strands);
    let followed: FxHashSet<Head> =
        followers.values().map(|&(limb, register)| Head::Register { limb, register }).collect();
    let line = |head: Head| -> Vec<RegisterAt> {
        let next = |head: &Head| followers.get(head).copied();
        std::iter::successors(next(&head), |&(limb, register)| next(&Head::Register { limb, register })).collect()
    };
    let limbs = &strands.strand(StrandId(0)).limbs;
    let mut found = Vec::new();
    // Lanes of a read port are side by side anyway.
    let mut registers: BTreeMap<(usize, Ty), Vec<Line>> = BTreeMap::new();
    let heads: BTreeSet<Head> = followers.keys().copied().filter(|head| !followed.contains(head)).collect();
    let mut ports: BTreeSet<(usize, usize, usize)> = BTreeSet::new();
    for head in heads {
        match head {
            Head::Register { limb, register } => {
                let ty = limbs[limb].module.registers[register].ty;
                registers.entry((limb, ty)).or_default().push((head, line(head)));
            }
            Head::ReadData { limb, memory, port, .. } => {
                ports.insert((limb, memory, port));
            }
        }
    }
    for (limb, memory, port) in ports {
        let definition = &limbs[limb].module.memories[memory];
        let heads: Vec<Head> = (0..definition.lanes).map(|lane| Head::ReadData { limb, memory, port, lane }).collect();
        let lines = heads.iter().map(|&head| line(head)).collect();
        found.push(Bundle { ty: definition.lane_ty, heads, lines });
    }
    for ((_, ty), mut lines) in registers {
        // Lines of similar length in one block, else in the order of the source.
        lines.sort_by_key(|(_, line)| std::cmp::Reverse(line.len()));
        let mut bundle = Bundle { ty, heads: Vec::new(), lines: Vec::new() };
        for (head, line) in lines {
            let used: usize = bundle.lines.iter().map(Vec::len).sum::<usize>() + line.len();
            if used * 100 < bundle.rows() * (bundle.lines.len() + 1) * USED_PERCENT_MIN {
                let fresh = Bundle { ty, heads: Vec::new(), lines: Vec::new() };
                found.push(std::mem::replace(&mut bundle, fresh));
            }
            bundle.heads.push(head);
            bundle.lines.push(line);
        }
        found.push(bundle);
    }
    found.retain(Bundle::is_worthwhile);
    found
}

/// The first register that takes what each state holds.
fn followers(hierarchy: &Hierarchy, strands: &Strands) -> FxHashMap<Head, RegisterAt> {
    let mut followers = FxHashMap::default();
    for (limb, definition) in strands.strand(StrandId(0)).limbs.iter().enumerate() {
        let place = definition.places[0];
        for (index, register) in definition.module.registers.iter().enumerate() {
            if register.enable.is_some() {
                continue;
            }
            let flat = hierarchy.driver(FlatNode { place, node: register.next });
            let home = strands.homes[flat.place];
            let driver = hierarchy.module(flat.place);
            if home.strand != StrandId(0) || driver.node(flat.node).ty != register.ty {
                continue;
            }
            let head = match driver.node(flat.node).op {
                Op::RegisterQ(register) => Head::Register { limb: home.limb, register },
                Op::MemoryRead { memory, port, lane }
                    if driver.memories[memory].reads[port].kind == ReadKind::Synchronous =>
                {
                    Head::ReadData { limb: home.limb, memory, port, lane }
                }
                _ => continue,
            };
            if head != (Head::Register { limb, register: index }) {
                followers.entry(head).or_insert((limb, index));
            }
        }
    }
    followers
}
