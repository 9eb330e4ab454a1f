//! The naive baselines of the papers: maps that neither look nor listen.
//!
//! Both mark 24,964 of the 224×224 pixels, 49.75 %. The protocols that keep the upper half of a map by rank would
//! otherwise add the missing 124 pixels from anywhere (or, for a two-valued map and a `≥` rule, keep everything);
//! so 124 pixels along the boxes hold a value just above 0. Thus `> median` and any fixed threshold keep exactly the
//! boxes, and `≥ median` keeps the boxes and those 124.

use super::registry::System;
use super::{
    BenchmarkWindow, FrameInput, Hearing, ImageFeatures, Localizer, LocalizerInfo, Parts, Query, QueryEmbedding,
    Result, ViewRule, WindowPlan,
};
use crate::heatmap::{Grid, Heatmap};
use crate::signal::Resampler;

/// Side of the protocols' grid.
const SIDE: usize = 224;
/// The value of the pixels that only fill up the upper half.
const FILLER: f32 = 1e-6;

/// Half-open extent of a box along one axis of the 224×224 grid.
type Extent = (usize, usize);

/// Centre box: side `trunc(224 · √0.5)` = 158.
const CENTER_BOX: [(Extent, Extent); 1] = [((33, 191), (33, 191))];
/// One box of an eighth of the image (79 pixels a side) in the middle of each quadrant, mirrored at both axes.
const QUADRANT_BOXES: [(Extent, Extent); 4] =
    [((16, 95), (16, 95)), ((16, 95), (129, 208)), ((129, 208), (16, 95)), ((129, 208), (129, 208))];

/// A baseline whose map is the same for every frame and every query.
pub struct Baseline {
    info: LocalizerInfo,
    map: Grid,
}

impl Baseline {
    pub fn center_box(system: &'static System) -> Self {
        let mut map = boxes_map(&CENTER_BOX);
        // 31 filler pixels in the middle of each side's outer edge.
        fill(&mut map, (32, 33), (96, 127));
        fill(&mut map, (191, 192), (97, 128));
        fill(&mut map, (96, 127), (32, 33));
        fill(&mut map, (97, 128), (191, 192));
        Self { info: info(system), map }
    }

    pub fn quadrants(system: &'static System) -> Self {
        let mut map = boxes_map(&QUADRANT_BOXES);
        // 31 filler pixels below each upper box and above each lower one.
        for columns in [(40, 71), (153, 184)] {
            fill(&mut map, (95, 96), columns);
            fill(&mut map, (128, 129), columns);
        }
        Self { info: info(system), map }
    }
}

fn info(system: &'static System) -> LocalizerInfo {
    LocalizerInfo {
        system,
        hearing: Some(Hearing { rate: 16_000, resampler: Resampler::KaiserFast }),
        window: WindowPlan { length_secs: 0.0, benchmark: BenchmarkWindow::First },
        view: ViewRule::Whole,
        reads_text: true,
        takes_sound_vector: true,
        needs_next_frame: false,
        query_matters: false,
        remark: None,
    }
}

fn boxes_map(boxes: &[(Extent, Extent)]) -> Grid {
    Grid::from_fn(SIDE, SIDE, |row, column| {
        let inside = |&(rows, columns): &(Extent, Extent)| contains(rows, row) && contains(columns, column);
        if boxes.iter().any(inside) { 1.0 } else { 0.0 }
    })
}

fn fill(map: &mut Grid, rows: Extent, columns: Extent) {
    for row in rows.0..rows.1 {
        map.values_mut()[row * SIDE..(row + 1) * SIDE][columns.0..columns.1].fill(FILLER);
    }
}

fn contains(extent: Extent, position: usize) -> bool {
    (extent.0..extent.1).contains(&position)
}

impl Localizer for Baseline {
    fn info(&self) -> &LocalizerInfo {
        &self.info
    }

    fn encode_image(&self, frame: &FrameInput) -> Result<ImageFeatures> {
        Ok(ImageFeatures { frame: frame.picture.size, parts: Parts::new(self.info.id(), Vec::new()) })
    }

    fn encode_query(&self, _: &Query) -> Result<QueryEmbedding> {
        Ok(QueryEmbedding { parts: Parts::new(self.info.id(), Vec::new()) })
    }

    fn join(&self, features: &ImageFeatures, _: &QueryEmbedding) -> Result<Heatmap> {
        let mut heatmap = Heatmap::over_whole_frame(self.map.clone(), features.frame);
        heatmap.nominal_range = Some([0.0, 1.0]);
        Ok(heatmap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Size;
    use crate::localizers::registry;
    use crate::media::Picture;

    fn map_of(id: &str) -> Grid {
        let localizer = registry::open(id, &[]).unwrap();
        let picture = Picture { size: Size::new(4, 3), rgb: vec![0; 36] };
        let features =
            localizer.encode_image(&FrameInput { picture: &picture, next: None, index: 0, clip: "" }).unwrap();
        let embedding = localizer.encode_query(&Query::Text("anything")).unwrap();
        localizer.join(&features, &embedding).unwrap().values
    }

    #[test]
    fn every_median_rule_and_any_fixed_threshold_keep_the_boxes() {
        for id in ["centre-box", "quadrants"] {
            let map = map_of(id);
            let mut sorted = map.values().to_vec();
            sorted.sort_by(f32::total_cmp);
            let median = sorted[sorted.len() / 2];
            let count = |keep: &dyn Fn(f32) -> bool| map.values().iter().filter(|&&value| keep(value)).count();
            assert_eq!(count(&|value| value > median), 158 * 158, "{id}");
            assert_eq!(count(&|value| value >= median), 224 * 224 / 2, "{id}");
            assert_eq!(count(&|value| value >= 0.5), 158 * 158, "{id}");
        }
    }

    #[test]
    fn the_maps_are_where_the_papers_put_them() {
        let center = map_of("centre-box");
        assert_eq!((center.get(33, 33), center.get(190, 190)), (Some(1.0), Some(1.0)));
        assert_eq!((center.get(32, 33), center.get(191, 190)), (Some(0.0), Some(0.0)));
        let quadrants = map_of("quadrants");
        assert_eq!((quadrants.get(56, 56), quadrants.get(168, 168)), (Some(1.0), Some(1.0)));
        assert_eq!((quadrants.get(112, 112), quadrants.get(56, 112)), (Some(0.0), Some(0.0)));
    }
}
