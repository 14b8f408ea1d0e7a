//! From a selector to a device that runs a model.

use std::num::{NonZeroU32, NonZeroUsize};

use myelin_board::{SimulatedCell, SimulationOptions};
use myelin_compile::Target;
use myelin_cpu::Options;
use myelin_driver::{
    CpuDevice, Deadlines, Device, DriverError, Inference, Link, ModelSession, Output, Port, Selector, StickLink,
    StickOptions,
};
use myelin_graph::Graph;
use myelin_infer::{CpuEngine, DeviceConfig, DeviceEngine, GuardedEngine};

use crate::failure::{Failure, Verdict};
use crate::model::LoadedModel;
use crate::terminal::Progress;

/// A device with a model loaded.
pub enum Opened {
    /// Cells simulated cycle by cycle, and this machine's processor for what they have no means for.
    Simulated(Box<ModelSession<SimulatedCell>>),
    /// This machine's processor.
    Cpu(Box<CpuDevice>),
    /// The reference.
    Golden(Box<GoldenDevice>),
    /// A stick, and this machine's processor for what it has no means for.
    Stick(Box<ModelSession<StickLink>>),
}

/// Opens the device, compiling the model where it needs a program.
pub fn open(selector: &Selector, model: &LoadedModel, progress: &mut Progress) -> Result<Opened, Failure> {
    match *selector {
        Selector::Golden => Ok(Opened::Golden(Box::new(GoldenDevice::new(model)?))),
        Selector::Cpu(path) => {
            progress.step(&format!("prepare {} for {selector}", model.path.display()));
            let options = Options { threads: cpu_threads(), path };
            Ok(Opened::Cpu(Box::new(CpuDevice::load(&model.graph, &options)?)))
        }
        Selector::Simulated(target) => {
            let cell = |progress: &mut Progress| simulated_cell(target, progress);
            Ok(Opened::Simulated(Box::new(load(selector, &target, model, cell, progress)?)))
        }
        Selector::Stick(ref port) => {
            let link = stick(port, progress)?;
            let target = Target::of(link.board().architecture);
            Ok(Opened::Stick(Box::new(load(selector, &target, model, |_| Ok(link), progress)?)))
        }
    }
}

/// The model compiled and loaded on the device that `link` opens.
fn load<L: Link>(
    selector: &Selector,
    target: &Target,
    model: &LoadedModel,
    link: impl FnOnce(&mut Progress) -> Result<L, Failure>,
    progress: &mut Progress,
) -> Result<ModelSession<L>, Failure> {
    let name = model.path.display().to_string();
    progress.step(&format!("compile {name} for {selector}"));
    let compiled = myelin_compile::compile_model(&model.graph, target);
    let compiled = compiled.map_err(|error| Failure::Compile {
        model: name,
        selector: selector.to_string(),
        source: Box::new(error),
    })?;
    let link = link(progress)?;
    progress.step("load the program");
    let options = Options { threads: cpu_threads(), path: None };
    Ok(ModelSession::load(link, &model.graph, compiled, &options, Deadlines::default())?)
}

/// The stick on a port.
pub fn stick(port: &Port, progress: &mut Progress) -> Result<StickLink, Failure> {
    progress.step(&format!("open {}", Selector::Stick(port.clone())));
    Ok(StickLink::open(port, StickOptions::default())?)
}

fn simulated_cell(target: Target, progress: &mut Progress) -> Result<SimulatedCell, Failure> {
    let selector = Selector::Simulated(target).to_string();
    progress.step(&format!("build the simulator of {selector}"));
    let cell = SimulatedCell::of_target(target, SimulationOptions::default());
    cell.map_err(|error| Failure::Simulation { selector, source: Box::new(error) })
}

/// What computes for a node: the devices asked for, with the processor at their side, and behind all of them
/// the portable code.
pub fn node_engine(
    selectors: &[Selector],
    threads: NonZeroUsize,
    check_every: NonZeroU32,
    progress: &mut Progress,
) -> Result<GuardedEngine, Failure> {
    let (mut path, mut links) = (None, Vec::<Box<dyn Link>>::new());
    for selector in selectors {
        match *selector {
            Selector::Golden => return Err(Failure::NotForNodes { selector: selector.to_string() }),
            Selector::Cpu(wanted) => {
                let lacking =
                    |source| DriverError::Cpu { step: "choose kernels", selector: selector.to_string(), source };
                path = path.or(wanted.map(|path| path.checked()).transpose().map_err(lacking)?);
            }
            Selector::Simulated(target) => links.push(Box::new(simulated_cell(target, progress)?)),
            Selector::Stick(ref port) => links.push(Box::new(stick(port, progress)?)),
        }
    }
    let processor = CpuEngine::new(Options { threads: threads.get(), path });
    if links.is_empty() {
        return Ok(GuardedEngine::new(processor, CpuEngine::portable()));
    }
    let config = DeviceConfig { check_every, ..DeviceConfig::default() };
    let engine = DeviceEngine::of_all(links, processor, config);
    Ok(GuardedEngine::of_devices(engine, CpuEngine::portable()))
}

/// Selectors as they are told to people.
pub fn names(selectors: &[Selector]) -> String {
    let names: Vec<String> = selectors.iter().map(Selector::to_string).collect();
    names.join(" ")
}

/// All of them: one inference has the machine to itself.
fn cpu_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |count| count.get())
}

