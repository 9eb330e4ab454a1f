//! Annotation formats, one file each: what is read into an [`AnnotationSet`], and what is written from one.

mod attributes;
mod avsbench;
mod c2f_boxes;
mod coco;
mod cvat;
mod dsol;
mod flickr_xml;
mod label_studio;
mod list;
mod music_synthetic;
mod npy;
mod own;
mod shape;
mod ssl_align;
mod text;
mod urbansas;
mod vggss;
mod via2;
mod via3;
mod voc;
mod writing;
mod xml;

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::annotation::{ClipAnnotations, Span};
use super::clip::{Benchmark, NegativeKind};
use super::error::{DatasetError, Problem};
use super::file_kind::FileKind;
use super::report::Note;
use crate::geometry::Size;
use writing::write_whole;

pub use list::ListRow;
pub use shape::recognize;
pub use ssl_align::pair_key;
pub use urbansas::evaluated_frames;
pub use writing::WriteOptions;

/// A format of annotations or lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Our own JSON.
    Sonolens,
    VggSs,
    FlickrXml,
    /// Flickr-SoundNet's boxes as one JSON object of 256-pixel boxes by id.
    FlickrJson,
    /// Ids, with or without a label.
    List,
    /// Negatives of the extended benchmarks: picture, sound, label.
    SilentList,
    /// Boxes of IS3, VPO, MS3 and S4 as SSLalignment publishes them.
    SslAlignBoxes,
    SslAlignMasks,
    MusicBoxes,
    AudioSetBoxes,
    MusicSyntheticBoxes,
    UrbansasVideo,
    UrbansasAudio,
    FlowGradLabels,
    AvsBenchList,
    Coco,
    Voc,
    CvatImages,
    CvatVideo,
    LabelStudio,
    Via2Json,
    Via2Csv,
    Via3Json,
    Via3Csv,
}

impl Format {
    /// The name on the command line and in machine-readable answers.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Sonolens => "sonolens",
            Self::VggSs => "vgg-ss",
            Self::FlickrXml => "flickr-xml",
            Self::FlickrJson => "flickr-json",
            Self::List => "list",
            Self::SilentList => "silent-list",
            Self::SslAlignBoxes => "ssl-align-boxes",
            Self::SslAlignMasks => "ssl-align-masks",
            Self::MusicBoxes => "music",
            Self::AudioSetBoxes => "audioset-boxes",
            Self::MusicSyntheticBoxes => "music-synthetic",
            Self::UrbansasVideo => "urbansas-video",
            Self::UrbansasAudio => "urbansas-audio",
            Self::FlowGradLabels => "flowgrad",
            Self::AvsBenchList => "avsbench",
            Self::Coco => "coco",
            Self::Voc => "voc",
            Self::CvatImages => "cvat-images",
            Self::CvatVideo => "cvat-video",
            Self::LabelStudio => "label-studio",
            Self::Via2Json => "via2",
            Self::Via2Csv => "via2-csv",
            Self::Via3Json => "via3",
            Self::Via3Csv => "via3-csv",
        }
    }
}

/// What kind of medium an annotation file speaks of, where it tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    Image,
    Video,
    Sound,
    #[default]
    Unsaid,
}

/// What a file says about one picture, video or sound.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Name of the picture or video as the file has it, possibly a path of another machine.
    pub picture: String,
    /// Name of the sound, where it is a file of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sound: Option<String>,
    /// Spelling under which the item is known in its benchmark, where the base name of `picture` would not do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negative: Option<NegativeKind>,
    #[serde(default)]
    pub kind: MediaKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame_size: Option<Size>,
    /// Frames that the source counts, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame_count: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<ClipAnnotations>,
}

impl Item {
    /// The spelling under which the item's clip is looked up and shown.
    pub fn key(&self) -> String {
        self.id.clone().unwrap_or_else(|| super::identity::key(&self.picture).into_owned())
    }
}

