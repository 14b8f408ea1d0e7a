//! Links, devices and sessions: runs compiled models on hardware.
//!
//! A [`Link`] reaches a device; a [`Session`] owns a link, loads a compiled program through it and
//! runs inputs; a [`ModelSession`] runs models whose other part is the processor's; a [`CpuDevice`] does without; a [`Device`] is whatever runs a model, hardware or not;
//! a [`Selector`] names one. A [`TrimmerSession`]
//! trims graphs on an edge-trimming core, which a [`TrimmerSelector`] names.
//! This crate knows nothing of simulation: a simulated board is one more link handed to it.

mod cpu;
mod device;
mod error;
mod inference;
mod link;
mod model;
mod selector;
mod session;
mod stick;
mod trimmer;
mod trimmer_selector;

pub use cpu::CpuDevice;
pub use device::Device;
pub use error::{DriverError, TrapCause};
pub use inference::{Counters, CycleReport, DeviceShape, Inference, LayerReport, Output, utilisation};
pub use link::{FailedCheck, Link, LinkError, LinkInfo, MemoryAfter};
pub use model::{ModelSession, PreparedModel};
pub use selector::{SELECTOR_FORMS, Selector, SelectorError, SelectorForm, parse_precision, parse_size};
pub use session::{Deadlines, Session};
pub use stick::{
    BAUD, FoundStick, KNOWN_BRIDGES, OpenError, Port, SerialWire, StickError, StickLink, StickOptions, UDEV_HINT,
    Updated, UsbId, UsbIdError, Wire, WireError, plugged_in,
};
pub use trimmer::{TrimCounters, Trimmed, TrimmerSession};
pub use trimmer_selector::{TRIMMER_SELECTOR_FORMS, TrimmerSelector, TrimmerSelectorError};
