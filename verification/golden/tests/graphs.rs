//! Small models: operators the vectors leave out, sizes, storages, heads and post-processing.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use common::{Output, SymbolWriter, params};
use myelin_golden::{Class, Error, Model, operation_count};
use serde_json::{Value, json};

fn parse(symbol: &Value, arrays: &[(&str, &[usize], &[i32])]) -> Result<Model, Error> {
    Model::parse(symbol.to_string().as_bytes(), &params(arrays))
}

/// The result of one operator without further inputs, through a whole model.
fn run_one(name: &str, attributes: Value, shape: &[usize], input: &[i32], result: &[usize]) -> Vec<i32> {
    let (mut writer, data) = SymbolWriter::new(shape, 16);
    let head = writer.operator(name, &[data], attributes, &[result]);
    let model = parse(&writer.finish(&[head]), &[]).unwrap_or_else(|e| panic!("{name}: {e}"));
    let output = model.run_i32(input).unwrap();
    assert_eq!(output.heads()[0].shape, result, "{name}");
    output.heads()[0].data.clone()
}

#[test]
fn every_attribute_reaches_its_operator() {
    let x: Vec<i32> = (0..6).collect();
    let run = |name, attributes, result: &[usize]| run_one(name, attributes, &[2, 3], &x, result);
    assert_eq!(run("transpose", json!({}), &[3, 2]), [0, 3, 1, 4, 2, 5]);
    assert_eq!(run("transpose", json!({"axes": "(1, 0)"}), &[3, 2]), [0, 3, 1, 4, 2, 5]);
    assert_eq!(run("reshape", json!({"shape": "(3, -1)"}), &[3, 2]), x);
    assert_eq!(run("expand_dims", json!({"axis": "-1", "num_newaxis": "2"}), &[2, 3, 1, 1]), x);
    assert_eq!(run("flatten", json!({}), &[2, 3]), x);
    assert_eq!(run("tile", json!({"reps": "(1, 2)"}), &[2, 6])[..6], [0, 1, 2, 0, 1, 2]);
    assert_eq!(run("repeat", json!({"repeats": "2"}), &[4, 3])[..6], [0, 1, 2, 0, 1, 2]);
    assert_eq!(run("strided_slice", json!({"begin": "(1,)", "end": "(2,)"}), &[1, 3]), [3, 4, 5]);
    assert_eq!(run("max", json!({"axis": "1", "keepdims": "True"}), &[2, 1]), [2, 5]);
    assert_eq!(run("sum", json!({"axis": "(0,)", "exclude": "1"}), &[2]), [3, 12]);
    assert_eq!(run("clip", json!({"a_min": "1", "a_max": "3"}), &[2, 3]), [1, 1, 2, 3, 3, 3]);
    assert_eq!(run("negative", json!({}), &[2, 3]), [0, -1, -2, -3, -4, -5]);
    assert_eq!(run_one("squeeze", json!({"axis": "0"}), &[1, 2], &[7, 8], &[2]), [7, 8]);
    assert_eq!(run_one("squeeze", json!({}), &[1, 2, 1], &[7, 8], &[2]), [7, 8]);
    assert_eq!(run_one("abs", json!({}), &[2], &[-7, 8], &[2]), [7, 8]);
    let pooled = json!({"pool_size": "(2, 2)", "strides": "(2, 2)", "padding": "(1,)"});
    assert_eq!(run_one("max_pool2d", pooled, &[1, 1, 2, 2], &[1, 2, 3, 4], &[1, 1, 2, 2]), [1, 2, 3, 4]);
}

#[test]
fn two_input_operators_take_their_inputs_in_order() {
    let run = |name: &str, attributes: Value, result: &[usize]| {
        let (mut writer, data) = SymbolWriter::new(&[2, 2], 8);
        let other = writer.variable("other", &[2], 8);
        let head = writer.operator(name, &[data, other], attributes, &[result]);
        let model = parse(&writer.finish(&[head]), &[("other", &[2], &[1, 3])]).unwrap();
        model.run_i32(&[10, -20, 7, 3]).unwrap().heads()[0].data.clone()
    };
    assert_eq!(run("broadcast_div", json!({}), &[2, 2]), [10, -6, 7, 1]);
    assert_eq!(run("broadcast_max", json!({}), &[2, 2]), [10, 3, 7, 3]);
    assert_eq!(run("broadcast_greater", json!({}), &[2, 2]), [1, 0, 1, 0]);
    assert_eq!(run("take", json!({"axis": "1"}), &[2, 2]), [-20, -20, 3, 3]);
    assert_eq!(run("take", json!({"axis": "None"}), &[2]), [-20, 3]);
    assert_eq!(run("slice_like", json!({"axis": "(0,)"}), &[2, 2]), [10, -20, 7, 3]);
}

