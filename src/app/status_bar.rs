//! The bar at the bottom: transport, place, speed, volume; jobs, memory, notices.

use egui::{Align, Layout, RichText, Sense, Ui, Vec2};

use super::command::{Command, keys_text};
use super::notices::Severity;
use super::state::AppState;
use super::theme;
use crate::playback::Device;

const SPEEDS: [f64; 8] = [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 4.0];

pub fn status_bar_ui(ui: &mut Ui, state: &AppState, commands: &mut Vec<Command>) {
    ui.horizontal(|ui| {
        transport_ui(ui, state, commands);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            meters_ui(ui, state, commands);
            jobs_ui(ui, state, commands);
            notice_ui(ui, state, commands);
        });
    });
}

/// `00:03.480`, with hours only where there are any.
pub fn time_text(secs: f64) -> String {
    let millis = (secs.max(0.0) * 1000.0).round() as u64;
    let (hours, minutes, rest) = (millis / 3_600_000, millis / 60_000 % 60, millis % 60_000);
    let tail = format!("{minutes:02}:{:02}.{:03}", rest / 1000, rest % 1000);
    if hours > 0 { format!("{hours}:{tail}") } else { tail }
}

fn transport_ui(ui: &mut Ui, state: &AppState, commands: &mut Vec<Command>) {
    let colors = theme::palette(ui.visuals());
    let playing = state.playback.playing;
    let button = ui.add_sized(Vec2::new(34.0, 24.0), egui::Button::new(""));
    let name = if playing { "Pause" } else { "Play" };
    button.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, name));
    play_mark(ui.painter(), button.rect.center(), playing, colors.text);
    if button.on_hover_text(format!("{name} ({})", keys_text("play"))).clicked() {
        commands.push(Command::TogglePlay);
    }
    let Some(open) = &state.open else {
        ui.label(RichText::new("No clip").color(colors.quiet_text));
        return;
    };
    let here = open.frame_secs(open.frame);
    ui.label(RichText::new(time_text(here)).font(theme::digits(13.0)).color(colors.text));
    ui.label(
        RichText::new(format!("/ {}", time_text(open.duration_secs)))
            .font(theme::digits(13.0))
            .color(colors.quiet_text),
    );
    let frames = open.frame_count();
    if frames > 0 {
        ui.label(RichText::new("·").color(colors.faint_text));
        ui.label(RichText::new(format!("frame {}", open.frame)).font(theme::digits(13.0)).color(colors.text))
            .on_hover_text(format!("{} of {frames} frames, counted from 0; times are the file's own", open.frame));
    }
    ui.label(RichText::new("·").color(colors.faint_text));

    let speed = state.playback.speed;
    let combo = egui::ComboBox::from_id_salt("speed").width(58.0).selected_text(speed_text(speed));
    let response = combo.show_ui(ui, |ui| {
        for value in SPEEDS {
            if ui.selectable_label((speed - value).abs() < 1e-9, speed_text(value)).clicked() {
                commands.push(Command::SetSpeed(value));
            }
        }
    });
    response.response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::ComboBox, true, "Speed"));

    let looping = state.player.loop_secs();
    let loop_button = ui.selectable_label(looping.is_some(), "Loop").on_hover_text(match looping {
        Some((start, end)) => format!("Loops {} – {}. Click to stop", time_text(start), time_text(end)),
        None => format!(
            "Loop the whole clip, or mark a region with {} and {}",
            keys_text("loop-from"),
            keys_text("loop-to")
        ),
    });
    if loop_button.clicked() {
        commands.push(Command::SetLoop(if looping.is_some() { None } else { Some((0.0, open.duration_secs)) }));
    }

    let muted = state.player.muted();
    let speaker = ui.selectable_label(muted, "Mute");
    if speaker.on_hover_text(format!("Mute ({})", keys_text("mute"))).clicked() {
        commands.push(Command::ToggleMute);
    }
    let mut volume = state.player.volume();
    ui.spacing_mut().slider_width = 72.0;
    let slider = ui.add(egui::Slider::new(&mut volume, 0.0..=1.0).show_value(false));
    slider.widget_info(|| egui::WidgetInfo::slider(true, f64::from(volume), "Volume"));
    if slider.changed() {
        commands.push(Command::SetVolume(volume));
    }
    if state.playback.device == Device::Silent {
        ui.label(RichText::new("no sound device").color(colors.warning))
            .on_hover_text("The picture keeps its pace by the wall clock. Playing looks for a device again");
    }
}

/// A triangle, or two bars while it plays.
fn play_mark(painter: &egui::Painter, at: egui::Pos2, playing: bool, color: egui::Color32) {
    if playing {
        for side in [-1.0, 1.0] {
            let bar = egui::Rect::from_center_size(at + Vec2::new(side * 3.0, 0.0), Vec2::new(3.0, 11.0));
            painter.rect_filled(bar, 1.0, color);
        }
    } else {
        let corners = [Vec2::new(-4.0, -6.0), Vec2::new(6.0, 0.0), Vec2::new(-4.0, 6.0)].map(|corner| at + corner);
        painter.add(egui::Shape::convex_polygon(corners.to_vec(), color, egui::Stroke::NONE));
    }
}

