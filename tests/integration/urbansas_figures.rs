//! Urbansas' own score over a run: which of five regions across the frame are marked, against boxes written by hand.

use std::path::Path;

use sonolens::evaluation::{AzimuthSummary, ClipKind, FinishedRun, ScoreRow};
use sonolens::geometry::Size;
use sonolens::soundstage::{CollectionRequest, SceneKind, Split, write_collection};

use crate::evaluation::run;

/// One video of three seconds with its sound, in the shape of Urbansas; what is true of it is written by the tests.
fn write_video(folder: &Path) -> String {
    let request = CollectionRequest {
        seed: 3,
        count: 1,
        split: Some(Split::Test),
        kinds: vec![SceneKind::Traffic],
        size: Size::new(160, 90),
        rate: (8, 1),
        lasts_secs: 3.0,
    };
    let made = folder.join("made");
    write_collection(&made, &request, &mut |_| true).unwrap();
    std::fs::rename(made.join("test/traffic-benchmark"), folder.join("data")).unwrap();
    let text = std::fs::read_to_string(folder.join("data/audio_annotations.csv")).unwrap();
    text.lines().nth(1).unwrap().split(',').nth(1).unwrap().to_owned()
}

/// Writes the boxes of (time, left, width, label) in pixels of Urbansas' frame, and the sounds of (start, end, label).
fn write_annotations(folder: &Path, clip: &str, boxes: &[(f64, f64, f64, &str)], sounds: &[(f64, f64, &str)]) {
    let mut video =
        ",frame_id,track_id,x,y,w,h,class_id,visibility,label,filename,city,location_id,time,night\n".to_owned();
    for (row, (time, left, width, label)) in boxes.iter().enumerate() {
        video += &format!("{row},1,{row},{left},300.0,{width},100.0,1,1.0,{label},{clip},nowhere,a,{time:.1},0\n");
    }
    let mut audio = ",filename,class_id,label,non_identifiable_vehicle_sound,start,end\n".to_owned();
    for (row, (start, end, label)) in sounds.iter().enumerate() {
        audio += &format!("{row},{clip},1,{label},0,{start},{end}\n");
    }
    std::fs::write(folder.join("data/video_annotations.csv"), video).unwrap();
    std::fs::write(folder.join("data/audio_annotations.csv"), audio).unwrap();
}

fn evaluated(folder: &Path) -> (FinishedRun, AzimuthSummary) {
    let (data, out) = (folder.join("data"), folder.join("out"));
    let [data, out_text] = [&data, &out].map(|path| path.to_str().unwrap());
    run(&["evaluate", data, "--model", "centre-box", "--protocol", "howtolisten", "--out", out_text], 0);
    let run = FinishedRun::open(&out).unwrap();
    let found = run.summary.result("centre-box", "howtolisten").unwrap().azimuth.clone().unwrap();
    (run, found)
}

#[test]
fn a_run_over_urbansas_has_its_five_regions() {
    let folder = tempfile::tempdir().unwrap();
    let clip = write_video(folder.path());
    // Not heard at 0 s; a car in the three regions from the left; the same and a bus in the two at the right; from 1.5 s on
    // nothing is in the picture.
    let boxes =
        [(0.0, 0.0, 1280.0, "car"), (0.5, 0.0, 640.0, "car"), (1.0, 0.0, 640.0, "car"), (1.0, 1000.0, 200.0, "bus")];
    write_annotations(folder.path(), &clip, &boxes, &[(0.2, 1.8, "car"), (0.1, 3.0, "offscreen")]);
    let (run, found) = evaluated(folder.path());
    // The centre box marks the three regions in the middle: 3 of 5, 2 of 4, 3 of 5; then it should mark none.
    assert_eq!((found.frames, found.active_frames), (6, 3));
    let of_all = |active: f64| (active, active / 2.0);
    let (active, all) = of_all((0.6 + 0.5 + 0.6) / 3.0);
    assert!((found.active.value - active).abs() < 1e-12 && (found.all.value - all).abs() < 1e-12, "{found:?}");
    assert_eq!((found.inactive.value, found.centre_box), (0.0, found.all));
    assert!((found.full_frame.value - of_all((1.0 + 3.0 / 5.0 + 1.0) / 3.0).1).abs() < 1e-12, "{found:?}");
    let classes: Vec<(&str, usize, f64)> =
        found.classes.iter().map(|class| (class.class.as_str(), class.frames, class.iou.value)).collect();
    assert_eq!(classes[0], ("bus", 1, 0.25));
    assert_eq!((classes[1].0, classes[1].1, classes.len()), ("car", 3, 2));
    assert!((classes[1].2 - (0.6 + 0.5 + 0.5) / 3.0).abs() < 1e-12, "{classes:?}");
    let rows: Vec<ScoreRow> = run.rows().unwrap().into_iter().filter(|row| row.azimuth.is_some()).collect();
    let regions: Vec<String> = rows.iter().filter_map(|row| row.azimuth.as_ref()).map(ToString::to_string).collect();
    let nothing = "01110/00000";
    assert_eq!(
        regions,
        [
            "01110/11111 car",
            "01110/11100 car",
            "01110/11111",
            "01110/11100 car",
            "01110/00011 bus",
            nothing,
            nothing,
            nothing
        ]
    );
    // Only FlowGrad's frames count in the figures of cIoU.
    let scored: Vec<f64> = rows.iter().filter(|row| row.ciou.is_some()).filter_map(|row| row.time_secs).collect();
    assert_eq!((scored, found_positives(&run)), (vec![0.5, 1.0, 1.0, 1.0], 2));
    let page = std::fs::read_to_string(folder.path().join("out/report.html")).unwrap();
    assert!(page.contains("As Urbansas scores") && page.contains("56.67"), "no table of regions");
}

fn found_positives(run: &FinishedRun) -> usize {
    run.summary.result("centre-box", "howtolisten").unwrap().kinds[&ClipKind::Positive]
}

/// The sample of the dataset's own tables: two cars at 0 s, one of them at 0.5 s, then nothing; all that is heard is off
/// screen or unidentified, so no frame of it is in FlowGrad's list.
#[test]
fn half_seconds_without_a_vehicle_are_looked_at() {
    let reference =
        std::env::var_os("SONOLENS_REFERENCE").map(|folder| Path::new(&folder).join("annotations/urbansas"));
    let Some(reference) = reference.filter(|folder| folder.is_dir()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let clip = write_video(folder.path());
    for kind in ["video", "audio"] {
        let text = std::fs::read_to_string(reference.join(format!("soundata_sample_{kind}_annotations.csv"))).unwrap();
        let path = folder.path().join(format!("data/{kind}_annotations.csv"));
        std::fs::write(path, text.replace("acevedo0103_00_0,", &format!("{clip},"))).unwrap();
    }
    let (run, found) = evaluated(folder.path());
    let regions: Vec<String> =
        run.rows().unwrap().into_iter().filter_map(|row| row.azimuth).map(|regions| regions.to_string()).collect();
    assert_eq!(regions[..3], ["01110/01010 car", "01110/00010 car", "01110/00000"]);
    assert_eq!((found.frames, found.active_frames, found.inactive.value), (6, 2, 0.0));
    assert!((found.active.value - (2.0 / 3.0 + 1.0 / 3.0) / 2.0).abs() < 1e-12, "{found:?}");
    assert!((found.full_frame.value - (0.4 + 0.2) / 6.0).abs() < 1e-12, "{found:?}");
}
