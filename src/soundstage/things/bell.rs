//! The bell that swings in its frame.

use super::{Look, Motion};
use crate::soundstage::canvas::{lighter, rgb};
use crate::soundstage::exact::{faded, sine_f32};
use crate::soundstage::pen::{Paint, Path, Pen};

/// To and fro, in seconds.
const SWING_SECS: f32 = 0.92;
/// Where it hangs.
const AXLE: (f32, f32) = (0.0, -0.97);

/// How far it has swung out, in turns: each stroke sets it going, and it comes to rest with its sound.
fn swing(motion: &Motion, late_secs: f32) -> f32 {
    let kicks = motion.active().filter(|(_, _, since)| *since > late_secs).map(|(_, note, since)| {
        let since_secs = since - late_secs;
        let rest = motion.ends_softly(note, since, 0.6);
        0.045 * note.strength * faded(since_secs, 4.5) * rest * sine_f32(since_secs / SWING_SECS)
    });
    kicks.sum::<f32>().clamp(-0.075, 0.075)
}

pub fn draw(pen: &mut Pen, look: &Look, motion: &Motion) {
    let hang = pen.stance;
    let (bell, clapper) = (swing(motion, 0.0), 1.5 * swing(motion, 0.14));
    pen.at_stance(hang.turned_about(AXLE, clapper), |pen| {
        pen.line(&[(0.0, -0.6), (0.0, -0.06)], 0.03, rgb(0x3b3030));
        pen.circle(
            (0.0, -0.055),
            0.055,
            Paint::Around((0.02 * look.light, -0.075), 0.075, rgb(0x7d6a60), rgb(0x2d2426)),
        );
    });
    pen.at_stance(hang.turned_about(AXLE, bell), |pen| {
        let [lip, waist, shoulder, crown] = look.shape;
        let (lip, waist, shoulder) = (0.425 + 0.03 * lip, 0.262 + 0.02 * waist, 0.205 + 0.02 * shoulder);
        let top = -0.86 - 0.02 * crown;
        pen.rounded(-0.055, -0.985, 0.055, top + 0.05, 0.05, look.lit(lighter(look.main, -0.3), 0.06));
        pen.circle((0.0, -0.93), 0.026, rgb(0x2d2426));
        let body = Path::from((0.0, top))
            .curve((shoulder * 0.95, top), (shoulder, top + 0.14))
            .curve((waist * 0.9, -0.52), (waist, -0.38))
            .curve((waist * 1.16, -0.22), (lip, -0.13))
            .line((lip * 1.005, -0.10))
            .curve((0.0, -0.015), (-lip * 1.005, -0.10))
            .line((-lip, -0.13))
            .curve((-waist * 1.16, -0.22), (-waist, -0.38))
            .curve((-waist * 0.9, -0.52), (-shoulder, top + 0.14))
            .curve((-shoulder * 0.95, top), (0.0, top));
        let across = Paint::Along(
            (look.light * 0.36, -0.6),
            lighter(look.main, 0.34),
            (-look.light * 0.38, -0.5),
            lighter(look.main, -0.42),
        );
        pen.path(&body, across);
        // Mirrored light, a dark far side, and the rims that the caster left.
        let gleam = Path::from((look.light * shoulder * 0.62, top + 0.1))
            .curve((look.light * waist * 0.72, -0.45), (look.light * lip * 0.68, -0.17))
            .curve((look.light * waist * 0.44, -0.42), (look.light * shoulder * 0.42, top + 0.1));
        pen.faint(0.5, |pen| pen.path(&gleam, rgb(0xfff6d8)));
        let shade = Path::from((-look.light * shoulder * 0.98, top + 0.15))
            .curve((-look.light * waist * 0.9, -0.48), (-look.light * lip * 0.97, -0.13))
            .curve((-look.light * waist * 0.66, -0.4), (-look.light * shoulder * 0.98, top + 0.15));
        pen.faint(0.22, |pen| pen.path(&shade, rgb(0xffd9a0)));
        for (y, half) in [(top + 0.16, shoulder * 0.985), (top + 0.2, shoulder * 0.99), (-0.26, waist * 1.12)] {
            let rim = Path::through(&[(-half, y), (0.0, y + 0.035), (half, y)]);
            pen.faint(0.55, |pen| pen.line(&rim, 0.011, lighter(look.main, -0.55)));
        }
        let mouth = Path::from((-lip * 0.985, -0.115))
            .curve((0.0, -0.03), (lip * 0.985, -0.115))
            .curve((0.0, -0.075), (-lip * 0.985, -0.115));
        pen.path(&mouth, lighter(look.main, -0.62));
    });
}

/// The wooden frame that it hangs in; its top is the bell's axle, its feet are on the ground.
pub fn draw_frame(pen: &mut Pen, look: &Look, ground: f32) {
    let wood = |by: f32| lighter(look.dark, by);
    for side in [-1.0f32, 1.0] {
        let lit = if side == look.light { 0.16 } else { -0.12 };
        pen.polygon(
            &[(side * 0.53, -1.1), (side * 0.59, -1.1), (side * 0.62, ground), (side * 0.55, ground)],
            Paint::Along((side * 0.53, 0.0), wood(lit), (side * 0.62, 0.0), wood(lit - 0.22)),
        );
        pen.rounded(side * 0.585 - 0.1, ground - 0.035, side * 0.585 + 0.1, ground + 0.02, 0.012, wood(-0.25));
        pen.line(&[(side * 0.56, -0.84), (side * 0.34, -1.07)], 0.04, wood(-0.1));
    }
    pen.rounded(-0.66, -1.14, 0.66, -1.055, 0.02, Paint::Along((0.0, -1.14), wood(0.22), (0.0, -1.05), wood(-0.15)));
    pen.rounded(-0.035, -1.06, 0.035, -0.955, 0.01, rgb(0x4a4448));
}
