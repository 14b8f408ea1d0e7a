//! Drop-in for the solver and verifier libraries that the Cortex chain's miner links.
//!
//! `libcudaminer.a` or `.so` takes the place of the chain's library of that name in its build, and its
//! verifier that of `libcpuminer.a`. The node's Go plugin is built around it; a shared library alone
//! cannot be one.
//!
//! **Contract.** Signatures as in the chain's `solution/miner.h`. Every function may be called from any
//! thread at any time; calls for one `thread` number wait for each other. Null pointers are refused. A
//! panic inside is caught and is the answer for failure. Every solution was judged by golden before it
//! is given out.
//!
//! **Graph.** Cuckaroo, 30 edge bits, SipHash-4-8, cycles of 42. Its keys are the blake2b of the 32 bytes
//! of header and the nonce, little-endian.
//!
//! **Configuration.** From the environment, read by [`CuckooInitialize`]:
//!
//! | variable | meaning |
//! |---|---|
//! | `MYELIN_THREADS` | threads of one graph, by default as many as the machine runs at once |
//! | `MYELIN_MEMORY` | most bytes for one graph, with `K`, `M` or `G` behind, `8G` by default; 2G suffices, and takes longer |
//! | `MYELIN_CUCKOO_EDGE_BITS` | 10 to 32 instead of 30, to try a set-up; solutions are then of no chain. The verifier stays with 30 |
//!
//! What makes no sense falls back to the default with a line on standard error.
//!
//! Not here: `monitor`, fans and temperatures of graphics cards, which only the pool miner's display asks
//! for, and the old variant (`selected` 0, Cuckoo), for which nothing is found.

mod config;
mod slots;

use std::ffi::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;

use myelin_golden::cuckoo::{ProofSize, Verdict, cortex, verify};

/// `selected` for the chain's variant.
const SELECTED_CUCKAROO: c_int = 1;
/// Edges of a solution.
const PROOF_SIZE: usize = 42;
/// Most devices, as C's thread numbers.
const DEVICES_MAX: u32 = 64;

/// Runs the body of a C function; a panic becomes the answer given.
fn call<T>(on_panic: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        // A payload's destructor could panic as well, and nothing may cross the boundary.
        std::mem::forget(panic);
        on_panic
    })
}

/// The caller's 32 bytes.
///
/// # Safety
/// `header` is null or has 32 readable bytes.
unsafe fn header_bytes(header: *const u8) -> Option<[u8; 32]> {
    // SAFETY: as the caller promises.
    (!header.is_null()).then(|| unsafe { header.cast::<[u8; 32]>().read() })
}

/// Makes ready for `count` threads of the caller, numbered from 0, at most 64; each gets a solver of its
/// own when it first solves. Whatever was made ready before ends.
///
/// `devices` are the numbers of graphics cards, of which there are none here. `selected` is 1 for the
/// chain's variant. If `print` is not 0, a line about each solver goes to standard error.
///
/// # Safety
/// Nothing is read through `devices`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CuckooInitialize(_devices: *mut u32, count: u32, selected: c_int, print: c_int) {
    call((), || {
        if selected != SELECTED_CUCKAROO {
            config::complain(&format!(
                "variant {selected} is not in this library, only 1 (cuckaroo): nothing will be found"
            ));
            slots::clear();
            return;
        }
        let settings = config::Settings::from_environment();
        let count = count.clamp(1, DEVICES_MAX);
        if print != 0 {
            let (threads, bits) = (settings.options.threads, settings.edge_bits);
            let memory = settings.options.memory_limit >> 20;
            for device in 0..count {
                config::complain(&format!("device {device}: cpu, {threads} threads, {memory} MiB, {bits} edge bits"));
            }
        }
        slots::set(count, &settings);
    });
}

/// Ends what is under way, within a twentieth of a second or so, and gives all memory back.
#[unsafe(no_mangle)]
pub extern "C" fn CuckooFinalize() {
    call((), slots::clear);
}

/// Solves the graph of a header and a nonce; [`FindCycles`] tells what was found.
///
/// Answers how many edges could be on a cycle of any size, 0 if there are none or something failed: a
/// null header, a `thread` not made ready, too little memory.
///
/// # Safety
/// `header` is null or has 32 readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn FindSolutionsByGPU(header: *mut u8, nonce: u64, thread: u32) -> i32 {
    call(0, || {
        // SAFETY: as the caller promises.
        let Some(header) = (unsafe { header_bytes(header) }) else { return 0 };
        slots::solve(thread, &cortex::header(&header, nonce))
            .map_or(0, |edges| i32::try_from(edges).unwrap_or(i32::MAX))
    })
}

/// Writes the solutions that the last [`FindSolutionsByGPU`] of this thread has found.
///
/// **Shapes.** `result` gets solutions of 42 ascending edges one behind the other, as many as fit into
/// `capacity` numbers; `solution_length` gets 42, `solution_count` how many were written. If `edge_count`,
/// the answer of [`FindSolutionsByGPU`], is 0, there are none.
///
/// Answers 1 if there is a solution, else 0.
///
/// # Safety
/// `result` is null or has `capacity` writable places; the other two are null or places for a number. None
/// need be aligned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn FindCycles(
    thread: u32,
    edge_count: u32,
    result: *mut u32,
    capacity: u32,
    solution_length: *mut u32,
    solution_count: *mut u32,
) -> i32 {
    call(0, || {
        let found = if edge_count == 0 || result.is_null() { Vec::new() } else { slots::found(thread) };
        let fitting = &found[..found.len().min(capacity as usize / PROOF_SIZE)];
        for (at, &edge) in fitting.iter().flatten().enumerate() {
            // SAFETY: as the caller promises; fitting solutions have at most `capacity` edges.
            unsafe { result.add(at).write_unaligned(edge) };
        }
        for (place, value) in [(solution_length, PROOF_SIZE), (solution_count, fitting.len())] {
            if !place.is_null() {
                // SAFETY: as the caller promises.
                unsafe { place.write_unaligned(value as u32) };
            }
        }
        i32::from(!fitting.is_empty())
    })
}

/// Judges a solution as the chain's consensus does.
///
/// Answers 1 if it is one. Else, as the reference: 3 an edge too big, 4 edges not ascending, 5 ends that do
/// not match up, 6 a branch, 7 a dead end, 8 a cycle too short; 0 for null pointers.
///
/// # Safety
/// `header` is null or has 32 readable bytes, `solution` is null or has 42 readable numbers, which need not
/// be aligned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CuckooVerifyProof_cuckaroo(header: *mut u8, nonce: u64, solution: *mut u32) -> i32 {
    const BAD: i32 = 0;
    call(BAD, || {
        // SAFETY: as the caller promises.
        let Some(header) = (unsafe { header_bytes(header) }) else { return BAD };
        if solution.is_null() {
            return BAD;
        }
        // SAFETY: as the caller promises; bytes have no alignment.
        let bytes = unsafe { slice::from_raw_parts(solution.cast::<u8>(), 4 * PROOF_SIZE) };
        let proof: Vec<u64> =
            bytes.as_chunks::<4>().0.iter().map(|&word| u64::from(u32::from_ne_bytes(word))).collect();
        match verify(&cortex::graph(&header, nonce), ProofSize::MAIN, &proof) {
            Verdict::Valid => 1,
            Verdict::TooBig => 3,
            Verdict::NotAscending => 4,
            Verdict::NonMatching => 5,
            Verdict::Branch => 6,
            Verdict::DeadEnd => 7,
            Verdict::ShortCycle => 8,
            Verdict::WrongLength | Verdict::Unbalanced => BAD,
        }
    })
}
