//! The speeds as a picture.

use std::fmt::Write;

use crate::drawing::escaped;

use super::report::{Network, Report};

/// Colours of the paths, slowest first; the peer's is the last.
const FILLS: [&str; 6] = ["#c9d6e3", "#9db8d2", "#6f9ac0", "#3f78a8", "#1f4f7a", "#123552"];
const PEER_FILL: &str = "#e0a458";
const WIDTH: f64 = 960.0;
const LEFT: f64 = 160.0;
const RIGHT: f64 = 90.0;
const BAR: f64 = 11.0;
const GAP: f64 = 12.0;
const TOP: f64 = 64.0;

/// A group of bars for each network: GMAC/s, longer is faster.
pub fn draw(report: &Report, title: &str) -> String {
    let mut legend: Vec<(&str, &str)> = Vec::new();
    let bars: Vec<Vec<Bar>> = report.networks.iter().map(|network| bars(network, report)).collect();
    for bar in bars.iter().flatten() {
        if !legend.contains(&(bar.name, bar.fill)) {
            legend.push((bar.name, bar.fill));
        }
    }
    let greatest = bars.iter().flatten().map(|bar| bar.rate).fold(1e-9, f64::max);
    let height = TOP + bars.iter().map(|group| group.len() as f64 * BAR + GAP).sum::<f64>() + GAP;
    let mut body = String::new();
    let mut line = |text: std::fmt::Arguments<'_>| {
        // Writing to a String cannot fail.
        let _ = writeln!(body, "{text}");
    };
    line(format_args!("<text x=\"{GAP}\" y=\"24\" class=\"title\">{}</text>", escaped(title)));
    let mut x = LEFT;
    for (name, fill) in legend {
        line(format_args!("<rect x=\"{x}\" y=\"36\" width=\"10\" height=\"10\" fill=\"{fill}\"/>"));
        line(format_args!("<text x=\"{}\" y=\"45\">{}</text>", x + 14.0, escaped(name)));
        x += 30.0 + 7.5 * name.len() as f64;
    }
    let mut y = TOP;
    for (network, group) in report.networks.iter().zip(&bars) {
        let middle = y + group.len() as f64 * BAR / 2.0 + 4.0;
        line(format_args!(
            "<text x=\"{}\" y=\"{middle}\" class=\"name\">{}</text>",
            LEFT - 8.0,
            escaped(&network.name)
        ));
        for Bar { name, fill, rate } in group {
            let width = (rate / greatest * (WIDTH - LEFT - RIGHT)).max(1.0);
            let height = BAR - 1.0;
            line(format_args!("<g><title>{} {}: {rate:.1} GMAC/s</title>", escaped(&network.name), escaped(name)));
            line(format_args!(
                "<rect x=\"{LEFT}\" y=\"{y}\" width=\"{width:.1}\" height=\"{height}\" fill=\"{fill}\"/></g>"
            ));
            line(format_args!("<text x=\"{:.1}\" y=\"{}\">{rate:.1}</text>", LEFT + width + 4.0, y + 9.0));
            y += BAR;
        }
        y += GAP;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\">\n\
         <style>\ntext {{ font-family: sans-serif; font-size: 10px; fill: #333333; }}\n\
         .title {{ font-size: 14px; font-weight: bold; }}\n.name {{ text-anchor: end; font-size: 12px; }}\n</style>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n{body}</svg>\n"
    )
}

struct Bar {
    name: &'static str,
    fill: &'static str,
    rate: f64,
}

fn bars(network: &Network, report: &Report) -> Vec<Bar> {
    let peer = report.peer.as_ref().map_or("", |peer| peer.name);
    let place = |name: &str| myelin_cpu::Path::ALL.iter().position(|path| path.name() == name).unwrap_or(0);
    let own = network.paths.iter().map(|path| Bar {
        name: path.path,
        fill: FILLS[place(path.path) % FILLS.len()],
        rate: path.gmac_per_second,
    });
    let others = network.peer_gmac_per_second.map(|rate| Bar { name: peer, fill: PEER_FILL, rate });
    own.chain(others).collect()
}
