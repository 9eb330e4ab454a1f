//! A varied corpus of small media files, made with the ffmpeg program, and what that program says they present.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

/// How each file of the corpus is made: its name and FFmpeg's arguments, `SRC` standing for the lossless source clip
/// (four seconds of 96×64 at 25 frames a second with noise, so that no two frames are equal).
const RECIPES: &[(&str, &str)] = &[
    ("b_frames.mp4", "-i SRC -c:v libx264 -bf 3 -g 12 -pix_fmt yuv420p"),
    ("long_gop.mp4", "-i SRC -c:v libx264 -bf 2 -g 250 -pix_fmt yuv420p"),
    ("intra.mp4", "-i SRC -c:v libx264 -g 1 -pix_fmt yuv420p"),
    ("edit_list.mp4", "-ss 1.3 -i b_frames.mp4 -c copy"),
    ("edit_list_long.mp4", "-ss 2.02 -i long_gop.mp4 -c copy"),
    ("late_video.mp4", "-f lavfi -i sine=d=4 -itsoffset 0.5 -i SRC -map 0:a -map 1:v -c:v libx264 -c:a aac"),
    ("variable_rate.mp4", "-i SRC -vf select='not(mod(n\\,3))+not(mod(n\\,7))' -fps_mode vfr -c:v libx264 -g 9"),
    ("variable_rate.mkv", "-i SRC -vf select='not(mod(n\\,3))+not(mod(n\\,7))' -fps_mode vfr -c:v libx264 -g 9"),
    ("late_start.mkv", "-i SRC -output_ts_offset 5 -c:v libx264 -g 20"),
    ("fraction_rate.mp4", "-r 30000/1001 -i SRC -c:v libx264 -g 20"),
    ("fraction_rate.mkv", "-r 30000/1001 -i SRC -c:v libx264 -g 20"),
    ("turned.mp4", "-i b_frames.mp4 -c copy -metadata:s:v rotate=90"),
    ("wide_pixels.mp4", "-i SRC -vf setsar=16/15 -c:v libx264"),
    ("ten_bit.mp4", "-i SRC -c:v libx264 -pix_fmt yuv420p10le -g 12"),
    ("ten_bit_422.mov", "-i SRC -c:v prores_ks -pix_fmt yuv422p10le -t 1"),
    ("full_chroma_odd.mp4", "-i SRC -vf scale=97:65 -c:v libx264 -pix_fmt yuv444p"),
    ("odd.webm", "-i SRC -vf scale=97:65 -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 20"),
    ("odd.avi", "-i SRC -vf scale=97:65 -c:v mpeg4 -g 20"),
    ("interlaced.ts", "-i SRC -vf interlace -c:v mpeg2video -flags +ilme+ildct -g 12 -bf 2"),
    ("interlaced.mp4", "-i SRC -vf interlace -c:v libx264 -x264opts tff=1 -g 12"),
    ("stream.ts", "-i SRC -c:v libx264 -g 12 -bf 2"),
    ("open_gop.ts", "-i SRC -c:v libx264 -g 12 -bf 2 -x264-params open-gop=1:scenecut=0"),
    ("open_gop.mkv", "-i SRC -c:v libx264 -g 12 -bf 2 -x264-params open-gop=1:scenecut=0"),
    ("intra_refresh.mkv", "-i SRC -c:v libx264 -g 12 -x264-params intra-refresh=1"),
    ("hevc.mp4", "-i SRC -c:v libx265 -x265-params log-level=none:keyint=15:open-gop=0"),
    ("hevc_open_gop.mkv", "-i SRC -c:v libx265 -x265-params log-level=none:keyint=15:open-gop=1"),
    ("hidden_frames.webm", "-i SRC -c:v libvpx -auto-alt-ref 1 -lag-in-frames 16 -g 30 -b:v 200k -cpu-used 8"),
    ("alt_ref.webm", "-i SRC -c:v libvpx-vp9 -auto-alt-ref 1 -lag-in-frames 16 -g 30 -b:v 200k -cpu-used 8"),
    ("av1.mkv", "-i SRC -t 1 -c:v libaom-av1 -cpu-used 8 -g 12 -b:v 200k"),
    ("fragmented.mp4", "-i SRC -c:v libx264 -g 12 -movflags frag_keyframe+empty_moov+default_base_moof"),
    ("animation.gif", "-i SRC -t 1"),
    ("motion.mjpeg", "-i SRC -t 1 -c:v mjpeg -f mjpeg"),
    ("motion_jpeg.avi", "-i SRC -c:v mjpeg"),
    ("b_frames.avi", "-i SRC -c:v mpeg4 -bf 2 -g 20"),
    ("divx.avi", "-i SRC -c:v msmpeg4 -g 20"),
    ("program.mpg", "-i SRC -c:v mpeg1video -bf 2 -g 12"),
    ("raw.h264", "-i SRC -c:v libx264 -bf 2 -g 12 -f h264"),
    ("raw.m2v", "-i SRC -c:v mpeg2video -bf 2 -g 12 -f mpeg2video"),
    ("flash.flv", "-i SRC -c:v flv -g 20"),
    ("windows.wmv", "-i SRC -c:v wmv2 -g 20"),
    ("theora.ogv", "-i SRC -c:v libtheora -g 20"),
    ("phone.3gp", "-i SRC -vf scale=176:144 -c:v h263 -g 20"),
    ("lossless.mkv", "-i SRC -c:v ffv1 -pix_fmt yuv422p -g 1"),
    ("gray.mkv", "-i SRC -c:v ffv1 -pix_fmt gray"),
    ("gray_ten.mkv", "-i SRC -c:v ffv1 -pix_fmt gray10le"),
    ("rgb.mkv", "-i SRC -c:v libx264rgb -crf 10 -g 20"),
    ("packed_rgb.mov", "-i SRC -t 1 -c:v qtrle"),
    ("packed_yuv.avi", "-i SRC -t 1 -c:v rawvideo -pix_fmt yuyv422"),
    ("alpha.mov", "-i SRC -t 1 -c:v png -pix_fmt rgba"),
    ("yuv4mpeg.y4m", "-i SRC -t 1 -pix_fmt yuv420p"),
    ("one_pixel.mkv", "-i SRC -vf scale=1:1 -c:v ffv1"),
    ("one_frame.mp4", "-i SRC -frames:v 1 -c:v libx264"),
    ("with_sound.mp4", "-i SRC -f lavfi -i sine=d=4 -c:v libx264 -g 25 -c:a aac"),
    ("with_sound.webm", "-i SRC -f lavfi -i sine=d=4 -c:v libvpx -cpu-used 8 -deadline realtime -c:a libopus"),
    ("broadcast.ts", "-i SRC -f lavfi -i sine=d=4 -c:v mpeg2video -bf 2 -g 12 -c:a mp2"),
];

