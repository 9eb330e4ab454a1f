//! A room: a wall with a window and pictures, boards or tiles, a rug, a plant, a lamp.

use super::{EDGE, draw_leaf, draw_plant};
use crate::soundstage::canvas::{Color, lighter, mix, rgb};
use crate::soundstage::exact::Dice;
use crate::soundstage::pen::{Paint, Path, Pen};

/// Wall, floor, and two accents that go with them.
const PALETTES: [[u32; 4]; 8] = [
    [0xf0d5b8, 0xb07f5a, 0xc9604a, 0x3f7d7a],
    [0xb5d2cc, 0xb99674, 0xe8a04f, 0x3d5a80],
    [0xd8cde6, 0xa9826a, 0xd1697f, 0x5f6fa8],
    [0xf4c6ad, 0xa37a63, 0x3f8c86, 0xf2e3c4],
    [0xc7d8b4, 0xb89a72, 0xd9744a, 0x4a6b8a],
    [0x9fbcd8, 0xb08f70, 0xf0b95a, 0xc9564a],
    [0xeadfc9, 0x8f6b55, 0x5f9c86, 0xd98f5a],
    [0x7fa3a3, 0xa68563, 0xf0c98a, 0xd9694f],
];

pub fn paint(pen: &mut Pen, aspect: f32, light: f32, dice: &mut Dice) {
    let [wall, floor, first, second] = dice.pick(&PALETTES).map(rgb);
    let line = dice.within(0.67, 0.74);
    let (near, far) = if light < 0.0 { (0.0, aspect) } else { (aspect, 0.0) };
    pen.rectangle(
        -EDGE,
        -EDGE,
        aspect + EDGE,
        line,
        Paint::Along((near, 0.0), lighter(wall, 0.22), (far, line), lighter(wall, -0.15)),
    );
    paper(pen, aspect, line, wall, dice);
    pen.rectangle(
        -EDGE,
        line,
        aspect + EDGE,
        1.0 + EDGE,
        Paint::Along((0.0, line), lighter(floor, -0.14), (0.0, 1.0), lighter(floor, 0.12)),
    );
    // Boards run towards a point behind the wall.
    let vanishing = (aspect * dice.within(0.35, 0.65), line - 0.55);
    for board in -12..=12 {
        let bottom = 0.5 * aspect + board as f32 * 0.21 * aspect.max(1.0);
        let share = (line - vanishing.1) / (1.1 - vanishing.1);
        let top = vanishing.0 + (bottom - vanishing.0) * share;
        pen.faint(0.3, |pen| pen.tapered(&[(top, line), (bottom, 1.1)], 0.002, 0.006, lighter(floor, -0.45)));
        for knot in 0..2 {
            let y = line + (0.05 + 0.24 * dice.unit()) * (1.0 + knot as f32);
            let along = (y - line) / (1.1 - line);
            let (x, next) = (top + (bottom - top) * along, 0.21 * aspect.max(1.0) * (share + (1.0 - share) * along));
            pen.faint(0.22, |pen| pen.line(&[(x, y), (x + next, y)], 0.003, lighter(floor, -0.45)));
        }
    }
    window(pen, aspect, light, line, second, dice);
    pictures(pen, aspect, light, [first, second], dice);
    pen.rectangle(-EDGE, line - 0.03, aspect + EDGE, line, lighter(wall, 0.6));
    pen.rectangle(-EDGE, line - 0.033, aspect + EDGE, line - 0.03, lighter(wall, -0.2));
    pen.rectangle(-EDGE, line - 0.003, aspect + EDGE, line + 0.006, lighter(floor, -0.45));
    if dice.chance(0.6) {
        rug(pen, aspect, line, [first, second], dice);
    }
    if dice.chance(0.55) {
        let side = if dice.chance(0.5) { dice.within(0.05, 0.12) } else { dice.within(0.88, 0.95) };
        draw_plant(
            pen,
            (side * aspect, line + dice.within(0.01, 0.05)),
            dice.within(0.26, 0.42),
            lighter(first, dice.within(-0.1, 0.2)),
            dice,
        );
    } else if dice.chance(0.6) {
        let side = if dice.chance(0.5) { 0.08 } else { 0.92 };
        lamp(pen, (side * aspect, line + 0.03), dice.within(0.48, 0.6), second);
    }
}

