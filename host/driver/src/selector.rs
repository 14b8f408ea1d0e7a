//! The one way to name a device, on the command line and in programs.
//!
//! ```text
//! sim:<rows>x<columns>[:int6|int8]    a cell simulated cycle by cycle; int8 unless stated
//! cpu[:<path>]                        this machine's processor, with the fastest kernels it has or those named
//! golden                              the reference model, no hardware
//! ```

use std::fmt;
use std::str::FromStr;

use myelin_cpu::Path;

use crate::trimmer_selector::TRIMMER_PREFIX;
use myelin_isa::{Architecture, ArchitectureError, Precision};

/// Which device.
///
/// Parsing and [`fmt::Display`] are inverses up to the default precision, which is not written.
///
/// ```
/// use myelin_driver::Selector;
///
/// let selector: Selector = "sim:12x10:int6".parse()?;
/// assert_eq!(selector.to_string(), "sim:12x10:int6");
/// assert_eq!("sim:16x16:int8".parse::<Selector>()?.to_string(), "sim:16x16");
/// # Ok::<(), myelin_driver::SelectorError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Selector {
    /// A tensor cell of these parameters, simulated.
    SimulatedCell(Architecture),
    /// The processor, with the kernels of this path or the fastest it has.
    Cpu(Option<Path>),
    /// The golden model.
    Golden,
}

/// A form of selector that works, for lists and messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SelectorForm {
    /// How it is written.
    pub form: &'static str,
    /// One that can be typed as it is.
    pub example: &'static str,
    /// What it opens.
    pub meaning: &'static str,
}

/// Every form of selector that works in this version.
pub const SELECTOR_FORMS: [SelectorForm; 3] = [
    SelectorForm {
        form: "sim:<rows>x<columns>[:int6|int8]",
        example: "sim:16x16",
        meaning: "tensor cell simulated cycle by cycle, 4 to 32 rows and columns",
    },
    SelectorForm {
        form: "cpu[:<path>]",
        example: "cpu",
        meaning: "this processor, exact and fast; a path as in cpu:avx2 forces its kernels",
    },
    SelectorForm { form: "golden", example: "golden", meaning: "reference model, no hardware and no cycles" },
];

/// Kinds that the design has and this version does not.
const LATER: [&str; 4] = ["xdma", "vfio", "tty", "usb"];

/// Why a text is no selector.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SelectorError {
    /// The word before the colon is not a kind of device.
    #[error("device {text:?}: no kind of device is called {kind:?}, expected {}", forms())]
    UnknownKind {
        /// The whole text.
        text: String,
        /// The word before the colon.
        kind: String,
    },
    /// A kind of device that this version cannot open.
    #[error("device {text:?}: {kind} devices are not supported in this version, expected {}", forms())]
    NotSupported {
        /// The whole text.
        text: String,
        /// The kind.
        kind: &'static str,
    },
    /// Something follows where nothing may.
    #[error("device {text:?}: {kind} takes no parameters, found {found:?}")]
    UnexpectedParameter {
        /// The whole text.
        text: String,
        /// The kind.
        kind: &'static str,
        /// What follows.
        found: String,
    },
    /// The size is not two numbers.
    #[error("device {text:?}: size is {found:?}, expected <rows>x<columns> as in 16x16")]
    Size {
        /// The whole text.
        text: String,
        /// What stands there.
        found: String,
    },
    /// It trims graphs and cannot infer.
    #[error("device {text:?}: an edge-trimming core runs no models, expected {}", forms())]
    Trimmer {
        /// The whole text.
        text: String,
    },
    /// The precision is not one there is.
    #[error("device {text:?}: precision is {found:?}, expected int6 or int8")]
    Precision {
        /// The whole text.
        text: String,
        /// What stands there.
        found: String,
    },
    /// The kernels are not ones there are.
    #[error("device {text:?}: path is {found:?}, expected {}", Path::ALL.map(Path::name).join(", "))]
    Path {
        /// The whole text.
        text: String,
        /// What stands there.
        found: String,
    },
    /// The size is not one a cell can have.
    // Not a source: the command line's parser prints one message, not a chain.
    #[error("device {text:?}: {fault}")]
    Architecture {
        /// The whole text.
        text: String,
        /// Which parameter and its range.
        fault: ArchitectureError,
    },
}

fn forms() -> String {
    SELECTOR_FORMS.map(|form| form.form).join(" or ")
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Selector, SelectorError> {
        let whole = || text.to_owned();
        let (kind, parameters) = match text.split_once(':') {
            Some((kind, parameters)) => (kind, Some(parameters)),
            None => (text, None),
        };
        if let Some(kind) = LATER.into_iter().find(|&later| later == kind) {
            return Err(SelectorError::NotSupported { text: whole(), kind });
        }
        match (kind, parameters) {
            ("golden", None) => Ok(Selector::Golden),
            ("golden", Some(found)) => {
                let found = found.to_owned();
                Err(SelectorError::UnexpectedParameter { text: whole(), kind: "golden", found })
            }
            ("cpu", None) => Ok(Selector::Cpu(None)),
            ("cpu", Some(found)) => match found.parse() {
                Ok(path) => Ok(Selector::Cpu(Some(path))),
                Err(_) => Err(SelectorError::Path { text: whole(), found: found.to_owned() }),
            },
            ("sim", Some(parameters)) if parameters.starts_with(TRIMMER_PREFIX) => {
                Err(SelectorError::Trimmer { text: whole() })
            }
            ("sim", parameters) => {
                let (size, precision) = match parameters.unwrap_or("").split_once(':') {
                    Some((size, precision)) => (size, Some(precision)),
                    None => (parameters.unwrap_or(""), None),
                };
                let (rows, columns) =
                    parse_size(size).ok_or_else(|| SelectorError::Size { text: whole(), found: size.to_owned() })?;
                let precision = match precision {
                    None => Precision::Int8,
                    Some(word) => parse_precision(word)
                        .ok_or_else(|| SelectorError::Precision { text: whole(), found: word.to_owned() })?,
                };
                let architecture = Architecture::new(rows, columns, precision);
                let architecture =
                    architecture.map_err(|fault| SelectorError::Architecture { text: whole(), fault })?;
                Ok(Selector::SimulatedCell(architecture))
            }
            _ => Err(SelectorError::UnknownKind { text: whole(), kind: kind.to_owned() }),
        }
    }
}

