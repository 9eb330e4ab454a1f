//! The exact reader: any frame by its number, the same bytes whichever way it was reached.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ff::format::Pixel;
use ffmpeg_next as ff;

use super::frame::{ColorDescription, Frame, Plane, PlaneLayout};
use super::libav::{self, Scaler};
use super::picture::{pixel_format, plane_layout, scaler_color};
use super::source::{VideoStream, check_size, code_points};
use super::table::{Access, DecodedFacts, FrameTable, PacketPlaces};
use super::{Media, MediaError, still};

/// Threads that decode frames side by side; more than two help little for what is watched here.
const DECODER_THREADS: usize = 2;
/// So many frames ahead are decoded through rather than sought, though a key frame lies between.
const NEAR_FRAMES: usize = 4;
/// A frame that no seek brings out is looked for from the start of the file if it is no further in than this.
const FROM_START_PACKETS: u32 = 5_000;
/// How often a seek that landed too late is tried again from further back before reading from the start.
const SEEK_RETRIES: usize = 4;

/// Reads frames of one clip, one at a time, exactly. Going forward is a plain decode; going elsewhere seeks to the
/// frame's entry point and decodes from there, leaving out what nothing else is made from.
pub struct VideoReader {
    media: Media,
    table: Arc<FrameTable>,
    stop: Arc<AtomicBool>,
    decoding: Option<Decoding>,
    /// Number of the frame that comes out of the decoder next.
    position: usize,
    converter: Converter,
}

impl VideoReader {
    /// A reader of the clip that `table` was read from. Reading stops soon after `stop` becomes true.
    pub fn new(media: &Media, table: Arc<FrameTable>, stop: Arc<AtomicBool>) -> Self {
        Self { media: media.clone(), table, stop, decoding: None, position: 0, converter: Converter::default() }
    }

    /// The table of the clip.
    pub fn table(&self) -> &Arc<FrameTable> {
        &self.table
    }

    /// Frame `index`.
    ///
    /// # Errors
    /// When there is no such frame, its data is damaged, or reading was stopped.
    pub fn frame(&mut self, index: usize) -> Result<Arc<Frame>, MediaError> {
        if *self.table.access() == Access::Still {
            self.check_index(index)?;
            return still::frame(self.media.path()).map(Arc::new);
        }
        let picture = self.picture(index)?;
        let Some(video) = self.media.video() else {
            return Err(MediaError::NoPicture { path: self.media.path().to_owned() });
        };
        let time_secs = self.table.time_secs(index);
        let converted = self.converter.convert(&picture, video, index, time_secs);
        converted.map(Arc::new).map_err(|reason| self.failed(index, reason))
    }

    /// MD5 and size in bytes of frame `index` in the pixel format that it was decoded to, alpha included: what FFmpeg's
    /// framemd5 muxer prints.
    ///
    /// # Errors
    /// As [`VideoReader::frame`].
    pub fn native_md5(&mut self, index: usize) -> Result<(String, usize), MediaError> {
        if *self.table.access() == Access::Still {
            self.check_index(index)?;
            let frame = still::frame(self.media.path())?;
            let size = frame.planes.iter().map(|plane| plane.bytes.len()).sum();
            return Ok((frame.planes_md5(), size));
        }
        Ok(libav::picture_md5(&self.picture(index)?))
    }

    fn check_index(&self, index: usize) -> Result<(), MediaError> {
        if index < self.table.len() {
            return Ok(());
        }
        Err(MediaError::NoSuchFrame { path: self.media.path().to_owned(), index, frames: self.table.len() })
    }

    fn failed(&self, index: usize, reason: String) -> MediaError {
        MediaError::Frame { path: self.media.path().to_owned(), index, reason }
    }

    fn picture(&mut self, index: usize) -> Result<ff::frame::Video, MediaError> {
        self.check_index(index)?;
        let table = Arc::clone(&self.table);
        match table.access() {
            Access::ByTime { entries, packets } => {
                if self.is_ahead(index)
                    && let Some(picture) = self.decode_until(index)?
                {
                    return Ok(picture);
                }
                let mut entry = table.entry_of(index);
                for retry in 0.. {
                    let at = entries.get(entry).copied();
                    let landed = match at {
                        Some(at) if entry > 0 && retry <= SEEK_RETRIES => {
                            self.seek(packets, at.order, at.dts, at.pts)?
                        }
                        _ => None,
                    };
                    let from_start = landed.is_none();
                    if from_start {
                        self.restart()?;
                    }
                    if let Some(picture) = self.decode_until(index)? {
                        return Ok(picture);
                    }
                    if from_start {
                        break;
                    }
                    if retry + 1 >= SEEK_RETRIES && at.is_some_and(|at| at.order > FROM_START_PACKETS) {
                        break;
                    }
                    entry = if retry + 1 < SEEK_RETRIES { entry.saturating_sub(1) } else { 0 };
                }
                Err(self.failed(index, "its data is damaged or missing".into()))
            }
            Access::ByCount => {
                if self.decoding.is_none() || index < self.position {
                    self.restart()?;
                }
                while let Some(picture) = self.next_picture(None)? {
                    self.position += 1;
                    if self.position == index + 1 {
                        return Ok(picture);
                    }
                }
                self.decoding = None;
                Err(self.failed(index, "its data is damaged or missing".into()))
            }
            Access::Still => Err(self.failed(index, "a still image has no stream".into())),
        }
    }

