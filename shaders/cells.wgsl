// Shared by the pipelines that read score maps: bit-exact access to cells and the rule of what is positive.
//
// A map arrives as the bits of its f32 values in an R32Uint texture. Comparisons are made on the bits, so that
// neither flushed denormals nor a driver's liberties with NaN can make the picture differ from the processor's mask.

const NOT_A_NUMBER_ABOVE: u32 = 0x7f800000u;
const LARGEST: f32 = 1e30;
const SMALLEST: f32 = 1e-6;

struct Rule {
    // The lowest order key that is positive, see `order_key`; no cell has the largest there is.
    lowest_positive_key: u32,
    reserved_0: u32,
    reserved_1: u32,
    reserved_2: u32,
};

fn cell_bits(map: texture_2d<u32>, cell: vec2<i32>) -> u32 {
    let last = vec2<i32>(textureDimensions(map)) - 1;
    return textureLoad(map, clamp(cell, vec2<i32>(0), last), 0).r;
}

fn is_seen(bits: u32) -> bool {
    return (bits & 0x7fffffffu) <= NOT_A_NUMBER_ABOVE;
}

fn cell_value(bits: u32) -> f32 {
    return clamp(bitcast<f32>(bits), -LARGEST, LARGEST);
}

// Unsigned integers in the order of the floats whose bits they come from; both zeros are one.
fn order_key(bits: u32) -> u32 {
    if ((bits & 0x7fffffffu) == 0u) {
        return 0x80000000u;
    }
    if ((bits & 0x80000000u) != 0u) {
        return ~bits;
    }
    return bits | 0x80000000u;
}

fn is_positive(bits: u32, rule: Rule) -> bool {
    return is_seen(bits) && order_key(bits) >= rule.lowest_positive_key;
}

fn cell_at(map: texture_2d<u32>, frame: vec2<f32>) -> vec2<i32> {
    let size = vec2<f32>(textureDimensions(map));
    return vec2<i32>(clamp(floor(frame * size), vec2<f32>(0.0), size - 1.0));
}

// The four cells around a place and how far the place is on its way between their centres.
struct Quad {
    bits: vec4<u32>,
    part: vec2<f32>,
};

fn quad_at(map: texture_2d<u32>, nearest: sampler, frame: vec2<f32>) -> Quad {
    let size = vec2<f32>(textureDimensions(map));
    let place = clamp(frame, vec2<f32>(0.0), vec2<f32>(1.0)) * size - 0.5;
    let base = floor(place);
    var quad: Quad;
    // Asked for at the corner where the four meet: no rounding can make them another four.
    quad.bits = textureGather(0, map, nearest, (base + 1.0) / size).wzxy;
    // A centre counts as met within 1/500 of a cell, so that rounding of coordinates cannot mix in a neighbour.
    quad.part = clamp((place - base - 0.002) / 0.996, vec2<f32>(0.0), vec2<f32>(1.0));
    return quad;
}

fn corner_weights(part: vec2<f32>) -> vec4<f32> {
    let rest = 1.0 - part;
    return vec4<f32>(rest.x * rest.y, part.x * rest.y, rest.x * part.y, part.x * part.y);
}

fn seen_corners(quad: Quad) -> vec4<bool> {
    return (quad.bits & vec4<u32>(0x7fffffffu)) <= vec4<u32>(NOT_A_NUMBER_ABOVE);
}

// As `is_positive`, of all four at once.
fn positive_corners(quad: Quad, rule: Rule) -> vec4<bool> {
    let sign = vec4<u32>(0x80000000u);
    var keys = select(quad.bits | sign, ~quad.bits, (quad.bits & sign) != vec4<u32>(0u));
    keys = select(keys, sign, (quad.bits & ~sign) == vec4<u32>(0u));
    return seen_corners(quad) & (keys >= vec4<u32>(rule.lowest_positive_key));
}

// As `cell_value`, of all four at once.
fn values_of(bits: vec4<u32>) -> vec4<f32> {
    return clamp(bitcast<vec4<f32>>(bits), vec4<f32>(-LARGEST), vec4<f32>(LARGEST));
}

// The values of the corners that the model sees; 0 of the others.
fn corner_values(quad: Quad) -> vec4<f32> {
    return values_of(select(vec4<u32>(0u), quad.bits, seen_corners(quad)));
}

// Bilinear value between the cells that the model sees; cells that it does not see have no say.
fn smooth_value(quad: Quad) -> f32 {
    let weights = select(vec4<f32>(0.0), corner_weights(quad.part), seen_corners(quad));
    return dot(weights, corner_values(quad)) / max(dot(weights, vec4<f32>(1.0)), 1e-9);
}

// The same where all four are seen.
fn smooth_value_of_seen(quad: Quad) -> f32 {
    return dot(corner_weights(quad.part), values_of(quad.bits));
}

// Signed distance in pixels, positive inside, to the line where the map crosses the threshold between the centres of
// cells: at every centre its sign is exactly the cell's own verdict. Far from the line only the sign means anything.
fn smooth_distance(quad: Quad, rule: Rule, threshold: f32, cell_px: vec2<f32>) -> f32 {
    let seen = seen_corners(quad);
    let beyond = clamp(corner_values(quad) - threshold, vec4<f32>(-LARGEST), vec4<f32>(LARGEST));
    let away = select(vec4<f32>(0.0), abs(beyond), seen);
    let furthest = max(max(away.x, away.y), max(away.z, away.w));
    let graded = seen & vec4<bool>(furthest > 0.0);
    let relative = select(vec4<f32>(1.0), clamp(away / furthest, vec4<f32>(SMALLEST), vec4<f32>(1.0)), graded);
    let depth = select(-relative, relative, positive_corners(quad, rule));
    let field = dot(corner_weights(quad.part), depth);
    let along_x = mix(depth.y - depth.x, depth.w - depth.z, quad.part.y) / cell_px.x;
    let along_y = mix(depth.z - depth.x, depth.w - depth.y, quad.part.x) / cell_px.y;
    let slope = length(vec2<f32>(along_x, along_y));
    return field / max(slope, 1e-7);
}

// Signed distance in pixels, positive inside, to the edge of the set of positive cells, drawn along the cells' sides.
// Exact up to one cell away.
fn cells_distance(map: texture_2d<u32>, frame: vec2<f32>, rule: Rule, cell_px: vec2<f32>) -> f32 {
    let own = cell_at(map, frame);
    let inside = is_positive(cell_bits(map, own), rule);
    let part = frame * vec2<f32>(textureDimensions(map)) - vec2<f32>(own);
    var nearest = min(cell_px.x, cell_px.y) + 1.0;
    for (var down = -1; down <= 1; down++) {
        for (var right = -1; right <= 1; right++) {
            let step = vec2<i32>(right, down);
            if (is_positive(cell_bits(map, own + step), rule) != inside) {
                let away = max(max(vec2<f32>(step) - part, part - vec2<f32>(step) - 1.0), vec2<f32>(0.0));
                nearest = min(nearest, length(away * cell_px));
            }
        }
    }
    return select(-nearest, nearest, inside);
}
