//! How much an answer of a retrieval is worth: by the classes of the two clips alone, or by how near they are to each
//! other in an ontology.

use std::collections::HashMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::description::FileDescription;
use super::error::EvaluationError;
use crate::localizers::store;

/// Most bytes of an ontology; AudioSet's has a third of a million.
const LARGEST_BYTES: u64 = 1 << 24;
/// Most classes of an ontology.
const MOST_CLASSES: usize = 1 << 16;

/// By what an answer gains, as a file of figures says it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "by")]
pub enum Relevance {
    /// 1 for a clip of the same class, else 0.
    Class,
    /// The largest distance between two classes that occur, less the distance of the two.
    Ontology { file: FileDescription },
}

impl Relevance {
    /// That of an ontology file, or of classes alone without one.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn of(ontology: Option<&Path>) -> Result<Self, EvaluationError> {
        let Some(path) = ontology else { return Ok(Self::Class) };
        let bytes = bytes_of(path)?;
        let sha256 = store::sha256_of(path).map_err(|error| EvaluationError::io(path, error))?;
        Ok(Self::Ontology { file: FileDescription { path: path.to_owned(), bytes, sha256 } })
    }

    /// In a table's note or a line of text.
    pub fn text(&self) -> String {
        match self {
            Self::Class => "gain 1 for the same class, else 0".into(),
            Self::Ontology { file } => {
                format!("linear gain by the nearness of classes in the ontology {}", file.path.display())
            }
        }
    }
}

fn bytes_of(path: &Path) -> Result<u64, EvaluationError> {
    let bytes = std::fs::metadata(path).map_err(|error| EvaluationError::io(path, error))?.len();
    if bytes > LARGEST_BYTES {
        return Err(EvaluationError::damaged(path, format_args!("{bytes} bytes are no ontology")));
    }
    Ok(bytes)
}

/// One class of AudioSet's `ontology.json`; what else it says is not needed.
#[derive(Deserialize)]
struct Entry {
    id: String,
    name: String,
    #[serde(default)]
    child_ids: Vec<String>,
}

/// A tree of classes, read from a list of `{"id", "name", "child_ids"}` as AudioSet publishes it. A class under several
/// parents is under the last of them, and those under none are under one root, as in the code of objects-that-sound.
#[derive(Clone, Debug)]
pub struct Ontology {
    /// By class, the places of its ancestors from the root's children down to itself.
    lines: Vec<Vec<usize>>,
    by_id: HashMap<String, usize>,
    /// In small letters; a name that several classes have has none.
    by_name: HashMap<String, Option<usize>>,
}

impl Ontology {
    /// Reads such a file.
    ///
    /// # Errors
    /// It cannot be read, is none, or some class is its own ancestor.
    pub fn read(path: &Path) -> Result<Self, EvaluationError> {
        bytes_of(path)?;
        let text = std::fs::read_to_string(path).map_err(|error| EvaluationError::io(path, error))?;
        Self::of_text(&text).map_err(|problem| EvaluationError::damaged(path, problem))
    }

    fn of_text(text: &str) -> Result<Self, String> {
        let entries: Vec<Entry> = serde_json::from_str(text).map_err(|error| {
            format!("not a list of classes, [{{\"id\": …, \"name\": …, \"child_ids\": […]}}, …]: {error}")
        })?;
        if entries.is_empty() || entries.len() > MOST_CLASSES {
            return Err(format!("{} classes; 1 to {MOST_CLASSES} are read", entries.len()));
        }
        let mut by_id = HashMap::new();
        let mut by_name: HashMap<String, Option<usize>> = HashMap::new();
        for (place, entry) in entries.iter().enumerate() {
            if by_id.insert(entry.id.clone(), place).is_some() {
                return Err(format!("the class {} is there twice", entry.id));
            }
            by_name.entry(entry.name.to_lowercase()).and_modify(|known| *known = None).or_insert(Some(place));
        }
        let mut parents: Vec<Option<usize>> = vec![None; entries.len()];
        for (place, entry) in entries.iter().enumerate() {
            for child in &entry.child_ids {
                let unknown = || format!("{} has a child {child}, which is not there", entry.id);
                if let Some(parent) = parents.get_mut(*by_id.get(child).ok_or_else(unknown)?) {
                    *parent = Some(place);
                }
            }
        }
        let line = |place: usize| {
            let mut line = vec![place];
            let mut above = parents.get(place).copied().flatten();
            while let Some(parent) = above {
                if line.len() > MOST_DEEP {
                    let id = entries.get(place).map_or("", |entry| entry.id.as_str());
                    return Err(format!("the class {id} is its own ancestor, or more than {MOST_DEEP} levels deep"));
                }
                line.push(parent);
                above = parents.get(parent).copied().flatten();
            }
            line.reverse();
            Ok(line)
        };
        let lines = (0..entries.len()).map(line).collect::<Result<_, _>>()?;
        Ok(Self { lines, by_id, by_name })
    }

