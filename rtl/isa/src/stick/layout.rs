//! What lies where in the flash, and the commands that every NOR flash of these boards knows.

use crate::specification::constants;

constants! {
    /// Commands of SPI NOR flash (IS25LP128, W25Q128 and alike), 24-bit addresses.
    pub mod flash_command: u32 {
        /// Page program: address, then 1 to 256 bytes within a page; bits go from 1 to 0 only.
        PROGRAM = 0x02;
        /// Read: address, then data without end.
        READ = 0x03;
        /// Read status: bit 0 = busy.
        STATUS = 0x05;
        /// [`STATUS`]: a program or erase goes on.
        STATUS_BUSY = 1;
        /// Write enable, before each program or erase.
        WRITE_ENABLE = 0x06;
        /// Erase 4 KiB.
        ERASE_4K = 0x20;
        /// Erase 64 KiB.
        ERASE_64K = 0xd8;
        /// Identification: three bytes; the third is log2 of the size.
        IDENTIFY = 0x9f;
        /// Release from deep power-down.
        WAKE = 0xab;
        /// Bytes that a page program can write.
        PAGE_BYTES = 256;
        /// Bytes of the smallest erase.
        SECTOR_BYTES = 4096;
        /// Bytes of the large erase.
        BLOCK_BYTES = 65536;
    }
}

constants! {
    /// Byte addresses in the flash.
    pub mod flash_layout: u32 {
        /// Bitstreams, not touched by firmware.
        BITSTREAM = 0x00_0000;
        /// Firmware image, slot A; begins with a header ([`crate::stick::image_header`]).
        SLOT_A = 0x20_0000;
        /// Firmware image, slot B.
        SLOT_B = 0x21_0000;
        /// Bytes of a slot.
        SLOT_BYTES = 0x1_0000;
        /// Boot attempts and confirmations, one sector for each slot, see the firmware's `image` module.
        ATTEMPTS = 0x22_0000;
        /// Faults and the count of boots, two sectors.
        FAULT_LOG = 0x22_2000;
        /// Bytes of the fault log.
        FAULT_LOG_BYTES = 0x2000;
        /// Objects: from here to the end of the flash.
        OBJECTS = 0x23_0000;
    }
}

constants! {
    /// Header of an image in its slot: little-endian words at these byte offsets. It is written last.
    pub mod image_header: u32 {
        /// [`MAGIC_VALUE`].
        MAGIC = 0;
        /// "MYIM".
        MAGIC_VALUE = 0x4d49_594d;
        /// Counter: of two valid images the one with the greater counter is newer.
        COUNTER = 4;
        /// Bytes of the image, which follows the header.
        LENGTH = 8;
        /// CRC32C of the image.
        IMAGE_CRC = 12;
        /// Where it goes in RAM, and where it is entered.
        LOAD_ADDRESS = 16;
        /// The map it is for ([`crate::stick::MAP_VERSION`]).
        MAP_VERSION = 20;
        /// Which RAM it is for: 0 ECP5, 1 UP5K.
        FAMILY = 24;
        /// CRC32C of the words before.
        HEADER_CRC = 28;
        /// Bytes of the header.
        BYTES = 32;
    }
}
