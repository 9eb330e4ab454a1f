use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::description::RunDescription;
use super::row::ClipKind;

/// A figure with its 95 % bootstrap interval over clips. NaN (in JSON `null`) where it does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    #[serde(with = "super::number")]
    pub value: f64,
    #[serde(with = "super::number")]
    pub low: f64,
    #[serde(with = "super::number")]
    pub high: f64,
}

impl Figure {
    /// A figure that does not exist.
    pub const NONE: Self = Self { value: f64::NAN, low: f64::NAN, high: f64::NAN };
}

/// The share of positives with cIoU ≥ `success`: cIoU@g, LocAcc.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    pub success: f64,
    pub rate: Figure,
}

/// What confidence is worth on some clips at one success threshold: by SLAVC's code ("as published") and by the
/// standard definitions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DetectionFigures {
    /// `all` (positives and negatives) or `visible` (positives).
    pub subset: String,
    pub success: f64,
    pub clips: usize,
    pub precision: Figure,
    pub average_precision_as_published: Figure,
    pub average_precision: Figure,
    /// Largest of the F1 at about ten confidences, as the code has it.
    pub max_f1_as_published: Figure,
    /// Largest over all confidences, as the papers have it; with the code's recall.
    pub max_f1_over_all: Figure,
    /// Largest over all confidences with recall = TP / positives.
    pub max_f1: Figure,
    /// The confidence at which `max_f1` is reached.
    #[serde(with = "super::number")]
    pub max_f1_confidence: f64,
}

/// Positives of one size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SizeFigures {
    /// `small`, `medium`, `large`, `huge`.
    pub size: String,
    pub clips: usize,
    pub accuracy: Vec<Accuracy>,
    pub auc: Figure,
}

/// Negatives of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NegativeFigures {
    pub kind: ClipKind,
    pub clips: usize,
    /// Smallest, quartiles and largest of the maps' peaks.
    #[serde(with = "super::number::list")]
    pub peaks: Vec<f64>,
    /// The same of the confidences.
    #[serde(with = "super::number::list")]
    pub confidences: Vec<f64>,
    /// The probability that a positive is more confident than one of these, ties counting half.
    pub separability: Figure,
    /// Mean share of the frame that is marked though nothing visible sounds.
    pub marked_share: Figure,
    /// AUC_N: the area under the share of these of which at most a fraction of the frame is marked.
    #[serde(with = "super::number")]
    pub marked_auc: f64,
    /// max-F1 (recall = TP / positives, main success threshold) over all positives and these negatives.
    pub max_f1: Figure,
}

/// Something that neither looks nor listens, on the same clips.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    pub accuracy: Vec<Accuracy>,
    pub auc: Figure,
    pub mean_ciou: Figure,
}

/// The references of the scored positives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReferenceFigures {
    pub centre_box: Reference,
    pub full_frame: Reference,
    pub fixed_probe: Reference,
    /// Absent where the rule has no fixed size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<Reference>,
}

/// IIoU and IAUC: right only where all sounds of a picture are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairSummary {
    pub groups: usize,
    pub success: f64,
    pub iiou: Figure,
    pub iauc: Figure,
}

/// Pictures in which several sources sound together, each with the boxes of one source as ground truth.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceSummary {
    /// Pictures.
    pub images: usize,
    /// A picture's cIoU is the mean over its sources; at 0.30000000000000004, as DSOL's code has it.
    pub success_at_30: Figure,
    pub success_at_50: Figure,
    pub auc: Figure,
    /// NSA: mean over the pictures of the share of the frame that the maps of silent classes leave silent; NaN where the
    /// model has no map a class, or nobody said which class is which.
    pub silent_area: Figure,
    /// Over the pictures with exactly two labels: mean of the two sources' cIoU, and cIoU against all boxes.
    pub class_aware: Figure,
    pub class_agnostic: Figure,
}

/// AVSBench's figures, where the score map is a probability.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SegmentationSummary {
    pub pictures: usize,
    /// Pictures in which nothing is to be marked: they count in `mean_iou` by what is left unmarked, and in no F-measure.
    pub without_target: usize,
    /// The pictures of one video make one F-measure.
    pub videos: usize,
    /// M_J: mean intersection over union.
    pub mean_iou: Figure,
    /// M_F as AVSBench's code has it: F-measure (β² = 0.3) of each video at its own best threshold, then the mean; a
    /// video without any target counts 0.
    pub f_measure: Figure,
    /// The same with one threshold for all pictures.
    pub f_measure_at_once: Figure,
}

/// Urbansas' own figure of one class over the frames that show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassAzimuth {
    pub class: String,
    pub frames: usize,
    pub iou: Figure,
}

