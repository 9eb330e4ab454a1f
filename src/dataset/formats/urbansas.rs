//! Urbansas: a table of boxes, two moments a second, and a table of sounds, both by file name.
//!
//! Boxes are `x, y, w, h` in pixels of the 1280×720 frame. Class numbers and the first frame's number differ between
//! the published versions, so labels and times are what counts. Rows of -1 speak of a clip without any vehicle.

use std::collections::HashMap;
use std::path::Path;

use super::text::{Table, cell, parse_count, parse_number};
use super::{AnnotationSet, Format, Item, MediaKind};
use crate::dataset::annotation::{Annotation, BoxScale, BoxShape, ClipAnnotations, SoundInterval, Span, WrittenBox};
use crate::dataset::clip::Benchmark;
use crate::dataset::error::{DatasetError, Place};
use crate::dataset::identity::{file_name, stem};
use crate::dataset::report::Note;
use crate::geometry::Size;

/// The frame of every Urbansas video.
pub const FRAME: Size = Size::new(1280, 720);

/// Boxes were drawn twice a second and stand for that half second.
const STEP_SECS: f64 = 0.5;

/// FlowGrad counts frames at eight a second.
const FLOWGRAD_RATE: f64 = 8.0;

/// Reads `video_annotations.csv`, either version.
pub fn read_video(path: &Path, text: &str) -> Result<AnnotationSet, DatasetError> {
    let table = Table::parse(path, text, None)?;
    let numbers = ["x", "y", "w", "h", "time", "visibility"];
    let mut columns = [0; 6];
    for (column, name) in columns.iter_mut().zip(numbers) {
        *column = table.needed(path, name)?;
    }
    let (file, label) = (table.needed(path, "filename")?, table.needed(path, "label")?);
    let track = table.needed(path, "track_id")?;
    let mut clips = InOrder::default();
    let mut dropped = Dropped::default();
    for (line, row) in &table.rows {
        let mut values = [0.0; 6];
        for ((value, column), name) in values.iter_mut().zip(columns).zip(numbers) {
            *value = parse_number(path, Place::Line(*line), name, cell(path, *line, row, column, name)?)?;
        }
        let [x, y, width, height, time_secs, visibility] = values;
        let boxes = clips.of(cell(path, *line, row, file, "filename")?);
        let label = cell(path, *line, row, label, "label")?;
        if time_secs < 0.0 || label == "-1" {
            dropped.clip_rows += 1;
            continue;
        }
        if x < 0.0 || y < 0.0 || width < 0.0 || height < 0.0 {
            dropped.negative.push(*line);
            continue;
        }
        let written = WrittenBox {
            values: [x, y, width, height],
            shape: BoxShape::CornerAndSize,
            scale: BoxScale::Pixels(FRAME),
        };
        let mut annotation = Annotation::from_written(written, Some(label.to_owned()));
        annotation.track = Some(cell(path, *line, row, track, "track_id")?.to_owned());
        annotation.span = Span::Interval { start: time_secs, end: time_secs + STEP_SECS };
        annotation.occluded = visibility < 1.0;
        annotation.visibility = Some(visibility);
        boxes.push(annotation);
    }
    let items = clips.entries.into_iter().map(|(name, boxes)| item_of(name, ClipAnnotations::of_boxes(boxes)));
    let mut set = AnnotationSet::new(Format::UrbansasVideo, Benchmark::Urbansas, items.collect());
    set.notes = dropped.notes();
    Ok(set)
}

