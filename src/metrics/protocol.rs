use std::fmt;
use std::str::FromStr;

use crate::heatmap::{Kernel, Normalization};

use super::GroundTruthRule;

/// Which cells of a score map are positive. `sorted(p)[k]` is the k-th smallest value, from 0; n is the number of
/// cells that the model sees (all of them unless it crops).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Binarization {
    /// p > sorted(p)\[n/2\], or p ≥ 1: the two steps of the LVS code, which keep a plateau at the maximum.
    MedianGt,
    /// p > sorted(p)\[n/2\] and nothing else (SSL-Align).
    MedianGtBare,
    /// p ≥ sorted(p)\[n/2\].
    MedianGe,
    /// p ≥ the value.
    FixedGe(f64),
    /// p > the value.
    FixedGt(f64),
    /// p > the value · max(p).
    Peak(f64),
    /// p > sorted(p)\[n − g\] with g the cells of nonzero ground truth (n/2 if none): the mask is told the size of
    /// the answer, so its scores compare with no other rule's.
    Adaptive,
    /// p ≥ the value, among the top half only: max(value, sorted(p)\[n/2\]).
    Capped(f64),
    /// p ≥ 0.5 for one map; over a dataset the best of 0.05, 0.10 … 0.95 by AUC is kept (ACL-SSL).
    Sweep,
}

impl Binarization {
    /// The thresholds that a [`Binarization::Sweep`] tries over a dataset.
    pub fn sweep_thresholds() -> [f64; 19] {
        std::array::from_fn(|step| (step + 1) as f64 * 0.05)
    }

    /// True if the mask depends on the ground truth.
    pub fn needs_truth(self) -> bool {
        matches!(self, Self::Adaptive)
    }

    /// True if a cell must exceed the threshold, false if it may equal it.
    pub fn is_strict(self) -> bool {
        matches!(self, Self::MedianGt | Self::MedianGtBare | Self::FixedGt(_) | Self::Peak(_) | Self::Adaptive)
    }
}

impl fmt::Display for Binarization {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MedianGt => formatter.write_str("median-gt"),
            Self::MedianGtBare => formatter.write_str("median-gt-bare"),
            Self::MedianGe => formatter.write_str("median-ge"),
            Self::FixedGe(value) => write!(formatter, "fixed:{value}"),
            Self::FixedGt(value) => write!(formatter, "fixed-gt:{value}"),
            Self::Peak(share) => write!(formatter, "peak:{share}"),
            Self::Adaptive => formatter.write_str("adaptive"),
            Self::Capped(value) => write!(formatter, "capped:{value}"),
            Self::Sweep => formatter.write_str("sweep"),
        }
    }
}

impl FromStr for Binarization {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = match text.split_once(':') {
            Some((name, value)) => (name, value.trim().parse::<f64>().ok().filter(|value| value.is_finite())),
            None => (text, None),
        };
        match (name, value) {
            ("median-gt", None) => Ok(Self::MedianGt),
            ("median-gt-bare", None) => Ok(Self::MedianGtBare),
            ("median-ge", None) => Ok(Self::MedianGe),
            ("adaptive", None) => Ok(Self::Adaptive),
            ("sweep", None) => Ok(Self::Sweep),
            ("fixed", Some(value)) => Ok(Self::FixedGe(value)),
            ("fixed-gt", Some(value)) => Ok(Self::FixedGt(value)),
            ("peak", Some(value)) => Ok(Self::Peak(value)),
            ("capped", Some(value)) => Ok(Self::Capped(value)),
            _ => Err(format!(
                "unknown binarization `{text}`; one of median-gt, median-gt-bare, median-ge, fixed:VALUE, \
                 fixed-gt:VALUE, peak:SHARE, capped:VALUE, adaptive, sweep"
            )),
        }
    }
}

/// The score of a map that says whether anything visible sounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConfidenceRule {
    /// Mean of the largest quarter of the upsampled map, in the fixed range of the model (SLAVC's code).
    TopQuarter,
    /// Largest value of the model's own map (SLAVC's paper).
    Peak,
    /// The system's own score; the largest quarter where it defines none.
    Own,
}

impl fmt::Display for ConfidenceRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::TopQuarter => "top-quarter",
            Self::Peak => "peak",
            Self::Own => "own",
        })
    }
}

impl FromStr for ConfidenceRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "top-quarter" => Ok(Self::TopQuarter),
            "peak" => Ok(Self::Peak),
            "own" => Ok(Self::Own),
            _ => Err(format!("unknown confidence `{text}`; one of top-quarter, peak, own")),
        }
    }
}

/// Where the map of a model that crops its input lies when it is scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Placement {
    /// Where it lies in the stretched frame; what the model does not see is never positive.
    InFrame,
    /// As if the crop were the whole frame, which is what the authors' codes do, though their boxes are not cropped.
    AsPublished,
}

