//! Any bytes as a checkpoint: an answer or a refusal, never a panic, never more memory than the bytes allow.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use sonolens_fuzz::network::checkpoint;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(checkpoint) = checkpoint::read_bytes(Path::new("fuzzed.pth"), bytes.to_vec()) {
        let _ = checkpoint.notes();
        let _ = checkpoint.state_dict();
    }
});
