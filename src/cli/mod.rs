//! The commands of the program without a window.
//!
//! Every command takes `--json` for an answer a machine can read on standard output; messages go to standard error.
//! Exit status: 0 done, 1 failed, 2 wrong usage, 3 a run in which some clip could not be scored. What a command does lives in the library; here are its arguments
//! and its words.

pub mod annotations;
pub mod doctor;
pub mod evaluate;
pub mod localize;
pub mod measure;
pub mod models;
pub mod probe;
pub mod probe_dataset;
pub mod report;
pub mod runs;
pub mod soundstage;
pub mod train;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::app;
use crate::localizers::store::Shelf;

/// See where audio-visual models hear a sound.
#[derive(Debug, Parser)]
#[command(name = "sonolens", version, args_conflicts_with_subcommands = true, max_term_width = 110)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    window: WindowArguments,
}

/// Opening the window.
#[derive(Debug, Args)]
struct WindowArguments {
    /// Videos, images, sounds, folders or annotation files; the demo if there are none
    paths: Vec<PathBuf>,
    /// A model to load: ID or ID=WEIGHTS[,WEIGHTS…], ID:VARIANT for a variant; may be given several times
    #[arg(long = "model", value_name = "ID[:VARIANT][=WEIGHTS]")]
    models: Vec<String>,
    /// Listen for control on this local socket
    #[arg(long, value_name = "SOCKET")]
    ipc: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Localize a sound in one frame and write the heatmap as .npz
    Localize(localize::LocalizeArguments),
    /// Run models over a dataset and score them; goes on where it was interrupted
    Evaluate(evaluate::EvaluateArguments),
    /// Score heatmaps that another program saved
    Score(evaluate::ScoreArguments),
    /// Finished runs side by side, with paired tests
    Compare(runs::CompareArguments),
    /// Whether models find the image of a sound and the sound of an image: R@1, R@5, R@10
    Retrieve(runs::RetrieveArguments),
    /// The page of a finished run, or its tables as LaTeX or Markdown
    Report(report::ReportArguments),
    /// Join the shares of a run that was spread over machines
    Merge(runs::MergeArguments),
    /// Tell what a file is (streams, frame table, MD5 of every presented frame), or a dataset (benchmark, list, what is
    /// missing)
    Probe(ProbeArguments),
    /// Which models there are, adding weights, whether a model runs
    #[command(subcommand)]
    Models(ModelsArguments),
    /// Work on annotation files
    #[command(subcommand)]
    Annotations(AnnotationsCommand),
    /// Make synthetic clips with exact ground truth, split and with negatives
    Soundstage(soundstage::SoundstageArguments),
    /// Train a system of the field on clips
    Train(Box<train::TrainArguments>),
    /// Look for what the program needs: adapter, audio device, FFmpeg, models
    Doctor(JsonArguments),
}

#[derive(Debug, Subcommand)]
enum ModelsArguments {
    /// The systems of the field and the stored models
    List {
        /// A machine-readable answer
        #[arg(long)]
        json: bool,
    },
    /// Recognize, check and store the weight files of one system, as their authors publish them
    Add {
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The system, where the files fit several
        #[arg(long = "as", value_name = "ID")]
        system: Option<String>,
        /// Under which id to store it; the system's if not given
        #[arg(long)]
        name: Option<String>,
        /// Everything but storing
        #[arg(long)]
        dry_run: bool,
        /// A machine-readable answer
        #[arg(long)]
        json: bool,
    },
    /// The card of a stored model
    Show {
        id: String,
        /// A machine-readable answer
        #[arg(long)]
        json: bool,
    },
    /// The hashes of a stored model's files and one forward pass
    Check {
        id: String,
        /// A machine-readable answer
        #[arg(long)]
        json: bool,
    },
    /// Score all models of a folder on test clips of the soundstage, and write the figures into their cards
    Measure(measure::MeasureArguments),
}

impl ModelsArguments {
    fn run(self, out: &mut dyn Write) -> anyhow::Result<()> {
        use models::ModelsCommand as M;
        let (command, json) = match self {
            Self::List { json } => (M::List, json),
            Self::Add { files, system, name, dry_run, json } => (M::Add { files, system, name, dry_run }, json),
            Self::Show { id, json } => (M::Show { id }, json),
            Self::Check { id, json } => (M::Check { id }, json),
            Self::Measure(arguments) => return Ok(measure::run(&arguments, out)?),
        };
        Ok(models::run(&command, &Shelf::discover(), json, out)?)
    }
}

#[derive(Debug, Subcommand)]
enum AnnotationsCommand {
    /// Between annotation formats: whatever is recognized, to the format that is named
    Convert(ConvertArguments),
}

