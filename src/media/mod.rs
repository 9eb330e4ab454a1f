//! Pictures and sound out of files, exactly: the presented frames in presentation order, the samples from the first
//! audible one.
//!
//! The clip's time zero, which pictures and sound share, is the start of the container: the start of whichever of its
//! streams starts first, as FFmpeg and mpv count it. A frame's time is its presentation time from there, never its
//! number over a rate; a sound that starts later than the pictures starts at a time above zero.
//!
//! The only room that knows FFmpeg. It leaves to others when a frame is wanted (`engine`, `playback`) and how it is
//! drawn (`render`).

mod audio;
mod encode;
mod error;
mod frame;
mod framemd5;
mod libav;
mod peaks;
mod picture;
mod reader;
mod server;
mod source;
mod still;
mod table;
mod thumbnails;

pub use audio::{Soundtrack, decode_audio};
pub use encode::{EncodeSettings, encode};
pub use error::MediaError;
pub use frame::{ChromaSiting, ColorDescription, Frame, Matrix, Orientation, Plane, PlaneLayout, Range};
pub use framemd5::Framemd5Clock;
pub use libav::versions as ffmpeg_versions;
pub use peaks::Peaks;
pub use picture::Picture;
pub use reader::VideoReader;
pub use server::{Direction, FrameServer, OnReady, ServerStatistics};
pub use source::{AudioStream, Media, VideoStream, open};
pub use table::FrameTable;
pub use thumbnails::{Thumbnail, thumbnails};
