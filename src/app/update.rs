//! What happens once a pass, before anything is drawn: results of jobs come in, the clock moves, wishes go out.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::open_clip::{self, OpenClip, Opened, OwnSound, clip_stem};
use super::sound_picture::SoundPicture;
use super::state::{AppState, ClipRow, ModelSlot, ModelState, ShelfSound, ShelfState};
use super::{App, Command, Dialog, layout};
use crate::dataset::project::Source;
use crate::dataset::{self, ClipAnnotations, Dataset, DatasetError, FileKind};
use crate::engine::{Job, JobControl, LaneValue, LoadedModel, Scoring, Sound, SoundChoice, TruthTrack};
use crate::localizers::{store, variants};
use crate::media::Direction;
use crate::metrics::GroundTruthRule;
use crate::soundstage::{DEMO_CLIPS, demo_path};

/// What is being opened.
pub enum Opening {
    Path(Job<Result<Found, String>>),
    Clip(Job<Result<Opened, String>>),
    Demo(Job<Result<PathBuf, String>>),
}

/// What a path turned out to be.
pub enum Found {
    Dataset(Box<Dataset>),
    Project(PathBuf),
}

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

    /// Opens a file, a folder or a dataset.
    pub(super) fn open_path(&mut self, path: PathBuf) {
        self.demo_rest = None;
        self.state.settings.remember(&path);
        self.start_opening(&path);
    }

    fn start_opening(&mut self, path: &Path) {
        let name =
            path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
        self.state.opening_name = Some(name.clone());
        let path = path.to_owned();
        let job =
            self.state.jobs.spawn(format!("Opening {name}"), move |_| found(path).map_err(|error| error.to_string()));
        self.opening = Some(Opening::Path(job));
    }

    /// Opens the clip that the program makes itself.
    pub(super) fn open_demo(&mut self) {
        self.demo_rest = None;
        self.state.opening_name = Some("the demo".into());
        let job = self.state.jobs.spawn("Making the demo", |control| demo_clip(0, control));
        self.opening = Some(Opening::Demo(job));
    }

    /// The demo's other clips come to the list one by one, while the first is looked at already.
    fn make_demo_clip(&mut self, place: usize) {
        if place < DEMO_CLIPS {
            let job = self.state.jobs.spawn("Making the demo's other clips", move |control| {
                let path = demo_clip(place, control)?;
                dataset::open(&path).map_err(|error| error.to_string())
            });
            self.demo_rest = Some((place, job));
        }
    }

    fn update_demo(&mut self) {
        // Whatever is being opened takes the list's place first.
        if matches!(self.opening, Some(Opening::Path(_) | Opening::Demo(_))) {
            return;
        }
        let Some((place, outcome)) = self.demo_rest.as_ref().and_then(|(place, job)| Some((*place, job.poll()?)))
        else {
            return;
        };
        self.demo_rest = None;
        match outcome.map_err(|error| error.to_string()).and_then(|result| result) {
            Ok(made) => {
                self.state.dataset_name = "demo".into();
                self.state.clips.extend(made.clips.into_iter().map(ClipRow::loose));
                self.state.dataset_version += 1;
                self.make_demo_clip(place + 1);
            }
            Err(error) => self.state.notices.warn(error),
        }
    }

    /// Loads annotations for the clips that are listed, by their names.
    pub(super) fn add_annotations(&mut self, path: PathBuf) {
        let job_path = path.clone();
        let job = self
            .state
            .jobs
            .spawn("Reading annotations", move |_| dataset::open(&job_path).map_err(|error| error.to_string()));
        self.state.annotation_jobs.push(job);
    }

    pub(super) fn select_clip(&mut self, index: usize) {
        let Some(row) = self.state.clips.get(index) else { return };
        if self.state.selected_clip == Some(index) && self.state.open.is_some() {
            return;
        }
        let clip = row.clip.clone();
        let name = clip.name.clone();
        self.state.selected_clip = Some(index);
        self.state.open_failure = None;
        self.state.opening_name = Some(name.clone());
        let budget = self.state.settings.frame_cache_mib.max(16) << 20;
        let wake = self.wake();
        let job = self
            .state
            .jobs
            .spawn(format!("Opening {name}"), move |control| open_clip::open(clip, budget, wake, control));
        self.opening = Some(Opening::Clip(job));
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
        self.update_clock();
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

    fn update_opening(&mut self) {
        let Some(opening) = &self.opening else { return };
        match opening {
            Opening::Path(job) => {
                let Some(outcome) = job.poll() else { return };
                self.opening = None;
                match outcome.map_err(|error| error.to_string()).and_then(|result| result) {
                    Ok(Found::Dataset(dataset)) => self.show_dataset(*dataset),
                    Ok(Found::Project(path)) => self.open_project(path),
                    Err(error) => self.opening_failed(error),
                }
            }
            Opening::Demo(job) => {
                let Some(outcome) = job.poll() else { return };
                self.opening = None;
                match outcome.map_err(|error| error.to_string()).and_then(|result| result) {
                    Ok(path) => {
                        self.start_opening(&path);
                        self.make_demo_clip(1);
                    }
                    Err(error) => self.opening_failed(error),
                }
            }
            Opening::Clip(job) => {
                let Some(outcome) = job.poll() else { return };
                self.opening = None;
                match outcome.map_err(|error| error.to_string()).and_then(|result| result) {
                    Ok(opened) => self.show_clip(opened),
                    Err(error) => {
                        // It stays selected: it can be reviewed, and the next one is the one after it.
                        let selected = self.state.selected_clip;
                        self.close_clip();
                        self.state.selected_clip = selected;
                        self.opening_failed(error);
                    }
                }
            }
        }
    }

    /// What was open stays open; the reason is shown where the user looks.
    pub(super) fn opening_failed(&mut self, error: String) {
        self.state.opening_name = None;
        self.state.notices.error(error.clone());
        if self.state.open.is_none() {
            self.state.open_failure = Some(error);
        }
    }

    fn show_dataset(&mut self, dataset: Dataset) {
        if dataset.clips.is_empty() {
            self.opening_failed(format!("{}: there is no clip in it", dataset.name));
            return;
        }
        for note in &dataset.report.notes {
            self.state.notices.info(format!("{}: {} (×{})", dataset.name, note.message, note.count));
        }
        if !dataset.report.missing.is_empty() {
            self.state.notices.warn(format!(
                "{}: {} of {} clips were not found",
                dataset.name,
                dataset.report.missing.len(),
                dataset.report.listed
            ));
        }
        self.close_clip();
        self.state.project = None;
        self.state.dataset_name = dataset.name.clone();
        self.state.benchmark_rule = truth_rule(dataset.benchmark);
        self.state.clips = dataset.clips.into_iter().map(ClipRow::loose).collect();
        self.state.source = Some(Source {
            path: dataset.path,
            name: dataset.name,
            benchmark: dataset.benchmark,
            report: dataset.report,
        });
        self.state.dataset_version += 1;
        let first = self.state.clips.iter().position(|row| !row.clip.media.is_missing()).unwrap_or(0);
        self.select_clip(first);
    }

    pub(super) fn close_clip(&mut self) {
        if let Some(open) = self.state.open.take()
            && let Some(material) = &open.material
        {
            self.state.inference.forget_clip(material.key);
        }
        self.state.player.set_track(None, 0.0, 0.0);
        self.state.selected_clip = None;
        self.state.scoring = None;
        self.state.sound_pictures.clear();
        for sound in &mut self.state.shelf {
            sound.state = ShelfState::Idle;
        }
        self.wish_changed = true;
    }

    fn show_clip(&mut self, mut opened: Opened) {
        let selected = self.state.selected_clip;
        self.lay_out_shelf(std::mem::take(&mut opened.sounds_beside));
        self.close_clip();
        self.state.selected_clip = selected;
        self.state.opening_name = None;
        self.state.open_failure = None;
        let open = OpenClip::new(opened, &self.state.jobs);
        self.state.player.set_track(None, 0.0, open.duration_secs);
        self.state.read_playback();
        self.state.open = Some(open);
        self.ask_truth();
        self.sound_changed = true;
        self.scoring_changed = true;
        self.wish_changed = true;
    }

    fn update_annotations(&mut self) {
        let mut done = Vec::new();
        self.state.annotation_jobs.retain(|job| match job.poll() {
            Some(outcome) => {
                done.push(outcome.map_err(|error| error.to_string()).and_then(|result| result));
                false
            }
            None => true,
        });
        for outcome in done {
            match outcome {
                Ok(dataset) => self.take_annotations(dataset),
                Err(error) => self.state.notices.error(error),
            }
        }
    }

    /// Sounds that lay beside the last clip leave the shelf, those beside this one come onto it.
    fn lay_out_shelf(&mut self, beside: Vec<(String, PathBuf)>) {
        let shelf = &mut self.state.shelf;
        shelf.retain(|sound| sound.beside.is_none());
        for (title, path) in beside {
            let choice = SoundChoice::File(path);
            shelf.retain(|sound| sound.choice != choice);
            shelf.push(ShelfSound { beside: Some(title), ..ShelfSound::new(choice) });
        }
        if !shelf.iter().any(|sound| sound.choice == self.state.sound_choice) {
            self.state.sound_choice = SoundChoice::Own;
        }
    }

    /// Gives the clips in the list the annotations of the clips of the same name.
    fn take_annotations(&mut self, dataset: Dataset) {
        let mut found = 0;
        let only = dataset.clips.first().filter(|_| self.state.clips.len() == 1 && dataset.clips.len() == 1);
        // The first of a name counts, and a name counts before an id.
        let by_id = dataset.clips.iter().rev().map(|clip| (clip_stem(&clip.id), clip));
        let by_name = dataset.clips.iter().rev().map(|clip| (clip_stem(&clip.name), clip));
        let by_stem: HashMap<_, _> = by_id.chain(by_name).collect();
        for row in &mut self.state.clips {
            let source = only.or_else(|| by_stem.get(&clip_stem(&row.clip.name)).copied());
            if let Some(annotations) = source.and_then(|clip| clip.annotations.clone()) {
                row.clip.annotations = Some(annotations);
                found += 1;
            }
        }
        if found == 0 {
            self.state.notices.warn(format!("{}: it names none of the clips that are open", dataset.name));
            return;
        }
        self.state.notices.info(format!(
            "{}: annotations for {found} of {} clips",
            dataset.name,
            self.state.clips.len()
        ));
        self.state.benchmark_rule = truth_rule(dataset.benchmark);
        let annotations: Option<ClipAnnotations> = self
            .state
            .selected_clip
            .and_then(|index| self.state.clips.get(index))
            .and_then(|row| row.clip.annotations.clone());
        if let Some(open) = &mut self.state.open {
            open.set_annotations(annotations);
        }
        self.scoring_changed = true;
    }

    fn update_models(&mut self, context: &egui::Context) {
        if let Some(outcome) = self.state.shelf_job.as_ref().and_then(Job::poll) {
            self.state.shelf_job = None;
            self.state.stored_models = outcome.unwrap_or_default();
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
                Ok(localizer) => {
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
        state.read_playback();
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

    fn update_lanes(&mut self) {
        let inference = &self.state.inference;
        let mut changed = false;
        for slot in &mut self.state.models {
            let ModelState::Ready(model) = &slot.state else { continue };
            let version = inference.lane(model.key, slot.lane_version, &mut slot.lane);
            changed |= version != slot.lane_version;
            slot.lane_version = version;
        }
        if !changed {
            return;
        }
        let scores: Vec<Option<f64>> = self.state.models.iter().map(|slot| mean_ciou(&slot.lane)).collect();
        if let Some(row) = self.state.selected_clip.and_then(|index| self.state.clips.get_mut(index)) {
            row.scores = scores;
            self.state.scores_version += 1;
        }
    }

    /// After the commands of a pass: tells the player and the engine what changed.
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

    pub(super) fn until_next_frame(&self) -> Duration {
        let Some(open) = &self.state.open else { return Duration::from_millis(50) };
        let playback = &self.state.playback;
        let next = if playback.speed >= 0.0 { open.frame + 1 } else { open.frame.saturating_sub(1) };
        let secs = if next < open.frame_count() {
            (open.frame_secs(next) - playback.position_secs) / playback.speed
        } else {
            0.1
        };
        Duration::from_secs_f64(if secs.is_finite() { secs.clamp(0.002, 0.25) } else { 0.05 })
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

/// A clip of the demo, made if it is not there yet. Runs in a job.
fn demo_clip(place: usize, control: &JobControl) -> Result<PathBuf, String> {
    let path = demo_path(place, &mut |done| {
        control.set_progress(done);
        !control.is_cancelled()
    });
    path.map_err(|error| error.to_string())
}

/// What lies at a path. Runs in a job.
fn found(path: PathBuf) -> Result<Found, DatasetError> {
    if path.is_file() && FileKind::of_file(&path)? == FileKind::Sqlite {
        return Ok(Found::Project(path));
    }
    Ok(Found::Dataset(Box::new(dataset::open(&path)?)))
}

/// The ground-truth rule of the benchmark a clip is from.
pub(super) fn truth_rule(benchmark: dataset::Benchmark) -> GroundTruthRule {
    use dataset::Benchmark as B;
    match benchmark {
        B::FlickrSoundNet | B::ExtendedFlickr => GroundTruthRule::Consensus,
        B::Is3 | B::VpoSs | B::VpoMs | B::AvsBenchS4 | B::AvsBenchMs3 => GroundTruthRule::Boxes,
        B::Urbansas => GroundTruthRule::ExtentTruncated,
        B::MusicSolo | B::MusicDuet | B::MusicSynthetic | B::AudioSetInstruments => GroundTruthRule::ExtentBoxes,
        B::VggSs | B::ExtendedVggSs | B::Plain => GroundTruthRule::Union,
    }
}

/// A clip's name without folders and extension.
fn mean_ciou(lane: &[LaneValue]) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0usize);
    for value in lane {
        if let LaneValue::Scored(readout) = value
            && let Some(ciou) = readout.ciou.filter(|ciou| ciou.is_finite())
        {
            sum += ciou;
            count += 1;
        }
    }
    (count > 0).then(|| sum / count as f64)
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
