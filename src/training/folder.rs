//! Samples from a dataset on disk: any folder or list that the program opens.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::TrainError;
use super::sample::{Sample, SampleSource};
use crate::dataset::{self, Clip, Moment, ScoredFrame};
use crate::media::{self, FrameTable, VideoReader};
use crate::signal::Waveform;

/// The clips of a dataset that have a picture and a sound, a few moments of each.
pub struct FolderSource {
    path: PathBuf,
    clips: Vec<Clip>,
    moments_per_clip: usize,
}

impl FolderSource {
    /// Opens a dataset. Negatives (clips whose sound is not of their picture) are left out. Of a video, `moments`
    /// spread evenly over it are taken; of a still, one.
    ///
    /// # Errors
    /// What cannot be opened, and a dataset without a usable clip.
    pub fn open(path: &Path, moments: usize) -> Result<Self, TrainError> {
        let dataset = dataset::open(path)?;
        let usable =
            |clip: &Clip| clip.negative.is_none() && clip.media.picture().is_some() && clip.media.sound().is_some();
        let found = dataset.clips.len();
        let clips: Vec<Clip> = dataset.clips.into_iter().filter(usable).collect();
        if clips.is_empty() {
            let because = (found > 0).then(|| format!("{found} clips were found"));
            return Err(TrainError::NothingToLearnFrom { what: path.display().to_string(), because });
        }
        Ok(Self { path: path.to_owned(), clips, moments_per_clip: moments.max(1) })
    }

    fn read(&self, clip: &Clip, moment: usize) -> Result<Sample, String> {
        let stop = Arc::new(AtomicBool::new(false));
        let (Some(pictures), Some(sounds)) = (clip.media.picture(), clip.media.sound()) else {
            return Err("its files are missing".to_owned());
        };
        let text = |error: media::MediaError| error.to_string();
        let media = media::open(pictures).map_err(text)?;
        let table = Arc::new(FrameTable::read(&media, &stop).map_err(text)?);
        if table.is_empty() {
            return Err("there are no pictures in it".to_owned());
        }
        let frame = match clip.scored {
            ScoredFrame::Secs(secs) if self.moments_per_clip == 1 => table.index_at(secs),
            _ => table.len() * (2 * moment + 1) / (2 * self.moments_per_clip),
        };
        let frame = frame.min(table.len() - 1);
        let (time_secs, until_secs) = (table.time_secs(frame), table.until_secs(frame));
        let mut reader = VideoReader::new(&media, table, stop.clone());
        let picture = reader.frame(frame).map_err(text)?.to_picture();
        let own_sound = pictures == sounds;
        let track = if own_sound { media.clone() } else { media::open(sounds).map_err(text)? };
        let track = media::decode_audio(&track, &stop).map_err(text)?.ok_or("there is no sound in it")?;
        let still = media.is_still();
        let moment_secs =
            if still { track.waveform.duration_secs() / 2.0 } else { (time_secs - track.start_secs).max(0.0) };
        let (mut boxes, mut heard) = (Vec::new(), Vec::from_iter(clip.class.clone()));
        if let Some(annotations) = &clip.annotations {
            let moment = (!still).then(|| Moment::of_frame(frame as u64, time_secs, until_secs - time_secs));
            let sounding = annotations.labelled_truth(moment);
            heard.extend(sounding.iter().filter_map(|(_, label)| label.map(str::to_owned)));
            boxes.extend(sounding.into_iter().map(|(truth, _)| truth.rect_fraction));
        }
        // What is seen and silent is not looked for: most datasets do not tell.
        let seen = heard.clone();
        let Waveform { rate, channels, samples } = track.waveform;
        let sound = Waveform { rate, channels, samples };
        Ok(Sample { picture, sound, moment_secs, seen, heard, class: clip.class.clone(), boxes })
    }
}

impl SampleSource for FolderSource {
    fn len(&self) -> usize {
        self.clips.len() * self.moments_per_clip
    }

    fn describe(&self) -> String {
        let name = self.path.file_name().map_or_else(|| self.path.clone(), PathBuf::from);
        format!("{} ({} clips, {} moments of each)", name.display(), self.clips.len(), self.moments_per_clip)
    }

    fn sample(&self, index: usize) -> Result<Sample, TrainError> {
        let (clip, moment) = (index % self.clips.len(), index / self.clips.len());
        let clip = &self.clips[clip];
        self.read(clip, moment).map_err(|problem| TrainError::Sample {
            what: self.path.display().to_string(),
            index,
            problem: format!("{}: {problem}", clip.name),
        })
    }
}
