//! The few calls into FFmpeg's C libraries for which ffmpeg-next has no safe face.
#![allow(unsafe_code)]

mod scaler;

use std::ffi::{CStr, CString, c_int};
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::Arc;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use ff::ffi;
use ff::format::Pixel;
use ff::format::context::Input;
use ffmpeg_next as ff;

use super::MediaError;
pub use scaler::{
    SWS_MATRIX_240M, SWS_MATRIX_601, SWS_MATRIX_709, SWS_MATRIX_2020, SWS_MATRIX_FCC, Scaler, ScalerColor,
};

/// Widest and tallest picture that is decoded; larger ones are refused before memory is taken for them.
pub const SIDE_LIMIT: u32 = 16_384;

/// FFmpeg's own chatter on standard error is switched off: what matters comes back as typed errors and notes.
pub fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: sets one global integer inside libavutil; callable at any time from any thread.
        unsafe { ffi::av_log_set_level(ffi::AV_LOG_QUIET) };
    });
}

/// The FFmpeg libraries that are linked, for the doctor and reports.
pub fn versions() -> String {
    // SAFETY: both calls read constants of the libraries.
    let (format, codec) = unsafe { (ffi::avformat_version(), ffi::avcodec_version()) };
    let text = |version: u32| format!("{}.{}.{}", version >> 16, version >> 8 & 255, version & 255);
    format!("libavformat {}, libavcodec {}", text(format), text(codec))
}

/// Opens a local file for demuxing. Reading stops soon after `stop` becomes true.
///
/// Only local files are followed: a playlist that points at the network is refused.
pub fn open_input(path: &Path, stop: &Arc<AtomicBool>) -> Result<Input, MediaError> {
    quiet();
    let absolute = readable_file(path)?;
    let Some(name) = absolute.to_str() else {
        return Err(MediaError::Unreadable {
            path: path.to_owned(),
            reason: "its path is not valid Unicode; rename the file or its folders".into(),
        });
    };
    let mut options = ff::Dictionary::new();
    options.set("protocol_whitelist", "file");
    let stop = Arc::clone(stop);
    // The prefix keeps FFmpeg from reading a colon in the path as a protocol.
    let url = format!("file:{name}");
    let interrupted = Arc::clone(&stop);
    ff::format::input_with_interrupt_and_dictionary(&url, move || stop.load(Ordering::Relaxed), options).map_err(
        |error| {
            if interrupted.load(Ordering::Relaxed) {
                MediaError::Cancelled { path: path.to_owned() }
            } else {
                MediaError::NotMedia { path: path.to_owned(), reason: reason(error) }
            }
        },
    )
}

/// The absolute path of a plain, non-empty file, or why it is not one.
pub fn readable_file(path: &Path) -> Result<PathBuf, MediaError> {
    let unreadable =
        |error: std::io::Error| MediaError::Unreadable { path: path.to_owned(), reason: error.to_string() };
    let facts = std::fs::metadata(path).map_err(unreadable)?;
    if facts.is_dir() {
        return Err(MediaError::IsFolder { path: path.to_owned() });
    }
    if !facts.is_file() {
        return Err(MediaError::Unreadable { path: path.to_owned(), reason: "it is not a plain file".into() });
    }
    if facts.len() == 0 {
        return Err(MediaError::Empty { path: path.to_owned() });
    }
    std::path::absolute(path).map_err(unreadable)
}

/// FFmpeg's words for an error.
pub fn reason(error: ff::Error) -> String {
    match error {
        ff::Error::InvalidData => "invalid data".into(),
        ff::Error::Eof => "the file ends too early".into(),
        ff::Error::DecoderNotFound => "this FFmpeg has no decoder for it".into(),
        other => other.to_string().to_lowercase(),
    }
}

/// True for "nothing yet, feed me" of the decoding loop.
pub fn is_again(error: ff::Error) -> bool {
    matches!(error, ff::Error::Other { errno } if errno == libc::EAGAIN)
}

/// The container's start in microseconds: the earliest start of its sound and pictures, as FFmpeg counts it.
pub fn container_start_micros(input: &Input) -> Option<i64> {
    // SAFETY: the context is open and only read.
    let start = unsafe { (*input.as_ptr()).start_time };
    (start != ffi::AV_NOPTS_VALUE).then_some(start)
}

