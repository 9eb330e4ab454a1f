use std::sync::{Arc, Mutex};

use crate::media::{Frame, FrameServer, MediaError, Picture, VideoReader};

/// Where the engine gets a clip's pictures from. Called on worker threads.
pub trait PictureSource: Send + Sync {
    /// The frame at `index`, as models see it. Errors are words for the user.
    fn picture(&self, index: usize) -> Result<Arc<Picture>, String>;
}

/// A clip's pictures: from the frames already decoded for the screen where they are there, otherwise by a reader of
/// its own, so that background work never moves the decoder that the screen waits for.
pub struct ClipPictures {
    server: Arc<FrameServer>,
    /// Made when it is first needed.
    reader: Mutex<Option<VideoReader>>,
    open: Box<dyn Fn() -> Result<VideoReader, MediaError> + Send + Sync>,
}

impl ClipPictures {
    /// `open` makes the reader when it is first needed.
    pub fn new(
        server: Arc<FrameServer>,
        open: impl Fn() -> Result<VideoReader, MediaError> + Send + Sync + 'static,
    ) -> Self {
        Self { server, reader: Mutex::new(None), open: Box::new(open) }
    }

    fn frame(&self, index: usize) -> Result<Arc<Frame>, String> {
        if let Some(frame) = self.server.get(index) {
            return Ok(frame);
        }
        let mut reader = self.reader.lock().map_err(|_| "the background decoder stopped".to_owned())?;
        let reader = match &mut *reader {
            Some(reader) => reader,
            empty => empty.insert((self.open)().map_err(|error| error.to_string())?),
        };
        reader.frame(index).map_err(|error| error.to_string())
    }
}

impl PictureSource for ClipPictures {
    fn picture(&self, index: usize) -> Result<Arc<Picture>, String> {
        Ok(Arc::new(self.frame(index)?.to_picture()))
    }
}
