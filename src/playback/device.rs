//! The default output device, opened through rodio's cpal.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use rodio::cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use rodio::cpal::{
    self, BufferSize, FromSample, OutputCallbackInfo, SampleFormat, SizedSample, StreamConfig, SupportedStreamConfig,
};
use rodio::{CpalError, CpalErrorKind};

use super::output::{Delivery, Event, UNPACED_LEAD_SECS};

/// The rate that is asked for where the device has it: most videos bear it and most devices run at it.
const PREFERRED_RATE: u32 = 48_000;
/// Frames that the device asks for at a time; it holds two of these. Changes are heard some 80 ms later (the clock
/// knows, so picture and sound stay together), and in return sound goes on while models keep every core busy.
const PERIOD_FRAMES: u32 = 2048;
/// A device that is so far ahead of the wall clock is made to wait until it is given up, so that it does not take the
/// processor.
const RUNAWAY_LEAD_SECS: f64 = 2.0 * UNPACED_LEAD_SECS;
const RUNAWAY_PAUSE: Duration = Duration::from_millis(5);
/// Errors may come and pass on a busy machine. A device that has only had errors for so long is lost.
const TOLERATED_ERRORS: Duration = Duration::from_millis(300);

/// Why there is no device.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("there is no audio output device")]
    NoDevice,
    #[error("the audio output device cannot be opened ({0})")]
    Refused(#[from] CpalError),
    #[error("the audio output device takes none of the sample formats that this program makes ({0})")]
    Format(SampleFormat),
}

/// What the callback leaves for the watcher to see.
struct Meter {
    opened: Instant,
    frames: AtomicU64,
    /// Microseconds from `opened` to the first callback, plus one; 0 before it.
    first_micros: AtomicU64,
}

impl Meter {
    /// How much more was taken than time has passed since the first callback.
    fn lead_secs(&self, rate: u32) -> f64 {
        let first_micros = self.first_micros.load(Ordering::Relaxed);
        let passed_secs = self.opened.elapsed().as_secs_f64() - first_micros as f64 * 1e-6;
        if first_micros == 0 { 0.0 } else { self.frames.load(Ordering::Relaxed) as f64 / f64::from(rate) - passed_secs }
    }

    fn count(&self, frames: usize) {
        if self.first_micros.load(Ordering::Relaxed) == 0 {
            self.first_micros.store(self.opened.elapsed().as_micros() as u64 + 1, Ordering::Relaxed);
        }
        self.frames.fetch_add(frames as u64, Ordering::Relaxed);
    }
}

/// A device that is running; silent until it is given something to deliver. Dropping it closes it.
pub(crate) struct OpenDevice {
    serial: u64,
    name: Arc<str>,
    rate: u32,
    meter: Arc<Meter>,
    deliveries: Sender<Delivery>,
    _stream: cpal::Stream,
}

impl OpenDevice {
    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }

    pub(crate) fn name(&self) -> Arc<str> {
        self.name.clone()
    }

    pub(crate) fn rate(&self) -> u32 {
        self.rate
    }

    /// Frames that it has taken so far.
    pub(crate) fn delivered(&self) -> u64 {
        self.meter.frames.load(Ordering::Relaxed)
    }

    /// How much more sound it has taken than it can have played.
    pub(crate) fn lead_secs(&self) -> f64 {
        self.meter.lead_secs(self.rate)
    }

    /// From now on the device pulls from `delivery`.
    pub(crate) fn drive(&self, delivery: Delivery) {
        let _ = self.deliveries.try_send(delivery);
    }
}

/// Opens and starts the default output. Errors that come later arrive in `events` under the number `serial`.
pub(crate) fn open_default_device(serial: u64, events: Sender<Event>) -> Result<OpenDevice, OpenError> {
    let device = cpal::default_host().default_output_device().ok_or(OpenError::NoDevice)?;
    let default = device.default_output_config()?;
    let supported = preferred_config(&device, &default).unwrap_or(default);
    let name: Arc<str> = device.description().map_or_else(|_| "default".into(), |described| described.name().into());

    let fixed = StreamConfig { buffer_size: BufferSize::Fixed(PERIOD_FRAMES), ..supported.config() };
    let format = supported.sample_format();
    let meter =
        || Arc::new(Meter { opened: Instant::now(), frames: AtomicU64::new(0), first_micros: AtomicU64::new(0) });
    let opening = Opening { device: &device, serial, events };
    let (deliveries, given) = bounded(1);
    let mut used = meter();
    let stream = match opening.stream(fixed, format, used.clone(), given.clone()) {
        Ok(stream) => stream,
        // Not every device takes every size; its own will do.
        Err(OpenError::Refused(_)) => {
            used = meter();
            opening.stream(supported.config(), format, used.clone(), given)?
        }
        Err(error) => return Err(error),
    };
    stream.play()?;
    Ok(OpenDevice { serial, name, rate: supported.sample_rate(), meter: used, deliveries, _stream: stream })
}

