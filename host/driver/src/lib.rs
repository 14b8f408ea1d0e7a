//! Links, devices and sessions: runs compiled models on hardware.

mod link;

pub use link::{Link, LinkError, LinkInfo};
