//! The guitar that is plucked and the violin that is bowed.

use super::{Look, Motion};
use crate::soundstage::canvas::{Color, lighter, rgb};
use crate::soundstage::exact::sine_f32;
use crate::soundstage::pen::{Paint, Path, Pen};

const STEEL: Color = rgb(0xf3ecd9);

/// Strings from nut to bridge; those that sound are a blur between two lines.
fn strings(pen: &mut Pen, count: usize, nut: (f32, f32), bridge: (f32, f32), swing: impl Fn(usize) -> f32, secs: f64) {
    let ((nut_half, top), (bridge_half, bottom)) = (nut, bridge);
    for string in 0..count {
        let share = if count > 1 { 2.0 * string as f32 / (count - 1) as f32 - 1.0 } else { 0.0 };
        let (from, to) = ((share * nut_half, top), (share * bridge_half, bottom));
        let thick = 0.0052 - 0.0022 * string as f32 / count as f32;
        let wide = swing(string);
        if wide < 1e-3 {
            pen.line(&[from, to], thick, STEEL);
            continue;
        }
        let middle = (0.5 * (from.0 + to.0), 0.5 * (from.1 + to.1));
        let bent = |side: f32| Path::through(&[from, (middle.0 + side * wide, middle.1), to]);
        let lens = Path::from(from)
            .curve((middle.0 + 2.0 * wide, middle.1), to)
            .curve((middle.0 - 2.0 * wide, middle.1), from);
        pen.faint(0.45, |pen| pen.path(&lens, STEEL));
        let phase = sine_f32(((secs * (11.0 + string as f64)).fract()) as f32);
        pen.line(&bent(phase), thick, STEEL);
        pen.line(&bent(-phase), thick * 0.8, STEEL);
    }
}

pub fn draw_guitar(pen: &mut Pen, look: &Look, motion: &Motion) {
    let stance = pen.stance.turned_about((0.0, -0.2), 0.5 * look.lean);
    let swing = |string: usize| {
        let sounding = motion.active().filter(|(_, note, _)| usize::from(note.voice) == string);
        sounding.map(|(_, note, since)| 0.017 * motion.ring(note, since, 1.6)).fold(0.0, f32::max)
    };
    pen.at_stance(stance, |pen| {
        let [hips, waist, shoulders, _] = look.shape;
        let (hip, waist, shoulder) = (0.205 + 0.018 * hips, 0.128 + 0.014 * waist, 0.158 + 0.014 * shoulders);
        // Neck and head first: the body lies over the neck's heel.
        let neck = look.lit(look.dark, 0.03);
        pen.polygon(&[(-0.021, -0.89), (0.021, -0.89), (0.028, -0.40), (-0.028, -0.40)], neck);
        let head = Path::smooth(&[
            (-0.024, -0.88),
            (-0.04, -0.955),
            (-0.022, -0.995),
            (0.022, -0.995),
            (0.04, -0.955),
            (0.024, -0.88),
        ]);
        pen.path(&head, look.lit(lighter(look.dark, 0.12), 0.05));
        for peg in 0..3 {
            let y = -0.975 + 0.03 * peg as f32;
            for side in [-1.0, 1.0] {
                pen.ellipse((side * 0.046, y), (0.012, 0.008), look.metal);
            }
        }
        let outline = |grow: f32| {
            let (hip, waist, shoulder) = (hip * grow, waist * grow, shoulder * grow);
            let y = |value: f32| -0.27 + (value + 0.27) * grow;
            Path::smooth(&[
                (0.0, y(-0.004)),
                (0.62 * hip, y(-0.018)),
                (hip, y(-0.135)),
                (0.84 * hip, y(-0.25)),
                (waist, y(-0.325)),
                (shoulder, y(-0.44)),
                (0.62 * shoulder, y(-0.535)),
                (0.0, y(-0.552)),
                (-0.62 * shoulder, y(-0.535)),
                (-shoulder, y(-0.44)),
                (-waist, y(-0.325)),
                (-0.84 * hip, y(-0.25)),
                (-hip, y(-0.135)),
                (-0.62 * hip, y(-0.018)),
            ])
        };
        pen.path(&outline(1.0), look.lit(lighter(look.main, -0.5), 0.25));
        let top = Paint::Around((0.06 * look.light, -0.32), 0.42, lighter(look.main, 0.28), lighter(look.main, -0.18));
        pen.path(&outline(0.94), top);
        // Grain.
        for fibre in -4..=4i32 {
            let x = 0.027 * fibre as f32;
            pen.faint(0.16, |pen| pen.line(&[(x, -0.51), (1.15 * x, -0.04)], 0.004, lighter(look.main, -0.45)));
        }
        // The light that the varnish mirrors.
        let gleam = Path::smooth(&[
            (look.light * 0.72 * hip, -0.20),
            (look.light * 0.86 * hip, -0.13),
            (look.light * 0.66 * hip, -0.05),
            (look.light * 0.74 * hip, -0.125),
        ]);
        pen.faint(0.28, |pen| pen.path(&gleam, [1.0; 3]));
        pen.circle((0.0, -0.345), 0.071, lighter(look.main, -0.55));
        pen.circle((0.0, -0.345), 0.062, lighter(look.main, 0.35));
        pen.circle((0.0, -0.345), 0.055, Paint::Around((0.0, -0.33), 0.06, rgb(0x2a1a18), rgb(0x120b0e)));
        pen.polygon(&[(-0.028, -0.60), (0.028, -0.60), (0.031, -0.40), (-0.031, -0.40)], lighter(look.dark, -0.25));
        pen.polygon(&[(-0.021, -0.885), (0.021, -0.885), (0.028, -0.58), (-0.028, -0.58)], lighter(look.dark, -0.25));
        for fret in 0..11 {
            let y = -0.865 + 0.47 * (1.0 - sine_f32(0.25 - 0.02 * fret as f32)) + 0.032 * fret as f32;
            pen.line(&[(-0.024, y), (0.024, y)], 0.0035, lighter(look.metal, -0.1));
        }
        pen.rounded(-0.085, -0.153, 0.085, -0.127, 0.01, lighter(look.dark, -0.2));
        pen.rounded(-0.05, -0.149, 0.05, -0.141, 0.003, STEEL);
        strings(pen, 6, (0.016, -0.887), (0.043, -0.145), swing, motion.secs);
        pen.rounded(-0.022, -0.894, 0.022, -0.884, 0.002, STEEL);
    });
}

