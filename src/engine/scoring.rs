use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::dataset::{ClipAnnotations, Moment};
use crate::geometry::Size;
use crate::heatmap::{Grid, Heatmap};
use crate::metrics::references::rule_ceiling;
use crate::metrics::{
    Binarized, Bitmap, CiouCurve, GroundTruthMap, GroundTruthRule, Protocol, ScoreMap, TruthBox, Verdict, ciou,
};

/// Tells rules of scoring apart; a changed protocol, threshold or truth makes a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScoringKey(u64);

static NEXT_SCORING: AtomicU64 = AtomicU64::new(1);

/// How the maps of one clip are scored: the protocol, a threshold of the user's own, the truth of every frame.
pub struct Scoring {
    key: ScoringKey,
    pub protocol: Protocol,
    /// `None`: the protocol's own.
    pub threshold: Option<f32>,
    truth: Arc<TruthTrack>,
    centre_box: Binarized,
    full_frame: Binarized,
    fixed_blob: ScoreMap,
}

/// The ground-truth map of every frame of a clip; frames with the same boxes share one.
pub struct TruthTrack {
    /// A place in `maps` a frame; empty when the clip has no annotations.
    of_frame: Vec<u32>,
    maps: Vec<Arc<GroundTruthMap>>,
}

/// One map's figures on one frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrameReadout {
    /// `None` where the frame has no ground truth, or nothing visible sounds.
    pub ciou: Option<f64>,
    pub confidence: Option<f64>,
    pub verdict: Option<Verdict>,
    pub threshold: f32,
    /// Positive cells must exceed the threshold, not only reach it.
    pub strict: bool,
    /// Share of the protocol's grid that is positive.
    pub positive_share: f64,
    /// The mask says nothing about where the map is high.
    pub degenerate: bool,
}

/// What maps that hear nothing score on the same frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct References {
    pub centre_box: f64,
    pub full_frame: f64,
    /// The one fixed Gaussian blob.
    pub fixed_blob: f64,
    /// The best that any mask of the rule's size can reach; `None` for rules without a fixed size.
    pub ceiling: Option<f64>,
}

impl TruthTrack {
    /// No annotations.
    pub fn none() -> Self {
        Self { of_frame: Vec::new(), maps: Vec::new() }
    }

    /// The truth of frames shown from `frame_secs[i]` to `until_secs[i]`. Only what sounds counts as truth.
    pub fn new(
        annotations: &ClipAnnotations,
        frame_secs: &[f64],
        end_secs: f64,
        rule: GroundTruthRule,
        side: usize,
    ) -> Self {
        let mut track = Self::none();
        let mut last: Option<Vec<TruthBox>> = None;
        for (index, &secs) in frame_secs.iter().enumerate() {
            let until_secs = frame_secs.get(index + 1).copied().unwrap_or(end_secs);
            let boxes = sounding_boxes(annotations, Moment::of_frame(index as u64, secs, until_secs - secs));
            if last.as_ref() != Some(&boxes) {
                track.maps.push(Arc::new(GroundTruthMap::from_boxes(&boxes, rule, side)));
                last = Some(boxes);
            }
            track.of_frame.push(track.maps.len().saturating_sub(1) as u32);
        }
        track
    }

    pub fn at(&self, frame: usize) -> Option<&Arc<GroundTruthMap>> {
        self.maps.get(*self.of_frame.get(frame)? as usize)
    }
}

fn sounding_boxes(annotations: &ClipAnnotations, moment: Moment) -> Vec<TruthBox> {
    let mut annotators: Vec<&str> = Vec::new();
    let shown = annotations.at(moment);
    shown
        .iter()
        .filter(|shown| shown.sounding && shown.annotation.visible)
        .map(|shown| TruthBox {
            rect_fraction: shown.rect_fraction,
            annotator: shown.annotation.annotator.as_deref().map(|name| {
                let known = annotators.iter().position(|other| *other == name);
                known.unwrap_or_else(|| {
                    annotators.push(name);
                    annotators.len() - 1
                }) as u32
            }),
        })
        .collect()
}