/// The corpus: made once, kept between runs. Nothing where the ffmpeg program is missing, which is said.
pub fn files() -> Option<&'static [PathBuf]> {
    static MADE: OnceLock<Option<Vec<PathBuf>>> = OnceLock::new();
    MADE.get_or_init(make).as_deref()
}

fn make() -> Option<Vec<PathBuf>> {
    if !has_ffmpeg() {
        return None;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("media_corpus_1");
    std::fs::create_dir_all(&folder).unwrap();
    let source = "-f lavfi -i testsrc2=s=96x64:r=25:d=4,noise=alls=24:allf=t:all_seed=7 -c:v ffv1 -pix_fmt yuv420p";
    made(&folder, "source.mkv", source)?;
    let mut files = RECIPES.iter().filter_map(|(name, recipe)| made(&folder, name, recipe)).collect::<Vec<_>>();
    files.extend(cut_stream(&folder, "open_gop.ts", "cut_open_gop.ts", 9_000, 0));
    files.extend(cut_stream(&folder, "interlaced.ts", "cut_interlaced.ts", 20_000, 0));
    files.extend(cut_stream(&folder, "stream.ts", "ends_early.ts", 0, 5_000));
    Some(files)
}

/// True where the ffmpeg program can be run; says so where it cannot.
pub fn has_ffmpeg() -> bool {
    let found = Command::new("ffmpeg").arg("-version").output().is_ok_and(|answer| answer.status.success());
    if !found {
        eprintln!("skipped: no ffmpeg program here (apt-get install ffmpeg)");
    }
    found
}

/// Makes one file by a recipe, unless it is there; nothing where this ffmpeg lacks an encoder, which is said.
pub fn made(folder: &Path, name: &str, recipe: &str) -> Option<PathBuf> {
    // One at a time, since several tests may want the same file.
    static MAKING: Mutex<()> = Mutex::new(());
    let _making = MAKING.lock();
    let path = folder.join(name);
    if path.is_file() {
        return Some(path);
    }
    let half_made = folder.join(format!("making_{name}"));
    let answer = Command::new("ffmpeg")
        .current_dir(folder)
        .args(["-v", "error", "-nostdin", "-y"])
        .args(recipe.split(' ').map(|word| if word == "SRC" { "source.mkv" } else { word }))
        .args(["-threads", "2"])
        .arg(&half_made)
        .output()
        .unwrap();
    if !answer.status.success() {
        eprintln!("left out: {name}: {}", String::from_utf8_lossy(&answer.stderr));
        return None;
    }
    std::fs::rename(half_made, &path).unwrap();
    Some(path)
}

/// A piece of a transport stream: bytes cut off at its start and end, so that it begins in the middle of a group of
/// pictures or ends within a packet.
fn cut_stream(folder: &Path, from: &str, to: &str, start: usize, end: usize) -> Option<PathBuf> {
    let bytes = std::fs::read(folder.join(from)).ok()?;
    let path = folder.join(to);
    std::fs::write(&path, &bytes[start / 188 * 188..bytes.len() - end]).unwrap();
    Some(path)
}

/// One line of the framemd5 muxer.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub pts: i64,
    pub size: usize,
    pub md5: String,
}

/// As [`ask_framemd5`], asked once a file.
pub fn framemd5(path: &Path) -> Vec<Line> {
    static ASKED: Mutex<BTreeMap<PathBuf, Vec<Line>>> = Mutex::new(BTreeMap::new());
    if let Some(lines) = ASKED.lock().unwrap().get(path) {
        return lines.clone();
    }
    let lines = ask_framemd5(path);
    ASKED.lock().unwrap().insert(path.to_owned(), lines.clone());
    lines
}

/// What `ffmpeg -f framemd5` says a file presents: every decoded frame once, unturned, none repeated or dropped to fit
/// a rate.
fn ask_framemd5(path: &Path) -> Vec<Line> {
    let answer = Command::new("ffmpeg")
        .args(["-v", "quiet", "-nostdin", "-noautorotate", "-i"])
        .arg(path)
        .args(["-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framemd5", "-"])
        .output()
        .unwrap();
    let text = String::from_utf8(answer.stdout).unwrap();
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let cells = line.split(',').map(str::trim).collect::<Vec<_>>();
            Line { pts: cells[2].parse().unwrap(), size: cells[4].parse().unwrap(), md5: cells[5].to_owned() }
        })
        .collect()
}
