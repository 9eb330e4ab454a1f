//! What all writers share: sizes, frames, pixels, and putting a file in place whole or not at all.

use std::io::Write;
use std::path::Path;

use super::Item;
use crate::dataset::annotation::{Annotation, BetweenKeys, BoxScale, BoxShape, ClipAnnotations, Span};
use crate::dataset::error::{DatasetError, Problem};
use crate::geometry::{Rect, Size};

/// What a target format needs and a source may not tell.
#[derive(Clone, Copy, Debug, Default)]
pub struct WriteOptions {
    /// Frame size of items that do not know theirs.
    pub frame_size: Option<Size>,
    /// Frames a second, to turn seconds into frame numbers and back.
    pub frame_rate: Option<f64>,
}

/// The frame size that a format in pixels needs.
pub fn size_of(path: &Path, item: &Item, options: &WriteOptions) -> Result<Size, DatasetError> {
    item.frame_size.or(options.frame_size).ok_or_else(|| {
        let message = format!(
            "the format is in pixels and the frame size of {} is not known; give it, or the folder of the media",
            item.picture
        );
        DatasetError::new(path, Problem::CannotExpress(message))
    })
}

/// The frame at which an annotation stands; frame 0 for the whole clip.
pub fn frame_of(path: &Path, item: &Item, annotation: &Annotation, rate: Option<f64>) -> Result<u64, DatasetError> {
    let secs = match annotation.span {
        Span::Whole => return Ok(0),
        Span::Frame(frame) => return Ok(frame),
        Span::Secs(secs) => secs,
        Span::Interval { start, .. } => start,
    };
    match rate {
        Some(rate) => Ok((secs * rate).round().max(0.0) as u64),
        None => {
            let message =
                format!("the format counts frames and the frame rate of {} is not known; give it", item.picture);
            Err(DatasetError::new(path, Problem::CannotExpress(message)))
        }
    }
}

/// The time at which an annotation stands, in seconds.
pub fn secs_of(path: &Path, item: &Item, frame: u64, rate: Option<f64>) -> Result<f64, DatasetError> {
    rate.map(|rate| frame as f64 / rate).ok_or_else(|| {
        let message = format!("the format is in seconds and the frame rate of {} is not known; give it", item.picture);
        DatasetError::new(path, Problem::CannotExpress(message))
    })
}

/// Corners in pixels: the source's own numbers where they are of the same frame.
pub fn pixel_corners(annotation: &Annotation, size: Size) -> [f64; 4] {
    if let Some(written) = annotation.written.filter(|written| written.scale == BoxScale::Pixels(size)) {
        let [a, b, c, d] = written.values;
        return match written.shape {
            BoxShape::Corners => written.values,
            BoxShape::CornerAndSize => [a, b, a + c, b + d],
        };
    }
    let Rect { left, top, right, bottom } = annotation.rect_fraction;
    let (width, height) = (f64::from(size.width), f64::from(size.height));
    [left * width, top * height, right * width, bottom * height]
}

/// One thing over time in frame numbers, as formats of video tracks have it.
pub struct Track<'a> {
    pub label: Option<&'a str>,
    pub annotator: Option<&'a str>,
    pub name: Option<&'a str>,
    pub keys: Vec<Key<'a>>,
}

/// One key of a track.
#[derive(Clone, Copy)]
pub struct Key<'a> {
    pub frame: u64,
    pub rect_fraction: Rect,
    pub annotation: &'a Annotation,
    /// Nothing is seen from this frame on, until the next key.
    pub closes: bool,
}

/// All boxes of an item as tracks whose keys move linearly and end where a closing key stands.
///
/// What other formats say otherwise is said with more keys: a box of one moment is closed at the next frame, a box
/// that holds gets a second key before the next one.
pub fn linear_tracks<'a>(
    path: &Path,
    item: &Item,
    truth: &'a ClipAnnotations,
    rate: Option<f64>,
) -> Result<Vec<Track<'a>>, DatasetError> {
    let mut tracks: Vec<Track<'a>> = Vec::new();
    for annotation in truth.boxes() {
        let same = tracks.last().is_some_and(|track| {
            track.name.is_some()
                && track.name == annotation.track.as_deref()
                && track.annotator == annotation.annotator.as_deref()
        });
        if !same {
            tracks.push(Track {
                label: annotation.label.as_deref(),
                annotator: annotation.annotator.as_deref(),
                name: annotation.track.as_deref(),
                keys: Vec::new(),
            });
        }
        let frame = frame_of(path, item, annotation, rate)?;
        let key = Key { frame, rect_fraction: annotation.rect_fraction, annotation, closes: !annotation.visible };
        if let Some(track) = tracks.last_mut() {
            track.keys.push(key);
        }
    }
    for track in &mut tracks {
        let keys = std::mem::take(&mut track.keys);
        for (place, key) in keys.iter().enumerate() {
            track.keys.push(*key);
            if key.closes {
                continue;
            }
            let next = keys.get(place + 1);
            let free_until = next.map_or(u64::MAX, |next| next.frame);
            let last_frame = match key.annotation.span {
                Span::Interval { end, .. } => rate.map(|rate| ((end * rate).round() as u64).saturating_sub(1)),
                Span::Whole => None,
                _ if key.annotation.between == BetweenKeys::Nothing || track.name.is_none() => Some(key.frame),
                _ => None,
            };
            if let Some(last) = last_frame.map(|last| last.max(key.frame)) {
                if last > key.frame && last < free_until {
                    track.keys.push(Key { frame: last, ..*key });
                }
                if last + 1 < free_until {
                    track.keys.push(Key { frame: last + 1, closes: true, ..*key });
                }
            } else if key.annotation.between == BetweenKeys::Hold && free_until - 1 > key.frame && next.is_some() {
                track.keys.push(Key { frame: free_until - 1, ..*key });
            }
        }
    }
    Ok(tracks)
}

/// Writes a file whole or not at all: into a temporary file beside it, to the disk, then into place.
///
/// # Errors
/// The folder cannot be written, or the disk is full; what was there before stays.
pub fn write_whole(path: &Path, content: &[u8]) -> Result<(), DatasetError> {
    let io = |error| DatasetError::io(path, error);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder).map_err(io)?;
    file.write_all(content).map_err(io)?;
    file.as_file().sync_all().map_err(io)?;
    file.persist(path).map_err(|error| io(error.error))?;
    Ok(())
}
