//! An operator's attributes: text in the symbol, read as the runtime's parameter parser reads it.

use std::collections::BTreeMap;

use crate::Error;

/// The attributes of one operator, taken out one by one; [`Attributes::finish`] refuses leftovers.
pub(super) struct Attributes {
    operator: &'static str,
    texts: BTreeMap<String, String>,
}

impl Attributes {
    /// Reads a JSON object of strings; what follows it is ignored, as the runtime does.
    pub(super) fn read(operator: &'static str, text: &str) -> Result<Attributes, Error> {
        const PLACE: &str = "operator attributes";
        let value = super::symbol::first_json_value(PLACE, text.as_bytes())?;
        let object = value.as_object();
        let object = object.ok_or(Error::JsonType { place: PLACE, expected: "an object" })?;
        let mut texts = BTreeMap::new();
        for (key, value) in object {
            let text = value.as_str();
            let text = text.ok_or(Error::JsonType { place: PLACE, expected: "strings" })?;
            texts.insert(key.clone(), text.to_owned());
        }
        Ok(Attributes { operator, texts })
    }

    /// That nothing is left but hidden keys (`__like_this__`).
    pub(super) fn finish(self) -> Result<(), Error> {
        for (key, found) in self.texts {
            let hidden = key.len() > 4 && key.starts_with("__") && key.ends_with("__");
            if !hidden {
                let expected = "the operator has no such attribute";
                let operator = self.operator;
                return Err(Error::AttributeText { operator, attribute: key, expected, found });
            }
        }
        Ok(())
    }

    /// That there are none at all, hidden or not.
    pub(super) fn finish_empty(self) -> Result<(), Error> {
        if self.texts.is_empty() {
            return Ok(());
        }
        Err(Error::AttributesForbidden { operator: self.operator, count: self.texts.len() })
    }

    pub(super) fn integer(&mut self, key: &str, default: Option<i32>) -> Result<i32, Error> {
        self.take(key, default, "expected a 32-bit integer", read_integer)
    }

    /// An integer with a lower bound the runtime's parser itself checks.
    pub(super) fn integer_at_least(&mut self, key: &str, min: i32, default: Option<i32>) -> Result<i32, Error> {
        self.take(key, default, "expected a 32-bit integer above its bound", |text| {
            read_integer(text).filter(|&value| value >= min)
        })
    }

    /// An integer or the word `None`, which is the default.
    pub(super) fn integer_or_none(&mut self, key: &str) -> Result<Option<i32>, Error> {
        self.take(key, Some(None), "expected a 32-bit integer or None", |text| match text.trim() {
            "None" => Some(None),
            text => read_integer(text).map(Some),
        })
    }

    pub(super) fn boolean(&mut self, key: &str, default: bool) -> Result<bool, Error> {
        self.take(key, Some(default), "expected True or False", |text| match text.to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        })
    }

    pub(super) fn tuple(&mut self, key: &str, default: Option<&[i64]>) -> Result<Vec<i64>, Error> {
        let default = default.map(<[i64]>::to_vec);
        self.take(key, default, "expected a tuple of integers", read_tuple)
    }

    pub(super) fn text(&mut self, key: &str, default: &str) -> Result<String, Error> {
        self.take(key, Some(default.to_owned()), "expected text", |text| Some(text.to_owned()))
    }

    /// One of the names of an enumeration, `special` or `common`.
    pub(super) fn one_of(
        &mut self,
        key: &str,
        special: &[&str],
        common: &[&str],
        default: &str,
    ) -> Result<String, Error> {
        let default = Some(default.to_owned());
        self.take(key, default, "expected a name of its list", |text| {
            (special.contains(&text) || common.contains(&text)).then(|| text.to_owned())
        })
    }

    fn take<T>(
        &mut self,
        key: &str,
        default: Option<T>,
        expected: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, Error> {
        let found = self.texts.remove(key);
        let value = match &found {
            Some(text) => read(text),
            None => default,
        };
        value.ok_or_else(|| Error::AttributeText {
            operator: self.operator,
            attribute: key.to_owned(),
            expected,
            found: found.unwrap_or_default(),
        })
    }
}

