use std::time::{Duration, Instant};

use super::*;
use crate::engine::SoundChoice;
use crate::engine::scoring::TruthTrack;
use crate::geometry::Size;
use crate::heatmap::Grid;
use crate::localizers::registry;
use crate::localizers::{
    BenchmarkWindow, FrameInput, Hearing, LocalizerError, LocalizerInfo, Parts, Query, ViewRule, WindowPlan,
};
use crate::media::Picture;
use crate::metrics::usual_protocol;
use crate::signal::{Resampler, Waveform};

/// A model whose map is the brightness of the picture, and 100 more with each version, times the loudness of what is
/// heard.
struct Loudness {
    info: LocalizerInfo,
    version: AtomicU64,
}

impl Loudness {
    fn new() -> Self {
        Self {
            info: LocalizerInfo {
                system: registry::find("lvs").unwrap(),
                hearing: Some(Hearing { rate: 100, resampler: Resampler::SoxrHq }),
                window: WindowPlan { length_secs: 0.2, benchmark: BenchmarkWindow::First },
                view: ViewRule::Whole,
                reads_text: false,
                takes_sound_vector: false,
                needs_next_frame: false,
                query_matters: true,
                remark: None,
            },
            version: AtomicU64::new(0),
        }
    }
}

impl Localizer for Loudness {
    fn info(&self) -> &LocalizerInfo {
        &self.info
    }

    fn version(&self) -> u64 {
        self.version.load(Ordering::Relaxed)
    }

    fn encode_image(&self, frame: &FrameInput) -> Result<ImageFeatures, LocalizerError> {
        let bright = f32::from(frame.picture.rgb[0]) + 100.0 * self.version() as f32;
        let parts = Parts::new("lvs", vec![("bright", crate::localizers::Array::vector(vec![bright]))]);
        Ok(ImageFeatures { frame: frame.picture.size, parts })
    }

    fn encode_query(&self, query: &Query) -> Result<QueryEmbedding, LocalizerError> {
        let Query::Sound { sound, .. } = query else { panic!("asked without a sound") };
        let loud = sound.samples.iter().fold(0.0f32, |loud, sample| loud.max(sample.abs()));
        Ok(QueryEmbedding { parts: Parts::new("lvs", vec![("loud", crate::localizers::Array::vector(vec![loud]))]) })
    }

    fn join(&self, features: &ImageFeatures, embedding: &QueryEmbedding) -> Result<Heatmap, LocalizerError> {
        let bright = features.parts.get("bright")?.values()[0];
        let loud = embedding.parts.get("loud")?.values()[0];
        let grid = Grid::from_fn(2, 2, |row, column| bright * loud * (1 + row + column) as f32);
        Ok(Heatmap::over_whole_frame(grid, features.frame))
    }
}

/// Frames of one brightness: their number.
struct Numbered;

impl PictureSource for Numbered {
    fn picture(&self, index: usize) -> Result<Arc<Picture>, String> {
        if index == 7 {
            return Err("frame 7 is damaged".into());
        }
        Ok(Arc::new(Picture::filled(Size::new(4, 4), [index as u8; 3])))
    }
}

fn sound(level: f32) -> Arc<Sound> {
    let waveform = Waveform { rate: 100, channels: 1, samples: vec![level; 100] };
    Arc::new(Sound::foreign(SoundChoice::Noise, &waveform, 1.0))
}

