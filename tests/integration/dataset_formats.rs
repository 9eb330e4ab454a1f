//! Annotations survive the way through every format, and folders are recognized for what they are.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use sonolens::cli::annotations::{ConvertOptions, convert};
use sonolens::dataset::formats::{self, AnnotationSet, Format, Item, MediaKind, WriteOptions};
use sonolens::dataset::{
    Annotation, Benchmark, BetweenKeys, ClipAnnotations, ClipMedia, InspectionRules, MediaProblem, Moment, ScoredFrame,
    SoundInterval, Span, inspect,
};
use sonolens::geometry::{Rect, Size};

use crate::support::tones::wav;

const RATE: f64 = 25.0;
const OPTIONS: WriteOptions = WriteOptions { frame_size: None, frame_rate: Some(RATE) };

/// Labels with everything that a format may trip over.
fn label() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("dog".to_owned()),
        Just("a \"b\" <c> & 'd', ümlaut; 犬".to_owned()),
        Just("car\\back|slash".to_owned()),
        "[a-z]{1,12}"
    ]
}

fn rect() -> impl Strategy<Value = Rect> {
    (0.0..0.8f64, 0.0..0.8f64, 0.01..0.2f64, 0.01..0.2f64).prop_map(|(x, y, w, h)| Rect::new(x, y, x + w, y + h))
}

fn still_box() -> impl Strategy<Value = Annotation> {
    (rect(), label(), proptest::option::of(any::<bool>()), any::<bool>()).prop_map(
        |(rect, label, sounding, occluded)| Annotation { sounding, occluded, ..Annotation::new(rect, Some(label)) },
    )
}

fn stills() -> impl Strategy<Value = AnnotationSet> {
    let pictures =
        proptest::collection::vec((proptest::collection::vec(still_box(), 0..4), 1u32..4000, 1u32..4000), 1..4);
    pictures.prop_map(|pictures| {
        let items = pictures.into_iter().enumerate().map(|(number, (boxes, width, height))| Item {
            picture: format!("picture {number}.jpg"),
            kind: MediaKind::Image,
            frame_size: Some(Size::new(width, height)),
            annotations: Some(ClipAnnotations::of_boxes(boxes)),
            ..Item::default()
        });
        AnnotationSet::new(Format::Sonolens, Benchmark::Plain, items.collect())
    })
}

/// A track: keys at growing frames, linear in between, perhaps closed at the end.
fn track(name: usize) -> impl Strategy<Value = Vec<Annotation>> {
    let keys = proptest::collection::vec((1u64..30, rect(), 0u8..4), 1..5);
    (keys, label(), 0u64..20).prop_map(move |(keys, label, start)| {
        let mut frame = start;
        let mut annotations = Vec::new();
        for (step, rect, kind) in keys {
            let mut annotation = Annotation::new(rect, Some(label.clone()));
            annotation.track = Some(name.to_string());
            annotation.span = Span::Frame(frame);
            annotation.between =
                [BetweenKeys::Linear, BetweenKeys::Hold, BetweenKeys::Nothing, BetweenKeys::Linear][usize::from(kind)];
            annotations.push(annotation);
            frame += step;
        }
        annotations
    })
}

fn video() -> impl Strategy<Value = AnnotationSet> {
    (track(0), track(1), any::<bool>()).prop_map(|(first, mut second, close)| {
        if let (true, Some(last)) = (close, second.last_mut()) {
            last.visible = false;
        }
        if second.iter().all(|key| !key.visible) {
            second.clear();
        }
        let truth = ClipAnnotations::of_boxes(first.into_iter().chain(second).collect()).with_frame_rate(Some(RATE));
        let item = Item {
            picture: "clip.mp4".into(),
            kind: MediaKind::Video,
            frame_size: Some(Size::new(640, 360)),
            frame_count: Some(250),
            annotations: Some(truth),
            ..Item::default()
        };
        AnnotationSet::new(Format::Sonolens, Benchmark::Plain, vec![item])
    })
}

