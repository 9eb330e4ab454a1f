use std::collections::BTreeMap;

use candle_core::{Device, Tensor};

use super::cosine::spectrogram_window;
use super::pooling::Rows;
use super::{Batch, Learner, Passed, Widths};
use crate::localizers::TrainedWith;
use crate::localizers::clip::Tokenizer;
use crate::network::StateDict;
use crate::network::gradients::{
    Dense, LearningResNet18, LearningText, LearningVision, Order, Parameter, Random, Role, TowerShape, rows_from_map,
};
use crate::training::TrainError;
use crate::training::objectives::{Similarities, UnitRows, whole_sample};

/// How a class is put into words; one way is drawn each time.
const WORDINGS: [&str; 4] = ["{}", "a {}", "a photo of a {}", "the sound of a {}"];
/// Side of a patch, in pixels.
const PATCH: usize = 16;
const DEPTH: usize = 4;
const TEXT_SHAPE: (usize, usize) = (64, 2);
/// Tokens that a prompt may have, as in CLIP.
const CONTEXT: usize = 77;

/// Both towers' measures for these widths of a ResNet's stages: heads are 64 wide, and so are widths' steps.
fn shapes(widths: Widths) -> [TowerShape; 2] {
    let joint = widths[3];
    let width = (widths[3] / 64 * 64).max(64);
    [TowerShape { width, depth: DEPTH, joint }, TowerShape { width: TEXT_SHAPE.0, depth: TEXT_SHAPE.1, joint }]
}

/// CLIP, small: pictures and the words for what sounds in them.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageText {
    vision: LearningVision,
    text: LearningText,
    log_scale: Parameter,
    /// The published ids of the tokens that there are a row for, rising.
    token_ids: Vec<u32>,
    /// For each sample of the pool what it is, and for each of these its prompts.
    class_of: Vec<usize>,
    prompts: Vec<Vec<Vec<usize>>>,
}

impl ImageText {
    /// Fresh towers for samples of these classes.
    ///
    /// # Errors
    /// Samples whose classes are not known, and words longer than a prompt may be.
    pub fn new(
        widths: Widths,
        side: usize,
        classes: &[Option<String>],
        random: &mut Random,
    ) -> Result<Self, TrainError> {
        let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
        for class in classes.iter().flatten() {
            let next = numbers.len();
            numbers.entry(class).or_insert(next);
        }
        let class_of: Option<Vec<usize>> =
            classes.iter().map(|class| class.as_deref().and_then(|class| numbers.get(class).copied())).collect();
        let class_of = class_of.ok_or_else(|| TrainError::Option {
            option: "--data",
            problem: "learning from words needs the class of every sample".to_owned(),
        })?;
        let mut names: Vec<(&str, usize)> = numbers.into_iter().collect();
        names.sort_by_key(|(_, number)| *number);
        let tokenizer = Tokenizer::published()?;
        let mut published = Vec::new();
        for (name, _) in names {
            let prompts = WORDINGS.map(|wording| tokenizer.tokenize(&wording.replace("{}", name)));
            published.push(prompts.into_iter().collect::<Result<Vec<_>, _>>()?);
        }
        let mut token_ids: Vec<u32> = published.iter().flatten().flatten().copied().collect();
        token_ids.sort_unstable();
        token_ids.dedup();
        let row = |id: &u32| token_ids.binary_search(id).unwrap_or(0);
        let prompts = published
            .iter()
            .map(|prompts| prompts.iter().map(|prompt| prompt.iter().map(row).collect()).collect())
            .collect();
        let [of_pictures, of_text] = shapes(widths);
        Ok(Self {
            vision: LearningVision::new(of_pictures, side / PATCH, PATCH, random),
            text: LearningText::new(of_text, token_ids.len(), CONTEXT, random),
            log_scale: Parameter::new("logit_scale", &[], Order::Plain, Role::Trained, &[(1.0f32 / 0.07).ln()]),
            token_ids,
            class_of,
            prompts,
        })
    }
}