/// The default configuration at the preferred rate, where the device has it.
fn preferred_config(device: &cpal::Device, default: &SupportedStreamConfig) -> Option<SupportedStreamConfig> {
    let alike = |range: &cpal::SupportedStreamConfigRange| {
        range.channels() == default.channels() && range.sample_format() == default.sample_format()
    };
    device.supported_output_configs().ok()?.filter(alike).find_map(|range| range.try_with_sample_rate(PREFERRED_RATE))
}

struct Opening<'a> {
    device: &'a cpal::Device,
    serial: u64,
    events: Sender<Event>,
}

impl Opening<'_> {
    fn stream(
        &self,
        config: StreamConfig,
        format: SampleFormat,
        meter: Arc<Meter>,
        given: Receiver<Delivery>,
    ) -> Result<cpal::Stream, OpenError> {
        match format {
            SampleFormat::F32 => self.stream_of::<f32>(config, meter, given),
            SampleFormat::F64 => self.stream_of::<f64>(config, meter, given),
            SampleFormat::I8 => self.stream_of::<i8>(config, meter, given),
            SampleFormat::I16 => self.stream_of::<i16>(config, meter, given),
            SampleFormat::I24 => self.stream_of::<cpal::I24>(config, meter, given),
            SampleFormat::I32 => self.stream_of::<i32>(config, meter, given),
            SampleFormat::U8 => self.stream_of::<u8>(config, meter, given),
            SampleFormat::U16 => self.stream_of::<u16>(config, meter, given),
            SampleFormat::U24 => self.stream_of::<cpal::U24>(config, meter, given),
            SampleFormat::U32 => self.stream_of::<u32>(config, meter, given),
            other => Err(OpenError::Format(other)),
        }
    }

    fn stream_of<S: SizedSample + FromSample<f32>>(
        &self,
        config: StreamConfig,
        meter: Arc<Meter>,
        given: Receiver<Delivery>,
    ) -> Result<cpal::Stream, OpenError> {
        let (serial, events, seen) = (self.serial, self.events.clone(), meter.clone());
        let (rate, channels) = (config.sample_rate, usize::from(config.channels));
        let mut delivery: Option<Delivery> = None;
        let mut stereo: Vec<f32> = Vec::new();
        let callback = move |out: &mut [S], info: &OutputCallbackInfo| {
            if let Ok(newer) = given.try_recv() {
                delivery = Some(newer);
            }
            let frames = out.len() / channels;
            stereo.clear();
            stereo.resize(2 * frames, 0.0);
            if let Some(delivery) = &mut delivery {
                let timestamp = info.timestamp();
                let latency = timestamp.playback.duration_since(timestamp.callback);
                delivery.fill(&mut stereo, latency.as_secs_f64());
            }
            write_frames(&stereo, out, channels);
            meter.count(frames);
            if meter.lead_secs(rate) > RUNAWAY_LEAD_SECS {
                std::thread::sleep(RUNAWAY_PAUSE);
            }
        };
        let mut told = false;
        let mut failing: Option<(u64, Instant)> = None;
        let on_error = move |error: CpalError| {
            let frames = seen.frames.load(Ordering::Relaxed);
            let since = failing.filter(|(then, _)| *then == frames).map_or_else(Instant::now, |(_, since)| since);
            failing = Some((frames, since));
            let gone = [CpalErrorKind::DeviceNotAvailable, CpalErrorKind::StreamInvalidated];
            if !told && (gone.contains(&error.kind()) || since.elapsed() > TOLERATED_ERRORS) {
                told = true;
                let _ = events.send(Event::Lost { serial, why: error.to_string() });
            }
        };
        Ok(self.device.build_output_stream(config, callback, on_error, None)?)
    }
}

/// Stereo to the channels of the device: their mean where it has one, the first two where it has more.
fn write_frames<S: SizedSample + FromSample<f32>>(stereo: &[f32], out: &mut [S], channels: usize) {
    for (frame, pair) in out.chunks_exact_mut(channels).zip(stereo.chunks_exact(2)) {
        match frame {
            [only] => *only = S::from_sample(0.5 * (pair[0] + pair[1])),
            [left, right, others @ ..] => {
                *left = S::from_sample(pair[0]);
                *right = S::from_sample(pair[1]);
                others.fill(S::EQUILIBRIUM);
            }
            [] => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stereo_goes_to_any_number_of_channels() {
        let stereo = [0.5, -0.25, 1.0, 0.0];
        let mut mono = [9.0f32; 2];
        write_frames(&stereo, &mut mono, 1);
        assert_eq!(mono, [0.125, 0.5]);
        let mut quad = [9i16; 8];
        write_frames(&stereo, &mut quad, 4);
        assert_eq!(quad[..4], [16384, -8192, 0, 0]);
    }
}
