//! Writing a video: pictures at a steady rate and a sound, as MP4.

use std::path::{Path, PathBuf};

use ff::format::Pixel;
use ff::format::context::Output;
use ffmpeg_next as ff;

use super::libav::{self, Scaler, ScalerColor};
use super::{MediaError, Picture};
use crate::geometry::Size;
use crate::signal::Waveform;

/// Encoders for the pictures in the order of preference: H.264, else MPEG-4 part 2.
const PICTURE_ENCODERS: [&str; 3] = ["libx264", "libopenh264", "mpeg4"];
const SOUND_ENCODER: &str = "aac";
/// Sound of one channel, in bits a second.
const SOUND_BITS: usize = 128_000;

/// How a video is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodeSettings {
    /// Frames a second as a fraction.
    pub rate: (u32, u32),
    /// A key frame at least every so many frames.
    pub key_interval: u32,
    /// Encode in about a third of the time (x264's `veryfast` for its `medium`): drawn pictures hardly grow by it.
    pub quick: bool,
}

impl Default for EncodeSettings {
    fn default() -> Self {
        Self { rate: (25, 1), key_interval: 25, quick: false }
    }
}

/// Writes pictures, all of one size, and a sound that starts with the first of them, as an MP4 (H.264 or MPEG-4, AAC).
/// The file appears under its name when it is whole; nothing is left of one that failed.
///
/// # Errors
/// When there are no pictures, they differ in size, this FFmpeg has no fitting encoder, the sound's rate is none that
/// AAC knows, or the file cannot be written.
pub fn encode(
    path: &Path,
    settings: EncodeSettings,
    pictures: impl IntoIterator<Item = Picture>,
    sound: Option<&Waveform>,
) -> Result<(), MediaError> {
    libav::quiet();
    let failed = |reason: String| MediaError::Write { path: path.to_owned(), reason };
    let unfinished = unfinished_name(path).ok_or_else(|| failed("it has no valid file name".into()))?;
    let written = write(&unfinished, settings, pictures, sound).map_err(failed);
    let finished = written.and_then(|()| std::fs::rename(&unfinished, path).map_err(|error| failed(error.to_string())));
    if finished.is_err() {
        // Best effort: the failure that is reported is the one before.
        std::fs::remove_file(&unfinished).unwrap_or_default();
    }
    finished
}

fn unfinished_name(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let unfinished = path.with_file_name(format!(".{name}.part"));
    unfinished.to_str()?;
    Some(unfinished)
}

fn write(
    path: &Path,
    settings: EncodeSettings,
    pictures: impl IntoIterator<Item = Picture>,
    sound: Option<&Waveform>,
) -> Result<(), String> {
    if settings.rate.0 == 0 || settings.rate.1 == 0 {
        return Err("a frame rate of zero".into());
    }
    let mut pictures = pictures.into_iter().peekable();
    let size = pictures.peek().map(|picture| picture.size).ok_or("there are no pictures to write")?;
    let mut file = ff::format::output_as(path, "mp4").map_err(libav::reason)?;
    let global_header = file.format().flags().contains(ff::format::Flags::GLOBAL_HEADER);
    let mut video = PictureTrack::open(&mut file, size, settings, global_header)?;
    let mut audio = match sound {
        Some(sound) if !sound.samples.is_empty() => Some(SoundTrack::open(&mut file, sound, global_header)?),
        _ => None,
    };
    let mut options = ff::Dictionary::new();
    options.set("movflags", "faststart");
    file.write_header_with(options).map_err(libav::reason)?;
    let (count, per) = (f64::from(settings.rate.0), f64::from(settings.rate.1));
    for (index, picture) in pictures.enumerate() {
        video.add(&mut file, index, &picture)?;
        if let Some(audio) = &mut audio {
            audio.add_until(&mut file, (index + 1) as f64 * per / count)?;
        }
    }
    video.finish(&mut file)?;
    if let Some(audio) = &mut audio {
        audio.finish(&mut file)?;
    }
    file.write_trailer().map_err(libav::reason)
}

/// The pictures on their way into the file.
struct PictureTrack {
    encoder: ff::encoder::Video,
    stream: usize,
    clock: ff::Rational,
    format: Pixel,
    size: Size,
    scaler: Scaler,
}

