//! `myelin verify`: recorded answers, computed again.

use std::io::Write;
use std::num::{NonZeroU32, NonZeroUsize};

use myelin_infer::verify::{self, Mismatch, Report};
use serde::Serialize;

use super::JSON_SCHEMA_VERSION;
use crate::arguments::VerifyArguments;
use crate::context::Context;
use crate::device::{names, node_engine};
use crate::failure::{Failure, Verdict};
use crate::terminal::Mark;

/// Characters of an answer printed for people; JSON has all.
const ANSWER_PRINTED: usize = 40;

#[derive(Serialize)]
struct Answer<'a> {
    schema_version: u32,
    list: String,
    device: String,
    #[serde(flatten)]
    report: &'a Report,
}

/// Goes through the list.
pub fn run(arguments: &VerifyArguments, context: &mut Context) -> Result<Verdict, Failure> {
    let one = (NonZeroUsize::MIN, NonZeroU32::MIN);
    let engine = node_engine(&arguments.device, one.0, one.1, context.progress())?;
    let mut counting = false;
    let report = verify::verify(&arguments.list, &engine, |done, total| {
        if !std::mem::replace(&mut counting, true) {
            context.progress().count("answers", total as u64);
        }
        context.progress().advance_to(done as u64);
    });
    context.progress().clear();
    let report = report?;
    let verdict = if report.mismatches.is_empty() { Verdict::Yes } else { Verdict::No };
    if arguments.json {
        let (list, device) = (arguments.list.display().to_string(), names(&arguments.device));
        context.write_json(&Answer { schema_version: JSON_SCHEMA_VERSION, list, device, report: &report })?;
    } else {
        print(&report, context)?;
    }
    Ok(verdict)
}

fn print(report: &Report, context: &mut Context) -> Result<(), Failure> {
    let colour = context.colour();
    for mismatch in &report.mismatches {
        writeln!(context, "{}", describe(mismatch))?;
    }
    let Report { records, mismatches } = report;
    let line = format!("{} of {records} answers as recorded", records - mismatches.len());
    let line = match mismatches.is_empty() {
        true => colour.paint(Mark::Good, &line),
        false => colour.paint(Mark::Bad, &format!("NOT EXACT: {line}")),
    };
    Ok(writeln!(context, "{line}")?)
}

fn describe(mismatch: &Mismatch) -> String {
    let Mismatch { line, model, expected_code, found_code, expected, found, reason } = mismatch;
    let cut = |answer: &str| match answer.char_indices().nth(ANSWER_PRINTED) {
        Some((at, _)) => format!("{}..", &answer[..at]),
        None => answer.to_owned(),
    };
    let what = if expected_code != found_code {
        format!("code {found_code}, recorded {expected_code}: {reason}")
    } else {
        let first = expected.bytes().zip(found.bytes()).position(|(a, b)| !a.eq_ignore_ascii_case(&b));
        // Two digits a byte, after 0x.
        let first = first.unwrap_or(expected.len().min(found.len())).saturating_sub(2) / 2;
        format!("{}, recorded {}, first difference in byte {first}", cut(found), cut(expected))
    };
    format!("line {line}, {}: {what}", model.display())
}
