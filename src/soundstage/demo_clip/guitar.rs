//! The guitar: it leans on a stand at the right; plucked strings blur.

use super::canvas::{
    Canvas, Color, Ink, Region, bump, edge, ellipse, grain, mix, rgb, rounded_box, scaled, segment, smooth_min,
    smoothstep,
};
use super::room::{FLOOR_Y, SHADOW_SLANT};
use super::score::{self, GUITAR_SOUNDS};
use crate::geometry::{Rect, Size};

/// The middle of the body's lower end, in the frame.
const FOOT: (f32, f32) = (462.0, 308.0);
/// Leans to the right, in radians.
const LEAN: f32 = 0.10;
/// Frame pixels per unit below; a unit is 3.93 mm of a real guitar.
const SCALE: f32 = 1.08;

/// Heights above the lower end, in units: the strings run from the saddle to the nut.
const SADDLE: f32 = 48.0;
const NUT: f32 = 213.0;
const HEAD_TOP: f32 = 258.0;
const FRETBOARD_END: f32 = 101.0;
const SOUND_HOLE: f32 = 86.0;
const SOUND_HOLE_RADIUS: f32 = 13.0;
/// Half of the distance between the outer strings.
const HALF_SPREAD_AT_SADDLE: f32 = 7.6;
const HALF_SPREAD_AT_NUT: f32 = 5.0;

const BEFORE_WALL: f32 = 26.0;

/// Units to the right of and above the middle of the lower end.
fn upright(x: f32, y: f32) -> (f32, f32) {
    let (sin, cos) = LEAN.sin_cos();
    let (dx, dy) = ((x - FOOT.0) / SCALE, (FOOT.1 - y) / SCALE);
    (dx * cos - dy * sin, dy * cos + dx * sin)
}

/// The inverse of [`upright`].
fn in_frame(u: f32, v: f32) -> (f32, f32) {
    let (sin, cos) = LEAN.sin_cos();
    (FOOT.0 + SCALE * (u * cos + v * sin), FOOT.1 - SCALE * (v * cos - u * sin))
}

/// Signed distance to the body, in units: two bouts and the waist between.
fn body(u: f32, v: f32) -> f32 {
    smooth_min(ellipse(u, v - 41.0, 50.0, 41.0), ellipse(u, v - 90.0, 37.5, 32.0), 15.0)
}

fn neck(u: f32, v: f32) -> f32 {
    let half_width = 5.9 + (NUT - v) * 0.018;
    (u.abs() - half_width).max(FRETBOARD_END - v).max(v - NUT - 1.0)
}

fn head(u: f32, v: f32) -> f32 {
    let middle = (NUT + HEAD_TOP) / 2.0;
    let half_width = 7.2 + (v - NUT).clamp(0.0, 60.0) * 0.055;
    let tapered = smoothstep(NUT - 2.0, NUT + 8.0, v);
    rounded_box(u, v - middle, 5.6 + (half_width - 5.6) * tapered, (HEAD_TOP - NUT) / 2.0, 2.0)
}

/// Signed distance to the tuners' buttons, three on each side.
fn tuners(u: f32, v: f32) -> f32 {
    let row = ((v - 224.0) / 12.0).round().clamp(0.0, 2.0);
    let button = rounded_box(u.abs() - 13.4, v - 224.0 - 12.0 * row, 2.6, 3.0, 1.8);
    let shaft = rounded_box(u.abs() - 10.0, v - 224.0 - 12.0 * row, 3.0, 0.9, 0.5);
    button.min(shaft)
}

/// Signed distance to the whole guitar, in units.
fn silhouette(u: f32, v: f32) -> f32 {
    body(u, v).min(neck(u, v)).min(head(u, v)).min(tuners(u, v))
}

/// The smallest rectangle around the guitar, in pixels of the frame.
pub fn bounds() -> Rect {
    const STEP: f32 = 0.25;
    let (mut around, steps) = (Rect::new(f64::MAX, f64::MAX, f64::MIN, f64::MIN), 0..1_320u16);
    for row in steps {
        let v = f32::from(row) * STEP - 10.0;
        // Every part grows smoothly outwards from the middle, so the outermost point of a row is found from outside.
        let Some(half) = (0..240u16).rev().map(|step| f32::from(step) * STEP).find(|u| silhouette(*u, v) <= 0.0) else {
            continue;
        };
        for u in [-half, half] {
            let (x, y) = in_frame(u, v);
            let (x, y) = (f64::from(x), f64::from(y));
            around = Rect::new(around.left.min(x), around.top.min(y), around.right.max(x), around.bottom.max(y));
        }
    }
    around
}

