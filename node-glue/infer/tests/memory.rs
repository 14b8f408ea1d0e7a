//! A model of a gigabyte is refused or loaded within its bound, as counted by the allocator.
#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use common::{EXAMPLE, put_model};
use myelin_graph::{Dense, GraphBuilder, Op, Postprocess, Tensor, export};
use myelin_infer::{CpuEngine, EngineError, FileRef, InferError, Node, NodeConfig};
use tempfile::TempDir;

/// Counts what lives in all threads; this binary has one test, so nothing else is counted.
struct Counting;

static LIVE: AtomicI64 = AtomicI64::new(0);
static PEAK: AtomicI64 = AtomicI64::new(0);

fn add(bytes: i64) {
    let live = LIVE.fetch_add(bytes, Ordering::Relaxed) + bytes;
    PEAK.fetch_max(live, Ordering::Relaxed);
}

// SAFETY: every call is passed on to the system's allocator unchanged; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size() as i64);
        // SAFETY: the caller's obligations are those of this function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout.size() as i64);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        add(-(layout.size() as i64));
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes that live at once during `work`, beyond those that live now.
fn peak<T>(work: impl FnOnce() -> T) -> (u64, T) {
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let result = work();
    ((PEAK.load(Ordering::Relaxed) - before) as u64, result)
}

/// Inputs of the dense layer.
const LENGTH: usize = 1 << 15;
/// Units of the small model, a number that is nowhere else in its files.
const FEW: usize = 173;
/// Units of the large one: its storage pool, four bytes a value, is a little less than the 4 GiB the chain takes.
const MANY: usize = (1 << 15) - 2;

/// A storage with a dense layer of so many units, whose weights, all zeros, are a hole in the file.
fn storage(many: usize) -> TempDir {
    let mut b = GraphBuilder::new();
    let x = b.input(&[1, LENGTH], 8).unwrap();
    let w = b.param("w", Tensor::from_i8(&[FEW, LENGTH], vec![0; FEW * LENGTH]).unwrap(), 8).unwrap();
    let y = b.op("dense", Op::Dense(Dense { units: FEW, use_bias: false }), &[x, w]).unwrap();
    let (symbol, mut params) = export::cvm(&b.finish(vec![y], Postprocess::None).unwrap());
    let symbol = String::from_utf8(symbol).unwrap().replace(&FEW.to_string(), &many.to_string());
    params.truncate(params.len() - FEW * LENGTH);
    for (from, to) in [(FEW, many), (FEW * LENGTH, many * LENGTH)] {
        let from = (from as u64).to_le_bytes();
        let at = params.windows(8).position(|window| window == from).unwrap();
        params[at..at + 8].copy_from_slice(&(to as u64).to_le_bytes());
    }
    let dir = tempfile::tempdir().unwrap();
    put_model(dir.path(), EXAMPLE, symbol.as_bytes(), &params);
    let folder = EXAMPLE[2..].to_lowercase();
    let file = fs::File::options().write(true).open(dir.path().join(folder).join("data/params")).unwrap();
    file.set_len((params.len() + many * LENGTH) as u64).unwrap();
    dir
}

/// Asks a node of this budget; the most bytes that lived at once, and the answer.
fn ask(storage: &TempDir, budget: u64) -> (u64, Result<Arc<[u8]>, InferError>) {
    let mut config = NodeConfig::new(storage.path());
    config.model_bytes = budget;
    let node = Node::new(&config, CpuEngine::default());
    let input = vec![1; LENGTH];
    peak(|| node.infer_content(FileRef { hash: EXAMPLE, size: 1 << 30 }, &input, 21))
}

#[test]
fn a_model_is_refused_or_loaded_within_the_budget_up_to_a_gigabyte_in_the_default_one() {
    let gigabyte = storage(MANY);
    let (taken, refused) = ask(&gigabyte, 3 << 29);
    assert!(matches!(refused, Err(InferError::Memory { .. })), "{refused:?}");
    assert!(taken < 1 << 20, "refusing it unread took {taken} bytes");

    let units = 1 << 10;
    let small = storage(units);
    let budget = (2 * units + units / 2) as u64 * LENGTH as u64;
    let (taken, refused) = ask(&small, budget);
    let beyond = |error: &InferError| matches!(error, InferError::Engine { source: EngineError::Memory { .. }, .. });
    assert!(refused.as_ref().is_err_and(beyond), "{refused:?}");
    assert!(taken <= budget, "refusing it read, but not packed, took {taken} of {budget} bytes");

    let budget = NodeConfig::new("").model_bytes;
    let (taken, answer) = ask(&gigabyte, budget);
    assert_eq!(*answer.unwrap(), vec![0; 4 * MANY]);
    assert!(taken <= budget, "loading it took {taken} of {budget} bytes");
    println!("loading and running took {taken} of {budget} bytes");
}
