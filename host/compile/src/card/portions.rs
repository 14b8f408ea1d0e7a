//! In which order stages are done, and which barrier each needs.
//!
//! Every stage is done in one or two bands of rows, each a *portion* with a barrier behind it. A
//! portion starts when the barriers of all portions it reads from have passed; the order puts as much
//! as possible between the two, so that cells seldom wait for each other: while the lower band of one
//! stage is computed, the results of its upper band become visible, and the next stage's upper band
//! can follow at once.

use super::stage::{Network, View};
use core::ops::Range;

/// Least rows of a stage that is done in two bands.
const BAND_ROWS_MIN: usize = 4;
/// Least cycles of a stage that is done in two bands.
const BAND_CYCLES_MIN: u64 = 400;
/// Share of the rows in an upper band that begins a chain, in percent, and below which it ends.
const BAND_FIRST: usize = 58;
const BAND_LEAST: usize = 30;

/// Some rows of a stage's results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Portion {
    pub stage: usize,
    pub rows: Range<usize>,
    /// The last portion whose barrier must have passed.
    pub needs: Option<usize>,
    /// Whether its stage is complete with it.
    pub completes: bool,
}

/// The portions of all stages in order; `cycles` estimates each stage.
pub(super) fn portions(network: &Network, cycles: &[u64]) -> Vec<Portion> {
    let bounds = bounds(network, cycles);
    let writers = Writers::of(network);
    let path = paths(network, &writers, cycles);
    let bands = |stage: usize| {
        let (bound, height) = (bounds[stage], network.stages[stage].result.height);
        [0..bound, bound..height].into_iter().filter(|rows| !rows.is_empty()).collect::<Vec<_>>()
    };
    let mut waiting: Vec<(usize, Range<usize>)> =
        (0..network.stages.len()).flat_map(|stage| bands(stage).into_iter().map(move |rows| (stage, rows))).collect();
    let mut portions: Vec<Portion> = Vec::new();
    // By stage, portion and rows of what is in order already.
    let mut done: Vec<Vec<(usize, Range<usize>)>> = vec![Vec::new(); network.stages.len()];
    while !waiting.is_empty() {
        let needs = |(stage, rows): &(usize, Range<usize>)| -> Option<Option<usize>> {
            let mut last = None;
            for (view, read) in network.stages[*stage].reads(rows, &network.maps) {
                for writer in writers.of_view(view) {
                    let meets = |r: &Range<usize>| r.start < read.end && read.start < r.end;
                    let written = done[writer].iter().filter(|(_, r)| meets(r));
                    last = written.clone().map(|&(portion, _)| portion).max().max(last);
                    let bands = bands(writer);
                    if written.count() < bands.iter().filter(|r| meets(r)).count() {
                        return None;
                    }
                }
            }
            Some(last)
        };
        let ready = waiting.iter().enumerate().filter_map(|(at, portion)| Some((at, needs(portion)?)));
        // A band never before the one above it.
        let ready = ready.filter(|&(at, _)| !waiting[..at].iter().any(|(stage, _)| *stage == waiting[at].0));
        let next = ready.min_by_key(|&(at, needs)| (needs, core::cmp::Reverse(path[waiting[at].0]), at));
        let (at, needs) = next.expect("invariant: stages are in an order in which each reads what earlier ones wrote");
        let (stage, rows) = waiting.remove(at);
        let completes = rows.end == network.stages[stage].result.height;
        done[stage].push((portions.len(), rows.clone()));
        portions.push(Portion { stage, rows, needs, completes });
    }
    portions
}

/// By map, the stages that write it, and which channels.
struct Writers(Vec<Vec<(usize, Range<usize>)>>);

impl Writers {
    fn of(network: &Network) -> Writers {
        let mut writers = vec![Vec::new(); network.maps.len()];
        for (index, stage) in network.stages.iter().enumerate() {
            for View { map, offset, channels } in stage.outputs.iter().map(|output| output.view) {
                writers[map.0].push((index, offset..offset + channels));
            }
        }
        Writers(writers)
    }

    /// The stages that write some of a view.
    fn of_view(&self, view: View) -> impl Iterator<Item = usize> {
        let end = view.offset + view.channels;
        let meets = move |(_, channels): &&(usize, Range<usize>)| channels.start < end && view.offset < channels.end;
        self.0[view.map.0].iter().filter(meets).map(|&(stage, _)| stage)
    }
}

