//! The folders in which the benchmarks are spread are recognized, and what is missing of them is told.

use std::path::Path;

use serde_json::Value;
use sonolens::dataset::{Benchmark, ClipMedia, Dataset, NegativeKind};

/// A folder with these files; those without content are media by their names.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, if content.is_empty() { "media" } else { content }).unwrap();
    }
    folder
}

fn opened(files: &[(&str, &str)]) -> (tempfile::TempDir, Dataset) {
    let folder = folder(files);
    let dataset = sonolens::dataset::open(folder.path()).unwrap_or_else(|error| panic!("{error}"));
    (folder, dataset)
}

/// Clips, those with all their media, and boxes.
fn counts(dataset: &Dataset) -> (usize, usize, usize) {
    (dataset.report.listed, dataset.report.present, dataset.report.boxes)
}

fn media_of<'a>(dataset: &'a Dataset, id: &str) -> &'a ClipMedia {
    &dataset.clips.iter().find(|clip| clip.id == id).unwrap_or_else(|| panic!("no clip {id}: {dataset:?}")).media
}

const FLICKR_XML: &str = "<annotation><user><bbox><id>1</id><xmin>10</xmin><ymin>20</ymin><xmax>100</xmax>\
    <ymax>200</ymax></bbox></user><user><bbox><id>2</id><xmin>12</xmin><ymin>20</ymin><xmax>110</xmax><ymax>210</ymax>\
    </bbox></user></annotation>";

#[test]
fn flickr_is_xml_a_list_and_numbers() {
    let (_folder, dataset) = opened(&[
        ("flickr_test.csv", "3908875350,1\r\n4041216001,2\r\n5000000000,3\r\n"),
        ("Annotations/3908875350.xml", FLICKR_XML),
        ("Annotations/4041216001.xml", FLICKR_XML),
        ("Annotations/5000000000.xml", FLICKR_XML),
        ("frames/3908875350.jpg", ""),
        ("audio/3908875350.wav", ""),
        ("frames/4041216001.jpg", ""),
        ("audio/4041216001.wav", ""),
    ]);
    assert_eq!((dataset.benchmark, counts(&dataset)), (Benchmark::FlickrSoundNet, (3, 2, 6)));
    assert_eq!(dataset.report.missing, ["5000000000"]);
}

#[test]
fn extended_sets_pair_frames_with_other_sounds() {
    let vggss = r#"[{"file":"aaaaaaaaaaa_000030","class":"dog","bbox":[[0.1,0.1,0.5,0.5]]},
        {"file":"bbbbbbbbbbb_000001","class":"dog","bbox":[[0.1,0.1,0.5,0.5]]},
        {"file":"ccccccccccc_000007","class":"cat","bbox":[[0.1,0.1,0.5,0.5]]}]"#;
    let silent = "video,audio,label\r\naaaaaaaaaaa_000030,aaaaaaaaaaa_000030,non-sounding\r\n\
        aaaaaaaaaaa_000030,bbbbbbbbbbb_000001,non-sounding\r\nbbbbbbbbbbb_000001,ccccccccccc_000007,non-sounding";
    let (_folder, dataset) = opened(&[
        ("vggss.json", vggss),
        ("vggss_test.csv", "aaaaaaaaaaa_000030\r\nbbbbbbbbbbb_000001\r\nccccccccccc_000007\r\n"),
        ("vggss_test_plus_silent.csv", silent),
        ("videos/aaaaaaaaaaa_000030.mp4", ""),
        ("videos/bbbbbbbbbbb_000001.mp4", ""),
        ("videos/ccccccccccc_000007.mp4", ""),
    ]);
    assert_eq!((dataset.benchmark, dataset.clips.len()), (Benchmark::ExtendedVggSs, 6));
    let kinds: Vec<_> = dataset.clips.iter().filter_map(|clip| clip.negative).collect();
    assert_eq!(kinds, [NegativeKind::Real, NegativeKind::Hard, NegativeKind::Easy]);
    let swapped = dataset.clips.iter().find(|clip| clip.negative == Some(NegativeKind::Easy)).unwrap();
    assert!(
        matches!(&swapped.media, ClipMedia::VideoAndSound { sound, .. } if sound.ends_with("ccccccccccc_000007.mp4"))
    );
}

