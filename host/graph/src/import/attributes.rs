//! An operator's attributes: an object of strings, each parsed as its operator expects.

use super::error::{ImportError, ImportFault};
use super::json::Reader;
use super::symbol::shortened;
use crate::error::GraphFault;

/// The attributes of one operator, taken one by one; of duplicate keys the last counts.
#[derive(Debug)]
pub(super) struct Attributes {
    op: &'static str,
    members: Vec<(String, String)>,
}

type Result<T> = std::result::Result<T, ImportFault>;

impl Attributes {
    /// Reads the object in `text`.
    pub(super) fn read(op: &'static str, text: &str) -> std::result::Result<Self, ImportError> {
        let mut members: Vec<(String, String)> = Vec::new();
        let mut reader = Reader::new(text.as_bytes());
        reader.section = "op_attrs";
        reader.object(|r, key| {
            let value = r.string()?;
            if let Some(member) = members.iter_mut().find(|(k, _)| k == key) {
                member.1 = value;
                return Ok(());
            }
            if members.len() == MEMBERS_MAX {
                return Err(r.fail(ImportFault::UnknownKey { key: shortened(key) }));
            }
            members.push((key.to_owned(), value));
            Ok(())
        })?;
        Ok(Self { op, members })
    }

    fn take(&mut self, key: &str) -> Option<String> {
        let at = self.members.iter().position(|(k, _)| k == key)?;
        Some(self.members.swap_remove(at).1)
    }

    fn parsed<T>(
        &mut self,
        key: &'static str,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(text) = self.take(key) else { return Ok(None) };
        match parse(&text) {
            Some(value) => Ok(Some(value)),
            None => {
                let (op, found) = (self.op, shortened(&text));
                Err(ImportFault::AttributeText { op, key, expected, found })
            }
        }
    }

    fn required<T>(&self, key: &'static str, value: Option<T>) -> Result<T> {
        value.ok_or(ImportFault::MissingAttribute { op: self.op, key })
    }

    /// A required 32-bit integer.
    pub(super) fn int(&mut self, key: &'static str) -> Result<i32> {
        let value = self.parsed(key, "an integer", integer)?;
        self.required(key, value)
    }

    /// A 32-bit integer with a default.
    pub(super) fn int_or(&mut self, key: &'static str, default: i32) -> Result<i32> {
        Ok(self.parsed(key, "an integer", integer)?.unwrap_or(default))
    }

    /// An integer or `None`.
    pub(super) fn optional_int(&mut self, key: &'static str) -> Result<Option<i32>> {
        let parse = |text: &str| match text.trim() {
            "None" => Some(None),
            text => integer(text).map(Some),
        };
        Ok(self.parsed(key, "an integer or None", parse)?.flatten())
    }

    /// A boolean with a default.
    pub(super) fn bool_or(&mut self, key: &'static str, default: bool) -> Result<bool> {
        Ok(self.parsed(key, "True or False", boolean)?.unwrap_or(default))
    }

    /// A required tuple.
    pub(super) fn tuple(&mut self, key: &'static str) -> Result<Vec<i64>> {
        let value = self.parsed(key, "a tuple of integers", tuple)?;
        self.required(key, value)
    }

    /// A tuple with a default.
    pub(super) fn tuple_or(&mut self, key: &'static str, default: &[i64]) -> Result<Vec<i64>> {
        Ok(self.parsed(key, "a tuple of integers", tuple)?.unwrap_or_else(|| default.to_vec()))
    }

    /// Two non-negative integers, with a default if there is one.
    pub(super) fn pair(&mut self, key: &'static str, default: Option<[i64; 2]>) -> Result<[usize; 2]> {
        let list = match default {
            Some(default) => self.tuple_or(key, &default)?,
            None => self.tuple(key)?,
        };
        match list[..] {
            [h, w] => Ok([self.natural(key, h)?, self.natural(key, w)?]),
            _ => Err(self.rule("an attribute for height and width must have two elements", &list)),
        }
    }

    /// A required integer that the chain's checks keep from being negative.
    pub(super) fn natural_int(&mut self, key: &'static str) -> Result<usize> {
        let value = self.int(key)?;
        self.natural(key, i64::from(value))
    }

    /// Refuses a negative number, as the operator's own range check would.
    pub(super) fn natural(&self, attribute: &'static str, found: i64) -> Result<usize> {
        usize::try_from(found).map_err(|_| {
            let (op, min, max) = (self.op, 0, i64::MAX);
            ImportFault::Graph(GraphFault::Attribute { op, attribute, found, min, max })
        })
    }

    /// A required precision or shift; the operator checks its range.
    pub(super) fn bits(&mut self, key: &'static str) -> Result<u8> {
        let found = i64::from(self.int(key)?);
        u8::try_from(found).map_err(|_| {
            let (op, attribute, min, max) = (self.op, key, 1, 32);
            ImportFault::Graph(GraphFault::Attribute { op, attribute, found, min, max })
        })
    }

