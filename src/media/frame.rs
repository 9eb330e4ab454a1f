//! A decoded picture as planes, and how to read them.

use crate::geometry::Size;

/// One presented picture of a clip, its planes as they were decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Its number: its place among the presented frames.
    pub index: usize,
    /// When it appears, in seconds of the clip (see the module's note on the clip's time zero).
    pub time_secs: f64,
    /// Size of the decoded picture in samples, before rotation and pixel aspect.
    pub size: Size,
    pub layout: PlaneLayout,
    /// Significant bits of a sample; above 8 a sample takes two bytes, native-endian, in the low bits.
    pub bits: u8,
    /// One plane for grey; Y, U, V for luma and chroma; green, blue, red for RGB.
    pub planes: Vec<Plane>,
    pub color: ColorDescription,
    pub orientation: Orientation,
    /// Width to height of one sample.
    pub sample_aspect: (u32, u32),
}

/// One plane of samples without padding between rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plane {
    pub width: u32,
    pub height: u32,
    /// Rows from the top, one or two bytes a sample (see [`Frame::bits`]).
    pub bytes: Vec<u8>,
}

/// Which planes a frame has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PlaneLayout {
    Gray,
    /// Y, U, V; a chroma plane is the frame's size divided by 2^`log2_x` and 2^`log2_y`, rounded up.
    Yuv {
        log2_x: u8,
        log2_y: u8,
    },
    /// Green, blue, red.
    Gbr,
}

/// The numbers that turn Y, U and V into red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Matrix {
    /// The planes are RGB already.
    Identity,
    Fcc,
    Bt601,
    Smpte240,
    Bt709,
    Bt2020,
}

impl Matrix {
    /// Weights of red and blue in luma (ITU-T H.273, table 4).
    pub fn red_blue_weights(self) -> (f32, f32) {
        match self {
            Self::Identity | Self::Bt709 => (0.2126, 0.0722),
            Self::Fcc => (0.30, 0.11),
            Self::Bt601 => (0.299, 0.114),
            Self::Smpte240 => (0.212, 0.087),
            Self::Bt2020 => (0.2627, 0.0593),
        }
    }
}

/// Which numbers black and white are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Range {
    /// Luma 16–235, chroma 16–240 (scaled to the bit depth).
    Limited,
    /// All values.
    Full,
}

/// Where the chroma sample of a 2×2 (or 2×1) block lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChromaSiting {
    Left,
    Center,
    TopLeft,
    Top,
    BottomLeft,
    Bottom,
}

impl ChromaSiting {
    /// Position right and down of the block's first luma sample centre, in luma samples of a 2×2 block.
    pub fn position(self) -> (f32, f32) {
        match self {
            Self::Left => (0.0, 0.5),
            Self::Center => (0.5, 0.5),
            Self::TopLeft => (0.0, 0.0),
            Self::Top => (0.5, 0.0),
            Self::BottomLeft => (0.0, 1.0),
            Self::Bottom => (0.5, 1.0),
        }
    }
}

/// What the numbers in the planes mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ColorDescription {
    pub matrix: Matrix,
    pub range: Range,
    pub siting: ChromaSiting,
    /// Colour primaries and transfer characteristic as code points of ITU-T H.273 (2: not specified).
    pub primaries: u8,
    pub transfer: u8,
}

impl ColorDescription {
    /// RGB with all values, as in still images.
    pub const RGB: Self =
        Self { matrix: Matrix::Identity, range: Range::Full, siting: ChromaSiting::Center, primaries: 2, transfer: 2 };

    /// From code points of ITU-T H.273. What a file leaves open is decided as mpv does: BT.709 for pictures at least
    /// 1280 wide or more than 576 high, BT.601 below; limited range; chroma to the left.
    pub(super) fn from_code_points(codes: CodePoints, layout: PlaneLayout, full_by_format: bool, size: Size) -> Self {
        let matrix = match (layout, codes.matrix) {
            (PlaneLayout::Gbr, _) => Matrix::Identity,
            (_, 1) => Matrix::Bt709,
            (_, 4) => Matrix::Fcc,
            (_, 5 | 6) => Matrix::Bt601,
            (_, 7) => Matrix::Smpte240,
            (_, 9 | 10) => Matrix::Bt2020,
            _ if size.width >= 1280 || size.height > 576 => Matrix::Bt709,
            _ => Matrix::Bt601,
        };
        let full = codes.range == 2 || full_by_format || (layout == PlaneLayout::Gbr && codes.range != 1);
        let siting = match codes.chroma_location {
            2 => ChromaSiting::Center,
            3 => ChromaSiting::TopLeft,
            4 => ChromaSiting::Top,
            5 => ChromaSiting::BottomLeft,
            6 => ChromaSiting::Bottom,
            _ => ChromaSiting::Left,
        };
        Self {
            matrix,
            range: if full { Range::Full } else { Range::Limited },
            siting,
            primaries: u8::try_from(codes.primaries).unwrap_or(2),
            transfer: u8::try_from(codes.transfer).unwrap_or(2),
        }
    }
}

