//! A run spread over a real Slurm on this machine.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::evaluation::{Place, TABLES, assert_same_bytes};
use crate::support::slurm::Cluster;

/// The processes whose command line holds all of `words`.
fn processes(words: &[&str]) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| {
        let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        words.iter().all(|word| line.split('\0').any(|own| own == *word))
    })
    .collect()
}

fn lines(path: &Path) -> usize {
    std::fs::read_to_string(path).unwrap_or_default().lines().count()
}

#[test]
fn a_run_on_slurm_is_the_run_of_one_machine() {
    let place = Place::new(40);
    let cluster_folder = tempfile::tempdir().unwrap();
    let Some(cluster) = Cluster::start(cluster_folder.path()) else { return };
    let (whole, out) = (place.out("whole"), place.out("spread"));
    place.evaluate(&whole, &["--save-heatmaps"], 0);

    let submit = |more: &[&str]| -> Value {
        let mut command = cluster.command(env!("CARGO_BIN_EXE_sonolens"));
        command.args(place.arguments(&out, &["--save-heatmaps", "--slurm", "--shards", "3", "--json"])).args(more);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let share = |number: u32| out.join("shares").join(number.to_string());
    let submitted = submit(&[]);
    assert_eq!(submitted["unfinished"], serde_json::json!([1, 2, 3]));

    // The first share is killed while it is at work, and tried again by its job.
    let first: PathBuf = share(1);
    let give_up = Instant::now() + Duration::from_secs(60);
    while lines(&first.join("journal.jsonl")) < 2 && Instant::now() < give_up {
        std::thread::sleep(Duration::from_millis(5));
    }
    let killed = processes(&["--out", first.to_str().unwrap(), "evaluate"]);
    killed.iter().for_each(|id| drop(std::process::Command::new("kill").args(["-9", &id.to_string()]).status()));
    cluster.wait_until_idle();
    assert_same_bytes(&whole, &out, &TABLES);
    assert_same_bytes(&whole, &out, &["heatmaps/lvs.npz", "heatmaps/centre-box.npz"]);
    if !killed.is_empty() {
        let log = std::fs::read_to_string(out.join("slurm/share-1.log")).unwrap();
        assert!(log.contains("share 1: try 1 of 3 ended with status 137"), "{log}");
    }

    // Submitted again, only what is missing is done.
    std::fs::remove_dir_all(share(2)).unwrap();
    TABLES.iter().for_each(|name| std::fs::remove_file(out.join(name)).unwrap());
    let submitted = submit(&[]);
    assert_eq!(submitted["unfinished"], serde_json::json!([2]));
    cluster.wait_until_idle();
    assert_same_bytes(&whole, &out, &TABLES);
}
