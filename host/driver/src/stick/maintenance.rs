//! What a stick tells and is told beside inferences: its faults, what it keeps, its firmware.

use std::time::{Duration, Instant};

use myelin_isa::framing::{Checksum, FaultEntry, ObjectEntry, ObjectName, Reboot, Reply, Request, SoftwareChecksum};

use super::link::{StickLink, done, is_done};
use super::wire::Wire;
use crate::link::LinkError;

/// Time between two looks for a stick that restarts.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// A list that a stick tells ends here, whatever it says.
const LIST_MAX: usize = 4096;

/// How an update has come out. The stick runs firmware either way: it falls back by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Updated {
    /// The new image runs.
    Runs,
    /// The stick has booted another: the new one did not come up.
    FellBack,
}

impl<W: Wire> StickLink<W> {
    /// The faults in the stick's log, the newest first.
    ///
    /// # Errors
    /// As the operations of [`crate::Link`].
    pub fn faults(&mut self) -> Result<Vec<FaultEntry>, LinkError> {
        self.list(
            "read the fault log",
            |first| Request::FaultLog { first },
            |reply| match *reply {
                Reply::Faults { total, entries } => Some((total, FaultEntry::all(entries).collect())),
                _ => None,
            },
        )
    }

    /// What the stick keeps in its flash, by the SHA-256 of the contents.
    ///
    /// # Errors
    /// As the operations of [`crate::Link`].
    pub fn objects(&mut self) -> Result<Vec<ObjectEntry>, LinkError> {
        self.list(
            "list what is kept",
            |first| Request::ObjectList { first },
            |reply| match *reply {
                Reply::Objects { total, entries } => Some((total, ObjectEntry::all(entries).collect())),
                _ => None,
            },
        )
    }

    /// Forgets one of them.
    ///
    /// # Errors
    /// As the operations of [`crate::Link`]; also if there is none of this name.
    pub fn forget(&mut self, name: ObjectName) -> Result<(), LinkError> {
        self.ask("forget what is kept", &Request::ObjectDelete { name }, self.flash_deadline(), done)
    }

    /// Puts an image of firmware into the slot that does not run, restarts the stick and says which image came up.
    /// `on_progress` is told how many bytes are written. Until the last of them is, the old image stays the one that is booted, whatever
    /// happens to power and line.
    ///
    /// # Errors
    /// As the operations of [`crate::Link`]; a stick that refuses says why.
    pub fn update_firmware(&mut self, image: &[u8], on_progress: &mut dyn FnMut(usize)) -> Result<Updated, LinkError> {
        let checksum = SoftwareChecksum.checksum(&[image]);
        let deadline = self.flash_deadline();
        let length = image.len() as u32;
        self.ask("begin a firmware image", &Request::ImageBegin { length, checksum }, deadline, done)?;
        let piece = self.data_max();
        let pieces = image.chunks(piece).zip((0..).step_by(piece));
        let requests = pieces.map(|(data, offset)| Request::ImageData { offset, data });
        self.ask_all("write a firmware image", requests, deadline, |index, reply| {
            on_progress(image.len().min((index + 1) * piece));
            is_done(index, reply)
        })?;
        self.ask("finish a firmware image", &Request::ImageCommit, deadline, done)?;
        self.reboot(Reboot::Firmware)?;
        Ok(if self.board().firmware == checksum { Updated::Runs } else { Updated::FellBack })
    }

    /// Restarts the stick and waits until it is there again.
    ///
    /// # Errors
    /// As the operations of [`crate::Link`].
    pub fn reboot(&mut self, what: Reboot) -> Result<(), LinkError> {
        const OPERATION: &str = "restart the stick";
        let boots = self.boots();
        self.ask(OPERATION, &Request::Reboot { what }, self.flash_deadline(), done)?;
        let (deadline, begun) = (self.flash_deadline(), Instant::now());
        loop {
            let reached = self.reach(OPERATION);
            if reached.is_ok() && self.boots() != boots {
                return Ok(());
            }
            if begun.elapsed() >= deadline {
                return reached.and(Err(LinkError::Timeout { operation: OPERATION, deadline }));
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// All entries of a list that comes in pieces.
    fn list<T>(
        &mut self,
        operation: &'static str,
        request: impl Fn(u16) -> Request<'static>,
        take: impl Fn(&Reply<'_>) -> Option<(u16, Vec<T>)>,
    ) -> Result<Vec<T>, LinkError> {
        let mut all = Vec::new();
        while all.len() < LIST_MAX {
            let (total, entries) = self.ask(operation, &request(all.len() as u16), self.flash_deadline(), &take)?;
            let is_last = entries.is_empty();
            all.extend(entries);
            if is_last || all.len() >= usize::from(total) {
                break;
            }
        }
        Ok(all)
    }
}
