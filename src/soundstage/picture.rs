//! Pictures of a clip, and what is true of them.

use super::backdrop;
use super::canvas::{CLUTTER, Canvas, NOBODY};
use super::pen::{Pen, Stance};
use super::plan::{ClipPlan, Thing};
use super::things::{self, Motion, ThingKind};
use crate::geometry::{Rect, Size};
use crate::media::Picture;

/// What is true of one thing at an instant.
#[derive(Clone, Debug, PartialEq)]
pub struct ThingTruth {
    /// Its place in [`ClipPlan::things`].
    pub thing: usize,
    pub kind: ThingKind,
    /// The smallest rectangle of whole pixels around what is seen of it, shadows, steam and light left out; `None`
    /// when nothing is.
    pub rect_pixels: Option<Rect>,
    /// How much of it is seen, 0 to 1: what nothing hides, times what lies inside the frame.
    pub visibility: f32,
    pub sounding: bool,
}

/// Paints a clip's frames; keeps what does not change from one to the next.
///
/// A frame's bytes do not depend on which were painted before.
pub struct Painter<'a> {
    plan: &'a ClipPlan,
    backdrop: Canvas,
    margin: (usize, usize),
    canvas: Canvas,
}

impl ClipPlan {
    /// A painter for this clip's frames.
    pub fn painter(&self) -> Painter<'_> {
        let Size { width, height } = self.size();
        let (width, height) = (width as usize, height as usize);
        let margin = |reach: f32| if reach > 0.0 { (reach * height as f32).ceil() as usize + 1 } else { 0 };
        let margin = (margin(self.camera.reach.0), margin(self.camera.reach.1));
        let mut large = Canvas::new(width + 2 * margin.0, height + 2 * margin.1);
        let stance = Stance::new((margin.0 as f32, margin.1 as f32), height as f32);
        backdrop::paint(&mut large, stance, self);
        Painter { plan: self, backdrop: large, margin, canvas: Canvas::new(width, height) }
    }

    /// The picture at a time. For many of one clip, a [`Painter`] is quicker.
    pub fn picture(&self, secs: f64) -> Picture {
        self.painter().picture(secs)
    }

    /// What is true at a time, of each thing that is not off screen all the time.
    pub fn truth(&self, secs: f64) -> Vec<ThingTruth> {
        let Size { width, height } = self.size();
        let mut canvas = Canvas::outlines_only(width as usize, height as usize);
        self.paint_things(&mut canvas, secs, &|_| true);
        self.read_truth(&canvas, secs)
    }

    /// Pixels of the frame, with the camera where it is at a time.
    fn stance(&self, secs: f64) -> Stance {
        let height = self.size().height as f32;
        let (x, y) = self.camera.at(secs);
        Stance::new((-x * height, -y * height), height)
    }

    fn paint_things(&self, canvas: &mut Canvas, secs: f64, shown: &dyn Fn(usize) -> bool) {
        let stance = self.stance(secs);
        for (number, thing) in self.things.iter().enumerate().filter(|(_, thing)| !thing.off_screen) {
            let motion = Motion { secs, notes: &thing.notes };
            let own = thing_stance(thing, &stance, secs);
            backdrop::draw_shadow(&mut Pen::new(canvas, own), thing);
            canvas.set_owner(CLUTTER);
            things::draw_prop(thing.kind, &mut Pen::new(canvas, own), &thing.look, thing.kind.lifted());
            canvas.set_owner(NOBODY);
            if shown(number) {
                canvas.set_owner(owner(number));
                let rolled =
                    f64::from(thing.place.facing) * f64::from(thing.place.speed) * secs / f64::from(thing.place.height);
                things::draw(thing.kind, &mut Pen::new(canvas, own), &thing.look, &motion, rolled);
                canvas.set_owner(NOBODY);
            }
            things::draw_air(thing.kind, &mut Pen::new(canvas, own), &thing.look, &motion);
        }
        backdrop::paint_foreground(canvas, stance, self);
    }

    fn read_truth(&self, canvas: &Canvas, secs: f64) -> Vec<ThingTruth> {
        let stance = self.stance(secs);
        let things = self.things.iter().enumerate().filter(|(_, thing)| !thing.off_screen);
        let truth = things.map(|(number, thing)| {
            let (rect_pixels, seen, painted) = canvas.seen(owner(number));
            let inside = share_inside(thing, &thing_stance(thing, &stance, secs), self.size());
            let visibility = if painted == 0 { 0.0 } else { inside * seen as f32 / painted as f32 };
            ThingTruth { thing: number, kind: thing.kind, rect_pixels, visibility, sounding: thing.sounds_at(secs) }
        });
        truth.collect()
    }
}

fn owner(number: usize) -> u8 {
    // There are never as many things.
    u8::try_from(number + 1).unwrap_or(NOBODY)
}

fn thing_stance(thing: &Thing, frame: &Stance, secs: f64) -> Stance {
    let place = &thing.place;
    let foot = place.ground - thing.kind.lifted() * place.height;
    frame.moved(place.x_at(secs) as f32, foot).scaled(place.facing * place.height, place.height)
}

/// How much of a thing's usual extent lies inside the frame.
fn share_inside(thing: &Thing, stance: &Stance, size: Size) -> f32 {
    let half = thing.kind.half_width();
    let (a, b) = (stance.to_pixels((-half, -1.0)), stance.to_pixels((half, 0.0)));
    let within = |a: f32, b: f32, most: u32| {
        let (low, high) = (a.min(b), a.max(b));
        (high.min(most as f32) - low.max(0.0)).max(0.0) / (high - low).max(1e-6)
    };
    within(a.0, b.0, size.width) * within(a.1, b.1, size.height)
}

impl Painter<'_> {
    /// The picture at a time.
    pub fn picture(&mut self, secs: f64) -> Picture {
        self.paint(secs, &|_| true);
        self.canvas.to_picture()
    }

    /// The picture at a time, and what is true of it.
    pub fn picture_and_truth(&mut self, secs: f64) -> (Picture, Vec<ThingTruth>) {
        self.canvas.keep_who();
        self.paint(secs, &|_| true);
        (self.canvas.to_picture(), self.plan.read_truth(&self.canvas, secs))
    }

    /// The picture with only those things (by number) that `shown` picks; props, shadows, steam and light stay.
    pub fn picture_of(&mut self, secs: f64, shown: &dyn Fn(usize) -> bool) -> Picture {
        self.paint(secs, shown);
        self.canvas.to_picture()
    }

    fn paint(&mut self, secs: f64, shown: &dyn Fn(usize) -> bool) {
        let height = self.canvas.height() as f32;
        let (x, y) = self.plan.camera.at(secs);
        let (left, top) = (self.margin.0 as f32 + x * height, self.margin.1 as f32 + y * height);
        self.canvas.show_part_of(&self.backdrop, left, top);
        self.plan.paint_things(&mut self.canvas, secs, shown);
    }
}
