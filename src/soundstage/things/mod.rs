//! The kinds of things that sound: what they look like, and how they move when they do.
//!
//! Each is drawn in coordinates of its own: the origin is the middle of its foot, one unit is its height, up is
//! negative. What stands behind or under it (a table, a branch, a stand) is a prop and belongs to nobody.

mod animals;
mod bell;
mod drum;
mod flute;
mod household;
mod strings;
mod vehicles;

use std::fmt;
use std::str::FromStr;

use super::canvas::{Color, lighter, mix, rgb};
use super::exact::{Dice, faded, smooth_step};
use super::pen::{Paint, Pen};

/// A kind of thing; the classes of the soundstage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ThingKind {
    /// A string that is plucked.
    Guitar,
    /// A string that is bowed.
    Violin,
    Flute,
    Drum,
    Bell,
    Bird,
    Dog,
    AlarmClock,
    /// A vehicle with its siren on.
    Siren,
    Car,
    Kettle,
    Telephone,
}

impl ThingKind {
    pub const ALL: [Self; 12] = [
        Self::Guitar,
        Self::Violin,
        Self::Flute,
        Self::Drum,
        Self::Bell,
        Self::Bird,
        Self::Dog,
        Self::AlarmClock,
        Self::Siren,
        Self::Car,
        Self::Kettle,
        Self::Telephone,
    ];

    /// Its name as a class.
    pub fn label(self) -> &'static str {
        match self {
            Self::Guitar => "guitar",
            Self::Violin => "violin",
            Self::Flute => "flute",
            Self::Drum => "drum",
            Self::Bell => "bell",
            Self::Bird => "bird",
            Self::Dog => "dog",
            Self::AlarmClock => "alarm clock",
            Self::Siren => "siren",
            Self::Car => "car",
            Self::Kettle => "kettle",
            Self::Telephone => "telephone",
        }
    }

    /// Its place in [`ThingKind::ALL`].
    pub fn number(self) -> usize {
        Self::ALL.iter().position(|own| *own == self).unwrap_or(0)
    }

    pub fn is_vehicle(self) -> bool {
        matches!(self, Self::Siren | Self::Car)
    }

    /// Half of its width, in heights.
    pub(super) fn half_width(self) -> f32 {
        match self {
            Self::Guitar => 0.24,
            Self::Violin => 0.5,
            Self::Flute => 0.98,
            Self::Drum => 0.54,
            Self::Bell => 0.5,
            Self::Bird => 0.56,
            Self::Dog => 0.44,
            Self::AlarmClock => 0.43,
            Self::Siren => 1.02,
            Self::Car => 1.26,
            Self::Kettle => 0.5,
            Self::Telephone => 0.54,
        }
    }

    /// Half of the width of its prop, in heights; at least its own.
    pub(super) fn half_width_with_prop(self) -> f32 {
        match self {
            Self::Bell => 0.7,
            Self::Bird => 0.68,
            Self::AlarmClock | Self::Kettle | Self::Telephone => 0.76,
            _ => self.half_width(),
        }
    }

    /// How far above the ground its foot is, in heights: what its prop lifts it.
    pub(super) fn lifted(self) -> f32 {
        match self {
            Self::Bell => 0.26,
            Self::Bird => 0.5,
            Self::AlarmClock | Self::Kettle => 0.62,
            Self::Telephone => 0.72,
            _ => 0.0,
        }
    }

    /// How far its prop reaches above its top, in heights.
    pub(super) fn overtopped(self) -> f32 {
        if self == Self::Bell { 0.16 } else { 0.0 }
    }

    /// From the ground to the top of it and of its prop, in heights.
    pub(super) fn whole_height(self) -> f32 {
        1.0 + self.lifted() + self.overtopped()
    }

    /// How tall it is to look next to the others.
    pub(super) fn usual_height(self) -> f32 {
        match self {
            Self::Guitar | Self::Violin => 1.0,
            Self::Flute => 0.62,
            Self::Drum => 0.72,
            Self::Bell => 0.66,
            Self::Bird => 0.58,
            Self::Dog => 0.8,
            Self::AlarmClock => 0.56,
            Self::Siren => 0.6,
            Self::Car => 0.48,
            Self::Kettle => 0.55,
            Self::Telephone => 0.5,
        }
    }
}

impl fmt::Display for ThingKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.label())
    }
}

impl FromStr for ThingKind {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let wanted = word.replace(['-', '_'], " ");
        Self::ALL.into_iter().find(|kind| kind.label() == wanted).ok_or_else(|| {
            let known: Vec<String> = Self::ALL.iter().map(|kind| kind.label().replace(' ', "-")).collect();
            format!("no kind of thing is called {word}; there are {}", known.join(", "))
        })
    }
}

