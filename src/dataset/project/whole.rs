//! A project as the dataset that it has become: its clips with what is true of them now, without those that a review
//! rejects.

use std::ops::ControlFlow;

use super::super::clip::{Benchmark, Clip, ClipMedia, Dataset};
use super::super::error::DatasetError;
use super::super::report::Report;
use super::{ClipQuery, Project, ReviewVerdict};

impl Project {
    /// All clips but those whose last review rejects them. The benchmark is that of the dataset that was taken in first.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn dataset(&self) -> Result<Dataset, DatasetError> {
        let source = self.sources()?.into_iter().next();
        let (benchmark, report) =
            source.map_or_else(|| (Benchmark::Plain, Report::default()), |source| (source.benchmark, source.report));
        let name = self.path.file_stem().unwrap_or(self.path.as_os_str()).to_string_lossy().into_owned();
        let (mut wanted, mut rejected) = (Vec::new(), Vec::new());
        self.each_clip(&ClipQuery::default(), |row| {
            if row.review == Some(ReviewVerdict::Reject) {
                rejected.push(row.key)
            } else {
                wanted.push(row.id)
            }
            ControlFlow::Continue(())
        })?;
        let clips = wanted.into_iter().map(|id| self.clip(id)).collect::<Result<Vec<Clip>, _>>()?;
        let corrected = self.corrected_clips()?;
        let missing: Vec<String> = clips
            .iter()
            .filter(|clip| matches!(clip.media, ClipMedia::Missing { .. }))
            .map(|clip| clip.id.clone())
            .collect();
        let mut report = Report {
            sources: vec![self.path.clone()],
            list: report.list,
            layout: report.layout,
            listed: clips.len() + rejected.len(),
            present: clips.len() - missing.len(),
            missing,
            boxes: clips.iter().filter_map(|clip| clip.annotations.as_ref()).map(|truth| truth.boxes().len()).sum(),
            corrected: corrected.len(),
            ..Report::default()
        };
        for key in corrected {
            report.note("corrected in the project", key);
        }
        for key in rejected {
            report.note("left out, since the last review rejects it", key);
        }
        if !report.notes.is_empty() {
            let before = report.list.take().map(|list| format!("{list}, ")).unwrap_or_default();
            let counts: Vec<String> =
                report.notes.iter().map(|note| format!("{} {}", note.count, note.message)).collect();
            report.list = Some(format!("{before}{}", counts.join(", ")));
        }
        Ok(Dataset { name, path: self.path.clone(), benchmark, clips, report })
    }

    /// Names of the clips whose truth was changed since they were taken in, and the change stands.
    fn corrected_clips(&self) -> Result<Vec<String>, DatasetError> {
        let map = |error| self.failed(error);
        let mut statement = self
            .connection
            .prepare(
                "SELECT key FROM clips WHERE id IN (SELECT clip FROM edits WHERE state = 'done') ORDER BY position",
            )
            .map_err(map)?;
        let rows = statement.query_map([], |row| row.get(0)).map_err(map)?;
        rows.collect::<Result<_, _>>().map_err(map)
    }
}