/// What a stream's header says of its pictures; raw numbers of FFmpeg's enumerations.
#[derive(Clone, Copy, Debug)]
pub struct PictureHeader {
    pub width: u32,
    pub height: u32,
    pub sample_aspect: (i32, i32),
    pub pixel_format: i32,
    pub matrix: i32,
    pub range: i32,
    pub primaries: i32,
    pub transfer: i32,
    pub chroma_location: i32,
    pub interlaced: bool,
}

/// Reads the picture header of a stream.
pub fn picture_header(stream: &ff::Stream<'_>) -> PictureHeader {
    // SAFETY: the stream and its parameters live as long as the borrowed context. The enumerations are read as the
    // plain integers that they are in C, since a file may hold values that the Rust enumerations do not list.
    unsafe {
        let stream = stream.as_ptr();
        let parameters = (*stream).codecpar;
        let of_container = (*stream).sample_aspect_ratio;
        let of_codec = (*parameters).sample_aspect_ratio;
        let aspect = if of_container.num > 0 { of_container } else { of_codec };
        PictureHeader {
            width: u32::try_from((*parameters).width).unwrap_or(0),
            height: u32::try_from((*parameters).height).unwrap_or(0),
            sample_aspect: (aspect.num, aspect.den),
            pixel_format: (*parameters).format,
            matrix: (&raw const (*parameters).color_space).cast::<i32>().read(),
            range: (&raw const (*parameters).color_range).cast::<i32>().read(),
            primaries: (&raw const (*parameters).color_primaries).cast::<i32>().read(),
            transfer: (&raw const (*parameters).color_trc).cast::<i32>().read(),
            chroma_location: (&raw const (*parameters).chroma_location).cast::<i32>().read(),
            interlaced: (&raw const (*parameters).field_order).cast::<i32>().read() > 1,
        }
    }
}

/// What a decoded picture says of itself; raw numbers of FFmpeg's enumerations.
pub fn picture_facts(frame: &ff::frame::Video) -> PictureHeader {
    // SAFETY: as in `picture_header`; the frame is alive for the whole call.
    unsafe {
        let frame = frame.as_ptr();
        PictureHeader {
            width: u32::try_from((*frame).width).unwrap_or(0),
            height: u32::try_from((*frame).height).unwrap_or(0),
            sample_aspect: ((*frame).sample_aspect_ratio.num, (*frame).sample_aspect_ratio.den),
            pixel_format: (*frame).format,
            matrix: (&raw const (*frame).colorspace).cast::<i32>().read(),
            range: (&raw const (*frame).color_range).cast::<i32>().read(),
            primaries: (&raw const (*frame).color_primaries).cast::<i32>().read(),
            transfer: (&raw const (*frame).color_trc).cast::<i32>().read(),
            chroma_location: (&raw const (*frame).chroma_location).cast::<i32>().read(),
            interlaced: false,
        }
    }
}

/// The frame rate that FFmpeg's program takes a stream of pictures to have, frames a second as a fraction.
pub fn guessed_frame_rate(input: &Input, stream: usize) -> Option<(u32, u32)> {
    let stream = input.stream(stream)?;
    // SAFETY: context and stream belong together and are only read; without a frame the guess is the stream's.
    let rate =
        unsafe { ffi::av_guess_frame_rate(input.as_ptr().cast_mut(), stream.as_ptr().cast_mut(), ptr::null_mut()) };
    let (count, per) = (u32::try_from(rate.num).ok()?, u32::try_from(rate.den).ok()?);
    (count > 0 && per > 0).then_some((count, per))
}

/// The rate of a sound stream and its number of channels as its header gives them.
pub fn sample_rate(stream: &ff::Stream<'_>) -> u32 {
    // SAFETY: as in `picture_header`.
    unsafe { u32::try_from((*(*stream.as_ptr()).codecpar).sample_rate).unwrap_or(0) }
}

/// Short name of the codec of a stream, such as `h264`.
pub fn codec_name(stream: &ff::Stream<'_>) -> String {
    // SAFETY: the identifier is passed on as it was read; FFmpeg answers with a static string for every value.
    unsafe {
        let name = ffi::avcodec_get_name((*(*stream.as_ptr()).codecpar).codec_id);
        CStr::from_ptr(name).to_string_lossy().into_owned()
    }
}

