//! Every system of the field by its id, whether it runs here or not, and how to open those that do.

use std::path::PathBuf;

use super::baselines::Baseline;
use super::{Localizer, LocalizerError, Result};

/// A row of the registry.
#[derive(Debug, PartialEq)]
pub struct System {
    /// As on the command line.
    pub id: &'static str,
    /// As on screen.
    pub name: &'static str,
    pub citation: &'static str,
    /// Which colour of the palette is its own, for good.
    pub color_slot: usize,
    pub status: Status,
}

/// What keeps a system from running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nothing: it needs no files.
    Runs,
    /// It runs once it is given these files.
    NeedsFiles(&'static str),
    /// Its authors published no code.
    NoPublicCode,
    /// Not in this program yet.
    NotYet,
}

impl Status {
    /// The words on screen.
    pub fn text(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::NeedsFiles(files) => files,
            Self::NoPublicCode => "no public code",
            Self::NotYet => "not yet",
        }
    }
}

/// All systems, in the order in which they are listed.
pub fn systems() -> &'static [System] {
    &SYSTEMS
}

/// The system with this id.
pub fn find(id: &str) -> Option<&'static System> {
    SYSTEMS.iter().find(|system| system.id == id)
}

/// Opens a system with its weight files, as published or as `sonolens models add` stored them.
///
/// # Errors
/// An id that is not in the registry, a system that does not run here, files too few or too many, and files that do
/// not hold what the system needs (the first wrong keys are named).
pub fn open(id: &str, weights: &[PathBuf]) -> Result<Box<dyn Localizer>> {
    let system = find(id).ok_or_else(|| LocalizerError::UnknownSystem { id: id.to_owned() })?;
    let without_files = |localizer: Baseline| -> Result<Box<dyn Localizer>> {
        if weights.is_empty() {
            Ok(Box::new(localizer))
        } else {
            Err(LocalizerError::WeightFiles { id: system.id, needed: "no files", given: weights.len() })
        }
    };
    match system.id {
        "centre-box" => without_files(Baseline::center_box(system)),
        "quadrants" => without_files(Baseline::quadrants(system)),
        _ => Err(LocalizerError::NotAvailable { name: system.name, reason: system.status.text() }),
    }
}

const fn system(
    color_slot: usize,
    id: &'static str,
    name: &'static str,
    status: Status,
    citation: &'static str,
) -> System {
    System { id, name, citation, color_slot, status }
}

