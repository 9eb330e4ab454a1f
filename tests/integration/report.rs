//! The page and the tables of a run, through the program.

use crate::evaluation::{run, write_dataset};

#[test]
fn a_run_has_a_page_with_pictures_and_tables_for_papers() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("run"));
    write_dataset(&data, 8);
    let (data_text, out_text) = (data.to_str().unwrap(), out.to_str().unwrap());
    let models = ["--model", "centre-box", "--model", "quadrants"];
    let protocols = ["--protocol", "lvs", "--protocol", "slavc", "--also", "noise"];
    let arguments = [&["evaluate", data_text, "--out", out_text], &models[..], &protocols[..]].concat();
    run(&arguments, 0);
    let page = std::fs::read_to_string(out.join("report.html")).unwrap();
    for part in
        ["VGG-SS", "SLAVC extended", "Fixed probe", "Worst clips", "clip0000000_000030", "Where nothing visible"]
    {
        assert!(page.contains(part), "`{part}` is missing");
    }
    // Two models under two protocols, each with four of its worst and four of its best clips.
    assert_eq!(page.matches("data:image/jpeg").count(), 2 * 2 * 8);
    assert!(!page.contains("left out") && !page.contains("http:") && !page.contains("https:"));

    let latex = run(&["report", out_text, "--latex"], 0);
    assert!(
        latex.contains("\\begin{tabular}") && latex.contains("centre-box") && latex.contains("cIoU@0.5"),
        "{latex}"
    );
    assert!(run(&["report", out_text, "--markdown"], 0).contains("| cIoU@0.5 |"));

    // A run outlives its dataset, and its page says what it is without.
    std::fs::remove_dir_all(&data).unwrap();
    run(&["report", out_text], 0);
    let page = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("Pictures of clips are left out") && !page.contains("data:image/jpeg"));
}
