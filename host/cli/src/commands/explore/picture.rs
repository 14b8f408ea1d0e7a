//! The points as a picture: multipliers to the right, milliseconds upwards, both by powers.

use std::fmt::Write;

use crate::drawing::escaped;

use super::point::{Design, Outcome, Point};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 560.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 56.0;

/// The lines of one axis: powers of ten times 1, 2 and 5 that frame all values.
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn new(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Axis {
        let (low, high) = values.fold((f64::MAX, 0.0f64), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low <= high { (low, high) } else { (1.0, 1.0) };
        // Room at both ends, and something to divide by.
        Axis { low: low / 1.3, high: high * 1.3, from, to }
    }

    fn at(&self, value: f64) -> f64 {
        self.from + (value / self.low).ln() / (self.high / self.low).ln() * (self.to - self.from)
    }

    fn ticks(&self) -> Vec<f64> {
        let decades = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
        let ticks = decades.flat_map(|decade| [1.0, 2.0, 5.0].map(|step| step * 10f64.powi(decade)));
        ticks.filter(|tick| (self.low..=self.high).contains(tick)).collect()
    }
}

/// The document.
pub fn draw(points: &[Point], title: &str) -> String {
    let placed: Vec<(&Point, &Design, &Outcome)> =
        points.iter().filter_map(|point| Some((point, point.design.as_ref()?, point.result.as_ref()?))).collect();
    let multipliers = placed.iter().map(|(_, design, _)| f64::from(design.multipliers));
    let x = Axis::new(multipliers, LEFT, WIDTH - RIGHT);
    let y = Axis::new(placed.iter().map(|(_, _, result)| result.milliseconds), HEIGHT - BOTTOM, TOP);
    let mut body = String::new();
    let mut line = |text: std::fmt::Arguments<'_>| {
        // Writing to a String cannot fail.
        let _ = writeln!(body, "{text}");
    };
    line(format_args!(
        "<text x=\"{LEFT}\" y=\"24\" class=\"title\">{} {} designs</text>",
        escaped(title),
        placed.len()
    ));
    let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
    for tick in x.ticks() {
        let at = x.at(tick);
        line(format_args!("<path class=\"grid\" d=\"M{at:.1} {TOP}V{bottom}\"/>"));
        line(format_args!("<text x=\"{at:.1}\" y=\"{:.1}\" class=\"middle\">{tick}</text>", bottom + 16.0));
    }
    for tick in y.ticks() {
        let at = y.at(tick);
        line(format_args!("<path class=\"grid\" d=\"M{LEFT} {at:.1}H{right}\"/>"));
        line(format_args!("<text x=\"{:.1}\" y=\"{:.1}\" class=\"end\">{tick}</text>", LEFT - 6.0, at + 4.0));
    }
    let middle = (LEFT + right) / 2.0;
    line(format_args!("<text x=\"{middle}\" y=\"{}\" class=\"middle\">multipliers</text>", bottom + 38.0));
    line(format_args!("<text x=\"{LEFT}\" y=\"{}\" class=\"end\">ms</text>", TOP - 8.0));
    line(format_args!("<path class=\"front\" d=\"{}\"/>", front(&placed, &x, &y)));
    for (point, design, result) in &placed {
        let (x, y) = (x.at(f64::from(design.multipliers)), y.at(result.milliseconds));
        let class = if point.best { "best" } else { "other" };
        let name = format!("{} x {}x{} {}", design.cells, design.rows, design.columns, design.memory);
        let (name, milliseconds) = (escaped(&name), result.milliseconds);
        line(format_args!(
            "<g><title>{}: {milliseconds:.3} ms</title><circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/></g>",
            escaped(&point.target)
        ));
        if point.best {
            line(format_args!("<text x=\"{:.1}\" y=\"{:.1}\">{name}</text>", x + 7.0, y + 4.0));
        }
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\">\n\
         <style>\n\
         text {{ font-family: monospace; font-size: 11px; fill: #333333; }}\n\
         .title {{ font-size: 14px; font-weight: bold; }}\n\
         .middle {{ text-anchor: middle; }}\n\
         .end {{ text-anchor: end; }}\n\
         .grid {{ stroke: #dddddd; }}\n\
         .front {{ stroke: #1f4f7a; fill: none; }}\n\
         .best {{ fill: #1f4f7a; }}\n\
         .other {{ fill: #c9d6e3; stroke: #567; }}\n\
         </style>\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" style=\"fill: #ffffff\"/>\n{body}</svg>\n"
    )
}

/// The steps below which no point lies.
fn front(placed: &[(&Point, &Design, &Outcome)], x: &Axis, y: &Axis) -> String {
    let mut order: Vec<(u32, f64)> =
        placed.iter().map(|(_, design, result)| (design.multipliers, result.milliseconds)).collect();
    order.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut path = String::new();
    let mut fastest = f64::MAX;
    for (multipliers, milliseconds) in order {
        if milliseconds < fastest {
            fastest = milliseconds;
            let (x, y) = (x.at(f64::from(multipliers)), y.at(milliseconds));
            // Writing to a String cannot fail.
            let _ = if path.is_empty() { write!(path, "M{x:.1} {y:.1}") } else { write!(path, "H{x:.1}V{y:.1}") };
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_frame_their_values_with_round_ticks() {
        let axis = Axis::new([16.0, 4096.0].into_iter(), 0.0, 100.0);
        assert_eq!(axis.ticks(), [20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0]);
        assert!(axis.at(16.0) > 0.0 && axis.at(4096.0) < 100.0 && axis.at(16.0) < axis.at(17.0));
        // A single value, or none.
        assert!((Axis::new([3.0].into_iter(), 0.0, 100.0).at(3.0) - 50.0).abs() < 1e-9);
        assert!(Axis::new(std::iter::empty(), 0.0, 100.0).at(1.0).is_finite());
    }
}
