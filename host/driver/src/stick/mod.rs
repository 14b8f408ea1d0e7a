//! Sticks on a serial port.

mod channel;
mod discovery;
mod link;
mod maintenance;
mod serial;
mod wire;

pub use discovery::{FoundStick, KNOWN_BRIDGES, UsbId, UsbIdError, plugged_in};
pub use link::{StickError, StickLink, StickOptions};
pub use maintenance::Updated;
pub use serial::{BAUD, OpenError, Port, SerialWire, UDEV_HINT};
pub use wire::{Wire, WireError};
