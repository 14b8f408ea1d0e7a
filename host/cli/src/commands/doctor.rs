//! `myelin doctor`: what this machine has and lacks.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use myelin_cpu::Path as KernelPath;
use myelin_driver::{FoundStick, KNOWN_BRIDGES, UDEV_HINT, plugged_in};
use serde::Serialize;

use super::JSON_SCHEMA_VERSION;
use crate::arguments::DoctorArguments;
use crate::context::Context;
use crate::failure::{Failure, Verdict};
use crate::terminal::{Align, Table};

/// Where a rule for the sticks may be.
const RULE_FOLDERS: [&str; 3] = ["/etc/udev/rules.d", "/run/udev/rules.d", "/usr/lib/udev/rules.d"];
const RULE: &str = "70-myelin.rules";
/// Tools that something needs, how to ask for their version, and what needs them.
const TOOLS: [(&str, &str, &str); 9] = [
    ("iverilog", "-V", "tests: emitted Verilog beside the simulator"),
    ("verilator", "--version", "tests: the same; benchmarks"),
    ("yosys", "-V", "tests: netlists and proofs; bitstreams"),
    ("yices-smt2", "--version", "proofs"),
    ("nextpnr-ecp5", "--version", "bitstreams of ECP5 sticks"),
    ("nextpnr-ice40", "--version", "bitstreams of iCE40 sticks"),
    ("openFPGALoader", "--Version", "flashing sticks"),
    ("python3", "--version", "comparisons with other software"),
    ("g++", "--version", "tests: Verilator's models"),
];
/// A tool that takes longer to say its version is not waited for.
const TOOL_DEADLINE: Duration = Duration::from_secs(10);

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    healthy: bool,
    findings: Vec<Finding>,
}

#[derive(Serialize)]
struct Finding {
    subject: String,
    state: State,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

#[derive(Serialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum State {
    /// As it should be.
    Ok,
    /// Not there; something that is not always wanted needs it.
    Missing,
    /// There, and not usable.
    Broken,
}

/// Looks, and prints what it sees; the answer is no if something is there that cannot be used.
pub fn run(arguments: &DoctorArguments, context: &mut Context) -> Result<Verdict, Failure> {
    let mut findings = vec![processor()];
    findings.extend(sticks(&plugged_in()));
    findings.push(udev_rule(&RULE_FOLDERS.map(Path::new)));
    findings.extend(TOOLS.into_iter().map(tool));
    let healthy = findings.iter().all(|finding| finding.state != State::Broken);
    if arguments.json {
        context.write_json(&Report { schema_version: JSON_SCHEMA_VERSION, healthy, findings })?;
    } else {
        let mut table = Table::new(&["subject", "state", "detail"].map(|name| (name, Align::Left)));
        for Finding { subject, state, detail, hint } in findings {
            let state = match state {
                State::Ok => "ok",
                State::Missing => "-",
                State::Broken => "BROKEN",
            };
            let detail = hint.map_or(detail.clone(), |hint| format!("{detail}; {hint}"));
            table.row([subject, state.to_owned(), detail]);
        }
        table.write(context)?;
    }
    Ok(if healthy { Verdict::Yes } else { Verdict::No })
}

fn found(subject: impl Into<String>, state: State, detail: impl Into<String>, hint: Option<&str>) -> Finding {
    Finding { subject: subject.into(), state, detail: detail.into(), hint: hint.map(str::to_owned) }
}

fn processor() -> Finding {
    let paths = KernelPath::available().into_iter().map(KernelPath::name).collect::<Vec<_>>().join(", ");
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get());
    let detail = format!("{threads} threads; kernels: {paths}; used: {}", KernelPath::fastest());
    found("processor", State::Ok, detail, None)
}

fn sticks(plugged_in: &[FoundStick]) -> Vec<Finding> {
    if plugged_in.is_empty() {
        let known: Vec<String> = KNOWN_BRIDGES
            .iter()
            .map(|(vendor, product, name)| format!("{vendor:04x}:{product:04x} ({name})"))
            .collect();
        let detail = format!("none plugged in with a bridge {}", known.join(" or "));
        return vec![found("sticks", State::Missing, detail, None)];
    }
    plugged_in.iter().flat_map(|stick| std::iter::once(permission(stick)).chain(latency(stick))).collect()
}

/// Whether this user may open the port.
fn permission(stick: &FoundStick) -> Finding {
    let subject = format!("stick {}", stick.id);
    let path = stick.path.display();
    let opened = std::fs::OpenOptions::new().read(true).write(true).open(&stick.path);
    match opened {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            found(subject, State::Broken, format!("{}, {path}: permission denied", stick.product), Some(UDEV_HINT))
        }
        // In use counts as usable: by whoever uses it.
        _ => found(subject, State::Ok, format!("{}, {path}", stick.product), None),
    }
}

