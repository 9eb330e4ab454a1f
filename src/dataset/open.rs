//! From a path to a dataset: what is it, and what belongs to it.

use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::clip::{Benchmark, Clip, ClipMedia, Dataset};
use super::error::DatasetError;
use super::formats::{self, AnnotationSet, Format, Item};
use super::identity;
use super::join::{Parts, scored_frame};
use super::media_index::MediaIndex;
use super::project::Project;
use super::report::Report;

/// Bytes that are looked at to tell what a file is.
const SNIFFED_BYTES: u64 = 4096;

/// What a file's first bytes say that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    Image,
    Video,
    Sound,
    Json,
    Xml,
    Sqlite,
    Numpy,
    /// Readable text that is neither JSON nor XML.
    Text,
    Empty,
    Unknown,
}

impl FileKind {
    /// Tells a kind by content.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        let at = |offset: usize, magic: &[u8]| bytes.get(offset..).is_some_and(|rest| rest.starts_with(magic));
        if bytes.is_empty() {
            return Self::Empty;
        }
        if at(0, b"\x89PNG") || at(0, b"\xff\xd8\xff") || at(0, b"BM") && bytes.len() > 14 && at(6, &[0, 0, 0, 0]) {
            return Self::Image;
        }
        if at(0, b"RIFF") {
            return match bytes.get(8..12) {
                Some(b"WEBP") => Self::Image,
                Some(b"WAVE") => Self::Sound,
                _ => Self::Video,
            };
        }
        if at(4, b"ftyp") {
            return if at(8, b"M4A") { Self::Sound } else { Self::Video };
        }
        let video = [
            &b"\x1a\x45\xdf\xa3"[..],
            b"FLV\x01",
            b"\x00\x00\x01\xba",
            b"\x00\x00\x01\xb3",
            b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
        ];
        if video.iter().any(|magic| at(0, magic)) || (at(4, b"moov") || at(4, b"mdat") || at(4, b"wide")) {
            return Self::Video;
        }
        // MPEG transport streams repeat their sync byte every 188 bytes.
        if at(0, &[0x47]) && at(188, &[0x47]) && at(376, &[0x47]) {
            return Self::Video;
        }
        if at(0, b"ID3") || at(0, b"fLaC") || at(0, b"FORM") && at(8, b"AIF") {
            return Self::Sound;
        }
        if at(0, b"OggS") {
            return if bytes.windows(6).any(|window| window == b"theora") { Self::Video } else { Self::Sound };
        }
        // An MPEG audio or ADTS frame header.
        if bytes.len() > 2 && bytes[0] == 0xff && bytes[1] & 0xe0 == 0xe0 && bytes[1] != 0xff && bytes[1] != 0xfe {
            return Self::Sound;
        }
        if at(0, b"SQLite format 3\0") {
            return Self::Sqlite;
        }
        if at(0, b"\x93NUMPY") || at(0, b"PK\x03\x04") {
            return Self::Numpy;
        }
        Self::of_text(bytes)
    }

    fn of_text(bytes: &[u8]) -> Self {
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let valid = match std::str::from_utf8(text) {
            Ok(_) => true,
            // A character may be cut at the end of what was read.
            Err(error) => error.valid_up_to() + 4 > text.len() && error.error_len().is_none(),
        };
        let control = text.iter().any(|byte| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c));
        if !valid || control {
            return Self::Unknown;
        }
        match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
            None => Self::Empty,
            Some(b'{' | b'[') => Self::Json,
            Some(b'<') => Self::Xml,
            Some(_) => Self::Text,
        }
    }

    /// Guesses a kind by the name's extension, where opening every file would take too long.
    pub fn of_name(path: &Path) -> Self {
        let extension = path.extension().map(|own| own.to_string_lossy().to_lowercase()).unwrap_or_default();
        match extension.as_str() {
            "jpg" | "jpeg" | "png" | "bmp" | "webp" => Self::Image,
            "mp4" | "mkv" | "avi" | "mov" | "webm" | "m4v" | "mpg" | "mpeg" | "ts" | "flv" | "wmv" | "3gp" => {
                Self::Video
            }
            "wav" | "flac" | "mp3" | "ogg" | "opus" | "m4a" | "aac" | "aif" | "aiff" => Self::Sound,
            "json" => Self::Json,
            "xml" => Self::Xml,
            "csv" | "txt" => Self::Text,
            "npy" | "npz" => Self::Numpy,
            "db" | "sqlite" | "sonolens" => Self::Sqlite,
            _ => Self::Unknown,
        }
    }

    /// Tells the kind of a file by its first bytes.
    pub fn of_file(path: &Path) -> Result<Self, DatasetError> {
        let mut head = Vec::new();
        let file = std::fs::File::open(path).map_err(|error| DatasetError::io(path, error))?;
        file.take(SNIFFED_BYTES).read_to_end(&mut head).map_err(|error| DatasetError::io(path, error))?;
        Ok(Self::of_bytes(&head))
    }
}

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