/// The name of a pixel format, such as `yuv420p`.
pub fn pixel_format_name(format: i32) -> String {
    let Some(description) = description_of(format) else { return "unknown".into() };
    // SAFETY: descriptors are static and their names are C strings.
    unsafe { CStr::from_ptr((*description).name).to_string_lossy().into_owned() }
}

fn description_of(format: i32) -> Option<*const ffi::AVPixFmtDescriptor> {
    let mut description = ptr::null();
    loop {
        // SAFETY: walks FFmpeg's static list of descriptors, which ends with null.
        description = unsafe { ffi::av_pix_fmt_desc_next(description) };
        if description.is_null() {
            return None;
        }
        // SAFETY: `description` comes from that list, so its number is one that this FFmpeg knows.
        let found = unsafe { ffi::av_pix_fmt_desc_get_id(description) } as i32;
        if found == format {
            return Some(description);
        }
    }
}

/// How the samples of a pixel format lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PixelShape {
    /// Planes of samples without alpha: 1 for grey, 3 otherwise.
    pub planes: usize,
    pub bits: u8,
    pub log2_chroma: (u8, u8),
    pub rgb: bool,
    /// Each component has a plane of its own, of whole bytes or native 16-bit words, without offset or shift.
    pub plain: bool,
}

/// The shape of a pixel format; nothing for formats that only hardware knows.
pub fn pixel_shape(format: i32) -> Option<PixelShape> {
    let description = description_of(format)?;
    // SAFETY: descriptors are static.
    let description = unsafe { &*description };
    let flag = |bit: u32| description.flags & u64::from(bit) != 0;
    let odd = [
        ffi::AV_PIX_FMT_FLAG_PAL,
        ffi::AV_PIX_FMT_FLAG_BITSTREAM,
        ffi::AV_PIX_FMT_FLAG_BAYER,
        ffi::AV_PIX_FMT_FLAG_FLOAT,
    ];
    if flag(ffi::AV_PIX_FMT_FLAG_HWACCEL as u32) {
        return None;
    }
    let colors = if description.nb_components >= 3 { 3 } else { 1 };
    let components = description.comp.iter().take(colors).collect::<Vec<_>>();
    let bits = components.first().map_or(0, |c| c.depth);
    let big = flag(ffi::AV_PIX_FMT_FLAG_BE as u32) != cfg!(target_endian = "big") && bits > 8;
    let step = if bits > 8 { 2 } else { 1 };
    let mut planes_taken = [false; 4];
    let mut own_planes = true;
    for component in &components {
        let taken = planes_taken.get_mut(component.plane as usize);
        own_planes &= taken.is_some_and(|taken| !std::mem::replace(taken, true));
    }
    let plain = !odd.iter().any(|bit| flag(*bit as u32))
        && !big
        && own_planes
        && (8..=16).contains(&bits)
        && components.iter().all(|c| c.step == step && c.offset == 0 && c.shift == 0 && c.depth == bits);
    Some(PixelShape {
        planes: colors,
        bits: u8::try_from(bits).unwrap_or(0),
        log2_chroma: (description.log2_chroma_w, description.log2_chroma_h),
        rgb: flag(ffi::AV_PIX_FMT_FLAG_RGB as u32),
        plain,
    })
}

/// The pixel format of a name, in the machine's byte order where the name leaves it open.
pub fn pixel_format_named(name: &str) -> Option<Pixel> {
    let name = CString::new(name).ok()?;
    // SAFETY: looks a C string up in FFmpeg's static list.
    let format = unsafe { ffi::av_get_pix_fmt(name.as_ptr()) };
    (format != ffi::AVPixelFormat::AV_PIX_FMT_NONE).then(|| format.into())
}

/// The plain planar format nearest to `format`.
pub fn nearest_plain_format(format: Pixel) -> Pixel {
    let names = ["yuv420p", "yuv422p", "yuv444p", "gray", "gbrp"];
    let candidates = names
        .iter()
        .flat_map(|name| ["", "10", "12", "16"].map(|bits| format!("{name}{bits}")))
        .filter_map(|name| pixel_format_named(&name).map(ffi::AVPixelFormat::from))
        .chain([ffi::AVPixelFormat::AV_PIX_FMT_NONE])
        .collect::<Vec<_>>();
    // SAFETY: the list is ended by AV_PIX_FMT_NONE as the function asks, and the loss pointer may be null.
    let found =
        unsafe { ffi::avcodec_find_best_pix_fmt_of_list(candidates.as_ptr(), format.into(), 0, ptr::null_mut()) };
    if found == ffi::AVPixelFormat::AV_PIX_FMT_NONE { Pixel::GBRP } else { found.into() }
}

