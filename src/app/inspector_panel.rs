//! The inspector: how right each model is at this frame, the threshold, the sound shelf, the boxes.

use egui::{Align, Color32, Layout, Pos2, RichText, ScrollArea, Sense, Stroke, Ui, Vec2};

use super::command::Command;
use super::open_clip::{OwnSound, ShownBox};
use super::state::{AppState, ShelfState, reads};
use super::theme;
use crate::dataset::project::FactId;
use crate::engine::SoundChoice;
use crate::localizers::WindowRule;
use crate::metrics::Verdict;

/// What the inspector remembers between passes.
#[derive(Default)]
pub struct InspectorPanel {
    pub focus_shelf: bool,
    /// The chosen box, its name as written, and as it is being typed.
    label: Option<(FactId, String, String)>,
    /// The text prompt as it is being typed.
    prompt: String,
}

impl InspectorPanel {
    pub fn show(&mut self, ui: &mut Ui, state: &AppState, commands: &mut Vec<Command>) {
        ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
            heading_ui(ui, "Readouts", |ui| readout_source_ui(ui, state));
            readouts_ui(ui, state);
            ui.add_space(6.0);
            threshold_ui(ui, state, commands);
            ui.add_space(8.0);
            ui.separator();
            heading_ui(ui, "Sound", |_| {});
            self.shelf_ui(ui, state, commands);
            self.prompt_ui(ui, state, commands);
            ui.add_space(8.0);
            ui.separator();
            heading_ui(ui, "Boxes", |_| {});
            self.boxes_ui(ui, state, commands);
        });
    }

    fn shelf_ui(&mut self, ui: &mut Ui, state: &AppState, commands: &mut Vec<Command>) {
        let colors = theme::palette(ui.visuals());
        let heard = state.heard_choice();
        ui.spacing_mut().item_spacing.y = 2.0;
        for (index, sound) in state.shelf.iter().enumerate() {
            let selected = sound.choice == heard;
            let own = state.open.as_ref().filter(|_| sound.choice == SoundChoice::Own).map(|open| &open.own_sound);
            let own_missing = match own {
                Some(OwnSound::None) => Some(("none in this clip".to_owned(), colors.quiet_text)),
                Some(OwnSound::Failed(message)) => Some((message.clone(), colors.bad)),
                _ => None,
            };
            let detail = own_missing.or(match &sound.state {
                ShelfState::Loading(_) => Some(("reading…".to_owned(), colors.quiet_text)),
                ShelfState::Failed(message) => Some((message.clone(), colors.bad)),
                ShelfState::Idle | ShelfState::Ready(_) => None,
            });
            let response = shelf_row_ui(ui, &sound.title(), selected, detail);
            if self.focus_shelf && index == 0 {
                response.request_focus();
                response.scroll_to_me(Some(Align::Center));
                self.focus_shelf = false;
            }
            if response.clicked() {
                commands.push(Command::SetSound(sound.choice.clone()));
            }
        }
        ui.add_space(4.0);
        ui.horizontal(|ui| {
            if ui.button("Add a sound…").clicked() {
                commands.push(Command::AddSoundDialog);
            }
            if state.sound_choice != SoundChoice::Own {
                ui.label(RichText::new("hold A for the clip's own").small().color(colors.quiet_text));
            }
        });
        ui.add_space(4.0);
        ui.label(RichText::new("Audio window").color(colors.quiet_text));
        ui.horizontal(|ui| {
            for rule in WindowRule::ALL {
                let title = match rule {
                    WindowRule::Follow => "Follows the frame",
                    WindowRule::Benchmark => "Benchmark",
                };
                if ui.selectable_label(state.window_rule == rule, title).on_hover_text(rule.explanation()).clicked() {
                    commands.push(Command::SetWindowRule(rule));
                }
            }
        });
    }
}

impl InspectorPanel {
    /// What models that read are asked with, while there are any.
    fn prompt_ui(&mut self, ui: &mut Ui, state: &AppState, commands: &mut Vec<Command>) {
        if !state.any_model_reads() {
            return;
        }
        let colors = theme::palette(ui.visuals());
        ui.add_space(4.0);
        let label = ui.label(RichText::new("Text prompt").color(colors.quiet_text));
        self.prompt.clone_from(&state.text);
        let edit = egui::TextEdit::singleline(&mut self.prompt).hint_text("a dog barking").desired_width(f32::INFINITY);
        let edit = ui.add(edit).labelled_by(label.id);
        if edit.changed() {
            commands.push(Command::SetText(self.prompt.clone()));
        }
        edit.on_hover_text("What models that read (CLIPTextTran) are asked with");
    }
}

