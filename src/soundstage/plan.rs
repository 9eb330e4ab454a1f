//! The plan of a clip: what stands where, what plays when, and where it is seen from; all from a few numbers.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use super::exact::{Dice, sine};
use super::performance::{self, Voice};
use super::things::{Look, Note, ThingKind};
use super::voices::Passage;
use super::{SoundstageError, VERSION, composition};
use crate::geometry::Size;

/// Which of three streams of clips a clip belongs to; no clip is in two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    Train,
    Validation,
    Test,
}

impl Split {
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    pub fn word(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// What kind of scene, each the counterpart of one of the field's kinds of test set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SceneKind {
    /// One large thing near the middle, as in VGG-SS and Flickr-SoundNet.
    Solo,
    /// One to five things of several classes, one or two of which sound, as in IS3, VPO and AVSBench.
    Ensemble,
    /// Four things in the four quarters, two of which sound, as in MUSIC-Synthetic.
    Quadrants,
    /// Up to 25 small vehicles, most of them parked, some passing, as in Urbansas.
    Traffic,
}

impl SceneKind {
    pub const ALL: [Self; 4] = [Self::Solo, Self::Ensemble, Self::Quadrants, Self::Traffic];

    pub fn word(self) -> &'static str {
        match self {
            Self::Solo => "solo",
            Self::Ensemble => "ensemble",
            Self::Quadrants => "quadrants",
            Self::Traffic => "traffic",
        }
    }
}

/// Who is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Program {
    /// One thing; whatever else there is stays silent.
    Solo,
    /// Things one after the other.
    InTurn,
    /// Two things at once.
    Together,
    /// Something that is not in the picture.
    OffScreen,
    /// Noise that comes from nowhere.
    Noise,
    /// Nothing.
    Silence,
}

impl Program {
    pub const ALL: [Self; 6] = [Self::Solo, Self::InTurn, Self::Together, Self::OffScreen, Self::Noise, Self::Silence];

    pub fn word(self) -> &'static str {
        match self {
            Self::Solo => "solo",
            Self::InTurn => "in-turn",
            Self::Together => "together",
            Self::OffScreen => "off-screen",
            Self::Noise => "noise",
            Self::Silence => "silence",
        }
    }
}

macro_rules! words {
    ($($kind:ident: $what:literal),*) => {$(
        impl fmt::Display for $kind {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.word())
            }
        }

        impl FromStr for $kind {
            type Err = String;

            fn from_str(word: &str) -> Result<Self, String> {
                Self::ALL.into_iter().find(|own| own.word() == word).ok_or_else(|| {
                    let known: Vec<&str> = Self::ALL.iter().map(|own| own.word()).collect();
                    format!("{word} is no {}; there are {}", $what, known.join(", "))
                })
            }
        }
    )*};
}

words!(Split: "split", SceneKind: "kind of scene", Program: "program");

/// What determines a clip. The same request gives the same clip, bit for bit, on every machine and for ever as long as
/// [`VERSION`] stays the same.
#[derive(Clone, Debug, PartialEq)]
pub struct ClipRequest {
    pub seed: u64,
    pub split: Split,
    pub index: u64,
    pub kind: SceneKind,
    /// Of the pictures. What stands where depends on the aspect alone.
    pub size: Size,
    pub lasts_secs: f64,
    /// Who is heard; drawn as the kind of scene has it if not given.
    pub program: Option<Program>,
    /// What the first of the things is; drawn if not given. In traffic it is always a vehicle.
    pub class: Option<ThingKind>,
}

impl ClipRequest {
    /// A clip of ten seconds.
    pub fn new(seed: u64, split: Split, index: u64, kind: SceneKind, size: Size) -> Self {
        Self { seed, split, index, kind, size, lasts_secs: 10.0, program: None, class: None }
    }
}

/// Where things happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SceneryKind {
    Room,
    Street,
    Field,
    /// Four panels, each with a floor of its own.
    Panels,
}

/// Where a thing is: places and lengths in heights of the frame, from its upper left corner.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Its middle when the clip begins.
    pub x: f32,
    /// Of the ground under it.
    pub ground: f32,
    pub height: f32,
    /// 1, or −1 for mirrored.
    pub facing: f32,
    /// To the right, in heights of the frame a second.
    pub speed: f32,
}

