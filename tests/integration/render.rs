//! The pictures on the graphics card against what the processor says: positive cells, colours of video, places on the
//! screen.

use std::sync::Arc;

use egui::{Rect, pos2, vec2};
use sonolens::geometry::Size;
use sonolens::heatmap::{Grid, Heatmap};
use sonolens::media::{ChromaSiting, ColorDescription, Frame, Matrix, Orientation, Picture, Plane, PlaneLayout, Range};
use sonolens::metrics::{Binarized, protocols};
use sonolens::render::{
    Colormap, Drawing, DrawnBy, Edge, Fill, Interpolation, Offscreen, Overlay, OverlayStyle, Rgba8Image, StageDraw,
    Threshold, View, palette,
};

use crate::support::frames::{color, frame_of};
use crate::support::windows::window;

const SIDE: usize = 224;
const TRANSPARENT: [u8; 4] = [0; 4];

/// A small generator of the same numbers everywhere (xorshift).
struct Numbers(u64);

impl Numbers {
    fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 24) as f32
    }
}

/// What holds of a stage holds whoever makes its pixels.
fn both_ways(test: impl Fn(&mut Offscreen)) {
    for drawn_by in [DrawnBy::Shaders, DrawnBy::Processor] {
        eprintln!("drawn by: {drawn_by:?}");
        test(&mut Offscreen::new().unwrap().drawn_by(drawn_by));
    }
}

fn whole(size: Size) -> Rect {
    Rect::from_min_size(pos2(0.0, 0.0), vec2(size.width as f32, size.height as f32))
}

fn stage(size: Size) -> StageDraw {
    StageDraw {
        picture: None,
        overlays: Vec::new(),
        view: View::Overlay,
        frame_rect: whole(size),
        clip: whole(size),
        crisp_pixels: false,
    }
}

fn overlay(map: &Arc<Grid>, threshold: Threshold, style: OverlayStyle) -> Overlay {
    Overlay { map: map.clone(), threshold: Some(threshold), range: [0.0, 1.0], colour: palette::model(0), style }
}

/// Cells that differ between the positive area as drawn at the map's own size and a mask.
fn differing_cells(offscreen: &mut Offscreen, overlay: Overlay, mask: &Binarized) -> usize {
    let (rows, columns) = (overlay.map.rows(), overlay.map.columns());
    let size = Size::new(columns as u32, rows as u32);
    let drawing = StageDraw { overlays: vec![overlay], ..stage(size) };
    let image = offscreen.render(&[drawing.into()], size, 1.0, TRANSPARENT).unwrap();
    let shaded = image.pixels.chunks_exact(4).map(|pixel| pixel[3] > 127);
    shaded.enumerate().filter(|&(cell, shaded)| shaded != mask.mask.get(cell / columns, cell % columns)).count()
}

fn mask_style(edge: Edge) -> OverlayStyle {
    OverlayStyle { opacity: 1.0, edge, contour_width: 0.0, hatch_unseen: false, ..OverlayStyle::mask() }
}

