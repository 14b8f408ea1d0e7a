//! The node's three questions, answered from a storage folder.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use myelin_graph::import::{Limits, memory_bound};

use crate::backend::Engine;
use crate::cache::{ByteCache, Eviction};
use crate::error::{Doing, EngineError, InferError};
use crate::hash::{InfoHash, ResultKey};
use crate::model::{self, Model};
use crate::overrides;
use crate::storage::Storage;
use crate::{input, npy};

/// What an entry of a cache weighs beside its bytes.
const ENTRY_BYTES: u64 = 256;
/// Budget of remembered operation counts; some 260 thousand models.
const PRICE_BYTES: u64 = 64 << 20;

/// How a [`Node`] is set up.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// The storage folder.
    pub storage: PathBuf,
    /// Budget of prepared models in bytes, and the most that loading one may take.
    pub model_bytes: u64,
    /// Budget of remembered results in bytes.
    pub result_bytes: u64,
    /// Which prepared model goes first.
    pub eviction: Eviction,
    /// What a model's files may hold.
    pub limits: Limits,
    /// Longest time of one run. A node has given up after 15 s; until this time an answer may still be
    /// remembered for when it asks again, and no model keeps a thread for longer.
    pub run_time: Duration,
}

impl NodeConfig {
    /// 4 GiB of models as a node has by default, 64 MiB of results, a minute for a run.
    pub fn new(storage: impl Into<PathBuf>) -> Self {
        Self {
            storage: storage.into(),
            model_bytes: 4 << 30,
            result_bytes: 64 << 20,
            eviction: Eviction::default(),
            limits: Limits::default(),
            run_time: Duration::from_secs(60),
        }
    }
}

/// A file of the storage, as the chain describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileRef<'a> {
    /// The infohash as the request spells it.
    pub hash: &'a str,
    /// The chain's `RawSize`: no file may be longer.
    pub size: u64,
}

/// How often what was asked for was remembered.
#[derive(Debug, Default)]
pub struct NodeCounters {
    /// Results answered from memory.
    pub result_hits: AtomicU64,
    /// Results that were computed.
    pub result_misses: AtomicU64,
    /// Models found prepared.
    pub model_hits: AtomicU64,
    /// Models that were loaded.
    pub model_misses: AtomicU64,
}

#[derive(Clone)]
struct RememberedResult {
    bytes: Arc<[u8]>,
    model_file_bytes: u64,
    input_file_bytes: u64,
}

/// A model with the length of the longer of its files.
#[derive(Clone)]
struct StoredModel {
    model: Arc<Model>,
    file_bytes: u64,
}

/// Answers what a node asks, by consensus's rules. Safe to share between threads.
///
/// An answer does not depend on what was asked before: a remembered one is given only to a request
/// whose sizes would have let it be computed. (The node's own cache forgets sizes.)
pub struct Node {
    storage: Storage,
    engine: Arc<dyn Engine>,
    limits: Limits,
    model_bytes: u64,
    run_time: Duration,
    models: ByteCache<InfoHash, StoredModel>,
    results: ByteCache<ResultKey, RememberedResult>,
    prices: ByteCache<InfoHash, (u64, u64)>,
    counters: NodeCounters,
    /// One model is loaded at a time, so memory has a bound: the budget twice.
    loading: Mutex<()>,
}

impl Node {
    /// Over a storage folder, on an engine.
    pub fn new(config: &NodeConfig, engine: impl Engine + 'static) -> Self {
        Self {
            storage: Storage::new(&config.storage),
            engine: Arc::new(engine),
            limits: config.limits.clone(),
            model_bytes: config.model_bytes,
            run_time: config.run_time,
            models: ByteCache::new(config.model_bytes, config.eviction),
            results: ByteCache::new(config.result_bytes, Eviction::Lru),
            prices: ByteCache::new(PRICE_BYTES, Eviction::Lru),
            counters: NodeCounters::default(),
            loading: Mutex::new(()),
        }
    }

    /// The storage folder.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// How often what was asked for was remembered.
    pub fn counters(&self) -> &NodeCounters {
        &self.counters
    }

    /// Prepared models: how many, and their bytes.
    pub fn models_held(&self) -> (usize, u64) {
        (self.models.count(), self.models.bytes())
    }

    /// Prepared models dropped for lack of room.
    pub fn models_evicted(&self) -> u64 {
        self.models.evicted()
    }

    /// A model's answer to an input file, in the chain's byte order.
    ///
    /// **Errors.** [`InferError`]; its class is what the node is told.
    ///
    /// **Source.** CortexTheseus 5c9b016f6, `inference/synapse`: `infer`.
    pub fn infer_file(&self, model: FileRef<'_>, input: FileRef<'_>, network: i64) -> Result<Arc<[u8]>, InferError> {
        let input_hash = parse(input.hash, "input")?;
        let model_hash = overrides::substitute(parse(model.hash, "model")?, network);
        let key = ResultKey::of_file(&model_hash, &input_hash);
        if let Some(known) = self.known(&key, model.size, input.size) {
            return Ok(known);
        }
        let file = self.storage.input(&input_hash, input.size)?;
        let content = npy::content(&file)?;
        self.compute(key, model_hash, model.size, &content, file.len() as u64)
    }

