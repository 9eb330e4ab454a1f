//! The bell: cast brass in a wooden frame, seen as the surface of revolution that it is.

use std::f32::consts::{PI, TAU};

use super::canvas::{
    Canvas, Color, Ink, Region, bump, edge, ellipse, grain, mix, rounded_box, scaled, segment, smoothstep,
};
use super::room::SHADOW_SLANT;
use super::score::{BELL_SOUNDS, STRIKES, SWING_SECS};
use crate::geometry::{Rect, Size};

/// Where the bell hangs: the axle that it swings about.
const AXLE: (f32, f32) = (166.0, 122.0);
/// From the axle down to the crown of the bell, and the height of the bell.
const CROWN: f32 = 22.0;
const HEIGHT: f32 = 88.0;
/// How far the circles around the bell bulge downwards, seen from a little above; per pixel of radius.
const BULGE: f32 = 0.11;
/// Radius of the bell from crown to lip, at shares of its height that are the squares of equal steps: the shoulder
/// turns within few pixels.
const PROFILE: [f32; 13] = [0.0, 12.0, 19.0, 23.5, 26.0, 27.5, 28.7, 30.0, 31.8, 34.2, 37.8, 43.5, 52.0];
/// The clapper's ball, below the axle.
const CLAPPER_LENGTH: f32 = 120.0;
const CLAPPER_RADIUS: f32 = 8.5;
/// The ring at the top, around the axle.
const RING_RADIUS: f32 = 11.0;
const RING_THICKNESS: f32 = 3.2;

/// How far the wooden frame stands before the wall, which is how far its shadow falls.
const BEFORE_WALL: f32 = 40.0;

/// Angles in radians, positive to the right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pose {
    pub bell: f32,
    pub clapper: f32,
}

/// How the bell hangs at an instant; straight down whenever it is silent.
pub fn pose(secs: f64) -> Pose {
    const CALMS_SECS: f64 = 1.5;
    const KICK: f64 = 0.14;
    const CLAPPER_LAG_SECS: f64 = 0.13;
    let swing = |secs: f64| {
        let kicks = STRIKES.iter().filter(|strike| secs >= strike.secs).map(|strike| {
            let since = secs - strike.secs;
            let phase = std::f64::consts::TAU * since / SWING_SECS;
            KICK * strike.strength * (-since / CALMS_SECS).exp() * phase.sin()
        });
        kicks.sum::<f64>()
    };
    // Comes to rest more slowly than the sound, so that nothing jerks.
    let free = BELL_SOUNDS.iter().find(|stretch| stretch.contains(&secs)).map_or(0.0, |stretch| {
        let left = (stretch.end - secs).min(1.0);
        0.5 - 0.5 * (std::f64::consts::PI * left).cos()
    });
    Pose { bell: (free * swing(secs)) as f32, clapper: (1.5 * free * swing(secs - CLAPPER_LAG_SECS)) as f32 }
}

/// Radius at a share of the height, and its slope per pixel.
fn radius_at(down: f32) -> (f32, f32) {
    let last = PROFILE.len() - 1;
    // Finer steps at the crown, where the shoulder turns.
    let place = (down.clamp(0.0, 1.0).sqrt() * last as f32).min(last as f32 - 1e-3);
    let index = place as usize;
    let at = |index: usize| PROFILE[index.min(last)];
    let before = if index == 0 { -at(1) } else { at(index - 1) };
    let (a, b, after) =
        (at(index), at(index + 1), if index + 2 > last { 2.0 * at(last) - at(last - 1) } else { at(index + 2) });
    // Catmull-Rom.
    let t = place - index as f32;
    let (slope_a, slope_b) = ((b - before) / 2.0, (after - a) / 2.0);
    let cubic =
        |c0: f32, c1: f32, c2: f32, c3: f32| (c0 + t * (c1 + t * (c2 + t * c3)), c1 + t * (2.0 * c2 + t * 3.0 * c3));
    let (radius, slope) = cubic(a, slope_a, 3.0 * (b - a) - 2.0 * slope_a - slope_b, 2.0 * (a - b) + slope_a + slope_b);
    let place_per_pixel = last as f32 / (2.0 * down.max(1e-3).sqrt()) / HEIGHT;
    (radius.max(0.0), slope * place_per_pixel)
}

/// Coordinates with the bell hanging straight: to the right of and down from the axle.
fn hanging(x: f32, y: f32, angle: f32) -> (f32, f32) {
    let (sin, cos) = angle.sin_cos();
    let (dx, dy) = (x - AXLE.0, y - AXLE.1);
    (dx * cos + dy * sin, dy * cos - dx * sin)
}

