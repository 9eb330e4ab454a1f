//! Drawing and correcting boxes: which part of a box the pointer has hold of, where it goes, and what is written of it.

use super::App;
use super::open_clip::ShownBox;
use super::state::AppState;
use crate::dataset::project::{Change, ClipId, Edit, Fact, FactId};
use crate::dataset::{Annotation, Span};
use crate::geometry::{Point, Rect};

/// What of the open clip's truth can be changed, and what is chosen of it.
#[derive(Default)]
pub struct Editing {
    /// The clip that `boxes` are of.
    pub clip: Option<ClipId>,
    pub boxes: Vec<(FactId, Annotation)>,
    pub selected: Option<FactId>,
    /// The next drag on the stage draws a box.
    pub drawing: bool,
    /// What was asked for and is not written yet: shown already.
    pub pending: Option<(FactId, Rect)>,
}

impl Editing {
    /// The statement behind a box on screen.
    pub fn fact_of(&self, shown: &ShownBox) -> Option<FactId> {
        self.boxes.iter().find(|(_, annotation)| *annotation == shown.annotation).map(|(fact, _)| *fact)
    }

    fn annotation(&self, fact: FactId) -> Option<&Annotation> {
        self.boxes.iter().find(|(own, _)| *own == fact).map(|(_, annotation)| annotation)
    }
}

/// Which sides of a box the pointer moves; none of them: all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grip {
    pub left: bool,
    pub top: bool,
    pub right: bool,
    pub bottom: bool,
}

impl Grip {
    pub fn is_move(self) -> bool {
        self == Self::default()
    }
}

/// No side of a box is shorter, in fractions of the frame.
const SHORTEST_SIDE: f64 = 0.002;

/// What of `rect` lies under `at`; nothing where it is not on the box. All in fractions of the frame, `reach` being how
/// far across and down a side is caught from.
pub fn grip_at(rect: &Rect, at: Point, reach: Point) -> Option<Grip> {
    let near = |side: f64, value: f64, reach: f64| (side - value).abs() <= reach;
    let across = (rect.left - reach.x..=rect.right + reach.x).contains(&at.x);
    let down = (rect.top - reach.y..=rect.bottom + reach.y).contains(&at.y);
    if !across || !down {
        return None;
    }
    // Of a box narrower than the reach both sides are near; the nearer one is meant.
    let nearer_left = (at.x - rect.left).abs() <= (at.x - rect.right).abs();
    let nearer_top = (at.y - rect.top).abs() <= (at.y - rect.bottom).abs();
    Some(Grip {
        left: near(rect.left, at.x, reach.x) && nearer_left,
        right: near(rect.right, at.x, reach.x) && !nearer_left,
        top: near(rect.top, at.y, reach.y) && nearer_top,
        bottom: near(rect.bottom, at.y, reach.y) && !nearer_top,
    })
}

/// `rect` after the pointer went `across` and `down` with a grip on it: inside the frame, and never inside out.
pub fn dragged(rect: &Rect, grip: Grip, across: f64, down: f64) -> Rect {
    if grip.is_move() {
        let across = across.clamp(-rect.left.max(0.0), (1.0 - rect.right).max(0.0));
        let down = down.clamp(-rect.top.max(0.0), (1.0 - rect.bottom).max(0.0));
        return Rect::new(rect.left + across, rect.top + down, rect.right + across, rect.bottom + down);
    }
    let [left, right] = moved_sides([rect.left, rect.right], [grip.left, grip.right], across);
    let [top, bottom] = moved_sides([rect.top, rect.bottom], [grip.top, grip.bottom], down);
    Rect::new(left, top, right, bottom)
}

fn moved_sides([low, high]: [f64; 2], [moves_low, moves_high]: [bool; 2], by: f64) -> [f64; 2] {
    let low = if moves_low { (low + by).clamp(0.0, (high - SHORTEST_SIDE).max(0.0)) } else { low };
    let high = if moves_high { (high + by).clamp((low + SHORTEST_SIDE).min(1.0), 1.0) } else { high };
    [low, high]
}

/// The box between two corners, inside the frame; nothing where it is too small to be meant.
pub fn drawn(from: Point, to: Point) -> Option<Rect> {
    let unit = |value: f64| value.clamp(0.0, 1.0);
    let rect =
        Rect::new(unit(from.x.min(to.x)), unit(from.y.min(to.y)), unit(from.x.max(to.x)), unit(from.y.max(to.y)));
    (rect.width() >= SHORTEST_SIDE && rect.height() >= SHORTEST_SIDE).then_some(rect)
}

/// The project's clip that is open, if its boxes can be changed.
fn editable(state: &AppState) -> Option<ClipId> {
    let row = state.clips.get(state.selected_clip?)?;
    state.project.as_ref()?;
    state.open.as_ref()?;
    row.stored
}

impl App {
    pub(super) fn toggle_drawing(&mut self) {
        if editable(&self.state).is_none() {
            self.say_where_boxes_are_changed();
            return;
        }
        self.state.editing.drawing = !self.state.editing.drawing;
        self.state.view.show_boxes = true;
    }

    fn say_where_boxes_are_changed(&mut self) {
        self.state.notices.warn(
            "Boxes are drawn and corrected in a project, which keeps every change: save these clips as one first (Ctrl+S)",
        );
    }

