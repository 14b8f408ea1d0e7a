//! The fault log: the last faults and the number of boots, in two sectors that take turns.
//!
//! A record is 32 bytes: serial number, [`FaultEntry`], ones, CRC32C of the 20 bytes before. One sector fills, then the other is erased
//! and fills; so at least a sector of records is there, and a record cut short is none. What is written is
//! read back, and written to the next place if it differs.

use myelin_isa::framing::{Checksum, FAULT_ENTRY_BYTES, FaultEntry};
use myelin_isa::stick::flash_layout;

use crate::flash::{self, Flash, SECTOR_BYTES};

const RECORD_BYTES: u32 = 32;
const RECORDS: u32 = flash_layout::FAULT_LOG_BYTES / RECORD_BYTES;
const SECTOR_RECORDS: u32 = SECTOR_BYTES / RECORD_BYTES;
/// Kind of a record that only says that there was a boot.
const BOOT: u16 = 0;
/// Places that are tried for a record.
const PLACES_TRIED: u32 = 4;

/// See the [module](self).
#[derive(Clone, Copy, Debug)]
pub struct FaultLog {
    /// Boots in the stick's life, this one included.
    boots: u32,
    serial: u32,
    /// Where the next record goes.
    next: u32,
    /// Faults there are.
    count: u16,
}

impl FaultLog {
    /// Reads the log and records that there was a boot.
    pub fn open(flash: &mut impl Flash, checksum: &mut impl Checksum) -> FaultLog {
        let mut log = FaultLog { boots: 0, serial: 0, next: 0, count: 0 };
        for index in 0..RECORDS {
            if let Some((serial, fault)) = read(flash, checksum, index) {
                log.boots = log.boots.max(fault.boot);
                log.count += u16::from(fault.kind != BOOT);
                if serial >= log.serial {
                    (log.serial, log.next) = (serial, (index + 1) % RECORDS);
                }
            }
        }
        log.boots = log.boots.wrapping_add(1);
        let boot = FaultEntry { boot: log.boots, uptime_ms: 0, kind: BOOT, code: 0, detail: 0 };
        log.append(flash, checksum, &boot);
        log
    }

    /// Boots in the stick's life, this one included.
    pub fn boots(&self) -> u32 {
        self.boots
    }

    /// Faults in the log.
    pub fn count(&self) -> u16 {
        self.count
    }

    /// Records a fault; `boot` is filled in.
    pub fn record(&mut self, flash: &mut impl Flash, checksum: &mut impl Checksum, fault: FaultEntry) {
        self.append(flash, checksum, &FaultEntry { boot: self.boots, ..fault });
        self.count = self.count.saturating_add(1);
    }

    fn append(&mut self, flash: &mut impl Flash, checksum: &mut impl Checksum, fault: &FaultEntry) {
        self.serial = self.serial.wrapping_add(1);
        let mut record = [0xff; RECORD_BYTES as usize];
        record[..4].copy_from_slice(&self.serial.to_le_bytes());
        record[4..20].copy_from_slice(&fault.to_bytes());
        let sum = checksum.checksum(&[&record[..28]]);
        record[28..].copy_from_slice(&sum.to_le_bytes());
        // If all places fail there is no better one to say so.
        for _ in 0..PLACES_TRIED {
            self.find_blank(flash, checksum);
            let place = address(self.next);
            let is_done = flash.program(place, &record);
            self.next = (self.next + 1) % RECORDS;
            let mut found = [0; RECORD_BYTES as usize];
            flash.read(place, &mut found);
            if is_done && found == record {
                break;
            }
        }
    }

    /// Goes on to a place that nothing was written to.
    fn find_blank(&mut self, flash: &mut impl Flash, checksum: &mut impl Checksum) {
        for _ in 0..=SECTOR_RECORDS {
            // A sector is erased when it is entered, whatever it reads: an erase may have been cut.
            if self.next.is_multiple_of(SECTOR_RECORDS) {
                self.erase(flash, checksum);
                return;
            }
            let mut slot = [0; RECORD_BYTES as usize];
            flash.read(address(self.next), &mut slot);
            if slot == [0xff; RECORD_BYTES as usize] {
                return;
            }
            self.next = (self.next + 1) % RECORDS;
        }
    }

    /// Erases the sector that `next` begins.
    fn erase(&mut self, flash: &mut impl Flash, checksum: &mut impl Checksum) {
        for index in self.next..self.next + SECTOR_RECORDS {
            let lost = read(flash, checksum, index).is_some_and(|(_, fault)| fault.kind != BOOT);
            self.count = self.count.saturating_sub(u16::from(lost));
        }
        flash::erase_sector(flash, address(self.next));
    }

    /// Writes faults, the newest first, from the `first` on, into `out`; answers how many bytes.
    pub fn list(&self, flash: &mut impl Flash, checksum: &mut impl Checksum, first: u16, out: &mut [u8]) -> usize {
        let (mut skipped, mut length) = (0, 0);
        for back in 1..=RECORDS {
            let index = (self.next + RECORDS - back) % RECORDS;
            let Some((_, fault)) = read(flash, checksum, index).filter(|(_, fault)| fault.kind != BOOT) else {
                continue;
            };
            if skipped < first {
                skipped += 1;
                continue;
            }
            let Some(place) = out.get_mut(length..length + FAULT_ENTRY_BYTES) else { break };
            place.copy_from_slice(&fault.to_bytes());
            length += FAULT_ENTRY_BYTES;
        }
        length
    }
}

fn address(index: u32) -> u32 {
    flash_layout::FAULT_LOG + index * RECORD_BYTES
}

fn read(flash: &mut impl Flash, checksum: &mut impl Checksum, index: u32) -> Option<(u32, FaultEntry)> {
    let mut record = [0; RECORD_BYTES as usize];
    flash.read(address(index), &mut record);
    let (body, sum) = record.split_last_chunk::<4>()?;
    if checksum.checksum(&[body]) != u32::from_le_bytes(*sum) {
        return None;
    }
    let (serial, rest) = body.split_first_chunk::<4>()?;
    let fault = rest.first_chunk::<FAULT_ENTRY_BYTES>()?;
    Some((u32::from_le_bytes(*serial), FaultEntry::from_bytes(fault)))
}