    /// True where decoding on is the shortest way to a frame.
    fn is_ahead(&self, index: usize) -> bool {
        let near = index >= self.position && index - self.position <= NEAR_FRAMES;
        let same_group = index >= self.position && self.table.entry_of(index) <= self.table.entry_of(self.position);
        self.decoding.as_ref().is_some_and(|decoding| !decoding.ended) && (near || same_group)
    }

    /// Decodes on to frame `index`; nothing if it does not come out.
    fn decode_until(&mut self, index: usize) -> Result<Option<ff::frame::Video>, MediaError> {
        let wanted = self.table.pts(index);
        while let Some(picture) = self.next_picture(Some(wanted))? {
            let Some(pts) = picture.timestamp() else { continue };
            if let Some(reached) = self.table.index_of_pts(pts) {
                self.position = reached + 1;
            }
            if pts == wanted {
                return Ok(Some(picture));
            }
            if pts > wanted {
                return Ok(None);
            }
        }
        Ok(None)
    }

    fn next_picture(&mut self, wanted_pts: Option<i64>) -> Result<Option<ff::frame::Video>, MediaError> {
        let stop = Arc::clone(&self.stop);
        let decoding = match &mut self.decoding {
            Some(decoding) => decoding,
            none => none.insert(Decoding::open(&self.media, &stop, true)?),
        };
        let answer = decoding.next(wanted_pts, &stop);
        if stop.load(Ordering::Relaxed) {
            self.decoding = None;
            return Err(MediaError::Cancelled { path: self.media.path().to_owned() });
        }
        Ok(answer)
    }

    fn restart(&mut self) -> Result<(), MediaError> {
        self.position = 0;
        self.decoding = None;
        self.decoding = match self.rewound()? {
            Some(decoding) => Some(decoding),
            None => Some(Decoding::open(&self.media, &self.stop, true)?),
        };
        Ok(())
    }

    /// Decoding from the very first packet with the demuxer that the table was read with, where there is one and it can
    /// be brought back there: that spares opening and probing the file once more.
    fn rewound(&self) -> Result<Option<Decoding>, MediaError> {
        let Access::ByTime { entries, packets } = self.table.access() else { return Ok(None) };
        let Some(first) = entries.first().filter(|first| first.order == 0) else { return Ok(None) };
        let Some(input) = self.media.take_input(|_| true) else { return Ok(None) };
        let mut decoding = Decoding::of_input(&self.media, input, true)?;
        let landed = decoding.seek(packets, 0, first.dts.unwrap_or(first.pts));
        Ok(landed.then_some(decoding))
    }

    /// Moves to the packet at place `order` of the file; nothing where the demuxer cannot be brought there or before.
    fn seek(
        &mut self,
        packets: &PacketPlaces,
        order: u32,
        dts: Option<i64>,
        pts: i64,
    ) -> Result<Option<()>, MediaError> {
        if self.decoding.is_none() {
            self.decoding = Some(Decoding::open(&self.media, &self.stop, true)?);
        }
        let Some(decoding) = &mut self.decoding else { return Ok(None) };
        let landed = decoding.seek(packets, order, dts.unwrap_or(pts));
        // Until the first frame after the seek is known, nothing counts as ahead.
        self.position = usize::MAX;
        if !landed {
            self.decoding = None;
        }
        Ok(landed.then_some(()))
    }
}

/// A demuxer and a decoder at work on the pictures of a file.
struct Decoding {
    input: ff::format::context::Input,
    decoder: ff::codec::decoder::Video,
    stream: usize,
    packet: ff::Packet,
    /// A packet that was read to see where a seek landed and is not decoded yet.
    waiting: bool,
    /// The decoder was told that no more packets come.
    ended: bool,
    packets_left: usize,
}

