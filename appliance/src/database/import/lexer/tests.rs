use super::*;
use proptest::prelude::*;

/// A piece with its own bytes, to compare.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Owned {
    Statement(String, u64),
    Rows(String, u64, u64),
    Comment(String),
}

const SMALL: Limits = Limits {
    statement_bytes: 2000,
    batch_bytes: 40,
    row_bytes: 200,
};

fn cut(text: &[u8], sizes: &[usize], limits: Limits) -> (Vec<Owned>, Result<(), LexError>, usize) {
    let mut all = Vec::new();
    let mut lexer = Lexer::new(limits);
    let mut held = 0;
    let mut sink = |piece: Piece<'_>| {
        let text = |t: &[u8]| String::from_utf8_lossy(t).into_owned();
        all.push(match piece {
            Piece::Statement { text: t, line } => Owned::Statement(text(t), line),
            Piece::Rows {
                text: t,
                rows,
                line,
                ..
            } => Owned::Rows(text(t), rows, line),
            Piece::Comment { text: t, .. } => Owned::Comment(text(t)),
        });
        Ok::<(), LexError>(())
    };
    let mut sizes = sizes.iter().copied().cycle();
    let mut rest = text;
    let mut result = Ok(());
    while !rest.is_empty() && result.is_ok() {
        let size = sizes.next().unwrap_or(1).clamp(1, rest.len());
        let (chunk, left) = rest.split_at(size);
        result = lexer.push(chunk, &mut sink);
        held = held.max(lexer.held_bytes());
        rest = left;
    }
    if result.is_ok() {
        result = lexer.finish(&mut sink);
    }
    (all, result, held)
}

fn whole(text: &str) -> Vec<Owned> {
    let (all, result, _) = cut(text.as_bytes(), &[text.len().max(1)], Limits::default());
    result.unwrap();
    all
}

fn statements(text: &str) -> Vec<String> {
    let only = |piece| match piece {
        Owned::Statement(text, _) | Owned::Rows(text, _, _) => Some(text),
        Owned::Comment(_) => None,
    };
    whole(text).into_iter().filter_map(only).collect()
}

fn rows(text: &str) -> u64 {
    let count = |piece: &Owned| {
        if let Owned::Rows(_, rows, _) = piece {
            *rows
        } else {
            0
        }
    };
    whole(text).iter().map(count).sum()
}

#[test]
fn semicolons_in_quotes_comments_and_backticks_do_not_end_a_statement() {
    let text = "SET a=';', b=\";\", `c;`=1 /* ; */ -- ;\n # ;\n ;SET x=1;";
    assert_eq!(statements(text).len(), 2);
    assert_eq!(statements(text)[1], "SET x=1");
}

#[test]
fn escapes_and_doubled_quotes_stay_inside_a_string() {
    assert_eq!(
        rows(r"INSERT INTO t VALUES ('a\'),(\'b'),('c'''),('\\'),('d');"),
        4
    );
}

#[test]
fn brackets_and_commas_in_values_are_not_rows() {
    assert_eq!(
        rows("INSERT INTO t (`a`,b) VALUES (1,'),('),(point(1,2),_binary 'x'),(0x29,-1);"),
        3
    );
    assert_eq!(rows("REPLACE INTO t VALUES ();"), 1);
}

#[test]
fn a_table_or_column_named_values_is_not_the_keyword() {
    assert_eq!(rows("INSERT INTO `values` (`values`) VALUES (1),(2);"), 2);
}

#[test]
fn mysql_comments_for_newer_servers_are_dropped_and_others_kept() {
    let text =
        "/*!80016 don't */ /*M!999999\\- enable the sandbox mode */\n/*!40101 SET NAMES utf8 */;";
    assert_eq!(statements(text), ["/*!40101 SET NAMES utf8 */"]);
}

#[test]
fn delimiter_lines_change_what_ends_a_statement() {
    let text = "DELIMITER ;;\nCREATE TRIGGER x BEGIN a; b; END ;;\nDELIMITER ;\nSET a=1;";
    assert_eq!(
        statements(text),
        ["CREATE TRIGGER x BEGIN a; b; END", "SET a=1"]
    );
    assert_eq!(
        statements("delimiter $$\nSELECT 'a$$b' $$\ndelimiter ;\nSET a=1;").len(),
        2
    );
}

#[test]
fn two_dashes_are_a_comment_only_before_a_space() {
    assert_eq!(
        statements("SET a=1--1;\n--\nSET b=2;"),
        ["SET a=1--1", "SET b=2"]
    );
}

#[test]
fn lines_are_those_of_the_file() {
    let all = whole("\n-- hello\nSET a=\n1;\n\nINSERT INTO t VALUES\n(1);\n");
    assert!(
        all.contains(&Owned::Statement("SET a=\n1".into(), 3)),
        "{all:?}"
    );
    assert!(
        all.iter().any(|p| matches!(p, Owned::Rows(_, 1, 6))),
        "{all:?}"
    );
    assert!(all.contains(&Owned::Comment("hello".into())));
}

#[test]
fn a_long_insert_is_handed_on_in_batches_that_are_whole_inserts() {
    let values: Vec<String> = (0..100).map(|n| format!("({n},'row {n}')")).collect();
    let text = format!("INSERT INTO `t` (`a`) VALUES {};", values.join(","));
    let (all, result, held) = cut(text.as_bytes(), &[7], SMALL);
    result.unwrap();
    assert!(all.len() > 10, "{}", all.len());
    let mut joined = Vec::new();
    for piece in all {
        let Owned::Rows(text, _, _) = piece else {
            panic!("{piece:?}")
        };
        joined.push(
            text.strip_prefix("INSERT INTO `t` (`a`) VALUES")
                .unwrap()
                .trim_start()
                .to_string(),
        );
    }
    assert_eq!(joined.join(","), values.join(","));
    assert!(held < 1000, "{held}");
}

