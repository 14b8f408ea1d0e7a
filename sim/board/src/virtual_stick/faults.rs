//! What goes wrong between a host and a stick: seeded, so that it goes wrong again.

use std::fmt;
use std::str::FromStr;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Bytes of the line that meet one fate.
pub(super) const PIECE_BYTES: usize = 64;
/// Most milliseconds of a stall, and of an unplugging.
const PAUSE_MS_MAX: u64 = 60;
/// Flash operations, of which one is the last before power is lost.
const FLASH_OPERATIONS_MAX: u32 = 40;

/// How often what happens, and the seed of it all.
///
/// Rates are of a thousand pieces of 64 bytes, in either direction. Parsing and [`fmt::Display`] are inverses:
///
/// ```
/// use myelin_board::FaultScript;
///
/// let script: FaultScript = "drop=5,corrupt=5,unplug=1,seed=7".parse()?;
/// assert_eq!((script.drop, script.stall, script.seed), (5, 0, 7));
/// assert_eq!("all".parse::<FaultScript>()?.to_string(), "drop=4,corrupt=4,duplicate=4,truncate=4,stall=2,unplug=1,power=1,seed=1");
/// # Ok::<(), myelin_board::FaultScriptError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FaultScript {
    /// The piece does not arrive.
    pub drop: u32,
    /// A bit of it is another.
    pub corrupt: u32,
    /// It arrives twice.
    pub duplicate: u32,
    /// Its end is missing.
    pub truncate: u32,
    /// Nothing moves for a while.
    pub stall: u32,
    /// The stick is pulled, and plugged in again a little later: only its flash remembers.
    pub unplug: u32,
    /// Power is lost at one of the next operations of the flash, in the middle of it; then as `unplug`.
    pub power: u32,
    /// Of the generator that decides.
    pub seed: u64,
}

/// A text is no script.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "fault script: {found:?}, expected `all` or drop=, corrupt=, duplicate=, truncate=, stall=, unplug=, power= (each of a thousand \
     pieces, 0 to 1000) and seed=, with commas between, as in drop=5,unplug=1,seed=7"
)]
pub struct FaultScriptError {
    /// The part that is wrong.
    pub found: String,
}

impl FaultScript {
    /// A little of everything.
    pub const ALL: FaultScript =
        FaultScript { drop: 4, corrupt: 4, duplicate: 4, truncate: 4, stall: 2, unplug: 1, power: 1, seed: 1 };

    /// The script without what takes the stick's memory.
    pub fn of_the_line(self) -> FaultScript {
        FaultScript { unplug: 0, power: 0, ..self }
    }

    fn rates(&self) -> [(&'static str, u32); 7] {
        [
            ("drop", self.drop),
            ("corrupt", self.corrupt),
            ("duplicate", self.duplicate),
            ("truncate", self.truncate),
            ("stall", self.stall),
            ("unplug", self.unplug),
            ("power", self.power),
        ]
    }

    fn rate_mut(&mut self, name: &str) -> Option<&mut u32> {
        Some(match name {
            "drop" => &mut self.drop,
            "corrupt" => &mut self.corrupt,
            "duplicate" => &mut self.duplicate,
            "truncate" => &mut self.truncate,
            "stall" => &mut self.stall,
            "unplug" => &mut self.unplug,
            "power" => &mut self.power,
            _ => return None,
        })
    }
}

impl FromStr for FaultScript {
    type Err = FaultScriptError;

    fn from_str(text: &str) -> Result<FaultScript, FaultScriptError> {
        if text == "all" {
            return Ok(FaultScript::ALL);
        }
        let mut script = FaultScript::default();
        for part in text.split(',') {
            let wrong = || FaultScriptError { found: part.to_owned() };
            let (name, value) = part.split_once('=').ok_or_else(wrong)?;
            if name == "seed" {
                script.seed = value.parse().map_err(|_| wrong())?;
                continue;
            }
            let value = value.parse().ok().filter(|rate| *rate <= 1000).ok_or_else(wrong)?;
            *script.rate_mut(name).ok_or_else(wrong)? = value;
        }
        if script.rates().iter().map(|(_, rate)| rate).sum::<u32>() > 1000 {
            return Err(FaultScriptError { found: text.to_owned() });
        }
        Ok(script)
    }
}

impl fmt::Display for FaultScript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, rate) in self.rates().into_iter().filter(|(_, rate)| *rate > 0) {
            write!(f, "{name}={rate},")?;
        }
        write!(f, "seed={}", self.seed)
    }
}

