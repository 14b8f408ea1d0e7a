//! The symbol's text as flat lists, checked for form but not for meaning.

use super::Limits;
use super::error::{ImportError, ImportFault};
use super::json::Reader;

/// A piece of [`RawSymbol::text`].
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

/// A half-open range of one of the lists.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Range {
    start: u32,
    end: u32,
}

impl Range {
    pub(super) fn of<T>(self, list: &[T]) -> &[T] {
        &list[self.start as usize..self.end as usize]
    }
}

/// `[node, output]`; the third, a version, means nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) node: u32,
    pub(super) output: u32,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct RawNode {
    pub(super) is_null: bool,
    pub(super) name: Span,
    pub(super) func_name: Span,
    pub(super) inputs: Range,
}

/// Everything in the symbol. All strings lie in one text and all lists are flat, so that memory
/// stays within a small multiple of the file.
#[derive(Debug, Default)]
pub(super) struct RawSymbol {
    pub(super) text: String,
    pub(super) nodes: Vec<RawNode>,
    pub(super) inputs: Vec<Entry>,
    pub(super) arg_nodes: Vec<u32>,
    pub(super) node_row_ptr: Vec<u32>,
    pub(super) heads: Vec<Entry>,
    pub(super) version: Option<Span>,
    pub(super) postprocess: Span,
    pub(super) storage_id: Vec<i32>,
    pub(super) device_index_count: usize,
    pub(super) dltype: Vec<Span>,
    pub(super) precision: Vec<i32>,
    pub(super) op_attrs: Vec<Span>,
    pub(super) shapes: Vec<Range>,
    pub(super) dims: Vec<i64>,
}

impl RawSymbol {
    pub(super) fn text(&self, span: Span) -> &str {
        &self.text[span.start as usize..span.end as usize]
    }
}

/// Reads the symbol. Of duplicate keys the last counts.
pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<RawSymbol, ImportError> {
    let mut s = RawSymbol::default();
    let mut reader = Reader::new(bytes);
    let (mut nodes, mut heads, mut attrs) = (false, false, false);
    reader.object(|r, key| {
        match key {
            "nodes" => {
                nodes = true;
                r.section = "nodes";
                read_nodes(r, &mut s, limits)?;
            }
            "arg_nodes" => read_list(r, "arg_nodes", &mut s.arg_nodes, Reader::u32)?,
            "node_row_ptr" => read_list(r, "node_row_ptr", &mut s.node_row_ptr, Reader::u32)?,
            "heads" => {
                heads = true;
                read_list(r, "heads", &mut s.heads, read_entry)?;
            }
            "attrs" => {
                attrs = true;
                r.section = "attrs";
                read_attrs(r, &mut s)?;
            }
            "version" => s.version = Some(read_text(r, &mut s.text)?),
            "postprocess" => s.postprocess = read_text(r, &mut s.text)?,
            _ => return Err(r.fail(ImportFault::UnknownKey { key: shortened(key) })),
        }
        (r.section, r.index) = ("symbol", None);
        Ok(())
    })?;
    for (present, key) in [(nodes, "nodes"), (heads, "heads"), (attrs, "attrs")] {
        if !present {
            return Err(reader.fail(ImportFault::MissingKey { key }));
        }
    }
    Ok(s)
}

fn read_nodes(r: &mut Reader<'_>, s: &mut RawSymbol, limits: &Limits) -> Result<(), ImportError> {
    s.nodes.clear();
    s.inputs.clear();
    r.array(|r, index| {
        r.index = Some(index);
        if index >= limits.nodes {
            let (found, max) = (index as u64 + 1, limits.nodes as u64);
            return Err(r.fail(ImportFault::TooLarge { what: "node count", found, max }));
        }
        let node = read_node(r, s)?;
        s.nodes.push(node);
        Ok(())
    })
}

