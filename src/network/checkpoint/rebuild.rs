//! What the known globals of a pickle stand for. Nothing here runs anything: a name is matched, and data is made of
//! data. An unknown name makes an opaque object.

use std::sync::Arc;

use crate::network::arrays::{Array, ElementType, Values as Elements, fortran_strides, gather_strided};

use super::unpickle::Unpickler;
use super::value::{Object, Storage, TensorView, Value, ValueId};
use super::{CheckpointProblem, element_of_torch};

/// torch allows no more axes than this.
const MOST_AXES: usize = 64;

/// The value that `callee(*arguments)` stands for.
pub(super) fn call(
    unpickler: &mut Unpickler,
    callee: ValueId,
    arguments: ValueId,
) -> Result<ValueId, CheckpointProblem> {
    let name = match unpickler.values.get(callee) {
        Value::Global(name) => Arc::clone(name),
        Value::Object(object) => Arc::clone(&object.class),
        _ => return Err(damaged("it calls what is no function")),
    };
    let arguments = unpickler.values.items(arguments).ok_or_else(|| damaged("a call's arguments are no tuple"))?;
    // No known global takes more, and a tuple of any length can be passed again and again.
    let arguments: Vec<ValueId> = arguments.iter().take(16).copied().collect();
    let first = arguments.first().copied();
    let opaque = |class| Value::Object(Object { class, state: None });
    let value = match &*name {
        "collections.OrderedDict" | "collections.defaultdict" | "builtins.dict" | "__builtin__.dict" => {
            Value::Dict(entries_of(unpickler, first)?)
        }
        "builtins.set" | "builtins.frozenset" | "__builtin__.set" | "__builtin__.frozenset" => {
            let items = first.and_then(|first| unpickler.values.items(first)).unwrap_or_default().to_vec();
            unpickler.copy(items.len())?;
            Value::Set(items)
        }
        "torch._utils._rebuild_tensor" | "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor_v3" => {
            tensor(unpickler, &arguments)?.unwrap_or_else(|| opaque(name))
        }
        "torch._utils._rebuild_parameter"
        | "torch._utils._rebuild_parameter_with_state"
        | "torch.Size"
        | "builtins.list"
        | "builtins.tuple"
        | "builtins.bytearray"
        | "__builtin__.bytearray"
        | "torch.jit._pickle.restore_type_tag"
        | "torch.jit._pickle.build_intlist"
        | "torch.jit._pickle.build_doublelist"
        | "torch.jit._pickle.build_boollist"
        | "torch.jit._pickle.build_tensorlist" => match first {
            Some(first) => return Ok(first),
            None => opaque(name),
        },
        "numpy.dtype" => match first.and_then(|first| unpickler.values.text(first)) {
            Some(descr) if descr.len() <= 16 => Value::ArrayType(descr.to_owned()),
            _ => opaque(name),
        },
        "numpy.core.multiarray.scalar" | "numpy._core.multiarray.scalar" => {
            scalar(unpickler, &arguments).unwrap_or_else(|| opaque(name))
        }
        "numpy.core.multiarray._reconstruct" | "numpy._core.multiarray._reconstruct" => opaque(Arc::from(NUMPY_ARRAY)),
        "numpy.core.numeric._frombuffer" | "numpy._core.numeric._frombuffer" => match arguments[..] {
            [data, element, shape, order] => {
                let fortran_order = unpickler.values.text(order) == Some("F");
                array(unpickler, shape, element, fortran_order, data)?.unwrap_or_else(|| opaque(name))
            }
            _ => opaque(name),
        },
        // Protocol 2 has no bytes: Python 3 writes them as text in which each byte is one letter.
        "_codecs.encode" => match first.and_then(|first| unpickler.values.text(first)) {
            Some(text) => {
                let bytes = text.chars().map(|letter| u8::try_from(u32::from(letter))).collect::<Result<Vec<u8>, _>>();
                let bytes = bytes.map_err(|_| damaged("bytes are written as text that is no Latin-1"))?;
                unpickler.copy(bytes.len())?;
                Value::Bytes(bytes)
            }
            None => opaque(name),
        },
        "copyreg._reconstructor" | "copy_reg._reconstructor" => match first.map(|first| unpickler.values.get(first)) {
            Some(Value::Global(class)) => opaque(Arc::clone(class)),
            _ => opaque(name),
        },
        _ => opaque(name),
    };
    unpickler.values.add(value)
}

const NUMPY_ARRAY: &str = "numpy.ndarray";

