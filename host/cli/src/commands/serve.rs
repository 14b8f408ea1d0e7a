//! `myelin serve`: a full node's inferences over HTTP.

use std::io::Write;
use std::net::SocketAddr;

use myelin_infer::service::{LogFormat, LogLevel, ServiceConfig, serve_until_signal, start_logs};
use myelin_infer::{Eviction, Node, NodeConfig};
use serde::Serialize;

use super::JSON_SCHEMA_VERSION;
use crate::arguments::{EvictionChoice, LogChoice, ServeArguments};
use crate::context::Context;
use crate::device::{names, node_engine};
use crate::failure::{Failure, Verdict};

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    listening: SocketAddr,
    storage: String,
    device: String,
    workers: usize,
    queue: usize,
}

/// Serves until it is told to end, or until its time is up.
pub fn run(arguments: &ServeArguments, context: &mut Context) -> Result<Verdict, Failure> {
    if !arguments.storage.is_dir() {
        return Err(Failure::NotAFolder { path: arguments.storage.clone() });
    }
    let format = match arguments.log {
        LogChoice::Text => LogFormat::Text,
        LogChoice::Json => LogFormat::Json,
    };
    start_logs(format, if arguments.verbose { LogLevel::Debug } else { LogLevel::Info });
    let engine = node_engine(&arguments.device, arguments.threads, arguments.check_every, context.progress())?;
    context.progress().clear();
    let mut service = ServiceConfig::new(arguments.listen);
    (service.faults, service.devices) = (engine.faults(), engine.devices().to_vec());
    service.queue = arguments.queue;
    if let Some(workers) = arguments.workers {
        service.workers = workers.get();
    }
    let mut config = NodeConfig::new(&arguments.storage);
    config.model_bytes = arguments.models_mib << 20;
    config.result_bytes = arguments.results_mib << 20;
    config.eviction = match arguments.eviction {
        EvictionChoice::Lru => Eviction::Lru,
        EvictionChoice::Fifo => Eviction::Fifo,
    };
    let (workers, queue) = (service.workers, service.queue);
    let mut told = Ok(());
    let ready = |listening| {
        let report = Report {
            schema_version: JSON_SCHEMA_VERSION,
            listening,
            storage: arguments.storage.display().to_string(),
            device: names(&arguments.device),
            workers,
            queue,
        };
        told = announce(&report, arguments.json, context);
    };
    serve_until_signal(Node::new(&config, engine), service, arguments.duration, ready)?;
    // A reader who has seen the address and gone does not end the service.
    match told {
        Err(failure) if !failure.is_closed_pipe() => Err(failure),
        _ => Ok(Verdict::Yes),
    }
}

/// Tells at once where it listens: whoever started it may be waiting for that.
fn announce(report: &Report, json: bool, context: &mut Context) -> Result<(), Failure> {
    if json {
        context.write_json(report)?;
    } else {
        let Report { listening, storage, device, workers, queue, .. } = report;
        writeln!(context, "listening  http://{listening}")?;
        writeln!(context, "storage    {storage}")?;
        writeln!(context, "device     {device}, {workers} at a time, {queue} waiting")?;
        writeln!(context, "node       cortex --infer.devicetype=remote://{listening}")?;
    }
    context.finish()
}
