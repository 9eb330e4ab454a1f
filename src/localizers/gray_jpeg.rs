//! What a grey picture looks like once it was kept as a JPEG: to the level what OpenCV writes by default and Pillow
//! reads, both by libjpeg's accurate integer transform (Loeffler, Ligtenberg, Moschytz: "Practical Fast 1-D DCT
//! Algorithms with 11 Multiplications", ICASSP 1989). Huffman coding in between loses nothing and is left out.

/// Side of a block.
const SIDE: usize = 8;
/// Places after the point of the constants.
const CONSTANT_BITS: u32 = 13;
/// Places after the point between the two passes.
const BETWEEN_BITS: u32 = 2;

/// The steps of brightness at quality 95, OpenCV's own choice: a tenth of those in annex K of the standard, row by row.
const STEPS: [i32; SIDE * SIDE] = {
    let annex = [
        16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29,
        51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121,
        120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
    ];
    let mut steps = [1; SIDE * SIDE];
    let mut index = 0;
    while index < steps.len() {
        let step = (annex[index] * 10 + 50) / 100;
        steps[index] = if step < 1 { 1 } else { step };
        index += 1;
    }
    steps
};

/// The levels of a picture, row-major, after they were written at quality 95 and read again. `levels` holds
/// `width` · `height` values.
pub fn kept(levels: &[u8], width: usize, height: usize) -> Vec<u8> {
    let mut read = levels.to_vec();
    for top in (0..height).step_by(SIDE) {
        for left in (0..width).step_by(SIDE) {
            // The last row and column are repeated up to whole blocks.
            let place =
                |index: usize| (top + index / SIDE).min(height - 1) * width + (left + index % SIDE).min(width - 1);
            let block = std::array::from_fn(|index| i32::from(levels.get(place(index)).copied().unwrap_or(0)) - 128);
            let block = restored(quantized(block));
            for (row, values) in block.chunks_exact(SIDE).enumerate().take(height - top) {
                let end = (left + SIDE).min(width);
                let target = read.get_mut((top + row) * width + left..(top + row) * width + end).unwrap_or_default();
                target.iter_mut().zip(values).for_each(|(level, &value)| *level = (value + 128).clamp(0, 255) as u8);
            }
        }
    }
    read
}

type Block = [i32; SIDE * SIDE];

fn quantized(mut block: Block) -> Block {
    for row in 0..SIDE {
        along(&mut block, row * SIDE, 1, |line| forward(line, |sum| sum << BETWEEN_BITS, CONSTANT_BITS - BETWEEN_BITS));
    }
    for column in 0..SIDE {
        let even = |sum| rounded(sum, BETWEEN_BITS);
        along(&mut block, column, SIDE, |line| forward(line, even, CONSTANT_BITS + BETWEEN_BITS));
    }
    for (value, step) in block.iter_mut().zip(STEPS) {
        // The transform's answers are eight times the coefficients. Halves are rounded away from zero.
        let step = 8 * step;
        *value = value.signum() * ((value.abs() + step / 2) / step) * (step / 8);
    }
    block
}

fn restored(mut block: Block) -> Block {
    for column in 0..SIDE {
        along(&mut block, column, SIDE, |line| backward(line, CONSTANT_BITS - BETWEEN_BITS));
    }
    for row in 0..SIDE {
        along(&mut block, row * SIDE, 1, |line| backward(line, CONSTANT_BITS + BETWEEN_BITS + 3));
    }
    block
}

/// Replaces a row or a column of a block.
fn along(block: &mut Block, first: usize, step: usize, change: impl Fn([i32; SIDE]) -> [i32; SIDE]) {
    let line = std::array::from_fn(|index| block[first + index * step]);
    for (index, value) in change(line).into_iter().enumerate() {
        block[first + index * step] = value;
    }
}

/// `value` / 2^`bits`, halves up.
fn rounded(value: i32, bits: u32) -> i32 {
    (value + (1 << (bits - 1))) >> bits
}

/// Eight values to eight coefficients; `even` finishes the two that need no product.
fn forward(v: [i32; SIDE], even: impl Fn(i32) -> i32, bits: u32) -> [i32; SIDE] {
    let sum: [i32; 4] = std::array::from_fn(|index| v[index] + v[7 - index]);
    let difference: [i32; 4] = std::array::from_fn(|index| v[index] - v[7 - index]);
    let outer = [sum[0] + sum[3], sum[1] + sum[2]];
    let inner = [sum[0] - sum[3], sum[1] - sum[2]];
    let turned = (inner[0] + inner[1]) * 4433;
    let [a, b, c, d] = odd([difference[3], difference[2], difference[1], difference[0]]);
    [
        even(outer[0] + outer[1]),
        rounded(d, bits),
        rounded(turned + inner[0] * 6270, bits),
        rounded(c, bits),
        even(outer[0] - outer[1]),
        rounded(b, bits),
        rounded(turned - inner[1] * 15_137, bits),
        rounded(a, bits),
    ]
}

/// Eight coefficients to eight values.
fn backward(c: [i32; SIDE], bits: u32) -> [i32; SIDE] {
    let turned = (c[2] + c[6]) * 4433;
    let (low, high) = (turned - c[6] * 15_137, turned + c[2] * 6270);
    let (plus, minus) = ((c[0] + c[4]) << CONSTANT_BITS, (c[0] - c[4]) << CONSTANT_BITS);
    let even = [plus + high, minus + low, minus - low, plus - high];
    let [d, c, b, a] = odd([c[7], c[5], c[3], c[1]]);
    let odd = [a, b, c, d];
    std::array::from_fn(|index| match index {
        0..4 => rounded(even[index] + odd[index], bits),
        _ => rounded(even[7 - index] - odd[7 - index], bits),
    })
}

/// The turns that both directions share.
fn odd([a, b, c, d]: [i32; 4]) -> [i32; 4] {
    let across = (a + c + b + d) * 9633;
    let (outer, inner) = ((a + d) * -7373, (b + c) * -20_995);
    let (even, odd) = (across - (a + c) * 16_069, across - (b + d) * 3196);
    [a * 2446 + outer + even, b * 16_819 + inner + odd, c * 25_172 + inner + even, d * 12_299 + outer + odd]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_picture_stays_as_it_is() {
        for level in 0..=255u8 {
            assert_eq!(kept(&[level; 3 * 17], 3, 17), [level; 3 * 17], "{level}");
        }
        assert!(kept(&[], 0, 0).is_empty());
    }
}
