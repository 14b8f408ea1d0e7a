//! The committed images on an instruction-set simulator with models of the stick's peripherals.
#![allow(clippy::unwrap_used)]

mod board;
#[path = "../common/mod.rs"]
mod common;
mod images;
