//! A clip that tells on every frame which one it is, with sounds, annotations and files that are not what they say.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use image::RgbImage;
use serde_json::json;

use super::tones::write_wav;

pub const WIDTH: u32 = 320;
pub const HEIGHT: u32 = 240;
pub const FRAMES: usize = 150;
pub const FRAME_RATE: usize = 25;
pub const SECS: f64 = 6.0;
/// The tone of the clip's first half, of its second half, of the other sound; hertz.
pub const FIRST_TONE: f64 = 440.0;
pub const SECOND_TONE: f64 = 880.0;
pub const OTHER_TONE: f64 = 1500.0;
pub const TONES: [f64; 3] = [FIRST_TONE, SECOND_TONE, OTHER_TONE];

/// The annotated box, in cells of a 224×224 grid, half-open; the same for rows and columns.
pub const BOX_CELLS: (usize, usize) = (33, 191);
pub const GRID: usize = 224;

/// Bits of the frame's number, between a white and a black block at the top of the frame, where nothing is drawn over
/// it: the program's own words stand at the bottom.
const BITS: u32 = 8;
const BLOCKS: u32 = BITS + 2;
const BAR_HEIGHT: u32 = 16;

/// The files of the scene.
pub struct Scene {
    pub clip: PathBuf,
    pub other_sound: PathBuf,
    pub truncated: PathBuf,
    pub text: PathBuf,
    pub empty: PathBuf,
    pub folder: PathBuf,
    pub nonsense_npz: PathBuf,
    pub nonsense_pth: PathBuf,
}

impl Scene {
    /// `None`, with a word on standard error, where FFmpeg's program is missing.
    pub fn make(folder: &Path) -> Option<Self> {
        let own_sound = folder.join("own.wav");
        let other_sound = folder.join("other sound.wav");
        write_wav(&own_sound, 48_000, &[(FIRST_TONE, SECS / 2.0), (SECOND_TONE, SECS / 2.0)]);
        write_wav(&other_sound, 44_100, &[(OTHER_TONE, 2.0)]);
        let clip = folder.join("scene.mp4");
        if !encode(&clip, &own_sound) {
            return None;
        }
        let edges = [BOX_CELLS.0, BOX_CELLS.0, BOX_CELLS.1, BOX_CELLS.1].map(|cell| cell as f64 / GRID as f64);
        let truth = json!([{ "file": "scene", "class": "tone", "bbox": [edges] }]);
        std::fs::write(folder.join("scene.json"), truth.to_string()).unwrap();

        let whole = std::fs::read(&clip).unwrap();
        let scene = Self {
            clip,
            other_sound,
            truncated: folder.join("truncated.mp4"),
            text: folder.join("text.mp4"),
            empty: folder.join("empty.mp4"),
            folder: folder.join("nothing in it"),
            nonsense_npz: folder.join("nonsense.npz"),
            nonsense_pth: folder.join("nonsense.pth"),
        };
        std::fs::write(&scene.truncated, &whole[..whole.len() / 3]).unwrap();
        std::fs::write(&scene.text, "This is not a video.\n").unwrap();
        std::fs::write(&scene.empty, "").unwrap();
        std::fs::create_dir(&scene.folder).unwrap();
        let noise: Vec<u8> = (0..5000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        std::fs::write(&scene.nonsense_npz, &noise).unwrap();
        std::fs::write(&scene.nonsense_pth, &noise).unwrap();
        Some(scene)
    }
}

fn encode(clip: &Path, sound: &Path) -> bool {
    let size = format!("{WIDTH}x{HEIGHT}");
    let spawned = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "rawvideo", "-pix_fmt", "gray", "-video_size", &size])
        .args(["-framerate", &FRAME_RATE.to_string(), "-i", "-", "-i"])
        .arg(sound)
        .args(["-c:v", "libx264", "-preset", "veryfast", "-crf", "12", "-g", "25", "-pix_fmt", "yuv420p"])
        .args(["-c:a", "aac", "-b:a", "128k"])
        .arg(clip)
        .stdin(Stdio::piped())
        .spawn();
    let Ok(mut ffmpeg) = spawned else {
        eprintln!("skipped: no ffmpeg program here (Debian package ffmpeg)");
        return false;
    };
    let mut pipe = ffmpeg.stdin.take().unwrap();
    for index in 0..FRAMES {
        pipe.write_all(&frame(index)).unwrap();
    }
    drop(pipe);
    let status = ffmpeg.wait().unwrap();
    assert!(status.success(), "ffmpeg does not make the clip");
    true
}

/// Mid-gray with a slow wave over it, and the number above.
fn frame(index: usize) -> Vec<u8> {
    let pixel = |x: u32, y: u32| {
        if y < BAR_HEIGHT {
            return if block_is_white(index, x * BLOCKS / WIDTH) { 235 } else { 20 };
        }
        let wave = (f64::from(x) / 40.0 + index as f64 / 10.0).sin() * (f64::from(y) / 50.0).cos();
        (128.0 + 20.0 * wave) as u8
    };
    (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| pixel(x, y))).collect()
}

fn block_is_white(index: usize, block: u32) -> bool {
    match block {
        0 => true,
        bit if bit <= BITS => index >> (BITS - bit) & 1 == 1,
        _ => false,
    }
}

/// Where the frame lies in a picture, in its pixels.
#[derive(Clone, Copy, Debug)]
pub struct FramePlace {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

impl FramePlace {
    /// From what the program says is on its screen.
    pub fn of(state: &serde_json::Value) -> Self {
        let points = &state["screen"]["frame_rect_points"];
        let scale = state["screen"]["pixels_per_point"].as_f64().unwrap();
        let at =
            |index: usize| points[index].as_f64().unwrap_or_else(|| panic!("no frame on screen: {state:#}")) * scale;
        Self { left: at(0), top: at(1), width: at(2) - at(0), height: at(3) - at(1) }
    }

    /// Fractions of the frame's width and height at the centre of a pixel of the picture.
    pub fn fraction(&self, x: u32, y: u32) -> (f64, f64) {
        ((f64::from(x) + 0.5 - self.left) / self.width, (f64::from(y) + 0.5 - self.top) / self.height)
    }

    /// The pixels that lie wholly in the frame.
    pub fn pixels(&self) -> impl Iterator<Item = (u32, u32)> + use<> {
        let columns = self.left.ceil() as u32..(self.left + self.width).floor() as u32;
        let rows = self.top.ceil() as u32..(self.top + self.height).floor() as u32;
        rows.flat_map(move |y| columns.clone().map(move |x| (x, y)))
    }

    /// The number of the frame that the picture shows there; `None` where none can be read.
    pub fn frame_number(&self, picture: &RgbImage) -> Option<usize> {
        let y = self.top + self.height * f64::from(BAR_HEIGHT) / 2.0 / f64::from(HEIGHT);
        let blocks: Option<Vec<bool>> = (0..BLOCKS)
            .map(|block| {
                let x = self.left + self.width * (f64::from(block) + 0.5) / f64::from(BLOCKS);
                let [r, g, b] = picture.get_pixel_checked(x as u32, y as u32)?.0.map(u32::from);
                let brightness = (r + g + b) / 3;
                (!(90..=165).contains(&brightness)).then_some(brightness > 128)
            })
            .collect();
        let blocks = blocks?;
        let number = blocks[1..=BITS as usize].iter().fold(0, |number, bit| number << 1 | usize::from(*bit));
        (blocks[0] && !blocks[BLOCKS as usize - 1]).then_some(number)
    }
}
