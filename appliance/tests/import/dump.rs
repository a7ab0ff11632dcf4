//! Writes dumps shaped like mysqldump's of an OpenMRS 1.9-2.x: the tables that matter with their real keys, any number
//! of observations with random UUIDs (which is what makes their indexes expensive), the same bytes for the same seed.

use std::io::Write;

/// mysqldump begins a new INSERT at its net_buffer_length, about 1 MB.
const INSERT_BYTES: usize = 1_000_000;

/// What to write.
pub struct Shape {
    /// Rows of obs.
    pub observations: u64,
    /// Start of the random numbers.
    pub seed: u64,
}

/// xorshift64*: random enough for UUIDs in a test, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    fn uuid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            a >> 32,
            a >> 16 & 0xffff,
            a & 0xfff,
            b >> 52,
            b & 0xffff_ffff_ffff
        )
    }
}

/// Writes the whole dump.
pub fn write(out: &mut impl Write, shape: &Shape) -> std::io::Result<()> {
    out.write_all(HEAD.as_bytes())?;
    let mut random = Random(shape.seed | 1);
    let patients = shape.observations / 50 + 1;
    let encounters = shape.observations / 10 + 1;
    table(out, "users", USERS, 3, |n| {
        format!("({n},'user{n}','{}')", uuid(&mut random))
    })?;
    table(out, "global_property", GLOBAL_PROPERTY, 2, |n| match n {
        1 => "('search.indexVersion','7','it\\'s; a \\\\ test (of ''quotes'')')".to_string(),
        _ => "('locale.allowed.list','pt, en','-- not a comment /* nor this */')".to_string(),
    })?;
    table(out, "patient", PATIENT, patients, |n| {
        format!("({n},1,'2015-01-01 00:00:00',0)")
    })?;
    table(out, "encounter", ENCOUNTER, encounters, |n| {
        format!(
            "({n},{},'2016-03-04 10:00:00',0,'{}')",
            random.below(patients) + 1,
            uuid(&mut random)
        )
    })?;
    table(out, "obs", OBS, shape.observations, |n| {
        let (person, concept, encounter) = (
            random.below(patients) + 1,
            random.below(3000) + 1,
            random.below(encounters) + 1,
        );
        format!(
            "({n},{person},{concept},{encounter},NULL,'2016-0{}-{:02} 08:{:02}:00',{},NULL,NULL,{},NULL,'{}',1,'2016-05-06 12:00:00',0,NULL,NULL,NULL,'{}',NULL)",
            random.below(9) + 1,
            random.below(28) + 1,
            random.below(60),
            random.below(20) + 1,
            random.below(400),
            ["normal", "sem alterações", "(ver ficha)", "l\\'hôpital"]
                .get(random.below(4) as usize)
                .copied()
                .unwrap_or(""),
            uuid(&mut random)
        )
    })?;
    table(out, "liquibasechangelog", CHANGELOG, 2, |n| {
        format!("('change-{n}','ben','core.xml','7:{n:032x}',{n})")
    })?;
    table(out, "liquibasechangeloglock", CHANGELOGLOCK, 1, |_| {
        "(1,1,'2020-01-01 00:00:00','old server')".to_string()
    })?;
    out.write_all(TAIL.as_bytes())
}

fn uuid(random: &mut Random) -> String {
    random.uuid()
}

fn table(
    out: &mut impl Write,
    name: &str,
    columns: &str,
    rows: u64,
    mut row: impl FnMut(u64) -> String,
) -> std::io::Result<()> {
    writeln!(
        out,
        "\n--\n-- Table structure for table `{name}`\n--\n\nDROP TABLE IF EXISTS `{name}`;"
    )?;
    writeln!(
        out,
        "/*!40101 SET @saved_cs_client     = @@character_set_client */;\n/*!40101 SET character_set_client = utf8 */;"
    )?;
    writeln!(
        out,
        "CREATE TABLE `{name}` (\n{columns}\n) ENGINE=InnoDB DEFAULT CHARSET=utf8;"
    )?;
    writeln!(
        out,
        "/*!40101 SET character_set_client = @saved_cs_client */;\n\n--\n-- Dumping data for table `{name}`\n--\n"
    )?;
    writeln!(
        out,
        "LOCK TABLES `{name}` WRITE;\n/*!40000 ALTER TABLE `{name}` DISABLE KEYS */;"
    )?;
    let mut line = String::new();
    for n in 1..=rows {
        line.push_str(if line.is_empty() { "" } else { "," });
        line.push_str(&row(n));
        if line.len() > INSERT_BYTES || n == rows {
            writeln!(out, "INSERT INTO `{name}` VALUES {line};")?;
            line.clear();
        }
    }
    writeln!(
        out,
        "/*!40000 ALTER TABLE `{name}` ENABLE KEYS */;\nUNLOCK TABLES;"
    )
}