/// The value of a cell by its place.
type CellValue = Box<dyn FnMut(&mut Numbers, usize) -> f32>;
/// Name, map, thresholds.
type HardMap = (&'static str, Arc<Grid>, Vec<f32>);

/// Maps that are random, tied, tiny, huge, infinite, constant, unseen in places, and thresholds on and beside values.
fn hard_maps() -> Vec<HardMap> {
    let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15);
    let mut grid = |mut cell: CellValue| {
        let numbers = &mut numbers;
        Arc::new(Grid::from_fn(SIDE, SIDE, |row, column| cell(numbers, row * SIDE + column)))
    };
    let tiny = f32::from_bits(1);
    vec![
        ("random", grid(Box::new(|n, _| n.unit())), vec![0.0, 0.25, 0.5, 0.999, 1.0]),
        ("signed", grid(Box::new(|n, _| n.unit() * 2.0 - 1.0)), vec![-0.5, 0.0, -0.0, 0.5]),
        ("tied", grid(Box::new(|n, _| (n.unit() * 4.0).floor() / 4.0)), vec![0.0, 0.25, 0.5, 0.75, 1.0]),
        (
            "denormal",
            grid(Box::new(|n, _| f32::from_bits((n.bits() % 6) as u32) * if n.unit() < 0.5 { -1.0 } else { 1.0 })),
            vec![0.0, tiny, 3.0 * tiny, -tiny, -3.0 * tiny],
        ),
        (
            "one apart",
            grid(Box::new(|n, _| f32::from_bits(0.5f32.to_bits() - 2 + (n.bits() % 5) as u32))),
            vec![0.5, 0.5f32.next_down(), 0.5f32.next_up()],
        ),
        (
            "huge",
            grid(Box::new(|n, _| (n.unit() * 2.0 - 1.0) * f32::MAX)),
            vec![0.0, 1e38, f32::MAX, f32::INFINITY, f32::NEG_INFINITY],
        ),
        (
            "infinite",
            grid(Box::new(|n, _| [f32::INFINITY, f32::NEG_INFINITY, 0.0, 1.0][(n.bits() % 4) as usize])),
            vec![0.0, 1.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN],
        ),
        ("zeros", grid(Box::new(|n, _| if n.unit() < 0.5 { 0.0 } else { -0.0 })), vec![0.0, -0.0, tiny, -tiny]),
        ("constant", grid(Box::new(|_, _| 0.7)), vec![0.7, 0.5, 0.9, f32::NAN]),
        ("single cell", grid(Box::new(|_, cell| f32::from(cell == 100 * SIDE + 7))), vec![0.0, 0.5, 1.0]),
        ("checkerboard", grid(Box::new(|_, cell| ((cell / SIDE + cell % SIDE) % 2) as f32)), vec![0.0, 0.5, 1.0]),
        ("steep", grid(Box::new(|n, _| n.unit().powi(40))), vec![1e-20, 1e-3, 0.5]),
        (
            "unseen",
            grid(Box::new(|n, cell| if (cell % SIDE) < 30 || n.unit() < 0.2 { f32::NAN } else { n.unit() })),
            vec![0.0, 0.5, f32::NEG_INFINITY],
        ),
        ("nothing seen", grid(Box::new(|_, _| f32::NAN)), vec![0.0, f32::NEG_INFINITY]),
    ]
}

#[test]
fn shaded_cells_are_exactly_the_counted_ones() {
    both_ways(|offscreen| {
        for (name, map, thresholds) in hard_maps() {
            for value in thresholds {
                for strict in [true, false] {
                    let mask = Binarized::of(&map, value, strict);
                    for edge in [Edge::Cells, Edge::Smooth] {
                        let drawn = overlay(&map, Threshold { value, strict }, mask_style(edge));
                        let differing = differing_cells(offscreen, drawn, &mask);
                        assert_eq!(differing, 0, "{name}, {value:e}, strict {strict}, {edge:?}");
                    }
                }
            }
        }
    });
}

#[test]
fn shaded_cells_are_exactly_the_counted_ones_under_every_protocol() {
    both_ways(|offscreen| {
        let mut numbers = Numbers(77);
        for known in protocols() {
            for native in [7, 14, 28] {
                let values = Grid::from_fn(native, native, |_, _| numbers.unit() * 2.0 - 1.0);
                let heatmap = Heatmap::over_whole_frame(values, Size::new(320, 240));
                let map = known.protocol.score_map(&heatmap);
                let mask = known.protocol.binarize(&map, None, None);
                let threshold = Threshold { value: mask.threshold, strict: mask.strict };
                let grid = Arc::new(map.grid);
                for edge in [Edge::Cells, Edge::Smooth] {
                    let differing = differing_cells(offscreen, overlay(&grid, threshold, mask_style(edge)), &mask);
                    assert_eq!(differing, 0, "{}, {native}×{native}, {edge:?}", known.label);
                }
            }
        }
    });
}

