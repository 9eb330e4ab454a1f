//! Recognizing, checking and storing weights: every key listing of the reference, and checkpoints as published.

use std::path::{Path, PathBuf};

use candle_core::Tensor;
use sonolens::localizers::store::{self, Shapes, Shelf, StoreError};
use sonolens::network::checkpoint;

use crate::support::reference_dir;
use crate::support::small_models::{small_rcgrad, write_weights};

fn listing(path: &Path) -> Shapes {
    let text = std::fs::read_to_string(path).unwrap();
    let line = |line: &str| {
        let mut fields = line.split('\t');
        let (key, _, shape) = (fields.next().unwrap(), fields.next().unwrap(), fields.next().unwrap());
        let shape = if shape == "scalar" { Vec::new() } else { shape.split('x').map(|n| n.parse().unwrap()).collect() };
        (key.to_owned(), shape)
    };
    text.lines().skip(1).filter(|line| !line.is_empty()).map(line).collect()
}

const LISTINGS: [(&str, &str); 23] = [
    ("lvs", "avenet"),
    ("sslalignment", "avenet"),
    ("ssltie", "ssl-tie"),
    ("ezvsl", "ez-vsl"),
    ("fnac", "ez-vsl"),
    ("slavc", "slavc"),
    ("rcgrad", "rcgrad"),
    ("wav2clip", "wav2clip"),
    ("clip_vitb32", "clip"),
    ("clip_small", "clip"),
    ("avolnet", "avol"),
    ("avenet", "ave-net"),
    ("l3", "l3-net"),
    ("heartheflow", "hear-the-flow"),
    ("attention10k", "attention10k"),
    ("sspl_frame", "sspl-frame"),
    ("sspl_sound", "sspl-sound"),
    ("sspl_pcm", "sspl-pcm"),
    ("dsol_stage1", "dsol"),
    ("dsol_stage2", "dsol"),
    ("dmc_simplified", "dmc"),
    ("coarsetofine", "coarse-to-fine"),
    ("resnet18_imagenet", "resnet18"),
];

#[test]
fn every_listed_network_is_recognized_by_its_keys() {
    let Some(reference) = reference_dir() else { return };
    for (file, layout) in LISTINGS {
        let found = listing(&reference.join(format!("keys/{file}.tsv")));
        let recognized = store::recognize(Path::new(file), &found).unwrap();
        assert_eq!(recognized.layout.id, layout, "{file}");
        assert!(recognized.comparison.fits(), "{file}: {:?}", recognized.comparison);
        assert_eq!(recognized.comparison.extra, [""; 0], "{file}");
        // What is expected of a file that says nothing are the published shapes (CLIP's are those of ViT-B/32, and
        // what only some stages of DSOL have is not asked for).
        if file != "clip_small" && file != "dsol_stage2" {
            for (key, shape) in recognized.layout.expected(&Shapes::new()) {
                assert_eq!(found.get(&key), Some(&shape), "{file}: {key}");
            }
        }
    }
}

#[test]
fn the_first_wrong_keys_are_named() {
    let Some(reference) = reference_dir() else { return };
    let mut found = listing(&reference.join("keys/ezvsl.tsv"));
    found.remove("aud_proj.bias");
    found.insert("img_proj.weight".to_owned(), vec![512, 256, 1, 1]);
    found.insert("head.weight".to_owned(), vec![7]);
    let recognized = store::recognize(Path::new("best.pth"), &found).unwrap();
    assert_eq!(recognized.layout.id, "ez-vsl");
    let refusal = recognized.comparison.check().unwrap_err().to_string();
    for part in [
        "1 missing: aud_proj.bias",
        "1 too much: head.weight",
        "img_proj.weight is [512, 256, 1, 1] instead of [512, 512, 1, 1]",
    ] {
        assert!(refusal.contains(part), "{refusal}");
    }
    let nothing: Shapes = [("encoder.block.weight".to_owned(), vec![3])].into();
    assert!(matches!(store::recognize(Path::new("x.pth"), &nothing), Err(StoreError::Unrecognized { .. })));
}

fn checkpoints(names: &[&str]) -> Option<Vec<PathBuf>> {
    let folder = reference_dir()?.join("golden/checkpoints");
    Some(names.iter().map(|name| folder.join(name)).collect())
}

