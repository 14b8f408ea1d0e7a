//! What is measured, by name.

use std::fmt;
use std::str::FromStr;

use myelin_graph::{Graph, GraphError};
use myelin_isa::Precision;
use myelin_zoo::{Architecture, Convolutions};

use crate::digits::Digits;
use crate::failure::Failure;

/// A network or layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Workload {
    /// One of the nine networks.
    Network(Architecture),
    /// The digits network inside this binary: weights and activations of 8 bits, or of 6.
    Digits(Precision),
    /// A stack of equal convolutions.
    Layer(Convolutions),
}

impl Workload {
    /// The nine networks and both digits networks.
    pub fn networks() -> Vec<Workload> {
        let digits = [Precision::Int8, Precision::Int6].map(Workload::Digits);
        digits.into_iter().chain(Architecture::ALL.map(Workload::Network)).collect()
    }

    /// The 3x3 convolution layers.
    pub fn layers() -> Vec<Workload> {
        Convolutions::ALL.map(Workload::Layer).to_vec()
    }

    /// Builds it, with weights of seed 1 where it has none of its own.
    pub fn graph(self) -> Result<Graph, Failure> {
        let built = |graph: Result<Graph, GraphError>| graph.expect("invariant: the zoo keeps the graph's rules");
        Ok(match self {
            Workload::Network(architecture) => built(architecture.build(1)),
            Workload::Layer(stack) => built(stack.build(1)),
            Workload::Digits(precision) => Digits::of(precision).model()?.graph,
        })
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Workload::Network(architecture) => architecture.fmt(f),
            Workload::Layer(stack) => stack.fmt(f),
            Workload::Digits(precision) => write!(f, "digits_{precision}"),
        }
    }
}

impl FromStr for Workload {
    type Err = String;

    fn from_str(name: &str) -> Result<Workload, String> {
        let known = Workload::networks().into_iter().find(|workload| workload.to_string() == name);
        if let Some(workload) = known.or_else(|| name.parse().ok().map(Workload::Layer)) {
            return Ok(workload);
        }
        let names: Vec<String> = Workload::networks().iter().map(Workload::to_string).collect();
        Err(format!("expected one of {}, or a layer conv3x3-<channels>x<side>", names.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_others_answered_with_those_there_are() {
        for workload in Workload::networks().into_iter().chain(Workload::layers()) {
            assert_eq!(workload.to_string().parse(), Ok(workload));
        }
        let message = "resnet51".parse::<Workload>().unwrap_err();
        assert!(message.contains("resnet50") && message.contains("conv3x3-"), "{message}");
    }
}
