//! Models of the official library: what it recorded of them must come out here too.

mod common;

use myelin_graph::import::{self, Limits};
use myelin_graph::{Op, export};

#[test]
fn imports_the_digits_models_with_their_shapes_and_precisions() {
    for (dir, weight_precision) in [("digits_int8", 8), ("digits_int6", 6)] {
        let dir = common::root().join("models").join(dir);
        let g = import::import_dir(dir, &Limits::default()).unwrap();
        assert_eq!(g.operation_count(), 1_139_022);
        assert_eq!(*g.input_shape(), [1, 1, 8, 8]);
        assert_eq!(g.input_precision(), weight_precision);
        let conv3 = g.node(g.find("conv3").unwrap());
        assert_eq!(*g.shape(conv3.output()), [1, 64, 2, 2]);
        let Op::Conv2d(conv) = &conv3.op else { panic!("conv3 is {:?}", conv3.op) };
        assert_eq!((conv.kernel, conv.strides, conv.padding), ([3, 3], [2, 2], [1, 1]));
        assert_eq!(*g.param(conv3.inputs[1]).unwrap().shape(), [64, 32, 3, 3]);
        assert_eq!(g.precision(conv3.inputs[1]), weight_precision);
        // 8 + 8 + bits(288), and one for the bias.
        assert_eq!(g.precision(conv3.output()), 2 * weight_precision + 9 + 1);
        let head = g.heads()[0];
        assert_eq!(*g.shape(head), [1, 10]);
        assert_eq!((g.output_type_size(), g.output_length()), (4, 40));
        let layers = [(64, 16 * 9), (16, 32 * 16 * 9), (16, 32 * 32 * 9), (4, 64 * 32 * 9)];
        let convs = layers.iter().map(|(area, k)| area * k).sum::<u64>();
        assert_eq!(g.total_macs(), convs + 2560);
    }
}

#[test]
fn agrees_with_the_facts_recorded_of_every_vector() {
    for v in common::vectors() {
        let g = import::cvm(&v.symbol, &v.params, &Limits::default()).unwrap_or_else(|e| panic!("{}: {e}", v.name));
        assert_eq!(g.operation_count(), v.fact("gas_ops"), "{}", v.name);
        assert_eq!(g.storage_size(), v.fact("storage_size"), "{}", v.name);
        assert_eq!(g.input_length(), v.fact("input_len"), "{}", v.name);
        assert_eq!(g.output_length(), v.fact("output_len"), "{}", v.name);
        assert_eq!(g.input_type_size(), v.fact("input_type_size"), "{}", v.name);
        assert_eq!(g.output_type_size(), v.fact("output_type_size"), "{}", v.name);
        // The CPU device's only failure among them is the operator it cannot run.
        let expected_rc = if g.unrunnable_on_chain().is_some() { 2 } else { 0 };
        assert_eq!(v.fact("rc_cpu"), expected_rc, "{}", v.name);
        let ops = import::operation_count(&v.symbol, &Limits::default()).unwrap();
        assert_eq!(ops, v.fact("gas_ops"), "{}", v.name);
    }
}

#[test]
fn exports_what_it_imported() {
    for v in common::vectors() {
        let g = import::cvm(&v.symbol, &v.params, &Limits::default()).unwrap();
        let (symbol, params) = export::cvm(&g);
        let again = import::cvm(&symbol, &params, &Limits::default()).unwrap_or_else(|e| panic!("{}: {e}", v.name));
        assert_eq!(again, g, "{}", v.name);
        assert_eq!(params, v.params, "{}", v.name);
        serde_json::from_slice::<serde_json::Value>(&symbol).unwrap();
    }
}
