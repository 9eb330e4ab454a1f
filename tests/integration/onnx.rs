//! Models of one's own: described ONNX files against ONNX Runtime's answers, and what cannot be opened.

use std::path::{Path, PathBuf};

use sonolens::localizers::{Localizer, registry};

use crate::support::fixture;

#[cfg(feature = "onnx")]
mod hostile;
#[cfg(feature = "onnx")]
mod protobuf;

const PAIR: &str = r#"
name = "Two small networks"
[image]
file = "image.onnx"
side = 16
mean = [0.485, 0.456, 0.406]
deviation = [0.229, 0.224, 0.225]
[sound]
file = "sound.onnx"
rate = 1000
window_secs = 0.5
front_end = "waveform"
"#;

/// The fixtures' networks and a description beside them.
fn described(folder: &Path, text: &str) -> PathBuf {
    for network in ["image", "sound", "both", "unknown"] {
        let name = format!("{network}.onnx");
        std::fs::copy(fixture("onnx").join(&name), folder.join(&name)).unwrap();
    }
    let path = folder.join("mine.toml");
    std::fs::write(&path, text).unwrap();
    path
}

fn open(text: &str) -> Result<Box<dyn Localizer>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = described(folder.path(), text);
    registry::open("onnx", &[path]).map_err(|error| error.to_string())
}

#[test]
#[cfg(not(feature = "onnx"))]
fn without_the_feature_the_program_says_what_to_build() {
    let Err(refusal) = open(PAIR) else { panic!("it opened") };
    assert!(refusal.contains("--features onnx"), "{refusal}");
    assert!(registry::find("onnx").unwrap().status.text().contains("--features onnx"));
}

#[cfg(feature = "onnx")]
mod with_tract {
    use sonolens::geometry::Size;
    use sonolens::heatmap::Heatmap;
    use sonolens::localizers::store::{self, Shelf, StoredModel};
    use sonolens::localizers::{FrameInput, Query};
    use sonolens::media::Picture;
    use sonolens::signal::{AudioWindow, Waveform};

    use super::*;
    use crate::support::golden::largest_difference;

    const SINGLE: &str = r#"
file = "both.onnx"
[image]
side = 16
input = "picture"
[sound]
input = "spectrogram"
rate = 1000
window_secs = 0.5
[sound.spectrogram]
frame_samples = 16
hop_samples = 8
edges = "inside"
[heatmap]
output = "map"
range = [0, 1]
"#;

    fn picture() -> Picture {
        let mut picture = Picture::filled(Size::new(16, 16), [0; 3]);
        for (index, byte) in picture.rgb.iter_mut().enumerate() {
            *byte = ((index * 7 + index * index / 5) % 256) as u8;
        }
        picture
    }

    fn sound() -> Waveform {
        let samples = (0..500i32).map(|index| ((index * 37) % 101 - 50) as f32 / 50.0).collect();
        Waveform { rate: 1000, channels: 1, samples }
    }

    fn answer(model: &dyn Localizer) -> Heatmap {
        let picture = picture();
        let features = model.encode_image(&FrameInput { picture: &picture, next: None, index: 0, clip: "" }).unwrap();
        let window = AudioWindow { start_secs: 0.0, length_secs: 0.5 };
        let embedding = model.encode_query(&Query::Sound { sound: &sound(), window }).unwrap();
        model.join(&features, &embedding).unwrap()
    }

    fn expected(key: &str) -> Vec<f64> {
        let text = std::fs::read_to_string(fixture("onnx/expected.json")).unwrap();
        let all: serde_json::Value = serde_json::from_str(&text).unwrap();
        all[key].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
    }

    fn refusal(text: &str) -> String {
        match open(text) {
            Ok(_) => panic!("it opened: {text}"),
            Err(error) => error,
        }
    }

    #[test]
    fn answers_are_onnx_runtimes() {
        let close = |heatmap: &Heatmap, key: &str| {
            let difference = largest_difference(heatmap.values.values(), &expected(key));
            assert!(difference < 2e-6, "{key}: {difference:e}");
        };
        let cosine = open(PAIR).unwrap();
        assert_eq!(cosine.name(), "Two small networks");
        let heatmap = answer(cosine.as_ref());
        assert_eq!((heatmap.values.rows(), heatmap.values.columns()), (8, 8));
        close(&heatmap, "cosine");
        let dot = open(&format!("{PAIR}[join]\nrule = \"dot\"\nscale = 2.5\nrectify = true\n")).unwrap();
        close(&answer(dot.as_ref()), "dot");
        let single = open(SINGLE).unwrap();
        assert_eq!(single.name(), "mine", "named like its description");
        let heatmap = answer(single.as_ref());
        assert_eq!((heatmap.values.rows(), heatmap.values.columns()), (4, 8));
        assert_eq!(heatmap.nominal_range, Some([0.0, 1.0]));
        close(&heatmap, "single");
    }

