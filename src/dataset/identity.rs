//! One clip, many spellings: ids as lists, annotations and file names write them.

use std::borrow::Cow;
use std::path::Path;

/// Extensions that lists and annotation files put behind an id.
const EXTENSIONS: [&str; 22] = [
    "jpg", "jpeg", "png", "bmp", "webp", "mp4", "mkv", "avi", "mov", "webm", "m4v", "mpg", "wav", "flac", "mp3", "ogg",
    "m4a", "aac", "npy", "pkl", "xml", "txt",
];

/// Characters of a YouTube id.
const YOUTUBE_ID: usize = 11;

/// The last part of a path as any system writes it, without a media extension.
pub fn stem(name: &str) -> &str {
    let base = name.trim().rsplit(['/', '\\']).next().unwrap_or(name);
    match base.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && is_extension(extension) => stem,
        _ => base,
    }
}

fn is_extension(text: &str) -> bool {
    EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(text))
}

/// The spelling under which a clip is looked up: no folder, no extension, VGG ids with six-digit seconds.
///
/// VGG-SS writes `gklbB7TYoK4_000030`, others `gklbB7TYoK4_30000_40000`. The video id has eleven characters and may
/// itself contain `_`, so it is cut at that place.
pub fn key(name: &str) -> Cow<'_, str> {
    let stem = stem(name);
    match vgg_start_secs(stem) {
        Some(start_secs) => Cow::Owned(format!("{}_{start_secs:06}", &stem[..YOUTUBE_ID])),
        None => Cow::Borrowed(stem),
    }
}

/// Start second of a VGG-Sound clip id in either spelling.
pub fn vgg_start_secs(id: &str) -> Option<u32> {
    if !id.is_char_boundary(YOUTUBE_ID) {
        return None;
    }
    let (video, rest) = id.split_at_checked(YOUTUBE_ID)?;
    if !video.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
        return None;
    }
    let rest = rest.strip_prefix('_')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some((start, end)) = rest.split_once('_') {
        if !digits(start) || !digits(end) {
            return None;
        }
        let (start_ms, end_ms): (u32, u32) = (start.parse().ok()?, end.parse().ok()?);
        return (start_ms % 1000 == 0 && end_ms.checked_sub(start_ms)? == 10_000).then_some(start_ms / 1000);
    }
    if rest.len() == 6 && digits(rest) { rest.parse().ok() } else { None }
}

/// The last `parts` parts of a path without its extension, joined by `/`: names of clips whose base names repeat.
pub fn path_tail(name: &str, parts: usize) -> String {
    let all: Vec<&str> = name.trim().split(['/', '\\']).filter(|part| !part.is_empty()).collect();
    let kept = &all[all.len().saturating_sub(parts)..];
    match kept.split_last() {
        Some((last, folders)) => folders.iter().copied().chain([stem(last)]).collect::<Vec<_>>().join("/"),
        None => String::new(),
    }
}

/// File name of a path for messages.
pub fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_clip_meet() {
        for spelling in [
            "gklbB7TYoK4_000030",
            "gklbB7TYoK4_30000_40000",
            "gklbB7TYoK4_000030.jpg",
            "/data/frames/gklbB7TYoK4_000030.mp4",
            "D:\\data\\gklbB7TYoK4_30000_40000.WAV",
        ] {
            assert_eq!(key(spelling), "gklbB7TYoK4_000030");
        }
        assert_eq!(key("a_b-c_d_e_f_000007"), "a_b-c_d_e_f_000007");
        assert_eq!(vgg_start_secs("a_b-c_d_e_f_000007"), Some(7));
    }

    #[test]
    fn other_ids_stay_as_they_are() {
        for id in
            ["3908875350", "0d9u2CymIxc_1", "0WxgIKuetYI_0_1", "accordion_female_10438_accordion", "ééééééééééé_1"]
        {
            assert_eq!(key(id), id);
        }
        assert_eq!(key("rq5RDUm2Hnk_1.mp4_1.png"), "rq5RDUm2Hnk_1.mp4_1");
        assert_eq!(
            path_tail("/x/test/helicopter/0d9u2CymIxc/0d9u2CymIxc_1.png", 3),
            "helicopter/0d9u2CymIxc/0d9u2CymIxc_1"
        );
    }
}
