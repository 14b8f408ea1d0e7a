//! `myelin devices`: what is there, and what a `--device` can name.

use std::io::Write;
use std::time::Duration;

use myelin_cpu::Path;
use myelin_driver::{
    FoundStick, OpenError, Port, SELECTOR_FORMS, Selector, SelectorForm, StickError, StickLink, StickOptions,
    TRIMMER_SELECTOR_FORMS, plugged_in,
};
use serde::Serialize;

use super::JSON_SCHEMA_VERSION;
use crate::arguments::DevicesArguments;
use crate::context::Context;
use crate::failure::{Failure, Verdict};
use crate::terminal::{Align, Table};

/// How long a stick has to say what it is.
const STICK_DEADLINE: Duration = Duration::from_millis(500);

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    found: Vec<Found>,
    devices: Vec<Entry>,
}

/// A device on this machine.
#[derive(Serialize)]
struct Found {
    selector: String,
    usable: bool,
    /// Why not, and what to do, if it is not usable.
    state: String,
    runs: String,
}

#[derive(Serialize)]
struct Entry {
    selector: &'static str,
    example: &'static str,
    runs: Runs,
    meaning: &'static str,
}

/// What a device is for.
#[derive(Serialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Runs {
    /// Networks.
    Inference,
    /// Trimming of Cuckoo Cycle's graphs.
    Cuckoo,
}

/// Every form, with what it is for.
fn forms() -> impl Iterator<Item = (Runs, SelectorForm)> {
    let inference = SELECTOR_FORMS.into_iter().map(|form| (Runs::Inference, form));
    inference.chain(TRIMMER_SELECTOR_FORMS.into_iter().map(|form| (Runs::Cuckoo, form)))
}

/// Prints both lists.
pub fn run(arguments: &DevicesArguments, context: &mut Context) -> Result<Verdict, Failure> {
    let found: Vec<Found> = std::iter::once(processor()).chain(plugged_in().into_iter().map(stick)).collect();
    if arguments.json {
        let entry = |(runs, form): (Runs, SelectorForm)| {
            let SelectorForm { form: selector, example, meaning } = form;
            Entry { selector, example, runs, meaning }
        };
        let devices = forms().map(entry).collect();
        context.write_json(&Report { schema_version: JSON_SCHEMA_VERSION, found, devices })?;
        return Ok(Verdict::Yes);
    }
    let mut table = Table::new(&["on this machine", "state", "runs"].map(|name| (name, Align::Left)));
    for Found { selector, state, runs, .. } in found {
        table.row([selector, state, runs]);
    }
    table.write(context)?;
    writeln!(context)?;
    let columns = ["selector", "example", "runs", "device"].map(|name| (name, Align::Left));
    let mut table = Table::new(&columns);
    for (runs, form) in forms() {
        let runs = match runs {
            Runs::Inference => "inference",
            Runs::Cuckoo => "cuckoo",
        };
        table.row([form.form, form.example, runs, form.meaning].map(str::to_owned));
    }
    table.write(context)?;
    Ok(Verdict::Yes)
}

fn processor() -> Found {
    Found {
        selector: "cpu".to_owned(),
        usable: true,
        state: format!("ready, {}", Path::fastest()),
        runs: "every model; cuckoo".to_owned(),
    }
}

/// What a port with a known bridge has behind it.
fn stick(found: FoundStick) -> Found {
    let selector = Selector::Stick(Port::Usb(found.id)).to_string();
    let options = StickOptions { deadline: STICK_DEADLINE, ..StickOptions::default() };
    let opened = StickLink::open(&Port::Path(found.path.clone()), options);
    let (usable, state, runs) = match &opened {
        Ok(link) => (true, "ready".to_owned(), format!("models compiled for {}", link.board().architecture)),
        Err(StickError::NoStick { .. }) => {
            let state = format!("{} on {}: no stick answers; `myelin flash`", found.product, found.path.display());
            (false, state, String::new())
        }
        Err(StickError::Open(error @ OpenError::Permission { .. })) => (false, error.to_string(), String::new()),
        Err(error) => (false, error.to_string(), String::new()),
    };
    Found { selector, usable, state, runs }
}
