//! Cross-modal alignment: localization and meaning at once, with several positives (Senocak et al., "Sound Source
//! Localization is All about Cross-Modal Alignment", ICCV 2023, equations 3–7; its authors published no training code).
//!
//! Two similarities. s_L, for the place: the best place's cosine with the sound. s_A, for the meaning: the cosine of
//! the projected mean of the places with the projected sound. Each picture has several positives (other views of it,
//! and pictures of the same concept), and so has each sound. Loss: for every set of pictures with every set of sounds,
//! InfoNCE in both directions of s_L and of s_A, averaged over the pairs of sets.

use super::softmax::cross_entropy;
use super::{Loss, Similarities};

/// InfoNCE of the peaks of every pair, both directions, averaged over the sets: `sets` groups of equally many pictures
/// one after the other, and as many of sounds; picture i of each set belongs to sound i of each set. With one place a
/// pair, the peak is the similarity itself.
pub fn aligned(similarities: &Similarities, sets: usize, temperature: f64) -> Loss {
    let count = similarities.pictures / sets.max(1);
    let mut loss = Loss { value: 0.0, gradient: similarities.zeros_like() };
    let share = 1.0 / (sets * sets * count).max(1) as f64;
    for of_pictures in 0..sets {
        for of_sounds in 0..sets {
            for own in 0..count {
                for by_rows in [true, false] {
                    let pair = |other: usize| {
                        let (picture, sound) = if by_rows { (own, other) } else { (other, own) };
                        (of_pictures * count + picture, of_sounds * count + sound)
                    };
                    let peaks: Vec<(usize, f64)> =
                        (0..count).map(|other| similarities.peak(pair(other).0, pair(other).1)).collect();
                    let logits: Vec<f64> = peaks.iter().map(|(_, peak)| peak / temperature).collect();
                    let (value, by_logit) = cross_entropy(&logits, own);
                    loss.value += share * value;
                    for (other, by_logit) in by_logit.into_iter().enumerate() {
                        let (picture, sound) = pair(other);
                        let to = loss.gradient.pair_mut(picture, sound);
                        to[peaks[other].0] += share * by_logit / temperature;
                    }
                }
            }
        }
    }
    loss
}
