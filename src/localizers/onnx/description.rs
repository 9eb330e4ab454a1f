//! The description of a model of one's own (TOML): which files it is made of, what it is shown of a frame, what it
//! hears of a sound, and how the two make a heatmap. `docs/onnx.md` tells it to users.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::front_end::{FrontEnd, SpectrogramRule};
use crate::localizers::{
    BenchmarkWindow, Hearing, LocalizerError, Normalization, Resizing, Result, ViewRule, WindowPlan,
};
use crate::network::open_plain;
use crate::signal::Resampler;

/// A whole description.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// As on screen; the description's file name where none is given.
    pub name: Option<String>,
    /// One network from picture and sound to the heatmap; without it each side has a file of its own.
    pub file: Option<String>,
    pub image: ImageSide,
    pub sound: SoundSide,
    #[serde(default)]
    pub join: Join,
    #[serde(default)]
    pub heatmap: HeatmapSide,
}

/// What the network is shown of a frame.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageSide {
    pub file: Option<String>,
    pub input: Option<String>,
    pub output: Option<String>,
    /// Side of the square input in pixels.
    pub side: u32,
    #[serde(default)]
    pub fit: Fit,
    #[serde(default)]
    pub resize: Resize,
    #[serde(default = "zeros")]
    pub mean: [f32; 3],
    #[serde(default = "ones")]
    pub deviation: [f32; 3],
    #[serde(default)]
    pub channels: Channels,
    #[serde(default)]
    pub features: Features,
    /// Class and register tokens before the first place, where `features` is `tokens`.
    #[serde(default)]
    pub skip_tokens: usize,
    /// Rows and columns of places, where `features` is `tokens`; a square where it is not given.
    pub grid: Option<[usize; 2]>,
}

fn zeros() -> [f32; 3] {
    [0.0; 3]
}

fn ones() -> [f32; 3] {
    [1.0; 3]
}

/// How a frame becomes a square.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// The whole frame, squashed.
    #[default]
    Stretch,
    /// The short side to `side`, then the middle square.
    Crop,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resize {
    #[default]
    PilBicubic,
    PilBilinear,
    TorchBicubic,
    TorchBicubicAntialiased,
    OpencvBilinear,
}

/// Where the colour channels are in the network's input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channels {
    #[default]
    First,
    Last,
}

/// How the image network's answer lists the features of its places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Features {
    /// Channels × rows × columns.
    #[default]
    ChannelsFirst,
    /// Rows × columns × channels.
    ChannelsLast,
    /// Tokens × channels, as a vision transformer has them.
    Tokens,
}

/// What the network hears.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoundSide {
    pub file: Option<String>,
    pub input: Option<String>,
    pub output: Option<String>,
    /// Samples a second.
    pub rate: u32,
    pub window_secs: f64,
    #[serde(default)]
    pub benchmark: Benchmark,
    #[serde(default)]
    pub resample: Resample,
    #[serde(default)]
    pub short: Short,
    #[serde(default)]
    pub mono: Mono,
    /// The front end of a published system, or the plain samples.
    pub front_end: Option<Named>,
    pub spectrogram: Option<SpectrogramRule>,
}

/// Where the window lies on a benchmark clip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Benchmark {
    #[default]
    Start,
    Centre,
    Whole,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resample {
    #[default]
    SoxrHq,
    KaiserBest,
    KaiserFast,
}

/// What a sound shorter than the window becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Short {
    /// Repeated end to end.
    #[default]
    Repeat,
    /// Followed by zeros.
    Silence,
    /// As short as it is; the network must take any length.
    Cut,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mono {
    #[default]
    Mean,
    Left,
}

/// Front ends that have a name.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Named {
    Waveform,
    Lvs,
    Alignment,
    SslTie,
    Rcgrad,
    Dsol,
    CoarseToFine,
}

/// How features and embedding make the map.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Join {
    pub rule: JoinRule,
    /// The map is multiplied by it.
    pub scale: f32,
    /// Values below zero become zero.
    pub rectify: bool,
}

