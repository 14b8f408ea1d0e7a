//! Virtual boards: simulated designs behind the links a real board has.
