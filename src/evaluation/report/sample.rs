//! A run made of arithmetic, for the tests of the page and of the tables.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::evaluation::{
    Accuracy, ClipKind, Correspondence, Curve, DatasetDescription, DetectionFigures, Figure, MeanMap, ModelDescription,
    Ndcg, NegativeFigures, ProtocolDescription, Recalls, Reference, ReferenceFigures, Relevance, Retrieval,
    RetrievalRun, RowFailure, RuledAccuracy, RunDescription, RunSummary, ScoreRow, Similarity, SizeFigures,
    SoundDescription, Summary,
};

/// A name with everything that could break out of a page or a table.
pub const HOSTILE: &str = "</td><script>alert(1)</script>\"'&|`\\end{table}$_%#";

fn figure(value: f64) -> Figure {
    Figure { value, low: value - 0.02, high: value + 0.02 }
}

fn accuracy(value: f64) -> Vec<Accuracy> {
    vec![Accuracy { success: 0.5, rate: figure(value) }, Accuracy { success: 0.3, rate: figure(value + 0.2) }]
}

fn reference(value: f64) -> Reference {
    Reference { accuracy: accuracy(value), auc: figure(value + 0.05), mean_ciou: figure(value + 0.04) }
}

fn summary(model: &str, value: f64) -> Summary {
    let negative = NegativeFigures {
        kind: ClipKind::Easy,
        clips: 60,
        peaks: vec![0.1, 0.2, 0.3, 0.4, 0.5],
        confidences: vec![0.1, 0.2, 0.3, 0.4, 0.5],
        separability: figure(0.6),
        marked_share: figure(0.5),
        marked_auc: 0.525,
        max_f1: figure(0.4),
    };
    Summary {
        model: model.into(),
        protocol: "lvs".into(),
        choices: "upsample cv-bilinear, binarize median-gt".into(),
        scored: 180,
        failed: 1,
        kinds: BTreeMap::from([(ClipKind::Positive, 120), (ClipKind::Easy, 60)]),
        accuracy: accuracy(value),
        auc: figure(value + 0.05),
        mean_ciou: figure(value + 0.04),
        detection: vec![DetectionFigures {
            subset: "all".into(),
            success: 0.5,
            clips: 180,
            precision: figure(0.3),
            average_precision_as_published: figure(0.35),
            average_precision: figure(0.25),
            max_f1_as_published: figure(0.4),
            max_f1_over_all: figure(0.42),
            max_f1: figure(0.38),
            max_f1_confidence: 0.51,
        }],
        sizes: vec![SizeFigures { size: "small".into(), clips: 20, accuracy: accuracy(0.0), auc: figure(0.1) }],
        negatives: vec![negative],
        universal_threshold: 0.4,
        separability: figure(0.6),
        location_balance: 0.41,
        auc_balance: 0.43,
        references: ReferenceFigures {
            centre_box: reference(0.32),
            full_frame: reference(0.22),
            fixed_probe: reference(0.33),
            ceiling: Some(reference(0.50)),
        },
        pairs: None,
        sources: None,
        segmentation: None,
        azimuth: None,
        degenerate: BTreeMap::new(),
        best_of: Vec::new(),
        curve: (0..21).map(|step| 0.3 - f64::from(step * step) / 2000.0).collect(),
    }
}

