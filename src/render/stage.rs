//! One picture with what is drawn over it: plain data, and the draws that it comes to.

use std::sync::Arc;

use super::overlay::{AlphaRamp, Edge, Fill, Interpolation, Overlay};
use super::palette;
use super::picture::{picture_kind, picture_uniform};
use super::pipelines::PipelineKind;
use super::processor::{self, Composer, PixelRect, Scene};
use super::renderer::{DrawList, Target};
use super::store::{Bound, Gpu, TextureStore};
use super::tiles::{MapTiles, Part, Side};
use super::uniforms::{
    AgreementUniform, DifferenceUniform, OverlayUniform, PlacementUniform, RuleUniform, colour_with_alpha, range_scale,
};
use crate::heatmap::Grid;
use crate::media::Frame;

/// A picture, maps over it, and where on the screen: everything that one stage or one tile of a grid shows.
#[derive(Clone, Debug)]
pub struct StageDraw {
    /// `None`: the maps alone, over whatever lies under them.
    pub picture: Option<Arc<Frame>>,
    /// Drawn in this order, the last on top.
    pub overlays: Vec<Overlay>,
    pub view: View,
    /// Where the whole frame lies, in points. Zoomed in, it reaches outside of `clip` on any side and by any amount.
    pub frame_rect: egui::Rect,
    /// Nothing is drawn outside of this, in points.
    pub clip: egui::Rect,
    /// Show each sample of the picture as a crisp rectangle instead of smoothing between them.
    pub crisp_pixels: bool,
}

/// How the maps of a stage are put together.
#[derive(Clone, Debug, Default)]
pub enum View {
    /// All maps over one another; fills below, contours above.
    #[default]
    Overlay,
    /// The first map left of `divider`, the second right of it; `divider` as a fraction of the frame's width.
    Wipe { divider: f32 },
    /// The first map minus the second, each normalized by its own value range, in the colours of the two.
    Difference,
    /// True positive, false positive and false negative cells of the first map against ground truth (cells above 0).
    Agreement { truth: Arc<Grid> },
}

impl StageDraw {
    /// Uploads what is new and lists the draws, the lowest first. With a composer the processor makes what it can, and the
    /// pixels that it has made are told where nothing can be seen through them.
    pub(super) fn collect(
        &self,
        gpu: Gpu<'_>,
        store: &mut TextureStore,
        composer: Option<&mut Composer>,
        target: Target,
        list: &mut DrawList,
    ) -> Option<PixelRect> {
        let placement = target.placement(self.frame_rect, self.clip);
        let passes = match &self.view {
            View::Overlay => {
                let placed: Vec<_> = self.overlays.iter().map(|overlay| (overlay, placement)).collect();
                overlay_passes(gpu, store, &placed)
            }
            View::Wipe { divider } => {
                let edge = self.frame_rect.left() + divider.clamp(0.0, 1.0) * self.frame_rect.width();
                let edge_px = (edge * target.pixels_per_point).round();
                let (mut left, mut right) = (placement, placement);
                left.clip_rect[2] = left.clip_rect[2].min(edge_px);
                right.clip_rect[0] = right.clip_rect[0].max(edge_px);
                let placed: Vec<_> = self.overlays.iter().zip([left, right]).collect();
                overlay_passes(gpu, store, &placed)
            }
            View::Difference | View::Agreement { .. } => Vec::new(),
        };
        let covered = match composer {
            Some(composer) => self.push_pixels(gpu, store, composer, placement, &passes, list),
            None => {
                self.push_picture(gpu, store, placement, list);
                passes.into_iter().for_each(|pass| pass.push(gpu, store, list));
                None
            }
        };
        match &self.view {
            View::Overlay | View::Wipe { .. } => {}
            View::Difference => {
                if let [first, second, ..] = self.overlays.as_slice() {
                    push_difference(gpu, store, [first, second], placement, list);
                }
            }
            View::Agreement { truth } => {
                if let Some(overlay) = self.overlays.first() {
                    push_agreement(gpu, store, overlay, truth, placement, list);
                }
            }
        }
        covered
    }

    fn push_picture(&self, gpu: Gpu<'_>, store: &mut TextureStore, placement: PlacementUniform, list: &mut DrawList) {
        if let Some(frame) = &self.picture
            && let Some(textures) = store.picture(gpu, frame)
        {
            let uniform = picture_uniform(frame, textures.shrink(), placement);
            let kind = PipelineKind::Picture(picture_kind(frame, &uniform, self.crisp_pixels));
            list.push(kind, Bound::Picture(textures), uniform);
        }
    }