/// Rows and columns of `<rows>x<columns>`, unchecked; `None` if the text is anything else.
///
/// ```
/// assert_eq!(myelin_driver::parse_size("12x10"), Some((12, 10)));
/// assert_eq!(myelin_driver::parse_size("12 x 10"), None);
/// ```
pub fn parse_size(text: &str) -> Option<(u32, u32)> {
    let (rows, columns) = text.split_once('x')?;
    // `parse` would take a sign.
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    Some((number(rows)?, number(columns)?))
}

/// The precision called `int6` or `int8`.
pub fn parse_precision(text: &str) -> Option<Precision> {
    [Precision::Int6, Precision::Int8].into_iter().find(|precision| precision.to_string() == text)
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Selector::Golden => f.write_str("golden"),
            Selector::Cpu(None) => f.write_str("cpu"),
            Selector::Cpu(Some(path)) => write!(f, "cpu:{path}"),
            Selector::SimulatedCell(cell) => {
                write!(f, "sim:{}x{}", cell.rows(), cell.columns())?;
                match cell.precision() {
                    Precision::Int8 => Ok(()),
                    other => write!(f, ":{other}"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> SelectorError {
        text.parse::<Selector>().unwrap_err()
    }

    #[test]
    fn every_documented_form_has_an_example_that_parses_to_itself() {
        for form in SELECTOR_FORMS {
            assert_eq!(form.example.parse::<Selector>().unwrap().to_string(), form.example);
        }
    }

    #[test]
    fn sizes_and_precisions_are_kept() {
        for (text, rows, columns, precision) in [
            ("sim:4x32", 4, 32, Precision::Int8),
            ("sim:12x10:int6", 12, 10, Precision::Int6),
            ("sim:8x8:int8", 8, 8, Precision::Int8),
        ] {
            let expected = Architecture::new(rows, columns, precision).unwrap();
            assert_eq!(text.parse(), Ok(Selector::SimulatedCell(expected)));
        }
    }

    #[test]
    fn an_unknown_kind_is_answered_with_what_exists() {
        let message = error("fpga0").to_string();
        assert!(message.contains("\"fpga0\""), "{message}");
        for form in SELECTOR_FORMS {
            assert!(message.contains(form.form), "{message}");
        }
        assert!(matches!(error(""), SelectorError::UnknownKind { .. }));
        assert!(matches!(error("SIM:8x8"), SelectorError::UnknownKind { .. }));
    }

    #[test]
    fn kinds_of_later_versions_are_refused_as_such() {
        for text in ["xdma:0000:01:00.0", "vfio:0000:01:00.0", "tty:/dev/ttyACM0", "usb:1d50:615c:7"] {
            let kind = text.split(':').next().unwrap();
            assert_eq!(
                error(text),
                SelectorError::NotSupported {
                    text: text.to_owned(),
                    kind: LATER.into_iter().find(|k| *k == kind).unwrap()
                }
            );
            assert!(error(text).to_string().contains("not supported in this version"));
        }
    }

    #[test]
    fn every_path_of_the_processor_can_be_named() {
        assert_eq!("cpu".parse(), Ok(Selector::Cpu(None)));
        for path in Path::ALL {
            let text = format!("cpu:{path}");
            assert_eq!(text.parse(), Ok(Selector::Cpu(Some(path))));
            assert_eq!(Selector::Cpu(Some(path)).to_string(), text);
        }
        for text in ["cpu:", "cpu:sse9", "cpu:avx2:2"] {
            assert!(matches!(error(text), SelectorError::Path { .. }), "{text}");
            assert!(error(text).to_string().contains("avx512-vnni"), "{}", error(text));
        }
    }

    #[test]
    fn malformed_parameters_are_named() {
        for text in
            ["sim", "sim:", "sim:8", "sim:8x", "sim:x8", "sim:+8x8", "sim:8X8", "sim:8x8x8", "sim:99999999999x8"]
        {
            assert!(matches!(error(text), SelectorError::Size { .. }), "{text}: {:?}", error(text));
        }
        for text in ["sim:8x8:", "sim:8x8:int7", "sim:8x8:int8:int8"] {
            assert!(matches!(error(text), SelectorError::Precision { .. }), "{text}");
        }
        assert!(matches!(error("golden:"), SelectorError::UnexpectedParameter { .. }));
        for (text, parameter) in [("sim:3x8", "rows"), ("sim:8x33", "columns"), ("sim:0x0", "rows")] {
            let SelectorError::Architecture { fault, .. } = error(text) else { panic!("{text}") };
            assert_eq!(fault.parameter, parameter);
        }
    }
}
