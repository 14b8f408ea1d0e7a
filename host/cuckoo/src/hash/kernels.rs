//! The loops that hash, for any vector.

use super::lanes::Lanes;

/// Edges of a block of the chained variants.
pub(super) const BLOCK: usize = 64;

/// What becomes of a block's hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finish {
    /// All but the last are combined with the last.
    Last,
    /// All but the last are combined with the last; a bit of parity is put below both nodes.
    LastWithParity,
    /// Each is combined with all behind it.
    Suffix,
}

/// One hash of G independent vectors: SipHash-C-D with last rotation E (and F = 64 - E).
#[inline(always)]
unsafe fn hash<V: Lanes, const G: usize, const C: u32, const D: u32, const E: i32, const F: i32>(
    state: &mut [[V; 4]; G],
    words: [V; G],
) {
    // SAFETY: the caller's contract is the lanes'.
    unsafe {
        for g in 0..G {
            state[g][3] = state[g][3].xor(words[g]);
        }
        for _ in 0..C {
            round::<V, G, E, F>(state);
        }
        for g in 0..G {
            state[g][0] = state[g][0].xor(words[g]);
            state[g][2] = state[g][2].xor(V::splat(0xff));
        }
        for _ in 0..D {
            round::<V, G, E, F>(state);
        }
    }
}

#[inline(always)]
unsafe fn round<V: Lanes, const G: usize, const E: i32, const F: i32>(state: &mut [[V; 4]; G]) {
    for words in state {
        let [v0, v1, v2, v3] = *words;
        // SAFETY: the caller's contract is the lanes'.
        *words = unsafe {
            let (v0, v2) = (v0.add(v1), v2.add(v3));
            let (v1, v3) = (v1.rotate::<13, 51>().xor(v0), v3.rotate::<16, 48>().xor(v2));
            let v0 = v0.rotate::<32, 32>();
            let (v2, v0) = (v2.add(v1), v0.add(v3));
            let (v1, v3) = (v1.rotate::<17, 47>().xor(v2), v3.rotate::<E, F>().xor(v0));
            [v0, v1, v2.rotate::<32, 32>(), v3]
        };
    }
}

#[inline(always)]
unsafe fn digest<V: Lanes>(state: [V; 4]) -> V {
    // SAFETY: the caller's contract is the lanes'.
    unsafe { state[0].xor(state[1]).xor(state[2].xor(state[3])) }
}

/// Hashes the words, each for itself: `words[i]` becomes `hash & mask`.
///
/// **Safety**: the lanes' contract; the length is a multiple of `2 * COUNT`.
#[inline(always)]
pub(super) unsafe fn words<V: Lanes, const C: u32, const D: u32>(keys: &[u64; 4], mask: u64, words: &mut [u64]) {
    debug_assert!(words.len().is_multiple_of(2 * V::COUNT));
    let mut at = words.as_mut_ptr();
    // SAFETY: the chunks lie within the words.
    unsafe {
        let keys = keys.map(|key| V::splat(key));
        let mask = V::splat(mask);
        for _ in 0..words.len() / (2 * V::COUNT) {
            let mut state = [keys; 2];
            hash::<V, 2, C, D, 21, 43>(&mut state, [V::load(at), V::load(at.add(V::COUNT))]);
            digest(state[0]).and(mask).store(at);
            digest(state[1]).and(mask).store(at.add(V::COUNT));
            at = at.add(2 * V::COUNT);
        }
    }
}

/// Writes the records of `count` edges from `first` on: u = hash(2e) below, v = hash(2e+1) above.
///
/// **Safety**: the lanes' contract; `count` is a multiple of `2 * COUNT`, with room for as many.
#[inline(always)]
pub(super) unsafe fn pairs<V: Lanes, const C: u32, const D: u32>(
    keys: &[u64; 4],
    first: u64,
    mask: u64,
    count: usize,
    out: *mut u64,
) {
    const LANES_MAX: usize = 8;
    let offsets: [u64; LANES_MAX] = std::array::from_fn(|lane| 2 * lane as u64);
    // SAFETY: the caller's contract.
    unsafe {
        let keys = keys.map(|key| V::splat(key));
        let (mask, one) = (V::splat(mask), V::splat(1));
        let next = V::splat(2 * V::COUNT as u64);
        let mut even = V::splat(2 * first).add(V::load(offsets.as_ptr()));
        let mut to = out;
        for _ in 0..count / (2 * V::COUNT) {
            let mut state = [keys; 4];
            let even2 = even.add(next);
            hash::<V, 4, C, D, 21, 43>(&mut state, [even, even.or(one), even2, even2.or(one)]);
            let u = [digest(state[0]).and(mask), digest(state[2]).and(mask)];
            let v = [digest(state[1]).and(mask), digest(state[3]).and(mask)];
            u[0].or(v[0].shift_left::<32>()).store(to);
            u[1].or(v[1].shift_left::<32>()).store(to.add(V::COUNT));
            even = even2.add(next);
            to = to.add(2 * V::COUNT);
        }
    }
}

/// Writes the records of `L = G * COUNT` blocks of 64 edges, the first of which is `first`: entry
/// `i * L + l` is edge `first + 64 * l + i`. `mask` is the nodes' in both halves.
///
/// **Safety**: the lanes' contract; room for `64 * L` records.
#[inline(always)]
pub(super) unsafe fn chained<V: Lanes, const G: usize, const C: u32, const D: u32, const E: i32, const F: i32>(
    keys: &[u64; 4],
    first: u64,
    finish: Finish,
    mask: u64,
    out: *mut u64,
) {
    const LANES_MAX: usize = 8;
    let offsets: [u64; LANES_MAX] = std::array::from_fn(|lane| (BLOCK * lane) as u64);
    // SAFETY: the caller's contract.
    unsafe {
        let at = |entry: usize, group: usize| out.add((entry * G + group) * V::COUNT);
        let mut state = [keys.map(|key| V::splat(key)); G];
        let mut words = [V::splat(first).add(V::load(offsets.as_ptr())); G];
        for (group, words) in words.iter_mut().enumerate() {
            *words = words.add(V::splat((BLOCK * V::COUNT * group) as u64));
        }
        for entry in 0..BLOCK {
            hash::<V, G, C, D, E, F>(&mut state, words);
            for group in 0..G {
                digest(state[group]).store(at(entry, group));
                words[group] = words[group].add(V::splat(1));
            }
        }
        let mask = V::splat(mask);
        for group in 0..G {
            let last = V::load(at(BLOCK - 1, group));
            match finish {
                Finish::Last => {
                    for entry in 0..BLOCK - 1 {
                        let to = at(entry, group);
                        V::load(to).xor(last).and(mask).store(to);
                    }
                    last.and(mask).store(at(BLOCK - 1, group));
                }
                Finish::LastWithParity => {
                    let parities = [V::splat(0), V::splat(1 | 1 << 32)];
                    for entry in 0..BLOCK - 1 {
                        let to = at(entry, group);
                        let nodes = V::load(to).xor(last).and(mask).shift_left::<1>();
                        nodes.or(parities[entry % 2]).store(to);
                    }
                    last.and(mask).shift_left::<1>().or(parities[1]).store(at(BLOCK - 1, group));
                }
                Finish::Suffix => {
                    let mut behind = V::splat(0);
                    for entry in (0..BLOCK).rev() {
                        let to = at(entry, group);
                        behind = behind.xor(V::load(to));
                        behind.and(mask).store(to);
                    }
                }
            }
        }
    }
}
