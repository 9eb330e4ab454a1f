//! Cars that pass and vehicles with a siren, seen from the side.

use super::{Look, Motion};
use crate::soundstage::canvas::{Color, lighter, mix, rgb};
use crate::soundstage::exact::{cosine, sine, sine_f32};
use crate::soundstage::pen::{Paint, Path, Pen};

const GLASS: Color = rgb(0xa9d3e0);
const RUBBER: Color = rgb(0x23222a);

fn wheel(pen: &mut Pen, at: (f32, f32), radius: f32, turns: f64, look: &Look) {
    pen.circle(at, radius, RUBBER);
    pen.circle(
        at,
        radius * 0.64,
        Paint::Around(
            (at.0 + 0.3 * radius * look.light, at.1 - 0.3 * radius),
            radius,
            lighter(look.metal, 0.5),
            lighter(look.metal, -0.25),
        ),
    );
    for spoke in 0..5 {
        let turns = turns + f64::from(spoke) / 5.0;
        let (dx, dy) = (cosine(turns) * radius, sine(turns) * radius);
        pen.line(
            &[(at.0 + dx * 0.22, at.1 + dy * 0.22), (at.0 + dx * 0.56, at.1 + dy * 0.56)],
            radius * 0.13,
            lighter(look.metal, -0.5),
        );
    }
    pen.circle(at, radius * 0.16, lighter(look.metal, 0.2));
}

fn paintwork(color: Color) -> Paint {
    Paint::Along((0.0, -1.0), lighter(color, 0.26), (0.0, -0.1), lighter(color, -0.34))
}

