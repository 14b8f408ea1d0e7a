//! `myelin selftest`: whether a device computes what it should.

use std::time::Duration;

use myelin_driver::{Device, Selector, StickLink};
use myelin_isa::Precision;
use myelin_isa::framing::{Reply, Request, SelfTestReport, TestResult, Verdict as TestVerdict};
use serde::Serialize;

use super::JSON_SCHEMA_VERSION;
use crate::arguments::SelftestArguments;
use crate::context::Context;
use crate::device::{Comparison, GoldenDevice, open, stick};
use crate::digits::{Digits, PIXELS};
use crate::failure::{Failure, Verdict};
use crate::terminal::{Align, Table};

/// Longest that a stick may take for its own test.
const STICK_DEADLINE: Duration = Duration::from_secs(60);

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    device: String,
    passed: bool,
    tests: Vec<Test>,
}

#[derive(Serialize)]
struct Test {
    test: &'static str,
    passed: bool,
    detail: String,
}

/// Tests a device and prints what was found; the answer is no if anything failed.
pub fn run(arguments: &SelftestArguments, context: &mut Context) -> Result<Verdict, Failure> {
    let (mut tests, mut precisions) = (Vec::new(), vec![Precision::Int8, Precision::Int6]);
    match &arguments.device {
        Selector::Stick(port) => {
            let mut link = stick(port, context.progress())?;
            // Six bits fit eight, not the other way round.
            precisions.retain(|precision| precision.bits() <= link.board().architecture.precision().bits());
            tests.extend(own_tests(&mut link, context)?);
        }
        Selector::Simulated(target) => {
            precisions.retain(|precision| precision.bits() <= target.architecture.precision().bits());
        }
        Selector::Cpu(_) | Selector::Golden => {}
    }
    for precision in precisions {
        tests.push(digits(arguments, precision, context)?);
    }
    context.progress().clear();
    let passed = tests.iter().all(|test| test.passed);
    if arguments.json {
        let device = arguments.device.to_string();
        context.write_json(&Report { schema_version: JSON_SCHEMA_VERSION, device, passed, tests })?;
    } else {
        let mut table = Table::new(&["test", "result", "detail"].map(|name| (name, Align::Left)));
        for Test { test, passed, detail } in tests {
            table.row([test.to_owned(), if passed { "passed" } else { "FAILED" }.to_owned(), detail]);
        }
        table.write(context)?;
    }
    Ok(if passed { Verdict::Yes } else { Verdict::No })
}

/// What the stick's firmware tests: its memory, its flash, its core.
fn own_tests(link: &mut StickLink, context: &mut Context) -> Result<Vec<Test>, Failure> {
    context.progress().step("the stick's own tests");
    let report = link.ask("self-test", &Request::SelfTest, STICK_DEADLINE, |reply| match *reply {
        Reply::SelfTest(report) => Some(report),
        _ => None,
    });
    let SelfTestReport { memory, flash, core } = report.map_err(Failure::Link)?;
    let named = [("stick's memory", memory), ("stick's flash", flash), ("stick's core", core)];
    let test = |(test, TestResult { verdict, detail }): (&'static str, TestResult)| Test {
        test,
        passed: verdict != TestVerdict::Failed,
        detail: match verdict {
            TestVerdict::Passed => String::new(),
            TestVerdict::Skipped => "nothing to test".to_owned(),
            TestVerdict::Failed => format!("{detail:#x}"),
        },
    };
    Ok(named.map(test).into())
}

/// The digits network of one precision on some of its pictures, held against golden.
fn digits(arguments: &SelftestArguments, precision: Precision, context: &mut Context) -> Result<Test, Failure> {
    let (test, digits) = match precision {
        Precision::Int8 => ("digits network, INT8", Digits::of(precision)),
        Precision::Int6 => ("digits network, INT6", Digits::of(precision)),
    };
    let model = digits.model()?;
    let mut golden = GoldenDevice::new(&model)?;
    let mut opened = open(&arguments.device, &model, context.progress())?;
    let pictures = digits.pictures();
    let count = usize::from(arguments.pictures);
    context.progress().count("pictures", count as u64);
    let (mut values, mut differences) = (0, 0);
    for picture in pictures.chunks(PIXELS).take(count) {
        let comparison = Comparison::new(&opened.device().run(picture)?, &golden.run(picture)?);
        values += comparison.values;
        differences += comparison.differences;
        context.progress().advance();
    }
    let detail = match differences {
        0 => format!("{count} pictures, {values} values equal with golden"),
        _ => format!("{count} pictures, {differences} of {values} values differ from golden"),
    };
    Ok(Test { test, passed: values > 0 && differences == 0, detail })
}
