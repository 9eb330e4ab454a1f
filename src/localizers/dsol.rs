//! DSOL: Discriminative Sounding Objects Localization (Hu et al., NeurIPS 2020): the sound map of its first stage and,
//! with a dictionary of categories, the sounding objects of its second, one map a category.

use std::path::Path;

use candle_core::{Device, Tensor};

use super::cosine::{grid, normalized, normalized_map, product_map, shaped, sigmoid, values_of};
use super::dmc::{one_second_info, stem};
use super::query::{sound_of, spectrogram_tensor};
use super::registry::System;
use super::variants::{SECOND_CATEGORY, SOUND_MAP, category};
use super::{
    Array, ClassMaps, FrameInput, ImageFeatures, Localizer, LocalizerError, LocalizerInfo, Normalization, Parts, Query,
    QueryEmbedding, Result,
};
use crate::heatmap::{Grid, Heatmap};
use crate::network::arrays::{ArrayError, ArrayProblem, Npz, read_npy};
use crate::network::{Activation, Conv2d, Conv2dConfig, Linear, ResNet18, StateDict, global_max_pool};
use crate::signal::{cut_repeating, mean_channel, mel_decibels_10ms};

/// The dictionary among the weights: categories × channels of the image network, the centers of the first stage's
/// clusters.
pub(super) const DICTIONARY: &str = "obj_rep";

/// How sharply the categories of a place compete, as in the authors' `test_stage_two.py`.
const SHARPNESS: f32 = 3.0;

/// The whole frame squashed; one second as mel decibels (201×64); sigmoid of a scaled cosine at 14×14 places.
pub(super) struct Dsol {
    info: LocalizerInfo,
    vision: ResNet18,
    vision_head: [Conv2d; 2],
    audio: ResNet18,
    audio_head: [Linear; 2],
    scale: f32,
    shown: Shown,
    objects: Option<Objects>,
}

/// Which of its maps it answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// Everything that sounds, of whichever category.
    SoundMap,
    /// The category at this place of what the sound classifier hears, from the most heard one.
    Heard(usize),
    /// The category with this number in the dictionary.
    Category(usize),
}

/// What the second stage adds: how much each place looks like each category, and which categories are heard.
struct Objects {
    dictionary: Linear,
    scale: f32,
    bias: f32,
    heard: Linear,
}

impl Dsol {
    pub(super) fn new(system: &'static System, variant: Option<&str>, weights: &StateDict) -> Result<Self> {
        let every = weights.view();
        let conv = |key: &str, relu| Conv2d::new(&every, key, &Conv2dConfig { relu, ..Conv2dConfig::default() });
        let vision = ResNet18::new(&weights.under("visual_net."), &stem("conv1"))?;
        let objects =
            if every.contains(DICTIONARY) { Some(Objects::new(weights, vision.out_channels())?) } else { None };
        let shown = match variant {
            None if objects.is_none() => Shown::SoundMap,
            None => Shown::Heard(0),
            Some(SOUND_MAP) => Shown::SoundMap,
            Some(SECOND_CATEGORY) => Shown::Heard(1),
            Some(other) => category(other).map_or(Shown::Heard(0), Shown::Category),
        };
        let categories = objects.as_ref().map_or(0, |objects| objects.heard.out_features());
        match (shown, &objects) {
            (Shown::Heard(place) | Shown::Category(place), Some(_)) if place >= categories => {
                let message = format!("its dictionary has {categories} categories, numbered from 0");
                return Err(LocalizerError::WrongWeights { message });
            }
            (Shown::Heard(_) | Shown::Category(_), None) => {
                let message = "single categories need a checkpoint of stage two and beside it the authors' dictionary \
                               of categories (a .npy)";
                return Err(LocalizerError::WrongWeights { message: message.to_owned() });
            }
            _ => {}
        }
        let remark = match (shown, &objects) {
            (_, None) => {
                "The sound map; for the maps of single categories, give the authors' dictionary of categories (a .npy) \
                 as a second file beside a checkpoint of stage two"
            }
            (Shown::SoundMap, Some(_)) => "The sound map, in which categories are not told apart",
            (Shown::Heard(0), Some(_)) => {
                "The authors draw one map a category; shown is that of the category which the sound classifier ranks \
                 first"
            }
            (Shown::Heard(_), Some(_)) => "The map of the category which the sound classifier ranks second",
            (Shown::Category(_), Some(_)) => {
                "The map of one category of the authors' dictionary, whether it is heard or not"
            }
        };
        Ok(Self {
            info: one_second_info(system, remark),
            vision,
            vision_head: [conv("conv_v_1", true)?, conv("conv_v_2", false)?],
            audio: ResNet18::new(&weights.under("audio_net."), &stem("conv1_a"))?,
            audio_head: [
                Linear::new(&every, "fc_a_1", Activation::Relu)?,
                Linear::new(&every, "fc_a_2", Activation::None)?,
            ],
            scale: single(weights, "conv_av.weight")?,
            shown,
            objects,
        })
    }

