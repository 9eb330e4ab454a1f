//! Painting: filled outlines with exact coverage of every pixel, colours that blend, and who is seen where.
//!
//! Coverage comes from signed areas that each edge leaves in the pixels it crosses, summed along the row.

use crate::geometry::{Rect, Size};
use crate::media::Picture;

/// Red, green and blue, 0 to 1, as the screen takes them (sRGB).
pub type Color = [f32; 3];

/// A colour from its notation `0xrrggbb`.
pub const fn rgb(hex: u32) -> Color {
    [((hex >> 16) & 255) as f32 / 255.0, ((hex >> 8) & 255) as f32 / 255.0, (hex & 255) as f32 / 255.0]
}

pub fn mix(from: Color, to: Color, share: f32) -> Color {
    [0, 1, 2].map(|channel| from[channel] + (to[channel] - from[channel]) * share)
}

/// Towards white (positive) or towards a deep blue-violet shade (negative), −1 to 1.
pub fn lighter(color: Color, by: f32) -> Color {
    const SHADE: Color = [0.10, 0.07, 0.20];
    const LIGHT: Color = [1.0, 0.98, 0.93];
    if by < 0.0 { mix(color, SHADE, -by) } else { mix(color, LIGHT, by) }
}

/// A point in pixels.
pub type Spot = (f32, f32);

/// What an outline is filled with; places in pixels.
#[derive(Clone, Copy, Debug)]
pub enum Ink {
    Flat(Color),
    /// From one colour at a place to another at a second place, and no further.
    Along {
        from: (Spot, Color),
        to: (Spot, Color),
    },
    /// From the centre of an ellipse to its edge and beyond.
    Around {
        center: Spot,
        radii: Spot,
        inner: Color,
        outer: Color,
    },
}

/// Nobody: backdrops, props, shadows.
pub const NOBODY: u8 = 0;
/// Whatever hides things without being one.
pub const CLUTTER: u8 = 255;

/// A picture in the making.
#[derive(Clone, Debug)]
pub struct Canvas {
    width: usize,
    height: usize,
    planes: [Vec<f32>; 3],
    /// Who is seen at each pixel, where that is kept.
    who: Vec<u8>,
    owner: u8,
    /// Pixels that each owner painted, hidden since or not.
    painted: Vec<u32>,
    colors: bool,
    areas: Vec<f32>,
}

impl Canvas {
    pub fn new(width: usize, height: usize) -> Self {
        let plane = || vec![0.0; width * height];
        let planes = [plane(), plane(), plane()];
        Self {
            width,
            height,
            planes,
            who: Vec::new(),
            owner: NOBODY,
            painted: Vec::new(),
            colors: true,
            areas: Vec::new(),
        }
    }

    /// A canvas that only keeps who is seen where.
    pub fn outlines_only(width: usize, height: usize) -> Self {
        let mut canvas = Self { planes: [Vec::new(), Vec::new(), Vec::new()], colors: false, ..Self::new(0, 0) };
        (canvas.width, canvas.height) = (width, height);
        canvas.keep_who();
        canvas
    }

    /// From now on, who is seen where is kept.
    pub fn keep_who(&mut self) {
        self.who = vec![NOBODY; self.width * self.height];
        self.painted = vec![0; 256];
    }

    /// What is painted from now on belongs to `owner`.
    pub fn set_owner(&mut self, owner: u8) {
        self.owner = owner;
    }

    pub fn width(&self) -> usize {
        self.width
    }

    pub fn height(&self) -> usize {
        self.height
    }

    /// The pixels in which `owner` is seen: the smallest rectangle around them, their number, and the number that it
    /// painted before others hid some.
    pub fn seen(&self, owner: u8) -> (Option<Rect>, u32, u32) {
        let (mut left, mut right, mut top, mut bottom, mut count) = (usize::MAX, 0, usize::MAX, 0, 0);
        for (y, row) in self.who.chunks_exact(self.width.max(1)).enumerate() {
            let Some(first) = row.iter().position(|own| *own == owner) else { continue };
            let last = row.iter().rposition(|own| *own == owner).unwrap_or(first);
            count += row[first..=last].iter().filter(|own| **own == owner).count() as u32;
            (left, right, top, bottom) = (left.min(first), right.max(last + 1), top.min(y), y + 1);
        }
        let rect = (count > 0).then(|| Rect::new(left as f64, top as f64, right as f64, bottom as f64));
        (rect, count, self.painted.get(usize::from(owner)).copied().unwrap_or(0))
    }

