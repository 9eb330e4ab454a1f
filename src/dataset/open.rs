//! From a path to a dataset: what is it, and what belongs to it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::clip::{Benchmark, Clip, ClipMedia, Dataset};
use super::error::DatasetError;
use super::file_kind::FileKind;
use super::formats::{self, AnnotationSet, Format, Item};
use super::identity;
use super::join::{Parts, scored_frame};
use super::media_index::MediaIndex;
use super::project::Project;
use super::report::Report;

/// Opens whatever `path` is: a video, an image, a sound, a folder, an annotation file, a list or a project.
///
/// A list or an annotation file brings the media and annotations that lie in its folder.
///
/// # Errors
/// The file cannot be read, is damaged, or is nothing that is known; the message says which and where.
pub fn open(path: &Path) -> Result<Dataset, DatasetError> {
    if std::fs::metadata(path).map_err(|error| DatasetError::io(path, error))?.is_dir() {
        return open_folder(path);
    }
    match FileKind::of_file(path)? {
        FileKind::Video => single(path, ClipMedia::Video(path.to_owned())),
        FileKind::Image => single(path, ClipMedia::StillAndSound { image: path.to_owned(), sound: sound_beside(path) }),
        FileKind::Sound => single(path, ClipMedia::Sound(path.to_owned())),
        // Any text could be a list of clips; one that bears a video's name is a damaged download rather.
        FileKind::Text if matches!(FileKind::of_name(path), FileKind::Video | FileKind::Image | FileKind::Sound) => {
            Err(DatasetError::unrecognized(path, "text, though its name is that of a video, a picture or a sound"))
        }
        FileKind::Json | FileKind::Xml | FileKind::Text | FileKind::Numpy => open_annotations(path),
        FileKind::Empty => Err(DatasetError::malformed(path, None, "the file is empty")),
        FileKind::Sqlite => Project::open(path)?.dataset(),
        FileKind::Unknown => open_annotations_of_unknown(path),
    }
}

/// Text in a doubtful encoding gets the reader's own message; anything else is not ours.
fn open_annotations_of_unknown(path: &Path) -> Result<Dataset, DatasetError> {
    let is_text = ["csv", "txt", "json", "xml"].iter().any(|known| path.extension().is_some_and(|own| own == *known));
    if is_text {
        return open_annotations(path);
    }
    Err(DatasetError::unrecognized(path, "neither a video, an image, a sound, annotations nor a list"))
}

/// A dataset of the one file that was opened, with the annotations that lie beside it under its name.
fn single(path: &Path, media: ClipMedia) -> Result<Dataset, DatasetError> {
    let name = identity::file_name(path);
    let id = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let mut report =
        Report { listed: 1, present: 1, sources: vec![path.to_owned()], layout: None, ..Report::default() };
    let mut annotations = None;
    for extension in SIDECARS {
        let beside = path.with_extension(extension);
        if !beside.is_file() || beside == path {
            continue;
        }
        match formats::read(&beside) {
            Ok(set) => {
                let key = identity::key(&name).into_owned();
                let own = set.items.into_iter().find(|item| item.key() == key);
                if let Some(truth) = own.and_then(|item| item.annotations) {
                    report.boxes = truth.boxes().len();
                    report.sources.push(beside);
                    annotations = Some(truth);
                    break;
                }
            }
            // A sidecar of our own that is broken is an error; any other file of that name may be somebody else's.
            Err(error) if extension == SIDECARS[0] => return Err(error),
            Err(error) => report.note("a file of the same name is not understood", error.to_string()),
        }
    }
    let scored = scored_frame(&media, annotations.as_ref());
    let clip = Clip { id, name: name.clone(), media, class: None, split: None, negative: None, scored, annotations };
    Ok(Dataset { name, path: path.to_owned(), benchmark: Benchmark::Plain, clips: vec![clip], report })
}

/// Extensions under which annotations of a clip lie beside it, ours first.
const SIDECARS: [&str; 3] = ["sonolens.json", "json", "xml"];

/// The sound file of the same name as a picture.
fn sound_beside(image: &Path) -> Option<PathBuf> {
    ["wav", "flac", "mp3", "ogg", "m4a"].iter().map(|known| image.with_extension(known)).find(|path| path.is_file())
}

/// Names of folders that hold a benchmark's media, beside the folder of its lists.
const MEDIA_FOLDERS: [&str; 10] =
    ["frames", "audio", "audios", "videos", "video", "images", "visual_frames", "audio_wav", "audio_waw", "gt_masks"];

