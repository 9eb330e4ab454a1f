//! Maps per second from a model's own map to cIoU, one core, by protocol; with the rate at which the authors' Python
//! rules were timed (one core of another run) as the yardstick where it is known.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod report;

use std::hint::black_box;
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
    let truths: Vec<GroundTruthMap> = (0..64)
        .map(|seed| {
            let (left, top) = (wave(seed, 5) * 0.6, wave(seed, 6) * 0.6);
            let boxed = TruthBox::new(Rect::new(left, top, left + 0.1 + wave(seed, 7) * 0.3, top + 0.3));
            GroundTruthMap::from_boxes(&[boxed], GroundTruthRule::Union, 224)
        })
        .collect();
    println!("maps to cIoU, 14 x 14 to 224 x 224, one core");
    for (id, python) in [
        ("lvs", Some(1750.0)),
        ("ezvsl", Some(1490.0)),
        ("slavc", Some(1085.0)),
        ("heartheflow", None),
        ("ssl-align:adaptive", None),
        ("sspl", None),
        ("howtolisten", None),
    ] {
        let protocol: Protocol = id.parse().unwrap();
        let rate = rate(maps.len(), || {
            for (map, truth) in maps.iter().zip(&truths) {
                black_box(protocol.score(map, truth));
            }
        });
        match python {
            Some(python) => {
                println!("  {id:20} {rate:>10.0} /s   {:>6.0} x the authors' Python", rate / python);
                let what = format!("one map to cIoU, {id}, 1 core");
                report::row(&what, 1e3 / rate, "the authors' Python (timed in another run)", 1e3 / python);
            }
            None => println!("  {id:20} {rate:>10.0} /s"),
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
