//! Every colour, font and distance of the window, in one place, light and dark.

use std::sync::Arc;

use egui::{
    Color32, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Margin, Shadow, Stroke, Style, TextStyle,
    Theme, Vec2, Visuals,
};
use serde::{Deserialize, Serialize};

/// Which of the two looks the user wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThemeChoice {
    #[default]
    Dark,
    Light,
    System,
}

impl ThemeChoice {
    pub fn preference(self) -> egui::ThemePreference {
        match self {
            Self::Dark => egui::ThemePreference::Dark,
            Self::Light => egui::ThemePreference::Light,
            Self::System => egui::ThemePreference::System,
        }
    }
}

/// The colours that panels draw with themselves, beyond what egui's widgets use.
#[derive(Clone, Copy, Debug)]
pub struct Palette {
    /// Behind the picture.
    pub stage: Color32,
    /// A lane or list inside a panel.
    pub well: Color32,
    pub line: Color32,
    pub text: Color32,
    pub quiet_text: Color32,
    pub faint_text: Color32,
    /// The one accent: playhead, focus, the selected thing.
    pub accent: Color32,
    pub good: Color32,
    pub bad: Color32,
    pub warning: Color32,
    /// Ground truth, everywhere.
    pub truth: Color32,
    pub waveform: Color32,
}

const DARK: Palette = Palette {
    stage: Color32::from_rgb(11, 12, 14),
    well: Color32::from_rgb(16, 18, 21),
    line: Color32::from_rgb(43, 46, 52),
    text: Color32::from_rgb(226, 229, 233),
    quiet_text: Color32::from_rgb(154, 160, 169),
    faint_text: Color32::from_rgb(104, 110, 120),
    accent: Color32::from_rgb(120, 170, 255),
    good: Color32::from_rgb(106, 199, 148),
    bad: Color32::from_rgb(240, 128, 118),
    warning: Color32::from_rgb(236, 190, 98),
    truth: Color32::from_rgb(245, 247, 250),
    waveform: Color32::from_rgb(126, 140, 160),
};

const LIGHT: Palette = Palette {
    stage: Color32::from_rgb(222, 224, 228),
    well: Color32::from_rgb(240, 241, 244),
    line: Color32::from_rgb(212, 215, 221),
    text: Color32::from_rgb(28, 31, 36),
    quiet_text: Color32::from_rgb(92, 98, 108),
    faint_text: Color32::from_rgb(140, 146, 156),
    accent: Color32::from_rgb(36, 98, 214),
    good: Color32::from_rgb(22, 128, 74),
    bad: Color32::from_rgb(190, 52, 44),
    warning: Color32::from_rgb(158, 104, 8),
    truth: Color32::from_rgb(20, 22, 26),
    waveform: Color32::from_rgb(120, 130, 146),
};

/// The colours of the look that is on.
pub fn palette(visuals: &Visuals) -> &'static Palette {
    if visuals.dark_mode { &DARK } else { &LIGHT }
}

/// The family of headings and numbers that matter.
pub fn strong_family() -> FontFamily {
    FontFamily::Name("strong".into())
}

pub fn strong(size: f32) -> FontId {
    FontId::new(size, strong_family())
}

pub fn body(size: f32) -> FontId {
    FontId::new(size, FontFamily::Proportional)
}

/// Digits of equal width, for numbers that change while one looks.
pub fn digits(size: f32) -> FontId {
    FontId::new(size, FontFamily::Monospace)
}

/// A line along whole pixels: two triangles, not the ten of a stroke with soft edges, which lie over many pixels. A
/// renderer on the processor is slow at each of them.
pub fn hairline(painter: &egui::Painter, line: egui::Rect, colour: Color32) {
    let mut mesh = egui::Mesh::default();
    mesh.add_colored_rect(egui::emath::GuiRounding::round_to_pixels(line, painter.pixels_per_point()), colour);
    painter.add(egui::Shape::mesh(mesh));
}

/// Draws a line of text right of a place, in the middle of its height, and leaves out the end where it is wider than there
/// is room. Tells where it is.
pub fn elided(
    painter: &egui::Painter,
    left_centre: egui::Pos2,
    text: &str,
    font: FontId,
    colour: Color32,
    width: f32,
) -> egui::Rect {
    let format = egui::TextFormat::simple(font, colour);
    let mut line = egui::text::LayoutJob::single_section(text.to_owned(), format);
    line.wrap = egui::text::TextWrapping::truncate_at_width(width.max(0.0));
    let line = painter.layout_job(line);
    let rect = egui::Align2::LEFT_CENTER.anchor_size(left_centre, line.size());
    painter.galley(rect.min, line, colour);
    rect
}

/// The colour of a model, the same in chip, contour, lane and curve.
pub fn model_color(slot: usize) -> Color32 {
    let [red, green, blue] = crate::render::palette::model(slot);
    Color32::from_rgb(red, green, blue)
}

