//! The real annotation files of the field hold what FORMATS.md counted in them, and hostile files are refused.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use sonolens::dataset::formats::{self, AnnotationSet};
use sonolens::dataset::{Benchmark, NegativeKind};

use crate::support;

/// A real annotation file, read; `None` where there is no reference material.
fn real(name: &str) -> Option<AnnotationSet> {
    let path = support::reference_dir()?.join("annotations").join(name);
    Some(formats::read(&path).unwrap_or_else(|error| panic!("{error}")))
}

/// How many items have how many boxes.
fn boxes_per_item(set: &AnnotationSet) -> BTreeMap<usize, usize> {
    let mut counts = BTreeMap::new();
    for item in &set.items {
        *counts.entry(item.annotations.as_ref().map_or(0, |truth| truth.boxes().len())).or_default() += 1;
    }
    counts
}

fn classes(set: &AnnotationSet) -> BTreeSet<String> {
    set.items.iter().filter_map(|item| item.class.clone()).collect()
}

#[test]
fn vgg_ss_has_its_boxes_and_its_broken_ones() {
    let Some(set) = real("lvs/vggss.json") else { return };
    assert_eq!(set.benchmark, Benchmark::VggSs);
    assert_eq!((set.items.len(), set.box_count(), classes(&set).len()), (5158, 5941, 221));
    assert_eq!(boxes_per_item(&set), BTreeMap::from([(1, 4619), (2, 385), (3, 94), (4, 37), (5, 18), (6, 3), (7, 2)]));
    assert_eq!(set.degenerate_count(), 18);
    let overflowing = set.items.iter().flat_map(|item| item.annotations.as_ref().unwrap().boxes());
    let overflowing = overflowing.filter(|found| found.has_quirk(&sonolens::dataset::Quirk::Overflow)).count();
    assert_eq!(overflowing, 12);
    let hopeless: Vec<&str> = set
        .items
        .iter()
        .filter(|item| item.annotations.as_ref().unwrap().boxes().iter().all(|found| found.is_degenerate()))
        .map(|item| item.picture.as_str())
        .collect();
    assert_eq!(hopeless, ["M1P1xla8rg0_000000", "MKC9LvRivTM_000030"]);
}

#[test]
fn every_list_has_its_length_and_benchmark() {
    use Benchmark::{ExtendedFlickr, ExtendedVggSs, FlickrSoundNet, Plain, VggSs};
    let lists = [
        ("lvs/vggss_test.csv", 5158, VggSs),
        ("ez-vsl/vggss_heard_test.csv", 2564, VggSs),
        ("ez-vsl/vggss_unheard_test.csv", 2575, VggSs),
        ("slavc/vggss_test_plus_silent.csv", 5158, ExtendedVggSs),
        ("lvs/flickr_test.csv", 249, FlickrSoundNet),
        ("slavc/flickr_test.csv", 250, FlickrSoundNet),
        ("sslalignment/flickr_test.csv", 250, FlickrSoundNet),
        ("sslalignment/flickr_test_249.csv", 249, FlickrSoundNet),
        ("sslalignment/test_flickr_250.txt", 250, FlickrSoundNet),
        ("slavc/flickr_test_plus_silent.csv", 250, ExtendedFlickr),
        ("slavc/flickr_sup_train.txt", 4750, FlickrSoundNet),
        ("ardasnck/test_list.txt", 250, FlickrSoundNet),
        ("c2f/gtest.txt", 250, FlickrSoundNet),
        ("ssl-tie/test_flickr_250.txt", 249, FlickrSoundNet),
        ("ssl-tie/test_flickr_5k.txt", 5000, FlickrSoundNet),
        ("ssl-tie/test_vggss_4911.txt", 4911, VggSs),
        ("ssl-tie/openset/openset_test_110_heard_2425.txt", 2425, VggSs),
        ("ssl-tie/openset/openset_test_110_unheard_2463.txt", 2463, VggSs),
        ("sspl/vggss_test_4692.csv", 4692, VggSs),
        ("heartheflow/vggss_test_trimmed.csv", 4670, VggSs),
        ("heartheflow/flickr_test_trimmed.csv", 178, FlickrSoundNet),
        ("heartheflow/flickr_test_expanded.csv", 1666, FlickrSoundNet),
        ("sslalignment/ours_vggss.txt", 4655, VggSs),
        ("acl-ssl/flickr_test_with_labels.csv", 250, FlickrSoundNet),
        ("acl-ssl/avs1_s4_test.csv", 3700, Plain),
        ("acl-ssl/avs1_ms3_test.csv", 320, Plain),
    ];
    let Some(truth) = real("lvs/vggss.json") else { return };
    let annotated: BTreeSet<String> = truth.items.iter().map(|item| item.key()).collect();
    for (name, length, benchmark) in lists {
        let Some(set) = real(name) else { return };
        assert_eq!((set.items.len(), set.benchmark), (length, benchmark), "{name}");
        if benchmark == VggSs {
            let stray = set.items.iter().find(|item| !annotated.contains(&item.key()));
            assert!(stray.is_none(), "{name} names {stray:?}, which vggss.json lacks");
        }
    }
}

