//! The bird on its branch and the dog.

use super::{Look, Motion};
use crate::soundstage::canvas::{Color, lighter, mix, rgb};
use crate::soundstage::exact::{sine_f32, smooth_step};
use crate::soundstage::pen::{Paint, Path, Pen};

const INK: Color = rgb(0x1d1a26);

/// How far the mouth is open, 0 to 1.
fn opened(motion: &Motion, closes_secs: f32) -> f32 {
    let calls = motion.active().map(|(_, note, since)| {
        let lasts = note.lasts_secs as f32;
        smooth_step(0.0, 0.025, since)
            * (1.0 - smooth_step(lasts - closes_secs, lasts, since))
            * (0.6 + 0.4 * note.strength)
    });
    calls.fold(0.0, f32::max)
}

/// Perched, looking to the right.
pub fn draw_bird(pen: &mut Pen, look: &Look, motion: &Motion) {
    let open = opened(motion, 0.05);
    let singing = motion.recent(0.35);
    let [plump, tail, crest, _] = look.shape;
    let fat = 1.0 + 0.09 * plump;
    let upright = pen.stance.turned_about((0.0, -0.12), -0.012 * singing);
    pen.at_stance(upright, |pen| {
        // Tail, legs.
        let wag = 0.02 * open;
        let end = (-0.56 - 0.05 * tail, -0.10 + 0.1 * tail - wag);
        let tail = Path::from((-0.22, -0.42))
            .curve((-0.4, -0.32), (end.0 + 0.01, end.1 - 0.07))
            .line((end.0, end.1))
            .line((end.0 + 0.09, end.1 + 0.015))
            .curve((-0.36, -0.18), (-0.16, -0.22));
        pen.path(&tail, Paint::Along((-0.2, -0.4), lighter(look.dark, 0.1), end, lighter(look.dark, -0.3)));
        for x in [-0.03, 0.07] {
            pen.line(&[(x, -0.17), (x + 0.01, -0.03)], 0.022, rgb(0xa8674a));
            pen.line(&[(x - 0.045, -0.012), (x + 0.065, -0.012)], 0.02, rgb(0xa8674a));
        }
        let body = Path::smooth(&[
            (-0.27, -0.36),
            (-0.16, -0.56 * fat),
            (0.04, -0.72),
            (0.22, -0.70),
            (0.31, -0.50),
            (0.25 * fat, -0.27),
            (0.06, -0.125 / fat),
            (-0.15, -0.175),
        ]);
        pen.path(
            &body,
            Paint::Along(
                (0.1 * look.light, -0.75),
                lighter(look.main, 0.2),
                (-0.12 * look.light, -0.12),
                lighter(look.main, -0.28),
            ),
        );
        let breast = Path::smooth(&[
            (0.17, -0.64),
            (0.29 + 0.02 * singing, -0.54),
            (0.31 + 0.02 * singing, -0.40),
            (0.22 * fat, -0.24),
            (0.06, -0.145),
            (0.05, -0.34),
        ]);
        pen.path(
            &breast,
            Paint::Along((0.3, -0.6), lighter(look.second, 0.15), (0.05, -0.15), lighter(look.second, -0.22)),
        );
        if look.variant.is_multiple_of(2) {
            for (x, y) in [(0.16, -0.42), (0.22, -0.35), (0.13, -0.32), (0.2, -0.47), (0.17, -0.25), (0.25, -0.43)] {
                pen.ellipse((x, y), (0.013, 0.018), lighter(look.dark, 0.1));
            }
        }
        // The head tips back to sing.
        let head = pen.stance.turned_about((0.13, -0.66), -0.035 * singing - 0.02 * open);
        pen.at_stance(head, |pen| {
            if crest > 0.2 {
                let feathers =
                    Path::from((0.06, -0.93)).curve((-0.06, -1.0), (-0.12, -0.985)).curve((-0.02, -0.93), (0.0, -0.86));
                pen.path(&feathers, lighter(look.main, -0.2));
            }
            let gape = 0.055 * open;
            let beak = lighter(rgb(0xf0a63a), 0.0);
            if open > 0.05 {
                pen.polygon(&[(0.33, -0.80), (0.46, -0.83 - gape), (0.44, -0.74 + gape), (0.33, -0.75)], rgb(0x8c2f39));
            }
            pen.polygon(
                &[(0.29, -0.845), (0.50, -0.79 - 1.4 * gape), (0.30, -0.775)],
                Paint::Along((0.3, -0.85), lighter(beak, 0.3), (0.3, -0.77), beak),
            );
            pen.polygon(&[(0.30, -0.79), (0.475, -0.775 + gape), (0.29, -0.735)], lighter(beak, -0.22));
            let skull = Paint::Around(
                (0.17 + 0.08 * look.light, -0.88),
                0.26,
                lighter(look.main, 0.3),
                lighter(look.main, -0.12),
            );
            pen.ellipse((0.17, -0.795), (0.185, 0.178), skull);
            let cheek = Path::smooth(&[(0.2, -0.76), (0.32, -0.745), (0.30, -0.655), (0.18, -0.63), (0.12, -0.69)]);
            pen.path(&cheek, lighter(look.second, 0.22));
            pen.circle((0.235, -0.835), 0.036, lighter(look.second, 0.6));
            pen.circle((0.24, -0.835), 0.027, INK);
            pen.circle((0.25, -0.846), 0.009, [1.0; 3]);
        });
        let flap = 0.012 * open;
        let wing = Path::from((0.1, -0.58))
            .curve((0.2, -0.36), (-0.02, -0.27))
            .curve((-0.2, -0.2 + flap), (-0.42, -0.2 + flap))
            .curve((-0.26, -0.46), (0.1, -0.58));
        pen.path(&wing, Paint::Along((0.05, -0.55), lighter(look.dark, 0.2), (-0.3, -0.2), lighter(look.dark, -0.2)));
        for feather in 0..3 {
            let y = -0.42 + 0.07 * feather as f32;
            let stroke = Path::through(&[
                (0.06 - 0.03 * feather as f32, y),
                (-0.1, y + 0.08),
                (-0.27 - 0.03 * feather as f32, y + 0.13),
            ]);
            pen.faint(0.5, |pen| pen.tapered(&stroke, 0.018, 0.008, lighter(look.dark, 0.45)));
        }
    });
}

