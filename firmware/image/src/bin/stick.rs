//! The firmware: the stick of `myelin-firmware` on the registers of the soft core.
#![no_std]
#![no_main]

use core::mem::MaybeUninit;

use myelin_firmware::image::Slot;
use myelin_firmware::{Stick, Wire};
use myelin_image::flash::SpiFlash;
use myelin_image::system::{SystemBlock, read, rest, write};
use myelin_image::wire::SerialWire;
use myelin_isa::framing::{frame_length, wire_length_max};
use myelin_isa::stick::{MAP_VERSION, memory, system};

/// Bits a second on the wire.
const BAUD: u32 = 3_000_000;
const WINDOW: usize = if cfg!(feature = "functional") { 2 } else { 4 };
const PAYLOAD: usize = if cfg!(feature = "functional") { 512 } else { 1024 };
const FRAME: usize = frame_length(PAYLOAD);
const JOBS: usize = if cfg!(feature = "functional") { 1 } else { 2 };
const OBJECTS: usize = if cfg!(feature = "functional") { 16 } else { 64 };
/// Room for a window of frames.
const RING: usize = (WINDOW * wire_length_max(PAYLOAD)).next_power_of_two();
const SENT: usize = wire_length_max(PAYLOAD);

#[cfg(not(feature = "functional"))]
const RAM: (u32, u32) = (0, memory::BOOT_BYTES);
#[cfg(feature = "functional")]
const RAM: (u32, u32) = (1, memory::SPRAM);

static mut RING_BYTES: MaybeUninit<[u8; RING]> = MaybeUninit::uninit();
static mut FRAME_BYTES: MaybeUninit<[u8; SENT]> = MaybeUninit::uninit();

#[cfg(not(feature = "functional"))]
type Core = myelin_firmware::RegisterCore<myelin_image::mmio::Mmio>;
#[cfg(feature = "functional")]
type Core =
    myelin_firmware::FunctionalCore<'static, myelin_firmware::HardwareArray<'static, myelin_image::mmio::Mmio>>;

type Firmware =
    Stick<Core, SpiFlash, SerialWire<RING, SENT>, SystemBlock, WINDOW, PAYLOAD, FRAME, JOBS, OBJECTS>;
static mut STICK: MaybeUninit<Firmware> = MaybeUninit::uninit();

#[cfg(not(feature = "functional"))]
fn core() -> Option<Core> {
    Core::new(myelin_image::mmio::Mmio)
}

/// The scratchpads lie at the end of device memory, each aligned to words.
#[cfg(feature = "functional")]
fn core() -> Option<Core> {
    use myelin_firmware::{FunctionalCore, HardwareArray, Memories, MemorySizes, SoftwareArray};
    use myelin_isa::Architecture;
    use myelin_isa::framing::CoreKind;
    let mut words = [0; Architecture::WORDS];
    for (index, word) in (0..).zip(&mut words) {
        *word = read(system::ARCHITECTURE + 4 * index);
    }
    let architecture = Architecture::from_words(words).ok()?;
    let [low, high] = [system::SPECIFICATION_LOW, system::SPECIFICATION_HIGH].map(|register| u64::from(read(register)));
    let sizes = MemorySizes::of(&architecture);
    let mut end = memory::DEVICE as usize + read(system::DEVICE_BYTES) as usize;
    let mut take = |bytes: usize| {
        let start = end.checked_sub(bytes)? & !3;
        end = start;
        (start >= memory::DEVICE as usize).then_some(start)
    };
    let stamps = sizes.stamps.min(32);
    let [activations, weights, biases, table, instructions, accumulators, tile, stamps_at] = [
        take(sizes.activations)?,
        take(sizes.weights)?,
        take(4 * sizes.biases)?,
        take(sizes.table)?,
        take(16 * sizes.instructions)?,
        take(4 * SoftwareArray::accumulators(&architecture))?,
        take(SoftwareArray::weights(&architecture))?,
        take(4 * stamps)?,
    ];
    let device = end - memory::DEVICE as usize;
    // SAFETY: the parts lie in device memory, which is no memory of Rust's otherwise, one behind the other and aligned; any bytes are
    // values of their types; this function is called once.
    unsafe {
        use core::slice::from_raw_parts_mut as part;
        let memories = Memories {
            device: part(memory::DEVICE as usize as *mut u8, device),
            activations: part(activations as *mut i8, sizes.activations),
            weights: part(weights as *mut i8, sizes.weights),
            biases: part(biases as *mut i32, sizes.biases),
            table: part(table as *mut i8, sizes.table),
            instructions: part(instructions as *mut [u32; 4], sizes.instructions),
            stamps: part(stamps_at as *mut u32, stamps),
        };
        let totals = part(accumulators as *mut i32, SoftwareArray::accumulators(&architecture));
        let tile = part(tile as *mut i8, SoftwareArray::weights(&architecture));
        let software = SoftwareArray::new(&architecture, totals, tile)?;
        let bus = myelin_image::mmio::Mmio;
        let array = HardwareArray::new(&architecture, bus, software, activations as u32, weights as u32)?;
        FunctionalCore::new(architecture, high << 32 | low, CoreKind::Array, memories, array)
    }
}

/// Not part of `main`, whose stack frame never ends.
#[inline(never)]
fn bring_up(slot: u32) -> Option<&'static mut Firmware> {
    if read(system::ID) != system::ID_VALUE || read(system::MAP_VERSION) != MAP_VERSION {
        return None;
    }
    let image = match slot {
        0 => Some(Slot::A),
        1 => Some(Slot::B),
        _ => None,
    };
    let board = SystemBlock::new(RAM.0, RAM.1, image);
    // In 32 bits, up to 2^32 Hz.
    let clock = read(system::CLOCK_HZ);
    let divisor = (clock / BAUD << 8) + (clock % BAUD << 8) / BAUD;
    // SAFETY: one core, and this is called once: nobody else has the three. Bytes need no initial value, as zeros are in bss.
    let (ring, frame, stick) = unsafe {
        let (ring, frame) = (&mut *(&raw mut RING_BYTES), &mut *(&raw mut FRAME_BYTES));
        (ring.assume_init_mut(), frame.assume_init_mut(), &mut *(&raw mut STICK))
    };
    let wire = SerialWire::new(ring, frame, divisor);
    Some(Stick::new_in(stick, core()?, SpiFlash::new(), wire, board))
}

#[unsafe(no_mangle)]
extern "C" fn main(slot: u32) -> ! {
    if let Some(stick) = bring_up(slot) {
        write(system::LEDS, 1);
        let clock_hz = read(system::CLOCK_HZ);
        loop {
            stick.poll();
            if !stick.is_working() && stick.wire_mut().can_send() {
                rest(clock_hz);
            }
        }
    }
    // Gateware that this is not for.
    loop {
        write(system::LEDS, 0xaa);
    }
}
