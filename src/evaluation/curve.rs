//! Values at a row's thresholds, short enough to stand in a table.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::metrics::sources::segmentation::LEVELS;

/// cIoU of the cells of at least 0, 0.05 … 1 of a score map, each to four digits: for drawing, not for figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Curve([u16; Curve::POINTS]);

impl Curve {
    pub const POINTS: usize = 21;

    /// From cIoUs in 0..1; a NaN counts 0.
    pub fn new(cious: [f64; Self::POINTS]) -> Self {
        Self(cious.map(|ciou| (ciou.clamp(0.0, 1.0) * f64::from(u16::MAX)).round() as u16))
    }

    pub fn values(&self) -> [f64; Self::POINTS] {
        self.0.map(|value| f64::from(value) / f64::from(u16::MAX))
    }

    /// The values in steps of 1/65535, which add up in any order to the same sum.
    pub fn steps(&self) -> [u16; Self::POINTS] {
        self.0
    }
}

/// Four hexadecimal digits a point.
impl fmt::Display for Curve {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|value| write!(formatter, "{value:04x}"))
    }
}

impl FromStr for Curve {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(digits(text, 4)?.map(|value| value as u16)))
    }
}

/// F-measures of one image at 255 levels (see [`crate::metrics::sources::segmentation::f_levels`]), each in whole steps
/// of about 6·10⁻⁸, so that sums do not depend on their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FLevels(Box<[u32; LEVELS]>);

impl FLevels {
    /// Steps from 0 to 1: 24 bits, what a single holds.
    pub const WHOLE: u32 = (1 << 24) - 1;

    /// From F-measures in 0..1.
    pub fn new(levels: [f32; LEVELS]) -> Self {
        let step = |level: f32| (f64::from(level).clamp(0.0, 1.0) * f64::from(Self::WHOLE)).round() as u32;
        Self(Box::new(levels.map(step)))
    }

    /// The values in steps of 1/[`FLevels::WHOLE`].
    pub fn steps(&self) -> &[u32; LEVELS] {
        &self.0
    }
}

/// Six hexadecimal digits a level.
impl fmt::Display for FLevels {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|value| write!(formatter, "{value:06x}"))
    }
}

impl FromStr for FLevels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(Box::new(digits(text, 6)?)))
    }
}

/// Numbers of so many hexadecimal digits each, and nothing else.
fn digits<const COUNT: usize>(text: &str, width: usize) -> Result<[u32; COUNT], String> {
    let wrong = || format!("`{text}` is no curve");
    let mut values = [0; COUNT];
    if !text.is_ascii() || text.len() != COUNT * width {
        return Err(wrong());
    }
    for (index, value) in values.iter_mut().enumerate() {
        let digits = text.get(index * width..(index + 1) * width).ok_or_else(wrong)?;
        // A sign would be read, too.
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        *value = u32::from_str_radix(digits, 16).map_err(|_| wrong())?;
    }
    Ok(values)
}

macro_rules! serialized_as_text {
    ($($of:ty),*) => {$(
        impl Serialize for $of {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $of {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

serialized_as_text!(Curve, FLevels);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_that_is_none_is_refused() {
        for text in ["", "00", "ééééééééééééééééééééé", &"g".repeat(84), &"+fff".repeat(21)] {
            assert!(text.parse::<Curve>().is_err(), "{text}");
        }
        let curve = Curve::new(std::array::from_fn(|step| 1.0 - step as f64 / 20.0));
        assert_eq!(curve.to_string().parse(), Ok(curve));
    }

    #[test]
    fn levels_come_back_to_their_last_bit() {
        let levels = FLevels::new(std::array::from_fn(|level| (level as f32 / 300.0).sqrt()));
        assert_eq!(levels.to_string().parse(), Ok(levels.clone()));
        assert!("00".parse::<FLevels>().is_err());
    }
}
