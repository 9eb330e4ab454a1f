use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::network::arrays::ArrayProblem;

/// Why a checkpoint cannot be used.
#[derive(Debug, Error)]
#[error("{}: {problem}", .path.display())]
pub struct CheckpointError {
    pub path: PathBuf,
    #[source]
    pub problem: CheckpointProblem,
}

#[derive(Debug, Error)]
pub enum CheckpointProblem {
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("is a folder, not a checkpoint; give the file in it")]
    Folder,
    #[error("is empty; load it from its source again")]
    Empty,
    #[error(
        "is a web page, not a checkpoint: the download ended at a page that asks something, as Google Drive does for \
         large files; load it in a browser"
    )]
    WebPage,
    #[error("only points to a file that Git LFS keeps; fetch that one with `git lfs pull`")]
    LfsPointer,
    #[error(
        "is no checkpoint: neither a file of torch.save (zip or legacy), a TorchScript archive nor safetensors; \
         save the weights again with torch.save(model.state_dict(), path)"
    )]
    UnknownContainer,
    #[error("is a damaged zip archive, as of a download that broke off ({0}); load it from its source again")]
    Zip(#[from] zip::result::ZipError),
    #[error("is a zip archive without the data.pkl of a checkpoint; give the file itself, not a packed folder")]
    NoPickle,
    #[error("has the compressed entry '{entry}'; torch.save stores them, so unpack the file and give the one inside")]
    Compressed { entry: String },
    #[error("was saved on a big-endian machine, which is not read")]
    BigEndian,
    #[error("has a damaged pickle at byte {at} ({reason}); load it from its source again")]
    Pickle { at: u64, reason: String },
    #[error("has a storage of class {class}, whose elements are not read")]
    Storage { class: String },
    #[error("has a damaged safetensors header: {0}")]
    Safetensors(String),
    #[error(
        "ends early or lies about its size: {what} takes {claimed} bytes, {held} are there; load it from its source again"
    )]
    Truncated { what: String, claimed: u64, held: u64 },
    #[error("holds more {what} than any checkpoint ({limit})")]
    TooMany { what: &'static str, limit: usize },
    #[error("has a tensor that reaches outside of its storage")]
    TensorOutOfBounds,
    #[error("would unfold to more than {limit} bytes: its tensors repeat the same few elements")]
    ViewsTooLarge { limit: u64 },
    #[error("is damaged: the checksum of '{entry}' is wrong; load it from its source again")]
    Checksum { entry: String },
    #[error("holds no tensors; save the weights with torch.save(model.state_dict(), path)")]
    NoTensors,
    #[error(
        "keeps '{key}' as an object of class {class}, which is not rebuilt since that would execute code; save the \
         weights alone with torch.save(model.state_dict(), path)"
    )]
    Opaque { key: String, class: String },
    #[error("names '{key}' twice once wrapping prefixes are stripped")]
    SameKey { key: String },
    #[error("has an array in it that cannot be read: {0}")]
    Array(#[from] ArrayProblem),
    #[error("has the tensor '{key}' that cannot be made: {source}")]
    Tensor { key: String, source: candle_core::Error },
}