impl Scoring {
    pub fn new(protocol: Protocol, threshold: Option<f32>, truth: Arc<TruthTrack>) -> Self {
        let side = protocol.side;
        let fixed_blob = protocol.score_map(&fixed_blob());
        Self {
            key: ScoringKey(NEXT_SCORING.fetch_add(1, Ordering::Relaxed)),
            centre_box: of_mask(centre_box(side)),
            full_frame: of_mask(Bitmap::from_fn(side, |_| true)),
            fixed_blob,
            protocol,
            threshold,
            truth,
        }
    }

    pub fn key(&self) -> ScoringKey {
        self.key
    }

    pub fn truth(&self, frame: usize) -> Option<&Arc<GroundTruthMap>> {
        self.truth.at(frame)
    }

    /// The map on the protocol's grid.
    pub fn score_map(&self, frame: usize, heatmap: &Heatmap) -> ScoreMap {
        self.protocol.score_map_against(heatmap, self.truth.at(frame).map(AsRef::as_ref))
    }

    /// The same and its figures.
    pub fn score(&self, frame: usize, heatmap: &Heatmap) -> (ScoreMap, FrameReadout) {
        let truth = self.truth.at(frame).map(AsRef::as_ref);
        let map = self.score_map(frame, heatmap);
        let binarized = self.protocol.binarize(&map, truth, self.threshold);
        let confidence = self.protocol.confidence(heatmap);
        let scored = truth.filter(|truth| truth.boxes() > 0);
        let ciou = scored.map(|truth| self.protocol.ciou(&binarized, truth));
        let verdict = ciou.map(|ciou| Verdict::of(true, ciou, self.protocol.success_threshold(), confidence, None));
        let cells = (self.protocol.side * self.protocol.side).max(1);
        let readout = FrameReadout {
            ciou,
            confidence: confidence.is_finite().then_some(confidence),
            verdict,
            threshold: binarized.threshold,
            strict: binarized.strict,
            positive_share: binarized.positives as f64 / cells as f64,
            degenerate: map.degenerate.is_some(),
        };
        (map, readout)
    }

    /// cIoU over the threshold for a map of this frame; `None` without something that sounds.
    pub fn curve(&self, frame: usize, map: &ScoreMap, strict: bool) -> Option<CiouCurve> {
        let truth = self.truth.at(frame).filter(|truth| truth.boxes() > 0)?;
        Some(CiouCurve::new(map, truth, strict, 64))
    }

    /// What maps that hear nothing score here; `None` where nothing sounds in view.
    pub fn references(&self, frame: usize) -> Option<References> {
        let truth = self.truth.at(frame).filter(|truth| truth.boxes() > 0)?;
        let blob = self.protocol.binarize(&self.fixed_blob, Some(truth), None);
        Some(References {
            centre_box: ciou(&self.centre_box, truth),
            full_frame: ciou(&self.full_frame, truth),
            fixed_blob: ciou(&blob, truth),
            ceiling: rule_ceiling(&self.protocol, truth),
        })
    }
}

/// A mask as a binarized map.
fn of_mask(mask: Bitmap) -> Binarized {
    Binarized { threshold: 0.0, strict: true, positives: mask.count(), mask }
}

/// The papers' centre-box baseline: a centred square of half the picture's area, [33, 191) on 224 cells.
fn centre_box(side: usize) -> Bitmap {
    let width = (side as f64 * 0.5f64.sqrt()).trunc() as usize;
    let start = (side - width) / 2;
    let mut mask = Bitmap::new(side);
    mask.fill(start..start + width, start..start + width);
    mask
}

