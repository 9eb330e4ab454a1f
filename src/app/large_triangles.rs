//! Filled rectangles of few large triangles.
//!
//! egui fans a rounded rectangle out from one point of its edge. Its long thin triangles touch several times as many
//! blocks of pixels as it has; a graphics card does not mind, but a renderer on the processor pays for every block. Here the
//! middle is one rectangle, whose edges lie on pixels and need no softening, and only the corners are fans. It looks the
//! same, which the pictures of the window in the tests hold.

use egui::emath::GuiRounding;
use egui::epaint::{CornerRadius, Mesh, RectShape, Vertex};
use egui::layers::ShapeIdx;
use egui::{Color32, Context, LayerId, Pos2, Rect, Shape, Vec2};

/// Shapes with a side shorter than this, in points, are left as they are.
const SMALLEST_SIDE: f32 = 8.0;
/// What egui adds to a radius.
const MORE_RADIUS: f32 = 0.4;

/// Lays out anew what was drawn in this pass. To be called when everything is.
pub fn lay_out_large(context: &Context) {
    let mut layers: Vec<LayerId> = context.memory(|memory| memory.layer_ids().collect());
    if !layers.contains(&LayerId::background()) {
        layers.push(LayerId::background());
    }
    let pixels_per_point = context.pixels_per_point();
    context.graphics_mut(|graphics| {
        for layer in layers {
            let list = graphics.entry(layer);
            let count = list.all_entries().len();
            for place in 0..count {
                list.mutate_shape(ShapeIdx(place), |entry| lay_out(&mut entry.shape, pixels_per_point));
            }
        }
    });
}

fn lay_out(shape: &mut Shape, pixels_per_point: f32) {
    match shape {
        Shape::Vec(shapes) => shapes.iter_mut().for_each(|shape| lay_out(shape, pixels_per_point)),
        Shape::Rect(filled) => {
            if let Some(mesh) = mesh_of(filled, pixels_per_point) {
                *shape = Shape::mesh(mesh);
            }
        }
        _ => {}
    }
}

/// `None`: it is better left to egui.
fn mesh_of(filled: &RectShape, pixels_per_point: f32) -> Option<Mesh> {
    let CornerRadius { nw, ne, sw, se } = filled.corner_radius;
    let plain = filled.stroke.is_empty()
        && filled.fill != Color32::TRANSPARENT
        && filled.brush.is_none()
        && filled.blur_width == 0.0
        && filled.angle == 0.0
        && filled.round_to_pixels != Some(false)
        && [ne, sw, se] == [nw; 3];
    let rect = filled.rect.round_to_pixels(pixels_per_point);
    let shortest = rect.width().min(rect.height());
    if !plain || !rect.is_finite() || shortest < SMALLEST_SIDE {
        return None;
    }
    let mut mesh = Mesh::default();
    if nw == 0 {
        mesh.add_colored_rect(rect, filled.fill);
        return Some(mesh);
    }
    let radius = (f32::from(nw) + MORE_RADIUS).min(0.5 * shortest);
    let inner = rect.shrink(radius);
    mesh.add_colored_rect(Rect::from_x_y_ranges(inner.x_range(), rect.y_range()), filled.fill);
    if inner.height() > 0.0 {
        for x_range in [rect.left()..=inner.left(), inner.right()..=rect.right()] {
            mesh.add_colored_rect(Rect::from_x_y_ranges(x_range, inner.y_range()), filled.fill);
        }
    }
    let half_softness = 0.5 / pixels_per_point;
    for (corner, turn) in
        [inner.right_bottom(), inner.left_bottom(), inner.left_top(), inner.right_top()].into_iter().zip(0u8..)
    {
        add_corner(&mut mesh, corner, radius, half_softness, turn, filled.fill);
    }
    Some(mesh)
}

