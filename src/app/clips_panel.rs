//! The list of clips: searched, sorted, only the rows in view drawn.

use egui::{Align, Layout, RichText, ScrollArea, Sense, TextEdit, Ui, Vec2};

use super::command::Command;
use super::state::{AppState, ClipRow, ModelSlot};
use super::theme::{self, Palette};
use crate::dataset::project::ReviewVerdict;

/// What the list remembers between passes.
#[derive(Default)]
pub struct ClipsPanel {
    filter: String,
    order: Order,
    /// Rows that fit the filter, in order; rebuilt when something that it depends on changed.
    rows: Vec<usize>,
    shown: Shown,
    built_for: Option<BuiltFor>,
    scrolled_to: Option<usize>,
    reviewed: usize,
    counted_at: Option<(u64, u64)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Order {
    #[default]
    AsListed,
    Name,
    /// Worst first by the first model's mean cIoU.
    Worst,
}

impl Order {
    fn title(self) -> &'static str {
        match self {
            Self::AsListed => "Listed",
            Self::Name => "By name",
            Self::Worst => "Worst first",
        }
    }
}

/// Which clips of a project are listed, by their last review.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Shown {
    #[default]
    All,
    Unreviewed,
    Reviewed(ReviewVerdict),
}

impl Shown {
    const EVERY: [Self; 5] = [
        Self::All,
        Self::Unreviewed,
        Self::Reviewed(ReviewVerdict::Accept),
        Self::Reviewed(ReviewVerdict::Fix),
        Self::Reviewed(ReviewVerdict::Reject),
    ];

    fn title(self) -> &'static str {
        match self {
            Self::All => "All clips",
            Self::Unreviewed => "To review",
            Self::Reviewed(ReviewVerdict::Accept) => "Accepted",
            Self::Reviewed(ReviewVerdict::Fix) => "To correct",
            Self::Reviewed(ReviewVerdict::Reject) => "Left out",
        }
    }

    fn fits(self, row: &ClipRow) -> bool {
        match self {
            Self::All => true,
            Self::Unreviewed => row.review.is_none(),
            Self::Reviewed(verdict) => row.review == Some(verdict),
        }
    }
}

/// Everything that the list of rows depends on.
#[derive(Clone, Debug, PartialEq)]
struct BuiltFor {
    filter: String,
    order: Order,
    shown: Shown,
    clips: usize,
    dataset_version: u64,
    scores_version: u64,
    reviews_version: u64,
}

const ROW_HEIGHT: f32 = 26.0;
/// Narrower than this, the heading has no room for the number of clips.
const NARROW: f32 = 110.0;

