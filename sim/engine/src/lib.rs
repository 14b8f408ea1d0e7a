//! Compiles the IR to native code and simulates it cycle by cycle.
