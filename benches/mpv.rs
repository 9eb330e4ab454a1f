//! mpv as a peer, driven over its socket: no window, no sound, exact seeks.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(30);

pub struct Mpv {
    process: Child,
    socket: BufReader<UnixStream>,
    requests: u64,
    _folder: tempfile::TempDir,
}

impl Mpv {
    /// Nothing if mpv is not there.
    pub fn start() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder for the socket");
        let path = folder.path().join("socket");
        let settings =
            ["--no-config", "--load-scripts=no", "--no-terminal", "--idle=yes", "--pause", "--keep-open=yes"];
        let process = Command::new("mpv")
            .args(settings)
            .args(["--vo=null", "--ao=null", "--hr-seek=yes"])
            .arg(format!("--input-ipc-server={}", path.display()))
            .stdout(Stdio::null())
            .spawn()
            .ok()?;
        let started = Instant::now();
        let socket = loop {
            match UnixStream::connect(&path) {
                Ok(socket) => break socket,
                Err(error) => assert!(started.elapsed() < PATIENCE, "mpv's socket: {error}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        socket.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        Some(Self { process, socket: BufReader::new(socket), requests: 0, _folder: folder })
    }

    /// Its version, as it says.
    pub fn version(&mut self) -> String {
        self.ask("mpv-version").as_str().unwrap_or("mpv").to_owned()
    }

    /// Opens a file; how long until its first frame is there.
    pub fn open(&mut self, path: &Path) -> Duration {
        self.send(&json!(["stop"]));
        while !self.ask("idle-active").as_bool().unwrap_or(false) {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.time(&json!(["loadfile", path]))
    }

    /// Goes to an exact time; how long until the frame there is shown.
    pub fn seek(&mut self, secs: f64) -> Duration {
        self.time(&json!(["seek", secs, "absolute+exact"]))
    }

    pub fn step_back(&mut self) -> Duration {
        self.time(&json!(["frame-back-step"]))
    }

    /// The time of the frame that is shown.
    pub fn shown_secs(&mut self) -> f64 {
        self.ask("time-pos").as_f64().unwrap_or(f64::NAN)
    }

    fn time(&mut self, command: &Value) -> Duration {
        let start = Instant::now();
        self.send(command);
        while self.read()["event"] != "playback-restart" {}
        start.elapsed()
    }

    fn ask(&mut self, property: &str) -> Value {
        let request = self.send(&json!(["get_property", property]));
        loop {
            let mut message = self.read();
            if message["request_id"] == request {
                return message["data"].take();
            }
        }
    }

    fn send(&mut self, command: &Value) -> u64 {
        self.requests += 1;
        let line = format!("{}\n", json!({ "command": command, "request_id": self.requests }));
        self.socket.get_mut().write_all(line.as_bytes()).expect("mpv listens");
        self.requests
    }

    fn read(&mut self) -> Value {
        let mut line = String::new();
        self.socket.read_line(&mut line).expect("mpv answers");
        let message: Value = serde_json::from_str(&line).expect("a message of mpv");
        let problem = message["error"].as_str().filter(|error| !["success", "property unavailable"].contains(error));
        assert_eq!(problem, None, "mpv: {line}");
        message
    }
}

impl Drop for Mpv {
    fn drop(&mut self) {
        self.process.kill().unwrap_or_default();
        self.process.wait().map(drop).unwrap_or_default();
    }
}
