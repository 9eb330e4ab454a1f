use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use std::path::Path;

use zip::read::{ArchiveOffset, Config};
use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

use super::npy::{read_npy_from, write_npy};
use super::{Array, ArrayError, ArrayProblem};
use crate::network::open_plain;

/// An array may unpack to this many times its packed size …
const LARGEST_RATIO: u64 = 200;
/// … or to this much whatever its packed size is: maps of one repeated value pack very well.
const ALWAYS_ALLOWED_BYTES: u64 = 256 << 20;

/// An open `.npz` file: a zip archive of `.npy` arrays, each read when it is asked for.
pub struct Npz<R = BufReader<File>> {
    place: String,
    archive: ZipArchive<R>,
    names: Vec<String>,
}

impl Npz {
    pub fn open(path: &Path) -> Result<Self, ArrayError> {
        let place = path.display().to_string();
        let file = open_plain(path).map_err(|error| ArrayProblem::from(error).at(&place))?;
        Self::from_reader(BufReader::new(file), place)
    }
}

impl<R: Read + Seek> Npz<R> {
    /// An archive in `reader`; errors name it `place`.
    pub fn from_reader(reader: R, place: String) -> Result<Self, ArrayError> {
        // Looking for an archive inside of another file is not our business, and misreads some whole ones.
        let config = Config { archive_offset: ArchiveOffset::Known(0) };
        let archive = ZipArchive::with_config(config, reader).map_err(|error| ArrayProblem::from(error).at(&place))?;
        let entries = archive.file_names().filter_map(Result::ok);
        let names = entries.filter_map(|name| name.strip_suffix(".npy").map(str::to_owned)).collect();
        Ok(Self { place, archive, names })
    }

    /// The names of the arrays, in the order of the archive's directory.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    pub fn contains(&self, name: &str) -> bool {
        self.names.iter().any(|present| present == name)
    }

    /// How many bytes an array takes unpacked, as the archive says.
    pub fn size_bytes(&mut self, name: &str) -> Result<u64, ArrayError> {
        self.check_name(name)?;
        let entry = self.archive.by_name(&format!("{name}.npy"));
        entry.map(|entry| entry.size()).map_err(|error| ArrayProblem::from(error).at(&self.place))
    }

    fn check_name(&self, name: &str) -> Result<(), ArrayError> {
        if self.contains(name) {
            return Ok(());
        }
        let problem = ArrayProblem::NoSuchArray { wanted: name.to_owned(), present: self.names.clone() };
        Err(problem.at(&self.place))
    }

    pub fn read(&mut self, name: &str) -> Result<Array, ArrayError> {
        self.check_name(name)?;
        let read = |archive: &mut ZipArchive<R>| {
            let mut entry = archive.by_name(&format!("{name}.npy"))?;
            let ratio_bound = entry.compressed_size().saturating_mul(LARGEST_RATIO).max(ALWAYS_ALLOWED_BYTES);
            let held = entry.size().min(ratio_bound);
            read_npy_from(&mut entry, held)
        };
        read(&mut self.archive).map_err(|problem: ArrayProblem| problem.at(format!("{}: array '{name}'", self.place)))
    }
}

/// A `.npz` that is written array by array.
pub struct NpzWriter<W: Write + Seek> {
    place: String,
    archive: ZipWriter<W>,
}

impl<W: Write + Seek> NpzWriter<W> {
    /// An archive into `writer`; errors name it `place`.
    pub fn new(writer: W, place: String) -> Self {
        Self { place, archive: ZipWriter::new(writer) }
    }

    /// Adds an array under a name that is not there yet.
    ///
    /// # Errors
    /// It cannot be written, or the name is there already.
    pub fn add(&mut self, name: &str, array: &Array) -> Result<(), ArrayError> {
        let add = |archive: &mut ZipWriter<W>| {
            // Floating-point maps hardly pack, and numpy itself stores. A fixed time: the same arrays, the same bytes.
            let options = SimpleFileOptions::default()
                .compression_method(CompressionMethod::Stored)
                .last_modified_time(zip::DateTime::default())
                .large_file(true);
            archive.start_file(format!("{name}.npy"), options)?;
            write_npy(archive, array)
        };
        add(&mut self.archive).map_err(|problem: ArrayProblem| problem.at(format!("{}: array '{name}'", self.place)))
    }

