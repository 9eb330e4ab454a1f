//! Every published front end, against the library that its authors used.

use sonolens::signal::{
    Resampler, decibel_psd, htk_filters, htk_mel_decibels, log_mel_40ms, log_psd, mean_channel, mel_decibels_10ms,
    mono_16bit, peak_normalized, power_spectral_density, resample, standardized_log_power, stretched_to_full_scale,
    tukey, vggish_examples,
};

use crate::support::fill_rule::{samples, wave};
use crate::support::golden::{Golden, largest_difference};

fn quarter_second() -> Vec<f64> {
    samples(161, 16_000, 4000, 1).into_iter().map(|sample| f64::from(sample) / 32768.0).collect()
}

#[test]
fn scipy_spectrograms() {
    let golden = Golden::open("pre_spec.npz");
    let sound = quarter_second();
    for overlap in [274, 353] {
        let psd = power_spectral_density(&sound, 16_000.0, 512, overlap, 512);
        let expected = golden.floats(&format!("tukey_512_{overlap}.psd"));
        assert_eq!(psd.values.len(), expected.len());
        for (value, expected) in psd.values.iter().zip(expected) {
            assert!((value - expected).abs() <= 1e-15 + 1e-10 * expected, "{value:e} {expected:e}");
        }
        let log = log_psd(&sound, 16_000, overlap);
        golden.check(&format!("tukey_512_{overlap}.logdiv12"), &log.values, 1e-6);
    }
    for (length, key) in [(512, "window_tukey512_025"), (480, "window_tukey480_025")] {
        let window: Vec<f32> = tukey(length, 0.25).into_iter().map(|weight| weight as f32).collect();
        golden.check(key, &window, 1e-7);
    }
}

#[test]
fn avol_decibels_of_16_bit_amplitudes() {
    let golden = Golden::open("pre_spec.npz");
    let sound: Vec<f64> = samples(162, 48_000, 4000, 1).into_iter().map(f64::from).collect();
    golden.check("avol_480_240_512.norm", &decibel_psd(&sound, 48_000).values, 1e-5);
}

#[test]
fn torchaudio_spectrograms() {
    let golden = Golden::open("pre_spec.npz");
    let sound = quarter_second();
    golden.check("rcgrad_spec_norm", &standardized_log_power(&sound).values, 1e-4);
    golden.check("ssltie_db", &htk_mel_decibels(&sound, 16_000).values, 1e-2);
    let bank = htk_filters(16_000, 512, 257);
    let sums: Vec<f32> = bank.filters.iter().map(|filter| filter.iter().sum::<f64>() as f32).collect();
    golden.check("ssltie_fb_colsum", &sums, 1e-4);
    let empty: Vec<usize> = (0..sums.len()).filter(|&band| sums[band] == 0.0).collect();
    assert_eq!(empty, golden.indices("ssltie_fb_empty_cols"));
}

#[test]
fn librosa_resampling() {
    let golden = Golden::open("pre_resample_mel.npz");
    let sound = wave(102, 44_100, 97_020, 1);
    for rate in [16_000, 22_050] {
        for (name, resampler, tolerance) in [
            ("kaiser_best", Resampler::KaiserBest, 1e-6),
            ("kaiser_fast", Resampler::KaiserFast, 2e-6),
            ("soxr_hq", Resampler::SoxrHq, if rate == 22_050 { 1e-6 } else { 4e-4 }),
        ] {
            let resampled = resample(&sound, rate, resampler).samples;
            let key = |part: &str| format!("r{rate}.{name}.{part}");
            assert_eq!(vec![resampled.len()], golden.indices(&key("len")));
            let first: Vec<f64> = golden.floats(&key("first"));
            // soxr's chain of filters starts from silence between its stages, which its first two samples show.
            assert!(largest_difference(&resampled[2..64], &first[2..]) <= tolerance, "{name}");
            let probed: Vec<f32> =
                golden.indices(&key("probe_idx")).into_iter().map(|index| resampled[index]).collect();
            golden.check(&key("probe"), &probed, tolerance);
        }
    }
}

#[test]
fn one_channel_out_of_two() {
    let golden = Golden::open("pre_resample_mel.npz");
    let stereo = wave(103, 16_000, 64_000, 2);
    let mean: Vec<f32> = mean_channel(&stereo).into_iter().take(64).map(|sample| sample as f32).collect();
    golden.check("stereo_mono.first", &mean, 1e-7);
    let integers: Vec<f32> =
        mono_16bit(&stereo).into_iter().take(256).map(|sample| (sample * 32767.0).round() as f32).collect();
    golden.check("swr_s16_mono.first", &integers, 0.0);
}

#[test]
fn librosa_mel_spectrograms() {
    let golden = Golden::open("pre_resample_mel.npz");
    let sound = mean_channel(&wave(101, 16_000, 16_000, 1));
    golden.check("dsol.logmel", &mel_decibels_10ms(&sound, 16_000).values, 1e-3);

    let resampled = mean_channel(&resample(&wave(102, 44_100, 97_020, 1), 22_050, Resampler::SoxrHq));
    let half_second = peak_normalized(&resampled[..11_025]);
    golden.check("c2f.logmel", &log_mel_40ms(&half_second, 22_050).values, 1e-3);
}

#[test]
fn vggish_patches() {
    let golden = Golden::open("pre_resample_mel.npz");
    let sound = mean_channel(&wave(101, 16_000, 160_000, 1));
    let stretched = stretched_to_full_scale(&sound[56_000..104_000]);
    let first: Vec<f32> = stretched[..64].iter().map(|&sample| sample as f32).collect();
    golden.check("sspl.norm_audio_first", &first, 1e-5);
    let examples = vggish_examples(&stretched);
    let rows: Vec<f32> = examples.iter().flat_map(|example| example.values[..6 * 64].iter().copied()).collect();
    golden.check("sspl.vggish.row0", &rows, 1e-4);
    assert_eq!(golden.indices("sspl.vggish.shape"), [examples.len(), examples[0].rows, examples[0].columns]);
}
