//! The frame table: which frames a clip presents, when, and from where each can be decoded.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ffmpeg_next as ff;

use super::source::{FreeInput, clock_secs};
use super::{Media, MediaError, libav, reader};

/// The presented frames of a clip in presentation order: those that `ffmpeg -i FILE -fps_mode passthrough` presents.
///
/// A frame's number is its place in this table. Made by one pass over the packets; only where packets do not tell
/// (no or repeated time stamps, damage, a start that cannot be decoded) are pictures decoded to find out.
#[derive(Clone, Debug, PartialEq)]
pub struct FrameTable {
    clock: (i32, i32),
    zero_secs: f64,
    frames: Vec<Presented>,
    access: Access,
    end_secs: f64,
    notes: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Presented {
    /// Presentation time in ticks of the stream's clock.
    pts: i64,
    duration: i64,
    key: bool,
    /// The entry point from which this frame can be decoded.
    entry: u32,
}

/// How a frame is reached.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Access {
    /// One frame, no stream.
    Still,
    /// Frames are known by their time stamps; decoding can start at any entry point.
    ByTime { entries: Vec<EntryPoint>, packets: PacketPlaces },
    /// Time stamps do not tell frames apart; frames are counted from the start of the file.
    ByCount,
}

/// A packet from which decoding can start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EntryPoint {
    /// Its place among the packets of the stream, in the order of the file.
    pub order: u32,
    pub pts: i64,
    pub dts: Option<i64>,
}

/// Where every packet of the stream is: how a packet is recognized after a seek.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PacketPlaces {
    /// Presentation time, place among the packets, and place in the file in bytes (−1 where the demuxer hides it), by
    /// time.
    by_time: Vec<(i64, u32, i64)>,
}

impl PacketPlaces {
    fn of(packets: &[PacketFacts]) -> Self {
        let places = packets.iter().enumerate();
        let mut by_time = places
            .filter_map(|(order, packet)| Some((packet.pts?, u32::try_from(order).ok()?, packet.position)))
            .collect::<Vec<_>>();
        by_time.sort_unstable();
        Self { by_time }
    }

    /// The place of a packet among the stream's; nothing where its time and its place in the file contradict each
    /// other, as when a demuxer made up times after a seek.
    pub(super) fn order_of(&self, pts: i64, position: i64) -> Option<u32> {
        let at = self.by_time.binary_search_by_key(&pts, |(time, ..)| *time).ok()?;
        let (_, order, known) = self.by_time.get(at)?;
        (*known == position).then_some(*order)
    }

    fn order_of_time(&self, pts: i64) -> Option<u32> {
        let at = self.by_time.binary_search_by_key(&pts, |(time, ..)| *time).ok()?;
        self.by_time.get(at).map(|(_, order, _)| *order)
    }
}

/// One packet as the demuxer gives it.
#[derive(Clone, Copy, Debug)]
struct PacketFacts {
    pts: Option<i64>,
    dts: Option<i64>,
    duration: i64,
    key: bool,
    discard: bool,
    corrupt: bool,
    position: i64,
}

/// A picture as the decoder presents it.
#[derive(Clone, Copy, Debug)]
pub(super) struct DecodedFacts {
    pub pts: Option<i64>,
    pub duration: i64,
    pub key: bool,
}

