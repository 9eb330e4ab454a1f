//! Painting in linear light: every shape is a signed distance, so that edges are smooth without supersampling.

use crate::geometry::Size;
use crate::media::Picture;

/// Linear red, green and blue, 0 to 1.
pub type Color = [f32; 3];

/// A colour and how much of a pixel it covers.
pub struct Ink {
    pub color: Color,
    pub cover: f32,
}

/// Whole pixels of a frame, from the first to before the last.
#[derive(Clone, Copy, Debug)]
pub struct Region {
    pub left: u32,
    pub top: u32,
    pub right: u32,
    pub bottom: u32,
}

impl Region {
    /// The pixels of the frame that a stretch of the plane touches.
    pub fn around(left: f32, top: f32, right: f32, bottom: f32, frame: Size) -> Self {
        let inside = |value: f32, most: u32| (value.max(0.0) as u32).min(most);
        Self {
            left: inside(left.floor(), frame.width),
            top: inside(top.floor(), frame.height),
            right: inside(right.ceil(), frame.width),
            bottom: inside(bottom.ceil(), frame.height),
        }
    }

    fn intersection(self, other: Self) -> Self {
        Self {
            left: self.left.max(other.left),
            top: self.top.max(other.top),
            right: self.right.min(other.right),
            bottom: self.bottom.min(other.bottom),
        }
    }
}

/// A part of the frame in linear light.
#[derive(Clone)]
pub struct Canvas {
    region: Region,
    pixels: Vec<Color>,
}

impl Canvas {
    /// A canvas of the whole frame.
    pub fn new(size: Size) -> Self {
        let region = Region { left: 0, top: 0, right: size.width, bottom: size.height };
        Self { region, pixels: vec![[0.0; 3]; size.area() as usize] }
    }

    /// A copy of the part inside `region`.
    pub fn crop(&self, region: Region) -> Self {
        let region = region.intersection(self.region);
        let width = (self.region.right - self.region.left) as usize;
        let columns =
            (region.left - self.region.left) as usize..(region.right.max(region.left) - self.region.left) as usize;
        let rows = (region.top - self.region.top) as usize..(region.bottom.max(region.top) - self.region.top) as usize;
        let pixels = rows.flat_map(|row| &self.pixels[row * width + columns.start..row * width + columns.end]).copied();
        Self { region, pixels: pixels.collect() }
    }

    pub fn region(&self) -> Region {
        self.region
    }

    /// Lays ink over the pixels of `region`; `ink` is asked at their centres.
    pub fn paint(&mut self, region: Region, mut ink: impl FnMut(f32, f32) -> Ink) {
        let Region { left, top, right, bottom } = region.intersection(self.region);
        let width = (self.region.right - self.region.left) as usize;
        for y in top..bottom {
            let row = (y - self.region.top) as usize * width;
            for x in left..right {
                let Ink { color, cover } = ink(x as f32 + 0.5, y as f32 + 0.5);
                if cover > 0.0 {
                    let pixel = &mut self.pixels[row + (x - self.region.left) as usize];
                    *pixel = mix(*pixel, color, cover.min(1.0));
                }
            }
        }
    }

    /// Takes away light: `darkness` says how much of it, 0 to 1.
    pub fn shade(&mut self, region: Region, mut darkness: impl FnMut(f32, f32) -> f32) {
        self.paint(region, |x, y| Ink { color: SHADOW, cover: darkness(x, y) });
    }

    /// Writes the canvas into its place in a picture of the frame.
    ///
    /// Half a step of noise that stands still keeps soft gradients free of bands.
    pub fn write_to(&self, picture: &mut Picture) {
        let Region { left, right, .. } = self.region;
        let width = (right - left) as usize;
        for (row, line) in self.pixels.chunks_exact(width.max(1)).enumerate() {
            let y = self.region.top as usize + row;
            for (column, color) in line.iter().enumerate() {
                let x = left as usize + column;
                let threshold = lattice(x as i32, y as i32, 77);
                let at = (y * picture.size.width as usize + x) * 3;
                for (byte, light) in picture.rgb[at..at + 3].iter_mut().zip(color) {
                    *byte = (srgb_from_linear(*light) * 255.0 + threshold).min(255.0) as u8;
                }
            }
        }
    }
}

