//! Writing placed boxes as SVG.

use std::fmt::Write;

use super::escaped;
use super::layout::{HEADER, LINE, MARGIN, NAME_SIZE, Placed, SHADOW, TEXT_SIZE, subtitle, title};

/// Fills by level, repeating.
const FILLS: [&str; 4] = ["#ffffff", "#eaf1f8", "#fdf5e4", "#eef6ea"];
/// Space around the picture.
const BORDER: f64 = 16.0;
/// Length of a port's mark.
const MARK: f64 = 6.0;

/// Width and height in pixels, and the document.
pub(super) fn write(top: &Placed<'_>) -> (u32, u32, String) {
    let width = (top.width + 2.0 * BORDER).ceil() as u32;
    let height = (top.height + 2.0 * BORDER).ceil() as u32;
    let mut svg = String::new();
    let body = boxes(top, BORDER, BORDER, 0);
    // Writing to a String cannot fail.
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\">\n\
         <style>\n\
         text {{ font-family: monospace; font-size: {TEXT_SIZE}px; fill: #333333; }}\n\
         .name {{ font-size: {NAME_SIZE}px; font-weight: bold; fill: #111111; }}\n\
         .out {{ text-anchor: end; }}\n\
         rect {{ stroke: #567; }}\n\
         path {{ stroke: #567; stroke-width: 2; }}\n\
         </style>\n\
         <rect width=\"{width}\" height=\"{height}\" style=\"fill: #ffffff; stroke: none\"/>\n{body}</svg>\n"
    );
    (width, height, svg)
}

fn boxes(placed: &Placed<'_>, left: f64, top: f64, level: usize) -> String {
    let (x, y) = (left + placed.x, top + placed.y);
    let (block, width, height) = (placed.block, placed.width, placed.height);
    let mut svg = String::new();
    let fill = FILLS[level % FILLS.len()];
    let mut line = |text: std::fmt::Arguments<'_>| {
        let _ = writeln!(svg, "{text}");
    };
    line(format_args!("<g>"));
    if !block.doc.is_empty() {
        line(format_args!("<title>{}</title>", escaped(&block.doc)));
    }
    if block.count > 1 {
        for behind in [2.0, 1.0] {
            let (x, y) = (x + behind * SHADOW, y + behind * SHADOW);
            line(format_args!(
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"4\" fill=\"{fill}\"/>"
            ));
        }
    }
    line(format_args!(
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"4\" fill=\"{fill}\"/>"
    ));
    let text_x = x + MARGIN;
    line(format_args!(
        "<text class=\"name\" x=\"{text_x:.1}\" y=\"{:.1}\">{}</text>",
        y + 18.0,
        escaped(&title(block))
    ));
    let [first, second] = subtitle(block);
    line(format_args!("<text x=\"{text_x:.1}\" y=\"{:.1}\">{}</text>", y + 31.0, escaped(&first)));
    line(format_args!("<text x=\"{text_x:.1}\" y=\"{:.1}\">{}</text>", y + 43.0, escaped(&second)));
    let edge = x + width;
    for (index, port) in block.inputs.iter().enumerate() {
        let y = y + HEADER + LINE * (index as f64 + 0.6);
        line(format_args!("<path d=\"M{:.1} {:.1}h{MARK}\"/>", x - MARK / 2.0, y - 3.0));
        line(format_args!("<text x=\"{:.1}\" y=\"{y:.1}\">{}</text>", x + MARK, escaped(port)));
    }
    for (index, port) in block.outputs.iter().enumerate() {
        let y = y + HEADER + LINE * (index as f64 + 0.6);
        line(format_args!("<path d=\"M{:.1} {:.1}h{MARK}\"/>", edge - MARK / 2.0, y - 3.0));
        line(format_args!("<text class=\"out\" x=\"{:.1}\" y=\"{y:.1}\">{}</text>", edge - MARK, escaped(port)));
    }
    line(format_args!("</g>"));
    for child in &placed.children {
        svg += &boxes(child, x, y, level + 1);
    }
    svg
}
