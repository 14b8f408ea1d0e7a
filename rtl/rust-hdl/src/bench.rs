//! The bench: inputs in, settle, outputs out, one rising edge.

use std::ops::RangeInclusive;

use rust_hdl_core::prelude::{Block, simulate};

/// Passes after which rust-hdl's simulator gives up on a block, as in its own `Simulation`.
const PASSES_MAX: usize = 100;

/// The block did not settle: it oscillates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsettled;

impl std::fmt::Display for Unsettled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rust-hdl's simulator did not settle in {PASSES_MAX} passes")
    }
}

impl std::error::Error for Unsettled {}

/// An input of the block.
pub struct Input<B> {
    /// As the lowered module calls it.
    pub name: String,
    /// The words it takes, cut at its width.
    pub words: RangeInclusive<u64>,
    /// Sets its next value.
    pub set: fn(&mut B, u64),
}

/// An output of the block.
pub struct Output<B> {
    /// As the lowered module calls it.
    pub name: String,
    /// Its bits.
    pub get: fn(&B) -> u64,
}

/// A rust-hdl block under rust-hdl's simulator. Made by [`bench!`](crate::bench!).
pub struct Bench<B> {
    block: B,
    set_clocks: fn(&mut B, bool),
    inputs: Vec<Input<B>>,
    outputs: Vec<Output<B>>,
}

impl<B: Block> Bench<B> {
    /// A bench around a block fresh from its constructor.
    pub fn new(mut block: B, set_clocks: fn(&mut B, bool), inputs: Vec<Input<B>>, outputs: Vec<Output<B>>) -> Self {
        block.connect_all();
        Bench { block, set_clocks, inputs, outputs }
    }

    /// The block.
    pub fn block(&self) -> &B {
        &self.block
    }

    /// Its inputs other than clocks.
    pub fn inputs(&self) -> &[Input<B>] {
        &self.inputs
    }

    /// Adds an input that the macro does not take: an element of an array, an enumeration,
    /// or one that does not take every word.
    pub fn with_input(mut self, path: &str, words: RangeInclusive<u64>, set: fn(&mut B, u64)) -> Self {
        self.inputs.push(Input { name: port_name(path), words, set });
        self
    }

    /// Adds an output that the macro does not take.
    pub fn with_output(mut self, path: &str, get: fn(&B) -> u64) -> Self {
        self.outputs.push(Output { name: port_name(path), get });
        self
    }

    /// Its outputs.
    pub fn outputs(&self) -> &[Output<B>] {
        &self.outputs
    }

    /// Applies one word to each input and lets the block settle.
    ///
    /// # Errors
    /// If it does not.
    ///
    /// # Panics
    /// If there are not as many words as inputs; where rust-hdl's simulator panics.
    pub fn apply(&mut self, words: &[u64]) -> Result<(), Unsettled> {
        assert_eq!(words.len(), self.inputs.len(), "one word for each input");
        for (input, &word) in self.inputs.iter().zip(words) {
            (input.set)(&mut self.block, word);
        }
        self.settle()
    }

    /// The bits of each output.
    pub fn observe(&self) -> Vec<u64> {
        self.outputs.iter().map(|output| (output.get)(&self.block)).collect()
    }

    /// One rising edge of all clocks, and the falling edge after it.
    ///
    /// # Errors
    /// If the block does not settle.
    pub fn step(&mut self) -> Result<(), Unsettled> {
        (self.set_clocks)(&mut self.block, true);
        self.settle()?;
        (self.set_clocks)(&mut self.block, false);
        self.settle()
    }

    fn settle(&mut self) -> Result<(), Unsettled> {
        if simulate(&mut self.block, PASSES_MAX) { Ok(()) } else { Err(Unsettled) }
    }
}

/// The name that lowering gives to the port `path` (`wires . mosi` is `wires_mosi`).
pub fn port_name(path: &str) -> String {
    path.replace([' ', ']'], "").replace(['.', '['], "_")
}

/// A [`Bench`] of a block: its type, the block, its clocks, inputs and outputs by their paths.
///
/// Clocks all rise together.
#[macro_export]
macro_rules! bench {
    ($kind:ty, $block:expr, clocks($($($clock:tt).+),*), inputs($($($input:tt).+),*), outputs($($($output:tt).+),*)) => {
        $crate::Bench::<$kind>::new(
            $block,
            |_block: &mut $kind, _level: bool| { $( _block.$($clock).+.next = _level.into(); )* },
            vec![$($crate::Input {
                name: $crate::port_name(stringify!($($input).+)),
                words: 0..=u64::MAX,
                set: |block: &mut $kind, word: u64| block.$($input).+.next = $crate::Word::from_word(word),
            }),*],
            vec![$($crate::Output {
                name: $crate::port_name(stringify!($($output).+)),
                get: |block: &$kind| $crate::Word::to_word(block.$($output).+.val()),
            }),*],
        )
    };
}
