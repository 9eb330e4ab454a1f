// Two models' maps against each other: where the first is higher its colour shows, where the second is, the other's.

struct Difference {
    placement: Placement,
    first_colour: vec4<f32>,
    second_colour: vec4<f32>,
    first_low: f32,
    first_scale: f32,
    second_low: f32,
    second_scale: f32,
    // Opacity where the maps agree and where they are a full range apart.
    alpha_floor: f32,
    alpha_full: f32,
    // Strength of the hatching over what a model does not see.
    hatch: f32,
    reserved: f32,
};

// Known when the pipeline is built, see pipelines.rs: colours run smoothly from cell to cell.
override smooth_colours: bool = true;

@group(0) @binding(0) var<uniform> difference: Difference;
@group(1) @binding(0) var first: texture_2d<u32>;
@group(1) @binding(1) var second: texture_2d<u32>;
@group(1) @binding(2) var colormaps: texture_2d<f32>;
@group(1) @binding(3) var bilinear: sampler;
@group(1) @binding(4) var nearest: sampler;

@vertex
fn vertex(@builtin(vertex_index) index: u32) -> @builtin(position) vec4<f32> {
    return corner_position(difference.placement, index);
}

fn level(map: texture_2d<u32>, frame: vec2<f32>, own: u32, low: f32, scale: f32) -> f32 {
    var value = cell_value(own);
    if (smooth_colours) {
        value = smooth_value(quad_at(map, nearest, frame));
    }
    return clamp((value - low) * scale, 0.0, 1.0);
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let frame = frame_from_pixel(difference.placement, position.xy);
    let first_bits = cell_bits(first, cell_at(first, frame));
    let second_bits = cell_bits(second, cell_at(second, frame));
    if (!is_seen(first_bits) || !is_seen(second_bits)) {
        let line = stripes(position.xy, difference.placement.pixels_per_point, 6.0, 1.0, 1.0);
        return mix(vec4<f32>(0.0, 0.0, 0.0, 0.28), vec4<f32>(0.30), line * 0.8) * difference.hatch;
    }
    let signed = level(first, frame, first_bits, difference.first_low, difference.first_scale)
        - level(second, frame, second_bits, difference.second_low, difference.second_scale);
    let amount = abs(signed);
    let pole = select(difference.second_colour.rgb, difference.first_colour.rgb, signed > 0.0);
    let middle = vec3<f32>(0.16);
    let colour = mix(middle, pole, smoothstep(0.0, 0.35, amount));
    let alpha = mix(difference.alpha_floor, difference.alpha_full, pow(amount, 0.75));
    return vec4<f32>(clamp(colour * alpha + dither(position.xy), vec3<f32>(0.0), vec3<f32>(alpha)), alpha);
}