const HEAD: &str = "-- MySQL dump 10.13  Distrib 5.6.51, for Linux (x86_64)
--
-- Host: localhost    Database: openmrs
-- ------------------------------------------------------
-- Server version\t5.6.51

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET NAMES utf8 */;
/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
";

const TAIL: &str = "
/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;
/*!40014 SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS */;
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;

-- Dump completed on 2026-11-22 10:00:00
";

const USERS: &str = "  `user_id` int(11) NOT NULL AUTO_INCREMENT,
  `username` varchar(50) DEFAULT NULL,
  `uuid` char(38) NOT NULL,
  PRIMARY KEY (`user_id`),
  UNIQUE KEY `users_uuid` (`uuid`)";
const GLOBAL_PROPERTY: &str = "  `property` varbinary(255) NOT NULL DEFAULT '',
  `property_value` mediumtext,
  `description` text,
  PRIMARY KEY (`property`)";
const PATIENT: &str = "  `patient_id` int(11) NOT NULL,
  `creator` int(11) NOT NULL DEFAULT '0',
  `date_created` datetime NOT NULL,
  `voided` tinyint(1) NOT NULL DEFAULT '0',
  PRIMARY KEY (`patient_id`),
  KEY `user_who_created_patient` (`creator`),
  CONSTRAINT `user_who_created_patient` FOREIGN KEY (`creator`) REFERENCES `users` (`user_id`)";
const ENCOUNTER: &str = "  `encounter_id` int(11) NOT NULL AUTO_INCREMENT,
  `patient_id` int(11) NOT NULL DEFAULT '0',
  `encounter_datetime` datetime NOT NULL,
  `voided` tinyint(1) NOT NULL DEFAULT '0',
  `uuid` char(38) NOT NULL,
  PRIMARY KEY (`encounter_id`),
  UNIQUE KEY `encounter_uuid_index` (`uuid`),
  KEY `encounter_patient` (`patient_id`),
  KEY `encounter_datetime_idx` (`encounter_datetime`),
  CONSTRAINT `encounter_patient` FOREIGN KEY (`patient_id`) REFERENCES `patient` (`patient_id`)";
const OBS: &str = "  `obs_id` int(11) NOT NULL AUTO_INCREMENT,
  `person_id` int(11) NOT NULL,
  `concept_id` int(11) NOT NULL DEFAULT '0',
  `encounter_id` int(11) DEFAULT NULL,
  `order_id` int(11) DEFAULT NULL,
  `obs_datetime` datetime NOT NULL,
  `location_id` int(11) DEFAULT NULL,
  `obs_group_id` int(11) DEFAULT NULL,
  `accession_number` varchar(255) DEFAULT NULL,
  `value_numeric` double DEFAULT NULL,
  `value_coded` int(11) DEFAULT NULL,
  `value_text` text,
  `creator` int(11) NOT NULL DEFAULT '0',
  `date_created` datetime NOT NULL,
  `voided` tinyint(1) NOT NULL DEFAULT '0',
  `voided_by` int(11) DEFAULT NULL,
  `date_voided` datetime DEFAULT NULL,
  `void_reason` varchar(255) DEFAULT NULL,
  `uuid` char(38) NOT NULL,
  `previous_version` int(11) DEFAULT NULL,
  PRIMARY KEY (`obs_id`),
  UNIQUE KEY `obs_uuid_index` (`uuid`),
  KEY `obs_datetime_idx` (`obs_datetime`),
  KEY `obs_concept` (`concept_id`),
  KEY `obs_enterer` (`creator`),
  KEY `encounter_observations` (`encounter_id`),
  KEY `obs_location` (`location_id`),
  KEY `obs_grouping_id` (`obs_group_id`),
  KEY `obs_order` (`order_id`),
  KEY `person_obs` (`person_id`),
  KEY `answer_concept` (`value_coded`),
  KEY `user_who_voided_obs` (`voided_by`),
  KEY `previous_version` (`previous_version`),
  CONSTRAINT `encounter_observations` FOREIGN KEY (`encounter_id`) REFERENCES `encounter` (`encounter_id`),
  CONSTRAINT `obs_enterer` FOREIGN KEY (`creator`) REFERENCES `users` (`user_id`),
  CONSTRAINT `person_obs` FOREIGN KEY (`person_id`) REFERENCES `patient` (`patient_id`)";
const CHANGELOG: &str = "  `ID` varchar(63) NOT NULL,
  `AUTHOR` varchar(63) NOT NULL,
  `FILENAME` varchar(200) NOT NULL,
  `MD5SUM` varchar(35) DEFAULT NULL,
  `ORDEREXECUTED` int(11) NOT NULL,
  PRIMARY KEY (`ID`,`AUTHOR`,`FILENAME`)";
const CHANGELOGLOCK: &str = "  `ID` int(11) NOT NULL,
  `LOCKED` tinyint(1) NOT NULL,
  `LOCKGRANTED` datetime DEFAULT NULL,
  `LOCKEDBY` varchar(255) DEFAULT NULL,
  PRIMARY KEY (`ID`)";
