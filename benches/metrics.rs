//! Maps per second from a model's own map to cIoU, one core, by protocol, beside the same rules in the field's Python
//! (benches/peers/python_rules.py, if SONOLENS_BENCH_PYTHON names a Python with its packages), which scores the same
//! maps before and after ours.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

mod report;

use std::collections::HashMap;
use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

use sonolens::geometry::{Rect, Size};
use sonolens::heatmap::{Grid, Heatmap};
use sonolens::metrics::detection::{Detection, average_precision, average_precision_as_published};
use sonolens::metrics::{CiouCurve, GroundTruthMap, GroundTruthRule, Protocol, TruthBox};

/// Best of several rounds, in calls a second.
fn rate(calls: usize, mut round: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..200 {
        let start = Instant::now();
        round();
        best = best.min(start.elapsed().as_secs_f64());
    }
    calls as f64 / best
}

fn main() {
    // A few blobs per map, so that level sets look like those of real maps; a fixed pattern of boxes.
    let wave = |seed: usize, k: usize| ((seed * 7919 + k * 104_729) % 1000) as f64 / 1000.0;
    let map = |seed: usize, side: usize| {
        Grid::from_fn(side, side, |row, column| {
            let at = |cells: usize| cells as f64 / side as f64;
            let blob = |k: usize| {
                let (x, y) = (at(column) - wave(seed, 3 * k), at(row) - wave(seed, 3 * k + 1));
                (-(x * x + y * y) / (0.02 + 0.1 * wave(seed, 3 * k + 2))).exp()
            };
            (blob(1) + 0.7 * blob(2) + 0.5 * blob(3) + 0.05 * wave(seed, row * side + column + 77)) as f32
        })
    };
    let maps: Vec<Heatmap> =
        (0..64).map(|seed| Heatmap::over_whole_frame(map(seed, 14), Size::new(640, 360))).collect();
    let boxes: Vec<Rect> = (0..64)
        .map(|seed| {
            let (left, top) = (wave(seed, 5) * 0.6, wave(seed, 6) * 0.6);
            Rect::new(left, top, left + 0.1 + wave(seed, 7) * 0.3, top + 0.3)
        })
        .collect();
    let truths: Vec<GroundTruthMap> = boxes
        .iter()
        .map(|&rect| GroundTruthMap::from_boxes(&[TruthBox::new(rect)], GroundTruthRule::Union, 224))
        .collect();
    println!("maps to cIoU, 14 x 14 to 224 x 224, one core");
    let mut python = python_rules(&maps, &boxes);
    let mut ours = Vec::new();
    for id in ["lvs", "ezvsl", "slavc", "heartheflow", "ssl-align:adaptive", "sspl", "howtolisten"] {
        let protocol: Protocol = id.parse().unwrap();
        let rate = rate(maps.len(), || {
            for (map, truth) in maps.iter().zip(&truths) {
                black_box(protocol.score(map, truth));
            }
        });
        let cious = maps.iter().zip(&truths).map(|(map, truth)| protocol.score(map, truth));
        ours.push((id, rate, cious.sum::<f64>() / maps.len() as f64));
    }
    for (rule, (secs, _)) in python_rules(&maps, &boxes) {
        python.entry(rule).and_modify(|best| best.0 = best.0.min(secs));
    }
    for (id, rate, mean) in ours {
        println!("  {id:20} {rate:>10.0} /s   mean cIoU {mean:.6}");
        if let Some((secs, python_mean)) = python.get(id) {
            println!("    Python {:>20.0} /s   mean cIoU {python_mean:.6}", secs.recip());
            let what = format!("one map to cIoU, {id}, 1 core");
            report::row(&what, 1e3 / rate, "the published rule in Python", 1e3 * secs);
        }
    }
    let protocol: Protocol = "lvs".parse().unwrap();
    let few = &maps[..64];
    let score_maps: Vec<_> = few.iter().map(|map| protocol.score_map(map)).collect();
    println!("one live step (lvs)");
    let report = |name: &str, rate: f64| println!("  {name:20} {:>10.1} us", 1e6 / rate);
    report("score map", rate(64, || few.iter().for_each(|map| drop(black_box(protocol.score_map(map))))));
    report(
        "binarize",
        rate(64, || {
            score_maps.iter().for_each(|map| drop(black_box(protocol.binarize(map, None, None))));
        }),
    );
    report(
        "curve of 101",
        rate(64, || {
            score_maps
                .iter()
                .zip(&truths)
                .for_each(|(map, truth)| drop(black_box(CiouCurve::new(map, truth, true, 101))));
        }),
    );
    report(
        "confidence",
        rate(64, || {
            few.iter().for_each(|map| {
                black_box(protocol.confidence(map));
            })
        }),
    );
    let clips: Vec<Detection> = (0..10_316)
        .map(|seed| Detection {
            confidence: wave(seed, 1),
            ciou: wave(seed, 2),
            boxes: seed % 2,
            area: 50_176.0 * wave(seed, 3),
        })
        .collect();
    println!("over 10,316 clips (the authors' AP: 89 ms)");
    report(
        "AP as published",
        rate(1, || {
            black_box(average_precision_as_published(&clips, 0.5));
        }),
    );
    report(
        "AP",
        rate(1, || {
            black_box(average_precision(&clips, 0.5));
        }),
    );
}

/// Seconds of a map and mean cIoU by the published rules in Python; nothing if there is none with the packages.
fn python_rules(maps: &[Heatmap], boxes: &[Rect]) -> HashMap<String, (f64, f64)> {
    let Ok(python) = std::env::var("SONOLENS_BENCH_PYTHON") else { return HashMap::new() };
    let cells = |rect: &Rect| [rect.left, rect.top, rect.right, rect.bottom].map(|edge| (224.0 * edge).trunc() as f32);
    let mut numbers = vec![maps.len() as f32, maps[0].values.rows() as f32, 224.0];
    numbers.extend(maps.iter().flat_map(|map| map.values.values()));
    numbers.extend(boxes.iter().flat_map(cells));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("maps.f32");
    std::fs::write(&file, numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>()).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/python_rules.py");
    let output = Command::new(python).arg(script).arg(&file).arg("20").output().unwrap();
    if !output.status.success() {
        let problem = String::from_utf8_lossy(&output.stderr);
        eprintln!("python_rules.py: {}", problem.lines().last().unwrap_or("failed"));
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let row = |line: &str| {
        let mut words = line.split('\t');
        Some((words.next()?.to_owned(), (words.next()?.parse().ok()?, words.next()?.parse().ok()?)))
    };
    text.lines().filter_map(row).collect()
}
