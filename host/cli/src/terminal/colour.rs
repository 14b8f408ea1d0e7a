//! Marks in text. Colour never carries meaning alone: without it the same words stand there.

/// Whether escape sequences are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Colour {
    /// They are.
    On,
    /// Plain text.
    Off,
}

/// What a piece of text is marked as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mark {
    /// What the reader looks for.
    Strong,
    /// What is as it should be.
    Good,
    /// What is not.
    Bad,
}

impl Colour {
    /// `text`, marked where colour is on.
    pub fn paint(self, mark: Mark, text: &str) -> String {
        let code = match mark {
            Mark::Strong => "1",
            Mark::Good => "1;32",
            Mark::Bad => "1;31",
        };
        match self {
            Colour::On => format!("\x1b[{code}m{text}\x1b[0m"),
            Colour::Off => text.to_owned(),
        }
    }
}