/// Nose to the right; one unit is its height.
pub fn draw_car(pen: &mut Pen, look: &Look, motion: &Motion, rolled: f64) {
    let running = motion.recent(0.4);
    let bounce = running * sine_f32((motion.secs * 2.3).fract() as f32);
    let [long, roof, _, nose] = look.shape;
    let half = 1.20 + 0.06 * long;
    let radius = 0.185;
    let (rear, front) = (-half * 0.60, half * 0.62);
    let turns = rolled / f64::from(std::f32::consts::TAU * radius);
    let body = pen.stance.moved(0.0, 0.010 * bounce);
    pen.at_stance(body, |pen| {
        let (hood, trunk) = (-0.53 + 0.02 * nose, -0.56);
        let high = -0.985;
        let variant = look.variant % 4;
        // Windscreen foot, roof front, roof back, rear window foot.
        let (a, b, c, d): (f32, f32, f32, f32) = match variant {
            0 => (0.46, 0.16, -0.36, -0.72),
            1 => (0.46, 0.14, -0.72, -0.98),
            2 => (0.66, 0.44, -0.98, -1.1),
            _ => (0.34, 0.04, -0.34, -0.88),
        };
        let (a, b, c, d) = (a * half, (b + 0.03 * roof) * half, c * half, d.max(-0.985) * half);
        let shell = Path::from((-half, -0.2))
            .curve((-half * 1.02, trunk + 0.06), (-half * 0.96, trunk))
            .line((d, trunk - 0.02))
            .curve((c - 0.08 * half, high + 0.01), (c, high))
            .line((b, high))
            .curve((b + 0.1 * half, high + 0.01), (a, hood - 0.03))
            .curve((half * 0.85, hood - 0.01), (half * 0.95, -0.40))
            .curve((half * 1.02, -0.33), (half, -0.2))
            .line((half * 0.98, -0.13))
            .line((-half * 0.98, -0.13));
        pen.path(&shell, paintwork(look.main));
        // Windows: one outline, then the pillars.
        let sill = trunk - 0.045;
        let inset = 0.065 * half;
        let windows = Path::from((d + inset * 1.1, sill))
            .curve((c - 0.03 * half, high + 0.06), (c + 0.03 * half, high + 0.065))
            .line((b - 0.02 * half, high + 0.065))
            .curve((b + 0.05 * half, high + 0.07), (a - inset * 1.2, sill));
        pen.path(
            &windows,
            Paint::Along((c, high), lighter(GLASS, 0.35), (a, sill), lighter(mix(GLASS, look.main, 0.12), -0.45)),
        );
        let middle = 0.5 * (b + c) + 0.04 * half;
        for x in if variant == 2 { [middle - 0.35 * half, middle + 0.3 * half] } else { [middle, middle] } {
            pen.line(&[(x, high + 0.04), (x - 0.02 * half, sill + 0.01)], 0.045, lighter(look.main, -0.1));
        }
        let streak = Path::from((b - 0.22 * half, high + 0.075))
            .line((b - 0.10 * half, high + 0.075))
            .line((b - 0.18 * half, sill - 0.01))
            .line((b - 0.30 * half, sill - 0.01));
        pen.faint(0.35, |pen| pen.path(&streak, [1.0; 3]));
        // Side line, door, sill, lamps, bumpers.
        pen.faint(0.5, |pen| {
            pen.line(&[(-half * 0.93, trunk + 0.06), (half * 0.86, trunk + 0.075)], 0.014, lighter(look.main, 0.6))
        });
        for x in [middle - 0.01 * half, middle + 0.42 * half] {
            pen.faint(0.35, |pen| {
                pen.line(&[(x, sill + 0.02), (x - 0.02 * half, -0.2)], 0.012, lighter(look.main, -0.7))
            });
        }
        pen.rounded(
            middle + 0.06 * half,
            trunk + 0.085,
            middle + 0.16 * half,
            trunk + 0.107,
            0.01,
            lighter(look.main, -0.5),
        );
        pen.rounded(-half * 1.0, -0.22, half * 1.0, -0.12, 0.03, lighter(look.main, -0.52));
        pen.ellipse(
            (half * 0.925, -0.375),
            (0.075, 0.045),
            Paint::Around((half * 0.93, -0.38), 0.09, rgb(0xfffbe0), rgb(0xf3cf6b)),
        );
        pen.rounded(-half * 0.985, -0.47, -half * 0.945, -0.36, 0.02, rgb(0xd83a3a));
        for x in [rear, front] {
            pen.arc((x, -0.19), (radius * 1.22, radius * 1.22), 0.5, 1.0, lighter(look.main, -0.72));
        }
    });
    wheel(pen, (rear, -radius), radius, turns, look);
    wheel(pen, (front, -radius), radius, turns, look);
}

