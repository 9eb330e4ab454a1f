//! The report of the open dataset: the loaded models over all its clips, beside what neither looks nor listens.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use egui::{Color32, Grid, Pos2, RichText, ScrollArea, Sense, Stroke, Ui, Vec2};

use super::state::AppState;
use super::theme;
use crate::engine::{Job, JobControl};
use crate::evaluation::report::{self, Chart, Look, RowKind, Table};
use crate::evaluation::{self, Outcome, Progress, Request, RunOptions};
use crate::localizers::store::Shelf;

/// What the window shows and what it waits for.
#[derive(Default)]
pub struct ReportWindow {
    pub open: bool,
    running: Option<Running>,
    shown: Option<Shown>,
    failure: Option<String>,
}

struct Running {
    job: Job<Result<Option<Shown>, String>>,
    so_far: Arc<Mutex<Option<Progress>>>,
    asked: Asked,
}

/// What a report is of.
#[derive(Clone, Debug, PartialEq)]
struct Asked {
    dataset: PathBuf,
    models: Vec<String>,
    protocol: String,
    /// Corrections and reviews so far.
    versions: [u64; 2],
}

/// A finished report.
struct Shown {
    asked: Asked,
    tables: Vec<Table>,
    charts: Vec<Chart>,
    /// Which list the clips are of, and what of it was corrected or left out.
    list: Option<String>,
    failed_clips: usize,
}

impl Asked {
    fn of(state: &AppState) -> Option<Self> {
        // Of a project what is true in it now, not what its files said once.
        let project = state.project.as_ref().map(|desk| desk.path().to_owned());
        let dataset = project.or_else(|| Some(state.source.as_ref()?.path.clone()))?;
        let models: Vec<String> = state.models.iter().map(|slot| slot.spec.clone()).collect();
        let versions = [state.truth_version, state.reviews_version];
        (!models.is_empty()).then(|| Self { dataset, models, protocol: state.protocol.to_string(), versions })
    }
}

impl ReportWindow {
    /// Takes in what has come.
    pub fn update(&mut self) {
        let Some(outcome) = self.running.as_ref().and_then(|running| running.job.poll()) else { return };
        self.running = None;
        match outcome {
            Ok(Ok(Some(shown))) => self.shown = Some(shown),
            Ok(Ok(None)) => self.failure = Some("The report was stopped.".into()),
            Ok(Err(message)) => self.failure = Some(message),
            Err(failed) => self.failure = Some(failed.to_string()),
        }
    }

    fn start(&mut self, state: &AppState, asked: Asked) {
        self.failure = None;
        let so_far = Arc::new(Mutex::new(None));
        let (shelf, told, wanted) = (state.model_shelf.clone(), Arc::clone(&so_far), asked.clone());
        let job = state.jobs.spawn("Report of the dataset", move |control| made(wanted, &shelf, &told, control));
        self.running = Some(Running { job, so_far, asked });
    }

    /// Draws the window while it is open.
    pub fn show(&mut self, ui: &Ui, state: &AppState) {
        if !self.open {
            return;
        }
        let mut open = true;
        let window = theme::window(ui.ctx(), "Report", Vec2::new(760.0, 560.0)).open(&mut open);
        window.show(ui.ctx(), |ui| self.content_ui(ui, state));
        self.open = open;
    }

