//! Commands: everything that the window can be told to do, as values.
//!
//! Keys, menus, the palette, the socket and the tests all make the same [`Command`]; `apply.rs` is the one place
//! that carries them out.

use std::path::PathBuf;

use egui::{Key, KeyboardShortcut, Modifiers};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::theme::ThemeChoice;
use crate::dataset::project::{FactId, ReviewVerdict};
use crate::engine::SoundChoice;
use crate::geometry::Rect;
use crate::localizers::WindowRule;

/// How several maps share the stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageView {
    #[default]
    Overlay,
    Grid,
    Wipe,
    Difference,
    Agreement,
}

impl StageView {
    pub const ALL: [Self; 5] = [Self::Overlay, Self::Grid, Self::Wipe, Self::Difference, Self::Agreement];

    pub fn name(self) -> &'static str {
        match self {
            Self::Overlay => "overlay",
            Self::Grid => "grid",
            Self::Wipe => "wipe",
            Self::Difference => "difference",
            Self::Agreement => "agreement",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Overlay => "Overlay",
            Self::Grid => "Grid",
            Self::Wipe => "Wipe",
            Self::Difference => "Difference",
            Self::Agreement => "Agreement",
        }
    }

    pub fn explanation(self) -> &'static str {
        match self {
            Self::Overlay => "One or several heatmaps over the picture",
            Self::Grid => "Ground truth and one tile a model",
            Self::Wipe => "Two models, a divider to drag",
            Self::Difference => "The first model's map minus the second's",
            Self::Agreement => "Where the first model is right, where it is not",
        }
    }
}

/// One thing to do. Plain data, so that it can be made anywhere and compared in a test.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    OpenDialog,
    OpenFolderDialog,
    OpenPath(PathBuf),
    OpenDemo,
    AddAnnotationsDialog,
    AddAnnotations(PathBuf),
    AddModelDialog,
    /// `ID[:VARIANT]` or `ID[:VARIANT]=WEIGHTS[,WEIGHTS…]`.
    AddModel(String),
    /// The model at this place (0-based) in another variant of its system; `None` is its usual form.
    SetVariant(usize, Option<String>),
    RemoveModel(usize),
    /// Shown or hidden, by place in the list (0-based).
    ToggleModel(usize),
    SoloModel(usize),

    TogglePlay,
    Pause,
    StepFrames(i64),
    StepSecs(f64),
    SeekSecs(f64),
    SeekFrame(usize),
    SeekStart,
    SeekEnd,
    ShuttleBackward,
    ShuttleStop,
    ShuttleForward,
    SetSpeed(f64),
    SpeedUp,
    SlowDown,
    SetVolume(f32),
    ToggleMute,
    LoopFromHere,
    LoopToHere,
    SetLoop(Option<(f64, f64)>),

    SetSound(SoundChoice),
    /// The sound of another clip of the list (0-based).
    SetSoundOfClip(usize),
    /// What models that read are asked with; nothing where it is empty.
    SetText(String),
    AddSoundDialog,
    FocusSoundShelf,
    /// While true, the clip's own sound is heard and localized.
    HoldOwnSound(bool),

    SetView(StageView),
    NextView,
    SetOpacity(f32),
    SetColourMap(String),
    ToggleBoxes,
    ToggleContours,
    ZoomStage(f64),
    /// Moves the picture, in points.
    PanStage(f32, f32),
    /// Where the wipe divides, 0..=1 of the frame's width.
    SetDivider(f32),
    FitStage,

    SetProtocol(String),
    /// `None` goes back to the protocol's own threshold.
    SetThreshold(Option<f32>),
    SetWindowRule(WindowRule),

    /// The next drag on the stage draws a box, or no longer.
    ToggleDrawing,
    /// A box at the frame on screen, in fractions of the frame.
    AddBox(Rect),
    SelectBox(Option<FactId>),
    SetBox(FactId, Rect),
    LabelBox(FactId, String),
    SetBoxSounding(FactId, bool),
    DeleteBox,
    Undo,
    Redo,

    SelectClip(usize),
    NextClip,
    PreviousClip,
    SaveProjectDialog,
    SaveProject(PathBuf),
    /// What is said of the selected clip's truth.
    Review(ReviewVerdict),

    /// Shows the tour from its first card.
    TourStart,
    TourNext,
    /// Dismisses the tour for good.
    TourEnd,
    TogglePalette,
    ToggleKeys,
    ToggleNotices,
    /// The figures of the loaded models over the open dataset.
    ToggleReport,
    /// Each part of the protocol by itself.
    ToggleProtocolParts,
    CopyNotices,
    CopyReadouts,
    SaveScreenshotDialog,
    SetTheme(ThemeChoice),
    ToggleTheme,
    ResetLayout,
    ToggleFullscreen,
    CancelJob(u64),
    Quit,
}

