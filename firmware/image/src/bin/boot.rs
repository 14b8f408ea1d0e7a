//! Boot code: copies the image of a flash slot to RAM and enters it. Without one it enters what the bitstream has put into RAM, where that
//! is; else it lights all lights and stays.
#![no_std]
#![no_main]

use myelin_firmware::image;
use myelin_firmware::Flash;
use myelin_image::flash::SpiFlash;
use myelin_image::system::{CrcUnit, read, write};
use myelin_isa::stick::{MAP_VERSION, image_header, memory, system};

/// Which RAM this is for: 1 UP5K, else ECP5.
const FAMILY: u32 = if cfg!(feature = "functional") { 1 } else { 0 };
/// Where images go, and how many bytes there are.
const RAM: (u32, u32) = if FAMILY == 1 {
    (memory::SPRAM, memory::RAM_BYTES_UP5K)
} else {
    (memory::BOOT_BYTES, memory::RAM_BYTES_ECP5 - memory::BOOT_BYTES)
};
/// The image did not come from the flash.
const NO_SLOT: u32 = 255;

fn enter(slot: u32) -> ! {
    // SAFETY: an image begins with its entry, which takes the slot; either its checksum was right or the bitstream has it.
    let entry: extern "C" fn(u32) -> ! = unsafe { core::mem::transmute(RAM.0 as usize as *const ()) };
    entry(slot)
}

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    if read(system::MAP_VERSION) == MAP_VERSION {
        let mut flash = SpiFlash::new();
        let (image, _) = image::choose(&mut flash, &mut CrcUnit, MAP_VERSION, FAMILY);
        if let Some(image) = image.filter(|image| image.load_address == RAM.0 && image.length <= RAM.1) {
            image::note_attempt(&mut flash, image.slot);
            // SAFETY: this program and its stack lie in boot memory, before that RAM.
            let ram = unsafe { core::slice::from_raw_parts_mut(RAM.0 as usize as *mut u8, image.length as usize) };
            flash.read(image.slot.address() + image_header::BYTES, ram);
            enter(image.slot as u32);
        }
        // SAFETY: the word exists.
        if unsafe { (RAM.0 as usize as *const u32).read_volatile() } != 0 && FAMILY == 0 {
            enter(NO_SLOT);
        }
    }
    loop {
        write(system::LEDS, u32::MAX);
    }
}
