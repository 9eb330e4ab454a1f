//! Similarities of every place of every picture with every sound of a batch, and the way back to the embeddings.

use crate::network::gradients::{Factor, multiply_into};

/// `values[(picture · sounds + sound) · places + place]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Similarities {
    pub pictures: usize,
    pub sounds: usize,
    pub places: usize,
    pub values: Vec<f64>,
}

impl Similarities {
    pub fn zeros(pictures: usize, sounds: usize, places: usize) -> Self {
        Self { pictures, sounds, places, values: vec![0.0; pictures * sounds * places] }
    }

    /// Of the same measures, all zero.
    pub fn zeros_like(&self) -> Self {
        Self::zeros(self.pictures, self.sounds, self.places)
    }

    /// Scalar products of places (pictures × places rows of channels) and sounds (rows of channels).
    pub fn products(places: &[f32], sounds: &[f32], pictures: usize, channels: usize) -> Self {
        let rows = places.len() / channels.max(1);
        let count = sounds.len() / channels.max(1);
        let mut products = vec![0f32; rows * count];
        let (a, b) = (Factor::new(places, rows, channels), Factor::transposed(sounds, count, channels));
        multiply_into(&mut products, false, 1.0, a, b);
        let mut similarities = Self::zeros(pictures, count, rows / pictures.max(1));
        similarities.each_place(|at, row, sound, values| values[at] = f64::from(products[row * count + sound]));
        similarities
    }

    /// For gradients by the products: the gradients by places and sounds.
    pub fn products_back(&self, places: &[f32], sounds: &[f32], channels: usize) -> (Vec<f32>, Vec<f32>) {
        let (rows, count) = (self.pictures * self.places, self.sounds);
        let mut by_product = vec![0f32; rows * count];
        self.clone().each_place(|at, row, sound, values| by_product[row * count + sound] = values[at] as f32);
        let mut by_places = vec![0f32; places.len()];
        let gradient = Factor::new(&by_product, rows, count);
        multiply_into(&mut by_places, false, 1.0, gradient, Factor::new(sounds, count, channels));
        let mut by_sounds = vec![0f32; sounds.len()];
        let gradient = Factor::transposed(&by_product, rows, count);
        multiply_into(&mut by_sounds, false, 1.0, gradient, Factor::new(places, rows, channels));
        (by_places, by_sounds)
    }

    fn each_place(&mut self, mut visit: impl FnMut(usize, usize, usize, &mut [f64])) {
        for picture in 0..self.pictures {
            for sound in 0..self.sounds {
                for place in 0..self.places {
                    let at = (picture * self.sounds + sound) * self.places + place;
                    visit(at, picture * self.places + place, sound, &mut self.values);
                }
            }
        }
    }

    /// The places of one pair.
    pub fn pair(&self, picture: usize, sound: usize) -> &[f64] {
        let at = (picture * self.sounds + sound) * self.places;
        &self.values[at..at + self.places]
    }

    pub fn pair_mut(&mut self, picture: usize, sound: usize) -> &mut [f64] {
        let at = (picture * self.sounds + sound) * self.places;
        &mut self.values[at..at + self.places]
    }

    /// Where a pair is most similar (the first of equals) and how much.
    pub fn peak(&self, picture: usize, sound: usize) -> (usize, f64) {
        let mut peak = (0, f64::NEG_INFINITY);
        for (place, &value) in self.pair(picture, sound).iter().enumerate() {
            if value > peak.1 {
                peak = (place, value);
            }
        }
        peak
    }
}

/// Rows brought to length 1, as `F.normalize`, and what the way back needs.
#[derive(Debug, Clone, PartialEq)]
pub struct UnitRows {
    pub values: Vec<f32>,
    norms: Vec<f32>,
    channels: usize,
}

/// `F.normalize`'s floor under a norm.
const SMALLEST_NORM: f64 = 1e-12;

impl UnitRows {
    pub fn new(rows: &[f32], channels: usize) -> Self {
        let mut values = rows.to_vec();
        let mut norms = Vec::with_capacity(rows.len() / channels.max(1));
        for row in values.chunks_exact_mut(channels.max(1)) {
            let norm = row.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt().max(SMALLEST_NORM) as f32;
            row.iter_mut().for_each(|x| *x /= norm);
            norms.push(norm);
        }
        Self { values, norms, channels }
    }

    /// The gradient by the rows as they were, of the gradient by the rows at length 1.
    pub fn back(&self, gradient: &[f32]) -> Vec<f32> {
        let mut back = gradient.to_vec();
        let rows = back.chunks_exact_mut(self.channels.max(1)).zip(self.values.chunks_exact(self.channels.max(1)));
        for ((gradient, unit), &norm) in rows.zip(&self.norms) {
            let along: f32 = gradient.iter().zip(unit).map(|(g, u)| g * u).sum();
            gradient.iter_mut().zip(unit).for_each(|(g, u)| *g = (*g - along * u) / norm);
        }
        back
    }
}
