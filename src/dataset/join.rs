//! Annotations, lists and media become clips.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::annotation::{ClipAnnotations, Span};
use super::clip::{Benchmark, Clip, ClipMedia, Dataset, NegativeKind, ScoredFrame};
use super::formats::{AnnotationSet, Format, Item, MediaKind};
use super::identity;
use super::media_index::MediaIndex;
use super::report::Report;

/// What was read from files before it becomes a dataset.
#[derive(Default)]
pub struct Parts {
    /// Ground truth, in the order in which it counts.
    pub truths: Vec<(PathBuf, AnnotationSet)>,
    /// The list that chooses the clips; without one, everything that is annotated counts.
    pub list: Option<(PathBuf, AnnotationSet)>,
    /// A list of negatives, which come in addition.
    pub negatives: Option<(PathBuf, AnnotationSet)>,
    pub media: MediaIndex,
    pub report: Report,
}

impl Parts {
    /// Joins everything by the clips' ids.
    pub fn into_dataset(self, path: &Path) -> Dataset {
        let Self { truths, list, negatives, media, mut report } = self;
        let benchmark = benchmark_of(&truths, list.as_ref(), negatives.as_ref());
        let annotated = !truths.is_empty();
        let truth = merged(truths, &mut report);
        let mut by_key: HashMap<String, usize> = HashMap::new();
        for (place, item) in truth.iter().enumerate() {
            by_key.entry(item.key()).or_insert(place);
        }
        let chosen: Vec<Item> = match list {
            Some((list_path, list)) => {
                report.list = Some(list_name(&list_path, &list));
                report.sources.push(list_path);
                report.notes.extend(list.notes);
                let split = report.list.clone();
                list.items.into_iter().map(|row| listed(row, &truth, &by_key, &split, &mut report, annotated)).collect()
            }
            None if annotated => truth.clone(),
            None => media.clip_keys().into_iter().map(|key| Item { picture: key, ..Item::default() }).collect(),
        };
        let positives = chosen.len();
        let mut items = chosen;
        if let Some((list_path, set)) = negatives {
            let name = list_name(&list_path, &set);
            report.list = Some(report.list.take().map_or_else(|| name.clone(), |list| format!("{list} + {name}")));
            report.sources.push(list_path);
            let class = |name: &str| truth.get(*by_key.get(identity::key(name).as_ref())?)?.class.clone();
            items.extend(set.items.into_iter().map(|mut item| {
                let sound = item.sound.clone().unwrap_or_default();
                item.negative = item.negative.map(|kind| sorted_negative(kind, class(&item.picture), class(&sound)));
                item.class = class(&item.picture);
                item.split = Some(name.clone());
                item
            }));
        }
        let mut clips = Vec::with_capacity(items.len());
        let mut taken = HashSet::new();
        for item in items {
            let clip = clip_of(item, &media, &mut report);
            if taken.insert(clip.id.clone()) {
                clips.push(clip);
            } else {
                report.note("clips of an id that was there already were left out", clip.id);
            }
        }
        finish_report(&mut report, &clips, &media, annotated);
        log::debug!("{}: {} clips, {positives} of them positive", path.display(), clips.len());
        Dataset { name: identity::file_name(path), path: path.to_owned(), benchmark, clips, report }
    }
}

/// A list's row with what is known of its clip.
fn listed(
    row: Item,
    truth: &[Item],
    by_key: &HashMap<String, usize>,
    split: &Option<String>,
    report: &mut Report,
    annotated: bool,
) -> Item {
    let key = row.key();
    let mut item = match by_key.get(&key).and_then(|place| truth.get(*place)) {
        Some(known) => Item { class: row.class.or_else(|| known.class.clone()), ..known.clone() },
        None => {
            if annotated {
                report.unannotated.push(key);
            }
            row
        }
    };
    item.split = split.clone();
    item
}

fn sorted_negative(kind: NegativeKind, seen: Option<String>, heard: Option<String>) -> NegativeKind {
    match (kind, seen, heard) {
        (NegativeKind::Swapped, Some(seen), Some(heard)) if seen == heard => NegativeKind::Hard,
        (NegativeKind::Swapped, Some(_), Some(_)) => NegativeKind::Easy,
        _ => kind,
    }
}