impl PictureTrack {
    fn open(file: &mut Output, size: Size, settings: EncodeSettings, global_header: bool) -> Result<Self, String> {
        let (name, codec) = PICTURE_ENCODERS
            .iter()
            .find_map(|name| Some((*name, ff::encoder::find_by_name(name)?)))
            .ok_or_else(|| format!("this FFmpeg has none of the encoders {}", PICTURE_ENCODERS.join(", ")))?;
        let odd = !size.width.is_multiple_of(2) || !size.height.is_multiple_of(2);
        // Halved chroma needs even sides; x264 takes full chroma as well.
        let format = if odd && name == "libx264" { Pixel::YUV444P } else { Pixel::YUV420P };
        if odd && name == "libopenh264" {
            return Err(format!(
                "pictures of {}×{} have odd sides, which {name} cannot write",
                size.width, size.height
            ));
        }
        let context = ff::codec::Context::new_with_codec(codec);
        let mut encoder = context.encoder().video().map_err(libav::reason)?;
        let clock = ff::Rational(settings.rate.1.cast_signed(), settings.rate.0.cast_signed());
        encoder.set_width(size.width);
        encoder.set_height(size.height);
        encoder.set_format(format);
        encoder.set_time_base(clock);
        encoder.set_frame_rate(Some(clock.invert()));
        encoder.set_gop(settings.key_interval.max(1));
        encoder.set_colorspace(ff::color::Space::BT709);
        encoder.set_color_primaries(ff::color::Primaries::BT709);
        encoder.set_color_transfer_characteristic(ff::color::TransferCharacteristic::BT709);
        encoder.set_color_range(ff::color::Range::MPEG);
        if global_header {
            encoder.set_flags(ff::codec::Flags::GLOBAL_HEADER);
        }
        let mut options = ff::Dictionary::new();
        if name == "libx264" {
            options.set("crf", "18");
            options.set("preset", if settings.quick { "veryfast" } else { "medium" });
        } else {
            encoder.set_bit_rate((size.area() as usize * 4).max(400_000));
        }
        let encoder = encoder.open_with(options).map_err(libav::reason)?;
        let mut stream = file.add_stream(codec).map_err(libav::reason)?;
        stream.set_time_base(clock);
        stream.set_rate(clock.invert());
        stream.set_avg_frame_rate(clock.invert());
        stream.set_parameters(&encoder);
        let index = stream.index();
        let color = ScalerColor {
            matrix: libav::SWS_MATRIX_709,
            full_range_in: true,
            full_range_out: false,
            chroma_position: None,
        };
        let scaler = Scaler::new((Pixel::RGB24, size.width, size.height), (format, size.width, size.height), &color)
            .ok_or("pictures of this size cannot be converted")?;
        Ok(Self { encoder, stream: index, clock, format, size, scaler })
    }

    fn add(&mut self, file: &mut Output, index: usize, picture: &Picture) -> Result<(), String> {
        let Size { width, height } = self.size;
        if picture.size != self.size || picture.rgb.len() as u64 != self.size.area() * 3 {
            let other = picture.size;
            return Err(format!(
                "picture {index} is {}×{} where the first is {width}×{height}",
                other.width, other.height
            ));
        }
        let mut rgb = ff::frame::Video::new(Pixel::RGB24, width, height);
        libav::fill_plane(&mut rgb, 0, width as usize * 3, &picture.rgb);
        let mut frame = self.scaler.run(&rgb, (self.format, width, height));
        frame.set_pts(i64::try_from(index).ok());
        frame.set_kind(ff::picture::Type::None);
        self.encoder.send_frame(&frame).map_err(libav::reason)?;
        drain(&mut self.encoder, file, self.stream, self.clock, 1)
    }

    fn finish(&mut self, file: &mut Output) -> Result<(), String> {
        self.encoder.send_eof().map_err(libav::reason)?;
        drain(&mut self.encoder, file, self.stream, self.clock, 1)
    }
}

/// The sound on its way into the file.
struct SoundTrack<'a> {
    encoder: ff::encoder::Audio,
    stream: usize,
    sound: &'a Waveform,
    written: usize,
    frame_samples: usize,
}

impl<'a> SoundTrack<'a> {
    fn open(file: &mut Output, sound: &'a Waveform, global_header: bool) -> Result<Self, String> {
        let codec = ff::encoder::find_by_name(SOUND_ENCODER)
            .ok_or_else(|| format!("this FFmpeg has no encoder named {SOUND_ENCODER}"))?;
        let context = ff::codec::Context::new_with_codec(codec);
        let mut encoder = context.encoder().audio().map_err(libav::reason)?;
        let rate = i32::try_from(sound.rate).map_err(|_| "a sample rate beyond reason")?;
        encoder.set_rate(rate);
        encoder.set_format(ff::format::Sample::F32(ff::format::sample::Type::Planar));
        encoder.set_channel_layout(ff::ChannelLayout::default(i32::from(sound.channels)));
        encoder.set_time_base(ff::Rational(1, rate));
        encoder.set_bit_rate(SOUND_BITS * usize::from(sound.channels));
        if global_header {
            encoder.set_flags(ff::codec::Flags::GLOBAL_HEADER);
        }
        let opened = encoder.open().map_err(|error| {
            format!("AAC cannot carry {} Hz with {} channels ({})", rate, sound.channels, libav::reason(error))
        })?;
        let mut stream = file.add_stream(codec).map_err(libav::reason)?;
        stream.set_time_base(ff::Rational(1, rate));
        stream.set_parameters(&opened);
        let index = stream.index();
        let frame_samples = (opened.frame_size() as usize).max(1);
        Ok(Self { encoder: opened, stream: index, sound, written: 0, frame_samples })
    }