/// The branch that it sits on, and the post below.
pub fn draw_perch(pen: &mut Pen, look: &Look, ground: f32) {
    let wood = rgb(0x7a5a45);
    pen.polygon(
        &[(-0.05, -0.01), (0.06, -0.01), (0.08, ground), (-0.07, ground)],
        Paint::Along((look.light * 0.07, 0.0), lighter(wood, 0.16), (-look.light * 0.07, 0.0), lighter(wood, -0.3)),
    );
    let branch = Path::through(&[(-0.66, 0.06), (-0.3, 0.02), (0.1, 0.025), (0.42, 0.0), (0.66, -0.06)]);
    pen.tapered(
        &branch,
        0.075,
        0.035,
        Paint::Along((0.0, -0.02), lighter(wood, 0.18), (0.0, 0.07), lighter(wood, -0.3)),
    );
    for (x, y, turn) in [(0.5, -0.03, -0.12), (0.62, -0.06, 0.06), (-0.52, 0.05, 0.55)] {
        let leaf = pen.stance.moved(x, y).turned(turn);
        pen.at_stance(leaf, |pen| {
            let blade = Path::from((0.0, 0.0)).curve((0.07, -0.07), (0.17, 0.0)).curve((0.07, 0.06), (0.0, 0.0));
            pen.path(&blade, Paint::Along((0.0, -0.05), rgb(0x9dbf6d), (0.0, 0.05), rgb(0x5f8f58)));
        });
    }
}

