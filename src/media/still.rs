//! Still images: a clip of one frame.

use std::path::Path;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::MediaError;
use super::frame::{ColorDescription, Frame, Orientation, Plane, PlaneLayout};
use super::libav::SIDE_LIMIT;
use super::source::{Facts, VideoStream};
use crate::geometry::Size;

/// Most memory that decoding an image may take.
const LIMIT_BYTES: u64 = 2 << 30;

/// What a still image is; nothing if the content of the file is no still image.
pub(super) fn facts(path: &Path) -> Result<Option<Facts>, MediaError> {
    let Some(mut decoder) = decoder(path)? else { return Ok(None) };
    let (width, height) = decoder.dimensions();
    let size = Size::new(width, height);
    let presented_size = match decoder.orientation() {
        Ok(turned) if swaps_sides(turned) => Size::new(height, width),
        _ => size,
    };
    let format = format_of(path)?.map_or("image", |format| format.extensions_str().first().copied().unwrap_or("image"));
    Ok(Some(Facts {
        path: path.to_owned(),
        container: format.to_owned(),
        still: true,
        video: Some(VideoStream {
            stream: 0,
            codec: format.to_owned(),
            pixel_format: "gbrp".into(),
            size: presented_size,
            presented_size,
            orientation: Orientation::UPRIGHT,
            sample_aspect: (1, 1),
            color: ColorDescription::RGB,
            declared_rate: None,
            guessed_rate: None,
            interlaced: false,
            clock: (1, 1),
        }),
        audio: None,
        duration_secs: None,
        zero_secs: 0.0,
        zero_micros: 0,
        notes: vec!["A still image: one frame, no sound".into()],
    }))
}

/// The picture of a still image, turned upright, alpha left out (as `PIL.Image.convert("RGB")` does).
pub(super) fn frame(path: &Path) -> Result<Frame, MediaError> {
    let failed = |error: image::ImageError| MediaError::Decode { path: path.to_owned(), reason: error.to_string() };
    let not_an_image = || MediaError::Decode { path: path.to_owned(), reason: "it is no longer a still image".into() };
    let mut decoder = decoder(path)?.ok_or_else(not_an_image)?;
    let orientation = decoder.orientation().unwrap_or(image::metadata::Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(failed)?;
    picture.apply_orientation(orientation);
    let rgb = picture.into_rgb8();
    let (width, height) = rgb.dimensions();
    let channel = |channel: usize| Plane {
        width,
        height,
        bytes: rgb.as_raw().chunks_exact(3).map(|pixel| pixel.get(channel).copied().unwrap_or(0)).collect(),
    };
    Ok(Frame {
        index: 0,
        time_secs: 0.0,
        size: Size::new(width, height),
        layout: PlaneLayout::Gbr,
        bits: 8,
        planes: vec![channel(1), channel(2), channel(0)],
        color: ColorDescription::RGB,
        orientation: Orientation::UPRIGHT,
        sample_aspect: (1, 1),
    })
}

/// The image format that the content shows. Files named as motion JPEG are left to FFmpeg.
fn format_of(path: &Path) -> Result<Option<ImageFormat>, MediaError> {
    let unreadable =
        |error: std::io::Error| MediaError::Unreadable { path: path.to_owned(), reason: error.to_string() };
    let extension = path.extension().map(|name| name.to_string_lossy().to_lowercase());
    if extension.is_some_and(|name| name == "mjpeg" || name == "mjpg") {
        return Ok(None);
    }
    let mut head = [0u8; 32];
    let mut file = std::fs::File::open(path).map_err(unreadable)?;
    let mut filled = 0;
    while let Some(rest) = head.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match std::io::Read::read(&mut file, rest).map_err(unreadable)? {
            0 => break,
            count => filled += count,
        }
    }
    let known = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Bmp, ImageFormat::WebP];
    let found = image::guess_format(head.get(..filled).unwrap_or_default()).ok();
    Ok(found.filter(|format| known.contains(format)))
}

fn decoder(path: &Path) -> Result<Option<impl ImageDecoder>, MediaError> {
    let Some(format) = format_of(path)? else { return Ok(None) };
    let unreadable =
        |error: std::io::Error| MediaError::Unreadable { path: path.to_owned(), reason: error.to_string() };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut reader = ImageReader::with_format(std::io::BufReader::new(file), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_LIMIT);
    limits.max_image_height = Some(SIDE_LIMIT);
    limits.max_alloc = Some(LIMIT_BYTES);
    reader.limits(limits);
    let decoder = reader
        .into_decoder()
        .map_err(|error| MediaError::NotMedia { path: path.to_owned(), reason: error.to_string() })?;
    let (width, height) = decoder.dimensions();
    super::source::check_size(path, Size::new(width, height))?;
    Ok(Some(decoder))
}

fn swaps_sides(orientation: image::metadata::Orientation) -> bool {
    use image::metadata::Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate90FlipH | Rotate270 | Rotate270FlipH)
}
