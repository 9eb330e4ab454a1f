//! Which parts of a map may have the edge of the positive area in them, and which certainly lie on one side of it.
//!
//! The edge is the dear part of an overlay and runs through little of it. A graphics card does not mind drawing it
//! everywhere; a renderer on the processor does.

use bytemuck::{Pod, Zeroable};

use super::uniforms::{OverlayUniform, RuleUniform, order_key};
use crate::heatmap::Grid;

/// Tiles along the longer side of a map, at most.
const TILES: usize = 32;
/// How many tiles further than its own margin a tile is asked for what lies around it, at most.
const FURTHEST_RING: f32 = 2.0;

/// Lowest and highest cell of each tile of a map and of some cells around it.
pub(super) struct MapTiles {
    /// Columns and rows of the map.
    cells: [usize; 2],
    /// Cells along a tile's side.
    edge: usize,
    /// Cells around a tile that are counted in.
    margin: usize,
    /// Tiles in a row.
    columns: usize,
    /// Row by row.
    bounds: Vec<Bounds>,
}

#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// Of the cells that the model sees.
    lowest: f32,
    highest: f32,
    /// There are cells that it does not see.
    unseen: bool,
}

impl Bounds {
    /// What is there, as bits of [`POSITIVE`], [`NEGATIVE`] and [`UNSEEN`].
    fn found(self, rule: RuleUniform) -> u8 {
        let positive = |value: f32| order_key(value) >= rule.lowest_positive_key;
        let seen = self.lowest <= self.highest;
        let bit = |there: bool, bit: u8| if there { bit } else { 0 };
        bit(seen && positive(self.highest), POSITIVE)
            | bit(seen && !positive(self.lowest), NEGATIVE)
            | bit(self.unseen, UNSEEN)
    }
}

/// There are cells that are positive, that are not, and that the model does not see.
const POSITIVE: u8 = 1;
const NEGATIVE: u8 = 2;
const UNSEEN: u8 = 4;

/// On which side of the positive area's edge the cells of a tile and around it are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Inside,
    Outside,
    Both,
    /// Some the model does not see; whether some of the others are positive.
    Unseen {
        positive: bool,
    },
}

impl Side {
    fn of(found: u8) -> Self {
        let positive = found & POSITIVE > 0;
        match found & (NEGATIVE | UNSEEN) {
            0 => Self::Inside,
            NEGATIVE if positive => Self::Both,
            NEGATIVE => Self::Outside,
            _ => Self::Unseen { positive },
        }
    }
}

/// The sides of all tiles of a map under a rule.
pub(super) struct Sides<'a> {
    tiles: &'a MapTiles,
    /// What there is in and around each tile, row by row; nothing where that cannot be told.
    found: Option<Vec<u8>>,
}

/// A rectangle of the frame, as the vertex shader of the overlays takes it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub(super) struct Part {
    /// Left, top, right, bottom as fractions of the frame.
    pub rect: [f32; 4],
    /// What its opacity is multiplied by.
    pub strength: f32,
}

impl MapTiles {
    pub(super) fn of(map: &Grid) -> Self {
        let cells = [map.columns(), map.rows()];
        let edge = cells[0].max(cells[1]).div_ceil(TILES).max(1);
        let margin = edge.div_ceil(2).max(2);
        let around =
            |tile: usize, cells: usize| (tile * edge).saturating_sub(margin)..((tile + 1) * edge + margin).min(cells);
        let [columns, rows] = cells.map(|cells| cells.div_ceil(edge));
        let mut bounds = Vec::with_capacity(columns * rows);
        // Column by column, one list for each of the three: so that it is done for several columns at once.
        let mut lowest = vec![0.0; cells[0]];
        let mut highest = vec![0.0; cells[0]];
        let mut unseen = vec![0; cells[0]];
        for row in 0..rows {
            lowest.fill(f32::INFINITY);
            highest.fill(f32::NEG_INFINITY);
            unseen.fill(0);
            let reach = around(row, cells[1]);
            for values in map.values().chunks_exact(cells[0].max(1)).take(reach.end).skip(reach.start) {
                for (((lowest, highest), unseen), &value) in
                    lowest.iter_mut().zip(&mut highest).zip(&mut unseen).zip(values)
                {
                    // What the model does not see compares with nothing.
                    *lowest = if value < *lowest { value } else { *lowest };
                    *highest = if value > *highest { value } else { *highest };
                    *unseen |= u32::from(value.is_nan());
                }
            }
            bounds.extend((0..columns).map(|column| {
                let reach = around(column, cells[0]);
                Bounds {
                    lowest: lowest[reach.clone()].iter().copied().fold(f32::INFINITY, f32::min),
                    highest: highest[reach.clone()].iter().copied().fold(f32::NEG_INFINITY, f32::max),
                    unseen: unseen[reach].iter().any(|&unseen| unseen > 0),
                }
            }));
        }
        Self { cells, edge, margin, columns, bounds }
    }