impl FrameTable {
    /// Reads the table of a clip. Returns soon with `Cancelled` after `stop` becomes true.
    ///
    /// # Errors
    /// When there are no pictures, or none of them can be decoded.
    pub fn read(media: &Media, stop: &Arc<AtomicBool>) -> Result<Self, MediaError> {
        let Some(video) = media.video() else {
            return Err(MediaError::NoPicture { path: media.path().to_owned() });
        };
        if media.is_still() {
            return Ok(Self::of_still());
        }
        let (packets, ended) = read_packets(media, video.stream, stop)?;
        let mut notes = Vec::new();
        if let Some(reason) = ended {
            notes.push(format!("The file breaks off: {reason}"));
        }
        let doubt = doubt(&packets);
        let decoded = match doubt {
            None => None,
            Some(Doubt::Everything(why)) => {
                notes.push(format!("Frames were found by decoding, since {why}"));
                Some(reader::decode_facts(media, stop, usize::MAX)?)
            }
            Some(Doubt::Start) => Some(reader::decode_facts(media, stop, head_packets(&packets))?),
        };
        let (frames, access) = match (doubt, decoded) {
            (None, _) | (_, None) => by_packets(&packets, None),
            (Some(Doubt::Start), Some(head)) => by_packets(&packets, Some(&head)),
            (Some(Doubt::Everything(_)), Some(all)) => by_decoding(&packets, &all, video.clock, video.declared_rate),
        };
        if frames.is_empty() {
            return Err(MediaError::NoFrames { path: media.path().to_owned() });
        }
        let mut table = Self { clock: video.clock, zero_secs: media.zero_secs(), frames, access, end_secs: 0.0, notes };
        table.end_secs = table.find_end(video.declared_rate);
        Ok(table)
    }

    fn of_still() -> Self {
        Self {
            clock: (1, 1),
            zero_secs: 0.0,
            frames: vec![Presented { pts: 0, duration: 0, key: true, entry: 0 }],
            access: Access::Still,
            end_secs: 0.0,
            notes: Vec::new(),
        }
    }

    /// A table of evenly spaced frames with a key frame every `group` frames, for tests.
    #[cfg(test)]
    pub(super) fn regular(frames: usize, group: usize) -> Self {
        let frame = |n: usize| Presented { pts: n as i64, duration: 1, key: n.is_multiple_of(group), entry: 0 };
        Self { frames: (0..frames).map(frame).collect(), end_secs: frames as f64, ..Self::of_still() }
    }

    /// How many frames the clip presents.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Never true of a table that was read; here because `len` is.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// When frame `index` appears, in seconds of the clip; the last frame's time beyond the end.
    pub fn time_secs(&self, index: usize) -> f64 {
        self.frames.get(index.min(self.frames.len().saturating_sub(1))).map_or(0.0, |frame| self.secs(frame.pts))
    }

    /// When frame `index` gives way to the next one, in seconds of the clip.
    pub fn until_secs(&self, index: usize) -> f64 {
        if index + 1 < self.frames.len() { self.time_secs(index + 1) } else { self.end_secs }
    }

    /// When the last frame ends, in seconds of the clip; 0 for a still image.
    pub fn end_secs(&self) -> f64 {
        self.end_secs
    }

    /// The frame on screen at a time: the last one that has appeared by then; the first one before that.
    pub fn index_at(&self, time_secs: f64) -> usize {
        // A hair of tolerance, so that a frame's own time, carried through other arithmetic, gives that frame.
        self.frames.partition_point(|frame| self.secs(frame.pts) <= time_secs + 1e-7).saturating_sub(1)
    }

    /// True where decoding can start at this very frame.
    pub fn is_key(&self, index: usize) -> bool {
        self.frames.get(index).is_some_and(|frame| frame.key)
    }

