use std::fs::File;

use super::*;
use crate::geometry::Size;
use crate::localizers::registry;
use crate::media::Picture;
use crate::network::arrays::{Array as Saved, Values, write_npy, write_npz};

fn saved(shape: &[usize], values: impl Into<Values>) -> Saved {
    Saved::new(shape, values).unwrap()
}

/// A (frames, 2, 3) stack whose maps hold their place in it.
fn numbered(frames: usize) -> Saved {
    saved(&[frames, 2, 3], (0..frames * 6).map(|index| (index / 6) as f32).collect::<Vec<f32>>())
}

fn npy(path: &Path, array: &Saved) {
    write_npy(&mut File::create(path).unwrap(), array).unwrap();
}

fn open(path: &Path) -> Result<Precomputed> {
    Precomputed::checking_every(Duration::ZERO, registry::find("precomputed").unwrap(), path)
}

fn ask(localizer: &dyn Localizer, clip: &str, index: usize) -> Result<Heatmap> {
    let picture = Picture::filled(Size::new(30, 20), [0; 3]);
    let features = localizer.encode_image(&FrameInput { picture: &picture, next: None, index, clip })?;
    localizer.join(&features, &localizer.encode_query(&Query::Text(""))?)
}

fn refusal<T>(answer: Result<T>) -> String {
    match answer {
        Ok(_) => panic!("it was taken"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_map_is_found_by_the_clips_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("maps.npz");
    let dog = saved(&[2, 2], vec![0.0_f32, 1.0, 2.0, f32::NAN]);
    let cat = saved(&[1, 1, 2], vec![3.0_f64, 4.0]);
    let rect = saved(&[4], vec![5.0_f64, 0.0, 25.0, 20.0]);
    write_npz(&path, [("dog", &dog), ("dog.rect", &rect), ("cat", &cat)]).unwrap();
    let localizer = registry::open("precomputed", std::slice::from_ref(&path)).unwrap();
    for frame in [0, 71] {
        let heatmap = ask(localizer.as_ref(), "dog", frame).unwrap();
        assert_eq!((heatmap.values.rows(), heatmap.values.columns()), (2, 2));
        assert_eq!(heatmap.values.values()[..3], [0.0, 1.0, 2.0]);
        assert!(heatmap.values.values()[3].is_nan());
        assert_eq!(heatmap.covers, Rect { left: 5.0, top: 0.0, right: 25.0, bottom: 20.0 });
        assert_eq!(heatmap.frame, Size::new(30, 20));
        let heatmap = ask(localizer.as_ref(), "cat", frame).unwrap();
        assert_eq!(heatmap.values.values(), [3.0, 4.0]);
        assert_eq!(heatmap.covers, Rect::of_size(Size::new(30, 20)));
    }
    let message = refusal(ask(localizer.as_ref(), "bird", 0));
    assert!(message.contains("'bird'") && message.contains("dog, cat") && message.contains("maps.npz"), "{message}");
}

#[test]
fn a_stack_holds_a_map_a_frame_or_names_its_frames() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("maps.npz");
    let frames = saved(&[3], vec![4_i64, 10, 12]);
    write_npz(&path, [("dense", &numbered(3)), ("sparse", &numbered(3)), ("sparse.frames", &frames)]).unwrap();
    let localizer = open(&path).unwrap();
    let place = |clip: &str, frame: usize| ask(&localizer, clip, frame).map(|heatmap| heatmap.values.values()[5]);
    assert_eq!((place("dense", 0).unwrap(), place("dense", 2).unwrap()), (0.0, 2.0));
    let message = refusal(place("dense", 3));
    assert!(message.contains("clip 'dense', frame 3") && message.contains("frames 0 to 2"), "{message}");
    for (frame, map) in [(4, 0.0), (9, 0.0), (10, 1.0), (11, 1.0), (12, 2.0), (17, 2.0)] {
        assert_eq!(place("sparse", frame).unwrap(), map, "{frame}");
    }
    for frame in [3, 18] {
        let message = refusal(place("sparse", frame));
        assert!(message.contains("from frame 4 to frame 12"), "{message}");
    }
}

#[test]
fn a_file_of_one_array_serves_any_clip() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.npz");
    write_npz(&path, [("arr_0", &numbered(2))]).unwrap();
    assert_eq!(ask(&open(&path).unwrap(), "whatever", 1).unwrap().values.values(), [1.0; 6]);
    let path = folder.path().join("one.npy");
    npy(&path, &saved(&[1, 2], vec![0_i64, 7]));
    assert_eq!(ask(&open(&path).unwrap(), "", 5).unwrap().values.values(), [0.0, 7.0]);
}

