//! What stands behind things: rooms, streets, fields and panels, with clutter that never sounds.

use super::canvas::{Canvas, Color, lighter, rgb};
use super::exact::{Dice, lattice};
use super::pen::{Paint, Pen, Stance};
use super::plan::{ClipPlan, SceneKind, SceneryKind, Thing};

/// The part of the clip's dice that scenery uses.
const DICE_PART: u64 = 50;

/// Paints the whole of it; one unit of the stance is the frame's height.
pub fn paint(canvas: &mut Canvas, stance: Stance, plan: &ClipPlan) {
    let mut dice = plan.dice.part(DICE_PART);
    let aspect = plan.size().aspect() as f32;
    let light = plan.things.first().map_or(-1.0, |thing| thing.look.light * thing.place.facing);
    {
        let mut pen = Pen::new(canvas, stance);
        match plan.scenery {
            SceneryKind::Room => room(&mut pen, aspect, light, &mut dice),
            SceneryKind::Street => street(&mut pen, aspect, plan.request.kind == SceneKind::Traffic, &mut dice),
            SceneryKind::Field => field(&mut pen, aspect, &mut dice),
            SceneryKind::Panels => panels(&mut pen, aspect, &mut dice),
        }
    }
    if plan.scenery != SceneryKind::Panels {
        let warm = 0.05 + 0.05 * dice.unit();
        canvas.relight(|x, y| {
            let (dx, dy) = (x - 0.5, y - 0.5);
            let edge = 1.0 - 0.34 * (dx * dx + dy * dy);
            let side = 1.0 + warm * light * (x - 0.5);
            [edge * side * (1.0 + 0.3 * warm), edge * side, edge * side * (1.0 - 0.4 * warm)]
        });
    }
    let seed = dice.below(1 << 20) as u32;
    grain(canvas, seed);
}

/// A little paper under the paint.
fn grain(canvas: &mut Canvas, seed: u32) {
    let (width, height) = (canvas.width() as f32, canvas.height() as f32);
    canvas.relight(|x, y| {
        let level = 0.985 + 0.03 * lattice((x * width) as i32, (y * height) as i32, seed);
        [level; 3]
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

const EDGE: f32 = 0.25;

fn room(pen: &mut Pen, aspect: f32, light: f32, dice: &mut Dice) {
    let wall: Color = rgb(dice.pick(&[0xf0d9c0, 0xbcd3cf, 0xd9cfe3, 0xf2c9b0, 0xc9d6b5, 0xa9bfd6, 0xe8dcc6]));
    let floor: Color = rgb(dice.pick(&[0xb98a62, 0xa3765a, 0xc9a27a, 0x8f6f66, 0xb0947d]));
    let line = dice.within(0.66, 0.74);
    let near = if light < 0.0 { (0.0, aspect) } else { (aspect, 0.0) };
    pen.rectangle(
        -EDGE,
        -EDGE,
        aspect + EDGE,
        line,
        Paint::Along((near.0, 0.0), lighter(wall, 0.25), (near.1, line), lighter(wall, -0.16)),
    );
    pen.rectangle(
        -EDGE,
        line,
        aspect + EDGE,
        1.0 + EDGE,
        Paint::Along((0.0, line), lighter(floor, -0.1), (0.0, 1.0), lighter(floor, 0.14)),
    );
    // Boards run towards a point behind the wall.
    let vanishing = (aspect * dice.within(0.35, 0.65), line - 0.55);
    for board in -9..=9 {
        let bottom = 0.5 * aspect + board as f32 * 0.28 * aspect.max(1.0);
        let share = (line - vanishing.1) / (1.1 - vanishing.1);
        let top = vanishing.0 + (bottom - vanishing.0) * share;
        pen.faint(0.35, |pen| pen.tapered(&[(top, line), (bottom, 1.1)], 0.002, 0.006, lighter(floor, -0.4)));
    }
    // Skirting.
    pen.rectangle(-EDGE, line - 0.028, aspect + EDGE, line, lighter(wall, 0.55));
    pen.rectangle(-EDGE, line - 0.004, aspect + EDGE, line + 0.004, lighter(floor, -0.45));
}

fn street(pen: &mut Pen, aspect: f32, traffic: bool, dice: &mut Dice) {
    let sky = rgb(dice.pick(&[0x9fc9e0, 0xf2c9a8, 0xb9c9e6, 0xd6e3e0]));
    let line = if traffic { 0.62 } else { 0.70 };
    pen.rectangle(
        -EDGE,
        -EDGE,
        aspect + EDGE,
        line,
        Paint::Along((0.0, 0.0), lighter(sky, -0.05), (0.0, line), lighter(sky, 0.5)),
    );
    pen.rectangle(
        -EDGE,
        line,
        aspect + EDGE,
        1.0 + EDGE,
        Paint::Along((0.0, line), rgb(0x6d6a78), (0.0, 1.0), rgb(0x85828f)),
    );
}

fn field(pen: &mut Pen, aspect: f32, dice: &mut Dice) {
    let sky = rgb(dice.pick(&[0x9fd0e6, 0xf6cfa5, 0xb5c6ea, 0xcfe3dd]));
    pen.rectangle(
        -EDGE,
        -EDGE,
        aspect + EDGE,
        0.66,
        Paint::Along((0.0, 0.0), lighter(sky, -0.05), (0.0, 0.66), lighter(sky, 0.55)),
    );
    let grass = rgb(dice.pick(&[0x8fb56b, 0xa9b85f, 0x6fa574, 0xc3b566]));
    pen.rectangle(
        -EDGE,
        0.64,
        aspect + EDGE,
        1.0 + EDGE,
        Paint::Along((0.0, 0.64), lighter(grass, 0.12), (0.0, 1.0), lighter(grass, -0.12)),
    );
}

fn panels(pen: &mut Pen, aspect: f32, dice: &mut Dice) {
    pen.rectangle(-EDGE, -EDGE, aspect + EDGE, 1.0 + EDGE, rgb(0xf6f1e8));
    let mut colors = [0xe9a98f, 0x9cc3bd, 0xf0cd84, 0xb3b5da, 0xd6b0c3, 0xa9c78f].map(rgb);
    dice.shuffle(&mut colors);
    for (panel, color) in colors.into_iter().take(4).enumerate() {
        let (left, top) = (0.5 * aspect * (panel % 2) as f32, 0.5 * (panel / 2) as f32);
        let gap = 0.011;
        let (right, bottom) = (left + 0.5 * aspect - gap, top + 0.5 - gap);
        let (left, top) = (left + gap, top + gap);
        pen.rounded(
            left,
            top,
            right,
            bottom,
            0.025,
            Paint::Along((left, top), lighter(color, 0.28), (right, bottom), lighter(color, -0.08)),
        );
        pen.polygon(
            &[
                (left, top + 0.375),
                (right, top + 0.375),
                (right, bottom - 0.02),
                (right - 0.02, bottom),
                (left + 0.02, bottom),
                (left, bottom - 0.02),
            ],
            Paint::Along((0.0, top + 0.37), lighter(color, -0.2), (0.0, bottom), lighter(color, -0.06)),
        );
    }
}
