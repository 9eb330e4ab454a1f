use super::{Point, Rect, Size};

/// How a frame sits in a panel: as large as fits, aspect kept, centred.
///
/// `panel` is in the panel's own units (points on screen); the frame is in frame pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Letterbox {
    pub frame: Size,
    /// Where the whole frame lies, in panel units. May reach beyond the panel when zoomed.
    pub panel_rect: Rect,
}

impl Letterbox {
    /// The largest placement of `frame` that fits `panel`.
    pub fn fit(frame: Size, panel: Rect) -> Self {
        let aspect = frame.aspect();
        let (width, height) = if panel.width() > panel.height() * aspect {
            (panel.height() * aspect, panel.height())
        } else {
            (panel.width(), panel.width() / aspect)
        };
        Self { frame, panel_rect: Rect::from_center(panel.center(), width, height) }
    }

    /// The same placement enlarged by `zoom` around the panel point that shows `anchor_fraction` of the frame.
    pub fn zoomed(&self, zoom: f64, anchor_fraction: Point) -> Self {
        let anchor = self.panel_from_fraction(anchor_fraction);
        let grow = |value: f64, fixed: f64| fixed + (value - fixed) * zoom;
        Self {
            frame: self.frame,
            panel_rect: Rect::new(
                grow(self.panel_rect.left, anchor.x),
                grow(self.panel_rect.top, anchor.y),
                grow(self.panel_rect.right, anchor.x),
                grow(self.panel_rect.bottom, anchor.y),
            ),
        }
    }

    pub fn panel_from_fraction(&self, fraction: Point) -> Point {
        Point::new(
            self.panel_rect.left + fraction.x * self.panel_rect.width(),
            self.panel_rect.top + fraction.y * self.panel_rect.height(),
        )
    }

    pub fn fraction_from_panel(&self, panel: Point) -> Point {
        let nonzero = |extent: f64| if extent > 0.0 { extent } else { 1.0 };
        Point::new(
            (panel.x - self.panel_rect.left) / nonzero(self.panel_rect.width()),
            (panel.y - self.panel_rect.top) / nonzero(self.panel_rect.height()),
        )
    }

    pub fn panel_from_frame(&self, frame: Point) -> Point {
        self.panel_from_fraction(Point::new(
            frame.x / f64::from(self.frame.width.max(1)),
            frame.y / f64::from(self.frame.height.max(1)),
        ))
    }

    pub fn frame_from_panel(&self, panel: Point) -> Point {
        let fraction = self.fraction_from_panel(panel);
        Point::new(fraction.x * f64::from(self.frame.width), fraction.y * f64::from(self.frame.height))
    }

    pub fn panel_rect_from_fraction(&self, fraction: &Rect) -> Rect {
        Rect::from_fraction(fraction, &self.panel_rect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn panel_and_frame_round_trip(
            width in 1u32..5000, height in 1u32..5000,
            panel_width in 10.0..3000.0f64, panel_height in 10.0..3000.0f64,
            x in 0.0..1.0f64, y in 0.0..1.0f64,
        ) {
            let fit = Letterbox::fit(Size::new(width, height), Rect::new(7.0, 3.0, 7.0 + panel_width, 3.0 + panel_height));
            let frame = Point::new(x * f64::from(width), y * f64::from(height));
            let back = fit.frame_from_panel(fit.panel_from_frame(frame));
            prop_assert!((back.x - frame.x).abs() < 1e-6 && (back.y - frame.y).abs() < 1e-6);
            prop_assert!(fit.panel_rect.width() <= panel_width + 1e-9 && fit.panel_rect.height() <= panel_height + 1e-9);
        }
    }

    #[test]
    fn a_wide_frame_gets_bars_above_and_below() {
        let fit = Letterbox::fit(Size::new(200, 100), Rect::new(0.0, 0.0, 100.0, 100.0));
        assert_eq!(fit.panel_rect, Rect::new(0.0, 25.0, 100.0, 75.0));
    }
}