#[test]
fn what_localize_wrote_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answer.npz");
    let arrays = [
        ("heatmap", saved(&[1, 2], vec![0.25_f32, 0.5])),
        ("map", saved(&[2, 2], vec![0.0_f32; 4])),
        ("rect", saved(&[4], vec![5.0_f64, 0.0, 25.0, 20.0])),
        ("confidence", Saved::scalar(0.5)),
        ("frame", saved(&[], vec![3_i64])),
        ("time_secs", Saved::scalar(0.12)),
    ];
    write_npz(&path, arrays.iter().map(|(name, array)| (*name, array))).unwrap();
    let heatmap = ask(&open(&path).unwrap(), "clip", 3).unwrap();
    assert_eq!(heatmap.values.values(), [0.25, 0.5]);
    assert_eq!(heatmap.covers.left, 5.0);
}

#[test]
fn stacks_of_many_clips_are_told_apart_by_their_ids() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("all.npz");
    let ids = saved(&[3], vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]);
    write_npz(&archive, [("maps", &numbered(3)), ("ids", &ids)]).unwrap();
    let array = folder.path().join("all.npy");
    npy(&array, &numbered(3));
    std::fs::write(folder.path().join("all.txt"), "a\nb\r\nc\n").unwrap();
    for path in [archive, array] {
        let localizer = open(&path).unwrap();
        assert_eq!(ask(&localizer, "b", 9).unwrap().values.values(), [1.0; 6]);
        assert!(refusal(ask(&localizer, "d", 0)).contains("a, b, c"));
    }
    std::fs::write(folder.path().join("all.txt"), "a\nb\n").unwrap();
    assert!(refusal(open(&folder.path().join("all.npy"))).contains("3 maps and 2 ids"));
    std::fs::write(folder.path().join("all.txt"), "a\nb\nb\n").unwrap();
    assert!(refusal(open(&folder.path().join("all.npy"))).contains("'b' is there twice"));
}

#[test]
fn a_folder_holds_a_file_a_clip() {
    let folder = tempfile::tempdir().unwrap();
    assert!(refusal(open(folder.path())).contains("neither a .npy nor a .png"));
    image::GrayImage::from_raw(2, 1, vec![0, 51]).unwrap().save(folder.path().join("dog.png")).unwrap();
    image::RgbImage::from_raw(1, 1, vec![9, 8, 9]).unwrap().save(folder.path().join("jet.png")).unwrap();
    let localizer = open(folder.path()).unwrap();
    assert!(localizer.info().remark.unwrap().contains("8 bits"));
    let heatmap = ask(&localizer, "dog", 0).unwrap();
    assert_eq!((heatmap.values.rows(), heatmap.values.columns()), (1, 2));
    assert_eq!(heatmap.values.values(), [0.0, 0.2]);
    assert!(refusal(ask(&localizer, "jet", 0)).contains("coloured"));
    npy(&folder.path().join("cat.npy"), &numbered(2));
    assert_eq!(ask(&open(folder.path()).unwrap(), "cat", 1).unwrap().values.values(), [1.0; 6]);
}

