//! Whole collections of clips: three splits, kinds of scenes, negatives, and the files that say what is true.
//!
//! `FOLDER/SPLIT/KIND/` holds `videos/`, `annotations.sonolens.json` with the whole truth over time, and `sounds/` with
//! the sounds of negatives. `FOLDER/SPLIT/KIND-benchmark/` holds the same clips in the shape of the benchmark whose
//! counterpart they are (see [`counterparts`](super::counterparts)).

use std::path::{Path, PathBuf};

use super::clip_file::{VIDEO_SOUND_RATE, item, write_clip, write_wave};
use super::counterparts::{self, Member, Pair, Source};
use super::plan::{ClipPlan, ClipRequest, Program, SceneKind, Split};
use super::things::ThingKind;
use super::{SoundstageError, VERSION};
use crate::dataset::formats::{self, AnnotationSet, Format, Item, WriteOptions};
use crate::dataset::{Annotation, Benchmark, ClipAnnotations, NegativeKind};
use crate::geometry::Size;

/// What to make.
#[derive(Clone, Debug, PartialEq)]
pub struct CollectionRequest {
    pub seed: u64,
    /// Clips with a sound that is seen, of each kind; negatives come in addition.
    pub count: u64,
    /// All of them for one split; a clip is the same whichever splits are made.
    pub split: Option<Split>,
    pub kinds: Vec<SceneKind>,
    pub size: Size,
    /// Frames a second as a fraction.
    pub rate: (u32, u32),
    pub lasts_secs: f64,
}

impl CollectionRequest {
    /// Of `count` clips, a tenth each is for validation and for tests, at least one where there are three; or all are
    /// for the one split that is asked for.
    pub fn clips_of(&self, split: Split) -> u64 {
        if let Some(only) = self.split {
            return if split == only { self.count } else { 0 };
        }
        let held_out = if self.count < 3 { 0 } else { (self.count / 10).max(1) };
        if split == Split::Train { self.count - 2 * held_out } else { held_out }
    }

    /// Each kind of negatives is a quarter as many as the clips, rounded up.
    pub fn negatives_of(&self, split: Split) -> u64 {
        self.clips_of(split).div_ceil(4)
    }
}

/// What was made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CollectionReport {
    pub clips: u64,
    pub negatives: u64,
    pub boxes: usize,
    /// Folders that open as datasets.
    pub folders: Vec<PathBuf>,
}

/// Where the indices of clips begin that are no ordinary ones.
const OFF_SCREEN: u64 = 1 << 40;
const EASY: u64 = 2 << 40;
const HARD: u64 = 3 << 40;
const NOISE: u64 = 4 << 40;
const SILENCE: u64 = 5 << 40;

/// Clips in which nothing that is seen is heard: where their indices begin, who is heard instead, and what they are
/// called as negatives.
const UNSEEN: [(u64, Program, NegativeKind); 3] = [
    (OFF_SCREEN, Program::OffScreen, NegativeKind::Real),
    (NOISE, Program::Noise, NegativeKind::Noise),
    (SILENCE, Program::Silence, NegativeKind::Silence),
];

/// Writes a collection into a folder that is not there yet or is empty.
///
/// `progress` is told the share that is done, 0 to 1, and answers whether to go on.
///
/// # Errors
/// When the folder holds something, a file cannot be written, the request asks for the impossible, or `progress` said
/// no.
pub fn write_collection(
    folder: &Path,
    request: &CollectionRequest,
    progress: &mut dyn FnMut(f32) -> bool,
) -> Result<CollectionReport, SoundstageError> {
    if std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(SoundstageError::NotEmpty(folder.to_owned()));
    }
    let videos = |split: &Split| request.clips_of(*split) + UNSEEN.len() as u64 * request.negatives_of(*split);
    let total = request.kinds.len() as u64 * Split::ALL.iter().map(videos).sum::<u64>();
    let mut done = 0;
    let mut report = CollectionReport::default();
    for split in Split::ALL.into_iter().filter(|split| request.clips_of(*split) > 0) {
        for kind in &request.kinds {
            let part = Part { folder: folder.join(split.word()), request, split, kind: *kind };
            let before = done;
            part.write(&mut report, &mut |clips, share| {
                done = before + clips;
                progress(((done as f32) + share) / total.max(1) as f32)
            })?;
            done = before + videos(&split);
        }
    }
    progress(1.0);
    Ok(report)
}

