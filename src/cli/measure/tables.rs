//! What was measured as tables of Markdown, put between two marks of a card.

use std::path::Path;

use super::{BASELINES, MeasureError, Measured, Measurement, OF_PAIRS};
use crate::evaluation::{Figure, RunSummary, Summary};

const BEGIN: &str = "<!-- measured by `sonolens models measure`: what stands between these marks is written anew -->";
const END: &str = "<!-- end of what was measured -->";

/// Writes the overview into the folder's README.md, and each model's figures into its own.
pub(super) fn write(folder: &Path, measurement: &Measurement, command: &str) -> Result<(), MeasureError> {
    put(&folder.join("README.md"), &overview(measurement, command))?;
    for model in &measurement.models {
        put(&folder.join(model).join("README.md"), &card(measurement, model, command))?;
    }
    Ok(())
}

/// Puts a text between the marks of a file; at its end where there are none.
fn put(path: &Path, text: &str) -> Result<(), MeasureError> {
    let old = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        read => read.map_err(MeasureError::io(path))?,
    };
    std::fs::write(path, between_marks(&old, text)).map_err(MeasureError::io(path))
}

fn between_marks(old: &str, text: &str) -> String {
    let marked = old.find(BEGIN).and_then(|begin| Some((begin, begin + old[begin..].find(END)? + END.len())));
    let (before, after) = match marked {
        Some((begin, end)) => (old[..begin].to_owned(), &old[end..]),
        None if old.is_empty() => (String::new(), "\n"),
        None => (format!("{}\n\n", old.trim_end()), "\n"),
    };
    format!("{before}{BEGIN}\n{text}{END}{after}")
}

/// A share in percent with its interval; nothing where there is none.
fn percent(figure: &Figure) -> String {
    if figure.value.is_nan() {
        return "–".to_owned();
    }
    let of = |value: f64| 100.0 * value;
    format!("{:.1} ({:.0}–{:.0})", of(figure.value), of(figure.low), of(figure.high))
}

fn accuracy(summary: &Summary, success: f64) -> String {
    let found = summary.accuracy.iter().find(|accuracy| (accuracy.success - success).abs() < 1e-6);
    found.map_or_else(|| "–".to_owned(), |accuracy| percent(&accuracy.rate))
}

/// The first protocol of a run, which the tables are about.
fn main_protocol(run: &RunSummary) -> &str {
    run.run.protocols.first().map_or("", |protocol| protocol.protocol.as_str())
}

const LISTENING_HEAD: &str = "| | hits@0.3 | by chance | hits@0.5 | by chance | recall@1 | recall@10 |\n\
                              | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n";

const SET_HEAD: &str = "| | cIoU@0.5 | cIoU@0.3 | AUC | AP | max-F1 |\n| --- | ---: | ---: | ---: | ---: | ---: |\n";

fn set_row(name: &str, summary: &Summary) -> String {
    let detection = summary.detection.iter().find(|figures| figures.subset == "all");
    let detected = |figure: fn(&crate::evaluation::DetectionFigures) -> &Figure| {
        detection.map_or_else(|| "–".to_owned(), |figures| percent(figure(figures)))
    };
    format!(
        "| {name} | {} | {} | {} | {} | {} |\n",
        accuracy(summary, 0.5),
        accuracy(summary, 0.3),
        percent(&summary.auc),
        detected(|figures| &figures.average_precision),
        detected(|figures| &figures.max_f1)
    )
}

/// What the set is the counterpart of.
fn title(set: &Measured) -> String {
    format!(
        "{}, in the shape of {}: {} clips, `{}`",
        set.kind,
        set.usual.run.dataset.benchmark,
        set.usual.run.dataset.clips,
        main_protocol(&set.usual)
    )
}

fn hits(run: Option<&RunSummary>, model: &str, protocol: &str) -> String {
    let results = run.map(|run| run.results.as_slice()).unwrap_or_default();
    let pairs = results.iter().find(|result| result.model == model && same(&result.protocol, protocol));
    pairs.and_then(|result| result.pairs).map_or_else(|| "–".to_owned(), |pairs| percent(&pairs.iiou))
}

/// Whether two texts mean one protocol.
fn same(one: &str, other: &str) -> bool {
    let parsed = |text: &str| text.parse::<crate::metrics::Protocol>().ok();
    one == other || parsed(one).is_some_and(|one| Some(one) == parsed(other))
}