#[test]
fn a_colour_map_fill_leaves_out_the_same_cells() {
    both_ways(|offscreen| {
        let mut numbers = Numbers(5);
        let map = Arc::new(Grid::from_fn(SIDE, SIDE, |_, _| numbers.unit()));
        let threshold = Threshold { value: 0.3, strict: true };
        for interpolation in [Interpolation::Cells, Interpolation::Smooth] {
            let style =
                OverlayStyle { fill: Fill::Colormap(Colormap::Viridis), interpolation, ..mask_style(Edge::Cells) };
            let mask = Binarized::of(&map, 0.3, true);
            assert_eq!(differing_cells(offscreen, overlay(&map, threshold, style), &mask), 0);
        }
    });
}

#[test]
fn the_contour_runs_along_the_border_of_the_counted_area() {
    both_ways(|offscreen| {
        let map =
            Arc::new(Grid::from_fn(8, 8, |row, column| f32::from((2..6).contains(&row) && (3..5).contains(&column))));
        let size = Size::new(160, 160);
        let style =
            OverlayStyle { fill: Fill::None, hatch_unseen: false, contour_width: 2.0, ..mask_style(Edge::Cells) };
        let drawing =
            StageDraw { overlays: vec![overlay(&map, Threshold { value: 0.5, strict: true }, style)], ..stage(size) };
        let image = offscreen.render(&[drawing.into()], size, 1.0, [0, 0, 0, 255]).unwrap();
        for y in 0..160 {
            for x in 0..160 {
                let (horizontal, vertical) = (f64::from(x) + 0.5, f64::from(y) + 0.5);
                let outside = (60.0 - horizontal).max(horizontal - 100.0).max(40.0 - vertical).max(vertical - 120.0);
                let coloured = image.pixel(x, y).unwrap()[..3] == palette::model(0);
                if outside.abs() < 0.6 && (42.0..118.0).contains(&vertical) {
                    assert!(coloured, "no line at {x}, {y}");
                }
                assert!(!coloured || outside.abs() < 1.6, "a line at {x}, {y}");
            }
        }
    });
}

#[test]
fn agreement_sorts_every_cell_as_the_score_does() {
    both_ways(|offscreen| {
        let mut numbers = Numbers(11);
        let map = Arc::new(Grid::from_fn(SIDE, SIDE, |_, _| numbers.unit()));
        let truth = Arc::new(Grid::from_fn(SIDE, SIDE, |row, column| {
            if (40..150).contains(&row) && (60..200).contains(&column) { [0.5, 1.0][column % 2] } else { 0.0 }
        }));
        let threshold = Threshold { value: 0.6, strict: false };
        let style = OverlayStyle { opacity: 1.0, contour_width: 0.0, hatch_unseen: false, ..OverlayStyle::alone() };
        let size = Size::new(SIDE as u32, SIDE as u32);
        let drawing = StageDraw {
            overlays: vec![overlay(&map, threshold, style)],
            view: View::Agreement { truth: truth.clone() },
            ..stage(size)
        };
        let image = offscreen.render(&[drawing.into()], size, 1.0, TRANSPARENT).unwrap();
        for (cell, pixel) in image.pixels.chunks_exact(4).enumerate() {
            let predicted = threshold.is_positive(map.values()[cell]);
            let expected = match (predicted, truth.values()[cell] > 0.0) {
                (true, true) => palette::TRUE_POSITIVE,
                (true, false) => palette::FALSE_POSITIVE,
                (false, true) => palette::FALSE_NEGATIVE,
                (false, false) => {
                    assert_eq!(pixel[3], 0, "cell {cell}");
                    continue;
                }
            };
            let off = (0..3).map(|channel| pixel[channel].abs_diff(expected[channel])).max().unwrap();
            assert!(pixel[3] > 60 && off <= 4, "cell {cell}: {pixel:?} instead of {expected:?}");
        }
    });
}

