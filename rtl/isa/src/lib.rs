//! Instruction encodings and the register map: the only place a bit position or address is stated.
