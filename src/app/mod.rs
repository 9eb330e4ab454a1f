//! The windows and panels.
//!
//! Panels read the state and push commands; commands are applied in one place per pass (`apply.rs`). A pass never
//! waits: what takes long runs in jobs, in the inference pool, in the frame server or behind the player.

mod apply;
mod box_editor;
mod clips_panel;
mod command;
mod dialogs;
mod inspector_panel;
mod ipc;
mod kept_scores;
mod keys_window;
mod layout;
mod models;
mod notices;
mod open_clip;
mod opening;
mod palette_window;
mod passes;
mod project;
mod project_desk;
mod protocol_parts;
mod remote;
mod report_window;
mod settings;
mod sound_picture;
mod spectrum;
mod stage_boxes;
mod stage_panel;
mod state;
mod status_bar;
mod theme;
mod timeline_panel;
mod timeline_pictures;
mod top_bar;
mod tour;
mod update;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use egui::Key;

pub use command::{COMMANDS, Command, CommandInfo, StageView, info_by_keys, info_by_name};
pub use dialogs::Dialog;
pub use ipc::IpcError;
pub use settings::{Settings, SettingsError};
pub use theme::ThemeChoice;

use clips_panel::ClipsPanel;
use inspector_panel::InspectorPanel;
use layout::Panel;
use palette_window::PaletteWindow;
use stage_panel::StagePanel;
use state::AppState;
use timeline_panel::TimelinePanel;

use crate::engine::Wake;
use crate::localizers::store::Shelf;
use crate::render::DrawnBy;

/// How the window is started.
#[derive(Clone, Debug, Default)]
pub struct StartOptions {
    /// Opened in this order; the demo where there are none.
    pub paths: Vec<PathBuf>,
    /// Models to load, as `ID` or `ID=WEIGHTS`; those of the last end where there are none.
    pub models: Vec<String>,
    /// Where to listen for control.
    pub ipc: Option<PathBuf>,
    pub settings_path: Option<PathBuf>,
    /// Where stored models are looked for; the usual folders where it is not given.
    pub model_shelf: Option<Shelf>,
}

/// The application: the state and the panels.
pub struct App {
    state: AppState,
    tree: egui_tiles::Tree<Panel>,
    clips: ClipsPanel,
    stage: StagePanel,
    timeline: TimelinePanel,
    inspector: InspectorPanel,
    palette: Option<PaletteWindow>,
    show_keys: bool,
    show_notices: bool,
    show_protocol: bool,
    report: report_window::ReportWindow,
    kept_scores: kept_scores::KeptScores,
    tour: Option<tour::Tour>,
    places: tour::Places,
    dialogs: dialogs::Dialogs,
    opening: Option<opening::Opening>,
    /// The clip of the demo that is being made while another one is looked at, and its place.
    demo_rest: Option<(usize, crate::engine::Job<Result<crate::dataset::Dataset, String>>)>,
    /// The clip that is shown next is the demo's first, which begins where something is heard.
    demo_begins: bool,
    /// Models are loaded for the demo as soon as it is known which ones there are.
    demo_models_wanted: bool,
    remote: remote::Remote,
    passes: Arc<passes::Passes>,
    /// What must be told to the engine and player in this pass.
    wish_changed: bool,
    sound_changed: bool,
    scoring_changed: bool,
    pixels_per_point: f32,
    recognizing: Vec<models::Recognizing>,
    choice: Option<models::Choice>,
}

/// Why the window could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("the window could not be opened: {0}. `sonolens doctor` looks for what is missing")]
pub struct WindowError(String);

/// Opens the window and stays until it is closed.
///
/// # Errors
/// No display, no graphics adapter, or a control socket that cannot be opened.
pub fn run(options: StartOptions) -> Result<(), WindowError> {
    let settings_path = options.settings_path.clone().or_else(Settings::default_path);
    let size = settings_path
        .as_deref()
        .and_then(|path| Settings::load(path).ok())
        .and_then(|settings| settings.window_size)
        .filter(|size| size.iter().all(|side| side.is_finite() && (320.0..=16_000.0).contains(side)))
        .unwrap_or([1440.0, 900.0]);
    let native = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title("Sonolens")
            .with_app_id("sonolens")
            .with_icon(icon())
            .with_inner_size(size)
            .with_min_inner_size([900.0, 560.0])
            .with_drag_and_drop(true),
        persist_window: false,
        // Nothing in the window but pictures has gradients, and those are dithered by their own shaders.
        dithering: false,
        ..Default::default()
    };
    let started =
        eframe::run_native("Sonolens", native, Box::new(move |creation| Ok(Box::new(App::new(creation, options)?))));
    started.map_err(|error| WindowError(error.to_string()))
}