#[test]
fn wipe_shows_one_map_on_each_side_and_difference_the_higher_one() {
    both_ways(|offscreen| {
        let size = Size::new(100, 20);
        let threshold = Threshold { value: 0.5, strict: true };
        let [low, high] = [0.0, 1.0].map(|value| Arc::new(Grid::filled(4, 4, value)));
        let first = Overlay { colour: [250, 0, 0], ..overlay(&high, threshold, mask_style(Edge::Cells)) };
        let second = Overlay { colour: [0, 0, 250], ..overlay(&high, threshold, mask_style(Edge::Cells)) };
        let wipe = StageDraw {
            overlays: vec![first.clone(), second.clone()],
            view: View::Wipe { divider: 0.3 },
            ..stage(size)
        };
        let image = offscreen.render(&[wipe.into()], size, 1.0, TRANSPARENT).unwrap();
        let near = |pixel: Option<[u8; 4]>, colour: [u8; 3]| {
            pixel.is_some_and(|pixel| (0..3).all(|channel| pixel[channel].abs_diff(colour[channel]) <= 6))
        };
        assert!(near(image.pixel(29, 10), [250, 0, 0]) && near(image.pixel(30, 10), [0, 0, 250]));

        for (first_map, second_map, expected) in [(&high, &low, [250, 0, 0]), (&low, &high, [0, 0, 250])] {
            let overlays = vec![
                Overlay { map: first_map.clone(), ..first.clone() },
                Overlay { map: second_map.clone(), ..second.clone() },
            ];
            let drawing = StageDraw { overlays, view: View::Difference, ..stage(size) };
            let image = offscreen.render(&[drawing.into()], size, 1.0, TRANSPARENT).unwrap();
            assert!(near(image.pixel(50, 10), expected), "{:?}", image.pixel(50, 10));
        }
    });
}

#[test]
fn unseen_cells_are_hatched_and_never_coloured() {
    both_ways(|offscreen| {
        let map = Arc::new(Grid::from_fn(8, 8, |_, column| if column < 4 { f32::NAN } else { 1.0 }));
        let size = Size::new(160, 160);
        let style = OverlayStyle { contour_width: 0.0, ..OverlayStyle::alone() };
        let drawing =
            StageDraw { overlays: vec![overlay(&map, Threshold { value: 0.5, strict: true }, style)], ..stage(size) };
        let image = offscreen.render(&[drawing.into()], size, 1.0, [128, 128, 128, 255]).unwrap();
        let mut shades = std::collections::BTreeSet::new();
        for (index, pixel) in image.pixels.chunks_exact(4).enumerate() {
            if index % 160 < 80 {
                assert!(pixel[0] == pixel[1] && pixel[1] == pixel[2], "colour where nothing is seen: {pixel:?}");
                shades.insert(pixel[0]);
            } else {
                assert!(pixel[0] > 200 && pixel[2] < 200, "the seen half is in the colours of the map: {pixel:?}");
            }
        }
        assert!(shades.last().unwrap() - shades.first().unwrap() > 20, "a hatch has light and dark: {shades:?}");

        let style = OverlayStyle { fill: Fill::None, ..style };
        let drawing =
            StageDraw { overlays: vec![overlay(&map, Threshold { value: 0.5, strict: true }, style)], ..stage(size) };
        let without_fill = offscreen.render(&[drawing.into()], size, 1.0, [128, 128, 128, 255]).unwrap();
        for (index, pixel) in without_fill.pixels.chunks_exact(4).enumerate() {
            let expected = if index % 160 < 80 { &image.pixels[index * 4..][..4] } else { &[128, 128, 128, 255] };
            assert_eq!(pixel, expected, "hatched where nothing is seen, nothing else");
        }
    });
}

/// A picture of slow gradients that stay inside of what RGB can show.
fn gradients(size: Size, layout: PlaneLayout, bits: u8, color: ColorDescription) -> Frame {
    frame_of(size, layout, bits, color, |plane, [x, y], [width, height]| {
        let (across, down) = (f64::from(x) / f64::from(width), f64::from(y) / f64::from(height));
        let unit = match plane {
            0 => 0.35 + 0.3 * across,
            1 => 0.42 + 0.16 * down,
            _ => 0.58 - 0.16 * (across + down) / 2.0,
        };
        (unit * f64::from((1u32 << bits) - 1)).round() as u16
    })
}

fn drawn(offscreen: &mut Offscreen, frame: &Frame, size: Size) -> Rgba8Image {
    let drawing = StageDraw { picture: Some(Arc::new(frame.clone())), ..stage(size) };
    offscreen.render(&[drawing.into()], size, 1.0, [0, 0, 0, 255]).unwrap()
}

