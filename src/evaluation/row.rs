use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::curve::{Curve, FLevels};
use super::regions::AzimuthRegions;
use crate::metrics::{SizeGroup, Verdict};

/// What is true of a scored question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClipKind {
    /// Something in the picture sounds (or, in sets that count silent frames as failures, was meant to).
    Positive,
    /// A negative: the clip's own sound, whose source is not seen.
    Real,
    /// A negative: the sound of a clip of another class.
    Easy,
    /// A negative: the sound of another clip of the same class.
    Hard,
    /// A negative: the sound of another clip, of which class is not known.
    Swapped,
    /// A negative: digital silence.
    Silence,
    /// A negative: white noise.
    Noise,
    /// A negative: what sounds is out of the picture.
    OffScreen,
    /// Nothing is known of what is true: there is a map, but no score.
    Unannotated,
    /// A half second of Urbansas that its lists of frames leave out: it counts only in the dataset's own figure over
    /// regions ([`ScoreRow::azimuth`]).
    RegionsOnly,
}

impl ClipKind {
    pub const ALL: [Self; 10] = [
        Self::Positive,
        Self::Real,
        Self::Easy,
        Self::Hard,
        Self::Swapped,
        Self::Silence,
        Self::Noise,
        Self::OffScreen,
        Self::Unannotated,
        Self::RegionsOnly,
    ];

    /// The word in files.
    pub fn word(self) -> &'static str {
        match self {
            Self::Positive => "positive",
            Self::Real => "real",
            Self::Easy => "easy",
            Self::Hard => "hard",
            Self::Swapped => "swapped",
            Self::Silence => "silence",
            Self::Noise => "noise",
            Self::OffScreen => "off-screen",
            Self::Unannotated => "unannotated",
            Self::RegionsOnly => "regions-only",
        }
    }

    /// Nothing visible sounds.
    pub fn is_negative(self) -> bool {
        self.is_judged() && self != Self::Positive
    }

    /// It is known whether something visible sounds, and that counts.
    pub fn is_judged(self) -> bool {
        !matches!(self, Self::Unannotated | Self::RegionsOnly)
    }
}

impl fmt::Display for ClipKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.word())
    }
}

impl FromStr for ClipKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|kind| kind.word() == text).ok_or_else(|| format!("unknown kind `{text}`"))
    }
}

