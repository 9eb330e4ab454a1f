//! The drum and the two sticks that strike it.

use super::{Look, Motion};
use crate::soundstage::canvas::{lighter, mix, rgb};
use crate::soundstage::exact::{sine_f32, smooth_step};
use crate::soundstage::pen::{Paint, Path, Pen};

pub fn draw(pen: &mut Pen, look: &Look, motion: &Motion) {
    let [wide, tall, tilt, _] = look.shape;
    let half = 0.44 + 0.03 * wide;
    let top = -0.70 - 0.03 * tall;
    let (bottom, flat) = (-0.17, 0.118 + 0.02 * tilt);
    let level = motion.active().map(|(_, note, since)| motion.ring(note, since, 0.5)).fold(0.0, f32::max);
    for side in [-1.0f32, 1.0] {
        pen.line(&[(side * half * 0.62, bottom), (side * half * 0.86, -0.012)], 0.034, look.lit(rgb(0x565b66), 0.4));
    }
    let shell = Path::from((-half, top))
        .line((-half, bottom))
        .curve((0.0, bottom + 2.0 * flat), (half, bottom))
        .line((half, top));
    pen.path(
        &shell,
        Paint::Along(
            (look.light * half, 0.0),
            lighter(look.main, 0.24),
            (-look.light * half, 0.0),
            lighter(look.main, -0.42),
        ),
    );
    let band = Path::from((-half, -0.47))
        .line((-half, -0.40))
        .curve((0.0, -0.40 + 2.0 * flat), (half, -0.40))
        .line((half, -0.47))
        .curve((0.0, -0.47 + 2.0 * flat), (-half, -0.47));
    pen.path(
        &band,
        Paint::Along(
            (look.light * half, 0.0),
            lighter(look.second, 0.25),
            (-look.light * half, 0.0),
            lighter(look.second, -0.35),
        ),
    );
    if look.variant.is_multiple_of(2) {
        // Lozenges on the shell.
        for lozenge in -2..=2i32 {
            let across = lozenge as f32 / 2.75;
            let (x, narrow) = (across * half, (1.0 - across * across).sqrt());
            let y = -0.435 + flat * narrow;
            pen.polygon(
                &[(x, y - 0.17), (x + 0.07 * narrow, y), (x, y + 0.17), (x - 0.07 * narrow, y)],
                look.lit(lighter(look.second, 0.15), half),
            );
        }
    }
    for rod in 0..7 {
        let across = (rod as f32 - 3.0) / 3.4;
        let sag = flat * (1.0 - across * across).max(0.0).sqrt();
        let x = across * half;
        pen.line(
            &[(x, top + sag + 0.03), (x, bottom + sag - 0.01)],
            0.014,
            lighter(look.metal, 0.25 * across * look.light),
        );
    }
    let hoop = |y: f32, high: f32| {
        Path::from((-half * 1.03, y))
            .line((-half * 1.03, y + high))
            .curve((0.0, y + high + 2.06 * flat), (half * 1.03, y + high))
            .line((half * 1.03, y))
            .curve((0.0, y + 2.06 * flat), (-half * 1.03, y))
    };
    let metal = Paint::Along(
        (look.light * half, 0.0),
        lighter(look.metal, 0.5),
        (-look.light * half, 0.0),
        lighter(look.metal, -0.45),
    );
    pen.path(&hoop(bottom - 0.045, 0.05), metal);
    pen.path(&hoop(top, 0.055), metal);
    pen.ellipse((0.0, top), (half * 1.03, flat * 1.03), lighter(look.metal, -0.15));
    let skin = rgb(0xf4ead6);
    pen.ellipse(
        (0.0, top),
        (half * 0.96, flat * 0.94),
        Paint::Along(
            (look.light * half, top),
            lighter(skin, 0.4),
            (-look.light * half, top),
            mix(skin, look.dark, 0.22),
        ),
    );
    // Ripples run over the skin.
    if level > 0.01 {
        let ripple = (motion.secs * 7.0).fract() as f32;
        for ring in 0..2 {
            let grow = 0.18 + 0.72 * (ripple + 0.5 * ring as f32).fract();
            pen.faint(0.4 * level * (1.0 - grow), |pen| {
                pen.ellipse((0.0, top + 0.012), (half * grow, flat * grow), lighter(look.second, -0.1));
                pen.ellipse((0.0, top + 0.012), (half * grow * 0.82, flat * grow * 0.82), skin);
            });
        }
    }
    for (hand, side) in [(0u8, -1.0f32), (1, 1.0)] {
        // Down at the stroke, back up within a third of a second.
        let strokes = motion.active().filter(|(_, note, _)| note.voice % 2 == hand);
        let down = strokes
            .map(|(_, note, since)| 1.0 - smooth_step(0.02, 0.30 - 0.1 * note.strength, since))
            .fold(0.0, f32::max);
        let rest = if level > 0.02 { 0.004 * sine_f32((motion.secs * 3.0).fract() as f32) } else { 0.0 };
        let lifted = (1.0 - down) * 0.062 + rest;
        let tip = (side * 0.07, top - 0.008);
        let stance = pen.stance.turned_about((side * 0.5, top - 0.16), side * lifted);
        pen.at_stance(stance, |pen| {
            let (from, to) = ((side * 0.53, top - 0.19), tip);
            pen.tapered(&[from, to], 0.034, 0.02, look.lit(rgb(0xd9a566), 0.5));
            pen.circle(to, 0.021, lighter(rgb(0xd9a566), 0.25));
        });
    }
}
