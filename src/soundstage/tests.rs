//! What is promised of every clip: the same each time, true, placed, and heard when it says so.

use super::exact::Dice;
use super::*;
use crate::geometry::{Rect, Size};
use crate::media::Picture;

const SMALL: Size = Size::new(160, 120);

fn plan(kind: SceneKind, index: u64, size: Size) -> ClipPlan {
    ClipPlan::new(ClipRequest::new(11, Split::Train, index, kind, size)).unwrap()
}

fn solo_of(class: ThingKind, index: u64, size: Size) -> ClipPlan {
    let request = ClipRequest::new(11, Split::Train, index, SceneKind::Solo, size);
    ClipPlan::new(ClipRequest { class: Some(class), ..request }).unwrap()
}

/// FNV-1a.
fn checksum(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

fn checksum_of(plan: &ClipPlan) -> (u64, u64) {
    let picture = [1.3, 5.0, 8.2].into_iter().flat_map(|secs| plan.picture(secs).rgb);
    let sound = plan.sound(16_000, 4.0..7.0).samples.into_iter().flat_map(|sample| sample.to_bits().to_le_bytes());
    (checksum(picture), checksum(sound))
}

/// Picture and sound of one clip of each kind. They change only together with [`VERSION`].
const CHECKSUMS: (u32, [(u64, u64); 4]) = (
    1,
    [
        (0x2c4e_5f8f_5bf1_3f6b, 0x07e0_d38b_8dc9_742c),
        (0x3b69_e380_d0db_0ac0, 0x1551_8606_c8b0_42ad),
        (0x5e93_578f_9ab7_bd96, 0x5122_ac98_6285_eec1),
        (0x07fa_5825_2024_e7d7, 0x8d0a_e1f6_9a3e_3427),
    ],
);

#[test]
fn the_same_request_gives_the_same_bytes_everywhere() {
    let found = SceneKind::ALL.map(|kind| checksum_of(&plan(kind, 5, SMALL)));
    assert_eq!((VERSION, found), CHECKSUMS, "a change of what clips are needs a new VERSION: {found:#018x?}");
    let again = std::thread::spawn(|| checksum_of(&plan(SceneKind::Ensemble, 5, SMALL))).join().unwrap();
    assert_eq!(again, found[1]);
}

#[test]
fn a_frame_is_the_same_in_any_order_and_alone() {
    for kind in SceneKind::ALL {
        let plan = plan(kind, 2, SMALL);
        let mut painter = plan.painter();
        let forwards = [0.5, 4.0, 9.0].map(|secs| painter.picture_and_truth(secs));
        let mut painter = plan.painter();
        let backwards = [9.0, 4.0, 0.5].map(|secs| painter.picture_and_truth(secs));
        assert!(forwards.iter().eq(backwards.iter().rev()));
        assert_eq!(forwards[1].0, plan.picture(4.0));
        assert_eq!(forwards[1].1, plan.truth(4.0), "truth needs no picture");
    }
}

#[test]
fn splits_seeds_and_indices_give_different_clips() {
    let one = |seed, split, index| {
        ClipPlan::new(ClipRequest::new(seed, split, index, SceneKind::Solo, Size::new(32, 32))).unwrap().picture(5.0)
    };
    let pictures = [
        one(1, Split::Train, 0),
        one(1, Split::Test, 0),
        one(1, Split::Validation, 0),
        one(2, Split::Train, 0),
        one(1, Split::Train, 1),
    ];
    for (number, picture) in pictures.iter().enumerate() {
        assert!(pictures[number + 1..].iter().all(|other| other != picture));
    }
}

/// The smallest rectangle around the pixels that differ by more than a step of rounding.
fn changed(a: &Picture, b: &Picture) -> Option<Rect> {
    let width = a.size.width as usize;
    let mut around: Option<Rect> = None;
    for (at, (a, b)) in a.rgb.chunks(3).zip(b.rgb.chunks(3)).enumerate() {
        if a.iter().zip(b).any(|(a, b)| a.abs_diff(*b) > 1) {
            let (x, y) = ((at % width) as f64, (at / width) as f64);
            let so_far = around.unwrap_or(Rect::new(x, y, x, y));
            around = Some(Rect::new(
                so_far.left.min(x),
                so_far.top.min(y),
                so_far.right.max(x + 1.0),
                so_far.bottom.max(y + 1.0),
            ));
        }
    }
    around
}

#[test]
fn removing_a_thing_changes_just_its_box() {
    for (number, kind) in ThingKind::ALL.into_iter().enumerate() {
        let plan = solo_of(kind, number as u64, Size::new(320, 240));
        let mut painter = plan.painter();
        for secs in [0.1, 5.0, 7.3] {
            let (whole, truth) = painter.picture_and_truth(secs);
            let without = painter.picture_of(secs, &|_| false);
            let (seen, said) = (changed(&whole, &without), truth[0].rect_pixels);
            let (Some(seen), Some(said)) = (seen, said) else {
                // A car that is not there yet.
                assert_eq!((seen, said), (None, None), "{kind} at {secs} s");
                continue;
            };
            let sides = |rect: &Rect| [rect.left, rect.top, -rect.right, -rect.bottom];
            for (seen, said) in sides(&seen).into_iter().zip(sides(&said)) {
                assert!((0.0..=1.5).contains(&(seen - said)), "{kind} at {secs} s: {seen} {said}");
            }
        }
    }
}

#[test]
fn boxes_of_hidden_things_are_of_what_is_seen() {
    let mut hidden = 0;
    for index in 0..24 {
        let plan =
            plan(if index % 3 == 0 { SceneKind::Traffic } else { SceneKind::Ensemble }, index, Size::new(256, 192));
        let mut painter = plan.painter();
        let (whole, truth) = painter.picture_and_truth(5.0);
        for own in &truth {
            assert!((0.0..=1.0).contains(&own.visibility));
            hidden += usize::from(own.visibility < 0.9);
            let without = painter.picture_of(5.0, &|number| number != own.thing);
            // Between the parts of what is in front, a little shows through; it is not worth a box.
            let Some(said) = own.rect_pixels else { continue };
            let (mut inside, mut outside) = (0, 0);
            for (at, (a, b)) in whole.rgb.chunks(3).zip(without.rgb.chunks(3)).enumerate() {
                let pixel = crate::geometry::Point::new((at % 256) as f64, (at / 256) as f64);
                let change: u32 = a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
                *if said.contains(pixel) { &mut inside } else { &mut outside } += change;
            }
            assert!(
                outside <= inside / 25 + 400,
                "{} in clip {index}: {inside} in the box, {outside} outside",
                own.kind
            );
        }
    }
    assert!(hidden > 3, "some things are hidden in part: {hidden}");
}

#[test]
fn every_kind_is_painted_at_every_size() {
    for size in [Size::new(16, 16), Size::new(17, 31), Size::new(128, 128), Size::new(321, 97), Size::new(320, 240)] {
        for kind in SceneKind::ALL {
            let plan = plan(kind, 3, size);
            let (picture, truth) = plan.painter().picture_and_truth(5.0);
            assert_eq!((picture.size, picture.rgb.len() as u64), (size, size.area() * 3));
            let frame = Rect::of_size(size);
            assert!(truth.iter().filter_map(|own| own.rect_pixels).all(|rect| rect.intersection(&frame) == rect));
        }
        for class in ThingKind::ALL {
            assert!(solo_of(class, 1, size).truth(5.0)[0].rect_pixels.is_some(), "{class} at {size:?}");
        }
    }
}

#[test]
fn sizes_and_lengths_beyond_reason_are_refused() {
    for size in [Size::new(0, 0), Size::new(1, 1), Size::new(15, 20), Size::new(100, 500), Size::new(9000, 9000)] {
        let error = ClipPlan::new(ClipRequest::new(1, Split::Train, 0, SceneKind::Solo, size)).unwrap_err();
        assert!(matches!(error, SoundstageError::Size(_)));
    }
    for lasts_secs in [0.0, -3.0, f64::NAN, f64::INFINITY, 1e9] {
        let request = ClipRequest { lasts_secs, ..ClipRequest::new(1, Split::Train, 0, SceneKind::Solo, SMALL) };
        assert!(matches!(ClipPlan::new(request).unwrap_err(), SoundstageError::Length(_)));
    }
}

fn level(samples: impl Iterator<Item = f32>) -> f32 {
    let (sum, count) = samples.fold((0.0, 0), |(sum, count), sample| (sum + sample * sample, count + 1));
    (sum / count.max(1) as f32).sqrt()
}

#[test]
fn a_thing_is_heard_in_its_spans_and_never_else() {
    const RATE: u32 = 16_000;
    for class in ThingKind::ALL {
        let request = ClipRequest::new(4, Split::Test, 9, SceneKind::Ensemble, SMALL);
        let plan =
            ClipPlan::new(ClipRequest { class: Some(class), program: Some(Program::InTurn), ..request }).unwrap();
        for (number, thing) in plan.things.iter().enumerate() {
            let heard = plan.sound_of(number, RATE, 0.0..10.0).mono();
            for (at, sample) in heard.iter().enumerate() {
                let secs = at as f64 / f64::from(RATE);
                // The last samples may be rounded over.
                let near = thing.sounding.iter().any(|span| (span.start - 1e-3..span.end + 1e-3).contains(&secs));
                assert!(near || *sample == 0.0, "{} at {secs} s", thing.kind);
            }
            for span in &thing.sounding {
                let part =
                    &heard[(span.start * f64::from(RATE)) as usize..(span.end.min(10.0) * f64::from(RATE)) as usize];
                assert!(level(part.iter().copied()) > 2e-3, "{} is hardly heard in {span:?}", thing.kind);
            }
        }
    }
}

#[test]
fn the_whole_sound_is_that_of_its_things() {
    let plan = plan(SceneKind::Quadrants, 7, SMALL);
    let whole = plan.whole_sound(8000);
    assert_eq!((whole.rate, whole.channels, whole.frames()), (8000, 2, 80_000));
    let parts: Vec<_> = (0..plan.things.len()).map(|number| plan.sound_of(number, 8000, 0.0..10.0)).collect();
    for (at, sample) in whole.samples.iter().enumerate() {
        let sum: f32 = parts.iter().map(|part| part.samples[at]).sum();
        // What is loud is held back.
        let loud = parts.iter().any(|part| part.samples[at].abs() > 0.65) || sum.abs() > 0.65;
        assert!(loud || (sum - sample).abs() < 1e-4, "{sum} {sample}");
    }
    assert!(whole.samples.iter().all(|sample| sample.abs() <= 1.0));
}

#[test]
fn a_stretch_is_heard_as_in_the_whole() {
    const RATE: u32 = 16_000;
    // Those without noise that is let in from the middle.
    let kinds = [
        ThingKind::Guitar,
        ThingKind::Violin,
        ThingKind::Flute,
        ThingKind::Bell,
        ThingKind::Bird,
        ThingKind::Dog,
        ThingKind::Telephone,
        ThingKind::AlarmClock,
        ThingKind::Siren,
    ];
    for kind in kinds {
        let plan = solo_of(kind, 2, SMALL);
        let (whole, stretch) = (plan.whole_sound(RATE), plan.sound(RATE, 3.0..6.0));
        assert_eq!(stretch.frames(), 3 * RATE as usize);
        let there = &whole.samples[6 * RATE as usize..12 * RATE as usize];
        let off = stretch.samples.iter().zip(there).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off < 2e-3, "{kind}: {off}");
    }
    let plan = solo_of(ThingKind::Car, 0, SMALL);
    assert_eq!(plan.sound(16_000, 9.9..12.0).frames(), 1600);
    assert_eq!(plan.sound(16_000, 12.0..13.0).frames(), 0);
    assert_eq!(plan.sound(0, 0.0..1.0).frames(), 0);
}

