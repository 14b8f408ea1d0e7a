//! The systolic array against plain matrix products.

use std::collections::HashMap;

use myelin_isa::{Architecture, MultiplierStyle, Precision};
use myelin_rtl::tensor::array::{array, sum_latency};
use myelin_rtl::tensor::packed_array::twin_array;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::bench::{Bench, cells, operand, random, symmetric};

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
fn frames(
    cell: &Architecture,
    random: &mut ChaCha8Rng,
    operand: fn(&mut ChaCha8Rng, u32) -> i64,
    tiles: &[(usize, usize)],
) -> Vec<Frame> {
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

/// Runs the frames and holds every sum of every pixel against the product. Packed products are
/// exact for symmetric operands; where none counts, the buses carry anything.
fn run(cell: &Architecture, multiplier: MultiplierStyle, seed: u64, tiles: &[(usize, usize)]) {
    let operand = if multiplier == MultiplierStyle::Plain { operand } else { symmetric };
    let mut random = random(seed);
    let (rows, columns) = (cell.rows() as usize, cell.columns() as usize);
    let (blocks, steps) = (cell.weight_ports() as usize, cell.weight_steps() as usize);
    let bits = cell.precision().bits();
    let weights: Vec<Vec<Vec<i64>>> = (0..=tiles.len())
        .map(|_| (0..rows).map(|_| (0..columns).map(|_| operand(&mut random, bits)).collect()).collect())
        .collect();
    let resident = |tile: usize, row: usize, column: usize| weights[tile][row][column];
    let frames = frames(cell, &mut random, operand, tiles);
    let mut expected = HashMap::new();
    for (time, frame) in frames.iter().enumerate() {
        let Some(tile) = frame.tile else { continue };
        for column in 0..columns {
            let sum: i64 = (0..rows).map(|row| frame.activations[row] * resident(tile, row, column)).sum();
            expected.insert((time + sum_latency(cell.rows()) + column, column), sum);
        }
    }
    let mut bench = Bench::powered_up(&array(&cell.with_multiplier(multiplier)), seed);
    let mut compared = 0;
    for time in 0..frames.len() + sum_latency(cell.rows()) + columns {
        let frame = frames.get(time);
        if let Some(frame) = frame {
            bench.set_all("activation", &frame.activations);
        }
        bench.set("swap_i", i64::from(frames.get(time + 1).is_some_and(|frame| frame.swap)));
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
                assert_eq!(found, sum, "{cell} {multiplier} seed {seed} cycle {time} column {column}");
                compared += 1;
            }
        }
        bench.step();
    }
    assert_eq!(compared, expected.len(), "every sum was seen");
}

/// The cells with the multiplier, its narrower last groups and its packed sums among them.
fn packed_cells() -> impl Iterator<Item = (u64, Architecture, MultiplierStyle)> {
    let large = [(16, 16, Precision::Int8), (17, 7, Precision::Int8), (32, 5, Precision::Int6)]
        .map(|(rows, columns, precision)| Architecture::new(rows, columns, precision).unwrap());
    let cells: Vec<Architecture> = cells().into_iter().chain(large).collect();
    let styles = MultiplierStyle::ALL.into_iter();
    let pairs = styles.flat_map(move |style| cells.clone().into_iter().map(move |cell| (cell, style)));
    (0..).zip(pairs).map(|(seed, (cell, style))| (seed, cell, style))
}

#[test]
fn sums_are_matrix_products_with_tiles_swapped_at_the_fastest_rate() {
    for (seed, cell, multiplier) in packed_cells() {
        let steps = cell.weight_steps() as usize;
        run(&cell, multiplier, seed, &[(steps, 0); 12]);
    }
}

