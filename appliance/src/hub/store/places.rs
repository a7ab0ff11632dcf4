//! Where facilities are: the programme's list, brought in as CSV.

use rusqlite::params;

use super::{Store, StoreError};

/// One facility of the programme's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its id, as in facility.toml.
    pub facility: String,
    /// Its name.
    pub name: String,
    /// Its district; empty: not known.
    pub district: String,
    /// Its province; empty: not known.
    pub province: String,
}

/// Why a list cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {rule}; nothing was changed")]
pub struct NotAList {
    line: usize,
    rule: &'static str,
}

impl Place {
    /// A facility of which only the name is known.
    #[must_use]
    pub fn named(facility: &str, name: &str) -> Self {
        Self {
            facility: facility.to_string(),
            name: name.to_string(),
            district: String::new(),
            province: String::new(),
        }
    }

    /// Reads lines `facility,name,district,province` (CSV as RFC 4180, one line a facility; a first line that begins with
    /// `facility,` is a head).
    ///
    /// # Errors
    /// [`NotAList`], naming the first line that is not so.
    pub fn list(text: &str) -> Result<Vec<Self>, NotAList> {
        let lines = text.lines().enumerate();
        lines
            .filter(|(at, line)| {
                let head = *at == 0 && line.trim_start_matches('\u{feff}').starts_with("facility,");
                !head && !line.trim().is_empty()
            })
            .map(|(at, line)| {
                let wrong = |rule| NotAList { line: at + 1, rule };
                let mut fields = split(line)
                    .into_iter()
                    .map(|field| field.trim().to_string());
                let place = Self {
                    facility: fields.next().unwrap_or_default(),
                    name: fields.next().unwrap_or_default(),
                    district: fields.next().unwrap_or_default(),
                    province: fields.next().unwrap_or_default(),
                };
                let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
                if !(1..=63).contains(&place.facility.len()) || !place.facility.bytes().all(plain) {
                    return Err(wrong(
                        "first the facility's id: 1 to 63 small letters, digits and dashes",
                    ));
                }
                for words in [&place.name, &place.district, &place.province] {
                    if words.chars().count() > 200 || words.chars().any(char::is_control) {
                        return Err(wrong("names have at most 200 characters"));
                    }
                }
                Ok(place)
            })
            .collect()
    }
}

/// The fields of one line; quotes as RFC 4180, section 2.
fn split(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                fields
                    .iter_mut()
                    .last()
                    .into_iter()
                    .for_each(|field| field.push('"'));
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            other => fields
                .iter_mut()
                .last()
                .into_iter()
                .for_each(|field| field.push(other)),
        }
    }
    fields
}

impl Store {
    /// Adds places or changes those that are there; others stay.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn set_places(&mut self, places: &[Place]) -> Result<(), StoreError> {
        let done = (|| {
            let change = self.connection.transaction()?;
            for place in places {
                change
                    .prepare_cached(
                        "INSERT INTO place (facility, name, district, province) VALUES (?1, ?2, ?3, ?4)
                         ON CONFLICT (facility) DO UPDATE SET
                           name = excluded.name, district = excluded.district, province = excluded.province",
                    )?
                    .execute(params![
                        place.facility,
                        place.name,
                        place.district,
                        place.province
                    ])?;
            }
            change.commit()
        })();
        done.map_err(|source| self.failed(source))
    }

    /// All of them.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn places(&self) -> Result<Vec<Place>, StoreError> {
        let list = || {
            let mut query = self
                .connection
                .prepare("SELECT facility, name, district, province FROM place")?;
            let places = query.query_map([], |row| {
                Ok(Place {
                    facility: row.get(0)?,
                    name: row.get(1)?,
                    district: row.get(2)?,
                    province: row.get(3)?,
                })
            })?;
            places.collect::<Result<_, _>>()
        };
        list().map_err(|source| self.failed(source))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::store;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_list_is_read_with_quotes_and_kept() {
        let text = "\u{feff}facility,name,district,province\ncs-a,\"Centro \"\"A\"\", sede\",Mocuba,Zambézia\n\ncs-b,B\n";
        let places = Place::list(text).unwrap();
        assert_eq!(places[0].name, "Centro \"A\", sede");
        assert_eq!(places[0].province, "Zambézia");
        assert_eq!(places[1], Place::named("cs-b", "B"));
        let (_dir, mut store) = store();
        store.set_places(&places).unwrap();
        store.set_places(&places[..1]).unwrap();
        assert_eq!(store.places().unwrap(), places);
        let error = Place::list("cs-a,A\nCS B,B\n").unwrap_err().to_string();
        assert!(error.starts_with("line 2: "), "{error}");
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in "[\\PC\n\",]{0,200}") {
            let _ = Place::list(&text);
        }
    }
}
