//! From prepared samples to what a step learns from: the order of an epoch, random squares, flips, light.

use std::sync::Arc;

use super::TrainError;
use super::learners::{Batch, Companions};
use super::plan::{Augmentation, Plan};
use super::pool::Pool;
use super::recipe::recipe;
use crate::localizers::Normalization;
use crate::media::Picture;
use crate::network::gradients::{FeatureMap, Random};

/// The border of input maps: as wide as any first convolution looks beyond the edge.
const BORDER: usize = 3;

/// The batches of an epoch. Which samples they hold, and how those are changed, follows from the plan's seed, the
/// epoch and the step alone.
pub struct Batches<'a> {
    pool: &'a Pool,
    plan: &'a Plan,
    augmentation: Augmentation,
    normalization: Normalization,
    epoch: usize,
    order: Vec<usize>,
}

/// What a random stream is for, so that no two share their numbers.
#[derive(Clone, Copy)]
enum Purpose {
    Order = 1,
    Picture = 2,
    Learner = 3,
}

fn random(seed: u64, epoch: usize, purpose: Purpose, which: usize) -> Random {
    let of_epoch = Random::of(seed, (epoch as u64) << 8 | purpose as u64).next();
    Random::of(of_epoch, which as u64)
}

impl<'a> Batches<'a> {
    pub fn new(pool: &'a Pool, plan: &'a Plan, epoch: usize) -> Result<Self, TrainError> {
        Ok(Self {
            pool,
            plan,
            augmentation: plan.augmentation()?,
            normalization: recipe(&plan.system)?.normalization,
            epoch,
            order: random(plan.seed, epoch, Purpose::Order, 0).order(pool.len()),
        })
    }

    /// Whole batches of the epoch.
    pub fn len(&self) -> usize {
        self.pool.len() / self.plan.batch
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The epoch, from 0.
    pub fn epoch(&self) -> usize {
        self.epoch
    }

    /// The batch of one step; `companions` says which samples come along with its own.
    pub fn get(&self, step: usize, companions: impl FnOnce(&[usize], &mut Random) -> Companions) -> Batch {
        let count = self.plan.batch;
        let samples = &self.order[step * count..(step + 1) * count];
        let mut of_step = random(self.plan.seed, self.epoch, Purpose::Learner, step);
        let Companions { pictures, sounds } = companions(samples, &mut of_step);
        let own_and = |more: Vec<usize>| samples.iter().copied().chain(more).collect::<Vec<_>>();
        let (of_pictures, of_sounds) = (own_and(pictures), own_and(sounds));
        let chooses = |place: usize, picture: &Picture| {
            let mut random = random(self.plan.seed, self.epoch, Purpose::Picture, step * 2 * count + place);
            Cut::choose(picture, self.augmentation, self.plan.side, &mut random)
        };
        Batch {
            pictures: Arc::new(self.draw(&of_pictures, chooses)),
            sounds: Arc::new(self.hear(&of_sounds)),
            samples: samples.to_vec(),
            random: of_step,
        }
    }

    /// All samples of the pool in their order, the middle of each picture; the last batch may be shorter.
    pub fn plain(&self) -> impl Iterator<Item = Batch> {
        let starts = (0..self.pool.len()).step_by(self.plan.batch);
        starts.map(|start| {
            let samples: Vec<usize> = (start..self.pool.len().min(start + self.plan.batch)).collect();
            let side = self.plan.side;
            let middle = |_: usize, picture: &Picture| Cut::middle(picture, side);
            Batch {
                pictures: Arc::new(self.draw(&samples, middle)),
                sounds: Arc::new(self.hear(&samples)),
                samples,
                random: Random::new(0),
            }
        })
    }

    fn draw(&self, samples: &[usize], cut: impl Fn(usize, &Picture) -> Cut) -> FeatureMap {
        let side = self.plan.side;
        let mut pictures = FeatureMap::bordered(samples.len(), side, side, 3, BORDER);
        for (place, &sample) in samples.iter().enumerate() {
            let picture = &self.pool.pictures[sample];
            cut(place, picture).draw(picture, &self.normalization, &mut pictures, place);
        }
        pictures
    }

    fn hear(&self, samples: &[usize]) -> FeatureMap {
        let mut sounds = FeatureMap::bordered(samples.len(), self.pool.rows, self.pool.columns, 1, BORDER);
        for (place, &sample) in samples.iter().enumerate() {
            for (y, row) in self.pool.sounds[sample].chunks_exact(self.pool.columns).enumerate() {
                sounds.row_mut(place, y).copy_from_slice(row);
            }
        }
        sounds
    }
}

/// A square of a picture and what is done to it.
struct Cut {
    left: usize,
    top: usize,
    flipped: bool,
    brightness: f32,
    saturation: f32,
}

impl Cut {
    /// How much of a picture a square leaves out, across and down.
    fn room(picture: &Picture, side: usize) -> (usize, usize) {
        let beyond = |length: u32| (length as usize).saturating_sub(side);
        (beyond(picture.size.width), beyond(picture.size.height))
    }

    fn middle(picture: &Picture, side: usize) -> Self {
        let (across, down) = Self::room(picture, side);
        Self { left: across / 2, top: down / 2, flipped: false, brightness: 1.0, saturation: 1.0 }
    }

    fn choose(picture: &Picture, augmentation: Augmentation, side: usize, random: &mut Random) -> Self {
        if augmentation == Augmentation::MiddleCrop {
            return Self::middle(picture, side);
        }
        let (across, down) = Self::room(picture, side);
        let (left, top) = (random.below(across + 1), random.below(down + 1));
        let flipped = random.unit() < 0.5;
        let mut factor = || match augmentation {
            Augmentation::CropFlipAndLight => (0.9 + 0.2 * random.unit()) as f32,
            _ => 1.0,
        };
        Self { left, top, flipped, brightness: factor(), saturation: factor() }
    }

    fn draw(&self, picture: &Picture, normalization: &Normalization, to: &mut FeatureMap, place: usize) {
        let width = picture.size.width as usize;
        let side = to.width;
        let changes_light = self.brightness != 1.0 || self.saturation != 1.0;
        for y in 0..to.height {
            let from = ((self.top + y) * width + self.left) * 3;
            let source = &picture.rgb[from..from + side * 3];
            for (x, pixel) in to.row_mut(place, y).chunks_exact_mut(3).enumerate() {
                let x = if self.flipped { side - 1 - x } else { x };
                let mut color = [0, 1, 2].map(|channel| f32::from(source[x * 3 + channel]) / 255.0);
                if changes_light {
                    color = color.map(|value| (value * self.brightness).clamp(0.0, 1.0));
                    let grey = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2];
                    color = color.map(|value| (grey + (value - grey) * self.saturation).clamp(0.0, 1.0));
                }
                for channel in 0..3 {
                    pixel[channel] = (color[channel] - normalization.mean[channel]) / normalization.deviation[channel];
                }
            }
        }
    }
}