    /// Ends the archive.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(self) -> Result<W, ArrayError> {
        self.archive.finish().map_err(|error| ArrayProblem::from(error).at(&self.place))
    }
}

/// Writes arrays as a `.npz` file that numpy's `load` opens. The file appears whole or not at all.
pub fn write_npz<'a>(path: &Path, arrays: impl IntoIterator<Item = (&'a str, &'a Array)>) -> Result<(), ArrayError> {
    let place = path.display().to_string();
    let at = |error: std::io::Error| ArrayProblem::from(error).at(&place);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut unfinished = tempfile::Builder::new();
    #[cfg(unix)]
    unfinished.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let file = unfinished.tempfile_in(folder).map_err(at)?;
    let mut archive = NpzWriter::new(BufWriter::new(file), place.clone());
    for (name, array) in arrays {
        archive.add(name, array)?;
    }
    let mut buffered = archive.finish()?;
    buffered.flush().map_err(at)?;
    let file = buffered.into_inner().map_err(|error| at(error.into_error()))?;
    file.as_file().sync_all().map_err(at)?;
    file.persist(path).map_err(|error| at(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn zipped(entries: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in entries {
            archive.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
            archive.write_all(bytes).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    fn map() -> Array {
        Array::new([2, 3], vec![0.5_f32, 1.0, 2.0, 3.0, 4.0, 5.0]).unwrap()
    }

    #[test]
    fn stored_and_deflated_arrays_are_read() {
        let mut bytes = Vec::new();
        write_npy(&mut bytes, &map()).unwrap();
        for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
            let archive = zipped(&[("clip.rect.npy", &bytes), ("readme.txt", b"hello")], method);
            let mut npz = Npz::from_reader(Cursor::new(archive), "test.npz".to_owned()).unwrap();
            assert_eq!(npz.names(), ["clip.rect"]);
            assert_eq!(npz.read("clip.rect").unwrap(), map());
            let missing = npz.read("other").unwrap_err().to_string();
            assert!(missing.contains("'other'") && missing.contains("clip.rect"), "{missing}");
        }
    }

    #[test]
    fn a_small_archive_that_unpacks_to_gigabytes_is_refused() {
        let mut header = b"\x93NUMPY\x01\x00".to_vec();
        let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000,), }";
        header.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
        header.extend(text.as_bytes());
        header.extend(vec![0; 1 << 20]);
        let archive = zipped(&[("bomb.npy", &header)], CompressionMethod::Deflated);
        let mut npz = Npz::from_reader(Cursor::new(archive), "bomb.npz".to_owned()).unwrap();
        assert!(matches!(npz.read("bomb").unwrap_err().problem, ArrayProblem::Truncated { .. }));
    }

    #[test]
    fn a_written_file_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answer.npz");
        let names = Array::new([1], vec!["lvs".to_owned()]).unwrap();
        write_npz(&path, [("heatmap", &map()), ("confidence", &Array::scalar(0.25)), ("model", &names)]).unwrap();
        let mut npz = Npz::open(&path).unwrap();
        assert_eq!(npz.names(), ["heatmap", "confidence", "model"]);
        assert_eq!(npz.read("heatmap").unwrap(), map());
        assert_eq!(npz.read("confidence").unwrap().to_f64().unwrap(), [0.25]);
        assert_eq!(npz.read("model").unwrap().texts().unwrap(), ["lvs"]);
    }

    #[test]
    fn what_is_no_archive_says_so() {
        let error = Npz::from_reader(Cursor::new(b"not a zip".to_vec()), "x.npz".to_owned()).err().unwrap();
        assert!(error.to_string().starts_with("x.npz: is not a readable zip archive"));
    }
}
