//! A clip that is open: its frames, its sound, its truth, and the pictures of both for the timeline.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::dataset::{Annotation, Clip, ClipAnnotations, FileKind, Moment, Span};
use crate::engine::{ClipPictures, Job, JobControl, Material};
use crate::geometry::{Rect, Size};
use crate::media::{self, Frame, FrameServer, FrameTable, Media, Picture, Soundtrack, VideoReader};
use crate::playback::DUE_TOLERANCE_SECS;

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// A box to draw or list.
#[derive(Clone, Debug, PartialEq)]
pub struct ShownBox {
    pub rect_fraction: Rect,
    /// The statement that it comes from.
    pub annotation: Annotation,
    /// It lies between two keys of a track.
    pub between_keys: bool,
    pub label: Option<String>,
    pub sounding: Option<bool>,
}

/// An open clip. Cheap parts are there at once; sound, thumbnails and pictures of the sound follow.
pub struct OpenClip {
    /// Tells openings apart.
    pub id: u64,
    pub clip: Clip,
    /// Nothing for a sound alone.
    pub table: Option<Arc<FrameTable>>,
    pub server: Option<Arc<FrameServer>>,
    pub material: Option<Arc<Material>>,
    /// Presented size of the frames; nothing for a sound alone.
    pub frame_size: Option<Size>,
    pub duration_secs: f64,
    /// What is worth knowing about the file.
    pub notes: Vec<String>,
    pub own_sound: OwnSound,
    pub thumbnails: Vec<Picture>,
    pub thumbnail_job: Option<Job<Vec<Picture>>>,
    truth_spans: Vec<(f64, f64)>,
    /// The frame that should be on screen.
    pub frame: usize,
}

/// The clip's own sound on its way.
pub enum OwnSound {
    /// Being decoded.
    Loading(Job<Result<Option<Soundtrack>, String>>),
    Ready(Arc<Soundtrack>),
    None,
    Failed(String),
}

/// What opening yields before the slower parts come.
pub struct Opened {
    pub clip: Clip,
    media: Option<Media>,
    table: Option<Arc<FrameTable>>,
    server: Option<Arc<FrameServer>>,
    material: Option<Arc<Material>>,
    sound_file: Option<PathBuf>,
    /// Other sounds that belong to the clip, by their titles: see [`sounds_beside`].
    pub sounds_beside: Vec<(String, PathBuf)>,
}

/// Opens the files of a clip. Runs in a job; errors are words for the stage.
pub fn open(
    clip: Clip,
    budget_bytes: usize,
    wake: Arc<dyn Fn() + Send + Sync>,
    control: &JobControl,
) -> Result<Opened, String> {
    let sound_file = clip.media.sound().map(ToOwned::to_owned);
    let Some(path) = clip.media.picture().map(ToOwned::to_owned) else {
        if sound_file.is_none() {
            return Err(format!("{}: its files were not found", clip.name));
        }
        return Ok(Opened {
            clip,
            media: None,
            table: None,
            server: None,
            material: None,
            sound_file,
            sounds_beside: vec![],
        });
    };
    let sounds_beside = sounds_beside(&path);
    let stop = control.stop_flag();
    let media = media::open(&path).map_err(|error| error.to_string())?;
    if media.video().is_none() {
        return Ok(Opened {
            clip,
            media: Some(media),
            table: None,
            server: None,
            material: None,
            sound_file: sound_file.or(Some(path)),
            sounds_beside,
        });
    }
    let table = Arc::new(FrameTable::read(&media, &stop).map_err(|error| error.to_string())?);
    let server =
        FrameServer::start(&media, Arc::clone(&table), budget_bytes, wake).map_err(|error| error.to_string())?;
    let server = Arc::new(server);
    server.wish(0);
    let reader_media = media.clone();
    let reader_table = Arc::clone(&table);
    let pictures = ClipPictures::new(Arc::clone(&server), move || {
        Ok(VideoReader::new(&reader_media, Arc::clone(&reader_table), Arc::new(AtomicBool::new(false))))
    });
    let frame_secs: Arc<[f64]> = (0..table.len()).map(|index| table.time_secs(index)).collect();
    let name = clip_stem(&clip.name);
    let material = Material::new(frame_secs, Arc::new(pictures)).named(name);
    let material = (!table.is_empty()).then(|| Arc::new(material));
    Ok(Opened {
        clip,
        media: Some(media),
        table: Some(table),
        server: Some(server),
        material,
        sound_file,
        sounds_beside,
    })
}

