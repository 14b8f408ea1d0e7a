//! `myelin firmware`: what a stick is and has been through, and new firmware for it over the line.

use std::io::Write;

use myelin_bitstream::Board;
use myelin_driver::{Selector, StickLink, Updated};
use myelin_isa::framing::{BoardInfo, Checksum, CoreKind, FaultEntry, SoftwareChecksum, fault};
use myelin_isa::stick::{board, flash_layout, image_header};
use serde::Serialize;

use super::JSON_SCHEMA_VERSION;
use crate::arguments::FirmwareArguments;
use crate::context::Context;
use crate::device::stick;
use crate::failure::{Failure, Verdict};
use crate::files;
use crate::terminal::{Align, Table, grouped};

/// Most bytes of an image: what a slot takes.
const IMAGE_BYTES_MAX: u64 = (flash_layout::SLOT_BYTES - image_header::BYTES) as u64;
/// Slot of firmware that came with the bitstream.
const NO_SLOT: u8 = 255;

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    device: String,
    board: &'static str,
    cell: String,
    core: &'static str,
    /// Absent where there is no hardware.
    clock_hz: Option<u32>,
    memory_bytes: u32,
    flash_bytes: u32,
    boots: u32,
    /// The slot of the flash that the firmware came from.
    slot: Option<u8>,
    /// How often firmware was written before it, and once more.
    counter: u32,
    /// CRC32C of the firmware; 0 if it came with the bitstream.
    checksum: u32,
    /// Whether that is the firmware that this program has for the board; absent where it has none.
    current: Option<bool>,
    /// Bytes of what the stick keeps in its flash, by SHA-256.
    kept: Vec<Kept>,
    kept_bytes_free: u32,
    faults: Vec<Fault>,
    /// Whether a new image came up; absent without one.
    updated: Option<bool>,
}

#[derive(Serialize)]
struct Kept {
    sha256: String,
    bytes: u32,
}

#[derive(Serialize)]
struct Fault {
    boot: u32,
    uptime_ms: u32,
    kind: &'static str,
    code: u16,
    detail: u32,
}

/// Prints what a stick says of itself, after giving it new firmware if that is asked for; the answer is no if that did not come up.
pub fn run(arguments: &FirmwareArguments, context: &mut Context) -> Result<Verdict, Failure> {
    let Selector::Stick(port) = &arguments.device else {
        return Err(Failure::NotAStick { selector: arguments.device.to_string() });
    };
    let mut link = stick(port, context.progress())?;
    let updated = match &arguments.update {
        false => None,
        true => Some(update(arguments, &mut link, context)?),
    };
    context.progress().step("ask the stick");
    let report = report(arguments, &mut link, updated)?;
    context.progress().clear();
    if arguments.json {
        context.write_json(&report)?;
    } else {
        write(&report, context)?;
    }
    Ok(if report.updated == Some(false) { Verdict::No } else { Verdict::Yes })
}

fn update(arguments: &FirmwareArguments, link: &mut StickLink, context: &mut Context) -> Result<bool, Failure> {
    let image = match (&arguments.image, built_in(link.board())) {
        (Some(file), _) => files::read(file, IMAGE_BYTES_MAX)?,
        (None, Some(image)) => image.to_vec(),
        (None, None) => return Err(Failure::NoFirmware { board: board_name(link.board()) }),
    };
    // An image says nothing of the board that it is for; of those that are known one can tell.
    let other = Board::ALL.into_iter().find(|board| board.stick_image() == image);
    if let Some(other) = other
        && built_in(link.board()).is_some_and(|own| own != image)
    {
        return Err(Failure::OtherFirmware { board: board_name(link.board()), found: other.name() });
    }
    context.progress().count("bytes", image.len() as u64);
    let updated = link.update_firmware(&image, &mut |written| context.progress().advance_to(written as u64));
    context.progress().clear();
    Ok(updated.map_err(Failure::Link)? == Updated::Runs)
}

