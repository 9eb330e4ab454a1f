//! OpenCV's `resize(INTER_LINEAR)` on bytes: bilinear between pixel centres, not antialiased, in its fixed-point form.

use super::Bytes;

/// Bits after the point of OpenCV's integer weights.
const PRECISION: f32 = 2048.0;

/// Left (upper) source position, right (lower) one, and their weights.
fn taps(from: usize, to: usize) -> Vec<(usize, usize, i32, i32)> {
    let scale = from as f64 / to as f64;
    (0..to)
        .map(|position| {
            let place = ((position as f64 + 0.5) * scale - 0.5) as f32;
            let floor = place.floor();
            let (mut first, mut fraction) = (floor as i64, place - floor);
            if first < 0 {
                (first, fraction) = (0, 0.0);
            }
            let last = from as i64 - 1;
            if first >= last {
                (first, fraction) = (last, 0.0);
            }
            let weight = |share: f32| (share * PRECISION).round_ties_even() as i32;
            (first as usize, (first + 1).min(last) as usize, weight(1.0 - fraction), weight(fraction))
        })
        .collect()
}

/// Resized to `width × height`.
pub(super) fn resize_bilinear(picture: &Bytes, width: usize, height: usize) -> Bytes {
    let across = taps(picture.width, width);
    let rows: Vec<Vec<i32>> = picture
        .rgb
        .chunks_exact(3 * picture.width)
        .map(|row| {
            across
                .iter()
                .flat_map(|&(left, right, of_left, of_right)| {
                    (0..3).map(move |channel| {
                        i32::from(row[3 * left + channel]) * of_left + i32::from(row[3 * right + channel]) * of_right
                    })
                })
                .collect()
        })
        .collect();
    let mut rgb = Vec::with_capacity(3 * width * height);
    for (upper, lower, of_upper, of_lower) in taps(picture.height, height) {
        let mixed = rows[upper].iter().zip(&rows[lower]).map(|(&above, &below)| {
            let sum = ((of_upper * (above >> 4)) >> 16) + ((of_lower * (below >> 4)) >> 16) + 2;
            (sum >> 2).clamp(0, 255) as u8
        });
        rgb.extend(mixed);
    }
    Bytes { width, height, rgb }
}
