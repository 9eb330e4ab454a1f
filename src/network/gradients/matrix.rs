//! Matrices of rows: a feature map's positions one a row, and the products that heads and losses are made of.

use super::FeatureMap;
pub use crate::network::kernels::products::{Factor, Read, multiply_into};

/// The positions of a map as rows of channels: images × height × width rows, without the border.
pub fn rows_from_map(map: &FeatureMap) -> Vec<f32> {
    let mut rows = Vec::with_capacity(map.images * map.height * map.width * map.channels);
    for image in 0..map.images {
        for y in 0..map.height {
            rows.extend_from_slice(map.row(image, y));
        }
    }
    rows
}

/// The other way round; `None` unless there are as many values as the measures say.
pub fn map_from_rows(rows: &[f32], images: usize, height: usize, width: usize, channels: usize) -> Option<FeatureMap> {
    if rows.len() != images * height * width * channels {
        return None;
    }
    let mut map = FeatureMap::bordered(images, height, width, channels, 1);
    for (index, row) in rows.chunks_exact((width * channels).max(1)).enumerate() {
        map.row_mut(index / height, index % height).copy_from_slice(row);
    }
    Some(map)
}
