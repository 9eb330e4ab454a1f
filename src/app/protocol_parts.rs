//! The parts of the protocol in force, each to be set by itself.

use egui::{ComboBox, Grid, RichText, TextEdit, Ui};

use super::command::Command;
use super::state::AppState;
use super::theme;
use crate::heatmap::Kernel;
use crate::metrics::{GroundTruthRule, Protocol};

/// What a part is, and the values among which it is chosen; others can be typed where `typed`.
struct Part {
    /// As [`Protocol::set`] takes it.
    name: &'static str,
    title: &'static str,
    meaning: &'static str,
    values: Vec<String>,
    typed: bool,
}

fn parts() -> [Part; 8] {
    let part = |name, title, meaning, values: &[&str], typed| Part {
        name,
        title,
        meaning,
        values: values.iter().map(|&value| value.to_owned()).collect(),
        typed,
    };
    let mut kernel = part("upsample", "Enlarged by", "How a map is brought to the grid on which is scored", &[], false);
    kernel.values = Kernel::ALL.map(|kernel| kernel.to_string()).to_vec();
    let mut truth = part("gt", "Ground truth", "How boxes become a map; auto is the benchmark's own rule", &[], false);
    truth.values = GroundTruthRule::ALL.map(|rule| rule.to_string()).to_vec();
    let normalizations = ["none", "minmax", "minmax-inverted", "minmax-unguarded", "nominal", "sigmoid", "range:-1,1"];
    let rules = [
        "median-gt",
        "median-gt-bare",
        "median-ge",
        "adaptive",
        "fixed:0.5",
        "fixed-gt:0.5",
        "peak:0.5",
        "capped:0.5",
        "sweep",
    ];
    [
        kernel,
        part(
            "normalise",
            "Normalized",
            "The range to which values are brought before the threshold",
            &normalizations,
            true,
        ),
        part("binarize", "Positive cells", "Which cells count as sounding", &rules, true),
        truth,
        part(
            "success",
            "Success at",
            "cIoU from which on a map is right; several with commas",
            &["0.5", "0.3", "0.5,0.75"],
            true,
        ),
        part(
            "confidence",
            "Confidence",
            "The score that says whether anything visible sounds",
            &["top-quarter", "peak", "own"],
            false,
        ),
        part(
            "place",
            "Cropped maps",
            "Where the map of a model lies that sees a part of the frame",
            &["in-frame", "as-published"],
            false,
        ),
        part("side", "Grid", "Rows and columns on which is scored", &["224", "256"], true),
    ]
}

/// Draws the window of the parts; false when it was closed.
pub fn protocol_window_ui(ui: &Ui, state: &AppState, commands: &mut Vec<Command>) -> bool {
    let mut open = true;
    let window = egui::Window::new("Protocol").open(&mut open).resizable(false);
    window.show(ui.ctx(), |ui| protocol_parts_ui(ui, state, commands));
    open
}

/// A line a part: its value, a choice of others, and what differs from the published protocol.
fn protocol_parts_ui(ui: &mut Ui, state: &AppState, commands: &mut Vec<Command>) {
    let colors = theme::palette(ui.visuals());
    let base = state.known_protocol().map(|known| &known.protocol);
    let mut wanted: Option<(&'static str, String)> = None;
    Grid::new("protocol parts").num_columns(3).spacing([10.0, 6.0]).show(ui, |ui| {
        for part in parts() {
            let value = state.protocol.part(part.name);
            let changed = base.is_some_and(|base| base.part(part.name) != value);
            let title = RichText::new(part.title).color(if changed { colors.accent } else { colors.quiet_text });
            let title = ui.label(title).on_hover_text(part.meaning);
            let choice = ComboBox::from_id_salt(part.name).selected_text(&value).width(170.0).show_ui(ui, |ui| {
                for other in &part.values {
                    if ui.selectable_label(*other == value, other).clicked() {
                        wanted = Some((part.name, other.clone()));
                    }
                }
            });
            let label = format!("{}: {value}", part.title);
            choice.response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::ComboBox, true, &label));
            if part.typed {
                // What is being typed is kept until it is done, so that a half-written value changes nothing.
                let id = egui::Id::unique(("protocol part", part.name));
                let mut text: String = ui.data(|data| data.get_temp(id)).unwrap_or_else(|| value.clone());
                let edit =
                    ui.add(TextEdit::singleline(&mut text).desired_width(110.0).min_size(egui::Vec2::new(110.0, 0.0)));
                let edit = edit.on_hover_text("Another value; Enter sets it").labelled_by(title.id);
                if edit.lost_focus() {
                    if text.trim() != value {
                        wanted = Some((part.name, text.trim().to_owned()));
                    }
                    ui.data_mut(|data| data.remove::<String>(id));
                } else if edit.has_focus() {
                    ui.data_mut(|data| data.insert_temp(id, text));
                }
            } else {
                ui.label("");
            }
            ui.end_row();
        }
    });
    ui.separator();
    ui.horizontal(|ui| {
        ui.add(egui::Label::new(RichText::new(state.protocol.to_string()).font(theme::digits(11.0))).selectable(true));
        let differs = base.is_some_and(|base| *base != state.protocol);
        if ui.add_enabled(differs, egui::Button::new("As published")).clicked() {
            commands.push(Command::SetProtocol(state.protocol.id().to_owned()));
        }
    });
    if let Some((name, value)) = wanted {
        commands.push(with_part(&state.protocol, name, &value));
    }
}

/// The protocol with one part set. A value that the part cannot take is sent as it is, so that the message says so.
fn with_part(protocol: &Protocol, name: &str, value: &str) -> Command {
    let mut changed = protocol.clone();
    match changed.set(name, value) {
        Ok(()) => Command::SetProtocol(changed.to_string()),
        Err(_) => Command::SetProtocol(format!("{protocol}+{name}={value}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_offered_value_can_be_set_and_every_part_is_offered() {
        let protocol = crate::metrics::usual_protocol();
        let offered = parts();
        assert_eq!(offered.each_ref().map(|part| part.name), Protocol::PARTS);
        for part in &offered {
            for value in &part.values {
                let mut changed = protocol.clone();
                assert_eq!(changed.set(part.name, value), Ok(()), "{} {value}", part.name);
                assert_eq!(with_part(&protocol, part.name, value), Command::SetProtocol(changed.to_string()));
            }
        }
        let wrong = with_part(&protocol, "binarize", "best");
        assert_eq!(wrong, Command::SetProtocol("lvs+binarize=best".into()));
    }
}
