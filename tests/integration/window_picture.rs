//! A window whose picture is kept from pass to pass looks as one that is drawn anew.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use egui::{Align2, Color32, ColorImage, FontId, Rect, Stroke, TextureOptions, Ui, pos2, vec2};
use sonolens::geometry::Size;
use sonolens::media::{ColorDescription, Frame, PlaneLayout};
use sonolens::render::{Drawing, DrawnBy, StageDraw, View};

use crate::support::frames::frame_of;
use crate::support::windows::window;

const STEPS: usize = 14;

/// What a window may come to: shapes that move, come, go, change places, clip each other, and lie on what is not kept.
fn show(ui: &mut Ui, step: usize, texture: &mut Option<egui::TextureHandle>) {
    let painter = ui.ctx().layer_painter(egui::LayerId::background());
    painter.rect_filled(ui.ctx().viewport_rect(), 0.0, ui.visuals().panel_fill);
    let at = step as f32;
    painter.rect_filled(Rect::from_min_size(pos2(20.0, 20.0), vec2(200.0, 60.0)), 6.0, Color32::from_rgb(60, 20, 20));
    // New letters come into the texture of the fonts while others stay on screen.
    let text = format!("step {step} {}", ["äß", "ΣΩ", "ЖЩ", "€µ", "Łđ"][step % 5]);
    painter.text(pos2(30.0, 30.0), Align2::LEFT_TOP, text, FontId::proportional(15.0), Color32::WHITE);
    painter.text(pos2(30.0, 55.0), Align2::LEFT_TOP, "as it was", FontId::proportional(13.0), Color32::GRAY);
    // Comes and goes before others.
    if step % 3 == 1 {
        painter.circle_stroke(pos2(60.0, 60.0), 25.5, Stroke::new(3.0, Color32::GREEN));
    }
    let overlapping = [Color32::from_rgb(0, 90, 200), Color32::from_rgb(200, 90, 0)];
    for index in 0..2 {
        let index = if step < 8 { index } else { 1 - index };
        let corner = pos2(240.0 + 15.0 * index as f32, 20.0 + 10.0 * index as f32);
        painter.rect_filled(Rect::from_min_size(corner, vec2(40.0, 40.0)), 3.0, overlapping[index]);
    }
    let line = pos2(25.3 + 11.7 * at, 100.4)..=pos2(40.0 + 9.1 * at, 219.6);
    painter.line_segment([*line.start(), *line.end()], Stroke::new(1.7, Color32::YELLOW));
    let image = ColorImage::filled([4, 4], Color32::from_gray(40 + 10 * (step / 4) as u8));
    match texture {
        Some(texture) if step.is_multiple_of(4) => texture.set(image, TextureOptions::NEAREST),
        Some(_) => {}
        None => *texture = Some(ui.ctx().load_texture("tile", image, TextureOptions::NEAREST)),
    }
    if let Some(texture) = texture {
        let place = Rect::from_min_size(pos2(20.0, 150.0), vec2(60.0, 40.0));
        painter.image(texture.id(), place, Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0)), Color32::WHITE);
    }
    let place = Rect::from_min_size(pos2(110.0, 110.0), vec2(150.0, 90.0));
    let stage = StageDraw {
        picture: Some(Arc::new(picture_of(step))),
        overlays: Vec::new(),
        view: View::Overlay,
        frame_rect: place,
        clip: place,
        crisp_pixels: true,
    };
    // At times it is seen in part, or a smaller one lies at the window's edge.
    let seen = if step % 4 == 3 { Rect::from_min_max(place.min, pos2(200.0, 170.0)) } else { Rect::EVERYTHING };
    let at_edge = Rect::from_min_size(pos2(290.0, 100.0), vec2(60.0, 40.0));
    if step % 3 == 2 {
        let stage = StageDraw { frame_rect: at_edge, clip: at_edge, ..stage.clone() };
        painter.add(Drawing::from(stage).into_callback());
    }
    painter.with_clip_rect(seen).add(Drawing::from(stage).into_callback());
    // One lies on the stage, the next on that one alone, the last below no other.
    painter.rect_filled(Rect::from_min_size(pos2(240.0, 120.0), vec2(50.0, 50.0)), 8.0, Color32::from_black_alpha(120));
    painter.text(pos2(266.0, 140.0), Align2::LEFT_TOP, format!("{step}"), FontId::monospace(14.0), Color32::RED);
    painter.text(pos2(300.0, 200.0), Align2::LEFT_TOP, format!("{}", step / 2), FontId::monospace(14.0), Color32::BLUE);
    let clipped = painter.with_clip_rect(Rect::from_min_max(pos2(300.5, 30.5), pos2(330.0, 90.0 - at)));
    clipped.circle_filled(pos2(310.0, 60.0), 30.0, Color32::from_rgb(120, 60, 160));
    if step == 10 {
        ui.ctx().set_visuals(egui::Visuals::light());
    }
}

fn picture_of(step: usize) -> Frame {
    frame_of(Size::new(16, 10), PlaneLayout::Gbr, 8, ColorDescription::RGB, |plane, [x, y], _| {
        ((x * 13 + y * 7) as usize + plane * 40 + step * 9) as u16 % 256
    })
}

#[test]
fn a_kept_picture_is_the_one_that_would_be_drawn() {
    let pictures = [DrawnBy::Shaders, DrawnBy::Processor].map(|drawn_by| {
        let step = Rc::new(Cell::new(0));
        let (shown, mut texture) = (step.clone(), None);
        let mut harness = window(vec2(340.0, 230.0), drawn_by, move |ui| show(ui, shown.get(), &mut texture));
        let mut pictures = Vec::new();
        for next in 0..STEPS {
            step.set(next);
            if next == 12 {
                harness.set_size(vec2(320.0, 240.0));
            }
            harness.step();
            pictures.push(harness.render().unwrap());
            // A pass that nobody looks at.
            if next % 5 == 2 {
                harness.step();
            }
        }
        pictures
    });
    let [anew, kept] = pictures;
    assert!(anew.windows(2).all(|pair| pair[0] != pair[1]), "each step looks different");
    for (step, (anew, kept)) in anew.iter().zip(&kept).enumerate() {
        assert_eq!(anew.dimensions(), kept.dimensions());
        let off = |(a, b): (&image::Rgba<u8>, &image::Rgba<u8>)| {
            (0..3).any(|channel| a.0[channel].abs_diff(b.0[channel]) > 1)
        };
        let differing: Vec<_> = anew
            .enumerate_pixels()
            .zip(kept.pixels())
            .filter(|((.., a), b)| off((a, b)))
            .map(|((x, y, _), _)| (x, y))
            .collect();
        assert!(differing.is_empty(), "step {step}: {} pixels, from {:?} on", differing.len(), differing.first());
    }
}
