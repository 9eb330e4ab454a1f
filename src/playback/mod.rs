//! The clock and the audio output: what is heard now and so which frame is due.
//!
//! The sound card leads where there is one, the wall clock otherwise. Not in here: decoding (`media`), drawing.