fn report(arguments: &FirmwareArguments, link: &mut StickLink, updated: Option<bool>) -> Result<Report, Failure> {
    let kept = link.objects().map_err(Failure::Link)?.into_iter();
    let faults = link.faults().map_err(Failure::Link)?.into_iter();
    let boots = link.boots();
    let info = link.board();
    let current = built_in(info).map(|image| {
        // Where it came with the bitstream there is no checksum of it to compare.
        info.image_slot != NO_SLOT && SoftwareChecksum.checksum(&[image]) == info.firmware
    });
    let hexadecimal = |name: [u8; 32]| name.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Report {
        schema_version: JSON_SCHEMA_VERSION,
        device: arguments.device.to_string(),
        board: board_name(info),
        cell: info.architecture.to_string(),
        core: match info.core {
            CoreKind::Cell => "tensor cell",
            CoreKind::Array => "firmware with an array of multipliers",
            CoreKind::Software => "firmware",
        },
        clock_hz: (info.board != board::SIMULATED).then_some(info.clock_hz),
        memory_bytes: info.memory_bytes,
        flash_bytes: info.flash_bytes,
        boots,
        slot: (info.image_slot != NO_SLOT).then_some(info.image_slot),
        counter: info.image_counter,
        checksum: info.firmware,
        current,
        kept: kept.map(|entry| Kept { sha256: hexadecimal(entry.name), bytes: entry.length }).collect(),
        kept_bytes_free: info.object_bytes_free,
        faults: faults.map(fault).collect(),
        updated,
    })
}

fn fault(entry: FaultEntry) -> Fault {
    let FaultEntry { boot, uptime_ms, kind, code, detail } = entry;
    let kind = match kind {
        fault::WATCHDOG => "watchdog",
        fault::FIRMWARE => "firmware",
        fault::EXCEPTION => "exception",
        fault::PROGRAM => "program trapped",
        fault::FLASH => "flash",
        fault::JOB_LIMIT => "job took too long",
        fault::FALLBACK => "image did not come up",
        fault::SELF_TEST => "self-test",
        fault::OVERRUN => "byte lost",
        _ => "unknown",
    };
    Fault { boot, uptime_ms, kind, code, detail }
}

fn write(report: &Report, context: &mut Context) -> Result<(), Failure> {
    let slot = match report.slot {
        Some(slot) => {
            format!("slot {}, image {}, CRC32C {:08x}", char::from(b'A' + slot), report.counter, report.checksum)
        }
        None => "as it came with the bitstream".to_owned(),
    };
    let current = match report.current {
        Some(true) => "; the one that this program has",
        Some(false) => "; this program has another (--update)",
        None => "",
    };
    for (name, text) in [
        ("board", report.board.to_owned()),
        ("cell", format!("{}, computed by {}", report.cell, report.core)),
        ("clock", report.clock_hz.map_or("none".to_owned(), |hertz| format!("{} Hz", grouped(hertz)))),
        ("memory", format!("{} bytes, flash {} bytes", grouped(report.memory_bytes), grouped(report.flash_bytes))),
        ("firmware", slot + current),
        ("boots", report.boots.to_string()),
        ("kept", format!("{} images of models, room for {} bytes", report.kept.len(), grouped(report.kept_bytes_free))),
    ] {
        writeln!(context, "{name:<10} {text}")?;
    }
    match report.updated {
        Some(true) => writeln!(context, "{:<10} the new firmware runs", "update")?,
        Some(false) => {
            writeln!(context, "{:<10} the new firmware did not come up; the stick runs the one before", "update")?
        }
        None => {}
    }
    if report.faults.is_empty() {
        writeln!(context, "{:<10} none", "faults")?;
        return Ok(());
    }
    writeln!(context)?;
    let columns = [
        ("boot", Align::Right),
        ("after ms", Align::Right),
        ("fault", Align::Left),
        ("code", Align::Right),
        ("detail", Align::Right),
    ];
    let mut table = Table::new(&columns);
    for Fault { boot, uptime_ms, kind, code, detail } in &report.faults {
        table.row([
            boot.to_string(),
            grouped(*uptime_ms),
            (*kind).to_owned(),
            code.to_string(),
            format!("{detail:#x}"),
        ]);
    }
    table.write(context)?;
    Ok(())
}

/// The firmware that this program has for a stick.
fn built_in(info: &BoardInfo) -> Option<&'static [u8]> {
    match info.board {
        board::ULX3S | board::ECP5_FIFO => Some(Board::StickEcp5.stick_image()),
        board::ICEBREAKER => Some(Board::StickUp5k.stick_image()),
        _ => None,
    }
}

fn board_name(info: &BoardInfo) -> &'static str {
    match info.board {
        board::SIMULATED => "simulated",
        board::ULX3S => "ULX3S (LFE5U-85F)",
        board::ECP5_FIFO => "LFE5U-85F with FT2232H",
        board::ICEBREAKER => "iCEBreaker (iCE40UP5K)",
        _ => "unknown",
    }
}