#[test]
fn a_published_checkpoint_is_stored_and_found_again() {
    let Some(files) = checkpoints(&["ssltie.pth.tar"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::at(folder.path().join("models"));
    let addition = store::examine(&files, None).unwrap();
    assert_eq!(addition.system, "ssl-tie");
    assert!(shelf.list().0.is_empty(), "examining stores nothing");

    store::add(&addition, &shelf, None).unwrap();
    let stored = shelf.find("ssl-tie").unwrap();
    assert_eq!(stored.card.license, "MIT");
    assert_eq!(stored.card.files[0].widths, [2, 4, 8, 16]);
    assert_eq!(stored.card.files[0].notes["epoch"], "31");
    assert_eq!(stored.card.files[0].converted_from, "ssltie.pth.tar");

    stored.verify_hashes().unwrap();

    let layout = store::find_layout("ssl-tie").unwrap();
    let again = store::read_weights(&stored.weights()[0], layout).unwrap();
    let published = store::read_weights(&files[0], layout).unwrap();
    for (key, tensor) in again.iter() {
        let before = published.get(key).unwrap();
        assert_eq!(tensor.dims(), before.dims(), "{key}");
        let values = |tensor: &candle_core::Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(values(tensor), values(before), "{key}");
    }
    assert!(matches!(store::add(&addition, &shelf, None), Err(StoreError::Taken { .. })));
    store::add(&addition, &shelf, Some("ssl-tie-144k")).unwrap();
    assert_eq!(shelf.list().0.len(), 2);
    assert!(matches!(store::add(&addition, &shelf, Some("../elsewhere")), Err(StoreError::Name { .. })));
    let elsewhere = Shelf::at(folder.path().join("empty"));
    assert_eq!(elsewhere.find(stored.folder.to_str().unwrap()).unwrap(), stored, "by its folder");
    let refusal = shelf.find("lvs").unwrap_err().to_string();
    assert!(refusal.contains("ssl-tie, ssl-tie-144k"), "{refusal}");
}

#[test]
fn systems_that_share_a_network_are_told_apart_by_the_user() {
    let Some(files) = checkpoints(&["lvs_legacy_module.pth.tar", "resnet18-5c106cde.pth"]) else { return };
    match store::examine(&files[..1], None).err().unwrap() {
        StoreError::Ambiguous { systems, .. } => assert_eq!(systems, ["lvs", "alignment", "hardpos"]),
        other => panic!("{other}"),
    }
    assert_eq!(store::examine(&files[..1], Some("hardpos")).unwrap().system, "hardpos");
    // The order of the files is the system's, whichever way they were given.
    let reversed = [files[1].clone(), files[0].clone()];
    let with_objects = store::examine(&reversed, None).unwrap();
    assert_eq!(with_objects.system, "alignment-ogl");
    assert_eq!(with_objects.files.iter().map(|file| file.layout.id).collect::<Vec<_>>(), ["avenet", "resnet18"]);
    // A file too few.
    let refusal = store::examine(&files[..1], Some("alignment-ogl")).err().unwrap().to_string();
    assert!(refusal.contains("ResNet-18 for ImageNet"), "{refusal}");
    // A file of another system.
    let refusal = store::examine(&files[..1], Some("ez-vsl")).err().unwrap().to_string();
    assert!(refusal.contains("img_proj.weight"), "{refusal}");
    assert!(matches!(store::examine(&files, Some("centre-box")), Err(StoreError::UnknownSystem { .. })));
}

#[test]
fn what_is_too_much_is_named_and_left_out() {
    let Some(files) = checkpoints(&["sslalign_ours_sup.pth.tar"]) else { return };
    let addition = store::examine(&files, Some("alignment")).unwrap();
    assert_eq!(addition.files[0].comparison.extra, ["img_proj.weight"]);
    let folder = tempfile::tempdir().unwrap();
    let stored = store::add(&addition, &Shelf::at(folder.path()), None).unwrap();
    let kept = checkpoint::read(&stored.weights()[0]).unwrap().state_dict().unwrap();
    assert!(!kept.contains("img_proj.weight") && kept.contains("audnet.conv1_a.weight"));
}

#[test]
fn the_wrong_architecture_is_refused_with_what_it_lacks() {
    // This sample has one block a stage where the published network has two.
    let Some(files) = checkpoints(&["slavc_latest.pth"]) else { return };
    let refusal = store::examine(&files, None).err().unwrap().to_string();
    assert!(refusal.contains("SLAVC") && refusal.contains("layer1.1.bn1.bias"), "{refusal}");
}

#[test]
fn what_would_not_run_is_not_stored() {
    let folder = tempfile::tempdir().unwrap();
    for (key, value, reason) in [
        ("image_encoder.layer1.0.conv1.weight", f32::NAN, "values are no numbers"),
        ("image_encoder.bn1.running_var", -1.0, "a variance of -1"),
    ] {
        let mut weights = small_rcgrad();
        let whole = weights.get(key).unwrap();
        let spoilt = Tensor::full(value, whole.shape(), whole.device()).unwrap();
        weights.insert(key, spoilt);
        let file = write_weights(folder.path(), "rcgrad", weights);
        let refusal = store::examine(&[file], None).err().unwrap().to_string();
        assert!(refusal.contains("rcgrad.safetensors: ") && refusal.contains(key), "{refusal}");
        assert!(refusal.contains(reason), "{refusal}");
    }
    let maps = folder.path().join("maps.npz");
    let refusal = store::examine(&[maps], None).err().unwrap().to_string();
    assert!(refusal.contains("precomputed="), "{refusal}");
}

#[test]
fn a_damaged_card_does_not_hide_the_other_models() {
    let Some(files) = checkpoints(&["ssltie.pth.tar"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::at(folder.path());
    store::add(&store::examine(&files, None).unwrap(), &shelf, None).unwrap();
    for (id, card) in [
        ("nonsense", "not toml ["),
        (
            "outside",
            "system = 'lvs'\nname = 'x'\n[[weights]]\nfile = '../../x'\nlayout = 'avenet'\nsha256 = ''\ntensors = 1\nparameters = 1\n",
        ),
        ("unknown", "system = 'new'\nname = 'x'\nweights = []\n"),
    ] {
        std::fs::create_dir(folder.path().join(id)).unwrap();
        std::fs::write(folder.path().join(id).join("model.toml"), card).unwrap();
    }
    let (models, problems) = shelf.list();
    assert_eq!((models.len(), problems.len()), (1, 3));
    assert!(shelf.find("outside").unwrap_err().to_string().contains("no file of its folder"));
}

#[test]
fn a_models_folder_that_is_not_whole_is_refused_by_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let kept = Shelf::at(folder.path().join("kept"));
    let file = write_weights(folder.path(), "rcgrad", small_rcgrad());
    let stored = store::add(&store::examine(&[file], None).unwrap(), &kept, Some("mine")).unwrap();
    let elsewhere = Shelf::at(folder.path().join("empty"));
    let spec = stored.folder.to_str().unwrap();
    let told = || store::open_spec(spec, &elsewhere).map(drop).map_err(|error| error.to_string());
    let refused = |part: &str| {
        let refusal = told().expect_err(part);
        assert!(refusal.contains(spec) && refusal.contains(part), "{refusal}");
    };
    told().unwrap();

    let (weights, card) = (stored.weights()[0].clone(), stored.folder.join("model.toml"));
    let (whole, text) = (std::fs::read(&weights).unwrap(), std::fs::read_to_string(&card).unwrap());
    // Other weights are told by their hash; damaged ones do not open.
    let mut other = whole.clone();
    *other.last_mut().unwrap() ^= 1;
    std::fs::write(&weights, other).unwrap();
    let refusal = stored.verify_hashes().unwrap_err().to_string();
    assert!(refusal.contains("weights.safetensors: its SHA-256 is"), "{refusal}");
    std::fs::write(&weights, &whole[..whole.len() / 2]).unwrap();
    refused("weights.safetensors");
    std::fs::write(&weights, b"").unwrap();
    refused("weights.safetensors");
    std::fs::remove_file(&weights).unwrap();
    refused("weights.safetensors");
    std::fs::create_dir(&weights).unwrap();
    refused("weights.safetensors");
    std::fs::remove_dir(&weights).unwrap();
    #[cfg(unix)]
    {
        assert!(std::process::Command::new("mkfifo").arg(&weights).status().unwrap().success());
        refused("this is a pipe");
        std::fs::remove_file(&weights).unwrap();
    }
    std::fs::write(&weights, &whole).unwrap();
    told().unwrap();

    for (from, to, part) in [
        ("system = \"rcgrad\"", "system = \"nonsense\"", "'nonsense' is no system"),
        ("system = \"rcgrad\"", "system = 5", "model.toml"),
        ("system = \"rcgrad\"", "systems = \"rcgrad\"", "systems"),
        ("weights.safetensors", "/etc/passwd", "no file of its folder"),
        ("weights.safetensors", "..", "no file of its folder"),
        ("weights.safetensors", "", "no file of its folder"),
        ("[[weights]]", "[[others]]", "model.toml"),
    ] {
        assert!(text.contains(from), "{text}");
        std::fs::write(&card, text.replacen(from, to, 1)).unwrap();
        refused(part);
    }
    std::fs::write(&card, vec![b'#'; 2 << 20]).unwrap();
    refused("no card of a model");
    std::fs::write(&card, [0xff; 16]).unwrap();
    refused("model.toml");
    std::fs::remove_file(&card).unwrap();
    refused("there is no model.toml in this folder");
}
