//! A field: hills one behind the other, clouds, trees, a fence, flowers.

use super::{EDGE, draw_cloud, draw_tree};
use crate::soundstage::canvas::{lighter, mix, rgb};
use crate::soundstage::exact::{Dice, sine_f32};
use crate::soundstage::pen::{Paint, Pen};

/// Sky, haze on the horizon, grass, and crowns of trees.
const PALETTES: [[u32; 4]; 5] = [
    [0x7fbfe0, 0xe3f0ee, 0x8fb964, 0x5f9457],
    [0xf4b27f, 0xfbe3bd, 0xb5a954, 0x9c7a45],
    [0x93aee6, 0xf2dcea, 0x7fb088, 0x4f8573],
    [0x9fd8d6, 0xf6f0d6, 0xa5bf62, 0x76a04f],
    [0xc3b0e0, 0xfad9c8, 0x94a86b, 0x6f7f5a],
];

pub fn paint(pen: &mut Pen, aspect: f32, light: f32, dice: &mut Dice) {
    let [sky, haze, grass, crown] = dice.pick(&PALETTES).map(rgb);
    let horizon = dice.within(0.60, 0.66);
    pen.rectangle(-EDGE, -EDGE, aspect + EDGE, 0.8, Paint::Along((0.0, 0.0), sky, (0.0, horizon), haze));
    let sun =
        (aspect * if light < 0.0 { dice.within(0.06, 0.3) } else { dice.within(0.7, 0.94) }, dice.within(0.12, 0.3));
    pen.glow(sun, (0.55, 0.55), lighter(haze, 0.7), 0.55);
    pen.circle(sun, 0.05, lighter(haze, 0.85));
    for _ in 0..2 + dice.below(3) {
        draw_cloud(
            pen,
            (dice.within(0.0, aspect), dice.within(0.07, 0.3)),
            dice.within(0.09, 0.19),
            mix(sky, haze, 0.5),
        );
    }
    let far = mix(grass, sky, 0.62);
    ridge(pen, aspect, horizon - 0.11, 0.075, lighter(mix(far, haze, 0.4), 0.1), dice);
    ridge(pen, aspect, horizon - 0.05, 0.05, mix(far, haze, 0.12), dice);
    // A wood on the middle hill.
    let middle = mix(grass, far, 0.45);
    for _ in 0..5 + dice.below(6) {
        let size = dice.within(0.07, 0.12);
        draw_tree(
            pen,
            (dice.within(-0.1, aspect + 0.1), horizon + dice.within(-0.01, 0.01)),
            size,
            mix(crown, far, 0.4),
            light,
            dice,
        );
    }
    ridge(pen, aspect, horizon, 0.025, middle, dice);
    ridge(pen, aspect, horizon + 0.065, 0.018, lighter(grass, 0.05), dice);
    pen.rectangle(
        -EDGE,
        horizon + 0.09,
        aspect + EDGE,
        1.0 + EDGE,
        Paint::Along((0.0, horizon + 0.09), lighter(grass, 0.04), (0.0, 1.0), lighter(grass, -0.14)),
    );
    for _ in 0..dice.below(3) {
        let x = aspect * if dice.chance(0.5) { dice.within(0.02, 0.16) } else { dice.within(0.84, 0.98) };
        draw_tree(pen, (x, horizon + 0.11), dice.within(0.34, 0.5), crown, light, dice);
    }
    if dice.chance(0.55) {
        fence(pen, aspect, horizon + 0.1, dice);
    }
    let mut petals = [0xf7f0e0, 0xf0c34f, 0xe0787f, 0xc9a3e0, 0xf4a25f].map(rgb);
    dice.shuffle(&mut petals);
    for tuft in 0..70 {
        let near = dice.unit();
        let (x, y) = (dice.within(-0.1, aspect + 0.1), horizon + 0.13 + (0.9 - horizon) * near * near);
        let size = 0.012 + 0.022 * near;
        if tuft % 4 == 0 {
            pen.line(&[(x, y), (x, y - size)], 0.003, lighter(grass, -0.35));
            let petal = petals[tuft / 4 % 2];
            pen.circle((x, y - size), 0.3 * size + 0.001, petal);
            pen.circle((x, y - size), 0.11 * size, lighter(petal, -0.35));
        } else {
            let shade = lighter(grass, if tuft % 2 == 0 { -0.22 } else { 0.2 });
            for blade in [-0.4f32, 0.0, 0.45] {
                pen.faint(0.6, |pen| pen.tapered(&[(x, y), (x + blade * size, y - size)], 0.004, 0.001, shade));
            }
        }
    }
}

/// A hill line of three waves.
fn ridge(pen: &mut Pen, aspect: f32, y: f32, high: f32, color: [f32; 3], dice: &mut Dice) {
    let phases = [0; 3].map(|_| dice.unit());
    let steps = 40;
    let mut line: Vec<(f32, f32)> = (0..=steps)
        .map(|step| {
            let x = -EDGE + (aspect + 2.0 * EDGE) * step as f32 / steps as f32;
            let wave = 0.6 * sine_f32(0.45 * x + phases[0])
                + 0.3 * sine_f32(1.1 * x + phases[1])
                + 0.12 * sine_f32(2.7 * x + phases[2]);
            (x, y - high * wave)
        })
        .collect();
    line.extend([(aspect + EDGE, 1.0 + EDGE), (-EDGE, 1.0 + EDGE)]);
    pen.polygon(&line, Paint::Along((0.0, y - high), lighter(color, 0.12), (0.0, y + 0.12), lighter(color, -0.1)));
}

fn fence(pen: &mut Pen, aspect: f32, y: f32, dice: &mut Dice) {
    let wood = rgb(dice.pick(&[0xf2ebdc, 0x9c7458, 0xc9a37a]));
    let high = dice.within(0.08, 0.11);
    for rail in [0.35, 0.75] {
        pen.rectangle(
            -EDGE,
            y - high * rail - 0.008,
            aspect + EDGE,
            y - high * rail + 0.006,
            Paint::Along((0.0, y - high), lighter(wood, 0.1), (0.0, y), lighter(wood, -0.15)),
        );
    }
    for post in 0..((aspect + 2.0 * EDGE) / 0.12) as usize {
        let x = -EDGE + 0.12 * post as f32;
        pen.polygon(
            &[(x, y), (x, y - high), (x + 0.01, y - high - 0.014), (x + 0.02, y - high), (x + 0.02, y)],
            Paint::Along((x, 0.0), lighter(wood, 0.12), (x + 0.02, 0.0), lighter(wood, -0.22)),
        );
    }
}
