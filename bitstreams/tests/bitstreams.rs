//! Bitstreams: built twice alike, described truly, and written only where they belong.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use myelin_bitstream::{BitstreamError, Board, Family, Loader, Manifest, Project, Source, Tools};

/// A counter whose highest bit is a light, for an iCEBreaker.
fn blinker() -> Project {
    let text = "module blinker(input clk_i, output led_o);
  reg [23:0] count_q = 0;
  always @(posedge clk_i) count_q <= count_q + 1;
  assign led_o = count_q[23];
endmodule\n";
    Project {
        board: "blinker",
        part: "iCE40UP5K-SG48",
        jtag_id: None,
        loader_board: "ice40_generic",
        family: Family::Ice40,
        place: &["--up5k", "--package", "sg48"],
        synthesis: "synth_ice40 -device u",
        top: "blinker",
        sources: vec![Source { name: "blinker.v".to_owned(), text: text.to_owned() }],
        pins: "set_io clk_i 35\nset_io led_o 11\n",
        clock_mhz: 12.0,
        aim_mhz: 12.0,
        seed: 1,
        parameters: "24 bits".to_owned(),
        specification: 0x1234,
        firmware: b"none".to_vec(),
        slot: None,
    }
}

/// The tools, or a visible skip.
fn tools() -> Option<Tools> {
    match Tools::find() {
        Ok(tools) => Some(tools),
        Err(error) if std::env::var_os("MYELIN_REQUIRE_TOOLS").is_some_and(|value| value == "1") => panic!("{error}"),
        Err(error) => {
            eprintln!("SKIPPED: {error}");
            None
        }
    }
}

#[test]
fn a_design_built_twice_is_the_same_to_the_byte_and_its_manifest_is_true() {
    let Some(tools) = tools() else { return };
    let project = blinker();
    let folders = [tempfile::tempdir_in(target()).unwrap(), tempfile::tempdir_in(target()).unwrap()];
    let mut steps = 0;
    let [first, second] =
        folders.each_ref().map(|folder| project.build(&tools, folder.path(), &mut |_| steps += 1).unwrap());
    assert_eq!(steps, 6);
    assert!(first == second && first.image.len() > 10_000, "{} bytes", first.image.len());
    let manifest = &first.manifest;
    assert!(manifest.reached_mhz >= 12.0 && manifest.worst_slack_ns >= 0.0, "{manifest:?}");
    assert!(manifest.resources.iter().any(|resource| resource.name == "ICESTORM_LC" && resource.used >= 24));
    manifest.check_image(&first.image).unwrap();
    assert_eq!(manifest.source_revision, project.revision());
}

#[test]
fn a_clock_that_is_missed_is_an_error_with_both_numbers() {
    let Some(tools) = tools() else { return };
    let project = Project { clock_mhz: 400.0, aim_mhz: 400.0, ..blinker() };
    let folder = tempfile::tempdir_in(target()).unwrap();
    let error = project.build(&tools, folder.path(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, BitstreamError::Timing { expected, .. } if expected == 400.0), "{error}");
}

#[test]
fn whatever_goes_in_shows_in_the_revision() {
    let project = blinker();
    let mut others = vec![
        Project { seed: 2, ..project.clone() },
        Project { pins: "", ..project.clone() },
        Project { firmware: vec![1], ..project.clone() },
        Project { specification: 0, ..project.clone() },
        Project { place: &["--hx8k"], ..project.clone() },
    ];
    let mut other = project.clone();
    other.sources[0].text.push('\n');
    others.push(other);
    assert!(others.iter().all(|other| other.revision() != project.revision()));
    assert_eq!(project.revision(), blinker().revision());
}

/// Of the firmware of [`blinker`].
const NONE_SHA256: &str = "140bedbf9c3f6d56a9846d2ba7088798683f4da0c248231336e6a05679e4fdfe";

/// A folder with an image, its manifest, and a loader that writes down what it is asked.
struct Bench {
    folder: tempfile::TempDir,
    project: Project,
}

