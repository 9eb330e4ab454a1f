//! Where two passes of egui differ, shape by shape.

use std::collections::HashSet;
use std::sync::Arc;

use egui::epaint::ClippedShape;
use egui::{Pos2, Rect, Shape, TextureId};

/// How far ahead the other list is searched when one has more shapes than the other.
const SEARCHED_AHEAD: usize = 64;
/// Places that are drawn one by one at most.
const MOST_PLACES: usize = 24;
/// Two places become one if no more pixels than this are drawn in vain.
const WASTED_PIXELS: f32 = 512.0;

/// Rectangles of whole pixels of a window.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Places(Vec<Rect>);

impl Places {
    pub(super) fn everything() -> Self {
        Self(vec![Rect::EVERYTHING])
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Their parts within a window of a size.
    pub(super) fn rects(&self, size_px: [u32; 2]) -> impl Iterator<Item = Rect> {
        let [width, height] = size_px.map(|side| side as f32);
        let window = Rect::from_min_max(Pos2::ZERO, Pos2::new(width, height));
        self.0.iter().map(move |rect| rect.intersect(window)).filter(|rect| rect.is_positive())
    }

    fn add(&mut self, mut place: Rect) {
        let waste = |a: Rect, b: Rect| a.union(b).area() - a.area() - b.area();
        while let Some(near) = self.0.iter().position(|&other| waste(other, place) <= WASTED_PIXELS) {
            place = place.union(self.0.swap_remove(near));
        }
        self.0.push(place);
        if self.0.len() > MOST_PLACES
            && let Some(last) = self.0.pop()
            && let Some(nearest) = self.0.iter_mut().min_by(|a, b| waste(**a, last).total_cmp(&waste(**b, last)))
        {
            *nearest = nearest.union(last);
        }
    }
}

/// The pixels that a shape can touch, soft edges included; `None` if it touches none.
pub(super) fn touched_pixels(shape: &ClippedShape, pixels_per_point: f32) -> Option<Rect> {
    // Half a pixel for a soft edge, half for edges that egui moves to pixels, and up to a half that it adds to radii.
    let bounds = shape.transform_after_tessellation * shape.shape.visual_bounding_rect() * pixels_per_point;
    let clip = shape.clip_rect * pixels_per_point;
    let touched = bounds.expand(1.5).intersect(clip);
    let touched = Rect::from_min_max(touched.min.floor(), touched.max.ceil());
    touched.is_positive().then_some(touched)
}

/// Takes what is drawn by callbacks, and whatever lies over it, from the rest. Both stay in their order.
pub(super) fn parted(shapes: Vec<ClippedShape>, pixels_per_point: f32) -> (Vec<ClippedShape>, Vec<ClippedShape>) {
    let mut taken: Vec<Rect> = Vec::new();
    shapes.into_iter().partition(|shape| {
        let Some(touched) = touched_pixels(shape, pixels_per_point) else { return true };
        let is_taken = matches!(shape.shape, Shape::Callback(_)) || taken.iter().any(|rect| overlap(*rect, touched));
        if is_taken {
            taken.push(touched);
        }
        !is_taken
    })
}

/// Whether two rectangles of whole pixels share any.
pub(super) fn overlap(a: Rect, b: Rect) -> bool {
    a.intersect(b).is_positive()
}

/// The places where a window looks different, or may, once it shows other shapes and some textures have changed.
pub(super) fn changed_places(
    before: &[ClippedShape],
    after: &[ClippedShape],
    changed_textures: &HashSet<TextureId>,
    pixels_per_point: f32,
) -> Places {
    let mut places = Places::default();
    let mut change = |shapes: &[ClippedShape]| {
        shapes.iter().filter_map(|shape| touched_pixels(shape, pixels_per_point)).for_each(|place| places.add(place));
    };
    let (mut before, mut after) = (before, after);
    while let ([old, old_rest @ ..], [new, new_rest @ ..]) = (before, after) {
        if same(old, new) {
            if shows_any(&new.shape, changed_textures) {
                change(std::slice::from_ref(new));
            }
            (before, after) = (old_rest, new_rest);
            continue;
        }
        let more = |longer: usize, shorter: usize| longer.saturating_sub(shorter).min(SEARCHED_AHEAD);
        let added = new_rest.iter().take(more(after.len(), before.len())).position(|new| same(old, new));
        let removed = old_rest.iter().take(more(before.len(), after.len())).position(|old| same(old, new));
        let (old_count, new_count) = match (added, removed) {
            (Some(added), _) => (0, added + 1),
            (None, Some(removed)) => (removed + 1, 0),
            (None, None) => (1, 1),
        };
        change(&before[..old_count]);
        change(&after[..new_count]);
        (before, after) = (&before[old_count..], &after[new_count..]);
    }
    change(before);
    change(after);
    places
}

fn same(a: &ClippedShape, b: &ClippedShape) -> bool {
    a.clip_rect == b.clip_rect
        && a.transform_after_tessellation == b.transform_after_tessellation
        && same_shape(&a.shape, &b.shape)
}

/// As `==`, without looking at each letter of a text that is shared.
fn same_shape(a: &Shape, b: &Shape) -> bool {
    match (a, b) {
        (Shape::Text(a), Shape::Text(b)) if Arc::ptr_eq(&a.galley, &b.galley) => {
            a.pos == b.pos
                && a.underline == b.underline
                && a.fallback_color == b.fallback_color
                && a.override_text_color == b.override_text_color
                && a.opacity_factor == b.opacity_factor
                && a.angle == b.angle
        }
        (Shape::Vec(a), Shape::Vec(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_shape(a, b)),
        (a, b) => a == b,
    }
}

fn shows_any(shape: &Shape, textures: &HashSet<TextureId>) -> bool {
    match shape {
        _ if textures.is_empty() => false,
        Shape::Vec(shapes) => shapes.iter().any(|shape| shows_any(shape, textures)),
        shape => textures.contains(&shape.texture_id()),
    }
}
