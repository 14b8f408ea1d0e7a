//! JSON that can be broken on purpose: duplicate keys, any order, raw text.

use serde_json::Value;
use std::fmt::Write;

/// A JSON value that keeps what a parser would lose.
#[derive(Debug, Clone)]
pub enum Json {
    /// Null, booleans, numbers, and text that need not be JSON at all.
    Raw(String),
    /// A string, written with the escapes it needs.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object; keys may repeat.
    Object(Vec<(String, Json)>),
}

impl From<&Value> for Json {
    fn from(value: &Value) -> Self {
        match value {
            Value::String(s) => Self::Text(s.clone()),
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Object(members) => Self::Object(members.iter().map(|(k, v)| (k.clone(), v.into())).collect()),
            other => Self::Raw(other.to_string()),
        }
    }
}

impl Json {
    /// Reads proper JSON.
    pub fn parse(text: &[u8]) -> Self {
        Self::from(&serde_json::from_slice::<Value>(text).unwrap())
    }

    /// The text.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Raw(text) => out.push_str(text),
            Self::Text(text) => write!(out, "{}", Value::String(text.clone())).unwrap(),
            Self::List(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    out.push_str(if i > 0 { "," } else { "" });
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (i, (key, value)) in members.iter().enumerate() {
                    out.push_str(if i > 0 { "," } else { "" });
                    write!(out, "{}:", Value::String(key.clone())).unwrap();
                    value.write(out);
                }
                out.push('}');
            }
        }
    }

    /// Number of values in it, itself included.
    pub fn count(&self) -> usize {
        1 + match self {
            Self::Raw(_) | Self::Text(_) => 0,
            Self::List(items) => items.iter().map(Self::count).sum(),
            Self::Object(members) => members.iter().map(|(_, v)| v.count()).sum(),
        }
    }

    /// Value `index` in depth-first order.
    pub fn nth(&mut self, index: usize) -> &mut Self {
        if index == 0 {
            return self;
        }
        let mut index = index - 1;
        let children: Vec<&mut Self> = match self {
            Self::Raw(_) | Self::Text(_) => panic!("index beyond the value"),
            Self::List(items) => items.iter_mut().collect(),
            Self::Object(members) => members.iter_mut().map(|(_, v)| v).collect(),
        };
        for child in children {
            let count = child.count();
            if index < count {
                return child.nth(index);
            }
            index -= count;
        }
        panic!("index beyond the value")
    }

    /// The member of this key.
    pub fn member(&mut self, key: &str) -> &mut Self {
        let Self::Object(members) = self else { panic!("{key}: not an object") };
        let at = members.iter().position(|(k, _)| k == key);
        &mut members[at.unwrap_or_else(|| panic!("no {key}"))].1
    }

    /// The element of this index.
    pub fn element(&mut self, index: usize) -> &mut Self {
        let Self::List(items) = self else { panic!("{index}: not a list") };
        &mut items[index]
    }
}
