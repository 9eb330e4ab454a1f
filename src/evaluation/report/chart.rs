//! Line charts and bars as inline SVG; colours come from the page's style, so that light and dark follow the reader.

use std::fmt::Write;

use super::words::Html;

/// What of the plane a chart shows along one axis.
#[derive(Clone, Debug)]
pub struct Axis {
    pub label: String,
    pub range: [f64; 2],
    /// Where lines are drawn, and what is written there.
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// From 0 to 1, marked in quarters.
    pub fn unit(label: &str) -> Self {
        let ticks = [(0.0, "0"), (0.25, "0.25"), (0.5, "0.5"), (0.75, "0.75"), (1.0, "1")];
        Self { label: label.into(), range: [0.0, 1.0], ticks: ticks.map(|(at, text)| (at, text.into())).to_vec() }
    }

    /// From 0 to 100 %, of shares in 0..1.
    pub fn percent(label: &str) -> Self {
        let ticks = [0.0, 0.25, 0.5, 0.75, 1.0].map(|at| (at, format!("{:.0}", at * 100.0)));
        Self { label: label.into(), range: [0.0, 1.0], ticks: ticks.to_vec() }
    }

    /// Between two numbers, marked at round ones.
    pub fn between(label: &str, low: f64, high: f64) -> Self {
        let (low, high) = if low < high { (low, high) } else { (low - 0.5, low + 0.5) };
        let rough = (high - low) / 4.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|part| part * power).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(rough);
        let decimals = (-(step.log10().floor()) + 1.0).clamp(0.0, 6.0) as usize;
        let first = (low / step).ceil() as i64;
        let last = (high / step).floor() as i64;
        let text = |at: f64| {
            let text = format!("{at:.decimals$}");
            let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
            text.replace('-', "−")
        };
        let ticks = (first..=last.min(first + 20)).map(|number| (number as f64 * step, text(number as f64 * step)));
        Self { label: label.into(), range: [low, high], ticks: ticks.collect() }
    }
}

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// A model, by its place.
    Model(usize),
    /// A model where it should be silent: its colour, dotted.
    Negatives(usize),
    /// A reference: grey, its dashes by number.
    Reference(usize),
}

impl Look {
    fn class(self) -> String {
        match self {
            // Ten colours, then the same with other dashes.
            Self::Model(place) => format!("m{} d{}", place % 10, place % 4),
            Self::Negatives(place) => format!("m{} neg", place % 10),
            Self::Reference(number) => format!("ref r{}", number % 3),
        }
    }
}

/// A line.
#[derive(Clone, Debug)]
pub struct Series {
    pub name: String,
    pub look: Look,
    pub points: Vec<[f64; 2]>,
    /// Marks at the points; for few points that are measured each by itself.
    pub marked: bool,
}

/// A chart of lines.
#[derive(Clone, Debug)]
pub struct Chart {
    pub title: String,
    /// One sentence: how to read it.
    pub reading: String,
    pub x: Axis,
    pub y: Axis,
    pub series: Vec<Series>,
}

/// The plane within the drawing, in its units.
const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 44.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 40.0;

/// Most points of one line that are written.
const MOST_POINTS: usize = 240;

impl Chart {
    fn place(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let part = |value: f64, axis: &Axis| {
            let [low, high] = axis.range;
            ((value - low) / (high - low)).clamp(0.0, 1.0)
        };
        let across = LEFT + part(x, &self.x) * (WIDTH - LEFT - RIGHT);
        let down = HEIGHT - BOTTOM - part(y, &self.y) * (HEIGHT - TOP - BOTTOM);
        [across, down]
    }

    /// The chart as a figure of the page.
    pub fn html(&self, out: &mut String) {
        let _ = write!(out, "<figure class=\"chart\"><figcaption><h4>{}</h4>", Html(&self.title));
        let _ = write!(out, "<p>{}</p></figcaption>", Html(&self.reading));
        let label = Html(format_args!("{}: {} over {}", self.title, self.y.label, self.x.label));
        let _ = write!(out, "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{label}\">");
        self.frame(out);
        for series in &self.series {
            self.line(series, out);
        }
        out.push_str("</svg>");
        self.legend(out);
        out.push_str("</figure>");
    }