#[derive(Debug, Args)]
struct ConvertArguments {
    input: PathBuf,
    output: PathBuf,
    /// The format to write; follows from the name where that tells it
    #[arg(long, value_name = "FORMAT", value_parser = annotations::format_of_word)]
    to: Option<crate::dataset::formats::Format>,
    /// Folder of the media, where frame sizes are looked up; the input's folder if not given
    #[arg(long, value_name = "FOLDER")]
    media: Option<PathBuf>,
    /// Frames a second, for formats that count where the source tells seconds, or the other way round
    #[arg(long, value_name = "RATE")]
    frame_rate: Option<f64>,
    /// A machine-readable answer
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ProbeArguments {
    path: PathBuf,
    /// The table of presented frames with their times
    #[arg(long)]
    frames: bool,
    /// MD5 of each presented frame in the form of FFmpeg's framemd5 muxer
    #[arg(long)]
    framemd5: bool,
    /// Of a dataset: open and decode every clip, and tell what is unreadable, silent, still, too short or of two lengths
    #[arg(long)]
    media: bool,
    /// A machine-readable answer
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct JsonArguments {
    /// A machine-readable answer
    #[arg(long)]
    json: bool,
}

/// Runs the program with these arguments and returns its exit status.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let parsed = match CommandLine::try_parse_from(&arguments) {
        Ok(parsed) => parsed,
        Err(error) => {
            // Help and version are answers; everything else is wrong usage.
            let _ = error.print();
            return if error.use_stderr() { 2 } else { 0 };
        }
    };
    let mut out = std::io::stdout();
    let done = |()| 0;
    let outcome: anyhow::Result<u8> = match parsed.command {
        None => {
            let WindowArguments { paths, models, ipc } = parsed.window;
            app::run(app::StartOptions { paths, models, ipc, ..app::StartOptions::default() })
                .map(done)
                .map_err(Into::into)
        }
        Some(Command::Localize(arguments)) => localize::run(&arguments, &mut out).map(done).map_err(Into::into),
        Some(Command::Evaluate(arguments)) => evaluate::evaluate(&arguments, &mut out).map_err(Into::into),
        Some(Command::Score(arguments)) => evaluate::score(&arguments, &mut out).map_err(Into::into),
        Some(Command::Report(arguments)) => report::run(&arguments, &mut out).map(done).map_err(Into::into),
        Some(Command::Compare(arguments)) => runs::compare(&arguments, &mut out).map(done).map_err(Into::into),
        Some(Command::Retrieve(arguments)) => runs::retrieve(&arguments, &mut out).map_err(Into::into),
        Some(Command::Merge(arguments)) => runs::merge(&arguments, &mut out).map_err(Into::into),
        Some(Command::Probe(ProbeArguments { path, media, json, .. })) if probe_dataset::is_dataset(&path) => {
            probe_dataset::run(&path, media, json, &mut out).map(done).map_err(Into::into)
        }
        Some(Command::Probe(ProbeArguments { path, frames, framemd5, json, .. })) => {
            let options = probe::ProbeOptions { frames, framemd5, json };
            probe::run(&path, options, &mut out).map(done).map_err(Into::into)
        }
        Some(Command::Models(arguments)) => arguments.run(&mut out).map(done),
        Some(Command::Annotations(AnnotationsCommand::Convert(arguments))) => {
            let ConvertArguments { input, output, to, media, frame_rate, json } = arguments;
            let options = annotations::ConvertOptions { format: to, media, frame_size: None, frame_rate, json };
            annotations::convert(&input, &output, &options, &mut out).map(done).map_err(Into::into)
        }
        Some(Command::Soundstage(arguments)) => soundstage::run(&arguments, &mut out).map(done).map_err(Into::into),
        Some(Command::Train(arguments_of_run)) => {
            // As it was typed, but for where the program lies.
            let words = arguments.iter().skip(1).map(|word| word.to_string_lossy());
            let command = std::iter::once("sonolens".into()).chain(words).collect::<Vec<_>>().join(" ");
            train::run_command(&arguments_of_run, command, &mut out).map(done).map_err(Into::into)
        }
        Some(Command::Doctor(JsonArguments { json })) => doctor::run(json, &mut out).map(done).map_err(Into::into),
    };
    match outcome {
        Ok(status) => status,
        // The reader of a pipe went away: nothing left to say.
        Err(error) if is_broken_pipe(&error) => 0,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "sonolens: {}", said_once(&error));
            1
        }
    }
}

/// An error with its causes, but for those that the text so far says already.
fn said_once(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |text, cause| {
        if text.contains(&cause) {
            text
        } else if text.is_empty() {
            cause
        } else {
            format!("{text}: {cause}")
        }
    })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn a_cause_is_said_once() {
        let missing = || std::io::Error::new(std::io::ErrorKind::NotFound, "no such file");
        let told: anyhow::Error = crate::dataset::DatasetError::io(std::path::Path::new("a.csv"), missing()).into();
        assert_eq!(said_once(&told), "a.csv: cannot be read or written: no such file");
        assert_eq!(said_once(&anyhow::Error::from(missing()).context("a.csv")), "a.csv: no such file");
    }

    #[test]
    fn wrong_usage_is_status_2_and_help_is_0() {
        let run = |words: &[&str]| super::run(words.iter().map(OsString::from));
        assert_eq!(run(&["sonolens", "probe"]), 2);
        assert_eq!(run(&["sonolens", "localize", "--model"]), 2);
        assert_eq!(run(&["sonolens", "--help"]), 0);
        assert_eq!(run(&["sonolens", "probe", "/nowhere/at/all.mp4"]), 1);
    }
}