    /// The key frames in presentation order.
    pub fn key_frames(&self) -> impl Iterator<Item = usize> + '_ {
        self.frames.iter().enumerate().filter(|(_, frame)| frame.key).map(|(index, _)| index)
    }

    /// The group of pictures around a frame, from its key frame to before the next one, as frame numbers.
    pub fn group(&self, index: usize) -> std::ops::Range<usize> {
        let index = index.min(self.frames.len().saturating_sub(1));
        let start = (0..=index).rev().find(|i| self.is_key(*i)).unwrap_or(0);
        let end = (index + 1..self.frames.len()).find(|i| self.is_key(*i)).unwrap_or(self.frames.len());
        start..end
    }

    /// Presentation time of a frame in ticks of the stream's clock.
    pub fn pts(&self, index: usize) -> i64 {
        self.frames.get(index).map_or(0, |frame| frame.pts)
    }

    /// Seconds of one tick of the stream's clock, as a fraction.
    pub fn clock(&self) -> (i32, i32) {
        self.clock
    }

    /// What was odd about the stream.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The frame that appears at exactly this time stamp.
    pub(super) fn index_of_pts(&self, pts: i64) -> Option<usize> {
        self.frames.binary_search_by_key(&pts, |frame| frame.pts).ok()
    }

    pub(super) fn access(&self) -> &Access {
        &self.access
    }

    /// The entry points from which a frame can be decoded, the nearest first.
    pub(super) fn entry_of(&self, index: usize) -> usize {
        self.frames.get(index).map_or(0, |frame| frame.entry as usize)
    }

    fn secs(&self, pts: i64) -> f64 {
        clock_secs(pts, self.clock) - self.zero_secs
    }

    /// End of the last frame: its own duration, else as long as the one before, else by the declared rate.
    fn find_end(&self, declared_rate: Option<(u32, u32)>) -> f64 {
        let Some(last) = self.frames.last() else { return 0.0 };
        let start = self.secs(last.pts);
        if last.duration > 0 {
            return self.secs(last.pts.saturating_add(last.duration));
        }
        let before = self.frames.len().checked_sub(2).map(|index| start - self.time_secs(index));
        let by_rate = declared_rate.map(|(count, per)| f64::from(per) / f64::from(count));
        start + before.or(by_rate).unwrap_or(0.0)
    }
}

/// Why packets alone do not tell which frames are presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    /// Only the first pictures: they come before the first key frame.
    Start,
    Everything(&'static str),
}

fn doubt(packets: &[PacketFacts]) -> Option<Doubt> {
    let mut times = Vec::with_capacity(packets.len());
    for packet in packets {
        match packet.pts {
            None => return Some(Doubt::Everything("its packets carry no presentation times")),
            Some(pts) => times.push(pts),
        }
        if packet.corrupt {
            return Some(Doubt::Everything("some of its packets are damaged"));
        }
    }
    times.sort_unstable();
    if times.windows(2).any(|pair| pair.first() == pair.last()) {
        return Some(Doubt::Everything("some of its packets share a presentation time"));
    }
    let first = packets.first()?;
    let leading = packets.iter().any(|packet| !packet.discard && packet.pts < first.pts);
    (!first.key || leading).then_some(Doubt::Start)
}

/// How many packets to decode to know which of the first pictures come out: those up to the second key frame.
fn head_packets(packets: &[PacketFacts]) -> usize {
    packets
        .iter()
        .enumerate()
        .filter(|(order, packet)| *order > 0 && packet.key)
        .map(|(order, _)| order)
        .nth(1)
        .unwrap_or(packets.len())
}

/// Every packet of a stream, and why reading ended if not at the end of the file.
fn read_packets(
    media: &Media,
    stream: usize,
    stop: &Arc<AtomicBool>,
) -> Result<(Vec<PacketFacts>, Option<String>), MediaError> {
    let path = media.path();
    let fresh = media.take_input(|free| matches!(free, FreeInput::Fresh(_)));
    let mut input = fresh.map_or_else(|| libav::open_input(path, stop), Ok)?;
    libav::read_only_streams(&mut input, &[stream]);
    let made_up = libav::makes_up_times(&input);
    let mut packets = Vec::new();
    let mut packet = ff::Packet::empty();
    let ended = loop {
        if stop.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(MediaError::Cancelled { path: path.to_owned() });
        }
        match packet.read(&mut input) {
            Ok(()) if packet.stream() == stream && packet.size() > 0 => {
                packets.push(PacketFacts {
                    pts: packet.pts().filter(|_| !made_up),
                    dts: packet.dts(),
                    duration: packet.duration(),
                    key: packet.is_key(),
                    discard: libav::is_discarded(&packet),
                    corrupt: packet.is_corrupt(),
                    position: packet.position() as i64,
                });
            }
            Ok(()) => {}
            Err(ff::Error::Eof) => break None,
            Err(error) if libav::is_again(error) => {}
            Err(error) => break Some(libav::reason(error)),
        }
    };
    if ended.is_none() {
        media.leave_input(FreeInput::Read(input));
    }
    Ok((packets, ended))
}

