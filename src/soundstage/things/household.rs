//! The alarm clock, the telephone and the kettle, and the table that they stand on.

use super::{Look, Motion};
use crate::soundstage::canvas::{Color, lighter, mix, rgb};
use crate::soundstage::exact::{cosine, sine, sine_f32, smooth_step};
use crate::soundstage::pen::{Paint, Path, Pen};

const INK: Color = rgb(0x2a2730);

/// Two bells with a hammer between, a face, two feet.
pub fn draw_clock(pen: &mut Pen, look: &Look, motion: &Motion) {
    let ringing = motion.recent(0.1);
    let shake = ringing * sine_f32((motion.secs * 17.0).fract() as f32);
    let stance = pen
        .stance
        .moved(0.010 * shake, -0.012 * ringing * (0.5 + 0.5 * shake))
        .turned_about((0.0, -0.4), 0.010 * shake);
    let [round, bells, _, feet] = look.shape;
    let radius = 0.365 + 0.012 * round;
    let (cx, cy) = (0.0, -0.43);
    pen.at_stance(stance, |pen| {
        for side in [-1.0f32, 1.0] {
            pen.tapered(
                &[(side * 0.2, -0.2), (side * (0.29 + 0.02 * feet), -0.02)],
                0.07,
                0.045,
                lighter(look.metal, -0.25),
            );
            pen.circle((side * (0.29 + 0.02 * feet), -0.022), 0.024, lighter(look.metal, -0.4));
        }
        // Handle and hammer.
        let handle = Path::through(&[(-0.15, -0.86), (-0.1, -0.965), (0.0, -0.985), (0.1, -0.965), (0.15, -0.86)]);
        pen.line(&handle, 0.03, lighter(look.metal, -0.1));
        let hammer = 0.055 * ringing * sine_f32((motion.secs * 16.0 + 0.2).fract() as f32);
        if ringing > 0.05 {
            pen.faint(0.35, |pen| pen.polygon(&[(0.0, -0.78), (-0.08, -0.92), (0.08, -0.92)], look.metal));
        }
        pen.line(&[(0.0, -0.78), (hammer, -0.9)], 0.022, INK);
        pen.circle((hammer, -0.905), 0.033, INK);
        for side in [-1.0f32, 1.0] {
            let lean = pen.stance.moved(side * 0.245, -0.765).turned(side * 0.085);
            let size = 0.165 + 0.012 * bells;
            pen.at_stance(lean, |pen| {
                pen.rounded(-0.02, -0.02, 0.02, 0.09, 0.01, lighter(look.metal, -0.3));
                let dome =
                    Path::from((-size, 0.02)).curve((-size, -0.17), (0.0, -0.175)).curve((size, -0.17), (size, 0.02));
                pen.path(
                    &dome,
                    Paint::Along(
                        (look.light * size, -0.1),
                        lighter(look.metal, 0.42),
                        (-look.light * size, 0.02),
                        lighter(look.metal, -0.35),
                    ),
                );
                pen.rounded(-size * 1.04, 0.0, size * 1.04, 0.035, 0.016, lighter(look.metal, -0.2));
                pen.faint(0.65, |pen| pen.ellipse((look.light * 0.5 * size, -0.08), (0.025, 0.042), [1.0; 3]));
                pen.circle((0.0, -0.178), 0.024, lighter(look.metal, -0.2));
            });
        }
        pen.circle(
            (cx, cy),
            radius,
            Paint::Around((0.14 * look.light, cy - 0.14), 0.6, lighter(look.main, 0.34), lighter(look.main, -0.36)),
        );
        pen.circle((cx, cy), radius * 0.855, lighter(look.main, -0.38));
        pen.circle(
            (cx, cy),
            radius * 0.82,
            Paint::Along((0.0, cy - radius), rgb(0xe9e3d5), (0.0, cy + radius), rgb(0xfffdf6)),
        );
        for hour in 0..12 {
            let turns = f64::from(hour) / 12.0;
            let (dx, dy) = (cosine(turns), sine(turns));
            let (from, wide) = if hour % 3 == 0 { (0.60, 0.028) } else { (0.66, 0.014) };
            pen.line(
                &[
                    (cx + dx * radius * from, cy + dy * radius * from),
                    (cx + dx * radius * 0.73, cy + dy * radius * 0.73),
                ],
                wide,
                INK,
            );
        }
        let hand = |pen: &mut Pen, turns: f64, long: f32, wide: f32, color: Color| {
            let (dx, dy) = (sine(turns), -cosine(turns));
            pen.tapered(
                &[(cx - dx * 0.04, cy - dy * 0.04), (cx + dx * long, cy + dy * long)],
                wide,
                wide * 0.55,
                color,
            );
        };
        let hour = f64::from(look.variant) / 97.0;
        hand(pen, hour, 0.16, 0.034, INK);
        hand(pen, hour * 12.0, 0.23, 0.026, INK);
        hand(pen, hour * 5.0 + 0.2, 0.2, 0.012, rgb(0xd1495b));
        pen.circle((cx, cy), 0.024, rgb(0xd1495b));
        let glass = Path::from((cx + look.light * 0.24, cy - 0.16))
            .curve((cx + look.light * 0.27, cy), (cx + look.light * 0.2, cy + 0.16))
            .curve((cx + look.light * 0.17, cy), (cx + look.light * 0.24, cy - 0.16));
        pen.faint(0.55, |pen| pen.path(&glass, [1.0; 3]));
    });
}

