//! What the systems are trained for: one file an objective, each a plain function from similarities to a loss and its
//! gradient. They are computed in double precision and know nothing of networks.

mod alignment;
mod correspondence;
mod multiple_instance;
mod momentum_targets;
mod naming;
mod similarity;
mod softmax;
mod tri_map;
mod whole_sample;

pub use alignment::aligned;
pub use correspondence::{Correspondence, correspondence};
pub use momentum_targets::{MomentumTargets, momentum_targets};
pub use multiple_instance::multiple_instance;
pub use naming::{Naming, naming};
pub use similarity::{Similarities, UnitRows};
pub use tri_map::{TriMap, tri_map};
pub use whole_sample::{WholeSample, whole_sample};

/// A loss and how it changes with every similarity.
#[derive(Debug, Clone, PartialEq)]
pub struct Loss {
    pub value: f64,
    pub gradient: Similarities,
}
