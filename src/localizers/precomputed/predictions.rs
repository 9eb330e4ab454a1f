//! Predictions in files: which array belongs to which clip, and which map of it to which frame.

use std::collections::HashMap;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageFormat, ImageReader, Limits};

use crate::geometry::Rect;
use crate::localizers::{LocalizerError, Result};
use crate::network::arrays::{Array, ArrayError, Npz, Values, read_npy};
use crate::network::open_plain;

/// Most that one array may take in memory.
const LARGEST_BYTES: u64 = 2 << 30;
/// Longest side of a map.
const LONGEST_SIDE: usize = 8192;
/// Longest list of ids that is read.
const LONGEST_LIST_BYTES: u64 = 64 << 20;

/// The maps of one clip.
#[derive(Debug, PartialEq)]
pub struct ClipMaps {
    pub rows: usize,
    pub columns: usize,
    values: Vec<f32>,
    hold: Hold,
    /// What of the frame the maps cover, in frame pixels; the whole frame where nothing is said.
    pub rect: Option<Rect>,
    /// What else a score may depend on.
    pub aside: Aside,
}

/// What stands beside the maps of a clip, where whoever saved them knew it.
#[derive(Debug, Default, PartialEq)]
pub struct Aside {
    /// The range that the values can take.
    pub range: Option<[f32; 2]>,
    /// The system's own confidence, one a map.
    confidences: Vec<f32>,
    /// The object map of an object-guided system, one a map: rows, columns, values, and the mixture's numbers.
    objects: Option<(usize, usize, Vec<f32>, Vec<f32>)>,
    /// The maps of the classes that the system tells apart, by frame and class: classes, rows, columns, values.
    classes: Option<([usize; 3], Vec<f32>)>,
}

/// The object map of one frame: rows, columns, values, and the one or two numbers of the mixture.
pub type ObjectMap<'a> = (usize, usize, &'a [f32], &'a [f32]);

/// Endings of the names of arrays that say something about the map of the name before.
const ASIDE: [&str; 7] = [".frames", ".rect", ".range", ".confidence", ".object", ".mixture", ".classes"];

/// Which frames the maps are of.
#[derive(Debug, PartialEq)]
enum Hold {
    /// One map for all of them.
    Every,
    /// Map `i` is of frame `i`.
    Each(usize),
    /// Map `i` is of frame `indices[i]` and of those up to the next index; the last one holds as long as the longest
    /// of these steps. Ascending, not empty.
    From(Vec<usize>),
}

/// An opened file or folder of predictions.
pub struct Predictions {
    place: PathBuf,
    source: Source,
}

enum Source {
    /// An array a clip, each read when it is asked for.
    Archive(Npz),
    /// A file a clip.
    Folder { files: HashMap<String, PathBuf>, form: Form },
    /// One array of one map a clip.
    Stack { ids: Vec<String>, rows: usize, columns: usize, values: Vec<f32> },
    /// The array of a `.npy` file, which serves any clip.
    Single(PathBuf),
    /// What `sonolens localize` wrote: one map, which serves any clip.
    Answer(Npz),
}

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Npy,
    Png,
}