impl Learner for ImageText {
    fn name(&self) -> &'static str {
        "clip-text"
    }

    fn pass(&mut self, batch: &mut Batch) -> Result<Passed, TrainError> {
        let count = batch.samples.len();
        let (seen, vision_trace) = self.vision.forward(&rows_from_map(&batch.pictures));
        let groups: Vec<usize> = batch.samples.iter().map(|&sample| self.class_of[sample]).collect();
        let prompts: Vec<Vec<usize>> =
            groups.iter().map(|&class| self.prompts[class][batch.random.below(WORDINGS.len())].clone()).collect();
        let (read, text_trace) = self.text.forward(&prompts);
        let joint = seen.len() / count;
        let (pictures, texts) = (UnitRows::new(&seen, joint), UnitRows::new(&read, joint));
        let cosines = Similarities::products(&pictures.values, &texts.values, count, joint);
        let answer = whole_sample(&cosines, f64::from(self.log_scale.values[0]), &groups);
        self.log_scale.gradient[0] += answer.by_log_scale as f32;
        let gradient = &answer.loss.gradient;
        let (by_pictures, by_texts) = gradient.products_back(&pictures.values, &texts.values, joint);
        self.vision.backward(&vision_trace, &pictures.back(&by_pictures));
        self.text.backward(&text_trace, &texts.back(&by_texts));
        Ok(Passed { loss: answer.loss.value })
    }

    fn visit(&mut self, visit: &mut dyn FnMut(&mut Parameter)) {
        self.vision.visit(visit);
        self.text.visit(visit);
        visit(&mut self.log_scale);
    }

    fn export_rest(&self, state: &mut StateDict) -> Result<(), TrainError> {
        let ids: Vec<f32> = self.token_ids.iter().map(|&id| id as f32).collect();
        state.insert(TrainedWith::TOKENS_KEY, Tensor::new(ids, &Device::Cpu)?);
        Ok(())
    }
}

/// Wav2CLIP, small: sounds learn to lie where a finished CLIP puts their pictures.
pub struct AudioDistillation {
    vision: LearningVision,
    /// All of CLIP's weights, which go along unchanged.
    clip: StateDict,
    audio: LearningResNet18,
    transform: [Dense; 2],
    log_scale: Parameter,
}

impl AudioDistillation {
    /// Fresh sound networks beside the CLIP of these weights, made by [`ImageText`] with the same widths and side.
    ///
    /// # Errors
    /// Weights of other measures.
    pub fn new(widths: Widths, side: usize, clip: StateDict, random: &mut Random) -> Result<Self, TrainError> {
        let [of_pictures, _] = shapes(widths);
        let mut vision = LearningVision::new(of_pictures, side / PATCH, PATCH, random);
        let mut outcome = Ok(());
        vision.visit(&mut |parameter| {
            if outcome.is_ok() {
                outcome = parameter.import(&clip);
            }
            parameter.role = Role::Kept;
            parameter.gradient = Vec::new();
        });
        outcome?;
        let audio = LearningResNet18::new("audio_encoder.", "conv1", 1, widths, 2, random);
        let joint = of_pictures.joint;
        let transform = [("0", widths[3]), ("3", joint)].map(|(layer, inputs)| {
            let key = format!("audio_transform.sequential.{layer}");
            Dense::new(&key, inputs, joint, (2.0 / inputs as f64).sqrt(), false, random)
        });
        let scale = (1.0f32 / 0.07).ln();
        let log_scale = Parameter::new("loss_fn.logit_scale", &[], Order::Plain, Role::Trained, &[scale]);
        Ok(Self { vision, clip, audio, transform, log_scale })
    }
}

impl Learner for AudioDistillation {
    fn name(&self) -> &'static str {
        "clip-audio"
    }

    fn pass(&mut self, batch: &mut Batch) -> Result<Passed, TrainError> {
        let count = batch.samples.len();
        let (seen, _) = self.vision.forward(&rows_from_map(&batch.pictures));
        let (heard, audio_trace) = self.audio.forward(&batch.sounds);
        let heard = Rows::of(&heard);
        let means = heard.mean();
        let mut hidden = self.transform[0].forward(&means);
        hidden.iter_mut().for_each(|value| *value = value.max(0.0));
        let joint = self.transform[1].outputs;
        let pictures = UnitRows::new(&seen, joint);
        let sounds = UnitRows::new(&self.transform[1].forward(&hidden), joint);
        let cosines = Similarities::products(&pictures.values, &sounds.values, count, joint);
        let groups: Vec<usize> = (0..count).collect();
        let answer = whole_sample(&cosines, f64::from(self.log_scale.values[0]), &groups);
        self.log_scale.gradient[0] += answer.by_log_scale as f32;
        let (_, by_sounds) = answer.loss.gradient.products_back(&pictures.values, &sounds.values, joint);
        let mut by_hidden = self.transform[1].backward(&hidden, &sounds.back(&by_sounds));
        by_hidden.iter_mut().zip(&hidden).for_each(|(g, &value)| *g = if value > 0.0 { *g } else { 0.0 });
        let by_means = self.transform[0].backward(&means, &by_hidden);
        self.audio.backward(audio_trace, heard.map_of(&heard.mean_back(&by_means))?);
        Ok(Passed { loss: answer.loss.value })
    }

    fn visit(&mut self, visit: &mut dyn FnMut(&mut Parameter)) {
        self.audio.visit(visit);
        self.transform.iter_mut().for_each(|dense| dense.visit(visit));
        visit(&mut self.log_scale);
    }

    fn export_rest(&self, state: &mut StateDict) -> Result<(), TrainError> {
        let _ = state.take("loss_fn.logit_scale");
        state.insert("audio_encoder.spectrogram.window", spectrogram_window()?);
        for (key, tensor) in self.clip.iter() {
            state.insert(key, tensor.clone());
        }
        Ok(())
    }
}