#[test]
fn heard_and_unheard_lists_choose_their_part() {
    let vggss = r#"[{"file":"aaaaaaaaaaa_000030","class":"dog","bbox":[[0.1,0.1,0.5,0.5]]},
        {"file":"bbbbbbbbbbb_000001","class":"cat","bbox":[[0.1,0.1,0.5,0.5]]}]"#;
    let folder = folder(&[
        ("vggss.json", vggss),
        ("vggss_heard_test.csv", "aaaaaaaaaaa_000030"),
        ("vggss_unheard_test.csv", "bbbbbbbbbbb_000001"),
        // The other spelling of the ids.
        ("frames/aaaaaaaaaaa_30000_40000.jpg", ""),
        ("audio/aaaaaaaaaaa_30000_40000.wav", ""),
    ]);
    let heard = sonolens::dataset::open(&folder.path().join("vggss_heard_test.csv")).unwrap();
    assert_eq!((heard.benchmark, counts(&heard)), (Benchmark::VggSs, (1, 1, 1)));
    let unheard = sonolens::dataset::open(&folder.path().join("vggss_unheard_test.csv")).unwrap();
    assert_eq!((counts(&unheard), unheard.clips[0].class.as_deref()), ((1, 0, 1), Some("cat")));
}

#[test]
fn is3_as_its_authors_release_it() {
    let annotation = r#"[{"image":"accordion_baby_10467_accordion.jpg","audio":"accordion_baby_10467_accordion.wav",
        "gt_box":[10.0,20.0,100.0,200.0],"category":"accordion"},
        {"image":"accordion_baby_10467_baby.jpg","audio":"accordion_baby_10467_baby.wav","gt_box":[120.0,20.0,200.0,200.0],
        "category":"baby crying"}]"#;
    let (root, dataset) = opened(&[
        ("IS3_annotation.json", annotation),
        ("images/accordion_baby_10467_accordion.jpg", ""),
        ("images/accordion_baby_10467_baby.jpg", ""),
        ("audio_waw/accordion_baby_10467_accordion.wav", ""),
        ("audio_waw/accordion_baby_10467_baby.wav", ""),
        ("gt_segmentation/accordion_baby_10467_accordion.jpg", ""),
    ]);
    assert_eq!((dataset.benchmark, counts(&dataset)), (Benchmark::Is3, (2, 2, 2)));
    assert_eq!(dataset.clips[1].class.as_deref(), Some("baby crying"));
    let image = root.path().join("images/accordion_baby_10467_accordion.jpg");
    let sound = Some(root.path().join("audio_waw/accordion_baby_10467_accordion.wav"));
    assert_eq!(media_of(&dataset, "accordion_baby_10467_accordion"), &ClipMedia::StillAndSound { image, sound });
    assert_eq!(dataset.report.notes, []);

    // A box that can hardly be in the frame of the others is told.
    let beyond = |text: &str| text.replace("100.0,200.0", "400.0,200.0");
    let (_other, dataset) = opened(&[("IS3_annotation.json", &beyond(annotation))]);
    assert_eq!(dataset.report.notes.iter().map(|note| note.count).collect::<Vec<_>>(), [1]);

    // Another name of the box is taken for the same, and told; unless the numbers cannot be that.
    let named = annotation.replace("gt_box", "bbox");
    let (_other, dataset) = opened(&[("IS3_annotation.json", &named)]);
    let notes: Vec<(usize, bool)> =
        dataset.report.notes.iter().map(|note| (note.count, note.message.contains("gt_box"))).collect();
    assert_eq!((dataset.benchmark, notes), (Benchmark::Is3, vec![(2, true)]));
    assert_eq!(dataset.clips[0].annotations.as_ref().unwrap().boxes().len(), 1);
    let fractions = named.replace("[10.0,20.0,100.0,200.0]", "[0.1,0.2,0.4,1.0]");
    let fractions = fractions.replace("[120.0,20.0,200.0,200.0]", "[0.5,0.1,0.9,0.9]");
    let sizes = named.replace("[120.0,20.0,200.0,200.0]", "[120.0,20.0,80.0,180.0]");
    for (text, word) in [(beyond(&named), "beyond"), (sizes, "corner and size"), (fractions, "fractions")] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("IS3_annotation.json"), text).unwrap();
        let error = sonolens::dataset::open(&folder.path().join("IS3_annotation.json")).unwrap_err().to_string();
        assert!(error.contains(word) && error.contains("gt_box"), "{word}: {error}");
    }
}

