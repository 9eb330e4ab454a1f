//! Ground truth of one clip: what is stated of boxes, masks and sounds here, what holds at a moment in `over_time`.

mod over_time;

use std::path::PathBuf;

pub use over_time::{BoxAt, ClipAnnotations, Moment, between_rects};

use serde::{Deserialize, Serialize};

use crate::geometry::{Rect, Size};

/// When an annotation holds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// The whole clip, or the one frame of it that is scored.
    Whole,
    /// One frame, 0-based; whose numbering, [`ClipAnnotations::frame_rate`] says.
    Frame(u64),
    /// One instant.
    Secs(f64),
    /// From `start` to before `end`, seconds of the clip.
    Interval { start: f64, end: f64 },
}

/// What holds between this key of a track and the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BetweenKeys {
    /// Nothing: the format annotates single moments.
    #[default]
    Nothing,
    /// The box stays; after the last key to the end of the clip.
    Hold,
    /// The box moves linearly to the next key; after the last key it stays to the end of the clip.
    Linear,
}

/// The four numbers of a box as corners or as corner and size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoxShape {
    /// `x0, y0, x1, y1`
    Corners,
    /// `x, y, width, height`
    CornerAndSize,
}

/// What one unit of a box's numbers is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoxScale {
    /// 1 is the whole frame.
    Fraction,
    /// 100 is the whole frame.
    Percent,
    /// Pixels of a frame of this size.
    Pixels(Size),
}

/// A box exactly as its file gives it. Protocols round these numbers, not their quotients.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WrittenBox {
    pub values: [f64; 4],
    pub shape: BoxShape,
    pub scale: BoxScale,
}

impl WrittenBox {
    /// The corners as fractions of the frame, neither clamped nor put in order.
    pub fn rect_fraction(&self) -> Rect {
        let [a, b, c, d] = self.values;
        let (x_unit, y_unit) = match self.scale {
            BoxScale::Fraction => (1.0, 1.0),
            BoxScale::Percent => (100.0, 100.0),
            BoxScale::Pixels(size) => (f64::from(size.width.max(1)), f64::from(size.height.max(1))),
        };
        match self.shape {
            BoxShape::Corners => Rect::new(a / x_unit, b / y_unit, c / x_unit, d / y_unit),
            BoxShape::CornerAndSize => Rect::new(a / x_unit, b / y_unit, (a + c) / x_unit, (b + d) / y_unit),
        }
    }
}

/// What is odd about a box in its source; kept, shown, and counted, never repaired in silence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quirk {
    /// Covers nothing once clamped to the frame: zero size, inverted, or wholly outside.
    Degenerate,
    /// Reaches beyond the frame.
    OutsideFrame,
    /// A number far beyond any picture, as a drag that overflowed leaves it.
    Overflow,
    /// Largest pixels are part of the box (`x1 = 223` in a frame 224 wide).
    InclusiveEnd,
    /// The source box is turned by these degrees; the rectangle is the unturned one.
    Rotated(f64),
    /// The source is a polygon or mask; the rectangle is the one around it.
    AroundShape,
    /// The file says pixels but holds fractions.
    FractionsAsPixels,
}

/// Largest magnitude (in fractions of the frame) that a person can have meant.
const PLAUSIBLE_FRACTION: f64 = 1000.0;

/// One box that somebody drew: a statement about a place, a time, and whether the thing there sounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Annotation {
    /// Corners in fractions of the frame, as the source has them: may reach outside, may be degenerate.
    pub rect_fraction: Rect,
    /// The same box in the source's own numbers, where there is a source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<WrittenBox>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotator: Option<String>,
    /// Boxes of one thing over time share a track (within an annotator).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track: Option<String>,
    pub span: Span,
    /// What holds until the track's next key; of no meaning without a track.
    #[serde(default)]
    pub between: BetweenKeys,
    /// Whether the thing sounds, where the source says so. See [`ClipAnnotations::at`] for where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sounding: Option<bool>,
    /// False for a key that says "from here on the thing is not in the picture".
    #[serde(default = "yes")]
    pub visible: bool,
    #[serde(default)]
    pub occluded: bool,
    /// How much of the thing is seen, 0 to 1, where the source says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<f64>,
    /// Computed by the annotation program between two drawn keys.
    #[serde(default)]
    pub interpolated: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quirks: Vec<Quirk>,
}