fn read_node(r: &mut Reader<'_>, s: &mut RawSymbol) -> Result<RawNode, ImportError> {
    let (mut is_null, mut name, mut inputs) = (None, None, None);
    let mut func_name = Span::default();
    r.object(|r, key| {
        match key {
            "op" => {
                let word = r.string()?;
                is_null = Some(match word.as_str() {
                    "null" => true,
                    "cvm_op" => false,
                    _ => {
                        let (what, expected) = ("op", "\"null\" or \"cvm_op\"");
                        let found = shortened(&word);
                        return Err(r.fail(ImportFault::Word { what, expected, found }));
                    }
                });
            }
            "name" => name = Some(read_text(r, &mut s.text)?),
            "inputs" => {
                let start = s.inputs.len() as u32;
                r.array(|r, _| {
                    s.inputs.push(read_entry(r)?);
                    Ok(())
                })?;
                inputs = Some(Range { start, end: s.inputs.len() as u32 });
            }
            "attrs" => func_name = read_node_attrs(r, &mut s.text)?.unwrap_or(func_name),
            "precision" => drop(r.i32()?),
            _ => return Err(r.fail(ImportFault::UnknownKey { key: shortened(key) })),
        }
        Ok(())
    })?;
    let missing = |key| r.fail(ImportFault::MissingKey { key });
    Ok(RawNode {
        is_null: is_null.ok_or_else(|| missing("op"))?,
        name: name.ok_or_else(|| missing("name"))?,
        func_name,
        inputs: inputs.ok_or_else(|| missing("inputs"))?,
    })
}

/// A node's `attrs`: strings, of which only `func_name` means anything.
fn read_node_attrs(r: &mut Reader<'_>, text: &mut String) -> Result<Option<Span>, ImportError> {
    let mut func_name = None;
    r.object(|r, key| {
        match key {
            "func_name" => func_name = Some(read_text(r, text)?),
            "num_inputs" | "num_outputs" | "op_attrs" | "flatten_data" => drop(r.string()?),
            _ => return Err(r.fail(ImportFault::UnknownKey { key: shortened(key) })),
        }
        Ok(())
    })?;
    match func_name {
        Some(_) => Ok(func_name),
        None => Err(r.fail(ImportFault::MissingKey { key: "func_name" })),
    }
}

/// The graph's `attrs`: lists with the name of their type in front.
fn read_attrs(r: &mut Reader<'_>, s: &mut RawSymbol) -> Result<(), ImportError> {
    let (mut storage_id, mut shape, mut op_attrs) = (false, false, false);
    r.object(|r, key| {
        match key {
            "dltype" => {
                let (list, text) = (&mut s.dltype, &mut s.text);
                typed(r, "attrs.dltype", "list_str", |r, section| read_list(r, section, list, |r| read_text(r, text)))?;
            }
            "storage_id" => {
                storage_id = true;
                let list = &mut s.storage_id;
                typed(r, "attrs.storage_id", "list_int", |r, section| read_list(r, section, list, Reader::i32))?;
            }
            "shape" => {
                shape = true;
                typed(r, "attrs.shape", "list_shape", |r, section| read_shapes(r, section, s))?;
            }
            "device_index" => {
                s.device_index_count = 0;
                let count = &mut s.device_index_count;
                typed(r, "attrs.device_index", "list_int", |r, _| {
                    r.array(|r, _| {
                        *count += 1;
                        r.i32().map(drop)
                    })
                })?;
            }
            "precision" => {
                let list = &mut s.precision;
                typed(r, "attrs.precision", "list_int", |r, section| read_list(r, section, list, Reader::i32))?;
            }
            "op_attrs" => {
                op_attrs = true;
                let (list, text) = (&mut s.op_attrs, &mut s.text);
                typed(r, "attrs.op_attrs", "list_str", |r, section| {
                    read_list(r, section, list, |r| read_text(r, text))
                })?;
            }
            "dtype" => skip_dtype(r)?,
            _ => return Err(r.fail(ImportFault::UnknownKey { key: shortened(key) })),
        }
        (r.section, r.index) = ("attrs", None);
        Ok(())
    })?;
    for (present, key) in [(storage_id, "storage_id"), (shape, "shape"), (op_attrs, "op_attrs")] {
        if !present {
            return Err(r.fail(ImportFault::MissingKey { key }));
        }
    }
    Ok(())
}

