//! From a proof to its verdict: Verilog, Yosys, SMT.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use myelin_hdl::{Design, verilog};
use myelin_programs::{failed, output};

use crate::proof::{Method, Mutant, Proof};
use crate::tools::{ToolError, Tools};

/// What came out, and how long it took.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    /// Whether it holds.
    pub verdict: Verdict,
    /// Wall-clock seconds, Yosys included.
    pub seconds: f64,
}

/// Whether a proof holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Every assertion holds and every cover point can be reached.
    Proved,
    /// Assertions that do not hold within the stated cycles from reset: a real counterexample.
    Refuted(Vec<String>),
    /// Assertions that some state, reachable or not, leads to break: nothing is shown.
    NotInductive(Vec<String>),
    /// Cover points that cannot be reached: the proof may hold for want of a case.
    Unreachable(Vec<String>),
}

/// Proves: base case, then induction where the method has it, then covers.
///
/// # Errors
/// If a tool cannot be run or says something unexpected.
pub fn prove(proof: &Proof, tools: &Tools) -> Result<Outcome, ToolError> {
    let begun = Instant::now();
    let folder = Folder::new()?;
    translate(proof, &verilog_of(proof), tools, folder.path())?;
    let smtbmc = |arguments: &[&str], steps: u32| {
        check(tools.smtbmc(folder.path()).args(arguments).arg("-t").arg(steps.to_string()).arg(SMT))
    };
    let (base, induction) = match proof.method {
        Method::Induction { base, steps } => (base, Some(steps)),
        Method::Bounded { steps } => (steps, None),
    };
    let mut verdict = match smtbmc(&[], base)? {
        Some(broken) => Verdict::Refuted(broken),
        None => Verdict::Proved,
    };
    if let (Verdict::Proved, Some(steps)) = (&verdict, induction)
        && let Some(broken) = smtbmc(&["-i"], steps)?
    {
        verdict = Verdict::NotInductive(broken);
    }
    if verdict == Verdict::Proved
        && let Some(unreached) = smtbmc(&["-c"], proof.reach_steps)?
    {
        verdict = Verdict::Unreachable(unreached);
    }
    Ok(Outcome { verdict, seconds: begun.elapsed().as_secs_f64() })
}

/// Looks for a counterexample, from reset, to a proof with a planted bug.
///
/// # Panics
/// If the text to be replaced does not occur exactly once: the emitter or the block has changed,
/// and the bug must be planted anew.
///
/// # Errors
/// As [`prove`].
pub fn prove_mutant(proof: &Proof, mutant: &Mutant, tools: &Tools) -> Result<Outcome, ToolError> {
    let begun = Instant::now();
    let text = verilog_of(proof);
    let occurrences = text.matches(mutant.from).count();
    assert!(occurrences == 1, "{}: {:?} occurs {occurrences} times in\n{text}", proof.name, mutant.from);
    let folder = Folder::new()?;
    translate(proof, &text.replace(mutant.from, mutant.to), tools, folder.path())?;
    let steps = proof.reach_steps.to_string();
    let broken = check(tools.smtbmc(folder.path()).args(["-t", &steps, SMT]))?;
    let verdict = broken.map_or(Verdict::Proved, Verdict::Refuted);
    Ok(Outcome { verdict, seconds: begun.elapsed().as_secs_f64() })
}

const VERILOG: &str = "proof.v";
const SMT: &str = "proof.smt2";

/// The text that is proved.
pub fn verilog_of(proof: &Proof) -> String {
    let design = Design::new((proof.build)()).expect("a proof's names are identifiers");
    let options = verilog::Options { source_comments: verilog::SourceComments::Omit, ..verilog::Options::default() };
    verilog::emit_single(&design, options)
}

/// Writes the SMT of a Verilog text. The checks' own registers are bypassed, so that a check speaks
/// of the cycle in which it stands; flip-flops without reset begin with arbitrary contents.
fn translate(proof: &Proof, text: &str, tools: &Tools, folder: &Path) -> Result<(), ToolError> {
    let file = folder.join(VERILOG);
    fs::write(&file, text).map_err(|source| ToolError::Write { file: file.display().to_string(), source })?;
    let top = &(proof.build)().name;
    let script = format!(
        "read_verilog -formal -sv -DFORMAL {VERILOG}; prep -flatten -nordff -top {top}; chformal -early; \
         opt_clean; dffunmap; check -assert; write_smt2 -wires {SMT}"
    );
    let mut command = tools.yosys(folder);
    command.args(["-q", "-p", &script]);
    match output(&mut command)? {
        (true, _) => Ok(()),
        (false, said) => Err(failed(&command, &said).into()),
    }
}

/// The names of the checks that fail; `None` if none does.
fn check(command: &mut Command) -> Result<Option<Vec<String>>, ToolError> {
    let (success, said) = output(command)?;
    let status = said.lines().rev().find_map(|line| line.split_once("Status: ").map(|(_, status)| status.trim()));
    match (success, status) {
        (true, Some("PASSED")) => Ok(None),
        (false, Some("FAILED")) => Ok(Some(failing(&said))),
        _ => Err(failed(command, &said).into()),
    }
}

/// `Assert failed in <module>: <name>` and `Unreached cover statement at <name>.`
fn failing(said: &str) -> Vec<String> {
    let name = |line: &str| {
        let assertion = line.split_once("Assert failed in ").and_then(|(_, rest)| rest.split_once(": "));
        let cover = line.split_once("Unreached cover statement at ");
        assertion.or(cover).map(|(_, name)| name.trim_end_matches('.').to_owned())
    };
    said.lines().filter_map(name).collect()
}

/// A temporary folder.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Result<Folder, ToolError> {
        let file = std::env::temp_dir().display().to_string();
        tempfile::tempdir().map(Folder).map_err(|source| ToolError::Write { file, source })
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_failing_checks_are_read_from_what_the_tool_says() {
        let said = "## 0:00:00  BMC failed!\n##   0:00:00  Assert failed in fifo: level_is_at_most_depth\n\
                    ##   0:00:00  Unreached cover statement at queue_fills.\n##   0:00:00  Status: FAILED\n";
        assert_eq!(failing(said), ["level_is_at_most_depth", "queue_fills"]);
    }
}
