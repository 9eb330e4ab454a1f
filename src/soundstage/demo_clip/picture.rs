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

#[cfg(test)]
mod tests {
    use super::super::canvas::{Ink, Region};
    use super::*;
    use crate::geometry::Rect;

    /// The smallest rectangle around the pixels that change, from one picture to the other, by more than `by`.
    fn changed(a: &Picture, b: &Picture, by: u8) -> Rect {
        let mut around = Rect::new(f64::MAX, f64::MAX, f64::MIN, f64::MIN);
        for (at, (a, b)) in a.rgb.chunks(3).zip(b.rgb.chunks(3)).enumerate() {
            if a.iter().zip(b).any(|(a, b)| a.abs_diff(*b) > by) {
                let (x, y) = ((at % SIZE.width as usize) as f64, (at / SIZE.width as usize) as f64);
                around = Rect::new(
                    around.left.min(x),
                    around.top.min(y),
                    around.right.max(x + 1.0),
                    around.bottom.max(y + 1.0),
                );
            }
        }
        around
    }

    /// Where `paint` covers at least half of a pixel: where it hides whether black or white lies behind.
    fn covered(paint: impl Fn(&mut Canvas)) -> Rect {
        let over = |shade: f32| {
            let mut canvas = Canvas::new(SIZE);
            canvas.paint(canvas.region(), |_, _| Ink { color: [shade; 3], cover: 1.0 });
            paint(&mut canvas);
            let mut picture = Picture::filled(SIZE, [0; 3]);
            canvas.write_to(&mut picture);
            picture
        };
        let (black, white) = (over(0.0), over(1.0));
        let hidden: Vec<u8> = black
            .rgb
            .chunks(3)
            .zip(white.rgb.chunks(3))
            .flat_map(|(black, white)| [if white[2].abs_diff(black[2]) < 150 { 255 } else { 0 }; 3])
            .collect();
        changed(&Picture { size: SIZE, rgb: hidden }, &Picture::filled(SIZE, [0; 3]), 0)
    }

    fn assert_tight(truth: Rect, seen: Rect) {
        let sides = |rect: Rect| [rect.left, rect.top, rect.right, rect.bottom];
        let off = sides(truth).iter().zip(sides(seen)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(off <= 1.5, "the box is {truth:?}, the pixels are {seen:?}");
    }

    #[test]
    fn boxes_are_tight_around_the_painted_things() {
        for index in [0, 5, 14, 33, 61, 90, 176, 215] {
            let pose = bell::pose(score::frame_secs(index));
            assert_tight(bell::bounds(pose), covered(|canvas| bell::paint(canvas, pose)));
        }
        assert_tight(guitar::bounds(), covered(guitar::paint));
        let strings = covered(|canvas| guitar::paint_strings(canvas, 4.02));
        assert_eq!(strings.intersection(&guitar::bounds()), strings);
    }

    #[test]
    fn things_move_while_they_sound_and_only_then() {
        let rest = frame(90);
        assert!([82, 95, 99, 236, 249].into_iter().all(|index| frame(index) == rest), "all is still in silence");
        let within = |part: Region, rect: Rect| {
            Rect::new(f64::from(part.left), f64::from(part.top), f64::from(part.right), f64::from(part.bottom))
                .intersection(&rect)
                == rect
        };
        let (bell_only, guitar_only, both) = (frame(25), frame(115), frame(180));
        assert!(within(bell::reach(SIZE), changed(&rest, &bell_only, 0)));
        assert!(within(guitar::reach(SIZE), changed(&rest, &guitar_only, 0)));
        let across = changed(&rest, &both, 0);
        assert!(across.left < 200.0 && across.right > 440.0);
        assert_ne!(frame(26), bell_only);
        assert_ne!(frame(116), guitar_only);
    }

    #[test]
    fn the_bell_never_leaves_its_frame() {
        let reach = bell::reach(SIZE);
        for index in 0..score::FRAME_COUNT {
            let bounds = bell::bounds(bell::pose(score::frame_secs(index)));
            assert!(bounds.left > f64::from(reach.left) && bounds.right < f64::from(reach.right) - 30.0);
        }
    }

    #[test]
    fn a_frame_is_the_same_each_time_and_in_any_order() {
        let forwards = [3, 120, 200].map(frame);
        let backwards = std::thread::spawn(|| [200, 120, 3].map(frame)).join().unwrap();
        assert!(forwards.iter().eq(backwards.iter().rev()));
    }
}
