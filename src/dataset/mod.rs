//! What is looked at and what is true of it: clips, annotations, lists, the project store.
//!
//! Formats in and out, each in a file of its own with its quirks. Not in here: scores (`metrics`).
