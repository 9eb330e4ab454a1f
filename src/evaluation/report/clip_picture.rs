//! One clip as a picture: the frame, the heatmap over it, the edge of what is positive, the boxes.

use std::fmt::Write;
use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::imageops::FilterType;
use image::{ExtendedColorType, ImageEncoder, RgbImage};

use crate::geometry::Rect;
use crate::metrics::{Bitmap, ScoreMap};

use super::words::{Html, short_percent};

/// Widest and highest that a frame is kept.
const MOST_PIXELS: u32 = 360;
/// Rows and columns of the heatmap that is laid over the frame.
const MAP_SIDE: usize = 56;
/// Quality of the kept frames.
const QUALITY: u8 = 82;

/// Black over purple to pale yellow, 256 colours.
const MAGMA: &[u8; 768] = include_bytes!("../../../assets/colormaps/magma.rgb");

/// Whether a clip is shown for being right or for being wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Best,
    Worst,
    /// A negative on which the model was most confident.
    FalseAlarm,
}

/// A clip with what a model answered, ready for the page.
#[derive(Clone, Debug)]
pub struct ClipPicture {
    pub subject: Subject,
    pub pictures: Pictures,
}

/// What is seen of a clip.
#[derive(Clone, Debug)]
pub struct Pictures {
    size: [u32; 2],
    frame: Vec<u8>,
    map: Vec<u8>,
    /// The edge of the positive cells, as an SVG path on a grid of `side`.
    edge: String,
    side: usize,
    boxes: Vec<Rect>,
}

/// What a picture is of, besides its pixels.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Place of the model in the run's description.
    pub model: usize,
    pub protocol: String,
    pub shown: Shown,
    pub clip: String,
    pub class: Option<String>,
    pub asked: String,
    pub ciou: f64,
    pub confidence: f64,
    pub right: bool,
}

impl ClipPicture {
    /// The clip as a figure of the page.
    pub fn html(&self, out: &mut String) {
        let Pictures { size: [width, height], frame, map, edge, side, boxes } = &self.pictures;
        let subject = &self.subject;
        let clip = Html(&subject.clip);
        let _ = write!(
            out,
            "<figure class=\"clip m{}\"><div class=\"shot\" style=\"aspect-ratio:{width}/{height}\">\
             <img alt=\"\" width=\"{width}\" height=\"{height}\" src=\"data:image/jpeg;base64,{}\">\
             <img class=\"map\" alt=\"\" src=\"data:image/png;base64,{}\">",
            subject.model % 10,
            STANDARD.encode(frame),
            STANDARD.encode(map)
        );
        let _ = write!(
            out,
            "<svg viewBox=\"0 0 {side} {side}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{clip}: heatmap, \
             {} boxes\"><path class=\"halo\" d=\"{edge}\"/><path class=\"edge\" d=\"{edge}\"/>",
            boxes.len()
        );
        let scale = *side as f64;
        for shown in boxes {
            let [x, y, right, bottom] =
                [shown.left, shown.top, shown.right, shown.bottom].map(|part| part.clamp(0.0, 1.0) * scale);
            let (wide, high) = ((right - x).max(0.0), (bottom - y).max(0.0));
            let _ = write!(
                out,
                "<rect class=\"halo\" x=\"{x:.2}\" y=\"{y:.2}\" width=\"{wide:.2}\" height=\"{high:.2}\"/>\
                 <rect class=\"box\" x=\"{x:.2}\" y=\"{y:.2}\" width=\"{wide:.2}\" height=\"{high:.2}\"/>"
            );
        }
        let (class, mark) = match (subject.shown, subject.right) {
            (Shown::FalseAlarm, _) => ("wrong", "▲ false alarm".to_owned()),
            (_, true) => ("right", format!("✓ cIoU {}", short_percent(subject.ciou))),
            (_, false) => ("wrong", format!("✗ cIoU {}", short_percent(subject.ciou))),
        };
        let _ = write!(out, "</svg></div><figcaption><span class=\"verdict {class}\">{mark}</span>");
        let _ = write!(out, "<span class=\"name\" title=\"{clip}\">{clip}</span>");
        if let Some(class) = &subject.class {
            let _ = write!(out, "<span class=\"class\">{}</span>", Html(class));
        }
        if subject.asked != "own" {
            let _ = write!(out, "<span class=\"class\">asked with {}</span>", Html(&subject.asked));
        }
        if subject.confidence.is_finite() {
            let _ = write!(out, "<span class=\"class\">confidence {:.3}</span>", subject.confidence);
        }
        out.push_str("</figcaption></figure>");
    }
}

