//! `myelin devices`: what a `--device` can name.

use myelin_driver::{SELECTOR_FORMS, SelectorForm, TRIMMER_SELECTOR_FORMS};
use serde::Serialize;

use super::JSON_SCHEMA_VERSION;
use crate::arguments::DevicesArguments;
use crate::context::Context;
use crate::failure::{Failure, Verdict};
use crate::terminal::{Align, Table};

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    devices: Vec<Entry>,
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

/// Prints the list.
pub fn run(arguments: &DevicesArguments, context: &mut Context) -> Result<Verdict, Failure> {
    if arguments.json {
        let entry = |(runs, form): (Runs, SelectorForm)| {
            let SelectorForm { form: selector, example, meaning } = form;
            Entry { selector, example, runs, meaning }
        };
        let devices = forms().map(entry).collect();
        context.write_json(&Report { schema_version: JSON_SCHEMA_VERSION, devices })?;
        return Ok(Verdict::Yes);
    }
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
