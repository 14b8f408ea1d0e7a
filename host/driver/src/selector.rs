//! The one way to name a device, on the command line and in programs.
//!
//! ```text
//! sim:[<cells>x]<rows>x<columns>[:int6|int8]    cells simulated cycle by cycle; one, and int8, unless stated
//! sim:<target>[,<parameter>=<value>]...         a target (`myelin_compile::Target`), as sim:card-u50, simulated likewise
//! cpu[:<path>]                                  this machine's processor, with the fastest kernels it has or those named
//! golden                                        the reference model, no hardware
//! tty:<path>                                    a stick on a serial port, as tty:/dev/ttyUSB0
//! usb:<vendor>:<product>[:<serial>]             a stick by its USB identity, wherever it is plugged in
//! ```

use std::fmt;
use std::str::FromStr;

use myelin_compile::memory::MemoryModel;
use myelin_compile::{Target, TargetError};
use myelin_cpu::Path;
use myelin_isa::{Architecture, ArchitectureError, Precision};

use crate::stick::{Port, UsbIdError};

use crate::trimmer_selector::TRIMMER_PREFIX;

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
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Selector {
    /// Tensor cells and their memory, simulated.
    Simulated(Target),
    /// The processor, with the kernels of this path or the fastest it has.
    Cpu(Option<Path>),
    /// The golden model.
    Golden,
    /// A stick on this serial port.
    Stick(Port),
}

impl Selector {
    /// Cells of these parameters, simulated with ideal memory; the clock is of no consequence.
    pub fn simulated(architecture: Architecture) -> Selector {
        Selector::Simulated(Target { architecture, clock_mhz: 100, memory: MemoryModel::IDEAL })
    }
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
pub const SELECTOR_FORMS: [SelectorForm; 6] = [
    SelectorForm {
        form: "sim:[<cells>x]<rows>x<columns>[:int6|int8]",
        example: "sim:16x16",
        meaning: "tensor cells simulated cycle by cycle, 4 to 32 rows and columns, with ideal memory",
    },
    SelectorForm {
        form: "sim:<target>[,<parameter>=<value>]...",
        example: "sim:stick-ecp5",
        meaning: "card or stick simulated cycle by cycle, with its memory",
    },
    SelectorForm {
        form: "cpu[:<path>]",
        example: "cpu",
        meaning: "this processor, exact and fast; a path as in cpu:avx2 forces its kernels",
    },
    SelectorForm { form: "golden", example: "golden", meaning: "reference model, no hardware and no cycles" },
    SelectorForm { form: "tty:<path>", example: "tty:/dev/ttyUSB0", meaning: "stick on a serial port" },
    SelectorForm {
        form: "usb:<vendor>:<product>[:<serial>]",
        example: "usb:0403:6015",
        meaning: "stick by its USB identity, wherever it is plugged in",
    },
];

/// Kinds that the design has and this version does not.
const LATER: [&str; 2] = ["xdma", "vfio"];

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
    /// No path follows.
    #[error("device {text:?}: expected the path of a serial port, as in tty:/dev/ttyUSB0")]
    SerialPort {
        /// The whole text.
        text: String,
    },
    /// What follows is no USB identity.
    #[error("device {text:?}: {fault}")]
    Usb {
        /// The whole text.
        text: String,
        /// What is wrong with it.
        fault: UsbIdError,
    },
    /// The size is not two or three numbers.
    #[error("device {text:?}: size is {found:?}, expected [<cells>x]<rows>x<columns> as in 16x16 or 4x16x16")]
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
    /// The target is not one there is.
    #[error("device {text:?}: {fault}")]
    Target {
        /// The whole text.
        text: String,
        /// What is wrong with it.
        fault: TargetError,
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
            ("sim", parameters) => parse_simulated(text, parameters.unwrap_or("")),
            ("tty", Some(path)) if !path.is_empty() => Ok(Selector::Stick(Port::Path(path.into()))),
            ("tty", _) => Err(SelectorError::SerialPort { text: whole() }),
            ("usb", id) => match id.unwrap_or("").parse() {
                Ok(id) => Ok(Selector::Stick(Port::Usb(id))),
                Err(fault) => Err(SelectorError::Usb { text: whole(), fault }),
            },
            _ => Err(SelectorError::UnknownKind { text: whole(), kind: kind.to_owned() }),
        }
    }
}

/// What follows `sim:`.
fn parse_simulated(text: &str, parameters: &str) -> Result<Selector, SelectorError> {
    let whole = || text.to_owned();
    // A size without its first number is still meant as one.
    if parameters.starts_with(|first: char| first.is_ascii_lowercase() && first != 'x') {
        let target = parameters.parse().map_err(|fault| SelectorError::Target { text: whole(), fault })?;
        return Ok(Selector::Simulated(target));
    }
    let (size, precision) = match parameters.split_once(':') {
        Some((size, precision)) => (size, Some(precision)),
        None => (parameters, None),
    };
    let wrong_size = || SelectorError::Size { text: whole(), found: size.to_owned() };
    let (cells, sides) = match size.split('x').count() {
        3 => size.split_once('x').ok_or_else(wrong_size)?,
        _ => ("1", size),
    };
    let (rows, columns) = parse_size(sides).ok_or_else(wrong_size)?;
    let cells = parse_number(cells).ok_or_else(wrong_size)?;
    let precision = match precision {
        None => Precision::Int8,
        Some(word) => {
            parse_precision(word).ok_or_else(|| SelectorError::Precision { text: whole(), found: word.to_owned() })?
        }
    };
    let architecture = Architecture::new(rows, columns, precision).and_then(|one| one.with_cells(cells));
    let architecture = architecture.map_err(|fault| SelectorError::Architecture { text: whole(), fault })?;
    Ok(Selector::simulated(architecture))
}