impl fmt::Display for Placement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::InFrame => "in-frame",
            Self::AsPublished => "as-published",
        })
    }
}

impl FromStr for Placement {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "in-frame" => Ok(Self::InFrame),
            "as-published" => Ok(Self::AsPublished),
            _ => Err(format!("unknown placement `{text}`; one of in-frame, as-published")),
        }
    }
}

/// A complete rule from heatmap and annotations to a score. A plain value: every part can be set by itself, and no
/// part knows which protocol it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct Protocol {
    id: &'static str,
    pub kernel: Kernel,
    pub normalization: Normalization,
    pub binarization: Binarization,
    pub truth: GroundTruthRule,
    /// cIoU from which on a map counts as right; the first is the one the table is sorted by.
    pub success: Vec<f64>,
    pub confidence: ConfidenceRule,
    pub placement: Placement,
    /// Rows and columns of the grid on which is scored.
    pub side: usize,
    /// An empty mask on empty ground truth scores 0 instead of 0/0 (ACL-SSL adds 10⁻¹² to the denominator).
    pub empty_is_zero: bool,
}

/// A part of a protocol that was set to something it cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    #[error("unknown protocol `{id}`; one of {known}")]
    Unknown { id: String, known: String },
    #[error("a protocol has no part `{part}`; one of {}", Protocol::PARTS.join(", "))]
    UnknownPart { part: String },
    #[error("`{text}` says nothing; write PART=VALUE")]
    NoValue { text: String },
    #[error("{part}: {reason}")]
    BadValue { part: String, reason: String },
}

impl Protocol {
    /// Names of the parts that [`Protocol::set`] sets.
    pub const PARTS: [&'static str; 8] =
        ["upsample", "normalise", "binarize", "gt", "success", "confidence", "place", "side"];

    /// Largest grid that a protocol may be scored on.
    const MAX_SIDE: usize = 4096;

    /// The id that this protocol started from, without what was changed since.
    pub fn id(&self) -> &'static str {
        self.id
    }

    /// The cIoU from which on a map counts as right.
    pub fn success_threshold(&self) -> f64 {
        self.success.first().copied().unwrap_or(0.5)
    }

    /// Sets one part by its name on the command line (see [`Protocol::PARTS`]).
    ///
    /// # Errors
    /// No such part, or a value that it cannot take; the message lists what it can.
    pub fn set(&mut self, part: &str, value: &str) -> Result<(), ProtocolError> {
        let bad = |reason: String| ProtocolError::BadValue { part: part.to_owned(), reason };
        match part {
            "upsample" => self.kernel = value.parse().map_err(bad)?,
            "normalise" | "normalize" => self.normalization = value.parse().map_err(bad)?,
            "binarize" | "binarise" => self.binarization = value.parse().map_err(bad)?,
            "gt" => self.truth = value.parse().map_err(bad)?,
            "confidence" => self.confidence = value.parse().map_err(bad)?,
            "place" => self.placement = value.parse().map_err(bad)?,
            "success" => {
                let thresholds: Option<Vec<f64>> = value
                    .split(',')
                    .map(|text| text.trim().parse::<f64>().ok().filter(|value| (0.0..=1.0).contains(value)))
                    .collect();
                self.success =
                    thresholds.ok_or_else(|| bad(format!("`{value}` is not a list of numbers from 0 to 1")))?;
            }
            "side" => {
                self.side = value
                    .parse()
                    .ok()
                    .filter(|side| (2..=Self::MAX_SIDE).contains(side))
                    .ok_or_else(|| bad(format!("`{value}` is not a whole number from 2 to {}", Self::MAX_SIDE)))?;
            }
            _ => return Err(ProtocolError::UnknownPart { part: part.to_owned() }),
        }
        Ok(())
    }

    /// The text of one part, as [`Protocol::set`] takes it; empty for an unknown part.
    pub fn part(&self, part: &str) -> String {
        match part {
            "upsample" => self.kernel.to_string(),
            "normalise" => self.normalization.to_string(),
            "binarize" => self.binarization.to_string(),
            "gt" => self.truth.to_string(),
            "success" => self.success.iter().map(f64::to_string).collect::<Vec<_>>().join(","),
            "confidence" => self.confidence.to_string(),
            "place" => self.placement.to_string(),
            "side" => self.side.to_string(),
            _ => String::new(),
        }
    }

    /// Every choice that makes a number, for the hover text and the report: `upsample cv-bilinear, …`.
    pub fn choices(&self) -> String {
        Self::PARTS.map(|part| format!("{part} {}", self.part(part))).join(", ")
    }

