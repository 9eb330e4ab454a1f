//! The one place that carries commands out.

use std::path::PathBuf;
use std::sync::Arc;

use egui::ViewportCommand;

use super::command::{Command, StageView};
use super::{App, Dialog};
use crate::engine::SoundChoice;
use crate::geometry::Point;

const SPEEDS: [f64; 8] = [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 4.0];
const MOST_ZOOM: f64 = 32.0;

impl App {
    pub(super) fn apply(&mut self, command: Command, context: &egui::Context) {
        match command {
            Command::OpenDialog => self.ask(Dialog::Open),
            Command::OpenFolderDialog => self.ask(Dialog::OpenFolder),
            Command::AddAnnotationsDialog => self.ask(Dialog::Annotations),
            Command::AddModelDialog => self.ask(Dialog::Model),
            Command::AddSoundDialog => self.ask(Dialog::Sound),
            Command::SaveScreenshotDialog => self.ask(Dialog::SaveScreenshot),
            Command::OpenPath(path) => self.open_path(path),
            Command::OpenDemo => self.open_demo(),
            Command::AddAnnotations(path) => self.add_annotations(path),
            Command::AddModel(spec) => self.add_model(&spec),
            Command::RemoveModel(index) => self.remove_model(index),
            Command::SetVariant(index, variant) => self.set_variant(index, variant.as_deref()),
            Command::ToggleModel(index) => {
                if let Some(slot) = self.state.models.get_mut(index) {
                    slot.visible = !slot.visible;
                    self.wish_changed = true;
                }
            }
            Command::SoloModel(index) => {
                for (place, slot) in self.state.models.iter_mut().enumerate() {
                    slot.visible = place == index;
                }
                self.wish_changed = true;
            }

            Command::TogglePlay => self.toggle_play(),
            Command::Pause => self.state.player.pause(),
            Command::StepFrames(count) => {
                let frame = self.state.frame().saturating_add_signed(count as isize);
                self.pause_at_frame(frame);
            }
            Command::StepSecs(secs) => {
                let here = self.state.playback.position_secs;
                self.seek(here + secs);
            }
            Command::SeekSecs(secs) => self.seek(secs),
            Command::SeekFrame(frame) => self.pause_at_frame(frame),
            Command::SeekStart => self.seek(0.0),
            Command::SeekEnd => {
                let last = self.state.open.as_ref().map_or(0, |open| open.frame_count().saturating_sub(1));
                self.pause_at_frame(last);
            }
            Command::ShuttleBackward => self.shuttle(-1.0),
            Command::ShuttleForward => self.shuttle(1.0),
            Command::ShuttleStop => {
                self.state.player.pause();
                self.state.player.set_speed(1.0);
            }
            Command::SetSpeed(speed) => self.state.player.set_speed(speed),
            Command::SpeedUp => self.change_speed(|current, offered| offered > current + 1e-9, false),
            Command::SlowDown => self.change_speed(|current, offered| offered < current - 1e-9, true),
            Command::SetVolume(volume) => {
                self.state.player.set_muted(false);
                self.state.player.set_volume(volume);
                self.state.settings.volume = self.state.player.volume();
            }
            Command::ToggleMute => {
                let muted = self.state.player.muted();
                self.state.player.set_muted(!muted);
            }
            Command::LoopFromHere => self.loop_edge(true),
            Command::LoopToHere => self.loop_edge(false),
            Command::SetLoop(region) => self.state.player.set_loop(region),

            Command::SetSound(choice) => self.set_sound(choice),
            Command::SetText(text) => {
                self.wish_changed |= self.state.text != text;
                self.state.text = text;
            }
            Command::FocusSoundShelf => self.inspector.focus_shelf = true,
            Command::SetSoundOfClip(index) => self.set_sound_of_clip(index),
            Command::HoldOwnSound(hold) => {
                if self.state.holding_own != hold {
                    self.state.holding_own = hold;
                    self.sound_changed = true;
                }
            }

            Command::SetView(view) => self.set_view(view),
            Command::NextView => {
                let place = StageView::ALL.iter().position(|view| *view == self.state.view.stage).unwrap_or(0);
                if let Some(view) = StageView::ALL.get((place + 1) % StageView::ALL.len()) {
                    self.set_view(*view);
                }
            }
            Command::SetOpacity(opacity) => {
                self.state.view.opacity = opacity.clamp(0.0, 1.0);
                self.state.settings.opacity = self.state.view.opacity;
            }
            Command::SetColourMap(name) => {
                if crate::render::Colormap::from_name(&name).is_some() {
                    self.state.view.colour_map.clone_from(&name);
                    self.state.settings.colour_map = name;
                } else {
                    self.state.notices.error(format!("There is no colour map called {name}"));
                }
            }
            Command::ToggleBoxes => {
                self.state.view.show_boxes = !self.state.view.show_boxes;
                self.state.settings.show_boxes = self.state.view.show_boxes;
            }
            Command::ToggleContours => {
                self.state.view.show_contours = !self.state.view.show_contours;
                self.state.settings.show_contours = self.state.view.show_contours;
            }
            Command::ZoomStage(factor) => {
                self.state.view.zoom = (self.state.view.zoom * factor).clamp(1.0, MOST_ZOOM);
                if self.state.view.zoom == 1.0 {
                    self.state.view.anchor = Point::new(0.5, 0.5);
                }
            }
            Command::PanStage(x, y) => {
                // The anchor stays in place when zooming, so moving the picture right moves the anchor left.
                let scale = 1.0 / (400.0 * (self.state.view.zoom - 1.0).max(0.1));
                let anchor = &mut self.state.view.anchor;
                anchor.x = (anchor.x - f64::from(x) * scale).clamp(0.0, 1.0);
                anchor.y = (anchor.y - f64::from(y) * scale).clamp(0.0, 1.0);
            }
            Command::FitStage => {
                self.state.view.zoom = 1.0;
                self.state.view.anchor = Point::new(0.5, 0.5);
            }
            Command::SetDivider(divider) => self.state.view.divider = divider.clamp(0.0, 1.0),

            Command::SetProtocol(text) => match text.parse() {
                Ok(protocol) => {
                    self.state.settings.protocol = text;
                    self.state.protocol = protocol;
                    self.state.threshold = None;
                    self.scoring_changed = true;
                }
                Err(error) => self.state.notices.error(format!("{error}")),
            },
            Command::SetThreshold(threshold) => {
                self.state.threshold = threshold.filter(|value| value.is_finite());
                self.scoring_changed = true;
            }
            Command::SetWindowRule(rule) => {
                self.state.window_rule = rule;
                self.wish_changed = true;
            }

            Command::SelectClip(index) => self.select_clip(index),
            Command::NextClip => self.step_clip(1),
            Command::PreviousClip => self.step_clip(-1),
            Command::ToggleDrawing => self.toggle_drawing(),
            Command::AddBox(rect) => self.add_box(rect),
            Command::SelectBox(fact) => self.state.editing.selected = fact,
            Command::SetBox(fact, rect) => self.set_box(fact, rect),
            Command::LabelBox(fact, label) => self.label_box(fact, &label),
            Command::SetBoxSounding(fact, sounding) => self.set_box_sounding(fact, sounding),
            Command::DeleteBox => self.delete_box(),
            Command::Undo => self.undo(false),
            Command::Redo => self.undo(true),
            Command::SaveProjectDialog => self.ask(Dialog::SaveProject),
            Command::SaveProject(path) => self.save_project(path),
            Command::Review(verdict) => self.review(verdict),

            Command::TourStart => self.tour = Some(super::tour::Tour::default()),
            Command::TourNext | Command::TourEnd => {
                let ended = command == Command::TourEnd;
                self.tour = self.tour.filter(|_| !ended).and_then(super::tour::Tour::next);
                self.state.settings.tour_done |= self.tour.is_none();
            }

            Command::TogglePalette => {
                self.palette = if self.palette.is_some() { None } else { Some(Default::default()) };
            }
            Command::ToggleProtocolParts => self.show_protocol = !self.show_protocol,
            Command::ToggleReport => self.report.open = !self.report.open,
            Command::ToggleKeys => self.show_keys = !self.show_keys,
            Command::ToggleNotices => {
                self.show_notices = !self.show_notices;
                self.state.notices.mark_seen();
            }
            Command::CopyNotices => context.copy_text(self.state.notices.text()),
            Command::CopyReadouts => context.copy_text(self.readouts_text()),
            Command::SetTheme(choice) => {
                self.state.settings.theme = choice;
                context.set_theme(choice.preference());
            }
            Command::ToggleTheme => {
                use super::theme::ThemeChoice;
                let dark = context.theme() == egui::Theme::Dark;
                self.apply(Command::SetTheme(if dark { ThemeChoice::Light } else { ThemeChoice::Dark }), context);
            }
            Command::ResetLayout => self.tree = super::layout::default_tree(),
            Command::ToggleFullscreen => {
                let fullscreen = context.input(|input| input.viewport().fullscreen.unwrap_or(false));
                context.send_viewport_cmd(ViewportCommand::Fullscreen(!fullscreen));
            }
            Command::CancelJob(id) => self.state.jobs.cancel(id),
            Command::Quit => context.send_viewport_cmd(ViewportCommand::Close),
        }
    }

