//! The service alone, without the rest of the command line:
//! `cargo run --release -p myelin-infer --example serve -- 127.0.0.1:4321 ~/.cortex/storage`

use std::error::Error;

use myelin_infer::service::{LogFormat, LogLevel, ServiceConfig, serve_until_signal, start_logs};
use myelin_infer::{CpuEngine, GuardedEngine, Node, NodeConfig};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(listen), Some(storage), None) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err("usage: serve ADDRESS:PORT STORAGE".into());
    };
    start_logs(LogFormat::Text, LogLevel::Info);
    let engine = GuardedEngine::new(CpuEngine::default(), CpuEngine::portable());
    let mut config = ServiceConfig::new(listen.parse()?);
    config.faults = engine.faults();
    let node = Node::new(&NodeConfig::new(storage), engine);
    serve_until_signal(node, config, |address| eprintln!("listening on {address}"))?;
    Ok(())
}