/// Two models on VGG-SS's list, one of them hostile.
pub fn run() -> RunSummary {
    let model = |label: &str, system: &str| ModelDescription {
        label: label.into(),
        system: system.into(),
        spec: system.into(),
        files: Vec::new(),
        remark: None,
    };
    RunSummary {
        run: RunDescription {
            software: "sonolens 0".into(),
            dataset: DatasetDescription {
                name: HOSTILE.into(),
                path: PathBuf::from("/data"),
                benchmark: "VGG-SS".into(),
                list: Some("vggss_test.csv (5158: all of VGG-SS)".into()),
                clips: 5158,
                missing: 7,
                corrected: 0,
                sha256: "00".repeat(32),
                ground_truth: "union".into(),
            },
            models: vec![model("lvs", "lvs"), model(HOSTILE, "ez-vsl")],
            protocols: vec![ProtocolDescription {
                protocol: "lvs".into(),
                choices: "upsample cv-bilinear, binarize median-gt".into(),
                success: vec![0.5],
                tried: Vec::new(),
            }],
            sound: SoundDescription { window: "auto".into(), also: Vec::new() },
            classes: None,
            limit: None,
            shard: None,
        },
        rows: 360,
        failed_clips: 1,
        failures: vec![RowFailure { clip: HOSTILE.into(), model: "lvs".into(), reason: HOSTILE.into() }],
        results: vec![summary("lvs", 0.344), summary(HOSTILE, 0.30)],
        mean_maps: vec![MeanMap { model: "lvs".into(), side: 2, maps: 2, sums: vec![10, 500, 20, 40] }],
    }
}

/// The rows behind [`run`].
pub fn rows() -> Vec<ScoreRow> {
    let mut rows = Vec::new();
    for (number, model) in ["lvs", HOSTILE].into_iter().enumerate() {
        for clip in 0..180u64 {
            let wave = (clip * 37 % 101) as f64 / 101.0;
            let positive = clip < 120;
            rows.push(ScoreRow {
                clip_index: clip,
                clip: if clip == 0 { HOSTILE.into() } else { format!("clip{clip}") },
                class: Some(if clip % 3 == 0 { HOSTILE.into() } else { format!("class {}", clip % 3) }),
                model: model.into(),
                protocol: "lvs".into(),
                kind: if positive { ClipKind::Positive } else { ClipKind::Easy },
                asked: "own".into(),
                frame: None,
                time_secs: None,
                frame_reason: None,
                source: None,
                pair: None,
                boxes: if positive { 1 + clip % 3 } else { 0 },
                truth_area: positive.then_some(50_176.0 * wave),
                ciou: positive.then_some((wave * 0.8 + 0.1 * number as f64).min(1.0)),
                confidence: Some(0.3 + 0.5 * wave - if positive { 0.0 } else { 0.1 }),
                peak: Some(wave),
                positive_share: Some(0.5),
                positive_x: Some(wave),
                positive_y: Some(1.0 - wave),
                degenerate: None,
                centre_box: positive.then_some(wave * 0.6),
                full_frame: positive.then_some(wave),
                fixed_probe: positive.then_some(wave * 0.65),
                ceiling: positive.then_some((wave * 2.0).min(1.0)),
                curve: Some(Curve::new([wave; Curve::POINTS])),
                f_levels: None,
                silent_share: None,
                azimuth: None,
                error: None,
            });
        }
    }
    rows
}

/// An answer of `retrieve`.
pub fn retrieved() -> super::Retrieved {
    let way = Recalls {
        stable: [0.1, 0.3, 0.5],
        optimistic: [0.2, 0.4, 0.6],
        pessimistic: [0.1, 0.3, 0.5],
        intervals: [[0.05, 0.15], [0.2, 0.4], [0.4, 0.6]],
        median_rank: 9.0,
        curve: vec![0.1, 0.2, 0.25, 0.28, 0.3],
    };
    let result = Retrieval {
        model: HOSTILE.into(),
        similarity: Similarity::Peak,
        clips: 50,
        audio_to_image: way.clone(),
        image_to_audio: way,
        correspondence: Some(Correspondence {
            seed: 1,
            own_above_other: figure(0.8),
            accuracy: Some(RuledAccuracy { rule: HOSTILE.into(), accuracy: figure(0.7) }),
        }),
        ndcg: Some(Ndcg { clips: 48, audio_to_image: figure(0.6), image_to_audio: figure(0.5), chance: 0.4 }),
        failures: Vec::new(),
    };
    super::Retrieved(RetrievalRun {
        run: run().run,
        similarity: Similarity::Peak,
        relevance: Some(Relevance::Class),
        results: vec![result],
        deaf: vec!["centre-box".into()],
    })
}
