//! From a matrix of similarities to its figures: recall, graded relevance, correspondence.

use serde::{Deserialize, Serialize};

use super::relevance::Gains;
use super::summary::Figure;
use crate::metrics::retrieval::{
    Direction, Similarities, Ties, correspondence_accuracy, drawn_others, median_rank, ndcg_by_chance, recall_at,
};
use crate::metrics::{RESAMPLINGS, bootstrap_means, mean};

/// Of the bootstrap: the same ranks give the same intervals.
const SEED: u64 = 0x5e7_41e7;
/// Of the draw of other clips' sounds.
pub const DRAW_SEED: u64 = 1;
/// Largest rank, where there are so many clips, of which the recall is given.
const CURVE_POINTS: usize = 100;
/// How far down the list nDCG looks, as objects-that-sound does.
pub const NDCG_PLACES: usize = 30;

/// R@k in one direction. Ties with the true pair count as a stable sort leaves them, for it, and against it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recalls {
    /// R@1, R@5, R@10.
    pub stable: [f64; 3],
    pub optimistic: [f64; 3],
    pub pessimistic: [f64; 3],
    /// 95 % bootstrap intervals of `pessimistic` over the questions.
    pub intervals: [[f64; 2]; 3],
    pub median_rank: f64,
    /// R@1, R@2 … R@100 or as far as there are clips, ties against the pair.
    pub curve: Vec<f64>,
}

impl Recalls {
    /// Of the true pairs of a matrix.
    pub(super) fn of(matrix: &Similarities, direction: Direction) -> Self {
        let of = |ties: Ties| {
            let ranks = matrix.ranks(direction, ties);
            [1, 5, 10].map(|k| recall_at(&ranks, k))
        };
        let pessimistic = matrix.ranks(direction, Ties::Pessimistic);
        let found: Vec<f64> =
            pessimistic.iter().flat_map(|&rank| [1, 5, 10].map(|k| f64::from(u8::from(rank <= k)))).collect();
        let mut intervals = bootstrap_means(&found, 3, RESAMPLINGS, SEED).into_iter().map(|one| [one.low, one.high]);
        Self {
            stable: of(Ties::Stable),
            optimistic: of(Ties::Optimistic),
            pessimistic: of(Ties::Pessimistic),
            intervals: std::array::from_fn(|_| intervals.next().unwrap_or([f64::NAN; 2])),
            median_rank: median_rank(&matrix.ranks(direction, Ties::Stable)),
            curve: (1..=CURVE_POINTS.min(pessimistic.len())).map(|k| recall_at(&pessimistic, k)).collect(),
        }
    }
}

/// nDCG@30 both ways over the clips that have a class, each with its own pair among the answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ndcg {
    /// Questions: clips that have a class.
    pub clips: usize,
    pub audio_to_image: Figure,
    pub image_to_audio: Figure,
    /// What a random order reaches on average.
    #[serde(with = "super::number")]
    pub chance: f64,
}

impl Ndcg {
    /// `None` where no answer gains anything, as without any class.
    pub(super) fn of(matrix: &Similarities, gains: &Gains) -> Option<Self> {
        let (mut values, mut chances) = (Vec::new(), Vec::new());
        for clip in gains.clips() {
            let gains = gains.to(clip);
            let directions = [Direction::AudioToImage, Direction::ImageToAudio];
            let found = directions.map(|direction| matrix.ndcg(direction, clip, &gains, NDCG_PLACES));
            if found.iter().all(|value| value.is_finite()) {
                values.extend(found);
                chances.push(ndcg_by_chance(&gains, NDCG_PLACES));
            }
        }
        let [audio_to_image, image_to_audio] = figures(&values);
        (!chances.is_empty()).then(|| Self {
            clips: chances.len(),
            audio_to_image,
            image_to_audio,
            chance: mean(&chances),
        })
    }
}

/// Whether a model tells a clip's own sound from another's: each clip once with its own and once with that of another
/// clip, drawn at random. Intervals are over clips; chance is one half.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Correspondence {
    /// Of the draw among the clips that took part, in their order: SplitMix64, one number a clip.
    pub seed: u64,
    /// How often the own sound's similarity is above the other's: a choice between two, without any threshold. It is no
    /// AVC accuracy, which decides about each pair alone. Ties count as wrong.
    pub own_above_other: Figure,
    /// AVC accuracy: the share of right decisions among all pairs, by the system's own rule; `None` where its authors
    /// published none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<RuledAccuracy>,
}

