//! The rows of the table, each with what it measures and what is wanted.

pub mod array;
pub mod build;
pub mod cell;
pub mod contest;
pub mod growth;
pub mod irregular;
pub mod trace;
pub mod trimmer;