impl Place {
    pub fn x_at(&self, secs: f64) -> f64 {
        f64::from(self.x) + f64::from(self.speed) * secs
    }
}

/// One thing of a clip.
#[derive(Clone, Debug)]
pub struct Thing {
    pub kind: ThingKind,
    /// In order of time; none for a thing that stays silent.
    pub notes: Vec<Note>,
    /// When it is heard: its notes and the room's answer.
    pub sounding: Vec<Range<f64>>,
    /// Outside the picture all the time.
    pub off_screen: bool,
    pub(super) look: Look,
    pub(super) voice: Voice,
    pub(super) place: Place,
    pub(super) passage: Option<Passage>,
}

impl Thing {
    pub fn sounds_at(&self, secs: f64) -> bool {
        self.sounding.iter().any(|span| span.contains(&secs))
    }
}

/// How the place where the clip is seen from moves, slowly.
#[derive(Clone, Copy, Debug)]
pub(super) struct Camera {
    /// How far it goes, in heights of the frame.
    pub reach: (f32, f32),
    pub hertz: f64,
    pub phase: f64,
}

impl Camera {
    /// Where it has moved to, in heights of the frame.
    pub fn at(&self, secs: f64) -> (f32, f32) {
        let turns = self.hertz * secs + self.phase;
        (self.reach.0 * sine(turns), self.reach.1 * sine(0.73 * turns + 0.2))
    }
}

/// A clip that is ready to be seen, heard and known.
#[derive(Clone, Debug)]
pub struct ClipPlan {
    pub(super) request: ClipRequest,
    pub program: Program,
    pub scenery: SceneryKind,
    /// From the farthest to the nearest. Things outside the picture are among them.
    pub things: Vec<Thing>,
    pub(super) camera: Camera,
    /// The side that the light comes from: −1 left, 1 right.
    pub(super) light: f32,
    pub(super) dice: Dice,
}

/// Shortest and longest side of a picture.
const SIDES: std::ops::RangeInclusive<u32> = 16..=8192;
/// Shortest and longest clip, in seconds.
const LASTS: std::ops::RangeInclusive<f64> = 1.0..=600.0;

impl ClipPlan {
    /// Plans a clip; costs some microseconds.
    ///
    /// # Errors
    /// When the pictures' sides are not between 16 and 8192 pixels, the aspect is beyond 1:4 or 4:1, or the length is
    /// not between 1 and 600 seconds.
    pub fn new(request: ClipRequest) -> Result<Self, SoundstageError> {
        let size = request.size;
        let aspect = size.aspect();
        if !SIDES.contains(&size.width) || !SIDES.contains(&size.height) || !(0.25..=4.0).contains(&aspect) {
            return Err(SoundstageError::Size(size));
        }
        if !LASTS.contains(&request.lasts_secs) {
            return Err(SoundstageError::Length(request.lasts_secs));
        }
        let dice =
            Dice::of(&[u64::from(VERSION), request.seed, request.split as u64, request.index, request.kind as u64]);
        Ok(composition::compose(request, dice))
    }

    pub fn request(&self) -> &ClipRequest {
        &self.request
    }

    pub fn size(&self) -> Size {
        self.request.size
    }

    pub fn lasts_secs(&self) -> f64 {
        self.request.lasts_secs
    }

    /// The kind of the thing that the clip is about: the first that is heard, or else the first there is.
    pub fn class(&self) -> Option<ThingKind> {
        let begin = |thing: &&Thing| thing.sounding.first().map_or(f64::MAX, |span| span.start);
        self.things.iter().min_by(|a, b| begin(a).total_cmp(&begin(b))).map(|thing| thing.kind)
    }

    /// The kinds of what is heard at a time and is in the picture.
    pub fn heard_kinds(&self, secs: f64) -> Vec<ThingKind> {
        let heard = self.things.iter().filter(|thing| !thing.off_screen && thing.sounds_at(secs));
        heard.map(|thing| thing.kind).collect()
    }
}

/// Gives a thing its notes within spans of time.
pub(super) fn play(thing: &mut Thing, dice: &mut Dice, spans: &[Range<f64>]) {
    for span in spans {
        thing.notes.extend(performance::perform(thing.kind, &thing.voice, dice, span.clone()));
    }
    thing.sounding = performance::spans(&thing.notes);
}