/// Signed distance to the body, and where on it the point lies: share across (−1 to 1) and share down (0 to 1).
fn body(u: f32, v: f32) -> (f32, f32, f32) {
    let v = v - CROWN;
    // A circle around the bell looks like an ellipse: find the one through this point.
    let mut down = (v / HEIGHT).clamp(0.0, 1.0);
    for _ in 0..3 {
        let (radius, _) = radius_at(down);
        let depth = (radius * radius - u * u).max(0.0).sqrt();
        down = ((v - BULGE * depth) / HEIGHT).clamp(0.0, 1.0);
    }
    let (radius, slope) = radius_at((v / HEIGHT).clamp(0.0, 1.0));
    let side = (u.abs() - radius) / (1.0 + slope * slope).sqrt();
    let (lip, _) = radius_at(1.0);
    let below = v - HEIGHT;
    let under = if below > 0.0 { ellipse(u, below, lip, BULGE * lip) } else { f32::MIN };
    let above = -v;
    let distance = if below > 0.0 { under } else { side.max(above) };
    let (radius, _) = radius_at(down);
    (distance, (u / radius.max(0.5)).clamp(-1.0, 1.0), down)
}

fn ring(u: f32, v: f32) -> f32 {
    ((u / 0.8).hypot(v - CROWN + RING_RADIUS) - RING_RADIUS).abs() * 0.9 - RING_THICKNESS / 2.0
}

fn clapper(u: f32, v: f32) -> f32 {
    u.hypot(v - CLAPPER_LENGTH) - CLAPPER_RADIUS
}

/// Roughly the signed distance to all of the bell, good enough far from its edge for a soft shadow.
fn shadow_distance(x: f32, y: f32, pose: Pose) -> f32 {
    let (u, v) = hanging(x, y, pose.bell);
    let (clapper_u, clapper_v) = hanging(x, y, pose.clapper);
    let down = (v - CROWN) / HEIGHT;
    let side = (u.abs() - radius_at(down.clamp(0.04, 1.0)).0) / 1.15;
    let upright = (down - 0.5).abs() * HEIGHT - HEIGHT / 2.0;
    let body = side.max(0.0).hypot(upright.max(0.0)) + side.max(upright).min(0.0);
    body.min(ring(u, v)).min(clapper(clapper_u, clapper_v))
}

/// The smallest rectangle around the bell, in pixels of the frame.
pub fn bounds(pose: Pose) -> Rect {
    const STEPS: u16 = 256;
    let mut points = Vec::new();
    let steps = || (0..=STEPS).map(|step| f32::from(step) / f32::from(STEPS));
    for share in steps() {
        let (radius, _) = radius_at(share);
        let (lip, _) = radius_at(1.0);
        let (sin, cos) = (TAU * share).sin_cos();
        points.push((radius, CROWN + share * HEIGHT, pose.bell));
        points.push((-radius, CROWN + share * HEIGHT, pose.bell));
        points.push((lip * (PI * share).cos(), CROWN + HEIGHT + BULGE * lip * (PI * share).sin(), pose.bell));
        let outer = RING_RADIUS + RING_THICKNESS / 1.8;
        points.push((0.8 * outer * cos, CROWN - RING_RADIUS + outer * sin, pose.bell));
        points.push((CLAPPER_RADIUS * cos, CLAPPER_LENGTH + CLAPPER_RADIUS * sin, pose.clapper));
    }
    let outline = points.into_iter().map(|(u, v, angle)| {
        let (sin, cos) = angle.sin_cos();
        (f64::from(AXLE.0 + u * cos - v * sin), f64::from(AXLE.1 + u * sin + v * cos))
    });
    outline.fold(Rect::new(f64::MAX, f64::MAX, f64::MIN, f64::MIN), |around, (x, y)| {
        Rect::new(around.left.min(x), around.top.min(y), around.right.max(x), around.bottom.max(y))
    })
}

/// The part of the frame in which the bell and its shadow ever are.
pub fn reach(size: Size) -> Region {
    Region::around(AXLE.0 - 84.0, AXLE.1 - 10.0, AXLE.0 + 84.0 + SHADOW_SLANT.0 * BEFORE_WALL, AXLE.1 + 168.0, size)
}

/// The bell's shadow on the wall, to be painted before the wooden frame.
pub fn paint_shadow(canvas: &mut Canvas, pose: Pose) {
    let offset = (SHADOW_SLANT.0 * BEFORE_WALL, SHADOW_SLANT.1 * BEFORE_WALL);
    canvas.shade(canvas.region(), |x, y| {
        if y > super::room::FLOOR_Y {
            return 0.0;
        }
        0.42 * smoothstep(9.0, -9.0, shadow_distance(x - offset.0, y - offset.1, pose))
    });
}