/// What is left where no light falls: a little cool sky.
const SHADOW: Color = [0.012, 0.014, 0.022];

/// IEC 61966-2-1.
fn srgb_from_linear(light: f32) -> f32 {
    let light = light.clamp(0.0, 1.0);
    if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 }
}

/// A colour from its eight-bit sRGB notation, `0xrrggbb`.
pub fn rgb(hex: u32) -> Color {
    [16, 8, 0].map(|shift| {
        let value = (hex >> shift & 255) as f32 / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    })
}

pub fn mix(from: Color, to: Color, share: f32) -> Color {
    [0, 1, 2].map(|channel| from[channel] + (to[channel] - from[channel]) * share)
}

pub fn scaled(color: Color, factor: f32) -> Color {
    color.map(|light| light * factor)
}

/// How much of a pixel is inside a shape whose edge is `distance` away (negative inside), in pixels.
pub fn edge(distance: f32) -> f32 {
    (0.5 - distance).clamp(0.0, 1.0)
}

/// 0 before `from`, 1 after `to`, smooth between.
pub fn smoothstep(from: f32, to: f32, value: f32) -> f32 {
    let share = ((value - from) / (to - from)).clamp(0.0, 1.0);
    share * share * (3.0 - 2.0 * share)
}

/// 1 at the middle of a bump, falling off over `width`.
pub fn bump(distance: f32, width: f32) -> f32 {
    (-(distance / width) * (distance / width)).exp()
}

/// Signed distance to a box around the origin with rounded corners.
pub fn rounded_box(x: f32, y: f32, half_width: f32, half_height: f32, radius: f32) -> f32 {
    let (dx, dy) = (x.abs() - half_width + radius, y.abs() - half_height + radius);
    dx.max(0.0).hypot(dy.max(0.0)) + dx.max(dy).min(0.0) - radius
}

/// Signed distance to an ellipse around the origin, to first order near its edge.
pub fn ellipse(x: f32, y: f32, half_width: f32, half_height: f32) -> f32 {
    let inside = (x / half_width).hypot(y / half_height);
    let slope = (x / (half_width * half_width)).hypot(y / (half_height * half_height));
    if slope < 1e-6 { -half_width.min(half_height) } else { inside * (inside - 1.0) / slope }
}

/// Distance to the line from `a` to `b`.
pub fn segment(x: f32, y: f32, a: (f32, f32), b: (f32, f32)) -> f32 {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let along = (((x - a.0) * dx + (y - a.1) * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
    (x - a.0 - along * dx).hypot(y - a.1 - along * dy)
}

/// The nearer of two distances, rounded over `width` where they meet.
pub fn smooth_min(a: f32, b: f32, width: f32) -> f32 {
    let meeting = (width - (a - b).abs()).max(0.0) / width;
    a.min(b) - meeting * meeting * width / 4.0
}

/// A number between 0 and 1 for each point of a grid, the same each time.
pub fn lattice(x: i32, y: i32, seed: u32) -> f32 {
    let mut bits = (x as u32).wrapping_mul(0x9e37_79b1) ^ (y as u32).wrapping_mul(0x85eb_ca77) ^ seed;
    bits = (bits ^ bits >> 16).wrapping_mul(0x7feb_352d);
    bits = (bits ^ bits >> 15).wrapping_mul(0x846c_a68b);
    ((bits ^ bits >> 16) >> 8) as f32 / (1 << 24) as f32
}

/// Smooth noise between 0 and 1 with one hill per unit.
pub fn noise(x: f32, y: f32, seed: u32) -> f32 {
    let (column, row) = (x.floor(), y.floor());
    let (u, v) = (smoothstep(0.0, 1.0, x - column), smoothstep(0.0, 1.0, y - row));
    let at = |dx: i32, dy: i32| lattice(column as i32 + dx, row as i32 + dy, seed);
    let line = |dy: i32| at(0, dy) + (at(1, dy) - at(0, dy)) * u;
    line(0) + (line(1) - line(0)) * v
}

/// Grain of wood whose fibres run along `along`.
pub fn grain(along: f32, across: f32, seed: u32) -> f32 {
    0.6 * noise(along / 26.0, across / 1.3, seed) + 0.4 * noise(along / 70.0, across / 4.0, seed ^ 0x51)
}
