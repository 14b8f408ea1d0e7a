//! A serial port as a wire.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use serialport::{DataBits, ErrorKind, FlowControl, Parity, SerialPort, StopBits, TTYPort};

use super::discovery::{UsbId, find};
use super::wire::{Wire, WireError};

/// The line rate of sticks in bits per second: the most that an FT231X does.
pub const BAUD: u32 = 3_000_000;

/// Which serial port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Port {
    /// By the path of its device, as `/dev/ttyUSB0`.
    Path(PathBuf),
    /// By its USB identity, wherever it is plugged in.
    Usb(UsbId),
}

/// Why a port cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is not there.
    #[error("{}: no such serial port", path.display())]
    NotFound {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// No port on this machine has the identity.
    #[error("no stick with USB identity {id} is plugged in")]
    NoSuchStick {
        /// What was looked for.
        id: UsbId,
    },
    /// Several have it.
    #[error("{} sticks have USB identity {id}: add a serial number ({})", serials.len(), serials.join(", "))]
    Ambiguous {
        /// What was looked for.
        id: UsbId,
        /// Their serial numbers.
        serials: Vec<String>,
    },
    /// This user may not.
    #[error("{}: permission denied; {UDEV_HINT}", path.display())]
    Permission {
        /// The port.
        path: PathBuf,
    },
    /// Somebody else has it open.
    #[error("{}: another process uses it", path.display())]
    Busy {
        /// The port.
        path: PathBuf,
    },
    /// As the system says.
    #[error("{}: {fault}", path.display())]
    System {
        /// The port.
        path: PathBuf,
        /// What it says.
        fault: String,
    },
}

/// What to do where access is denied.
pub const UDEV_HINT: &str =
    "install host/driver/udev/70-myelin.rules into /etc/udev/rules.d, or join the group dialout and log in again";

/// An open serial port, this process's alone.
pub struct SerialWire {
    port: Port,
    /// `None` after it was lost.
    tty: Option<TTYPort>,
    path: PathBuf,
}

impl SerialWire {
    /// Opens a port at [`BAUD`], 8 data bits, no parity, one stop bit, no flow control.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(port: Port) -> Result<SerialWire, OpenError> {
        let mut wire = SerialWire { port, tty: None, path: PathBuf::new() };
        wire.reopen()?;
        Ok(wire)
    }

    /// Where it is at the moment.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn fd(&self) -> Result<BorrowedFd<'_>, WireError> {
        let tty = self.tty.as_ref().ok_or(WireError::Gone)?;
        // SAFETY: the descriptor is open as long as `tty` lives, which is borrowed with the answer.
        Ok(unsafe { BorrowedFd::borrow_raw(tty.as_raw_fd()) })
    }

    /// Whether `wanted` is possible before `deadline`.
    fn is_ready(&self, wanted: PollFlags, deadline: Instant) -> Result<bool, WireError> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut fds = [PollFd::from_borrowed_fd(self.fd()?, wanted)];
            match poll(&mut fds, Some(&timespec(left))) {
                Ok(0) => return Ok(false),
                Ok(_) => {
                    let found = fds[0].revents();
                    // Bytes that came before it was pulled are still there to be read.
                    if found.intersects(wanted) {
                        return Ok(true);
                    }
                    return Err(WireError::Gone);
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(std::io::Error::from(error).into()),
            }
        }
    }

    /// Repeats a transfer until it moves something, fails, or `deadline` is over.
    fn transfer(
        &mut self,
        wanted: PollFlags,
        deadline: Instant,
        mut transfer: impl FnMut(BorrowedFd<'_>) -> Result<usize, Errno>,
    ) -> Result<usize, WireError> {
        let done = loop {
            match self.is_ready(wanted, deadline) {
                Ok(true) => {}
                Ok(false) => break Ok(0),
                Err(error) => break Err(error),
            }
            match transfer(self.fd()?) {
                // End of file: the other side has hung up.
                Ok(0) => break Err(WireError::Gone),
                Ok(count) => break Ok(count),
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(error) => break Err(std::io::Error::from(error).into()),
            }
        };
        if matches!(done, Err(WireError::Gone)) {
            // Closed at once: the system gives the path to the next one only then.
            self.tty = None;
        }
        done
    }
}

impl Wire for SerialWire {
    fn send(&mut self, bytes: &[u8], deadline: Instant) -> Result<usize, WireError> {
        if bytes.is_empty() {
            return Ok(0);
        }
        self.transfer(PollFlags::OUT, deadline, |fd| rustix::io::write(fd, bytes))
    }

    fn receive(&mut self, buffer: &mut [u8], deadline: Instant) -> Result<usize, WireError> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.transfer(PollFlags::IN, deadline, |fd| rustix::io::read(fd, &mut *buffer))
    }

    fn reopen(&mut self) -> Result<(), OpenError> {
        self.tty = None;
        self.path = match &self.port {
            Port::Path(path) => path.clone(),
            Port::Usb(id) => find(id)?.path,
        };
        self.tty = Some(open(&self.path)?);
        Ok(())
    }
}

fn open(path: &Path) -> Result<TTYPort, OpenError> {
    let settings = serialport::new(path.to_string_lossy(), BAUD)
        .data_bits(DataBits::Eight)
        .parity(Parity::None)
        .stop_bits(StopBits::One)
        .flow_control(FlowControl::None);
    let system = |fault: String| OpenError::System { path: path.to_owned(), fault };
    let mut tty = settings.open_native().map_err(|error| match error.kind() {
        ErrorKind::Io(std::io::ErrorKind::PermissionDenied) => OpenError::Permission { path: path.to_owned() },
        ErrorKind::Io(std::io::ErrorKind::NotFound) => OpenError::NotFound { path: path.to_owned() },
        // The crate has one kind for what is not there and for what is taken.
        ErrorKind::NoDevice if path.exists() => OpenError::Busy { path: path.to_owned() },
        ErrorKind::NoDevice => OpenError::NotFound { path: path.to_owned() },
        _ => system(error.description.clone()),
    })?;
    // Writes of the crate's own wait for ever once the buffer is full; ours must not.
    // SAFETY: the descriptor is open as long as `tty` lives.
    let fd = unsafe { BorrowedFd::borrow_raw(tty.as_raw_fd()) };
    let flags = rustix::fs::fcntl_getfl(fd).map_err(|error| system(error.to_string()))?;
    let flags = flags | rustix::fs::OFlags::NONBLOCK;
    rustix::fs::fcntl_setfl(fd, flags).map_err(|error| system(error.to_string()))?;
    // A pseudo terminal has no such line.
    let _ = tty.write_data_terminal_ready(true);
    Ok(tty)
}

fn timespec(duration: Duration) -> Timespec {
    // Rounded up, so that a wait is never a busy loop of short ones.
    let duration = duration.min(Duration::from_secs(3600)) + Duration::from_micros(1);
    Timespec { tv_sec: duration.as_secs().cast_signed(), tv_nsec: i64::from(duration.subsec_nanos()) }
}
