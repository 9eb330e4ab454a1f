//! Mel filter banks, each as one library builds it.

use super::spectrum::Spectrum;

/// Triangular filters over the bins of a transform: `filters[band][bin]`.
#[derive(Clone, Debug, PartialEq)]
pub struct FilterBank {
    pub filters: Vec<Vec<f64>>,
}

impl FilterBank {
    /// Weighted sums over frequency: one row a band.
    pub fn apply(&self, spectrum: &Spectrum) -> Spectrum {
        let columns = spectrum.columns;
        let mut values = vec![0.0; self.filters.len() * columns];
        for (filter, sums) in self.filters.iter().zip(values.chunks_exact_mut(columns.max(1))) {
            for (row, &weight) in filter.iter().enumerate().filter(|&(_, &weight)| weight != 0.0) {
                let bins = &spectrum.values[row * columns..(row + 1) * columns];
                for (sum, bin) in sums.iter_mut().zip(bins) {
                    *sum += weight * bin;
                }
            }
        }
        Spectrum { rows: self.filters.len(), columns, values }
    }
}

/// torchaudio's `melscale_fbanks(norm=None, mel_scale="htk")` from 0 Hz to half the rate: triangles in hertz, not
/// normalized. With as many bands as bins some of the lowest hold no bin at all.
pub fn htk_filters(rate: u32, fft_size: usize, bands: usize) -> FilterBank {
    let highest = f64::from(rate / 2);
    let edges = spaced(htk_mel(0.0), htk_mel(highest), bands + 2).map(htk_hertz).collect::<Vec<_>>();
    let bins: Vec<f64> = spaced(0.0, highest, fft_size / 2 + 1).collect();
    triangles(&edges, &bins, |_, _| 1.0)
}

/// librosa's `filters.mel` as it is by default: Slaney's scale, triangles in hertz, each of area 1.
pub fn slaney_filters(rate: u32, fft_size: usize, bands: usize, highest_hertz: f64) -> FilterBank {
    let edges: Vec<f64> = spaced(slaney_mel(0.0), slaney_mel(highest_hertz), bands + 2).map(slaney_hertz).collect();
    let bins: Vec<f64> = (0..=fft_size / 2).map(|bin| bin as f64 * f64::from(rate) / fft_size as f64).collect();
    triangles(&edges, &bins, |lower, upper| 2.0 / (upper - lower))
}

/// VGGish's filters: triangles in mel (not in hertz), the bin at 0 Hz left out.
pub fn vggish_filters(rate: u32, fft_size: usize, bands: usize, lowest: f64, highest: f64) -> FilterBank {
    let edges: Vec<f64> = spaced(htk_mel(lowest), htk_mel(highest), bands + 2).collect();
    let bins: Vec<f64> =
        (0..=fft_size / 2).map(|bin| htk_mel(bin as f64 * f64::from(rate) / fft_size as f64)).collect();
    let mut bank = triangles(&edges, &bins, |_, _| 1.0);
    for filter in &mut bank.filters {
        filter[0] = 0.0;
    }
    bank
}

fn triangles(edges: &[f64], bins: &[f64], gain: impl Fn(f64, f64) -> f64) -> FilterBank {
    let filters = edges
        .windows(3)
        .map(|corner| {
            let (lower, peak, upper) = (corner[0], corner[1], corner[2]);
            let weight = |bin: f64| ((bin - lower) / (peak - lower)).min((upper - bin) / (upper - peak)).max(0.0);
            bins.iter().map(|&bin| gain(lower, upper) * weight(bin)).collect()
        })
        .collect();
    FilterBank { filters }
}

/// `count` values from `first` to `last`, both included.
fn spaced(first: f64, last: f64, count: usize) -> impl Iterator<Item = f64> {
    let step = (last - first) / (count.max(2) - 1) as f64;
    (0..count).map(move |index| first + step * index as f64)
}

fn htk_mel(hertz: f64) -> f64 {
    2595.0 * (1.0 + hertz / 700.0).log10()
}

fn htk_hertz(mel: f64) -> f64 {
    700.0 * (10f64.powf(mel / 2595.0) - 1.0)
}

/// Slaney's scale: linear below 1 kHz (15 mel), logarithmic above.
const SLANEY_LINEAR: f64 = 200.0 / 3.0;
const SLANEY_CORNER_HERTZ: f64 = 1000.0;

fn slaney_step() -> f64 {
    6.4f64.ln() / 27.0
}

fn slaney_mel(hertz: f64) -> f64 {
    if hertz < SLANEY_CORNER_HERTZ {
        hertz / SLANEY_LINEAR
    } else {
        SLANEY_CORNER_HERTZ / SLANEY_LINEAR + (hertz / SLANEY_CORNER_HERTZ).ln() / slaney_step()
    }
}

fn slaney_hertz(mel: f64) -> f64 {
    let corner_mel = SLANEY_CORNER_HERTZ / SLANEY_LINEAR;
    if mel < corner_mel {
        mel * SLANEY_LINEAR
    } else {
        SLANEY_CORNER_HERTZ * (slaney_step() * (mel - corner_mel)).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slaney_scale_round_trips() {
        for hertz in [0.0, 440.0, 999.0, 1000.0, 7777.0] {
            assert!((slaney_hertz(slaney_mel(hertz)) - hertz).abs() < 1e-9);
        }
    }

    #[test]
    fn slaney_filters_have_the_same_area() {
        let bank = slaney_filters(22_050, 2048, 40, 11_025.0);
        for filter in &bank.filters[10..] {
            let area: f64 = filter.iter().sum::<f64>() * 22_050.0 / 2048.0;
            assert!((area - 1.0).abs() < 0.02, "{area}");
        }
    }
}
