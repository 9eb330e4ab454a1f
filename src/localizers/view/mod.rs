//! What a model is shown of a frame: which rectangle, how large, resized by which library's rule.

mod cv;
mod pil;
mod tensor;

use candle_core::{Device, Tensor};

use super::{LocalizerError, Result};
use crate::geometry::{Rect, Size};
use crate::media::Picture;
use pil::Filter;
use tensor::Plane;

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

/// What is taken off each channel and what it is divided by, after bytes became 0..1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalization {
    pub mean: [f32; 3],
    pub deviation: [f32; 3],
}

impl Normalization {
    pub const IMAGENET: Self = Self { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] };
    pub const CLIP: Self =
        Self { mean: [0.481_454_66, 0.457_827_5, 0.408_210_73], deviation: [0.268_629_54, 0.261_302_6, 0.275_777_1] };
    pub const NONE: Self = Self { mean: [0.0; 3], deviation: [1.0; 3] };
}

/// RGB bytes, rows from top to bottom.
#[derive(Clone, Debug, PartialEq)]
struct Bytes {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

/// No side of a picture may be longer: bounds the memory of a crop of a very long strip.
const LONGEST_SIDE: u32 = 1 << 16;

impl ViewRule {
    /// The network's input made of a picture: 1×3×side×side.
    ///
    /// # Errors
    /// A picture without pixels, one whose bytes do not fit its size, and one so long that its crop cannot be made.
    pub fn render(self, picture: &Picture, normalization: &Normalization) -> Result<Tensor> {
        let (input, channels) = self.planes(picture)?;
        let side = input.area() as usize;
        let mut values = Vec::with_capacity(3 * side);
        for (channel, plane) in channels.iter().enumerate() {
            let (mean, deviation) = (normalization.mean[channel], normalization.deviation[channel]);
            values.extend(plane.iter().map(|value| (value - mean) / deviation));
        }
        let shape = (1, 3, input.height as usize, input.width as usize);
        Tensor::from_vec(values, shape, &Device::Cpu)
            .map_err(|error| LocalizerError::Network { message: error.to_string() })
    }

    /// Refuses a picture that nothing can be seen in: without pixels, or with bytes that do not fit its size.
    pub(super) fn check(self, picture: &Picture) -> Result<()> {
        let Size { width, height } = picture.size;
        let fits = picture.size.area() > 0
            && width.max(height) <= LONGEST_SIDE
            && picture.rgb.len() as u64 == 3 * picture.size.area();
        if fits { Ok(()) } else { Err(LocalizerError::Picture { width, height, bytes: picture.rgb.len() }) }
    }

    /// The three channels at the network's size, as 0..1.
    fn planes(self, picture: &Picture) -> Result<(Size, [Vec<f32>; 3])> {
        self.check(picture)?;
        let Size { width, height } = picture.size;
        let bytes = Bytes { width: width as usize, height: height as usize, rgb: picture.rgb.clone() };
        let resized = match self {
            Self::Whole => bytes,
            Self::Crop { side } => {
                let size = short_side_to(side, picture.size);
                if size.width.max(size.height) > LONGEST_SIDE {
                    return Err(LocalizerError::Picture { width, height, bytes: picture.rgb.len() });
                }
                let resized = pil::resize(&bytes, size.width as usize, size.height as usize, Filter::Bicubic);
                resized.cropped(crop_offset(size.width, side), crop_offset(size.height, side), side)
            }
            Self::Stretch { side, resizing } => {
                let length = side as usize;
                match resizing {
                    Resizing::PilBicubic => pil::resize(&bytes, length, length, Filter::Bicubic),
                    Resizing::PilBilinear => pil::resize(&bytes, length, length, Filter::Bilinear),
                    Resizing::CvBilinear => cv::resize_bilinear(&bytes, length, length),
                    Resizing::CvThenPilBilinear => {
                        pil::resize(&cv::resize_bilinear(&bytes, 256, 256), length, length, Filter::Bilinear)
                    }
                    Resizing::TensorBicubic | Resizing::TensorBicubicAntialiased => {
                        let antialias = resizing == Resizing::TensorBicubicAntialiased;
                        let planes = bytes.planes().map(|values| {
                            let plane = Plane { width: bytes.width, height: bytes.height, values };
                            plane.resized(length, length, antialias).values
                        });
                        return Ok((Size::new(side, side), planes));
                    }
                }
            }
        };
        Ok((Size::new(resized.width as u32, resized.height as u32), resized.planes()))
    }
}

/// A picture at another size, by PIL's bicubic on bytes: what most loaders do before they cut their crop out of it.
///
/// # Errors
/// As [`ViewRule::render`]; a size without pixels.
pub fn resized(picture: &Picture, size: Size) -> Result<Picture> {
    ViewRule::Whole.check(picture)?;
    let Size { width, height } = size;
    if size.area() == 0 || width.max(height) > LONGEST_SIDE {
        return Err(LocalizerError::Picture { width, height, bytes: picture.rgb.len() });
    }
    let from = picture.size;
    let bytes = Bytes { width: from.width as usize, height: from.height as usize, rgb: picture.rgb.clone() };
    let rgb = pil::resize(&bytes, width as usize, height as usize, Filter::Bicubic).rgb;
    Ok(Picture { size, rgb })
}

impl Bytes {
    fn cropped(&self, left: u32, top: u32, side: u32) -> Self {
        let (left, top, side) = (left as usize, top as usize, side as usize);
        let rows = self.rgb.chunks_exact(3 * self.width).skip(top).take(side);
        let rgb = rows.flat_map(|row| row[3 * left..3 * (left + side)].iter().copied()).collect();
        Self { width: side, height: side, rgb }
    }

    /// The channels apart, as 0..1.
    fn planes(&self) -> [Vec<f32>; 3] {
        [0, 1, 2].map(|channel| self.rgb.iter().skip(channel).step_by(3).map(|&byte| f32::from(byte) / 255.0).collect())
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
