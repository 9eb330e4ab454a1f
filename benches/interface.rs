//! Processor time that the window spends on the stage in one frame: a 1080p picture and four overlays, from plain data
//! to a finished command buffer. Budget: 2 ms. Then the drawing itself, which matters where a software renderer does it.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod report;

use std::sync::Arc;
use std::time::{Duration, Instant};

use sonolens::geometry::Size;
use sonolens::heatmap::Grid;
use sonolens::media::{ChromaSiting, ColorDescription, Frame, Matrix, Orientation, Plane, PlaneLayout, Range};
use sonolens::render::{DrawnBy, Offscreen, Overlay, OverlayStyle, StageDraw, Threshold, View, palette};

const ROUNDS: usize = 100;
const SIZE: Size = Size::new(1920, 1080);
/// How large the stage is shown; that matters to the graphics card alone, and a software renderer is slow.
const SHOWN: Size = Size::new(160, 90);

fn frame(index: usize) -> Arc<Frame> {
    let plane = |width: u32, height: u32, code: u8| Plane {
        width,
        height,
        bytes: vec![code.wrapping_add(index as u8); (width * height) as usize],
    };
    Arc::new(Frame {
        index,
        time_secs: index as f64 / 30.0,
        size: SIZE,
        layout: PlaneLayout::Yuv { log2_x: 1, log2_y: 1 },
        bits: 8,
        planes: vec![plane(1920, 1080, 90), plane(960, 540, 110), plane(960, 540, 140)],
        color: ColorDescription {
            matrix: Matrix::Bt709,
            range: Range::Limited,
            siting: ChromaSiting::Left,
            primaries: 1,
            transfer: 1,
        },
        orientation: Orientation::UPRIGHT,
        sample_aspect: (1, 1),
    })
}

/// As heatmaps are: a hill somewhere, and slow waves around it.
fn map(seed: usize) -> Arc<Grid> {
    let place = |step: usize| (seed * step % 97) as f32 / 97.0 * 120.0 + 52.0;
    let (top, left) = (place(31), place(17));
    Arc::new(Grid::from_fn(224, 224, |row, column| {
        let (down, right) = ((row as f32 - top) / 40.0, (column as f32 - left) / 40.0);
        0.85 * (-down * down - right * right).exp() + 0.1 * (0.05 * (row + 2 * column + seed) as f32).sin().abs()
    }))
}

fn stage(picture: &Arc<Frame>, maps: &[Arc<Grid>]) -> StageDraw {
    shown(picture, maps, SHOWN)
}

fn shown(picture: &Arc<Frame>, maps: &[Arc<Grid>], size: Size) -> StageDraw {
    let shown = egui::Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(size.width as f32, size.height as f32));
    let overlay = |(slot, map): (usize, &Arc<Grid>)| Overlay {
        map: map.clone(),
        threshold: Some(Threshold { value: 0.5, strict: true }),
        range: [0.0, 1.0],
        colour: palette::model(slot),
        style: OverlayStyle::among_several(),
    };
    StageDraw {
        picture: Some(picture.clone()),
        overlays: maps.iter().enumerate().map(overlay).collect(),
        view: View::Overlay,
        frame_rect: shown,
        clip: shown,
        crisp_pixels: false,
    }
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let millis = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1e3;
    let (median, most) = (millis(50), millis(95));
    println!("{what:<44} median {median:6.3} ms   95 % {most:6.3} ms   of a budget of 2 ms");
    let what = format!("interface, 1080p and 4 overlays, {what}");
    report::row(&what, median, "its budget", 2.0);
}

fn main() {
    let mut offscreen = match Offscreen::new() {
        Ok(offscreen) => offscreen,
        Err(error) => return println!("not measured: {error}"),
    };
    println!("1080p picture and four overlays on {}", offscreen.adapter_name());
    let frames: Vec<_> = (0..60).map(frame).collect();
    let maps: Vec<_> = (0..400).map(map).collect();
    let mut time = |stage: StageDraw| offscreen.time_encoding(&[stage.into()], SHOWN, 1.0).unwrap();
    for picture in &frames {
        time(stage(picture, &maps[..4]));
    }

    let still = (0..ROUNDS).map(|_| time(stage(&frames[59], &maps[..4]))).collect();
    report("nothing changed", still);
    let playing = (0..ROUNDS).map(|round| time(stage(&frames[round % 60], &maps[..4]))).collect();
    report("a new picture each frame", playing);
    let all = (0..ROUNDS).map(|round| time(stage(&frames[round % 60], &maps[round % 99 * 4..][..4]))).collect();
    report("a new picture and four new maps each frame", all);

    if offscreen.is_software() {
        without_a_card(&frames, &maps);
    }
}

/// Stages as the window draws them where there is no graphics card, beside the shaders on the software renderer.
fn without_a_card(frames: &[Arc<Frame>], maps: &[Arc<Grid>]) {
    let size = Size::new(1280, 720);
    let mut offscreens =
        [DrawnBy::Processor, DrawnBy::Shaders].map(|drawn_by| Offscreen::new().unwrap().drawn_by(drawn_by));
    for (what, overlays) in [("the picture alone", 0), ("one overlay over it", 1), ("four overlays over it", 4)] {
        let mut times = [Vec::new(), Vec::new()];
        for picture in frames.iter().take(16) {
            for (offscreen, times) in offscreens.iter_mut().zip(&mut times) {
                let stage = shown(picture, &maps[..overlays], size);
                let start = Instant::now();
                offscreen.render(&[stage.into()], size, 1.0, [0; 4]).unwrap();
                times.push(start.elapsed());
            }
        }
        let [processor, shaders] = times.map(|mut times| {
            times.sort();
            times[times.len() / 2].as_secs_f64() * 1e3
        });
        println!(
            "drawn on 1280 × 720 and read back, {what:<24} median {processor:7.1} ms   by shaders {shaders:7.1} ms"
        );
        report::row(&format!("drawn without a graphics card, {what}"), processor, "the shaders on Mesa", shaders);
    }
}
