//! The server of frames: the newest wish wins, memory is bounded, and it ends when it is dropped.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use sonolens::media::{self, Direction, FrameServer, FrameTable, VideoReader};

use crate::media_corpus;

fn clip(name: &str) -> Option<PathBuf> {
    media_corpus::files()?.iter().find(|path| path.ends_with(name)).cloned()
}

fn serve(name: &str, budget_bytes: usize) -> Option<(FrameServer, Arc<FrameTable>, VideoReader, Arc<AtomicUsize>)> {
    let media = media::open(clip(name)?).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let table = Arc::new(FrameTable::read(&media, &stop).unwrap());
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let on_ready = Arc::new(move || {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    let server = FrameServer::start(&media, Arc::clone(&table), budget_bytes, on_ready).unwrap();
    let reader = VideoReader::new(&media, Arc::clone(&table), stop);
    Some((server, table, reader, calls))
}

/// Waits, without a deadline of its own, until the server has nothing more to do.
fn settle(server: &FrameServer, enough: impl Fn(usize) -> bool) {
    while !enough(server.statistics().frames_cached) || server.statistics().decoding.is_some() {
        std::thread::yield_now();
    }
}

#[test]
fn a_clip_that_fits_is_decoded_whole_and_every_frame_is_the_readers() {
    let Some((server, table, mut reader, calls)) = serve("b_frames.mp4", 64 << 20) else { return };
    assert_eq!(server.wait(40).unwrap().index, 40);
    assert!(calls.load(Ordering::Relaxed) > 0);
    settle(&server, |cached| cached == table.len());
    for index in (0..table.len()).rev() {
        let (served, read) = (server.get(index).unwrap(), reader.frame(index).unwrap());
        assert_eq!(served, read, "frame {index}");
    }
}

#[test]
fn the_budget_holds_and_a_step_back_is_in_memory() {
    let frame_bytes = 96 * 64 * 3 / 2 + 200;
    let budget = 30 * frame_bytes;
    let Some((server, table, _, _)) = serve("b_frames.mp4", budget) else { return };
    for wish in [50, 3, 98, 51] {
        server.wait(wish).unwrap();
        assert!(server.statistics().bytes <= budget);
    }
    // The group of pictures around frame 51 fits the budget and is decoded whole.
    let group = table.group(51);
    while group.clone().any(|index| server.get(index).is_none()) {
        std::thread::yield_now();
    }
    assert!(server.statistics().bytes <= budget);
    let before = server.get(50).unwrap();
    assert_eq!(before.index, 50);
}

#[test]
fn while_a_frame_is_on_its_way_the_nearest_is_there_and_says_which_it_is() {
    let Some((server, _, _, _)) = serve("long_gop.mp4", 64 << 20) else { return };
    server.wait(0).unwrap();
    server.wish(90);
    let nearest = server.nearest(90).unwrap();
    assert!(nearest.index <= 99);
    assert_eq!(server.wait(90).unwrap().index, 90);
    assert_eq!(server.nearest(90).unwrap().index, 90);
}

#[test]
fn playing_forward_decodes_ahead() {
    let Some((server, table, _, _)) = serve("long_gop.mp4", 64 << 20) else { return };
    server.set_direction(Direction::Forward);
    for index in 0..table.len() {
        assert_eq!(server.wait(index).unwrap().index, index);
    }
}

#[test]
fn a_wish_beyond_the_end_gives_the_last_frame_and_dropping_ends_the_thread() {
    let Some((server, table, _, _)) = serve("with_sound.webm", 1 << 20) else { return };
    assert_eq!(server.wait(9999).unwrap().index, table.len() - 1);
    assert!(server.take_error().is_none());
    server.wish(0);
    drop(server);
}

#[test]
fn a_file_that_vanishes_is_said_once() {
    let Some(source) = clip("intra.mp4") else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    std::fs::copy(source, &path).unwrap();
    let media = media::open(&path).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let table = Arc::new(FrameTable::read(&media, &stop).unwrap());
    // Whoever reads first goes on with the file as it was opened; whoever comes now must open it again.
    let mut first = VideoReader::new(&media, Arc::clone(&table), stop);
    first.frame(0).unwrap();
    std::fs::remove_file(&path).unwrap();
    let server = FrameServer::start(&media, table, 1 << 20, Arc::new(|| {})).unwrap();
    let error = server.wait(5).unwrap_err();
    assert!(error.to_string().contains("clip.mp4"), "{error}");
    assert_eq!(server.error_of(5), Some(error));
    assert!(server.take_error().is_some());
    assert!(server.take_error().is_none());
}