/// Negatives that are asked with another clip's sound.
#[derive(Default)]
struct Swapped {
    items: Vec<Item>,
    /// The clips whose sounds they are asked with.
    sources: Vec<Source>,
    pairs: Vec<Pair>,
}

/// The clips of one kind in one split.
struct Part<'a> {
    folder: PathBuf,
    request: &'a CollectionRequest,
    split: Split,
    kind: SceneKind,
}

impl Part<'_> {
    fn plan(&self, index: u64, change: impl FnOnce(&mut ClipRequest)) -> Result<ClipPlan, SoundstageError> {
        let CollectionRequest { seed, size, lasts_secs, .. } = self.request;
        let mut request = ClipRequest::new(*seed, self.split, index, self.kind, *size);
        request.lasts_secs = *lasts_secs;
        change(&mut request);
        ClipPlan::new(request)
    }

    /// A name in the form of VGG-Sound's: eleven characters (the seed and the kind among them) and a number.
    fn id(&self, index: u64) -> String {
        let split = match self.split {
            Split::Train => 't',
            Split::Validation => 'v',
            Split::Test => 'x',
        };
        let kind = match self.kind {
            SceneKind::Solo => 's',
            SceneKind::Ensemble => 'e',
            SceneKind::Quadrants => 'q',
            SceneKind::Traffic => 'c',
        };
        let negative = b"0rehns".get((index >> 40) as usize).copied().unwrap_or(b'0') as char;
        format!("sl{VERSION:02}{kind}{split}{negative}{:04x}_{:06}", self.request.seed & 0xffff, index & 0xf_ffff)
    }

    fn write(
        &self,
        report: &mut CollectionReport,
        progress: &mut dyn FnMut(u64, f32) -> bool,
    ) -> Result<(), SoundstageError> {
        let folder = self.folder.join(self.kind.word());
        let videos = folder.join("videos");
        std::fs::create_dir_all(&videos).map_err(SoundstageError::io(&videos))?;
        let mut items = Vec::new();
        let mut members = Vec::new();
        let (clips, negatives) = (self.request.clips_of(self.split), self.request.negatives_of(self.split));
        // Clips, then those whose own sound comes from elsewhere (their real negatives), from nowhere, or not at all.
        let positive = (0..clips).map(|number| (number, None, None));
        let unseen = UNSEEN.into_iter().flat_map(|(first, program, negative)| {
            (first..first + negatives).map(move |index| (index, Some(program), Some(negative)))
        });
        for (number, (index, program, negative)) in positive.chain(unseen).enumerate() {
            let plan = self.plan(index, |request| request.program = program)?;
            let id = self.id(index);
            let path = videos.join(format!("{id}.mp4"));
            let truth = write_clip(&plan, &path, self.request.rate, &mut |share| progress(number as u64, share))?;
            report.boxes += truth.boxes().len();
            let mut item = item(&plan, format!("{id}.mp4"), self.request.rate, truth);
            item.negative = negative;
            item.split = Some(self.split.word().to_owned());
            items.push(item);
            members.push(Member { id, plan, negative, video: path });
        }
        let Swapped { items: swapped, sources, pairs } = self.swapped(&folder, &members, &items)?;
        report.clips += clips;
        report.negatives += UNSEEN.len() as u64 * negatives + swapped.len() as u64;
        items.extend(swapped);
        let set = AnnotationSet::new(Format::Sonolens, Benchmark::Plain, items);
        formats::write(&folder.join("annotations.sonolens.json"), &set, Format::Sonolens, &WriteOptions::default())?;
        let counterpart = self.folder.join(format!("{}-benchmark", self.kind.word()));
        // The benchmarks know of no noise and no silence.
        members.retain(|member| matches!(member.negative, None | Some(NegativeKind::Real)));
        counterparts::write(&counterpart, self.kind, &members, &sources, &pairs)?;
        report.folders.extend([folder, counterpart]);
        Ok(())
    }

    /// Negatives whose sound is another clip's: of a class that is not in the picture (easy), or of the same (hard).
    fn swapped(&self, folder: &Path, members: &[Member], items: &[Item]) -> Result<Swapped, SoundstageError> {
        let sounds = folder.join("sounds");
        std::fs::create_dir_all(&sounds).map_err(SoundstageError::io(&sounds))?;
        let mut swapped = Swapped::default();
        for (first, kind) in [(EASY, NegativeKind::Easy), (HARD, NegativeKind::Hard)] {
            let positives = members.iter().zip(items).filter(|(member, _)| member.negative.is_none());
            for (number, (member, item)) in (0..self.request.negatives_of(self.split)).zip(positives) {
                let heard = self.other_class(&member.plan, kind, number);
                let plan = self.plan(first + number, |request| {
                    request.class = Some(heard);
                    request.kind = SceneKind::Solo;
                    request.program = Some(Program::Solo);
                })?;
                let id = self.id(first + number);
                write_wave(&sounds.join(format!("{id}.wav")), &plan.whole_sound(VIDEO_SOUND_RATE))?;
                let boxes = item.annotations.as_ref().map(|truth| truth.boxes().to_vec()).unwrap_or_default();
                let silent = boxes.into_iter().map(|key| Annotation { sounding: Some(false), ..key });
                swapped.pairs.push(Pair { picture: member.id.clone(), sound: id.clone() });
                swapped.items.push(Item {
                    id: Some(format!("{}+{id}", member.id)),
                    sound: Some(format!("{id}.wav")),
                    negative: Some(kind),
                    annotations: Some(ClipAnnotations::of_boxes(silent.collect())),
                    ..item.clone()
                });
                swapped.sources.push(Source { id, plan });
            }
        }
        Ok(swapped)
    }

    fn other_class(&self, plan: &ClipPlan, negative: NegativeKind, number: u64) -> ThingKind {
        let own = plan.class().unwrap_or(ThingKind::Bell);
        if negative == NegativeKind::Hard {
            return own;
        }
        let seen = |kind: &ThingKind| plan.things.iter().any(|thing| thing.kind == *kind);
        let others: Vec<ThingKind> = ThingKind::ALL.into_iter().filter(|kind| !seen(kind)).collect();
        others.get((number as usize * 5 + 2) % others.len().max(1)).copied().unwrap_or(own)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::dataset::{self, ClipMedia, Dataset};

    fn request() -> CollectionRequest {
        CollectionRequest {
            seed: 77,
            count: 5,
            split: None,
            kinds: SceneKind::ALL.to_vec(),
            size: Size::new(96, 64),
            rate: (5, 1),
            lasts_secs: 2.0,
        }
    }

    fn negatives(opened: &Dataset) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for kind in opened.clips.iter().filter_map(|clip| clip.negative) {
            *counts.entry(format!("{kind:?}")).or_default() += 1;
        }
        counts
    }

    #[test]
    fn a_collection_opens_with_the_truth_that_was_planned() {
        let folder = tempfile::tempdir().unwrap();
        let mut shares = Vec::new();
        let report = write_collection(folder.path(), &request(), &mut |share| {
            shares.push(share);
            true
        })
        .unwrap();
        assert!(shares.is_sorted() && shares.last() == Some(&1.0));
        assert_eq!((report.clips, report.negatives, report.folders.len()), (20, 4 * 3 * 5, 24));
        let one_each = |kinds: &[&str]| BTreeMap::from_iter(kinds.iter().map(|kind| ((*kind).to_owned(), 1)));
        for split in Split::ALL {
            for kind in SceneKind::ALL {
                let opened = dataset::open(&folder.path().join(split.word()).join(kind.word())).unwrap();
                let clips = request().clips_of(split);
                assert_eq!(opened.clips.len() as u64, clips + 5, "{split} {kind}");
                assert_eq!(opened.report.missing, Vec::<String>::new());
                assert_eq!(negatives(&opened), one_each(&["Real", "Easy", "Hard", "Noise", "Silence"]));
                let part = Part { folder: folder.path().into(), request: &request(), split, kind };
                for clip in &opened.clips {
                    let truth = clip.annotations.as_ref().unwrap();
                    let wanted = match clip.negative {
                        None => {
                            let index = (0..clips).find(|index| part.id(*index) == clip.id).unwrap();
                            part.plan(index, |_| ()).unwrap().annotations(request().rate)
                        }
                        Some(NegativeKind::Real) => {
                            let plan = part.plan(OFF_SCREEN, |request| request.program = Some(Program::OffScreen));
                            assert!(truth.sounds.iter().all(|sound| sound.off_screen) && !truth.sounds.is_empty());
                            plan.unwrap().annotations(request().rate)
                        }
                        Some(NegativeKind::Noise | NegativeKind::Silence) => {
                            assert!(truth.sounds.is_empty() && !truth.boxes().is_empty(), "{}", clip.id);
                            truth.clone()
                        }
                        Some(_) => {
                            assert!(matches!(clip.media, ClipMedia::VideoAndSound { .. }));
                            truth.clone()
                        }
                    };
                    assert_eq!(truth, &wanted, "{}", clip.id);
                    let sounding = truth.boxes().iter().any(|key| key.sounding == Some(true));
                    assert_eq!(sounding, clip.negative.is_none(), "{}", clip.id);
                }
            }
        }
        let counterpart =
            |kind: &str| dataset::open(&folder.path().join("test").join(format!("{kind}-benchmark"))).unwrap();
        let found: Vec<Dataset> = ["solo", "ensemble", "quadrants", "traffic"].map(counterpart).into();
        let benchmarks: Vec<Benchmark> = found.iter().map(|opened| opened.benchmark).collect();
        use Benchmark::{ExtendedVggSs, Is3, MusicSynthetic, Urbansas};
        assert_eq!(benchmarks, [ExtendedVggSs, Is3, MusicSynthetic, Urbansas]);
        assert!(found.iter().all(|opened| opened.report.missing.is_empty()), "{:?}", found[0].report);
        assert_eq!(negatives(&found[0]), one_each(&["Real", "Easy", "Hard"]));
        let boxes = |opened: &Dataset| opened.clips[0].annotations.as_ref().map_or(0, |truth| truth.boxes().len());
        assert_eq!((boxes(&found[0]), boxes(&found[1]), boxes(&found[2])), (1, 1, 2));
        assert!(found[3].clips[0].annotations.as_ref().is_some_and(|truth| !truth.sounds.is_empty()));

        let again = write_collection(folder.path(), &request(), &mut |_| true);
        assert!(matches!(again, Err(SoundstageError::NotEmpty(_))));
    }

    #[test]
    fn negatives_are_of_the_class_that_they_should_be() {
        let part = Part { folder: PathBuf::new(), request: &request(), split: Split::Test, kind: SceneKind::Ensemble };
        for number in 0..40 {
            let plan = part.plan(number, |_| ()).unwrap();
            assert_eq!(Some(part.other_class(&plan, NegativeKind::Hard, number)), plan.class());
            let easy = part.other_class(&plan, NegativeKind::Easy, number);
            assert!(plan.things.iter().all(|thing| thing.kind != easy));
        }
        let splits = Split::ALL.map(|split| request().clips_of(split));
        assert_eq!(splits, [3, 1, 1]);
        let many = CollectionRequest { count: 1000, ..request() };
        assert_eq!(Split::ALL.map(|split| many.clips_of(split)), [800, 100, 100]);
        let tests = CollectionRequest { split: Some(Split::Test), ..many };
        assert_eq!(Split::ALL.map(|split| tests.clips_of(split)), [0, 0, 1000]);
    }

    #[test]
    fn a_cancelled_collection_stops() {
        let folder = tempfile::tempdir().unwrap();
        let cancelled = write_collection(folder.path(), &request(), &mut |share| share < 0.01);
        assert!(matches!(cancelled, Err(SoundstageError::Cancelled)));
    }
}