    fn add_until(&mut self, file: &mut Output, until_secs: f64) -> Result<(), String> {
        let until = ((until_secs * f64::from(self.sound.rate)) as usize).min(self.sound.frames());
        while self.written + self.frame_samples <= until {
            self.add(file, self.frame_samples)?;
        }
        Ok(())
    }

    fn add(&mut self, file: &mut Output, count: usize) -> Result<(), String> {
        let channels = usize::from(self.sound.channels);
        let layout = ff::ChannelLayout::default(i32::from(self.sound.channels));
        let mut frame = ff::frame::Audio::new(ff::format::Sample::F32(ff::format::sample::Type::Planar), count, layout);
        frame.set_rate(self.sound.rate);
        frame.set_pts(i64::try_from(self.written).ok());
        let from = self.written * channels;
        let part = self.sound.samples.get(from..from + count * channels).unwrap_or_default();
        for channel in 0..channels {
            let samples = part.iter().skip(channel).step_by(channels).flat_map(|sample| sample.to_ne_bytes());
            libav::fill_sound_plane(&mut frame, channel, &samples.collect::<Vec<u8>>());
        }
        self.written += count;
        self.encoder.send_frame(&frame).map_err(libav::reason)?;
        let clock = ff::Rational(1, self.sound.rate.cast_signed());
        drain(&mut self.encoder, file, self.stream, clock, 0)
    }

    fn finish(&mut self, file: &mut Output) -> Result<(), String> {
        self.add_until(file, f64::INFINITY)?;
        let rest = self.sound.frames().saturating_sub(self.written);
        if rest > 0 {
            self.add(file, rest)?;
        }
        self.encoder.send_eof().map_err(libav::reason)?;
        let clock = ff::Rational(1, self.sound.rate.cast_signed());
        drain(&mut self.encoder, file, self.stream, clock, 0)
    }
}

/// Writes the packets that an encoder has ready; `duration` in its clock, where it sets none itself.
fn drain(
    encoder: &mut ff::encoder::Encoder,
    file: &mut Output,
    stream: usize,
    clock: ff::Rational,
    duration: i64,
) -> Result<(), String> {
    let file_clock = file.stream(stream).map_or(clock, |stream| stream.time_base());
    let mut packet = ff::Packet::empty();
    loop {
        match encoder.receive_packet(&mut packet) {
            Ok(()) => {}
            Err(ff::Error::Eof) => return Ok(()),
            Err(error) if libav::is_again(error) => return Ok(()),
            Err(error) => return Err(libav::reason(error)),
        }
        if packet.duration() == 0 {
            packet.set_duration(duration);
        }
        packet.set_stream(stream);
        packet.rescale_ts(clock, file_clock);
        packet.write_interleaved(file).map_err(libav::reason)?;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FrameTable, VideoReader, decode_audio, open};
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn what_is_written_comes_back_frame_for_frame_and_in_step() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.mp4");
        let shade = |n: u8| Picture::filled(Size::new(64, 48), [n * 20, 255 - n * 20, 128]);
        let mut sound = Waveform { rate: 48_000, channels: 2, samples: vec![0.0; 2 * 19_200] };
        // A click at 0.2 s, on the left only.
        (0..40).for_each(|n| sound.samples[(9_600 + n) * 2] = if n % 8 < 4 { 0.8 } else { -0.8 });
        encode(&path, EncodeSettings::default(), (0..10).map(shade), Some(&sound)).unwrap();
        let media = open(&path).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let table = Arc::new(FrameTable::read(&media, &stop).unwrap());
        assert_eq!(table.len(), 10);
        let mut reader = VideoReader::new(&media, Arc::clone(&table), Arc::clone(&stop));
        for n in 0..10u8 {
            assert!((table.time_secs(usize::from(n)) - f64::from(n) / 25.0).abs() < 1e-9);
            let picture = reader.frame(usize::from(n)).unwrap().to_picture();
            let (pixel, wanted) = (picture.pixel(30, 20).unwrap(), shade(n).pixel(30, 20).unwrap());
            let off = pixel.iter().zip(wanted).map(|(is, wanted)| is.abs_diff(wanted)).max().unwrap();
            assert!(off <= 6, "frame {n}: {pixel:?} for {wanted:?}");
        }
        let heard = decode_audio(&media, &stop).unwrap().unwrap();
        assert_eq!((heard.waveform.rate, heard.waveform.channels), (48_000, 2));
        assert!(heard.start_secs.abs() < 1e-9);
        let loud = heard.waveform.samples.chunks(2).position(|frame| frame[0].abs() > 0.4).unwrap();
        assert!(loud.abs_diff(9_600) <= 4, "the click is heard at sample {loud}");
    }

    #[test]
    fn pictures_that_differ_in_size_leave_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.mp4");
        let pictures = [Size::new(64, 48), Size::new(48, 64)].map(|size| Picture::filled(size, [0; 3]));
        let error = encode(&path, EncodeSettings::default(), pictures, None).unwrap_err();
        assert!(error.to_string().contains("48×64"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(encode(&path, EncodeSettings::default(), [], None).is_err());
    }
}