fn heading_ui(ui: &mut Ui, title: &str, right: impl FnOnce(&mut Ui)) {
    ui.add_space(2.0);
    ui.horizontal(|ui| {
        ui.label(RichText::new(title).font(theme::strong(12.5)));
        ui.with_layout(Layout::right_to_left(Align::Center), right);
    });
    ui.add_space(2.0);
}

/// What made the figures, a hover away.
fn readout_source_ui(ui: &mut Ui, state: &AppState) {
    let colors = theme::palette(ui.visuals());
    let known = state.known_protocol();
    let hover = format!(
        "{}\n{}\n{}\nSound: {}",
        known.map_or("", |known| known.label),
        known.map_or("", |known| known.explanation),
        state.protocol.choices(),
        state.heard_choice().title(),
    );
    ui.label(RichText::new(state.protocol.to_string()).small().color(colors.quiet_text)).on_hover_text(hover);
}

/// A verdict as a word and a mark, so that no state is told by colour alone.
pub fn verdict_text(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Hit => ("✓", "hit"),
        Verdict::Miss => ("✗", "miss"),
        Verdict::FalseAlarm => ("✗", "false alarm"),
        Verdict::MissedDetection => ("✗", "missed detection"),
        Verdict::CorrectSilence => ("✓", "correct silence"),
    }
}

pub fn verdict_color(colors: &theme::Palette, verdict: Verdict) -> Color32 {
    match verdict {
        Verdict::Hit | Verdict::CorrectSilence => colors.good,
        Verdict::Miss | Verdict::FalseAlarm | Verdict::MissedDetection => colors.bad,
    }
}

fn readouts_ui(ui: &mut Ui, state: &AppState) {
    let colors = theme::palette(ui.visuals());
    if state.models.is_empty() {
        ui.label(RichText::new("Load a model to see where it hears").color(colors.quiet_text));
        return;
    }
    let narrow = ui.available_width() < 230.0;
    for (index, slot) in state.models.iter().enumerate().filter(|(_, slot)| slot.visible) {
        let readout = state.readout(index);
        let answer = state.answer(index);
        let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), 30.0), Sense::hover());
        let painter = ui.painter();
        let swatch = egui::Rect::from_center_size(rect.left_center() + Vec2::new(6.0, 0.0), Vec2::splat(10.0));
        painter.rect_filled(swatch, 2.5, theme::model_color(slot.color));
        let mut spoken = slot.name().to_owned();
        // How far the name may go.
        let name_end = match readout {
            Some(readout) => {
                let number = readout.ciou.map_or_else(|| "–".to_owned(), |ciou| format!("{ciou:.3}"));
                let verdict = readout.verdict.map(|verdict| (verdict_text(verdict), verdict_color(colors, verdict)));
                painter.text(
                    rect.right_center() - Vec2::new(if narrow { 24.0 } else { 94.0 }, 0.0),
                    egui::Align2::RIGHT_CENTER,
                    &number,
                    theme::digits(15.0),
                    colors.text,
                );
                if let Some(((mark, word), color)) = verdict {
                    painter.text(
                        rect.right_center() - Vec2::new(if narrow { 18.0 } else { 86.0 }, 0.0),
                        egui::Align2::LEFT_CENTER,
                        if narrow { mark.to_owned() } else { format!("{mark} {word}") },
                        theme::body(12.0),
                        color,
                    );
                    spoken.push_str(&format!(", cIoU {number}, {word}"));
                }
                if readout.degenerate {
                    painter.text(
                        rect.right_bottom(),
                        egui::Align2::RIGHT_BOTTOM,
                        "flat map",
                        theme::body(10.0),
                        colors.warning,
                    );
                }
                rect.right() - if narrow { 78.0 } else { 150.0 }
            }
            None => {
                let failed = slot.loaded().and_then(|model| state.inference.failure(model.key));
                let (text, color) = match (&failed, slot.loaded()) {
                    (Some(_), _) => ("failed".to_owned(), colors.bad),
                    (None, Some(model)) if reads(model) && state.prompt().is_none() => {
                        ("needs a text prompt".to_owned(), colors.quiet_text)
                    }
                    (None, Some(_)) => match &answer {
                        Some(answer) if !narrow => {
                            (format!("coming… (map of frame {})", answer.frame), colors.quiet_text)
                        }
                        Some(_) | None => ("coming…".to_owned(), colors.quiet_text),
                    },
                    (None, None) => ("not loaded".to_owned(), colors.quiet_text),
                };
                spoken.push_str(&format!(", {text}"));
                let at = rect.right_center();
                painter.text(at, egui::Align2::RIGHT_CENTER, &text, theme::body(12.0), color).left() - 8.0
            }
        };
        let at = rect.left_center() + Vec2::new(18.0, 0.0);
        theme::elided(painter, at, slot.name(), theme::body(13.0), colors.text, name_end - at.x);
        response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Label, true, &spoken));
        response.on_hover_ui(|ui| {
            ui.label(RichText::new(slot.name()).strong());
            if let Some(readout) = readout {
                ui.label(format!(
                    "threshold {:.4}, {:.1} % of the picture positive",
                    readout.threshold,
                    readout.positive_share * 100.0
                ));
                if let Some(confidence) = readout.confidence {
                    ui.label(format!("confidence {confidence:.4}"));
                }
            }
            if let Some(answer) = &answer {
                let (low, high) = answer.heatmap.values.range();
                ui.label(format!(
                    "map {}×{}, raw values {low:.3} to {high:.3}",
                    answer.heatmap.values.columns(),
                    answer.heatmap.values.rows()
                ));
                if answer.frame != state.frame() {
                    ui.label(format!("the map shown is of frame {}", answer.frame));
                }
            }
            if let Some(failure) = slot.loaded().and_then(|model| state.inference.failure(model.key)) {
                ui.label(RichText::new(failure.as_ref()).color(colors.bad));
            }
        });
    }
    other_sound_ui(ui, state);
    references_ui(ui, state);
}