    /// The place of a class by its id or, whatever the case of its letters, its name.
    fn place(&self, class: &str) -> Option<usize> {
        let by_name = || self.by_name.get(&class.to_lowercase()).copied().flatten();
        self.by_id.get(class).copied().or_else(by_name)
    }

    /// Edges between two classes on the way over their nearest common ancestor.
    fn distance(&self, one: usize, other: usize) -> usize {
        let line = |place: usize| self.lines.get(place).map(Vec::as_slice).unwrap_or_default();
        let (one, other) = (line(one), line(other));
        let common = one.iter().zip(other).take_while(|(a, b)| a == b).count();
        one.len() + other.len() - 2 * common
    }
}

/// More levels than these no ontology has; AudioSet's has six.
const MOST_DEEP: usize = 64;

/// What each clip is worth as the answer to a question of each other.
#[derive(Clone, Debug)]
pub struct Gains {
    /// The number of each clip's class, where it has one.
    class_of_clip: Vec<Option<usize>>,
    /// Where nearness counts, the place of each class in the ontology and the largest distance between two of them.
    near: Option<(Ontology, Vec<usize>, usize)>,
}

impl Gains {
    /// Of clips with these classes.
    ///
    /// # Errors
    /// A class is not in the ontology, or its name stands for several.
    pub fn of(classes: &[Option<&str>], ontology: Option<&Ontology>) -> Result<Self, String> {
        let mut names: Vec<&str> = classes.iter().flatten().copied().collect();
        names.sort_unstable();
        names.dedup();
        let near = ontology.map(|ontology| {
            let places = places(&names, ontology)?;
            let pairs = places.iter().flat_map(|&one| places.iter().map(move |&other| ontology.distance(one, other)));
            let largest = pairs.max().unwrap_or(0);
            Ok::<_, String>((ontology.clone(), places, largest))
        });
        let number = |class: &Option<&str>| class.and_then(|class| names.binary_search(&class).ok());
        Ok(Self { class_of_clip: classes.iter().map(number).collect(), near: near.transpose()? })
    }

    /// The clips that have a class.
    pub fn clips(&self) -> impl Iterator<Item = usize> {
        self.class_of_clip.iter().enumerate().filter(|(_, class)| class.is_some()).map(|(clip, _)| clip)
    }

    /// What each clip gains as an answer to a question by `clip`; one without a class gains nothing.
    pub fn to(&self, clip: usize) -> Vec<f64> {
        let asked = self.class_of_clip.get(clip).copied().flatten();
        let gain = |answer: &Option<usize>| match (asked, *answer, &self.near) {
            (Some(asked), Some(answer), None) => f64::from(u8::from(asked == answer)),
            (Some(asked), Some(answer), Some((ontology, places, largest))) => {
                let [asked, answer] = [asked, answer].map(|class| places.get(class).copied().unwrap_or_default());
                largest.saturating_sub(ontology.distance(asked, answer)) as f64
            }
            _ => 0.0,
        };
        self.class_of_clip.iter().map(gain).collect()
    }
}