impl Bench {
    fn new(jtag_id: Option<u32>) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let image = b"an image".to_vec();
        let project = Project { jtag_id, ..blinker() };
        let manifest = Manifest {
            manifest_version: 1,
            board: project.board.to_owned(),
            part: project.part.to_owned(),
            jtag_id,
            parameters: project.parameters.clone(),
            source_revision: project.revision(),
            tools: Tools::versions(),
            specification: format!("{:016x}", project.specification),
            image: "blinker.bit".to_owned(),
            image_bytes: image.len() as u64,
            image_sha256: "9cb9b1a4a1a2d24f1e0ec2d1bd4cdaaae8a7fefd0a6a3fb9cfb3b0c9ccff8d9b".to_owned(),
            firmware_sha256: NONE_SHA256.to_owned(),
            slot_sha256: None,
            clock_mhz: 12.0,
            reached_mhz: 50.0,
            worst_slack_ns: 63.33,
            resources: Vec::new(),
        };
        std::fs::write(folder.path().join("blinker.bit"), &image).unwrap();
        let bench = Bench { folder, project };
        // The true sum of the image, as the check itself says it.
        let Err(BitstreamError::Mismatch { found, .. }) = manifest.check_image(&image) else { panic!("a wrong sum") };
        bench.write(&Manifest { image_sha256: found, ..manifest });
        let loader = "#!/bin/sh\necho \"$@\" >> \"$(dirname \"$0\")/log\"\necho 'idcode 0x41113043'\n";
        std::fs::write(bench.loader(), loader).unwrap();
        std::fs::set_permissions(bench.loader(), std::fs::Permissions::from_mode(0o755)).unwrap();
        bench
    }

    fn loader(&self) -> PathBuf {
        self.folder.path().join("openFPGALoader")
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("blinker.json")
    }

    fn manifest(&self) -> Manifest {
        Manifest::read(&self.path()).unwrap()
    }

    fn write(&self, manifest: &Manifest) {
        std::fs::write(self.path(), manifest.to_json()).unwrap();
    }

    /// Writes to the board; answers the error's text, and what the loader was asked.
    fn flash(&self) -> (Option<String>, String) {
        let log = self.folder.path().join("log");
        let _ = std::fs::remove_file(&log);
        let written = Loader::at(&self.loader()).write(&self.project, &self.path(), false);
        (written.err().map(|error| error.to_string()), std::fs::read_to_string(log).unwrap_or_default())
    }
}

#[test]
fn an_image_goes_to_the_board_it_was_made_for() {
    let bench = Bench::new(Some(0x4111_3043));
    let (error, log) = bench.flash();
    assert_eq!(error, None);
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines[0], "--board ice40_generic --detect");
    assert!(
        lines[1].starts_with("--board ice40_generic --write-flash --verify ") && lines[1].ends_with("/blinker.bit")
    );
    // A part of another revision is the same part; a board without JTAG is not asked.
    assert_eq!(Bench::new(Some(0x2111_3043)).flash().0, None);
    let (error, log) = Bench::new(None).flash();
    assert_eq!((error, log.lines().count()), (None, 1));
}

#[test]
fn nothing_is_written_when_anything_does_not_fit() {
    let other_part = Bench::new(Some(0x4111_2043)).flash();
    assert!(other_part.0.unwrap().contains("0x41113043"));
    assert_eq!(other_part.1.lines().count(), 1, "only asked: {}", other_part.1);

    let bench = Bench::new(None);
    let good = bench.manifest();
    let wrong = [
        (Manifest { board: "other".to_owned(), ..good.clone() }, "the board is"),
        (Manifest { part: "other".to_owned(), ..good.clone() }, "the part is"),
        (Manifest { specification: "0".repeat(16), ..good.clone() }, "specification hash"),
        (Manifest { image_sha256: "0".repeat(64), ..good.clone() }, "SHA-256 of the image"),
        (Manifest { image_bytes: 9, ..good.clone() }, "the image is"),
        (Manifest { firmware_sha256: "0".repeat(64), ..good.clone() }, "SHA-256 of the firmware"),
        (Manifest { slot_sha256: Some("0".repeat(64)), ..good.clone() }, "SHA-256 of the slot"),
        (Manifest { image: "../blinker.bit".to_owned(), ..good.clone() }, "without folders"),
        (Manifest { image: "missing.bit".to_owned(), ..good.clone() }, "missing.bit"),
        (Manifest { manifest_version: 2, ..good.clone() }, "version 2"),
    ];
    for (manifest, expected) in wrong {
        bench.write(&manifest);
        let (error, log) = bench.flash();
        assert!(error.as_ref().is_some_and(|error| error.contains(expected)), "{error:?}, expected {expected}");
        assert_eq!(log, "");
    }
    std::fs::write(bench.path(), "{}").unwrap();
    assert!(bench.flash().0.unwrap().contains("manifest"));
    bench.write(&good);
    assert_eq!(bench.flash().0, None);
}

#[test]
fn a_manifest_survives_the_way_through_its_file() {
    let bench = Bench::new(Some(7));
    let manifest = bench.manifest();
    assert_eq!(Manifest::read(&bench.path()).unwrap(), manifest);
    manifest.read_image(&bench.path()).unwrap();
}

#[test]
fn the_committed_images_are_of_these_sources_and_this_firmware() {
    use sha2::{Digest, Sha256};
    for board in Board::ALL {
        let name = board.name();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("images/{name}.json"));
        let manifest = Manifest::read(&path).unwrap();
        let sum = |bytes: &[u8]| Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let hint = format!("myelin bitstream build {name} -o bitstreams/images");
        let project = board.project(board.firmware());
        assert_eq!(manifest.source_revision, project.revision(), "{hint}");
        assert_eq!(manifest.firmware_sha256, sum(&board.firmware()), "{hint}");
        assert_eq!(manifest.slot_sha256, board.slot().as_deref().map(sum), "{hint}");
        manifest.read_image(&path).unwrap();
        assert!(manifest.reached_mhz >= project.clock_mhz, "{name}: {} MHz", manifest.reached_mhz);
    }
}

/// Not under the system's temporary folder: the tools run in a sandbox that does not see it.
fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}