    /// The protocol with another ground-truth rule where its own leaves that to the benchmark.
    pub fn for_benchmark(&self, rule: GroundTruthRule) -> Self {
        let mut own = self.clone();
        if own.truth == GroundTruthRule::OfBenchmark {
            own.truth = rule;
        }
        own
    }
}

/// `id`, or `id+part=value+…` with the parts that differ from the id's own; [`FromStr`] reads the same.
impl fmt::Display for Protocol {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.id)?;
        let base = protocols().iter().find(|known| known.protocol.id == self.id);
        for part in Self::PARTS {
            let text = self.part(part);
            if base.is_none_or(|base| base.protocol.part(part) != text) {
                write!(formatter, "+{part}={text}")?;
            }
        }
        Ok(())
    }
}

impl FromStr for Protocol {
    type Err = ProtocolError;

    fn from_str(text: &str) -> Result<Self, ProtocolError> {
        let mut pieces = text.split('+');
        let id = pieces.next().unwrap_or_default().trim();
        let known = protocols();
        let mut protocol =
            known.iter().find(|known| known.protocol.id == id).map(|known| known.protocol.clone()).ok_or_else(
                || {
                    let ids: Vec<_> = known.iter().map(|known| known.protocol.id).collect();
                    ProtocolError::Unknown { id: id.to_owned(), known: ids.join(", ") }
                },
            )?;
        for piece in pieces {
            let (part, value) =
                piece.split_once('=').ok_or_else(|| ProtocolError::NoValue { text: piece.to_owned() })?;
            protocol.set(part.trim(), value.trim())?;
        }
        Ok(protocol)
    }
}

/// A protocol with what the window says about it.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownProtocol {
    pub protocol: Protocol,
    /// Short name for menus and table heads.
    pub label: &'static str,
    /// One sentence: what is done, and whose tables it belongs to.
    pub explanation: &'static str,
}

/// The published protocols, the usual first.
pub fn protocols() -> &'static [KnownProtocol] {
    static KNOWN: std::sync::LazyLock<Vec<KnownProtocol>> = std::sync::LazyLock::new(known_protocols);
    &KNOWN
}

/// The protocol that is in force where nobody chose one: `lvs`.
pub fn usual_protocol() -> Protocol {
    known_protocols().swap_remove(0).protocol
}

