//! `sonolens probe`: what a file is, its frame table, and the MD5 of each presented frame.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde_json::{Value, json};

use crate::dataset::DatasetError;
use crate::media::{self, FrameTable, Media, MediaError, VideoReader};

/// What to show of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProbeOptions {
    /// The frame table with times.
    pub frames: bool,
    /// MD5 of every presented frame in the form of FFmpeg's framemd5 muxer.
    pub framemd5: bool,
    /// Machine-readable.
    pub json: bool,
}

/// Why a probe failed.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    #[error(transparent)]
    Media(#[from] MediaError),
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    #[error("the answer cannot be written: {0}")]
    Output(#[from] std::io::Error),
}

/// Writes to `out` what the file at `path` is.
///
/// `--framemd5` prints the lines of `ffmpeg -noautorotate -i PATH -map 0:v:0 -fps_mode passthrough -f framemd5 -`:
/// every presented frame once, in its own pixel format, before rotation.
///
/// # Errors
/// When the file cannot be opened, has no pictures where frames are asked for, or a frame is damaged.
pub fn run(path: &Path, options: ProbeOptions, out: &mut dyn Write) -> Result<(), ProbeError> {
    let media = media::open(path)?;
    let stop = Arc::new(AtomicBool::new(false));
    let table = match media.video() {
        Some(_) => Some(Arc::new(FrameTable::read(&media, &stop)?)),
        None if options.frames || options.framemd5 => {
            return Err(MediaError::NoPicture { path: path.to_owned() }.into());
        }
        None => None,
    };
    match (&table, options) {
        (_, ProbeOptions { json: true, .. }) => {
            let answer = as_json(&media, table.as_ref(), options, &stop)?;
            serde_json::to_writer_pretty(&mut *out, &answer).map_err(std::io::Error::from)?;
            writeln!(out)?;
        }
        (Some(table), ProbeOptions { framemd5: true, .. }) => write_framemd5(&media, table, &stop, out)?,
        (Some(table), ProbeOptions { frames: true, .. }) => write_frames(table, out)?,
        _ => write_summary(&media, table.as_deref(), out)?,
    }
    Ok(())
}

fn notes<'a>(media: &'a Media, table: Option<&'a FrameTable>) -> impl Iterator<Item = &'a String> {
    media.notes().iter().chain(table.into_iter().flat_map(|table| table.notes()))
}

fn write_summary(media: &Media, table: Option<&FrameTable>, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "{media}")?;
    writeln!(out, "  container  {}", media.container())?;
    if let Some(duration) = media.duration_secs() {
        writeln!(out, "  duration   {duration:.3} s by the container")?;
    }
    if let Some(video) = media.video() {
        let shown = video.presented_size;
        write!(out, "  pictures   {} {} {}×{}", video.codec, video.pixel_format, video.size.width, video.size.height)?;
        if shown != video.size {
            write!(out, ", shown as {}×{}", shown.width, shown.height)?;
        }
        if let Some((count, per)) = video.declared_rate {
            write!(out, ", {:.3} frames a second declared", f64::from(count) / f64::from(per))?;
        }
        writeln!(out, ", {:?} {:?}", video.color.matrix, video.color.range)?;
    }
    if let Some(table) = table {
        let keys = table.key_frames().count();
        let last = table.len() - 1;
        let (first, last) = (table.time_secs(0), table.time_secs(last));
        writeln!(out, "  frames     {}, {keys} of them key frames, from {first:.6} s to {last:.6} s", table.len())?;
    }
    if let Some(audio) = media.audio() {
        writeln!(out, "  sound      {} {} Hz, {} channels", audio.codec, audio.rate, audio.channels)?;
    }
    for note in notes(media, table) {
        writeln!(out, "  note       {note}")?;
    }
    Ok(())
}

