//! The sound of a file, decoded whole.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ff::format::Sample;
use ff::format::sample::Type;
use ffmpeg_next as ff;

use super::source::clock_secs;
use super::{Media, MediaError, libav};
use crate::signal::Waveform;

/// Most memory that a decoded sound takes: an hour and a half of stereo at 48 kHz. Longer sounds are decoded up to
/// here, and a note says so.
pub const SOUND_LIMIT_BYTES: usize = 2 << 30;

/// A stamp that disagrees with the samples counted so far by more than this is a gap or an overlap.
const DRIFT_SECS: f64 = 0.03;
/// A longer gap than this is no silence but a broken clock: it is not filled.
const GAP_SECS: f64 = 600.0;

/// The decoded sound of a clip.
#[derive(Clone, Debug, PartialEq)]
pub struct Soundtrack {
    /// When the first sample sounds, in seconds of the clip; sample `n` sounds at `start_secs + n / rate`.
    pub start_secs: f64,
    /// Samples at the stream's own rate and channels.
    pub waveform: Waveform,
    /// What was odd: gaps filled with silence, damage passed over, an end that is missing.
    pub notes: Vec<String>,
}

impl Soundtrack {
    /// When the sound ends, in seconds of the clip.
    pub fn end_secs(&self) -> f64 {
        self.start_secs + self.waveform.duration_secs()
    }
}

/// Decodes the sound of a clip, from the first audible sample on: encoder priming and what edit lists cut off is left
/// out, gaps in the stream are filled with silence so that everything stays in its place. Nothing where the clip has
/// no sound.
///
/// # Errors
/// When nothing can be decoded, or `stop` became true.
pub fn decode_audio(media: &Media, stop: &Arc<AtomicBool>) -> Result<Option<Soundtrack>, MediaError> {
    let Some(stream) = media.audio() else { return Ok(None) };
    let path = media.path();
    let failed = |error: ff::Error| MediaError::Decode { path: path.to_owned(), reason: libav::reason(error) };
    let mut input = libav::open_input(path, stop)?;
    libav::read_only_streams(&mut input, &[stream.stream]);
    let mut decoder = {
        let of_file = input.stream(stream.stream).ok_or_else(|| failed(ff::Error::StreamNotFound))?;
        let mut context = ff::codec::Context::from_parameters(of_file.parameters()).map_err(failed)?;
        libav::set_packet_clock(&mut context, of_file.time_base(), ff::Rational(0, 1));
        context.decoder().audio().map_err(failed)?
    };
    let mut sound = Gathered::new(media.zero_secs(), stream.clock);
    let mut packet = ff::Packet::empty();
    let mut samples = ff::frame::Audio::empty();
    let mut damaged = 0usize;
    let mut ended = false;
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(MediaError::Cancelled { path: path.to_owned() });
        }
        match decoder.receive_frame(&mut samples) {
            Ok(()) => {
                if !sound.add(&samples) {
                    break;
                }
                continue;
            }
            Err(ff::Error::Eof) => break,
            Err(_) if ended => break,
            Err(error) if libav::is_again(error) => {}
            Err(_) => damaged += 1,
        }
        match packet.read(&mut input) {
            Ok(()) if packet.stream() == stream.stream => {
                if decoder.send_packet(&packet).is_err() {
                    damaged += 1;
                }
            }
            Ok(()) => {}
            Err(error) if libav::is_again(error) => {}
            Err(error) => {
                if error != ff::Error::Eof {
                    sound.notes.push(format!("The sound breaks off: {}", libav::reason(error)));
                }
                ended = true;
                if decoder.send_eof().is_err() {
                    break;
                }
            }
        }
    }
    if damaged > 0 {
        sound.notes.push(format!("{damaged} damaged packets of sound were passed over"));
    }
    sound.finish().map(Some).ok_or_else(|| MediaError::Decode {
        path: path.to_owned(),
        reason: "its sound holds no samples that can be decoded".into(),
    })
}

/// Samples as they come out of the decoder, put in their places.
struct Gathered {
    zero_secs: f64,
    clock: (i32, i32),
    start_secs: Option<f64>,
    waveform: Waveform,
    notes: Vec<String>,
    filled: usize,
    cut: usize,
}

impl Gathered {
    fn new(zero_secs: f64, clock: (i32, i32)) -> Self {
        let waveform = Waveform::default();
        Self { zero_secs, clock, start_secs: None, waveform, notes: Vec::new(), filled: 0, cut: 0 }
    }