/// No more sounds than these are taken onto the shelf by themselves.
const MOST_SOUNDS_BESIDE: usize = 12;

/// The sounds that lie beside a picture under its name and one of their own: beside `duet.mp4`, `duet.bell.wav` is the
/// sound "bell". Sorted by title.
fn sounds_beside(picture: &Path) -> Vec<(String, PathBuf)> {
    let (Some(folder), Some(stem)) = (picture.parent(), picture.file_stem().and_then(|stem| stem.to_str())) else {
        return Vec::new();
    };
    // A folder that cannot be listed has nothing to offer; that the clip itself opens is another matter.
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let title_of = |path: &Path| {
        let own = path.file_stem()?.to_str()?.strip_prefix(stem)?.strip_prefix('.')?;
        (!own.is_empty() && FileKind::of_name(path) == FileKind::Sound).then(|| own.to_owned())
    };
    let mut sounds: Vec<_> = entries.filter_map(|path| Some((title_of(&path)?, path))).collect();
    sounds.sort();
    sounds.truncate(MOST_SOUNDS_BESIDE);
    sounds
}

/// A clip's name without folders and extension.
pub fn clip_stem(name: &str) -> String {
    Path::new(name).file_stem().map_or_else(|| name.to_owned(), |stem| stem.to_string_lossy().into_owned())
}

/// Decodes the sound of `path`. Runs in a job.
pub fn read_sound(path: &Path, control: &JobControl) -> Result<Option<Soundtrack>, String> {
    let media = media::open(path).map_err(|error| error.to_string())?;
    media::decode_audio(&media, &control.stop_flag()).map_err(|error| error.to_string())
}

