//! What is asked about one moment of a clip, and what is true of each question.

use super::moments::Truth;
use super::plan::Plan;
use super::row::ClipKind;
use super::scorer::{References, Scorer};
use crate::dataset::Benchmark;
use crate::heatmap::Grid;
use crate::metrics::{GroundTruthMap, TruthBox};

/// What a model is asked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Asked {
    Own,
    Silence,
    Noise,
    /// The sound of the clip at this place of the dataset.
    Other(usize),
}

/// The next clip of another class that has a sound: what is heard of it is not in the picture.
fn off_screen(plan: &Plan, index: usize) -> Option<usize> {
    let clips = &plan.dataset.clips;
    let class = clips.get(index)?.class.as_deref()?;
    (1..clips.len()).map(|step| (index + step) % clips.len()).find(|&other| {
        clips.get(other).is_some_and(|clip| {
            clip.class.as_deref().is_some_and(|own| own != class)
                && clip.negative.is_none()
                && clip.media.sound().is_some()
        })
    })
}

/// What is asked about one moment.
pub struct Question<'a> {
    pub asked: Asked,
    pub kind: ClipKind,
    /// As rows name it.
    pub name: String,
    /// The one source whose boxes count, where several sound together.
    pub source: Option<&'a str>,
}

impl Question<'_> {
    /// What follows the clip's name where its map is saved.
    pub fn suffix(&self) -> String {
        match (self.asked, self.source) {
            (Asked::Own, None) => String::new(),
            (Asked::Own, Some(source)) => format!("@label:{source}"),
            (Asked::Silence, _) => "@silence".into(),
            (Asked::Noise, _) => "@noise".into(),
            (Asked::Other(_), _) => "@off-screen".into(),
        }
    }
}

/// What is asked about a moment of the clip at `index`.
pub fn questions<'a>(plan: &Plan, index: usize, truth: &'a Truth) -> Vec<Question<'a>> {
    let own = |source| Question { asked: Asked::Own, kind: truth.kind, name: "own".into(), source };
    let mut questions = vec![own(None)];
    if !matches!(truth.kind, ClipKind::Positive | ClipKind::RegionsOnly) {
        return questions;
    }
    let labels = truth.labels();
    let of_sources = matches!(
        plan.dataset.benchmark,
        Benchmark::MusicDuet | Benchmark::MusicSynthetic | Benchmark::AudioSetInstruments
    );
    if labels.len() > 1 || (of_sources && !labels.is_empty()) {
        questions.extend(labels.into_iter().map(|label| own(Some(label))));
    }
    for kind in plan.also.iter().filter(|_| truth.kind == ClipKind::Positive) {
        let (asked, name) = match kind {
            ClipKind::Silence => (Asked::Silence, "silence".to_owned()),
            ClipKind::Noise => (Asked::Noise, "noise".to_owned()),
            // Of a saved map it is not known which other clip was heard.
            other if !plan.pictures => (Asked::Other(index), other.word().to_owned()),
            _ => {
                let Some(other) = off_screen(plan, index) else { continue };
                let name = plan.dataset.clips.get(other).map(|clip| clip.id.clone()).unwrap_or_default();
                (Asked::Other(other), name)
            }
        };
        questions.push(Question { asked, kind: *kind, name, source: None });
    }
    questions
}

/// The boxes that count in a question.
pub fn counted<'a>(truth: &'a Truth, question: &'a Question) -> impl Iterator<Item = &'a TruthBox> + Clone {
    let counts = |label: Option<&str>| question.source.is_none() || question.source == label;
    let boxes = truth.boxes.iter().filter(|_| question.kind == ClipKind::Positive);
    boxes.filter(move |(_, label)| counts(label.as_deref())).map(|(one, _)| one)
}

/// The ground-truth maps of a question and their references, one a scorer.
pub fn truths(
    plan: &Plan,
    truth: &Truth,
    question: &Question,
    masks: &[Grid],
) -> Vec<Option<(GroundTruthMap, Option<References>)>> {
    let make = |scorer: &Scorer| {
        let (rule, side) = (scorer.protocol.truth, scorer.protocol.side);
        if !question.kind.is_judged() {
            return None;
        }
        let boxes: Vec<TruthBox> = counted(truth, question).copied().collect();
        let map = match masks {
            [first, ..] if boxes.is_empty() && question.kind == ClipKind::Positive => {
                GroundTruthMap::from_mask(&joined(first, masks), side, masks.len())
            }
            _ => GroundTruthMap::from_boxes(&boxes, rule, side),
        };
        let references = (question.kind == ClipKind::Positive).then(|| scorer.references(&map));
        Some((map, references))
    };
    plan.scorers.iter().map(make).collect()
}

/// All masks in one, on the grid of the first.
fn joined(first: &Grid, masks: &[Grid]) -> Grid {
    Grid::from_fn(first.rows(), first.columns(), |row, column| {
        let under = |mask: &Grid| mask.get(row * mask.rows() / first.rows(), column * mask.columns() / first.columns());
        if masks.iter().any(|mask| under(mask).is_some_and(|value| value > 0.0)) { 1.0 } else { 0.0 }
    })
}
