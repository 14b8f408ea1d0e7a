//! Graphs cut in two, each half run by itself, against golden.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use common::random_graph::{Coverage, random_graph};
use myelin_cpu::{Error, Fragment, Options, Path};
use myelin_graph::{Graph, GraphBuilder, NodeId, Op, Postprocess, ValueId, precision_limit};
use std::collections::BTreeMap;

/// Whether a suppression overwrites data that others see.
fn overwrites(graph: &Graph) -> bool {
    graph.operators().any(|(_, node)| match &node.op {
        Op::NonMaxSuppression(a) => {
            a.top_k > 0 && (graph.consumers(node.inputs[0]).len() > 1 || graph.is_head(node.inputs[0]))
        }
        _ => false,
    })
}

/// The heads, computed by the operators before `cut` and then by the others.
fn cut_in_two(graph: &Graph, cut: u32, path: Path, input: &[i32]) -> Result<Vec<Vec<i32>>, Error> {
    let limit = precision_limit(graph.input_precision());
    let mut known: BTreeMap<ValueId, Vec<i32>> = BTreeMap::new();
    known.insert(graph.input(), input.iter().map(|&value| value.clamp(-limit, limit)).collect());
    let options = Options { threads: 1, path: Some(path) };
    for half in [0..cut, cut..u32::MAX] {
        let nodes: Vec<NodeId> = graph.operators().map(|(id, _)| id).filter(|id| half.contains(&id.0)).collect();
        let made = |value: ValueId| half.contains(&graph.value(value).producer.0);
        let read: Vec<ValueId> = nodes.iter().flat_map(|&id| graph.node(id).inputs.clone()).collect();
        let mut inputs: Vec<ValueId> = read.into_iter().filter(|value| known.contains_key(value)).collect();
        inputs.sort_unstable();
        inputs.dedup();
        let beyond = |value: &ValueId| {
            graph.is_head(*value) || graph.consumers(*value).iter().any(|reader| !half.contains(&reader.0))
        };
        let outputs: Vec<ValueId> = nodes.iter().flat_map(|&id| graph.node(id).outputs()).filter(beyond).collect();
        assert!(outputs.iter().all(|&value| made(value)));
        let mut fragment = Fragment::prepare(graph, &nodes, &inputs, &outputs, &options)?;
        let given: Vec<&[i32]> = inputs.iter().map(|input| &known[input][..]).collect();
        let answers = fragment.run(&given)?;
        assert_eq!(fragment.run(&given)?, answers);
        known.extend(outputs.into_iter().zip(answers));
    }
    let constant = |head: &ValueId| graph.param(*head).map(|tensor| tensor.to_i32());
    Ok(graph.heads().iter().map(|head| known.get(head).cloned().or_else(|| constant(head)).unwrap()).collect())
}

#[test]
fn a_graph_cut_anywhere_answers_as_golden_does() {
    let paths = common::paths();
    let (mut answered, mut failed) = (0, 0);
    for seed in 0..300 {
        let Some((graph, inputs)) = random_graph(seed, &mut Coverage::new()) else { continue };
        if overwrites(&graph) {
            continue;
        }
        let (golden, cut) = (common::golden(&graph), (seed as u32 * 7) % graph.node_count() as u32);
        for &path in &paths {
            match (golden.run_i32(&inputs[0]), cut_in_two(&graph, cut, path, &inputs[0])) {
                (Ok(expected), Ok(found)) => {
                    let expected: Vec<Vec<i32>> = expected.heads().iter().map(|head| head.data.clone()).collect();
                    assert_eq!(found, expected, "seed {seed}, cut {cut}, {path}");
                    answered += 1;
                }
                (Err(expected), Err(found)) => {
                    assert_eq!(found.class() as i32, expected.class().code(), "seed {seed}: {found}, {expected}");
                    failed += 1;
                }
                // Heads whose rows cannot be joined are the graph's affair, not a part's.
                (Err(expected), Ok(_)) => assert_eq!(expected.class().code(), 1, "seed {seed}: {expected}"),
                (Ok(_), Err(found)) => panic!("seed {seed}, cut {cut}, {path}: {found}"),
            }
        }
    }
    assert!(answered > 150 * paths.len() && failed > 0, "{answered} answered, {failed} failed");
}

#[test]
fn a_part_that_needs_what_nobody_gives_is_refused() {
    let mut b = GraphBuilder::new();
    let x = b.input(&[1, 3], 8).unwrap();
    let y = b.op("negative", Op::Negative, &[x]).unwrap();
    let z = b.op("sum", Op::ElemwiseAdd, &[x, y]).unwrap();
    let graph = b.finish(vec![z], Postprocess::None).unwrap();
    let sum = graph.find("sum").unwrap();
    let options = Options::default();
    let refused = Fragment::prepare(&graph, &[sum], &[x], &[z], &options).map(|_| ());
    assert_eq!(refused, Err(Error::Part { lacking: "negative".to_owned() }));
    let refused = Fragment::prepare(&graph, &[], &[x], &[z], &options).map(|_| ());
    assert_eq!(refused, Err(Error::Part { lacking: "sum".to_owned() }));
    let mut fragment = Fragment::prepare(&graph, &[sum], &[x, y], &[z], &options).unwrap();
    let refused = fragment.run(&[&[1, 2, 3]]);
    assert_eq!(refused, Err(Error::InputLength { unit: "values", expected: 2, found: 1 }));
    let refused = fragment.run(&[&[1, 2, 3], &[1, 2]]);
    assert_eq!(refused, Err(Error::InputLength { unit: "elements", expected: 3, found: 2 }));
}