/// A part of the frame around points of the guitar.
fn region(points: &[(f32, f32)], margin: f32, size: Size) -> Region {
    let placed = points.iter().map(|(u, v)| in_frame(*u, *v));
    let [left, top, right, bottom] = placed.fold([f32::MAX, f32::MAX, f32::MIN, f32::MIN], |[a, b, c, d], (x, y)| {
        [a.min(x), b.min(y), c.max(x), d.max(y)]
    });
    Region::around(left - margin, top - margin, right + margin, bottom + margin, size)
}

fn corners(half_width: f32, from: f32, to: f32) -> [(f32, f32); 4] {
    [(-half_width, from), (half_width, from), (-half_width, to), (half_width, to)]
}

/// Shadows of guitar and stand on wall and floor.
pub fn paint_shadow(canvas: &mut Canvas) {
    let offset = (SHADOW_SLANT.0 * BEFORE_WALL, SHADOW_SLANT.1 * BEFORE_WALL);
    canvas.shade(canvas.region(), |x, y| {
        if y < FLOOR_Y {
            let (u, v) = upright(x - offset.0, y - offset.1);
            if u.abs() > 90.0 {
                return 0.0;
            }
            let spine = rounded_box(u, v - 170.0, 6.0, 85.0, 2.0);
            return 0.46 * smoothstep(8.0, -8.0, silhouette(u, v).min(spine) * SCALE);
        }
        let contact = ellipse(x - FOOT.0 - 8.0, y - FOOT.1 - 7.0, 58.0, 8.0);
        let run = ellipse(x - FOOT.0 - 34.0, y - FLOOR_Y - 12.0, 66.0, 22.0);
        (0.66 * smoothstep(11.0, -8.0, contact)).max(0.36 * smoothstep(16.0, -14.0, run))
    });
}

const STAND: u32 = 0x2b2523;

/// The stand: two legs, and the cradle whose arms the guitar rests on.
pub fn paint_stand(canvas: &mut Canvas, in_front: bool) {
    let size = Size::new(canvas.region().right, canvas.region().bottom);
    /// From where to where, and half the thickness.
    type Bar = ((f32, f32), (f32, f32), f32);
    let bars: &[Bar] = if in_front {
        &[((-24.0, 4.0), (-24.0, -6.0), 2.3), ((24.0, 4.0), (24.0, -6.0), 2.3)]
    } else {
        &[((-4.0, 100.0), (-44.0, -16.0), 2.6), ((4.0, 100.0), (40.0, -14.0), 2.6), ((-30.0, -5.0), (30.0, -5.0), 2.2)]
    };
    for (a, b, half) in bars {
        canvas.paint(region(&[*a, *b], 6.0, size), |x, y| {
            let (u, v) = upright(x, y);
            let distance = segment(u, v, *a, *b) - half;
            let light = 0.8 + 2.2 * bump(distance + half + 0.4, 0.9);
            Ink { color: scaled(rgb(STAND), light), cover: edge(distance * SCALE) }
        });
    }
}

