//! What a file is: its streams, its size, its clock.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use ffmpeg_next as ff;

use super::MediaError;
use super::frame::{CodePoints, ColorDescription, Orientation, PlaneLayout, square_pixel_size};
use super::libav;
use super::picture::plane_layout;
use super::still;
use crate::geometry::Size;

/// A media file that was opened and understood. Cheap to clone; what it says does not change.
#[derive(Clone)]
pub struct Media {
    facts: Arc<Facts>,
    /// The demuxer that was opened last and is free: whoever reads next need not open and probe the file again.
    free: Arc<Mutex<Option<FreeInput>>>,
}

/// A demuxer that nobody uses.
pub(super) enum FreeInput {
    /// Nothing was taken from it yet.
    Fresh(ff::format::context::Input),
    /// Read to its end, all streams but the pictures switched off.
    Read(ff::format::context::Input),
}

/// What the headers of a file say.
#[derive(Debug)]
pub(super) struct Facts {
    pub path: PathBuf,
    pub container: String,
    pub still: bool,
    pub video: Option<VideoStream>,
    pub audio: Option<AudioStream>,
    pub duration_secs: Option<f64>,
    /// The clip's time zero in container time, exact in seconds and as FFmpeg's microseconds.
    pub zero_secs: f64,
    pub zero_micros: i64,
    pub notes: Vec<String>,
}

/// The pictures of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoStream {
    /// Its place among the container's streams.
    pub stream: usize,
    pub codec: String,
    pub pixel_format: String,
    /// Size of the decoded picture in samples.
    pub size: Size,
    /// Size as presented: square pixels, turned.
    pub presented_size: Size,
    pub orientation: Orientation,
    /// Width to height of one sample.
    pub sample_aspect: (u32, u32),
    pub color: ColorDescription,
    /// The rate that the container declares, frames a second as a fraction; frames need not keep to it.
    pub declared_rate: Option<(u32, u32)>,
    /// The rate that FFmpeg's program takes the stream to have.
    pub(super) guessed_rate: Option<(u32, u32)>,
    pub interlaced: bool,
    /// Seconds of one tick of the stream's clock, as a fraction.
    pub clock: (i32, i32),
}

/// The sound of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct AudioStream {
    /// Its place among the container's streams.
    pub stream: usize,
    pub codec: String,
    /// Samples a second and channel, as the header says.
    pub rate: u32,
    pub channels: u16,
    /// Seconds of one tick of the stream's clock, as a fraction.
    pub clock: (i32, i32),
}

/// Opens a file and reads its headers: a video with or without sound, a sound alone, or a still image
/// (PNG, JPEG, BMP, WebP), which is a clip of one frame.
///
/// # Errors
/// When the file is missing, a folder, empty, or nothing that FFmpeg or the image readers know.
pub fn open(path: impl AsRef<Path>) -> Result<Media, MediaError> {
    let path = path.as_ref();
    libav::readable_file(path)?;
    let (facts, free) = match still::facts(path)? {
        Some(facts) => (facts, None),
        None => read_headers(path).map(|(facts, input)| (facts, Some(FreeInput::Fresh(input))))?,
    };
    Ok(Media { facts: Arc::new(facts), free: Arc::new(Mutex::new(free)) })
}

impl Media {
    pub fn path(&self) -> &Path {
        &self.facts.path
    }

    /// FFmpeg's short name of the container, or of the image format.
    pub fn container(&self) -> &str {
        &self.facts.container
    }

    /// True for a still image: one frame that stays.
    pub fn is_still(&self) -> bool {
        self.facts.still
    }

    /// The pictures, if it has any.
    pub fn video(&self) -> Option<&VideoStream> {
        self.facts.video.as_ref()
    }

    /// The sound, if it has one.
    pub fn audio(&self) -> Option<&AudioStream> {
        self.facts.audio.as_ref()
    }

    /// How long the container says it is; nothing where it does not say (and for still images).
    pub fn duration_secs(&self) -> Option<f64> {
        self.facts.duration_secs
    }

    /// Plain facts that a user should know: what is missing, odd or left out.
    pub fn notes(&self) -> &[String] {
        &self.facts.notes
    }

    /// Container time, in seconds, of the clip's time zero.
    pub(super) fn zero_secs(&self) -> f64 {
        self.facts.zero_secs
    }

    /// The container's start as FFmpeg rounds it, in microseconds.
    pub(super) fn zero_micros(&self) -> i64 {
        self.facts.zero_micros
    }

