//! The room: a wall with the light of a window on it, and a wooden floor.

use super::canvas::{Canvas, Color, Ink, bump, edge, grain, mix, noise, rgb, rounded_box, scaled, smoothstep};
use crate::geometry::Size;

/// Where the wall ends and the floor begins.
pub const FLOOR_Y: f32 = 272.0;
/// How far the light moves shadows along the wall, per pixel that a thing stands before it.
pub const SHADOW_SLANT: (f32, f32) = (0.75, 0.42);

const SKIRTING_HEIGHT: f32 = 13.0;

/// Paints the empty room.
pub fn paint(canvas: &mut Canvas, size: Size) {
    let whole = canvas.region();
    canvas.paint(whole, |x, y| {
        let color = if y < FLOOR_Y { wall(x, y) } else { floor(x, y) };
        // The corners of a room, and of a picture, are darker.
        let (dx, dy) = (x / size.width as f32 - 0.47, y / size.height as f32 - 0.45);
        Ink { color: scaled(color, 1.06 - 0.62 * (dx * dx + dy * dy)), cover: 1.0 }
    });
}

fn wall(x: f32, y: f32) -> Color {
    let skirting_top = FLOOR_Y - SKIRTING_HEIGHT;
    let paint = mix(rgb(0x9aa8a2), rgb(0x76877f), smoothstep(0.0, FLOOR_Y, y));
    let plaster = 1.0 + 0.035 * (noise(x / 2.3, y / 2.3, 3) - 0.5) + 0.05 * (noise(x / 60.0, y / 40.0, 4) - 0.5);
    let lit = scaled(mix(paint, rgb(0xf3dcae), 0.50 * window_light(x, y)), plaster * (1.0 + 0.28 * window_light(x, y)));
    if y < skirting_top {
        return scaled(lit, 1.0 - 0.10 * bump(y - skirting_top, 4.0));
    }
    let down = (y - skirting_top) / SKIRTING_HEIGHT;
    let board = scaled(rgb(0xc9cabf), 0.84 + 0.16 * bump(down - 0.12, 0.12) - 0.10 * smoothstep(0.5, 1.0, down));
    mix(board, scaled(lit, 1.0), edge(y - skirting_top + 0.5))
}

/// How much of the window's light falls on a place of the wall: four panes, slanted, soft at the edges.
fn window_light(x: f32, y: f32) -> f32 {
    let (u, v) = (x - 318.0 - 0.34 * (y - 120.0), y - 118.0 - 0.10 * (x - 318.0));
    let soft = 2.5 + 0.030 * (v + 100.0).max(0.0);
    let pane = |side: f32, row: f32| {
        let distance = rounded_box(u - side * 33.0, v - row * 47.0, 28.0, 42.0, 1.0);
        smoothstep(soft, -soft, distance)
    };
    pane(-1.0, -1.0) + pane(1.0, -1.0) + pane(-1.0, 1.0) + pane(1.0, 1.0)
}

/// Boards that run away from the viewer.
fn floor(x: f32, y: f32) -> Color {
    const VANISHING_POINT: (f32, f32) = (320.0, 96.0);
    const BOARD_WIDTH: f32 = 0.30;
    let depth = 1.0 / (y - VANISHING_POINT.1);
    let across = (x - VANISHING_POINT.0) * depth / BOARD_WIDTH;
    let board = across.floor();
    let away = depth * 20_000.0;
    // Boards are of different lengths, so that their ends do not line up.
    let end = (away / 46.0 + noise(board, 0.5, 9) * 3.0).floor();
    let tone = noise(board * 3.1, end * 2.7, 11);
    let wood = mix(rgb(0xa67c52), rgb(0xc39a6b), 0.25 + 0.5 * tone);
    let fibres = grain(away * 3.0, (across - board) * 18.0, board as i32 as u32 ^ 0x77);
    let gap = (across - board - 0.5).abs() - 0.5;
    let gap_pixels = gap * BOARD_WIDTH / depth;
    let seam = 1.0 - 0.45 * edge(-gap_pixels - 0.6);
    let gloss = 0.16 * bump(x - 330.0 - 0.25 * (y - FLOOR_Y), 90.0) * smoothstep(FLOOR_Y + 70.0, FLOOR_Y, y);
    let wall_foot = 1.0 - 0.42 * bump(y - FLOOR_Y, 5.0);
    let color = scaled(wood, (0.86 + 0.22 * fibres) * seam * wall_foot * (0.80 + 0.25 * smoothstep(FLOOR_Y, 360.0, y)));
    mix(color, rgb(0xe9dcc0), gloss)
}
