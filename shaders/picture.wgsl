// The picture: planes of a video frame as they were decoded, converted to RGB here.
//
// Sixteen-bit samples arrive as two bytes (red the low one, green the high one): filtering is linear, so that the
// weighted sum of the filtered bytes is the filtered sample.

struct Picture {
    placement: Placement,
    // Rows of the affine map from the codes of the three planes to red, green and blue.
    red_from_codes: vec4<f32>,
    green_from_codes: vec4<f32>,
    blue_from_codes: vec4<f32>,
    // Quarter turns: the place in the stored picture is (dot(u, (x, y, 1)), dot(v, (x, y, 1))) of that in the frame.
    source_u: vec4<f32>,
    source_v: vec4<f32>,
    // Size of the stored picture in samples of its first plane; texels of it under one pixel of the target.
    size: vec2<f32>,
    footprint: vec2<f32>,
    // chroma texel = first plane's texel * scale + offset.
    chroma_scale: vec2<f32>,
    chroma_offset: vec2<f32>,
    code_from_sample: vec2<f32>,
    // 0: one plane.
    three_planes: u32,
    // 1: every sample a crisp rectangle.
    nearest: u32,
    // Samples of the uploaded planes per sample of the stored ones: 1 but for pictures larger than a texture can be.
    shrink: f32,
    reserved_0: f32,
    reserved_1: f32,
    reserved_2: f32,
};

@group(0) @binding(0) var<uniform> picture: Picture;
@group(1) @binding(0) var plane_0: texture_2d<f32>;
@group(1) @binding(1) var plane_1: texture_2d<f32>;
@group(1) @binding(2) var plane_2: texture_2d<f32>;
@group(1) @binding(3) var bilinear: sampler;

@vertex
fn vertex(@builtin(vertex_index) index: u32) -> @builtin(position) vec4<f32> {
    return corner_position(picture.placement, index);
}

// Mean of the texels under a pixel: bilinear taps at most a texel apart, up to eight times smaller than stored.
fn box_sample(plane: texture_2d<f32>, texel: vec2<f32>, footprint: vec2<f32>) -> vec4<f32> {
    let unit_from_texel = picture.shrink / vec2<f32>(textureDimensions(plane));
    let taps = clamp(ceil(footprint - 0.01), vec2<f32>(1.0), vec2<f32>(8.0));
    var sum = vec4<f32>(0.0);
    for (var down = 0.0; down < taps.y; down += 1.0) {
        for (var right = 0.0; right < taps.x; right += 1.0) {
            let offset = (vec2<f32>(right, down) + 0.5) / taps - 0.5;
            sum += textureSampleLevel(plane, bilinear, (texel + offset * footprint) * unit_from_texel, 0.0);
        }
    }
    return sum / (taps.x * taps.y);
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let frame = vec3<f32>(frame_from_pixel(picture.placement, position.xy), 1.0);
    var texel = vec2<f32>(dot(picture.source_u.xyz, frame), dot(picture.source_v.xyz, frame)) * picture.size;
    var footprint = picture.footprint;
    if (picture.nearest == 1u) {
        texel = floor(texel) + 0.5;
        footprint = vec2<f32>(0.0);
    }
    let first = box_sample(plane_0, texel, footprint);
    var codes = vec4<f32>(dot(first.xy, picture.code_from_sample), 0.0, 0.0, 1.0);
    if (picture.three_planes == 1u) {
        let chroma_texel = texel * picture.chroma_scale + picture.chroma_offset;
        let chroma_footprint = footprint * picture.chroma_scale;
        codes.y = dot(box_sample(plane_1, chroma_texel, chroma_footprint).xy, picture.code_from_sample);
        codes.z = dot(box_sample(plane_2, chroma_texel, chroma_footprint).xy, picture.code_from_sample);
    }
    let rgb = vec3<f32>(
        dot(picture.red_from_codes, codes),
        dot(picture.green_from_codes, codes),
        dot(picture.blue_from_codes, codes),
    );
    return vec4<f32>(clamp(rgb, vec3<f32>(0.0), vec3<f32>(1.0)), 1.0);
}
