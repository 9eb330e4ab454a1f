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

/// The variants of a system beside its usual form.
pub fn variants(system: &str) -> &'static [Variant] {
    match system {
        "slavc" | "slavc-ogl" => &OF_SLAVC,
        "rcgrad" => &OF_RCGRAD,
        "hardpos" | "alignment" | "alignment-ogl" => &OF_ALIGNMENT,
        _ => &[],
    }
}

/// The variant of a system with this id.
pub fn find(system: &str, variant: &str) -> Option<&'static Variant> {
    variants(system).iter().find(|known| known.id == variant)
}