/// Urbansas' own figure: mean intersection over union of the five regions across the frame that the mask marks (more than
/// a twentieth of their cells) with those that boxes reach, over every half second of a clip, then over the clips; all
/// vehicles are one class, and whether they are heard is not asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AzimuthSummary {
    /// Half seconds, each asked with the clip's own sound.
    pub frames: usize,
    /// Those with a box in the picture.
    pub active_frames: usize,
    pub all: Figure,
    pub active: Figure,
    /// Over the frames without: 1 where nothing is marked, else 0.
    pub inactive: Figure,
    /// Over all frames, of what neither looks nor listens.
    pub centre_box: Figure,
    pub full_frame: Figure,
    /// By label. A model that is not asked for single classes answers for each with its one map.
    pub classes: Vec<ClassAzimuth>,
}

/// One of the thresholds among which the best was taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BestOf {
    pub protocol: String,
    #[serde(with = "super::number")]
    pub auc: f64,
}

/// All figures of one model under one protocol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    pub model: String,
    pub protocol: String,
    /// Every choice that made the figures.
    pub choices: String,
    /// Rows with a map, and rows without (see their reasons).
    pub scored: usize,
    pub failed: usize,
    /// Scored rows by kind; rows about one of several sources are not counted.
    pub kinds: BTreeMap<ClipKind, usize>,
    /// At the protocol's thresholds, the main one first, then 0.5 and 0.3 where they are not among them.
    pub accuracy: Vec<Accuracy>,
    pub auc: Figure,
    pub mean_ciou: Figure,
    pub detection: Vec<DetectionFigures>,
    pub sizes: Vec<SizeFigures>,
    pub negatives: Vec<NegativeFigures>,
    /// The largest, over the kinds of negatives, of the third quartile of the maps' peaks.
    #[serde(with = "super::number")]
    pub universal_threshold: f64,
    /// Of the confidences of all positives and all negatives.
    pub separability: Figure,
    /// F_LOC and F_AUC of Juanola et al.: the harmonic means of mean cIoU and 1 − the marked share, and of AUC and
    /// AUC_N, the latter averaged over the kinds of negatives.
    #[serde(with = "super::number")]
    pub location_balance: f64,
    #[serde(with = "super::number")]
    pub auc_balance: f64,
    pub references: ReferenceFigures,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairs: Option<PairSummary>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sources: Option<SourceSummary>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segmentation: Option<SegmentationSummary>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azimuth: Option<AzimuthSummary>,
    /// How many maps may mean nothing, by the reason.
    pub degenerate: BTreeMap<String, usize>,
    /// Of a protocol that reports the best of several thresholds: all that were tried. The figures above are those of
    /// the one with the largest AUC.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub best_of: Vec<BestOf>,
    /// Mean over the positives of cIoU at the thresholds 0, 0.05 … 1 of the score map.
    #[serde(with = "super::number::list")]
    pub curve: Vec<f64>,
}

/// The mean of a model's maps, each stretched to 0..255 and brought to a coarse grid. Sums are whole numbers, so
/// that shards add up to exactly the sums of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeanMap {
    pub model: String,
    /// Rows and columns.
    pub side: usize,
    pub maps: u64,
    /// `side` × `side` sums in rows.
    pub sums: Vec<u64>,
}

impl MeanMap {
    /// The mean in 0..1.
    pub fn values(&self) -> Vec<f32> {
        let whole = 255.0 * self.maps.max(1) as f64;
        self.sums.iter().map(|&sum| (sum as f64 / whole) as f32).collect()
    }
}

/// A question without an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowFailure {
    pub clip: String,
    pub model: String,
    pub reason: String,
}

/// What `summary.json` holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    pub run: RunDescription,
    /// Rows of the table.
    pub rows: usize,
    /// Clips of which at least one question has no answer.
    pub failed_clips: usize,
    /// The first of them, once a clip and model.
    pub failures: Vec<RowFailure>,
    /// One a model and protocol, in the order of the run's description.
    pub results: Vec<Summary>,
    /// One a model that gave any map.
    pub mean_maps: Vec<MeanMap>,
}

impl RunSummary {
    /// Nothing is missing.
    pub fn is_whole(&self) -> bool {
        self.failed_clips == 0
    }

    /// The figures of a model under a protocol.
    pub fn result(&self, model: &str, protocol: &str) -> Option<&Summary> {
        self.results.iter().find(|result| result.model == model && result.protocol == protocol)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_that_do_not_exist_survive_json() {
        let text = serde_json::to_string(&Figure::NONE).unwrap();
        assert_eq!(text, r#"{"value":null,"low":null,"high":null}"#);
        assert!(serde_json::from_str::<Figure>(&text).unwrap().value.is_nan());
    }
}
