//! What stands behind things: rooms, streets, fields and panels, with clutter that never sounds.

mod field;
mod panels;
mod room;
mod street;

use super::canvas::{CLUTTER, Canvas, Color, NOBODY, lighter, rgb};
use super::exact::{Dice, lattice};
use super::pen::{Paint, Path, Pen, Stance};
use super::plan::{ClipPlan, SceneKind, SceneryKind, Thing};

/// The parts of the clip's dice that scenery uses.
const BEHIND: u64 = 50;
const BEFORE: u64 = 51;

/// How far scenery is painted beyond the frame, in heights of it: more than the camera ever moves.
const EDGE: f32 = 0.25;

/// Paints all that is behind the things; one unit of the stance is the frame's height.
pub fn paint(canvas: &mut Canvas, stance: Stance, plan: &ClipPlan) {
    let mut dice = plan.dice.part(BEHIND);
    let aspect = plan.size().aspect() as f32;
    let light = plan.light;
    let pen = &mut Pen::new(canvas, stance);
    match plan.scenery {
        SceneryKind::Room => room::paint(pen, aspect, light, &mut dice),
        SceneryKind::Street => street::paint(pen, aspect, light, plan.request.kind == SceneKind::Traffic, &mut dice),
        SceneryKind::Field => field::paint(pen, aspect, light, &mut dice),
        SceneryKind::Panels => panels::paint(pen, aspect, &mut dice),
    }
    let warm = dice.within(0.04, 0.12);
    let dark = if plan.scenery == SceneryKind::Panels { 0.0 } else { 0.30 };
    let seed = dice.below(1 << 20) as u32;
    let (width, height) = (canvas.width() as f32, canvas.height() as f32);
    // Darker corners, the light's side, and a little paper under the paint.
    canvas.relight(|x, y| {
        let (dx, dy) = (x - 0.5, y - 0.5);
        let paper = 0.99 + 0.02 * lattice((x * width) as i32, (y * height) as i32, seed);
        let level = paper * (1.0 - dark * (dx * dx + dy * dy)) * (1.0 + warm * light * dx);
        [level * (1.0 + 0.3 * warm), level, level * (1.0 - 0.4 * warm)]
    });
}

/// The soft shadow at a thing's foot.
pub fn draw_shadow(pen: &mut Pen, thing: &Thing) {
    let kind = thing.kind;
    let ground = kind.lifted();
    let half = kind.half_width_with_prop();
    let shade = rgb(0x1c1430);
    let away = -thing.look.light * 0.08;
    pen.glow((away, ground - 0.005), (half * 1.25, 0.10), shade, 0.42);
    pen.glow((0.3 * away, ground), (half * 0.95, 0.045), shade, 0.5);
}

/// Leaves close to the camera, in some clips, that may hide a part of what is behind them.
pub fn paint_foreground(canvas: &mut Canvas, stance: Stance, plan: &ClipPlan) {
    let mut dice = plan.dice.part(BEFORE);
    let outdoors = plan.scenery == SceneryKind::Field;
    let usual = plan.request.kind == SceneKind::Ensemble && plan.scenery != SceneryKind::Street;
    if !(usual && dice.chance(0.3)) {
        return;
    }
    canvas.set_owner(CLUTTER);
    let aspect = plan.size().aspect() as f32;
    let left = dice.chance(0.5);
    let pen = &mut Pen::new(canvas, if left { stance } else { stance.moved(aspect, 0.0).scaled(-1.0, 1.0) });
    let green = rgb(if outdoors { dice.pick(&[0x4f7d4a, 0x5f8a3f]) } else { dice.pick(&[0x2f6b5a, 0x3f7d5f]) });
    for leaf in 0..5 {
        let (long, turn) = (dice.within(0.16, 0.3), -0.02 - 0.05 * leaf as f32 - dice.within(0.0, 0.02));
        let blade = stance_of_leaf(pen.stance, -0.05 + 0.01 * leaf as f32, 1.06, turn);
        pen.at_stance(blade, |pen| draw_leaf(pen, long, 0.05, lighter(green, dice.within(-0.3, 0.05))));
    }
    canvas.set_owner(NOBODY);
}

fn stance_of_leaf(stance: Stance, x: f32, y: f32, turn: f32) -> Stance {
    stance.moved(x, y).turned(turn)
}

/// A leaf that grows to the right from the origin.
fn draw_leaf(pen: &mut Pen, long: f32, half: f32, color: Color) {
    let blade = Path::from((0.0, 0.0))
        .curve((0.45 * long, -1.6 * half), (long, 0.0))
        .curve((0.45 * long, 1.6 * half), (0.0, 0.0));
    pen.path(&blade, Paint::Along((0.0, -half), lighter(color, 0.16), (0.0, half), lighter(color, -0.2)));
    pen.faint(0.4, |pen| {
        pen.tapered(&[(0.02 * long, 0.0), (0.92 * long, 0.0)], 0.06 * half + 0.002, 0.001, lighter(color, 0.45))
    });
}