#[test]
fn a_cut_off_text_is_told_with_the_line_of_its_last_statement() {
    for text in [
        "SET a=1;\nINSERT INTO t VALUES (1),(2",
        "SET a=1;\nSET b='x",
        "SET a=1;\nCREATE TABLE `x",
        "\n/* never closed",
    ] {
        let (_, result, _) = cut(text.as_bytes(), &[3], SMALL);
        assert_eq!(result, Err(LexError::Unfinished { line: 2 }), "{text}");
    }
}

#[test]
fn what_follows_the_rows_of_an_insert_is_refused() {
    let text = "INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a=1;";
    let (_, result, _) = cut(text.as_bytes(), &[100], SMALL);
    assert_eq!(result, Err(LexError::NotRows { line: 1 }));
}

#[test]
fn rows_and_statements_above_the_bounds_are_refused_without_holding_them() {
    let long = "x".repeat(1 << 20);
    let (_, result, held) = cut(
        format!("INSERT INTO t VALUES ('{long}');").as_bytes(),
        &[64],
        SMALL,
    );
    assert!(
        matches!(result, Err(LexError::RowTooLong { .. })),
        "{result:?}"
    );
    assert!(held < 5000, "{held}");
    let (_, result, held) = cut(format!("CREATE TABLE {long};").as_bytes(), &[64], SMALL);
    assert!(
        matches!(result, Err(LexError::StatementTooLong { .. })),
        "{result:?}"
    );
    assert!(held < 10_000, "{held}");
}

#[test]
fn a_gigabyte_in_one_insert_is_held_a_batch_at_a_time() {
    // 1 GiB as one statement, as max_allowed_packet allows; the text itself is made as it is read.
    let row = format!("(1,'{}'),", "y".repeat(1000));
    let chunk = row.repeat(256);
    let mut lexer = Lexer::new(Limits::default());
    let (mut held, mut counted) = (0, 0);
    let mut sink = |piece: Piece<'_>| {
        if let Piece::Rows { rows, .. } = piece {
            counted += rows;
        }
        Ok::<(), LexError>(())
    };
    lexer.push(b"INSERT INTO t VALUES ", &mut sink).unwrap();
    let chunks = (1usize << 30) / chunk.len();
    for _ in 0..chunks {
        lexer.push(chunk.as_bytes(), &mut sink).unwrap();
        held = held.max(lexer.held_bytes());
    }
    lexer.push(b"(2,'');", &mut sink).unwrap();
    lexer.finish(&mut sink).unwrap();
    assert_eq!(counted, chunks as u64 * 256 + 1);
    assert!(held < 4 << 20, "{held}");
}

#[test]
fn backslashes_are_plain_where_the_dump_says_so() {
    let text = "SET sql_mode='NO_BACKSLASH_ESCAPES';SET a='\\';SET sql_mode='';SET b='\\';';";
    assert_eq!(statements(text).len(), 4);
}

/// Texts from the pieces that dumps are made of, in any order.
fn dump_like() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "INSERT INTO `t` VALUES ",
        "(1,'a')",
        "('it\\'s')",
        "('')",
        ",",
        ";",
        ";;",
        "\n",
        "-- Dump completed\n",
        "--",
        "-",
        "/",
        "*",
        "/*",
        "*/",
        "/*!40101 SET a=1 */",
        "/*!80000 ",
        "/*M!100616 ",
        "`a``b`",
        "'",
        "\"",
        "\\",
        "DELIMITER ;;\n",
        "DELIMITER ;\n",
        "delimiter //\n",
        "CREATE TABLE x (a int)",
        "#",
        " ",
        "VALUES",
        "REPLACE INTO x (a) VALUE (1)",
        "é",
        "$$",
        "DEFINER=`a`@`b`",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_pieces(text in dump_like(), sizes in prop::collection::vec(1usize..9, 1..20)) {
        let (one, result, _) = cut(text.as_bytes(), &[text.len().max(1)], SMALL);
        let (many, chunked, _) = cut(text.as_bytes(), &sizes, SMALL);
        prop_assert_eq!(one, many);
        prop_assert_eq!(result, chunked);
    }

    #[test]
    fn random_bytes_never_panic_and_memory_stays_bounded(bytes in prop::collection::vec(any::<u8>(), 0..20_000), size in 1usize..5000) {
        let (_, _, held) = cut(&bytes, &[size], SMALL);
        prop_assert!(held < 2 * (SMALL.statement_bytes + 5000) + 1024, "{}", held);
    }

    #[test]
    fn rows_written_are_rows_counted(values in prop::collection::vec(".{0,30}", 1..60), sizes in prop::collection::vec(1usize..50, 1..9)) {
        let row = |v: &String| format!("('{}')", v.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n"));
        let text = format!("INSERT INTO `t` VALUES {};", values.iter().map(row).collect::<Vec<_>>().join(","));
        let (all, result, _) = cut(text.as_bytes(), &sizes, SMALL);
        prop_assert!(result.is_ok());
        let count: u64 = all.iter().map(|p| if let Owned::Rows(_, rows, _) = p { *rows } else { 0 }).sum();
        prop_assert_eq!(count, values.len() as u64);
    }
}
