//! Charts of what a program is predicted to do: roofline and timeline.

use std::fmt::Write;

use super::escaped;
use myelin_compile::timing::Interval;
use myelin_isa::Unit;

/// Size of a chart and of the space around it, in pixels.
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 480.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 50.0;

const STYLE: &str = "text { font-family: monospace; font-size: 12px; fill: #333333; } \
    .roof { stroke: #111111; stroke-width: 2; fill: none; } .grid { stroke: #dddddd; } \
    circle { fill: #1f77b4; fill-opacity: 0.7; }";

/// A layer in a roofline.
pub struct Point {
    /// Its name.
    pub name: String,
    /// Multiply-accumulates for each byte moved.
    pub intensity: f64,
    /// Multiply-accumulates a cycle.
    pub speed: f64,
}

fn document(body: &str, title: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         viewBox=\"0 0 {WIDTH} {HEIGHT}\">\n<style>{STYLE}</style>\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n\
         <text x=\"{LEFT}\" y=\"24\">{}</text>\n{body}</svg>\n",
        escaped(title)
    )
}

/// Width of a character, in pixels.
const CHARACTER: f64 = 7.5;

/// A number below the horizontal axis at `at`, moved as far as it would leave the picture.
fn axis_label(at: f64, text: &str) -> String {
    let width = text.len() as f64 * CHARACTER;
    let left = (at - width / 2.0).clamp(0.0, WIDTH - width);
    format!("<text x=\"{left:.1}\" y=\"{:.1}\">{text}</text>", HEIGHT - BOTTOM + 16.0)
}

/// Speed over intensity, both axes logarithmic, under `peak` multiply-accumulates a cycle and
/// `bandwidth` bytes a cycle.
pub fn roofline(title: &str, points: &[Point], peak: f64, bandwidth: f64) -> String {
    let most = points.iter().map(|point| point.intensity).fold(peak / bandwidth * 8.0, f64::max);
    let least = points.iter().map(|point| point.intensity).fold(peak / bandwidth / 8.0, f64::min);
    let slowest = points.iter().map(|point| point.speed).fold(peak / 16.0, f64::min);
    let (x0, x1) = (least.log2().floor(), most.log2().ceil());
    let (y0, y1) = (slowest.max(1e-3).log2().floor(), peak.log2().ceil());
    let x = |value: f64| LEFT + (value.log2() - x0) / (x1 - x0) * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| HEIGHT - BOTTOM - (value.max(1e-3).log2() - y0) / (y1 - y0) * (HEIGHT - TOP - BOTTOM);
    let mut body = String::new();
    let mut line = |text: std::fmt::Arguments<'_>| {
        // Writing to a String cannot fail.
        let _ = writeln!(body, "{text}");
    };
    for power in x0 as i32..=x1 as i32 {
        let at = x(f64::from(power).exp2());
        line(format_args!(
            "<path class=\"grid\" d=\"M{at:.1} {TOP}V{:.1}\"/>{}",
            HEIGHT - BOTTOM,
            axis_label(at, &f64::from(power).exp2().to_string())
        ));
    }
    for power in y0 as i32..=y1 as i32 {
        let at = y(f64::from(power).exp2());
        line(format_args!(
            "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{:.1}\"/><text x=\"8\" y=\"{at:.1}\">{}</text>",
            WIDTH - RIGHT,
            f64::from(power).exp2()
        ));
    }
    let (low, ridge) = (x0.exp2(), peak / bandwidth);
    line(format_args!(
        "<path class=\"roof\" d=\"M{:.1} {:.1}L{:.1} {:.1}H{:.1}\"/>",
        x(low),
        y(low * bandwidth),
        x(ridge),
        y(peak),
        WIDTH - RIGHT
    ));
    for point in points {
        line(format_args!(
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\"><title>{}: {:.1} MACs/byte, {:.1} MACs/cycle</title></circle>",
            x(point.intensity),
            y(point.speed),
            escaped(&point.name),
            point.intensity,
            point.speed
        ));
    }
    line(format_args!("<text x=\"{LEFT}\" y=\"{:.1}\">MACs/byte</text>", HEIGHT - 12.0));
    line(format_args!("<text x=\"8\" y=\"{:.1}\">MACs/cycle</text>", TOP - 8.0));
    document(&body, title)
}

