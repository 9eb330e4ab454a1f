use std::path::Path;

use crate::network::StateDict;

use super::StoreError;
use super::layout::{Comparison, Layout, Shapes, layouts};

/// Whose weights a file holds, by its keys and shapes alone.
#[derive(Clone, Debug)]
pub struct Recognition {
    pub layout: &'static Layout,
    pub comparison: Comparison,
}

/// Shapes by key.
pub fn shapes_of(state: &StateDict) -> Shapes {
    state.iter().map(|(key, tensor)| (key.to_owned(), tensor.dims().to_vec())).collect()
}

/// The network that a file's keys and shapes are of: of those that it fits, the one that uses most of it; else the
/// one that it comes closest to.
///
/// # Errors
/// When it comes close to none. Errors name the file `path`.
pub fn recognize(path: &Path, found: &Shapes) -> Result<Recognition, StoreError> {
    let compared = layouts().iter().map(|layout| Recognition { layout, comparison: layout.compare(found) });
    let (fitting, others): (Vec<_>, Vec<_>) = compared.partition(|candidate| candidate.comparison.fits());
    // The first of equals: layouts are listed with the likeliest first.
    if let Some(best) = fitting.into_iter().rev().max_by_key(|candidate| candidate.comparison.needed) {
        return Ok(best);
    }
    let share = |candidate: &Recognition| candidate.comparison.matched() * 1000 / candidate.comparison.needed.max(1);
    const CLOSE_PER_MILLE: usize = 300;
    let closest = others.into_iter().rev().max_by_key(share).filter(|closest| share(closest) >= CLOSE_PER_MILLE);
    closest.ok_or_else(|| StoreError::Unrecognized {
        path: path.to_owned(),
        keys: found.keys().take(4).cloned().collect(),
    })
}