impl Default for Join {
    fn default() -> Self {
        Self { rule: JoinRule::Cosine, scale: 1.0, rectify: false }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JoinRule {
    Cosine,
    Dot,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeatmapSide {
    /// The output that is the heatmap, where one network makes it.
    pub output: Option<String>,
    /// The range that its values can have, where it is known.
    pub range: Option<[f32; 2]>,
}

/// The files of a model, in its folder.
#[derive(Clone, Debug, PartialEq)]
pub enum Files {
    Pair { image: PathBuf, sound: PathBuf },
    Single(PathBuf),
}

impl Files {
    pub fn paths(&self) -> Vec<&Path> {
        match self {
            Self::Pair { image, sound } => vec![image, sound],
            Self::Single(path) => vec![path],
        }
    }
}

const LARGEST_BYTES: u64 = 1 << 16;
const LARGEST_SIDE: u32 = 4096;
const HIGHEST_RATE: u32 = 192_000;
const LONGEST_WINDOW_SECS: f64 = 600.0;
const MOST_TOKENS: usize = 1 << 20;

impl Description {
    /// Reads and checks a description.
    ///
    /// # Errors
    /// What cannot be read, unknown keys, and values that make no sense, each named.
    pub fn read(path: &Path) -> Result<Self> {
        let wrong = |problem: String| LocalizerError::Described { place: path.to_owned(), problem };
        let mut file = open_plain(path).map_err(|error| wrong(error.to_string()))?;
        let size = file.metadata().map_err(|error| wrong(error.to_string()))?.len();
        if size > LARGEST_BYTES {
            return Err(wrong(format!("{size} bytes are no description of a model (a small TOML, see docs/onnx.md)")));
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(|error| wrong(error.to_string()))?;
        let description: Self = toml::from_str(&text).map_err(|error| wrong(error.to_string().trim().to_owned()))?;
        description.check().map_err(wrong)?;
        Ok(description)
    }

    fn check(&self) -> std::result::Result<(), String> {
        let ImageSide { side, mean, deviation, fit, resize, features, skip_tokens, grid, .. } = self.image;
        if !(1..=LARGEST_SIDE).contains(&side) {
            return Err(format!("image.side is {side}; 1 to {LARGEST_SIDE} are possible"));
        }
        if !mean.iter().chain(&deviation).all(|value| value.is_finite()) || deviation.contains(&0.0) {
            return Err("image.mean and image.deviation are three numbers each, no deviation 0".to_owned());
        }
        if fit == Fit::Crop && resize != Resize::PilBicubic {
            return Err("image.fit = \"crop\" resizes by pil-bicubic alone".to_owned());
        }
        if features != Features::Tokens && (skip_tokens != 0 || grid.is_some()) {
            return Err("image.skip_tokens and image.grid go with image.features = \"tokens\"".to_owned());
        }
        let places = grid.map_or(Some(1), |[rows, columns]| rows.checked_mul(columns));
        if !places.is_some_and(|places| (1..=MOST_TOKENS).contains(&places)) || skip_tokens > MOST_TOKENS {
            return Err("image.grid is rows and columns, both above 0".to_owned());
        }
        let SoundSide { rate, window_secs, benchmark, short, .. } = self.sound;
        if !(1000..=HIGHEST_RATE).contains(&rate) {
            return Err(format!("sound.rate is {rate}; 1000 to {HIGHEST_RATE} samples a second are possible"));
        }
        if !(0.01..=LONGEST_WINDOW_SECS).contains(&window_secs) {
            return Err(format!("sound.window_secs is {window_secs}; 0.01 to {LONGEST_WINDOW_SECS} are possible"));
        }
        if benchmark == Benchmark::Whole && short != Short::Cut {
            return Err("sound.benchmark = \"whole\" goes with sound.short = \"cut\"".to_owned());
        }
        self.front_end()?.check(rate, window_secs)?;
        if !self.join.scale.is_finite() {
            return Err("join.scale is no number".to_owned());
        }
        if self.heatmap.range.is_some_and(|[low, high]| !(low < high && low.is_finite() && high.is_finite())) {
            return Err("heatmap.range is the lowest and the highest value".to_owned());
        }
        match &self.file {
            Some(_) if self.image.file.is_some() || self.sound.file.is_some() => {
                Err("either `file` names one network for all, or image.file and sound.file one each".to_owned())
            }
            Some(_) if self.image.output.is_some() || self.sound.output.is_some() => {
                Err("a single network's output is named by heatmap.output".to_owned())
            }
            Some(_) if self.join != Join::default() => {
                Err("[join] is for a pair of networks; a single one makes the heatmap itself".to_owned())
            }
            None if self.image.file.is_none() || self.sound.file.is_none() => {
                Err("image.file and sound.file are missing (or `file`, where one network makes the heatmap)".to_owned())
            }
            None if self.heatmap.output.is_some() => {
                Err("heatmap.output is for a single network; a pair has image.output and sound.output".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// The model's files. They lie beside the description, which may come from anyone.
    ///
    /// # Errors
    /// A name that leads elsewhere.
    pub fn files(&self, description: &Path) -> Result<Files> {
        let beside = |name: &str| {
            let plain = Path::new(name).components().count() == 1 && !name.starts_with('.');
            if !plain || name.contains(['/', '\\', ':']) {
                let problem = format!("'{name}' is no file of its folder; the networks lie beside their description");
                return Err(LocalizerError::Described { place: description.to_owned(), problem });
            }
            Ok(description.with_file_name(name))
        };
        Ok(match (&self.file, &self.image.file, &self.sound.file) {
            (None, Some(image), Some(sound)) => Files::Pair { image: beside(image)?, sound: beside(sound)? },
            (file, ..) => Files::Single(beside(file.as_deref().unwrap_or_default())?),
        })
    }

    pub fn view(&self) -> ViewRule {
        let side = self.image.side;
        let resizing = match self.image.resize {
            Resize::PilBicubic => Resizing::PilBicubic,
            Resize::PilBilinear => Resizing::PilBilinear,
            Resize::TorchBicubic => Resizing::TensorBicubic,
            Resize::TorchBicubicAntialiased => Resizing::TensorBicubicAntialiased,
            Resize::OpencvBilinear => Resizing::CvBilinear,
        };
        match self.image.fit {
            Fit::Stretch => ViewRule::Stretch { side, resizing },
            Fit::Crop => ViewRule::Crop { side },
        }
    }

    pub fn normalization(&self) -> Normalization {
        Normalization { mean: self.image.mean, deviation: self.image.deviation }
    }

    pub fn hearing(&self) -> Hearing {
        let resampler = match self.sound.resample {
            Resample::SoxrHq => Resampler::SoxrHq,
            Resample::KaiserBest => Resampler::KaiserBest,
            Resample::KaiserFast => Resampler::KaiserFast,
        };
        Hearing { rate: self.sound.rate, resampler }
    }

    pub fn window(&self) -> WindowPlan {
        let benchmark = match self.sound.benchmark {
            Benchmark::Start => BenchmarkWindow::First,
            Benchmark::Centre => BenchmarkWindow::Centered,
            Benchmark::Whole => BenchmarkWindow::Whole,
        };
        WindowPlan { length_secs: self.sound.window_secs, benchmark }
    }

    /// What the samples become.
    ///
    /// # Errors
    /// Neither or both of a name and a rule.
    pub fn front_end(&self) -> std::result::Result<FrontEnd, String> {
        match (self.sound.front_end, &self.sound.spectrogram) {
            (Some(named), None) => Ok(FrontEnd::Named(named)),
            (None, Some(rule)) => Ok(FrontEnd::Spectrogram(rule.clone())),
            _ => Err("what the network hears is said by one of sound.front_end and [sound.spectrogram]".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIR: &str = "[image]\nfile = \"i.onnx\"\nside = 224\n[sound]\nfile = \"s.onnx\"\nrate = 16000\n\
                        window_secs = 3\nfront_end = \"lvs\"\n";

    fn read(text: &str) -> std::result::Result<Description, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        std::fs::write(&path, text).unwrap();
        let described = Description::read(&path).map_err(|error| error.to_string())?;
        described.files(&path).map_err(|error| error.to_string())?;
        Ok(described)
    }

    #[test]
    fn a_short_description_has_the_usual_rest() {
        let described = read(PAIR).unwrap();
        assert_eq!(described.view(), ViewRule::Stretch { side: 224, resizing: Resizing::PilBicubic });
        assert_eq!(described.window(), WindowPlan { length_secs: 3.0, benchmark: BenchmarkWindow::First });
        assert_eq!(described.join, Join { rule: JoinRule::Cosine, scale: 1.0, rectify: false });
        assert_eq!(described.files(Path::new("a/mine.toml")).unwrap().paths()[1], Path::new("a/s.onnx"));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let changed = |from: &str, to: &str| read(&PAIR.replace(from, to)).unwrap_err();
        for (from, to, part) in [
            ("side = 224", "side = 0", "image.side is 0"),
            ("side = 224", "side = 1000000000", "image.side is 1000000000; 1 to 4096 are possible"),
            ("side = 224", "side = -5", "-5"),
            ("side = 224", "side = 4294967296", "4294967296"),
            ("side = 224", "side = 2.5", "floating point"),
            ("side = 224", "side = 224\nside = 224", "duplicate key"),
            ("side = 224", "side = 224\nmean = [nan, 0, 0]", "image.mean"),
            ("side = 224", "side = 224\nmean = [inf, 0, 0]", "image.mean"),
            ("side = 224", "side = 224\nmean = [0, 0]", "mean"),
            ("side = 224", "side = 224\nfeatures = \"tokens\"\ngrid = [9999999999, 9999999999]", "image.grid"),
            ("side = 224", "side = 224\nfeatures = \"tokens\"\nskip_tokens = 9999999999", "image.grid"),
            ("rate = 16000", "rate = 16000\njoin = \"cosine\"", "unknown field `join`"),
            ("[image]", "[join]\nrule = \"sideways\"\n[image]", "sideways"),
            ("[image]", "[join]\nscale = nan\n[image]", "join.scale"),
            ("[image]", "[heatmap]\nrange = [1, -1]\n[image]", "heatmap.range"),
            ("side = 224", "side = 224\ncolour = 1", "unknown field `colour`"),
            ("side = 224", "side = 224\nfit = \"squeeze\"", "squeeze"),
            ("side = 224", "side = 224\ndeviation = [1, 0, 1]", "image.deviation"),
            ("side = 224", "side = 224\nfeatures = \"tokens\"\ngrid = [0, 7]", "image.grid"),
            ("rate = 16000", "rate = 16", "sound.rate is 16"),
            ("window_secs = 3", "window_secs = nan", "sound.window_secs"),
            ("window_secs = 3", "window_secs = 1e300", "sound.window_secs"),
            ("front_end = \"lvs\"", "", "sound.front_end"),
            ("front_end = \"lvs\"", "[sound.spectrogram]\nframe_samples = 0\nhop_samples = 1", "frame_samples"),
            ("front_end = \"lvs\"", "[sound.spectrogram]\nframe_samples = 8\nhop_samples = 0", "hop_samples"),
            ("file = \"i.onnx\"", "", "image.file"),
            ("i.onnx", "../i.onnx", "'../i.onnx' is no file of its folder"),
            ("i.onnx", "/etc/passwd", "is no file of its folder"),
            ("[image]", "file = \"both.onnx\"\n[image]", "either `file`"),
        ] {
            let message = changed(from, to);
            assert!(message.contains(part) && message.contains("mine.toml"), "{to}: {message}");
        }
        assert!(read("[image").unwrap_err().contains("mine.toml"));
        assert!(read("").unwrap_err().contains("missing field `image`"));
        assert!(read(&"[".repeat(60_000)).unwrap_err().contains("mine.toml"));
        assert!(read(&format!("image = {}", "[".repeat(60_000))).unwrap_err().contains("mine.toml"));
        assert!(read(&"#".repeat(1 << 17)).unwrap_err().contains("bytes"));
    }

    #[test]
    fn the_documentations_examples_are_descriptions() {
        let page = include_str!("../../../docs/onnx.md");
        let blocks = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
        let [pair, spectrogram, single] = blocks.collect::<Vec<_>>().try_into().unwrap();
        read(pair).unwrap();
        assert!(matches!(read(single).unwrap().files(Path::new("mine.toml")), Ok(Files::Single(_))));
        let without: String = pair.lines().filter(|line| !line.starts_with("front_end")).collect::<Vec<_>>().join("\n");
        let own = read(&format!("{without}\n{spectrogram}")).unwrap();
        assert!(matches!(own.front_end(), Ok(FrontEnd::Spectrogram(rule)) if rule.mel_bands == Some(128)));
    }
}
