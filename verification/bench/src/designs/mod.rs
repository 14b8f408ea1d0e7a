//! The designs that are measured.

pub mod cell;
pub mod irregular;
pub mod stimulus;
pub mod systolic;
pub mod tensor_array;
pub mod trimmer;