fn largest_difference(image: &Rgba8Image, picture: &Picture) -> u8 {
    assert_eq!(image.size, picture.size);
    let pairs = image.pixels.chunks_exact(4).zip(picture.rgb.chunks_exact(3));
    pairs.flat_map(|(ours, theirs)| (0..3).map(|channel| ours[channel].abs_diff(theirs[channel]))).max().unwrap()
}

#[test]
fn video_has_the_colours_that_swscale_gives() {
    both_ways(|offscreen| {
        let yuv = |log2_x, log2_y| PlaneLayout::Yuv { log2_x, log2_y };
        let size = Size::new(100, 62);
        let mut apart = Vec::new();
        for (layout, depths) in [
            (yuv(1, 1), vec![8, 10, 12, 16]),
            (yuv(1, 0), vec![8, 10]),
            (yuv(0, 0), vec![8, 12]),
            (PlaneLayout::Gray, vec![8, 10]),
        ] {
            for bits in depths {
                for matrix in [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020] {
                    for range in [Range::Limited, Range::Full] {
                        let frame = gradients(size, layout, bits, color(matrix, range));
                        let image = drawn(offscreen, &frame, size);
                        let difference = largest_difference(&image, &frame.to_picture());
                        // swscale's bilinear blend of two rows of chroma rounds down, which is up to 2.5 levels of blue.
                        let most = if layout == yuv(1, 1) { 3 } else { 2 };
                        if difference > most {
                            apart.push(format!("{layout:?} {bits} bits {matrix:?} {range:?}: {difference}"));
                        }
                    }
                }
            }
        }
        for bits in [8, 10, 16] {
            let frame = gradients(size, PlaneLayout::Gbr, bits, ColorDescription::RGB);
            let difference = largest_difference(&drawn(offscreen, &frame, size), &frame.to_picture());
            if difference > 1 {
                apart.push(format!("RGB of {bits} bits: {difference}"));
            }
        }
        assert!(apart.is_empty(), "levels apart: {apart:#?}");
    });
}

/// The formula of ITU-T H.273 in double precision, chroma bilinear between samples that lie on the left.
#[test]
fn video_has_the_colours_of_the_formula() {
    both_ways(|offscreen| {
        let size = Size::new(100, 62);
        for bits in [8u8, 10, 16] {
            let layout = PlaneLayout::Yuv { log2_x: 1, log2_y: 1 };
            let frame = gradients(size, layout, bits, color(Matrix::Bt601, Range::Limited));
            let code = |plane: usize, x: u32, y: u32| {
                let at = (y * frame.planes[plane].width + x) as usize;
                let bytes = &frame.planes[plane].bytes;
                if bits == 8 {
                    return f64::from(bytes[at]);
                }
                f64::from(u16::from_ne_bytes([bytes[at * 2], bytes[at * 2 + 1]]))
            };
            let chroma = |plane: usize, x: f64, y: f64| {
                let (x, y) = (x.clamp(0.0, 49.0), y.clamp(0.0, 30.0));
                let (left, top) = (x as u32, y as u32);
                let (right, bottom) = ((left + 1).min(49), (top + 1).min(30));
                let row = |y| code(plane, left, y) * (1.0 - x.fract()) + code(plane, right, y) * x.fract();
                row(top) * (1.0 - y.fract()) + row(bottom) * y.fract()
            };
            let step = f64::from(1u32 << (bits - 8));
            let image = drawn(offscreen, &frame, size);
            // A sampler may round filtered 8-bit chroma to a code, half of which is one level of blue.
            let most = if bits == 8 { 1.7 } else { 0.7 };
            for y in 0..size.height {
                for x in 0..size.width {
                    let luma = (code(0, x, y) / step - 16.0) / 219.0;
                    let [u, v] = [1, 2].map(|plane| {
                        (chroma(plane, f64::from(x) / 2.0, (f64::from(y) - 0.5) / 2.0) / step - 128.0) / 224.0
                    });
                    let (red, blue) = (luma + 1.402 * v, luma + 1.772 * u);
                    let green = (luma - 0.299 * red - 0.114 * blue) / 0.587;
                    let got = image.pixel(x, y).unwrap();
                    for (channel, expected) in [red, green, blue].into_iter().enumerate() {
                        let off = f64::from(got[channel]) - (expected * 255.0).clamp(0.0, 255.0);
                        assert!(
                            off.abs() <= most,
                            "{bits} bits at {x}, {y}: {got:?}, channel {channel} is {off:.2} off"
                        );
                    }
                }
            }
        }
    });
}