/// Four concentric arcs on a dark plate: a sound and the eye that follows it.
fn icon() -> egui::IconData {
    const SIDE: u32 = 64;
    let pixel = |x: u32, y: u32| {
        let (x, y) = (f64::from(x) - 31.5, f64::from(y) - 31.5);
        let distance = x.hypot(y);
        let ring = ((distance - 4.0) / 8.0).fract();
        let on = distance < 4.0 || (distance < 29.0 && ring < 0.4 && x.abs() > y.abs() * 0.7);
        let plate = x.abs().max(y.abs()) < 31.0;
        match (on, plate) {
            (true, _) => [120, 170, 255, 255],
            (false, true) => [22, 24, 28, 255],
            (false, false) => [0, 0, 0, 0],
        }
    };
    let rgba = (0..SIDE * SIDE).flat_map(|index| pixel(index % SIDE, index / SIDE)).collect();
    egui::IconData { rgba, width: SIDE, height: SIDE }
}

impl App {
    /// The application in a window that is being made.
    ///
    /// # Errors
    /// The control socket cannot be opened.
    pub fn new(creation: &eframe::CreationContext<'_>, options: StartOptions) -> Result<Self, IpcError> {
        let settings_path = options.settings_path.clone().or_else(Settings::default_path);
        let loaded = settings_path.as_deref().map(Settings::load);
        let (settings, settings_error) = match loaded {
            Some(Ok(settings)) => (settings, None),
            Some(Err(error)) => (Settings::default(), Some(error)),
            None => (Settings::default(), None),
        };
        theme::install(&creation.egui_ctx, settings.theme);
        let mut adapter = String::from("none");
        let mut drawn_by = DrawnBy::Shaders;
        if let Some(render_state) = &creation.wgpu_render_state {
            drawn_by = crate::render::install(&creation.egui_ctx, render_state);
            let info = render_state.adapter.get_info();
            adapter = format!("{} ({:?})", info.name, info.backend);
        }
        let context = creation.egui_ctx.clone();
        let answer: Wake = Arc::new(move || context.request_repaint());
        let server = options.ipc.as_deref().map(|path| ipc::Server::open(path, answer)).transpose()?;
        let passes = Arc::new(passes::Passes::new(creation.egui_ctx.clone(), drawn_by == DrawnBy::Processor));
        let wake: Wake = {
            let passes = Arc::clone(&passes);
            Arc::new(move || passes.wake())
        };
        // A settings file that could not be read is left alone.
        let writable_settings = settings_path.filter(|_| settings_error.is_none());
        let mut state = AppState::new(settings, writable_settings, wake);
        state.adapter = adapter;
        state.drawn_by = drawn_by;
        state.model_shelf = options.model_shelf.clone().unwrap_or_else(Shelf::discover);
        if let Some(error) = settings_error {
            state.notices.warn(error.to_string());
        }
        let mut app = Self {
            tree: layout::restore(state.settings.layout.as_deref()),
            state,
            clips: ClipsPanel::default(),
            stage: StagePanel::default(),
            timeline: TimelinePanel::new(),
            inspector: InspectorPanel::default(),
            palette: None,
            show_keys: false,
            show_notices: false,
            show_protocol: false,
            report: report_window::ReportWindow::default(),
            kept_scores: kept_scores::KeptScores::default(),
            tour: None,
            places: tour::Places::default(),
            dialogs: dialogs::Dialogs::default(),
            opening: None,
            demo_rest: None,
            demo_begins: false,
            demo_models_wanted: false,
            remote: remote::Remote::new(server),
            passes,
            wish_changed: true,
            sound_changed: true,
            scoring_changed: true,
            pixels_per_point: 1.0,
            recognizing: Vec::new(),
            choice: None,
        };
        let demo = options.paths.is_empty();
        for path in options.paths {
            app.open_dropped(path);
        }
        if demo {
            app.open_demo();
            app.tour = (!app.state.settings.tour_done).then(tour::Tour::default);
        }
        let models = if options.models.is_empty() { app.state.settings.models.clone() } else { options.models };
        app.demo_models_wanted = models.is_empty() && demo;
        for spec in models {
            app.add_model(&spec);
        }
        app.read_shelf();
        Ok(app)
    }

