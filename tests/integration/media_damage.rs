//! Damaged and misleading input: a clear error or fewer frames, never a panic and never a wait without end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use sonolens::media::{self, FrameTable, MediaError, VideoReader};

use crate::media_corpus;

/// Does with a file what the program does with it: open, list, decode some frames forwards and backwards, decode the
/// sound. Failures are fine when they name the file.
fn exercise(path: &Path) {
    let named = |error: MediaError| {
        assert!(error.to_string().contains(&*path.to_string_lossy()), "an error without the file's name: {error}");
    };
    let media = match media::open(path) {
        Ok(media) => media,
        Err(error) => return named(error),
    };
    let stop = Arc::new(AtomicBool::new(false));
    if let Err(error) = media::decode_audio(&media, &stop) {
        named(error);
    }
    let table = match FrameTable::read(&media, &stop) {
        Ok(table) => Arc::new(table),
        Err(error) => return named(error),
    };
    assert!(!table.is_empty());
    let mut reader = VideoReader::new(&media, Arc::clone(&table), stop);
    let last = table.len() - 1;
    for index in [0, 1, last / 2, last, last.saturating_sub(1), 0] {
        match reader.frame(index) {
            Ok(frame) => assert_eq!(frame.to_picture().rgb.len() as u64, frame.presented_size().area() * 3),
            Err(error) => named(error),
        }
    }
}

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("media_damage_{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

const VICTIMS: [&str; 8] = [
    "with_sound.mp4",
    "with_sound.webm",
    "broadcast.ts",
    "b_frames.avi",
    "animation.gif",
    "fragmented.mp4",
    "program.mpg",
    "hevc.mp4",
];

fn victims() -> Vec<(String, Vec<u8>)> {
    let corpus = media_corpus::files().unwrap_or_default();
    let chosen = corpus.iter().filter(|path| VICTIMS.iter().any(|name| path.ends_with(name)));
    chosen
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(path).unwrap()))
        .collect()
}

#[test]
fn files_cut_off_at_every_power_of_two_are_opened_or_refused() {
    for (name, bytes) in victims() {
        let path = folder().join(format!("cut_{name}"));
        for length in (0..).map(|power| 1usize << power).take_while(|length| *length < bytes.len()) {
            std::fs::write(&path, &bytes[..length]).unwrap();
            exercise(&path);
        }
    }
}

#[test]
fn files_with_flipped_bytes_are_opened_or_refused() {
    for (name, bytes) in victims() {
        let path = folder().join(format!("flipped_{name}"));
        for seed in 1..=6u64 {
            let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut damaged = bytes.clone();
            // A few in the headers, more anywhere.
            for n in 0..40 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let range = if n < 8 { damaged.len().min(1024) } else { damaged.len() };
                let at = (state >> 33) as usize % range;
                damaged[at] ^= 1 << (state >> 61);
            }
            std::fs::write(&path, &damaged).unwrap();
            exercise(&path);
        }
    }
}

#[test]
fn what_is_no_media_is_refused_by_name() {
    let folder = folder();
    let cases: [(&str, &[u8]); 6] = [
        ("empty.mp4", b""),
        ("words.mp4", b"This is not a video, whatever its name says.\n"),
        ("zeros.mkv", &[0; 5000]),
        ("predictions.npz", b"PK\x03\x04\x14\0\0\0\0\0nonsense that ends at once"),
        ("weights.pth", b"\x80\x02}q\0X\x05\0\0\0modelq\x01K\x01s."),
        ("picture.png", b"\x89PNG\r\n\x1a\n and then nothing of the kind"),
    ];
    for (name, bytes) in cases {
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        let error = media::open(&path).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
    assert!(matches!(media::open(&folder), Err(MediaError::IsFolder { .. })));
    assert!(matches!(media::open(folder.join("missing.mp4")), Err(MediaError::Unreadable { .. })));
    assert!(matches!(media::open(folder.join("empty.mp4")), Err(MediaError::Empty { .. })));
}

#[test]
fn a_wrong_extension_does_not_matter() {
    let Some(corpus) = media_corpus::files() else { return };
    let video = corpus.iter().find(|path| path.ends_with("b_frames.mp4")).unwrap();
    let path = folder().join("really_a_video.png");
    std::fs::copy(video, &path).unwrap();
    let media = media::open(&path).unwrap();
    assert_eq!(FrameTable::read(&media, &Arc::new(AtomicBool::new(false))).unwrap().len(), 100);
}

#[test]
fn a_playlist_does_not_lead_elsewhere() {
    let folder = folder();
    let path = folder.join("list.m3u8");
    let list = "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n";
    std::fs::write(&path, list).unwrap();
    assert!(media::open(&path).is_err());
}
