//! Which clips of a run are shown as pictures, and asking their models once more to draw them.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering as Memory};

use crate::dataset::Clip;
use crate::evaluation::asking::Keep;
use crate::evaluation::clip_answer::ClipAnswer;
use crate::evaluation::moments::{ScoredMoment, scored_moments};
use crate::evaluation::plan::{Plan, Request};
use crate::evaluation::saved_maps::FrameMap;
use crate::evaluation::{ClipKind, EvaluationError, RunSummary, Summary};
use crate::localizers::store::Shelf;
use crate::media::{self, FrameTable, Picture, VideoReader};
use crate::metrics::{GroundTruthMap, Protocol, TruthBox};

use super::clip_picture::{ClipPicture, Pictures, Shown, Subject};
use super::points::{Point, Points};

/// The clips of one result that are shown: the worst and the best positives, and the negatives of which the model is
/// most sure, each at most `count`.
pub fn chosen(points: &Points, count: usize) -> Vec<(Shown, &Point)> {
    let by = |value: fn(&Point) -> f64| {
        move |a: &&Point, b: &&Point| -> Ordering {
            // What is no number is worst.
            let sortable = |value: f64| if value.is_nan() { f64::NEG_INFINITY } else { value };
            sortable(value(a)).total_cmp(&sortable(value(b))).then(a.clip_index.cmp(&b.clip_index))
        }
    };
    let own = |point: &&Point| point.asked.as_ref() == "own" || point.asked.starts_with("text: ");
    let mut positives: Vec<&Point> = points.positives().filter(own).collect();
    positives.sort_by(by(|point| point.ciou));
    let worst = positives.len().div_ceil(2).min(count);
    let best = (positives.len() - worst).min(count);
    let mut negatives: Vec<&Point> = points.negatives().filter(own).collect();
    negatives.sort_by(by(|point| point.confidence));
    let worst = positives.iter().take(worst).map(|point| (Shown::Worst, *point));
    let best = positives.iter().rev().take(best).map(|point| (Shown::Best, *point));
    let loud = negatives.iter().rev().take(count).map(|point| (Shown::FalseAlarm, *point));
    worst.chain(best).chain(loud).collect()
}

/// Asks the models of a run once more about the clips that are shown, and draws them.
///
/// # Errors
/// The dataset or a model is not there any more, or is another one. A clip that cannot be drawn is left out.
pub fn clip_pictures(
    run: &RunSummary,
    points: &[Points],
    count: usize,
    shelf: &Shelf,
    stop: &Arc<AtomicBool>,
) -> Result<Vec<ClipPicture>, EvaluationError> {
    let mut pictures = Vec::new();
    for (place, model) in run.run.models.iter().enumerate() {
        let results = || run.results.iter().zip(points).filter(|(result, _)| result.model == model.label);
        // By clip, so that each is answered once whatever the number of protocols.
        let mut by_clip: BTreeMap<u64, Vec<(&Summary, Shown, &Point)>> = BTreeMap::new();
        for (result, points) in results() {
            for (shown, point) in chosen(points, count) {
                by_clip.entry(point.clip_index).or_default().push((result, shown, point));
            }
        }
        if by_clip.is_empty() {
            continue;
        }
        let plan = Plan::open(&request(run, &model.spec, model.system != "precomputed"), shelf)?;
        if plan.description.dataset.sha256 != run.run.dataset.sha256 {
            return Err(EvaluationError::Wrong("the dataset has changed since the run".into()));
        }
        let mut keep = Keep::default();
        let mut drawn = Vec::new();
        for (index, wanted) in by_clip {
            if stop.load(Memory::Relaxed) {
                return Ok(pictures);
            }
            let index = index as usize;
            let Some(clip) = plan.dataset.clips.get(index) else { continue };
            let answer = ClipAnswer::of(&plan, index, &mut keep, stop);
            let asked = answer.maps.first().and_then(|(_, asked)| asked.iter().find(|asked| asked.suffix.is_empty()));
            let Some(maps) = asked.map(|asked| asked.maps.as_slice()) else { continue };
            for (result, shown, point) in wanted {
                let subject = Subject {
                    model: place,
                    protocol: result.protocol.clone(),
                    shown,
                    clip: point.clip.to_string(),
                    class: point.class.as_deref().map(str::to_owned),
                    asked: point.asked.to_string(),
                    ciou: point.ciou,
                    confidence: point.confidence,
                    right: point.ciou >= result.accuracy.first().map_or(0.5, |accuracy| accuracy.success),
                };
                let pictures = picture_of(&plan, clip, protocol_of(result), maps, point, stop);
                let order = match shown {
                    Shown::Worst => point.ciou,
                    Shown::Best => -point.ciou,
                    Shown::FalseAlarm => -point.confidence,
                };
                drawn.extend(pictures.map(|pictures| (order, ClipPicture { subject, pictures })));
            }
        }
        drawn.sort_by(|a, b| a.0.total_cmp(&b.0));
        pictures.extend(drawn.into_iter().map(|(_, picture)| picture));
    }
    Ok(pictures)
}