fn speed_text(speed: f64) -> String {
    let digits = format!("{speed:.2}");
    let short = digits.trim_end_matches('0').trim_end_matches('.');
    let short = if short.contains('.') { short.to_owned() } else { format!("{short}.0") };
    format!("{short}×")
}

fn meters_ui(ui: &mut Ui, state: &AppState, commands: &mut Vec<Command>) {
    let colors = theme::palette(ui.visuals());
    let unseen = state.notices.unseen_errors();
    let bell = if unseen > 0 {
        RichText::new(format!("Notices {unseen}")).color(colors.bad)
    } else {
        RichText::new("Notices")
    };
    if ui.button(bell).on_hover_text(format!("What the program had to say ({})", keys_text("notices"))).clicked() {
        commands.push(Command::ToggleNotices);
    }
    let (used, budget) = state.inference.cache_bytes();
    let frames = state.open.as_ref().and_then(|open| open.frame_bytes());
    let mut bytes = used;
    let mut hover = format!("Features, embeddings and heatmaps: {} of {}", mib(used), mib(budget));
    if let Some((frame_bytes, frame_budget)) = frames {
        bytes += frame_bytes;
        hover.push_str(&format!("\nDecoded frames: {} of {}", mib(frame_bytes), mib(frame_budget)));
    }
    let played = state.frames_played;
    if played.shown > 0 {
        hover.push_str(&format!("\nFrames played: {}, dropped: {}", played.shown, played.dropped));
    }
    hover.push_str(&format!("\nLast pass: {:.1} ms of CPU\nGraphics: {}", state.pass_ms, state.adapter));
    ui.label(RichText::new(mib(bytes)).font(theme::digits(11.0)).color(colors.quiet_text)).on_hover_text(hover);
}

fn mib(bytes: usize) -> String {
    format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20))
}

fn jobs_ui(ui: &mut Ui, state: &AppState, commands: &mut Vec<Command>) {
    let colors = theme::palette(ui.visuals());
    let coverage = state.coverage;
    if coverage.wanted > 0 && coverage.done < coverage.wanted {
        let share = coverage.done as f32 / coverage.wanted as f32;
        progress_ui(ui, "Localizing", Some(share));
    }
    let jobs = state.jobs.views();
    for job in jobs.iter().take(2) {
        let stop = ui.small_button("×").on_hover_text(format!("Cancel: {}", job.name));
        let name = format!("Cancel {}", job.name);
        stop.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, &name));
        if stop.clicked() {
            commands.push(Command::CancelJob(job.id));
        }
        progress_ui(ui, &job.name, job.progress).on_hover_text(match job.remaining_secs {
            Some(secs) => format!("{}: about {:.0} s left", job.name, secs.ceil()),
            None => job.name.clone(),
        });
    }
    if jobs.len() > 2 {
        ui.label(RichText::new(format!("+{}", jobs.len() - 2)).color(colors.quiet_text));
    }
}

/// A short bar with its name on it.
fn progress_ui(ui: &mut Ui, name: &str, progress: Option<f32>) -> egui::Response {
    let colors = theme::palette(ui.visuals());
    let text = match progress {
        Some(done) => format!("{name} {:.0} %", done * 100.0),
        None => format!("{name}…"),
    };
    let galley = ui.painter().layout_no_wrap(text.clone(), theme::body(11.0), colors.quiet_text);
    let width = galley.size().x.clamp(60.0, 220.0) + 4.0;
    let (rect, response) = ui.allocate_exact_size(Vec2::new(width, 24.0), Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::ProgressIndicator, true, &text));
    if ui.is_rect_visible(rect) {
        let painter = ui.painter().with_clip_rect(rect);
        painter.galley(rect.left_center() - Vec2::new(0.0, galley.size().y / 2.0 + 1.0), galley, colors.quiet_text);
        let track = egui::Rect::from_min_max(
            rect.left_bottom() - Vec2::new(0.0, 3.0),
            rect.right_bottom() - Vec2::new(4.0, 1.0),
        );
        painter.rect_filled(track, 1.0, colors.line);
        let done = track.with_max_x(track.left() + track.width() * progress.unwrap_or(0.15));
        painter.rect_filled(done, 1.0, colors.accent);
    }
    response
}

fn notice_ui(ui: &mut Ui, state: &AppState, commands: &mut Vec<Command>) {
    let colors = theme::palette(ui.visuals());
    let Some(notice) = state.notices.current() else { return };
    let color = match notice.severity {
        Severity::Info => colors.quiet_text,
        Severity::Warning => colors.warning,
        Severity::Error => colors.bad,
    };
    let first_line = notice.text.lines().next().unwrap_or_default();
    let label = egui::Label::new(RichText::new(first_line).color(color)).truncate().sense(Sense::click());
    if ui.add(label).on_hover_text(&notice.text).clicked() {
        commands.push(Command::ToggleNotices);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_speeds_read_well() {
        assert_eq!(time_text(3.48), "00:03.480");
        assert_eq!(time_text(3725.0), "1:02:05.000");
        assert_eq!(time_text(59.9996), "01:00.000");
        assert_eq!(speed_text(1.0), "1.0×");
        assert_eq!(speed_text(0.25), "0.25×");
    }
}
