//! Handles: numbers given to C for models kept here.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use myelin_infer::Model;

static MODELS: LazyLock<RwLock<HashMap<usize, Arc<Model>>>> = LazyLock::new(Default::default);

/// Steps between handles, so that they look like the addresses a caller may expect.
const STEP: usize = 16;

/// Keeps a model; its handle is never 0 and never given out again.
pub fn put(model: Arc<Model>) -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(STEP);
    let handle = NEXT.fetch_add(STEP, Ordering::Relaxed);
    MODELS.write().unwrap_or_else(PoisonError::into_inner).insert(handle, model);
    handle
}

/// The model of a handle.
pub fn get(handle: usize) -> Option<Arc<Model>> {
    MODELS.read().unwrap_or_else(PoisonError::into_inner).get(&handle).cloned()
}

/// Forgets a handle; its model goes with the last call that uses it.
pub fn take(handle: usize) -> Option<Arc<Model>> {
    MODELS.write().unwrap_or_else(PoisonError::into_inner).remove(&handle)
}