#[test]
fn a_file_that_changes_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("maps.npz");
    let write = |map: &Saved| write_npz(&path, [("dog", map), ("cat", map)]).unwrap();
    write(&saved(&[1, 1], vec![1.0_f32]));
    let localizer = open(&path).unwrap();
    let first = localizer.version();
    assert_ne!(first, 0);
    assert_eq!(ask(&localizer, "dog", 0).unwrap().values.values(), [1.0]);
    assert_eq!(localizer.version(), first);

    write(&saved(&[1, 2], vec![2.0_f32, 3.0]));
    assert_ne!(localizer.version(), first);
    assert_eq!(ask(&localizer, "dog", 0).unwrap().values.values(), [2.0, 3.0]);

    std::fs::write(&path, b"half a file").unwrap();
    for _ in 0..2 {
        assert!(refusal(ask(&localizer, "dog", 0)).contains("zip"));
    }
    std::fs::remove_file(&path).unwrap();
    assert!(refusal(ask(&localizer, "dog", 0)).contains("maps.npz"));

    write(&saved(&[1, 1], vec![4.0_f32]));
    assert_eq!(ask(&localizer, "dog", 0).unwrap().values.values(), [4.0]);
}

#[test]
fn what_is_no_prediction_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.npz");
    let text = saved(&[1, 1], vec!["x".to_owned()]);
    let arrays = [
        ("vector", saved(&[3], vec![0.0_f32; 3])),
        ("volume", saved(&[1, 1, 1, 1], vec![0.0_f32])),
        ("empty", saved(&[0, 2, 2], Vec::<f32>::new())),
        ("flat", saved(&[2, 0], Vec::<f32>::new())),
        ("wide", saved(&[1, 9000], vec![0.0_f32; 9000])),
        ("nan", saved(&[1, 2], vec![f32::NAN; 2])),
        ("infinite", saved(&[1, 2], vec![0.0, f32::INFINITY])),
        ("text", text),
        ("unordered", numbered(2)),
        ("unordered.frames", saved(&[2], vec![3_i64, 3])),
        ("negative", numbered(1)),
        ("negative.frames", saved(&[1], vec![-1_i64])),
        ("few", numbered(2)),
        ("few.frames", saved(&[1], vec![0_i64])),
        ("rect", numbered(1)),
        ("rect.rect", saved(&[4], vec![5.0_f64, 0.0, 5.0, 20.0])),
    ];
    write_npz(&path, arrays.iter().map(|(name, array)| (*name, array))).unwrap();
    let localizer = open(&path).unwrap();
    for (clip, reason) in [
        ("vector", "[3]; a map is (h, w)"),
        ("volume", "[1, 1, 1, 1]"),
        ("empty", "no map"),
        ("flat", "2×0"),
        ("wide", "1×9000"),
        ("nan", "nothing but NaN"),
        ("infinite", "infinite"),
        ("text", "text instead of numbers"),
        ("unordered", "do not ascend"),
        ("negative", "negative"),
        ("few", "2 maps and 1 frames"),
        ("rect", "left, top, right, bottom"),
        ("unordered.frames", "no map of clip"),
    ] {
        let message = refusal(ask(&localizer, clip, 0));
        assert!(message.contains(reason) && message.contains("bad.npz"), "{clip}: {message}");
    }
    let missing = folder.path().join("missing.npz");
    assert!(refusal(open(&missing)).contains("missing.npz"));
    assert!(refusal(registry::open("precomputed", &[])).contains("predictions needed"));
    let notes = folder.path().join("notes.md");
    std::fs::write(&notes, "maps").unwrap();
    assert!(refusal(open(&notes)).contains("a .npz, a .npy, or a folder"));
}

