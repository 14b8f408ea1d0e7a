//! The hardware blocks: primitives, the tensor core and the tops.
