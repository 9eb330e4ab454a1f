use std::path::PathBuf;

use thiserror::Error;

/// Why a localizer could not be opened or could not answer.
#[derive(Debug, Error)]
pub enum LocalizerError {
    #[error("no model is called '{id}'; `sonolens models list` shows those that are")]
    UnknownSystem { id: String },
    #[error("{name}: {reason}")]
    NotAvailable { name: &'static str, reason: &'static str },
    #[error("{id} needs {needed}; {given} given (join several with commas: {id}=first,second)")]
    WeightFiles { id: &'static str, needed: &'static str, given: usize },
    #[error("{}: {message}", path.display())]
    Weights { path: PathBuf, message: String },
    #[error("{id} is asked with {accepted}, not with {given}")]
    QueryKind { id: &'static str, accepted: &'static str, given: &'static str },
    #[error("the sound has no samples at {start_secs:.3} s")]
    NothingToHear { start_secs: f64 },
    #[error("the text is too long: {tokens} tokens, at most {limit} fit")]
    TextTooLong { tokens: usize, limit: usize },
    #[error("the sound vector has {given} values; {id} takes {expected}")]
    SoundVectorLength { id: &'static str, expected: usize, given: usize },
    #[error("the picture is {width}×{height} with {bytes} bytes; nothing can be seen in it")]
    Picture { width: u32, height: u32, bytes: usize },
    #[error("features of {made_by} were given to another model ('{missing}' is not in them)")]
    ForeignParts { made_by: &'static str, missing: &'static str },
    #[error("the network failed: {message}")]
    Network { message: String },
}
