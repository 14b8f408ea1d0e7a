//! The integer graph and the import of the chain's model format.