fn wish(frame: usize, sound: Arc<Sound>, models: Vec<LoadedModel>, rule: WindowRule) -> Wish {
    let times: Arc<[f64]> = (0..10).map(|index| f64::from(index) * 0.1).collect();
    Wish {
        material: Arc::new(Material::new(times, Arc::new(Numbered))),
        frame,
        forwards: true,
        sound: Some(sound),
        text: None,
        rule,
        models,
        scoring: Arc::new(Scoring::new(usual_protocol(), None, Arc::new(TruthTrack::none()))),
    }
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn covered(pool: &Inference) -> bool {
    let coverage = pool.coverage();
    coverage.wanted > 0 && coverage.done == coverage.wanted
}

#[test]
fn a_swap_of_the_sound_runs_no_image_encoder() {
    let pool = Inference::new(2, 1 << 20, Arc::new(|| {}));
    let models: Vec<LoadedModel> = (0..3).map(|_| LoadedModel::new(Arc::new(Loudness::new()))).collect();
    let first = wish(2, sound(0.25), models.clone(), WindowRule::Benchmark);
    pool.wish(first.clone());
    wait_until("all frames of the first sound", || covered(&pool));
    let before = pool.counts();
    assert_eq!(before.image_encodings, 27, "9 good frames of 3 models, each once");
    assert_eq!(before.query_encodings, 3, "one fixed window a model");

    pool.wish(Wish { sound: Some(sound(0.75)), ..first.clone() });
    wait_until("all frames of the second sound", || covered(&pool));
    let after = pool.counts();
    assert_eq!(after.image_encodings, before.image_encodings);
    assert_eq!(after.query_encodings, before.query_encodings + 3);
    let answer = pool.nearest(models[0].key).unwrap();
    assert_eq!((answer.frame, answer.heatmap.values.values()[0]), (2, 1.5));

    pool.wish(first);
    wait_until("back at the first sound", || {
        pool.nearest(models[0].key).is_some_and(|answer| answer.heatmap.values.values()[0] == 0.5)
    });
    assert_eq!(pool.counts(), after, "everything of the first sound is still there");
}

#[test]
fn a_window_that_follows_is_encoded_once_a_window() {
    let pool = Inference::new(1, 1 << 20, Arc::new(|| {}));
    let models = vec![LoadedModel::new(Arc::new(Loudness::new()))];
    pool.wish(wish(0, sound(0.5), models, WindowRule::Follow));
    wait_until("all frames", || covered(&pool));
    // Windows at 0.0 and 0.1 s both start at 0, those at 0.9 s and later both end at 1; frame 7 is never joined.
    assert_eq!(pool.counts().query_encodings, 8);
}

#[test]
fn a_damaged_frame_fails_alone_and_says_why() {
    let pool = Inference::new(1, 1 << 20, Arc::new(|| {}));
    let model = LoadedModel::new(Arc::new(Loudness::new()));
    pool.wish(wish(7, sound(0.5), vec![model.clone()], WindowRule::Benchmark));
    wait_until("the failure", || pool.failure(model.key).is_some());
    assert_eq!(pool.failure(model.key).as_deref(), Some("frame 7 is damaged"));
    wait_until("all frames", || covered(&pool));
    let mut lane = Vec::new();
    pool.lane(model.key, 0, &mut lane);
    assert_eq!(lane.iter().filter(|value| **value == LaneValue::Failed).count(), 1);
    assert!(matches!(lane[6], LaneValue::Scored(_)) && matches!(lane[8], LaneValue::Scored(_)));
}

#[test]
fn the_frame_on_screen_goes_first_and_baselines_need_no_sound() {
    let pool = Inference::new(1, 1 << 20, Arc::new(|| {}));
    let model = LoadedModel::new(Arc::from(registry::open("centre-box", &[]).unwrap()));
    let without_sound = Wish { sound: None, ..wish(5, sound(0.0), vec![model.clone()], WindowRule::Follow) };
    pool.wish(without_sound);
    wait_until("the frame on screen", || pool.nearest(model.key).is_some_and(|answer| answer.frame == 5));
    wait_until("all frames", || covered(&pool));
    pool.forget_model(model.key);
    assert_eq!(pool.coverage().done, 0);
}

#[test]
fn a_model_that_changed_answers_anew() {
    let pool = Inference::new(2, 1 << 20, Arc::new(|| {}));
    let localizer = Arc::new(Loudness::new());
    let model = LoadedModel::new(Arc::clone(&localizer) as Arc<dyn Localizer>);
    let wish = wish(2, sound(0.5), vec![model.clone()], WindowRule::Benchmark);
    let shown = || pool.nearest(model.key).map(|answer| (answer.frame, answer.heatmap.values.values()[0]));
    pool.wish(wish.clone());
    wait_until("all frames", || covered(&pool));
    assert_eq!(shown(), Some((2, 1.0)));

    localizer.version.store(1, Ordering::Relaxed);
    assert_eq!(shown(), None, "what the model answered before is not called current");
    pool.wish(wish);
    wait_until("all frames of the new version", || covered(&pool));
    assert_eq!(shown(), Some((2, 51.0)));
    assert_eq!(pool.counts().image_encodings, 18, "9 good frames, each once a version");
}

/// A model whose two sides each wait for the other to have begun.
struct Meeting {
    info: LocalizerInfo,
    begun: [AtomicU64; 2],
}

impl Meeting {
    fn meet(&self, own: usize) -> Result<Parts, LocalizerError> {
        self.begun[own].fetch_add(1, Ordering::SeqCst);
        wait_until("the other side begins", || self.begun[1 - own].load(Ordering::SeqCst) > 0);
        Ok(Parts::new("lvs", vec![("one", crate::localizers::Array::vector(vec![1.0]))]))
    }
}

impl Localizer for Meeting {
    fn info(&self) -> &LocalizerInfo {
        &self.info
    }

    fn encode_image(&self, frame: &FrameInput) -> Result<ImageFeatures, LocalizerError> {
        Ok(ImageFeatures { frame: frame.picture.size, parts: self.meet(0)? })
    }

    fn encode_query(&self, _: &Query) -> Result<QueryEmbedding, LocalizerError> {
        Ok(QueryEmbedding { parts: self.meet(1)? })
    }

    fn join(&self, features: &ImageFeatures, _: &QueryEmbedding) -> Result<Heatmap, LocalizerError> {
        Ok(Heatmap::over_whole_frame(Grid::filled(2, 2, 1.0), features.frame))
    }
}

#[test]
fn for_the_screen_picture_and_sound_are_encoded_at_once() {
    let pool = Inference::new(2, 1 << 20, Arc::new(|| {}));
    let localizer = Meeting { info: Loudness::new().info, begun: [AtomicU64::new(0), AtomicU64::new(0)] };
    let model = LoadedModel::new(Arc::new(localizer));
    pool.wish(wish(3, sound(0.5), vec![model.clone()], WindowRule::Benchmark));
    wait_until("an answer", || pool.nearest(model.key).is_some_and(|answer| answer.frame == 3));
    assert_eq!(pool.counts().query_encodings, 1, "other frames wait for the same embedding");
}

#[test]
#[cfg(target_os = "linux")]
fn only_the_thread_that_stands_back_does() {
    let niceness = || rustix::process::getpriority_process(None).unwrap();
    let before = niceness();
    let stood_back = std::thread::spawn(move || {
        stand_back(Workers::Eager);
        niceness()
    });
    assert_eq!(stood_back.join().unwrap(), (before + NICENESS).min(19));
    assert_eq!(niceness(), before);
}

#[test]
#[cfg(target_os = "linux")]
fn patient_workers_wait_for_idle_cores() {
    use thread_priority::{NormalThreadSchedulePolicy, ThreadSchedulePolicy, unix::thread_schedule_policy};
    let policy = std::thread::spawn(|| {
        stand_back(Workers::Patient);
        thread_schedule_policy().unwrap()
    });
    assert_eq!(policy.join().unwrap(), ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle));
    assert_eq!(thread_schedule_policy().unwrap(), ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other));
}

#[test]
fn a_patient_pool_answers_as_an_eager_one_does() {
    let pool = Inference::new(2, 1 << 20, Arc::new(|| {}));
    let model = LoadedModel::new(Arc::new(Loudness::new()));
    for (turn, patient) in [true, false, true].into_iter().enumerate() {
        pool.be_patient(patient);
        pool.wish(wish(3, sound(0.1 * turn as f32), vec![model.clone()], WindowRule::Benchmark));
        wait_until("all frames", || covered(&pool));
    }
}

#[test]
fn a_patient_pool_has_the_next_frames_map_before_it_is_shown() {
    let pool = Inference::new(1, 1 << 20, Arc::new(|| {}));
    let model = LoadedModel::new(Arc::new(Loudness::new()));
    pool.be_patient(true);
    let first = wish(3, sound(0.5), vec![model.clone()], WindowRule::Benchmark);
    pool.wish(first.clone());
    wait_until("all frames", || covered(&pool));
    pool.rest();
    // Nothing works on this wish between it and the question.
    pool.shared.lock().wish = Some(Wish { frame: 4, ..first });
    assert_eq!(pool.nearest(model.key).unwrap().frame, 4);
}
