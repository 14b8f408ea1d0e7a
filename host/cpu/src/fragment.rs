//! Some operators of a graph: what a device leaves to the processor.

use crate::Error;
use crate::network::{Network, Options, Workspace};
use crate::plan::Part;
use myelin_graph::{Graph, NodeId, Op, ValueId};

/// Operators of a graph, prepared to be run on values computed elsewhere.
///
/// ```
/// use myelin_cpu::{Fragment, Options};
/// use myelin_graph::{GraphBuilder, Op, Postprocess};
///
/// let mut b = GraphBuilder::new();
/// let x = b.input(&[1, 3], 8)?;
/// let y = b.op("negative", Op::Negative, &[x])?;
/// let z = b.op("sum", Op::ElemwiseAdd, &[x, y])?;
/// let graph = b.finish(vec![z], Postprocess::None)?;
///
/// let sum = graph.find("sum").expect("it is there");
/// let mut fragment = Fragment::prepare(&graph, &[sum], &[x, y], &[z], &Options::default())?;
/// assert_eq!(fragment.run(&[&[1, 2, 3], &[10, 20, 30]])?, [[11, 22, 33]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Fragment {
    network: Network,
    workspace: Workspace,
}

impl Fragment {
    /// Prepares `nodes`, which compute `outputs` from `inputs` and constants.
    ///
    /// **Errors.** [`Error::Part`] if they need other values, or do not compute an output; else as
    /// [`Network::prepare`].
    pub fn prepare(
        graph: &Graph,
        nodes: &[NodeId],
        inputs: &[ValueId],
        outputs: &[ValueId],
        options: &Options,
    ) -> Result<Fragment, Error> {
        let part = part(graph, nodes, inputs, outputs)?;
        let network = Network::of_part(graph, &part, options)?;
        Ok(Fragment { workspace: network.workspace(), network })
    }

    /// The outputs for these inputs, row-major in the chain's order, in the order of [`Fragment::prepare`].
    ///
    /// **Numbers.** Inputs are taken as they are; each must be a value that the graph can have there.
    ///
    /// **Errors.** [`Error::InputLength`]; [`Error::NotOnCpu`], [`Error::Undefined`] and [`Error::BoxCount`] as
    /// the chain fails on the operators.
    pub fn run(&mut self, inputs: &[&[i32]]) -> Result<Vec<Vec<i32>>, Error> {
        self.network.run_given(&mut self.workspace, inputs)
    }
}

/// The part, if it is closed.
fn part(graph: &Graph, nodes: &[NodeId], inputs: &[ValueId], outputs: &[ValueId]) -> Result<Part, Error> {
    let mut known = vec![false; graph.value_count()];
    let mut run = vec![false; graph.node_count()];
    nodes.iter().for_each(|node| run[node.index()] = true);
    inputs.iter().for_each(|input| known[input.index()] = true);
    for (id, node) in graph.nodes() {
        if run[id.index()]
            && let Some(lacking) = node.inputs.iter().find(|input| !known[input.index()])
        {
            return Err(Error::Part { lacking: graph.producer(*lacking).name.clone() });
        }
        if run[id.index()] || matches!(node.op, Op::Param(_)) {
            node.outputs().for_each(|output| known[output.index()] = true);
        }
    }
    if let Some(lacking) = outputs.iter().find(|output| !known[output.index()]) {
        return Err(Error::Part { lacking: graph.producer(*lacking).name.clone() });
    }
    Ok(Part { inputs: inputs.to_vec(), nodes: run, outputs: outputs.to_vec() })
}
