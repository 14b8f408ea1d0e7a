//! Which multiplier the PEs of a cell are written for.

use core::fmt;
use core::str::FromStr;

/// Which multiplier the PEs are written for. For symmetric operands the sums, cycle for cycle, are the same for all;
/// the value below the range, which no program uses, may come out differently.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum MultiplierStyle {
    /// One product per multiplier.
    #[default]
    Plain,
    /// 27x18 of UltraScale(+): pairs of columns whose sums stay packed where the rows allow it.
    Dsp48e2,
    /// 27x18 of UltraScale(+), most products: INT6 in threes, with adders outside the block.
    Dsp48e2Dense,
    /// 25x18 of the 7 series.
    Dsp48e1,
    /// 18x19 of Arria 10 and Stratix 10.
    Mult18x19,
    /// 18x18 of ECP5 and Cyclone V.
    Mult18x18,
    /// 16x16 of iCE40 UltraPlus, which is also two of 8x8.
    Mac16,
}

impl MultiplierStyle {
    /// All of them.
    pub const ALL: [MultiplierStyle; 7] = [
        MultiplierStyle::Plain,
        MultiplierStyle::Dsp48e2,
        MultiplierStyle::Dsp48e2Dense,
        MultiplierStyle::Dsp48e1,
        MultiplierStyle::Mult18x19,
        MultiplierStyle::Mult18x18,
        MultiplierStyle::Mac16,
    ];

    /// Its name on the command line and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            MultiplierStyle::Plain => "plain",
            MultiplierStyle::Dsp48e2 => "dsp48e2",
            MultiplierStyle::Dsp48e2Dense => "dsp48e2-dense",
            MultiplierStyle::Dsp48e1 => "dsp48e1",
            MultiplierStyle::Mult18x19 => "mult18x19",
            MultiplierStyle::Mult18x18 => "mult18x18",
            MultiplierStyle::Mac16 => "mac16",
        }
    }
}

impl fmt::Display for MultiplierStyle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for MultiplierStyle {
    type Err = UnknownMultiplier;

    fn from_str(name: &str) -> Result<MultiplierStyle, UnknownMultiplier> {
        MultiplierStyle::ALL.into_iter().find(|style| style.name() == name).ok_or(UnknownMultiplier)
    }
}

/// A name that no [`MultiplierStyle`] has; the message says which there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnknownMultiplier;

impl UnknownMultiplier {
    /// The names there are.
    pub const EXPECTED: &'static str = "plain, dsp48e2, dsp48e2-dense, dsp48e1, mult18x19, mult18x18 or mac16";
}

impl fmt::Display for UnknownMultiplier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown multiplier, expected {}", UnknownMultiplier::EXPECTED)
    }
}

impl core::error::Error for UnknownMultiplier {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_style_is_parsed_from_its_name_and_expected_by_the_message() {
        for style in MultiplierStyle::ALL {
            assert_eq!(style.name().parse(), Ok(style));
            let named = UnknownMultiplier::EXPECTED.split([' ', ',']).any(|word| word == style.name());
            assert!(named, "{style}");
        }
        assert_eq!("dsp58".parse::<MultiplierStyle>(), Err(UnknownMultiplier));
    }
}
