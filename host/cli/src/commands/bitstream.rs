//! `myelin bitstream` and `myelin flash`: images of boards made, checked, and written.

use std::io::Write;
use std::path::Path;

use myelin_bitstream::{BitstreamError, Board, Loader, Manifest, Project, Step, Tools, set_up};
use serde::Serialize;

use super::JSON_SCHEMA_VERSION;
use crate::arguments::{BitstreamCommand, BitstreamVerifyArguments, BuildArguments, FlashArguments, SetupArguments};
use crate::context::Context;
use crate::failure::{Failure, Verdict};
use crate::files;
use crate::terminal::{Align, Progress, Table, grouped};

/// Most bytes of firmware.
const FIRMWARE_BYTES_MAX: u64 = 1 << 20;

/// Does what is asked of bitstreams.
pub fn run(command: &BitstreamCommand, context: &mut Context) -> Result<Verdict, Failure> {
    match command {
        BitstreamCommand::Setup(arguments) => run_setup(arguments, context),
        BitstreamCommand::Build(arguments) => run_build(arguments, context),
        BitstreamCommand::Verify(arguments) => run_verify(arguments, context),
    }
}

#[derive(Serialize)]
struct SetupReport {
    schema_version: u32,
    tools: myelin_bitstream::ToolVersions,
}

fn run_setup(arguments: &SetupArguments, context: &mut Context) -> Result<Verdict, Failure> {
    context.progress().step("install Yosys and nextpnr");
    set_up()?;
    let tools = Tools::versions();
    if arguments.json {
        context.write_json(&SetupReport { schema_version: JSON_SCHEMA_VERSION, tools })?;
    } else {
        writeln!(context, "yosys {}", tools.yosys)?;
        writeln!(context, "nextpnr-ecp5 {}", tools.nextpnr_ecp5)?;
        writeln!(context, "nextpnr-ice40 {}", tools.nextpnr_ice40)?;
    }
    Ok(Verdict::Yes)
}

#[derive(Serialize)]
struct PlanReport {
    schema_version: u32,
    board: &'static str,
    part: &'static str,
    parameters: String,
    clock_mhz: f64,
    source_revision: String,
    modules: usize,
    firmware_bytes: usize,
    steps: Vec<String>,
}

#[derive(Serialize)]
struct BuildReport {
    schema_version: u32,
    manifest: Manifest,
}

fn run_build(arguments: &BuildArguments, context: &mut Context) -> Result<Verdict, Failure> {
    let board = Board::from(arguments.board);
    let project = board.project(firmware(board, arguments.firmware.as_deref())?);
    if arguments.plan {
        return plan(&project, arguments.json, context);
    }
    let tools = Tools::find()?;
    let folder = arguments.output.join(format!("{}.work", project.board));
    let built = project.build(&tools, &folder, &mut |step| tell(step, &project, context.progress()))?;
    let image = arguments.output.join(&built.manifest.image);
    files::write(&image, &built.image)?;
    files::write(&image.with_extension("json"), built.manifest.to_json().as_bytes())?;
    context.progress().clear();
    if arguments.json {
        context.write_json(&BuildReport { schema_version: JSON_SCHEMA_VERSION, manifest: built.manifest })?;
    } else {
        print(&built.manifest, context)?;
    }
    Ok(Verdict::Yes)
}

fn plan(project: &Project, json: bool, context: &mut Context) -> Result<Verdict, Failure> {
    let report = PlanReport {
        schema_version: JSON_SCHEMA_VERSION,
        board: project.board,
        part: project.part,
        parameters: project.parameters.clone(),
        clock_mhz: project.clock_mhz,
        source_revision: project.revision(),
        modules: project.sources.len(),
        firmware_bytes: project.firmware.len(),
        steps: vec![
            format!("yosys: {} -top {}", project.synthesis, project.top),
            format!("nextpnr-{}: {} --seed {}", project.family, project.place.join(" "), project.seed),
            "pack".to_owned(),
        ],
    };
    if json {
        context.write_json(&report)?;
        return Ok(Verdict::Yes);
    }
    writeln!(context, "{:<10} {}, {}", "board", report.board, report.part)?;
    writeln!(context, "{:<10} {}", "cell", report.parameters)?;
    writeln!(context, "{:<10} {} MHz", "clock", report.clock_mhz)?;
    writeln!(context, "{:<10} {} modules, {} bytes of firmware", "sources", report.modules, report.firmware_bytes)?;
    writeln!(context, "{:<10} {}", "revision", report.source_revision)?;
    for step in report.steps {
        writeln!(context, "{:<10} {step}", "")?;
    }
    Ok(Verdict::Yes)
}