    /// How much each place sounds.
    fn sounding(&self, features: &ImageFeatures, embedding: &QueryEmbedding) -> Result<Grid> {
        let cosines = product_map(features.parts.get("features")?, embedding.parts.get("sound")?.values())?;
        Ok(cosines.map(|cosine| sigmoid(self.scale * cosine)))
    }
}

/// The number of the category at this place of those heard, from the most heard one; of equals, the last.
fn heard_at(place: usize, heard: &[f32]) -> usize {
    let mut order: Vec<usize> = (0..heard.len()).collect();
    order.sort_by(|&a, &b| heard[a].total_cmp(&heard[b]));
    order.into_iter().rev().nth(place).unwrap_or(0)
}

fn heatmap(values: Grid, confidence: f32, features: &ImageFeatures) -> Heatmap {
    let plain = Heatmap::over_whole_frame(values, features.frame);
    Heatmap { nominal_range: Some([0.0, 1.0]), confidence: Some(confidence), ..plain }
}

fn single(weights: &StateDict, key: &str) -> Result<f32> {
    Ok(values_of(&weights.view().weight(key)?)?.first().copied().unwrap_or_default())
}

impl Objects {
    fn new(weights: &StateDict, channels: usize) -> Result<Self> {
        let every = weights.view();
        if !every.contains("obj_conv.weight") {
            let message = "the dictionary goes with a checkpoint of stage two; this one is of stage one".to_owned();
            return Err(LocalizerError::WrongWeights { message });
        }
        let heard = Linear::new(&every, "a_class_layer", Activation::None)?;
        let centers = every.weight_of_shape(DICTIONARY, &[heard.out_features(), channels])?;
        let mut plain = StateDict::new();
        plain.insert(format!("{DICTIONARY}.weight"), centers);
        Ok(Self {
            dictionary: Linear::new(&plain.view(), DICTIONARY, Activation::None)?,
            scale: single(weights, "obj_conv.weight")?,
            bias: single(weights, "obj_conv.bias")?,
            heard,
        })
    }

    /// How much each place looks like each category: categories × rows × columns.
    fn seen(&self, features: &Tensor) -> Result<Array> {
        let (_, _, rows, columns) = features.dims4()?;
        let places = features.flatten_from(2)?.squeeze(0)?.t()?.contiguous()?;
        let products = values_of(&self.dictionary.forward(&places)?.t()?.contiguous()?)?;
        let values = products.into_iter().map(|product| self.scale * product + self.bias).collect();
        shaped(&[self.dictionary.out_features(), rows, columns], values)
    }
}

/// Each category's share of each place, where all categories of a place compete by how much they are seen there times
/// how much the place sounds.
fn category_shares(seen: &Array, sounding: &Grid) -> Result<Vec<Grid>> {
    let places = sounding.values().len().max(1);
    let mut shares = seen.values().to_vec();
    for (place, sound) in sounding.values().iter().enumerate() {
        let of_place = || (place..seen.values().len()).step_by(places);
        let logit = |index: usize| SHARPNESS * sound * seen.values()[index];
        let highest = of_place().map(logit).fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = of_place().map(|index| (logit(index) - highest).exp()).sum();
        of_place().for_each(|index| shares[index] = (logit(index) - highest).exp() / sum);
    }
    shares.chunks_exact(places).map(|of_one| grid(sounding.rows(), sounding.columns(), of_one.to_vec())).collect()
}

/// Whether a weight file is a dictionary, by its name.
pub(super) fn is_dictionary(path: &Path) -> bool {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    matches!(extension.as_deref(), Some("npy" | "npz"))
}

/// Reads a dictionary as weights: the array of a `.npy`, or of a `.npz` its only array or the one called `obj_rep`.
pub(super) fn read_dictionary(path: &Path) -> std::result::Result<StateDict, ArrayError> {
    let at = |problem| ArrayError { place: path.display().to_string(), problem };
    let is_archive = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npz"));
    let array = if is_archive {
        let mut archive = Npz::open(path)?;
        let name = match archive.names() {
            [only] => only.clone(),
            _ => DICTIONARY.to_owned(),
        };
        archive.read(&name)?
    } else {
        read_npy(path)?
    };
    let values = array.to_f32().ok_or_else(|| at(ArrayProblem::Element("text".to_owned())))?;
    let tensor = Tensor::from_vec(values, array.shape(), &Device::Cpu)
        .map_err(|error| at(ArrayProblem::Header(error.to_string())))?;
    let mut weights = StateDict::new();
    weights.insert(DICTIONARY, tensor);
    Ok(weights)
}

