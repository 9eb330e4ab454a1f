//! The first start's tour: five short cards, each beside what it speaks of. Nothing waits for it.

use egui::{Align2, Area, Frame, Id, Order, Rect, RichText, Stroke, Ui, Vec2};

use super::command::Command;
use super::theme;

/// What a card points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Stage,
    Inspector,
    Timeline,
    TopBar,
}

struct Step {
    target: Target,
    title: &'static str,
    text: &'static str,
}

const STEPS: [Step; 5] = [
    Step {
        target: Target::Stage,
        title: "Where is the sound?",
        text: "Each model lays its heatmap over the picture, in its own colour, beside the true boxes. Space plays; \
               the arrow keys step a frame.",
    },
    Step {
        target: Target::Inspector,
        title: "How right is it?",
        text: "cIoU on this frame, one row a model, with what a box in the middle would have scored. The threshold \
               moves overlay and figure together.",
    },
    Step {
        target: Target::Inspector,
        title: "Swap the sound",
        text: "Under Sound choose silence, noise or any file: you hear what the models hear, and their heatmaps follow. \
               Hold A for the clip's own.",
    },
    Step {
        target: Target::Timeline,
        title: "The whole clip at a glance",
        text: "One lane a model shows cIoU over time. Drag to scrub, click a dip to be there.",
    },
    Step {
        target: Target::TopBar,
        title: "Your models, your clips",
        text: "Drop a checkpoint as its authors publish it, a video or a benchmark's folder on the window. Ctrl+K finds \
               every command.",
    },
];

/// Where the things are that the cards speak of, as last drawn.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    pub stage: Rect,
    pub inspector: Rect,
    pub timeline: Rect,
    pub top_bar: Rect,
}

impl Default for Places {
    fn default() -> Self {
        Self { stage: Rect::NOTHING, inspector: Rect::NOTHING, timeline: Rect::NOTHING, top_bar: Rect::NOTHING }
    }
}

impl Places {
    fn of(&self, target: Target) -> Rect {
        match target {
            Target::Stage => self.stage,
            Target::Inspector => self.inspector,
            Target::Timeline => self.timeline,
            Target::TopBar => self.top_bar,
        }
    }
}

/// The tour while it is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tour {
    step: usize,
}

impl Tour {
    /// The tour at its next card; `None` after the last.
    pub fn next(self) -> Option<Self> {
        (self.step + 1 < STEPS.len()).then_some(Self { step: self.step + 1 })
    }

    /// The number of the card on screen, from 1, and how many there are.
    pub fn place(self) -> (usize, usize) {
        (self.step + 1, STEPS.len())
    }
}

const CARD_WIDTH: f32 = 300.0;

/// Draws the card and a line around what it speaks of.
pub fn tour_ui(ui: &Ui, tour: Tour, places: &Places, commands: &mut Vec<Command>) {
    let Some(step) = STEPS.get(tour.step) else { return };
    let colors = theme::palette(ui.visuals());
    let target = places.of(step.target);
    if target.is_positive() {
        let painter = ui.ctx().layer_painter(egui::LayerId::new(Order::Foreground, Id::unique("tour outline")));
        painter.rect_stroke(target.shrink(2.0), 6.0, Stroke::new(2.0, colors.accent), egui::StrokeKind::Inside);
    }
    // Beside its target, inside the window.
    let (pivot, at) = match step.target {
        Target::Stage => (Align2::CENTER_BOTTOM, target.center_bottom() - Vec2::new(0.0, 20.0)),
        Target::Inspector => (Align2::RIGHT_CENTER, target.left_center() - Vec2::new(14.0, 0.0)),
        Target::Timeline => (Align2::CENTER_BOTTOM, target.center_top() - Vec2::new(0.0, 14.0)),
        Target::TopBar => (Align2::CENTER_TOP, target.center_bottom() + Vec2::new(0.0, 14.0)),
    };
    let at = if target.is_positive() { at } else { ui.ctx().content_rect().center() };
    Area::new(Id::unique("tour card")).order(Order::Tooltip).pivot(pivot).fixed_pos(at).constrain(true).show(
        ui.ctx(),
        |ui| {
            Frame::popup(ui.style()).inner_margin(14.0).stroke(Stroke::new(1.0, colors.accent)).show(ui, |ui| {
                ui.set_width(CARD_WIDTH);
                ui.label(RichText::new(step.title).font(theme::strong(15.0)));
                ui.add_space(4.0);
                ui.label(RichText::new(step.text).font(theme::body(13.0)).color(colors.quiet_text));
                ui.add_space(10.0);
                ui.horizontal(|ui| {
                    let (place, count) = tour.place();
                    ui.label(
                        RichText::new(format!("{place} of {count}")).font(theme::digits(11.0)).color(colors.faint_text),
                    );
                    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                        let next = if place == count { "Done" } else { "Next" };
                        let button = egui::Button::new(RichText::new(next).color(colors.stage)).fill(colors.accent);
                        if ui.add(button).clicked() {
                            commands.push(Command::TourNext);
                        }
                        if place < count && ui.button("Not again").clicked() {
                            commands.push(Command::TourEnd);
                        }
                    });
                });
            });
        },
    );
}