/// The bell itself.
pub fn paint(canvas: &mut Canvas, pose: Pose) {
    let Rect { left, top, right, bottom } = bounds(pose);
    let size = Size::new(canvas.region().right, canvas.region().bottom);
    let region = Region::around(left as f32 - 2.0, top as f32 - 2.0, right as f32 + 2.0, bottom as f32 + 2.0, size);
    canvas.paint(region, |x, y| {
        let (u, v) = hanging(x, y, pose.clapper);
        let cover = edge(clapper(u, v));
        let (nx, ny) = (u / CLAPPER_RADIUS, (v - CLAPPER_LENGTH) / CLAPPER_RADIUS);
        let nz = (1.0 - nx * nx - ny * ny).max(0.0).sqrt();
        let shaded = scaled(metal([nx, ny, nz], IRON), 0.55 + 0.45 * smoothstep(-0.6, 0.5, ny));
        Ink { color: shaded, cover }
    });
    canvas.paint(region, |x, y| {
        let (u, v) = hanging(x, y, pose.bell);
        let across = ring(u, v) / (RING_THICKNESS / 2.0);
        let lean = (u / 0.8).atan2(v - CROWN + RING_RADIUS);
        let bend = (1.0 + across).clamp(0.0, 1.0);
        Ink { color: metal([lean.sin() * bend, lean.cos() * bend * 0.7, 0.8], BRASS), cover: edge(ring(u, v)) }
    });
    canvas.paint(region, |x, y| {
        let (u, v) = hanging(x, y, pose.bell);
        let (distance, across, down) = body(u, v);
        if distance > 1.0 {
            return Ink { color: BRASS, cover: 0.0 };
        }
        let (_, slope) = radius_at(down);
        // Raised wires around the bell tilt its surface up, then down.
        let wires: f32 = [0.155, 0.19, 0.80, 0.835, 0.955]
            .iter()
            .map(|wire| {
                let off = (down - wire) * HEIGHT / 1.5;
                off * bump(off, 1.0)
            })
            .sum();
        let tilt = (-slope * 0.9 + 1.1 * wires).clamp(-3.0, 3.0);
        let depth = (1.0 - across * across).max(0.0).sqrt();
        // The slope leans the surface up (towards smaller v), the swing turns it in the picture.
        let length = (1.0 + tilt * tilt).sqrt();
        let (nu, nv, nz) = (across / length, tilt / length, depth / length);
        let (sin, cos) = pose.bell.sin_cos();
        let normal = [nu * cos - nv * sin, nu * sin + nv * cos, nz];
        let lip = 1.0 - 0.45 * smoothstep(0.985, 1.0, down) - 0.10 * bump(down - 0.90, 0.03);
        Ink { color: scaled(metal(normal, BRASS), lip), cover: edge(distance) }
    });
}

const BRASS: Color = [0.80, 0.47, 0.115];
const IRON: Color = [0.20, 0.18, 0.17];

/// Polished metal in the room: the window at the left, the wall, the floor below; lit by what it mirrors.
fn metal([nx, ny, nz]: [f32; 3], tint: Color) -> Color {
    // The mirrored direction, for a viewer straight ahead.
    let (rx, ry) = (2.0 * nx * nz, 2.0 * ny * nz);
    let window = bump(rx + 0.78, 0.26) * bump(ry + 0.25, 0.75);
    let glint = bump(nx + 0.36, 0.10) * bump(ny + 0.22, 0.30);
    let rim = bump(nx - 0.90, 0.09);
    let floor = smoothstep(0.0, 0.9, ry);
    let diffuse = (-0.55 * nx - 0.45 * ny + 0.70 * nz).max(0.0);
    let far_wall = 1.0 - 0.40 * bump(nx - 0.42, 0.24);
    let light = (0.12 + 0.50 * diffuse + 0.80 * window + 0.16 * floor) * far_wall + 0.34 * rim;
    let body = scaled(tint, light * (0.50 + 0.50 * smoothstep(-0.05, 0.75, nz)));
    mix(body, [1.0, 0.93, 0.74], (0.72 * glint + 0.22 * window).min(0.9))
}

