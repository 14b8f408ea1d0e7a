//! The symbol as JSON gives it: types and keys are checked, meanings are not.

use serde_json::{Map, Value};

use crate::Error;

/// The symbol's text, read.
pub(super) struct Symbol {
    pub(super) nodes: Vec<Node>,
    pub(super) arg_nodes: Vec<u32>,
    pub(super) node_row_ptr: Vec<u32>,
    pub(super) heads: Vec<Reference>,
    pub(super) attrs: Lists,
    pub(super) version: String,
    pub(super) postprocess: String,
}

/// One node: a variable, or an operator and its inputs.
pub(super) struct Node {
    pub(super) kind: NodeKind,
    pub(super) name: String,
    pub(super) inputs: Vec<Reference>,
    /// The operator's name, suffix included; empty for a variable.
    pub(super) func_name: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum NodeKind {
    Variable,
    Operator,
}

/// Output `index` of node `node`.
#[derive(Clone, Copy)]
pub(super) struct Reference {
    pub(super) node: u32,
    pub(super) index: u32,
}

/// The symbol's `attrs`: one item per output entry, except `op_attrs` with one per node.
#[derive(Default)]
pub(super) struct Lists {
    pub(super) dltype: Vec<String>,
    pub(super) storage_id: Vec<i32>,
    pub(super) shape: Vec<Vec<i64>>,
    pub(super) precision: Vec<i32>,
    pub(super) op_attrs: Vec<String>,
    pub(super) device_index: Vec<i32>,
}

/// The first JSON value in `bytes`. What follows is not looked at: the node hands the runtime text
/// that is not reliably terminated.
pub(super) fn first_json_value(place: &'static str, bytes: &[u8]) -> Result<Value, Error> {
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<Value>();
    match values.next() {
        Some(Ok(value)) => Ok(value),
        Some(Err(source)) => Err(Error::Json { place, source }),
        None => Err(Error::JsonType { place, expected: "a value, found nothing" }),
    }
}

impl Symbol {
    /// Reads the symbol's text.
    pub(super) fn read(bytes: &[u8]) -> Result<Symbol, Error> {
        const PLACE: &str = "symbol";
        let value = first_json_value(PLACE, bytes)?;
        let mut nodes = None;
        let mut heads = None;
        let mut attrs = None;
        let (mut arg_nodes, mut node_row_ptr) = (Vec::new(), Vec::new());
        let (mut version, mut postprocess) = (String::from("cvm_1.0.0"), String::new());
        for (key, value) in object(PLACE, &value)? {
            match key.as_str() {
                "nodes" => nodes = Some(list("nodes", value, Node::read)?),
                "arg_nodes" => arg_nodes = list("arg_nodes", value, |v| unsigned("arg_nodes", v))?,
                "node_row_ptr" => {
                    node_row_ptr = list("node_row_ptr", value, |v| unsigned("node_row_ptr", v))?;
                }
                "heads" => heads = Some(list("heads", value, Reference::read)?),
                "attrs" => attrs = Some(Lists::read(value)?),
                "version" => version = text("version", value)?,
                "postprocess" => postprocess = text("postprocess", value)?,
                _ => return Err(Error::UnknownKey { place: PLACE, key: key.clone() }),
            }
        }
        let missing = |key| Error::MissingKey { place: PLACE, key };
        Ok(Symbol {
            nodes: nodes.ok_or(missing("nodes"))?,
            heads: heads.ok_or(missing("heads"))?,
            attrs: attrs.ok_or(missing("attrs"))?,
            arg_nodes,
            node_row_ptr,
            version,
            postprocess,
        })
    }
}

impl Node {
    fn read(value: &Value) -> Result<Node, Error> {
        const PLACE: &str = "node";
        let (mut kind, mut name, mut inputs) = (None, None, None);
        let mut func_name = String::new();
        for (key, value) in object(PLACE, value)? {
            match key.as_str() {
                "op" => {
                    kind = Some(match text("node op", value)?.as_str() {
                        "null" => NodeKind::Variable,
                        "cvm_op" => NodeKind::Operator,
                        _ => {
                            let expected = "null or cvm_op";
                            return Err(Error::Layout { place: "node op", expected });
                        }
                    });
                }
                "name" => name = Some(text("node name", value)?),
                "inputs" => inputs = Some(list("node inputs", value, Reference::read)?),
                "attrs" => func_name = read_func_name(value)?,
                // Read and forgotten, as the runtime does.
                "precision" => drop(signed("node precision", value)?),
                _ => return Err(Error::UnknownKey { place: PLACE, key: key.clone() }),
            }
        }
        let missing = |key| Error::MissingKey { place: PLACE, key };
        Ok(Node {
            kind: kind.ok_or(missing("op"))?,
            name: name.ok_or(missing("name"))?,
            inputs: inputs.ok_or(missing("inputs"))?,
            func_name,
        })
    }
}

/// The one of a node's attributes that means anything; the others must merely be strings.
fn read_func_name(value: &Value) -> Result<String, Error> {
    const PLACE: &str = "node attrs";
    let mut func_name = None;
    for (key, value) in object(PLACE, value)? {
        let value = text(PLACE, value)?;
        match key.as_str() {
            "func_name" => func_name = Some(value),
            "num_inputs" | "num_outputs" | "op_attrs" | "flatten_data" => {}
            _ => return Err(Error::UnknownKey { place: PLACE, key: key.clone() }),
        }
    }
    func_name.ok_or(Error::MissingKey { place: PLACE, key: "func_name" })
}

impl Reference {
    fn read(value: &Value) -> Result<Reference, Error> {
        const PLACE: &str = "reference";
        match array(PLACE, value)?.as_slice() {
            [node, index] => Ok(Reference { node: unsigned(PLACE, node)?, index: unsigned(PLACE, index)? }),
            [node, index, version] => {
                unsigned(PLACE, version)?;
                Ok(Reference { node: unsigned(PLACE, node)?, index: unsigned(PLACE, index)? })
            }
            _ => Err(Error::Layout { place: PLACE, expected: "[node, index] or [.., version]" }),
        }
    }
}

impl Lists {
    fn read(value: &Value) -> Result<Lists, Error> {
        const PLACE: &str = "attrs";
        let mut lists = Lists::default();
        let mut seen = [false; 3];
        for (key, value) in object(PLACE, value)? {
            match key.as_str() {
                "dltype" => lists.dltype = tagged("list_str", value, |v| text("dltype", v))?,
                "storage_id" => {
                    lists.storage_id = tagged("list_int", value, |v| signed("storage_id", v))?;
                    seen[0] = true;
                }
                "shape" => {
                    let shape = |v: &Value| list("shape", v, |v| long("shape", v));
                    lists.shape = tagged("list_shape", value, shape)?;
                    seen[1] = true;
                }
                "precision" => {
                    lists.precision = tagged("list_int", value, |v| signed("precision", v))?;
                }
                "op_attrs" => {
                    lists.op_attrs = tagged("list_str", value, |v| text("op_attrs", v))?;
                    seen[2] = true;
                }
                "device_index" => {
                    lists.device_index = tagged("list_int", value, |v| signed("device_index", v))?;
                }
                "dtype" => skip_dtype(value)?,
                _ => return Err(Error::UnknownKey { place: PLACE, key: key.clone() }),
            }
        }
        for (seen, key) in seen.into_iter().zip(["storage_id", "shape", "op_attrs"]) {
            if !seen {
                return Err(Error::MissingKey { place: PLACE, key });
            }
        }
        Ok(lists)
    }
}

/// `["list_int", [..]]`, or `["list_str", n]`: the runtime skips a list of strings as one number.
fn skip_dtype(value: &Value) -> Result<(), Error> {
    const PLACE: &str = "dtype";
    let items = array(PLACE, value)?;
    let [tag, content] = items.as_slice() else {
        return Err(Error::Layout { place: PLACE, expected: "a type tag and a list" });
    };
    match text(PLACE, tag)?.as_str() {
        "list_int" => drop(list(PLACE, content, |v| signed(PLACE, v))?),
        "list_str" if content.is_u64() => {}
        _ => return Err(Error::JsonType { place: PLACE, expected: "list_int and integers" }),
    }
    Ok(())
}

/// `[tag, [item, ..]]`.
fn tagged<T>(tag: &'static str, value: &Value, read: impl Fn(&Value) -> Result<T, Error>) -> Result<Vec<T>, Error> {
    const PLACE: &str = "attrs list";
    match array(PLACE, value)?.as_slice() {
        [found, content] if text(PLACE, found)? == tag => list(PLACE, content, read),
        _ => Err(Error::Layout { place: PLACE, expected: tag }),
    }
}

fn list<T>(place: &'static str, value: &Value, read: impl Fn(&Value) -> Result<T, Error>) -> Result<Vec<T>, Error> {
    array(place, value)?.iter().map(read).collect()
}

fn object<'a>(place: &'static str, value: &'a Value) -> Result<&'a Map<String, Value>, Error> {
    value.as_object().ok_or(Error::JsonType { place, expected: "an object" })
}

fn array<'a>(place: &'static str, value: &'a Value) -> Result<&'a Vec<Value>, Error> {
    value.as_array().ok_or(Error::JsonType { place, expected: "an array" })
}

fn text(place: &'static str, value: &Value) -> Result<String, Error> {
    let text = value.as_str().ok_or(Error::JsonType { place, expected: "a string" })?;
    Ok(text.to_owned())
}

fn long(place: &'static str, value: &Value) -> Result<i64, Error> {
    value.as_i64().ok_or(Error::JsonType { place, expected: "an integer" })
}

fn signed(place: &'static str, value: &Value) -> Result<i32, Error> {
    let number = i32::try_from(long(place, value)?);
    number.map_err(|_| Error::JsonType { place, expected: "a 32-bit integer" })
}

fn unsigned(place: &'static str, value: &Value) -> Result<u32, Error> {
    let number = u32::try_from(long(place, value)?);
    number.map_err(|_| Error::JsonType { place, expected: "an unsigned 32-bit integer" })
}
