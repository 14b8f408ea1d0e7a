//! How commands end: exit codes, messages, advice.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use myelin_bitstream::BitstreamError;
use myelin_compile::CompileError;
use myelin_driver::{DriverError, LinkError, StickError};
use myelin_graph::import::ImportError;
use myelin_graph::npy::NpyError;
use myelin_infer::service::ServeError;
use myelin_infer::verify::VerifyError;
use myelin_pow::MineError;
use myelin_programs::ProgramError;
use myelin_sim::SimError;

/// The exit codes, as `myelin --help` documents them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Ran, and the answer is no.
    No = 1,
    /// The command line is wrong.
    Usage = 2,
    /// A file cannot be read or is not what it should be.
    Input = 3,
    /// The device cannot run this model.
    Unsupported = 4,
    /// The device failed.
    Device = 5,
    /// A file cannot be written.
    Output = 6,
    /// An address cannot be listened on, a package cannot be fetched.
    Network = 7,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// The answer of a command that ran.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// As it should be.
    Yes,
    /// It ran, and the answer is no.
    No,
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> ExitCode {
        match verdict {
            Verdict::Yes => Exit::Done.into(),
            Verdict::No => Exit::No.into(),
        }
    }
}

/// Why a command could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A file cannot be read.
    #[error("read {}", path.display())]
    ReadFile {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A path is no regular file.
    #[error("read {}: is not a regular file", path.display())]
    NotAFile {
        /// Which.
        path: PathBuf,
    },
    /// A path is no folder.
    #[error("open {}: is not a folder", path.display())]
    NotAFolder {
        /// Which.
        path: PathBuf,
    },
    /// A file is longer than allowed.
    #[error("read {}: {found} bytes, the limit is {max}", path.display())]
    FileTooLarge {
        /// Which.
        path: PathBuf,
        /// Its length.
        found: u64,
        /// The longest allowed.
        max: u64,
    },
    /// A model is not what the chain's format says.
    #[error("import model {}", path.display())]
    Model {
        /// Its folder.
        path: PathBuf,
        /// Where and why.
        source: ImportError,
    },
    /// The golden model refuses what the import took.
    #[error("read model {} into the golden model", path.display())]
    GoldenModel {
        /// Its folder.
        path: PathBuf,
        /// Why.
        source: Box<myelin_golden::Error>,
    },
    /// An array file is not one.
    #[error("read array {}", path.display())]
    Array {
        /// Which.
        path: PathBuf,
        /// Why.
        source: NpyError,
    },
    /// An array has another shape than the model takes.
    #[error("read input {}: shape {found:?}, expected {expected:?} or a batch of them", path.display())]
    InputShape {
        /// Which.
        path: PathBuf,
        /// Its shape.
        found: Vec<usize>,
        /// The model's input shape.
        expected: Vec<usize>,
    },
    /// An array has an element beyond 32 bits.
    #[error("read input {}: element {position} is {value}, beyond 32 bits", path.display())]
    InputValue {
        /// Which.
        path: PathBuf,
        /// Row-major position.
        position: usize,
        /// The element.
        value: i64,
    },
    /// The index is beyond the batch.
    #[error("pick input {index}: there are {count}, counted from 0")]
    Index {
        /// Asked for.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// A sweep of too many designs.
    #[error("explore more than {max} designs")]
    TooManyPoints {
        /// Most there may be.
        max: usize,
    },
    /// Waves of what has none.
    #[error("write waves of device {selector}: it is not simulated")]
    NoWaves {
        /// The device.
        selector: String,
    },
    /// A scope that does not exist, or a design that cannot be simulated here.
    #[error("simulate {selector}")]
    Simulation {
        /// The device.
        selector: String,
        /// Why.
        source: Box<SimError>,
    },
    /// No stick where one was named.
    #[error("open a stick")]
    Stick(#[from] StickError),
    /// A stick that does not do what it is asked.
    #[error("talk to a stick")]
    Link(#[from] LinkError),
    /// A bitstream that cannot be made, or does not fit.
    #[error("bitstream")]
    Bitstream(#[from] BitstreamError),
    /// Another program that is not there, or failed.
    #[error("use another program")]
    Program(#[from] ProgramError),
    /// The cell cannot run the model.
    #[error("compile {model} for {selector}")]
    Compile {
        /// The model.
        model: String,
        /// The device.
        selector: String,
        /// Which layer and why.
        source: Box<CompileError>,
    },
    /// The device failed.
    #[error(transparent)]
    Device(Box<DriverError>),
    /// The device is no hardware that a node could use.
    #[error("serve on {selector}: it is the reference, not a device")]
    NotForNodes {
        /// The device.
        selector: String,
    },
    /// The service cannot run.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// A list of recorded answers cannot be gone through.
    #[error("verify")]
    Verify(#[from] VerifyError),
    /// A benchmark's engines do not agree.
    #[error("bench {network}: {path} answers otherwise than {reference}")]
    Disagreement {
        /// What was run.
        network: String,
        /// The engine that differs.
        path: String,
        /// The engine it was held against.
        reference: String,
    },
    /// A peer cannot be installed or run.
    #[error("{step}: {reason}")]
    Peer {
        /// What was attempted.
        step: &'static str,
        /// What was said.
        reason: String,
    },
    /// The device is for other graphs.
    #[error("trim on {selector}: {reason}")]
    OtherGraph {
        /// The device.
        selector: String,
        /// What does not fit.
        reason: String,
    },
    /// A graph cannot be solved.
    #[error(transparent)]
    Cuckoo(#[from] myelin_cuckoo::Error),
    /// There is no mining.
    #[error(transparent)]
    Mine(#[from] MineError),
    /// A stick has one cell.
    #[error("{target} has {cells} cells, a stick has one")]
    SeveralCells {
        /// What was asked for.
        target: String,
        /// Its cells.
        cells: u32,
    },
    /// Only sticks have firmware.
    #[error("{selector} is no stick")]
    NotAStick {
        /// What was asked for.
        selector: String,
    },
    /// There is no firmware for a board.
    #[error("update the firmware of {board}: this program has none for it")]
    NoFirmware {
        /// The stick's board.
        board: &'static str,
    },
    /// Firmware of another board.
    #[error("update the firmware of {board}: the image is that of {found}")]
    OtherFirmware {
        /// The stick's board.
        board: &'static str,
        /// The image's.
        found: &'static str,
    },
    /// A file cannot be written.
    #[error("write {}", path.display())]
    WriteFile {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Standard output cannot be written.
    #[error("write standard output")]
    StandardOutput(#[from] io::Error),
}

impl From<DriverError> for Failure {
    fn from(error: DriverError) -> Failure {
        Failure::Device(Box::new(error))
    }
}

impl Failure {
    /// The exit code of its class.
    pub fn exit(&self) -> Exit {
        use Failure::*;
        match self {
            TooManyPoints { .. }
            | SeveralCells { .. }
            | NotAStick { .. }
            | Index { .. }
            | NoWaves { .. }
            | NotForNodes { .. }
            | OtherGraph { .. } => Exit::Usage,
            // Only a scope can be asked for that does not exist.
            Simulation { source, .. } if matches!(**source, SimError::NotFound { .. }) => Exit::Usage,
            ReadFile { .. } | NotAFile { .. } | NotAFolder { .. } | FileTooLarge { .. } | Verify(_) => Exit::Input,
            Model { .. } | GoldenModel { .. } => Exit::Input,
            Array { .. } | InputShape { .. } | InputValue { .. } => Exit::Input,
            Compile { .. } | NoFirmware { .. } => Exit::Unsupported,
            OtherFirmware { .. } => Exit::Input,
            Device(error) if error.is_input() => Exit::Input,
            // A path that this machine lacks.
            Device(error) if error.is_unsupported() => Exit::Unsupported,
            Program(ProgramError::Missing { .. })
            | Bitstream(BitstreamError::Program(ProgramError::Missing { .. })) => Exit::Unsupported,
            Bitstream(BitstreamError::Manifest { .. } | BitstreamError::Mismatch { .. }) => Exit::Input,
            Bitstream(BitstreamError::File { .. }) => Exit::Input,
            Simulation { .. } | Bitstream(_) | Program(_) | Device(_) | Stick(_) | Link(_) | Disagreement { .. } => {
                Exit::Device
            }
            Mine(MineError::NoEndpoint | MineError::NoDevice | MineError::Mixed { .. }) => Exit::Usage,
            Mine(MineError::Certificates { .. }) => Exit::Input,
            Cuckoo(myelin_cuckoo::Error::ProofSize { .. } | myelin_cuckoo::Error::EdgeBits { .. }) => Exit::Usage,
            Serve(_) | Mine(_) | Peer { .. } => Exit::Network,
            Cuckoo(myelin_cuckoo::Error::Memory { .. }) => Exit::Unsupported,
            Cuckoo(_) => Exit::Device,
            WriteFile { .. } | StandardOutput(_) => Exit::Output,
        }
    }

    /// A stable word for scripts and searches.
    pub fn code(&self) -> &'static str {
        use Failure::*;
        match self {
            ReadFile { .. } => "read-file",
            NotAFile { .. } => "not-a-file",
            NotAFolder { .. } => "not-a-folder",
            FileTooLarge { .. } => "file-too-large",
            Model { .. } => "model",
            GoldenModel { .. } => "golden-model",
            Array { .. } => "array",
            InputShape { .. } => "input-shape",
            InputValue { .. } => "input-value",
            Index { .. } => "index",
            TooManyPoints { .. } => "too-many-points",
            SeveralCells { .. } => "several-cells",
            NotAStick { .. } => "not-a-stick",
            NoFirmware { .. } => "no-firmware",
            OtherFirmware { .. } => "other-firmware",
            NoWaves { .. } => "no-waves",
            Simulation { .. } => "simulation",
            Compile { .. } => "compile",
            Stick(_) => "stick",
            Bitstream(_) => "bitstream",
            Program(_) => "program",
            Link(_) => "link",
            Device(_) => "device",
            NotForNodes { .. } => "not-for-nodes",
            Serve(_) => "serve",
            Verify(_) => "verify",
            Disagreement { .. } => "disagreement",
            Peer { .. } => "peer",
            OtherGraph { .. } => "other-graph",
            Cuckoo(_) => "cuckoo",
            Mine(_) => "mine",
            WriteFile { .. } => "write-file",
            StandardOutput(_) => "standard-output",
        }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        use Failure::*;
        Some(match self {
            ReadFile { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                "paths are relative to the present folder; a model is a folder with `symbol` and `params`".to_owned()
            }
            ReadFile { .. } | FileTooLarge { .. } => return None,
            NotAFile { .. } => "give the file itself".to_owned(),
            NotAFolder { .. } => "give the node's storage folder, as ~/.cortex/storage".to_owned(),
            NotForNodes { .. } => {
                "`myelin devices` lists the others; cpu is as exact and thousands of times faster".to_owned()
            }
            Serve(ServeError::Listen { .. }) | Mine(MineError::Listen { .. }) => {
                "another process may have the port: --listen 127.0.0.1:0 takes a free one".to_owned()
            }
            Serve(_) => return None,
            Verify(VerifyError::File { .. }) => "paths in a list are relative to the list's folder".to_owned(),
            Verify(_) => "`myelin verify --help` shows what a record is".to_owned(),
            Disagreement { .. } => "this is a bug: please report it with the processor's name".to_owned(),
            Peer { .. } => {
                "the comparison needs python3 with venv and, once, PyPI; without --against it is left out".to_owned()
            }
            Model { .. } | GoldenModel { .. } => {
                "a model is a folder with `symbol` (JSON) and `params` (binary) in the format of cvm-runtime; \
                 compare with models/digits_int8, and copy the files again in case they were cut short"
                    .to_owned()
            }
            Array { .. } => "save it as numpy.save(file, array.astype('int8'))".to_owned(),
            InputShape { expected, .. } => format!("reshape it in NumPy: array.reshape({expected:?})"),
            InputValue { .. } => "inputs are integers of at most 32 bits, already quantised".to_owned(),
            Index { count, .. } => format!("--index takes 0 to {}", count.saturating_sub(1)),
            TooManyPoints { .. } => "sweep fewer parameters, or fewer values of each".to_owned(),
            SeveralCells { .. } => "--target stick-ecp5, or custom,rows=8,columns=8".to_owned(),
            NotAStick { .. } => {
                "tty:/dev/ttyUSB0, or usb:0403:6015; `myelin devices` lists what is plugged in".to_owned()
            }
            NoFirmware { .. } => "--image names a file, as bitstreams/firmware/stick-ecp5.bin".to_owned(),
            OtherFirmware { .. } => "without --image the stick is given its own".to_owned(),
            NoWaves { .. } => "waves need a simulated cell: --device sim:16x16".to_owned(),
            Simulation { source, .. } if matches!(**source, SimError::NotFound { .. }) => {
                "scopes are instance paths that begin with the top, as tensor_cell.sequencer".to_owned()
            }
            Simulation { .. } => return None,
            Compile { source, .. } => source.hint().unwrap_or("`--device cpu` runs every model").to_owned(),
            Link(error) if error.is_transient() => "the same command may succeed when run again".to_owned(),
            Link(_) => return None,
            Program(ProgramError::Missing { .. })
            | Bitstream(BitstreamError::Program(ProgramError::Missing { .. })) => {
                "`myelin doctor` lists the tools, `myelin bitstream setup` installs those that make bitstreams"
                    .to_owned()
            }
            Bitstream(BitstreamError::Timing { .. }) => "a slower clock or a smaller array would do".to_owned(),
            Bitstream(BitstreamError::Mismatch { .. }) => {
                "build it again: `myelin bitstream build`; the firmware inside is part of it (--firmware)".to_owned()
            }
            Bitstream(_) | Program(_) => return None,
            Stick(StickError::NoStick { .. }) => {
                "`myelin doctor` says what is plugged in, `myelin flash` puts a bitstream on a board".to_owned()
            }
            Stick(_) => "`myelin doctor` says what is plugged in and what this user may open".to_owned(),
            Device(error) if error.is_transient() => "the same command may succeed when run again".to_owned(),
            Device(error) if error.is_unsupported() => "`--device cpu` takes the fastest there is".to_owned(),
            Device(_) => return None,
            OtherGraph { .. } => "`--device cpu` takes every graph".to_owned(),
            Cuckoo(myelin_cuckoo::Error::Memory { needed, .. }) => {
                format!("--memory {}M is enough, or fewer threads, or --algorithm auto", needed.div_ceil(1 << 20))
            }
            Cuckoo(_) => return None,
            Mine(MineError::Mixed { .. }) => {
                "nodes are asked in the Cortex chain's way; a Grin node has a stratum port of its own, for --pool"
                    .to_owned()
            }
            Mine(MineError::Certificates { .. }) => {
                "--tls-ca takes PEM: -----BEGIN CERTIFICATE----- and so on; `openssl x509 -inform der` makes it"
                    .to_owned()
            }
            Mine(_) => return None,
            WriteFile { .. } => "choose a place that can be written to".to_owned(),
            StandardOutput(_) => return None,
        })
    }

    /// Whether it is only that the reader of standard output has gone.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Failure::StandardOutput(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::EXIT_CODES;

    #[test]
    fn every_exit_code_is_documented() {
        use Exit::*;
        for exit in [Done, No, Usage, Input, Unsupported, Device, Output, Network] {
            assert!(EXIT_CODES.contains(&format!("\n  {}  ", exit as u8)), "{exit:?}");
        }
    }

    #[test]
    fn only_a_broken_pipe_on_standard_output_is_a_clean_end() {
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(Failure::StandardOutput(broken()).is_closed_pipe());
        assert!(!Failure::StandardOutput(io::ErrorKind::StorageFull.into()).is_closed_pipe());
        assert!(!Failure::WriteFile { path: "x".into(), source: broken() }.is_closed_pipe());
    }
}
