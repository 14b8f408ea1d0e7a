//! Arguments of `myelin explore`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use myelin_compile::Target;
use myelin_compile::memory::MemoryModel;

/// Most values of one parameter.
const VALUES_MAX: usize = 64;

/// Arguments of `myelin explore`.
#[derive(Args, Debug)]
pub struct ExploreArguments {
    /// Folder with `symbol` and `params`, or the name of a reference network, as squeezenet1.1.
    #[arg(value_name = "MODEL")]
    pub model: String,
    /// What every point is but for what is swept: card-u50, card-a10, stick-ecp5, stick-up5k or
    /// custom, with any `,<parameter>=<value>` behind it.
    #[arg(long, value_name = "TARGET", default_value = "card-u50", value_parser = target)]
    pub target: String,
    /// Cells: a range by doubling as 4..32, or values as 8,16.
    #[arg(long, value_name = "VALUES")]
    pub cells: Option<Values>,
    /// Rows of each cell's array.
    #[arg(long, value_name = "VALUES")]
    pub rows: Option<Values>,
    /// Columns of each cell's array.
    #[arg(long, value_name = "VALUES")]
    pub columns: Option<Values>,
    /// Bytes of a beat of each cell's memory port.
    #[arg(long, value_name = "VALUES")]
    pub lanes: Option<Values>,
    /// Lanes of each cell's activation scratchpad.
    #[arg(long, value_name = "VALUES")]
    pub activations: Option<Values>,
    /// Words of each cell's weight scratchpad.
    #[arg(long, value_name = "VALUES")]
    pub weights: Option<Values>,
    /// Memories: ideal, hbm, ddr4, ddr3, spi or BYTES[/CYCLES]:READ:WRITE (bytes a cycle, latencies).
    #[arg(long, value_name = "MEMORY", value_delimiter = ',')]
    pub memory: Vec<MemoryModel>,
    /// Picture of multipliers against time to write.
    #[arg(short, long, value_name = "FILE.svg")]
    pub output: Option<PathBuf>,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// Values of a parameter: at least one, all positive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Values(pub Vec<u32>);

impl FromStr for Values {
    type Err = String;

    fn from_str(text: &str) -> Result<Values, String> {
        let number = |text: &str| text.parse::<u32>().ok().filter(|&value| value > 0);
        let values: Option<Vec<u32>> = match text.split_once("..") {
            Some((from, to)) => match (number(from), number(to)) {
                (Some(from), Some(to)) if from <= to => {
                    let next = |&value: &u32| value.checked_mul(2).filter(|&value| value <= to);
                    Some(std::iter::successors(Some(from), next).collect())
                }
                _ => None,
            },
            None => text.split(',').map(number).collect(),
        };
        let values = values.filter(|values| values.len() <= VALUES_MAX);
        values.map(Values).ok_or_else(|| "expected <from>..<to>, by doubling, or positive values as 8,12,16".to_owned())
    }
}

/// The text of a target, kept as it is for what is swept to be put behind it.
fn target(text: &str) -> Result<String, String> {
    text.parse::<Target>().map(|_| text.to_owned()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_double_and_lists_are_as_they_stand() {
        assert_eq!("4..32".parse(), Ok(Values(vec![4, 8, 16, 32])));
        assert_eq!("6..30".parse(), Ok(Values(vec![6, 12, 24])));
        assert_eq!("16,12".parse(), Ok(Values(vec![16, 12])));
        for wrong in ["", "0", "8..4", "a..b", "4..", "1,,2", "-1"] {
            assert!(wrong.parse::<Values>().is_err(), "{wrong:?}");
        }
    }
}
