//! What happens once a pass, before anything is drawn: results of jobs come in, the clock moves, wishes go out.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::kept_scores::mean_of;
use super::open_clip::{self, OwnSound};
use super::sound_picture::SoundPicture;
use super::state::{AppState, ModelSlot, ModelState, ShelfSound, ShelfState};
use super::{App, Command, Dialog, layout};
use crate::engine::{Job, LoadedModel, Scoring, Sound, SoundChoice, TruthTrack};
use crate::localizers::{store, variants};
use crate::media::Direction;

/// Sound alone and stills last as long as their sound; without any, this long.
const STILL_SECS: f64 = 5.0;
/// How often models are asked whether their answers changed.
const LIVE_CHECK: Duration = Duration::from_secs(1);

impl App {
    pub(super) fn ask(&mut self, dialog: Dialog) {
        let wake = self.wake();
        if !self.dialogs.ask(dialog, wake) {
            self.state.notices.info("A file dialog is open already");
        }
    }

    /// Once a pass: everything that arrived, then the clock.
    pub(super) fn update(&mut self, context: &egui::Context) {
        self.answer_remote(context);
        if let Some((dialog, paths)) = self.dialogs.poll() {
            self.dialog_answered(dialog, paths, context);
        }
        self.update_opening();
        self.update_demo();
        self.update_project();
        self.update_annotations();
        self.update_recognition();
        self.update_models(context);
        self.update_sounds();
        self.settle();
        self.update_kept_scores();
        self.update_lanes();
    }

    fn dialog_answered(&mut self, dialog: Dialog, paths: Vec<PathBuf>, context: &egui::Context) {
        if dialog == Dialog::Model && paths.len() > 1 {
            self.add_model_files(paths);
            return;
        }
        let Some(path) = paths.into_iter().next() else { return };
        match dialog {
            Dialog::Open | Dialog::OpenFolder => self.open_path(path),
            Dialog::Annotations => self.add_annotations(path),
            Dialog::Model => self.add_model_files(vec![path]),
            Dialog::Sound => self.apply(Command::SetSound(SoundChoice::File(path)), context),
            Dialog::SaveProject => self.save_project(path),
            Dialog::SaveScreenshot => {
                self.remote.save_to = Some(path);
                self.ask_for_picture(context);
            }
        }
    }

    fn update_models(&mut self, context: &egui::Context) {
        if let Some(outcome) = self.state.shelf_job.as_ref().and_then(Job::poll) {
            self.state.shelf_job = None;
            self.state.stored_models = outcome.unwrap_or_default();
            if std::mem::take(&mut self.demo_models_wanted) {
                self.add_demo_models();
            }
        }
        for slot in &mut self.state.models {
            if let ModelState::Ready(model) = &slot.state {
                let version = model.localizer.version();
                self.wish_changed |= version != slot.answers_version;
                slot.answers_version = version;
                // What can change is asked again, also while nothing else happens.
                if version != 0 && slot.visible {
                    context.request_repaint_after(LIVE_CHECK);
                }
            }
            let ModelState::Loading(job) = &slot.state else { continue };
            let Some(outcome) = job.poll() else { continue };
            slot.state = match outcome.map_err(|error| error.to_string()).and_then(|result| result) {
                Ok((localizer, weights)) => {
                    slot.weights = weights;
                    slot.system = Some(localizer.info().system);
                    slot.name = ModelSlot::name_of(&slot.spec, slot.system, Some(localizer.name()));
                    slot.variant =
                        slot.system.and_then(|system| variants::find(system.id, store::spec_variant(&slot.spec)?));
                    ModelState::Ready(LoadedModel::new(Arc::from(localizer)))
                }
                Err(error) => {
                    self.state.notices.error(format!("{}: {error}", slot.spec));
                    ModelState::Failed(error)
                }
            };
            self.wish_changed = true;
        }
    }

