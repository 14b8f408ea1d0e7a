//! What is refused, where the error points, and how the chain classes it.

#![allow(clippy::unwrap_used, reason = "a broken fixture is a failed test")]

mod common;

use common::json::Json;
use myelin_graph::import::{self, ImportError, ImportFault, Limits, Place};
use myelin_graph::{ErrorClass, ErrorClass::Logic, ErrorClass::Runtime, GraphFault};

/// The digits model as JSON, and its parameters.
fn digits() -> (Json, Vec<u8>) {
    let dir = common::root().join("models/digits_int8");
    let symbol = std::fs::read(dir.join("symbol")).unwrap();
    (Json::parse(&symbol), std::fs::read(dir.join("params")).unwrap())
}

fn refusal(symbol: &[u8], params: &[u8]) -> ImportError {
    import::cvm(symbol, params, &Limits::default()).expect_err("accepted")
}

/// Edits the digits symbol and returns how it is refused.
fn edited(edit: impl FnOnce(&mut Json)) -> ImportError {
    let (mut json, params) = digits();
    edit(&mut json);
    refusal(json.to_text().as_bytes(), &params)
}

fn raw(text: &str) -> Json {
    Json::Raw(text.to_owned())
}

fn text(text: &str) -> Json {
    Json::Text(text.to_owned())
}

/// The list of values of one of the graph's attributes.
fn attr<'a>(json: &'a mut Json, key: &str) -> &'a mut Json {
    json.member("attrs").member(key).element(1)
}

fn node(json: &mut Json, index: usize) -> &mut Json {
    json.member("nodes").element(index)
}

/// Replaces the attribute text of a node.
fn set_op_attrs(json: &mut Json, index: usize, attrs: &str) {
    *attr(json, "op_attrs").element(index) = text(attrs);
}

#[track_caller]
fn assert_refused(error: &ImportError, class: ErrorClass, message: &str) {
    assert_eq!(error.class(), class, "{error}");
    assert_eq!(error.to_string(), message);
}

