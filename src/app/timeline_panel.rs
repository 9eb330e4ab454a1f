//! The timeline: thumbnails, waveform, spectrogram with each model's audio window, ground truth, one cIoU lane a
//! model; a drag scrubs, a click on a dip goes there.

use egui::{Align2, Color32, Pos2, Rect, Sense, Shape, Stroke, StrokeKind, Ui, Vec2};

use super::command::Command;
use super::state::{AppState, ModelSlot};
use super::theme::{self, Palette};
use super::timeline_pictures::{ThumbnailSheet, TimelinePictures};
use crate::engine::LaneValue;

/// What the timeline remembers between passes.
pub struct TimelinePanel {
    /// The stretch in view, in seconds of the clip; `None` shows all.
    view: Option<(f64, f64)>,
    /// The clip that `view` belongs to.
    clip: Option<u64>,
    pictures: Option<TimelinePictures>,
    /// Where time runs on screen, in points, and the stretch in view; for the control socket.
    pub shown: Option<(Rect, f64, f64)>,
}

const UNIT: Rect = Rect::from_min_max(Pos2::ZERO, Pos2::new(1.0, 1.0));
const LABELS_WIDTH: f32 = 112.0;
const RULER: f32 = 18.0;
const THUMBNAILS: f32 = 40.0;
const WAVEFORM: f32 = 34.0;
const SPECTROGRAM: f32 = 46.0;
const TRUTH: f32 = 14.0;
const LANE: f32 = 26.0;
const GAP: f32 = 4.0;
/// The shortest stretch that can be zoomed into.
const SHORTEST_VIEW_SECS: f64 = 0.1;

/// The map between seconds and pixels of one pass.
#[derive(Clone, Copy)]
struct Axis {
    start_secs: f64,
    end_secs: f64,
    left: f32,
    right: f32,
}

impl Axis {
    fn x(&self, secs: f64) -> f32 {
        let share = (secs - self.start_secs) / (self.end_secs - self.start_secs).max(1e-9);
        self.left + share as f32 * (self.right - self.left)
    }

    fn secs(&self, x: f32) -> f64 {
        let share = f64::from((x - self.left) / (self.right - self.left).max(1.0));
        self.start_secs + share * (self.end_secs - self.start_secs)
    }
}

impl TimelinePanel {
    pub fn new() -> Self {
        Self { view: None, clip: None, pictures: None, shown: None }
    }

