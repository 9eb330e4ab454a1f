//! Everything the window shows, and nothing about how it is drawn.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use super::box_editor::Editing;
use super::command::StageView;
use super::notices::Notices;
use super::open_clip::OpenClip;
use super::passes::FramesPlayed;
use super::project_desk::ProjectDesk;
use super::settings::Settings;
use super::sound_picture::SoundPicture;
use crate::dataset::project::{ClipId, ReviewVerdict, Source};
use crate::dataset::{Clip, Dataset};
use crate::engine::{
    Coverage, FrameReadout, Inference, Job, Jobs, LaneValue, LoadedModel, Localized, Scoring, Sound, SoundChoice,
    SoundKey, Wake, Wish,
};
use crate::heatmap::Grid;
use crate::localizers::registry::{self, Status, System};
use crate::localizers::store::{self, Shelf, StoredModel};
use crate::localizers::variants::{self, Variant};
use crate::localizers::{Localizer, WindowRule};
use crate::metrics::{self, CiouCurve, GroundTruthRule, KnownProtocol, Protocol};
use crate::playback::{PlaybackState, Player};
use crate::render::DrawnBy;

/// One row of the clips panel.
pub struct ClipRow {
    pub clip: Clip,
    /// Where it is in the project, if it is in one.
    pub stored: Option<ClipId>,
    /// What was last said of its truth.
    pub review: Option<ReviewVerdict>,
    /// Mean cIoU per model over the frames scored so far, in the order of the models; `None` until there is one.
    pub scores: Vec<Option<f64>>,
}

impl ClipRow {
    /// A clip that is in no project.
    pub fn loose(clip: Clip) -> Self {
        Self { clip, stored: None, review: None, scores: Vec::new() }
    }
}

/// A model in the list: loaded, being loaded, or refused with a reason.
pub struct ModelSlot {
    /// As it was asked for: `ID` or `ID=WEIGHTS`.
    pub spec: String,
    pub system: Option<&'static System>,
    /// Set for a variant of the system.
    pub variant: Option<&'static Variant>,
    /// The name on the chip.
    pub name: String,
    /// Which colour of the palette is its own while it is loaded.
    pub color: usize,
    pub visible: bool,
    pub state: ModelState,
    /// The fingerprint of the weights, once they are loaded.
    pub weights: String,
    /// What the timeline draws.
    pub lane: Vec<LaneValue>,
    pub lane_version: u64,
    /// [`Localizer::version`] of the answers that were wished for.
    pub answers_version: u64,
}

/// A model and its weights' fingerprint.
pub type OpenedModel = (Box<dyn Localizer>, String);

pub enum ModelState {
    Loading(Job<Result<OpenedModel, String>>),
    Ready(LoadedModel),
    Failed(String),
}

impl ModelSlot {
    /// The name on the chip.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A model's own name where it is not its system's, with its variant.
    pub fn name_of(spec: &str, system: Option<&System>, own: Option<&str>) -> String {
        let id = store::spec_parts(spec).0;
        let base = match system {
            Some(system) if own.is_some_and(|own| own != system.name) => own.unwrap_or(id),
            Some(system) if system.id == id || spec.contains('=') => system.name,
            _ => id,
        };
        let title = system.and_then(|system| variants::find(system.id, store::spec_variant(spec)?));
        title.map_or_else(|| base.to_owned(), |variant| format!("{base} ({})", variant.title))
    }

    pub fn id(&self) -> &str {
        self.system.map_or(self.spec.as_str(), |system| system.id)
    }

    pub fn loaded(&self) -> Option<&LoadedModel> {
        match &self.state {
            ModelState::Ready(model) => Some(model),
            ModelState::Loading(_) | ModelState::Failed(_) => None,
        }
    }
}

/// A sound on the shelf.
pub struct ShelfSound {
    pub choice: SoundChoice,
    /// Its name among the sounds that lie beside the clip, if it is one of them.
    pub beside: Option<String>,
    pub state: ShelfState,
}

impl ShelfSound {
    pub fn new(choice: SoundChoice) -> Self {
        Self { choice, beside: None, state: ShelfState::Idle }
    }

