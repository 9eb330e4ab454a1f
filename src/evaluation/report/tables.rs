//! The tables of a run in the papers' layout: models, then what neither looks nor listens, on the same clips.

use crate::evaluation::{Accuracy, ClipKind, Figure, Reference, RunSummary, SourceSummary, Summary};
use crate::metrics::protocols;

use super::published::published;
use super::table::{Cell, Column, Row, RowKind, Table, Unit};
use super::words::{percent, short_percent};

/// All tables of a run, protocol by protocol.
pub fn tables(run: &RunSummary) -> Vec<Table> {
    let mut tables = Vec::new();
    for (number, described) in run.run.protocols.iter().enumerate() {
        let results: Vec<&Summary> =
            run.results.iter().filter(|result| result.protocol == described.protocol).collect();
        if results.is_empty() {
            continue;
        }
        let scope = Scope { run, number, protocol: &described.protocol, results };
        tables.push(scope.main());
        tables.extend(scope.sources());
        tables.extend(scope.masks());
        tables.extend(scope.regions());
        tables.extend(scope.detection());
        tables.extend(scope.sizes());
        tables.extend(scope.negatives());
    }
    tables
}

/// The label of a protocol, and the parts that differ from the published one.
pub fn protocol_title(protocol: &str) -> String {
    let (id, parts) = protocol.split_once('+').map_or((protocol, ""), |(id, parts)| (id, parts));
    let label = protocols().iter().find(|known| known.protocol.id() == id).map_or(id, |known| known.label);
    if parts.is_empty() { label.to_owned() } else { format!("{label} with {}", parts.replace('+', ", ")) }
}

/// One sentence on a protocol.
pub fn protocol_explanation(protocol: &str) -> &'static str {
    let id = protocol.split('+').next().unwrap_or_default();
    protocols().iter().find(|known| known.protocol.id() == id).map_or("", |known| known.explanation)
}

/// The results of one protocol.
struct Scope<'a> {
    run: &'a RunSummary,
    number: usize,
    protocol: &'a str,
    results: Vec<&'a Summary>,
}

