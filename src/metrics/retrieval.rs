//! Ranks of the right answer among all: retrieval across modalities, correspondence, graded relevance.

use super::significance::SplitMix;

/// A square matrix of similarities: row = sound, column = image, the diagonal are the true pairs.
#[derive(Clone, Debug, PartialEq)]
pub struct Similarities {
    clips: usize,
    values: Vec<f32>,
}

/// Which side is the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    AudioToImage,
    ImageToAudio,
}

/// What a tie with the true pair does to its rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ties {
    /// As a stable descending sort leaves it: ties before the pair in the list come before it.
    Stable,
    /// The pair comes first.
    Optimistic,
    /// The pair comes last; a constant row scores nothing.
    Pessimistic,
}

impl Similarities {
    /// `clips` × `clips` values, row by row; `None` if there are not as many.
    pub fn new(clips: usize, values: Vec<f32>) -> Option<Self> {
        (clips.checked_mul(clips) == Some(values.len())).then_some(Self { clips, values })
    }

    /// How many clips there are.
    pub fn clips(&self) -> usize {
        self.clips
    }

    /// The similarity of an answer to a question; NaN where there is no such clip.
    pub fn of(&self, direction: Direction, question: usize, answer: usize) -> f32 {
        let (sound, image) = match direction {
            Direction::AudioToImage => (question, answer),
            Direction::ImageToAudio => (answer, question),
        };
        let inside = sound < self.clips && image < self.clips;
        self.values.get(sound * self.clips + image).copied().filter(|_| inside).unwrap_or(f32::NAN)
    }

    /// Ranks (from 1) of the true pairs. A NaN similarity of the pair itself ranks last.
    pub fn ranks(&self, direction: Direction, ties: Ties) -> Vec<usize> {
        let n = self.clips;
        let at = |question: usize, answer: usize| self.of(direction, question, answer);
        (0..n)
            .map(|question| {
                let own = at(question, question);
                if own.is_nan() {
                    return n;
                }
                let ahead = (0..n).filter(|&answer| {
                    let other = at(question, answer);
                    let tied = other == own && answer != question;
                    other > own
                        || match ties {
                            Ties::Stable => tied && answer < question,
                            Ties::Optimistic => false,
                            Ties::Pessimistic => tied,
                        }
                });
                1 + ahead.count()
            })
            .collect()
    }
}

impl Similarities {
    /// nDCG@k of a question with linear gains, `gains` holding that of each answer, the question's own pair among them:
    /// the sum of gain / log2(place + 1) over the first `k`, over that of the best order of all answers. Equally similar
    /// answers share the mean of their gains, which is what all their orders give on average; an answer whose similarity
    /// is NaN comes last. NaN where no answer gains anything.
    pub fn ndcg(&self, direction: Direction, question: usize, gains: &[f64], k: usize) -> f64 {
        let similarity = |answer: usize| {
            let similarity = self.of(direction, question, answer);
            if similarity.is_nan() { f32::NEG_INFINITY } else { similarity }
        };
        let mut order: Vec<(f32, f64)> = gains.iter().enumerate().map(|(at, &gain)| (similarity(at), gain)).collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut ranked = Vec::with_capacity(order.len());
        for tied in order.chunk_by(|a, b| a.0 == b.0) {
            let mean = tied.iter().map(|(_, gain)| gain).sum::<f64>() / tied.len() as f64;
            ranked.extend(std::iter::repeat_n(mean, tied.len()));
        }
        let ideal = ideal_dcg_at(gains, k, Gain::Linear);
        if ideal > 0.0 { dcg_at(&ranked, k, Gain::Linear) / ideal } else { f64::NAN }
    }

    /// Whether the clip's own sound agrees with its picture more than the sound of `other` does: a choice between two,
    /// which needs no threshold. A tie or a NaN is no.
    pub fn prefers_own_sound(&self, clip: usize, other: usize) -> bool {
        self.of(Direction::ImageToAudio, clip, clip) > self.of(Direction::ImageToAudio, clip, other)
    }
}

/// For each of `clips` another one, drawn evenly among all others; none for fewer than two. The same seed draws the same.
pub fn drawn_others(clips: usize, seed: u64) -> Vec<usize> {
    let mut random = SplitMix::new(seed);
    let draw = |clip: usize| {
        let other = random.below(clips - 1);
        if other < clip { other } else { other + 1 }
    };
    (0..if clips < 2 { 0 } else { clips }).map(draw).collect()
}

/// R@k: the share of ranks up to `k`.
pub fn recall_at(ranks: &[usize], k: usize) -> f64 {
    ranks.iter().filter(|&&rank| rank <= k).count() as f64 / ranks.len() as f64
}

/// The median rank; of an even number the mean of the two in the middle.
pub fn median_rank(ranks: &[usize]) -> f64 {
    let ranks: Vec<f64> = ranks.iter().map(|&rank| rank as f64).collect();
    super::quantile(&ranks, 0.5)
}