    /// What the shelf calls it.
    pub fn title(&self) -> String {
        self.beside.clone().unwrap_or_else(|| self.choice.title())
    }
}

pub enum ShelfState {
    /// Laid on the clip when it is chosen.
    Idle,
    Loading(Job<Result<Sound, String>>),
    Ready(Arc<Sound>),
    Failed(String),
}

/// What is asked of the picture, besides the frame.
pub struct View {
    pub stage: StageView,
    pub opacity: f32,
    pub colour_map: String,
    pub show_boxes: bool,
    pub show_contours: bool,
    /// 1 fits the stage.
    pub zoom: f64,
    /// The fraction of the frame that stays put when zooming.
    pub anchor: crate::geometry::Point,
    /// Where the wipe's divider is, 0..1 of the frame's width.
    pub divider: f32,
}

/// The state behind the window.
pub struct AppState {
    pub settings: Settings,
    pub settings_path: Option<PathBuf>,
    pub notices: Notices,
    pub wake: Wake,
    pub player: Player,
    pub playback: PlaybackState,
    /// When `playback` stood so.
    pub playback_read_at: SystemTime,
    pub inference: Inference,
    pub dataset_name: String,
    /// What the clips were found in; `None` while none are open.
    pub source: Option<Source>,
    /// The project that the clips are in.
    pub project: Option<ProjectDesk>,
    /// All its clips have come in.
    pub project_is_read: bool,
    /// Id of the clip that stays open while the list comes anew from the project.
    pub kept_clip: Option<String>,
    /// Drawing and correcting boxes.
    pub editing: Editing,
    /// Changes with the reviews in the list.
    pub reviews_version: u64,
    /// Changes with the truth of any clip.
    pub truth_version: u64,
    pub clips: Vec<ClipRow>,
    pub selected_clip: Option<usize>,
    pub open: Option<OpenClip>,
    /// Why the selected clip could not be opened; shown on the stage.
    pub open_failure: Option<String>,
    /// The name of what is being opened.
    pub opening_name: Option<String>,
    pub annotation_jobs: Vec<Job<Result<Dataset, String>>>,
    /// Changes with the list of clips.
    pub dataset_version: u64,
    /// Changes with the scores in the list.
    pub scores_version: u64,
    /// The ground-truth rule of the benchmark that the clips are from.
    pub benchmark_rule: GroundTruthRule,
    /// How many of the player's notices were said already.
    pub playback_notices: usize,
    pub sound_pictures: HashMap<SoundKey, Arc<SoundPicture>>,
    pub picture_jobs: HashMap<SoundKey, Job<Option<SoundPicture>>>,
    pub next_picture: u64,
    pub models: Vec<ModelSlot>,
    /// The models of the user's folders, as they were when models were last opened.
    pub stored_models: Vec<StoredModel>,
    pub model_shelf: Shelf,
    pub shelf_job: Option<Job<Vec<StoredModel>>>,
    pub shelf: Vec<ShelfSound>,
    pub sound_choice: SoundChoice,
    /// What models that read are asked with; nothing while it is empty.
    pub text: String,
    /// While true the clip's own sound is heard and localized instead of the chosen one.
    pub holding_own: bool,
    pub protocol: Protocol,
    /// `None`: the protocol's own.
    pub threshold: Option<f32>,
    pub window_rule: WindowRule,
    pub scoring: Option<Arc<Scoring>>,
    /// How far the engine was when the lanes were last taken over.
    pub coverage: Coverage,
    pub view: View,
    pub adapter: String,
    pub drawn_by: DrawnBy,
    /// CPU milliseconds of the last pass.
    pub pass_ms: f32,
    pub frames_played: FramesPlayed,
    /// Last, so that what it runs is stopped after everything that waits for it.
    pub jobs: Jobs,
}

