//! Files the tests share.
#![allow(dead_code, reason = "not every test binary uses every helper")]
#![allow(clippy::unwrap_used, reason = "a broken fixture is a failed test")]

pub mod json;

use serde_json::Value;
use std::path::{Path, PathBuf};

/// The repository's top folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A recorded model of the official library with its facts.
pub struct Vector {
    pub name: String,
    pub symbol: Vec<u8>,
    pub params: Vec<u8>,
    facts: Value,
}

impl Vector {
    /// A recorded number.
    pub fn fact(&self, key: &str) -> u64 {
        self.facts[key].as_u64().unwrap_or_else(|| panic!("{}: no {key}", self.name))
    }
}

/// All recorded models.
pub fn vectors() -> Vec<Vector> {
    let text = std::fs::read(root().join("verification/vectors/cvm.json")).unwrap();
    let list: Vec<Value> = serde_json::from_slice(&text).unwrap();
    assert!(list.len() >= 34, "only {} vectors", list.len());
    list.into_iter()
        .map(|facts| Vector {
            name: facts["name"].as_str().unwrap().to_owned(),
            symbol: serde_json::to_vec(&facts["symbol"]).unwrap(),
            params: unhex(facts["params_hex"].as_str().unwrap()),
            facts,
        })
        .collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = |i: usize| u8::from_str_radix(&text[i..i + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digits).collect()
}