    fn content_ui(&mut self, ui: &mut Ui, state: &AppState) {
        let colors = theme::palette(ui.visuals());
        let asked = Asked::of(state);
        ui.horizontal(|ui| {
            let running = self.running.is_some();
            let fresh = self.shown.as_ref().is_some_and(|shown| Some(&shown.asked) == asked.as_ref());
            let title = if fresh { "Compute again" } else { "Compute" };
            let button = ui.add_enabled(asked.is_some() && !running, egui::Button::new(title));
            let why = "Open a dataset from a file or folder and load a model first";
            if let (true, Some(asked)) = (button.on_disabled_hover_text(why).clicked(), asked.clone()) {
                self.start(state, asked);
            }
            if running && ui.button("Stop").clicked() {
                self.running = None;
                self.failure = Some("The report was stopped.".into());
            }
            let of = format!("{} · {}", state.dataset_name, state.protocol);
            ui.label(RichText::new(of).color(colors.quiet_text));
        });
        if let Some(running) = &self.running {
            running_ui(ui, running);
        }
        if let Some(failure) = &self.failure {
            ui.label(RichText::new(failure).color(colors.bad));
        }
        let Some(shown) = &self.shown else {
            if self.running.is_none() && self.failure.is_none() {
                ui.label(
                    RichText::new("Every loaded model over every clip, with the references of the same clips.")
                        .color(colors.quiet_text),
                );
            }
            return;
        };
        if Some(&shown.asked) != asked.as_ref() {
            let text = format!(
                "Of {} under {}: something has changed since.",
                shown.asked.models.join(", "),
                shown.asked.protocol
            );
            ui.label(RichText::new(text).color(colors.warning));
        }
        if let Some(list) = &shown.list {
            ui.label(RichText::new(list).color(colors.quiet_text));
        }
        if shown.failed_clips > 0 {
            let text =
                format!("{} clips have a question without an answer; figures are over the others.", shown.failed_clips);
            ui.label(RichText::new(text).color(colors.warning));
        }
        ui.separator();
        ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
            for table in &shown.tables {
                ScrollArea::horizontal().id_salt(("scroll", &table.id)).show(ui, |ui| table_ui(ui, state, table));
                ui.add_space(10.0);
            }
            ui.horizontal_wrapped(|ui| {
                for chart in &shown.charts {
                    chart_ui(ui, state, chart);
                }
            });
        });
    }
}

/// How far a run is, with each model's figure so far.
fn running_ui(ui: &mut Ui, running: &Running) {
    let colors = theme::palette(ui.visuals());
    let so_far = running.so_far.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let Some(progress) = so_far else {
        ui.label(RichText::new("Opening the dataset and the models…").color(colors.quiet_text));
        return;
    };
    let share = progress.done as f32 / progress.clips.max(1) as f32;
    let rest = progress.remaining.map(|rest| format!(", about {} s to go", rest.as_secs())).unwrap_or_default();
    let text = format!("{} of {} clips, {:.1} a second{rest}", progress.done, progress.clips, progress.rate);
    ui.add(egui::ProgressBar::new(share).text(text));
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(format!("Success so far under {}:", running.asked.protocol)).color(colors.quiet_text));
        for (model, rate) in &progress.models {
            let rate = if rate.is_finite() { format!("{:.1} %", rate * 100.0) } else { "–".into() };
            ui.label(format!("{model} {rate}"));
        }
    });
}

/// Runs the models over the dataset and makes tables and charts of it; `None` if it was stopped.
fn made(
    asked: Asked,
    shelf: &Shelf,
    so_far: &Mutex<Option<Progress>>,
    control: &JobControl,
) -> Result<Option<Shown>, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let folder = tempfile::tempdir().map_err(|error| text(&error))?;
    let request = Request {
        protocols: vec![asked.protocol.clone()],
        ..Request::new(asked.dataset.clone(), asked.models.clone())
    };
    // The window and the sound go on beside the run.
    let jobs = std::thread::available_parallelism().map_or(1, usize::from).saturating_sub(1).max(1);
    let options = RunOptions { out: folder.path().to_owned(), jobs, save_heatmaps: false, retry_failed: false };
    let outcome = evaluation::evaluate(&request, &options, shelf, &control.stop_flag(), |progress| {
        control.set_progress(progress.done as f32 / progress.clips.max(1) as f32);
        *so_far.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress.clone());
    });
    match outcome {
        Err(error) => Err(text(&error)),
        Ok(Outcome::Stopped { .. }) => Ok(None),
        Ok(Outcome::Finished(run)) => report::gather(&run).map_err(|error| text(&error)).map(|points| {
            let drawn = report::drawn(&run.summary, &points, &asked.protocol);
            let charts = report::charts(&drawn);
            let tables = report::tables(&run.summary);
            let list = run.summary.run.dataset.list.clone();
            Some(Shown { asked, tables, charts, list, failed_clips: run.summary.failed_clips })
        }),
    }
}

/// The colour of a model in a report, by its place among the loaded ones.
fn model_color(state: &AppState, place: usize) -> Color32 {
    theme::model_color(state.models.get(place).map_or(place, |slot| slot.color))
}