/// The wooden frame: two posts on feet, a beam, and the hook that the bell hangs on.
pub fn paint_frame(canvas: &mut Canvas) {
    let size = Size::new(canvas.region().right, canvas.region().bottom);
    for part in FRAME {
        let Beam { center: (x, y), half: (w, h), .. } = part;
        let region = Region::around(x - w - 2.0, y - h - 2.0, x + w + 2.0, y + h + 2.0, size);
        canvas.paint(region, |px, py| part.ink(px - x, py - y));
    }
    for side in [-1.0f32, 1.0] {
        // Braces between posts and beam.
        let (a, b) = ((AXLE.0 + side * 80.0, AXLE.1 + 26.0), (AXLE.0 + side * 54.0, AXLE.1 - 8.0));
        let region = Region::around(a.0.min(b.0) - 6.0, b.1 - 3.0, a.0.max(b.0) + 6.0, a.1 + 6.0, size);
        canvas.paint(region, |x, y| {
            let distance = segment(x, y, a, b) - 3.6;
            let light = 0.62 + 0.4 * smoothstep(0.0, -4.0, distance) - if side > 0.0 { 0.1 } else { 0.0 };
            let inside = y > AXLE.1 - 12.0 && (x - AXLE.0).abs() < 84.0;
            let cover = if inside { edge(distance) } else { 0.0 };
            Ink { color: scaled(WOOD, light * (0.85 + 0.3 * grain(y, x, 31))), cover }
        });
    }
    let region = Region::around(AXLE.0 - 8.0, AXLE.1 - 14.0, AXLE.0 + 8.0, AXLE.1 + 6.0, size);
    canvas.paint(region, |x, y| {
        let (dx, dy) = (x - AXLE.0, y - AXLE.1);
        let shank = segment(dx, dy, (0.0, -12.0), (0.0, -4.0)) - 1.7;
        let hook = if dy > -2.0 { (dx.hypot(dy + 1.0) - 4.0).abs() - 1.5 } else { f32::MAX };
        let distance = shank.min(hook);
        Ink { color: metal([dx / 6.0, dy / 9.0, 0.8], IRON), cover: edge(distance) }
    });
}

/// Shadows of the wooden frame on wall and floor.
pub fn paint_frame_shadow(canvas: &mut Canvas) {
    let offset = (SHADOW_SLANT.0 * BEFORE_WALL, SHADOW_SLANT.1 * BEFORE_WALL);
    canvas.shade(canvas.region(), |x, y| {
        if y < super::room::FLOOR_Y {
            let away = |part: &Beam| {
                rounded_box(x - offset.0 - part.center.0, y - offset.1 - part.center.1, part.half.0, part.half.1, 3.0)
            };
            let nearest = FRAME.iter().map(away).fold(f32::MAX, f32::min);
            return 0.34 * smoothstep(8.0, -8.0, nearest);
        }
        // On the floor the posts' shadows run back to the wall; the feet press theirs under them.
        let foot = |side: f32| {
            let center = (AXLE.0 + side * 80.0, AXLE.1 + 190.0);
            let contact = 0.62 * smoothstep(9.0, -5.0, ellipse(x - center.0 - 3.0, y - center.1 - 5.0, 33.0, 5.5));
            let run = segment(x, y, (center.0, center.1), (center.0 + 42.0, super::room::FLOOR_Y));
            contact.max(0.34 * smoothstep(11.0, -3.0, run))
        };
        foot(-1.0).max(foot(1.0))
    });
}

/// `0x7a4f30` in linear light.
const WOOD: Color = [0.195, 0.078, 0.030];

/// A straight piece of wood.
struct Beam {
    center: (f32, f32),
    half: (f32, f32),
    upright: bool,
}

const FRAME: [Beam; 5] = [
    Beam { center: (AXLE.0 - 84.0, AXLE.1 + 86.0), half: (5.5, 102.0), upright: true },
    Beam { center: (AXLE.0 + 84.0, AXLE.1 + 86.0), half: (5.5, 102.0), upright: true },
    Beam { center: (AXLE.0 - 84.0, AXLE.1 + 188.0), half: (27.0, 6.0), upright: false },
    Beam { center: (AXLE.0 + 84.0, AXLE.1 + 188.0), half: (27.0, 6.0), upright: false },
    Beam { center: (AXLE.0, AXLE.1 - 17.0), half: (101.0, 7.0), upright: false },
];

impl Beam {
    fn ink(&self, x: f32, y: f32) -> Ink {
        let distance = rounded_box(x, y, self.half.0, self.half.1, 3.0);
        let (along, across) = if self.upright { (y, x / self.half.0) } else { (x, y / self.half.1) };
        let fibres = grain(along + 300.0, across * 6.0, (self.center.0 as u32) << 4 ^ self.center.1 as u32);
        // Light comes from above and the left; edges are planed off.
        let bevel = 0.30 * bump(across + 0.85, 0.22) - 0.34 * smoothstep(0.45, 1.0, across);
        let light =
            (0.80 + 0.40 * fibres + bevel) * (1.0 - 0.18 * smoothstep(-100.0, 100.0, along) * f32::from(self.upright));
        Ink { color: scaled(WOOD, light), cover: edge(distance) }
    }
}
