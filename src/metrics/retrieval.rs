//! Ranks of the right answer among all: retrieval across modalities, correspondence, graded relevance.

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

    /// Ranks (from 1) of the true pairs. A NaN similarity of the pair itself ranks last.
    pub fn ranks(&self, direction: Direction, ties: Ties) -> Vec<usize> {
        let n = self.clips;
        let at = |question: usize, answer: usize| {
            let index = match direction {
                Direction::AudioToImage => question * n + answer,
                Direction::ImageToAudio => answer * n + question,
            };
            self.values.get(index).copied().unwrap_or(f32::NAN)
        };
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

/// nDCG@k: DCG over that of the same gains in the best order; 0 where no answer gains anything.
pub fn ndcg_at(gains: &[f64], k: usize, gain: Gain) -> f64 {
    let mut best = gains.to_vec();
    best.sort_by(|a, b| b.total_cmp(a));
    let ideal = dcg_at(&best, k, gain);
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
    fn no_hit_has_no_average_precision() {
        assert_eq!(average_precision_of_hits(&[false, false]), None);
        assert_eq!(average_precision_of_hits(&[false, true, true]), Some((0.5 + 2.0 / 3.0) / 2.0));
    }
}
