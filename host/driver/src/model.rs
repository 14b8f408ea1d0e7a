//! A device with a model on it whose other part is the processor's.

use std::sync::Arc;

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
    model: PreparedModel,
}

/// A compiled [`Model`] ready to run: its programs, and what the processor adds.
pub struct PreparedModel {
    steps: Vec<Work>,
    programs: Vec<Arc<Program>>,
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
    /// Prepares the processor's part and loads the device with the first program; `model` is compiled from
    /// `graph`.
    ///
    /// # Errors
    /// As [`PreparedModel::prepare`] and [`Session::load_with`].
    pub fn load(
        link: L,
        graph: &Graph,
        model: Model,
        options: &Options,
        deadlines: Deadlines,
    ) -> Result<ModelSession<L>, DriverError> {
        let selector = link.info().selector;
        let model = PreparedModel::prepare(graph, model, options, &selector)?;
        let session = Session::load_with(link, model.first_program().clone(), deadlines)?;
        Ok(ModelSession { session, selector, model })
    }

    /// The link, for waves and inspection. What is done to the device here is the caller's business.
    pub fn link_mut(&mut self) -> &mut L {
        self.session.link_mut()
    }
}

impl<L: Link> Device for ModelSession<L> {
    fn selector(&self) -> &str {
        &self.selector
    }

    fn run(&mut self, input: &[i32]) -> Result<Inference, DriverError> {
        self.model.run(&mut self.session, input)
    }
}

impl PreparedModel {
    /// Prepares the processor's part of `model`, which is compiled from `graph`; `selector` names in errors
    /// the device it is for.
    ///
    /// # Errors
    /// [`DriverError::Cpu`] as [`Fragment::prepare`]; [`DriverError::BadProgram`] if nothing is the device's.
    pub fn prepare(
        graph: &Graph,
        model: Model,
        options: &Options,
        selector: &str,
    ) -> Result<PreparedModel, DriverError> {
        let constant = |&(_, value): &(String, ValueId)| graph.param(value).map(|tensor| (value, tensor.to_i32()));
        let constants = model.outputs.iter().filter_map(constant).collect();
        let (mut steps, mut programs) = (Vec::new(), Vec::new());
        for step in model.steps {
            steps.push(match step {
                Step::Device(step) => {
                    let DeviceStep { program, inputs, outputs } = *step;
                    programs.push(Arc::new(program));
                    Work::Device { program: programs.len() - 1, inputs, outputs }
                }
                Step::Host(step) => {
                    let fragment = Fragment::prepare(graph, &step.nodes, &step.inputs, &step.outputs, options);
                    let fragment = fragment.map_err(|source| DriverError::Cpu {
                        step: "prepare host operators",
                        selector: selector.to_owned(),
                        source,
                    })?;
                    Work::Host { fragment: Box::new(fragment), inputs: step.inputs, outputs: step.outputs }
                }
            });
        }
        if programs.is_empty() {
            let what = "the model has no program for the device";
            return Err(DriverError::BadProgram { selector: selector.to_owned(), what });
        }
        Ok(PreparedModel {
            steps,
            programs,
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

    /// The program that an inference begins with.
    pub fn first_program(&self) -> &Arc<Program> {
        self.programs.first().expect("invariant: a model without programs is refused")
    }

    /// The programs.
    pub fn programs(&self) -> impl Iterator<Item = &Program> {
        self.programs.iter().map(|program| &**program)
    }

    /// The answer to an input: loads programs on `session`'s device where they are not, and recovers it
    /// where it has failed.
    ///
    /// # Errors
    /// As [`Device::run`].
    pub fn run<L: Link>(&mut self, session: &mut Session<L>, input: &[i32]) -> Result<Inference, DriverError> {
        let Input { value, count, limit } = self.input;
        if input.len() != count {
            let (selector, found, expected) = (session.selector().to_owned(), input.len(), count);
            return Err(DriverError::InputLength { selector, found, expected });
        }
        let mut values = Values(vec![None; self.value_count]);
        values.0[value.index()] = Some(input.iter().map(|&value| value.clamp(-limit, limit)).collect());
        for (value, constant) in &self.constants {
            values.0[value.index()] = Some(constant.clone());
        }
        let mut report: Option<CycleReport> = None;
        for step in &mut self.steps {
            let next = step.run(&self.programs, session, &mut values)?;
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

impl Work {
    /// Adds its outputs to `values`; answers the counters if it is the device's.
    fn run<L: Link>(
        &mut self,
        programs: &[Arc<Program>],
        session: &mut Session<L>,
        values: &mut Values,
    ) -> Result<Option<CycleReport>, DriverError> {
        match self {
            Work::Device { program, inputs, outputs } => {
                session.exchange(&programs[*program]);
                if !session.is_ready() {
                    session.recover()?;
                }
                let inference = session.run_given(&values.get(inputs))?;
                values.set(outputs, inference.outputs.into_iter().map(|output| output.values));
                Ok(inference.report)
            }
            Work::Host { fragment, inputs, outputs } => {
                let found = fragment.run(&values.get(inputs));
                let found = found.map_err(|source| DriverError::Cpu {
                    step: "run host operators",
                    selector: session.selector().to_owned(),
                    source,
                })?;
                values.set(outputs, found.into_iter());
                Ok(None)
            }
        }
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
