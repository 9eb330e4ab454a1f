//! The presented picture as RGB: what models and the command line see.

use ff::format::Pixel;
use ffmpeg_next as ff;

use super::frame::{ColorDescription, Frame, Matrix, Orientation, Plane, PlaneLayout, Range, square_pixel_size};
use super::libav::{self, Scaler, ScalerColor};
use crate::geometry::Size;

/// A picture of 8-bit red, green and blue, three bytes a pixel, rows from the top.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    pub size: Size,
    pub rgb: Vec<u8>,
}

impl Picture {
    /// A picture of one colour.
    pub fn filled(size: Size, rgb: [u8; 3]) -> Self {
        Self { size, rgb: rgb.repeat(size.area() as usize) }
    }

    /// The pixel at a place; nothing outside.
    pub fn pixel(&self, x: u32, y: u32) -> Option<[u8; 3]> {
        if x >= self.size.width || y >= self.size.height {
            return None;
        }
        let at = (y as usize * self.size.width as usize + x as usize) * 3;
        self.rgb.get(at..at + 3)?.try_into().ok()
    }

    /// The picture mirrored and turned.
    pub fn oriented(self, orientation: Orientation) -> Self {
        if orientation == Orientation::UPRIGHT {
            return self;
        }
        let (from, to) = (self.size, orientation.turn_size(self.size));
        let mut rgb = Vec::with_capacity(self.rgb.len());
        for y in 0..to.height {
            for x in 0..to.width {
                let (u, v) = match orientation.quarter_turns % 4 {
                    0 => (x, y),
                    1 => (y, from.height - 1 - x),
                    2 => (from.width - 1 - x, from.height - 1 - y),
                    _ => (from.width - 1 - y, x),
                };
                let u = if orientation.mirrored { from.width - 1 - u } else { u };
                rgb.extend_from_slice(&self.pixel(u, v).unwrap_or_default());
            }
        }
        Self { size: to, rgb }
    }
}

impl Frame {
    /// The presented picture: RGB by the stream's own matrix and range (swscale, exact rounding, full chroma), with
    /// square pixels, turned as the file asks.
    pub fn to_picture(&self) -> Picture {
        self.to_picture_of(square_pixel_size(self.size, self.sample_aspect))
    }

    /// As [`Frame::to_picture`], shrunk so that neither side is longer than `side`.
    pub fn to_thumbnail(&self, side: u32) -> Picture {
        let full = square_pixel_size(self.size, self.sample_aspect);
        let longest = full.width.max(full.height);
        if longest <= side {
            return self.to_picture();
        }
        let shrunk = |length: u32| {
            let scaled = (u64::from(length) * u64::from(side) + u64::from(longest) / 2) / u64::from(longest);
            u32::try_from(scaled).unwrap_or(side).max(1)
        };
        self.to_picture_of(Size::new(shrunk(full.width), shrunk(full.height)))
    }

    /// Converted to `size` (before turning), then turned.
    fn to_picture_of(&self, size: Size) -> Picture {
        if self.layout == PlaneLayout::Gbr && self.bits == 8 && size == self.size {
            return Picture { size, rgb: interleave_gbr(&self.planes) }.oriented(self.orientation);
        }
        // Frames of the reader always have a format and a scaler; one put together otherwise may show as black.
        self.scaled(size).unwrap_or_else(|| Picture::filled(size, [0; 3])).oriented(self.orientation)
    }

    fn scaled(&self, size: Size) -> Option<Picture> {
        let source = self.to_libav()?;
        let from = (source.format(), self.size.width, self.size.height);
        let to = (Pixel::RGB24, size.width, size.height);
        let mut scaler = Scaler::new(from, to, &scaler_color(&self.color, self.layout, true))?;
        let rgb = scaler.run(&source, to);
        Some(Picture { size, rgb: libav::copy_plane(&rgb, 0, size.width as usize * 3, size.height as usize, 1) })
    }

    /// The planes in a picture of libav's own, whose rows are padded as its kernels like it. Grey gets neutral chroma,
    /// since swscale takes the full range of grey for granted.
    fn to_libav(&self) -> Option<ff::frame::Video> {
        let gray = self.layout == PlaneLayout::Gray;
        let layout = if gray { PlaneLayout::Yuv { log2_x: 0, log2_y: 0 } } else { self.layout };
        let format = pixel_format(layout, self.bits)?;
        let mut picture = ff::frame::Video::new(format, self.size.width, self.size.height);
        let row = |plane: &Plane| plane.width as usize * self.sample_bytes();
        for (index, plane) in self.planes.iter().enumerate() {
            libav::fill_plane(&mut picture, index, row(plane), &plane.bytes);
        }
        if let (true, Some(luma)) = (gray, self.planes.first()) {
            let middle = (1u16 << (self.bits - 1)).to_ne_bytes();
            let sample = if self.bits > 8 { middle.to_vec() } else { vec![128] };
            let neutral = sample.repeat(luma.bytes.len() / sample.len());
            (1..3).for_each(|index| libav::fill_plane(&mut picture, index, row(luma), &neutral));
        }
        Some(picture)
    }
}

