//! The stick's system: what the soft core sees, and the tops of boards.
//!
//! ```text
//!             +------+   +---------+   +-------+--> RAM
//!             | core |-->|         |   |       |--> device memory <--- tensor cell
//!             +------+   |         |   |       |--> tensor cell's registers, or MAC array
//!  serial <-> ring     ->| arbiter |-->| route |--> serial
//!             fetch    ->|         |   |       |--> flash
//!  flash  <-> stream   ->|         |   |       |--> system
//!                        +---------+   +-------+
//! ```

pub mod boards;
pub mod device_memory;
pub mod flash;
pub mod ft245;
pub mod mac_array;
pub mod serial;
pub mod stick;
pub mod system;
pub mod tensor_port;
pub mod uart;