/// A pot with leaves; `size` is its whole height, its foot is at (x, y).
fn draw_plant(pen: &mut Pen, (x, y): (f32, f32), size: f32, pot: Color, dice: &mut Dice) {
    let green = rgb(dice.pick(&[0x4f8a63, 0x6b9c5a, 0x3f7d6b, 0x7a9c4f]));
    let own = pen.stance.moved(x, y).scaled(size, size);
    pen.at_stance(own, |pen| {
        pen.glow((0.0, 0.0), (0.34, 0.05), rgb(0x1c1430), 0.5);
        let leaves = 9;
        for leaf in 0..leaves {
            let spread = leaf as f32 / (leaves - 1) as f32;
            // From both sides towards the middle, so that the upright ones are in front.
            let side = if leaf % 2 == 0 { 1.0 } else { -1.0 };
            let turn = -0.25 + side * 0.17 * (1.0 - spread) + dice.within(-0.015, 0.015);
            let blade = stance_of_leaf(pen.stance, 0.0, -0.3, turn);
            let (long, tint) = (dice.within(0.45, 0.68), dice.within(-0.22, 0.14));
            pen.at_stance(blade, |pen| draw_leaf(pen, long, 0.07, lighter(green, tint)));
        }
        pen.polygon(
            &[(-0.17, -0.33), (0.17, -0.33), (0.125, 0.0), (-0.125, 0.0)],
            Paint::Along((-0.17, 0.0), lighter(pot, 0.2), (0.17, 0.0), lighter(pot, -0.3)),
        );
        pen.rounded(
            -0.19,
            -0.37,
            0.19,
            -0.30,
            0.015,
            Paint::Along((-0.19, 0.0), lighter(pot, 0.3), (0.19, 0.0), lighter(pot, -0.2)),
        );
    });
}

/// A tree whose foot is at (x, y).
fn draw_tree(pen: &mut Pen, (x, y): (f32, f32), size: f32, crown: Color, light: f32, dice: &mut Dice) {
    let own = pen.stance.moved(x, y).scaled(size, size);
    let pointed = dice.chance(0.3);
    pen.at_stance(own, |pen| {
        pen.glow((-0.06 * light, 0.0), (0.34, 0.04), rgb(0x1c1430), 0.35);
        let trunk = rgb(0x7a5f50);
        pen.polygon(
            &[(-0.035, -0.5), (0.035, -0.5), (0.055, 0.0), (-0.055, 0.0)],
            Paint::Along((0.05 * light, 0.0), lighter(trunk, 0.12), (-0.05 * light, 0.0), lighter(trunk, -0.3)),
        );
        if pointed {
            for tier in 0..3 {
                let (low, half) = (-0.2 - 0.24 * tier as f32, 0.28 - 0.06 * tier as f32);
                let cone = Path::from((-half, low)).curve((0.0, low + 0.06), (half, low)).line((0.0, low - 0.36));
                pen.path(
                    &cone,
                    Paint::Along(
                        (half * light, low),
                        lighter(crown, 0.12),
                        (-half * light, low),
                        lighter(crown, -0.25),
                    ),
                );
            }
            return;
        }
        for (dx, dy, radius, tint) in
            [(-0.17, -0.52, 0.19, -0.14), (0.17, -0.54, 0.18, -0.1), (0.0, -0.74, 0.23, 0.0), (0.05, -0.52, 0.2, -0.04)]
        {
            let radius = radius * dice.within(0.92, 1.08);
            pen.circle(
                (dx, dy),
                radius,
                Paint::Around(
                    (dx + 0.5 * radius * light, dy - 0.6 * radius),
                    1.8 * radius,
                    lighter(crown, tint + 0.24),
                    lighter(crown, tint - 0.2),
                ),
            );
        }
    });
}

/// A cloud of soft discs.
fn draw_cloud(pen: &mut Pen, (x, y): (f32, f32), size: f32, tint: Color) {
    let own = pen.stance.moved(x, y).scaled(size, size);
    pen.at_stance(own, |pen| {
        let paint = Paint::Along((0.0, -0.5), lighter(tint, 0.85), (0.0, 0.12), lighter(tint, 0.45));
        for (dx, dy, radius) in [(-0.5, 0.0, 0.2), (-0.2, -0.14, 0.3), (0.2, -0.08, 0.26), (0.52, 0.02, 0.17)] {
            pen.arc((dx, dy + 0.05), (radius, radius), 0.5, 1.0, paint);
        }
        pen.rounded(-0.7, -0.08, 0.69, 0.1, 0.09, paint);
        pen.rounded(-0.45, -0.12, 0.42, 0.05, 0.04, paint);
    });
}
