//! Bitstreams of the boards that open tools can build: made, described, checked and written to boards.
//!
//! A [`Project`] is everything that goes in: Verilog, pins, firmware, and what the tools are told. [`Tools`] are pinned,
//! so that the same project gives the same bytes. [`Project::build`] gives a [`Built`]: the image and a [`Manifest`] that says
//! what it was made of and what came out. An image goes to a board only with a manifest that fits both.

mod boards;
mod build;
mod error;
mod flash;
mod manifest;
mod project;
mod tools;

pub use boards::Board;
pub use build::{Built, Step};
pub use error::BitstreamError;
pub use flash::{Loader, Programmed};
pub use manifest::{MANIFEST_VERSION, Manifest, Resource, ToolVersions};
pub use project::{Family, Project, Source};
pub use tools::{Tools, set_up};