/// With a dial and a receiver on its cradle, which jumps as it rings.
pub fn draw_telephone(pen: &mut Pen, look: &Look, motion: &Motion) {
    let ringing = motion.recent(0.15);
    let shake = ringing * sine_f32((motion.secs * 13.0).fract() as f32);
    let [wide, tall, dial, _] = look.shape;
    let half = 0.49 + 0.025 * wide;
    let shoulder = 0.245 + 0.02 * tall;
    let stance = pen.stance.moved(0.006 * shake, 0.0);
    pen.at_stance(stance, |pen| {
        pen.rounded(-half * 0.92, -0.05, half * 0.92, 0.0, 0.02, lighter(look.main, -0.6));
        let body = Path::from((-half, -0.045))
            .curve((-half * 0.97, -0.2), (-0.33, -0.42))
            .curve((-shoulder - 0.02, -0.62), (-shoulder, -0.69))
            .line((shoulder, -0.69))
            .curve((shoulder + 0.02, -0.62), (0.33, -0.42))
            .curve((half * 0.97, -0.2), (half, -0.045));
        pen.path(
            &body,
            Paint::Along(
                (look.light * 0.42, -0.6),
                lighter(look.main, 0.3),
                (-look.light * 0.4, -0.1),
                lighter(look.main, -0.36),
            ),
        );
        let gleam = Path::from((look.light * 0.27, -0.6))
            .curve((look.light * 0.31, -0.4), (look.light * (half - 0.07), -0.1))
            .curve((look.light * 0.33, -0.36), (look.light * 0.27, -0.6));
        pen.faint(0.35, |pen| pen.path(&gleam, [1.0; 3]));
        for side in [-1.0f32, 1.0] {
            pen.rounded(
                side * 0.2 - 0.05,
                -0.775,
                side * 0.2 + 0.05,
                -0.66,
                0.03,
                look.lit(lighter(look.main, -0.25), 0.3),
            );
        }
        let (cx, cy, size) = (0.0, -0.34, 0.235 + 0.012 * dial);
        pen.ellipse((cx, cy), (size * 1.08, size * 1.02), lighter(look.main, -0.45));
        pen.ellipse(
            (cx, cy),
            (size, size * 0.94),
            Paint::Along((0.0, cy - size), lighter(look.metal, 0.1), (0.0, cy + size), lighter(look.metal, 0.5)),
        );
        for hole in 0..10 {
            let turns = 0.06 + 0.075 * f64::from(hole);
            let at = (cx + 0.70 * size * cosine(turns), cy + 0.66 * size * sine(turns));
            pen.ellipse(at, (size * 0.145, size * 0.136), lighter(look.dark, -0.1));
        }
        pen.ellipse((cx, cy), (size * 0.42, size * 0.395), lighter(look.second, 0.55));
        pen.ellipse((cx, cy), (size * 0.30, size * 0.28), lighter(look.second, 0.8));
        let receiver = pen
            .stance
            .moved(0.012 * shake, -0.022 * ringing * (0.5 + 0.5 * shake))
            .turned_about((0.0, -0.8), 0.010 * shake);
        pen.at_stance(receiver, |pen| {
            let end = half + 0.035;
            let handle = Path::from((-end + 0.04, -0.72))
                .curve((-end - 0.02, -0.86), (-end + 0.1, -0.90))
                .curve((-0.2, -1.0), (0.0, -1.0))
                .curve((0.2, -1.0), (end - 0.1, -0.90))
                .curve((end + 0.02, -0.86), (end - 0.04, -0.72))
                .line((end - 0.25, -0.72))
                .curve((end - 0.24, -0.84), (0.13, -0.855))
                .line((-0.13, -0.855))
                .curve((-end + 0.24, -0.84), (-end + 0.25, -0.72));
            pen.path(
                &handle,
                Paint::Along(
                    (look.light * 0.2, -1.02),
                    lighter(look.main, 0.38),
                    (-look.light * 0.1, -0.72),
                    lighter(look.main, -0.34),
                ),
            );
            for side in [-1.0f32, 1.0] {
                let x = side * (end - 0.145);
                pen.rounded(x - 0.125, -0.742, x + 0.125, -0.69, 0.022, lighter(look.main, -0.5));
            }
            let shine = Path::through(&[(-0.26, -0.945), (0.0, -0.968), (0.26, -0.945)]);
            pen.faint(0.5, |pen| pen.line(&shine, 0.016, [1.0; 3]));
        });
    });
}

