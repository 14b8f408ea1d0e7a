//! The networks have the published sizes, and every CPU path answers them as golden does.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

use myelin_cpu::{Network, Options, Path};
use myelin_graph::export;
use myelin_graph::import::{self, Limits};
use myelin_zoo::{Architecture, Convolutions};

/// Multiply-accumulates in units of 10^6 and parameters in units of 10^4, rounded as published.
const PUBLISHED: [(Architecture, u64, u64); 9] = [
    (Architecture::CaffeNet, 724, 6097),
    (Architecture::NiN, 969, 760),
    (Architecture::SqueezeNet1_1, 349, 124),
    (Architecture::Vgg16, 15470, 13836),
    (Architecture::Vgg19, 19632, 14367),
    (Architecture::InceptionBn, 2031, 1130),
    (Architecture::ResNet50, 4089, 2550),
    (Architecture::ResNet152, 11514, 6010),
    (Architecture::ResNeXt101, 15466, 8330),
];

#[test]
fn networks_have_the_published_sizes() {
    for (architecture, mega_macs, myriad_params) in PUBLISHED {
        let graph = architecture.build(1).unwrap();
        let params: u64 = graph.params().map(|(_, tensor)| tensor.elements() as u64).sum();
        let macs = graph.total_macs();
        println!("{architecture}: {} M multiply-accumulates, {} M parameters", macs / 1_000_000, params / 1_000_000);
        // Within half a percent: published figures are rounded.
        assert!(macs.abs_diff(mega_macs * 1_000_000) * 200 <= macs, "{architecture}: {macs} multiply-accumulates");
        assert!(params.abs_diff(myriad_params * 10_000) * 50 <= params, "{architecture}: {params} parameters");
        let head = graph.shape(graph.heads()[0]);
        assert_eq!(*head, [1, 1000], "{architecture}");
    }
}

#[test]
fn one_seed_is_one_network_and_the_chain_reads_it() {
    let build = |seed| Architecture::SqueezeNet1_1.build(seed).unwrap();
    let graph = build(5);
    assert_eq!(graph, build(5));
    assert_ne!(graph, build(6));
    let (symbol, params) = export::cvm(&graph);
    assert_eq!(import::cvm(&symbol, &params, &Limits::default()).unwrap(), graph);
}

#[test]
fn every_path_answers_squeezenet_as_golden_does() {
    let graph = Architecture::SqueezeNet1_1.build(1).unwrap();
    let (symbol, params) = export::cvm(&graph);
    let golden = myelin_golden::Model::parse(&symbol, &params).unwrap();
    let input: Vec<i8> = (0..graph.input_shape().elements()).map(|i| (i * 97 % 255) as u8 as i8).collect();
    let expected = golden.run(&input).unwrap().to_bytes();
    let distinct: std::collections::BTreeSet<u8> = expected.iter().copied().collect();
    assert!(distinct.len() > 10, "the network's answer says nothing: {distinct:?}");
    for path in Path::available() {
        let network = Network::prepare(&graph, &Options { threads: 2, path: Some(path) }).unwrap();
        let mut workspace = network.workspace();
        assert_eq!(network.run(&mut workspace, &input).unwrap().bytes(), expected, "{path}");
    }
}

#[test]
fn names_are_read_back() {
    for architecture in Architecture::ALL {
        assert_eq!(architecture.name().parse(), Ok(architecture));
    }
    assert!("resnet51".parse::<Architecture>().is_err());
    for stack in Convolutions::ALL {
        assert_eq!(stack.to_string().parse(), Ok(stack));
    }
    for wrong in ["conv3x3-0x7", "conv3x3-7", "conv3x3-9999x7", "conv5x5-7x7", "conv3x3-7x513"] {
        assert!(wrong.parse::<Convolutions>().is_err(), "{wrong}");
    }
}