/// One row of the command table: how a command is called, found and pressed.
pub struct CommandInfo {
    /// The name for the socket and scripts.
    pub name: &'static str,
    /// What the palette and menus say.
    pub title: &'static str,
    pub group: &'static str,
    pub keys: &'static [KeyboardShortcut],
    /// What its arguments are, for the socket; empty where it takes none.
    pub arguments: &'static str,
    make: fn(&[Value]) -> Option<Command>,
}

impl CommandInfo {
    /// The command with these arguments; `None` when they do not fit.
    pub fn make(&self, arguments: &[Value]) -> Option<Command> {
        (self.make)(arguments)
    }

    /// True when the palette and keys can send it as it is.
    pub fn is_complete(&self) -> bool {
        self.arguments.is_empty()
    }
}

const fn key(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::NONE, key)
}

const fn shift(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::SHIFT, key)
}

const fn ctrl(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND, key)
}

const fn ctrl_shift(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND.plus(Modifiers::SHIFT), key)
}

fn text(arguments: &[Value]) -> Option<String> {
    arguments.first()?.as_str().map(str::to_owned)
}

fn number(arguments: &[Value]) -> Option<f64> {
    let value = arguments.first()?;
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    number.is_finite().then_some(number)
}

fn whole(arguments: &[Value]) -> Option<usize> {
    let number = number(arguments)?;
    (number >= 0.0 && number.fract() == 0.0 && number < 1e15).then_some(number as usize)
}

/// Places in lists are counted from 1 outside the program.
fn place(arguments: &[Value]) -> Option<usize> {
    whole(arguments)?.checked_sub(1)
}

macro_rules! commands {
    ($($group:literal { $($name:literal, $title:literal, [$($keys:expr),*], $arguments:literal, $make:expr;)* })*) => {
        &[$($(CommandInfo {
            name: $name, title: $title, group: $group, keys: &[$($keys),*], arguments: $arguments, make: $make,
        },)*)*]
    };
}