/// What swscale is told of a colour description.
pub(super) fn scaler_color(color: &ColorDescription, layout: PlaneLayout, full_range_out: bool) -> ScalerColor {
    let matrix = match color.matrix {
        Matrix::Identity | Matrix::Bt709 => libav::SWS_MATRIX_709,
        Matrix::Fcc => libav::SWS_MATRIX_FCC,
        Matrix::Bt601 => libav::SWS_MATRIX_601,
        Matrix::Smpte240 => libav::SWS_MATRIX_240M,
        Matrix::Bt2020 => libav::SWS_MATRIX_2020,
    };
    let chroma_position = match layout {
        PlaneLayout::Yuv { log2_x: 1, log2_y } => {
            let (right, down) = color.siting.position();
            Some(((right * 256.0) as i64, if log2_y == 1 { (down * 256.0) as i64 } else { 0 }))
        }
        _ => None,
    };
    ScalerColor { matrix, full_range_in: color.range == Range::Full, full_range_out, chroma_position }
}

/// FFmpeg's format of a plain planar layout, if it has one of just this depth and subsampling.
pub(super) fn pixel_format(layout: PlaneLayout, bits: u8) -> Option<Pixel> {
    let name = match layout {
        PlaneLayout::Gray => "gray",
        PlaneLayout::Gbr => "gbrp",
        PlaneLayout::Yuv { log2_x: 1, log2_y: 1 } => "yuv420p",
        PlaneLayout::Yuv { log2_x: 1, log2_y: 0 } => "yuv422p",
        PlaneLayout::Yuv { log2_x: 0, log2_y: 0 } => "yuv444p",
        PlaneLayout::Yuv { log2_x: 0, log2_y: 1 } => "yuv440p",
        PlaneLayout::Yuv { log2_x: 2, log2_y: 0 } => "yuv411p",
        PlaneLayout::Yuv { log2_x: 2, log2_y: 2 } => "yuv410p",
        PlaneLayout::Yuv { .. } => return None,
    };
    let depth = if bits == 8 { String::new() } else { bits.to_string() };
    libav::pixel_format_named(&format!("{name}{depth}"))
}

/// The layout of a plain pixel shape.
pub(super) fn plane_layout(shape: &libav::PixelShape) -> PlaneLayout {
    match (shape.planes, shape.rgb) {
        (1, _) => PlaneLayout::Gray,
        (_, true) => PlaneLayout::Gbr,
        _ => PlaneLayout::Yuv { log2_x: shape.log2_chroma.0, log2_y: shape.log2_chroma.1 },
    }
}

fn interleave_gbr(planes: &[Plane]) -> Vec<u8> {
    let [green, blue, red] = planes else { return Vec::new() };
    let pixels = red.bytes.iter().zip(&green.bytes).zip(&blue.bytes);
    pixels.flat_map(|((red, green), blue)| [*red, *green, *blue]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters() -> Picture {
        // a b c
        // d e f
        Picture { size: Size::new(3, 2), rgb: b"abcdef".iter().flat_map(|letter| [*letter; 3]).collect() }
    }

    fn read(picture: &Picture) -> String {
        picture.rgb.chunks(3).map(|pixel| char::from(pixel[0])).collect()
    }

    #[test]
    fn a_quarter_turn_clockwise_brings_the_left_column_to_the_top() {
        let turned = letters().oriented(Orientation { quarter_turns: 1, mirrored: false });
        assert_eq!((turned.size, read(&turned).as_str()), (Size::new(2, 3), "daebfc"));
    }

    #[test]
    fn mirroring_comes_before_turning() {
        let turned = letters().oriented(Orientation { quarter_turns: 1, mirrored: true });
        assert_eq!(read(&turned), "fcebda");
        let half = letters().oriented(Orientation { quarter_turns: 2, mirrored: true });
        assert_eq!(read(&half), "defabc");
    }

    #[test]
    fn grey_of_limited_range_reaches_black_and_white() {
        let plane = Plane { width: 2, height: 1, bytes: vec![16, 235] };
        let frame = Frame {
            index: 0,
            time_secs: 0.0,
            size: Size::new(2, 1),
            layout: PlaneLayout::Gray,
            bits: 8,
            planes: vec![plane],
            color: ColorDescription { range: Range::Limited, matrix: Matrix::Bt601, ..ColorDescription::RGB },
            orientation: Orientation::UPRIGHT,
            sample_aspect: (1, 1),
        };
        assert_eq!(frame.to_picture().rgb, [0, 0, 0, 255, 255, 255]);
    }
}
