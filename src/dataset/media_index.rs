//! What media lie in a folder, found by id.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::error::{DatasetError, Problem};
use super::file_kind::FileKind;
use super::identity;
use super::report::Report;

/// Folders nest no deeper in any published layout; deeper ones are left out with a note.
const MAX_DEPTH: usize = 8;

/// A bound on what one folder may hold: twenty times VGG-Sound.
const MAX_FILES: usize = 4_000_000;

/// Names of folders whose pictures are masks, not frames.
const MASK_FOLDERS: [&str; 8] =
    ["gt_masks", "gray_masks", "masks", "gt_segmentation", "segmentation", "labels_rgb", "labels_semantic", "gt"];

/// Media and other files below a folder.
#[derive(Debug, Default)]
pub struct MediaIndex {
    root: PathBuf,
    images: ByKey,
    masks: ByKey,
    sounds: ByKey,
    videos: ByKey,
    /// Files that are no media: annotations, lists, and whatever else.
    pub other: Vec<PathBuf>,
}

/// Files by the spelling of their id.
#[derive(Debug, Default)]
struct ByKey {
    files: Vec<PathBuf>,
    by_key: HashMap<String, Vec<usize>>,
    by_folder: HashMap<String, Vec<usize>>,
}

impl ByKey {
    fn add(&mut self, path: PathBuf) {
        let name = identity::file_name(&path);
        let place = self.files.len();
        self.by_key.entry(identity::key(&name).into_owned()).or_default().push(place);
        if let Some(folder) = path.parent().and_then(Path::file_name) {
            let folder = folder.to_string_lossy();
            self.by_folder.entry(identity::key(&folder).into_owned()).or_default().push(place);
        }
        self.files.push(path);
    }

    /// The file that `wanted` (an id, or a path of another machine) means, and how many would do as well.
    fn find(&self, wanted: &str) -> Option<(&Path, usize)> {
        let key = identity::key(wanted);
        let candidates = self.by_key.get(key.as_ref())?;
        let parts: Vec<&str> = wanted.split(['/', '\\']).rev().skip(1).filter(|part| !part.is_empty()).collect();
        let score = |place: usize| {
            let folders = self.files[place].parent().into_iter().flat_map(Path::iter).rev();
            folders.zip(&parts).take_while(|(own, part)| own.to_string_lossy() == **part).count()
        };
        // A bare frame number says nothing without the folders around it.
        let needed = if is_frame_number(&key) { parts.len().min(2) } else { 0 };
        let best = candidates.iter().map(|place| score(*place)).max().filter(|best| *best >= needed)?;
        let mut equal = candidates.iter().filter(|place| score(**place) == best);
        let first = *equal.next()?;
        Some((&self.files[first], 1 + equal.count()))
    }

    /// The files in the folder named like the clip.
    fn in_folder(&self, key: &str) -> Vec<&Path> {
        let mut files: Vec<&Path> =
            self.by_folder.get(key).into_iter().flatten().map(|place| self.files[*place].as_path()).collect();
        files.sort();
        files
    }
}

fn is_frame_number(key: &str) -> bool {
    key.len() <= 7 && key.bytes().all(|byte| byte.is_ascii_digit())
}

impl MediaIndex {
    /// Walks a folder. Media are told by their names here, and by their content once they are opened.
    ///
    /// # Errors
    /// The folder itself cannot be read, or holds more than four million files; folders below that cannot be read
    /// are noted.
    pub fn of_folder(folder: &Path, report: &mut Report) -> Result<Self, DatasetError> {
        let mut index = Self { root: folder.to_owned(), ..Self::default() };
        let mut visited = HashSet::new();
        let mut waiting = vec![(folder.to_owned(), 0)];
        let mut count = 0;
        while let Some((current, depth)) = waiting.pop() {
            // Links may lead back up: each folder is walked once under its real name.
            let real = std::fs::canonicalize(&current).map_err(|error| DatasetError::io(&current, error));
            let entries = real.and_then(|real| {
                let new = visited.insert(real);
                let entries = std::fs::read_dir(&current).map_err(|error| DatasetError::io(&current, error))?;
                Ok(new.then_some(entries))
            });
            let entries = match entries {
                Ok(Some(entries)) => entries,
                Ok(None) => continue,
                Err(error) if depth == 0 => return Err(error),
                Err(error) => {
                    report.note("folders that cannot be read", error.to_string());
                    continue;
                }
            };
            let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
            paths.sort();
            for path in paths {
                if identity::file_name(&path).starts_with('.') {
                    continue;
                }
                if path.is_dir() {
                    if depth < MAX_DEPTH {
                        waiting.push((path, depth + 1));
                    } else {
                        report.note("folders nested too deep were left out", path.display().to_string());
                    }
                    continue;
                }
                count += 1;
                if count > MAX_FILES {
                    let problem =
                        Problem::TooLarge { what: "the number of files", found: count as u64, limit: MAX_FILES as u64 };
                    return Err(DatasetError::new(folder, problem));
                }
                index.add(path);
            }
        }
        index.other.sort();
        Ok(index)
    }