/// A window over the panels: in the middle when it is opened for the first time, no larger than there is room.
pub fn window(context: &egui::Context, title: &'static str, size: Vec2) -> egui::Window<'static> {
    let room = context.content_rect().shrink(24.0);
    let size = size.min(room.size());
    egui::Window::new(title).collapsible(false).default_size(size).default_pos(room.center() - 0.5 * size)
}

/// Installs fonts and both looks. Called once, when the window is made.
pub fn install(context: &egui::Context, choice: ThemeChoice) {
    context.set_fonts(fonts());
    context.set_theme(choice.preference());
    context.set_style_of(Theme::Dark, style(&DARK, Visuals::dark()));
    context.set_style_of(Theme::Light, style(&LIGHT, Visuals::light()));
}

fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::default();
    let mut add = |name: &str, bytes: &'static [u8]| {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
    };
    add("Inter", include_bytes!("../../assets/fonts/Inter-Regular.otf"));
    add("Inter SemiBold", include_bytes!("../../assets/fonts/Inter-SemiBold.otf"));
    let fallback = fonts.families.get(&FontFamily::Proportional).cloned().unwrap_or_default();
    let with_fallback = |first: &str| std::iter::once(first.to_owned()).chain(fallback.iter().cloned()).collect();
    let strong = with_fallback("Inter SemiBold");
    let regular: Vec<String> = with_fallback("Inter");
    fonts.families.insert(strong_family(), strong);
    fonts.families.insert(FontFamily::Proportional, regular);
    fonts
}

fn style(colors: &Palette, base: Visuals) -> Style {
    let mut style = Style { visuals: visuals(colors, base), ..Style::default() };
    style.text_styles = [
        (TextStyle::Small, body(11.0)),
        (TextStyle::Body, body(13.0)),
        (TextStyle::Button, body(13.0)),
        (TextStyle::Heading, strong(15.0)),
        (TextStyle::Monospace, digits(12.0)),
    ]
    .into();
    style.spacing.item_spacing = Vec2::new(8.0, 6.0);
    style.spacing.button_padding = Vec2::new(9.0, 4.0);
    style.spacing.interact_size = Vec2::new(28.0, 24.0);
    style.spacing.window_margin = Margin::same(12);
    style.spacing.menu_margin = Margin::same(6);
    style.spacing.slider_width = 140.0;
    style.spacing.scroll = egui::style::ScrollStyle::thin();
    style.interaction.selectable_labels = false;
    style.interaction.tooltip_delay = 0.35;
    style.animation_time = 0.08;
    style
}

fn visuals(colors: &Palette, mut visuals: Visuals) -> Visuals {
    let dark = visuals.dark_mode;
    let panel = if dark { Color32::from_rgb(22, 24, 28) } else { Color32::from_rgb(250, 250, 252) };
    let raised = if dark { Color32::from_rgb(37, 40, 46) } else { Color32::from_rgb(233, 235, 239) };
    let hovered = if dark { Color32::from_rgb(48, 52, 60) } else { Color32::from_rgb(222, 226, 232) };
    let radius = CornerRadius::same(4);
    visuals.panel_fill = panel;
    visuals.window_fill = if dark { Color32::from_rgb(28, 30, 35) } else { Color32::WHITE };
    visuals.window_stroke = Stroke::new(1.0, colors.line);
    visuals.window_corner_radius = CornerRadius::same(10);
    visuals.menu_corner_radius = CornerRadius::same(8);
    let shadow =
        Shadow { offset: [0, 8], blur: 24, spread: 0, color: Color32::from_black_alpha(if dark { 110 } else { 40 }) };
    visuals.window_shadow = shadow;
    visuals.popup_shadow = shadow;
    visuals.extreme_bg_color = colors.well;
    visuals.faint_bg_color = if dark { Color32::from_rgb(26, 28, 33) } else { Color32::from_rgb(245, 246, 248) };
    visuals.override_text_color = None;
    visuals.weak_text_color = Some(colors.quiet_text);
    visuals.hyperlink_color = colors.accent;
    visuals.warn_fg_color = colors.warning;
    visuals.error_fg_color = colors.bad;
    visuals.selection.bg_fill = colors.accent.gamma_multiply(if dark { 0.28 } else { 0.18 });
    visuals.selection.stroke = Stroke::new(1.0, colors.accent);
    visuals.slider_trailing_fill = true;
    visuals.handle_shape = egui::style::HandleShape::Circle;
    visuals.striped = false;
    visuals.indent_has_left_vline = false;

    let widgets = &mut visuals.widgets;
    widgets.noninteractive.bg_fill = panel;
    widgets.noninteractive.bg_stroke = Stroke::new(1.0, colors.line);
    widgets.noninteractive.fg_stroke = Stroke::new(1.0, colors.text);
    widgets.noninteractive.corner_radius = radius;
    for (state, fill, text) in [
        (&mut widgets.inactive, raised, colors.text),
        (&mut widgets.hovered, hovered, colors.text),
        (&mut widgets.active, hovered, colors.text),
        (&mut widgets.open, hovered, colors.text),
    ] {
        state.bg_fill = fill;
        state.weak_bg_fill = fill;
        state.bg_stroke = Stroke::NONE;
        state.fg_stroke = Stroke::new(1.2, text);
        state.corner_radius = radius;
        state.expansion = 0.0;
    }
    widgets.inactive.bg_fill = if dark { Color32::from_rgb(52, 56, 64) } else { Color32::from_rgb(212, 216, 222) };
    widgets.active.bg_stroke = Stroke::new(1.0, colors.accent);
    visuals
}