/// `parse` would take a sign.
fn parse_number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Rows and columns of `<rows>x<columns>`, unchecked; `None` if the text is anything else.
///
/// ```
/// assert_eq!(myelin_driver::parse_size("12x10"), Some((12, 10)));
/// assert_eq!(myelin_driver::parse_size("12 x 10"), None);
/// ```
pub fn parse_size(text: &str) -> Option<(u32, u32)> {
    let (rows, columns) = text.split_once('x')?;
    Some((parse_number(rows)?, parse_number(columns)?))
}

/// The precision called `int6` or `int8`.
pub fn parse_precision(text: &str) -> Option<Precision> {
    [Precision::Int6, Precision::Int8].into_iter().find(|precision| precision.to_string() == text)
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Selector::Golden => f.write_str("golden"),
            Selector::Stick(Port::Path(path)) => write!(f, "tty:{}", path.display()),
            Selector::Stick(Port::Usb(id)) => write!(f, "usb:{id}"),
            Selector::Cpu(None) => f.write_str("cpu"),
            Selector::Cpu(Some(path)) => write!(f, "cpu:{path}"),
            Selector::Simulated(target) => {
                let cell = target.architecture;
                let plain = Architecture::new(cell.rows(), cell.columns(), cell.precision());
                let plain = plain.and_then(|plain| plain.with_cells(cell.cells()));
                if plain.map(Selector::simulated).as_ref() != Ok(self) {
                    return write!(f, "sim:{target}");
                }
                f.write_str("sim:")?;
                if cell.cells() > 1 {
                    write!(f, "{}x", cell.cells())?;
                }
                write!(f, "{}x{}", cell.rows(), cell.columns())?;
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
            assert_eq!(text.parse(), Ok(Selector::simulated(expected)));
        }
        let four = Architecture::new(16, 8, Precision::Int6).and_then(|one| one.with_cells(4)).unwrap();
        assert_eq!("sim:4x16x8:int6".parse(), Ok(Selector::simulated(four)));
        assert_eq!(Selector::simulated(four).to_string(), "sim:4x16x8:int6");
    }

    #[test]
    fn targets_are_simulated_by_name_and_parameters() {
        for name in Target::NAMES {
            let text = format!("sim:{name}");
            assert_eq!(text.parse(), Ok(Selector::Simulated(name.parse().unwrap())));
            assert_eq!(text.parse::<Selector>().unwrap().to_string(), text);
        }
        let text = "sim:card-u50,cells=4,memory=108:80:40";
        let selector: Selector = text.parse().unwrap();
        let Selector::Simulated(target) = selector else { panic!("{selector}") };
        assert_eq!((target.architecture.cells(), target.memory.read_latency), (4, 80));
        assert_eq!(selector.to_string().parse(), Ok(selector));
        let wrong = error("sim:card-u50,cells=3");
        assert!(matches!(wrong, SelectorError::Target { .. }), "{wrong:?}");
        assert!(wrong.to_string().contains("cells"), "{wrong}");
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
        for text in ["xdma:0000:01:00.0", "vfio:0000:01:00.0"] {
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
    fn sticks_are_named_by_port_or_identity() {
        for text in ["tty:/dev/pts/7", "tty:stick", "usb:0403:6015", "usb:0403:6010:iB:2"] {
            assert_eq!(text.parse::<Selector>().unwrap().to_string(), text);
        }
        for text in ["tty", "tty:"] {
            assert!(matches!(error(text), SelectorError::SerialPort { .. }), "{text}");
        }
        for text in ["usb", "usb:", "usb:403", "usb:0403:"] {
            assert!(matches!(error(text), SelectorError::Usb { .. }), "{text}");
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
        for text in [
            "sim",
            "sim:",
            "sim:8",
            "sim:8x",
            "sim:x8",
            "sim:+8x8",
            "sim:8X8",
            "sim:2x8x8x8",
            "sim:x8x8",
            "sim:99999999999x8",
        ] {
            assert!(matches!(error(text), SelectorError::Size { .. }), "{text}: {:?}", error(text));
        }
        for text in ["sim:8x8:", "sim:8x8:int7", "sim:8x8:int8:int8"] {
            assert!(matches!(error(text), SelectorError::Precision { .. }), "{text}");
        }
        assert!(matches!(error("golden:"), SelectorError::UnexpectedParameter { .. }));
        for (text, parameter) in
            [("sim:3x8", "rows"), ("sim:8x33", "columns"), ("sim:0x0", "rows"), ("sim:3x8x8", "cells")]
        {
            let SelectorError::Architecture { fault, .. } = error(text) else { panic!("{text}") };
            assert_eq!(fault.parameter, parameter);
        }
    }
}
