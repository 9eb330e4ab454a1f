//! `sonolens models`: which models there are, adding weights, what a stored model is, and whether it runs.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::geometry::Size;
use crate::heatmap::Heatmap;
use crate::localizers::store::{self, Addition, Checked, Shelf, StoreError, StoredModel};
use crate::localizers::{FrameInput, Localizer, LocalizerError, Query, WindowRule, registry};
use crate::media::Picture;
use crate::signal::Waveform;

/// What to do with models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelsCommand {
    /// The systems of the registry and the stored models.
    List,
    /// Recognizes, checks and stores weight files of one system.
    Add {
        files: Vec<PathBuf>,
        /// The system, where the files fit several (`--as`).
        system: Option<String>,
        /// Under which id to store it; the system's where none is given.
        name: Option<String>,
        /// Everything but storing.
        dry_run: bool,
    },
    /// The card of a stored model.
    Show { id: String },
    /// The hashes of a stored model's files and one forward pass; also for a system that needs no files.
    Check { id: String },
}

/// Why a command about models failed.
#[derive(Debug, thiserror::Error)]
pub enum ModelsError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Localizer(#[from] LocalizerError),
    #[error("a model of one's own is added by its description alone (a .toml, see docs/onnx.md)")]
    OneDescription,
    #[error("the answer cannot be written: {0}")]
    Output(#[from] io::Error),
}

/// Runs a command on the models of `shelf` and writes its answer to `out`, as JSON if asked to.
///
/// # Errors
/// What is wrong with the files or the model, naming every key; nothing is stored then.
pub fn run(command: &ModelsCommand, shelf: &Shelf, as_json: bool, out: &mut dyn Write) -> Result<(), ModelsError> {
    let (answer, text) = match command {
        ModelsCommand::List => list(shelf),
        ModelsCommand::Add { files, system, name, dry_run } if is_described(files, system.as_deref()) => {
            let [description] = files.as_slice() else { return Err(ModelsError::OneDescription) };
            let shelf = (!dry_run).then_some(shelf);
            let (localizer, stored) = store::add_described(description, shelf, name.as_deref())?;
            described(description, localizer.as_ref(), stored.as_ref())
        }
        ModelsCommand::Add { files, system, name, dry_run } => {
            let addition = store::examine(files, system.as_deref())?;
            let stored = if *dry_run { None } else { Some(store::add(&addition, shelf, name.as_deref())?) };
            added(&addition, stored.as_ref())
        }
        ModelsCommand::Show { id } => shown(&shelf.find(id)?),
        ModelsCommand::Check { id } => check(shelf, id)?,
    };
    if as_json {
        serde_json::to_writer_pretty(&mut *out, &answer).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        out.write_all(text.as_bytes())?;
    }
    Ok(())
}

fn list(shelf: &Shelf) -> (Value, String) {
    let (models, problems) = shelf.list();
    let systems: Vec<Value> = registry::systems()
        .iter()
        .map(|system| json!({ "id": system.id, "name": system.name, "status": system.status.text(), "citation": system.citation }))
        .collect();
    let stored: Vec<Value> = models
        .iter()
        .map(|model| json!({ "id": model.id, "system": model.card.system, "folder": model.folder, "license": model.card.license }))
        .collect();
    let damaged: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let mut text = String::from("Systems\n");
    for system in registry::systems() {
        text += &format!("  {:<15} {:<18} {}\n", system.id, system.name, system.status.text());
    }
    text += "Stored models\n";
    for model in &models {
        text += &format!("  {:<15} {:<18} {}\n", model.id, model.card.system, model.folder.display());
    }
    if models.is_empty() {
        text += "  none; add one with: sonolens models add FILE\n";
    }
    for problem in &damaged {
        text += &format!("  damaged: {problem}\n");
    }
    (json!({ "systems": systems, "stored": stored, "damaged": damaged, "folders": shelf.folders() }), text)
}

fn added(addition: &Addition, stored: Option<&StoredModel>) -> (Value, String) {
    let files: Vec<Value> = addition.files.iter().map(file_as_json).collect();
    let mut text = format!("system     {}\n", addition.system);
    for file in &addition.files {
        let source = &file.source;
        text += &format!("file       {} ({})\n", source.path.display(), source.container);
        text += &format!("  holds    {}: all {} tensors fit\n", file.layout.name, file.comparison.needed);
        if !source.level.is_empty() {
            text += &format!("  under    {}\n", source.level.join(" / "));
        }
        if !source.stripped.is_empty() {
            text += &format!("  stripped {}\n", source.stripped.join(" "));
        }
        if !file.comparison.extra.is_empty() {
            text += &format!("  too much {} (not stored)\n", file.comparison.extra.join(", "));
        }
        for (key, note) in &source.notes {
            text += &format!("  note     {key} = {note}\n");
        }
    }
    match stored {
        Some(model) => text += &format!("stored     {} in {}\n", model.id, model.folder.display()),
        None => text += "stored     nothing (--dry-run)\n",
    }
    let place = stored.map(|model| json!({ "id": model.id, "folder": model.folder }));
    (json!({ "system": addition.system, "files": files, "stored": place }), text)
}

/// Whether the files are a description of one's own model rather than weights of a system.
fn is_described(files: &[PathBuf], system: Option<&str>) -> bool {
    let described = |path: &PathBuf| {
        path.extension().is_some_and(|kind| kind.eq_ignore_ascii_case("toml") || kind.eq_ignore_ascii_case("onnx"))
    };
    system == Some(store::DESCRIBED) || files.iter().any(described)
}

fn described(description: &Path, localizer: &dyn Localizer, stored: Option<&StoredModel>) -> (Value, String) {
    let system = localizer.info().system.id;
    let mut text =
        format!("system     {system}\nname       {}\nfile       {}\n", localizer.name(), description.display());
    match stored {
        Some(model) => text += &format!("stored     {} in {}\n", model.id, model.folder.display()),
        None => text += "stored     nothing (--dry-run)\n",
    }
    let place = stored.map(|model| json!({ "id": model.id, "folder": model.folder }));
    (json!({ "system": system, "name": localizer.name(), "files": [{ "file": description }], "stored": place }), text)
}

fn file_as_json(file: &Checked) -> Value {
    let source = &file.source;
    let notes: serde_json::Map<String, Value> =
        source.notes.iter().map(|(key, note)| (key.clone(), json!(note))).collect();
    json!({
        "file": source.path, "container": source.container, "layout": file.layout.id,
        "level": source.level, "stripped": source.stripped, "tensors": file.comparison.needed,
        "too_much": file.comparison.extra, "notes": notes,
    })
}

fn shown(model: &StoredModel) -> (Value, String) {
    let card = &model.card;
    let mut text = format!(
        "{} ({})\n  system     {}\n  folder     {}\n  source     {}\n  license    {}\n  citation   {}\n",
        model.id,
        card.name,
        card.system,
        model.folder.display(),
        card.source,
        card.license,
        card.citation
    );
    for (key, value) in &card.preprocessing {
        text += &format!("  {key:<10} {value}\n");
    }
    for file in &card.files {
        text += &format!("  {}: {}, {} tensors, {} values", file.file, file.layout, file.tensors, file.parameters);
        text += &format!(", from {}\n    sha256   {}\n", file.converted_from, file.sha256);
    }
    (json!({ "id": model.id, "folder": model.folder, "card": card }), text)
}

fn check(shelf: &Shelf, id: &str) -> Result<(Value, String), ModelsError> {
    let without_files = registry::find(id).is_some_and(|system| system.status == registry::Status::Runs);
    let (system, weights) = match shelf.find(id) {
        Err(_) if without_files => (id.to_owned(), Vec::new()),
        found => {
            let model = found?;
            model.verify_hashes()?;
            (model.card.system.clone(), model.weights())
        }
    };
    let started = Instant::now();
    let localizer = registry::open(&system, &weights)?;
    let opened = started.elapsed();
    let pass = forward_pass(localizer.as_ref())?;
    let values = &pass.heatmap.values;
    let (low, high) = values.range();
    let millis = |time: Duration| time.as_secs_f64() * 1000.0;
    let text = format!(
        "{id} runs\n  heatmap    {}×{} from {low} to {high}{}\n  open       {:.1} ms\n  image      {:.1} ms\n  query      \
         {:.1} ms\n  join       {:.1} ms\n",
        values.rows(),
        values.columns(),
        if values.is_constant() { " (the same everywhere)" } else { "" },
        millis(opened),
        millis(pass.image),
        millis(pass.query),
        millis(pass.join)
    );
    let answer = json!({
        "id": id, "system": system, "weights": weights,
        "heatmap": { "shape": [values.rows(), values.columns()], "range": [low, high], "constant": values.is_constant() },
        "confidence": pass.heatmap.confidence,
        "millis": { "open": millis(opened), "image": millis(pass.image), "query": millis(pass.query), "join": millis(pass.join) },
    });
    Ok((answer, text))
}

struct ForwardPass {
    heatmap: Heatmap,
    image: Duration,
    query: Duration,
    join: Duration,
}

/// Asks a model about a made-up picture and sound: a bright disc on a ramp, and a swept tone.
fn forward_pass(localizer: &dyn Localizer) -> Result<ForwardPass, LocalizerError> {
    const RATE: u32 = 16_000;
    const SECONDS: u32 = 10;
    const SOUND_VECTOR_LENGTH: usize = 1000;
    let size = Size::new(320, 240);
    let mut picture = Picture::filled(size, [0; 3]);
    for (index, pixel) in picture.rgb.chunks_exact_mut(3).enumerate() {
        let (x, y) = (index % 320, index / 320);
        let bright = x.abs_diff(200).pow(2) + y.abs_diff(90).pow(2) < 40 * 40;
        pixel.copy_from_slice(&if bright { [240, 200, 60] } else { [(x / 2) as u8, y as u8, 90] });
    }
    let tone = |index: u32| {
        let time = f64::from(index) / f64::from(RATE);
        (0.5 * (std::f64::consts::TAU * (300.0 + 40.0 * time) * time).sin()) as f32
    };
    let sound = Waveform { rate: RATE, channels: 1, samples: (0..RATE * SECONDS).map(tone).collect() };
    let info = localizer.info();
    let sound = info.hearing.map(|hearing| hearing.prepare(&sound).into_owned()).unwrap_or(sound);
    let vector = [0.5; SOUND_VECTOR_LENGTH];
    let middle_secs = f64::from(SECONDS) / 2.0;
    let query = if info.takes_sound_vector {
        Query::SoundVector(&vector)
    } else if info.reads_text && !info.hears_sound() {
        Query::Text("a person playing the guitar")
    } else {
        let window = localizer.audio_window(WindowRule::Follow, middle_secs, sound.duration_secs());
        Query::Sound { sound: &sound, window }
    };
    let started = Instant::now();
    let features =
        localizer.encode_image(&FrameInput { picture: &picture, next: Some(&picture), index: 0, clip: "" })?;
    let image = started.elapsed();
    let started = Instant::now();
    let embedding = localizer.encode_query(&query)?;
    let query = started.elapsed();
    let started = Instant::now();
    let heatmap = localizer.join(&features, &embedding)?;
    Ok(ForwardPass { heatmap, image, query, join: started.elapsed() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(command: &ModelsCommand, shelf: &Shelf) -> Result<Value, ModelsError> {
        let mut out = Vec::new();
        run(command, shelf, true, &mut out)?;
        Ok(serde_json::from_slice(&out).unwrap())
    }

    #[test]
    fn an_empty_shelf_lists_the_systems() {
        let folder = tempfile::tempdir().unwrap();
        let listed = answer(&ModelsCommand::List, &Shelf::at(folder.path())).unwrap();
        assert!(listed["stored"].as_array().unwrap().is_empty());
        let systems = listed["systems"].as_array().unwrap();
        assert!(systems.iter().any(|system| system["id"] == "ez-vsl") && systems.len() > 20);
    }

    #[test]
    fn a_system_without_files_is_checked_by_a_forward_pass() {
        let shelf = Shelf::at("/nowhere");
        let checked = answer(&ModelsCommand::Check { id: "centre-box".to_owned() }, &shelf).unwrap();
        assert_eq!(checked["heatmap"]["range"], json!([0.0, 1.0]));
        let refusal = answer(&ModelsCommand::Check { id: "lvs".to_owned() }, &shelf).unwrap_err();
        assert!(refusal.to_string().contains("no model 'lvs' is stored"), "{refusal}");
    }
}