    /// Fills closed outlines, all wound the same way, with `ink` at `alpha`.
    pub fn fill(&mut self, outlines: &[Spot], ends: &[usize], ink: &Ink, alpha: f32) {
        if alpha <= 0.0 || !(self.colors || self.owner != NOBODY) || outlines.iter().any(|spot| !is_place(spot)) {
            return;
        }
        let far = |pick: fn(&Spot) -> f32, better: fn(f32, f32) -> f32, start: f32| {
            outlines.iter().map(pick).fold(start, better)
        };
        let (low_x, high_x) = (far(|spot| spot.0, f32::min, f32::MAX), far(|spot| spot.0, f32::max, f32::MIN));
        let (low_y, high_y) = (far(|spot| spot.1, f32::min, f32::MAX), far(|spot| spot.1, f32::max, f32::MIN));
        if !(high_x > 0.0 && high_y > 0.0 && low_x < self.width as f32 && low_y < self.height as f32) {
            return;
        }
        let left = low_x.max(0.0) as usize;
        let top = low_y.max(0.0) as usize;
        let right = ((high_x.min(self.width as f32)) as usize + 1).min(self.width);
        let bottom = ((high_y.min(self.height as f32)) as usize + 1).min(self.height);
        if left >= right || top >= bottom {
            return;
        }
        let mut areas = std::mem::take(&mut self.areas);
        // Two more columns: an edge leaves its rest one column on.
        let stride = right - left + 2;
        areas.clear();
        areas.resize(stride * (bottom - top), 0.0);
        let mut start = 0;
        for end in ends {
            let outline = &outlines[start..*end];
            start = *end;
            let Some(last) = outline.last() else { continue };
            let mut before = (last.0 - left as f32, last.1 - top as f32);
            for spot in outline {
                let here = (spot.0 - left as f32, spot.1 - top as f32);
                leave_areas(&mut areas, stride, bottom - top, before, here);
                before = here;
            }
        }
        for (number, row) in areas.chunks_exact_mut(stride).enumerate() {
            let mut sum = 0.0f32;
            let mut any = 0.0f32;
            for cover in row.iter_mut() {
                sum += *cover;
                *cover = sum.abs().min(1.0) * alpha;
                any = any.max(*cover);
            }
            if any > 0.0 {
                self.lay(left, right, top + number, &row[..right - left], ink);
            }
        }
        self.areas = areas;
    }

    /// A soft ellipse: full at the centre, fading to nothing at the edge.
    pub fn fade_ellipse(&mut self, center: Spot, radii: Spot, color: Color, alpha: f32) {
        if !(self.colors && radii.0 > 0.0 && radii.1 > 0.0) {
            return;
        }
        let range = |center: f32, radius: f32, most: usize| {
            ((center - radius).max(0.0) as usize, ((center + radius).max(0.0) as usize + 1).min(most))
        };
        let (left, right) = range(center.0, radii.0, self.width);
        let (top, bottom) = range(center.1, radii.1, self.height);
        let mut cover = std::mem::take(&mut self.areas);
        for y in top..bottom {
            if left >= right {
                break;
            }
            let dy = (y as f32 + 0.5 - center.1) / radii.1;
            cover.clear();
            cover.extend((left..right).map(|x| {
                let dx = (x as f32 + 0.5 - center.0) / radii.0;
                let inside = (1.0 - dx * dx - dy * dy).max(0.0);
                alpha * inside * inside
            }));
            let owner = std::mem::replace(&mut self.owner, NOBODY);
            self.lay(left, right, y, &cover, &Ink::Flat(color));
            self.owner = owner;
        }
        self.areas = cover;
    }