/// The protocol whose rows are behind a result.
fn protocol_of(result: &Summary) -> &str {
    let best = result.best_of.iter().max_by(|a, b| a.auc.total_cmp(&b.auc));
    best.map_or(&result.protocol, |best| &best.protocol)
}

fn request(run: &RunSummary, spec: &str, pictures: bool) -> Request {
    let described = &run.run;
    Request {
        protocols: described.protocols.iter().map(|protocol| protocol.protocol.clone()).collect(),
        window: described.sound.window.parse().unwrap_or_default(),
        pictures,
        ..Request::new(described.dataset.path.clone(), vec![spec.to_owned()])
    }
}

/// The picture of one moment; `None` where the map, the frame or the protocol is not to be had.
fn picture_of(
    plan: &Plan,
    clip: &Clip,
    protocol: &str,
    maps: &[FrameMap],
    point: &Point,
    stop: &Arc<AtomicBool>,
) -> Option<Pictures> {
    let (frame, moment) = frame_of(plan, clip, point, stop)?;
    let map = maps.iter().find(|map| map.frame.map(|frame| frame as u64) == point.frame).or(maps.first())?;
    let protocol: Protocol = protocol.parse().ok()?;
    let protocol = protocol.for_benchmark(plan.dataset.benchmark.ground_truth_rule());
    let positive = moment.truth.kind == ClipKind::Positive;
    let boxes: Vec<TruthBox> = moment.truth.boxes.iter().map(|(one, _)| *one).filter(|_| positive).collect();
    let truth = GroundTruthMap::from_boxes(&boxes, protocol.truth, protocol.side);
    let score_map = protocol.score_map_against(&map.heatmap, Some(&truth));
    let mask = protocol.binarize(&score_map, Some(&truth), None).mask;
    let boxes = boxes.iter().map(|one| one.rect_fraction).collect();
    Pictures::new(&frame.rgb, [frame.size.width, frame.size.height], &score_map, &mask, boxes)
}

/// The pixels of the point's frame, and what is true of it.
fn frame_of(plan: &Plan, clip: &Clip, point: &Point, stop: &Arc<AtomicBool>) -> Option<(Picture, ScoredMoment)> {
    let path: &Path = clip.media.picture()?;
    let opened = media::open(path).ok()?;
    let table = Arc::new(FrameTable::read(&opened, stop).ok()?);
    let known = (!opened.is_still()).then_some(table.as_ref());
    let moments = scored_moments(clip, plan.dataset.benchmark, known).ok()?;
    let same = |moment: &&ScoredMoment| moment.frame.map(|frame| frame as u64) == point.frame;
    let moment = moments.iter().find(same).or(moments.first())?.clone();
    let mut reader = VideoReader::new(&opened, Arc::clone(&table), Arc::clone(stop));
    let picture = reader.frame(moment.frame.unwrap_or(0)).ok()?.to_picture();
    Some((picture, moment))
}
