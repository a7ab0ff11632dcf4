//! Keys on a token: SoftHSM stands for it (Debian packages softhsm2, opensc). Where they are missing this says so and is no proof.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::ground::Ground;

const MODULES: [&str; 2] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
];
const PIN: &str = "482913";

/// A ground with two tokens, each with a key on P-256. `None`: there is no SoftHSM here.
fn tokens() -> Option<(Ground, PathBuf)> {
    let module = MODULES.iter().map(Path::new).find(|path| path.exists());
    let runs = |program: &str| Command::new(program).arg("--help").output().is_ok();
    let (Some(module), true, true) = (module, runs("softhsm2-util"), runs("pkcs11-tool")) else {
        eprintln!("SKIPPED: no softhsm2 or no opensc here; nothing was shown about tokens");
        return None;
    };
    let mut ground = Ground::new();
    let conf = ground.path("softhsm2.conf");
    let folder = ground.path("tokens");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(
        &conf,
        format!("directories.tokendir = {}\n", folder.display()),
    )
    .unwrap();
    ground.environment.push(("SOFTHSM2_CONF", conf.clone()));
    std::fs::write(ground.path("pin"), PIN).unwrap();
    ground
        .environment
        .push(("POSTO_SIGN_PIN_FILE", ground.path("pin")));
    let run = |program: &str, words: &[&str]| {
        let output = Command::new(program)
            .env("SOFTHSM2_CONF", &conf)
            .args(words)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{program} {words:?}: {said}");
    };
    let module_path = module.to_str().unwrap();
    for token in ["one", "two"] {
        let init = [
            "--init-token",
            "--free",
            "--label",
            token,
            "--pin",
            PIN,
            "--so-pin",
            "98765432",
        ];
        run("softhsm2-util", &init);
        for (id, kind) in [
            ("01", "EC:prime256v1"),
            ("02", "EC:secp384r1"),
            ("03", "EC:prime256v1"),
        ] {
            let make = [
                "--module",
                module_path,
                "--token-label",
                token,
                "--login",
                "--pin",
                PIN,
                "--keypairgen",
                "--key-type",
                kind,
                "--id",
                id,
                "--label",
                id,
            ];
            run("pkcs11-tool", &make);
        }
    }
    let module = module.to_path_buf();
    Some((ground, module))
}

fn note<'a>(module: &'a Path, name: &'a str, token: &'a str, id: &'a str) -> Vec<&'a str> {
    let module = module.to_str().unwrap();
    vec![
        "token",
        "--ceremony",
        "c",
        "--name",
        name,
        "--module",
        module,
        "--token",
        token,
        "--id",
        id,
    ]
}

fn replace(key: &str) -> [&str; 6] {
    ["root", "rotate", "--ceremony", "c", "--replace", key]
}

#[test]
fn root_and_targets_keys_on_tokens_sign_releases_and_are_rotated() {
    let Some((ground, module)) = tokens() else {
        return;
    };
    // What is no key for this is not noted.
    let refused = |name, token, id, why: &str| {
        let said = ground.refused(&note(&module, name, token, id));
        assert!(said.contains(why), "{said}");
    };
    refused("root-1", "three", "01", "there is no token three");
    refused("root-1", "one", "09", "no public key with the id 09");
    refused("root-1", "one", "02", "not on the curve P-256");
    assert!(!ground.path("c/keys/root-1.pub").exists());
    ground.signed(&note(&module, "root-1", "one", "01"));
    ground.signed(&note(&module, "targets-1", "two", "01"));
    refused("root-1", "two", "01", "never overwritten");
    let init = [
        "init",
        "--ceremony",
        "c",
        "--root",
        "2/2",
        "--targets",
        "1/1",
    ];
    let said = ground.signed(&init);
    assert!(said.contains("keys on tokens: root-1, targets-1"), "{said}");
    assert!(
        said.contains("new keys: root-2, snapshot-1, timestamp-1"),
        "{said}"
    );
    assert!(!ground.path("c/keys/targets-1.key").exists());
    ground.release("a", 1_000, b"a");
    ground.publish("a", &[]);
    ground.begin_client();
    assert!(ground.fetch("r", "releases/a/manifest.json"));

    // The wrong PIN is tried once, and nothing is published.
    std::fs::write(ground.path("pin"), "111111").unwrap();
    ground.release("b", 2_000, b"b");
    let said = ground.refused(&["publish", "b", "--ceremony", "c", "--repo", "r"]);
    assert!(said.contains("the PIN is wrong"), "{said}");
    std::fs::write(ground.path("pin"), PIN).unwrap();

    // The next key of the targets is another token's; the old one is revoked, and not taken again later.
    ground.signed(&note(&module, "targets-2", "one", "03"));
    let said = ground.signed(&replace("targets-1"));
    assert!(said.contains("keys on tokens: targets-2"), "{said}");
    ground.publish("b", &[]);
    assert!(ground.fetch("r", "releases/b/manifest.json"));
    let said = ground.signed(&replace("targets-2"));
    assert!(said.contains("new keys: targets-3"), "{said}");

    // A token that is not there, or holds another key than was noted.
    std::fs::rename(ground.path("tokens"), ground.path("away")).unwrap();
    std::fs::create_dir(ground.path("tokens")).unwrap();
    let rotate = ["root", "rotate", "--ceremony", "c"];
    let said = ground.refused(&rotate);
    assert!(said.contains("there is no token one"), "{said}");
    std::fs::remove_dir(ground.path("tokens")).unwrap();
    std::fs::rename(ground.path("away"), ground.path("tokens")).unwrap();
    let at = ground.path("c/keys/root-1.token");
    let place = std::fs::read_to_string(&at).unwrap();
    std::fs::write(&at, place.replace("\"01\"", "\"03\"")).unwrap();
    let said = ground.refused(&rotate);
    assert!(said.contains("not by the key that was noted"), "{said}");
}
