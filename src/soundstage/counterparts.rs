//! A split in the shape of the benchmark whose counterpart it is, for programs that read only that shape.
//!
//! | kind | counterpart | files |
//! | --- | --- | --- |
//! | solo | Extended VGG-SS | `frames/`, `audio/`, `vggss.json`, `test.csv`, `test_plus_silent.csv` |
//! | ensemble | IS3 | `images/`, `audio_wav/`, `bbox.json`; each sounding thing with its sound alone |
//! | quadrants | MUSIC-Synthetic | `video/`, `audio/`, `box/` |
//! | traffic | Urbansas | `videos/`, `video_annotations.csv`, `audio_annotations.csv` |
//!
//! Pictures are the clips' middle frames (or the nearest with a sound), and sounds are mono at 16 kHz, as those benchmarks have them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::SoundstageError;
use super::clip_file::write_wave;
use super::picture::ThingTruth;
use super::plan::{ClipPlan, SceneKind};
use super::things::ThingKind;
use crate::dataset::NegativeKind;
use crate::geometry::{Rect, Size};
use crate::media::Picture;
use crate::network::arrays::{Array, write_npy};
use crate::signal::Waveform;

const SOUND_RATE: u32 = 16_000;

/// A clip that was written.
pub struct Member {
    pub id: String,
    pub plan: ClipPlan,
    pub negative: Option<NegativeKind>,
    pub video: PathBuf,
}

/// The frame that stands for a clip: in its middle, or, where nothing that is seen is heard then, as near to it as
/// something is.
fn scored_frame(plan: &ClipPlan) -> (Picture, Vec<ThingTruth>) {
    let middle = 0.5 * plan.lasts_secs();
    let heard = plan.things.iter().filter(|thing| !thing.off_screen).flat_map(|thing| &thing.sounding);
    let mut moments: Vec<f64> = heard.map(|span| 0.5 * (span.start + span.end)).collect();
    moments.sort_by(|a, b| (a - middle).abs().total_cmp(&(b - middle).abs()));
    moments.insert(0, middle);
    let is_heard = |secs: &f64| plan.truth(*secs).iter().any(|own| own.sounding && own.rect_pixels.is_some());
    let secs = moments.iter().copied().find(is_heard).unwrap_or(middle);
    plan.painter().picture_and_truth(secs)
}

/// The boxes of what sounds and is seen, as fractions of the frame.
fn sounding(plan: &ClipPlan, truth: &[ThingTruth]) -> Vec<(ThingTruth, Rect)> {
    let frame = Rect::of_size(plan.size());
    let seen = truth.iter().filter(|truth| truth.sounding);
    seen.filter_map(|truth| Some((truth.clone(), truth.rect_pixels?.fraction_of(&frame)))).collect()
}

/// A clip that only lends its sound to negatives.
pub struct Source {
    pub id: String,
    pub plan: ClipPlan,
}

/// A negative: the picture of one clip and the sound of another.
pub struct Pair {
    pub picture: String,
    pub sound: String,
}

/// Writes the counterpart.
pub fn write(
    target: &Path,
    kind: SceneKind,
    members: &[Member],
    sources: &[Source],
    pairs: &[Pair],
) -> Result<(), SoundstageError> {
    match kind {
        SceneKind::Solo => extended_vgg_ss(target, members, sources, pairs),
        SceneKind::Ensemble => is3(target, members),
        SceneKind::Quadrants => music_synthetic(target, members),
        SceneKind::Traffic => urbansas(target, members),
    }
}

/// As in the benchmark, whose sounds are swapped is among the positives, too: the classes tell easy from hard.
fn extended_vgg_ss(
    target: &Path,
    members: &[Member],
    sources: &[Source],
    pairs: &[Pair],
) -> Result<(), SoundstageError> {
    let (frames, audio) = (made(target, "frames")?, made(target, "audio")?);
    let mut entries = Vec::new();
    let mut list = String::new();
    let mut silent = "video,audio,label\r\n".to_owned();
    let own = members.iter().map(|member| (&member.id, &member.plan, member.negative.is_some()));
    let others = sources.iter().map(|source| (&source.id, &source.plan, false));
    for (id, plan, negative) in own.chain(others) {
        let (picture, truth) = scored_frame(plan);
        write_picture(&frames.join(format!("{id}.png")), &picture)?;
        write_wave(&audio.join(format!("{id}.wav")), &mono(&plan.whole_sound(SOUND_RATE)))?;
        if negative {
            let _ = write!(silent, "{id},{id},non-sounding\r\n");
            continue;
        }
        let class = plan.class().map_or("", ThingKind::label);
        let boxes: Vec<[f64; 4]> =
            sounding(plan, &truth).iter().map(|(_, rect)| [rect.left, rect.top, rect.right, rect.bottom]).collect();
        entries.push(serde_json::json!({ "file": id, "class": class, "bbox": boxes }));
        let _ = write!(list, "{id}\r\n");
    }
    for Pair { picture, sound } in pairs {
        let _ = write!(silent, "{picture},{sound},non-sounding\r\n");
    }
    write_text(&target.join("vggss.json"), &serde_json::json!(entries).to_string())?;
    write_text(&target.join("test.csv"), &list)?;
    write_text(&target.join("test_plus_silent.csv"), &silent)
}

/// Pixels of IS3's boxes.
const IS3_SIDE: f64 = 224.0;