/// Stripes, a wainscot, or nothing.
fn paper(pen: &mut Pen, aspect: f32, line: f32, wall: Color, dice: &mut Dice) {
    match dice.below(3) {
        0 => {
            let wide = dice.within(0.05, 0.09);
            let count = ((aspect + 2.0 * EDGE) / (2.0 * wide)) as usize + 1;
            for stripe in 0..count {
                let x = -EDGE + 2.0 * wide * stripe as f32;
                pen.faint(0.10, |pen| pen.rectangle(x, -EDGE, x + wide, line, lighter(wall, 0.7)));
            }
        }
        1 => {
            let top = line - dice.within(0.2, 0.26);
            pen.faint(0.5, |pen| pen.rectangle(-EDGE, top, aspect + EDGE, line, lighter(wall, 0.4)));
            pen.rectangle(-EDGE, top, aspect + EDGE, top + 0.012, lighter(wall, 0.65));
            pen.rectangle(-EDGE, top + 0.012, aspect + EDGE, top + 0.016, lighter(wall, -0.2));
            let wide = 0.19;
            for panel in 0..((aspect + 2.0 * EDGE) / wide) as usize + 1 {
                let x = -EDGE + wide * panel as f32;
                pen.faint(0.35, |pen| {
                    pen.rounded(x + 0.02, top + 0.045, x + wide - 0.02, line - 0.05, 0.006, lighter(wall, -0.1))
                });
                pen.faint(0.6, |pen| {
                    pen.rounded(x + 0.024, top + 0.049, x + wide - 0.02, line - 0.05, 0.006, lighter(wall, 0.45))
                });
            }
        }
        _ => {}
    }
}

fn window(pen: &mut Pen, aspect: f32, light: f32, line: f32, curtain: Color, dice: &mut Dice) {
    if !dice.chance(0.7) {
        return;
    }
    let half = dice.within(0.12, 0.16);
    let x = aspect * if light < 0.0 { dice.within(0.1, 0.26) } else { dice.within(0.74, 0.9) };
    let (top, bottom) = (dice.within(0.06, 0.12), dice.within(0.42, 0.5));
    let sky = rgb(dice.pick(&[0xa9d6ea, 0xf6d9b0, 0xc3d3f0]));
    pen.glow((x, 0.5 * (top + bottom)), (0.5, 0.5), lighter(sky, 0.7), 0.3);
    // What falls through it onto the floor.
    let lean = -light * 0.22;
    pen.faint(0.16, |pen| {
        pen.polygon(
            &[
                (x - half + lean, line + 0.03),
                (x + half + lean, line + 0.03),
                (x + 1.5 * half + 1.8 * lean, line + 0.2),
                (x - 1.5 * half + 1.8 * lean, line + 0.2),
            ],
            [1.0, 0.97, 0.85],
        );
    });
    let frame = rgb(0xf7f2e8);
    pen.rounded(
        x - half - 0.02,
        top - 0.02,
        x + half + 0.02,
        bottom + 0.02,
        0.008,
        Paint::Along((x - half, top), frame, (x + half, bottom), lighter(frame, -0.2)),
    );
    pen.rectangle(x - half, top, x + half, bottom, Paint::Along((0.0, top), sky, (0.0, bottom), lighter(sky, 0.55)));
    // A garden outside.
    let hill = rgb(0x8fb58a);
    let base = bottom - 0.02;
    let hills = Path::from((x - half, bottom))
        .line((x - half, base - 0.05))
        .curve((x - 0.4 * half, base - 0.12), (x, base - 0.05))
        .curve((x + 0.6 * half, base - 0.02), (x + half, base - 0.07))
        .line((x + half, bottom));
    pen.path(&hills, Paint::Along((0.0, base - 0.1), lighter(hill, 0.35), (0.0, bottom), lighter(hill, 0.1)));
    pen.faint(0.3, |pen| {
        pen.polygon(
            &[(x - 0.7 * half, bottom), (x - 0.2 * half, top), (x + 0.1 * half, top), (x - 0.4 * half, bottom)],
            [1.0; 3],
        )
    });
    pen.rectangle(x - 0.008, top, x + 0.008, bottom, frame);
    pen.rectangle(x - half, top + 0.4 * (bottom - top) - 0.006, x + half, top + 0.4 * (bottom - top) + 0.006, frame);
    pen.rounded(x - half - 0.04, bottom + 0.012, x + half + 0.04, bottom + 0.034, 0.006, lighter(frame, -0.08));
    if dice.chance(0.65) {
        let cloth = lighter(curtain, 0.18);
        let low = bottom + dice.within(0.05, 0.16);
        for side in [-1.0f32, 1.0] {
            let at = |share: f32| x + side * (half + 0.05 - share);
            let drape = Path::from((at(-0.02), top - 0.035))
                .line((at(0.09), top - 0.035))
                .curve((at(0.08), 0.6 * bottom), (at(0.045), low))
                .line((at(-0.03), low))
                .curve((at(-0.02), 0.5 * bottom), (at(-0.02), top - 0.035));
            pen.path(
                &drape,
                Paint::Along((at(-0.02), 0.0), lighter(cloth, -0.12), (at(0.09), 0.0), lighter(cloth, 0.22)),
            );
            for fold in 0..3 {
                let share = 0.005 + 0.027 * fold as f32;
                pen.faint(0.25, |pen| {
                    pen.line(
                        &[(at(share), top - 0.02), (at(0.7 * share - 0.01), low - 0.01)],
                        0.007,
                        lighter(cloth, -0.4),
                    )
                });
            }
        }
        pen.line(&[(x - half - 0.1, top - 0.04), (x + half + 0.1, top - 0.04)], 0.013, rgb(0x6b5148));
    }
}

