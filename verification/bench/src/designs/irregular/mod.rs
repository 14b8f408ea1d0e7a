//! Logic without repetition to speak of: queues of many shapes, a switch with arbiters, and state
//! machines. Each design drives itself.

mod arbiter;
mod lru;
mod machines;
mod packet;
mod queues;
mod switch;
mod uart;

pub use machines::machines;
pub use queues::queues;
pub use switch::switch;

use crate::subject::Drive;

/// How all of them are driven: every register has a reset.
pub fn drive() -> Drive {
    Drive::Itself { reset_cycles: 8 }
}
