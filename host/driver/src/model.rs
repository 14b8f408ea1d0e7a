//! A device with a model on it whose other part is the processor's.

use myelin_compile::{DeviceStep, Model, Program, Step};
use myelin_cpu::{Fragment, Options};
use myelin_graph::{Graph, ValueId, precision_limit};

use crate::device::Device;
use crate::error::DriverError;
use crate::inference::{CycleReport, Inference, Output};
use crate::link::Link;
use crate::session::{Deadlines, Session};

/// A link that this session owns and the processor, with a compiled [`Model`] on both.
///
/// A model of one program stays loaded. With several the device is reset and loaded anew for each of them
/// in every inference. After a failure the next inference loads it again.
pub struct ModelSession<L: Link = Box<dyn Link>> {
    session: Session<L>,
    selector: String,
    steps: Vec<Work>,
    /// Programs that are not in the session, by position among the programs.
    programs: Vec<Option<Program>>,
    /// Position of the program in the session.
    loaded: usize,
    outputs: Vec<(String, ValueId)>,
    /// Constants that are heads.
    constants: Vec<(ValueId, Vec<i32>)>,
    input: Input,
    value_count: usize,
}

/// What is given.
#[derive(Clone, Copy)]
struct Input {
    value: ValueId,
    /// Elements.
    count: usize,
    /// Largest magnitude, to which elements are limited.
    limit: i32,
}

/// A step, ready to run.
enum Work {
    Device { program: usize, inputs: Vec<ValueId>, outputs: Vec<ValueId> },
    Host { fragment: Box<Fragment>, inputs: Vec<ValueId>, outputs: Vec<ValueId> },
}

impl<L: Link> ModelSession<L> {
    /// Prepares the processor's part and loads the device with its first program; `model` is compiled from
    /// `graph`.
    ///
    /// # Errors
    /// [`DriverError::Cpu`] as [`Fragment::prepare`]; else as [`Session::load_with`].
    pub fn load(
        link: L,
        graph: &Graph,
        model: Model,
        options: &Options,
        deadlines: Deadlines,
    ) -> Result<ModelSession<L>, DriverError> {
        let selector = link.info().selector;
        let constant = |&(_, value): &(String, ValueId)| graph.param(value).map(|tensor| (value, tensor.to_i32()));
        let constants = model.outputs.iter().filter_map(constant).collect();
        let (mut steps, mut programs) = (Vec::new(), Vec::new());
        for step in model.steps {
            steps.push(match step {
                Step::Device(step) => {
                    let DeviceStep { program, inputs, outputs } = *step;
                    programs.push(Some(program));
                    Work::Device { program: programs.len() - 1, inputs, outputs }
                }
                Step::Host(step) => {
                    let fragment = Fragment::prepare(graph, &step.nodes, &step.inputs, &step.outputs, options);
                    let fragment = fragment.map_err(|source| DriverError::Cpu {
                        step: "prepare host operators",
                        selector: selector.clone(),
                        source,
                    })?;
                    Work::Host { fragment: Box::new(fragment), inputs: step.inputs, outputs: step.outputs }
                }
            });
        }
        let first = programs.first_mut().and_then(Option::take);
        let first = first.ok_or_else(|| DriverError::BadProgram {
            selector: selector.clone(),
            what: "the model has no program for the device",
        })?;
        Ok(ModelSession {
            session: Session::load_with(link, first, deadlines)?,
            selector,
            steps,
            programs,
            loaded: 0,
            outputs: model.outputs,
            constants,
            input: Input {
                value: graph.input(),
                count: graph.input_shape().elements(),
                limit: precision_limit(graph.input_precision()),
            },
            value_count: graph.value_count(),
        })
    }

    /// The link, for waves and inspection. What is done to the device here is the caller's business.
    pub fn link_mut(&mut self) -> &mut L {
        self.session.link_mut()
    }

    /// Loads a program unless it is loaded.
    fn provide(&mut self, wanted: usize) -> Result<(), DriverError> {
        if wanted != self.loaded {
            let program = self.programs[wanted].take();
            let program = program.expect("invariant: what is not in the session is kept here");
            self.programs[self.loaded] = Some(self.session.exchange(program));
            self.loaded = wanted;
        }
        if self.session.is_ready() { Ok(()) } else { self.session.recover() }
    }

    /// A step's outputs, and the counters if it is the device's.
    fn step(&mut self, index: usize, values: &mut Values) -> Result<Option<CycleReport>, DriverError> {
        if let Work::Device { program, .. } = self.steps[index] {
            self.provide(program)?;
        }
        match &mut self.steps[index] {
            Work::Device { inputs, outputs, .. } => {
                let inference = self.session.run_given(&values.get(inputs))?;
                let found = inference.outputs.into_iter().map(|output| output.values);
                values.set(outputs, found);
                Ok(inference.report)
            }
            Work::Host { fragment, inputs, outputs } => {
                let found = fragment.run(&values.get(inputs));
                let found = found.map_err(|source| DriverError::Cpu {
                    step: "run host operators",
                    selector: self.selector.clone(),
                    source,
                })?;
                values.set(outputs, found.into_iter());
                Ok(None)
            }
        }
    }
}

impl<L: Link> Device for ModelSession<L> {
    fn selector(&self) -> &str {
        &self.selector
    }

    fn run(&mut self, input: &[i32]) -> Result<Inference, DriverError> {
        let Input { value, count, limit } = self.input;
        if input.len() != count {
            let (selector, found, expected) = (self.selector.clone(), input.len(), count);
            return Err(DriverError::InputLength { selector, found, expected });
        }
        let mut values = Values(vec![None; self.value_count]);
        values.0[value.index()] = Some(input.iter().map(|&value| value.clamp(-limit, limit)).collect());
        for (value, constant) in &self.constants {
            values.0[value.index()] = Some(constant.clone());
        }
        let mut report: Option<CycleReport> = None;
        for index in 0..self.steps.len() {
            let next = self.step(index, &mut values)?;
            report = match (report, next) {
                (Some(report), Some(next)) => Some(report.then(next)),
                (report, next) => report.or(next),
            };
        }
        let output =
            |(name, value): &(String, ValueId)| Output { name: name.clone(), values: values.of(*value).to_vec() };
        Ok(Inference { outputs: self.outputs.iter().map(output).collect(), report })
    }
}

/// What has been computed so far, by value.
struct Values(Vec<Option<Vec<i32>>>);

impl Values {
    fn of(&self, value: ValueId) -> &[i32] {
        self.0[value.index()].as_deref().expect("invariant: steps are in an order in which each finds what it needs")
    }

    fn get(&self, wanted: &[ValueId]) -> Vec<&[i32]> {
        wanted.iter().map(|&value| self.of(value)).collect()
    }

    fn set(&mut self, names: &[ValueId], found: impl Iterator<Item = Vec<i32>>) {
        for (name, values) in names.iter().zip(found) {
            self.0[name.index()] = Some(values);
        }
    }
}
