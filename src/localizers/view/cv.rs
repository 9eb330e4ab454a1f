//! OpenCV's `resize(INTER_LINEAR)` on bytes: bilinear between pixel centres, not antialiased, in its fixed-point form.

use super::Bytes;

/// Bits after the point of OpenCV's integer weights.
const PRECISION: f32 = 2048.0;

/// One output position: the two source positions and their weights.
struct Taps {
    first: usize,
    second: usize,
    of_first: i32,
    of_second: i32,
}

/// Beyond the border OpenCV takes the border's pixel alone along a row, but along a column mixes it with itself, which
/// its rounding shows.
fn taps(from: usize, to: usize, along_row: bool) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    let last = from as i64 - 1;
    (0..to)
        .map(|position| {
            let place = ((position as f64 + 0.5) * scale - 0.5) as f32;
            let floor = place.floor();
            let (first, fraction) = (floor as i64, place - floor);
            let fraction = if along_row && !(0..last).contains(&first) { 0.0 } else { fraction };
            let weight = |share: f32| (share * PRECISION).round_ties_even() as i32;
            Taps {
                first: first.clamp(0, last) as usize,
                second: (first + 1).clamp(0, last) as usize,
                of_first: weight(1.0 - fraction),
                of_second: weight(fraction),
            }
        })
        .collect()
}

/// Resized to `width × height`.
pub(super) fn resize_bilinear(picture: &Bytes, width: usize, height: usize) -> Bytes {
    let across = taps(picture.width, width, true);
    let mut rows = Vec::with_capacity(picture.height);
    for row in picture.rgb.chunks_exact(3 * picture.width) {
        let mut mixed = Vec::with_capacity(3 * width);
        for taps in &across {
            for channel in 0..3 {
                let left = i32::from(row[3 * taps.first + channel]);
                let right = i32::from(row[3 * taps.second + channel]);
                mixed.push(left * taps.of_first + right * taps.of_second);
            }
        }
        rows.push(mixed);
    }
    let mut rgb = Vec::with_capacity(3 * width * height);
    for taps in taps(picture.height, height, false) {
        rgb.extend(rows[taps.first].iter().zip(&rows[taps.second]).map(|(&above, &below)| {
            let sum = ((taps.of_first * (above >> 4)) >> 16) + ((taps.of_second * (below >> 4)) >> 16) + 2;
            (sum >> 2).clamp(0, 255) as u8
        }));
    }
    Bytes { width, height, rgb }
}