    /// The free demuxer if it is as `fits` wants it; it is the caller's then.
    pub(super) fn take_input(&self, fits: impl Fn(&FreeInput) -> bool) -> Option<ff::format::context::Input> {
        let mut free = self.free.lock().ok()?;
        match free.take() {
            Some(found) if fits(&found) => Some(match found {
                FreeInput::Fresh(input) | FreeInput::Read(input) => input,
            }),
            other => {
                *free = other;
                None
            }
        }
    }

    /// Leaves a demuxer for whoever reads next.
    pub(super) fn leave_input(&self, input: FreeInput) {
        if let Ok(mut free) = self.free.lock() {
            *free = Some(input);
        }
    }
}

impl fmt::Debug for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Media").field(&self.facts).finish()
    }
}

impl fmt::Display for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.facts.path.display())
    }
}

fn read_headers(path: &Path) -> Result<(Facts, ff::format::context::Input), MediaError> {
    let input = libav::open_input(path, &Arc::new(AtomicBool::new(false)))?;
    let mut notes = Vec::new();
    let video_at = best_stream(&input, ff::media::Type::Video, &mut notes);
    let audio_at = best_stream(&input, ff::media::Type::Audio, &mut notes);
    let video = match video_at {
        Some(index) => describe_video(path, &input, index, &mut notes)?,
        None => None,
    };
    let audio = audio_at.and_then(|index| describe_audio(&input, index, &mut notes));
    match (&video, &audio) {
        (None, None) => {
            let reason = notes.pop().unwrap_or_else(|| "it holds neither pictures nor sound".into());
            return Err(MediaError::NotMedia { path: path.to_owned(), reason });
        }
        (Some(_), None) => notes.push("No sound in this file".into()),
        (None, Some(_)) => notes.push("A sound without pictures".into()),
        (Some(_), Some(_)) => {}
    }
    let duration = input.duration();
    let duration_secs = (duration > 0).then(|| duration as f64 / f64::from(ff::ffi::AV_TIME_BASE));
    if duration_secs.is_none() {
        notes.push("The container does not say how long it is".into());
    }
    let zero_micros = libav::container_start_micros(&input).unwrap_or(0);
    let facts = Facts {
        path: path.to_owned(),
        container: input.format().name().to_owned(),
        still: false,
        zero_secs: exact_zero(&input, zero_micros, [video_at, audio_at]),
        zero_micros,
        video,
        audio,
        duration_secs,
        notes,
    };
    Ok((facts, input))
}

/// The stream of a kind to show: FFmpeg's own choice, cover pictures left out.
fn best_stream(input: &ff::format::context::Input, kind: ff::media::Type, notes: &mut Vec<String>) -> Option<usize> {
    let is_cover =
        |stream: &ff::Stream<'_>| stream.disposition().contains(ff::format::stream::Disposition::ATTACHED_PIC);
    let all = input.streams().filter(|stream| stream.parameters().medium() == kind).collect::<Vec<_>>();
    let shown = all.iter().filter(|stream| !is_cover(stream)).map(ff::Stream::index).collect::<Vec<_>>();
    if shown.len() < all.len() {
        notes.push("Its cover picture is not shown".into());
    }
    let best = input.streams().best(kind).map(|stream| stream.index()).filter(|index| shown.contains(index));
    let chosen = best.or_else(|| shown.first().copied());
    if let (Some(index), true) = (chosen, shown.len() > 1) {
        let what = if kind == ff::media::Type::Video { "pictures" } else { "sound" };
        notes.push(format!("It has {} streams of {what}; stream {index} is used", shown.len()));
    }
    chosen
}

/// The start of the container without FFmpeg's rounding to microseconds: the start of the stream that it comes from.
fn exact_zero(input: &ff::format::context::Input, zero_micros: i64, streams: [Option<usize>; 2]) -> f64 {
    let rounded = zero_micros as f64 / 1e6;
    streams
        .into_iter()
        .flatten()
        .filter_map(|index| input.stream(index))
        .filter(|stream| stream.start_time() != ff::ffi::AV_NOPTS_VALUE)
        .map(|stream| clock_secs(stream.start_time(), (stream.time_base().0, stream.time_base().1)))
        .find(|start| (start - rounded).abs() < 1.5e-6)
        .unwrap_or(rounded)
}

/// Seconds of a number of clock ticks.
pub(super) fn clock_secs(ticks: i64, clock: (i32, i32)) -> f64 {
    ticks as f64 * f64::from(clock.0) / f64::from(clock.1.max(1))
}