/// A stand behind a standing instrument, and the leg that it leans on.
pub fn draw_stand(pen: &mut Pen, look: &Look) {
    let steel = look.lit(rgb(0x3a3d46), 0.2);
    pen.line(&[(0.0, -0.42), (-0.2, 0.012)], 0.014, steel);
    pen.line(&[(0.0, -0.42), (0.2, 0.012)], 0.014, steel);
    pen.line(&[(-0.15, -0.1), (0.15, -0.1)], 0.012, steel);
    pen.line(&[(-0.12, -0.1), (-0.13, 0.0)], 0.016, steel);
    pen.line(&[(0.12, -0.1), (0.13, 0.0)], 0.016, steel);
}

pub fn draw_violin(pen: &mut Pen, look: &Look, motion: &Motion) {
    let playing = motion.last();
    let trembling = playing.map_or(0.0, |(_, note, since)| motion.held(note, since));
    let stance = pen
        .stance
        .turned_about((0.0, -0.2), 0.6 * look.lean + 0.0022 * trembling * sine_f32((motion.secs * 5.5).fract() as f32));
    pen.at_stance(stance, |pen| {
        let [hips, waist, shoulders, _] = look.shape;
        let (hip, waist, shoulder) = (0.178 + 0.012 * hips, 0.103 + 0.01 * waist, 0.142 + 0.01 * shoulders);
        pen.polygon(
            &[(-0.017, -0.9), (0.017, -0.9), (0.025, -0.52), (-0.025, -0.52)],
            look.lit(lighter(look.main, 0.06), 0.03),
        );
        // The scroll.
        pen.rounded(-0.02, -0.965, 0.02, -0.88, 0.015, lighter(look.main, -0.18));
        pen.circle((0.0, -0.968), 0.032, look.lit(look.main, 0.04));
        pen.circle((0.0, -0.968), 0.016, lighter(look.main, -0.4));
        for (side, y) in [(-1.0, -0.93), (1.0, -0.945), (-1.0, -0.898), (1.0, -0.912)] {
            pen.line(&[(side * 0.015, y), (side * 0.05, y - 0.004)], 0.012, look.dark);
        }
        let outline = |grow: f32| {
            let (hip, waist, shoulder) = (hip * grow, waist * grow, shoulder * grow);
            let y = |value: f32| -0.3 + (value + 0.3) * grow;
            Path::smooth(&[
                (0.0, y(-0.002)),
                (0.68 * hip, y(-0.02)),
                (hip, y(-0.14)),
                (0.9 * hip, y(-0.225)),
                (1.12 * waist, y(-0.232)),
                (waist, y(-0.32)),
                (1.06 * waist, y(-0.4)),
                (0.92 * shoulder, y(-0.42)),
                (shoulder, y(-0.5)),
                (0.55 * shoulder, y(-0.592)),
                (0.0, y(-0.605)),
                (-0.55 * shoulder, y(-0.592)),
                (-shoulder, y(-0.5)),
                (-0.92 * shoulder, y(-0.42)),
                (-1.06 * waist, y(-0.4)),
                (-waist, y(-0.32)),
                (-1.12 * waist, y(-0.232)),
                (-0.9 * hip, y(-0.225)),
                (-hip, y(-0.14)),
                (-0.68 * hip, y(-0.02)),
            ])
        };
        pen.path(&outline(1.0), lighter(look.main, -0.5));
        let top = Paint::Around((0.05 * look.light, -0.34), 0.4, lighter(look.main, 0.24), lighter(look.main, -0.22));
        pen.path(&outline(0.95), top);
        for side in [-1.0f32, 1.0] {
            let f_hole = Path::through(&[
                (side * 0.044, -0.375),
                (side * 0.06, -0.36),
                (side * 0.068, -0.31),
                (side * 0.08, -0.262),
                (side * 0.098, -0.25),
            ]);
            pen.line(&f_hole, 0.0085, rgb(0x2a1210));
            pen.circle((side * 0.044, -0.372), 0.0085, rgb(0x2a1210));
            pen.circle((side * 0.098, -0.255), 0.011, rgb(0x2a1210));
        }
        let gleam = Path::smooth(&[
            (look.light * 0.75 * hip, -0.2),
            (look.light * 0.9 * hip, -0.13),
            (look.light * 0.66 * hip, -0.05),
            (look.light * 0.76 * hip, -0.125),
        ]);
        pen.faint(0.3, |pen| pen.path(&gleam, [1.0; 3]));
        // Tailpiece, bridge, fingerboard, chin rest.
        pen.polygon(&[(-0.03, -0.2), (0.03, -0.2), (0.014, -0.03), (-0.014, -0.03)], rgb(0x231b20));
        pen.ellipse((-0.085, -0.055), (0.06, 0.038), rgb(0x2b2127));
        pen.polygon(&[(-0.016, -0.895), (0.016, -0.895), (0.03, -0.46), (-0.03, -0.46)], rgb(0x231b20));
        pen.rounded(-0.045, -0.322, 0.045, -0.302, 0.006, rgb(0xe2bd84));
        let swing = |string: usize| {
            let sounding = motion.active().filter(|(_, note, _)| usize::from(note.voice) == string);
            sounding.map(|(_, note, since)| 0.011 * motion.held(note, since)).fold(0.0, f32::max)
        };
        strings(pen, 4, (0.011, -0.895), (0.03, -0.31), swing, motion.secs);
        // The bow goes to and fro, a stroke a note, and stays where the last one ended.
        let (number, share) = match (playing, motion.started()) {
            (Some((number, note, since)), _) => (number, (since / note.lasts_secs as f32).clamp(0.0, 1.0)),
            (None, started) => (started.saturating_sub(1), if started == 0 { 0.0 } else { 1.0 }),
        };
        let side = if number % 2 == 0 { 1.0 } else { -1.0 };
        let reach = side * (0.13 - 0.26 * share);
        let bow = pen.stance.moved(reach, -0.405).turned(-0.025 + 0.012 * look.shape[3]);
        pen.at_stance(bow, |pen| {
            pen.line(&[(-0.36, 0.0), (0.33, 0.0)], 0.009, rgb(0xf6f0e2));
            let stick = Path::through(&[(-0.38, -0.016), (-0.1, -0.022), (0.2, -0.026), (0.37, -0.02)]);
            pen.line(&stick, 0.0125, lighter(look.dark, 0.05));
            pen.rounded(0.31, -0.028, 0.365, 0.008, 0.006, rgb(0x231b20));
            pen.line(&[(-0.38, -0.016), (-0.362, 0.004)], 0.012, lighter(look.dark, 0.05));
        });
    });
}