#[test]
fn turned_and_mirrored_pictures_stand_as_the_file_asks() {
    both_ways(|offscreen| {
        let stored = Size::new(51, 30);
        for quarter_turns in 0..4 {
            for mirrored in [false, true] {
                let orientation = Orientation { quarter_turns, mirrored };
                let mut frame = gradients(stored, PlaneLayout::Gbr, 8, ColorDescription::RGB);
                frame.orientation = orientation;
                let size = orientation.turn_size(stored);
                let difference = largest_difference(&drawn(offscreen, &frame, size), &frame.to_picture());
                assert!(difference <= 1, "{orientation:?}: {difference} levels apart");
            }
        }
    });
}

/// Blue is luma + 1.772 (U − 128) (BT.601, full range). On a ramp of 6 codes a chroma sample it shows where the chroma
/// samples are taken to lie, to a quarter of one.
#[test]
fn chroma_lies_where_the_stream_says() {
    both_ways(|offscreen| {
        let size = Size::new(40, 8);
        for (siting, first_at) in [(ChromaSiting::Left, 0.0), (ChromaSiting::Center, 0.5), (ChromaSiting::TopLeft, 0.0)]
        {
            let ramp = |_: u32| (0..20u8).map(|x| 70 + 6 * x).collect::<Vec<_>>();
            let frame = Frame {
                planes: vec![
                    Plane { width: 40, height: 8, bytes: vec![128; 320] },
                    Plane { width: 20, height: 4, bytes: (0..4).flat_map(ramp).collect() },
                    Plane { width: 20, height: 4, bytes: vec![128; 80] },
                ],
                ..gradients(
                    size,
                    PlaneLayout::Yuv { log2_x: 1, log2_y: 1 },
                    8,
                    ColorDescription { siting, ..color(Matrix::Bt601, Range::Full) },
                )
            };
            let image = drawn(offscreen, &frame, size);
            let errors: Vec<f64> = (4..36u32)
                .map(|x| {
                    let u = 70.0 + 6.0 * (f64::from(x) - first_at) / 2.0;
                    f64::from(image.pixel(x, 4).unwrap()[2]) - (128.0 + 1.772 * (u - 128.0))
                })
                .collect();
            // Samplers may round filtered chroma to a code, 1.8 levels; the mean is what tells left from middle, 2.7 apart.
            let mean = errors.iter().sum::<f64>() / errors.len() as f64;
            assert!(mean.abs() < 1.2 && errors.iter().all(|error| error.abs() < 1.6), "{siting:?}: {errors:?}");
        }
    });
}

#[test]
fn a_picture_shown_smaller_is_averaged_and_not_thinned_out() {
    both_ways(|offscreen| {
        let stored = Size::new(960, 90);
        let stripes = (0..90).flat_map(|_| (0..960).map(|x: u32| if x.is_multiple_of(2) { 0 } else { 255 })).collect();
        let frame = Frame {
            planes: vec![Plane { width: 960, height: 90, bytes: stripes }],
            ..gradients(stored, PlaneLayout::Gray, 8, color(Matrix::Bt709, Range::Full))
        };
        for (width, most) in [(480, 4), (320, 48), (240, 4), (160, 4)] {
            let image = drawn(offscreen, &frame, Size::new(width, 30));
            let worst = image.pixels.chunks_exact(4).map(|pixel| pixel[0].abs_diff(128)).max().unwrap();
            assert!(worst <= most, "{width} wide: {worst} levels from the mean");
        }
    });
}