/// The items of all truths; what a second file adds to a clip (masks, sounds) joins, what contradicts is noted.
fn merged(truths: Vec<(PathBuf, AnnotationSet)>, report: &mut Report) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (path, set) in truths {
        report.notes.extend(set.notes);
        if report.sources.last() != Some(&path) {
            report.sources.push(path.clone());
        }
        for item in set.items {
            let key = item.key();
            match places.get(&key) {
                Some(place) => add_truth(&mut items[*place], item, &path, report),
                None => {
                    places.insert(key, items.len());
                    items.push(item);
                }
            }
        }
    }
    items
}

fn add_truth(known: &mut Item, item: Item, path: &Path, report: &mut Report) {
    known.class = known.class.take().or(item.class);
    known.sound = known.sound.take().or(item.sound);
    known.frame_size = known.frame_size.or(item.frame_size);
    let Some(more) = item.annotations else { return };
    let own = known.annotations.take().unwrap_or_default();
    let (sounds, masks) = (more.sounds.clone(), more.masks.clone());
    let rate = own.frame_rate.or(more.frame_rate);
    let (mut own_sounds, mut own_masks) = (own.sounds.clone(), own.masks.clone());
    let mut boxes = own.into_boxes();
    let others = more.into_boxes();
    if boxes.is_empty() {
        boxes = others;
    } else if !others.is_empty() && others != boxes {
        let example = format!("{} in {}", known.key(), identity::file_name(path));
        // Label files of single frames complete each other; two opinions on one frame do not.
        if others.iter().all(|other| boxes.iter().all(|own| own.span != other.span)) {
            boxes.extend(others);
        } else {
            report.note("boxes were there already from an earlier file; the later ones were left out", example);
        }
    }
    own_sounds.extend(sounds);
    own_masks.extend(masks);
    let mut all = ClipAnnotations::of_boxes(boxes).with_sounds(own_sounds).with_frame_rate(rate);
    all.masks = own_masks;
    known.annotations = Some(all);
}

impl ClipMedia {
    fn of_item(item: &Item, media: &MediaIndex, report: &mut Report) -> Self {
        let picture = item.picture.as_str();
        let sound_name = item.sound.as_deref().unwrap_or(picture);
        // The negatives' sound is another clip's, which may only be there as a video.
        let other_sound = item.sound.is_some() && identity::key(sound_name) != identity::key(picture);
        let video = || media.video(picture, &mut Report::default());
        let image = if item.kind == MediaKind::Video { None } else { media.image(picture, report) };
        let mut sound = media.sound(sound_name, report);
        if other_sound && sound.is_none() {
            sound = media.video(sound_name, report);
        }
        if item.kind == MediaKind::Sound {
            return match sound {
                Some(sound) => Self::Sound(sound),
                None => Self::Missing { wanted: vec![sound_name.to_owned()] },
            };
        }
        match (image, video(), sound) {
            (Some(image), None, sound) | (Some(image), _, sound @ Some(_)) => {
                if other_sound && sound.is_none() {
                    return Self::Missing { wanted: vec![sound_name.to_owned()] };
                }
                Self::StillAndSound { image, sound }
            }
            // Urbansas's videos are mute, with the sound in a file beside them; negatives hear another clip.
            (_, Some(video), Some(sound)) if item.sound.is_some() => Self::VideoAndSound { video, sound },
            (_, Some(_), None) if other_sound => Self::Missing { wanted: vec![sound_name.to_owned()] },
            (_, Some(video), _) => Self::Video(video),
            (None, None, Some(sound)) if item.kind == MediaKind::Unsaid && item.annotations.is_none() => {
                Self::Sound(sound)
            }
            (None, None, found) => {
                let mut wanted = vec![picture.to_owned()];
                if let (None, Some(sound)) = (found, &item.sound) {
                    wanted.push(sound.clone());
                }
                Self::Missing { wanted }
            }
        }
    }
}

fn clip_of(item: Item, media: &MediaIndex, report: &mut Report) -> Clip {
    let files = ClipMedia::of_item(&item, media, report);
    let id = item.key();
    let mut annotations = item.annotations;
    if let Some(truth) = &mut annotations {
        for mask in &mut truth.masks {
            if let Some(found) = media.mask(&mask.path.to_string_lossy(), report) {
                mask.path = found;
            } else if !media.is_empty() {
                report.note("masks that were not found", mask.path.display().to_string());
            }
        }
    }
    let scored = scored_frame(&files, annotations.as_ref());
    let name = files.picture().or(files.sound()).map_or_else(|| id.clone(), identity::file_name);
    Clip { id, name, media: files, class: item.class, split: item.split, negative: item.negative, scored, annotations }
}