/// Reads `audio_annotations.csv`, either version.
pub fn read_audio(path: &Path, text: &str) -> Result<AnnotationSet, DatasetError> {
    let table = Table::parse(path, text, None)?;
    let (file, label) = (table.needed(path, "filename")?, table.needed(path, "label")?);
    let (start, end) = (table.needed(path, "start")?, table.needed(path, "end")?);
    let unidentified = table.column("non_identifiable_vehicle_sound");
    let mut clips = InOrder::default();
    for (line, row) in &table.rows {
        let number = |column: usize, name: &str| {
            parse_number(path, Place::Line(*line), name, cell(path, *line, row, column, name)?)
        };
        let (start_secs, end_secs) = (number(start, "start")?, number(end, "end")?);
        let label = cell(path, *line, row, label, "label")?;
        let unidentified = unidentified.and_then(|column| row.get(column)).is_some_and(|flag| flag.trim() == "1");
        let sounds = clips.of(cell(path, *line, row, file, "filename")?);
        // A row of -1 says of the whole clip that a sound could not be told; without the flag it says nothing.
        let whole = label == "-1" || (start_secs < 0.0 && end_secs < 0.0);
        if whole && !unidentified {
            continue;
        }
        sounds.push(SoundInterval {
            start_secs: if whole { 0.0 } else { start_secs },
            end_secs: if whole { f64::MAX } else { end_secs },
            label: (!whole).then(|| label.to_owned()),
            annotator: None,
            off_screen: label == "offscreen",
            unidentified,
        });
    }
    let items =
        clips.entries.into_iter().map(|(name, sounds)| item_of(name, ClipAnnotations::default().with_sounds(sounds)));
    Ok(AnnotationSet::new(Format::UrbansasAudio, Benchmark::Urbansas, items.collect()))
}

/// Reads one of FlowGrad's label files: `class x y w h` in pixels; the name ends in the frame at eight a second.
pub fn read_flowgrad(path: &Path, text: &str) -> Result<AnnotationSet, DatasetError> {
    let name = file_name(path);
    let name = stem(&name);
    let (clip, frame) = name.rsplit_once('_').unwrap_or((name, "0"));
    let frame = parse_count(path, Place::Field("file name".into()), "the frame at the end of the name", frame)?;
    let mut boxes = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = || Place::Line(number as u64 + 1);
        let cells: Vec<&str> = line.split_whitespace().collect();
        let [_, coordinates @ ..] = cells.as_slice() else { continue };
        if coordinates.len() != 4 {
            return Err(DatasetError::malformed(path, place(), "a label row has five numbers"));
        }
        let mut values = [0.0; 4];
        for (value, cell) in values.iter_mut().zip(coordinates) {
            *value = parse_number(path, place(), "a coordinate", cell)?;
        }
        let written = WrittenBox { values, shape: BoxShape::CornerAndSize, scale: BoxScale::Pixels(FRAME) };
        let mut annotation = Annotation::from_written(written, None);
        annotation.span = Span::Frame(frame);
        boxes.push(annotation);
    }
    let annotations = ClipAnnotations::of_boxes(boxes).with_frame_rate(Some(FLOWGRAD_RATE));
    let clip = clip.strip_prefix("flowgrad_label_").unwrap_or(clip).to_owned();
    Ok(AnnotationSet::new(Format::FlowGradLabels, Benchmark::Urbansas, vec![item_of(clip, annotations)]))
}

/// Frame numbers that FlowGrad's evaluation keeps of one clip: moments with a visible box while any identified sound
/// of the clip is heard (`start < t < end`, its label ignored), at eight frames a second.
pub fn evaluated_frames(annotations: &ClipAnnotations) -> Vec<u64> {
    let heard = |time: f64| {
        let audible = |sound: &&SoundInterval| !sound.off_screen && !sound.unidentified;
        annotations.sounds.iter().filter(audible).any(|sound| sound.start_secs < time && time < sound.end_secs)
    };
    let mut frames: Vec<u64> = annotations
        .boxes()
        .iter()
        .filter(|found| !found.occluded)
        .filter_map(|found| match found.span {
            Span::Interval { start, .. } if heard(start) => Some((start * FLOWGRAD_RATE).round_ties_even() as u64),
            _ => None,
        })
        .collect();
    frames.sort_unstable();
    frames.dedup();
    frames
}

