//! The list of keys and the log of notices.

use egui::{RichText, ScrollArea, Ui, Vec2};

use super::command::{COMMANDS, Command, shortcut_text};
use super::notices::Severity;
use super::state::AppState;
use super::theme;

/// Draws the keys; false when the window was closed.
pub fn keys_window_ui(ui: &Ui) -> bool {
    let mut open = true;
    theme::window(ui.ctx(), "Keys", Vec2::new(560.0, 520.0)).open(&mut open).show(ui.ctx(), |ui| {
        let colors = theme::palette(ui.visuals());
        ScrollArea::vertical().show(ui, |ui| {
            let mut group = "";
            for info in COMMANDS.iter().filter(|info| !info.keys.is_empty()) {
                if info.group != group {
                    group = info.group;
                    ui.add_space(8.0);
                    ui.label(RichText::new(group).font(theme::strong(13.0)));
                }
                ui.horizontal(|ui| {
                    ui.add_sized(
                        Vec2::new(150.0, 18.0),
                        egui::Label::new(
                            RichText::new(info.keys.iter().map(shortcut_text).collect::<Vec<_>>().join("   "))
                                .font(theme::digits(12.0))
                                .color(colors.accent),
                        ),
                    );
                    ui.label(info.title);
                });
            }
            ui.add_space(8.0);
            ui.horizontal(|ui| {
                ui.add_sized(
                    Vec2::new(150.0, 18.0),
                    egui::Label::new(RichText::new("hold A").font(theme::digits(12.0)).color(colors.accent)),
                );
                ui.label("Hear and see the clip's own sound");
            });
        });
    });
    open
}

/// Draws the log; false when the window was closed.
pub fn notices_window_ui(ui: &Ui, state: &AppState, commands: &mut Vec<Command>) -> bool {
    let mut open = true;
    theme::window(ui.ctx(), "Notices", Vec2::new(620.0, 320.0)).open(&mut open).show(ui.ctx(), |ui| {
        let colors = theme::palette(ui.visuals());
        if ui.button("Copy all").clicked() {
            commands.push(Command::CopyNotices);
        }
        ui.separator();
        ScrollArea::vertical().auto_shrink([false, false]).stick_to_bottom(true).show(ui, |ui| {
            if state.notices.entries().is_empty() {
                ui.label(RichText::new("Nothing to say so far").color(colors.quiet_text));
            }
            for notice in state.notices.entries() {
                let color = match notice.severity {
                    Severity::Info => colors.quiet_text,
                    Severity::Warning => colors.warning,
                    Severity::Error => colors.bad,
                };
                ui.horizontal_wrapped(|ui| {
                    ui.label(RichText::new(notice.severity.name()).small().color(color));
                    let times = if notice.times > 1 { format!(" (×{})", notice.times) } else { String::new() };
                    ui.add(egui::Label::new(format!("{}{times}", notice.text)).selectable(true).wrap());
                });
            }
        });
    });
    open
}
