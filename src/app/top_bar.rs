//! The bar on top: the clip, the models as chips, the protocol.

use egui::{Align, Color32, CornerRadius, Layout, Popup, Response, RichText, Sense, Stroke, StrokeKind, Ui, Vec2};

use super::command::{Command, keys_text};
use super::state::{AppState, ModelSlot, ModelState};
use super::theme;
use crate::localizers::registry::{self, Status};
use crate::localizers::{BenchmarkWindow, LocalizerInfo, ViewRule, variants};

pub fn top_bar_ui(ui: &mut Ui, state: &AppState, commands: &mut Vec<Command>) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        file_menu_ui(ui, state, commands);
        ui.separator();
        title_ui(ui, state);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            protocol_ui(ui, state, commands);
            ui.separator();
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                egui::ScrollArea::horizontal().scroll_bar_visibility(SCROLL_HIDDEN).show(ui, |ui| {
                    models_ui(ui, state, commands);
                });
            });
        });
    });
}

const SCROLL_HIDDEN: egui::scroll_area::ScrollBarVisibility = egui::scroll_area::ScrollBarVisibility::AlwaysHidden;

fn file_menu_ui(ui: &mut Ui, state: &AppState, commands: &mut Vec<Command>) {
    let colors = theme::palette(ui.visuals());
    let button = ui.button(RichText::new("Sonolens").font(theme::strong(13.0)).color(colors.text));
    Popup::menu(&button).show(|ui| {
        ui.set_min_width(240.0);
        for name in ["open", "open-folder", "annotations", "model-add", "sound-file"] {
            item_ui(ui, name, commands);
        }
        if !state.settings.recent.is_empty() {
            ui.menu_button("Recent", |ui| {
                for path in &state.settings.recent {
                    let name = path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy());
                    if ui.button(name).on_hover_text(path.display().to_string()).clicked() {
                        commands.push(Command::OpenPath(path.clone()));
                        ui.close();
                    }
                }
            });
        }
        item_ui(ui, "open-demo", commands);
        item_ui(ui, "project-save", commands);
        ui.separator();
        for name in ["report", "palette", "keys", "tour", "notices", "screenshot"] {
            item_ui(ui, name, commands);
        }
        ui.separator();
        for name in ["theme", "layout-reset", "fullscreen"] {
            item_ui(ui, name, commands);
        }
        ui.separator();
        item_ui(ui, "quit", commands);
    });
}

/// A menu line that sends the command of this name.
fn item_ui(ui: &mut Ui, name: &str, commands: &mut Vec<Command>) {
    let Some(info) = super::command::info_by_name(name) else { return };
    let keys = keys_text(name);
    if ui.add(egui::Button::new(info.title).shortcut_text(keys)).clicked() {
        commands.extend(info.make(&[]));
        ui.close();
    }
}

fn title_ui(ui: &mut Ui, state: &AppState) {
    let colors = theme::palette(ui.visuals());
    let clip = state.selected_clip.and_then(|index| state.clips.get(index)).map(|row| row.clip.name.as_str());
    ui.add(egui::Label::new(RichText::new(clip.unwrap_or("No clip")).font(theme::strong(13.0))).truncate());
    if !state.dataset_name.is_empty() && Some(state.dataset_name.as_str()) != clip {
        ui.label(RichText::new(&state.dataset_name).color(colors.quiet_text));
    }
}

