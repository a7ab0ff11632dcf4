//! Maven, with the user's own settings (mirrors, credentials, proxies): one call for all that is missing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::coordinate::Coordinate;
use crate::place::{self, PlaceError};
use crate::process::{ProcessError, Program};

/// The plugin that copies artifacts out of Maven's repositories; pinned, so that a new one changes nothing.
const PLUGIN: &str = "3.8.1";

/// Asks Maven to put `wanted` into the folder `into` (as [`Coordinate::file_name`]), from the user's repositories and from
/// `repositories` (name -> address). Gives back what Maven said when it did not succeed; what came lies in the folder.
///
/// # Errors
/// When Maven cannot be started or the project file cannot be written.
pub fn copy(
    wanted: &[&Coordinate],
    repositories: &BTreeMap<String, String>,
    into: &Path,
) -> Result<Option<String>, MavenError> {
    let project = into.join("pom.xml");
    place::whole(&project, pom(wanted, repositories, into).as_bytes())?;
    let (status, stdout, stderr) = Program::new("mvn")
        .args(["-B", "-q", "-f"])
        .arg(&project)
        .arg("validate")
        .dir(into)
        .run_any(|_| {})?;
    if status.success() {
        return Ok(None);
    }
    let said = format!("{}\n{stderr}", String::from_utf8_lossy(&stdout));
    let first = said
        .lines()
        .find(|line| line.contains("[ERROR]"))
        .unwrap_or("no reason given");
    let reason = first.trim_start_matches("[ERROR]").trim();
    // Maven appends where to read on, for developers.
    let reason = reason.split(" -> [Help").next().unwrap_or(reason);
    Ok(Some(reason.chars().take(900).collect()))
}

/// Maven could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum MavenError {
    /// The project file.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// Maven itself.
    #[error("cannot start Maven: {0}")]
    Process(#[from] ProcessError),
}

fn pom(wanted: &[&Coordinate], repositories: &BTreeMap<String, String>, into: &Path) -> String {
    let mut pom = String::from(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n<modelVersion>4.0.0</modelVersion>\n<groupId>posto</groupId>\n\
         <artifactId>artifacts</artifactId>\n<version>0</version>\n<packaging>pom</packaging>\n<repositories>\n",
    );
    for (name, url) in repositories {
        let _ = writeln!(
            pom,
            "<repository><id>{}</id><url>{}</url></repository>",
            escaped(name),
            escaped(url)
        );
    }
    let _ = write!(
        pom,
        "</repositories>\n<build><plugins><plugin><groupId>org.apache.maven.plugins</groupId>\
         <artifactId>maven-dependency-plugin</artifactId><version>{PLUGIN}</version><executions><execution><phase>validate</phase>\
         <goals><goal>copy</goal></goals><configuration><outputDirectory>{}</outputDirectory><artifactItems>\n",
        escaped(&into.display().to_string())
    );
    for c in wanted {
        let _ = writeln!(
            pom,
            "<artifactItem><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version><type>{}</type>\
             <destFileName>{}</destFileName></artifactItem>",
            c.group,
            c.artifact,
            c.version,
            c.kind,
            c.file_name()
        );
    }
    pom.push_str("</artifactItems></configuration></execution></executions></plugin></plugins></build>\n</project>\n");
    pom
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_names_every_artifact_and_repository_and_escapes_addresses() {
        let coordinate = Coordinate::parse("g:a:1:omod").unwrap();
        let repositories = BTreeMap::from([("openmrs".to_owned(), "https://m/x?a&b".to_owned())]);
        let pom = pom(&[&coordinate], &repositories, Path::new("/o"));
        assert!(
            pom.contains("<type>omod</type>")
                && pom.contains("https://m/x?a&amp;b")
                && pom.contains("a-1.omod")
        );
    }
}
