//! Lists of clips: a column of ids (with or without extension and header), perhaps a label; or picture, sound, label.

use std::collections::HashSet;
use std::path::Path;

use super::text::Table;
use super::{AnnotationSet, Format, Item, MediaKind};
use crate::dataset::clip::{Benchmark, NegativeKind};
use crate::dataset::error::{DatasetError, Place};
use crate::dataset::identity::{key, stem, vgg_start_secs};
use crate::dataset::report::Note;

/// One row of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListRow {
    /// As written.
    pub picture: String,
    /// The sound, in lists that name one.
    pub sound: Option<String>,
    pub label: Option<String>,
}

/// Longest id that is believed; a longer one means that the file is no list.
const LONGEST_ID: usize = 300;

/// Column names that make a first row a header.
const HEADERS: [&str; 8] = ["video", "file", "filename", "id", "name", "image", "clip", "ytid"];

/// The label of negatives in the extended benchmarks' lists.
const NON_SOUNDING: &str = "non-sounding";

/// Reads a list of ids.
///
/// A second column is a label if it is not a number (the Flickr lists carry a number of no known meaning). Rows of
/// `video,audio,label` with the label `non-sounding` are negatives; their kind is [`NegativeKind::Real`] where both
/// are one clip and [`NegativeKind::Swapped`] otherwise, until annotations tell the classes.
pub fn read(path: &Path, text: &str) -> Result<AnnotationSet, DatasetError> {
    let rows = rows(path, text)?;
    let negatives = rows.iter().any(|row| row.sound.is_some());
    let mut seen = HashSet::new();
    let mut notes = Vec::new();
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        let negative = row.sound.as_ref().and_then(|sound| {
            let silent = row.label.as_deref() == Some(NON_SOUNDING);
            silent.then(|| if key(sound) == key(&row.picture) { NegativeKind::Real } else { NegativeKind::Swapped })
        });
        let id = match &row.sound {
            Some(sound) => format!("{}+{}", key(&row.picture), key(sound)),
            None => key(&row.picture).into_owned(),
        };
        if !seen.insert(id.clone()) {
            notes.push(Note { message: "listed more than once".into(), count: 1, examples: vec![id] });
            continue;
        }
        items.push(Item {
            class: row.label.filter(|_| negative.is_none()),
            annotations: negative.map(|_| Default::default()),
            id: Some(id),
            picture: row.picture,
            sound: row.sound,
            negative,
            kind: MediaKind::Unsaid,
            ..Item::default()
        });
    }
    let benchmark = benchmark_of(&items, negatives);
    let format = if negatives { Format::SilentList } else { Format::List };
    Ok(AnnotationSet { notes, ..AnnotationSet::new(format, benchmark, items) })
}

/// The rows of a list, the header left out.
pub fn rows(path: &Path, text: &str) -> Result<Vec<ListRow>, DatasetError> {
    let mut rows = Vec::new();
    let mut with_sound = false;
    for (number, (line, record)) in Table::records(path, text, None)?.into_iter().enumerate() {
        let cells: Vec<&str> = record.iter().map(str::trim).collect();
        let first = cells.first().copied().unwrap_or_default();
        if number == 0 && HEADERS.contains(&first.to_lowercase().as_str()) {
            with_sound = cells.get(1).is_some_and(|name| *name == "audio");
            continue;
        }
        if first.is_empty() && cells.len() <= 1 {
            continue;
        }
        if first.is_empty() || first.len() > LONGEST_ID || first.contains(['<', '{', '\0']) {
            return Err(DatasetError::malformed(path, Place::Line(line), "the row does not begin with an id"));
        }
        let label = if with_sound { cells.get(2) } else { cells.get(1) };
        let sound = cells.get(1).filter(|_| with_sound);
        if with_sound && sound.is_none_or(|sound| sound.is_empty()) {
            return Err(DatasetError::malformed(path, Place::Line(line), "the row names no sound"));
        }
        rows.push(ListRow {
            picture: first.to_owned(),
            sound: sound.map(|sound| (*sound).to_owned()),
            label: label.filter(|label| !label.is_empty() && label.parse::<f64>().is_err()).map(|l| (*l).to_owned()),
        });
    }
    if rows.is_empty() {
        return Err(DatasetError::malformed(path, None, "the list names no clip"));
    }
    Ok(rows)
}

/// Which benchmark a list belongs to, by the form of its ids.
fn benchmark_of(items: &[Item], negatives: bool) -> Benchmark {
    let all = |is: fn(&str) -> bool| items.iter().all(|item| is(stem(&item.picture)));
    if all(|id| vgg_start_secs(id).is_some()) {
        if negatives { Benchmark::ExtendedVggSs } else { Benchmark::VggSs }
    } else if all(is_flickr_id) {
        if negatives { Benchmark::ExtendedFlickr } else { Benchmark::FlickrSoundNet }
    } else {
        Benchmark::Plain
    }
}

fn is_flickr_id(id: &str) -> bool {
    (8..=11).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: &str) -> Vec<String> {
        let set = read(Path::new("list.csv"), text).unwrap();
        set.items.iter().map(Item::key).collect()
    }

    #[test]
    fn every_spelling_of_a_list_gives_the_same_ids() {
        let expected = ["zpWuikVorYg_000032", "gEvCUcZ6w88_000030"];
        for text in [
            "zpWuikVorYg_000032\r\ngEvCUcZ6w88_000030\r\n",
            "zpWuikVorYg_000032\ngEvCUcZ6w88_000030",
            "zpWuikVorYg_000032.jpg\n\ngEvCUcZ6w88_000030.jpg\n",
            "file\nzpWuikVorYg_32000_42000\ngEvCUcZ6w88_30000_40000",
        ] {
            assert_eq!(ids(text), expected, "{text:?}");
        }
    }

    #[test]
    fn labels_are_told_from_numbers() {
        let set = read(Path::new("l"), "10000130166,202\n10007936344,playing tambourine").unwrap();
        assert_eq!(set.items[0].class, None);
        assert_eq!(set.items[1].class.as_deref(), Some("playing tambourine"));
        assert_eq!(set.benchmark, Benchmark::FlickrSoundNet);
    }

    #[test]
    fn negatives_know_whether_the_sound_is_their_own() {
        let text = "video,audio,label\r\n9PmzQI8ZYpg_000147,9PmzQI8ZYpg_000147,non-sounding\r\n\
                    zpWuikVorYg_000032,gEvCUcZ6w88_000030,non-sounding";
        let set = read(Path::new("l"), text).unwrap();
        let kinds: Vec<_> = set.items.iter().map(|item| item.negative).collect();
        assert_eq!(kinds, [Some(NegativeKind::Real), Some(NegativeKind::Swapped)]);
        assert_eq!(set.benchmark, Benchmark::ExtendedVggSs);
    }

    #[test]
    fn a_row_without_an_id_is_named() {
        let error = read(Path::new("l.csv"), "a\n,b\n").unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
        assert!(read(Path::new("l.csv"), "video,audio,label\na\n").unwrap_err().to_string().contains("no sound"));
    }
}
