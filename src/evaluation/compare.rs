//! Runs side by side: on the clips that both have scored, is one model better, or could it be chance?

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::error::EvaluationError;
use super::folder::FinishedRun;
use super::row::ClipKind;
use super::summary::Figure;
use crate::metrics::{PairedDifference, RESAMPLINGS, mcnemar, mean, paired_difference, success_rate};

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Side {
    /// The run's folder.
    pub run: String,
    pub model: String,
    /// Share of the common clips with cIoU ≥ the threshold.
    #[serde(with = "super::number")]
    pub accuracy: f64,
    #[serde(with = "super::number")]
    pub mean_ciou: f64,
}

/// Two models on the same questions under the same protocol.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    pub protocol: String,
    pub success: f64,
    pub first: Side,
    pub second: Side,
    /// Positives that both have scored: the same clip, frame and sound.
    pub clips: usize,
    /// Positives that only one of them has scored; they do not count.
    pub left_out: usize,
    /// First minus second, with the 95 % bootstrap interval over clips, and the probability of a difference at least
    /// as large if the models' names meant nothing (permutation test).
    pub accuracy_difference: Figure,
    #[serde(with = "super::number")]
    pub accuracy_p: f64,
    pub ciou_difference: Figure,
    #[serde(with = "super::number")]
    pub ciou_p: f64,
    /// Clips on which just one is right, and McNemar's exact test of them.
    pub only_first: usize,
    pub only_second: usize,
    #[serde(with = "super::number")]
    pub mcnemar_p: f64,
}

/// What makes a question the same in two runs.
type QuestionKey = (String, Option<u64>, String);

/// The cIoUs of one model of one run under one protocol.
struct Column {
    run: usize,
    model: String,
    cious: BTreeMap<QuestionKey, f64>,
}

/// Seed of the resamplings.
const SEED: u64 = 0x00c0_4a7e;

/// Compares every model of every run with every other under each protocol that both were scored by (only `protocol` if
/// one is named).
///
/// # Errors
/// A table cannot be read, there is nothing to compare, or the named protocol is in none of the runs.
pub fn compare(runs: &[FinishedRun], protocol: Option<&str>) -> Result<Vec<Comparison>, EvaluationError> {
    let mut order: Vec<(String, f64)> = Vec::new();
    for described in runs.iter().flat_map(|run| &run.summary.run.protocols) {
        let wanted = protocol.is_none_or(|protocol| protocol == described.protocol);
        // The best of several thresholds is not one question a clip.
        if wanted && described.tried.is_empty() && !order.iter().any(|(known, _)| *known == described.protocol) {
            order.push((described.protocol.clone(), described.success.first().copied().unwrap_or(0.5)));
        }
    }
    if order.is_empty() {
        let name = protocol.unwrap_or("any");
        return Err(EvaluationError::Wrong(format!("none of the runs was scored by {name} protocol")));
    }
    let mut columns: HashMap<String, Vec<Column>> = HashMap::new();
    for (number, run) in runs.iter().enumerate() {
        run.visit_rows(|row| {
            let counts = row.is_scored() && row.kind == ClipKind::Positive && row.source.is_none();
            if !counts || !order.iter().any(|(known, _)| *known == row.protocol) {
                return Ok(());
            }
            let of_protocol = columns.entry(row.protocol).or_default();
            let known = of_protocol.iter().position(|column| column.run == number && column.model == row.model);
            let place = known.unwrap_or_else(|| {
                of_protocol.push(Column { run: number, model: row.model, cious: BTreeMap::new() });
                of_protocol.len() - 1
            });
            if let Some(column) = of_protocol.get_mut(place) {
                column.cious.insert((row.clip, row.frame, row.asked), row.ciou.unwrap_or(f64::NAN));
            }
            Ok(())
        })?;
    }
    let mut comparisons = Vec::new();
    for (protocol, success) in order {
        let columns = columns.remove(&protocol).unwrap_or_default();
        for (place, first) in columns.iter().enumerate() {
            for second in columns.iter().skip(place + 1) {
                comparisons.extend(of_two(runs, &protocol, success, first, second));
            }
        }
    }
    if comparisons.is_empty() {
        let problem = "there are no two models that were scored by the same protocol on the same clips";
        return Err(EvaluationError::Wrong(problem.into()));
    }
    Ok(comparisons)
}

fn of_two(runs: &[FinishedRun], protocol: &str, success: f64, first: &Column, second: &Column) -> Option<Comparison> {
    let both: Vec<(f64, f64)> =
        first.cious.iter().filter_map(|(key, &ciou)| Some((ciou, *second.cious.get(key)?))).collect();
    if both.is_empty() {
        return None;
    }
    let (a, b): (Vec<f64>, Vec<f64>) = both.iter().copied().unzip();
    let right = |cious: &[f64]| cious.iter().map(|&ciou| f64::from(u8::from(ciou >= success))).collect::<Vec<f64>>();
    let of_accuracy = paired_difference(&right(&a), &right(&b), RESAMPLINGS, SEED);
    let of_ciou = paired_difference(&a, &b, RESAMPLINGS, SEED);
    let figure = |found: Option<PairedDifference>| {
        found.map_or(Figure::NONE, |found| Figure {
            value: found.difference.value,
            low: found.difference.low,
            high: found.difference.high,
        })
    };
    let p = |found: Option<PairedDifference>| found.map_or(f64::NAN, |found| found.p_value);
    let wrong = |ciou: f64| ciou < success || ciou.is_nan();
    let only_first = both.iter().filter(|&&(a, b)| a >= success && wrong(b)).count();
    let only_second = both.iter().filter(|&&(a, b)| b >= success && wrong(a)).count();
    let side = |column: &Column, cious: &[f64]| Side {
        run: runs.get(column.run).map(|run| run.folder.display().to_string()).unwrap_or_default(),
        model: column.model.clone(),
        accuracy: success_rate(cious, success),
        mean_ciou: mean(cious),
    };
    Some(Comparison {
        protocol: protocol.to_owned(),
        success,
        first: side(first, &a),
        second: side(second, &b),
        clips: both.len(),
        left_out: first.cious.len() + second.cious.len() - 2 * both.len(),
        accuracy_difference: figure(of_accuracy),
        accuracy_p: p(of_accuracy),
        ciou_difference: figure(of_ciou),
        ciou_p: p(of_ciou),
        only_first,
        only_second,
        mcnemar_p: mcnemar(only_first, only_second),
    })
}
