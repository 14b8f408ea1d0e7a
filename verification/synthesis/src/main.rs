//! `myelin-synthesis`: counts what blocks take, and holds netlists against their source.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::{Parser, Subcommand};
use myelin_synthesis::{
    Family, Promise, Resources, Subject, SynthesisError, Yosys, check_netlist, from_json, json, lanes, merged,
    netlist_subjects, place, placed_table, resource_subjects, resources, table,
};

/// Synthesises the blocks with Yosys for five families.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Action,
    /// Use the system's Yosys instead of the pinned one.
    #[arg(long, global = true)]
    system: bool,
    /// Only these families: xcup, xc7, ecp5, ice40, cyclonev [default: all].
    #[arg(long, global = true, value_delimiter = ',')]
    family: Vec<Family>,
}

#[derive(Subcommand)]
enum Action {
    /// Count multipliers, look-up tables, flip-flops and memories of PE, array, cell and drain.
    ///
    /// The table goes to standard output, table and JSON to files in the folder.
    Resources {
        /// Rows and columns of arrays and drains.
        #[arg(long, default_value_t = 8)]
        side: u32,
        /// Rows and columns of cells.
        #[arg(long, default_value_t = 4)]
        cell_side: u32,
        /// Only these blocks: pe, array, twin_array, cell, post_lane, post_unit, sip_pipeline, plain_lane, chained_lane [default: all].
        #[arg(long, value_delimiter = ',')]
        block: Vec<String>,
        /// Count these blocks anew; those of the report in the folder that are not asked for again stay in it.
        #[arg(long)]
        update: bool,
        /// How many at a time.
        #[arg(long, default_value_t = 2)]
        jobs: usize,
        /// Where `resources.md` and `resources.json` go.
        #[arg(short, long, default_value = "target/synthesis")]
        output: PathBuf,
    },
    /// Place and route the hash lanes for ECP5 (pinned nextpnr) and print the clock each reaches.
    Lanes {
        /// MHz to ask for.
        #[arg(long, default_value_t = 140)]
        target: u32,
        /// Seeds of the placer, one run for each.
        #[arg(long, default_value = "1", value_delimiter = ',')]
        seed: Vec<u32>,
        /// Only lanes with this in their description, as `plain`.
        #[arg(long, default_value = "")]
        only: String,
        /// Keep the runs of the report in the folder that are not made again.
        #[arg(long)]
        update: bool,
        /// Where `lanes.md` and `lanes.json` go.
        #[arg(short, long, default_value = "target/synthesis")]
        output: PathBuf,
    },
    /// Simulate the netlist of each PE and of small arrays beside their source (needs Icarus).
    Netlists {
        /// Only subjects with this in their description, as `pe of` or `mac16`.
        #[arg(long, default_value = "")]
        only: String,
        /// Cycles of stimulus for each.
        #[arg(long, default_value_t = 2000)]
        cycles: u32,
        /// Seed of the stimulus.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
}

/// The counts of a report, in its folder.
const JSON: &str = "resources.json";
/// The clocks of a report.
const LANES: &str = "lanes.json";

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error}");
            let mut source = std::error::Error::source(&*error);
            while let Some(cause) = source {
                eprintln!("  because: {cause}");
                source = cause.source();
            }
            ExitCode::from(3)
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool, Box<dyn std::error::Error + Send + Sync>> {
    let yosys = if arguments.system { Yosys::system()? } else { Yosys::pinned()? };
    let families = if arguments.family.is_empty() { Family::ALL.to_vec() } else { arguments.family.clone() };
    let yosys = &yosys;
    match &arguments.command {
        Action::Resources { side, cell_side, block, update, jobs, output } => {
            let earlier = if *update { from_json(&std::fs::read_to_string(output.join(JSON))?)? } else { Vec::new() };
            let (mut subjects, mut places) = (Vec::new(), Vec::new());
            for &family in &Family::ALL {
                for subject in resource_subjects(family.styles(), *side, *cell_side)?.into_iter().chain(lanes()?) {
                    let wanted = families.contains(&family)
                        && (block.is_empty() || block.iter().any(|block| block == subject.block));
                    let before = earlier.iter().find(|counted| counted.is_of(yosys, family, &subject));
                    match (wanted, before) {
                        (true, _) => {
                            places.push(None);
                            subjects.push((family, subject));
                        }
                        (false, Some(counted)) => places.push(Some(counted.clone())),
                        (false, None) => {}
                    }
                }
            }
            let mut counted = count(yosys, &subjects, *jobs).into_iter();
            // What could not be synthesised has no row, and the exit code says so.
            let mut complete = true;
            let mut all: Vec<Resources> = Vec::new();
            for place in places {
                match place.map_or_else(|| counted.next().transpose(), |known| Ok(Some(known))) {
                    Ok(known) => all.extend(known),
                    Err(error) => {
                        eprintln!("error: {error}");
                        complete = false;
                    }
                }
            }
            let text = format!("{}, synthesis only: nothing is placed or timed\n\n{}", yosys.version, table(&all));
            print!("{text}");
            std::fs::create_dir_all(output)?;
            std::fs::write(output.join("resources.md"), text)?;
            std::fs::write(output.join(JSON), json(&all))?;
            Ok(complete && all.iter().all(|counted| counted.promise == Promise::Kept))
        }
        Action::Lanes { target, seed, only, update, output } => {
            let mut placed = Vec::new();
            for subject in lanes()?.iter().filter(|subject| subject.describe().contains(only)) {
                for run in place(yosys, subject, *target, seed)? {
                    println!("{}, seed {}: {:.1} MHz", subject.describe(), run.seed, run.clock_mhz);
                    run.slowest.iter().for_each(|[from, to]| println!("  slowest: from {from} to {to}"));
                    placed.push(run);
                }
            }
            let good = placed.iter().all(|run| run.clock_mhz >= f64::from(*target));
            let file = output.join(LANES);
            let earlier = if *update && file.exists() { std::fs::read_to_string(&file)? } else { "[]".to_owned() };
            let all = merged(serde_json::from_str(&earlier)?, placed);
            std::fs::create_dir_all(output)?;
            std::fs::write(output.join("lanes.md"), placed_table(&all))?;
            std::fs::write(file, serde_json::to_string_pretty(&all)? + "\n")?;
            Ok(good)
        }
        Action::Netlists { only, cycles, seed } => Ok(netlists(yosys, &families, only, *cycles, *seed)?),
    }
}

