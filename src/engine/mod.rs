//! From a wish to a result: jobs, caches and priorities.
//!
//! The newest wish wins and stale results are dropped. Not in here: what a result means or looks like.
