//! One frame of the clip: what stands still is painted once, what moves is painted over it.

use std::sync::OnceLock;

use super::canvas::Canvas;
use super::{bell, guitar, room, score};
use crate::geometry::Size;
use crate::media::Picture;

pub const SIZE: Size = Size::new(640, 360);

/// What does not move.
struct Still {
    /// All of it but the bell, ready to be shown.
    picture: Picture,
    /// What lies behind the bell's shadow: wall and floor, around the bell.
    behind_bell: Canvas,
    /// The guitar without strings, around them.
    behind_strings: Canvas,
}

fn still() -> &'static Still {
    static STILL: OnceLock<Still> = OnceLock::new();
    STILL.get_or_init(|| {
        let mut canvas = Canvas::new(SIZE);
        room::paint(&mut canvas, SIZE);
        bell::paint_frame_shadow(&mut canvas);
        guitar::paint_shadow(&mut canvas);
        guitar::paint_stand(&mut canvas, false);
        guitar::paint(&mut canvas);
        guitar::paint_stand(&mut canvas, true);
        let behind_bell = canvas.crop(bell::reach(SIZE));
        bell::paint_frame(&mut canvas);
        let mut picture = Picture::filled(SIZE, [0; 3]);
        canvas.write_to(&mut picture);
        Still { picture, behind_bell, behind_strings: canvas.crop(guitar::reach(SIZE)) }
    })
}

/// Paints frame `index`.
pub fn frame(index: u32) -> Picture {
    let secs = score::frame_secs(index);
    let still = still();
    let mut picture = still.picture.clone();
    let mut around_bell = still.behind_bell.clone();
    let pose = bell::pose(secs);
    bell::paint_shadow(&mut around_bell, pose);
    bell::paint_frame(&mut around_bell);
    bell::paint(&mut around_bell, pose);
    around_bell.write_to(&mut picture);
    let mut strings = still.behind_strings.clone();
    guitar::paint_strings(&mut strings, secs);
    strings.write_to(&mut picture);
    picture
}
