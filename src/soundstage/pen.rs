//! Drawing in a thing's own coordinates: x to the right, y down, turned and scaled onto a canvas.

use super::canvas::{Canvas, Color, Ink, Spot};
use super::exact::{cosine, length, sine};

/// What a shape is filled with; places in the drawing's own coordinates.
#[derive(Clone, Copy, Debug)]
pub enum Paint {
    Flat(Color),
    /// From one colour at a place to another at a second place.
    Along(Spot, Color, Spot, Color),
    /// From a colour at the centre of a circle to another at its edge.
    Around(Spot, f32, Color, Color),
}

impl From<Color> for Paint {
    fn from(color: Color) -> Self {
        Self::Flat(color)
    }
}

/// A closed outline in the drawing's own coordinates.
#[derive(Clone, Debug, Default)]
pub struct Path(Vec<Spot>);

/// Straight pieces that a curve is made of.
const PIECES: usize = 8;

impl Path {
    pub fn from(start: Spot) -> Self {
        Self(vec![start])
    }

    pub fn line(mut self, to: Spot) -> Self {
        self.0.push(to);
        self
    }

    /// A curve that leaves towards `pull` and arrives from it.
    pub fn curve(mut self, pull: Spot, to: Spot) -> Self {
        let from = self.0.last().copied().unwrap_or(to);
        self.0.extend((1..=PIECES).map(|piece| {
            let t = piece as f32 / PIECES as f32;
            let (a, b, c) = ((1.0 - t) * (1.0 - t), 2.0 * t * (1.0 - t), t * t);
            (a * from.0 + b * pull.0 + c * to.0, a * from.1 + b * pull.1 + c * to.1)
        }));
        self
    }

    /// The smooth closed outline through these places (Catmull and Rom).
    pub fn smooth(places: &[Spot]) -> Self {
        const STEPS: usize = 6;
        let count = places.len();
        let mut outline = Vec::with_capacity(count * STEPS);
        for index in 0..count {
            let at = |offset: usize| places[(index + offset + count - 1) % count];
            outline.extend(catmull_rom([at(0), at(1), at(2), at(3)], STEPS));
        }
        Self(outline)
    }

    /// The smooth open line through these places, for [`Pen::line`].
    pub fn through(places: &[Spot]) -> Vec<Spot> {
        const STEPS: usize = 6;
        let mut line = Vec::with_capacity(places.len() * STEPS + 1);
        for index in 0..places.len().saturating_sub(1) {
            let at = |offset: usize| places[(index + offset).saturating_sub(1).min(places.len() - 1)];
            line.extend(catmull_rom([at(0), at(1), at(2), at(3)], STEPS));
        }
        line.extend(places.last());
        line
    }
}

fn catmull_rom([before, from, to, after]: [Spot; 4], steps: usize) -> impl Iterator<Item = Spot> {
    (0..steps).map(move |step| {
        let t = step as f32 / steps as f32;
        let blend = |a: f32, b: f32, c: f32, d: f32| {
            b + 0.5 * t * (c - a + t * (2.0 * a - 5.0 * b + 4.0 * c - d + t * (3.0 * (b - c) + d - a)))
        };
        (blend(before.0, from.0, to.0, after.0), blend(before.1, from.1, to.1, after.1))
    })
}

/// A place and an orientation: how drawing coordinates become pixels.
#[derive(Clone, Copy, Debug)]
pub struct Stance {
    x: (f32, f32),
    y: (f32, f32),
    origin: Spot,
}

impl Stance {
    /// One unit is `scale` pixels; the origin is at `origin`.
    pub fn new(origin: Spot, scale: f32) -> Self {
        Self { x: (scale, 0.0), y: (0.0, scale), origin }
    }

    pub fn to_pixels(self, (x, y): Spot) -> Spot {
        (self.origin.0 + x * self.x.0 + y * self.y.0, self.origin.1 + x * self.x.1 + y * self.y.1)
    }

    pub fn moved(&self, x: f32, y: f32) -> Self {
        Self { origin: self.to_pixels((x, y)), ..*self }
    }