pub fn draw_kettle(pen: &mut Pen, look: &Look, motion: &Motion) {
    let boiling = motion
        .last()
        .map_or(0.0, |(_, note, since)| smooth_step(0.0, 0.5, since) * motion.ends_softly(note, since, 0.3));
    let shake = boiling * sine_f32((motion.secs * 11.0).fract() as f32);
    let [wide, tall, spout, knob] = look.shape;
    let half = 0.37 + 0.025 * wide;
    let top = -0.60 - 0.03 * tall;
    let stance = pen.stance.moved(0.003 * shake, 0.0);
    pen.at_stance(stance, |pen| {
        // Handle.
        let grip = Path::through(&[
            (-0.27, top + 0.08),
            (-0.31, -0.82),
            (-0.16, -0.965),
            (0.1, -0.965),
            (0.25, -0.84),
            (0.24, top + 0.08),
        ]);
        pen.line(&grip, 0.034, lighter(look.metal, -0.3));
        let hold = Path::through(&[(-0.21, -0.93), (-0.02, -0.982), (0.16, -0.94)]);
        pen.line(&hold, 0.062, look.dark);
        pen.faint(0.4, |pen| {
            pen.line(&Path::through(&[(-0.18, -0.95), (-0.02, -0.994), (0.13, -0.958)]), 0.014, [1.0; 3])
        });
        // Spout.
        let lip = (0.55 + 0.02 * spout, -0.60);
        pen.path(
            &Path::from((half * 0.78, -0.12))
                .curve((0.50, -0.16), (lip.0 + 0.035, lip.1 + 0.03))
                .line((lip.0 - 0.06, lip.1))
                .curve((0.40, -0.42), (half * 0.7, -0.42)),
            Paint::Along((0.35, -0.5), lighter(look.main, 0.12), (0.55, -0.3), lighter(look.main, -0.3)),
        );
        pen.line(&[(lip.0 - 0.07, lip.1 - 0.004), (lip.0 + 0.042, lip.1 + 0.03)], 0.036, lighter(look.metal, 0.15));
        let body = Path::from((-half * 0.82, -0.012))
            .curve((-half * 1.12, -0.05), (-half * 1.04, -0.24))
            .curve((-half * 0.93, top + 0.12), (-half * 0.5, top + 0.03))
            .line((half * 0.5, top + 0.03))
            .curve((half * 0.93, top + 0.12), (half * 1.04, -0.24))
            .curve((half * 1.12, -0.05), (half * 0.82, -0.012));
        pen.path(
            &body,
            Paint::Along(
                (look.light * 0.34, -0.5),
                lighter(look.main, 0.34),
                (-look.light * 0.36, -0.1),
                lighter(look.main, -0.4),
            ),
        );
        match look.variant % 3 {
            0 => {
                // Dots around the belly.
                for dot in 0..5 {
                    let across = (dot as f32 - 2.0) / 2.4;
                    let narrow = (1.0 - across * across).sqrt();
                    pen.ellipse(
                        (across * half * 0.98, -0.27 + 0.03 * narrow),
                        (0.036 * narrow, 0.036),
                        lighter(look.second, 0.1),
                    );
                    if dot < 4 {
                        let across = (dot as f32 - 1.5) / 2.4;
                        let narrow = (1.0 - across * across).sqrt();
                        pen.ellipse(
                            (across * half, -0.15 + 0.03 * narrow),
                            (0.036 * narrow, 0.036),
                            lighter(look.second, 0.1),
                        );
                    }
                }
            }
            1 => {
                let (wide, y) = (half * 1.045, -0.235);
                let band = Path::from((-wide, y))
                    .curve((0.0, y + 0.09), (wide, y))
                    .line((half * 1.06, y + 0.07))
                    .curve((0.0, y + 0.16), (-half * 1.06, y + 0.07));
                pen.faint(0.85, |pen| pen.path(&band, look.lit(look.second, half)));
            }
            _ => {}
        }
        pen.rounded(-half * 0.86, -0.035, half * 0.86, 0.0, 0.015, lighter(look.metal, -0.35));
        let gleam = Path::from((look.light * half * 0.55, top + 0.12))
            .curve((look.light * half * 0.95, -0.3), (look.light * half * 0.75, -0.09))
            .curve((look.light * half * 0.7, -0.3), (look.light * half * 0.55, top + 0.12));
        pen.faint(0.5, |pen| pen.path(&gleam, [1.0; 3]));
        let shade = Path::from((-look.light * half * 0.95, -0.3))
            .curve((-look.light * half * 1.1, -0.08), (-look.light * half * 0.7, -0.02))
            .curve((-look.light * half * 0.85, -0.1), (-look.light * half * 0.95, -0.3));
        pen.faint(0.16, |pen| pen.path(&shade, mix(look.second, [1.0; 3], 0.4)));
        // The lid rattles.
        let lid = pen.stance.moved(0.0, -0.014 * boiling * (0.5 + 0.5 * shake)).turned_about((0.0, top), 0.006 * shake);
        pen.at_stance(lid, |pen| {
            let cover = Path::from((-half * 0.52, top + 0.045))
                .curve((-half * 0.4, top - 0.085), (0.0, top - 0.09))
                .curve((half * 0.4, top - 0.085), (half * 0.52, top + 0.045));
            pen.path(
                &cover,
                Paint::Along(
                    (look.light * 0.2, top - 0.1),
                    lighter(look.main, 0.4),
                    (-look.light * 0.2, top + 0.05),
                    lighter(look.main, -0.3),
                ),
            );
            pen.rounded(-half * 0.55, top + 0.025, half * 0.55, top + 0.055, 0.014, lighter(look.metal, 0.05));
            pen.circle(
                (0.0, top - 0.115),
                0.048 + 0.006 * knob,
                Paint::Around((0.015 * look.light, top - 0.135), 0.07, lighter(look.dark, 0.45), look.dark),
            );
        });
    });
}