/// What BUILD does to an object: it gives it its attributes.
pub(super) fn set_state(unpickler: &mut Unpickler, object: ValueId, state: ValueId) -> Result<(), CheckpointProblem> {
    match unpickler.values.get(object) {
        Value::ArrayType(descr) => {
            // (version, byte order, …); `|` and `=` mean what the machine that wrote it has: little-endian.
            let order = unpickler.values.items(state).and_then(|state| state.get(1).copied());
            if order.and_then(|order| unpickler.values.text(order)) == Some(">") {
                let big_endian = format!(">{}", descr.trim_start_matches(['<', '|', '=', '>']));
                return set(unpickler, object, Value::ArrayType(big_endian));
            }
            Ok(())
        }
        Value::Object(known) if &*known.class == NUMPY_ARRAY => {
            let parts = unpickler.values.items(state).map(|parts| parts.iter().take(5).copied().collect::<Vec<_>>());
            let Some([_version, shape, element, order, data]) = parts.as_deref() else {
                return Err(damaged("a numpy array has no state"));
            };
            let fortran_order = matches!(unpickler.values.get(*order), Value::Bool(true));
            match array(unpickler, *shape, *element, fortran_order, *data)? {
                Some(array) => set(unpickler, object, array),
                None => Ok(()),
            }
        }
        Value::Object(known) => {
            // Of (attributes, slots) the attributes.
            let attributes = match unpickler.values.get(state) {
                Value::Tuple(parts) => parts.first().copied().unwrap_or(state),
                _ => state,
            };
            let object_of = Object { class: Arc::clone(&known.class), state: Some(attributes) };
            set(unpickler, object, Value::Object(object_of))
        }
        // The attributes of an OrderedDict (`_metadata`) or of a Parameter say nothing about its values.
        _ => Ok(()),
    }
}

/// What a persistent id stands for: a storage, or a class that was saved with its source text.
pub(super) fn persistent(unpickler: &mut Unpickler, id: ValueId) -> Result<ValueId, CheckpointProblem> {
    let values = &unpickler.values;
    let unknown = || damaged("a persistent id is no storage");
    let parts: Vec<ValueId> = values.items(id).ok_or_else(unknown)?.iter().take(8).copied().collect();
    let kind = parts.first().and_then(|&kind| values.text(kind)).ok_or_else(unknown)?;
    if kind == "module" {
        return parts.get(1).copied().ok_or_else(unknown);
    }
    let (["storage"], &[_, class, key, _location, count, ..]) = ([kind], &parts[..]) else { return Err(unknown()) };
    let Value::Global(class) = values.get(class) else { return Err(unknown()) };
    let element = class.strip_prefix("torch.").map(|class| class.trim_start_matches("storage."));
    let element = element.and_then(element_of_torch);
    let element = element.ok_or_else(|| CheckpointProblem::Storage { class: class.to_string() })?;
    let key = values.text(key).ok_or_else(unknown)?;
    let claimed = values.index(count).ok_or_else(|| damaged("a storage has no size"))?;
    let index = match unpickler.storage_by_key.get(key) {
        Some(&index) => index,
        None => {
            let storage = Storage { key: key.to_owned(), element, claimed, position: 0, size_bytes: 0, checksum: None };
            unpickler.storage_by_key.insert(key.to_owned(), unpickler.storages.len());
            unpickler.storages.push(storage);
            unpickler.storages.len() - 1
        }
    };
    if unpickler.storages.get(index).is_none_or(|storage| storage.element != element || storage.claimed != claimed) {
        return Err(damaged("a storage comes with two types or sizes"));
    }
    // Very old files know storages that are windows of others: (key, first element, length).
    let window = parts.get(5).and_then(|&window| values.items(window));
    let first = match window {
        Some(window) => window.get(1).and_then(|&first| values.index(first)).ok_or_else(unknown)?,
        None => 0,
    };
    unpickler.values.add(Value::Storage { index, first })
}

/// `_rebuild_tensor*(storage, offset, shape, strides, requires_grad, hooks, dtype)`; `None` where the storage is an
/// opaque object.
fn tensor(unpickler: &Unpickler, arguments: &[ValueId]) -> Result<Option<Value>, CheckpointProblem> {
    let values = &unpickler.values;
    let &[storage, offset, shape, strides, ref more @ ..] = arguments else {
        return Err(damaged("a tensor lacks a storage, an offset, a shape or strides"));
    };
    let Value::Storage { index, first } = *values.get(storage) else { return Ok(None) };
    let element = match more.get(2).map(|&named| values.get(named)) {
        Some(Value::Global(named)) => {
            let Some(element) = named.strip_prefix("torch.").and_then(element_of_torch) else { return Ok(None) };
            element
        }
        _ => unpickler.storages.get(index).ok_or_else(|| damaged("a tensor has no storage"))?.element,
    };
    let lengths = |axes: ValueId| -> Option<Vec<usize>> {
        let axes = values.items(axes).filter(|axes| axes.len() <= MOST_AXES)?;
        axes.iter().map(|&axis| values.index(axis)).collect()
    };
    let (Some(offset), Some(shape), Some(strides)) = (values.index(offset), lengths(shape), lengths(strides)) else {
        return Err(damaged("a tensor's shape is not made of natural numbers"));
    };
    let offset = offset.checked_add(first).filter(|_| shape.len() == strides.len());
    let offset = offset.ok_or_else(|| damaged("a tensor's strides do not match its shape"))?;
    Ok(Some(Value::Tensor(TensorView { storage: index, element, offset, shape, strides })))
}