    /// Takes a command as if a key had sent it.
    pub fn command(&mut self, command: Command, context: &egui::Context) {
        self.apply(command, context);
    }

    /// What is on screen, as the control socket tells it.
    pub fn state_json(&self) -> serde_json::Value {
        let rect = |rect: egui::Rect| [rect.left(), rect.top(), rect.right(), rect.bottom()];
        let mut json = remote::state_json(&self.state);
        json["tour"] = serde_json::json!(self.tour.map(|tour| tour.place().0));
        json["screen"] = serde_json::json!({
            "frame_rect_points": self.stage.frame_rect.map(rect),
            "timeline_rect_points": self.timeline.shown.map(|(area, ..)| rect(area)),
            "timeline_secs": self.timeline.shown.map(|(_, start, end)| [start, end]),
            "pixels_per_point": self.pixels_per_point,
        });
        json
    }

    fn panels_ui(&mut self, ui: &mut egui::Ui) -> Vec<Command> {
        let mut commands = Vec::new();
        let bar = egui::Frame::side_top_panel(ui.style()).fill(egui::Color32::TRANSPARENT);
        let colors = theme::palette(ui.visuals());
        let top_bar = egui::Panel::top("top bar").frame(bar).show_separator_line(false).show(ui, |ui| {
            ui.add_space(3.0);
            top_bar::top_bar_ui(ui, &self.state, &mut commands);
            ui.add_space(3.0);
        });
        let status_bar = egui::Panel::bottom("status bar").frame(bar).show_separator_line(false).show(ui, |ui| {
            ui.add_space(3.0);
            status_bar::status_bar_ui(ui, &self.state, &mut commands);
            ui.add_space(3.0);
        });
        for y in [top_bar.response.rect.bottom(), status_bar.response.rect.top()] {
            let line = egui::Rect::from_x_y_ranges(ui.max_rect().x_range(), y..=y + 1.0);
            theme::hairline(ui.painter(), line, colors.line);
        }
        egui::CentralPanel::default().frame(egui::Frame::NONE).show(ui, |ui| {
            let mut panes = Panes {
                places: &mut self.places,
                state: &self.state,
                clips: &mut self.clips,
                stage: &mut self.stage,
                timeline: &mut self.timeline,
                inspector: &mut self.inspector,
                commands: &mut commands,
            };
            self.tree.ui(&mut panes, ui);
        });
        self.places.top_bar = top_bar.response.rect;
        if let Some(tour) = self.tour {
            tour::tour_ui(ui, tour, &self.places, &mut commands);
        }
        if let Some(palette) = &mut self.palette {
            let (chosen, keep_open) = palette.show(ui, &self.state);
            commands.extend(chosen);
            if !keep_open {
                self.palette = None;
            }
        }
        if let Some(choice) = self.choice.take() {
            self.choice = models::choice_window_ui(ui, choice, &mut commands);
        }
        if self.show_keys {
            self.show_keys = keys_window::keys_window_ui(ui);
        }
        if self.show_notices {
            self.show_notices = keys_window::notices_window_ui(ui, &self.state, &mut commands);
        }
        if self.show_protocol {
            self.show_protocol = protocol_parts::protocol_window_ui(ui, &self.state, &mut commands);
        }
        self.report.update();
        self.report.show(ui, &self.state);
        commands
    }

