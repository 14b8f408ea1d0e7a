//! What is going on, on standard error.

use std::io::{self, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::arguments::ProgressChoice;

/// How progress is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProgressMode {
    /// A bar that redraws itself.
    Bar,
    /// Lines: one for each step, and ten for a count.
    Counter,
    /// Nothing.
    None,
}

impl ProgressMode {
    /// What the choice means for this standard error.
    pub fn choose(choice: ProgressChoice, stderr_is_terminal: bool) -> ProgressMode {
        match (choice, stderr_is_terminal) {
            (ProgressChoice::Bar, _) | (ProgressChoice::Auto, true) => ProgressMode::Bar,
            (ProgressChoice::Counter, _) | (ProgressChoice::Auto, false) => ProgressMode::Counter,
            (ProgressChoice::None, _) => ProgressMode::None,
        }
    }
}

/// Lines shown for a whole count.
const LINES: u64 = 10;

/// The progress of a command: steps in words, or one count at a time.
pub struct Progress {
    mode: ProgressMode,
    bar: Option<ProgressBar>,
    what: &'static str,
    done: u64,
    total: u64,
}

impl Progress {
    /// Nothing going on yet.
    pub fn new(mode: ProgressMode) -> Progress {
        Progress { mode, bar: None, what: "", done: 0, total: 0 }
    }

    /// Says what begins now.
    pub fn step(&mut self, text: &str) {
        match self.mode {
            ProgressMode::None => {}
            ProgressMode::Counter => line(text),
            ProgressMode::Bar => {
                self.clear();
                let spinner = ProgressBar::new_spinner();
                spinner.set_draw_target(ProgressDrawTarget::stderr());
                spinner.set_message(text.to_owned());
                spinner.enable_steady_tick(std::time::Duration::from_millis(100));
                self.bar = Some(spinner);
            }
        }
    }

    /// Begins to count `total` of `what`.
    pub fn count(&mut self, what: &'static str, total: u64) {
        self.clear();
        (self.what, self.done, self.total) = (what, 0, total);
        if self.mode == ProgressMode::Bar {
            let style = ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} {msg}, {per_sec} ({eta} left)")
                .expect("invariant: the template is valid");
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr()).with_style(style);
            bar.set_message(what);
            self.bar = Some(bar);
        }
    }

    /// One more is done.
    pub fn advance(&mut self) {
        let before = share(self.done, self.total);
        self.done += 1;
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
        if self.mode == ProgressMode::Counter && share(self.done, self.total) > before {
            line(&format!("{}/{} {}", self.done, self.total, self.what));
        }
    }

    /// So many are done, not fewer than before; the bar shows how many a second.
    pub fn advance_to(&mut self, done: u64) {
        let done = done.min(self.total);
        let before = share(self.done, self.total);
        self.done = done;
        if let Some(bar) = &self.bar {
            bar.set_position(done);
        }
        if self.mode == ProgressMode::Counter && share(done, self.total) > before {
            line(&format!("{done}/{} {}", self.total, self.what));
        }
    }

    /// Takes bar or spinner off the screen.
    pub fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// Lines that are due.
fn share(done: u64, total: u64) -> u64 {
    (u128::from(done) * u128::from(LINES) / u128::from(total.max(1))) as u64
}

fn line(text: &str) {
    // Progress that nobody can see is no failure.
    let _ = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn automatic_progress_draws_on_terminals_only() {
        assert_eq!(ProgressMode::choose(ProgressChoice::Auto, true), ProgressMode::Bar);
        assert_eq!(ProgressMode::choose(ProgressChoice::Auto, false), ProgressMode::Counter);
        assert_eq!(ProgressMode::choose(ProgressChoice::None, true), ProgressMode::None);
    }
}