impl Predictions {
    /// Looks at what is there; maps are read when they are asked for.
    ///
    /// # Errors
    /// What cannot be read, or holds no maps.
    pub fn open(path: &Path) -> Result<Self> {
        let source = if path.is_dir() {
            folder(path)?
        } else {
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("npz") => archive(path)?,
                Some("npy") => stack_or_single(path)?,
                _ => {
                    std::fs::metadata(path).map_err(|error| wrong(path, error))?;
                    return Err(wrong(path, "predictions are a .npz, a .npy, or a folder of .npy or .png files"));
                }
            }
        };
        Ok(Self { place: path.to_owned(), source })
    }

    /// What a reader of the maps should know.
    pub fn remark(&self) -> &'static str {
        match &self.source {
            Source::Folder { form: Form::Png, .. } => {
                "Maps of another program, of 8 bits: many cells tie, so a median or rank threshold cuts less finely"
            }
            Source::Answer(_) => "A single map of another run, shown on every frame",
            _ => "Maps of another program",
        }
    }

    /// The file that holds this clip alone, where each clip has one.
    pub fn file_of(&self, clip: &str) -> Option<&Path> {
        match &self.source {
            Source::Folder { files, .. } => files.get(clip).map(PathBuf::as_path),
            Source::Archive(_) | Source::Stack { .. } | Source::Single(_) | Source::Answer(_) => None,
        }
    }

    /// The maps of the clip of this name.
    ///
    /// # Errors
    /// A clip that has none (some names that are there are given), arrays that are no maps.
    pub fn of_clip(&mut self, clip: &str) -> Result<ClipMaps> {
        let place = &self.place;
        match &mut self.source {
            Source::Archive(npz) => {
                let names = map_names(npz);
                let name = match names.as_slice() {
                    [only] => only.clone(),
                    names if names.iter().any(|name| name == clip) => clip.to_owned(),
                    names => return Err(no_such_clip(place, clip, names)),
                };
                let indices = read_companion(npz, place, &format!("{name}.frames"))?;
                let rect = read_companion(npz, place, &format!("{name}.rect"))?;
                let array = read_bounded(npz, place, &name)?;
                let at = format!("{}: array '{name}'", place.display());
                let mut maps = clip_maps(&at, array, indices.as_ref(), rect.as_ref())?;
                maps.aside = aside(npz, place, &name, &at)?;
                Ok(maps)
            }
            Source::Answer(npz) => {
                let rect = read_companion(npz, place, "rect")?;
                let array = read_bounded(npz, place, "heatmap")?;
                clip_maps(&format!("{}: array 'heatmap'", place.display()), array, None, rect.as_ref())
            }
            Source::Folder { files, form } => {
                let Some(path) = files.get(clip) else {
                    let mut names: Vec<String> = files.keys().cloned().collect();
                    names.sort();
                    return Err(no_such_clip(place, clip, &names));
                };
                match form {
                    Form::Npy => file_maps(path),
                    Form::Png => png_map(path),
                }
            }
            Source::Single(path) => file_maps(path),
            Source::Stack { ids, rows, columns, values } => {
                let cells = *rows * *columns;
                let index = ids.iter().position(|id| id == clip).ok_or_else(|| no_such_clip(place, clip, ids))?;
                let values = values.get(index * cells..(index + 1) * cells).unwrap_or_default().to_vec();
                Ok(ClipMaps {
                    rows: *rows,
                    columns: *columns,
                    values,
                    hold: Hold::Every,
                    rect: None,
                    aside: Aside::default(),
                })
            }
        }
    }
}

impl ClipMaps {
    /// The map of a frame, in rows.
    ///
    /// # Errors
    /// Which frames there are instead.
    pub fn at_frame(&self, frame: usize) -> std::result::Result<&[f32], String> {
        let map = self.map_of(frame)?;
        let cells = self.rows * self.columns;
        self.values.get(map * cells..(map + 1) * cells).ok_or_else(|| "there is no map of it".to_owned())
    }

    /// The system's own confidence in the map of a frame, where it was saved.
    pub fn confidence_at(&self, frame: usize) -> Option<f32> {
        self.aside.confidences.get(self.map_of(frame).ok()?).copied()
    }

    /// The object map of a frame, where one was saved.
    pub fn object_at(&self, frame: usize) -> Option<ObjectMap<'_>> {
        let (rows, columns, values, mixture) = self.aside.objects.as_ref()?;
        let map = self.map_of(frame).ok()?;
        let cells = rows * columns;
        Some((*rows, *columns, values.get(map * cells..(map + 1) * cells)?, mixture))
    }

    /// The maps of the classes of one frame, where they were saved: classes, rows, columns, and the values.
    pub fn classes_at(&self, frame: usize) -> Option<([usize; 3], &[f32])> {
        let (shape, values) = self.aside.classes.as_ref()?;
        let map = self.map_of(frame).ok()?;
        let cells = shape.iter().product::<usize>();
        Some((*shape, values.get(map * cells..(map + 1) * cells)?))
    }

    /// Which of the maps is a frame's.
    fn map_of(&self, frame: usize) -> std::result::Result<usize, String> {
        Ok(match &self.hold {
            Hold::Every => 0,
            Hold::Each(count) if frame < *count => frame,
            Hold::Each(count) => return Err(format!("there are maps of frames 0 to {} only", count.saturating_sub(1))),
            Hold::From(indices) => {
                let (first, last) = (indices.first().copied().unwrap_or(0), indices.last().copied().unwrap_or(0));
                let step = indices.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(1);
                if frame < first || frame >= last.saturating_add(step) {
                    let count = indices.len();
                    return Err(format!("there are {count} maps, from frame {first} to frame {last}"));
                }
                indices.partition_point(|&index| index <= frame).saturating_sub(1)
            }
        })
    }
}