/// Reads `[type, list]`, the list with `read`.
fn typed(
    r: &mut Reader<'_>,
    section: &'static str,
    type_name: &'static str,
    mut read: impl FnMut(&mut Reader<'_>, &'static str) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    r.section = section;
    let mut count = 0;
    r.array(|r, index| {
        count = index + 1;
        match index {
            0 => {
                let found = r.string()?;
                if found == type_name {
                    return Ok(());
                }
                let (what, found) = ("list type", shortened(&found));
                Err(r.fail(ImportFault::Word { what, expected: type_name, found }))
            }
            1 => {
                read(r, section)?;
                r.index = None;
                Ok(())
            }
            _ => Err(r.fail(ImportFault::Arity { expected: "[type, list]" })),
        }
    })?;
    if count == 2 { Ok(()) } else { Err(r.fail(ImportFault::Arity { expected: "[type, list]" })) }
}

fn read_shapes(r: &mut Reader<'_>, section: &'static str, s: &mut RawSymbol) -> Result<(), ImportError> {
    s.dims.clear();
    let dims = &mut s.dims;
    read_list(r, section, &mut s.shapes, |r| {
        let start = dims.len() as u32;
        r.array(|r, _| {
            dims.push(r.integer(i64::MIN, i64::MAX)?);
            Ok(())
        })?;
        Ok(Range { start, end: dims.len() as u32 })
    })
}

/// The one list the chain reads and ignores: integers, or (its own slip) one number for strings.
fn skip_dtype(r: &mut Reader<'_>) -> Result<(), ImportError> {
    r.section = "attrs.dtype";
    let (mut is_list, mut count) = (true, 0);
    r.array(|r, index| {
        count = index + 1;
        match index {
            0 => {
                let word = r.string()?;
                is_list = word == "list_int";
                if is_list || word == "list_str" {
                    return Ok(());
                }
                Err(r.fail(ImportFault::UnknownKey { key: shortened(&word) }))
            }
            1 if is_list => r.array(|r, _| r.i32().map(drop)),
            1 => r.integer(0, i64::MAX).map(drop),
            _ => Err(r.fail(ImportFault::Arity { expected: "[type, list]" })),
        }
    })?;
    if count == 2 { Ok(()) } else { Err(r.fail(ImportFault::Arity { expected: "[type, list]" })) }
}

fn read_list<'a, T>(
    r: &mut Reader<'a>,
    section: &'static str,
    list: &mut Vec<T>,
    mut read: impl FnMut(&mut Reader<'a>) -> Result<T, ImportError>,
) -> Result<(), ImportError> {
    r.section = section;
    list.clear();
    r.array(|r, index| {
        r.index = Some(index);
        list.push(read(r)?);
        Ok(())
    })
}

fn read_entry(r: &mut Reader<'_>) -> Result<Entry, ImportError> {
    const EXPECTED: &str = "[node, output] or [node, output, version]";
    let (mut parts, mut count) = ([0; 3], 0);
    r.array(|r, index| {
        let Some(part) = parts.get_mut(index) else {
            return Err(r.fail(ImportFault::Arity { expected: EXPECTED }));
        };
        *part = r.u32()?;
        count = index + 1;
        Ok(())
    })?;
    if count < 2 {
        return Err(r.fail(ImportFault::Arity { expected: EXPECTED }));
    }
    Ok(Entry { node: parts[0], output: parts[1] })
}

fn read_text(r: &mut Reader<'_>, text: &mut String) -> Result<Span, ImportError> {
    let start = text.len() as u32;
    r.string_into(text)?;
    Ok(Span { start, end: text.len() as u32 })
}

/// The start of a string, for error messages.
pub(super) fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}