impl OpenClip {
    pub fn new(opened: Opened, jobs: &crate::engine::Jobs) -> Self {
        let Opened { clip, media, table, server, material, sound_file, .. } = opened;
        let video = media.as_ref().and_then(Media::video);
        let frame_size = video.map(|video| video.presented_size);
        let still = media.as_ref().is_some_and(Media::is_still);
        let moving = table.as_ref().filter(|table| !still && !table.is_empty());
        let duration_secs = moving.map_or(0.0, |table| table.end_secs());
        let mut notes = media.as_ref().map(|media| media.notes().to_vec()).unwrap_or_default();
        notes.extend(table.iter().flat_map(|table| table.notes()).cloned());
        let own_sound = match sound_file {
            Some(path) => OwnSound::Loading(
                jobs.spawn(format!("Sound of {}", clip.name), move |control| read_sound(&path, control)),
            ),
            None => OwnSound::None,
        };
        let thumbnail_job = match (&media, &table) {
            (Some(media), Some(table)) if !table.is_empty() => {
                let (media, table) = (media.clone(), Arc::clone(table));
                Some(jobs.spawn("Thumbnails", move |control| thumbnails(&media, &table, control)))
            }
            _ => None,
        };
        let mut open = Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            clip,
            table,
            server,
            material,
            frame_size,
            duration_secs,
            notes,
            own_sound,
            thumbnails: Vec::new(),
            thumbnail_job,
            truth_spans: Vec::new(),
            frame: 0,
        };
        open.find_truth_spans();
        open
    }

    pub fn frame_count(&self) -> usize {
        self.table.as_ref().map_or(0, |table| table.len())
    }

    /// The frame on screen, or the nearest one while it is being decoded.
    pub fn shown_frame(&self) -> Option<Arc<Frame>> {
        let server = self.server.as_ref()?;
        server.get(self.frame).or_else(|| server.nearest(self.frame))
    }

    /// When a frame is shown, seconds of the clip; the clip's start where there are no frames.
    pub fn frame_secs(&self, frame: usize) -> f64 {
        match &self.table {
            Some(table) if !table.is_empty() => table.time_secs(frame.min(table.len() - 1)),
            _ => 0.0,
        }
    }

    /// The frame on screen at `secs`.
    pub fn frame_at(&self, secs: f64) -> usize {
        match &self.table {
            // A frame is due from its own time on; the tolerance is for positions that were made from such a time.
            Some(table) if !table.is_empty() => table.index_at(secs + DUE_TOLERANCE_SECS),
            _ => 0,
        }
    }

    pub fn frame_times(&self) -> Vec<f64> {
        (0..self.frame_count()).map(|frame| self.frame_secs(frame)).collect()
    }

    /// Bytes of decoded frames and their budget.
    pub fn frame_bytes(&self) -> Option<(usize, usize)> {
        let statistics = self.server.as_ref()?.statistics();
        Some((statistics.bytes, statistics.budget_bytes))
    }

    pub fn annotations(&self) -> Option<&ClipAnnotations> {
        self.clip.annotations.as_ref()
    }

    pub fn has_annotations(&self) -> bool {
        self.clip.annotations.is_some()
    }

    pub fn set_annotations(&mut self, annotations: Option<ClipAnnotations>) {
        self.clip.annotations = annotations;
        self.find_truth_spans();
    }

    fn moment(&self, frame: usize) -> Moment {
        let secs = self.frame_secs(frame);
        let until = if frame + 1 < self.frame_count() { self.frame_secs(frame + 1) } else { self.duration_secs };
        Moment::of_frame(frame as u64, secs, (until - secs).max(0.0))
    }

    /// The frame as boxes of the clip name it that are of single moments.
    pub fn span_of_frame(&self, frame: usize) -> Span {
        let secs = self.frame_secs(frame);
        let boxes = self.annotations().map(ClipAnnotations::boxes).unwrap_or_default();
        let in_secs = boxes.iter().any(|one| matches!(one.span, Span::Secs(_) | Span::Interval { .. }));
        match self.annotations().and_then(|truth| truth.frame_rate) {
            _ if in_secs => Span::Secs(secs),
            Some(rate) => Span::Frame((secs * rate).round() as u64),
            None => Span::Frame(frame as u64),
        }
    }

    pub fn boxes_at(&self, frame: usize) -> Vec<ShownBox> {
        let Some(annotations) = self.annotations() else { return Vec::new() };
        annotations
            .at(self.moment(frame))
            .iter()
            .filter(|shown| shown.annotation.visible)
            .map(|shown| ShownBox {
                rect_fraction: shown.rect_fraction,
                annotation: shown.annotation.clone(),
                between_keys: shown.between_keys,
                label: shown.annotation.label.clone(),
                sounding: Some(shown.sounding),
            })
            .collect()
    }

    /// Stretches with something that sounds in view, for the timeline's truth lane.
    pub fn truth_spans(&self) -> &[(f64, f64)] {
        &self.truth_spans
    }

    fn find_truth_spans(&mut self) {
        self.truth_spans.clear();
        let Some(annotations) = self.clip.annotations.as_ref().filter(|annotations| !annotations.is_empty()) else {
            return;
        };
        if annotations.boxes().iter().all(|one| one.span == Span::Whole) && annotations.sounds_at(0.0).next().is_none()
        {
            self.truth_spans.push((0.0, self.duration_secs));
            return;
        }
        let mut spans: Vec<(f64, f64)> = Vec::new();
        for frame in 0..self.frame_count() {
            let moment = self.moment(frame);
            let (start, end) = (moment.time_secs, moment.time_secs + moment.lasts_secs);
            if annotations.at(moment).iter().any(|shown| shown.sounding && shown.annotation.visible) {
                match spans.last_mut() {
                    Some(last) if start - last.1 < 1e-6 => last.1 = end,
                    _ => spans.push((start, end)),
                }
            }
        }
        self.truth_spans = spans;
    }
}

/// Small pictures evenly over the clip, each of the key frame at or before its place; fewer if it was cancelled or
/// frames are damaged. Runs in a job.
fn thumbnails(media: &Media, table: &Arc<FrameTable>, control: &JobControl) -> Vec<Picture> {
    let mut reader = VideoReader::new(media, Arc::clone(table), control.stop_flag());
    let mut pictures: Vec<Picture> = Vec::new();
    let mut last = None;
    for place in 0..THUMBNAILS {
        if control.is_cancelled() {
            break;
        }
        let frame = table.len() * place / THUMBNAILS;
        let key = table.group(frame).start;
        // Short groups of pictures are worth the exact frame.
        let frame = if frame - key <= EXACT_WITHIN { frame } else { key };
        if last == Some(frame)
            && let Some(same) = pictures.last().cloned()
        {
            pictures.push(same);
            continue;
        }
        if let Ok(decoded) = reader.frame(frame) {
            pictures.push(decoded.to_thumbnail(THUMBNAIL_SIDE));
            last = Some(frame);
        }
        control.set_progress(place as f32 / THUMBNAILS as f32);
    }
    pictures
}

const THUMBNAILS: usize = 32;
const THUMBNAIL_SIDE: u32 = 112;
const EXACT_WITHIN: usize = 12;
