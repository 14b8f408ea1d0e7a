//! Models with an operator that no cell has, compiled with the processor at the device's side, and with a table, which cells have.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use common::Workplace;
use myelin_graph::{Conv2d, Graph, GraphBuilder, Op, Postprocess, Tensor, ValueId, export, npy};

/// Convolution, an operator that a cell has or has not, convolution.
fn graph(between: impl Fn(&mut GraphBuilder, ValueId) -> ValueId) -> Graph {
    let mut b = GraphBuilder::new();
    let x = b.input(&[1, 2, 5, 5], 8).unwrap();
    let w = b.param("w", Tensor::from_i8(&[2, 2, 1, 1], vec![1, 2, -3, 4]).unwrap(), 8).unwrap();
    let y = b.conv2d("first", x, w, None, Conv2d::square(2, 1)).unwrap();
    let y = b.cvm_right_shift("requant0", y, 8, 4).unwrap();
    let y = between(&mut b, y);
    let y = b.conv2d("second", y, w, None, Conv2d::square(2, 1)).unwrap();
    let y = b.cvm_right_shift("requant1", y, 8, 2).unwrap();
    b.finish(vec![y], Postprocess::None).unwrap()
}

/// A folder `model` with an input.
fn put_model(workplace: &Workplace, graph: &Graph) {
    let (symbol, params) = export::cvm(graph);
    let folder = workplace.path("model");
    std::fs::create_dir_all(&folder).unwrap();
    let picture: Vec<i8> = (0..50).map(|i| (i * 29 % 255 - 127) as i8).collect();
    let input = npy::write_i8(&[1, 2, 5, 5], &picture).unwrap();
    for (name, bytes) in [("symbol", &symbol), ("params", &params), ("input.npy", &input)] {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}

fn answers_as_golden_does(workplace: &Workplace) {
    for device in ["sim:4x4", "sim:custom,rows=4,columns=4,cells=2"] {
        let infer = ["infer", "--model", "model", "--input", "model/input.npy", "--check", "--device", device];
        let run = workplace.run(&infer).expect(0);
        assert!(run.out.contains("bit-exact with golden"), "{device}: {}", run.out);
    }
}

#[test]
fn the_report_names_them_and_a_simulated_card_with_them_answers_as_golden_does() {
    let workplace = Workplace::new();
    put_model(&workplace, &graph(|b, y| b.op("magnitude", Op::Abs, &[y]).unwrap()));

    let compile = ["compile", "model", "--target", "custom,rows=4,columns=4", "--report"];
    let more = ["--timeline", "t.svg", "--roofline", "r.svg", "--disassembly", "d.txt"];
    let run = workplace.run(&[&compile[..], &more].concat()).expect(0);
    for part in ["1 operators are left to the processor, beside 2 programs", "magnitude", "abs", "no such operator"] {
        assert!(run.out.contains(part), "{part}: {}", run.out);
    }
    let text = std::fs::read_to_string(workplace.path("d.txt")).unwrap();
    assert_eq!(text.matches("infer:").count(), 2, "{text}");
    let answer = workplace.run(&[&compile[..], &["--json"]].concat()).expect(0).json();
    assert_eq!(answer["programs"], 2);
    let operators = answer["host_operators"].as_array().unwrap();
    assert_eq!((operators.len(), &operators[0]["operator"]), (1, &"abs".into()));

    answers_as_golden_does(&workplace);
}

#[test]
fn a_look_up_table_is_the_devices_and_the_disassembly_shows_it() {
    let workplace = Workplace::new();
    let table = |b: &mut GraphBuilder, y| {
        let table = Tensor::from_i8(&[40], (0..40).map(|i| i * 3 - 60).collect()).unwrap();
        let table = b.param("table", table, 8).unwrap();
        b.op("lookup", Op::CvmLut { in_dim: 40 }, &[y, table]).unwrap()
    };
    put_model(&workplace, &graph(table));
    let compile = ["compile", "model", "--target", "custom,rows=4,columns=4", "--disassembly", "d.txt", "--json"];
    let answer = workplace.run(&compile).expect(0).json();
    assert_eq!((&answer["programs"], answer["host_operators"].as_array().map(Vec::len)), (&1.into(), Some(0)));
    let text = std::fs::read_to_string(workplace.path("d.txt")).unwrap();
    assert!(text.contains("Table entry 0 <- beat") && text.contains("look up"), "{text}");
    answers_as_golden_does(&workplace);
}
