//! The stage: the frame, the heatmaps over it, the ground-truth boxes.

use std::sync::Arc;

use egui::{Align2, Color32, Pos2, RichText, Sense, Stroke, Ui, Vec2};

use super::command::{Command, StageView, keys_text};
use super::stage_boxes::{self, BoxDrag, boxes_ui};
use super::state::{AppState, ModelSlot};
use super::theme::{self, Palette};
use crate::engine::Localized;
use crate::geometry::{Letterbox, Point, Rect, Size};
use crate::media::Frame;
use crate::render::{self, Colormap, Drawing, Fill, Overlay, OverlayStyle, StageDraw, Threshold};

/// What the stage remembers between passes.
#[derive(Default)]
pub struct StagePanel {
    dragging_divider: bool,
    box_drag: Option<BoxDrag>,
    /// Where the frame lies on screen, in points (the first tile's); for the control socket.
    pub frame_rect: Option<egui::Rect>,
}

const HEADER: f32 = 30.0;
const TILE_GAP: f32 = 6.0;
const TILE_LABEL: f32 = 20.0;

impl StagePanel {
    pub fn show(&mut self, ui: &mut Ui, state: &AppState, commands: &mut Vec<Command>) {
        let panel = ui.max_rect();
        egui::ScrollArea::horizontal()
            .scroll_bar_visibility(egui::scroll_area::ScrollBarVisibility::AlwaysHidden)
            .auto_shrink([false, true])
            .show(ui, |ui| header_ui(ui, state, commands));
        let colors = theme::palette(ui.visuals());
        // The panel's own rectangle: a header that is wider than it must not widen the picture.
        let rect = panel.with_min_y(ui.cursor().top());
        let response = ui.allocate_rect(rect, Sense::click_and_drag());
        response
            .widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Image, true, stage_description(state)));
        ui.painter().rect_filled(rect, 4.0, colors.stage);
        self.frame_rect = None;
        let Some(open) = &state.open else {
            empty_ui(ui, rect, state, colors, commands);
            return;
        };
        let Some(frame_size) = open.frame_size else {
            message_ui(ui, rect, "This is a sound alone", "Its waveform and spectrum are on the timeline", colors);
            return;
        };
        let shown = open.shown_frame();
        let tiles = tiles(state, rect);
        for tile in &tiles {
            tile_ui(ui, state, tile, frame_size, shown.as_ref(), self.box_drag.as_ref(), colors);
        }
        badges_ui(ui, rect, state, shown.as_deref(), colors);
        if state.editing.drawing {
            let at = rect.center_top() + Vec2::new(0.0, 10.0);
            let painter = ui.painter().with_clip_rect(rect);
            label_ui(&painter, at, Align2::CENTER_TOP, "Drag to draw a box; Escape leaves it", Some(colors.accent));
        }
        if let Some(tile) = tiles.first() {
            let letterbox = letterbox(state, frame_size, tile.picture);
            self.frame_rect = Some(egui_rect(&letterbox.panel_rect));
            self.pointer_ui(ui, state, &response, letterbox, commands);
        }
    }

    fn pointer_ui(
        &mut self,
        ui: &Ui,
        state: &AppState,
        response: &egui::Response,
        letterbox: Letterbox,
        commands: &mut Vec<Command>,
    ) {
        if response.double_clicked() && state.editing.selected.is_none() {
            commands.push(Command::FitStage);
        }
        if state.view.stage == StageView::Wipe {
            let divider = letterbox.panel_from_fraction(Point::new(f64::from(state.view.divider), 0.0)).x as f32;
            let near = |pos: Pos2| (pos.x - divider).abs() < 8.0;
            if response.hover_pos().is_some_and(near) || self.dragging_divider {
                ui.ctx().set_cursor_icon(egui::CursorIcon::ResizeHorizontal);
            }
            if response.drag_started() {
                self.dragging_divider = ui.input(|input| input.pointer.press_origin()).is_some_and(near);
            }
            if self.dragging_divider
                && let Some(pointer) = response.interact_pointer_pos()
            {
                let fraction = letterbox.fraction_from_panel(Point::new(f64::from(pointer.x), 0.0)).x;
                commands.push(Command::SetDivider(fraction.clamp(0.0, 1.0) as f32));
            }
            if response.drag_stopped() {
                self.dragging_divider = false;
            }
        }
        let editable = !self.dragging_divider && state.view.stage != StageView::Grid;
        let editing = editable && stage_boxes::edit_ui(ui, state, response, &letterbox, &mut self.box_drag, commands);
        if response.dragged() && !self.dragging_divider && !editing && state.view.zoom > 1.0 {
            commands.push(Command::PanStage(response.drag_delta().x, response.drag_delta().y));
        }
        if response.hovered() {
            let (zoom, scroll) = ui.input(|input| (input.zoom_delta(), input.smooth_scroll_delta().y));
            let factor = f64::from(zoom) * f64::from(scroll / 240.0).exp();
            if (factor - 1.0).abs() > 1e-4 {
                commands.push(Command::ZoomStage(factor));
            }
        }
    }
}

