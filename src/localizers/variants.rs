//! Variants of systems: choices in the authors' code that change the answers without changing the weights.

/// A choice that is not the usual one.
#[derive(Debug, PartialEq, Eq)]
pub struct Variant {
    /// As on the command line, after the system's id and a colon.
    pub id: &'static str,
    /// As on screen, after the system's name.
    pub title: &'static str,
    pub explanation: &'static str,
}

pub(super) const MOMENTUM: &str = "momentum";
pub(super) const RUNNING_STATISTICS: &str = "running-statistics";
pub(super) const ANTIALIASED: &str = "antialiased";
pub(super) const SOUND_MAP: &str = "sound-map";
pub(super) const SECOND_CATEGORY: &str = "second-category";
const CATEGORY: &str = "category-";

static OF_SLAVC: [Variant; 1] = [Variant {
    id: MOMENTUM,
    title: "momentum branch",
    explanation: "Its moving average answers (--use_mom_eval), not the online branch that the authors' test scripts use",
}];
static OF_RCGRAD: [Variant; 1] = [Variant {
    id: RUNNING_STATISTICS,
    title: "running statistics",
    explanation: "The audio encoder normalizes by its running statistics; the authors' code never left training mode, so \
                  that each sound is normalized by its own, and the published numbers were made so",
}];
static OF_ALIGNMENT: [Variant; 1] = [Variant {
    id: ANTIALIASED,
    title: "antialiased",
    explanation: "The picture is resized as under torchvision from 0.17 on; the authors name no version, and most likely \
                  used an older one, which does not antialias",
}];
/// As many categories as the authors' network tells apart.
static OF_DSOL: [Variant; 13] = [
    Variant {
        id: SOUND_MAP,
        title: "sound map",
        explanation: "Everything that sounds, of whichever category: the map that the first stage learns",
    },
    Variant {
        id: SECOND_CATEGORY,
        title: "second category",
        explanation: "The category that the sound classifier ranks second, as of the quieter player of a duet",
    },
    of_category("category-0", "category 0"),
    of_category("category-1", "category 1"),
    of_category("category-2", "category 2"),
    of_category("category-3", "category 3"),
    of_category("category-4", "category 4"),
    of_category("category-5", "category 5"),
    of_category("category-6", "category 6"),
    of_category("category-7", "category 7"),
    of_category("category-8", "category 8"),
    of_category("category-9", "category 9"),
    of_category("category-10", "category 10"),
];

const fn of_category(id: &'static str, title: &'static str) -> Variant {
    Variant { id, title, explanation: "This row of the dictionary of categories, counted from 0, heard or not" }
}

/// The number in a variant that stands for one category.
pub(super) fn category(variant: &str) -> Option<usize> {
    variant.strip_prefix(CATEGORY)?.parse().ok()
}

/// The variants of a system beside its usual form.
pub fn variants(system: &str) -> &'static [Variant] {
    match system {
        "slavc" | "slavc-ogl" => &OF_SLAVC,
        "rcgrad" => &OF_RCGRAD,
        "hardpos" | "alignment" | "alignment-ogl" => &OF_ALIGNMENT,
        "dsol" => &OF_DSOL,
        _ => &[],
    }
}

/// The variant of a system with this id.
pub fn find(system: &str, variant: &str) -> Option<&'static Variant> {
    variants(system).iter().find(|known| known.id == variant)
}