fn places(names: &[&str], ontology: &Ontology) -> Result<Vec<usize>, String> {
    let found: Vec<Option<usize>> = names.iter().map(|name| ontology.place(name)).collect();
    let missing: Vec<&str> =
        names.iter().zip(&found).filter(|(_, place)| place.is_none()).map(|(name, _)| *name).collect();
    if let Some(first) = missing.first() {
        let more = if missing.len() > 1 { format!(" and {} more", missing.len() - 1) } else { String::new() };
        return Err(format!(
            "the class `{first}`{more} of the clips is not in the ontology, by id or by a name that only one has there"
        ));
    }
    Ok(found.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A part of AudioSet's ontology: two instruments under one parent, and a bark.
    const ONTOLOGY: &str = r#"[
        {"id": "/m/04rlf", "name": "Music", "child_ids": ["/m/04szw"]},
        {"id": "/m/04szw", "name": "Musical instrument", "child_ids": ["/m/0fx80y", "/m/0l14md"], "restrictions": []},
        {"id": "/m/0fx80y", "name": "Plucked string instrument", "child_ids": ["/m/0342h"]},
        {"id": "/m/0342h", "name": "Guitar", "child_ids": ["/m/042v_gx"]},
        {"id": "/m/042v_gx", "name": "Acoustic guitar", "child_ids": []},
        {"id": "/m/0l14md", "name": "Percussion", "child_ids": ["/m/026t6"]},
        {"id": "/m/026t6", "name": "Drum", "child_ids": []},
        {"id": "/m/0jbk", "name": "Animal", "child_ids": ["/m/0bt9lr"]},
        {"id": "/m/0bt9lr", "name": "Dog", "child_ids": ["/m/05tny_"]},
        {"id": "/m/05tny_", "name": "Bark"}]"#;

    #[test]
    fn near_classes_gain_more_than_far_ones() {
        let ontology = Ontology::of_text(ONTOLOGY).unwrap();
        let distance = |one, other| ontology.distance(ontology.place(one).unwrap(), ontology.place(other).unwrap());
        // What `tree_min_distance` of objects-that-sound says of the same classes.
        assert_eq!((distance("Acoustic guitar", "Drum"), distance("Bark", "Drum")), (5, 7));
        assert_eq!((distance("/m/0342h", "acoustic GUITAR"), distance("Bark", "Bark")), (1, 0));
        let classes = [Some("Acoustic guitar"), Some("Bark"), None, Some("drum"), Some("Acoustic guitar")];
        let gains = Gains::of(&classes, Some(&ontology)).unwrap();
        // The two that are farthest apart, guitar and bark, are at a distance of 8.
        assert_eq!(gains.to(0), [8.0, 0.0, 0.0, 3.0, 8.0]);
        assert_eq!((gains.to(3), gains.to(2)), (vec![3.0, 1.0, 0.0, 8.0, 3.0], vec![0.0; 5]));
        assert_eq!(gains.clips().collect::<Vec<_>>(), [0, 1, 3, 4]);
        let alone = Gains::of(&classes, None).unwrap();
        assert_eq!(alone.to(0), [1.0, 0.0, 0.0, 0.0, 1.0]);
        let error = Gains::of(&[Some("Bark"), Some("bagpipe"), Some("zither")], Some(&ontology)).unwrap_err();
        assert!(error.contains("`bagpipe` and 1 more"), "{error}");
    }

    #[test]
    fn a_class_under_two_parents_is_under_the_last() {
        let text = r#"[{"id": "a", "name": "A", "child_ids": ["x"]}, {"id": "b", "name": "B", "child_ids": ["x"]},
            {"id": "x", "name": "X"}]"#;
        let ontology = Ontology::of_text(text).unwrap();
        assert_eq!((ontology.distance(2, 1), ontology.distance(2, 0)), (1, 3));
        // Two of one name are known by their ids alone.
        let twins = r#"[{"id": "a", "name": "Bell"}, {"id": "b", "name": "bell"}]"#;
        let twins = Ontology::of_text(twins).unwrap();
        assert_eq!((twins.place("Bell"), twins.place("b")), (None, Some(1)));
    }

    #[test]
    fn what_is_no_ontology_is_refused_with_the_reason() {
        let refused = |text: &str| Ontology::of_text(text).unwrap_err();
        assert!(refused("{}").contains("not a list of classes"));
        assert!(refused("[]").contains("0 classes"));
        assert!(refused(r#"[{"id": "a"}]"#).contains("name"));
        assert!(refused(r#"[{"id": "a", "name": "A", "child_ids": ["b"]}]"#).contains("child b, which is not there"));
        assert!(refused(r#"[{"id": "a", "name": "A"}, {"id": "a", "name": "B"}]"#).contains("twice"));
        let circle = r#"[{"id": "a", "name": "A", "child_ids": ["b"]}, {"id": "b", "name": "B", "child_ids": ["a"]}]"#;
        assert!(refused(circle).contains("its own ancestor"));
        assert!(refused(&"[".repeat(100_000)).contains("not a list"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ontology.json");
        std::fs::File::create(&path).unwrap().set_len(LARGEST_BYTES + 1).unwrap();
        assert!(Ontology::read(&path).unwrap_err().to_string().contains("are no ontology"));
        assert!(Ontology::read(&folder.path().join("none.json")).is_err());
    }
}
