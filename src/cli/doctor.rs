//! `sonolens doctor`: what the program needs, what is there, and what to do about the rest.

use std::io::Write;

use serde_json::json;

use crate::app::Settings;
use crate::localizers::registry::{self, Status};

/// One thing that was looked for.
struct Finding {
    name: &'static str,
    ok: bool,
    found: String,
    /// What to do when it is not well.
    advice: &'static str,
}

/// Looks for everything and writes what was found. Missing parts are findings, not failures.
///
/// # Errors
/// The answer cannot be written.
pub fn run(json: bool, out: &mut dyn Write) -> std::io::Result<()> {
    let findings = [graphics(), audio(), ffmpeg(), instructions(), settings(), systems()];
    if json {
        let rows: Vec<_> = findings
            .iter()
            .map(|finding| {
                json!({
                    "name": finding.name,
                    "ok": finding.ok,
                    "found": finding.found,
                    "advice": if finding.ok { None } else { Some(finding.advice) },
                })
            })
            .collect();
        serde_json::to_writer_pretty(&mut *out, &json!({ "version": env!("CARGO_PKG_VERSION"), "findings": rows }))?;
        return writeln!(out);
    }
    writeln!(out, "Sonolens {}", env!("CARGO_PKG_VERSION"))?;
    for finding in &findings {
        writeln!(out, "{} {:<14} {}", if finding.ok { "✓" } else { "✗" }, finding.name, finding.found)?;
        if !finding.ok {
            writeln!(out, "                 → {}", finding.advice)?;
        }
    }
    Ok(())
}

fn graphics() -> Finding {
    let advice = "install a Vulkan driver (Debian, Ubuntu: mesa-vulkan-drivers) or OpenGL (libegl1 libgl1-mesa-dri)";
    match crate::render::Offscreen::new() {
        Ok(offscreen) => {
            let note = if offscreen.is_software() { ", in software: the processor draws" } else { "" };
            Finding { name: "graphics", ok: true, found: format!("{}{note}", offscreen.adapter_name()), advice }
        }
        Err(error) => Finding { name: "graphics", ok: false, found: error.to_string(), advice },
    }
}

fn audio() -> Finding {
    use rodio::cpal::traits::{DeviceTrait, HostTrait};
    let advice = "the program plays without sound; connect a sound card or start PipeWire or PulseAudio";
    let device = rodio::cpal::default_host().default_output_device();
    let described = device.and_then(|device| {
        let config = device.default_output_config().ok()?;
        let name =
            device.description().map_or_else(|_| "output".to_owned(), |description| description.name().to_owned());
        Some(format!("{name}, {} Hz, {} channels", config.sample_rate(), config.channels()))
    });
    match described {
        Some(found) => Finding { name: "sound output", ok: true, found, advice },
        None => Finding { name: "sound output", ok: false, found: "no device".into(), advice },
    }
}

fn ffmpeg() -> Finding {
    Finding { name: "FFmpeg", ok: true, found: crate::media::ffmpeg_versions(), advice: "" }
}

fn instructions() -> Finding {
    Finding { name: "kernels", ok: true, found: crate::network::Level::current().name().to_owned(), advice: "" }
}

fn settings() -> Finding {
    let advice = "repair or remove the file; the defaults are used until then";
    match Settings::default_path() {
        None => Finding {
            name: "settings",
            ok: false,
            found: "this system has no configuration folder".into(),
            advice: "set SONOLENS_CONFIG to a folder",
        },
        Some(path) => match Settings::load(&path) {
            Ok(_) => Finding { name: "settings", ok: true, found: path.display().to_string(), advice },
            Err(error) => Finding { name: "settings", ok: false, found: error.to_string(), advice },
        },
    }
}

fn systems() -> Finding {
    let count = |wanted: fn(Status) -> bool| registry::systems().iter().filter(|system| wanted(system.status)).count();
    let runs = count(|status| status == Status::Runs);
    let with_files = count(|status| matches!(status, Status::NeedsFiles(_)));
    Finding {
        name: "systems",
        ok: true,
        found: format!("{runs} need no weights, {with_files} run from their authors' checkpoints"),
        advice: "",
    }
}
