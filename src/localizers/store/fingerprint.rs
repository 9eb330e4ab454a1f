//! A short text by which a model's files are told from others under the same name.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::network::open_plain;

/// Of a large file so many pieces of so many bytes are looked at, evenly spread: weights that were trained otherwise differ
/// nearly everywhere, and hundreds of megabytes are not read twice.
const PIECES: u64 = 64;
const PIECE_BYTES: usize = 1 << 14;

/// A text that files of other content do not have: SHA-256 of their sizes and a sample of their bytes; of a folder of saved
/// maps, of the names and sizes in it. Empty where there are no files.
///
/// # Errors
/// A file cannot be read.
pub fn fingerprint(files: &[PathBuf]) -> io::Result<String> {
    if files.is_empty() {
        return Ok(String::new());
    }
    let mut hash = Sha256::new();
    for file in files {
        if file.is_dir() {
            add_folder(&mut hash, file)?;
        } else {
            add_file(&mut hash, file)?;
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn add_folder(hash: &mut Sha256, folder: &Path) -> io::Result<()> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        entries.push((entry.file_name().to_string_lossy().into_owned(), entry.metadata()?.len()));
    }
    entries.sort();
    entries.iter().for_each(|(name, length)| hash.update(format!("{name}\0{length}\0")));
    Ok(())
}

fn add_file(hash: &mut Sha256, path: &Path) -> io::Result<()> {
    let mut file = open_plain(path)?;
    let length = file.metadata()?.len();
    hash.update(length.to_le_bytes());
    if length <= PIECES * PIECE_BYTES as u64 {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        hash.update(&bytes);
        return Ok(());
    }
    let mut piece = vec![0; PIECE_BYTES];
    let last = length - PIECE_BYTES as u64;
    for number in 0..PIECES {
        // In wide numbers: files may be as long as numbers go.
        let start = u128::from(last) * u128::from(number) / u128::from(PIECES - 1);
        file.seek(SeekFrom::Start(start as u64))?;
        file.read_exact(&mut piece)?;
        hash.update(&piece);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_content_has_another_fingerprint_wherever_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            vec![path]
        };
        let weights: Vec<u8> = (0..3_000_000u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let other: Vec<u8> = weights.iter().map(|byte| byte ^ 1).collect();
        let of = |files: &[PathBuf]| fingerprint(files).unwrap();
        let own = of(&write("a", &weights));
        assert_eq!(of(&write("copy", &weights)), own);
        assert_ne!(of(&write("a", &other)), own);
        assert_ne!(of(&write("a", &weights[..2_999_999])), own);
        assert_ne!(of(&write("small", b"one")), of(&write("small", b"two")));
        assert_eq!(of(&[]), "");
        let maps = folder.path().join("maps");
        std::fs::create_dir(&maps).unwrap();
        let empty = of(std::slice::from_ref(&maps));
        std::fs::write(maps.join("clip.npy"), "1").unwrap();
        assert_ne!(of(&[maps]), empty);
        assert!(fingerprint(&[folder.path().join("gone")]).is_err());
    }
}