impl Decoding {
    fn open(media: &Media, stop: &Arc<AtomicBool>, full_quality: bool) -> Result<Self, MediaError> {
        let input = libav::open_input(media.path(), stop)?;
        Self::of_input(media, input, full_quality)
    }

    fn of_input(media: &Media, mut input: ff::format::context::Input, full_quality: bool) -> Result<Self, MediaError> {
        let path = media.path();
        let failed = |error: ff::Error| MediaError::Decode { path: path.to_owned(), reason: libav::reason(error) };
        let Some(video) = media.video() else { return Err(MediaError::NoPicture { path: path.to_owned() }) };
        libav::read_only_streams(&mut input, &[video.stream]);
        let decoder = open_decoder(path, &input, video.stream, full_quality)?.video().map_err(failed)?;
        Ok(Self {
            input,
            decoder,
            stream: video.stream,
            packet: ff::Packet::empty(),
            waiting: false,
            ended: false,
            packets_left: usize::MAX,
        })
    }

    /// The next picture in presentation order; nothing at the end. With `wanted_pts`, pictures before it from which no
    /// other is made may be left out. Damaged packets are passed over, as FFmpeg's program does.
    fn next(&mut self, wanted_pts: Option<i64>, stop: &AtomicBool) -> Option<ff::frame::Video> {
        let mut picture = ff::frame::Video::empty();
        loop {
            if stop.load(Ordering::Relaxed) {
                return None;
            }
            match self.decoder.receive_frame(&mut picture) {
                Ok(()) => return Some(picture),
                Err(ff::Error::Eof) => return None,
                Err(_) if self.ended => return None,
                Err(_) => self.feed(wanted_pts),
            }
        }
    }

    /// Gives one packet to the decoder, or tells it that there are no more.
    fn feed(&mut self, wanted_pts: Option<i64>) {
        if !self.waiting && !self.read_packet() {
            self.ended = true;
            // A decoder that refuses the end has nothing to give either; `receive_frame` says so.
            self.decoder.send_eof().unwrap_or_default();
            return;
        }
        self.waiting = false;
        // What to leave out is decided by the packet's own time: with frame threads the decoder runs ahead of what
        // comes out of it.
        let skip = matches!((wanted_pts, self.packet.pts()), (Some(wanted), Some(pts)) if pts < wanted);
        self.decoder.skip_frame(if skip { ff::Discard::NonReference } else { ff::Discard::Default });
        if let Err(error) = self.decoder.send_packet(&self.packet) {
            self.waiting = libav::is_again(error);
        }
    }

    /// Reads the next packet of the stream; false at the end.
    fn read_packet(&mut self) -> bool {
        if self.packets_left == 0 {
            return false;
        }
        loop {
            match self.packet.read(&mut self.input) {
                Ok(()) if self.packet.stream() == self.stream && self.packet.size() > 0 => {
                    self.packets_left = self.packets_left.saturating_sub(1);
                    return true;
                }
                Ok(()) => {}
                Err(error) if libav::is_again(error) => {}
                Err(_) => return false,
            }
        }
    }

    /// Brings the packet at place `order` of the file to be decoded next; false where the demuxer ends up behind it.
    fn seek(&mut self, packets: &PacketPlaces, order: u32, timestamp: i64) -> bool {
        if libav::seek_before(&mut self.input, self.stream, timestamp).is_err() {
            return false;
        }
        self.decoder.flush();
        self.ended = false;
        self.waiting = false;
        while self.read_packet() {
            let position = self.packet.position() as i64;
            let place = self.packet.pts().and_then(|pts| packets.order_of(pts, position));
            match place {
                Some(place) if place == order => {
                    self.waiting = true;
                    return true;
                }
                Some(place) if place > order => return false,
                _ => {}
            }
        }
        false
    }
}

/// A decoder for a stream, set up but for its kind.
fn open_decoder(
    path: &Path,
    input: &ff::format::context::Input,
    stream: usize,
    full_quality: bool,
) -> Result<ff::codec::decoder::Decoder, MediaError> {
    let failed = |error: ff::Error| MediaError::Decode { path: path.to_owned(), reason: libav::reason(error) };
    let stream = input.stream(stream).ok_or_else(|| failed(ff::Error::StreamNotFound))?;
    let mut context = ff::codec::Context::from_parameters(stream.parameters()).map_err(failed)?;
    libav::set_packet_clock(&mut context, stream.time_base(), stream.avg_frame_rate());
    context.set_threading(ff::threading::Config {
        kind: ff::threading::Type::Frame,
        count: DECODER_THREADS,
        ..ff::threading::Config::default()
    });
    let mut decoder = context.decoder();
    if !full_quality {
        decoder.skip_loop_filter(ff::Discard::All);
    }
    Ok(decoder)
}