/// Counts the blocks, `jobs` at a time, in their order.
fn count(yosys: &Yosys, subjects: &[(Family, Subject)], jobs: usize) -> Vec<Result<Resources, SynthesisError>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut counted = Vec::new();
        while let Some((index, (family, subject))) = take(&next, subjects) {
            let found = resources(yosys, *family, subject);
            eprintln!("{family}: {}", subject.describe());
            counted.push((index, found));
        }
        counted
    };
    let mut all: Vec<(usize, Result<Resources, SynthesisError>)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, Vec<_>>| thread.join();
        threads.into_iter().flat_map(|thread| join(thread).expect("invariant: counting does not panic")).collect()
    });
    all.sort_by_key(|&(index, _)| index);
    all.into_iter().map(|(_, found)| found).collect()
}

/// The next of the subjects, with its index.
fn take<'a, T>(next: &AtomicUsize, subjects: &'a [T]) -> Option<(usize, &'a T)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    Some((index, subjects.get(index)?))
}

fn netlists(yosys: &Yosys, families: &[Family], only: &str, cycles: u32, seed: u64) -> Result<bool, SynthesisError> {
    let mut good = true;
    for &family in families {
        for subject in netlist_subjects(family.styles()).iter().filter(|subject| subject.describe().contains(only)) {
            let found = check_netlist(yosys, family, subject, cycles, seed)?;
            let equal = found.different == 0 && found.compared > 0;
            good &= equal;
            let verdict = if equal { "equal" } else { "DIFFERENT" };
            println!("{family}: {}: {verdict}, {} outputs compared", subject.describe(), found.compared);
            found.first.iter().for_each(|first| println!("  first: {first} ({} in all)", found.different));
            found.kept.iter().for_each(|kept| println!("  kept: {}", kept.display()));
        }
    }
    Ok(good)
}
