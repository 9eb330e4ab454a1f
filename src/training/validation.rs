//! How well a state of the weights localizes: through the system's own localizer, on samples it never learned from.

use serde::{Deserialize, Serialize};

use super::TrainError;
use super::sample::Sample;
use crate::geometry::{Point, Rect};
use crate::heatmap::Heatmap;
use crate::localizers::{FrameInput, Localizer, Query, WindowRule, registry};
use crate::metrics::{GroundTruthMap, GroundTruthRule, Protocol, TruthBox, mean, success_rate};
use crate::network::StateDict;

/// The figures of one state.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    pub samples: usize,
    /// Mean consensus intersection over union.
    pub ciou: f64,
    /// The share of samples whose cIoU reaches the protocol's threshold.
    pub success: f64,
    /// The share of samples whose highest place lies in a box.
    pub pointing: f64,
    /// The same when every sample is asked with another sample's sound: what looking without listening gives.
    pub pointing_with_wrong_sound: f64,
}

/// Asks the weights, as the system they are of, where the samples sound.
pub fn validate(
    system: &str,
    weights: &StateDict,
    samples: &[Sample],
    protocol: &Protocol,
) -> Result<Validation, TrainError> {
    let localizer = registry::build(system, weights)?;
    let protocol = protocol.for_benchmark(GroundTruthRule::Union);
    let samples: Vec<&Sample> = samples.iter().filter(|sample| !sample.boxes.is_empty()).collect();
    let (mut cious, mut pointed, mut pointed_wrongly) = (Vec::new(), 0, 0);
    let mut queries = Vec::new();
    for sample in &samples {
        queries.push(ask(&*localizer, sample)?);
    }
    for (index, sample) in samples.iter().enumerate() {
        let frame = FrameInput { picture: &sample.picture, next: None, index: 0, clip: "" };
        let features = localizer.encode_image(&frame)?;
        let heatmap = localizer.join(&features, &queries[index])?;
        let boxes: Vec<TruthBox> = sample.boxes.iter().map(|&rect| TruthBox::new(rect)).collect();
        let truth = GroundTruthMap::from_boxes(&boxes, protocol.truth, protocol.side);
        cious.push(protocol.score(&heatmap, &truth));
        pointed += usize::from(points_into(&heatmap, &sample.boxes));
        // The next sample of another class, or just the next where classes are not known.
        let other = (1..samples.len())
            .map(|step| (index + step) % samples.len())
            .find(|&other| samples[other].class != sample.class)
            .unwrap_or((index + 1) % samples.len());
        pointed_wrongly += usize::from(points_into(&localizer.join(&features, &queries[other])?, &sample.boxes));
    }
    let share = |count: usize| count as f64 / samples.len().max(1) as f64;
    let known: Vec<f64> = cious.into_iter().filter(|ciou| ciou.is_finite()).collect();
    Ok(Validation {
        samples: samples.len(),
        ciou: if known.is_empty() { 0.0 } else { mean(&known) },
        success: if known.is_empty() { 0.0 } else { success_rate(&known, protocol.success_threshold()) },
        pointing: share(pointed),
        pointing_with_wrong_sound: share(pointed_wrongly),
    })
}

fn ask(localizer: &dyn Localizer, sample: &Sample) -> Result<crate::localizers::QueryEmbedding, TrainError> {
    let info = localizer.info();
    if let (true, Some(class)) = (info.reads_text, &sample.class) {
        return Ok(localizer.encode_query(&Query::Text(class))?);
    }
    let sound = match info.hearing {
        Some(hearing) => hearing.prepare(&sample.sound),
        None => std::borrow::Cow::Borrowed(&sample.sound),
    };
    let window = localizer.audio_window(WindowRule::Follow, sample.moment_secs, sound.duration_secs());
    Ok(localizer.encode_query(&Query::Sound { sound: &sound, window })?)
}

/// Whether the map's highest place (the middle of its cell) lies in one of the boxes.
fn points_into(heatmap: &Heatmap, boxes: &[Rect]) -> bool {
    let (rows, columns) = (heatmap.values.rows(), heatmap.values.columns());
    let mut peak = (0, f32::NEG_INFINITY);
    for (at, &value) in heatmap.values.values().iter().enumerate() {
        if value > peak.1 {
            peak = (at, value);
        }
    }
    let covers = heatmap.covers_fraction();
    let x = (peak.0 % columns) as f64 + 0.5;
    let y = (peak.0 / columns) as f64 + 0.5;
    let place = Point {
        x: covers.left + covers.width() * x / columns as f64,
        y: covers.top + covers.height() * y / rows as f64,
    };
    boxes.iter().any(|rect| rect.contains(place))
}