    /// A model's answer to input bytes from a contract, in the chain's byte order.
    ///
    /// **Errors, Source.** As [`Node::infer_file`].
    pub fn infer_content(&self, model: FileRef<'_>, content: &[u8], network: i64) -> Result<Arc<[u8]>, InferError> {
        let model_hash = overrides::substitute(parse(model.hash, "model")?, network);
        let key = ResultKey::of_content(&model_hash, content);
        if let Some(known) = self.known(&key, model.size, 0) {
            return Ok(known);
        }
        self.compute(key, model_hash, model.size, content, 0)
    }

    /// A model's operation count, from its symbol alone.
    ///
    /// **Errors.** As [`Node::infer_file`].
    ///
    /// **Source.** CortexTheseus 5c9b016f6, `inference/synapse`: `getGasByInfoHashWithSize`.
    pub fn operation_count(&self, model: FileRef<'_>, network: i64) -> Result<u64, InferError> {
        let hash = overrides::substitute(parse(model.hash, "model")?, network);
        if let Some((count, symbol_bytes)) = self.prices.get(&hash)
            && symbol_bytes <= model.size
        {
            return Ok(count);
        }
        let symbol = self.storage.symbol(&hash, model.size)?;
        let failed = |source| InferError::Engine { doing: Doing::Price, model: hash, source };
        let count = model::operation_count(&symbol, &self.limits).map_err(failed)?;
        self.prices.insert(hash, (count, symbol.len() as u64), ENTRY_BYTES);
        Ok(count)
    }

    /// The model with this hash, prepared.
    ///
    /// **Errors.** [`InferError`] for files that are missing, too long, refused, or beyond the budget.
    pub fn model(&self, hash: InfoHash, size: u64) -> Result<Arc<Model>, InferError> {
        self.stored_model(hash, size).map(|stored| stored.model)
    }

    fn stored_model(&self, hash: InfoHash, size: u64) -> Result<StoredModel, InferError> {
        let held = || self.models.get(&hash).filter(|stored| stored.file_bytes <= size);
        if let Some(stored) = held() {
            self.counters.model_hits.fetch_add(1, Ordering::Relaxed);
            return Ok(stored);
        }
        let _loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have loaded it meanwhile.
        if let Some(stored) = held() {
            self.counters.model_hits.fetch_add(1, Ordering::Relaxed);
            return Ok(stored);
        }
        self.counters.model_misses.fetch_add(1, Ordering::Relaxed);
        self.load(hash, size)
    }

    fn load(&self, hash: InfoHash, size: u64) -> Result<StoredModel, InferError> {
        let within = |needed| match needed <= self.model_bytes {
            true => Ok(()),
            false => Err(InferError::Memory { model: hash, needed, allowed: self.model_bytes }),
        };
        let (symbol_bytes, params_bytes) = self.storage.model_lengths(&hash, size)?;
        // The files themselves and what reading them takes.
        let read = symbol_bytes + params_bytes + memory_bound(symbol_bytes, params_bytes);
        within(read)?;
        let symbol = self.storage.symbol(&hash, size)?;
        let params = self.storage.params(&hash, size)?;
        let failed = |source| InferError::Engine { doing: Doing::Load, model: hash, source };
        // What preparing takes is not told by the files' lengths: it is counted before it is taken.
        let left = self.model_bytes - read;
        let model = Model::load_within(&symbol, &params, &self.limits, &*self.engine, left).map_err(failed)?;
        drop((symbol, params));
        // Buffers are allocated by the first run, so a model that is too large is still harmless here.
        within(model.memory_bytes())?;
        let stored = StoredModel { model: Arc::new(model), file_bytes: symbol_bytes.max(params_bytes) };
        self.models.insert(hash, stored.clone(), stored.model.memory_bytes() + ENTRY_BYTES);
        Ok(stored)
    }

    /// The answer consensus fixes, or the remembered one.
    fn known(&self, key: &ResultKey, model_size: u64, input_size: u64) -> Option<Arc<[u8]>> {
        if let Some(fixed) = overrides::fixed_result(key) {
            return Some(fixed.into());
        }
        let result = self.results.get(key)?;
        let allowed = result.model_file_bytes <= model_size && result.input_file_bytes <= input_size;
        let result = allowed.then_some(result.bytes)?;
        self.counters.result_hits.fetch_add(1, Ordering::Relaxed);
        Some(result)
    }

    fn compute(
        &self,
        key: ResultKey,
        hash: InfoHash,
        model_size: u64,
        content: &[u8],
        input_file_bytes: u64,
    ) -> Result<Arc<[u8]>, InferError> {
        self.counters.result_misses.fetch_add(1, Ordering::Relaxed);
        let StoredModel { model, file_bytes } = self.stored_model(hash, model_size)?;
        let graph = model.graph();
        let input = input::to_runtime(content, graph.input_length() as usize, graph.input_type_size() as usize)?;
        let failed = |source: EngineError| InferError::Engine { doing: Doing::Run, model: hash, source };
        let output = model.run_until(&input, Instant::now() + self.run_time).map_err(failed)?;
        let bytes: Arc<[u8]> = input::to_chain(&output, graph.output_type_size() as usize).into();
        let weight = bytes.len() as u64 + ENTRY_BYTES;
        let result = RememberedResult { bytes: bytes.clone(), model_file_bytes: file_bytes, input_file_bytes };
        self.results.insert(key, result, weight);
        Ok(bytes)
    }
}

fn parse(text: &str, what: &'static str) -> Result<InfoHash, InferError> {
    InfoHash::parse(text).ok_or(InferError::Hash { what })
}