impl Pictures {
    /// From a frame (RGB, row by row), the score map over it, the mask that the protocol made of it, and the boxes as
    /// fractions of the frame. `None` if the pixels are not as many as the size says, or a picture cannot be coded.
    pub fn new(rgb: &[u8], [width, height]: [u32; 2], map: &ScoreMap, mask: &Bitmap, boxes: Vec<Rect>) -> Option<Self> {
        let frame = RgbImage::from_raw(width, height, rgb.to_vec())?;
        let scale = f64::from(MOST_PIXELS) / f64::from(width.max(height).max(1));
        let frame = if scale < 1.0 {
            let size = [width, height].map(|pixels| ((f64::from(pixels) * scale).round() as u32).max(1));
            image::imageops::resize(&frame, size[0], size[1], FilterType::CatmullRom)
        } else {
            frame
        };
        let size = [frame.width(), frame.height()];
        let mut jpeg = Vec::new();
        JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
            .write_image(frame.as_raw(), size[0], size[1], ExtendedColorType::Rgb8)
            .ok()?;
        let mut png = Cursor::new(Vec::new());
        let side = MAP_SIDE as u32;
        PngEncoder::new(&mut png).write_image(&tinted(map), side, side, ExtendedColorType::Rgba8).ok()?;
        let (edge, side) = (edge_of(mask), mask.side());
        Some(Self { size, frame: jpeg, map: png.into_inner(), edge, side, boxes })
    }
}

/// The map in colours, more opaque where it is higher; nothing where the model does not see.
fn tinted(map: &ScoreMap) -> Vec<u8> {
    let (low, high) = map.grid.range();
    let (rows, columns) = (map.grid.rows(), map.grid.columns());
    let mut rgba = Vec::with_capacity(MAP_SIDE * MAP_SIDE * 4);
    for place in 0..MAP_SIDE * MAP_SIDE {
        let under = |index: usize, cells: usize| (2 * index + 1) * cells / (2 * MAP_SIDE);
        let value = map.grid.get(under(place / MAP_SIDE, rows), under(place % MAP_SIDE, columns)).unwrap_or(f32::NAN);
        let level = if high > low { ((value - low) / (high - low)).clamp(0.0, 1.0) } else { 0.0 };
        if value.is_nan() {
            rgba.extend([0; 4]);
            continue;
        }
        let entry = (level * 255.0).round() as usize * 3;
        rgba.extend(MAGMA.get(entry..entry + 3).unwrap_or(&[0; 3]));
        rgba.push((30.0 + 175.0 * level) as u8);
    }
    rgba
}

/// The outline of a mask along its cells' edges: vertical and horizontal strokes, neighbours joined.
fn edge_of(mask: &Bitmap) -> String {
    let side = mask.side();
    let mut path = String::new();
    let at = |row: usize, column: usize| mask.get(row, column);
    // Between rows.
    for line in 1..side {
        let mut start = None;
        for column in 0..=side {
            let differs = column < side && at(line - 1, column) != at(line, column);
            match (differs, start) {
                (true, None) => start = Some(column),
                (false, Some(from)) => {
                    let _ = write!(path, "M{from} {line}h{}", column - from);
                    start = None;
                }
                _ => {}
            }
        }
    }
    // Between columns.
    for line in 1..side {
        let mut start = None;
        for row in 0..=side {
            let differs = row < side && at(row, line - 1) != at(row, line);
            match (differs, start) {
                (true, None) => start = Some(row),
                (false, Some(from)) => {
                    let _ = write!(path, "M{line} {from}v{}", row - from);
                    start = None;
                }
                _ => {}
            }
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edge_goes_around_what_is_positive() {
        let mut mask = Bitmap::new(4);
        mask.fill(1..3, 1..2);
        assert_eq!(edge_of(&mask), "M1 1h1M1 3h1M1 1v2M2 1v2");
        assert_eq!(edge_of(&Bitmap::new(4)), "");
    }
}