/// The tables of all models.
pub(super) fn overview(measurement: &Measurement, command: &str) -> String {
    let everyone: Vec<&str> = measurement.models.iter().map(String::as_str).chain(BASELINES).collect();
    let mut text = format!(
        "Measured on the test split of the soundstage, version {}, seed {}, {} clips of each kind of scene and their \
         negatives, by\n\n```\n{command}\n```\n\nPercent, with the interval of 95 % over clips. cIoU@0.5 and cIoU@0.3: \
         the share of clips that reach it. AP and max-F1: over all clips and their negatives, silence, noise and other \
         clips' sounds among them.\n",
        measurement.soundstage_version, measurement.seed, measurement.count
    );
    for set in &measurement.sets {
        text += &format!("\n**{}**\n\n{SET_HEAD}", title(set));
        for model in &everyone {
            let found = set.usual.result(model, main_protocol(&set.usual));
            text += &found.map_or_else(String::new, |summary| set_row(model, summary));
        }
    }
    let groups = measurement
        .pairs
        .iter()
        .flat_map(|run| &run.results)
        .find_map(|result| Some(result.pairs?.groups))
        .unwrap_or(0);
    text += &format!(
        "\n**Listening**\n\nInteractive hits: of {groups} pictures in which two things sound, the share where the map of \
         each sound lies on its own thing, at cIoU 0.3 and 0.5 (IIoU, `ssl-align:adaptive`). *By chance*: the same with \
         the two boxes exchanged; who does not listen does equally well there. Recall: the share of sounds whose \
         picture is among the first, and the first ten, of all pictures of the set *solo*, by the map's peak.\n\n\
         {LISTENING_HEAD}"
    );
    for model in &everyone {
        text += &listening_row(measurement, model);
    }
    text
}

fn listening_row(measurement: &Measurement, model: &str) -> String {
    let [low, high] = OF_PAIRS;
    let recalls = measurement.retrieval.iter().find(|retrieval| retrieval.model == model);
    let recall = |at: usize| {
        recalls.map_or_else(
            || "–".to_owned(),
            |found| {
                let (value, [low, high]) = (found.audio_to_image.pessimistic[at], found.audio_to_image.intervals[at]);
                percent(&Figure { value, low, high })
            },
        )
    };
    format!(
        "| {model} | {} | {} | {} | {} | {} | {} |\n",
        hits(measurement.pairs.as_ref(), model, low),
        hits(measurement.exchanged.as_ref(), model, low),
        hits(measurement.pairs.as_ref(), model, high),
        hits(measurement.exchanged.as_ref(), model, high),
        recall(0),
        recall(2)
    )
}

/// One model's figures by every protocol, with the centre box beside them.
fn card(measurement: &Measurement, model: &str, command: &str) -> String {
    let mut text = format!(
        "## Measured\n\nOn the test split of the soundstage, version {}, seed {}, {} clips of each kind of scene, by \
         `{command}`; percent, with the interval of 95 %. What the figures mean is said in `models/README.md`.\n\n\
         {LISTENING_HEAD}",
        measurement.soundstage_version, measurement.seed, measurement.count
    );
    for row in [model, BASELINES[0]] {
        text += &listening_row(measurement, row);
    }
    for set in &measurement.sets {
        text += &format!("\n### {}\n\n{SET_HEAD}", title(set));
        for row in [model, BASELINES[0], BASELINES[1]] {
            let found = set.usual.result(row, main_protocol(&set.usual));
            text += &found.map_or_else(String::new, |summary| set_row(row, summary));
        }
        text += "\n| protocol | cIoU@0.5 | cIoU@0.3 | AUC | mean cIoU | AUC of the centre box |\n\
                 | --- | ---: | ---: | ---: | ---: | ---: |\n";
        for protocol in &set.every.run.protocols {
            let Some(own) = set.every.result(model, &protocol.protocol) else { continue };
            let beside = set.every.result(BASELINES[0], &protocol.protocol);
            text += &format!(
                "| `{}` | {} | {} | {} | {} | {} |\n",
                protocol.protocol,
                accuracy(own, 0.5),
                accuracy(own, 0.3),
                percent(&own.auc),
                percent(&own.mean_ciou),
                beside.map_or_else(|| "–".to_owned(), |summary| percent(&summary.auc))
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_goes_between_the_marks_and_the_rest_stays() {
        let once = between_marks("# Card\n\nWords.\n", "one\n");
        assert_eq!(once, format!("# Card\n\nWords.\n\n{BEGIN}\none\n{END}\n"));
        let more = format!("{once}\nMore words.\n");
        assert_eq!(between_marks(&more, "two\n"), more.replace("one\n", "two\n"));
        assert_eq!(between_marks("", "one\n"), format!("{BEGIN}\none\n{END}\n"));
    }

    #[test]
    fn protocols_are_the_same_whichever_way_they_are_written() {
        assert!(same("lvs", "lvs+success=0.5") && !same("lvs", "ezvsl"));
        assert_eq!(percent(&Figure::NONE), "–");
        assert_eq!(percent(&Figure { value: 0.1234, low: 0.1, high: 0.2 }), "12.3 (10–20)");
    }
}
