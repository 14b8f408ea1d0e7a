//! An operator's attributes: an object of strings, each parsed as its operator expects.

use super::error::{ImportError, ImportFault};
use super::json::Reader;
use super::symbol::shortened;
use crate::error::GraphFault;

/// The attributes of one operator, taken one by one; of duplicate keys the last counts.
///
/// Texts that cannot be read (runtime errors) are reported at once, values that break a rule (logic
/// errors) by [`Attributes::finish`] only: the chain reads all texts before it looks at a value.
#[derive(Debug)]
pub(super) struct Attributes {
    op: &'static str,
    members: Vec<(String, String)>,
    /// The first broken rule.
    broken: Option<ImportFault>,
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
        Ok(Self { op, members, broken: None })
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
        let parse = |text: &str| match trimmed(text) {
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
            [h, w] => Ok([self.natural(key, h), self.natural(key, w)]),
            _ => {
                self.break_rule("an attribute for height and width must have two elements", &list);
                Ok([0; 2])
            }
        }
    }

    /// A required integer that the chain's checks keep from being negative.
    pub(super) fn natural_int(&mut self, key: &'static str) -> Result<usize> {
        let value = self.int(key)?;
        Ok(self.natural(key, i64::from(value)))
    }

    /// Refuses a negative number, as the operator's own range check would.
    pub(super) fn natural(&mut self, attribute: &'static str, found: i64) -> usize {
        usize::try_from(found).unwrap_or_else(|_| {
            let (op, min, max) = (self.op, 0, i64::MAX);
            self.defer(ImportFault::Graph(GraphFault::Attribute { op, attribute, found, min, max }));
            0
        })
    }

    /// A required precision or shift; the operator checks its range.
    pub(super) fn bits(&mut self, key: &'static str) -> Result<u8> {
        let found = i64::from(self.int(key)?);
        Ok(u8::try_from(found).unwrap_or_else(|_| {
            let (op, attribute, min, max) = (self.op, key, 1, 32);
            self.defer(ImportFault::Graph(GraphFault::Attribute { op, attribute, found, min, max }));
            1
        }))
    }

    /// A word that may have one value only; absent stands for it.
    pub(super) fn fixed(&mut self, key: &'static str, only: &'static str) {
        self.fixed_or(key, only, only);
    }

    /// A word that may have one value, or another that stands for it.
    pub(super) fn fixed_or(&mut self, key: &'static str, only: &'static str, unset: &'static str) {
        if let Some(found) = self.take(key)
            && found != only
            && found != unset
        {
            let found = shortened(&found);
            self.defer(ImportFault::Word { what: key, expected: only, found });
        }
    }

    /// A result's element type: none, or the only one the runtime computes with.
    pub(super) fn result_type(&mut self, key: &'static str) -> Result<()> {
        let parse = |text: &str| TYPES.into_iter().chain(["same"]).find(|&t| t == text);
        if let Some(found) = self.parsed(key, "an element type or same", parse)?
            && !matches!(found, "same" | "int32")
        {
            let found = found.to_owned();
            self.defer(ImportFault::Word { what: key, expected: "same or int32", found });
        }
        Ok(())
    }

    /// An element type that means nothing, as long as it is one.
    pub(super) fn ignored_type(&mut self, key: &'static str) -> Result<()> {
        let parse = |text: &str| TYPES.contains(&text).then_some(());
        self.parsed(key, "an element type", parse).map(drop)
    }

    /// Notes an operator's rule broken by an attribute.
    pub(super) fn break_rule(&mut self, rule: &'static str, found: &[i64]) {
        let found = shortened(&format!("{:?}", &found[..found.len().min(8)]));
        self.defer(ImportFault::Graph(GraphFault::Rule { op: self.op, rule, found }));
    }

    fn defer(&mut self, fault: ImportFault) {
        self.broken.get_or_insert(fault);
    }

    /// Refuses what has not been taken, except hidden keys (`__like_this__`), then broken rules.
    pub(super) fn finish(self) -> Result<()> {
        let hidden = |key: &str| key.len() > 4 && key.starts_with("__") && key.ends_with("__");
        if let Some((key, _)) = self.members.iter().find(|(key, _)| !hidden(key)) {
            return Err(ImportFault::UnknownAttribute { op: self.op, key: shortened(key) });
        }
        self.broken.map_or(Ok(()), Err)
    }

    /// Refuses any attribute at all, hidden or not; the chain calls that a logic error.
    pub(super) fn none(self) -> Result<()> {
        match self.members.first() {
            None => Ok(()),
            Some((key, _)) => Err(ImportFault::UnexpectedAttribute { op: self.op, key: shortened(key) }),
        }
    }
}

/// The runtime's element types.
const TYPES: [&str; 11] =
    ["float16", "float32", "float64", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"];

/// More keys than any operator has attributes, with room for hidden ones.
const MEMBERS_MAX: usize = 64;

/// Without the blanks of the C locale, which number readers skip.
fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r'])
}

fn integer(text: &str) -> Option<i32> {
    trimmed(text).parse().ok()
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// More elements than any attribute can use: tensors have at most six axes.
const TUPLE_MAX: usize = 64;

/// `3`, `()`, `(3,)`, `[1, 2]`: an integer alone, or integers in either bracket.
fn tuple(text: &str) -> Option<Vec<i64>> {
    let text = trimmed(text);
    let Some(inner) = text.strip_prefix(['(', '[']) else {
        return Some(vec![text.parse().ok()?]);
    };
    let inner = trimmed(inner.strip_suffix([')', ']'])?);
    if inner.is_empty() {
        return Some(Vec::new());
    }
    let inner = inner.strip_suffix(',').unwrap_or(inner);
    if inner.split(',').nth(TUPLE_MAX).is_some() {
        return None;
    }
    // Python 2 wrote long integers with an L.
    let item = |item: &str| {
        let item = trimmed(item);
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
