//! The one way to name a device that trims graphs.
//!
//! ```text
//! cpu                               this machine's processor
//! sim:cuckoo-<edge bits>[:<lanes>]  an edge-trimming core simulated cycle by cycle; 4 lanes unless stated
//! ```

use std::fmt;
use std::str::FromStr;

use myelin_isa::cuckoo::{Core, CoreError, Sip, Variant};

use crate::selector::SelectorForm;

/// What names of simulated cores begin with, after `sim:`.
pub(crate) const TRIMMER_PREFIX: &str = "cuckoo-";

/// Lanes unless stated.
const LANES_DEFAULT: u32 = 4;

/// Which device trims.
///
/// Parsing and [`fmt::Display`] are inverses up to the default number of lanes, which is not written.
///
/// ```
/// use myelin_driver::TrimmerSelector;
///
/// assert_eq!("sim:cuckoo-19:16".parse::<TrimmerSelector>()?.to_string(), "sim:cuckoo-19:16");
/// assert_eq!("sim:cuckoo-19:4".parse::<TrimmerSelector>()?.to_string(), "sim:cuckoo-19");
/// # Ok::<(), myelin_driver::TrimmerSelectorError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TrimmerSelector {
    /// The processor.
    Cpu,
    /// An edge-trimming core, simulated.
    Simulated {
        /// Binary logarithm of the number of edges.
        edge_bits: u32,
        /// Hash pipelines.
        lanes: u32,
    },
}

/// Every form of selector that works in this version.
pub const TRIMMER_SELECTOR_FORMS: [SelectorForm; 2] = [
    SelectorForm {
        form: "sim:cuckoo-<edge bits>[:<lanes>]",
        example: "sim:cuckoo-12",
        meaning: "edge-trimming core simulated cycle by cycle, 10 to 32 edge bits: solve, cuckoo trim, mine",
    },
    SelectorForm { form: "cpu", example: "cpu", meaning: "this processor: solve, cuckoo trim, mine" },
];

/// Why a text names no device that trims.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TrimmerSelectorError {
    /// No such form.
    #[error("device {text:?}: expected {}", TRIMMER_SELECTOR_FORMS.map(|form| form.form).join(" or "))]
    Unknown {
        /// The whole text.
        text: String,
    },
    /// The parameters are none that a core can have.
    // Not a source: the command line's parser prints one message, not a chain.
    #[error("device {text:?}: {fault}")]
    Core {
        /// The whole text.
        text: String,
        /// Which parameter and its range.
        fault: CoreError,
    },
}

impl TrimmerSelector {
    /// The core for these graphs, if it is a simulated one of the same size.
    ///
    /// **Errors**: never for a parsed selector.
    pub fn core(self, variant: Variant, sip: Sip) -> Option<Result<Core, CoreError>> {
        match self {
            TrimmerSelector::Cpu => None,
            TrimmerSelector::Simulated { edge_bits, lanes } => Some(Core::new(variant, sip, edge_bits, lanes)),
        }
    }
}

impl FromStr for TrimmerSelector {
    type Err = TrimmerSelectorError;

    fn from_str(text: &str) -> Result<TrimmerSelector, TrimmerSelectorError> {
        if text == "cpu" {
            return Ok(TrimmerSelector::Cpu);
        }
        let unknown = || TrimmerSelectorError::Unknown { text: text.to_owned() };
        let parameters = text.strip_prefix("sim:").and_then(|rest| rest.strip_prefix(TRIMMER_PREFIX));
        let (edge_bits, lanes) = match parameters.ok_or_else(unknown)?.split_once(':') {
            Some((edge_bits, lanes)) => (edge_bits, Some(lanes)),
            None => (parameters.unwrap_or_default(), None),
        };
        let number = |text: &str| {
            let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            if plain { text.parse::<u32>().ok() } else { None }
        };
        let edge_bits = number(edge_bits).ok_or_else(unknown)?;
        let lanes = lanes.map_or(Some(LANES_DEFAULT), number).ok_or_else(unknown)?;
        let checked = Core::new(Variant::Cuckaroo, Sip::TwoFour, edge_bits, lanes);
        checked.map_err(|fault| TrimmerSelectorError::Core { text: text.to_owned(), fault })?;
        Ok(TrimmerSelector::Simulated { edge_bits, lanes })
    }
}

impl fmt::Display for TrimmerSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrimmerSelector::Cpu => f.write_str("cpu"),
            TrimmerSelector::Simulated { edge_bits, lanes } => {
                write!(f, "sim:{TRIMMER_PREFIX}{edge_bits}")?;
                if *lanes == LANES_DEFAULT { Ok(()) } else { write!(f, ":{lanes}") }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Selector, SelectorError};

    #[test]
    fn every_form_has_an_example_that_parses_to_itself() {
        for form in TRIMMER_SELECTOR_FORMS {
            assert_eq!(form.example.parse::<TrimmerSelector>().unwrap().to_string(), form.example);
        }
    }

    #[test]
    fn what_names_no_core_is_refused() {
        for text in ["", "gpu", "sim:", "sim:8x8", "sim:cuckoo-", "sim:cuckoo-+9", "sim:cuckoo-19:", "cpu:avx2"] {
            let error = text.parse::<TrimmerSelector>().unwrap_err();
            assert!(matches!(error, TrimmerSelectorError::Unknown { .. }), "{text}: {error}");
        }
        for (text, parameter) in
            [("sim:cuckoo-9", "edge_bits"), ("sim:cuckoo-33", "edge_bits"), ("sim:cuckoo-19:3", "lanes")]
        {
            let TrimmerSelectorError::Core { fault, .. } = text.parse::<TrimmerSelector>().unwrap_err() else {
                panic!("{text}")
            };
            assert_eq!(fault.parameter, parameter);
        }
    }

    #[test]
    fn a_core_is_no_device_for_models() {
        assert!(matches!("sim:cuckoo-19".parse::<Selector>(), Err(SelectorError::Trimmer { .. })));
    }
}