#[test]
fn things_are_heard_from_where_they_are_seen() {
    let balance = |sound: &crate::signal::Waveform| {
        let side = |side: usize| level(sound.samples.iter().skip(side).step_by(2).copied());
        20.0 * (side(0) / side(1)).log10()
    };
    let mut sides = [0; 2];
    for index in 0..12 {
        let plan = plan(SceneKind::Quadrants, index, SMALL);
        for own in plan.truth(5.0).iter().filter(|own| own.sounding) {
            let left = own.rect_pixels.unwrap().center().x < 80.0;
            let decibels = balance(&plan.sound_of(own.thing, 8000, 0.0..10.0));
            assert!(if left { decibels > 2.0 } else { decibels < -2.0 }, "{} in clip {index}: {decibels} dB", own.kind);
            sides[usize::from(left)] += 1;
        }
    }
    assert!(sides.iter().all(|count| *count > 3), "{sides:?}");
    // What passes goes from one side to the other.
    let plan = solo_of(ThingKind::Car, 3, SMALL);
    let (first, last) = (balance(&plan.sound(8000, 1.0..3.0)), balance(&plan.sound(8000, 7.0..9.0)));
    let speed = plan.things[0].place.speed;
    assert!(if speed > 0.0 { first > 1.0 && last < -1.0 } else { first < -1.0 && last > 1.0 }, "{first} {last}");
}

