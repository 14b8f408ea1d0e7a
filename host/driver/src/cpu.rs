//! The processor as a device: every model runs on it, and nothing has cycles.

use myelin_cpu::{Network, Options, Workspace};
use myelin_graph::Graph;

use crate::device::Device;
use crate::error::DriverError;
use crate::inference::{Inference, Output};
use crate::selector::Selector;

/// A model prepared for this machine's processor.
///
/// ```
/// use myelin_cpu::Options;
/// use myelin_driver::{CpuDevice, Device};
/// use myelin_graph::{Conv2d, GraphBuilder, Postprocess, Tensor};
///
/// let mut b = GraphBuilder::new();
/// let x = b.input(&[1, 1, 2, 2], 8)?;
/// let w = b.param("w", Tensor::from_i8(&[1, 1, 2, 2], vec![1, 2, 3, 4])?, 8)?;
/// let y = b.conv2d("conv", x, w, None, Conv2d::square(1, 2))?;
/// let graph = b.finish(vec![y], Postprocess::None)?;
///
/// let mut device = CpuDevice::load(&graph, &Options::default())?;
/// assert_eq!(device.run(&[10, 20, 30, 40])?.outputs[0].values, [300]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct CpuDevice {
    selector: String,
    network: Network,
    workspace: Workspace,
    output_names: Vec<String>,
}

impl CpuDevice {
    /// Prepares a model.
    ///
    /// # Errors
    /// [`DriverError::Cpu`] if this machine lacks the path asked for, or threads cannot be had.
    pub fn load(graph: &Graph, options: &Options) -> Result<CpuDevice, DriverError> {
        let selector = Selector::Cpu(options.path).to_string();
        let network = Network::prepare(graph, options);
        let network =
            network.map_err(|source| DriverError::Cpu { step: "prepare", selector: selector.clone(), source })?;
        let output_names = graph.heads().iter().map(|&head| graph.producer(head).name.clone()).collect();
        Ok(CpuDevice { selector, workspace: network.workspace(), network, output_names })
    }

    /// The prepared model.
    pub fn network(&self) -> &Network {
        &self.network
    }
}

impl Device for CpuDevice {
    fn selector(&self) -> &str {
        &self.selector
    }

    fn run(&mut self, input: &[i32]) -> Result<Inference, DriverError> {
        let expected = self.network.graph().input_shape().elements();
        if input.len() != expected {
            return Err(DriverError::InputLength { selector: self.selector.clone(), found: input.len(), expected });
        }
        let failed = |source| DriverError::Cpu { step: "run", selector: self.selector.clone(), source };
        let answer = self.network.run_i32(&mut self.workspace, input).map_err(failed)?;
        let outputs = self.output_names.iter().zip(answer.heads());
        let outputs = outputs.map(|(name, head)| Output { name: name.clone(), values: head.values.clone() });
        Ok(Inference { outputs: outputs.collect(), report: None })
    }
}
