//! Which weight files each system is made of, and where its authors publish them.

use super::StoreError;
use super::layout::{self, Layout};

/// The weight files of a system.
#[derive(Clone, Copy, Debug)]
pub struct Needs {
    pub system: &'static str,
    /// Layouts of the files that it cannot run without, in the order in which it is opened with them.
    required: &'static [&'static str],
    optional: &'static [&'static str],
}

/// Where a system comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    pub source: &'static str,
    /// Of the authors' repository; weights are under it where nothing else is said.
    pub license: &'static str,
}

impl Needs {
    pub fn required(&self) -> impl Iterator<Item = &'static Layout> + use<> {
        self.required.iter().filter_map(|id| layout::find(id))
    }

    /// All layouts that the system can use, the required ones first.
    pub fn all(&self) -> impl Iterator<Item = &'static Layout> + use<> {
        self.required.iter().chain(self.optional).filter_map(|id| layout::find(id))
    }
}

/// What a system needs.
pub fn needs(system: &str) -> Result<&'static Needs, StoreError> {
    NEEDS.iter().find(|needs| needs.system == system).ok_or_else(|| StoreError::UnknownSystem {
        id: system.to_owned(),
        known: NEEDS.iter().map(|needs| needs.system).collect(),
    })
}

/// The systems that are made of exactly these files.
pub(super) fn made_of(given: &[&'static Layout]) -> Vec<&'static Needs> {
    let is_given = |layout: &str| given.iter().any(|given| given.id == layout);
    let fits = |needs: &&Needs| {
        needs.required.iter().all(|layout| is_given(layout))
            && given.iter().all(|given| needs.all().any(|layout| layout.id == given.id))
    };
    NEEDS.iter().filter(fits).collect()
}

/// Where a system comes from, if its authors published it.
pub fn origin(system: &str) -> Option<Origin> {
    let (source, license) = match system {
        "lvs" => ("https://github.com/hche11/Localizing-Visual-Sounds-the-Hard-Way", "Apache-2.0"),
        "ez-vsl" | "ez-vsl-ogl" => ("https://github.com/stoneMo/EZ-VSL", "Apache-2.0"),
        "slavc" | "slavc-ogl" => ("https://github.com/stoneMo/SLAVC", "Apache-2.0"),
        "alignment" | "alignment-ogl" => ("https://github.com/kaistmm/SSLalignment", "none stated"),
        "fnac" => ("https://github.com/OpenNLPLab/FNAC_AVL", "none stated"),
        "ssl-tie" => ("https://github.com/jinxiang-liu/SSL-TIE", "MIT"),
        "rcgrad" | "clip-audio" | "clip-text" => {
            ("https://github.com/hohsiangwu/rethinking-visual-sound-localization", "MIT")
        }
        "avol" => ("https://github.com/kyuyeonpooh/objects-that-sound", "BSD-3-Clause"),
        "hear-the-flow" => ("https://github.com/denfed/heartheflow", "MIT"),
        "attention10k" => {
            ("https://github.com/ardasnck/learning_to_localize_sound_source", "none stated; research purposes only")
        }
        "sspl" => ("https://github.com/zjsong/SSPL", "MIT"),
        "dmc" => ("https://github.com/DTaoo/Simplified_DMC", "MIT"),
        "dsol" => ("https://github.com/DTaoo/Discriminative-Sounding-Objects-Localization", "MIT"),
        "coarse-to-fine" => ("https://github.com/shvdiwnkozbw/Multi-Source-Sound-Localization", "none stated"),
        _ => return None,
    };
    Some(Origin { source, license })
}

static NEEDS: [Needs; 20] = [
    of("lvs", &["avenet"]),
    of("alignment", &["avenet"]),
    of("hardpos", &["avenet"]),
    of("ez-vsl", &["ez-vsl"]),
    of("fnac", &["ez-vsl"]),
    of("slavc", &["slavc"]),
    of("ssl-tie", &["ssl-tie"]),
    of("ez-vsl-ogl", &["ez-vsl", "resnet18"]),
    of("slavc-ogl", &["slavc", "resnet18"]),
    of("alignment-ogl", &["avenet", "resnet18"]),
    of("rcgrad", &["rcgrad"]),
    of("clip-audio", &["clip", "wav2clip"]),
    of("clip-text", &["clip"]),
    of("avol", &["avol"]),
    of("hear-the-flow", &["hear-the-flow"]),
    of("attention10k", &["attention10k"]),
    Needs { system: "sspl", required: &["sspl-frame", "sspl-sound"], optional: &["sspl-pcm"] },
    of("dmc", &["dmc"]),
    Needs { system: "dsol", required: &["dsol"], optional: &["dsol-dictionary"] },
    of("coarse-to-fine", &["coarse-to-fine"]),
];

const fn of(system: &'static str, required: &'static [&'static str]) -> Needs {
    Needs { system, required, optional: &[] }
}
