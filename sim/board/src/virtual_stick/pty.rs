//! A pseudo terminal as the serial port of a stick that is not there.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

/// The stick's end. When it is dropped, who has the other end open finds the line hung up.
pub(super) struct Pty {
    end: OwnedFd,
    /// Kept open, so that the line is there without a host.
    _other: OwnedFd,
    path: PathBuf,
}

impl Pty {
    /// A new one, in raw mode: every byte passes as it is.
    pub fn open() -> io::Result<Pty> {
        let end = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        grantpt(&end)?;
        unlockpt(&end)?;
        let name = ptsname(&end, Vec::new())?;
        let path = PathBuf::from(name.into_string().map_err(|_| io::Error::other("the terminal's name is not UTF-8"))?);
        let other = rustix::fs::open(&path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
        let mut settings = tcgetattr(&other)?;
        settings.make_raw();
        tcsetattr(&other, OptionalActions::Now, &settings)?;
        fcntl_setfl(&end, fcntl_getfl(&end)? | OFlags::NONBLOCK)?;
        Ok(Pty { end, _other: other, path })
    }

    /// What a host opens.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits up to a millisecond for the host.
    pub fn wait(&self) {
        let mut fds = [PollFd::new(&self.end, PollFlags::IN)];
        // Whatever it answers: the next read tells.
        let _ = poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 1_000_000 }));
    }

    /// What the host has sent; 0 if nothing.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        none_is_zero(rustix::io::read(&self.end, buffer))
    }

    /// Sends what goes; 0 if the host does not read.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        none_is_zero(rustix::io::write(&self.end, bytes))
    }
}

fn none_is_zero(result: Result<usize, Errno>) -> io::Result<usize> {
    match result {
        Ok(count) => Ok(count),
        Err(Errno::AGAIN | Errno::INTR) => Ok(0),
        Err(error) => Err(error.into()),
    }
}
