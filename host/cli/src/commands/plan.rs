//! `myelin plan`: what a design would do on a board.

use std::io::Write;

use myelin_isa::cuckoo::{Sip, Variant};
use myelin_plan::board::{BOARDS, Board, Lean, PUBLISHED, Plan, plan};
use serde::Serialize;

use super::JSON_SCHEMA_VERSION;
use crate::context::Context;
use crate::cuckoo_arguments::SipName;
use crate::failure::{Failure, Verdict};
use crate::plan_arguments::{BoardName, CoreVariantName, PlanCommand, PlanCuckooArguments};
use crate::terminal::{Align, Table, grouped};

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    board: BoardReport,
    variant: &'static str,
    sip: &'static str,
    edge_bits: u32,
    lean: Option<LeanReport>,
    mean: Option<MeanReport>,
    fastest: Option<&'static str>,
    published: Vec<PublishedReport>,
}

#[derive(Serialize)]
struct BoardReport {
    name: &'static str,
    description: &'static str,
    chip_bits: f64,
    memory_bytes_per_second: f64,
    memory_bytes: f64,
    assumed_clock_hz: f64,
}

#[derive(Serialize)]
struct LeanReport {
    lanes: u32,
    banks: u32,
    partitions: u32,
    list_entries: u32,
    chip_bits: f64,
    alive_bits_beside_chip: bool,
    cycles: f64,
    hash_cycles: f64,
    list_cycles: f64,
    clearing_cycles: f64,
    border_cycles: f64,
    memory_traffic_bytes: f64,
    graphs_per_second: f64,
    bound: &'static str,
}

#[derive(Serialize)]
struct MeanReport {
    memory_traffic_bytes: f64,
    graphs_per_second: f64,
    bound: &'static str,
}

#[derive(Serialize)]
struct PublishedReport {
    device: &'static str,
    graph: &'static str,
    graphs_per_second: f64,
}

/// Does what was asked.
pub fn run(command: &PlanCommand, context: &mut Context) -> Result<Verdict, Failure> {
    let PlanCommand::Cuckoo(arguments) = command;
    let planned = plan(board(arguments.board), variant(arguments.variant), sip(arguments.sip), arguments.edge_bits);
    if arguments.json {
        context.write_json(&report(arguments, &planned))?;
    } else {
        write(arguments, &planned, context)?;
    }
    let fits = planned.lean.is_some() || planned.mean.is_some();
    Ok(if fits { Verdict::Yes } else { Verdict::No })
}

fn board(name: BoardName) -> Board {
    let index = match name {
        BoardName::U50 => 0,
        BoardName::U55c => 1,
        BoardName::Vu9p => 2,
        BoardName::Ecp5 => 3,
        BoardName::Up5k => 4,
    };
    BOARDS[index]
}

fn variant(name: CoreVariantName) -> Variant {
    match name {
        CoreVariantName::Cuckoo => Variant::Cuckoo,
        CoreVariantName::Cuckatoo => Variant::Cuckatoo,
        CoreVariantName::Cuckaroo => Variant::Cuckaroo,
        CoreVariantName::Cuckarood => Variant::Cuckarood,
    }
}

fn sip(name: SipName) -> Sip {
    match name {
        SipName::TwoFour => Sip::TwoFour,
        SipName::FourEight => Sip::FourEight,
    }
}

fn report(arguments: &PlanCuckooArguments, planned: &Plan) -> Report {
    let Board { name, description, chip_bits, memory_bandwidth, memory_bytes, clock_hz, .. } = planned.board;
    let published = PUBLISHED.iter().filter(|published| published.edge_bits == arguments.edge_bits);
    Report {
        schema_version: JSON_SCHEMA_VERSION,
        board: BoardReport {
            name,
            description,
            chip_bits,
            memory_bytes_per_second: memory_bandwidth,
            memory_bytes,
            assumed_clock_hz: clock_hz,
        },
        variant: variant(arguments.variant).name(),
        sip: sip(arguments.sip).name(),
        edge_bits: arguments.edge_bits,
        lean: planned.lean.as_ref().map(lean_report),
        mean: planned.mean.map(|mean| MeanReport {
            memory_traffic_bytes: mean.memory_traffic_bytes,
            graphs_per_second: mean.graphs_per_second,
            bound: mean.bound.name(),
        }),
        fastest: fastest(planned),
        published: published
            .map(|published| PublishedReport {
                device: published.device,
                graph: published.graph,
                graphs_per_second: published.graphs_per_second,
            })
            .collect(),
    }
}

