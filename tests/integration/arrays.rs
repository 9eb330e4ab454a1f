//! numpy files that we did not write: the reference's golden arrays, against what numpy itself says of them.

use std::path::Path;

use sonolens::network::arrays::{Npz, Values};

use crate::support::reference_dir;

fn archives(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(archives(&path));
        } else if path.extension().is_some_and(|extension| extension == "npz") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn crc32(mut crc: u32, bytes: &[u8]) -> u32 {
    crc = !crc;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

/// Every element of every golden archive (nine kinds of elements, both orders), widened to f64, has the checksum
/// that numpy 2 computes over the same.
#[test]
fn every_golden_array_is_what_numpy_reads() {
    let Some(reference) = reference_dir() else { return };
    let (mut elements, mut crc) = (0, 0);
    for path in archives(&reference.join("golden")) {
        let mut npz = Npz::open(&path).unwrap();
        let mut names = npz.names().to_vec();
        names.sort();
        for name in names {
            let array = npz.read(&name).unwrap();
            elements += array.values().len();
            crc = match array.values() {
                Values::Text(texts) => crc32(crc, texts.join("\n").as_bytes()),
                _ => {
                    let bytes: Vec<u8> = array.to_f64().unwrap().iter().flat_map(|value| value.to_le_bytes()).collect();
                    crc32(crc, &bytes)
                }
            };
        }
    }
    assert_eq!((elements, crc), (1_062_651, 1_956_222_914));
}