impl Opened {
    /// What runs the model.
    pub fn device(&mut self) -> &mut dyn Device {
        match self {
            Opened::Simulated(session) => &mut **session,
            Opened::Cpu(cpu) => &mut **cpu,
            Opened::Golden(golden) => &mut **golden,
            Opened::Stick(session) => &mut **session,
        }
    }

    /// The simulated cell, if it is one.
    pub fn simulated(&mut self) -> Option<&mut SimulatedCell> {
        match self {
            Opened::Simulated(session) => Some(session.link_mut()),
            Opened::Cpu(_) | Opened::Golden(_) | Opened::Stick(_) => None,
        }
    }

    /// Clock cycles simulated so far; 0 where nothing is simulated.
    pub fn cycle(&mut self) -> u64 {
        self.simulated().map_or(0, |cell| cell.cycle())
    }
}

/// The golden model as a device: every answer is right, and nothing has cycles.
pub struct GoldenDevice {
    model: myelin_golden::Model,
    output_names: Vec<String>,
}

const GOLDEN: &str = "golden";

impl GoldenDevice {
    /// The same model as `model`, read by golden's own reader.
    pub fn new(model: &LoadedModel) -> Result<GoldenDevice, Failure> {
        let name = |graph: &Graph, head| graph.producer(head).name.clone();
        let output_names = model.graph.heads().iter().map(|&head| name(&model.graph, head)).collect();
        Ok(GoldenDevice { model: model.golden()?, output_names })
    }
}

impl Device for GoldenDevice {
    fn selector(&self) -> &str {
        GOLDEN
    }

    fn run(&mut self, input: &[i32]) -> Result<Inference, DriverError> {
        let expected = self.model.input_shape().iter().product();
        if input.len() != expected {
            return Err(DriverError::InputLength { selector: GOLDEN.to_owned(), found: input.len(), expected });
        }
        let answer = self.model.run_i32(input);
        let answer =
            answer.map_err(|error| DriverError::Reference { selector: GOLDEN.to_owned(), source: Box::new(error) })?;
        let outputs = self.output_names.iter().zip(answer.heads());
        let outputs = outputs.map(|(name, head)| Output { name: name.clone(), values: head.data.clone() });
        Ok(Inference { outputs: outputs.collect(), report: None })
    }
}

/// Where two answers to one input differ.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Comparison {
    /// Values compared.
    pub values: usize,
    /// Values that differ.
    pub differences: usize,
    /// The first of them.
    pub first: Option<Difference>,
}

/// One value that differs.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Difference {
    /// Name of the output.
    pub output: String,
    /// Row-major position.
    pub position: usize,
    /// The device's value; `None` if it has no such value.
    pub device: Option<i32>,
    /// Golden's value; `None` if it has no such value.
    pub golden: Option<i32>,
}

impl Comparison {
    /// Holds the device's answer against golden's. Missing and surplus values and outputs count as different.
    pub fn new(device: &Inference, golden: &Inference) -> Comparison {
        let mut comparison = Comparison { values: 0, differences: 0, first: None };
        let none: &[i32] = &[];
        for index in 0..device.outputs.len().max(golden.outputs.len()) {
            let (ours, law) = (device.outputs.get(index), golden.outputs.get(index));
            let name = law.or(ours).map_or(String::new(), |output| output.name.clone());
            let values = |output: Option<&'_ Output>| output.map_or(none.to_vec(), |output| output.values.clone());
            let (ours, law) = (values(ours), values(law));
            for position in 0..ours.len().max(law.len()) {
                let (device, golden) = (ours.get(position).copied(), law.get(position).copied());
                comparison.values += 1;
                if device != golden {
                    comparison.differences += 1;
                    comparison.first.get_or_insert(Difference { output: name.clone(), position, device, golden });
                }
            }
        }
        comparison
    }

    /// Whether not a bit differs (and there was something to compare).
    pub fn is_exact(&self) -> bool {
        self.values > 0 && self.differences == 0
    }

    /// What the command answers.
    pub fn verdict(&self) -> Verdict {
        if self.is_exact() { Verdict::Yes } else { Verdict::No }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inference(values: &[i32]) -> Inference {
        let output = Output { name: "dense0".to_owned(), values: values.to_vec() };
        Inference { outputs: vec![output], report: None }
    }

    #[test]
    fn equal_answers_are_exact() {
        let comparison = Comparison::new(&inference(&[1, -2]), &inference(&[1, -2]));
        assert!(comparison.is_exact());
        assert_eq!((comparison.values, comparison.verdict()), (2, Verdict::Yes));
    }

    #[test]
    fn the_first_difference_is_named() {
        let comparison = Comparison::new(&inference(&[1, 5, 7]), &inference(&[1, -2, 8]));
        assert!(!comparison.is_exact());
        assert_eq!((comparison.differences, comparison.verdict()), (2, Verdict::No));
        let first = comparison.first.unwrap();
        assert_eq!((first.position, first.device, first.golden), (1, Some(5), Some(-2)));
    }

    #[test]
    fn missing_values_and_empty_answers_are_not_exact() {
        assert!(!Comparison::new(&inference(&[1]), &inference(&[1, 2])).is_exact());
        assert!(!Comparison::new(&inference(&[1, 2]), &inference(&[1])).is_exact());
        let nothing = Inference { outputs: Vec::new(), report: None };
        assert!(!Comparison::new(&nothing, &inference(&[1])).is_exact());
        assert!(!Comparison::new(&nothing, &nothing).is_exact());
    }
}
