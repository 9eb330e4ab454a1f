//! `sonolens localize`: one frame, one sound, one heatmap.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::{ArgGroup, Args};
use serde_json::json;

use crate::engine::{Sound, SoundChoice};
use crate::heatmap::{Grid, Heatmap};
use crate::localizers::store::{self, Shelf};
use crate::localizers::{FrameInput, LocalizerError, Query, WindowRule};
use crate::media::{self, FrameTable, Media, MediaError, Picture, VideoReader};
use crate::metrics::{Placement, Protocol, ProtocolError};
use crate::network::arrays::{Array, ArrayError, write_npz};

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("source").required(true).args(["video", "image"])))]
pub struct LocalizeArguments {
    /// The model: ID (one that needs no files, or a stored one) or ID=WEIGHTS[,WEIGHTS…]
    #[arg(long, value_name = "ID[=WEIGHTS]")]
    model: String,
    /// A video; needs --time
    #[arg(long, value_name = "FILE", requires = "time")]
    video: Option<PathBuf>,
    /// The moment of the video, in seconds
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    time: Option<f64>,
    /// An image instead of a video
    #[arg(long, value_name = "FILE", conflicts_with = "time")]
    image: Option<PathBuf>,
    /// The sound that belongs to the image
    #[arg(long, value_name = "FILE", requires = "image")]
    audio: Option<PathBuf>,
    /// Another sound to ask with: own, silence, noise, or an audio or video file
    #[arg(long, value_name = "SPEC", default_value = "own")]
    sound: String,
    /// Words to ask with, for models that read
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Where the audio window lies: follow (centred on the moment) or benchmark (as the authors' loader cuts it);
    /// follow for a video, benchmark for an image if not given
    #[arg(long, value_name = "RULE")]
    window: Option<Window>,
    /// The protocol that upsamples and normalizes the map: ID, or ID+part=value…
    #[arg(long, default_value = "lvs", value_name = "PROTOCOL")]
    protocol: String,
    /// Where the answer is written
    #[arg(long, value_name = "FILE.npz")]
    out: PathBuf,
    /// A machine-readable summary on standard output
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug)]
struct Window(WindowRule);

impl FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        WindowRule::ALL
            .into_iter()
            .find(|rule| rule.name() == text)
            .map(Self)
            .ok_or_else(|| "one of follow, benchmark".to_owned())
    }
}