#[test]
fn heard_and_unheard_share_no_class() {
    let (Some(truth), Some(heard), Some(unheard)) =
        (real("lvs/vggss.json"), real("ez-vsl/vggss_heard_test.csv"), real("ez-vsl/vggss_unheard_test.csv"))
    else {
        return;
    };
    let class_of: BTreeMap<String, String> =
        truth.items.iter().map(|item| (item.key(), item.class.clone().unwrap())).collect();
    let classes_of = |set: &AnnotationSet| set.items.iter().map(|item| class_of[&item.key()].clone()).collect();
    let (heard, unheard): (BTreeSet<String>, BTreeSet<String>) = (classes_of(&heard), classes_of(&unheard));
    assert_eq!((heard.len(), unheard.len(), heard.intersection(&unheard).count()), (110, 110, 0));
}

#[test]
fn flickr_annotations_keep_every_opinion() {
    let (Some(set), Some(list)) = (real("c2f/flickr_soundnet_annotations_2786.json"), real("slavc/flickr_test.csv"))
    else {
        return;
    };
    assert_eq!((set.items.len(), set.box_count()), (2786, 8822));
    let expected = BTreeMap::from([(2, 183), (3, 2169), (4, 295), (5, 90), (6, 36), (7, 4), (8, 7), (9, 1), (10, 1)]);
    assert_eq!(boxes_per_item(&set), expected);
    let annotated: BTreeSet<String> = set.items.iter().map(|item| item.key()).collect();
    assert!(list.items.iter().all(|item| annotated.contains(&item.key())));
    let inverted: Vec<&str> = set
        .items
        .iter()
        .filter(|item| item.annotations.as_ref().unwrap().boxes().iter().any(|found| found.is_degenerate()))
        .map(|item| item.picture.as_str())
        .collect();
    assert_eq!(inverted, ["4041216001"]);
}

