//! Every system of the field by its id, whether it runs here or not, and how to open those that do.

use std::path::PathBuf;

use super::alignment::alignment;
use super::attention10k::Attention10k;
use super::avol::Avol;
use super::baselines::Baseline;
use super::clip::ClipTransformer;
use super::coarse_to_fine::CoarseToFine;
use super::dmc::Dmc;
use super::dsol::{self, Dsol};
use super::ez_vsl::EzVsl;
use super::hear_the_flow::HearTheFlow;
use super::lvs::lvs;
use super::onnx::{self, Onnx};
use super::precomputed::Precomputed;
use super::rcgrad::RcGrad;
use super::slavc::{Branch, Slavc};
use super::ssl_tie::ssl_tie;
use super::sspl::Sspl;
use super::variants::{self, MOMENTUM, RUNNING_STATISTICS};
use super::{Localizer, LocalizerError, Result};
use crate::network::arrays::ArrayError;
use crate::network::{BatchNorm, StateDict, checkpoint};

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
    /// This program was built without it.
    NotBuilt(&'static str),
}

impl Status {
    /// The words on screen.
    pub fn text(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::NeedsFiles(words) | Self::NotBuilt(words) => words,
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

/// Opens a system in its usual form with its weight files; see [`open_variant`].
///
/// # Errors
/// As [`open_variant`].
pub fn open(id: &str, weights: &[PathBuf]) -> Result<Box<dyn Localizer>> {
    open_variant(id, None, weights)
}

/// Opens a system, or one of its variants, with its weight files, as published or as `sonolens models add` stored
/// them. The files of a system that needs several are told apart by their keys, so their order does not matter.
///
/// # Errors
/// An id that is not in the registry, a variant that the system does not have, a system that does not run here, files
/// too few or too many, and files that do not hold what the system needs (the first wrong keys are named).
pub fn open_variant(id: &str, variant: Option<&str>, weights: &[PathBuf]) -> Result<Box<dyn Localizer>> {
    let system = find(id).ok_or_else(|| LocalizerError::UnknownSystem { id: id.to_owned() })?;
    check_variant(system, variant)?;
    match system.status {
        Status::NeedsFiles(needed) if system.id == "onnx" => open_described(system, needed, weights),
        Status::NeedsFiles(needed) if system.id == "precomputed" => match weights {
            [path] => Ok(Box::new(Precomputed::open(system, path)?)),
            others => Err(LocalizerError::WeightFiles { id: system.id, needed, given: others.len() }),
        },
        Status::Runs if weights.is_empty() => build(id, &StateDict::new()),
        Status::Runs => Err(LocalizerError::WeightFiles { id: system.id, needed: "no files", given: weights.len() }),
        Status::NeedsFiles(needed) if weights.is_empty() => {
            Err(LocalizerError::WeightFiles { id: system.id, needed, given: 0 })
        }
        Status::NeedsFiles(_) => {
            build_variant(id, variant, &read_together(system, weights)?).map_err(|error| match error {
                LocalizerError::WrongWeights { message } => {
                    LocalizerError::Weights { paths: weights.to_vec(), message }
                }
                other => other,
            })
        }
        Status::NoPublicCode | Status::NotYet | Status::NotBuilt(_) => {
            Err(LocalizerError::NotAvailable { name: system.name, reason: system.status.text() })
        }
    }
}

/// Builds a system in its usual form; see [`build_variant`].
///
/// # Errors
/// As [`build_variant`].
pub fn build(id: &str, weights: &StateDict) -> Result<Box<dyn Localizer>> {
    build_variant(id, None, weights)
}

/// Builds a system, or one of its variants, of weights that were read already; those of several files together in one
/// dict.
///
/// # Errors
/// As [`open_variant`].
pub fn build_variant(id: &str, variant: Option<&str>, weights: &StateDict) -> Result<Box<dyn Localizer>> {
    let system = find(id).ok_or_else(|| LocalizerError::UnknownSystem { id: id.to_owned() })?;
    check_variant(system, variant)?;
    Ok(match system.id {
        "lvs" => Box::new(lvs(system, weights)?),
        "ssl-tie" => Box::new(ssl_tie(system, weights)?),
        "hardpos" | "alignment" | "alignment-ogl" => Box::new(alignment(system, variant, weights)?),
        "ez-vsl" | "ez-vsl-ogl" | "fnac" => Box::new(EzVsl::new(system, weights)?),
        "slavc" | "slavc-ogl" => {
            let branch = if variant == Some(MOMENTUM) { Branch::Momentum } else { Branch::Online };
            Box::new(Slavc::new(system, weights, branch)?)
        }
        "rcgrad" => {
            let norm = if variant == Some(RUNNING_STATISTICS) { BatchNorm::Folded } else { BatchNorm::PerCall };
            Box::new(RcGrad::new(system, weights, norm)?)
        }
        "clip-audio" => Box::new(ClipTransformer::asked_by_sound(system, weights)?),
        "clip-text" => Box::new(ClipTransformer::asked_by_text(system, weights)?),
        "avol" => Box::new(Avol::new(system, weights)?),
        "hear-the-flow" => Box::new(HearTheFlow::new(system, weights)?),
        "attention10k" => Box::new(Attention10k::new(system, weights)?),
        "sspl" => Box::new(Sspl::new(system, weights)?),
        "dmc" => Box::new(Dmc::new(system, weights)?),
        "dsol" => Box::new(Dsol::new(system, variant, weights)?),
        "coarse-to-fine" => Box::new(CoarseToFine::new(system, weights)?),
        "centre-box" => Box::new(Baseline::center_box(system)),
        "quadrants" => Box::new(Baseline::quadrants(system)),
        _ => return Err(LocalizerError::NotAvailable { name: system.name, reason: system.status.text() }),
    })
}

/// HearTheFlow, to be shown a picture of the motion instead of a next frame.
///
/// # Errors
/// As [`build`].
pub fn build_hear_the_flow(weights: &StateDict) -> Result<HearTheFlow> {
    let id = "hear-the-flow";
    HearTheFlow::new(find(id).ok_or_else(|| LocalizerError::UnknownSystem { id: id.to_owned() })?, weights)
}

fn check_variant(system: &'static System, variant: Option<&str>) -> Result<()> {
    match variant {
        Some(variant) if variants::find(system.id, variant).is_none() => Err(LocalizerError::UnknownVariant {
            id: system.id,
            variant: variant.to_owned(),
            known: variants::variants(system.id).iter().map(|known| known.id).collect(),
        }),
        _ => Ok(()),
    }
}

/// A described model: its description, and beside it at most the files that it names.
fn open_described(system: &'static System, needed: &'static str, files: &[PathBuf]) -> Result<Box<dyn Localizer>> {
    let [description, others @ ..] = files else {
        return Err(LocalizerError::WeightFiles { id: system.id, needed, given: 0 });
    };
    if !others.is_empty() && onnx::files_of(description)? != others {
        return Err(LocalizerError::WeightFiles { id: system.id, needed, given: files.len() });
    }
    Ok(Box::new(Onnx::open(system, description)?))
}

/// The weights of all files in one dict.
fn read_together(system: &System, files: &[PathBuf]) -> Result<StateDict> {
    let mut together = StateDict::new();
    for file in files {
        let weights = if system.id == "dsol" && dsol::is_dictionary(file) {
            let refused = |error: ArrayError| LocalizerError::WrongWeights { message: error.to_string() };
            dsol::read_dictionary(file).map_err(refused)?
        } else {
            checkpoint::read(file)?.state_dict()?
        };
        for (key, tensor) in weights {
            if together.insert(key.clone(), tensor).is_some() {
                let message = format!("two of the files hold {key}; give each file once");
                return Err(LocalizerError::Weights { paths: files.to_vec(), message });
            }
        }
    }
    Ok(together)
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
        Status::NeedsFiles("weights needed: the authors' .pth.tar"),
        "Chen, Xie, Afouras, Nagrani, Vedaldi, Zisserman: Localizing Visual Sounds the Hard Way, CVPR 2021",
    ),
    system(
        1,
        "hardpos",
        "HardPos",
        Status::NeedsFiles("weights needed: a checkpoint of the alignment graph"),
        "Senocak, Ryu, Kim, Kweon: Learning Sound Localization Better from Semantically Similar Samples, ICASSP 2022",
    ),
    system(
        2,
        "ez-vsl",
        "EZ-VSL",
        Status::NeedsFiles("weights needed: the authors' best.pth"),
        "Mo, Morgado: Localizing Visual Sounds the Easy Way, ECCV 2022",
    ),
    system(
        3,
        "ez-vsl-ogl",
        "EZ-VSL + OGL",
        Status::NeedsFiles("weights needed: the authors' best.pth and torchvision's resnet18-5c106cde.pth"),
        "Mo, Morgado: Localizing Visual Sounds the Easy Way, ECCV 2022",
    ),
    system(
        4,
        "fnac",
        "FNAC",
        Status::NeedsFiles("weights needed: the authors' best.pth"),
        "Sun, Zhang, Wang, Liu, Zhong, Feng, Guo, Zhang, Barnes: Learning Audio-Visual Source Localization via False \
         Negative Aware Contrastive Learning, CVPR 2023",
    ),
    system(
        5,
        "slavc",
        "SLAVC",
        Status::NeedsFiles("weights needed: the authors' latest.pth"),
        "Mo, Morgado: A Closer Look at Weakly-Supervised Audio-Visual Source Localization, NeurIPS 2022",
    ),
    system(
        6,
        "slavc-ogl",
        "SLAVC + OGL",
        Status::NeedsFiles("weights needed: the authors' latest.pth and torchvision's resnet18-5c106cde.pth"),
        "Mo, Morgado: A Closer Look at Weakly-Supervised Audio-Visual Source Localization, NeurIPS 2022",
    ),
    system(
        7,
        "ssl-tie",
        "SSL-TIE",
        Status::NeedsFiles("weights needed: the authors' .pth.tar"),
        "Liu, Ju, Xie, Zhang: Exploiting Transformation Invariance and Equivariance for Self-supervised Sound \
         Localisation, ACM Multimedia 2022",
    ),
    system(
        8,
        "alignment",
        "Alignment",
        Status::NeedsFiles("weights needed: the authors' ours_*.pth.tar"),
        "Senocak, Ryu, Kim, Oh, Pfister, Chung: Sound Source Localization is All about Cross-Modal Alignment, ICCV 2023",
    ),
    system(
        9,
        "alignment-ogl",
        "Alignment + OGL",
        Status::NeedsFiles("weights needed: the authors' ours_*.pth.tar and torchvision's resnet18-5c106cde.pth"),
        "Senocak, Ryu, Kim, Oh, Pfister, Chung: Sound Source Localization is All about Cross-Modal Alignment, ICCV 2023",
    ),
    system(
        10,
        "rcgrad",
        "RCGrad",
        Status::NeedsFiles("weights needed: the authors' rc_grad.pt"),
        "Wu, Fuentes, Seetharaman, Bello: How to Listen? Rethinking Visual Sound Localization, INTERSPEECH 2022",
    ),
    system(
        11,
        "clip-audio",
        "CLIPAudioTran",
        Status::NeedsFiles("weights needed: OpenAI's ViT-B-32.pt and Wav2CLIP.pt"),
        "Wu, Fuentes, Seetharaman, Bello: How to Listen? Rethinking Visual Sound Localization, INTERSPEECH 2022 (on \
         CLIP, Radford et al. 2021; Wav2CLIP, Wu et al. 2022; Transformer-MM explainability, Chefer et al. 2021)",
    ),
    system(
        12,
        "clip-text",
        "CLIPTextTran",
        Status::NeedsFiles("weights needed: OpenAI's ViT-B-32.pt"),
        "Wu, Fuentes, Seetharaman, Bello: How to Listen? Rethinking Visual Sound Localization, INTERSPEECH 2022 (on \
         CLIP, Radford et al. 2021; Transformer-MM explainability, Chefer et al. 2021)",
    ),
    system(
        13,
        "avol",
        "AVOL-net",
        Status::NeedsFiles("weights needed: the reproduction's AVOL-Net_inst.pt"),
        "Arandjelović, Zisserman: Objects that Sound, ECCV 2018 (in the reproduction kyuyeonpooh/objects-that-sound)",
    ),
    system(
        14,
        "hear-the-flow",
        "HearTheFlow",
        Status::NeedsFiles("weights needed: the authors' .pth or .ckpt"),
        "Fedorishin, Mohan, Jawade, Setlur, Govindaraju: Hear The Flow: Optical Flow-Based Self-Supervised Visual Sound \
         Source Localization, WACV 2023",
    ),
    system(
        15,
        "attention10k",
        "Attention10k",
        Status::NeedsFiles("weights needed: the authors' .pth, and a sound vector to ask with"),
        "Senocak, Oh, Kim, Yang, Kweon: Learning to Localize Sound Source in Visual Scenes, CVPR 2018",
    ),
    system(
        16,
        "sspl",
        "SSPL",
        Status::NeedsFiles(
            "weights needed: the authors' frame and sound networks, and their pcm network where it is used",
        ),
        "Song, Wang, Fan, Tan, Zhang: Self-Supervised Predictive Learning: A Negative-Free Method for Sound Source \
         Localization in Visual Scenes, CVPR 2022",
    ),
    system(
        17,
        "dmc",
        "DMC",
        Status::NeedsFiles("weights needed: a checkpoint of the simplified version"),
        "Hu, Nie, Li: Deep Multimodal Clustering for Unsupervised Audiovisual Learning, CVPR 2019 (the simplified version)",
    ),
    system(
        18,
        "dsol",
        "DSOL",
        Status::NeedsFiles("weights needed: a checkpoint of stage one, or one of stage two and its dictionary (.npy)"),
        "Hu, Qian, Jiang, Tan, Wen, Ding, Lin, Dou: Discriminative Sounding Objects Localization via Self-supervised \
         Audiovisual Matching, NeurIPS 2020",
    ),
    system(
        19,
        "coarse-to-fine",
        "CoarseToFine",
        Status::NeedsFiles("weights needed: a checkpoint of the simplified version"),
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
    system(
        24,
        "precomputed",
        "Precomputed",
        Status::NeedsFiles("predictions needed: a .npz, a .npy, or a folder of .npy or .png files"),
        "Heatmaps that another program saved",
    ),
    system(
        25,
        "onnx",
        "ONNX",
        if onnx::AVAILABLE {
            Status::NeedsFiles("a description needed: a .toml beside its .onnx files (docs/onnx.md)")
        } else {
            Status::NotBuilt("not in this build: build with `--features onnx` (docs/onnx.md)")
        },
        "A model of one's own, exported to ONNX",
    ),
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
    fn a_row_says_not_yet_exactly_where_nothing_can_be_built() {
        for system in systems().iter().filter(|system| !["precomputed", "onnx"].contains(&system.id)) {
            let built = build(system.id, &StateDict::new());
            let unavailable = matches!(built, Err(LocalizerError::NotAvailable { .. }));
            let row = matches!(system.status, Status::NotYet | Status::NoPublicCode);
            assert_eq!(unavailable, row, "{}", system.id);
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
        for (id, part) in [("lvs", "no variants"), ("slavc", "there are: momentum")] {
            let refused = open_variant(id, Some("sideways"), &[]).err().unwrap().to_string();
            assert!(refused.contains("'sideways'") && refused.contains(part), "{refused}");
        }
    }
}