    fn update_sounds(&mut self) {
        let state = &mut self.state;
        let Some(open) = &mut state.open else { return };
        if let OwnSound::Loading(job) = &open.own_sound
            && let Some(outcome) = job.poll()
        {
            open.own_sound = match outcome.map_err(|error| error.to_string()).and_then(|result| result) {
                Ok(Some(sound)) => {
                    sound.notes.iter().for_each(|note| state.notices.info(note.clone()));
                    OwnSound::Ready(Arc::new(sound))
                }
                Ok(None) => OwnSound::None,
                Err(error) => {
                    state.notices.error(error.clone());
                    OwnSound::Failed(error)
                }
            };
            self.sound_changed = true;
        }
        let Some(open) = &mut self.state.open else { return };
        if let Some(outcome) = open.thumbnail_job.as_ref().and_then(Job::poll) {
            open.thumbnails = outcome.unwrap_or_default();
            open.thumbnail_job = None;
        }
        if open.duration_secs <= 0.0 && !matches!(open.own_sound, OwnSound::Loading(_)) {
            open.duration_secs = match &open.own_sound {
                OwnSound::Ready(sound) => sound.end_secs(),
                OwnSound::None | OwnSound::Failed(_) | OwnSound::Loading(_) => STILL_SECS,
            };
            let duration = open.duration_secs;
            self.state.player.set_track(None, 0.0, duration);
            self.sound_changed = true;
            self.scoring_changed = true;
        }
        for sound in &mut self.state.shelf {
            let ShelfState::Loading(job) = &sound.state else { continue };
            let Some(outcome) = job.poll() else { continue };
            sound.state = match outcome.map_err(|error| error.to_string()).and_then(|result| result) {
                Ok(laid) => ShelfState::Ready(Arc::new(laid)),
                Err(error) => {
                    self.state.notices.error(error.clone());
                    ShelfState::Failed(error)
                }
            };
            self.sound_changed = true;
        }
        let done: Vec<_> = self.state.picture_jobs.iter().filter_map(|(key, job)| Some((*key, job.poll()?))).collect();
        for (key, outcome) in done {
            self.state.picture_jobs.remove(&key);
            if let Ok(Some(picture)) = outcome {
                self.state.sound_pictures.insert(key, Arc::new(picture));
            }
        }
    }

    /// Takes over where the player stands: the frame on screen is the one of that time.
    pub(super) fn update_clock(&mut self) {
        let state = &mut self.state;
        let was_playing = state.playback.playing;
        state.read_playback();
        self.wish_changed |= was_playing != state.playback.playing;
        for notice in state.playback.notices.iter().skip(state.playback_notices) {
            state.notices.warn(notice.clone());
        }
        state.playback_notices = state.playback.notices.len();
        let position = state.playback.position_secs;
        let Some(open) = &mut state.open else { return };
        let frame = open.frame_at(position);
        if frame != open.frame {
            open.frame = frame;
            self.wish_changed = true;
        }
    }

    /// Takes over how far the engine is. Its progress is read first, so that what is told to be done is there.
    pub(super) fn update_lanes(&mut self) {
        let inference = &self.state.inference;
        self.state.coverage = inference.coverage();
        let mut changed = false;
        for slot in &mut self.state.models {
            let ModelState::Ready(model) = &slot.state else { continue };
            let version = inference.lane(model.key, slot.lane_version, &mut slot.lane);
            changed |= version != slot.lane_version;
            slot.lane_version = version;
        }
        // The list tells what the models make of a clip as it is.
        if !changed || self.state.heard_choice() != SoundChoice::Own {
            return;
        }
        let scores: Vec<Option<f64>> =
            self.state.models.iter().map(|slot| mean_of(&slot.lane, |found| found.ciou)).collect();
        if let Some(row) = self.state.selected_clip.and_then(|index| self.state.clips.get_mut(index)) {
            row.scores = scores;
            self.state.scores_version += 1;
            self.keep_scores();
        }
    }

    /// Tells the player and the engine what changed. Before the panels are drawn and again after their commands, so
    /// that nothing waits for the drawing.
    pub(super) fn settle(&mut self) {
        self.update_clock();
        if self.sound_changed {
            self.sound_changed = false;
            self.lay_sound();
            self.wish_changed = true;
        }
        if self.scoring_changed {
            self.scoring_changed = false;
            self.state.rescore();
            self.wish_changed = true;
        }
        if self.wish_changed {
            self.wish_changed = false;
            if let Some(open) = &self.state.open
                && let Some(server) = &open.server
            {
                server.set_direction(match (self.state.playback.playing, self.state.playback.speed >= 0.0) {
                    (false, _) => Direction::Still,
                    (true, true) => Direction::Forward,
                    (true, false) => Direction::Backward,
                });
                server.wish(open.frame);
            }
            self.state.send_wish();
        }
    }

