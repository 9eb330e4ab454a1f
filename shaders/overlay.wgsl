// One model's score map over the frame: its colours, its positive area and the contour around it.
// Drawn twice: once to fill, once for the contour, so that no model's colours lie over another model's contour.

struct Overlay {
    placement: Placement,
    rule: Rule,
    // The model's colour; a: opacity of the whole overlay.
    tint: vec4<f32>,
    // Colour of the contour's casing and its strength.
    casing: vec4<f32>,
    threshold: f32,
    // colour position = (value - range_low) * range_scale.
    range_low: f32,
    range_scale: f32,
    // Opacity of the lowest value, relative to that of the highest, and the exponent of the ramp between.
    alpha_floor: f32,
    alpha_power: f32,
    // Opacity outside of the positive cells, relative to inside.
    outside: f32,
    // Row of the colour-map texture.
    colormap_v: f32,
    contour_width: f32,
    casing_width: f32,
    // Strength of the hatching over what the model does not see.
    hatch: f32,
    reserved: vec2<f32>,
};

// Known when the pipeline is built, see pipelines.rs.
// Colours run smoothly from cell to cell.
override smooth_colours: bool = true;
// The edge of the positive area runs smoothly between the centres of cells; else along the cells' sides.
override smooth_edge: bool = true;
// Colours come from the colour-map texture; else all are the model's.
override mapped_colours: bool = true;
// What is not positive is fainter.
override fainter_outside: bool = true;
// The model sees every cell of what is drawn.
override all_seen: bool = false;

@group(0) @binding(0) var<uniform> overlay: Overlay;
@group(1) @binding(0) var map: texture_2d<u32>;
@group(1) @binding(1) var other: texture_2d<u32>;
@group(1) @binding(2) var colormaps: texture_2d<f32>;
@group(1) @binding(3) var bilinear: sampler;
@group(1) @binding(4) var nearest: sampler;

// A corner of a part of the map, see tiles.rs.
struct Corner {
    @builtin(position) position: vec4<f32>,
    // What the part's opacity is multiplied by.
    @location(0) @interpolate(flat) strength: f32,
};

@vertex
fn vertex(
    @builtin(vertex_index) index: u32,
    @location(0) part: vec4<f32>,
    @location(1) strength: f32,
) -> Corner {
    return Corner(part_corner_position(overlay.placement, part, index), strength);
}

fn signed_distance(frame: vec2<f32>, quad: Quad) -> f32 {
    let rect = overlay.placement.frame_rect;
    let cell_px = (rect.zw - rect.xy) / vec2<f32>(textureDimensions(map));
    if (smooth_edge) {
        return smooth_distance(quad, overlay.rule, overlay.threshold, cell_px);
    }
    return cells_distance(map, frame, overlay.rule, cell_px);
}

@fragment
fn fill(corner: Corner) -> @location(0) vec4<f32> {
    let position = corner.position;
    let frame = frame_from_pixel(overlay.placement, position.xy);
    var own = 0u;
    if (!all_seen || !smooth_colours) {
        own = cell_bits(map, cell_at(map, frame));
    }
    if (!all_seen && !is_seen(own)) {
        let line = stripes(position.xy, overlay.placement.pixels_per_point, 6.0, 1.0, 1.0);
        let shade = vec4<f32>(0.0, 0.0, 0.0, 0.28);
        return mix(shade, vec4<f32>(0.30), line * 0.8) * overlay.hatch;
    }
    var quad: Quad;
    if (smooth_colours || (fainter_outside && smooth_edge)) {
        quad = quad_at(map, nearest, frame);
    }
    var value = cell_value(own);
    if (smooth_colours && all_seen) {
        value = smooth_value_of_seen(quad);
    } else if (smooth_colours) {
        value = smooth_value(quad);
    }
    let level = clamp((value - overlay.range_low) * overlay.range_scale, 0.0, 1.0);
    var colour = overlay.tint.rgb;
    if (mapped_colours) {
        let u = (level * 255.0 + 0.5) / 256.0;
        colour = textureSampleLevel(colormaps, bilinear, vec2<f32>(u, overlay.colormap_v), 0.0).rgb;
    }
    var alpha = corner.strength * overlay.tint.a * mix(overlay.alpha_floor, 1.0, pow(level, overlay.alpha_power));
    if (fainter_outside) {
        // One pixel of smoothing that never crosses one half: which side a pixel is on stays readable.
        let distance = signed_distance(frame, quad);
        let inside = select(clamp(0.5 + distance, 0.0, 0.49), clamp(0.5 + distance, 0.51, 1.0), distance > 0.0);
        alpha *= mix(overlay.outside, 1.0, inside);
    }
    let noise = dither(position.xy) * step(0.004, alpha);
    return vec4<f32>(clamp(colour * alpha + noise, vec3<f32>(0.0), vec3<f32>(alpha)), alpha);
}

@fragment
fn contour(corner: Corner) -> @location(0) vec4<f32> {
    let frame = frame_from_pixel(overlay.placement, corner.position.xy);
    var quad: Quad;
    if (smooth_edge) {
        quad = quad_at(map, nearest, frame);
    }
    let away = abs(signed_distance(frame, quad));
    let half_width = 0.5 * overlay.contour_width * overlay.placement.pixels_per_point;
    let line = clamp(half_width + 0.5 - away, 0.0, 1.0);
    let casing_px = overlay.casing_width * overlay.placement.pixels_per_point;
    let casing = clamp(1.0 - (away - half_width) / max(casing_px, 0.01), 0.0, 1.0) * overlay.casing.a * (1.0 - line);
    return vec4<f32>(overlay.tint.rgb * line + overlay.casing.rgb * casing, line + casing);
}