impl ClipsPanel {
    pub fn show(&mut self, ui: &mut Ui, state: &AppState, commands: &mut Vec<Command>) {
        let colors = theme::palette(ui.visuals());
        ui.horizontal(|ui| {
            ui.label(RichText::new("Clips").font(theme::strong(12.5)));
            if ui.available_width() > NARROW {
                ui.label(
                    RichText::new(state.clips.len().to_string()).font(theme::digits(11.0)).color(colors.faint_text),
                );
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                egui::ComboBox::from_id_salt("clip order")
                    .width(ui.available_width().min(90.0))
                    .selected_text(self.order.title())
                    .show_ui(ui, |ui| {
                        for order in [Order::AsListed, Order::Name, Order::Worst] {
                            ui.selectable_value(&mut self.order, order, order.title());
                        }
                    })
                    .response
                    .widget_info(|| {
                        egui::WidgetInfo::labeled(egui::accesskit::Role::ComboBox, true, "Order of the clips")
                    });
            });
        });
        let search = ui
            .add(TextEdit::singleline(&mut self.filter).hint_text("Search name or class").desired_width(f32::INFINITY));
        search.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::TextInput, true, "Search clips"));
        if state.project.is_some() {
            self.reviews_ui(ui, state);
        }
        ui.add_space(2.0);
        self.rebuild(state);
        if state.clips.is_empty() {
            ui.add_space(12.0);
            ui.label(
                RichText::new("Open a video, an image with a sound, a folder or an annotation file: drop it here, or")
                    .color(colors.quiet_text),
            );
            if ui.button("Open…").clicked() {
                commands.push(Command::OpenDialog);
            }
            return;
        }
        if self.rows.is_empty() {
            ui.label(RichText::new("No clip fits the search").color(colors.quiet_text));
            return;
        }
        let mut area = ScrollArea::vertical().auto_shrink([false, false]);
        if state.selected_clip != self.scrolled_to {
            self.scrolled_to = state.selected_clip;
            let place = self.rows.iter().position(|row| Some(*row) == state.selected_clip);
            if let Some(place) = place {
                let height = ui.available_height();
                area = area.vertical_scroll_offset((place as f32 * ROW_HEIGHT - height / 2.0).max(0.0));
            }
        }
        ui.spacing_mut().item_spacing.y = 0.0;
        area.show_rows(ui, ROW_HEIGHT, self.rows.len(), |ui, range| {
            for &index in self.rows.get(range).unwrap_or_default() {
                let Some(row) = state.clips.get(index) else { continue };
                let response = row_ui(ui, state, index, row);
                response.context_menu(|ui| {
                    if ui.button("Hear its sound with the open clip").clicked() {
                        commands.push(Command::SetSoundOfClip(index));
                        ui.close();
                    }
                });
                if response.clicked() {
                    commands.push(Command::SelectClip(index));
                    self.scrolled_to = Some(index);
                }
            }
        });
    }

    /// The clip before or after the selected one in the order shown.
    pub fn neighbour(&mut self, state: &AppState, step: isize) -> Option<usize> {
        self.rebuild(state);
        let place = self.rows.iter().position(|row| Some(*row) == state.selected_clip);
        let next = match (place, state.selected_clip) {
            (Some(place), _) => place.checked_add_signed(step)?,
            // The selected clip has just left the list: the next one in the list's order has taken its place.
            (None, Some(selected)) if self.order == Order::AsListed => {
                let place = self.rows.partition_point(|row| *row < selected);
                if step > 0 { place } else { place.checked_sub(1)? }
            }
            (None, _) => 0,
        };
        self.rows.get(next).copied()
    }

    /// How far the reviews are, and which clips are listed.
    fn reviews_ui(&mut self, ui: &mut Ui, state: &AppState) {
        let colors = theme::palette(ui.visuals());
        if self.counted_at != Some((state.reviews_version, state.dataset_version)) {
            self.counted_at = Some((state.reviews_version, state.dataset_version));
            self.reviewed = state.clips.iter().filter(|row| row.review.is_some()).count();
        }
        ui.horizontal(|ui| {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                egui::ComboBox::from_id_salt("clips shown")
                    .width(90.0)
                    .selected_text(self.shown.title())
                    .show_ui(ui, |ui| {
                        for shown in Shown::EVERY {
                            ui.selectable_value(&mut self.shown, shown, shown.title());
                        }
                    })
                    .response
                    .widget_info(|| {
                        egui::WidgetInfo::labeled(egui::accesskit::Role::ComboBox, true, "Clips shown, by review")
                    });
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    let text = format!("{} of {} reviewed", self.reviewed, state.clips.len());
                    let text = RichText::new(text).font(theme::body(11.5)).color(colors.quiet_text);
                    ui.add(egui::Label::new(text).truncate());
                });
            });
        });
    }

    fn rebuild(&mut self, state: &AppState) {
        let shown = if state.project.is_some() { self.shown } else { Shown::All };
        let key = BuiltFor {
            filter: self.filter.clone(),
            order: self.order,
            shown,
            clips: state.clips.len(),
            dataset_version: state.dataset_version,
            scores_version: if self.order == Order::Worst { state.scores_version } else { 0 },
            reviews_version: if shown == Shown::All { 0 } else { state.reviews_version },
        };
        if self.built_for.as_ref() == Some(&key) {
            return;
        }
        let filter = self.filter.to_lowercase();
        let named = |row: &ClipRow| {
            filter.is_empty()
                || row.clip.name.to_lowercase().contains(&filter)
                || row.clip.class.as_ref().is_some_and(|class| class.to_lowercase().contains(&filter))
        };
        let fits = |row: &ClipRow| shown.fits(row) && named(row);
        self.rows = (0..state.clips.len()).filter(|&index| state.clips.get(index).is_some_and(fits)).collect();
        let name = |index: &usize| state.clips.get(*index).map(|row| row.clip.name.to_lowercase());
        let score = |index: usize| {
            state.clips.get(index).and_then(|row| row.scores.iter().flatten().next().copied()).unwrap_or(f64::INFINITY)
        };
        match self.order {
            Order::AsListed => {}
            Order::Name => self.rows.sort_by_cached_key(name),
            Order::Worst => self.rows.sort_by(|a, b| score(*a).total_cmp(&score(*b))),
        }
        self.built_for = Some(key);
    }
}

/// A tick, a cross, a pencil stroke, or an empty ring: told apart by shape.
fn paint_review(painter: &egui::Painter, at: egui::Rect, review: Option<ReviewVerdict>, colors: &theme::Palette) {
    let stroke = |color| egui::Stroke::new(1.6, color);
    match review {
        None => {
            painter.circle_stroke(at.center(), 3.0, egui::Stroke::new(1.0, colors.faint_text));
        }
        Some(ReviewVerdict::Accept) => {
            let points = [at.left_center(), at.center_bottom() - Vec2::new(1.0, 0.5), at.right_top()];
            painter.line(points.to_vec(), stroke(colors.good));
        }
        Some(ReviewVerdict::Reject) => {
            painter.line_segment([at.left_top(), at.right_bottom()], stroke(colors.bad));
            painter.line_segment([at.left_bottom(), at.right_top()], stroke(colors.bad));
        }
        Some(ReviewVerdict::Fix) => {
            painter.line_segment([at.left_bottom(), at.right_top() - Vec2::new(1.0, -1.0)], stroke(colors.text));
            painter.line_segment([at.left_bottom(), at.right_bottom()], egui::Stroke::new(1.0, colors.quiet_text));
        }
    }
}

