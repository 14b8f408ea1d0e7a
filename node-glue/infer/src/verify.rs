//! Recomputing recorded answers.
//!
//! A record is one JSON object on a line:
//! ```text
//! {"model":"models/digits_int8","input":"0x00..","expected":"0x04f2.."}
//! {"model":"storage/a1b2..34/data","file":"storage/05c1..77/data","expected":"0x..","code":0}
//! ```
//! `model` is a folder with `symbol` and `params`, relative to the list's folder. The input is either
//! `input`, the bytes a contract hands over, or `file`, an input file. `expected` is the answer in the
//! chain's byte order. `code`, 0 unless given, is the answer's class: 0 done, 1 logic error, 2 runtime
//! error; with an error nothing is expected.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use myelin_graph::import::Limits;
use serde::{Deserialize, Serialize};

use crate::backend::Engine;
use crate::error::{Doing, InferError};
use crate::hash::{InfoHash, from_hex, to_hex};
use crate::model::Model;
use crate::storage::FILE_BYTES_MAX;
use crate::{input, npy};

/// Longest list read, in bytes.
const LIST_BYTES_MAX: u64 = 1 << 30;

/// One recorded answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Folder with `symbol` and `params`.
    pub model: PathBuf,
    /// Input bytes as hexadecimal digits after `0x`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// Input file, an array as the chain stores it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// The answer as hexadecimal digits after `0x`.
    #[serde(default)]
    pub expected: String,
    /// 0, or the class of the error.
    #[serde(default)]
    pub code: u8,
}

/// A record that was not computed as it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// Its line, from 1.
    pub line: usize,
    /// Its model.
    pub model: PathBuf,
    /// The class recorded: 0, 1 or 2.
    pub expected_code: u8,
    /// The class found.
    pub found_code: u8,
    /// The answer recorded.
    pub expected: String,
    /// The answer found; empty with an error.
    pub found: String,
    /// What the error says; empty without one.
    pub reason: String,
}

/// What became of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Records in the list.
    pub records: usize,
    /// Those that differ.
    pub mismatches: Vec<Mismatch>,
}

/// Why a list cannot be gone through.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The list or a file it names cannot be read.
    #[error("read {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The list or a file it names is too long.
    #[error("read {}: {found} bytes, the limit is {max}", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// Its length.
        found: u64,
        /// The limit.
        max: u64,
    },
    /// A line is not a record.
    #[error("read {} line {line}", path.display())]
    Line {
        /// The list.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
    /// A record has no input, or two, or digits that are none.
    #[error("read {} line {line}: expected {expected}", path.display())]
    Record {
        /// The list.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What belongs there.
        expected: &'static str,
    },
}

/// Recomputes every record of a list; empty lines and lines that begin with `#` are passed over.
///
/// `progress` is told how many records are done, and of how many. Models are loaded once each.
///
/// **Errors.** [`VerifyError`] if the list or a file it names cannot be read; an answer that differs,
/// a refused model included, is a [`Mismatch`].
pub fn verify(list: &Path, engine: &dyn Engine, mut progress: impl FnMut(usize, usize)) -> Result<Report, VerifyError> {
    let text = read(list, LIST_BYTES_MAX)?;
    let lines = || (1..).zip(text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii));
    let records = || lines().filter(|(_, text)| !text.is_empty() && !text.starts_with(b"#"));
    let total = records().count();
    let folder = list.parent().unwrap_or(Path::new(""));
    let mut models = HashMap::new();
    let mut report = Report { records: 0, mismatches: Vec::new() };
    for (line, text) in records() {
        let failed = |source| VerifyError::Line { path: list.to_owned(), line, source };
        let record: Record = serde_json::from_slice(text).map_err(failed)?;
        let wrong = |expected| VerifyError::Record { path: list.to_owned(), line, expected };
        let expected = from_hex(&record.expected).ok_or(wrong("hexadecimal digits after 0x in `expected`"))?;
        let content = match (&record.input, &record.file) {
            (Some(digits), None) => Ok(from_hex(digits).ok_or(wrong("hexadecimal digits after 0x in `input`"))?),
            (None, Some(file)) => npy::content(&read(&folder.join(file), FILE_BYTES_MAX)?).map_err(InferError::from),
            _ => return Err(wrong("either `input` or `file`")),
        };
        let path = folder.join(&record.model);
        let model = match models.get(&path) {
            Some(model) => model,
            None => {
                let model = load(&path, engine)?;
                models.entry(path).or_insert(model)
            }
        };
        report.records += 1;
        report.mismatches.extend(compare(line, record, expected, answer(model, content)));
        progress(report.records, total);
    }
    Ok(report)
}

type Loaded = Result<Model, (u8, String)>;

fn load(folder: &Path, engine: &dyn Engine) -> Result<Loaded, VerifyError> {
    let symbol = read(&folder.join("symbol"), FILE_BYTES_MAX)?;
    let params = read(&folder.join("params"), FILE_BYTES_MAX)?;
    let model = Model::load(&symbol, &params, &Limits::default(), engine);
    Ok(model.map_err(|error| (error.class() as u8, error.to_string())))
}

fn answer(model: &Loaded, content: Result<Vec<u8>, InferError>) -> Result<Vec<u8>, (u8, String)> {
    let model = model.as_ref().map_err(Clone::clone)?;
    let failed = |error: InferError| {
        let cause = std::error::Error::source(&error).map_or(String::new(), |cause| format!(": {cause}"));
        (error.class() as u8, format!("{error}{cause}"))
    };
    let graph = model.graph();
    let content = content.map_err(failed)?;
    let (length, type_size) = (graph.input_length() as usize, graph.input_type_size() as usize);
    let input = input::to_runtime(&content, length, type_size).map_err(failed)?;
    let unnamed = InfoHash::from([0; 20]);
    let output = model.run(&input);
    // A recorded class is the runtime's own, before a node maps it.
    match output {
        Ok(output) => Ok(input::to_chain(&output, graph.output_type_size() as usize)),
        Err(source) => {
            let code = source.class() as u8;
            Err((code, failed(InferError::Engine { doing: Doing::Run, model: unnamed, source }).1))
        }
    }
}

fn compare(line: usize, record: Record, expected: Vec<u8>, found: Result<Vec<u8>, (u8, String)>) -> Option<Mismatch> {
    let (found_code, found, reason) = match found {
        Ok(found) => (0, found, String::new()),
        Err((code, reason)) => (code, Vec::new(), reason),
    };
    if found_code == record.code && (found_code != 0 || found == expected) {
        return None;
    }
    let Record { model, expected, code, .. } = record;
    Some(Mismatch { line, model, expected_code: code, found_code, expected, found: to_hex(&found), reason })
}

fn read(path: &Path, max: u64) -> Result<Vec<u8>, VerifyError> {
    let failed = |source| VerifyError::File { path: path.to_owned(), source };
    let found = fs::metadata(path).map_err(failed)?.len();
    if found > max {
        return Err(VerifyError::TooLarge { path: path.to_owned(), found, max });
    }
    fs::read(path).map_err(failed)
}
