//! From a heatmap and annotations to a score: ground-truth maps, protocols, cIoU and what is computed from it.
//!
//! Pure functions on numbers, in double precision where the authors used it. Every rule is defined here once; the
//! window, the command line and the shaders take it from here. Not in here: files, models, pictures.

mod accuracy;
mod bitmap;
mod ciou;
pub mod detection;
mod negatives;
mod protocol;
mod mask_counts;
pub mod references;
pub mod retrieval;
mod score_map;
mod significance;
pub mod sources;
mod truth;

pub use accuracy::{
    PairFigures, SizeGroup, area_under_success, mean, pair_figures, pair_key, success_rate, success_thresholds,
};
pub use bitmap::Bitmap;
pub use ciou::{CiouCurve, Verdict, ciou, mask_ciou};
pub use negatives::{MarkedArea, NegativeKind, Spread, quantile, separability, universal_threshold};
pub use protocol::{
    Binarization, ConfidenceRule, KnownProtocol, Placement, Protocol, ProtocolError, protocols, usual_protocol,
};
pub use score_map::{Binarized, Degenerate, NormalizedMap, ScoreMap};
pub use significance::{
    Interval, PairedDifference, RESAMPLINGS, bootstrap, bootstrap_means, draws, mcnemar, paired_difference,
};
pub use truth::{GroundTruthMap, GroundTruthRule, TruthBox};
