//! Stages made by the processor are those that the shaders draw.

use std::sync::Arc;

use egui::{Rect, pos2, vec2};
use sonolens::geometry::Size;
use sonolens::heatmap::Grid;
use sonolens::media::{Frame, Matrix, Orientation, PlaneLayout, Range};
use sonolens::render::{
    AlphaRamp, DrawnBy, Edge, Fill, Interpolation, Offscreen, Overlay, OverlayStyle, Rgba8Image, StageDraw, Threshold,
    View, palette,
};

use crate::support::frames::{color, frame_of};

const SHOWN: Size = Size::new(320, 200);

/// A picture with edges and slopes in every plane.
fn frame(layout: PlaneLayout, bits: u8) -> Frame {
    frame_of(Size::new(157, 90), layout, bits, color(Matrix::Bt709, Range::Limited), |plane, [x, y], _| {
        let code = 60 + (x * (3 + plane as u32) + y * 2) % 100 + 40 * ((x / 20 + y / 15) % 2);
        (code as u16) << (bits - 8)
    })
}

/// A hill in front of waves, of `side` cells a side; `hole`: a corner is not seen.
fn map(side: usize, seed: usize, hole: bool) -> Arc<Grid> {
    let scale = side as f32;
    let (top, left) = ((seed * 31 % 97) as f32 / 97.0, (seed * 17 % 89) as f32 / 89.0);
    Arc::new(Grid::from_fn(side, side, |row, column| {
        let (down, right) = (row as f32 / scale, column as f32 / scale);
        if hole && down + right < 0.5 {
            return f32::NAN;
        }
        let hill = (-8.0 * ((down - top).powi(2) + (right - left).powi(2))).exp();
        hill + 0.15 * (14.0 * right + 9.0 * down + seed as f32).sin()
    }))
}

fn overlays(maps: &[Arc<Grid>], threshold: f32, style: OverlayStyle) -> Vec<Overlay> {
    let overlay = |(slot, map): (usize, &Arc<Grid>)| Overlay {
        map: map.clone(),
        threshold: (!threshold.is_nan()).then_some(Threshold { value: threshold, strict: true }),
        range: [0.0, 0.9],
        colour: palette::model(slot),
        style,
    };
    maps.iter().enumerate().map(overlay).collect()
}

fn stage(picture: Option<Frame>, overlays: Vec<Overlay>) -> StageDraw {
    let whole = Rect::from_min_size(pos2(0.0, 0.0), vec2(SHOWN.width as f32, SHOWN.height as f32));
    StageDraw {
        picture: picture.map(Arc::new),
        overlays,
        view: View::Overlay,
        frame_rect: whole,
        clip: whole,
        crisp_pixels: false,
    }
}

/// The share of pixels that are further apart than `codes` in any channel.
fn share_apart([a, b]: &[Rgba8Image; 2], codes: u8) -> f64 {
    let apart = |(a, b): &(&[u8], &[u8])| a.iter().zip(*b).any(|(a, b)| a.abs_diff(*b) > codes);
    let pixels = || a.pixels.chunks_exact(4).zip(b.pixels.chunks_exact(4));
    pixels().filter(apart).count() as f64 / pixels().count() as f64
}

struct Both([Offscreen; 2]);

impl Both {
    fn new() -> Self {
        Self([DrawnBy::Shaders, DrawnBy::Processor].map(|drawn_by| Offscreen::new().unwrap().drawn_by(drawn_by)))
    }

    /// Fails unless the two draw the same: apart by roundings, and hardly anywhere by more. Several fills over one another
    /// are rounded one by one on the card, and a sampler may round what it filters.
    fn compare(&mut self, what: &str, stage: &StageDraw, pixels_per_point: f32) {
        let size =
            Size::new((SHOWN.width as f32 * pixels_per_point) as u32, (SHOWN.height as f32 * pixels_per_point) as u32);
        let drawings = [stage.clone().into()];
        let images = self
            .0
            .each_mut()
            .map(|offscreen| offscreen.render(&drawings, size, pixels_per_point, [40, 44, 52, 255]).unwrap());
        let [rounded, edges] =
            [if stage.overlays.is_empty() { 3 } else { 4 }, 24].map(|codes| share_apart(&images, codes));
        assert!(rounded < 2e-3 && edges < 2e-4, "{what}: {rounded:.5} of all pixels apart, {edges:.5} far apart");
        let blank = images[1].pixels.chunks_exact(4).all(|pixel| pixel[..3] == [40, 44, 52]);
        assert!(!blank, "{what}: nothing was drawn");
    }
}