/// The samples of plane `index` of a decoded picture without the padding at the row ends: `width` × `height` samples
/// of `sample_bytes`. Empty where the picture has no such plane.
pub fn copy_plane(frame: &ff::frame::Video, index: usize, width: usize, height: usize, sample_bytes: usize) -> Vec<u8> {
    let row = width * sample_bytes;
    let mut bytes = Vec::with_capacity(row * height);
    // SAFETY: `data[index]` and `linesize[index]` describe the plane that libav allocated for the frame's size and
    // format; callers ask for the plane's own width and height, and a line is never shorter than its row.
    unsafe {
        let frame = &*frame.as_ptr();
        let (Some(&data), Some(&stride)) = (frame.data.get(index), frame.linesize.get(index)) else { return bytes };
        if data.is_null() || (stride.unsigned_abs() as usize) < row {
            return bytes;
        }
        for y in 0..height {
            let line = data.offset(y as isize * stride as isize);
            bytes.extend_from_slice(std::slice::from_raw_parts(line, row));
        }
    }
    bytes
}

/// Fills plane `index` of a picture that we allocated from rows without padding.
pub fn fill_plane(frame: &mut ff::frame::Video, index: usize, row: usize, bytes: &[u8]) {
    // SAFETY: `linesize[index]` is at least `row`, checked below, and libav allocated every line of the plane, whose
    // height is the caller's `bytes.len() / row`.
    unsafe {
        let frame = &mut *frame.as_mut_ptr();
        let (Some(&data), Some(&stride)) = (frame.data.get(index), frame.linesize.get(index)) else { return };
        if data.is_null() || row == 0 || (stride.unsigned_abs() as usize) < row {
            return;
        }
        for (y, line) in bytes.chunks_exact(row).enumerate() {
            ptr::copy_nonoverlapping(line.as_ptr(), data.offset(y as isize * stride as isize), row);
        }
    }
}

/// MD5 of the picture's planes as FFmpeg's rawvideo encoder lays them out, in hexadecimal, and how many bytes that
/// layout has: what the framemd5 muxer prints.
pub fn picture_md5(frame: &ff::frame::Video) -> (String, usize) {
    // SAFETY: the frame describes its own planes; the buffer has the size that libav asks for the same arguments.
    unsafe {
        let picture = &*frame.as_ptr();
        let format = (&raw const picture.format).cast::<ffi::AVPixelFormat>().read();
        let size = ffi::av_image_get_buffer_size(format, picture.width, picture.height, 1);
        let Ok(length) = usize::try_from(size) else { return (String::new(), 0) };
        let mut bytes = vec![0u8; length];
        ffi::av_image_copy_to_buffer(
            bytes.as_mut_ptr(),
            size,
            picture.data.as_ptr().cast(),
            picture.linesize.as_ptr(),
            format,
            picture.width,
            picture.height,
            1,
        );
        (md5(&bytes), length)
    }
}