/// A decimal integer with an optional sign between optional blanks, as a C++ stream reads it.
fn read_integer(text: &str) -> Option<i32> {
    let mut rest = text.as_bytes();
    let value = next_integer(&mut rest)?;
    skip_blanks(&mut rest);
    if rest.is_empty() { i32::try_from(value).ok() } else { None }
}

/// `(1, 2)`, `[1, 2]`, `(1,)`, `()`, or a bare integer; an integer may carry the suffix `L`.
fn read_tuple(text: &str) -> Option<Vec<i64>> {
    let mut rest = text.as_bytes();
    skip_blanks(&mut rest);
    let values = match rest.first()? {
        b'0'..=b'9' | b'-' => vec![next_integer(&mut rest)?],
        b'(' | b'[' => {
            rest = &rest[1..];
            next_items(&mut rest)?
        }
        _ => return None,
    };
    skip_blanks(&mut rest);
    rest.is_empty().then_some(values)
}

/// The items of a tuple and its closing bracket; either kind of bracket closes.
fn next_items(rest: &mut &[u8]) -> Option<Vec<i64>> {
    let mut values = Vec::new();
    loop {
        skip_blanks(rest);
        if let [b')' | b']', after @ ..] = *rest {
            *rest = after;
            return Some(values);
        }
        values.push(next_integer(rest)?);
        skip_blanks(rest);
        if let [b'L', after @ ..] = *rest {
            *rest = after;
        }
        match *rest {
            [b',', after @ ..] => *rest = after,
            [b')' | b']', ..] => {}
            _ => return None,
        }
    }
}

fn next_integer(rest: &mut &[u8]) -> Option<i64> {
    skip_blanks(rest);
    let signed = usize::from(matches!(rest.first(), Some(b'+' | b'-')));
    let digits = rest[signed..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, after) = rest.split_at(signed + digits);
    *rest = after;
    // Without a digit, or beyond 64 bits, parsing fails.
    std::str::from_utf8(number).ok()?.parse().ok()
}

fn skip_blanks(rest: &mut &[u8]) {
    while let [b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r', after @ ..] = *rest {
        *rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_integers_as_a_stream_does() {
        for (text, expected) in [
            ("7", Some(7)),
            (" -7\n", Some(-7)),
            ("+7", Some(7)),
            ("007", Some(7)),
            ("2147483648", None),
            ("1.0", None),
            ("0x10", None),
            ("", None),
            ("-", None),
            ("1 2", None),
        ] {
            assert_eq!(read_integer(text), expected, "{text:?}");
        }
    }

    #[test]
    fn reads_tuples_in_all_their_spellings() {
        for (text, expected) in [
            ("(1, 2)", Some(vec![1, 2])),
            ("[1,-2]", Some(vec![1, -2])),
            ("(1,)", Some(vec![1])),
            (" ( 1L, 2 ] ", Some(vec![1, 2])),
            ("(1L ,2)", None),
            ("()", Some(vec![])),
            ("-3", Some(vec![-3])),
            ("(1 2)", None),
            ("(1, 2", None),
            ("(1, 2) x", None),
            ("(a)", None),
            ("x", None),
            ("", None),
            ("(99999999999999999999)", None),
        ] {
            assert_eq!(read_tuple(text), expected, "{text:?}");
        }
    }

    #[test]
    fn leftover_attributes_are_refused_unless_hidden() {
        let hidden = Attributes::read("relu", r#"{"__shape__": "x"}"#).unwrap();
        assert!(hidden.finish().is_ok());
        let hidden = Attributes::read("relu", r#"{"__shape__": "x"}"#).unwrap();
        assert!(matches!(hidden.finish_empty(), Err(Error::AttributesForbidden { .. })));
        let leftover = Attributes::read("relu", r#"{"scale": "2"}"#).unwrap();
        assert!(matches!(leftover.finish(), Err(Error::AttributeText { .. })));
        assert!(matches!(Attributes::read("relu", r#"{"a": 1}"#), Err(Error::JsonType { .. })));
        assert!(matches!(Attributes::read("relu", "{"), Err(Error::Json { .. })));
    }
}
