//! A run spread over a cluster by Slurm: an array job of shares, and a job that joins them when they are done.
//!
//! Both are plain scripts that can be read, changed and submitted by hand. Everything may be done again: a share that
//! was interrupted goes on where it was, one that is finished is not submitted again.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::EvaluationError;
use super::folder::SUMMARY_JSON;

/// What is to be spread.
#[derive(Clone, Debug)]
pub struct ClusterRun {
    /// The program, as every node sees it.
    pub program: PathBuf,
    /// Where relative paths begin.
    pub folder: PathBuf,
    /// Arguments of `sonolens evaluate` but for `--out`, `--shard` and `--jobs`.
    pub arguments: Vec<String>,
    /// The folder of the whole run.
    pub out: PathBuf,
    pub shares: usize,
    /// Passed to `sbatch`, as `--partition=short` or `--cpus-per-task=8`.
    pub options: Vec<String>,
}

/// The scripts of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scripts {
    pub shares: PathBuf,
    pub merge: PathBuf,
}

/// What was submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// The shares that were not finished.
    pub shares: Vec<usize>,
    /// The array job of these shares; `None` if all are finished.
    pub array_job: Option<String>,
    pub merge_job: String,
}

/// How often a share is tried on its node.
const TRIES: usize = 3;

impl ClusterRun {
    fn share_folder(&self) -> PathBuf {
        self.out.join("shares")
    }

    /// The shares that have no summary yet.
    pub fn unfinished(&self) -> Vec<usize> {
        let folder = self.share_folder();
        (1..=self.shares).filter(|share| !folder.join(share.to_string()).join(SUMMARY_JSON).is_file()).collect()
    }

    /// Writes both scripts into `slurm` in the run's folder.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn write_scripts(&self) -> Result<Scripts, EvaluationError> {
        let folder = self.out.join("slurm");
        for folder in [&folder, &self.share_folder()] {
            std::fs::create_dir_all(folder).map_err(|error| EvaluationError::io(folder, error))?;
        }
        let scripts = Scripts { shares: folder.join("shares.sh"), merge: folder.join("merge.sh") };
        for (path, text) in
            [(&scripts.shares, self.shares_script(&folder)), (&scripts.merge, self.merge_script(&folder))]
        {
            std::fs::write(path, text).map_err(|error| EvaluationError::io(path, error))?;
        }
        Ok(scripts)
    }

    fn shares_script(&self, folder: &Path) -> String {
        let Self { shares, .. } = self;
        let (program, working) = (quoted_path(&self.program), quoted_path(&self.folder));
        let arguments = self.arguments.iter().map(|argument| quoted(argument)).collect::<Vec<_>>().join(" ");
        format!(
            r#"#!/bin/bash
#SBATCH --job-name=sonolens
#SBATCH --array=1-{shares}
#SBATCH --output={log}
#SBATCH --open-mode=append
#SBATCH --requeue
# One share of the clips. It goes on where an earlier try was interrupted, on whichever node that was.
set -u
cd -- {working} || exit 1
share=$SLURM_ARRAY_TASK_ID
for try in $(seq {TRIES}); do
    {program} evaluate {arguments} \
        --shard "$share/{shares}" --out {out}/"$share" --jobs "${{SLURM_CPUS_PER_TASK:-1}}" >/dev/null
    status=$?
    # 0: whole; 3: finished, but a clip could not be scored, which another try would not change; 2: wrong usage.
    case $status in
    0 | 3) exit 0 ;;
    2) exit 2 ;;
    esac
    echo "share $share: try $try of {TRIES} ended with status $status" >&2
    sleep "$try"
done
exit "$status"
"#,
            log = folder.join("share-%a.log").display(),
            out = quoted_path(&self.share_folder()),
        )
    }

    fn merge_script(&self, folder: &Path) -> String {
        format!(
            r#"#!/bin/bash
#SBATCH --job-name=sonolens-merge
#SBATCH --output={log}
# Joins the shares. If one is missing it says which; submitting the run again does the missing ones only.
cd -- {working} || exit 1
{program} merge {shares}/*/ --out {out}
status=$?
# 3: joined, but a clip could not be scored.
[ "$status" -eq 3 ] && exit 0
exit "$status"
"#,
            log = folder.join("merge.log").display(),
            working = quoted_path(&self.folder),
            program = quoted_path(&self.program),
            shares = quoted_path(&self.share_folder()),
            out = quoted_path(&self.out),
        )
    }

    /// Submits what is not finished, and the joining after it.
    ///
    /// # Errors
    /// `sbatch` is not there or refuses.
    pub fn submit(&self, scripts: &Scripts) -> Result<Submitted, EvaluationError> {
        let shares = self.unfinished();
        let mut array_job = None;
        if !shares.is_empty() {
            array_job = Some(self.sbatch(&[format!("--array={}", ranges(&shares))], &scripts.shares)?);
        }
        let after = array_job.iter().map(|job| format!("--dependency=afterany:{job}")).collect::<Vec<_>>();
        let merge_job = self.sbatch(&after, &scripts.merge)?;
        Ok(Submitted { shares, array_job, merge_job })
    }

    /// The id of the job.
    fn sbatch(&self, more: &[String], script: &Path) -> Result<String, EvaluationError> {
        let wrong = |problem: String| EvaluationError::Wrong(format!("sbatch {}: {problem}", script.display()));
        let answer = Command::new("sbatch")
            .arg("--parsable")
            .args(&self.options)
            .args(more)
            .arg(script)
            .output()
            .map_err(|error| wrong(format!("{error}; is this a node from which jobs are submitted?")))?;
        if !answer.status.success() {
            return Err(wrong(String::from_utf8_lossy(&answer.stderr).trim().to_owned()));
        }
        // Beside the id, a federation's sbatch prints the cluster's name.
        let text = String::from_utf8_lossy(&answer.stdout);
        let id = text.trim().split(';').next().unwrap_or_default();
        if id.is_empty() { Err(wrong("it gave no job id".into())) } else { Ok(id.to_owned()) }
    }
}

fn quoted_path(path: &Path) -> String {
    quoted(&path.display().to_string())
}

/// A word that a shell takes as it is.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// `1-3,7` for 1, 2, 3 and 7, which ascend.
fn ranges(numbers: &[usize]) -> String {
    numbers
        .chunk_by(|a, b| a + 1 == *b)
        .map(|run| match run {
            [only] => only.to_string(),
            [first, .., last] => format!("{first}-{last}"),
            [] => String::new(),
        })
        .collect::<Vec<_>>()
        .join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_ranges() {
        assert_eq!(ranges(&[1, 2, 3, 7, 9, 10]), "1-3,7,9-10");
    }

    #[test]
    fn a_shell_reads_words_as_they_were() {
        let words = ["plain-1.0", "two words", "it's", "$HOME `x` \"y\"", ""];
        let line = words.map(quoted).join(" ");
        let script = format!("printf '%s\\n' {line}");
        let answer = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8(answer.stdout).unwrap(), words.join("\n") + "\n");
    }
}