    /// A new box at the frame on screen. It holds for the whole clip where the clip's other boxes do.
    pub(super) fn add_box(&mut self, rect_fraction: Rect) {
        self.state.editing.drawing = false;
        let corners =
            (Point::new(rect_fraction.left, rect_fraction.top), Point::new(rect_fraction.right, rect_fraction.bottom));
        let Some(rect_fraction) = drawn(corners.0, corners.1) else {
            self.state.notices.warn("That is no box of the frame: its corners are fractions of it, from 0 to 1");
            return;
        };
        let Some(open) = &self.state.open else { return };
        let others = open.annotations().map(|truth| truth.boxes()).unwrap_or_default();
        let follows_time = others.iter().any(|other| other.span != Span::Whole);
        // One thing in most clips: the new box is most likely another one of it.
        let label = others.iter().rev().find_map(|other| other.label.clone()).or_else(|| open.clip.class.clone());
        let mut annotation = Annotation::new(rect_fraction, label);
        if follows_time {
            annotation.span = open.span_of_frame(open.frame);
        }
        self.change("Draw a box", vec![Change::Add(Fact::Box(annotation))]);
    }

    /// Moves a box of the frame on screen. Between two keys of a track this makes a key of its own.
    pub(super) fn set_box(&mut self, fact: FactId, rect_fraction: Rect) {
        let Some(open) = &self.state.open else { return };
        let Some(annotation) = self.state.editing.annotation(fact) else { return };
        let mut moved = annotation.moved_to(rect_fraction);
        let shown = open.boxes_at(open.frame).into_iter().find(|shown| shown.annotation == *annotation);
        let change = if shown.is_some_and(|shown| shown.between_keys) {
            moved.span = open.span_of_frame(open.frame);
            Change::Add(Fact::Box(moved))
        } else {
            Change::Replace(fact, Fact::Box(moved))
        };
        self.state.editing.pending = Some((fact, rect_fraction));
        self.change("Move a box", vec![change]);
    }

    pub(super) fn delete_box(&mut self) {
        let Some(fact) = self.state.editing.selected.take() else { return };
        self.change("Delete a box", vec![Change::Remove(fact)]);
    }

    /// Names what is in a box.
    pub(super) fn label_box(&mut self, fact: FactId, label: &str) {
        let label = Some(label.trim()).filter(|label| !label.is_empty()).map(str::to_owned);
        self.rewrite("Name a box", fact, |annotation| annotation.label = label);
    }

    pub(super) fn set_box_sounding(&mut self, fact: FactId, sounding: bool) {
        self.rewrite("Sounding or silent", fact, |annotation| annotation.sounding = Some(sounding));
    }

    fn rewrite(&mut self, title: &str, fact: FactId, how: impl FnOnce(&mut Annotation)) {
        let Some(mut annotation) = self.state.editing.annotation(fact).cloned() else { return };
        how(&mut annotation);
        self.change(title, vec![Change::Replace(fact, Fact::Box(annotation))]);
    }

    fn change(&mut self, title: &str, changes: Vec<Change>) {
        let (Some(clip), Some(desk)) = (editable(&self.state), &self.state.project) else {
            self.state.editing.pending = None;
            self.say_where_boxes_are_changed();
            return;
        };
        desk.edit(Edit { clip, title: title.into(), author: None, gesture: None, changes });
    }

    /// Takes the last change of the project back, or makes it again.
    pub(super) fn undo(&mut self, again: bool) {
        match &self.state.project {
            Some(desk) if again => desk.redo(),
            Some(desk) => desk.undo(),
            None => self.state.notices.info("There is nothing to undo: boxes are changed in a project"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOX: Rect = Rect { left: 0.2, top: 0.3, right: 0.6, bottom: 0.7 };
    const REACH: Point = Point { x: 0.02, y: 0.02 };

    #[test]
    fn corners_sides_and_the_inside_are_told_apart() {
        let grip = |x, y| grip_at(&BOX, Point::new(x, y), REACH);
        assert_eq!(grip(0.4, 0.5), Some(Grip::default()));
        assert_eq!(grip(0.21, 0.5), Some(Grip { left: true, ..Grip::default() }));
        assert_eq!(grip(0.59, 0.71), Some(Grip { right: true, bottom: true, ..Grip::default() }));
        assert_eq!(grip(0.7, 0.5), None);
        let narrow = Rect::new(0.5, 0.2, 0.505, 0.8);
        let grip = grip_at(&narrow, Point::new(0.506, 0.5), REACH).unwrap();
        assert!(grip.right && !grip.left);
    }

    #[test]
    fn a_dragged_box_stays_a_box_of_the_frame() {
        let moved = dragged(&BOX, Grip::default(), 0.9, -0.9);
        assert!((moved.width() - BOX.width()).abs() < 1e-12 && (moved.height() - BOX.height()).abs() < 1e-12);
        assert!((moved.right - 1.0).abs() < 1e-12 && moved.top.abs() < 1e-12);
        let corner = Grip { left: true, top: true, ..Grip::default() };
        let turned = dragged(&BOX, corner, 0.9, 0.9);
        assert!(turned.width() > 0.0 && turned.height() > 0.0, "{turned:?}");
        assert_eq!((turned.right, turned.bottom), (BOX.right, BOX.bottom));
        let wide = dragged(&BOX, Grip { right: true, ..Grip::default() }, 0.1, 0.4);
        assert!((wide.right - 0.7).abs() < 1e-12);
        assert_eq!((wide.left, wide.top, wide.bottom), (BOX.left, BOX.top, BOX.bottom));
    }

    #[test]
    fn a_box_is_drawn_from_any_corner_and_not_by_a_click() {
        let rect = drawn(Point::new(0.6, 0.7), Point::new(0.2, 1.3)).unwrap();
        assert_eq!((rect.left, rect.top, rect.right, rect.bottom), (0.2, 0.7, 0.6, 1.0));
        assert_eq!(drawn(Point::new(0.5, 0.5), Point::new(0.5, 0.5)), None);
    }
}
