//! Shares of a dataset that were evaluated by themselves become the run that one machine would have made.

use std::path::{Path, PathBuf};

use super::error::EvaluationError;
use super::finish::{Tally, write_summary};
use super::folder::FinishedRun;
use super::journal::differing;
use super::row::ScoreRow;
use super::saved_maps::{Predictions, predictions_path};
use super::summary::MeanMap;
use super::table::TableWriter;
use crate::network::arrays::Npz;

/// Joins the finished shares in `folders` to one run in `out`: table, summary and, where every share has them,
/// predictions are byte for byte those of a run over all clips.
///
/// # Errors
/// A share is not finished, is missing or there twice, or was made with other settings; the disk refuses.
pub fn merge(folders: &[PathBuf], out: &Path) -> Result<FinishedRun, EvaluationError> {
    let mut shares = Vec::new();
    for folder in folders {
        let run = FinishedRun::open(folder)?;
        let shard = run.summary.run.shard.ok_or_else(|| {
            EvaluationError::damaged(
                folder,
                "this is a run over all clips, not a share of one; nothing is to be joined",
            )
        })?;
        shares.push((shard, run));
    }
    shares.sort_by_key(|(shard, _)| shard.index);
    let Some((first_shard, first)) = shares.first() else {
        return Err(EvaluationError::Wrong("name the folders of the shares".into()));
    };
    let count = first_shard.count;
    let mut description = first.summary.run.clone();
    description.shard = None;
    for (shard, run) in &shares {
        let mut own = run.summary.run.clone();
        own.shard = None;
        if shard.count != count {
            let problem = format!("this is share {shard}, {} is share {first_shard}", first.folder.display());
            return Err(EvaluationError::damaged(&run.folder, problem));
        }
        if let Some(difference) = differing(&own, &description) {
            let problem = format!("compared with {}, it was made with {difference}", first.folder.display());
            return Err(EvaluationError::damaged(&run.folder, problem));
        }
    }
    let present: Vec<usize> = shares.iter().map(|(shard, _)| shard.index).collect();
    let missing: Vec<String> =
        (1..=count).filter(|index| !present.contains(index)).map(|index| format!("{index}/{count}")).collect();
    if !missing.is_empty() {
        return Err(EvaluationError::Wrong(format!("shares are missing: {}", missing.join(", "))));
    }
    if let Some(twice) = present.windows(2).find(|pair| pair.first() == pair.last()).and_then(|pair| pair.first()) {
        return Err(EvaluationError::Wrong(format!("share {twice}/{count} is there twice")));
    }

    std::fs::create_dir_all(out).map_err(|error| EvaluationError::io(out, error))?;
    let mut table = TableWriter::create(out)?;
    let mut tally = Tally::default();
    let mut maps: Vec<MeanMap> = Vec::new();
    for (_, run) in &shares {
        // The rows of a clip are counted together.
        let mut clip: Vec<ScoreRow> = Vec::new();
        run.visit_rows(|row| {
            if clip.last().is_some_and(|last| last.clip_index != row.clip_index) {
                tally.clip(&clip);
                clip.clear();
            }
            clip.push(row.clone());
            table.push(row)
        })?;
        tally.clip(&clip);
        add_maps(&mut maps, &run.summary.mean_maps);
    }
    let place = |map: &MeanMap| description.models.iter().position(|model| model.label == map.model);
    maps.sort_by_key(place);
    let rows = table.finish()?;
    for model in &description.models {
        join_predictions(&shares, &model.label, out)?;
    }
    write_summary(out, &description, rows, tally, maps)
}

fn add_maps(sums: &mut Vec<MeanMap>, more: &[MeanMap]) {
    for map in more {
        match sums.iter_mut().find(|sum| sum.model == map.model && sum.side == map.side) {
            Some(sum) => {
                sum.maps += map.maps;
                sum.sums.iter_mut().zip(&map.sums).for_each(|(sum, more)| *sum += more);
            }
            None => sums.push(map.clone()),
        }
    }
}

/// One file of a model's predictions out of those of the shares that have any.
fn join_predictions(shares: &[(super::Shard, FinishedRun)], model: &str, out: &Path) -> Result<(), EvaluationError> {
    let mut joined: Option<Predictions> = None;
    for (_, run) in shares {
        let path = predictions_path(&run.folder, model);
        if !path.is_file() {
            continue;
        }
        let mut npz = Npz::open(&path)?;
        let joined = match &mut joined {
            Some(joined) => joined,
            none => none.insert(Predictions::create(&predictions_path(out, model))?),
        };
        for name in npz.names().to_vec() {
            joined.add(&name, &npz.read(&name)?)?;
        }
    }
    joined.map_or(Ok(()), Predictions::finish)
}
