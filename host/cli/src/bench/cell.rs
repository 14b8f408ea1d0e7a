//! The tensor cell on the digits network, each answer compared with the golden model.

use myelin_driver::{Device, Selector};
use myelin_isa::Architecture;
use myelin_sim::Simulator;

use super::{Bench, Outcome};
use crate::device::{Comparison, GoldenDevice, Opened, open};
use crate::digits::{Digits, PIXELS};
use crate::failure::Failure;
use crate::terminal::Progress;

/// The cell's bench.
pub struct CellBench {
    opened: Opened,
    golden: GoldenDevice,
    /// All pictures, one behind the other.
    pictures: Vec<i32>,
    /// The next.
    index: usize,
}

impl CellBench {
    /// Builds the cell and loads the program; the seed chooses the first picture.
    pub fn new(architecture: Architecture, seed: u64, progress: &mut Progress) -> Result<CellBench, Failure> {
        let digits = Digits::of(architecture.precision());
        let model = digits.model()?;
        let opened = open(&Selector::simulated(architecture), &model, progress)?;
        let pictures = digits.pictures();
        let count = (pictures.len() / PIXELS) as u64;
        Ok(CellBench { opened, golden: GoldenDevice::new(&model)?, pictures, index: (seed % count) as usize })
    }
}

impl Bench for CellBench {
    fn simulator(&mut self) -> &mut Simulator {
        self.opened.simulated().expect("invariant: a cell was opened").simulator()
    }

    fn run(&mut self, cycles: u64, progress: &mut Progress) -> Result<Outcome, Failure> {
        let mut outcome = Outcome { what: "pictures", right: 0, wrong: None, failure: None };
        let begun = self.opened.cycle();
        while self.opened.cycle() - begun < cycles {
            let index = self.index;
            self.index = (index + 1) % (self.pictures.len() / PIXELS);
            let picture = &self.pictures[index * PIXELS..][..PIXELS];
            let answer = self.opened.device().run(picture)?;
            let comparison = Comparison::new(&answer, &self.golden.run(picture)?);
            if !comparison.is_exact() {
                outcome.wrong = Some(format!("picture {index}: {:?}", comparison.first));
                break;
            }
            outcome.right += 1;
            progress.advance_to(self.opened.cycle() - begun);
        }
        Ok(outcome)
    }
}