/// One question: a clip (and a frame of it), a model, a protocol, a sound; and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScoreRow {
    /// Place of the clip in the dataset, from 0.
    pub clip_index: u64,
    pub clip: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Label of the model, see [`super::ModelDescription`].
    pub model: String,
    /// The protocol as [`crate::metrics::Protocol`] reads it.
    pub protocol: String,
    pub kind: ClipKind,
    /// What the model was asked with: `own`, `silence`, `noise`, the name of another file, or `text: …`.
    pub asked: String,
    /// The frame that was looked at, and its time in the clip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_secs: Option<f64>,
    /// Why this frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame_reason: Option<String>,
    /// Where a picture shows several sources that sound together: the label of the one whose boxes alone are the
    /// ground truth of this row. Such rows count only in the figures about sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The key that the sounds of one picture share (IS3, VPO-MS): they count together in IIoU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair: Option<String>,
    /// Boxes (or masks) of the ground truth.
    pub boxes: u64,
    /// ΣG as if on 224 × 224 cells: the measure of the size groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truth_area: Option<f64>,
    /// `None` where there is no map, no ground truth, or 0/0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ciou: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// Largest value of the model's own map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak: Option<f64>,
    /// Share of the frame that is positive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positive_share: Option<f64>,
    /// Centre of the positive cells, as fractions of the frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positive_x: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positive_y: Option<f64>,
    /// Why the mask may mean nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degenerate: Option<String>,
    /// cIoU of what neither looks nor listens, on the same ground truth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub centre_box: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_frame: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_probe: Option<f64>,
    /// The best that any mask of the rule's size reaches where the model sees; `None` where the rule has no fixed size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curve: Option<Curve>,
    /// Where the score map is a probability: F-measures at its levels (AVSBench).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub f_levels: Option<FLevels>,
    /// Where a model has a map a class and several things sound: mean share of the frame that the maps of the silent
    /// classes leave silent (DSOL's NSA).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent_share: Option<f64>,
    /// On Urbansas, of the clip's own sound: which regions across the frame are marked, and which boxes reach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azimuth: Option<AzimuthRegions>,
    /// Why there is no map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl ScoreRow {
    /// Side of the grid on which [`ScoreRow::truth_area`] is measured.
    pub const AREA_SIDE: f64 = 224.0;

    /// There is a map.
    pub fn is_scored(&self) -> bool {
        self.error.is_none()
    }

    /// The ground truth as a share of the frame.
    pub fn truth_share(&self) -> Option<f64> {
        self.truth_area.map(|area| area / (Self::AREA_SIDE * Self::AREA_SIDE))
    }

    /// The size group of a positive.
    pub fn size_group(&self) -> Option<SizeGroup> {
        (self.kind == ClipKind::Positive).then(|| self.truth_area.map(SizeGroup::of)).flatten()
    }

    /// The verdict, if the row was scored and something is known to be true of the clip. Every map is confident where
    /// no threshold is given.
    pub fn verdict(&self, success: f64, confidence_threshold: Option<f64>) -> Option<Verdict> {
        if !self.is_scored() || !self.kind.is_judged() {
            return None;
        }
        let ciou = self.ciou.unwrap_or(f64::NAN);
        let confidence = self.confidence.unwrap_or(f64::NAN);
        Some(Verdict::of(self.kind == ClipKind::Positive, ciou, success, confidence, confidence_threshold))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A scored positive.
    pub fn row(clip: &str, ciou: f64) -> ScoreRow {
        ScoreRow {
            clip_index: 0,
            clip: clip.to_owned(),
            class: Some("bell, \"small\"".into()),
            model: "lvs".into(),
            protocol: "ezvsl".into(),
            kind: ClipKind::Positive,
            asked: "own".into(),
            frame: Some(125),
            time_secs: Some(5.0),
            frame_reason: None,
            source: None,
            pair: None,
            boxes: 1,
            truth_area: Some(12_544.0),
            ciou: Some(ciou),
            confidence: Some(0.1 + 0.2),
            peak: Some(0.75),
            positive_share: Some(0.5),
            positive_x: Some(0.25),
            positive_y: Some(1.0 / 3.0),
            degenerate: None,
            centre_box: Some(0.3),
            full_frame: Some(0.25),
            fixed_probe: Some(0.31),
            ceiling: Some(0.5),
            curve: Some(Curve::new(std::array::from_fn(|step| 1.0 - step as f64 / 20.0))),
            f_levels: None,
            silent_share: None,
            azimuth: None,
            error: None,
        }
    }

    #[test]
    fn a_row_survives_json_to_the_last_digit() {
        let row = row("a", 1.0 / 3.0);
        let text = serde_json::to_string(&row).unwrap();
        assert_eq!(serde_json::from_str::<ScoreRow>(&text).unwrap(), row);
    }

    #[test]
    fn verdicts_follow_the_kind() {
        let hit = row("a", 0.6);
        assert_eq!(hit.verdict(0.5, None), Some(Verdict::Hit));
        assert_eq!(hit.verdict(0.5, Some(0.9)), Some(Verdict::MissedDetection));
        let negative = ScoreRow { kind: ClipKind::Noise, ciou: None, ..row("b", 0.0) };
        assert_eq!(negative.verdict(0.5, None), Some(Verdict::FalseAlarm));
        for kind in [ClipKind::Unannotated, ClipKind::RegionsOnly] {
            assert_eq!(ScoreRow { kind, ..row("c", 0.0) }.verdict(0.5, None), None);
        }
        assert_eq!(ScoreRow { error: Some("gone".into()), ..row("d", 0.0) }.verdict(0.5, None), None);
    }
}
