//! What damaged and malicious checkpoints get: a clear refusal, soon, and within the memory that the file's size
//! allows.

use std::path::Path;

use zip::CompressionMethod;

use super::sample::{self, Pickle};
use super::{Checkpoint, CheckpointError, CheckpointProblem, Container, Value, read_bytes};

fn open(bytes: Vec<u8>) -> Result<Checkpoint, CheckpointError> {
    read_bytes(Path::new("model.pth"), bytes)
}

fn zipped(program: Vec<u8>) -> Result<Checkpoint, CheckpointError> {
    open(sample::zip_of(&program, &sample::storages(), CompressionMethod::Stored))
}

fn problem<T>(result: Result<T, CheckpointError>) -> CheckpointProblem {
    result.err().expect("a refusal").problem
}

/// Everything a reader may be asked for.
fn exercise(bytes: Vec<u8>) -> Result<(), CheckpointError> {
    let checkpoint = open(bytes)?;
    checkpoint.notes();
    checkpoint.weights()?;
    checkpoint.state_dict()?;
    Ok(())
}

struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

#[test]
fn the_sample_is_read_from_all_containers() {
    for (file, container) in [
        (sample::zip(), Container::TorchZip),
        (sample::legacy(), Container::TorchLegacy),
        (sample::safetensors(), Container::Safetensors),
    ] {
        let checkpoint = open(file).unwrap();
        assert_eq!(checkpoint.container(), container);
        let state = checkpoint.state_dict().unwrap();
        let weight = state.get("a.weight").unwrap();
        let transposed: Vec<f32> = if container == Container::Safetensors {
            (0..12_u8).map(f32::from).collect()
        } else {
            [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11_u8].map(f32::from).to_vec()
        };
        assert_eq!(weight.flatten_all().unwrap().to_vec1::<f32>().unwrap(), transposed);
        let bias = state.view().weight("a.bias").unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(bias, [1.0, -2.0]);
    }
    assert_eq!(open(sample::zip()).unwrap().notes(), [("epoch".to_owned(), "3".to_owned())]);
}

#[test]
fn a_file_that_ends_early_is_refused() {
    for whole in [sample::zip(), sample::legacy(), sample::safetensors()] {
        let mut length = 1;
        while length < whole.len() {
            assert!(exercise(whole[..length].to_vec()).is_err(), "{length} of {}", whole.len());
            length *= 2;
        }
        assert!(exercise(whole[..whole.len() - 1].to_vec()).is_err());
    }
    assert!(matches!(problem(open(Vec::new())), CheckpointProblem::Empty));
    assert!(matches!(problem(super::read(Path::new("/"))), CheckpointProblem::Folder));
}

/// A bounded run of what the fuzzer does: flipped bits, changed, removed and repeated stretches.
#[test]
fn thousands_of_damaged_files_get_an_answer() {
    let mut random = SplitMix(1);
    let (mut read, mut refused) = (0, 0);
    for whole in [sample::zip(), sample::legacy(), sample::safetensors(), sample::program()] {
        for _ in 0..3000 {
            let mut bytes = whole.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(bytes.len());
                let until = (at + 1 + random.below(16)).min(bytes.len());
                match random.below(5) {
                    0 => bytes[at] ^= 1 << random.below(8),
                    1 => bytes[at] = random.next() as u8,
                    2 => bytes[at..until].fill([0, 0x7f, 0xff][random.below(3)]),
                    3 => drop(bytes.drain(at..until)),
                    _ => {
                        let repeated = bytes[at..until].to_vec();
                        bytes.splice(at..at, repeated);
                    }
                }
                if bytes.is_empty() {
                    break;
                }
            }
            match exercise(bytes) {
                Ok(()) => read += 1,
                Err(error) => {
                    assert!(error.to_string().starts_with("model.pth: "));
                    refused += 1;
                }
            }
        }
    }
    assert!(read > 100 && refused > 6000, "{read} read, {refused} refused");
}

#[test]
fn flipped_bits_in_stored_weights_are_noticed() {
    let mut bytes = sample::zip();
    let weights: Vec<u8> = sample::storages().swap_remove(0).1;
    let at = bytes.windows(weights.len()).position(|window| window == weights).unwrap();
    bytes[at + 5] ^= 0x10;
    assert!(matches!(problem(exercise(bytes)), CheckpointProblem::Checksum { .. }));
}