/// While another sound than the clip's own is chosen: whose sound the figures above are of.
fn other_sound_ui(ui: &mut Ui, state: &AppState) {
    let boxes = state.open.as_ref().is_some_and(|open| !open.boxes_at(open.frame).is_empty());
    if state.sound_choice == SoundChoice::Own || !boxes {
        return;
    }
    if state.heard_choice() == SoundChoice::Own {
        // The own sound is held for a moment: nothing below moves.
        ui.label(RichText::new(" ").small());
        return;
    }
    const HINT: &str = "the boxes are of the clip's own sound";
    let hint = ui.label(RichText::new(HINT).small().color(theme::palette(ui.visuals()).quiet_text));
    let more = "another sound is heard, so a miss here need not be a mistake of the model";
    hint.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Label, true, format!("{HINT}; {more}")));
    hint.on_hover_text(format!(
        "cIoU and verdict are against the boxes that are annotated, and these say where the clip's own sound comes from; \
         {more}. Hold A to hear and score the clip's own."
    ));
}

/// No figure stands alone: what maps that hear nothing score on the same ground truth.
fn references_ui(ui: &mut Ui, state: &AppState) {
    let colors = theme::palette(ui.visuals());
    let Some(references) = state.scoring.as_ref().and_then(|scoring| scoring.references(state.frame())) else {
        return;
    };
    let figures = [
        ("centre box", Some(references.centre_box)),
        ("full frame", Some(references.full_frame)),
        ("fixed blob", Some(references.fixed_blob)),
        ("ceiling", references.ceiling),
    ];
    let figures = figures.into_iter().filter_map(|(name, figure)| Some(format!("{name} {:.2}", figure?)));
    // Two to a line, so that none is torn from its name.
    let figures: Vec<String> = figures.collect();
    let lines: Vec<String> = figures.chunks(2).map(|two| two.join("  ·  ")).collect();
    ui.label(RichText::new(lines.join("\n")).small().color(colors.quiet_text)).on_hover_text(
        "What maps that hear nothing score on this frame's ground truth under the same rule, and the best that the \
         rule's number of pixels can reach",
    );
}

/// Narrower than this, the panel puts one thing under the other instead of beside it.
const NARROW: f32 = 240.0;

fn threshold_ui(ui: &mut Ui, state: &AppState, commands: &mut Vec<Command>) {
    let colors = theme::palette(ui.visuals());
    let own = state.visible_models().find_map(|(index, _, _)| Some(state.answer(index)?.readout.threshold));
    let label_ui = |ui: &mut Ui| ui.label(RichText::new("Threshold").color(colors.quiet_text));
    if ui.available_width() < NARROW {
        ui.horizontal(|ui| {
            label_ui(ui);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| own_threshold_ui(ui, state, commands));
        });
        ui.horizontal(|ui| threshold_slider_ui(ui, state, own, 0.0, commands));
    } else {
        ui.horizontal(|ui| {
            label_ui(ui);
            threshold_slider_ui(ui, state, own, 48.0, commands);
            own_threshold_ui(ui, state, commands);
        });
    }
    curve_ui(ui, state, own, commands);
}

