//! Named tensors: what a checkpoint holds and what networks are built from.

use std::collections::BTreeMap;

use candle_core::{CpuStorage, DType, Storage, Tensor};

/// A tensor whose shape is not the one that a network has at that key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misshapen {
    pub key: String,
    pub expected: Vec<usize>,
    pub found: Vec<usize>,
}

/// Why a set of weights does not fit a network.
#[derive(Debug, thiserror::Error)]
pub enum WeightError {
    #[error("the weights do not fit the network:{}", describe_mismatch(missing, extra, misshapen))]
    Mismatch { missing: Vec<String>, extra: Vec<String>, misshapen: Vec<Misshapen> },
    #[error("{key} is {found}, which cannot be used as floating-point weights")]
    DType { key: String, found: &'static str },
    #[error("{key}: {problem}")]
    Invalid { key: String, problem: String },
    #[error("{key}: {source}")]
    Tensor { key: String, source: candle_core::Error },
}

impl WeightError {
    fn missing(key: String) -> Self {
        Self::Mismatch { missing: vec![key], extra: Vec::new(), misshapen: Vec::new() }
    }

    fn misshapen(key: String, expected: &[usize], found: &[usize]) -> Self {
        let entry = Misshapen { key, expected: expected.to_vec(), found: found.to_vec() };
        Self::Mismatch { missing: Vec::new(), extra: Vec::new(), misshapen: vec![entry] }
    }
}

fn describe_mismatch(missing: &[String], extra: &[String], misshapen: &[Misshapen]) -> String {
    const SHOWN: usize = 8;
    let mut text = String::new();
    let mut list = |title: &str, items: Vec<String>| {
        if items.is_empty() {
            return;
        }
        let more = items.len().saturating_sub(SHOWN);
        text.push_str(&format!(" {} {title}: {}", items.len(), items[..items.len() - more].join(", ")));
        if more > 0 {
            text.push_str(&format!(" and {more} more"));
        }
        text.push(';');
    };
    list("missing", missing.to_vec());
    list("too much", extra.to_vec());
    let shapes = misshapen.iter().map(|m| format!("{} is {:?} instead of {:?}", m.key, m.found, m.expected));
    list("of another shape", shapes.collect());
    text.trim_end_matches(';').to_string()
}

/// Tensors by key, in the order of the keys.
#[derive(Debug, Clone, Default)]
pub struct StateDict {
    tensors: BTreeMap<String, Tensor>,
}

impl StateDict {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tensor and returns the one that had the key before.
    pub fn insert(&mut self, key: impl Into<String>, tensor: Tensor) -> Option<Tensor> {
        self.tensors.insert(key.into(), tensor)
    }

    pub fn get(&self, key: &str) -> Option<&Tensor> {
        self.tensors.get(key)
    }

    /// Takes a tensor out. Fails with the key's name if there is none.
    pub fn take(&mut self, key: &str) -> Result<Tensor, WeightError> {
        self.tensors.remove(key).ok_or_else(|| WeightError::missing(key.to_string()))
    }

    pub fn contains(&self, key: &str) -> bool {
        self.tensors.contains_key(key)
    }

    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(key, tensor)| (key.as_str(), tensor))
    }

    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// All tensors under their full names.
    pub fn view(&self) -> StateView<'_> {
        StateView { dict: self, prefix: String::new() }
    }

    /// The tensors whose keys start with `prefix` (which brings its own dot, as in `imgnet.`).
    pub fn under(&self, prefix: &str) -> StateView<'_> {
        self.view().under(prefix)
    }

    /// Compares keys and shapes with what a network has, and reports every difference at once.
    pub fn check<'a>(&self, expected: impl IntoIterator<Item = (&'a str, &'a [usize])>) -> Result<(), WeightError> {
        let expected: BTreeMap<&str, &[usize]> = expected.into_iter().collect();
        let mut missing = Vec::new();
        let mut misshapen = Vec::new();
        for (&key, &shape) in &expected {
            match self.get(key) {
                None => missing.push(key.to_string()),
                Some(tensor) if tensor.dims() != shape => misshapen.push(Misshapen {
                    key: key.to_string(),
                    expected: shape.to_vec(),
                    found: tensor.dims().to_vec(),
                }),
                Some(_) => {}
            }
        }
        let extra: Vec<String> = self.keys().filter(|key| !expected.contains_key(key)).map(str::to_string).collect();
        if missing.is_empty() && extra.is_empty() && misshapen.is_empty() {
            Ok(())
        } else {
            Err(WeightError::Mismatch { missing, extra, misshapen })
        }
    }
}

