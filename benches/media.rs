//! Opening, decoding on, stepping back and exact seeking, beside mpv and FFmpeg's program on the same files.
//!
//! `cargo bench --bench media -- FILE…`. We and the peer take turns target by target, so that a busy moment hits both.
//! Every frame is checked: ours by its number, mpv's by its time.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, clippy::expect_used)]

mod mpv;
mod report;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use mpv::Mpv;
use sonolens::media::{FrameServer, FrameTable, Media, VideoReader, open};

const SEEKS: usize = 40;
const STEPS: usize = 20;
const OPENINGS: usize = 15;
const PASSES: usize = 3;
/// As the window keeps unless set otherwise.
const FRAME_CACHE_BYTES: usize = 1024 << 20;

fn main() {
    let files: Vec<PathBuf> = std::env::args_os().skip(1).filter(|word| word != "--bench").map(PathBuf::from).collect();
    if files.is_empty() {
        return println!("not measured: name one or more videos, as benches/compare does");
    }
    let mut peer = Mpv::start();
    match &mut peer {
        Some(peer) => println!("beside {}", peer.version()),
        None => println!("mpv is not there: our figures alone"),
    }
    for file in &files {
        measure(file, peer.as_mut());
    }
}

fn measure(path: &Path, mut peer: Option<&mut Mpv>) {
    let (media, table) = open_clip(path);
    let kind = format!("key frame every {}", table.group(0).len());
    let size = media.video().expect("a video").size;
    println!("{} × {}, {} frames, a {kind} frames", size.width, size.height, table.len());

    let mut opening = Pair::default();
    for _ in 0..OPENINGS {
        opening.ours.push(time(|| {
            let (media, table) = open_clip(path);
            let server = FrameServer::start(&media, table, FRAME_CACHE_BYTES, Arc::new(|| {})).unwrap();
            let first = server.wait(0).unwrap();
            (server, first)
        }));
        opening.peer.extend(peer.as_mut().map(|peer| peer.open(path)));
    }
    opening.report(&format!("open to first frame, {kind}"), "mpv");

    let mut pass = Pair::default();
    for _ in 0..PASSES {
        let mut reader = reader(&media, &table);
        pass.ours.push(time(|| (0..table.len()).for_each(|index| drop(reader.frame(index).unwrap()))));
        pass.peer.extend(ffmpeg_pass(path));
    }
    pass.report(&format!("decode all {} frames, {kind}", table.len()), "ffmpeg");

    let targets = frames_at_random(&table);
    let mut seeking = Pair::default();
    let mut ours = reader(&media, &table);
    for target in targets.clone().take(SEEKS) {
        seeking.ours.push(time(|| assert_eq!(ours.frame(target).unwrap().index, target)));
        if let Some(peer) = &mut peer {
            seeking.peer.push(peer.seek(table.time_secs(target)));
            seeking.check(peer, &table, target);
        }
    }
    seeking.report(&format!("exact seek, {kind}"), "mpv");

    // Right after a seek, with nothing kept, and as in the window, where a moment later what is around is kept.
    let mut at_once = Pair::default();
    let mut kept = Pair::default();
    let server = FrameServer::start(&media, Arc::clone(&table), FRAME_CACHE_BYTES, Arc::new(|| {})).unwrap();
    server.wait(table.len() - 1).unwrap();
    wait_for_rest(&server);
    for target in targets.take(STEPS) {
        ours.frame(target).unwrap();
        at_once.ours.push(time(|| ours.frame(target - 1).unwrap()));
        server.wait(target).unwrap();
        kept.ours.push(time(|| assert_eq!(server.wait(target - 1).unwrap().index, target - 1)));
        if let Some(peer) = &mut peer {
            peer.seek(table.time_secs(target));
            let taken = peer.step_back();
            at_once.peer.push(taken);
            kept.peer.push(taken);
            at_once.check(peer, &table, target - 1);
        }
    }
    at_once.report(&format!("step back right after a seek, nothing kept, {kind}"), "mpv");
    kept.report(&format!("step back as in the window, frames kept, {kind}"), "mpv");
}

/// Waits until the server has decoded ahead what it wants to keep.
fn wait_for_rest(server: &FrameServer) {
    let mut cached = 0;
    while cached < server.statistics().frames_cached {
        cached = server.statistics().frames_cached;
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn open_clip(path: &Path) -> (Media, Arc<FrameTable>) {
    let media = open(path).expect("a video");
    let table = FrameTable::read(&media, &Arc::new(AtomicBool::new(false))).expect("its frames");
    (media, Arc::new(table))
}

fn reader(media: &Media, table: &Arc<FrameTable>) -> VideoReader {
    VideoReader::new(media, Arc::clone(table), Arc::new(AtomicBool::new(false)))
}

/// Frames in an order that looks random and is the same every time; never the first.
fn frames_at_random(table: &FrameTable) -> impl Iterator<Item = usize> + Clone {
    let frames = table.len() as u64 - 1;
    let next =
        |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    std::iter::successors(next(&1), next).map(move |state| 1 + ((state >> 33) % frames) as usize)
}

fn time<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    let done = work();
    let taken = start.elapsed();
    drop(done);
    taken
}

/// How long FFmpeg's program says that decoding all frames took it, its own start left out.
fn ffmpeg_pass(path: &Path) -> Option<Duration> {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-nostats", "-benchmark", "-i"])
        .arg(path)
        .args(["-map", "0:v", "-f", "null", "-"])
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let (_, rest) = said.split_once("rtime=")?;
    rest.split('s').next()?.trim().parse().ok().map(Duration::from_secs_f64)
}

/// Our times and the peer's for the same things.
#[derive(Default)]
struct Pair {
    ours: Vec<Duration>,
    peer: Vec<Duration>,
    /// How often the peer showed another frame than the one asked for.
    missed: usize,
}

impl Pair {
    fn check(&mut self, peer: &mut Mpv, table: &FrameTable, wanted: usize) {
        let shown_secs = peer.shown_secs();
        if (shown_secs - table.time_secs(wanted)).abs() > 1e-3 {
            self.missed += 1;
        }
    }

    fn report(&self, what: &str, peer_name: &str) {
        let (ours, ours_95) = (share_ms(&self.ours, 50), share_ms(&self.ours, 95));
        println!("{what}\n  sonolens  median {ours:9.3} ms   95 % {ours_95:9.3} ms");
        if self.peer.is_empty() {
            return;
        }
        let (peer, peer_95) = (share_ms(&self.peer, 50), share_ms(&self.peer, 95));
        println!("  {peer_name:8}  median {peer:9.3} ms   95 % {peer_95:9.3} ms   {:.2} × ours", peer / ours);
        if self.missed > 0 {
            println!("  {peer_name} showed another frame in {} of {}", self.missed, self.peer.len());
        }
        report::row(what, ours, peer_name, peer);
    }
}

fn share_ms(times: &[Duration], share: usize) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort();
    sorted[(sorted.len() - 1) * share / 100].as_secs_f64() * 1e3
}