#[test]
fn classes_broken_json_as_the_chain_does() {
    let (json, params) = digits();
    let whole = json.to_text();
    for cut in [0, 1, 10, 100, 3000, whole.len() - 1] {
        assert_eq!(refusal(&whole.as_bytes()[..cut], &params).class(), Runtime, "cut at {cut}");
    }
    assert_refused(&refusal(b"hello", &params), Runtime, "symbol byte 0, in symbol: expected '{', found 'h'");
    assert_refused(&refusal(b"{}", &params), Logic, "symbol byte 2, in symbol: missing key \"nodes\"");
    assert_refused(
        &refusal(br#"{"nodes": [{"op": "null", "name": 7}]}"#, &params),
        Runtime,
        "symbol byte 34, in nodes[0]: expected '\"', found '7'",
    );
    assert_refused(
        &refusal(br#"{"nodes": [{"op": "\u0041"}]}"#, &params),
        Runtime,
        "symbol byte 20, in nodes[0]: expected one of r n t \\ \" after '\\', found 'u'",
    );
    assert_refused(
        &refusal(b"{\"nodes\": [{\"name\": \"\xff\"}]}", &params),
        Runtime,
        "symbol byte 22, in nodes[0]: a string is not UTF-8",
    );
    let deep = refusal(format!("{{\"nodes\": {}", "[".repeat(1 << 20)).as_bytes(), &params);
    assert_refused(&deep, Runtime, "symbol byte 11, in nodes[0]: expected '{', found '['");
}

#[test]
fn ignores_what_follows_the_symbol_and_the_last_array() {
    let (json, mut params) = digits();
    let symbol = json.to_text() + "\n} trailing";
    params.extend(b"trailing");
    import::cvm(symbol.as_bytes(), &params, &Limits::default()).unwrap();
}

#[test]
fn names_unknown_and_missing_keys() {
    assert_refused(
        &edited(|j| {
            let Json::Object(members) = j else { panic!() };
            members.insert(0, ("extra".into(), raw("1")));
        }),
        Runtime,
        "symbol byte 9, in symbol: unknown key \"extra\"",
    );
    let e = edited(|j| {
        let Json::Object(members) = node(j, 4) else { panic!() };
        members.retain(|(key, _)| key != "inputs");
    });
    let ImportFault::MissingKey { key: "inputs" } = *e.fault else { panic!("{e}") };
    assert!(matches!(e.place, Place::Symbol { section: "nodes", index: Some(4), .. }));
    assert_eq!(e.class(), Logic);
    let e = edited(|j| {
        let Json::Object(members) = j.member("attrs") else { panic!() };
        members.retain(|(key, _)| key != "shape");
    });
    assert!(matches!(*e.fault, ImportFault::MissingKey { key: "shape" }), "{e}");
    assert_eq!(e.class(), Logic);
}

#[test]
fn classes_operators_and_attributes_as_the_chain_does() {
    let func = |name: &'static str| edited(|j| *node(j, 5).member("attrs").member("func_name") = text(name));
    assert_refused(&func("softmax"), Runtime, "node 5 \"relu0\": unknown operator \"softmax\"");
    let relu = |attrs: &'static str| edited(|j| set_op_attrs(j, 5, attrs));
    assert_refused(&relu(r#"{"axis": "1"}"#), Logic, "node 5 \"relu0\": relu takes no attributes, found \"axis\"");
    assert_eq!(relu("{").class(), Runtime);
    let conv = |from: &'static str, to: &'static str| {
        edited(|j| {
            let Json::Text(attrs) = attr(j, "op_attrs").element(3) else { panic!() };
            assert!(attrs.contains(from));
            *attrs = attrs.replace(from, to);
        })
    };
    assert_refused(
        &conv("\"channels\": \"16\"", "\"channels\": \"many\""),
        Runtime,
        "node 3 \"conv0\": conv2d: attribute channels is \"many\", expected an integer",
    );
    assert_refused(&conv("\"groups\"", "\"group\""), Runtime, "node 3 \"conv0\": conv2d has no attribute \"group\"");
    assert_refused(
        &conv("\"channels\": \"16\", ", ""),
        Runtime,
        "node 3 \"conv0\": conv2d needs attribute \"channels\"",
    );
    assert_refused(
        &conv("\"strides\": \"(1, 1)\"", "\"strides\": \"(0, 1)\""),
        Logic,
        "node 3 \"conv0\": conv2d: attribute strides is 0, expected 1 to 4096",
    );
    assert_refused(
        &conv("\"padding\": \"(1, 1)\"", "\"padding\": \"(1, 4097)\""),
        Logic,
        "node 3 \"conv0\": conv2d: attribute padding is 4097, expected 0 to 4096",
    );
    assert_refused(
        &conv("\"use_bias\": \"True\"", "\"use_bias\": \"False\""),
        Logic,
        "node 3 \"conv0\": conv2d takes 2 operands, found 3",
    );
    assert_refused(
        &conv("\"kernel_size\": \"(3, 3)\"", "\"kernel_size\": \"(3, 2)\""),
        Logic,
        "node 3 \"conv0\": conv2d: weight has shape (16, 1, 3, 3), expected (16, 1, 3, 2)",
    );
}

#[test]
fn reports_unreadable_text_before_shapes_that_do_not_fit() {
    let e = edited(|j| {
        *attr(j, "shape").element(3) = raw("[1,16,8,9]");
        set_op_attrs(j, 24, r#"{"units": "ten"}"#);
    });
    assert_eq!(e.class(), Runtime, "{e}");
}

#[test]
fn reports_unknown_attributes_before_values_that_break_rules() {
    let e = edited(|j| {
        let Json::Text(attrs) = attr(j, "op_attrs").element(3) else { panic!() };
        *attrs = attrs.replace("(3, 3)", "(3, 3, 3)").replace("\"16\"", "\"-16\", \"extra\": \"1\"");
    });
    assert_refused(&e, Runtime, "node 3 \"conv0\": conv2d has no attribute \"extra\"");
    let e = edited(|j| {
        let Json::Text(attrs) = attr(j, "op_attrs").element(3) else { panic!() };
        *attrs = attrs.replace("\"16\"", "\"-16\"");
    });
    let message = format!("node 3 \"conv0\": conv2d: attribute channels is -16, expected 0 to {}", i64::MAX);
    assert_refused(&e, Logic, &message);
}

#[test]
fn checks_the_whole_graph_before_the_parameters() {
    let (mut json, _) = digits();
    *node(&mut json, 0).member("name") = text("image");
    let e = refusal(json.to_text().as_bytes(), b"no params at all");
    assert_eq!(*e.fault, ImportFault::Graph(GraphFault::NoInput));
}

#[test]
fn refuses_an_input_the_chain_mistakes_for_another_value() {
    use myelin_graph::{GraphBuilder, Postprocess, Tensor};
    let build = |length: usize| {
        let mut b = GraphBuilder::new();
        let p = b.param("p", Tensor::from_i8(&[length], vec![1; length]).unwrap(), 8).unwrap();
        b.relu("r", p).unwrap();
        let x = b.input(&[5], 8).unwrap();
        b.finish(vec![x], Postprocess::None)
    };
    // The second variable, so the chain looks at the second value, which is the relu's.
    build(5).unwrap();
    let e = build(6).unwrap_err();
    assert_eq!(e.to_string(), "the chain takes shape (6) of value 1 for the input's, which is (5)");
    assert_eq!(e.class(), Logic);
}

#[test]
fn refuses_wrong_shapes_precisions_and_lists() {
    assert_refused(
        &edited(|j| *attr(j, "shape").element(3) = raw("[1,16,8,9]")),
        Logic,
        "node 3 \"conv0\": output 0 has shape (1, 16, 8, 8), declared (1, 16, 8, 9)",
    );
    assert_refused(
        &edited(|j| *attr(j, "shape").element(0) = raw("[1,1,1,1,1,1,1]")),
        Logic,
        "symbol attrs.shape[0]: shape starting (1, 1, 1, 1, 1, 1) has rank 7, expected 1 to 6",
    );
    for (dims, message) in [
        ("[]", "shape starting () has rank 0, expected 1 to 6"),
        ("[0]", "shape starting (0) has dimension 0, expected 1 to 16777216"),
        ("[-4]", "is -4, expected at least 1"),
        ("[16777217]", "shape starting (16777217) has dimension 16777217, expected 1 to 16777216"),
        ("[16777216,65]", "shape starting (16777216, 65) has element count 1090519040, expected 1 to 1073741824"),
    ] {
        assert_refused(
            &edited(|j| *attr(j, "shape").element(7) = raw(dims)),
            Logic,
            &format!("symbol attrs.shape[7]: {message}"),
        );
    }
    for bits in ["0", "33", "-2"] {
        assert_refused(
            &edited(|j| *attr(j, "precision").element(2) = raw(bits)),
            Logic,
            &format!("symbol attrs.precision[2]: precision is {bits}, expected 1 to 32 bits"),
        );
    }
    // -1 asks for inference, which an input has none of.
    assert_refused(
        &edited(|j| *attr(j, "precision").element(0) = raw("-1")),
        Logic,
        "node 0 \"data\": precision is -1, expected 1 to 32 bits",
    );
    assert_refused(
        &edited(|j| *attr(j, "precision").element(0) = raw("9")),
        Logic,
        "node 3 \"conv0\": conv2d needs a data of at most 8 bits, found 9",
    );
    assert_refused(
        &edited(|j| *attr(j, "precision").element(2) = raw("32")),
        Logic,
        "node 3 \"conv0\": conv2d: the result needs 33 bits, at most 32 are possible",
    );
    for key in ["storage_id", "shape", "precision", "op_attrs"] {
        assert_refused(
            &edited(|j| {
                let Json::List(items) = attr(j, key) else { panic!() };
                items.pop();
            }),
            Logic,
            &format!("symbol attrs.{key}: 24 elements, expected 25"),
        );
    }
}

#[test]
fn refuses_references_to_what_is_not_there() {
    let operand = |entry: &'static str| edited(|j| *node(j, 5).member("inputs").element(0) = raw(entry));
    for (entry, node, output) in
        [("[5,0]", 5, 0), ("[24,0]", 24, 0), ("[4000000000,0]", 4_000_000_000u32, 0), ("[4,1]", 4, 1)]
    {
        let expected = format!(
            "node 5 \"relu0\": refers to output {output} of node {node}, \
             which is not defined before this point"
        );
        assert_refused(&operand(entry), Logic, &expected);
    }
    assert_eq!(operand("[4,4294967295]").class(), Logic);
    // As on the chain, an output past a node's last is the following node's.
    let (mut json, params) = digits();
    *node(&mut json, 5).member("inputs").element(0) = raw("[3,1]");
    let import = |j: &Json| import::cvm(j.to_text().as_bytes(), &params, &Limits::default());
    assert_eq!(import(&json), import(&digits().0));
    assert_eq!(operand("[-1,0]").class(), Runtime);
    assert_eq!(operand("[4]").class(), Logic);
    let head = edited(|j| *j.member("heads") = raw("[[24,0,0],[25,0,0]]"));
    assert!(matches!(head.place, Place::List { section: "heads", index: Some(1) }), "{head}");
    assert_eq!(edited(|j| *j.member("heads") = raw("[]")).class(), Logic);
    let operands = edited(|j| *node(j, 1).member("inputs") = raw("[[1,0,0]]"));
    let message = "node 1 \"conv0_weight\": refers to output 0 of node 1, \
                   which is not defined before this point";
    assert_refused(&operands, Logic, message);
}

#[test]
fn checks_redundant_lists_in_version_1_0_only() {
    let broken = |key: &'static str, value: &'static str, version: &'static str| {
        let (mut json, params) = digits();
        *json.member("version") = text(version);
        *json.member(key) = raw(value);
        import::cvm(json.to_text().as_bytes(), &params, &Limits::default())
    };
    for (key, value) in [("node_row_ptr", "[0,2]"), ("arg_nodes", "[0]")] {
        broken(key, value, "cvm_1.1.0").unwrap();
        let e = broken(key, value, "cvm_1.0.0").unwrap_err();
        assert!(matches!(e.place, Place::List { section, .. } if section == key), "{e}");
        assert_eq!(e.class(), Logic);
    }
    let (mut json, params) = digits();
    *json.member("version") = text("cvm_1.0.0");
    let g = import::cvm(json.to_text().as_bytes(), &params, &Limits::default()).unwrap();
    assert_eq!(g.version().as_str(), "cvm_1.0.0");
    *attr(&mut json, "dltype").element(3) = text("int8");
    let e = refusal(json.to_text().as_bytes(), &params);
    let message = "symbol attrs.dltype[3]: element type is \"int8\", expected int32";
    assert_refused(&e, Logic, message);
    let e = edited(|j| *j.member("version") = text("cvm_2.0.0"));
    let message = "symbol version: format version is \"cvm_2.0.0\", \
                   expected cvm_1.0.0 or cvm_1.1.0";
    assert_refused(&e, Runtime, message);
}

#[test]
fn needs_one_input_named_data() {
    let e = edited(|j| *node(j, 0).member("name") = text("image"));
    assert_refused(&e, Runtime, "model: there is no input named \"data\"");
    let e = edited(|j| *node(j, 1).member("name") = text("data"));
    let message = "node 1 \"data\": name \"data\" is used by two inputs or parameters";
    assert_refused(&e, Runtime, message);
}

#[test]
fn refuses_storage_shared_or_overwritten() {
    // conv0 is value 3, requant0 4, relu0 5, conv1 8.
    let shared = edited(|j| *attr(j, "storage_id").element(3) = raw("0"));
    let message = "node 3 \"conv0\": conv2d shares storage 0 with its operand 0, \
                   which it cannot overwrite";
    assert_refused(&shared, Logic, message);
    let (mut json, params) = digits();
    *attr(&mut json, "storage_id").element(4) = raw("3");
    *attr(&mut json, "storage_id").element(5) = raw("3");
    // Once its last reader is done, anything may follow.
    *attr(&mut json, "storage_id").element(8) = raw("0");
    let g = import::cvm(json.to_text().as_bytes(), &params, &Limits::default()).unwrap();
    let (whole, data) = (digits().0.to_text(), 64 * 4);
    let whole = import::cvm(whole.as_bytes(), &params, &Limits::default()).unwrap();
    // Two of the three 1x16x8x8 values, and the input, which is smaller than conv1's result.
    assert_eq!(g.storage_size(), whole.storage_size() - 2 * 16 * 64 * 4 - data);
    for (entry, storage, value, by) in [(9, 6, 6, 9), (21, 24, 21, 24), (4, 2, 2, 4)] {
        let e = edited(|j| *attr(j, "storage_id").element(entry) = raw(&storage.to_string()));
        if entry == 21 {
            // flatten's result is read by the dense layer, which cannot run in place.
            assert!(matches!(*e.fault, ImportFault::Graph(GraphFault::SharedStorage { .. })));
            continue;
        }
        let message = format!(
            "model: value {value} in storage {storage} is overwritten by value {by} \
             while still needed"
        );
        assert_refused(&e, Runtime, &message);
    }
    let e = edited(|j| *attr(j, "storage_id").element(3) = raw("-1"));
    assert_refused(&e, Logic, "symbol attrs.storage_id[3]: is -1, expected at least 0");
    let e = edited(|j| *attr(j, "storage_id").element(3) = raw("16777217"));
    assert_eq!(e.class(), Runtime, "{e}");
}

/// A params file of 8-bit arrays.
fn params_file(arrays: &[(&str, &[usize], &[i8])]) -> Vec<u8> {
    use myelin_graph::{GraphBuilder, Postprocess, Tensor, export};
    let mut b = GraphBuilder::new();
    let x = b.input(&[1], 8).unwrap();
    for (name, shape, data) in arrays {
        b.param(name, Tensor::from_i8(shape, data.to_vec()).unwrap(), 32).unwrap();
    }
    export::cvm(&b.finish(vec![x], Postprocess::None).unwrap()).1
}

#[test]
fn points_at_the_byte_of_broken_params() {
    let (json, params) = digits();
    let symbol = json.to_text();
    let with = |at: usize, bytes: &[u8]| {
        let mut params = params.clone();
        params[at..at + bytes.len()].copy_from_slice(bytes);
        refusal(symbol.as_bytes(), &params)
    };
    assert_refused(&refusal(symbol.as_bytes(), &[]), Logic, "params byte 0: the file is empty");
    let magic = "params byte 0: list magic is 0xf7e58d4f05049cff, expected 0xf7e58d4f05049cb7";
    assert_refused(&with(0, &[0xff]), Logic, magic);
    let names = "params byte 24: names needs 18446744073709551615 bytes, only 36352 are left";
    assert_refused(&with(16, &[0xff; 8]), Logic, names);
    let length = "params byte 32: name needs 1099511627788 bytes, only 36344 are left";
    assert_refused(&with(29, &[1]), Logic, length);
    let name = "params byte 44: the symbol has no input or parameter \"conv9_weight\"";
    assert_refused(&with(36, b"9"), Runtime, name);
    // The first array begins at byte 0xd8; its fields follow.
    let first = 0xd8;
    let field = |offset: usize, bytes: &[u8], message: &str| {
        let message = format!("params byte {}, parameter \"conv0_weight\": {message}", first + offset);
        assert_refused(&with(first + offset, bytes), Logic, &message);
    };
    field(0, &[0], "array magic is 0xdd5e40f096b4a100, expected 0xdd5e40f096b4a13f");
    field(16, &[2], "device type is 0x2, expected 0x1");
    field(24, &[255; 4], "axis count is 0xffffffff, expected 0x4");
    field(28, &[2], "type code is 0x2, expected 0x0");
    field(29, &[64], "type bits is 0x40, expected 0x20");
    field(30, &[4], "type lanes is 0x4, expected 0x1");
    field(32, &[17], "axis length is 0x11, expected 0x10");
    field(64, &[0x91], "data length is 0x91, expected 0x90");
    // 8-bit parameters hold -127 to 127.
    let e = with(first + 72 + 5, &[0x80]);
    let message = "node 1 \"conv0_weight\": parameter element 5 is -128, \
                   beyond the 8-bit range of +-127";
    assert_refused(&e, Logic, message);
}

#[test]
fn refuses_params_cut_short_anywhere() {
    let (json, params) = digits();
    let symbol = json.to_text();
    for cut in (1..params.len()).step_by(61).chain([params.len() - 1]) {
        let e = refusal(symbol.as_bytes(), &params[..cut]);
        match *e.fault {
            ImportFault::Truncated { .. } => assert_eq!(e.class(), Logic, "cut at {cut}: {e}"),
            ImportFault::TruncatedData { .. } => assert_eq!(e.class(), Runtime, "cut at {cut}: {e}"),
            _ => panic!("cut at {cut}: {e}"),
        }
    }
    // The chain accepts this one, with a last byte from elsewhere.
    let e = refusal(symbol.as_bytes(), &params[..params.len() - 1]);
    let message =
        format!("params byte {}, parameter \"fc_bias\": data needs 40 bytes, only 39 are left", params.len() - 40);
    assert_refused(&e, Runtime, &message);
}

#[test]
fn refuses_missing_parameters() {
    let (json, _) = digits();
    let e = refusal(json.to_text().as_bytes(), &params_file(&[]));
    let message = "node 1 \"conv0_weight\": parameter \"conv0_weight\" has no data";
    assert_refused(&e, Runtime, message);
}

#[test]
fn keeps_to_its_limits_before_reading() {
    let (json, params) = digits();
    let symbol = json.to_text();
    let import = |limits: &Limits| import::cvm(symbol.as_bytes(), &params, limits);
    let e = import(&Limits { symbol_bytes: 100, ..Limits::default() }).unwrap_err();
    assert!(matches!(*e.fault, ImportFault::TooLarge { max: 100, .. }), "{e}");
    let e = import(&Limits { params_bytes: 100, ..Limits::default() }).unwrap_err();
    assert_refused(&e, Runtime, "params byte 0: file is 36376, the limit is 100");
    let e = import(&Limits { nodes: 24, ..Limits::default() }).unwrap_err();
    assert!(e.to_string().ends_with("in nodes[24]: node count is 25, the limit is 24"), "{e}");
    import(&Limits { nodes: 25, storage_id: 24, ..Limits::default() }).unwrap();
    import(&Limits { storage_id: 23, ..Limits::default() }).unwrap_err();
}

#[test]
fn reads_directories_within_limits() {
    let dir = tempfile::tempdir().unwrap();
    let import = |limits: &Limits| import::import_dir(dir.path(), limits);
    let e = import(&Limits::default()).unwrap_err();
    assert_eq!(e.place, Place::File(dir.path().join("symbol")));
    assert!(matches!(*e.fault, ImportFault::Io(std::io::ErrorKind::NotFound)));
    std::fs::create_dir(dir.path().join("symbol")).unwrap();
    let e = import(&Limits::default()).unwrap_err();
    assert!(matches!(*e.fault, ImportFault::NotAFile), "{e}");
    std::fs::remove_dir(dir.path().join("symbol")).unwrap();
    let (json, params) = digits();
    std::fs::write(dir.path().join("symbol"), json.to_text()).unwrap();
    std::fs::write(dir.path().join("params"), &params).unwrap();
    import(&Limits::default()).unwrap();
    let e = import(&Limits { params_bytes: 1000, ..Limits::default() }).unwrap_err();
    assert_eq!(e.place, Place::File(dir.path().join("params")));
    // A sparse file of 1 TiB costs nothing to refuse.
    let file = std::fs::File::create(dir.path().join("params")).unwrap();
    file.set_len(1 << 40).unwrap();
    let e = import(&Limits::default()).unwrap_err();
    assert!(matches!(*e.fault, ImportFault::TooLarge { found, .. } if found == 1 << 40), "{e}");
}

#[test]
fn counts_operations_without_what_only_loading_needs() {
    let (mut json, _) = digits();
    let count = |json: &Json| import::operation_count(json.to_text().as_bytes(), &Limits::default());
    assert_eq!(count(&json), Ok(1_139_022));
    *json.member("heads") = raw("[]");
    *node(&mut json, 0).member("name") = text("image");
    assert_eq!(count(&json), Ok(1_139_022));
    *attr(&mut json, "shape").element(3) = raw("[1]");
    assert_eq!(count(&json).unwrap_err().class(), Logic);
}

#[test]
fn takes_the_last_of_duplicate_keys_and_parameters() {
    let (mut json, params) = digits();
    let Json::Object(members) = &mut json else { panic!() };
    members.insert(0, ("nodes".into(), raw("[]")));
    members.insert(0, ("postprocess".into(), text("argmax")));
    let g = import::cvm(json.to_text().as_bytes(), &params, &Limits::default()).unwrap();
    assert_eq!(g.output_type_size(), 4);
    assert_eq!(g.postprocess().as_str(), "");
}