#[test]
fn sums_are_matrix_products_with_tiles_of_any_length_loaded_at_any_time() {
    for (seed, cell, multiplier) in packed_cells() {
        let steps = cell.weight_steps() as usize;
        let mut random = random(seed);
        let tiles: Vec<(usize, usize)> = (0..8)
            .map(|_| {
                let delay = random.random_range(0..6);
                (delay + steps + random.random_range(0..5), delay)
            })
            .collect();
        run(&cell, multiplier, seed + 1000, &tiles);
    }
}

/// Drives one tile in which every operand is an extreme, all signs alike or mixed.
#[test]
fn sums_of_nothing_but_extremes_are_exact() {
    for (_, cell, multiplier) in packed_cells() {
        let (rows, columns) = (cell.rows() as usize, cell.columns() as usize);
        let limit = i64::from(cell.precision().limit());
        let steps = cell.weight_steps() as usize;
        let mut bench = Bench::new(&array(&cell.with_multiplier(multiplier)));
        for (left, right) in [(limit, limit), (limit, -limit), (-limit, limit), (-limit, -limit)] {
            // Even columns hold one extreme, odd ones the other; weights and activations stay.
            bench.set_all("activation", &vec![left; rows]);
            for column in 0..columns {
                let weight = if column % 2 == 0 { left } else { right };
                for block in 0..cell.weight_ports() {
                    bench.set(&format!("weight_{block}_{column}_i"), weight);
                }
            }
            bench.set_all("load", &vec![1; steps]);
            bench.set("swap_i", 1);
            (0..2 * (rows + columns) + 4).for_each(|_| bench.step());
            for column in 0..columns {
                let weight = if column % 2 == 0 { left } else { right };
                let found = bench.get(&format!("partial_sum_{column}_o"));
                assert_eq!(found, rows as i64 * left * weight, "{cell} {multiplier} column {column}");
            }
        }
    }
}

#[test]
fn a_twin_array_is_two_plain_arrays_with_the_same_weights() {
    for (seed, (rows, columns)) in [(4, 4), (9, 5), (16, 16)].into_iter().enumerate() {
        let cell = Architecture::new(rows, columns, Precision::Int6).unwrap();
        let (mut random, bits) = (random(seed as u64), 6);
        let mut twin = Bench::new(&twin_array(&cell).unwrap());
        let mut plain = [0, 1].map(|_| Bench::new(&array(&cell)));
        // Until every register holds what was driven, sums differ by what was there at power-up.
        let filled = 2 * (rows + columns) as usize;
        for cycle in 0..filled + 600 {
            for (pixel, plain) in plain.iter_mut().enumerate() {
                for row in 0..rows {
                    let activation = symmetric(&mut random, bits);
                    twin.set(&format!("activation_{pixel}_{row}_i"), activation);
                    plain.set(&format!("activation_{row}_i"), activation);
                }
            }
            let mut both = |name: &str, value: i64| {
                twin.set(name, value);
                plain.iter_mut().for_each(|plain| plain.set(name, value));
            };
            let loads = cycle < filled;
            both("swap_i", i64::from(loads || random.random_range(0..3) == 0));
            for step in 0..cell.weight_steps() {
                both(&format!("load_{step}_i"), i64::from(loads || random.random_range(0..3) == 0));
            }
            for block in 0..cell.weight_ports() {
                for column in 0..columns {
                    both(&format!("weight_{block}_{column}_i"), symmetric(&mut random, bits));
                }
            }
            for (pixel, plain) in plain.iter_mut().enumerate().filter(|_| cycle >= filled) {
                let found = twin.get_all(&format!("partial_sum_{pixel}"), columns as usize);
                assert_eq!(found, plain.get_all("partial_sum", columns as usize), "{cell} cycle {cycle} pixel {pixel}");
            }
            twin.step();
            plain.iter_mut().for_each(Bench::step);
        }
    }
}

#[test]
fn there_is_no_twin_array_of_int8() {
    let cell = Architecture::new(8, 8, Precision::Int8).unwrap();
    let error = twin_array(&cell).unwrap_err().to_string();
    assert!(error.starts_with("twin array of precision int8, expected int6"), "{error}");
}
