//! Graph to tiles, static memory plan, program and packed weights.

pub mod emulate;
