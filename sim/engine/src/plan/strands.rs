//! Divides the instances of a design into strands.
//!
//! Going down from the top, a body that an instance holds at least [`LANES_MIN`] times becomes a
//! strand of its own, with one lane for each of its instances below all lanes of the strand above;
//! every other child is a *limb*: it becomes part of the strand above. So what is compiled grows
//! with the distinct bodies, and code that exists once is one piece whatever its hierarchy.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use myelin_hdl::{Digest, Module, NodeId};

use super::StrandId;
use crate::hierarchy::{FlatNode, Hierarchy};

/// Instances of one body in one parent from which they are lanes rather than copies.
const LANES_MIN: usize = 4;

/// One instance of each lane that has the same body and the same place within the lane.
#[derive(Debug)]
pub(crate) struct Limb {
    pub(crate) module: Arc<Module>,
    /// The instance in each lane.
    pub(crate) places: Vec<usize>,
}

/// Instances that are computed together.
#[derive(Debug)]
pub(crate) struct Strand {
    pub(crate) lanes: usize,
    pub(crate) limbs: Vec<Limb>,
}

/// Where an instance is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Home {
    pub(crate) strand: StrandId,
    pub(crate) limb: usize,
    pub(crate) lane: usize,
}

/// A node of a limb: a value that every lane of the strand has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct LimbNode {
    pub(crate) strand: StrandId,
    pub(crate) limb: usize,
    pub(crate) node: NodeId,
}

/// All strands; the first has the one lane of the top.
#[derive(Debug)]
pub(crate) struct Strands {
    pub(crate) strands: Vec<Strand>,
    /// For each instance.
    pub(crate) homes: Vec<Home>,
}

/// Names sibling instances wherever they are: the parent's body, and their own.
pub(crate) type SiblingKey = (Digest, Digest);

impl Strands {
    /// Divides the instances; siblings in `dissolved` become limbs however many they are.
    pub(crate) fn new(hierarchy: &Hierarchy, dissolved: &HashSet<SiblingKey>) -> Strands {
        let root = Strand { lanes: 1, limbs: vec![limb(hierarchy, vec![0])] };
        let mut strands = vec![root];
        let mut next = 0;
        while next < strands.len() {
            let mut limb_index = 0;
            while limb_index < strands[next].limbs.len() {
                let (limbs, apart) = divide_children(hierarchy, &strands[next].limbs[limb_index], dissolved);
                strands[next].limbs.extend(limbs);
                strands.extend(apart);
                limb_index += 1;
            }
            next += 1;
        }
        let unknown = Home { strand: StrandId(0), limb: 0, lane: 0 };
        let mut homes = vec![unknown; hierarchy.places.len()];
        for (strand, definition) in strands.iter().enumerate() {
            for (limb, places) in definition.limbs.iter().map(|limb| &limb.places).enumerate() {
                for (lane, &place) in places.iter().enumerate() {
                    homes[place] = Home { strand: StrandId(strand as u32), limb, lane };
                }
            }
        }
        Strands { strands, homes }
    }

    pub(crate) fn strand(&self, id: StrandId) -> &Strand {
        &self.strands[id.index()]
    }

    pub(crate) fn lanes(&self, id: StrandId) -> usize {
        self.strand(id).lanes
    }

    /// The node of a limb, and the lane, that a value of an instance is.
    pub(crate) fn locate(&self, flat: FlatNode) -> (LimbNode, usize) {
        let Home { strand, limb, lane } = self.homes[flat.place];
        (LimbNode { strand, limb, node: flat.node }, lane)
    }

    /// The siblings that made a strand. The first strand has none.
    pub(crate) fn siblings(&self, hierarchy: &Hierarchy, id: StrandId) -> Option<SiblingKey> {
        let first = self.strand(id).limbs[0].places[0];
        let (parent, _) = hierarchy.places[first].parent?;
        Some((hierarchy.module(parent).digest, hierarchy.module(first).digest))
    }
}

fn limb(hierarchy: &Hierarchy, places: Vec<usize>) -> Limb {
    Limb { module: hierarchy.module(places[0]).clone(), places }
}

/// The children of a limb that become limbs beside it, and those that become strands.
fn divide_children(hierarchy: &Hierarchy, parent: &Limb, dissolved: &HashSet<SiblingKey>) -> (Vec<Limb>, Vec<Strand>) {
    let mut counts: HashMap<Digest, usize> = HashMap::new();
    for instance in &parent.module.instances {
        *counts.entry(instance.module.digest).or_default() += 1;
    }
    let is_apart =
        |digest: Digest| counts[&digest] >= LANES_MIN && !dissolved.contains(&(parent.module.digest, digest));
    let mut limbs = Vec::new();
    let mut apart: Vec<(Digest, Vec<usize>)> = Vec::new();
    for (position, instance) in parent.module.instances.iter().enumerate() {
        let digest = instance.module.digest;
        if !is_apart(digest) {
            let places = parent.places.iter().map(|&place| hierarchy.places[place].children[position]).collect();
            limbs.push(limb(hierarchy, places));
        } else if apart.iter().all(|&(known, _)| known != digest) {
            apart.push((digest, Vec::new()));
        }
    }
    // Lanes of one parent stay together, so that neighbours there are neighbours here.
    for (digest, places) in &mut apart {
        for &place in &parent.places {
            let children = &hierarchy.places[place].children;
            places.extend(children.iter().filter(|&&child| hierarchy.module(child).digest == *digest));
        }
    }
    let apart =
        apart.into_iter().map(|(_, places)| Strand { lanes: places.len(), limbs: vec![limb(hierarchy, places)] });
    (limbs, apart.collect())
}