    /// [`MapTiles::sides`] where an overlay lies.
    pub(super) fn sides_of(&self, overlay: &OverlayUniform, reach_px: f32) -> Sides<'_> {
        let [left, top, right, bottom] = overlay.placement.frame_rect;
        let cell_px = [(right - left) / self.cells[0] as f32, (bottom - top) / self.cells[1] as f32];
        self.sides(overlay.rule, reach_px, cell_px)
    }

    /// On which side of the edge of the positive area each tile is, with all cells around it that matter for its pixels.
    /// `reach_px`: how far from the edge pixels are still drawn otherwise than further away, `cell_px` the sides of a
    /// cell: of a map too small on the screen for such differences nothing is told.
    fn sides(&self, rule: RuleUniform, reach_px: f32, cell_px: [f32; 2]) -> Sides<'_> {
        // The edge runs between the centres of two cells; one of them may be a cell away.
        let reach_cells = 1.0 + (reach_px / cell_px[0].min(cell_px[1])).ceil();
        let ring = ((reach_cells - self.margin as f32) / self.edge as f32).ceil();
        let found = (ring <= FURTHEST_RING).then(|| {
            let mut found: Vec<u8> = self.bounds.iter().map(|bounds| bounds.found(rule)).collect();
            for _ in 0..ring.max(0.0) as usize {
                found = self.with_neighbours(&found);
            }
            found
        });
        Sides { tiles: self, found }
    }

    /// What there is in each tile or one of the eight around it.
    fn with_neighbours(&self, found: &[u8]) -> Vec<u8> {
        let columns = self.columns.max(1);
        let mut wide = Vec::with_capacity(found.len());
        for row in found.chunks_exact(columns) {
            let at = |column: usize| row.get(column).copied().unwrap_or_default();
            wide.extend((0..columns).map(|column| at(column.wrapping_sub(1)) | at(column) | at(column + 1)));
        }
        let at = |tile: usize| wide.get(tile).copied().unwrap_or_default();
        (0..wide.len()).map(|tile| at(tile.wrapping_sub(columns)) | at(tile) | at(tile + columns)).collect()
    }
}