fn through(set: &AnnotationSet, format: Format, name: &str) -> AnnotationSet {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    formats::write(&path, set, format, &OPTIONS).unwrap();
    let sizes = |picture: &str| set.items.iter().find(|item| item.picture == picture)?.frame_size;
    if path.is_dir() {
        let mut files: Vec<PathBuf> = std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let sets = files.iter().map(|file| formats::read_with_sizes(file, &sizes).unwrap());
        let items: Vec<Item> = sets.flat_map(|set| set.items).collect();
        return AnnotationSet::new(format, Benchmark::Plain, items);
    }
    let back = formats::read_with_sizes(&path, &sizes).unwrap();
    assert_eq!(back.format, format, "the format is recognized by its content");
    back
}

fn close(a: &Rect, b: &Rect) -> bool {
    let differences = [a.left - b.left, a.top - b.top, a.right - b.right, a.bottom - b.bottom];
    differences.iter().all(|difference| difference.abs() < 1e-9)
}

/// Boxes, labels and flags of still pictures are what they were.
fn same_stills(set: &AnnotationSet, back: &AnnotationSet) -> Result<(), TestCaseError> {
    prop_assert_eq!(set.items.len(), back.items.len());
    for (item, other) in set.items.iter().zip(&back.items) {
        prop_assert_eq!(&item.picture, &other.picture);
        let (boxes, others) = (item.annotations.as_ref().unwrap().boxes(), other.annotations.as_ref().unwrap().boxes());
        prop_assert_eq!(boxes.len(), others.len());
        for (one, two) in boxes.iter().zip(others) {
            prop_assert!(close(&one.rect_fraction, &two.rect_fraction), "{:?} {:?}", one, two);
            prop_assert_eq!(&one.label, &two.label);
            prop_assert_eq!(one.sounding, two.sounding);
            prop_assert_eq!(one.occluded, two.occluded);
        }
    }
    Ok(())
}

/// At every frame the same boxes stand at the same places.
fn same_over_time(set: &AnnotationSet, back: &AnnotationSet) -> Result<(), TestCaseError> {
    let (truth, other) = (set.items[0].annotations.as_ref().unwrap(), back.items[0].annotations.as_ref().unwrap());
    for frame in 0..180u64 {
        let moment = Moment::of_frame(frame, frame as f64 / RATE, 1.0 / RATE);
        let sorted = |truth: &ClipAnnotations| {
            let mut found: Vec<(String, Rect)> =
                truth.at(moment).iter().map(|b| (b.annotation.label.clone().unwrap(), b.rect_fraction)).collect();
            found.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.left.total_cmp(&b.1.left)));
            found
        };
        let (one, two) = (sorted(truth), sorted(other));
        let same = one.len() == two.len() && one.iter().zip(&two).all(|(a, b)| a.0 == b.0 && close(&a.1, &b.1));
        prop_assert!(same, "frame {}: {:?} became {:?}", frame, one, two);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn still_pictures_survive_every_format(set in stills()) {
        same_stills(&set, &through(&set, Format::Sonolens, "a.json"))?;
        same_stills(&set, &through(&set, Format::Coco, "a.json"))?;
        same_stills(&set, &through(&set, Format::CvatImages, "a.xml"))?;
        same_stills(&set, &through(&set, Format::LabelStudio, "a.json"))?;
        same_stills(&set, &through(&set, Format::Via2Json, "a.json"))?;
        same_stills(&set, &through(&set, Format::Via2Csv, "a.csv"))?;
        same_stills(&set, &through(&set, Format::Voc, if set.items.len() > 1 { "folder" } else { "a.xml" }))?;
    }

    #[test]
    fn tracks_survive_every_video_format(set in video()) {
        same_over_time(&set, &through(&set, Format::Sonolens, "a.json"))?;
        same_over_time(&set, &through(&set, Format::CvatVideo, "a.xml"))?;
        same_over_time(&set, &through(&set, Format::LabelStudio, "a.json"))?;
        same_over_time(&set, &through(&set, Format::Coco, "a.json"))?;
        same_over_time(&set, &through(&set, Format::Via3Json, "a.json"))?;
        same_over_time(&set, &through(&set, Format::Via3Csv, "a.csv"))?;
    }

    #[test]
    fn no_bytes_make_a_reader_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..400), head in 0usize..6) {
        let heads: [&[u8]; 6] = [b"", b"{\"sonolens\":1,", b"<annotations>", b"# CSV_HEADER = ", b"[{\"data\":", b"\x93NUMPY\x01\x00"];
        bytes.splice(0..0, heads[head].iter().copied());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        std::fs::write(&path, bytes).unwrap();
        let _ = formats::read(&path);
        let _ = sonolens::dataset::open(&path);
    }
}

