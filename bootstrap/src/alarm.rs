//! The refusal that the screen and `posto status` show when the box runs without its data.

use serde::Serialize;

use crate::decide::Reason;

/// Where it is written, below /run.
pub const FILE: &str = "data-missing.json";

/// What technicians and clerks read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alarm {
    /// Machine-readable.
    pub code: &'static str,
    /// Portuguese.
    pub pt: String,
    /// English.
    pub en: String,
}

/// The alarm for a reason; `detail` is the system's own words.
#[must_use]
pub fn data_missing(reason: Reason, detail: &str) -> Alarm {
    let (pt, en) = match reason {
        Reason::NoPartition => (
            "a partição de dados não está na tabela do disco",
            "the data partition is not in the disk's table",
        ),
        Reason::Unreadable => (
            "o disco não consegue ler a partição de dados",
            "the disk cannot read the data partition",
        ),
        Reason::NoFileSystem => (
            "não há sistema de ficheiros reconhecível na partição de dados",
            "there is no recognisable file system on the data partition",
        ),
        Reason::Unfinished => (
            "o sistema de ficheiros dos dados está incompleto",
            "the data file system is incomplete",
        ),
        Reason::Foreign => (
            "a partição de dados tem um sistema de ficheiros que não é do Posto",
            "the data partition holds a file system that is not Posto's",
        ),
        Reason::FormatFailed => (
            "a partição de dados, ainda vazia, não pôde ser preparada",
            "the data partition, still empty, could not be prepared",
        ),
        Reason::MountFailed => (
            "o sistema de ficheiros dos dados está danificado e não abre",
            "the data file system is damaged and does not open",
        ),
    };
    let (pt_next, en_next) = if reason == Reason::FormatFailed {
        (
            "Nenhum dado se perdeu: nunca houve dados neste disco. Desligue e ligue; se continuar, troque o disco.",
            "No data is lost: there never was any on this disk. Switch off and on; if it stays, replace the disk.",
        )
    } else {
        (
            "Nada foi escrito nem apagado: os dados podem ainda estar no disco. Não grave o disco de novo nem o formate; \
             verifique os cabos, desligue e ligue, e depois chame o técnico.",
            "Nothing was written or erased: the data may still be on the disk. Do not flash or format it; check the cables, \
             switch off and on, then call the technician.",
        )
    };
    let detail = if detail.is_empty() {
        String::new()
    } else {
        format!(" ({detail})")
    };
    Alarm {
        code: "data-missing",
        pt: format!("O OpenMRS não arranca: {pt}{detail}. {pt_next}"),
        en: format!("OpenMRS does not start: {en}{detail}. {en_next}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_disk_that_never_held_data_is_called_empty() {
        let empty = data_missing(Reason::FormatFailed, "");
        let damaged = data_missing(Reason::NoFileSystem, "x");
        assert!(empty.en.contains("never was any") && !damaged.en.contains("never was any"));
        assert!(damaged.en.contains("Do not flash") && damaged.pt.contains("Não grave"));
    }
}
