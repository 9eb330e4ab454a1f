// Pixels that the processor has made: each goes to its own place on the target.

struct Pixels {
    // The whole rectangle lies between pixels' edges.
    placement: Placement,
};

@group(0) @binding(0) var<uniform> pixels: Pixels;
@group(1) @binding(0) var colours: texture_2d<f32>;

@vertex
fn vertex(@builtin(vertex_index) index: u32) -> @builtin(position) vec4<f32> {
    return corner_position(pixels.placement, index);
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    return textureLoad(colours, vec2<i32>(position.xy - pixels.placement.frame_rect.xy), 0);
}
