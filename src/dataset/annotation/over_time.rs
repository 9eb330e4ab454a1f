//! Everything that is known of a clip, and which of it holds at a moment.

use std::cmp::Ordering;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{Annotation, BetweenKeys, MaskAnnotation, SoundInterval, Span};
use crate::geometry::Rect;

/// A moment of a clip: the frame on screen and the stretch of time in which it is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    pub time_secs: f64,
    /// Place of the frame in the frame table, where it is known.
    pub frame: Option<u64>,
    /// How long the frame is shown; instants within half of it belong to this frame.
    pub lasts_secs: f64,
}

impl Moment {
    /// Duration that is assumed where none is given: one frame at 25 a second.
    pub const DEFAULT_LASTS_SECS: f64 = 0.04;

    pub fn of_frame(frame: u64, time_secs: f64, lasts_secs: f64) -> Self {
        Self { time_secs, frame: Some(frame), lasts_secs }
    }
}

impl From<f64> for Moment {
    fn from(time_secs: f64) -> Self {
        Self { time_secs, frame: None, lasts_secs: Self::DEFAULT_LASTS_SECS }
    }
}

/// One box as it stands at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoxAt<'a> {
    /// Interpolated between keys where the moment lies between two.
    pub rect_fraction: Rect,
    /// The key that it stands on or comes from.
    pub annotation: &'a Annotation,
    /// Place of that key in [`ClipAnnotations::boxes`].
    pub index: usize,
    /// The moment lies between two keys.
    pub between_keys: bool,
    /// By the box's own statement, else by the sound intervals, else true.
    pub sounding: bool,
}

/// Everything that is known to be true of one clip.
///
/// An empty value is a statement, too: it was looked at, and there is nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "StoredAnnotations", into = "StoredAnnotations")]
pub struct ClipAnnotations {
    boxes: Vec<Annotation>,
    tracks: Vec<Range<usize>>,
    pub sounds: Vec<SoundInterval>,
    pub masks: Vec<MaskAnnotation>,
    /// Rate of the source's own frame numbers, where it states one: its frame n then stands at n / rate seconds.
    /// `None`: numbers are places in the clip's frame table.
    pub frame_rate: Option<f64>,
}

/// [`ClipAnnotations`] as stored, without the derived track index.
#[derive(Serialize, Deserialize)]
struct StoredAnnotations {
    #[serde(default)]
    boxes: Vec<Annotation>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sounds: Vec<SoundInterval>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    masks: Vec<MaskAnnotation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    frame_rate: Option<f64>,
}

impl From<StoredAnnotations> for ClipAnnotations {
    fn from(stored: StoredAnnotations) -> Self {
        let StoredAnnotations { boxes, sounds, masks, frame_rate } = stored;
        Self { sounds, masks, frame_rate, ..Self::of_boxes(boxes) }
    }
}

impl From<ClipAnnotations> for StoredAnnotations {
    fn from(annotations: ClipAnnotations) -> Self {
        let ClipAnnotations { boxes, sounds, masks, frame_rate, .. } = annotations;
        Self { boxes, sounds, masks, frame_rate }
    }
}

impl ClipAnnotations {
    /// Boxes without a track come first, in the order given; then each track's keys in time.
    pub fn of_boxes(mut boxes: Vec<Annotation>) -> Self {
        boxes.sort_by(|a, b| {
            let owner = |annotation: &Annotation| annotation.track.is_some();
            match (owner(a), owner(b)) {
                (false, false) => Ordering::Equal,
                (true, true) => (&a.annotator, &a.track)
                    .cmp(&(&b.annotator, &b.track))
                    .then_with(|| key_position(a).total_cmp(&key_position(b))),
                (tracked, _) => tracked.cmp(&owner(b)),
            }
        });
        let untracked = boxes.iter().take_while(|annotation| annotation.track.is_none()).count();
        let mut tracks = Vec::new();
        let mut start = untracked;
        while start < boxes.len() {
            let same = |annotation: &&Annotation| {
                annotation.track == boxes[start].track && annotation.annotator == boxes[start].annotator
            };
            let length = boxes[start..].iter().take_while(same).count();
            tracks.push(start..start + length);
            start += length;
        }
        Self { boxes, tracks, ..Self::default() }
    }

    /// Masks alone.
    pub fn of_masks(masks: Vec<MaskAnnotation>) -> Self {
        Self { masks, ..Self::default() }
    }

    /// The same with these sounds.
    pub fn with_sounds(self, sounds: Vec<SoundInterval>) -> Self {
        Self { sounds, ..self }
    }

    /// The same with a rate of its frame numbers, see [`ClipAnnotations::frame_rate`].
    pub fn with_frame_rate(self, frame_rate: Option<f64>) -> Self {
        Self { frame_rate, ..self }
    }

    pub fn boxes(&self) -> &[Annotation] {
        &self.boxes
    }

    pub fn into_boxes(self) -> Vec<Annotation> {
        self.boxes
    }