/// One sound that a thing makes.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    pub at_secs: f64,
    /// Until it has died away, the room left out.
    pub lasts_secs: f64,
    pub hertz: f32,
    /// How hard, 0 to 1.
    pub strength: f32,
    /// Which string, hand or key.
    pub voice: u8,
}

impl Note {
    pub fn end_secs(&self) -> f64 {
        self.at_secs + self.lasts_secs
    }
}

/// How a thing of its kind looks.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub main: Color,
    pub second: Color,
    pub dark: Color,
    pub metal: Color,
    /// Proportions, −1 to 1.
    pub shape: [f32; 4],
    /// Turned by, in turns.
    pub lean: f32,
    /// The side that the light comes from, −1 or 1, as the thing sees it.
    pub light: f32,
    pub variant: u32,
}

impl Look {
    pub fn new(kind: ThingKind, dice: &mut Dice) -> Self {
        let main: [u32; 6] = match kind {
            ThingKind::Guitar => [0xd98b3f, 0xc4622d, 0xe3b15a, 0x3f6f8f, 0xa8433a, 0x4d7c5f],
            ThingKind::Violin => [0xb5542a, 0x9c3f24, 0xc97a36, 0x8a4a2c, 0xa85f2f, 0xd08b45],
            ThingKind::Flute => [0xb9c4cf, 0xd9c48c, 0xc9ced6, 0xcaa66a, 0xaab8c4, 0xd6d8dc],
            ThingKind::Drum => [0xd1495b, 0x2f7f93, 0xe8963e, 0x5b6bb0, 0x3f8f6b, 0x8c4a7d],
            ThingKind::Bell => [0xe0a63c, 0xd9973a, 0xc9863f, 0x7fa896, 0xb98a4e, 0xc3c6cc],
            ThingKind::Bird => [0x3f8fb5, 0xd9574a, 0xf0b440, 0x6fa95c, 0x7a6fb0, 0x8a6b57],
            ThingKind::Dog => [0xc98f5a, 0x8f6244, 0xe0bf8f, 0x6b5a55, 0xb5744a, 0xd9c7ae],
            ThingKind::AlarmClock => [0xe0604f, 0x3f9c96, 0xf0a945, 0x4f74b5, 0x8f6bae, 0x5f9c63],
            ThingKind::Siren => [0xf3f3ef, 0xf0d94a, 0xeceff2, 0xf2efe6, 0xe9483f, 0xf4f6f7],
            ThingKind::Car => [0xd94f4a, 0x3f7fb0, 0xe9b543, 0x4f9c86, 0x8a93a0, 0xe9e6df],
            ThingKind::Kettle => [0xd9574a, 0x4f93a8, 0xc3ccd4, 0xe3a94a, 0x6b9c7d, 0x8f7fb0],
            ThingKind::Telephone => [0xc9403f, 0x3f8c86, 0xe3b35a, 0x4a5568, 0xd98fa0, 0x5f7fb0],
        };
        let main = jittered(rgb(dice.pick(&main)), dice);
        let second = match kind {
            ThingKind::Bird => rgb(dice.pick(&[0xf6e3c4, 0xf2a65a, 0xe8d7b0, 0xf4c6a8])),
            ThingKind::Dog => lighter(main, dice.within(0.3, 0.75)),
            ThingKind::Siren => rgb(dice.pick(&[0xd8403c, 0x2f6fb5, 0xe07a2f, 0x2f9c6b])),
            ThingKind::Flute => mix(main, rgb(0xf2e3b8), dice.unit()),
            _ => rgb(dice.pick(&[0xf2e3c4, 0xf0c95a, 0xe8efe9, 0xf4d7c0, 0xbfd9de])),
        };
        let dark = match kind {
            ThingKind::Guitar | ThingKind::Violin => rgb(dice.pick(&[0x4a2c22, 0x3a2a2f, 0x5c3826])),
            ThingKind::Siren => rgb(dice.pick(&[0x2f6fe0, 0x2f6fe0, 0xe03f3f, 0xf09a2f])),
            ThingKind::Bell => rgb(dice.pick(&[0x8f5f42, 0x6f4a3a, 0xa8764f])),
            ThingKind::Dog => mix(lighter(main, -0.5), rgb(0xa8403f), 0.5 * dice.unit()),
            ThingKind::Bird => mix(lighter(main, -0.4), rgb(0x3a4458), dice.unit()),
            _ => rgb(dice.pick(&[0x3a3340, 0x2f3a48, 0x4a3330])),
        };
        let metal = rgb(dice.pick(&[0xc3c8d0, 0xd6b36a, 0xb9bcc4, 0xc9a06a]));
        let shape = [0; 4].map(|_| dice.within(-1.0, 1.0));
        let lean = match kind {
            ThingKind::Guitar | ThingKind::Violin => dice.within(-0.02, 0.02),
            _ => 0.0,
        };
        Self { main, second, dark, metal, shape, lean, light: -1.0, variant: dice.below(1164) as u32 }
    }

