//! Synthetic clips with exact ground truth, the same for the same seed.