#[test]
fn vpo_names_pictures_of_coco() {
    let entry = |name: &str| {
        format!(r#"{{"image":"/srv/VPO_MS/img/{name}.jpg","audio":"/srv/a/{name}.wav","gt_box":[0,0,112,224]}}"#)
    };
    let boxes = format!("[{},{}]", entry("000000000139_1"), entry("000000000139_2"));
    let (_folder, dataset) = opened(&[
        ("vpo_ms_bbox.json", &boxes),
        ("img/000000000139_1.jpg", ""),
        ("img/000000000139_2.jpg", ""),
        ("audio/000000000139_1.wav", ""),
    ]);
    assert_eq!((dataset.benchmark, counts(&dataset)), (Benchmark::VpoMs, (2, 2, 2)));
    let heard: Vec<bool> = dataset.clips.iter().map(|clip| clip.media.sound().is_some()).collect();
    assert!(heard.contains(&false) || dataset.report.missing.len() == 1, "{:?}", dataset.report);
}

#[test]
fn avsbench_has_five_pictures_a_video() {
    let (root, dataset) = opened(&[
        ("s4_meta_data.csv", "name,start,end,category,split\nabc,0,5,dog,test\n"),
        ("s4_data/audio_wav/test/dog/abc.wav", ""),
        ("s4_data/visual_frames/test/dog/abc/abc_1.png", ""),
        ("s4_data/visual_frames/test/dog/abc/abc_2.png", ""),
        ("s4_data/gt_masks/test/dog/abc/abc_1.png", ""),
        ("s4_data/gt_masks/test/dog/abc/abc_2.png", ""),
    ]);
    assert_eq!((dataset.benchmark, counts(&dataset)), (Benchmark::AvsBenchS4, (5, 2, 0)));
    let image = root.path().join("s4_data/visual_frames/test/dog/abc/abc_1.png");
    let sound = Some(root.path().join("s4_data/audio_wav/test/dog/abc.wav"));
    assert_eq!(media_of(&dataset, "dog/abc/abc_1"), &ClipMedia::StillAndSound { image, sound });
    let masks = &dataset.clips[0].annotations.as_ref().unwrap().masks;
    assert!(masks[0].path.ends_with("gt_masks/test/dog/abc/abc_1.png"), "{masks:?}");

    let (_root, dataset) = opened(&[
        ("ms3_meta_data.csv", "video_id,split\nxyz,test\n"),
        ("ms3_data/audio_wav/test/xyz.wav", ""),
        ("ms3_data/visual_frames/xyz/xyz_1.png", ""),
        ("ms3_data/gt_masks/test/xyz/xyz_1.png", ""),
    ]);
    assert_eq!((dataset.benchmark, counts(&dataset)), (Benchmark::AvsBenchMs3, (5, 1, 0)));
}

#[test]
fn urbansas_hears_the_files_beside_its_mute_videos() {
    let video = ",frame_id,track_id,x,y,w,h,class_id,visibility,label,filename,city,location_id,time,night\n\
        0,1,1,640.0,360.0,128.0,72.0,1,1.0,car,a_00_0,montevideo,a,0.0,0\n\
        1,1,-1,-1,-1,-1,-1,-1,-1,-1,b_00_0,montevideo,b,-1,0\n";
    let audio = ",filename,class_id,label,non_identifiable_vehicle_sound,start,end\n0,a_00_0,1,car,0,0.0,10.0\n";
    let (root, dataset) = opened(&[
        ("annotations/video_annotations.csv", video),
        ("annotations/audio_annotations.csv", audio),
        ("video/video_2fps/a_00_0.mp4", ""),
        ("audio/a_00_0.wav", ""),
    ]);
    assert_eq!((dataset.benchmark, counts(&dataset)), (Benchmark::Urbansas, (2, 1, 1)));
    let video = root.path().join("video/video_2fps/a_00_0.mp4");
    let sound = root.path().join("audio/a_00_0.wav");
    assert_eq!(media_of(&dataset, "a_00_0"), &ClipMedia::VideoAndSound { video, sound });
    assert_eq!(dataset.report.layout.as_deref(), Some("sounds in audio/, videos in video/"));
}

/// A NumPy file of float64 rows of five.
fn boxes_npy(path: &Path, rows: &[[f64; 5]]) {
    let mut header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({}, 5), }}", rows.len());
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\0".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(rows.iter().flatten().flat_map(|value| value.to_le_bytes()));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn music_synthetic_has_its_boxes_in_arrays() {
    let root = folder(&[("test1/video/0001.jpg", ""), ("test1/audio/0001.wav", ""), ("test1/video/0002.jpg", "")]);
    boxes_npy(&root.path().join("test1/box/0001.npy"), &[[0.0, 0.0, 0.5, 0.5, 3.0], [0.5, 0.5, 0.5, 0.5, 8.0]]);
    boxes_npy(&root.path().join("test1/box/0002.npy"), &[[0.0, 0.0, 0.5, 0.5, 3.0]]);
    let dataset = sonolens::dataset::open(root.path()).unwrap();
    assert_eq!((dataset.benchmark, counts(&dataset)), (Benchmark::MusicSynthetic, (2, 2, 3)));
    assert!(dataset.report.notes.iter().any(|note| note.message == "pictures without a sound"), "{:?}", dataset.report);
}

