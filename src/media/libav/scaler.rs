//! Pictures from one format and size to another: swscale with the colour told in full.

use std::ffi::{CStr, c_int};
use std::ptr;

use ff::ffi;
use ff::format::Pixel;
use ffmpeg_next as ff;

/// swscale's number for a matrix of the coefficients that FFmpeg's colour space numbers name.
pub const SWS_MATRIX_709: c_int = 1;
pub const SWS_MATRIX_601: c_int = 5;
pub const SWS_MATRIX_240M: c_int = 7;
pub const SWS_MATRIX_2020: c_int = 9;
pub const SWS_MATRIX_FCC: c_int = 4;

/// How a scaler is told about colour.
pub struct ScalerColor {
    pub matrix: c_int,
    pub full_range_in: bool,
    pub full_range_out: bool,
    /// Where the chroma samples lie, in 1/256 of a luma sample right and down of the first one.
    pub chroma_position: Option<(i64, i64)>,
}

/// swscale with our flags: exact rounding, full chroma, the colour description and chroma position of its input.
pub struct Scaler {
    context: *mut ffi::SwsContext,
}

impl Scaler {
    /// A scaler between two formats and sizes.
    pub fn new(from: (Pixel, u32, u32), to: (Pixel, u32, u32), color: &ScalerColor) -> Option<Self> {
        let flags = ffi::SWS_BILINEAR as i64
            | ffi::SWS_ACCURATE_RND as i64
            | ffi::SWS_FULL_CHR_H_INT as i64
            | ffi::SWS_FULL_CHR_H_INP as i64
            | ffi::SWS_BITEXACT as i64;
        // SAFETY: the context is made here and freed by `Drop`; options are set by name before it is initialized, and
        // an option that this swscale does not know is refused without effect; the coefficient tables are static.
        unsafe {
            let scaler = Self { context: ffi::sws_alloc_context() };
            if scaler.context.is_null() {
                return None;
            }
            let set = |name: &CStr, value: i64| {
                ffi::av_opt_set_int(scaler.context.cast(), name.as_ptr(), value, 0);
            };
            set(c"srcw", i64::from(from.1));
            set(c"srch", i64::from(from.2));
            set(c"src_format", ffi::AVPixelFormat::from(from.0) as i64);
            set(c"dstw", i64::from(to.1));
            set(c"dsth", i64::from(to.2));
            set(c"dst_format", ffi::AVPixelFormat::from(to.0) as i64);
            set(c"src_range", i64::from(color.full_range_in));
            set(c"dst_range", i64::from(color.full_range_out));
            set(c"sws_flags", flags);
            if let Some((right, down)) = color.chroma_position {
                set(c"src_h_chr_pos", right);
                set(c"src_v_chr_pos", down);
            }
            let table = ffi::sws_getCoefficients(color.matrix);
            let (range_in, range_out) = (c_int::from(color.full_range_in), c_int::from(color.full_range_out));
            if ffi::sws_init_context(scaler.context, ptr::null_mut(), ptr::null_mut()) < 0 {
                return None;
            }
            ffi::sws_setColorspaceDetails(scaler.context, table, range_in, table, range_out, 0, 1 << 16, 1 << 16);
            Some(scaler)
        }
    }

    /// Converts `input`, which has the size and format that the scaler was made for, into a picture of its own.
    pub fn run(&mut self, input: &ff::frame::Video, to: (Pixel, u32, u32)) -> ff::frame::Video {
        let mut output = ff::frame::Video::new(to.0, to.1, to.2);
        // SAFETY: both frames own planes of the sizes and formats that the context was initialized with (callers pass
        // the pairs that they gave to `new`).
        unsafe {
            let (source, target) = (&*input.as_ptr(), &mut *output.as_mut_ptr());
            ffi::sws_scale(
                self.context,
                source.data.as_ptr().cast(),
                source.linesize.as_ptr(),
                0,
                source.height,
                target.data.as_ptr(),
                target.linesize.as_ptr(),
            );
        }
        output
    }
}

impl Drop for Scaler {
    fn drop(&mut self) {
        // SAFETY: the context was made by `sws_alloc_context` and is freed once; null is allowed.
        unsafe { ffi::sws_freeContext(self.context) };
    }
}

// SAFETY: a scaler owns its context alone; swscale keeps no thread-local state in it.
unsafe impl Send for Scaler {}
