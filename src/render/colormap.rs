use crate::geometry::Size;

/// A table of 256 colours from low to high.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Colormap {
    /// Perceptually uniform, dark blue to yellow.
    Viridis,
    /// Perceptually uniform, black over purple to pale yellow.
    #[default]
    Magma,
    /// Perceptually uniform and alike for readers with a colour-vision deficiency, blue to yellow.
    Cividis,
    /// A rainbow without jet's false edges.
    Turbo,
    /// The rainbow of the papers' figures, for look-alikes. Not perceptually uniform.
    Jet,
}

const VIRIDIS: &[u8; 768] = include_bytes!("../../assets/colormaps/viridis.rgb");
const MAGMA: &[u8; 768] = include_bytes!("../../assets/colormaps/magma.rgb");
const CIVIDIS: &[u8; 768] = include_bytes!("../../assets/colormaps/cividis.rgb");
const TURBO: &[u8; 768] = include_bytes!("../../assets/colormaps/turbo.rgb");

impl Colormap {
    pub const ALL: [Self; 5] = [Self::Viridis, Self::Magma, Self::Cividis, Self::Turbo, Self::Jet];

    /// The name that people know it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viridis => "viridis",
            Self::Magma => "magma",
            Self::Cividis => "cividis",
            Self::Turbo => "turbo",
            Self::Jet => "jet",
        }
    }

    /// The map of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|map| map.name() == name)
    }

    /// The sRGB colour at `level` in 0..1 (clamped; NaN is 0), linear between the table's entries.
    pub fn colour(self, level: f32) -> [u8; 3] {
        self.colour_at(level).map(|channel| (channel * 255.0).round() as u8)
    }

    /// The same, not rounded: 0..1.
    pub(super) fn colour_at(self, level: f32) -> [f32; 3] {
        let place = if level.is_nan() { 0.0 } else { level.clamp(0.0, 1.0) * 255.0 };
        let below = place.floor() as usize;
        let (low, high) = (self.entry(below), self.entry((below + 1).min(255)));
        let part = place - below as f32;
        std::array::from_fn(|channel| {
            let (low, high) = (f32::from(low[channel]), f32::from(high[channel]));
            (low + (high - low) * part) / 255.0
        })
    }

    /// Entry `index` of the table, 0..=255.
    fn entry(self, index: usize) -> [u8; 3] {
        let table = match self {
            Self::Viridis => VIRIDIS,
            Self::Magma => MAGMA,
            Self::Cividis => CIVIDIS,
            Self::Turbo => TURBO,
            Self::Jet => return jet(index as f32 / 255.0),
        };
        std::array::from_fn(|channel| table.get(index * 3 + channel).copied().unwrap_or(0))
    }

    /// All tables as RGBA rows in the order of [`Colormap::ALL`], and the size of that picture.
    pub(super) fn atlas() -> (Size, Vec<u8>) {
        let mut rgba = Vec::with_capacity(256 * 4 * Self::ALL.len());
        for map in Self::ALL {
            for index in 0..256 {
                let [red, green, blue] = map.entry(index);
                rgba.extend_from_slice(&[red, green, blue, 255]);
            }
        }
        (Size::new(256, Self::ALL.len() as u32), rgba)
    }

    /// Where the middle of this table's row lies in the atlas, as a fraction of its height.
    pub(super) fn atlas_v(self) -> f32 {
        let row = Self::ALL.iter().position(|&map| map == self).unwrap_or(0);
        (row as f32 + 0.5) / Self::ALL.len() as f32
    }
}

/// The classic jet: three trapezoids, as MATLAB and OpenCV draw it.
fn jet(level: f32) -> [u8; 3] {
    let trapezoid = |centre: f32| ((1.5 - (4.0 * level - centre).abs()).clamp(0.0, 1.0) * 255.0).round() as u8;
    [trapezoid(3.0), trapezoid(2.0), trapezoid(1.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_colours_of_the_tables() {
        assert_eq!(Colormap::Viridis.colour(0.0), [68, 1, 84]);
        assert_eq!(Colormap::Viridis.colour(1.0), [253, 231, 37]);
        assert_eq!(Colormap::Magma.colour(0.0), [0, 0, 4]);
        assert_eq!(Colormap::Jet.colour(0.0), [0, 0, 128]);
        assert_eq!(Colormap::Jet.colour(1.0), [128, 0, 0]);
        assert_eq!(Colormap::Cividis.colour(f32::NAN), Colormap::Cividis.colour(0.0));
    }

    /// Relative luminance (Rec. 709, linear light) must grow with the level in the perceptually uniform tables.
    #[test]
    fn perceptual_tables_get_lighter_all_the_way() {
        let luminance = |colour: [u8; 3]| {
            let linear = |code: u8| (f64::from(code) / 255.0).powf(2.2);
            0.2126 * linear(colour[0]) + 0.7152 * linear(colour[1]) + 0.0722 * linear(colour[2])
        };
        for map in [Colormap::Viridis, Colormap::Magma, Colormap::Cividis] {
            for step in 0..32u8 {
                let (low, high) = (map.entry(usize::from(step) * 8), map.entry(usize::from(step) * 8 + 7));
                assert!(luminance(high) > luminance(low), "{} at {step}", map.name());
            }
        }
    }
}