fn letterbox(state: &AppState, frame_size: Size, panel: egui::Rect) -> Letterbox {
    let panel =
        Rect::new(f64::from(panel.left()), f64::from(panel.top()), f64::from(panel.right()), f64::from(panel.bottom()));
    let fit = Letterbox::fit(frame_size, panel);
    if state.view.zoom <= 1.0 {
        return fit;
    }
    fit.zoomed(state.view.zoom, state.view.anchor)
}

pub(super) fn egui_rect(rect: &Rect) -> egui::Rect {
    egui::Rect::from_min_max(
        Pos2::new(rect.left as f32, rect.top as f32),
        Pos2::new(rect.right as f32, rect.bottom as f32),
    )
}

fn stage_description(state: &AppState) -> String {
    match &state.open {
        Some(open) => format!("Stage: {}, frame {}", open.clip.name, open.frame),
        None => "Stage, empty".into(),
    }
}

fn header_ui(ui: &mut Ui, state: &AppState, commands: &mut Vec<Command>) {
    let colors = theme::palette(ui.visuals());
    ui.horizontal(|ui| {
        ui.set_height(HEADER - 4.0);
        ui.spacing_mut().item_spacing.x = 4.0;
        for view in StageView::ALL {
            let response =
                ui.selectable_label(state.view.stage == view, view.title()).on_hover_text(view.explanation());
            if response.clicked() {
                commands.push(Command::SetView(view));
            }
        }
        ui.separator();
        let boxes = ui.selectable_label(state.view.show_boxes, "Boxes");
        if boxes.on_hover_text(format!("Ground-truth boxes ({})", keys_text("boxes"))).clicked() {
            commands.push(Command::ToggleBoxes);
        }
        let contours = ui.selectable_label(state.view.show_contours, "Contours");
        if contours.on_hover_text(format!("Edge of what counts as positive ({})", keys_text("contours"))).clicked() {
            commands.push(Command::ToggleContours);
        }
        ui.separator();
        ui.label(RichText::new("Opacity").color(colors.quiet_text));
        let mut opacity = state.view.opacity;
        ui.spacing_mut().slider_width = 80.0;
        let slider = ui.add(egui::Slider::new(&mut opacity, 0.0..=1.0).show_value(false));
        slider.widget_info(|| egui::WidgetInfo::slider(true, f64::from(opacity), "Opacity"));
        if slider.changed() {
            commands.push(Command::SetOpacity(opacity));
        }
        let combo =
            egui::ComboBox::from_id_salt("colour map").width(86.0).selected_text(state.view.colour_map.as_str());
        let response = combo.show_ui(ui, |ui| {
            for map in Colormap::ALL {
                if ui.selectable_label(map.name() == state.view.colour_map, map.name()).clicked() {
                    commands.push(Command::SetColourMap(map.name().to_owned()));
                }
            }
        });
        response
            .response
            .widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::ComboBox, true, "Colour map"));
    });
}

/// One picture on the stage: where it lies and which models it shows.
struct Tile<'a> {
    picture: egui::Rect,
    label: Option<(String, Color32)>,
    models: Vec<(usize, &'a ModelSlot, Option<Arc<Localized>>)>,
    boxes: bool,
}