#[test]
fn several_annotators_and_their_sounds_survive_label_studio() {
    let boxed = |annotator: &str, left: f64| Annotation {
        annotator: Some(annotator.into()),
        ..Annotation::new(Rect::new(left, 0.1, left + 0.1, 0.2), Some("dog".into()))
    };
    let sound = SoundInterval {
        start_secs: 1.25,
        end_secs: 2.5,
        label: Some("dog".into()),
        annotator: Some("b@x.org".into()),
        off_screen: true,
        unidentified: false,
    };
    let truth = ClipAnnotations::of_boxes(vec![boxed("a@x.org", 0.1), boxed("b@x.org", 0.5)]).with_sounds(vec![sound]);
    let item =
        Item { picture: "a.jpg".into(), kind: MediaKind::Image, annotations: Some(truth.clone()), ..Item::default() };
    let set = AnnotationSet::new(Format::Sonolens, Benchmark::Plain, vec![item]);
    let back = through(&set, Format::LabelStudio, "a.json");
    let read = back.items[0].annotations.as_ref().unwrap();
    assert_eq!(read.sounds, truth.sounds);
    let annotators: Vec<_> = read.boxes().iter().map(|found| found.annotator.as_deref().unwrap()).collect();
    assert_eq!(annotators, ["a@x.org", "b@x.org"]);
    let numbers: Vec<_> = read.truth_boxes(None).iter().map(|found| found.annotator).collect();
    assert_eq!(numbers, [Some(0), Some(1)], "a consensus needs to know who drew what");
}