impl Scope<'_> {
    fn model_place(&self, label: &str) -> usize {
        self.run.run.models.iter().position(|model| model.label == label).unwrap_or_default()
    }

    fn row(&self, result: &Summary, cells: Vec<Cell>) -> Row {
        Row { name: result.model.clone(), kind: RowKind::Model(self.model_place(&result.model)), cells }
    }

    fn table(&self, what: &str, title: String, columns: Vec<Column>, rows: Vec<Row>) -> Table {
        let list = self.run.run.dataset.list.as_deref().unwrap_or(&self.run.run.dataset.name);
        let choices = self.results.first().map_or("", |result| result.choices.as_str());
        let caption = format!("{} · {list} · {choices}", self.run.run.dataset.benchmark);
        Table { id: format!("{what}-{}", self.number + 1), title, caption, columns, rows, notes: Vec::new() }
    }

    /// Success, AUC and mean cIoU.
    fn main(&self) -> Table {
        let successes = self.successes();
        let mut columns: Vec<Column> = successes
            .iter()
            .map(|success| {
                let meaning = "Share of the clips whose map overlaps the ground truth at least so well (LocAcc)";
                Column::new(format!("cIoU@{success}"), meaning, Unit::Percent)
            })
            .collect();
        columns.push(Column::new("AUC", "Area under the share of success over its threshold", Unit::Percent));
        columns.push(Column::new("mean cIoU", "Mean overlap of map and ground truth", Unit::Percent));
        let pairs = self.results.iter().any(|result| result.pairs.is_some());
        if pairs {
            columns.push(Column::new("IIoU", "Share of pictures of which every sound is localized", Unit::Percent));
            columns.push(Column::new("IAUC", "Area under IIoU over its threshold", Unit::Percent));
        }
        columns
            .push(Column::new("clips", "Positives with a map, which these figures are over", Unit::Count).unranked());
        let mut notes = Vec::new();
        let mut rows: Vec<Row> = Vec::new();
        for result in &self.results {
            let probe = &result.references.fixed_probe;
            let mut cells = figures(&result.accuracy, &successes, result.auc, result.mean_ciou);
            for (cell, of_probe) in
                cells.iter_mut().zip(figures(&probe.accuracy, &successes, probe.auc, probe.mean_ciou))
            {
                cell.below_probe = cell.value <= of_probe.value;
            }
            let system = self.run.run.models.get(self.model_place(&result.model)).map(|model| model.system.as_str());
            // What was printed for the centre box is of the box itself, whose row is below, not of its map.
            let system = system.filter(|&system| system != "centre-box").unwrap_or_default();
            self.publish(system, &successes, &mut cells, &mut notes);
            if pairs {
                let [iiou, iauc] = result.pairs.map_or([Figure::NONE; 2], |pairs| [pairs.iiou, pairs.iauc]);
                cells.extend([iiou, iauc].map(Cell::from));
            }
            let positives = result.kinds.get(&ClipKind::Positive).copied().unwrap_or(0);
            cells.push(Cell::plain(positives as f64));
            rows.push(self.row(result, cells));
        }
        if let Some(result) = self.results.iter().max_by_key(|result| result.scored) {
            let references = &result.references;
            let mut reference = |name: &str, kind: RowKind, id: &str, reference: &Reference| {
                let mut cells = figures(&reference.accuracy, &successes, reference.auc, reference.mean_ciou);
                self.publish(id, &successes, &mut cells, &mut notes);
                cells.resize(columns.len(), Cell::NONE);
                rows.push(Row { name: name.to_owned(), kind, cells });
            };
            reference("Centre box", RowKind::Reference, "centre-box", &references.centre_box);
            reference("Full frame", RowKind::Reference, "full-frame", &references.full_frame);
            reference("Fixed probe", RowKind::Reference, "fixed-probe", &references.fixed_probe);
            for (name, ceiling) in self.ceilings() {
                reference(&name, RowKind::Ceiling, "ceiling", ceiling);
            }
        }
        let title = protocol_title(self.protocol);
        Table { notes, ..self.table("results", title, columns, rows) }
    }

    /// The ceiling of the rule, or one for each kind of models where some see a part of the frame.
    fn ceilings(&self) -> Vec<(String, &Reference)> {
        let most = self.results.iter().map(|result| result.scored).max();
        let mut groups: Vec<(Vec<&str>, &Reference)> = Vec::new();
        // Over fewer clips a ceiling differs for no other reason.
        for result in self.results.iter().filter(|result| Some(result.scored) == most) {
            let Some(ceiling) = &result.references.ceiling else { continue };
            match groups.iter_mut().find(|(_, known)| known.mean_ciou.value == ceiling.mean_ciou.value) {
                Some((models, _)) => models.push(&result.model),
                None => groups.push((vec![&result.model], ceiling)),
            }
        }
        let alone = groups.len() == 1;
        let name = |models: Vec<&str>| match alone {
            true => "Ceiling of the rule".to_owned(),
            false => format!("Ceiling for {}", models.join(", ")),
        };
        groups.into_iter().map(|(models, ceiling)| (name(models), ceiling)).collect()
    }

    /// The success thresholds that all results have, the main one first.
    fn successes(&self) -> Vec<f64> {
        let first = self.results.first().map(|result| result.accuracy.as_slice()).unwrap_or_default();
        first.iter().map(|accuracy| accuracy.success).collect()
    }

    /// Puts printed figures beside the measured ones, with a note on where they stand.
    fn publish(&self, system: &str, successes: &[f64], cells: &mut [Cell], notes: &mut Vec<String>) {
        let dataset = &self.run.run.dataset;
        // Of corrected boxes nobody has printed anything.
        let known = published(system, &dataset.benchmark, dataset.clips, self.protocol);
        let Some(known) = known.filter(|_| dataset.corrected == 0) else { return };
        let number = notes.iter().position(|note| note == known.source).unwrap_or_else(|| {
            notes.push(known.source.to_owned());
            notes.len() - 1
        }) + 1;
        let [low, high] = known.ciou;
        let text = if low == high { percent(low) } else { format!("{}–{}", short_percent(low), short_percent(high)) };
        let place = successes.iter().position(|success| *success == known.success);
        if let Some(cell) = place.and_then(|place| cells.get_mut(place)) {
            cell.published = Some((text, number));
        }
        if let (Some(auc), Some(cell)) = (known.auc, cells.get_mut(successes.len())) {
            cell.published = Some((percent(auc), number));
        }
    }

    /// Figures by source, where several things sound in a picture.
    fn sources(&self) -> Option<Table> {
        let found: Vec<(&Summary, SourceSummary)> =
            self.results.iter().filter_map(|result| Some((*result, result.sources?))).collect();
        let each = "A picture's cIoU is the mean over the sources that sound in it, each against its own boxes (DSOL)";
        let silent = "Share of the frame that the maps of silent classes leave silent";
        let mut columns = vec![
            Column::new("CIoU@0.3", each, Unit::Percent),
            Column::new("CIoU@0.5", each, Unit::Percent),
            Column::new("AUC", each, Unit::Percent),
        ];
        let has_silent = found.iter().any(|(_, sources)| !sources.silent_area.value.is_nan());
        if has_silent {
            columns.push(Column::new("NSA", silent, Unit::Percent));
        }
        let aware = "Mean cIoU of the two sources of a picture, each against its own boxes (coarse-to-fine)";
        columns.push(Column::new("class-aware", aware, Unit::Percent));
        columns.push(Column::new("class-blind", "The same pictures against all boxes", Unit::Percent));
        columns.push(Column::new("pictures", "Pictures with a sounding source", Unit::Count).unranked());
        let row = |(result, sources): &(&Summary, SourceSummary)| {
            let mut shown = vec![sources.success_at_30, sources.success_at_50, sources.auc];
            shown.extend(has_silent.then_some(sources.silent_area));
            shown.extend([sources.class_aware, sources.class_agnostic]);
            let mut cells: Vec<Cell> = shown.into_iter().map(Cell::from).collect();
            cells.push(Cell::plain(sources.images as f64));
            self.row(result, cells)
        };
        let rows: Vec<Row> = found.iter().map(row).collect();
        let title = format!("Source by source · {}", protocol_title(self.protocol));
        let mut table = self.table("sources", title, columns, rows);
        if !has_silent {
            let note =
                "Every model answers with one map for all sources, or nobody said which of its classes is which.";
            table.notes.push(note.into());
        }
        (!found.is_empty()).then_some(table)
    }

    /// AVSBench's figures, where score maps are probabilities.
    fn masks(&self) -> Option<Table> {
        let overlap = "Mean intersection over union; where nothing is to be marked, the share left unmarked";
        let by_video = "F-measure (β² = 0.3) of each video at its own best threshold, then the mean: AVSBench's code";
        let columns = vec![
            Column::new("M_J", overlap, Unit::Percent),
            Column::new("M_F", by_video, Unit::Percent),
            Column::new("M_F at once", "F-measure at one threshold for all pictures", Unit::Percent),
            Column::new("pictures", "Pictures that M_J is over", Unit::Count).unranked(),
            Column::new("videos", "Videos that M_F is over", Unit::Count).unranked(),
        ];
        let row = |result: &&Summary| {
            let found = result.segmentation?;
            let mut cells = [found.mean_iou, found.f_measure, found.f_measure_at_once].map(Cell::from).to_vec();
            cells.extend([found.pictures, found.videos].map(|count| Cell::plain(count as f64)));
            Some(self.row(result, cells))
        };
        let rows: Vec<Row> = self.results.iter().filter_map(row).collect();
        let title = format!("As AVSBench scores · {}", protocol_title(self.protocol));
        (!rows.is_empty()).then(|| self.table("masks", title, columns, rows))
    }

    /// Urbansas' own figure.
    fn regions(&self) -> Option<Table> {
        let found: Vec<_> =
            self.results.iter().filter_map(|&result| Some((result, result.azimuth.as_ref()?))).collect();
        let (_, first) = found.first()?;
        let all =
            "Mean intersection over union of the five regions across the frame that are marked and that boxes reach";
        let mut columns = vec![
            Column::new("IoU", all, Unit::Percent),
            Column::new("active", "Over the half seconds with a vehicle in the picture", Unit::Percent),
            Column::new("inactive", "Over the others: the share in which nothing is marked", Unit::Percent),
        ];
        for class in &first.classes {
            let name = format!("{} ({})", class.class, super::words::count(class.frames));
            columns.push(Column::new(name, "Over the half seconds that show this, against its boxes", Unit::Percent));
        }
        columns.push(Column::new("frames", "Half seconds, each asked with its own sound", Unit::Count).unranked());
        let mut rows = Vec::new();
        for (result, azimuth) in &found {
            let mut cells = [azimuth.all, azimuth.active, azimuth.inactive].map(Cell::from).to_vec();
            for class in &first.classes {
                let own = azimuth.classes.iter().find(|own| own.class == class.class);
                cells.push(own.map_or(Cell::NONE, |own| Cell::from(own.iou)));
            }
            cells.push(Cell::plain(azimuth.frames as f64));
            rows.push(self.row(result, cells));
        }
        let title = format!("As Urbansas scores · {}", protocol_title(self.protocol));
        let mut table = self.table("regions", title, columns, rows);
        let percent = |figure: &Figure| format!("{:.1} %", 100.0 * figure.value);
        table.notes.push(format!(
            "A region is marked where more than a twentieth of its cells are positive; boxes count whether they are heard \
             or not; a figure is the mean over a clip's half seconds, then over the clips. All vehicles are one class, and \
             by class, too, a model that is not asked for single classes answers with its one map; one that is asked in \
             words has no answer where no vehicle is. On the same half seconds the centre box reaches {}, the full frame {}.",
            percent(&first.centre_box),
            percent(&first.full_frame)
        ));
        Some(table)
    }

    /// What confidence is worth; only where there are negatives.
    fn detection(&self) -> Option<Table> {
        if self.results.iter().all(|result| result.negatives.is_empty()) {
            return None;
        }
        let columns = vec![
            Column::new("AP", "Area under precision over recall as SLAVC's code computes it", Unit::Percent),
            Column::new("AP (standard)", "Area under the precision envelope, recall = TP / positives", Unit::Percent),
            Column::new("max-F1", "Largest F1 at about ten confidences, as SLAVC's code computes it", Unit::Percent),
            Column::new("max-F1 (all δ)", "Largest F1 over all confidences, as the papers define it", Unit::Percent),
            Column::new("max-F1 (standard)", "The same with recall = TP / positives", Unit::Percent),
            Column::new("precision", "Of all clips, negatives counted as wrong", Unit::Percent),
            Column::new("at δ", "The confidence of the largest standard F1", Unit::Number).unranked(),
        ];
        let mut rows = Vec::new();
        for result in &self.results {
            let main = result.accuracy.first().map_or(0.5, |accuracy| accuracy.success);
            let all = result.detection.iter().find(|figures| figures.subset == "all" && figures.success == main);
            let Some(all) = all else { continue };
            let figures = [
                all.average_precision_as_published,
                all.average_precision,
                all.max_f1_as_published,
                all.max_f1_over_all,
                all.max_f1,
                all.precision,
            ];
            let mut cells: Vec<Cell> = figures.map(Cell::from).to_vec();
            cells.push(Cell::plain(all.max_f1_confidence));
            rows.push(self.row(result, cells));
        }
        let title = format!("Positives and negatives together · {}", protocol_title(self.protocol));
        Some(self.table("detection", title, columns, rows))
    }

    /// Success by the size of the ground truth.
    fn sizes(&self) -> Option<Table> {
        let first = self.results.first()?;
        let columns: Vec<Column> = first
            .sizes
            .iter()
            .map(|size| {
                let name = format!("{} ({})", size.size, super::words::count(size.clips));
                Column::new(name, "Share of success among the clips of this size", Unit::Percent)
            })
            .collect();
        let rows: Vec<Row> = self
            .results
            .iter()
            .map(|result| {
                let rate = |size: &crate::evaluation::SizeFigures| {
                    size.accuracy.first().map_or(Cell::NONE, |accuracy| Cell::from(accuracy.rate))
                };
                self.row(result, result.sizes.iter().map(rate).collect())
            })
            .collect();
        let title = format!("By the size of what sounds · {}", protocol_title(self.protocol));
        (!columns.is_empty()).then(|| self.table("sizes", title, columns, rows))
    }

    /// What a model does where nothing visible sounds, by kind.
    fn negatives(&self) -> Option<Table> {
        let mut kinds: Vec<(ClipKind, usize)> = Vec::new();
        for result in &self.results {
            for negative in &result.negatives {
                if !kinds.iter().any(|(kind, _)| *kind == negative.kind) {
                    kinds.push((negative.kind, negative.clips));
                }
            }
        }
        if kinds.is_empty() {
            return None;
        }
        let mut columns = Vec::new();
        for (kind, clips) in &kinds {
            let clips = super::words::count(*clips);
            columns.push(
                Column::new(
                    format!("marked, {kind} ({clips})"),
                    "pIA: mean share of the frame that is marked",
                    Unit::Percent,
                )
                .unranked(),
            );
            columns.push(Column::new(
                format!("told apart, {kind}"),
                "How often a positive is more confident than such a negative; 50 is chance",
                Unit::Percent,
            ));
            columns.push(Column::new(
                format!("max-F1, {kind}"),
                "Over all positives and these negatives",
                Unit::Percent,
            ));
        }
        columns.push(
            Column::new("universal threshold", "Largest third quartile of the negatives' peaks, by kind", Unit::Number)
                .unranked(),
        );
        let both = "Harmonic mean over positives and negatives (Juanola et al.), under this protocol's mask";
        columns.push(Column::new("F_LOC", both, Unit::Percent));
        columns.push(Column::new("F_AUC", both, Unit::Percent));
        let rows: Vec<Row> = self
            .results
            .iter()
            .map(|result| {
                let mut cells = Vec::new();
                for (kind, _) in &kinds {
                    match result.negatives.iter().find(|negative| negative.kind == *kind) {
                        Some(negative) => {
                            cells.extend(
                                [negative.marked_share, negative.separability, negative.max_f1].map(Cell::from),
                            );
                        }
                        None => cells.extend([Cell::NONE, Cell::NONE, Cell::NONE]),
                    }
                }
                cells.push(Cell::plain(result.universal_threshold));
                cells.extend([result.location_balance, result.auc_balance].map(Cell::plain));
                self.row(result, cells)
            })
            .collect();
        let title = format!("Where nothing visible sounds · {}", protocol_title(self.protocol));
        Some(self.table("negatives", title, columns, rows))
    }
}

/// The success rates at `successes`, then AUC and mean cIoU.
fn figures(accuracy: &[Accuracy], successes: &[f64], auc: Figure, mean: Figure) -> Vec<Cell> {
    let rate = |success: &f64| {
        let found = accuracy.iter().find(|accuracy| accuracy.success == *success);
        found.map_or(Cell::NONE, |accuracy| Cell::from(accuracy.rate))
    };
    let mut cells: Vec<Cell> = successes.iter().map(rate).collect();
    cells.extend([Cell::from(auc), Cell::from(mean)]);
    cells
}