/// A quarter of a disc around `centre` with a soft edge, `turn` quarters from the lower right on.
fn add_corner(mesh: &mut Mesh, centre: Pos2, radius: f32, half_softness: f32, turn: u8, colour: Color32) {
    let steps: u8 = match radius {
        ..=2.0 => 2,
        ..=5.0 => 4,
        ..18.0 => 8,
        _ => 16,
    };
    let direction = |step: u8| {
        let angle = (f32::from(turn) + f32::from(step) / f32::from(steps)) * std::f32::consts::FRAC_PI_2;
        Vec2::angled(angle)
    };
    let first = mesh.vertices.len() as u32;
    mesh.vertices.push(Vertex::untextured(centre, colour));
    for step in 0..=steps {
        let outwards = direction(step);
        let inside = centre + outwards * (radius - half_softness).max(0.0);
        let outside = centre + outwards * (radius + half_softness);
        mesh.vertices.extend([Vertex::untextured(inside, colour), Vertex::untextured(outside, Color32::TRANSPARENT)]);
    }
    for step in 0..u32::from(steps) {
        let [inside, outside] = [first + 1 + 2 * step, first + 2 + 2 * step];
        mesh.add_triangle(first, inside, inside + 2);
        mesh.add_triangle(inside, outside, inside + 2);
        mesh.add_triangle(outside, outside + 2, inside + 2);
    }
}

#[cfg(test)]
mod tests {
    use egui::{pos2, vec2};

    use super::*;

    /// The area that a mesh covers, soft edges counted by half.
    fn area(mesh: &Mesh) -> f32 {
        let triangles = mesh.indices.chunks_exact(3).map(|corners| {
            let corner = |at: usize| &mesh.vertices[corners[at] as usize];
            let [a, b, c] = [0, 1, 2].map(|at| corner(at).pos);
            let strength = [0, 1, 2].map(|at| f32::from(corner(at).color.a()) / 255.0).iter().sum::<f32>() / 3.0;
            0.5 * ((b - a).x * (c - a).y - (b - a).y * (c - a).x).abs() * strength
        });
        triangles.sum()
    }

    #[test]
    fn it_covers_what_the_rectangle_does() {
        for (size, radius) in
            [(vec2(311.0, 26.0), 4u8), (vec2(30.0, 30.0), 15), (vec2(90.0, 12.0), 0), (vec2(40.0, 9.0), 200)]
        {
            let rect = Rect::from_min_size(pos2(10.0, 20.0), size);
            let shape = RectShape::filled(rect, CornerRadius::same(radius), Color32::WHITE);
            let mesh = mesh_of(&shape, 1.0).unwrap();
            let shown = if radius == 0 { 0.0 } else { (f32::from(radius) + MORE_RADIUS).min(0.5 * size.min_elem()) };
            let expected = size.x * size.y - (4.0 - std::f32::consts::PI) * shown * shown;
            assert!((area(&mesh) / expected - 1.0).abs() < 0.02, "{size}: {} of {expected}", area(&mesh));
            let far = mesh.vertices.iter().filter(|vertex| !rect.expand(0.51).contains(vertex.pos)).count();
            assert_eq!(far, 0, "{size}");
        }
    }

    #[test]
    fn what_is_more_than_a_filled_rectangle_is_left_alone() {
        let rect = Rect::from_min_size(pos2(0.0, 0.0), vec2(50.0, 20.0));
        let filled = || RectShape::filled(rect, CornerRadius::same(3), Color32::WHITE);
        assert!(mesh_of(&filled(), 2.0).is_some());
        let stroked = RectShape { stroke: egui::Stroke::new(1.0, Color32::RED), ..filled() };
        let uneven = RectShape { corner_radius: CornerRadius { nw: 9, ..CornerRadius::same(3) }, ..filled() };
        let blurred = RectShape { blur_width: 4.0, ..filled() };
        let clear = RectShape { fill: Color32::TRANSPARENT, ..filled() };
        let small = RectShape { rect: rect.with_max_y(3.0), ..filled() };
        let endless = RectShape { rect: Rect::EVERYTHING, ..filled() };
        for shape in [stroked, uneven, blurred, clear, small, endless] {
            assert!(mesh_of(&shape, 1.0).is_none(), "{shape:?}");
        }
    }
}