/// A numpy array; `None` where its elements are objects or of a kind that is not read.
fn array(
    unpickler: &mut Unpickler,
    shape: ValueId,
    element: ValueId,
    fortran_order: bool,
    data: ValueId,
) -> Result<Option<Value>, CheckpointProblem> {
    let values = &unpickler.values;
    let (Value::ArrayType(descr), Value::Bytes(bytes)) = (values.get(element), values.get(data)) else {
        return Ok(None);
    };
    let axes = values.items(shape).filter(|axes| axes.len() <= MOST_AXES);
    let shape: Option<Vec<usize>> = axes.and_then(|axes| axes.iter().map(|&axis| values.index(axis)).collect());
    let shape = shape.ok_or_else(|| damaged("a numpy array's shape is not made of natural numbers"))?;
    let amount = bytes.len();
    let Ok(elements) = decode(descr, bytes, fortran_order.then_some(shape.as_slice())) else { return Ok(None) };
    let array = Array::new(shape, elements).ok_or_else(|| damaged("a numpy array's shape does not match its data"))?;
    unpickler.copy(amount)?;
    Ok(Some(Value::Array(array)))
}

/// A numpy scalar as a plain number or text; `None` where it is neither.
fn scalar(unpickler: &Unpickler, arguments: &[ValueId]) -> Option<Value> {
    let &[element, data, ..] = arguments else { return None };
    let Value::ArrayType(descr) = unpickler.values.get(element) else { return None };
    let bytes = match unpickler.values.get(data) {
        Value::Bytes(bytes) => bytes.as_slice(),
        Value::Text(text) => text.as_bytes(),
        _ => return None,
    };
    if bytes.len() > 1024 {
        return None;
    }
    Some(match decode(descr, bytes, None).ok()? {
        Elements::Bool(values) => Value::Bool(*values.first()?),
        Elements::U8(values) => Value::Int(i128::from(*values.first()?)),
        Elements::I64(values) => Value::Int(i128::from(*values.first()?)),
        Elements::F32(values) => Value::Float(f64::from(*values.first()?)),
        Elements::F64(values) => Value::Float(*values.first()?),
        Elements::Text(values) => Value::Text(values.first()?.clone()),
    })
}

fn decode(descr: &str, bytes: &[u8], fortran_shape: Option<&[usize]>) -> Result<Elements, CheckpointProblem> {
    let (element, big_endian) = ElementType::from_descr(descr)?;
    let size = element.size_bytes();
    let mut bytes = bytes.to_vec();
    if big_endian {
        element.swap_bytes(&mut bytes);
    }
    if let Some(shape) = fortran_shape {
        bytes = gather_strided(&bytes, size, 0, shape, &fortran_strides(shape))
            .ok_or_else(|| damaged("a numpy array's shape does not match its data"))?;
    }
    Ok(element.decode(&bytes)?)
}

fn entries_of(
    unpickler: &mut Unpickler,
    source: Option<ValueId>,
) -> Result<Vec<(ValueId, ValueId)>, CheckpointProblem> {
    let values = &unpickler.values;
    let entries = match source.map(|source| values.get(source)) {
        Some(Value::Dict(entries)) => entries.clone(),
        Some(Value::List(pairs) | Value::Tuple(pairs)) => {
            let pair = |&pair: &ValueId| match values.items(pair) {
                Some(&[key, value]) => Ok((key, value)),
                _ => Err(damaged("a dict is made of what are no pairs")),
            };
            pairs.iter().map(pair).collect::<Result<_, _>>()?
        }
        _ => Vec::new(),
    };
    unpickler.copy(entries.len())?;
    Ok(entries)
}

fn set(unpickler: &mut Unpickler, id: ValueId, value: Value) -> Result<(), CheckpointProblem> {
    if let Some(old) = unpickler.values.get_mut(id) {
        *old = value;
    }
    Ok(())
}

/// Whoever reads the pickle knows where.
fn damaged(reason: &str) -> CheckpointProblem {
    CheckpointProblem::Pickle { at: 0, reason: reason.to_owned() }
}
