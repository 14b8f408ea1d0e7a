//! The systolic array against plain matrix products.

use std::collections::HashMap;

use myelin_isa::Architecture;
use myelin_rtl::tensor::array::{array, sum_latency};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::bench::{Bench, cells, operand, random};

/// What enters at one frame time.
#[derive(Clone)]
struct Frame {
    activations: Vec<i64>,
    swap: bool,
    /// Step of loading, and the tile it is for.
    load: Option<(usize, usize)>,
    /// The tile whose weights this pixel meets; none before the first.
    tile: Option<usize>,
}

/// `pixels` per tile, and for each tile how many frames after its first pixel the next tile loads.
fn frames(cell: &Architecture, random: &mut ChaCha8Rng, tiles: &[(usize, usize)]) -> Vec<Frame> {
    let (rows, steps) = (cell.rows() as usize, cell.weight_steps() as usize);
    let bits = cell.precision().bits();
    let mut frame =
        |swap, load, tile| Frame { activations: (0..rows).map(|_| operand(random, bits)).collect(), swap, load, tile };
    let mut frames: Vec<Frame> = (0..steps).map(|step| frame(false, Some((step, 0)), None)).collect();
    for (tile, &(pixels, delay)) in tiles.iter().enumerate() {
        assert!(delay + steps <= pixels, "the next tile is loaded before this one ends");
        for pixel in 0..pixels {
            let step = pixel.checked_sub(delay).filter(|&step| step < steps);
            frames.push(frame(pixel == 0, step.map(|step| (step, tile + 1)), Some(tile)));
        }
    }
    frames
}

/// Runs the frames and holds every sum of every pixel against the product.
fn run(cell: &Architecture, seed: u64, tiles: &[(usize, usize)]) {
    let mut random = random(seed);
    let (rows, columns) = (cell.rows() as usize, cell.columns() as usize);
    let (blocks, steps) = (cell.weight_ports() as usize, cell.weight_steps() as usize);
    let bits = cell.precision().bits();
    let weights: Vec<Vec<Vec<i64>>> = (0..=tiles.len())
        .map(|_| (0..rows).map(|_| (0..columns).map(|_| operand(&mut random, bits)).collect()).collect())
        .collect();
    let resident = |tile: usize, row: usize, column: usize| weights[tile][row][column];
    let frames = frames(cell, &mut random, tiles);
    let mut expected = HashMap::new();
    for (time, frame) in frames.iter().enumerate() {
        let Some(tile) = frame.tile else { continue };
        for column in 0..columns {
            let sum: i64 = (0..rows).map(|row| frame.activations[row] * resident(tile, row, column)).sum();
            expected.insert((time + sum_latency(cell.rows()) + column, column), sum);
        }
    }
    let mut bench = Bench::powered_up(&array(cell), seed);
    let mut compared = 0;
    for time in 0..frames.len() + sum_latency(cell.rows()) + columns {
        let frame = frames.get(time);
        if let Some(frame) = frame {
            bench.set_all("activation", &frame.activations);
        }
        bench.set("swap_i", i64::from(frame.is_some_and(|frame| frame.swap)));
        let step_now = frame.and_then(|frame| frame.load).map(|(step, _)| step);
        for step in 0..steps {
            bench.set(&format!("load_{step}_i"), i64::from(step_now == Some(step)));
        }
        for block in 0..blocks {
            // Block b's weights follow their loading step by b * steps cycles; else the bus carries anything.
            let load = time.checked_sub(block * steps).and_then(|time| frames.get(time)).and_then(|frame| frame.load);
            let row = load.map(|(step, tile)| (block * steps + step, tile)).filter(|&(row, _)| row < rows);
            for column in 0..columns {
                let weight = match row {
                    Some((row, tile)) => resident(tile, row, column),
                    None => random.random_range(-(1i64 << (bits - 1))..1 << (bits - 1)),
                };
                bench.set(&format!("weight_{block}_{column}_i"), weight);
            }
        }
        for column in 0..columns {
            if let Some(&sum) = expected.get(&(time, column)) {
                let found = bench.get(&format!("partial_sum_{column}_o"));
                assert_eq!(found, sum, "{cell} seed {seed} cycle {time} column {column}");
                compared += 1;
            }
        }
        bench.step();
    }
    assert_eq!(compared, expected.len(), "every sum was seen");
}

#[test]
fn sums_are_matrix_products_with_tiles_swapped_at_the_fastest_rate() {
    for (seed, cell) in (0..).zip(cells()) {
        let steps = cell.weight_steps() as usize;
        run(&cell, seed, &[(steps, 0); 12]);
    }
}

#[test]
fn sums_are_matrix_products_with_tiles_of_any_length_loaded_at_any_time() {
    for (seed, cell) in (10..).zip(cells()) {
        let steps = cell.weight_steps() as usize;
        let mut random = random(seed);
        let tiles: Vec<(usize, usize)> = (0..8)
            .map(|_| {
                let delay = random.random_range(0..6);
                (delay + steps + random.random_range(0..5), delay)
            })
            .collect();
        run(&cell, seed, &tiles);
    }
}