/// Whether a clip's image and sound belong together, from AVOL-Net's largest map value: its labels are 0 for a pair
/// that corresponds, and it rounds half to even, so exactly 0.5 says 0. The inverted label is the authors'.
pub fn correspondence_label_avol(largest: f64) -> u8 {
    u8::from(largest.round_ties_even() >= 1.0)
}

/// The same from two logits (L3-Net, AVE-Net): the index of the larger, the first on a tie.
pub fn correspondence_label(logits: [f64; 2]) -> u8 {
    u8::from(logits[1] > logits[0])
}

/// Share of predictions that equal their labels.
pub fn correspondence_accuracy(predicted: &[u8], labels: &[u8]) -> f64 {
    predicted.iter().zip(labels).filter(|(predicted, label)| predicted == label).count() as f64 / labels.len() as f64
}

/// How a gain enters DCG.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gain {
    /// g, as in objects-that-sound.
    Linear,
    /// 2^g − 1.
    Exponential,
}

/// DCG@k: Σ gain_i / log2(i + 1) over the first `k`, i from 1.
pub fn dcg_at(gains: &[f64], k: usize, gain: Gain) -> f64 {
    let value = |gained: f64| match gain {
        Gain::Linear => gained,
        Gain::Exponential => gained.exp2() - 1.0,
    };
    gains.iter().take(k).enumerate().map(|(index, &gained)| value(gained) / ((index + 2) as f64).log2()).sum()
}

/// DCG@k of gains in the best order.
fn ideal_dcg_at(gains: &[f64], k: usize, gain: Gain) -> f64 {
    let mut best = gains.to_vec();
    best.sort_by(|a, b| b.total_cmp(a));
    dcg_at(&best, k, gain)
}

/// nDCG@k that a random order of the answers reaches on average, with linear gains. NaN where no answer gains anything.
pub fn ndcg_by_chance(gains: &[f64], k: usize) -> f64 {
    let ideal = ideal_dcg_at(gains, k, Gain::Linear);
    let even = vec![super::mean(gains); gains.len()];
    if ideal > 0.0 { dcg_at(&even, k, Gain::Linear) / ideal } else { f64::NAN }
}

/// nDCG@k: DCG over that of the same gains in the best order; 0 where no answer gains anything.
pub fn ndcg_at(gains: &[f64], k: usize, gain: Gain) -> f64 {
    let ideal = ideal_dcg_at(gains, k, gain);
    if ideal > 0.0 { dcg_at(gains, k, gain) / ideal } else { 0.0 }
}

/// Mean over the hits of the precision up to each hit: divided by the number of hits found, not of those to be found,
/// as in objects-that-sound. `None` without a hit, where their code fails.
pub fn average_precision_of_hits(hits: &[bool]) -> Option<f64> {
    let mut found = 0usize;
    let mut sum = 0.0;
    for (index, _) in hits.iter().enumerate().filter(|(_, hit)| **hit) {
        found += 1;
        sum += found as f64 / (index + 1) as f64;
    }
    (found > 0).then(|| sum / found as f64)
}