/// Sitting, looking to the right.
pub fn draw_dog(pen: &mut Pen, look: &Look, motion: &Motion) {
    let open = opened(motion, 0.07);
    let excited = motion.recent(0.6);
    let [ears, snout, chest, tail] = look.shape;
    let fur = |by: f32| lighter(look.main, by);
    let coat = |left: (f32, f32), right: (f32, f32)| {
        let (bright, dark) = if look.light > 0.0 { (right, left) } else { (left, right) };
        Paint::Along(bright, fur(0.2), dark, fur(-0.26))
    };
    let hop = pen.stance.moved(0.012 * open, -0.012 * open);
    // The tail wags while it barks.
    let wag = 0.05 * excited * sine_f32((motion.secs * 3.2).fract() as f32);
    pen.at_stance(pen.stance.turned_about((-0.26, -0.08), wag), |pen| {
        let tip = (-0.47, -0.3 - 0.06 * tail);
        pen.tapered(&Path::through(&[(-0.22, -0.06), (-0.38, -0.08), (-0.46, -0.18), tip]), 0.09, 0.045, fur(-0.12));
        pen.circle(tip, 0.024, look.second);
    });
    pen.at_stance(hop, |pen| {
        let body = Path::smooth(&[
            (-0.32, -0.07),
            (-0.33, -0.22),
            (-0.2, -0.42),
            (-0.03, -0.58),
            (0.13, -0.62),
            (0.20 + 0.02 * chest, -0.45),
            (0.15, -0.2),
            (0.12, -0.02),
            (-0.2, -0.005),
        ]);
        pen.path(&body, coat((-0.35, -0.3), (0.25, -0.4)));
        let bib =
            Path::smooth(&[(0.12, -0.56), (0.205 + 0.02 * chest, -0.45), (0.16, -0.25), (0.09, -0.2), (0.05, -0.4)]);
        pen.path(&bib, Paint::Along((0.1, -0.55), lighter(look.second, 0.2), (0.1, -0.2), lighter(look.second, -0.15)));
        if look.variant.is_multiple_of(3) {
            // A patched coat.
            for (at, radii) in [((-0.11, -0.38), (0.062, 0.05)), ((-0.02, -0.27), (0.05, 0.042))] {
                pen.faint(0.85, |pen| pen.ellipse(at, radii, lighter(look.second, 0.1)));
            }
        }
        // Haunch and legs.
        pen.ellipse(
            (-0.17, -0.16),
            (0.165, 0.155),
            Paint::Around((-0.17 + 0.1 * look.light, -0.24), 0.26, fur(0.14), fur(-0.22)),
        );
        pen.rounded(-0.27, -0.065, 0.0, -0.002, 0.033, fur(-0.16));
        pen.rounded(-0.12, -0.06, 0.0, -0.002, 0.03, look.second);
        pen.tapered(&[(0.02, -0.32), (0.045, -0.04)], 0.1, 0.075, fur(-0.25));
        pen.tapered(
            &[(0.12, -0.36), (0.15, -0.04)],
            0.105,
            0.08,
            Paint::Along((0.07, -0.3), fur(0.05), (0.2, -0.3), fur(-0.08)),
        );
        pen.rounded(0.1, -0.065, 0.235, -0.002, 0.033, look.second);
        pen.rounded(-0.0, -0.06, 0.105, -0.002, 0.03, lighter(look.second, -0.15));
        let collar = Path::through(&[(-0.045, -0.6), (0.07, -0.545), (0.2, -0.585)]);
        pen.line(&collar, 0.04, look.dark);
        pen.circle((0.12, -0.52), 0.027, rgb(0xf2c14e));
        // The head jerks up at each bark.
        let head = pen.stance.turned_about((0.05, -0.6), -0.045 * open - 0.012 * excited);
        pen.at_stance(head, |pen| {
            let long = 0.37 + 0.035 * snout;
            let gape = 0.1 * open;
            if open > 0.03 {
                let jaw = Path::from((0.14, -0.675))
                    .line((long - 0.05, -0.655 + gape))
                    .curve((long + 0.01, -0.635 + gape), (long - 0.05, -0.615 + gape))
                    .curve((0.2, -0.6), (0.1, -0.62));
                pen.path(&jaw, fur(-0.3));
                pen.polygon(
                    &[(0.15, -0.69), (long - 0.02, -0.715), (long - 0.06, -0.65 + gape), (0.16, -0.645)],
                    rgb(0x70303c),
                );
                pen.ellipse((0.24, -0.668 + 0.45 * gape), (0.08, 0.02), rgb(0xe88a92));
            }
            let skull = Path::smooth(&[
                (-0.1, -0.7),
                (-0.08, -0.86),
                (0.03, -0.95),
                (0.15, -0.925),
                (0.21, -0.825),
                (long - 0.03, -0.79),
                (long + 0.01, -0.735),
                (long - 0.05, -0.685),
                (0.16, -0.665),
                (0.03, -0.585),
                (-0.07, -0.6),
            ]);
            pen.path(&skull, coat((-0.1, -0.8), (0.3, -0.85)));
            let muzzle = Path::smooth(&[
                (0.2, -0.8),
                (long - 0.03, -0.785),
                (long + 0.005, -0.735),
                (long - 0.05, -0.69),
                (0.18, -0.67),
            ]);
            pen.path(
                &muzzle,
                Paint::Along((0.2, -0.8), lighter(look.second, 0.2), (0.25, -0.67), lighter(look.second, -0.12)),
            );
            if look.variant.is_multiple_of(3) {
                pen.ellipse((0.115, -0.83), (0.058, 0.062), fur(-0.34));
            }
            pen.ellipse((long - 0.005, -0.78), (0.038, 0.03), INK);
            pen.ellipse((long + 0.004, -0.79), (0.01, 0.006), rgb(0x8a8794));
            pen.circle((0.125, -0.825), 0.026, INK);
            pen.circle((0.133, -0.833), 0.008, [1.0; 3]);
            // A hanging or a pricked ear.
            let flap = 0.03 * open;
            if ears < 0.25 {
                let ear = Path::from((-0.01, -0.93))
                    .curve((-0.13, -0.93), (-0.165 - flap, -0.78))
                    .curve((-0.19 - flap, -0.6), (-0.1, -0.6))
                    .curve((-0.02, -0.65), (0.035, -0.82));
                pen.path(
                    &ear,
                    Paint::Along(
                        (0.0, -0.92),
                        mix(look.main, look.dark, 0.55),
                        (-0.12, -0.62),
                        mix(look.main, look.dark, 0.85),
                    ),
                );
            } else {
                pen.path(
                    &Path::from((-0.08, -0.84)).curve((-0.1, -0.95), (-0.06, -1.0)).curve((0.03, -0.97), (0.065, -0.9)),
                    mix(look.main, look.dark, 0.5),
                );
                pen.path(
                    &Path::from((-0.045, -0.87))
                        .curve((-0.065, -0.93), (-0.045, -0.965))
                        .curve((0.0, -0.94), (0.03, -0.9)),
                    rgb(0xd79a94),
                );
            }
        });
    });
}
