use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Colormap;
use crate::heatmap::Grid;

/// The rule that a protocol made for one map: which cells are positive. The comparison is that of f32 numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    pub value: f32,
    /// True: positive means greater than `value`; false: greater or equal.
    pub strict: bool,
}

impl Threshold {
    /// Whether a cell is positive; a cell that is not seen (NaN) never is.
    pub fn is_positive(&self, cell: f32) -> bool {
        if self.strict { cell > self.value } else { cell >= self.value }
    }
}

/// One map to draw over the frame.
#[derive(Clone, Debug)]
pub struct Overlay {
    /// The score map: a grid over the whole frame. NaN is a cell that the model does not see.
    pub map: Arc<Grid>,
    /// `None`: nothing is positive, and there is no contour.
    pub threshold: Option<Threshold>,
    /// The values at the two ends of the colours.
    pub range: [f32; 2],
    /// The model's own colour, sRGB.
    pub colour: [u8; 3],
    pub style: OverlayStyle,
}

/// How a map is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OverlayStyle {
    pub fill: Fill,
    /// Opacity of the fill, 0..1.
    pub opacity: f32,
    pub ramp: AlphaRamp,
    /// Opacity outside of the positive cells relative to inside, 0..1. 1 leaves the fill as it is.
    pub outside: f32,
    pub interpolation: Interpolation,
    pub edge: Edge,
    /// Width of the contour in points; 0 for none.
    pub contour_width: f32,
    /// Hatch the cells that the model does not see.
    pub hatch_unseen: bool,
}

/// What the area is painted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fill {
    /// Nothing: the contour alone.
    None,
    /// A colour map over the value range.
    Colormap(Colormap),
    /// The model's own colour.
    Tint,
}

/// How opacity follows the value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlphaRamp {
    /// The same everywhere, as the papers' figures have it.
    Constant,
    /// From `floor` (relative to the opacity) at the low end to the full opacity at the high end, along a power.
    Follow { floor: f32, power: f32 },
}

/// Between the cells of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interpolation {
    /// Bilinear between the centres of cells.
    Smooth,
    /// Each cell a rectangle of one colour.
    Cells,
}

/// Where the edge of the positive area runs. Either way every cell's centre is on the side that the protocol counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Edge {
    /// Smoothly between the centres of cells, where the values cross the threshold.
    Smooth,
    /// Along the sides of cells: the counted area itself.
    Cells,
}

impl OverlayStyle {
    /// For one map alone over the frame: a colour map that fades out with the value.
    pub fn alone() -> Self {
        Self {
            fill: Fill::Colormap(Colormap::default()),
            opacity: 0.85,
            ramp: AlphaRamp::Follow { floor: 0.0, power: 1.0 },
            outside: 0.8,
            interpolation: Interpolation::Smooth,
            edge: Edge::Smooth,
            contour_width: 1.5,
            hatch_unseen: true,
        }
    }

    /// For several maps over one frame: each model's colour, light enough to see through, and its contour.
    pub fn among_several() -> Self {
        Self {
            fill: Fill::Tint,
            opacity: 0.62,
            ramp: AlphaRamp::Follow { floor: 0.0, power: 1.5 },
            outside: 0.3,
            hatch_unseen: false,
            ..Self::alone()
        }
    }

    /// The counted area alone, flat, in the model's colour.
    pub fn mask() -> Self {
        Self {
            fill: Fill::Tint,
            opacity: 0.55,
            ramp: AlphaRamp::Constant,
            outside: 0.0,
            edge: Edge::Cells,
            interpolation: Interpolation::Cells,
            ..Self::alone()
        }
    }

    /// As most papers draw their figures: jet at one opacity over the whole frame, no contour.
    pub fn look_alike() -> Self {
        Self {
            fill: Fill::Colormap(Colormap::Jet),
            opacity: 0.5,
            ramp: AlphaRamp::Constant,
            outside: 1.0,
            contour_width: 0.0,
            ..Self::alone()
        }
    }
}

impl Default for OverlayStyle {
    fn default() -> Self {
        Self::alone()
    }
}