fn wrong(place: impl AsRef<Path>, problem: impl std::fmt::Display) -> LocalizerError {
    LocalizerError::Predictions { message: format!("{}: {problem}", place.as_ref().display()) }
}

fn unread(error: ArrayError) -> LocalizerError {
    LocalizerError::Predictions { message: error.to_string() }
}

fn no_such_clip(place: &Path, clip: &str, names: &[String]) -> LocalizerError {
    const SHOWN: usize = 6;
    let mut present = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        present += &format!(" and {} more", names.len() - SHOWN);
    }
    wrong(place, format_args!("there is no map of clip '{clip}'; there are maps of {present}"))
}

/// What `sonolens localize` writes, and nothing else.
fn is_answer(npz: &Npz) -> bool {
    const OF_AN_ANSWER: [&str; 6] = ["heatmap", "map", "rect", "confidence", "frame", "time_secs"];
    npz.contains("heatmap")
        && npz.contains("rect")
        && npz.names().iter().all(|name| OF_AN_ANSWER.contains(&name.as_str()))
}

/// The arrays that are maps, not what is said about them.
fn map_names(npz: &Npz) -> Vec<String> {
    let is_companion =
        |name: &str| ASIDE.iter().any(|ending| name.strip_suffix(ending).is_some_and(|of| npz.contains(of)));
    npz.names().iter().filter(|name| !is_companion(name)).cloned().collect()
}

fn archive(path: &Path) -> Result<Source> {
    let mut npz = Npz::open(path).map_err(unread)?;
    if is_answer(&npz) {
        return Ok(Source::Answer(npz));
    }
    if npz.contains("maps") && npz.contains("ids") {
        let ids = read_bounded(&mut npz, path, "ids")?;
        let ids = match (ids.texts(), ids.to_i64()) {
            (Some(texts), _) => texts.to_vec(),
            (None, Some(numbers)) => numbers.iter().map(ToString::to_string).collect(),
            (None, None) => return Err(wrong(path, "'ids' holds neither texts nor whole numbers")),
        };
        let maps = read_bounded(&mut npz, path, "maps")?;
        return stack(path, ids, maps);
    }
    if map_names(&npz).is_empty() {
        return Err(wrong(path, "there is no array in it"));
    }
    Ok(Source::Archive(npz))
}

fn read_bounded(npz: &mut Npz, path: &Path, name: &str) -> Result<Array> {
    let size = npz.size_bytes(name).map_err(unread)?;
    if size > LARGEST_BYTES {
        return Err(wrong(path, format_args!("array '{name}' takes {size} bytes, at most {LARGEST_BYTES} are read")));
    }
    npz.read(name).map_err(unread)
}

fn read_companion(npz: &mut Npz, path: &Path, name: &str) -> Result<Option<Array>> {
    npz.contains(name).then(|| read_bounded(npz, path, name)).transpose()
}

