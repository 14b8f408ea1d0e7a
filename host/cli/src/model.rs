//! A model read from its two files: the graph, and the bytes for the golden model.

use std::path::{Path, PathBuf};

use myelin_graph::{Graph, import};
use myelin_zoo::Architecture;

use crate::failure::Failure;
use crate::files;
use crate::terminal::Progress;

/// Of the weights of well-known networks, where no seed is asked for.
const SEED: u64 = 1;

/// The graph of a model's folder, or of a well-known network of eight bits or six. A folder comes first.
pub fn named(model: &str, int6: bool, progress: &mut Progress) -> Result<Graph, Failure> {
    match model.parse::<Architecture>() {
        Ok(network) if !Path::new(model).exists() => {
            progress.step(&format!("build {network}"));
            let graph = if int6 { network.build_int6(SEED) } else { network.build(SEED) };
            Ok(graph.expect("invariant: well-known networks obey the graph's rules"))
        }
        _ => Ok(LoadedModel::read(Path::new(model))?.graph),
    }
}

/// A model and where it came from.
pub struct LoadedModel {
    /// The folder as it was given, or a name for a built-in model.
    pub path: PathBuf,
    /// What compiler and tables work on.
    pub graph: Graph,
    symbol: Vec<u8>,
    params: Vec<u8>,
}

impl LoadedModel {
    /// Reads `DIR/symbol` and `DIR/params`, neither beyond the import's limits.
    pub fn read(folder: &Path) -> Result<LoadedModel, Failure> {
        let limits = import::Limits::default();
        let symbol = files::read(&folder.join("symbol"), limits.symbol_bytes)?;
        let params = files::read(&folder.join("params"), limits.params_bytes)?;
        LoadedModel::from_bytes(folder, symbol, params)
    }

    /// Imports the bytes of the two files.
    pub fn from_bytes(path: &Path, symbol: Vec<u8>, params: Vec<u8>) -> Result<LoadedModel, Failure> {
        let path = path.to_owned();
        match import::cvm(&symbol, &params, &import::Limits::default()) {
            Ok(graph) => Ok(LoadedModel { path, graph, symbol, params }),
            Err(source) => Err(Failure::Model { path, source }),
        }
    }

    /// The golden model, read from the same bytes by its own reader.
    pub fn golden(&self) -> Result<myelin_golden::Model, Failure> {
        let parsed = myelin_golden::Model::parse(&self.symbol, &self.params);
        parsed.map_err(|error| Failure::GoldenModel { path: self.path.clone(), source: Box::new(error) })
    }
}