impl Sides<'_> {
    /// Runs of tiles side by side that `strength` gives the same opacity; none where it gives none. The whole map is one
    /// part, of a side that may hold anything, where nothing is told.
    pub(super) fn parts(&self, strength: impl Fn(Side) -> Option<f32>) -> Vec<Part> {
        let Some(found) = &self.found else {
            let anything = strength(Side::Unseen { positive: true });
            return anything.map(|strength| Part { rect: [0.0, 0.0, 1.0, 1.0], strength }).into_iter().collect();
        };
        let MapTiles { cells, edge, columns, .. } = *self.tiles;
        let place = |tile: usize, axis: usize| (tile * edge).min(cells[axis]) as f32 / cells[axis] as f32;
        let mut parts: Vec<Part> = Vec::new();
        for (row, found) in found.chunks_exact(columns.max(1)).enumerate() {
            let mut before = None;
            for (column, &found) in found.iter().enumerate() {
                let own = strength(Side::of(found));
                if let Some(strength) = own {
                    let right = place(column + 1, 0);
                    match parts.last_mut() {
                        Some(run) if before == own => run.rect[2] = right,
                        _ => parts
                            .push(Part { rect: [place(column, 0), place(row, 1), right, place(row + 1, 1)], strength }),
                    }
                }
                before = own;
            }
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::super::overlay::Threshold;
    use super::*;
    use proptest::prelude::*;

    fn side_of_cells(map: &Grid, rule: RuleUniform, columns: [usize; 2], rows: [usize; 2]) -> Side {
        let values: Vec<f32> = (rows[0]..rows[1])
            .flat_map(|row| (columns[0]..columns[1]).map(move |column| (row, column)))
            .map(|(row, column)| map.values()[row * map.columns() + column])
            .collect();
        let positive = |value: &f32| !value.is_nan() && order_key(*value) >= rule.lowest_positive_key;
        let unseen = values.iter().any(|value| value.is_nan());
        match (unseen, values.iter().any(positive), values.iter().all(positive)) {
            (true, positive, _) => Side::Unseen { positive },
            (_, _, true) => Side::Inside,
            (_, true, _) => Side::Both,
            _ => Side::Outside,
        }
    }

    proptest! {
        #[test]
        fn parts_tell_the_side_of_all_cells_in_reach_and_cover_the_frame_once(
            columns in 1usize..90, rows in 1usize..90, bend in 0.01f32..0.4, threshold in -0.2f32..1.2, hole in 0usize..9000,
            reach_cells in 1usize..5,
        ) {
            let map = Grid::from_fn(rows, columns, |row, column| {
                if row * columns + column == hole { f32::NAN } else { ((row as f32) * bend).sin() * (column as f32 * bend).cos() }
            });
            let (columns, rows) = (map.columns(), map.rows());
            let rule = RuleUniform::new(Some(Threshold { value: threshold, strict: false }));
            let tiles = MapTiles::of(&map);
            let mut covered = vec![0; columns * rows];
            for (number, wanted) in [
                Side::Inside, Side::Outside, Side::Both, Side::Unseen { positive: false }, Side::Unseen { positive: true },
            ].into_iter().enumerate() {
                let parts = tiles.sides(rule, reach_cells as f32 - 1.0, [1.0; 2]).parts(|side| (side == wanted).then_some(number as f32));
                for part in parts {
                    prop_assert_eq!(part.strength, number as f32);
                    let cell = |fraction: f32, cells: usize| (fraction * cells as f32).round() as usize;
                    let [left, right] = [part.rect[0], part.rect[2]].map(|place| cell(place, columns));
                    let [top, bottom] = [part.rect[1], part.rect[3]].map(|place| cell(place, rows));
                    for row in top..bottom {
                        for column in left..right {
                            covered[row * columns + column] += 1;
                            let around = |at: usize, cells: usize| [at.saturating_sub(reach_cells), (at + reach_cells + 1).min(cells)];
                            let near = side_of_cells(&map, rule, around(column, columns), around(row, rows));
                            // A tile that is on one side has only cells of that side in reach.
                            if matches!(wanted, Side::Inside | Side::Outside) {
                                prop_assert_eq!(near, wanted);
                            }
                        }
                    }
                }
            }
            prop_assert!(covered.iter().all(|&times| times == 1));
        }
    }

    #[test]
    fn what_is_too_small_to_tell_is_one_part() {
        let tiles = MapTiles::of(&Grid::from_fn(224, 224, |row, _| row as f32));
        let rule = RuleUniform::new(Some(Threshold { value: 100.0, strict: true }));
        let edges =
            |cell_px: f32| tiles.sides(rule, 2.0, [cell_px; 2]).parts(|side| (side != Side::Outside).then_some(1.0));
        assert_eq!(edges(0.1), [Part { rect: [0.0, 0.0, 1.0, 1.0], strength: 1.0 }]);
        assert_eq!(edges(f32::NAN).len(), 1);
        assert!(edges(3.0).iter().all(|part| part.rect[1] > 0.4 && part.rect[0] == 0.0 && part.rect[2] == 1.0));
    }
}