    fn set_view(&mut self, view: StageView) {
        self.state.view.stage = view;
        self.state.settings.view = view;
    }

    fn toggle_play(&mut self) {
        if self.state.open.is_some() {
            self.state.player.toggle();
        }
    }

    /// Goes to a time; the frame on screen is the one of that time.
    pub(super) fn seek(&mut self, secs: f64) {
        let Some(open) = &self.state.open else { return };
        let secs = secs.clamp(0.0, open.duration_secs);
        self.state.player.seek(secs);
        self.state.frames_played.jump();
        self.state.player.scrub_snippet(secs);
        // The next command of the same pass starts from here.
        self.update_clock();
    }

    /// Stops at exactly this frame: at its own presentation time.
    pub(super) fn pause_at_frame(&mut self, frame: usize) {
        let Some(open) = &self.state.open else { return };
        let secs = open.frame_secs(frame.min(open.frame_count().saturating_sub(1)));
        self.state.player.pause();
        self.state.player.seek(secs);
        self.state.player.scrub_snippet(secs);
        // The next command of the same pass starts from here.
        self.update_clock();
    }

    /// J and L: each press in the same direction doubles the speed.
    fn shuttle(&mut self, direction: f64) {
        let state = &mut self.state;
        let current = state.playback.speed;
        let speed = if state.playback.playing && current * direction > 0.0 { current * 2.0 } else { direction };
        state.player.set_speed(speed.clamp(-4.0, 4.0));
        state.player.play();
    }

