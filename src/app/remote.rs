//! What the control socket is told: the state as JSON, and pictures of the window.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use base64::Engine as _;
use crossbeam_channel::{Receiver, Sender, bounded};
use serde_json::{Value, json};

use super::ipc::{Pending, Request, Server};
use super::state::AppState;
use super::{App, info_by_name};

/// The control socket's side of the application.
pub struct Remote {
    server: Option<Server>,
    /// Clients that wait for a picture of the window.
    waiting: Vec<Pending>,
    /// Where the next picture is saved.
    pub save_to: Option<PathBuf>,
    pictures: Receiver<Arc<egui::ColorImage>>,
    sender: Sender<Arc<egui::ColorImage>>,
}

impl Remote {
    pub fn new(server: Option<Server>) -> Self {
        let (sender, pictures) = bounded(4);
        Self { server, waiting: Vec::new(), save_to: None, pictures, sender }
    }
}

impl App {
    /// Asks for a picture of the window; it comes with one of the next passes.
    pub(super) fn ask_for_picture(&mut self, context: &egui::Context) {
        let sender = self.remote.sender.clone();
        let wake = self.wake();
        let callback = egui::ScreenshotCallback::new(move |picture| {
            // A full channel means that pictures are waiting already.
            let _ = sender.try_send(picture);
            wake();
        });
        context.send_viewport_cmd(egui::ViewportCommand::Screenshot(callback));
    }

    /// Answers what came over the socket.
    pub(super) fn answer_remote(&mut self, context: &egui::Context) {
        while let Some(pending) = self.remote.server.as_ref().and_then(Server::poll) {
            match &pending.request {
                Request::State => {
                    // What was asked before holds in the answer, also if this pass has done nothing about it yet.
                    self.settle();
                    self.update_lanes();
                    let state = self.state_json();
                    pending.answer(json!({ "ok": true, "state": state }));
                }
                Request::Commands => {
                    let commands: Vec<Value> = super::COMMANDS
                        .iter()
                        .map(|info| json!({ "name": info.name, "title": info.title, "arguments": info.arguments }))
                        .collect();
                    pending.answer(json!({ "ok": true, "commands": commands }));
                }
                Request::Screenshot => {
                    self.ask_for_picture(context);
                    self.remote.waiting.push(pending);
                }
                Request::Command { name, arguments } => match info_by_name(name) {
                    None => {
                        let name = name.clone();
                        pending.refuse(format!("there is no command \"{name}\"; {{\"get\": \"commands\"}} lists them"));
                    }
                    Some(info) => match info.make(arguments) {
                        Some(command) => {
                            self.apply(command, context);
                            pending.done();
                        }
                        None => pending.refuse(format!("{} takes: {}", info.name, info.arguments)),
                    },
                },
            }
        }
        if let Ok(picture) = self.remote.pictures.try_recv() {
            let png = png_bytes(&picture);
            if let Some(path) = self.remote.save_to.take() {
                let saved = png.clone().and_then(|bytes| {
                    std::fs::write(&path, bytes).map_err(|error| format!("{error}: {}", path.display()))
                });
                match saved {
                    Ok(()) => self.state.notices.info(format!("Saved {}", path.display())),
                    Err(error) => self.state.notices.error(format!("The picture was not saved: {error}")),
                }
            }
            for pending in self.remote.waiting.drain(..) {
                match &png {
                    Ok(bytes) => pending.answer(json!({
                        "ok": true,
                        "width": picture.width(),
                        "height": picture.height(),
                        "png_base64": base64::engine::general_purpose::STANDARD.encode(bytes),
                    })),
                    Err(error) => pending.refuse(error.clone()),
                }
            }
        }
    }
}

fn png_bytes(picture: &egui::ColorImage) -> Result<Vec<u8>, String> {
    let rgba: Vec<u8> = picture.pixels.iter().flat_map(|pixel| [pixel.r(), pixel.g(), pixel.b(), 255]).collect();
    let size = |side: usize| u32::try_from(side).map_err(|_| "the window is too large".to_owned());
    let image = image::RgbaImage::from_raw(size(picture.width())?, size(picture.height())?, rgba)
        .ok_or("the picture is not whole")?;
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png).map_err(|error| error.to_string())?;
    Ok(bytes.into_inner())
}

