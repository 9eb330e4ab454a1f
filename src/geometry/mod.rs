//! Points, sizes and rectangles, and the maps between the spaces they live in.
//!
//! Three spaces occur everywhere and names say which one a value is in:
//! *frame* (pixels of the presented picture, rotation applied, square pixels), *fraction* (the frame as the unit
//! square) and *view* (what a model is shown: a rectangle of the frame, resized). Nothing here knows about
//! pictures, models or the screen.

mod letterbox;
mod rect;

pub use letterbox::Letterbox;
pub use rect::{Point, Rect, Size};
