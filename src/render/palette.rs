//! The models' colours: one for each slot, told apart by colour-blind readers, on light and on dark ground and over
//! pictures.
//!
//! They start from the Okabe–Ito set, moved to a middle lightness that carries on both grounds, with lightness steps
//! between neighbours in hue so that they stay apart where hue is lost. No state is told by colour alone.

/// sRGB colours of the model slots in order.
pub const MODELS: [[u8; 3]; 10] = [
    [255, 159, 28],  // orange
    [76, 175, 255],  // sky blue
    [16, 196, 140],  // bluish green
    [232, 106, 188], // reddish purple
    [240, 222, 60],  // yellow
    [224, 72, 42],   // vermilion
    [48, 108, 216],  // blue
    [170, 214, 240], // pale blue
    [150, 98, 220],  // violet
    [150, 118, 74],  // umber
];

/// Ground truth is drawn in this one, on pictures.
pub const GROUND_TRUTH: [u8; 3] = [255, 255, 255];

/// The cells where prediction and ground truth agree, and the two ways to disagree.
pub const TRUE_POSITIVE: [u8; 3] = [22, 178, 132];
pub const FALSE_POSITIVE: [u8; 3] = [236, 92, 40];
pub const FALSE_NEGATIVE: [u8; 3] = [88, 150, 255];

/// The colour of a model slot; slots beyond the table start over.
pub fn model(slot: usize) -> [u8; 3] {
    MODELS[slot % MODELS.len()]
}
