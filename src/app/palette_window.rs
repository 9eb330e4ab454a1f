//! The command palette: every command found by typing parts of its name.

use egui::{Align2, Key, Modifiers, RichText, ScrollArea, TextEdit, Vec2};
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use serde_json::Value;

use super::command::{COMMANDS, Command, info_by_name, shortcut_text};
use super::state::AppState;
use super::theme;
use crate::localizers::{registry, variants};

/// The palette while it is open.
#[derive(Default)]
pub struct PaletteWindow {
    query: String,
    selected: usize,
    /// The text was written by a choice, so the cursor belongs behind it.
    cursor_to_end: bool,
}

/// One thing that can be chosen.
struct Entry {
    title: String,
    detail: String,
    keys: String,
    action: Action,
}

/// What choosing an entry does.
enum Action {
    Send(Command),
    /// The command takes arguments: its name stands in the search field, to be completed.
    Complete(&'static str),
}

/// Shown at once; the rest is a word further typed.
const SHOWN: usize = 200;

impl PaletteWindow {
    /// Draws the palette. Returns the chosen command, if any, and whether it stays open.
    pub fn show(&mut self, ui: &mut egui::Ui, state: &AppState) -> (Option<Command>, bool) {
        let mut keep_open = true;
        let (mut chosen, mut completed) = (None, None);
        let (down, up, enter, escape) = ui.input_mut(|input| {
            (
                input.consume_key(Modifiers::NONE, Key::ArrowDown),
                input.consume_key(Modifiers::NONE, Key::ArrowUp),
                input.consume_key(Modifiers::NONE, Key::Enter),
                input.consume_key(Modifiers::NONE, Key::Escape),
            )
        });
        let mut entries = matching(entries(state), &self.query);
        entries.splice(0..0, with_arguments(&self.query));
        if down {
            self.selected += 1;
        }
        if up {
            self.selected = self.selected.saturating_sub(1);
        }
        self.selected = self.selected.min(entries.len().saturating_sub(1));

        let colors = theme::palette(ui.visuals());
        let window = egui::Window::new("Command palette")
            .title_bar(false)
            .resizable(false)
            .collapsible(false)
            .anchor(Align2::CENTER_TOP, Vec2::new(0.0, 72.0))
            .fixed_size(Vec2::new(540.0, 380.0));
        window.show(ui.ctx(), |ui| {
            let label = ui.label(RichText::new("Find a command").small().color(colors.quiet_text));
            let edit = ui
                .add(
                    TextEdit::singleline(&mut self.query)
                        .hint_text("Type a few letters")
                        .desired_width(f32::INFINITY)
                        .font(egui::TextStyle::Heading),
                )
                .labelled_by(label.id);
            if edit.changed() {
                self.selected = 0;
            }
            if std::mem::take(&mut self.cursor_to_end)
                && let Some(mut text) = egui::text_edit::TextEditState::load(ui.ctx(), edit.id)
            {
                let end = egui::text::CCursor::new(self.query.chars().count());
                text.cursor.set_char_range(Some(egui::text::CCursorRange::one(end)));
                text.store(ui.ctx(), edit.id);
            }
            // Asking for it in every pass would repaint without end.
            if !edit.has_focus() {
                edit.request_focus();
            }
            ui.add_space(4.0);
            ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 2.0;
                if entries.is_empty() {
                    ui.label(RichText::new("Nothing has that name").color(colors.quiet_text));
                }
                for (index, entry) in entries.iter().enumerate() {
                    let selected = index == self.selected;
                    let response = row_ui(ui, entry, selected);
                    if selected && (down || up) {
                        response.scroll_to_me(None);
                    }
                    if response.clicked() || (selected && enter) {
                        match &entry.action {
                            Action::Send(command) => chosen = Some(command.clone()),
                            Action::Complete(name) => completed = Some(*name),
                        }
                    }
                }
            });
        });
        if let Some(name) = completed {
            self.query = format!("{name} ");
            self.selected = 0;
            self.cursor_to_end = true;
        }
        if escape || chosen.is_some() {
            keep_open = false;
        }
        (chosen, keep_open)
    }
}

fn row_ui(ui: &mut egui::Ui, entry: &Entry, selected: bool) -> egui::Response {
    let colors = theme::palette(ui.visuals());
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), 28.0), egui::Sense::click());
    response.widget_info(|| egui::WidgetInfo::selected(egui::accesskit::Role::MenuItem, true, selected, &entry.title));
    if ui.is_rect_visible(rect) {
        if selected {
            ui.painter().rect_filled(rect, 6.0, ui.visuals().selection.bg_fill);
        } else if response.hovered() {
            ui.painter().rect_filled(rect, 6.0, ui.visuals().widgets.hovered.weak_bg_fill);
        }
        let inner = rect.shrink2(Vec2::new(10.0, 0.0));
        let painter = ui.painter().with_clip_rect(inner);
        let title =
            painter.text(inner.left_center(), Align2::LEFT_CENTER, &entry.title, theme::body(13.0), colors.text);
        painter.text(
            title.right_center() + Vec2::new(10.0, 0.0),
            Align2::LEFT_CENTER,
            &entry.detail,
            theme::body(11.0),
            colors.faint_text,
        );
        painter.text(inner.right_center(), Align2::RIGHT_CENTER, &entry.keys, theme::body(11.0), colors.quiet_text);
    }
    response
}