fn item_of(name: String, annotations: ClipAnnotations) -> Item {
    Item {
        // The published videos have two frames a second and no sound; it lies beside them.
        sound: Some(format!("{name}.wav")),
        picture: name,
        kind: MediaKind::Video,
        frame_size: Some(FRAME),
        annotations: Some(annotations),
        ..Item::default()
    }
}

/// Rows grouped by clip, clips in the order of their first row.
struct InOrder<T> {
    entries: Vec<(String, Vec<T>)>,
    places: HashMap<String, usize>,
}

impl<T> Default for InOrder<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), places: HashMap::new() }
    }
}

impl<T> InOrder<T> {
    fn of(&mut self, name: &str) -> &mut Vec<T> {
        let place = *self.places.entry(name.to_owned()).or_insert_with(|| {
            self.entries.push((name.to_owned(), Vec::new()));
            self.entries.len() - 1
        });
        &mut self.entries[place].1
    }
}

#[derive(Default)]
struct Dropped {
    clip_rows: usize,
    negative: Vec<u64>,
}

impl Dropped {
    fn notes(self) -> Vec<Note> {
        let mut notes = Vec::new();
        if self.clip_rows > 0 {
            let message = "rows of -1, which say that a clip has no vehicle".to_owned();
            notes.push(Note { message, count: self.clip_rows, examples: Vec::new() });
        }
        if !self.negative.is_empty() {
            let examples = self.negative.iter().take(5).map(|line| format!("line {line}")).collect();
            let message = "boxes with a negative place or size were left out".to_owned();
            notes.push(Note { message, count: self.negative.len(), examples });
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIDEO: &str = ",frame_id,track_id,x,y,w,h,class_id,visibility,label,filename,city,location_id,time,night\n\
        0,1,1,640.0,360.0,128.0,72.0,1,1.0,car,a_00_0,montevideo,a,0.0,0\n\
        1,2,1,640.0,360.0,256.0,72.0,1,0.5,car,a_00_0,montevideo,a,0.5,0\n\
        2,1,-1,-1,-1,-1,-1,-1,-1,-1,b_00_0,montevideo,b,-1,0\n";
    const AUDIO: &str = ",filename,class_id,label,non_identifiable_vehicle_sound,start,end\n\
        0,a_00_0,4,offscreen,0,0.0,0.4\n1,a_00_0,1,car,0,-0.1,0.2\n2,b_00_0,-1,-1,1,-1.0,-1.0\n";

    #[test]
    fn boxes_stand_for_half_a_second() {
        let set = read_video(Path::new("v.csv"), VIDEO).unwrap();
        assert_eq!(set.items.len(), 2);
        let truth = set.items[0].annotations.as_ref().unwrap();
        assert!((truth.at(0.4)[0].rect_fraction.right - 0.6).abs() < 1e-12);
        assert!((truth.at(0.6)[0].rect_fraction.right - 0.7).abs() < 1e-12);
        assert!(truth.at(1.2).is_empty());
        assert!(set.items[1].annotations.as_ref().unwrap().is_empty(), "a clip row alone means: nothing");
        assert_eq!(set.notes[0].count, 1);
    }

    #[test]
    fn sounds_know_whether_they_are_seen() {
        let set = read_audio(Path::new("a.csv"), AUDIO).unwrap();
        let sounds = &set.items[0].annotations.as_ref().unwrap().sounds;
        assert!(sounds[0].off_screen && !sounds[0].unidentified);
        let whole = &set.items[1].annotations.as_ref().unwrap().sounds;
        assert!(whole[0].unidentified && whole[0].covers(9.9));
    }

    #[test]
    fn a_number_that_is_none_is_named_with_its_line() {
        let broken = VIDEO.replace("256.0", "inf");
        let error = read_video(Path::new("v.csv"), &broken).unwrap_err().to_string();
        assert!(error.contains("line 3") && error.contains("w is"), "{error}");
    }
}