    fn push_pixels(
        &self,
        gpu: Gpu<'_>,
        store: &mut TextureStore,
        composer: &mut Composer,
        placement: PlacementUniform,
        passes: &[OverlayPass],
        list: &mut DrawList,
    ) -> Option<PixelRect> {
        let picture = self.picture.as_ref().filter(|frame| processor::can_make(frame));
        if picture.is_none() {
            self.push_picture(gpu, store, placement, list);
        }
        let opaque = picture.is_some();
        let picture = picture.map(|frame| {
            let uniform = picture_uniform(frame, 1, placement);
            (&**frame, uniform, picture_kind(frame, &uniform, self.crisp_pixels))
        });
        if !opaque && passes.is_empty() {
            return None;
        }
        let (rect, pixels) = composer.compose(&Scene { placement, picture, passes })?;
        let texture = store.pixels(gpu, [rect.columns.len() as u32, rect.rows.len() as u32], pixels);
        list.push_pixels(texture, &rect, opaque, placement);
        opaque.then_some(rect)
    }
}

/// One draw of an overlay: which of its parts are drawn, and how.
pub(super) struct OverlayPass {
    pub map: Arc<Grid>,
    pub fill: Fill,
    pub kind: PipelineKind,
    pub uniform: OverlayUniform,
    pub parts: Vec<Part>,
}

impl OverlayPass {
    fn push(self, gpu: Gpu<'_>, store: &mut TextureStore, list: &mut DrawList) {
        if let Some(texture) = store.map(gpu, &self.map) {
            list.push_parts(self.kind, Bound::Map(texture), self.uniform, &self.parts);
        }
    }
}

/// The draws of overlays over one another: fills below, contours above.
fn overlay_passes(
    gpu: Gpu<'_>,
    store: &mut TextureStore,
    overlays: &[(&Overlay, PlacementUniform)],
) -> Vec<OverlayPass> {
    let mut passes = Vec::new();
    let mut contours = Vec::new();
    for (overlay, placement) in overlays {
        let Some(tiles) = store.tiles(gpu, &overlay.map) else { continue };
        let uniform = overlay_uniform(overlay, *placement);
        if overlay.style.fill != Fill::None || overlay.style.hatch_unseen {
            passes.extend(fill_passes(overlay, &tiles, uniform));
        }
        if has_contour(overlay) {
            contours.push(contour_pass(overlay, &tiles, uniform));
        }
    }
    passes.extend(contours);
    passes
}

/// The fill in two draws: what certainly lies on one side of the positive area's edge, and the rest.
fn fill_passes(overlay: &Overlay, tiles: &MapTiles, uniform: OverlayUniform) -> [OverlayPass; 2] {
    let fainter_outside = overlay.threshold.is_some() && overlay.style.outside < 1.0;
    let kind = |plain: bool| PipelineKind::OverlayFill {
        smooth_colours: overlay.style.interpolation == Interpolation::Smooth,
        smooth_edge: overlay.style.edge == Edge::Smooth,
        mapped_colours: matches!(overlay.style.fill, Fill::Colormap(_)),
        fainter_outside: fainter_outside && !plain,
        all_seen: plain,
    };
    let plain_strength = |side: Side| match side {
        Side::Inside => Some(1.0),
        Side::Outside if fainter_outside => Some(uniform.outside),
        Side::Outside => Some(1.0),
        Side::Both if !fainter_outside => Some(1.0),
        Side::Both | Side::Unseen { .. } => None,
    };
    // Pixels on the edge itself are smoothed over half their width.
    let sides = tiles.sides_of(&uniform, 0.5);
    let visible = |side: Side| plain_strength(side).filter(|strength| strength * uniform.tint[3] > 0.0);
    let rest = |side: Side| plain_strength(side).is_none().then_some(1.0);
    [(true, sides.parts(visible)), (false, sides.parts(rest))].map(|(plain, parts)| OverlayPass {
        map: overlay.map.clone(),
        fill: overlay.style.fill,
        kind: kind(plain),
        uniform,
        parts,
    })
}