fn tiles(state: &AppState, rect: egui::Rect) -> Vec<Tile<'_>> {
    let models: Vec<_> = state.visible_models().map(|(index, slot, _)| (index, slot, state.answer(index))).collect();
    if state.view.stage != StageView::Grid {
        let shown = match state.view.stage {
            StageView::Wipe | StageView::Difference => 2,
            StageView::Agreement => 1,
            StageView::Overlay | StageView::Grid => models.len(),
        };
        let models = models.into_iter().take(shown).collect();
        return vec![Tile { picture: rect, label: None, models, boxes: true }];
    }
    let colors_truth = Color32::GRAY;
    let count = models.len() + 1;
    let aspect = state.open.as_ref().and_then(|open| open.frame_size).map_or(1.5, Size::aspect) as f32;
    let columns = (1..=count)
        .max_by(|a, b| tile_width(rect, count, *a, aspect).total_cmp(&tile_width(rect, count, *b, aspect)))
        .unwrap_or(1);
    let rows = count.div_ceil(columns);
    let cell = Vec2::new(
        (rect.width() - TILE_GAP * (columns + 1) as f32) / columns as f32,
        (rect.height() - TILE_GAP * (rows + 1) as f32) / rows as f32,
    );
    let truth =
        Tile { picture: rect, label: Some(("Ground truth".into(), colors_truth)), models: Vec::new(), boxes: true };
    let tiles = std::iter::once(truth).chain(models.into_iter().map(|model| Tile {
        picture: rect,
        label: Some((model.1.name().to_owned(), theme::model_color(model.1.color))),
        models: vec![model],
        boxes: true,
    }));
    tiles
        .enumerate()
        .map(|(place, tile)| {
            let at = Vec2::new((place % columns) as f32, (place / columns) as f32);
            let min = rect.min + Vec2::splat(TILE_GAP) + at * (cell + Vec2::splat(TILE_GAP));
            let whole = egui::Rect::from_min_size(min, cell);
            Tile { picture: whole.with_min_y(whole.top() + TILE_LABEL), ..tile }
        })
        .collect()
}

/// Width of a picture when `count` tiles stand in `columns` columns.
fn tile_width(rect: egui::Rect, count: usize, columns: usize, aspect: f32) -> f32 {
    let rows = count.div_ceil(columns);
    let width = rect.width() / columns as f32 - TILE_GAP;
    let height = rect.height() / rows as f32 - TILE_GAP - TILE_LABEL;
    width.min(height * aspect)
}