/// What stands beside the maps called `name`.
fn aside(npz: &mut Npz, path: &Path, name: &str, place: &str) -> Result<Aside> {
    let mut listed = |ending: &str| -> Result<Option<Vec<f32>>> {
        let Some(array) = read_companion(npz, path, &format!("{name}{ending}"))? else { return Ok(None) };
        Ok(Some(numbers(&format!("{place}, {ending}"), array)?))
    };
    let range = match listed(".range")?.as_deref() {
        None => None,
        Some([low, high]) if low < high => Some([*low, *high]),
        Some(_) => return Err(wrong(place, "its range is not two ascending numbers")),
    };
    let confidences = listed(".confidence")?.unwrap_or_default();
    let mixture = listed(".mixture")?.unwrap_or_default();
    let objects = match read_companion(npz, path, &format!("{name}.object"))? {
        None => None,
        Some(_) if !matches!(mixture.len(), 1 | 2) => {
            return Err(wrong(place, "there is an object map, but no mixture of one or two numbers"));
        }
        Some(array) => {
            let (rows, columns) = match *array.shape() {
                [rows, columns] | [_, rows, columns] => (rows, columns),
                _ => return Err(wrong(place, "its object map is neither (h, w) nor (frames, h, w)")),
            };
            check_sides(place, rows, columns)?;
            Some((rows, columns, numbers(place, array)?, mixture))
        }
    };
    let classes = match read_companion(npz, path, &format!("{name}.classes"))? {
        None => None,
        Some(array) => {
            let (_, classes, rows, columns) = match *array.shape() {
                [classes, rows, columns] => (1, classes, rows, columns),
                [frames, classes, rows, columns] => (frames, classes, rows, columns),
                _ => {
                    return Err(wrong(place, "its class maps are neither (classes, h, w) nor (frames, classes, h, w)"));
                }
            };
            check_sides(place, rows, columns)?;
            if classes == 0 {
                return Err(wrong(place, "its class maps are of no class"));
            }
            Some(([classes, rows, columns], numbers(place, array)?))
        }
    };
    Ok(Aside { range, confidences, objects, classes })
}

fn read_npy_bounded(path: &Path) -> Result<Array> {
    let size = std::fs::metadata(path).map_err(|error| wrong(path, error))?.len();
    if size > LARGEST_BYTES {
        return Err(wrong(path, format_args!("it takes {size} bytes, at most {LARGEST_BYTES} are read")));
    }
    read_npy(path).map_err(unread)
}

fn file_maps(path: &Path) -> Result<ClipMaps> {
    clip_maps(&path.display().to_string(), read_npy_bounded(path)?, None, None)
}

/// A `.npy` beside a list of the clips that it holds a map of, each on a line; without one it is of any clip.
fn stack_or_single(path: &Path) -> Result<Source> {
    let beside = ["ids.txt", "txt"].map(|extension| path.with_extension(extension));
    let list = beside.into_iter().chain([path.with_file_name("ids.txt")]).find(|list| list.is_file());
    let Some(list) = list else {
        std::fs::metadata(path).map_err(|error| wrong(path, error))?;
        return Ok(Source::Single(path.to_owned()));
    };
    let size = std::fs::metadata(&list).map_err(|error| wrong(&list, error))?.len();
    if size > LONGEST_LIST_BYTES {
        return Err(wrong(&list, format_args!("{size} bytes are no list of clips")));
    }
    let text = std::fs::read_to_string(&list).map_err(|error| wrong(&list, error))?;
    let ids = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    stack(path, ids, read_npy_bounded(path)?)
}

fn stack(path: &Path, ids: Vec<String>, maps: Array) -> Result<Source> {
    let [count, rows, columns] = *maps.shape() else {
        let shape = maps.shape();
        return Err(wrong(path, format_args!("maps of several clips are (clips, h, w), these are {shape:?}")));
    };
    if count != ids.len() {
        return Err(wrong(path, format_args!("there are {count} maps and {} ids", ids.len())));
    }
    let mut seen = std::collections::HashSet::new();
    if let Some(twice) = ids.iter().find(|id| !seen.insert(id.as_str())) {
        return Err(wrong(path, format_args!("the id '{twice}' is there twice")));
    }
    check_sides(&path.display().to_string(), rows, columns)?;
    let values = numbers(&path.display().to_string(), maps)?;
    Ok(Source::Stack { ids, rows, columns, values })
}

fn folder(path: &Path) -> Result<Source> {
    let of_form = |extension: &str| -> Result<HashMap<String, PathBuf>> {
        let mut files = HashMap::new();
        for entry in std::fs::read_dir(path).map_err(|error| wrong(path, error))? {
            let file = entry.map_err(|error| wrong(path, error))?.path();
            if file.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
                && let Some(stem) = file.file_stem()
            {
                files.insert(stem.to_string_lossy().into_owned(), file);
            }
        }
        Ok(files)
    };
    for (extension, form) in [("npy", Form::Npy), ("png", Form::Png)] {
        let files = of_form(extension)?;
        if !files.is_empty() {
            return Ok(Source::Folder { files, form });
        }
    }
    Err(wrong(path, "there is neither a .npy nor a .png file in this folder"))
}