    fn change_speed(&mut self, fits: impl Fn(f64, f64) -> bool, from_above: bool) {
        let current = self.state.playback.speed.abs();
        let mut offered = SPEEDS.into_iter().filter(|offered| fits(current, *offered));
        let next = if from_above { offered.next_back() } else { offered.next() };
        if let Some(speed) = next {
            self.state.player.set_speed(speed);
        }
    }

    fn loop_edge(&mut self, is_start: bool) {
        let Some(open) = &self.state.open else { return };
        let here = self.state.playback.position_secs;
        let (start, end) = self.state.player.loop_secs().unwrap_or((0.0, open.duration_secs));
        let region = if is_start {
            (here, if end > here { end } else { open.duration_secs })
        } else {
            (if start < here { start } else { 0.0 }, here)
        };
        self.state.player.set_loop(Some(region));
    }

    fn set_sound(&mut self, choice: SoundChoice) {
        if !self.state.shelf.iter().any(|sound| sound.choice == choice) {
            self.state.shelf.push(super::state::ShelfSound::new(choice.clone()));
        }
        if self.state.sound_choice != choice {
            self.state.sound_choice = choice;
            self.sound_changed = true;
        }
    }

    /// Hears another clip's sound with this one.
    fn set_sound_of_clip(&mut self, index: usize) {
        let Some(row) = self.state.clips.get(index) else { return };
        match row.clip.media.sound().map(PathBuf::from) {
            _ if self.state.selected_clip == Some(index) => self.set_sound(SoundChoice::Own),
            Some(path) => self.set_sound(SoundChoice::File(path)),
            None => self.state.notices.warn(format!("{} has no sound", row.clip.name)),
        }
    }

    pub(super) fn step_clip(&mut self, step: isize) {
        if let Some(index) = self.clips.neighbour(&self.state, step) {
            self.select_clip(index);
        }
    }

    /// Opens what was dropped or chosen: a checkpoint becomes a model, everything else a clip or annotations.
    pub(super) fn open_dropped(&mut self, path: PathBuf) {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
        match extension.as_deref() {
            Some("pth" | "pt" | "tar" | "ckpt" | "safetensors" | "npz" | "onnx" | "toml") => {
                self.add_model_files(vec![path])
            }
            Some("json" | "xml" | "csv") if self.state.open.is_some() => self.add_annotations(path),
            _ => self.open_path(path),
        }
    }

    fn readouts_text(&self) -> String {
        let mut text = "model\tprotocol\tframe\tcIoU\tverdict\tthreshold\tsound\n".to_string();
        for (index, slot, _) in self.state.visible_models() {
            let Some(readout) = self.state.readout(index) else { continue };
            let ciou = readout.ciou.map(|ciou| format!("{ciou:.6}")).unwrap_or_default();
            let verdict =
                readout.verdict.map(|verdict| super::inspector_panel::verdict_text(verdict).1).unwrap_or_default();
            text.push_str(&format!(
                "{}\t{}\t{}\t{ciou}\t{verdict}\t{:.6}\t{}\n",
                slot.id(),
                self.state.protocol,
                self.state.frame(),
                readout.threshold,
                self.state.heard_choice().title()
            ));
        }
        text
    }

    pub(super) fn wake(&self) -> crate::engine::Wake {
        Arc::clone(&self.state.wake)
    }
}
