//! The ratios as bars, in SVG.

use std::fmt::Write as _;

use crate::rows::contest::{ENGINES, Outcome};

const BAR: f64 = 18.0;
const GAP: f64 = 10.0;
const LABELS: f64 = 190.0;
const WIDTH: f64 = 620.0;
const MARGIN: f64 = 70.0;
/// Colours of our engines and of Verilator; each bar has its name beside it as well.
const COLOURS: [&str; 3] = ["#0072b2", "#009e73", "#999999"];

/// A drawing of how many times Verilator's best rate our engines reach, a group of bars a design.
pub fn svg(outcomes: &[Outcome], caption: &str) -> String {
    let most = outcomes.iter().map(Outcome::best_ratio).fold(1.0, f64::max);
    let group = (ENGINES.len() + 1) as f64 * BAR + GAP;
    let (height, width) = (outcomes.len() as f64 * group + 70.0, LABELS + WIDTH + 2.0 * MARGIN);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} \
         {height}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" \
         fill=\"white\"/>\n<text x=\"10\" y=\"22\" font-size=\"15\">Cycles per CPU second, times Verilator's \
         best</text>\n<text x=\"10\" y=\"40\" fill=\"#555\">{}</text>\n",
        escaped(caption)
    );
    for (index, outcome) in outcomes.iter().enumerate() {
        let top = 56.0 + index as f64 * group;
        _ = writeln!(text, "<text x=\"10\" y=\"{:.1}\">{}</text>", top + 2.0 * BAR - 5.0, escaped(&outcome.design));
        let best = outcome.best_of_verilator();
        let mut bars: Vec<(String, f64)> = (outcome.rates.iter().take(ENGINES.len()))
            .map(|rate| (rate.name.clone(), rate.cycles_per_second / best))
            .collect();
        bars.push(("Verilator's best".to_owned(), 1.0));
        for (bar, ((name, ratio), colour)) in bars.iter().zip(COLOURS).enumerate() {
            let (y, length) = (top + bar as f64 * BAR, ratio / most * WIDTH);
            _ = writeln!(
                text,
                "<rect x=\"{LABELS}\" y=\"{y:.1}\" width=\"{length:.1}\" height=\"{:.1}\" fill=\"{colour}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\">{ratio:.1} {name}</text>",
                BAR - 3.0,
                LABELS + length + 5.0,
                y + BAR - 6.0
            );
        }
    }
    text.push_str("</svg>\n");
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Rate;

    #[test]
    fn every_engine_has_a_bar_and_the_longest_is_the_fastest() {
        let rate =
            |name: &str, speed| Rate { name: name.to_owned(), cycles_per_second: speed, worst: speed, cycles: 1 };
        let rates = vec![rate("Cranelift", 40.0), rate("ahead of time", 80.0), rate("Verilator", 10.0)];
        let text = svg(&[Outcome { design: "a < b".to_owned(), rates }], "here");
        assert!(text.contains("4.0 Cranelift") && text.contains("8.0 ahead of time") && text.contains("a &lt; b"));
        assert!(text.contains("width=\"620.0\"") && text.contains("width=\"310.0\""));
    }
}
