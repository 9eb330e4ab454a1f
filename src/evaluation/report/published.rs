//! Figures that papers printed, each with where it stands, for the lists on which they were measured.

use crate::dataset::Benchmark;

/// A printed figure. Shares are in 0..1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Published {
    /// Whose: a system's id, or `centre-box`.
    pub system: &'static str,
    benchmark: Benchmark,
    /// Length of the list; `None` where the list is not public, so that no run has it.
    list: Option<usize>,
    /// Protocols under which the figure was measured, by their ids.
    protocols: &'static [&'static str],
    pub success: f64,
    /// From and to, where several trainings were printed; equal otherwise.
    pub ciou: [f64; 2],
    pub auc: Option<f64>,
    pub source: &'static str,
}

const HOW_TO_LISTEN: &str =
    "Wu et al., How to Listen? Rethinking Visual Sound Localization (2022), centred-box baseline";

const PUBLISHED: [Published; 6] = [
    Published {
        system: "lvs",
        benchmark: Benchmark::VggSs,
        list: Some(5158),
        protocols: &["lvs", "ssltie"],
        success: 0.5,
        ciou: [0.344, 0.344],
        auc: None,
        source: "Chen et al., Localizing Visual Sounds the Hard Way (2021); its boxes were corrected later, which its \
                 authors say moves figures by 2–3 %",
    },
    Published {
        system: "lvs",
        benchmark: Benchmark::FlickrSoundNet,
        list: Some(249),
        protocols: &["lvs", "ssltie"],
        success: 0.5,
        ciou: [0.719, 0.735],
        auc: None,
        source: "Chen et al., Localizing Visual Sounds the Hard Way (2021), by what the model was trained on",
    },
    Published {
        system: "centre-box",
        benchmark: Benchmark::FlickrSoundNet,
        list: Some(249),
        protocols: &[],
        success: 0.5,
        ciou: [0.618, 0.618],
        auc: Some(0.534),
        source: HOW_TO_LISTEN,
    },
    Published {
        system: "centre-box",
        benchmark: Benchmark::VggSs,
        // Of 4,436 frames, a list that was not published.
        list: None,
        protocols: &[],
        success: 0.5,
        ciou: [0.323, 0.323],
        auc: Some(0.372),
        source: HOW_TO_LISTEN,
    },
    Published {
        system: "quadrants",
        benchmark: Benchmark::MusicSynthetic,
        list: Some(455),
        protocols: &["howtolisten", "sspl"],
        success: 0.3,
        ciou: [0.053, 0.053],
        auc: Some(0.195),
        source: "Wu et al., How to Listen? Rethinking Visual Sound Localization (2022), baseline of a box in each quadrant",
    },
    Published {
        system: "centre-box",
        benchmark: Benchmark::Urbansas,
        // Of 10,802 frames that were chosen by a rule like FlowGrad's.
        list: None,
        protocols: &[],
        success: 0.3,
        ciou: [0.038, 0.038],
        auc: Some(0.075),
        source: HOW_TO_LISTEN,
    },
];

/// What was printed for `system` on this list under this protocol. A baseline that has no map is the same under every
/// protocol.
pub fn published(system: &str, benchmark: &str, clips: usize, protocol: &str) -> Option<&'static Published> {
    let mut parts = protocol.split('+');
    let id = parts.next().unwrap_or_default();
    // At which threshold success begins changes no mask; the figure stands at its own.
    let as_published = parts.all(|part| part.starts_with("success="));
    PUBLISHED.iter().find(|known| {
        known.system == system
            && known.benchmark.name() == benchmark
            && known.list == Some(clips)
            && (known.protocols.is_empty() || known.protocols.contains(&id) && as_published)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_shown_for_their_own_list_only() {
        assert_eq!(published("lvs", "VGG-SS", 5158, "lvs").unwrap().ciou, [0.344, 0.344]);
        assert_eq!(published("lvs", "VGG-SS", 4911, "lvs"), None);
        assert_eq!(published("lvs", "VGG-SS", 5158, "sspl"), None);
        assert_eq!(published("lvs", "VGG-SS", 5158, "lvs+binarize=fixed:0.5"), None);
        assert!(published("lvs", "VGG-SS", 5158, "lvs+success=0.3,0.5").is_some());
        let quadrants = published("quadrants", "MUSIC-Synthetic", 455, "howtolisten+success=0.3,0.5").unwrap();
        assert_eq!((quadrants.success, quadrants.auc), (0.3, Some(0.195)));
        assert!(published("centre-box", "Flickr-SoundNet", 249, "sspl").is_some());
        assert_eq!(published("centre-box", "VGG-SS", 4436, "lvs"), None, "that list is not public");
    }
}
