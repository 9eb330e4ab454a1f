//! `sonolens soundstage`: synthetic clips with exact ground truth.

use std::io::Write;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Instant;

use clap::Args;
use serde_json::json;

use crate::geometry::Size;
use crate::soundstage::{CollectionRequest, SceneKind, SoundstageError, Split, VERSION, write_collection};

#[derive(Debug, Args)]
pub struct SoundstageArguments {
    /// The same seed gives the same clips
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Clips of each kind in all three splits together, or in the one that is named; negatives come in addition
    #[arg(long, default_value_t = 10)]
    count: u64,
    /// Only this split: train, validation or test
    #[arg(long)]
    split: Option<Split>,
    /// A kind of scene: solo, ensemble, quadrants or traffic; may be given several times; all four if not given
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<SceneKind>,
    /// Width and height of the pictures
    #[arg(long, value_name = "WxH", default_value = "640x360")]
    size: SizeArgument,
    /// Frames a second: a number, or a fraction as 30000/1001
    #[arg(long, value_name = "F", default_value = "25")]
    fps: RateArgument,
    /// Length of a clip in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    lasts: f64,
    /// A folder that is not there yet, or empty
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// A machine-readable answer
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug)]
struct SizeArgument(Size);

impl FromStr for SizeArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (width, height) = text.split_once(['x', '×']).ok_or("a size is written as 640x360")?;
        let side = |word: &str| word.parse::<u32>().map_err(|_| format!("{word} is no number of pixels"));
        Ok(Self(Size::new(side(width)?, side(height)?)))
    }
}

#[derive(Clone, Copy, Debug)]
struct RateArgument((u32, u32));

impl FromStr for RateArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (frames, secs) = text.split_once('/').unwrap_or((text, "1"));
        let number = |word: &str| word.parse::<u32>().ok().filter(|value| (1..=1_000_000).contains(value));
        let rate = number(frames).zip(number(secs)).ok_or("a rate is written as 25 or 30000/1001")?;
        Ok(Self(rate))
    }
}

/// Writes a collection of clips.
///
/// # Errors
/// See [`SoundstageError`].
pub fn run(arguments: &SoundstageArguments, out: &mut dyn Write) -> Result<(), SoundstageError> {
    let kinds = if arguments.kinds.is_empty() { SceneKind::ALL.to_vec() } else { arguments.kinds.clone() };
    let request = CollectionRequest {
        seed: arguments.seed,
        count: arguments.count,
        split: arguments.split,
        kinds,
        size: arguments.size.0,
        rate: arguments.fps.0,
        lasts_secs: arguments.lasts,
    };
    let begin = Instant::now();
    let mut told = 0;
    let report = write_collection(&arguments.out, &request, &mut |share| {
        let percent = (share * 100.0) as u32;
        if percent > told {
            told = percent;
            // A terminal that went away is no reason to stop.
            let _ = write!(std::io::stderr(), "\r{percent} %");
        }
        true
    })?;
    let took_secs = begin.elapsed().as_secs_f64();
    let _ = writeln!(std::io::stderr());
    let written = |error| SoundstageError::Io { path: arguments.out.clone(), source: error };
    if arguments.json {
        let answer = json!({
            "version": VERSION,
            "seed": arguments.seed,
            "clips": report.clips,
            "negatives": report.negatives,
            "boxes": report.boxes,
            "folders": report.folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>(),
            "took_secs": took_secs,
        });
        serde_json::to_writer_pretty(&mut *out, &answer).map_err(|error| written(error.into()))?;
        return writeln!(out).map_err(written);
    }
    writeln!(
        out,
        "{} clips and {} negatives, {} boxes, in {took_secs:.1} s; datasets to open:",
        report.clips, report.negatives, report.boxes
    )
    .map_err(written)?;
    for folder in &report.folders {
        writeln!(out, "  {}", folder.display()).map_err(written)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_rates_are_read_or_refused() {
        assert_eq!("320x240".parse::<SizeArgument>().unwrap().0, Size::new(320, 240));
        assert_eq!("30000/1001".parse::<RateArgument>().unwrap().0, (30_000, 1001));
        assert!(["320", "x", "-1x2", "1x2x3"].iter().all(|text| text.parse::<SizeArgument>().is_err()));
        assert!(["0", "25/0", "fast", ""].iter().all(|text| text.parse::<RateArgument>().is_err()));
    }

    #[test]
    fn a_collection_is_written_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let arguments = |out: PathBuf| SoundstageArguments {
            seed: 3,
            count: 1,
            split: None,
            kinds: vec![SceneKind::Solo],
            size: SizeArgument(Size::new(64, 48)),
            fps: RateArgument((4, 1)),
            lasts: 1.0,
            out,
            json: true,
        };
        let mut out = Vec::new();
        run(&arguments(folder.path().join("clips")), &mut out).unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!((&answer["clips"], &answer["negatives"]), (&json!(1), &json!(5)));
        let opened = crate::dataset::open(&folder.path().join("clips/train/solo")).unwrap();
        assert_eq!(opened.clips.len(), 6);
        let small =
            SoundstageArguments { size: SizeArgument(Size::new(1, 1)), ..arguments(folder.path().join("other")) };
        assert!(run(&small, &mut Vec::new()).unwrap_err().to_string().contains("1×1"));
    }
}