    /// A word that may have one value only; absent stands for it.
    pub(super) fn fixed(&mut self, key: &'static str, only: &'static str) -> Result<()> {
        self.fixed_or(key, only, only)
    }

    /// A word that may have one value, or another that stands for it.
    pub(super) fn fixed_or(&mut self, key: &'static str, only: &'static str, unset: &'static str) -> Result<()> {
        match self.take(key) {
            Some(found) if found != only && found != unset => {
                let found = shortened(&found);
                Err(ImportFault::Word { what: key, expected: only, found })
            }
            _ => Ok(()),
        }
    }

    /// An element type, of which only 32-bit integers (or none) are possible if `checked`.
    pub(super) fn dtype(&mut self, key: &'static str, checked: Checked) -> Result<()> {
        const TYPES: [&str; 12] = [
            "same", "float16", "float32", "float64", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32",
            "int64",
        ];
        let parse = |text: &str| TYPES.into_iter().find(|&t| t == text);
        match self.parsed(key, "an element type", parse)? {
            None | Some("same" | "int32") => Ok(()),
            Some(_) if checked == Checked::No => Ok(()),
            Some(found) => Err(ImportFault::Word { what: key, expected: "same or int32", found: found.to_owned() }),
        }
    }

    /// An operator's rule broken by an attribute.
    pub(super) fn rule(&self, rule: &'static str, found: &[i64]) -> ImportFault {
        let found = shortened(&format!("{:?}", &found[..found.len().min(8)]));
        ImportFault::Graph(GraphFault::Rule { op: self.op, rule, found })
    }

    /// Refuses what has not been taken, except hidden keys (`__like_this__`).
    pub(super) fn finish(self) -> Result<()> {
        let hidden = |key: &str| key.len() > 4 && key.starts_with("__") && key.ends_with("__");
        match self.members.iter().find(|(key, _)| !hidden(key)) {
            None => Ok(()),
            Some((key, _)) => Err(ImportFault::UnknownAttribute { op: self.op, key: shortened(key) }),
        }
    }

    /// Refuses any attribute at all, hidden or not; the chain calls that a logic error.
    pub(super) fn none(self) -> Result<()> {
        match self.members.first() {
            None => Ok(()),
            Some((key, _)) => Err(ImportFault::UnexpectedAttribute { op: self.op, key: shortened(key) }),
        }
    }
}

/// Whether an element type must be one the runtime computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checked {
    Yes,
    No,
}

/// More keys than any operator has attributes, with room for hidden ones.
const MEMBERS_MAX: usize = 64;

fn integer(text: &str) -> Option<i32> {
    text.trim().parse().ok()
}

fn boolean(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// More elements than any attribute can use: tensors have at most six axes.
const TUPLE_MAX: usize = 64;

/// `3`, `()`, `(3,)`, `[1, 2]`: an integer alone, or integers in either bracket.
fn tuple(text: &str) -> Option<Vec<i64>> {
    let text = text.trim();
    let Some(inner) = text.strip_prefix(['(', '[']) else {
        return Some(vec![text.parse().ok()?]);
    };
    let inner = inner.strip_suffix([')', ']'])?.trim();
    if inner.is_empty() {
        return Some(Vec::new());
    }
    let inner = inner.strip_suffix(',').unwrap_or(inner);
    if inner.split(',').nth(TUPLE_MAX).is_some() {
        return None;
    }
    // Python 2 wrote long integers with an L.
    let item = |item: &str| {
        let item = item.trim();
        item.strip_suffix('L').unwrap_or(item).parse().ok()
    };
    inner.split(',').map(item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_tuples_in_every_spelling() {
        for (text, value) in [
            ("3", Some(vec![3])),
            ("(1, 2)", Some(vec![1, 2])),
            ("[1,-2]", Some(vec![1, -2])),
            (" (3,) ", Some(vec![3])),
            ("(2L, 3L)", Some(vec![2, 3])),
            ("()", Some(vec![])),
            ("", None),
            ("(1 2)", None),
            ("(1, 2", None),
            ("(1,,2)", None),
            ("1.5", None),
            ("(99999999999999999999)", None),
        ] {
            assert_eq!(tuple(text), value, "{text:?}");
        }
    }

    #[test]
    fn takes_the_last_of_duplicate_attributes() {
        let mut a = Attributes::read("t", r#"{"x": "1", "x": "2"}"#).unwrap();
        assert_eq!(a.int("x"), Ok(2));
        a.finish().unwrap();
    }

    #[test]
    fn refuses_attributes_nobody_asked_for_unless_hidden() {
        let read = |text| Attributes::read("t", text).unwrap();
        let unknown = read(r#"{"__y__": "1", "x": "1"}"#).finish();
        assert!(matches!(unknown, Err(ImportFault::UnknownAttribute { key, .. }) if key == "x"));
        read(r#"{"__y__": "1"}"#).finish().unwrap();
        let any = read(r#"{"__y__": "1"}"#).none();
        assert!(matches!(any, Err(ImportFault::UnexpectedAttribute { .. })));
    }
}