fn is3(target: &Path, members: &[Member]) -> Result<(), SoundstageError> {
    let (images, audio) = (made(target, "images")?, made(target, "audio_wav")?);
    let mut entries = Vec::new();
    for (number, member) in members.iter().enumerate().filter(|(_, member)| member.negative.is_none()) {
        let (picture, truth) = scored_frame(&member.plan);
        let sounding = sounding(&member.plan, &truth);
        let word = |truth: &ThingTruth| truth.kind.label().replace(' ', "-");
        let all: Vec<String> = sounding.iter().map(|(truth, _)| word(truth)).collect();
        for (truth, rect) in &sounding {
            let name = format!("{}_{number}_{}", all.join("_"), word(truth));
            let (image, sound) = (format!("{name}.png"), format!("{name}.wav"));
            write_picture(&images.join(&image), &picture)?;
            let alone = member.plan.sound_of(truth.thing, SOUND_RATE, 0.0..member.plan.lasts_secs());
            write_wave(&audio.join(&sound), &mono(&alone))?;
            let corners = [rect.left, rect.top, rect.right, rect.bottom].map(|share| (share * IS3_SIDE).round());
            entries.push(serde_json::json!({ "image": image, "audio": sound, "gt_box": corners }));
        }
    }
    write_text(&target.join("bbox.json"), &serde_json::json!(entries).to_string())
}

fn music_synthetic(target: &Path, members: &[Member]) -> Result<(), SoundstageError> {
    let (video, audio, boxes) = (made(target, "video")?, made(target, "audio")?, made(target, "box")?);
    for member in members.iter().filter(|member| member.negative.is_none()) {
        let (picture, truth) = scored_frame(&member.plan);
        write_picture(&video.join(format!("{}.png", member.id)), &picture)?;
        write_wave(&audio.join(format!("{}.wav", member.id)), &mono(&member.plan.whole_sound(SOUND_RATE)))?;
        let rows: Vec<f64> = sounding(&member.plan, &truth)
            .iter()
            .flat_map(|(truth, rect)| [rect.left, rect.top, rect.width(), rect.height(), truth.kind.number() as f64])
            .collect();
        let path = boxes.join(format!("{}.npy", member.id));
        let mut file = std::fs::File::create(&path).map_err(SoundstageError::io(&path))?;
        if let Some(array) = Array::new([rows.len() / 5, 5], rows) {
            write_npy(&mut file, &array).map_err(|error| SoundstageError::Io {
                path: path.clone(),
                source: std::io::Error::other(error.to_string()),
            })?;
        }
    }
    Ok(())
}

/// Urbansas' frame, in whose pixels its boxes are, and its moments a second.
const URBANSAS: Size = Size::new(1280, 720);
const URBANSAS_RATE: u32 = 2;

fn urbansas(target: &Path, members: &[Member]) -> Result<(), SoundstageError> {
    let videos = made(target, "videos")?;
    let mut boxes =
        ",frame_id,track_id,x,y,w,h,class_id,visibility,label,filename,city,location_id,time,night\n".to_owned();
    let mut sounds = ",filename,class_id,label,non_identifiable_vehicle_sound,start,end\n".to_owned();
    let (mut box_row, mut sound_row) = (0, 0);
    for member in members {
        let id = &member.id;
        let there = videos.join(format!("{id}.mp4"));
        if std::fs::hard_link(&member.video, &there).is_err() {
            std::fs::copy(&member.video, &there).map_err(SoundstageError::io(&there))?;
        }
        let frame = Rect::of_size(member.plan.size());
        let place = Rect::of_size(URBANSAS);
        for moment in 0..(member.plan.lasts_secs() * f64::from(URBANSAS_RATE)) as u32 {
            let secs = f64::from(moment) / f64::from(URBANSAS_RATE);
            for truth in member.plan.truth(secs) {
                let Some(rect) = truth.rect_pixels else { continue };
                let rect = Rect::from_fraction(&rect.fraction_of(&frame), &place);
                let _ = writeln!(
                    boxes,
                    "{box_row},{moment},{},{:.2},{:.2},{:.2},{:.2},{},{:.2},{},{id},soundstage,{id},{secs:.1},0",
                    truth.thing,
                    rect.left,
                    rect.top,
                    rect.width(),
                    rect.height(),
                    truth.kind.number(),
                    truth.visibility,
                    truth.kind.label(),
                );
                box_row += 1;
            }
        }
        for thing in &member.plan.things {
            let label = if thing.off_screen { "offscreen" } else { thing.kind.label() };
            for span in &thing.sounding {
                let end = span.end.min(member.plan.lasts_secs());
                let class = thing.kind.number();
                let _ = writeln!(sounds, "{sound_row},{id},{class},{label},0,{:.3},{end:.3}", span.start);
                sound_row += 1;
            }
        }
    }
    write_text(&target.join("video_annotations.csv"), &boxes)?;
    write_text(&target.join("audio_annotations.csv"), &sounds)
}

fn made(target: &Path, name: &str) -> Result<PathBuf, SoundstageError> {
    let folder = target.join(name);
    std::fs::create_dir_all(&folder).map_err(SoundstageError::io(&folder))?;
    Ok(folder)
}

fn mono(sound: &Waveform) -> Waveform {
    Waveform { rate: sound.rate, channels: 1, samples: sound.mono() }
}

fn write_text(path: &Path, text: &str) -> Result<(), SoundstageError> {
    std::fs::write(path, text).map_err(SoundstageError::io(path))
}

fn write_picture(path: &Path, picture: &Picture) -> Result<(), SoundstageError> {
    let Size { width, height } = picture.size;
    let written = image::save_buffer(path, &picture.rgb, width, height, image::ExtendedColorType::Rgb8);
    written.map_err(|error| SoundstageError::Io { path: path.to_owned(), source: std::io::Error::other(error) })
}