    /// True when nothing at all is annotated.
    pub fn is_empty(&self) -> bool {
        self.boxes.is_empty() && self.sounds.is_empty() && self.masks.is_empty()
    }

    /// The boxes that stand at a moment; a plain number is a time in seconds.
    ///
    /// Between two keys of a track the box moves linearly where the format means it so. A box that does not say
    /// whether it sounds does so where a sound interval of its label (or of no label) covers the moment; in a clip
    /// without sound intervals every box sounds, as the benchmarks have it.
    pub fn at(&self, moment: impl Into<Moment>) -> Vec<BoxAt<'_>> {
        let moment = moment.into();
        let untracked = self.tracks.first().map_or(self.boxes.len(), |track| track.start);
        let mut found = Vec::new();
        for (index, annotation) in self.boxes.iter().enumerate().take(untracked) {
            if annotation.visible && self.holds_at(annotation.span, &moment) {
                found.push(self.box_at(index, annotation.rect_fraction, false, &moment));
            }
        }
        for track in &self.tracks {
            found.extend(self.track_at(track.clone(), &moment));
        }
        found
    }

    /// Masks that stand at a moment.
    pub fn masks_at(&self, moment: impl Into<Moment>) -> Vec<&MaskAnnotation> {
        let moment = moment.into();
        self.masks.iter().filter(|mask| self.holds_at(mask.span, &moment)).collect()
    }

    /// Sounds that are heard at a time.
    pub fn sounds_at(&self, time_secs: f64) -> impl Iterator<Item = &SoundInterval> {
        self.sounds.iter().filter(move |sound| sound.covers(time_secs))
    }

    /// The instants, in seconds or in frames, at which boxes were drawn, in order and without repetition.
    pub fn annotated_spans(&self) -> Vec<Span> {
        let mut spans: Vec<Span> =
            self.boxes.iter().map(|b| b.span).chain(self.masks.iter().map(|mask| mask.span)).collect();
        spans.sort_by(|a, b| span_order(*a).total_cmp(&span_order(*b)));
        spans.dedup();
        spans
    }

    fn box_at(&self, index: usize, rect_fraction: Rect, between_keys: bool, moment: &Moment) -> BoxAt<'_> {
        let annotation = &self.boxes[index];
        BoxAt {
            rect_fraction,
            annotation,
            index,
            between_keys,
            sounding: annotation.sounding.unwrap_or_else(|| self.label_sounds_at(annotation, moment.time_secs)),
        }
    }

    fn label_sounds_at(&self, annotation: &Annotation, time_secs: f64) -> bool {
        if self.sounds.is_empty() {
            return true;
        }
        self.sounds_at(time_secs).any(|sound| {
            !sound.off_screen
                && !sound.unidentified
                && match (&sound.label, &annotation.label) {
                    (Some(heard), Some(seen)) => heard == seen,
                    _ => true,
                }
        })
    }

    /// The moment in the source's frame numbers; `None` where they cannot be known.
    fn frame_position(&self, moment: &Moment) -> Option<f64> {
        match self.frame_rate {
            Some(rate) => Some(moment.time_secs * rate),
            None => moment.frame.map(|frame| frame as f64),
        }
    }

    fn holds_at(&self, span: Span, moment: &Moment) -> bool {
        match span {
            Span::Whole => true,
            Span::Frame(frame) => {
                self.frame_position(moment).is_some_and(|position| within(position, frame as f64, 1.0))
            }
            Span::Secs(secs) => within(moment.time_secs, secs, moment.lasts_secs),
            Span::Interval { start, end } => moment.time_secs >= start && moment.time_secs < end,
        }
    }

    fn track_at(&self, track: Range<usize>, moment: &Moment) -> Option<BoxAt<'_>> {
        let keys = &self.boxes[track.clone()];
        let in_frames = keys.iter().any(|key| matches!(key.span, Span::Frame(_)));
        let (position, width) =
            if in_frames { (self.frame_position(moment)?, 1.0) } else { (moment.time_secs, moment.lasts_secs) };
        // A key belongs to the frame whose middle it is nearest to, so look for it half a frame ahead.
        let upcoming = keys.partition_point(|key| key_position(key) <= position + width / 2.0);
        let before = upcoming.checked_sub(1)?;
        let key = &keys[before];
        if !key.visible {
            return None;
        }
        let index = track.start + before;
        if within(position, key_position(key), width) || self.holds_at(key.span, moment) {
            return Some(self.box_at(index, key.rect_fraction, false, moment));
        }
        match (key.between, keys.get(upcoming)) {
            (BetweenKeys::Nothing, _) => None,
            (BetweenKeys::Linear, Some(next)) => {
                let (from, to) = (key_position(key), key_position(next));
                let share = if to > from { ((position - from) / (to - from)).clamp(0.0, 1.0) } else { 0.0 };
                let rect = between_rects(&key.rect_fraction, &next.rect_fraction, share);
                Some(self.box_at(index, rect, true, moment))
            }
            _ => Some(self.box_at(index, key.rect_fraction, true, moment)),
        }
    }
}