    fn frame(&self, out: &mut String) {
        let [left, right, top, bottom] = [LEFT, WIDTH - RIGHT, TOP, HEIGHT - BOTTOM];
        for (at, text) in &self.y.ticks {
            let [_, y] = self.place([self.x.range[0], *at]);
            let _ = write!(out, "<path class=\"grid\" d=\"M{left} {y:.1}H{right}\"/>");
            let _ = write!(
                out,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                left - 6.0,
                y + 3.5,
                Html(text)
            );
        }
        for (at, text) in &self.x.ticks {
            let [x, _] = self.place([*at, self.y.range[0]]);
            let _ = write!(out, "<path class=\"tick\" d=\"M{x:.1} {bottom}v4\"/>");
            let _ = write!(
                out,
                "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                bottom + 16.0,
                Html(text)
            );
        }
        let _ = write!(out, "<path class=\"axis\" d=\"M{left} {bottom}H{right}\"/>");
        let middle = (left + right) / 2.0;
        let _ = write!(
            out,
            "<text class=\"label\" x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            HEIGHT - 6.0,
            Html(&self.x.label)
        );
        let middle = (top + bottom) / 2.0;
        let _ = write!(
            out,
            "<text class=\"label\" transform=\"translate(10 {middle}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            Html(&self.y.label)
        );
    }

    fn line(&self, series: &Series, out: &mut String) {
        let stride = series.points.len().div_ceil(MOST_POINTS).max(1);
        let last = series.points.len().saturating_sub(1);
        let kept = series.points.iter().enumerate().filter(|(place, _)| place % stride == 0 || *place == last);
        let mut path = String::new();
        let mut pen = 'M';
        let mut marks = String::new();
        for (_, point) in kept {
            if point.iter().any(|value| !value.is_finite()) {
                pen = 'M';
                continue;
            }
            let [x, y] = self.place(*point);
            let _ = write!(path, "{pen}{x:.1} {y:.1}");
            pen = 'L';
            if series.marked {
                let _ = write!(
                    marks,
                    "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"><title>{}: {:.3} at {:.3}</title></circle>",
                    Html(&series.name),
                    point[1],
                    point[0]
                );
            }
        }
        let class = series.look.class();
        let _ = write!(
            out,
            "<g class=\"line {class}\"><path d=\"{path}\"><title>{}</title></path>{marks}</g>",
            Html(&series.name)
        );
    }

    fn legend(&self, out: &mut String) {
        out.push_str("<ul class=\"legend\">");
        for series in self.series.iter().filter(|series| !series.points.is_empty()) {
            let class = series.look.class();
            let _ = write!(
                out,
                "<li><svg class=\"key\" viewBox=\"0 0 22 8\" aria-hidden=\"true\"><g class=\"line {class}\">\
                 <path d=\"M0 4H22\"/></g></svg>{}</li>",
                Html(&series.name)
            );
        }
        out.push_str("</ul>");
    }
}

/// A square of cells, each as dark as its share of the largest; for where maps lie in the frame.
pub fn cells(name: &str, look: usize, side: usize, values: &[f32], out: &mut String) {
    let largest = values.iter().copied().filter(|value| value.is_finite()).fold(0.0f32, f32::max);
    let _ = write!(
        out,
        "<figure class=\"cells m{}\"><svg viewBox=\"0 0 {side} {side}\" preserveAspectRatio=\"none\" role=\"img\" \
         aria-label=\"{}\" shape-rendering=\"crispEdges\">",
        look % 10,
        Html(name)
    );
    if largest > 0.0 {
        for (place, &value) in values.iter().enumerate().filter(|(_, value)| **value > 0.0) {
            let (row, column) = (place / side, place % side);
            let strength = (value / largest).clamp(0.0, 1.0);
            if strength >= 0.01 {
                let _ = write!(
                    out,
                    "<rect x=\"{column}\" y=\"{row}\" width=\"1\" height=\"1\" opacity=\"{strength:.2}\"/>"
                );
            }
        }
    }
    let _ = write!(out, "</svg><figcaption>{}</figcaption></figure>", Html(name));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within() {
        let axis = Axis::between("peak", -0.31, 0.87);
        let texts: Vec<&str> = axis.ticks.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["0", "0.5"]);
        assert!(Axis::between("flat", 2.0, 2.0).range[0] < 2.0);
    }

    #[test]
    fn a_line_breaks_where_there_is_no_number_and_its_name_is_text() {
        let points = vec![[0.0, 0.0], [0.5, f64::NAN], [1.0, 1.0]];
        let series = Series { name: "<b>".into(), look: Look::Model(0), points, marked: false };
        let chart = Chart {
            title: "t".into(),
            reading: "r".into(),
            x: Axis::unit("x"),
            y: Axis::unit("y"),
            series: vec![series],
        };
        let mut out = String::new();
        chart.html(&mut out);
        assert!(out.contains("M44.0 220.0M408.0 10.0") && !out.contains("<b>"), "{out}");
    }
}