#[test]
fn a_file_of_a_folder_that_is_written_over_in_place_is_read_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (dog, cat) = (folder.path().join("dog.npy"), folder.path().join("cat.npy"));
    let write = |path: &Path, values: &[f32]| {
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(false).open(path).unwrap();
        write_npy(&mut file, &saved(&[1, values.len()], values.to_vec())).unwrap();
    };
    write(&dog, &[1.0, 2.0]);
    write(&cat, &[3.0, 4.0]);
    let localizer = open(folder.path()).unwrap();
    let first = |clip: &str| ask(&localizer, clip, 0).unwrap().values.values()[0];
    assert_eq!((first("dog"), first("cat")), (1.0, 3.0));
    let version = localizer.version();
    let settled = std::fs::metadata(folder.path()).unwrap().modified().unwrap();
    // Another length, since the clock of some file systems is coarse.
    write(&dog, &[5.0, 6.0, 7.0]);
    assert_eq!(std::fs::metadata(folder.path()).unwrap().modified().unwrap(), settled, "the folder's time is the same");
    assert_ne!(localizer.version(), version);
    assert_eq!((first("dog"), first("cat")), (5.0, 3.0));
    let version = localizer.version();
    assert_eq!(localizer.version(), version, "what does not change keeps its version");
}

/// A `.npy` of this header and these bytes.
fn raw_npy(path: &Path, header: &str, bytes: &[u8]) {
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    std::fs::write(path, [b"\x93NUMPY\x01\x00", length.as_slice(), header.as_bytes(), bytes].concat()).unwrap();
}

#[test]
fn headers_that_lie_are_refused_before_anything_is_allocated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("maps.npy");
    for (descr, shape, reason) in [
        ("<f4", "(1099511627776, 8, 8)", "281474976710656"),
        ("<f4", "(8192, 8192, 8192)", "bytes"),
        ("<f8", "(18446744073709551615, 2)", "maps.npy"),
        ("<f8", "(18446744073709551616, 2)", "maps.npy"),
        ("<f4", "(-1, 8)", "maps.npy"),
        ("|O", "(1,)", "objects"),
        ("<c8", "(1, 1)", "<c8"),
        ("<M8[ns]", "(1, 1)", "<M8[ns]"),
    ] {
        raw_npy(&path, &format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"), &[0; 16]);
        let message = refusal(ask(&open(&path).unwrap(), "dog", 0));
        assert!(message.contains("maps.npy") && message.contains(reason), "{descr} {shape}: {message}");
        // The same beside a list of clips.
        std::fs::write(folder.path().join("maps.txt"), "dog\n").unwrap();
        let message = refusal(open(&path));
        assert!(message.contains("maps.npy") && message.contains(reason), "{descr} {shape}: {message}");
        std::fs::remove_file(folder.path().join("maps.txt")).unwrap();
    }
}

#[test]
fn pictures_that_lie_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dog.png");
    image::GrayImage::new(3, 2).save(&path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let mut huge = whole.clone();
    huge[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    let mut wide = whole.clone();
    wide[16..20].copy_from_slice(&9000u32.to_be_bytes());
    for bytes in [&huge, &wide, &whole[..20], &whole[..whole.len() - 20], b"no picture", b"".as_slice()] {
        std::fs::write(&path, bytes).unwrap();
        let message = refusal(ask(&open(folder.path()).unwrap(), "dog", 0));
        assert!(message.contains("dog.png: "), "{message}");
    }
}

#[test]
fn folders_and_pipes_in_the_place_of_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["dog.npy", "cat.png", "maps.npz"] {
        let own = folder.path().join(name.split('.').next().unwrap());
        std::fs::create_dir(&own).unwrap();
        let path = own.join(name);
        let told = || match name.ends_with("npz") {
            true => refusal(open(&path)),
            false => refusal(ask(&open(&own).unwrap(), name.split('.').next().unwrap(), 0)),
        };
        #[cfg(unix)]
        {
            assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
            let message = told();
            assert!(message.contains(name) && message.contains("a pipe"), "{message}");
            std::fs::remove_file(&path).unwrap();
        }
        std::fs::create_dir(&path).unwrap();
        let message = told();
        assert!(message.contains(name), "{message}");
    }
}