fn write_frames(table: &FrameTable, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "frame\ttime_secs\tuntil_secs\tpts\tkey")?;
    for index in 0..table.len() {
        let (time, until) = (table.time_secs(index), table.until_secs(index));
        let key = if table.is_key(index) { "key" } else { "" };
        writeln!(out, "{index}\t{time:.6}\t{until:.6}\t{}\t{key}", table.pts(index))?;
    }
    Ok(())
}

fn write_framemd5(
    media: &Media,
    table: &Arc<FrameTable>,
    stop: &Arc<AtomicBool>,
    out: &mut dyn Write,
) -> Result<(), ProbeError> {
    let mut reader = VideoReader::new(media, Arc::clone(table), Arc::clone(stop));
    let clock = media::Framemd5Clock::new(media, table);
    let (per, count) = clock.tick();
    writeln!(out, "#format: frame checksums\n#version: 2\n#hash: MD5\n#tb 0: {per}/{count}\n#media_type 0: video")?;
    writeln!(out, "#codec_id 0: rawvideo")?;
    if let Some(video) = media.video() {
        writeln!(out, "#dimensions 0: {}x{}", video.size.width, video.size.height)?;
        writeln!(out, "#sar 0: {}/{}", video.sample_aspect.0, video.sample_aspect.1)?;
    }
    writeln!(out, "#stream#, dts,        pts, duration,     size, hash")?;
    for index in 0..table.len() {
        let (md5, size) = reader.native_md5(index)?;
        let (pts, duration) = clock.stamp(table.pts(index));
        writeln!(out, "0, {pts:>10}, {pts:>10}, {duration:>8}, {size:>8}, {md5}")?;
    }
    Ok(())
}

fn as_json(
    media: &Media,
    table: Option<&Arc<FrameTable>>,
    options: ProbeOptions,
    stop: &Arc<AtomicBool>,
) -> Result<Value, ProbeError> {
    let video = media.video().map(|video| {
        json!({
            "codec": video.codec, "pixel_format": video.pixel_format,
            "size": [video.size.width, video.size.height],
            "presented_size": [video.presented_size.width, video.presented_size.height],
            "quarter_turns": video.orientation.quarter_turns, "mirrored": video.orientation.mirrored,
            "sample_aspect": [video.sample_aspect.0, video.sample_aspect.1],
            "matrix": format!("{:?}", video.color.matrix), "range": format!("{:?}", video.color.range),
            "declared_rate": video.declared_rate.map(|(count, per)| [count, per]),
            "interlaced": video.interlaced,
            "frames": table.map(|table| table.len()),
            "key_frames": table.map(|table| table.key_frames().count()),
            "end_secs": table.map(|table| table.end_secs()),
        })
    });
    let audio =
        media.audio().map(|audio| json!({ "codec": audio.codec, "rate": audio.rate, "channels": audio.channels }));
    let mut answer = json!({
        "path": media.path(), "container": media.container(), "still": media.is_still(),
        "duration_secs": media.duration_secs(), "video": video, "audio": audio,
        "notes": notes(media, table.map(Arc::as_ref)).collect::<Vec<_>>(),
    });
    if let Some(table) = table.filter(|_| options.frames || options.framemd5) {
        let mut reader = VideoReader::new(media, Arc::clone(table), Arc::clone(stop));
        let mut frames = Vec::with_capacity(table.len());
        for index in 0..table.len() {
            let mut frame = json!({
                "frame": index, "time_secs": table.time_secs(index), "until_secs": table.until_secs(index),
                "pts": table.pts(index), "key": table.is_key(index),
            });
            if options.framemd5 {
                let (md5, size) = reader.native_md5(index)?;
                let (pts, duration) = media::Framemd5Clock::new(media, table).stamp(table.pts(index));
                frame["md5"] = json!(md5);
                frame["size"] = json!(size);
                frame["framemd5_pts"] = json!(pts);
                frame["framemd5_duration"] = json!(duration);
            }
            frames.push(frame);
        }
        answer["frames"] = Value::Array(frames);
    }
    Ok(answer)
}