fn print(manifest: &Manifest, context: &mut Context) -> Result<(), Failure> {
    writeln!(context, "{:<10} {}, {}", "board", manifest.board, manifest.part)?;
    writeln!(context, "{:<10} {}", "cell", manifest.parameters)?;
    let (clock, reached, slack) = (manifest.clock_mhz, manifest.reached_mhz, manifest.worst_slack_ns);
    writeln!(context, "{:<10} {clock} MHz, {reached} MHz reached, worst slack {slack} ns", "clock")?;
    writeln!(context, "{:<10} {}, {} bytes", "image", manifest.image, grouped(manifest.image_bytes))?;
    writeln!(context, "{:<10} {}", "SHA-256", manifest.image_sha256)?;
    let columns = [("resource", Align::Left), ("used", Align::Right), ("of", Align::Right)];
    let mut table = Table::new(&columns);
    for resource in &manifest.resources {
        table.row([resource.name.clone(), grouped(resource.used), grouped(resource.available)]);
    }
    table.write(context)?;
    Ok(())
}

#[derive(Serialize)]
struct VerifyReport {
    schema_version: u32,
    board: String,
    /// Whether the image is the manifest's.
    image: bool,
    /// Whether the sources are those it was built from.
    sources: bool,
    /// Whether a new build gives the same bytes; nothing if it was not built.
    rebuilt: Option<bool>,
}

fn run_verify(arguments: &BitstreamVerifyArguments, context: &mut Context) -> Result<Verdict, Failure> {
    let manifest = Manifest::read(&arguments.manifest)?;
    let project = project_of(&manifest, arguments.firmware.as_deref())?;
    let image = match manifest.read_image(&arguments.manifest) {
        Ok(image) => Some(image),
        Err(BitstreamError::Mismatch { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let sources = project.revision() == manifest.source_revision;
    let rebuilt = if arguments.quick {
        None
    } else {
        let folder = arguments.manifest.with_extension("work");
        let built = project.build(&Tools::find()?, &folder, &mut |step| tell(step, &project, context.progress()))?;
        Some(image.as_ref() == Some(&built.image) && built.manifest == manifest)
    };
    context.progress().clear();
    let report = VerifyReport {
        schema_version: JSON_SCHEMA_VERSION,
        board: manifest.board.clone(),
        image: image.is_some(),
        sources,
        rebuilt,
    };
    let is_true = report.image && report.sources && rebuilt != Some(false);
    if arguments.json {
        context.write_json(&report)?;
    } else {
        let word = |is: bool| if is { "as the manifest says" } else { "DIFFERENT" };
        writeln!(context, "{:<10} {}", "image", word(report.image))?;
        writeln!(context, "{:<10} {}", "sources", word(sources))?;
        match rebuilt {
            Some(same) => {
                writeln!(context, "{:<10} {}", "new build", if same { "the same bytes" } else { "DIFFERENT" })?
            }
            None => writeln!(context, "{:<10} not made (--quick)", "new build")?,
        }
    }
    Ok(if is_true { Verdict::Yes } else { Verdict::No })
}

#[derive(Serialize)]
struct FlashReport {
    schema_version: u32,
    board: String,
    written: bool,
    bytes: u64,
    jtag_id: Option<u32>,
}

/// Writes an image to a board, if everything fits.
pub fn run_flash(arguments: &FlashArguments, context: &mut Context) -> Result<Verdict, Failure> {
    let manifest = Manifest::read(&arguments.manifest)?;
    let project = project_of(&manifest, arguments.firmware.as_deref())?;
    manifest.check_board(&project)?;
    let image = manifest.read_image(&arguments.manifest)?;
    let (written, bytes, jtag_id) = if arguments.check {
        (false, image.len() as u64, None)
    } else {
        context.progress().step(&format!("write {} to {}", manifest.image, project.loader_board));
        let done = Loader::find()?.write(&project, &arguments.manifest, arguments.volatile)?;
        (true, done.bytes, done.jtag_id)
    };
    context.progress().clear();
    if arguments.json {
        let report =
            FlashReport { schema_version: JSON_SCHEMA_VERSION, board: manifest.board, written, bytes, jtag_id };
        context.write_json(&report)?;
    } else {
        let verb = if written { "written and verified" } else { "fits; not written (--check)" };
        writeln!(context, "{} for {}, {} bytes: {verb}", manifest.image, manifest.part, grouped(bytes))?;
    }
    Ok(Verdict::Yes)
}

/// The project that a manifest names.
fn project_of(manifest: &Manifest, given: Option<&Path>) -> Result<Project, Failure> {
    let board = Board::ALL.into_iter().find(|board| board.name() == manifest.board);
    let board = board.ok_or_else(|| BitstreamError::Mismatch {
        subject: "the board",
        found: manifest.board.clone(),
        expected: Board::ALL.map(Board::name).join(" or "),
    })?;
    Ok(board.project(firmware(board, given)?))
}

fn firmware(board: Board, given: Option<&Path>) -> Result<Vec<u8>, Failure> {
    match given {
        Some(file) => files::read(file, FIRMWARE_BYTES_MAX),
        None => Ok(board.firmware()),
    }
}

fn tell(step: Step, project: &Project, progress: &mut Progress) {
    let text = match step {
        Step::Synthesise => "synthesise",
        Step::Place => "place and route",
        Step::Pack => "pack",
    };
    progress.step(&format!("{text} {}", project.board));
}
