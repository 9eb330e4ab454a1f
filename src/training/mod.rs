//! Losses, loaders, the loop and checkpoints.