fn tile_ui(
    ui: &Ui,
    state: &AppState,
    tile: &Tile,
    frame_size: Size,
    shown: Option<&Arc<Frame>>,
    box_drag: Option<&BoxDrag>,
    colors: &Palette,
) {
    let letterbox = letterbox(state, frame_size, tile.picture);
    let frame_rect = egui_rect(&letterbox.panel_rect);
    let clip = tile.picture.intersect(ui.clip_rect());
    let alone = tile.models.len() == 1;
    let map_style = style(state, alone);
    let overlays: Vec<Overlay> = tile
        .models
        .iter()
        .filter_map(|(_, slot, answer)| Some(overlay(state, slot, answer.as_ref()?, map_style)))
        .collect();
    let view = match state.view.stage {
        StageView::Overlay | StageView::Grid => render::View::Overlay,
        StageView::Wipe if overlays.len() == 2 => render::View::Wipe { divider: state.view.divider },
        StageView::Difference if overlays.len() == 2 => render::View::Difference,
        StageView::Agreement => match state.truth_grid() {
            Some(truth) if !overlays.is_empty() => render::View::Agreement { truth },
            _ => render::View::Overlay,
        },
        StageView::Wipe | StageView::Difference => render::View::Overlay,
    };
    let draw =
        StageDraw { picture: shown.cloned(), overlays, view, frame_rect, clip, crisp_pixels: state.view.zoom >= 4.0 };
    ui.painter().add(Drawing::from(draw).into_callback());
    let painter = ui.painter().with_clip_rect(clip);
    if tile.boxes && state.view.show_boxes {
        boxes_ui(&painter, state, &letterbox, box_drag);
    }
    if let Some((label, color)) = &tile.label {
        let at = Pos2::new(frame_rect.left().max(tile.picture.left()), tile.picture.top() - TILE_LABEL / 2.0);
        let figure = tile.models.first().and_then(|(index, ..)| state.readout(*index)).and_then(|readout| readout.ciou);
        ui.painter().rect_filled(egui::Rect::from_center_size(at + Vec2::new(5.0, 0.0), Vec2::splat(8.0)), 2.0, *color);
        let text =
            ui.painter().text(at + Vec2::new(14.0, 0.0), Align2::LEFT_CENTER, label, theme::body(12.0), colors.text);
        if let Some(ciou) = figure {
            ui.painter().text(
                text.right_center() + Vec2::new(8.0, 0.0),
                Align2::LEFT_CENTER,
                format!("{ciou:.3}"),
                theme::digits(12.0),
                colors.quiet_text,
            );
        }
    }
    match state.view.stage {
        StageView::Wipe => {
            let x = letterbox.panel_from_fraction(Point::new(f64::from(state.view.divider), 0.0)).x as f32;
            painter.vline(x, frame_rect.y_range(), Stroke::new(3.0, Color32::from_black_alpha(120)));
            painter.vline(x, frame_rect.y_range(), Stroke::new(1.0, Color32::WHITE));
            painter.circle(
                Pos2::new(x, frame_rect.center().y),
                7.0,
                Color32::WHITE,
                Stroke::new(1.0, Color32::from_black_alpha(120)),
            );
            for ((_, slot, _), (at, align)) in tile.models.iter().zip([
                (frame_rect.left_top() + Vec2::new(10.0, 10.0), Align2::LEFT_TOP),
                (frame_rect.right_top() + Vec2::new(-10.0, 10.0), Align2::RIGHT_TOP),
            ]) {
                label_ui(&painter, at, align, slot.name(), Some(theme::model_color(slot.color)));
            }
        }
        StageView::Difference if tile.models.len() == 2 => {
            let names: Vec<&str> = tile.models.iter().map(|(_, slot, _)| slot.name()).collect();
            label_ui(&painter, frame_rect.left_top() + Vec2::splat(10.0), Align2::LEFT_TOP, &names.join(" − "), None);
        }
        StageView::Difference => {
            label_ui(
                &painter,
                frame_rect.left_top() + Vec2::splat(10.0),
                Align2::LEFT_TOP,
                "Show two models to compare them",
                None,
            );
        }
        StageView::Agreement => {
            let text = match (tile.models.first(), state.truth_grid()) {
                (Some((_, slot, _)), Some(_)) => format!("{} against ground truth", slot.name()),
                (Some(_), None) => "No ground truth at this frame".into(),
                (None, _) => "Show a model to compare it".into(),
            };
            label_ui(&painter, frame_rect.left_top() + Vec2::splat(10.0), Align2::LEFT_TOP, &text, None);
        }
        StageView::Overlay | StageView::Grid => {}
    }
}

fn style(state: &AppState, alone: bool) -> OverlayStyle {
    let mut style = if alone { OverlayStyle::alone() } else { OverlayStyle::among_several() };
    if alone && let Some(map) = Colormap::from_name(&state.view.colour_map) {
        style.fill = Fill::Colormap(map);
    }
    // Each style has its own full opacity; several maps over one another must let the picture through.
    style.opacity *= state.view.opacity;
    if !state.view.show_contours {
        style.contour_width = 0.0;
    }
    style
}

fn overlay(state: &AppState, slot: &ModelSlot, answer: &Localized, style: OverlayStyle) -> Overlay {
    // The user's threshold holds at once, before the engine has scored the frame anew.
    let value = state.threshold.unwrap_or(answer.readout.threshold);
    let (low, high) = answer.grid.range();
    let color = theme::model_color(slot.color);
    Overlay {
        map: Arc::clone(&answer.grid),
        threshold: Some(Threshold { value, strict: answer.readout.strict }),
        range: [low, high],
        colour: [color.r(), color.g(), color.b()],
        style,
    }
}

