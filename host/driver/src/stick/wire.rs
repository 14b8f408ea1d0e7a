//! A stream of bytes to a stick and back, with deadlines that hold.

use std::time::Instant;

use super::serial::OpenError;

/// Bytes go in at one end and come out at the other, or do not: the framing above knows.
pub trait Wire: Send {
    /// Sends as much of `bytes` as goes before `deadline`; answers how much went, 0 if nothing did.
    ///
    /// # Errors
    /// [`WireError`]; what was sent then is not known.
    fn send(&mut self, bytes: &[u8], deadline: Instant) -> Result<usize, WireError>;

    /// Waits until `deadline` for bytes and puts what is there into `buffer`; answers how many, 0 if none came.
    ///
    /// # Errors
    /// As [`Wire::send`].
    fn receive(&mut self, buffer: &mut [u8], deadline: Instant) -> Result<usize, WireError>;

    /// Opens the way again after [`WireError::Gone`]: the stick may be plugged in once more, elsewhere.
    ///
    /// # Errors
    /// As it fails.
    fn reopen(&mut self) -> Result<(), OpenError>;
}

/// How a wire fails.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// It was unplugged, or the other side has closed.
    #[error("the stick is unplugged")]
    Gone,
    /// The system reports something else.
    #[error(transparent)]
    System(std::io::Error),
}

impl From<std::io::Error> for WireError {
    /// A serial port that is pulled answers in several ways, according to what it was doing.
    fn from(error: std::io::Error) -> WireError {
        use std::io::ErrorKind::{
            BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, NotFound, UnexpectedEof,
        };
        // EIO: the line has hung up; ENXIO and ENODEV: the device has left.
        let is_gone = matches!(error.raw_os_error(), Some(libc_codes::EIO | libc_codes::ENXIO | libc_codes::ENODEV))
            || matches!(
                error.kind(),
                BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | NotFound | UnexpectedEof
            );
        if is_gone { WireError::Gone } else { WireError::System(error) }
    }
}

/// Numbers that every Unix has in common.
mod libc_codes {
    pub const EIO: i32 = rustix::io::Errno::IO.raw_os_error();
    pub const ENXIO: i32 = rustix::io::Errno::NXIO.raw_os_error();
    pub const ENODEV: i32 = rustix::io::Errno::NODEV.raw_os_error();
}
