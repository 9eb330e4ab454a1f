//! A model of one's own: one ONNX file, or one for the picture and one for the sound, and a small description of what
//! they are shown and how they are joined. Run by tract where the program is built with the feature `onnx`.

#[cfg(feature = "onnx")]
mod bounds;
mod description;
mod front_end;
#[cfg(feature = "onnx")]
mod network;
#[cfg(not(feature = "onnx"))]
#[path = "network_absent.rs"]
mod network;
#[cfg(feature = "onnx")]
mod survey;

use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};

use super::cosine::{grid, normalized, normalized_map, product_map, shaped, values_of};
use super::query::sound_of;
use super::registry::System;
use super::{
    Array, FrameInput, ImageFeatures, Localizer, LocalizerError, LocalizerInfo, Normalization, Parts, Query,
    QueryEmbedding, Result,
};
use crate::geometry::Size;
use crate::heatmap::{Grid, Heatmap};
use crate::media::Picture;
use crate::signal::{AudioWindow, Waveform, cut_inside, cut_repeating, left_channel, mean_channel};
use description::{Channels, Description, Features, Files, JoinRule, Mono, Short};
use front_end::FrontEnd;
pub(super) use network::AVAILABLE;
use network::Network;

/// A described model.
pub(super) struct Onnx {
    info: LocalizerInfo,
    name: String,
    place: PathBuf,
    description: Description,
    normalization: Normalization,
    front_end: FrontEnd,
    networks: Networks,
}

/// The networks with the places of their inputs and outputs.
enum Networks {
    Pair {
        image: Box<Side>,
        sound: Box<Side>,
    },
    /// Picture and sound to a heatmap.
    Single {
        network: Box<Network>,
        image_input: usize,
        output: usize,
    },
}

struct Side {
    network: Network,
    output: usize,
}

/// A network's input: its name, and its shape as far as it is fixed.
#[derive(Clone, Debug, PartialEq)]
struct Port {
    name: String,
    /// `None` where the file does not even tell how many axes there are.
    shape: Option<Vec<Option<usize>>>,
}

/// The files that a description names, beside it.
///
/// # Errors
/// As [`Onnx::open`].
pub(super) fn files_of(description: &Path) -> Result<Vec<PathBuf>> {
    let files = Description::read(description)?.files(description)?;
    Ok(files.paths().into_iter().map(Path::to_owned).collect())
}

/// Tensors and values in a network's file.
///
/// # Errors
/// A file that is no network that can be run.
pub(super) fn count_weights(path: &Path) -> Result<(usize, usize)> {
    let network = Network::open(path)?;
    Ok((network.tensors(), network.values()))
}

