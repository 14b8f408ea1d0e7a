//! `myelin mine`: proofs of work for a pool or a node.

use std::io::Write;
use std::net::SocketAddr;

use myelin_board::{SimulatedTrimmer, SimulationOptions};
use myelin_cuckoo::Solver;
use myelin_driver::TrimmerSelector;
use myelin_infer::service::{LogFormat, LogLevel, start_logs};
use myelin_isa::cuckoo as isa;
use myelin_pow::{Chain, CpuSolver, Device, GraphSolver, Miner, Report, Rules, SolveError, TrimmerSolver};
use serde::Serialize;

use super::JSON_SCHEMA_VERSION;
use crate::arguments::LogChoice;
use crate::context::Context;
use crate::failure::{Failure, Verdict};
use crate::mine_arguments::MineArguments;
use crate::terminal::{Align, Table, grouped};

/// The first line, if status is served.
#[derive(Serialize)]
struct Listening {
    schema_version: u32,
    listening: SocketAddr,
}

/// Mines until it is told to end, or until its time or number of shares has come.
pub fn run(arguments: &MineArguments, context: &mut Context) -> Result<Verdict, Failure> {
    let format = match arguments.log {
        LogChoice::Text => LogFormat::Text,
        LogChoice::Json => LogFormat::Json,
    };
    start_logs(format, if arguments.verbose { LogLevel::Info } else { LogLevel::Warn });
    let rules = arguments.rules()?;
    let devices = devices(arguments, rules)?;
    let miner = Miner::start(arguments.config(rules), devices)?;
    let mut printer = Printer { context, json: arguments.json, is_open: true };
    if let Some(address) = miner.address() {
        printer.listening(address)?;
    }
    miner.wait(arguments.until(), arguments.report, |report| printer.report(report))?;
    printer.report(&miner.stop())?;
    Ok(Verdict::Yes)
}

/// The devices asked for. They are opened when there is work; what is certain to fail then is said now.
fn devices(arguments: &MineArguments, rules: Rules) -> Result<Vec<Device>, Failure> {
    let (parameters, options) = (rules.parameters(), arguments.cpu.options());
    let device = |selector: &TrimmerSelector| match core(*selector, rules)? {
        None => {
            Solver::plan(&parameters, &options)?;
            let open = move || Ok(Box::new(CpuSolver::new(parameters, &options)?) as Box<dyn GraphSolver>);
            Ok(Device::new("cpu", open))
        }
        Some(core) => {
            let device = selector.to_string();
            let open = move || {
                let failed = |error| SolveError::Device { device: device.clone(), source: Box::new(error) };
                let link = SimulatedTrimmer::new(core, SimulationOptions::default()).map_err(failed)?;
                Ok(Box::new(TrimmerSolver::new(link, core, parameters)?) as Box<dyn GraphSolver>)
            };
            Ok(Device::new(selector.to_string(), open))
        }
    };
    arguments.device.iter().map(device).collect()
}

/// The core for the chain's graphs; `None` for the processor.
fn core(selector: TrimmerSelector, rules: Rules) -> Result<Option<isa::Core>, Failure> {
    let other = |reason| Failure::OtherGraph { selector: selector.to_string(), reason };
    let (variant, sip) = match rules.chain() {
        Chain::Cortex => (isa::Variant::Cuckaroo, isa::Sip::FourEight),
        Chain::Grin => (isa::Variant::Cuckatoo, isa::Sip::TwoFour),
    };
    let Some(core) = selector.core(variant, sip) else { return Ok(None) };
    let core = core.map_err(|error| other(error.to_string()))?;
    if core.edge_bits() != rules.edge_bits() {
        return Err(other(format!(
            "its graphs have {} edge bits, this chain's {}",
            core.edge_bits(),
            rules.edge_bits()
        )));
    }
    Ok(Some(core))
}

/// Writes reports, until nobody reads them any more: that ends no miner.
struct Printer<'a> {
    context: &'a mut Context,
    json: bool,
    is_open: bool,
}

impl Printer<'_> {
    fn listening(&mut self, listening: SocketAddr) -> Result<(), Failure> {
        self.write(|context, json| match json {
            true => write_line(context, &Listening { schema_version: JSON_SCHEMA_VERSION, listening }),
            false => Ok(writeln!(context, "status  http://{listening}/")?),
        })
    }

    fn report(&mut self, report: &Report) -> Result<(), Failure> {
        self.write(|context, json| if json { write_line(context, report) } else { write_table(context, report) })
    }

    fn write(&mut self, write: impl FnOnce(&mut Context, bool) -> Result<(), Failure>) -> Result<(), Failure> {
        if !self.is_open {
            return Ok(());
        }
        match write(self.context, self.json).and_then(|()| self.context.finish()) {
            Err(failure) if failure.is_closed_pipe() => {
                self.is_open = false;
                Ok(())
            }
            done => done,
        }
    }
}

fn write_line(context: &mut Context, value: &impl Serialize) -> Result<(), Failure> {
    let line = serde_json::to_string(value).map_err(std::io::Error::from)?;
    Ok(writeln!(context, "{line}")?)
}

fn write_table(context: &mut Context, report: &Report) -> Result<(), Failure> {
    let mut table = Table::new(&[
        ("device", Align::Left),
        ("graphs", Align::Right),
        ("graphs/s", Align::Right),
        ("cycles", Align::Right),
        ("accepted", Align::Right),
        ("stale", Align::Right),
        ("rejected", Align::Right),
        ("unanswered", Align::Right),
        ("faults", Align::Right),
    ]);
    for device in &report.devices {
        let counts = [device.cycles, device.accepted, device.stale, device.rejected, device.unanswered];
        let faults = device.invalid + device.failures;
        let numbers = counts.into_iter().chain([faults]).map(grouped);
        let speed = format!("{:.3}", device.recent_graphs_per_second);
        table.row([device.device.clone(), grouped(device.graphs), speed].into_iter().chain(numbers));
    }
    let pool = report.connected.as_deref().unwrap_or("no pool");
    let height =
        report.job.as_ref().and_then(|job| job.height).map_or(String::new(), |height| format!(", block {height}"));
    writeln!(context, "{:.0} s, {pool}{height}", report.seconds)?;
    Ok(table.write(context)?)
}