#[test]
fn operation_counts_equal_the_official_ones() {
    let (mut writer, data) = SymbolWriter::new(&[1, 128], 8);
    let relu = writer.operator("relu", &[data], json!({}), &[&[1, 128]]);
    assert_eq!(operation_count(writer.finish(&[relu]).to_string().as_bytes()).unwrap(), 1408);

    let map = [1, 64, 56, 56];
    let (mut writer, data) = SymbolWriter::new(&map, 8);
    let weight = writer.variable("weight", &[64, 64, 3, 3], 8);
    let attributes = json!({"channels": "64", "kernel_size": "(3, 3)", "padding": "(1, 1)", "use_bias": "False"});
    let conv = writer.operator("conv2d", &[data, weight], attributes, &[&map]);
    let shift = json!({"precision": "8", "shift_bit": "8"});
    let head = writer.operator("cvm_right_shift", &[conv], shift, &[&map]);
    let symbol = writer.finish(&[head]).to_string();
    assert_eq!(operation_count(symbol.as_bytes()).unwrap(), 350_212_096);
    // The node's text is not reliably terminated: what follows the value is not looked at.
    let unterminated = symbol + "}garbage";
    assert_eq!(operation_count(unterminated.as_bytes()).unwrap(), 350_212_096);
}

#[test]
fn detection_runs_from_boxes_to_kept_boxes() {
    let rows = [1usize, 3, 6];
    let (mut writer, data) = SymbolWriter::new(&rows, 8);
    let counted = writer.operator("get_valid_counts", &[data], json!({"score_threshold": "5"}), &[&[1], &rows]);
    let (counts, boxes) = (Output(counted.0, 0), Output(counted.0, 1));
    let nms = json!({"top_k": "1"});
    let kept = writer.operator("non_max_suppression", &[boxes, counts], nms, &[&rows]);
    let symbol = writer.finish(&[kept, boxes]);
    // Five per element of data, counts, boxes and kept; one per count; twenty per kept element.
    let expected = 5 * (18 + 1 + 18 + 18) + 1 + 20 * 18;
    assert_eq!(operation_count(symbol.to_string().as_bytes()).unwrap(), expected);
    let model = parse(&symbol, &[]).unwrap();
    let input = [0, 9, 0, 0, 4, 4, 0, 2, 1, 1, 3, 3, 1, 7, 0, 0, 5, 5];
    let output = model.run_i32(&input).unwrap();
    let gone = [-1; 6];
    assert_eq!(output.heads()[0].data, [&input[..6], &gone, &gone].concat());
    // Beyond top_k the operator overwrites its own input, which is a head here.
    assert_eq!(output.heads()[1].data, [&input[..6], &gone, &gone].concat());
    // Two heads are written row by row.
    let rows = [&input[..6], &input[..6], &gone, &gone, &gone, &gone].concat();
    assert_eq!(output.to_bytes(), rows.iter().map(|&value| value as u8).collect::<Vec<u8>>());
}

#[test]
fn entries_that_share_a_storage_overwrite_each_other() {
    let (mut writer, data) = SymbolWriter::new(&[2], 8);
    let first = writer.operator("negative", &[data], json!({}), &[&[2]]);
    let second = writer.operator("negative", &[first], json!({}), &[&[2]]);
    let sum = writer.operator("elemwise_add", &[data, second], json!({}), &[&[2]]);
    let mut symbol = writer.finish(&[sum]);
    assert_eq!(parse(&symbol, &[]).unwrap().run_i32(&[1, 2]).unwrap().heads()[0].data, [2, 4]);
    assert_eq!(parse(&symbol, &[]).unwrap().storage_size(), 32);
    // The sum in place of its own input is allowed and changes nothing ...
    symbol["attrs"]["storage_id"][1] = json!([0, 1, 2, 2]);
    assert_eq!(parse(&symbol, &[]).unwrap().run_i32(&[1, 2]).unwrap().heads()[0].data, [2, 4]);
    assert_eq!(parse(&symbol, &[]).unwrap().storage_size(), 24);
    // ... a second operator over the data, which is still needed, is allowed and changes it.
    let (mut writer, data) = SymbolWriter::new(&[2], 8);
    let first = writer.operator("relu", &[data], json!({}), &[&[2]]);
    let sum = writer.operator("elemwise_add", &[data, first], json!({}), &[&[2]]);
    let mut symbol = writer.finish(&[sum]);
    symbol["attrs"]["storage_id"][1] = json!([0, 0, 1]);
    assert_eq!(parse(&symbol, &[]).unwrap().run_i32(&[-1, 2]).unwrap().heads()[0].data, [0, 4]);
    // `negative` is misspelt in the runtime's list, so it may not work in place.
    let (mut writer, data) = SymbolWriter::new(&[2], 8);
    let head = writer.operator("negative", &[data], json!({}), &[&[2]]);
    let mut symbol = writer.finish(&[head]);
    symbol["attrs"]["storage_id"][1] = json!([0, 0]);
    assert!(matches!(parse(&symbol, &[]), Err(Error::StorageShared { .. })));
}

