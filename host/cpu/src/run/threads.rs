//! Work shared between threads, up to the network's limit.

use rayon::ThreadPool;
use rayon::prelude::*;

/// Calls `work(index, chunk)` for every chunk of `size` of `data`, on all threads of the pool.
pub(crate) fn for_each_chunk<T: Send>(
    pool: Option<&ThreadPool>,
    data: &mut [T],
    size: usize,
    work: impl Fn(usize, &mut [T]) + Sync,
) {
    match pool {
        Some(pool) if data.len() > size => {
            pool.install(|| data.par_chunks_mut(size).enumerate().for_each(|(index, chunk)| work(index, chunk)));
        }
        _ => data.chunks_mut(size).enumerate().for_each(|(index, chunk)| work(index, chunk)),
    }
}
