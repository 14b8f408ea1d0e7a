//! Assertions, assumptions and covers.

use std::fmt::Write as _;

use crate::ir::{Check, CheckKind};

use super::body::Body;
use super::emit::SimulationChecks;
use super::live::Place;

/// Whether a check can fail in simulation.
pub(super) fn is_simulated(check: &Check) -> bool {
    match check.kind {
        CheckKind::Assert | CheckKind::Assume => true,
        CheckKind::Cover => false,
    }
}

impl Body<'_> {
    /// For formal tools. A proof starts in reset; what the top assumes, a child's parent must show.
    pub(super) fn formal_checks(&mut self) {
        let is_top = self.design.top().digest == self.module.digest;
        let starts = is_top && self.module.has_reset && self.design.modules().iter().any(|m| !m.checks.is_empty());
        if self.module.checks.is_empty() && !starts {
            return;
        }
        self.out.push_str("`ifdef FORMAL\n");
        if starts {
            let reset = self.reset_text();
            _ = writeln!(self.out, "  initial assume (!{reset});");
        }
        if !self.module.checks.is_empty() {
            self.section(|body| body.values_of(Place::Checks));
            let (clock, reset) = (self.clock_text(), self.reset_text());
            _ = write!(self.out, "  always @(posedge {clock}) begin\n    if ({reset}) begin\n");
            for (check, index) in self.module.checks.iter().zip(0..) {
                let keyword = match check.kind {
                    CheckKind::Assert => "assert",
                    CheckKind::Assume if is_top => "assume",
                    CheckKind::Assume => "assert",
                    CheckKind::Cover => "cover",
                };
                let condition = self.bits(check.condition);
                let code = format!("    {}: {keyword} ({condition});", self.labels[index]);
                self.line(&code, check.location);
            }
            self.out.push_str("    end\n  end\n");
            self.unread("unused_checks", Vec::new());
        }
        self.out.push_str("`endif\n");
    }

    /// For simulators, where asked for.
    pub(super) fn simulation_checks(&mut self) {
        let module = self.module;
        let checks: Vec<&Check> = module.checks.iter().filter(|check| is_simulated(check)).collect();
        if checks.is_empty() || self.options.simulation_checks == SimulationChecks::Omit {
            return;
        }
        let (clock, reset) = (self.clock_text(), self.reset_text());
        _ = write!(
            self.out,
            "`ifndef SYNTHESIS\n`ifndef FORMAL\n  always @(posedge {clock}) begin\n    if ({reset}) begin\n"
        );
        for check in checks {
            let condition = self.bits(check.condition);
            let code = format!("    if (!{condition}) $error(\"%m: {} does not hold\");", check.name);
            self.line(&code, check.location);
        }
        self.out.push_str("    end\n  end\n`endif\n`endif\n");
    }
}
