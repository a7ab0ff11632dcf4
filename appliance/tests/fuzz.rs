//! Fuzz targets of what the box reads from elsewhere: dumps, OpenMRS, disks, Java, the UPS, hands, other processes.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test panics where it fails"
)]

#[path = "../../tests/fuzz/target.rs"]
mod target;

use std::cell::OnceCell;
use std::io::{Cursor, Write};
use std::time::Duration;

use posto::cli::events::Since;
use posto::database::import::census::Wanted;
use posto::database::import::lexer::{LexError, Lexer, Limits, Piece};
use posto::database::import::reading::frame::{self, Frame};
use posto::database::import::reading::{Order, worker};
use posto::database::import::tokens::Tokens;
use posto::database::import::{properties as import_properties, source, statement};
use posto::database::{journal, redo};
use posto::facility::Facility;
use posto::guards::heap::histogram;
use posto::guards::smart;
use posto::health::ack::{Ack, Verdict};
use posto::health::datagram::{self, Wish};
use posto::health::frame::{self as ping, Unverified};
use posto::health::hello::{self, Hello};
use posto::openmrs::properties;
use posto::power::ups::Said;
use posto::supervise::http::Browser;
use posto::supervise::name_servers;
use posto::supervise::seen::Seen;
use posto::{door_fallback, maintenance};
use target::fuzz;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const DUMP: &[u8] = b"-- MySQL dump 10.13  Distrib 5.6.51\n-- Server version\t5.6.51\n/*!40101 SET NAMES utf8 */;\nDROP TABLE IF EXISTS `obs`;\n\
CREATE TABLE `obs` (`id` int, `v` varchar(9) DEFAULT 'a;b') ENGINE=MyISAM DEFAULT CHARSET=utf8;\n\
INSERT INTO `obs` VALUES (1,'a\\'b'),(2,'x''y;)'),(3,NULL);\nDELIMITER ;;\n\
/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER t BEFORE INSERT ON obs FOR EACH ROW BEGIN SET @a=1; END */;;\n\
DELIMITER ;\n# end\nALTER TABLE `obs` ADD KEY (`id`);\n-- Dump completed on 2018-05-01 10:00:00\n";

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const SMALL: Limits = Limits {
    statement_bytes: 4096,
    batch_bytes: 256,
    row_bytes: 1024,
};

/// What the lexer makes of a dump that comes in pieces of `size` bytes.
fn cut(bytes: &[u8], size: usize) -> (Vec<String>, Result<(), LexError>) {
    let mut lexer = Lexer::new(SMALL);
    let mut pieces = Vec::new();
    let mut take = |piece: Piece<'_>| {
        pieces.push(format!("{piece:?}"));
        Ok(())
    };
    let done = bytes
        .chunks(size)
        .try_for_each(|chunk| lexer.push(chunk, &mut take))
        .and_then(|()| lexer.finish(&mut take));
    assert!(lexer.held_bytes() < 64 << 10);
    (pieces, done)
}

/// The pieces do not depend on how the dump arrives.
#[test]
fn dump_lexer() {
    fuzz!([DUMP], |bytes: &[u8]| {
        assert_eq!(cut(bytes, 1), cut(bytes, usize::MAX));
    });
}

