//! What the shaders' uniform structs look like in memory. Field for field as in the WGSL files.

use bytemuck::{Pod, Zeroable};

use super::overlay::Threshold;

/// Bytes that one draw takes in the uniform buffer: the largest struct, rounded up to the offset alignment that every
/// adapter allows.
pub(super) const SLOT_BYTES: u64 = 256;

#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub(super) struct PlacementUniform {
    pub frame_rect: [f32; 4],
    pub clip_rect: [f32; 4],
    pub target_size: [f32; 2],
    pub pixels_per_point: f32,
    pub reserved: f32,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub(super) struct RuleUniform {
    pub lowest_positive_key: u32,
    pub reserved: [u32; 3],
}

impl RuleUniform {
    pub(super) fn new(threshold: Option<Threshold>) -> Self {
        // Nothing compares with NaN, and no number has this key: no cell is positive.
        let nothing = u32::MAX;
        let lowest_positive_key = threshold
            .filter(|threshold| !threshold.value.is_nan())
            .map_or(nothing, |threshold| order_key(threshold.value) + u32::from(threshold.strict));
        Self { lowest_positive_key, reserved: [0; 3] }
    }
}

/// Unsigned integers in the order of the floats they come from; both zeros are one. `order_key` of cells.wgsl.
pub(super) fn order_key(value: f32) -> u32 {
    let bits = value.to_bits();
    if value == 0.0 {
        0x8000_0000
    } else if value.is_sign_negative() {
        !bits
    } else {
        bits | 0x8000_0000
    }
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub(super) struct PictureUniform {
    pub placement: PlacementUniform,
    pub rgb_from_codes: [[f32; 4]; 3],
    pub source_u: [f32; 4],
    pub source_v: [f32; 4],
    pub size: [f32; 2],
    pub footprint: [f32; 2],
    pub chroma_scale: [f32; 2],
    pub chroma_offset: [f32; 2],
    pub code_from_sample: [f32; 2],
    pub shrink: f32,
    pub reserved: f32,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub(super) struct OverlayUniform {
    pub placement: PlacementUniform,
    pub rule: RuleUniform,
    pub tint: [f32; 4],
    pub casing: [f32; 4],
    pub threshold: f32,
    pub range_low: f32,
    pub range_scale: f32,
    pub alpha_floor: f32,
    pub alpha_power: f32,
    pub outside: f32,
    pub colormap_v: f32,
    pub contour_width: f32,
    pub casing_width: f32,
    pub hatch: f32,
    pub reserved: [f32; 2],
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub(super) struct DifferenceUniform {
    pub placement: PlacementUniform,
    pub first_colour: [f32; 4],
    pub second_colour: [f32; 4],
    pub first_low: f32,
    pub first_scale: f32,
    pub second_low: f32,
    pub second_scale: f32,
    pub alpha_floor: f32,
    pub alpha_full: f32,
    pub hatch: f32,
    pub reserved: f32,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub(super) struct AgreementUniform {
    pub placement: PlacementUniform,
    pub rule: RuleUniform,
    pub true_positive: [f32; 4],
    pub false_positive: [f32; 4],
    pub false_negative: [f32; 4],
    pub hatch: f32,
    pub edge_width: f32,
    pub reserved: [u32; 2],
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub(super) struct PixelsUniform {
    pub placement: PlacementUniform,
}

/// sRGB bytes and an opacity as the shaders take colours.
pub(super) fn colour_with_alpha(colour: [u8; 3], alpha: f32) -> [f32; 4] {
    let [red, green, blue] = colour.map(|code| f32::from(code) / 255.0);
    [red, green, blue, alpha]
}

/// `value * scale` after subtracting the range's low end is 0..1; a range without extent maps everything to 0.
pub(super) fn range_scale(range: [f32; 2]) -> f32 {
    let extent = range[1] - range[0];
    if extent.is_finite() && extent > 0.0 { 1.0 / extent } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_are_in_the_order_of_the_floats(a in any::<f32>(), b in any::<f32>()) {
            prop_assert_eq!(order_key(a) > order_key(b), a > b);
            prop_assert_eq!(order_key(a) >= order_key(b), a >= b);
            for strict in [false, true].into_iter().filter(|_| !a.is_nan()) {
                let rule = RuleUniform::new(Some(Threshold { value: b, strict }));
                let positive = if strict { a > b } else { a >= b };
                prop_assert_eq!(order_key(a) >= rule.lowest_positive_key, positive);
            }
        }
    }

    #[test]
    fn zeros_are_equal_and_nan_thresholds_have_no_positive_cells() {
        assert_eq!(order_key(0.0), order_key(-0.0));
        let rule = RuleUniform::new(Some(Threshold { value: f32::NAN, strict: false }));
        assert!(rule.lowest_positive_key > order_key(f32::INFINITY));
        assert_eq!(RuleUniform::new(None).lowest_positive_key, rule.lowest_positive_key);
    }

    #[test]
    fn every_struct_fits_its_slot() {
        let sizes = [
            size_of::<PictureUniform>(),
            size_of::<OverlayUniform>(),
            size_of::<DifferenceUniform>(),
            size_of::<AgreementUniform>(),
            size_of::<PixelsUniform>(),
        ];
        assert_eq!(sizes, [176, 144, 112, 128, 48]);
    }
}