/// Files as the programs themselves write them, by their documentation.
#[test]
fn files_of_the_annotation_programs_mean_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let read = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        formats::read_with_sizes(&path, &|_| Some(Size::new(200, 100))).unwrap_or_else(|error| panic!("{error}"))
    };
    let first = |set: &AnnotationSet| set.items[0].annotations.clone().unwrap();

    let cvat = read(
        "cvat.xml",
        "<annotations><version>1.1</version><meta><task><size>30</size><original_size><width>200</width>\
         <height>100</height></original_size><source>v.mp4</source></task></meta>\
         <track id='0' label='car'><box frame='4' outside='0' occluded='1' keyframe='1' xtl='20' ytl='10' xbr='40' ybr='20'/>\
         <box frame='8' outside='1' occluded='0' keyframe='1' xtl='60' ytl='10' xbr='80' ybr='20'/></track></annotations>",
    );
    assert_eq!(cvat.items[0].picture, "v.mp4");
    let truth = first(&cvat);
    let left_at = |frame: u64| truth.at(Moment::of_frame(frame, 0.0, 0.04)).first().map(|b| b.rect_fraction.left);
    assert_eq!((left_at(3), left_at(4), left_at(6), left_at(8)), (None, Some(0.1), Some(0.2), None));

    let voc = "<annotation><filename>p.jpg</filename><source><database>The VOC2007 Database</database></source>\
               <size><width>200</width><height>100</height><depth>3</depth></size><object><name>dog</name>\
               <bndbox><xmin>1</xmin><ymin>1</ymin><xmax>200</xmax><ymax>100</ymax></bndbox></object></annotation>";
    assert_eq!(first(&read("voc.xml", voc)).boxes()[0].rect_fraction, Rect::UNIT, "counted from 1, end included");
    let exported = voc.replace("The VOC2007 Database", "Unknown");
    assert_eq!(first(&read("voc0.xml", &exported)).boxes()[0].rect_fraction, Rect::new(0.005, 0.01, 1.0, 1.0));

    let flickr = "<root><a1><bbox><x/><xmin>64</xmin><ymin>1</ymin><xmax>128</xmax><ymax>256</ymax></bbox></a1>\
                  <a2><note/><bbox><x/><xmin>0</xmin><ymin>0</ymin><xmax>256</xmax><ymax>256</ymax></bbox></a2></root>";
    let flickr = read("3908875350.xml", flickr);
    assert_eq!((flickr.benchmark, flickr.items[0].key().as_str()), (Benchmark::FlickrSoundNet, "3908875350"));
    let truth = first(&flickr);
    assert_eq!(truth.boxes()[0].rect_fraction, Rect::new(0.25, 1.0 / 256.0, 0.5, 1.0));
    assert_eq!(truth.boxes()[1].annotator.as_deref(), Some("2"));

    let studio = read(
        "studio.json",
        r#"[{"data":{"video":"v.mp4"},"annotations":[
            {"completed_by":{"email":"a@x"},"was_cancelled":true,"result":[]},
            {"completed_by":7,"result":[{"id":"q","type":"videorectangle","value":{"framesCount":100,"duration":4.0,
             "labels":["cat"],"sequence":[
               {"frame":1,"enabled":true,"x":0,"y":0,"width":10,"height":10,"rotation":0},
               {"frame":11,"enabled":false,"x":50,"y":0,"width":10,"height":10,"rotation":0}]}}]}]}]"#,
    );
    let truth = first(&studio);
    let left = |secs: f64| truth.at(secs).first().map(|found| (found.rect_fraction.left * 100.0).round());
    assert_eq!((left(0.0), left(0.2), left(0.4), left(0.6)), (Some(0.0), Some(25.0), Some(50.0), None));
    assert_eq!(truth.boxes()[0].annotator.as_deref(), Some("7"));
    assert_eq!(studio.notes[0].count, 1);

    let via2 = r#"{"p.jpg123":{"filename":"p.jpg","size":123,"regions":{"0":{"shape_attributes":{"name":"rect","x":20,
        "y":10,"width":100,"height":50},"region_attributes":{"class":"dog","sounding":"no"}}},"file_attributes":{}}}"#;
    let truth = first(&read("via2.json", via2));
    assert_eq!(truth.boxes()[0].rect_fraction, Rect::new(0.1, 0.1, 0.6, 0.6));
    assert_eq!((truth.boxes()[0].label.as_deref(), truth.boxes()[0].sounding), (Some("dog"), Some(false)));
    assert!(truth.truth_boxes(None).is_empty(), "what is known to be silent is no ground truth");

    let via3 = r#"{"project":{},"attribute":{"1":{"aname":"what","options":{"0":"dog"}}},
        "file":{"1":{"fname":"v.mp4","type":4,"src":""}},"view":{"1":{"fid_list":["1"]}},"metadata":{
        "1_a":{"vid":"1","z":[2.0],"xy":[2,20,10,100,50],"av":{"1":"0"}},
        "1_b":{"vid":"1","z":[1.0,3.0],"xy":[],"av":{"1":"0"}}}}"#;
    let truth = first(&read("via3.json", via3));
    assert_eq!(truth.at(2.0)[0].annotation.label.as_deref(), Some("dog"));
    assert!(truth.at(2.5).is_empty() && truth.at(2.0)[0].sounding);
    assert_eq!((truth.sounds[0].start_secs, truth.sounds[0].end_secs), (1.0, 3.0));

    let youtube_vis = r#"{"videos":[{"id":1,"file_names":["v/0.jpg","v/1.jpg"],"width":200,"height":100,"length":2}],
        "categories":[{"id":5,"name":"dog"}],
        "annotations":[{"id":1,"video_id":1,"category_id":5,"bboxes":[null,[20,10,100,50]]}]}"#;
    let set = read("vis.json", youtube_vis);
    assert_eq!((set.items[0].picture.as_str(), first(&set).boxes()[0].span), ("v", Span::Frame(1)));
}

fn touch(path: &Path) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, b"x").unwrap();
}