    /// Adds decoded samples; false when no more are taken.
    fn add(&mut self, samples: &ff::frame::Audio) -> bool {
        let (rate, channels) = (samples.rate(), samples.channels());
        if samples.samples() == 0 || rate == 0 || channels == 0 {
            return true;
        }
        if self.waveform.rate == 0 {
            self.waveform.rate = rate;
            self.waveform.channels = channels;
        } else if (self.waveform.rate, self.waveform.channels) != (rate, channels) {
            self.notes.push(format!(
                "The sound changes to {rate} Hz and {channels} channels at {:.3} s; it is read up to there",
                self.start_secs.unwrap_or(0.0) + self.waveform.duration_secs()
            ));
            return false;
        }
        let stamped = samples.timestamp().map(|pts| clock_secs(pts, self.clock) - self.zero_secs);
        let start = *self.start_secs.get_or_insert(stamped.unwrap_or(0.0));
        let mut skip = 0;
        if let Some(stamped) = stamped {
            let ahead = stamped - (start + self.waveform.duration_secs());
            let tick = clock_secs(1, self.clock);
            let frames = (ahead.abs() * f64::from(rate)).round() as usize;
            if ahead > DRIFT_SECS + 2.0 * tick && ahead < GAP_SECS {
                let silence = frames * usize::from(channels);
                if self.exceeds_limit(silence) {
                    return false;
                }
                self.waveform.samples.resize(self.waveform.samples.len() + silence, 0.0);
                self.filled += frames;
            } else if ahead < -DRIFT_SECS - 2.0 * tick && ahead > -GAP_SECS {
                skip = frames.min(samples.samples());
                self.cut += skip;
            }
        }
        let count = (samples.samples() - skip) * usize::from(channels);
        if self.exceeds_limit(count) {
            return false;
        }
        append(samples, skip, &mut self.waveform.samples)
    }

    fn exceeds_limit(&mut self, more: usize) -> bool {
        let exceeds = (self.waveform.samples.len() + more) * size_of::<f32>() > SOUND_LIMIT_BYTES;
        if exceeds {
            self.notes.push(format!(
                "The sound is longer than the {} MiB that are kept; it is read up to {:.0} s",
                SOUND_LIMIT_BYTES >> 20,
                self.start_secs.unwrap_or(0.0) + self.waveform.duration_secs()
            ));
        }
        exceeds
    }

    fn finish(mut self) -> Option<Soundtrack> {
        let rate = f64::from(self.waveform.rate);
        if self.waveform.samples.is_empty() {
            return None;
        }
        if self.filled > 0 {
            self.notes
                .push(format!("{:.3} s missing from the sound were filled with silence", self.filled as f64 / rate));
        }
        if self.cut > 0 {
            self.notes.push(format!("{:.3} s of sound that overlap others were left out", self.cut as f64 / rate));
        }
        self.waveform.samples.shrink_to_fit();
        Some(Soundtrack { start_secs: self.start_secs?, waveform: self.waveform, notes: self.notes })
    }
}

/// Appends samples, from the `skip`-th on, as interleaved f32 at full scale ±1; false for a format that is unknown.
fn append(samples: &ff::frame::Audio, skip: usize, into: &mut Vec<f32>) -> bool {
    let channels = usize::from(samples.channels());
    let planar = samples.is_planar();
    let mut gather = |planes: Vec<Vec<f32>>| {
        if planar {
            for n in skip..samples.samples() {
                into.extend(planes.iter().map(|plane| plane.get(n).copied().unwrap_or(0.0)));
            }
        } else if let Some(plane) = planes.first() {
            into.extend(plane.iter().skip(skip * channels).copied());
        }
    };
    let count = samples.samples() * if planar { 1 } else { channels };
    let planes = if planar { channels } else { 1 };
    let each = |width: usize, read: &dyn Fn(&[u8]) -> f32| {
        let plane = |index| libav::sound_plane(samples, index, count * width).chunks_exact(width).map(read).collect();
        (0..planes).map(plane).collect::<Vec<Vec<f32>>>()
    };
    let whole = |bytes: &[u8]| bytes.try_into().map(i16::from_ne_bytes).unwrap_or_default();
    let long = |bytes: &[u8]| bytes.try_into().map(i32::from_ne_bytes).unwrap_or_default();
    match samples.format() {
        Sample::U8(_) => gather(each(1, &|b| (f32::from(b.first().copied().unwrap_or(128)) - 128.0) / 128.0)),
        Sample::I16(_) => gather(each(2, &|b| f32::from(whole(b)) / 32_768.0)),
        Sample::I32(_) => gather(each(4, &|b| (f64::from(long(b)) / 2_147_483_648.0) as f32)),
        Sample::F32(_) => gather(each(4, &|b| b.try_into().map(f32::from_ne_bytes).unwrap_or_default())),
        Sample::F64(_) => gather(each(8, &|b| b.try_into().map(f64::from_ne_bytes).unwrap_or_default() as f32)),
        Sample::I64(Type::Packed | Type::Planar) => gather(each(8, &|b| {
            (b.try_into().map(i64::from_ne_bytes).unwrap_or_default() as f64 / 9_223_372_036_854_775_808.0) as f32
        })),
        Sample::None => return false,
    }
    true
}