#[test]
fn kinds_of_scenes_are_what_they_say() {
    let mut kinds = [0; 12];
    for index in 0..300 {
        let plan = plan(SceneKind::Solo, index, SMALL);
        assert_eq!((plan.things.len(), plan.program), (1, Program::Solo));
        kinds[plan.things[0].kind.number()] += 1;
    }
    assert!(kinds.iter().all(|count| *count >= 8), "{kinds:?}");
    let mut crowd = 0;
    for index in 0..60 {
        let plan = plan(SceneKind::Ensemble, index, SMALL);
        assert!((1..=5).contains(&plan.things.len()));
        let four = self::plan(SceneKind::Quadrants, index, SMALL);
        let truth = four.truth(5.0);
        assert_eq!(truth.iter().filter(|own| own.sounding).count(), 2);
        let quarters: std::collections::BTreeSet<(bool, bool)> = truth
            .iter()
            .map(|own| own.rect_pixels.unwrap())
            .inspect(|rect| assert!(rect.right <= 80.0 || rect.left >= 80.0))
            .inspect(|rect| assert!(rect.bottom <= 60.0 || rect.top >= 60.0))
            .map(|rect| (rect.left < 80.0, rect.top < 60.0))
            .collect();
        assert_eq!(quarters.len(), 4);
        let street = self::plan(SceneKind::Traffic, index, Size::new(320, 180));
        crowd = crowd.max(street.things.len());
        assert!(street.things.iter().all(|thing| thing.kind.is_vehicle()));
        let boxes = street.truth(5.0).into_iter().filter_map(|own| own.rect_pixels);
        assert!(boxes.into_iter().all(|rect| rect.area() < 0.08 * 320.0 * 180.0));
    }
    assert!((12..=25).contains(&crowd), "{crowd}");
}