/// Every command, grouped as the key list shows them.
pub const COMMANDS: &[CommandInfo] = commands! {
    "File" {
        "open", "Open video, image or sound…", [ctrl(Key::O)], "", |_| Some(Command::OpenDialog);
        "open-folder", "Open a folder of clips…", [ctrl_shift(Key::O)], "", |_| Some(Command::OpenFolderDialog);
        "open-path", "Open a path", [], "PATH", |a| Some(Command::OpenPath(text(a)?.into()));
        "open-demo", "Open the demo", [], "", |_| Some(Command::OpenDemo);
        "annotations", "Load annotations…", [ctrl_shift(Key::A)], "", |_| Some(Command::AddAnnotationsDialog);
        "annotations-path", "Load annotations from a path", [], "PATH", |a| Some(Command::AddAnnotations(text(a)?.into()));
        "project-save", "Save the clips as a project…", [ctrl(Key::S)], "", |_| Some(Command::SaveProjectDialog);
        "project-save-path", "Save the clips as a project at a path", [], "PATH",
            |a| Some(Command::SaveProject(text(a)?.into()));
        "screenshot", "Save a picture of the window…", [ctrl_shift(Key::S)], "", |_| Some(Command::SaveScreenshotDialog);
        "quit", "Quit", [ctrl(Key::Q)], "", |_| Some(Command::Quit);
    }
    "Models" {
        "model-add", "Load a model…", [ctrl(Key::M)], "", |_| Some(Command::AddModelDialog);
        "model-add-id", "Load a model by its id", [], "ID[:VARIANT][=WEIGHTS]", |a| Some(Command::AddModel(text(a)?));
        "model-variant", "Take a model's variant, or its usual form", [], "N [VARIANT]",
            |a| Some(Command::SetVariant(place(a)?, a.get(1).and_then(Value::as_str).map(str::to_owned)));
        "model-remove", "Remove a model", [], "N", |a| Some(Command::RemoveModel(place(a)?));
        "model-solo", "Show one model alone", [], "N", |a| Some(Command::SoloModel(place(a)?));
        "model-toggle", "Show or hide a model", [], "N", |a| Some(Command::ToggleModel(place(a)?));
        "model-1", "Show or hide model 1", [key(Key::Num1)], "", |_| Some(Command::ToggleModel(0));
        "model-2", "Show or hide model 2", [key(Key::Num2)], "", |_| Some(Command::ToggleModel(1));
        "model-3", "Show or hide model 3", [key(Key::Num3)], "", |_| Some(Command::ToggleModel(2));
        "model-4", "Show or hide model 4", [key(Key::Num4)], "", |_| Some(Command::ToggleModel(3));
        "model-5", "Show or hide model 5", [key(Key::Num5)], "", |_| Some(Command::ToggleModel(4));
        "model-6", "Show or hide model 6", [key(Key::Num6)], "", |_| Some(Command::ToggleModel(5));
        "model-7", "Show or hide model 7", [key(Key::Num7)], "", |_| Some(Command::ToggleModel(6));
        "model-8", "Show or hide model 8", [key(Key::Num8)], "", |_| Some(Command::ToggleModel(7));
        "model-9", "Show or hide model 9", [key(Key::Num9)], "", |_| Some(Command::ToggleModel(8));
    }
    "Playback" {
        "play", "Play or pause", [key(Key::Space)], "", |_| Some(Command::TogglePlay);
        "pause", "Pause", [], "", |_| Some(Command::Pause);
        "frame-next", "Next frame", [key(Key::ArrowRight)], "", |_| Some(Command::StepFrames(1));
        "frame-previous", "Previous frame", [key(Key::ArrowLeft)], "", |_| Some(Command::StepFrames(-1));
        "second-forward", "Forward one second", [shift(Key::ArrowRight)], "", |_| Some(Command::StepSecs(1.0));
        "second-back", "Back one second", [shift(Key::ArrowLeft)], "", |_| Some(Command::StepSecs(-1.0));
        "start", "Go to the start", [key(Key::Home)], "", |_| Some(Command::SeekStart);
        "end", "Go to the end", [key(Key::End)], "", |_| Some(Command::SeekEnd);
        "seek", "Go to a time in seconds", [], "SECONDS", |a| Some(Command::SeekSecs(number(a)?));
        "seek-frame", "Go to a frame", [], "INDEX", |a| Some(Command::SeekFrame(whole(a)?));
        "shuttle-back", "Shuttle backwards", [key(Key::J)], "", |_| Some(Command::ShuttleBackward);
        "shuttle-stop", "Stop the shuttle", [key(Key::K)], "", |_| Some(Command::ShuttleStop);
        "shuttle-forward", "Shuttle forwards", [key(Key::L)], "", |_| Some(Command::ShuttleForward);
        "faster", "Play faster", [key(Key::CloseBracket)], "", |_| Some(Command::SpeedUp);
        "slower", "Play slower", [key(Key::OpenBracket)], "", |_| Some(Command::SlowDown);
        "speed", "Set the speed", [], "FACTOR", |a| Some(Command::SetSpeed(number(a)?));
        "volume", "Set the volume", [], "0..1", |a| Some(Command::SetVolume(number(a)? as f32));
        "mute", "Mute", [key(Key::M)], "", |_| Some(Command::ToggleMute);
        "loop-from", "Loop from here", [key(Key::I)], "", |_| Some(Command::LoopFromHere);
        "loop-to", "Loop to here", [key(Key::O)], "", |_| Some(Command::LoopToHere);
        "loop-off", "Loop off", [key(Key::U)], "", |_| Some(Command::SetLoop(None));
        "loop", "Loop a region", [], "START END", |a| Some(Command::SetLoop(Some((number(a)?, number(a.get(1..)?)?))));
    }
    "Sound" {
        "sound-own", "Sound: the clip's own", [], "", |_| Some(Command::SetSound(SoundChoice::Own));
        "sound-silence", "Sound: silence", [], "", |_| Some(Command::SetSound(SoundChoice::Silence));
        "sound-noise", "Sound: white noise", [], "", |_| Some(Command::SetSound(SoundChoice::Noise));
        "sound-file", "Sound: from a file…", [], "", |_| Some(Command::AddSoundDialog);
        "sound-path", "Sound from a path", [], "PATH", |a| Some(Command::SetSound(SoundChoice::File(text(a)?.into())));
        "sound-clip", "Sound of another clip", [], "N", |a| Some(Command::SetSoundOfClip(place(a)?));
        "text", "Text prompt for models that read", [], "WORDS", |a| Some(Command::SetText(text(a)?));
        "sound-shelf", "Go to the sound shelf", [key(Key::S)], "", |_| Some(Command::FocusSoundShelf);
        "sound-hold-own", "Hold the clip's own sound", [], "true|false",
            |a| Some(Command::HoldOwnSound(a.first()?.as_bool()?));
    }
    "View" {
        "view-overlay", "View: overlay", [], "", |_| Some(Command::SetView(StageView::Overlay));
        "view-grid", "View: grid", [], "", |_| Some(Command::SetView(StageView::Grid));
        "view-wipe", "View: wipe", [], "", |_| Some(Command::SetView(StageView::Wipe));
        "view-difference", "View: difference", [], "", |_| Some(Command::SetView(StageView::Difference));
        "view-agreement", "View: agreement", [], "", |_| Some(Command::SetView(StageView::Agreement));
        "view-next", "Next view", [key(Key::V)], "", |_| Some(Command::NextView);
        "boxes", "Show or hide ground-truth boxes", [key(Key::G)], "", |_| Some(Command::ToggleBoxes);
        "contours", "Show or hide threshold contours", [key(Key::C)], "", |_| Some(Command::ToggleContours);
        "opacity", "Set the overlay's opacity", [], "0..1", |a| Some(Command::SetOpacity(number(a)? as f32));
        "colour-map", "Set the colour map", [], "NAME", |a| Some(Command::SetColourMap(text(a)?));
        "zoom-in", "Zoom in", [key(Key::Plus), key(Key::Equals)], "", |_| Some(Command::ZoomStage(1.25));
        "zoom-out", "Zoom out", [key(Key::Minus)], "", |_| Some(Command::ZoomStage(0.8));
        "wipe-divider", "Set the wipe's divider", [], "0..1", |a| Some(Command::SetDivider(number(a)? as f32));
        "zoom-fit", "Fit the picture", [key(Key::F)], "", |_| Some(Command::FitStage);
        "fullscreen", "Full screen", [key(Key::F11)], "", |_| Some(Command::ToggleFullscreen);
        "theme", "Light or dark", [ctrl_shift(Key::L)], "", |_| Some(Command::ToggleTheme);
        "layout-reset", "Reset the panels", [], "", |_| Some(Command::ResetLayout);
    }
    "Scoring" {
        "protocol", "Set the protocol", [], "ID", |a| Some(Command::SetProtocol(text(a)?));
        "threshold", "Set the threshold", [], "0..1", |a| Some(Command::SetThreshold(Some(number(a)? as f32)));
        "threshold-own", "The protocol's own threshold", [key(Key::T)], "", |_| Some(Command::SetThreshold(None));
        "window-follow", "Audio window follows the frame", [], "", |_| Some(Command::SetWindowRule(WindowRule::Follow));
        "window-benchmark", "Audio window as in the benchmark", [], "",
            |_| Some(Command::SetWindowRule(WindowRule::Benchmark));
        "protocol-parts", "Set the protocol's parts by themselves…", [], "", |_| Some(Command::ToggleProtocolParts);
        "report", "Report of the open dataset", [ctrl(Key::R)], "", |_| Some(Command::ToggleReport);
        "readouts-copy", "Copy the readouts", [ctrl_shift(Key::C)], "", |_| Some(Command::CopyReadouts);
    }
    "Boxes" {
        "box-draw", "Draw a box", [key(Key::B)], "", |_| Some(Command::ToggleDrawing);
        "box-add", "Add a box", [], "LEFT TOP RIGHT BOTTOM", |a| Some(Command::AddBox(Rect::new(
            number(a)?, number(a.get(1..)?)?, number(a.get(2..)?)?, number(a.get(3..)?)?)));
        "box-delete", "Delete the chosen box", [key(Key::Delete), key(Key::Backspace)], "", |_| Some(Command::DeleteBox);
        "undo", "Undo", [ctrl(Key::Z)], "", |_| Some(Command::Undo);
        "redo", "Redo", [ctrl_shift(Key::Z), ctrl(Key::Y)], "", |_| Some(Command::Redo);
    }
    "Clips" {
        "clip", "Go to a clip", [], "N", |a| Some(Command::SelectClip(place(a)?));
        "clip-next", "Next clip", [key(Key::ArrowDown), key(Key::N)], "", |_| Some(Command::NextClip);
        "review-accept", "Review: the truth is right, next clip", [key(Key::Y)], "",
            |_| Some(Command::Review(ReviewVerdict::Accept));
        "review-reject", "Review: leave the clip out, next clip", [key(Key::X)], "",
            |_| Some(Command::Review(ReviewVerdict::Reject));
        "review-fix", "Review: the truth needs correction", [key(Key::E)], "",
            |_| Some(Command::Review(ReviewVerdict::Fix));
        "clip-previous", "Previous clip", [key(Key::ArrowUp), key(Key::P)], "", |_| Some(Command::PreviousClip);
    }
    "Window" {
        "palette", "Find a command…", [ctrl(Key::K), ctrl_shift(Key::P)], "", |_| Some(Command::TogglePalette);
        "keys", "Keys", [key(Key::F1), shift(Key::Questionmark)], "", |_| Some(Command::ToggleKeys);
        "tour", "The tour: five short steps", [], "", |_| Some(Command::TourStart);
        "tour-next", "Next step of the tour", [], "", |_| Some(Command::TourNext);
        "tour-end", "End the tour", [], "", |_| Some(Command::TourEnd);
        "notices", "Notices", [ctrl(Key::J)], "", |_| Some(Command::ToggleNotices);
        "notices-copy", "Copy the notices", [], "", |_| Some(Command::CopyNotices);
    }
};

