//! Small pictures spread evenly over a clip.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::table::FrameTable;
use super::{Media, MediaError, Picture, VideoReader};

/// A small picture and the frame that it shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Thumbnail {
    pub index: usize,
    pub time_secs: f64,
    pub picture: Picture,
}

/// Makes `count` pictures, the clip's time cut into as many equal cells, neither side longer than `side`, and hands
/// each over as it is ready. A key frame within the cell stands for it, since it is quick to decode; otherwise the
/// frame in the cell's middle. Frames that are damaged are left out.
///
/// # Errors
/// When `stop` became true.
pub fn thumbnails(
    media: &Media,
    table: &Arc<FrameTable>,
    count: usize,
    side: u32,
    stop: &Arc<AtomicBool>,
    mut ready: impl FnMut(Thumbnail),
) -> Result<(), MediaError> {
    let mut reader = VideoReader::new(media, Arc::clone(table), Arc::clone(stop));
    for index in places(table, count) {
        match reader.frame(index) {
            Ok(frame) => {
                ready(Thumbnail { index, time_secs: frame.time_secs, picture: frame.to_thumbnail(side) });
            }
            Err(stopped @ MediaError::Cancelled { .. }) => return Err(stopped),
            Err(_) => {}
        }
    }
    Ok(())
}

/// The frame that stands for each of `count` cells of the clip's time; none twice.
fn places(table: &FrameTable, count: usize) -> Vec<usize> {
    let (start, length) = (table.time_secs(0), table.end_secs() - table.time_secs(0));
    let at = |cells: f64| table.index_at(start + length * cells / count.max(1) as f64);
    let mut places = (0..count)
        .map(|cell| {
            let (first, middle) = (at(cell as f64), at(cell as f64 + 0.5));
            let key = table.group(middle).start;
            if key >= first { key } else { middle }
        })
        .collect::<Vec<_>>();
    places.dedup();
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_frames_stand_for_the_cells_that_hold_one() {
        assert_eq!(places(&FrameTable::regular(100, 10), 5), [10, 30, 50, 70, 90]);
        assert_eq!(places(&FrameTable::regular(100, 100), 4), [0, 37, 62, 87]);
        assert_eq!(places(&FrameTable::regular(1, 1), 4), [0]);
    }
}