    fn lay(&mut self, left: usize, right: usize, y: usize, cover: &[f32], ink: &Ink) {
        let row = y * self.width;
        let range = row + left..row + right;
        if self.owner != NOBODY && !self.who.is_empty() {
            self.own(range.clone(), cover);
        }
        if !self.colors {
            return;
        }
        match ink {
            Ink::Flat(color) => {
                for (plane, level) in self.planes.iter_mut().zip(color) {
                    for (value, cover) in plane[range.clone()].iter_mut().zip(cover) {
                        *value += (level - *value) * cover;
                    }
                }
            }
            Ink::Along { from: (start, first), to: (end, last) } => {
                let (dx, dy) = (end.0 - start.0, end.1 - start.1);
                let scale = 1.0 / (dx * dx + dy * dy).max(1e-9);
                let base = ((left as f32 + 0.5 - start.0) * dx + (y as f32 + 0.5 - start.1) * dy) * scale;
                let step = dx * scale;
                for ((plane, first), last) in self.planes.iter_mut().zip(first).zip(last) {
                    for (column, (value, cover)) in plane[range.clone()].iter_mut().zip(cover).enumerate() {
                        let share = (base + step * column as i32 as f32).clamp(0.0, 1.0);
                        *value += (first + (last - first) * share - *value) * cover;
                    }
                }
            }
            Ink::Around { center, radii, inner, outer } => {
                let dy = (y as f32 + 0.5 - center.1) / radii.1;
                let (base, step) = ((left as f32 + 0.5 - center.0) / radii.0, 1.0 / radii.0);
                for ((plane, inner), outer) in self.planes.iter_mut().zip(inner).zip(outer) {
                    for (column, (value, cover)) in plane[range.clone()].iter_mut().zip(cover).enumerate() {
                        let dx = base + step * column as i32 as f32;
                        let share = (dx * dx + dy * dy).min(1.0);
                        *value += (inner + (outer - inner) * share - *value) * cover;
                    }
                }
            }
        }
    }

    /// Marks pixels as the owner's: any that it touches where no thing was, others where it covers half of them.
    fn own(&mut self, range: std::ops::Range<usize>, cover: &[f32]) {
        /// A smaller share of a pixel does not change its eight bits.
        const TOUCHED: f32 = 1.0 / 256.0;
        let mut new = 0;
        for (own, cover) in self.who[range].iter_mut().zip(cover) {
            let free = matches!(*own, NOBODY | CLUTTER) && self.owner != CLUTTER;
            if *own != self.owner && (*cover >= 0.5 || free && *cover >= TOUCHED) {
                *own = self.owner;
                new += 1;
            }
        }
        self.painted[usize::from(self.owner)] += new;
    }

    /// Multiplies every pixel by what `light` says for its row and column as fractions of the canvas.
    pub fn relight(&mut self, light: impl Fn(f32, f32) -> Color) {
        let (per_x, per_y) = (1.0 / self.width as f32, 1.0 / self.height as f32);
        for y in 0..self.height {
            for x in 0..self.width {
                let factor = light((x as f32 + 0.5) * per_x, (y as f32 + 0.5) * per_y);
                for (plane, factor) in self.planes.iter_mut().zip(factor) {
                    plane[y * self.width + x] *= factor;
                }
            }
        }
    }

    /// The part of another, larger canvas that begins at a place between its pixels, in place of what was here.
    pub fn show_part_of(&mut self, other: &Canvas, left: f32, top: f32) {
        let place = |value: f32, most: usize| {
            let whole = (value.max(0.0) as usize).min(most.saturating_sub(1));
            (whole, (value - whole as f32).clamp(0.0, 1.0))
        };
        let (x, right_share) = place(left, (other.width + 1).saturating_sub(self.width));
        let (y, lower_share) = place(top, (other.height + 1).saturating_sub(self.height));
        for (plane, source) in self.planes.iter_mut().zip(&other.planes) {
            for (row, line) in plane.chunks_exact_mut(self.width).enumerate() {
                let at = |row: usize, column: usize| {
                    let start = row.min(other.height - 1) * other.width + column;
                    &source[start..]
                };
                let upper = at(y + row, x);
                if right_share == 0.0 && lower_share == 0.0 {
                    line.copy_from_slice(&upper[..line.len()]);
                    continue;
                }
                let next = usize::from(x + 1 + line.len() <= other.width);
                let lower = at(y + row + 1, x);
                let (upper_next, lower_next) = (at(y + row, x + next), at(y + row + 1, x + next));
                let corners = upper.iter().zip(upper_next).zip(lower.iter().zip(lower_next));
                for (value, ((a, b), (c, d))) in line.iter_mut().zip(corners) {
                    let (above, below) = (a + (b - a) * right_share, c + (d - c) * right_share);
                    *value = above + (below - above) * lower_share;
                }
            }
        }
    }