/// The guitar without its strings.
pub fn paint(canvas: &mut Canvas) {
    let size = Size::new(canvas.region().right, canvas.region().bottom);
    let body_region = region(&corners(54.0, -4.0, 126.0), 3.0, size);
    // The rim, seen below and to the right of the top.
    canvas.paint(body_region, |x, y| {
        let (u, v) = upright(x, y);
        let light = 0.55 + 0.5 * smoothstep(-50.0, 30.0, -u) + 0.35 * bump(u + 46.0, 8.0);
        Ink { color: scaled(rgb(0x5a2f1c), light), cover: edge(body(u, v) * SCALE) }
    });
    canvas.paint(body_region, |x, y| {
        let (u, v) = upright(x, y);
        top(u, v, body(u + 1.6, v - 1.4) + 1.6)
    });
    canvas.paint(region(&corners(26.0, SADDLE - 8.0, SADDLE + 8.0), 2.0, size), |x, y| {
        let (u, v) = upright(x, y);
        let wings = rounded_box(u, v - SADDLE + 1.0, 17.0, 3.6, 1.6);
        let shade = 0.45 * smoothstep(3.0, -1.0, rounded_box(u - 1.0, v - SADDLE + 2.6, 17.0, 3.6, 1.6));
        let wood = scaled(rgb(0x3a2219), 0.9 + 0.7 * bump(v - SADDLE - 1.6, 1.2));
        let saddle = edge(rounded_box(u, v - SADDLE, 9.2, 0.7, 0.3) * SCALE);
        let solid = edge(wings * SCALE);
        Ink { color: mix(wood, rgb(0xf0e6cf), saddle), cover: solid.max(shade * (1.0 - solid)) }
    });
    canvas.paint(region(&corners(18.0, FRETBOARD_END - 4.0, HEAD_TOP + 2.0), 2.0, size), |x, y| {
        let (u, v) = upright(x, y);
        let turned = tuners(u, v);
        let button = edge(turned * SCALE);
        let headed = edge(head(u, v) * SCALE);
        let necked = edge(neck(u, v) * SCALE);
        let metal = scaled(rgb(0xcfc6b4), 0.55 + 0.6 * smoothstep(2.5, -2.5, u.abs() - 13.0));
        let wood = scaled(rgb(0x6a3b22), 0.75 + 0.3 * grain(v * 2.0, u * 1.5, 41) + 0.25 * smoothstep(9.0, -9.0, u));
        let post_row = ((v - 224.0) / 12.0).round().clamp(0.0, 2.0);
        let post = edge(((u.abs() - 5.0).hypot(v - 224.0 - 12.0 * post_row) - 1.2) * SCALE);
        let color = mix(mix(metal, wood, headed), rgb(0xe9e2d2), post * headed);
        Ink { color: mix(color, fretboard(u, v), necked), cover: button.max(headed).max(necked) }
    });
}

/// The top: spruce with its fine grain, a bright binding, the sound hole and its rosette.
fn top(u: f32, v: f32, distance: f32) -> Ink {
    let fibres = grain(v * 1.2, u * 1.9, 21);
    let year_ring = 0.5 + 0.5 * (u * 2.1 + 0.4 * noise_bend(v)).sin();
    let spruce = mix(rgb(0xd88f3f), rgb(0xf0b765), 0.25 + 0.45 * fibres + 0.15 * year_ring);
    // Burst: darker to the edge; gloss: the window again.
    let burst = smoothstep(-26.0, -1.0, distance);
    let gloss = 0.32 * bump(u + 20.0 - 0.25 * (v - 60.0), 11.0) * smoothstep(-2.0, -9.0, distance);
    let lit = 1.02 - 0.0042 * u + 0.0016 * (v - 60.0);
    let mut color = scaled(mix(spruce, rgb(0x8a4a1c), 0.62 * burst * burst), lit);
    color = mix(color, [1.0, 0.93, 0.78], gloss);
    let neck_shade =
        0.40 * smoothstep(4.0, -2.0, (u - 2.5).abs() - 7.5) * smoothstep(FRETBOARD_END - 3.0, FRETBOARD_END, v);
    color = scaled(color, 1.0 - neck_shade);
    let hole = u.hypot(v - SOUND_HOLE) - SOUND_HOLE_RADIUS;
    let ring = |at: f32, width: f32| edge((hole - at).abs() * SCALE - width);
    color = mix(color, rgb(0x3b2015), ring(3.4, 1.5));
    color = mix(color, rgb(0xf1e3c2), ring(3.4, 0.35));
    color = mix(color, rgb(0x3b2015), ring(0.3, 0.7));
    let depth = smoothstep(0.0, -12.0, hole + 0.35 * (u - v + SOUND_HOLE));
    color = mix(color, mix([0.010, 0.007, 0.005], [0.075, 0.040, 0.020], depth), edge(hole * SCALE));
    color = mix(color, rgb(0xf3e7c9), edge((distance + 1.5).abs() * SCALE - 0.8));
    Ink { color, cover: edge(distance * SCALE) }
}

