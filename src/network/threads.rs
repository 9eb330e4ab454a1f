//! How many threads a forward pass uses.
//!
//! A pass takes the threads of the rayon pool that it is called in, and one thread when it is called outside of any.
//! One thread never touches rayon. Several models or frames side by side do best with one thread each.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::ThreadPool;
use rayon::iter::{IntoParallelIterator, ParallelIterator};

thread_local! {
    static SINGLE: Cell<bool> = const { Cell::new(false) };
}

static POOLS: Mutex<BTreeMap<usize, Arc<ThreadPool>>> = Mutex::new(BTreeMap::new());

/// Runs something with this many threads for the forward passes in it. Pools are kept for the next time; where the
/// system refuses the threads, one does the work.
pub fn with_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    let pool = if threads > 1 { pool(threads) } else { None };
    match pool {
        Some(pool) => pool.install(work),
        None => {
            let before = SINGLE.replace(true);
            let done = work();
            SINGLE.set(before);
            done
        }
    }
}

fn pool(threads: usize) -> Option<Arc<ThreadPool>> {
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pool) = pools.get(&threads) {
        return Some(pool.clone());
    }
    let builder = rayon::ThreadPoolBuilder::new().num_threads(threads);
    match builder.thread_name(|index| format!("network-{index}")).build() {
        Ok(pool) => {
            let pool = Arc::new(pool);
            pools.insert(threads, pool.clone());
            Some(pool)
        }
        Err(error) => {
            log::warn!("networks run on one thread, a pool of {threads} could not be started: {error}");
            None
        }
    }
}

/// Threads that a forward pass called here would use.
pub fn thread_count() -> usize {
    if SINGLE.get() || rayon::current_thread_index().is_none() { 1 } else { rayon::current_num_threads() }
}

/// Runs tasks 0 … count − 1, side by side if there are threads for it.
pub(super) fn parallel(count: usize, task: impl Fn(usize) + Sync + Send) {
    if count <= 1 || thread_count() == 1 {
        (0..count).for_each(task);
    } else {
        (0..count).into_par_iter().for_each(task);
    }
}

/// The answers of tasks 0 … count − 1 in their order, made side by side if there are threads for it.
pub(super) fn parallel_map<R: Send>(count: usize, task: impl Fn(usize) -> R + Sync + Send) -> Vec<R> {
    if count <= 1 || thread_count() == 1 {
        (0..count).map(task).collect()
    } else {
        (0..count).into_par_iter().map(task).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_outside_a_pool_uses_one_thread_and_inside_the_pools() {
        assert_eq!(thread_count(), 1);
        assert_eq!(with_threads(3, thread_count), 3);
        assert_eq!(with_threads(3, || with_threads(1, thread_count)), 1);
        assert_eq!(with_threads(3, || with_threads(2, thread_count)), 2);
    }
}