impl Onnx {
    /// Opens the model of a description and runs it once on a grey picture and silence, so that whatever does not fit
    /// is said now.
    ///
    /// # Errors
    /// A description that makes no sense, files that are no networks, operators that cannot be run (all named), inputs
    /// and outputs that do not fit what the description makes, and a build without the feature `onnx`.
    pub(super) fn open(system: &'static System, place: &Path) -> Result<Self> {
        if place.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("onnx")) {
            let problem = "a network alone does not say what it is shown; describe it in a TOML (docs/onnx.md)";
            return Err(LocalizerError::Described { place: place.to_owned(), problem: problem.to_owned() });
        }
        let description = Description::read(place)?;
        let wrong = |problem: String| LocalizerError::Described { place: place.to_owned(), problem };
        let front_end = description.front_end().map_err(wrong)?;
        let networks = match description.files(place)? {
            Files::Pair { image, sound } => Networks::Pair {
                image: Side::open(&image, description.image.input.as_deref(), description.image.output.as_deref())?,
                sound: Side::open(&sound, description.sound.input.as_deref(), description.sound.output.as_deref())?,
            },
            Files::Single(path) => single(&path, &description)?,
        };
        let info = LocalizerInfo {
            system,
            hearing: Some(description.hearing()),
            window: description.window(),
            view: description.view(),
            reads_text: false,
            takes_sound_vector: false,
            needs_next_frame: false,
            query_matters: true,
            remark: Some("A model of one's own, as its description says"),
        };
        let stem = place.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let name = description.name.clone().or(stem).unwrap_or_else(|| system.name.to_owned());
        let normalization = description.normalization();
        let model = Self { info, name, place: place.to_owned(), description, normalization, front_end, networks };
        model.try_out()?;
        Ok(model)
    }

    fn try_out(&self) -> Result<()> {
        let side = self.description.image.side;
        let picture = Picture::filled(Size::new(side, side), [128; 3]);
        let features = self.encode_image(&FrameInput { picture: &picture, next: None, index: 0, clip: "" })?;
        let rate = self.description.sound.rate;
        let window_secs = self.description.sound.window_secs;
        let samples = vec![0.0; (f64::from(rate) * window_secs).ceil() as usize];
        let silence = Waveform { rate, channels: 1, samples };
        let window = AudioWindow { start_secs: 0.0, length_secs: window_secs };
        let embedding = self.encode_query(&Query::Sound { sound: &silence, window }).map_err(|error| match error {
            LocalizerError::NothingToHear { .. } => self
                .wrong(format!("{window_secs} s at {rate} Hz are too short for sound.front_end; take a longer window")),
            error => error,
        })?;
        self.join(&features, &embedding).map(drop)
    }

    fn wrong(&self, problem: impl Into<String>) -> LocalizerError {
        LocalizerError::Described { place: self.place.clone(), problem: problem.into() }
    }

    /// The picture as the network takes it, without the leading axis of length 1.
    fn image_input(&self, picture: &Picture) -> Result<Array> {
        let image = self.info.view.render(picture, &self.normalization)?.squeeze(0)?;
        let image = match self.description.image.channels {
            Channels::First => image,
            Channels::Last => image.permute((1, 2, 0))?.contiguous()?,
        };
        shaped(image.dims(), values_of(&image)?)
    }

    /// The sound of the window as the network takes it, without leading axes of length 1.
    fn sound_input(&self, sound: &Waveform, window: AudioWindow) -> Result<Array> {
        let cut = match self.description.sound.short {
            Short::Repeat => cut_repeating(sound, window),
            Short::Cut | Short::Silence => cut_inside(sound, window),
        };
        let mut samples = match self.description.sound.mono {
            Mono::Mean => mean_channel(&cut),
            Mono::Left => left_channel(&cut),
        };
        if self.description.sound.short == Short::Silence {
            let whole = (window.length_secs * f64::from(sound.rate)).round().max(0.0) as usize;
            samples.resize(whole.max(samples.len()), 0.0);
        }
        self.front_end
            .apply(&samples, sound.rate)?
            .ok_or(LocalizerError::NothingToHear { start_secs: window.start_secs })
    }

    /// The image network's answer as channels × rows × columns.
    fn features(&self, answer: Array) -> Result<Array> {
        let image = &self.description.image;
        let shape = answer.shape().to_vec();
        let told = listed(&shape);
        // Leading axes of length 1 are the batch.
        let rank = if image.features == Features::Tokens { 2 } else { 3 };
        let (batch, axes) = shape.split_at(shape.len().saturating_sub(rank));
        let unfit = || self.wrong(format!("the image network answers {told}, which are not image.features"));
        if axes.len() != rank || batch.iter().any(|&extent| extent != 1) || axes.contains(&0) {
            return Err(unfit());
        }
        let values = answer.into_values();
        match (image.features, axes) {
            (Features::ChannelsFirst, _) => shaped(axes, values),
            (Features::ChannelsLast, &[rows, columns, channels]) => {
                shaped(&[channels, rows, columns], transposed(&values, rows * columns, channels))
            }
            (Features::Tokens, &[tokens, channels]) => {
                let places = tokens.checked_sub(image.skip_tokens).filter(|&places| places > 0).ok_or_else(unfit)?;
                let side = places.isqrt();
                let [rows, columns] = image.grid.unwrap_or([side, side]);
                if rows * columns != places {
                    return Err(self.wrong(format!("{places} tokens do not make image.grid of {rows}×{columns}")));
                }
                let values = &values[image.skip_tokens * channels..];
                shaped(&[channels, rows, columns], transposed(values, places, channels))
            }
            _ => Err(unfit()),
        }
    }

    /// The last two axes of a network's answer, the others being of length 1. A single row or column is no map: it is an
    /// embedding that was taken for one.
    fn map(&self, answer: Array) -> Result<Grid> {
        let shape = answer.shape().to_vec();
        match shape.as_slice() {
            [batch @ .., rows, columns] if batch.iter().all(|&extent| extent == 1) && *rows > 1 && *columns > 1 => {
                grid(*rows, *columns, answer.into_values())
            }
            _ => Err(self.wrong(format!("the network answers {}, which is no heatmap", listed(&shape)))),
        }
    }
}

/// Places × channels to channels × places.
fn transposed(values: &[f32], places: usize, channels: usize) -> Vec<f32> {
    let channel = |channel| (0..places).map(move |place| values[place * channels + channel]);
    (0..channels).flat_map(channel).collect()
}

/// A shape in words.
fn listed(shape: &[usize]) -> String {
    if shape.is_empty() {
        return "a single value".to_owned();
    }
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join("×")
}

impl Side {
    fn open(path: &Path, input: Option<&str>, output: Option<&str>) -> Result<Box<Self>> {
        let network = Network::open(path)?;
        let wrong = |problem: String| LocalizerError::Described { place: path.to_owned(), problem };
        if network.inputs().len() != 1 {
            let names = names(network.inputs());
            return Err(wrong(format!("a side of a pair has one input, this network has {names}")));
        }
        if let Some(name) = input {
            place_of(network.inputs().iter().map(|port| port.name.as_str()), Some(name), "input").map_err(wrong)?;
        }
        let output = place_of(network.outputs().iter().map(String::as_str), output, "output").map_err(wrong)?;
        Ok(Box::new(Self { network, output }))
    }

    fn run(&self, input: Array) -> Result<Array> {
        self.network.run(vec![input], self.output)
    }
}