/// A figure and the rule that made it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuledAccuracy {
    pub rule: String,
    pub accuracy: Figure,
}

/// What a system's own rule decided about all pairs.
pub(super) struct Decisions<'a> {
    /// The rule in words.
    pub words: &'a str,
    /// Whether a sound and an image, by the places of their clips, belong together.
    pub corresponds: &'a dyn Fn(usize, usize) -> bool,
}

impl Correspondence {
    pub(super) fn of(matrix: &Similarities, decisions: Option<Decisions>) -> Self {
        let others = drawn_others(matrix.clips(), DRAW_SEED);
        let chosen: Vec<f64> = others
            .iter()
            .enumerate()
            .map(|(clip, &other)| f64::from(u8::from(matrix.prefers_own_sound(clip, other))))
            .collect();
        let accuracy = decisions.map(|Decisions { words, corresponds }| {
            let of_clip = |(clip, &other): (usize, &usize)| {
                let found = [clip, other].map(|sound| u8::from(!corresponds(sound, clip)));
                correspondence_accuracy(&found, &[0, 1])
            };
            let [accuracy] = figures(&others.iter().enumerate().map(of_clip).collect::<Vec<f64>>());
            RuledAccuracy { rule: words.to_owned(), accuracy }
        });
        let [own_above_other] = figures(&chosen);
        Self { seed: DRAW_SEED, own_above_other, accuracy }
    }
}

/// Means over clips with their intervals; `values` holds `N` of each clip.
fn figures<const N: usize>(values: &[f64]) -> [Figure; N] {
    let mut intervals = bootstrap_means(values, N, RESAMPLINGS, SEED).into_iter();
    std::array::from_fn(|_| {
        intervals.next().map_or(Figure::NONE, |one| Figure { value: one.value, low: one.low, high: one.high })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four sounds by rows; every picture agrees most with its own, but the last, which agrees with all alike.
    fn matrix() -> Similarities {
        let values = vec![0.9, 0.1, 0.2, 0.4, 0.3, 0.8, 0.1, 0.4, 0.2, 0.3, 0.7, 0.4, 0.1, 0.2, 0.3, 0.4];
        Similarities::new(4, values).unwrap()
    }

    #[test]
    fn a_choice_between_two_and_a_rule_are_different_figures() {
        let others = drawn_others(4, DRAW_SEED);
        let found = Correspondence::of(&matrix(), None);
        assert_eq!((found.own_above_other.value, found.accuracy), (0.75, None));
        assert!(found.own_above_other.low < 0.75 && found.own_above_other.high > 0.75);
        // A rule that calls everything a pair is right about every true pair and no other.
        let by = |words, corresponds: &dyn Fn(usize, usize) -> bool| {
            Correspondence::of(&matrix(), Some(Decisions { words, corresponds }))
        };
        let all = by("all are pairs", &|_, _| true);
        let ruled = all.accuracy.unwrap();
        assert_eq!((ruled.rule.as_str(), ruled.accuracy.value, ruled.accuracy.low), ("all are pairs", 0.5, 0.5));
        let right = by("the truth", &|sound, image| sound == image);
        assert_eq!(right.accuracy.unwrap().accuracy.value, 1.0);
        // It is asked about the picture of each clip with its own sound and with the one that was drawn.
        let wrong_once = |sound: usize, image: usize| sound == image || (sound, image) == (others[2], 2);
        let found = by("all but one", &wrong_once);
        assert_eq!(found.accuracy.unwrap().accuracy.value, 7.0 / 8.0);
    }

    #[test]
    fn clips_without_a_class_ask_nothing() {
        let none = Gains::of(&[None; 4], None).unwrap();
        assert_eq!(Ndcg::of(&matrix(), &none), None);
        let some = Gains::of(&[Some("a"), Some("b"), None, Some("a")], None).unwrap();
        let found = Ndcg::of(&matrix(), &some).unwrap();
        // Sound 0 has its classmate (3) second, sound 1 is alone of its class, and sound 3 has its classmate last.
        let second = 1.0 / 3f64.log2();
        let last = (1.0 + 1.0 / 5f64.log2()) / (1.0 + second);
        assert_eq!(found.clips, 3);
        assert!((found.audio_to_image.value - (1.0 + 1.0 + last) / 3.0).abs() < 1e-12, "{found:?}");
        assert!(found.chance > 0.0 && found.chance < found.audio_to_image.value);
    }
}
