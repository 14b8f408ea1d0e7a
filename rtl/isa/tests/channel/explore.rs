//! All states of small sessions, breadth first.
//!
//! **Checked in every state reached**, for both ends with a channel that loses and repeats frames, lets
//! acknowledgements be overtaken, and with restarts: a request is executed at most once in an epoch, in order, and
//! only in the session it was made in; an answer is that of the oldest request without one; and if
//! nothing is lost from there on, all requests are answered. **Bounds** are in each test: requests, frames in the
//! channel, sessions, restarts; the sequence's modulus is as small as the window allows, so that it wraps.
//! **Not covered:** longer channels, the closing of a session after too many tries (a test in `stream.rs`), clocks.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::world::{Action, Bounds, ChannelFaults, Sending, Violation, World};

/// What was explored.
#[derive(Debug)]
struct Explored {
    states: usize,
    steps: usize,
    rounds_max: u32,
}

/// States are remembered as two hashes of 64 bits: that two of a million share both has odds of 1 in 10^26.
fn fingerprint(state: &impl Hash) -> u128 {
    let hash = |salt: u64| {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        state.hash(&mut hasher);
        u128::from(hasher.finish())
    };
    hash(1) << 64 | hash(2)
}

fn explore<const W: usize, const M: u32>(bounds: &Bounds) -> Result<Explored, (Violation, Vec<Action>)> {
    let mut first = World::<W, M>::new();
    if bounds.sending == Sending::Eager {
        first.send(bounds.channel);
    }
    let mut seen = HashSet::from([fingerprint(&first)]);
    // By place: the state before and what was done there, to tell how a violation came about.
    let mut trail: Vec<(u32, Action)> = vec![(0, Action::Submit)];
    let mut layer = vec![(0u32, first)];
    let mut explored = Explored { states: 1, steps: 0, rounds_max: 0 };
    while !layer.is_empty() {
        let mut next = Vec::new();
        for (place, world) in &layer {
            let violated = |violation, last| (violation, path(&trail, *place, last));
            let rounds = world.clone().settle(bounds).map_err(|violation| violated(violation, None))?;
            explored.rounds_max = explored.rounds_max.max(rounds);
            let actions = world.actions(bounds);
            if actions.is_empty() && !world.is_done(bounds) && !world.is_spent(bounds) {
                return Err(violated("nothing can happen any more".into(), None));
            }
            for action in actions {
                let mut successor = world.clone();
                successor.act(action, bounds).map_err(|violation| violated(violation, Some(action)))?;
                explored.steps += 1;
                if seen.insert(fingerprint(&successor)) {
                    next.push((*place, action, successor));
                }
            }
        }
        explored.states += next.len();
        let places = trail.len() as u32;
        trail.extend(next.iter().map(|(before, action, _)| (*before, *action)));
        layer = (places..).zip(next).map(|(place, (_, _, world))| (place, world)).collect();
    }
    Ok(explored)
}

fn path(trail: &[(u32, Action)], mut place: u32, last: Option<Action>) -> Vec<Action> {
    let mut actions: Vec<Action> = last.into_iter().collect();
    while place != 0 {
        let (before, action) = trail[place as usize];
        actions.push(action);
        place = before;
    }
    actions.reverse();
    actions
}

fn explore_and_report<const W: usize, const M: u32>(bounds: Bounds, states_min: usize) {
    let explored = explore::<W, M>(&bounds).unwrap_or_else(|(violation, path)| panic!("{violation}\nafter {path:?}"));
    println!("window {W}, modulus {M}, {bounds:?}: {explored:?}");
    assert!(explored.states >= states_min, "fewer states than the bounds allow: {explored:?}");
}

/// Bounds with everything that the channel does tolerated.
fn tolerated(requests: u8, channel: usize, sessions: u8, stick_restarts: u8) -> Bounds {
    let (channel_faults, sending) = (ChannelFaults::Tolerated, Sending::Eager);
    Bounds { requests, channel, sessions, stick_restarts, channel_faults, sending }
}

/// Whether `MYELIN_EXPLORE=deep` asks for larger bounds: millions of states, minutes.
fn is_deep() -> bool {
    std::env::var_os("MYELIN_EXPLORE").is_some_and(|value| value == "deep")
}

#[test]
fn one_session_whose_sequence_wraps_keeps_its_promises() {
    explore_and_report::<2, 4>(tolerated(5, 1, 1, 0), 1000);
    if is_deep() {
        explore_and_report::<2, 4>(tolerated(5, 2, 1, 0), 1_000_000);
        explore_and_report::<2, 4>(Bounds { sending: Sending::Lazy, ..tolerated(5, 2, 1, 0) }, 2_000_000);
    }
}

#[test]
fn acknowledgements_that_are_overtaken_keep_the_promises() {
    explore_and_report::<2, 4>(tolerated(2, 2, 1, 0), 1000);
    if is_deep() {
        explore_and_report::<2, 4>(tolerated(3, 2, 1, 0), 300_000);
    }
}

#[test]
fn a_longer_window_keeps_the_promises() {
    explore_and_report::<3, 6>(tolerated(7, 1, 1, 0), 1000);
    if is_deep() {
        explore_and_report::<3, 6>(tolerated(4, 2, 1, 0), 100_000);
    }
}

#[test]
fn restarts_on_either_side_keep_the_promises() {
    explore_and_report::<2, 4>(tolerated(2, 1, 3, 1), 1000);
    if is_deep() {
        explore_and_report::<2, 4>(tolerated(2, 2, 2, 1), 100_000);
    }
}

#[test]
fn damage_that_a_checksum_would_find_is_found_by_the_explorer() {
    let bounds = Bounds { channel_faults: ChannelFaults::Undetected, ..tolerated(3, 2, 1, 0) };
    let (violation, path) = explore::<2, 4>(&bounds).unwrap_err();
    assert!(violation.starts_with("request that is executed next"), "{violation}");
    assert!(path.contains(&Action::Change));
}