fn single(path: &Path, description: &Description) -> Result<Networks> {
    let network = Network::open(path)?;
    let wrong = |problem: String| LocalizerError::Described { place: path.to_owned(), problem };
    if network.inputs().len() != 2 {
        let names = names(network.inputs());
        return Err(wrong(format!(
            "one network for all has an input for the picture and one for the sound, not {names}"
        )));
    }
    let inputs = || network.inputs().iter().map(|port| port.name.as_str());
    let (Some(image), Some(sound)) = (&description.image.input, &description.sound.input) else {
        let names = names(network.inputs());
        return Err(wrong(format!("say with image.input and sound.input which of {names} is which")));
    };
    let image_input = place_of(inputs(), Some(image), "input").map_err(wrong)?;
    let sound_input = place_of(inputs(), Some(sound), "input").map_err(wrong)?;
    if image_input == sound_input {
        return Err(wrong("image.input and sound.input are the same".to_owned()));
    }
    let outputs = network.outputs().iter().map(String::as_str);
    let output = place_of(outputs, description.heatmap.output.as_deref(), "output").map_err(wrong)?;
    Ok(Networks::Single { network: Box::new(network), image_input, output })
}

fn names(ports: &[Port]) -> String {
    match ports {
        [] => "none".to_owned(),
        ports => ports.iter().map(|port| format!("'{}'", port.name)).collect::<Vec<_>>().join(", "),
    }
}

/// Where `wanted` is among the names; the first where none is wanted.
fn place_of<'a>(
    names: impl Iterator<Item = &'a str>,
    wanted: Option<&str>,
    kind: &str,
) -> std::result::Result<usize, String> {
    let names: Vec<&str> = names.collect();
    match wanted {
        None if names.is_empty() => Err(format!("it has no {kind}")),
        None => Ok(0),
        Some(wanted) => names
            .iter()
            .position(|name| *name == wanted)
            .ok_or_else(|| format!("it has no {kind} '{wanted}'; there are: {}", names.join(", "))),
    }
}

impl Localizer for Onnx {
    fn info(&self) -> &LocalizerInfo {
        &self.info
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn encode_image(&self, frame: &FrameInput) -> Result<ImageFeatures> {
        let input = self.image_input(frame.picture)?;
        let part = match &self.networks {
            Networks::Single { .. } => ("image", input),
            Networks::Pair { image, .. } => {
                let features = self.features(image.run(input)?)?;
                (
                    "features",
                    match self.description.join.rule {
                        JoinRule::Dot => features,
                        JoinRule::Cosine => {
                            let shape = [&[1], features.shape()].concat();
                            normalized_map(&Tensor::from_vec(features.into_values(), shape, &Device::Cpu)?)?
                        }
                    },
                )
            }
        };
        Ok(ImageFeatures { frame: frame.picture.size, parts: Parts::new(self.info.id(), vec![part]) })
    }

    fn encode_query(&self, query: &Query) -> Result<QueryEmbedding> {
        let (sound, window) = sound_of(&self.info, query)?;
        let input = self.sound_input(sound, window)?;
        let part = match &self.networks {
            Networks::Single { .. } => ("sound", input),
            Networks::Pair { sound, .. } => {
                let answer = sound.run(input)?;
                if answer.shape().iter().filter(|&&extent| extent != 1).count() > 1 || answer.values().is_empty() {
                    let told = listed(answer.shape());
                    return Err(self.wrong(format!("the sound network answers {told}, which is no single vector")));
                }
                let values = answer.into_values();
                let rule = self.description.join.rule;
                ("embedding", Array::vector(if rule == JoinRule::Cosine { normalized(values) } else { values }))
            }
        };
        Ok(QueryEmbedding { parts: Parts::new(self.info.id(), vec![part]) })
    }

    fn join(&self, features: &ImageFeatures, embedding: &QueryEmbedding) -> Result<Heatmap> {
        let values = match &self.networks {
            Networks::Pair { .. } => {
                let (places, vector) = (features.parts.get("features")?, embedding.parts.get("embedding")?);
                let channels = places.shape().first().copied().unwrap_or_default();
                if channels != vector.values().len() {
                    let length = vector.values().len();
                    return Err(self.wrong(format!(
                        "the image network makes features of {channels} channels, the sound network a vector of {length}"
                    )));
                }
                let join = self.description.join;
                let lowest = if join.rectify { 0.0 } else { f32::NEG_INFINITY };
                product_map(places, vector.values())?.map(|product| (product * join.scale).max(lowest))
            }
            Networks::Single { network, image_input, output, .. } => {
                let (image, sound) = (features.parts.get("image")?.clone(), embedding.parts.get("sound")?.clone());
                let inputs = if *image_input == 0 { vec![image, sound] } else { vec![sound, image] };
                self.map(network.run(inputs, *output)?)?
            }
        };
        let confidence = Some(values.range().1);
        Ok(Heatmap {
            values,
            frame: features.frame,
            covers: self.view(features.frame).covers,
            nominal_range: self.description.heatmap.range,
            object_prior: None,
            confidence,
        })
    }
}