impl FromIterator<(String, Tensor)> for StateDict {
    fn from_iter<I: IntoIterator<Item = (String, Tensor)>>(tensors: I) -> Self {
        Self { tensors: tensors.into_iter().collect() }
    }
}

impl IntoIterator for StateDict {
    type Item = (String, Tensor);
    type IntoIter = std::collections::btree_map::IntoIter<String, Tensor>;

    fn into_iter(self) -> Self::IntoIter {
        self.tensors.into_iter()
    }
}

/// A part of a [`StateDict`]: the tensors under a prefix, named without it.
#[derive(Debug, Clone)]
pub struct StateView<'a> {
    dict: &'a StateDict,
    prefix: String,
}

impl<'a> StateView<'a> {
    /// The part below a further prefix (which brings its own dot).
    pub fn under(&self, prefix: &str) -> StateView<'a> {
        StateView { dict: self.dict, prefix: format!("{}{prefix}", self.prefix) }
    }

    /// The full name of a key, as it stands in the checkpoint.
    pub fn full_key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    pub fn contains(&self, key: &str) -> bool {
        self.dict.contains(&self.full_key(key))
    }

    /// The tensor of a key as it is stored, if there is one.
    pub fn get(&self, key: &str) -> Option<&'a Tensor> {
        self.dict.get(&self.full_key(key))
    }

    /// Keys below the prefix, without it.
    pub fn keys(&self) -> impl Iterator<Item = &'a str> {
        let prefix = self.prefix.clone();
        let start = prefix.clone();
        self.dict.tensors.range(start..).map_while(move |(key, _)| key.strip_prefix(prefix.as_str()))
    }

    /// The tensor of a key as contiguous `f32`, of any shape.
    ///
    /// # Errors
    /// No such key, numbers that are not floating point, and values that are no numbers: kernels may turn a NaN into a
    /// plain 0 on the way, so that a map would not show it.
    pub fn weight(&self, key: &str) -> Result<Tensor, WeightError> {
        let full_key = self.full_key(key);
        let Some(tensor) = self.dict.get(&full_key) else {
            return Err(WeightError::missing(full_key));
        };
        match tensor.dtype() {
            DType::F32 | DType::F64 | DType::F16 | DType::BF16 => {}
            other => return Err(WeightError::DType { key: full_key, found: other.as_str() }),
        }
        let converted = tensor.to_dtype(DType::F32).and_then(|tensor| tensor.contiguous());
        let converted = converted.map_err(|source| WeightError::Tensor { key: full_key, source })?;
        match not_finite(&converted) {
            0 => Ok(converted),
            count => {
                let problem = format!(
                    "{count} of its {} values are no numbers (NaN or infinite): the file is damaged, or its training \
                     ran away",
                    converted.elem_count()
                );
                Err(self.invalid(key, problem))
            }
        }
    }

    /// The tensor of a key as contiguous `f32`, of exactly this shape.
    pub fn weight_of_shape(&self, key: &str, shape: &[usize]) -> Result<Tensor, WeightError> {
        let tensor = self.weight(key)?;
        if tensor.dims() != shape {
            return Err(WeightError::misshapen(self.full_key(key), shape, tensor.dims()));
        }
        Ok(tensor)
    }

    /// The tensor of a key as contiguous `f32` with this number of dimensions.
    pub fn weight_of_rank(&self, key: &str, rank: usize) -> Result<Tensor, WeightError> {
        let tensor = self.weight(key)?;
        if tensor.rank() != rank {
            let problem = format!("its shape is {:?}, but it must have {rank} dimensions", tensor.dims());
            return Err(self.invalid(key, problem));
        }
        if tensor.elem_count() == 0 {
            return Err(self.invalid(key, format!("its shape {:?} holds nothing", tensor.dims())));
        }
        Ok(tensor)
    }

    /// An error about a key of this view.
    pub fn invalid(&self, key: &str, problem: impl Into<String>) -> WeightError {
        WeightError::Invalid { key: self.full_key(key), problem: problem.into() }
    }
}

