//! AVOL-net: does this sound belong to this picture? (Arandjelović & Zisserman, "Objects that Sound", ECCV 2018,
//! section 4.) The score of a place is a scaled and shifted scalar product; a pair corresponds as much as its best
//! place. Loss: binary cross-entropy of σ(largest score) over true pairs and mismatched ones.

use super::softmax::sigmoid;
use super::{Loss, Similarities};

/// The loss, and its gradients by the products, the scale and the shift.
#[derive(Debug, Clone, PartialEq)]
pub struct Correspondence {
    pub loss: Loss,
    pub by_scale: f64,
    pub by_shift: f64,
    /// How many of the pairs were judged rightly, of how many.
    pub right: (usize, usize),
}

/// The loss of scalar products between all pictures and sounds of a batch: picture i with sound i corresponds, with
/// sound `others[i]` it does not.
pub fn correspondence(products: &Similarities, scale: f64, shift: f64, others: &[usize]) -> Correspondence {
    let count = products.pictures;
    let loss = Loss { value: 0.0, gradient: products.zeros_like() };
    let mut answer = Correspondence { loss, by_scale: 0.0, by_shift: 0.0, right: (0, 2 * count) };
    for (picture, &other) in others.iter().enumerate() {
        for (sound, label) in [(picture, 1.0), (other, 0.0)] {
            // The score is monotonous in the product, upwards or downwards.
            let best = |values: &[f64]| {
                let scores = values.iter().map(|value| scale * value + shift);
                let mut best = (0, f64::NEG_INFINITY);
                scores.enumerate().for_each(|(place, score)| {
                    if score > best.1 {
                        best = (place, score);
                    }
                });
                best
            };
            let (place, score) = best(products.pair(picture, sound));
            let belongs = sigmoid(score);
            // −log σ(s) and −log(1 − σ(s)), which stay finite for any score.
            let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
            answer.loss.value += softplus(if label > 0.5 { -score } else { score }) / (2 * count) as f64;
            answer.right.0 += usize::from((belongs > 0.5) == (label > 0.5));
            let by_score = (belongs - label) / (2 * count) as f64;
            let product = products.pair(picture, sound)[place];
            answer.by_scale += by_score * product;
            answer.by_shift += by_score;
            answer.loss.gradient.pair_mut(picture, sound)[place] += by_score * scale;
        }
    }
    answer
}