    /// Adds one file by its name.
    fn add(&mut self, path: PathBuf) {
        match FileKind::of_name(&path) {
            FileKind::Image => {
                let is_mask = path
                    .parent()
                    .into_iter()
                    .flat_map(Path::iter)
                    .any(|part| MASK_FOLDERS.iter().any(|mask| part.to_string_lossy().eq_ignore_ascii_case(mask)));
                if is_mask { self.masks.add(path) } else { self.images.add(path) }
            }
            FileKind::Sound => self.sounds.add(path),
            FileKind::Video => self.videos.add(path),
            _ => self.other.push(path),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.media_count() == 0
    }

    /// Number of pictures, sounds and videos, masks left out.
    pub fn media_count(&self) -> usize {
        self.images.files.len() + self.sounds.files.len() + self.videos.files.len()
    }

    pub fn image(&self, wanted: &str, report: &mut Report) -> Option<PathBuf> {
        one(&self.images, wanted, report).or_else(|| {
            let files = self.images.in_folder(&identity::key(wanted));
            // A folder of frames stands for its middle one, as the benchmarks took it.
            let middle = files.get(files.len() / 2)?;
            if files.len() > 1 {
                let example = format!("{wanted}: {} of {}", identity::file_name(middle), files.len());
                report.note("clips whose picture is the middle one of their folder", example);
            }
            Some(middle.to_path_buf())
        })
    }

    pub fn sound(&self, wanted: &str, report: &mut Report) -> Option<PathBuf> {
        one(&self.sounds, wanted, report).or_else(|| match self.sounds.in_folder(&identity::key(wanted)).as_slice() {
            [only] => Some(only.to_path_buf()),
            _ => None,
        })
    }

    pub fn video(&self, wanted: &str, report: &mut Report) -> Option<PathBuf> {
        one(&self.videos, wanted, report).or_else(|| match self.videos.in_folder(&identity::key(wanted)).as_slice() {
            [only] => Some(only.to_path_buf()),
            _ => None,
        })
    }

    pub fn mask(&self, wanted: &str, report: &mut Report) -> Option<PathBuf> {
        one(&self.masks, wanted, report)
    }

    /// Ids of all clips that the media alone make: videos, pictures, and sounds that belong to neither.
    pub fn clip_keys(&self) -> Vec<String> {
        let visible = self.videos.by_key.keys().chain(self.images.by_key.keys());
        let mut keys: BTreeSet<String> = visible.cloned().collect();
        let per_clip_folders = self.per_clip_folders();
        if !per_clip_folders.is_empty() {
            keys = per_clip_folders;
        }
        let heard = self.sounds.by_key.iter().filter(|(_, places)| {
            places.iter().all(|place| {
                let folder = self.sounds.files[*place].parent().and_then(Path::file_name).unwrap_or_default();
                !keys.contains(identity::key(&folder.to_string_lossy()).as_ref())
            })
        });
        keys.extend(heard.map(|(key, _)| key.clone()).collect::<Vec<_>>());
        keys.into_iter().collect()
    }

    /// Names of folders that hold one sound and one picture or more, of different names: one clip each.
    fn per_clip_folders(&self) -> BTreeSet<String> {
        let folders = self.sounds.by_folder.iter().filter(|(_, sounds)| sounds.len() == 1).map(|(folder, _)| folder);
        let is_clip = |folder: &&String| {
            let images = self.images.in_folder(folder);
            let sounds = self.sounds.in_folder(folder);
            let root = self.root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let shares_name =
                images.iter().any(|image| image.file_stem() == sounds.first().and_then(|s| s.file_stem()));
            !images.is_empty() && !shares_name && **folder != identity::key(&root)
        };
        folders.filter(is_clip).cloned().collect()
    }

    /// How the media lie, in words.
    pub fn layout(&self) -> Option<String> {
        if !self.per_clip_folders().is_empty() {
            return Some("a folder for each clip".into());
        }
        let parts =
            [("images", &self.images), ("sounds", &self.sounds), ("videos", &self.videos), ("masks", &self.masks)];
        let described: Vec<String> = parts
            .into_iter()
            .filter(|(_, files)| !files.files.is_empty())
            .map(|(kind, files)| {
                let mut tops: BTreeSet<String> = files.files.iter().map(|file| self.top_folder(file)).collect();
                match (tops.pop_first(), tops.is_empty()) {
                    (Some(top), true) if !top.is_empty() => format!("{kind} in {top}/"),
                    _ => kind.to_owned(),
                }
            })
            .collect();
        (!described.is_empty()).then(|| described.join(", "))
    }

    fn top_folder(&self, file: &Path) -> String {
        let below = file.strip_prefix(&self.root).unwrap_or(file);
        let mut parts: Vec<String> = below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        parts.pop();
        parts.into_iter().next().unwrap_or_default()
    }
}

fn one(files: &ByKey, wanted: &str, report: &mut Report) -> Option<PathBuf> {
    let (path, equal) = files.find(wanted)?;
    if equal > 1 {
        let example = format!("{wanted}: {} of {equal}", path.display());
        report.note("several files have one id; the first by name was taken", example);
    }
    Some(path.to_owned())
}
