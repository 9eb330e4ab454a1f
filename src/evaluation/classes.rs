//! Which of the numbered classes that a model tells apart are which labels of a dataset.
//!
//! Models that find classes by themselves (DSOL's are clusters) have numbers for them and no names. A file says which is
//! which: a JSON object of numbers by label, `{"cello": [10, 15], "tuba": 17}`, or the `.npy` that DSOL's code keeps, a
//! matrix of 0 and 1 with a row for each of its eleven instruments and a column for each cluster.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::error::EvaluationError;
use crate::dataset::Benchmark;
use crate::heatmap::{Grid, Heatmap};
use crate::metrics::sources::{ClusterAssignment, SilentMaps};
use crate::network::arrays::read_npy;

/// Most bytes of such a file.
const LARGEST_BYTES: u64 = 1 << 20;
/// Highest class number that is read.
const MOST_CLASSES: usize = 1 << 16;

/// The rows of DSOL's matrix, with the numbers that its MUSIC boxes have for seven of them.
const DSOL_ROWS: [(&str, Option<u32>); 11] = [
    ("accordion", Some(13)),
    ("acoustic_guitar", Some(3)),
    ("cello", Some(1)),
    ("clarinet", None),
    ("erhu", None),
    ("flute", Some(12)),
    ("saxophone", Some(8)),
    ("trumpet", Some(10)),
    ("tuba", None),
    ("violin", Some(11)),
    ("xylophone", None),
];

/// The numbers of each label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassNumbers {
    labels: Vec<Label>,
    /// How many classes the model must tell apart, where the file says so.
    count: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Label {
    /// What boxes may call it.
    names: Vec<String>,
    numbers: Vec<usize>,
}

/// A model's class maps, sorted by what is heard.
#[derive(Debug, PartialEq)]
pub struct Sorted {
    /// One a source, in the order in which they were asked for: the sum of the maps of its classes.
    pub sounding: Vec<Heatmap>,
    pub silent: Vec<Heatmap>,
    pub all: Vec<Heatmap>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Numbers {
    One(usize),
    Several(Vec<usize>),
}

impl ClassNumbers {
    /// Reads such a file.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub fn read(path: &Path) -> Result<Self, EvaluationError> {
        let io = |error| EvaluationError::io(path, error);
        let bytes = std::fs::metadata(path).map_err(io)?.len();
        if bytes > LARGEST_BYTES {
            return Err(EvaluationError::damaged(path, format_args!("{bytes} bytes are no list of classes")));
        }
        if path.extension().is_some_and(|extension| extension == "npy") {
            return Self::of_matrix(path);
        }
        let text = std::fs::read_to_string(path).map_err(io)?;
        let by_label: BTreeMap<String, Numbers> = serde_json::from_str(&text).map_err(|error| {
            let expected = "an object of class numbers by label, {\"cello\": [10, 15], \"tuba\": 17}";
            EvaluationError::damaged(path, format_args!("not {expected}: {error}"))
        })?;
        let label = |(name, numbers): (String, Numbers)| {
            let numbers = match numbers {
                Numbers::One(number) => vec![number],
                Numbers::Several(numbers) => numbers,
            };
            Label { names: vec![name], numbers }
        };
        Self { labels: by_label.into_iter().map(label).collect(), count: None }.checked(path)
    }

    fn of_matrix(path: &Path) -> Result<Self, EvaluationError> {
        let array = read_npy(path)?;
        let values = array.to_f64().unwrap_or_default();
        let [rows, count] = *array.shape() else {
            return Err(EvaluationError::damaged(path, "not a matrix of classes by clusters"));
        };
        if rows != DSOL_ROWS.len() || count == 0 {
            let problem = format!("{rows} × {count}: DSOL's matrix has {} rows, one an instrument", DSOL_ROWS.len());
            return Err(EvaluationError::damaged(path, problem));
        }
        let labels = values.chunks(count).zip(DSOL_ROWS).map(|(row, (name, number))| Label {
            names: [name.to_owned()].into_iter().chain(number.map(|number| number.to_string())).collect(),
            numbers: row.iter().enumerate().filter(|(_, set)| **set != 0.0).map(|(cluster, _)| cluster).collect(),
        });
        Self { labels: labels.collect(), count: Some(count) }.checked(path)
    }

    fn checked(self, path: &Path) -> Result<Self, EvaluationError> {
        let name = |label: &Label| label.names.join("/");
        if let Some(empty) = self.labels.iter().find(|label| label.numbers.is_empty()) {
            return Err(EvaluationError::damaged(path, format_args!("`{}` has no class", name(empty))));
        }
        if let Some(wild) = self.labels.iter().find(|label| label.numbers.iter().any(|&number| number > MOST_CLASSES)) {
            return Err(EvaluationError::damaged(
                path,
                format_args!("`{}` has a class above {MOST_CLASSES}", name(wild)),
            ));
        }
        if self.labels.is_empty() { Err(EvaluationError::damaged(path, "there is no label in it")) } else { Ok(self) }
    }