    pub fn show(&mut self, ui: &mut Ui, state: &AppState, commands: &mut Vec<Command>) {
        let colors = theme::palette(ui.visuals());
        let Some(open) = &state.open else {
            ui.centered_and_justified(|ui| {
                ui.label(egui::RichText::new("The timeline of the clip").color(colors.faint_text))
            });
            return;
        };
        if self.clip != Some(open.id) {
            self.clip = Some(open.id);
            self.view = None;
        }
        let duration = open.duration_secs.max(SHORTEST_VIEW_SECS);
        egui::ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
            let lanes = state.models.iter().filter(|slot| slot.visible).count();
            let height = RULER + THUMBNAILS + WAVEFORM + SPECTROGRAM + TRUTH + 5.0 * GAP + lanes as f32 * (LANE + GAP);
            let size = Vec2::new(ui.available_width(), height.max(ui.available_height()));
            let (rect, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
            response.widget_info(|| egui::WidgetInfo::slider(true, open.frame_secs(open.frame), "Timeline"));
            let area = rect.with_min_x(rect.left() + LABELS_WIDTH).with_max_x(rect.right() - 6.0);
            self.zoom_and_pan(ui, &response, area, duration);
            let (start_secs, end_secs) = self.view.unwrap_or((0.0, duration));
            let axis = Axis { start_secs, end_secs, left: area.left(), right: area.right() };
            self.shown = Some((area, start_secs, end_secs));
            self.paint(ui, state, rect, axis, colors);
            pointer_ui(ui, state, &response, area, axis, commands);
        });
    }

    fn zoom_and_pan(&mut self, ui: &Ui, response: &egui::Response, area: Rect, duration: f64) {
        let Some(pointer) = response.hover_pos().filter(|_| response.hovered()) else { return };
        let (zoom, scroll) = ui.input(|input| (input.zoom_delta(), input.smooth_scroll_delta()));
        let (start, end) = self.view.unwrap_or((0.0, duration));
        let span = end - start;
        let mut changed = None;
        if zoom != 1.0 {
            let share = f64::from(((pointer.x - area.left()) / area.width()).clamp(0.0, 1.0));
            let wanted = (span / f64::from(zoom)).clamp(SHORTEST_VIEW_SECS, duration);
            let anchor = start + share * span;
            changed = Some((anchor - share * wanted, wanted));
        } else if scroll.x != 0.0 && span < duration {
            changed = Some((start - f64::from(scroll.x / area.width()) * span, span));
        }
        if let Some((start, span)) = changed {
            let start = start.clamp(0.0, duration - span);
            self.view = if span >= duration { None } else { Some((start, start + span)) };
        }
    }

    fn paint(&mut self, ui: &Ui, state: &AppState, rect: Rect, axis: Axis, colors: &Palette) {
        let Some(open) = &state.open else { return };
        let painter = ui.painter_at(rect);
        let mut top = rect.top();
        let mut row = |height: f32, label: &str, color: Option<Color32>| {
            let lane = Rect::from_min_max(Pos2::new(axis.left, top), Pos2::new(axis.right, top + height));
            let middle = Pos2::new(rect.left() + 4.0, lane.center().y);
            let mut text_at = middle;
            if let Some(color) = color {
                painter.rect_filled(Rect::from_center_size(middle + Vec2::new(4.0, 0.0), Vec2::splat(8.0)), 2.0, color);
                text_at.x += 13.0;
            }
            let width = axis.left - 6.0 - text_at.x;
            theme::elided(&painter, text_at, label, theme::body(11.0), colors.quiet_text, width);
            top += height + GAP;
            lane
        };

        let well = |rect| painter.rect_filled(rect, 3.0, colors.well);
        let ruler = row(RULER, "", None);
        ruler_ui(&painter, ruler, axis, colors);
        let pictures = match &mut self.pictures {
            Some(pictures) if pictures.clip() == open.id => pictures,
            pictures => pictures.insert(TimelinePictures::new(open.id)),
        };

        let strip = row(THUMBNAILS, "Frames", None);
        well(strip);
        if let Some(sheet) = pictures.thumbnails(ui.ctx(), &open.thumbnails) {
            thumbnails_ui(&painter, strip, axis, open.duration_secs, sheet);
        }

        let wave = row(WAVEFORM, "Sound", None);
        well(wave);
        waveform_ui(&painter, wave, axis, state, colors);

        let spectrum = row(SPECTROGRAM, "Spectrum", None);
        well(spectrum);
        if let Some(sound) = state.heard_picture() {
            let pixels = (spectrum.width() * ui.ctx().pixels_per_point()) as usize;
            if let Some(shown) = pictures.spectrum(ui.ctx(), sound, [axis.start_secs, axis.end_secs], pixels) {
                let place =
                    Rect::from_x_y_ranges(axis.x(shown.start_secs)..=axis.x(shown.end_secs), spectrum.y_range());
                painter.with_clip_rect(spectrum).image(shown.texture.id(), place, UNIT, Color32::WHITE);
            }
        }
        windows_ui(&painter, spectrum, axis, state);

        let truth = row(TRUTH, "Truth", None);
        well(truth);
        for (start, end) in open.truth_spans() {
            let span = Rect::from_x_y_ranges(axis.x(*start)..=axis.x(*end), truth.shrink(3.0).y_range());
            painter.with_clip_rect(truth).rect_filled(span, 2.0, colors.truth.gamma_multiply(0.55));
        }

        for slot in state.models.iter().filter(|slot| slot.visible) {
            let lane = row(LANE, slot.name(), Some(theme::model_color(slot.color)));
            well(lane);
            lane_ui(&painter, lane, axis, state, slot, colors);
        }

        let bottom = top.max(rect.bottom());
        if let Some((start, end)) = state.player.loop_secs() {
            let span = Rect::from_x_y_ranges(axis.x(start)..=axis.x(end), rect.top()..=rect.top() + RULER);
            painter.rect_filled(span, 3.0, colors.accent.gamma_multiply(0.25));
            for edge in [span.left(), span.right()] {
                painter.vline(edge, rect.top()..=bottom, Stroke::new(1.0, colors.accent.gamma_multiply(0.5)));
            }
        }
        let playhead = axis.x(open.frame_secs(open.frame));
        if playhead >= axis.left - 1.0 && playhead <= axis.right + 1.0 {
            painter.vline(playhead, rect.top()..=bottom, Stroke::new(1.5, colors.accent));
            let head = [
                Pos2::new(playhead - 5.0, rect.top()),
                Pos2::new(playhead + 5.0, rect.top()),
                Pos2::new(playhead, rect.top() + 8.0),
            ];
            painter.add(Shape::convex_polygon(head.to_vec(), colors.accent, Stroke::NONE));
        }
    }
}

