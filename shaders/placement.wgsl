// Shared head of every stage pipeline: where the frame lies on the target, and small tools of drawing.
// Joined in front of each pipeline's own file.

struct Placement {
    // Left, top, right, bottom of the whole frame on the target, in pixels; may reach far outside of it.
    frame_rect: vec4<f32>,
    // Nothing is drawn outside of this rectangle, in pixels.
    clip_rect: vec4<f32>,
    target_size: vec2<f32>,
    pixels_per_point: f32,
    reserved: f32,
};

// The corner of the visible part of the frame as a triangle strip of four vertices, in clip space.
fn corner_position(placement: Placement, vertex: u32) -> vec4<f32> {
    return part_corner_position(placement, vec4<f32>(0.0, 0.0, 1.0, 1.0), vertex);
}

// The same of a part of the frame: left, top, right, bottom as fractions of it.
fn part_corner_position(placement: Placement, part: vec4<f32>, vertex: u32) -> vec4<f32> {
    let rect = placement.frame_rect;
    let low = max(mix(rect.xy, rect.zw, part.xy), placement.clip_rect.xy);
    let high = max(low, min(mix(rect.xy, rect.zw, part.zw), placement.clip_rect.zw));
    let side = vec2<f32>(f32(vertex & 1u), f32(vertex >> 1u));
    let pixel = mix(low, high, side);
    let unit = pixel / placement.target_size;
    return vec4<f32>(unit.x * 2.0 - 1.0, 1.0 - unit.y * 2.0, 0.0, 1.0);
}

// The place in the frame, as a fraction, that lies under a pixel of the target.
fn frame_from_pixel(placement: Placement, pixel: vec2<f32>) -> vec2<f32> {
    return (pixel - placement.frame_rect.xy) / (placement.frame_rect.zw - placement.frame_rect.xy);
}

// Interleaved gradient noise (Jimenez, "Next Generation Post Processing in Call of Duty", 2014), within half a
// step of eight bits: it keeps slow gradients from banding.
fn dither(pixel: vec2<f32>) -> f32 {
    return (fract(52.9829189 * fract(dot(pixel, vec2<f32>(0.06711056, 0.00583715)))) - 0.5) * (0.95 / 255.0);
}

// Coverage of diagonal stripes, in points: `period` from stripe to stripe, `width` of each, one pixel of smoothing.
fn stripes(pixel: vec2<f32>, pixels_per_point: f32, period: f32, width: f32, slope: f32) -> f32 {
    let across = (pixel.x + slope * pixel.y) * 0.70710678;
    let period_px = period * pixels_per_point;
    let from_centre = abs(fract(across / period_px) - 0.5) * period_px;
    return clamp(0.5 * width * pixels_per_point + 0.5 - from_centre, 0.0, 1.0);
}
