//! The SBOM of a release is accepted by CycloneDX's own validator (PyPI cyclonedx-python-lib with json-validation, which holds the
//! official schema). POSTO_RELEASE names the release directory; python3 with venv and a package index are needed.
//! `POSTO_RELEASE=out cargo test -p posto-image --test sbom_schema`

use std::path::{Path, PathBuf};

use posto_image::process::Program;

/// Pinned: the validator must not change under us.
const VALIDATOR: &str = "cyclonedx-python-lib[json-validation]==11.12.0";
const CHECK: &str = "
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read())
sys.exit(str(error) if error else 0)
";

fn validate(python: &Path, sbom: &Path) -> Result<Vec<u8>, posto_image::process::ProcessError> {
    Program::new(python).args(["-c", CHECK]).arg(sbom).run()
}

#[test]
fn the_public_validator_accepts_the_sbom_and_would_refuse_a_wrong_one() {
    let release = PathBuf::from(
        std::env::var_os("POSTO_RELEASE").expect("POSTO_RELEASE names a release directory"),
    );
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sbom-validator");
    let python = venv.join("bin/python");
    if !python.exists() {
        Program::new("python3")
            .args(["-m", "venv"])
            .arg(&venv)
            .run()
            .unwrap();
    }
    Program::new(&python)
        .args([
            "-m",
            "pip",
            "install",
            "-q",
            "--disable-pip-version-check",
            VALIDATOR,
        ])
        .run()
        .unwrap();
    let sbom = release.join("sbom.cdx.json");
    validate(&python, &sbom).unwrap();

    let text = std::fs::read_to_string(&sbom).unwrap();
    let wrong = tempfile::NamedTempFile::new().unwrap();
    posto_image::place::whole(
        wrong.path(),
        text.replacen("\"library\"", "\"librarian\"", 1).as_bytes(),
    )
    .unwrap();
    assert!(validate(&python, wrong.path()).is_err());
}