/// One second of silence.
fn silence() -> Vec<u8> {
    let mut file =
        b"RIFF\xa4\x3e\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\x80\x3e\0\0".to_vec();
    file.resize(44 + 16_000, 0);
    file
}

#[test]
fn probe_tells_of_a_folder_what_a_person_asks_first() {
    let root = folder(&[
        (
            "vggss.json",
            r#"[{"file":"aaaaaaaaaaa_000030","class":"dog","bbox":[[0.1,0.1,0.5,0.5]]},
            {"file":"bbbbbbbbbbb_000001","class":"cat","bbox":[[0.1,0.1,0.1,0.5]]}]"#,
        ),
        ("vggss_test.csv", "aaaaaaaaaaa_000030\r\nbbbbbbbbbbb_000001\r\n"),
        ("frames/aaaaaaaaaaa_000030.jpg", ""),
    ]);
    std::fs::create_dir(root.path().join("audio")).unwrap();
    std::fs::write(root.path().join("audio/aaaaaaaaaaa_000030.wav"), silence()).unwrap();
    let probe = |arguments: &[&str]| {
        let run = std::process::Command::new(env!("CARGO_BIN_EXE_sonolens"))
            .arg("probe")
            .arg(root.path())
            .args(arguments)
            .output()
            .unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        String::from_utf8(run.stdout).unwrap()
    };
    let quick = probe(&[]);
    for said in ["VGG-SS", "vggss_test.csv (2)", "2 listed, 1 there, 1 missing", "bbbbbbbbbbb_000001", "not opened"] {
        assert!(quick.contains(said), "`{said}` is missing in:\n{quick}");
    }
    let answer: Value = serde_json::from_str(&probe(&["--media", "--json"])).unwrap();
    let found = &answer["media"]["counts"];
    assert_eq!(
        (&found["missing"], &found["unreadable"], &found["silent"], &found["too short"]),
        (&1.into(), &1.into(), &1.into(), &1.into()),
        "{answer}"
    );
    assert_eq!((&answer["benchmark"], &answer["report"]["boxes"]), (&"VGG-SS".into(), &2.into()));
}
