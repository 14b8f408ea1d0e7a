//! The word-level hardware IR, the builder in which hardware is written, and the Verilog emitter.