/// The table where packets tell. `head` holds what the decoder presents of the first packets, where that is in doubt.
fn by_packets(packets: &[PacketFacts], head: Option<&[DecodedFacts]>) -> (Vec<Presented>, Access) {
    let entries = entry_points(packets);
    // What the decoder left out of the head: pictures that come before the first one it presented.
    let first_presented = head.and_then(|head| head.iter().filter_map(|frame| frame.pts).min()).unwrap_or(i64::MIN);
    let presented = packets
        .iter()
        .enumerate()
        .filter(|(_, packet)| !packet.discard)
        .filter_map(|(order, packet)| Some((packet.pts?, order, packet)))
        .filter(|(pts, ..)| *pts >= first_presented);
    let mut frames = presented
        .map(|(pts, order, packet)| Presented {
            pts,
            duration: packet.duration,
            key: packet.key,
            entry: nearest_entry(&entries, order, pts),
        })
        .collect::<Vec<_>>();
    frames.sort_by_key(|frame| frame.pts);
    (frames, Access::ByTime { entries, packets: PacketPlaces::of(packets) })
}

/// The table where only decoding tells: what came out, in the order in which it did.
fn by_decoding(
    packets: &[PacketFacts],
    decoded: &[DecodedFacts],
    clock: (i32, i32),
    declared_rate: Option<(u32, u32)>,
) -> (Vec<Presented>, Access) {
    let times = decoded.iter().map(|frame| frame.pts).collect::<Option<Vec<_>>>();
    let rising = times.as_ref().is_some_and(|times| times.windows(2).all(|pair| pair.first() < pair.last()));
    let all_stamped = packets.iter().all(|packet| packet.pts.is_some());
    if let (true, true, Some(times)) = (rising, all_stamped, times) {
        let entries = entry_points(packets);
        let places = PacketPlaces::of(packets);
        let frames = decoded
            .iter()
            .zip(times)
            .map(|(frame, pts)| {
                let order = places.order_of_time(pts).unwrap_or(0) as usize;
                let entry = nearest_entry(&entries, order, pts);
                Presented { pts, duration: frame.duration, key: frame.key, entry }
            })
            .collect();
        return (frames, Access::ByTime { entries, packets: places });
    }
    let tick = f64::from(clock.0) / f64::from(clock.1.max(1));
    let by_rate = declared_rate.map_or(1.0, |(count, per)| f64::from(per) / f64::from(count) / tick).round() as i64;
    let mut next = 0;
    let frames = decoded.iter().map(|frame| {
        let step = if frame.duration > 0 { frame.duration } else { by_rate.max(1) };
        let pts = frame.pts.unwrap_or(next).max(next);
        next = pts.saturating_add(1).max(frame.pts.unwrap_or(next).saturating_add(step).min(pts.saturating_add(step)));
        Presented { pts, duration: frame.duration, key: frame.key, entry: 0 }
    });
    (frames.collect(), Access::ByCount)
}

fn entry_points(packets: &[PacketFacts]) -> Vec<EntryPoint> {
    let keys = packets.iter().enumerate().filter(|(order, packet)| packet.key || *order == 0);
    keys.filter_map(|(order, packet)| {
        Some(EntryPoint { order: u32::try_from(order).ok()?, pts: packet.pts?, dts: packet.dts })
    })
    .collect()
}

/// The last entry point that comes no later than the frame both in the file and on screen: pictures that follow a key
/// frame in the file but are shown before it need the entry point before.
fn nearest_entry(entries: &[EntryPoint], order: usize, pts: i64) -> u32 {
    let before = entries.partition_point(|entry| entry.order as usize <= order);
    let fits = entries.iter().take(before).rposition(|entry| entry.pts <= pts);
    u32::try_from(fits.unwrap_or(0)).unwrap_or(0)
}
