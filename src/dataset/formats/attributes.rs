//! Free attributes of annotation programs: the names under which what their formats lack is kept.

use crate::dataset::annotation::{Annotation, BetweenKeys};

/// Attribute names under which annotators put what a thing is, when the format has no field for it.
const LABEL_NAMES: [&str; 8] = ["label", "class", "category", "name", "type", "object", "object_name", "species"];

/// What of an annotation a format's own fields already say.
#[derive(Clone, Copy, Default)]
pub struct OwnFields {
    pub label: bool,
    pub track: bool,
    pub annotator: bool,
    pub occluded: bool,
    pub motion: bool,
}

/// What is left to say in attributes.
pub fn of(annotation: &Annotation, own: OwnFields) -> Vec<(&'static str, String)> {
    let mut attributes = Vec::new();
    let mut text = |name, value: &Option<String>, said: bool| {
        if let (Some(value), false) = (value, said) {
            attributes.push((name, value.clone()));
        }
    };
    text("label", &annotation.label, own.label);
    text("track", &annotation.track, own.track);
    text("annotator", &annotation.annotator, own.annotator);
    let mut flag = |name, value: bool| attributes.push((name, value.to_string()));
    if let Some(sounding) = annotation.sounding {
        flag("sounding", sounding);
    }
    if annotation.occluded && !own.occluded {
        flag("occluded", true);
    }
    if !own.motion {
        if !annotation.visible {
            flag("visible", false);
        }
        if annotation.interpolated {
            flag("interpolated", true);
        }
        match annotation.between {
            BetweenKeys::Nothing => {}
            BetweenKeys::Hold => attributes.push(("between", "hold".into())),
            BetweenKeys::Linear => attributes.push(("between", "linear".into())),
        }
    }
    attributes
}

/// Takes one attribute into the annotation; an unknown name that could be a label becomes one if there is none yet.
pub fn apply(annotation: &mut Annotation, name: &str, value: &str) {
    let value = value.trim();
    if value.is_empty() {
        return;
    }
    let truth = match value.to_lowercase().as_str() {
        "true" | "yes" | "1" => Some(true),
        "false" | "no" | "0" => Some(false),
        _ => None,
    };
    let name = name.trim().to_lowercase();
    match (name.as_str(), truth) {
        ("sounding", Some(truth)) => annotation.sounding = Some(truth),
        ("silent", Some(truth)) => annotation.sounding = Some(!truth),
        ("occluded", Some(truth)) => annotation.occluded = truth,
        ("visible", Some(truth)) => annotation.visible = truth,
        ("interpolated", Some(truth)) => annotation.interpolated = truth,
        ("track" | "track_id" | "instance" | "instance_id", _) => annotation.track = Some(value.to_owned()),
        ("annotator", _) => annotation.annotator = Some(value.to_owned()),
        ("between", _) => {
            annotation.between = match value {
                "linear" => BetweenKeys::Linear,
                "hold" => BetweenKeys::Hold,
                _ => BetweenKeys::Nothing,
            }
        }
        (known, _) if LABEL_NAMES.contains(&known) => annotation.label = Some(value.to_owned()),
        _ if annotation.label.is_none() && truth.is_none() => annotation.label = Some(value.to_owned()),
        _ => {}
    }
}

/// A JSON attribute value as text: strings, numbers, and the chosen names of a set of check boxes.
pub fn text_of(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null => String::new(),
        serde_json::Value::Object(choices) => {
            let chosen = choices.iter().filter(|(_, on)| on.as_bool() == Some(true)).map(|(name, _)| name.as_str());
            chosen.collect::<Vec<_>>().join(", ")
        }
        serde_json::Value::Array(values) => values.iter().map(text_of).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
