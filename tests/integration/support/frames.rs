//! Decoded pictures whose every sample is known.

use sonolens::geometry::Size;
use sonolens::media::{ChromaSiting, ColorDescription, Frame, Matrix, Orientation, Plane, PlaneLayout, Range};

pub fn color(matrix: Matrix, range: Range) -> ColorDescription {
    ColorDescription { matrix, range, siting: ChromaSiting::Left, primaries: 2, transfer: 2 }
}

/// A picture whose samples are `code(plane, place, size of the plane)`, places and sizes across and down.
pub fn frame_of(
    size: Size,
    layout: PlaneLayout,
    bits: u8,
    color: ColorDescription,
    code: impl Fn(usize, [u32; 2], [u32; 2]) -> u16,
) -> Frame {
    let plane = |number: usize| {
        let [width, height] = match layout {
            PlaneLayout::Yuv { log2_x, log2_y } if number > 0 => {
                [size.width.div_ceil(1 << log2_x), size.height.div_ceil(1 << log2_y)]
            }
            _ => [size.width, size.height],
        };
        let places = (0..height).flat_map(|y| (0..width).map(move |x| [x, y]));
        let codes = places.map(|place| code(number, place, [width, height]));
        let bytes = match bits {
            8 => codes.map(|code| code as u8).collect(),
            _ => codes.flat_map(u16::to_ne_bytes).collect(),
        };
        Plane { width, height, bytes }
    };
    let planes = if layout == PlaneLayout::Gray { 1 } else { 3 };
    Frame {
        index: 0,
        time_secs: 0.0,
        size,
        layout,
        bits,
        planes: (0..planes).map(plane).collect(),
        color,
        orientation: Orientation::UPRIGHT,
        sample_aspect: (1, 1),
    }
}