/// Values of a contiguous tensor of `f32` in main memory that are no numbers.
fn not_finite(tensor: &Tensor) -> usize {
    let (storage, layout) = tensor.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::F32(values)), Some((start, end))) => {
            values.get(start..end).unwrap_or_default().iter().filter(|value| !value.is_finite()).count()
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn zeros(shape: &[usize]) -> Tensor {
        Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap()
    }

    fn sample() -> StateDict {
        [("imgnet.conv1.weight", vec![4, 3]), ("imgnet.bn1.weight", vec![4]), ("audnet.conv1.weight", vec![4, 1])]
            .into_iter()
            .map(|(key, shape)| (key.to_string(), zeros(&shape)))
            .collect()
    }

    #[test]
    fn a_view_names_keys_without_its_prefix() {
        let dict = sample();
        let view = dict.under("imgnet.");
        assert_eq!(view.keys().collect::<Vec<_>>(), ["bn1.weight", "conv1.weight"]);
        assert_eq!(view.get("conv1.weight").unwrap().dims(), [4, 3]);
        assert!(view.get("imgnet.conv1.weight").is_none());
        assert_eq!(view.under("bn1.").weight("weight").unwrap().dims(), [4]);
    }

    #[test]
    fn weights_that_are_no_numbers_are_refused() {
        let mut dict = sample();
        let half = Tensor::new(&[1.0f32, f32::NAN, f32::INFINITY], &Device::Cpu).unwrap().to_dtype(DType::F16).unwrap();
        dict.insert("fc.bias", half);
        let refused = dict.view().weight("fc.bias").unwrap_err().to_string();
        assert!(refused.starts_with("fc.bias: 2 of its 3 values are no numbers"), "{refused}");
    }

    #[test]
    fn every_difference_is_named_at_once() {
        let dict = sample();
        let expected: [(&str, &[usize]); 3] =
            [("imgnet.conv1.weight", &[4, 5]), ("imgnet.bn1.weight", &[4]), ("fc.bias", &[9])];
        let text = dict.check(expected).unwrap_err().to_string();
        for part in
            ["1 missing: fc.bias", "1 too much: audnet.conv1.weight", "imgnet.conv1.weight is [4, 3] instead of [4, 5]"]
        {
            assert!(text.contains(part), "{text}");
        }
        let exact: Vec<(&str, Vec<usize>)> = dict.iter().map(|(key, tensor)| (key, tensor.dims().to_vec())).collect();
        assert!(dict.check(exact.iter().map(|(key, shape)| (*key, shape.as_slice()))).is_ok());
    }

    #[test]
    fn a_missing_or_misshapen_weight_is_named_in_full() {
        let dict = sample();
        let view = dict.under("imgnet.");
        assert!(view.weight("bn1.bias").unwrap_err().to_string().contains("imgnet.bn1.bias"));
        let text = view.weight_of_shape("bn1.weight", &[8]).unwrap_err().to_string();
        assert!(text.contains("imgnet.bn1.weight is [4] instead of [8]"), "{text}");
    }

    #[test]
    fn half_precision_is_widened_and_integers_are_refused() {
        let mut dict = StateDict::new();
        dict.insert("half", zeros(&[2]).to_dtype(DType::F16).unwrap());
        dict.insert("steps", zeros(&[2]).to_dtype(DType::I64).unwrap());
        assert_eq!(dict.view().weight("half").unwrap().dtype(), DType::F32);
        assert!(dict.view().weight("steps").unwrap_err().to_string().contains("steps is i64"));
    }
}
