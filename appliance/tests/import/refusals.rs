//! Files that cannot be imported.

use posto::database::import::error::{ImportError, NotADump};

use crate::ground::{FakeServices, Ground, compressed, made_dump, mariadb_is_here, put, twice};

#[test]
fn every_unusable_file_is_refused_with_its_own_error_and_changes_nothing() {
    if !mariadb_is_here() {
        return;
    }
    let ground = Ground::new();
    let whole = std::fs::read_to_string(made_dump(&ground, 3000, |text| text)).unwrap();
    let path = ground.dir.path().join("file");
    type Check = fn(&ImportError) -> bool;
    let half = whole.len() / 2;
    let mut half_text = half;
    while !whole.is_char_boundary(half_text) {
        half_text += 1;
    }
    let gzip = compressed(&whole, "gzip");
    let zstd = compressed(&whole, "zstd");
    let xz = compressed(&whole, "xz");
    let (cut, rest) = whole.split_at(half_text);
    let no_end = whole.replace("-- Dump completed", "-- something");
    let cases: Vec<(&str, Vec<u8>, Check)> = vec![
        ("empty", Vec::new(), |e| {
            matches!(
                e,
                ImportError::NotADump {
                    what: NotADump::Empty,
                    ..
                }
            )
        }),
        ("zip", b"PK\x03\x04rest".to_vec(), |e| {
            matches!(e, ImportError::NotADump { .. })
        }),
        ("pdf", b"%PDF-1.4 ...".to_vec(), |e| {
            matches!(e, ImportError::NotADump { .. })
        }),
        (
            "a letter",
            b"Dear all, the server is slow; please help.".to_vec(),
            |e| matches!(e, ImportError::NotADump { .. }),
        ),
        ("utf-16", b"\xff\xfe-\0-\0".to_vec(), |e| {
            matches!(
                e,
                ImportError::NotADump {
                    what: NotADump::Utf16,
                    ..
                }
            )
        }),
        (
            "half a text",
            cut.as_bytes().to_vec(),
            |e| matches!(e, ImportError::Text { table: Some(t), .. } if t == "obs"),
        ),
        ("no head", rest.as_bytes().to_vec(), |e| {
            matches!(e, ImportError::NotADump { .. } | ImportError::Text { .. })
        }),
        (
            "no end mark",
            no_end.into_bytes(),
            |e| matches!(e, ImportError::NoEndMark { table: Some(t), .. } if t == "liquibasechangeloglock"),
        ),
        ("half a gzip", gzip[..gzip.len() / 2].to_vec(), |e| {
            matches!(e, ImportError::CompressedCutOff { .. })
        }),
        ("half a zstd", zstd[..zstd.len() / 2].to_vec(), |e| {
            matches!(e, ImportError::CompressedCutOff { .. })
        }),
        ("half an xz", xz[..xz.len() / 2].to_vec(), |e| {
            matches!(e, ImportError::CompressedCutOff { .. })
        }),
        ("a flipped gzip", flipped(&gzip), |e| {
            matches!(
                e,
                ImportError::CompressedDamaged { .. }
                    | ImportError::CompressedCutOff { .. }
                    | ImportError::Text { .. }
                    | ImportError::UnknownStatement { .. }
            )
        }),
        ("a flipped xz", flipped(&xz), |e| {
            matches!(e, ImportError::CompressedDamaged { .. })
        }),
        (
            "not OpenMRS",
            whole.replace("`obs`", "`abs`").into_bytes(),
            |e| matches!(e, ImportError::NotOpenMrs { missing, .. } if missing == &["obs"]),
        ),
        (
            "twice OpenMRS",
            twice(&whole).into_bytes(),
            |e| matches!(e, ImportError::SeveralDatabases { names, .. } if names.len() == 2),
        ),
        (
            "a bad statement",
            whole
                .replace("`user_id` int(11) NOT", "`user_id` notype(11) NOT")
                .into_bytes(),
            |e| matches!(e, ImportError::Refused { line: 20, table: Some(t), message, .. } if t == "users" && message.contains("notype")),
        ),
        (
            "a duplicate key",
            whole.replace("(2,'user2'", "(1,'user2'").into_bytes(),
            |e| matches!(e, ImportError::Refused { table: Some(t), message, .. } if t == "users" && message.contains("Duplicate")),
        ),
        (
            "rows that vanish",
            whole
                .replace(
                    "UNLOCK TABLES;\n\n--\n-- Table structure for table `encounter`",
                    "DELETE FROM patient WHERE patient_id=1;\nUNLOCK TABLES;\n-- ",
                )
                .into_bytes(),
            |e| matches!(e, ImportError::RowsDiffer { table, .. } if table == "patient"),
        ),
    ];
    for (name, bytes, is_right) in cases {
        put(&path, bytes);
        let services = FakeServices::default();
        let error = ground.import(&path, &services).expect_err(name);
        assert!(is_right(&error), "{name}: {error:?}");
        assert!(
            services.calls.borrow().is_empty(),
            "{name}: {:?}",
            services.calls
        );
        ground.assert_untouched();
    }
}

fn flipped(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    bytes
}
