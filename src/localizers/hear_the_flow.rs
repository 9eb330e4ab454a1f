//! HearTheFlow: Optical Flow-Based Self-Supervised Visual Sound Source Localization (Fedorishin et al., WACV 2023).

use candle_core::{D, Tensor};

use super::cosine::{normalized, normalized_map, product_map, values_of};
use super::query::{sound_of, spectrogram_tensor};
use super::registry::System;
use super::{
    Array, BenchmarkWindow, FrameInput, Hearing, ImageFeatures, Localizer, LocalizerInfo, Normalization, Parts, Query,
    QueryEmbedding, Resizing, Result, ViewRule, WindowPlan, gray_jpeg, optical_flow,
};
use crate::heatmap::Heatmap;
use crate::media::Picture;
use crate::network::{Conv2d, Conv2dConfig, ResNet18, ResNet18Config, StateDict, global_max_pool};
use crate::signal::{AudioWindow, Resampler, Waveform, cut_inside, cut_repeating, log_psd, mono_16bit};

const WINDOW_SECS: f64 = 3.0;

/// The whole frame squashed, and its motion until the next frame; three seconds of sound as ln PSD (257×276 at
/// 22.05 kHz). The picture attends to where things move; then cosine at 7×7 places.
pub struct HearTheFlow {
    info: LocalizerInfo,
    vision: ResNet18,
    motion: ResNet18,
    audio: ResNet18,
    query: Conv2d,
    key: Conv2d,
    value: Conv2d,
}

impl HearTheFlow {
    pub(super) fn new(system: &'static System, weights: &StateDict) -> Result<Self> {
        let info = LocalizerInfo {
            system,
            hearing: Some(Hearing { rate: 22_050, resampler: Resampler::SoxrHq }),
            window: WindowPlan { length_secs: WINDOW_SECS, benchmark: BenchmarkWindow::CenteredOnWholeSeconds },
            view: ViewRule::Stretch { side: 224, resizing: Resizing::PilBicubic },
            reads_text: false,
            takes_sound_vector: false,
            needs_next_frame: true,
            query_matters: true,
            remark: Some(
                "Motion is Farnebäck's optical flow to the next frame (held to OpenCV's values), kept as the authors \
                 keep it: whole pixels to the right and down, none to the left or up, each in a JPEG of its own",
            ),
        };
        let side = |prefix: &str| ResNet18::new(&weights.under(prefix), &ResNet18Config::default());
        let attention = weights.under("flowatt.");
        let conv = |key: &str| Conv2d::new(&attention, key, &Conv2dConfig::default());
        Ok(Self {
            info,
            vision: side("imgnet.")?,
            motion: side("flownet.")?,
            audio: side("audnet.")?,
            query: conv("query_conv")?,
            key: conv("key_conv")?,
            value: conv("value_conv")?,
        })
    }

    /// The image side with a picture of the motion instead of a next frame: red is the motion to the right, green the
    /// motion down, in pixels. It has any size and is squashed as the frame is.
    ///
    /// # Errors
    /// As [`Localizer::encode_image`], for either picture.
    pub fn encode_with_motion(&self, picture: &Picture, motion: &Picture) -> Result<ImageFeatures> {
        let seen = self.vision.forward(&self.info.view.render(picture, &Normalization::IMAGENET)?)?;
        let flow = self.info.view.render(motion, &Normalization::NONE)?.narrow(1, 0, 2)?.contiguous()?;
        let moved = self.motion.forward(&flow)?;
        let attended = (&seen + self.attend(&seen, &moved)?)?;
        let parts = Parts::new(self.info.id(), vec![("features", normalized_map(&attended)?)]);
        Ok(ImageFeatures { frame: picture.size, parts })
    }

    /// Values of the picture's places, mixed for each place by how well the motion at every place answers it.
    fn attend(&self, seen: &Tensor, moved: &Tensor) -> Result<Tensor> {
        let places = |map: Tensor| -> Result<Tensor> { Ok(map.flatten_from(2)?.squeeze(0)?) };
        let query = places(self.query.forward(seen)?)?.t()?.contiguous()?;
        let key = places(self.key.forward(moved)?)?;
        let value = places(self.value.forward(seen)?)?.t()?.contiguous()?;
        let scores = (query.matmul(&key)? / (self.query.out_channels() as f64).sqrt())?;
        let highest = scores.max_keepdim(D::Minus1)?;
        let shares = scores.broadcast_sub(&highest)?.exp()?;
        let shares = shares.broadcast_div(&shares.sum_keepdim(D::Minus1)?)?;
        Ok(shares.matmul(&value)?.t()?.reshape(seen.shape())?)
    }
}

