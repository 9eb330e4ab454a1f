//! Any bytes as a numpy array or as an archive of them.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use sonolens_fuzz::network::arrays::{Npz, read_npy_from};

fuzz_target!(|bytes: &[u8]| {
    let _ = read_npy_from(&mut &bytes[..], bytes.len() as u64);
    if let Ok(mut npz) = Npz::from_reader(Cursor::new(bytes), "fuzzed.npz".to_owned()) {
        for name in npz.names().to_vec() {
            let _ = npz.read(&name);
        }
    }
});
