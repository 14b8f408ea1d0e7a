//! Commands about what is in flash: objects and images.

use myelin_isa::framing::{OBJECT_ENTRY_BYTES, Reason, Refusal, Reply, Request};

use super::{Outcome, Pending, Stick, System, Wire, refuse};
use crate::core::Core;
use crate::flash::Flash;
use crate::image::{Image, Slot, Update};

/// Bytes copied from an object to device memory in one step.
const COPY_BYTES: usize = 256;

impl<C, F, L, S, const W: usize, const P: usize, const N: usize, const J: usize, const O: usize>
    Stick<C, F, L, S, W, P, N, J, O>
where
    C: Core,
    F: Flash,
    L: Wire,
    S: System,
{
    /// Commands about objects and images.
    pub(super) fn execute_in_flash(&mut self, request: &Request<'_>) -> Result<Outcome, Refusal> {
        match *request {
            Request::ObjectFind { ref name } => {
                let (_, length) = self.store.find(&mut self.flash, name).ok_or(refuse(Reason::NotFound, 0))?;
                self.reply(&Reply::Object { length })
            }
            Request::ObjectBegin { name, length } => {
                self.update = None;
                self.store.begin(name, length)?;
                Ok(Outcome::Later(Pending::Store))
            }
            Request::ObjectData { offset, data } => {
                self.store.write(&mut self.flash, &mut self.system, offset, data)?;
                self.reply(&Reply::Done)
            }
            Request::ObjectCommit => {
                self.store.commit()?;
                Ok(Outcome::Later(Pending::Store))
            }
            Request::ObjectDelete { ref name } => {
                let (object, _) = self.store.find(&mut self.flash, name).ok_or(refuse(Reason::NotFound, 0))?;
                self.store.delete(&mut self.flash, object)?;
                self.reply(&Reply::Done)
            }
            Request::ObjectList { first } => self.list_objects(first),
            Request::ObjectCopy { ref name, offset, address, length } => {
                self.when_no_jobs()?;
                let (object, there) = self.store.find(&mut self.flash, name).ok_or(refuse(Reason::NotFound, 0))?;
                let is_inside = |offset: u32, size: u32| u64::from(offset) + u64::from(length) <= u64::from(size);
                if !is_inside(offset, there) {
                    return Err(refuse(Reason::OutOfRange, there));
                }
                if !is_inside(address, self.core.memory_bytes()) {
                    return Err(refuse(Reason::OutOfRange, self.core.memory_bytes()));
                }
                Ok(Outcome::Later(Pending::Copy { object, offset, address, left: length }))
            }
            Request::ImageBegin { length, checksum } => {
                self.store.abandon();
                self.update = Some(self.begin_image(length, checksum)?);
                Ok(Outcome::Later(Pending::Image))
            }
            Request::ImageData { offset, data } => {
                let update = self.update.as_mut().ok_or(refuse(Reason::OutOfOrder, 0))?;
                update.write(&mut self.flash, offset, data)?;
                self.reply(&Reply::Done)
            }
            Request::ImageCommit => {
                let update = self.update.take().ok_or(refuse(Reason::OutOfOrder, 0))?;
                update.commit(&mut self.flash, &mut self.system)?;
                self.reply(&Reply::Done)
            }
            _ => Err(refuse(Reason::UnknownCommand, u32::from(request.code()))),
        }
    }

    pub(super) fn copy(&mut self, object: usize, offset: u32, address: u32, left: u32) -> Result<Outcome, Refusal> {
        let mut buffer = [0; COPY_BYTES];
        let buffer = &mut buffer[..COPY_BYTES.min(left as usize)];
        let is_read = self.store.read(&mut self.flash, object, offset, buffer);
        if !is_read || !self.core.write_memory(address, buffer) {
            return Err(refuse(Reason::OutOfRange, 0));
        }
        let count = buffer.len() as u32;
        if count == left {
            return self.reply(&Reply::Done);
        }
        Ok(Outcome::Later(Pending::Copy {
            object,
            offset: offset + count,
            address: address + count,
            left: left - count,
        }))
    }

    pub(super) fn list_objects(&mut self, first: u16) -> Result<Outcome, Refusal> {
        let total = self.store.len() as u16;
        let buffer = self.responder.reply_buffer();
        let mut at = Reply::Objects { total, entries: &[] }.encode(buffer).ok_or(refuse(Reason::OutOfRange, 0))?;
        for index in usize::from(first)..self.store.len() {
            let Some(place) = buffer.get_mut(at..at + OBJECT_ENTRY_BYTES) else { break };
            let Some(entry) = self.store.get(&mut self.flash, index) else { break };
            place.copy_from_slice(&entry.to_bytes());
            at += OBJECT_ENTRY_BYTES;
        }
        Ok(Outcome::Answered(at))
    }

    pub(super) fn begin_image(&mut self, length: u32, checksum: u32) -> Result<Update, Refusal> {
        let board = self.system.board();
        let slot = board.image.map_or(Slot::A, Slot::other);
        let other = Image::header(&mut self.flash, &mut self.system, slot.other());
        Update::begin(Image {
            slot,
            counter: other.map_or(1, |image| image.counter.wrapping_add(1)),
            length,
            checksum,
            load_address: board.load_address,
            map_version: board.map_version,
            family: board.family,
        })
    }
}
