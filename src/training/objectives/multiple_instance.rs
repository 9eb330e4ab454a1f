//! EZ-VSL: max-pooled multiple-instance contrast (Mo & Morgado, "Localizing Visual Sounds the Easy Way", ECCV 2022,
//! equations 3–5).
//!
//! A picture is a bag of places, and a bag is as similar to a sound as its best place. Loss: cross-entropy over the
//! sounds of the batch plus cross-entropy over its pictures.

use super::softmax::cross_entropy;
use super::{Loss, Similarities};

/// The loss of cosines between all pictures and sounds of a batch (equally many); picture i belongs to sound i.
pub fn multiple_instance(cosines: &Similarities, temperature: f64) -> Loss {
    let count = cosines.pictures;
    let mut loss = Loss { value: 0.0, gradient: cosines.zeros_like() };
    let peaks: Vec<(usize, f64)> = (0..count * count).map(|pair| cosines.peak(pair / count, pair % count)).collect();
    let mut add = |own: usize, pairs: &dyn Fn(usize) -> (usize, usize)| {
        let logits: Vec<f64> = (0..count)
            .map(|other| {
                let (picture, sound) = pairs(other);
                peaks[picture * count + sound].1 / temperature
            })
            .collect();
        let (value, by_logit) = cross_entropy(&logits, own);
        loss.value += value / count as f64;
        for (other, by_logit) in by_logit.into_iter().enumerate() {
            let (picture, sound) = pairs(other);
            let place = peaks[picture * count + sound].0;
            loss.gradient.pair_mut(picture, sound)[place] += by_logit / temperature / count as f64;
        }
    };
    for own in 0..count {
        add(own, &|other| (own, other));
        add(own, &|other| (other, own));
    }
    loss
}
