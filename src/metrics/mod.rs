//! From a heatmap and annotations to a score: ground-truth maps, protocols, cIoU and what is computed from it.
//!
//! Pure functions on numbers, in double precision where the authors used it. Every rule is defined here once; the
//! window, the command line and the shaders take it from here. Not in here: files, models, pictures.