#[test]
fn the_middle_of_a_clip_has_what_its_program_promises() {
    for kind in SceneKind::ALL {
        for index in 0..40 {
            let request = ClipRequest::new(21, Split::Validation, index, kind, SMALL);
            let plan = ClipPlan::new(request.clone()).unwrap();
            let seen = |plan: &ClipPlan, secs: f64| {
                plan.truth(secs).iter().filter(|own| own.sounding && own.rect_pixels.is_some()).count()
            };
            let in_turn = plan.program == Program::InTurn;
            assert!(in_turn || seen(&plan, 5.0) >= 1, "{kind} {index} {}", plan.program);
            if plan.program == Program::Together {
                assert!(seen(&plan, 5.0) >= 2, "{kind} {index}");
            }
            for program in [Program::OffScreen, Program::Noise, Program::Silence] {
                let plan = ClipPlan::new(ClipRequest { program: Some(program), ..request.clone() }).unwrap();
                assert_eq!(seen(&plan, 5.0), 0);
                let heard = level(plan.sound(8000, 4.0..6.0).samples.into_iter());
                assert_eq!(program == Program::Silence, heard == 0.0, "{kind} {index} {program}: {heard}");
            }
        }
    }
}

#[test]
fn other_lengths_have_their_middle_too() {
    for lasts_secs in [1.0, 3.0, 30.0] {
        for class in ThingKind::ALL {
            let request = ClipRequest::new(5, Split::Train, 1, SceneKind::Solo, SMALL);
            let plan = ClipPlan::new(ClipRequest { lasts_secs, class: Some(class), ..request }).unwrap();
            assert!(plan.truth(0.5 * lasts_secs)[0].sounding, "{class} in {lasts_secs} s");
            assert!(plan.things[0].sounding.iter().all(|span| span.start >= 0.0 && span.end <= lasts_secs + 1e-9));
        }
    }
}

#[test]
fn words_name_kinds_and_unknown_words_are_told() {
    assert_eq!("alarm-clock".parse(), Ok(ThingKind::AlarmClock));
    assert!("trombone".parse::<ThingKind>().unwrap_err().contains("guitar"));
    assert_eq!("quadrants".parse(), Ok(SceneKind::Quadrants));
    assert!("trio".parse::<SceneKind>().unwrap_err().contains("ensemble"));
    assert_ne!(Dice::of(&[1]).part(1).unit(), Dice::of(&[1]).part(2).unit());
}