#[test]
fn crisp_pixels_show_each_sample_as_a_rectangle() {
    both_ways(|offscreen| {
        let frame = Frame {
            planes: vec![Plane { width: 4, height: 2, bytes: vec![0, 80, 160, 240, 250, 170, 90, 10] }],
            ..gradients(Size::new(4, 2), PlaneLayout::Gray, 8, color(Matrix::Bt709, Range::Full))
        };
        let size = Size::new(80, 40);
        let drawing = StageDraw { picture: Some(Arc::new(frame.clone())), crisp_pixels: true, ..stage(size) };
        let image = offscreen.render(&[drawing.into()], size, 1.0, TRANSPARENT).unwrap();
        for y in 0..40 {
            for x in 0..80 {
                let sample = frame.planes[0].bytes[(y / 20 * 4 + x / 20) as usize];
                assert_eq!(image.pixel(x, y).unwrap()[0], sample, "at {x}, {y}");
            }
        }
    });
}

/// As a panel is that is scrolled or dragged half out of the window.
#[test]
fn a_half_visible_panel_is_cut_and_not_squeezed() {
    let frame = Arc::new(gradients(Size::new(100, 62), PlaneLayout::Gbr, 8, ColorDescription::RGB));
    let panel = Rect::from_min_max(pos2(-80.0, -31.0), pos2(120.0, 93.0));
    let drawing = StageDraw { picture: Some(frame.clone()), frame_rect: panel, clip: panel, ..stage(Size::new(1, 1)) };
    let mut harness = window(vec2(160.0, 110.0), DrawnBy::Processor, move |ui| {
        let callback = Drawing::from(drawing.clone()).into_callback();
        ui.ctx().layer_painter(egui::LayerId::background()).add(callback);
    });
    harness.run();
    let shown = harness.render().unwrap();

    both_ways(|offscreen| {
        let alone = drawn(offscreen, &frame, Size::new(200, 124));
        for y in 0..93 {
            for x in 0..120 {
                let (shown, expected) = (shown.get_pixel(x, y).0, alone.pixel(x + 80, y + 31).unwrap());
                let off = (0..3).map(|channel| shown[channel].abs_diff(expected[channel])).max().unwrap();
                assert!(off <= 1, "at {x}, {y}: {shown:?} instead of {expected:?}");
            }
        }
    });
}

#[test]
fn textures_stay_within_their_budget_and_are_uploaded_once() {
    let mut offscreen = Offscreen::new().unwrap();
    let size = Size::new(32, 18);
    let base = gradients(Size::new(1920, 1080), PlaneLayout::Yuv { log2_x: 1, log2_y: 1 }, 8, ColorDescription::RGB);
    let first = Arc::new(base.clone());
    let mut show = |frame: &Arc<Frame>| {
        let drawing = StageDraw { picture: Some(frame.clone()), ..stage(size) };
        offscreen.render(&[drawing.into()], size, 1.0, TRANSPARENT).unwrap();
        offscreen.texture_bytes()
    };
    let one = show(&first);
    assert_eq!(one, 1920 * 1080 * 3 / 2);
    assert_eq!(show(&first), one);
    let kept: Vec<_> = (0..40).map(|index| Arc::new(Frame { index, ..base.clone() })).collect();
    assert!(kept.iter().all(|frame| show(frame) <= 96 << 20));
}

#[test]
fn frames_that_are_not_what_they_say_are_not_drawn() {
    both_ways(|offscreen| {
        let size = Size::new(16, 16);
        let good = gradients(size, PlaneLayout::Yuv { log2_x: 1, log2_y: 1 }, 8, color(Matrix::Bt709, Range::Full));
        let mut short = good.clone();
        short.planes[1].bytes.truncate(3);
        let mut flat = good.clone();
        flat.planes[0].width = 0;
        let none = Frame { planes: Vec::new(), ..good.clone() };
        for frame in [short, flat, none] {
            let drawing = StageDraw { picture: Some(Arc::new(frame)), ..stage(size) };
            let image = offscreen.render(&[drawing.into()], size, 1.0, [1, 2, 3, 255]).unwrap();
            assert!(image.pixels.chunks_exact(4).all(|pixel| pixel == [1, 2, 3, 255]));
        }
        assert!(offscreen.render(&[], Size::new(0, 5), 1.0, TRANSPARENT).is_err());
        assert!(offscreen.render(&[], Size::new(1 << 20, 5), 1.0, TRANSPARENT).is_err());
    });
}
