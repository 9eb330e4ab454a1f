//! SLAVC: localization and identification apart, with momentum targets (Mo & Morgado, "A Closer Look at
//! Weakly-Supervised Audio-Visual Source Localization", NeurIPS 2022, equations 5–9, in the form of the authors' code).
//!
//! Two projections: the first says which sound a place belongs to (softmax over the sounds), the second which place a
//! sound comes from (softmax over the places). The probability of a pair is the sum of their products over the places;
//! the loss is the cross-entropy of its logarithm over the sounds, once with online pictures and momentum sounds, once
//! with momentum pictures and online sounds. The momentum side gets no gradient.

use super::Similarities;
use super::softmax::{cross_entropy, softmax};

/// The loss and its gradients by the cosines of the first and the second projection.
#[derive(Debug, Clone, PartialEq)]
pub struct MomentumTargets {
    pub value: f64,
    pub by_first: Similarities,
    pub by_second: Similarities,
}

/// One of the two halves of the loss: cosines of both projections, one side of which is the momentum branch's.
pub fn momentum_targets(first: &Similarities, second: &Similarities, temperature: f64) -> MomentumTargets {
    let (count, sounds, places) = (first.pictures, first.sounds, first.places);
    let mut answer = MomentumTargets { value: 0.0, by_first: first.zeros_like(), by_second: second.zeros_like() };
    for picture in 0..count {
        let mut which = first.zeros_like();
        let mut column = vec![0.0; sounds];
        for place in 0..places {
            for (sound, value) in column.iter_mut().enumerate() {
                *value = first.pair(picture, sound)[place] / temperature;
            }
            softmax(&mut column);
            for (sound, &value) in column.iter().enumerate() {
                which.pair_mut(picture, sound)[place] = value;
            }
        }
        let wheres: Vec<Vec<f64>> = (0..sounds)
            .map(|sound| {
                let mut row: Vec<f64> = second.pair(picture, sound).iter().map(|value| value / temperature).collect();
                softmax(&mut row);
                row
            })
            .collect();
        let probabilities: Vec<f64> = (0..sounds)
            .map(|sound| which.pair(picture, sound).iter().zip(&wheres[sound]).map(|(a, b)| a * b).sum())
            .collect();
        let logits: Vec<f64> = probabilities.iter().map(|p: &f64| p.ln()).collect();
        let (value, by_logit) = cross_entropy(&logits, picture);
        answer.value += value / count as f64;
        let by_probability: Vec<f64> = by_logit
            .iter()
            .zip(&probabilities)
            .map(|(by_logit, probability)| by_logit / probability / count as f64)
            .collect();
        for place in 0..places {
            let parts: Vec<(f64, f64)> = wheres
                .iter()
                .enumerate()
                .map(|(sound, shares)| (which.pair(picture, sound)[place], by_probability[sound] * shares[place]))
                .collect();
            let along: f64 = parts.iter().map(|(share, gradient)| share * gradient).sum();
            for (sound, (share, gradient)) in parts.into_iter().enumerate() {
                answer.by_first.pair_mut(picture, sound)[place] = share * (gradient - along) / temperature;
            }
        }
        for sound in 0..sounds {
            let shares = which.pair(picture, sound);
            let to = answer.by_second.pair_mut(picture, sound);
            for ((to, place_share), share) in to.iter_mut().zip(&wheres[sound]).zip(shares) {
                *to = place_share * by_probability[sound] * (share - probabilities[sound]) / temperature;
            }
        }
    }
    answer
}
