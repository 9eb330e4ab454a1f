//! Naming what is there: several names at once, each yes or no. Not an objective of any of the systems; what backbones
//! learn by beforehand, as the papers' backbones learned from named pictures.
//!
//! A name is as present as the mean of its exponentials over the places (a soft largest value): z = ln mean exp(zₚ).
//! Loss: binary cross-entropy of σ(z), summed over the names and averaged over the samples.

use super::softmax::{sigmoid, softmax};

/// The loss, and its gradient by the scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Naming {
    pub value: f64,
    pub gradient: Vec<f32>,
}

/// The loss of `scores` (samples × places × names); `present` has the numbers of the names of each sample.
pub fn naming(scores: &[f32], names: usize, present: &[Vec<usize>]) -> Naming {
    let count = present.len().max(1);
    let places = scores.len() / (count * names.max(1));
    let mut answer = Naming { value: 0.0, gradient: vec![0.0; scores.len()] };
    let mut shares = vec![0.0; places];
    for (sample, present) in present.iter().enumerate() {
        for name in 0..names {
            let at = |place: usize| (sample * places + place) * names + name;
            let largest = (0..places).map(|place| f64::from(scores[at(place)])).fold(f64::NEG_INFINITY, f64::max);
            for (place, share) in shares.iter_mut().enumerate() {
                *share = f64::from(scores[at(place)]);
            }
            let sum: f64 = shares.iter().map(|score| (score - largest).exp()).sum();
            let score = largest + (sum / places.max(1) as f64).ln();
            let label = if present.contains(&name) { 1.0 } else { 0.0 };
            // −log σ(z) and −log(1 − σ(z)), which stay finite for any z.
            let signed = if label > 0.5 { -score } else { score };
            answer.value += (signed.max(0.0) + (-signed.abs()).exp().ln_1p()) / count as f64;
            let by_score = (sigmoid(score) - label) / count as f64;
            softmax(&mut shares);
            for (place, share) in shares.iter().enumerate() {
                answer.gradient[at(place)] = (by_score * share) as f32;
            }
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_the_slope_of_the_loss() {
        let present = [vec![0, 2], vec![]];
        let scores: Vec<f32> = (0..2 * 4 * 3).map(|at| (at as f32 * 1.7).sin()).collect();
        let of = |scores: &[f32]| naming(scores, 3, &present).value;
        let answer = naming(&scores, 3, &present);
        for at in 0..scores.len() {
            let moved = |by: f32| {
                let mut scores = scores.clone();
                scores[at] += by;
                of(&scores)
            };
            let slope = (moved(1e-2) - moved(-1e-2)) / 2e-2;
            assert!((slope - f64::from(answer.gradient[at])).abs() < 1e-4, "{at}: {slope} {}", answer.gradient[at]);
        }
    }

    #[test]
    fn one_high_place_says_that_a_name_is_there() {
        let mut scores = vec![-6.0; 4];
        let absent = naming(&scores, 1, &[vec![]]).value;
        scores[2] = 8.0;
        let present = naming(&scores, 1, &[vec![0]]);
        assert!(absent < 0.01 && present.value < 0.01, "{absent} {}", present.value);
        assert!(naming(&scores, 1, &[vec![]]).gradient[2] > 0.9);
    }
}