fn models_ui(ui: &mut Ui, state: &AppState, commands: &mut Vec<Command>) {
    let colors = theme::palette(ui.visuals());
    ui.label(RichText::new("Models").color(colors.quiet_text));
    for (index, slot) in state.models.iter().enumerate() {
        let response = chip_ui(ui, state, index, slot);
        if response.clicked() {
            commands.push(Command::ToggleModel(index));
        }
        if response.double_clicked() {
            commands.push(Command::SoloModel(index));
        }
        response.context_menu(|ui| {
            if ui.button("Show alone").clicked() {
                commands.push(Command::SoloModel(index));
                ui.close();
            }
            variants_ui(ui, index, slot, commands);
            if ui.button("Remove").clicked() {
                commands.push(Command::RemoveModel(index));
                ui.close();
            }
        });
    }
    let add = ui.button("+").on_hover_text("Load a model");
    add.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, "Load a model"));
    Popup::menu(&add).show(|ui| {
        ui.set_min_width(260.0);
        item_ui(ui, "model-add", commands);
        ui.separator();
        for model in state.named_models() {
            let button = egui::Button::new(&model.id).shortcut_text(&model.card.name);
            let folder = model.folder.display();
            if ui.add(button).on_hover_text(format!("{}\n{folder}", model.card.citation)).clicked() {
                commands.push(Command::AddModel(model.id.clone()));
                ui.close();
            }
        }
        for system in registry::systems() {
            let runs = state.opens_by_id(system);
            let text = RichText::new(system.name);
            let button = egui::Button::new(text).shortcut_text(if runs { "" } else { short_status(system.status) });
            if ui
                .add_enabled(runs, button)
                .on_hover_text(system.citation)
                .on_disabled_hover_text(format!("{}\n{}", system.citation, system.status.text()))
                .clicked()
            {
                commands.push(Command::AddModel(system.id.to_owned()));
                ui.close();
            }
        }
    });
}

/// The forms of a model's system, where it has several.
fn variants_ui(ui: &mut Ui, index: usize, slot: &ModelSlot, commands: &mut Vec<Command>) {
    let Some(system) = slot.system else { return };
    let variants = variants::variants(system.id);
    if variants.is_empty() {
        return;
    }
    ui.separator();
    let usual = ui.radio(slot.variant.is_none(), format!("{}: usual form", system.name));
    if usual.on_hover_text("As the authors' own test does it").clicked() {
        commands.push(Command::SetVariant(index, None));
        ui.close();
    }
    for variant in variants {
        let chosen = slot.variant == Some(variant);
        let choice = ui.radio(chosen, format!("{}: {}", system.name, variant.title));
        if choice.on_hover_text(variant.explanation).clicked() {
            commands.push(Command::SetVariant(index, Some(variant.id.to_owned())));
            ui.close();
        }
    }
    ui.separator();
}

fn short_status(status: Status) -> &'static str {
    match status {
        Status::NeedsFiles(_) => "needs weights",
        Status::NotBuilt(_) => "not in this build",
        other => other.text(),
    }
}