#[test]
fn dump_statements() {
    let statements: Vec<&[u8]> = DUMP.split(|byte| *byte == b'\n').collect();
    fuzz!(statements, |bytes: &[u8]| {
        let _ = statement::classify(bytes);
        let _ = statement::insert_table(bytes);
        let _ = source::recognise(bytes);
        let tokens = Tokens::new(bytes);
        let read: usize = tokens
            .map(|token| Tokens::new(bytes).bytes(&token).len())
            .sum();
        assert!(read <= bytes.len());
        // What was rewritten needs nothing more.
        if let Some((again, _)) = statement::rewrite(bytes) {
            let _ = statement::rewrite(&again);
        }
    });
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

/// The whole worker, packed dumps as well: whatever it reads, it says frames, and how it ended as the last one.
#[test]
fn dump_reader() {
    let (gzip, zstd) = (gzipped(DUMP), zstd::encode_all(DUMP, 1).unwrap());
    fuzz!([DUMP, &gzip, &zstd], |bytes: &[u8]| {
        let order = Order {
            name: "a dump".to_string(),
            wanted: Wanted::First,
            send: true,
            user: None,
        };
        let mut said = Vec::new();
        worker::read(&order, Box::new(Cursor::new(bytes.to_vec())), &mut said).unwrap();
        let mut said = said.as_slice();
        let mut last = None;
        while let Some(frame) = frame::read(&mut said).unwrap() {
            last = Some(frame);
        }
        assert!(matches!(last, Some(Frame::Done(_) | Frame::Failed(_))));
    });
}

/// What root hears from the reader, should it have been taken over.
#[test]
fn reader_frames() {
    let mut frames = Vec::new();
    frame::write_taken(&mut frames, 1 << 20).unwrap();
    frame::write_batch(&mut frames, b"INSERT INTO t VALUES (1)", 3, Some("t"), 1).unwrap();
    frame::write_begin_again(&mut frames).unwrap();
    let mut done = Vec::new();
    let order = Order {
        name: "a dump".to_string(),
        wanted: Wanted::First,
        send: false,
        user: None,
    };
    worker::read(&order, Box::new(DUMP), &mut done).unwrap();
    fuzz!([&frames, &done], |bytes: &[u8]| {
        let mut input = bytes;
        while let Ok(Some(frame)) = frame::read(&mut input) {
            if let Frame::Batch(batch) = frame {
                assert!(batch.sql.len() <= bytes.len());
                assert!(batch.table.is_none_or(|name| name.len() <= 256));
            }
        }
    });
}

#[test]
fn redo_log_head() {
    let mut head = vec![0; redo::HEAD_BYTES];
    head[..4].copy_from_slice(b"Phys");
    fuzz!([&head], |bytes: &[u8]| {
        for size in [bytes.len() as u64, 96 << 20, u64::MAX] {
            let _ = redo::Log::parse(bytes, size);
        }
    });
}

/// Whatever stands there, its last whole change ends within it, and marking it changes no other byte.
#[test]
fn servers_journal() {
    // A format description, a GTID, a row change, an XID.
    let mut seed = b"\xfebin".to_vec();
    for (kind, body) in [(15, 80), (162, 19), (23, 40), (16, 12)] {
        let mut event = vec![0; 19 + body];
        event[4] = kind;
        event[9] = u8::try_from(event.len()).unwrap();
        seed.extend(event);
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("binlog.000001");
    fuzz!([&seed], |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let end = journal::end(&path);
        assert!(end.is_err() || end.is_ok_and(|end| end <= bytes.len() as u64));
        let mut marked = bytes.to_vec();
        if journal::reopen(&path).is_ok() {
            marked[21] |= 1;
            assert_eq!(journal::state(&path).unwrap(), journal::State::InUse);
        }
        assert_eq!(std::fs::read(&path).unwrap(), marked);
    });
}

/// Nothing of it can break out of the files that are made of it.
#[test]
fn facility_file() {
    let shipped = include_bytes!("../../image/root/etc/posto/facility.toml").as_slice();
    let full = b"id = \"cs-1\"\nname = \"C\"\ntime_zone = \"Africa/Maputo\"\nlanguage = \"en\"\nkeyboard = \"pt\"\n[network]\ndhcp = false\n\
address = \"192.168.1.2/24\"\ngateway = \"192.168.1.1\"\ndns = [\"192.168.1.1\"]\n[ups]\nmonitor = \"ups@127.0.0.1\"\nuser = \"u\"\npassword = \"p\"\n\
[ssh]\nkeys = [\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBYtFq1V2xHEsq1gAfEtgSXQVUM8ygsbrKH1gUqEXOeQ a\"]\n".as_slice();
    fuzz!([shipped, full], |bytes: &[u8]| {
        if let Ok(facility) = Facility::parse(&text(bytes)) {
            assert!(!facility.name.contains(['\n', '\0']) && !facility.id.contains(['/', '.']));
            assert!(!facility.time_zone.contains(".."));
        }
    });
}

#[test]
fn watchers_word() {
    let seed = br#"{"at":1000,"sql":{"answer":"Good","connections":[3,151]},"web":{"started":{"Status":200},"modules":{"login_page":true,"rest":null}}}"#;
    fuzz!([seed.as_slice(), b"{}"], |bytes: &[u8]| {
        for now in [Duration::ZERO, Duration::from_secs(2), Duration::MAX] {
            if let Some(seen) = Seen::parse(bytes, now) {
                let _ = (seen.web.is_stuck(), seen.sql.streak.failing_for(now));
            }
        }
    });
}

/// A runtime and a server that says what it is given, to anybody, and closes.
struct Web {
    runtime: tokio::runtime::Runtime,
    listener: TcpListener,
}

impl Web {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        Self { runtime, listener }
    }

    /// Asks until the browser has its page.
    fn answer(&self, bytes: &[u8]) {
        let serve = async {
            loop {
                let (mut stream, _) = self.listener.accept().await.unwrap();
                let mut request = [0; 2048];
                // A visitor that has gone already is none.
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(bytes).await;
                let _ = stream.shutdown().await;
            }
        };
        let mut browser = Browser::new(self.listener.local_addr().unwrap());
        let ask = browser.get("/openmrs/", Duration::from_secs(5));
        let page = self.runtime.block_on(async {
            tokio::select! {
                page = ask => page,
                () = serve => unreachable!("it serves for ever"),
            }
        });
        assert!(page.body.len() <= (256 << 10) + (64 << 10));
        let _ = page.has_login_form();
    }
}