#[test]
fn a_vgg_ss_folder_says_what_it_has_and_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (here, video, gone) = ("aaaaaaaaaaa_000030", "b_b_b_b_b_b_000001", "ccccccccccc_000007");
    let entry = |id: &str, class: &str| format!(r#"{{"file":"{id}","class":"{class}","bbox":[[0.1,0.1,0.5,0.5]]}}"#);
    let all = [entry(here, "dog"), entry(video, "dog"), entry(gone, "cat")].join(",");
    std::fs::write(at("vggss.json"), format!("[{all}]")).unwrap();
    std::fs::write(at("vggss_test.csv"), format!("{here}\r\n{video}\r\n{gone}\r\nzzzzzzzzzzz_000001\r\n")).unwrap();
    std::fs::write(at("readme.txt"), "What this is\nand how\n").unwrap();
    // The other spelling of the same id, and a picture that no list names.
    touch(&at("frames/aaaaaaaaaaa_30000_40000.jpg"));
    touch(&at("audio/aaaaaaaaaaa_000030.wav"));
    touch(&at(&format!("videos/{video}.mp4")));
    touch(&at("frames/ddddddddddd_000001.jpg"));
    let dataset = sonolens::dataset::open(folder.path()).unwrap();
    assert_eq!(dataset.benchmark, Benchmark::VggSs);
    let report = &dataset.report;
    assert_eq!(report.list.as_deref(), Some("vggss_test.csv (4)"));
    assert_eq!((report.listed, report.present, report.unlisted_media), (4, 2, 1));
    assert_eq!(report.missing, [gone, "zzzzzzzzzzz_000001"]);
    assert_eq!(report.unannotated, ["zzzzzzzzzzz_000001"]);
    assert_eq!(report.layout.as_deref(), Some("images in frames/, sounds in audio/, videos in videos/"));
    assert!(report.notes.iter().any(|note| note.examples == ["readme.txt"]), "{:?}", report.notes);
    let clip = |id: &str| dataset.clips.iter().find(|clip| clip.id == id).unwrap();
    let still = clip(here);
    let sound = Some(at("audio/aaaaaaaaaaa_000030.wav"));
    assert_eq!(still.media, ClipMedia::StillAndSound { image: at("frames/aaaaaaaaaaa_30000_40000.jpg"), sound });
    assert_eq!((still.scored, clip(video).scored), (ScoredFrame::Still, ScoredFrame::Middle));
    assert_eq!(clip(video).annotations.as_ref().unwrap().truth_boxes(None).len(), 1);

    let short = at("short.txt");
    std::fs::write(&short, "ccccccccccc_7000_17000.mp4").unwrap();
    let chosen = sonolens::dataset::open(&short).unwrap();
    assert_eq!((chosen.clips.len(), chosen.clips[0].id.as_str()), (1, gone));
    assert_eq!(chosen.clips[0].class.as_deref(), Some("cat"), "a list brings the annotations beside it");
}

#[test]
fn plain_folders_become_clips() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    assert!(sonolens::dataset::open(folder.path()).is_err(), "an empty folder is no dataset");
    for name in ["one.mp4", "two.jpg", "two.wav", "alone.wav", "still.png"] {
        touch(&at(name));
    }
    let dataset = sonolens::dataset::open(folder.path()).unwrap();
    let found: Vec<(&str, bool, bool)> = dataset
        .clips
        .iter()
        .map(|clip| (clip.id.as_str(), clip.media.picture().is_some(), clip.media.sound().is_some()))
        .collect();
    assert_eq!(found, [("alone", false, true), ("one", true, true), ("still", true, false), ("two", true, true)]);

    let per_clip = tempfile::tempdir().unwrap();
    for name in ["a/1.jpg", "a/2.jpg", "a/3.jpg", "a/audio.wav", "b/1.jpg", "b/audio.wav"] {
        touch(&per_clip.path().join(name));
    }
    let dataset = sonolens::dataset::open(per_clip.path()).unwrap();
    assert_eq!(dataset.report.layout.as_deref(), Some("a folder for each clip"));
    let pictures: Vec<&Path> = dataset.clips.iter().filter_map(|clip| clip.media.picture()).collect();
    assert_eq!(pictures, [per_clip.path().join("a/2.jpg"), per_clip.path().join("b/1.jpg")]);
    assert!(dataset.report.notes.iter().any(|note| note.message.contains("middle")), "which frame was taken is said");
}

