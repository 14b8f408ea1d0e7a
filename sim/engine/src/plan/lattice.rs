//! Slots for the lanes of a strand whose instances are wired in rows or grids.
//!
//! Where nearly every lane reads its neighbour, one distance away, the few lanes at the border read
//! something else. Unused slots are left before every row, and a whole row of them before every
//! grid, so that a border's value can be put where the neighbour would be, and all lanes read at
//! one distance:
//!
//! ```text
//! slots   .  .  .  .  .     a grid of 2 x 4: a row of borders above,
//!         .  0  1  2  3     and one border at the left of each row
//!         .  4  5  6  7
//! ```

use std::collections::BTreeMap;

use myelin_hdl::{NodeId, Op};

use super::StrandId;
use super::strands::{LimbNode, Strands};
use crate::hierarchy::{FlatNode, Hierarchy};

/// Fewer lanes are not worth the trouble; they are not computed with vectors either.
pub(crate) const LANES_MIN: usize = 8;

/// Where the lanes of a strand are in its arrays.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    /// The slot of each lane, ascending.
    pub(crate) of_lane: Vec<usize>,
    /// Slots that hold lanes or borders.
    pub(crate) count: usize,
}

impl Slots {
    fn plain(lanes: usize) -> Slots {
        Slots { of_lane: (0..lanes).collect(), count: lanes }
    }

    /// The first slot that is a lane.
    pub(crate) fn first(&self) -> usize {
        self.of_lane[0]
    }

    /// The slot after the last that is a lane.
    pub(crate) fn end(&self) -> usize {
        self.of_lane.last().map_or(0, |&last| last + 1)
    }

    pub(crate) fn is_lane(&self, slot: usize) -> bool {
        self.of_lane.binary_search(&slot).is_ok()
    }
}

/// An input that most lanes take from a neighbour.
struct Neighbour {
    /// Lane of the neighbour less the own.
    distance: isize,
    /// The lanes that take it from elsewhere.
    border: Vec<usize>,
}

/// Chooses the slots of a strand.
pub(crate) fn slots(hierarchy: &Hierarchy, strands: &Strands, id: StrandId) -> Slots {
    let strand = strands.strand(id);
    let lanes = strand.lanes;
    let has_memory = strand.limbs.iter().any(|limb| !limb.module.memories.is_empty());
    if lanes < LANES_MIN || has_memory {
        return Slots::plain(lanes);
    }
    let neighbours = neighbours(hierarchy, strands, id);
    grid(lanes, &neighbours).unwrap_or_else(|| Slots::plain(lanes))
}

fn neighbours(hierarchy: &Hierarchy, strands: &Strands, id: StrandId) -> Vec<Neighbour> {
    let strand = strands.strand(id);
    let mut found = Vec::new();
    for limb in &strand.limbs {
        for (index, node) in limb.module.nodes.iter().enumerate() {
            if !matches!(node.op, Op::Input(_)) {
                continue;
            }
            let drivers: Vec<(LimbNode, usize)> = limb
                .places
                .iter()
                .map(|&place| strands.locate(hierarchy.driver(FlatNode { place, node: NodeId(index as u32) })))
                .collect();
            let mut distances: BTreeMap<(LimbNode, isize), usize> = BTreeMap::new();
            for (lane, &(driver, driving)) in drivers.iter().enumerate().filter(|(_, (driver, _))| driver.strand == id)
            {
                *distances.entry((driver, driving as isize - lane as isize)).or_default() += 1;
            }
            let Some((&(driver, distance), &count)) = distances.iter().max_by_key(|&(_, &count)| count) else {
                continue;
            };
            if distance == 0 || count * 2 < strand.lanes {
                continue;
            }
            let is_border = |&lane: &usize| drivers[lane] != (driver, lane.wrapping_add_signed(distance));
            found.push(Neighbour { distance, border: (0..strand.lanes).filter(is_border).collect() });
        }
    }
    found
}

/// Slots with borders, if the neighbours make rows or a grid.
fn grid(lanes: usize, neighbours: &[Neighbour]) -> Option<Slots> {
    let beside: Vec<&Neighbour> = neighbours.iter().filter(|neighbour| neighbour.distance.abs() == 1).collect();
    let row = match beside.iter().find(|neighbour| neighbour.border.len() > 1) {
        Some(neighbour) => neighbour.border[1] - neighbour.border[0],
        // One row of all.
        None if !beside.is_empty() => lanes,
        None => neighbours.iter().map(|neighbour| neighbour.distance.unsigned_abs()).min()?,
    };
    let rows = lanes / row;
    if row * rows != lanes {
        return None;
    }
    let above: Vec<&Neighbour> = neighbours
        .iter()
        .filter(|neighbour| neighbour.distance.abs() > 1 && neighbour.distance.unsigned_abs() == row && row < lanes)
        .collect();
    // Rows in a grid: from the first row of one to the first row of the next.
    let first_rows = |neighbour: &Neighbour| -> Vec<usize> {
        neighbour.border.iter().filter(|&lane| lane % row == 0).map(|lane| lane / row).collect()
    };
    let grid = above
        .iter()
        .map(|neighbour| first_rows(neighbour))
        .find(|firsts| firsts.len() > 1)
        .map_or(rows, |firsts| firsts[1] - firsts[0]);
    let (before_row, before_grid) = (usize::from(!beside.is_empty()), usize::from(!above.is_empty()));
    let pitch = row + before_row;
    let slot = |lane: usize| {
        let at = lane / row;
        (at + before_grid * (at / grid + 1)) * pitch + before_row + lane % row
    };
    let of_lane: Vec<usize> = (0..lanes).map(slot).collect();
    let count = (rows + before_grid * (rows.div_ceil(grid) + 1)) * pitch + before_row;
    (count <= lanes * 2 + 64).then_some(Slots { of_lane, count })
}
