//! Greyscale pictures and bars in a terminal.

use super::Colour;

/// Shades from dark to bright for plain text.
const SHADES: &[u8] = b" .:-=+*#%@";
/// First of the 24 greys of the 256-colour palette.
const GREY_FIRST: usize = 232;
const GREY_COUNT: usize = 24;

/// The lines of a picture, two characters a pixel so that pixels are about square.
///
/// **Shapes and units.** `pixels` is row-major, `width` a row; 0 is dark, the picture's greatest
/// value is bright, values below 0 are dark.
pub fn picture(pixels: &[i32], width: usize, colour: Colour) -> Vec<String> {
    let brightest = pixels.iter().copied().max().unwrap_or(0).max(1) as usize;
    let level = |value: i32, levels: usize| value.max(0) as usize * (levels - 1) / brightest;
    let row = |row: &[i32]| match colour {
        Colour::Off => row.iter().flat_map(|&value| [char::from(SHADES[level(value, SHADES.len())]); 2]).collect(),
        Colour::On => {
            let pixel = |&value: &i32| format!("\x1b[48;5;{}m  ", GREY_FIRST + level(value, GREY_COUNT));
            row.iter().map(pixel).collect::<String>() + "\x1b[0m"
        }
    };
    pixels.chunks(width.max(1)).map(row).collect()
}

/// A bar of up to `length` characters for `value` between `least` and `greatest`; the least has none.
pub fn bar(value: i32, (least, greatest): (i32, i32), length: usize, colour: Colour) -> String {
    let span = (i64::from(greatest) - i64::from(least)).max(1) as u64;
    let filled = (i64::from(value) - i64::from(least)).max(0) as u64 * length as u64 / span;
    let character = match colour {
        Colour::On => "█",
        Colour::Off => "#",
    };
    character.repeat(filled as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_pictures_are_ascii_and_twice_as_wide() {
        let lines = picture(&[0, 64, 32, -5], 2, Colour::Off);
        assert_eq!(lines, ["  @@", "==  "]);
    }

    #[test]
    fn coloured_pictures_end_each_line_without_colour() {
        for line in picture(&[0, 1, 2, 3], 2, Colour::On) {
            assert!(line.ends_with("\x1b[0m"), "{line:?}");
        }
    }

    #[test]
    fn an_all_dark_picture_is_dark() {
        assert_eq!(picture(&[0, 0], 2, Colour::Off), ["    "]);
    }

    #[test]
    fn bars_grow_from_the_least_to_the_greatest() {
        let range = (i32::MIN, i32::MAX);
        assert_eq!(bar(i32::MIN, range, 10, Colour::Off), "");
        assert_eq!(bar(i32::MAX, range, 10, Colour::Off), "##########");
        assert_eq!(bar(5, (5, 5), 10, Colour::Off), "");
        assert_eq!(bar(0, (-100, 100), 10, Colour::Off), "#####");
    }
}