thread_local! {
    static WEB: OnceCell<Web> = const { OnceCell::new() };
}

#[test]
fn http_answers() {
    let seeds: [&[u8]; 4] = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 24\r\nSet-Cookie: JSESSIONID=1; Path=/\r\n\r\n<input type=\"password\"> \n",
        b"HTTP/1.1 302 Found\r\nLocation: /openmrs/login.htm;jsessionid=1?a=b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 \r\nLocation: http://localhost/openmrs/initialsetup\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ];
    fuzz!(seeds, |bytes: &[u8]| {
        WEB.with(|web| web.get_or_init(Web::new).answer(bytes));
    });
}

#[test]
fn http_head_of_the_fallback() {
    let seed =
        b"HTTP/1.1 302 Found\r\nServer: x\r\nLocation: /openmrs/login.htm\r\n\r\n".as_slice();
    fuzz!([seed], |bytes: &[u8]| {
        let _ = door_fallback::ask::parse(&text(bytes));
    });
}

#[test]
fn smart_words() {
    let ata = br#"{"smartctl":{"version":[7,4]},"model_name":"WDC","serial_number":"W","smart_status":{"passed":true},"ata_smart_attributes":{"revision":16,
"table":[{"id":5,"name":"Reallocated_Sector_Ct","value":100,"worst":1,"thresh":0,"when_failed":"","flags":{"value":50},"raw":{"value":9,"string":"9"}}]}}"#.as_slice();
    let nvme = br#"{"model_name":"X","smart_status":{"passed":true},"nvme_smart_health_information_log":{"critical_warning":4,"percentage_used":200}}"#;
    fuzz!([ata, nvme], |bytes: &[u8]| {
        if let Some(health) = smart::judge(bytes) {
            assert!(health.disk.len() < 1024 && !health.disk.contains('\n'));
        }
    });
}

#[test]
fn ups_word() {
    fuzz!(
        [b"ONBATT\n".as_slice(), b"COMMBAD", b"REPLBATT "],
        |bytes: &[u8]| {
            let _ = Said::from_notify_type(&text(bytes)).map(Said::event);
        }
    );
}

