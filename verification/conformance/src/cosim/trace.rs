//! Stimulus, response, and their comparison.

use std::collections::BTreeMap;

use myelin_hdl::Design;

use super::error::{CosimError, Disagreement};

/// Level of the reset in a cycle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reset {
    /// `rst_ni` is low.
    Active,
    /// `rst_ni` is high.
    Inactive,
}

/// What is applied in one cycle.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cycle {
    /// Level of the reset.
    pub reset: Reset,
    /// Bits of each input of the top, in declaration order, zero above the width.
    pub inputs: Vec<u64>,
}

/// A stimulus: what is applied, cycle by cycle.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Trace {
    /// Cycle 0 first.
    pub cycles: Vec<Cycle>,
}

impl Trace {
    /// `count` cycles with the reset active and all inputs 0.
    pub fn in_reset(design: &Design, count: usize) -> Trace {
        let cycle = Cycle { reset: Reset::Active, inputs: vec![0; design.top().inputs.len()] };
        Trace { cycles: vec![cycle; count] }
    }

    /// Adds a cycle out of reset.
    pub fn push(&mut self, inputs: Vec<u64>) {
        self.cycles.push(Cycle { reset: Reset::Inactive, inputs });
    }

    /// Checks that every cycle has a value of the right width for every input.
    ///
    /// # Errors
    /// [`CosimError::BadTrace`] at the first that has not.
    pub fn check(&self, design: &Design) -> Result<(), CosimError> {
        let ports = &design.top().inputs;
        for (cycle, applied) in self.cycles.iter().enumerate() {
            let bad = |reason| CosimError::BadTrace { design: design.top().name.clone(), cycle, reason };
            if applied.inputs.len() != ports.len() {
                return Err(bad(format!("{} values for {} inputs", applied.inputs.len(), ports.len())));
            }
            for (port, &bits) in ports.iter().zip(&applied.inputs) {
                if bits & !port.ty.mask() != 0 {
                    return Err(bad(format!("{bits:#x} is too wide for {} ({})", port.name, port.ty)));
                }
            }
        }
        Ok(())
    }
}

/// What was answered to a stimulus.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    /// Who answered: an engine, or the model that a test holds engines against.
    pub answered_by: String,
    /// For each cycle the bits of each output of the top in declaration order, zero above the
    /// width; `None` where a bit is unknown.
    pub outputs: Vec<Vec<Option<u64>>>,
    /// What registers hold after the last edge, by path (instance names from the top's on, then the
    /// register's own); empty where the one who answered does not tell.
    pub registers: BTreeMap<String, Option<u64>>,
}

impl Response {
    /// A response in outputs alone.
    pub fn new(answered_by: &str, outputs: Vec<Vec<Option<u64>>>) -> Response {
        Response { answered_by: answered_by.to_owned(), outputs, registers: BTreeMap::new() }
    }
}

/// Compares two responses to one stimulus: outputs, then the registers that both tell of.
///
/// # Errors
/// The first difference, by cycle and then in the order of the ports, or of the registers' paths.
/// Unknown bits differ from everything.
pub fn compare(design: &Design, expected: &Response, found: &Response) -> Result<(), Disagreement> {
    let ports = &design.top().outputs;
    for (cycle, (wanted, got)) in expected.outputs.iter().zip(&found.outputs).enumerate() {
        for ((port, &wanted), &got) in ports.iter().zip(wanted).zip(got) {
            if wanted != got || got.is_none() {
                return Err(Disagreement::Value {
                    cycle,
                    port: port.name.clone(),
                    ty: port.ty,
                    expected_by: expected.answered_by.clone(),
                    expected: wanted,
                    found_by: found.answered_by.clone(),
                    found: got,
                });
            }
        }
    }
    if expected.outputs.len() != found.outputs.len() {
        return Err(Disagreement::Length {
            expected_by: expected.answered_by.clone(),
            expected: expected.outputs.len(),
            found_by: found.answered_by.clone(),
            found: found.outputs.len(),
        });
    }
    let told_by_both = |(path, &wanted)| found.registers.get(path).map(|&got| (path, wanted, got));
    match expected.registers.iter().filter_map(told_by_both).find(|(_, wanted, got)| wanted != got || got.is_none()) {
        None => Ok(()),
        Some((path, wanted, got)) => Err(Disagreement::Register {
            path: path.clone(),
            expected_by: expected.answered_by.clone(),
            expected: wanted,
            found_by: found.answered_by.clone(),
            found: got,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use myelin_hdl::{module, u};

    fn design() -> Design {
        let top = module("pass", |m| m.output("y_o", m.input("a_i", u(4))));
        Design::new(top).expect("good names")
    }

    fn answered(outputs: &[Option<u64>]) -> Response {
        let outputs = outputs.iter().map(|&bits| vec![bits]).collect();
        Response::new("a test", outputs)
    }

    #[test]
    fn a_stimulus_that_does_not_fit_is_refused_with_its_cycle() {
        let design = design();
        let mut trace = Trace::in_reset(&design, 2);
        trace.push(vec![15]);
        assert!(trace.check(&design).is_ok());
        trace.push(vec![16]);
        let error = trace.check(&design).expect_err("16 needs five bits").to_string();
        assert_eq!(error, "stimulus of pass, cycle 3: 0x10 is too wide for a_i (u4)");
        trace.cycles[3].inputs = vec![1, 2];
        let error = trace.check(&design).expect_err("there is one input").to_string();
        assert_eq!(error, "stimulus of pass, cycle 3: 2 values for 1 inputs");
    }

    #[test]
    fn the_first_difference_is_told_with_cycle_and_port() {
        let design = design();
        let expected = answered(&[Some(1), Some(2), Some(3)]);
        assert_eq!(compare(&design, &expected, &expected), Ok(()));
        let told =
            |found: &[Option<u64>]| compare(&design, &expected, &answered(found)).expect_err("they differ").to_string();
        assert_eq!(
            told(&[Some(1), Some(9), Some(9)]),
            "a test disagrees with a test in cycle 1 on y_o (u4): expected 0x2, found 0x9"
        );
        assert_eq!(
            told(&[Some(1), Some(2), None]),
            "a test disagrees with a test in cycle 2 on y_o (u4): expected 0x3, found unknown bits"
        );
        assert_eq!(told(&[Some(1)]), "a test answered 1 cycles, a test 3");
    }

    #[test]
    fn registers_that_both_tell_of_are_compared() {
        let design = design();
        let told = |registers: &[(&str, u64)]| {
            let registers = registers.iter().map(|&(path, bits)| (path.to_owned(), Some(bits))).collect();
            Response { registers, ..answered(&[Some(1)]) }
        };
        let expected = told(&[("pass.a_q", 1), ("pass.b_q", 2)]);
        assert_eq!(compare(&design, &expected, &told(&[])), Ok(()));
        assert_eq!(compare(&design, &expected, &told(&[("pass.b_q", 2)])), Ok(()));
        let difference = compare(&design, &expected, &told(&[("pass.a_q", 1), ("pass.b_q", 3)]));
        assert_eq!(
            difference.expect_err("they differ").to_string(),
            "a test disagrees with a test after the last cycle on register pass.b_q: expected 0x2, found 0x3"
        );
    }

    #[test]
    fn unknown_bits_agree_with_nothing() {
        let unknown = answered(&[None]);
        assert!(compare(&design(), &unknown, &unknown).is_err());
    }
}
