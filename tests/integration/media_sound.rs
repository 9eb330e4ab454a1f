//! Sound to the sample, and in step with the pictures.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use sonolens::media::{self, FrameTable, Soundtrack, VideoReader};

use crate::media_corpus;
use crate::support;

/// A flash of one frame and a click of one sample frame's length every half second, written at the same instants:
/// 25 frames and 48,000 samples a second.
const PICTURES: &str =
    "-f lavfi -i color=black:s=64x48:r=25:d=3,geq=lum='if(eq(mod(N\\,25)\\,7)\\,235\\,16)':cb=128:cr=128";
const CLICKS: &str = "-f lavfi -i aevalsrc=exprs='if(lt(mod(t-0.28+10\\,1)\\,0.002)\\,0.9\\,0)':s=48000:d=3";
/// Flashes are frames 7, 32 and 57; clicks begin at 0.28, 1.28 and 2.28 s.
const INSTANTS: [f64; 3] = [0.28, 1.28, 2.28];

fn stop() -> Arc<AtomicBool> {
    Arc::new(AtomicBool::new(false))
}

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("media_sound_1");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn heard(path: &Path) -> Soundtrack {
    media::decode_audio(&media::open(path).unwrap(), &stop()).unwrap().unwrap()
}

/// When clicks begin: where the sound rises above half of full scale after a tenth of a second of less.
fn clicks_secs(sound: &Soundtrack) -> Vec<f64> {
    let mono = sound.waveform.mono();
    let rate = f64::from(sound.waveform.rate);
    let mut last = None;
    let mut clicks = Vec::new();
    for (n, sample) in mono.iter().enumerate() {
        if sample.abs() > 0.35 {
            if last.is_none_or(|last| n - last > sound.waveform.rate as usize / 10) {
                clicks.push(sound.start_secs + n as f64 / rate);
            }
            last = Some(n);
        }
    }
    clicks
}

/// When frames are bright, in seconds.
fn flashes_secs(path: &Path) -> Vec<f64> {
    let media = media::open(path).unwrap();
    let table = Arc::new(FrameTable::read(&media, &stop()).unwrap());
    let mut reader = VideoReader::new(&media, Arc::clone(&table), stop());
    let bright = |index: &usize| reader.frame(*index).unwrap().to_picture().pixel(32, 24).unwrap()[1] > 128;
    (0..table.len()).filter(bright).map(|index| table.time_secs(index)).collect()
}