/// Everything that one annotation file (or folder of them) says.
#[derive(Clone, Debug, PartialEq)]
pub struct AnnotationSet {
    pub format: Format,
    pub benchmark: Benchmark,
    pub items: Vec<Item>,
    /// What was left out or looks odd.
    pub notes: Vec<Note>,
}

impl AnnotationSet {
    pub fn new(format: Format, benchmark: Benchmark, items: Vec<Item>) -> Self {
        Self { format, benchmark, items, notes: Vec::new() }
    }

    /// All boxes of all items.
    pub fn box_count(&self) -> usize {
        self.items.iter().filter_map(|item| item.annotations.as_ref()).map(|truth| truth.boxes().len()).sum()
    }

    /// Boxes that cover nothing.
    pub fn degenerate_count(&self) -> usize {
        let boxes = self.items.iter().filter_map(|item| item.annotations.as_ref()).flat_map(|truth| truth.boxes());
        boxes.filter(|annotation| annotation.is_degenerate()).count()
    }
}

/// Answers with the size of a picture or video by the name that an annotation file uses, where it can be known.
pub type PictureSizes<'a> = dyn Fn(&str) -> Option<Size> + 'a;

/// Reads an annotation file or list of any known format; sizes of pictures are looked up beside the file.
///
/// # Errors
/// See [`DatasetError`]; a file in no known format is `Unrecognized`.
pub fn read(path: &Path) -> Result<AnnotationSet, DatasetError> {
    let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
    read_with_sizes(path, &move |name| picture_size(&folder, name))
}

/// Reads like [`read`], with sizes of pictures from `sizes`.
pub fn read_with_sizes(path: &Path, sizes: &PictureSizes<'_>) -> Result<AnnotationSet, DatasetError> {
    if FileKind::of_file(path)? == FileKind::Numpy {
        return music_synthetic::read(path);
    }
    let text = text::read_text(path)?;
    read_text(path, &text, sizes)
}

fn read_text(path: &Path, text: &str, sizes: &PictureSizes<'_>) -> Result<AnnotationSet, DatasetError> {
    match recognize(path, text)? {
        Format::Sonolens => own::read(path, text),
        Format::VggSs => vggss::read(path, text),
        Format::FlickrXml => flickr_xml::read(path, text),
        Format::FlickrJson => c2f_boxes::read(path, text),
        Format::List | Format::SilentList => list::read(path, text),
        Format::SslAlignBoxes | Format::SslAlignMasks => ssl_align::read(path, text),
        Format::MusicBoxes => dsol::read_music(path, text),
        Format::AudioSetBoxes => dsol::read_audioset(path, text),
        Format::MusicSyntheticBoxes => music_synthetic::read(path),
        Format::UrbansasVideo => urbansas::read_video(path, text),
        Format::UrbansasAudio => urbansas::read_audio(path, text),
        Format::FlowGradLabels => urbansas::read_flowgrad(path, text),
        Format::AvsBenchList => avsbench::read(path, text),
        Format::Coco => coco::read(path, text),
        Format::Voc => voc::read(path, text),
        Format::CvatImages => cvat::read_images(path, text),
        Format::CvatVideo => cvat::read_video(path, text),
        Format::LabelStudio => label_studio::read(path, text),
        Format::Via2Json => via2::read_json(path, text, sizes),
        Format::Via2Csv => via2::read_csv(path, text, sizes),
        Format::Via3Json => via3::read_json(path, text, sizes),
        Format::Via3Csv => via3::read_csv(path, text, sizes),
    }
}

/// Size of the picture with this name (or this base name) in a folder, from its header.
pub fn picture_size(folder: &Path, name: &str) -> Option<Size> {
    let base = name.rsplit(['/', '\\']).next()?;
    let (width, height) = [folder.join(name), folder.join(base)]
        .iter()
        .find_map(|path| image::ImageReader::open(path).ok()?.with_guessed_format().ok()?.into_dimensions().ok())?;
    Some(Size::new(width, height))
}

