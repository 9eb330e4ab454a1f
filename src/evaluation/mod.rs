//! A run of models over a dataset: what was scored, what came out, and the files that hold it.
//!
//! In here: the row of a clip, a model and a protocol; the figures of many rows; the folder of a finished run. Not in
//! here: what a cIoU is (`metrics`), what a clip is (`dataset`).

mod asking;
mod classes;
mod clip_answer;
mod clip_files;
mod compare;
mod curve;
mod description;
mod error;
mod figures;
mod finish;
mod folder;
mod journal;
mod merge;
mod moments;
mod number;
mod plan;
mod questions;
mod ranking;
mod regions;
mod relevance;
pub mod report;
mod retrieval;
mod row;
mod run;
mod saved_maps;
mod scorer;
mod slurm;
mod summary;
mod table;

pub use compare::{Comparison, Side, compare};
pub use curve::{Curve, FLevels};
pub use description::{
    DatasetDescription, FileDescription, ModelDescription, ProtocolDescription, RunDescription, Shard, SoundDescription,
};
pub use error::EvaluationError;
pub use folder::{FinishedRun, SCORES_CSV, SCORES_PARQUET, SUMMARY_JSON};
pub use merge::merge;
pub use plan::{Request, WindowChoice, usual_protocols};
pub use ranking::{Correspondence, NDCG_PLACES, Ndcg, Recalls, RuledAccuracy};
pub use regions::AzimuthRegions;
pub use relevance::Relevance;
pub use retrieval::{RETRIEVAL_JSON, Retrieval, RetrievalRun, Similarity, retrieve};
pub use row::{ClipKind, ScoreRow};
pub use run::{Outcome, Progress, RunOptions, evaluate};
pub use saved_maps::predictions_path;
pub use slurm::{ClusterRun, Scripts, Submitted};
pub use summary::{
    Accuracy, AzimuthSummary, BestOf, ClassAzimuth, DetectionFigures, Figure, MeanMap, NegativeFigures, PairSummary,
    Reference, ReferenceFigures, RowFailure, RunSummary, SegmentationSummary, SizeFigures, SourceSummary, Summary,
};
pub use table::{TableWriter, read_rows};