fn noise_bend(v: f32) -> f32 {
    super::canvas::noise(v / 30.0, 0.3, 5) * 3.0
}

fn fretboard(u: f32, v: f32) -> Color {
    let wood = scaled(rgb(0x3a241b), 0.75 + 0.35 * grain(v * 2.0, u, 61) + 0.35 * bump(u + 5.5, 1.2));
    let fret_height = |fret: f32| SADDLE + (NUT - SADDLE) * (-fret / 12.0).exp2();
    let nearest = (12.0 * ((NUT - SADDLE) / (v - SADDLE).max(1.0)).log2()).round().clamp(0.0, 20.0);
    let fret = edge((v - fret_height(nearest)).abs() * SCALE - 0.25);
    let wire = if nearest < 0.5 { rgb(0xf0e6cf) } else { rgb(0xb9b0a0) };
    let mut color = mix(wood, wire, if nearest < 0.5 { edge((v - NUT).abs() * SCALE - 0.9) } else { 0.75 * fret });
    for marked in [3.0, 5.0, 7.0, 9.0, 12.0, 15.0] {
        let middle = (fret_height(marked) + fret_height(marked - 1.0)) / 2.0;
        let dot = if marked == 12.0 { (u.abs() - 3.0).hypot(v - middle) } else { u.hypot(v - middle) };
        color = mix(color, rgb(0xe6ddc8), 0.85 * edge((dot - 1.0) * SCALE));
    }
    color
}

/// How far each string swings at an instant, in units; nothing moves while the guitar is silent.
pub fn swings(secs: f64) -> [f32; 6] {
    const WIDTH: f64 = 1.7;
    const CALMS_SECS: f64 = 0.75;
    let mut swings = [0.0; 6];
    // A string that is plucked again forgets what it did before.
    for pluck in score::plucks().filter(|pluck| pluck.secs <= secs) {
        let since = secs - pluck.secs;
        swings[pluck.string] = (WIDTH * pluck.strength * (-since / CALMS_SECS).exp()) as f32;
    }
    let free = score::freedom(&GUITAR_SOUNDS, secs) as f32;
    swings.map(|swing| swing * free)
}

/// The strings, at rest or swinging faster than the eye can follow: a veil as wide as they swing.
pub fn paint_strings(canvas: &mut Canvas, secs: f64) {
    let size = Size::new(canvas.region().right, canvas.region().bottom);
    let swings = swings(secs);
    let around = region(&corners(11.0, SADDLE - 1.0, HEAD_TOP), 1.0, size);
    for (string, swing) in swings.into_iter().enumerate() {
        let place = string as f32 / 2.5 - 1.0;
        let thickness = 0.62 - 0.05 * string as f32;
        // Where the camera catches the string within its veil changes from frame to frame.
        let caught = (secs * 97.0 + string as f64 * 1.7).sin() as f32;
        let color = if string < 3 { rgb(0xd9b98a) } else { rgb(0xf2efe6) };
        canvas.paint(around, |x, y| {
            let (u, v) = upright(x, y);
            let along = ((v - SADDLE) / (NUT - SADDLE)).clamp(0.0, 1.0);
            let past_nut = ((v - NUT) / 30.0).clamp(0.0, 1.0);
            let spread = HALF_SPREAD_AT_SADDLE + (HALF_SPREAD_AT_NUT - HALF_SPREAD_AT_SADDLE) * along;
            let reach = 224.0 + 12.0 * (2.5 - (string as f32 - 2.5).abs());
            if v < SADDLE || v > reach {
                return Ink { color, cover: 0.0 };
            }
            let belly = swing * (std::f32::consts::PI * along).sin();
            let off = u - place * (spread - 0.6 * past_nut);
            let line = 0.85 * edge(((off - belly * caught).abs() - thickness) * SCALE);
            let veil = if belly > 0.05 { 0.34 * edge((off.abs() - belly - thickness) * SCALE) } else { 0.0 };
            Ink { color, cover: line.max(veil) }
        });
    }
}

/// The part of the frame in which the strings ever are.
pub fn reach(size: Size) -> Region {
    region(&corners(12.0, SADDLE - 2.0, HEAD_TOP), 2.0, size)
}
