//! What preparing takes is known before it is taken, for models made to take much.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use myelin_cpu::{Error, Network, Options};
use myelin_graph::{Conv2d, Dense, Graph, GraphBuilder, Op, Postprocess, Tensor};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static LIVE: Cell<i64> = const { Cell::new(0) };
    static PEAK: Cell<i64> = const { Cell::new(0) };
}

fn add(bytes: i64) {
    let _ = LIVE.try_with(|live| {
        live.set(live.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(live.get())));
    });
}

// SAFETY: every call is passed on to the system's allocator unchanged; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size() as i64);
        // SAFETY: the caller's obligations are those of this function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        add(-(layout.size() as i64));
        // SAFETY: the caller's obligations are those of this function.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes that live at once during `work`, beyond those that live now.
fn peak<T>(work: impl FnOnce() -> T) -> (u64, T) {
    let before = LIVE.get();
    PEAK.set(before);
    let result = work();
    ((PEAK.get() - before) as u64, result)
}

/// What planning itself takes at most: small and in proportion to the nodes.
fn planning_bytes(graph: &Graph) -> u64 {
    (16 << 10) + (graph.node_count() as u64) * (3 << 9)
}

fn dense(units: usize, words: bool) -> Graph {
    let mut b = GraphBuilder::new();
    // A longer one could need more than 32 bits.
    let length = 1 << 15;
    let x = b.input(&[1, length], 8).unwrap();
    let shape = [units, length];
    let tensor = match words {
        true => Tensor::from_i32(&shape, vec![5; units * length]),
        false => Tensor::from_i8(&shape, vec![5; units * length]),
    };
    let w = b.param("w", tensor.unwrap(), 8).unwrap();
    let y = b.op("dense", Op::Dense(Dense { units, use_bias: false }), &[x, w]).unwrap();
    b.finish(vec![y], Postprocess::None).unwrap()
}

/// Convolutions over constants, each of which wants a halo.
fn constants() -> Graph {
    let mut b = GraphBuilder::new();
    let mut sum = b.input(&[1, 1, 301, 301], 8).unwrap();
    let w = b.param("w", Tensor::from_i8(&[1, 1, 1, 1], vec![2]).unwrap(), 8).unwrap();
    for i in 0..20 {
        let x = b.param(&format!("x{i}"), Tensor::from_i8(&[1, 1, 1, 1], vec![1]).unwrap(), 8).unwrap();
        let y = b.conv2d(&format!("conv{i}"), x, w, None, Conv2d::square(1, 1).with_padding(150)).unwrap();
        let y = b.cvm_clip(&format!("clip{i}"), y, 8).unwrap();
        let z = b.op(&format!("add{i}"), Op::ElemwiseAdd, &[sum, y]).unwrap();
        sum = b.cvm_clip(&format!("limit{i}"), z, 8).unwrap();
    }
    b.finish(vec![sum], Postprocess::None).unwrap()
}

fn grouped() -> Graph {
    let mut b = GraphBuilder::new();
    let x = b.input(&[1, 2048, 7, 7], 8).unwrap();
    let w = b.param("w", Tensor::from_i8(&[2048, 2, 9, 9], vec![1; 2048 * 2 * 81]).unwrap(), 8).unwrap();
    let conv = Conv2d::square(2048, 9).with_padding(4).with_groups(1024);
    let y = b.conv2d("conv", x, w, None, conv).unwrap();
    b.finish(vec![y], Postprocess::None).unwrap()
}

#[test]
fn preparing_stays_within_what_was_counted_and_counting_takes_next_to_nothing() {
    let graphs = [dense(1, false), dense(1, true), dense(2, false), dense(64, true), constants(), grouped()];
    for (case, graph) in graphs.iter().enumerate() {
        let planning = planning_bytes(graph);
        for path in common::paths() {
            let options = Options { threads: 1, path: Some(path) };
            let (counting, refused) = peak(|| Network::prepare_within(graph, &options, 0));
            let Err(Error::Memory { needed, allowed: 0 }) = refused else {
                panic!("case {case} on {path}: {refused:?}")
            };
            assert!(counting < planning, "case {case} on {path}: counting took {counting} bytes");
            let (taken, network) = peak(|| {
                let network = Network::prepare_within(graph, &options, needed).unwrap();
                (network.workspace(), network).1
            });
            assert!(
                taken <= needed + planning + 4 * graph.output_length(),
                "case {case} on {path}: {taken} of {needed}"
            );
            assert!(network.held_bytes() <= needed, "case {case} on {path}");
        }
    }
}

#[test]
fn packed_weights_are_a_bounded_multiple_of_the_weights() {
    for path in common::paths() {
        for units in [1u64, 2, 3, 64] {
            let graph = dense(units as usize, false);
            let network = common::network(&graph, path, 1);
            let held = network.held_bytes();
            assert!(held < 24 * (units << 15) + (64 << 10), "{units} units on {path} hold {held} bytes");
        }
    }
}
