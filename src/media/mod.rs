//! Pictures and sound out of files, exactly: the presented frames in presentation order, the samples from the first
//! audible one.
//!
//! The only room that knows FFmpeg. It leaves to others when a frame is wanted (`engine`, `playback`) and how it is
//! drawn (`render`).

mod picture;

pub use picture::Picture;