#[test]
fn nothing_is_called_and_an_opaque_weight_is_refused_by_name() {
    let call = |pickle: Pickle| {
        pickle.global("os", "system").tuple(|arguments| arguments.text("touch /tmp/owned")).opcode(b'R')
    };
    let among_weights = Pickle::new().dict(|dict| {
        let dict = dict.text("a.weight").tensor(("FloatStorage", "0", 12), 0, &[12], &[1]);
        call(dict.text("a.bias"))
    });
    let refusal = zipped(among_weights.end()).unwrap().state_dict().unwrap_err().to_string();
    assert!(refusal.contains("'a.bias'") && refusal.contains("os.system"), "{refusal}");

    let beside_weights = Pickle::new().dict(|dict| {
        let dict = call(dict.text("callback"));
        dict.text("model").dict(|model| model.text("w").tensor(("FloatStorage", "0", 12), 0, &[12], &[1]))
    });
    let checkpoint = zipped(beside_weights.end()).unwrap();
    let callback = checkpoint.entry(checkpoint.root(), "callback").unwrap();
    assert!(matches!(checkpoint.value(callback), Value::Object(object) if &*object.class == "os.system"));
    assert_eq!(checkpoint.state_dict().unwrap().len(), 1);

    let alone = zipped(call(Pickle::new()).end()).unwrap();
    assert!(matches!(problem(alone.state_dict()), CheckpointProblem::NoTensors));
}

#[test]
fn shapes_of_terabytes_are_refused_before_allocating() {
    let weight = |claimed: i64, shape: &[i64], strides: &[i64]| {
        let storage = ("FloatStorage", "0", claimed);
        zipped(Pickle::new().dict(|dict| dict.text("w").tensor(storage, 0, shape, strides)).end())
    };
    assert!(matches!(problem(weight(1 << 40, &[2], &[1])), CheckpointProblem::Truncated { .. }));
    assert!(matches!(problem(weight(12, &[1 << 40], &[1])), CheckpointProblem::TensorOutOfBounds));
    assert!(matches!(problem(weight(12, &[i64::MAX, i64::MAX], &[1, 1])), CheckpointProblem::TensorOutOfBounds));
    assert!(matches!(problem(weight(12, &[-3], &[1])), CheckpointProblem::Pickle { .. }));
    // A step of zero shows one element any number of times.
    let repeated = weight(12, &[1 << 40], &[0]).unwrap();
    assert!(matches!(problem(repeated.state_dict()), CheckpointProblem::ViewsTooLarge { .. }));
    let many = Pickle::new().dict(|dict| {
        (0..400).fold(dict, |dict, index| {
            dict.text(&format!("w{index}")).tensor(("FloatStorage", "0", 12), 0, &[100_000], &[0])
        })
    });
    assert!(matches!(problem(zipped(many.end()).unwrap().state_dict()), CheckpointProblem::ViewsTooLarge { .. }));
}

#[test]
fn a_pickle_that_contains_itself_is_walked_once() {
    // A dict whose "model" is itself.
    let own = Pickle::new().raw(&[b'}', b'q', 0]).text("model").raw(&[b'h', 0]).opcode(b's').end();
    let checkpoint = zipped(own).unwrap();
    assert!(matches!(problem(checkpoint.state_dict()), CheckpointProblem::TooMany { .. }));
    // The same with a tensor in it.
    let own = Pickle::new().raw(&[b'}', b'q', 0]).text("inner").raw(&[b'h', 0]).opcode(b's');
    let own = own.text("w").tensor(("FloatStorage", "0", 12), 0, &[12], &[1]).opcode(b's').end();
    assert!(matches!(problem(zipped(own).unwrap().state_dict()), CheckpointProblem::TooMany { .. }));
}

