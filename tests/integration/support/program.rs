//! The program itself in a window, with its control socket.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use image::RgbImage;
use serde_json::{Value, json};

use super::screen::appears;

/// As long as the slowest machine may take for anything.
const PATIENCE: Duration = Duration::from_secs(120);

/// The running program. Dropping it ends it.
pub struct Program {
    child: Child,
    socket: PathBuf,
    said: PathBuf,
    stream: BufReader<UnixStream>,
}

impl Program {
    /// Starts the program with `arguments` and waits for its socket. What it says goes to a file in `folder`.
    pub fn start(folder: &Path, arguments: &[&str], environment: &[(&str, String)]) -> Self {
        let socket = folder.join("control");
        let said = folder.join("said.txt");
        let child = Command::new(env!("CARGO_BIN_EXE_sonolens"))
            .args(arguments)
            .arg("--ipc")
            .arg(&socket)
            .envs(environment.iter().cloned())
            .env_remove("WAYLAND_DISPLAY")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&said).unwrap())
            .spawn()
            .unwrap();
        let told = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
        assert!(appears(&socket), "the program opens no socket: {}", told(&said));
        let stream = UnixStream::connect(&socket).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let stream = BufReader::new(stream);
        Self { child, socket, said, stream }
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// What the program said on standard error.
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.said).unwrap_or_default()
    }

    fn ask(&mut self, request: &Value) -> Value {
        let mut line = String::new();
        let written = writeln!(self.stream.get_mut(), "{request}");
        if written.and_then(|()| self.stream.read_line(&mut line)).is_err() || line.is_empty() {
            panic!("the program does not answer {request}: {}", self.said());
        }
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(answer["ok"], true, "{request}: {answer}");
        answer
    }

    /// Sends a command by its name, with its arguments.
    pub fn command(&mut self, words: Value) {
        self.ask(&json!({ "command": words }));
    }

    pub fn state(&mut self) -> Value {
        self.ask(&json!({ "get": "state" }))["state"].take()
    }

    /// The window's own picture of itself.
    pub fn screenshot(&mut self) -> RgbImage {
        let answer = self.ask(&json!({ "get": "screenshot" }));
        let bytes = base64::engine::general_purpose::STANDARD.decode(answer["png_base64"].as_str().unwrap()).unwrap();
        image::load_from_memory_with_format(&bytes, image::ImageFormat::Png).unwrap().to_rgb8()
    }

    /// Asks for the state until `holds`; returns that state.
    pub fn wait_for(&mut self, what: &str, mut holds: impl FnMut(&Value) -> bool) -> Value {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let state = self.state();
            if holds(&state) {
                return state;
            }
            assert!(Instant::now() < give_up, "waited in vain for {what}: {state:#}\n{}", self.said());
            std::thread::sleep(Duration::from_millis(40));
        }
    }

    /// Waits until the program has ended by itself.
    pub fn wait_for_end(&mut self) -> ExitStatus {
        let give_up = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < give_up, "the program does not end: {}", self.said());
            std::thread::sleep(Duration::from_millis(40));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks until `value` is there; `None` if it never is.
pub fn look_until<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let give_up = Instant::now() + PATIENCE;
    loop {
        let found = look();
        if found.is_some() || Instant::now() > give_up {
            return found;
        }
        std::thread::sleep(Duration::from_millis(60));
    }
}