fn contour_pass(overlay: &Overlay, tiles: &MapTiles, uniform: OverlayUniform) -> OverlayPass {
    let reach_px = (0.5 * uniform.contour_width + uniform.casing_width) * uniform.placement.pixels_per_point + 0.5;
    let parts = tiles
        .sides_of(&uniform, reach_px)
        .parts(|side| matches!(side, Side::Both | Side::Unseen { positive: true }).then_some(1.0));
    let kind = PipelineKind::OverlayContour { smooth_edge: overlay.style.edge == Edge::Smooth };
    OverlayPass { map: overlay.map.clone(), fill: overlay.style.fill, kind, uniform, parts }
}

fn push_difference(
    gpu: Gpu<'_>,
    store: &mut TextureStore,
    [first, second]: [&Overlay; 2],
    placement: PlacementUniform,
    list: &mut DrawList,
) {
    let Some(pair) = store.pair(gpu, &first.map, &second.map) else { return };
    let uniform = DifferenceUniform {
        placement,
        first_colour: colour_with_alpha(first.colour, 1.0),
        second_colour: colour_with_alpha(second.colour, 1.0),
        first_low: first.range[0],
        first_scale: range_scale(first.range),
        second_low: second.range[0],
        second_scale: range_scale(second.range),
        alpha_floor: 0.45,
        alpha_full: 0.95,
        hatch: strength(first.style.hatch_unseen || second.style.hatch_unseen),
        reserved: 0.0,
    };
    let smooth_colours = first.style.interpolation == Interpolation::Smooth;
    list.push(PipelineKind::Difference { smooth_colours }, pair, uniform);
    for overlay in [first, second] {
        if has_contour(overlay)
            && let Some(tiles) = store.tiles(gpu, &overlay.map)
        {
            contour_pass(overlay, &tiles, overlay_uniform(overlay, placement)).push(gpu, store, list);
        }
    }
}

fn push_agreement(
    gpu: Gpu<'_>,
    store: &mut TextureStore,
    overlay: &Overlay,
    truth: &Arc<Grid>,
    placement: PlacementUniform,
    list: &mut DrawList,
) {
    let Some(pair) = store.pair(gpu, &overlay.map, truth) else { return };
    let alpha = overlay.style.opacity.clamp(0.0, 1.0) * 0.6;
    let uniform = AgreementUniform {
        placement,
        rule: RuleUniform::new(overlay.threshold),
        true_positive: colour_with_alpha(palette::TRUE_POSITIVE, alpha),
        false_positive: colour_with_alpha(palette::FALSE_POSITIVE, alpha),
        false_negative: colour_with_alpha(palette::FALSE_NEGATIVE, alpha),
        hatch: strength(overlay.style.hatch_unseen),
        edge_width: overlay.style.contour_width * 0.5,
        reserved: [0; 2],
    };
    list.push(PipelineKind::Agreement { edged: overlay.style.contour_width > 0.0 }, pair, uniform);
}

/// What a shader multiplies something with that is there or not.
fn strength(there: bool) -> f32 {
    f32::from(u8::from(there))
}

fn has_contour(overlay: &Overlay) -> bool {
    overlay.style.contour_width > 0.0 && overlay.threshold.is_some()
}

fn overlay_uniform(overlay: &Overlay, placement: PlacementUniform) -> OverlayUniform {
    let style = &overlay.style;
    let (alpha_floor, alpha_power) = match style.ramp {
        AlphaRamp::Constant => (1.0, 1.0),
        AlphaRamp::Follow { floor, power } => (floor.clamp(0.0, 1.0), power.clamp(0.05, 20.0)),
    };
    let opacity = style.opacity.clamp(0.0, 1.0);
    let fill_opacity = if style.fill == Fill::None { 0.0 } else { opacity };
    OverlayUniform {
        placement,
        rule: RuleUniform::new(overlay.threshold),
        tint: colour_with_alpha(overlay.colour, fill_opacity),
        casing: [0.02, 0.02, 0.03, 0.6],
        threshold: overlay.threshold.map(|threshold| threshold.value).filter(|value| !value.is_nan()).unwrap_or(0.0),
        range_low: overlay.range[0],
        range_scale: range_scale(overlay.range),
        alpha_floor,
        alpha_power,
        outside: style.outside.clamp(0.0, 1.0),
        colormap_v: match style.fill {
            Fill::Colormap(map) => map.atlas_v(),
            Fill::Tint | Fill::None => 0.0,
        },
        contour_width: style.contour_width,
        casing_width: 1.0,
        hatch: strength(style.hatch_unseen) * opacity,
        reserved: [0.0; 2],
    }
}