#[test]
fn pictures_of_all_layouts_turned_zoomed_and_cut() {
    let mut both = Both::new();
    let chroma = |log2_x, log2_y| PlaneLayout::Yuv { log2_x, log2_y };
    for layout in [chroma(1, 1), chroma(1, 0), chroma(0, 0), chroma(2, 2), PlaneLayout::Gbr, PlaneLayout::Gray] {
        for bits in [8, 10, 16] {
            both.compare(&format!("{layout:?}, {bits} bits"), &stage(Some(frame(layout, bits)), Vec::new()), 1.0);
        }
    }
    for quarter_turns in 0..4 {
        for mirrored in [false, true] {
            let turned = Frame {
                orientation: Orientation { quarter_turns, mirrored },
                ..frame(PlaneLayout::Yuv { log2_x: 1, log2_y: 1 }, 8)
            };
            both.compare(&format!("{quarter_turns} quarter turns, {mirrored}"), &stage(Some(turned), Vec::new()), 1.0);
        }
    }
    let places = [
        ("small", Rect::from_min_size(pos2(20.3, 10.8), vec2(41.5, 24.0))),
        ("tiny", Rect::from_min_size(pos2(100.0, 50.0), vec2(9.5, 5.5))),
        ("three quarters", Rect::from_min_size(pos2(3.5, 2.25), vec2(110.0, 63.0))),
        ("zoomed", Rect::from_min_size(pos2(-900.7, -300.2), vec2(2400.0, 1380.0))),
    ];
    for (what, frame_rect) in places {
        for crisp_pixels in [false, true] {
            let plain = stage(Some(frame(PlaneLayout::Yuv { log2_x: 1, log2_y: 1 }, 8)), Vec::new());
            both.compare(what, &StageDraw { frame_rect, crisp_pixels, ..plain }, 1.0);
        }
    }
}

#[test]
fn overlays_of_every_style_over_a_picture_and_over_nothing() {
    let mut both = Both::new();
    let styles = [
        ("alone", OverlayStyle::alone()),
        ("among several", OverlayStyle::among_several()),
        ("mask", OverlayStyle::mask()),
        ("look-alike", OverlayStyle::look_alike()),
        ("contour alone", OverlayStyle { fill: Fill::None, hatch_unseen: false, ..OverlayStyle::alone() }),
        ("cells", OverlayStyle { interpolation: Interpolation::Cells, ..OverlayStyle::alone() }),
        ("edge along cells", OverlayStyle { edge: Edge::Cells, contour_width: 3.0, ..OverlayStyle::among_several() }),
        (
            "from a floor",
            OverlayStyle { ramp: AlphaRamp::Follow { floor: 0.2, power: 2.5 }, ..OverlayStyle::among_several() },
        ),
    ];
    let picture = || frame(PlaneLayout::Yuv { log2_x: 1, log2_y: 1 }, 8);
    for (name, style) in styles {
        for side in [1, 7, 14, 224] {
            for hole in [false, true] {
                for threshold in [0.35, f32::NAN] {
                    let maps = [map(side, 3, hole), map(side, 8, false)];
                    for (picture, count) in [(Some(picture()), 2), (None, 1)] {
                        let shown = overlays(&maps[..count], threshold, style);
                        // A single cell that is not seen is nothing at all without a hatch.
                        if picture.is_none() && (style.fill == Fill::None || side == 1) {
                            continue;
                        }
                        let what = format!("{name}, {side} cells, hole {hole}, threshold {threshold}, {count} maps");
                        both.compare(&what, &stage(picture, shown), 1.0);
                    }
                }
            }
        }
    }
}

#[test]
fn overlays_in_every_view_zoomed_and_on_dense_screens() {
    let mut both = Both::new();
    let maps: Vec<_> = (0..5).map(|seed| map(224, seed, seed == 4)).collect();
    let picture = frame(PlaneLayout::Yuv { log2_x: 1, log2_y: 1 }, 8);
    let plain =
        |count: usize| stage(Some(picture.clone()), overlays(&maps[..count], 0.35, OverlayStyle::among_several()));
    for (what, stage) in [
        ("five maps", plain(5)),
        ("wipe", StageDraw { view: View::Wipe { divider: 0.37 }, ..plain(2) }),
        ("difference", StageDraw { view: View::Difference, ..plain(2) }),
        ("agreement", StageDraw { view: View::Agreement { truth: map(224, 6, false) }, ..plain(1) }),
        (
            "zoomed and cut",
            StageDraw {
                frame_rect: Rect::from_min_size(pos2(-310.4, -150.9), vec2(1200.0, 700.0)),
                clip: Rect::from_min_max(pos2(31.3, 17.8), pos2(280.0, 150.6)),
                ..plain(3)
            },
        ),
        (
            "far smaller than its cells",
            StageDraw { frame_rect: Rect::from_min_size(pos2(50.0, 40.0), vec2(90.0, 52.0)), ..plain(2) },
        ),
    ] {
        for pixels_per_point in [1.0, 1.5, 2.0] {
            both.compare(&format!("{what} at {pixels_per_point}"), &stage, pixels_per_point);
        }
    }
}