/// Text on a dark plate, readable over any picture.
pub(super) fn label_ui(painter: &egui::Painter, at: Pos2, align: Align2, text: &str, color: Option<Color32>) {
    let galley = painter.layout_no_wrap(text.to_owned(), theme::body(12.0), Color32::WHITE);
    let swatch = if color.is_some() { 14.0 } else { 0.0 };
    let size = galley.size() + Vec2::new(12.0 + swatch, 6.0);
    let plate = align.anchor_size(at, size);
    painter.rect_filled(plate, 4.0, Color32::from_black_alpha(165));
    if let Some(color) = color {
        let swatch = egui::Rect::from_center_size(plate.left_center() + Vec2::new(11.0, 0.0), Vec2::splat(9.0));
        painter.rect_filled(swatch, 2.0, color);
    }
    painter.galley(plate.min + Vec2::new(6.0 + swatch, 3.0), galley, Color32::WHITE);
}

/// What is not yet what it should be: said, never hidden.
fn badges_ui(ui: &Ui, rect: egui::Rect, state: &AppState, shown: Option<&Frame>, colors: &Palette) {
    let Some(open) = &state.open else { return };
    let painter = ui.painter().with_clip_rect(rect);
    let mut at = rect.left_bottom() + Vec2::new(10.0, -10.0);
    let mut badge = |text: String| {
        label_ui(&painter, at, Align2::LEFT_BOTTOM, &text, Some(colors.warning));
        at.y -= 28.0;
    };
    match shown {
        Some(frame) if frame.index != open.frame => {
            badge(format!("frame {} is being decoded, this is {}", open.frame, frame.index));
        }
        Some(_) => {}
        None => match open.server.as_ref().and_then(|server| server.error_of(open.frame)) {
            Some(error) => badge(error.to_string()),
            None => badge(format!("frame {} is being decoded", open.frame)),
        },
    }
    for (index, slot, model) in state.visible_models() {
        match state.answer(index) {
            Some(answer) if answer.frame != open.frame => {
                badge(format!("{}: map of frame {}", slot.name(), answer.frame));
            }
            Some(_) => {}
            None => {
                if let Some(failure) = state.inference.failure(model.key) {
                    badge(format!("{}: {failure}", slot.name()));
                }
            }
        }
    }
    for (place, note) in open.notes.iter().enumerate().take(3) {
        let at = rect.right_bottom() + Vec2::new(-10.0, -10.0 - 28.0 * place as f32);
        label_ui(&painter, at, Align2::RIGHT_BOTTOM, note, None);
    }
}

fn empty_ui(ui: &mut Ui, rect: egui::Rect, state: &AppState, colors: &Palette, commands: &mut Vec<Command>) {
    if let Some(failure) = &state.open_failure {
        message_ui(ui, rect, "This clip could not be opened", failure, colors);
        return;
    }
    if state.is_opening() {
        message_ui(ui, rect, "Opening…", "", colors);
        return;
    }
    message_ui(
        ui,
        rect,
        "Drop a video, an image, a sound, a folder or an annotation file here",
        &format!("or open one with {}, or find any command with {}", keys_text("open"), keys_text("palette")),
        colors,
    );
    let button = egui::Rect::from_center_size(rect.center() + Vec2::new(0.0, 56.0), Vec2::new(150.0, 28.0));
    if ui.put(button, egui::Button::new("Show the demo")).clicked() {
        commands.push(Command::OpenDemo);
    }
}

fn message_ui(ui: &Ui, rect: egui::Rect, title: &str, detail: &str, colors: &Palette) {
    let width = (rect.width() - 60.0).max(80.0);
    let wrapped = |text: &str, font, color| {
        let mut job = egui::text::LayoutJob::simple(text.to_owned(), font, color, width);
        job.halign = egui::Align::Center;
        ui.painter().layout_job(job)
    };
    let title = wrapped(title, theme::strong(15.0), colors.text);
    let detail = wrapped(detail, theme::body(13.0), colors.quiet_text);
    let top = rect.center() - Vec2::new(0.0, (title.size().y + detail.size().y) / 2.0 + 14.0);
    let below = top + Vec2::new(0.0, title.size().y + 8.0);
    ui.painter().galley(top, title, colors.text);
    ui.painter().galley(below, detail, colors.quiet_text);
}
