//! What a model is shown of a frame: which rectangle, how large, resized by which library's rule.

use crate::geometry::{Rect, Size};

/// How a system's loader makes its input out of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ViewRule {
    /// The frame as it is: for maps that need no picture.
    Whole,
    /// Short side to `side` by PIL's bicubic, then the middle square.
    Crop { side: u32 },
    /// The whole frame squashed to a square, by `resizing`.
    Stretch { side: u32, resizing: Resizing },
}

/// Whose resizing, exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resizing {
    /// PIL's bicubic on bytes (antialiased, a = −0.5).
    PilBicubic,
    /// PIL's bilinear on bytes (antialiased triangle).
    PilBilinear,
    /// torch's bicubic on floats (a = −0.75), not antialiased: torchvision before 0.17.
    TensorBicubic,
    /// torch's antialiased bicubic on floats (a = −0.5): torchvision from 0.17 on.
    TensorBicubicAntialiased,
    /// OpenCV's bilinear on bytes (not antialiased).
    CvBilinear,
    /// OpenCV's bilinear to 256×256, then PIL's bilinear: the AVOL reproduction keeps its frames so.
    CvThenPilBilinear,
}

impl Resizing {
    /// Its name on screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::PilBicubic => "PIL bicubic",
            Self::PilBilinear => "PIL bilinear",
            Self::TensorBicubic => "torch bicubic",
            Self::TensorBicubicAntialiased => "torch bicubic, antialiased",
            Self::CvBilinear => "OpenCV bilinear",
            Self::CvThenPilBilinear => "OpenCV bilinear to 256, PIL bilinear",
        }
    }
}

/// What a model is shown of one frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    pub rule: ViewRule,
    /// The rectangle of the frame that is shown, in frame pixels.
    pub covers: Rect,
    /// The size at which the network sees it.
    pub input: Size,
}

impl ViewRule {
    /// The view of a frame of this size.
    pub fn view(self, frame: Size) -> View {
        match self {
            Self::Whole => View { rule: self, covers: Rect::of_size(frame), input: frame },
            Self::Stretch { side, .. } => {
                View { rule: self, covers: Rect::of_size(frame), input: Size::new(side, side) }
            }
            Self::Crop { side } => {
                let resized = short_side_to(side, frame);
                let (left, top) = (crop_offset(resized.width, side), crop_offset(resized.height, side));
                let (across, down) = (
                    f64::from(frame.width) / f64::from(resized.width.max(1)),
                    f64::from(frame.height) / f64::from(resized.height.max(1)),
                );
                let covers = Rect::new(
                    f64::from(left) * across,
                    f64::from(top) * down,
                    f64::from(left + side) * across,
                    f64::from(top + side) * down,
                );
                View { rule: self, covers, input: Size::new(side, side) }
            }
        }
    }
}

/// torchvision's `Resize(side)`: the short side becomes `side`, the long one `int(side · long / short)`.
fn short_side_to(side: u32, frame: Size) -> Size {
    let scaled = |long: u32, short: u32| {
        let long = u64::from(side) * u64::from(long) / u64::from(short.max(1));
        u32::try_from(long).unwrap_or(u32::MAX)
    };
    if frame.width <= frame.height {
        Size::new(side, scaled(frame.height, frame.width).max(side))
    } else {
        Size::new(scaled(frame.width, frame.height).max(side), side)
    }
}

/// torchvision's `CenterCrop`: Python's `round((extent − side) / 2)`, halves to even.
fn crop_offset(extent: u32, side: u32) -> u32 {
    let excess = extent.saturating_sub(side);
    let down = excess / 2;
    if excess % 2 == 1 && down % 2 == 1 { down + 1 } else { down }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crop_offsets_round_halves_to_even() {
        for (width, resized, left) in [(320, 298, 37), (321, 299, 38), (323, 301, 38)] {
            let size = short_side_to(224, Size::new(width, 240));
            assert_eq!((size, crop_offset(size.width, 224)), (Size::new(resized, 224), left));
        }
    }

    #[test]
    fn a_crop_covers_the_middle_square_and_a_stretch_everything() {
        let frame = Size::new(640, 360);
        let crop = ViewRule::Crop { side: 224 }.view(frame);
        assert!((crop.covers.width() - crop.covers.height()).abs() < 2.0 && crop.covers.height() == 360.0);
        assert!((crop.covers.center().x - 320.0).abs() < 1.0);
        let stretch = ViewRule::Stretch { side: 224, resizing: Resizing::PilBicubic }.view(frame);
        assert_eq!(stretch.covers, Rect::of_size(frame));
    }
}