/// What befalls a piece of the line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    /// So it arrives, changed or not.
    Arrives(Vec<u8>),
    /// It arrives after so many milliseconds.
    Stalls(u64, Vec<u8>),
    /// It does not arrive, and the stick is away for so many milliseconds.
    Unplugged(u64),
    /// It arrives, and so many operations of the flash later power is lost.
    LosesPower(u32, Vec<u8>),
}

/// Decides what befalls each piece.
pub(super) struct Fates {
    script: FaultScript,
    rng: ChaCha8Rng,
    /// Faults so far.
    pub count: u64,
}

impl Fates {
    pub fn new(script: FaultScript) -> Fates {
        Fates { script, rng: ChaCha8Rng::seed_from_u64(script.seed), count: 0 }
    }

    /// The fate of a piece of at least one byte.
    pub fn of(&mut self, piece: &[u8]) -> Fate {
        let mut piece = piece.to_vec();
        let mut drawn: u32 = self.rng.random_range(0..1000);
        let happens = self.script.rates().into_iter().find(|(_, rate)| match drawn.checked_sub(*rate) {
            None => true,
            Some(left) => {
                drawn = left;
                false
            }
        });
        let Some((what, _)) = happens else { return Fate::Arrives(piece) };
        self.count += 1;
        match what {
            "drop" => piece.clear(),
            "corrupt" => {
                let at = self.rng.random_range(0..piece.len());
                piece[at] ^= 1 << self.rng.random_range(0..8);
            }
            "duplicate" => piece.extend_from_within(..),
            "truncate" => piece.truncate(self.rng.random_range(0..piece.len())),
            "stall" => return Fate::Stalls(self.rng.random_range(1..=PAUSE_MS_MAX), piece),
            "unplug" => return Fate::Unplugged(self.rng.random_range(1..=PAUSE_MS_MAX)),
            _ => return Fate::LosesPower(self.rng.random_range(1..=FLASH_OPERATIONS_MAX), piece),
        }
        Fate::Arrives(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_read_and_written() {
        for text in
            ["seed=0", "drop=1000,seed=3", "drop=1,corrupt=2,duplicate=3,truncate=4,stall=5,unplug=6,power=7,seed=8"]
        {
            assert_eq!(text.parse::<FaultScript>().unwrap().to_string(), text);
        }
        for (text, found) in [
            ("", ""),
            ("drop", "drop"),
            ("drop=1,", ""),
            ("drop=1001", "drop=1001"),
            ("drop=-1", "drop=-1"),
            ("melt=1", "melt=1"),
            ("drop=600,corrupt=600", "drop=600,corrupt=600"),
        ] {
            assert_eq!(text.parse::<FaultScript>().unwrap_err().found, found, "{text}");
        }
    }

    #[test]
    fn fates_come_as_often_as_the_script_says_and_again_with_the_same_seed() {
        let script: FaultScript =
            "drop=50,corrupt=50,duplicate=50,truncate=50,stall=50,unplug=50,power=50,seed=5".parse().unwrap();
        let piece: Vec<u8> = (0..64).collect();
        let fates = |script| {
            let mut fates = Fates::new(script);
            (0..20_000).map(|_| fates.of(&piece)).collect::<Vec<Fate>>()
        };
        let found = fates(script);
        assert_eq!(found, fates(script));
        let share = |is: &dyn Fn(&Fate) -> bool| found.iter().filter(|fate| is(fate)).count();
        let whole = share(&|fate| *fate == Fate::Arrives(piece.clone()));
        assert!((12_600..13_400).contains(&whole), "{whole}");
        for (name, count) in [
            ("drop or truncated to nothing", share(&|fate| *fate == Fate::Arrives(Vec::new()))),
            ("duplicate", share(&|fate| matches!(fate, Fate::Arrives(piece) if piece.len() == 128))),
            ("stall", share(&|fate| matches!(fate, Fate::Stalls(1..=60, _)))),
            ("unplug", share(&|fate| matches!(fate, Fate::Unplugged(1..=60)))),
            ("power", share(&|fate| matches!(fate, Fate::LosesPower(1..=40, _)))),
        ] {
            assert!((800..1200).contains(&count), "{name}: {count}");
        }
    }
}