/// What the decoder presents of the first `packets` packets of a clip.
pub(super) fn decode_facts(
    media: &Media,
    stop: &Arc<AtomicBool>,
    packets: usize,
) -> Result<Vec<DecodedFacts>, MediaError> {
    let mut decoding = Decoding::open(media, stop, false)?;
    decoding.packets_left = packets;
    let mut facts = Vec::new();
    while let Some(picture) = decoding.next(None, stop) {
        let duration = picture.packet().duration;
        facts.push(DecodedFacts { pts: picture.timestamp(), duration, key: picture.is_key() });
    }
    if stop.load(Ordering::Relaxed) {
        return Err(MediaError::Cancelled { path: media.path().to_owned() });
    }
    Ok(facts)
}

/// Makes frames of libav's pictures; keeps the scaler for those that have no plain planes.
#[derive(Default)]
struct Converter {
    scaler: Option<((Pixel, u32, u32), ColorDescription, Scaler)>,
}

impl Converter {
    fn convert(
        &mut self,
        picture: &ff::frame::Video,
        video: &VideoStream,
        index: usize,
        time_secs: f64,
    ) -> Result<Frame, String> {
        let facts = libav::picture_facts(picture);
        let size = crate::geometry::Size::new(facts.width, facts.height);
        check_size(Path::new("picture"), size).map_err(|error| error.to_string())?;
        let name = libav::pixel_format_name(facts.pixel_format);
        let shape = libav::pixel_shape(facts.pixel_format).ok_or_else(|| format!("no planes for pixels of {name}"))?;
        let layout = plane_layout(&shape);
        let full_by_format = name.starts_with("yuvj");
        let color = ColorDescription::from_code_points(code_points(&facts), layout, full_by_format, size);
        let kept = shape.plain && pixel_format(layout, shape.bits).is_some();
        let converted = if kept { None } else { Some(self.as_plain(picture, layout, &color)?) };
        let source = converted.as_ref().unwrap_or(picture);
        let shape = libav::pixel_shape(libav::picture_facts(source).pixel_format)
            .ok_or_else(|| format!("no planes for pixels of {name}"))?;
        let plain_layout = plane_layout(&shape);
        let own_aspect = facts.sample_aspect.0 > 0 && facts.sample_aspect.1 > 0;
        Ok(Frame {
            index,
            time_secs,
            size,
            layout: plain_layout,
            bits: shape.bits,
            planes: copy_planes(source, &shape, size),
            color: ColorDescription {
                matrix: if plain_layout == PlaneLayout::Gbr { super::Matrix::Identity } else { color.matrix },
                ..color
            },
            orientation: video.orientation,
            sample_aspect: if own_aspect && video.sample_aspect == (1, 1) {
                super::source::positive_ratio(facts.sample_aspect)
            } else {
                video.sample_aspect
            },
        })
    }

    /// The picture in the nearest format of plain planes.
    fn as_plain(
        &mut self,
        picture: &ff::frame::Video,
        layout: PlaneLayout,
        color: &ColorDescription,
    ) -> Result<ff::frame::Video, String> {
        let from = (picture.format(), picture.width(), picture.height());
        let to = (libav::nearest_plain_format(from.0), from.1, from.2);
        let fits = |(of, with, _): &((Pixel, u32, u32), ColorDescription, Scaler)| *of == from && with == color;
        if !self.scaler.as_ref().is_some_and(fits) {
            let full = color.range == super::Range::Full;
            let scaler = Scaler::new(from, to, &scaler_color(color, layout, full))
                .ok_or_else(|| format!("no conversion from pixels of {:?}", from.0))?;
            self.scaler = Some((from, *color, scaler));
        }
        let scaler = self.scaler.as_mut().ok_or("no conversion")?;
        Ok(scaler.2.run(picture, to))
    }
}

fn copy_planes(picture: &ff::frame::Video, shape: &libav::PixelShape, size: crate::geometry::Size) -> Vec<Plane> {
    let bytes = if shape.bits > 8 { 2 } else { 1 };
    (0..shape.planes)
        .map(|index| {
            let chroma = index > 0 && !shape.rgb;
            let (log2_x, log2_y) = if chroma { shape.log2_chroma } else { (0, 0) };
            let width = size.width.div_ceil(1 << log2_x);
            let height = size.height.div_ceil(1 << log2_y);
            let bytes = libav::copy_plane(picture, index, width as usize, height as usize, bytes);
            Plane { width, height, bytes }
        })
        .collect()
}