#[test]
fn pair_sets_have_their_pairs_sizes_and_silences() {
    let sets = [
        ("synthetic3240", "bbox", Benchmark::Is3, 6480, 0, 6480),
        ("vpo_ss", "bbox", Benchmark::VpoSs, 890, 0, 890),
        ("vpo_ms", "bbox", Benchmark::VpoMs, 2157, 2, 2157),
        ("ms3", "box", Benchmark::AvsBenchMs3, 320, 29, 64),
        ("s4", "box", Benchmark::AvsBenchS4, 3700, 6, 740),
    ];
    for (name, kind, benchmark, entries, empty, sounds) in sets {
        let Some(boxes) = real(&format!("sslalignment/{name}_{kind}.json")) else { return };
        assert_eq!(boxes.benchmark, benchmark, "{name}");
        assert_eq!((boxes.items.len(), boxes.items.len() - boxes.box_count()), (entries, empty), "{name}");
        let heard: BTreeSet<&String> = boxes.items.iter().filter_map(|item| item.sound.as_ref()).collect();
        assert_eq!(heard.len(), sounds, "{name}");
        let keys: BTreeSet<String> = boxes.items.iter().map(|item| item.key()).collect();
        assert_eq!(keys.len(), entries, "{name}: keys are unique");
        let Some(masks) = real(&format!("sslalignment/{name}_seg.json")) else { return };
        let mask_keys: BTreeSet<String> = masks.items.iter().map(|item| item.key()).collect();
        assert_eq!(mask_keys, keys, "{name}: masks and boxes speak of the same clips");
        assert!(masks.items.iter().all(|item| item.annotations.as_ref().unwrap().masks.len() == 1));
    }
    let Some(is3) = real("sslalignment/synthetic3240_bbox.json") else { return };
    let keys: Vec<String> = is3.items.iter().map(|item| item.key()).collect();
    let pairs: BTreeSet<&str> = keys.iter().map(|key| formats::pair_key(key)).collect();
    assert_eq!((pairs.len(), classes(&is3).len()), (3240, 111));
    assert_eq!(is3.items.iter().filter(|item| item.class.as_deref() == Some("baby")).count(), 201);
    let Some(vpo) = real("sslalignment/vpo_ms_bbox.json") else { return };
    let keys: Vec<String> = vpo.items.iter().map(|item| item.key()).collect();
    assert_eq!(keys.iter().map(|key| formats::pair_key(key)).collect::<BTreeSet<_>>().len(), 1432);
}

#[test]
fn music_and_audioset_count_their_empty_frames() {
    for (name, benchmark, frames, boxes, empty) in [
        ("dsol/solotest.json", Benchmark::MusicSolo, 13472, 12356, 1116),
        ("dsol/duettest.json", Benchmark::MusicDuet, 11512, 15035, 1228),
        ("dsol/audioset_box.json", Benchmark::AudioSetInstruments, 4503, 7403, 30),
    ] {
        let Some(set) = real(name) else { return };
        assert_eq!(set.benchmark, benchmark, "{name}");
        assert_eq!((set.items.len(), set.box_count()), (frames, boxes), "{name}");
        assert_eq!(boxes_per_item(&set)[&0], empty, "{name}");
    }
    let Some(normav) = real("c2f/normav.json") else { return };
    assert_eq!((normav.items.len(), normav.box_count()), (4503, 8038));
    assert!(normav.notes[0].message.contains("fractions"));
    let label_counts = normav.items.iter().map(|item| {
        item.annotations.as_ref().unwrap().boxes().iter().map(|found| &found.label).collect::<BTreeSet<_>>().len()
    });
    let mut by_count = BTreeMap::new();
    label_counts.for_each(|count| *by_count.entry(count).or_insert(0) += 1);
    assert_eq!((by_count[&2], by_count[&3]), (211, 19));
}

#[test]
fn urbansas_samples_and_flowgrad_labels() {
    let Some(video) = real("urbansas/soundata_sample_video_annotations.csv") else { return };
    assert_eq!((video.benchmark, video.items.len(), video.box_count()), (Benchmark::Urbansas, 1, 3));
    let truth = video.items[0].annotations.as_ref().unwrap();
    let at_half: Vec<f64> = truth.at(0.5).iter().map(|found| found.rect_fraction.left * 1280.0).collect();
    assert_eq!(at_half.len(), 1);
    assert!((at_half[0] - 903.26).abs() < 1e-9);
    let Some(audio) = real("urbansas/soundata_sample_audio_annotations.csv") else { return };
    let sounds = &audio.items[0].annotations.as_ref().unwrap().sounds;
    let seen: Vec<(bool, bool)> = sounds.iter().map(|sound| (sound.unidentified, sound.off_screen)).collect();
    assert_eq!(seen, [(true, false), (false, true), (true, false)]);
    let Some(labels) = real("urbansas/flowgrad_label_acevedo0103_00_3_12.txt") else { return };
    assert_eq!(labels.items[0].picture, "acevedo0103_00_3");
    assert_eq!(labels.items[0].annotations.as_ref().unwrap().at(1.5).len(), 4, "frame 12 at eight a second");
}