/// All that can be chosen now: the commands that need no arguments, and what the open things offer.
fn entries(state: &AppState) -> Vec<Entry> {
    let mut entries: Vec<Entry> = COMMANDS
        .iter()
        .filter(|info| info.is_complete())
        .filter_map(|info| {
            Some(Entry {
                title: info.title.to_owned(),
                detail: info.group.to_owned(),
                keys: info.keys.iter().map(shortcut_text).collect::<Vec<_>>().join("  "),
                action: Action::Send(info.make(&[])?),
            })
        })
        .collect();
    entries.extend(COMMANDS.iter().filter(|info| !info.is_complete()).map(|info| Entry {
        title: format!("{}…", info.title),
        detail: format!("{}: {} {}", info.group, info.name, info.arguments),
        keys: String::new(),
        action: Action::Complete(info.name),
    }));
    let mut add = |title: String, detail: &str, command| {
        entries.push(Entry { title, detail: detail.to_owned(), keys: String::new(), action: Action::Send(command) });
    };
    for known in crate::metrics::protocols() {
        let id = known.protocol.id().to_owned();
        add(format!("Protocol: {}", known.label), "Scoring", Command::SetProtocol(id));
    }
    for (index, slot) in state.models.iter().enumerate() {
        add(format!("Remove {}", slot.name()), "Models", Command::RemoveModel(index));
        add(format!("Show {} alone", slot.name()), "Models", Command::SoloModel(index));
    }
    for (index, slot) in state.models.iter().enumerate() {
        let Some(system) = slot.system else { continue };
        let variants = variants::variants(system.id);
        if slot.variant.is_some() {
            add(format!("{}: usual form", system.name), "Models", Command::SetVariant(index, None));
        }
        for variant in variants.iter().filter(|variant| slot.variant != Some(variant)) {
            let command = Command::SetVariant(index, Some(variant.id.to_owned()));
            add(format!("{}: {}", system.name, variant.title), "Models", command);
        }
    }
    for system in registry::systems().iter().filter(|system| state.opens_by_id(system)) {
        add(format!("Load {}", system.name), "Models", Command::AddModel(system.id.to_owned()));
    }
    for model in state.named_models() {
        add(format!("Load {} ({})", model.id, model.card.name), "Models", Command::AddModel(model.id.clone()));
    }
    for map in crate::render::Colormap::ALL {
        add(format!("Colour map: {}", map.name()), "View", Command::SetColourMap(map.name().to_owned()));
    }
    for path in &state.settings.recent {
        add(format!("Open {}", path.display()), "Recent", Command::OpenPath(path.clone()));
    }
    for (index, clip) in state.clips.iter().enumerate().take(SHOWN) {
        add(format!("Clip: {}", clip.clip.name), "Clips", Command::SelectClip(index));
    }
    entries
}

/// A command that is typed whole, by its name and arguments.
fn with_arguments(query: &str) -> Option<Entry> {
    let (name, rest) = query.trim_start().split_once(char::is_whitespace)?;
    let info = info_by_name(name).filter(|info| !info.is_complete())?;
    let rest = rest.trim();
    let several = info.arguments.contains(' ');
    let arguments: Vec<Value> =
        if several { rest.split_whitespace().map(Value::from).collect() } else { vec![Value::from(rest)] };
    let command = info.make(&arguments).filter(|_| !rest.is_empty())?;
    let title = format!("{}: {rest}", info.title);
    Some(Entry { title, detail: info.group.to_owned(), keys: String::new(), action: Action::Send(command) })
}

/// Those whose title or group fit the query, the best first; all in their own order without a query.
fn matching(mut entries: Vec<Entry>, query: &str) -> Vec<Entry> {
    if query.trim().is_empty() {
        entries.truncate(SHOWN);
        return entries;
    }
    let mut matcher = Matcher::new(Config::DEFAULT);
    let pattern = Pattern::parse(query, CaseMatching::Ignore, Normalization::Smart);
    let mut buffer = Vec::new();
    let mut scored: Vec<(u32, Entry)> = entries
        .into_iter()
        .filter_map(|entry| {
            let text = format!("{} {}", entry.title, entry.detail);
            let score = pattern.score(Utf32Str::new(&text, &mut buffer), &mut matcher)?;
            Some((score, entry))
        })
        .collect();
    scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    scored.into_iter().take(SHOWN).map(|(_, entry)| entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(title: &str) -> Entry {
        Entry {
            title: title.into(),
            detail: String::new(),
            keys: String::new(),
            action: Action::Send(Command::TogglePlay),
        }
    }

    #[test]
    fn a_command_typed_whole_has_its_arguments() {
        let typed = |query: &str| match with_arguments(query)?.action {
            Action::Send(command) => Some(command),
            Action::Complete(_) => None,
        };
        assert_eq!(typed("text a dog  barking"), Some(Command::SetText("a dog  barking".into())));
        assert_eq!(typed("seek 3.5"), Some(Command::SeekSecs(3.5)));
        assert_eq!(typed("loop 1 2"), Some(Command::SetLoop(Some((1.0, 2.0)))));
        assert_eq!(typed("model-variant 2 momentum"), Some(Command::SetVariant(1, Some("momentum".into()))));
        assert_eq!(typed("seek now"), None);
        assert_eq!(typed("play 1"), None);
    }

    #[test]
    fn parts_of_a_name_find_it() {
        let found = matching(vec![entry("Next frame"), entry("Play or pause"), entry("Previous frame")], "nxfr");
        assert_eq!(found.iter().map(|entry| entry.title.as_str()).collect::<Vec<_>>(), ["Next frame"]);
        assert!(matching(vec![entry("Play")], "zebra").is_empty());
    }
}