/// Why a frame could not be localized.
#[derive(Debug, thiserror::Error)]
pub enum LocalizeError {
    #[error(transparent)]
    Media(#[from] MediaError),
    #[error(transparent)]
    Localizer(#[from] LocalizerError),
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    #[error("there are no pictures in it: {}", .0.display())]
    NoPictures(PathBuf),
    #[error("{time} s is outside the video, which lasts {end_secs:.3} s: {}", path.display())]
    OutsideVideo { time: f64, end_secs: f64, path: PathBuf },
    #[error("there is no sound in it: {}; give one with --sound", .0.display())]
    NoSound(PathBuf),
    #[error("{0} is asked with a sound; give one with --audio or --sound")]
    SoundNeeded(&'static str),
    #[error("{0} reads no text")]
    ReadsNoText(&'static str),
    #[error(transparent)]
    Write(#[from] ArrayError),
    #[error("the answer could not be written: {0}")]
    Output(#[from] std::io::Error),
}

/// The picture that is looked at and what surrounds it.
struct Moment {
    picture: Picture,
    next: Option<Picture>,
    /// The file's name without folders and extension.
    clip: String,
    frame: usize,
    time_secs: f64,
    clip_secs: f64,
    /// The file whose sound is the clip's own.
    own_sound: Option<PathBuf>,
}

/// Localizes and writes the heatmap.
///
/// # Errors
/// Unreadable files, a model that cannot be opened or asked so, a moment outside the video.
pub fn run(arguments: &LocalizeArguments, out: &mut dyn Write) -> Result<(), LocalizeError> {
    let protocol: Protocol = arguments.protocol.parse()?;
    let localizer = store::open_spec(&arguments.model, &Shelf::discover())?;
    let info = localizer.info();
    let moment = read_moment(arguments)?;
    let rule = arguments
        .window
        .map_or(if arguments.image.is_some() { WindowRule::Benchmark } else { WindowRule::Follow }, |window| window.0);
    let (picture, next) = (&moment.picture, moment.next.as_ref());
    let input = FrameInput { picture, next, index: moment.frame, clip: &moment.clip };
    let features = localizer.encode_image(&input)?;
    let (embedding, asked) = match (&arguments.text, &info.hearing) {
        (Some(text), _) if info.reads_text => (localizer.encode_query(&Query::Text(text))?, format!("text: {text}")),
        (Some(_), _) => return Err(LocalizeError::ReadsNoText(info.system.id)),
        (None, Some(hearing)) if info.query_matters => {
            let sound = read_sound(&arguments.sound, &moment)?.ok_or(LocalizeError::SoundNeeded(info.system.id))?;
            let prepared = sound.prepared(hearing);
            let window = localizer.audio_window(rule, moment.time_secs, sound.track.duration_secs());
            let embedding = localizer.encode_query(&Query::Sound { sound: &prepared, window })?;
            let asked = format!(
                "{}, {:.3} s to {:.3} s",
                sound.choice.title(),
                window.start_secs,
                window.start_secs + window.length_secs
            );
            (embedding, asked)
        }
        (None, _) => (localizer.encode_query(&Query::Text(""))?, "nothing".to_owned()),
    };
    let heatmap = localizer.join(&features, &embedding)?;
    let confidence = heatmap.confidence.map_or_else(|| protocol.confidence(&heatmap), f64::from);
    write_answer(&arguments.out, &heatmap, &protocol, confidence, &moment)?;

    let (low, high) = heatmap.values.range();
    if arguments.json {
        let answer = json!({
            "model": info.system.id,
            "protocol": protocol.to_string(),
            "asked_with": asked,
            "window_rule": rule.name(),
            "frame": moment.frame,
            "time_secs": moment.time_secs,
            "frame_size": [heatmap.frame.width, heatmap.frame.height],
            "heatmap_shape": [heatmap.values.rows(), heatmap.values.columns()],
            "heatmap_range": [low, high],
            "rect": [heatmap.covers.left, heatmap.covers.top, heatmap.covers.right, heatmap.covers.bottom],
            "confidence": confidence.is_finite().then_some(confidence),
            "out": arguments.out.display().to_string(),
        });
        serde_json::to_writer_pretty(&mut *out, &answer).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        writeln!(
            out,
            "{}: frame {} at {:.3} s, asked with {asked}; heatmap {}×{} from {low:.4} to {high:.4}, confidence \
             {confidence:.4}; written to {}",
            info.system.name,
            moment.frame,
            moment.time_secs,
            heatmap.values.rows(),
            heatmap.values.columns(),
            arguments.out.display()
        )?;
    }
    Ok(())
}

fn read_moment(arguments: &LocalizeArguments) -> Result<Moment, LocalizeError> {
    let stop = Arc::new(AtomicBool::new(false));
    let (path, time) = match (&arguments.video, &arguments.image) {
        (Some(video), _) => (video, arguments.time),
        (None, Some(image)) => (image, None),
        (None, None) => return Err(LocalizeError::NoPictures(PathBuf::new())),
    };
    let media = media::open(path)?;
    if media.video().is_none() {
        return Err(LocalizeError::NoPictures(path.clone()));
    }
    let table = Arc::new(FrameTable::read(&media, &stop)?);
    if table.is_empty() {
        return Err(LocalizeError::NoPictures(path.clone()));
    }
    let (frame, clip_secs) = match time {
        Some(time) => {
            let end_secs = table.end_secs();
            if !(0.0..=end_secs).contains(&time) {
                return Err(LocalizeError::OutsideVideo { time, end_secs, path: path.clone() });
            }
            (table.index_at(time + crate::playback::DUE_TOLERANCE_SECS), end_secs)
        }
        None => (0, 0.0),
    };
    let time_secs = if time.is_some() { table.time_secs(frame) } else { 0.0 };
    let frames = table.len();
    let mut reader = VideoReader::new(&media, table, stop);
    let picture = reader.frame(frame)?.to_picture();
    let next = if frame + 1 < frames { Some(reader.frame(frame + 1)?.to_picture()) } else { None };
    let own_sound = arguments.audio.clone().or_else(|| has_sound(&media).then(|| path.clone()));
    let clip = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Moment { picture, next, clip, frame, time_secs, clip_secs, own_sound })
}

fn has_sound(media: &Media) -> bool {
    media.audio().is_some()
}

/// The sound that is asked with, laid on the clip; `None` where the clip's own is wanted and it has none.
fn read_sound(spec: &str, moment: &Moment) -> Result<Option<Sound>, LocalizeError> {
    let decode = |path: &Path| -> Result<_, LocalizeError> {
        let media = media::open(path)?;
        media::decode_audio(&media, &Arc::new(AtomicBool::new(false)))?
            .ok_or_else(|| LocalizeError::NoSound(path.to_owned()))
    };
    // An image lasts as long as the sound that is asked with; made sounds have the length of the longest window.
    const MADE_SECS: f64 = 10.0;
    let lasting = |own_secs: f64| if moment.clip_secs > 0.0 { moment.clip_secs } else { own_secs };
    Ok(match spec {
        "own" => match &moment.own_sound {
            None => None,
            Some(path) => {
                let sound = decode(path)?;
                Some(Sound::own(&sound.waveform, sound.start_secs, lasting(sound.end_secs())))
            }
        },
        "silence" => Some(Sound::silence(lasting(MADE_SECS))),
        "noise" => Some(Sound::noise(lasting(MADE_SECS))),
        file => {
            let path = PathBuf::from(file);
            let sound = decode(&path)?;
            let secs = lasting(sound.waveform.duration_secs());
            Some(Sound::foreign(SoundChoice::File(path), &sound.waveform, secs))
        }
    })
}

fn write_answer(
    path: &Path,
    heatmap: &Heatmap,
    protocol: &Protocol,
    confidence: f64,
    moment: &Moment,
) -> Result<(), LocalizeError> {
    // The map covers `rect`, like the heatmap, so a crop is not placed in the frame here.
    let mut published = protocol.clone();
    published.placement = Placement::AsPublished;
    let map = published.score_map(heatmap).grid;
    let covers = vec![heatmap.covers.left, heatmap.covers.top, heatmap.covers.right, heatmap.covers.bottom];
    let grid = |grid: &Grid| Array::new([grid.rows(), grid.columns()], grid.values().to_vec());
    let arrays = [
        ("heatmap", grid(&heatmap.values)),
        ("map", grid(&map)),
        ("rect", Array::new([4], covers)),
        ("confidence", Some(Array::scalar(confidence))),
        ("frame", Array::new([], vec![moment.frame as i64])),
        ("time_secs", Some(Array::scalar(moment.time_secs))),
    ];
    write_npz(path, arrays.iter().filter_map(|(name, array)| Some((*name, array.as_ref()?))))?;
    Ok(())
}