/// Steam, which belongs to nobody's outline.
pub fn draw_steam(pen: &mut Pen, look: &Look, motion: &Motion) {
    let boiling = motion
        .last()
        .map_or(0.0, |(_, note, since)| smooth_step(0.1, 0.9, since) * motion.ends_softly(note, since, 0.5));
    if boiling <= 0.0 {
        return;
    }
    for puff in 0..7 {
        let age = ((motion.secs * 0.85) as f32 + puff as f32 / 7.0).fract();
        let drift = 0.05 * sine_f32(age + 0.37 * puff as f32);
        let at = (0.60 + 0.02 * look.shape[2] + 0.24 * age + drift, -0.63 - 0.52 * age);
        let size = 0.05 + 0.15 * age;
        pen.glow(at, (size * 1.3, size), rgb(0xffffff), 0.8 * boiling * (1.0 - age) * smooth_step(0.0, 0.08, age));
    }
}

/// A small table whose top is at the thing's feet.
pub fn draw_table(pen: &mut Pen, look: &Look, ground: f32) {
    let wood = rgb(0xb98560);
    let half = 0.74;
    for side in [-1.0f32, 1.0] {
        let by = if side == look.light { 0.05 } else { -0.2 };
        pen.tapered(
            &[(side * (half - 0.14), 0.05), (side * (half - 0.07), ground)],
            0.062,
            0.042,
            lighter(wood, by - 0.12),
        );
    }
    pen.rectangle(
        -half + 0.1,
        0.05,
        half - 0.1,
        0.14,
        Paint::Along((0.0, 0.05), lighter(wood, -0.42), (0.0, 0.15), lighter(wood, -0.18)),
    );
    pen.rounded(
        -half,
        -0.025,
        half,
        0.06,
        0.03,
        Paint::Along((look.light * half, 0.0), lighter(wood, 0.22), (-look.light * half, 0.05), lighter(wood, -0.12)),
    );
    pen.rounded(-half, 0.035, half, 0.062, 0.014, lighter(wood, -0.3));
    pen.glow((0.0, -0.002), (0.56, 0.03), rgb(0x2a1b2c), 0.55);
}
