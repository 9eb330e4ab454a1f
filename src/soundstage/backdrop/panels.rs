//! Four panels, each with a floor and a light of its own.

use super::EDGE;
use crate::soundstage::canvas::{lighter, rgb};
use crate::soundstage::exact::Dice;
use crate::soundstage::pen::{Paint, Path, Pen};

pub fn paint(pen: &mut Pen, aspect: f32, dice: &mut Dice) {
    let mat = rgb(dice.pick(&[0xf6f1e8, 0x2f3444, 0xf0ece4, 0x3a3340]));
    pen.rectangle(-EDGE, -EDGE, aspect + EDGE, 1.0 + EDGE, mat);
    let mut colors = [0xe5967a, 0x86b8b0, 0xefc56e, 0x9fa3d4, 0xcf9fb6, 0x98bd7c, 0x7fa9cf, 0xe8b393].map(rgb);
    dice.shuffle(&mut colors);
    for (panel, color) in colors.into_iter().take(4).enumerate() {
        let gap = 0.012;
        let (left, top) = (0.5 * aspect * (panel % 2) as f32 + gap, 0.5 * (panel / 2) as f32 + gap);
        let (right, bottom) = (left + 0.5 * aspect - 2.0 * gap, top + 0.5 - 2.0 * gap);
        let radius = 0.022;
        pen.rounded(
            left,
            top,
            right,
            bottom,
            radius,
            Paint::Around((0.5 * (left + right), top + 0.17), 0.42, lighter(color, 0.42), lighter(color, -0.06)),
        );
        let floor = top + 0.355;
        let ground = Path::from((left, floor))
            .line((right, floor))
            .line((right, bottom - radius))
            .curve((right, bottom), (right - radius, bottom))
            .line((left + radius, bottom))
            .curve((left, bottom), (left, bottom - radius));
        pen.path(&ground, Paint::Along((0.0, floor), lighter(color, -0.24), (0.0, bottom), lighter(color, -0.06)));
        let middle = 0.5 * (left + right);
        match dice.below(3) {
            0 => pen.faint(0.5, |pen| pen.circle((middle, top + 0.19), 0.135, lighter(color, 0.55))),
            1 => {
                for arch in [1.0f32, 0.86] {
                    let half = 0.16 * arch;
                    let gate = Path::from((middle - half, floor))
                        .line((middle - half, top + 0.2))
                        .curve((middle - half, top + 0.2 - half * 0.95), (middle, top + 0.2 - half * 0.95))
                        .curve((middle + half, top + 0.2 - half * 0.95), (middle + half, top + 0.2))
                        .line((middle + half, floor));
                    pen.faint(0.45, |pen| pen.path(&gate, lighter(color, if arch == 1.0 { 0.5 } else { 0.1 })));
                }
            }
            _ => {}
        }
    }
}
