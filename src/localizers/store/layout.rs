//! What the weight files of the field hold: every key and shape of every network, built from the network's own plan.
//! The widths of the backbones are taken from the file, so that a narrower network of the same plan fits too.

mod networks;
mod plan;

use std::collections::BTreeMap;

use crate::localizers::TrainedWith;
use crate::network::{Misshapen, WeightError};
use plan::Plan;

/// Batch norm counts its training steps.
const BATCH_COUNTER: &str = ".num_batches_tracked";

/// Shapes by key, of a file or of a network.
pub type Shapes = BTreeMap<String, Vec<usize>>;

/// A kind of weight file: one network of one system, or of several that share it.
#[derive(Debug)]
pub struct Layout {
    /// As in `model.toml`.
    pub id: &'static str,
    /// What it is, on screen.
    pub name: &'static str,
    /// The systems that such a file can belong to, the likeliest first.
    pub systems: &'static [&'static str],
    build: fn(&mut Plan<'_>),
}

impl Layout {
    /// Every key that the network needs, with its shape; widths as in `found`, else as published.
    pub fn expected(&self, found: &Shapes) -> Shapes {
        self.plan(found).shapes
    }

    fn plan<'a>(&self, found: &'a Shapes) -> Plan<'a> {
        let mut plan = Plan { found, shapes: Shapes::new(), unused: Vec::new() };
        (self.build)(&mut plan);
        plan
    }

    /// Compares a file with what the network needs.
    pub fn compare(&self, found: &Shapes) -> Comparison {
        let Plan { shapes: expected, unused, .. } = self.plan(found);
        let mut comparison = Comparison { needed: expected.len(), ..Comparison::default() };
        for (key, shape) in &expected {
            match found.get(key) {
                None => comparison.missing.push(key.clone()),
                Some(other) if other != shape => comparison.misshapen.push(Misshapen {
                    key: key.clone(),
                    expected: shape.clone(),
                    found: other.clone(),
                }),
                Some(_) => {}
            }
        }
        let known_to_all = |key: &str| key.ends_with(BATCH_COUNTER) || TrainedWith::KEYS.contains(&key);
        let is_unused = |key: &str| known_to_all(key) || unused.iter().any(|unused| key.starts_with(unused));
        let extra = found.keys().filter(|key| !expected.contains_key(*key) && !is_unused(key));
        comparison.extra = extra.cloned().collect();
        comparison
    }
}

/// How a file differs from what a network needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Number of keys that the network needs.
    pub needed: usize,
    pub missing: Vec<String>,
    pub misshapen: Vec<Misshapen>,
    /// Keys that the network does not know; they do no harm. What every such file carries without need (counters of
    /// batches, the classifier of a backbone whose features are used) is not among them.
    pub extra: Vec<String>,
}

impl Comparison {
    pub fn fits(&self) -> bool {
        self.missing.is_empty() && self.misshapen.is_empty()
    }

    /// Number of keys that are there with the right shape.
    pub fn matched(&self) -> usize {
        self.needed - self.missing.len() - self.misshapen.len()
    }

    /// Refuses a file that lacks something, naming all of it; keys that are too much are no reason.
    pub fn check(&self) -> Result<(), WeightError> {
        if self.fits() {
            return Ok(());
        }
        let (missing, misshapen) = (self.missing.clone(), self.misshapen.clone());
        Err(WeightError::Mismatch { missing, extra: self.extra.clone(), misshapen })
    }
}

/// All layouts that are known.
pub fn layouts() -> &'static [Layout] {
    &LAYOUTS
}

/// The layout with this id.
pub fn find(id: &str) -> Option<&'static Layout> {
    LAYOUTS.iter().find(|layout| layout.id == id)
}

static LAYOUTS: [Layout; 20] = [
    layout(
        "avenet",
        "two-stream ResNet-18 of LVS",
        &["lvs", "alignment", "hardpos", "alignment-ogl"],
        networks::avenet,
    ),
    layout("ssl-tie", "SSL-TIE", &["ssl-tie"], networks::ssl_tie),
    layout("ez-vsl", "EZ-VSL", &["ez-vsl", "fnac", "ez-vsl-ogl"], networks::ez_vsl),
    layout("slavc", "SLAVC, online and momentum branch", &["slavc", "slavc-ogl"], networks::slavc),
    layout("rcgrad", "RCGrad", &["rcgrad"], networks::rcgrad),
    layout("clip", "CLIP with a vision transformer", &["clip-text", "clip-audio"], networks::clip),
    layout("wav2clip", "Wav2CLIP", &["clip-audio"], networks::wav2clip),
    layout("avol", "AVOL-net", &["avol"], networks::avol),
    layout("ave-net", "AVE-net", &[], networks::ave_net),
    layout("l3-net", "L3-net", &[], networks::l3_net),
    layout("hear-the-flow", "HearTheFlow", &["hear-the-flow"], networks::hear_the_flow),
    layout("attention10k", "Attention10k", &["attention10k"], networks::attention10k),
    layout("sspl-frame", "SSPL, image side", &["sspl"], networks::sspl_frame),
    layout("sspl-sound", "SSPL, sound side", &["sspl"], networks::sspl_sound),
    layout("sspl-pcm", "SSPL, predictive coding module", &["sspl"], networks::sspl_pcm),
    layout("dsol", "DSOL, first or second stage", &["dsol"], networks::dsol),
    layout("dsol-dictionary", "DSOL, dictionary of categories", &["dsol"], networks::dsol_dictionary),
    layout("dmc", "DMC, simplified", &["dmc"], networks::dmc),
    layout("coarse-to-fine", "CoarseToFine", &["coarse-to-fine"], networks::coarse_to_fine),
    layout(
        "resnet18",
        "ResNet-18 for ImageNet (the object side of OGL)",
        &["ez-vsl-ogl", "slavc-ogl", "alignment-ogl"],
        |plan| plan.resnet18("", &[("conv1", 3)]),
    ),
];

const fn layout(
    id: &'static str,
    name: &'static str,
    systems: &'static [&'static str],
    build: fn(&mut Plan<'_>),
) -> Layout {
    Layout { id, name, systems, build }
}
