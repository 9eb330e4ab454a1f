//! From a heatmap and annotations to a score: ground-truth maps, protocols, cIoU and what is computed from it.
//!
//! Pure functions on numbers, in double precision where the authors used it. Every rule is defined here once; the
//! window, the command line and the shaders take it from here. Not in here: files, models, pictures.

mod bitmap;
mod ciou;
mod protocol;
mod score_map;
mod truth;

pub use bitmap::Bitmap;
pub use ciou::{CiouCurve, Verdict, ciou};
pub use protocol::{Binarization, ConfidenceRule, KnownProtocol, Placement, Protocol, ProtocolError, protocols};
pub use score_map::{Binarized, Degenerate, ScoreMap};
pub use truth::{GroundTruthMap, GroundTruthRule, TruthBox};