#[test]
fn a_click_and_a_flash_of_one_instant_come_back_at_one_instant() {
    if !media_corpus::has_ffmpeg() {
        return;
    }
    // The codec's own smearing of an edge is no error of place: AAC, MP3 and Opus are given a millisecond.
    let lossy = 0.001;
    let exact = 0.5 / 48_000.0;
    let cases = [
        ("aac.mp4", "-c:v libx264 -bf 2 -g 10 -c:a aac -b:a 192k", lossy),
        // FFmpeg 5.1 writes Opus into WebM one codec delay (6.5 ms) too early; by its time stamps, the file is so.
        ("opus.webm", "-c:v libvpx -deadline realtime -cpu-used 8 -c:a libopus -b:a 192k", 0.0075),
        ("opus.mp4", "-c:v libx264 -bf 2 -c:a libopus -b:a 192k -strict -2", lossy),
        ("pcm.mov", "-c:v libx264 -bf 2 -c:a pcm_s16le", exact),
        ("mp3.mkv", "-c:v libx264 -c:a libmp3lame -b:a 192k", lossy),
        ("mp3.avi", "-c:v mpeg4 -c:a libmp3lame -b:a 192k", 0.03),
        ("flac.mkv", "-c:v libx264 -bf 2 -c:a flac", 0.0006),
        ("aac.ts", "-c:v libx264 -bf 2 -c:a aac -b:a 192k", lossy),
        ("ac3.mp4", "-c:v libx264 -c:a ac3 -b:a 256k", lossy),
        ("vorbis.mkv", "-c:v libx264 -c:a libvorbis -q:a 8", lossy),
    ];
    let mut failures = Vec::new();
    for (name, codecs, tolerance) in cases {
        let Some(path) = media_corpus::made(&folder(), name, &format!("{PICTURES} {CLICKS} {codecs}")) else {
            continue;
        };
        let (flashes, sound) = (flashes_secs(&path), heard(&path));
        let clicks = clicks_secs(&sound);
        let apart = flashes.iter().zip(&clicks).map(|(flash, click)| (flash - click).abs()).fold(0.0, f64::max);
        if flashes.len() != INSTANTS.len() || clicks.len() != INSTANTS.len() || apart > tolerance {
            failures.push(format!("{name}: flashes {flashes:?}, clicks {clicks:?}, notes {:?}", sound.notes));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_trimmed_clip_keeps_its_sound_in_place() {
    if !media_corpus::has_ffmpeg() {
        return;
    }
    let recipe = format!("{PICTURES} {CLICKS} -c:v libx264 -bf 2 -g 10 -c:a aac -b:a 192k");
    if media_corpus::made(&folder(), "aac.mp4", &recipe).is_none() {
        return;
    }
    // Stream copies from the middle: edit lists hide the pictures and samples before the cut.
    for (name, cut) in [("cut.mp4", "-ss 0.6 -i aac.mp4 -c copy"), ("cut.mkv", "-ss 0.6 -i aac.mp4 -c copy")] {
        let path = media_corpus::made(&folder(), name, cut).unwrap();
        let (flashes, clicks) = (flashes_secs(&path), clicks_secs(&heard(&path)));
        assert!(!flashes.is_empty() && flashes.len() == clicks.len(), "{name}: {flashes:?} {clicks:?}");
        for (flash, click) in flashes.iter().zip(&clicks) {
            assert!((flash - click).abs() < 0.002, "{name}: {flashes:?} {clicks:?}");
        }
    }
}

#[test]
fn samples_of_a_lossless_sound_are_the_written_ones() {
    if !media_corpus::has_ffmpeg() {
        return;
    }
    let noise = "-f lavfi -i anoisesrc=r=44100:d=1.5:seed=5:a=0.8,pan=stereo|c0=c0|c1=-1*c0";
    for (name, codec) in
        [("noise.wav", "-c:a pcm_s16le"), ("noise.flac", "-c:a flac -sample_fmt s16"), ("noise.mka", "-c:a pcm_f32le")]
    {
        let path = media_corpus::made(&folder(), name, &format!("{noise} {codec}")).unwrap();
        let answer = std::process::Command::new("ffmpeg")
            .args(["-v", "error", "-i"])
            .arg(&path)
            .args(["-f", "f32le", "-"])
            .output()
            .unwrap();
        let wanted = answer.stdout.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()));
        let sound = heard(&path);
        assert_eq!((sound.waveform.rate, sound.waveform.channels, sound.start_secs), (44_100, 2, 0.0), "{name}");
        assert!(sound.waveform.samples.iter().copied().eq(wanted), "{name} differs from what ffmpeg decodes");
    }
}

#[test]
fn priming_and_padding_of_encoders_is_cut_off() {
    if !media_corpus::has_ffmpeg() {
        return;
    }
    // One second of sound is one second again, from its first sample on.
    let tone = "-f lavfi -i sine=f=440:r=48000:d=1";
    for (name, codec, frames) in [
        ("tone.mp3", "-c:a libmp3lame", 48_000),
        ("tone.m4a", "-c:a aac", 48_128),
        ("tone.opus", "-c:a libopus", 48_000),
        ("tone.ogg", "-c:a libvorbis", 48_000),
    ] {
        let Some(path) = media_corpus::made(&folder(), name, &format!("{tone} {codec}")) else { continue };
        let sound = heard(&path);
        assert!(sound.waveform.frames().abs_diff(frames) <= 1024, "{name}: {} samples", sound.waveform.frames());
        // FFmpeg stamps the first packet of Ogg Vorbis that sounds one short block in.
        let late = if name == "tone.ogg" { 128.0 / 48_000.0 } else { 0.0 };
        assert!((sound.start_secs - late).abs() < 1e-6, "{name} starts at {}", sound.start_secs);
        // The phase of the tone tells whether the first sample is the first one written.
        let crossings = sound.waveform.samples.windows(2).position(|pair| pair[0] > 0.05 && pair[1] > pair[0]);
        assert!(crossings.is_some_and(|n| n < 60), "{name}: the tone begins late");
    }
}

#[test]
fn reference_sounds_are_what_ffmpeg_decodes() {
    let (Some(reference), true) = (support::reference_dir(), media_corpus::has_ffmpeg()) else { return };
    for name in ["bird_audio.wav", "esc50_1-13572-A-46.wav", "avobjects_demo.mp4", "rabbit320.webm"] {
        let path = reference.join("media").join(name);
        let Some(sound) = media::decode_audio(&media::open(&path).unwrap(), &stop()).unwrap() else { continue };
        let answer = std::process::Command::new("ffmpeg")
            .args(["-v", "error", "-i"])
            .arg(&path)
            .args(["-vn", "-f", "f32le", "-"])
            .output()
            .unwrap();
        let wanted =
            answer.stdout.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect::<Vec<_>>();
        assert_eq!(sound.waveform.samples.len(), wanted.len(), "{name}");
        let off =
            sound.waveform.samples.iter().zip(&wanted).map(|(is, wanted)| (is - wanted).abs()).fold(0.0, f32::max);
        assert!(off < 1e-6, "{name} differs by {off}");
    }
}