impl AppState {
    pub fn new(settings: Settings, settings_path: Option<PathBuf>, wake: Wake) -> Self {
        let protocol = settings.protocol.parse().unwrap_or_else(|_| metrics::usual_protocol());
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let threads = match settings.inference_threads {
            0 => cores.saturating_sub(1).max(1),
            wanted => wanted.min(64),
        };
        let mut player = Player::new(Arc::clone(&wake));
        player.set_volume(settings.volume);
        let playback = player.state();
        Self {
            view: View {
                stage: settings.view,
                opacity: settings.opacity,
                colour_map: settings.colour_map.clone(),
                show_boxes: settings.show_boxes,
                show_contours: settings.show_contours,
                zoom: 1.0,
                anchor: crate::geometry::Point::new(0.5, 0.5),
                divider: 0.5,
            },
            notices: Notices::default(),
            playback,
            playback_read_at: SystemTime::now(),
            player,
            inference: Inference::new(threads, settings.result_cache_mib.max(16) << 20, Arc::clone(&wake)),
            jobs: Jobs::new(Arc::clone(&wake)),
            settings,
            settings_path,
            wake,
            dataset_name: String::new(),
            source: None,
            project: None,
            project_is_read: false,
            kept_clip: None,
            reviews_version: 0,
            truth_version: 0,
            editing: Editing::default(),
            clips: Vec::new(),
            selected_clip: None,
            open: None,
            open_failure: None,
            opening_name: None,
            annotation_jobs: Vec::new(),
            dataset_version: 0,
            scores_version: 0,
            benchmark_rule: GroundTruthRule::Union,
            playback_notices: 0,
            sound_pictures: HashMap::new(),
            picture_jobs: HashMap::new(),
            next_picture: 0,
            models: Vec::new(),
            stored_models: Vec::new(),
            model_shelf: Shelf::discover(),
            shelf_job: None,
            shelf: [SoundChoice::Own, SoundChoice::Silence, SoundChoice::Noise].map(ShelfSound::new).into(),
            sound_choice: SoundChoice::Own,
            text: String::new(),
            holding_own: false,
            protocol,
            threshold: None,
            window_rule: WindowRule::Follow,
            scoring: None,
            coverage: Coverage::default(),
            adapter: String::new(),
            drawn_by: DrawnBy::Shaders,
            pass_ms: 0.0,
            frames_played: FramesPlayed::default(),
        }
    }

    /// Takes over how the player stands now.
    pub fn read_playback(&mut self) {
        self.playback = self.player.state();
        self.playback_read_at = SystemTime::now();
    }

    /// Whether the frame that is due is on screen.
    pub fn shows_due_frame(&self) -> bool {
        self.open
            .as_ref()
            .is_some_and(|open| open.server.as_ref().is_some_and(|server| server.get(open.frame).is_some()))
    }

    /// Once a pass: takes down which frame it shows, while a clip plays.
    pub fn count_frame(&mut self) {
        let playing = self.playback.playing;
        match self.open.as_ref().filter(|_| playing).and_then(|open| Some((open.id, open.shown_frame()?))) {
            Some((clip, frame)) => self.frames_played.show(clip, frame.index, self.playback.speed >= 0.0),
            None => self.frames_played.jump(),
        }
    }