    /// The picture in eight bits; a fixed pattern keeps soft gradients free of bands.
    pub fn to_picture(&self) -> Picture {
        /// Bayer's 4×4 thresholds.
        const PATTERN: [[f32; 4]; 4] =
            [[0.5, 8.5, 2.5, 10.5], [12.5, 4.5, 14.5, 6.5], [3.5, 11.5, 1.5, 9.5], [15.5, 7.5, 13.5, 5.5]];
        /// Added to a number from 0 to 255, this leaves it, rounded, in the lowest bits.
        const TO_BYTE: f32 = 8_388_608.0;
        let mut rgb = vec![0; self.width * self.height * 3];
        let mut bytes = [0, 1, 2].map(|_| vec![0; self.width]);
        for (y, line) in rgb.chunks_exact_mut(self.width.max(1) * 3).enumerate() {
            // Rounding takes half a step off the threshold.
            let thresholds = PATTERN[y % 4].map(|level| level / 16.0 - 0.5);
            let row = y * self.width..(y + 1) * self.width;
            for (plane, bytes) in self.planes.iter().zip(&mut bytes) {
                let levels = plane[row.clone()].chunks(4).zip(bytes.chunks_mut(4));
                for (levels, bytes) in levels {
                    for ((level, threshold), byte) in levels.iter().zip(thresholds).zip(bytes) {
                        *byte = ((level * 255.0 + threshold).clamp(0.0, 255.0) + TO_BYTE).to_bits() as u8;
                    }
                }
            }
            let [red, green, blue] = &bytes;
            let pixels = line.as_chunks_mut::<3>().0.iter_mut().zip(red.iter().zip(green.iter().zip(blue)));
            for (pixel, (red, (green, blue))) in pixels {
                *pixel = [*red, *green, *blue];
            }
        }
        Picture { size: Size::new(self.width as u32, self.height as u32), rgb }
    }
}

fn is_place(spot: &Spot) -> bool {
    spot.0.is_finite() && spot.1.is_finite()
}

