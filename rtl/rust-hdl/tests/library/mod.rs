//! rust-hdl's widgets, each with its bench.

mod basic;
mod crossings;
mod fifos;
mod i2c_and_sdram;
mod memories;
mod one_clock;
mod spi;

use std::time::Duration;

use myelin_rust_hdl::{Bench, Word, bench};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::accum::Accum;
use rust_hdl_widgets::edge_ff::EdgeDFF;
use rust_hdl_widgets::fifo::fifo_logic::{FIFOReadLogic, FIFOWriteLogic};
use rust_hdl_widgets::i2c::i2c_controller::{I2CController, I2CControllerCmd};
use rust_hdl_widgets::i2c::i2c_driver::{I2CDriver, I2CDriverCmd};
use rust_hdl_widgets::prelude::*;
use rust_hdl_widgets::registered_edge_tristate::RegisteredEdgeTristate;
use rust_hdl_widgets::sdram::cmd::{SDRAMCommand, SDRAMCommandDecoder, SDRAMCommandEncoder};

use crate::common::{Compared, Failure, compare};
use one_clock::*;

/// Cycles of each of the three stimuli.
const CYCLES: usize = 1500;
const SEED: u64 = 0x5eed;

/// A comparison to be run.
pub type Run = Box<dyn Fn() -> Result<Compared, Failure>>;

fn run<B: Block + 'static>(make: fn() -> Bench<B>) -> Run {
    Box::new(move || compare(&make, SEED, CYCLES))
}

/// For blocks that take hundreds of cycles for one transfer.
fn long_run<B: Block + 'static>(make: fn() -> Bench<B>) -> Run {
    Box::new(move || compare(&make, SEED, 10 * CYCLES))
}

fn config() -> SPIConfig {
    SPIConfig { clock_speed: 48_000_000, cs_off: true, mosi_off: false, speed_hz: 1_000_000, cpha: true, cpol: false }
}

fn i2c() -> I2CConfig {
    I2CConfig { delay_time: Duration::from_nanos(400), clock_speed_hz: 10_000_000 }
}

fn timings() -> MemoryTimings {
    MemoryTimings::fast_boot_sim(50e6)
}

fn words<const N: usize>(seed: u64) -> impl Iterator<Item = Bits<N>> {
    (0..13u64).map(move |index| Bits::from_word(index.wrapping_mul(seed)))
}

/// Every widget, by its type.
pub fn widgets() -> Vec<(&'static str, Run)> {
    [
        basic::widgets(),
        memories::widgets(),
        fifos::widgets(),
        crossings::widgets(),
        spi::widgets(),
        i2c_and_sdram::widgets(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
