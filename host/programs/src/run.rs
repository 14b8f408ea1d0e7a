//! One run of a program.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::error::ProgramError;

/// Lines of a failed program's output that are told.
const LINES_TOLD: usize = 12;

/// Runs a command that must end well; what it said on both streams.
///
/// # Errors
/// [`ProgramError::Start`], [`ProgramError::Failed`].
pub fn run(command: &mut Command) -> Result<String, ProgramError> {
    let (success, said) = output(command)?;
    if success { Ok(said) } else { Err(failed(command, &said)) }
}

/// Runs a command to its end, without input: whether it ended well, and what it said, standard output first.
///
/// # Errors
/// [`ProgramError::Start`].
pub fn output(command: &mut Command) -> Result<(bool, String), ProgramError> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|source| ProgramError::Start { program: name(command), source })?;
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if output.status.code().is_none() {
        // It could not say so itself.
        said += &output.status.to_string();
    }
    Ok((output.status.success(), said))
}

/// The error of a command that said something unexpected.
pub fn failed(command: &Command, said: &str) -> ProgramError {
    let lines: Vec<&str> = said.lines().collect();
    let output = lines[lines.len().saturating_sub(LINES_TOLD)..].join("\n");
    ProgramError::Failed { program: name(command), output }
}

/// The first program of this name on the `PATH`.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_command_tells_the_end_of_what_it_said() {
        let script = "for line in $(seq 20); do echo $line; done; exit 3";
        let error = run(Command::new("sh").args(["-c", script])).unwrap_err().to_string();
        assert_eq!(error, "run sh: 9\n10\n11\n12\n13\n14\n15\n16\n17\n18\n19\n20");
    }

    #[test]
    fn a_command_that_was_killed_is_told_by_its_signal() {
        let error = run(Command::new("sh").args(["-c", "echo begun; kill -9 $$"])).unwrap_err().to_string();
        assert_eq!(error, "run sh: begun\nsignal: 9 (SIGKILL)");
    }

    #[test]
    fn both_streams_of_a_good_command_are_answered() {
        let said = run(Command::new("sh").args(["-c", "echo loud; echo quiet >&2"])).unwrap();
        assert_eq!(said, "loud\nquiet\n");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = run(&mut Command::new("no-such-program")).unwrap_err();
        assert!(matches!(&error, ProgramError::Start { program, .. } if program == "no-such-program"), "{error}");
        assert_eq!((find("no-such-program"), find("sh").is_some()), (None, true));
    }
}
