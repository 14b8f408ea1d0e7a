//! `myelin-synthesis`: counts what blocks take, and holds netlists against their source.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use myelin_synthesis::{
    Family, Promise, Resources, SynthesisError, Yosys, check_netlist, json, lanes, netlist_subjects, place,
    resource_subjects, resources, set_up, table,
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
    /// Install the pinned Yosys into `target/synthesis-venv` (needs Python and the network).
    Setup,
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
        /// Only these blocks: pe, array, twin_array, cell, post_lane, post_unit [default: all].
        #[arg(long, value_delimiter = ',')]
        block: Vec<String>,
        /// Where `resources.md` and `resources.json` go.
        #[arg(short, long, default_value = "target/synthesis")]
        output: PathBuf,
    },
    /// Place and route the hash lanes for ECP5 (pinned nextpnr) and print the clock each reaches.
    Lanes {
        /// MHz to ask for.
        #[arg(long, default_value_t = 140)]
        target: u32,
        /// Seed of the placer.
        #[arg(long, default_value_t = 1)]
        seed: u32,
        /// Only lanes with this in their description, as `plain`.
        #[arg(long, default_value = "")]
        only: String,
        /// Where `lanes.json` goes.
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
    if matches!(arguments.command, Action::Setup) {
        println!("{}", set_up()?.version);
        return Ok(true);
    }
    let yosys = if arguments.system { Yosys::system()? } else { Yosys::pinned()? };
    let families = if arguments.family.is_empty() { Family::ALL.to_vec() } else { arguments.family.clone() };
    let yosys = &yosys;
    match &arguments.command {
        Action::Setup => Ok(true),
        Action::Resources { side, cell_side, block, output } => {
            let of_families: Vec<Result<Vec<Resources>, _>> = std::thread::scope(|scope| {
                let count = |family| scope.spawn(move || count_family(yosys, family, (*side, *cell_side), block));
                let threads: Vec<_> = families.iter().map(|&family| count(family)).collect();
                threads.into_iter().map(|thread| thread.join().expect("invariant: counting does not panic")).collect()
            });
            let mut all = Vec::new();
            for counted in of_families {
                all.extend(counted?);
            }
            let text = format!("{}, synthesis only: nothing is placed or timed\n\n{}", yosys.version, table(&all));
            print!("{text}");
            std::fs::create_dir_all(output)?;
            std::fs::write(output.join("resources.md"), text)?;
            std::fs::write(output.join("resources.json"), json(&all))?;
            Ok(all.iter().all(|counted| counted.promise == Promise::Kept))
        }
        Action::Lanes { target, seed, only, output } => {
            let mut all = Vec::new();
            for subject in lanes()?.iter().filter(|subject| subject.describe().contains(only)) {
                let placed = place(yosys, subject, *target, *seed)?;
                println!("{}: {:.1} MHz ({:.0} s)", subject.describe(), placed.clock_mhz, placed.seconds);
                all.push(placed);
            }
            std::fs::create_dir_all(output)?;
            std::fs::write(output.join("lanes.json"), serde_json::to_string_pretty(&all)? + "\n")?;
            Ok(all.iter().all(|placed| placed.clock_mhz >= f64::from(*target)))
        }
        Action::Netlists { only, cycles, seed } => Ok(netlists(yosys, &families, only, *cycles, *seed)?),
    }
}

/// Counts the blocks (all unless some are named) of one family; sides of arrays and of cells.
fn count_family(
    yosys: &Yosys,
    family: Family,
    (side, cell_side): (u32, u32),
    blocks: &[String],
) -> Result<Vec<Resources>, Box<dyn std::error::Error + Send + Sync>> {
    let mut subjects = resource_subjects(family.styles(), side, cell_side)?;
    subjects.extend(lanes()?);
    let mut all = Vec::new();
    for subject in subjects.iter().filter(|subject| blocks.is_empty() || blocks.iter().any(|b| b == subject.block)) {
        let counted = resources(yosys, family, subject)?;
        eprintln!("{family}: {} ({:.1} s)", subject.describe(), counted.seconds);
        all.push(counted);
    }
    Ok(all)
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
