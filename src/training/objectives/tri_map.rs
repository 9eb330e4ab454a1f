//! LVS: the tri-map with hard negatives (Chen et al., "Localizing Visual Sounds the Hard Way", CVPR 2021, equations
//! 4–7, in the form of the authors' code).
//!
//! Of the map S_ii of a pair, the places that are surely its object (σ((S − ε⁺)/τ)) give the positive answer, those
//! that surely are not (1 − σ((S − ε⁻)/τ)) the hard negative, and those between count for nothing. The maps with other
//! sounds give the easy negatives. Every answer is the mean similarity under its soft mask; gradients flow through the
//! masks too. Loss: cross-entropy of [positive, all masked answers, hard negative] / temperature towards the first;
//! the pair itself stands among the masked answers with factor 1 − 100, which takes it out of the sum.

use super::softmax::{cross_entropy, sigmoid};
use super::{Loss, Similarities};

/// The margins of the tri-map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TriMap {
    pub positive_margin: f64,
    pub negative_margin: f64,
    /// Softness of the masks.
    pub mask_temperature: f64,
    pub temperature: f64,
    /// Whether the background of the pair's own map counts as a negative.
    pub hard_negatives: bool,
}

impl Default for TriMap {
    /// The authors' values.
    fn default() -> Self {
        Self {
            positive_margin: 0.65,
            negative_margin: 0.4,
            mask_temperature: 0.03,
            temperature: 0.07,
            hard_negatives: true,
        }
    }
}

/// What the pair's own answer is multiplied with among the negatives.
const OWN_FACTOR: f64 = 1.0 - 100.0;

/// The mean of `values` under the soft mask σ((value − margin)/τ), or under the rest, and its gradient.
fn masked_mean(values: &[f64], margin: f64, temperature: f64, rest: bool) -> (f64, Vec<f64>) {
    let weight = |value: f64| {
        let inside = sigmoid((value - margin) / temperature);
        let slope = inside * (1.0 - inside) / temperature;
        if rest { (1.0 - inside, -slope) } else { (inside, slope) }
    };
    let (mut total, mut sum) = (0.0, 0.0);
    for &value in values {
        let (weight, _) = weight(value);
        total += weight;
        sum += weight * value;
    }
    let mean = sum / total;
    let gradient = values.iter().map(|&value| {
        let (weight, slope) = weight(value);
        (weight + slope * (value - mean)) / total
    });
    (mean, gradient.collect())
}

/// The loss of cosines between all pictures and sounds of a batch; picture i belongs to sound i.
pub fn tri_map(cosines: &Similarities, margins: &TriMap) -> Loss {
    let TriMap { positive_margin, negative_margin, mask_temperature, temperature, hard_negatives } = *margins;
    let count = cosines.pictures;
    let mut loss = Loss { value: 0.0, gradient: cosines.zeros_like() };
    for picture in 0..count {
        let mut answers = Vec::with_capacity(count + 2);
        let own = masked_mean(cosines.pair(picture, picture), positive_margin, mask_temperature, false);
        answers.push((picture, 1.0, own));
        for sound in 0..cosines.sounds {
            let factor = if sound == picture { OWN_FACTOR } else { 1.0 };
            let answer = masked_mean(cosines.pair(picture, sound), positive_margin, mask_temperature, false);
            answers.push((sound, factor, answer));
        }
        if hard_negatives {
            let background = masked_mean(cosines.pair(picture, picture), negative_margin, mask_temperature, true);
            answers.push((picture, 1.0, background));
        }
        let logits: Vec<f64> = answers.iter().map(|(_, factor, (mean, _))| factor * mean / temperature).collect();
        let (value, by_logit) = cross_entropy(&logits, 0);
        loss.value += value / count as f64;
        for ((sound, factor, (_, gradient)), by_logit) in answers.iter().zip(by_logit) {
            let scale = by_logit * factor / temperature / count as f64;
            let to = loss.gradient.pair_mut(picture, *sound);
            to.iter_mut().zip(gradient).for_each(|(to, by_place)| *to += scale * by_place);
        }
    }
    loss
}