/// Slices of time in a timeline.
const SLICES: usize = 840;
const UNITS: [(Unit, &str, &str); 4] = [
    (Unit::Load, "load", "#2ca02c"),
    (Unit::Array, "array", "#1f77b4"),
    (Unit::Post, "post", "#ff7f0e"),
    (Unit::Store, "store", "#d62728"),
];

/// For each unit, the share of the cells in which it is busy, over `cycles` cycles.
pub fn timeline(title: &str, intervals: &[Interval], cycles: u64, cells: u32) -> String {
    let width = cycles.max(1) as f64 / SLICES as f64;
    let band = (HEIGHT - TOP - BOTTOM) / UNITS.len() as f64;
    let mut body = String::new();
    for (row, (unit, name, colour)) in UNITS.into_iter().enumerate() {
        let mut busy = vec![0f64; SLICES];
        for interval in intervals.iter().filter(|interval| interval.unit == unit) {
            let (start, end) = (interval.start as f64 / width, interval.end as f64 / width);
            for (slice, busy) in busy.iter_mut().enumerate().skip(start as usize).take_while(|(s, _)| (*s as f64) < end)
            {
                *busy += (end.min(slice as f64 + 1.0) - start.max(slice as f64)).max(0.0);
            }
        }
        let bottom = TOP + band * (row as f64 + 1.0) - 6.0;
        let mut path = format!("M{LEFT} {bottom:.1}");
        for (slice, busy) in busy.iter().enumerate() {
            let height = (busy / f64::from(cells)).min(1.0) * (band - 12.0);
            let _ = write!(path, "L{:.1} {:.1}", LEFT + slice as f64 + 0.5, bottom - height);
        }
        let _ = writeln!(
            body,
            "<path fill=\"{colour}\" d=\"{path}L{:.1} {bottom:.1}Z\"/>\n<text x=\"8\" y=\"{bottom:.1}\">{name}</text>",
            LEFT + SLICES as f64
        );
    }
    for tenth in 0..=10u64 {
        let at = LEFT + SLICES as f64 * tenth as f64 / 10.0;
        let _ = writeln!(body, "{}", axis_label(at, &(cycles * tenth / 10).to_string()));
    }
    let _ = writeln!(body, "<text x=\"{LEFT}\" y=\"{:.1}\">cycles; height: share of the cells</text>", HEIGHT - 12.0);
    document(&body, title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_roofline_has_a_point_for_each_layer_and_a_timeline_a_band_for_each_unit() {
        let point = |name: &str| Point { name: name.to_owned(), intensity: 30.0, speed: 900.0 };
        let svg = roofline("net <1>", &[point("a&b"), point("c")], 4096.0, 666.0);
        assert_eq!(svg.matches("<circle").count(), 2);
        assert!(svg.contains("a&amp;b") && svg.contains("net &lt;1&gt;"), "{svg}");
        let interval = Interval { cell: 0, unit: Unit::Array, instruction: 3, start: 10, end: 60 };
        let svg = timeline("net", &[interval], 100, 2);
        assert_eq!(svg.matches("<path").count(), UNITS.len());
    }

    /// Left end and text of every text of a chart.
    fn texts(svg: &str) -> Vec<(f64, &str)> {
        let text = |part| {
            let (at, rest): (&str, &str) = str::split_once(part, '"')?;
            let text = rest.split_once('>')?.1.split_once("</text>")?.0;
            Some((at.parse().ok()?, text))
        };
        svg.split("<text x=\"").skip(1).filter_map(text).collect()
    }

    #[test]
    fn no_text_leaves_the_picture() {
        let point = Point { name: "layer".to_owned(), intensity: 30_000.0, speed: 900.0 };
        for svg in [timeline("net", &[], 123_456_789_012, 16), roofline("net", &[point], 4096.0, 666.0)] {
            let texts = texts(&svg);
            assert!(texts.len() > 10, "{svg}");
            for (left, text) in texts {
                let end = left + text.len() as f64 * CHARACTER;
                assert!(left >= 0.0 && end <= WIDTH, "{text} from {left} to {end}");
            }
        }
    }
}