/// Leaves, in every row that an edge crosses, the area to its right, as changes along the row.
fn leave_areas(areas: &mut [f32], stride: usize, rows: usize, from: Spot, to: Spot) {
    if from.1 == to.1 {
        return;
    }
    let (sign, upper, lower) = if from.1 < to.1 { (1.0, from, to) } else { (-1.0, to, from) };
    if lower.1 <= 0.0 || upper.1 >= rows as f32 {
        return;
    }
    let slope = (lower.0 - upper.0) / (lower.1 - upper.1);
    let mut x = upper.0 - if upper.1 < 0.0 { upper.1 * slope } else { 0.0 };
    let most = (stride - 2) as f32;
    let last_row = (lower.1.min(rows as f32) as usize + 1).min(rows);
    for row in upper.1.max(0.0) as usize..last_row {
        let height = (row as f32 + 1.0).min(lower.1) - (row as f32).max(upper.1);
        if height <= 0.0 {
            break;
        }
        let x_next = x + slope * height;
        let (a, b) = (x.clamp(0.0, most), x_next.clamp(0.0, most));
        let (x0, x1) = if a < b { (a, b) } else { (b, a) };
        let area = sign * height;
        let first = x0 as usize;
        let line = &mut areas[row * stride..(row + 1) * stride];
        // One past the last column that is crossed.
        let past = x1 as usize + usize::from(x1 > x1 as usize as f32);
        if past <= first + 1 {
            let middle = 0.5 * (x0 + x1) - first as f32;
            line[first] += area - area * middle;
            line[first + 1] += area * middle;
        } else {
            let steep = 1.0 / (x1 - x0);
            let into = x0 - first as f32;
            let first_area = 0.5 * steep * (1.0 - into) * (1.0 - into);
            let out = x1 - past as f32 + 1.0;
            let last_area = 0.5 * steep * out * out;
            line[first] += area * first_area;
            if past == first + 2 {
                line[first + 1] += area * (1.0 - first_area - last_area);
            } else {
                let second = steep * (1.5 - into);
                line[first + 1] += area * (second - first_area);
                for change in &mut line[first + 2..past - 1] {
                    *change += area * steep;
                }
                let before_last = second + (past - first - 3) as f32 * steep;
                line[past - 1] += area * (1.0 - before_last - last_area);
            }
            line[past] += area * last_area;
        }
        x = x_next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLACK: Ink = Ink::Flat([0.0; 3]);

    fn white(width: usize, height: usize) -> Canvas {
        let mut canvas = Canvas::new(width, height);
        canvas.planes.iter_mut().for_each(|plane| plane.fill(1.0));
        canvas
    }

    #[test]
    fn pixels_darken_by_the_area_that_is_covered() {
        let mut canvas = white(8, 6);
        let rectangle = [(1.25, 1.5), (4.5, 1.5), (4.5, 3.0), (1.25, 3.0)];
        canvas.fill(&rectangle, &[4], &BLACK, 1.0);
        let level = |x: usize, y: usize| canvas.planes[0][y * 8 + x];
        for (x, y, covered) in
            [(0, 2, 0.0), (1, 2, 0.75), (2, 2, 1.0), (4, 2, 0.5), (5, 2, 0.0), (2, 1, 0.5), (2, 3, 0.0)]
        {
            assert!((1.0 - level(x, y) - covered).abs() < 1e-5, "pixel {x}, {y} is {}", level(x, y));
        }
        let area: f32 = canvas.planes[0].iter().map(|level| 1.0 - level).sum();
        assert!((area - 3.25 * 1.5).abs() < 1e-4);
    }

    #[test]
    fn the_area_of_a_triangle_is_exact_even_where_it_leaves_the_canvas() {
        let mut canvas = white(16, 16);
        canvas.fill(&[(2.3, 1.1), (14.9, 7.7), (3.1, 13.4)], &[3], &BLACK, 1.0);
        let area: f32 = canvas.planes[0].iter().map(|level| 1.0 - level).sum();
        let exact = 0.5f32 * ((14.9 - 2.3) * (13.4 - 1.1) - (3.1 - 2.3) * (7.7 - 1.1));
        assert!((area - exact).abs() < 1e-3, "{area} {exact}");
        let mut canvas = white(16, 16);
        canvas.fill(&[(-10.0, 4.0), (30.0, 4.0), (30.0, 8.0), (-10.0, 8.0)], &[4], &BLACK, 0.5);
        let area: f32 = canvas.planes[0].iter().map(|level| 1.0 - level).sum();
        assert!((area - 32.0).abs() < 1e-3, "{area}");
    }

    #[test]
    fn who_is_seen_is_who_was_painted_last() {
        let mut canvas = white(20, 10);
        canvas.keep_who();
        canvas.set_owner(1);
        canvas.fill(&[(2.0, 2.0), (10.0, 2.0), (10.0, 6.0), (2.0, 6.0)], &[4], &BLACK, 1.0);
        canvas.set_owner(2);
        canvas.fill(&[(6.0, 0.0), (14.0, 0.0), (14.0, 8.0), (6.0, 8.0)], &[4], &BLACK, 1.0);
        assert_eq!(canvas.seen(1), (Some(Rect::new(2.0, 2.0, 6.0, 6.0)), 16, 32));
        assert_eq!(canvas.seen(2), (Some(Rect::new(6.0, 0.0, 14.0, 8.0)), 64, 64));
        assert_eq!(canvas.seen(3), (None, 0, 0));
    }

    #[test]
    fn a_part_is_shown_between_pixels() {
        let mut large = Canvas::new(8, 4);
        large.planes[0] = (0..32).map(|at| (at % 8) as f32).collect();
        let mut part = Canvas::new(4, 2);
        part.show_part_of(&large, 1.5, 1.0);
        assert_eq!(part.planes[0], [1.5, 2.5, 3.5, 4.5, 1.5, 2.5, 3.5, 4.5]);
        part.show_part_of(&large, 2.0, 0.0);
        assert_eq!(part.planes[0][..4], [2.0, 3.0, 4.0, 5.0]);
    }

    #[test]
    fn numbers_that_are_none_paint_nothing() {
        let mut canvas = white(4, 4);
        canvas.fill(&[(f32::NAN, f32::NAN), (1.0, f32::NAN), (2.0, 2.0)], &[3], &BLACK, 1.0);
        canvas.fill(&[], &[], &BLACK, 1.0);
        canvas.fade_ellipse((2.0, 2.0), (0.0, f32::NAN), [0.0; 3], 1.0);
        assert!(canvas.planes[0].iter().all(|level| level.is_finite()));
    }
}