    /// A colour with the light on it, for a part about `width` from the middle.
    pub fn lit(&self, color: Color, width: f32) -> Paint {
        Paint::Along(
            (self.light * width, -0.7),
            lighter(color, 0.22),
            (-self.light * width, 0.0),
            lighter(color, -0.26),
        )
    }
}

fn jittered(color: Color, dice: &mut Dice) -> Color {
    let shade = dice.within(-0.10, 0.10);
    color.map(|level| (level + shade + dice.within(-0.035, 0.035)).clamp(0.02, 0.98))
}

/// What a thing does at an instant.
pub(super) struct Motion<'a> {
    pub secs: f64,
    pub notes: &'a [Note],
}

impl Motion<'_> {
    /// The notes that sound: their number, and since when.
    pub fn active(&self) -> impl Iterator<Item = (usize, &Note, f32)> {
        let begun = self.notes.partition_point(|note| note.at_secs <= self.secs);
        let notes = self.notes.iter().enumerate().take(begun);
        notes
            .filter(|(_, note)| self.secs < note.end_secs())
            .map(|(number, note)| (number, note, (self.secs - note.at_secs) as f32))
    }

    /// The note that began last of those that sound.
    pub fn last(&self) -> Option<(usize, &Note, f32)> {
        self.active().last()
    }

    /// How many notes have begun.
    pub fn started(&self) -> usize {
        self.notes.partition_point(|note| note.at_secs <= self.secs)
    }

    /// How strongly something still rings that fades by 60 dB in `fades_secs`; nothing at its end.
    pub fn ring(&self, note: &Note, since: f32, fades_secs: f32) -> f32 {
        note.strength * faded(since, 2.0 * fades_secs) * self.ends_softly(note, since, 0.12)
    }

    /// 1 while a note is held, soft at both ends.
    pub fn held(&self, note: &Note, since: f32) -> f32 {
        note.strength * smooth_step(0.0, 0.05, since) * self.ends_softly(note, since, 0.08)
    }

    /// 1, and 0 at the note's end, falling within `within_secs`.
    pub fn ends_softly(&self, note: &Note, since: f32, within_secs: f32) -> f32 {
        smooth_step(0.0, within_secs, note.lasts_secs as f32 - since)
    }

    /// 1 while anything sounds, rising and falling within `within_secs`.
    pub fn recent(&self, within_secs: f32) -> f32 {
        let level = |(_, note, since): (usize, &Note, f32)| {
            smooth_step(0.0, 0.5 * within_secs, since) * self.ends_softly(note, since, within_secs)
        };
        self.active().map(level).fold(0.0, f32::max)
    }
}

/// Draws what the thing stands on; `ground` is how far below its foot the ground is.
pub(super) fn draw_prop(kind: ThingKind, pen: &mut Pen, look: &Look, ground: f32) {
    match kind {
        ThingKind::Guitar | ThingKind::Violin => strings::draw_stand(pen, look),
        ThingKind::Flute => flute::draw_holder(pen, look),
        ThingKind::Bell => bell::draw_frame(pen, look, ground),
        ThingKind::Bird => animals::draw_perch(pen, look, ground),
        ThingKind::AlarmClock | ThingKind::Kettle | ThingKind::Telephone => household::draw_table(pen, look, ground),
        ThingKind::Drum | ThingKind::Dog | ThingKind::Siren | ThingKind::Car => {}
    }
}

/// Draws the thing; `rolled` is how far its wheels have rolled, in heights.
pub(super) fn draw(kind: ThingKind, pen: &mut Pen, look: &Look, motion: &Motion, rolled: f64) {
    match kind {
        ThingKind::Guitar => strings::draw_guitar(pen, look, motion),
        ThingKind::Violin => strings::draw_violin(pen, look, motion),
        ThingKind::Flute => flute::draw(pen, look, motion),
        ThingKind::Drum => drum::draw(pen, look, motion),
        ThingKind::Bell => bell::draw(pen, look, motion),
        ThingKind::Bird => animals::draw_bird(pen, look, motion),
        ThingKind::Dog => animals::draw_dog(pen, look, motion),
        ThingKind::AlarmClock => household::draw_clock(pen, look, motion),
        ThingKind::Siren => vehicles::draw_siren(pen, look, motion, rolled),
        ThingKind::Car => vehicles::draw_car(pen, look, motion, rolled),
        ThingKind::Kettle => household::draw_kettle(pen, look, motion),
        ThingKind::Telephone => household::draw_telephone(pen, look, motion),
    }
}

/// Draws steam and light, which belong to nobody's outline.
pub(super) fn draw_air(kind: ThingKind, pen: &mut Pen, look: &Look, motion: &Motion) {
    match kind {
        ThingKind::Kettle => household::draw_steam(pen, look, motion),
        ThingKind::Siren => vehicles::draw_lamp_glow(pen, look, motion),
        _ => {}
    }
}
