//! Of a test set in the shape of IS3 the pictures with two sounds, as a set of its own, and the same with the boxes of
//! the two sounds exchanged.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::MeasureError;
use crate::dataset::formats::pair_key;
use crate::dataset::identity::stem;

/// The folders of pictures and of sounds.
const MEDIA: [&str; 2] = ["images", "audio_wav"];
const BOXES: &str = "bbox.json";

/// Writes both sets; their pictures and sounds are those of `source`. How many pictures there are: 0 writes nothing.
pub(super) fn write(source: &Path, own: &Path, exchanged: &Path) -> Result<usize, MeasureError> {
    let path = source.join(BOXES);
    let text = std::fs::read_to_string(&path).map_err(MeasureError::io(&path))?;
    let damaged = |error: serde_json::Error| MeasureError::Io { path: path.clone(), error: error.into() };
    let entries: Vec<Value> = serde_json::from_str(&text).map_err(damaged)?;
    let (pairs, turned) = paired(&entries);
    let pictures = pairs.len() / 2;
    if pictures == 0 {
        return Ok(0);
    }
    for (folder, entries) in [(own, pairs), (exchanged, turned)] {
        for media in MEDIA {
            link_all(&source.join(media), &folder.join(media))?;
        }
        let path = folder.join(BOXES);
        let text = serde_json::to_string(&entries).map_err(damaged)?;
        std::fs::write(&path, text).map_err(MeasureError::io(&path))?;
    }
    Ok(pictures)
}

/// The entries of the pictures with exactly two, and the same with each other's boxes.
fn paired(entries: &[Value]) -> (Vec<Value>, Vec<Value>) {
    let mut groups: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for entry in entries {
        let name = entry["image"].as_str().unwrap_or_default();
        groups.entry(pair_key(stem(name)).to_owned()).or_default().push(entry);
    }
    let (mut own, mut exchanged) = (Vec::new(), Vec::new());
    for group in groups.values() {
        let [first, second] = group.as_slice() else { continue };
        let with_box_of = |entry: &Value, other: &Value| {
            let mut entry = entry.clone();
            entry["gt_box"] = other["gt_box"].clone();
            entry
        };
        own.extend([(*first).clone(), (*second).clone()]);
        exchanged.extend([with_box_of(first, second), with_box_of(second, first)]);
    }
    (own, exchanged)
}

fn link_all(from: &Path, to: &Path) -> Result<(), MeasureError> {
    std::fs::create_dir_all(to).map_err(MeasureError::io(to))?;
    for entry in std::fs::read_dir(from).map_err(MeasureError::io(from))? {
        let entry = entry.map_err(MeasureError::io(from))?;
        let there = to.join(entry.file_name());
        if !there.exists() && std::fs::hard_link(entry.path(), &there).is_err() {
            std::fs::copy(entry.path(), &there).map_err(MeasureError::io(&there))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn two_sounds_of_a_picture_change_places_and_one_alone_is_left_out() {
        let entry =
            |image: &str, side: f64| json!({ "image": image, "audio": "a.wav", "gt_box": [0.0, 0.0, side, side] });
        let entries =
            [entry("bird_dog_3_bird.png", 1.0), entry("bell_4_bell.png", 2.0), entry("bird_dog_3_dog.png", 3.0)];
        let (own, exchanged) = paired(&entries);
        assert_eq!(own, [entries[0].clone(), entries[2].clone()]);
        assert_eq!(exchanged, [entry("bird_dog_3_bird.png", 3.0), entry("bird_dog_3_dog.png", 1.0)]);
    }
}
