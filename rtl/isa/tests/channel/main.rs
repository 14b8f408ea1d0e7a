//! The channel between host and stick: all states of small sessions, every command's bytes, garbage.
#![allow(clippy::unwrap_used)]

mod commands;
mod explore;
mod stream;
mod world;
