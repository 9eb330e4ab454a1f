//! Any bytes as an annotation file or list of any format, and what was understood of them written in every format.
#![no_main]

use std::fs;

use libfuzzer_sys::fuzz_target;
use sonolens_fuzz::dataset::formats::{self, WRITABLE, WriteOptions};

fuzz_target!(|bytes: &[u8]| {
    let Ok(folder) = tempfile::tempdir() else { return };
    let file = folder.path().join("fuzzed.json");
    if fs::write(&file, bytes).is_err() {
        return;
    }
    let Ok(set) = formats::read(&file) else { return };
    for format in WRITABLE {
        let _ = formats::write(&folder.path().join(format.word()), &set, format, &WriteOptions::default());
    }
});