fn pointer_ui(
    ui: &Ui,
    state: &AppState,
    response: &egui::Response,
    area: Rect,
    axis: Axis,
    commands: &mut Vec<Command>,
) {
    let Some(open) = &state.open else { return };
    if (response.clicked() || response.dragged())
        && let Some(pointer) = response.interact_pointer_pos()
    {
        let secs = axis.secs(pointer.x.clamp(area.left(), area.right())).clamp(0.0, open.duration_secs);
        commands.push(Command::SeekSecs(secs));
    }
    if let Some(pointer) = response.hover_pos().filter(|pointer| area.contains(*pointer) && !response.dragged()) {
        let secs = axis.secs(pointer.x);
        let colors = theme::palette(ui.visuals());
        ui.painter_at(response.rect).vline(
            pointer.x,
            response.rect.y_range(),
            Stroke::new(1.0, colors.faint_text.gamma_multiply(0.6)),
        );
        let frame = open.frame_at(secs);
        response.clone().on_hover_ui_at_pointer(|ui| {
            ui.label(format!("{} · frame {frame}", super::status_bar::time_text(secs)));
            for slot in state.models.iter().filter(|slot| slot.visible) {
                if let Some(LaneValue::Scored(readout)) = slot.lane.get(frame)
                    && let Some(ciou) = readout.ciou
                {
                    ui.horizontal(|ui| {
                        let (rect, _) = ui.allocate_exact_size(Vec2::splat(10.0), Sense::hover());
                        ui.painter().rect_filled(rect.shrink(1.0), 2.0, theme::model_color(slot.color));
                        ui.label(format!("{} {ciou:.3}", slot.name()));
                    });
                }
            }
        });
    }
}

fn ruler_ui(painter: &egui::Painter, rect: Rect, axis: Axis, colors: &Palette) {
    let span = axis.end_secs - axis.start_secs;
    let wanted = span / f64::from(rect.width() / 90.0).max(1.0);
    let step = [0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0]
        .into_iter()
        .find(|step| *step >= wanted)
        .unwrap_or(7200.0);
    let first = (axis.start_secs / step).ceil() as i64;
    let last = (axis.end_secs / step).floor() as i64;
    for tick in first..=last {
        let secs = tick as f64 * step;
        let x = axis.x(secs);
        let tick = Rect::from_x_y_ranges(x..=x + 1.0, rect.bottom() - 5.0..=rect.bottom());
        theme::hairline(painter, tick, colors.line);
        let text =
            if step < 1.0 { format!("{secs:.2}") } else { format!("{}:{:02}", secs as i64 / 60, secs as i64 % 60) };
        painter.with_clip_rect(rect.expand(2.0)).text(
            Pos2::new(x + 3.0, rect.center().y - 1.0),
            Align2::LEFT_CENTER,
            text,
            theme::digits(10.0),
            colors.faint_text,
        );
    }
}

fn thumbnails_ui(painter: &egui::Painter, strip: Rect, axis: Axis, duration: f64, sheet: &ThumbnailSheet) {
    let count = sheet.places.len();
    let painter = painter.with_clip_rect(strip);
    let width = strip.height() * sheet.size.x / sheet.size.y.max(1.0);
    let wanted = (strip.width() / width.max(1.0)).ceil() as usize;
    for place in 0..wanted {
        let left = strip.left() + place as f32 * width;
        let secs = axis.secs(left + width / 2.0).clamp(0.0, duration);
        let index = ((secs / duration.max(1e-9)) * count as f64) as usize;
        let rect = Rect::from_min_size(Pos2::new(left, strip.top()), Vec2::new(width - 1.0, strip.height()));
        painter.image(sheet.texture.id(), rect, sheet.places[index.min(count - 1)], Color32::WHITE);
    }
}

/// Smallest and largest sample under each pixel column.
fn waveform_ui(painter: &egui::Painter, rect: Rect, axis: Axis, state: &AppState, colors: &Palette) {
    let Some(picture) = state.heard_picture() else { return };
    let middle = rect.center().y;
    // Quiet sounds are drawn as tall as loud ones; how loud they are is heard.
    let half = rect.height() / 2.0 - 2.0;
    let (lowest, highest) = picture.peaks(0.0, f64::INFINITY);
    let gain = half / highest.max(-lowest).max(0.005);
    let mut mesh = egui::Mesh::default();
    let columns = rect.width().ceil() as usize;
    for column in 0..columns {
        let x = rect.left() + column as f32;
        let (low, high) = picture.peaks(axis.secs(x), axis.secs(x + 1.0));
        let top = middle - (high * gain).clamp(-half, half);
        let bottom = middle - (low * gain).clamp(-half, half);
        let bar = Rect::from_min_max(Pos2::new(x, top), Pos2::new(x + 1.0, bottom.max(top + 1.0)));
        mesh.add_colored_rect(bar, colors.waveform);
    }
    painter.add(Shape::mesh(mesh));
}