#[test]
fn heap_histogram() {
    let seed = b"0\n num     #instances         #bytes  class name (module)\n   1:         9  72  [B (java.base@21)\n".as_slice();
    fuzz!([seed, b"101\nno"], |bytes: &[u8]| {
        match histogram::histogram(bytes) {
            Ok(kept) => assert!(kept.lines().count() <= 1000),
            Err(said) => assert!(said.chars().count() <= 300),
        }
    });
}

#[test]
fn events_since() {
    fuzz!(
        [
            b"20m".as_slice(),
            b"boot",
            b"99999999999999999999d",
            "2\u{e9}".as_bytes()
        ],
        |bytes: &[u8]| {
            let _ = text(bytes).parse::<Since>();
        }
    );
}

#[test]
fn maintenance_record() {
    let seed = br#"{"kind":"import","pid":7,"since":1795369791,"progress":40}"#.as_slice();
    fuzz!([seed], |bytes: &[u8]| drop(maintenance::parse(bytes)));
}

/// Only addresses come through.
#[test]
fn networks_name_servers() {
    let seed =
        b"OPER_STATE=routable\nDNS=192.168.1.1 fe80::1%2 10.0.0.1:53#name\nNTP=\n".as_slice();
    fuzz!([seed], |bytes: &[u8]| {
        let made = name_servers::resolv_conf(&text(bytes));
        assert!(made.lines().skip(1).all(|line| {
            let address = line.strip_prefix("nameserver ");
            address.is_some_and(|address| address.parse::<std::net::IpAddr>().is_ok())
        }));
    });
}

/// What is set is read back, whatever stands around it.
#[test]
fn openmrs_settings() {
    let seed = b"# a\nconnection.url=jdbc\\:mysql\\://localhost\\\n  /openmrs\nconnection.password = a\\u0041\nencryption.key:x\n".as_slice();
    fuzz!([seed], |bytes: &[u8]| {
        let present = text(bytes);
        let _ = properties::is_finished(&present);
        let again = import_properties::set(&present, "auto_update_database", "true");
        assert_eq!(
            properties::get(&again, "auto_update_database").as_deref(),
            Some("true")
        );
        let _ = properties::with(&present, "auto_update_database", "true");
    });
}

/// Whatever comes to the hub's port, and to the box as the hub's answer. The key in the seeds is everybody's: what the engine
/// changes is no longer signed, so that nothing but a seed may be believed.
#[test]
fn pings() {
    let key = ed25519_dalek::SigningKey::from_bytes(&[3; 32]);
    let sign = |bytes: &[u8]| ed25519_dalek::Signer::sign(&key, bytes).to_bytes();
    let frame = ping::Frame {
        sequence: 70_000,
        boot: Some(300),
        alarm: Some(7),
        ..ping::Frame::default()
    };
    let frame = frame.seal(*b"box-key-", sign).unwrap();
    let hello = Hello {
        sequence: 1,
        key: key.verifying_key(),
        facility: hello::fitting("cs-namacurra"),
        name: hello::fitting("Namacurra"),
        release: hello::fitting("2026.11-1"),
        release_built_s: 1,
    };
    let hello = hello.seal(sign).unwrap();
    let ack = Ack::new([1; 8], Verdict::Taken, &[1, 2, 70_000]).vouching(Some(9));
    let ack = ack.seal(sign).unwrap();
    let quiet = datagram::written(&frame, Wish::Quiet);
    let wanted = datagram::written(&frame, Wish::Since(7));
    let seeds: [&[u8]; 5] = [&frame, &hello, &ack, &quiet, &wanted];
    fuzz!(seeds, |bytes: &[u8]| {
        let (bytes, _) = datagram::read(bytes);
        let hub = key.verifying_key();
        let believed = Unverified::parse(bytes).is_ok_and(|frame| frame.verify(&hub).is_ok())
            || Ack::verify(bytes, &hub).is_ok();
        assert!(!believed || bytes == &frame[..] || bytes == &ack[..]);
        let _ = Hello::verify(bytes);
    });
}
