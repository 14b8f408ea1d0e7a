//! Virtual boards: simulated designs behind the links a real board has.

mod card;
mod control;
mod port;
mod rtl_stick;
mod trimmer;
mod virtual_stick;

pub use card::{SimulatedCell, SimulationOptions};
pub use rtl_stick::{FLASH_BYTES, FlashChip, FlashTimes, RtlStick, SimulatedLine, StickOptions};
pub use trimmer::SimulatedTrimmer;
pub use virtual_stick::{FastStick, FaultScript, FaultScriptError, StickModel, VirtualStick};
