//! Opening a file that can be read whole.

use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::path::Path;

/// Opens a file after looking at what lies under its name: a pipe would be waited for without end, and of some devices
/// there is no end.
///
/// # Errors
/// What cannot be opened; folders ([`ErrorKind::IsADirectory`]); pipes, devices and sockets.
pub fn open_plain(path: &Path) -> Result<File> {
    let kind = std::fs::metadata(path)?.file_type();
    if kind.is_dir() {
        return Err(Error::new(ErrorKind::IsADirectory, "this is a folder, a file is needed"));
    }
    if !kind.is_file() {
        return Err(Error::new(ErrorKind::InvalidInput, "this is a pipe or a device, a file is needed"));
    }
    File::open(path)
}