    /// Turned clockwise about the origin by a share of a full turn.
    pub fn turned(&self, turns: f32) -> Self {
        let (sin, cos) = (sine(f64::from(turns)), cosine(f64::from(turns)));
        let blend = |a: Spot, b: Spot, p: f32, q: f32| (a.0 * p + b.0 * q, a.1 * p + b.1 * q);
        Self { x: blend(self.x, self.y, cos, sin), y: blend(self.y, self.x, cos, -sin), origin: self.origin }
    }

    pub fn scaled(&self, x: f32, y: f32) -> Self {
        Self { x: (self.x.0 * x, self.x.1 * x), y: (self.y.0 * y, self.y.1 * y), origin: self.origin }
    }

    /// Turned about a place that stays where it is.
    pub fn turned_about(&self, (x, y): Spot, turns: f32) -> Self {
        self.moved(x, y).turned(turns).moved(-x, -y)
    }
}

/// Draws on a canvas from one stance.
pub struct Pen<'a> {
    canvas: &'a mut Canvas,
    pub stance: Stance,
    /// Of all that is drawn from now on.
    pub alpha: f32,
    outlines: Vec<Spot>,
    ends: Vec<usize>,
}

impl<'a> Pen<'a> {
    pub fn new(canvas: &'a mut Canvas, stance: Stance) -> Self {
        Self { canvas, stance, alpha: 1.0, outlines: Vec::new(), ends: Vec::new() }
    }