/// Which frame of a clip is scored, by what its annotations say about time.
pub fn scored_frame(media: &ClipMedia, annotations: Option<&ClipAnnotations>) -> ScoredFrame {
    if matches!(media, ClipMedia::StillAndSound { .. }) {
        return ScoredFrame::Still;
    }
    let spans = annotations.map(ClipAnnotations::annotated_spans).unwrap_or_default();
    match spans.as_slice() {
        [] | [Span::Whole] => ScoredFrame::Middle,
        [Span::Secs(secs)] => ScoredFrame::Secs(*secs),
        _ => ScoredFrame::EveryAnnotated,
    }
}

fn benchmark_of(
    truths: &[(PathBuf, AnnotationSet)],
    list: Option<&(PathBuf, AnnotationSet)>,
    negatives: Option<&(PathBuf, AnnotationSet)>,
) -> Benchmark {
    let largest = truths.iter().max_by_key(|(_, set)| set.items.len()).map(|(_, set)| set.benchmark);
    let positive = largest.or(list.map(|(_, set)| set.benchmark)).unwrap_or(Benchmark::Plain);
    match (positive, negatives.map(|(_, set)| set.benchmark)) {
        (Benchmark::Plain | Benchmark::VggSs | Benchmark::FlickrSoundNet, Some(extended)) => extended,
        _ => positive,
    }
}

/// A list by its file's name, its length, and whose list of that length it is.
fn list_name(path: &Path, set: &AnnotationSet) -> String {
    let length = set.items.len();
    let known = match (set.benchmark, set.format, length) {
        (Benchmark::VggSs, _, 5158) => ": all of VGG-SS",
        (Benchmark::VggSs, _, 4911) => ": SSL-TIE's list",
        (Benchmark::VggSs, _, 4692) => ": SSPL's list",
        (Benchmark::VggSs, _, 4670) => ": HearTheFlow's list",
        (Benchmark::VggSs, _, 4655) => ": SSLalignment's list",
        (Benchmark::VggSs, _, 2564) => ": EZ-VSL's heard classes",
        (Benchmark::VggSs, _, 2575) => ": EZ-VSL's unheard classes",
        (Benchmark::VggSs, _, 2425) => ": SSL-TIE's heard classes",
        (Benchmark::VggSs, _, 2463) => ": SSL-TIE's unheard classes",
        (Benchmark::FlickrSoundNet, _, 249) => ": the 249 of LVS, EZ-VSL, SSPL and SSL-TIE",
        (Benchmark::FlickrSoundNet, _, 250) => ": the 250 of SLAVC and SSLalignment",
        (Benchmark::ExtendedVggSs | Benchmark::ExtendedFlickr, Format::SilentList, _) => ": negatives of SLAVC",
        _ => "",
    };
    format!("{} ({length}{known})", identity::file_name(path))
}

fn finish_report(report: &mut Report, clips: &[Clip], media: &MediaIndex, annotated: bool) {
    report.layout = media.layout();
    report.listed = clips.len();
    report.missing = clips.iter().filter(|clip| clip.media.is_missing()).map(|clip| clip.id.clone()).collect();
    report.present = clips.len() - report.missing.len();
    let boxes = || clips.iter().filter_map(|clip| clip.annotations.as_ref()).flat_map(ClipAnnotations::boxes);
    report.boxes = boxes().count();
    report.degenerate_boxes = boxes().filter(|found| found.is_degenerate()).count();
    let hopeless = clips.iter().filter(|clip| {
        clip.negative.is_none()
            && clip.annotations.as_ref().is_some_and(|truth| {
                truth.masks.is_empty() && truth.boxes().iter().all(|found| !found.visible || found.is_degenerate())
            })
    });
    report.without_usable_truth = hopeless.map(|clip| clip.id.clone()).collect();
    for clip in clips.iter().filter(|clip| matches!(clip.media, ClipMedia::StillAndSound { sound: None, .. })) {
        report.note("pictures without a sound", clip.id.clone());
    }
    let used: HashSet<&Path> =
        clips.iter().flat_map(|clip| clip.media.picture().into_iter().chain(clip.media.sound())).collect();
    report.unlisted_media = if annotated { media.media_count().saturating_sub(used.len()) } else { 0 };
}
