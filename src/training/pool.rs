//! Samples made ready once: pictures at the size that crops are cut from, sounds as spectrograms.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::TrainError;
use super::plan::{Augmentation, Plan};
use super::recipe::{Recipe, recipe};
use super::sample::{Sample, SampleSource};
use crate::geometry::Size;
use crate::localizers::resized;
use crate::media::Picture;
use crate::signal::AudioWindow;

/// What a run learns from.
#[derive(Debug, Clone, Default)]
pub struct Pool {
    pub pictures: Vec<Picture>,
    /// Spectrograms of rows × columns.
    pub sounds: Vec<Vec<f32>>,
    pub rows: usize,
    pub columns: usize,
    pub classes: Vec<Option<String>>,
    /// The names of what is seen, and of what is heard.
    pub seen: Vec<Vec<String>>,
    pub heard: Vec<Vec<String>>,
}

/// How much larger than the input the pictures are that random squares are cut from.
fn larger(side: usize) -> u32 {
    (side * 246 / 224) as u32
}

/// The size of a picture that crops are cut from.
fn prepared_size(frame: Size, augmentation: Augmentation, side: usize) -> Size {
    let short_side_to = |side: u32| {
        let long = |long: u32, short: u32| (u64::from(side) * u64::from(long) / u64::from(short.max(1))) as u32;
        if frame.width <= frame.height {
            Size::new(side, long(frame.height, frame.width).max(side))
        } else {
            Size::new(long(frame.width, frame.height).max(side), side)
        }
    };
    match augmentation {
        Augmentation::CropAndFlip | Augmentation::CropFlipAndLight => short_side_to(larger(side)),
        Augmentation::MiddleCrop => short_side_to(side as u32),
        Augmentation::SquashAndFlip => Size::new(larger(side), larger(side)),
    }
}

impl Pool {
    /// Makes the first `count` samples of a source ready, several at a time. `progress` hears how many are done.
    ///
    /// # Errors
    /// A sample that cannot be made, or without sound; [`TrainError::Stopped`].
    pub fn prepare(
        source: &dyn SampleSource,
        count: usize,
        plan: &Plan,
        stop: &AtomicBool,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Self, TrainError> {
        let count = count.min(source.len());
        if count < plan.batch {
            return Err(TrainError::TooFewSamples { what: source.describe(), samples: count, batch: plan.batch });
        }
        let recipe = recipe(&plan.system)?;
        let augmentation = plan.augmentation()?;
        let done = AtomicUsize::new(0);
        let told = Mutex::new(());
        let made = (0..count).into_par_iter().map(|index| {
            if stop.load(Ordering::Relaxed) {
                return Err(TrainError::Stopped);
            }
            let sample = source.sample(index)?;
            let fail = |problem: String| TrainError::Sample { what: source.describe(), index, problem };
            let size = prepared_size(sample.picture.size, augmentation, plan.side);
            let picture = resized(&sample.picture, size).map_err(|error| fail(error.to_string()))?;
            let (rows, values) = hear(&sample, &recipe, plan.window_secs)
                .ok_or_else(|| fail("there is nothing to hear in it".to_owned()))?;
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if let Ok(_one_at_a_time) = told.lock() {
                progress(done, count);
            }
            let Sample { class, seen, heard, .. } = sample;
            Ok((picture, rows, values, (class, seen, heard)))
        });
        let made: Vec<_> = made.collect::<Result<_, TrainError>>()?;
        let rows = made.first().map_or(0, |(_, rows, _, _)| *rows);
        let columns = made.first().map_or(0, |(_, rows, values, _)| values.len() / (*rows).max(1));
        let mut pool = Self { rows, columns, ..Self::default() };
        for (picture, _, values, (class, seen, heard)) in made {
            pool.pictures.push(picture);
            pool.sounds.push(as_wide(&values, rows, columns));
            pool.classes.push(class);
            pool.seen.push(seen);
            pool.heard.push(heard);
        }
        Ok(pool)
    }

    pub fn len(&self) -> usize {
        self.pictures.len()
    }

    pub fn is_empty(&self) -> bool {
        self.pictures.is_empty()
    }
}

/// The rows and values of the spectrogram around the sample's moment; nothing where there is no sound.
fn hear(sample: &Sample, recipe: &Recipe, window_secs: f64) -> Option<(usize, Vec<f32>)> {
    let sound = recipe.hearing.prepare(&sample.sound);
    let window = AudioWindow::centered(sample.moment_secs, window_secs, sound.duration_secs());
    if sound.frames() == 0 {
        return None;
    }
    let spectrogram = recipe.front_end.spectrogram(&sound, window);
    (!spectrogram.values.is_empty()).then_some((spectrogram.rows, spectrogram.values))
}

/// A spectrogram with this many columns: repeated or cut off where a sound was shorter or longer than the others.
fn as_wide(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let own = values.len() / rows.max(1);
    if own == columns {
        return values.to_vec();
    }
    let rows = values.chunks_exact(own.max(1));
    rows.flat_map(|row| row.iter().copied().cycle().take(columns)).collect()
}
