//! The windows and panels.
//!
//! Panels read the state and push commands; commands are applied in one place per pass.