/// What is on screen.
pub(super) fn state_json(state: &AppState) -> Value {
    let clip = state.open.as_ref().map(|open| {
        json!({
            "name": open.clip.name,
            "path": open.clip.media.picture().or(open.clip.media.sound()).map(|path| path.display().to_string()),
            "class": open.clip.class,
            "frame": open.frame,
            "frame_shown": open.shown_frame().map(|frame| frame.index),
            "frame_secs": open.frame_secs(open.frame),
            "frames": open.frame_count(),
            "duration_secs": open.duration_secs,
            "has_annotations": open.has_annotations(),
            "boxes_can_be_changed": state.editing.clip.is_some(),
            "box_is_chosen": state.editing.selected.is_some(),
            "boxes": open.boxes_at(open.frame).iter().map(|shown| json!({
                "left": shown.rect_fraction.left,
                "top": shown.rect_fraction.top,
                "right": shown.rect_fraction.right,
                "bottom": shown.rect_fraction.bottom,
                "label": shown.label,
                "sounding": shown.sounding,
            })).collect::<Vec<_>>(),
            "notes": open.notes,
            "scores": state.selected_clip.and_then(|index| state.clips.get(index)).map(|row| &row.scores),
        })
    });
    let models: Vec<Value> = state
        .models
        .iter()
        .enumerate()
        .map(|(index, slot)| {
            let answer = slot.loaded().and_then(|model| state.inference.nearest(model.key));
            let readout = state.readout(index);
            let failure = match &slot.state {
                super::state::ModelState::Failed(message) => Some(message.clone()),
                super::state::ModelState::Ready(model) => {
                    state.inference.failure(model.key).map(|message| message.to_string())
                }
                super::state::ModelState::Loading(_) => None,
            };
            json!({
                "id": slot.id(),
                "name": slot.name(),
                "spec": slot.spec,
                "variant": slot.variant.map(|variant| variant.id),
                "visible": slot.visible,
                "loaded": slot.loaded().is_some(),
                "failure": failure,
                "map_frame": answer.as_ref().map(|answer| answer.frame),
                "readout": readout.map(|readout| json!({
                    "frame": state.frame(),
                    "ciou": readout.ciou,
                    "verdict": readout.verdict.map(|verdict| super::inspector_panel::verdict_text(verdict).1),
                    "confidence": readout.confidence,
                    "threshold": readout.threshold,
                    "positive_share": readout.positive_share,
                    "degenerate": readout.degenerate,
                })),
            })
        })
        .collect();
    let position_read_at = state.playback_read_at.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    let counts = state.inference.counts();
    let coverage = state.coverage;
    json!({
        "clip": clip,
        "opening": state.opening_name,
        "open_failure": state.open_failure,
        "clips": state.clips.len(),
        "project": state.project.as_ref().map(|desk| json!({
            "path": desk.path().display().to_string(),
            "is_read": state.project_is_read,
        })),
        "scored_clips": state.clips.iter().filter(|row| row.scores.iter().any(Option::is_some)).count(),
        "review": state.selected_clip.and_then(|index| state.clips.get(index)?.review),
        "selected_clip": state.selected_clip.map(|index| index + 1),
        "playing": state.playback.playing,
        "frames_played": { "shown": state.frames_played.shown, "dropped": state.frames_played.dropped },
        "position_secs": state.playback.position_secs,
        "position_read_at_unix_secs": position_read_at,
        "speed": state.playback.speed,
        "volume": state.player.volume(),
        "muted": state.player.muted(),
        "loop": state.player.loop_secs().map(|(start, end)| [start, end]),
        "sound": {
            "choice": state.heard_choice().title(),
            "ready": state.heard_sound().is_some(),
            "shelf": state.shelf.iter().map(super::state::ShelfSound::title).collect::<Vec<_>>(),
            "holding_own": state.holding_own,
            "device": match &state.playback.device {
                crate::playback::Device::Named(name) => Some(name.to_string()),
                crate::playback::Device::Silent => None,
            },
        },
        "text": state.text,
        "view": state.view.stage.name(),
        "protocol": state.protocol.to_string(),
        "threshold": state.threshold,
        "audio_window": state.window_rule.name(),
        "models": models,
        "engine": {
            "image_encodings": counts.image_encodings,
            "query_encodings": counts.query_encodings,
            "joins": counts.joins,
            "scored": coverage.done,
            "wanted": coverage.wanted,
            "cache_bytes": state.inference.cache_bytes().0,
        },
        "jobs": state.jobs.views().iter().map(|job| json!({ "name": job.name, "progress": job.progress })).collect::<Vec<_>>(),
        "notices": state.notices.entries().iter().map(|notice| json!({
            "severity": notice.severity.name(),
            "text": notice.text,
            "times": notice.times,
        })).collect::<Vec<_>>(),
        "pass_ms": state.pass_ms,
        "adapter": state.adapter,
    })
}