/// The row of a command by its name.
pub fn info_by_name(name: &str) -> Option<&'static CommandInfo> {
    COMMANDS.iter().find(|info| info.name == name)
}

/// The row of the command that a key press means. Shift that a shortcut does not ask for is ignored, since some
/// keyboards need it to reach the key; so the shortcut that asks for it comes first.
pub fn info_by_keys(key: Key, modifiers: Modifiers) -> Option<&'static CommandInfo> {
    let fits =
        |shortcut: &KeyboardShortcut| shortcut.logical_key == key && modifiers.matches_logically(shortcut.modifiers);
    let fitting =
        COMMANDS.iter().flat_map(|info| info.keys.iter().filter(|keys| fits(keys)).map(move |keys| (info, keys)));
    fitting.max_by_key(|(_, keys)| keys.modifiers.shift).map(|(info, _)| info)
}

/// The keys of a command that takes no arguments, as text for menus and tooltips.
pub fn keys_text(name: &str) -> String {
    info_by_name(name).and_then(|info| info.keys.first()).map(shortcut_text).unwrap_or_default()
}

/// A shortcut as people read it.
pub fn shortcut_text(shortcut: &KeyboardShortcut) -> String {
    let mut parts = Vec::new();
    if shortcut.modifiers.command || shortcut.modifiers.ctrl {
        parts.push(if cfg!(target_os = "macos") { "⌘" } else { "Ctrl" });
    }
    if shortcut.modifiers.shift && shortcut.logical_key != Key::Questionmark {
        parts.push("Shift");
    }
    parts.push(match shortcut.logical_key {
        Key::ArrowLeft => "←",
        Key::ArrowRight => "→",
        Key::ArrowUp => "↑",
        Key::ArrowDown => "↓",
        Key::OpenBracket => "[",
        Key::CloseBracket => "]",
        Key::Plus => "+",
        Key::Minus => "−",
        Key::Equals => "=",
        Key::Questionmark => "?",
        other => other.name(),
    });
    parts.join("+")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn no_two_commands_share_keys_or_a_name() {
        let mut keys = HashMap::new();
        let mut names = HashMap::new();
        for info in COMMANDS {
            assert!(names.insert(info.name, info.title).is_none(), "two commands are called {}", info.name);
            for shortcut in info.keys {
                if let Some(other) = keys.insert(*shortcut, info.name) {
                    panic!("{} and {other} share {}", info.name, shortcut_text(shortcut));
                }
            }
        }
    }

    #[test]
    fn the_most_exact_shortcut_is_meant() {
        let name = |key, modifiers| info_by_keys(key, modifiers).map(|info| info.name);
        let ctrl = Modifiers { ctrl: true, command: true, ..Modifiers::NONE };
        assert_eq!(name(Key::ArrowRight, Modifiers::NONE), Some("frame-next"));
        assert_eq!(name(Key::ArrowRight, Modifiers::SHIFT), Some("second-forward"));
        assert_eq!(name(Key::O, ctrl), Some("open"));
        assert_eq!(name(Key::O, ctrl | Modifiers::SHIFT), Some("open-folder"));
        assert_eq!(name(Key::O, Modifiers::NONE), Some("loop-to"));
        assert_eq!(name(Key::Plus, Modifiers::SHIFT), Some("zoom-in"), "as where + lies above =");
        assert_eq!(name(Key::ArrowRight, ctrl), None);
    }

    #[test]
    fn a_command_without_arguments_can_be_made_from_its_name() {
        for info in COMMANDS.iter().filter(|info| info.is_complete()) {
            assert!(info.make(&[]).is_some(), "{}", info.name);
        }
        for info in COMMANDS.iter().filter(|info| !info.is_complete()) {
            assert!(info.make(&[]).is_none(), "{} must refuse missing arguments", info.name);
            assert!(info.keys.is_empty(), "{} has keys but takes arguments", info.name);
        }
    }

    #[test]
    fn arguments_are_checked() {
        let make = |name: &str, arguments: &[Value]| info_by_name(name).and_then(|info| info.make(arguments));
        assert_eq!(make("seek", &[2.5.into()]), Some(Command::SeekSecs(2.5)));
        assert_eq!(make("seek", &["2.5".into()]), Some(Command::SeekSecs(2.5)));
        assert_eq!(make("seek-frame", &[(-1).into()]), None);
        assert_eq!(make("model-toggle", &[1.into()]), Some(Command::ToggleModel(0)));
        assert_eq!(make("model-toggle", &[0.into()]), None);
        assert_eq!(make("loop", &[1.into(), 2.into()]), Some(Command::SetLoop(Some((1.0, 2.0)))));
    }
}