fn check_sides(place: &str, rows: usize, columns: usize) -> Result<()> {
    if rows == 0 || columns == 0 || rows > LONGEST_SIDE || columns > LONGEST_SIDE {
        let problem = format_args!("a map of {rows}×{columns}; sides of 1 to {LONGEST_SIDE} are read");
        return Err(wrong(place, problem));
    }
    Ok(())
}

fn numbers(place: &str, array: Array) -> Result<Vec<f32>> {
    let converted = if matches!(array.values(), Values::F32(_)) { None } else { array.to_f32() };
    match (converted, array.into_values()) {
        (Some(values), _) | (None, Values::F32(values)) => Ok(values),
        _ => Err(wrong(place, "it holds text instead of numbers")),
    }
}

/// The maps of an array `(h, w)` or `(frames, h, w)`.
fn clip_maps(place: &str, array: Array, indices: Option<&Array>, rect: Option<&Array>) -> Result<ClipMaps> {
    let (count, rows, columns) = match *array.shape() {
        [rows, columns] => (1, rows, columns),
        [count, rows, columns] => (count, rows, columns),
        ref shape => {
            let problem = format_args!("its shape is {shape:?}; a map is (h, w), those of a clip are (frames, h, w)");
            return Err(wrong(place, problem));
        }
    };
    check_sides(place, rows, columns)?;
    if count == 0 {
        return Err(wrong(place, "there is no map in it"));
    }
    let hold = match indices {
        Some(indices) => Hold::From(frame_indices(place, indices, count)?),
        None if count == 1 => Hold::Every,
        None => Hold::Each(count),
    };
    let rect = rect.map(|rect| covered(place, rect)).transpose()?;
    Ok(ClipMaps { rows, columns, values: numbers(place, array)?, hold, rect, aside: Aside::default() })
}

fn frame_indices(place: &str, indices: &Array, count: usize) -> Result<Vec<usize>> {
    let whole = indices.to_i64().ok_or_else(|| wrong(place, "its frames are not whole numbers"))?;
    let frames: Option<Vec<usize>> = whole.into_iter().map(|index| usize::try_from(index).ok()).collect();
    let frames = frames.ok_or_else(|| wrong(place, "its frames hold a negative number"))?;
    if frames.len() != count {
        return Err(wrong(place, format_args!("there are {count} maps and {} frames", frames.len())));
    }
    if !frames.is_sorted_by(|a, b| a < b) {
        return Err(wrong(place, "its frames do not ascend"));
    }
    Ok(frames)
}

fn covered(place: &str, rect: &Array) -> Result<Rect> {
    let sides = rect.to_f64().unwrap_or_default();
    match *sides.as_slice() {
        [left, top, right, bottom] if sides.iter().all(|side| side.is_finite()) && left < right && top < bottom => {
            Ok(Rect { left, top, right, bottom })
        }
        _ => Err(wrong(place, "its rect is not left, top, right, bottom in frame pixels")),
    }
}

/// A gray image as a map from 0 to 1.
fn png_map(path: &Path) -> Result<ClipMaps> {
    let file = open_plain(path).map_err(|error| wrong(path, error))?;
    let mut reader = ImageReader::with_format(BufReader::new(file), ImageFormat::Png);
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE as u32);
    limits.max_image_height = Some(LONGEST_SIDE as u32);
    reader.limits(limits);
    let image = reader.decode().map_err(|error| wrong(path, error))?;
    let (columns, rows) = (image.width() as usize, image.height() as usize);
    let values = match image {
        DynamicImage::ImageLuma16(gray) => gray.as_raw().iter().map(|&value| f32::from(value) / 65535.0).collect(),
        other => {
            let rgb = other.into_rgb8();
            if rgb.pixels().any(|pixel| pixel.0[0] != pixel.0[1] || pixel.0[1] != pixel.0[2]) {
                return Err(wrong(path, "it is coloured; a map is a gray image, not one drawn through a colour map"));
            }
            rgb.pixels().map(|pixel| f32::from(pixel.0[0]) / 255.0).collect()
        }
    };
    Ok(ClipMaps { rows, columns, values, hold: Hold::Every, rect: None, aside: Aside::default() })
}
