//! Small checkpoints that the tests write themselves, and the pickles they are made of.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A pickle under construction.
#[derive(Clone, Default)]
pub(super) struct Pickle {
    bytes: Vec<u8>,
}

impl Pickle {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0x80, 2] }
    }

    pub(super) fn opcode(mut self, opcode: u8) -> Self {
        self.bytes.push(opcode);
        self
    }

    pub(super) fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    pub(super) fn text(self, text: &str) -> Self {
        self.opcode(b'X').raw(&u32::try_from(text.len()).unwrap().to_le_bytes()).raw(text.as_bytes())
    }

    pub(super) fn int(self, number: i64) -> Self {
        self.raw(&[0x8a, 8]).raw(&number.to_le_bytes())
    }

    pub(super) fn global(self, module: &str, name: &str) -> Self {
        self.opcode(b'c').raw(module.as_bytes()).opcode(b'\n').raw(name.as_bytes()).opcode(b'\n')
    }

    /// A tuple of what `items` pushes.
    pub(super) fn tuple(self, items: impl FnOnce(Self) -> Self) -> Self {
        items(self.opcode(b'(')).opcode(b't')
    }

    /// A dict of the keys and values that `entries` pushes.
    pub(super) fn dict(self, entries: impl FnOnce(Self) -> Self) -> Self {
        entries(self.opcode(b'}').opcode(b'(')).opcode(b'u')
    }

    pub(super) fn ints(self, numbers: &[i64]) -> Self {
        self.tuple(|tuple| numbers.iter().fold(tuple, |tuple, &number| tuple.int(number)))
    }

    /// A tensor of a storage's elements, as torch writes it.
    pub(super) fn tensor(self, storage: (&str, &str, i64), offset: i64, shape: &[i64], strides: &[i64]) -> Self {
        let (class, key, count) = storage;
        self.global("torch._utils", "_rebuild_tensor_v2")
            .tuple(|call| {
                call.tuple(|id| id.text("storage").global("torch", class).text(key).text("cuda:0").int(count))
                    .opcode(b'Q')
                    .int(offset)
                    .ints(shape)
                    .ints(strides)
                    .opcode(0x89)
                    .global("collections", "OrderedDict")
                    .opcode(b')')
                    .opcode(b'R')
            })
            .opcode(b'R')
    }

    pub(super) fn end(self) -> Vec<u8> {
        self.opcode(b'.').bytes
    }
}

/// The storages of the sample: their elements as bytes.
pub(super) fn storages() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("0", (0..12_u8).flat_map(|value| f32::from(value).to_le_bytes()).collect()),
        ("1", vec![0x00, 0x3c, 0x00, 0xc0]),
        ("2", 7_i64.to_le_bytes().to_vec()),
    ]
}

/// `{"epoch": 3, "model": {"module.a.weight": …, "module.a.bias": …, "module.a.steps": …}}`
pub(super) fn program() -> Vec<u8> {
    Pickle::new()
        .dict(|top| {
            top.text("epoch").int(3).text("model").dict(|model| {
                model
                    .text("module.a.weight")
                    .tensor(("FloatStorage", "0", 12), 0, &[4, 3], &[1, 4])
                    .text("module.a.bias")
                    .tensor(("HalfStorage", "1", 2), 0, &[2], &[1])
                    .text("module.a.steps")
                    .tensor(("LongStorage", "2", 1), 0, &[], &[])
            })
        })
        .end()
}

/// A torch.save archive of a pickle and storages.
pub(super) fn zip_of(program: &[u8], storages: &[(&str, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(method);
    archive.start_file("archive/data.pkl", options).unwrap();
    archive.write_all(program).unwrap();
    for (key, bytes) in storages {
        archive.start_file(format!("archive/data/{key}"), options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A stacked-pickle file of a pickle and storages.
pub(super) fn legacy_of(program: &[u8], storages: &[(&str, Vec<u8>, u64)]) -> Vec<u8> {
    let magic = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
    let mut file = Pickle::new().raw(&[0x8a, 10]).raw(&magic).end();
    file.extend(Pickle::new().int(1001).end());
    file.extend(Pickle::new().dict(|system| system.text("little_endian").opcode(0x88)).end());
    file.extend(program);
    let keys = storages.iter().fold(Pickle::new().opcode(b']').opcode(b'('), |keys, (key, ..)| keys.text(key));
    file.extend(keys.opcode(b'e').end());
    for (_, bytes, count) in storages {
        file.extend(count.to_le_bytes());
        file.extend(bytes);
    }
    file
}

pub(super) fn zip() -> Vec<u8> {
    zip_of(&program(), &storages(), CompressionMethod::Stored)
}

pub(super) fn legacy() -> Vec<u8> {
    let counts = [12, 2, 1];
    let storages: Vec<_> =
        storages().into_iter().zip(counts).map(|((key, bytes), count)| (key, bytes, count)).collect();
    legacy_of(&program(), &storages)
}

pub(super) fn safetensors() -> Vec<u8> {
    let header = r#"{"a.weight":{"dtype":"F32","shape":[3,4],"data_offsets":[0,48]},"a.bias":{"dtype":"F16","shape":[2],"data_offsets":[48,52]}}"#;
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(storages().into_iter().take(2).flat_map(|(_, bytes)| bytes));
    file
}