/// MD5 of bytes in hexadecimal.
pub fn md5(bytes: &[u8]) -> String {
    let mut sum = [0u8; 16];
    // SAFETY: the digest has the 16 bytes that MD5 writes, and the length is the slice's own.
    unsafe { ffi::av_md5_sum(sum.as_mut_ptr(), bytes.as_ptr(), bytes.len() as _) };
    sum.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// True where the container has no clock of its own (raw streams, pictures in a row, GIF): time stamps are made up
/// while reading and differ after a seek.
pub fn makes_up_times(input: &Input) -> bool {
    // SAFETY: the context is open, its format is static, and both are only read.
    let flags = unsafe { (*(*input.as_ptr()).iformat).flags };
    // Ogg shares the generic index of the raw streams, but its pages carry times.
    flags & (ffi::AVFMT_NOTIMESTAMPS | ffi::AVFMT_GENERIC_INDEX) as c_int != 0 && input.format().name() != "ogg"
}

/// Moves the demuxer to the last place at or before `timestamp` of the stream from which decoding can start.
pub fn seek_before(input: &mut Input, stream: usize, timestamp: i64) -> Result<(), ff::Error> {
    // SAFETY: the context is open and not in use elsewhere: we hold it exclusively.
    let answer = unsafe {
        ffi::av_seek_frame(input.as_mut_ptr(), stream as c_int, timestamp, ffi::AVSEEK_FLAG_BACKWARD as c_int)
    };
    if answer < 0 { Err(ff::Error::from(answer)) } else { Ok(()) }
}

/// Leaves only the streams in `wanted` to the demuxer, so that packets of others cost nothing.
pub fn read_only_streams(input: &mut Input, wanted: &[usize]) {
    for index in 0..input.nb_streams() as usize {
        if !wanted.contains(&index)
            && let Some(mut stream) = input.stream_mut(index)
        {
            // SAFETY: the stream belongs to the context that we hold exclusively; the field is a plain setting.
            unsafe { (*stream.as_mut_ptr()).discard = ffi::AVDiscard::AVDISCARD_ALL };
        }
    }
}

/// The 3×3 display matrix of a stream as 16.16 (and 2.30) fixed-point numbers, if it has one.
pub fn display_matrix(stream: &ff::Stream<'_>) -> Option<[i32; 9]> {
    for side in stream.side_data() {
        // SAFETY: only the kind is compared, as the integer that it is in C.
        let kind = unsafe { (&raw const (*side.as_ptr()).type_).cast::<i32>().read() };
        if kind == ffi::AVPacketSideDataType::AV_PKT_DATA_DISPLAYMATRIX as i32 {
            let mut matrix = [0i32; 9];
            let words = side.data().chunks_exact(4).map(|word| word.try_into().map_or(0, i32::from_ne_bytes));
            matrix.iter_mut().zip(words).for_each(|(cell, word)| *cell = word);
            return Some(matrix);
        }
    }
    None
}

/// Tells a decoder the clock of its packets, so that it can trim sound and estimate times.
pub fn set_packet_clock(context: &mut ff::codec::Context, clock: ff::Rational, frame_rate: ff::Rational) {
    // SAFETY: plain settings of a context that is not opened yet and is held exclusively.
    unsafe {
        let context = &mut *context.as_mut_ptr();
        context.pkt_timebase = clock.into();
        context.framerate = frame_rate.into();
    }
}

/// The first `length` bytes of plane `index` of decoded sound; fewer where it has fewer.
pub fn sound_plane(samples: &ff::frame::Audio, index: usize, length: usize) -> &[u8] {
    // SAFETY: `extended_data` has a pointer a plane, and every plane holds `linesize[0]` bytes at least, which bounds
    // the slice; the slice borrows the frame.
    unsafe {
        let frame = &*samples.as_ptr();
        let planes = samples.planes();
        if index >= planes || frame.extended_data.is_null() {
            return &[];
        }
        let data = *frame.extended_data.add(index);
        let size = usize::try_from(frame.linesize[0]).unwrap_or(0);
        if data.is_null() { &[] } else { std::slice::from_raw_parts(data, length.min(size)) }
    }
}

/// True for a packet whose picture is decoded but not presented (before the start of an edit list).
pub fn is_discarded(packet: &ff::Packet) -> bool {
    use ff::packet::Ref;
    // SAFETY: the packet is alive and only read.
    unsafe { (*packet.as_ptr()).flags & ffi::AV_PKT_FLAG_DISCARD != 0 }
}

/// Fills plane `index` of a sound frame that we allocated.
pub fn fill_sound_plane(samples: &mut ff::frame::Audio, index: usize, bytes: &[u8]) {
    let planes = samples.planes();
    // SAFETY: as in `sound_plane`; no more than the plane's own size is written.
    unsafe {
        let frame = &mut *samples.as_mut_ptr();
        if index >= planes || frame.extended_data.is_null() {
            return;
        }
        let data = *frame.extended_data.add(index);
        let size = usize::try_from(frame.linesize[0]).unwrap_or(0);
        if !data.is_null() {
            ptr::copy_nonoverlapping(bytes.as_ptr(), data, bytes.len().min(size));
        }
    }
}