impl Localizer for Dsol {
    fn info(&self) -> &LocalizerInfo {
        &self.info
    }

    fn encode_image(&self, frame: &FrameInput) -> Result<ImageFeatures> {
        let image = self.info.view.render(frame.picture, &Normalization::IMAGENET)?;
        let [first, second] = &self.vision_head;
        let seen = self.vision.forward(&image)?;
        let mut arrays = vec![("features", normalized_map(&second.forward(&first.forward(&seen)?)?)?)];
        if let Some(objects) = &self.objects {
            arrays.push(("objects", objects.seen(&seen)?));
        }
        Ok(ImageFeatures { frame: frame.picture.size, parts: Parts::new(self.info.id(), arrays) })
    }

    fn encode_query(&self, query: &Query) -> Result<QueryEmbedding> {
        let (sound, window) = sound_of(&self.info, query)?;
        let spectrogram = mel_decibels_10ms(&mean_channel(&cut_repeating(sound, window)), sound.rate);
        let heard = global_max_pool(&self.audio.forward(&spectrogram_tensor(spectrogram, window)?)?)?;
        let [first, second] = &self.audio_head;
        let embedding = normalized(values_of(&second.forward(&first.forward(&heard)?)?)?);
        let mut arrays = vec![("sound", Array::vector(embedding))];
        if let Some(objects) = &self.objects {
            arrays.push(("categories", Array::vector(values_of(&objects.heard.forward(&heard)?)?)));
        }
        Ok(QueryEmbedding { parts: Parts::new(self.info.id(), arrays) })
    }

    fn join(&self, features: &ImageFeatures, embedding: &QueryEmbedding) -> Result<Heatmap> {
        let sounding = self.sounding(features, embedding)?;
        let confidence = sounding.range().1;
        let category = match self.shown {
            Shown::SoundMap => return Ok(heatmap(sounding, confidence, features)),
            Shown::Heard(place) => heard_at(place, embedding.parts.get("categories")?.values()),
            Shown::Category(category) => category,
        };
        let shares = category_shares(features.parts.get("objects")?, &sounding)?;
        let share = shares
            .into_iter()
            .nth(category)
            .ok_or_else(|| LocalizerError::Network { message: format!("there is no map of category {category}") })?;
        Ok(heatmap(share, confidence, features))
    }

    fn class_maps(&self, features: &ImageFeatures, embedding: &QueryEmbedding) -> Result<Option<ClassMaps>> {
        if self.objects.is_none() {
            return Ok(None);
        }
        let sounding = self.sounding(features, embedding)?;
        let confidence = sounding.range().1;
        let shares = category_shares(features.parts.get("objects")?, &sounding)?;
        let maps = shares.into_iter().map(|share| heatmap(share, confidence, features)).collect();
        Ok(Some(ClassMaps { maps, heard: embedding.parts.get("categories")?.values().to_vec() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::arrays::{Array as NumberArray, write_npy, write_npz};

    #[test]
    fn categories_compete_where_it_sounds() {
        let seen = Array::new(&[2, 1, 2], vec![4.0, 4.0, 1.0, 1.0]).unwrap();
        let sounding = Grid::new(1, 2, vec![0.0, 1.0]).unwrap();
        let [of_first, of_second] = &category_shares(&seen, &sounding).unwrap()[..] else { panic!("two categories") };
        assert_eq!(of_first.values()[0], 0.5, "where nothing sounds no category is preferred");
        assert!((of_first.values()[1] - 1.0 / (1.0 + (-9.0f32).exp())).abs() < 1e-6);
        assert!((of_first.values()[1] + of_second.values()[1] - 1.0).abs() < 1e-6);
    }

    #[test]
    fn categories_are_ranked_as_numpy_sorts_them() {
        let heard = [0.5, 2.0, -1.0, 2.0];
        assert_eq!((0..4).map(|place| heard_at(place, &heard)).collect::<Vec<_>>(), [3, 1, 0, 2]);
    }

    #[test]
    fn a_dictionary_is_read_from_either_array_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (plain, archive) = (folder.path().join("obj.npy"), folder.path().join("obj.NPZ"));
        let array = NumberArray::new([2, 3], vec![1.0f64, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        write_npy(&mut std::fs::File::create(&plain).unwrap(), &array).unwrap();
        write_npz(&archive, [("any_name", &array)]).unwrap();
        for path in [&plain, &archive] {
            assert!(is_dictionary(path));
            let weights = read_dictionary(path).unwrap();
            assert_eq!(weights.get(DICTIONARY).unwrap().to_vec2::<f32>().unwrap(), [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        }
        std::fs::write(&plain, b"not an array").unwrap();
        assert!(read_dictionary(&plain).unwrap_err().to_string().contains("obj.npy"));
        assert!(!is_dictionary(Path::new("stage_two.pth")));
    }
}