fn row_ui(ui: &mut Ui, state: &AppState, index: usize, row: &ClipRow) -> egui::Response {
    let colors = theme::palette(ui.visuals());
    let selected = state.selected_clip == Some(index);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), ROW_HEIGHT), Sense::click());
    response.widget_info(|| {
        let review = row.review.map(|verdict| format!(", {}", Shown::Reviewed(verdict).title().to_lowercase()));
        let name = format!("Clip {}{}", row.clip.name, review.unwrap_or_default());
        egui::WidgetInfo::selected(egui::accesskit::Role::ListItem, true, selected, name)
    });
    if !ui.is_rect_visible(rect) {
        return response;
    }
    let painter = ui.painter();
    if selected {
        painter.rect_filled(rect, 5.0, ui.visuals().selection.bg_fill);
    } else if response.hovered() {
        painter.rect_filled(rect, 5.0, ui.visuals().widgets.hovered.weak_bg_fill);
    }
    let mut inner = rect.shrink2(Vec2::new(8.0, 0.0));
    if row.stored.is_some() {
        let mark = egui::Rect::from_center_size(inner.left_center() + Vec2::new(4.0, 0.0), Vec2::splat(9.0));
        paint_review(painter, mark, row.review, colors);
        inner.min.x += 16.0;
    }
    inner.max.x = paint_scores(painter, inner, state, row, colors);
    let missing = row.clip.media.is_missing();
    let text_clip = painter.with_clip_rect(inner);
    let colour = if missing { colors.faint_text } else { colors.text };
    let name_end =
        theme::elided(&text_clip, inner.left_center(), &row.clip.name, theme::body(12.5), colour, inner.width())
            .right();
    let detail = if missing { Some("missing") } else { row.clip.class.as_deref() };
    if let Some(detail) = detail {
        text_clip.text(
            egui::pos2(name_end + 8.0, inner.center().y),
            egui::Align2::LEFT_CENTER,
            detail,
            theme::body(11.0),
            colors.quiet_text,
        );
    }
    response.on_hover_ui(|ui| {
        ui.label(RichText::new(&row.clip.name).strong());
        if let Some(class) = &row.clip.class {
            ui.label(format!("Class: {class}"));
        }
        if let Some(path) = row.clip.media.picture() {
            ui.label(path.display().to_string());
        }
        ui.label(row.clip.scored.reason());
        for (slot, score) in scores(state, row) {
            ui.label(format!("{} {score:.3}", slot.name()));
        }
    })
}

/// What the models scored on a clip, in their order.
fn scores<'a>(state: &'a AppState, row: &'a ClipRow) -> impl Iterator<Item = (&'a ModelSlot, f64)> {
    state.models.iter().zip(&row.scores).filter_map(|(slot, score)| Some((slot, (*score)?)))
}

/// Writes as many scores at the right of a row as leave its name about half of it, and how many there are besides.
/// Returns where the room for the name ends.
fn paint_scores(painter: &egui::Painter, inner: egui::Rect, state: &AppState, row: &ClipRow, colors: &Palette) -> f32 {
    const GAP: f32 = 8.0;
    let text = |text: String, colour| painter.layout_no_wrap(text, theme::digits(11.0), colour);
    let mut shown: Vec<_> = scores(state, row)
        .map(|(slot, score)| (text(format!("{score:.2}"), colors.text), Some(theme::model_color(slot.color))))
        .collect();
    let left_out = |kept: usize| text(format!("+{}", shown.len() - kept), colors.quiet_text);
    let width = |kept: usize| {
        let scores: f32 = shown.iter().take(kept).map(|(galley, _)| galley.size().x + GAP).sum();
        if kept < shown.len() { scores + left_out(kept).size().x + GAP } else { scores }
    };
    let kept = (0..=shown.len()).rev().find(|&kept| width(kept) < 0.56 * inner.width()).unwrap_or(0);
    if kept < shown.len() {
        let rest = left_out(kept);
        shown.truncate(kept);
        shown.push((rest, None));
    }
    let mut right = inner.right();
    for (galley, colour) in shown.into_iter().rev() {
        let size = galley.size();
        let at = egui::pos2(right - size.x, inner.center().y - size.y / 2.0);
        painter.galley(at, galley, colors.text);
        if let Some(colour) = colour {
            let bar = egui::Rect::from_min_size(at + Vec2::new(0.0, size.y), Vec2::new(size.x, 2.0));
            painter.rect_filled(bar, 1.0, colour);
        }
        right = at.x - GAP;
    }
    right
}
