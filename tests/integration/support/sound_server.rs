//! A PulseAudio server of its own with a sink that goes nowhere and is recorded, for tests that listen.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub const RATE: u32 = 48_000;
const FRAME_BYTES: usize = 8;

/// Nanoseconds since the Unix epoch: the time that processes of one machine share.
pub fn unix_nanos() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

/// A running server. Dropping it ends it.
pub struct SoundServer {
    folder: tempfile::TempDir,
    server: Child,
}

impl SoundServer {
    /// `None`, with a word on standard error, where PulseAudio is not installed.
    pub fn start() -> Option<Self> {
        for program in ["pulseaudio", "parec"] {
            if Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
                eprintln!(
                    "skipped: {program} is missing (Debian packages pulseaudio, pulseaudio-utils, libasound2-plugins)"
                );
                return None;
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let sink = format!("module-null-sink sink_name=cap rate={RATE} channels=2 format=float32le norewinds=1");
        let server = Command::new("pulseaudio")
            .args(["-n", "--daemonize=no", "--exit-idle-time=-1", "--log-target=stderr"])
            .args(["-L", &sink, "-L", "module-native-protocol-unix"])
            .envs(environment(folder.path()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let this = Self { folder, server };
        let give_up = Instant::now() + Duration::from_secs(20);
        while !this.folder.path().join("pulse/native").exists() {
            assert!(Instant::now() < give_up, "pulseaudio does not come up");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(this)
    }

    /// What a program needs in its environment to play into the recorded sink.
    pub fn environment(&self) -> [(&'static str, String); 3] {
        environment(self.folder.path())
    }

    /// Starts to record, and returns once the recording grows.
    pub fn record(&self) -> Recorder {
        let mut parec = Command::new("parec")
            .args(["--device=cap.monitor", "--rate=48000", "--channels=2", "--format=float32le", "--latency-msec=20"])
            .envs(self.environment())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut pipe = parec.stdout.take().unwrap();
        let taken = Arc::new(Mutex::new(Taken::default()));
        let shared = taken.clone();
        let reader = std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                let mut taken = shared.lock().unwrap();
                let before = taken.bytes.len();
                taken.arrivals.push((unix_nanos(), before));
                taken.bytes.extend_from_slice(&buffer[..count]);
            }
        });
        let give_up = Instant::now() + Duration::from_secs(20);
        while taken.lock().unwrap().bytes.len() < 20 * FRAME_BYTES * RATE as usize / 100 {
            assert!(Instant::now() < give_up, "the recording does not grow");
            std::thread::sleep(Duration::from_millis(10));
        }
        Recorder { parec, reader: Some(reader), taken }
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.server.try_wait(), Ok(None))
    }

    /// Ends the server at once, as when a device is pulled out.
    pub fn kill(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Drop for SoundServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn environment(folder: &Path) -> [(&'static str, String); 3] {
    let folder = folder.to_str().unwrap().to_owned();
    [("XDG_RUNTIME_DIR", folder.clone()), ("HOME", folder), ("PULSE_SINK", "cap".to_owned())]
}

#[derive(Default)]
struct Taken {
    bytes: Vec<u8>,
    /// When something arrived, and how many bytes there were before it.
    arrivals: Vec<(u64, usize)>,
}

pub struct Recorder {
    parec: Child,
    reader: Option<JoinHandle<()>>,
    taken: Arc<Mutex<Taken>>,
}

/// What the sink was played.
pub struct Recording {
    /// One stereo pair a frame.
    pub frames: Vec<[f32; 2]>,
    /// When the sink played the first frame, in nanoseconds since the Unix epoch.
    pub first_frame_nanos: f64,
}

impl Recording {
    /// When the sink played frame `index`.
    pub fn nanos_at(&self, index: usize) -> f64 {
        self.first_frame_nanos + index as f64 / f64::from(RATE) * 1e9
    }
}

impl Recorder {
    /// Ends the recording.
    pub fn stop(mut self) -> Recording {
        std::thread::sleep(Duration::from_millis(300));
        let _ = self.parec.kill();
        let _ = self.parec.wait();
        self.reader.take().unwrap().join().unwrap();
        let taken = self.taken.lock().unwrap();
        let frames = taken
            .bytes
            .chunks_exact(FRAME_BYTES)
            .map(|bytes| {
                let sample = |at: usize| f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
                [sample(0), sample(4)]
            })
            .collect();
        Recording { frames, first_frame_nanos: first_frame_nanos(&taken.arrivals) }
    }
}

/// The null sink renders a block at the instant at which the block's first sample is due, and hands it to its monitor
/// right then. So each arrival, less the time of the samples before it, is at or a little after the instant of the
/// first sample of the recording. What arrives within a few milliseconds is one block.
fn first_frame_nanos(arrivals: &[(u64, usize)]) -> f64 {
    let mut origins: Vec<f64> = arrivals
        .windows(2)
        .filter(|pair| pair[1].0 - pair[0].0 > 3_000_000)
        .map(|pair| pair[1].0 as f64 - (pair[1].1 / FRAME_BYTES) as f64 / f64::from(RATE) * 1e9)
        .collect();
    origins.sort_by(f64::total_cmp);
    origins[origins.len() / 20]
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.parec.kill();
        let _ = self.parec.wait();
    }
}
