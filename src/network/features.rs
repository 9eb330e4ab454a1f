//! What flows between layers: a packed map on the processor, a candle tensor on any other device.

use candle_core::{DType, Storage, Tensor};

use super::kernels::map::{BORDER, FeatureMap};
use super::{NetworkError, StateView, WeightError};

pub(super) enum Features {
    Packed(FeatureMap),
    Plain(Tensor),
}

impl Features {
    /// From N×C×H×W, with room for a padding.
    pub fn new(layer: &str, x: &Tensor, padding: usize) -> Result<Self, NetworkError> {
        if !x.device().is_cpu() {
            return Ok(Self::Plain(x.clone()));
        }
        let &[n, c, h, w] = x.dims() else {
            return Err(NetworkError::input(layer, "N×C×H×W", x.dims()));
        };
        let pack = |values: &[f32]| FeatureMap::from_planes(values, [n, c, h, w], padding.max(BORDER));
        Ok(Self::Packed(with_values(layer, x, pack)?))
    }

    pub fn into_tensor(self) -> Result<Tensor, NetworkError> {
        match self {
            Self::Plain(tensor) => Ok(tensor),
            Self::Packed(map) => {
                let shape = (map.images, map.channels, map.height, map.width);
                Ok(Tensor::from_vec(map.to_planes(), shape, &candle_core::Device::Cpu)?)
            }
        }
    }

    /// N, C, H, W.
    pub fn shape(&self) -> Result<[usize; 4], NetworkError> {
        match self {
            Self::Packed(map) => Ok([map.images, map.channels, map.height, map.width]),
            Self::Plain(tensor) => {
                let (n, c, h, w) = tensor.dims4()?;
                Ok([n, c, h, w])
            }
        }
    }
}

/// Hands the values of an `f32` tensor on the processor to `read`, in row-major order.
pub(super) fn with_values<R>(layer: &str, x: &Tensor, read: impl FnOnce(&[f32]) -> R) -> Result<R, NetworkError> {
    if x.dtype() != DType::F32 {
        let found = x.dtype().as_str();
        return Err(NetworkError::input(layer, format!("f32 values (these are {found})"), x.dims()));
    }
    let x = x.contiguous()?;
    let (storage, layout) = x.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else {
        return Err(NetworkError::input(layer, "a tensor on the processor, where its weights are", x.dims()));
    };
    let start = layout.start_offset();
    Ok(read(&storage.as_slice::<f32>()?[start..start + layout.shape().elem_count()]))
}

/// The values of a weight that is on the processor.
pub(super) fn weight_values(weights: &StateView, key: &str, tensor: &Tensor) -> Result<Vec<f32>, WeightError> {
    let values = tensor.flatten_all().and_then(|flat| flat.to_vec1());
    values.map_err(|source| WeightError::Tensor { key: weights.full_key(key), source })
}
