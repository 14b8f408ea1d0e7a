//! Descriptor registers of a unit, written three at a time by CONFIG.

use myelin_hdl::{ModuleBuilder, Signal, u};
use myelin_isa::encoding;

/// The instruction offered to a unit: four words, and the fields every unit reads.
pub struct Offered {
    /// Words 0 to 3.
    pub words: Vec<Signal>,
    /// Opcode.
    pub opcode: Signal,
    /// Units that get a token at completion.
    pub signal: Signal,
}

impl Offered {
    /// Splits the words.
    pub fn new(words: Vec<Signal>) -> Offered {
        let opcode = field(words[0], encoding::OPCODE);
        let signal = field(words[0], encoding::SIGNAL);
        Offered { words, opcode, signal }
    }

    /// Whether it has this opcode.
    pub fn is(&self, opcode: u32) -> Signal {
        self.opcode.eq(i64::from(opcode))
    }

    /// A field of word `word`.
    pub fn field(&self, word: usize, position: (u32, u32)) -> Signal {
        field(self.words[word], position)
    }
}

/// The bits at `(low, width)`.
pub fn field(word: Signal, (low, width): (u32, u32)) -> Signal {
    word.slice(low, width)
}

/// `count` (a multiple of three) 32-bit registers, 0 after reset; `write` takes the instruction's words 1 to 3
/// into the three registers from its index on.
pub fn registers(m: &ModuleBuilder, count: u8, write: Signal, offered: &Offered) -> Vec<Signal> {
    assert!(count.is_multiple_of(3), "CONFIG writes three registers");
    let index = offered.field(0, encoding::CONFIG_INDEX);
    (0..count)
        .map(|position| {
            let (group, word) = (position / 3 * 3, position % 3 + 1);
            let register = m.register(&format!("descriptor_{position}_q"), u(32)).reset(0);
            register.next_when(write & index.eq(i64::from(group)), offered.words[usize::from(word)]);
            register.q
        })
        .collect()
}