/// By stage, the rows of its upper band: all that can be made of its operands' upper bands.
fn bounds(network: &Network, cycles: &[u64]) -> Vec<usize> {
    let writers = Writers::of(network);
    let mut bounds: Vec<usize> = network.stages.iter().map(|stage| stage.result.height).collect();
    for (index, stage) in network.stages.iter().enumerate() {
        let height = stage.result.height;
        if height < BAND_ROWS_MIN || cycles[index] < BAND_CYCLES_MIN {
            continue;
        }
        let full = |view: View| network.maps[view.map.0].shape.height;
        let available =
            |view: View| writers.of_view(view).map(|writer| bounds[writer]).min().unwrap_or_else(|| full(view));
        let possible = |rows: usize| {
            let reads = stage.reads(&(0..rows), &network.maps);
            reads.iter().all(|(view, read)| read.end <= available(*view))
        };
        let most = (1..height).rev().find(|&rows| possible(rows)).unwrap_or(0);
        let banded = stage.reads(&(0..height), &network.maps).iter().any(|(view, _)| available(*view) < full(*view));
        let first = (height * BAND_FIRST).div_ceil(100).min(height - 1);
        bounds[index] = if !banded || most * 100 < height * BAND_LEAST { first } else { most.min(first) };
    }
    bounds
}

/// By stage, the cycles from its start to the end of the network, along the longest way.
fn paths(network: &Network, writers: &Writers, cycles: &[u64]) -> Vec<u64> {
    let mut paths = cycles.to_vec();
    for (index, stage) in network.stages.iter().enumerate().rev() {
        let behind = paths[index];
        for (view, _) in stage.reads(&(0..stage.result.height), &network.maps) {
            for writer in writers.of_view(view) {
                paths[writer] = paths[writer].max(cycles[writer] + behind);
            }
        }
    }
    paths
}

/// For each portion, the last barrier that every cell has passed when it stores its results.
pub(super) fn passed(portions: &[Portion]) -> Vec<Option<usize>> {
    let mut last = None;
    let met = portions.iter().map(|portion| {
        last = last.max(portion.needs);
        last
    });
    met.collect()
}

/// The first beat of every map, from 0, and how many there are.
///
/// First fit in order of first use. A map may lie where another was whose readers have all passed a
/// barrier that its writers wait for; the inputs and the heads lie alone.
pub(super) fn place_maps(network: &Network, portions: &[Portion], lanes: usize) -> (Vec<usize>, usize) {
    let mut first = vec![None; network.maps.len()];
    let mut last = vec![0; network.maps.len()];
    for (index, portion) in portions.iter().enumerate() {
        let stage = &network.stages[portion.stage];
        for output in &stage.outputs {
            first[output.view.map.0].get_or_insert(index);
            last[output.view.map.0] = index;
        }
        for (view, _) in stage.reads(&portion.rows, &network.maps) {
            last[view.map.0] = index;
        }
    }
    let alone = network.inputs.iter().copied().chain(network.heads.iter().map(|head| head.view.map));
    for map in alone {
        first[map.0] = Some(0);
        last[map.0] = usize::MAX;
    }
    let passed = passed(portions);
    let mut order: Vec<usize> = (0..first.len()).filter(|&map| first[map].is_some()).collect();
    order.sort_by_key(|&map| first[map]);
    let mut beats = vec![0; first.len()];
    let (mut placed, mut total): (Vec<(usize, usize, usize)>, usize) = (Vec::new(), 0);
    for map in order {
        let met = first[map].and_then(|portion| passed.get(portion).copied().flatten());
        placed.retain(|&(.., last)| met.is_none_or(|met| last > met));
        let size = network.maps[map].lanes().div_ceil(lanes);
        let mut start = 0;
        for &(other, end, _) in &placed {
            if start + size <= other {
                break;
            }
            start = end;
        }
        beats[map] = start;
        total = total.max(start + size);
        let at = placed.partition_point(|&(other, ..)| other < start);
        placed.insert(at, (start, start + size, last[map]));
    }
    (beats, total)
}