fn lean_report(lean: &Lean) -> LeanReport {
    LeanReport {
        lanes: lean.core.lanes(),
        banks: lean.core.banks(),
        partitions: lean.core.partitions(),
        list_entries: lean.core.list_entries(),
        chip_bits: lean.chip_bits,
        alive_bits_beside_chip: lean.alive_beside_chip,
        cycles: lean.estimate.cycles(),
        hash_cycles: lean.estimate.hash_cycles,
        list_cycles: lean.estimate.list_cycles,
        clearing_cycles: lean.estimate.walk_cycles,
        border_cycles: lean.estimate.border_cycles,
        memory_traffic_bytes: lean.memory_traffic_bytes,
        graphs_per_second: lean.graphs_per_second,
        bound: lean.bound.name(),
    }
}

/// Which design is the faster.
fn fastest(planned: &Plan) -> Option<&'static str> {
    match (&planned.lean, &planned.mean) {
        (None, None) => None,
        (Some(lean), Some(mean)) if lean.graphs_per_second < mean.graphs_per_second => Some("mean"),
        (Some(_), _) => Some("lean"),
        (None, Some(_)) => Some("mean"),
    }
}

fn write(arguments: &PlanCuckooArguments, planned: &Plan, context: &mut Context) -> Result<(), Failure> {
    let (name, hash) = (variant(arguments.variant).name(), sip(arguments.sip).name());
    let bits = arguments.edge_bits;
    let board = planned.board;
    writeln!(context, "{name}, {bits} edge bits, SipHash-{hash}, on {}", board.description)?;
    let (clock, memory) = (board.clock_hz / 1e6, board.chip_bits / 1e6);
    writeln!(context, "assumed clock {clock:.0} MHz, {memory:.1} Mbit of block memory\n")?;
    let mut table = Table::new(&[
        ("design", Align::Left),
        ("graphs/s", Align::Right),
        ("bound", Align::Left),
        ("memory traffic, MB/graph", Align::Right),
    ]);
    let mut row = |design: String, graphs: f64, bound: &str, traffic: Option<f64>| {
        let traffic = traffic.map_or(String::new(), |bytes| grouped((bytes / 1e6).round() as u64));
        table.row([design, rate(graphs), bound.to_owned(), traffic]);
    };
    if let Some(lean) = &planned.lean {
        row("lean".into(), lean.graphs_per_second, lean.bound.name(), Some(lean.memory_traffic_bytes));
    }
    if let Some(mean) = &planned.mean {
        row("mean".into(), mean.graphs_per_second, mean.bound.name(), Some(mean.memory_traffic_bytes));
    }
    for published in PUBLISHED.iter().filter(|published| published.edge_bits == bits) {
        let name = format!("{}, {} (published)", published.device, published.graph);
        row(name, published.graphs_per_second, "", None);
    }
    table.write(context)?;
    writeln!(context)?;
    match &planned.lean {
        Some(lean) => write_lean(lean, context)?,
        None => writeln!(context, "no lean design fits the board")?,
    }
    match &planned.mean {
        Some(_) => writeln!(context, "mean: edges of 8 bytes in buckets beside the chip; not in the RTL")?,
        None => writeln!(context, "no mean design fits the memory beside the chip")?,
    }
    Ok(())
}

fn write_lean(lean: &Lean, context: &mut Context) -> Result<(), Failure> {
    let (core, estimate) = (&lean.core, &lean.estimate);
    let (lanes, banks, partitions) = (core.lanes(), core.banks(), core.partitions());
    let (entries, memory) = (grouped(u64::from(core.list_entries())), lean.chip_bits / 1e6);
    writeln!(
        context,
        "lean: {lanes} lanes, {banks} banks, {partitions} partitions, lists of {entries} edges, {memory:.1} Mbit"
    )?;
    let share = |cycles: f64| 100.0 * cycles / estimate.cycles();
    writeln!(
        context,
        "lean: {} cycles a graph: {:.1} % hashes, {:.1} % lists, {:.1} % clearing, {:.1} % borders of passes",
        grouped(estimate.cycles().round() as u64),
        share(estimate.hash_cycles),
        share(estimate.list_cycles),
        share(estimate.walk_cycles),
        share(estimate.border_cycles)
    )?;
    if lean.alive_beside_chip {
        writeln!(context, "lean: alive bits stand beside the chip; not in the RTL")?;
    }
    Ok(())
}

/// Three digits that say something.
fn rate(graphs_per_second: f64) -> String {
    let decimals = (2 - graphs_per_second.log10().floor() as i32).clamp(0, 6) as usize;
    format!("{graphs_per_second:.decimals$}")
}
