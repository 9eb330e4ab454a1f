//! A street: houses in a row, trees and lamps on the pavement, and the road.

use super::{EDGE, draw_cloud, draw_tree};
use crate::soundstage::canvas::{Color, lighter, mix, rgb};
use crate::soundstage::exact::Dice;
use crate::soundstage::pen::{Paint, Path, Pen};

const HOUSES: [u32; 8] = [0xe8b08a, 0xd98f7a, 0xf0d3a0, 0xa9c3b5, 0xc9b3c9, 0x9fb5cf, 0xe6c3b0, 0xd4c48f];

pub fn paint(pen: &mut Pen, aspect: f32, light: f32, traffic: bool, dice: &mut Dice) {
    let sky = rgb(dice.pick(&[0x8fc3e0, 0xf2bf98, 0xa9bfe3, 0xbfe0dc]));
    // Where the houses stand, the far kerb, and where the road begins.
    let (foot, kerb) = if traffic { (0.625, 0.67) } else { (0.70, 0.76) };
    pen.rectangle(-EDGE, -EDGE, aspect + EDGE, foot, Paint::Along((0.0, 0.0), sky, (0.0, foot), lighter(sky, 0.6)));
    for _ in 0..2 + dice.below(2) {
        draw_cloud(pen, (dice.within(0.0, aspect), dice.within(0.06, 0.2)), dice.within(0.09, 0.16), sky);
    }
    // A far skyline in the haze.
    let haze = mix(sky, rgb(0x8f93b5), 0.35);
    let mut x = -EDGE;
    while x < aspect + EDGE {
        let (wide, high) = (dice.within(0.06, 0.14), dice.within(0.3, 0.48));
        pen.rectangle(
            x,
            foot - high,
            x + wide,
            foot,
            Paint::Along((0.0, foot - high), lighter(haze, 0.12), (0.0, foot), lighter(haze, 0.5)),
        );
        x += wide + dice.within(0.0, 0.03);
    }
    let mut x = -EDGE + dice.within(-0.1, 0.0);
    let mut before = usize::MAX;
    while x < aspect + EDGE {
        let mut color = dice.below(HOUSES.len());
        if color == before {
            color = (color + 3) % HOUSES.len();
        }
        before = color;
        let wide = dice.within(0.2, 0.34);
        let high = if traffic { dice.within(0.26, 0.46) } else { dice.within(0.36, 0.6) };
        house(pen, x, wide, foot - high, foot, rgb(HOUSES[color]), light, dice);
        x += wide + if dice.chance(0.2) { dice.within(0.04, 0.1) } else { 0.0 };
    }
    let pavement = rgb(0xc9c1b8);
    pen.rectangle(
        -EDGE,
        foot - 0.002,
        aspect + EDGE,
        kerb,
        Paint::Along((0.0, foot), lighter(pavement, -0.12), (0.0, kerb), lighter(pavement, 0.1)),
    );
    for slab in 0..((aspect + 2.0 * EDGE) / 0.11) as usize {
        let x = -EDGE + 0.11 * slab as f32;
        pen.faint(0.25, |pen| {
            pen.line(&[(x, foot), (x + 0.3 * (x - 0.5 * aspect) * (kerb - foot), kerb)], 0.002, lighter(pavement, -0.5))
        });
    }
    let crowns = [0x6b9c5a, 0x8fae54, 0x5a8f6b, 0xd9a04f].map(rgb);
    let crown = dice.pick(&crowns);
    let mut x = dice.within(0.02, 0.25);
    while x < aspect {
        let size = dice.within(0.24, 0.34);
        if dice.chance(0.6) {
            draw_tree(pen, (x, foot + 0.022), size, crown, light, dice);
        } else {
            lamp_post(pen, (x, foot + 0.025), size * 1.05);
        }
        x += dice.within(0.24, 0.5);
    }
    if traffic {
        road(pen, aspect, kerb, 1.0 + EDGE);
        for (y, dash) in [(0.79, true), (0.885, true)] {
            lane_marks(pen, aspect, y, dash);
        }
    } else {
        // A strip of road behind, and a square of stone in front.
        road(pen, aspect, kerb, kerb + 0.06);
        let stone = rgb(dice.pick(&[0xb9aea3, 0xc7b8a0, 0xa9a7ab]));
        pen.rectangle(-EDGE, kerb + 0.06, aspect + EDGE, kerb + 0.075, lighter(stone, 0.4));
        pen.rectangle(
            -EDGE,
            kerb + 0.075,
            aspect + EDGE,
            1.0 + EDGE,
            Paint::Along((0.0, kerb + 0.07), lighter(stone, -0.1), (0.0, 1.0), lighter(stone, 0.1)),
        );
        for row in 0..4 {
            let y = kerb + 0.075 + 0.05 * row as f32 * (1.0 + 0.25 * row as f32);
            pen.faint(0.3, |pen| pen.line(&[(-EDGE, y), (aspect + EDGE, y)], 0.003, lighter(stone, -0.4)));
        }
        for joint in -8..=8 {
            let x = 0.5 * aspect + 0.22 * joint as f32;
            let spread = 0.5 * aspect + 0.34 * joint as f32;
            pen.faint(0.3, |pen| pen.tapered(&[(x, kerb + 0.075), (spread, 1.06)], 0.002, 0.004, lighter(stone, -0.4)));
        }
    }
}