/// Formats that can be written.
pub const WRITABLE: [Format; 10] = [
    Format::Sonolens,
    Format::Coco,
    Format::Voc,
    Format::CvatImages,
    Format::CvatVideo,
    Format::LabelStudio,
    Format::Via2Json,
    Format::Via2Csv,
    Format::Via3Json,
    Format::Via3Csv,
];

/// Writes a set; answers with what the format could not say.
///
/// VOC has one file a picture and CVAT for video one a video: `path` is then a folder, made if it is not there,
/// unless the set has a single item. Files appear whole or not at all.
///
/// # Errors
/// The format needs something that is not known (a frame size, a frame rate), cannot be written at all, or the
/// disk refuses.
pub fn write(
    path: &Path,
    set: &AnnotationSet,
    format: Format,
    options: &WriteOptions,
) -> Result<Vec<Note>, DatasetError> {
    let each: Option<WriteItem> = match format {
        Format::Voc => Some(voc::write),
        Format::CvatVideo => Some(cvat::write_video),
        _ => None,
    };
    if let Some(write_item) = each {
        write_each(path, set, options, write_item)?;
    } else {
        let text = match format {
            Format::Sonolens => own::write(path, set),
            Format::Coco => coco::write(path, set, options),
            Format::CvatImages => cvat::write_images(path, set, options),
            Format::LabelStudio => label_studio::write(path, set, options),
            Format::Via2Json => via2::write_json(path, set, options),
            Format::Via2Csv => via2::write_csv(path, set, options),
            Format::Via3Json => via3::write_json(path, set, options),
            Format::Via3Csv => via3::write_csv(path, set, options),
            _ => {
                let message = format!("{format:?} can be read, not written");
                Err(DatasetError::new(path, Problem::CannotExpress(message)))
            }
        }?;
        write_whole(path, text.as_bytes())?;
    }
    Ok(losses(set, format))
}

/// Writes one item as a file of its own.
type WriteItem = fn(&Path, &Item, &WriteOptions) -> Result<String, DatasetError>;

fn write_each(
    path: &Path,
    set: &AnnotationSet,
    options: &WriteOptions,
    write_item: WriteItem,
) -> Result<(), DatasetError> {
    if let ([only], false) = (set.items.as_slice(), path.is_dir()) {
        return write_whole(path, write_item(path, only, options)?.as_bytes());
    }
    std::fs::create_dir_all(path).map_err(|error| DatasetError::io(path, error))?;
    for item in &set.items {
        let file = path.join(format!("{}.xml", item.key().replace(['/', '\\'], "_")));
        write_whole(&file, write_item(&file, item, options)?.as_bytes())?;
    }
    Ok(())
}

/// What of a set a format has no words for.
fn losses(set: &AnnotationSet, format: Format) -> Vec<Note> {
    if format == Format::Sonolens {
        return Vec::new();
    }
    let truths = || set.items.iter().filter_map(|item| Some((item, item.annotations.as_ref()?)));
    let mut notes = Vec::new();
    let mut lost = |message: &str, count: usize| {
        if count > 0 {
            notes.push(Note { message: message.to_owned(), count, examples: Vec::new() });
        }
    };
    let hears = matches!(format, Format::LabelStudio | Format::Via3Json | Format::Via3Csv);
    if !hears {
        lost("sound intervals are left out: the format has none", truths().map(|(_, truth)| truth.sounds.len()).sum());
    }
    lost(
        "masks are left out: the format is written with boxes only",
        truths().map(|(_, truth)| truth.masks.len()).sum(),
    );
    if matches!(format, Format::Voc | Format::CvatImages | Format::Via2Json | Format::Via2Csv) {
        let timed = truths().flat_map(|(_, truth)| truth.boxes()).filter(|found| found.span != Span::Whole).count();
        lost("times are left out: the format is about single pictures", timed);
    }
    let negatives = set.items.iter().filter(|item| item.negative.is_some()).count();
    lost("the kind of a negative is left out", negatives);
    notes
}
