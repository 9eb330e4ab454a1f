//! Samples from the soundstage: drawn and synthesized when they are asked for, nothing on disk.

use super::TrainError;
use super::plan::{Augmentation, Plan};
use super::recipe::recipe;
use super::sample::{Sample, SampleSource};
use crate::geometry::{Rect, Size};
use crate::network::gradients::Random;
use crate::soundstage::{ClipPlan, ClipRequest, Program, SceneKind, Split};

/// Moments of soundstage clips at which something in the picture sounds: one moment a clip.
#[derive(Debug, Clone, PartialEq)]
pub struct StageSource {
    pub seed: u64,
    pub split: Split,
    pub count: usize,
    /// Of the pictures.
    pub size: Size,
    /// What kinds of scenes there are, evenly.
    pub kinds: Vec<SceneKind>,
    /// Samples a second of the sounds.
    pub rate: u32,
    /// How much sound there is on either side of the moment.
    pub margin_secs: f64,
}

/// How long the clips are whose moments are taken.
const CLIP_SECS: f64 = 10.0;
/// How often a moment is looked for in a clip, and how many clips are tried.
const TRIES: usize = 40;
/// Less of a thing than this share is not looked for by anybody.
const LEAST_VISIBLE: f32 = 0.3;
/// Who is heard, where the scene does not say: mostly one thing at a time, whatever else is seen.
const PROGRAMS: [Program; 4] = [Program::Solo, Program::InTurn, Program::InTurn, Program::Together];
/// A thing counts as heard if it also sounds this much before or after.
const NEAR_SECS: f64 = 0.15;

impl StageSource {
    /// Samples as a plan needs them: pictures a little larger than what the network sees, sounds at its rate.
    ///
    /// # Errors
    /// A plan of a system that cannot be trained, and no kind of scene.
    pub fn new(seed: u64, split: Split, count: usize, kinds: Vec<SceneKind>, plan: &Plan) -> Result<Self, TrainError> {
        if kinds.is_empty() {
            return Err(TrainError::Option { option: "--data", problem: "no kind of scene is named".to_owned() });
        }
        let height = (plan.side + plan.side / 4) as u32;
        // Where the whole frame is squashed nothing at its sides is lost, so it may be as wide as most videos are.
        let width = if plan.augmentation()? == Augmentation::SquashAndFlip { height * 16 / 9 } else { height * 4 / 3 };
        let size = Size::new(width, height);
        let rate = recipe(&plan.system)?.hearing.rate;
        Ok(Self { seed, split, count, size, kinds, rate, margin_secs: plan.window_secs })
    }

    /// A clip and a moment of it at which something that can be seen sounds.
    fn moment(&self, index: usize, random: &mut Random) -> Result<Option<Sample>, String> {
        let kind = self.kinds[random.below(self.kinds.len())];
        let program = PROGRAMS[random.below(PROGRAMS.len())];
        let request = ClipRequest {
            program: (kind != SceneKind::Traffic).then_some(program),
            lasts_secs: CLIP_SECS,
            ..ClipRequest::new(self.seed, self.split, index as u64, kind, self.size)
        };
        let plan = ClipPlan::new(request).map_err(|error| error.to_string())?;
        for _ in 0..TRIES {
            let secs = CLIP_SECS * random.unit();
            let heard = |secs: f64| !plan.heard_kinds(secs).is_empty();
            if !heard(secs) || !(heard(secs - NEAR_SECS) || heard(secs + NEAR_SECS)) {
                continue;
            }
            let truth = plan.truth(secs);
            let whole = Rect::of_size(self.size);
            let (mut boxes, mut seen, mut heard) = (Vec::new(), Vec::new(), Vec::new());
            for thing in truth.iter().filter(|thing| thing.visibility >= LEAST_VISIBLE) {
                let Some(rect) = &thing.rect_pixels else { continue };
                seen.push(thing.kind.label().to_owned());
                if thing.sounding {
                    boxes.push(rect.fraction_of(&whole));
                    heard.push(thing.kind.label().to_owned());
                }
            }
            if boxes.is_empty() {
                continue;
            }
            for names in [&mut seen, &mut heard] {
                names.sort_unstable();
                names.dedup();
            }
            let from = (secs - self.margin_secs).max(0.0);
            let until = (secs + self.margin_secs).min(CLIP_SECS);
            return Ok(Some(Sample {
                picture: plan.picture(secs),
                sound: plan.sound(self.rate, from..until),
                moment_secs: secs - from,
                class: Some(heard.join(" and ")),
                seen,
                heard,
                boxes,
            }));
        }
        Ok(None)
    }
}

impl SampleSource for StageSource {
    fn len(&self) -> usize {
        self.count
    }

    fn describe(&self) -> String {
        let kinds: Vec<&str> = self.kinds.iter().map(|kind| kind.word()).collect();
        format!(
            "the soundstage, version {}, seed {}, {} split, scenes {}, {}×{} pixels",
            crate::soundstage::VERSION,
            self.seed,
            self.split,
            kinds.join(", "),
            self.size.width,
            self.size.height
        )
    }

    fn sample(&self, index: usize) -> Result<Sample, TrainError> {
        let failed = |problem: String| TrainError::Sample { what: self.describe(), index, problem };
        let mut random = Random::of(self.seed ^ self.split as u64, index as u64);
        for attempt in 0..TRIES {
            // Clips beyond the count take the place of those in which nothing that can be seen sounds.
            let clip = index + attempt * self.count;
            if let Some(sample) = self.moment(clip, &mut random).map_err(failed)? {
                return Ok(sample);
            }
        }
        Err(failed("nothing that can be seen sounds in any of the clips that were tried".to_owned()))
    }
}