fn road(pen: &mut Pen, aspect: f32, top: f32, bottom: f32) {
    let tar = rgb(0x6f6d7a);
    pen.rectangle(-EDGE, top, aspect + EDGE, top + 0.012, rgb(0xdcd6cc));
    pen.rectangle(
        -EDGE,
        top + 0.012,
        aspect + EDGE,
        bottom,
        Paint::Along((0.0, top), lighter(tar, -0.16), (0.0, 1.0), lighter(tar, 0.1)),
    );
}

fn lane_marks(pen: &mut Pen, aspect: f32, y: f32, dashed: bool) {
    let count = if dashed { ((aspect + 2.0 * EDGE) / 0.2) as usize + 1 } else { 1 };
    for dash in 0..count {
        let x = -EDGE + 0.2 * dash as f32;
        pen.faint(0.8, |pen| {
            pen.polygon(
                &[(x, y - 0.004), (x + 0.1, y - 0.004), (x + 0.098, y + 0.004), (x - 0.002, y + 0.004)],
                rgb(0xf2ead6),
            )
        });
    }
}

fn house(pen: &mut Pen, left: f32, wide: f32, top: f32, foot: f32, color: Color, light: f32, dice: &mut Dice) {
    let right = left + wide;
    let (bright, dark) = if light < 0.0 { (left, right) } else { (right, left) };
    let roof = rgb(dice.pick(&[0x8f5a4f, 0x5f6478, 0x7a6a5f, 0xa8705a]));
    match dice.below(3) {
        0 => pen.polygon(
            &[(left - 0.008, top), (right + 0.008, top), (right - 0.03, top - 0.075), (left + 0.03, top - 0.075)],
            Paint::Along((0.0, top - 0.075), lighter(roof, 0.15), (0.0, top), lighter(roof, -0.15)),
        ),
        1 => pen.polygon(
            &[(left - 0.008, top), (right + 0.008, top), (0.5 * (left + right), top - 0.1)],
            Paint::Along((bright, 0.0), lighter(roof, 0.15), (dark, 0.0), lighter(roof, -0.2)),
        ),
        _ => pen.rectangle(left - 0.005, top - 0.016, right + 0.005, top + 0.01, lighter(color, -0.3)),
    }
    pen.rectangle(
        left,
        top,
        right,
        foot,
        Paint::Along((bright, top), lighter(color, 0.16), (dark, foot), lighter(color, -0.16)),
    );
    let glass = rgb(0x8fb5c9);
    let columns = ((wide - 0.03) / 0.075) as usize;
    let rows = ((foot - top - 0.16) / 0.11).max(0.0) as usize;
    let pitch = wide / columns.max(1) as f32;
    let shutters = dice.chance(0.4).then(|| rgb(dice.pick(&[0x4f7d7a, 0x6b5f8f, 0xa8604f, 0x5a7fa8])));
    for row in 0..rows {
        let y = top + 0.04 + 0.11 * row as f32;
        for column in 0..columns {
            let x = left + pitch * (column as f32 + 0.5);
            let lit = dice.chance(0.12);
            pen.rectangle(x - 0.021, y - 0.004, x + 0.021, y + 0.064, lighter(color, 0.5));
            let pane = if lit { rgb(0xffe3a0) } else { glass };
            pen.rectangle(
                x - 0.017,
                y,
                x + 0.017,
                y + 0.056,
                Paint::Along((x - 0.017, y), lighter(pane, 0.3), (x + 0.017, y + 0.056), lighter(pane, -0.32)),
            );
            pen.rectangle(x - 0.0015, y, x + 0.0015, y + 0.056, lighter(color, 0.5));
            pen.rectangle(x - 0.024, y + 0.058, x + 0.024, y + 0.067, lighter(color, -0.25));
            if let Some(wood) = shutters {
                for side in [-1.0f32, 1.0] {
                    pen.rectangle(x + side * 0.0255 - 0.0065, y - 0.002, x + side * 0.0255 + 0.0065, y + 0.058, wood);
                }
            }
        }
    }
    // A shop with an awning, or a door.
    if dice.chance(0.5) {
        let cloth = rgb(dice.pick(&[0xd1574a, 0x3f8c86, 0xe8a94f, 0x5f6fa8]));
        let (a, b, y) = (left + 0.025, right - 0.025, foot - 0.115);
        pen.rectangle(a, y + 0.01, b, foot, lighter(color, -0.45));
        pen.rectangle(
            a + 0.008,
            y + 0.02,
            b - 0.045,
            foot - 0.022,
            Paint::Along((a, y), rgb(0xd6e6e6), (b, foot), rgb(0x6f93a3)),
        );
        pen.rectangle(b - 0.038, y + 0.02, b - 0.008, foot, lighter(cloth, -0.35));
        let stripes = 7;
        for stripe in 0..stripes {
            let at = |share: f32| a + (b - a) * share / stripes as f32;
            let (s, e) = (at(stripe as f32), at(stripe as f32 + 1.0));
            let tone = if stripe % 2 == 0 { cloth } else { rgb(0xf7efe0) };
            let flap = Path::from((s, y - 0.012))
                .line((e, y - 0.012))
                .line((e + 0.002, y + 0.032))
                .curve((0.5 * (s + e), y + 0.05), (s - 0.002, y + 0.032));
            pen.path(
                &flap,
                Paint::Along((0.0, y - 0.012), lighter(tone, 0.12), (0.0, y + 0.045), lighter(tone, -0.12)),
            );
        }
    } else {
        let x = left + wide * dice.within(0.3, 0.7);
        let wood = rgb(dice.pick(&[0x7a4f3f, 0x3f6b6b, 0x5f5a80, 0xa84f45]));
        pen.rounded(x - 0.03, foot - 0.115, x + 0.03, foot, 0.028, lighter(color, 0.45));
        pen.rounded(
            x - 0.023,
            foot - 0.108,
            x + 0.023,
            foot + 0.0,
            0.022,
            Paint::Along((x - 0.02, 0.0), lighter(wood, 0.15), (x + 0.02, 0.0), lighter(wood, -0.15)),
        );
        pen.rectangle(
            x - 0.023,
            foot - 0.05,
            x + 0.023,
            foot,
            Paint::Along((x - 0.02, 0.0), lighter(wood, 0.1), (x + 0.02, 0.0), lighter(wood, -0.2)),
        );
    }
}

fn lamp_post(pen: &mut Pen, (x, y): (f32, f32), size: f32) {
    let own = pen.stance.moved(x, y).scaled(size, size);
    pen.at_stance(own, |pen| {
        let iron = rgb(0x3f4552);
        pen.tapered(&[(0.0, 0.0), (0.0, -0.86)], 0.035, 0.02, iron);
        pen.rounded(-0.045, -0.05, 0.045, 0.0, 0.01, iron);
        pen.polygon(&[(-0.06, -0.97), (0.06, -0.97), (0.04, -0.85), (-0.04, -0.85)], rgb(0xffeec0));
        pen.polygon(&[(-0.075, -0.965), (0.075, -0.965), (0.0, -1.02)], iron);
    });
}