#[test]
fn inspection_finds_what_is_silent_short_and_unreadable() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (name, value) in [("heard", 1000), ("silent", 0), ("broken", 1000)] {
        std::fs::write(at(&format!("{name}.wav")), wav(16_000, &[value; 16_000])).unwrap();
        image::RgbImage::new(4, 4).save(at(&format!("{name}.png"))).unwrap();
    }
    std::fs::write(at("broken.png"), b"\x89PNG\r\n\x1a\nnothing more").unwrap();
    image::RgbImage::new(4, 4).save(at("mute.png")).unwrap();
    let dataset = sonolens::dataset::open(folder.path()).unwrap();
    let rules = InspectionRules { needed_secs: 0.5, ..InspectionRules::default() };
    let go_on = |_, _| std::ops::ControlFlow::Continue(());
    let found = inspect(&dataset, rules, &Default::default(), go_on);
    let ids: Vec<&str> = found.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["broken", "mute", "silent"], "{found:?}");
    assert!(matches!(found[0].1.as_slice(), [MediaProblem::Unreadable { .. }]), "{found:?}");
    assert_eq!(found[1].1, [MediaProblem::NoSound]);
    assert_eq!(found[2].1, [MediaProblem::Silent]);
    let strict = inspect(&dataset, InspectionRules::default(), &Default::default(), go_on);
    let short = MediaProblem::TooShort { secs: 1.0, needed_secs: 3.0 };
    assert!(
        strict.iter().any(|(id, problems)| id == "heard" && problems == std::slice::from_ref(&short)),
        "{strict:?}"
    );
}

#[test]
fn annotations_beside_a_video_belong_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let video = folder.path().join("demo.mp4");
    std::fs::write(&video, b"\0\0\0\x18ftypisom\0\0\0\0isommp42").unwrap();
    let item = Item {
        picture: "demo.mp4".into(),
        annotations: Some(ClipAnnotations::of_boxes(vec![Annotation::new(Rect::UNIT, None)])),
        ..Item::default()
    };
    let set = AnnotationSet::new(Format::Sonolens, Benchmark::Plain, vec![item.clone()]);
    let sidecar = folder.path().join("demo.sonolens.json");
    formats::write(&sidecar, &set, Format::Sonolens, &WriteOptions::default()).unwrap();
    let dataset = sonolens::dataset::open(&video).unwrap();
    assert_eq!(dataset.clips[0].annotations, item.annotations);
    std::fs::write(&sidecar, "{\"sonolens\": 99, \"items\": []}").unwrap();
    assert!(sonolens::dataset::open(&video).unwrap_err().to_string().contains("version 99"));
}

#[test]
fn convert_says_what_it_needs_and_what_it_lost() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("v.json"), r#"[{"file":"aaaaaaaaaaa_000030","class":"dog","bbox":[[0.1,0.2,0.5,0.6]]}]"#)
        .unwrap();
    let mut said = Vec::new();
    let mut options = ConvertOptions { format: Some(Format::Coco), ..ConvertOptions::default() };
    let error = convert(&at("v.json"), &at("out.json"), &options, &mut said).unwrap_err().to_string();
    assert!(error.contains("frame size of aaaaaaaaaaa_000030"), "{error}");
    assert!(!at("out.json").exists(), "nothing is left behind");
    options.frame_size = Some(Size::new(320, 240));
    options.json = true;
    convert(&at("v.json"), &at("out.json"), &options, &mut said).unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&said).unwrap();
    assert_eq!((answer["from"].as_str(), answer["boxes"].as_u64()), (Some("vgg-ss"), Some(1)));
    let back = formats::read(&at("out.json")).unwrap();
    let found = back.items[0].annotations.as_ref().unwrap().boxes()[0].rect_fraction;
    assert!(close(&found, &Rect::new(0.1, 0.2, 0.5, 0.6)));
    options.format = None;
    assert!(
        convert(&at("v.json"), &at("out.xml"), &options, &mut said).unwrap_err().to_string().contains("cvat-video")
    );
}