#[test]
fn dicts_that_double_at_every_level_are_refused() {
    for leaf_is_tensor in [false, true] {
        let mut pickle = Pickle::new().opcode(b'}');
        if leaf_is_tensor {
            pickle = pickle.text("w").tensor(("FloatStorage", "0", 12), 0, &[12], &[1]).opcode(b's');
        }
        pickle = pickle.raw(&[b'q', 0]);
        for level in 1..60 {
            pickle = pickle.opcode(b'}');
            for key in ["a", "b"] {
                pickle = pickle.text(key).raw(&[b'h', level - 1]).opcode(b's');
            }
            pickle = pickle.raw(&[b'q', level]);
        }
        let refusal = problem(zipped(pickle.end()).unwrap().state_dict());
        assert!(matches!(refusal, CheckpointProblem::TooMany { .. } | CheckpointProblem::NoTensors), "{refusal}");
    }
}

#[test]
fn a_pickle_that_multiplies_is_stopped() {
    // A list of ten thousand, made into a set again and again.
    let mut pickle = Pickle::new().raw(b"](");
    pickle = pickle.raw(&[b'N'; 10_000]).raw(&[b'e', b'q', 0, b'0']);
    pickle = pickle.global("builtins", "set").raw(&[b'q', 1, b'0', b'h', 0, 0x85, b'q', 2, b'0']);
    for _ in 0..20_000 {
        pickle = pickle.raw(&[b'h', 1, b'h', 2, b'R', b'0']);
    }
    assert!(matches!(problem(zipped(pickle.opcode(b'N').end())), CheckpointProblem::TooMany { .. }));
}

#[test]
fn tuples_a_million_deep_do_not_overflow_the_stack() {
    let nested = Pickle::new().opcode(b'N').raw(&vec![0x85; 1_000_000]).end();
    assert!(matches!(problem(zipped(nested).unwrap().state_dict()), CheckpointProblem::NoTensors));
}

#[test]
fn archives_that_lie_or_are_packed_are_refused() {
    let packed = sample::zip_of(&sample::program(), &sample::storages(), CompressionMethod::Deflated);
    let refusal = problem(open(packed));
    assert!(matches!(refusal, CheckpointProblem::Compressed { .. }), "{refusal}");

    // The directory's sizes (at 20 and 24 of every header) claim four gigabytes.
    let mut lying = sample::zip();
    let headers: Vec<usize> = (0..lying.len() - 4).filter(|&at| lying[at..].starts_with(b"PK\x01\x02")).collect();
    for at in headers {
        lying[at + 20..at + 28].copy_from_slice(&[0xfe, 0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff]);
    }
    assert!(matches!(problem(open(lying)), CheckpointProblem::Truncated { .. } | CheckpointProblem::Zip(_)));

    let without_pickle = sample::zip_of(b"", &[], CompressionMethod::Stored);
    assert!(matches!(problem(open(without_pickle)), CheckpointProblem::Pickle { .. }));
    assert!(matches!(problem(open(b"not a checkpoint at all".to_vec())), CheckpointProblem::UnknownContainer));
}

#[test]
fn a_legacy_storage_that_claims_too_much_is_refused() {
    let storages = [("0", vec![0_u8; 48], u64::MAX / 4), ("1", vec![0; 4], 2), ("2", vec![0; 8], 1)];
    let refusal = problem(open(sample::legacy_of(&sample::program(), &storages)));
    assert!(matches!(refusal, CheckpointProblem::Truncated { .. }), "{refusal}");
    let storages = [("0", vec![0_u8; 44], 11), ("1", vec![0; 4], 2), ("2", vec![0; 8], 1)];
    let refusal = problem(open(sample::legacy_of(&sample::program(), &storages)));
    assert!(matches!(refusal, CheckpointProblem::Truncated { .. }), "{refusal}");
}

#[test]
fn a_safetensors_header_that_lies_is_refused() {
    for header in [
        r#"{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,1000000000000]}}"#,
        r#"{"w":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,16]}}"#,
        r#"{"w":{"dtype":"C64","shape":[2],"data_offsets":[0,16]}}"#,
        r#"{"w":{"dtype":"F32","shape":[4],"data_offsets":[8,24]}}"#,
        "{not json",
    ] {
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend(header.as_bytes());
        file.extend([0; 16]);
        assert!(exercise(file).is_err(), "{header}");
    }
}

#[test]
fn what_came_instead_of_a_checkpoint_is_named() {
    let page = b"\n<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title>";
    assert!(matches!(problem(open(page.to_vec())), CheckpointProblem::WebPage));
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 90000000\n";
    assert!(matches!(problem(open(pointer.to_vec())), CheckpointProblem::LfsPointer));
}