/// A model's chip: number, colour, name; hollow while hidden, with a bar while it loads, a mark when it failed.
fn chip_ui(ui: &mut Ui, state: &AppState, index: usize, slot: &ModelSlot) -> Response {
    let colors = theme::palette(ui.visuals());
    let color = theme::model_color(slot.color);
    let failure = match &slot.state {
        ModelState::Failed(message) => Some(message.as_str().to_owned()),
        ModelState::Ready(model) => state.inference.failure(model.key).map(|message| message.to_string()),
        ModelState::Loading(_) => None,
    };
    let loading = matches!(slot.state, ModelState::Loading(_));
    let text_color = if slot.visible { colors.text } else { colors.faint_text };
    let name = if failure.is_some() { format!("{} !", slot.name()) } else { slot.name().to_owned() };
    let number = ui.painter().layout_no_wrap((index + 1).to_string(), theme::digits(10.0), colors.faint_text);
    let galley =
        ui.painter().layout_no_wrap(name, theme::body(12.5), if failure.is_some() { colors.bad } else { text_color });
    let size = Vec2::new(number.size().x + galley.size().x + 34.0, 24.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let accessible = format!("{}, model {}", slot.name(), index + 1);
    response
        .widget_info(|| egui::WidgetInfo::selected(egui::accesskit::Role::CheckBox, true, slot.visible, &accessible));
    if ui.is_rect_visible(rect) {
        let painter = ui.painter();
        let fill = if response.hovered() {
            ui.visuals().widgets.hovered.weak_bg_fill
        } else {
            ui.visuals().widgets.inactive.weak_bg_fill
        };
        painter.rect_filled(rect, CornerRadius::same(12), if slot.visible { fill } else { Color32::TRANSPARENT });
        painter.rect_stroke(
            rect,
            CornerRadius::same(12),
            Stroke::new(1.0, if slot.visible { color.gamma_multiply(0.6) } else { colors.line }),
            StrokeKind::Inside,
        );
        let number_at = rect.left_center() + Vec2::new(9.0, -number.size().y / 2.0);
        let swatch =
            egui::Rect::from_center_size(rect.left_center() + Vec2::new(16.0 + number.size().x, 0.0), Vec2::splat(9.0));
        let name_at = egui::pos2(swatch.right() + 5.0, rect.center().y - galley.size().y / 2.0);
        painter.galley(number_at, number, colors.faint_text);
        if slot.visible {
            painter.rect_filled(swatch, 2.5, color);
        } else {
            painter.rect_stroke(swatch, 2.5, Stroke::new(1.2, color), StrokeKind::Inside);
        }
        painter.galley(name_at, galley, text_color);
        if loading {
            let line = egui::Rect::from_min_max(
                rect.left_bottom() + Vec2::new(10.0, -3.0),
                rect.right_bottom() + Vec2::new(-10.0, -1.5),
            );
            painter.rect_filled(line, 1.0, color.gamma_multiply(0.8));
        }
    }
    let hover = match (&slot.state, failure) {
        (_, Some(message)) => message,
        (ModelState::Loading(_), _) => format!("Loading {}", slot.spec),
        (ModelState::Ready(model), _) => {
            let info = model.localizer.info();
            let remark = info.remark.map(|remark| format!("\n{remark}")).unwrap_or_default();
            let sees_and_hears = sees_and_hears(info);
            format!(
                "{}{remark}\n{sees_and_hears}\nClick: show or hide · double-click: alone · right-click: more",
                info.system.citation
            )
        }
        (ModelState::Failed(message), _) => message.clone(),
    };
    response.on_hover_text(hover)
}

/// What the model is shown of a frame and which stretch of the sound it hears, in a line each.
fn sees_and_hears(info: &LocalizerInfo) -> String {
    let sees = match info.view {
        ViewRule::Whole => "Sees the frame as it is".to_owned(),
        ViewRule::Crop { side } => format!("Sees the middle square, {side}×{side}, PIL bicubic"),
        ViewRule::Stretch { side, resizing } => {
            format!("Sees the whole frame squashed to {side}×{side}, {}", resizing.name())
        }
    };
    match info.hearing.filter(|_| info.query_matters) {
        Some(hearing) => {
            let benchmark = match info.window.benchmark {
                BenchmarkWindow::First => "the clip's start".to_owned(),
                BenchmarkWindow::Centered | BenchmarkWindow::CenteredOnWholeSeconds => "the clip's middle".to_owned(),
                BenchmarkWindow::From { start_secs } => format!("{start_secs} s on"),
                BenchmarkWindow::Whole => "the whole clip".to_owned(),
            };
            format!(
                "{sees}\nHears {} s around the frame (benchmark: {benchmark}) at {} Hz",
                info.window.length_secs, hearing.rate
            )
        }
        None => sees,
    }
}

fn protocol_ui(ui: &mut Ui, state: &AppState, commands: &mut Vec<Command>) {
    let known = state.known_protocol();
    let changed = known.is_some_and(|known| known.protocol != state.protocol);
    let label = known.map_or_else(|| state.protocol.to_string(), |known| known.label.to_owned());
    let label = if changed { format!("{label}, changed") } else { label };
    let response = egui::ComboBox::from_id_salt("protocol").selected_text(label).width(170.0).show_ui(ui, |ui| {
        ui.set_min_width(320.0);
        for other in crate::metrics::protocols() {
            let id = other.protocol.id();
            let selected = id == state.protocol.id();
            if ui.selectable_label(selected, other.label).on_hover_text(other.explanation).clicked() {
                commands.push(Command::SetProtocol(id.to_owned()));
            }
        }
        ui.separator();
        item_ui(ui, "protocol-parts", commands);
    });
    response.response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::ComboBox, true, "Protocol"));
    response.response.on_hover_text(known.map_or("", |known| known.explanation));
}