    #[test]
    fn a_sound_of_any_length_is_taken_where_the_network_takes_it() {
        let model = open(&PAIR.replace("window_secs = 0.5", "window_secs = 0.5\nshort = \"cut\"")).unwrap();
        for length_secs in [0.5, 0.31, 0.2] {
            let window = AudioWindow { start_secs: 0.0, length_secs };
            model.encode_query(&Query::Sound { sound: &sound(), window }).unwrap();
        }
    }

    #[test]
    fn what_cannot_be_run_is_named_before_anything_runs() {
        assert!(refusal(&PAIR.replace("image.onnx", "unknown.onnx")).contains("NoSuchOperator, mine:Attend"));
        for (from, to, part) in [
            ("side = 16", "side = 32", "its input 'image' is ?×3×16×16, the description makes 3×32×32"),
            ("front_end = \"waveform\"", "front_end = \"lvs\"", "0.5 s at 1000 Hz are too short for sound.front_end"),
            (
                "rate = 1000\nwindow_secs = 0.5\nfront_end = \"waveform\"",
                "rate = 16000\nwindow_secs = 0.5\nfront_end = \"lvs\"",
                "answers 257×4, which is no single vector",
            ),
            ("image.onnx", "sound.onnx", "its input 'samples' is ?×?, the description makes 3×16×16"),
            ("image.onnx", "missing.onnx", "missing.onnx"),
            ("side = 16", "side = 16\noutput = \"maps\"", "no output 'maps'; there are: features"),
            ("image.onnx", "both.onnx", "'spectrogram', 'picture'"),
            ("side = 16", "side = 16\nfeatures = \"channels-last\"", "channels"),
        ] {
            let refusal = refusal(&PAIR.replace(from, to));
            assert!(refusal.contains(part), "{to}: {refusal}");
        }
        assert!(refusal(&SINGLE.replace("input = \"picture\"\n", "")).contains("'spectrogram', 'picture' is which"));
        assert!(refusal(&SINGLE.replace("output = \"map\"", "output = \"e\"")).contains("1×1×4"));
    }

    #[test]
    fn damaged_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = described(folder.path(), PAIR);
        let network = folder.path().join("image.onnx");
        let whole = std::fs::read(&network).unwrap();
        let mut refused = 0;
        let mut try_bytes = |bytes: &[u8]| {
            std::fs::write(&network, bytes).unwrap();
            // What still is a network may open; nothing may panic.
            refused += usize::from(registry::open("onnx", std::slice::from_ref(&path)).is_err());
        };
        for length in (0..whole.len()).step_by(61) {
            try_bytes(&whole[..length]);
        }
        for place in (0..whole.len()).step_by(23) {
            let mut bytes = whole.clone();
            bytes[place] ^= 1 << (place % 8);
            try_bytes(&bytes);
        }
        try_bytes(&[0xff; 4096]);
        assert!(refused >= 30, "{refused}");
    }

    #[test]
    fn a_described_model_is_stored_shown_and_checked() {
        let folder = tempfile::tempdir().unwrap();
        let path = described(folder.path(), PAIR);
        let shelf = Shelf::at(folder.path().join("shelf"));
        let (_, nothing) = store::add_described(&path, None, None).unwrap();
        assert_eq!(nothing, None);
        let (_, stored) = store::add_described(&path, Some(&shelf), Some("small")).unwrap();
        let stored: StoredModel = stored.unwrap();
        assert_eq!((stored.id.as_str(), stored.card.name.as_str()), ("small", "Two small networks"));
        let found = shelf.find("small").unwrap();
        found.verify_hashes().unwrap();
        assert_eq!(found.card.files.len(), 3);
        let model = store::open_spec("small", &shelf).unwrap();
        let difference = largest_difference(answer(model.as_ref()).values.values(), &expected("cosine"));
        assert!(difference < 2e-6);
        assert!(store::add_described(&path, Some(&shelf), Some("small")).is_err(), "the name is taken");
    }
}