/// Colour as the file says it: code points of ITU-T H.273, chroma location and range as FFmpeg numbers them.
#[derive(Clone, Copy, Debug)]
pub(super) struct CodePoints {
    pub matrix: i32,
    pub range: i32,
    pub primaries: i32,
    pub transfer: i32,
    pub chroma_location: i32,
}

/// How the decoded picture is turned for display: mirrored left-right first, then turned clockwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Orientation {
    /// Clockwise quarter turns, 0 to 3.
    pub quarter_turns: u8,
    pub mirrored: bool,
}

impl Orientation {
    pub const UPRIGHT: Self = Self { quarter_turns: 0, mirrored: false };

    /// From the linear part of a display matrix, `x' = a·x + c·y`, `y' = b·x + d·y`, y downwards; nothing for angles
    /// that are no quarter turns.
    pub(super) fn from_matrix(matrix: &[i32; 9]) -> Option<Self> {
        let [a, b, _, c, d, ..] = *matrix;
        let largest = [a, b, c, d].into_iter().map(i32::unsigned_abs).max().unwrap_or(0);
        if largest == 0 {
            return Some(Self::UPRIGHT);
        }
        let unit = |value: i32| (f64::from(value) / f64::from(largest)).round() as i32;
        let wanted = (unit(a), unit(b), unit(c), unit(d));
        let near = |value: i32| (f64::from(value) / f64::from(largest) - f64::from(unit(value))).abs() < 0.02;
        if ![a, b, c, d].into_iter().all(near) {
            return None;
        }
        (0..4u8)
            .flat_map(|quarter_turns| [false, true].map(|mirrored| Self { quarter_turns, mirrored }))
            .find(|orientation| orientation.linear() == wanted)
    }

    /// The linear part `(a, b, c, d)` of this orientation in the convention of [`Self::from_matrix`].
    fn linear(self) -> (i32, i32, i32, i32) {
        let (a, b, c, d) = match self.quarter_turns % 4 {
            0 => (1, 0, 0, 1),
            1 => (0, 1, -1, 0),
            2 => (-1, 0, 0, -1),
            _ => (0, -1, 1, 0),
        };
        if self.mirrored { (-a, -b, c, d) } else { (a, b, c, d) }
    }

    /// True where width and height change places.
    pub fn swaps_sides(self) -> bool {
        self.quarter_turns % 2 == 1
    }

    /// The size of a turned picture.
    pub fn turn_size(self, size: Size) -> Size {
        if self.swaps_sides() { Size::new(size.height, size.width) } else { size }
    }
}

/// The size of a picture with square pixels: the side that is short of samples is stretched, so that none is lost.
pub(super) fn square_pixel_size(size: Size, sample_aspect: (u32, u32)) -> Size {
    let (across, down) = (u64::from(sample_aspect.0), u64::from(sample_aspect.1));
    if across == 0 || down == 0 || across == down {
        return size;
    }
    let scaled = |side: u32, times: u64, per: u64| {
        u32::try_from((u64::from(side) * times + per / 2) / per).unwrap_or(u32::MAX).clamp(1, super::libav::SIDE_LIMIT)
    };
    if across > down {
        Size::new(scaled(size.width, across, down), size.height)
    } else {
        Size::new(size.width, scaled(size.height, down, across))
    }
}

impl Frame {
    /// Bytes that a sample takes.
    pub fn sample_bytes(&self) -> usize {
        if self.bits > 8 { 2 } else { 1 }
    }

    /// The size of the presented picture: square pixels, turned. This is the frame of `geometry`.
    pub fn presented_size(&self) -> Size {
        self.orientation.turn_size(square_pixel_size(self.size, self.sample_aspect))
    }

    /// How much memory its planes take.
    pub fn size_bytes(&self) -> usize {
        self.planes.iter().map(|plane| plane.bytes.len()).sum::<usize>() + std::mem::size_of::<Self>()
    }

    /// MD5 over all planes in order, in hexadecimal; for layouts that FFmpeg decodes to as they are, and without alpha,
    /// it is the sum that the framemd5 muxer prints.
    pub fn planes_md5(&self) -> String {
        super::libav::md5(&self.planes.iter().flat_map(|plane| plane.bytes.iter().copied()).collect::<Vec<u8>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_orientation_is_read_back_from_its_own_matrix() {
        for quarter_turns in 0..4 {
            for mirrored in [false, true] {
                let orientation = Orientation { quarter_turns, mirrored };
                let (a, b, c, d) = orientation.linear();
                let matrix = [a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30];
                assert_eq!(Orientation::from_matrix(&matrix), Some(orientation));
            }
        }
    }

    #[test]
    fn an_oblique_angle_is_no_orientation() {
        assert_eq!(Orientation::from_matrix(&[46341, 46341, 0, -46341, 46341, 0, 0, 0, 1 << 30]), None);
    }

    #[test]
    fn non_square_pixels_stretch_the_shorter_side() {
        assert_eq!(square_pixel_size(Size::new(720, 576), (16, 15)), Size::new(768, 576));
        assert_eq!(square_pixel_size(Size::new(720, 480), (8, 9)), Size::new(720, 540));
        assert_eq!(square_pixel_size(Size::new(7, 5), (0, 1)), Size::new(7, 5));
    }
}