    /// Lays the sound that should be heard on the clip, or starts to, and gives it to the player.
    fn lay_sound(&mut self) {
        let choice = self.state.heard_choice();
        let state = &mut self.state;
        let Some(open) = &state.open else { return };
        let duration = open.duration_secs;
        if duration <= 0.0 {
            return;
        }
        let own = match &open.own_sound {
            OwnSound::Ready(sound) => Some(Arc::clone(sound)),
            OwnSound::Loading(_) | OwnSound::None | OwnSound::Failed(_) => None,
        };
        let own_settled = !matches!(open.own_sound, OwnSound::Loading(_));
        let Some(shelf) = state.shelf.iter_mut().find(|sound| sound.choice == choice) else { return };
        if matches!(shelf.state, ShelfState::Idle) {
            start_laying(shelf, &state.jobs, own, own_settled, duration);
        }
        if let Some(sound) = self.state.heard_sound() {
            self.state.player.set_sound(Some(Arc::clone(&sound.track)), 0.0);
            self.state.want_picture(&sound);
        } else {
            self.state.player.set_sound(None, 0.0);
        }
    }

    /// When the frame after the one that is due is due; `None` while nothing plays.
    pub(super) fn until_next_frame(&self) -> Option<Duration> {
        let playback = &self.state.playback;
        let open = self.state.open.as_ref().filter(|_| playback.playing)?;
        let next = if playback.speed >= 0.0 { open.frame + 1 } else { open.frame.saturating_sub(1) };
        let secs = if next < open.frame_count() {
            (open.frame_secs(next) - playback.position_secs) / playback.speed
        } else {
            0.1
        };
        Some(Duration::from_secs_f64(if secs.is_finite() { secs.clamp(0.002, 0.25) } else { 0.05 }))
    }

    pub(super) fn save_settings(&mut self) {
        self.state.settings.layout = layout::save(&self.tree);
        self.state.settings.models = self
            .state
            .models
            .iter()
            .filter(|slot| !matches!(slot.state, ModelState::Failed(_)))
            .map(|slot| slot.spec.clone())
            .collect();
        if let Some(path) = self.state.settings_path.clone()
            && let Err(error) = self.state.settings.save(&path)
        {
            log::error!("{error}");
        }
    }
}

fn start_laying(
    shelf: &mut ShelfSound,
    jobs: &crate::engine::Jobs,
    own: Option<Arc<crate::media::Soundtrack>>,
    own_settled: bool,
    duration: f64,
) {
    let name = format!("Laying {}", shelf.choice.title());
    shelf.state = match shelf.choice.clone() {
        SoundChoice::Own => match own {
            Some(sound) => ShelfState::Loading(
                jobs.spawn(name, move |_| Ok(Sound::own(&sound.waveform, sound.start_secs, duration))),
            ),
            // A clip without sound: nothing is heard, and the models are asked with silence.
            None if own_settled => ShelfState::Loading(jobs.spawn(name, move |_| Ok(Sound::silence_as_own(duration)))),
            None => ShelfState::Idle,
        },
        SoundChoice::Silence => ShelfState::Loading(jobs.spawn(name, move |_| Ok(Sound::silence(duration)))),
        SoundChoice::Noise => ShelfState::Loading(jobs.spawn(name, move |_| Ok(Sound::noise(duration)))),
        SoundChoice::File(path) => ShelfState::Loading(jobs.spawn(name, move |control| {
            let sound = open_clip::read_sound(&path, control)?
                .ok_or_else(|| format!("there is no sound in it: {}", path.display()))?;
            Ok(Sound::foreign(SoundChoice::File(path), &sound.waveform, duration))
        })),
    };
}

impl AppState {
    /// Builds the scoring of the open clip anew: another protocol, threshold or truth.
    fn rescore(&mut self) {
        let Some(open) = &self.open else {
            self.scoring = None;
            return;
        };
        let protocol = self.protocol.for_benchmark(self.benchmark_rule);
        let truth = match open.annotations() {
            Some(annotations) => {
                TruthTrack::new(annotations, &open.frame_times(), open.duration_secs, protocol.truth, protocol.side)
            }
            None => TruthTrack::none(),
        };
        self.scoring = Some(Arc::new(Scoring::new(protocol, self.threshold, Arc::new(truth))));
    }

    /// Starts the timeline's picture of a sound unless it is there or on its way.
    fn want_picture(&mut self, sound: &Arc<Sound>) {
        if self.sound_pictures.contains_key(&sound.key) || self.picture_jobs.contains_key(&sound.key) {
            return;
        }
        let track = Arc::clone(&sound.track);
        self.next_picture += 1;
        let number = self.next_picture;
        let job = self.jobs.spawn("Spectrum", move |control| SoundPicture::new(number, &track, control));
        self.picture_jobs.insert(sound.key, job);
    }
}
