//! Where one JSON object ends in memory of unknown length.

/// Deepest nesting followed; symbols have 5.
const DEPTH_MAX: usize = 64;

/// Length of the JSON object that begins at byte 0, white space before it included, reading through
/// `byte` one after the other and never past the object's end.
///
/// It ends early at a byte that can stand nowhere in an object at that place (a zero byte above all),
/// and at `max`; what is cut off so is no complete object, and whoever reads it will say so.
pub fn object_length(max: usize, byte: impl Fn(usize) -> u8) -> usize {
    // A bit for each open bracket: 1 for an object, 0 for an array.
    let mut open = [false; DEPTH_MAX];
    let (mut depth, mut at) = (0, 0);
    let mut text = Text::Outside;
    while at < max {
        let next = byte(at);
        match (text, next) {
            // The runtime's reader has neither line ends nor a zero byte in a string.
            (Text::Inside | Text::Escape, b'\0' | b'\n' | b'\r') => return at,
            (Text::Inside, b'"') => text = Text::Outside,
            (Text::Inside, b'\\') => text = Text::Escape,
            (Text::Inside, _) => {}
            (Text::Escape, _) => text = Text::Inside,
            (Text::Outside, b' ' | b'\t'..=b'\r') => {}
            (Text::Outside, b'{') if depth < DEPTH_MAX => {
                open[depth] = true;
                depth += 1;
            }
            // Anything else before the object means there is none.
            (Text::Outside, _) if depth == 0 => return at,
            (Text::Outside, b'[') if depth < DEPTH_MAX => {
                open[depth] = false;
                depth += 1;
            }
            (Text::Outside, b'}' | b']') => {
                if open[depth - 1] != (next == b'}') {
                    return at;
                }
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            (Text::Outside, b'"') => text = Text::Inside,
            (Text::Outside, b',' | b':' | b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'E') => {}
            (Text::Outside, _) => return at,
        }
        at += 1;
    }
    at
}

/// Where the scanner is.
#[derive(Clone, Copy)]
enum Text {
    Outside,
    Inside,
    /// After a backslash in a string.
    Escape,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// The length found, and how many bytes were looked at.
    fn scan(text: &[u8]) -> (usize, usize) {
        let seen = Cell::new(0);
        let length = object_length(1 << 20, |at| {
            seen.set(seen.get().max(at + 1));
            text[at]
        });
        (length, seen.get())
    }

    #[test]
    fn nothing_is_read_past_the_object() {
        for object in [&b"{}"[..], b" \n{\"a\": [1, {\"b\": \"}]{\\\"\"}], \"c\": -2}"] {
            // Memory ends with the object: one byte more would panic.
            assert_eq!(scan(object), (object.len(), object.len()));
            assert_eq!(scan(&[object, b"}garbage"].concat()), (object.len(), object.len()));
        }
    }

    #[test]
    fn what_is_no_object_ends_where_that_is_seen() {
        let cases = [
            (&b"\0"[..], 0),
            (b"nonsense", 0),
            (b"[1]", 0),
            (b"\"{}\"", 0),
            (b"{\"a\": ]", 6),
            (b"{\"a\0\"}", 3),
            (b"{\"a\n\"}", 3),
            (b"{\"a\\\0\"}", 4),
            (b"{\"a\": [1\0", 8),
            (b"{\x80}", 1),
            (b"{'", 1),
        ];
        for (text, expected) in cases {
            assert_eq!(scan(text), (expected, expected + 1), "{}", text.escape_ascii());
        }
        assert_eq!(scan(&b"{\"a\":".repeat(65)).0, 64 * 5);
    }

    #[test]
    fn endless_text_ends_at_the_limit() {
        assert_eq!(object_length(100, |at| if at == 0 { b'{' } else { b' ' }), 100);
    }
}