fn table_ui(ui: &mut Ui, state: &AppState, table: &Table) {
    let colors = theme::palette(ui.visuals());
    ui.label(RichText::new(&table.title).font(theme::strong(13.5))).on_hover_text(&table.caption);
    Grid::new(&table.id).num_columns(table.columns.len() + 1).striped(true).spacing([16.0, 5.0]).show(ui, |ui| {
        ui.label("");
        for column in &table.columns {
            ui.label(RichText::new(&column.name).small().color(colors.quiet_text)).on_hover_text(&column.meaning);
        }
        ui.end_row();
        for (place, row) in table.rows.iter().enumerate() {
            match row.kind {
                RowKind::Model(slot) => {
                    ui.label(RichText::new(format!("■ {}", row.name)).color(model_color(state, slot)));
                }
                _ => {
                    ui.label(RichText::new(&row.name).italics().color(colors.quiet_text));
                }
            }
            for (number, (cell, column)) in row.cells.iter().zip(&table.columns).enumerate() {
                let best = table.best(number).contains(&place);
                let mark = if cell.below_probe { " ▾" } else { "" };
                let text = RichText::new(format!("{}{mark}", column.text(cell.value))).font(theme::digits(12.0));
                let text = match row.kind {
                    RowKind::Model(_) if best => text.strong(),
                    RowKind::Model(_) if cell.below_probe => text.color(colors.warning),
                    RowKind::Model(_) => text,
                    _ => text.color(colors.quiet_text),
                };
                let mut hover = column.meaning.clone();
                if let Some([low, high]) = cell.interval {
                    hover += &format!("\n95 % interval {} to {}", column.text(low), column.text(high));
                }
                if cell.below_probe {
                    hover += "\nnot above the fixed probe, which neither looks nor listens";
                }
                if let Some((published, note)) = &cell.published {
                    let source = table.notes.get(note - 1).map_or("", String::as_str);
                    hover += &format!("\nprinted {published}: {source}");
                }
                ui.label(text).on_hover_text(hover);
            }
            ui.end_row();
        }
    });
}

/// A chart as the page of a run has it.
fn chart_ui(ui: &mut Ui, state: &AppState, chart: &Chart) {
    const SIZE: Vec2 = Vec2::new(330.0, 190.0);
    let colors = theme::palette(ui.visuals());
    ui.vertical(|ui| {
        ui.set_width(SIZE.x);
        ui.label(RichText::new(&chart.title).font(theme::strong(12.5))).on_hover_text(&chart.reading);
        let (rect, response) = ui.allocate_exact_size(SIZE, Sense::hover());
        let plane = rect.shrink2(Vec2::new(26.0, 16.0));
        let painter = ui.painter();
        let place = |[x, y]: [f64; 2]| {
            let part = |value: f64, [low, high]: [f64; 2]| ((value - low) / (high - low)).clamp(0.0, 1.0) as f32;
            Pos2::new(
                plane.left() + part(x, chart.x.range) * plane.width(),
                plane.bottom() - part(y, chart.y.range) * plane.height(),
            )
        };
        let small = theme::digits(9.5);
        for (at, text) in &chart.y.ticks {
            let y = place([chart.x.range[0], *at]).y;
            painter.hline(plane.x_range(), y, Stroke::new(0.6, colors.line));
            painter.text(
                Pos2::new(plane.left() - 4.0, y),
                egui::Align2::RIGHT_CENTER,
                text,
                small.clone(),
                colors.faint_text,
            );
        }
        for (at, text) in &chart.x.ticks {
            let x = place([*at, chart.y.range[0]]).x;
            painter.text(
                Pos2::new(x, plane.bottom() + 3.0),
                egui::Align2::CENTER_TOP,
                text,
                small.clone(),
                colors.faint_text,
            );
        }
        for series in &chart.series {
            let (color, width) = match series.look {
                Look::Model(place) => (model_color(state, place), 1.8),
                Look::Negatives(place) => (model_color(state, place).gamma_multiply(0.6), 1.2),
                Look::Reference(_) => (colors.faint_text, 1.2),
            };
            let points: Vec<Pos2> = series
                .points
                .iter()
                .filter(|point| point.iter().all(|value| value.is_finite()))
                .map(|&point| place(point))
                .collect();
            if matches!(series.look, Look::Model(_)) {
                painter.add(egui::Shape::line(points, Stroke::new(width, color)));
            } else {
                painter.extend(egui::Shape::dashed_line(&points, Stroke::new(width, color), 4.0, 3.0));
            }
        }
        let names: Vec<&str> = chart.series.iter().map(|series| series.name.as_str()).collect();
        response.on_hover_text(format!(
            "{}\n{} over {}\n{}",
            chart.reading,
            chart.y.label,
            chart.x.label,
            names.join(", ")
        ));
    });
}
