//! The stored inputs of the reference and what the authors' evaluators answered to them.

use std::path::{Path, PathBuf};

use serde_json::Value;
use sonolens::geometry::{Rect, Size};
use sonolens::heatmap::{Grid, Heatmap};
use sonolens::metrics::{GroundTruthMap, GroundTruthRule, TruthBox};
use sonolens::network::arrays::Npz;

use crate::support::{fixture, reference_dir};

/// One folder of golden values: the small copy among the fixtures, or the whole reference.
pub struct Golden {
    folder: PathBuf,
    pub cases: Value,
    pub expected: Value,
}

/// The whole reference where this machine has it, else the part of it among the fixtures.
pub fn golden() -> Golden {
    let whole = reference_dir().map(|reference| reference.join("golden/evaluation"));
    Golden::open(&whole.unwrap_or_else(|| fixture("evaluation")))
}

/// The part of the reference that is kept among the fixtures is unchanged.
#[test]
fn the_fixtures_are_part_of_the_reference() {
    let Some(reference) = reference_dir() else { return };
    let whole = Golden::open(&reference.join("golden/evaluation"));
    let part = Golden::open(&fixture("evaluation"));
    let names = Npz::open(&part.folder.join("inputs.npz")).unwrap().names().to_vec();
    assert!(names.len() > 30);
    for name in names {
        let (shape, values) = part.array(&name).unwrap();
        let (whole_shape, whole_values) = whole.array(&name).unwrap();
        assert!(shape[1..] == whole_shape[1..] && whole_values.starts_with(&values), "{name}");
    }
    for part_of in [|golden: &Golden| golden.cases.clone(), |golden: &Golden| golden.expected.clone()] {
        assert_contained(&part_of(&part), &part_of(&whole));
    }
}

fn assert_contained(part: &Value, whole: &Value) {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => {
            part.iter().for_each(|(key, value)| assert_contained(value, &whole[key]));
        }
        (Value::Array(part), Value::Array(whole)) => assert!(whole.starts_with(part)),
        _ => assert_eq!(part, whole),
    }
}

impl Golden {
    fn open(folder: &Path) -> Self {
        let json = |name: &str| serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap();
        Self { folder: folder.to_owned(), cases: json("cases.json"), expected: json("expected.json") }
    }

    /// Shape and values of one stored array; `None` if this copy leaves it out.
    pub fn array(&self, name: &str) -> Option<(Vec<usize>, Vec<f32>)> {
        let mut npz = Npz::open(&self.folder.join("inputs.npz")).unwrap();
        npz.contains(name).then(|| {
            let array = npz.read(name).unwrap();
            (array.shape().to_vec(), array.to_f32().unwrap())
        })
    }

    /// The stacked grids of one array of shape (n, rows, columns).
    pub fn grids(&self, name: &str) -> Option<Vec<Grid>> {
        let (shape, values) = self.array(name)?;
        let [_, rows, columns] = shape[..] else { panic!("{name} is not a stack of maps") };
        Some(values.chunks(rows * columns).map(|map| Grid::new(rows, columns, map.to_vec()).unwrap()).collect())
    }

    /// The maps of a set, in the order of its samples.
    pub fn maps(&self, set: &str) -> Vec<Grid> {
        let names = Npz::open(&self.folder.join("inputs.npz")).unwrap().names().to_vec();
        let mut maps: Vec<Option<Grid>> = vec![None; self.samples(set).len()];
        for name in names.iter().filter(|name| name.starts_with(&format!("{set}__")) && !name.ends_with("idx")) {
            let (_, indices) = self.array(&format!("{name}__idx")).unwrap();
            for (map, index) in self.grids(name).unwrap().into_iter().zip(indices) {
                maps[index as usize] = Some(map);
            }
        }
        maps.into_iter().map(Option::unwrap).collect()
    }

    /// Those of `sets` that this copy holds.
    pub fn held<'a>(&self, sets: &[&'a str]) -> Vec<&'a str> {
        sets.iter().copied().filter(|set| self.cases.get(set).is_some()).collect()
    }

    pub fn samples(&self, set: &str) -> &[Value] {
        self.cases[set]["samples"].as_array().unwrap()
    }

    /// The boxes of every sample of a set as fractions of the frame, and the rule that its benchmark has for them.
    pub fn truths(&self, set: &str) -> (GroundTruthRule, Vec<Vec<TruthBox>>) {
        let (rule, extent) = match set.split('_').next().unwrap() {
            "vggss" => (GroundTruthRule::Union, 1.0),
            "flickr" => (GroundTruthRule::Consensus, 256.0),
            "is3" => (GroundTruthRule::Boxes, 224.0),
            "c2f" => (GroundTruthRule::ConsensusOneBased, 256.0),
            other => panic!("no such set: {other}"),
        };
        let boxes = |sample: &Value| {
            sample["bbox"].as_array().unwrap().iter().map(|one| boxed(one, extent)).collect::<Vec<_>>()
        };
        (rule, self.samples(set).iter().map(boxes).collect())
    }

    pub fn truth_maps(&self, set: &str, rule: Option<GroundTruthRule>) -> Vec<GroundTruthMap> {
        let (usual, boxes) = self.truths(set);
        boxes.iter().map(|boxes| GroundTruthMap::from_boxes(boxes, rule.unwrap_or(usual), 224)).collect()
    }
}

pub fn boxed(corners: &Value, extent: f64) -> TruthBox {
    let corner = |index: usize| corners[index].as_f64().unwrap() / extent;
    TruthBox::new(Rect::new(corner(0), corner(1), corner(2), corner(3)))
}

pub fn heatmap(grid: Grid) -> Heatmap {
    Heatmap::over_whole_frame(grid, Size::new(640, 360))
}

pub fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

/// Asserts equality to 1e-9. "noise" stands for rounding noise of the authors' code, which is not compared; "nan"
/// for a NaN.
#[track_caller]
pub fn assert_scores(what: &str, got: &[f64], want: &Value) {
    let want = want.as_array().unwrap_or_else(|| panic!("{what}: nothing expected"));
    assert_eq!(got.len(), want.len(), "{what}");
    for (index, (&got, want)) in got.iter().zip(want).enumerate() {
        match want.as_str() {
            Some("noise") => {}
            Some("nan") => assert!(got.is_nan(), "{what}[{index}]: {got}, want NaN"),
            _ => {
                // null stands for what the authors' code left undefined.
                let Some(want) = want.as_f64() else { continue };
                assert!((got - want).abs() <= 1e-9, "{what}[{index}]: {got}, want {want}");
            }
        }
    }
}

#[track_caller]
pub fn assert_close(what: &str, got: f64, want: &Value) {
    match want.as_f64() {
        Some(want) => assert!((got - want).abs() <= 1e-9, "{what}: {got}, want {want}"),
        None => assert!(got.is_nan() && want.as_str() == Some("nan"), "{what}: {got}, want {want}"),
    }
}