    /// The commands whose keys were pressed in this pass, in their order and as often as they were: a slow pass may
    /// bring several.
    fn pressed(&self, context: &egui::Context) -> Vec<Command> {
        if self.palette.is_some() {
            return Vec::new();
        }
        let typing = context.egui_wants_keyboard_input();
        let mut commands = Vec::new();
        context.input_mut(|input| {
            input.events.retain(|event| {
                let egui::Event::Key { key, pressed: true, modifiers, .. } = event else { return true };
                let plain = !modifiers.command && !modifiers.ctrl;
                let command = info_by_keys(*key, *modifiers).filter(|_| !(typing && plain)).and_then(|i| i.make(&[]));
                let kept = command.is_none();
                commands.extend(command);
                kept
            });
            if !typing && input.modifiers.is_none() && input.key_pressed(Key::A) {
                commands.push(Command::HoldOwnSound(true));
            }
            if input.key_released(Key::A) || (self.state.holding_own && !input.focused) {
                commands.push(Command::HoldOwnSound(false));
            }
        });
        commands
    }
}

/// What egui_tiles needs to draw the panels.
struct Panes<'a> {
    places: &'a mut tour::Places,
    state: &'a AppState,
    clips: &'a mut ClipsPanel,
    stage: &'a mut StagePanel,
    timeline: &'a mut TimelinePanel,
    inspector: &'a mut InspectorPanel,
    commands: &'a mut Vec<Command>,
}

impl egui_tiles::Behavior<Panel> for Panes<'_> {
    fn pane_ui(
        &mut self,
        ui: &mut egui::Ui,
        _tile_id: egui_tiles::TileId,
        panel: &mut Panel,
    ) -> egui_tiles::UiResponse {
        let place = match panel {
            Panel::Stage => Some(&mut self.places.stage),
            Panel::Timeline => Some(&mut self.places.timeline),
            Panel::Inspector => Some(&mut self.places.inspector),
            Panel::Clips => None,
        };
        if let Some(place) = place {
            *place = ui.max_rect();
        }
        egui::Frame::NONE.inner_margin(egui::Margin::symmetric(10, 8)).show(ui, |ui| match panel {
            Panel::Clips => self.clips.show(ui, self.state, self.commands),
            Panel::Stage => self.stage.show(ui, self.state, self.commands),
            Panel::Timeline => self.timeline.show(ui, self.state, self.commands),
            Panel::Inspector => self.inspector.show(ui, self.state, self.commands),
        });
        egui_tiles::UiResponse::None
    }

    fn tab_title_for_pane(&mut self, panel: &Panel) -> egui::WidgetText {
        panel.title().into()
    }

    fn gap_width(&self, _style: &egui::Style) -> f32 {
        1.0
    }

    fn min_size(&self) -> f32 {
        150.0
    }

    fn simplification_options(&self) -> egui_tiles::SimplificationOptions {
        egui_tiles::SimplificationOptions { all_panes_must_have_tabs: false, ..Default::default() }
    }
}

impl eframe::App for App {
    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        let started = std::time::Instant::now();
        let context = ui.ctx().clone();
        self.pixels_per_point = context.pixels_per_point();
        self.update(&context);
        let drawn = self.state.frame();
        self.state.count_frame();
        self.passes.begin();
        let mut commands = self.pressed(&context);
        commands.extend(self.panels_ui(ui));
        for file in context.input(|input| input.raw.dropped_files.clone()) {
            self.open_dropped(file.path().to_owned());
        }
        let changed = !commands.is_empty();
        for command in commands {
            self.apply(command, &context);
        }
        self.settle();
        if changed {
            context.request_repaint();
        }
        // A frame that became due while the panels were made is not left out.
        let next_frame =
            self.until_next_frame().map(|wait| if self.state.frame() == drawn { wait } else { passes::AT_ONCE });
        if let Some(wait) = self.until_next_pass(next_frame) {
            context.request_repaint_after(wait);
        }
        self.passes.plan(next_frame.filter(|_| self.state.shows_due_frame()));
        self.state.pass_ms = started.elapsed().as_secs_f32() * 1000.0;
    }

    fn on_exit(&mut self) {
        self.write_scores();
        self.save_settings();
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }
}

impl App {
    /// When the window changes by itself next, the picture after `next_frame`.
    fn until_next_pass(&self, next_frame: Option<Duration>) -> Option<Duration> {
        let notice = self.state.notices.secs_to_change().map(|secs| Duration::from_secs_f32(secs + 0.05));
        let jobs = (!self.state.jobs.views().is_empty()).then_some(Duration::from_millis(250));
        [next_frame, notice, jobs].into_iter().flatten().min()
    }
}