#[test]
fn inputs_beyond_the_precision_are_limited() {
    let (mut writer, data) = SymbolWriter::new(&[4], 6);
    let head = writer.operator("flatten", &[data], json!({}), &[&[4, 1]]);
    let model = parse(&writer.finish(&[head]), &[]).unwrap();
    assert_eq!(model.run(&[-128, -31, 32, 127]).unwrap().heads()[0].data, [-31, -31, 31, 31]);
    let wide = model.run_i32(&[i32::MIN, i32::MAX, 0, 1]).unwrap();
    assert_eq!(wide.heads()[0].data, [-31, 31, 0, 1]);
}

#[test]
fn argmax_answers_for_few_rows_and_compares_low_bytes() {
    let (mut writer, data) = SymbolWriter::new(&[4, 3], 16);
    let head = writer.operator("relu", &[data], json!({}), &[&[4, 3]]);
    let mut symbol = writer.finish(&[head]);
    symbol["postprocess"] = "argmax".into();
    let model = parse(&symbol, &[]).unwrap();
    assert_eq!((model.output_length(), model.output_type_size()), (16, 4));
    // 300 is 44 as a byte and 200 is negative. The runtime steps by three over four rows, and takes
    // the step for an element's number, so it answers for the first two rows.
    let input = [300, 200, 45, 1, 2, 2, 0, 0, 9, 9, 0, 0];
    let labels = model.run_i32(&input).unwrap().to_bytes();
    assert_eq!(labels, [2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn heads_of_unequal_rows_cannot_be_joined() {
    let build = |postprocess: &str, heads: usize, rows: [usize; 2]| {
        let (mut writer, data) = SymbolWriter::new(&[12], 8);
        let mut outputs = Vec::new();
        for rows in &rows[..heads] {
            let shape = json!({"shape": format!("({rows}, {})", 12 / rows)});
            outputs.push(writer.operator("reshape", &[data], shape, &[&[*rows, 12 / rows]]));
        }
        let mut symbol = writer.finish(&outputs);
        symbol["postprocess"] = postprocess.into();
        parse(&symbol, &[]).unwrap().run_i32(&[1; 12])
    };
    assert!(build("", 1, [3, 3]).is_ok());
    assert!(build("", 2, [3, 3]).is_ok());
    assert!(matches!(build("", 2, [3, 4]), Err(Error::HeadRows { .. })));
    assert!(matches!(build("detection", 1, [3, 3]), Err(Error::HeadRows { .. })));
    assert_eq!(build("detection", 2, [3, 3]).unwrap().to_bytes().len(), 4 * 3 * 8);
    assert_eq!(build("detection", 2, [3, 4]).unwrap_err().class(), Class::Logic);
    assert!(build("something else", 1, [3, 3]).is_ok());
}

#[test]
fn data_behind_an_operator_is_measured_by_its_place_among_variables() {
    // Entries: weight, relu of it, data. The place of data among variables is 1: relu's entry.
    let build = |shape: &[usize]| {
        let (writer, _) = SymbolWriter::new(&[2], 8);
        let mut symbol = writer.finish(&[Output(2, 0)]);
        let variable = |name: &str| json!({"op": "null", "name": name, "inputs": []});
        let relu = json!({"op": "cvm_op", "name": "r", "inputs": [[0, 0]], "attrs": {"func_name": "relu"}});
        symbol["nodes"] = json!([variable("weight"), relu, variable("data")]);
        symbol["attrs"]["shape"][1] = json!([[2], [2], shape]);
        symbol["attrs"]["storage_id"][1] = json!([0, 1, 2]);
        symbol["attrs"]["precision"][1] = json!([8, -1, 8]);
        symbol["attrs"]["op_attrs"][1] = json!(["{}", "{}", "{}"]);
        parse(&symbol, &[("weight", &[2], &[1, 2])]).unwrap()
    };
    assert_eq!(build(&[2]).run(&[5, 6]).unwrap().heads()[0].data, [5, 6]);
    let odd = build(&[3]);
    assert_eq!(odd.input_length(), 2);
    assert_eq!(odd.run(&[5, 6]).unwrap_err().class(), Class::Logic);
}