/// The motion from `picture` to `next` as the authors' files hold it: whole pixels to the right in red and down in
/// green, halves to even; motion to the left or up is 0, as their cast to bytes has it; and either went through JPEG.
/// Without a next frame, and across a change of size, nothing moves.
fn motion_picture(picture: &Picture, next: Option<&Picture>) -> Picture {
    let comparable = next.filter(|next| next.size == picture.size && next.rgb.len() == picture.rgb.len());
    let Some(next) = comparable else {
        return Picture::filled(picture.size, [0; 3]);
    };
    let flow = optical_flow::between(picture, next);
    let [right, down] = [flow.right, flow.down].map(|plane| {
        let bytes = plane.values.iter().map(|pixels| pixels.round_ties_even().clamp(0.0, 255.0) as u8);
        gray_jpeg::kept(&bytes.collect::<Vec<u8>>(), plane.width, plane.height)
    });
    Picture {
        size: picture.size,
        rgb: right.into_iter().zip(down).flat_map(|(right, down)| [right, down, 0]).collect(),
    }
}

/// The samples of a window, repeated up to three seconds where it is shorter.
fn three_seconds(sound: &Waveform, window: AudioWindow) -> Waveform {
    cut_repeating(&cut_inside(sound, window), AudioWindow { start_secs: 0.0, length_secs: WINDOW_SECS })
}

impl Localizer for HearTheFlow {
    fn info(&self) -> &LocalizerInfo {
        &self.info
    }

    fn encode_image(&self, frame: &FrameInput) -> Result<ImageFeatures> {
        self.info.view.check(frame.picture)?;
        self.encode_with_motion(frame.picture, &motion_picture(frame.picture, frame.next))
    }

    fn encode_query(&self, query: &Query) -> Result<QueryEmbedding> {
        let (sound, window) = sound_of(&self.info, query)?;
        let spectrogram = log_psd(&mono_16bit(&three_seconds(sound, window)), sound.rate, 274);
        let heard = global_max_pool(&self.audio.forward(&spectrogram_tensor(spectrogram, window)?)?)?;
        let embedding = Array::vector(normalized(values_of(&heard)?));
        Ok(QueryEmbedding { parts: Parts::new(self.info.id(), vec![("sound", embedding)]) })
    }

    fn join(&self, features: &ImageFeatures, embedding: &QueryEmbedding) -> Result<Heatmap> {
        let values = product_map(features.parts.get("features")?, embedding.parts.get("sound")?.values())?;
        let confidence = Some(values.range().1);
        let heatmap = Heatmap::over_whole_frame(values, features.frame);
        Ok(Heatmap { nominal_range: Some([-1.0, 1.0]), confidence, ..heatmap })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Size;

    /// A picture of blobs that is moved by whole pixels, around its edges.
    fn blobs(right: usize, down: usize) -> Picture {
        const SIDE: usize = 64;
        let level = |row: usize, column: usize| {
            let (y, x) = (((row + SIDE - down) % SIDE) as f64, ((column + SIDE - right) % SIDE) as f64);
            let wave = (x * 0.31).sin() + (y * 0.37).cos() + ((x + y) * 0.17).sin();
            (127.0 + 40.0 * wave) as u8
        };
        let rgb = (0..SIDE * SIDE).flat_map(|index| [level(index / SIDE, index % SIDE); 3]).collect();
        Picture { size: Size::new(SIDE as u32, SIDE as u32), rgb }
    }

    #[test]
    fn motion_to_the_right_and_down_is_kept_and_motion_back_is_not() {
        let middle = |motion: &Picture| motion.pixel(32, 32).unwrap();
        assert_eq!(middle(&motion_picture(&blobs(0, 0), Some(&blobs(2, 1)))), [2, 1, 0]);
        assert_eq!(middle(&motion_picture(&blobs(2, 1), Some(&blobs(0, 0)))), [0, 0, 0]);
    }

    #[test]
    fn nothing_moves_without_a_frame_to_compare_with() {
        let still = Picture::filled(Size::new(64, 64), [0; 3]);
        assert_eq!(motion_picture(&blobs(0, 0), None), still);
        let smaller = Picture::filled(Size::new(8, 8), [9; 3]);
        assert_eq!(motion_picture(&blobs(0, 0), Some(&smaller)), still);
    }

    #[test]
    fn a_short_stretch_is_repeated_by_itself() {
        let samples = (0..10).map(|index| index as f32).collect();
        let sound = Waveform { rate: 2, channels: 1, samples };
        let heard = three_seconds(&sound, AudioWindow { start_secs: 4.0, length_secs: 1.0 });
        assert_eq!(heard.samples, [8.0, 9.0, 8.0, 9.0, 8.0, 9.0]);
    }
}