fn yes() -> bool {
    true
}

impl Annotation {
    /// A box that holds for the whole clip, with no source numbers behind it.
    pub fn new(rect_fraction: Rect, label: Option<String>) -> Self {
        let mut annotation = Self {
            rect_fraction,
            written: None,
            label,
            annotator: None,
            track: None,
            span: Span::Whole,
            between: BetweenKeys::Nothing,
            sounding: None,
            visible: true,
            occluded: false,
            visibility: None,
            interpolated: false,
            quirks: Vec::new(),
        };
        annotation.note_shape_quirks();
        annotation
    }

    /// A box as a file gives it.
    pub fn from_written(written: WrittenBox, label: Option<String>) -> Self {
        let mut annotation = Self::new(written.rect_fraction(), label);
        annotation.written = Some(written);
        annotation
    }

    /// The same statement about another place: what was odd about the old numbers is gone with them.
    pub fn moved_to(&self, rect_fraction: Rect) -> Self {
        let mut moved = Self { rect_fraction, written: None, interpolated: false, quirks: Vec::new(), ..self.clone() };
        moved.note_shape_quirks();
        moved
    }

    /// The part of the box inside the frame; empty (see [`Rect::is_empty`]) for a degenerate box.
    pub fn clamped_fraction(&self) -> Rect {
        let unit = |value: f64| value.clamp(0.0, 1.0);
        let rect = &self.rect_fraction;
        Rect::new(unit(rect.left), unit(rect.top), unit(rect.right), unit(rect.bottom))
    }

    pub fn is_degenerate(&self) -> bool {
        self.clamped_fraction().is_empty()
    }

    pub fn has_quirk(&self, quirk: &Quirk) -> bool {
        self.quirks.iter().any(|own| own == quirk)
    }

    fn note_shape_quirks(&mut self) {
        let rect = self.rect_fraction;
        let corners = [rect.left, rect.top, rect.right, rect.bottom];
        if corners.iter().any(|value| !value.is_finite() || value.abs() > PLAUSIBLE_FRACTION) {
            self.quirks.push(Quirk::Overflow);
        } else if corners.iter().any(|value| !(0.0..=1.0).contains(value)) {
            self.quirks.push(Quirk::OutsideFrame);
        }
        if self.is_degenerate() {
            self.quirks.push(Quirk::Degenerate);
        }
    }
}

/// A stretch of time in which something sounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SoundInterval {
    pub start_secs: f64,
    pub end_secs: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotator: Option<String>,
    /// The source says that what sounds is not in the picture.
    #[serde(default)]
    pub off_screen: bool,
    /// The source says that what sounds cannot be told (Urbansas' non-identifiable vehicle sound).
    #[serde(default)]
    pub unidentified: bool,
}

impl SoundInterval {
    pub fn covers(&self, time_secs: f64) -> bool {
        time_secs >= self.start_secs && time_secs < self.end_secs
    }
}

/// Ground truth given as a picture: every non-zero pixel is part of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MaskAnnotation {
    /// As the source names it, or the file itself once it was found.
    pub path: PathBuf,
    pub span: Span,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The source's own pixel offset field (SSLalignment's `offset`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overflowing_corner_is_kept_and_named() {
        let written = WrittenBox {
            values: [0.38, 0.86, 0.7, -2.8823037615171176e16],
            shape: BoxShape::Corners,
            scale: BoxScale::Fraction,
        };
        let annotation = Annotation::from_written(written, None);
        assert_eq!(annotation.quirks, [Quirk::Overflow, Quirk::Degenerate]);
        assert_eq!(annotation.written, Some(written));
    }
}
