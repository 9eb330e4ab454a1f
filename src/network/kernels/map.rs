//! Feature maps as the kernels want them: channels last, with a border of zeros.

use super::buffer::Scratch;
use super::panel::Strides;

/// Zeros that surround every map, so that a convolution with up to this padding reads no edge differently.
pub const BORDER: usize = 1;

/// N maps of height×width×channels. Rows and columns outside are zero: `border` before, at least as many after, and
/// enough to fill up whole 4×4 tiles.
pub struct FeatureMap {
    pub values: Scratch,
    pub images: usize,
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    pub border: usize,
}

impl FeatureMap {
    /// A map whose border is zero and whose inside is still to be written.
    pub fn bordered(images: usize, height: usize, width: usize, channels: usize, border: usize) -> Self {
        let mut map = Self { values: Scratch::take(0), images, height, width, channels, border };
        map.values = Scratch::take(images * map.strides().image);
        map.clear_border();
        map
    }

    pub fn padded_height(&self) -> usize {
        self.height.next_multiple_of(4) + 2 * self.border
    }

    pub fn padded_width(&self) -> usize {
        self.width.next_multiple_of(4) + 2 * self.border
    }

    /// Where the inside's positions lie.
    pub fn strides(&self) -> Strides {
        let y = self.padded_width() * self.channels;
        Strides { base: self.border * (y + self.channels), image: self.padded_height() * y, y, x: self.channels }
    }

    /// The pixels of one row, channels side by side.
    pub fn row(&self, image: usize, y: usize) -> &[f32] {
        let strides = self.strides();
        let at = strides.base + image * strides.image + y * strides.y;
        &self.values[at..at + self.width * self.channels]
    }

    /// The same to write.
    pub fn row_mut(&mut self, image: usize, y: usize) -> &mut [f32] {
        let strides = self.strides();
        let at = strides.base + image * strides.image + y * strides.y;
        let length = self.width * self.channels;
        &mut self.values[at..at + length]
    }

    fn clear_border(&mut self) {
        let strides = self.strides();
        let left = self.border * self.channels;
        let right = left + self.width * self.channels;
        let (top, bottom) = (self.border, self.border + self.height);
        for image in self.values.chunks_exact_mut(strides.image.max(1)) {
            for (y, row) in image.chunks_exact_mut(strides.y).enumerate() {
                if y < top || y >= bottom {
                    row.fill(0.0);
                } else {
                    row[..left].fill(0.0);
                    row[right..].fill(0.0);
                }
            }
        }
    }

    /// From N×C×H×W.
    pub fn from_planes(planes: &[f32], shape: [usize; 4], border: usize) -> Self {
        let [images, channels, height, width] = shape;
        let mut map = Self::bordered(images, height, width, channels, border);
        let strides = map.strides();
        for image in 0..images {
            for y in 0..height {
                let at = strides.base + image * strides.image + y * strides.y;
                let row = &mut map.values[at..at + width * channels];
                for channel in 0..channels {
                    let from = ((image * channels + channel) * height + y) * width;
                    let pixels = row[channel..].iter_mut().step_by(channels);
                    pixels.zip(&planes[from..from + width]).for_each(|(to, &value)| *to = value);
                }
            }
        }
        map
    }

    /// To N×C×H×W.
    pub fn to_planes(&self) -> Vec<f32> {
        let strides = self.strides();
        let pixels = self.height * self.width;
        let mut planes = vec![0f32; self.images * self.channels * pixels];
        for (image, planes) in planes.chunks_exact_mut((self.channels * pixels).max(1)).enumerate() {
            // A few channels at a time, so that both sides stay in the cache.
            for first in (0..self.channels).step_by(16) {
                let last = self.channels.min(first + 16);
                for y in 0..self.height {
                    for x in 0..self.width {
                        let at = strides.base + image * strides.image + y * strides.y + x * strides.x;
                        for channel in first..last {
                            planes[channel * pixels + y * self.width + x] = self.values[at + channel];
                        }
                    }
                }
            }
        }
        planes
    }

    /// The same map with another border.
    pub fn with_border(&self, border: usize) -> Self {
        let mut map = Self::bordered(self.images, self.height, self.width, self.channels, border);
        let (from, to) = (self.strides(), map.strides());
        for image in 0..self.images {
            for y in 0..self.height {
                let source = from.base + image * from.image + y * from.y;
                let target = to.base + image * to.image + y * to.y;
                let len = self.width * self.channels;
                map.values[target..target + len].copy_from_slice(&self.values[source..source + len]);
            }
        }
        map
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_survive_the_way_there_and_back() {
        let shape = [2, 19, 5, 7];
        let planes: Vec<f32> = (0..shape.iter().product::<usize>()).map(|i| i as f32).collect();
        // Leave something in the recycled memory that a border must not show.
        drop(FeatureMap::from_planes(&vec![9.0; planes.len() * 4], [4, 19, 10, 7], 0));
        let map = FeatureMap::from_planes(&planes, shape, 3);
        assert_eq!(map.to_planes(), planes);
        assert_eq!(map.with_border(1).to_planes(), planes);
        let total: f64 = map.values.iter().map(|&v| f64::from(v)).sum();
        assert_eq!(total, planes.iter().map(|&v| f64::from(v)).sum::<f64>());
    }
}
