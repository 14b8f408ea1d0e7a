//! Links, devices and sessions: runs compiled models on hardware.

mod link;
mod selector;

pub use link::{Link, LinkError, LinkInfo};
pub use selector::{SELECTOR_FORMS, Selector, SelectorError, SelectorForm, parse_precision, parse_size};