/// The slider and its number, `beside` pixels short of the room that there is.
fn threshold_slider_ui(ui: &mut Ui, state: &AppState, own: Option<f32>, beside: f32, commands: &mut Vec<Command>) {
    const NUMBER_WIDTH: f32 = 82.0;
    let mut value = state.threshold.or(own).unwrap_or(0.5);
    ui.spacing_mut().slider_width = (ui.available_width() - NUMBER_WIDTH - beside).max(40.0);
    // Only the text is rounded: a slider that rounds the value would set a threshold of its own.
    let slider = egui::Slider::new(&mut value, 0.0..=1.0).custom_formatter(|value, _| format!("{value:.3}"));
    let slider = ui.add(slider);
    slider.widget_info(|| egui::WidgetInfo::slider(true, f64::from(value), "Threshold"));
    if slider.changed() {
        commands.push(Command::SetThreshold(Some(value)));
    }
}

fn own_threshold_ui(ui: &mut Ui, state: &AppState, commands: &mut Vec<Command>) {
    if ui
        .add_enabled(state.threshold.is_some(), egui::Button::new("own"))
        .on_hover_text("Back to the protocol's own threshold (T)")
        .on_disabled_hover_text("The protocol's own threshold is in force")
        .clicked()
    {
        commands.push(Command::SetThreshold(None));
    }
}

/// cIoU over the threshold, one line a model; a click sets the threshold there.
fn curve_ui(ui: &mut Ui, state: &AppState, own: Option<f32>, commands: &mut Vec<Command>) {
    let colors = theme::palette(ui.visuals());
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), 92.0), Sense::click_and_drag());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Image, true, "cIoU over the threshold"));
    let painter = ui.painter().with_clip_rect(rect);
    painter.rect_filled(rect, 6.0, colors.well);
    let plot = rect.shrink2(Vec2::new(6.0, 6.0));
    let at = |threshold: f32, ciou: f64| {
        Pos2::new(plot.left() + threshold * plot.width(), plot.bottom() - ciou as f32 * plot.height())
    };
    let success = state.protocol.success_threshold();
    let mut any = false;
    for (index, slot, _) in state.visible_models() {
        let Some(curve) = state.curve(index) else { continue };
        any = true;
        let curve = curve.thresholds.iter().zip(&curve.ciou);
        let points: Vec<Pos2> = curve.map(|(threshold, ciou)| at(*threshold, *ciou)).collect();
        painter.line(points, Stroke::new(1.6, theme::model_color(slot.color)));
    }
    let cursor = state.threshold.or(own);
    if let (Some(threshold), true) = (cursor, any) {
        let x = plot.left() + threshold.clamp(0.0, 1.0) * plot.width();
        painter.vline(x, rect.y_range(), Stroke::new(1.0, colors.accent));
    }
    if any {
        let line = [at(0.0, success), at(1.0, success)];
        painter.extend(egui::Shape::dashed_line(&line, Stroke::new(1.0, colors.faint_text), 4.0, 4.0));
    }
    if !any {
        let text = if state.open.is_some() { "cIoU over the threshold appears with ground truth" } else { "" };
        painter.text(rect.center(), egui::Align2::CENTER_CENTER, text, theme::body(11.0), colors.faint_text);
    } else {
        // Where the threshold is high no map is near the top.
        let text = "cIoU over the threshold";
        painter.text(plot.right_top(), egui::Align2::RIGHT_TOP, text, theme::body(10.0), colors.faint_text);
    }
    if let (true, Some(pointer)) = (response.clicked() || response.dragged(), response.interact_pointer_pos()) {
        let threshold = ((pointer.x - plot.left()) / plot.width()).clamp(0.0, 1.0);
        commands.push(Command::SetThreshold(Some(threshold)));
    }
}