/// A van with two flashing lamps; one unit is its height.
pub fn draw_siren(pen: &mut Pen, look: &Look, motion: &Motion, rolled: f64) {
    let sounding = motion.recent(0.2);
    let bounce = sounding * sine_f32((motion.secs * 2.1).fract() as f32);
    let half = 0.98 + 0.04 * look.shape[0];
    let radius = 0.155;
    let (rear, front) = (-half * 0.58, half * 0.60);
    let turns = rolled / f64::from(std::f32::consts::TAU * radius);
    let body = pen.stance.moved(0.0, 0.007 * bounce);
    pen.at_stance(body, |pen| {
        let roof = -0.875;
        let [left_lamp, right_lamp] = lamps(motion);
        for (x, level) in [(-0.14, left_lamp), (0.12, right_lamp)] {
            let x = half * (0.25 + x);
            let lamp = Path::from((x - 0.085, roof + 0.01))
                .curve((x - 0.085, -0.995), (x, -0.998))
                .curve((x + 0.085, -0.995), (x + 0.085, roof + 0.01));
            pen.path(
                &lamp,
                Paint::Around(
                    (x, roof - 0.05),
                    0.12,
                    mix(lighter(look.dark, -0.15), rgb(0xeaf6ff), level),
                    mix(lighter(look.dark, -0.35), lighter(look.dark, 0.25), level),
                ),
            );
        }
        pen.rounded(half * -0.05, roof - 0.015, half * 0.52, roof + 0.02, 0.01, rgb(0x3a3d46));
        let shell = Path::from((-half, -0.16))
            .line((-half, roof + 0.08))
            .curve((-half, roof), (-half + 0.08, roof))
            .line((half * 0.52, roof))
            .curve((half * 0.66, roof + 0.01), (half * 0.78, -0.54))
            .curve((half * 0.97, -0.50), (half * 0.99, -0.36))
            .line((half, -0.12))
            .line((-half, -0.12));
        pen.path(&shell, paintwork(look.main));
        let stripe =
            Path::from((-half, -0.42)).line((half * 0.985, -0.42)).line((half * 0.99, -0.32)).line((-half, -0.32));
        pen.path(
            &stripe,
            Paint::Along((0.0, -0.42), lighter(look.second, 0.12), (0.0, -0.32), lighter(look.second, -0.2)),
        );
        // Check pattern over the stripe.
        for check in 0..8 {
            let x = -half + 2.0 * half * (check as f32 + 0.25) / 8.6;
            pen.rectangle(x, -0.42, x + half * 0.11, -0.37, lighter(look.main, 0.5));
        }
        let screen = Path::from((half * 0.31, roof + 0.09))
            .line((half * 0.50, roof + 0.09))
            .curve((half * 0.6, roof + 0.12), (half * 0.70, -0.53))
            .line((half * 0.31, -0.53));
        pen.path(
            &screen,
            Paint::Along((half * 0.3, roof), lighter(GLASS, 0.35), (half * 0.7, -0.5), lighter(GLASS, -0.45)),
        );
        pen.rounded(
            -half * 0.88,
            roof + 0.1,
            -half * 0.30,
            -0.53,
            0.04,
            Paint::Along((-half, roof), lighter(GLASS, 0.1), (-half * 0.3, -0.5), lighter(GLASS, -0.5)),
        );
        // A cross or a star of stripes on the side.
        let (x, y) = (-half * 0.02, -0.63);
        pen.rectangle(x - 0.035, y - 0.1, x + 0.035, y + 0.1, look.second);
        pen.rectangle(x - 0.1, y - 0.035, x + 0.1, y + 0.035, look.second);
        pen.faint(0.35, |pen| {
            pen.line(&[(half * 0.255, roof + 0.06), (half * 0.255, -0.17)], 0.012, lighter(look.main, -0.7))
        });
        pen.rounded(-half * 1.0, -0.2, half * 1.01, -0.11, 0.03, lighter(look.dark, -0.35));
        pen.ellipse(
            (half * 0.945, -0.36),
            (0.055, 0.042),
            Paint::Around((half * 0.95, -0.36), 0.07, rgb(0xfffbe0), rgb(0xf3cf6b)),
        );
        pen.rounded(-half * 0.995, -0.52, -half * 0.955, -0.44, 0.015, rgb(0xd83a3a));
        for x in [rear, front] {
            pen.arc((x, -0.16), (radius * 1.25, radius * 1.25), 0.5, 1.0, lighter(look.dark, -0.55));
        }
    });
    wheel(pen, (rear, -radius), radius, turns, look);
    wheel(pen, (front, -radius), radius, turns, look);
}

/// How bright the two lamps are: in turn while the siren sounds.
fn lamps(motion: &Motion) -> [f32; 2] {
    let sounding = motion.recent(0.2);
    let phase = (motion.secs * 2.4).fract() as f32;
    let flash = |phase: f32| sounding * (0.5 + 0.5 * sine_f32(phase)).powi(2);
    [flash(phase), flash(phase + 0.5)]
}

/// The light that the lamps throw about them.
pub fn draw_lamp_glow(pen: &mut Pen, look: &Look, motion: &Motion) {
    let half = 0.98 + 0.04 * look.shape[0];
    for (x, level) in [-0.14, 0.12].into_iter().zip(lamps(motion)) {
        if level > 0.02 {
            pen.glow((half * (0.25 + x), -0.93), (0.55, 0.42), lighter(look.dark, 0.35), 0.75 * level);
        }
    }
}
