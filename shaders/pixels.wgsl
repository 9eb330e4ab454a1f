// Pixels that the processor has made: each goes to its own place on the target.

struct Pixels {
    // The whole rectangle lies between pixels' edges.
    placement: Placement,
};

@group(0) @binding(0) var<uniform> pixels: Pixels;
@group(1) @binding(0) var colours: texture_2d<f32>;
@group(1) @binding(4) var nearest: sampler;

struct Corner {
    @builtin(position) position: vec4<f32>,
    // The place on the texture.
    @location(0) place: vec2<f32>,
};

@vertex
fn vertex(@builtin(vertex_index) index: u32) -> Corner {
    let place = vec2<f32>(f32(index & 1u), f32(index >> 1u));
    return Corner(corner_position(pixels.placement, index), place);
}

// Mesa's renderer on the processor samples faster than it loads.
@fragment
fn fragment(corner: Corner) -> @location(0) vec4<f32> {
    return textureSampleLevel(colours, nearest, corner.place, 0.0);
}