fn shelf_row_ui(ui: &mut Ui, title: &str, selected: bool, detail: Option<(String, Color32)>) -> egui::Response {
    let colors = theme::palette(ui.visuals());
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), 26.0), Sense::click());
    response.widget_info(|| {
        egui::WidgetInfo::selected(egui::accesskit::Role::RadioButton, true, selected, format!("Sound: {title}"))
    });
    let painter = ui.painter().with_clip_rect(rect);
    if selected {
        painter.rect_filled(rect, 5.0, ui.visuals().selection.bg_fill);
    } else if response.hovered() || response.has_focus() {
        painter.rect_filled(rect, 5.0, ui.visuals().widgets.hovered.weak_bg_fill);
    }
    let dot = rect.left_center() + Vec2::new(13.0, 0.0);
    painter.circle_stroke(dot, 5.0, Stroke::new(1.4, if selected { colors.accent } else { colors.faint_text }));
    if selected {
        painter.circle_filled(dot, 2.6, colors.accent);
    }
    let name =
        painter.text(dot + Vec2::new(13.0, 0.0), egui::Align2::LEFT_CENTER, title, theme::body(13.0), colors.text);
    if let Some((detail, color)) = detail {
        let at = name.right_center() + Vec2::new(8.0, 0.0);
        theme::elided(&painter, at, &detail, theme::body(11.0), color, rect.right() - 6.0 - at.x);
        return response.on_hover_text(detail);
    }
    response
}

impl InspectorPanel {
    fn boxes_ui(&mut self, ui: &mut Ui, state: &AppState, commands: &mut Vec<Command>) {
        let colors = theme::palette(ui.visuals());
        let Some(open) = &state.open else { return };
        let boxes = open.boxes_at(open.frame);
        if !open.has_annotations() {
            ui.label(
                RichText::new("No annotations. Drop a file of boxes on the window, or load one from the menu")
                    .color(colors.quiet_text),
            );
        } else if boxes.is_empty() {
            ui.label(RichText::new("Nothing sounds in view at this frame").color(colors.quiet_text));
        }
        for shown in &boxes {
            let fact = state.editing.fact_of(shown);
            let chosen = fact.filter(|fact| Some(*fact) == state.editing.selected);
            let row = box_row_ui(ui, shown, fact.is_some());
            if row.clicked() && fact.is_some() {
                commands.push(Command::SelectBox(if chosen.is_some() { None } else { fact }));
            }
            if let Some(fact) = chosen {
                self.chosen_box_ui(ui, shown, fact, commands);
            }
        }
        if state.editing.clip.is_some() {
            ui.add_space(4.0);
            if ui.selectable_label(state.editing.drawing, "Draw a box").on_hover_text("B").clicked() {
                commands.push(Command::ToggleDrawing);
            }
        }
    }

    /// What can be said of the chosen box.
    fn chosen_box_ui(&mut self, ui: &mut Ui, shown: &ShownBox, fact: FactId, commands: &mut Vec<Command>) {
        let written = shown.label.clone().unwrap_or_default();
        if self.label.as_ref().is_none_or(|(own, ..)| *own != fact) {
            self.label = Some((fact, written.clone(), written.clone()));
        }
        let Some((_, before, text)) = &mut self.label else { return };
        if *before != written {
            // Taken back, or changed elsewhere.
            *before = written.clone();
            *text = written.clone();
        }
        ui.horizontal_wrapped(|ui| {
            let field = ui.add(egui::TextEdit::singleline(text).hint_text("what it is").desired_width(120.0));
            field.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::TextInput, true, "Name of the box"));
            if field.lost_focus() && *text != written {
                commands.push(Command::LabelBox(fact, text.clone()));
            }
            let mut sounding = shown.sounding != Some(false);
            if ui.checkbox(&mut sounding, "sounds").changed() {
                commands.push(Command::SetBoxSounding(fact, sounding));
            }
            if ui.button("Delete").clicked() {
                commands.push(Command::DeleteBox);
            }
        });
    }
}

/// A box's line: its name, whether it is silent, its share of the frame.
fn box_row_ui(ui: &mut Ui, shown: &ShownBox, editable: bool) -> egui::Response {
    let colors = theme::palette(ui.visuals());
    let name = shown.label.as_deref().unwrap_or("unnamed");
    let row = ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(Vec2::new(14.0, 12.0), Sense::hover());
        ui.painter().rect_stroke(rect.shrink(1.0), 1.0, Stroke::new(1.4, colors.truth), egui::StrokeKind::Inside);
        ui.label(name);
        if shown.sounding == Some(false) {
            ui.label(RichText::new("silent").color(colors.quiet_text));
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let share = shown.rect_fraction.area() * 100.0;
            ui.label(RichText::new(format!("{share:.1} %")).font(theme::digits(11.0)).color(colors.quiet_text))
                .on_hover_text(format!(
                    "{:.4}, {:.4} – {:.4}, {:.4} of the frame",
                    shown.rect_fraction.left,
                    shown.rect_fraction.top,
                    shown.rect_fraction.right,
                    shown.rect_fraction.bottom
                ));
        });
    });
    let response = row.response.interact(if editable { Sense::click() } else { Sense::hover() });
    if editable {
        response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, format!("Box {name}")));
    }
    response
}