/// What objects-that-sound calls recall@K: the share of hits among the `K` answers, which is a precision.
pub fn hit_share(hits: &[bool]) -> f64 {
    hits.iter().filter(|hit| **hit).count() as f64 / hits.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_matrix_does_not_score_pessimistically() {
        let matrix = Similarities::new(4, vec![0.5; 16]).unwrap();
        assert_eq!(matrix.ranks(Direction::AudioToImage, Ties::Pessimistic), vec![4; 4]);
        assert_eq!(matrix.ranks(Direction::AudioToImage, Ties::Optimistic), vec![1; 4]);
        assert_eq!(matrix.ranks(Direction::ImageToAudio, Ties::Stable), vec![1, 2, 3, 4]);
    }

    #[test]
    fn directions_are_rows_and_columns() {
        let matrix = Similarities::new(2, vec![0.1, 0.9, 0.0, 0.5]).unwrap();
        assert_eq!(matrix.ranks(Direction::AudioToImage, Ties::Stable), vec![2, 1]);
        assert_eq!(matrix.ranks(Direction::ImageToAudio, Ties::Stable), vec![1, 2]);
        assert!(Similarities::new(2, vec![0.0; 3]).is_none());
    }

    #[test]
    fn others_are_drawn_evenly_and_never_oneself() {
        let mut times = [[0usize; 4]; 4];
        for seed in 0..3000 {
            let others = drawn_others(4, seed);
            assert_eq!(others.len(), 4);
            others.iter().enumerate().for_each(|(clip, &other)| times[clip][other] += 1);
        }
        for (clip, times) in times.iter().enumerate() {
            let even =
                |(other, &count): (usize, &usize)| if other == clip { count == 0 } else { count.abs_diff(1000) < 150 };
            assert!(times.iter().enumerate().all(even), "{clip}: {times:?}");
        }
        assert_eq!((drawn_others(1, 7), drawn_others(2, 7), drawn_others(0, 7)), (vec![], vec![1, 0], vec![]));
        assert_eq!(drawn_others(50, 7), drawn_others(50, 7));
    }

    #[test]
    fn a_choice_between_two_wants_the_own_sound_ahead() {
        // Sounds by rows; the picture of clip 0 agrees with sound 1 as well as with its own.
        let matrix = Similarities::new(3, vec![0.5, 0.1, 0.2, 0.5, 0.4, 0.1, 0.9, f32::NAN, 0.3]).unwrap();
        let found = [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0)].map(|(clip, other)| matrix.prefers_own_sound(clip, other));
        assert_eq!(found, [false, false, true, false, true]);
    }

    /// What scikit-learn's `ndcg_score` says of the same, which shares the gains of ties.
    #[test]
    fn ndcg_is_scikit_learns() {
        let halves: [f32; 81] = [
            0.0, 1.0, -1.0, -2.0, -1.0, -2.0, 0.0, 3.0, -1.0, -1.0, 1.0, 1.0, 0.0, -2.0, -0.0, 1.0, -3.0, -1.0, 1.0,
            1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, -1.0, -0.0, 0.0, -3.0, -1.0, -2.0, -2.0, 2.0, -2.0, -0.0, 2.0,
            -1.0, -0.0, 0.0, 0.0, -2.0, 0.0, 3.0, -3.0, 2.0, 0.0, -1.0, 4.0, 2.0, -2.0, 0.0, 1.0, -0.0, 1.0, -0.0, 1.0,
            3.0, -1.0, 0.0, -1.0, 0.0, -2.0, -1.0, -0.0, 2.0, 2.0, -3.0, -2.0, 1.0, -4.0, -1.0, -0.0, 3.0, 1.0, -1.0,
            -1.0, -1.0, 3.0, -1.0,
        ];
        let matrix = Similarities::new(9, halves.map(|half| half / 2.0).to_vec()).unwrap();
        let classes = [0, 1, 2, 0, 1, 0, 2, 2, 1];
        // 1 for the same class; 5 less a distance of 2 between the classes 0 and 1, and of 5 from either to 2.
        let same = |one: usize, other: usize| f64::from(u8::from(one == other));
        let near = |one: usize, other: usize| {
            if one == other {
                5.0
            } else if one.max(other) == 2 {
                0.0
            } else {
                3.0
            }
        };
        let gains =
            |question: usize, gain: &dyn Fn(usize, usize) -> f64| classes.map(|class| gain(classes[question], class));
        let check = |direction, gain: &dyn Fn(usize, usize) -> f64, k, expected: [f64; 9]| {
            for (question, expected) in expected.into_iter().enumerate() {
                let got = matrix.ndcg(direction, question, &gains(question, gain), k);
                assert!((got - expected).abs() < 1e-12, "{direction:?} {question} @{k}: {got}, not {expected}");
            }
        };
        check(
            Direction::AudioToImage,
            &same,
            3,
            [
                0.11731968150568914,
                0.3333333333333333,
                0.3333333333333333,
                0.0,
                0.8122885095908974,
                0.2653606369886217,
                0.0,
                0.23463936301137828,
                0.0,
            ],
        );
        check(
            Direction::AudioToImage,
            &near,
            30,
            [
                0.6669607857224393,
                0.7293825771138042,
                0.6655145881181499,
                0.6455818186154395,
                0.9716832684757234,
                0.845632410680883,
                0.4982718821772249,
                0.5985400579988198,
                0.6398642508100262,
            ],
        );
        check(
            Direction::ImageToAudio,
            &near,
            3,
            [
                0.2830513461211965,
                0.7061442547954486,
                0.2653606369886217,
                0.10614425479544869,
                0.28156723561365393,
                0.6100623438295835,
                0.5,
                0.0,
                0.6284951082159296,
            ],
        );
        let mut unknown = matrix.clone();
        unknown.values[0] = f32::NAN;
        let first = [5.0, 3.0, 0.0, 5.0, 3.0, 5.0, 0.0, 0.0, 3.0];
        assert!(
            unknown.ndcg(Direction::AudioToImage, 0, &first, 30) < matrix.ndcg(Direction::AudioToImage, 0, &first, 30)
        );
        assert!(matrix.ndcg(Direction::AudioToImage, 0, &[0.0; 9], 30).is_nan());
        // The mean of scikit-learn's over 20,000 random orders is 0.5338 and 0.8007.
        assert!((ndcg_by_chance(&first, 3) - 0.5333333333333333).abs() < 1e-12);
        assert!((ndcg_by_chance(&first, 30) - 0.8003267497340564).abs() < 1e-12);
    }

    #[test]
    fn no_hit_has_no_average_precision() {
        assert_eq!(average_precision_of_hits(&[false, false]), None);
        assert_eq!(average_precision_of_hits(&[false, true, true]), Some((0.5 + 2.0 / 3.0) / 2.0));
    }
}
