//! Every command that help and README show works as it stands there.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use common::{Workplace, repository_path};

const COMMANDS: [&str; 24] = [
    "demo",
    "infer",
    "sim",
    "hierarchy",
    "model",
    "compile",
    "bench",
    "serve",
    "verify",
    "verilog",
    "solve",
    "mine",
    "cuckoo",
    "plan",
    "explore",
    "devices",
    "stick",
    "bitstream",
    "flash",
    "firmware",
    "doctor",
    "selftest",
    "completions",
    "man",
];

/// Commands within commands, whose help has examples too.
const PARTS: [&str; 7] = [
    "bitstream build",
    "bitstream verify",
    "model build",
    "bench infer",
    "cuckoo verify",
    "cuckoo trim",
    "plan cuckoo",
];

/// Lines that a backslash continues, as one.
fn joined(text: &str) -> String {
    text.replace("\\\n", " ")
}

/// Single spaces between words.
fn spaced(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The arguments of the examples in a command's help.
fn help_examples(workplace: &Workplace, command: &str) -> Vec<String> {
    let arguments: Vec<&str> = command.split(' ').chain(["--help"]).collect();
    let help = workplace.run(&arguments).expect(0).out;
    let (_, examples) = help.split_once("Examples:").unwrap_or_else(|| panic!("{command} has no examples"));
    assert!(examples.lines().all(|line| line.len() <= 80), "{command}: a narrow terminal would break an example");
    let examples = joined(examples);
    let lines = examples.lines().filter_map(|line| line.trim().strip_prefix("myelin "));
    lines.map(spaced).collect()
}

/// The arguments of the commands in the README's code blocks.
fn readme_examples() -> Vec<String> {
    let readme = joined(&std::fs::read_to_string(repository_path("README.md")).unwrap());
    let blocks = readme.split("```").skip(1).step_by(2);
    let commands = blocks.filter_map(|block| block.strip_prefix("sh\n")).flat_map(str::lines);
    let arguments = commands.filter_map(|line| {
        let line = line.split(" #").next().unwrap_or(line).trim();
        line.strip_prefix("cargo run --release -- ").or_else(|| line.strip_prefix("myelin "))
    });
    arguments.map(spaced).collect()
}

fn run(workplace: &Workplace, example: &str) -> String {
    let (example, file) = match example.split_once(" > ") {
        Some((example, file)) => (example, Some(file)),
        None => (example, None),
    };
    let arguments: Vec<&str> = example.split_whitespace().collect();
    let _stick = arguments.contains(&"tty:stick").then(|| workplace.stick(&[]));
    let run = workplace.run(&arguments);
    assert_eq!(run.code, 0, "myelin {example}:\n{}", run.err);
    assert!(!run.out.is_empty(), "myelin {example} says nothing");
    if let Some(file) = file {
        std::fs::write(workplace.path(file), &run.out).unwrap();
    }
    run.out
}

#[test]
fn every_command_has_examples_that_work() {
    let workplace = Workplace::new();
    for command in COMMANDS.into_iter().chain(PARTS) {
        let examples = help_examples(&workplace, command);
        assert!(!examples.is_empty(), "{command}");
        for example in examples {
            assert!(example.starts_with(command), "{example} is an example of {command}");
            run(&workplace, &example);
        }
    }
}

#[test]
fn the_list_of_commands_is_complete() {
    let workplace = Workplace::new();
    let help = workplace.run(&["--help"]).expect(0).out;
    let (_, listed) = help.split_once("Commands:\n").unwrap();
    let listed = listed.lines().take_while(|line| line.starts_with("  "));
    let mut listed: Vec<&str> = listed.filter_map(|line| line.split_whitespace().next()).collect();
    listed.retain(|&command| command != "help");
    assert_eq!(listed, COMMANDS);
}

#[test]
fn every_command_in_the_readme_works() {
    let workplace = Workplace::new();
    let examples = readme_examples();
    assert_eq!(examples.first().map(String::as_str), Some("demo"), "the first command is the demo");
    for command in COMMANDS.into_iter().chain(PARTS) {
        assert!(examples.iter().any(|example| example.starts_with(command)), "no example of {command}");
    }
    let helped: Vec<String> =
        COMMANDS.iter().chain(&PARTS).flat_map(|command| help_examples(&workplace, command)).collect();
    // What help shows too is run by the other test.
    for example in examples.iter().filter(|example| !helped.contains(example)) {
        run(&workplace, example);
    }
}

#[test]
fn the_readme_shows_what_the_demo_prints() {
    let workplace = Workplace::new();
    let printed = run(&workplace, "demo");
    // All but the end, the speed of the machine.
    let (printed, _) = printed.split_once("\n\nsimulated ").unwrap();
    let path = repository_path("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once("```text\npicture ").expect("README.md shows a demo");
    let (shown, after) = rest.split_once("\n```\n").unwrap();
    if std::env::var_os("MYELIN_BLESS").is_some() {
        std::fs::write(&path, format!("{before}```text\n{printed}\n```\n{after}")).unwrap();
        return;
    }
    let shown = format!("picture {shown}");
    assert_eq!(shown, printed, "README.md is behind: MYELIN_BLESS=1 cargo test -p myelin --test examples brings it up");
}
