//! A pull reader for JSON whose shape is known in advance.
//!
//! It reads what the chain's own reader reads, and refuses what that refuses: the only escapes are
//! `\r \n \t \\ \"`, numbers are decimal integers, strings hold no raw line ends, and what follows
//! the outermost value is ignored. It never recurses: callers ask for the value they expect.

use super::error::{Found, ImportError, ImportFault, Place};

/// Where the reader is and what it is reading there.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    /// For error messages.
    pub(super) section: &'static str,
    /// For error messages.
    pub(super) index: Option<usize>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, section: "symbol", index: None }
    }

    /// An error at the current byte.
    pub(super) fn fail(&self, fault: ImportFault) -> ImportError {
        let (section, index) = (self.section, self.index);
        fault.at(Place::Symbol { byte: self.at, section, index })
    }

    fn unexpected(&self, expected: &'static str) -> ImportError {
        let found = self.text.get(self.at).map_or(Found::End, |&b| Found::Byte(b));
        self.fail(ImportFault::Json { expected, found })
    }

    fn skip_space(&mut self) {
        // The C locale's isspace.
        while matches!(self.text.get(self.at), Some(b' ' | b'\t'..=b'\r')) {
            self.at += 1;
        }
    }

    /// Skips space and the byte, if it is next.
    fn accept(&mut self, byte: u8) -> bool {
        self.skip_space();
        let next = self.text.get(self.at) == Some(&byte);
        self.at += usize::from(next);
        next
    }

    fn require(&mut self, byte: u8, expected: &'static str) -> Result<(), ImportError> {
        if self.accept(byte) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    /// Reads an array, calling `item` with the reader before each element.
    pub(super) fn array(
        &mut self,
        mut item: impl FnMut(&mut Self, usize) -> Result<(), ImportError>,
    ) -> Result<(), ImportError> {
        self.require(b'[', "'['")?;
        if self.accept(b']') {
            return Ok(());
        }
        for index in 0.. {
            item(self, index)?;
            if self.accept(b']') {
                break;
            }
            self.require(b',', "',' or ']'")?;
        }
        Ok(())
    }

    /// Reads an object, calling `member` with the reader before each value.
    pub(super) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, &str) -> Result<(), ImportError>,
    ) -> Result<(), ImportError> {
        self.require(b'{', "'{'")?;
        if self.accept(b'}') {
            return Ok(());
        }
        let mut key = String::new();
        loop {
            key.clear();
            self.string_into(&mut key)?;
            self.require(b':', "':'")?;
            member(self, &key)?;
            if self.accept(b'}') {
                return Ok(());
            }
            self.require(b',', "',' or '}'")?;
        }
    }

    /// Reads a string.
    pub(super) fn string(&mut self) -> Result<String, ImportError> {
        let mut out = String::new();
        self.string_into(&mut out)?;
        Ok(out)
    }

    /// Reads a string onto the end of `out`.
    pub(super) fn string_into(&mut self, out: &mut String) -> Result<(), ImportError> {
        self.require(b'"', "'\"'")?;
        loop {
            let start = self.at;
            while !matches!(self.text.get(self.at), None | Some(b'"' | b'\\' | b'\r' | b'\n')) {
                self.at += 1;
            }
            // Escapes are ASCII, so the pieces between them are UTF-8 if the whole is.
            let piece = std::str::from_utf8(&self.text[start..self.at]).map_err(|_| self.fail(ImportFault::NotUtf8))?;
            out.push_str(piece);
            match self.text.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.at += 1;
                    out.push(match self.text.get(self.at) {
                        Some(b'r') => '\r',
                        Some(b'n') => '\n',
                        Some(b't') => '\t',
                        Some(b'\\') => '\\',
                        Some(b'"') => '"',
                        _ => return Err(self.unexpected("one of r n t \\ \" after '\\'")),
                    });
                    self.at += 1;
                }
                _ => return Err(self.unexpected("'\"' on the same line")),
            }
        }
    }

    /// Reads a decimal integer from `min` to `max`.
    pub(super) fn integer(&mut self, min: i64, max: i64) -> Result<i64, ImportError> {
        self.skip_space();
        let start = self.at;
        let negative = self.text.get(self.at) == Some(&b'-');
        self.at += usize::from(negative);
        let digits = self.at;
        let mut value = Some(0i64);
        while let Some(digit) = self.text.get(self.at).filter(|b| b.is_ascii_digit()) {
            let digit = i64::from(digit - b'0');
            // Counted down, as the range reaches one further below zero.
            value = value.and_then(|v| v.checked_mul(10)?.checked_sub(digit));
            self.at += 1;
        }
        if self.at == digits {
            return Err(self.unexpected("an integer"));
        }
        let value = if negative { value } else { value.and_then(i64::checked_neg) };
        value.filter(|v| (min..=max).contains(v)).ok_or_else(|| {
            let shown = &self.text[start..self.at.min(start + 24)];
            let text = String::from_utf8_lossy(shown).into_owned();
            self.fail(ImportFault::Number { text, min, max })
        })
    }

    /// Reads an integer that fits 32 bits.
    pub(super) fn i32(&mut self) -> Result<i32, ImportError> {
        Ok(self.integer(i64::from(i32::MIN), i64::from(i32::MAX))? as i32)
    }

    /// Reads a non-negative integer that fits 32 bits.
    pub(super) fn u32(&mut self) -> Result<u32, ImportError> {
        Ok(self.integer(0, i64::from(u32::MAX))? as u32)
    }
}
