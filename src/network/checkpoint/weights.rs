//! From the tree of a checkpoint to the weights of one network: the right level, plain keys, tensors.

use std::collections::{BTreeMap, HashSet};

use candle_core::{Device, Tensor};
use half::{bf16, f16};

use crate::network::StateDict;
use crate::network::arrays::ElementType;

use super::value::{Object, TensorView, Value, ValueId};
use super::{Checkpoint, CheckpointError, CheckpointProblem};

/// Keys under which training code keeps the weights beside other things.
const WRAPPING_KEYS: [&str; 8] =
    ["model_state_dict", "state_dict", "model_state", "model", "net", "network", "weights", "module"];
/// Prefixes that wrappers around a model put before its keys: DataParallel, torch.compile, Lightning.
const WRAPPING_PREFIXES: [&str; 3] = ["module.", "_orig_mod.", "model."];
/// How deep a dict of weights may lie.
const DEEPEST_LEVEL: usize = 8;

/// The weights of a checkpoint by plain key, before their elements are read.
#[derive(Clone, Debug, Default)]
pub struct Weights {
    /// The keys that lead to them from the top of the checkpoint (`["model_state_dict"]`).
    pub level: Vec<String>,
    /// The prefixes that were stripped, in order.
    pub stripped: Vec<String>,
    pub tensors: BTreeMap<String, TensorView>,
}

impl Checkpoint {
    /// Finds the weights: descends through the keys that training code wraps them in, then strips what wrappers put
    /// before every key.
    pub fn weights(&self) -> Result<Weights, CheckpointError> {
        self.find_weights().map_err(|problem| CheckpointError { path: self.path.clone(), problem })
    }

    /// Reads the weights as tensors: floating point as it is, booleans as `U8`, all integers as `I64`.
    pub fn state_dict(&self) -> Result<StateDict, CheckpointError> {
        let read = || {
            let weights = self.find_weights()?;
            let size = |view: &TensorView| view.count().unwrap_or(usize::MAX).saturating_mul(view.element.size_bytes());
            let bytes = weights.tensors.values().fold(0_usize, |sum, view| sum.saturating_add(size(view)));
            if bytes as u64 > self.most_bytes() {
                return Err(CheckpointProblem::ViewsTooLarge { limit: self.most_bytes() });
            }
            let tensors = weights.tensors.into_iter().map(|(key, view)| {
                let tensor = self.tensor(&key, &view)?;
                Ok((key, tensor))
            });
            tensors.collect::<Result<StateDict, CheckpointProblem>>()
        };
        read().map_err(|problem| CheckpointError { path: self.path.clone(), problem })
    }

    /// What stands beside the weights at the top: numbers and short texts by key, as training code keeps its epoch
    /// and best scores.
    pub fn notes(&self) -> Vec<(String, String)> {
        const LONGEST: usize = 80;
        let Value::Dict(entries) = self.value(self.root) else { return Vec::new() };
        let note = |&(key, value): &(ValueId, ValueId)| {
            let text = match self.value(value) {
                Value::Bool(value) => value.to_string(),
                Value::Int(value) => value.to_string(),
                Value::Float(value) => value.to_string(),
                Value::Text(text) if text.len() <= LONGEST => text.clone(),
                _ => return None,
            };
            Some((self.key_name(key), text))
        };
        entries.iter().filter_map(note).collect()
    }

    fn find_weights(&self) -> Result<Weights, CheckpointProblem> {
        let mut weights = Weights::default();
        let mut level = self.root;
        while weights.level.len() < DEEPEST_LEVEL {
            let Some((key, inner)) = self.wrapped(level) else { break };
            weights.level.push(key);
            level = inner;
        }
        let mut gathering = Gathering::default();
        self.gather(level, &mut gathering)?;
        let mut found = gathering.found;
        if found.is_empty() {
            return Err(CheckpointProblem::NoTensors);
        }
        while let Some(prefix) = WRAPPING_PREFIXES.into_iter().find(|prefix| is_common(&found, prefix)) {
            for (key, _) in &mut found {
                if let Some(plain) = key.strip_prefix(prefix) {
                    *key = plain.to_owned();
                }
            }
            weights.stripped.push(prefix.to_owned());
        }
        for (key, view) in found {
            if let Some(same) = weights.tensors.insert(key.clone(), view.clone())
                && same != view
            {
                return Err(CheckpointProblem::SameKey { key });
            }
        }
        Ok(weights)
    }

    /// The next level down, if the weights are not at this one: what a wrapping key holds, or, where no tensor lies
    /// at this level, the only other dict with tensors.
    fn wrapped(&self, level: ValueId) -> Option<(String, ValueId)> {
        const MOST_ENTRIES: usize = 64;
        let Value::Dict(entries) = self.value(level) else { return None };
        let nested =
            |&&(_, value): &&(ValueId, ValueId)| matches!(self.value(value), Value::Dict(_) | Value::Object(_));
        let nested = entries.iter().filter(nested).take(MOST_ENTRIES).map(|&(key, value)| (self.key_name(key), value));
        let optimizer = |key: &str| key.to_lowercase().contains("optim");
        let mut nested: Vec<_> = nested.filter(|(key, value)| !optimizer(key) && self.holds_tensors(*value)).collect();
        let named = WRAPPING_KEYS.iter().find_map(|wrapping| nested.iter().position(|(key, _)| key == wrapping));
        if let Some(named) = named {
            return Some(nested.swap_remove(named));
        }
        let has_tensors = entries.iter().any(|&(_, value)| matches!(self.value(value), Value::Tensor(_)));
        if has_tensors || nested.len() != 1 { None } else { nested.pop() }
    }

