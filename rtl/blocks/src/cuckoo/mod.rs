//! The edge-trimming core. Start reading at [`core`].

pub mod bank;
pub mod chained_lane;
pub mod core;
pub mod counter_store;
pub mod edge_scan;
pub mod edge_store;
pub mod host_port;
pub mod list;
pub mod network;
pub mod plain_lane;
pub mod sequencer;
pub mod sip_pipeline;