fn known_protocols() -> Vec<KnownProtocol> {
    use Binarization as B;
    use GroundTruthRule as G;
    use Kernel as K;
    use Normalization as N;
    let base = |id, kernel, normalization, binarization| Protocol {
        id,
        kernel,
        normalization,
        binarization,
        truth: G::OfBenchmark,
        success: vec![0.5],
        confidence: ConfidenceRule::TopQuarter,
        placement: Placement::InFrame,
        side: 224,
        empty_is_zero: false,
    };
    let known = |protocol, label, explanation| KnownProtocol { protocol, label, explanation };
    vec![
        known(
            base("lvs", K::CvBilinear, N::MinMaxInverted, B::MedianGt),
            "LVS (top half, >)",
            "The half of the map above its median is positive; the usual rule for VGG-SS and Flickr-SoundNet.",
        ),
        known(
            base("ezvsl", K::BilinearCorners, N::MinMax, B::MedianGe),
            "EZ-VSL (top half, ≥)",
            "The upper half with the median itself, corners aligned; for comparisons with the EZ-VSL and FNAC tables.",
        ),
        known(
            Protocol { success: vec![0.5, 0.75], ..base("slavc", K::BicubicCorners, N::Nominal, B::MedianGe) },
            "SLAVC extended",
            "The upper half of the bicubic map, with confidence, AP and max-F1 over positives and negatives.",
        ),
        known(
            Protocol {
                success: vec![0.5, 0.75],
                ..base("slavc:absolute", K::BicubicCorners, N::Nominal, B::FixedGe(0.5))
            },
            "SLAVC absolute",
            "Cells with a similarity of at least 0 are positive: what the SLAVC code does without its relative flag.",
        ),
        known(
            Protocol { success: vec![0.5, 0.3], ..base("howtolisten", K::CvBilinear, N::MinMax, B::Capped(0.5)) },
            "How to Listen (0.5, capped)",
            "At least half of the maximum, but never more than the upper half of the cells; success at 0.3 for Urbansas \
             and MUSIC-Synthetic.",
        ),
        known(
            base("sspl", K::CvBilinear, N::MinMaxUnguarded, B::FixedGe(0.5)),
            "Fixed 0.5",
            "Cells of at least half of the map's range are positive, whatever their number (SSPL).",
        ),
        known(
            base("sspl:median", K::CvBilinear, N::MinMaxUnguarded, B::MedianGe),
            "SSPL median",
            "The upper half with the median itself: SSPL's code when no threshold is given.",
        ),
        known(
            base("ssl-align", K::CvBilinear, N::MinMaxInverted, B::MedianGtBare),
            "SSL-Align (median)",
            "The cells above the median and nothing else; with pairs of sounds per image (IIoU) on IS3 and VPO.",
        ),
        known(
            base("ssl-align:adaptive", K::CvBilinear, N::MinMaxInverted, B::Adaptive),
            "SSL-Align (adaptive)",
            "As many cells as the ground truth has: the size of the answer is given away, so compare with no other rule.",
        ),
        known(
            base("heartheflow", K::CvBicubic, N::MinMax, B::MedianGt),
            "Hear the Flow",
            "The LVS rule on a bicubic map.",
        ),
        known(base("fnac", K::BilinearCorners, N::MinMax, B::MedianGe), "FNAC", "The EZ-VSL rule, as FNAC uses it."),
        known(
            base("fnac:bicubic", K::CvBicubic, N::MinMax, B::MedianGe),
            "FNAC (bicubic)",
            "The upper half with the median itself on a bicubic map, FNAC's second evaluation.",
        ),
        known(
            base("ssltie", K::CvBilinear, N::MinMaxInverted, B::MedianGt),
            "SSL-TIE",
            "The LVS rule; its reading of boxes with negative corners is the ground truth `union-unclamped`.",
        ),
        known(
            Protocol {
                truth: G::ExtentBoxes,
                success: vec![0.3, 0.5],
                ..base("dsol", K::CvBilinear, N::None, B::Peak(0.5))
            },
            "DSOL",
            "Cells above half of the class map's maximum are positive; success at 0.3.",
        ),
        known(
            Protocol {
                truth: G::ExtentBoxes,
                success: vec![0.3, 0.5],
                ..base("dsol:duet", K::CvBilinear, N::None, B::Peak(0.2))
            },
            "DSOL duet",
            "Cells above a fifth of the class map's maximum are positive, as DSOL evaluates duets.",
        ),
        known(
            Protocol { truth: G::ExtentBoxes, ..base("dsol:single", K::CvBilinear, N::None, B::Peak(0.1)) },
            "DSOL single",
            "Cells above a tenth of the map's maximum are positive, as DSOL evaluates solos.",
        ),
        known(
            Protocol { truth: G::ConsensusOneBased, side: 256, ..base("c2f", K::CvBilinear, N::None, B::FixedGe(0.1)) },
            "Coarse-to-fine",
            "Cells of at least 0.1 are positive, on 256 × 256 and with 1-based boxes.",
        ),
        known(
            Protocol {
                truth: G::ConsensusOneBased,
                side: 256,
                ..base("c2f:new", K::CvBilinear, N::None, B::FixedGt(0.001))
            },
            "Coarse-to-fine (new code)",
            "Cells above 0.001 are positive, on 256 × 256 and with 1-based boxes.",
        ),
        known(
            Protocol {
                confidence: ConfidenceRule::Own,
                empty_is_zero: true,
                ..base("acl", K::CvBilinear, N::None, B::Sweep)
            },
            "ACL-SSL (best of 19)",
            "Nineteen fixed thresholds are tried over the whole list and the one with the best AUC is reported.",
        ),
        known(
            base("avsbench", K::CvBilinear, N::Sigmoid, B::FixedGt(0.5)),
            "AVSBench",
            "Cells whose logit says more likely than not are positive; reported as mean IoU and F-measure.",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_protocol_round_trips_through_its_text() {
        for known in protocols() {
            assert_eq!(known.protocol.to_string(), known.protocol.id());
            assert_eq!(known.protocol.id().parse::<Protocol>().as_ref(), Ok(&known.protocol));
        }
    }

    #[test]
    fn overridden_parts_round_trip() {
        let text = "lvs+upsample=bilinear-corners+normalise=range:-1,1+binarize=fixed:0.35+gt=boxes+success=0.3,0.5\
                    +confidence=peak+place=as-published+side=256";
        let protocol: Protocol = text.parse().unwrap();
        assert_eq!(protocol.to_string(), text);
        assert_eq!(protocol.success_threshold(), 0.3);
        let mut again = "lvs".parse::<Protocol>().unwrap();
        for part in Protocol::PARTS {
            again.set(part, &protocol.part(part)).unwrap();
        }
        assert_eq!(again, protocol);
    }

    #[test]
    fn wrong_texts_are_refused_with_the_choices() {
        for text in ["best", "lvs+gt", "lvs+color=red", "lvs+binarize=fixed", "lvs+side=0", "lvs+success=2"] {
            assert!(text.parse::<Protocol>().is_err(), "{text}");
        }
        assert!("lvs+upsample=x".parse::<Protocol>().unwrap_err().to_string().contains("cv-bicubic"));
    }
}