fn describe_video(
    path: &Path,
    input: &ff::format::context::Input,
    index: usize,
    notes: &mut Vec<String>,
) -> Result<Option<VideoStream>, MediaError> {
    let Some(stream) = input.stream(index) else { return Ok(None) };
    let codec = libav::codec_name(&stream);
    if ff::codec::decoder::find(stream.parameters().id()).is_none() {
        notes.push(format!("This FFmpeg has no decoder for its pictures ({codec})"));
        return Ok(None);
    }
    let header = libav::picture_header(&stream);
    let size = Size::new(header.width, header.height);
    if size.area() == 0 {
        notes.push(format!("Its pictures ({codec}) have no known size and cannot be decoded"));
        return Ok(None);
    }
    check_size(path, size)?;
    let orientation = match libav::display_matrix(&stream).as_ref().map(Orientation::from_matrix) {
        None => Orientation::UPRIGHT,
        Some(Some(orientation)) => orientation,
        Some(None) => {
            notes.push("It asks to be turned by an angle that is no quarter turn; it is shown unturned".into());
            Orientation::UPRIGHT
        }
    };
    let sample_aspect = positive_ratio(header.sample_aspect);
    let layout = libav::pixel_shape(header.pixel_format).map_or(PlaneLayout::Gbr, |shape| plane_layout(&shape));
    let pixel_format = libav::pixel_format_name(header.pixel_format);
    if header.interlaced {
        notes.push("Interlaced material, shown as whole frames".into());
    }
    let rate = [stream.avg_frame_rate(), stream.rate()].into_iter().find_map(|rate| {
        let (count, per) = (u32::try_from(rate.0).ok()?, u32::try_from(rate.1).ok()?);
        (count > 0 && per > 0).then_some((count, per))
    });
    Ok(Some(VideoStream {
        stream: index,
        codec,
        color: ColorDescription::from_code_points(code_points(&header), layout, pixel_format.starts_with("yuvj"), size),
        pixel_format,
        size,
        presented_size: orientation.turn_size(square_pixel_size(size, sample_aspect)),
        orientation,
        sample_aspect,
        declared_rate: rate,
        guessed_rate: libav::guessed_frame_rate(input, index),
        interlaced: header.interlaced,
        clock: (stream.time_base().0, stream.time_base().1),
    }))
}

/// Refuses pictures that would take unreasonable memory.
pub(super) fn check_size(path: &Path, size: Size) -> Result<(), MediaError> {
    if size.width > libav::SIDE_LIMIT || size.height > libav::SIDE_LIMIT {
        return Err(MediaError::TooLarge {
            path: path.to_owned(),
            what: "a picture",
            size: format!("{}×{} pixels", size.width, size.height),
            limit: format!("{0}×{0}", libav::SIDE_LIMIT),
        });
    }
    Ok(())
}

/// The colour numbers of a picture header.
pub(super) fn code_points(header: &libav::PictureHeader) -> CodePoints {
    CodePoints {
        matrix: header.matrix,
        range: header.range,
        primaries: header.primaries,
        transfer: header.transfer,
        chroma_location: header.chroma_location,
    }
}

/// A pixel aspect; square where the file leaves it open or asks for the absurd.
pub(super) fn positive_ratio((across, down): (i32, i32)) -> (u32, u32) {
    let ratio = f64::from(across) / f64::from(down);
    if across <= 0 || down <= 0 || !(0.05..=20.0).contains(&ratio) {
        return (1, 1);
    }
    (across.unsigned_abs(), down.unsigned_abs())
}

fn describe_audio(input: &ff::format::context::Input, index: usize, notes: &mut Vec<String>) -> Option<AudioStream> {
    let stream = input.stream(index)?;
    let codec = libav::codec_name(&stream);
    if ff::codec::decoder::find(stream.parameters().id()).is_none() {
        notes.push(format!("This FFmpeg has no decoder for its sound ({codec})"));
        return None;
    }
    let rate = libav::sample_rate(&stream);
    let context = ff::codec::Context::from_parameters(stream.parameters()).ok()?;
    let channels = context.decoder().audio().map_or(0, |decoder| decoder.channels());
    if rate == 0 || channels == 0 {
        notes.push(format!("Its sound ({codec}) has no known rate or channels and cannot be decoded"));
        return None;
    }
    Some(AudioStream { stream: index, codec, rate, channels, clock: (stream.time_base().0, stream.time_base().1) })
}