    /// Draws from another stance for a while.
    pub fn at_stance(&mut self, stance: Stance, draw: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.stance, stance);
        draw(self);
        self.stance = before;
    }

    /// Draws half see-through (or whatever `alpha` says) for a while.
    pub fn faint(&mut self, alpha: f32, draw: impl FnOnce(&mut Self)) {
        let before = self.alpha;
        self.alpha *= alpha;
        draw(self);
        self.alpha = before;
    }

    pub fn polygon(&mut self, corners: &[Spot], paint: impl Into<Paint>) {
        self.add(corners.iter().copied());
        self.flush(paint.into());
    }

    pub fn path(&mut self, path: &Path, paint: impl Into<Paint>) {
        self.polygon(&path.0, paint);
    }

    pub fn ellipse(&mut self, (x, y): Spot, radii: Spot, paint: impl Into<Paint>) {
        self.arc((x, y), radii, 0.0, 1.0, paint);
    }

    pub fn circle(&mut self, center: Spot, radius: f32, paint: impl Into<Paint>) {
        self.ellipse(center, (radius, radius), paint);
    }

    /// The part of an ellipse between two angles, cut off straight; turns clockwise from the right.
    pub fn arc(&mut self, (x, y): Spot, radii: Spot, from: f32, to: f32, paint: impl Into<Paint>) {
        let pieces = self.pieces(radii.0.abs().max(radii.1.abs()), to - from);
        let spots = (0..=pieces).map(|piece| {
            let turns = f64::from(from + (to - from) * piece as f32 / pieces as f32);
            (x + radii.0 * cosine(turns), y + radii.1 * sine(turns))
        });
        self.add(spots);
        self.flush(paint.into());
    }

    /// A rectangle with rounded corners.
    pub fn rounded(&mut self, left: f32, top: f32, right: f32, bottom: f32, radius: f32, paint: impl Into<Paint>) {
        let radius = radius.min((right - left).abs() / 2.0).min((bottom - top).abs() / 2.0);
        if radius <= 0.0 {
            return self.polygon(&[(left, top), (right, top), (right, bottom), (left, bottom)], paint);
        }
        let pieces = self.pieces(radius, 0.25).div_ceil(2).max(2);
        let corners = [
            (right - radius, bottom - radius),
            (left + radius, bottom - radius),
            (left + radius, top + radius),
            (right - radius, top + radius),
        ];
        let spots = corners.into_iter().zip([0.0, 0.25, 0.5, 0.75]).flat_map(|((x, y), start)| {
            (0..=pieces).map(move |piece| {
                let turns = start + 0.25 * f64::from(piece as u32) / f64::from(pieces as u32);
                (x + radius * cosine(turns), y + radius * sine(turns))
            })
        });
        self.add(spots);
        self.flush(paint.into());
    }

    pub fn rectangle(&mut self, left: f32, top: f32, right: f32, bottom: f32, paint: impl Into<Paint>) {
        self.rounded(left, top, right, bottom, 0.0, paint);
    }

    /// A line of one width with round ends and corners.
    pub fn line(&mut self, spots: &[Spot], width: f32, paint: impl Into<Paint>) {
        self.tapered(spots, width, width, paint);
    }

    /// A line whose width goes from `first` to `last`.
    pub fn tapered(&mut self, spots: &[Spot], first: f32, last: f32, paint: impl Into<Paint>) {
        let count = spots.len();
        let half_width =
            |index: usize| 0.5 * (first + (last - first) * index as f32 / count.saturating_sub(1).max(1) as f32);
        let round = self.pixels(first.max(last)) > 1.5;
        for (index, spot) in spots.iter().enumerate() {
            let half = half_width(index);
            if round {
                let pieces = self.pieces(half, 1.0).min(12);
                self.add((0..pieces).map(|piece| {
                    let turns = f64::from(piece as u32) / f64::from(pieces as u32);
                    (spot.0 + half * cosine(turns), spot.1 + half * sine(turns))
                }));
            }
            let Some(next) = spots.get(index + 1) else { continue };
            let (dx, dy) = (next.0 - spot.0, next.1 - spot.1);
            let long = length(dx, dy);
            if long > 0.0 {
                let (nx, ny) = (-dy / long, dx / long);
                let after = half_width(index + 1);
                self.add([
                    (spot.0 + nx * half, spot.1 + ny * half),
                    (spot.0 - nx * half, spot.1 - ny * half),
                    (next.0 - nx * after, next.1 - ny * after),
                    (next.0 + nx * after, next.1 + ny * after),
                ]);
            }
        }
        self.flush(paint.into());
    }

    /// A soft shadow or glow.
    pub fn glow(&mut self, center: Spot, radii: Spot, color: Color, alpha: f32) {
        let (x, y) = self.stance.to_pixels(center);
        let across = length(self.stance.x.0, self.stance.x.1);
        let down = length(self.stance.y.0, self.stance.y.1);
        self.canvas.fade_ellipse((x, y), (radii.0 * across, radii.1 * down), color, alpha * self.alpha);
    }

    /// A length of the drawing in pixels.
    pub fn pixels(&self, long: f32) -> f32 {
        long * length(self.stance.x.0, self.stance.x.1).max(length(self.stance.y.0, self.stance.y.1))
    }

    fn pieces(&self, radius: f32, turns: f32) -> usize {
        let radius = self.pixels(radius);
        let full = (6.0 + 5.0 * radius.max(0.0).sqrt()).min(72.0);
        ((full * turns.abs()) as usize).max(3)
    }

    fn add(&mut self, spots: impl IntoIterator<Item = Spot>) {
        let start = self.ends.last().copied().unwrap_or(0);
        let stance = self.stance;
        self.outlines.extend(spots.into_iter().map(|spot| stance.to_pixels(spot)));
        let outline = &mut self.outlines[start..];
        let Some(mut before) = outline.last().copied() else { return };
        let mut area = 0.0;
        for spot in outline.iter() {
            area += before.0 * spot.1 - spot.0 * before.1;
            before = *spot;
        }
        // All wound one way, so that parts that overlap cover and do not cancel.
        if area < 0.0 {
            outline.reverse();
        }
        self.ends.push(self.outlines.len());
    }

    fn flush(&mut self, paint: Paint) {
        let ink = match paint {
            Paint::Flat(color) => Ink::Flat(color),
            Paint::Along(from, first, to, last) => {
                Ink::Along { from: (self.stance.to_pixels(from), first), to: (self.stance.to_pixels(to), last) }
            }
            Paint::Around(center, radius, inner, outer) => Ink::Around {
                center: self.stance.to_pixels(center),
                radii: (self.pixels(radius).max(1e-3), self.pixels(radius).max(1e-3)),
                inner,
                outer,
            },
        };
        self.canvas.fill(&self.outlines, &self.ends, &ink, self.alpha);
        self.outlines.clear();
        self.ends.clear();
    }
}
