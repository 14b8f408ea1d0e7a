//! How long array and post unit take, which depends on their descriptors alone.

use myelin_isa::{Architecture, array_descriptor, post_descriptor};

/// From a window element's walk step to its write, and from the last one to the stamp.
const POST_WRITE: u64 = 9;
/// From the last window element's walk step to the post unit's tokens.
const POST_GIVE: u64 = POST_WRITE + 1;
/// From the last pixel's issue to the array unit's tokens, besides one cycle for each row and column.
const ARRAY_GIVE: u64 = 5;

/// The array unit.
#[derive(Debug)]
pub(super) struct Array {
    pub registers: [u32; array_descriptor::COUNT as usize],
    /// First cycle in which it can take an instruction.
    pub free: u64,
    weight_steps: u64,
    give_latency: u64,
}

/// A CONV, in cycles after taking it.
pub(super) struct Convolution {
    /// Cycles with a pixel.
    pub pixels: u64,
    /// Its last pixel; the next instruction can be taken in the cycle after.
    pub last: u64,
    /// Its tokens.
    pub give: u64,
}

impl Array {
    pub fn new(architecture: &Architecture) -> Array {
        Array {
            registers: [0; array_descriptor::COUNT as usize],
            free: 0,
            weight_steps: u64::from(architecture.weight_steps()),
            give_latency: u64::from(architecture.rows()) + u64::from(architecture.columns()) + ARRAY_GIVE,
        }
    }

    /// From taking a CONFIG to its tokens: they stay in order with those before.
    pub fn config_give(&self) -> u64 {
        self.give_latency
    }

    pub fn convolution(&self) -> Convolution {
        let pixels = self.registers[usize::from(array_descriptor::PIXELS)];
        let kernel = self.registers[usize::from(array_descriptor::KERNEL)];
        let pixels = u64::from(pixels & 0xffff) * u64::from(pixels >> 16);
        let tiles = u64::from(kernel & 0xffff) * u64::from(kernel >> 16 & 0xff) * u64::from(kernel >> 24);
        let tile_cycles = pixels.max(self.weight_steps);
        let last = self.weight_steps + tiles.saturating_sub(1) * tile_cycles + pixels;
        Convolution { pixels: tiles * pixels, last, give: last + self.give_latency }
    }
}

/// The post unit, and when it uses the scratchpad ports that others share.
#[derive(Debug)]
pub(super) struct Post {
    pub registers: [u32; post_descriptor::COUNT as usize],
    /// First cycle in which it can take an instruction.
    pub free: u64,
    /// The walk begun last. Those before have left the ports when it begins to use them.
    walk: PostWalk,
}

/// A DRAIN, ELTW or POOL on its way.
#[derive(Debug, Clone, Copy, Default)]
struct PostWalk {
    taken: u64,
    elements: u64,
    /// Elements of a window: one write each.
    window: u64,
    reads: bool,
}

impl Post {
    pub fn new() -> Post {
        Post { registers: [0; post_descriptor::COUNT as usize], free: 0, walk: PostWalk::default() }
    }

    /// Begins a walk in cycle `taken`; `reads` the scratchpad. Answers the cycle of its tokens, in
    /// which the next instruction can be taken too; a stamp is taken in the cycle before.
    pub fn walk(&mut self, taken: u64, reads: bool) -> u64 {
        let window = self.registers[usize::from(post_descriptor::WINDOW)];
        let pixels = self.registers[usize::from(post_descriptor::PIXELS)];
        let results = [window >> 16, pixels & 0xffff, pixels >> 16].into_iter().map(u64::from).product::<u64>();
        let window = u64::from(window & 0xff) * u64::from(window >> 8 & 0xff);
        self.walk = PostWalk { taken, elements: results * window, window, reads };
        self.free = taken + self.walk.elements + POST_GIVE;
        self.free
    }

    /// Whether it reads the shared scratchpad port in a cycle.
    pub fn reads(&self, cycle: u64) -> bool {
        let PostWalk { taken, elements, reads, .. } = self.walk;
        // An address leaves one cycle after its walk step.
        reads && (taken + 2..taken + 2 + elements).contains(&cycle)
    }

    /// Whether it writes the scratchpad in a cycle.
    pub fn writes(&self, cycle: u64) -> bool {
        let PostWalk { taken, elements, window, .. } = self.walk;
        let first = taken + POST_WRITE;
        cycle > first && cycle <= first + elements && (cycle - first).is_multiple_of(window)
    }
}
