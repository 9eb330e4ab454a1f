use serde::{Deserialize, Serialize};

/// A position; the space it is in is named by whoever holds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    pub x: f64,
    pub y: f64,
}

impl Point {
    pub const fn new(x: f64, y: f64) -> Self {
        Self { x, y }
    }
}

/// Width and height in whole pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Size {
    pub width: u32,
    pub height: u32,
}

impl Size {
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// Number of pixels.
    pub const fn area(self) -> u64 {
        self.width as u64 * self.height as u64
    }

    /// Width over height; 1 for an empty size, so that layouts never divide by zero.
    pub fn aspect(self) -> f64 {
        if self.width == 0 || self.height == 0 { 1.0 } else { f64::from(self.width) / f64::from(self.height) }
    }
}

/// An axis-aligned rectangle, `left ≤ x < right`, `top ≤ y < bottom`; y grows downwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rect {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Rect {
    /// The unit square: the whole frame in fractions.
    pub const UNIT: Self = Self::new(0.0, 0.0, 1.0, 1.0);

    pub const fn new(left: f64, top: f64, right: f64, bottom: f64) -> Self {
        Self { left, top, right, bottom }
    }

    /// The rectangle that covers a picture of `size`, in its own pixels.
    pub fn of_size(size: Size) -> Self {
        Self::new(0.0, 0.0, f64::from(size.width), f64::from(size.height))
    }

    pub fn from_center(center: Point, width: f64, height: f64) -> Self {
        Self::new(center.x - width / 2.0, center.y - height / 2.0, center.x + width / 2.0, center.y + height / 2.0)
    }

    pub fn width(&self) -> f64 {
        self.right - self.left
    }

    pub fn height(&self) -> f64 {
        self.bottom - self.top
    }

    /// Area; 0 for an inverted rectangle.
    pub fn area(&self) -> f64 {
        self.width().max(0.0) * self.height().max(0.0)
    }

    pub fn center(&self) -> Point {
        Point::new((self.left + self.right) / 2.0, (self.top + self.bottom) / 2.0)
    }

    pub fn contains(&self, point: Point) -> bool {
        point.x >= self.left && point.x < self.right && point.y >= self.top && point.y < self.bottom
    }

    /// True when the rectangle holds no point: inverted, flat, or not a number.
    pub fn is_empty(&self) -> bool {
        !(self.right > self.left && self.bottom > self.top)
    }

    /// The common part of both; empty (see [`Rect::is_empty`]) when they do not meet.
    pub fn intersection(&self, other: &Self) -> Self {
        Self::new(
            self.left.max(other.left),
            self.top.max(other.top),
            self.right.min(other.right),
            self.bottom.min(other.bottom),
        )
    }

    /// Area of the intersection over area of the union (the Jaccard index); 0 when both are empty.
    pub fn intersection_over_union(&self, other: &Self) -> f64 {
        let common = self.intersection(other).area();
        let all = self.area() + other.area() - common;
        if all > 0.0 { common / all } else { 0.0 }
    }

    pub fn translated(&self, by: Point) -> Self {
        Self::new(self.left + by.x, self.top + by.y, self.right + by.x, self.bottom + by.y)
    }

    /// With `left ≤ right` and `top ≤ bottom`, as after a drag in any direction.
    pub fn ordered(&self) -> Self {
        Self::new(
            self.left.min(self.right),
            self.top.min(self.bottom),
            self.left.max(self.right),
            self.top.max(self.bottom),
        )
    }

    /// Coordinates in the unit square of `outer` become coordinates of `outer`'s own space.
    pub fn from_fraction(fraction: &Self, outer: &Self) -> Self {
        Self::new(
            outer.left + fraction.left * outer.width(),
            outer.top + fraction.top * outer.height(),
            outer.left + fraction.right * outer.width(),
            outer.top + fraction.bottom * outer.height(),
        )
    }

    /// The inverse of [`Rect::from_fraction`]; the unit square if `outer` is empty.
    pub fn fraction_of(&self, outer: &Self) -> Self {
        if outer.is_empty() {
            return Self::UNIT;
        }
        Self::new(
            (self.left - outer.left) / outer.width(),
            (self.top - outer.top) / outer.height(),
            (self.right - outer.left) / outer.width(),
            (self.bottom - outer.top) / outer.height(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_round_trip() {
        let outer = Rect::new(10.0, 20.0, 110.0, 70.0);
        let inner = Rect::new(35.0, 30.0, 60.0, 45.0);
        assert_eq!(inner.fraction_of(&outer), Rect::new(0.25, 0.2, 0.5, 0.5));
        assert_eq!(Rect::from_fraction(&inner.fraction_of(&outer), &outer), inner);
    }

    #[test]
    fn iou_of_half_overlap_is_a_third() {
        let a = Rect::new(0.0, 0.0, 2.0, 1.0);
        let b = Rect::new(1.0, 0.0, 3.0, 1.0);
        assert!((a.intersection_over_union(&b) - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(a.intersection_over_union(&Rect::new(5.0, 5.0, 6.0, 6.0)), 0.0);
    }

    #[test]
    fn not_a_number_is_empty() {
        assert!(Rect::new(f64::NAN, 0.0, 1.0, 1.0).is_empty());
    }
}