static SYSTEMS: [System; 26] = [
    system(
        0,
        "lvs",
        "LVS",
        Status::NotYet,
        "Chen, Xie, Afouras, Nagrani, Vedaldi, Zisserman: Localizing Visual Sounds the Hard Way, CVPR 2021",
    ),
    system(
        1,
        "hardpos",
        "HardPos",
        Status::NotYet,
        "Senocak, Ryu, Kim, Kweon: Learning Sound Localization Better from Semantically Similar Samples, ICASSP 2022",
    ),
    system(2, "ez-vsl", "EZ-VSL", Status::NotYet, "Mo, Morgado: Localizing Visual Sounds the Easy Way, ECCV 2022"),
    system(
        3,
        "ez-vsl-ogl",
        "EZ-VSL + OGL",
        Status::NotYet,
        "Mo, Morgado: Localizing Visual Sounds the Easy Way, ECCV 2022",
    ),
    system(
        4,
        "fnac",
        "FNAC",
        Status::NotYet,
        "Sun, Zhang, Wang, Liu, Zhong, Feng, Guo, Zhang, Barnes: Learning Audio-Visual Source Localization via False \
         Negative Aware Contrastive Learning, CVPR 2023",
    ),
    system(
        5,
        "slavc",
        "SLAVC",
        Status::NotYet,
        "Mo, Morgado: A Closer Look at Weakly-Supervised Audio-Visual Source Localization, NeurIPS 2022",
    ),
    system(
        6,
        "slavc-ogl",
        "SLAVC + OGL",
        Status::NotYet,
        "Mo, Morgado: A Closer Look at Weakly-Supervised Audio-Visual Source Localization, NeurIPS 2022",
    ),
    system(
        7,
        "ssl-tie",
        "SSL-TIE",
        Status::NotYet,
        "Liu, Ju, Xie, Zhang: Exploiting Transformation Invariance and Equivariance for Self-supervised Sound \
         Localisation, ACM Multimedia 2022",
    ),
    system(
        8,
        "alignment",
        "Alignment",
        Status::NotYet,
        "Senocak, Ryu, Kim, Oh, Pfister, Chung: Sound Source Localization is All about Cross-Modal Alignment, ICCV 2023",
    ),
    system(
        9,
        "alignment-ogl",
        "Alignment + OGL",
        Status::NotYet,
        "Senocak, Ryu, Kim, Oh, Pfister, Chung: Sound Source Localization is All about Cross-Modal Alignment, ICCV 2023",
    ),
    system(
        10,
        "rcgrad",
        "RCGrad",
        Status::NotYet,
        "Wu, Fuentes, Seetharaman, Bello: How to Listen? Rethinking Visual Sound Localization, INTERSPEECH 2022",
    ),
    system(
        11,
        "clip-audio",
        "CLIPAudioTran",
        Status::NotYet,
        "Wu, Fuentes, Seetharaman, Bello: How to Listen? Rethinking Visual Sound Localization, INTERSPEECH 2022 (on \
         CLIP, Radford et al. 2021; Wav2CLIP, Wu et al. 2022; Transformer-MM explainability, Chefer et al. 2021)",
    ),
    system(
        12,
        "clip-text",
        "CLIPTextTran",
        Status::NotYet,
        "Wu, Fuentes, Seetharaman, Bello: How to Listen? Rethinking Visual Sound Localization, INTERSPEECH 2022 (on \
         CLIP, Radford et al. 2021; Transformer-MM explainability, Chefer et al. 2021)",
    ),
    system(
        13,
        "avol",
        "AVOL-net",
        Status::NotYet,
        "Arandjelović, Zisserman: Objects that Sound, ECCV 2018 (in the reproduction kyuyeonpooh/objects-that-sound)",
    ),
    system(
        14,
        "hear-the-flow",
        "HearTheFlow",
        Status::NotYet,
        "Fedorishin, Mohan, Jawade, Setlur, Govindaraju: Hear The Flow: Optical Flow-Based Self-Supervised Visual Sound \
         Source Localization, WACV 2023",
    ),
    system(
        15,
        "attention10k",
        "Attention10k",
        Status::NotYet,
        "Senocak, Oh, Kim, Yang, Kweon: Learning to Localize Sound Source in Visual Scenes, CVPR 2018",
    ),
    system(
        16,
        "sspl",
        "SSPL",
        Status::NotYet,
        "Song, Wang, Fan, Tan, Zhang: Self-Supervised Predictive Learning: A Negative-Free Method for Sound Source \
         Localization in Visual Scenes, CVPR 2022",
    ),
    system(
        17,
        "dmc",
        "DMC",
        Status::NotYet,
        "Hu, Nie, Li: Deep Multimodal Clustering for Unsupervised Audiovisual Learning, CVPR 2019 (the simplified version)",
    ),
    system(
        18,
        "dsol",
        "DSOL",
        Status::NotYet,
        "Hu, Qian, Jiang, Tan, Wen, Ding, Lin, Dou: Discriminative Sounding Objects Localization via Self-supervised \
         Audiovisual Matching, NeurIPS 2020",
    ),
    system(
        19,
        "coarse-to-fine",
        "CoarseToFine",
        Status::NotYet,
        "Qian, Hu, Dinkel, Wu, Xu, Lin: Multiple Sound Sources Localization from Coarse to Fine, ECCV 2020",
    ),
    system(
        20,
        "lcbm",
        "LCBM",
        Status::NoPublicCode,
        "Senocak, Ryu, Kim, Kweon: Less Can Be More: Sound Source Localization With a Classification Model, WACV 2022",
    ),
    system(
        21,
        "avobject",
        "AVObject",
        Status::NotYet,
        "Afouras, Owens, Chung, Zisserman: Self-Supervised Learning of Audio-Visual Objects from Video, ECCV 2020",
    ),
    system(22, "centre-box", "Centre box", Status::Runs, "Naive baseline: the middle half of the image"),
    system(
        23,
        "quadrants",
        "Quadrants",
        Status::Runs,
        "Naive baseline: a box of an eighth of the image in the middle of each quadrant",
    ),
    system(24, "precomputed", "Precomputed", Status::NotYet, "Heatmaps that another program saved as .npz"),
    system(25, "onnx", "ONNX", Status::NotYet, "A model of one's own, exported to ONNX"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_colors_are_told_apart() {
        for (index, system) in systems().iter().enumerate() {
            assert_eq!(find(system.id), Some(system));
            assert_eq!(system.color_slot, index, "{}", system.id);
        }
    }

    #[test]
    fn what_cannot_be_opened_says_why() {
        let reason = |id: &str, files: usize| match open(id, &vec![PathBuf::from("x.pth"); files]) {
            Ok(_) => panic!("{id} opened"),
            Err(error) => error.to_string(),
        };
        assert!(reason("nonsense", 0).contains("models list"));
        assert!(reason("lcbm", 1).contains("no public code"));
        assert!(reason("centre-box", 1).contains("no files"));
    }
}