fn pictures(pen: &mut Pen, aspect: f32, light: f32, accents: [Color; 2], dice: &mut Dice) {
    let count = dice.below(4);
    let mut x = aspect * if light < 0.0 { dice.within(0.5, 0.6) } else { dice.within(0.1, 0.2) };
    for number in 0..count {
        let (half_width, half_height) = (dice.within(0.05, 0.09), dice.within(0.06, 0.1));
        let y = dice.within(0.2, 0.3);
        x += half_width;
        pen.faint(0.25, |pen| {
            pen.rounded(
                x - half_width - 0.01 * light,
                y - half_height + 0.014,
                x + half_width - 0.01 * light,
                y + half_height + 0.018,
                0.006,
                rgb(0x2a1b2c),
            )
        });
        let wood = rgb(dice.pick(&[0x6b4a3a, 0xd9c49a, 0x3a3540, 0xf4efe4]));
        pen.rounded(
            x - half_width,
            y - half_height,
            x + half_width,
            y + half_height,
            0.005,
            Paint::Along((x, y - half_height), lighter(wood, 0.15), (x, y + half_height), lighter(wood, -0.15)),
        );
        let (w, h) = (half_width - 0.012, half_height - 0.012);
        pen.rectangle(x - w, y - h, x + w, y + h, rgb(0xf6f1e4));
        let (w, h) = (w - 0.012, h - 0.012);
        let tone = mix(accents[number % 2], rgb(0xf4e6cc), 0.35);
        pen.rectangle(x - w, y - h, x + w, y + h, Paint::Along((0.0, y - h), lighter(tone, 0.45), (0.0, y + h), tone));
        match dice.below(3) {
            0 => {
                pen.circle((x + 0.3 * w, y - 0.35 * h), 0.3 * w, lighter(accents[0], 0.25));
                pen.polygon(
                    &[
                        (x - w, y + h),
                        (x - 0.3 * w, y - 0.1 * h),
                        (x + 0.2 * w, y + 0.4 * h),
                        (x + 0.5 * w, y + 0.1 * h),
                        (x + w, y + h),
                    ],
                    lighter(accents[1], -0.1),
                );
            }
            1 => {
                let stem = pen.stance.moved(x, y + 0.9 * h);
                for turn in [-0.34, -0.25, -0.16] {
                    pen.at_stance(stem.turned(turn), |pen| draw_leaf(pen, 1.5 * h, 0.18 * w, accents[1]));
                }
            }
            _ => {
                pen.circle((x - 0.2 * w, y), 0.5 * w, accents[1]);
                pen.rectangle(x - 0.1 * w, y - 0.2 * h, x + 0.75 * w, y + 0.7 * h, lighter(accents[0], 0.1));
            }
        }
        x += half_width + dice.within(0.035, 0.07);
    }
}

fn rug(pen: &mut Pen, aspect: f32, line: f32, accents: [Color; 2], dice: &mut Dice) {
    let x = aspect * dice.within(0.42, 0.58);
    let (half, high) = (aspect * dice.within(0.28, 0.4), dice.within(0.07, 0.095));
    let y = line + 0.6 * (1.0 - line);
    let cloth = mix(accents[1], rgb(0xe8dcc8), 0.35);
    if dice.chance(0.5) {
        for (share, color) in [
            (1.0, lighter(cloth, -0.22)),
            (0.97, cloth),
            (0.8, lighter(accents[0], 0.25)),
            (0.74, lighter(cloth, 0.18)),
            (0.4, cloth),
        ] {
            pen.ellipse((x, y), (half * share, high * share), color);
        }
    } else {
        let slanted = |share: f32| {
            let (half, high, lean) = (half * share, high * share, 0.10 * share);
            [(x - half + lean, y - high), (x + half - lean, y - high), (x + half, y + high), (x - half, y + high)]
        };
        for (share, color) in [
            (1.0, lighter(cloth, -0.22)),
            (0.975, cloth),
            (0.86, lighter(accents[0], 0.2)),
            (0.82, lighter(cloth, 0.16)),
        ] {
            pen.polygon(&slanted(share), color);
        }
    }
}

fn lamp(pen: &mut Pen, (x, y): (f32, f32), size: f32, color: Color) {
    let own = pen.stance.moved(x, y).scaled(size, size);
    pen.at_stance(own, |pen| {
        pen.glow((0.0, -0.86), (0.62, 0.6), rgb(0xfff0c4), 0.55);
        pen.ellipse((0.0, -0.012), (0.13, 0.022), rgb(0x4a3d3a));
        pen.rectangle(-0.011, -0.75, 0.011, -0.01, rgb(0x5c4a42));
        pen.polygon(
            &[(-0.13, -1.0), (0.13, -1.0), (0.22, -0.72), (-0.22, -0.72)],
            Paint::Along((0.0, -1.0), lighter(color, 0.35), (0.0, -0.72), lighter(color, 0.7)),
        );
    });
}
