//! The flute in its holder: keys that go down, a tube that sways as if played.

use super::{Look, Motion};
use crate::soundstage::canvas::{lighter, rgb};
use crate::soundstage::exact::{sine_f32, smooth_step};
use crate::soundstage::pen::{Paint, Path, Pen};

/// Where it lies in its holder.
const MIDDLE: (f32, f32) = (0.0, -0.56);

pub fn draw(pen: &mut Pen, look: &Look, motion: &Motion) {
    let playing = motion.recent(0.18);
    let sway = playing
        * (0.010 * sine_f32((motion.secs * 0.9).fract() as f32)
            + 0.0035 * sine_f32((motion.secs * 5.3).fract() as f32));
    let rise = 0.03 * playing;
    let stance = pen.stance.moved(MIDDLE.0, MIDDLE.1 - rise).turned(-0.062 + 0.012 * look.shape[0] + sway);
    pen.at_stance(stance, |pen| {
        let [_, long, thick, _] = look.shape;
        let (half, wide) = (0.95 + 0.05 * long, 0.052 + 0.005 * thick);
        let silver = Paint::Along((0.0, -wide), lighter(look.main, 0.55), (0.0, wide), lighter(look.main, -0.45));
        pen.rounded(-half, -wide, half, wide, wide * 0.6, silver);
        pen.faint(0.75, |pen| pen.rounded(-half + 0.02, -wide * 0.72, half - 0.02, -wide * 0.42, 0.01, [1.0; 3]));
        for x in [-half, -0.52, 0.62, half - 0.05] {
            let ring = Paint::Along(
                (0.0, -wide * 1.2),
                lighter(look.second, 0.5),
                (0.0, wide * 1.2),
                lighter(look.second, -0.4),
            );
            pen.rounded(x, -wide * 1.2, x + 0.05, wide * 1.2, 0.012, ring);
        }
        // The lip plate with its hole.
        pen.ellipse(
            (-0.72, -wide * 0.75),
            (0.11, wide * 0.72),
            Paint::Along((0.0, -2.0 * wide), lighter(look.second, 0.6), (0.0, 0.0), lighter(look.second, -0.2)),
        );
        pen.ellipse((-0.72, -wide * 0.95), (0.038, 0.017), rgb(0x2a2730));
        let rod = wide * 0.85;
        pen.rounded(-0.42, rod - 0.012, 0.56, rod + 0.014, 0.01, lighter(look.main, -0.35));
        let tune = motion.last().map_or(0, |(_, note, _)| u32::from(note.voice) + 1);
        let pressing = motion.last().map_or(0.0, |(_, _, since)| smooth_step(0.0, 0.04, since)) * playing;
        for key in 0..9u32 {
            let x = -0.38 + 0.108 * key as f32;
            let down =
                if tune > 0 && (tune.wrapping_mul(2_654_435_761) >> (key + 8)) & 1 == 1 { pressing } else { 0.0 };
            let y = -wide * 0.95 - 0.028 * (1.0 - down);
            pen.line(&[(x, y + 0.01), (x, rod)], 0.012, lighter(look.main, -0.4));
            pen.ellipse((x, y), (0.044, 0.021), lighter(look.main, -0.5));
            pen.ellipse(
                (x, y - 0.008),
                (0.044, 0.021),
                Paint::Along((0.0, y - 0.03), lighter(look.second, 0.65), (0.0, y + 0.02), lighter(look.second, -0.1)),
            );
        }
    });
}

/// The holder: a foot, a column, a cradle.
pub fn draw_holder(pen: &mut Pen, look: &Look) {
    let wood = rgb(0x5b4037);
    let lit = |by: f32| {
        Paint::Along(
            (look.light * 0.2, 0.0),
            lighter(wood, by + 0.15),
            (-look.light * 0.2, 0.0),
            lighter(wood, by - 0.2),
        )
    };
    pen.ellipse((0.0, -0.03), (0.27, 0.05), lighter(wood, -0.4));
    pen.ellipse((0.0, -0.05), (0.27, 0.05), lit(0.1));
    pen.polygon(&[(-0.03, -0.42), (0.03, -0.42), (0.045, -0.05), (-0.045, -0.05)], lit(0.0));
    for (x, y) in [(-0.3, -0.46), (0.3, -0.55)] {
        pen.line(&Path::through(&[(0.0, -0.40), (x * 0.6, -0.42), (x, y), (x, y - 0.02)]), 0.035, lit(0.0));
    }
}