    /// Sorts the maps of all classes while the labels `sounding` sound. Which silent maps are looked at is the choice of
    /// the evaluator of `benchmark`.
    ///
    /// # Errors
    /// A label that has no class, or a class that has no map.
    pub fn sorted(&self, all: Vec<Heatmap>, sounding: &[&str], benchmark: Benchmark) -> Result<Sorted, String> {
        let count = all.len();
        if let Some(expected) = self.count.filter(|&expected| expected != count) {
            return Err(format!(
                "the classes are of a model that tells {expected} apart, this one tells {count} apart"
            ));
        }
        let mut matrix = vec![0; self.labels.len() * count];
        for (row, label) in self.labels.iter().enumerate() {
            for &number in &label.numbers {
                let beyond = || format!("class {number} of `{}`: the model tells {count} apart", label.names.join("/"));
                if number >= count {
                    return Err(beyond());
                }
                *matrix.get_mut(row * count + number).ok_or_else(beyond)? = 1;
            }
        }
        let row = |name: &&str| {
            let place = self.labels.iter().position(|label| label.names.iter().any(|own| own == name));
            place.ok_or_else(|| format!("the list of classes has no `{name}`"))
        };
        let sounding = sounding.iter().map(row).collect::<Result<Vec<usize>, _>>()?;
        let unequal = || "the maps of its classes are of unequal size".to_owned();
        let assignment = ClusterAssignment::new(self.labels.len(), &matrix).ok_or_else(unequal)?;
        let grids: Vec<Grid> = all.iter().map(|map| map.values.clone()).collect();
        let first = all.first().ok_or("the model tells no classes apart")?;
        let summed = |&class: &usize| {
            let values = assignment.class_map(class, &grids).ok_or_else(unequal)?;
            Ok(Heatmap { values, ..first.clone() })
        };
        let which = match benchmark {
            Benchmark::MusicSynthetic => SilentMaps::FirstClusters,
            _ => SilentMaps::AllClusters,
        };
        let silent = assignment.silent_clusters(&sounding, which);
        Ok(Sorted {
            sounding: sounding.iter().map(summed).collect::<Result<_, String>>()?,
            silent: silent.into_iter().filter_map(|cluster| all.get(cluster)).cloned().collect(),
            all,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Size;
    use crate::network::arrays::{Array, write_npy};

    fn maps(count: usize) -> Vec<Heatmap> {
        let map = |number: usize| Heatmap::over_whole_frame(Grid::filled(2, 2, number as f32), Size::new(4, 4));
        (0..count).map(map).collect()
    }

    fn written(name: &str, bytes: &[u8]) -> Result<ClassNumbers, EvaluationError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        ClassNumbers::read(&path)
    }

    #[test]
    fn a_source_is_the_sum_of_its_classes() {
        let classes = written("classes.json", br#"{"cello": [1, 3], "tuba": 2}"#).unwrap();
        let sorted = classes.sorted(maps(5), &["tuba", "cello"], Benchmark::MusicDuet).unwrap();
        let values = |maps: &[Heatmap]| maps.iter().map(|map| map.values.values()[0]).collect::<Vec<_>>();
        assert_eq!(values(&sorted.sounding), [2.0, 4.0]);
        // A further class of a sounding label counts as silent, as in DSOL's code.
        assert_eq!(values(&sorted.silent), [0.0, 3.0, 4.0]);
        let first = classes.sorted(maps(5), &["tuba"], Benchmark::MusicSynthetic).unwrap();
        assert_eq!(values(&first.silent), [0.0, 1.0]);
        assert!(classes.sorted(maps(5), &["erhu"], Benchmark::MusicDuet).unwrap_err().contains("no `erhu`"));
        assert!(classes.sorted(maps(3), &["tuba"], Benchmark::MusicDuet).unwrap_err().contains("class 3"));
    }

    #[test]
    fn dsols_matrix_is_read_by_name_and_by_number() {
        let rows: Vec<f64> = (0..11 * 12).map(|cell| f64::from(u8::from(cell % 12 == cell / 12))).collect();
        let mut bytes = Vec::new();
        write_npy(&mut bytes, &Array::new([11, 12], rows).unwrap()).unwrap();
        let classes = written("corr.npy", &bytes).unwrap();
        let sorted = classes.sorted(maps(12), &["cello", "8"], Benchmark::MusicSynthetic).unwrap();
        assert_eq!((sorted.sounding[0].values.values()[0], sorted.sounding[1].values.values()[0]), (2.0, 6.0));
        assert!(classes.sorted(maps(20), &["cello"], Benchmark::MusicSynthetic).is_err());
    }

    #[test]
    fn what_is_no_such_file_is_refused() {
        for bytes in [&b""[..], b"[1, 2]", b"{}", br#"{"a": []}"#, br#"{"a": -1}"#, br#"{"a": 99999999}"#, b"\xff\xfe"]
        {
            assert!(written("classes.json", bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
        }
        assert!(written("corr.npy", b"\x93NUMPY").is_err());
    }
}
