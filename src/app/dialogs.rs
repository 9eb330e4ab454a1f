//! File dialogs: the system's own, on a thread, so that the window goes on.

use std::path::PathBuf;

use crossbeam_channel::{Receiver, Sender, bounded};

/// What a dialog asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialog {
    Open,
    OpenFolder,
    Annotations,
    Model,
    Sound,
    SaveProject,
    SaveScreenshot,
}

/// The dialog that is open, if any, and its answer.
pub struct Dialogs {
    open: Option<Dialog>,
    answers: Receiver<(Dialog, Vec<PathBuf>)>,
    sender: Sender<(Dialog, Vec<PathBuf>)>,
}

impl Default for Dialogs {
    fn default() -> Self {
        let (sender, answers) = bounded(4);
        Self { open: None, answers, sender }
    }
}

const MEDIA: [&str; 22] = [
    "mp4", "m4v", "mov", "mkv", "webm", "avi", "ts", "mts", "mpg", "mpeg", "gif", "png", "jpg", "jpeg", "bmp", "webp",
    "wav", "mp3", "flac", "ogg", "opus", "m4a",
];

impl Dialogs {
    /// Opens a dialog; false if one is open already.
    pub fn ask(&mut self, dialog: Dialog, wake: crate::engine::Wake) -> bool {
        if self.open.is_some() {
            return false;
        }
        let sender = self.sender.clone();
        let thread = std::thread::Builder::new().name("file dialog".into()).spawn(move || {
            let chosen = show(dialog);
            // The window may have been closed meanwhile.
            let _ = sender.send((dialog, chosen));
            wake();
        });
        if thread.is_ok() {
            self.open = Some(dialog);
        }
        thread.is_ok()
    }

    /// The answer of the dialog, once. No paths when it was dismissed.
    pub fn poll(&mut self) -> Option<(Dialog, Vec<PathBuf>)> {
        let answer = self.answers.try_recv().ok()?;
        self.open = None;
        Some(answer)
    }
}

fn show(dialog: Dialog) -> Vec<PathBuf> {
    let files = rfd::FileDialog::new();
    let one = |path: Option<PathBuf>| path.into_iter().collect();
    match dialog {
        Dialog::Open => one(files
            .set_title("Open a video, image or sound")
            .add_filter("Video, image or sound", &MEDIA)
            .add_filter("Annotations", &["json", "xml", "csv", "txt"])
            .add_filter("Sonolens project", &["sonolens"])
            .add_filter("All files", &["*"])
            .pick_file()),
        Dialog::OpenFolder => one(files.set_title("Open a folder of clips").pick_folder()),
        Dialog::Annotations => one(files
            .set_title("Load annotations")
            .add_filter("Annotations", &["json", "xml", "csv", "txt"])
            .add_filter("All files", &["*"])
            .pick_file()),
        Dialog::Model => files
            .set_title("Load a model: one checkpoint, or the files of one system")
            .add_filter(
                "Checkpoints, predictions, descriptions",
                &["pth", "pt", "tar", "ckpt", "safetensors", "npz", "npy", "toml"],
            )
            .add_filter("All files", &["*"])
            .pick_files()
            .unwrap_or_default(),
        Dialog::Sound => one(files
            .set_title("A sound from an audio or video file")
            .add_filter("Audio and video", &MEDIA)
            .add_filter("All files", &["*"])
            .pick_file()),
        Dialog::SaveProject => one(files
            .set_title("Save the clips as a project")
            .add_filter("Sonolens project", &["sonolens"])
            .set_file_name("clips.sonolens")
            .save_file()),
        Dialog::SaveScreenshot => one(files
            .set_title("Save a picture of the window")
            .add_filter("PNG", &["png"])
            .set_file_name("sonolens.png")
            .save_file()),
    }
}