/// How long the bridge waits for more bytes before it passes on what it has.
fn latency(stick: &FoundStick) -> Option<Finding> {
    let name = stick.path.file_name()?.to_str()?;
    let file = PathBuf::from("/sys/bus/usb-serial/devices").join(name).join("latency_timer");
    let milliseconds: u32 = std::fs::read_to_string(file).ok()?.trim().parse().ok()?;
    let subject = format!("latency of {name}");
    let detail = format!("{milliseconds} ms");
    let hint = "every answer waits so long: install host/driver/udev/70-myelin.rules, which sets 1 ms";
    Some(if milliseconds <= 2 {
        found(subject, State::Ok, detail, None)
    } else {
        found(subject, State::Missing, detail, Some(hint))
    })
}

fn udev_rule(folders: &[&Path]) -> Finding {
    match folders.iter().map(|folder| folder.join(RULE)).find(|path| path.is_file()) {
        Some(path) => found("udev rule", State::Ok, path.display().to_string(), None),
        None => found(
            "udev rule",
            State::Missing,
            format!("{RULE} is not installed; only sticks need it"),
            Some("sudo cp host/driver/udev/70-myelin.rules /etc/udev/rules.d/ && sudo udevadm control --reload"),
        ),
    }
}

fn tool((name, argument, what_for): (&str, &str, &str)) -> Finding {
    match version(name, argument) {
        Version::Said(version) => found(name, State::Ok, version, None),
        Version::NotThere => found(name, State::Missing, format!("not on PATH; for {what_for}"), None),
        Version::Fails => found(name, State::Broken, format!("does not say its version; for {what_for}"), None),
    }
}

enum Version {
    Said(String),
    NotThere,
    Fails,
}

/// The first line that a tool says of its version, on either stream.
fn version(name: &str, argument: &str) -> Version {
    let command =
        Command::new(name).arg(argument).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = match command {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Version::NotThere,
        Err(_) => return Version::Fails,
    };
    let begin = Instant::now();
    // What it says fits the pipes, so that waiting for its end cannot block it.
    while matches!(child.try_wait(), Ok(None)) {
        if begin.elapsed() > TOOL_DEADLINE {
            let _ = child.kill();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let Ok(output) = child.wait_with_output() else { return Version::Fails };
    let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    let text = String::from_utf8_lossy(&text);
    match text.lines().find(|line| !line.trim().is_empty()) {
        Some(line) if output.status.success() => Version::Said(line.trim().to_owned()),
        _ => Version::Fails,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stick(path: &Path) -> FoundStick {
        let id = "0403:6015:K1".parse().unwrap();
        FoundStick { id, path: path.to_owned(), product: "ULX3S".to_owned(), interface: 0 }
    }

    #[test]
    fn a_port_that_may_be_opened_is_ok_and_one_that_may_not_comes_with_the_rule() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let found = permission(&stick(file.path()));
        assert!(found.state == State::Ok && found.detail.contains("ULX3S"));
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o000)).unwrap();
        // Root may open everything.
        if std::fs::File::open(file.path()).is_err() {
            let found = permission(&stick(file.path()));
            assert!(found.state == State::Broken && found.hint.unwrap().contains("70-myelin.rules"));
        }
    }

    #[test]
    fn the_rule_is_found_where_it_is_installed() {
        let folder = tempfile::tempdir().unwrap();
        let folders = [Path::new("/nowhere"), folder.path()];
        assert!(udev_rule(&folders).state == State::Missing);
        std::fs::write(folder.path().join(RULE), "").unwrap();
        assert!(udev_rule(&folders).detail.ends_with(RULE));
    }

    #[test]
    fn tools_are_asked_for_their_version() {
        assert!(matches!(version("no-such-tool-7", "-V"), Version::NotThere));
        assert!(matches!(version("false", "-V"), Version::Fails));
        let Version::Said(line) = version("echo", "tool 1.2") else { panic!("echo says what it is told") };
        assert_eq!(line, "tool 1.2");
    }

    #[test]
    fn the_shipped_rule_names_every_known_bridge() {
        let rule = include_str!("../../../driver/udev/70-myelin.rules");
        for (vendor, product, _) in KNOWN_BRIDGES {
            let line = format!("ATTRS{{idVendor}}==\"{vendor:04x}\", ATTRS{{idProduct}}==\"{product:04x}\"");
            assert!(rule.contains(&line), "{line}");
        }
    }
}
