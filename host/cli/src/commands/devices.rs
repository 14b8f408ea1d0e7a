//! `myelin devices`: what a `--device` can name.

use myelin_driver::SELECTOR_FORMS;
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
    meaning: &'static str,
}

/// Prints the list.
pub fn run(arguments: &DevicesArguments, context: &mut Context) -> Result<Verdict, Failure> {
    if arguments.json {
        let entry = |form: &myelin_driver::SelectorForm| Entry {
            selector: form.form,
            example: form.example,
            meaning: form.meaning,
        };
        let devices = SELECTOR_FORMS.iter().map(entry).collect();
        context.write_json(&Report { schema_version: JSON_SCHEMA_VERSION, devices })?;
        return Ok(Verdict::Yes);
    }
    let mut table = Table::new(&[("selector", Align::Left), ("example", Align::Left), ("device", Align::Left)]);
    for form in SELECTOR_FORMS {
        table.row([form.form, form.example, form.meaning].map(str::to_owned));
    }
    table.write(context)?;
    Ok(Verdict::Yes)
}
