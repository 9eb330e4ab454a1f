//! What can go wrong with a media file, and what to do about it.

use std::path::PathBuf;

/// Every failure names the file, the place in it and, where the user can help, how.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MediaError {
    #[error("{}: cannot be read: {reason}", .path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error("{}: is a folder; open a file in it", .path.display())]
    IsFolder { path: PathBuf },
    #[error("{}: is empty", .path.display())]
    Empty { path: PathBuf },
    #[error(
        "{}: is not a video, sound or picture that FFmpeg can read ({reason}); the file may be damaged or of another kind",
        .path.display()
    )]
    NotMedia { path: PathBuf, reason: String },
    #[error("{}: has no picture", .path.display())]
    NoPicture { path: PathBuf },
    #[error("{}: none of its pictures can be decoded; the file may be cut off or damaged", .path.display())]
    NoFrames { path: PathBuf },
    #[error("{}: has no frame {index}; it has {frames}", .path.display())]
    NoSuchFrame { path: PathBuf, index: usize, frames: usize },
    #[error("{}: frame {index} cannot be decoded: {reason}", .path.display())]
    Frame { path: PathBuf, index: usize, reason: String },
    #[error("{}: cannot be decoded: {reason}", .path.display())]
    Decode { path: PathBuf, reason: String },
    #[error("{}: {what} of {size} is more than the {limit} that is read", .path.display())]
    TooLarge { path: PathBuf, what: &'static str, size: String, limit: String },
    #[error("{}: cannot be written: {reason}", .path.display())]
    Write { path: PathBuf, reason: String },
    #[error("{}: stopped on request", .path.display())]
    Cancelled { path: PathBuf },
}