    /// The name of the protocol in force and what it does.
    pub fn known_protocol(&self) -> Option<&'static KnownProtocol> {
        metrics::protocols().iter().find(|known| known.protocol.id() == self.protocol.id())
    }

    pub fn is_opening(&self) -> bool {
        self.opening_name.is_some()
    }

    /// The timeline's picture of the sound that is heard.
    pub fn heard_picture(&self) -> Option<&Arc<SoundPicture>> {
        self.sound_pictures.get(&self.heard_sound()?.key)
    }

    /// Ground truth of the frame on screen as the agreement view compares with it.
    pub fn truth_grid(&self) -> Option<Arc<Grid>> {
        let truth = self.scoring.as_ref()?.truth(self.frame()).filter(|truth| truth.boxes() > 0)?;
        Some(Arc::new(truth.weights()))
    }

    /// cIoU over the threshold of the model at `index`, on the frame its newest map is of.
    pub fn curve(&self, index: usize) -> Option<CiouCurve> {
        let answer = self.answer(index)?;
        self.scoring.as_ref()?.curve(answer.frame, &answer.score_map, answer.readout.strict)
    }

    /// True where a system can be added by its id alone: it needs no files, or they are stored under its id.
    pub fn opens_by_id(&self, system: &System) -> bool {
        system.status == Status::Runs || self.stored_models.iter().any(|model| model.id == system.id)
    }

    /// Stored models whose name is not a system's id.
    pub fn named_models(&self) -> impl Iterator<Item = &StoredModel> {
        self.stored_models.iter().filter(|model| registry::find(&model.id).is_none())
    }

    /// The choice that is in force now.
    pub fn heard_choice(&self) -> SoundChoice {
        if self.holding_own { SoundChoice::Own } else { self.sound_choice.clone() }
    }

    /// The sound that is heard and localized now, once it is there.
    pub fn heard_sound(&self) -> Option<Arc<Sound>> {
        let choice = self.heard_choice();
        self.shelf.iter().find(|sound| sound.choice == choice).and_then(|sound| match &sound.state {
            ShelfState::Ready(sound) => Some(Arc::clone(sound)),
            ShelfState::Idle | ShelfState::Loading(_) | ShelfState::Failed(_) => None,
        })
    }

    /// The visible models that answer, with their place in the list.
    pub fn visible_models(&self) -> impl Iterator<Item = (usize, &ModelSlot, &LoadedModel)> {
        self.models
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.visible)
            .filter_map(|(index, slot)| Some((index, slot, slot.loaded()?)))
    }

    /// The newest answer of the model at `index`, for the frame on screen or near it.
    pub fn answer(&self, index: usize) -> Option<Arc<Localized>> {
        self.inference.nearest(self.models.get(index)?.loaded()?.key)
    }

    /// The frame that should be on screen.
    pub fn frame(&self) -> usize {
        self.open.as_ref().map_or(0, |open| open.frame)
    }

    /// The readout of a model at the frame on screen, whichever frame the newest map is of.
    pub fn readout(&self, index: usize) -> Option<FrameReadout> {
        match self.models.get(index)?.lane.get(self.frame())? {
            LaneValue::Scored(readout) => Some(*readout),
            LaneValue::Waiting | LaneValue::Failed => None,
        }
    }

    /// The words that models which read are asked with, if there are any.
    pub fn prompt(&self) -> Option<&str> {
        Some(self.text.trim()).filter(|text| !text.is_empty())
    }

    /// Whether one of the models is asked with words.
    pub fn any_model_reads(&self) -> bool {
        self.models.iter().filter_map(ModelSlot::loaded).any(reads)
    }

    /// Tells the engine what is wanted now.
    pub fn send_wish(&self) {
        self.inference.be_patient(self.playback.playing && self.drawn_by == DrawnBy::Processor);
        let (Some(open), Some(scoring)) = (&self.open, &self.scoring) else {
            self.inference.rest();
            return;
        };
        let Some(material) = &open.material else {
            self.inference.rest();
            return;
        };
        self.inference.wish(Wish {
            material: Arc::clone(material),
            frame: open.frame,
            forwards: self.playback.speed >= 0.0,
            sound: self.heard_sound(),
            text: self.prompt().map(Arc::from),
            rule: self.window_rule,
            models: self.models.iter().filter(|slot| slot.visible).filter_map(|slot| slot.loaded().cloned()).collect(),
            scoring: Arc::clone(scoring),
        });
    }
}

/// Whether a model is asked with words rather than with a sound.
pub fn reads(model: &LoadedModel) -> bool {
    let info = model.localizer.info();
    info.reads_text && info.query_matters && !info.hears_sound()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chip_tells_system_own_name_and_variant() {
        let name = |spec: &str, system: &str, own: Option<&str>| ModelSlot::name_of(spec, registry::find(system), own);
        assert_eq!(name("lvs", "lvs", None), "LVS");
        assert_eq!(name("slavc:momentum=latest.pth", "slavc", Some("SLAVC")), "SLAVC (momentum branch)");
        assert_eq!(name("my-lvs", "lvs", Some("LVS")), "my-lvs");
        assert_eq!(name("onnx=mine.toml", "onnx", Some("Mine")), "Mine");
        assert_eq!(name("nonsense", "nonsense", None), "nonsense");
    }
}