#[test]
fn negatives_are_sorted_into_real_easy_and_hard() {
    let Some(reference) = support::reference_dir() else { return };
    let annotations = reference.join("annotations");
    let folder = tempfile::tempdir().unwrap();
    for name in ["lvs/vggss.json", "lvs/vggss_test.csv", "slavc/vggss_test_plus_silent.csv"] {
        let source = annotations.join(name);
        std::fs::copy(&source, folder.path().join(source.file_name().unwrap())).unwrap();
    }
    let dataset = sonolens::dataset::open(folder.path()).unwrap();
    assert_eq!(dataset.benchmark, Benchmark::ExtendedVggSs);
    assert_eq!(dataset.clips.len(), 10316);
    let count = |kind: NegativeKind| dataset.clips.iter().filter(|clip| clip.negative == Some(kind)).count();
    assert_eq!((count(NegativeKind::Real), count(NegativeKind::Easy), count(NegativeKind::Hard)), (379, 3594, 1185));
    assert_eq!((dataset.report.listed, dataset.report.present, dataset.report.missing.len()), (10316, 0, 10316));
}

/// Files that must be refused with a message that names a place.
#[test]
fn hostile_files_are_refused_with_file_and_place() {
    let folder = tempfile::tempdir().unwrap();
    let deep_json = format!("[{}", "{\"a\":[".repeat(50_000));
    let deep_xml = "<a>".repeat(50_000);
    let bomb =
        "<!DOCTYPE a [<!ENTITY a \"x\"><!ENTITY b \"&a;&a;\">]><annotation><filename>&b;</filename></annotation>";
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty.json", Vec::new(), "empty"),
        ("cut.json", br#"[{"file": "a", "class": "b", "bbox": [[0,0,"#.to_vec(), "line 1"),
        ("nan.json", br#"[{"file": "a", "class": "b", "bbox": [[0,0,NaN,1]]}]"#.to_vec(), "NaN"),
        ("huge.json", br#"[{"file": "a", "class": "b", "bbox": [[0,0,1e999,1]]}]"#.to_vec(), "out of range"),
        ("five.json", br#"[{"file": "a", "class": "b", "bbox": [[0,0,1,1,1]]}]"#.to_vec(), "line 1"),
        ("missing.json", b"[{\"file\": \"a\", \"class\": \"b\", \"bbox\": []},\n{\"file\": \"c\"}]".to_vec(), "line 2"),
        ("deep.json", deep_json.into_bytes(), "EOF"),
        ("deep.xml", deep_xml.into_bytes(), "nested deeper"),
        ("bomb.xml", bomb.as_bytes().to_vec(), "not expanded"),
        ("latin.csv", b"abc\nd\xe9f\n".to_vec(), "line 2"),
        ("utf16.csv", b"\xff\xfea\0b".to_vec(), "odd"),
        ("other.json", br#"{"hello": "world"}"#.to_vec(), "no annotation format"),
        ("other.xml", b"<html><body/></html>".to_vec(), "no annotation format"),
        ("noise.bin", (0..=255).cycle().take(5000).collect(), "neither"),
        (
            "voc.xml",
            b"<annotation><filename>a</filename><size><width>10</width><height>10</height></size>\n<object><bndbox>\
              <xmin>inf</xmin><ymin>0</ymin><xmax>1</xmax><ymax>1</ymax></bndbox></object></annotation>"
                .to_vec(),
            "line 2",
        ),
        (
            "cvat.xml",
            b"<annotations><image name='a' width='99999999999999' height='1'/></annotations>".to_vec(),
            "larger than any picture",
        ),
        (
            "coco.json",
            br#"{"images": [], "annotations": [{"image_id": 7, "bbox": [0,0,9,9]}], "categories": []}"#.to_vec(),
            "annotations[0].image_id",
        ),
    ];
    for (name, content, expected) in cases {
        let path: PathBuf = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let error = sonolens::dataset::open(&path).expect_err(name).to_string();
        assert!(error.contains(name) && error.contains(expected), "{error}");
    }
    assert!(sonolens::dataset::open(&folder.path().join("absent.json")).is_err());
}
