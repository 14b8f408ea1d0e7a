//! The tensor core: a weight-stationary cell and the units that feed and drain it.
//!
//! ```text
//!            host port                      memory port
//!                |                            |     ^
//!   +------------v-----------+            +---v--+  |
//!   | sequencer, 4 queues,   |            | load |  |
//!   | tokens, counters       |            +-+--+-+  |
//!   +--+--------+--------+---+      weights |  |    |
//!      |        |        |                  |  |    |
//!  +---v---+    |        |    +-------------v+ |    |
//!  | array |----|--------|--->| weight store | |    |
//!  | unit  |    |        |    +------+-------+ |    |
//!  +---+---+    |        |           v         |    |
//!      |  +-----v-----+  |    +------+-------+ |    |
//!      +->|activation |------>| array of PEs | |    |
//!         |scratchpad |<---+  +------+-------+ |    |
//!         +-+---^-----+    |         v         |    |
//!           |   |          |  +------+-------+ |    |
//!           |   +----------|--| accumulators | |    |
//!           |   +----------+  +------+-------+ |    |
//!           |   | post unit, lanes <-+         |    |
//!           |   +------------------------------+    |
//!           +--> store -------------------------> --+
//! ```

pub mod accumulator;
pub mod array;
pub mod array_unit;
pub mod barrier;
pub mod bias_store;
pub mod card;
pub mod cell;
pub mod checks;
pub mod descriptor;
pub mod host_port;
pub mod instruction_queue;
pub mod load_unit;
pub mod look_up_table;
pub mod packed_array;
pub mod packed_pe;
pub mod packing;
pub mod pe;
pub mod post_lane;
pub mod post_unit;
pub mod rows;
pub mod scratchpad;
pub mod sequencer;
pub mod store_unit;
pub mod tokens;
pub mod walk;
pub mod weight_store;