/// A dataset from an annotation file or list, with what lies around it.
fn open_annotations(path: &Path) -> Result<Dataset, DatasetError> {
    let set = formats::read(path)?;
    let mut report = Report::default();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut media = MediaIndex::of_folder(folder, &mut report)?;
    if media.is_empty() {
        // Lists and annotations often lie in a folder of their own, with the media beside it.
        let beside = folder.canonicalize().ok().and_then(|folder| Some(folder.parent()?.to_owned()));
        if let Some(parent) = beside.filter(|parent| MEDIA_FOLDERS.iter().any(|name| parent.join(name).is_dir())) {
            let other = std::mem::take(&mut media.other);
            media = MediaIndex::of_folder(&parent, &mut report)?;
            media.other = other;
        }
    }
    let mut parts = Parts { report, ..Parts::default() };
    match set.format {
        Format::List | Format::SilentList => {
            let others: Vec<PathBuf> = media.other.iter().filter(|other| *other != path).cloned().collect();
            let found = gather(&others, &mut Report::default());
            let keys: HashSet<String> = set.items.iter().map(Item::key).collect();
            let silent = set.format == Format::SilentList;
            let speaks_of = |truth: &AnnotationSet| silent || truth.items.iter().any(|item| keys.contains(&item.key()));
            parts.truths = found.truths.into_iter().filter(|(_, truth)| speaks_of(truth)).collect();
            if silent {
                // Opened by itself, a list of negatives is all there is: the truths only tell the classes.
                let sounds = set.items.len();
                parts.report.note("only negatives: the positives come from another list", format!("{sounds} pairs"));
                parts.list = Some((path.to_owned(), AnnotationSet::new(Format::List, set.benchmark, Vec::new())));
                parts.negatives = Some((path.to_owned(), set));
            } else {
                parts.list = Some((path.to_owned(), set));
            }
        }
        Format::UrbansasVideo | Format::UrbansasAudio => {
            let other = if set.format == Format::UrbansasVideo { Format::UrbansasAudio } else { Format::UrbansasVideo };
            parts.truths.push((path.to_owned(), set));
            let found = gather(&media.other, &mut parts.report);
            parts.truths.extend(found.truths.into_iter().find(|(_, set)| set.format == other));
        }
        _ => parts.truths.push((path.to_owned(), set)),
    }
    parts.media = media;
    Ok(parts.into_dataset(path))
}

/// Most files of annotations that one folder may hold (one a picture, in Flickr-SoundNet and VOC).
const MAX_ANNOTATION_FILES: usize = 1_000_000;

/// Annotations and lists found in a folder.
#[derive(Default)]
struct Found {
    truths: Vec<(PathBuf, AnnotationSet)>,
    lists: Vec<(PathBuf, AnnotationSet)>,
    negatives: Vec<(PathBuf, AnnotationSet)>,
}

fn gather(files: &[PathBuf], report: &mut Report) -> Found {
    let mut found = Found::default();
    for path in files.iter().take(MAX_ANNOTATION_FILES) {
        let known = ["json", "xml", "csv", "txt", "npy"];
        if !path.extension().is_some_and(|own| known.iter().any(|known| own.eq_ignore_ascii_case(known))) {
            continue;
        }
        match formats::read(path) {
            Ok(set) => match set.format {
                Format::List => found.lists.push((path.clone(), set)),
                Format::SilentList => found.negatives.push((path.clone(), set)),
                _ => found.truths.push((path.clone(), set)),
            },
            Err(error) => report.note("files that are not understood", error.to_string()),
        }
    }
    found
}

/// A dataset from a folder: annotations, the list that chooses among them, and the media.
fn open_folder(folder: &Path) -> Result<Dataset, DatasetError> {
    let mut report = Report::default();
    let media = MediaIndex::of_folder(folder, &mut report)?;
    let Found { truths, lists, mut negatives } = gather(&media.other, &mut report);
    let mut known: HashSet<String> = media.clip_keys().into_iter().collect();
    known.extend(truths.iter().flat_map(|(_, set)| set.items.iter().map(Item::key)));
    // A text of words looks like a list, too: a list is one when half of it is known here.
    let (mut lists, strangers): (Vec<_>, Vec<_>) = lists.into_iter().partition(|(_, list)| {
        let hits = list.items.iter().filter(|item| known.contains(&item.key())).count();
        hits * 2 >= list.items.len()
    });
    for (path, _) in &strangers {
        report.note("texts that name no clip of this folder", identity::file_name(path));
    }
    if media.is_empty() && truths.is_empty() && negatives.is_empty() {
        // Lists alone: an annotation folder without its media.
        lists.extend(strangers.into_iter().filter(|(_, list)| list.benchmark != Benchmark::Plain));
        if lists.is_empty() {
            let nothing = "the folder holds no videos, pictures, sounds or annotations".to_owned();
            let unread: Vec<String> = report.notes.iter().flat_map(|note| note.examples.clone()).take(1).collect();
            let message =
                unread.first().map_or(nothing.clone(), |first| format!("{nothing} that are understood; {first}"));
            return Err(DatasetError::unrecognized(folder, message));
        }
    }
    lists.sort_by_key(|(_, list)| std::cmp::Reverse(list.items.len()));
    let mut lists = lists.into_iter();
    let list = lists.next();
    for (path, other) in lists {
        let example = format!("{} ({})", identity::file_name(&path), other.items.len());
        report.note("other lists, open one to choose it; the longest was taken", example);
    }
    let extra = if negatives.len() > 1 { negatives.split_off(1) } else { Vec::new() };
    for (path, _) in extra {
        report.note("other lists of negatives were left out", identity::file_name(&path));
    }
    Ok(Parts { truths, list, negatives: negatives.pop(), media, report }.into_dataset(folder))
}