/// The stretch that each visible model hears at the playhead, as a bracket in its colour.
fn windows_ui(painter: &egui::Painter, rect: Rect, axis: Axis, state: &AppState) {
    let Some(open) = &state.open else { return };
    let painter = painter.with_clip_rect(rect);
    let heard: Vec<_> = state.visible_models().filter(|(_, _, model)| model.localizer.info().query_matters).collect();
    for (place, (_, slot, model)) in heard.iter().enumerate() {
        let secs = open.frame_secs(open.frame);
        let window = model.localizer.audio_window(state.window_rule, secs, open.duration_secs);
        let span = Rect::from_x_y_ranges(
            axis.x(window.start_secs)..=axis.x(window.start_secs + window.length_secs),
            rect.shrink2(Vec2::new(0.0, 2.0 + 3.0 * place as f32)).y_range(),
        );
        let color = theme::model_color(slot.color);
        painter.rect_filled(span, 2.0, color.gamma_multiply(0.07));
        painter.rect_stroke(span, 2.0, Stroke::new(1.3, color), StrokeKind::Inside);
    }
}

/// cIoU over time: the lowest value under each pixel column, so that no dip hides.
fn lane_ui(painter: &egui::Painter, rect: Rect, axis: Axis, state: &AppState, slot: &ModelSlot, colors: &Palette) {
    let Some(open) = &state.open else { return };
    let painter = painter.with_clip_rect(rect);
    let color = theme::model_color(slot.color);
    let y = |ciou: f64| rect.bottom() - 2.0 - ciou.clamp(0.0, 1.0) as f32 * (rect.height() - 4.0);
    let success = y(state.protocol.success_threshold());
    theme::hairline(&painter, Rect::from_x_y_ranges(rect.x_range(), success..=success + 1.0), colors.line);
    let mut bars: Vec<Rect> = Vec::new();
    let mut points: Vec<Pos2> = Vec::new();
    // Up to the end of the last bar.
    let line = |bars: &[Rect], points: &mut Vec<Pos2>| {
        if !points.is_empty() {
            points.extend(bars.last().map(|last| last.right_top()));
            painter.line(std::mem::take(points), Stroke::new(1.5, color));
        }
    };
    let columns = rect.width().ceil() as usize;
    let mut first_frame = open.frame_at(axis.secs(rect.left()));
    for column in 0..columns {
        let x = rect.left() + column as f32;
        let last_frame = open.frame_at(axis.secs(x + 1.0)).max(first_frame);
        let values = slot.lane.get(first_frame..=last_frame).unwrap_or_default();
        let mut lowest: Option<f64> = None;
        for value in values {
            if let LaneValue::Scored(readout) = value
                && let Some(ciou) = readout.ciou
            {
                lowest = Some(lowest.map_or(ciou, |lowest: f64| lowest.min(ciou)));
            }
        }
        match lowest {
            Some(ciou) => {
                let bar = Rect::from_min_max(Pos2::new(x, y(ciou)), Pos2::new(x + 1.0, rect.bottom() - 2.0));
                match bars.last_mut().filter(|last| last.right() == bar.left()) {
                    // Columns of one frame are one bar.
                    Some(last) if last.top() == bar.top() => *last.right_mut() = bar.right(),
                    before => {
                        points.extend(before.map(|last| last.right_top()));
                        points.push(bar.left_top());
                        bars.push(bar);
                    }
                }
            }
            None => {
                line(&bars, &mut points);
                if values.contains(&LaneValue::Failed) {
                    painter.vline(x, rect.bottom() - 5.0..=rect.bottom() - 2.0, Stroke::new(1.0, colors.bad));
                }
            }
        }
        first_frame = last_frame;
    }
    let mut fill = egui::Mesh::default();
    bars.iter().for_each(|bar| fill.add_colored_rect(*bar, color.gamma_multiply(0.16)));
    painter.add(Shape::mesh(fill));
    line(&bars, &mut points);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_pixels_round_trip() {
        let axis = Axis { start_secs: 2.0, end_secs: 6.0, left: 100.0, right: 500.0 };
        assert_eq!(axis.x(4.0), 300.0);
        assert!((axis.secs(axis.x(3.25)) - 3.25).abs() < 1e-6);
    }
}
