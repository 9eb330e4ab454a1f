//! A screen of its own (Xvfb) with a window manager, real key and mouse events, and what is to be seen on it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use image::RgbImage;

pub const WIDTH: u32 = 1440;
pub const HEIGHT: u32 = 900;

/// Windows without decoration at the screen's corner, so that a place in the window is the same place on the screen.
const MANAGER_SETTINGS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<openbox_config xmlns="http://openbox.org/3.4/rc">
  <theme><keepBorder>no</keepBorder></theme>
  <focus><focusNew>yes</focusNew><followMouse>no</followMouse></focus>
  <applications>
    <application class="*">
      <decor>no</decor><focus>yes</focus><position force="yes"><x>0</x><y>0</y></position>
    </application>
  </applications>
</openbox_config>
"#;

/// A running screen. Dropping it ends it.
pub struct Screen {
    server: Child,
    manager: Option<Child>,
    display: String,
    folder: tempfile::TempDir,
}

impl Screen {
    /// `None`, with a word on standard error, where a program that it needs is not installed.
    pub fn start() -> Option<Self> {
        for (program, argument) in [("Xvfb", "-help"), ("openbox", "--version"), ("xdotool", "version")] {
            if Command::new(program).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
                eprintln!("skipped: {program} is missing (Debian packages xvfb, openbox, xdotool)");
                return None;
            }
        }
        let folder = tempfile::tempdir().unwrap();
        // Without key repeat: a busy machine may hold a key for longer than anybody meant.
        let mut server = Command::new("Xvfb")
            .args([
                "-displayfd",
                "1",
                "-screen",
                "0",
                &format!("{WIDTH}x{HEIGHT}x24"),
                "-nolisten",
                "tcp",
                "-r",
                "-fbdir",
            ])
            .arg(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut number = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut number).unwrap();
        let mut screen = Self { server, manager: None, display: format!(":{}", number.trim()), folder };
        assert!(number.trim().parse::<u32>().is_ok(), "Xvfb does not come up");
        let settings = screen.folder.path().join("openbox.xml");
        std::fs::write(&settings, MANAGER_SETTINGS).unwrap();
        let manager = Command::new("openbox")
            .arg("--config-file")
            .arg(&settings)
            .env("DISPLAY", &screen.display)
            .env("HOME", screen.folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        screen.manager = Some(manager);
        Some(screen)
    }

    pub fn display(&self) -> &str {
        &self.display
    }

    /// Waits for a window whose title begins with `title` and gives it the keyboard.
    pub fn focus_window(&self, title: &str) {
        let give_up = Instant::now() + Duration::from_secs(180);
        loop {
            let found = self.xdotool(&["search", "--onlyvisible", "--name", &format!("^{title}")]);
            for window in found.lines() {
                self.xdotool(&["windowactivate", window]);
                self.xdotool(&["windowfocus", window]);
            }
            let focused = self.xdotool(&["getwindowfocus"]);
            if found.lines().any(|window| window == focused.trim()) {
                return;
            }
            assert!(Instant::now() < give_up, "no window {title} takes the keyboard: {found:?}, {focused:?}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Presses and releases keys one after the other, as X names them (`Right`, `ctrl+k`).
    pub fn keys(&self, keys: &[&str]) {
        self.xdotool(&[&["key"], keys].concat());
    }

    pub fn key_down(&self, key: &str) {
        self.xdotool(&["keydown", key]);
    }

    pub fn key_up(&self, key: &str) {
        self.xdotool(&["keyup", key]);
    }

    pub fn type_text(&self, text: &str) {
        self.xdotool(&["type", "--delay", "40", text]);
    }

    /// Moves the mouse to a place of the screen in pixels.
    pub fn mouse_to(&self, x: f64, y: f64) {
        self.xdotool(&["mousemove", &x.round().to_string(), &y.round().to_string()]);
    }

    pub fn click(&self) {
        self.xdotool(&["click", "1"]);
    }

    pub fn button_down(&self) {
        self.xdotool(&["mousedown", "1"]);
    }

    pub fn button_up(&self) {
        self.xdotool(&["mouseup", "1"]);
    }

    fn xdotool(&self, arguments: &[&str]) -> String {
        let output = Command::new("xdotool").args(arguments).env("DISPLAY", &self.display).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What the screen shows now, from the server's own memory (a file in the form of `xwd`).
    pub fn picture(&self) -> RgbImage {
        let file = std::fs::read(self.folder.path().join("Xvfb_screen0")).unwrap();
        let field = |index: usize| u32::from_be_bytes(file[4 * index..4 * index + 4].try_into().unwrap()) as usize;
        let (header_bytes, width, height, line_bytes, colors) = (field(0), field(4), field(5), field(12), field(19));
        assert_eq!((field(1), field(11)), (7, 32), "the server's picture has four bytes a pixel");
        assert_eq!(field(7), 0, "the server's picture is little-endian");
        let pixels = &file[header_bytes + 12 * colors..];
        RgbImage::from_fn(width as u32, height as u32, |x, y| {
            let at = y as usize * line_bytes + 4 * x as usize;
            image::Rgb([pixels[at + 2], pixels[at + 1], pixels[at]])
        })
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        for child in self.manager.iter_mut().chain([&mut self.server]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// True where `path` is there within the time that a slow machine takes.
pub fn appears(path: &Path) -> bool {
    let give_up = Instant::now() + Duration::from_secs(180);
    while !path.exists() {
        if Instant::now() > give_up {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    true
}
