//! From a path to what is on screen: datasets, projects, the demo, single clips, and annotations that are added to them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::App;
use super::open_clip::{self, OpenClip, Opened, clip_stem};
use super::state::{ClipRow, ShelfSound, ShelfState};
use crate::dataset::project::Source;
use crate::dataset::{self, ClipAnnotations, Dataset, DatasetError, FileKind};
use crate::engine::{Job, JobControl, SoundChoice};
use crate::metrics::GroundTruthRule;
use crate::soundstage::{DEMO_CLIPS, demo_path};

/// Where the demo is looked at first: its first thing has been playing for a while.
const DEMO_BEGINS_SECS: f64 = 2.0;

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

impl App {
    /// Opens a file, a folder or a dataset.
    pub(super) fn open_path(&mut self, path: PathBuf) {
        self.demo_rest = None;
        self.demo_begins = false;
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
        self.demo_begins = true;
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

    pub(super) fn update_demo(&mut self) {
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

    pub(super) fn update_opening(&mut self) {
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
        self.write_scores();
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
        if std::mem::take(&mut self.demo_begins) {
            self.state.player.seek(DEMO_BEGINS_SECS);
            self.update_clock();
        }
        self.ask_truth();
        self.sound_changed = true;
        self.scoring_changed = true;
        self.wish_changed = true;
    }

    pub(super) fn update_annotations(&mut self) {
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