/// One Gaussian a little above the middle of a 14 × 14 grid, the same for every picture.
fn fixed_blob() -> Heatmap {
    let grid = Grid::from_fn(14, 14, |row, column| {
        let x = (column as f64 - 6.13) / 3.7;
        let y = (row as f64 - 6.81) / 3.1;
        (-0.5 * (x * x + y * y)).exp() as f32
    });
    Heatmap { nominal_range: Some([0.0, 1.0]), ..Heatmap::over_whole_frame(grid, Size::new(224, 224)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Annotation;
    use crate::geometry::Rect;
    use crate::metrics::protocols;

    fn lvs() -> Protocol {
        protocols()[0].protocol.for_benchmark(GroundTruthRule::Union)
    }

    #[test]
    fn truth_follows_time_and_frames_share_maps() {
        let boxes = vec![Annotation::new(Rect::new(0.0, 0.0, 0.5, 1.0), Some("bell".into()))];
        let annotations = ClipAnnotations::of_boxes(boxes);
        let track = TruthTrack::new(&annotations, &[0.0, 0.04, 0.08], 0.12, GroundTruthRule::Union, 224);
        assert_eq!(track.maps.len(), 1);
        assert_eq!(track.at(2).unwrap().full_cells(), 112 * 224);
        assert!(track.at(3).is_none());
        assert!(TruthTrack::none().at(0).is_none());
    }

    #[test]
    fn references_are_those_of_the_papers() {
        let boxes = vec![Annotation::new(Rect::new(0.25, 0.25, 0.75, 0.75), None)];
        let truth = TruthTrack::new(&ClipAnnotations::of_boxes(boxes), &[0.0], 1.0, GroundTruthRule::Union, 224);
        let references = Scoring::new(lvs(), None, Arc::new(truth)).references(0).unwrap();
        let box_cells = 112.0 * 112.0;
        assert!((references.centre_box - box_cells / (158.0 * 158.0)).abs() < 1e-12);
        assert!((references.full_frame - 0.25).abs() < 1e-12);
        assert!((references.ceiling.unwrap() - box_cells / 25_087.0).abs() < 1e-12);
    }

    #[test]
    fn without_annotations_there_is_no_figure_but_a_map() {
        let scoring = Scoring::new(lvs(), None, Arc::new(TruthTrack::none()));
        let (map, readout) = scoring.score(0, &fixed_blob());
        assert_eq!((readout.ciou, readout.verdict), (None, None));
        assert_eq!(map.grid.rows(), 224);
        assert!((readout.positive_share - 25_087.0 / 50_176.0).abs() < 1e-12);
        assert!(scoring.references(0).is_none());
    }

    #[test]
    fn the_centre_box_model_scores_its_own_box_in_full() {
        let cell = |cell: f64| (cell + 0.1) / 224.0;
        let boxes = vec![Annotation::new(Rect::new(cell(33.0), cell(33.0), cell(191.0), cell(191.0)), None)];
        let truth = TruthTrack::new(&ClipAnnotations::of_boxes(boxes), &[0.0], 1.0, GroundTruthRule::Union, 224);
        let localizer = crate::localizers::registry::open("centre-box", &[]).unwrap();
        let picture = crate::media::Picture::filled(Size::new(96, 64), [0; 3]);
        let input = crate::localizers::FrameInput { picture: &picture, next: None, index: 0, clip: "" };
        let features = localizer.encode_image(&input).unwrap();
        let embedding = localizer.encode_query(&crate::localizers::Query::Text("")).unwrap();
        let heatmap = localizer.join(&features, &embedding).unwrap();
        let (_, readout) = Scoring::new(lvs(), None, Arc::new(truth)).score(0, &heatmap);
        assert_eq!(readout.ciou, Some(1.0), "{readout:?}");
    }

    #[test]
    fn the_users_threshold_replaces_the_rules() {
        let scoring = Scoring::new(lvs(), Some(0.9), Arc::new(TruthTrack::none()));
        let (_, readout) = scoring.score(0, &fixed_blob());
        assert_eq!(readout.threshold, 0.9);
        assert!(readout.positive_share < 0.1);
    }
}