    /// True when a tensor lies below a value; what lies beyond the first ten thousand values is not looked at.
    fn holds_tensors(&self, id: ValueId) -> bool {
        const MOST_VALUES: usize = 10_000;
        let mut seen = HashSet::new();
        let mut waiting = vec![id];
        while let Some(id) = waiting.pop() {
            if seen.len() > MOST_VALUES || !seen.insert(id) {
                continue;
            }
            match self.value(id) {
                Value::Tensor(_) => return true,
                Value::Dict(entries) => waiting.extend(entries.iter().take(MOST_VALUES).map(|&(_, value)| value)),
                Value::Object(Object { state: Some(state), .. }) => waiting.push(*state),
                _ => {}
            }
        }
        false
    }

    /// Gathers the tensors below a value under dotted keys. Dicts and modules nest; what is neither is passed over,
    /// apart from an opaque object in a dict of weights, which is refused by name.
    fn gather(&self, id: ValueId, to: &mut Gathering) -> Result<(), CheckpointProblem> {
        let (entries, is_module) = match self.value(id) {
            Value::Dict(entries) => (entries, false),
            Value::Object(Object { state: Some(state), .. }) => match self.value(*state) {
                Value::Dict(entries) => (entries, true),
                _ => return Ok(()),
            },
            _ => return Ok(()),
        };
        to.depth += 1;
        for &(key, value) in entries {
            let name = self.key_name(key);
            let length = to.prefix.len();
            // A pickled nn.Module keeps its tensors and modules in three dicts of its own.
            if !(is_module && matches!(name.as_str(), "_parameters" | "_buffers" | "_modules")) {
                to.prefix.push_str(&name);
            }
            to.visit()?;
            match self.value(value) {
                Value::Tensor(view) => to.found.push((to.prefix.clone(), view.clone())),
                Value::Object(Object { class, state: None }) if !is_module => {
                    return Err(CheckpointProblem::Opaque { key: to.prefix.clone(), class: class.to_string() });
                }
                _ => {
                    if to.prefix.len() > length {
                        to.prefix.push('.');
                    }
                    self.gather(value, to)?;
                }
            }
            to.prefix.truncate(length);
        }
        to.depth -= 1;
        Ok(())
    }

    /// A dict's key as it is written in a path.
    pub fn key_name(&self, key: ValueId) -> String {
        match self.value(key) {
            Value::Text(text) => text.clone(),
            Value::Int(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            Value::Bool(value) => value.to_string(),
            _ => "?".to_owned(),
        }
    }

    fn tensor(&self, key: &str, view: &TensorView) -> Result<Tensor, CheckpointProblem> {
        let bytes = self.elements(view)?;
        let shape = view.shape.as_slice();
        let made = match view.element {
            ElementType::F32 => Tensor::from_vec(each(&bytes, f32::from_le_bytes), shape, &Device::Cpu),
            ElementType::F64 => Tensor::from_vec(each(&bytes, f64::from_le_bytes), shape, &Device::Cpu),
            ElementType::F16 => Tensor::from_vec(each(&bytes, f16::from_le_bytes), shape, &Device::Cpu),
            ElementType::Bf16 => Tensor::from_vec(each(&bytes, bf16::from_le_bytes), shape, &Device::Cpu),
            ElementType::Bool | ElementType::U8 => Tensor::from_vec(bytes, shape, &Device::Cpu),
            other => {
                let whole =
                    super::Array::new(view.shape.clone(), other.decode(&bytes)?).and_then(|array| array.to_i64());
                Tensor::from_vec(whole.ok_or(CheckpointProblem::TensorOutOfBounds)?, shape, &Device::Cpu)
            }
        };
        made.map_err(|source| CheckpointProblem::Tensor { key: key.to_owned(), source })
    }
}

/// The tensors found so far, and what keeps a tree that shares or contains itself from being walked for ever.
#[derive(Default)]
struct Gathering {
    found: Vec<(String, TensorView)>,
    /// The dotted key of the dict that is open.
    prefix: String,
    depth: usize,
    visited: usize,
}

impl Gathering {
    fn visit(&mut self) -> Result<(), CheckpointProblem> {
        const DEEPEST: usize = 64;
        const LONGEST_KEY_BYTES: usize = 1024;
        const MOST: usize = 100_000;
        self.visited += 1;
        if self.depth > DEEPEST {
            return Err(CheckpointProblem::TooMany { what: "modules within each other", limit: DEEPEST });
        }
        if self.prefix.len() > LONGEST_KEY_BYTES {
            return Err(CheckpointProblem::TooMany { what: "letters in a key", limit: LONGEST_KEY_BYTES });
        }
        if self.visited > MOST {
            return Err(CheckpointProblem::TooMany { what: "entries", limit: MOST });
        }
        Ok(())
    }
}

fn each<const N: usize, T>(bytes: &[u8], value: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|&chunk| value(chunk)).collect()
}

/// True when more than half of the keys begin with a prefix: some files keep a loss's parameters beside the model's.
fn is_common(found: &[(String, TensorView)], prefix: &str) -> bool {
    let with = found.iter().filter(|(key, _)| key.len() > prefix.len() && key.starts_with(prefix)).count();
    with * 2 > found.len()
}
