//! Making clips beside their length: whole files, single frames, stretches of sound. `benches/compare` runs it on one
//! core.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod report;

use std::hint::black_box;
use std::time::Instant;

use sonolens::geometry::Size;
use sonolens::soundstage::{ClipPlan, ClipRequest, SceneKind, Split, write_clip};

/// Clips of each kind whose mean is told.
const CLIPS: u64 = 4;
const SAMPLES: u64 = 60;

fn plans(kind: SceneKind, size: Size, count: u64) -> Vec<ClipPlan> {
    let request = |index| ClipRequest::new(1, Split::Train, index, kind, size);
    (0..count).map(|index| ClipPlan::new(request(index)).unwrap()).collect()
}

/// Milliseconds for each of the plans, the mean.
fn mean_ms(plans: &[ClipPlan], mut make: impl FnMut(&ClipPlan)) -> f64 {
    let begin = Instant::now();
    plans.iter().for_each(&mut make);
    begin.elapsed().as_secs_f64() * 1e3 / plans.len() as f64
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    println!("clips of 10 s with 25 frames a second, pictures, sound, truth and encoding");
    for (size, kinds) in [(Size::new(320, 240), &SceneKind::ALL[..1]), (Size::new(640, 360), &SceneKind::ALL[..])] {
        for kind in kinds {
            let plans = plans(*kind, size, CLIPS);
            let ms = mean_ms(&plans, |plan| {
                write_clip(plan, &path, (25, 1), &mut |_| true).unwrap();
            });
            let what = format!("soundstage, {kind}, {}×{}, a clip as a file", size.width, size.height);
            report::row(&what, ms, "its length", 10_000.0);
        }
    }
    for side in [128, 224] {
        for kind in SceneKind::ALL {
            let plans = plans(kind, Size::new(side, side), SAMPLES);
            let picture = mean_ms(&plans, |plan| {
                black_box(plan.picture(5.0));
            });
            let sound = mean_ms(&plans, |plan| {
                black_box(plan.sound(16_000, 3.5..6.5));
            });
            let truth = mean_ms(&plans, |plan| {
                black_box(plan.truth(5.0));
            });
            println!(
                "{kind}, {side}×{side}: picture {picture:.2} ms, truth {truth:.2} ms, 3 s at 16 kHz {sound:.2} ms"
            );
        }
    }
}