/// Whether an instant belongs to the frame around `position` that is `width` wide.
fn within(position: f64, instant: f64, width: f64) -> bool {
    instant >= position - width / 2.0 && instant < position + width / 2.0 || instant == position
}

/// Where a track's key stands: in frames for keys by frame, in seconds for the others.
fn key_position(annotation: &Annotation) -> f64 {
    span_order(annotation.span)
}

fn span_order(span: Span) -> f64 {
    match span {
        Span::Whole => f64::NEG_INFINITY,
        Span::Frame(frame) => frame as f64,
        Span::Secs(secs) => secs,
        Span::Interval { start, .. } => start,
    }
}

/// The rectangle at `share` (0 to 1) of the way between two.
pub fn between_rects(from: &Rect, to: &Rect, share: f64) -> Rect {
    let mix = |a: f64, b: f64| a + (b - a) * share;
    Rect::new(mix(from.left, to.left), mix(from.top, to.top), mix(from.right, to.right), mix(from.bottom, to.bottom))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(span: Span, left: f64, between: BetweenKeys) -> Annotation {
        let mut annotation = Annotation::new(Rect::new(left, 0.0, left + 0.2, 0.2), Some("car".into()));
        annotation.track = Some("1".into());
        annotation.span = span;
        annotation.between = between;
        annotation
    }

    fn lefts(annotations: &ClipAnnotations, moment: impl Into<Moment>) -> Vec<f64> {
        annotations.at(moment).iter().map(|found| (found.rect_fraction.left * 1e6).round() / 1e6).collect()
    }

    #[test]
    fn a_track_moves_linearly_between_its_keys_and_stops_where_it_is_closed() {
        let mut closing = key(Span::Frame(20), 0.8, BetweenKeys::Linear);
        closing.visible = false;
        let annotations = ClipAnnotations::of_boxes(vec![
            closing,
            key(Span::Frame(10), 0.4, BetweenKeys::Linear),
            key(Span::Frame(0), 0.0, BetweenKeys::Linear),
        ]);
        let at_frame = |frame: u64| lefts(&annotations, Moment::of_frame(frame, frame as f64 / 25.0, 0.04));
        assert_eq!(at_frame(0), [0.0]);
        assert_eq!(at_frame(5), [0.2]);
        assert_eq!(at_frame(10), [0.4]);
        assert_eq!(at_frame(19), [0.76]);
        assert!(at_frame(20).is_empty(), "the closing key's frame no longer shows the box");
        assert!(at_frame(300).is_empty());
        assert!(lefts(&annotations, 0.2).is_empty(), "frame numbers without a rate need the frame");
    }

    #[test]
    fn frame_numbers_with_a_rate_are_moments_in_time() {
        let mut annotations = ClipAnnotations::of_boxes(vec![
            key(Span::Frame(0), 0.0, BetweenKeys::Linear),
            key(Span::Frame(50), 0.5, BetweenKeys::Nothing),
        ]);
        annotations.frame_rate = Some(25.0);
        assert_eq!(lefts(&annotations, 1.0), [0.25]);
        assert_eq!(lefts(&annotations, 2.0), [0.5]);
        assert!(lefts(&annotations, 2.1).is_empty());
    }

    #[test]
    fn two_annotators_may_use_one_track_number() {
        let mut other = key(Span::Secs(0.0), 0.5, BetweenKeys::Hold);
        other.annotator = Some("b".into());
        let annotations = ClipAnnotations::of_boxes(vec![key(Span::Secs(0.0), 0.0, BetweenKeys::Hold), other]);
        assert_eq!(lefts(&annotations, 7.0), [0.0, 0.5]);
    }

    #[test]
    fn a_box_sounds_by_its_statement_else_by_its_intervals_else_always() {
        let mut annotations = ClipAnnotations::of_boxes(vec![Annotation::new(Rect::UNIT, Some("car".into()))]);
        assert!(annotations.at(3.0)[0].sounding);
        let interval = |label: &str, off_screen| SoundInterval {
            start_secs: 1.0,
            end_secs: 2.0,
            label: Some(label.into()),
            annotator: None,
            off_screen,
            unidentified: false,
        };
        annotations.sounds = vec![interval("bus", false), interval("car", true)];
        assert!(!annotations.at(1.5)[0].sounding, "another thing's sound, and one from outside the picture");
        annotations.sounds.push(interval("car", false));
        assert!(annotations.at(1.5)[0].sounding);
        assert!(!annotations.at(2.0)[0].sounding);
    }

    #[test]
    fn stored_annotations_come_back_with_their_tracks() {
        let annotations = ClipAnnotations::of_boxes(vec![
            key(Span::Frame(3), 0.1, BetweenKeys::Linear),
            Annotation::new(Rect::UNIT, None),
        ]);
        let text = serde_json::to_string(&annotations).unwrap();
        assert_eq!(serde_json::from_str::<ClipAnnotations>(&text).unwrap(), annotations);
    }
}
