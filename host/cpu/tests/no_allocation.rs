//! A run allocates nothing, on any path.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use common::random_graph::{Coverage, random_graph};
use myelin_graph::import::{self, Limits};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system's allocator unchanged; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's obligations are those of this function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's obligations are those of this function.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn runs_of_every_operator_allocate_nothing() {
    let digits = import::import_dir(common::repository_path("models/digits_int8"), &Limits::default()).unwrap();
    let input = vec![1; digits.input_shape().elements()];
    let mut cases = vec![(digits, vec![input])];
    let mut coverage = Coverage::new();
    cases.extend((0..60).filter_map(|seed| random_graph(seed, &mut coverage)));
    assert_eq!(coverage.len(), 37, "an operator never occurred: {coverage:?}");
    for path in common::paths() {
        for (case, (graph, inputs)) in cases.iter().enumerate() {
            let network = common::network(graph, path, 1);
            let mut workspace = network.workspace();
            for input in inputs {
                let before = ALLOCATIONS.get();
                // A refusal is as good as an answer here.
                let _ = network.run_i32(&mut workspace, input);
                assert_eq!(ALLOCATIONS.get() - before, 0, "case {case} on {path}");
            }
        }
    }
}
